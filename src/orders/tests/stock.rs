//! Blanks: set aside at the checkout, given back when no money comes, never promised twice; and the same order once more.

use super::*;
use crate::orders::model::Status;
use crate::orders::payment::*;
use futures_util::future::join_all;

impl Room {
    async fn blanks(&self, owner: &Visitor, stock: Value) -> Value {
        let product = self.get("/products/round-tag", &self.stranger()).await.ok();
        let path = format!("/admin/products/{}", product["id"].as_str().unwrap());
        let mut change = stock;
        change["id"] = product["variants"][0]["id"].clone();
        self.send("PUT", &path, owner, json!({"variants": [change]})).await.ok()
    }

    async fn left(&self) -> Value {
        self.get("/products/round-tag", &self.stranger()).await.ok()["variants"][0]["stock"].clone()
    }

    async fn try_to_pay(&self, id: OrderId) -> Result<(), Refusal> {
        let now = self.shop.now();
        match self.write(move |tx, shop| begin_payment(tx, shop, id, now)).await {
            Ok(Begun::Ready(_)) => Ok(()),
            Ok(Begun::Changed(order)) => panic!("{:?}", order.totals),
            Err(crate::kernel::Error::Refused(refusal)) => Err(refusal),
            Err(error) => panic!("{error}"),
        }
    }
}

use crate::kernel::{Code, Refusal};

#[tokio::test]
async fn fifty_at_once_and_five_blanks() {
    let room = Room::open();
    let owner = room.staff(Role::Owner).await;
    room.blanks(&owner, json!({"stock": 5})).await;
    let mut orders = Vec::new();
    for _ in 0..50 {
        orders.push(id_of(&room.draft(&room.customer(), 1).await));
    }
    let outcomes = join_all(orders.iter().map(|id| room.try_to_pay(*id))).await;
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(refused.len(), 45);
    assert!(refused.iter().all(|refusal| refusal.code == Code::OutOfStock));
    assert_eq!(room.left().await, json!(0));
    // What Stripe says will not be paid is free for others; a means that takes days is not.
    let held: Vec<OrderId> =
        orders.iter().copied().filter(|id| room.order(*id).status == Status::PendingPayment).collect();
    let (now, first, second) = (room.shop.now(), held[0], held[1]);
    room.write(move |tx, shop| mark_processing(tx, shop, second, None, now)).await.unwrap();
    assert_eq!(room.left().await, json!(0));
    room.write(move |tx, shop| mark_expired(tx, shop, first, now)).await.unwrap();
    room.write(move |tx, shop| mark_expired(tx, shop, first, now)).await.unwrap();
    assert_eq!(room.left().await, json!(1));
    let late = orders.iter().copied().find(|id| room.order(*id).status == Status::Draft).unwrap();
    room.try_to_pay(late).await.unwrap();
    assert_eq!(room.try_to_pay(first).await.unwrap_err().code, Code::OutOfStock);
    assert_eq!(crate::orders::check(&room.shop.store().read().unwrap()).unwrap(), [""; 0]);
}

#[tokio::test]
async fn late_money_takes_all_its_blanks_or_none() {
    let room = Room::open();
    let (owner, mika) = (room.staff(Role::Owner).await, room.customer());
    room.blanks(&owner, json!({"stock": 4})).await;
    let tags = [room.tag(&mika, "Chelsea").await, room.tag(&mika, "Momo").await];
    let mut body = order_for(&tags[0], 2);
    body["lines"] = json!([
        {"design_id": tags[0]["id"], "quantity": 2},
        {"design_id": tags[1]["id"], "quantity": 2},
    ]);
    let id = id_of(&room.send("POST", "/orders", &mika, body).await.ok());
    room.try_to_pay(id).await.unwrap();
    assert_eq!(room.left().await, json!(0));
    // Its page runs out, another customer takes one, and then its money comes: there is enough for the first line only.
    let now = room.shop.now();
    room.write(move |tx, shop| mark_expired(tx, shop, id, now)).await.unwrap();
    let other = id_of(&room.draft(&room.customer(), 1).await);
    room.try_to_pay(other).await.unwrap();
    assert_eq!(room.left().await, json!(3));
    let amount = room.order(id).amount();
    let received = Received { amount, intent: Some("pi_late".into()), session: None, by: PaidBy::Stripe };
    room.write(move |tx, shop| mark_paid(tx, shop, id, received, now)).await.unwrap();
    let order = room.order(id);
    assert_eq!((order.status, order.holds_stock), (Status::Paid, false));
    assert!(order.attention.iter().any(|entry| entry.code == "oversold"), "{:?}", order.attention);
    assert!(order.lines.iter().all(|line| line.blanks == Some(0)), "{:?}", order.lines);
    assert_eq!(room.left().await, json!(3), "what the first line had taken stands on the shelf again");
    assert_eq!(crate::orders::check(&room.shop.store().read().unwrap()).unwrap(), [""; 0]);
}

#[tokio::test]
async fn who_counts_the_shelf_changes_it_by_the_difference() {
    let room = Room::open();
    let (owner, mika) = (room.staff(Role::Owner).await, room.customer());
    room.blanks(&owner, json!({"stock": 10})).await;
    // Two were sold while the page stood open: 10 became 12 there, so it is 10 here.
    let order = id_of(&room.draft(&mika, 2).await);
    room.try_to_pay(order).await.unwrap();
    assert_eq!(room.left().await, json!(8));
    room.blanks(&owner, json!({"stock": "12", "stock_seen": "10"})).await;
    assert_eq!(room.left().await, json!(10));
    room.blanks(&owner, json!({"stock": 10, "stock_seen": 10})).await;
    assert_eq!(room.left().await, json!(10));
    // Two of the staff at once: both changes count.
    let both = [room.blanks(&owner, json!({"stock_change": 5})), room.blanks(&owner, json!({"stock_change": -3}))];
    join_all(both).await;
    assert_eq!(room.left().await, json!(12));
    let product = room.get("/products/round-tag", &room.stranger()).await.ok();
    let path = format!("/admin/products/{}", product["id"].as_str().unwrap());
    let less = json!({"variants": [{"id": product["variants"][0]["id"], "stock_change": -13}]});
    assert_eq!(room.send("PUT", &path, &owner, less).await.fields(), ["variants.0.stock"]);
    // Nobody counted them when it was set aside, so nothing comes back to a shelf that is counted now.
    room.blanks(&owner, json!({"stock": null})).await;
    let uncounted = id_of(&room.draft(&mika, 3).await);
    room.try_to_pay(uncounted).await.unwrap();
    room.blanks(&owner, json!({"stock": 4})).await;
    let now = room.shop.now();
    room.write(move |tx, shop| mark_expired(tx, shop, uncounted, now)).await.unwrap();
    assert_eq!(room.left().await, json!(4));
}

#[tokio::test]
async fn whoever_comes_too_late_reads_it_in_their_language() {
    let room = Room::open();
    let owner = room.staff(Role::Owner).await;
    let mika = room.customer();
    let id = id_of(&room.draft(&mika, 2).await);
    room.blanks(&owner, json!({"stock": 1})).await;
    assert_eq!(room.try_to_pay(id).await.unwrap_err().detail.key, "catalog.out_of_stock");
    let path = format!("/orders/{id}/confirm");
    assert!(room.look(&path, &mika, "en").await.page(200).contains("only 1 are left"));
    assert!(room.look(&path, &mika, "ja").await.page(200).contains("残りは1点です"));
}

#[tokio::test]
async fn the_same_again_costs_what_it_costs_today() {
    let room = Room::open();
    let (owner, mika) = (room.staff(Role::Owner).await, room.customer());
    room.send("POST", "/admin/coupons", &owner, json!({"code": "STAR", "percent": 10})).await.ok();
    let tag = room.tag(&mika, "Chelsea").await;
    let mut body = order_for(&tag, 2);
    body["coupon"] = json!("STAR");
    let first = room.send("POST", "/orders", &mika, body).await.ok();
    let id = id_of(&first);
    room.try_to_pay(id).await.unwrap();
    let order = room.order(id);
    let received = Received { amount: order.amount(), intent: Some("pi_1".into()), session: None, by: PaidBy::Stripe };
    let now = room.shop.now();
    room.write(move |tx, shop| mark_paid(tx, shop, id, received, now)).await.unwrap();
    // The price and the fee go up; a copy takes today's, and no coupon.
    room.blanks(&owner, json!({"price": 2000})).await;
    room.send("PUT", "/admin/settings", &owner, json!({"shipping": {"home_fee": 700}})).await.ok();
    let path = format!("/orders/{id}/reorder");
    let again = room.send("POST", &path, &mika, json!({})).await.ok();
    let copy = &again["order"];
    assert_eq!(copy["lines"][0]["unit_price"], 2000);
    let sums = ["subtotal", "discount_total", "shipping_fee", "amount"].map(|key| copy[key].as_i64().unwrap());
    assert_eq!(sums, [4000, 0, 700, 4700]);
    assert_eq!((&copy["coupon"], &copy["status"]), (&json!(null), &json!("draft")));
    assert_eq!(again["designs"][0]["original_design_id"], tag["id"]);
    assert_ne!(copy["lines"][0]["design_id"], tag["id"]);
    // The copy can be changed before it is paid; the first stays as it is.
    let design = format!("/designs/{}", again["designs"][0]["id"].as_str().unwrap());
    room.send("PUT", &design, &mika, json!({"params": {"name": "Mochi", "phone": "1"}})).await.ok();
    let list = room.look("/orders", &mika, "en").await;
    assert!(list.page(200).contains(&format!("action=\"{path}\"")), "{}", list.body);
    let pressed = room.form(&path, &mika, &[]).await;
    assert!(pressed.location().ends_with("/confirm?again=1"), "{}", pressed.location());
    assert!(room.look(pressed.location(), &mika, "en").await.page(200).contains("copies of what you ordered before"));

    // Gone from the shop: said by name, and nothing is made.
    let product = room.get("/products/round-tag", &mika).await.ok();
    let shelf = format!("/admin/products/{}", product["id"].as_str().unwrap());
    room.send("PUT", &shelf, &owner, json!({"status": "archived"})).await.ok();
    let before = room.get("/orders?limit=100", &mika).await.ok()["items"].as_array().unwrap().len();
    let refused = room.send("POST", &path, &mika, json!({})).await;
    assert_eq!(refused.fields(), ["lines[0].design_id"]);
    assert!(refused.json()["errors"][0]["message"].as_str().unwrap().contains("no longer sold"));
    let page = room.form(&path, &mika, &[]).await;
    assert!(page.page(422).contains("no longer sold") && page.body.contains("Chelsea"));
    assert_eq!(room.get("/orders?limit=100", &mika).await.ok()["items"].as_array().unwrap().len(), before);
}
