//! How long a shop of many orders takes from its start after kill −9 to its first page.
//!
//! `cargo bench --bench restart` fills a folder with 100,000 orders; `-- 1000000` with another number of them. The shop is killed in the
//! middle of writes, seven times; the median and the longest of the starts are printed, beside those of an empty shop.

mod kit;
#[path = "../tests/it/kit/orders.rs"]
mod orders;

use kit::{Client, quantile};
use petstar::kernel::Moment;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const ROUNDS: usize = 7;
const SINCE: Moment = Moment(1_767_225_600_000);
const JSON: &str = "application/json";
/// How long the shop writes before it is killed.
const AT_WORK: Duration = Duration::from_millis(300);

fn main() {
    let count = std::env::args().filter_map(|argument| argument.parse().ok()).next_back().unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(count));
}

async fn run(count: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    tell("no orders", folder.path(), starts(folder.path()).await);
    let app = kit::shop(folder.path(), &[]).await;
    let store = app.shop.store().clone();
    tokio::task::spawn_blocking(move || orders::fill(&store, count, SINCE)).await.expect("orders");
    app.stop().await;
    tell(&format!("{count} orders"), folder.path(), starts(folder.path()).await);
}

fn tell(what: &str, folder: &Path, mut times: Vec<Duration>) {
    let megabytes = std::fs::metadata(folder.join("data/petstar.redb")).expect("a database").len() >> 20;
    let (half, most) = (quantile(&mut times, 0.5), quantile(&mut times, 1.0));
    println!("{what:<16} {megabytes:>5} MiB   first page after kill -9: median {half:.0?}, longest {most:.0?}");
}

async fn starts(folder: &Path) -> Vec<Duration> {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a free port");
    let mut times = Vec::new();
    // The first start is not after a kill.
    for round in 0..=ROUNDS {
        let begun = Instant::now();
        let mut shop = start(folder, address);
        let mut client = first_page(address).await;
        if round > 0 {
            times.push(begun.elapsed());
        }
        let writing = tokio::spawn(async move {
            let tag: Value = serde_json::from_slice(&client.ask("/products/round-tag", JSON).await).expect("a product");
            let wish = json!({"product_id": tag["id"]}).to_string();
            loop {
                client.json("POST", "/designs", (JSON, wish.as_bytes())).await;
            }
        });
        tokio::time::sleep(AT_WORK).await;
        writing.abort();
        shop.kill().and_then(|()| shop.wait()).expect("killed");
    }
    times
}

fn start(folder: &Path, address: SocketAddr) -> Child {
    Command::new(env!("CARGO_BIN_EXE_petstar"))
        .args(["serve", "--listen", &address.to_string(), "--data"])
        .arg(folder.join("data"))
        .current_dir(folder)
        .env("PETSTAR_LIMITS__WRITE", "1000000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

async fn first_page(address: SocketAddr) -> Client {
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let mut client = Client::of(address, &None).await;
    client.ask("/", "text/html").await;
    client
}
