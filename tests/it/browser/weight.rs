//! A shop page is light, asks nobody else for anything, and its scripts and policy have nothing to complain about.

use super::{Device, Settings, steps, story};

/// Bytes over the wire with headers, without pictures.
const LIMIT: i64 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn shop_pages_are_light_and_keep_to_themselves() {
    let settings = Settings { story: "weight", device: Device::Phone, scripts: true, lang: "ja" };
    story(settings, async |window, shop| {
        let customer = shop.visitor();
        let design = shop.design(&customer).await;
        customer.post("/basket", &serde_json::json!({"design_id": design["id"], "quantity": 1})).await.ok();
        let (order, _) = shop.order_at_checkout(&customer).await;
        window.become_visitor(&customer).await;
        let products = customer.get("/products?limit=1").await.ok();
        let product = format!("/products/{}", products["items"][0]["slug"].as_str().expect("a slug"));
        let design = format!("/designs/{}", design["id"].as_str().expect("an id"));
        let order = format!("/orders/{}", order["id"].as_str().expect("an id"));
        for path in ["/", "/products", &product, &design, "/basket", &order, "/orders", "/sign-in", "/legal/terms"] {
            window.forget_cache().await;
            window.go(path).await;
            window.holds("document.fonts.status === 'loaded'").await;
            let script = "
                const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
                const isPicture = (one) => ['img', 'image'].includes(one.initiatorType) || /[.](jpe?g|png|webp)($|[?])/.test(one.name);
                return {
                    bytes: entries.filter((one) => !isPicture(one)).reduce((sum, one) => sum + one.transferSize, 0),
                    unknown: entries.filter((one) => one.transferSize === 0 && !isPicture(one) && !one.name.startsWith('data:')).map((one) => one.name),
                    foreign: entries.map((one) => one.name).filter((name) => !name.startsWith(location.origin) && !/^(data|blob):/.test(name)),
                    list: entries.map((one) => `${one.transferSize} ${one.name}`),
                }";
            let weight = window.run(script, vec![]).await;
            assert_eq!(weight["foreign"], serde_json::json!([]), "{path} asks others");
            assert_eq!(weight["unknown"], serde_json::json!([]), "{path}: the cache was not empty");
            let bytes = weight["bytes"].as_i64().expect("a number");
            assert!(bytes > 3000 && bytes < LIMIT, "{path} weighs {bytes} bytes: {:#}", weight["list"]);
            steps::fits(window, path).await;
            assert_eq!(window.console_errors().await, Vec::<String>::new(), "{path}");
        }
    })
    .await;
}
