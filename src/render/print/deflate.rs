//! Filters and deflates one band of a PNG on its own, so that bands can be joined into one stream.

use crate::kernel::Fault;
use flate2::{Compress, Compression, FlushCompress, Status};

/// A band as a piece of a raw deflate stream that ends at a byte, and what the whole stream's checksum needs of it.
pub struct Packed {
    pub data: Vec<u8>,
    adler: u32,
    length: u64,
}

/// Packs RGB rows of `stride` bytes. Only the last band ends the stream.
pub fn pack(rows: &[u8], stride: usize, last: bool) -> Result<Packed, Fault> {
    let filtered = filter(rows, stride);
    let mut data = Vec::with_capacity(filtered.len() / 2 + 1024);
    let mut compress = Compress::new(Compression::fast(), false);
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
    loop {
        let from = compress.total_in() as usize;
        let status = compress
            .compress_vec(&filtered[from..], &mut data, flush)
            .map_err(|error| Fault::bug(error.to_string()))?;
        let finished = if last {
            status == Status::StreamEnd
        } else {
            compress.total_in() as usize == filtered.len() && data.len() < data.capacity()
        };
        if finished {
            break;
        }
        data.reserve(data.capacity().max(64 << 10));
    }
    let mut adler = simd_adler32::Adler32::new();
    adler.write(&filtered);
    Ok(Packed { data, adler: adler.finish(), length: filtered.len() as u64 })
}

/// PNG's filters (PNG 3rd edition, 9.2), row by row whichever leaves the smallest differences in a sample of the row.
/// The first row of a band looks only to its left, since the row above may not be drawn yet.
fn filter(rows: &[u8], stride: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() + rows.len() / stride.max(1));
    let mut above: &[u8] = &[];
    for row in rows.chunks_exact(stride) {
        if above.is_empty() {
            out.push(1);
            sub(row, &mut out);
        } else {
            match cheapest(row, above) {
                Filter::Sub => {
                    out.push(1);
                    sub(row, &mut out);
                }
                Filter::Up => {
                    out.push(2);
                    out.extend(row.iter().zip(above).map(|(value, up)| value.wrapping_sub(*up)));
                }
                Filter::Paeth => {
                    out.push(4);
                    out.extend(row[..3].iter().zip(above).map(|(value, up)| value.wrapping_sub(*up)));
                    let left = &row[..stride - 3];
                    out.extend(
                        row[3..]
                            .iter()
                            .zip(left)
                            .zip(above[3..].iter().zip(above))
                            .map(|((value, left), (up, corner))| value.wrapping_sub(paeth(*left, *up, *corner))),
                    );
                }
            }
        }
        above = row;
    }
    out
}

enum Filter {
    Sub,
    Up,
    Paeth,
}

fn sub(row: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&row[..3]);
    out.extend(row[3..].iter().zip(row).map(|(value, left)| value.wrapping_sub(*left)));
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (to_left, to_up, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    let nearer = if to_up <= to_corner { up } else { corner };
    if to_left <= to_up && to_left <= to_corner { left } else { nearer }
}

fn cheapest(row: &[u8], above: &[u8]) -> Filter {
    let (mut sub, mut up, mut best) = (0u32, 0u32, 0u32);
    let cost = |difference: u8| u32::from((difference as i8).unsigned_abs());
    // A prime step, so that every channel and no pattern is asked.
    for at in (3..row.len()).step_by(31) {
        let (value, left, over, corner) = (row[at], row[at - 3], above[at], above[at - 3]);
        sub += cost(value.wrapping_sub(left));
        up += cost(value.wrapping_sub(over));
        best += cost(value.wrapping_sub(paeth(left, over, corner)));
    }
    if up <= sub && up <= best {
        Filter::Up
    } else if sub <= best {
        Filter::Sub
    } else {
        Filter::Paeth
    }
}

/// Adler-32 (RFC 1950) of a stream from the sums of its pieces.
pub struct Adler {
    a: u64,
    b: u64,
}

impl Adler {
    const MODULUS: u64 = 65_521;

    pub fn new() -> Self {
        Self { a: 1, b: 0 }
    }

    pub fn add(&mut self, piece: &Packed) {
        let (a, b) = (u64::from(piece.adler & 0xFFFF), u64::from(piece.adler >> 16));
        let m = Self::MODULUS;
        // The piece's own sums began with a = 1.
        self.b = (self.b + b + (self.a + m - 1) % m * (piece.length % m)) % m;
        self.a = (self.a + a + m - 1) % m;
    }

    pub fn value(&self) -> u32 {
        ((self.b << 16) | self.a) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_join_into_a_stream_that_reads_back(rows in prop::collection::vec(any::<[u8; 12]>(), 1..40), cut in 1usize..9) {
            let bytes = rows.concat();
            let pieces: Vec<&[u8]> = bytes.chunks(12 * cut).collect();
            let mut stream = vec![0x78, 0x01];
            let mut sum = Adler::new();
            let mut filtered = Vec::new();
            for (at, piece) in pieces.iter().enumerate() {
                let packed = pack(piece, 12, at + 1 == pieces.len()).unwrap();
                sum.add(&packed);
                stream.extend_from_slice(&packed.data);
                filtered.extend(filter(piece, 12));
            }
            stream.extend_from_slice(&sum.value().to_be_bytes());
            let mut back = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&stream[..]), &mut back).unwrap();
            prop_assert_eq!(back, filtered);
        }
    }
}
