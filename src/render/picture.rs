//! Pixels in memory, and the small files made of them.

use super::jpeg;
use crate::kernel::Fault;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// 8-bit sRGB pixels, row by row without gaps; `channels` is 3 (opaque) or 4 (alpha last, not premultiplied).
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub channels: u8,
    pub pixels: Vec<u8>,
}

/// The photos of a scene, each at any resolution, whole and upright: the proxy for a preview, more for a print.
pub type Photos = HashMap<Uuid, Arc<Picture>>;

impl Picture {
    /// `None` unless the number of bytes is exactly width × height × channels, with channels 3 or 4 and no empty side.
    pub fn new(width: u32, height: u32, channels: u8, pixels: Vec<u8>) -> Option<Picture> {
        let bytes = u64::from(width) * u64::from(height) * u64::from(channels);
        let fits = width > 0 && height > 0 && matches!(channels, 3 | 4) && bytes == pixels.len() as u64;
        fits.then_some(Picture { width, height, channels, pixels })
    }

    pub fn long_side(&self) -> u32 {
        self.width.max(self.height)
    }

    pub fn has_alpha(&self) -> bool {
        self.channels == 4
    }

    pub(crate) fn raster(&self) -> crate::render::pixels::Raster<'_> {
        crate::render::pixels::Raster {
            width: self.width,
            height: self.height,
            channels: self.channels,
            pixels: &self.pixels,
        }
    }

    /// The same picture at another size, by Lanczos' filter with three lobes.
    pub fn resized(&self, width: u32, height: u32) -> Result<Picture, Fault> {
        let (width, height) = (width.max(1), height.max(1));
        let whole = [0.0, 0.0, f64::from(self.width), f64::from(self.height)];
        let filter = crate::render::pixels::Filter::Lanczos3;
        let pixels = crate::render::pixels::resize(self.raster(), whole, (width, height), filter, false)
            .ok_or_else(|| Fault::bug("a picture that is not what it says"))?;
        Ok(Picture { width, height, channels: self.channels, pixels })
    }
}

/// A size shrunk in proportion until the longer side is at most `side`; unchanged where it already is.
pub(crate) fn at_most((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let long = width.max(height);
    if long <= side {
        return (width, height);
    }
    let shrink = |length: u32| (u64::from(length) * u64::from(side) + u64::from(long) / 2) / u64::from(long);
    ((shrink(width) as u32).max(1), (shrink(height) as u32).max(1))
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} × {} × {})", self.width, self.height, self.channels)
    }
}

/// A JPEG without subsampled colour, so that thin coloured letters stay clean. `quality` 1–100. Alpha is dropped.
///
/// # Errors
/// More than 65535 pixels a side.
pub fn encode_jpeg(picture: &Picture, quality: u8) -> Result<Vec<u8>, Fault> {
    jpeg::pack(picture, quality)
}

/// A PNG tagged as sRGB.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(picture.pixels.len() / 3);
    let mut encoder = png::Encoder::new(&mut out, picture.width, picture.height);
    encoder.set_color(if picture.has_alpha() { png::ColorType::Rgba } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    let mut writer = encoder.write_header().map_err(bug)?;
    writer.write_image_data(&picture.pixels).map_err(bug)?;
    writer.finish().map_err(bug)?;
    Ok(out)
}

pub(crate) fn bug(error: impl std::fmt::Display) -> Fault {
    Fault::bug(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_must_match() {
        assert!(Picture::new(2, 2, 3, vec![0; 12]).is_some());
        assert!(Picture::new(2, 2, 4, vec![0; 12]).is_none());
        assert!(Picture::new(0, 2, 3, vec![]).is_none());
        assert!(Picture::new(2, 2, 2, vec![0; 8]).is_none());
    }

    #[test]
    fn shrinking_keeps_the_proportion_and_at_least_a_pixel() {
        assert_eq!(at_most((1, 4000), 1600), (1, 1600));
        assert_eq!(at_most((4001, 3000), 1600), (1600, 1200));
        assert_eq!(at_most((8, 6), 800), (8, 6));
    }

    #[test]
    fn files_read_back() {
        let picture = Picture::new(2, 1, 3, vec![255, 0, 0, 0, 0, 255]).unwrap();
        let png = image::load_from_memory(&encode_png(&picture).unwrap()).unwrap();
        assert_eq!(png.to_rgb8().as_raw(), &picture.pixels);
        assert_eq!(&encode_jpeg(&picture, 90).unwrap()[..2], &[0xFF, 0xD8]);
    }
}
