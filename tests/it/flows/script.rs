//! A script that knows only the contract: designs every starter product from `layout.fields`, orders all, pays, reads the ends.

use crate::kit::{TestShop, address};
use petstar::stripe::sandbox::Action;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_starter_product_can_be_ordered_from_its_description() {
    let shop = TestShop::start().await;
    let script = shop.visitor();
    let products = script.get("/products?limit=100").await.ok();
    let products = products["items"].as_array().unwrap();
    assert!(products.len() >= 8, "{} products", products.len());
    let mut kinds: Vec<&str> = products.iter().map(|product| product["category"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert!(kinds.len() >= 5, "{kinds:?}");

    let mut lines = Vec::new();
    for product in products {
        let design = shop.design_of(&script, product).await;
        let id = design["id"].as_str().unwrap();
        let preview = script.post(&format!("/designs/{id}/preview"), &json!({})).await.ok();
        assert_eq!(preview["params_crc32"], design["params_crc32"], "{}", product["slug"]);
        let picture = script.get(preview["preview_image_url"].as_str().unwrap()).await;
        assert_eq!(picture.status, 200);
        let decoded = image::load_from_memory(&picture.body).unwrap();
        assert_eq!(decoded.width().max(decoded.height()), 800, "{}", product["slug"]);
        let finalized = script.post(&format!("/designs/{id}/finalize"), &json!({})).await;
        assert_eq!(finalized.status, 202, "{}", finalized.text());
        lines.push(json!({"design_id": id, "quantity": 1}));
    }
    let order = script
        .post("/orders", &json!({"lines": lines, "email": "script@example.com", "shipping_address": address()}))
        .await
        .ok();
    let id = order["id"].as_str().unwrap();
    let checkout = script.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    let session = checkout["order"]["stripe_checkout_session_id"].as_str().unwrap();
    shop.sandbox().act(session, Action::Pay).unwrap();
    let paid = shop.order_in(&script, id, "paid").await;
    for line in paid["lines"].as_array().unwrap() {
        let design = line["design_id"].as_str().unwrap();
        let ready = shop.design_in(&script, design, "ready").await;
        assert_ne!(ready["final_image_url"], Value::Null);
    }
    shop.app.stop().await;
}
