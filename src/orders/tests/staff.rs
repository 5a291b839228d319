//! What staff see and do.

use super::*;
use crate::people::{audit, mails};

#[tokio::test]
async fn an_order_goes_its_way_and_writes_to_its_customer_once() {
    let room = Room::open();
    let id = room.paid(&room.customer()).await;
    let owner = room.staff(Role::Owner).await;
    let path = format!("/admin/orders/{id}");
    room.get(&path, &room.stranger()).await.refused(401, "unauthorized");
    let put = async |body: Value| room.send("PUT", &path, &owner, body).await;

    let wrong = put(json!({"status": "delivered"})).await.refused(409, "invalid_status_transition");
    assert_eq!(wrong["allowed"], json!(["processing"]));
    assert!(wrong["detail"].as_str().unwrap().contains("Being made"), "{wrong}");
    assert_eq!(put(json!({"status": "lost"})).await.fields(), ["status"]);
    let version = room.order(id).version;
    put(json!({"status": "processing", "version": version - 1})).await.refused(412, "stale_version");
    put(json!({"status": "processing", "version": version})).await.ok();
    assert_eq!(put(json!({"tracking": {"carrier": "Yamato"}})).await.fields(), ["tracking.number"]);
    let parcel = json!({"carrier": "Yamato", "number": "1234-5678-9012"});
    let shipped = put(json!({"status": "shipped", "tracking": parcel, "note": "two parcels?"})).await.ok();
    assert_eq!(shipped["shipped_at"], NOON);
    assert_eq!(shipped["tracking"][0]["url"], "https://member.kms.kuronekoyamato.co.jp/parcel/detail?pno=123456789012");
    assert_eq!(shipped["staff_notes"][0]["text"], "two parcels?");
    put(json!({"status": "shipped"})).await.refused(409, "invalid_status_transition");
    let delivered = put(json!({"status": "delivered"})).await.ok();
    assert_eq!(delivered["delivered_at"], NOON);
    let said: Vec<_> = delivered["history"].as_array().unwrap().iter().map(|h| h["what"].as_str().unwrap()).collect();
    assert_eq!(said, ["created", "payment_begun", "paid", "processing", "parcel", "noted", "shipped", "delivered"]);

    let tx = room.shop.store().read().unwrap();
    let mut kinds: Vec<_> = mails::of_order(&tx, id.into()).unwrap().into_iter().map(|mail| mail.kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["order_delivered", "order_notice", "order_paid", "order_shipped"]);
    let log = audit::of_target(&tx, "order", &id.to_string(), 10).unwrap();
    assert_eq!(log.len(), 3);
    assert_eq!((&log[0].before["status"], &log[0].after["status"]), (&json!("shipped"), &json!("delivered")));
    for lang in ["en", "ja"] {
        let page = room.look(&path, &owner, lang).await;
        assert!(page.page(200).contains("1234-5678-9012"));
    }
}

#[tokio::test]
async fn the_print_room_works_without_prices_and_names() {
    let room = Room::open();
    let mika = room.customer();
    let id = room.paid(&mika).await;
    room.settle(id, None).await;
    let printer = room.staff(Role::Printer).await;
    let (path, list) = (format!("/admin/orders/{id}"), "/admin/orders");
    for path in [path.as_str(), list, &format!("/orders/{id}")] {
        for answer in [room.get(path, &printer).await, room.look(path, &printer, "en").await] {
            for secret in ["mika@example.jp", "佐藤", "3960", "3,960", "1680", "1,680", "恵比須町"] {
                assert!(!answer.body.contains(secret), "{secret} in {path}: {}", answer.body);
            }
        }
    }
    assert_eq!(room.get("/admin/orders?q=mika", &printer).await.ok()["items"], json!([]), "not even by searching");
    room.send("PUT", &path, &printer, json!({"status": "processing"})).await.refused(403, "forbidden");

    let line = format!("{path}/lines/{}", room.order(id).lines[0].id);
    let put = async |who: &Visitor, body: Value| room.send("PUT", &line, who, body).await;
    let viewer = room.staff(Role::Viewer).await;
    put(&viewer, json!({"production": "printed"})).await.refused(403, "forbidden");
    let wrong = put(&printer, json!({"production": "packed"})).await.refused(409, "invalid_status_transition");
    assert_eq!(wrong["allowed"], json!(["printed", "on_hold"]));
    assert_eq!(put(&printer, json!({"production": "on_hold"})).await.fields(), ["reason"]);
    let printed = put(&printer, json!({"production": "printed"})).await.ok();
    assert_eq!(printed["lines"][0]["production"], "printed");
    let form = [("production", "packed"), ("reason", "")];
    let packed = room.form(&format!("{line}?_method=PUT"), &printer, &form).await;
    assert_eq!((packed.status, packed.location()), (303, path.as_str()));
    assert_eq!(room.get(&path, &mika).await.status, 401);
    assert_eq!(room.order(id).status, crate::orders::Status::Paid, "the order's state never waits for the print room");
}

#[tokio::test]
async fn orders_are_found_by_state_day_number_name_and_address() {
    let room = Room::open();
    let mika = room.customer();
    let first = room.draft(&mika, 1).await;
    room.clock.advance_seconds(86_400);
    let second = room.paid(&mika).await;
    let owner = room.staff(Role::Owner).await;
    let found = async |query: &str| -> Vec<String> {
        let list = room.get(&format!("/admin/orders{query}"), &owner).await.ok();
        list["items"].as_array().unwrap().iter().map(|order| order["order_number"].as_str().unwrap().into()).collect()
    };
    let (one, two) = (["PS-000001"], ["PS-000002"]);
    let both = ["PS-000002", "PS-000001"];
    assert_eq!(found("").await, both);
    for query in ["?status=paid", "?q=2", "?q=ps-2", "?from=2026-05-02", "?status=paid&q=mika", "?limit=1"] {
        assert_eq!(found(query).await, two, "{query}");
    }
    for query in ["?status=draft", "?q=PS-000001", "?to=2026-05-01", "?q=mika&to=2026-05-01"] {
        assert_eq!(found(query).await, one, "{query}");
    }
    for query in ["?q=mika%40exam", "?q=%E4%BD%90%E8%97%A4", "?q=MIKA"] {
        assert_eq!(found(query).await, both, "{query}");
    }
    assert_eq!(found("?status=shipped").await, [""; 0]);
    assert_eq!(found(&format!("?after={second}")).await, one);
    assert_eq!(found(&format!("?after={second}&q=mika")).await, one);
    assert_eq!(room.get("/admin/orders?status=lost", &owner).await.fields(), ["status"]);
    assert_eq!(room.get("/admin/orders?from=May", &owner).await.fields(), ["from"]);
    assert!(first["id"].is_string());
    for lang in ["en", "ja"] {
        assert!(room.look("/admin/orders?q=mika", &owner, lang).await.page(200).contains("PS-000002"));
    }
}
