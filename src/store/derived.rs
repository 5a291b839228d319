//! Tables that only repeat what other rows say, such as indexes: compared with those rows, and made right again.

use super::key::{Key, bytes_of};
use super::open::Store;
use super::table::{Index, Table};
use super::tx::sealed::Raw;
use super::tx::{ReadTx, Snapshot, WriteTx};
use crate::kernel::Fault;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

/// One row that must be there because of another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Derived {
    table: &'static str,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Takes the derived rows one by one.
pub type Visit<'a> = dyn FnMut(Derived) -> Result<(), Fault> + 'a;

impl<K: Key> Index<K> {
    /// The entry that stands in the index for some row.
    pub fn derived(&self, key: &K) -> Derived {
        Derived { table: self.name(), key: bytes_of(key), value: Vec::new() }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned> Table<K, V> {
    /// The row of a table that only points to another.
    ///
    /// # Errors
    /// A value that does not serialise, which is a mistake in the program.
    pub fn derived(&self, key: &K, value: &V) -> Result<Derived, Fault> {
        Ok(Derived { table: self.name(), key: bytes_of(key), value: self.bytes(value)? })
    }
}

/// How a derived table differs from what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub table: &'static str,
    /// Missing, or pointing elsewhere.
    pub missing: u64,
    /// There without a row that says so.
    pub surplus: u64,
}

/// Compares without holding the entries in memory. Only the tables in `exact` are looked through for too much; `each` must name every entry
/// of those once.
///
/// # Errors
/// A database that cannot be read.
pub fn compare(
    tx: &impl Snapshot,
    exact: &[&'static str],
    each: impl FnOnce(&mut Visit<'_>) -> Result<(), Fault>,
) -> Result<Vec<Difference>, Fault> {
    // Entries wanted, and those of them that are not there.
    let mut counts: BTreeMap<&'static str, (u64, u64)> = exact.iter().map(|table| (*table, (0, 0))).collect();
    each(&mut |entry| {
        let (wanted, missing) = counts.entry(entry.table).or_default();
        *wanted += 1;
        if !is_there(tx, &entry)? {
            *missing += 1;
        }
        Ok(())
    })?;
    let mut found = Vec::new();
    for (table, (wanted, missing)) in counts {
        let mut surplus = 0;
        if exact.contains(&table) {
            surplus = (tx.count(table)? + missing).saturating_sub(wanted);
        }
        if missing + surplus > 0 {
            found.push(Difference { table, missing, surplus });
        }
    }
    Ok(found)
}

/// Writes what is missing and removes from the tables in `exact` what nothing stands for. Gives the number of rows changed.
///
/// # Errors
/// A database that cannot be read or written.
pub fn mend(
    tx: &WriteTx,
    exact: &[&'static str],
    each: impl FnOnce(&mut Visit<'_>) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let mut wanted = HashSet::new();
    each(&mut |entry| {
        wanted.insert(entry);
        Ok(())
    })?;
    let keys: HashSet<(&'static str, &[u8])> = wanted.iter().map(|entry| (entry.table, &entry.key[..])).collect();
    let mut surplus = Vec::new();
    for table in exact {
        tx.scan(table, (Bound::Unbounded, Bound::Unbounded), false, &mut |key, _| {
            if !keys.contains(&(*table, key)) {
                surplus.push((*table, key.to_vec()));
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
    }
    let mut changed = 0;
    for (table, key) in surplus {
        tx.remove(table, key)?;
        changed += 1;
    }
    for entry in wanted {
        if !is_there(tx, &entry)? {
            tx.put(entry.table, entry.key, &entry.value)?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// Which lists an older database has been given, under the name of their room.
static FILLED: Table<String, u32> = Table::new("store.lists", 1);
/// How many entries are written in one commit while lists are filled.
const AT_ONCE: usize = 5_000;

/// Writes the entries of `lists`, which came later than the rows they follow from. Done once for each `version` of a room's lists; to be
/// called at the start, before anybody else writes. Holds few entries in memory.
///
/// # Errors
/// A database that cannot be read or written.
pub fn fill(
    store: &Store,
    room: &str,
    version: u32,
    lists: &[&'static str],
    each: impl FnOnce(&ReadTx, &mut Visit<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let room = room.to_owned();
    let tx = store.read()?;
    if FILLED.get(&tx, &room)?.is_some_and(|filled| filled >= version) {
        return Ok(());
    }
    let put = |some: Vec<Derived>| {
        let write = move |tx: &WriteTx| some.iter().try_for_each(|e| tx.put(e.table, e.key.clone(), &e.value));
        store.write_blocking(write)
    };
    let mut some = Vec::new();
    each(&tx, &mut |entry| {
        if lists.contains(&entry.table) {
            some.push(entry);
        }
        if some.len() < AT_ONCE { Ok(()) } else { put(std::mem::take(&mut some)) }
    })?;
    put(some)?;
    store.write_blocking(move |tx| FILLED.put(tx, &room, &version))
}

fn is_there(tx: &impl Snapshot, entry: &Derived) -> Result<bool, Fault> {
    let mut same = false;
    tx.fetch(entry.table, &entry.key, &mut |value| same = value == entry.value)?;
    Ok(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    static PETS: Table<u64, String> = Table::new("pets", 1);
    static BY_NAME: Index<(String, u64)> = Index::new("pets.by_name");
    static FIRST: Table<String, u64> = Table::new("pets.first", 1);
    const EXACT: &[&str] = &["pets.by_name"];

    fn follow(tx: &impl Snapshot, visit: &mut Visit<'_>) -> Result<(), Fault> {
        PETS.each(tx, .., crate::store::Order::Rising, |id, name| {
            visit(BY_NAME.derived(&(name.clone(), id)))?;
            visit(FIRST.derived(&name, &id)?)?;
            Ok(std::ops::ControlFlow::Continue(()))
        })
    }

    #[test]
    fn a_list_that_came_later_is_filled_once() {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        store.write_blocking(|tx| PETS.put(tx, &1, &"Tama".to_owned())).unwrap();
        let fill = |version| fill(&store, "pets", version, EXACT, |tx, visit| follow(tx, visit)).unwrap();
        fill(1);
        let tx = store.read().unwrap();
        assert!(BY_NAME.has(&tx, &("Tama".to_owned(), 1)).unwrap());
        assert_eq!(FIRST.get(&tx, &"Tama".to_owned()), Ok(None), "only the lists that were named");
        store.write_blocking(|tx| BY_NAME.remove(tx, &("Tama".to_owned(), 1))).unwrap();
        fill(1);
        assert!(BY_NAME.is_empty(&store.read().unwrap()).unwrap(), "not a second time");
        fill(2);
        assert!(!BY_NAME.is_empty(&store.read().unwrap()).unwrap(), "but again for more lists");
    }

    #[test]
    fn what_is_missing_or_too_much_is_found_and_mended() {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        store
            .write_blocking(|tx| {
                for (id, name) in [(1, "Tama"), (2, "Pochi"), (3, "Kuro")] {
                    PETS.put(tx, &id, &name.to_owned())?;
                }
                BY_NAME.put(tx, &("Tama".to_owned(), 1))?;
                BY_NAME.put(tx, &("Shiro".to_owned(), 9))?;
                FIRST.put(tx, &"Tama".to_owned(), &2)?;
                FIRST.put(tx, &"Shiro".to_owned(), &9)
            })
            .unwrap();
        let look = || {
            let tx = store.read().unwrap();
            compare(&tx, EXACT, |visit| follow(&tx, visit)).unwrap()
        };
        assert_eq!(
            look(),
            [
                Difference { table: "pets.by_name", missing: 2, surplus: 1 },
                Difference { table: "pets.first", missing: 3, surplus: 0 }
            ]
        );
        let mend = || store.write_blocking(|tx| mend(tx, EXACT, |visit| follow(tx, visit))).unwrap();
        assert_eq!((mend(), look(), mend()), (6, Vec::new(), 0));
        let tx = store.read().unwrap();
        assert_eq!(FIRST.get(&tx, &"Tama".to_owned()), Ok(Some(1)));
        assert_eq!(FIRST.get(&tx, &"Shiro".to_owned()), Ok(Some(9)), "more than the rows say is allowed here");
    }
}
