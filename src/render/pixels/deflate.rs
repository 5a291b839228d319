//! Filters and deflates one band of a PNG on its own, so that bands can be joined into one stream.
//!
//! After PNG's filters hardly anything repeats in a photo but zeros, so nothing else is looked for: each block has its own
//! Huffman code (RFC 1951) for bytes and for runs of zeros. That is several times as fast as searching for matches, and on
//! photos gives smaller files than the quick levels of zlib.

mod huffman;

use huffman::Code;

/// Filtered bytes of a block: few enough to stay near the core, enough that its table of codes does not count.
const BLOCK: usize = 128 << 10;
/// A run of zeros is coded as one zero and repeats of it, at most this many each.
const LONGEST: usize = 258;
const END_OF_BLOCK: usize = 256;

/// A band as a piece of a deflate stream that ends at a byte, and what the whole stream's checksum needs of it.
pub struct Packed {
    pub data: Vec<u8>,
    adler: u32,
    length: u64,
}

/// What begins a zlib stream (RFC 1950), and the last block that ends it; the checksum follows.
pub const BEGIN: [u8; 2] = [0x78, 0x01];
pub const END: [u8; 2] = [0x03, 0x00];

/// Packs RGB rows of `stride` bytes.
pub fn pack(rows: &[u8], stride: usize) -> Packed {
    let mut bits = Bits { out: Vec::with_capacity(rows.len() / 2), at: 0, word: 0, count: 0 };
    let mut sum = simd_adler32::Adler32::new();
    let mut filtered = Vec::new();
    let mut length = 0;
    let mut above: &[u8] = &[];
    for some in rows.chunks((BLOCK / stride).max(1) * stride) {
        crate::filter_rows(some, stride, above, &mut filtered);
        above = &some[some.len() - stride..];
        sum.write(&filtered);
        length += filtered.len() as u64;
        bits.block(&filtered);
    }
    Packed { data: bits.finish(), adler: sum.finish(), length }
}

/// Bits, the first one lowest.
struct Bits {
    out: Vec<u8>,
    at: usize,
    word: u64,
    count: u32,
}

impl Bits {
    /// At most 56 bits between two calls of `flush`.
    #[inline]
    fn put(&mut self, bits: u32, count: u32) {
        self.word |= u64::from(bits) << self.count;
        self.count += count;
    }

    #[inline]
    fn flush(&mut self) {
        self.out[self.at..self.at + 8].copy_from_slice(&self.word.to_le_bytes());
        self.at += self.count as usize / 8;
        self.word >>= self.count & !7;
        self.count &= 7;
    }

    fn block(&mut self, bytes: &[u8]) {
        let mut counts = [0u32; huffman::SYMBOLS];
        count(bytes, &mut counts);
        let code = Code::new(&counts);
        self.out.resize(self.at + code.bits(&counts) / 8 + 64, 0);
        // Not the last block; codes of its own; 286 symbols for bytes and lengths, one distance. The code lengths are
        // written with four bits each, which is what a code of sixteen equal lengths comes to.
        self.put(0b100, 3);
        self.put(29, 5);
        self.put(0, 5);
        self.put(15, 4);
        self.flush();
        for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] {
            self.put(if symbol < 16 { 4 } else { 0 }, 3);
            self.flush();
        }
        for length in code.lengths().into_iter().chain([1]) {
            self.put(u32::from(length).reverse_bits() >> 28, 4);
            self.flush();
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (plain, zeros) = next_run(rest);
            let mut fours = rest[..plain].chunks_exact(4);
            for four in &mut fours {
                for byte in four {
                    self.symbol(&code, usize::from(*byte));
                }
                self.flush();
            }
            for byte in fours.remainder() {
                self.symbol(&code, usize::from(*byte));
                self.flush();
            }
            if zeros > 0 {
                self.symbol(&code, 0);
                for_repeats(zeros - 1, |symbol, extra, extra_bits| {
                    self.symbol(&code, symbol);
                    self.put(extra, extra_bits);
                    if symbol > END_OF_BLOCK {
                        // The one distance there is.
                        self.put(0, 1);
                    }
                    self.flush();
                });
            }
            rest = &rest[plain + zeros..];
        }
        self.symbol(&code, END_OF_BLOCK);
        self.flush();
    }

    #[inline]
    fn symbol(&mut self, code: &Code, symbol: usize) {
        let (bits, count) = code.of(symbol);
        self.put(bits, count);
    }

    /// An empty stored block brings the stream to the edge of a byte.
    fn finish(mut self) -> Vec<u8> {
        self.out.resize(self.at + 16, 0);
        self.put(0, 3);
        self.count = self.count.next_multiple_of(8);
        self.flush();
        self.out.truncate(self.at);
        self.out.extend_from_slice(&[0, 0, 0xFF, 0xFF]);
        self.out
    }
}

fn count(bytes: &[u8], counts: &mut [u32; huffman::SYMBOLS]) {
    // Four tables: equal neighbours would wait for each other's sum.
    let mut four = [[0u32; 256]; 4];
    let mut rest = bytes;
    while !rest.is_empty() {
        let (plain, zeros) = next_run(rest);
        let mut fours = rest[..plain].chunks_exact(4);
        for bytes in &mut fours {
            for (table, byte) in four.iter_mut().zip(bytes) {
                table[usize::from(*byte)] += 1;
            }
        }
        for byte in fours.remainder() {
            four[0][usize::from(*byte)] += 1;
        }
        if zeros > 0 {
            counts[0] += 1;
            for_repeats(zeros - 1, |symbol, _, _| counts[symbol] += 1);
        }
        rest = &rest[plain + zeros..];
    }
    for table in four {
        counts.iter_mut().zip(table).for_each(|(count, more)| *count += more);
    }
    counts[END_OF_BLOCK] += 1;
}

/// How many bytes come before the next run of zeros worth coding as one, and how long that run is.
fn next_run(bytes: &[u8]) -> (usize, usize) {
    let word = |eight: &[u8]| eight.try_into().map_or(1, u64::from_le_bytes);
    let Some(start) = bytes.chunks_exact(8).position(|eight| word(eight) == 0) else { return (bytes.len(), 0) };
    let start = start * 8;
    let mut end = start + 8;
    for eight in bytes[end..].chunks_exact(8) {
        let zeros = word(eight).trailing_zeros() as usize / 8;
        end += zeros;
        if zeros < 8 {
            break;
        }
    }
    (start, end - start)
}

/// The symbols that repeat a zero `repeats` times: each with its extra bits and how many those are.
#[inline]
fn for_repeats(mut repeats: usize, mut each: impl FnMut(usize, u32, u32)) {
    while repeats >= 3 {
        let length = repeats.min(LONGEST);
        if length == LONGEST {
            each(285, 0, 0);
        } else if length < 11 {
            each(254 + length, 0, 0);
        } else {
            // RFC 1951, 3.2.5: four symbols for each doubling.
            let from = length - 3;
            let bits = from.ilog2() - 2;
            each(257 + 4 * bits as usize + (from >> bits), (from & ((1 << bits) - 1)) as u32, bits);
        }
        repeats -= length;
    }
    for _ in 0..repeats {
        each(0, 0, 0);
    }
}

/// Adler-32 (RFC 1950) of a stream from the sums of its pieces.
pub struct Adler {
    a: u64,
    b: u64,
}

impl Default for Adler {
    fn default() -> Self {
        Self { a: 1, b: 0 }
    }
}

impl Adler {
    const MODULUS: u64 = 65_521;

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

    /// Bands of `rows` rows joined and read back by another hand; the filtered bytes they must give.
    fn there_and_back(bytes: &[u8], stride: usize, rows: usize) -> (Vec<u8>, Vec<u8>) {
        let mut stream = BEGIN.to_vec();
        let mut sum = Adler::default();
        let mut filtered = Vec::new();
        for piece in bytes.chunks(stride * rows) {
            let packed = pack(piece, stride);
            sum.add(&packed);
            stream.extend_from_slice(&packed.data);
            let mut own = Vec::new();
            crate::filter_rows(piece, stride, &[], &mut own);
            filtered.extend(own);
        }
        stream.extend_from_slice(&END);
        stream.extend_from_slice(&sum.value().to_be_bytes());
        let mut back = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&stream[..]), &mut back).unwrap();
        (back, filtered)
    }

    proptest! {
        #[test]
        fn pieces_join_into_a_stream_that_reads_back(rows in prop::collection::vec(any::<[u8; 12]>(), 1..40), cut in 1usize..9) {
            let (back, filtered) = there_and_back(&rows.concat(), 12, cut);
            prop_assert_eq!(back, filtered);
        }

        #[test]
        fn runs_of_every_length_read_back(runs in prop::collection::vec((1usize..700, any::<u8>()), 1..30)) {
            let mut bytes: Vec<u8> = runs.iter().flat_map(|(length, byte)| vec![*byte; *length]).collect();
            bytes.resize(bytes.len().next_multiple_of(30), 9);
            let (back, filtered) = there_and_back(&bytes, 30, 64);
            prop_assert_eq!(back, filtered);
        }
    }

    #[test]
    fn several_blocks_and_rare_bytes_read_back() {
        // Frequencies like Fibonacci's numbers ask for the longest codes.
        let mut bytes = Vec::new();
        let (mut count, mut next) = (1usize, 1usize);
        for value in 0..24u8 {
            bytes.extend(std::iter::repeat_n(value.wrapping_mul(37), count));
            (count, next) = (next, count + next);
        }
        bytes.resize(bytes.len().next_multiple_of(300), 1);
        let (back, filtered) = there_and_back(&bytes, 300, 1000);
        assert!(back == filtered);
    }
}
