//! The owner makes products: from a copy, from nothing, with sizes and pictures; and takes them out again without breaking anything.

use crate::kit::{TestShop, Visitor, order_body, photo};
use petstar::web::Role;
use serde_json::{Value, json};

async fn product(manager: &Visitor, slug: &str) -> Value {
    let list = manager.get("/admin/products?limit=100").await.ok();
    let found = list["items"].as_array().unwrap().iter().find(|product| product["slug"] == slug);
    found.unwrap_or_else(|| panic!("no product {slug}")).clone()
}

fn path_of(product: &Value) -> String {
    format!("/admin/products/{}", product["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_made_of_another_or_of_nothing() {
    let shop = TestShop::start().await;
    let manager = shop.staff(Role::Manager).await;
    let original = product(&manager, "round-tag").await;
    let wish = json!({"copy_of": original["id"], "name": {"en": "Square Tag", "ja": "四角い迷子札"}});
    let made = manager.clone().with_header("idempotency-key", "one").post("/admin/products", &wish).await;
    assert_eq!((made.status, made.json()["slug"].clone()), (201, json!("square-tag")), "{}", made.text());
    let again = manager.clone().with_header("idempotency-key", "one").post("/admin/products", &wish).await;
    assert_eq!(again.json()["id"], made.json()["id"], "the same wish makes one product");
    let copy = made.json();
    assert_eq!((&copy["status"], &copy["layout_version"]), (&json!("archived"), &json!(1)));
    assert_ne!(copy["variants"][0]["id"], original["variants"][0]["id"]);
    assert_eq!(copy["variants"][0]["price"], original["variants"][0]["price"]);
    shop.visitor().get("/products/square-tag").await.refused(404, "not_found");
    manager.put(&path_of(&copy), &json!({"status": "active"})).await.ok();
    let shown = shop.visitor().get("/products/square-tag").await.ok();
    assert_eq!(shown["layout"], original["layout"]);
    let picture = shop.visitor().get(shown["image_url"].as_str().unwrap()).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/jpeg"));
    shop.design_of(&shop.visitor(), &shown).await;

    let taken = manager.post("/admin/products", &wish).await.refused(422, "invalid_input");
    assert_eq!(taken["errors"][0]["field"], "slug");
    let empty = json!({"kind": "canvas", "name": {"en": "Plain canvas", "ja": "無地のキャンバス"}, "width_mm": 300, "height_mm": "200", "price": 4980});
    let empty = manager.post("/admin/products", &empty).await.ok();
    assert_eq!((&empty["category"], &empty["variants"][0]["width_mm"]), (&json!("canvas"), &json!(300.0)));
    assert_eq!(empty["layout"]["fields"][0]["kind"], "photo");
    manager.put(&path_of(&empty), &json!({"status": "active"})).await.ok();
    shop.design_of(&shop.visitor(), &shop.visitor().get("/products/plain-canvas").await.ok()).await;

    // The form, without and with what it needs.
    let person = manager.clone().browsing();
    assert!(
        person
            .get(&format!("/admin/products/new?copy_of={}", original["id"].as_str().unwrap()))
            .await
            .text()
            .contains("selected")
    );
    let refused = person.form("/admin/products", &[("name.en", "Card"), ("kind", "flat"), ("width_mm", "wide")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Write the length in millimetres") && refused.text().contains("value=\"wide\""));
    let fields = [("name.en", "Card"), ("kind", "flat"), ("width_mm", "148"), ("height_mm", "105"), ("amount", "480")];
    let made = person.form("/admin/products", &fields).await;
    assert_eq!(made.status, 303, "{}", made.text());
    assert!(person.get(made.header("location")).await.text().contains("Card"));
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_come_go_and_come_back_and_break_nothing() {
    let shop = TestShop::start().await;
    let manager = shop.staff(Role::Manager).await;
    let (tag, customer) = (product(&manager, "round-tag").await, shop.visitor());
    let path = path_of(&tag);
    let design = shop.design_of(&customer, &tag).await;
    let size = design["variant_id"].clone();
    let base = &tag["variants"][0];
    let wrong = json!({"variants": [{"name": {"en": "Long"}, "width_mm": 40, "height_mm": 60, "price": 980}]});
    let problem = manager.put(&path, &wrong).await.refused(422, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], "variants.0.width_mm");
    let (width, height) = (base["width_mm"].as_f64().unwrap() * 1.5, base["height_mm"].as_f64().unwrap() * 1.5);
    let more = json!({"variants": [{"name": {"en": "Huge", "ja": "特大"}, "width_mm": width, "height_mm": height, "price": 2480, "place": 1}]});
    let changed = manager.put(&path, &more).await.ok();
    assert_eq!(changed["variants"][0]["name"], "Huge", "it was wished to the front");
    let huge = changed["variants"][0]["id"].clone();
    assert_eq!(changed["variants"].as_array().unwrap().len(), tag["variants"].as_array().unwrap().len() + 1);

    let gone = manager.put(&path, &json!({"variants": [{"id": size, "sold": false}]})).await.ok();
    assert_eq!(gone["former_variants"][0]["id"], size);
    let seen = customer.get(&format!("/designs/{}", design["id"].as_str().unwrap())).await.ok();
    assert_eq!((&seen["variant_id"], &seen["price"]), (&size, &design["price"]), "the design stays whole");
    assert_eq!(
        customer.clone().browsing().get(&format!("/designs/{}", design["id"].as_str().unwrap())).await.status,
        200
    );
    let problem = customer.post("/orders", &order_body(&design)).await.refused(422, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], "lines[0].design_id");
    let anew = json!({"product_id": tag["id"], "variant_id": size});
    customer.post("/designs", &anew).await.refused(422, "invalid_input");
    manager.put(&path, &json!({"variants": [{"id": size, "sold": "true"}]})).await.ok();
    assert_eq!(customer.post("/orders", &order_body(&design)).await.status, 201);

    let all: Vec<Value> = manager.get(&path).await.ok()["variants"].as_array().unwrap().clone();
    let none: Vec<Value> = all.iter().map(|variant| json!({"id": variant["id"], "sold": false})).collect();
    manager.put(&path, &json!({"variants": none})).await.refused(422, "invalid_input");
    let moved = manager.put(&path, &json!({"variants": [{"id": huge, "place": 99}]})).await.ok();
    assert_eq!(moved["variants"].as_array().unwrap().last().unwrap()["id"], huge);

    // Another address; the old one leads there, and nobody else may have it.
    manager.put(&path, &json!({"slug": "collar-tag", "category": "small-things"})).await.ok();
    assert_eq!(customer.get("/products/collar-tag").await.ok()["category"], "small-things");
    let old = customer.get("/products/round-tag").await;
    assert_eq!((old.status, old.header("location")), (308, "/products/collar-tag"));
    let other = path_of(&product(&manager, "paw-mug").await);
    manager.put(&other, &json!({"slug": "round-tag"})).await.refused(422, "invalid_input");
    manager.put(&other, &json!({"slug": "Round Tag"})).await.refused(422, "invalid_input");
    let wrong = petstar::app::check::rows(&shop.shop().store().read().unwrap(), &|_| true).unwrap();
    assert_eq!(wrong, Vec::<String>::new());
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_real_thing_take_the_samples_place() {
    let shop = TestShop::start().await;
    let manager = shop.staff(Role::Manager).await;
    let path = path_of(&product(&manager, "round-tag").await);
    let pictures = format!("{path}/pictures");
    let first = manager.upload(&pictures, "tag.jpg", "image/jpeg", &photo()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let second = manager.upload(&pictures, "tag.jpg", "image/jpeg", &photo()).await.ok();
    for (bytes, status, code) in [
        (&b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"[..], 415, "unsupported_media"),
        (&b"no picture"[..], 422, "image_unreadable"),
    ] {
        manager.upload(&pictures, "tag.jpg", "image/jpeg", bytes).await.refused(status, code);
    }
    let refused = manager.clone().browsing().upload(&pictures, "a.jpg", "image/jpeg", b"no picture").await;
    assert!(refused.status == 422 && refused.text().contains("id=\"file-error\""), "{}", refused.status);
    shop.staff(Role::Viewer).await.upload(&pictures, "a.jpg", "image/jpeg", &photo()).await.refused(403, "forbidden");

    let wish = json!({"pictures": [{"id": second["id"], "place": 1, "alt": {"en": "On a collar", "ja": "首輪に付けたところ"}}]});
    let changed = manager.put(&path, &wish).await.ok();
    assert_eq!(changed["pictures"][0]["id"], second["id"]);
    let shown = shop.visitor().get("/products/round-tag").await.ok();
    let image = shown["image_url"].as_str().unwrap();
    assert!(image.contains("-own-800"), "{image}");
    let got = shop.visitor().get(image).await;
    assert_eq!((got.status, got.header("content-type"), &got.body[..2]), (200, "image/jpeg", &[0xFF, 0xD8][..]));
    shop.visitor().get(&image.replace("-800", "-801")).await.refused(404, "not_found");
    let page = shop.visitor().browsing().with_header("accept-language", "ja").get("/products/round-tag").await.text();
    assert!(page.contains("alt=\"首輪に付けたところ\""));
    let swept = shop.shop().store().read().unwrap();
    let mut files = 0;
    petstar::designs::each_file(&swept, |what, blob| {
        if what.starts_with("a picture of the product") {
            assert!(petstar::designs::blobs_in_use(&swept, &blob.sha256)?, "the sweep would take it");
            files += 1;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(files, 2);
    let wish: Vec<Value> =
        changed["pictures"].as_array().unwrap().iter().map(|p| json!({"id": p["id"], "remove": true})).collect();
    manager.put(&path, &json!({"pictures": wish})).await.ok();
    let image = shop.visitor().get("/products/round-tag").await.ok()["image_url"].clone();
    assert!(!image.as_str().unwrap().contains("-own-"), "the sample is back");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_nobody_ever_used_is_deleted() {
    let shop = TestShop::start().await;
    let manager = shop.staff(Role::Manager).await;
    let tag = product(&manager, "round-tag").await;
    let wish = json!({"copy_of": tag["id"], "name": {"en": "Mistake", "ja": "間違い"}});
    let mistake = manager.post("/admin/products", &wish).await.ok();
    shop.design_of(&shop.visitor(), &tag).await;
    manager.delete(&path_of(&tag)).await.refused(409, "invalid_status_transition");
    manager.put(&path_of(&tag), &json!({"status": "archived"})).await.ok();
    let problem = manager.delete(&path_of(&tag)).await.refused(409, "invalid_status_transition");
    assert!(problem["detail"].as_str().unwrap().contains("stays archived"), "{problem}");
    assert_eq!(manager.delete(&path_of(&mistake)).await.status, 204);
    manager.get(&path_of(&mistake)).await.refused(404, "not_found");
    assert_eq!(manager.post("/admin/products", &wish).await.status, 201, "its address is free again");

    // A starter product that was deleted does not come back with the next start.
    let mug = product(&manager, "paw-mug").await;
    manager.put(&path_of(&mug), &json!({"status": "archived"})).await.ok();
    assert_eq!(manager.delete(&path_of(&mug)).await.status, 204);
    let audit = shop.staff(Role::Owner).await.get("/admin/audit?limit=100").await.ok();
    let actions =
        |name: &str| audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == name).count();
    assert_eq!((actions("product.created"), actions("product.deleted")), (2, 2));
    let shop = shop.restart().await;
    let manager = shop.staff(Role::Manager).await;
    manager.get(&path_of(&mug)).await.refused(404, "not_found");
    shop.app.stop().await;
}
