//! The print room: the queue, tickets, files, and many lines or orders moved at once.

use crate::kit::TestShop;
use petstar::web::Role;
use serde_json::{Value, json};

fn picks(queue: &Value) -> Vec<String> {
    let pick = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        format!("{}/{}@{}", text("order_id"), text("line_id"), line["version"])
    };
    queue["items"].as_array().unwrap().iter().map(pick).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_orders_go_through_the_print_room_together() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let orders = [shop.paid_order(&customer).await, shop.paid_order(&customer).await];
    let printer = shop.staff(Role::Printer).await;
    let queue = shop
        .until("two lines to be ready", async || {
            let queue = printer.get("/admin/print").await.ok();
            (queue["items"].as_array().unwrap().len() == 2).then_some(queue)
        })
        .await;
    assert_eq!(queue["items"][0]["order_id"], orders[0]["id"], "the one that has waited longest comes first");
    let html = printer.clone().with_header("accept", "text/html");
    let lines: Vec<String> = picks(&queue).iter().map(|pick| pick.split('@').next().unwrap().to_owned()).collect();
    let query = serde_urlencoded::to_string(lines.iter().map(|line| ("lines[]", line)).collect::<Vec<_>>()).unwrap();
    for path in ["/admin/print".to_owned(), format!("/admin/print/tickets?{query}")] {
        let page = html.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.text();
        assert!(!page.contains('¥') && !page.contains("mika@example.com") && !page.contains("佐藤"), "{path}");
        assert!(page.contains(orders[1]["order_number"].as_str().unwrap()));
    }
    let product = queue["items"][0]["product_id"].as_str().unwrap();
    let of_product = printer.get(&format!("/admin/print?product={product}&limit=1")).await.ok();
    let next = of_product["next"].as_str().expect("another page");
    let rest = printer.get(&format!("/admin/print?product={product}&limit=1&after={next}")).await.ok();
    assert_eq!(rest["items"][0]["order_id"], orders[1]["id"]);

    // The files of both, as one zip whose list is right.
    let zip = printer.get(&format!("/admin/print/files?{query}")).await;
    assert_eq!((zip.status, zip.header("content-type")), (200, "application/zip"));
    for order in &orders {
        let design = order["lines"][0]["design_id"].as_str().unwrap();
        let png = printer.get(&format!("/admin/designs/{design}/final")).await.body;
        assert!(zip.body.windows(png.len()).any(|part| part == png), "the file lies in the zip as it is");
        let name = format!("{}-1of1-x1.png", order["order_number"].as_str().unwrap());
        assert!(zip.body.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
    }
    printer.get("/admin/print/files").await.refused(422, "invalid_input");

    // Printed, all at once; a stranger among them keeps nobody back.
    let mut chosen = picks(&queue);
    chosen.push("0197a000-0000-7000-8000-000000000000/0197a000-0000-7000-8000-000000000001".to_owned());
    let done = printer.post("/admin/print", &json!({"lines": chosen, "production": "printed"})).await.ok();
    let results = done["results"].as_array().unwrap();
    assert_eq!(results.iter().map(|result| result["ok"].as_bool().unwrap()).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(results[2]["code"], "not_found");
    // The same page sent again: the versions are old, and nothing is overwritten.
    let again = printer.post("/admin/print", &json!({"lines": picks(&queue), "production": "printed"})).await.ok();
    assert!(again["results"].as_array().unwrap().iter().all(|result| result["code"] == "stale_version"), "{again}");
    let printed = printer.get("/admin/print?state=printed").await.ok();
    let one = &picks(&printed)[..1];
    let no_reason = printer.post("/admin/print", &json!({"lines": one, "production": "ready_to_print"})).await.ok();
    assert_eq!(no_reason["results"][0]["code"], "invalid_input", "a reprint needs a reason");
    // What a person typed comes back: with the queue where the ticks were forgotten, with the lines that were refused otherwise.
    let form = [("production", "ready_to_print"), ("reason", "A deep scratch"), ("state", "printed")];
    let forgotten = html.form("/admin/print", &form).await;
    assert_eq!(forgotten.status, 422);
    let page = forgotten.text();
    assert!(page.contains("value=\"A deep scratch\"") && page.contains("Nothing was chosen"), "{page}");
    assert!(page.contains("aria-current=\"page\">Printed"), "the part of the queue it stood on: {page}");
    let old = &picks(&queue)[0];
    let refused =
        html.form("/admin/print", &[("lines[]", old), ("production", "on_hold"), ("reason", "No red ink")]).await;
    let page = refused.text();
    let now = picks(&printed).into_iter().find(|pick| pick.split('@').next() == old.split('@').next()).unwrap();
    assert!(
        page.contains("value=\"No red ink\"") && page.contains(&format!("name=\"lines[]\" value=\"{now}\"")),
        "{page}"
    );
    let reprint = json!({"lines": one, "production": "ready_to_print", "reason": "a scratch"});
    assert_eq!(printer.post("/admin/print", &reprint).await.ok()["results"][0]["state"], "ready_to_print");
    let viewer = shop.staff(Role::Viewer).await;
    viewer.post("/admin/print", &reprint).await.refused(403, "forbidden");

    // The orders go on together, each with its own result.
    let manager = shop.staff(Role::Manager).await;
    let ids: Vec<_> = orders.iter().map(|order| order["id"].clone()).collect();
    manager.put(&format!("/admin/orders/{}", ids[0].as_str().unwrap()), &json!({"status": "processing"})).await.ok();
    let body = json!({"orders": ids, "status": "processing"});
    let done = manager.post("/admin/orders/bulk", &body).await.ok();
    assert_eq!(
        (&done["results"][0]["code"], &done["results"][1]["ok"]),
        (&json!("invalid_status_transition"), &json!(true))
    );
    assert!(done["results"][0]["message"].as_str().unwrap().contains("Shipped"), "{done}");
    printer.post("/admin/orders/bulk", &body).await.refused(403, "forbidden");
    let page = manager.clone().with_header("accept", "text/html");
    let page = page.form("/admin/orders/bulk", &[("orders[]", ids[0].as_str().unwrap()), ("status", "shipped")]).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains(orders[0]["order_number"].as_str().unwrap()));

    // All of it is written down, and found again by who did what to which.
    let token = manager.get("/admin/audit?action=order.changed&limit=100").await.ok();
    let of_first = manager.get(&format!("/admin/audit?target_id={}", ids[0].as_str().unwrap())).await.ok();
    let count = |list: &Value| list["items"].as_array().unwrap().len();
    assert!(count(&of_first) >= 3 && count(&of_first) < count(&token), "{of_first}");
    assert_eq!(count(&manager.get("/admin/audit?actor=nobody").await.ok()), 0);
    assert_eq!(count(&manager.get("/admin/audit?from=2026-05-22").await.ok()), 0);
    assert_eq!(count(&manager.get("/admin/audit?actor=Test&to=2026-05-21&action=order").await.ok()), count(&token));
    // What was sent is no longer in the queue.
    let left = printer.get("/admin/print").await.ok();
    assert!(left["items"].as_array().unwrap().iter().all(|line| line["order_id"] != ids[0]), "{left}");

    // A parcel was torn: its line is printed once more, and the print room has it until it is packed.
    let order = ids[0].as_str().unwrap();
    let line = orders[0]["lines"][0]["id"].as_str().unwrap();
    let go = json!({"production": "printed"});
    printer.put(&format!("/admin/orders/{order}/lines/{line}"), &go).await.ok();
    let key = format!("{order}/{line}");
    let to = async |production: &str| {
        let body = json!({"lines": [key], "production": production, "reason": "torn on the way"});
        let done = printer.post("/admin/print", &body).await.ok();
        assert_eq!(done["results"][0]["state"], production, "{done}");
    };
    let has = async |state: &str| {
        let list = printer.get(&format!("/admin/print?state={state}")).await.ok();
        list["items"].as_array().unwrap().iter().any(|line| line["order_id"] == ids[0])
    };
    to("packed").await;
    assert!(!has("packed").await, "nothing is left to do with it");
    to("ready_to_print").await;
    assert!(has("ready_to_print").await && !has("packed").await);
    let ticket = printer.get(&format!("/admin/print/tickets?lines[]={order}/{line}")).await.ok();
    assert_eq!(ticket["items"][0]["order_id"], ids[0]);
    to("printed").await;
    assert!(has("printed").await);
    assert_eq!(manager.get(&format!("/admin/orders/{order}")).await.ok()["status"], "shipped");
    shop.app.stop().await;
}
