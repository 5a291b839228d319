//! The staff's day: an order is seen, printed, sent, and every change is written down.

use crate::kit::{TestShop, Visitor, order_body};
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_from_paid_to_delivered_with_mails_and_an_audit_trail() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let order = shop.paid_order(&customer).await;
    let path = format!("/admin/orders/{}", order["id"].as_str().unwrap());
    let staff = shop.staff(Role::Manager).await;
    let wrong = staff.put(&path, &json!({"status": "delivered"})).await.refused(409, "invalid_status_transition");
    assert!(wrong.to_string().contains("processing"), "the states allowed are named: {wrong}");
    assert_eq!(staff.put(&path, &json!({"status": "processing"})).await.ok()["status"], "processing");
    let tracking = json!({"carrier": "Yamato", "number": "1234-5678-9012"});
    let shipped = staff.put(&path, &json!({"status": "shipped", "tracking": tracking})).await.ok();
    assert!(shipped["shipped_at"].is_string());
    assert_eq!(shipped["tracking"][0]["number"], "1234-5678-9012");
    let delivered = staff.put(&path, &json!({"status": "delivered"})).await.ok();
    assert!(delivered["delivered_at"].is_string());
    // Paid (customer and owner), shipped, delivered.
    let mails = shop
        .until("four mails", async || {
            let mails = shop.outbox();
            (mails.len() >= 4).then_some(mails)
        })
        .await;
    assert_eq!(mails.len(), 4);
    let audit = shop.staff(Role::Owner).await.get("/admin/audit?limit=100").await.ok();
    let of_order = audit["items"].as_array().unwrap().iter().filter(|entry| entry["target_id"] == order["id"]).count();
    assert!(of_order >= 3, "{of_order} audit entries");
    staff.put(&path, &json!({"version": 1, "note": "late"})).await.refused(412, "stale_version");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printer_sees_no_prices_and_no_addresses_of_mail() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let order = shop.paid_order(&customer).await;
    let printer = shop.staff(Role::Printer).await;
    for path in ["/admin/orders".to_owned(), format!("/admin/orders/{}", order["id"].as_str().unwrap())] {
        for visitor in [printer.clone(), printer.clone().with_header("accept", "text/html")] {
            let answer = visitor.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            let text = answer.text();
            assert!(!text.contains("mika@example.com"), "{path} shows an e-mail address");
            assert!(!text.contains('¥'), "{path} shows a price");
        }
    }
    let editor = format!("/designs/{}", order["lines"][0]["design_id"].as_str().unwrap());
    assert!(customer.clone().browsing().get(&editor).await.text().contains('¥'));
    assert!(!printer.clone().with_header("accept", "text/html").get(&editor).await.text().contains('¥'));
    assert!(printer.get(&editor).await.ok()["price"].is_null());
    let seen = printer.get(&format!("/admin/orders/{}", order["id"].as_str().unwrap())).await.ok();
    assert!(seen.get("amount").is_none_or(serde_json::Value::is_null), "{seen}");
    let status = json!({"status": "processing"});
    printer.put(&format!("/admin/orders/{}", order["id"].as_str().unwrap()), &status).await.refused(403, "forbidden");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_owner_comes_by_the_set_up_link_once() {
    let shop = TestShop::start().await;
    let link = shop.app.setup_link.clone().expect("a new shop has a link");
    let path = link.split_once("/admin").map(|(_, rest)| format!("/admin{rest}")).unwrap();
    let owner = shop.visitor().browsing();
    assert_eq!(owner.get(&path).await.status, 200);
    let token = link.split_once("token=").map(|(_, token)| token).unwrap();
    let fields =
        [("token", token), ("name", "Mika"), ("email", "owner@example.com"), ("password", "a long enough passphrase")];
    let made = owner.form("/admin/setup", &fields).await;
    assert!(made.status == 303 || made.status == 200, "{}: {}", made.status, made.text());
    assert_eq!(owner.get("/admin").await.status, 200, "the owner is logged in");
    assert!(shop.visitor().browsing().get(&path).await.status >= 400, "the link works once");
    log_in_again(&shop).await;
    shop.app.stop().await;
}

async fn log_in_again(shop: &TestShop) {
    let person: Visitor = shop.visitor().browsing();
    let wrong = person.form("/admin/login", &[("email", "owner@example.com"), ("password", "not it at all")]).await;
    assert!(wrong.status >= 400, "{}", wrong.status);
    let right =
        person.form("/admin/login", &[("email", "owner@example.com"), ("password", "a long enough passphrase")]).await;
    assert_eq!(right.status, 303, "{}", right.text());
    assert_eq!(person.get("/admin/orders").await.status, 200);
    person.form("/admin/logout", &[]).await;
    assert_eq!(person.get("/admin/orders").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_do_for_customers_is_written_down_by_order_number_and_name() {
    let shop = TestShop::start().await;
    let (customer, manager) = (shop.visitor(), shop.staff(Role::Manager).await);
    let design = shop.design(&customer).await;
    let order = customer.post("/orders", &order_body(&design)).await.ok();
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let piece = format!("/designs/{}", design["id"].as_str().unwrap());
    customer.put(&path, &json!({"note": "by the customer"})).await.ok();
    manager.put(&path, &json!({"note": "Ring twice"})).await.ok();
    manager.put(&piece, &json!({"params": design["params"], "name": "Momo"})).await.ok();
    manager.upload(&format!("{piece}/photos"), "a.jpg", "image/jpeg", &crate::kit::photo()).await.ok();
    manager.post(&format!("{piece}/finalize"), &json!({})).await.ok();
    manager.post(&format!("{path}/checkout"), &json!({})).await.ok();
    manager.post(&format!("{path}/reopen"), &json!({})).await.ok();
    let paid = shop.paid_order(&customer).await;
    let of_paid = format!("/orders/{}", paid["id"].as_str().unwrap());
    manager.post(&format!("{of_paid}/receipts"), &json!({"addressee": "佐藤"})).await.ok();
    manager.post(&format!("{of_paid}/reorder"), &json!({})).await.ok();

    let actions = |list: &serde_json::Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.rev().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    };
    let by_number =
        |order: &serde_json::Value| format!("/admin/audit?target_id={}", order["order_number"].as_str().unwrap());
    let of_order = manager.get(&by_number(&order)).await.ok();
    assert_eq!(actions(&of_order), ["order.changed", "order.checked_out", "order.reopened"], "{of_order}");
    assert_eq!(of_order["items"][2]["after"]["note"], "changed", "the log does not say what it says");
    assert_eq!(actions(&manager.get(&by_number(&paid)).await.ok()), ["order.receipt_issued", "order.repeated"]);
    let search = format!("/admin/audit?action=design&actor=TE&target_id={}", design["id"].as_str().unwrap());
    let of_design = manager.get(&search).await.ok();
    assert_eq!(actions(&of_design), ["design.changed", "design.photo_added", "design.finalized"]);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_comes_back_with_a_refusal() {
    let shop = TestShop::start().await;
    let order = shop.paid_order(&shop.visitor()).await;
    let path = format!("/admin/orders/{}", order["id"].as_str().unwrap());
    let line = format!("{path}/lines/{}", order["lines"][0]["id"].as_str().unwrap());
    let person = shop.staff(Role::Manager).await.browsing();
    let old = ("version", "1");
    let forms: [(String, &[(&str, &str)], u16); 4] = [
        (format!("{line}/open"), &[old, ("message", "Her ears are cut off")], 412),
        (format!("{line}?_method=PUT"), &[old, ("production", "on_hold"), ("reason", "No red ink")], 412),
        (format!("{path}/refunds"), &[("amount", "a lot"), ("reason", "Torn box")], 422),
        (format!("{path}/payments"), &[("note", "In an envelope"), ("method", "stall")], 409),
    ];
    for (path, fields, status) in forms {
        let page = person.form(&path, fields).await;
        assert_eq!(page.status, status, "{path}: {}", page.text());
        let text = page.text();
        assert!(text.contains("role=\"alert\""), "{path}");
        let typed = fields.iter().filter(|(name, _)| ["message", "reason", "amount"].contains(name));
        for (_, typed) in typed {
            assert!(text.contains(typed), "{typed} is lost: {text}");
        }
    }

    // Settings that somebody else has changed are not overwritten by pressing the button a second time.
    let settings = person.form("/admin/settings?_method=PUT", &[("section", "shop"), ("shop_name", "Theirs")]).await;
    assert!(settings.status < 400, "{}", settings.text());
    let form = [("section", "shop"), ("version", "0"), ("shop_name", "Mine")];
    let page = person.form("/admin/settings?_method=PUT", &form).await;
    let text = page.text();
    assert!(page.status == 412 && text.contains("Mine"), "{text}");
    assert!(text.contains("name=\"version\" value=\"0\"") && text.contains("load the page again"), "{text}");
    shop.app.stop().await;
}
