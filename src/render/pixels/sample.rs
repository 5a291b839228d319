//! Pixels between pixels, by Catmull and Rom's cubic spline.

use super::{Map, to_bytes};
use std::borrow::Cow;
use std::sync::LazyLock;
use wide::{f32x4, i16x8};

/// Weights of four neighbours for 256 places between the middle two, in 1/2048, which add up to exactly one.
struct Weights {
    /// Of the first two and of the last two, once for each channel.
    across: [[i16x8; 2]; 256],
    /// Divided by 2048 twice, since the sums they are for are of whole numbers.
    down: [[f32; 4]; 256],
}

static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| {
    let mut table = Weights { across: [[i16x8::splat(0); 2]; 256], down: [[0.0; 4]; 256] };
    for (at, (across, down)) in table.across.iter_mut().zip(&mut table.down).enumerate() {
        let t = at as f64 / 256.0;
        let exact = [
            ((2.0 - t) * t - 1.0) * t / 2.0,
            ((3.0 * t - 5.0) * t * t + 2.0) / 2.0,
            ((4.0 - 3.0 * t) * t + 1.0) * t / 2.0,
            (t - 1.0) * t * t / 2.0,
        ];
        let mut whole = exact.map(|weight| (weight * 2048.0).round() as i16);
        // Rounding must not change the brightness.
        whole[1] += 2048 - whole.iter().sum::<i16>();
        let [a, b, c, d] = whole;
        *across = [i16x8::new([a, b, a, b, a, b, a, b]), i16x8::new([c, d, c, d, c, d, c, d])];
        *down = whole.map(|weight| f32::from(weight) / (2048.0 * 2048.0));
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

    /// Nothing of it can be seen through.
    pub fn is_opaque(&self) -> bool {
        self.channels == 3
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
        let mut pairs = Vec::with_capacity(((x1 - x0) * (y1 - y0)) as usize);
        for y in y0..y1 {
            let stride = self.width as usize * self.channels;
            let start = y.clamp(0, self.height - 1) as usize * stride;
            let row = &self.pixels[start..start + stride];
            if self.channels == 3 {
                pair_up::<3>(row, x0, x1, &mut pairs);
            } else {
                pair_up::<4>(row, x0, x1, &mut pairs);
            }
        }
        let most = Place { x: (x1 - x0 - 4) << 32, y: (y1 - y0 - 4) << 32 };
        Tile { x: x0, y: y0, width: (x1 - x0) as usize, most, pairs, is_opaque: self.is_opaque(), weights: &WEIGHTS }
    }
}

/// Columns `x0..x1` of a row, each beside its right neighbour, channel by channel; the edges are repeated, and without an alpha it
/// is 255.
fn pair_up<const N: usize>(row: &[u8], x0: i64, x1: i64, out: &mut Vec<i16x8>) {
    let (pixels, _) = row.as_chunks::<N>();
    let last = pixels.len() as i64 - 1;
    let pair = |a: &[u8; N], b: &[u8; N]| {
        let alpha = |pixel: &[u8; N]| if N == 4 { i16::from(pixel[N - 1]) } else { 255 };
        let of = |at: usize| (i16::from(a[at]), i16::from(b[at]));
        let ((r, r2), (g, g2), (b2, b3)) = (of(0), of(1), of(2));
        i16x8::new([r, r2, g, g2, b2, b3, alpha(a), alpha(b)])
    };
    let at = |x: i64| &pixels[x.clamp(0, last) as usize];
    let (from, to) = (x0.clamp(0, last), x1.clamp(0, last));
    out.extend((x0..from).map(|x| pair(at(x), at(x + 1))));
    let inner = &pixels[from as usize..=to.max(from) as usize];
    out.extend(inner.windows(2).map(|two| pair(&two[0], &two[1])));
    out.extend((to.max(from)..x1).map(|x| pair(at(x), at(x + 1))));
}

/// A part of a source, spread out for speed.
pub struct Tile {
    x: i64,
    y: i64,
    width: usize,
    /// Where the last four neighbours begin.
    most: Place,
    pairs: Vec<i16x8>,
    is_opaque: bool,
    weights: &'static Weights,
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

    /// The colours from `first` steps on from a place, premultiplied.
    pub fn row(&self, from: Place, step: Place, first: u32, to: &mut [[u8; 4]]) {
        let along = |steps: u32| {
            let steps = i64::from(steps);
            Place { x: from.x + step.x * steps, y: from.y + step.y * steps }
        };
        // A row may begin or end where there is no photo and nothing is drawn.
        let inside = |at: Place| Place { x: at.x.clamp(0, self.most.x), y: at.y.clamp(0, self.most.y) };
        let is_inside = |at: Place| (0..=self.most.x).contains(&at.x) && (0..=self.most.y).contains(&at.y);
        let last = first + to.len().saturating_sub(1) as u32;
        let whole = is_inside(along(first)) && is_inside(along(last));
        match (whole, self.is_opaque) {
            (true, true) => (first..).zip(to).for_each(|(steps, to)| *to = self.at::<true>(along(steps))),
            (true, false) => (first..).zip(to).for_each(|(steps, to)| *to = self.at::<false>(along(steps))),
            _ => (first..).zip(to).for_each(|(steps, to)| *to = self.at::<false>(inside(along(steps)))),
        }
    }

    #[inline(always)]
    fn at<const OPAQUE: bool>(&self, Place { x, y }: Place) -> [u8; 4] {
        let [first, second] = self.weights.across[(x >> 24) as usize & 255];
        let down = &self.weights.down[(y >> 24) as usize & 255];
        let start = (y >> 32) as usize * self.width + (x >> 32) as usize;
        let mut sum = f32x4::splat(0.0);
        for (row, weight) in down.iter().enumerate() {
            let Some(four) = self.pairs.get(start + row * self.width..).and_then(|rest| rest.first_chunk::<4>()) else {
                return [0; 4];
            };
            // Whole numbers below 2²⁴, so nothing is rounded before the weighing down.
            let line = four[0].dot(first) + four[2].dot(second);
            sum += line.round_float() * f32x4::splat(*weight);
        }
        let bytes = to_bytes(sum);
        if OPAQUE {
            return bytes;
        }
        // Overshoot must not make a colour brighter than its own alpha.
        let [red, green, blue, alpha] = bytes;
        [red.min(alpha), green.min(alpha), blue.min(alpha), alpha]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(tile: &Tile, from: Place, step: Place, steps: u32) -> [u8; 4] {
        let mut color = [[0; 4]];
        tile.row(from, step, steps, &mut color);
        color[0]
    }

    const STRAIGHT: Map = Map { a: 1.0, b: 0.0, c: 0.0, d: 1.0, e: 0.0, f: 0.0 };

    #[test]
    fn sampling_keeps_pixel_middles_and_flat_grounds() {
        let pixels: Vec<u8> = (0..5 * 4 * 3).map(|at| (at * 4) as u8).collect();
        let source = Source::new(5, 4, 3, Cow::Borrowed(&pixels));
        let tile = source.tile(&STRAIGHT, [0, 0, 5, 4]);
        let at = |x: f64, y: f64| one(&tile, tile.place(x, y), Tile::step(1.0, 0.0), 0);
        assert_eq!(at(2.5, 1.5)[..3], pixels[(5 + 2) * 3..][..3]);
        assert_eq!(one(&tile, tile.place(0.5, 1.5), Tile::step(1.0, 0.0), 4), at(4.5, 1.5));
        let flat = vec![200u8; 6 * 6 * 4];
        let source = Source::new(6, 6, 4, Cow::Borrowed(&flat));
        let tile = source.tile(&STRAIGHT, [0, 0, 6, 6]);
        for (x, y) in [(0.0, 0.0), (3.3, 2.7), (6.0, 6.0), (-4.0, 9.0)] {
            assert_eq!(one(&tile, tile.place(x, y), Tile::step(0.0, 0.0), 0), [200; 4]);
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
            assert_eq!(one(&tile, from, step, x)[0], x.saturating_sub(30) as u8 * 6, "{x}");
        }
    }

    #[test]
    fn places_beside_the_source_show_its_edge() {
        let source = Source::new(2, 2, 3, Cow::Owned(vec![90; 12]));
        for part in [[0, 0, 3, 3], [50, 0, 3, 3], [0, 70, 9, 1]] {
            let tile = source.tile(&STRAIGHT, part);
            let from = tile.place(f64::from(part[0]) + 0.5, f64::from(part[1]) + 0.5);
            assert_eq!(one(&tile, from, Tile::step(0.0, 0.0), 0), [90, 90, 90, 255]);
        }
    }
}
