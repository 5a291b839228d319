//! Stripe's news: late, twice, in another order, forged or never.

use crate::kit::{Answer, TestShop, Visitor};
use petstar::stripe::sandbox::{Action, Mishap};
use petstar::stripe::signature;
use petstar::web::Role;
use serde_json::{Value, json};

/// Hands one event to the shop as Stripe does.
async fn deliver(shop: &TestShop, event: &Value) -> Answer {
    let body = event.to_string();
    let secret = &shop.shop().webhook_secrets()[0];
    let header = signature::sign(body.as_bytes(), secret, shop.shop().now());
    let stripe = shop.visitor().with_header("stripe-signature", &header);
    stripe.send("POST", "/webhooks/stripe", Some("application/json"), body.into_bytes()).await
}

/// A shop that hears nothing by itself, with an order that Stripe says is paid.
async fn paid_in_silence(shop: &TestShop, customer: &Visitor) -> (String, Vec<Value>) {
    shop.sandbox().deliver_to(None);
    let (order, session) = shop.order_at_checkout(customer).await;
    shop.sandbox().act(&session, Action::Pay).unwrap();
    (order["id"].as_str().unwrap().to_owned(), shop.sandbox().events())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_three_times_and_backwards_is_one_paid_order() {
    let shop = TestShop::start_quiet(None).await;
    let customer = shop.visitor();
    let (id, events) = paid_in_silence(&shop, &customer).await;
    assert!(events.len() >= 3);
    for event in events.iter().rev().chain(&events).chain(events.iter().rev()) {
        assert_eq!(deliver(&shop, event).await.status, 200);
    }
    let paid = shop.order_in(&customer, &id, "paid").await;
    // Everything that was enqueued has been worked on, and nothing happened twice.
    let staff = shop.staff(Role::Owner).await;
    shop.until("all events to be worked on", async || {
        let jobs = staff.get("/admin/jobs?kind=stripe.event&limit=100").await.ok();
        jobs["items"].as_array().unwrap().iter().all(|job| job["status"] == "completed").then_some(())
    })
    .await;
    let mails = shop
        .until("the mails", async || {
            let mails = shop.outbox();
            (mails.len() >= 2).then_some(mails)
        })
        .await;
    assert_eq!(mails.len(), 2);
    let now = customer.get(&format!("/orders/{id}")).await.ok();
    assert_eq!(now["paid_at"], paid["paid_at"]);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_webhooks_are_found_by_asking() {
    let shop = TestShop::start_with(&[("PETSTAR_STRIPE__RECONCILE_S", "1")]).await;
    let customer = shop.visitor();
    let (id, _) = paid_in_silence(&shop, &customer).await;
    shop.order_in(&customer, &id, "paid").await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_after_payment_asks_by_itself() {
    let shop = TestShop::start_quiet(None).await;
    let customer = shop.visitor();
    let (id, _) = paid_in_silence(&shop, &customer).await;
    let back = customer.clone().browsing().get(&format!("/orders/{id}/return")).await;
    assert_eq!((back.status, back.header("location")), (303, format!("/orders/{id}").as_str()));
    assert_eq!(customer.get(&format!("/orders/{id}")).await.ok()["status"], "paid");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stripe_did_not_sign_is_refused_and_what_is_unknown_is_kept() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let (id, events) = paid_in_silence(&shop, &customer).await;
    let body = events[0].to_string();
    let now = shop.shop().now();
    let secret = shop.shop().webhook_secrets()[0].clone();
    let forged = signature::sign(body.as_bytes(), "whsec_wrong", now);
    let stale = signature::sign(body.as_bytes(), &secret, now.plus_seconds(-3600));
    for header in ["", "t=1,v1=00", &forged, &stale] {
        let stripe = shop.visitor().with_header("stripe-signature", header);
        let answer = stripe.send("POST", "/webhooks/stripe", Some("application/json"), body.clone().into_bytes()).await;
        answer.refused(400, "invalid_signature");
    }
    assert_eq!(customer.get(&format!("/orders/{id}")).await.ok()["status"], "pending_payment");
    let unknown = json!({"id": "evt_unknown", "type": "moon.phase_changed", "api_version": "2031-01-01", "data": {"object": {"new": true}}});
    assert_eq!(deliver(&shop, &unknown).await.status, 200);
    let foreign = json!({"id": "evt_foreign", "type": "payment_intent.succeeded",
        "data": {"object": {"id": "pi_foreign", "object": "payment_intent", "amount_received": 1, "currency": "jpy", "metadata": {}}}});
    assert_eq!(deliver(&shop, &foreign).await.status, 200);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_parallel_clicks_are_one_session() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let order = customer.post("/orders", &crate::kit::order_body(&design)).await.ok();
    let path = format!("/orders/{}/checkout", order["id"].as_str().unwrap());
    let none = json!({});
    let answers = futures_util::future::join_all((0..50).map(|_| customer.post(&path, &none))).await;
    let mut urls: Vec<String> = answers.iter().map(|a| a.ok()["checkout_url"].as_str().unwrap().to_owned()).collect();
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 1, "{urls:?}");
    // Nor did any of them make another page that nobody was shown.
    let made = shop.shop().stripe().sessions_since(crate::kit::START.plus_days(-1)).await.unwrap();
    assert_eq!(made.len(), 1, "{made:?}");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_convenience_store_payment_is_processing_until_the_money_comes() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let (order, session) = shop.order_at_checkout(&customer).await;
    let id = order["id"].as_str().unwrap();
    shop.sandbox().act(&session, Action::Konbini).unwrap();
    let path = format!("/orders/{id}");
    shop.until("the payment to be processing", async || {
        (customer.get(&path).await.ok()["payment_status"] == "processing").then_some(())
    })
    .await;
    shop.sandbox().act(&session, Action::KonbiniPaid).unwrap();
    shop.order_in(&customer, id, "paid").await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let order = customer.post("/orders", &crate::kit::order_body(&design)).await.ok();
    let path = format!("/orders/{}/checkout", order["id"].as_str().unwrap());
    for mishap in [Mishap::ErrorBefore(500), Mishap::CutAfter, Mishap::Truncate] {
        shop.sandbox()
            .faults()
            .each(move |call| (call.method == "POST" && call.path == "/v1/checkout/sessions").then_some(mishap));
        let problem = customer.post(&path, &json!({})).await.refused(503, "payments_unavailable");
        assert!(!problem.to_string().contains("sk_"), "{problem}");
    }
    shop.sandbox().faults().calm();
    let page = customer.post(&path, &json!({})).await.ok();
    let session = page["order"]["stripe_checkout_session_id"].as_str().unwrap();
    shop.sandbox().act(session, Action::Pay).unwrap();
    shop.order_in(&customer, order["id"].as_str().unwrap(), "paid").await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_may_come_back_to_change_an_unpaid_order() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let (order, session) = shop.order_at_checkout(&customer).await;
    let id = order["id"].as_str().unwrap();
    let design = order["lines"][0]["design_id"].as_str().unwrap();
    let saved = customer.get(&format!("/designs/{design}")).await.ok();
    customer
        .put(&format!("/designs/{design}"), &json!({"params": saved["params"]}))
        .await
        .refused(409, "design_locked");
    let open = customer.post(&format!("/orders/{id}/reopen"), &json!({})).await.ok();
    assert_eq!(open["status"], "draft");
    assert!(shop.sandbox().act(&session, Action::Pay).is_err(), "the old page takes no money any more");
    assert_eq!(customer.put(&format!("/designs/{design}"), &json!({"params": saved["params"]})).await.status, 200);
    let again = customer.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    let session = again["order"]["stripe_checkout_session_id"].as_str().unwrap();
    shop.sandbox().act(session, Action::Pay).unwrap();
    shop.order_in(&customer, id, "paid").await;
    customer.post(&format!("/orders/{id}/reopen"), &json!({})).await.refused(409, "order_not_payable");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_page_outlives_a_restart_and_ends_by_the_clock() {
    let shop = TestShop::start_with(&[("PETSTAR_STRIPE__RECONCILE_S", "1")]).await;
    let customer = shop.visitor();
    let (order, session) = shop.order_at_checkout(&customer).await;
    let id = order["id"].as_str().unwrap().to_owned();
    let cookie = format!("petstar_session={}", customer.cookie("petstar_session").unwrap());
    let shop = shop.restart().await;
    let customer = shop.visitor().with_header("cookie", &cookie);
    // Nobody pays for three hours: Stripe closes the page, and the order can be paid anew.
    shop.clock.advance_seconds(3 * 3600);
    let path = format!("/orders/{id}");
    shop.until("the payment to expire", async || {
        (customer.get(&path).await.ok()["payment_status"] == "expired").then_some(())
    })
    .await;
    assert!(shop.sandbox().act(&session, Action::Pay).is_err());
    let again = customer.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    let session = again["order"]["stripe_checkout_session_id"].as_str().unwrap();
    shop.sandbox().act(session, Action::Pay).unwrap();
    shop.order_in(&customer, &id, "paid").await;
    shop.app.stop().await;
}
