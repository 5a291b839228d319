//! The owner changes a layout with mouse and keyboard; a new design begins with it, an old one stays what it was.

use super::access::owner;
use super::{Device, Settings, steps, story};

const STAR: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><path fill="#e8b23a" d="M50 4l6 14h15l-12 9 5 15-14-9-14 9 5-15-12-9h15z"/></svg>"##;

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_is_edited_and_old_designs_stay_what_they_were() {
    let settings = Settings { story: "layout", device: Device::Desktop, scripts: true, lang: "en" };
    story(settings, async |window, shop| {
        let customer = shop.visitor();
        let product = customer.get("/products/phone-case").await.ok();
        let old = shop.design_of(&customer, &product).await;
        let old_path = format!("/designs/{}", old["id"].as_str().expect("an id"));

        let owner = owner(shop).await;
        window.become_visitor(&owner).await;
        window.go(&format!("/admin/products/{}", product["id"].as_str().expect("an id"))).await;
        window.picture("product").await;
        window.click_through("a[href$='/layout']").await;
        window.holds("document.querySelector('#layout-editor[data-live] [data-box]')").await;
        window.picture("layout").await;

        // A frame under the mouse, and under the keys.
        let frame = "[data-box][data-kind=text]";
        let at = window.attribute(frame, "data-box").await.expect("a number");
        let x = format!("[name='layers.{at}.x']");
        let before = window.value(&x).await;
        window.drag(frame, 30, -40).await;
        window.release().await;
        window.holds("document.getElementById('layout-editor').dataset.shows === '1'").await;
        let dragged = window.value(&x).await;
        assert_ne!(before, dragged);
        window.picture("dragged").await;
        window.run("document.querySelector(arguments[0]).focus()", vec![frame.into()]).await;
        window.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))", vec![]).await;
        window.holds("document.getElementById('layout-editor').dataset.shows === '2'").await;
        let moved: f64 = window.value(&x).await.parse().expect("a number");
        assert!((moved - dragged.parse::<f64>().expect("a number") - 1.0).abs() < 0.011, "{dragged} → {moved}");
        window.fill("[name=bleed_mm]", "99").await;
        window.holds("document.querySelector('[data-error=bleed_mm]').textContent.includes('0 to 20')").await;
        window.fill("[name=bleed_mm]", "2").await;
        window.holds("document.getElementById('layout-editor').dataset.shows === '3'").await;

        // The lines over the picture follow the shape in which it is cut.
        let rounded = window.attribute(".line-safe", "d").await.expect("a line");
        // The driver's choosing lacks the event that a hand's has.
        let chosen = "document.querySelector('[name=trim]').dispatchEvent(new Event('input', {bubbles: true}))";
        window.answer("[name=trim]", "ellipse").await;
        window.run(chosen, vec![]).await;
        window.holds("document.getElementById('layout-editor').dataset.shows === '4'").await;
        assert_ne!(window.attribute(".line-safe", "d").await, Some(rounded.clone()));
        window.picture("cut-round").await;
        window.answer("[name=trim]", "rounded").await;
        window.run(chosen, vec![]).await;
        window.holds("document.getElementById('layout-editor').dataset.shows === '5'").await;
        assert_eq!(window.attribute(".line-safe", "d").await, Some(rounded));

        window.click_through("button[value=add-text]").await;
        window.holds("document.querySelector('.layout-card[open]')").await;
        window.picture("text-added").await;
        let file = shop.folder.path().join("star.svg");
        std::fs::write(&file, STAR).expect("a drawing");
        window.attach("#file", &file).await;
        window.answer("#place", "above").await;
        window.click_through("#artwork-form button").await;
        assert!(window.text("#layers").await.contains("star.svg"));
        window.picture("artwork-added").await;
        window.hold_as(Device::Phone).await;
        window.picture("layout-phone").await;
        steps::fits(window, "the layout editor on a phone").await;
        window.hold_as(Device::Desktop).await;
        window.click_through("button[value=save]").await;
        assert!(window.text(".notice[data-kind=good]").await.contains("Version 2"));
        window.picture("saved").await;
        window.click_through("#versions li:last-child a").await;
        window.picture("version-1").await;
        let errors = window.console_errors().await;
        let errors: Vec<_> = errors.iter().filter(|line| !line.contains("422")).collect();
        assert!(errors.is_empty(), "{errors:?}");

        window.become_visitor(&customer).await;
        window.go("/products/phone-case").await;
        window.click_through("form[action='/designs'] .button-main").await;
        window.see("[data-field=text]").await;
        window.picture("new-design").await;
        window.go(&old_path).await;
        window.see("#preview").await;
        assert!(!window.has("[data-field=text]").await, "the old design has the fields it had");
        let seen = customer.get(&old_path).await.ok();
        assert_eq!(seen["params_crc32"], old["params_crc32"]);
        window.picture("old-design").await;
    })
    .await;
}
