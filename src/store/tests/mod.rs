//! The store as its users see it.

mod batch;
pub(crate) mod disk;
mod faults;
mod flips;
mod opening;
mod power;
pub(crate) mod power_supply;
mod tables;
pub(crate) mod yard;

use super::*;

const NAMES: Table<u32, String> = Table::new("test.names", 1);
const LETTERS: Index<(String, u32)> = Index::new("test.names.by_letter");

/// A store that lives in memory.
fn in_memory() -> Store {
    Store::open_on(redb::backends::InMemoryBackend::new()).unwrap()
}

fn names(store: &Store) -> Vec<(u32, String)> {
    NAMES.range(&store.read().unwrap(), .., Order::Rising, usize::MAX).unwrap()
}

/// How many lives a test of power cuts tries.
#[expect(clippy::disallowed_methods, reason = "a test may be told to try longer")]
pub(crate) fn seeds(usual: u64) -> u64 {
    std::env::var("PETSTAR_TEST_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The little randomness tests need: splitmix64 (Steele, Lea and Flood, 2014).
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}
