//! Closed for holidays: visitors read it everywhere, new orders wait, and money under way is taken.

use crate::kit::{TestShop, order_body};
use petstar::stripe::sandbox::Action;
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_shop_takes_only_the_payments_under_way() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let owner = shop.staff(Role::Manager).await;
    let (under_way, session) = shop.order_at_checkout(&customer).await;

    let wrong =
        owner.put("/admin/settings", &json!({"holiday": {"back_on": "soon"}})).await.refused(422, "invalid_input");
    assert_eq!(wrong["errors"][0]["field"], "holiday.back_on");
    let closed =
        json!({"holiday": {"closed": true, "back_on": "2026-08-17", "notice": {"en": "Off to the sea with the dog."}}});
    assert_eq!(owner.put("/admin/settings", &closed).await.ok()["holiday"]["closed"], true);

    let page = shop.visitor().browsing().get("/products").await.text();
    assert!(page.contains("Off to the sea with the dog.") && page.contains("17 August 2026"), "the banner");
    let page = shop.visitor().browsing().with_header("accept-language", "ja").get("/").await.text();
    assert!(page.contains("2026年8月17日"), "the day in Japanese");

    // Designing and writing an order go on; only the way to the payment page is closed.
    let design = shop.design(&customer).await;
    let order = customer.post("/orders", &order_body(&design)).await.ok();
    let checkout = format!("/orders/{}/checkout", order["id"].as_str().unwrap());
    let problem = customer.post(&checkout, &json!({})).await.refused(409, "shop_closed");
    assert!(problem["detail"].as_str().unwrap().contains("kept"), "{problem}");
    let kept = customer.get(&format!("/orders/{}", order["id"].as_str().unwrap())).await.ok();
    assert_eq!(kept["status"], "draft");

    // The page that stands is found again, and its money is taken.
    let id = under_way["id"].as_str().unwrap();
    let again = customer.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    assert_eq!(again["order"]["stripe_checkout_session_id"], session.as_str());
    shop.sandbox().act(&session, Action::Pay).unwrap();
    let paid = shop.order_in(&customer, id, "paid").await;
    assert_eq!(paid["payment_status"], "succeeded");
    assert_eq!(owner.get("/admin/orders").await.status, 200);
    assert!(owner.get("/admin").await.ok()["needs"].to_string().contains("closed"), "the panel says so too");

    let open = owner.put("/admin/settings", &json!({"holiday": {"closed": false}})).await;
    assert_eq!(open.status, 200);
    assert_eq!(customer.post(&checkout, &json!({})).await.status, 200);
    assert!(!shop.visitor().browsing().get("/products").await.text().contains("Off to the sea"));
    shop.app.stop().await;
}
