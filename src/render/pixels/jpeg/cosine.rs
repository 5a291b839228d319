//! The cosine transform of 8 × 8 blocks and back (Arai, Agui and Nakajima's), eight numbers at a time.
//!
//! A block is eight lines of two vectors. Both ways turn it: what goes in by rows comes out by columns. What is left out of the
//! steps, a factor for each frequency, belongs into the tables of quantisation: see [`SCALE`].

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};
use wide::f32x4;

pub type Block = [[f32x4; 2]; 8];

/// What a frequency comes out too large by, forwards, in each direction; 8 more in both together.
pub const SCALE: [f64; 8] =
    [1.0, 1.387_039_845, 1.306_562_965, 1.175_875_602, 1.0, 0.785_694_958, 0.541_196_100, 0.275_899_379];

#[inline(always)]
fn times(value: f32x4, by: f32) -> f32x4 {
    value * f32x4::splat(by)
}

/// From points to frequencies.
#[inline(always)]
pub fn forward(block: &mut Block) {
    forward_lines(block);
    turn(block);
    forward_lines(block);
}

/// From frequencies to points.
#[inline(always)]
pub fn inverse(block: &mut Block) {
    inverse_lines(block);
    turn(block);
    inverse_lines(block);
}

#[inline(always)]
fn forward_lines(block: &mut Block) {
    for half in [0, 1] {
        let d: [f32x4; 8] = std::array::from_fn(|line| block[line][half]);
        let (s0, s7, s1, s6) = (d[0] + d[7], d[0] - d[7], d[1] + d[6], d[1] - d[6]);
        let (s2, s5, s3, s4) = (d[2] + d[5], d[2] - d[5], d[3] + d[4], d[3] - d[4]);
        let (e0, e3, e1, e2) = (s0 + s3, s0 - s3, s1 + s2, s1 - s2);
        block[0][half] = e0 + e1;
        block[4][half] = e0 - e1;
        let z = times(e2 + e3, FRAC_1_SQRT_2);
        block[2][half] = e3 + z;
        block[6][half] = e3 - z;
        let (o0, o1, o2) = (s4 + s5, s5 + s6, s6 + s7);
        let z5 = times(o0 - o2, 0.382_683_43);
        let z2 = times(o0, 0.541_196_1) + z5;
        let z4 = times(o2, 1.306_563) + z5;
        let z3 = times(o1, FRAC_1_SQRT_2);
        let (z11, z13) = (s7 + z3, s7 - z3);
        block[5][half] = z13 + z2;
        block[3][half] = z13 - z2;
        block[1][half] = z11 + z4;
        block[7][half] = z11 - z4;
    }
}

#[inline(always)]
fn inverse_lines(block: &mut Block) {
    for half in [0, 1] {
        let d: [f32x4; 8] = std::array::from_fn(|line| block[line][half]);
        let (a, b, c) = (d[0] + d[4], d[0] - d[4], d[2] + d[6]);
        let e = times(d[2] - d[6], SQRT_2) - c;
        let (e0, e3, e1, e2) = (a + c, a - c, b + e, b - e);
        let (z13, z10, z11, z12) = (d[5] + d[3], d[5] - d[3], d[1] + d[7], d[1] - d[7]);
        let o7 = z11 + z13;
        let t = times(z11 - z13, SQRT_2);
        let z5 = times(z10 + z12, 1.847_759);
        let o6 = z5 - times(z10, 2.613_126) - o7;
        let o5 = t - o6;
        let o4 = z5 - times(z12, 1.082_392_2) - o5;
        block[0][half] = e0 + o7;
        block[7][half] = e0 - o7;
        block[1][half] = e1 + o6;
        block[6][half] = e1 - o6;
        block[2][half] = e2 + o5;
        block[5][half] = e2 - o5;
        block[3][half] = e3 + o4;
        block[4][half] = e3 - o4;
    }
}

/// Rows become columns.
#[inline(always)]
fn turn(block: &mut Block) {
    let quarter = |block: &Block, line: usize, half: usize| {
        f32x4::transpose([block[line][half], block[line + 1][half], block[line + 2][half], block[line + 3][half]])
    };
    let [a, b, c, d] = [quarter(block, 0, 0), quarter(block, 0, 1), quarter(block, 4, 0), quarter(block, 4, 1)];
    for at in 0..4 {
        block[at] = [a[at], c[at]];
        block[at + 4] = [b[at], d[at]];
    }
}
