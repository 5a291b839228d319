//! A disk without room: said in plain words, pages still served, and it goes on by itself when there is room.

use crate::kit::TestShop;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_nothing_else() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let path = format!("/designs/{}", design["id"].as_str().unwrap());
    shop.shop().store().set_reserve(u64::MAX);
    let problem =
        customer.put(&path, &json!({"params": design["params"], "name": "Pochi"})).await.refused(507, "disk_full");
    assert!(problem["detail"].as_str().unwrap().contains("safe"));
    assert_eq!(customer.get(&path).await.ok()["version"], design["version"]);
    assert_eq!(shop.visitor().browsing().get("/products").await.status, 200);
    shop.shop().store().set_reserve(0);
    assert_eq!(customer.put(&path, &json!({"params": design["params"], "name": "Pochi"})).await.ok()["name"], "Pochi");
    shop.app.stop().await;
}
