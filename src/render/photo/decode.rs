//! From a file's bytes to upright sRGB pixels. Runs in the child process for everything a customer sent.

use super::kind::{Kind, inspect};
use crate::render::picture::{Picture, at_most};
use crate::render::pixels::jpeg::reduced;
use crate::render::pixels::{Filter, resize};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, Limits as ImageLimits, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformExecutor, TransformOptions};
use std::fmt;
use std::io::Cursor;
use std::sync::Arc;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

/// The longest side a photo may claim: what the formats and the resampler are good for.
const MAX_SIDE: u32 = 32_000;
/// What a decoder may take for its own buffers; the child's address space is limited anyway.
const MAX_ALLOCATION: u64 = 320 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the file, before shrinking.
    pub max_pixels: u64,
    /// The picture is shrunk to this longer side.
    pub max_side: Option<u32>,
    /// A picture whose longer side is this may come out smaller than `max_side`, if that saves work.
    pub enough: Option<u32>,
    /// Colours may be left at half the size, where pixels flow ([`flowing`]) and the file has no more.
    pub may_halve: bool,
}

/// A decoded photo: upright, sRGB, without metadata.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub picture: Picture,
    /// Upright size of the file's own picture, of which `picture` may be a smaller copy.
    pub width: u32,
    pub height: u32,
    pub kind: Kind,
}

/// Why a file gives no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A known kind that is not taken.
    Unsupported(&'static str),
    /// Not a picture, or a damaged one.
    Unreadable,
    /// More pixels than allowed, or more memory than there is.
    TooLarge,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unsupported(kind) => write!(f, "{kind} files are not taken"),
            Problem::Unreadable => f.write_str("it is no picture, or a damaged one"),
            Problem::TooLarge => f.write_str("it has too many pixels"),
        }
    }
}

impl From<ImageError> for Problem {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Problem::TooLarge,
            _ => Problem::Unreadable,
        }
    }
}

/// Pixels as they stand in the file, and what is to be done with them.
struct Raw {
    image: DynamicImage,
    /// Of the file's own picture; `image` may be a smaller one.
    size: (u32, u32),
    profile: Option<Vec<u8>>,
    orientation: Orientation,
}

/// A decoded photo as it lies in the file, perhaps on its side.
pub struct Stored {
    picture: Picture,
    orientation: Orientation,
    /// Upright, of the file's own picture.
    pub width: u32,
    pub height: u32,
    kind: Kind,
}

/// Decodes a whole file.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, Problem> {
    let stored = decode_stored(bytes, limits)?;
    let Stored { width, height, kind, .. } = stored;
    let (upright_width, upright_height, channels) = stored.upright();
    let picture = if stored.orientation == Orientation::NoTransforms {
        stored.picture
    } else {
        let mut pixels = Vec::with_capacity(stored.picture.pixels.len());
        stored.rows(0..upright_height, &mut pixels);
        Picture::new(upright_width, upright_height, channels, pixels).ok_or(Problem::Unreadable)?
    };
    Ok(Decoded { picture, width, height, kind })
}

/// Decodes a whole file and leaves it to the caller to set it upright.
pub fn decode_stored(bytes: &[u8], limits: &Limits) -> Result<Stored, Problem> {
    let kind = inspect(bytes);
    let raw = match kind {
        Kind::Jpeg => jpeg(bytes, limits)?,
        Kind::Png => {
            let decoder = image::codecs::png::PngDecoder::with_limits(Cursor::new(bytes), image_limits())?;
            by_image(decoder, limits)?
        }
        Kind::Webp => by_image(image::codecs::webp::WebPDecoder::new(Cursor::new(bytes))?, limits)?,
        Kind::Unsupported(name) => return Err(Problem::Unsupported(name)),
        Kind::Unknown => return Err(Problem::Unreadable),
    };
    let size = raw.size;
    let picture = in_srgb(raw.image, raw.profile.as_deref())?;
    let picture = match limits.max_side {
        Some(side) if picture.long_side() > side => shrunk(picture, at_most(size, side)).ok_or(Problem::Unreadable)?,
        _ => picture,
    };
    let (width, height) = if is_on_its_side(raw.orientation) { (size.1, size.0) } else { size };
    Ok(Stored { picture, orientation: raw.orientation, width, height, kind })
}

fn is_on_its_side(orientation: Orientation) -> bool {
    use Orientation::*;
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

impl Stored {
    /// Width, height and channels of the upright picture.
    pub fn upright(&self) -> (u32, u32, u8) {
        let Picture { width, height, channels, .. } = self.picture;
        if is_on_its_side(self.orientation) { (height, width, channels) } else { (width, height, channels) }
    }

    /// Adds rows of the upright picture to `out`. A few at a time, so that a large photo need not lie in memory twice.
    pub fn rows(&self, rows: std::ops::Range<u32>, out: &mut Vec<u8>) {
        let Picture { width, height, channels, .. } = self.picture;
        let (across, _, _) = self.upright();
        let (pixel, stride) = (usize::from(channels), across as usize * usize::from(channels));
        let from = out.len();
        out.resize(from + rows.len() * stride, 0);
        let to = &mut out[from..];
        let mut copy = |x: u32, y: u32| {
            let (right, bottom) = (width - 1, height - 1);
            let (column, row) = match self.orientation {
                Orientation::NoTransforms => (x, y),
                Orientation::FlipHorizontal => (right - x, y),
                Orientation::Rotate180 => (right - x, bottom - y),
                Orientation::FlipVertical => (x, bottom - y),
                Orientation::Rotate90FlipH => (y, x),
                Orientation::Rotate90 => (y, bottom - x),
                Orientation::Rotate270FlipH => (right - y, bottom - x),
                Orientation::Rotate270 => (right - y, x),
            };
            let from = (row as usize * width as usize + column as usize) * pixel;
            let at = (y - rows.start) as usize * stride + x as usize * pixel;
            to[at..at + pixel].copy_from_slice(&self.picture.pixels[from..from + pixel]);
        };
        // In the order in which the pixels are stored.
        if is_on_its_side(self.orientation) {
            (0..across).for_each(|x| rows.clone().for_each(|y| copy(x, y)));
        } else {
            rows.clone().for_each(|y| (0..across).for_each(|x| copy(x, y)));
        }
    }

    /// The pixels, where they lie upright already.
    pub fn pixels(&self) -> Option<&[u8]> {
        (self.orientation == Orientation::NoTransforms).then_some(&self.picture.pixels)
    }
}

/// Rows that are shrunk at a time.
const STRIP: u32 = 64;

/// Makes a picture smaller in the memory it has: what is done stands where rows were that nobody needs any more. `None` for an
/// enlargement.
fn shrunk(mut picture: Picture, (width, height): (u32, u32)) -> Option<Picture> {
    let channels = picture.channels;
    let stride = picture.width as usize * usize::from(channels);
    let step = f64::from(picture.height) / f64::from(height);
    if step < 1.0 || picture.width < width {
        return None;
    }
    let (mut done, mut waiting) = (0, Vec::new());
    for top in (0..height).step_by(STRIP as usize) {
        let rows = STRIP.min(height - top);
        let from = f64::from(top) * step;
        let part =
            [0.0, from, f64::from(picture.width), (f64::from(rows) * step).min(f64::from(picture.height) - from)];
        waiting.extend(resize(picture.raster(), part, (width, rows), Filter::Lanczos3, false)?);
        // The filter looks three of its own rows back, and one for rounding.
        let needed = ((f64::from(top + rows) - 3.0) * step - 2.0).max(0.0) as usize * stride;
        if done + waiting.len() <= needed || top + rows == height {
            picture.pixels.get_mut(done..done + waiting.len())?.copy_from_slice(&waiting);
            done += waiting.len();
            waiting.clear();
        }
    }
    picture.pixels.truncate(done);
    picture.pixels.shrink_to_fit();
    Picture::new(width, height, channels, picture.pixels)
}

fn image_limits() -> ImageLimits {
    let mut limits = ImageLimits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOCATION);
    limits
}

fn check_size((width, height): (u32, u32), bytes: u64, limits: &Limits) -> Result<(), Problem> {
    if width == 0 || height == 0 {
        return Err(Problem::Unreadable);
    }
    let too_large = width > MAX_SIDE
        || height > MAX_SIDE
        || u64::from(width) * u64::from(height) > limits.max_pixels
        || bytes > MAX_ALLOCATION;
    if too_large { Err(Problem::TooLarge) } else { Ok(()) }
}

fn by_image(mut decoder: impl ImageDecoder, limits: &Limits) -> Result<Raw, Problem> {
    check_size(decoder.dimensions(), decoder.total_bytes(), limits)?;
    decoder.set_limits(image_limits())?;
    // Broken metadata must not cost the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let size = decoder.dimensions();
    Ok(Raw { image: DynamicImage::from_decoder(decoder)?, size, profile, orientation })
}

/// What a JPEG says before its pixels.
struct Head<'b> {
    decoder: zune_jpeg::JpegDecoder<ZCursor<&'b [u8]>>,
    size: (u32, u32),
    /// The colours it is stored in.
    input: ColorSpace,
    profile: Option<Vec<u8>>,
    orientation: Orientation,
}

fn jpeg_head<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Head<'b>, Problem> {
    if !ends_properly(bytes) {
        return Err(Problem::Unreadable);
    }
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(MAX_SIDE as usize)
        .set_max_height(MAX_SIDE as usize);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| match error {
        zune_jpeg::errors::DecodeErrors::LargeDimensions(_) => Problem::TooLarge,
        _ => Problem::Unreadable,
    })?;
    let info = decoder.info().ok_or(Problem::Unreadable)?;
    let size = (u32::from(info.width), u32::from(info.height));
    let input = decoder.input_colorspace().ok_or(Problem::Unreadable)?;
    check_size(size, u64::from(size.0) * u64::from(size.1) * decoded_as(input).1, limits)?;
    let profile = decoder.icc_profile();
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    Ok(Head { size, input, profile, orientation: orientation.unwrap_or(Orientation::NoTransforms), decoder })
}

/// What the complete decoder is asked for, and how many numbers a pixel has then.
fn decoded_as(input: ColorSpace) -> (ColorSpace, u64) {
    match input {
        ColorSpace::Luma => (ColorSpace::Luma, 1),
        ColorSpace::CMYK => (ColorSpace::CMYK, 4),
        ColorSpace::YCCK => (ColorSpace::YCCK, 4),
        _ => (ColorSpace::RGB, 3),
    }
}

impl Head<'_> {
    /// The side at which the file may be decoded to a smaller size at once.
    fn reduced_to(&self, limits: &Limits) -> Option<u32> {
        limits.enough.or(limits.max_side).filter(|_| self.input == ColorSpace::YCbCr)
    }
}

fn jpeg(bytes: &[u8], limits: &Limits) -> Result<Raw, Problem> {
    let mut head = jpeg_head(bytes, limits)?;
    let Head { size, input, orientation, .. } = head;
    let profile = head.profile.take();
    if let Some(reduced) = head.reduced_to(limits).and_then(|side| reduced::decode(bytes, side)) {
        let image = RgbImage::from_raw(reduced.width, reduced.height, reduced.pixels).map(DynamicImage::ImageRgb8);
        return Ok(Raw { image: image.ok_or(Problem::Unreadable)?, size, profile, orientation });
    }
    let (output, channels) = decoded_as(input);
    let mut decoder = head.decoder;
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(output));
    let pixels = decoder.decode().map_err(|_| Problem::Unreadable)?;
    let (width, height) = size;
    let image = match output {
        ColorSpace::Luma => image::GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        ColorSpace::RGB => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
        _ => {
            let inks = inks(pixels, output == ColorSpace::YCCK, has_adobe_marker(bytes));
            let rgb = rgb_of_inks(&inks, width, profile.as_deref());
            RgbImage::from_raw(width, height, rgb).map(DynamicImage::ImageRgb8)
        }
    };
    let profile = if channels == 4 { None } else { profile };
    let image = image.ok_or(Problem::Unreadable)?;
    Ok(Raw { image, size, profile, orientation })
}

/// A picture whose rows can be handed on while the rest of the file is read: it is stored upright, and comes at the size that is wanted.
pub struct Flowing<'b> {
    opened: reduced::Opened<'b>,
    /// Of the file's own picture.
    pub file_size: (u32, u32),
    /// Colours come at half the size, which leaves them as they are in the file.
    pub is_halved: bool,
    to_srgb: Option<Srgb>,
}

/// The picture as one that flows. `None` where it has to be whole first, or is none: [`decode_stored`] tells which.
pub fn flowing<'b>(bytes: &'b [u8], limits: &Limits) -> Option<Flowing<'b>> {
    if inspect(bytes) != Kind::Jpeg {
        return None;
    }
    let head = jpeg_head(bytes, limits).ok()?;
    let mut opened = reduced::open(bytes, head.reduced_to(limits)?)?;
    let (width, height) = opened.size();
    let fits = limits.max_side.is_none_or(|side| width.max(height) <= side);
    if !fits || head.orientation != Orientation::NoTransforms {
        return None;
    }
    let profile = head.profile.and_then(|profile| ColorProfile::new_from_slice(&profile).ok());
    let profile = profile.filter(|profile| profile.color_space == DataColorSpace::Rgb);
    let to_srgb = profile.and_then(|profile| Srgb::of(&profile, 3, width as usize));
    let is_halved = limits.may_halve && to_srgb.is_none() && opened.leave_colors_halved();
    Some(Flowing { opened, file_size: head.size, is_halved, to_srgb })
}

impl Flowing<'_> {
    pub fn size(&self) -> (u32, u32) {
        self.opened.size()
    }

    /// Hands over RGB rows from the top, a few whole ones at a time, or, where colours are halved, pairs of rows
    /// ([`reduced::Opened::each`]). `None` for a file that turns out to be one for the complete decoder, perhaps after some of them.
    pub fn each(self, mut rows: impl FnMut(&[u8]) + Send) -> Option<()> {
        let mut to_srgb = self.to_srgb;
        self.opened.each(&mut |pixels| {
            to_srgb.iter_mut().for_each(|to_srgb| to_srgb.convert(pixels));
            rows(pixels);
        })
    }
}

/// True when an end-of-image marker follows the pixel data. A file that was cut off shows a grey half otherwise.
fn ends_properly(bytes: &[u8]) -> bool {
    segments(bytes)
        .last()
        // Looked for from the end, where it nearly always is.
        .is_some_and(|(marker, start, _)| {
            marker == 0xDA && bytes[start..].windows(2).rev().any(|pair| pair == [0xFF, 0xD9])
        })
}

fn has_adobe_marker(bytes: &[u8]) -> bool {
    segments(bytes).any(|(marker, start, end)| marker == 0xEE && bytes[start..end].starts_with(b"Adobe"))
}

/// The marker segments of a JPEG up to the first scan: marker, start and end of the data.
fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, usize, usize)> + '_ {
    let mut at = 2;
    let mut done = false;
    std::iter::from_fn(move || {
        while !done && at + 4 <= bytes.len() {
            if bytes[at] != 0xFF {
                // Some cameras leave stray bytes between segments.
                at += 1;
                continue;
            }
            let marker = bytes[at + 1];
            if matches!(marker, 0x00 | 0x01 | 0xD0..=0xD9 | 0xFF) {
                at += 1;
                continue;
            }
            let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])).max(2);
            let (start, end) = (at + 4, (at + 2 + length).min(bytes.len()));
            done = marker == 0xDA;
            at += 2 + length;
            return Some((marker, start, end.max(start)));
        }
        None
    })
}

/// Amounts of cyan, magenta, yellow and black, 255 for full ink. Adobe's files hold the opposite.
fn inks(mut pixels: Vec<u8>, ycck: bool, adobe: bool) -> Vec<u8> {
    for pixel in pixels.chunks_exact_mut(4) {
        if ycck {
            let [y, cb, cr] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
            let rgb = [
                y + 1.402 * (cr - 128.0),
                y - 0.344_136 * (cb - 128.0) - 0.714_136 * (cr - 128.0),
                y + 1.772 * (cb - 128.0),
            ];
            for (ink, value) in pixel.iter_mut().zip(rgb) {
                *ink = 255 - value.round().clamp(0.0, 255.0) as u8;
            }
        }
        if adobe {
            pixel.iter_mut().for_each(|ink| *ink = 255 - *ink);
        }
    }
    pixels
}

fn rgb_of_inks(inks: &[u8], width: u32, profile: Option<&[u8]>) -> Vec<u8> {
    let mut rgb = vec![0; inks.len() / 4 * 3];
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    let transform = profile.filter(|profile| profile.color_space == DataColorSpace::Cmyk).and_then(|profile| {
        let srgb = ColorProfile::new_srgb();
        profile.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, TransformOptions::default()).ok()
    });
    if let Some(transform) = transform {
        let width = width as usize;
        let rows = inks.chunks(width * 4).zip(rgb.chunks_mut(width * 3));
        if rows.map(|(from, to)| transform.transform(from, to)).all(|result| result.is_ok()) {
            return rgb;
        }
    }
    for (to, from) in rgb.chunks_exact_mut(3).zip(inks.chunks_exact(4)) {
        let paper = 255 - u32::from(from[3]);
        for (value, ink) in to.iter_mut().zip(from) {
            *value = ((255 - u32::from(*ink)) * paper / 255) as u8;
        }
    }
    rgb
}

/// Brings the pixels to 8-bit sRGB, by the file's profile where it has one that makes sense.
fn in_srgb(image: DynamicImage, profile: Option<&[u8]>) -> Result<Picture, Problem> {
    let (width, height) = (image.width(), image.height());
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    let gray = matches!(image, DynamicImage::ImageLuma8(_) | DynamicImage::ImageLuma16(_));
    if let Some(profile) = profile.as_ref().filter(|profile| profile.color_space == DataColorSpace::Gray && gray) {
        let luma = image.into_luma8().into_raw();
        let mut pixels = vec![0; luma.len() * 3];
        let srgb = ColorProfile::new_srgb();
        let transform = profile.create_transform_8bit(Layout::Gray, &srgb, Layout::Rgb, TransformOptions::default());
        let converted = transform.is_ok_and(|transform| transform.transform(&luma, &mut pixels).is_ok());
        if !converted {
            for (to, from) in pixels.chunks_exact_mut(3).zip(&luma) {
                to.fill(*from);
            }
        }
        return Picture::new(width, height, 3, pixels).ok_or(Problem::Unreadable);
    }
    let alpha = image.color().has_alpha();
    let (mut pixels, channels) =
        if alpha { (image.into_rgba8().into_raw(), 4) } else { (image.into_rgb8().into_raw(), 3) };
    let profile = profile.filter(|profile| profile.color_space == DataColorSpace::Rgb);
    if let Some(mut to_srgb) = profile.and_then(|profile| Srgb::of(&profile, channels, width as usize)) {
        to_srgb.convert(&mut pixels);
    }
    let opaque = alpha && pixels.chunks_exact(4).all(|pixel| pixel[3] == 255);
    if opaque {
        let rgba = RgbaImage::from_raw(width, height, pixels).ok_or(Problem::Unreadable)?;
        return Picture::new(width, height, 3, DynamicImage::ImageRgba8(rgba).into_rgb8().into_raw())
            .ok_or(Problem::Unreadable);
    }
    Picture::new(width, height, channels, pixels).ok_or(Problem::Unreadable)
}

/// From a profile's colours to sRGB, row by row in place.
struct Srgb {
    transform: Arc<dyn TransformExecutor<u8> + Send + Sync>,
    row: Vec<u8>,
    /// A row could not be converted, so the following are left as they are as well.
    is_broken: bool,
}

impl Srgb {
    /// `None` for a profile that can't be used.
    fn of(profile: &ColorProfile, channels: u8, width: usize) -> Option<Srgb> {
        let layout = if channels == 4 { Layout::Rgba } else { Layout::Rgb };
        let srgb = ColorProfile::new_srgb();
        let transform = profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default()).ok()?;
        Some(Srgb { transform, row: vec![0; width * usize::from(channels)], is_broken: false })
    }

    fn convert(&mut self, pixels: &mut [u8]) {
        for line in pixels.chunks_exact_mut(self.row.len()) {
            self.is_broken |= self.transform.transform(line, &mut self.row).is_err();
            if self.is_broken {
                return;
            }
            line.copy_from_slice(&self.row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_the_way_adobe_stores_them() {
        // No ink at all is white, full black is black.
        assert_eq!(rgb_of_inks(&inks(vec![255, 255, 255, 255], false, true), 1, None), [255, 255, 255]);
        assert_eq!(rgb_of_inks(&inks(vec![0, 0, 0, 0], false, false), 1, None), [255, 255, 255]);
        assert_eq!(rgb_of_inks(&inks(vec![9, 9, 9, 0], false, true), 1, None), [0, 0, 0]);
        // YCCK of a neutral white.
        assert_eq!(rgb_of_inks(&inks(vec![0, 128, 128, 255], true, true), 1, None), [255, 255, 255]);
    }

    fn noise(width: u32, height: u32, channels: u8) -> Picture {
        let pixels = (0..width * height * u32::from(channels)).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8);
        Picture::new(width, height, channels, pixels.collect()).unwrap()
    }

    #[test]
    fn photos_are_set_upright_a_few_rows_at_a_time() {
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let picture = noise(7, 5, 3);
            let mut wanted = RgbImage::from_raw(7, 5, picture.pixels.clone()).map(DynamicImage::ImageRgb8).unwrap();
            wanted.apply_orientation(orientation);
            let stored = Stored { picture, orientation, width: 0, height: 0, kind: Kind::Jpeg };
            let (width, height, _) = stored.upright();
            assert_eq!((width, height), (wanted.width(), wanted.height()));
            let mut pixels = Vec::new();
            stored.rows(0..2, &mut pixels);
            stored.rows(2..height, &mut pixels);
            assert!(pixels == wanted.into_bytes(), "{exif}");
        }
    }

    #[test]
    fn shrinking_in_place_is_shrinking() {
        for (size, channels) in [((300, 199), 3), ((150, 100), 4), ((297, 197), 3), ((299, 199), 3), ((1, 1), 3)] {
            let picture = noise(300, 200, channels);
            let wanted = picture.resized(size.0, size.1).unwrap();
            let found = shrunk(picture, size).unwrap();
            assert_eq!((found.width, found.height), size);
            let worst = found.pixels.iter().zip(&wanted.pixels).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(1), "{size:?}: {worst:?}");
        }
    }

    #[test]
    fn a_header_that_claims_too_much_is_refused_before_memory_is_taken() {
        let mut png = Vec::new();
        let mut writer = png::Encoder::new(&mut png, 30_000, 30_000).write_header().unwrap();
        writer.write_chunk(png::chunk::IDAT, &[0x78, 0x01]).unwrap();
        drop(writer);
        let limits = Limits { max_pixels: 64_000_000, max_side: None, enough: None, may_halve: false };
        assert_eq!(decode(&png, &limits).unwrap_err(), Problem::TooLarge);
    }
}
