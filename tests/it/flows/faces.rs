//! Every page has two faces, headers that protect it, and refuses what other sites send.

use crate::kit::TestShop;
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_address_speaks_json_and_html() {
    let shop = TestShop::start().await;
    let script = shop.visitor();
    let person = shop.visitor().browsing();
    let design = shop.design(&script).await;
    let order = script.post("/orders", &crate::kit::order_body(&design)).await.ok();
    let slug = script.get("/products").await.ok()["items"][0]["slug"].as_str().unwrap().to_owned();
    let own = script.clone().browsing();
    let paths = [
        "/products".to_owned(),
        format!("/products/{slug}"),
        format!("/designs/{}", design["id"].as_str().unwrap()),
        format!("/orders/{}", order["id"].as_str().unwrap()),
        "/orders".to_owned(),
        "/basket".to_owned(),
    ];
    for path in &paths {
        let json = script.get(path).await;
        assert_eq!((json.status, json.header("content-type")), (200, "application/json"), "{path}");
        let page = own.get(path).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        assert!(page.text().starts_with("<!doctype html>"), "{path}");
        assert!(page.header("content-security-policy").contains("script-src 'self'"), "{path}");
        assert!(page.header("vary").contains("accept"), "{path}");
        let fragment = own.clone().with_header("hx-request", "true").get(path).await;
        assert!(!fragment.text().contains("<html"), "{path} as a fragment");
        let japanese = own.clone().with_header("accept-language", "ja").get(path).await;
        assert!(japanese.text().contains("<html lang=\"ja\">"), "{path} in Japanese");
        assert!(!page.text().contains(" style=\""), "{path} has inline styles");
    }
    for path in ["/", "/sign-in", "/legal/terms", "/legal/privacy", "/legal/seller", "/admin/login"] {
        let page = person.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text());
    }
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_have_two_faces_too() {
    let shop = TestShop::start().await;
    let problem = shop.visitor().get("/products/no-such-thing").await.refused(404, "not_found");
    assert!(problem["instance"].as_str().unwrap().starts_with("urn:uuid:"));
    let page = shop.visitor().browsing().get("/no/such/page").await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
    shop.visitor().get("/no/such/page").await.refused(404, "not_found");
    // A page that says no is a page of the shop like any other: what lies in the basket is still counted.
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    customer.post("/basket", &json!({"design_id": design["id"]})).await.ok();
    let missing = customer.browsing().get("/no/such/page").await.text();
    assert!(missing.contains("<span class=\"basket-count\">1</span>"), "{missing}");
    shop.visitor().delete("/products").await.refused(405, "method_not_allowed");
    shop.visitor().send("POST", "/designs", Some("application/json"), b"{".to_vec()).await.refused(400, "invalid_json");
    let wrong = shop.visitor().post("/designs", &json!({})).await.refused(422, "invalid_input");
    assert_eq!(wrong["errors"][0]["field"], "product_id");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_from_another_site_is_refused() {
    let shop = TestShop::start().await;
    let body = json!({"email": "a@example.com"});
    let evil = shop.visitor().with_header("origin", "https://evil.example").with_header("sec-fetch-site", "cross-site");
    evil.post("/sign-in", &body).await.refused(403, "cross_site");
    let own = shop.visitor().with_header("origin", &format!("http://{}", shop.app.address));
    assert!(own.post("/sign-in", &body).await.status < 400);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_routes_want_a_log_in_and_the_right_role() {
    let shop = TestShop::start().await;
    let paths = [
        "/admin",
        "/admin/orders",
        "/admin/coupons",
        "/admin/jobs",
        "/admin/mails",
        "/admin/audit",
        "/admin/settings",
        "/admin/staff",
        "/admin/tokens",
    ];
    let owner = shop.staff(Role::Owner).await;
    let viewer = shop.staff(Role::Viewer).await;
    for path in paths {
        shop.visitor().get(path).await.refused(401, "unauthorized");
        let page = shop.visitor().browsing().get(path).await;
        assert_eq!(page.status, 303, "{path}");
        assert!(page.header("location").starts_with("/admin/login"), "{path}");
        assert_eq!(owner.get(path).await.status, 200, "{path}");
        let seen = viewer.get(path).await.status;
        let expected = if ["/admin/staff", "/admin/tokens"].contains(&path) { 403 } else { 200 };
        assert_eq!(seen, expected, "{path} by a viewer");
    }
    shop.visitor().with_token("petstar_wrong").get("/products").await.refused(401, "unauthorized");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_told_when_to_come_back() {
    let shop = TestShop::start_with(&[("PETSTAR_LIMITS__LOGIN", "3")]).await;
    let visitor = shop.visitor();
    let body = json!({"email": "a@example.com", "password": "wrong"});
    let mut last = visitor.post("/admin/login", &body).await;
    for _ in 0..4 {
        last = visitor.post("/admin/login", &body).await;
    }
    last.refused(429, "rate_limited");
    assert!(last.header("retry-after").parse::<u32>().unwrap() >= 1);
    shop.app.stop().await;
}
