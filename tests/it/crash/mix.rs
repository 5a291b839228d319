//! Everything a shop does in a day, at once and until the program dies; and what was acknowledged meanwhile.

use super::dice::Dice;
use super::town::Town;
use crate::kit::{Visitor, order_body, photo};
use petstar::stripe::sandbox::Action;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What somebody was told, and so must be true for ever.
#[derive(Default)]
pub struct Ledger {
    pub designs: BTreeMap<String, Design>,
    /// Session and path of every photo.
    pub photos: Vec<(String, String)>,
    pub orders: BTreeMap<String, Ordered>,
    /// Every order that was asked for, by its key: whose session, in which words, and the id that was told, if it was.
    pub asked: BTreeMap<String, (String, Value, Option<String>)>,
    /// Addresses of exports that were begun.
    pub exports: Vec<String>,
    /// Order and id of every refund.
    pub refunds: Vec<(String, String)>,
    /// Notes of staff on orders.
    pub notes: BTreeSet<(String, String)>,
}

pub struct Design {
    pub session: String,
    /// Of the params that were acknowledged; nothing while others are under way.
    pub crc32: Option<String>,
}

pub struct Ordered {
    pub session: String,
    pub amount: i64,
}

#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    pub fn open(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A customer who orders one tag after the other. `None` when the program is gone.
pub async fn customer(town: Arc<Town>, ledger: Shared, mut dice: Dice, name: String) -> Option<()> {
    let visitor = Visitor::new(format!("http://{}", town.address));
    for number in 0.. {
        let tag = visitor.try_get("/products/round-tag").await?.ok();
        let made = visitor.try_post("/designs", &json!({"product_id": tag["id"]})).await?.ok();
        let session = visitor.cookie("petstar_session").expect("a session");
        let id = text(&made["id"]);
        let crc32 = Some(text(&made["params_crc32"]));
        ledger.open().designs.insert(id.clone(), Design { session: session.clone(), crc32 });
        if dice.below(3) == 0 {
            let path = format!("/designs/{id}/photos");
            let photo = visitor.try_upload(&path, "cat.jpg", "image/jpeg", &photo()).await?.ok();
            ledger.open().photos.push((session.clone(), format!("{path}/{}", text(&photo["id"]))));
        }
        let params = json!({"name": format!("{name} {number}"), "phone": "090-1234-5678"});
        ledger.open().designs.get_mut(&id)?.crc32 = None;
        let saved = visitor.try_put(&format!("/designs/{id}"), &json!({"params": params})).await?.ok();
        ledger.open().designs.get_mut(&id)?.crc32 = Some(text(&saved["params_crc32"]));

        let key = format!("{name}-{number}");
        let body = order_body(&saved);
        ledger.open().asked.insert(key.clone(), (session.clone(), body.clone(), None));
        let order = visitor.clone().with_header("idempotency-key", &key).try_post("/orders", &body).await?.ok();
        let order_id = text(&order["id"]);
        {
            let mut ledger = ledger.open();
            ledger.asked.get_mut(&key)?.2 = Some(order_id.clone());
            let amount = order["amount"].as_i64().expect("an amount");
            ledger.orders.insert(order_id.clone(), Ordered { session: session.clone(), amount });
        }
        let checkout = visitor.try_post(&format!("/orders/{order_id}/checkout"), &json!({})).await?.ok();
        let page = text(&checkout["order"]["stripe_checkout_session_id"]);
        let deeds: &[Action] = match dice.below(10) {
            0 => &[Action::Decline, Action::Pay],
            1 => &[Action::Konbini],
            2 => &[Action::Konbini, Action::KonbiniPaid],
            3 => &[Action::Leave],
            _ => &[Action::Pay],
        };
        for deed in deeds {
            let (town, page, deed) = (town.clone(), page.clone(), *deed);
            tokio::task::spawn_blocking(move || town.sandbox.act(&page, deed)).await.ok()?.expect("an open page");
        }
        visitor.try_get(&format!("/orders/{order_id}/return")).await?;
        visitor.try_get(&format!("/orders/{order_id}")).await?.ok();
        // A long life must not end with minutes of prints to make.
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    Some(())
}

/// Somebody in the panel: notes on orders, a product on and off the shelf (which writes the search index), backups, exports, refunds.
pub async fn staff(town: Arc<Town>, ledger: Shared, token: String, round: u64) -> Option<()> {
    let visitor = Visitor::new(format!("http://{}", town.address)).with_token(&token);
    let products = visitor.try_get("/admin/products").await?.ok();
    let shelf = products["items"].as_array()?.iter().find(|product| product["slug"] == "phone-case")?.clone();
    let path = format!("/admin/products/{}", text(&shelf["id"]));
    for number in 0.. {
        let status = if number % 2 == 0 { "archived" } else { "active" };
        visitor.try_put(&path, &json!({"status": status})).await?.ok();
        let order = ledger.open().orders.keys().last().cloned();
        if let Some(order) = order {
            let note = format!("note {round}-{number}");
            visitor.try_put(&format!("/admin/orders/{order}"), &json!({"note": note})).await?.ok();
            ledger.open().notes.insert((order, note));
        }
        // Ten yen of the newest paid order; how it ends is looked at later, that it is there is looked at for ever.
        let paid = visitor.try_get("/admin/orders?status=paid&limit=1").await?.ok()["items"][0]["id"].clone();
        if let Some(order) = paid.as_str().filter(|_| number % 2 == 1) {
            let path = format!("/admin/orders/{order}/refunds");
            let made = visitor.try_post(&path, &json!({"amount": 10, "reason": "a scratch"})).await?;
            assert!(matches!(made.status, 201 | 409), "{}", made.text());
            if made.status == 201 {
                ledger.open().refunds.push((order.to_owned(), text(&made.json()["id"])));
            }
        }
        if number % 4 == 1 {
            assert_eq!(visitor.try_post("/admin/backups", &json!({})).await?.status, 202);
        }
        if number % 3 == 2 {
            let wish = json!({"kind": "orders", "encoding": "utf-8-bom", "rows": "per_order"});
            let begun = visitor.try_post("/admin/exports", &wish).await?;
            assert_eq!(begun.status, 202, "{}", begun.text());
            ledger.open().exports.push(begun.header("location").to_owned());
        }
        // Faster than the shop works, exports and backups would only pile up in front of what a life is to die of.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    Some(())
}
