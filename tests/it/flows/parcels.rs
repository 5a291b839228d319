//! Parcels leave: a file for the carrier's label program, and the numbers it gives back, first looked at, then applied.

use crate::kit::{TestShop, orders};
use petstar::kernel::Moment;
use petstar::orders::{PaymentMethod, PaymentStatus, Status};
use petstar::web::Role;
use serde_json::{Value, json};

const SINCE: Moment = Moment(1_767_225_600_000);

/// The orders with the numbers 4, 5, 16 and 17 are being worked on.
async fn shop() -> TestShop {
    let shop = TestShop::start().await;
    orders::fill(shop.shop().store(), 20, SINCE);
    shop
}

fn results(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = answer["tracking"].as_array().expect("rows").iter();
    rows.map(|row| (text(&row["order_number"]), text(&row["result"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_printed_and_numbers_come_back() {
    let shop = shop().await;
    let staff = shop.staff(Role::Manager).await;
    let sender = json!({"name": "ペットスター", "postal_code": "150-0001", "address": "東京都渋谷区神宮前1-2-3", "phone": "03-1234-5678"});
    staff.put("/admin/parcels/sender", &sender).await.ok();
    let page = staff.get("/admin/parcels").await.ok();
    let waiting = page["items"].as_array().unwrap();
    let numbers: Vec<_> = waiting.iter().map(|parcel| parcel["order_number"].as_str().unwrap()).collect();
    assert!(numbers.len() >= 3 && waiting.iter().all(|parcel| parcel["status"] == "processing"), "{numbers:?}");

    let file = staff.get("/admin/parcels/file?carrier=yamato&day=2026-05-21").await;
    assert!(file.header("content-disposition").contains("yamato-2026-05-21.csv"));
    let (text, _, broken) = encoding_rs::SHIFT_JIS.decode(&file.body);
    assert!(!broken && text.contains("ペットスター") && numbers.iter().all(|number| text.contains(number)), "{text}");
    let one =
        staff.get(&format!("/admin/parcels/file?carrier=sagawa&order={}", waiting[0]["id"].as_str().unwrap())).await;
    let (text, _, _) = encoding_rs::SHIFT_JIS.decode(&one.body);
    assert!(text.contains(numbers[0]) && !text.contains(numbers[1]));
    staff.get("/admin/parcels/file?carrier=owl").await.refused(422, "invalid_input");
    staff.get("/admin/parcels/file?carrier=yamato&chosen=true").await.refused(422, "invalid_input");
    let none = staff.clone().browsing().get("/admin/parcels/file?carrier=yamato&chosen=true").await;
    assert!(none.status == 422 && none.text().contains("No order is chosen"), "{}", none.text());

    // What B2 gives back, in its own encoding: two good rows, one order twice, one paid only, one unknown.
    let csv = format!(
        "お客様管理番号,送り状種類,クール区分,伝票番号\r\n{},0,,111122223333\r\n{},0,,111122224444\r\n{},0,,5\r\n{},0,,1.11122E+11\r\nPS-000001,0,,6\r\nPS-999999,0,,7\r\n",
        numbers[0], numbers[1], numbers[0], numbers[2]
    );
    let bytes = encoding_rs::SHIFT_JIS.encode(&csv).0.into_owned();
    let looked = staff.upload("/admin/parcels/tracking", "b2.csv", "text/csv", &bytes).await.ok();
    let expected = ["will_ship", "will_ship", "refused", "refused", "refused", "refused"];
    assert_eq!(results(&looked).into_iter().map(|(_, result)| result).collect::<Vec<_>>(), expected, "{looked}");
    assert!(looked["tracking"][3]["message"].as_str().unwrap().contains("as text"), "{looked}");
    let path = format!("/admin/orders/{}", waiting[0]["id"].as_str().unwrap());
    assert_eq!(staff.get(&path).await.ok()["status"], "processing", "a look changes nothing");

    let done = staff.post("/admin/parcels/tracking", &json!({"csv": csv, "apply": true})).await.ok();
    assert_eq!(results(&done)[0], (numbers[0].to_owned(), "shipped".to_owned()));
    let order = staff.get(&path).await.ok();
    assert_eq!(order["status"], "shipped");
    let parcel = order["tracking"].as_array().unwrap().last().unwrap();
    assert_eq!((&parcel["carrier"], &parcel["number"]), (&json!("ヤマト運輸"), &json!("111122223333")));
    assert!(parcel["url"].as_str().unwrap().contains("111122223333"));
    shop.until("two mails", async || (shop.outbox().len() == 2).then_some(())).await;
    let again = staff.post("/admin/parcels/tracking", &json!({"csv": csv, "apply": true})).await.ok();
    assert_eq!(results(&again)[0].1, "already");
    assert_eq!(shop.outbox().len(), 2, "nobody is written to twice");

    let browser = staff.clone().browsing();
    let form = [("csv", "order_number,tracking_number\nPS-000001,9\n")];
    assert!(browser.form("/admin/parcels/tracking", &form).await.text().contains("id=\"tracking\""));
    assert_eq!(browser.form("/admin/parcels/tracking", &[("csv", "")]).await.status, 422);
    let viewer = shop.staff(Role::Viewer).await;
    viewer.post("/admin/parcels/tracking", &json!({"csv": csv})).await.refused(403, "forbidden");
    shop.staff(Role::Printer).await.get("/admin/parcels").await.refused(403, "forbidden");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_is_made_twice_only_by_who_knows_it() {
    let shop = shop().await;
    let staff = shop.staff(Role::Manager).await;
    let items = |page: &Value| page["items"].as_array().unwrap().clone();
    let waiting = items(&staff.get("/admin/parcels").await.ok());
    let id = |at: usize| waiting[at]["id"].as_str().unwrap().to_owned();
    let number = |at: usize| waiting[at]["order_number"].as_str().unwrap().to_owned();
    assert!(waiting.len() >= 4 && waiting.iter().all(|parcel| parcel["cut"] == json!([])), "{waiting:?}");
    let first = number(0);
    let long = move |tx: &petstar::store::WriteTx| {
        let mut order = petstar::orders::table::by_number(tx, &first)?.expect("an order");
        order.shipping_address.name = "寿限無寿限無五劫の擦り切れ海砂利水魚の".into();
        order.shipping_address.name_kana = "ジュゲム".into();
        petstar::orders::table::put(tx, &order)
    };
    shop.shop().store().write_blocking(long).unwrap();

    // What a label has no room for is told beforehand.
    let told = items(&staff.get("/admin/parcels").await.ok());
    assert_eq!(told[0]["cut"], json!([{"carrier": "yamato", "field": "お届け先名", "lost": "水魚の"}]));
    let browser = staff.clone().browsing();
    let page = browser.get("/admin/parcels").await.text();
    assert!(
        page.contains("left out") && page.contains(&format!("{}</p>", number(0))) && page.contains("水魚の"),
        "{page}"
    );

    let wish = json!({"carrier": "yamato", "day": "2026-05-21", "orders": [id(0), id(1), id(1)]});
    let file = staff.post("/admin/parcels/labels", &wish).await;
    let (text, _, _) = encoding_rs::SHIFT_JIS.decode(&file.body);
    assert_eq!((file.status, text.lines().count()), (200, 3), "{text}");
    assert!(text.contains("ｼﾞｭｹﾞﾑ") && text.contains(&number(1)) && !text.contains(&number(2)), "{text}");
    let order = staff.get(&format!("/admin/orders/{}", id(0))).await.ok();
    assert_eq!((&order["label"]["carrier"], &order["label"]["by"]), (&json!("ヤマト運輸"), &json!("test")));
    assert!(order["history"].to_string().contains("label_made"), "{order}");
    assert!(browser.get(&format!("/admin/orders/{}", id(0))).await.text().contains("Label made on 21 May 2026"));

    // The next one is told, and nothing is made; whoever knows can have it again.
    let refused = staff.post("/admin/parcels/labels", &wish).await.refused(409, "conflict");
    assert_eq!(refused["orders"], json!([number(0), number(1)]));
    let (made, fresh) = (id(0), id(2));
    let form = [("carrier", "yamato"), ("chosen", "true"), ("orders[]", &*made), ("orders[]", &*fresh)];
    let page = browser.form("/admin/parcels/labels", &form).await;
    assert_eq!(page.status, 409);
    assert!(page.text().contains(&format!("{}. Nothing was made", number(0))), "{}", page.text());
    assert!(page.text().contains(&format!("{fresh}@again")), "{}", page.text());
    assert_eq!(page.text().matches(" checked").count(), 2, "the ticks are those that were sent");
    // An order whose parcel does not leave now gets no label, nor do those beside it, and nobody is asked whether they meant it.
    let paid = petstar::orders::table::by_number(&shop.shop().store().read().unwrap(), "PS-000001").unwrap().unwrap();
    let paid = paid.id.to_string();
    let late = json!({"carrier": "sagawa", "orders": [paid, id(2)]});
    let refused = staff.post("/admin/parcels/labels", &late).await.refused(409, "conflict");
    assert_eq!(refused["orders"], json!(["PS-000001"]));
    let form =
        [("carrier", "sagawa"), ("day", "2026-05-21"), ("chosen", "true"), ("orders[]", &*paid), ("orders[]", &*fresh)];
    let page = browser.form("/admin/parcels/labels", &form).await;
    let text = page.text();
    assert!(page.status == 409 && !text.contains("id=\"again\"") && text.contains("PS-000001. Nothing"), "{text}");
    assert_eq!(text.matches(" checked").count(), 1, "{text}");
    assert!(text.contains("value=\"sagawa\" selected") && text.contains("value=\"2026-05-21\""), "{text}");
    assert!(staff.get(&format!("/admin/orders/{}", id(2))).await.ok()["label"].is_null());
    let again = json!({"carrier": "yamato", "orders": [format!("{}@again", id(0))]});
    assert_eq!(staff.post("/admin/parcels/labels", &again).await.status, 200);
    let listed = |labels: &'static str| {
        let staff = staff.clone();
        async move { items(&staff.get(&format!("/admin/parcels?labels={labels}")).await.ok()).len() }
    };
    let all = waiting.len();
    assert_eq!((listed("with").await, listed("without").await, listed("all").await), (2, all - 2, all));
    let page = browser.get("/admin/parcels").await.text();
    assert_eq!((page.matches("@again").count(), page.matches(" checked").count()), (2, all - 2), "{page}");

    // Two people at the same moment: one makes the rest, the other is told that nothing is left.
    let other = shop.staff(Role::Owner).await;
    let rest = json!({"carrier": "sagawa"});
    let (one, two) =
        tokio::join!(staff.post("/admin/parcels/labels", &rest), other.post("/admin/parcels/labels", &rest));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);
    let audit = staff.get("/admin/audit?action=parcels.labels_made").await.ok();
    assert_eq!(items(&audit).len(), 3);
    staff
        .post("/admin/parcels/labels", &json!({"carrier": "yamato", "chosen": true}))
        .await
        .refused(422, "invalid_input");
    // A look marks nothing, and who only looks gets no more.
    let viewer = shop.staff(Role::Viewer).await;
    assert_eq!(viewer.get("/admin/parcels/file?carrier=yamato").await.status, 200);
    viewer.post("/admin/parcels/labels", &rest).await.refused(403, "forbidden");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_paid_at_the_door_are_on_the_pages_too() {
    let shop = shop().await;
    let put = |tx: &petstar::store::WriteTx| {
        for number in [1, 2, 3] {
            let mut order = petstar::orders::table::by_number(tx, &format!("PS-{number:06}"))?.expect("an order");
            order.status = Status::PendingPayment;
            order.payment_status = PaymentStatus::Pending;
            order.payment_method = PaymentMethod::CashOnDelivery;
            (order.paid_at, order.shipped_at) = (None, None);
            petstar::orders::table::put(tx, &order)?;
        }
        Ok::<_, petstar::kernel::Fault>(())
    };
    shop.shop().store().write_blocking(put).unwrap();
    let staff = shop.staff(Role::Viewer).await;
    let numbers = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["order_number"].as_str().unwrap().to_owned()).collect()
    };
    for start in ["/admin/parcels?limit=2", "/admin/print?state=packed&limit=2"] {
        let (mut all, mut path) = (Vec::new(), start.to_owned());
        loop {
            let page = staff.get(&path).await.ok();
            all.extend(numbers(&page));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("{start}&after={next}");
        }
        let whole = staff.get(&start.replace("limit=2", "limit=100")).await.ok();
        assert_eq!(all, numbers(&whole), "{start}");
        assert!(
            ["PS-000001", "PS-000002", "PS-000003"].iter().all(|number| all.iter().any(|one| one == number)),
            "{all:?}"
        );
    }
    let first = staff.clone().browsing().get("/admin/parcels?limit=2").await.text();
    assert!(first.contains("/admin/parcels?after=door."), "{first}");
    // The page goes on behind the second though that one was paid meanwhile.
    let next = staff.get("/admin/parcels?limit=2").await.ok()["next"].as_str().unwrap().to_owned();
    let pay = |tx: &petstar::store::WriteTx| {
        let mut order = petstar::orders::table::by_number(tx, "PS-000002")?.expect("an order");
        (order.status, order.payment_status) = (Status::Paid, PaymentStatus::Succeeded);
        order.paid_at = Some(Moment(SINCE.0 + 3_600_000));
        petstar::orders::table::put(tx, &order)
    };
    shop.shop().store().write_blocking(pay).unwrap();
    let page = staff.get(&format!("/admin/parcels?limit=2&after={next}")).await.ok();
    assert_eq!(numbers(&page)[0], "PS-000003");
    staff.get("/admin/parcels?after=door.nothing").await.refused(422, "invalid_input");
    shop.app.stop().await;
}
