//! What holds for all routes together.

use crate::kit::TestShop;

#[tokio::test(flavor = "multi_thread")]
async fn the_api_document_describes_every_route() {
    let shop = TestShop::start().await;
    let document = shop.visitor().get("/openapi.json").await.ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/products",
        "/designs/{id}/preview",
        "/orders/{id}/checkout",
        "/webhooks/stripe",
        "/admin/orders",
        "/jobs/{id}",
        "/healthz",
    ] {
        assert!(paths.contains_key(path), "{path} is missing");
    }
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let is_described = operation["summary"].as_str().is_some_and(|text| !text.is_empty());
            assert!(is_described, "{method} {path} says nothing about itself");
            assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path} has no answers");
        }
    }
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_answer() {
    let shop = TestShop::start().await;
    assert_eq!(shop.visitor().get("/healthz").await.status, 200);
    let ready = shop.visitor().get("/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.text());
    assert!(shop.visitor().get("/metrics").await.text().contains("petstar_requests_total"));
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_packed_and_kept_for_ever() {
    let shop = TestShop::start().await;
    let url = petstar::web::assets::url("css/shop.css");
    let visitor = shop.visitor().with_header("accept-encoding", "gzip");
    let asset = visitor.get(&url).await;
    assert_eq!(asset.status, 200);
    assert!(asset.header("cache-control").contains("immutable"));
    let again = visitor.clone().with_header("if-none-match", asset.header("etag")).get(&url).await;
    assert_eq!(again.status, 304);
    assert_eq!(visitor.get("/assets/css/none.css").await.status, 404);
    shop.app.stop().await;
}
