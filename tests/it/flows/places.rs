//! Somebody wants the sky over their town and knows its name, not its degrees.

use crate::kit::TestShop;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_town_is_found_by_its_name_and_its_sky_is_drawn() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let found = customer.get("/places?q=kyo&limit=3").await.ok();
    let kyoto = &found["items"][0];
    assert_eq!((&kyoto["name"], &kyoto["lat"], &kyoto["lon"]), (&json!("Kyoto"), &json!(35.02), &json!(135.75)));
    assert!(found["items"].as_array().unwrap().len() <= 3 && found["next"].is_null());
    let japanese = customer.clone().with_header("accept-language", "ja").get("/places?q=london").await.ok();
    assert_eq!(
        (&japanese["items"][0]["name"], &japanese["items"][0]["country"]),
        (&json!("ロンドン"), &json!("イギリス"))
    );
    assert_eq!(customer.get("/places").await.ok()["items"], json!([]));
    customer.get("/places?q=k&after=kyoto").await.refused(422, "invalid_input");
    customer.get("/places?q=k&limit=0").await.refused(422, "invalid_input");
    let page = customer.clone().browsing().get("/places?q=kyo").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("35.02, 135.75"));

    // Without a script the name alone is enough.
    let products = customer.get("/products?limit=100").await.ok();
    let product = products["items"].as_array().unwrap().iter().find(|product| product["slug"] == "night-sky").unwrap();
    let design = shop.design_of(&customer, product).await;
    let path = format!("/designs/{}", design["id"].as_str().unwrap());
    let photo_id = design["params"]["photo"]["photo_id"].as_str().unwrap();
    let variant_id = design["variant_id"].as_str().unwrap();
    let fields = [
        ("variant_id", variant_id),
        ("params.photo.photo_id", photo_id),
        ("params.name.text", "Mika"),
        ("params.day", "2019-04-02"),
        ("params.place.name", "京都"),
        ("params.place.lat", ""),
        ("params.place.lon", ""),
        ("then", "save"),
    ];
    let saved = customer.clone().browsing().form(&format!("{path}?_method=PUT"), &fields).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let design = customer.get(&path).await.ok();
    assert_eq!(design["params"]["place"], json!({"name": "京都", "lat": 35.02, "lon": 135.75}));

    // Another hour is another sky.
    let preview = async |params: Value| {
        let answer = customer.post(&format!("{path}/preview"), &json!({"params": params})).await.ok();
        customer.get(answer["preview_image_url"].as_str().unwrap()).await.body
    };
    let evening = preview(design["params"].clone()).await;
    let mut later = design["params"].clone();
    later["hour"] = json!("h24");
    assert!(evening != preview(later).await);
    shop.app.stop().await;
}
