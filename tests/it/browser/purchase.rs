//! From the front page to "paid".

use super::{Device, Settings, Window, steps, story};
use crate::kit::TestShop;

const DESKTOP: Settings = Settings { story: "purchase-desktop", device: Device::Desktop, scripts: true, lang: "en" };

async fn buy(window: &Window, _: &TestShop) {
    steps::choose_a_piece(window).await;
    window.picture("editor-empty").await;
    steps::add_photo(window).await;
    window.picture("editor-photo").await;
    steps::add_name(window, "Chelsea").await;
    window.picture("editor-name").await;
    steps::fits(window, "the editor").await;
    window.click("#to-basket").await;
    window.arrive("the basket", |path| path == "/basket").await;
    let order = steps::order(window).await;
    steps::go_to_payment(window).await;
    steps::pay(window, &order).await;
    window.picture("paid").await;
    assert_eq!(window.console_errors().await, Vec::<String>::new());
    window.go("/orders").await;
    window.see(".order-row").await;
    window.picture("my-orders").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_buys_on_a_desktop() {
    story(DESKTOP, buy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_buys_on_a_phone_in_japanese() {
    story(Settings { story: "purchase-phone", device: Device::Phone, lang: "ja", ..DESKTOP }, buy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_buys_without_scripts() {
    let settings = Settings { story: "purchase-without-scripts", scripts: false, ..DESKTOP };
    story(settings, async |window, _| {
        let design = steps::choose_a_piece(window).await;
        window.picture("editor-empty").await;
        let before = window.attribute("#preview", "src").await;
        window.attach("#file", &steps::photo()).await;
        window.click_through("#upload-button").await;
        assert!(window.path().await.starts_with(&design), "back in the editor");
        assert!(window.has("[data-kind=photo] input[type=radio]:checked").await, "the photo is in its frame");
        assert_ne!(window.attribute("#preview", "src").await, before, "the piece shows the photo");
        window.fill("[data-kind=text] input", "Chelsea").await;
        window.fill("[name$='.zoom']", "1.4").await;
        window.click_through("[name=then][value=save]").await;
        assert_eq!(window.value("[data-kind=text] input").await, "Chelsea");
        assert_eq!(window.value("[name$='.zoom']").await, "1.4");
        window.picture("editor-saved").await;
        window.click("#to-basket").await;
        window.arrive("the basket", |path| path == "/basket").await;
        let order = steps::order(window).await;
        steps::go_to_payment(window).await;
        window.click("#pay").await;
        window.arrive("the order page", |path| path.starts_with(&order)).await;
        // Without scripts the page does not renew itself; a reader reloads.
        window
            .until("the order to be paid", async || {
                let is_paid = window.has(steps::PAID).await;
                if !is_paid {
                    window.reload().await;
                }
                is_paid.then_some(())
            })
            .await;
        window.picture("paid").await;
        assert_eq!(window.console_errors().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_comes_back_and_pays_again() {
    let settings = Settings { story: "declined", ..DESKTOP };
    story(settings, async |window, shop| {
        let customer = shop.visitor();
        let design = shop.design(&customer).await;
        customer.post("/basket", &serde_json::json!({"design_id": design["id"], "quantity": 1})).await.ok();
        window.become_visitor(&customer).await;
        window.go("/basket").await;
        let order = steps::order(window).await;
        steps::go_to_payment(window).await;
        window.click("#decline").await;
        window.see("#declined").await;
        window.picture("declined").await;
        window.click("#leave").await;
        window.arrive("the shop again", |path| path.starts_with(&order)).await;
        window.picture("back-unpaid").await;
        if !window.path().await.contains("/confirm") {
            window.go(&order).await;
            window.picture("unpaid-order").await;
        }
        steps::go_to_payment(window).await;
        steps::pay(window, &order).await;
        window.picture("paid").await;
    })
    .await;
}
