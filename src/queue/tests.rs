//! The queue as its users see it: real threads, a real store in memory, and a clock that moves only when told.

use super::*;
use crate::kernel::{Fault, Moment};
use crate::store::{Index, Order, Store, Table, WriteTx};
use redb::backends::InMemoryBackend;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::runtime::Runtime;
use uuid::Uuid;

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
const COUNT: crate::store::Counter = crate::store::Counter::new("test.notes");

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

fn works() -> Handler {
    Handler::new(|running| Ok(Done::new(running.job.payload.clone())))
}

#[test]
fn a_job_is_worked_on_and_its_result_kept() {
    let shop = Shop::new(Handlers::new().on(&QUICK, works()));
    let id = shop.add(&QUICK, json!({"letter": 7}));
    let job = shop.settled(id);
    assert_eq!((job.status, job.result, job.attempt), (JobStatus::Completed, Some(json!({"letter": 7})), 1));
    assert_eq!((job.progress, job.started_at, job.completed_at), (100, Some(START), Some(START)));
}
