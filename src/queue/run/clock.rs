//! The thread that looks at the clock.

use super::attempt::{Ended, Outcome};
use super::lease::{ABANDONED, Lease};
use super::worker::{leave, spawn_worker};
use super::{BREATHER, Hall, is_the_end, lock};
use crate::kernel::{Fault, Moment};
use crate::queue::bell::Woken;
use crate::queue::handlers::JobError;
use crate::queue::model::Lane;
use crate::queue::table;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the clock is looked at for jobs that have become due, and the age of running ones.
const TICK: Duration = Duration::from_millis(250);

/// A clock that goes back by more than this was set, and not merely corrected.
const SET_BACK_MS: i64 = 2000;

/// Looks at the clock: wakes threads for jobs that have become due, and gives up on attempts that take too long.
/// Their age is the sum of the pauses waited here, so that no jump of the clock makes them old. `latest` is when the queue
/// last brought back what waits for a time that was set back.
pub fn tick(hall: &Arc<Hall>, mut latest: Moment, runtime: &tokio::runtime::Handle) {
    let mut pause = Duration::ZERO;
    // Lanes that lack a thread because none could be started.
    let mut short: Vec<Lane> = Vec::new();
    loop {
        let aged_by = match hall.ticker.wait_at_most(pause) {
            Woken::Time => pause.as_millis() as u64,
            Woken::Ring => 0,
            Woken::Stop => return,
        };
        let now = (hall.now)();
        let was_set_back = latest.millis_since(now) > SET_BACK_MS;
        match if was_set_back { hall.bring_back_from_the_future() } else { Ok(()) } {
            Ok(()) => latest = now,
            Err(fault) => tracing::error!(%fault, "jobs wait for the clock to be back where it was; trying again"),
        }
        pause = match wake_for_due_jobs(hall) {
            Ok(Some(due_in)) => due_in.clamp(Duration::from_millis(1), TICK),
            Ok(None) => TICK,
            Err(fault) if is_the_end(&fault) => return,
            Err(_) => BREATHER,
        };
        let leases: Vec<_> = lock(&hall.running).values().cloned().collect();
        for lease in leases {
            if !lease.is_begun() {
                continue;
            }
            let age = lease.age.fetch_add(aged_by, Ordering::Relaxed) + aged_by;
            if age >= u64::from(lease.kind.time_limit_s) * 1000 && lease.end_as(ABANDONED) {
                short.push(lease.lane);
                abandon(hall, lease);
            }
        }
        short.retain(|lane| match spawn_worker(hall.clone(), *lane, runtime.clone()) {
            Ok(()) => false,
            Err(fault) => {
                tracing::error!(%fault, lane = lane.name(), "a thread for jobs could not be replaced yet");
                true
            }
        });
        hall.desk.put_back_what_waits(TICK);
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
            hall.desk.look(lane);
        } else {
            let until = Duration::from_millis(until.unsigned_abs());
            nearest = Some(nearest.map_or(until, |other: Duration| other.min(until)));
        }
    }
    Ok(nearest)
}

/// Gives up on an attempt whose time is up. Its thread cannot be stopped, so another one takes its place in the lane.
fn abandon(hall: &Arc<Hall>, lease: Arc<Lease>) {
    let seconds = lease.kind.time_limit_s;
    tracing::error!(job = %lease.id, kind = lease.kind.name, seconds, "an attempt took too long");
    let outcome = Outcome::Failed(JobError::again(format!("time-out: it took longer than {seconds} seconds")));
    hall.desk.hand_in(Ended { lease, outcome });
    // Not before: the clerk goes home when the last thread has.
    leave(hall);
}
