//! The link in a mail that shows every order of its address, and nothing more.

use crate::kit::{TestShop, order_body};
use petstar::orders::{self, OrderId, access};
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_from_a_mail_shows_the_orders_of_its_address() {
    let shop = TestShop::start().await;
    let (customer, other, stranger) = (shop.visitor(), shop.visitor(), shop.visitor());
    let paid = shop.paid_order(&customer).await;
    let id = paid["id"].as_str().unwrap();
    // The same address on another device, and another address.
    let mut body = order_body(&shop.design(&other).await);
    body["email"] = json!("Mika@Example.com ");
    let second = other.post("/orders", &body).await.ok();
    body["email"] = json!("else@example.com");
    other.post("/orders", &body).await.ok();

    let staff = shop.staff(Role::Owner).await;
    let mails = staff.get(&format!("/admin/orders/{id}")).await.ok()["mails"].clone();
    let mail = mails.as_array().unwrap().iter().find(|mail| mail["kind"] == "order_paid").unwrap()["id"].clone();
    let shown = staff.get(&format!("/admin/mails/{}", mail.as_str().unwrap())).await.text();
    assert!(
        shown.contains("/orders?of=") && shown.contains("key=…") && !shown.replace("key=…", "").contains("key="),
        "{shown}"
    );
    let id_of_mail = petstar::people::mails::MailId(mail.as_str().unwrap().parse().unwrap());
    let row = petstar::people::mails::find(&shop.shop().store().read().unwrap(), id_of_mail).unwrap().unwrap();
    let mail = row.text;
    let at = mail.find("/orders?of=").expect("the link stands in the mail");
    let link: String = mail[at..].chars().take_while(|c| !c.is_whitespace() && *c != '"' && *c != '\\').collect();

    let list = stranger.get(&link).await.ok();
    let found: Vec<_> = list["items"].as_array().unwrap().iter().map(|order| order["id"].clone()).collect();
    assert_eq!(found, [second["id"].clone(), paid["id"].clone()]);
    let first = stranger.get(&format!("{link}&limit=1")).await.ok();
    let rest = stranger.get(&format!("{link}&limit=1&after={}", first["next"].as_str().unwrap())).await.ok();
    assert_eq!(rest["items"][0]["id"], paid["id"]);
    // Each order on the page has its own key; the list gives the visitor's session nothing.
    let page = stranger.clone().browsing().get(&link).await.text();
    let order = page.split("href=\"").find_map(|rest| rest.split('"').next().filter(|url| url.contains("?key=")));
    assert_eq!(stranger.get(order.expect("a way to the order")).await.status, 200);
    assert!(!stranger.clone().browsing().get(order.unwrap()).await.text().contains("/orders?of="), "never on a page");
    stranger.get(&format!("/orders/{id}")).await.refused(404, "not_found");
    assert_eq!(stranger.get("/orders").await.ok()["items"], json!([]));

    // What was changed about it opens nothing.
    let (head, key) = link.split_once("&key=").unwrap();
    let later = head.replace("until=1", "until=2");
    let of_other = link.replace(id, second["id"].as_str().unwrap());
    for forged in [head.to_owned(), format!("{later}&key={key}"), format!("{head}&key=AAAA"), of_other] {
        stranger.get(&forged).await.refused(404, "not_found");
    }
    // A draft's address can be changed: the link to the old one does not open the new one's orders.
    let draft = OrderId(second["id"].as_str().unwrap().parse().unwrap());
    let row = orders::find(&shop.shop().store().read().unwrap(), draft).unwrap().unwrap();
    let mine = access::history_link(shop.shop(), &row, shop.clock.now());
    assert_eq!(stranger.get(&mine).await.status, 200);
    other.put(&format!("/orders/{}", draft), &json!({"email": "third@example.com"})).await.ok();
    stranger.get(&mine).await.refused(404, "not_found");
    shop.clock.advance_seconds(91 * 24 * 3600);
    stranger.get(&link).await.refused(404, "not_found");
    shop.app.stop().await;
}
