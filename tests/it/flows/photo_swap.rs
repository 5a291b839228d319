//! A piece that would print badly, found after it was paid: opened to its customer, changed from another device, approved, printed.

use crate::kit::TestShop;
use petstar::web::Role;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_piece_is_changed_by_its_customer_and_goes_on() {
    let shop = TestShop::start().await;
    let order = shop.paid_order(&shop.visitor()).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (id, line) = (text(&order["id"]), text(&order["lines"][0]["id"]));
    let design = text(&order["lines"][0]["design_id"]);
    let manager = shop.staff(Role::Manager).await;
    let production = async |wanted: &str| {
        shop.until(&format!("the line to be {wanted}"), async || {
            let order = manager.get(&format!("/admin/orders/{id}")).await.ok();
            (order["lines"][0]["production"] == wanted).then_some(order)
        })
        .await
    };
    let ready = production("ready_to_print").await;
    let first = manager.get(&format!("/admin/designs/{design}/final")).await.body;

    let open = format!("/admin/orders/{id}/lines/{line}/open");
    manager.post(&open, &json!({"message": " "})).await.refused(422, "invalid_input");
    manager.post(&open, &json!({"message": "x", "version": 1})).await.refused(412, "stale_version");
    shop.staff(Role::Printer).await.post(&open, &json!({"message": "x"})).await.refused(403, "forbidden");
    let asked = json!({"message": "The name is cut off.", "version": ready["version"]});
    let held = manager.post(&open, &asked).await.ok();
    assert_eq!(held["lines"][0]["production"], "on_hold");

    // The link in the mail works in a browser that knows nothing of the order.
    let mail = shop
        .until("the mail", async || shop.outbox().into_iter().find(|mail| mail.contains("The name is cut off.")))
        .await
        .replace("=\r\n", "")
        .replace("=\n", "")
        .replace("=3D", "=");
    let start = mail.find(&format!("/orders/{id}/changes?key=")).expect("a link");
    let changes: String = mail[start..].chars().take_while(|c| !c.is_whitespace() && !"\"<>)".contains(*c)).collect();
    let key = changes.split_once('?').unwrap().1.to_owned();
    let phone = shop.visitor();
    phone.get(&format!("/orders/{id}/changes")).await.refused(404, "not_found");
    let piece = phone.get(&changes).await.ok()["items"][0].clone();
    assert_eq!((&piece["message"], &piece["is_whole"]), (&json!("The name is cut off."), &json!(true)));
    let page = phone.clone().browsing().get(&changes).await.text();
    assert!(page.contains("The name is cut off."));
    phone.post(&format!("/orders/{id}/lines/{line}/change?{key}"), &json!({})).await.ok();

    // Changed and saved; what was looked at before is no longer what would be printed.
    let saved = phone.get(&format!("/designs/{design}")).await.ok();
    let mut params = saved["params"].clone();
    for value in params.as_object_mut().unwrap().values_mut() {
        if value.as_str().is_some_and(|text| text.contains("ポチ")) {
            *value = json!("Momo");
        }
    }
    let changed = phone.put(&format!("/designs/{design}"), &json!({"params": params})).await.ok();
    assert_ne!(changed["params_crc32"], piece["params_crc32"]);
    let line_path = format!("/admin/orders/{id}/lines/{line}");
    let going_on = manager.put(&line_path, &json!({"production": "ready_to_print"})).await;
    going_on.refused(409, "conflict");
    let approve = format!("/orders/{id}/lines/{line}/approve?{key}");
    shop.visitor().post(&approve.replace(&key, "key=x"), &json!({})).await.refused(404, "not_found");
    phone.post(&approve, &json!({"params_crc32": piece["params_crc32"]})).await.refused(412, "stale_version");
    let approved = phone.post(&approve, &json!({"params_crc32": changed["params_crc32"]})).await.ok();
    assert_eq!(approved["lines"][0]["params_crc32"], changed["params_crc32"]);
    assert_eq!((&approved["amount"], &approved["status"]), (&order["amount"], &json!("paid")));
    phone.post(&approve, &json!({})).await.refused(409, "conflict");

    // It is locked again, rendered anew, and on its way to the print room.
    phone.put(&format!("/designs/{design}"), &json!({"params": saved["params"]})).await.refused(409, "design_locked");
    let done = production("ready_to_print").await;
    let second = manager.get(&format!("/admin/designs/{design}/final")).await.body;
    assert!(first != second, "the print shows the new words");
    let history: Vec<_> = done["history"].as_array().unwrap().iter().map(|entry| text(&entry["what"])).collect();
    assert!(history.contains(&"change_asked".into()) && history.contains(&"change_approved".into()), "{history:?}");
    let audit = manager.get(&format!("/admin/audit?target_id={id}")).await.ok();
    assert!(audit.to_string().contains("The name is cut off."), "{audit}");
    shop.app.stop().await;
}
