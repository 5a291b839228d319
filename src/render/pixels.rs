//! The inner loops: what is done to every single pixel. Plain bytes in, plain bytes out.

mod compose;
mod filter;
mod resize;
mod sample;
mod soften;

pub use compose::{Fade, Finish, Ink, Region, compose, opaque_rgb};
pub use filter::filter_rows;
pub use resize::{Filter, Rows, resize};
pub use sample::{Source, Tile};
pub use soften::SoftMask;

/// 8-bit pixels, row by row without gaps; three channels are RGB, four RGBA.
#[derive(Clone, Copy)]
pub struct Raster<'a> {
    pub width: u32,
    pub height: u32,
    pub channels: u8,
    pub pixels: &'a [u8],
}

/// An affine map: x' = a·x + c·y + e, y' = b·x + d·y + f.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    pub a: f64,
    pub b: f64,
    pub c: f64,
    pub d: f64,
    pub e: f64,
    pub f: f64,
}

impl Map {
    #[inline]
    pub fn map(&self, x: f64, y: f64) -> (f64, f64) {
        (self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f)
    }
}
