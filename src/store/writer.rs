//! The one thread that writes. What is waiting when it comes around shares a commit.

use super::open::Shared;
use super::tx::{Hook, WriteTx};
use crate::kernel::{Fault, failpoint};
use redb::Database;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many writes share a commit at most: enough that the disk's syncs no longer count, few enough that nobody waits
/// long for the others.
const BATCH: usize = 256;
/// How many writes may wait. More than that is a machine that cannot keep up, and the newest are told so.
const WAITING: usize = 8192;
/// From so many writes in the last commit on, the next one waits for those who were just answered.
const CROWD: usize = 8;
/// But no longer than this: a fraction of what a commit takes.
const GATHERING: Duration = Duration::from_micros(200);

/// The writes that are waiting.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    filled: Condvar,
    drained: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Request>>,
    /// How many writes are expected to come together.
    expected: usize,
    closed: bool,
}

/// Where the answer of a write goes.
pub(super) enum Reply<R> {
    Task(tokio::sync::oneshot::Sender<R>),
    Thread(std::sync::mpsc::SyncSender<R>),
}

impl Inbox {
    /// Puts a write in line, or says that there are too many.
    pub(super) fn offer<W, T, E>(&self, work: W, reply: Reply<Result<T, E>>) -> Result<(), Fault>
    where
        W: FnOnce(&WriteTx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let state = self.lock();
        if state.waiting.len() >= WAITING {
            return Err(Fault::Busy);
        }
        self.push(state, work, reply)
    }

    /// Puts a write in line, waiting for a place.
    pub(super) fn submit<W, T, E>(&self, work: W, reply: Reply<Result<T, E>>) -> Result<(), Fault>
    where
        W: FnOnce(&WriteTx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let is_full = |state: &mut State| state.waiting.len() >= WAITING && !state.closed;
        let state = self.drained.wait_while(self.lock(), is_full).unwrap_or_else(PoisonError::into_inner);
        self.push(state, work, reply)
    }

    fn push<W, T, E>(&self, mut state: MutexGuard<'_, State>, work: W, reply: Reply<Result<T, E>>) -> Result<(), Fault>
    where
        W: FnOnce(&WriteTx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        if state.closed {
            return Err(Fault::Stopping);
        }
        state.waiting.push_back(Box::new(Write { work: Some(work), result: None, reply }));
        if state.waiting.len() == 1 || state.waiting.len() == state.expected {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// The next batch; `None` when the store is closed and nothing is left to do.
    fn next(&self) -> Option<Vec<Box<dyn Request>>> {
        let is_idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let mut state = self.filled.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        if state.waiting.len() < state.expected {
            // Many who write all the time come back a moment after their answer. Without this pause the first of them would have a commit
            // to himself, and the others would wait for two.
            let is_gathering = |state: &mut State| state.waiting.len() < state.expected && !state.closed;
            let waited = self.filled.wait_timeout_while(state, GATHERING, is_gathering);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let count = state.waiting.len().min(BATCH);
        if count == 0 {
            return None;
        }
        state.expected = if count >= CROWD { count * 3 / 4 } else { 0 };
        let batch = state.waiting.drain(..count).collect();
        self.drained.notify_all();
        Some(batch)
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write of any type.
trait Request: Send {
    /// Runs the closure and keeps its answer. `Err` when the transaction as a whole is lost.
    fn run(&mut self, tx: &WriteTx) -> Result<(), Fault>;
    /// Tells the caller: its own answer if the commit succeeded, the commit's trouble otherwise.
    fn answer(self: Box<Self>, committed: Result<(), Fault>);
}

struct Write<W, T, E> {
    work: Option<W>,
    result: Option<Result<T, E>>,
    reply: Reply<Result<T, E>>,
}

impl<W, T, E> Request for Write<W, T, E>
where
    W: FnOnce(&WriteTx) -> Result<T, E> + Send,
    T: Send,
    E: From<Fault> + Send,
{
    fn run(&mut self, tx: &WriteTx) -> Result<(), Fault> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let mark = tx.mark();
        let result = match catch_unwind(AssertUnwindSafe(|| work(tx))) {
            Ok(result) => result,
            Err(panic) => Err(Fault::bug(format!("a write panicked: {}", panic_text(&*panic))).into()),
        };
        tx.check_alive()?;
        if result.is_err() {
            tx.take_back(mark)?;
        }
        self.result = Some(result);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), Fault>) {
        let result = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(Fault::Stopping.into()),
            (Err(fault), _) => Err(fault.into()),
        };
        // Nobody may be waiting any more; the write counts all the same.
        match self.reply {
            Reply::Task(reply) => drop(reply.send(result)),
            Reply::Thread(reply) => drop(reply.send(result)),
        }
    }
}

/// The words of a panic, as far as it has any.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}

/// Takes batches until the inbox is closed and empty.
pub(super) fn run(database: Arc<Database>, shared: &Shared, inbox: &Inbox) {
    while let Some(mut batch) = inbox.next() {
        let committed = match shared.trouble() {
            Some(fault) => Err(fault),
            None if !shared.has_room() => Err(Fault::DiskFull),
            // A panic in here is redb's, for those of the closures are caught closer by.
            None => catch_unwind(AssertUnwindSafe(|| commit(&database, shared, &mut batch))).unwrap_or_else(|panic| {
                let fault = Fault::Storage(format!("the database panicked: {}", panic_text(&*panic)));
                shared.latch(fault.clone());
                Err(fault)
            }),
        };
        let committed = committed.map(|hooks| {
            for hook in hooks {
                if catch_unwind(AssertUnwindSafe(hook)).is_err() {
                    tracing::error!("what was to be done after a commit panicked");
                }
            }
        });
        for request in batch {
            // Dropping an answer runs the caller's code, which must not take the writer down.
            let _ = catch_unwind(AssertUnwindSafe(|| request.answer(committed.clone())));
        }
    }
}

fn commit(database: &Database, shared: &Shared, batch: &mut [Box<dyn Request>]) -> Result<Vec<Hook>, Fault> {
    let mut txn = database.begin_write().map_err(|error| shared.fault(error))?;
    txn.set_two_phase_commit(true);
    txn.set_quick_repair(true);
    let (is_changed, hooks) = {
        let tx = WriteTx::new(&txn, shared);
        for request in batch.iter_mut() {
            request.run(&tx).inspect_err(|fault| shared.latch(fault.clone()))?;
        }
        tx.run_last().inspect_err(|fault| shared.latch(fault.clone()))?;
        tx.into_parts()
    };
    if is_changed {
        failpoint::reached("store.written");
        txn.commit().map_err(|error| shared.fault(error))?;
        failpoint::reached("store.committed");
    } else {
        txn.abort().map_err(|error| shared.fault(error))?;
    }
    Ok(hooks)
}
