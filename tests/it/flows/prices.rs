//! What is said beside a price is what the settings say, and what a sum shows adds up.

use crate::kit::TestShop;
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn prices_say_whether_the_tax_is_in_them() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let id = design["id"].as_str().unwrap();
    customer.post("/basket", &json!({"design_id": id, "quantity": 1})).await.ok();
    let person = customer.clone().browsing();
    let editor = format!("/designs/{id}");
    let product = format!("/products/{}", customer.get("/products").await.ok()["items"][0]["slug"].as_str().unwrap());
    assert!(person.get(&editor).await.text().contains("tax included"));
    assert!(person.get(&product).await.text().contains("Tax included."));
    assert!(person.get("/basket").await.text().contains("of which tax 10 %"));
    let owner = shop.staff(Role::Owner).await;
    owner.put("/admin/settings", &json!({"tax": {"included": "off"}})).await.ok();
    let page = person.get(&editor).await.text();
    assert!(page.contains("plus tax") && !page.contains("tax included"), "{page}");
    assert!(person.get(&product).await.text().contains("Tax is added when you order."));
    for path in ["/basket", "/orders/new"] {
        let page = person.get(path).await.text();
        assert!(page.contains("Tax 10 %") && !page.contains("of which tax"), "{path}: {page}");
    }
    shop.app.stop().await;
}
