//! What a closure sees of the database: a snapshot to read, or the one running write.

use super::open::Shared;
use super::writer::panic_text;
use crate::kernel::Fault;
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, TableError};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) type Bytes = &'static [u8];
pub(super) type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);
type ReadTable = Arc<redb::ReadOnlyTable<Bytes, Bytes>>;
type OpenTable<'txn> = Rc<RefCell<redb::Table<'txn, Bytes, Bytes>>>;
type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Fault>;

/// Something tables can be read from: a [`ReadTx`], or a [`WriteTx`], which also sees what it has changed itself.
pub trait Snapshot: sealed::Raw {}

pub(super) mod sealed {
    use super::{Bounds, Fault, Visit};

    /// Tables as bytes. A table that was never written to is empty.
    pub trait Raw {
        /// Calls `visit` with the row, if there is one.
        fn fetch(&self, table: &'static str, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault>;
        fn scan(&self, table: &'static str, bounds: Bounds<'_>, falling: bool, visit: Visit<'_>) -> Result<(), Fault>;
        fn count(&self, table: &'static str) -> Result<u64, Fault>;
        /// Whether reading goes on behind a row that cannot be read. Nowhere but in a snapshot that was asked to.
        fn go_on_behind(&self, fault: Fault) -> Result<(), Fault> {
            Err(fault)
        }
    }
}

pub(super) fn definition(table: &str) -> TableDefinition<'_, Bytes, Bytes> {
    TableDefinition::new(table)
}

/// True when no key can lie between the bounds; redb panics on some of them.
fn is_void(bounds: &Bounds<'_>) -> bool {
    match bounds {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => low >= high,
        _ => false,
    }
}

fn walk(
    table: &impl ReadableTable<Bytes, Bytes>,
    bounds: Bounds<'_>,
    falling: bool,
    visit: Visit<'_>,
) -> Result<(), Stop> {
    if is_void(&bounds) {
        return Ok(());
    }
    let mut rows = table.range::<&[u8]>(bounds)?;
    while let Some(row) = if falling { rows.next_back() } else { rows.next() } {
        let (key, value) = row?;
        if visit(key.value(), value.value()).map_err(Stop::Visitor)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Why a walk ended early.
enum Stop {
    Storage(redb::StorageError),
    Visitor(Fault),
}

impl From<redb::StorageError> for Stop {
    fn from(error: redb::StorageError) -> Self {
        Stop::Storage(error)
    }
}

/// The database as it was when the snapshot was taken; later writes don't show. Cheap to take, but a long-lived one
/// keeps old pages from being used again.
pub struct ReadTx {
    txn: redb::ReadTransaction,
    open: Mutex<Vec<(&'static str, ReadTable)>>,
    shared: Arc<Shared>,
    /// What could not be read, where that does not end the reading.
    unreadable: Option<Mutex<BTreeSet<String>>>,
}

impl ReadTx {
    pub(super) fn new(txn: redb::ReadTransaction, shared: Arc<Shared>) -> Self {
        Self { txn, open: Mutex::default(), shared, unreadable: None }
    }

    /// The same snapshot, in which a row that cannot be read counts as one that is not there, for whoever looks for all damage.
    pub fn leniently(self) -> Self {
        Self { unreadable: Some(Mutex::default()), ..self }
    }

    /// What could not be read so far, in words; nothing unless it reads [`ReadTx::leniently`].
    pub fn unreadable(&self) -> Vec<String> {
        let found = self.unreadable.as_ref().map(|found| found.lock().unwrap_or_else(PoisonError::into_inner).clone());
        found.into_iter().flatten().collect()
    }

    /// The names of all tables, sorted.
    pub fn tables(&self) -> Result<Vec<String>, Fault> {
        let tables = self.txn.list_tables().map_err(|error| self.shared.fault(error))?;
        let mut names: Vec<_> = tables.map(|table| redb::TableHandle::name(&table).to_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// Every row of the table `name` as bytes, in the order of the keys, for backup and check.
    pub fn walk(
        &self,
        name: &str,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<(), Fault> {
        match self.txn.open_table(definition(name)) {
            Ok(table) => self.ended(walk(&table, (Bound::Unbounded, Bound::Unbounded), false, &mut visit)),
            Err(TableError::TableDoesNotExist(_)) => Ok(()),
            Err(error) => Err(self.shared.fault(error)),
        }
    }

    fn table(&self, name: &'static str) -> Result<Option<ReadTable>, Fault> {
        let mut open = self.open.lock().expect("nothing panics while tables are opened");
        if let Some((_, table)) = open.iter().find(|(other, _)| *other == name) {
            return Ok(Some(table.clone()));
        }
        match self.txn.open_table(definition(name)) {
            Ok(table) => {
                let table = Arc::new(table);
                open.push((name, table.clone()));
                Ok(Some(table))
            }
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(self.shared.fault(error)),
        }
    }

    fn ended(&self, result: Result<(), Stop>) -> Result<(), Fault> {
        result.map_err(|stop| match stop {
            Stop::Storage(error) => self.shared.fault(error),
            Stop::Visitor(fault) => fault,
        })
    }
}

impl Snapshot for ReadTx {}

impl sealed::Raw for ReadTx {
    fn fetch(&self, table: &'static str, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        let Some(table) = self.table(table)? else { return Ok(false) };
        let row = ReadableTable::get(&*table, key).map_err(|error| self.shared.fault(error))?;
        Ok(row.map(|row| visit(row.value())).is_some())
    }

    fn scan(&self, table: &'static str, bounds: Bounds<'_>, falling: bool, visit: Visit<'_>) -> Result<(), Fault> {
        let Some(table) = self.table(table)? else { return Ok(()) };
        self.ended(walk(&*table, bounds, falling, visit))
    }

    fn count(&self, table: &'static str) -> Result<u64, Fault> {
        let Some(table) = self.table(table)? else { return Ok(0) };
        table.len().map_err(|error| self.shared.fault(error))
    }

    fn go_on_behind(&self, fault: Fault) -> Result<(), Fault> {
        match (&self.unreadable, fault) {
            (Some(found), Fault::Corrupt(words)) => {
                found.lock().unwrap_or_else(PoisonError::into_inner).insert(words);
                Ok(())
            }
            (_, fault) => Err(fault),
        }
    }
}

/// The one running write. What a closure changes through it is kept if the closure ends with `Ok`, and taken back if it
/// ends with `Err` or panics.
pub struct WriteTx<'txn> {
    txn: &'txn redb::WriteTransaction,
    shared: &'txn Shared,
    // redb opens a table once per transaction, and opening costs as much as a small write.
    open: RefCell<Vec<(&'static str, OpenTable<'txn>)>>,
    undo: RefCell<Vec<Undo<'txn>>>,
    hooks: RefCell<Vec<Hook>>,
    /// By name; the work is gone once it is done.
    last: RefCell<Vec<(&'static str, Option<LastWork>)>>,
    inside: Cell<bool>,
}

pub(super) type Hook = Box<dyn FnOnce() + Send>;
type LastWork = Box<dyn FnOnce(&WriteTx) -> Result<(), Fault>>;

/// What a key held before it was changed.
struct Undo<'txn> {
    table: OpenTable<'txn>,
    key: Vec<u8>,
    before: Option<Vec<u8>>,
}

/// A place to go back to: how many changes and hooks there were.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    changes: usize,
    hooks: usize,
    last: usize,
}

impl<'txn> WriteTx<'txn> {
    pub(super) fn new(txn: &'txn redb::WriteTransaction, shared: &'txn Shared) -> Self {
        Self {
            txn,
            shared,
            open: RefCell::default(),
            undo: RefCell::default(),
            hooks: RefCell::default(),
            last: RefCell::default(),
            inside: Cell::new(false),
        }
    }

    /// Runs `hook` on the writer's thread after the commit that holds this write, before its caller is answered.
    /// For waking up and for dropping cached things: it must be quick, and must not write.
    pub fn after_commit(&self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.borrow_mut().push(Box::new(hook));
    }

    /// Runs `work` in the same transaction after all writes that share it, once for each `name` however often it is asked for. If it ends
    /// with `Err`, its own changes are taken back, and the writes count all the same.
    pub fn before_commit(&self, name: &'static str, work: impl FnOnce(&WriteTx) -> Result<(), Fault> + 'static) {
        let mut last = self.last.borrow_mut();
        if last.iter().all(|(other, _)| *other != name) {
            last.push((name, Some(Box::new(work))));
        }
    }

    /// Does what was to be done [`WriteTx::before_commit`], and what that asks for in its turn.
    pub(super) fn run_last(&self) -> Result<(), Fault> {
        for place in 0.. {
            let next = self.last.borrow_mut().get_mut(place).map(|(name, work)| (*name, work.take()));
            let Some((name, work)) = next else { break };
            let Some(work) = work else { continue };
            let mark = self.mark();
            let result = catch_unwind(AssertUnwindSafe(|| work(self)))
                .unwrap_or_else(|panic| Err(Fault::bug(format!("it panicked: {}", panic_text(&*panic)))));
            self.check_alive()?;
            if let Err(fault) = result {
                tracing::error!(name, %fault, "what was to be done before a commit failed");
                self.take_back(mark)?;
            }
        }
        Ok(())
    }

    /// Runs a part of the write on its own: if it ends with `Err`, its changes are taken back and the rest goes on.
    pub fn nested<T, E: From<Fault>>(&self, work: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        let mark = self.mark();
        let result = work(self);
        if result.is_err() {
            self.take_back(mark)?;
        }
        result
    }

    /// What [`super::Store::attach`] left here under its type, if it is still alive.
    pub fn attached<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.shared.attached()
    }

    pub(super) fn put(&self, table: &'static str, key: Vec<u8>, value: &[u8]) -> Result<(), Fault> {
        let table = self.table(table)?;
        let before = {
            let mut open = table.try_borrow_mut().map_err(|_| written_while_walked())?;
            let before = self.inside_redb(|| open.insert(&key[..], value))?;
            before.map(|row| row.value().to_vec())
        };
        self.undo.borrow_mut().push(Undo { table, key, before });
        Ok(())
    }

    pub(super) fn remove(&self, table: &'static str, key: Vec<u8>) -> Result<bool, Fault> {
        let table = self.table(table)?;
        let before = {
            let mut open = table.try_borrow_mut().map_err(|_| written_while_walked())?;
            let before = self.inside_redb(|| open.remove(&key[..]))?;
            before.map(|row| row.value().to_vec())
        };
        let existed = before.is_some();
        if existed {
            self.undo.borrow_mut().push(Undo { table, key, before });
        }
        Ok(existed)
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { changes: self.undo.borrow().len(), hooks: self.hooks.borrow().len(), last: self.last.borrow().len() }
    }

    /// Takes back everything since `mark`, the newest change first.
    pub(super) fn take_back(&self, mark: Mark) -> Result<(), Fault> {
        self.hooks.borrow_mut().truncate(mark.hooks);
        self.last.borrow_mut().truncate(mark.last);
        loop {
            let change = {
                let mut undo = self.undo.borrow_mut();
                if undo.len() <= mark.changes {
                    return Ok(());
                }
                undo.pop()
            };
            let Some(Undo { table, key, before }) = change else { return Ok(()) };
            let mut open = table.try_borrow_mut().map_err(|_| written_while_walked())?;
            match before {
                Some(value) => self.inside_redb(|| open.insert(&key[..], &value[..]).map(drop))?,
                None => self.inside_redb(|| open.remove(&key[..]).map(drop))?,
            }
        }
    }

    /// Trouble if a call into redb never came back. Whoever caught that panic, the transaction is lost.
    pub(super) fn check_alive(&self) -> Result<(), Fault> {
        if self.inside.get() { Err(panicked()) } else { Ok(()) }
    }

    /// Whether there is anything to commit, and what to do after it.
    pub(super) fn into_parts(self) -> (bool, Vec<Hook>) {
        (!self.undo.borrow().is_empty(), self.hooks.take())
    }

    fn inside_redb<T, E: Into<redb::Error>>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, Fault> {
        if self.inside.replace(true) {
            return Err(panicked());
        }
        let result = call();
        self.inside.set(false);
        result.map_err(|error| self.shared.fault(error))
    }

    fn table(&self, name: &'static str) -> Result<OpenTable<'txn>, Fault> {
        let mut open = self.open.borrow_mut();
        if let Some((_, table)) = open.iter().find(|(other, _)| *other == name) {
            return Ok(table.clone());
        }
        let table = self.inside_redb(|| self.txn.open_table(definition(name)))?;
        let table = Rc::new(RefCell::new(table));
        open.push((name, table.clone()));
        Ok(table)
    }
}

impl Snapshot for WriteTx<'_> {}

impl sealed::Raw for WriteTx<'_> {
    fn fetch(&self, table: &'static str, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        let table = self.table(table)?;
        let open = table.borrow();
        let row = self.inside_redb(|| open.get(key))?;
        Ok(row.map(|row| visit(row.value())).is_some())
    }

    fn scan(&self, table: &'static str, bounds: Bounds<'_>, falling: bool, visit: Visit<'_>) -> Result<(), Fault> {
        let table = self.table(table)?;
        let open = table.borrow();
        walk(&*open, bounds, falling, visit).map_err(|stop| match stop {
            Stop::Storage(error) => self.shared.fault(error),
            Stop::Visitor(fault) => fault,
        })
    }

    fn count(&self, table: &'static str) -> Result<u64, Fault> {
        let table = self.table(table)?;
        let open = table.borrow();
        self.inside_redb(|| open.len())
    }
}

fn panicked() -> Fault {
    Fault::Storage("the database panicked in a write".into())
}

fn written_while_walked() -> Fault {
    Fault::bug("a table was written to while it was being walked")
}
