//! Coupons from the panel to the checkout: what they take off, and that nobody uses one up twice.

use super::*;
use crate::orders::model::Status;
use crate::orders::payment::*;
use futures_util::future::join_all;

impl Room {
    async fn coupon(&self, rules: Value) -> Value {
        let owner = self.staff(Role::Owner).await;
        self.send("POST", "/admin/coupons", &owner, rules).await.ok()
    }

    async fn order_with(&self, who: &Visitor, coupon: &str, email: &str) -> Answer {
        let tag = self.tag(who, "Chelsea").await;
        let mut body = order_for(&tag, 2);
        body["coupon"] = json!(coupon);
        body["email"] = json!(email);
        self.send("POST", "/orders", who, body).await
    }

    async fn used(&self, coupon: &Value) -> u64 {
        let owner = self.staff(Role::Owner).await;
        let path = format!("/admin/coupons/{}", coupon["id"].as_str().unwrap());
        self.get(&path, &owner).await.ok()["used"].as_u64().unwrap()
    }

    async fn go_to_pay(&self, id: OrderId) -> KernelResult<Begun> {
        let now = self.shop.now();
        self.write(move |tx, shop| begin_payment(tx, shop, id, now)).await
    }
}

fn reason(outcome: KernelResult<Begun>) -> Option<&'static str> {
    match outcome {
        Ok(Begun::Ready(_)) => None,
        Ok(Begun::Changed(_)) => Some("changed"),
        Err(crate::kernel::Error::Refused(refusal)) => Some(refusal.detail.key),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_coupon_shows_in_every_sum() {
    let room = Room::open();
    room.coupon(json!({"code": "STAR-10", "percent": 10})).await;
    let mika = room.customer();
    let order = room.order_with(&mika, "star10", "mika@example.jp").await.ok();
    let sums = ["subtotal", "discount_total", "subtotal_after_discount", "shipping_fee", "amount"];
    assert_eq!(sums.map(|key| order[key].as_i64().unwrap()), [3360, 336, 3024, 600, 3624]);
    assert_eq!(order["coupon"], "STAR-10");
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let confirm = room.look(&format!("{path}/confirm"), &mika, "en").await;
    assert!(confirm.page(200).contains("Coupon STAR-10") && confirm.body.contains("-¥336"), "{}", confirm.body);
    assert!(room.look(&format!("{path}/confirm"), &mika, "ja").await.page(200).contains("クーポン STAR-10"));
    let edit = room.look(&format!("{path}/edit"), &mika, "en").await;
    assert!(edit.page(200).contains("value=\"STAR-10\""));
    // Left out it stays, empty it goes.
    let kept = room.send("PUT", &path, &mika, json!({"note": "x"})).await.ok();
    assert_eq!((kept["coupon"].as_str(), kept["amount"].as_i64()), (Some("STAR-10"), Some(3624)));
    let gone = room.send("PUT", &path, &mika, json!({"coupon": ""})).await.ok();
    assert_eq!((gone["coupon"].as_str(), gone["amount"].as_i64()), (None, Some(3960)));
    let unknown = room.send("PUT", &path, &mika, json!({"coupon": "MOON"})).await.refused(422, "coupon_invalid");
    assert_eq!(unknown["errors"][0]["field"], "coupon");
    assert!(unknown["detail"].as_str().unwrap().contains("no coupon with this code"), "{unknown}");
    // As a form, the same words stand beside the field.
    let tag = room.tag(&mika, "Chelsea").await;
    let fields = [
        ("design_id", tag["id"].as_str().unwrap()),
        ("email", "mika@example.jp"),
        ("coupon", "MOON"),
        ("shipping_address.name", "M"),
        ("shipping_address.postal_code", "150-0001"),
        ("shipping_address.country", "JP"),
        ("shipping_address.region", "東京都"),
        ("shipping_address.city", "渋谷区"),
        ("shipping_address.line1", "1-1"),
    ];
    let again = room.form("/orders", &mika, &fields).await;
    assert!(again.page(422).contains("id=\"coupon-error\"") && again.body.contains("no coupon with this code"));
}

#[tokio::test]
async fn a_use_is_taken_at_the_checkout_and_given_back_when_the_money_does_not_come() {
    let room = Room::open();
    let coupon = room.coupon(json!({"code": "ONCE", "amount": 500, "limit": 1})).await;
    let (mika, ken) = (room.customer(), room.customer());
    let first = id_of(&room.order_with(&mika, "ONCE", "mika@example.jp").await.ok());
    let second = id_of(&room.order_with(&ken, "ONCE", "ken@example.jp").await.ok());
    assert_eq!(room.used(&coupon).await, 0);
    assert_eq!(reason(room.go_to_pay(first).await), None);
    assert_eq!(room.used(&coupon).await, 1);
    // Asked again, the same order holds its one use.
    assert_eq!(reason(room.go_to_pay(first).await), None);
    assert_eq!(room.used(&coupon).await, 1);
    assert_eq!(reason(room.go_to_pay(second).await), Some("orders.coupon_used_up"));
    assert_eq!(room.order(second).status, Status::Draft);
    let path = format!("/orders/{second}/confirm");
    assert!(room.look(&path, &ken, "en").await.page(200).contains("has been used up"));
    room.order_with(&ken, "ONCE", "ken@example.jp").await.refused(422, "coupon_invalid");

    // A means that takes days keeps it; Stripe's word that nothing will come gives it back.
    let now = room.shop.now();
    room.write(move |tx, shop| mark_processing(tx, shop, first, None, now)).await.unwrap();
    assert_eq!(room.used(&coupon).await, 1);
    room.write(move |tx, shop| mark_expired(tx, shop, first, now)).await.unwrap();
    assert_eq!(room.used(&coupon).await, 0);
    assert_eq!(reason(room.go_to_pay(second).await), None);
    assert_eq!(reason(room.go_to_pay(first).await), Some("orders.coupon_used_up"));
    // Coming back to change the order gives it back as well; being paid keeps it.
    room.write(move |tx, shop| back_to_draft(tx, shop, second, now)).await.unwrap();
    assert_eq!(room.used(&coupon).await, 0);
    assert_eq!(reason(room.go_to_pay(first).await), None);
    let order = room.order(first);
    let received = Received { amount: order.amount(), intent: Some("pi_1".into()), session: None, by: PaidBy::Stripe };
    room.write(move |tx, shop| mark_paid(tx, shop, first, received, now)).await.unwrap();
    assert_eq!(room.used(&coupon).await, 1);
    assert_eq!(crate::orders::check(&room.shop.store().read().unwrap()).unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_customer_is_known_by_address_and_by_browser() {
    let room = Room::open();
    room.coupon(json!({"code": "EACH", "percent": 5, "limit_per_customer": 1})).await;
    let (mika, ken) = (room.customer(), room.customer());
    let first = id_of(&room.order_with(&mika, "EACH", "mika@example.jp").await.ok());
    let same_browser = id_of(&room.order_with(&mika, "EACH", "other@example.jp").await.ok());
    let same_address = id_of(&room.order_with(&ken, "EACH", "Mika@Example.JP").await.ok());
    let other = id_of(&room.order_with(&ken, "EACH", "ken@example.jp").await.ok());
    assert_eq!(reason(room.go_to_pay(first).await), None);
    assert_eq!(reason(room.go_to_pay(same_browser).await), Some("orders.coupon_used_by_you"));
    assert_eq!(reason(room.go_to_pay(same_address).await), Some("orders.coupon_used_by_you"));
    assert_eq!(reason(room.go_to_pay(other).await), None);
}

#[tokio::test]
async fn two_hundred_at_once_and_one_use() {
    let room = Room::open();
    let coupon = room.coupon(json!({"code": "ONE", "percent": 50, "limit": 1})).await;
    let mut orders = Vec::new();
    for _ in 0..200 {
        orders.push(id_of(&room.order_with(&room.customer(), "ONE", "mika@example.jp").await.ok()));
    }
    let outcomes = join_all(orders.iter().map(|id| room.go_to_pay(*id))).await;
    let won = outcomes.into_iter().map(reason).filter(|reason| match reason {
        None => true,
        Some(why) => {
            assert_eq!(*why, "orders.coupon_used_up");
            false
        }
    });
    assert_eq!(won.count(), 1);
    assert_eq!(room.used(&coupon).await, 1);
    let waiting = orders.iter().filter(|id| room.order(**id).status == Status::PendingPayment).count();
    assert_eq!(waiting, 1);
}

#[tokio::test]
async fn the_panel_makes_and_changes_them() {
    let room = Room::open();
    let owner = room.staff(Role::Owner).await;
    let made = room.send("POST", "/admin/coupons", &owner, json!({"code": "star", "percent": 10})).await;
    assert_eq!(made.status, 201);
    let coupon = made.json();
    let path = format!("/admin/coupons/{}", coupon["id"].as_str().unwrap());
    let taken = room.send("POST", "/admin/coupons", &owner, json!({"code": "ST-AR", "percent": 5})).await;
    assert_eq!(taken.fields(), ["code"]);
    let changed = room.send("PUT", &path, &owner, json!({"limit": 3, "version": 1})).await.ok();
    assert_eq!((changed["limit"].as_u64(), changed["version"].as_u64()), (Some(3), Some(2)));
    room.send("PUT", &path, &owner, json!({"limit": 4, "version": 1})).await.refused(412, "stale_version");
    for (role, may) in [(Role::Manager, 200), (Role::Viewer, 403), (Role::Printer, 403)] {
        let staff = room.staff(role).await;
        let reads = if role == Role::Printer { 403 } else { 200 };
        assert_eq!(room.get("/admin/coupons", &staff).await.status, reads, "{role:?}");
        let answer = room.send("PUT", &path, &staff, json!({"note": role.name()})).await;
        assert_eq!(answer.status, may, "{role:?}");
    }
    room.get("/admin/coupons", &room.stranger()).await.refused(401, "unauthorized");
    for lang in ["en", "ja"] {
        assert!(room.look("/admin/coupons", &owner, lang).await.page(200).contains("STAR"));
        room.look(&path, &owner, lang).await.page(200);
    }
    let bad = room.form("/admin/coupons", &owner, &[("code", "x"), ("percent", "900")]).await;
    assert!(bad.page(422).contains("id=\"percent-error\"") && bad.body.contains("value=\"900\""));
    let audit = room.get("/admin/audit", &owner).await.ok();
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert!(actions.contains(&json!("coupon.added")) && actions.contains(&json!("coupon.changed")), "{actions:?}");
}
