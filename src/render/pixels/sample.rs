//! Pixels between pixels, by Catmull and Rom's cubic spline.

use std::borrow::Cow;
use std::sync::LazyLock;

/// Weights of four neighbours for 256 places between the middle two, in 1/2048.
static WEIGHTS: LazyLock<[[i32; 4]; 256]> = LazyLock::new(|| {
    let mut table = [[0; 4]; 256];
    for (at, weights) in table.iter_mut().enumerate() {
        let t = at as f64 / 256.0;
        let exact = [
            ((2.0 - t) * t - 1.0) * t / 2.0,
            ((3.0 * t - 5.0) * t * t + 2.0) / 2.0,
            ((4.0 - 3.0 * t) * t + 1.0) * t / 2.0,
            (t - 1.0) * t * t / 2.0,
        ];
        *weights = exact.map(|weight| (weight * 2048.0).round() as i32);
        // Rounding must not change the brightness.
        weights[1] += 2048 - weights.iter().sum::<i32>();
    }
    table
});

/// Pixels to sample from; four channels are premultiplied.
pub struct Source<'a> {
    width: i64,
    height: i64,
    channels: usize,
    pixels: Cow<'a, [u8]>,
    weights: &'static [[i32; 4]; 256],
}

impl<'a> Source<'a> {
    pub fn new(width: u32, height: u32, channels: u8, pixels: Cow<'a, [u8]>) -> Self {
        Self { width: width.into(), height: height.into(), channels: channels.into(), pixels, weights: &WEIGHTS }
    }

    /// The colour at a point in pixels (the first pixel's middle is 0.5, 0.5), premultiplied.
    pub fn at(&self, x: f64, y: f64) -> [u8; 4] {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let across = &self.weights[((x - left) * 256.0) as usize & 255];
        let down = &self.weights[((y - top) * 256.0) as usize & 255];
        let (left, top) = (left as i64 - 1, top as i64 - 1);
        if self.channels == 3 {
            let sum = self.sum::<3>(left, top, across, down);
            [sum[0], sum[1], sum[2], 255]
        } else {
            let sum = self.sum::<4>(left, top, across, down);
            // Overshoot must not make a colour brighter than its own alpha.
            [sum[0].min(sum[3]), sum[1].min(sum[3]), sum[2].min(sum[3]), sum[3]]
        }
    }

    #[inline]
    fn sum<const N: usize>(&self, left: i64, top: i64, across: &[i32; 4], down: &[i32; 4]) -> [u8; N] {
        let stride = self.width as usize * N;
        let mut total = [0i32; N];
        let inside = left >= 0 && left + 4 <= self.width;
        for (row, weight) in down.iter().enumerate() {
            let y = (top + row as i64).clamp(0, self.height - 1) as usize;
            let line = &self.pixels[y * stride..(y + 1) * stride];
            let mut sum = [0i32; N];
            if inside {
                let four = &line[left as usize * N..(left as usize + 4) * N];
                for (pixel, weight) in four.chunks_exact(N).zip(across) {
                    for channel in 0..N {
                        sum[channel] += i32::from(pixel[channel]) * weight;
                    }
                }
            } else {
                for (column, weight) in across.iter().enumerate() {
                    let x = (left + column as i64).clamp(0, self.width - 1) as usize;
                    for channel in 0..N {
                        sum[channel] += i32::from(line[x * N + channel]) * weight;
                    }
                }
            }
            for channel in 0..N {
                total[channel] += sum[channel] * weight;
            }
        }
        total.map(|value| ((value + (1 << 21)) >> 22).clamp(0, 255) as u8)
    }
}
