//! What must be true after a crash, whatever it cut off.

use super::mix::Ledger;
use super::town::Town;
use crate::kit::program::run;
use crate::kit::{Folder, Visitor};
use petstar::store::{Order, Store, Table};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use uuid::Uuid;

static MAILS: Table<Uuid, Value> = Table::new("people.mails", 1);
static EVENTS: Table<String, Value> = Table::new("payments.events", 1);

/// An attempt that a busy machine made fail is begun again after pauses that add up to minutes.
const PATIENCE: Duration = Duration::from_secs(300);

/// The invariants of the data folder, by the shop's own command.
#[track_caller]
pub fn folder_is_whole(folder: &Folder, when: &str) {
    let check = run(folder, &["check"], "");
    let told = String::from_utf8_lossy(&check.stdout);
    assert_eq!(check.status.code(), Some(0), "{when}: {told}{}", String::from_utf8_lossy(&check.stderr));
}

/// Waits until nothing is left to do.
pub async fn settled(town: &Town, staff: &Visitor) {
    let started = Instant::now();
    loop {
        let figures = staff.get("/metrics").await.text();
        let waiting: Vec<_> = figures.lines().filter(|line| line.starts_with("petstar_jobs_waiting{")).collect();
        assert_eq!(waiting.len(), 2, "{figures}");
        let idle = waiting.iter().all(|line| line.ends_with(" 0"));
        if idle && staff.get("/admin/jobs?status=processing").await.ok()["items"] == Value::Array(Vec::new()) {
            let open = unpaid_but_paid_for(town, staff).await;
            let (given, told) = given_back(town, staff).await;
            if open.is_empty() && given == told {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "paid at Stripe, but not here: {open:?}; {given} given back, {told} told"
            );
        }
        if started.elapsed() > PATIENCE {
            let waiting = staff.get("/admin/jobs?status=queued&limit=100").await.text();
            panic!("jobs are stuck: {waiting}{}", staff.get("/admin/jobs?status=processing&limit=100").await.text());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn unpaid_but_paid_for(town: &Town, staff: &Visitor) -> Vec<String> {
    let mut open = Vec::new();
    for (order, _) in paid_at_stripe(town) {
        let found = staff.get(&format!("/admin/orders/{order}")).await;
        if found.status != 200 || found.json()["paid_at"].is_null() {
            open.push(order);
        }
    }
    open
}

/// What Stripe gave back in all, and what the orders say of it.
async fn given_back(town: &Town, staff: &Visitor) -> (i64, i64) {
    let amount = |value: &Value, field: &str| value[field].as_i64().expect("an amount");
    let given = town.stripe().refunds.values().map(|refund| amount(refund, "amount")).sum();
    let told = all_orders(staff).await.values().map(|order| amount(order, "amount_refunded")).sum();
    (given, told)
}

/// Order, and what was paid for it. One order is paid once.
fn paid_at_stripe(town: &Town) -> BTreeMap<String, (i64, String)> {
    let mut paid = BTreeMap::new();
    for session in town.stripe().sessions.values().filter(|session| session["payment_status"] == "paid") {
        let order = session["client_reference_id"].as_str().expect("an order").to_owned();
        let amount = session["amount_total"].as_i64().expect("an amount");
        let currency = session["currency"].as_str().expect("a currency").to_ascii_uppercase();
        assert_eq!(paid.insert(order.clone(), (amount, currency)), None, "{order} was paid twice");
    }
    paid
}

/// All orders as staff see them, by id.
pub async fn all_orders(staff: &Visitor) -> BTreeMap<String, Value> {
    let (mut orders, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = staff.get(&format!("/admin/orders?limit=100&after={after}")).await.ok();
        for order in page["items"].as_array().unwrap() {
            orders.insert(order["id"].as_str().unwrap().to_owned(), order.clone());
        }
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return orders,
        }
    }
}

/// Paid are exactly the orders that Stripe says are paid, for exactly that money.
pub async fn money_is_right(town: &Town, staff: &Visitor) -> BTreeMap<String, Value> {
    let orders = all_orders(staff).await;
    let truth = paid_at_stripe(town);
    let mut paid = BTreeMap::new();
    for (id, order) in orders.iter().filter(|(_, order)| !order["paid_at"].is_null()) {
        let amount = order["amount"].as_i64().unwrap();
        assert!(order["amount_refunded"].as_i64().unwrap() <= amount, "{order}");
        paid.insert(id.clone(), (amount, order["currency"].as_str().unwrap().to_owned()));
    }
    assert_eq!(paid, truth);
    orders
}

/// Everything somebody was told is so.
pub async fn nothing_acknowledged_is_lost(
    town: &Town,
    ledger: &mut Ledger,
    staff: &Visitor,
    orders: &BTreeMap<String, Value>,
) {
    let as_customer = |session: &str| {
        Visitor::new(format!("http://{}", town.address)).with_header("cookie", &format!("petstar_session={session}"))
    };
    for (id, design) in &ledger.designs {
        let found = as_customer(&design.session).get(&format!("/designs/{id}")).await.ok();
        assert!(design.crc32.as_ref().is_none_or(|crc32| found["params_crc32"] == **crc32), "{found}");
    }
    for (session, path) in &ledger.photos {
        assert_eq!(as_customer(session).get(path).await.status, 200, "{path}");
    }
    for (id, ordered) in &ledger.orders {
        assert_eq!(orders[id]["amount"], ordered.amount);
        assert_eq!(as_customer(&ordered.session).get(&format!("/orders/{id}")).await.ok()["id"], *id);
    }
    for (order, note) in &ledger.notes {
        let page = staff.get(&format!("/admin/orders/{order}")).await.ok();
        assert!(page["staff_notes"].to_string().contains(note.as_str()), "{note}: {page}");
    }
    for (order, refund) in &ledger.refunds {
        let list = staff.get(&format!("/admin/orders/{order}/refunds")).await.ok();
        let kept = list["items"].as_array().unwrap().iter().find(|kept| kept["id"] == **refund);
        assert_eq!(kept.unwrap_or_else(|| panic!("{refund} is lost: {list}"))["status"], "succeeded", "{list}");
    }
    for path in &ledger.exports {
        let export = staff.get(path).await.ok();
        assert_eq!(export["status"], "completed", "{export}");
        let file = staff.get(export["file_url"].as_str().expect("an address")).await;
        assert_eq!((file.status, Some(file.body.len() as u64)), (200, export["bytes"].as_u64()), "{export}");
    }
    // Asked for again under the same key, an order is the one it was, or is made now, once.
    for (key, (session, body, told)) in &mut ledger.asked {
        let again = as_customer(session).with_header("idempotency-key", key).post("/orders", body).await.ok();
        let id = again["id"].as_str().unwrap().to_owned();
        assert!(told.as_ref().is_none_or(|told| *told == id), "{key}: {told:?} became {id}");
        ledger.orders.entry(id.clone()).or_insert_with(|| super::mix::Ordered {
            session: session.clone(),
            amount: again["amount"].as_i64().unwrap(),
        });
        *told = Some(id);
    }
}

/// What was made is what was asked for.
pub fn one_order_for_each_key(ledger: &Ledger, orders: &BTreeMap<String, Value>) {
    let told: BTreeSet<_> = ledger.asked.values().filter_map(|(_, _, id)| id.as_ref()).collect();
    let made: BTreeSet<_> = orders.keys().collect();
    assert_eq!(made, told, "one order for each key, and none besides");
}

/// Read from the closed database: every webhook that was answered is stored, and every mail went out once, or twice under one name.
pub fn letters_and_events(folder: &Folder, town: &Town) {
    let store = Store::open(&folder.data().join("petstar.redb")).expect("a database");
    let tx = store.read().unwrap();
    let stored: BTreeSet<String> =
        EVENTS.range(&tx, .., Order::Rising, usize::MAX).unwrap().into_iter().map(|(id, _)| id).collect();
    let lost: Vec<_> = town.stripe().delivered.difference(&stored).cloned().collect();
    assert!(lost.is_empty(), "answered, but not stored: {lost:?}");
    let taken = town.post.taken();
    let twice = taken.iter().filter(|(_, count)| **count > 2).collect::<Vec<_>>();
    assert!(twice.is_empty(), "handed over more than twice: {twice:?}");
    let mut known = BTreeSet::new();
    for (_, mail) in MAILS.range(&tx, .., Order::Rising, usize::MAX).unwrap() {
        let id = mail["message_id"].as_str().unwrap().to_owned();
        let count = taken.get(&id).copied().unwrap_or(0);
        match mail["state"].as_str().unwrap() {
            "sent" => assert!(count >= 1, "{mail}"),
            "uncertain" => assert_eq!(mail["unknown"], 2, "{mail}"),
            other => panic!("a mail is {other}: {mail}"),
        }
        known.insert(id);
    }
    let strange: Vec<_> = taken.keys().filter(|id| !known.contains(*id)).collect();
    assert!(strange.is_empty(), "mails without a row: {strange:?}");
    drop(tx);
    store.close().unwrap();
}
