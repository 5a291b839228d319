//! `petstar check` reads on behind a row that cannot be read, and `--repair` gives work a job again whose job is gone.

use crate::kit::program::run;
use crate::kit::{Folder, START, TestShop};
use petstar::shop::clock::Clock;
use petstar::store::{Order, Store, Table};
use serde_json::{Value, json};
use std::process::Output;
use uuid::Uuid;

static ORDERS: Table<Uuid, Value> = Table::new("orders", 1);
static DESIGNS: Table<Uuid, Value> = Table::new("designs", 1);
static MAILS: Table<Uuid, Value> = Table::new("people.mails", 1);
static EVENTS: Table<String, Value> = Table::new("payments.events", 1);

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The folder of a shop with one paid order, all done, and the order's design.
async fn a_day() -> (Folder, String) {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let order = shop.paid_order(&customer).await;
    let design = order["lines"][0]["design_id"].as_str().unwrap().to_owned();
    shop.design_in(&customer, &design, "ready").await;
    shop.until("the mails", async || {
        let figures = shop.shop().queue().figures().unwrap();
        (figures.quick.waiting + figures.quick.running == 0).then_some(())
    })
    .await;
    let TestShop { app, folder, .. } = shop;
    app.stop().await;
    (folder, design)
}

fn change(folder: &Folder, work: impl FnOnce(&petstar::store::WriteTx) + Send + 'static) {
    let store = Store::open(&folder.data().join("petstar.redb")).unwrap();
    store
        .write_blocking(|tx| {
            work(tx);
            Ok::<_, petstar::kernel::Fault>(())
        })
        .unwrap();
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn work_whose_job_is_gone_gets_one_again() {
    let (folder, design) = a_day().await;
    let design: Uuid = design.parse().unwrap();
    change(&folder, move |tx| {
        let (mail, mut row) = MAILS.first(tx).unwrap().unwrap();
        (row["state"], row["job_id"]) = (json!("queued"), json!(Uuid::now_v7()));
        MAILS.put(tx, &mail, &row).unwrap();
        let mut row = DESIGNS.get(tx, &design).unwrap().unwrap();
        (row["status"], row["job"]) = (json!("queued"), json!(Uuid::now_v7()));
        DESIGNS.put(tx, &design, &row).unwrap();
        let events = EVENTS.range(tx, .., Order::Rising, 100).unwrap();
        let (event, mut row) = events.into_iter().find(|(_, row)| row["outcome"] == "settled").unwrap();
        row["outcome"] = json!("waiting");
        EVENTS.put(tx, &event, &row).unwrap();
        // The jobs that once did it have long been forgotten.
        petstar::queue::forget_settled(tx, START.plus_days(99), 1000).unwrap();
    });
    let before = run(&folder, &["check"], "");
    assert_eq!(before.status.code(), Some(1));
    for words in ["no job will send it", "no job will do it", "no job works on it"] {
        assert!(told(&before).contains(words), "{}", told(&before));
    }
    let repaired = run(&folder, &["check", "--repair"], "");
    assert_eq!(repaired.status.code(), Some(0), "{}", told(&repaired));
    for words in ["1 mails that waited", "1 designs that waited", "1 events of Stripe that waited"] {
        assert!(told(&repaired).contains(words), "{}", told(&repaired));
    }
    let file = folder.path().join("orders.csv");
    let written = run(&folder, &["export", "orders", "-o", file.to_str().unwrap()], "");
    assert_eq!(written.status.code(), Some(0), "{}", told(&written));
    let shop = TestShop::start_on(folder, Clock::fixed(START.plus_days(1)), &[]).await;
    // Both were done by whoever may use the command line, and are written down.
    let entries = petstar::people::audit::list(&shop.shop().store().read().unwrap(), None, 2).unwrap();
    let done: Vec<_> = entries.iter().map(|row| (row.actor.as_str(), row.action.as_str())).collect();
    assert_eq!(done, [("command line", "export.written"), ("command line", "shop.repaired")]);
    shop.until("the work to be done", async || {
        let tx = shop.shop().store().read().unwrap();
        let mails = MAILS.range(&tx, .., Order::Rising, 100).unwrap();
        let events = EVENTS.range(&tx, .., Order::Rising, 100).unwrap();
        let is_done = mails.iter().all(|(_, row)| row["state"] == "sent")
            && events.iter().all(|(_, row)| row["outcome"] != "waiting")
            && DESIGNS.get(&tx, &design).unwrap().unwrap()["status"] == "ready";
        is_done.then_some(())
    })
    .await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_does_not_hide_the_rest() {
    let (folder, design) = a_day().await;
    let design: Uuid = design.parse().unwrap();
    change(&folder, move |tx| {
        ORDERS.put(tx, &Uuid::nil(), &json!({"id": 1})).unwrap();
        let mut row = DESIGNS.get(tx, &design).unwrap().unwrap();
        row["final_picture"] = Value::Null;
        DESIGNS.put(tx, &design, &row).unwrap();
    });
    let found = run(&folder, &["check"], "");
    assert_eq!(found.status.code(), Some(1));
    let found = told(&found);
    let unreadable = format!("a row of orders ({}) cannot be read", "0".repeat(32));
    for words in [unreadable.as_str(), "is ready, but has no print file", "The audit log is unbroken"] {
        assert!(found.contains(words), "{words} in {found}");
    }
}
