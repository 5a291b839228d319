//! The page of the system for the owner: what runs, how it is, what it takes, and what went wrong last.
//!
//! May touch: everything that [`super`] may. Begin with [`web`] and [`recent`].

pub mod recent;
mod room;
pub mod web;

use crate::kernel::Moment;
use crate::shop::Shop;

/// When the shop was started.
struct Since(Moment);

/// Remembers the moment of the start.
pub fn begin(shop: &Shop) {
    let now = shop.now();
    shop.kept(|| Since(now));
}

fn started_at(shop: &Shop) -> Moment {
    let now = shop.now();
    shop.kept(|| Since(now)).0
}

/// Bytes as people read them: `12.3 MiB`, at least one tenth unless there is nothing.
pub fn size_text(bytes: u64) -> String {
    let (unit, name) = if bytes >= 10 << 30 { (1 << 30, "GiB") } else { (1 << 20, "MiB") };
    let tenths = (u128::from(bytes) * 10).div_ceil(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_reads_best() {
        assert_eq!(size_text(0), "0.0 MiB");
        assert_eq!(size_text(1), "0.1 MiB");
        assert_eq!(size_text(5 << 30), "5120.0 MiB");
        assert_eq!(size_text(25 << 30), "25.0 GiB");
    }
}
