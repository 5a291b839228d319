//! A design goes on on another device, two devices change it at once, and only a look at it is passed on.

use crate::kit::{TestShop, Visitor};
use serde_json::{Value, json};

async fn link(owner: &Visitor, design: &Value) -> String {
    let id = design["id"].as_str().expect("an id");
    owner.get(&format!("/designs/{id}/resume")).await.ok()["url"].as_str().expect("a link").to_owned()
}

fn path(design: &Value) -> String {
    format!("/designs/{}", design["id"].as_str().expect("an id"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_the_design_on_a_phone() {
    let shop = TestShop::start().await;
    let (owner, phone, stranger) = (shop.visitor(), shop.visitor(), shop.visitor());
    let product = owner.get("/products/arch-portrait").await.ok();
    let design = shop.design_of(&owner, &product).await;
    stranger.get(&format!("{}/resume", path(&design))).await.refused(404, "not_found");
    let page = owner.clone().browsing().get(&format!("{}/resume", path(&design))).await;
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"));
    assert!(page.text().contains("class=\"qr\"") && page.text().contains("/r/"), "{}", page.text());

    // Looking at the link changes nothing: mail and chat programs do it too.
    let url = link(&owner, &design).await;
    let offer = phone.clone().browsing().get(&url).await;
    assert_eq!(offer.status, 200);
    assert!(offer.text().contains("method=\"post\"") && offer.text().contains("noindex"));
    phone.get(&path(&design)).await.refused(404, "not_found");

    assert_eq!(phone.post(&url, &json!({})).await.ok()["design_id"], design["id"]);
    let seen = phone.get(&path(&design)).await.ok();
    assert_eq!(seen["params"], design["params"]);
    let photo = seen["params"].as_object().expect("params").values().find_map(|value| value["photo_id"].as_str());
    let proxy = format!("{}/photos/{}", path(&design), photo.expect("a photo"));
    assert_eq!(phone.get(&proxy).await.status, 200, "its photos come along");
    phone.put(&path(&design), &json!({"name": "from the phone", "version": seen["version"]})).await.ok();
    assert_eq!(owner.get(&path(&design)).await.ok()["name"], "from the phone");
    // Once it is open here, the link leads straight to it.
    let again = phone.clone().browsing().get(&url).await;
    assert_eq!((again.status, again.header("location")), (303, path(&design).as_str()));

    shop.clock.advance_seconds(24 * 3600);
    stranger.get(&url).await.refused(404, "not_found");
    stranger.post(&url, &json!({})).await.refused(404, "not_found");
    let over = stranger.clone().browsing().get(&url).await;
    assert!(over.status == 404 && over.text().contains("This link has ended"), "{}", over.text());
    assert_eq!(phone.get(&path(&design)).await.status, 200, "what was opened stays open");
    stranger.post("/r/AAAA", &json!({})).await.refused(404, "not_found");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_no_more_devices_than_anybody_has_and_unlocks_nothing() {
    let shop = TestShop::start().await;
    let owner = shop.visitor();
    let (order, _) = shop.order_at_checkout(&owner).await;
    let design = owner.get(&format!("/designs/{}", order["lines"][0]["design_id"].as_str().unwrap())).await.ok();
    let url = link(&owner, &design).await;
    let phone = shop.visitor();
    phone.post(&url, &json!({})).await.ok();
    phone.put(&path(&design), &json!({"params": design["params"]})).await.refused(409, "design_locked");
    for _ in 1..20 {
        shop.visitor().post(&url, &json!({})).await.ok();
    }
    shop.visitor().post(&url, &json!({})).await.refused(409, "conflict");
    phone.post(&url, &json!({})).await.ok();
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_devices_is_asked_before_it_overwrites() {
    let shop = TestShop::start().await;
    let owner = shop.visitor();
    let design = shop.design(&owner).await;
    let (path, version) = (path(&design), design["version"].as_u64().expect("a version"));
    owner.put(&path, &json!({"name": "first", "version": version})).await.ok();
    owner.put(&path, &json!({"name": "second", "version": version})).await.refused(412, "stale_version");
    assert_eq!(owner.get(&path).await.ok()["name"], "first");

    // Without a script the page comes back with what was typed, and the button then means it.
    let person = owner.clone().browsing();
    let form = |version: u64| {
        [
            ("params.name.text".to_owned(), "Typed here".to_owned()),
            ("version".into(), version.to_string()),
            ("then".into(), "save".into()),
        ]
    };
    let send = async |version: u64| {
        let fields = form(version);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        person.form(&format!("{path}?_method=PUT"), &fields).await
    };
    let refused = send(version).await;
    assert_eq!(refused.status, 412, "{}", refused.text());
    assert!(refused.text().contains("changed on another device") && refused.text().contains("Typed here"));
    let current = version + 1;
    assert!(refused.text().contains(&format!("name=\"version\" value=\"{current}\"")), "{}", refused.text());
    assert!(!owner.get(&path).await.text().contains("Typed here"));
    assert_eq!(send(current).await.status, 303);
    assert!(owner.get(&path).await.text().contains("Typed here"));
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_link_shows_and_does_not_open() {
    let shop = TestShop::start().await;
    let (owner, friend) = (shop.visitor(), shop.visitor());
    let design = shop.design(&owner).await;
    let url =
        owner.post(&format!("{}/share", path(&design)), &json!({})).await.ok()["url"].as_str().unwrap().to_owned();
    let page = friend.clone().browsing().get(&url).await.text();
    for part in [
        "noindex",
        "property=\"og:image\" content=\"http",
        "og:image:width",
        "summary_large_image",
        "name=\"product_id\"",
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(
        !page.contains(design["id"].as_str().unwrap()) || !page.contains("href=\"/designs/"),
        "no way to change it"
    );
    let picture =
        page.split("og:image\" content=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a picture");
    let picture = friend.get(picture).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/jpeg"));
    friend.get(&path(&design)).await.refused(404, "not_found");
    // "Make your own" begins a design of the friend's own.
    let made =
        friend.clone().browsing().form("/designs", &[("product_id", design["product_id"].as_str().unwrap())]).await;
    assert_eq!(made.status, 303);
    assert_eq!(friend.get(made.header("location")).await.ok()["product_id"], design["product_id"]);
    shop.app.stop().await;
}
