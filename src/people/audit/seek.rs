//! Looking through the log: by who did it, what it was, to what, and when. Each of these has an index; where several are asked for, their
//! walks leap over what the others do not have, and no entry is read that does not fit all of them.

use super::{AuditRow, BY_ACTION, BY_ACTOR, BY_ID, BY_TIME, ENTRIES, HEAD, actions};
use crate::kernel::{Fault, Moment};
use crate::store::{Index, Order, Snapshot};

/// What the log is narrowed to. Empty members do not narrow.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    /// The beginning of the name of whoever did it, in letters of any size.
    pub actor: String,
    /// `order.changed`, or the noun alone: `order`.
    pub action: String,
    pub target_type: String,
    pub target_id: String,
    pub from: Option<Moment>,
    pub until: Option<Moment>,
}

impl Sought {
    fn fits(&self, row: &AuditRow) -> bool {
        let is = |wanted: &str, given: &str| wanted.is_empty() || wanted == given;
        (self.actor.is_empty() || row.actor.to_lowercase().starts_with(&self.actor.to_lowercase()))
            && self.fits_action(&row.action)
            && is(&self.target_type, &row.target_type)
            && is(&self.target_id, &row.target_id)
            && self.from.is_none_or(|from| row.at >= from)
            && self.until.is_none_or(|until| row.at < until)
    }

    fn fits_action(&self, action: &str) -> bool {
        let wanted = self.action.as_str();
        wanted.is_empty() || action == wanted || action.split('.').next() == Some(wanted)
    }
}

/// Names looked for at once; a beginning that more have is too short to be of use.
const NAMES: usize = 50;

/// The names of those who did something that begin so, in small letters; at most `limit` of them.
pub(super) fn actors(tx: &impl Snapshot, beginning: &str, limit: usize) -> Result<Vec<String>, Fault> {
    let beginning = beginning.to_lowercase();
    let mut names: Vec<String> = Vec::new();
    // From the last entry of one name to the first of the next.
    let mut from = (beginning.clone(), 0);
    while let Some((name, _)) = BY_ACTOR.range(tx, from.clone().., Order::Rising, 1)?.pop() {
        if !name.starts_with(&beginning) || names.len() == limit {
            break;
        }
        from = (name.clone(), u64::MAX);
        names.push(name);
    }
    Ok(names)
}

/// How much is done for one page. What is not found by then is found by asking again from where this one ended.
#[derive(Clone, Copy)]
struct Effort {
    /// Jumps in indexes.
    jumps: usize,
    /// Entries read that do not fit; only what has no index of its own is compared so.
    misses: usize,
}

/// Some ten milliseconds.
const EFFORT: Effort = Effort { jumps: 2_000, misses: 500 };

/// For so long an entry may be written after it began. Numbers follow the order of writing, so only about so far are they those of the time.
const WRITTEN_WITHIN_MS: i64 = 60_000;

/// The lowest number of what was done at `from` or later.
fn lowest_from(tx: &impl Snapshot, from: Moment) -> Result<Option<u64>, Fault> {
    let Some((first, number)) = BY_TIME.range(tx, (from, 0).., Order::Rising, 1)?.pop() else { return Ok(None) };
    let until = (Moment(first.0.saturating_add(WRITTEN_WITHIN_MS)), u64::MAX);
    let near = BY_TIME.range(tx, (first, number)..=until, Order::Rising, usize::MAX)?;
    Ok(near.into_iter().map(|(_, number)| number).min())
}

/// The highest number of what was done before `until`.
fn highest_until(tx: &impl Snapshot, until: Moment) -> Result<Option<u64>, Fault> {
    let Some((last, number)) = BY_TIME.range(tx, ..(until, 0), Order::Falling, 1)?.pop() else { return Ok(None) };
    let from = (Moment(last.0.saturating_sub(WRITTEN_WITHIN_MS)), 0);
    let near = BY_TIME.range(tx, from..=(last, number), Order::Rising, usize::MAX)?;
    Ok(near.into_iter().map(|(_, number)| number).max())
}

/// One thing sought, newest first: keys of an index of which any will do, each with the newest number it has below the one last asked for.
struct Walk {
    index: &'static Index<(String, u64)>,
    low: u64,
    heads: Vec<(String, Option<u64>)>,
}

impl Walk {
    fn new(index: &'static Index<(String, u64)>, low: u64, keys: Vec<String>) -> Walk {
        // Nothing was read yet: any number asked for is below this one.
        Walk { index, low, heads: keys.into_iter().map(|key| (key, Some(u64::MAX))).collect() }
    }

    /// The newest number below `high`.
    fn below(&mut self, tx: &impl Snapshot, high: u64, jumps: &mut usize) -> Result<Option<u64>, Fault> {
        let mut newest = None;
        for (key, at) in &mut self.heads {
            if at.is_some_and(|at| at >= high) {
                *jumps += 1;
                let bounds = (key.clone(), self.low)..(key.clone(), high);
                *at = self.index.range(tx, bounds, Order::Falling, 1)?.pop().map(|(_, number)| number);
            }
            newest = newest.max(*at);
        }
        Ok(newest)
    }
}

/// The entries sought, newest first, behind the number `after`. After so much effort without enough of them it ends, and the second value
/// is where it goes on.
///
/// # Errors
/// A database that cannot be read.
pub fn seek(
    tx: &impl Snapshot,
    sought: &Sought,
    after: Option<u64>,
    limit: usize,
) -> Result<(Vec<AuditRow>, Option<u64>), Fault> {
    seek_with(tx, sought, after, limit, EFFORT)
}

fn seek_with(
    tx: &impl Snapshot,
    sought: &Sought,
    after: Option<u64>,
    limit: usize,
    effort: Effort,
) -> Result<(Vec<AuditRow>, Option<u64>), Fault> {
    let newest = HEAD.get(tx, &"audit".to_owned())?.map_or(0, |head| head.number);
    let low = match sought.from {
        Some(from) => lowest_from(tx, from)?.unwrap_or(u64::MAX),
        None => 1,
    };
    let until = match sought.until {
        Some(until) => highest_until(tx, until)?.map_or(0, |number| number + 1),
        None => u64::MAX,
    };
    let mut high = after.unwrap_or(u64::MAX).min(until).min(newest + 1);

    let mut walks = Vec::new();
    if !sought.target_id.is_empty() {
        walks.push(Walk::new(&BY_ID, low, vec![sought.target_id.clone()]));
    }
    if !sought.actor.is_empty() {
        walks.push(Walk::new(&BY_ACTOR, low, actors(tx, &sought.actor, NAMES)?));
    }
    if sought.action.contains('.') {
        walks.push(Walk::new(&BY_ACTION, low, vec![sought.action.clone()]));
    } else if !sought.action.is_empty() {
        let of_noun = actions(tx)?.into_iter().filter(|action| sought.fits_action(action)).collect();
        walks.push(Walk::new(&BY_ACTION, low, of_noun));
    }

    let (mut found, mut jumps, mut misses) = (Vec::new(), 0, 0);
    while found.len() < limit && high > low {
        // The newest number below `high` that all walks have: each in its turn leaps to where the others are, until none has to.
        let mut bound = high;
        loop {
            let before = bound;
            for walk in &mut walks {
                match walk.below(tx, bound, &mut jumps)? {
                    Some(number) => bound = number + 1,
                    None => return Ok((found, None)),
                }
            }
            if bound == before {
                break;
            }
            if jumps >= effort.jumps && bound <= newest {
                return Ok((found, Some(bound)));
            }
        }
        high = bound - 1;
        match ENTRIES.get(tx, &high)?.filter(|row| sought.fits(row)) {
            Some(row) => found.push(row),
            None => misses += 1,
        }
        if misses >= effort.misses && found.len() < limit {
            return Ok((found, Some(high)));
        }
    }
    Ok((found, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::audit::{Actor, Entry, record};
    use crate::store::Store;
    use serde_json::json;

    /// 400 entries: Mika's have even numbers and change products, Kenji's change orders; at 30 and 31 they changed places.
    fn store() -> Store {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        let fill = |tx: &crate::store::WriteTx| {
            for number in 1..=400_i64 {
                let (is_mika, at_product) = (number % 2 == 0, (number % 2 == 0) != matches!(number, 30 | 31));
                let entry = Entry {
                    actor: Actor { name: if is_mika { "Mika" } else { "Kenji" }.into(), id: None, ip: None },
                    action: if at_product { "product.changed" } else { "order.changed" },
                    target_type: if number == 5 { "coupon" } else { "thing" },
                    target_id: number.to_string(),
                    before: json!({}),
                    after: json!({}),
                    at: Moment(number * 1000),
                };
                record(tx, entry)?;
            }
            Ok::<_, Fault>(())
        };
        store.write_blocking(fill).unwrap();
        store
    }

    #[test]
    fn what_was_written_late_is_found_on_its_day() {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        // The first two changed places at the beginning of the day, the last two at its end.
        for at in [100_001, 100_000, 150_000, 200_000, 199_999] {
            let entry = Entry {
                actor: Actor { name: "Mika".into(), id: None, ip: None },
                action: "product.changed",
                target_type: "thing",
                target_id: "1".into(),
                before: json!({}),
                after: json!({}),
                at: Moment(at),
            };
            store.write_blocking(move |tx| record(tx, entry.clone())).unwrap();
        }
        let sought = Sought { from: Some(Moment(100_000)), until: Some(Moment(200_000)), ..Sought::default() };
        assert_eq!(all(&store, &sought, EFFORT).0, [5, 3, 2, 1]);
        let before = Sought { until: Some(Moment(100_000)), ..Sought::default() };
        assert!(all(&store, &before, EFFORT).0.is_empty());
    }

    /// Everything sought, page by page; and how many pages it took.
    fn all(store: &Store, sought: &Sought, effort: Effort) -> (Vec<u64>, usize) {
        let tx = store.read().unwrap();
        let (mut numbers, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let (rows, goes_on) = seek_with(&tx, sought, after, 10, effort).unwrap();
            pages += 1;
            numbers.extend(rows.iter().map(|row| row.number));
            after = match goes_on {
                Some(number) => Some(number),
                None if rows.len() == 10 => rows.last().map(|row| row.number),
                None => return (numbers, pages),
            };
        }
    }

    #[test]
    fn a_page_ends_after_some_effort_and_goes_on_from_there() {
        let store = store();
        let few = Effort { jumps: 20, misses: 20 };
        // Both walks are long and meet once: nothing is read in vain, and no page leaps more than it may.
        let both = Sought { actor: "mika".into(), action: "order".into(), ..Sought::default() };
        let (numbers, pages) = all(&store, &both, few);
        assert_eq!(numbers, [30]);
        assert!(pages > 5, "{pages}");
        assert_eq!(all(&store, &both, EFFORT), (vec![30], 1));
        // What has no index of its own is compared, some entries at a time.
        let coupons = Sought { target_type: "coupon".into(), ..Sought::default() };
        let (numbers, pages) = all(&store, &coupons, few);
        assert_eq!((numbers, pages), (vec![5], 20));
        // Days narrow the walks themselves.
        let days = Sought { from: Some(Moment(29_000)), until: Some(Moment(33_000)), ..both };
        assert_eq!(all(&store, &days, few), (vec![30], 1));
        let later = Sought { from: Some(Moment(999_000)), ..Sought::default() };
        assert_eq!(all(&store, &later, few), (vec![], 1));
        let nobody = Sought { actor: "Nobody".into(), ..Sought::default() };
        assert_eq!(all(&store, &nobody, few), (vec![], 1));
    }
}
