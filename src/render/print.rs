//! The print file: PNG, 8-bit RGB, tagged as sRGB with its physical size, written while it is drawn.
//!
//! Bands are drawn and deflated on all cores and written in order, so memory follows the bands in flight and not the
//! poster. A band's bytes depend on nothing but the scene: the same design gives the same file.

mod deflate;

use super::draw::Drawing;
use super::picture::Photos;
use super::scene::{Area, Canvas, Scene};
use crate::kernel::Fault;
use rayon::prelude::*;
use std::fmt;
use std::io::{self, Write};

/// Why no print file came to be.
#[derive(Debug)]
pub enum PrintProblem {
    /// `progress` said so.
    Stopped,
    Io(io::Error),
    Fault(Fault),
}

impl fmt::Display for PrintProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrintProblem::Stopped => f.write_str("stopped"),
            PrintProblem::Io(error) => error.fmt(f),
            PrintProblem::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for PrintProblem {}

impl From<io::Error> for PrintProblem {
    fn from(error: io::Error) -> Self {
        PrintProblem::Io(error)
    }
}

impl From<Fault> for PrintProblem {
    fn from(fault: Fault) -> Self {
        PrintProblem::Fault(fault)
    }
}

impl From<PrintProblem> for Fault {
    fn from(problem: PrintProblem) -> Self {
        match problem {
            PrintProblem::Stopped => Fault::Stopping,
            PrintProblem::Io(error) => error.into(),
            PrintProblem::Fault(fault) => fault,
        }
    }
}

/// Draws trim and bleed at exactly `pixels` and writes the PNG to `out`. `progress` hears percents and ends the work by
/// answering false. Uses all cores; call it from a thread that may block.
pub fn print_png(
    scene: &Scene,
    photos: &Photos,
    pixels: (u32, u32),
    dpi: u32,
    out: &mut dyn Write,
    progress: &dyn Fn(u8) -> bool,
) -> Result<(), PrintProblem> {
    let canvas = Canvas::pixels(scene, pixels, Area::Bleed);
    let drawing = Drawing::new(scene, photos, &canvas)?;
    out.write_all(b"\x89PNG\r\n\x1A\n")?;
    let mut header = Vec::with_capacity(13);
    header.extend_from_slice(&canvas.width.to_be_bytes());
    header.extend_from_slice(&canvas.height.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    chunk(out, b"IHDR", &header)?;
    // Perceptual, as photographs want it.
    chunk(out, b"sRGB", &[0])?;
    let per_metre = (f64::from(dpi) / 0.0254).round() as u32;
    let mut physical = [per_metre.to_be_bytes(), per_metre.to_be_bytes()].concat();
    physical.push(1);
    chunk(out, b"pHYs", &physical)?;
    let bands = drawing.bands();
    let in_flight = (rayon::current_num_threads() as u32 * 2).max(2);
    let stride = canvas.width as usize * 3;
    let mut sum = deflate::Adler::new();
    let mut first = 0;
    while first < bands {
        if !progress((u64::from(first) * 100 / u64::from(bands)) as u8) {
            return Err(PrintProblem::Stopped);
        }
        let last = (first + in_flight).min(bands);
        let packed: Vec<deflate::Packed> = (first..last)
            .into_par_iter()
            .map(|band| deflate::pack(&drawing.band(band)?, stride, band + 1 == bands))
            .collect::<Result<_, Fault>>()?;
        for (band, packed) in (first..last).zip(packed) {
            sum.add(&packed);
            let mut data = Vec::with_capacity(packed.data.len() + 6);
            if band == 0 {
                data.extend_from_slice(&[0x78, 0x01]);
            }
            data.extend_from_slice(&packed.data);
            if band + 1 == bands {
                data.extend_from_slice(&sum.value().to_be_bytes());
            }
            chunk(out, b"IDAT", &data)?;
        }
        first = last;
    }
    chunk(out, b"IEND", &[])?;
    out.flush()?;
    progress(100);
    Ok(())
}

fn chunk(out: &mut dyn Write, name: &[u8; 4], data: &[u8]) -> io::Result<()> {
    let length = u32::try_from(data.len()).map_err(|_| io::Error::other("a chunk of a PNG holds at most 4 GiB"))?;
    let mut sum = crc32fast::Hasher::new();
    sum.update(name);
    sum.update(data);
    out.write_all(&length.to_be_bytes())?;
    out.write_all(name)?;
    out.write_all(data)?;
    out.write_all(&sum.finalize().to_be_bytes())
}
