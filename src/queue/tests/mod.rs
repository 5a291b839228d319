//! The queue as its users see it: real threads, a real store in memory, and a clock that moves only when told.

mod clock;
mod ends;
mod interruptions;
mod lists;
mod power;
mod threads;

use super::*;
use crate::kernel::{Fault, Moment};
use crate::store::{Counter, Index, Order, Store, WriteTx};
use redb::backends::InMemoryBackend;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

const START: Moment = Moment(1_750_000_000_000);
const LONG: Duration = Duration::from_secs(20);

const QUICK: JobKind =
    JobKind { name: "test.quick", lane: Lane::Quick, max_attempts: 5, first_delay_s: 10, time_limit_s: 60 };
const OTHER: JobKind =
    JobKind { name: "test.other", lane: Lane::Quick, max_attempts: 2, first_delay_s: 10, time_limit_s: 60 };
const HEAVY: JobKind =
    JobKind { name: "test.heavy", lane: Lane::Heavy, max_attempts: 5, first_delay_s: 10, time_limit_s: 60 };
const HASTY: JobKind =
    JobKind { name: "test.hasty", lane: Lane::Heavy, max_attempts: 2, first_delay_s: 0, time_limit_s: 1 };

/// How often something was noted for a job, in the transaction that caused it.
const NOTES: Index<(String, JobId, u64)> = Index::new("test.notes");
const COUNT: Counter = Counter::new("test.notes");

fn note(tx: &WriteTx, what: &str, id: JobId) -> Result<(), Fault> {
    let number = COUNT.next(tx)?;
    NOTES.put(tx, &(what.to_owned(), id, number))
}

/// A shop that is nothing but a queue.
struct Shop {
    store: Store,
    clock: Arc<AtomicI64>,
    queue: Queue,
    runtime: Runtime,
}

impl Shop {
    fn new(handlers: Handlers) -> Shop {
        Self::on(Store::open_on(InMemoryBackend::new()).unwrap(), handlers)
    }

    fn on(store: Store, handlers: Handlers) -> Shop {
        Self::sized(store, handlers, LaneSizes { quick: 4, heavy: 1 })
    }

    fn sized(store: Store, handlers: Handlers, sizes: LaneSizes) -> Shop {
        let runtime = Runtime::new().unwrap();
        let clock = Arc::new(AtomicI64::new(START.0));
        let hands = clock.clone();
        let now = move || Moment(hands.load(Ordering::SeqCst));
        let queue = Queue::start(store.clone(), now, handlers, sizes, runtime.handle().clone()).unwrap();
        Shop { store, clock, queue, runtime }
    }

    fn now(&self) -> Moment {
        Moment(self.clock.load(Ordering::SeqCst))
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
        self.queue.nudge();
    }

    fn add(&self, kind: &'static JobKind, payload: Value) -> JobId {
        let job = NewJob::new(kind, payload, self.now());
        self.store.write_blocking(move |tx| enqueue(tx, job)).unwrap().id
    }

    fn job(&self, id: JobId) -> JobRow {
        self.queue.job(id).unwrap().unwrap()
    }

    /// Waits until the job is as wanted.
    fn wait(&self, id: JobId, wanted: impl Fn(&JobRow) -> bool) -> JobRow {
        let mut news = self.queue.watch(id).unwrap().unwrap();
        let found = self.runtime.block_on(async {
            tokio::time::timeout(LONG, news.wait_for(|job| wanted(job))).await.map(|job| job.map(|job| job.clone()))
        });
        match found {
            Ok(Ok(job)) => job,
            _ => panic!("in vain: {:?}", self.job(id)),
        }
    }

    fn settled(&self, id: JobId) -> JobRow {
        self.wait(id, |job| job.status.is_settled())
    }

    fn notes(&self, what: &str) -> Vec<JobId> {
        let tx = self.store.read().unwrap();
        let notes = NOTES.prefix(&tx, &what, None, Order::Rising, usize::MAX).unwrap();
        notes.into_iter().map(|(_, id, _)| id).collect()
    }

    fn stop(&self) -> bool {
        self.runtime.block_on(self.queue.stop(LONG))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Gives back what it was given.
fn works() -> Handler {
    Handler::new(|running| Ok(Done::new(running.job.payload.clone())))
}

/// Notes what happens to its jobs: `started`, then `done`, or the state that came instead.
fn noted(handler: Handler) -> Handler {
    handler.on_start(|tx, job| note(tx, "started", job.id)).on_settle(|tx, job| note(tx, job.status.name(), job.id))
}

/// Raises the alarm in the notes.
fn alarmed() -> Handlers {
    Handlers::new().on_dead(|tx, job| note(tx, "alarm", job.id))
}

/// A gate that jobs wait at until the test opens it.
#[derive(Clone, Default)]
struct Gate(Arc<(std::sync::Mutex<bool>, std::sync::Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let (_guard, waited) =
            self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), LONG, |is_open| !*is_open).unwrap();
        assert!(!waited.timed_out(), "the gate stayed closed");
    }
}

/// A handler whose jobs open the first gate when they begin, and wait at the second.
fn held() -> (Handler, Gate, Gate) {
    let (begun, gate) = (Gate::default(), Gate::default());
    let (started, inner) = (begun.clone(), gate.clone());
    let handler = Handler::new(move |_| {
        started.open();
        inner.pass();
        Ok(Done::new(json!(1)))
    });
    (handler, begun, gate)
}
