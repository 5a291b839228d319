//! The print is the preview, or nobody prints it; and a print that cannot be made says why.

use crate::kit::{TestShop, Visitor, order_body, photo};
use petstar::designs::DesignId;
use petstar::render::{Picture, encode_jpeg};
use petstar::stripe::sandbox::Action;
use petstar::web::Role;
use serde_json::{Value, json};

/// An order at its payment page whose approved preview shows something else than what is printed.
async fn order_with_another_preview(shop: &TestShop, customer: &Visitor) -> (String, String, String) {
    let design = shop.design(customer).await;
    let id = design["id"].as_str().unwrap().to_owned();
    let shown = customer.post(&format!("/designs/{id}/preview"), &json!({})).await.ok();
    let url = shown["preview_image_url"].as_str().unwrap();
    let jpeg = customer.get(url).await.body;
    let seen = petstar::render::photo::decode_trusted(&jpeg).unwrap();
    // As if another version of the program, or a broken disk, had shown the customer other pixels.
    let pixels = seen.pixels.iter().map(|value| 255 - value).collect();
    let other = Picture::new(seen.width, seen.height, 3, pixels).unwrap();
    let cached = shop.folder.data().join("cache/previews").join(url.rsplit('/').next().unwrap());
    std::fs::write(&cached, encode_jpeg(&other, 88).unwrap()).unwrap();
    let order = customer.post("/orders", &order_body(&design)).await.json();
    let order = order["id"].as_str().unwrap().to_owned();
    let checkout = customer.post(&format!("/orders/{order}/checkout"), &json!({})).await.ok();
    (id, order, checkout["order"]["stripe_checkout_session_id"].as_str().unwrap().to_owned())
}

async fn line_in(shop: &TestShop, staff: &Visitor, order: &str, production: &str) -> Value {
    let path = format!("/admin/orders/{order}");
    shop.until(&format!("the line to be {production}"), async || {
        let seen = staff.get(&path).await.ok();
        (seen["lines"][0]["production"] == production).then_some(seen)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_print_that_is_not_what_was_approved_is_held_shown_and_released() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let staff = shop.staff(Role::Manager).await;
    let (design, order, session) = order_with_another_preview(&shop, &customer).await;
    shop.sandbox().act(&session, Action::Pay).unwrap();
    shop.order_in(&customer, &order, "paid").await;
    shop.design_in(&customer, &design, "ready").await;
    let held = line_in(&shop, &staff, &order, "on_hold").await;
    let reason = held["lines"][0]["hold_reason"].as_str().unwrap();
    assert!(reason.contains("preview"), "{reason}");
    assert_eq!(held["attention"][0]["code"], "print_differs", "{held}");

    // Both pictures stand side by side; the customer's is the one that was approved, not one drawn since.
    let path = format!("/admin/orders/{order}");
    let page = staff.clone().with_header("accept", "text/html").get(&path).await.text();
    let print_url = format!("/admin/designs/{design}/print-preview");
    assert!(page.contains(&print_url) && page.contains("/previews/"), "{page}");
    let print = staff.get(&print_url).await;
    assert_eq!((print.status, print.header("content-type")), (200, "image/jpeg"));
    customer.get(&print_url).await.refused(401, "unauthorized");
    let front = staff.get("/admin").await.ok();
    assert!(front["needs"].to_string().contains(&path), "{front}");
    let told = shop
        .until("the owner's mail", async || {
            shop.outbox()
                .into_iter()
                .find(|mail| mail.contains("To: shop@localhost") && mail.contains("look at a print"))
        })
        .await;
    assert!(told.contains(&order), "{told}");

    // Rendered again it is still not what was approved.
    let viewer = shop.staff(Role::Viewer).await;
    let again_url = format!("/admin/designs/{design}/render");
    viewer.post(&again_url, &json!({})).await.refused(403, "forbidden");
    let job = staff.post(&again_url, &json!({})).await;
    assert_eq!(job.status, 202, "{}", job.text());
    shop.design_in(&customer, &design, "ready").await;
    assert_eq!(line_in(&shop, &staff, &order, "on_hold").await["attention"][0]["code"], "print_differs");

    let line = format!("{path}/lines/{}", held["lines"][0]["id"].as_str().unwrap());
    let released = staff.put(&line, &json!({"production": "ready_to_print"})).await.ok();
    assert_eq!((&released["lines"][0]["production"], &released["attention"]), (&json!("ready_to_print"), &json!([])));
    shop.app.stop().await;
}

/// Where the files of a design's first photo are: the original and its proxy.
fn photo_files(shop: &TestShop) -> Vec<std::path::PathBuf> {
    use sha2::Digest;
    let name = hex::encode(sha2::Sha256::digest(photo()));
    vec![shop.folder.data().join("blobs").join(&name[..2]).join(&name[2..4]).join(name)]
}

async fn failure_of(shop: &TestShop, staff: &Visitor, design: &str) -> String {
    let path = format!("/designs/{design}");
    shop.until("the render to fail", async || {
        let seen = staff.get(&path).await.ok();
        (seen["status"] == "failed").then(|| seen["failure_reason"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_print_that_cannot_be_made_says_why_in_words() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let staff = shop.staff(Role::Manager).await;
    let design = shop.design_with_photo(&customer).await["id"].as_str().unwrap().to_owned();
    let original = photo_files(&shop).remove(0);
    let kept = std::fs::read(&original).expect("the original is where its hash says");

    std::fs::remove_file(&original).unwrap();
    customer.post(&format!("/designs/{design}/finalize"), &json!({})).await.ok();
    let reason = failure_of(&shop, &staff, &design).await;
    assert!(reason.starts_with("missing file: a photo of the design"), "{reason}");
    // The customer is not told of files.
    let own = customer.get(&format!("/designs/{design}")).await.ok();
    assert!(own["failure_reason"].is_null(), "{own}");

    // Put back and tried again, it is made.
    std::fs::write(&original, kept).unwrap();
    customer.post(&format!("/designs/{design}/finalize"), &json!({})).await.ok();
    shop.until("the print", async || {
        let seen = customer.get(&format!("/designs/{design}")).await.ok();
        (seen["status"] == "ready").then_some(())
    })
    .await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_photo_is_named_as_such() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let staff = shop.staff(Role::Manager).await;
    let design = customer_design_with_large_photo(&shop, &customer).await;
    customer.post(&format!("/designs/{design}/finalize"), &json!({})).await.ok();
    let reason = failure_of(&shop, &staff, &design).await;
    assert!(reason.starts_with("damaged photo: "), "{reason}");
    let id: DesignId = design.parse().unwrap();
    assert!(petstar::designs::find(&shop.shop().store().read().unwrap(), id).unwrap().unwrap().final_picture.is_none());
    shop.app.stop().await;
}

/// A design whose photo is finer than its proxy, so that the print needs the original; which is then damaged.
async fn customer_design_with_large_photo(shop: &TestShop, customer: &Visitor) -> String {
    use sha2::Digest;
    let small = petstar::render::photo::decode_trusted(&photo()).unwrap();
    let jpeg = encode_jpeg(&small.resized(2400, 1596).unwrap(), 90).unwrap();
    let design = shop.design_with_photo(customer).await;
    let id = design["id"].as_str().unwrap().to_owned();
    let made = customer.upload(&format!("/designs/{id}/photos"), "cat.jpg", "image/jpeg", &jpeg).await;
    let mut params = design["params"].clone();
    for value in params.as_object_mut().unwrap().values_mut() {
        if value.get("photo_id").is_some() {
            value["photo_id"] = made.json()["id"].clone();
            value["zoom"] = json!(9.0);
        }
    }
    customer.put(&format!("/designs/{id}"), &json!({"params": params})).await.ok();
    let name = hex::encode(sha2::Sha256::digest(&jpeg));
    let file = shop.folder.data().join("blobs").join(&name[..2]).join(&name[2..4]).join(name);
    let mut bytes = std::fs::read(&file).unwrap();
    let half = bytes.len() / 2;
    bytes.truncate(200);
    bytes.resize(half, 0);
    std::fs::write(&file, bytes).unwrap();
    id
}
