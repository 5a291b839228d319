//! How jobs end: completed, failed, cancelled, timed out.

use super::*;
use std::sync::Mutex;

#[test]
fn a_job_is_worked_on_and_its_result_kept() {
    let shop = Shop::new(Handlers::new().on(&QUICK, works()));
    let id = shop.add(&QUICK, json!({"letter": 7}));
    let job = shop.settled(id);
    assert_eq!((job.status, job.result, job.attempt), (JobStatus::Completed, Some(json!({"letter": 7})), 1));
    assert_eq!((job.progress, job.started_at, job.completed_at), (100, Some(START), Some(START)));
}

#[test]
fn a_job_whose_cause_is_refused_never_was() {
    let shop = Shop::new(Handlers::new().on(&QUICK, works()));
    let job = NewJob::new(&QUICK, json!({}), START);
    let id = job.id;
    let refused = shop.store.write_blocking(move |tx| {
        enqueue(tx, job)?;
        Err::<(), _>(Fault::Busy)
    });
    assert_eq!(refused, Err(Fault::Busy));
    assert_eq!(shop.queue.job(id), Ok(None));
    assert!(shop.queue.watch(id).unwrap().is_none());
}

#[test]
fn what_belongs_to_the_end_is_committed_with_it() {
    let handler = Handler::new(|running| {
        let id = running.job.id;
        Ok(Done::with(json!(1), move |tx| note(tx, "done", id)))
    });
    let shop = Shop::new(Handlers::new().on(&QUICK, noted(handler)));
    let id = shop.add(&QUICK, json!({}));
    shop.settled(id);
    assert_eq!((shop.notes("started"), shop.notes("done")), (vec![id], vec![id]));
}

#[test]
fn failed_attempts_wait_longer_and_longer_until_the_last() {
    let handlers = alarmed().on(&QUICK, noted(Handler::new(|_| Err(JobError::again("no answer")))));
    let shop = Shop::new(handlers);
    let id = shop.add(&QUICK, json!({}));
    for (attempt, pause) in [(1, 10), (2, 30), (3, 120), (4, 600)] {
        let job = shop.wait(id, |job| job.status == JobStatus::Queued && job.attempt == attempt);
        assert_eq!(job.failure_reason.as_deref(), Some("no answer"));
        let waits = job.next_attempt_at.unwrap().millis_since(shop.now());
        assert!((pause * 1000..=pause * 1200).contains(&waits), "{waits}");
        shop.pass(pause - 1);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(shop.job(id).attempt, attempt, "it came too early");
        shop.pass(1 + pause / 5);
    }
    let job = shop.settled(id);
    assert_eq!((job.status, job.attempt, job.next_attempt_at), (JobStatus::Failed, 5, None));
    assert_eq!(shop.notes("started").len(), 5);
    assert_eq!(shop.notes("queued").len(), 4);
    assert_eq!((shop.notes("failed"), shop.notes("alarm")), (vec![id], vec![id]));
    assert_eq!(shop.queue.figures().unwrap().failed, 1);
}

#[test]
fn a_lasting_reason_fails_at_once_and_a_retry_gives_all_attempts_anew() {
    let is_mended = Gate::default();
    let mended = is_mended.clone();
    let handler = Handler::new(move |running| {
        if *mended.0.0.lock().unwrap() { works_once(running) } else { Err(JobError::lasting("no such address")) }
    });
    let shop = Shop::new(alarmed().on(&QUICK, noted(handler)));
    let id = shop.add(&QUICK, json!(1));
    let job = shop.settled(id);
    assert_eq!((job.status, job.attempt), (JobStatus::Failed, 1));
    is_mended.open();
    let again = shop.store.write_blocking(move |tx| retry(tx, id, START)).unwrap().unwrap();
    assert_eq!((again.status, again.attempt), (JobStatus::Queued, 0));
    assert_eq!(again.failure_reason.as_deref(), Some("no such address"));
    let job = shop.settled(id);
    assert_eq!((job.status, job.attempt, job.failure_reason), (JobStatus::Completed, 1, None));
    assert_eq!(shop.notes("queued"), [id]);
    assert_eq!(shop.store.write_blocking(move |tx| retry(tx, id, START)), Ok(None));
}

fn works_once(running: &Running) -> Result<Done, JobError> {
    Ok(Done::new(running.job.payload.clone()))
}

#[test]
fn a_poisonous_job_takes_nobody_with_it() {
    let panics = Handler::new(|_| std::panic::resume_unwind(Box::new("a mistake")));
    let shop = Shop::new(alarmed().on(&OTHER, panics).on(&QUICK, works()));
    let bad: Vec<_> = (0..20).map(|_| shop.add(&OTHER, json!({}))).collect();
    let good = shop.add(&QUICK, json!({}));
    assert_eq!(shop.settled(good).status, JobStatus::Completed);
    for id in &bad {
        shop.wait(*id, |job| job.attempt == 1 && job.status == JobStatus::Queued);
    }
    shop.pass(12);
    for id in &bad {
        let job = shop.settled(*id);
        assert_eq!((job.status, job.attempt), (JobStatus::Failed, 2));
        assert!(job.failure_reason.unwrap().starts_with("unexpected"));
    }
    assert_eq!(shop.notes("alarm").len(), 20);
}

#[test]
fn trouble_in_a_hook_is_a_failed_attempt_or_is_passed_over() {
    let no_start = works().on_start(|_, _| Err(Fault::bug("start")));
    let no_settle = Handler::new(|_| Err(JobError::lasting("reason")))
        .on_settle(|_, _| std::panic::resume_unwind(Box::new("a mistake")));
    let no_commit = Handler::new(|running| {
        let id = running.job.id;
        Ok(Done::with(json!(1), move |tx| {
            note(tx, "trace", id)?;
            Err(Fault::Corrupt("commit".into()))
        }))
    });
    let shop = Shop::new(alarmed().on(&QUICK, no_start).on(&OTHER, no_settle).on(&HEAVY, no_commit));
    let [quick, other, heavy] = [&QUICK, &OTHER, &HEAVY].map(|kind| shop.add(kind, json!({})));
    for (id, reason) in [(quick, "unexpected: start"), (other, "reason"), (heavy, "damaged data: commit")] {
        let job = shop.settled(id);
        assert_eq!((job.status, job.failure_reason.as_deref(), job.result), (JobStatus::Failed, Some(reason), None));
    }
    assert_eq!(shop.notes("alarm").len(), 3);
    assert!(shop.notes("trace").is_empty());
}

#[test]
fn a_kind_nobody_knows_fails_with_an_alarm() {
    let shop = Shop::new(alarmed().on(&QUICK, works()));
    let (unknown, known) = (shop.add(&OTHER, json!({})), shop.add(&QUICK, json!({})));
    assert_eq!(shop.settled(known).status, JobStatus::Completed);
    assert_eq!(shop.settled(unknown).status, JobStatus::Failed);
    assert_eq!(shop.notes("alarm"), [unknown]);
}

#[test]
fn a_waiting_job_that_is_cancelled_is_never_begun() {
    let shop = Shop::new(Handlers::new().on(&QUICK, noted(works())));
    let job = NewJob::new(&QUICK, json!({}), START).run_at(START.plus_seconds(60));
    let id = shop.store.write_blocking(move |tx| enqueue(tx, job)).unwrap().id;
    let job = shop.store.write_blocking(move |tx| cancel(tx, id, START)).unwrap().unwrap();
    assert_eq!((job.status, job.completed_at), (JobStatus::Cancelled, Some(START)));
    shop.pass(120);
    let next = shop.add(&QUICK, json!({}));
    shop.settled(next);
    assert_eq!((shop.notes("started"), shop.notes("cancelled")), (vec![next], vec![id]));
    assert_eq!(shop.store.write_blocking(move |tx| cancel(tx, id, START)), Ok(None));
}

#[test]
fn the_result_of_a_cancelled_job_changes_nothing() {
    let gate = Gate::default();
    let entered = Gate::default();
    let (inner_gate, inner_entered) = (gate.clone(), entered.clone());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inner_seen = seen.clone();
    let handler = Handler::new(move |running| {
        let id = running.job.id;
        inner_seen.lock().unwrap().push(running.cancelled());
        inner_entered.open();
        inner_gate.pass();
        inner_seen.lock().unwrap().push(running.cancelled());
        running.progress(77);
        Ok(Done::with(json!(1), move |tx| note(tx, "done", id)))
    });
    let shop = Shop::new(Handlers::new().on(&QUICK, noted(handler)).on(&HEAVY, works()));
    let id = shop.add(&QUICK, json!({}));
    entered.pass();
    shop.store.write_blocking(move |tx| cancel(tx, id, START)).unwrap().unwrap();
    gate.open();
    assert!(shop.stop());
    let job = shop.job(id);
    assert_eq!((job.status, job.result, job.progress), (JobStatus::Cancelled, None, 0));
    assert!(shop.notes("done").is_empty());
    assert_eq!(*seen.lock().unwrap(), [false, true]);
}

#[test]
fn an_old_attempt_does_not_end_the_new_one() {
    let (begun, first, second) = (Gate::default(), Gate::default(), Gate::default());
    let gates = Arc::new(Mutex::new(vec![second.clone(), first.clone()]));
    let started = begun.clone();
    let handler = Handler::new(move |running| {
        let gate = gates.lock().unwrap().pop().unwrap();
        let left = gates.lock().unwrap().len();
        started.open();
        gate.pass();
        running.progress(50);
        Ok(Done::new(json!(left)))
    });
    let shop = Shop::new(Handlers::new().on(&QUICK, handler));
    let id = shop.add(&QUICK, json!({}));
    begun.pass();
    shop.store.write_blocking(move |tx| cancel(tx, id, START)).unwrap().unwrap();
    shop.store.write_blocking(move |tx| retry(tx, id, START)).unwrap().unwrap();
    shop.wait(id, |job| job.status == JobStatus::Processing);
    first.open();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(shop.job(id).status, JobStatus::Processing);
    assert_eq!(shop.queue.figures().unwrap().quick.running, 1);
    second.open();
    let job = shop.settled(id);
    assert_eq!((job.status, job.result), (JobStatus::Completed, Some(json!(0))));
}

#[test]
fn an_attempt_that_takes_too_long_fails_and_frees_its_lane() {
    let gate = Gate::default();
    let inner = gate.clone();
    let slow = Handler::new(move |running| {
        let id = running.job.id;
        inner.pass();
        assert!(running.cancelled());
        Ok(Done::with(json!(1), move |tx| note(tx, "done", id)))
    });
    // One thread: whatever comes next needs the place of the one that hangs.
    let shop = Shop::new(alarmed().on(&HASTY, slow).on(&HEAVY, works()));
    let id = shop.add(&HASTY, json!({}));
    let next = shop.add(&HEAVY, json!({}));
    assert_eq!(shop.settled(next).status, JobStatus::Completed);
    let job = shop.settled(id);
    assert_eq!((job.status, job.attempt), (JobStatus::Failed, 2));
    assert_eq!(job.failure_reason.as_deref(), Some("time-out: it took longer than 1 seconds"));
    gate.open();
    assert!(shop.stop());
    assert!(shop.notes("done").is_empty());
    assert_eq!(shop.notes("alarm"), [id]);
}

#[test]
fn a_jump_of_the_clock_ends_no_attempt() {
    let gate = Gate::default();
    let inner = gate.clone();
    let handler = Handler::new(move |running| {
        inner.pass();
        works_once(running)
    });
    let shop = Shop::new(Handlers::new().on(&QUICK, handler));
    let id = shop.add(&QUICK, json!({}));
    shop.wait(id, |job| job.status == JobStatus::Processing);
    shop.pass(86_400);
    std::thread::sleep(Duration::from_millis(50));
    gate.open();
    assert_eq!(shop.settled(id).status, JobStatus::Completed);
}

#[test]
fn a_result_waits_for_room_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("petstar.redb")).unwrap();
    store.set_reserve(0);
    let inner = store.clone();
    let handler = Handler::new(move |running| {
        inner.set_reserve(u64::MAX);
        let id = running.job.id;
        Ok(Done::with(json!(1), move |tx| note(tx, "done", id)))
    });
    let shop = Shop::on(store, Handlers::new().on(&QUICK, handler));
    let id = shop.add(&QUICK, json!({}));
    shop.wait(id, |job| job.status == JobStatus::Processing);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(shop.job(id).status, JobStatus::Processing);
    shop.store.set_reserve(0);
    assert_eq!(shop.settled(id).status, JobStatus::Completed);
    assert_eq!(shop.notes("done"), [id]);
}

#[test]
fn an_attempt_that_takes_too_long_on_a_full_disk_is_recorded_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("petstar.redb")).unwrap();
    store.set_reserve(0);
    let (gate, inner) = (Gate::default(), store.clone());
    let hangs = gate.clone();
    let handler = Handler::new(move |running| {
        if running.job.attempt == 1 {
            inner.set_reserve(u64::MAX);
            hangs.pass();
        }
        Ok(Done::new(json!(running.job.attempt)))
    });
    let shop = Shop::on(store, Handlers::new().on(&HASTY, handler));
    let id = shop.add(&HASTY, json!({}));
    std::thread::sleep(Duration::from_millis(1600));
    assert_eq!(shop.job(id).status, JobStatus::Processing);
    shop.store.set_reserve(0);
    let job = shop.settled(id);
    assert_eq!((job.status, job.attempt), (JobStatus::Completed, 2));
    gate.open();
}
