//! Payment pages of which the shop has not heard, or hears too late: lost answers, news about a page that was replaced, a database that
//! was restored to a time before them.

use crate::kit::{START, TestShop, Visitor, order_body};
use petstar::kernel::{Currency, Lang, Money};
use petstar::orders::{Order, PaymentStatus, Status};
use petstar::stripe::sandbox::{Action, Mishap};
use petstar::stripe::{NewSession, SESSION_LIFE_S, SessionLine, SessionStatus};
use petstar::web::Role;
use serde_json::{Value, json};
use std::time::Duration;

/// A shop that does not wait long for Stripe and hears nothing by itself.
async fn deaf_shop() -> TestShop {
    let shop = TestShop::start_quiet(Some(Duration::from_millis(330))).await;
    shop.sandbox().deliver_to(None);
    shop
}

fn stored(shop: &TestShop, order: &Value) -> Order {
    let id = order["id"].as_str().unwrap().parse().unwrap();
    petstar::orders::find(&shop.shop().store().read().unwrap(), id).unwrap().unwrap()
}

/// What tells whether money may still come, and whether the pieces are kept for it.
fn standing(shop: &TestShop, order: &Value) -> (Status, PaymentStatus, bool) {
    let order = stored(shop, order);
    (order.status, order.payment_status, order.holds_stock)
}

const PAYABLE: (Status, PaymentStatus, bool) = (Status::PendingPayment, PaymentStatus::Pending, true);

async fn round(shop: &TestShop) {
    petstar::payments::reconcile(shop.shop()).await.unwrap();
}

/// The sessions that Stripe knows of an order, oldest first.
async fn pages(shop: &TestShop, order: &Value) -> Vec<(String, SessionStatus)> {
    let all = shop.shop().stripe().sessions_since(START.plus_days(-1)).await.unwrap();
    let own = all.into_iter().filter(|session| session.order_id() == order["id"].as_str());
    own.map(|session| (session.id, session.status)).collect()
}

async fn draft(shop: &TestShop, customer: &Visitor) -> Value {
    let design = shop.design(customer).await;
    customer.post("/orders", &order_body(&design)).await.ok()
}

fn checkout(order: &Value) -> String {
    format!("/orders/{}/checkout", order["id"].as_str().unwrap())
}

/// Every call that makes a page goes wrong in this way.
fn break_pages(shop: &TestShop, mishap: Mishap) {
    let is_page = |method: &str, path: &str| method == "POST" && path == "/v1/checkout/sessions";
    shop.sandbox().faults().each(move |call| is_page(&call.method, &call.path).then_some(mishap));
}

#[tokio::test(flavor = "multi_thread")]
async fn news_about_a_closed_page_does_not_end_the_next_attempt() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let (order, first) = shop.order_at_checkout(&customer).await;
    let id = order["id"].as_str().unwrap();
    customer.post(&format!("/orders/{id}/reopen"), &json!({})).await.ok();
    break_pages(&shop, Mishap::ErrorBefore(500));
    customer.post(&checkout(&order), &json!({})).await.refused(503, "payments_unavailable");
    assert_eq!(standing(&shop, &order), PAYABLE);
    // The event that the first page was closed, and Stripe's state of it, are no news about the second attempt.
    round(&shop).await;
    round(&shop).await;
    customer.clone().browsing().get(&format!("/orders/{id}/return")).await;
    assert_eq!(standing(&shop, &order), PAYABLE);
    shop.sandbox().faults().calm();
    let page = customer.post(&checkout(&order), &json!({})).await.ok();
    let second = page["order"]["stripe_checkout_session_id"].as_str().unwrap();
    assert_ne!(second, first);
    round(&shop).await;
    assert_eq!(standing(&shop, &order), PAYABLE);
    // A voucher taken there is money on its way, beside which no other page is made.
    shop.sandbox().act(second, Action::Konbini).unwrap();
    round(&shop).await;
    assert_eq!(stored(&shop, &order).payment_status, PaymentStatus::Processing);
    customer.post(&checkout(&order), &json!({})).await.refused(409, "order_not_payable");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_answer_was_lost_is_found_and_one_never_made_holds_nothing_for_ever() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let (lost, never) = (draft(&shop, &customer).await, draft(&shop, &customer).await);
    break_pages(&shop, Mishap::CutAfter);
    customer.post(&checkout(&lost), &json!({})).await.refused(503, "payments_unavailable");
    break_pages(&shop, Mishap::Cut);
    customer.post(&checkout(&never), &json!({})).await.refused(503, "payments_unavailable");
    shop.sandbox().faults().calm();
    round(&shop).await;
    assert_eq!((standing(&shop, &lost), standing(&shop, &never)), (PAYABLE, PAYABLE));
    let made = pages(&shop, &lost).await;
    assert_eq!(stored(&shop, &lost).stripe_checkout_session_id.as_ref(), made.first().map(|(id, _)| id));
    assert_eq!(stored(&shop, &never).stripe_checkout_session_id, None);
    // Nobody pays. Neither page can be paid after two hours, nor can the second be made any more.
    shop.clock.advance_seconds(3 * 3600);
    round(&shop).await;
    let over = (Status::PendingPayment, PaymentStatus::Expired, false);
    assert_eq!((standing(&shop, &lost), standing(&shop, &never)), (over, over));
    for order in [lost, never] {
        let page = customer.post(&checkout(&order), &json!({})).await.ok();
        assert_eq!(standing(&shop, &order), PAYABLE);
        shop.sandbox().act(page["order"]["stripe_checkout_session_id"].as_str().unwrap(), Action::Pay).unwrap();
        round(&shop).await;
        assert_eq!(stored(&shop, &order).status, Status::Paid);
    }
    shop.app.stop().await;
}

/// A page that this database knows nothing of: as if it had been restored to a time before its order went to pay.
async fn page_before_the_restore(shop: &TestShop, id: &str, number: &str, revision: u32, amount: i64) -> String {
    let amount = Money::new(amount, Currency::JPY);
    let new = NewSession {
        order_id: id.to_owned(),
        order_number: number.to_owned(),
        revision,
        amount,
        lines: vec![SessionLine::single("Tag", amount.minor)],
        email: None,
        lang: Lang::En,
        success_url: format!("{}/orders/{id}/return", shop.shop().public_url()),
        cancel_url: shop.shop().public_url(),
        expires_at: shop.shop().now().plus_seconds(SESSION_LIFE_S),
    };
    shop.shop().stripe().create_session(&new, &format!("order-{id}-{revision}")).await.unwrap().id
}

async fn paid_before_the_restore(shop: &TestShop, id: &str, number: &str, amount: i64) -> String {
    let session = page_before_the_restore(shop, id, number, 1, amount).await;
    shop.sandbox().act(&session, Action::Pay).unwrap();
    session
}

async fn paid_behind_our_back(shop: &TestShop, order: &Value) {
    let text = |name: &str| order[name].as_str().unwrap();
    paid_before_the_restore(shop, text("id"), text("order_number"), order["amount"].as_i64().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_an_order_that_was_restored_as_a_draft_is_shown_and_can_be_taken() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let order = draft(&shop, &customer).await;
    paid_behind_our_back(&shop, &order).await;
    round(&shop).await;
    let staff = shop.staff(Role::Manager).await;
    let path = format!("/admin/orders/{}", order["id"].as_str().unwrap());
    shop.until("the question", async || {
        (staff.get(&path).await.ok()["attention"][0]["code"] == "late_payment").then_some(())
    })
    .await;
    let choice = json!({"code": "late_payment", "decision": "revive"});
    let taken = staff.post(&format!("{path}/decide"), &choice).await.ok();
    assert_eq!((taken["status"].as_str(), &taken["attention"]), (Some("paid"), &json!([])));
    assert!(stored(&shop, &order).lines.iter().all(|line| line.frozen.is_some()));
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_paid_before_the_database_was_restored_does_not_pay_again() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let order = draft(&shop, &customer).await;
    paid_behind_our_back(&shop, &order).await;
    shop.clock.advance_seconds(7 * 3600);
    let problem = customer.post(&checkout(&order), &json!({})).await.refused(409, "order_not_payable");
    assert!(problem["detail"].as_str().unwrap().contains("paid already"), "{problem}");
    assert_eq!(stored(&shop, &order).status, Status::Paid);
    assert_eq!(pages(&shop, &order).await.len(), 1);
    // The event that comes after all changes nothing.
    round(&shop).await;
    quiet(&shop).await;
    assert_eq!(stored(&shop, &order).attention, []);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_voucher_from_before_the_restore_no_page_is_made() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let order = draft(&shop, &customer).await;
    let (id, number) = (order["id"].as_str().unwrap(), order["order_number"].as_str().unwrap());
    let amount = order["amount"].as_i64().unwrap();
    // The customer had changed the order before they took the voucher.
    let first = page_before_the_restore(&shop, id, number, 1, amount).await;
    shop.shop().stripe().expire_session(&first, "closed").await.unwrap();
    let second = page_before_the_restore(&shop, id, number, 2, amount + 100).await;
    shop.sandbox().act(&second, Action::Konbini).unwrap();
    for _ in 0..3 {
        customer.post(&checkout(&order), &json!({})).await.refused(409, "order_not_payable");
        // What is waited for is no trouble.
        round(&shop).await;
    }
    assert_eq!(pages(&shop, &order).await.len(), 2);
    shop.sandbox().act(&second, Action::KonbiniLapsed).unwrap();
    customer.post(&checkout(&order), &json!({})).await.ok();
    assert_eq!(pages(&shop, &order).await.len(), 3);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_an_order_nobody_knows_stands_on_the_front_page_until_it_is_back() {
    let shop = deaf_shop().await;
    let staff = shop.staff(Role::Owner).await;
    let session = paid_before_the_restore(&shop, "01980000-0000-7000-8000-000000000001", "PS-000777", 4200).await;
    let need = async || {
        let needs = staff.get("/admin").await.ok()["needs"].clone();
        let all = needs.as_array().unwrap().clone();
        all.into_iter().find(|need| need["title"].as_str().unwrap().contains("PS-000777"))
    };
    round(&shop).await;
    let shown = shop.until("the card", need).await;
    assert_eq!(shown["kind"], "bad");
    assert!(shown["title"].as_str().unwrap().contains("¥4,200"), "{shown}");
    shop.sandbox().refund(&session, 4200).unwrap();
    round(&shop).await;
    shop.until("the card to go", async || need().await.is_none().then_some(())).await;
    shop.app.stop().await;
}

/// Waits until no quick job is due or running.
async fn quiet(shop: &TestShop) {
    shop.until("the jobs that are due", async || {
        let figures = shop.shop().queue().figures().unwrap();
        (figures.quick.oldest_due.is_none() && figures.quick.running == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_closed_whatever_becomes_of_the_call_that_closes_it() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let order = draft(&shop, &customer).await;
    let reopen = format!("/orders/{}/reopen", order["id"].as_str().unwrap());
    for mishap in Mishap::ALL {
        let page = customer.post(&checkout(&order), &json!({})).await.ok();
        let session = page["order"]["stripe_checkout_session_id"].as_str().unwrap().to_owned();
        shop.sandbox().faults().once(&format!("/v1/checkout/sessions/{session}/expire"), mishap);
        let mut clicks = 1;
        while customer.post(&reopen, &json!({})).await.status == 503 {
            assert!(clicks < 3, "{mishap:?}");
            clicks += 1;
        }
        assert_eq!(stored(&shop, &order).status, Status::Draft, "{mishap:?}");
        assert!(shop.sandbox().act(&session, Action::Pay).is_err(), "{mishap:?}: the page still takes money");
    }
    // What is over is not asked about again.
    shop.sandbox().faults().record();
    customer.post(&checkout(&order), &json!({})).await.ok();
    customer.post(&reopen, &json!({})).await.ok();
    let calls = shop.sandbox().faults().calls();
    assert_eq!(calls.iter().filter(|call| call.path.ends_with("/expire")).count(), 1);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_job_gave_up_is_worked_on_when_stripe_answers_again() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let (order, session) = shop.order_at_checkout(&customer).await;
    shop.sandbox().act(&session, Action::Pay).unwrap();
    // Only the list of events can be had.
    shop.sandbox().faults().each(|call| (call.path != "/v1/events").then_some(Mishap::ErrorBefore(500)));
    assert!(petstar::payments::reconcile(shop.shop()).await.is_err());
    let staff = shop.staff(Role::Owner).await;
    shop.until("the jobs to give up", async || {
        shop.clock.advance_seconds(200);
        shop.shop().queue().nudge();
        let jobs = staff.get("/admin/jobs?kind=stripe.event&limit=100").await.ok();
        let jobs = jobs["items"].as_array().unwrap().clone();
        (!jobs.is_empty() && jobs.iter().all(|job| job["status"] == "failed")).then_some(())
    })
    .await;
    shop.sandbox().faults().calm();
    // They rest for as long as they were tried in vain.
    shop.clock.advance_seconds(2 * 86_400);
    round(&shop).await;
    shop.until("the events to be worked on", async || {
        let waiting = staff.get("/admin/stripe-events?outcome=waiting").await.ok();
        (waiting["items"] == json!([])).then_some(())
    })
    .await;
    assert_eq!(stored(&shop, &order).status, Status::Paid);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_cancelled_order_is_closed_once_and_a_stubborn_refund_holds_nobody_up() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let staff = shop.staff(Role::Owner).await;
    let (order, session) = shop.order_at_checkout(&customer).await;
    cancel(&staff, &order).await;
    round(&shop).await;
    assert!(shop.sandbox().act(&session, Action::Pay).is_err(), "the page still takes money");
    // That it is closed is news, which the next round hears and works on.
    round(&shop).await;
    quiet(&shop).await;
    shop.sandbox().faults().record();
    round(&shop).await;
    quiet(&shop).await;
    let asked = shop.sandbox().faults().calls();
    assert!(!asked.iter().any(|call| call.path.contains(&session)), "{asked:?}");

    let mut paid = Vec::new();
    for _ in 0..2 {
        let (order, session) = shop.order_at_checkout(&customer).await;
        shop.sandbox().act(&session, Action::Pay).unwrap();
        round(&shop).await;
        paid.push(stored(&shop, &order));
    }
    quiet(&shop).await;
    let is_refund = |path: &str| path.starts_with("/v1/refunds");
    shop.sandbox().faults().each(move |call| is_refund(&call.path).then_some(Mishap::ErrorBefore(500)));
    for order in &paid {
        let wish = json!({"reason": "too dark"});
        assert_eq!(staff.post(&format!("/admin/orders/{}/refunds", order.id), &wish).await.status, 201);
    }
    // The jobs wait by the clock, which stands. Stripe answers about the second payment only.
    let first = paid[0].stripe_payment_intent_id.clone().unwrap();
    let is_about = move |text: &str| text.contains(&first);
    shop.sandbox().faults().each(move |call| {
        (is_refund(&call.path) && (is_about(&call.body) || is_about(&call.query))).then_some(Mishap::ErrorBefore(500))
    });
    assert!(petstar::payments::reconcile(shop.shop()).await.is_err());
    let left = async |at: usize| {
        let list = staff.get(&format!("/admin/orders/{}/refunds", paid[at].id)).await.ok();
        list["items"][0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!((left(0).await, left(1).await), ("pending".to_owned(), "succeeded".to_owned()));
    shop.sandbox().faults().calm();
    round(&shop).await;
    assert_eq!(left(0).await, "succeeded");
    shop.app.stop().await;
}

async fn cancel(staff: &Visitor, order: &Value) {
    let path = format!("/admin/orders/{}", order["id"].as_str().unwrap());
    staff.put(&path, &json!({"status": "cancelled"})).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stripe_refuses_can_be_corrected_and_keeps_no_other_page_open() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let staff = shop.staff(Role::Owner).await;
    let (open, page) = shop.order_at_checkout(&customer).await;
    shop.clock.advance_seconds(1);
    break_pages(&shop, Mishap::ErrorBefore(400));
    let mut refused = Vec::new();
    for _ in 0..4 {
        let order = draft(&shop, &customer).await;
        customer.post(&checkout(&order), &json!({})).await.refused(503, "payments_unavailable");
        refused.push(order);
    }
    let reopen = format!("/orders/{}/reopen", refused.pop().unwrap()["id"].as_str().unwrap());
    assert_eq!(customer.post(&reopen, &json!({})).await.ok()["status"], "draft");
    for order in refused.iter().chain([&open]) {
        cancel(&staff, order).await;
    }
    round(&shop).await;
    assert!(shop.sandbox().act(&page, Action::Pay).is_err(), "the page still takes money");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_cannot_be_closed_keep_no_other_page_open() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let staff = shop.staff(Role::Owner).await;
    let (oldest, page) = shop.order_at_checkout(&customer).await;
    let mut stubborn = Vec::new();
    for _ in 0..3 {
        shop.clock.advance_seconds(1);
        let (order, session) = shop.order_at_checkout(&customer).await;
        cancel(&staff, &order).await;
        stubborn.push(format!("/v1/checkout/sessions/{session}/expire"));
    }
    cancel(&staff, &oldest).await;
    shop.sandbox().faults().each(move |call| stubborn.contains(&call.path).then_some(Mishap::ErrorBefore(500)));
    for _ in 0..2 {
        assert!(petstar::payments::reconcile(shop.shop()).await.is_err());
    }
    assert!(shop.sandbox().act(&page, Action::Pay).is_err(), "the page still takes money");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_page_that_cannot_be_read_does_not_hide_the_others() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    break_pages(&shop, Mishap::CutAfter);
    let mut lost = Vec::new();
    for _ in 0..2 {
        let order = draft(&shop, &customer).await;
        customer.post(&checkout(&order), &json!({})).await.refused(503, "payments_unavailable");
        shop.clock.advance_seconds(1);
        lost.push(order);
    }
    let first = format!("/v1/checkout/sessions/{}", pages(&shop, &lost[0]).await[0].0);
    shop.sandbox().faults().each(move |call| (call.path == first).then_some(Mishap::ErrorBefore(500)));
    assert!(petstar::payments::reconcile(shop.shop()).await.is_err());
    let is_found = |order: &Value| stored(&shop, order).stripe_checkout_session_id.is_some();
    assert_eq!((is_found(&lost[0]), is_found(&lost[1])), (false, true));
    shop.sandbox().faults().calm();
    round(&shop).await;
    assert!(is_found(&lost[0]));
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_pages_about_which_stripe_never_answers_do_not_stand_before_the_others() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    break_pages(&shop, Mishap::CutAfter);
    let mut lost = Vec::new();
    for _ in 0..4 {
        let order = draft(&shop, &customer).await;
        customer.post(&checkout(&order), &json!({})).await.refused(503, "payments_unavailable");
        shop.clock.advance_seconds(1);
        lost.push(order);
    }
    let mut stubborn = Vec::new();
    for order in &lost[..3] {
        stubborn.push(format!("/v1/checkout/sessions/{}", pages(&shop, order).await[0].0));
    }
    shop.sandbox().faults().each(move |call| stubborn.contains(&call.path).then_some(Mishap::ErrorBefore(500)));
    let is_found = |order: &Value| stored(&shop, order).stripe_checkout_session_id.is_some();
    // The first round ends at the third of them, and the second begins behind it.
    assert!(petstar::payments::reconcile(shop.shop()).await.is_err());
    assert!(!is_found(&lost[3]));
    assert!(petstar::payments::reconcile(shop.shop()).await.is_err());
    assert!(is_found(&lost[3]));
    shop.sandbox().faults().calm();
    round(&shop).await;
    assert!(lost.iter().all(is_found));
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_page_that_still_stands_is_shown_and_no_second_one_made() {
    let shop = deaf_shop().await;
    let customer = shop.visitor();
    let order = draft(&shop, &customer).await;
    break_pages(&shop, Mishap::CutAfter);
    customer.post(&checkout(&order), &json!({})).await.refused(503, "payments_unavailable");
    shop.sandbox().faults().calm();
    // Too late to ask for it again, and half an hour before it runs out.
    shop.clock.advance_seconds(90 * 60);
    let page = customer.post(&checkout(&order), &json!({})).await.ok();
    let made = pages(&shop, &order).await;
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(page["order"]["stripe_checkout_session_id"], made[0].0.as_str());
    assert_eq!(standing(&shop, &order), PAYABLE);
    shop.app.stop().await;
}
