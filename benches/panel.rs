//! How long the pages of the panel take in a shop of many orders, and how long it takes to find some.
//!
//! `cargo bench --bench panel` fills a shop with 100,000 orders; `-- 1000000` with another number of them. It prints the median and the 99th
//! percentile for each page, asked for by one person after the other, at places spread over the whole list.

mod kit;
#[path = "../tests/it/kit/orders.rs"]
mod orders;

use kit::{Client, quantile};
use petstar::kernel::Moment;
use petstar::web::Role;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Pages asked for of each kind.
const ROUNDS: u64 = 300;
/// Between two orders, so that a million of them fill three years.
const SINCE: Moment = Moment(1_767_225_600_000);
const PATIENCE: Duration = Duration::from_secs(1800);

fn main() {
    let count = std::env::args().filter_map(|argument| argument.parse().ok()).next_back().unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(count));
}

async fn run(count: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = kit::shop(folder.path(), &[]).await;
    let token = petstar::people::commands::add_token(&app.shop, "bench", Role::Owner).await.expect("a token");
    let filling = Instant::now();
    let store = app.shop.store().clone();
    tokio::task::spawn_blocking(move || orders::fill(&store, count, SINCE)).await.expect("orders");
    println!("{count} orders stored in {:.0} s", filling.elapsed().as_secs_f64());
    // Only now: a connection that says nothing for minutes is closed.
    let mut owner = Client::of(app.address, &None).await;
    owner.token = Some(token.trim().to_owned());
    let indexing = Instant::now();
    let last = format!("/admin/orders?q=PS-{count:06}");
    while items(&mut owner, &last).await.is_empty() {
        assert!(indexing.elapsed() < PATIENCE, "the last order cannot be found");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("found in the index {:.0} s later", indexing.elapsed().as_secs_f64());

    // Somewhere in the list, without walking there: what follows an order that was found by its number.
    let mut places = Vec::new();
    for step in 1..=20 {
        let number = (count * step / 21).max(1);
        let found = items(&mut owner, &format!("/admin/orders?q=PS-{number:06}")).await;
        places.push(found[0]["id"].as_str().expect("an id").to_owned());
    }
    let place = |round: u64| &places[(round % 20) as usize];
    let number = |round: u64| 1 + round.wrapping_mul(2_654_435_761) % count;
    type Path<'a> = &'a dyn Fn(u64) -> String;
    let pages: [(&str, Path); 18] = [
        ("what needs somebody, and figures", &|_| "/admin".into()),
        ("orders", &|_| "/admin/orders".into()),
        ("orders, further down", &|round| format!("/admin/orders?after={}", place(round))),
        ("orders, 100 of them", &|round| format!("/admin/orders?limit=100&after={}", place(round))),
        ("orders of a state", &|round| format!("/admin/orders?status=shipped&after={}", place(round))),
        ("orders of a week", &|_| "/admin/orders?from=2026-01-10&to=2026-01-17".into()),
        ("one order", &|round| format!("/admin/orders/{}", place(round))),
        ("search: a number", &|round| format!("/admin/orders?q=PS-{:06}", number(round))),
        ("search: an e-mail", &|round| format!("/admin/orders?q=customer{}@example.com", number(round) / 3)),
        ("search: a name", &|_| "/admin/orders?q=%E4%BD%90%E8%97%A4".into()),
        ("search: one character", &|_| "/admin/orders?q=%E7%BE%8E".into()),
        ("search: a typing error", &|_| "/admin/orders?q=chelsae".into()),
        ("print room", &|_| "/admin/print".into()),
        ("jobs", &|_| "/admin/jobs".into()),
        ("mails", &|_| "/admin/mails".into()),
        ("audit", &|_| "/admin/audit".into()),
        ("products", &|_| "/admin/products".into()),
        ("exports", &|_| "/admin/exports".into()),
    ];
    for (name, path) in pages {
        for round in 0..5 {
            owner.ask(&path(round), "text/html").await;
        }
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            let begun = Instant::now();
            owner.ask(&path(round), "text/html").await;
            times.push(begun.elapsed());
        }
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let (half, most) = (millis(quantile(&mut times, 0.5)), millis(quantile(&mut times, 0.99)));
        println!("{name:<34} median {half:>7.2} ms   p99 {most:>7.2} ms");
    }
    app.stop().await;
}

async fn items(owner: &mut Client, path: &str) -> Vec<Value> {
    let list: Value = serde_json::from_slice(&owner.ask(path, "application/json").await).expect("a list");
    list["items"].as_array().expect("items").clone()
}
