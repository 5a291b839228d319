//! The owner changes what is sold: prices, stock, and what is in the shop at all.

use crate::kit::TestShop;
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn prices_stock_and_state_are_changed_in_the_panel() {
    let shop = TestShop::start().await;
    let manager = shop.staff(Role::Manager).await;
    let person = manager.clone().browsing();
    let list = manager.get("/admin/products?limit=100").await.ok();
    let product = list["items"].as_array().unwrap().iter().find(|product| product["slug"] == "round-tag").unwrap();
    let (path, slug) = (format!("/admin/products/{}", product["id"].as_str().unwrap()), "/products/round-tag");
    let variant = &product["variants"][0];
    assert!(person.get("/admin/products").await.text().contains(product["name"].as_str().unwrap()));
    assert!(person.get(&path).await.text().contains(&variant["price"].to_string()));

    let changed =
        manager.put(&path, &json!({"variants": [{"id": variant["id"], "price": 1480, "stock": 3}]})).await.ok();
    assert_eq!((&changed["variants"][0]["price"], &changed["variants"][0]["stock"]), (&json!(1480), &json!(3)));
    assert_eq!(changed["variants"][1], product["variants"][1], "what is left out stays");
    assert_eq!(shop.visitor().get(slug).await.ok()["variants"][0]["price"], 1480, "customers see it at once");
    let wrong = json!({"variants": [{"id": variant["id"], "price": -1}]});
    let problem = manager.put(&path, &wrong).await.refused(422, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], "variants.0.price");

    // The form of the page, as a browser sends it, with the version it was made from.
    let fields = [
        ("version", "2"),
        ("variants.0.id", variant["id"].as_str().unwrap()),
        ("variants.0.amount", "1,280"),
        ("variants.0.stock", ""),
        ("status", "active"),
    ];
    let form = format!("{path}?_method=PUT");
    let saved = person.form(&form, &fields).await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (303, format!("{path}?saved=yes").as_str()),
        "{}",
        saved.text()
    );
    let now = manager.get(&path).await.ok();
    assert_eq!((&now["variants"][0]["price"], &now["variants"][0]["stock"]), (&json!(1280), &json!(null)));
    assert_eq!(person.form(&form, &fields).await.status, 412, "the page is older than the product");

    // Texts, in every language; one that is empty is named.
    let texts = json!({"name": {"en": "Collar tag", "ja": "首輪の迷子札"}, "description": {"en": "Round.", "ja": "丸い札です。"}});
    let named = manager.put(&path, &json!({"texts": texts})).await.ok();
    assert_eq!((&named["name"], &named["description"]), (&json!("Collar tag"), &json!("Round.")));
    let japanese = shop.visitor().with_header("accept-language", "ja");
    assert_eq!(japanese.get(slug).await.ok()["name"], "首輪の迷子札");
    let mut empty = texts.clone();
    empty["name"]["ja"] = json!(" ");
    let problem = manager.put(&path, &json!({"texts": empty})).await.refused(422, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], "texts.name.ja");

    manager.put(&path, &json!({"status": "archived"})).await.ok();
    shop.visitor().get(slug).await.refused(404, "not_found");
    shop.visitor().post("/designs", &json!({"product_id": product["id"]})).await.refused(422, "invalid_input");
    assert_eq!(manager.get(&path).await.ok()["status"], "archived", "the staff still see it");

    for role in [Role::Viewer, Role::Printer] {
        shop.staff(role).await.put(&path, &json!({"status": "active"})).await.refused(403, "forbidden");
    }
    assert_eq!(shop.staff(Role::Viewer).await.get(&path).await.status, 200);
    shop.staff(Role::Printer).await.get(&path).await.refused(403, "forbidden");
    let audit = shop.staff(Role::Owner).await.get("/admin/audit?limit=100").await.ok();
    let changes = audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "product.changed");
    assert_eq!(changes.count(), 4);
    shop.app.stop().await;
}
