//! The power fails while jobs come in and are worked on.

use super::*;
use crate::store::tests::{Dice, disk::Disk};
use std::collections::HashMap;

fn handlers() -> Handlers {
    let handler = Handler::new(|running| {
        let id = running.job.id;
        // Every third attempt fails, so that there are jobs in every state.
        if running.job.attempt == 1 && id.0.as_bytes()[15].is_multiple_of(3) {
            return Err(JobError::again("no answer"));
        }
        Ok(Done::with(json!(1), move |tx| note(tx, "done", id)))
    });
    alarmed().on(&QUICK, noted(handler))
}

/// Enqueues jobs until the power fails, and says which were acknowledged.
fn live(disk: &Disk, clock: i64) -> Vec<JobId> {
    let Ok(store) = Store::open_on(disk.clone()) else { return Vec::new() };
    let runtime = Runtime::new().unwrap();
    let sizes = LaneSizes { quick: 3, heavy: 1 };
    let now = move || START.plus_seconds(clock);
    let Ok(queue) = Queue::start(store.clone(), now, handlers(), sizes, runtime.handle().clone()) else {
        return Vec::new();
    };
    let mut acknowledged = Vec::new();
    for _ in 0..30 {
        let job = NewJob::new(&QUICK, json!({}), now());
        match store.write_blocking(move |tx| enqueue(tx, job)) {
            Ok(job) => acknowledged.push(job.id),
            Err(_) => break,
        }
    }
    runtime.block_on(queue.stop(LONG));
    acknowledged
}

#[test]
fn every_acknowledged_job_is_done_once_whenever_the_power_fails() {
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut disk = Disk::default();
        Store::open_on(disk.clone()).and_then(Store::close).unwrap();
        let mut acknowledged = Vec::new();
        for life in 0..3 {
            disk.fail_after(dice.below(500));
            acknowledged.extend(live(&disk, life * 3600));
            disk = disk.after_power_cut(&mut dice);
        }
        let shop = Shop::on(Store::open_on(disk).unwrap(), handlers());
        // Later than any pause.
        shop.pass(1_000_000);
        let tx = shop.store.read().unwrap();
        assert_eq!(contradictions(&tx).unwrap(), Vec::<String>::new(), "seed {seed}");
        let all: Vec<_> = list(&tx, None, None, None, usize::MAX).unwrap().into_iter().map(|job| job.id).collect();
        assert!(acknowledged.iter().all(|id| all.contains(id)), "seed {seed}: a job is lost");
        for id in &all {
            let job = shop.wait(*id, |job| job.status.is_settled() || job.attempt == 1 && job.failure_reason.is_some());
            if job.status == JobStatus::Queued {
                shop.pass(1_000_000);
            }
            assert_eq!(shop.settled(*id).status, JobStatus::Completed, "seed {seed}");
        }
        let mut done: HashMap<JobId, usize> = HashMap::new();
        for id in shop.notes("done") {
            *done.entry(id).or_default() += 1;
        }
        assert!(all.iter().all(|id| done.get(id) == Some(&1)), "seed {seed}: {done:?}");
        assert_eq!(done.len(), all.len(), "seed {seed}");
    }
}
