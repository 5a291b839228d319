//! What customers do: collect, order, look, change, order again; and what they cannot do with other people's things.

use super::*;
use crate::orders::link;
use crate::people::customers;

#[tokio::test]
async fn from_the_basket_to_the_confirmation_by_forms_alone() {
    let room = Room::open();
    let mika = room.customer();
    assert!(room.look("/basket", &mika, "en").await.page(200).contains("Your basket is empty"));
    let tag = room.tag(&mika, "Chelsea").await;
    let design = tag["id"].as_str().unwrap();
    let put = room.form("/basket", &mika, &[("design_id", design), ("quantity", "1"), ("then", "basket")]).await;
    assert_eq!((put.status, put.location()), (303, "/basket"));
    room.form("/basket", &mika, &[("design_id", design), ("quantity", "1")]).await;
    let basket = room.get("/basket", &mika).await.ok();
    assert_eq!(
        (&basket["lines"][0]["quantity"], &basket["subtotal"], &basket["amount"]),
        (&json!(2), &json!(3360), &json!(3960))
    );
    let page = room.look("/basket", &mika, "en").await;
    assert!(page.page(200).contains("¥3,960") && page.body.contains(r#"<span class="basket-count">1</span>"#));
    room.look("/basket", &mika, "ja").await.page(200);

    // The quantity can be changed and the line taken out, without JavaScript.
    let line = format!("/basket/{}", basket["lines"][0]["id"].as_str().unwrap());
    let changed = room.form(&format!("{line}?_method=PUT"), &mika, &[("quantity", "3")]).await;
    assert_eq!(changed.location(), "/basket");
    assert_eq!(room.get("/basket", &mika).await.ok()["lines"][0]["quantity"], 3);
    assert_eq!(room.send("PUT", &line, &room.customer(), json!({"quantity": 1})).await.status, 404);
    assert_eq!(room.send("PUT", &line, &mika, json!({"quantity": 0})).await.fields(), ["quantity"]);

    for lang in ["en", "ja"] {
        let form = room.look("/orders/new", &mika, lang).await;
        assert!(form.page(200).contains(r#"name="shipping_address.postal_code""#));
        assert!(form.body.contains(r#"name="shipping_address.name_kana""#), "{}", form.body);
    }
    let once = Uuid::now_v7().to_string();
    let mut fields = vec![
        ("form", once.as_str()),
        ("lines.0.design_id", design),
        ("lines.0.quantity", "3"),
        ("email", "mika.example.jp"),
        ("shipping_address.country", "JP"),
        ("shipping_address.name", "佐藤 美香"),
        ("shipping_address.postal_code", "604-80"),
        ("shipping_address.region", "Kyoto"),
        ("shipping_address.city", "京都市中京区"),
        ("shipping_address.line1", "恵比須町427"),
        ("shipping_address.line2", ""),
        ("shipping_address.phone", ""),
        ("note", "<b>please</b>"),
        ("shipping_address.name_kana", "さとう　みか"),
    ];
    let wrong = room.form("/orders", &mika, &fields).await;
    let page = wrong.page(422);
    assert!(page.contains("Please look at 2 things") && page.contains(r#"value="604-80""#), "{page}");
    assert!(page.contains(r##"href="#postal_code""##) && page.contains("&#60;b&#62;please"), "{page}");
    fields[3].1 = "mika@example.jp";
    fields[6].1 = "６０４８００５";
    let made = room.form("/orders", &mika, &fields).await;
    assert_eq!(made.status, 303, "{}", made.body);
    let confirm = made.location().to_owned();
    // Sent twice, it is one order.
    assert_eq!(room.form("/orders", &mika, &fields).await.location(), confirm);
    let page = room.look(&confirm, &mika, "en").await;
    for words in ["¥5,040", "¥5,640", "604-8005", "Order and pay ¥5,640", "mika@example.jp", "Chelsea", "サトウ ミカ"]
    {
        assert!(page.page(200).contains(words), "{words} in {}", page.body);
    }
    room.look(&confirm, &mika, "ja").await.page(200);
    let own = room.get("/orders", &mika).await.ok();
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    // Nothing leaves the basket before the money is there.
    assert_eq!(room.get("/basket", &mika).await.ok()["lines"].as_array().unwrap().len(), 1);
    assert_eq!(room.form(&format!("{line}?_method=DELETE"), &mika, &[]).await.status, 303);
    assert_eq!(room.get("/basket", &mika).await.ok()["lines"], json!([]));
}

#[tokio::test]
async fn an_order_is_priced_on_the_server() {
    let room = Room::open();
    let mika = room.customer();
    let order = room.draft(&mika, 4).await;
    assert_eq!(order["order_number"], "PS-000001");
    assert_eq!((&order["status"], &order["payment_status"]), (&json!("draft"), &json!("pending")));
    assert_eq!(
        (&order["subtotal"], &order["shipping_fee"], &order["tax_added"], &order["amount"]),
        (&json!(6720), &json!(600), &json!(0), &json!(7320))
    );
    assert_eq!(order["tax_breakdown"], json!([{"rate": 10, "taxable": 6655, "tax": 665}]));
    assert_eq!(order["shipping_address"]["postal_code"], "604-8005");
    // From the threshold on shipping is free.
    let free = room.draft(&mika, 5).await;
    assert_eq!((&free["subtotal"], &free["shipping_fee"]), (&json!(8400), &json!(0)));
    // One line may be given short.
    let tag = room.tag(&mika, "Mochi").await;
    let short =
        json!({"design_id": tag["id"], "quantity": 2, "email": "mika@example.jp", "shipping_address": address()});
    assert_eq!(room.send("POST", "/orders", &mika, short).await.ok()["lines"][0]["quantity"], 2);
}

#[tokio::test]
async fn what_cannot_be_ordered_is_named() {
    let room = Room::open();
    let mika = room.customer();
    let tag = room.tag(&mika, "Chelsea").await;
    let with = |member: &str, value: Value| {
        let mut body = order_for(&tag, 1);
        body[member] = value;
        body
    };
    let post = async |body: Value| room.send("POST", "/orders", &mika, body).await;
    for quantity in [0, 1000, -1] {
        let lines = json!([{"design_id": tag["id"], "quantity": quantity}]);
        assert_eq!(post(with("lines", lines)).await.fields(), ["lines[0].quantity"]);
    }
    assert_eq!(post(with("lines", json!([]))).await.fields(), ["lines"]);
    assert_eq!(post(with("email", json!("mika"))).await.fields(), ["email"]);
    post(with("coupon", json!("STAR"))).await.refused(422, "coupon_invalid");
    let mut elsewhere = address();
    elsewhere["country"] = json!("BR");
    assert_eq!(post(with("shipping_address", elsewhere)).await.fields(), ["shipping_address.country"]);

    // A design that is not filled in, somebody else's, and none at all.
    let product = room.get("/products/round-tag", &mika).await.ok();
    let empty = room.send("POST", "/designs", &mika, json!({"product_id": product["id"]})).await.ok();
    let others = room.tag(&room.customer(), "Kuro").await;
    let lines = json!([
        {"design_id": tag["id"], "quantity": 1},
        {"design_id": empty["id"], "quantity": 1},
        {"design_id": others["id"], "quantity": 1},
        {"design_id": Uuid::now_v7(), "quantity": 1},
    ]);
    let fields = post(with("lines", lines)).await.fields();
    assert_eq!(fields, ["lines[1].design_id", "lines[2].design_id", "lines[3].design_id"]);
    assert_eq!(room.get("/orders", &mika).await.ok()["items"], json!([]), "a refusal leaves nothing behind");
}

#[tokio::test]
async fn an_order_is_seen_only_by_those_it_concerns() {
    let room = Room::open();
    let mika = room.customer();
    let order = room.draft(&mika, 1).await;
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    room.get(&path, &mika).await.ok();
    let other = room.customer();
    for who in [&room.stranger(), &other] {
        room.get(&path, who).await.refused(404, "not_found");
        room.get(&format!("{path}/confirm"), who).await.refused(404, "not_found");
        room.send("PUT", &path, who, json!({"note": "x"})).await.refused(404, "not_found");
        room.send("POST", &format!("{path}/reorder"), who, json!({})).await.refused(404, "not_found");
    }
    // By the link in its mails, and no other order by it.
    let link = link(&room.shop, id_of(&order));
    let by_link = link.split_once("8080").unwrap().1;
    room.get(by_link, &room.stranger()).await.ok();
    let page = room.look(by_link, &room.stranger(), "en").await;
    assert!(page.page(200).contains(&format!("{path}/confirm?key=")), "{}", page.body);
    // Who came by the link, on another device, can finish what was begun.
    let phone = room.customer();
    let edit = by_link.replace("?key=", "/edit?key=");
    assert!(room.look(&edit, &phone, "en").await.page(200).contains("Chelsea"));
    let design = format!("/designs/{}", order["lines"][0]["design_id"].as_str().unwrap());
    room.get(&design, &phone).await.ok();
    room.send("PUT", by_link, &phone, json!({"note": "to the back door"})).await.ok();
    let second = room.draft(&mika, 1).await;
    let forged = by_link.replace(order["id"].as_str().unwrap(), second["id"].as_str().unwrap());
    assert_eq!(room.get(&forged, &room.stranger()).await.status, 404);
    // By a proven address, on another device.
    let session = other.session(&room);
    let now = room.shop.now();
    room.write(move |tx, _| Ok(customers::prove(tx, session, "Mika@example.jp", now)?)).await.unwrap();
    room.get(&path, &other).await.ok();
    assert_eq!(room.get("/orders", &other).await.ok()["items"].as_array().unwrap().len(), 2);
    let first = room.get("/orders?limit=1", &other).await.ok();
    assert_eq!(first["items"][0]["id"], second["id"]);
    let rest = room.get(&format!("/orders?limit=1&after={}", first["next"].as_str().unwrap()), &other).await.ok();
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&order["id"], &Value::Null));
}

#[tokio::test]
async fn a_draft_can_be_changed_and_keeps_what_is_left_out() {
    let room = Room::open();
    let mika = room.customer();
    let order = room.draft(&mika, 1).await;
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let mut far = address();
    far["region"] = json!("沖縄県");
    let changed = room.send("PUT", &path, &mika, json!({"shipping_address": far})).await.ok();
    assert_eq!((&changed["shipping_fee"], &changed["email"]), (&json!(1200), &json!("mika@example.jp")));
    assert_eq!(changed["lines"][0]["id"], order["lines"][0]["id"]);
    assert_eq!(changed["version"], 2);
    for lang in ["en", "ja"] {
        room.look(&format!("{path}/edit"), &mika, lang).await.page(200);
        room.look(&path, &mika, lang).await.page(200);
        room.look("/orders", &mika, lang).await.page(200);
    }
    let design = order["lines"][0]["design_id"].as_str().unwrap();
    let fields = [("lines.0.design_id", design), ("lines.0.quantity", "7"), ("note", "ring twice")];
    let sent = room.form(&format!("{path}?_method=PUT"), &mika, &fields).await;
    assert_eq!(sent.location(), format!("{path}/confirm"));
    let now = room.get(&path, &mika).await.ok();
    assert_eq!(
        (&now["lines"][0]["quantity"], &now["note"], &now["shipping_fee"]),
        (&json!(7), &json!("ring twice"), &json!(0))
    );
}

#[tokio::test]
async fn the_same_again_at_todays_prices() {
    let room = Room::open();
    let mika = room.customer();
    let order = room.draft(&mika, 2).await;
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let again = room.send("POST", &format!("{path}/reorder"), &mika, json!({})).await;
    assert_eq!(again.status, 201, "{}", again.body);
    let again = again.json();
    assert_eq!(again["designs"][0]["original_design_id"], order["lines"][0]["design_id"]);
    assert_eq!(again["order"]["lines"][0]["design_id"], again["designs"][0]["id"]);
    assert_eq!((&again["order"]["status"], &again["order"]["amount"]), (&json!("draft"), &order["amount"]));
    assert_eq!(again["order"]["order_number"], "PS-000002");
    let form = room.form(&format!("{path}/reorder"), &mika, &[]).await;
    assert!(form.location().ends_with("/confirm?again=1"));
}
