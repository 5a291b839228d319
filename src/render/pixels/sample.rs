//! Pixels between pixels, by Catmull and Rom's cubic spline.

use super::Map;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Weights of four neighbours for 256 places between the middle two. Multiples of 1/2048, which add up to exactly one.
static WEIGHTS: LazyLock<[[f32; 4]; 256]> = LazyLock::new(|| {
    let mut table = [[0.0; 4]; 256];
    for (at, weights) in table.iter_mut().enumerate() {
        let t = at as f64 / 256.0;
        let exact = [
            ((2.0 - t) * t - 1.0) * t / 2.0,
            ((3.0 * t - 5.0) * t * t + 2.0) / 2.0,
            ((4.0 - 3.0 * t) * t + 1.0) * t / 2.0,
            (t - 1.0) * t * t / 2.0,
        ];
        let mut whole = exact.map(|weight| (weight * 2048.0).round() as i32);
        // Rounding must not change the brightness.
        whole[1] += 2048 - whole.iter().sum::<i32>();
        *weights = whole.map(|weight| weight as f32 / 2048.0);
    }
    table
});

/// Pixels to sample from; four channels are premultiplied.
pub struct Source<'a> {
    width: i64,
    height: i64,
    channels: usize,
    pixels: Cow<'a, [u8]>,
}

impl<'a> Source<'a> {
    pub fn new(width: u32, height: u32, channels: u8, pixels: Cow<'a, [u8]>) -> Self {
        Self { width: width.into(), height: height.into(), channels: channels.into(), pixels }
    }

    /// What is needed to sample where `map` leads from a part of the canvas: left, top, width, height.
    pub fn tile(&self, map: &Map, [left, top, width, height]: [u32; 4]) -> Tile {
        let (right, bottom) = (f64::from(left + width), f64::from(top + height));
        let (left, top) = (f64::from(left), f64::from(top));
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)].map(|(x, y)| map.map(x, y));
        // Two neighbours to each side, and one more for rounding. Far outside there is nothing but the edge repeated.
        let low = |values: [f64; 4], max: i64| {
            (values.into_iter().fold(f64::MAX, f64::min).floor() as i64 - 3).clamp(-4, max)
        };
        let high = |values: [f64; 4], max: i64| {
            (values.into_iter().fold(f64::MIN, f64::max).ceil() as i64 + 4).clamp(0, max + 4)
        };
        let (xs, ys) = (corners.map(|(x, _)| x), corners.map(|(_, y)| y));
        let (x0, y0) = (low(xs, self.width), low(ys, self.height));
        let (x1, y1) = (high(xs, self.width).max(x0 + 4), high(ys, self.height).max(y0 + 4));
        let mut pixels = Vec::with_capacity(((x1 - x0) * (y1 - y0)) as usize);
        for y in y0..y1 {
            let stride = self.width as usize * self.channels;
            let start = y.clamp(0, self.height - 1) as usize * stride;
            let row = &self.pixels[start..start + stride];
            if self.channels == 3 {
                widen::<3>(row, x0, x1, &mut pixels);
            } else {
                widen::<4>(row, x0, x1, &mut pixels);
            }
        }
        let most = Place { x: (x1 - x0 - 4) << 32, y: (y1 - y0 - 4) << 32 };
        Tile { x: x0, y: y0, width: (x1 - x0) as usize, most, pixels, weights: &WEIGHTS }
    }
}

/// Columns `x0..x1` of a row, the edges repeated, as numbers to reckon with; without an alpha it is 255.
fn widen<const N: usize>(row: &[u8], x0: i64, x1: i64, out: &mut Vec<[f32; 4]>) {
    let width = (row.len() / N) as i64;
    let pixel = |pixel: &[u8]| {
        let alpha = if N == 4 { f32::from(pixel[N - 1]) } else { 255.0 };
        [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2]), alpha]
    };
    let (from, to) = (x0.clamp(0, width - 1), x1.clamp(1, width));
    let at = |x: i64| pixel(&row[x as usize * N..][..N]);
    out.extend((x0..from).map(|_| at(0)));
    out.extend(row[from as usize * N..(to.max(from)) as usize * N].chunks_exact(N).map(pixel));
    out.extend((to.max(from)..x1).map(|_| at(width - 1)));
}

/// A part of a source, spread out for speed.
pub struct Tile {
    x: i64,
    y: i64,
    width: usize,
    /// Where the last four neighbours begin.
    most: Place,
    pixels: Vec<[f32; 4]>,
    weights: &'static [[f32; 4]; 256],
}

/// A place within a tile, in 2⁻³² of a pixel.
#[derive(Clone, Copy)]
pub struct Place {
    x: i64,
    y: i64,
}

const ONE: f64 = 4_294_967_296.0;

impl Tile {
    /// Where a point of the source (the first pixel's middle is 0.5, 0.5) lies, within the tile or not.
    pub fn place(&self, x: f64, y: f64) -> Place {
        let place = |at: f64, from: i64| ((at - 1.5 - from as f64).clamp(-1e6, 1e6) * ONE) as i64;
        Place { x: place(x, self.x), y: place(y, self.y) }
    }

    /// How far to go for each step.
    pub fn step(x: f64, y: f64) -> Place {
        Place { x: (x * ONE) as i64, y: (y * ONE) as i64 }
    }

    /// The colour `steps` steps on from a place, premultiplied.
    #[inline]
    pub fn at(&self, from: Place, step: Place, steps: u32) -> [u8; 4] {
        // A row may begin where there is no photo and nothing is drawn.
        let inside = |at: i64, step: i64, most: i64| (at + step * i64::from(steps)).clamp(0, most);
        let (x, y) = (inside(from.x, step.x, self.most.x), inside(from.y, step.y, self.most.y));
        let across = &self.weights[(x >> 24) as usize & 255];
        let down = &self.weights[(y >> 24) as usize & 255];
        let start = (y >> 32) as usize * self.width + (x >> 32) as usize;
        let mut sum = [0.0f32; 4];
        for (row, weight) in down.iter().enumerate() {
            let Some(four) = self.pixels.get(start + row * self.width..).and_then(|rest| rest.first_chunk::<4>())
            else {
                return [0; 4];
            };
            let mut line = [0.0f32; 4];
            for (pixel, weight) in four.iter().zip(across) {
                for channel in 0..4 {
                    line[channel] += pixel[channel] * weight;
                }
            }
            for channel in 0..4 {
                sum[channel] += line[channel] * weight;
            }
        }
        // Overshoot must not make a colour brighter than its own alpha. Adding 1.5 · 2²³ rounds, and leaves the whole number in
        // the lowest bits. Compared by hand: `min` and `max` would look for numbers that are none.
        let least = |a: f32, b: f32| if a < b { a } else { b };
        let alpha = least(sum[3], 255.0);
        sum.map(|value| {
            let value = least(value, alpha);
            (if value > 0.0 { value } else { 0.0 } + 12_582_912.0).to_bits() as u8
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRAIGHT: Map = Map { a: 1.0, b: 0.0, c: 0.0, d: 1.0, e: 0.0, f: 0.0 };

    #[test]
    fn sampling_keeps_pixel_middles_and_flat_grounds() {
        let pixels: Vec<u8> = (0..5 * 4 * 3).map(|at| (at * 4) as u8).collect();
        let source = Source::new(5, 4, 3, Cow::Borrowed(&pixels));
        let tile = source.tile(&STRAIGHT, [0, 0, 5, 4]);
        let at = |x: f64, y: f64| tile.at(tile.place(x, y), Tile::step(1.0, 0.0), 0);
        assert_eq!(at(2.5, 1.5)[..3], pixels[(5 + 2) * 3..][..3]);
        assert_eq!(tile.at(tile.place(0.5, 1.5), Tile::step(1.0, 0.0), 4), at(4.5, 1.5));
        let flat = vec![200u8; 6 * 6 * 4];
        let source = Source::new(6, 6, 4, Cow::Borrowed(&flat));
        let tile = source.tile(&STRAIGHT, [0, 0, 6, 6]);
        for (x, y) in [(0.0, 0.0), (3.3, 2.7), (6.0, 6.0), (-4.0, 9.0)] {
            assert_eq!(tile.at(tile.place(x, y), Tile::step(0.0, 0.0), 0), [200; 4]);
        }
    }

    #[test]
    fn rows_that_begin_beside_the_source_come_to_it_in_the_right_place() {
        let pixels: Vec<u8> = (0..40 * 3).map(|at| at as u8 / 3 * 6).collect();
        let source = Source::new(40, 1, 3, Cow::Borrowed(&pixels));
        let map = Map { e: -30.0, ..STRAIGHT };
        let tile = source.tile(&map, [0, 0, 70, 1]);
        let (from, step) = (tile.place(0.5 - 30.0, 0.5), Tile::step(1.0, 0.0));
        for x in 0..70u32 {
            assert_eq!(tile.at(from, step, x)[0], x.saturating_sub(30) as u8 * 6, "{x}");
        }
    }

    #[test]
    fn places_beside_the_source_show_its_edge() {
        let source = Source::new(2, 2, 3, Cow::Owned(vec![90; 12]));
        for part in [[0, 0, 3, 3], [50, 0, 3, 3], [0, 70, 9, 1]] {
            let tile = source.tile(&STRAIGHT, part);
            let from = tile.place(f64::from(part[0]) + 0.5, f64::from(part[1]) + 0.5);
            assert_eq!(tile.at(from, Tile::step(0.0, 0.0), 0), [90, 90, 90, 255]);
        }
    }
}
