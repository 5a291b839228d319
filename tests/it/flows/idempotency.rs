//! The same `Idempotency-Key` and body give the first answer again.

use crate::kit::{TestShop, order_body, photo};
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
async fn whatever_is_made_is_made_once() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let order = shop.paid_order(&customer).await;
    let design = shop.design(&customer).await;
    let id = design["id"].as_str().unwrap();
    let reorder = format!("/orders/{}/reorder", order["id"].as_str().unwrap());
    for (path, body) in [
        ("/designs", json!({"product_id": design["product_id"]})),
        ("/basket", json!({"design_id": id, "quantity": 2})),
        ("/orders", order_body(&design)),
        (&reorder, json!({})),
    ] {
        for face in ["application/json", "text/html"] {
            let keyed =
                customer.clone().with_header("accept", face).with_header("idempotency-key", &format!("{path} {face}"));
            let (one, two) = (keyed.post(path, &body).await, keyed.post(path, &body).await);
            assert!(one.status == 201 || one.status == 303, "{path}: {} {}", one.status, one.text());
            assert_eq!(
                (one.status, one.header("location"), &one.body),
                (two.status, two.header("location"), &two.body)
            );
            assert_eq!(one.header("content-type"), two.header("content-type"), "{path}");
            assert_eq!((one.header("idempotent-replayed"), two.header("idempotent-replayed")), ("", "true"), "{path}");
        }
    }
    assert_eq!(customer.get("/basket").await.ok()["lines"][0]["quantity"], 4, "twice two");
    let keyed = customer.clone().with_header("idempotency-key", "photo");
    let upload = async || keyed.upload(&format!("/designs/{id}/photos"), "cat.jpg", "image/jpeg", &photo()).await.ok();
    assert_eq!(upload().await, upload().await);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_request_is_known_again_without_a_cookie() {
    let shop = TestShop::start().await;
    let product = shop.visitor().get("/products").await.ok()["items"][0]["id"].clone();
    let body = json!({"product_id": product});
    let key = "8c9f2f0a-3d7e-4e57-8f4b-0b8b7f6f2a11";
    // The first answer is lost, and with it the cookie.
    let first = shop.visitor().with_header("idempotency-key", key).post("/designs", &body).await.ok();
    let again = shop.visitor();
    let repeated = again.clone().with_header("idempotency-key", key).post("/designs", &body).await;
    assert_eq!((repeated.status, repeated.header("idempotent-replayed")), (201, "true"));
    assert_eq!(repeated.json(), first);
    assert_eq!(again.get(&format!("/designs/{}", first["id"].as_str().unwrap())).await.status, 200, "it is theirs");
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
