//! A thread that works on one job after the other.

use super::Hall;
use super::attempt::{Claimed, Ended, Outcome};
use super::lease::FINISHING;
use crate::kernel::{Fault, failpoint};
use crate::queue::handlers::Running;
use crate::queue::model::Lane;
use std::sync::Arc;

/// Puts another thread to work in a lane.
pub fn spawn_worker(hall: Arc<Hall>, lane: Lane, runtime: tokio::runtime::Handle) -> Result<(), Fault> {
    hall.threads.send_modify(|count| *count += 1);
    hall.desk.arrive();
    let given_up = hall.clone();
    let spawned = std::thread::Builder::new().name(format!("{} jobs", lane.name())).spawn(move || {
        if work(&hall, lane, &runtime) {
            leave(&hall);
        }
    });
    if let Err(error) = spawned {
        leave(&given_up);
        return Err(error.into());
    }
    Ok(())
}

/// A thread goes, or is counted on no more.
pub fn leave(hall: &Hall) {
    hall.desk.leave();
    hall.threads.send_modify(|count| *count -= 1);
}

/// Works on jobs until the queue stops. False when the thread was given up on and counts no more.
fn work(hall: &Arc<Hall>, lane: Lane, runtime: &tokio::runtime::Handle) -> bool {
    while let Some(claimed) = hall.desk.next(lane) {
        claimed.lease.begin();
        let outcome = if claimed.lease.is_lost() { Outcome::Released } else { perform(hall, &claimed, runtime) };
        failpoint::reached("queue.worked");
        if !claimed.lease.end_as(FINISHING) {
            return false;
        }
        hall.desk.hand_in(Ended { lease: claimed.lease, outcome });
    }
    true
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
