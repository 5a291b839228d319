//! JPEG in bands: each is coded on its own, and the pieces set end to end are the file.
//!
//! A restart marker (ITU-T T.81, E.1.4) after every row of blocks makes that possible: after one a decoder has forgotten all
//! that came before, so what follows may as well have been coded elsewhere.

use super::picture::{Picture, bug};
use super::pixels::jpeg::{Coder, Reader};
use crate::kernel::Fault;
use rayon::prelude::*;
use std::io::{self, Read};

pub use super::pixels::jpeg::Colors;

/// Rows of a band.
pub const BAND_ROWS: u32 = super::draw::BAND_ROWS;
/// Rows of units in a band.
const fn units(colors: Colors) -> usize {
    BAND_ROWS as usize / colors.unit()
}
const _: () = assert!(BAND_ROWS.is_multiple_of(16));

/// What the whole file is like.
pub struct Jpeg {
    width: u16,
    height: u16,
    /// Pixels an inch, for files that leave the screen; they also say that their colours are sRGB.
    print_dpi: Option<u16>,
    colors: Colors,
    coder: Coder,
}

impl Jpeg {
    /// `quality` 1–100.
    ///
    /// # Errors
    /// More pixels a side than a JPEG can have.
    pub fn new((width, height): (u32, u32), quality: u8, print_dpi: Option<u16>) -> Result<Jpeg, Fault> {
        let side = |side: u32| u16::try_from(side).map_err(|_| Fault::bug("a JPEG has at most 65535 pixels a side"));
        let (width, height) = (side(width)?, side(height)?);
        Ok(Jpeg { width, height, print_dpi, colors: Colors::Full, coder: Coder::new(quality) })
    }

    fn bands(&self) -> u32 {
        u32::from(self.height).div_ceil(BAND_ROWS)
    }

    /// Codes one band without subsampled colour, so that thin coloured letters stay clean. `rows` are its pixels, of three channels or of
    /// four whose last is dropped.
    ///
    /// # Errors
    /// Only for mistakes in the program.
    pub fn pack(&self, band: u32, rows: &[u8], channels: u8) -> Result<Vec<u8>, Fault> {
        let mut out = self.begin(band, rows.len())?;
        self.coder.rows(rows, self.width.into(), channels.into(), band as usize * units(self.colors), &mut out);
        Ok(self.end(band, out))
    }

    /// The same for RGB rows, which become what [`unpack`] will make of the band.
    fn pack_as_seen(&self, band: u32, rows: &mut [u8]) -> Result<Vec<u8>, Fault> {
        let mut out = self.begin(band, rows.len())?;
        self.coder.rows_as_seen(rows, self.width.into(), band as usize * units(self.colors), &mut out);
        Ok(self.end(band, out))
    }

    /// The same for pairs of rows ([`Colors::Halved`]), of which `rows` become what [`unpack`] will make.
    fn pack_pairs_as_seen(&self, band: u32, pairs: &[u8], rows: &mut [u8]) -> Result<Vec<u8>, Fault> {
        let mut out = self.begin(band, rows.len())?;
        self.coder.pairs_as_seen(pairs, rows, self.width.into(), band as usize * units(self.colors), &mut out);
        Ok(self.end(band, out))
    }

    fn begin(&self, band: u32, bytes: usize) -> Result<Vec<u8>, Fault> {
        let size = (self.width, self.height);
        let mut out = match (band, self.print_dpi) {
            (0, Some(dpi)) => self.coder.headers(size, self.colors, Some(dpi), Some(&srgb_profile()?)),
            (0, None) => self.coder.headers(size, self.colors, None, None),
            _ => Vec::new(),
        };
        out.reserve(bytes / 8);
        Ok(out)
    }

    fn end(&self, band: u32, mut out: Vec<u8>) -> Vec<u8> {
        if band + 1 >= self.bands() {
            out.extend_from_slice(&[0xFF, 0xD9]);
        }
        out
    }
}

/// Codes a picture on all cores. Alpha is dropped.
pub fn pack(picture: &Picture, quality: u8) -> Result<Vec<u8>, Fault> {
    let jpeg = Jpeg::new((picture.width, picture.height), quality, None)?;
    let bands = picture.pixels.par_chunks(band_bytes(picture)).enumerate();
    let pack = |(band, rows)| jpeg.pack(band as u32, rows, picture.channels);
    Ok(bands.map(pack).collect::<Result<Vec<_>, Fault>>()?.concat())
}

/// The same for a picture without alpha, which becomes the very picture that [`unpack`] will make of the file.
pub fn pack_as_seen(picture: &mut Picture, quality: u8) -> Result<Vec<u8>, Fault> {
    let jpeg = Jpeg::new((picture.width, picture.height), quality, None)?;
    if picture.channels != 3 {
        return Err(Fault::bug("a JPEG has no alpha"));
    }
    let band = band_bytes(picture);
    let bands = picture.pixels.par_chunks_mut(band).enumerate();
    let pack = |(band, rows): (usize, &mut [u8])| jpeg.pack_as_seen(band as u32, rows);
    Ok(bands.map(pack).collect::<Result<Vec<_>, Fault>>()?.concat())
}

/// The same for rows that are still being made: bands are coded while later ones are read. What is read are RGB rows, or, where the colours
/// are halved, pairs of rows: two of luma, an even number of pixels wide, and one of each chroma, half as wide ([`pair_bytes`]).
///
/// # Errors
/// Rows that end early, or cannot be read.
pub fn pack_while_read(
    size: (u32, u32),
    colors: Colors,
    quality: u8,
    rows: &mut dyn Read,
) -> io::Result<(Vec<u8>, Picture)> {
    let jpeg = Jpeg { colors, ..Jpeg::new(size, quality, None).map_err(io::Error::other)? };
    let (width, height) = size;
    let mut picture = Picture { width, height, channels: 3, pixels: vec![0; width as usize * height as usize * 3] };
    let band = band_bytes(&picture);
    let mut coded: Vec<Result<Vec<u8>, Fault>> = Vec::new();
    coded.resize_with(jpeg.bands() as usize, || Ok(Vec::new()));
    rayon::in_place_scope(|scope| {
        let jpeg = &jpeg;
        for ((at, pixels), coded) in (0..).zip(picture.pixels.chunks_mut(band)).zip(&mut coded) {
            match colors {
                Colors::Full => {
                    rows.read_exact(pixels)?;
                    scope.spawn(move |_| *coded = jpeg.pack_as_seen(at, pixels));
                }
                Colors::Halved => {
                    let lines = (height - at * BAND_ROWS).min(BAND_ROWS);
                    let mut pairs = vec![0; lines.div_ceil(2) as usize * pair_bytes(width)];
                    rows.read_exact(&mut pairs)?;
                    scope.spawn(move |_| *coded = jpeg.pack_pairs_as_seen(at, &pairs, pixels));
                }
            }
        }
        io::Result::Ok(())
    })?;
    let bands = coded.into_iter().collect::<Result<Vec<_>, Fault>>().map_err(io::Error::other)?;
    Ok((bands.concat(), picture))
}

/// Bytes of two rows whose colours are halved.
pub fn pair_bytes(width: u32) -> usize {
    width.div_ceil(2) as usize * 6
}

fn band_bytes(picture: &Picture) -> usize {
    BAND_ROWS as usize * picture.width as usize * usize::from(picture.channels)
}

/// Decodes on all cores what was coded here for the screen. `None` for any other file.
pub fn unpack(file: &[u8]) -> Option<Picture> {
    let reader = Reader::new(file)?;
    let (rows, units) = (reader.rows(), units(reader.colors));
    let bands: Vec<Vec<u8>> = (0..rows.div_ceil(units))
        .into_par_iter()
        .map(|band| reader.read(band * units..((band + 1) * units).min(rows)))
        .collect::<Option<_>>()?;
    Picture::new(reader.width.into(), reader.height.into(), 3, bands.concat())
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
    use proptest::prelude::*;
    use zune_core::bytestream::ZCursor;

    fn others(file: &[u8]) -> Vec<u8> {
        zune_jpeg::JpegDecoder::new(ZCursor::new(file)).decode().unwrap()
    }

    fn apart(a: &[u8], b: &[u8]) -> u8 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
    }

    /// Soft waves with some noise.
    fn waves(width: u32, height: u32, noise: u32) -> Picture {
        let wave = |at: f64| 127.5 + 110.0 * at.sin();
        let grain = |at: u32| f64::from((at.wrapping_mul(2_654_435_761) >> 20) % (noise + 1));
        let pixels = (0..width * height).flat_map(|at| {
            let (x, y) = (f64::from(at % width), f64::from(at / width));
            [wave(x / 9.0), wave(y / 14.0 + 1.0), wave((x + y) / 20.0)].map(|value| (value + grain(at)) as u8)
        });
        Picture::new(width, height, 3, pixels.collect()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        /// Any picture of any size: other decoders read it, and see what we see, but for rounding.
        #[test]
        fn files_are_read_alike_here_and_elsewhere(
            (width, height) in (1u32..40, 1u32..150),
            quality in 1u8..=100,
            seed in any::<u32>(),
        ) {
            let pixels: Vec<u8> = (0..width * height * 3).map(|at| (at.wrapping_mul(seed | 1) >> 23) as u8).collect();
            let with_alpha = pixels.chunks(3).flat_map(|color| [color[0], color[1], color[2], 7]).collect();
            let with_alpha = Picture::new(width, height, 4, with_alpha).unwrap();
            let mut seen = Picture::new(width, height, 3, pixels).unwrap();
            let whole = pack(&seen, quality).unwrap();
            let file = pack_as_seen(&mut seen, quality).unwrap();
            prop_assert!(file == whole && file == pack(&with_alpha, quality).unwrap());
            prop_assert!(unpack(&file).unwrap() == seen, "what is drawn first and what is drawn later");
            prop_assert!(apart(&others(&file), &seen.pixels) <= 4);
        }
    }

    /// RGB as pairs of rows with halved colours (T.871).
    fn halved(picture: &Picture) -> Vec<u8> {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let at = |x: usize, y: usize| {
            let from = (y.min(height - 1) * width + x.min(width - 1)) * 3;
            let [red, green, blue] = [0, 1, 2].map(|part| f64::from(picture.pixels[from + part]));
            let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
            [luma, 128.0 + (blue - luma) / 1.772, 128.0 + (red - luma) / 1.402]
        };
        let mut pairs = Vec::new();
        for y in (0..height).step_by(2) {
            for line in [y, y + 1] {
                pairs.extend((0..width.next_multiple_of(2)).map(|x| at(x, line)[0].round() as u8));
            }
            for part in [1, 2] {
                let mean = |x: usize| [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| at(x, y)[part]);
                pairs.extend((0..width).step_by(2).map(|x| (mean(x).iter().sum::<f64>() / 4.0).round() as u8));
            }
        }
        assert_eq!(pairs.len(), height.div_ceil(2) * pair_bytes(picture.width));
        pairs
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        /// Whatever the size: what is seen while it is coded is what is read later, and what others read, but for how they spread the colours.
        #[test]
        fn halved_colours_are_read_as_they_were_coded((width, height) in (1u32..70, 1u32..300), noise in 0u32..60) {
            let picture = waves(width, height, noise);
            let pairs = halved(&picture);
            let (file, seen) = pack_while_read((width, height), Colors::Halved, 95, &mut pairs.as_slice()).unwrap();
            prop_assert!(unpack(&file).unwrap() == seen);
            let far = |other: &[u8]| {
                let apart = seen.pixels.iter().zip(other).map(|(a, b)| f64::from(a.abs_diff(*b)));
                apart.sum::<f64>() / other.len() as f64
            };
            prop_assert!(far(&others(&file)) < 4.0, "{} from others' reading", far(&others(&file)));
            prop_assert!(far(&picture.pixels) < 4.0 + f64::from(noise) / 4.0, "{} from the picture", far(&picture.pixels));
            prop_assert!(pack_while_read((width, height), Colors::Halved, 95, &mut &pairs[1..]).is_err());
        }
    }

    #[test]
    fn high_quality_is_close_to_the_picture_and_to_another_encoder() {
        for (width, height, noise) in [(83, 140, 0), (40, 131, 24), (8, 8, 3)] {
            let picture = waves(width, height, noise);
            for (quality, limit) in [(100, 4), (95, 14), (88, 34)] {
                let file = pack(&picture, quality).unwrap();
                let read = unpack(&file).unwrap();
                assert!(
                    apart(&read.pixels, &picture.pixels) <= limit,
                    "{quality}: {}",
                    apart(&read.pixels, &picture.pixels)
                );
                let mut other = Vec::new();
                let mut encoder = jpeg_encoder::Encoder::new(&mut other, quality);
                encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
                encoder.set_restart_interval((width as u16).div_ceil(8));
                encoder.encode(&picture.pixels, width as u16, height as u16, jpeg_encoder::ColorType::Rgb).unwrap();
                assert!(file.len() <= other.len() * 51 / 50, "{} and {}", file.len(), other.len());
                // Copies of photos that an older program made.
                assert!(apart(&unpack(&other).unwrap().pixels, &others(&other)) <= 3);
            }
        }
    }

    #[test]
    fn what_is_cut_off_or_from_elsewhere_is_left_to_others() {
        let file = pack(&waves(24, 20, 9), 90).unwrap();
        assert!(unpack(&file[..file.len() - 1]).is_none() && unpack(&file[..300]).is_none());
        let mut other = Vec::new();
        jpeg_encoder::Encoder::new(&mut other, 90)
            .encode(&[9; 64 * 64 * 3], 64, 64, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        assert!(unpack(&other).is_none());
        for at in (0..file.len()).step_by(3) {
            let mut damaged = file.clone();
            damaged[at] ^= 0x55;
            let _ = unpack(&damaged);
        }
    }

    #[test]
    fn print_files_say_how_large_and_in_which_colours_they_are() {
        use image::ImageDecoder;
        let jpeg = Jpeg::new((16, 8), 95, Some(300)).unwrap();
        let file = jpeg.pack(0, &[128; 16 * 8 * 3], 3).unwrap();
        assert_eq!(file[6..18], *b"JFIF\0\x01\x02\x01\x01\x2C\x01\x2C");
        let mut decoder = image::codecs::jpeg::JpegDecoder::new(std::io::Cursor::new(&file)).unwrap();
        let profile = moxcms::ColorProfile::new_from_slice(&decoder.icc_profile().unwrap().unwrap()).unwrap();
        assert_eq!(profile.color_space, moxcms::DataColorSpace::Rgb);
        assert_eq!(srgb_profile().unwrap()[24..36], [0; 12], "no date");
        assert!(Jpeg::new((65_536, 8), 95, None).is_err());
    }
}
