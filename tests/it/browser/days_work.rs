//! What the staff does in a day: an order from its arrival to the parcel, an export that is watched, and a change that cannot be made.

use super::access::owner;
use super::{Device, Settings, Window, steps, story};
use crate::kit::orders;
use petstar::kernel::Moment;
use serde_json::json;

const DESKTOP: Settings = Settings { story: "order-to-parcel", device: Device::Desktop, scripts: true, lang: "en" };

/// The id of the order that the page shows.
async fn order_id(window: &Window) -> String {
    window.path().await.trim_start_matches("/admin/orders/").chars().take(36).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_arrives_is_printed_shipped_and_written_about() {
    story(DESKTOP, async |window, shop| {
        let customer = shop.visitor();
        let order = shop.paid_order(&customer).await;
        let number = order["order_number"].as_str().expect("a number").to_owned();
        let design = order["lines"][0]["design_id"].as_str().expect("a design");
        shop.design_in(&customer, design, "ready").await;
        let staff = owner(shop).await;
        window.become_visitor(&staff).await;

        // It arrives: the front page says so first, and leads there.
        window.go("/admin").await;
        window.picture("today").await;
        window.click_through(".need a[href='/admin/orders?status=paid']").await;
        window.click_through(".table a[href^='/admin/orders/']").await;
        assert!(window.text("h1").await.contains(&number));
        let id = order_id(window).await;
        window.click_through(".next-step .button-main").await;
        window.see(".state[data-state=processing]").await;

        // The print room: a ticket on paper, then printed and packed, from the queue.
        window.go("/admin/print").await;
        window.see(&format!("a[href*='{id}']")).await;
        window.picture("queue").await;
        let file = window.attribute("a[href*='/final']", "href").await.expect("the print file");
        let got = window
            .run_until_done("const done = arguments[1]; fetch(arguments[0]).then((a) => done([a.status, a.headers.get('content-type')]))", vec![file.into()])
            .await;
        assert_eq!((got[0].as_i64(), got[1].as_str()), (Some(200), Some("image/png")), "{got}");
        window.go(&format!("/admin/orders/{id}")).await;
        window.click_through("a[href^='/admin/print/tickets']").await;
        window.see(".ticket-code svg").await;
        window.picture("ticket").await;
        for state in ["printed", "packed"] {
            window.go(&format!("/admin/orders/{id}")).await;
            let form = format!("form:has(input[name=production][value={state}]) button");
            window.click_through(&form).await;
            window.see(&format!(".state[data-state={state}]")).await;
        }
        window.picture("packed").await;

        // It ships, and the customer is written to with the number of the parcel.
        window.fill("[name='tracking.carrier']", "Yamato").await;
        window.fill("[name='tracking.number']", "1234-5678-9012").await;
        window.click_through("#shipping button").await;
        window.see(".state[data-state=shipped]").await;
        let written = async || {
            let mails = staff.clone().with_header("accept", "application/json").get("/admin/mails?kind=order_shipped").await.ok();
            (mails["items"][0]["status"] == "sent").then_some(())
        };
        shop.until("the mail about the parcel", written).await;
        window.go(&format!("/admin/orders/{id}")).await;
        window.picture("shipped").await;
        window.go("/admin/mails?kind=order_shipped").await;
        window.click_through(".table a[href^='/admin/mails/']").await;
        assert!(window.text("pre.prose").await.contains("1234-5678-9012"), "the parcel's number is in the mail");
        window.picture("mail").await;
        steps::fits(window, "the mail").await;
        assert_eq!(window.console_errors().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_shows_how_far_it_is() {
    story(Settings { story: "export", ..DESKTOP }, async |window, shop| {
        orders::fill(shop.shop().store(), 4000, Moment(1_767_225_600_000));
        window.become_visitor(&owner(shop).await).await;
        window.click_export().await;
        window.see("#export progress, #export .state[data-state=completed]").await;
        window.picture("under-way").await;
        // Pushed by the socket, or polled: the page gets there without a reload.
        window.see("#export .state[data-state=completed]").await;
        window.picture("done").await;
        let link = window.attribute("#export a[href$='/download']", "href").await.expect("a file");
        let script = "const done = arguments[1]; fetch(arguments[0]).then((a) => a.text()).then((text) => done(text.split('\\n').filter((line) => line.startsWith('PS-')).length))";
        let rows = window.run_until_done(script, vec![link.into()]).await;
        assert_eq!(rows.as_i64(), Some(4000), "every order has its row");
        steps::fits(window, "the export").await;
    })
    .await;
}

impl Window {
    /// From the panel's menu to the page of a new export of orders.
    async fn click_export(&self) {
        self.go("/admin").await;
        self.click_through(".panel-links a[href='/admin/exports']").await;
        self.picture("exports").await;
        self.click_through("form[action='/admin/exports'] .button-main").await;
        self.arrive("the export's page", |path| path.starts_with("/admin/exports/")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_made_is_explained() {
    story(Settings { story: "cannot", ..DESKTOP }, async |window, shop| {
        let customer = shop.visitor();
        let order = shop.paid_order(&customer).await;
        let path = format!("/admin/orders/{}", order["id"].as_str().expect("an id"));
        let staff = owner(shop).await;
        window.become_visitor(&staff).await;
        window.go(&path).await;
        // While the page stands open, somebody else goes on with the order.
        let other = staff.clone().with_header("accept", "application/json");
        for status in ["processing", "shipped"] {
            other.put(&path, &json!({"status": status})).await.ok();
        }
        window.click_through(".next-step .button-main").await;
        window.see("main [role=alert]").await;
        let told = window.text("main [role=alert]").await;
        assert!(told.contains("Nothing was changed") && told.contains("omebody"), "{told}");
        // The page is the order as it is now, so the next click is an informed one.
        window.see(".state[data-state=shipped]").await;
        window.picture("stale").await;
        // And a state that cannot follow is named with those that can.
        let refused = other.put(&path, &json!({"status": "paid"})).await.refused(409, "invalid_status_transition");
        assert_eq!(refused["allowed"], json!(["delivered"]));
        window.set_page(&path, "paid").await;
        let told = window.text("main [role=alert]").await;
        assert!(told.contains("Delivered"), "what is allowed is named: {told}");
        window.picture("not-allowed").await;
        window.go(&path).await;
        window.see(".state[data-state=shipped]").await;
        window.picture("as-it-is").await;
    })
    .await;
}

impl Window {
    /// Sends the order's form with a state that its page does not offer, as an old page might.
    async fn set_page(&self, path: &str, status: &str) {
        self.go(path).await;
        let script = "
            const form = document.createElement('form');
            form.method = 'post';
            form.action = arguments[0] + '?_method=PUT';
            const input = document.createElement('input');
            input.name = 'status';
            input.value = arguments[1];
            form.append(input);
            document.querySelector('main').append(form);
            form.submit();";
        self.run(script, vec![path.into(), status.into()]).await;
        self.see("main [role=alert]").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_a_mail_are_seen_while_they_are_typed() {
    story(Settings { story: "mail-text", ..DESKTOP }, async |window, shop| {
        window.become_visitor(&owner(shop).await).await;
        window.go("/admin/mail-texts/order_shipped/en").await;
        window.fill("#subject", "{number} is on the road").await;
        // Nothing is pressed: the letter follows what is typed.
        window.holds("document.querySelector('#letter strong').textContent === 'PS-000123 is on the road'").await;
        window.fill("#subject", "{nmber} is on the road").await;
        window
            .holds("document.querySelector('#letter .notice[data-kind=warn]')?.textContent.includes('{nmber}')")
            .await;
        window.picture("told").await;
        window.fill("#subject", "{number} is on the road").await;
        window.fill("#text", "Hello {name}!").await;
        window.holds("document.querySelector('#letter').textContent.includes('Hello Mika Sato!')").await;
        window.click_through("form[action*='mail-texts'] .button-main").await;
        window.see("main .notice[data-kind=good]").await;
        assert_eq!(window.value("#subject").await, "{number} is on the road");
        window.picture("saved").await;
        // What is refused while one types is told as any refusal, and the browser notes its status.
        let errors = window.console_errors().await;
        assert!(errors.iter().all(|line| line.contains("422")), "{errors:?}");
    })
    .await;
}
