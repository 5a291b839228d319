//! What lies around a photo comes from the renderer of the preview, belongs to its design, and stays while the photo moves.

use crate::kit::{TestShop, Visitor};
use image::RgbaImage;
use serde_json::{Value, json};

async fn product(visitor: &Visitor, slug: &str) -> Value {
    visitor.get(&format!("/products/{slug}")).await.ok()
}

async fn pixels(visitor: &Visitor, url: &Value) -> RgbaImage {
    let answer = visitor.get(url.as_str().expect("an address")).await;
    assert_eq!(answer.status, 200, "{url}");
    image::load_from_memory(&answer.body).expect("a picture").to_rgba8()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_over_layer_is_the_preview_without_what_lies_below() {
    let shop = TestShop::start().await;
    let (owner, stranger) = (shop.visitor(), shop.visitor());
    let product = product(&owner, "arch-portrait").await;
    let design = shop.design_of(&owner, &product).await;
    let path = format!("/designs/{}", design["id"].as_str().unwrap());
    let ask = json!({"field": "photo", "params": design["params"]});
    stranger.post(&format!("{path}/layers"), &ask).await.refused(404, "not_found");
    owner.post(&format!("{path}/layers"), &json!({"field": "no"})).await.refused(422, "invalid_input");

    let layers = owner.post(&format!("{path}/layers"), &ask).await.ok()["layers"].clone();
    assert_eq!(layers.as_array().map(Vec::len), Some(1), "{layers}");
    assert_eq!(layers[0]["under_url"], Value::Null, "the photo hides what is under it");
    let over = pixels(&owner, &layers[0]["over_url"]).await;
    let answer = owner.post(&format!("{path}/preview"), &json!({"params": design["params"]})).await.ok();
    let preview = pixels(&owner, &answer["preview_image_url"]).await;
    assert_eq!(over.dimensions(), preview.dimensions());
    let (mut solid, mut clear) = (0u32, 0u32);
    let mut difference = 0u64;
    for (over, preview) in over.pixels().zip(preview.pixels()) {
        match over[3] {
            255 => {
                solid += 1;
                difference += (0..3).map(|at| u64::from(over[at].abs_diff(preview[at]))).sum::<u64>();
            }
            0 => clear += 1,
            _ => {}
        }
    }
    assert!(solid > 10_000 && clear > 50_000, "{solid} pixels cover, {clear} do not");
    assert!(difference / u64::from(solid) < 12, "the same drawing, but for JPEG: {difference} over {solid} pixels");

    // Another place of the photo: the very same layers. Another name: others.
    let mut moved = ask.clone();
    moved["params"]["photo"]["zoom"] = json!(2.5);
    assert_eq!(owner.post(&format!("{path}/layers"), &moved).await.ok()["layers"], layers);
    moved["params"]["name"] = json!("Somebody else");
    assert_ne!(owner.post(&format!("{path}/layers"), &moved).await.ok()["layers"], layers);

    let name = layers[0]["over_url"].as_str().unwrap();
    let guessed = name.replace(&name[name.len() - 16..name.len() - 8], "00000000");
    stranger.get(&guessed).await.refused(404, "not_found");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_a_collage_have_their_own_layers_and_a_border_lies_over_its_photo() {
    let shop = TestShop::start().await;
    let owner = shop.visitor();
    let design = shop.design_of(&owner, &product(&owner, "four-snapshots").await).await;
    let path = format!("/designs/{}/layers", design["id"].as_str().unwrap());
    let mut urls = Vec::new();
    for field in ["photo1", "photo4"] {
        let layers = owner.post(&path, &json!({"field": field})).await.ok()["layers"].clone();
        urls.push(layers[0]["over_url"].as_str().expect("tape over every photo").to_owned());
    }
    assert_ne!(urls[0], urls[1]);
    let design = shop.design_of(&owner, &product(&owner, "washi-portrait").await).await;
    let path = format!("/designs/{}/layers", design["id"].as_str().unwrap());
    let layers = owner.post(&path, &json!({"field": "photo"})).await.ok()["layers"].clone();
    let over = pixels(&owner, &layers[0]["over_url"]).await;
    assert!(over.pixels().any(|pixel| pixel[3] == 255), "the border, at least");
    shop.app.stop().await;
}
