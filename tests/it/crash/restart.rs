//! After kill −9 the first page comes within two seconds, also in a shop with many orders.

use crate::kit::program::{Program, run};
use crate::kit::{Folder, TestShop, Visitor};
use petstar::kernel::Fault;
use petstar::store::{Order, Store, Table};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// As many as a test may wait for; `PETSTAR_TEST_ORDERS=100000` tries a large shop.
const ORDERS: usize = 4_000;
const LIMIT: Duration = Duration::from_secs(2);
const BATCH: usize = 1_000;

static ROWS: Table<Uuid, Value> = Table::new("orders", 1);
static MAILS: Table<Uuid, Value> = Table::new("people.mails", 1);
static HISTORY: Table<(Uuid, u64), Value> = Table::new("orders.history", 1);

/// Copies the one order of the shop, each copy with a name and a number of its own. What follows from the rows is made by `--repair`.
fn multiply(folder: &Folder, count: usize) {
    let store = Store::open(&folder.data().join("petstar.redb")).unwrap();
    let tx = store.read().unwrap();
    let (original, row) = ROWS.first(&tx).unwrap().expect("an order");
    let history = HISTORY.prefix(&tx, &original, None, Order::Rising, 100).unwrap();
    let mut mails = MAILS.range(&tx, .., Order::Rising, usize::MAX).unwrap();
    mails.retain(|(_, mail)| mail["order_id"] == json!(original));
    drop(tx);
    for first in (0..count).step_by(BATCH) {
        let (row, history, mails) = (row.clone(), history.clone(), mails.clone());
        store
            .write_blocking(move |tx| {
                for number in first..(first + BATCH).min(count) {
                    let id = Uuid::now_v7();
                    let mut row = row.clone();
                    row["id"] = json!(id);
                    row["order_number"] = json!(format!("PS-{:06}", 100_000 + number));
                    // Money taken by hand has no page at Stripe.
                    row["stripe_checkout_session_id"] = Value::Null;
                    row["stripe_payment_intent_id"] = Value::Null;
                    ROWS.put(tx, &id, &row)?;
                    for ((_, at), entry) in &history {
                        HISTORY.put(tx, &(id, *at), entry)?;
                    }
                    for (_, mail) in &mails {
                        let mail_id = Uuid::now_v7();
                        let mut mail = mail.clone();
                        let key =
                            mail["key"].as_str().unwrap_or_default().replace(&original.to_string(), &id.to_string());
                        (mail["id"], mail["order_id"], mail["key"]) = (json!(mail_id), json!(id), json!(key));
                        MAILS.put(tx, &mail_id, &mail)?;
                    }
                }
                Ok::<_, Fault>(())
            })
            .unwrap();
    }
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_comes_soon_after_a_kill() {
    let count = std::env::var("PETSTAR_TEST_ORDERS").ok().and_then(|text| text.parse().ok()).unwrap_or(ORDERS);
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let order = shop.paid_order(&customer).await;
    shop.design_in(&customer, order["lines"][0]["design_id"].as_str().unwrap(), "ready").await;
    let TestShop { app, folder, .. } = shop;
    app.stop().await;
    multiply(&folder, count);
    let repaired = run(&folder, &["check", "--repair"], "");
    assert_eq!(repaired.status.code(), Some(0), "{}", String::from_utf8_lossy(&repaired.stdout));
    let megabytes = std::fs::metadata(folder.data().join("petstar.redb")).unwrap().len() >> 20;

    let mut best = Duration::MAX;
    let mut program = Program::start(&folder);
    for _ in 0..3 {
        let visitor = Visitor::new(program.url.clone());
        let tag = visitor.get("/products/round-tag").await.ok();
        visitor.post("/designs", &json!({"product_id": tag["id"]})).await.ok();
        program.kill();
        let started = Instant::now();
        program = Program::start(&folder);
        assert_eq!(Visitor::new(program.url.clone()).browsing().get("/").await.status, 200);
        best = best.min(started.elapsed());
    }
    println!("{count} orders, {megabytes} MiB: the first page after a kill came within {best:?}");
    assert!(best < LIMIT, "the first page took {best:?}");
    assert_eq!(program.stop(), Some(0));
}
