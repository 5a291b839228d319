//! Reading the bits of a JPEG's scan.

/// Codes up to this long are found in one step.
const QUICK: u32 = 10;

/// Codes that are together with their number up to this long are read in one step. Longer ones are rarer than a larger table is slow.
const WHOLE: u32 = 11;

/// Two codes that are together with their numbers up to this long are read in one step, and the end of the block with them.
const PAIR: u32 = 11;

/// Codes are passed over this many bits at a time.
const PASS: u32 = 12;

/// One table of codes.
pub struct Huffman {
    /// By the next bits: how many the code has (0: more than [`QUICK`]), and what it stands for.
    quick: Box<[(u8, u8); 1 << QUICK]>,
    /// By length: the first number that is no code of this length any more, and where the symbols of this length would begin
    /// if codes began at 0.
    ends: [(u32, i32); 17],
    symbols: Vec<u8>,
}

/// One table of codes for frequencies.
pub struct Frequencies {
    codes: Huffman,
    /// By the next bits, read as a frequency: how many bits it takes with its number (0: more than [`WHOLE`]), zeros before it, the number.
    whole: Box<[(u8, u8, i16); 1 << WHOLE]>,
    pairs: Box<[Pair; 1 << PAIR]>,
    /// By the next bits: how many of them are whole frequencies, how many frequencies those are, the zeros between them included, and whether
    /// they end the block.
    pass: Box<[(u8, u8, bool); 1 << PASS]>,
}

impl From<Huffman> for Frequencies {
    fn from(codes: Huffman) -> Frequencies {
        let (whole, pairs, pass) = (whole(&codes.quick), pairs(&codes.quick), pass(&codes.quick));
        Frequencies { codes, whole, pairs, pass }
    }
}

impl Huffman {
    /// From how many codes there are of each length and what they stand for (T.81, C.2).
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Huffman> {
        let mut quick = Box::new([(0, 0); 1 << QUICK]);
        let mut ends = [(0, 0); 17];
        let (mut code, mut index) = (0u32, 0usize);
        for length in 1..=16 {
            let count = usize::from(counts[length as usize - 1]);
            ends[length as usize].1 = index as i32 - code as i32;
            for symbol in symbols.get(index..index + count)? {
                if code >= 1 << length {
                    return None;
                }
                if length <= QUICK {
                    let from = (code << (QUICK - length)) as usize;
                    quick[from..from + (1 << (QUICK - length))].fill((length as u8, *symbol));
                }
                code += 1;
            }
            index += count;
            ends[length as usize].0 = code;
            code <<= 1;
        }
        Some(Huffman { quick, ends, symbols: symbols.to_vec() })
    }
}

/// Up to two frequencies.
#[derive(Clone, Copy)]
pub struct Pair {
    /// Bits.
    taken: u8,
    /// How far behind the present place each stands; [`Pair::NONE`] where there is none.
    pub ahead: [u8; 2],
    pub values: [i8; 2],
    /// From the present place to the next.
    pub step: u8,
    pub ends: bool,
}

impl Pair {
    /// Beyond all places of a block.
    pub const NONE: u8 = 64;
}

fn whole(quick: &[(u8, u8); 1 << QUICK]) -> Box<[(u8, u8, i16); 1 << WHOLE]> {
    let read = |bits: u32| {
        let (length, symbol) = quick[(bits >> (WHOLE - QUICK)) as usize];
        let (zeros, size) = (symbol >> 4, u32::from(symbol & 15));
        let taken = u32::from(length) + size;
        if length == 0 || taken > WHOLE {
            return (0, 0, 0);
        }
        let number = (bits >> (WHOLE - taken)) & ((1 << size) - 1);
        (taken as u8, zeros, signed(number as i32, size) as i16)
    };
    let mut table = Box::new([(0, 0, 0); 1 << WHOLE]);
    table.iter_mut().zip(0..).for_each(|(entry, bits)| *entry = read(bits));
    table
}

fn pairs(quick: &[(u8, u8); 1 << QUICK]) -> Box<[Pair; 1 << PAIR]> {
    let read = |bits: u32| {
        let mut pair = Pair { taken: 0, ahead: [Pair::NONE; 2], values: [0; 2], step: 0, ends: false };
        let mut count = 0;
        loop {
            let rest = (bits << pair.taken) & ((1 << PAIR) - 1);
            let (length, symbol) = quick[(rest >> (PAIR - QUICK)) as usize];
            let (zeros, size) = (symbol >> 4, symbol & 15);
            let taken = pair.taken + length + size;
            if length == 0 || u32::from(taken) > PAIR {
                return pair;
            }
            if size == 0 {
                // Sixteen zeros are rare enough to be read on their own.
                if zeros != 15 {
                    (pair.taken, pair.ends) = (taken, true);
                }
                return pair;
            }
            let number = (bits >> (PAIR - u32::from(taken))) & ((1 << size) - 1);
            let (Ok(value), 0..2) = (i8::try_from(signed(number as i32, size.into())), count) else { return pair };
            (pair.ahead[count], pair.values[count]) = (pair.step + zeros, value);
            (pair.taken, pair.step) = (taken, pair.step + zeros + 1);
            count += 1;
        }
    };
    let mut table = Box::new([read(0); 1 << PAIR]);
    table.iter_mut().zip(0..).for_each(|(entry, bits)| *entry = read(bits));
    table
}

fn pass(quick: &[(u8, u8); 1 << QUICK]) -> Box<[(u8, u8, bool); 1 << PASS]> {
    let read = |bits: u32| {
        let (mut taken, mut count) = (0, 0);
        loop {
            let rest = (bits << taken) & ((1 << PASS) - 1);
            let (length, symbol) = quick[(rest >> (PASS - QUICK)) as usize];
            let (zeros, size) = (symbol >> 4, symbol & 15);
            if length == 0 || taken + u32::from(length + size) > PASS {
                return (taken as u8, count, false);
            }
            taken += u32::from(length + size);
            if size == 0 && zeros != 15 {
                return (taken as u8, count, true);
            }
            count += zeros + 1;
        }
    };
    let mut table = Box::new([(0, 0, false); 1 << PASS]);
    table.iter_mut().zip(0..).for_each(|(entry, bits)| *entry = read(bits));
    table
}

/// A number of `size` bits, negative ones counted from below (T.81, F.2.2.1).
#[inline]
fn signed(value: i32, size: u32) -> i32 {
    if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
}

#[derive(Clone, Copy)]
pub struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, the first one highest. Below them may stand bits that are read again.
    word: u64,
    count: u32,
    /// Bits made up after a marker.
    invented: u32,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, word: 0, count: 0, invented: 0 }
    }

    /// Makes sure of at least 32 bits.
    #[inline(always)]
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(eight) = self.data.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let next = u64::from_be_bytes(*eight);
            // No byte is 0xFF, which would be a marker or stuffed.
            if (!next).wrapping_sub(0x0101_0101_0101_0101) & next & 0x8080_8080_8080_8080 == 0 {
                self.word |= next >> self.count;
                let bytes = (64 - self.count) / 8;
                self.at += bytes as usize;
                self.count += bytes * 8;
                return;
            }
        }
        // Handed over and back, so that it can stay in registers otherwise.
        *self = self.filled_slowly();
    }

    #[cold]
    #[inline(never)]
    fn filled_slowly(mut self) -> Self {
        // Nothing may be left below, since what follows need not be the next byte.
        self.word &= !(u64::MAX >> self.count);
        while self.count <= 56 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xFF), Some(0)) => {
                    self.at += 2;
                    0xFF
                }
                (Some(0xFF), _) | (None, _) => {
                    self.invented += 8;
                    0
                }
                (Some(byte), _) => {
                    self.at += 1;
                    *byte
                }
            };
            self.word |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.word <<= count;
        self.count -= count;
    }

    #[inline(always)]
    fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        let (length, symbol) = table.quick[(self.word >> (64 - QUICK)) as usize];
        if length > 0 {
            self.skip(length.into());
            return Some(symbol);
        }
        for length in QUICK + 1..=16 {
            let code = (self.word >> (64 - length)) as u32;
            let (end, offset) = table.ends[length as usize];
            if code < end {
                self.skip(length);
                return table.symbols.get(usize::try_from(code as i32 + offset).ok()?).copied();
            }
        }
        None
    }

    #[inline(always)]
    fn number(&mut self, size: u32) -> i32 {
        let value = (self.word >> (64 - size)) as i32;
        self.skip(size);
        signed(value, size)
    }

    /// How much brighter a block is than the last.
    #[inline(always)]
    pub fn difference(&mut self, table: &Huffman) -> Option<i32> {
        self.fill();
        match self.symbol(table)? {
            0 => Some(0),
            size @ 1..=11 => Some(self.number(size.into())),
            _ => None,
        }
    }

    /// How many frequencies are zero, and the one that follows; (15, 0) for sixteen zeros, another 0 for the end of the block.
    #[inline(always)]
    pub fn frequency(&mut self, table: &Frequencies) -> Option<(usize, i16)> {
        self.fill();
        let (length, zeros, value) = table.whole[(self.word >> (64 - WHOLE)) as usize];
        if length > 0 {
            self.skip(length.into());
            return Some((zeros.into(), value));
        }
        let symbol = self.symbol(&table.codes)?;
        let (zeros, size) = (usize::from(symbol >> 4), symbol & 15);
        // At most fifteen bits, so it fits.
        Some((zeros, if size == 0 { 0 } else { self.number(size.into()) as i16 }))
    }

    /// Up to two frequencies and the end of the block, where that takes few bits and leads to no place from the 64th on.
    #[inline(always)]
    pub fn pair<'t>(&mut self, table: &'t Frequencies, at: usize) -> Option<&'t Pair> {
        self.fill();
        let pair = &table.pairs[(self.word >> (64 - PAIR)) as usize];
        // What fills a block has no end, and the codes behind it are another's.
        if pair.taken == 0 || at + usize::from(pair.step) >= 64 {
            return None;
        }
        self.skip(pair.taken.into());
        Some(pair)
    }

    /// Passes over what is left of a block from a place in the order of storing on.
    #[inline(always)]
    pub fn pass(&mut self, table: &Frequencies, mut at: usize) -> Option<()> {
        while at < 64 {
            self.fill();
            let (length, count, ends) = table.pass[(self.word >> (64 - PASS)) as usize];
            // What fills a block has no end, and the codes behind it are another's.
            if length > 0 && at + usize::from(count) < 64 {
                self.skip(length.into());
                if ends {
                    return Some(());
                }
                at += usize::from(count);
                continue;
            }
            let (zeros, value) = self.frequency(table)?;
            if value == 0 && zeros != 15 {
                return Some(());
            }
            at += zeros + 1;
        }
        (at == 64).then_some(())
    }

    /// Steps over a restart marker, which must come next.
    pub fn restart(&mut self) -> Option<()> {
        // At most seven bits of padding are left before the marker; whole bytes would be data that nobody asked for.
        let is_used_up = self.count.checked_sub(self.invented)? < 8;
        let is_marker = matches!(self.data.get(self.at..self.at + 2)?, [0xFF, 0xD0..=0xD7]);
        if !is_used_up || !is_marker {
            return None;
        }
        self.at += 2;
        (self.word, self.count, self.invented) = (0, 0, 0);
        Some(())
    }

    /// True when more bits were read than there are.
    pub fn overrun(&self) -> bool {
        self.invented > self.count
    }
}
