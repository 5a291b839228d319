//! How fast orders leave the shop as CSV, beside the `sqlite3` shell on the same rows, in one run.
//!
//! `cargo bench --bench exports` makes a store with 100,000 orders; `-- 1000000` another number of them. Figures of one run can be compared,
//! those of two runs cannot. Where there is no `sqlite3` only the shop is measured.

#[path = "../tests/it/kit/orders.rs"]
mod orders;

use petstar::config::{Config, Overrides};
use petstar::exports::model::Filters;
use petstar::exports::{self, Encoding, Kind, Rows, Wish};
use petstar::kernel::Moment;
use petstar::shop::Shop;
use petstar::shop::clock::Clock;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SINCE: Moment = Moment(1_767_225_600_000);
const ROUNDS: usize = 5;

fn main() {
    let count: u64 = std::env::args().filter_map(|argument| argument.parse().ok()).next_back().unwrap_or(100_000);
    let folder = tempfile::tempdir().expect("a folder");
    let overrides = Overrides { listen: None, data_dir: Some(folder.path().join("data")) };
    let config =
        Config::load(Path::new("no such file"), false, std::iter::empty(), &overrides).expect("the defaults are good");
    let shop = Shop::open(config, Clock::System, "petstar".into()).expect("a shop");
    petstar::catalog::start(&shop).expect("the catalogue");
    let filling = Instant::now();
    orders::fill(shop.store(), count, SINCE);
    println!("{count} orders stored in {:.1} s", filling.elapsed().as_secs_f64());

    let file = folder.path().join("orders.csv");
    let whole = |rows| wish(&shop, Kind::Orders, Encoding::Utf8Bom, rows);
    let kinds = [
        ("orders, one row each", whole(Rows::PerOrder)),
        ("orders, one row a line", whole(Rows::PerLine)),
        ("orders in cp932", wish(&shop, Kind::Orders, Encoding::Cp932, Rows::PerOrder)),
        ("customers", wish(&shop, Kind::Customers, Encoding::Utf8Bom, Rows::PerOrder)),
    ];
    let database = folder.path().join("orders.db");
    let columns = load_into_sqlite(&shop, &kinds[0].1, folder.path(), &database);
    for (name, wish) in &kinds {
        let is_first = *name == kinds[0].0;
        let (mut ours, mut theirs, mut rows, mut cells) = (Vec::new(), Vec::new(), 0, 0);
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let out = BufWriter::with_capacity(1 << 18, make(&file));
            rows = exports::write(&shop, wish, out).expect("the file").rows;
            ours.push(begun.elapsed());
            if is_first && let Some(columns) = columns {
                theirs.push(select(&database, &folder.path().join("sqlite.csv"), 0));
                cells = columns;
            }
        }
        let bytes = std::fs::metadata(&file).expect("the file").len();
        let rate = rows as f64 / median(ours).as_secs_f64();
        println!("{name:<24} {rows:>9} rows  {:>6.1} MB  {rate:>9.0} rows/s", bytes as f64 / 1e6);
        if is_first && !theirs.is_empty() {
            let theirs = rows as f64 / median(theirs).as_secs_f64();
            println!(
                "  sqlite3, the same {cells} columns            {theirs:>9.0} rows/s   ours is {:.2} times that",
                rate / theirs
            );
            let narrow = (0..ROUNDS).map(|_| select(&database, &folder.path().join("sqlite.csv"), 20)).collect();
            println!(
                "  sqlite3, 20 of them                     {:>9.0} rows/s",
                rows as f64 / median(narrow).as_secs_f64()
            );
        }
    }
    if let Some(peak) = peak_memory() {
        println!("memory at its highest: {peak}");
    }
}

fn wish(shop: &Shop, kind: Kind, encoding: Encoding, rows: Rows) -> Wish {
    Wish::new(kind, encoding, rows, Filters::default(), &shop.settings()).expect("a wish")
}

fn make(path: &Path) -> File {
    std::fs::OpenOptions::new().create(true).write(true).truncate(true).open(path).expect("a file")
}

/// The same rows in a table of text columns. Gives how many columns there are.
fn load_into_sqlite(shop: &Shop, wish: &Wish, folder: &Path, database: &Path) -> Option<usize> {
    let csv = folder.join("load.csv");
    exports::write(shop, wish, BufWriter::new(make(&csv))).expect("the file");
    // Without the mark, which the shell would take for a part of the first column's name.
    let bytes = std::fs::read(&csv).expect("the file");
    make(&csv).write_all(&bytes[3..]).expect("the file");
    let head = bytes[3..].split(|byte| *byte == b'\r').next().unwrap_or_default();
    let script = format!(".mode csv\n.import {} orders\n", csv.display());
    sqlite(database, &script, Stdio::null())?;
    Some(head.split(|byte| *byte == b',').count())
}

/// How long the shell takes to write all columns, or the first few.
fn select(database: &Path, file: &Path, columns: usize) -> Duration {
    let names = "order_number,status,payment_status,created_at,paid_at,shipped_at,delivered_at,cancelled_at,email,name,postal_code,\
        country,region,city,line1,line2,phone,pieces,items,currency";
    let what = if columns == 0 { "*" } else { names };
    let begun = Instant::now();
    sqlite(database, &format!(".headers on\n.mode csv\nselect {what} from orders;\n"), make(file).into());
    begun.elapsed()
}

fn sqlite(database: &Path, script: &str, out: Stdio) -> Option<()> {
    let mut shell =
        Command::new("sqlite3").arg(database).stdin(Stdio::piped()).stdout(out).stderr(Stdio::null()).spawn().ok()?;
    shell.stdin.take()?.write_all(script.as_bytes()).ok()?;
    shell.wait().ok()?.success().then_some(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().to_owned())
}
