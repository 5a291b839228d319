//! Notes about a design: shown with the order form, ticked or not, and what was not ticked is shown to staff.

use crate::kit::{TestShop, order_body};
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_ticked_for_one_piece_and_staff_see_the_others() {
    let shop = TestShop::start().await;
    let (customer, staff) = (shop.visitor(), shop.staff(Role::Owner).await.browsing());
    let poster = customer.get("/products/star-portrait").await.ok();
    let largest = poster["variants"].as_array().unwrap().last().unwrap()["id"].clone();
    let (mut designs, mut ticks) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let design = shop.design_of(&customer, &poster).await;
        let design = customer
            .put(&format!("/designs/{}", design["id"].as_str().unwrap()), &json!({"variant_id": largest}))
            .await
            .ok();
        let small = design["warnings"].as_array().unwrap().iter().find(|warning| warning["code"] == "photo_too_small");
        let field = small.expect("a small photo on a large poster")["field"].as_str().unwrap();
        ticks.push(format!("photo_too_small:{}:{field}", design["id"].as_str().unwrap()));
        let added = customer.post("/basket", &json!({"design_id": design["id"], "quantity": 1})).await;
        assert_eq!(added.status, 201, "{}", added.text());
        designs.push(design);
    }
    let lines = json!([{"design_id": designs[0]["id"], "quantity": 1}, {"design_id": designs[1]["id"], "quantity": 1}]);
    let noted = "The customer did not tick";
    for (ticked, is_noted) in [
        (json!([ticks[0]]), true),
        (json!(ticks), false),
        (json!(["photo_too_small"]), false),
        (json!(["<script>", "other"]), true),
    ] {
        let mut body = order_body(&designs[0]);
        (body["lines"], body["accepted_warnings"]) = (lines.clone(), ticked.clone());
        let order = customer.post("/orders", &body).await;
        assert_eq!(order.status, 201, "{}", order.text());
        let order = order.json();
        assert!(!order["accepted_warnings"].to_string().contains('<'));
        let seen = staff.get(&format!("/admin/orders/{}", order["id"].as_str().unwrap())).await.text();
        assert_eq!(seen.contains(noted), is_noted, "{ticked}");
    }
    let form = customer.clone().browsing().get("/orders/new").await.text();
    for tick in &ticks {
        assert_eq!(form.matches(tick.as_str()).count(), 1, "one box for each poster");
    }

    // What was ticked in the form is not taken for what the warning says once the photo is made larger.
    let from = form.find(ticks[0].as_str()).unwrap();
    let tick = form[from..].split('"').next().unwrap();
    let mut body = order_body(&designs[0]);
    body["accepted_warnings"] = json!([tick]);
    let order = customer.post("/orders", &body).await.json();
    let page = format!("/admin/orders/{}", order["id"].as_str().unwrap());
    assert!(!staff.get(&page).await.text().contains(noted));
    let mut params = designs[0]["params"].clone();
    params["photo"]["zoom"] = json!(4);
    customer.put(&format!("/designs/{}", designs[0]["id"].as_str().unwrap()), &json!({"params": params})).await.ok();
    assert!(staff.get(&page).await.text().contains(noted));
    shop.app.stop().await;
}
