//! Lanes, order, news, and many jobs at once.

use super::*;
use std::collections::HashSet;
use std::sync::Mutex;

#[test]
fn heavy_work_does_not_delay_quick_work() {
    let gate = Gate::default();
    let inner = gate.clone();
    let heavy = Handler::new(move |_| {
        inner.pass();
        Ok(Done::new(json!(1)))
    });
    let shop = Shop::new(Handlers::new().on(&HEAVY, heavy).on(&QUICK, works()));
    let prints: Vec<_> = (0..20).map(|_| shop.add(&HEAVY, json!({}))).collect();
    shop.wait(prints[0], |job| job.status == JobStatus::Processing);
    let receipt = shop.add(&QUICK, json!({}));
    assert_eq!(shop.settled(receipt).status, JobStatus::Completed);
    let figures = shop.queue.figures().unwrap();
    assert_eq!((figures.heavy.waiting, figures.heavy.running, figures.heavy.oldest_due), (19, 1, Some(START)));
    assert_eq!((figures.quick.waiting, figures.quick.running, figures.quick.oldest_due), (0, 0, None));
    gate.open();
    for id in prints {
        shop.settled(id);
    }
}

#[test]
fn what_is_due_first_is_done_first() {
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let order = [5, -3, 0, 9, -7, 2, -1, 8, 1, -9];
    store
        .write_blocking(move |tx| {
            for due in order {
                let job = NewJob::new(&QUICK, json!(due), START).run_at(START.plus_seconds(due));
                enqueue(tx, job)?;
            }
            Ok::<_, Fault>(())
        })
        .unwrap();
    let done = Arc::new(Mutex::new(Vec::new()));
    let inner = done.clone();
    let handler = Handler::new(move |running| {
        inner.lock().unwrap().push(running.job.payload.as_i64().unwrap());
        Ok(Done::new(json!(1)))
    });
    let shop = Shop::sized(store, Handlers::new().on(&QUICK, handler), LaneSizes { quick: 1, heavy: 1 });
    let finish = |count: usize| {
        for _ in 0..1000 {
            if done.lock().unwrap().len() >= count {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        done.lock().unwrap().clone()
    };
    assert_eq!(finish(5), [-9, -7, -3, -1, 0]);
    // Without a nudge, as the real clock goes on.
    shop.clock.fetch_add(6000, Ordering::SeqCst);
    assert_eq!(finish(8), [-9, -7, -3, -1, 0, 1, 2, 5]);
    shop.pass(10);
    assert_eq!(finish(10)[8..], [8, 9]);
}

#[test]
fn thousands_of_jobs_are_each_done_once() {
    let handler = Handler::new(|running| {
        let id = running.job.id;
        Ok(Done::with(json!(1), move |tx| note(tx, "done", id)))
    });
    let shop = Shop::sized(
        Store::open_on(InMemoryBackend::new()).unwrap(),
        Handlers::new().on(&QUICK, handler),
        LaneSizes { quick: 8, heavy: 1 },
    );
    let ids: HashSet<JobId> = shop.runtime.block_on(async {
        let tasks: Vec<_> = (0..30)
            .map(|_| {
                let store = shop.store.clone();
                tokio::spawn(async move {
                    let mut ids = Vec::new();
                    for _ in 0..100 {
                        let job = NewJob::new(&QUICK, json!({}), START);
                        ids.push(store.write(move |tx| enqueue(tx, job)).await.unwrap().id);
                    }
                    ids
                })
            })
            .collect();
        let mut ids = HashSet::new();
        for task in tasks {
            ids.extend(task.await.unwrap());
        }
        ids
    });
    assert_eq!(ids.len(), 3000);
    for id in &ids {
        assert_eq!(shop.settled(*id).attempt, 1);
    }
    let done = shop.notes("done");
    assert_eq!(done.len(), 3000);
    assert_eq!(done.into_iter().collect::<HashSet<_>>(), ids);
    assert_eq!(shop.queue.figures().unwrap().quick.waiting, 0);
}

#[test]
fn news_of_a_job_begin_with_the_present_and_end_with_the_last() {
    let gates: [Gate; 2] = Default::default();
    let inner = gates.clone();
    let handler = Handler::new(move |running| {
        inner[0].pass();
        running.progress(40);
        inner[1].pass();
        Ok(Done::new(json!("there")))
    });
    let shop = Shop::new(Handlers::new().on(&QUICK, handler));
    let job = NewJob::new(&QUICK, json!({}), START).run_at(START.plus_seconds(5));
    let id = shop.store.write_blocking(move |tx| enqueue(tx, job)).unwrap().id;
    let mut news = shop.queue.watch(id).unwrap().unwrap();
    assert_eq!(news.borrow_and_update().status, JobStatus::Queued);
    shop.pass(5);
    shop.runtime.block_on(async {
        let mut next = async || {
            tokio::time::timeout(LONG, news.changed()).await.unwrap().ok()?;
            let job = news.borrow_and_update();
            Some((job.status, job.progress))
        };
        assert_eq!(next().await, Some((JobStatus::Processing, 0)));
        gates[0].open();
        assert_eq!(next().await, Some((JobStatus::Processing, 40)));
        // Who comes late gets the state as it is.
        assert_eq!(shop.queue.watch(id).unwrap().unwrap().borrow().progress, 40);
        assert_eq!(shop.job(id).progress, 40);
        gates[1].open();
        assert_eq!(next().await, Some((JobStatus::Completed, 100)));
        assert_eq!(next().await, None);
        let mut late = shop.queue.watch(id).unwrap().unwrap();
        assert_eq!(late.borrow_and_update().result, Some(json!("there")));
        assert!(late.changed().await.is_err());
    });
}

#[test]
fn handlers_may_wait_for_the_network() {
    let handler = Handler::new(|running| {
        running.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        Ok(Done::new(json!(1)))
    });
    let shop = Shop::new(Handlers::new().on(&QUICK, handler));
    let id = shop.add(&QUICK, json!({}));
    assert_eq!(shop.settled(id).status, JobStatus::Completed);
}
