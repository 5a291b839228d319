//! The panel's front page: what needs somebody now, each with the place where it is cured; then what was taken.

use crate::kit::TestShop;
use petstar::orders::{PaymentMethod, PaymentStatus, Production, Status};
use petstar::web::Role;
use serde_json::{Value, json};

fn urls(page: &Value) -> Vec<&str> {
    page["needs"].as_array().unwrap().iter().map(|need| need["url"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_says_what_to_do_and_what_was_taken() {
    let shop = TestShop::start().await;
    let viewer = shop.staff(Role::Viewer).await;
    let quiet = viewer.get("/admin").await.ok();
    assert_eq!(quiet["today"], json!([{"currency": "JPY", "orders": 0, "pieces": 0, "amount": 0}]));
    assert!(!urls(&quiet).contains(&"/admin/orders?status=paid"));

    let order = shop.paid_order(&shop.visitor()).await;
    let busy = viewer.get("/admin").await.ok();
    assert!(urls(&busy).contains(&"/admin/orders?status=paid"), "{busy}");
    let taken = json!([{"currency": "JPY", "orders": 1, "pieces": 1, "amount": order["amount"]}]);
    assert_eq!((&busy["today"], &busy["this_month"]), (&taken, &taken));
    // The clock of the tests stands on 21 May in Tokyo.
    let days = busy["days"].as_array().unwrap();
    assert_eq!((days.len(), days[20]["date"].as_str().unwrap()), (21, "2026-05-21"));
    assert_eq!((&days[20]["amount"], &days[19]["amount"]), (&order["amount"], &json!(0)));
    let page = viewer.clone().with_header("accept", "text/html").get("/admin").await.text();
    assert_eq!(page.matches("<svg viewBox=\"0 0 ").count(), 2, "two charts");
    assert!(page.contains("bar bar-now"));

    // A line on hold is told, and the cure is where the link leads.
    let (id, line) = (order["id"].as_str().unwrap(), order["lines"][0]["id"].as_str().unwrap());
    let path = format!("/admin/orders/{id}/lines/{line}");
    shop.staff(Role::Printer).await.put(&path, &json!({"production": "on_hold", "reason": "ink"})).await.ok();
    let held = viewer.get("/admin").await.ok();
    assert!(urls(&held).contains(&"/admin/print?state=on_hold"), "{held}");
    let queue = viewer.get("/admin/print?state=on_hold").await.ok();
    assert_eq!(queue["items"][0]["hold_reason"], "ink");

    // What is made before it is paid is work too, and what is packed waits for its parcel. Nobody is led where they may not go.
    let put = |tx: &petstar::store::WriteTx| {
        for (number, production) in [(101, Production::ReadyToPrint), (102, Production::Packed)] {
            let mut order = crate::kit::orders::order(number, petstar::kernel::Moment(1_767_225_600_000));
            order.status = Status::PendingPayment;
            order.payment_status = PaymentStatus::Pending;
            order.payment_method = PaymentMethod::CashOnDelivery;
            (order.paid_at, order.shipped_at) = (None, None);
            order.lines.iter_mut().for_each(|line| line.production = production);
            petstar::orders::table::put(tx, &order)?;
        }
        Ok::<_, petstar::kernel::Fault>(())
    };
    shop.shop().store().write_blocking(put).unwrap();
    let more = viewer.get("/admin").await.ok();
    let found = urls(&more);
    assert!(found.contains(&"/admin/print") && found.contains(&"/admin/parcels"), "{found:?}");
    for url in found {
        assert_eq!(viewer.clone().browsing().get(url).await.status, 200, "{url}");
    }
    assert!(urls(&shop.staff(Role::Owner).await.get("/admin").await.ok()).contains(&"/admin/stripe"));

    // Tomorrow is another day of the same month.
    shop.clock.advance_seconds(86_400);
    let tomorrow = viewer.get("/admin").await.ok();
    assert_eq!((&tomorrow["today"][0]["orders"], &tomorrow["this_month"]), (&json!(0), &taken));
    shop.app.stop().await;
}
