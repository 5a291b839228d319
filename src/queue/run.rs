//! The threads that work on jobs.
//!
//! A job is claimed in a short write that records the attempt and its lease, worked on outside, and finished in another.
//! Where a thread is free the job is claimed by the very commit that puts it in line, so that it begins when that one is
//! durable; else by the clerk, who records ended attempts and claims the next jobs, many in one commit. The lease is named
//! by the start of the program and a number; a finish whose lease is not the row's any more changes nothing. The process
//! that holds a lease lives or dies with it, so there is no heartbeat: what a start finds `processing` was interrupted and
//! goes on at once.

mod attempt;
mod clerk;
mod clock;
mod desk;
mod lease;
mod worker;

pub(super) use lease::Lease;

use super::bell::Bell;
use super::handlers::{Handler, Handlers};
use super::model::{JobId, JobKind, JobRow, JobStatus, Lane};
use super::table;
use crate::kernel::{Fault, Moment};
use crate::store::{Counter, Store, WriteTx};
use desk::Desk;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

const BOOTS: Counter = Counter::new("queue.boots");
/// How long to leave the database alone when it does not take a write.
const BREATHER: Duration = Duration::from_secs(1);
/// Figures count no further than this.
const COUNTED: usize = 10_000;

/// How many threads a lane has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSizes {
    pub quick: usize,
    pub heavy: usize,
}

/// How busy the queue is. Counts stop at 10 000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    pub quick: LaneFigures,
    pub heavy: LaneFigures,
    /// Jobs that failed for good and wait for somebody to retry or cancel them.
    pub failed: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneFigures {
    /// Jobs that wait for their turn or their time.
    pub waiting: usize,
    pub running: usize,
    /// Since when the oldest job that is due waits for its turn.
    pub oldest_due: Option<Moment>,
}

/// The running queue. A clone is another handle on the same one. Call [`Queue::stop`] before letting go: the threads
/// keep the queue, the store and whatever the handlers hold alive.
#[derive(Clone)]
pub struct Queue {
    hall: Arc<Hall>,
}

/// What the threads, the handles and the writes have in common.
pub(super) struct Hall {
    store: Store,
    now: Box<dyn Fn() -> Moment + Send + Sync>,
    handlers: RwLock<Option<Arc<Handlers>>>,
    boot: AtomicU64,
    attempts: AtomicU64,
    desk: Desk,
    ticker: Bell,
    stopping: AtomicBool,
    threads: watch::Sender<usize>,
    /// By the number of the attempt: a job that was cancelled and put back can have an old attempt beside the new one.
    running: Mutex<HashMap<u64, Arc<Lease>>>,
    watchers: Mutex<HashMap<JobId, watch::Sender<JobRow>>>,
}

impl Queue {
    /// A queue that takes jobs but does not work on them yet, so that handlers may hold it.
    pub fn new(store: Store, now: impl Fn() -> Moment + Send + Sync + 'static) -> Queue {
        let hall = Arc::new(Hall {
            store: store.clone(),
            now: Box::new(now),
            handlers: RwLock::new(None),
            boot: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            desk: Desk::default(),
            ticker: Bell::default(),
            stopping: AtomicBool::new(false),
            threads: watch::Sender::new(0),
            running: Mutex::default(),
            watchers: Mutex::default(),
        });
        store.attach(&hall);
        Queue { hall }
    }

    /// [`Queue::new`] and [`Queue::work`] in one.
    pub fn start(
        store: Store,
        now: impl Fn() -> Moment + Send + Sync + 'static,
        handlers: Handlers,
        sizes: LaneSizes,
        runtime: tokio::runtime::Handle,
    ) -> Result<Queue, Fault> {
        let queue = Queue::new(store, now);
        queue.work(handlers, sizes, runtime)?;
        Ok(queue)
    }

    /// Puts the jobs back in line that the last stop interrupted, and begins to work. To be called once.
    pub fn work(&self, handlers: Handlers, sizes: LaneSizes, runtime: tokio::runtime::Handle) -> Result<(), Fault> {
        let hall = &self.hall;
        *hall.handlers.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(handlers));
        let boot = hall.store.write_blocking(|tx| BOOTS.next(tx))?;
        hall.boot.store(boot, Ordering::Release);
        hall.recover()?;
        let begun = (hall.now)();
        hall.bring_back_from_the_future()?;
        clerk::spawn_clerk(hall.clone())?;
        for (lane, size) in [(Lane::Quick, sizes.quick.max(1)), (Lane::Heavy, sizes.heavy.max(1))] {
            for _ in 0..size {
                worker::spawn_worker(hall.clone(), lane, runtime.clone())?;
            }
        }
        let hall = hall.clone();
        std::thread::Builder::new()
            .name("queue clock".into())
            .spawn(move || indispensable(&hall.clone(), || clock::tick(&hall, begun, &runtime)))?;
        Ok(())
    }

    /// Takes no more jobs, and waits until those that run have ended, but not longer than `within`. True when all have;
    /// the others will have been interrupted.
    pub async fn stop(&self, within: Duration) -> bool {
        let hall = &self.hall;
        hall.stopping.store(true, Ordering::Release);
        hall.desk.stop();
        hall.ticker.stop();
        let mut threads = hall.threads.subscribe();
        let all_gone = tokio::time::timeout(within, threads.wait_for(|count| *count == 0)).await.is_ok();
        if all_gone {
            // Handlers may hold the queue that holds them.
            *hall.handlers.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        lock(&hall.watchers).clear();
        all_gone
    }

    /// The job as it is now, with the progress of one that runs.
    pub fn job(&self, id: JobId) -> Result<Option<JobRow>, Fault> {
        Ok(table::job(&self.hall.store.read()?, id)?.map(|job| self.hall.present(job)))
    }

    /// News of a job: the present state at once, then every change. Closed after the last one. `None` when there is no
    /// such job.
    pub fn watch(&self, id: JobId) -> Result<Option<watch::Receiver<JobRow>>, Fault> {
        // Held over the read, so that no change gets lost between the read and the news.
        let mut watchers = lock(&self.hall.watchers);
        if let Some(sender) = watchers.get(&id) {
            return Ok(Some(sender.subscribe()));
        }
        let Some(job) = table::job(&self.hall.store.read()?, id)? else { return Ok(None) };
        let job = self.hall.present(job);
        let is_settled = job.status.is_settled();
        let (sender, receiver) = watch::channel(job);
        if !is_settled {
            // Nobody may be left to hear about jobs that were watched and never changed again.
            if watchers.len() >= 1024 && watchers.len().is_power_of_two() {
                watchers.retain(|_, sender| !sender.is_closed());
            }
            watchers.insert(id, sender);
        }
        Ok(Some(receiver))
    }

    /// Has the clock looked at now rather than within a quarter of a second. For clocks that jump.
    pub fn nudge(&self) {
        self.hall.ticker.ring();
    }

    /// As if many short jobs had just been done.
    #[cfg(test)]
    pub(super) fn expect_short_jobs(&self, lane: Lane) {
        self.hall.desk.expect_short_jobs(lane);
    }

    pub fn figures(&self) -> Result<Figures, Fault> {
        let tx = self.hall.store.read()?;
        let now = (self.hall.now)();
        let lane = |lane| -> Result<LaneFigures, Fault> {
            let oldest = table::first_due(&tx, lane)?.map(|(_, due, _)| due);
            Ok(LaneFigures {
                waiting: table::count_waiting(&tx, lane, COUNTED)?,
                running: lock(&self.hall.running).values().filter(|lease| lease.lane == lane).count(),
                oldest_due: oldest.filter(|due| *due <= now),
            })
        };
        let failed = table::count_in(&tx, JobStatus::Failed, COUNTED)?;
        Ok(Figures { quick: lane(Lane::Quick)?, heavy: lane(Lane::Heavy)?, failed })
    }
}

impl Hall {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn handlers(&self) -> Option<Arc<Handlers>> {
        self.handlers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn handler(&self, kind: &str) -> Option<(&'static JobKind, Handler)> {
        self.handlers()?.get(kind)
    }

    /// In the write that changes a job: has it claimed if it is in line and a thread is free, and after the commit stops
    /// who works in vain and tells who watches.
    pub(super) fn changes(self: &Arc<Self>, tx: &WriteTx, job: &JobRow) {
        if job.status == JobStatus::Queued {
            self.claim_in(tx, job.lane);
        }
        let (hall, news) = (self.clone(), job.clone());
        tx.after_commit(move || hall.changed(news));
    }

    fn changed(&self, job: JobRow) {
        match job.status {
            // It may have come too late to be claimed by its own write.
            JobStatus::Queued => self.desk.look(job.lane),
            JobStatus::Cancelled => {
                lock(&self.running).values().filter(|lease| lease.id == job.id).for_each(|lease| lease.cancel());
            }
            JobStatus::Processing | JobStatus::Completed | JobStatus::Failed => {}
        }
        self.tell(job);
    }

    pub(super) fn progressed(&self, job: &JobRow, lease: &Lease, percent: u8) {
        let is_news = lease.progress.swap(percent, Ordering::AcqRel) != percent;
        if is_news && !lease.is_lost() {
            self.tell(JobRow { progress: percent, ..job.clone() });
        }
    }

    fn tell(&self, job: JobRow) {
        let mut watchers = lock(&self.watchers);
        let id = job.id;
        let Some(sender) = watchers.get(&id) else { return };
        let is_over = job.status.is_settled();
        sender.send_replace(job);
        if is_over || sender.is_closed() {
            watchers.remove(&id);
        }
    }

    fn present(&self, job: JobRow) -> JobRow {
        let Some(token) = job.lease else { return job };
        match lock(&self.running).get(&token.number) {
            Some(lease) => JobRow { progress: lease.progress.load(Ordering::Acquire), ..job },
            None => job,
        }
    }
}

/// Does the work of a thread without which no job would go on. A panic of it ends the process, and the next start finds everything.
fn indispensable(hall: &Hall, work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        hall.store.give_up("a thread of the queue panicked; the log says where");
    }
}

/// True when no later write of this process can succeed.
fn is_the_end(fault: &Fault) -> bool {
    matches!(fault, Fault::Stopping | Fault::Storage(_))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
