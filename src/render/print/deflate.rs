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
    let filtered = crate::render::pixels::filter_rows(rows, stride);
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
                filtered.extend(crate::render::pixels::filter_rows(piece, 12));
            }
            stream.extend_from_slice(&sum.value().to_be_bytes());
            let mut back = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&stream[..]), &mut back).unwrap();
            prop_assert_eq!(back, filtered);
        }
    }
}
