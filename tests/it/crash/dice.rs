//! Chance that can be repeated.

use std::time::SystemTime;

/// Moments that differ from run to run. The seed stands in the output of a run that fails.
pub struct Dice(u64);

impl Dice {
    /// From `PETSTAR_TEST_SEED`, or from the time.
    pub fn new() -> Dice {
        let given = std::env::var("PETSTAR_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let seed = given.unwrap_or(now.as_nanos() as u64);
        println!("PETSTAR_TEST_SEED={seed}");
        Dice(seed | 1)
    }

    /// A number below `limit` (xorshift64, Marsaglia 2003).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Other dice that these decide about.
    pub fn split(&mut self) -> Dice {
        Dice(self.below(u64::MAX) | 1)
    }
}
