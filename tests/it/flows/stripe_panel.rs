//! What the owner sees of Stripe: the log of its events, and the check that says what does not fit.

use crate::kit::{Folder, TestShop};
use petstar::kernel::Moment;
use petstar::shop::clock::Clock;
use petstar::stripe::sandbox::{Action, Sandbox, SandboxConfig, Secrets};
use petstar::stripe::signature;
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_as_they_came_and_can_be_processed_again() {
    let shop = TestShop::start_quiet(None).await;
    let customer = shop.visitor();
    let paid = shop.paid_order(&customer).await;
    let staff = shop.staff(Role::Manager).await;
    for (who, status) in
        [(shop.visitor(), 401), (shop.staff(Role::Printer).await, 403), (shop.staff(Role::Viewer).await, 403)]
    {
        assert_eq!(who.get("/admin/stripe-events").await.status, status);
        assert_eq!(who.get("/admin/stripe-events/evt_x").await.status, status);
    }
    let settled = shop
        .until("the events to be worked on", async || {
            let list = staff.get("/admin/stripe-events?outcome=settled").await.ok();
            (list["items"].as_array().unwrap().len() >= 2).then_some(list)
        })
        .await;
    let event = &settled["items"][0];
    assert_eq!(event["order_number"], paid["order_number"]);
    let path = format!("/admin/stripe-events/{}", event["id"].as_str().unwrap());
    assert_eq!(staff.get(&path).await.ok()["body"]["id"], event["id"]);
    let page = staff.clone().with_header("accept", "text/html").get(&path).await.text();
    assert!(page.contains(paid["order_number"].as_str().unwrap()) && page.contains("&#34;api_version&#34;"), "{page}");
    assert_eq!(staff.post(&format!("{path}/process"), &json!({})).await.ok()["outcome"], "waiting");
    shop.until("it to be settled again", async || (staff.get(&path).await.ok()["outcome"] == "settled").then_some(()))
        .await;
    let first = staff.get("/admin/stripe-events?limit=1").await.ok();
    let second =
        staff.get(&format!("/admin/stripe-events?limit=1&after={}", first["next"].as_str().unwrap())).await.ok();
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    staff.get("/admin/stripe-events?outcome=lost").await.refused(422, "invalid_input");
    staff.get("/admin/stripe-events/evt_none").await.refused(404, "not_found");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_says_what_does_not_fit() {
    // On the owner's desk: no keys, and the shop hears itself.
    let desk = TestShop::start().await;
    let owner = desk.staff(Role::Owner).await;
    let found = owner.get("/admin/stripe").await.ok();
    let codes: Vec<&str> = found["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert_eq!((codes.as_slice(), found["ok"].as_bool()), (["no_keys", "heard"].as_slice(), Some(true)));
    desk.staff(Role::Manager).await.get("/admin/stripe").await.refused(403, "forbidden");
    let page = owner.with_header("accept", "text/html").get("/admin/stripe").await.text();
    assert!(page.contains("checkout.session.completed") && page.contains("/webhooks/stripe"));

    // A clock that is off is told from the webhooks alone.
    let body = json!({"id": "evt_1", "type": "moon.rose"}).to_string();
    let secret = desk.shop().webhook_secrets()[0].clone();
    let early = signature::sign(body.as_bytes(), &secret, desk.shop().now().plus_seconds(-120));
    let stripe = desk.visitor().with_header("stripe-signature", &early);
    assert_eq!(stripe.send("POST", "/webhooks/stripe", Some("application/json"), body.into_bytes()).await.status, 200);
    let needs = desk.staff(Role::Owner).await.get("/admin").await.ok();
    assert!(needs["needs"].to_string().contains("120"), "{needs}");
    desk.app.stop().await;

    // With keys of a server that speaks Stripe's language, two secrets, and an address nobody else reaches.
    let folder = Folder::new();
    let secrets = Secrets { secret_key: "sk_test_1".into(), webhook_secret: "whsec_old".into() };
    let now = || Moment(1_779_339_600_000);
    let server =
        Sandbox::start(SandboxConfig::new("127.0.0.1:0".parse().unwrap(), folder.path().join("s.jsonl"), secrets, now));
    let server = server.await.unwrap();
    let base = server.base().to_owned();
    let settings = [
        ("PETSTAR_STRIPE__SECRET_KEY", "sk_test_1"),
        ("PETSTAR_STRIPE__WEBHOOK_SECRET", "whsec_new,whsec_old"),
        ("PETSTAR_STRIPE__API_BASE", base.as_str()),
    ];
    let shop = TestShop::start_on(folder, Clock::fixed(now()), &settings).await;
    let (text, is_fine) = petstar::payments::check_stripe(shop.shop()).await;
    assert!(!is_fine, "{text}");
    for words in
        ["for tests", "2 webhook secrets", "Stripe answers", "No webhook endpoint", "cannot reach it", "has arrived"]
    {
        assert!(text.contains(words), "nothing about “{words}” in {text}");
    }
    assert!(!text.contains("whsec_new") && !text.contains("sk_test_1"), "{text}");
    // Both secrets are taken while they are rotated.
    server.deliver_to(Some(format!("http://{}/webhooks/stripe", shop.app.address)));
    let customer = shop.visitor();
    let (order, session) = shop.order_at_checkout(&customer).await;
    server.act(&session, Action::Pay).unwrap();
    shop.order_in(&customer, order["id"].as_str().unwrap(), "paid").await;
    // The shop takes its own signature, of course. That Stripe signs with another secret shows in what came from there.
    let body = json!({"id": "evt_2", "type": "moon.rose"}).to_string();
    let theirs = signature::sign(body.as_bytes(), "whsec_of_the_dashboard", shop.shop().now());
    let stripe = shop.visitor().with_header("stripe-signature", &theirs);
    assert_eq!(stripe.send("POST", "/webhooks/stripe", Some("application/json"), body.into_bytes()).await.status, 400);
    let (text, _) = petstar::payments::check_stripe(shop.shop()).await;
    assert!(text.contains("signature fits no secret of ours"), "{text}");
    server.stop().await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_at_a_store_is_told_how_and_reminded() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let (order, session) = shop.order_at_checkout(&customer).await;
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    shop.sandbox().act(&session, Action::Konbini).unwrap();
    let waiting = shop
        .until("the payment to be processing", async || {
            let order = customer.get(&path).await.ok();
            (order["payment_status"] == "processing").then_some(order)
        })
        .await;
    let how = waiting["payment_instructions"]["url"].as_str().unwrap().to_owned();
    assert!(waiting["payment_instructions"]["expires_at"].is_string());
    let page = customer.clone().browsing().get(&path).await.text();
    assert!(page.contains("id=\"pay-how\"") && page.contains(&how), "{page}");
    let mails = async |count: usize| {
        shop.until("the mails", async || (shop.outbox().len() >= count).then_some(())).await;
        assert_eq!(shop.outbox().len(), count);
    };
    mails(1).await;
    for _ in 0..2 {
        petstar::payments::remind(shop.shop()).await.unwrap();
    }
    mails(1).await;
    shop.clock.advance_seconds(2 * 86_400 + 3600);
    for _ in 0..2 {
        petstar::payments::remind(shop.shop()).await.unwrap();
    }
    mails(2).await;
    shop.clock.advance_seconds(86_400);
    shop.sandbox().tick().unwrap();
    shop.until("the time to be over", async || {
        (customer.get(&path).await.ok()["payment_status"] == "failed").then_some(())
    })
    .await;
    mails(3).await;
    assert!(customer.get(&path).await.ok()["payment_instructions"].is_null());
    let again = customer.post(&format!("{path}/checkout"), &json!({})).await.ok();
    let session = again["order"]["stripe_checkout_session_id"].as_str().unwrap();
    shop.sandbox().act(session, Action::Pay).unwrap();
    shop.order_in(&customer, order["id"].as_str().unwrap(), "paid").await;
    shop.app.stop().await;
}
