//! The machine's clock jumps while Stripe's does not: back an hour, ahead three, ahead forty days. Nothing is stuck, lost or done twice.

use crate::kit::{Folder, START, TestShop, order_body};
use petstar::app::check;
use petstar::shop::clock::Clock;
use petstar::stripe::sandbox::{Action, Sandbox, SandboxConfig, Secrets};
use serde_json::json;

fn wrong(shop: &TestShop) -> Vec<String> {
    let tx = shop.shop().store().read().unwrap();
    check::rows(&tx, &|blob| shop.shop().blobs().verify(blob).is_ok()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn jumps_of_the_clock_neither_stop_nor_lose_anything() {
    let folder = Folder::new();
    let stripes = Clock::fixed(START);
    let secrets = Secrets { secret_key: "sk_test_clock".into(), webhook_secret: "whsec_clock".into() };
    let hands = stripes.clone();
    let books = folder.path().join("stripe.jsonl");
    let config = SandboxConfig::new("127.0.0.1:0".parse().unwrap(), books, secrets.clone(), move || hands.now());
    let stripe = Sandbox::start(config).await.unwrap();
    let shop = TestShop::start_with(&[
        ("PETSTAR_STRIPE__SECRET_KEY", &secrets.secret_key),
        ("PETSTAR_STRIPE__WEBHOOK_SECRET", &secrets.webhook_secret),
        ("PETSTAR_STRIPE__API_BASE", stripe.base()),
        ("PETSTAR_STRIPE__RECONCILE_S", "1"),
    ])
    .await;
    stripe.deliver_to(Some(format!("http://{}/webhooks/stripe", shop.app.address)));
    let jump = |seconds: i64| {
        shop.clock.advance_seconds(seconds);
        shop.shop().queue().nudge();
    };
    for seconds in [-3600, 3 * 3600, 40 * 86_400] {
        let customer = shop.visitor();
        let (order, session) = shop.order_at_checkout(&customer).await;
        let id = order["id"].as_str().unwrap();
        jump(seconds);
        // Webhooks look too old or too young now; Stripe is asked.
        stripe.act(&session, Action::Pay).unwrap();
        let paid = shop.order_in(&customer, id, "paid").await;
        assert_eq!(paid["amount"], order["amount"]);
        shop.design_in(&customer, paid["lines"][0]["design_id"].as_str().unwrap(), "ready").await;
        jump(-seconds);
        // Back at the right time the shop sells as before, also what was begun at the wrong one.
        assert_eq!(customer.get(&format!("/orders/{id}")).await.ok()["status"], "paid");
        let design = shop.design(&customer).await;
        jump(seconds);
        let late = customer.post("/orders", &order_body(&design)).await.ok();
        jump(-seconds);
        let path = format!("/orders/{}/checkout", late["id"].as_str().unwrap());
        let checkout = customer.post(&path, &json!({})).await.ok();
        let session = checkout["order"]["stripe_checkout_session_id"].as_str().unwrap();
        stripe.act(session, Action::Pay).unwrap();
        shop.order_in(&customer, late["id"].as_str().unwrap(), "paid").await;
        shop.until("quiet", async || {
            let figures = shop.shop().queue().figures().unwrap();
            (figures.quick.waiting + figures.quick.running + figures.heavy.waiting + figures.heavy.running == 0)
                .then_some(())
        })
        .await;
        assert_eq!(wrong(&shop), Vec::<String>::new(), "after {seconds} s");
    }
    // Each order has its mails, once.
    let mails = shop.outbox().iter().filter(|mail| mail.contains("mika@example.com")).count();
    assert_eq!(mails % 6, 0, "{mails} mails for 6 orders");
    shop.app.stop().await;
    stripe.stop().await;
}
