//! Entries one after the other, oldest first, for exports.

use super::seek::actors;
use super::{BY_ACTOR, BY_TIME, ENTRIES};
use crate::kernel::{Fault, Moment};
use crate::store::{Order, Snapshot};
use std::ops::ControlFlow;

/// Which entries are walked by [`each_stored`]. Empty members do not narrow.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// The beginning of the name of whoever did it, in letters of any size.
    pub actor: String,
    /// Done at this moment or later.
    pub from: Option<Moment>,
    /// Done before this moment.
    pub until: Option<Moment>,
}

/// Where an entry lies: along the log, or along the time where days were asked for. Entries are written some time after they began, so the
/// two orders are not quite the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    Number(u64),
    Time(Moment, u64),
}

/// Keys of an index read at once.
const READ: usize = 1024;

impl Span {
    /// The first place of the days asked for, and the first behind them; nothing where all days are wanted.
    fn times(&self) -> Option<((Moment, u64), (Moment, u64))> {
        if self.from.is_none() && self.until.is_none() {
            return None;
        }
        let low = (self.from.unwrap_or(Moment(i64::MIN)), 0);
        let high = self.until.map_or((Moment(i64::MAX), u64::MAX), |until| (until, 0));
        Some((low, high.max(low)))
    }
}

/// How many entries [`each_stored`] walks, and whether it shows all of them.
///
/// # Errors
/// A database that cannot be read.
pub fn span_size(tx: &impl Snapshot, span: &Span) -> Result<(u64, bool), Fault> {
    if let Some((low, high)) = span.times() {
        return Ok((BY_TIME.count_between(tx, low..high)?, span.actor.is_empty()));
    }
    if span.actor.is_empty() {
        return Ok((ENTRIES.len(tx)?, true));
    }
    let names = actors(tx, &span.actor, usize::MAX)?;
    let counts = names.into_iter().map(|name| BY_ACTOR.count_between(tx, (name.clone(), 0)..=(name, u64::MAX)));
    Ok((counts.sum::<Result<u64, Fault>>()?, true))
}

/// Hands the entries behind `after` to `visit` until it breaks, as the JSON they are stored as; only their places where they lie in the
/// days asked for but somebody else did them. Gives `Continue` when there are no more.
///
/// # Errors
/// A database that cannot be read, and those of `visit`.
pub fn each_stored(
    tx: &impl Snapshot,
    span: &Span,
    after: Option<Along>,
    mut visit: impl FnMut(Along, Option<&[u8]>) -> Result<ControlFlow<()>, Fault>,
) -> Result<ControlFlow<()>, Fault> {
    let behind = after.map(|(Along::Number(number) | Along::Time(_, number))| number);
    if span.actor.is_empty() && span.times().is_none() {
        let mut how = ControlFlow::Continue(());
        ENTRIES.each_stored(tx, behind.as_ref(), |number, json| {
            how = visit(Along::Number(number), Some(json))?;
            Ok(how)
        })?;
        return Ok(how);
    }
    let names = if span.actor.is_empty() { Vec::new() } else { actors(tx, &span.actor, usize::MAX)? };
    let Some((mut low, high)) = span.times() else {
        let mut next = behind.map_or(0, |number| number.saturating_add(1));
        loop {
            let mut numbers = Vec::new();
            for name in &names {
                let keys = (name.clone(), next)..=(name.clone(), u64::MAX);
                numbers.extend(BY_ACTOR.range(tx, keys, Order::Rising, READ)?.into_iter().map(|(_, number)| number));
            }
            numbers.sort_unstable();
            numbers.truncate(READ);
            let Some(last) = numbers.last() else { return Ok(ControlFlow::Continue(())) };
            next = last.saturating_add(1);
            for number in numbers {
                if show(tx, Along::Number(number), number, &mut visit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    };
    match after {
        Some(Along::Time(at, number)) => low = low.max((at, number.saturating_add(1))),
        // Noted by an older petstar, which walked along the numbers.
        Some(Along::Number(number)) => {
            let at = ENTRIES.get(tx, &number)?.map_or(low.0, |row| row.at);
            low = low.max((at, number.saturating_add(1)));
        }
        None => {}
    }
    while low < high {
        let keys = BY_TIME.range(tx, low..high, Order::Rising, READ)?;
        let Some((at, number)) = keys.last() else { break };
        low = (*at, number.saturating_add(1));
        for (at, number) in keys {
            let mut is_wanted = names.is_empty() && span.actor.is_empty();
            for name in &names {
                is_wanted = is_wanted || BY_ACTOR.has(tx, &(name.clone(), number))?;
            }
            let along = Along::Time(at, number);
            let how = if is_wanted { show(tx, along, number, &mut visit)? } else { visit(along, None)? };
            if how.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn show(
    tx: &impl Snapshot,
    along: Along,
    number: u64,
    visit: &mut impl FnMut(Along, Option<&[u8]>) -> Result<ControlFlow<()>, Fault>,
) -> Result<ControlFlow<()>, Fault> {
    let mut told = Ok(ControlFlow::Continue(()));
    if !ENTRIES.stored(tx, &number, |json| told = visit(along, Some(json)))? {
        return Err(Fault::Corrupt(format!("entry {number} of the audit log is in an index and nowhere else")));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::super::{Actor, Entry, record};
    use super::*;
    use crate::store::Store;
    use serde_json::{Value, json};

    /// Entries 1 to 3000 of two people, each second; some are written later than they began.
    fn store() -> Store {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        let write = |tx: &crate::store::WriteTx| {
            for number in 1..=3000_i64 {
                let name = if number % 3 == 0 { "Mika" } else { "Kenji" };
                let late = if number % 10 == 0 { 2500 } else { 0 };
                let entry = Entry {
                    actor: Actor { name: name.into(), id: None, ip: None },
                    action: "order.changed",
                    target_type: "order",
                    target_id: number.to_string(),
                    before: Value::Null,
                    after: json!({"number": number}),
                    at: Moment(number * 1000 - late),
                };
                record(tx, entry)?;
            }
            Ok::<_, Fault>(())
        };
        store.write_blocking(write).unwrap();
        store
    }

    /// The numbers of the entries shown, read in parts of so many.
    fn shown(store: &Store, span: &Span, part: usize) -> Vec<u64> {
        let (mut found, mut after) = (Vec::new(), None);
        let mut looked = 0;
        loop {
            let tx = store.read().unwrap();
            let mut count = 0;
            let how = each_stored(&tx, span, after, |along, json| {
                after = Some(along);
                looked += 1;
                if let Some(json) = json {
                    let row: Value = serde_json::from_slice(json).unwrap();
                    found.push(row["number"].as_u64().unwrap());
                    count += 1;
                }
                Ok(if count == part { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            });
            if how.unwrap().is_continue() {
                let (size, is_exact) = span_size(&tx, span).unwrap();
                assert_eq!((looked, is_exact), (size, found.len() as u64 == size), "{span:?}");
                return found;
            }
        }
    }

    #[test]
    fn entries_are_found_by_who_and_when() {
        let store = store();
        let span = |actor: &str, from: Option<i64>, until: Option<i64>| Span {
            actor: actor.into(),
            from: from.map(Moment),
            until: until.map(Moment),
        };
        let expected = |keep: &dyn Fn(i64, i64) -> bool| -> Vec<u64> {
            let mut rows: Vec<(i64, i64)> =
                (1..=3000).map(|number| (number * 1000 - if number % 10 == 0 { 2500 } else { 0 }, number)).collect();
            rows.retain(|(at, number)| keep(*at, *number));
            let mut numbers: Vec<u64> = rows.into_iter().map(|(_, number)| number.cast_unsigned()).collect();
            numbers.sort_unstable();
            numbers
        };
        for part in [usize::MAX, 700, 97] {
            assert_eq!(shown(&store, &span("", None, None), part), expected(&|_, _| true));
            assert_eq!(shown(&store, &span("MI", None, None), part), expected(&|_, number| number % 3 == 0));
            assert_eq!(shown(&store, &span("nobody", None, None), part), Vec::<u64>::new());
            let (from, until) = (Some(500_000), Some(1_999_000));
            let within = |at: i64| (500_000..1_999_000).contains(&at);
            let mut days = shown(&store, &span("", from, until), part);
            days.sort_unstable();
            assert_eq!(days, expected(&|at, _| within(at)), "also those written after the last second");
            let mut both = shown(&store, &span("mika", from, until), part);
            both.sort_unstable();
            assert_eq!(both, expected(&|at, number| within(at) && number % 3 == 0));
            assert_eq!(shown(&store, &span("nobody", from, until), part), Vec::<u64>::new());
            assert!(shown(&store, &span("", until, from), part).is_empty());
        }
    }
}
