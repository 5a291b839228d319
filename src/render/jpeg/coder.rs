//! Coding JPEGs without subsampled colour, and reading them back.
//!
//! A restart marker (ITU-T T.81, E.1.4) stands after every row of blocks: after one a decoder has forgotten all that came before, so rows
//! are coded and read on their own, on as many cores as there are.

use super::code::{Bits, CHROMA_AC, CHROMA_DC, LUMA_AC, LUMA_DC, Table};
use super::cosine::{self, Block, SCALE};
use crate::render::photo::reduced::bits;
use crate::render::photo::reduced::{Tables, ZIGZAG};
use crate::render::pixels::put_rgb;
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
    pub fn headers(&self, width: u16, height: u16, density: Option<u16>, profile: Option<&[u8]>) -> Vec<u8> {
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
        segment(0xC0, &[[8].as_slice(), &size, &[3, 0, 0x11, 0, 1, 0x11, 1, 2, 0x11, 1]].concat());
        for (place, codes) in [(0x00, LUMA_DC), (0x10, LUMA_AC), (0x01, CHROMA_DC), (0x11, CHROMA_AC)] {
            segment(0xC4, &[[place].as_slice(), &codes.lengths, codes.symbols].concat());
        }
        segment(0xDD, &width.div_ceil(8).to_be_bytes());
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

    fn row(&self, strip: &Strip, row: usize, out: &mut Vec<u8>, mut seen: Option<&mut [u8]>) {
        if row > 0 {
            out.extend_from_slice(&[0xFF, 0xD0 | (row as u8).wrapping_sub(1) & 7]);
        }
        let mut bits = Bits::new(out);
        let mut last_dc = [0; 3];
        for column in 0..strip.width.div_ceil(8) {
            let mut planes = strip.planes(column);
            for (at, (plane, last_dc)) in planes.iter_mut().zip(&mut last_dc).enumerate() {
                let table = usize::from(at > 0);
                let (which, numbers) = self.steps[table].quantized(plane);
                let dc = i32::from(numbers[0]);
                bits.block([&DC[table], &AC[table]], dc - *last_dc, which, |place| {
                    numbers[usize::from(TURNED[place & 63])]
                });
                *last_dc = dc;
                if seen.is_some() {
                    restore(plane, &numbers, &self.steps[table].inverse);
                }
            }
            if let Some(seen) = &mut seen {
                let lines = seen.len() / (strip.width * 3);
                paint(&planes, seen, strip.width, lines, column);
            }
        }
        bits.finish();
    }
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
        let colors = (0..2).map(|half| {
            // Within their bounds first, as other decoders do it.
            let bound = |plane: &Block| plane[line][half].fast_max(f32x4::splat(-128.0)).fast_min(f32x4::splat(127.0));
            let (y, cb, cr) = (bound(luma) + f32x4::splat(128.0), bound(blue), bound(red));
            let byte = |value: f32x4| value.fast_max(f32x4::splat(0.0)).fast_min(f32x4::splat(255.0)).fast_round_int();
            let red = byte(y + cr * f32x4::splat(1.402));
            let green = byte(y - cb * f32x4::splat(0.344_136_3) - cr * f32x4::splat(0.714_136_3));
            let blue = byte(y + cb * f32x4::splat(1.772));
            cast::<i32x4, [u32; 4]>((red | green << 8) | blue << 16)
        });
        put_rgb(colors, &mut rows[start..start + columns * 3]);
    }
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

/// How what [`Coder`] wrote is read back: its tables and size, and where its rows of blocks begin.
pub struct Reader<'f> {
    pub width: u16,
    pub height: u16,
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
        let (mut at, mut size) = (2, None);
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
                    let is_plain =
                        segment.first() == Some(&8) && segment.get(5..)? == [3, 0, 0x11, 0, 1, 0x11, 1, 2, 0x11, 1];
                    let (height, width) = (u16_at(at - segment.len() + 1)?, u16_at(at - segment.len() + 3)?);
                    size = is_plain.then_some((width, height));
                }
                0xFFDA => {
                    let [3, 0, luma, 1, blue, 2, red, 0, 63, 0] = *segment else { return None };
                    break ([luma, blue, red].map(|tables| [usize::from(tables >> 4), usize::from(tables & 15)]), at);
                }
                _ => return None,
            }
        };
        let (width, height) = size.filter(|(width, height)| *width > 0 && *height > 0)?;
        if tables.restart != usize::from(width.div_ceil(8)) {
            return None;
        }
        // A marker is 0xFF and anything but a stuffed zero.
        let mut rows = vec![scan];
        let mut at = scan;
        while let Some(found) = file.get(at..)?.windows(2).position(|pair| pair[0] == 0xFF && pair[1] != 0) {
            at += found + 2;
            rows.push(at);
        }
        if rows.len() != usize::from(height.div_ceil(8)) + 1 || rows.last() != Some(&file.len()) {
            return None;
        }
        let steps = |at: usize| tables.quantization.get(at)?.as_ref().map(inverse);
        let inverse = [steps(0)?, steps(1)?, steps(1)?];
        Some(Reader { width, height, file, tables, inverse, components, rows })
    }

    /// How many rows of blocks there are.
    pub fn rows(&self) -> usize {
        self.rows.len() - 1
    }

    /// Rows of blocks as RGB. `None` for a damaged file.
    pub fn read(&self, rows: std::ops::Range<usize>) -> Option<Vec<u8>> {
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        let mut pixels = Vec::with_capacity(rows.len() * 8 * width * 3);
        let mut codes = Vec::with_capacity(3);
        for [dc, ac] in self.components {
            codes.push((self.tables.dc.get(dc)?.as_ref()?, self.tables.ac.get(ac)?.as_ref()?));
        }
        for row in rows {
            let mut bits =
                bits::Bits::new(self.file.get(*self.rows.get(row)?..self.rows.get(row + 1)?.checked_sub(2)?)?);
            let lines = (height - row * 8).min(8);
            let from = pixels.len();
            pixels.resize(from + lines * width * 3, 0);
            let mut last_dc = [0i32; 3];
            for column in 0..width.div_ceil(8) {
                let mut planes = [[[f32x4::splat(0.0); 2]; 8]; 3];
                for (((plane, last_dc), (dc, ac)), steps) in
                    planes.iter_mut().zip(&mut last_dc).zip(&codes).zip(&self.inverse)
                {
                    let mut numbers = [0i16; 64];
                    *last_dc = last_dc.checked_add(bits.difference(dc)?)?;
                    numbers[0] = i16::try_from(*last_dc).ok()?;
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
                    restore(plane, &numbers, steps);
                }
                paint(&planes, &mut pixels[from..], width, lines, column);
            }
            if bits.overrun() {
                return None;
            }
        }
        Some(pixels)
    }
}
