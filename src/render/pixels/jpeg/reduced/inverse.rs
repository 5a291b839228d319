//! From frequencies to pixels: the inverse cosine transform at fewer points.

use crate::{to_bytes, to_eight_bytes, to_sixteen_bytes};
use std::f64::consts::PI;
use std::sync::LazyLock;
use wide::{f32x4, i32x4};

/// For one to eight points: how much each frequency (first index) adds to each point, with zeros beyond.
struct Waves {
    across: [[f32x4; 2]; 8],
    down: [[f32; 8]; 8],
}

static WAVES: LazyLock<[Waves; 8]> = LazyLock::new(|| {
    std::array::from_fn(|at| {
        let points = at + 1;
        let wave = |frequency: usize, at: usize| {
            if frequency >= points || at >= points {
                return 0.0;
            }
            let height = if frequency == 0 { 0.125f64.sqrt() } else { 0.5 };
            (height * ((2 * at + 1) as f64 * frequency as f64 * PI / (2 * points) as f64).cos()) as f32
        };
        Waves {
            across: std::array::from_fn(|frequency| {
                std::array::from_fn(|half| f32x4::new(std::array::from_fn(|at| wave(frequency, half * 4 + at))))
            }),
            down: std::array::from_fn(|frequency| std::array::from_fn(|at| wave(frequency, at))),
        }
    })
});

/// How blocks of one component are transformed.
pub struct Inverse {
    points: (usize, usize),
    across: &'static [[f32x4; 2]; 8],
    down: &'static [[f32; 8]; 8],
    /// What stored numbers are multiplied with, zero for what does not count.
    steps: [[f32x4; 2]; 8],
}

impl Inverse {
    /// To so many points across and down, 1 to 8 each, with the quantisation row by row.
    pub fn new(points: (usize, usize), quantization: &[f32; 64]) -> Option<Inverse> {
        let (across, down) = (WAVES.get(points.0.checked_sub(1)?)?, WAVES.get(points.1.checked_sub(1)?)?);
        let step = |x: usize, y: usize| if x < points.0 && y < points.1 { quantization[y * 8 + x] } else { 0.0 };
        let steps = std::array::from_fn(|y| {
            std::array::from_fn(|half| f32x4::new(std::array::from_fn(|at| step(half * 4 + at, y))))
        });
        Some(Inverse { points, across: &across.across, down: &down.down, steps })
    }

    /// Writes a block to `to`, whose rows are `stride` bytes apart. Its numbers lie in rows of four, or of eight where there are more than four
    /// points across. `reach` has a bit for each row and column that there is more of than the very first.
    #[inline(always)]
    pub fn write(&self, block: &[i16], reach: u8, to: &mut [u8], stride: usize) {
        match self.points {
            _ if reach == 0 => self.plain(block, to, stride),
            (3, 3) => self.square::<3>(block, to, stride),
            (2, 2) => self.square::<2>(block, to, stride),
            (4, 4) => self.square::<4>(block, to, stride),
            (..=4, _) => self.separable::<1>(block, reach, to, stride),
            _ => self.separable::<2>(block, reach, to, stride),
        }
    }

    /// Nothing but the mean.
    #[inline(always)]
    fn plain(&self, block: &[i16], to: &mut [u8], stride: usize) {
        let [mean, ..] = (f32x4::splat(block.first().copied().unwrap_or(0).into()) * self.steps[0][0]).to_array();
        let four = to_bytes(f32x4::splat(mean / 8.0 + 128.0));
        for row in to.chunks_mut(stride).take(self.points.1) {
            match row.first_chunk_mut::<8>() {
                // What is too much is written over by the next block.
                Some(to) => to.as_chunks_mut().0.fill(four),
                None => row.iter_mut().take(self.points.0).for_each(|to| *to = four[0]),
            }
        }
    }

    /// To as many points down as across, of which there are at most four.
    #[inline(always)]
    fn square<const POINTS: usize>(&self, block: &[i16], to: &mut [u8], stride: usize) {
        let mut rows = [f32x4::splat(0.0); POINTS];
        for ((row, four), steps) in rows.iter_mut().zip(block.as_chunks::<4>().0).zip(&self.steps) {
            *row = i32x4::new(four.map(i32::from)).round_float() * steps[0];
        }
        let mut lines = [f32x4::splat(0.0); 4];
        for (y, line) in lines.iter_mut().enumerate().take(POINTS) {
            let mut column = f32x4::splat(0.0);
            for (row, wave) in rows.iter().zip(self.down) {
                column += *row * f32x4::splat(wave[y & 7]);
            }
            for (value, wave) in column.to_array().into_iter().zip(self.across).take(POINTS) {
                *line += wave[0] * f32x4::splat(value);
            }
            *line += f32x4::splat(128.0);
        }
        for (bytes, row) in to_sixteen_bytes(lines).into_iter().zip(to.chunks_mut(stride)).take(POINTS) {
            match row.first_chunk_mut::<4>() {
                Some(to) => *to = bytes,
                None => row.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte),
            }
        }
    }

    #[inline(never)]
    fn separable<const HALVES: usize>(&self, block: &[i16], reach: u8, to: &mut [u8], stride: usize) {
        let used = 8 - reach.leading_zeros() as usize;
        let mut rows = [[f32x4::splat(0.0); HALVES]; 8];
        for ((row, numbers), steps) in rows.iter_mut().zip(block.chunks_exact(HALVES * 4)).zip(&self.steps).take(used) {
            for ((half, four), steps) in row.iter_mut().zip(numbers.as_chunks::<4>().0).zip(steps) {
                *half = i32x4::new(four.map(i32::from)).round_float() * *steps;
            }
        }
        for (y, to) in to.chunks_mut(stride).take(self.points.1).enumerate() {
            let mut column = [f32x4::splat(0.0); HALVES];
            for (row, wave) in rows.iter().take(used).zip(self.down) {
                for (sum, four) in column.iter_mut().zip(row) {
                    *sum += *four * f32x4::splat(wave[y & 7]);
                }
            }
            let mut sums = [f32x4::splat(0.0); HALVES];
            let column = column.map(f32x4::to_array);
            for (value, wave) in column.as_flattened().iter().zip(self.across).take(used) {
                for (sum, heights) in sums.iter_mut().zip(wave) {
                    *sum += *heights * f32x4::splat(*value);
                }
            }
            let grey = f32x4::splat(128.0);
            let bytes = to_eight_bytes([sums[0] + grey, sums[HALVES - 1] + grey]);
            match to.first_chunk_mut::<8>() {
                Some(to) => *to = bytes,
                None => to.iter_mut().take(self.points.0).zip(bytes).for_each(|(to, byte)| *to = byte),
            }
        }
    }
}
