//! How many jobs a second are taken and done, over a real file with real syncs, beside the bare `fdatasync` of the same disk in the same
//! run. `cargo bench --bench queue`

use petstar::kernel::{Fault, Moment};
use petstar::queue::{Done, Handler, Handlers, JobKind, Lane, LaneSizes, NewJob, Queue, enqueue};
use petstar::store::Store;
use serde_json::json;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const TASKS: usize = 64;
const JOBS: usize = 40_000;
const IDLE: usize = 500;
/// The threads of the lanes as petstar starts them on two cores.
const SHIPPED: LaneSizes = LaneSizes { quick: 4, heavy: 2 };

const KIND: JobKind =
    JobKind { name: "bench.nothing", lane: Lane::Quick, max_attempts: 5, first_delay_s: 10, time_limit_s: 60 };
const TOLD: JobKind =
    JobKind { name: "bench.told", lane: Lane::Quick, max_attempts: 5, first_delay_s: 10, time_limit_s: 60 };

fn now() -> Moment {
    petstar::shop::clock::Clock::System.now()
}

fn main() -> Result<(), Fault> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(&folder.path().join("petstar.redb"))?;
    let runtime = tokio::runtime::Runtime::new()?;
    raw_syncs(folder.path())?;

    let begin = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(fill(store.clone(), JOBS / TASKS))).collect();
        for task in tasks {
            task.await.expect("no task panics")?;
        }
        Ok::<_, Fault>(())
    })?;
    report("enqueued, each durable before its answer, from 64 tasks", begin.elapsed());

    let (tell, told) = mpsc::channel();
    let done = Arc::new(AtomicUsize::new(0));
    let count = done.clone();
    let nothing = Handler::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Done::new(json!(null)))
    });
    let handlers = Handlers::new().on(&KIND, nothing).on(
        &TOLD,
        Handler::new(move |_| {
            let _ = tell.send(Instant::now());
            Ok(Done::new(json!(null)))
        }),
    );
    let begin = Instant::now();
    let queue = Queue::start(store.clone(), now, handlers, SHIPPED, runtime.handle().clone())?;
    // Counting what waits reads the line, so it begins when there is nearly none.
    while done.load(Ordering::Relaxed) < JOBS {
        std::thread::sleep(Duration::from_millis(1));
    }
    wait_until_idle(&queue)?;
    report("claimed and finished with the threads petstar ships", begin.elapsed());

    let mut times = Vec::new();
    for _ in 0..IDLE {
        let begin = Instant::now();
        let job = NewJob::new(&TOLD, json!({}), now());
        store.write_blocking(move |tx| enqueue(tx, job))?;
        let started = told.recv_timeout(Duration::from_secs(5)).expect("it starts");
        times.push(started - begin);
        wait_until_idle(&queue)?;
    }
    times.sort_unstable();
    println!(
        "{:>9.3} ms from enqueueing to the start in an idle shop, p50 ({:.3} ms p99)",
        millis(times[IDLE / 2]),
        millis(times[IDLE * 99 / 100])
    );
    raw_syncs(folder.path())?;
    runtime.block_on(queue.stop(Duration::from_secs(10)));
    Ok(())
}

fn wait_until_idle(queue: &Queue) -> Result<(), Fault> {
    loop {
        let figures = queue.figures()?;
        if figures.quick.waiting + figures.quick.running == 0 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

async fn fill(store: Store, count: usize) -> Result<(), Fault> {
    for _ in 0..count {
        let job = NewJob::new(&KIND, json!({"order": 12_345}), now());
        store.write(move |tx| enqueue(tx, job)).await?;
    }
    Ok(())
}

/// One page written in place and synced, again and again.
#[allow(clippy::disallowed_methods, reason = "this is the bare disk")]
fn raw_syncs(folder: &Path) -> Result<(), Fault> {
    let file = File::create(folder.join("raw"))?;
    file.write_all_at(&[0; 1 << 20], 0)?;
    file.sync_all()?;
    let mut times = Vec::new();
    for round in 0..500u64 {
        let begin = Instant::now();
        file.write_all_at(&[7; 4096], (round % 256) * 4096)?;
        file.sync_data()?;
        times.push(begin.elapsed());
    }
    let all: Duration = times.iter().sum();
    times.sort_unstable();
    println!("{:>9.0} fdatasyncs/s of this disk, p50 {:.3} ms", 500.0 / all.as_secs_f64(), millis(times[250]));
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn report(what: &str, time: Duration) {
    println!("{:>9.0} jobs/s {what}", JOBS as f64 / time.as_secs_f64());
}
