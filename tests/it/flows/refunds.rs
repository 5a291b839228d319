//! Money goes back: from the panel, from Stripe's dashboard, in parts, twice clicked, refused, and when banks change their minds.

use crate::kit::{TestShop, Visitor};
use petstar::stripe::sandbox::{Action, Mishap};
use petstar::web::Role;
use serde_json::{Value, json};
use uuid::Uuid;

fn refunds_at_stripe(shop: &TestShop) -> usize {
    shop.sandbox().events().iter().filter(|event| event["type"] == "refund.created").count()
}

async fn order(staff: &Visitor, id: &str) -> Value {
    staff.get(&format!("/admin/orders/{id}")).await.ok()
}

/// Waits until the order says so.
async fn until(shop: &TestShop, staff: &Visitor, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    shop.until(what, async || Some(order(staff, id).await).filter(|order| is_so(order))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_and_the_rest_go_back_once_each() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let paid = shop.paid_order(&customer).await;
    let (id, amount) = (paid["id"].as_str().unwrap().to_owned(), paid["amount"].as_i64().unwrap());
    let staff = shop.staff(Role::Manager).await;
    let path = format!("/admin/orders/{id}/refunds");
    let wish = json!({"amount": 1000, "reason": "a scratch"});
    for (who, status, code) in [
        (shop.visitor(), 401, "unauthorized"),
        (shop.staff(Role::Printer).await, 403, "forbidden"),
        (shop.staff(Role::Viewer).await, 403, "forbidden"),
    ] {
        who.post(&path, &wish).await.refused(status, code);
    }
    staff.post(&path, &json!({"amount": 1000})).await.refused(422, "invalid_input");
    staff.post(&path, &json!({"amount": amount + 1, "reason": "x"})).await.refused(422, "invalid_input");
    staff.post(&path, &json!({"amount": 0, "reason": "x"})).await.refused(422, "invalid_input");

    // The same key is the same refund and the same bytes.
    let once = staff.clone().with_header("idempotency-key", &Uuid::new_v4().to_string());
    let (first, second) = (once.post(&path, &wish).await, once.post(&path, &wish).await);
    assert_eq!((first.status, second.status), (201, 201), "{}", first.text());
    assert_eq!(first.body, second.body);
    assert_eq!((first.json()["amount"].as_i64(), first.json()["reason"].as_str()), (Some(1000), Some("a scratch")));
    let part = until(&shop, &staff, &id, "a part to be back", |order| order["amount_refunded"] == 1000).await;
    assert_eq!((part["payment_status"].as_str(), part["status"].as_str()), (Some("partially_refunded"), Some("paid")));

    // A form that is sent twice is one refund, and the whole rest ends the order.
    let person = staff.clone().with_header("accept", "text/html");
    let page = person.get(&format!("/admin/orders/{id}")).await.text();
    let value = |name: &str| {
        let at = page.split(&format!("action=\"/admin/orders/{id}/refunds\"")).nth(1).expect("the form");
        let at = at.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("the field");
        at.split('"').next().unwrap().to_owned()
    };
    let (form, version) = (value("form"), value("version"));
    let fields = [("form", form.as_str()), ("version", version.as_str()), ("amount", ""), ("reason", "it broke")];
    for _ in 0..2 {
        assert_eq!(person.form(&path, &fields).await.status, 303);
    }
    let whole = until(&shop, &staff, &id, "all of it to be back", |order| order["status"] == "refunded").await;
    assert_eq!((whole["payment_status"].as_str(), whole["amount_refunded"].as_i64()), (Some("refunded"), Some(amount)));
    staff.post(&path, &json!({"reason": "once more"})).await.refused(409, "conflict");
    assert_eq!(refunds_at_stripe(&shop), 2);
    let list = staff.get(&path).await.ok();
    assert_eq!((list["items"].as_array().unwrap().len(), list["left"].as_i64()), (2, Some(0)));
    assert_eq!(list["items"][1]["status"], "succeeded");
    // Paid to two, and a mail for each time money went back.
    shop.until("the mails", async || (shop.outbox().len() >= 4).then_some(())).await;
    assert_eq!(shop.outbox().len(), 4);
    let audit = shop.staff(Role::Owner).await.get("/admin/audit?limit=100").await.ok();
    let entries = audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "order.refunded").count();
    assert_eq!(entries, 2);
    assert!(person.get(&format!("/admin/orders/{id}")).await.text().contains("it broke"));
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_survives_every_way_in_which_a_call_can_fail() {
    let shop = TestShop::start_with(&[("PETSTAR_STRIPE__RECONCILE_S", "1")]).await;
    let staff = shop.staff(Role::Owner).await;
    let customer = shop.visitor();
    let paid = shop.paid_order(&customer).await;
    let id = paid["id"].as_str().unwrap().to_owned();
    let path = format!("/admin/orders/{id}/refunds");
    // All but those that only wait; a hang is told by the client's own tests.
    let mishaps = Mishap::ALL.into_iter().filter(|mishap| !matches!(mishap, Mishap::Hang | Mishap::HangAfter));
    let mut wanted = 0;
    for (at, mishap) in mishaps.enumerate() {
        wanted += 1;
        shop.sandbox().faults().once("/v1/refunds", mishap);
        let made = staff.post(&path, &json!({"amount": 100 + at, "reason": "in parts"})).await;
        assert_eq!(made.status, 201, "{}", made.text());
        // Jobs wait by the shop's clock.
        shop.clock.advance_seconds(30);
    }
    shop.until("every refund to be there", async || {
        let list = staff.get(&path).await.ok();
        let items = list["items"].as_array().unwrap().clone();
        shop.clock.advance_seconds(1);
        items.iter().all(|item| item["status"] == "succeeded").then_some(())
    })
    .await;
    assert_eq!(refunds_at_stripe(&shop), wanted);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_stripes_dashboard_is_seen() {
    let shop = TestShop::start().await;
    let staff = shop.staff(Role::Owner).await;
    let customer = shop.visitor();
    let (placed, session) = shop.order_at_checkout(&customer).await;
    let (id, amount) = (placed["id"].as_str().unwrap().to_owned(), placed["amount"].as_i64().unwrap());
    shop.sandbox().act(&session, Action::Pay).unwrap();
    shop.order_in(&customer, &id, "paid").await;

    let dispute = shop.sandbox().dispute(&session).unwrap();
    let open = until(&shop, &staff, &id, "the dispute", |order| order["attention"][0]["code"] == "disputed").await;
    assert!(open["attention"][0]["message"].as_str().unwrap().contains("2026-05-30"), "{open}");
    assert_eq!(open["lines"][0]["production"], "on_hold");
    shop.sandbox().close_dispute(&dispute, true).unwrap();
    until(&shop, &staff, &id, "the dispute to end", |order| order["lines"][0]["production"] != "on_hold").await;

    let refund = shop.sandbox().refund(&session, amount).unwrap();
    until(&shop, &staff, &id, "the refund", |order| order["status"] == "refunded").await;
    shop.sandbox().settle_refund(&refund, false).unwrap();
    let failed = until(&shop, &staff, &id, "its failure", |order| order["amount_refunded"] == 0).await;
    assert_eq!(failed["attention"][0]["code"], "refund_failed");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_convenience_store_gives_back_slowly() {
    let shop = TestShop::start().await;
    let staff = shop.staff(Role::Owner).await;
    let customer = shop.visitor();
    let (placed, session) = shop.order_at_checkout(&customer).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    shop.sandbox().act(&session, Action::Konbini).unwrap();
    shop.sandbox().act(&session, Action::KonbiniPaid).unwrap();
    shop.order_in(&customer, &id, "paid").await;
    let path = format!("/admin/orders/{id}/refunds");
    assert_eq!(staff.post(&path, &json!({"reason": "changed their mind"})).await.status, 201);
    let waiting = shop
        .until("Stripe to take it", async || {
            let list = staff.get(&path).await.ok();
            list["items"][0]["stripe_refund_id"].is_string().then_some(list)
        })
        .await;
    assert_eq!((waiting["items"][0]["status"].as_str(), waiting["left"].as_i64()), (Some("pending"), Some(0)));
    assert_eq!(order(&staff, &id).await["status"], "paid");
    shop.clock.advance_seconds(120);
    until(&shop, &staff, &id, "the money to be back", |order| order["status"] == "refunded").await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_a_cancelled_order_is_taken_or_given_back_by_a_decision() {
    let shop = TestShop::start_quiet(None).await;
    let staff = shop.staff(Role::Manager).await;
    let customer = shop.visitor();
    for decision in ["revive", "refund"] {
        let (placed, session) = shop.order_at_checkout(&customer).await;
        let id = placed["id"].as_str().unwrap().to_owned();
        staff.put(&format!("/admin/orders/{id}"), &json!({"status": "cancelled"})).await.ok();
        shop.sandbox().act(&session, Action::Pay).unwrap();
        until(&shop, &staff, &id, "the question", |order| order["attention"][0]["code"] == "paid_after_cancel").await;
        let page = staff.clone().with_header("accept", "text/html").get(&format!("/admin/orders/{id}")).await.text();
        assert!(page.contains("value=\"revive\"") && page.contains("value=\"refund\""));
        let path = format!("/admin/orders/{id}/decide");
        let other = json!({"code": "paid_after_cancel", "decision": "keep"});
        staff.post(&path, &other).await.refused(422, "invalid_input");
        let choice = json!({"code": "paid_after_cancel", "decision": decision});
        let decided = staff.post(&path, &choice).await.ok();
        assert_eq!(decided["attention"], json!([]));
        staff.post(&path, &choice).await.refused(422, "invalid_input");
        if decision == "revive" {
            assert_eq!(decided["status"], "paid");
        } else {
            assert_eq!(order(&staff, &id).await["status"], "cancelled");
            assert_eq!(refunds_at_stripe(&shop), 1);
        }
    }
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_money_that_was_dealt_with_stays_so() {
    let shop = TestShop::start_quiet(None).await;
    let staff = shop.staff(Role::Manager).await;
    let customer = shop.visitor();
    // One question is called dealt with by hand; the other is answered in Stripe's dashboard.
    for by_hand in [true, false] {
        let (placed, session) = shop.order_at_checkout(&customer).await;
        let id = placed["id"].as_str().unwrap().to_owned();
        let path = format!("/admin/orders/{id}");
        staff.put(&path, &json!({"status": "cancelled"})).await.ok();
        shop.sandbox().act(&session, Action::Pay).unwrap();
        until(&shop, &staff, &id, "the question", |order| order["attention"][0]["code"] == "paid_after_cancel").await;
        if by_hand {
            staff.put(&path, &json!({"resolve": "paid_after_cancel"})).await.ok();
        } else {
            shop.sandbox().refund(&session, placed["amount"].as_i64().unwrap()).unwrap();
            until(&shop, &staff, &id, "the question to go", |order| order["attention"] == json!([])).await;
        }
        for _ in 0..2 {
            petstar::payments::reconcile(shop.shop()).await.unwrap();
            customer.clone().browsing().get(&format!("/orders/{id}/return")).await;
        }
        let after = order(&staff, &id).await;
        assert_eq!(after["attention"], json!([]), "the question is back");
        let history = after["history"].as_array().unwrap();
        assert_eq!(history.iter().filter(|entry| entry["what"] == "money_not_fitting").count(), 1);
    }
    shop.app.stop().await;
}
