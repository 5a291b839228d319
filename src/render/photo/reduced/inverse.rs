//! From frequencies to pixels: the inverse cosine transform at fewer points.

use crate::render::pixels::{to_bytes, to_eight_bytes};
use std::f64::consts::PI;
use std::sync::LazyLock;
use wide::f32x4;

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

/// How many rows and columns of frequencies hold the first ones in the order of storing.
static USED: LazyLock<[u8; 65]> = LazyLock::new(|| {
    let mut used = [1; 65];
    for (last, place) in super::ZIGZAG.into_iter().enumerate() {
        used[last + 1] = used[last].max(place % 8 + 1).max(place / 8 + 1);
    }
    used
});

/// How blocks of one component are transformed.
pub struct Inverse {
    points: (usize, usize),
    across: &'static [[f32x4; 2]; 8],
    down: &'static [[f32; 8]; 8],
    used: &'static [u8; 65],
}

impl Inverse {
    /// To so many points across and down, 1 to 8 each.
    pub fn new(points: (usize, usize)) -> Option<Inverse> {
        let (across, down) = (WAVES.get(points.0.checked_sub(1)?)?, WAVES.get(points.1.checked_sub(1)?)?);
        Some(Inverse { points, across: &across.across, down: &down.down, used: &USED })
    }

    /// Writes a block to `to`, whose rows are `stride` bytes apart. In the order of storing, all frequencies from `last` on are zero.
    #[inline]
    pub fn write(&self, block: &[f32; 64], last: usize, to: &mut [u8], stride: usize) {
        if last <= 1 {
            let [value, ..] = to_bytes(f32x4::splat(block[0] / 8.0 + 128.0));
            to.chunks_mut(stride).take(self.points.1).for_each(|row| row[..self.points.0].fill(value));
        } else if self.points.0 > 4 {
            self.separable::<2>(block, last, to, stride);
        } else {
            self.separable::<1>(block, last, to, stride);
        }
    }

    #[inline]
    fn separable<const HALVES: usize>(&self, block: &[f32; 64], last: usize, to: &mut [u8], stride: usize) {
        let used = usize::from(self.used[last.min(64)]);
        let rows = block.as_chunks::<8>().0.iter().take(used);
        let rows = rows.map(|row| row.as_chunks::<4>().0);
        for (y, to) in to.chunks_mut(stride).take(self.points.1).enumerate() {
            let mut column = [f32x4::splat(0.0); HALVES];
            for (row, wave) in rows.clone().zip(self.down) {
                for (sum, four) in column.iter_mut().zip(row) {
                    *sum += f32x4::new(*four) * f32x4::splat(wave[y & 7]);
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
                // What is too much is written over by the next block.
                Some(to) => *to = bytes,
                None => to.iter_mut().take(self.points.0).zip(bytes).for_each(|(to, byte)| *to = byte),
            }
        }
    }
}
