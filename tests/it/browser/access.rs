//! axe-core on every page, in both languages, on both sizes, by day and by night.

use super::{Device, Settings, Window, axe, steps, story};
use crate::kit::{TestShop, Visitor, order_body};
use petstar::stripe::sandbox::Action;
use petstar::web::Role;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_open_to_all_in_english() {
    story(Settings { story: "pages-en", device: Device::Desktop, scripts: true, lang: "en" }, look_at_everything).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_open_to_all_in_japanese() {
    story(Settings { story: "pages-ja", device: Device::Desktop, scripts: true, lang: "ja" }, look_at_everything).await;
}

async fn look_at_everything(window: &Window, shop: &TestShop) {
    let customer = shop.visitor().with_header("accept-language", window.lang());
    let mut troubles = Vec::new();
    for (name, path) in shop_pages(shop, &customer, window.lang()).await {
        if name == "basket-empty" {
            window.forget_cookies().await;
        } else {
            window.become_visitor(&customer).await;
        }
        look_at(window, &name, &path, &mut troubles).await;
    }
    window.become_visitor(&owner(shop).await).await;
    window.go("/admin").await;
    let links = window.run("return [...document.querySelectorAll('.panel-links a[href^=\"/admin\"]')].map((a) => a.getAttribute('href'))", vec![]).await;
    let mut panel: Vec<(String, String)> = links
        .as_array()
        .expect("links")
        .iter()
        .map(|link| {
            let path = link.as_str().unwrap_or_default().to_owned();
            (path.trim_start_matches('/').replace('/', "-"), path)
        })
        .collect();
    window.go("/admin/orders").await;
    let orders = window.run("return [...document.querySelectorAll('.table a[href^=\"/admin/orders/\"]')].map((a) => a.getAttribute('href'))", vec![]).await;
    for (index, link) in orders.as_array().expect("links").iter().enumerate() {
        panel.push((format!("admin-order-{index}"), link.as_str().unwrap_or_default().to_owned()));
    }
    window.go("/admin/products").await;
    let product = window.attribute(".table a[href^='/admin/products/']", "href").await.expect("a product");
    panel.extend([
        ("admin-product".to_owned(), product.clone()),
        ("admin-product-new".to_owned(), "/admin/products/new".to_owned()),
        ("admin-layout".to_owned(), format!("{product}/layout?open=layer-0")),
        ("admin-layout-version".to_owned(), format!("{product}/layout/versions/1")),
    ]);
    for section in ["means", "privacy"] {
        panel.push((format!("admin-settings-{section}"), format!("/admin/settings?section={section}")));
    }
    window.go("/admin/staff").await;
    let sessions = window.attribute(".table a[href$='/sessions']", "href").await.expect("a member of the staff");
    panel.push(("admin-staff-sessions".to_owned(), sessions));
    window.go("/admin/customers").await;
    let customer = window.attribute(".table a[href^='/admin/customers/']", "href").await.expect("a customer");
    panel.push(("admin-customer".to_owned(), customer));
    for (name, path) in [
        ("admin-settings-brand", "/admin/settings?section=brand".to_owned()),
        ("admin-settings-delivery", "/admin/settings?section=delivery".to_owned()),
        ("admin-second-factor", "/admin/account/second-factor".to_owned()),
        ("admin-mail-texts", "/admin/mail-texts".to_owned()),
        ("admin-mail-text", format!("/admin/mail-texts/order_paid/{}", window.lang())),
    ] {
        panel.push((name.to_owned(), path));
    }
    assert!(panel.len() > 10, "the panel's pages and orders: {panel:?}");
    for (name, path) in &panel {
        look_at(window, name, path, &mut troubles).await;
    }
    window.forget_cookies().await;
    look_at(window, "admin-login", "/admin/login", &mut troubles).await;
    assert!(troubles.is_empty(), "{} findings:\n{}", troubles.len(), troubles.join("\n"));
}

async fn look_at(window: &Window, name: &str, path: &str, troubles: &mut Vec<String>) {
    window.go(path).await;
    if window.has("main.problem").await != (name == "problem") {
        troubles.push(format!("{name}: {path} is not the page it should be"));
    }
    for device in [Device::Desktop, Device::Phone] {
        window.hold_as(device).await;
        let shown = format!("{name}-{}", if device == Device::Phone { "phone" } else { "desktop" });
        for is_dark in [false, true] {
            window.set_dark(is_dark).await;
            let found = axe::findings(window, is_dark).await;
            let dark = if is_dark { "-dark" } else { "" };
            troubles.extend(found.into_iter().map(|line| format!("{shown}{dark}: {line}")));
            window.picture(&format!("{shown}{dark}")).await;
        }
        window.set_dark(false).await;
        troubles.extend(steps::too_wide(window).await.map(|over| format!("{shown}: {over} pixels too wide")));
    }
    troubles.extend(axe::bare_keys(window).await.into_iter().map(|key| format!("{name}: shows the key {key}")));
    window.hold_as(Device::Desktop).await;
}

/// Makes what there is to see, and gives a name and an address for each page of the shop.
async fn shop_pages(shop: &TestShop, customer: &Visitor, lang: &str) -> Vec<(String, String)> {
    let products = customer.get("/products?limit=100").await.ok();
    let items = products["items"].as_array().expect("products");
    let path = |kind: &str, thing: &Value| format!("/{kind}/{}", thing["id"].as_str().expect("an id"));
    let mut pages: Vec<(String, String)> = [
        ("basket-empty", "/basket"),
        ("front", "/"),
        ("products", "/products"),
        ("nothing-found", "/products?q=zzzzzzzz"),
        ("sign-in", "/sign-in"),
        ("terms", "/legal/terms"),
        ("privacy", "/legal/privacy"),
        ("seller", "/legal/seller"),
        ("problem", "/no-such-page"),
    ]
    .map(|(name, path)| (name.to_owned(), path.to_owned()))
    .to_vec();
    pages.push(("product".into(), format!("/products/{}", items[0]["slug"].as_str().expect("a slug"))));

    let empty = customer.post("/designs", &json!({"product_id": items[0]["id"]})).await.ok();
    pages.push(("editor-empty".into(), path("designs", &empty)));
    // The product with the most kinds of fields shows the most of the editor.
    let kinds = |product: &Value| {
        let fields = product["layout"]["fields"].as_array().expect("fields").iter();
        fields.map(|field| field["kind"].to_string()).collect::<std::collections::BTreeSet<_>>().len()
    };
    let richest = items.iter().max_by_key(|product| kinds(product)).expect("a product");
    let design = shop.design_of(customer, richest).await;
    pages.push(("editor".into(), path("designs", &design)));
    let shared = customer.post(&format!("{}/share", path("designs", &design)), &json!({})).await;
    if (200..300).contains(&shared.status) {
        let url = shared.json()["url"].as_str().unwrap_or_default().to_owned();
        pages.push(("share".into(), url));
    }
    let means = json!({"means": {
        "bank_transfer": true, "bank_account": {"ja": "みどり銀行 渋谷支店\n普通 1234567 カ）ペットノホシ", "en": "Green Bank, Shibuya\n1234567, Petstar"},
        "cash_on_delivery": true, "cash_on_delivery_fee": 330, "stall": true,
    }});
    shop.staff(Role::Owner).await.put("/admin/settings", &means).await.ok();
    customer.post("/basket", &json!({"design_id": design["id"], "quantity": 2})).await.ok();
    pages.push(("basket".into(), "/basket".into()));
    pages.push(("order-form".into(), "/orders/new".into()));
    let draft = customer.post("/orders", &order_body(&design)).await.ok();
    pages.push(("confirm".into(), format!("{}/confirm", path("orders", &draft))));
    let (waiting, session) = shop.order_at_checkout(customer).await;
    pages.push(("order-waiting".into(), path("orders", &waiting)));
    let base = shop.sandbox().base();
    pages.push(("payment".into(), format!("{base}/pay/{session}?lang={}", lang)));
    let (konbini, session) = shop.order_at_checkout(customer).await;
    let voucher = shop.sandbox().act(&session, Action::Konbini).expect("a voucher");
    pages.push(("voucher".into(), voucher));
    pages.push(("order-konbini".into(), path("orders", &konbini)));
    for (name, method) in [("order-placed", "bank_transfer"), ("order-at-the-door", "cash_on_delivery")] {
        let mut body = order_body(&shop.design(customer).await);
        body["payment_method"] = json!(method);
        let placed = customer.post("/orders", &body).await.ok();
        customer.post(&format!("{}/checkout", path("orders", &placed)), &json!({})).await.ok();
        pages.push((name.to_owned(), path("orders", &placed)));
    }
    let paid = shop.paid_order(customer).await;
    let id = paid["lines"][0]["design_id"].as_str().expect("a design");
    shop.design_in(customer, id, "ready").await;
    pages.push(("order-paid".into(), path("orders", &paid)));
    pages.push(("editor-locked".into(), format!("/designs/{id}")));
    pages.push(("orders".into(), "/orders".into()));
    pages
}

/// The owner, logged in.
pub async fn owner(shop: &TestShop) -> Visitor {
    let password = "a long and quiet password";
    petstar::people::commands::add_staff(shop.shop(), "owner@example.com", "Mika", Role::Owner, password)
        .await
        .expect("an owner");
    let owner = shop.visitor().browsing();
    let answer = owner.form("/admin/login", &[("email", "owner@example.com"), ("password", password)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    owner
}
