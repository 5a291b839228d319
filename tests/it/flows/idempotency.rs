//! The same `Idempotency-Key` and body give the first answer again.

use crate::kit::{TestShop, order_body};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_order_is_the_same_order() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let body = order_body(&design);
    let keyed = customer.clone().with_header("idempotency-key", "first");
    let one = keyed.post("/orders", &body).await;
    let two = keyed.post("/orders", &body).await;
    assert_eq!((one.status, two.status), (201, 201));
    assert_eq!(one.json(), two.json());
    assert_eq!(two.header("idempotent-replayed"), "true");
    let mut other = body.clone();
    other["note"] = json!("another");
    keyed.post("/orders", &other).await.refused(422, "idempotency_key_reused");
    // A refusal is an answer like any other: corrected input comes with a key of its own.
    let fresh = customer.clone().with_header("idempotency-key", "second");
    let refused = fresh.post("/orders", &json!({})).await.refused(422, "invalid_input");
    assert_eq!(fresh.post("/orders", &json!({})).await.refused(422, "invalid_input"), refused);
    fresh.post("/orders", &body).await.refused(422, "idempotency_key_reused");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_repeats_make_one_order() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let body = order_body(&design);
    let keyed = customer.clone().with_header("idempotency-key", "parallel");
    let answers = futures_util::future::join_all((0..20).map(|_| keyed.post("/orders", &body))).await;
    for answer in &answers {
        assert!(answer.status == 201 || answer.json()["code"] == "idempotency_in_progress", "{}", answer.text());
    }
    let orders = customer.get("/orders").await.ok();
    assert_eq!(orders["items"].as_array().unwrap().len(), 1);
    shop.app.stop().await;
}
