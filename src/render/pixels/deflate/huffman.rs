//! Huffman's code for the bytes and lengths of a deflate block.

/// Bytes, the end of a block, and lengths (RFC 1951, 3.2.5).
pub const SYMBOLS: usize = 286;
/// So that four symbols always fit between two writes. Deflate itself would allow fifteen.
const LONGEST: u8 = 12;

/// For each symbol its bits, the first one lowest, and how many they are.
pub struct Code([(u16, u8); SYMBOLS]);

impl Code {
    pub fn new(counts: &[u32; SYMBOLS]) -> Code {
        let mut counts = *counts;
        loop {
            let lengths = lengths(&counts);
            if lengths.iter().all(|length| *length <= LONGEST) {
                return Code(canonical(&lengths));
            }
            // Evened out until no symbol is too rare.
            for count in counts.iter_mut().filter(|count| **count > 0) {
                *count = *count / 2 + 1;
            }
        }
    }

    #[inline]
    pub fn of(&self, symbol: usize) -> (u32, u32) {
        let (bits, count) = self.0[symbol];
        (bits.into(), count.into())
    }

    pub fn lengths(&self) -> [u8; SYMBOLS] {
        self.0.map(|(_, length)| length)
    }

    /// How many bits a block of that many of each symbol takes at most, its own tables and extra bits included.
    pub fn bits(&self, counts: &[u32; SYMBOLS]) -> usize {
        let symbols = counts.iter().zip(&self.0).map(|(count, (_, length))| *count as usize * usize::from(*length));
        let lengths = counts[257..].iter().map(|count| *count as usize * 6);
        symbols.sum::<usize>() + lengths.sum::<usize>() + (SYMBOLS + 1) * 4 + 100
    }
}

/// The depth of each symbol that occurs in Huffman's tree; 0 for the others. There are always at least two: a block has
/// bytes and an end.
fn lengths(counts: &[u32; SYMBOLS]) -> [u8; SYMBOLS] {
    let mut leaves: Vec<(u32, usize)> =
        counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(symbol, count)| (*count, symbol)).collect();
    leaves.sort_unstable();
    let mut result = [0; SYMBOLS];
    if let [(_, only)] = leaves[..] {
        result[only] = 1;
        return result;
    }
    // Two queues, both in order: leaves by count, and pairs in the order they are made. `parents` are numbers of pairs.
    let mut pairs: Vec<u32> = Vec::with_capacity(leaves.len());
    let mut leaf_parents = vec![0; leaves.len()];
    let mut pair_parents = vec![0; leaves.len()];
    let (mut leaf, mut pair) = (0, 0);
    for made in 0..leaves.len().saturating_sub(1) {
        let mut sum = 0;
        for _ in 0..2 {
            let take_leaf = match (leaves.get(leaf), pairs.get(pair)) {
                (Some((count, _)), Some(weight)) => count <= weight,
                (leaf, _) => leaf.is_some(),
            };
            if take_leaf {
                sum += leaves[leaf].0;
                leaf_parents[leaf] = made;
                leaf += 1;
            } else {
                sum += pairs[pair];
                pair_parents[pair] = made;
                pair += 1;
            }
        }
        pairs.push(sum);
    }
    let mut depths = vec![0u8; pairs.len()];
    for at in (0..pairs.len().saturating_sub(1)).rev() {
        depths[at] = depths[pair_parents[at]] + 1;
    }
    for (parent, (_, symbol)) in leaf_parents.iter().zip(&leaves) {
        result[*symbol] = depths[*parent] + 1;
    }
    result
}

/// RFC 1951, 3.2.2: codes of the same length are consecutive numbers in the order of their symbols.
fn canonical(lengths: &[u8; SYMBOLS]) -> [(u16, u8); SYMBOLS] {
    let mut next = [0u16; LONGEST as usize + 2];
    for length in 1..=usize::from(LONGEST) {
        let shorter = lengths.iter().filter(|other| usize::from(**other) == length).count() as u16;
        next[length + 1] = (next[length] + shorter) << 1;
    }
    lengths.map(|length| {
        if length == 0 {
            return (0, 0);
        }
        let code = next[usize::from(length)];
        next[usize::from(length)] += 1;
        (code.reverse_bits() >> (16 - length), length)
    })
}
