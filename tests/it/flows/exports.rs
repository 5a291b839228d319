//! The owner takes the shop's data home: files made by jobs, watched while they grow, whole after a restart, safe to open.

use crate::kit::program::{Program, run};
use crate::kit::{Folder, START, TestShop, Visitor, address, orders};
use futures_util::StreamExt;
use petstar::web::Role;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

async fn exported(shop: &TestShop, staff: &Visitor, wish: &Value) -> (Value, Vec<u8>) {
    let begun = staff.post("/admin/exports", wish).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    assert_eq!(begun.json()["progress"], Value::Null, "nobody has counted yet");
    let path = begun.header("location").to_owned();
    let export = shop
        .until("the export", async || {
            let export = staff.get(&path).await.ok();
            assert_ne!(export["status"], "failed", "{export}");
            (export["status"] == "completed").then_some(export)
        })
        .await;
    let file = staff.get(export["file_url"].as_str().expect("an address")).await;
    assert_eq!(file.status, 200);
    assert_eq!(file.body.len() as u64, export["bytes"].as_u64().unwrap());
    assert!(file.header("content-disposition").starts_with("attachment; filename=\""));
    assert!(file.header("cache-control").contains("no-store"));
    (export, file.body.to_vec())
}

fn cell<'a>(csv: &'a str, column: &str) -> &'a str {
    let mut lines = csv.trim_start_matches('\u{FEFF}').lines();
    let at = lines.next().unwrap().split(',').position(|name| name == column).expect("a column");
    lines.next().unwrap().split(',').nth(at).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_see_they_can_take_home() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let mut to = address();
    to["name"] = json!("=SUM(1) 𠮷野");
    let lines = json!([{"design_id": design["id"], "quantity": 2}]);
    let order =
        json!({"lines": lines, "email": "mika@example.com", "shipping_address": to, "note": "Two \"dogs\", one cat"});
    let order = customer.post("/orders", &order).await.ok();
    let staff = shop.staff(Role::Viewer).await;

    let (export, csv) =
        exported(&shop, &staff, &json!({"kind": "orders", "encoding": "utf-8-bom", "rows": "per_order"})).await;
    let members = "id job_id kind status total_records processed_records file_url created_at started_at completed_at failure_reason";
    for member in members.split(' ') {
        assert!(export.get(member).is_some(), "{member} in {export}");
    }
    assert_eq!((&export["total_records"], &export["processed_records"]), (&json!(1), &json!(1)));
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.starts_with('\u{FEFF}') && csv.ends_with("\r\n"));
    assert_eq!(cell(&csv, "amount"), order["amount"].to_string(), "CSV and JSON read the same total");
    assert_eq!(cell(&csv, "order_number"), order["order_number"].as_str().unwrap());
    assert_eq!(cell(&csv, "name"), "'=SUM(1) 𠮷野");
    assert!(csv.contains("\"Two \"\"dogs\"\", one cat\""));

    let (export, csv) =
        exported(&shop, &staff, &json!({"kind": "orders", "encoding": "cp932", "rows": "per_line"})).await;
    assert_eq!(export["unfit_count"], 1);
    assert_eq!(export["unfit"][0]["characters"], "𠮷");
    assert_eq!(export["unfit"][0]["record"], order["order_number"]);
    let (text, _, broken) = encoding_rs::SHIFT_JIS.decode(&csv);
    assert!(!broken && text.contains("東京都") && text.contains("〓野"), "{text}");
    assert_eq!(cell(&text, "quantity"), "2");

    let (_, csv) = exported(&shop, &staff, &json!({"kind": "designs"})).await;
    assert!(String::from_utf8(csv).unwrap().contains(design["id"].as_str().unwrap()));
    let (_, csv) = exported(&shop, &staff, &json!({"kind": "audit"})).await;
    assert!(String::from_utf8(csv).unwrap().contains("export.begun"));
    let (_, csv) = exported(&shop, &staff, &json!({"kind": "customers"})).await;
    assert_eq!(String::from_utf8(csv).unwrap().lines().count(), 1, "nobody has paid yet");

    // Narrowed to a product, by its id or its name; to whoever did it; and with words above the columns.
    let product = design["product_id"].as_str().unwrap();
    for (kind, found) in [("orders", 1), ("designs", 1), ("customers", 0)] {
        let wish = json!({"kind": kind, "filters": {"product": product}, "heads": "ja"});
        let (export, csv) = exported(&shop, &staff, &wish).await;
        let csv = String::from_utf8(csv).unwrap();
        assert_eq!((csv.lines().count(), &export["processed_records"]), (1 + found, &json!(found)), "{kind}: {csv}");
        assert_eq!((&export["total_records"], &export["progress"]), (&json!(found), &json!(100)), "{export}");
        assert!(!csv.is_ascii() && !csv.lines().next().unwrap().contains('_'), "{csv}");
        let page = staff.clone().browsing().get(&format!("/admin/exports/{}", export["id"].as_str().unwrap())).await;
        assert!(["Japanese", "日本語"].iter().any(|word| page.text().contains(word)), "what stands above the columns");
    }
    let other = staff.get("/admin/products").await.ok();
    let other =
        other["items"].as_array().unwrap().iter().find(|other| other["id"] != product).expect("another product");
    let wish = json!({"kind": "orders", "filters": {"product": other["slug"]}});
    assert_eq!(exported(&shop, &staff, &wish).await.0["processed_records"], 0);
    let entry = staff.get("/admin/audit?action=export.begun&limit=1").await.ok()["items"][0].clone();
    let (who, others) = (entry["actor"].as_str().unwrap().to_uppercase(), "nobody");
    let (by_one, csv) = exported(&shop, &staff, &json!({"kind": "audit", "filters": {"actor": who}})).await;
    assert!(String::from_utf8(csv).unwrap().contains(entry["actor"].as_str().unwrap()), "{by_one}");
    let (by_nobody, _) =
        exported(&shop, &staff, &json!({"kind": "audit", "filters": {"actor": others, "from": "2020-01-01"}})).await;
    assert_eq!((&by_nobody["total_records"], &by_nobody["progress"]), (&json!(0), &json!(100)));
    for (kind, filters, field) in [
        ("audit", json!({"product": product}), "filters.product"),
        ("orders", json!({"product": "no-such-thing"}), "filters.product"),
        ("orders", json!({"actor": who}), "filters.actor"),
    ] {
        let refused = staff.post("/admin/exports", &json!({"kind": kind, "filters": filters})).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (422, &json!(field)));
    }
    staff.post("/admin/exports", &json!({"kind": "orders", "heads": "fr"})).await.refused(422, "invalid_input");

    let list = staff.get("/admin/exports?limit=2").await.ok();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert!(list["next"].is_string());
    staff.post("/admin/exports", &json!({"kind": "everything"})).await.refused(422, "invalid_input");
    let turned = json!({"kind": "orders", "filters": {"from": "2026-05-02", "to": "2026-05-01"}});
    staff.post("/admin/exports", &turned).await.refused(422, "invalid_input");
    let key = staff.clone().with_header("idempotency-key", "e5a1c1de-9a2c-4a52-8f37-2f9f6f1a7c11");
    let (one, two) = (
        key.post("/admin/exports", &json!({"kind": "audit"})).await,
        key.post("/admin/exports", &json!({"kind": "audit"})).await,
    );
    assert_eq!((one.status, one.json()["id"].clone()), (two.status, two.json()["id"].clone()));

    let path = format!("/admin/exports/{}", export["id"].as_str().unwrap());
    let printer = shop.staff(Role::Printer).await;
    for path in ["/admin/exports".to_owned(), path.clone(), format!("{path}/download")] {
        printer.get(&path).await.refused(403, "forbidden");
        customer.get(&path).await.refused(401, "unauthorized");
    }
    printer.post("/admin/exports", &json!({"kind": "orders"})).await.refused(403, "forbidden");
    let page = staff.clone().browsing().get(&path).await;
    assert!(page.text().contains("𠮷"), "the page lists what does not fit");
    let form = staff.clone().browsing().form("/admin/exports", &[("kind", "orders"), ("filters.from", "soon")]).await;
    assert_eq!(form.status, 422);
    assert!(form.text().contains("error-summary"));

    // Files go after a month, and their rows with them.
    shop.clock.advance_seconds(31 * 86_400);
    staff.get(&format!("{path}/download")).await.refused(404, "not_found");
    petstar::exports::sweep(shop.shop()).await.unwrap();
    staff.get(&path).await.refused(404, "not_found");
    assert_eq!(std::fs::read_dir(shop.folder.data().join("exports")).unwrap().count(), 0);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_export_is_watched_cancelled_and_goes_on_after_a_restart() {
    let shop = TestShop::start().await;
    orders::fill(shop.shop().store(), 9000, START);
    let staff = shop.staff(Role::Manager).await;
    let begun = staff.post("/admin/exports", &json!({"kind": "orders", "rows": "per_line"})).await.ok();
    let path = format!("/admin/exports/{}", begun["id"].as_str().unwrap());

    // The socket tells the present state, then every change, up to the end.
    let url = format!("ws://{}{path}/events?as=html", shop.app.address);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("authorization", staff.header("authorization").parse().unwrap());
    let mut socket = connect_async(request).await.expect("a socket").0;
    let mut said = Vec::new();
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        said.push(text.as_str().to_owned());
    }
    assert!(said.last().is_some_and(|last| last.contains("data-state=\"completed\"")), "{said:?}");
    let whole = staff.get(&format!("{path}/download")).await.body;

    let cancelled = staff.post("/admin/exports", &json!({"kind": "orders"})).await.ok();
    let cancelled = format!("/admin/exports/{}", cancelled["id"].as_str().unwrap());
    if staff.post(&format!("{cancelled}/cancel"), &json!({})).await.status == 200 {
        assert_eq!(staff.get(&cancelled).await.ok()["status"], "cancelled");
        assert_eq!(staff.post(&format!("{cancelled}/retry"), &json!({})).await.ok()["status"], "queued");
    }
    let again = staff.post("/admin/exports", &json!({"kind": "orders", "rows": "per_line"})).await.ok();
    let again = format!("/admin/exports/{}", again["id"].as_str().unwrap());
    // Somewhere in the middle, wherever that is on this machine.
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    let shop = shop.restart().await;
    let staff = shop.staff(Role::Manager).await;
    for (path, records) in [(&cancelled, 9000), (&again, 9000)] {
        let export = shop
            .until("the export", async || {
                let export = staff.get(path).await.ok();
                (export["status"] == "completed").then_some(export)
            })
            .await;
        assert_eq!(export["processed_records"], records);
    }
    assert!(staff.get(&format!("{again}/download")).await.body == whole, "no row is missing, none is doubled");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_writes_the_same_bytes_with_and_without_the_shop() {
    let folder = Folder::new();
    let export = |name: &str| {
        let done = run(&folder, &["export", "audit", "--from", "2020-01-01", "-o", name], "");
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        std::fs::read(folder.path().join(name)).expect("the file")
    };
    run(&folder, &["token", "add", "--name", "one"], "");
    let alone = export("alone.csv");
    assert!(String::from_utf8_lossy(&alone).contains("token.added"), "{}", String::from_utf8_lossy(&alone));
    let program = Program::start(&folder);
    // That the first was written stands in the second, behind everything else.
    let beside = export("beside.csv");
    let more = beside.strip_prefix(alone.as_slice()).expect("the same bytes");
    let more = String::from_utf8_lossy(more);
    assert!(more.lines().count() == 1 && more.contains("export.written"), "{more}");
    let who = ["export", "audit", "--actor", "Command", "--heads", "ja", "-o", "who.csv"];
    assert_eq!(run(&folder, &who, "").status.code(), Some(0));
    let who = std::fs::read_to_string(folder.path().join("who.csv")).expect("the file");
    assert!(who.contains("操作した人") && who.lines().skip(1).all(|line| line.contains("command line")), "{who}");
    assert_eq!(run(&folder, &["export", "audit", "--heads", "fr", "-o", "wrong.csv"], "").status.code(), Some(2));
    let wrong = run(&folder, &["export", "orders", "--product", "no-such-thing", "-o", "wrong.csv"], "");
    assert_eq!(wrong.status.code(), Some(1));
    let wrong = run(&folder, &["export", "orders", "--status", "lost", "-o", "wrong.csv"], "");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(!folder.path().join("wrong.csv").exists() && !wrong.stderr.is_empty());
    assert_eq!(program.stop(), Some(0));
    assert_eq!(run(&folder, &["export", "orders"], "").status.code(), Some(2));
}
