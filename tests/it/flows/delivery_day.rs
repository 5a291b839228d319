//! A customer wishes for a day and a part of it: offered by the owner, kept on the order, told wherever somebody packs or sends.

use crate::kit::{TestShop, order_body};
use petstar::stripe::sandbox::Action;
use petstar::web::Role;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_for_a_day_reaches_everybody_who_handles_the_parcel() {
    let shop = TestShop::start().await;
    let (customer, manager) = (shop.visitor(), shop.staff(Role::Manager).await);
    let design = shop.design(&customer).await;
    let wished = |day: &str, band: &str| {
        let mut body = order_body(&design);
        body["delivery"] = json!({"day": day, "band": band});
        body
    };

    // Nothing is offered until the owner does so.
    let told = customer.post("/orders", &wished("2026-05-28", "")).await.refused(422, "invalid_input");
    assert_eq!(told["errors"][0]["field"], "delivery.day");
    let wrong = json!({"delivery": {"closed_days": "some day", "bands": ["noon"], "choose_days": 0}});
    let told = manager.put("/admin/settings", &wrong).await.refused(422, "invalid_input");
    let fields: Vec<&Value> = told["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["delivery.choose_days", "delivery.bands", "delivery.closed_days"]);
    // As the form sends it, from a Thursday: Friday, then the closed weekend, Monday, and a closed Tuesday.
    let form = [
        ("section", "delivery"),
        ("lead_time_days", "3"),
        ("delivery.days", "on"),
        ("delivery.transit_days", "1"),
        ("delivery.choose_days", "7"),
        ("delivery.bands[]", ""),
        ("delivery.bands[]", "19-21"),
        ("delivery.bands[]", "morning"),
        ("delivery.closed_weekdays[]", "sat"),
        ("delivery.closed_weekdays[]", "sun"),
        ("delivery.closed_days", "2026-05-26\r\n2026-12-29 – 2027-01-03"),
    ];
    let saved = manager.clone().browsing().form("/admin/settings?_method=PUT", &form).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let settings = manager.get("/admin/settings").await.ok();
    assert_eq!(settings["delivery"]["bands"], json!(["morning", "19-21"]));
    assert_eq!(settings["delivery"]["closed_days"], json!(["2026-05-26", "2026-12-29/2027-01-03"]));
    let again = manager.get("/admin/audit?action=settings.changed").await.ok();
    assert!(again["items"][0]["after"].to_string().contains("closed_weekdays"), "{again}");

    let product = customer.clone().browsing().get("/products/round-tag").await;
    assert!(product.text().contains("27 May 2026") && product.text().contains("Closed on Tue 26 May"), "closed days");

    // Three open days from Thursday are Friday, Monday and Wednesday; a day on the way makes it Thursday.
    let told = customer.post("/orders", &wished("2026-05-27", "noon")).await.refused(422, "invalid_input");
    assert!(told["errors"][0]["message"].as_str().unwrap().contains("2026-05-28"), "{told}");
    let mut abroad = wished("2026-05-28", "");
    abroad["shipping_address"]["country"] = json!("DE");
    customer.post("/orders", &abroad).await.refused(422, "invalid_input");
    customer.post("/basket", &json!({"design_id": design["id"], "quantity": 1})).await.ok();
    let page = customer.clone().browsing().get("/orders/new").await.text();
    assert!(page.contains(r#"name="delivery.day""#) && page.contains(r#"<option value="2026-05-28""#), "{page}");
    assert!(page.contains(r#"<option value="19-21""#) && !page.contains("16-18"));

    let order = customer.post("/orders", &wished("2026-05-28", "19-21")).await.ok();
    assert_eq!(order["delivery"], json!({"day": "2026-05-28", "band": "19-21"}));
    let id = order["id"].as_str().unwrap();
    let kept = customer.put(&format!("/orders/{id}"), &json!({"note": "thank you"})).await.ok();
    assert_eq!(kept["delivery"], order["delivery"], "what is not told stays");
    let confirm = customer.clone().browsing().get(&format!("/orders/{id}/confirm")).await.text();
    assert!(confirm.contains("Thu 28 May 2026, 19:00–21:00"));
    let checkout = customer.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    shop.sandbox().act(checkout["order"]["stripe_checkout_session_id"].as_str().unwrap(), Action::Pay).unwrap();
    shop.order_in(&customer, id, "paid").await;

    let seen = customer.clone().browsing().get(&format!("/orders/{id}")).await.text();
    assert!(seen.contains("Thu 28 May 2026, 19:00–21:00"));
    let panel = manager.clone().browsing().get(&format!("/admin/orders/{id}")).await.text();
    assert!(
        panel.contains("Thu 28 May 2026, 19:00–21:00") && panel.contains("Wed 27 May 2026"),
        "and by when to send it"
    );
    let sent = async || shop.outbox().iter().filter(|mail| mail.contains("28 May 2026")).count();
    shop.until("both mails name the day", async || (sent().await >= 2).then_some(())).await;
    let slip = manager.get(&format!("/orders/{id}/documents/packing-slip")).await;
    assert!(slip.status == 200 && slip.body.starts_with(b"%PDF"));
    manager.put(&format!("/admin/orders/{id}"), &json!({"status": "processing"})).await.ok();

    // Whoever prints and packs sees it too, on the paper that goes with the piece; and it stands in both files of orders.
    let printer = shop.staff(Role::Printer).await;
    let queue = printer.get("/admin/print?state=waiting").await.ok();
    let ready = printer.get("/admin/print").await.ok();
    let line =
        queue["items"].as_array().unwrap().iter().chain(ready["items"].as_array().unwrap()).next().unwrap().clone();
    assert_eq!(line["delivery"], json!({"day": "2026-05-28", "band": "19-21"}));
    let pick = format!("{id}/{}", line["line_id"].as_str().unwrap());
    let ticket = printer.clone().browsing().get(&format!("/admin/print/tickets?lines[]={pick}")).await.text();
    assert!(ticket.contains("Thu 28 May 2026, 19:00–21:00") && ticket.contains("Wed 27 May 2026"), "{ticket}");
    for rows in ["per_order", "per_line"] {
        let begun = manager.post("/admin/exports", &json!({"kind": "orders", "rows": rows})).await.ok();
        let path = format!("/admin/exports/{}", begun["id"].as_str().unwrap());
        let done = async || {
            let export = manager.get(&path).await.ok();
            (export["status"] == "completed").then_some(())
        };
        shop.until("the file is written", done).await;
        let file = manager.get(&format!("{path}/download")).await.text();
        assert!(file.contains("delivery_day,delivery_band") && file.contains(",2026-05-28,19-21"), "{rows}: {file}");
    }
    let labels = manager.get("/admin/parcels/file?carrier=yamato&day=2026-05-27").await;
    let (text, _, _) = encoding_rs::SHIFT_JIS.decode(&labels.body);
    assert!(text.contains("\"2026/05/28\",\"1921\""), "{text}");
    shop.app.stop().await;
}

/// A draft that lay about too long is told so before any money moves.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_can_no_longer_be_kept_is_told_before_the_payment() {
    let shop = TestShop::start().await;
    let (customer, owner) = (shop.visitor(), shop.staff(Role::Owner).await);
    owner.put("/admin/settings", &json!({"lead_time_days": 1, "delivery": {"days": true}})).await.ok();
    let mut body = order_body(&shop.design(&customer).await);
    body["delivery"] = json!({"day": "2026-05-24"});
    let order = customer.post("/orders", &body).await.ok();
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    shop.clock.advance_seconds(86_400);
    let told = customer.post(&format!("{path}/checkout"), &json!({})).await.refused(409, "order_not_payable");
    assert!(told["detail"].as_str().unwrap().contains("2026-05-25"), "{told}");
    let page = customer.clone().browsing().get(&format!("{path}/confirm")).await.text();
    assert!(page.contains("2026-05-25"), "the page says so as well");
    customer.put(&path, &json!({"delivery": {"day": "2026-05-25"}})).await.ok();
    assert_eq!(customer.post(&format!("{path}/checkout"), &json!({})).await.status, 200);
    shop.app.stop().await;
}
