//! The print file: PNG or JPEG, 8-bit RGB, tagged as sRGB with its physical size, written while it is drawn.
//!
//! Bands are drawn and packed on all cores and written in order, so memory follows the bands in flight and not the
//! poster. A band's bytes depend on nothing but the scene: the same design gives the same file.

use super::draw::Drawing;
use super::jpeg::Jpeg;
use super::picture::Photos;
use super::pixels::deflate;
use super::scene::{Area, Canvas, Scene};
use crate::kernel::Fault;
use rayon::prelude::*;
use std::fmt;
use std::io::{self, Write};

/// How a print is put on paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    /// Pixels per inch.
    pub dpi: u32,
    /// Left and right changed about, for paper whose ink is turned onto something else.
    pub mirror: bool,
}

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
    paper: &Paper,
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
    let per_metre = (f64::from(paper.dpi) / 0.0254).round() as u32;
    let mut physical = [per_metre.to_be_bytes(), per_metre.to_be_bytes()].concat();
    physical.push(1);
    chunk(out, b"pHYs", &physical)?;
    let stride = canvas.width as usize * 3;
    let mut sum = deflate::Adler::default();
    chunk(out, b"IDAT", &deflate::BEGIN)?;
    let pack = |band| {
        let mut rows = drawing.band(band)?;
        if paper.mirror {
            mirror::<3>(&mut rows, stride);
        }
        Ok(deflate::pack(&rows, stride))
    };
    in_bands(drawing.bands(), progress, &pack, &mut |packed: deflate::Packed| {
        sum.add(&packed);
        chunk(out, b"IDAT", &packed.data)
    })?;
    chunk(out, b"IDAT", &[deflate::END.as_slice(), &sum.value().to_be_bytes()].concat())?;
    chunk(out, b"IEND", &[])?;
    out.flush()?;
    progress(100);
    Ok(())
}

/// The same as a JPEG of `quality` 1–100, for printers that ask for one.
pub fn print_jpeg(
    scene: &Scene,
    photos: &Photos,
    pixels: (u32, u32),
    paper: &Paper,
    quality: u8,
    out: &mut dyn Write,
    progress: &dyn Fn(u8) -> bool,
) -> Result<(), PrintProblem> {
    let canvas = Canvas::pixels(scene, pixels, Area::Bleed);
    let drawing = Drawing::new(scene, photos, &canvas)?;
    let dpi = u16::try_from(paper.dpi).unwrap_or(u16::MAX);
    let jpeg = Jpeg::new((canvas.width, canvas.height), quality, Some(dpi))?;
    let pack = |band| {
        let mut pixmap = drawing.opaque(band)?;
        if paper.mirror {
            mirror::<4>(pixmap.data_mut(), canvas.width as usize * 4);
        }
        jpeg.pack(band, pixmap.data(), 4)
    };
    in_bands(drawing.bands(), progress, &pack, &mut |piece: Vec<u8>| out.write_all(&piece))?;
    out.flush()?;
    progress(100);
    Ok(())
}

/// Draws and packs bands on all cores and hands them on in order, a few at a time.
fn in_bands<T: Send>(
    bands: u32,
    progress: &dyn Fn(u8) -> bool,
    pack: &(dyn Fn(u32) -> Result<T, Fault> + Sync),
    write: &mut dyn FnMut(T) -> io::Result<()>,
) -> Result<(), PrintProblem> {
    // Enough that no core waits long for the last of them; what is kept of each is only its packed bytes.
    let in_flight = rayon::current_num_threads() as u32 * 6;
    let mut first = 0;
    while first < bands {
        if !progress((u64::from(first) * 100 / u64::from(bands)) as u8) {
            return Err(PrintProblem::Stopped);
        }
        let last = (first + in_flight).min(bands);
        let packed: Vec<T> = (first..last).into_par_iter().map(pack).collect::<Result<_, Fault>>()?;
        for piece in packed {
            write(piece)?;
        }
        first = last;
    }
    Ok(())
}

/// Changes left and right of rows of `stride` bytes, `N` a pixel.
pub fn mirror<const N: usize>(rows: &mut [u8], stride: usize) {
    for row in rows.chunks_exact_mut(stride) {
        row.as_chunks_mut::<N>().0.reverse();
    }
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
