//! A piece in use: on the product's page, in the editor, and for nobody else.

use crate::kit::TestShop;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_is_shown_where_it_will_live() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let path = format!("/designs/{}", design["id"].as_str().unwrap());

    // The product's page has a picture of it, which anybody may see.
    let products = customer.get("/products?limit=100").await.ok();
    let product = products["items"].as_array().unwrap().iter().find(|product| product["id"] == design["product_id"]);
    let page =
        customer.clone().browsing().get(&format!("/products/{}", product.unwrap()["slug"].as_str().unwrap())).await;
    let text = page.text();
    let url = text
        .split('"')
        .find(|part| part.starts_with("/pictures/") && part.contains("-m") && part.ends_with("-800.jpg"));
    let url = url.expect("a mock-up on the page");
    let picture = shop.visitor().get(&url.replace("-800.", "-200.")).await;
    assert_eq!(picture.status, 200);
    let decoded = image::load_from_memory(&picture.body).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (200, 200));
    assert_eq!(shop.visitor().get(&url.replace("-800.", "-201.")).await.status, 404);
    assert_eq!(shop.visitor().get(&url.replace("-m", "-n")).await.status, 404);

    // So has the editor: of what is saved, by its link, and of what is not, by asking.
    let editor = customer.clone().browsing().get(&format!("{path}?view=mockup")).await.text();
    let saved = editor.split('"').find(|part| part.starts_with("/previews/") && part.ends_with("-mockup.jpg"));
    let saved = saved.expect("the mock-up of the saved design").to_owned();
    let asked = customer.post(&format!("{path}/preview?view=mockup"), &json!({})).await.ok();
    assert_eq!(asked["preview_image_url"], saved, "the same design is the same picture");
    let flat = customer.post(&format!("{path}/preview"), &json!({})).await.ok();
    assert_ne!(flat["preview_image_url"], saved);
    let picture = customer.get(&saved).await;
    assert_eq!(picture.status, 200);
    assert_eq!(image::load_from_memory(&picture.body).unwrap().width(), 800);

    // Its name cannot be made from another, and others cannot ask for it.
    let (id, end) = saved.rsplit_once("-mockup").unwrap();
    let (last, other) = if id.ends_with('0') { ('0', "1") } else { (id.chars().last().unwrap(), "0") };
    let guessed = format!("{}{other}-mockup{end}", id.strip_suffix(last).unwrap());
    assert_eq!(customer.get(&guessed).await.status, 404);
    let flat = flat["preview_image_url"].as_str().unwrap();
    assert_eq!(customer.get(&flat.replace("-800.", "-mockup.")).await.status, 404);
    let other = shop.visitor();
    assert_eq!(other.post(&format!("{path}/preview?view=mockup"), &json!({})).await.status, 404);

    assert_eq!(customer.post(&format!("{path}/preview?view=upside-down"), &json!({})).await.status, 422);
    assert_eq!(customer.post(&format!("{path}/preview?view=mockup&quality=high"), &json!({})).await.status, 422);
    shop.app.stop().await;
}
