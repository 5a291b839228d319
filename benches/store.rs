//! What a durable write costs beside the bare `fdatasync` of the same disk, in the same run. `cargo bench --bench store`

use petstar::kernel::Fault;
use petstar::store::{Store, Table, WriteTx};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// About what an order with one line is as a row.
#[derive(Serialize, Deserialize)]
struct OrderRow {
    number: u64,
    text: String,
}

const ORDERS: Table<Uuid, OrderRow> = Table::new("bench.orders", 1);
/// Lists that an order stands in: by number, status, customer, e-mail, day.
const LISTS: [Table<(String, Uuid), u64>; 5] = [
    Table::new("bench.by_number", 1),
    Table::new("bench.by_status", 1),
    Table::new("bench.by_customer", 1),
    Table::new("bench.by_email", 1),
    Table::new("bench.by_day", 1),
];

const ROUNDS: usize = 600;
const TASKS: usize = 64;

fn place(tx: &WriteTx, number: u64) -> Result<(), Fault> {
    let id = Uuid::now_v7();
    ORDERS.put(tx, &id, &OrderRow { number, text: "x".repeat(1800) })?;
    LISTS.iter().try_for_each(|list| list.put(tx, &(format!("key {}", number % 97), id), &number))
}

fn main() -> Result<(), Fault> {
    let folder = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let place_of = match &folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let store = Store::open(&place_of.path().join("petstar.redb"))?;
    let raw = raw_syncs(place_of.path())?;
    println!("{:>9.0} a second, p50 {:>7.3} ms   4 KiB in place and fdatasync", raw.rate, raw.p50_ms);

    let one = runtime.block_on(orders(&store, 1, ROUNDS))?;
    let again = raw_syncs(place_of.path())?;
    let sync_ms = (raw.p50_ms + again.p50_ms) / 2.0;
    println!(
        "{:>9.0} a second, p50 {:>7.3} ms   durable orders of one client: {:.1} fdatasyncs each",
        one.rate,
        one.p50_ms,
        one.p50_ms / sync_ms
    );
    let many = runtime.block_on(orders(&store, TASKS, ROUNDS * 16))?;
    println!(
        "{:>9.0} a second, p50 {:>7.3} ms   of {TASKS} clients: {:.1} times the rate of one",
        many.rate,
        many.p50_ms,
        many.rate / one.rate
    );

    store.close()
}

struct Measured {
    rate: f64,
    p50_ms: f64,
}

impl Measured {
    fn of(mut times: Vec<Duration>, all: Duration) -> Measured {
        times.sort_unstable();
        Measured { rate: times.len() as f64 / all.as_secs_f64(), p50_ms: times[times.len() / 2].as_secs_f64() * 1e3 }
    }
}

/// One page written in place and synced, again and again.
#[allow(clippy::disallowed_methods, reason = "this is the bare disk")]
fn raw_syncs(folder: &Path) -> Result<Measured, Fault> {
    let path = folder.join("raw");
    let mut file = File::create(&path)?;
    file.write_all(&vec![0; 1 << 20])?;
    file.sync_all()?;
    let page = [7u8; 4096];
    let started = Instant::now();
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let begin = Instant::now();
        file.write_all_at(&page, (round as u64 % 256) * 4096)?;
        file.sync_data()?;
        times.push(begin.elapsed());
    }
    Ok(Measured::of(times, started.elapsed()))
}

async fn orders(store: &Store, tasks: usize, count: usize) -> Result<Measured, Fault> {
    let started = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let store = store.clone();
            let share = count / tasks;
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(share);
                for number in 0..share {
                    let begin = Instant::now();
                    store.write(move |tx| place(tx, (task * share + number) as u64)).await?;
                    times.push(begin.elapsed());
                }
                Ok::<_, Fault>(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.map_err(|error| Fault::bug(error.to_string()))??);
    }
    Ok(Measured::of(times, started.elapsed()))
}
