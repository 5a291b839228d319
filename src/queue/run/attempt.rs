//! The writes in which an attempt begins and ends.

use super::Hall;
use super::lease::Lease;
use crate::kernel::{Fault, Moment};
use crate::queue::handlers::{Done, Handler, JobError, guarded};
use crate::queue::model::{JobKind, JobRow, JobStatus, Lane, Token};
use crate::queue::{rules, table};
use crate::store::WriteTx;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many interrupted jobs are put back in one transaction.
const RECOVERED_AT_ONCE: usize = 256;
/// How many jobs that cannot begin are passed over in one commit.
const MOST_REFUSED: usize = 64;
/// A job whose hooks fail even when it is failed is put off by this much, so that the others get their turn.
const PUT_OFF_S: i64 = 60;

/// A job that is to be worked on now.
pub struct Claimed {
    pub job: JobRow,
    pub lease: Arc<Lease>,
    pub handler: Handler,
}

/// How an attempt ended.
pub enum Outcome {
    Done(Done),
    Failed(JobError),
    Interrupted,
    /// It was claimed, but not begun.
    Released,
}

/// An attempt that has ended and is to be recorded.
pub struct Ended {
    pub lease: Arc<Lease>,
    pub outcome: Outcome,
}

impl Hall {
    /// Puts what the last stop interrupted back in line.
    pub fn recover(self: &Arc<Self>) -> Result<(), Fault> {
        let mut place = None;
        loop {
            let hall = self.clone();
            let (count, next) = self.store.write_blocking(move |tx| {
                let (jobs, next) = table::processing(tx, place.as_ref(), RECOVERED_AT_ONCE)?;
                let count = jobs.len();
                for job in jobs {
                    let after = rules::interrupted(job.clone(), (hall.now)());
                    hall.move_on(tx, &job, after)?;
                }
                Ok::<_, Fault>((count, next))
            })?;
            if count > 0 {
                tracing::info!(count, "interrupted jobs go on");
            }
            if next.is_none() {
                return Ok(());
            }
            place = next;
        }
    }

    /// After the clock was set back, jobs would wait until it is again where it was; they wait from now on instead.
    pub fn bring_back_from_the_future(self: &Arc<Self>) -> Result<(), Fault> {
        let now = (self.now)();
        let jobs = table::from_the_future(&self.store.read()?, now, usize::MAX)?;
        for some in jobs.chunks(RECOVERED_AT_ONCE) {
            let some = some.to_vec();
            self.store.write_blocking(move |tx| some.iter().try_for_each(|id| table::bring_back(tx, *id, now)))?;
        }
        if !jobs.is_empty() {
            tracing::warn!(count = jobs.len(), "the clock was set back; jobs that wait do so from now on");
        }
        Ok(())
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

    /// Claims the jobs of the lane that are due, as many as it has threads for.
    pub fn claim(self: &Arc<Self>, tx: &WriteTx, lane: Lane) -> Result<Vec<Claimed>, Fault> {
        let now = (self.now)();
        let wanted = self.desk.wanted(lane);
        let mut claimed = Vec::new();
        let mut seen = 0;
        while claimed.len() < wanted.all() && !self.is_stopping() {
            let due = table::next_due(tx, lane, now, wanted.all() - claimed.len())?;
            if due.is_empty() {
                break;
            }
            // So many that cannot begin would keep other writes waiting.
            seen += due.len();
            if seen > wanted.all() + MOST_REFUSED {
                let hall = self.clone();
                tx.after_commit(move || hall.desk.look(lane));
                break;
            }
            for job in due {
                // Whatever brought the program down must not do so again with others that did not even run.
                if job.interruptions > 0 && claimed.len() >= wanted.at_once {
                    return Ok(claimed);
                }
                claimed.extend(self.begin(tx, job, now)?);
            }
        }
        Ok(claimed)
    }

    /// Begins an attempt, or records why it cannot.
    fn begin(&self, tx: &WriteTx, job: JobRow, now: Moment) -> Result<Option<Claimed>, Fault> {
        let Some((kind, handler)) = self.handler(&job.kind) else {
            let after = rules::given_up(job.clone(), "this petstar does not know such jobs".into(), now);
            self.move_on(tx, &job, after)?;
            return Ok(None);
        };
        let token = Token {
            boot: self.boot.load(Ordering::Acquire),
            number: self.attempts.fetch_add(1, Ordering::Relaxed) + 1,
        };
        let begun = rules::begun(job.clone(), token, now);
        let started = tx.nested(|tx| {
            table::save(tx, Some(&job), &begun)?;
            handler.start(tx, &begun)
        });
        match started {
            Ok(()) => {
                let lease = Arc::new(Lease::new(token, kind, &begun));
                Ok(Some(Claimed { job: begun, lease, handler }))
            }
            Err(fault) => self.fail_to_begin(tx, kind, job, fault, now).map(|()| None),
        }
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
    pub fn finish(&self, tx: &WriteTx, lease: &Lease, outcome: &mut Outcome) -> Result<(), Fault> {
        let is_held = |job: &JobRow| job.status == JobStatus::Processing && job.lease == Some(lease.token);
        let Some(job) = table::job(tx, lease.id)?.filter(is_held) else {
            tracing::info!(job = %lease.id, "the result of an attempt came too late and was dropped");
            return Ok(());
        };
        let now = (self.now)();
        let after = match outcome {
            Outcome::Interrupted => rules::interrupted(job.clone(), now),
            Outcome::Released => rules::released(job.clone(), now),
            Outcome::Failed(error) => rules::failed(job.clone(), lease.kind, error.reason.clone(), error.retry, now),
            Outcome::Done(done) => {
                let completed = tx.nested(|tx| {
                    if let Some(commit) = &mut done.commit {
                        guarded(|| commit(tx))?;
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
