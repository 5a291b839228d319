//! `petstar check` finds each kind of damage, and repairs what can be made again from what is there.

use crate::kit::program::run;
use crate::kit::{Folder, TestShop};
use petstar::app::check;
use petstar::designs;
use petstar::shop::Shop;
use petstar::store::{Digest, Index, Key, Table};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

static ORDERS: Table<Uuid, Value> = Table::new("orders", 1);
static DESIGNS: Table<Uuid, Value> = Table::new("designs", 1);
static AUDIT: Table<u64, Value> = Table::new("people.audit", 1);
static MAILS: Table<Uuid, Value> = Table::new("people.mails", 1);
static MAILS_BY_KEY: Table<String, Value> = Table::new("people.mails.by_key", 1);
static JOBS: Table<Uuid, Value> = Table::new("jobs", 1);
static EVENTS: Table<String, Value> = Table::new("payments.events", 1);
static ATTEMPTS: Table<(Uuid, u32), Value> = Table::new("payments.attempts", 1);
static HISTORY: Table<(Uuid, u64), Value> = Table::new("orders.history", 1);
static BY_NUMBER: Table<String, Value> = Table::new("orders.by_number", 1);
static FILES: Index<(Digest, Uuid)> = Index::new("designs.files");

/// What is found in the rows and files as they are now.
fn found(shop: &Shop) -> Vec<String> {
    let tx = shop.store().read().unwrap();
    check::rows(&tx, &|blob| shop.blobs().verify(blob).is_ok()).unwrap()
}

#[track_caller]
fn tells(shop: &Shop, words: &str) {
    let found = found(shop);
    assert!(found.iter().any(|line| line.contains(words)), "nothing about “{words}” in {found:?}");
}

/// Changes a row, looks for the words, and puts the row back.
#[track_caller]
fn damaged<K: Key + Clone + Send + 'static>(
    shop: &Shop,
    table: &'static Table<K, Value>,
    key: &K,
    words: &str,
    change: impl FnOnce(&mut Value),
) {
    let row = table.get(&shop.store().read().unwrap(), key).unwrap().expect("the row is there");
    let mut hurt = row.clone();
    change(&mut hurt);
    assert_ne!(hurt, row, "the damage changes something");
    for (row, words) in [(hurt, Some(words)), (row, None)] {
        let key = key.clone();
        shop.store().write_blocking(move |tx| table.put(tx, &key, &row)).unwrap();
        match words {
            Some(words) => tells(shop, words),
            None => assert_eq!(found(shop), Vec::<String>::new()),
        }
    }
}

fn id(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_damage_is_found() {
    let running = TestShop::start().await;
    let customer = running.visitor();
    let order = running.paid_order(&customer).await;
    let (order_id, design_id) = (id(&order["id"]), id(&order["lines"][0]["design_id"]));
    running.design_in(&customer, &design_id.to_string(), "ready").await;
    let staff = running.staff(petstar::web::Role::Owner).await;
    running
        .until("all jobs to be done", async || {
            let ready = running.visitor().get("/metrics").await.text();
            let waiting = ready.lines().filter(|line| line.starts_with("petstar_jobs_waiting{"));
            let jobs = staff.get("/admin/jobs?status=processing").await.ok();
            (waiting.clone().count() == 2
                && waiting.clone().all(|line| line.ends_with(" 0"))
                && jobs["items"].as_array().unwrap().is_empty())
            .then_some(())
        })
        .await;
    let shop = running.shop().clone();
    assert_eq!(found(&shop), Vec::<String>::new());
    let tx = shop.store().read().unwrap();
    let mail = MAILS.first(&tx).unwrap().unwrap().0;
    let job = JOBS.first(&tx).unwrap().unwrap().0;
    let event = EVENTS
        .range(&tx, .., petstar::store::Order::Rising, 100)
        .unwrap()
        .into_iter()
        .find(|(_, row)| row["outcome"] == "settled")
        .unwrap()
        .0;
    let attempt = ATTEMPTS.first(&tx).unwrap().unwrap().0;
    drop(tx);
    let other = json!(Uuid::now_v7());

    damaged(&shop, &ORDERS, &order_id, "the amount says", |row| row["totals"]["amount"] = json!(1));
    damaged(&shop, &ORDERS, &order_id, "was given back", |row| row["amount_refunded"] = json!(5));
    damaged(&shop, &ORDERS, &order_id, "nobody knows since when", |row| row["paid_at"] = Value::Null);
    damaged(&shop, &ORDERS, &order_id, "is to be printed", |row| row["lines"][0]["frozen"] = Value::Null);
    damaged(&shop, &ORDERS, &order_id, "its design", |row| row["lines"][0]["design_id"] = other.clone());
    damaged(&shop, &ORDERS, &order_id, "orders.by_status does not fit", |row| row["status"] = json!("shipped"));
    damaged(&shop, &DESIGNS, &design_id, "a variant that does not exist", |row| row["variant_id"] = other.clone());
    damaged(&shop, &DESIGNS, &design_id, "a product that does not exist", |row| row["product_id"] = other.clone());
    damaged(&shop, &DESIGNS, &design_id, "has no print file", |row| row["final_picture"] = Value::Null);
    damaged(&shop, &DESIGNS, &design_id, "no job will do it", |row| row["status"] = json!("queued"));
    damaged(&shop, &DESIGNS, &design_id, "a photo that does not exist", |row| {
        row["params"]["another"] = json!({"photo_id": other});
    });
    damaged(&shop, &AUDIT, &1, "audit log was changed", |row| row["action"] = json!("nothing.happened"));
    damaged(&shop, &MAILS, &mail, "no job will send it", |row| row["state"] = json!("queued"));
    damaged(&shop, &JOBS, &job, "due time does not fit", |row| row["status"] = json!("queued"));
    damaged(&shop, &EVENTS, &event, "is not what came", |row| row["body"] = json!("{}"));
    damaged(&shop, &EVENTS, &event, "no job works on it", |row| row["outcome"] = json!("waiting"));
    damaged(&shop, &EVENTS, &event, "its order does not exist", |row| row["order"] = other.clone());
    damaged(&shop, &ATTEMPTS, &attempt, "never asked for", |row| row["new_session"]["amount"]["minor"] = json!(1));

    // Files, missing and changed by one byte.
    let mut files = Vec::new();
    designs::each_file(&shop.store().read().unwrap(), |_, blob| {
        files.push(*blob);
        Ok(())
    })
    .unwrap();
    assert!(files.len() >= 4, "photo, proxy, preview, print: {files:?}");
    for blob in files {
        let path = shop.blobs().path(&blob.sha256);
        let whole = std::fs::read(&path).unwrap();
        let mut hurt = whole.clone();
        hurt[whole.len() / 2] ^= 1;
        std::fs::write(&path, hurt).unwrap();
        tells(&shop, "missing or changed");
        std::fs::remove_file(&path).unwrap();
        tells(&shop, "missing or changed");
        std::fs::write(&path, whole).unwrap();
    }
    assert_eq!(found(&shop), Vec::<String>::new());

    // History cannot be put back by a rule, so it comes last.
    shop.store()
        .write_blocking(move |tx| {
            for (key, _) in HISTORY.prefix(tx, &order_id, None, petstar::store::Order::Rising, 100)? {
                HISTORY.remove(tx, &key)?;
            }
            Ok::<_, petstar::kernel::Fault>(())
        })
        .unwrap();
    tells(&shop, "its history is empty");
    running.app.stop().await;
}

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_from_rows_is_repaired_and_nothing_else() {
    let running = TestShop::start().await;
    let customer = running.visitor();
    let order = running.paid_order(&customer).await;
    let design = order["lines"][0]["design_id"].as_str().unwrap().to_owned();
    running.design_in(&customer, &design, "ready").await;
    let shop = running.shop().clone();
    let number = order["order_number"].as_str().unwrap().to_owned();
    shop.store()
        .write_blocking(move |tx| {
            BY_NUMBER.remove(tx, &number)?;
            BY_NUMBER.put(tx, &"PS-999999".into(), &json!(Uuid::now_v7()))?;
            let (key, _) = MAILS_BY_KEY.first(tx)?.expect("a mail");
            MAILS_BY_KEY.remove(tx, &key)?;
            for key in FILES.range(tx, .., petstar::store::Order::Rising, 100)? {
                FILES.remove(tx, &key)?;
            }
            Ok::<_, petstar::kernel::Fault>(())
        })
        .unwrap();
    let loose = shop.blobs().put(b"nobody's").unwrap();
    let old = shop.blobs().path(&loose.sha256);
    let young = shop.blobs().put(b"somebody's in a moment").unwrap();
    let young = shop.blobs().path(&young.sha256);
    std::fs::File::options()
        .write(true)
        .open(&old)
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(3 * 86_400))
        .unwrap();
    let TestShop { app, folder, .. } = running;
    app.stop().await;
    drop(shop);

    let wrong = run(&folder, &["check"], "");
    assert_eq!(wrong.status.code(), Some(1));
    for words in ["orders.by_number does not fit its rows: 1 entries are missing, 1 too many", "not listed as such"] {
        assert!(text(&wrong).contains(words), "{}", text(&wrong));
    }
    let repaired = run(&folder, &["check", "--repair"], "");
    assert_eq!(repaired.status.code(), Some(0), "{}", text(&repaired));
    assert!(text(&repaired).contains("Repaired:"), "{}", text(&repaired));
    assert!(!old.exists() && young.exists(), "only files older than a day are swept");
    let again = run(&folder, &["check", "--repair"], "");
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    assert!(text(&again).contains("Nothing was there"), "{}", text(&again));
    can_still_be_used(folder).await;
}

async fn can_still_be_used(folder: Folder) {
    let clock = petstar::shop::clock::Clock::fixed(crate::kit::START);
    let shop = TestShop::start_on(folder, clock, &[]).await;
    shop.paid_order(&shop.visitor()).await;
    shop.app.stop().await;
}
