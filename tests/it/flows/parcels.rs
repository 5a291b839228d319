//! Parcels leave: a file for the carrier's label program, and the numbers it gives back, first looked at, then applied.

use crate::kit::{TestShop, orders};
use petstar::kernel::Moment;
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

    // What B2 gives back, in its own encoding: two good rows, one order twice, one paid only, one unknown.
    let csv = format!(
        "お客様管理番号,送り状種類,クール区分,伝票番号\r\n{},0,,111122223333\r\n{},0,,111122224444\r\n{},0,,5\r\nPS-000001,0,,6\r\nPS-999999,0,,7\r\n",
        numbers[0], numbers[1], numbers[0]
    );
    let bytes = encoding_rs::SHIFT_JIS.encode(&csv).0.into_owned();
    let looked = staff.upload("/admin/parcels/tracking", "b2.csv", "text/csv", &bytes).await.ok();
    let expected = ["will_ship", "will_ship", "refused", "refused", "refused"];
    assert_eq!(results(&looked).into_iter().map(|(_, result)| result).collect::<Vec<_>>(), expected, "{looked}");
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
