//! From frequencies to pixels: the inverse cosine transform at fewer points.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// For 1, 2, 4 and 8 points: how much each frequency (first index) adds to each point (second index), with zeros beyond.
static WAVES: LazyLock<[[[f32; 8]; 8]; 4]> = LazyLock::new(|| {
    let mut tables = [[[0.0; 8]; 8]; 4];
    for (table, points) in tables.iter_mut().zip([1u32, 2, 4, 8]) {
        for (frequency, wave) in table.iter_mut().enumerate().take(points as usize) {
            let height = if frequency == 0 { 0.125f64.sqrt() } else { 0.5 };
            for (at, value) in wave.iter_mut().enumerate().take(points as usize) {
                let angle = (2 * at + 1) as f64 * frequency as f64 * PI / f64::from(2 * points);
                *value = (height * angle.cos()) as f32;
            }
        }
    }
    tables
});

/// Writes a block of `points` (1, 2, 4 or 8 each way) to `to`, whose rows are `stride` bytes apart. In the order of storing, all
/// frequencies from `last` on are zero.
#[inline]
pub fn transform(block: &[f32; 64], last: usize, points: (usize, usize), to: &mut [u8], stride: usize) {
    if last <= 1 {
        let value = byte(block[0] / 8.0);
        to.chunks_mut(stride).take(points.1).for_each(|row| row[..points.0].fill(value));
        return;
    }
    match points {
        (8, 8) => separable::<8, 8>(block, last, to, stride),
        (4, 4) => separable::<4, 4>(block, last, to, stride),
        (2, 2) => separable::<2, 2>(block, last, to, stride),
        (8, 4) => separable::<8, 4>(block, last, to, stride),
        (4, 8) => separable::<4, 8>(block, last, to, stride),
        (4, 2) => separable::<4, 2>(block, last, to, stride),
        (2, 4) => separable::<2, 4>(block, last, to, stride),
        (2, 1) => separable::<2, 1>(block, last, to, stride),
        (1, 2) => separable::<1, 2>(block, last, to, stride),
        _ => separable::<1, 1>(block, last, to, stride),
    }
}

fn separable<const X: usize, const Y: usize>(block: &[f32; 64], last: usize, to: &mut [u8], stride: usize) {
    // The first ten frequencies, and most blocks have no more, lie in the first four rows and columns.
    let used = if last <= 10 { 4 } else { 8 };
    let across = &WAVES[X.ilog2() as usize];
    let down = &WAVES[Y.ilog2() as usize];
    let mut columns = [[0.0f32; X]; Y];
    for (row, wave) in block.chunks_exact(8).zip(down).take(Y.min(used)) {
        for (column, height) in columns.iter_mut().zip(wave) {
            for (sum, value) in column.iter_mut().zip(row) {
                *sum += value * height;
            }
        }
    }
    for (column, row) in columns.iter().zip(to.chunks_mut(stride)) {
        let mut sums = [0.0f32; X];
        for (value, wave) in column.iter().zip(across).take(used) {
            for (sum, height) in sums.iter_mut().zip(wave) {
                *sum += value * height;
            }
        }
        for (to, sum) in row.iter_mut().zip(sums) {
            *to = byte(sum);
        }
    }
}

/// Around the middle grey. Adding 1.5 · 2²³ rounds, and leaves the whole number in the lowest bits.
#[inline]
fn byte(value: f32) -> u8 {
    ((value + 128.0).clamp(0.0, 255.0) + 12_582_912.0).to_bits() as u8
}
