//! Resizing by convolution.

use super::Raster;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{FilterType, MulDiv, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Sharpest when shrinking.
    Lanczos3,
    /// Clean edges when enlarging.
    CatmullRom,
    /// A plain copy.
    Nearest,
}

/// Resizes the part `[left, top, width, height]` of a raster to `width` × `height`. Neighbours outside the part are looked
/// at, so adjoining parts fit together without a seam. `premultiplied` asks for the colours multiplied by their alpha.
///
/// `None` for empty sizes, a part that leaves the raster, or pixels that are not what the raster says.
pub fn resize(
    source: Raster,
    [left, top, part_width, part_height]: [f64; 4],
    (width, height): (u32, u32),
    filter: Filter,
    premultiplied: bool,
) -> Option<Vec<u8>> {
    let algorithm = match filter {
        Filter::Lanczos3 => ResizeAlg::Convolution(FilterType::Lanczos3),
        Filter::CatmullRom => ResizeAlg::Convolution(FilterType::CatmullRom),
        Filter::Nearest => ResizeAlg::Nearest,
    };
    let options = ResizeOptions::new().resize_alg(algorithm).crop(left, top, part_width, part_height);
    let mut pixels = vec![0; width as usize * height as usize * usize::from(source.channels)];
    // The two kinds of pixels there are, by name: asked for any kind, the resizer would be compiled for all thirteen.
    if source.channels == 4 {
        convolve::<U8x4>(source, &mut pixels, (width, height), &options)?;
        if premultiplied {
            let mut image = TypedImage::<U8x4>::from_buffer(width, height, &mut pixels).ok()?;
            MulDiv::new().multiply_alpha_inplace_typed(&mut image).ok()?;
        }
    } else {
        convolve::<U8x3>(source, &mut pixels, (width, height), &options)?;
    }
    Some(pixels)
}

fn convolve<P: PixelTrait>(
    source: Raster,
    pixels: &mut [u8],
    (width, height): (u32, u32),
    options: &ResizeOptions,
) -> Option<()> {
    let from = TypedImageRef::<P>::from_buffer(source.width, source.height, source.pixels).ok()?;
    let mut to = TypedImage::<P>::from_buffer(width, height, pixels).ok()?;
    Resizer::new().resize_typed(&from, &mut to, options).ok()
}

/// Premultiplied pixels for a part of a region; beyond their edge the edge is repeated.
pub struct Rows {
    pub pixels: Vec<u8>,
    pub channels: usize,
    /// Where the first pixel lies in the region.
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Rows {
    #[inline]
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.width as usize * self.channels;
        let y = (y.max(self.y) - self.y).min(self.height - 1) as usize;
        self.pixels.get(y * stride..(y + 1) * stride).unwrap_or(&[])
    }

    #[inline]
    pub fn at(&self, row: &[u8], x: u32) -> [u8; 4] {
        let x = (x.max(self.x) - self.x).min(self.width - 1) as usize * self.channels;
        match row.get(x..x + self.channels) {
            Some(&[red, green, blue]) => [red, green, blue, 255],
            Some(&[red, green, blue, alpha]) => [red, green, blue, alpha],
            _ => [0, 0, 0, 0],
        }
    }
}
