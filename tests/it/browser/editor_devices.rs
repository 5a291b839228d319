//! One design on two devices: the link from one to the other, and what happens when both change it.

use super::editor::{SETTINGS, open_design, photo_fields};
use super::{Device, Settings, steps, story};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_design_goes_on_on_a_phone() {
    story(Settings { story: "other-device", ..SETTINGS }, async |window, shop| {
        let (_, path) = open_design(window, shop, |product| photo_fields(product) == 1).await;
        steps::add_photo(window).await;
        window.picture("desktop").await;
        window.click_through("a[href$='/resume']").await;
        window.see(".qr").await;
        window.picture("code").await;
        let link = window.value("#link").await;

        // The phone has never been here.
        window.hold_as(Device::Phone).await;
        window.picture("code-on-a-phone").await;
        steps::fits(window, "the page with the code").await;
        window.forget_cookies().await;
        window.go(&path).await;
        window.holds("document.querySelector('.problem')").await;
        window.go(&link).await;
        window.see("form .button-main").await;
        window.picture("asked").await;
        steps::fits(window, "the page that asks").await;
        window.click_through("main form .button-main").await;
        assert_eq!(window.path().await, path);
        window.see("#undo").await;
        steps::add_name(window, "Mika").await;
        window.picture("phone").await;
        steps::fits(window, "the editor").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_device_saved_is_never_overwritten_in_silence() {
    story(Settings { story: "two-devices", ..SETTINGS }, async |window, shop| {
        let (customer, path) = open_design(window, shop, |product| photo_fields(product) == 1).await;
        steps::add_name(window, "Mika").await;
        let other = async |name: &str| {
            let design = customer.get(&path).await.ok();
            let mut params = design["params"].clone();
            params["name"] = json!(name);
            customer.put(&path, &json!({"params": params, "version": design["version"]})).await.ok();
        };

        other("From the phone").await;
        window.fill("[data-kind=text] input", "From the desk").await;
        window.see("#conflict").await;
        window.picture("asked").await;
        assert!(customer.get(&path).await.text().contains("From the phone"), "nothing is overwritten yet");
        window.click("#keep-mine").await;
        window.holds(steps::SETTLED).await;
        assert!(customer.get(&path).await.text().contains("From the desk"));

        // Coming back to the tab is enough to hear of it.
        other("Again from the phone").await;
        window.holds("(window.dispatchEvent(new Event('focus')), !document.getElementById('conflict').hidden)").await;
        window.hold_as(Device::Phone).await;
        window.picture("heard-of").await;
        window.click_through("#conflict a").await;
        assert_eq!(window.value("[data-kind=text] input").await, "Again from the phone");
        // What was here is one step back.
        window.click("#undo").await;
        window.holds("document.querySelector('[data-kind=text] input').value === 'From the desk'").await;
        window.holds(steps::SETTLED).await;
        assert!(customer.get(&path).await.text().contains("From the desk"));
    })
    .await;
}
