//! The piece in use: one tap away, up to date while one looks, and there without scripts.

use super::editor::{SETTINGS, open_design};
use super::{Device, Settings, steps, story};

#[tokio::test(flavor = "multi_thread")]
async fn the_piece_is_seen_in_use_and_follows_what_is_changed() {
    let settings = Settings { story: "mockup", device: Device::Phone, ..SETTINGS };
    story(settings, async |window, shop| {
        open_design(window, shop, |product| product["slug"] == "paw-mug").await;
        steps::add_photo(window).await;
        window.click("#view-switch").await;
        window.holds("!document.getElementById('scene').hidden && document.getElementById('piece').hidden").await;
        window.holds("document.getElementById('scene').naturalWidth === 800 && !document.getElementById('scene').dataset.busy").await;
        let before = window.attribute("#scene", "src").await.unwrap();
        assert!(before.ends_with("-mockup.jpg"), "{before}");
        steps::fits(window, "the editor with the piece in use").await;
        // A picture that does not come leaves the last one where it is, and is asked for again.
        let break_once = "
            const real = window.fetch;
            window.fetch = (path, ...rest) => {
                if (!String(path).endsWith('view=mockup')) return real(path, ...rest);
                window.fetch = real;
                window.seenMeanwhile = document.getElementById('scene').naturalWidth;
                return Promise.reject(new TypeError('no picture'));
            };";
        window.run(break_once, vec![]).await;
        steps::add_name(window, "Mugi").await;
        window.holds(&format!("document.getElementById('scene').getAttribute('src').indexOf('{}') < 0", before.rsplit('/').next().unwrap())).await;
        window.holds("!document.getElementById('scene').dataset.busy").await;
        assert_eq!(window.run("return window.seenMeanwhile", vec![]).await, 800);
        window.picture("in-use").await;
        // The address keeps the view; the other one is one tap away.
        window.reload().await;
        window.holds("!document.getElementById('scene').hidden").await;
        window.click("#view-switch").await;
        window.holds("document.getElementById('scene').hidden && !document.getElementById('piece').hidden").await;
        assert_eq!(window.console_errors().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_script_the_view_is_a_link() {
    let settings = Settings { story: "mockup-plain", scripts: false, ..SETTINGS };
    story(settings, async |window, shop| {
        let customer = shop.visitor();
        let design = shop.design(&customer).await;
        window.become_visitor(&customer).await;
        window.go(&format!("/designs/{}", design["id"].as_str().unwrap())).await;
        window.click_through("#view-switch").await;
        window.picture("in-use").await;
        assert!(window.url().await.ends_with("?view=mockup"));
        assert!(window.see("#scene").await.is_displayed().await.unwrap());
        assert_eq!(window.attribute("#piece", "hidden").await.as_deref(), Some("true"));
        window.click_through("#view-switch").await;
        assert_eq!(window.attribute("#piece", "hidden").await, None);
    })
    .await;
}
