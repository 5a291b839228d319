//! The clock jumps: forward as after a long sleep, back as when somebody sets it right.

use super::*;

fn fails_once() -> Handlers {
    Handlers::new().on(
        &QUICK,
        Handler::new(|running| match running.job.attempt {
            1 => Err(JobError::again("no answer")),
            _ => Ok(Done::new(json!(1))),
        }),
    )
}

#[test]
fn a_clock_set_back_keeps_nobody_waiting() {
    let shop = Shop::new(fails_once());
    let waits = shop.add(&QUICK, json!({}));
    let job = shop.wait(waits, |job| job.attempt == 1 && job.status == JobStatus::Queued);
    shop.pass(-3600);
    shop.wait(waits, |job| job.next_attempt_at < Some(START));
    let fresh = shop.add(&QUICK, json!({}));
    shop.wait(fresh, |job| job.attempt == 1 && job.status == JobStatus::Queued);
    let pause = job.next_attempt_at.unwrap().millis_since(START);
    shop.pass(1 + pause / 1000);
    assert_eq!(shop.settled(waits).status, JobStatus::Completed);
    shop.pass(20);
    assert_eq!(shop.settled(fresh).status, JobStatus::Completed);
    assert_eq!(contradictions(&shop.store.read().unwrap()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_clock_set_back_while_the_shop_was_off_keeps_nobody_waiting() {
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let job = NewJob::new(&QUICK, json!({}), START.plus_seconds(40 * 86_400));
    let id = store.write_blocking(move |tx| enqueue(tx, job)).unwrap().id;
    let shop = Shop::on(store, fails_once());
    shop.wait(id, |job| job.attempt == 1 && job.status == JobStatus::Queued);
    shop.pass(15);
    assert_eq!(shop.settled(id).status, JobStatus::Completed);
}

#[test]
fn a_clock_that_jumps_ahead_ages_no_attempt() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let handler = Handler::new(move |_| {
        waiting.pass();
        Ok(Done::new(json!(1)))
    });
    let shop = Shop::new(Handlers::new().on(&QUICK, handler));
    let id = shop.add(&QUICK, json!({}));
    shop.wait(id, |job| job.status == JobStatus::Processing);
    shop.pass(40 * 86_400);
    gate.open();
    let job = shop.settled(id);
    assert_eq!((job.status, job.attempt), (JobStatus::Completed, 1));
}
