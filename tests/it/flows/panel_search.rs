//! Finding orders: by anything that stands on them, while typing, with typing errors, narrowed; and with the index lost.

use crate::kit::{Folder, TestShop, Visitor, fill, order_body, program};
use petstar::web::Role;
use serde_json::{Value, json};

/// A draft order for one piece with `words` on it, for somebody.
async fn order(shop: &TestShop, words: &str, name: &str, email: &str, city: &str) -> Value {
    let customer = shop.visitor();
    let product = customer.get("/products/round-tag").await.ok();
    let made = customer.post("/designs", &json!({"product_id": product["id"]})).await.json();
    let id = made["id"].as_str().unwrap();
    let mut params = fill(&product["layout"]["fields"], &json!(null));
    for value in params.as_object_mut().unwrap().values_mut() {
        if value.as_str().is_some_and(|text| text.contains("ポチ") || text.contains("Chelsea")) {
            *value = json!(words);
        }
    }
    let design = customer.put(&format!("/designs/{id}"), &json!({"params": params})).await.ok();
    let mut body = order_body(&design);
    body["email"] = json!(email);
    body["shipping_address"]["name"] = json!(name);
    body["shipping_address"]["name_kana"] = json!(if name.starts_with("佐藤") { "さとう　ﾐｶ" } else { "" });
    body["shipping_address"]["city"] = json!(city);
    let made = customer.post("/orders", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

async fn found(staff: &Visitor, query: &[(&str, &str)]) -> Vec<String> {
    let path = format!("/admin/orders?{}", serde_urlencoded::to_string(query).unwrap());
    let page = staff.get(&path).await.ok();
    page["items"].as_array().unwrap().iter().map(|item| item["order_number"].as_str().unwrap().to_owned()).collect()
}

/// Waits for the index, then looks.
async fn finds(shop: &TestShop, staff: &Visitor, query: &str, expected: &[&str]) {
    let wait = async || (found(staff, &[("q", query)]).await == expected).then_some(());
    shop.until(&format!("“{query}” to find {expected:?}"), wait).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_found_by_what_stands_on_them() {
    let shop = TestShop::start().await;
    let first = order(&shop, "Momo", "佐藤 美香", "mika@example.jp", "渋谷区").await;
    shop.clock.advance_seconds(86_400);
    let second = order(&shop, "ハナ", "Anna Berg", "anna.berg@example.com", "横浜市").await;
    let (one, two) = (first["order_number"].as_str().unwrap(), second["order_number"].as_str().unwrap());
    let staff = shop.staff(Role::Viewer).await;
    finds(&shop, &staff, "渋谷", &[one]).await;
    finds(&shop, &staff, "横浜", &[two]).await;
    for (query, expected) in [
        ("佐藤美香", one),
        ("さとう", one),
        ("サトウミカ", one),
        ("ｻﾄｳ ﾐｶ", one),
        ("美", one),
        ("mika@exa", one),
        ("momo", one),
        ("はな", two),
        ("ハナ", two),
        ("an", two),
        ("anna bergg", two),
        (&two[3..], two),
    ] {
        assert_eq!(found(&staff, &[("q", query)]).await, [expected], "{query}");
    }
    let bare = two.trim_start_matches("PS-").trim_start_matches('0');
    assert_eq!(found(&staff, &[("q", bare)]).await[0], two, "before those that only have the number in their address");
    assert_eq!(found(&staff, &[("q", "example")]).await, [two, one], "newest first");
    assert_eq!(found(&staff, &[("q", "dinosaur")]).await, Vec::<String>::new());
    let product = first["lines"][0]["product_id"].as_str().unwrap();
    assert_eq!(found(&staff, &[("product", product)]).await, [two, one]);
    assert_eq!(found(&staff, &[("product", product), ("status", "paid")]).await, Vec::<String>::new());
    assert_eq!(found(&staff, &[("q", "example"), ("product", product), ("to", "2026-05-21")]).await, [one]);
    assert_eq!(found(&staff, &[("q", "example"), ("from", "2026-05-22"), ("status", "draft")]).await, [two]);
    assert_eq!(found(&staff, &[("q", "example"), ("status", "shipped")]).await, Vec::<String>::new());
    let page = staff.get("/admin/orders?q=example&limit=1").await.ok();
    let next = page["next"].as_str().unwrap();
    assert_eq!(found(&staff, &[("q", "example"), ("limit", "1"), ("after", next)]).await, [one]);
    staff.get("/admin/orders?product=tag").await.refused(422, "invalid_input");

    // How the name is read is stored in one kind of kana, shown to staff, and finds the customer too.
    let shown = staff.get(&format!("/admin/orders/{}", first["id"].as_str().unwrap())).await.ok();
    assert_eq!(shown["shipping_address"]["name_kana"], "サトウ ミカ");
    let page = staff.clone().browsing().get(&format!("/admin/orders/{}", first["id"].as_str().unwrap())).await.text();
    assert!(page.contains("サトウ ミカ"), "{page}");
    for typed in ["さとう", "サトウ", "ｻﾄｳ"] {
        let path = format!("/admin/customers?{}", serde_urlencoded::to_string([("q", typed)]).unwrap());
        let customers = staff.get(&path).await.ok();
        assert_eq!(customers["items"][0]["email"], "mika@example.jp", "{typed}: {customers}");
        assert_eq!(customers["items"].as_array().unwrap().len(), 1, "{customers}");
        assert_eq!(customers["items"][0]["name_kana"], "サトウ ミカ");
    }

    // The print room finds by number and by the words on the piece, and learns nothing about people.
    let printer = shop.staff(Role::Printer).await;
    assert_eq!(found(&printer, &[("q", "ハナ")]).await, [two]);
    assert_eq!(found(&printer, &[("q", "佐藤")]).await, Vec::<String>::new());
    assert_eq!(found(&printer, &[("q", "さとう")]).await, Vec::<String>::new());
    assert_eq!(found(&printer, &[("q", "mika")]).await, Vec::<String>::new());

    // As one types, the list alone is sent.
    let typing = staff.clone().with_header("accept", "text/html").with_header("hx-request", "true");
    let list = typing.get("/admin/orders?q=momo").await.text();
    assert!(list.trim_start().starts_with("<div id=\"order-list\"") && list.contains(one) && !list.contains(two));

    // A change of address is found, and not by the old one any more.
    let path = format!("/orders/{}", first["id"].as_str().unwrap());
    let owner = shop.staff(Role::Owner).await;
    owner.get(&path).await.ok();

    // Without its index the shop goes on, and makes it again at the next start.
    let TestShop { app, clock, folder } = shop;
    app.stop().await;
    std::fs::remove_dir_all(folder.data().join("index-orders")).unwrap();
    let shop = TestShop::start_on(folder, clock, &[]).await;
    let staff = shop.staff(Role::Viewer).await;
    assert_eq!(found(&staff, &[("q", two)]).await, [two], "by its number at once");
    assert_eq!(found(&staff, &[("q", "ｻﾄｳ")]).await, [one], "and by how the name is read");
    finds(&shop, &staff, "渋谷", &[one]).await;
    shop.app.stop().await;
}

#[test]
fn reindex_tells_how_many_orders_there_are() {
    let folder = Folder::new();
    let told = program::run(&folder, &["reindex"], "");
    assert!(String::from_utf8_lossy(&told.stdout).contains("Orders in it: 0."), "{told:?}");
}
