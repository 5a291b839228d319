//! Decoding a JPEG straight to one to four eighths of its size, as the editor's copy of a photo needs it.
//!
//! A block of 8 × 8 pixels is stored as frequencies; leaving out the high ones gives the block at 4 × 4, 3 × 3, 2 × 2 or 1 × 1 pixels,
//! at a fraction of the time and memory. Only what nearly every camera writes is read here (ITU-T T.81, baseline: one scan of
//! luma and two chromas); anything else, and anything odd, is left to the complete decoder.
//!
//! Two threads share the work: one reads codes, which only goes one after the other, the other turns frequencies into pixels.

mod inverse;

use super::bits::{Bits, Frequencies, Huffman};
use crate::put_rgb;
use inverse::Inverse;
use std::sync::mpsc::{SyncSender, sync_channel};
use wide::bytemuck::cast;
use wide::{f32x4, i32x4};

/// A smaller picture.
pub struct Reduced {
    pub width: u32,
    pub height: u32,
    /// RGB.
    pub pixels: Vec<u8>,
}

struct Component {
    id: u8,
    across: usize,
    down: usize,
    quantization: usize,
    dc: usize,
    ac: usize,
    /// Pixels a block gives in each direction.
    points: (usize, usize),
    last_dc: i32,
}

#[derive(Default)]
pub(crate) struct Tables {
    pub quantization: [Option<[f32; 64]>; 4],
    pub dc: [Option<Huffman>; 4],
    pub ac: [Option<Frequencies>; 4],
    pub restart: usize,
}

/// The order in which frequencies are stored.
pub(crate) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Decodes at the smallest size whose longer side is at least `side`. `None` when that is the file's own size, or the file is
/// not of the plain kind.
pub fn decode(file: &[u8], side: u32) -> Option<Reduced> {
    let opened = open(file, side)?;
    let (width, height) = opened.size();
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    opened.each(&mut |rows| pixels.extend_from_slice(rows))?;
    Some(Reduced { width, height, pixels })
}

/// A file of the plain kind, its headers read.
pub struct Opened<'f> {
    frame: Frame,
    tables: Tables,
    scan: &'f [u8],
}

/// What [`decode`] decodes, up to the first pixel.
pub fn open(file: &[u8], side: u32) -> Option<Opened<'_>> {
    let mut tables = Tables::default();
    let mut frame = None;
    let mut at = 2;
    loop {
        let (marker, length) = (file.get(at..at + 2)?, u16_at(file, at + 2)?);
        let segment = file.get(at + 4..at + 2 + length)?;
        if marker[0] != 0xFF {
            return None;
        }
        match marker[1] {
            0xDB => tables.quantization(segment)?,
            0xC4 => tables.huffman(segment)?,
            0xDD => tables.restart = u16_at(segment, 0)?,
            0xC0 | 0xC1 if frame.is_none() => frame = Some(Frame::read(segment, side)?),
            0xDA => {
                let mut frame = frame?;
                frame.scan(segment)?;
                return Some(Opened { frame, tables, scan: file.get(at + 2 + length..)? });
            }
            // Adobe's files may hold other colours than luma and chroma.
            0xEE if segment.starts_with(b"Adobe") && segment.get(11) != Some(&1) => return None,
            0xE0..=0xEF | 0xFE => {}
            _ => return None,
        }
        at += 2 + length;
    }
}

impl Opened<'_> {
    /// Width and height that it is decoded to.
    pub fn size(&self) -> (u32, u32) {
        let reduce = |length: usize| (length * self.frame.eighths).div_ceil(8) as u32;
        (reduce(self.frame.width), reduce(self.frame.height))
    }

    /// Where the file's colours have half the size in each direction, as most cameras' have, leaves them so: see [`Opened::each`]. Says whether
    /// they are.
    pub fn leave_colors_halved(&mut self) -> bool {
        let sampling = |component: &Component| (component.across, component.down);
        self.frame.is_halved = self.frame.components.iter().map(sampling).eq([(2, 2), (1, 1), (1, 1)]);
        if self.frame.is_halved {
            let eighths = self.frame.eighths;
            self.frame.components.iter_mut().for_each(|component| component.points = (eighths, eighths));
        }
        self.frame.is_halved
    }

    /// Hands over the RGB rows, a few whole ones at a time, from the top. `None` for a file that turns out damaged, perhaps after some rows.
    ///
    /// Halved colours come as pairs of rows instead: two of luma, an even number of pixels wide, and one of each chroma, half as wide; luma may
    /// have a column and a row more than the picture.
    pub fn each(mut self, rows: &mut (dyn FnMut(&mut [u8]) + Send)) -> Option<()> {
        let painter = Painter::new(&self.frame, self.size(), &self.tables, rows)?;
        self.frame.decode(self.scan, &self.tables, painter)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])))
}

impl Tables {
    pub fn quantization(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [place, rest @ ..] = segment {
            if place >> 4 != 0 {
                return None;
            }
            let mut table = [0.0; 64];
            for (value, to) in rest.get(..64)?.iter().zip(ZIGZAG) {
                table[usize::from(to)] = f32::from(*value);
            }
            *self.quantization.get_mut(usize::from(place & 15))? = Some(table);
            segment = &rest[64..];
        }
        Some(())
    }

    pub fn huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [place, rest @ ..] = segment {
            let counts: [u8; 16] = rest.get(..16)?.try_into().ok()?;
            let total = counts.iter().map(|count| usize::from(*count)).sum::<usize>();
            let table = Huffman::new(&counts, rest.get(16..16 + total)?)?;
            let at = usize::from(place & 15);
            if place >> 4 == 0 {
                *self.dc.get_mut(at)? = Some(table);
            } else {
                *self.ac.get_mut(at)? = Some(table.into());
            }
            segment = &rest[16 + total..];
        }
        Some(())
    }
}

struct Frame {
    width: usize,
    height: usize,
    /// The reduced picture has `eighths` / 8 of the file's pixels in each direction.
    eighths: usize,
    units: (usize, usize),
    components: Vec<Component>,
    /// Chromas are left at half the size.
    is_halved: bool,
}

impl Frame {
    fn read(segment: &[u8], side: u32) -> Option<Frame> {
        let (height, width) = (u16_at(segment, 1)?, u16_at(segment, 3)?);
        if segment[0] != 8 || width == 0 || height == 0 || *segment.get(5)? != 3 {
            return None;
        }
        let long = width.max(height);
        let eighths = (1..=4).find(|eighths| (long * eighths) / 8 >= side as usize)?;
        let parts: Vec<(u8, usize, usize, usize)> = segment
            .get(6..15)?
            .chunks_exact(3)
            .map(|part| (part[0], usize::from(part[1] >> 4), usize::from(part[1] & 15), usize::from(part[2])))
            .collect();
        let (across, down) = (parts.iter().map(|part| part.1).max()?, parts.iter().map(|part| part.2).max()?);
        let units = (width.div_ceil(8 * across.max(1)), height.div_ceil(8 * down.max(1)));
        let mut components = Vec::new();
        for (id, h, v, quantization) in parts {
            // Coarser colours are not enlarged: their blocks are decoded at more points instead.
            if ![h, 2 * h].contains(&across) || ![v, 2 * v].contains(&down) || h == 0 || v == 0 {
                return None;
            }
            let points = (eighths * across / h, eighths * down / v);
            components.push(Component { id, across: h, down: v, quantization, dc: 0, ac: 0, points, last_dc: 0 });
        }
        Some(Frame { width, height, eighths, units, components, is_halved: false })
    }

    fn scan(&mut self, segment: &[u8]) -> Option<()> {
        // All three components, all frequencies, at once.
        if segment.first() != Some(&3) || segment.get(7..10)? != [0, 63, 0] {
            return None;
        }
        for (component, part) in self.components.iter_mut().zip(segment[1..7].chunks_exact(2)) {
            if component.id != part[0] {
                return None;
            }
            (component.dc, component.ac) = (usize::from(part[1] >> 4), usize::from(part[1] & 15));
        }
        Some(())
    }

    fn decode(&mut self, scan: &[u8], tables: &Tables, mut painter: Painter<'_>) -> Option<()> {
        std::thread::scope(|scope| {
            let (hand_over, handed) = sync_channel::<Blocks>(ROWS_AHEAD);
            let painting = std::thread::Builder::new()
                .stack_size(PAINTER_STACK)
                .spawn_scoped(scope, move || handed.iter().for_each(|blocks| painter.row(&blocks)))
                .ok()?;
            let read = self.read_scan(scan, tables, &hand_over);
            drop(hand_over);
            painting.join().ok()?;
            read
        })
    }

    fn read_scan(&mut self, scan: &[u8], tables: &Tables, hand_over: &SyncSender<Blocks>) -> Option<()> {
        let mut bits = Bits::new(scan);
        let mut left = tables.restart;
        let readers: Vec<_> =
            self.components.iter().map(|component| Reader::new(component, tables)).collect::<Option<_>>()?;
        let blocks_of = |component: &Component| component.across * component.down;
        let in_a_unit: usize = self.components.iter().map(blocks_of).sum();
        let values_in_a_unit: usize = self.components.iter().map(|one| blocks_of(one) * corner(one.points).size).sum();
        for _ in 0..self.units.1 {
            let mut blocks = Blocks {
                values: vec![0; self.units.0 * values_in_a_unit],
                reach: Vec::with_capacity(self.units.0 * in_a_unit),
            };
            let mut values = blocks.values.as_mut_slice();
            for _ in 0..self.units.0 {
                if tables.restart > 0 {
                    if left == 0 {
                        bits.restart()?;
                        self.components.iter_mut().for_each(|component| component.last_dc = 0);
                        left = tables.restart;
                    }
                    left -= 1;
                }
                for (component, reader) in self.components.iter_mut().zip(&readers) {
                    for _ in 0..component.across * component.down {
                        let (block, rest) = values.split_at_mut_checked(reader.size)?;
                        values = rest;
                        blocks.reach.push(reader.block(&mut component.last_dc, &mut bits, block)?);
                    }
                }
            }
            hand_over.send(blocks).ok()?;
        }
        // What ends early is for the complete decoder to judge.
        (!bits.overrun()).then_some(())
    }
}

/// Rows of units that may wait for their pixels: some milliseconds of work, for whoever reads codes must not stand still while the other
/// thread has to share its core.
const ROWS_AHEAD: usize = 64;
/// What a thread needs that has a block and a few numbers to itself.
const PAINTER_STACK: usize = 256 << 10;

/// The frequencies of a row of units that count at the smaller size.
struct Blocks {
    /// Block after block, as their [`Corner`]s say.
    values: Vec<i16>,
    /// For each block: a bit for each row and column that some of its frequencies reach, but for the very first frequency.
    reach: Vec<u8>,
}

/// How the lower frequencies of a block, those that count at a smaller size, lie in memory: rows of numbers as they are stored, and a row for
/// what does not count.
struct Corner {
    /// From row to row: whole vectors.
    stride: usize,
    size: usize,
}

fn corner((across, down): (usize, usize)) -> Corner {
    let stride = across.next_multiple_of(4);
    Corner { stride, size: stride * (down + 1) }
}

/// What it takes to read a component's blocks.
struct Reader<'t> {
    dc: &'t Huffman,
    ac: &'t Frequencies,
    /// For each frequency, in the order of storing: its place in the corner, and the bit of the row or column it reaches. Those that don't count
    /// are put aside, which is cheaper than a question for each; so are those there are none of, from 64 on.
    places: [(u8, u8); 128],
    /// From here on none counts.
    end: usize,
    /// Of a block.
    size: usize,
}

impl<'t> Reader<'t> {
    fn new(component: &Component, tables: &'t Tables) -> Option<Reader<'t>> {
        let (dc, ac) = (tables.dc.get(component.dc)?.as_ref()?, tables.ac.get(component.ac)?.as_ref()?);
        let (across, down) = component.points;
        let Corner { stride, size } = corner(component.points);
        let mut places = [((size - 1) as u8, 0); 128];
        for (at, place) in places.iter_mut().zip(ZIGZAG) {
            let (x, y) = (usize::from(place % 8), usize::from(place / 8));
            if x < across && y < down {
                *at = ((y * stride + x) as u8, 1 << x.max(y));
            }
        }
        let end = places.iter().rposition(|(_, reach)| *reach > 0).map_or(0, |last| last + 1);
        Some(Reader { dc, ac, places, end, size })
    }

    /// Says which rows and columns the frequencies reach.
    #[inline(always)]
    fn block(&self, last_dc: &mut i32, bits: &mut Bits, to: &mut [i16]) -> Option<u8> {
        *last_dc = last_dc.checked_add(bits.difference(self.dc)?)?;
        *to.first_mut()? = i16::try_from(*last_dc).ok()?;
        let (mut reach, mut at) = (0, 1);
        let mut put = |at: usize, value: i16| {
            let (place, reached) = self.places[at & 127];
            if let Some(to) = to.get_mut(usize::from(place)) {
                *to = value;
            }
            reach |= reached;
        };
        while at < self.end {
            if let Some(pair) = bits.pair(self.ac, at) {
                for (ahead, value) in pair.ahead.into_iter().zip(pair.values) {
                    put(at + usize::from(ahead), value.into());
                }
                if pair.ends {
                    return Some(reach);
                }
                at += usize::from(pair.step);
                continue;
            }
            let (zeros, value) = bits.frequency(self.ac)?;
            match (zeros, value) {
                (15, 0) => at += 16,
                (_, 0) => return Some(reach),
                _ => {
                    at += zeros;
                    if at >= 64 {
                        return None;
                    }
                    put(at, value);
                    at += 1;
                }
            }
        }
        bits.pass(self.ac, at)?;
        Some(reach)
    }
}

/// Turns frequencies into pixels.
struct Painter<'r> {
    width: usize,
    /// Rows still to come.
    left: usize,
    units: usize,
    /// Lines that a row of units gives.
    lines: usize,
    planes: Vec<Plane>,
    is_halved: bool,
    /// Of one row of units.
    pixels: Vec<u8>,
    rows: &'r mut (dyn FnMut(&mut [u8]) + Send),
}

/// A component's pixels of one row of units.
struct Plane {
    across: usize,
    down: usize,
    points: (usize, usize),
    inverse: Inverse,
    /// Numbers of a block.
    size: usize,
    strip: Vec<u8>,
    stride: usize,
}

impl<'r> Painter<'r> {
    fn new(
        frame: &Frame,
        (width, height): (u32, u32),
        tables: &Tables,
        rows: &'r mut (dyn FnMut(&mut [u8]) + Send),
    ) -> Option<Painter<'r>> {
        let plane = |component: &Component| {
            let Component { across, down, points, quantization, .. } = *component;
            // Blocks are written eight pixels wide, and the last of them must not reach into the next line.
            let stride = frame.units.0 * across * points.0 + 8;
            let inverse = Inverse::new(points, tables.quantization.get(quantization)?.as_ref()?)?;
            Some(Plane {
                across,
                down,
                points,
                inverse,
                size: corner(points).size,
                strip: vec![0; stride * down * points.1],
                stride,
            })
        };
        let lines = frame.components[0].down * frame.components[0].points.1;
        Some(Painter {
            width: width as usize,
            left: height as usize,
            units: frame.units.0,
            lines,
            planes: frame.components.iter().map(plane).collect::<Option<_>>()?,
            is_halved: frame.is_halved,
            pixels: vec![0; width as usize * 3 * lines],
            rows,
        })
    }

    fn row(&mut self, row: &Blocks) {
        let (mut reach, mut values) = (row.reach.iter(), row.values.as_slice());
        for unit in 0..self.units {
            for plane in &mut self.planes {
                for at in 0..plane.across * plane.down {
                    let (x, y) = (unit * plane.across + at % plane.across, at / plane.across);
                    let (Some(reach), Some((block, rest))) = (reach.next(), values.split_at_checked(plane.size)) else {
                        return;
                    };
                    values = rest;
                    let to = &mut plane.strip[y * plane.points.1 * plane.stride + x * plane.points.0..];
                    plane.inverse.write(block, *reach, to, plane.stride);
                }
            }
        }
        let lines = self.lines.min(self.left);
        self.left -= lines;
        if self.is_halved {
            return self.hand_over_pairs(lines.div_ceil(2));
        }
        for (line, to) in self.pixels.chunks_exact_mut(self.width * 3).take(lines).enumerate() {
            let of =
                |at: usize| &self.planes[at].strip[line * self.planes[at].stride..][..self.width.next_multiple_of(4)];
            to_rgb([of(0), of(1), of(2)], to);
        }
        (self.rows)(&mut self.pixels[..lines * self.width * 3]);
    }

    fn hand_over_pairs(&mut self, pairs: usize) {
        let across = self.width.div_ceil(2);
        self.pixels.clear();
        for pair in 0..pairs {
            for (plane, line, length) in
                [(0, 2 * pair, 2 * across), (0, 2 * pair + 1, 2 * across), (1, pair, across), (2, pair, across)]
            {
                let plane = &self.planes[plane];
                self.pixels.extend_from_slice(&plane.strip[line * plane.stride..][..length]);
            }
        }
        (self.rows)(&mut self.pixels);
    }
}

/// JFIF's colours (ITU-T T.871) from luma and chromas, of which there are up to three more than pixels.
fn to_rgb([luma, blue, red]: [&[u8]; 3], to: &mut [u8]) {
    let number = |four: &[u8; 4]| i32x4::new(four.map(i32::from)).round_float();
    let byte = |value: f32x4| value.fast_max(f32x4::splat(0.0)).fast_min(f32x4::splat(255.0)).fast_round_int();
    let planes = luma.as_chunks().0.iter().zip(blue.as_chunks().0).zip(red.as_chunks().0);
    let colors = planes.map(|((y, cb), cr)| {
        let (y, cb, cr) = (number(y), number(cb) - f32x4::splat(128.0), number(cr) - f32x4::splat(128.0));
        let red = byte(y + cr * f32x4::splat(1.402));
        let green = byte(y - cb * f32x4::splat(0.344_136_3) - cr * f32x4::splat(0.714_136_3));
        let blue = byte(y + cb * f32x4::splat(1.772));
        cast::<i32x4, [u32; 4]>((red | green << 8) | blue << 16)
    });
    put_rgb(colors, to);
}

#[cfg(test)]
mod tests;
