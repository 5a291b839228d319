//! Typed tables and indexes over the bytes of a transaction.

use super::key::{Key, bytes_of, whole};
use super::tx::{Bounds, Snapshot, WriteTx};
use crate::kernel::Fault;
use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow, RangeBounds};

/// In which order keys are walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Rising,
    Falling,
}

/// One page of a long list: at most `limit` rows behind `after`, in the order of the list.
#[derive(Clone, Debug)]
pub struct Page<K> {
    pub after: Option<K>,
    pub order: Order,
    pub limit: usize,
}

impl<K> Page<K> {
    /// The first page.
    pub fn first(order: Order, limit: usize) -> Self {
        Self { after: None, order, limit }
    }

    /// The page behind the row `key`.
    pub fn behind(key: K, order: Order, limit: usize) -> Self {
        Self { after: Some(key), order, limit }
    }
}

/// Rows `V` under keys `K`. Stored as one version byte and JSON, so that fields can be added without a migration: a new
/// field needs `#[serde(default)]`. The name and the meaning of the version never change.
pub struct Table<K, V> {
    name: &'static str,
    version: u8,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Serialize + DeserializeOwned> Table<K, V> {
    pub const fn new(name: &'static str, version: u8) -> Self {
        assert!(K::READABLE, "the keys of a table must be readable: String instead of &str");
        Self { name, version, types: PhantomData }
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub fn get(&self, tx: &impl Snapshot, key: &K) -> Result<Option<V>, Fault> {
        let mut row = None;
        let key = bytes_of(key);
        tx.fetch(self.name, &key, &mut |bytes| row = Some(self.row(&key, bytes)))?;
        match row.transpose() {
            Err(fault) => tx.go_on_behind(fault).map(|()| None),
            found => found,
        }
    }

    /// Whether there is a row, without reading it.
    pub fn has(&self, tx: &impl Snapshot, key: &K) -> Result<bool, Fault> {
        tx.fetch(self.name, &bytes_of(key), &mut |_| ())
    }

    /// Writes the row, over one that is there already.
    pub fn put(&self, tx: &WriteTx, key: &K, value: &V) -> Result<(), Fault> {
        tx.put(self.name, bytes_of(key), &self.bytes(value)?)
    }

    /// A row as it is stored.
    pub(super) fn bytes(&self, value: &V) -> Result<Vec<u8>, Fault> {
        let mut row = Vec::with_capacity(256);
        row.push(self.version);
        serde_json::to_writer(&mut row, value)
            .map_err(|error| Fault::bug(format!("a row of {} cannot be written: {error}", self.name)))?;
        Ok(row)
    }

    /// True when there was a row.
    pub fn remove(&self, tx: &WriteTx, key: &K) -> Result<bool, Fault> {
        tx.remove(self.name, bytes_of(key))
    }

    pub fn first(&self, tx: &impl Snapshot) -> Result<Option<(K, V)>, Fault> {
        Ok(self.range(tx, .., Order::Rising, 1)?.pop())
    }

    pub fn last(&self, tx: &impl Snapshot) -> Result<Option<(K, V)>, Fault> {
        Ok(self.range(tx, .., Order::Falling, 1)?.pop())
    }

    /// How many rows there are; known without counting them.
    pub fn len(&self, tx: &impl Snapshot) -> Result<u64, Fault> {
        tx.count(self.name)
    }

    pub fn is_empty(&self, tx: &impl Snapshot) -> Result<bool, Fault> {
        Ok(self.len(tx)? == 0)
    }

    pub fn page(&self, tx: &impl Snapshot, page: Page<K>) -> Result<Vec<(K, V)>, Fault> {
        let keys = Span::everything().behind(page.after.as_ref(), page.order);
        self.collect(tx, &keys, page.order, page.limit)
    }

    /// The rows between two keys, at most `limit`, beginning at the end that `order` says.
    pub fn range(
        &self,
        tx: &impl Snapshot,
        bounds: impl RangeBounds<K>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(K, V)>, Fault> {
        self.collect(tx, &Span::between(&bounds), order, limit)
    }

    /// The rows whose keys begin with `prefix` (the first members of the tuple `K`), behind `after`.
    pub fn prefix<P: Key>(
        &self,
        tx: &impl Snapshot,
        prefix: &P,
        after: Option<&K>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(K, V)>, Fault> {
        self.collect(tx, &Span::beginning_with(prefix).behind(after, order), order, limit)
    }

    /// Hands rows to `visit` one by one until it breaks, holding one in memory. From a write, `visit` may read every
    /// table but write only to others.
    pub fn each(
        &self,
        tx: &impl Snapshot,
        bounds: impl RangeBounds<K>,
        order: Order,
        mut visit: impl FnMut(K, V) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<(), Fault> {
        tx.scan(self.name, Span::between(&bounds).bounds(), order == Order::Falling, &mut |key, row| match key_of(
            self.name, key,
        )
        .and_then(|name| Ok((name, self.row(key, row)?)))
        {
            Ok((key, row)) => visit(key, row),
            Err(fault) => tx.go_on_behind(fault).map(ControlFlow::Continue),
        })
    }

    /// As [`Table::each`], but hands over the JSON of the rows as it is stored, in rising order behind `after`: for whoever reads very
    /// many rows and needs little of each.
    pub fn each_stored(
        &self,
        tx: &impl Snapshot,
        after: Option<&K>,
        mut visit: impl FnMut(K, &[u8]) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<(), Fault> {
        let keys = Span::everything().behind(after, Order::Rising);
        tx.scan(self.name, keys.bounds(), false, &mut |key, row| visit(key_of(self.name, key)?, self.json(row)?))
    }

    /// The JSON of one row as it is stored. False when there is none.
    pub fn stored(&self, tx: &impl Snapshot, key: &K, mut visit: impl FnMut(&[u8])) -> Result<bool, Fault> {
        let mut damage = None;
        let found = tx.fetch(self.name, &bytes_of(key), &mut |row| match self.json(row) {
            Ok(json) => visit(json),
            Err(fault) => damage = Some(fault),
        })?;
        damage.map_or(Ok(found), Err)
    }

    fn collect(&self, tx: &impl Snapshot, keys: &Span, order: Order, limit: usize) -> Result<Vec<(K, V)>, Fault> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        tx.scan(self.name, keys.bounds(), order == Order::Falling, &mut |key, row| {
            match key_of(self.name, key).and_then(|name| Ok((name, self.row(key, row)?))) {
                Ok(row) => found.push(row),
                Err(fault) => tx.go_on_behind(fault)?,
            }
            Ok(enough(found.len(), limit))
        })?;
        Ok(found)
    }

    fn row(&self, key: &[u8], bytes: &[u8]) -> Result<V, Fault> {
        serde_json::from_slice(self.json(bytes)?).map_err(|error| {
            Fault::Corrupt(format!("a row of {} ({}) cannot be read: {error}", self.name, hex::encode(key)))
        })
    }

    /// A row without its version, which must be ours.
    fn json<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
        match bytes.split_first() {
            Some((version, json)) if *version == self.version => Ok(json),
            Some((version, _)) => Err(Fault::Corrupt(format!(
                "a row of {} has version {version}, but this petstar knows version {}",
                self.name, self.version
            ))),
            None => Err(Fault::Corrupt(format!("a row of {} is empty", self.name))),
        }
    }
}

/// Keys alone: `K` is a tuple of the fields looked up by, and the id of the row they belong to. Written in the
/// transaction that writes the row.
pub struct Index<K> {
    name: &'static str,
    types: PhantomData<fn() -> K>,
}

impl<K: Key> Index<K> {
    pub const fn new(name: &'static str) -> Self {
        assert!(K::READABLE, "the keys of an index must be readable: String instead of &str");
        Self { name, types: PhantomData }
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub fn put(&self, tx: &WriteTx, key: &K) -> Result<(), Fault> {
        tx.put(self.name, bytes_of(key), b"")
    }

    /// True when the key was there.
    pub fn remove(&self, tx: &WriteTx, key: &K) -> Result<bool, Fault> {
        tx.remove(self.name, bytes_of(key))
    }

    pub fn has(&self, tx: &impl Snapshot, key: &K) -> Result<bool, Fault> {
        tx.fetch(self.name, &bytes_of(key), &mut |_| ())
    }

    pub fn first(&self, tx: &impl Snapshot) -> Result<Option<K>, Fault> {
        Ok(self.range(tx, .., Order::Rising, 1)?.pop())
    }

    pub fn last(&self, tx: &impl Snapshot) -> Result<Option<K>, Fault> {
        Ok(self.range(tx, .., Order::Falling, 1)?.pop())
    }

    /// How many keys there are; known without counting them.
    pub fn len(&self, tx: &impl Snapshot) -> Result<u64, Fault> {
        tx.count(self.name)
    }

    pub fn is_empty(&self, tx: &impl Snapshot) -> Result<bool, Fault> {
        Ok(self.len(tx)? == 0)
    }

    pub fn page(&self, tx: &impl Snapshot, page: Page<K>) -> Result<Vec<K>, Fault> {
        let keys = Span::everything().behind(page.after.as_ref(), page.order);
        self.collect(tx, &keys, page.order, page.limit)
    }

    /// The keys between two, at most `limit`, beginning at the end that `order` says.
    pub fn range(
        &self,
        tx: &impl Snapshot,
        bounds: impl RangeBounds<K>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<K>, Fault> {
        self.collect(tx, &Span::between(&bounds), order, limit)
    }

    /// How many keys lie between two.
    pub fn count_between(&self, tx: &impl Snapshot, bounds: impl RangeBounds<K>) -> Result<u64, Fault> {
        let mut count = 0;
        tx.scan(self.name, Span::between(&bounds).bounds(), false, &mut |_, _| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }

    /// The keys that begin with `prefix` (the first members of the tuple `K`), behind `after`.
    pub fn prefix<P: Key>(
        &self,
        tx: &impl Snapshot,
        prefix: &P,
        after: Option<&K>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<K>, Fault> {
        self.collect(tx, &Span::beginning_with(prefix).behind(after, order), order, limit)
    }

    /// How many keys begin with `prefix`, counting no further than `limit`.
    pub fn count<P: Key>(&self, tx: &impl Snapshot, prefix: &P, limit: usize) -> Result<usize, Fault> {
        let mut count = 0;
        if limit > 0 {
            tx.scan(self.name, Span::beginning_with(prefix).bounds(), false, &mut |_, _| {
                count += 1;
                Ok(enough(count, limit))
            })?;
        }
        Ok(count)
    }

    fn collect(&self, tx: &impl Snapshot, keys: &Span, order: Order, limit: usize) -> Result<Vec<K>, Fault> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        tx.scan(self.name, keys.bounds(), order == Order::Falling, &mut |key, _| {
            found.push(key_of(self.name, key)?);
            Ok(enough(found.len(), limit))
        })?;
        Ok(found)
    }
}

/// A number that goes up by one each time it is asked for, for example the number of the next order.
pub struct Counter {
    name: &'static str,
}

const COUNTERS: Table<String, u64> = Table::new("store.counters", 1);

impl Counter {
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// 1 the first time. A write that is taken back gives its number back too, so that there are no gaps.
    pub fn next(&self, tx: &WriteTx) -> Result<u64, Fault> {
        let next = self.last(tx)? + 1;
        COUNTERS.put(tx, &self.name.to_owned(), &next)?;
        Ok(next)
    }

    /// The number given last; 0 before the first.
    pub fn last(&self, tx: &impl Snapshot) -> Result<u64, Fault> {
        Ok(COUNTERS.get(tx, &self.name.to_owned())?.unwrap_or(0))
    }
}

fn enough(found: usize, limit: usize) -> ControlFlow<()> {
    if found >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn key_of<K: Key>(table: &str, bytes: &[u8]) -> Result<K, Fault> {
    whole(bytes).ok_or_else(|| Fault::Corrupt(format!("a key of {table} cannot be read: {}", hex::encode(bytes))))
}

/// The bytes between which a scan runs.
struct Span {
    low: Bound<Vec<u8>>,
    high: Bound<Vec<u8>>,
}

impl Span {
    fn everything() -> Self {
        Self { low: Bound::Unbounded, high: Bound::Unbounded }
    }

    fn between<K: Key>(bounds: &impl RangeBounds<K>) -> Self {
        Self { low: bounds.start_bound().map(bytes_of), high: bounds.end_bound().map(bytes_of) }
    }

    fn beginning_with(prefix: &impl Key) -> Self {
        let low = bytes_of(prefix);
        let mut high = low.clone();
        // The next bytes that do not begin with the prefix: one more in the last place that has room.
        while high.last() == Some(&255) {
            high.pop();
        }
        let high = match high.last_mut() {
            Some(last) => {
                *last += 1;
                Bound::Excluded(high)
            }
            None => Bound::Unbounded,
        };
        Self { low: Bound::Included(low), high }
    }

    /// The part of the span that comes behind `key` in the order of the walk.
    fn behind<K: Key>(mut self, key: Option<&K>, order: Order) -> Self {
        let Some(key) = key.map(bytes_of) else { return self };
        match order {
            Order::Rising if precedes(&self.low, &key) => self.low = Bound::Excluded(key),
            Order::Falling if follows(&self.high, &key) => self.high = Bound::Excluded(key),
            _ => {}
        }
        self
    }

    fn bounds(&self) -> Bounds<'_> {
        (self.low.as_ref().map(Vec::as_slice), self.high.as_ref().map(Vec::as_slice))
    }
}

fn precedes(low: &Bound<Vec<u8>>, key: &[u8]) -> bool {
    match low {
        Bound::Included(low) | Bound::Excluded(low) => low.as_slice() <= key,
        Bound::Unbounded => true,
    }
}

fn follows(high: &Bound<Vec<u8>>, key: &[u8]) -> bool {
    match high {
        Bound::Included(high) | Bound::Excluded(high) => high.as_slice() >= key,
        Bound::Unbounded => true,
    }
}
