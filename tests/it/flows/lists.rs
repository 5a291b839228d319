//! Lists are walked from page to page, and never begin again by themselves.

use crate::kit::TestShop;
use petstar::web::Role;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_not_in_the_list_is_refused() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let order = shop.paid_order(&customer).await;
    let owner = shop.staff(Role::Owner).await;
    let known = order["id"].as_str().unwrap();
    let unknown = "0192d5f0-0000-7000-8000-000000000001";
    let lists =
        ["/products", "/orders", "/admin/orders", "/admin/products", "/admin/jobs", "/admin/mails", "/admin/audit"];
    for path in lists {
        for after in [unknown, "second"] {
            let problem = owner.get(&format!("{path}?after={after}")).await.refused(422, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], "after", "{path}");
        }
        assert_eq!(owner.get(&format!("{path}?after=")).await.status, 200, "{path}: nothing is the beginning");
    }
    assert_eq!(customer.get(&format!("/orders?after={known}")).await.ok()["items"], json!([]));
    // To others an order that exists is as unknown as one that does not.
    shop.visitor().get(&format!("/orders?after={known}")).await.refused(422, "invalid_input");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_item_is_seen_once() {
    let shop = TestShop::start().await;
    let owner = shop.staff(Role::Owner).await;
    for path in ["/products", "/admin/products"] {
        let whole = owner.get(&format!("{path}?limit=100")).await.ok()["items"].as_array().unwrap().len();
        let (mut seen, mut after, mut pages) = (BTreeSet::new(), String::new(), 0);
        loop {
            let page = owner.get(&format!("{path}?limit=3&after={after}")).await.ok();
            for item in page["items"].as_array().unwrap() {
                assert!(seen.insert(item["id"].to_string()), "{path} shows {} twice", item["slug"]);
            }
            pages += 1;
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        assert_eq!((seen.len(), pages), (whole, whole.div_ceil(3)), "{path}");
    }
    shop.app.stop().await;
}
