//! A print file read back from where it was written, row by row, and shrunk on the way.

use crate::kernel::Fault;
use crate::render::picture::{Picture, bug};
use crate::render::scene::{Area, Canvas, Scene};
use std::io::{BufRead, Seek};

/// Which part of a print file is looked at, and how large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrintView {
    /// Left, top, width and height of the trimmed print, in pixels of the file.
    pub trim: [f64; 4],
    /// Pixels of the picture made of it.
    pub size: (u32, u32),
    /// The file is printed from the back: left and right are exchanged.
    pub mirrored: bool,
}

impl PrintView {
    /// The trimmed print of `scene`, drawn at `pixels` with its bleed, as large as a picture of it of the size `wanted`, or smaller
    /// where the print has not as many pixels.
    pub fn new(scene: &Scene, pixels: (u32, u32), wanted: (u32, u32), mirrored: bool) -> PrintView {
        let canvas = Canvas::pixels(scene, pixels, Area::Bleed);
        let [left, top, right, bottom] = canvas.to_pixels.bounds([0.0, 0.0, scene.width_mm, scene.height_mm]);
        let left = if mirrored { f64::from(pixels.0) - right } else { left };
        let (width, height) = (canvas.scale() * scene.width_mm, bottom - top);
        let shrink = (width / f64::from(wanted.0)).min(height / f64::from(wanted.1)).min(1.0);
        let side = |pixels: u32| ((f64::from(pixels) * shrink).floor() as u32).max(1);
        PrintView { trim: [left, top, width, height], size: (side(wanted.0), side(wanted.1)), mirrored }
    }
}

/// Reads a print file (PNG, 8-bit RGB) and gives what `view` says of it, each pixel the mean of what it covers. Holds a few rows of the
/// file, never the whole.
///
/// # Errors
/// [`Fault::Corrupt`] where the file is not such a PNG or ends too early.
pub fn shrink_print(file: impl BufRead + Seek, view: &PrintView) -> Result<Picture, Fault> {
    let damaged = |error: png::DecodingError| Fault::Corrupt(format!("the print file cannot be read back: {error}"));
    let mut reader = png::Decoder::new(file).read_info().map_err(damaged)?;
    if reader.output_color_type() != (png::ColorType::Rgb, png::BitDepth::Eight) {
        return Err(Fault::Corrupt("the print file has other pixels than it should".into()));
    }
    let (width, height) = (view.size.0 as usize, view.size.1 as usize);
    let [left, top, trim_width, trim_height] = view.trim;
    let columns = spans(left, trim_width, width, reader.info().width as usize);
    let rows = spans(top, trim_height, height, reader.info().height as usize);
    let mut sums = vec![0f32; width * height * 3];
    let mut shrunk = vec![0f32; width * 3];
    let mut first = 0;
    let mut y = 0;
    while let Some(row) = reader.next_row().map_err(damaged)? {
        while first < height && rows[first].end() <= y {
            first += 1;
        }
        if first == height {
            // Read to the end all the same: what follows belongs to the file and has its checksums.
            y += 1;
            continue;
        }
        if rows[first].from <= y {
            shrink_row(row.data(), &columns, &mut shrunk);
            for at in (first..height).take_while(|at| rows[*at].from <= y) {
                let weight = rows[at].weight(y);
                for (sum, value) in sums[at * width * 3..][..width * 3].iter_mut().zip(&shrunk) {
                    *sum += weight * value;
                }
            }
        }
        y += 1;
    }
    if rows.last().is_none_or(|last| last.end() > y) {
        return Err(Fault::Corrupt("the print file ends too early".into()));
    }
    let mut pixels: Vec<u8> = sums.iter().map(|sum| (sum + 0.5) as u8).collect();
    if view.mirrored {
        for row in pixels.chunks_exact_mut(width * 3) {
            row.reverse();
            row.chunks_exact_mut(3).for_each(<[u8]>::reverse);
        }
    }
    Picture::new(view.size.0, view.size.1, 3, pixels).ok_or_else(|| bug("a picture that is not what it says"))
}

/// The source pixels under one pixel: the first, its weight, how many whole ones follow, and the weight of the last.
struct Span {
    from: usize,
    first: f32,
    whole: usize,
    middle: f32,
    last: f32,
}

impl Span {
    /// One past the last source pixel.
    fn end(&self) -> usize {
        self.from + 1 + self.whole + usize::from(self.last > 0.0)
    }

    fn weight(&self, at: usize) -> f32 {
        match at - self.from {
            0 => self.first,
            behind if behind <= self.whole => self.middle,
            _ => self.last,
        }
    }
}

/// Cuts `length` source pixels from `start` on into `count` equal spans within `limit` pixels.
fn spans(start: f64, length: f64, count: usize, limit: usize) -> Vec<Span> {
    let edge = |at: usize| (start + length * at as f64 / count as f64).clamp(0.0, limit as f64);
    (0..count)
        .map(|at| {
            let (low, high) = (edge(at), edge(at + 1));
            let from = (low.floor() as usize).min(limit.saturating_sub(1));
            let size = (high - low).max(f64::MIN_POSITIVE);
            if high <= (from + 1) as f64 {
                return Span { from, first: 1.0, whole: 0, middle: 0.0, last: 0.0 };
            }
            let last = high - high.floor();
            Span {
                from,
                first: (((from + 1) as f64 - low) / size) as f32,
                whole: high.floor() as usize - from - 1,
                middle: (1.0 / size) as f32,
                // Less than a step of 255 is nothing, and could lie beyond the last pixel.
                last: if last < 1e-6 { 0.0 } else { (last / size) as f32 },
            }
        })
        .collect()
}

fn shrink_row(row: &[u8], columns: &[Span], shrunk: &mut [f32]) {
    for (span, out) in columns.iter().zip(shrunk.chunks_exact_mut(3)) {
        let pixels = &row[span.from * 3..];
        let mut sums = [0u32; 3];
        for pixel in pixels[3..].chunks_exact(3).take(span.whole) {
            sums[0] += u32::from(pixel[0]);
            sums[1] += u32::from(pixel[1]);
            sums[2] += u32::from(pixel[2]);
        }
        let behind = (span.last > 0.0).then(|| &pixels[(span.whole + 1) * 3..]);
        for channel in 0..3 {
            let last = behind.map_or(0.0, |pixel| f32::from(pixel[channel]) * span.last);
            out[channel] = f32::from(pixels[channel]) * span.first + sums[channel] as f32 * span.middle + last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::encode_png;
    use std::io::Cursor;

    fn gradient(width: u32, height: u32) -> Picture {
        let pixel = |at: u32| [(at % width * 3) as u8, (at / width * 5) as u8, 77];
        Picture::new(width, height, 3, (0..width * height).flat_map(pixel).collect()).unwrap()
    }

    fn shrunk(picture: &Picture, trim: [f64; 4], size: (u32, u32), mirrored: bool) -> Picture {
        let png = encode_png(picture).unwrap();
        shrink_print(Cursor::new(png), &PrintView { trim, size, mirrored }).unwrap()
    }

    #[test]
    fn whole_pixels_stay_what_they_are() {
        let picture = gradient(40, 30);
        assert_eq!(shrunk(&picture, [0.0, 0.0, 40.0, 30.0], (40, 30), false), picture);
        let part = shrunk(&picture, [3.0, 2.0, 30.0, 20.0], (30, 20), false);
        assert_eq!(part.pixels[..6], [9, 10, 77, 12, 10, 77]);
        let back = shrunk(&picture, [3.0, 2.0, 30.0, 20.0], (30, 20), true);
        assert_eq!(back.pixels[..3], part.pixels[29 * 3..30 * 3]);
    }

    #[test]
    fn a_pixel_is_the_mean_of_what_it_covers() {
        // Two and a half columns and one and a half rows a pixel.
        let picture = gradient(40, 30);
        let small = shrunk(&picture, [0.0, 0.0, 40.0, 30.0], (16, 20), false);
        for (x, y) in [(0u32, 0u32), (7, 11), (15, 19)] {
            let mean = |at: u32, size: f64, step: f64| {
                let (low, high) = (f64::from(at) * size, f64::from(at + 1) * size);
                let part = |pixel: u32| (high.min(f64::from(pixel + 1)) - low.max(f64::from(pixel))).max(0.0);
                (0..40).map(|pixel| part(pixel) * f64::from(pixel) * step).sum::<f64>() / size
            };
            let at = (y * 16 + x) as usize * 3;
            let wanted = [mean(x, 2.5, 3.0), mean(y, 1.5, 5.0)];
            for (channel, wanted) in wanted.into_iter().enumerate() {
                assert!((f64::from(small.pixels[at + channel]) - wanted).abs() <= 0.51, "{x} {y}");
            }
        }
    }

    #[test]
    fn a_file_cut_off_or_changed_is_damaged() {
        let png = encode_png(&gradient(300, 200)).unwrap();
        let view = PrintView { trim: [0.0, 0.0, 300.0, 200.0], size: (30, 20), mirrored: false };
        for cut in [10, png.len() / 2, png.len() - 40] {
            assert!(matches!(shrink_print(Cursor::new(&png[..cut]), &view), Err(Fault::Corrupt(_))), "{cut}");
        }
        let mut flipped = png.clone();
        flipped[png.len() / 2] ^= 0x10;
        assert!(shrink_print(Cursor::new(&flipped), &view).is_err());
    }
}
