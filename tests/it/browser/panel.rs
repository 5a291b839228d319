//! The owner's first day: set-up, an order, its print, its parcel.

use super::{Device, Settings, steps, story};

const PASSWORD: &str = "a long and quiet password";

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sets_up_and_sends_an_order() {
    let settings = Settings { story: "panel", device: Device::Desktop, scripts: true, lang: "en" };
    story(settings, async |window, shop| {
        let customer = shop.visitor();
        let order = shop.paid_order(&customer).await;
        let design = order["lines"][0]["design_id"].as_str().expect("a design");
        shop.design_in(&customer, design, "ready").await;

        let link = std::fs::read_to_string(shop.folder.data().join("setup-link")).expect("a set-up link");
        window.go(link.trim()).await;
        window.picture("setup-account").await;
        window.fill("[name=name]", "Mika").await;
        window.fill("[name=email]", "owner@example.com").await;
        window.fill("[name=password]", PASSWORD).await;
        window.click_through("main .button-main").await;
        for step in ["shop", "mail", "legal", "payments"] {
            assert!(window.path().await.contains(step), "{} is the step {step}", window.path().await);
            window.picture(&format!("setup-{step}")).await;
            window.click_through("main .actions .button-main").await;
        }
        assert_eq!(window.path().await, "/admin");
        window.picture("today").await;
        window.click_through("form[action='/admin/logout'] button").await;
        window.go("/admin/orders").await;
        assert!(window.path().await.starts_with("/admin/login"), "logged out");
        window.picture("login").await;
        window.fill("[name=email]", "owner@example.com").await;
        window.fill("[name=password]", "something else").await;
        window.click_through("main .button-main").await;
        window.see(".error, .error-summary").await;
        window.picture("login-refused").await;
        window.fill("[name=email]", "owner@example.com").await;
        window.fill("[name=password]", PASSWORD).await;
        window.click_through("main .button-main").await;

        window.click_through(".panel-links a[href='/admin/orders']").await;
        window.picture("orders").await;
        window.click_through(".table a[href^='/admin/orders/']").await;
        assert!(window.text("h1").await.contains(order["order_number"].as_str().expect("a number")));
        window.picture("order").await;

        // The print file is what a click on its link would bring.
        let file = window.attribute(&format!("a[href*='/admin/designs/{design}/final']"), "href").await.expect("a link");
        let script = "
            const done = arguments[1];
            fetch(arguments[0]).then(async (answer) => {
                const bytes = new Uint8Array(await answer.arrayBuffer());
                done([answer.status, answer.headers.get('content-type'), answer.headers.get('content-disposition'), [...bytes.slice(1, 4)]]);
            }, (error) => done([String(error)]))";
        let got = window.run_until_done(script, vec![file.into()]).await;
        assert_eq!((got[0].as_i64(), got[1].as_str()), (Some(200), Some("image/png")), "{got}");
        assert!(got[2].as_str().is_some_and(|line| line.starts_with("attachment")), "{got}");
        assert_eq!(got[3], serde_json::json!([80, 78, 71]), "a PNG");

        window.click_through(".next-step .button-main").await;
        window.see(".state[data-state=processing]").await;
        window.picture("processing").await;
        shop.clock.advance_seconds(3600);
        window.click(".next-step .button-main").await;
        window.fill("[name='tracking.carrier']", "Yamato").await;
        window.fill("[name='tracking.number']", "1234-5678-9012").await;
        window.click_through("#shipping button").await;
        window.see(".state[data-state=shipped]").await;
        window.picture("shipped").await;

        window.click_through(".panel-links a[href='/admin/jobs']").await;
        window.see(".table .state[data-state=completed]").await;
        window.picture("jobs").await;
        for page in ["mails", "audit", "staff", "tokens", "settings"] {
            window.click_through(&format!(".panel-links a[href='/admin/{page}']")).await;
            window.see("h1").await;
        }
        steps::fits(window, "the panel").await;

        // The customer sees it too.
        window.become_visitor(&customer).await;
        window.go(&format!("/orders/{}", order["id"].as_str().expect("an id"))).await;
        window.see("a[href*='123456789012'], a[href*='1234-5678-9012']").await;
        window.picture("shipped-for-the-customer").await;
    })
    .await;
}
