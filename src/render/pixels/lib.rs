//! The inner loops: what is done to every single pixel. Plain bytes in, plain bytes out.
//!
//! A crate of its own, so that these loops are optimised in every build. It knows nothing of the shop; only its room `render` knows it.

mod compose;
pub mod deflate;
mod filter;
pub mod jpeg;
mod resize;
mod sample;
mod soften;

use wide::bytemuck::cast;
use wide::{f32x4, i16x8, i32x4, i32x8, u8x16};

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

/// Rounded to the nearest number a byte can hold.
#[inline(always)]
pub fn to_bytes(values: f32x4) -> [u8; 4] {
    let [four, ..] = cast::<u8x16, [[u8; 4]; 4]>(narrow([values.fast_round_int(); 2]));
    four
}

/// The same for eight.
#[inline(always)]
pub fn to_eight_bytes(values: [f32x4; 2]) -> [u8; 8] {
    let [eight, _] = cast::<u8x16, [[u8; 8]; 2]>(narrow(values.map(f32x4::fast_round_int)));
    eight
}

/// The same for four times four.
#[inline(always)]
pub fn to_sixteen_bytes(values: [f32x4; 4]) -> [[u8; 4]; 4] {
    let [a, b, c, d] = values.map(f32x4::fast_round_int);
    let short = |pair: [i32x4; 2]| i16x8::from_i32x8_saturate(cast::<[i32x4; 2], i32x8>(pair));
    cast::<u8x16, [[u8; 4]; 4]>(u8x16::narrow_i16x8(short([a, b]), short([c, d])))
}

#[inline(always)]
fn narrow(whole: [i32x4; 2]) -> u8x16 {
    let short = i16x8::from_i32x8_saturate(cast::<[i32x4; 2], i32x8>(whole));
    u8x16::narrow_i16x8(short, short)
}

/// Writes as many pixels as fit into RGB rows, four at a time.
#[inline(always)]
pub fn put_rgb(colors: impl Iterator<Item = [u32; 4]>, to: &mut [u8]) {
    let (whole, rest) = to.as_chunks_mut::<12>();
    let mut colors = colors;
    for (to, four) in whole.iter_mut().zip(&mut colors) {
        let [a, b, c, d] = four.map(u64::from);
        let words = [a | b << 24 | c << 48, c >> 16 | d << 8].map(u64::to_le_bytes);
        to.copy_from_slice(&words.as_flattened()[..12]);
    }
    if let (false, Some(four)) = (rest.is_empty(), colors.next()) {
        let bytes = four.map(|color| [color as u8, (color >> 8) as u8, (color >> 16) as u8]);
        rest.iter_mut().zip(bytes.as_flattened()).for_each(|(to, byte)| *to = *byte);
    }
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
