//! Pictures in the file: drawn, packed and written band by band.

use super::file::File;
use crate::kernel::Fault;
use crate::render::PrintProblem;
use crate::render::draw::BAND_ROWS;
use crate::render::pixels::deflate;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use jpeg_encoder::{ImageBuffer, JpegColorType, SamplingFactor, rgb_to_ycbcr};
use pdf_writer::Ref;
use rayon::prelude::*;
use resvg::tiny_skia::Pixmap;
use std::cell::RefCell;
use std::io::Write;
use std::ops::Range;

/// High enough that no ring is seen around an eye's light in print.
const QUALITY: u8 = 95;

/// Draws a band of [`BAND_ROWS`] rows, fewer at the end, on a ground one can see through.
pub type Band<'a> = &'a (dyn Fn(u32) -> Result<Pixmap, Fault> + Sync);
/// Answers false to end the work.
pub type GoOn<'a> = &'a dyn Fn() -> bool;

/// A picture to be drawn.
pub struct Image<'a> {
    pub width: u32,
    pub height: u32,
    pub color: Band<'a>,
    /// Whose alpha says how much of the colour shows.
    pub alpha: Option<Band<'a>>,
    /// Photos that cover all they are drawn on are JPEG; what has edges of its own is kept to the bit.
    pub is_photo: bool,
    /// Asks the printer to draw it smoothly where it is coarser than the print.
    pub smooth: bool,
}

impl Image<'_> {
    pub fn write(&self, file: &mut File<'_>, go_on: GoOn) -> Result<Ref, PrintProblem> {
        let size = format!(
            "/Type/XObject/Subtype/Image/Width {}/Height {}/BitsPerComponent 8{}",
            self.width,
            self.height,
            if self.smooth { "/Interpolate true" } else { "" }
        );
        let mask = match self.alpha {
            Some(alpha) => {
                let predictor = format!("/DecodeParms<</Predictor 15/Columns {}>>", self.width);
                let entries = format!("{size}/ColorSpace/DeviceGray/Filter/FlateDecode{predictor}");
                let mask = file.stream(&entries, |out| self.write_alpha(alpha, out, go_on))?;
                format!("/SMask {} 0 R", mask.get())
            }
            None => String::new(),
        };
        let entries = format!("{size}{mask}/ColorSpace[/ICCBased {} 0 R]", file.profile.get());
        let sides = (u16::try_from(self.width), u16::try_from(self.height));
        let id = match sides {
            (Ok(width), Ok(height)) if self.is_photo => {
                let entries = format!("{entries}/Filter/DCTDecode");
                file.stream(&entries, |out| self.write_jpeg((width, height), out, go_on))?
            }
            _ => {
                let predictor = format!("/DecodeParms<</Predictor 15/Colors 3/Columns {}>>", self.width);
                let entries = format!("{entries}/Filter/FlateDecode{predictor}");
                file.stream(&entries, |out| self.write_flate(out, go_on))?
            }
        };
        file.add_picture(id);
        Ok(id)
    }

    fn bands(&self) -> u32 {
        self.height.div_ceil(BAND_ROWS)
    }

    /// Draws bands on all cores, each turned by `pack` into what is kept of it.
    fn draw<T: Send>(
        bands: Range<u32>,
        band: Band,
        pack: impl Fn(u32, &Pixmap) -> Result<T, Fault> + Sync,
    ) -> Result<Vec<T>, Fault> {
        bands.into_par_iter().map(|at| pack(at, &band(at)?)).collect()
    }

    fn in_turns(
        &self,
        go_on: GoOn,
        mut each: impl FnMut(Range<u32>) -> Result<(), PrintProblem>,
    ) -> Result<(), PrintProblem> {
        let (bands, in_flight) = (self.bands(), in_flight());
        let mut first = 0;
        while first < bands {
            if !go_on() {
                return Err(PrintProblem::Stopped);
            }
            let last = (first + in_flight).min(bands);
            each(first..last)?;
            first = last;
        }
        Ok(())
    }

    fn write_alpha(&self, band: Band, out: &mut dyn Write, go_on: GoOn) -> Result<(), PrintProblem> {
        let mut packer = ZlibEncoder::new(out, Compression::fast());
        let width = self.width as usize;
        self.in_turns(go_on, |bands| {
            let rows = Self::draw(bands, band, |_, pixmap| {
                let mut filtered = Vec::with_capacity(pixmap.data().len() / 4 + pixmap.height() as usize);
                for row in pixmap.data().chunks_exact(width * 4) {
                    // PNG's filter 1: what is kept is the difference to the pixel on the left.
                    filtered.push(1);
                    let mut left = 0u8;
                    for pixel in row.chunks_exact(4) {
                        filtered.push(pixel[3].wrapping_sub(left));
                        left = pixel[3];
                    }
                }
                Ok(filtered)
            })?;
            Ok(rows.iter().try_for_each(|rows| packer.write_all(rows))?)
        })?;
        packer.finish()?;
        Ok(())
    }

    fn write_flate(&self, out: &mut dyn Write, go_on: GoOn) -> Result<(), PrintProblem> {
        let stride = self.width as usize * 3;
        let mut sum = deflate::Adler::default();
        out.write_all(&deflate::BEGIN)?;
        self.in_turns(go_on, |turn| {
            let packed = Self::draw(turn, self.color, |_, pixmap| Ok(deflate::pack(&opaque(pixmap), stride)))?;
            for packed in packed {
                sum.add(&packed);
                out.write_all(&packed.data)?;
            }
            Ok(())
        })?;
        out.write_all(&deflate::END)?;
        out.write_all(&sum.value().to_be_bytes())?;
        Ok(())
    }

    fn write_jpeg(&self, (width, height): (u16, u16), out: &mut dyn Write, go_on: GoOn) -> Result<(), PrintProblem> {
        let trouble = RefCell::new(None);
        let rows = Rows { image: self, width, height, go_on, drawn: RefCell::default(), trouble: &trouble };
        let mut encoder = jpeg_encoder::Encoder::new(out, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        let encoded = encoder.encode_image(rows);
        if let Some(problem) = trouble.into_inner() {
            return Err(problem);
        }
        encoded.map_err(|error| match error {
            jpeg_encoder::EncodingError::IoError(error) => PrintProblem::Io(error),
            other => Fault::bug(other.to_string()).into(),
        })
    }
}

/// Twice as many bands as cores, so that none waits for the slowest.
fn in_flight() -> u32 {
    (rayon::current_num_threads() as u32 * 2).max(2)
}

/// Colours without their alpha. Where nothing shows the colour next to it goes on, so that a printer that enlarges the
/// picture mixes no black into its edges.
fn opaque(pixmap: &Pixmap) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(pixmap.data().len() / 4 * 3);
    let mut last = [255u8; 3];
    for pixel in pixmap.pixels() {
        if pixel.alpha() > 0 {
            let color = pixel.demultiply();
            last = [color.red(), color.green(), color.blue()];
        }
        rgb.extend_from_slice(&last);
    }
    rgb
}

/// Rows for the JPEG encoder, which asks for them from the first to the last: drawn when they are asked for.
struct Rows<'a> {
    image: &'a Image<'a>,
    width: u16,
    height: u16,
    go_on: GoOn<'a>,
    /// The first row that is drawn, and the RGB of it and those that follow.
    drawn: RefCell<(u32, Vec<u8>)>,
    /// The encoder knows no errors of ours: what went wrong is left here, and the rest is grey.
    trouble: &'a RefCell<Option<PrintProblem>>,
}

impl Rows<'_> {
    fn draw_from(&self, row: u32) {
        if self.trouble.borrow().is_some() {
            return;
        }
        let first = row / BAND_ROWS;
        let last = (first + in_flight()).min(self.image.bands());
        if !(self.go_on)() {
            *self.trouble.borrow_mut() = Some(PrintProblem::Stopped);
            return;
        }
        let drawn = Image::draw(first..last, self.image.color, |_, pixmap| Ok(opaque(pixmap)));
        match drawn {
            Ok(bands) => *self.drawn.borrow_mut() = (first * BAND_ROWS, bands.concat()),
            Err(fault) => *self.trouble.borrow_mut() = Some(fault.into()),
        }
    }
}

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, row: u16, buffers: &mut [Vec<u8>; 4]) {
        let stride = usize::from(self.width) * 3;
        let range = |first: u32| (u32::from(row).checked_sub(first)).map(|down| down as usize * stride);
        let is_drawn = {
            let drawn = self.drawn.borrow();
            range(drawn.0).is_some_and(|from| from + stride <= drawn.1.len())
        };
        if !is_drawn {
            self.draw_from(u32::from(row));
        }
        let drawn = self.drawn.borrow();
        let line = range(drawn.0).and_then(|from| drawn.1.get(from..from + stride));
        let [luma, blue, red, _] = buffers;
        match line {
            Some(line) => {
                for pixel in line.chunks_exact(3) {
                    let (y, cb, cr) = rgb_to_ycbcr(pixel[0], pixel[1], pixel[2]);
                    luma.push(y);
                    blue.push(cb);
                    red.push(cr);
                }
            }
            None => {
                for buffer in [luma, blue, red] {
                    buffer.resize(buffer.len() + usize::from(self.width), 128);
                }
            }
        }
    }
}
