//! Decoding a JPEG straight to a half, a quarter or an eighth of its size, as the editor's copy of a photo needs it.
//!
//! A block of 8 × 8 pixels is stored as frequencies; leaving out the high ones gives the block at 4 × 4, 2 × 2 or 1 × 1 pixels,
//! at a fraction of the time and memory. Only what nearly every camera writes is read here (ITU-T T.81, baseline: one scan of
//! luma and two chromas); anything else, and anything odd, is left to the complete decoder.

mod bits;
mod inverse;

use bits::{Bits, Huffman};

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
    /// The component's pixels of one row of units, and their width.
    strip: Vec<u8>,
    stride: usize,
}

#[derive(Default)]
struct Tables {
    quantization: [Option<[f32; 64]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    restart: usize,
}

/// The order in which frequencies are stored.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Decodes at the smallest size whose longer side is at least `side`. `None` when that is the file's own size, or the file is
/// not of the plain kind.
pub fn decode(file: &[u8], side: u32) -> Option<Reduced> {
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
                return frame.decode(file.get(at + 2 + length..)?, &tables);
            }
            // Adobe's files may hold other colours than luma and chroma.
            0xEE if segment.starts_with(b"Adobe") && segment.get(11) != Some(&1) => return None,
            0xE0..=0xEF | 0xFE => {}
            _ => return None,
        }
        at += 2 + length;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])))
}

impl Tables {
    fn quantization(&mut self, mut segment: &[u8]) -> Option<()> {
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

    fn huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [place, rest @ ..] = segment {
            let counts: [u8; 16] = rest.get(..16)?.try_into().ok()?;
            let total = counts.iter().map(|count| usize::from(*count)).sum::<usize>();
            let table = Huffman::new(&counts, rest.get(16..16 + total)?)?;
            let tables = if place >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(place & 15))? = Some(table);
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
}

impl Frame {
    fn read(segment: &[u8], side: u32) -> Option<Frame> {
        let (height, width) = (u16_at(segment, 1)?, u16_at(segment, 3)?);
        if segment[0] != 8 || width == 0 || height == 0 || *segment.get(5)? != 3 {
            return None;
        }
        let long = width.max(height);
        let eighths = [1, 2, 4].into_iter().find(|eighths| (long * eighths) / 8 >= side as usize)?;
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
            let stride = units.0 * h * points.0;
            let strip = vec![0; stride * v * points.1];
            components.push(Component {
                id,
                across: h,
                down: v,
                quantization,
                dc: 0,
                ac: 0,
                points,
                last_dc: 0,
                strip,
                stride,
            });
        }
        Some(Frame { width, height, eighths, units, components })
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

    fn decode(&mut self, scan: &[u8], tables: &Tables) -> Option<Reduced> {
        let reduce = |length: usize| (length * self.eighths).div_ceil(8);
        let (width, height) = (reduce(self.width), reduce(self.height));
        let rows = self.components[0].down * self.components[0].points.1;
        let mut pixels = Vec::with_capacity(width * height * 3);
        let mut bits = Bits::new(scan);
        let mut left = tables.restart;
        for row in 0..self.units.1 {
            for unit in 0..self.units.0 {
                if tables.restart > 0 {
                    if left == 0 {
                        bits.restart()?;
                        self.components.iter_mut().for_each(|component| component.last_dc = 0);
                        left = tables.restart;
                    }
                    left -= 1;
                }
                for component in &mut self.components {
                    component.unit(unit, &mut bits, tables)?;
                }
            }
            for line in 0..rows.min(height - (row * rows).min(height)) {
                let of = |at: usize| &self.components[at].strip[line * self.components[at].stride..][..width];
                to_rgb([of(0), of(1), of(2)], &mut pixels);
            }
        }
        // What ends early is for the complete decoder to judge.
        (!bits.overrun()).then_some(Reduced { width: width as u32, height: height as u32, pixels })
    }
}

impl Component {
    fn unit(&mut self, unit: usize, bits: &mut Bits, tables: &Tables) -> Option<()> {
        let (dc, ac) = (tables.dc.get(self.dc)?.as_ref()?, tables.ac.get(self.ac)?.as_ref()?);
        let quantization = tables.quantization.get(self.quantization)?.as_ref()?;
        for y in 0..self.down {
            for x in 0..self.across {
                let mut block = [0.0f32; 64];
                self.last_dc = self.last_dc.checked_add(bits.difference(dc)?)?;
                block[0] = self.last_dc as f32 * quantization[0];
                // Behind the last frequency that is not zero.
                let mut last = 1;
                let mut at = 1;
                while at < 64 {
                    let (zeros, value) = bits.frequency(ac)?;
                    if value == 0 {
                        if zeros != 15 {
                            break;
                        }
                        at += 16;
                        continue;
                    }
                    at += zeros;
                    let place = usize::from(*ZIGZAG.get(at)?);
                    block[place] = value as f32 * quantization[place];
                    at += 1;
                    last = at;
                }
                let left = (unit * self.across + x) * self.points.0;
                let to = &mut self.strip[y * self.points.1 * self.stride + left..];
                inverse::transform(&block, last, self.points, to, self.stride);
            }
        }
        Some(())
    }
}

/// JFIF's colours (ITU-T T.871), in 1/65536.
fn to_rgb([luma, blue, red]: [&[u8]; 3], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + luma.len() * 3, 0);
    for (((to, y), cb), cr) in out[start..].chunks_exact_mut(3).zip(luma).zip(blue).zip(red) {
        let (y, cb, cr) = ((i32::from(*y) << 16) + 32_768, i32::from(*cb) - 128, i32::from(*cr) - 128);
        let byte = |value: i32| (value >> 16).clamp(0, 255) as u8;
        to[0] = byte(y + 91_881 * cr);
        to[1] = byte(y - 22_554 * cb - 46_802 * cr);
        to[2] = byte(y + 116_130 * cb);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    /// A picture of soft waves, so that leaving out high frequencies costs nothing.
    fn waves(width: u32, height: u32) -> Vec<u8> {
        let wave = |at: f64| (127.5 + 110.0 * at.sin()) as u8;
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (f64::from(x), f64::from(y))))
            .flat_map(|(x, y)| [wave(x / 40.0), wave(y / 55.0 + 1.0), wave((x + y) / 70.0)])
            .collect()
    }

    fn encoded(pixels: &[u8], width: u32, height: u32, sampling: SamplingFactor, restart: Option<u16>) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 92);
        encoder.set_sampling_factor(sampling);
        restart.into_iter().for_each(|every| encoder.set_restart_interval(every));
        encoder.encode(pixels, width as u16, height as u16, ColorType::Rgb).unwrap();
        file
    }

    #[test]
    fn a_reduced_picture_is_the_whole_one_made_smaller() {
        let (width, height) = (533, 402);
        let pixels = waves(width, height);
        for (sampling, restart) in [
            (SamplingFactor::F_1_1, None),
            (SamplingFactor::F_2_1, Some(7)),
            (SamplingFactor::F_2_2, Some(1)),
            (SamplingFactor::F_1_2, None),
            (SamplingFactor::F_2_2, None),
        ] {
            let file = encoded(&pixels, width, height, sampling, restart);
            for (side, eighths) in [(260, 4), (130, 2), (60, 1)] {
                let reduced = decode(&file, side).unwrap();
                let size = ((width * eighths).div_ceil(8), (height * eighths).div_ceil(8));
                assert_eq!((reduced.width, reduced.height), size);
                let step = 8 / eighths;
                let mut worst = 0;
                for y in 1..size.1 - 1 {
                    for x in 1..size.0 - 1 {
                        for channel in 0..3 {
                            let at = |x: u32, y: u32| u32::from(pixels[((y * width + x) * 3 + channel) as usize]);
                            let within = |from: u32| from * step..(from + 1) * step;
                            let sum: u32 =
                                within(y).flat_map(|y| within(x).map(move |x| (x, y))).map(|(x, y)| at(x, y)).sum();
                            let wanted = (sum / (step * step)) as u8;
                            let found = reduced.pixels[((y * size.0 + x) * 3 + channel) as usize];
                            worst = worst.max(found.abs_diff(wanted));
                        }
                    }
                }
                assert!(worst <= 9, "{sampling:?} {eighths}: {worst}");
            }
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_others() {
        let pixels = waves(64, 64);
        let file = encoded(&pixels, 64, 64, SamplingFactor::F_2_2, None);
        assert!(decode(&file, 64).is_none(), "nothing to reduce");
        assert!(decode(&file, 32).is_some());
        assert!(decode(&file[..file.len() / 2], 32).is_none(), "cut off");
        let mut progressive = Vec::new();
        let mut encoder = Encoder::new(&mut progressive, 90);
        encoder.set_progressive(true);
        encoder.encode(&pixels, 64, 64, ColorType::Rgb).unwrap();
        assert!(decode(&progressive, 32).is_none());
        for cut in 0..file.len() {
            let mut damaged = file.clone();
            damaged[cut] ^= 0x55;
            let _ = decode(&damaged, 32);
        }
    }
}
