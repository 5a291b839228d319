//! From an empty folder to a paid and rendered order.

use crate::kit::{TestShop, order_body};
use petstar::stripe::sandbox::Action;
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_designs_orders_and_pays_and_the_print_is_ready() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let (order, session) = shop.order_at_checkout(&customer).await;
    let id = order["id"].as_str().unwrap();
    assert_eq!(
        (order["status"].as_str(), order["payment_status"].as_str()),
        (Some("pending_payment"), Some("pending"))
    );

    shop.sandbox().act(&session, Action::Pay).unwrap();
    let paid = shop.order_in(&customer, id, "paid").await;
    assert_eq!(paid["payment_status"], "succeeded");
    assert!(paid["paid_at"].is_string());
    assert!(paid["stripe_payment_intent_id"].is_string());

    let design = paid["lines"][0]["design_id"].as_str().unwrap().to_owned();
    let ready = shop.design_in(&customer, &design, "ready").await;
    assert_eq!(ready["final_image_url"], json!(format!("/admin/designs/{design}/final")));
    let path = format!("/orders/{id}");
    let line = shop
        .until("the line to be ready to print", async || {
            let order = customer.get(&path).await.ok();
            (order["lines"][0]["production"] == "ready_to_print").then(|| order["lines"][0].clone())
        })
        .await;
    assert_eq!(line["quantity"], 1);

    // The print file is for staff only, and has the product's size plus bleed at its resolution.
    customer.get(&format!("/admin/designs/{design}/final")).await.refused(401, "unauthorized");
    let staff = shop.staff(Role::Printer).await;
    let print = staff.get(&format!("/admin/designs/{design}/final")).await;
    assert_eq!((print.status, print.header("content-type")), (200, "image/png"));
    let products = customer.get("/products?limit=100").await.ok();
    let product =
        products["items"].as_array().unwrap().iter().find(|p| p["id"] == ready["product_id"]).unwrap().clone();
    let variant =
        product["variants"].as_array().unwrap().iter().find(|v| v["id"] == ready["variant_id"]).unwrap().clone();
    let layout = &product["layout"];
    let pixels = |side: &str| {
        let mm = variant[side].as_f64().unwrap() + 2.0 * layout["bleed_mm"].as_f64().unwrap();
        (mm * layout["dpi"].as_f64().unwrap() / 25.4).round() as u32
    };
    let size = image::ImageReader::new(std::io::Cursor::new(&print.body)).with_guessed_format().unwrap();
    assert_eq!(size.into_dimensions().unwrap(), (pixels("width_mm"), pixels("height_mm")));

    // The same as PDF, with and without crop marks, the same bytes each time.
    let pdf = format!("/admin/designs/{design}/final?format=pdf");
    customer.get(&pdf).await.refused(401, "unauthorized");
    let sheet = staff.get(&pdf).await;
    assert_eq!((sheet.status, sheet.header("content-type")), (200, "application/pdf"));
    assert!(sheet.header("content-disposition").ends_with(".pdf\""));
    assert!(sheet.body.starts_with(b"%PDF-1.7") && sheet.body.ends_with(b"%%EOF\n"));
    assert!(sheet.body == staff.get(&pdf).await.body, "the same design gives the same bytes");
    let marked = staff.get(&format!("{pdf}&marks=1")).await;
    assert_eq!(marked.status, 200);
    assert!(marked.body != sheet.body && marked.header("content-disposition").ends_with("-marks.pdf\""));
    staff.get(&format!("/admin/designs/{design}/final?format=tiff")).await.refused(422, "invalid_input");

    // One mail to the customer, one to the owner.
    let mails = shop
        .until("two mails", async || {
            let mails = shop.outbox();
            (mails.len() >= 2).then_some(mails)
        })
        .await;
    assert_eq!(mails.len(), 2, "{mails:?}");
    let number = paid["order_number"].as_str().unwrap();
    for to in ["mika@example.com", "shop@localhost"] {
        let of: Vec<_> = mails.iter().filter(|mail| mail.contains(&format!("To: {to}"))).collect();
        assert_eq!(of.len(), 1, "mails to {to}");
        assert!(of[0].contains(number));
    }
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_leaves_the_order_to_be_paid_again() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let (order, session) = shop.order_at_checkout(&customer).await;
    let id = order["id"].as_str().unwrap();
    shop.sandbox().act(&session, Action::Decline).unwrap();
    // Stripe's page stays open after a declined card, so the same session is given again.
    let again = customer.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    assert_eq!(again["order"]["status"], "pending_payment");
    let session = again["order"]["stripe_checkout_session_id"].as_str().unwrap().to_owned();
    shop.sandbox().act(&session, Action::Pay).unwrap();
    shop.order_in(&customer, id, "paid").await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_things_do_not_exist() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let stranger = shop.visitor();
    let design = shop.design(&customer).await;
    let design_path = format!("/designs/{}", design["id"].as_str().unwrap());
    stranger.get(&design_path).await.refused(404, "not_found");
    stranger.put(&design_path, &json!({"params": {}})).await.refused(404, "not_found");
    let mut body = order_body(&design);
    let problem = stranger.post("/orders", &body).await.refused(422, "invalid_input");
    assert!(problem["errors"][0]["field"].as_str().unwrap().contains("design_id"), "{problem}");
    body["lines"][0]["quantity"] = json!(0);
    customer.post("/orders", &body).await.refused(422, "invalid_input");
    body["lines"][0]["quantity"] = json!(2);
    let order = customer.post("/orders", &body).await;
    assert_eq!(order.status, 201);
    let order = order.json();
    stranger.get(&format!("/orders/{}", order["id"].as_str().unwrap())).await.refused(404, "not_found");
    assert_eq!(order["subtotal"].as_i64().unwrap(), order["lines"][0]["unit_price"].as_i64().unwrap() * 2);
    let sum =
        ["subtotal_after_discount", "shipping_fee", "payment_fee", "tax_added"].map(|k| order[k].as_i64().unwrap());
    assert_eq!(order["amount"].as_i64().unwrap(), sum.iter().sum::<i64>());
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn designs_that_look_the_same_get_a_print_file_each() {
    let shop = TestShop::start().await;
    let (first, second) = (shop.visitor(), shop.visitor());
    for customer in [&first, &second] {
        let order = shop.paid_order(customer).await;
        let design = order["lines"][0]["design_id"].as_str().unwrap().to_owned();
        shop.design_in(customer, &design, "ready").await;
    }
    shop.app.stop().await;
}
