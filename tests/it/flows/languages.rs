//! A language is switched off: visitors are not offered it, and whoever ordered in it before is still written to in it.

use crate::kit::{TestShop, order_body};
use petstar::stripe::sandbox::Action;
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_language_is_switched_off_and_on() {
    let shop = TestShop::start().await;
    let owner = shop.staff(Role::Owner).await;
    let english = shop.visitor().with_header("accept-language", "en, ja;q=0.5");
    let order = english.post("/orders", &order_body(&shop.design(&english).await)).await.ok();
    let person = english.clone().browsing();
    let chosen = person.form("/language", &[("lang", "en")]).await;
    assert_eq!(chosen.status, 303);
    assert!(person.get("/").await.text().contains("action=\"/language\""));
    assert!(person.get("/sitemap.xml").await.text().contains("hreflang=\"en\""));

    let refused = owner.put("/admin/settings", &json!({"languages": ["ja"]})).await.refused(422, "invalid_input");
    assert_eq!(refused["errors"][0]["field"], "languages", "the main language stays");
    owner.put("/admin/settings", &json!({"languages": []})).await.refused(422, "invalid_input");
    owner.put("/admin/settings", &json!({"languages": ["ja", "fr"]})).await.refused(422, "invalid_input");
    let form = [("section", "shop"), ("language", "en"), ("languages[]", ""), ("languages[]", "ja")];
    let page = owner.clone().browsing().form("/admin/settings?_method=PUT", &form).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("The main language cannot be switched off"), "{}", page.text());
    let set = owner.put("/admin/settings", &json!({"language": "ja", "languages": ["ja"]})).await.ok();
    assert_eq!((&set["language"], &set["languages"]), (&json!("ja"), &json!(["ja"])));

    // Neither the browser's wish, nor what was chosen once, nor an address brings it back.
    for path in ["/", "/?lang=en", "/products", "/sign-in", "/no-such-page"] {
        let page = person.get(path).await.text();
        assert!(page.contains("<html lang=\"ja\">") && !page.contains("action=\"/language\""), "{path}: {page}");
    }
    assert!(!person.get("/sitemap.xml").await.text().contains("hreflang"));
    let refused = english.post("/language", &json!({"lang": "en"})).await.refused(422, "invalid_input");
    assert_eq!(refused["errors"][0]["field"], "lang");

    // The order of before keeps its language: its customer can read it.
    let id = order["id"].as_str().unwrap();
    let checkout = english.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    shop.sandbox().act(checkout["order"]["stripe_checkout_session_id"].as_str().unwrap(), Action::Pay).unwrap();
    shop.order_in(&english, id, "paid").await;
    let seen = owner.get(&format!("/admin/orders/{id}")).await.ok();
    let mails = seen["mails"].as_array().unwrap().iter();
    let receipt = mails.into_iter().find(|mail| mail["kind"] == "order_paid").expect("a mail");
    assert!(receipt["subject"].as_str().unwrap().is_ascii(), "{receipt}");

    // The panel speaks all of them, whoever works in it.
    let staff = owner.clone().browsing().with_header("accept-language", "en");
    assert!(staff.get("/admin/settings").await.text().contains("<html lang=\"en\">"));
    assert!(staff.get("/").await.text().contains("<html lang=\"ja\">"));
    assert_eq!(staff.form("/language", &[("lang", "en"), ("next", "/admin/account")]).await.status, 303);

    // What becomes the main language is on offer with that.
    let set = owner.put("/admin/settings", &json!({"language": "en"})).await.ok();
    assert_eq!(set["languages"], json!(["en", "ja"]));
    assert!(person.get("/").await.text().contains("action=\"/language\""));
    shop.app.stop().await;
}
