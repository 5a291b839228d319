//! The shop in its own clothes: colours that everybody can read on, and a logo wherever the name stood.

use crate::kit::{TestShop, photo};
use petstar::web::Role;
use serde_json::json;

const SVG: &[u8] = br##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100"><rect width="100" height="100" rx="20" fill="#2f6b4f"/><circle cx="250" cy="50" r="40" fill="#e8b23a"/></svg>"##;

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_checked_and_reach_every_page_without_inline_styles() {
    let shop = TestShop::start().await;
    let owner = shop.staff(Role::Owner).await;
    let visitor = shop.visitor().browsing();
    assert!(!visitor.get("/").await.text().contains("/brand/"), "no sheet while the colours are ours");

    let pale = owner.put("/admin/settings", &json!({"brand": {"accent": "#ffd1dc", "highlight": "#101010"}})).await;
    let told = pale.refused(422, "invalid_input")["errors"].to_string();
    assert!(told.contains("1.3 : 1") && told.contains("brand.highlight") && told.contains("darker"), "{told}");
    let settings = owner.put("/admin/settings", &json!({"brand": {"accent": "#2F6B4F"}})).await.ok();
    assert_eq!((&settings["brand"]["accent"], &settings["brand"]["highlight"]), (&json!("#2f6b4f"), &json!("")));
    for path in ["/", "/products", "/admin/login"] {
        let page = visitor.get(path).await;
        let at = page.text().find("/brand/").unwrap_or_else(|| panic!("{path} has no sheet"));
        let address = page.text()[at..].split('"').next().unwrap().to_owned();
        let sheet = visitor.get(&address).await;
        assert_eq!((sheet.status, sheet.header("content-type")), (200, "text/css; charset=utf-8"));
        assert!(sheet.header("cache-control").contains("immutable") && sheet.text().contains("--action:#2f6b4f;"));
        assert!(page.header("content-security-policy").contains("style-src 'self';"));
    }
    assert_eq!(visitor.get("/brand/000000000000.css").await.status, 404);
    owner.put("/admin/settings", &json!({"brand": {"accent": "#bf4228"}})).await.ok();
    assert!(!visitor.get("/").await.text().contains("/brand/"), "our own colour is no colour of theirs");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logo_stands_where_the_name_stood() {
    let shop = TestShop::start().await;
    let owner = shop.staff(Role::Owner).await;
    let customer = shop.visitor();
    let put = async |name: &str, kind: &str, bytes: &[u8]| {
        let answer = owner.upload("/admin/settings/logo?_method=PUT", name, kind, bytes).await;
        (answer.status, answer.text())
    };
    // What is no picture, or one with more in it than shapes, changes nothing.
    let script = br#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>alert(1)</script><rect width="9" height="9"/></svg>"#;
    let deep = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">{}", "<g>".repeat(200_000));
    for (name, bytes, status) in [
        ("a.svg", &script[..], 422),
        ("deep.svg", deep.as_bytes(), 422),
        ("a.png", b"hello", 422),
        ("a.gif", b"GIF89a and so on", 415),
    ] {
        let (got, text) = put(name, "image/png", bytes).await;
        assert_eq!(got, status, "{name}: {text}");
    }
    assert_eq!(owner.get("/admin/settings").await.ok()["brand"]["logo"], json!(null));
    shop.staff(Role::Viewer)
        .await
        .upload("/admin/settings/logo?_method=PUT", "a.svg", "", SVG)
        .await
        .refused(403, "forbidden");

    let (status, text) = put("logo.svg", "image/svg+xml", SVG).await;
    assert_eq!(status, 200, "{text}");
    let logo = owner.get("/admin/settings").await.ok()["brand"]["logo"].clone();
    assert_eq!((&logo["width"], &logo["height"]), (&json!(480), &json!(120)));
    let path = format!("/brand/logo-{}.png", logo["hash"].as_str().unwrap());
    let picture = customer.get(&path).await;
    assert!(
        picture.status == 200
            && picture.body.starts_with(b"\x89PNG")
            && picture.header("cache-control").contains("immutable")
    );
    let page = customer.clone().browsing().get("/").await.text();
    assert!(page.contains(&path) && page.contains(r#"width="160" height="40""#), "{page}");

    // In mails, and on papers.
    let order = shop.paid_order(&customer).await;
    // Long lines of a mail are broken, and put together again by whoever reads it.
    let shows_logo = |mail: &String| mail.replace("=\r\n", "").contains("/brand/logo-");
    shop.until("a mail with the logo", async || shop.outbox().iter().any(shows_logo).then_some(())).await;
    let paper = async || {
        let id = order["id"].as_str().unwrap();
        String::from_utf8_lossy(&owner.get(&format!("/orders/{id}/documents/invoice")).await.body).into_owned()
    };
    assert!(paper().await.contains("/Subtype /Image"));

    // A photo is a logo as well; and the name comes back.
    let (status, text) = put("cat.jpg", "image/jpeg", &photo()).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(customer.get(&path).await.status, 404, "the old one is gone");
    assert_eq!(owner.delete("/admin/settings/logo").await.status, 200);
    assert!(
        !customer.clone().browsing().get("/").await.text().contains("/brand/")
            && !paper().await.contains("/Subtype /Image")
    );
    let log = owner.get("/admin/audit?action=settings.changed").await.ok();
    assert_eq!(log["items"].as_array().unwrap().len(), 3);
    shop.app.stop().await;
}
