//! How many jobs a second are taken and done, over a real file with real syncs. `cargo bench --bench queue`

use petstar::kernel::{Fault, Moment};
use petstar::queue::{Done, Handler, Handlers, JobKind, Lane, LaneSizes, NewJob, Queue, enqueue};
use petstar::store::Store;
use serde_json::json;
use std::time::{Duration, Instant};

const TASKS: usize = 64;
const JOBS: usize = 40_000;
const NOW: Moment = Moment(1_750_000_000_000);

const KIND: JobKind =
    JobKind { name: "bench.nothing", lane: Lane::Quick, max_attempts: 5, first_delay_s: 10, time_limit_s: 60 };

fn main() -> Result<(), Fault> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(&folder.path().join("petstar.redb"))?;
    let runtime = tokio::runtime::Runtime::new()?;

    let begin = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(fill(store.clone(), JOBS / TASKS))).collect();
        for task in tasks {
            task.await.expect("no task panics")?;
        }
        Ok::<_, Fault>(())
    })?;
    report("enqueued, each durable before its answer, from 64 tasks", begin.elapsed());

    let handlers = Handlers::new().on(&KIND, Handler::new(|_| Ok(Done::new(json!(null)))));
    let begin = Instant::now();
    let sizes = LaneSizes { quick: 32, heavy: 1 };
    let queue = Queue::start(store, || NOW, handlers, sizes, runtime.handle().clone())?;
    loop {
        let figures = queue.figures()?;
        if figures.quick.waiting + figures.quick.running == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    report("claimed and finished on 32 threads", begin.elapsed());
    runtime.block_on(queue.stop(Duration::from_secs(10)));
    Ok(())
}

async fn fill(store: Store, count: usize) -> Result<(), Fault> {
    for _ in 0..count {
        let job = NewJob::new(&KIND, json!({"order": 12_345}), NOW);
        store.write(move |tx| enqueue(tx, job)).await?;
    }
    Ok(())
}

fn report(what: &str, time: Duration) {
    println!("{:>9.0} jobs/s {what}", JOBS as f64 / time.as_secs_f64());
}
