//! What a stop of the program leaves, and what the next start makes of it.

use super::super::model::Token;
use super::super::{rules, table};
use super::*;

/// Leaves a job behind as a crash in the middle of an attempt does.
fn crashed(store: &Store, kind: &'static JobKind, interruptions: u32) -> JobId {
    let job = NewJob::new(kind, json!(1), START);
    store
        .write_blocking(move |tx| {
            let queued = enqueue(tx, job)?;
            let token = Token { boot: 0, number: 1 };
            let begun = JobRow { interruptions, ..rules::begun(queued.clone(), token, START) };
            table::save(tx, Some(&queued), &begun)?;
            Ok::<_, Fault>(begun.id)
        })
        .unwrap()
}

#[test]
fn interrupted_jobs_go_on_at_once_and_have_lost_no_attempt() {
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let ids: Vec<_> = (0..300).map(|_| crashed(&store, &QUICK, 0)).collect();
    let shop = Shop::on(store, Handlers::new().on(&QUICK, noted(works())));
    for id in &ids {
        let job = shop.settled(*id);
        assert_eq!((job.status, job.attempt, job.interruptions), (JobStatus::Completed, 1, 1));
    }
    assert_eq!(shop.notes("queued").len(), 300);
    assert_eq!(shop.notes("started").len(), 300);
}

#[test]
fn the_twenty_fifth_interruption_fails_the_job() {
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let (last, first) = (crashed(&store, &QUICK, INTERRUPTIONS - 1), crashed(&store, &QUICK, INTERRUPTIONS - 2));
    let shop = Shop::on(store, alarmed().on(&QUICK, noted(works())));
    assert_eq!(shop.settled(first).status, JobStatus::Completed);
    let job = shop.settled(last);
    assert_eq!((job.status, job.interruptions), (JobStatus::Failed, 25));
    assert_eq!((shop.notes("failed"), shop.notes("alarm")), (vec![last], vec![last]));
}

#[test]
fn a_damaged_row_stops_neither_the_start_nor_its_lane() {
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let damaged = [crashed(&store, &QUICK, 0), {
        let job = NewJob::new(&QUICK, json!({}), START.plus_seconds(-60));
        store.write_blocking(move |tx| enqueue(tx, job)).unwrap().id
    }];
    let rows: crate::store::Table<JobId, Value> = crate::store::Table::new("jobs", 1);
    store.write_blocking(move |tx| damaged.iter().try_for_each(|id| rows.put(tx, id, &json!("?")))).unwrap();
    let shop = Shop::on(store, Handlers::new().on(&QUICK, works()));
    let id = shop.add(&QUICK, json!({}));
    assert_eq!(shop.settled(id).status, JobStatus::Completed);
}

#[test]
fn a_graceful_stop_lets_the_running_jobs_end_and_begins_no_others() {
    let (begun, gate) = (Gate::default(), Gate::default());
    let (started, inner) = (begun.clone(), gate.clone());
    let handler = Handler::new(move |running| {
        started.open();
        while !running.stopping() {
            std::thread::yield_now();
        }
        inner.pass();
        Ok(Done::new(running.job.payload.clone()))
    });
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let shop = Shop::sized(store.clone(), Handlers::new().on(&QUICK, handler), LaneSizes { quick: 1, heavy: 1 });
    let running = shop.add(&QUICK, json!(1));
    begun.pass();
    let waiting = shop.add(&QUICK, json!(2));
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        gate.open();
    });
    assert!(shop.stop());
    opener.join().unwrap();
    assert_eq!(shop.job(running).status, JobStatus::Completed);
    let job = shop.job(waiting);
    assert_eq!((job.status, job.attempt), (JobStatus::Queued, 0));
    drop(shop);
    let shop = Shop::on(store, Handlers::new().on(&QUICK, works()));
    assert_eq!(shop.settled(waiting).status, JobStatus::Completed);
}

#[test]
fn damaged_rows_hide_no_interrupted_ones() {
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let ids: Vec<_> = (0..600).map(|_| crashed(&store, &QUICK, 0)).collect();
    let damaged: Vec<_> = ids[..300].to_vec();
    let rows: crate::store::Table<JobId, Value> = crate::store::Table::new("jobs", 1);
    store.write_blocking(move |tx| damaged.iter().try_for_each(|id| rows.put(tx, id, &json!("?")))).unwrap();
    let shop = Shop::on(store, Handlers::new().on(&QUICK, works()));
    for id in &ids[300..] {
        assert_eq!(shop.settled(*id).status, JobStatus::Completed);
    }
}

#[test]
fn what_is_claimed_ahead_and_cannot_be_begun_soon_is_put_back() {
    let (handler, begun, gate) = held();
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let sizes = LaneSizes { quick: 1, heavy: 1 };
    let shop = Shop::sized(store, Handlers::new().on(&QUICK, noted(handler)), sizes);
    shop.queue.expect_short_jobs(Lane::Quick);
    let add = |count: usize| -> Vec<JobId> {
        let queue = move |tx: &WriteTx| -> Result<_, Fault> {
            (0..count).map(|n| Ok(enqueue(tx, NewJob::new(&QUICK, json!(n), START))?.id)).collect()
        };
        shop.store.write_blocking(queue).unwrap()
    };
    let ids = add(3);
    begun.pass();
    shop.wait(ids[2], |job| job.status == JobStatus::Queued && job.started_at.is_some());
    // And nothing more is claimed behind a thread that is stuck.
    let more = add(3);
    assert!(more.iter().all(|id| shop.job(*id).status == JobStatus::Queued));
    assert_eq!(shop.queue.figures().unwrap().quick.oldest_due, Some(START));
    gate.open();
    for id in ids.iter().chain(&more) {
        let job = shop.settled(*id);
        assert_eq!((job.status, job.attempt, job.interruptions), (JobStatus::Completed, 1, 0));
    }
}

#[test]
fn what_is_claimed_ahead_and_not_begun_is_put_back_at_a_stop() {
    let (handler, begun, gate) = held();
    let handlers = Handlers::new().on(&QUICK, noted(handler));
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let shop = Shop::sized(store, handlers, LaneSizes { quick: 1, heavy: 1 });
    shop.queue.expect_short_jobs(Lane::Quick);
    let ids: Vec<JobId> = shop
        .store
        .write_blocking(|tx| {
            (0..3).map(|n| Ok(enqueue(tx, NewJob::new(&QUICK, json!(n), START))?.id)).collect::<Result<_, Fault>>()
        })
        .unwrap();
    shop.wait(ids[2], |job| job.status == JobStatus::Processing);
    begun.pass();
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        gate.open();
    });
    assert!(shop.stop());
    opener.join().unwrap();
    assert_eq!(shop.job(ids[0]).status, JobStatus::Completed);
    for id in &ids[1..] {
        let job = shop.job(*id);
        assert_eq!((job.status, job.attempt, job.interruptions), (JobStatus::Queued, 0, 0));
    }
    assert_eq!(contradictions(&shop.store.read().unwrap()).unwrap(), Vec::<String>::new());
}

#[test]
fn an_attempt_that_breaks_off_for_a_stop_is_an_interruption() {
    let begun = Gate::default();
    let started = begun.clone();
    let handler = Handler::new(move |running| {
        started.open();
        while !running.stopping() {
            std::thread::yield_now();
        }
        Err(JobError::again("stopping"))
    });
    let shop = Shop::new(Handlers::new().on(&QUICK, noted(handler)));
    let id = shop.add(&QUICK, json!({}));
    begun.pass();
    assert!(shop.stop());
    let job = shop.job(id);
    assert_eq!((job.status, job.attempt, job.interruptions), (JobStatus::Queued, 0, 1));
    assert_eq!(shop.notes("queued"), [id]);
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let (handler, begun, gate) = held();
    let shop = Shop::new(Handlers::new().on(&QUICK, handler));
    let id = shop.add(&QUICK, json!({}));
    begun.pass();
    assert!(!shop.runtime.block_on(shop.queue.stop(Duration::from_millis(20))));
    gate.open();
    assert!(shop.stop());
    assert_eq!(shop.job(id).status, JobStatus::Completed);
}

#[test]
fn a_stopped_queue_lets_go_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("petstar.redb");
    let shop = Shop::on(Store::open(&file).unwrap(), Handlers::new().on(&QUICK, works()));
    let id = shop.add(&QUICK, json!({}));
    shop.settled(id);
    assert!(shop.stop());
    drop(shop);
    // The clock's thread may need a moment to leave.
    let opened = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        Store::open(&file).ok()
    });
    assert_eq!(job(&opened.unwrap().read().unwrap(), id).unwrap().unwrap().status, JobStatus::Completed);
}
