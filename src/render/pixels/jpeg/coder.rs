//! Coding JPEGs, and reading them back.
//!
//! Designs keep the colours of every pixel, so that thin coloured letters stay clean. Copies of photos whose colours came at half the size have
//! them so as well: there is nothing more to keep.
//!
//! A restart marker (ITU-T T.81, E.1.4) stands after every row of blocks: after one a decoder has forgotten all that came before, so rows
//! are coded and read on their own, on as many cores as there are.

use super::bits;
use super::code::{Bits, CHROMA_AC, CHROMA_DC, LUMA_AC, LUMA_DC, Table};
use super::cosine::{self, Block, SCALE};
use super::reduced::{Tables, ZIGZAG};
use crate::put_rgb;
use wide::bytemuck::cast;
use wide::{f32x4, i16x8, i32x4, i32x8};

/// Annex K.1, row by row.
const LUMA: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMA: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99,
];

/// Codes by destination: luma first, then chroma.
static DC: [Table; 2] = [Table::new(&LUMA_DC), Table::new(&CHROMA_DC)];
static AC: [Table; 2] = [Table::new(&LUMA_AC), Table::new(&CHROMA_AC)];

/// Luma and chroma are made of colours in 2⁻¹⁵.
const PARTS: f64 = 32_768.0;

/// Where in a turned block the frequencies stand, in the order of storing.
const TURNED: [u8; 64] = {
    let mut places = [0; 64];
    let mut at = 0;
    while at < 64 {
        places[at] = ZIGZAG[at] % 8 * 8 + ZIGZAG[at] / 8;
        at += 1;
    }
    places
};

/// For each line of a turned block: which of its frequencies are there, from a bit for each to a bit for each in the order of storing.
static ORDER: [[u64; 256]; 8] = {
    let mut order = [[0; 256]; 8];
    let mut at = 0;
    while at < 64 {
        let (line, place) = (TURNED[at] as usize / 8, TURNED[at] % 8);
        let mut bits = 0;
        while bits < 256 {
            if bits >> place & 1 == 1 {
                order[line][bits] |= 1 << at;
            }
            bits += 1;
        }
        at += 1;
    }
    order
};

/// Coarseness of the frequencies of luma or chroma.
struct Steps {
    /// Row by row.
    bytes: [u8; 64],
    forward: Block,
    inverse: Block,
}

impl Steps {
    /// The usual scale of qualities, 1–100 (that of the Independent JPEG Group).
    fn new(base: &[u8; 64], quality: u8) -> Steps {
        let quality = u32::from(quality.clamp(1, 100));
        let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
        let bytes = base.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u8);
        let steps = bytes.map(f32::from);
        let forward = |u: usize, v: usize| 1.0 / (f64::from(bytes[v * 8 + u]) * SCALE[u] * SCALE[v] * 8.0 * PARTS);
        Steps { bytes, forward: turned(forward), inverse: inverse(&steps) }
    }
}

/// What stored numbers are multiplied with before they are transformed back.
fn inverse(steps: &[f32; 64]) -> Block {
    turned(|u, v| f64::from(steps[v * 8 + u]) * SCALE[u] * SCALE[v] / 8.0)
}

/// A turned block from what there is for each frequency across and down.
fn turned(value: impl Fn(usize, usize) -> f64) -> Block {
    std::array::from_fn(|u| {
        std::array::from_fn(|half| f32x4::new(std::array::from_fn(|at| value(u, half * 4 + at) as f32)))
    })
}

/// How many colours a file keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    /// That of each pixel.
    Full,
    /// One for two by two pixels.
    Halved,
}

impl Colors {
    /// Pixels of a unit, the least that can be coded, in each direction.
    pub const fn unit(self) -> usize {
        match self {
            Colors::Full => 8,
            Colors::Halved => 16,
        }
    }

    /// The components of a unit's blocks.
    fn blocks(self) -> &'static [usize] {
        match self {
            Colors::Full => &[0, 1, 2],
            Colors::Halved => &[0, 0, 0, 0, 1, 2],
        }
    }

    /// What a frame header says of the three components.
    fn components(self) -> [u8; 10] {
        let luma = if self == Colors::Full { 0x11 } else { 0x22 };
        [3, 0, luma, 0, 1, 0x11, 1, 2, 0x11, 1]
    }
}

/// Codes pictures of one quality.
pub struct Coder {
    steps: [Steps; 2],
}

impl Coder {
    /// `quality` 1–100.
    pub fn new(quality: u8) -> Coder {
        Coder { steps: [Steps::new(&LUMA, quality), Steps::new(&CHROMA, quality)] }
    }

    /// All that comes before the rows of blocks. With a `density` (pixels an inch) and a colour profile where the file leaves the screen.
    pub fn headers(
        &self,
        (width, height): (u16, u16),
        colors: Colors,
        density: Option<u16>,
        profile: Option<&[u8]>,
    ) -> Vec<u8> {
        let mut out = vec![0xFF, 0xD8];
        let mut segment = |marker: u8, data: &[u8]| {
            out.extend_from_slice(&[0xFF, marker]);
            out.extend_from_slice(&(data.len() as u16 + 2).to_be_bytes());
            out.extend_from_slice(data);
        };
        let [high, low] = density.unwrap_or(1).to_be_bytes();
        segment(0xE0, &[b'J', b'F', b'I', b'F', 0, 1, 2, density.is_some().into(), high, low, high, low, 0, 0]);
        // One of one; ICC.1:2022, B.4.
        profile.iter().for_each(|profile| segment(0xE2, &[b"ICC_PROFILE\0\x01\x01", *profile].concat()));
        for (at, steps) in self.steps.iter().enumerate() {
            let mut data = vec![at as u8];
            data.extend(ZIGZAG.map(|place| steps.bytes[usize::from(place)]));
            segment(0xDB, &data);
        }
        let size = [height.to_be_bytes(), width.to_be_bytes()].concat();
        segment(0xC0, &[[8].as_slice(), &size, &colors.components()].concat());
        for (place, codes) in [(0x00, LUMA_DC), (0x10, LUMA_AC), (0x01, CHROMA_DC), (0x11, CHROMA_AC)] {
            segment(0xC4, &[[place].as_slice(), &codes.lengths, codes.symbols].concat());
        }
        segment(0xDD, &width.div_ceil(colors.unit() as u16).to_be_bytes());
        segment(0xDA, &[3, 0, 0x00, 1, 0x11, 2, 0x11, 0, 63, 0]);
        out
    }

    /// Codes rows of `width` pixels of 3 or 4 channels (a fourth is dropped), with a marker before each row of blocks that is not the
    /// picture's first. `first_row` of blocks is where they stand in the picture. Only the last rows may be other than a multiple of
    /// eight.
    pub fn rows(&self, pixels: &[u8], width: usize, channels: usize, first_row: usize, out: &mut Vec<u8>) {
        let mut strip = Strip::new(width);
        for (row, some) in (first_row..).zip(pixels.chunks((width * channels * 8).max(1))) {
            strip.fill(some, channels);
            self.row(&strip, row, out, None);
        }
    }

    /// The same for RGB, which becomes what a decoder will make of it.
    pub fn rows_as_seen(&self, pixels: &mut [u8], width: usize, first_row: usize, out: &mut Vec<u8>) {
        let mut strip = Strip::new(width);
        for (row, some) in (first_row..).zip(pixels.chunks_mut((width * 3 * 8).max(1))) {
            strip.fill(some, 3);
            self.row(&strip, row, out, Some(some));
        }
    }

    /// Codes pairs of rows ([`super::reduced::Opened::each`]) of a picture `width` pixels wide, and makes of them in `seen` the RGB that a decoder will. Only the
    /// last pairs may be other than a multiple of eight.
    pub fn pairs_as_seen(&self, pairs: &[u8], seen: &mut [u8], width: usize, first_row: usize, out: &mut Vec<u8>) {
        let mut halves = Halves::new(width);
        let units = pairs.chunks(halves.pair_bytes() * 8).zip(seen.chunks_mut((width * 3 * 16).max(1)));
        for (row, (some, seen)) in (first_row..).zip(units) {
            halves.fill(some);
            let mut bits = begin_row(row, out);
            let mut last_dc = [0; 3];
            for unit in 0..width.div_ceil(16) {
                let mut blocks = halves.blocks(unit);
                for (block, of) in blocks.iter_mut().zip(Colors::Halved.blocks()) {
                    self.block(block, usize::from(*of > 0), &mut last_dc[*of], &mut bits, true);
                }
                paint_halved(&blocks, seen, width, unit);
            }
            bits.finish();
        }
    }

    fn row(&self, strip: &Strip, row: usize, out: &mut Vec<u8>, mut seen: Option<&mut [u8]>) {
        let mut bits = begin_row(row, out);
        let mut last_dc = [0; 3];
        for column in 0..strip.width.div_ceil(8) {
            let mut planes = strip.planes(column);
            for (at, (plane, last_dc)) in planes.iter_mut().zip(&mut last_dc).enumerate() {
                self.block(plane, usize::from(at > 0), last_dc, &mut bits, seen.is_some());
            }
            if let Some(seen) = &mut seen {
                let lines = seen.len() / (strip.width * 3);
                paint(&planes, seen, strip.width, lines, column);
            }
        }
        bits.finish();
    }

    /// Codes a block of luma (`table` 0) or chroma (1), and restores it where it `is_seen`.
    #[inline(always)]
    fn block(&self, block: &mut Block, table: usize, last_dc: &mut i32, bits: &mut Bits, is_seen: bool) {
        let (which, numbers) = self.steps[table].quantized(block);
        let dc = i32::from(numbers[0]);
        bits.block([&DC[table], &AC[table]], dc - *last_dc, which, |place| numbers[usize::from(TURNED[place & 63])]);
        *last_dc = dc;
        if is_seen {
            restore(block, &numbers, &self.steps[table].inverse);
        }
    }
}

/// Puts the marker between this row of blocks and the one before it.
fn begin_row(row: usize, out: &mut Vec<u8>) -> Bits<'_> {
    if row > 0 {
        out.extend_from_slice(&[0xFF, 0xD0 | (row as u8).wrapping_sub(1) & 7]);
    }
    Bits::new(out)
}

impl Steps {
    /// Which numbers of a block are not zero, in the order of storing, and the numbers, turned. The block holds its points in 2⁻¹⁵.
    #[inline(always)]
    fn quantized(&self, block: &mut Block) -> (u64, [i16; 64]) {
        cosine::forward(block);
        let (mut which, mut numbers) = (0, [0; 64]);
        for (line, ((values, steps), to)) in
            block.iter().zip(&self.forward).zip(numbers.as_chunks_mut::<8>().0).enumerate()
        {
            let halves = [(values[0] * steps[0]).fast_round_int(), (values[1] * steps[1]).fast_round_int()];
            let whole = i16x8::from_i32x8_saturate(cast::<[i32x4; 2], i32x8>(halves));
            which |= ORDER[line][!whole.simd_eq(i16x8::splat(0)).to_bitmask() as usize & 255];
            *to = whole.to_array();
        }
        (which, numbers)
    }
}

/// From numbers, turned, to points around zero.
#[inline(always)]
fn restore(block: &mut Block, numbers: &[i16; 64], steps: &Block) {
    for ((line, numbers), steps) in block.iter_mut().zip(numbers.as_chunks::<8>().0).zip(steps) {
        let value = |at: usize| i32::from(numbers[at]);
        line[0] = i32x4::new([value(0), value(1), value(2), value(3)]).round_float() * steps[0];
        line[1] = i32x4::new([value(4), value(5), value(6), value(7)]).round_float() * steps[1];
    }
    cosine::inverse(block);
}

/// Puts a block's colours (T.871) into RGB rows.
#[inline(always)]
fn paint([luma, blue, red]: &[Block; 3], rows: &mut [u8], width: usize, lines: usize, column: usize) {
    let columns = (width - column * 8).min(8);
    for line in 0..lines.min(8) {
        let start = (line * width + column * 8) * 3;
        let colors = (0..2).map(|half| mixed(luma[line][half], tint(blue[line][half], red[line][half])));
        put_rgb(colors, &mut rows[start..start + columns * 3]);
    }
}

/// The same for four blocks of luma and one of each chroma.
#[inline(always)]
fn paint_halved(blocks: &[Block; 6], rows: &mut [u8], width: usize, unit: usize) {
    let (luma, [blue, red]) = (blocks, [&blocks[4], &blocks[5]]);
    let lines = rows.len() / (width * 3);
    for line in 0..lines.div_ceil(2).min(8) {
        for side in 0..2 {
            let left = unit * 16 + side * 8;
            let columns = width.saturating_sub(left).min(8);
            let tint = tint(blue[line][side], red[line][side]);
            let tints = [tint.map(|part| part.unpack_lo(part)), tint.map(|part| part.unpack_hi(part))];
            for below in 0..(lines - 2 * line).min(2) {
                let values = &luma[line / 4 * 2 + side][line % 4 * 2 + below];
                let start = ((line * 2 + below) * width + left) * 3;
                let Some(to) = rows.get_mut(start..start + columns * 3) else { continue };
                put_rgb((0..2).map(|half| mixed(values[half], tints[half])), to);
            }
        }
    }
}

/// Within their bounds, as other decoders hold them before they mix colours.
#[inline(always)]
fn bound(values: f32x4) -> f32x4 {
    values.fast_max(f32x4::splat(-128.0)).fast_min(f32x4::splat(127.0))
}

/// What chromas add to red, take twice from green and add to blue (T.871).
#[inline(always)]
fn tint(blue: f32x4, red: f32x4) -> [f32x4; 4] {
    let (cb, cr) = (bound(blue), bound(red));
    [cr * f32x4::splat(1.402), cb * f32x4::splat(0.344_136_3), cr * f32x4::splat(0.714_136_3), cb * f32x4::splat(1.772)]
}

#[inline(always)]
fn mixed(luma: f32x4, [to_red, from_green, more_from_green, to_blue]: [f32x4; 4]) -> [u32; 4] {
    let byte = |value: f32x4| value.fast_max(f32x4::splat(0.0)).fast_min(f32x4::splat(255.0)).fast_round_int();
    let y = bound(luma) + f32x4::splat(128.0);
    let (red, green, blue) = (byte(y + to_red), byte(y - from_green - more_from_green), byte(y + to_blue));
    cast::<i32x4, [u32; 4]>((red | green << 8) | blue << 16)
}

/// Eight rows of pixels, four bytes each, their right and lower edges repeated to fill the last blocks.
struct Strip {
    width: usize,
    stride: usize,
    pixels: Vec<[u8; 4]>,
}

impl Strip {
    fn new(width: usize) -> Strip {
        let stride = width.next_multiple_of(8);
        Strip { width, stride, pixels: vec![[0; 4]; stride * 8] }
    }

    fn fill(&mut self, rows: &[u8], channels: usize) {
        if channels == 4 { self.fill_from::<4>(rows) } else { self.fill_from::<3>(rows) }
    }

    fn fill_from<const N: usize>(&mut self, rows: &[u8]) {
        let (pixels, _) = rows.as_chunks::<N>();
        let mut filled = 0;
        for (row, to) in pixels.chunks_exact(self.width).zip(self.pixels.chunks_exact_mut(self.stride)) {
            if let Some(row) = row.as_flattened().as_chunks::<4>().0.get(..self.width).filter(|_| N == 4) {
                to[..self.width].copy_from_slice(row);
            } else {
                to.iter_mut().zip(row).for_each(|(to, from)| *to = [from[0], from[1], from[2], 0]);
            }
            let edge = to[self.width - 1];
            to[self.width..].fill(edge);
            filled += 1;
        }
        for row in filled..8 {
            let above = (filled.max(1) - 1) * self.stride;
            self.pixels.copy_within(above..above + self.stride, row * self.stride);
        }
    }

    /// Luma and chromas of a block around zero, in 2⁻¹⁵.
    #[inline(always)]
    fn planes(&self, column: usize) -> [Block; 3] {
        let mut planes = [[[f32x4::splat(0.0); 2]; 8]; 3];
        // For pairs of red and blue, and of green and nothing.
        let pair = |a: i16, b: i16| i16x8::new([a, b, a, b, a, b, a, b]);
        let weights = [
            [pair(9_798, 3_735), pair(19_235, 0)],
            [pair(-5_529, 16_384), pair(-10_855, 0)],
            [pair(16_384, -2_664), pair(-13_720, 0)],
        ];
        for line in 0..8 {
            let from = line * self.stride + column * 8;
            let Some(eight) = self.pixels.get(from..).and_then(|rest| rest.first_chunk::<8>()) else { return planes };
            for (half, four) in eight.as_chunks::<4>().0.iter().enumerate() {
                let four = i32x4::new(four.map(i32::from_le_bytes));
                let red_blue: i16x8 = cast(four & i32x4::splat(0x00FF_00FF));
                let green: i16x8 = cast((four >> 8) & i32x4::splat(0xFF));
                let mix = |[a, b]: [i16x8; 2]| red_blue.dot(a) + green.dot(b);
                planes[0][line][half] = (mix(weights[0]) - i32x4::splat(128 << 15)).round_float();
                planes[1][line][half] = mix(weights[1]).round_float();
                planes[2][line][half] = mix(weights[2]).round_float();
            }
        }
        planes
    }
}

/// Pairs of rows whose colours have half the size, as many as units are high: two rows of luma and one of each chroma, the chromas with
/// one value for two of luma. Luma is an even number of pixels wide, even where the picture is not.
struct Halves {
    /// Values of a row of chroma that are there.
    across: usize,
    /// Values of a row of chroma that are coded.
    stride: usize,
    luma: Vec<u8>,
    chromas: [Vec<u8>; 2],
}

impl Halves {
    fn new(width: usize) -> Halves {
        let across = width.div_ceil(2);
        let stride = across.next_multiple_of(8);
        Halves { across, stride, luma: vec![0; 2 * stride * 16], chromas: [vec![0; stride * 8], vec![0; stride * 8]] }
    }

    fn pair_bytes(&self) -> usize {
        self.across * 6
    }

    /// Takes up to eight pairs; right and lower edges are repeated.
    fn fill(&mut self, pairs: &[u8]) {
        let (across, stride) = (self.across, self.stride);
        let put = |to: &mut [u8], from: &[u8]| {
            let (there, beyond) = to.split_at_mut(from.len());
            there.copy_from_slice(from);
            beyond.fill(from.last().copied().unwrap_or(0));
        };
        let mut filled = 0;
        for (at, pair) in pairs.chunks_exact(self.pair_bytes()).take(8).enumerate() {
            let (luma, chromas) = pair.split_at(across * 4);
            for (row, from) in luma.chunks_exact(across * 2).enumerate() {
                put(&mut self.luma[(at * 2 + row) * stride * 2..][..stride * 2], from);
            }
            for (plane, from) in self.chromas.iter_mut().zip(chromas.chunks_exact(across)) {
                put(&mut plane[at * stride..][..stride], from);
            }
            filled = at + 1;
        }
        for at in filled.max(1)..8 {
            for row in [at * 2, at * 2 + 1] {
                let last = (filled.max(1) * 2 - 1) * stride * 2;
                self.luma.copy_within(last..last + stride * 2, row * stride * 2);
            }
            for plane in &mut self.chromas {
                let last = (filled.max(1) - 1) * stride;
                plane.copy_within(last..last + stride, at * stride);
            }
        }
    }

    /// Four blocks of luma and two of chromas around zero, in 2⁻¹⁵.
    #[inline(always)]
    fn blocks(&self, unit: usize) -> [Block; 6] {
        let block = |plane: &[u8], stride: usize, left: usize, top: usize| -> Block {
            let mut block = [[f32x4::splat(0.0); 2]; 8];
            for (line, to) in block.iter_mut().enumerate() {
                let from = (top + line) * stride + left;
                let Some(eight) = plane.get(from..).and_then(|rest| rest.first_chunk::<8>()) else { return block };
                for (half, four) in to.iter_mut().zip(eight.as_chunks::<4>().0) {
                    *half = ((i32x4::new(four.map(i32::from)) - i32x4::splat(128)) << 15u32).round_float();
                }
            }
            block
        };
        let luma = |left: usize, top: usize| block(&self.luma, self.stride * 2, unit * 16 + left, top);
        let [blue, red] = self.chromas.each_ref().map(|plane| block(plane, self.stride, unit * 8, 0));
        [luma(0, 0), luma(8, 0), luma(0, 8), luma(8, 8), blue, red]
    }
}

/// How what [`Coder`] wrote is read back: its tables and size, and where its rows of blocks begin.
pub struct Reader<'f> {
    pub width: u16,
    pub height: u16,
    pub colors: Colors,
    file: &'f [u8],
    tables: Tables,
    inverse: [Block; 3],
    components: [[usize; 2]; 3],
    /// The start of each row of blocks, and the end of the file.
    rows: Vec<usize>,
}

impl<'f> Reader<'f> {
    /// `None` for any other file than one for the screen.
    pub fn new(file: &'f [u8]) -> Option<Reader<'f>> {
        let mut tables = Tables::default();
        let (mut at, mut frame) = (2, None);
        let u16_at = |at: usize| Some(u16::from_be_bytes([*file.get(at)?, *file.get(at + 1)?]));
        let (components, scan) = loop {
            let (marker, length) = (u16_at(at)?, usize::from(u16_at(at + 2)?));
            let segment = file.get(at + 4..at + 2 + length)?;
            at += 2 + length;
            match marker {
                0xFFE0 => {}
                0xFFDB => tables.quantization(segment)?,
                0xFFC4 => tables.huffman(segment)?,
                0xFFDD => tables.restart = usize::from(u16::from_be_bytes(*segment.first_chunk::<2>()?)),
                0xFFC0 => {
                    let colors = [Colors::Full, Colors::Halved]
                        .into_iter()
                        .find(|colors| segment.get(5..).is_some_and(|found| found == colors.components()))?;
                    let (height, width) = (u16_at(at - segment.len() + 1)?, u16_at(at - segment.len() + 3)?);
                    frame = (segment[0] == 8).then_some((width, height, colors));
                }
                0xFFDA => {
                    let [3, 0, luma, 1, blue, 2, red, 0, 63, 0] = *segment else { return None };
                    break ([luma, blue, red].map(|tables| [usize::from(tables >> 4), usize::from(tables & 15)]), at);
                }
                _ => return None,
            }
        };
        let (width, height, colors) = frame.filter(|(width, height, _)| *width > 0 && *height > 0)?;
        if tables.restart != usize::from(width).div_ceil(colors.unit()) {
            return None;
        }
        // A marker is 0xFF and anything but a stuffed zero.
        let mut rows = vec![scan];
        let mut at = scan;
        while let Some(found) = file.get(at..)?.windows(2).position(|pair| pair[0] == 0xFF && pair[1] != 0) {
            at += found + 2;
            rows.push(at);
        }
        if rows.len() != usize::from(height).div_ceil(colors.unit()) + 1 || rows.last() != Some(&file.len()) {
            return None;
        }
        let steps = |at: usize| tables.quantization.get(at)?.as_ref().map(inverse);
        let inverse = [steps(0)?, steps(1)?, steps(1)?];
        Some(Reader { width, height, colors, file, tables, inverse, components, rows })
    }

    /// How many rows of units there are.
    pub fn rows(&self) -> usize {
        self.rows.len() - 1
    }

    /// Rows of units as RGB. `None` for a damaged file.
    pub fn read(&self, rows: std::ops::Range<usize>) -> Option<Vec<u8>> {
        let (width, height, unit) = (usize::from(self.width), usize::from(self.height), self.colors.unit());
        let mut pixels = Vec::with_capacity(rows.len() * unit * width * 3);
        let mut codes = Vec::with_capacity(3);
        for [dc, ac] in self.components {
            codes.push((self.tables.dc.get(dc)?.as_ref()?, self.tables.ac.get(ac)?.as_ref()?));
        }
        for row in rows {
            let mut bits =
                bits::Bits::new(self.file.get(*self.rows.get(row)?..self.rows.get(row + 1)?.checked_sub(2)?)?);
            let lines = (height - row * unit).min(unit);
            let from = pixels.len();
            pixels.resize(from + lines * width * 3, 0);
            let mut last_dc = [0i32; 3];
            for column in 0..width.div_ceil(unit) {
                let mut blocks = [[[f32x4::splat(0.0); 2]; 8]; 6];
                for (block, of) in blocks.iter_mut().zip(self.colors.blocks()) {
                    let (dc, ac) = codes[*of];
                    let mut numbers = [0i16; 64];
                    last_dc[*of] = last_dc[*of].checked_add(bits.difference(dc)?)?;
                    numbers[0] = i16::try_from(last_dc[*of]).ok()?;
                    let mut at = 1;
                    while at < 64 {
                        let (zeros, value) = bits.frequency(ac)?;
                        if value == 0 && zeros != 15 {
                            break;
                        }
                        at += zeros;
                        numbers[usize::from(*TURNED.get(at)?)] = value;
                        at += 1;
                    }
                    restore(block, &numbers, &self.inverse[*of]);
                }
                match self.colors {
                    Colors::Full => {
                        let [luma, blue, red, ..] = blocks;
                        paint(&[luma, blue, red], &mut pixels[from..], width, lines, column);
                    }
                    Colors::Halved => paint_halved(&blocks, &mut pixels[from..], width, column),
                }
            }
            if bits.overrun() {
                return None;
            }
        }
        Some(pixels)
    }
}
