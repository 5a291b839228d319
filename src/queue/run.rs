//! The threads that work on jobs.
//!
//! A job is claimed in a short write that records the attempt and its lease, worked on outside, and finished in a short
//! write that also claims the next one. The lease is named by the start of the program and a number; a finish whose
//! lease is not the row's any more changes nothing. The process that holds a lease lives or dies with it, so there is
//! no heartbeat: what a start finds `processing` was interrupted and goes on at once.

use super::bell::{Bell, Woken};
use super::handlers::{Done, Handler, Handlers, JobError, Running};
use super::model::{JobId, JobKind, JobRow, JobStatus, Lane, Token};
use super::{rules, table};
use crate::kernel::{Fault, Moment};
use crate::store::{Counter, Store, WriteTx};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

const BOOTS: Counter = Counter::new("queue.boots");
/// How often the clock is looked at for jobs that have become due, and the age of running ones.
const TICK: Duration = Duration::from_millis(250);
/// How long to leave the database alone when it does not take a write.
const BREATHER: Duration = Duration::from_secs(1);
/// How many interrupted jobs are put back in one transaction.
const RECOVERED_AT_ONCE: usize = 256;
/// Figures count no further than this.
const COUNTED: usize = 10_000;
/// A job whose hooks fail even when it is failed is put off by this much, so that the others get their turn.
const PUT_OFF_S: i64 = 60;

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
    quick: Bell,
    heavy: Bell,
    ticker: Bell,
    stopping: AtomicBool,
    threads: watch::Sender<usize>,
    /// By the number of the attempt: a job that was cancelled and put back can have an old attempt beside the new one.
    running: Mutex<HashMap<u64, Arc<Lease>>>,
    watchers: Mutex<HashMap<JobId, watch::Sender<JobRow>>>,
}

/// One attempt of a job.
pub(super) struct Lease {
    token: Token,
    id: JobId,
    lane: Lane,
    kind: &'static JobKind,
    state: AtomicU8,
    progress: AtomicU8,
    /// Milliseconds.
    age: AtomicU64,
}

// The states of a lease. Only one side can move it away from RUNNING or CANCELLED, and does what follows from that.
const RUNNING: u8 = 0;
const CANCELLED: u8 = 1;
const FINISHING: u8 = 2;
const ABANDONED: u8 = 3;

impl Lease {
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), CANCELLED | ABANDONED)
    }

    fn cancel(&self) {
        let _ = self.state.compare_exchange(RUNNING, CANCELLED, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes the lease out of the other side's reach. False when the other side was first.
    fn end_as(&self, end: u8) -> bool {
        let is_open = |state: u8| matches!(state, RUNNING | CANCELLED).then_some(end);
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, is_open).is_ok()
    }
}

struct Claimed {
    job: JobRow,
    lease: Arc<Lease>,
    handler: Handler,
}

/// How an attempt ended.
enum Outcome {
    Done(Done),
    Failed(JobError),
    Interrupted,
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
            quick: Bell::default(),
            heavy: Bell::default(),
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
        for (lane, size) in [(Lane::Quick, sizes.quick.max(1)), (Lane::Heavy, sizes.heavy.max(1))] {
            hall.bell(lane).listened_by(size);
            for _ in 0..size {
                spawn_worker(hall.clone(), lane, runtime.clone())?;
            }
        }
        hall.ticker.listened_by(1);
        let hall = hall.clone();
        std::thread::Builder::new().name("queue".into()).spawn(move || tick(&hall, &runtime))?;
        Ok(())
    }

    /// Takes no more jobs, and waits until those that run have ended, but not longer than `within`. True when all have;
    /// the others will have been interrupted.
    pub async fn stop(&self, within: Duration) -> bool {
        let hall = &self.hall;
        hall.stopping.store(true, Ordering::Release);
        for bell in [&hall.quick, &hall.heavy, &hall.ticker] {
            bell.stop();
        }
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
        self.hall.ticker.ring(1);
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
    fn bell(&self, lane: Lane) -> &Bell {
        match lane {
            Lane::Quick => &self.quick,
            Lane::Heavy => &self.heavy,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn handlers(&self) -> Option<Arc<Handlers>> {
        self.handlers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn handler(&self, kind: &str) -> Option<(&'static JobKind, Handler)> {
        self.handlers()?.get(kind)
    }

    /// After a commit that changed a job: wakes who works, stops who works in vain, tells who watches.
    pub(super) fn changed(&self, job: JobRow) {
        match job.status {
            JobStatus::Queued => self.bell(job.lane).ring(1),
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

    /// Puts what the last stop interrupted back in line.
    fn recover(self: &Arc<Self>) -> Result<(), Fault> {
        loop {
            let hall = self.clone();
            let count = self.store.write_blocking(move |tx| {
                let jobs = table::processing(tx, RECOVERED_AT_ONCE)?;
                let count = jobs.len();
                for job in jobs {
                    let after = rules::interrupted(job.clone(), (hall.now)());
                    hall.move_on(tx, &job, after)?;
                }
                Ok::<_, Fault>(count)
            })?;
            if count > 0 {
                tracing::info!(count, "interrupted jobs go on");
            }
            if count < RECOVERED_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Saves a job that is not worked on any more, with what its handler and the alarm have to say. Trouble of theirs
    /// must not keep the job from moving on.
    fn move_on(&self, tx: &WriteTx, before: &JobRow, after: JobRow) -> Result<(), Fault> {
        table::save(tx, Some(before), &after)?;
        let Some(handlers) = self.handlers() else { return Ok(()) };
        if let Some((_, handler)) = handlers.get(&after.kind)
            && let Err(fault) = tx.nested(|tx| handler.settle(tx, &after))
        {
            tracing::error!(job = %after.id, kind = after.kind, %fault, "the end of an attempt could not be told");
        }
        if after.status == JobStatus::Failed {
            tracing::error!(job = %after.id, kind = after.kind, reason = after.failure_reason, "a job failed for good");
            if let Err(fault) = tx.nested(|tx| handlers.dead(tx, &after)) {
                tracing::error!(job = %after.id, %fault, "the alarm for a failed job could not be raised");
            }
        }
        Ok(())
    }

    /// Claims the next job of the lane that is due.
    fn claim(self: &Arc<Self>, tx: &WriteTx, lane: Lane) -> Result<Option<Claimed>, Fault> {
        let now = (self.now)();
        while let Some(job) = table::next_due(tx, lane, now)? {
            let Some((kind, handler)) = self.handler(&job.kind) else {
                if self.is_stopping() {
                    return Ok(None);
                }
                let after = rules::given_up(job.clone(), "this petstar does not know such jobs".into(), now);
                self.move_on(tx, &job, after)?;
                continue;
            };
            let token = Token {
                boot: self.boot.load(Ordering::Acquire),
                number: self.attempts.fetch_add(1, Ordering::Relaxed) + 1,
            };
            let begun = rules::begun(job.clone(), token, now);
            let started = tx.nested(|tx| {
                let lease = self.lease(tx, kind, &begun, token);
                table::save(tx, Some(&job), &begun)?;
                handler.start(tx, &begun)?;
                Ok(lease)
            });
            match started {
                Ok(lease) => return Ok(Some(Claimed { job: begun, lease, handler })),
                Err(fault) => self.fail_to_begin(tx, kind, job, fault, now)?,
            }
        }
        Ok(None)
    }

    fn lease(self: &Arc<Self>, tx: &WriteTx, kind: &'static JobKind, job: &JobRow, token: Token) -> Arc<Lease> {
        let lease = Arc::new(Lease {
            token,
            id: job.id,
            lane: job.lane,
            kind,
            state: AtomicU8::new(RUNNING),
            progress: AtomicU8::new(0),
            age: AtomicU64::new(0),
        });
        // On the writer's thread, so that a cancellation that comes next finds it.
        let (hall, entry) = (self.clone(), lease.clone());
        tx.after_commit(move || drop(lock(&hall.running).insert(token.number, entry)));
        lease
    }

    /// The start hook failed: that is a failed attempt, and if even this cannot be recorded, the job is put off.
    fn fail_to_begin(&self, tx: &WriteTx, kind: &JobKind, job: JobRow, fault: Fault, now: Moment) -> Result<(), Fault> {
        tracing::error!(job = %job.id, kind = job.kind, %fault, "an attempt could not begin");
        let error = JobError::from(fault);
        let counted = JobRow { attempt: job.attempt + 1, ..job.clone() };
        let after = rules::failed(counted, kind, error.reason, error.retry, now);
        tx.nested(|tx| self.move_on(tx, &job, after)).or_else(|_| {
            let later = rules::waiting(job.clone(), now.plus_seconds(PUT_OFF_S));
            table::save(tx, Some(&job), &later)
        })
    }

    /// Records how an attempt ended, unless its lease is lost.
    fn finish(&self, tx: &WriteTx, lease: &Lease, outcome: &mut Outcome) -> Result<(), Fault> {
        let is_held = |job: &JobRow| job.status == JobStatus::Processing && job.lease == Some(lease.token);
        let Some(job) = table::job(tx, lease.id)?.filter(is_held) else {
            tracing::info!(job = %lease.id, "the result of an attempt came too late and was dropped");
            return Ok(());
        };
        let now = (self.now)();
        let after = match outcome {
            Outcome::Interrupted => rules::interrupted(job.clone(), now),
            Outcome::Failed(error) => rules::failed(job.clone(), lease.kind, error.reason.clone(), error.retry, now),
            Outcome::Done(done) => {
                let completed = tx.nested(|tx| {
                    if let Some(commit) = &mut done.commit {
                        super::handlers::guarded(|| commit(tx))?;
                    }
                    let after = rules::completed(job.clone(), done.result.clone(), now);
                    table::save(tx, Some(&job), &after)
                });
                let Err(fault) = completed else { return Ok(()) };
                let error = JobError::from(fault);
                rules::failed(job.clone(), lease.kind, error.reason, error.retry, now)
            }
        };
        self.move_on(tx, &job, after)
    }
}

fn spawn_worker(hall: Arc<Hall>, lane: Lane, runtime: tokio::runtime::Handle) -> Result<(), Fault> {
    hall.threads.send_modify(|count| *count += 1);
    let threads = hall.threads.clone();
    let spawned = std::thread::Builder::new().name(format!("{} jobs", lane.name())).spawn(move || {
        if work(&hall, lane, &runtime) {
            hall.threads.send_modify(|count| *count -= 1);
        }
    });
    if let Err(error) = spawned {
        threads.send_modify(|count| *count -= 1);
        return Err(error.into());
    }
    Ok(())
}

/// Works on jobs until the queue stops. False when the thread was given up on and counts no more.
fn work(hall: &Arc<Hall>, lane: Lane, runtime: &tokio::runtime::Handle) -> bool {
    let mut next = claim_next(hall, lane);
    loop {
        match next {
            Some(claimed) => {
                let outcome = perform(hall, &claimed, runtime);
                if !claimed.lease.end_as(FINISHING) {
                    return false;
                }
                next = finish_and_claim_next(hall, &claimed.lease, outcome);
            }
            None if hall.bell(lane).wait() => next = claim_next(hall, lane),
            None => return true,
        }
    }
}

fn perform(hall: &Arc<Hall>, claimed: &Claimed, runtime: &tokio::runtime::Handle) -> Outcome {
    let running = Running {
        job: claimed.job.clone(),
        runtime: runtime.clone(),
        lease: claimed.lease.clone(),
        hall: hall.clone(),
    };
    match claimed.handler.run(&running) {
        Ok(done) => Outcome::Done(done),
        // What fails while everything is being taken down failed because of that.
        Err(error) if error.retry && hall.is_stopping() => Outcome::Interrupted,
        Err(error) => {
            let (id, kind, attempt) = (running.job.id, &running.job.kind, running.job.attempt);
            tracing::warn!(job = %id, kind, attempt, reason = error.reason, "an attempt failed");
            Outcome::Failed(error)
        }
    }
}

fn claim_next(hall: &Arc<Hall>, lane: Lane) -> Option<Claimed> {
    loop {
        if hall.is_stopping() {
            return None;
        }
        // A look costs much less than a write, and often there is nothing: another thread was faster.
        let is_due = |due: Option<(Lane, Moment, JobId)>| due.is_some_and(|(_, due, _)| due <= (hall.now)());
        let claimed = match hall.store.read().and_then(|tx| table::first_due(&tx, lane)).map(is_due) {
            Ok(false) => return None,
            Ok(true) => {
                let claimer = hall.clone();
                hall.store.write_blocking(move |tx| claimer.claim(tx, lane))
            }
            Err(fault) => Err(fault),
        };
        match claimed {
            Ok(claimed) => return claimed,
            Err(fault) if is_the_end(&fault) => return None,
            Err(fault) => {
                tracing::error!(%fault, "no job can be claimed");
                hall.bell(lane).wait_at_most(BREATHER);
            }
        }
    }
}

/// One write for the end of this attempt and the beginning of the next: half the commits.
fn finish_and_claim_next(hall: &Arc<Hall>, lease: &Arc<Lease>, outcome: Outcome) -> Option<Claimed> {
    let outcome = Arc::new(Mutex::new(outcome));
    loop {
        let (writer, lease, outcome) = (hall.clone(), lease.clone(), outcome.clone());
        let (id, number, lane) = (lease.id, lease.token.number, lease.lane);
        let finished = hall.store.write_blocking(move |tx| {
            let hall = writer.clone();
            tx.after_commit(move || drop(lock(&hall.running).remove(&number)));
            writer.finish(tx, &lease, &mut lock(&outcome))?;
            if writer.is_stopping() {
                return Ok(None);
            }
            tx.nested(|tx| writer.claim(tx, lane)).or_else(|fault: Fault| {
                tracing::error!(%fault, "no job can be claimed");
                Ok::<_, Fault>(None)
            })
        });
        match finished {
            Ok(claimed) => return claimed,
            Err(fault) if is_the_end(&fault) => return None,
            // The disk is full. The work is done and must not be lost, so this thread waits with it.
            Err(fault) => {
                tracing::error!(job = %id, %fault, "the end of an attempt cannot be recorded yet");
                if hall.bell(lane).wait_at_most(BREATHER) == Woken::Stop {
                    return None;
                }
            }
        }
    }
}

/// True when no later write of this process can succeed.
fn is_the_end(fault: &Fault) -> bool {
    matches!(fault, Fault::Stopping | Fault::Storage(_))
}

/// Looks at the clock: wakes threads for jobs that have become due, and gives up on attempts that take too long.
/// Their age is the sum of the pauses waited here, so that no jump of the clock makes them old.
fn tick(hall: &Arc<Hall>, runtime: &tokio::runtime::Handle) {
    let mut pause = Duration::ZERO;
    loop {
        let aged_by = match hall.ticker.wait_at_most(pause) {
            Woken::Time => pause.as_millis() as u64,
            Woken::Ring => 0,
            Woken::Stop => return,
        };
        pause = match wake_for_due_jobs(hall) {
            Ok(Some(due_in)) => due_in.clamp(Duration::from_millis(1), TICK),
            Ok(None) => TICK,
            Err(fault) if is_the_end(&fault) => return,
            Err(_) => BREATHER,
        };
        let leases: Vec<_> = lock(&hall.running).values().cloned().collect();
        for lease in leases {
            let age = lease.age.fetch_add(aged_by, Ordering::Relaxed) + aged_by;
            if age >= u64::from(lease.kind.time_limit_s) * 1000 && lease.end_as(ABANDONED) {
                abandon(hall, lease, runtime);
            }
        }
    }
}

/// Says how long it is until the next job is due, if one waits for its time.
fn wake_for_due_jobs(hall: &Hall) -> Result<Option<Duration>, Fault> {
    let tx = hall.store.read()?;
    let now = (hall.now)();
    let mut nearest = None;
    for lane in Lane::ALL {
        let Some((_, due, _)) = table::first_due(&tx, lane)? else { continue };
        let until = due.millis_since(now);
        if until <= 0 {
            hall.bell(lane).ring(table::count_due(&tx, lane, now, 64)?);
        } else {
            let until = Duration::from_millis(until.unsigned_abs());
            nearest = Some(nearest.map_or(until, |other: Duration| other.min(until)));
        }
    }
    Ok(nearest)
}

/// Gives up on an attempt whose time is up. Its thread cannot be stopped, so another one takes its place in the lane.
fn abandon(hall: &Arc<Hall>, lease: Arc<Lease>, runtime: &tokio::runtime::Handle) {
    let seconds = lease.kind.time_limit_s;
    tracing::error!(job = %lease.id, kind = lease.kind.name, seconds, "an attempt took too long");
    lock(&hall.running).remove(&lease.token.number);
    hall.threads.send_modify(|count| *count -= 1);
    if let Err(fault) = spawn_worker(hall.clone(), lease.lane, runtime.clone()) {
        tracing::error!(%fault, "a thread for jobs could not be replaced");
    }
    let (writer, mut outcome) =
        (hall.clone(), Outcome::Failed(JobError::again(format!("took longer than {seconds} seconds"))));
    let recorded = hall.store.write_blocking(move |tx| writer.finish(tx, &lease, &mut outcome));
    if let Err(fault) = recorded {
        // The next start finds the job and takes it for interrupted.
        tracing::error!(%fault, "an attempt that took too long could not be recorded");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
