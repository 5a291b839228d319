//! The thread that records what the others have done, and claims what they do next: as much as there is in one commit, so that short
//! jobs do not wait for one commit each.

use super::attempt::Ended;
use super::desk::Task;
use super::{BREATHER, Hall, indispensable, is_the_end, lock};
use crate::kernel::{Fault, Moment};
use crate::queue::model::{JobId, Lane};
use crate::queue::table;
use crate::store::WriteTx;
use std::sync::{Arc, Mutex};

/// Works until everybody else has gone home.
pub fn spawn_clerk(hall: Arc<Hall>) -> Result<(), Fault> {
    hall.threads.send_modify(|count| *count += 1);
    let threads = hall.threads.clone();
    let spawned = std::thread::Builder::new().name("queue".into()).spawn(move || {
        indispensable(&hall, || work(&hall));
        hall.desk.stop();
        hall.threads.send_modify(|count| *count -= 1);
    });
    if let Err(error) = spawned {
        threads.send_modify(|count| *count -= 1);
        return Err(error.into());
    }
    Ok(())
}

fn work(hall: &Arc<Hall>) {
    while let Some(task) = hall.desk.task() {
        if !see_to(hall, task) {
            return;
        }
    }
    // A write that began before the stop may still hand jobs over; it is behind us when this one is.
    let _ = hall.store.write_blocking(|_| Ok::<_, Fault>(()));
    if let Some(task) = hall.desk.task() {
        see_to(hall, task);
    }
}

/// False when nothing can be recorded any more.
fn see_to(hall: &Arc<Hall>, task: Task) -> bool {
    if task.ended.is_empty() {
        // A look costs much less than a write, and often there is nothing.
        let is_due = |due: Option<(Lane, Moment, JobId)>| due.is_some_and(|(_, due, _)| due <= (hall.now)());
        let found = hall.store.read().and_then(|tx| {
            let mut due = task.looks.iter().map(|lane| table::first_due(&tx, *lane).map(is_due));
            due.try_fold(false, |any, due| Ok(any | due?))
        });
        match found {
            Ok(true) => {}
            Ok(false) => return true,
            Err(fault) => return !is_the_end(&fault),
        }
    }
    let ended = Arc::new(Mutex::new(task.ended));
    loop {
        let (writer, list) = (hall.clone(), ended.clone());
        match hall.store.write_blocking(move |tx| writer.record(tx, &mut lock(&list))) {
            Ok(()) => return true,
            Err(fault) if is_the_end(&fault) => return false,
            // The disk is full. The work is done and must not be lost, so everybody waits with it.
            Err(fault) => {
                tracing::error!(%fault, "the ends of attempts cannot be recorded yet");
                if hall.desk.pause(BREATHER) {
                    return false;
                }
            }
        }
    }
}

impl Hall {
    /// Records how attempts ended, and has the next jobs claimed.
    fn record(self: &Arc<Self>, tx: &WriteTx, ended: &mut [Ended]) -> Result<(), Fault> {
        let (hall, numbers) = (self.clone(), ended.iter().map(|ended| ended.lease.token.number).collect::<Vec<_>>());
        tx.after_commit(move || {
            let mut running = lock(&hall.running);
            for number in numbers {
                running.remove(&number);
            }
        });
        for Ended { lease, outcome } in ended.iter_mut() {
            match tx.nested(|tx| self.finish(tx, lease, outcome)) {
                Err(fault) if is_the_end(&fault) => return Err(fault),
                // The next start finds the job and takes it for interrupted; the other ends must not wait for that.
                Err(fault) => tracing::error!(job = %lease.id, %fault, "the end of an attempt cannot be recorded"),
                Ok(()) => {}
            }
        }
        Lane::ALL.into_iter().for_each(|lane| self.claim_in(tx, lane));
        Ok(())
    }

    /// At the end of the commit that `tx` is part of, claims as many jobs as the lane has threads for.
    pub fn claim_in(self: &Arc<Self>, tx: &WriteTx, lane: Lane) {
        if self.desk.wanted(lane).all() == 0 {
            return;
        }
        let hall = self.clone();
        tx.before_commit(lane.name(), move |tx| {
            let claimed = hall.claim(tx, lane)?;
            if !claimed.is_empty() {
                tx.after_commit(move || {
                    let leases = claimed.iter().map(|claimed| (claimed.lease.token.number, claimed.lease.clone()));
                    lock(&hall.running).extend(leases);
                    hall.desk.hand_over(lane, claimed);
                });
            }
            Ok(())
        });
    }
}
