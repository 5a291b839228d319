//! JPEG in bands: each is coded on its own, and the pieces set end to end are the file.
//!
//! A restart marker (ITU-T T.81, E.1.4) after every row of blocks makes that possible: after one a decoder has forgotten all
//! that came before, so what follows may as well have been coded elsewhere.

use super::picture::{Picture, bug};
use crate::kernel::Fault;
use jpeg_encoder::{ColorType, Encoder, PixelDensity, PixelDensityUnit, SamplingFactor};
use rayon::prelude::*;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

/// Rows of a band. A multiple of 64, so that each band's markers count on from the one before: they are numbered 0–7.
pub const BAND_ROWS: u32 = super::draw::BAND_ROWS;
const _: () = assert!(BAND_ROWS.is_multiple_of(64));

/// What the whole file is like.
#[derive(Clone, Debug)]
pub struct Jpeg {
    pub width: u16,
    pub height: u16,
    /// RGB, or RGBA whose alpha is dropped.
    pub channels: u8,
    /// 1–100.
    pub quality: u8,
    /// Pixels an inch, and sRGB's profile, for files that leave the screen.
    pub print_dpi: Option<u16>,
}

impl Jpeg {
    pub fn bands(&self) -> u32 {
        u32::from(self.height).div_ceil(BAND_ROWS)
    }

    /// Codes one band without subsampled colour, so that thin coloured letters stay clean. `rows` are its pixels.
    ///
    /// # Errors
    /// Only for mistakes in the program.
    pub fn pack(&self, band: u32, rows: &[u8]) -> Result<Vec<u8>, Fault> {
        let stride = usize::from(self.width) * usize::from(self.channels);
        let height = u16::try_from(rows.len() / stride.max(1)).map_err(bug)?;
        let mut out = Vec::with_capacity(rows.len() / 8 + 4096);
        let mut encoder = Encoder::new(&mut out, self.quality.clamp(1, 100));
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        encoder.set_restart_interval(self.width.div_ceil(8));
        if let (0, Some(dpi)) = (band, self.print_dpi) {
            encoder.set_density(PixelDensity { density: (dpi, dpi), unit: PixelDensityUnit::Inches });
            encoder.add_icc_profile(&srgb_profile()?).map_err(bug)?;
        }
        let color = if self.channels == 4 { ColorType::Rgba } else { ColorType::Rgb };
        encoder.encode(rows, self.width, height, color).map_err(bug)?;
        let (scan, frame) = headers(&out).ok_or_else(|| Fault::bug("a JPEG without a scan"))?;
        out[frame + 5..frame + 7].copy_from_slice(&self.height.to_be_bytes());
        if band > 0 {
            // The marker that ends the band before takes the place of the headers.
            out.drain(..scan - 2);
            out[..2].copy_from_slice(&[0xFF, 0xD7]);
        }
        if band + 1 < self.bands() {
            out.truncate(out.len() - 2);
        }
        Ok(out)
    }
}

/// Decodes on all cores what [`Jpeg::pack`] made for the screen. `None` for any other file.
///
/// What comes out is what any decoder makes of the file as a whole: nothing reaches over a restart marker, and without
/// subsampling no pixel depends on its neighbours in another block.
pub fn unpack(file: &[u8]) -> Option<Picture> {
    let (scan, frame) = headers(file)?;
    let (height, width) = (u16_at(file, frame + 5)?, u16_at(file, frame + 7)?);
    let every = segment(file, 0xDD).and_then(|at| u16_at(file, at + 4))?;
    let is_plain = file.get(frame + 9..frame + 19)? == [3, 0, 0x11, 0, 1, 0x11, 1, 2, 0x11, 1].as_slice();
    if !is_plain || width == 0 || every != width.div_ceil(8) || segment(file, 0xE2).is_some() {
        return None;
    }
    // A marker is 0xFF and anything but a stuffed zero.
    let mut rows = vec![scan];
    let mut at = scan;
    while let Some(found) = file.get(at..)?.windows(2).position(|pair| pair[0] == 0xFF && pair[1] != 0) {
        at += found + 2;
        rows.push(at);
    }
    let blocks = usize::from(height).div_ceil(8);
    if rows.len() != blocks + 1 || rows.last() != Some(&file.len()) {
        return None;
    }
    let blocks_a_band = BAND_ROWS as usize / 8;
    let bands: Vec<Vec<u8>> = (0..blocks.div_ceil(blocks_a_band))
        .into_par_iter()
        .map(|band| {
            let (first, last) = (band * blocks_a_band, ((band + 1) * blocks_a_band).min(blocks));
            let own_height = (usize::from(height) - first * 8).min(BAND_ROWS as usize) as u16;
            let mut own = Vec::with_capacity(scan + rows[last] - rows[first]);
            own.extend_from_slice(&file[..scan]);
            own[frame + 5..frame + 7].copy_from_slice(&own_height.to_be_bytes());
            own.extend_from_slice(&file[rows[first]..rows[last] - 2]);
            own.extend_from_slice(&[0xFF, 0xD9]);
            let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
            zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(own), options).decode().ok()
        })
        .collect::<Option<_>>()?;
    Picture::new(width.into(), height.into(), 3, bands.concat())
}

fn u16_at(file: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*file.get(at)?, *file.get(at + 1)?]))
}

/// Where the coded blocks begin, and the frame header's marker.
fn headers(file: &[u8]) -> Option<(usize, usize)> {
    let scan = segment(file, 0xDA)?;
    Some((scan + 2 + usize::from(u16_at(file, scan + 2)?), segment(file, 0xC0)?))
}

/// The first segment with that marker, up to the scan.
fn segment(file: &[u8], wanted: u8) -> Option<usize> {
    let mut at = 2;
    loop {
        let marker = u16_at(file, at)?;
        if marker >> 8 != 0xFF || marker == 0xFFDA && wanted != 0xDA {
            return None;
        }
        if marker as u8 == wanted {
            return Some(at);
        }
        at += 2 + usize::from(u16_at(file, at + 2)?);
    }
}

fn srgb_profile() -> Result<Vec<u8>, Fault> {
    let mut profile = moxcms::ColorProfile::new_srgb().encode().map_err(bug)?;
    // It would say when it was made (ICC.1:2022, 7.2.10), and the same design must always give the same file.
    profile.get_mut(24..36).ok_or_else(|| Fault::bug("a colour profile without a header"))?.fill(0);
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_picture_a_single_encoder_makes() {
        let (width, height) = (83u16, 300u16);
        let pixels: Vec<u8> = (0..u32::from(width) * u32::from(height) * 3)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 25) as u8)
            .collect();
        let jpeg = Jpeg { width, height, channels: 3, quality: 90, print_dpi: Some(300) };
        let rows = BAND_ROWS as usize * usize::from(width) * 3;
        let pieces: Vec<Vec<u8>> =
            pixels.chunks(rows).zip(0..).map(|(rows, band)| jpeg.pack(band, rows).unwrap()).collect();
        assert_eq!(pieces.len() as u32, jpeg.bands());
        let joined = image::load_from_memory(&pieces.concat()).unwrap().into_rgb8();
        let mut single = Vec::new();
        let mut encoder = Encoder::new(&mut single, 90);
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        encoder.encode(&pixels, width, height, ColorType::Rgb).unwrap();
        let single = image::load_from_memory(&single).unwrap().into_rgb8();
        assert_eq!((joined.width(), joined.height()), (u32::from(width), u32::from(height)));
        assert!(joined == single);
    }

    #[test]
    fn bands_decode_on_their_own_to_what_the_file_is() {
        for (width, height) in [(83u32, 300u32), (640, 128), (9, 641)] {
            let pixels = (0..width * height * 3).map(|at| ((at / 7) ^ (at / 1000)) as u8).collect();
            let picture = Picture::new(width, height, 3, pixels).unwrap();
            let file = crate::render::encode_jpeg(&picture, 90).unwrap();
            let whole = zune_jpeg::JpegDecoder::new(ZCursor::new(&file)).decode().unwrap();
            assert!(unpack(&file).unwrap().pixels == whole);
            assert!(unpack(&file[..file.len() - 1]).is_none() && unpack(&file[..300]).is_none());
        }
        let mut other = Vec::new();
        Encoder::new(&mut other, 90).encode(&[9; 64 * 64 * 3], 64, 64, ColorType::Rgb).unwrap();
        assert!(unpack(&other).is_none());
    }

    #[test]
    fn print_files_say_how_large_and_in_which_colours_they_are() {
        use image::ImageDecoder;
        let jpeg = Jpeg { width: 16, height: 8, channels: 3, quality: 95, print_dpi: Some(300) };
        let file = jpeg.pack(0, &[128; 16 * 8 * 3]).unwrap();
        assert_eq!(file[6..18], *b"JFIF\0\x01\x02\x01\x01\x2C\x01\x2C");
        let mut decoder = image::codecs::jpeg::JpegDecoder::new(std::io::Cursor::new(&file)).unwrap();
        let profile = moxcms::ColorProfile::new_from_slice(&decoder.icc_profile().unwrap().unwrap()).unwrap();
        assert_eq!(profile.color_space, moxcms::DataColorSpace::Rgb);
        assert_eq!(srgb_profile().unwrap()[24..36], [0; 12], "no date");
    }
}
