//! How long the pages of the panel take in a shop of many orders, and how long it takes to find some.
//!
//! `cargo bench --bench panel` fills a shop with 100,000 orders; `-- 1000000` with another number of them. Half as many entries of the audit
//! log, a twentieth as many mails and a hundredth as many events of Stripe come with them, and 500 pieces wait in the print room. It prints the
//! median and the 99th percentile for each page, asked for by one person after the other, at places spread over the whole list.

mod kit;
#[path = "../tests/it/kit/orders.rs"]
mod orders;

use kit::{Client, quantile};
use petstar::app::App;
use petstar::kernel::{Fault, Lang, Moment};
use petstar::orders::model::{Production, Status};
use petstar::people::audit::{self, Actor, Entry};
use petstar::people::mails::{self, NewMail};
use petstar::shop::Shop;
use petstar::store::WriteTx;
use petstar::stripe::signature;
use petstar::web::Role;
use serde_json::{Value, json};
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
    let filling = Instant::now();
    surround(&app, count).await;
    println!("what comes with orders stored in {:.0} s", filling.elapsed().as_secs_f64());
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
    let mail = items(&mut owner, "/admin/mails").await[0]["id"].as_str().expect("an id").to_owned();
    let event = items(&mut owner, "/admin/stripe-events").await[0]["id"].as_str().expect("an id").to_owned();
    let customer = items(&mut owner, "/admin/customers").await[0]["id"].as_str().expect("an id").to_owned();
    let product = items(&mut owner, "/admin/products").await[0]["id"].as_str().expect("an id").to_owned();
    let ordered = orders::order(1, SINCE).lines[0].product_id;
    type Path<'a> = &'a dyn Fn(u64) -> String;
    let pages: [(&str, Path); 43] = [
        ("what needs somebody, and figures", &|_| "/admin".into()),
        ("orders", &|_| "/admin/orders".into()),
        ("orders, further down", &|round| format!("/admin/orders?after={}", place(round))),
        ("orders, 100 of them", &|round| format!("/admin/orders?limit=100&after={}", place(round))),
        ("orders of a state", &|round| format!("/admin/orders?status=shipped&after={}", place(round))),
        ("orders of a week", &|_| "/admin/orders?from=2026-01-10&to=2026-01-17".into()),
        ("orders of a product", &|round| format!("/admin/orders?product={ordered}&after={}", place(round))),
        ("orders of a product nobody ordered", &|_| format!("/admin/orders?product={product}")),
        ("one order", &|round| format!("/admin/orders/{}", place(round))),
        ("search: a number", &|round| format!("/admin/orders?q=PS-{:06}", number(round))),
        ("search: an e-mail", &|round| format!("/admin/orders?q=customer{}@example.com", number(round) / 3)),
        ("search: a name", &|_| "/admin/orders?q=%E4%BD%90%E8%97%A4".into()),
        ("search: one character", &|_| "/admin/orders?q=%E7%BE%8E".into()),
        ("search: a typing error", &|_| "/admin/orders?q=chelsae".into()),
        ("print room", &|_| "/admin/print".into()),
        ("print room, packed", &|_| "/admin/print?state=packed".into()),
        ("customers", &|_| "/admin/customers".into()),
        ("customers of a name", &|_| "/admin/customers?q=%E4%BD%90%E8%97%A4".into()),
        ("one customer", &|_| format!("/admin/customers/{customer}")),
        ("parcels", &|_| "/admin/parcels".into()),
        ("jobs", &|_| "/admin/jobs".into()),
        ("jobs that are done", &|_| "/admin/jobs?status=completed".into()),
        ("mails", &|_| "/admin/mails".into()),
        ("mails of a kind and a state", &|_| "/admin/mails?kind=order_paid&status=sent".into()),
        ("one mail", &|_| format!("/admin/mails/{mail}")),
        ("audit", &|_| "/admin/audit".into()),
        ("audit of somebody", &|_| "/admin/audit?actor=mika".into()),
        ("audit of two things at once", &|_| "/admin/audit?actor=mika&target_type=product".into()),
        ("audit of a day", &|_| "/admin/audit?from=2026-03-10&to=2026-03-10".into()),
        ("events of Stripe", &|_| "/admin/stripe-events".into()),
        ("one event", &|_| format!("/admin/stripe-events/{event}")),
        ("products", &|_| "/admin/products".into()),
        ("one product", &|_| format!("/admin/products/{product}")),
        ("its layout", &|_| format!("/admin/products/{product}/layout")),
        ("coupons", &|_| "/admin/coupons".into()),
        ("settings", &|_| "/admin/settings".into()),
        ("mail texts", &|_| "/admin/mail-texts".into()),
        ("staff", &|_| "/admin/staff".into()),
        ("tokens", &|_| "/admin/tokens".into()),
        ("backups", &|_| "/admin/backups".into()),
        ("system", &|_| "/admin/system".into()),
        ("Stripe", &|_| "/admin/stripe".into()),
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

/// What a shop of so many orders has besides.
async fn surround(app: &App, count: u64) {
    let shop = &app.shop;
    const AT_ONCE: u64 = 1000;
    for first in (0..count / 2).step_by(AT_ONCE as usize) {
        in_one(shop, first..(first + AT_ONCE).min(count / 2), |tx, _, number| {
            audit::record(tx, entry(number)).map(drop)
        })
        .await;
    }
    for first in (0..count / 20).step_by(AT_ONCE as usize) {
        in_one(shop, first..(first + AT_ONCE).min(count / 20), |tx, shop, number| {
            mails::post(tx, shop, letter(shop, number)).map(drop)
        })
        .await;
    }
    let secret = shop.webhook_secrets()[0].clone();
    let mut stripe = Client::connect(app.address).await;
    for number in 0..count / 100 {
        let body = json!({
            "id": format!("evt_bench{number}"), "object": "event", "type": "customer.created", "created": 1,
            "data": {"object": {"id": "cus_bench", "object": "customer"}},
        });
        let body = body.to_string().into_bytes();
        let signed = signature::sign(&body, &secret, shop.now());
        stripe.signature = Some(signed);
        stripe.json("POST", "/webhooks/stripe", ("application/json", &body)).await;
    }
    in_one(shop, count.saturating_sub(500)..count, |tx, _, number| {
        let mut order = orders::order(number + 1, SINCE);
        order.status = Status::Processing;
        (order.shipped_at, order.delivered_at) = (None, None);
        order.lines.iter_mut().for_each(|line| line.production = Production::ReadyToPrint);
        petstar::orders::table::put(tx, &order)
    })
    .await;
    let patience = Instant::now();
    while shop.queue().figures().expect("figures").quick.waiting > 0 {
        assert!(patience.elapsed() < PATIENCE, "the mails do not go out");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// One commit with something for each of the numbers.
async fn in_one(
    shop: &Shop,
    numbers: std::ops::Range<u64>,
    put: impl Fn(&WriteTx, &Shop, u64) -> Result<(), Fault> + Send + 'static,
) {
    let shop_there = shop.clone();
    let write = shop.store().write(move |tx| numbers.clone().try_for_each(|number| put(tx, &shop_there, number)));
    write.await.expect("stored");
}

fn entry(number: u64) -> Entry {
    let names = ["Mika", "Ken", "Sora", "command line"];
    let kinds = [("order.changed", "order"), ("line.changed", "line"), ("product.changed", "product")];
    let at = |places: usize| (number % places as u64) as usize;
    let (action, target_type) = kinds[at(kinds.len())];
    let before = json!({"status": "paid", "version": number % 7});
    Entry {
        actor: Actor { name: names[at(names.len())].into(), id: None, ip: Some("192.0.2.7".into()) },
        action,
        target_type,
        target_id: orders::order(number + 1, SINCE).id.to_string(),
        before,
        after: json!({"status": "processing", "version": number % 7 + 1}),
        at: SINCE.plus_seconds(i64::try_from(number).expect("few") * 190),
    }
}

fn letter(shop: &Shop, number: u64) -> NewMail {
    NewMail {
        id: shop.new_id(),
        kind: "order_paid",
        key: format!("bench:{number}"),
        to: format!("customer{number}@example.com"),
        lang: Lang::Ja,
        subject: "ご注文ありがとうございます".into(),
        text: "お支払いを確認しました。".repeat(20),
        html: format!("<p>{}</p>", "お支払いを確認しました。".repeat(20)),
        order_id: Some(orders::order(number + 1, SINCE).id.0),
        now: shop.now(),
    }
}
