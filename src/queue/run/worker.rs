//! A thread that works on one job after the other.

use super::attempt::{Claimed, Outcome};
use super::lease::{FINISHING, Lease};
use super::{BREATHER, Hall, lock};
use crate::kernel::{Fault, Moment, failpoint};
use crate::queue::bell::Woken;
use crate::queue::handlers::Running;
use crate::queue::model::{JobId, Lane};
use crate::queue::table;
use std::sync::{Arc, Mutex};

/// Puts another thread to work in a lane.
pub fn spawn_worker(hall: Arc<Hall>, lane: Lane, runtime: tokio::runtime::Handle) -> Result<(), Fault> {
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
                failpoint::reached("queue.worked");
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
pub fn is_the_end(fault: &Fault) -> bool {
    matches!(fault, Fault::Stopping | Fault::Storage(_))
}
