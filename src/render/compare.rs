//! Whether two pictures show the same: the preview a customer approved, and the print file shrunk to its size.
//!
//! Structure is measured by the structural similarity of Wang, Bovik, Sheikh and Simoncelli (2004) on luma, in windows of 8 × 8 pixels
//! every four pixels. It hardly sees a flat ground in another colour, so colours are compared on their own.

mod shrink;

pub use shrink::{PrintView, shrink_print};

use super::draw::needed_pixels;
use super::picture::Picture;
use super::scene::{Canvas, Scene};
use crate::kernel::Fault;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Beyond these a print is not what the customer saw. Why these: decision 0072.
const WHOLE_LIMIT: u16 = 9_500;
const WORST_LIMIT: u16 = 5_000;
const COLOR_LIMIT: u16 = 80;

/// Pixels of a block's side; four blocks are a window.
const BLOCK: usize = 4;
/// Windows of a patch's side: it is 24 pixels wide and high. A letter fills a patch, where a part of the picture would dilute it.
const PATCH: usize = 5;
/// The constants of the measure for 8 bits: (0.01 × 255)² and (0.03 × 255)².
const C1: f64 = 6.5025;
const C2: f64 = 58.5225;
/// What coding a preview as JPEG costs of its finest detail, dots of stars for example: it may be so much softer than its photos make it.
const MARGIN: f64 = 1.5;
/// By how much a print is made softer where the preview's photo was coarse, step by step.
const SOFTER: [f64; 7] = [1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0];

/// How much two pictures are alike. Whole numbers, so that it can be stored and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    /// The structural similarity, the mean over the picture, in ten thousandths: 10 000 is the same.
    pub whole: u16,
    /// The same in the least alike patch of 24 × 24 pixels.
    pub worst: u16,
    /// How far the mean colours of a patch lie apart in the channel and patch where they do most, in tenths of a step of 255.
    pub color: u16,
}

impl Likeness {
    pub fn is_same(self) -> bool {
        self.whole >= WHOLE_LIMIT && self.worst >= WORST_LIMIT && self.color <= COLOR_LIMIT
    }
}

/// Compares two opaque pictures of the same size. `softness` says how many pixels one pixel of the coarsest photo covered when `seen`
/// was drawn (1 or less: none was coarse). A window may also be like a softer copy of `print`: as soft as that and the margin make it.
///
/// # Errors
/// Pictures of different sizes, or smaller than a window: mistakes in the program.
pub fn likeness(seen: &Picture, print: &Picture, softness: f64) -> Result<Likeness, Fault> {
    if (seen.width, seen.height) != (print.width, print.height) || seen.width.min(seen.height) < 2 * BLOCK as u32 {
        return Err(Fault::bug("only pictures of the same size can be compared"));
    }
    let mut windows = compare_windows(seen, print);
    for softer in SOFTER.into_iter().filter(|softer| *softer <= softness * MARGIN) {
        if windows.likeness().is_same() {
            break;
        }
        let side = |pixels: u32| ((f64::from(pixels) / softer).round() as u32).max(1);
        let soft = print.resized(side(print.width), side(print.height))?.resized(print.width, print.height)?;
        windows.take_better(&compare_windows(seen, &soft));
    }
    Ok(windows.likeness())
}

/// How many pixels of `canvas` one pixel of its coarsest photo covers, where previews are drawn from copies of at least `least` pixels a side;
/// 1 where none is coarse. `is_shrunk` says whether a photo is larger than its copy.
pub fn softness(scene: &Scene, canvas: &Canvas, least: u32, is_shrunk: impl Fn(Uuid) -> bool) -> f64 {
    let needed = needed_pixels(scene, canvas);
    let coarse = needed.iter().filter(|(id, _)| is_shrunk(**id));
    coarse.fold(1.0, |most, (_, side)| f64::max(most, f64::from(*side) / f64::from(least)))
}

/// One window: its similarity, and how far its mean colour lies from the other's.
#[derive(Clone, Copy)]
struct Window {
    similarity: f64,
    apart: [f64; 3],
}

struct Windows {
    columns: usize,
    rows: usize,
    values: Vec<Window>,
}

impl Windows {
    fn take_better(&mut self, other: &Windows) {
        for (window, other) in self.values.iter_mut().zip(&other.values) {
            window.similarity = window.similarity.max(other.similarity);
            if most(other.apart) < most(window.apart) {
                window.apart = other.apart;
            }
        }
    }

    fn likeness(&self) -> Likeness {
        let (across, down) = (PATCH.min(self.columns), PATCH.min(self.rows));
        let (mut worst, mut color) = (1.0, 0.0);
        for top in 0..=self.rows - down {
            for left in 0..=self.columns - across {
                let (mut similarity, mut apart) = (0.0, [0.0; 3]);
                for row in top..top + down {
                    for window in &self.values[row * self.columns + left..][..across] {
                        similarity += window.similarity;
                        for (sum, value) in apart.iter_mut().zip(window.apart) {
                            *sum += value;
                        }
                    }
                }
                let count = (across * down) as f64;
                worst = f64::min(worst, similarity / count);
                color = f64::max(color, most(apart) / count);
            }
        }
        let whole = self.values.iter().map(|window| window.similarity).sum::<f64>() / self.values.len() as f64;
        let stored = |value: f64| (value.clamp(0.0, 1.0) * 1e4).round() as u16;
        Likeness { whole: stored(whole), worst: stored(worst), color: (color * 10.0).round() as u16 }
    }
}

/// The channel that is farthest from nothing.
fn most(channels: [f64; 3]) -> f64 {
    channels.iter().fold(0.0, |most, channel| f64::max(most, channel.abs()))
}

/// Sums over a block or window: what mean, variance and covariance of luma need, and how far the colours lie apart.
#[derive(Clone, Copy, Default)]
struct Sums {
    pixels: f64,
    a: f64,
    b: f64,
    aa: f64,
    bb: f64,
    ab: f64,
    apart: [f64; 3],
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.pixels += other.pixels;
        self.a += other.a;
        self.b += other.b;
        self.aa += other.aa;
        self.bb += other.bb;
        self.ab += other.ab;
        for (sum, other) in self.apart.iter_mut().zip(other.apart) {
            *sum += other;
        }
    }

    fn window(&self) -> Window {
        let n = self.pixels;
        let (a, b) = (self.a / n, self.b / n);
        let (aa, bb, ab) = (self.aa / n - a * a, self.bb / n - b * b, self.ab / n - a * b);
        let structure =
            (2.0 * a * b + C1) * (2.0 * ab + C2) / ((a * a + b * b + C1) * (aa.max(0.0) + bb.max(0.0) + C2));
        Window { similarity: structure.max(0.0), apart: self.apart.map(|sum| sum / n) }
    }
}

fn compare_windows(one: &Picture, other: &Picture) -> Windows {
    let (width, height) = (one.width as usize, one.height as usize);
    // Blocks of four or five pixels, so that every pixel belongs to one.
    let (columns, rows) = (width / BLOCK, height / BLOCK);
    let mut blocks = vec![Sums::default(); columns * rows];
    let column_of: Vec<usize> = (0..width).map(|x| x * columns / width).collect();
    let (step, other_step) = (usize::from(one.channels), usize::from(other.channels));
    for y in 0..height {
        let row = &mut blocks[y * rows / height * columns..][..columns];
        let pixels = one.pixels[y * width * step..].chunks_exact(step);
        let others = other.pixels[y * width * other_step..].chunks_exact(other_step);
        for ((p, q), column) in pixels.zip(others).zip(&column_of) {
            // Rec. 601, as JPEG has it, in whole numbers.
            let luma = |p: &[u8]| (77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8;
            let (a, b) = (f64::from(luma(p)), f64::from(luma(q)));
            let block = &mut row[*column];
            block.pixels += 1.0;
            block.a += a;
            block.b += b;
            block.aa += a * a;
            block.bb += b * b;
            block.ab += a * b;
            for channel in 0..3 {
                block.apart[channel] += f64::from(p[channel]) - f64::from(q[channel]);
            }
        }
    }
    let mut values = Vec::with_capacity((columns - 1) * (rows - 1));
    for row in 1..rows {
        for column in 1..columns {
            let mut sums = Sums::default();
            for at in [(row - 1) * columns + column - 1, (row - 1) * columns + column] {
                sums.add(&blocks[at]);
                sums.add(&blocks[at + columns]);
            }
            values.push(sums.window());
        }
    }
    Windows { columns: columns - 1, rows: rows - 1, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, color: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        let at = |at: u32| color(at % width, at / width);
        Picture::new(width, height, 3, (0..width * height).flat_map(at).collect()).unwrap()
    }

    fn checks(x: u32, y: u32) -> [u8; 3] {
        if (x / 6 + y / 6).is_multiple_of(2) { [250, 240, 230] } else { [40, 60, 90] }
    }

    #[test]
    fn the_same_is_one_and_another_size_is_a_mistake() {
        let same = picture(67, 45, checks);
        assert_eq!(likeness(&same, &same, 1.0).unwrap(), Likeness { whole: 10_000, worst: 10_000, color: 0 });
        assert!(likeness(&same, &picture(66, 45, checks), 1.0).is_err());
        assert!(likeness(&picture(7, 45, checks), &picture(7, 45, checks), 1.0).is_err());
    }

    #[test]
    fn a_hue_is_seen_where_the_luma_is_the_same() {
        let (red, green) = ([150, 60, 60], [60, 107, 55]);
        let luma = |p: [u8; 3]| (77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8;
        assert!(luma(red).abs_diff(luma(green)) <= 2);
        let like = likeness(&picture(64, 64, |_, _| red), &picture(64, 64, |_, _| green), 1.0).unwrap();
        assert!(like.color > 800 && !like.is_same(), "{like:?}");
    }

    #[test]
    fn a_small_part_shows_in_its_patch() {
        let seen = picture(160, 160, checks);
        let print = picture(160, 160, |x, y| if x < 20 && y < 20 { [128, 128, 128] } else { checks(x, y) });
        let like = likeness(&seen, &print, 1.0).unwrap();
        assert!(like.worst < 3_000 && like.whole > 9_700, "{like:?}");
        assert!(!like.is_same());
    }

    #[test]
    fn a_coarse_photo_may_be_sharper_in_print_but_not_another() {
        let fine = |x: u32, y: u32| {
            let wave = |at: u32, length: f64| (f64::from(at) / length).sin() * 40.0;
            let value = (128.0 + wave(x, 9.0) + wave(y, 11.0) + wave(x + 2 * y, 0.9)) as u8;
            [value, value / 2 + 60, 255 - value]
        };
        let sharp = picture(240, 200, fine);
        let soft = sharp.resized(60, 50).unwrap().resized(240, 200).unwrap();
        assert!(!likeness(&soft, &sharp, 1.0).unwrap().is_same());
        assert!(likeness(&soft, &sharp, 4.0).unwrap().is_same());
        let moved = picture(240, 200, |x, y| fine(x + 5, y));
        assert!(!likeness(&soft, &moved, 4.0).unwrap().is_same());
    }
}
