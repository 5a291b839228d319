//! A photo under the hand looks as it will look in the end, and every step can be taken back.

use super::editor::{SETTINGS, open_design, photo_fields, saved_photo};
use super::{Device, Settings, Window, steps, story};
use fantoccini::key::Key;
use image::RgbImage;
use serde_json::Value;

/// The mean difference of two pictures (0–255), and the share of pixels that clearly differ.
fn difference(one: &RgbImage, other: &RgbImage) -> (f64, f64) {
    assert_eq!(one.dimensions(), other.dimensions());
    let apart = |(one, other): (&image::Rgb<u8>, &image::Rgb<u8>)| (0..3).map(|at| one[at].abs_diff(other[at])).max();
    let each: Vec<u8> = one.pixels().zip(other.pixels()).filter_map(apart).collect();
    let mean = each.iter().map(|apart| f64::from(*apart)).sum::<f64>() / each.len() as f64;
    let far = each.iter().filter(|apart| **apart > 48).count();
    (mean, far as f64 / each.len() as f64)
}

/// The pictures under and over the photo have come.
const LAYERED: &str = "document.querySelector('.moving-whole[src]')";

async fn drags_without_a_jump(window: &Window, look: Option<&str>) {
    steps::add_photo(window).await;
    if let Some(look) = look {
        let script = "document.querySelector(`input[type=radio][value=${arguments[0]}]`).click()";
        window.run(script, vec![look.into()]).await;
        window.holds(steps::SETTLED).await;
    }
    window.press(".handle", "+++++").await;
    window.holds(steps::SETTLED).await;
    window.holds(LAYERED).await;
    // Nothing is asked of the server meanwhile, so what is seen is what the browser makes of it.
    window.set_offline(true).await;
    window.drag(".handle", 48, 30).await;
    window.holds("document.querySelector('.moving[data-moving]')").await;
    window.run("document.querySelector('.handle').style.visibility = 'hidden'", vec![]).await;
    let moving = window.look_at("#preview").await;
    window.picture("moving").await;
    window.release().await;
    window.set_offline(false).await;
    window.holds(steps::SETTLED).await;
    let settled = window.look_at("#preview").await;
    window.picture("settled").await;
    let (mean, far) = difference(&moving, &settled);
    eprintln!("moving and settled differ by {mean:.2} on the mean; {:.3} % of the pixels clearly", far * 100.0);
    assert!(mean < 4.0 && far < 0.01, "the photo jumps when the true picture comes: {mean:.2}, {far:.4}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_true_picture_replaces_the_moving_one_without_a_jump() {
    for (slug, look) in [("arch-portrait", Some("mono")), ("washi-portrait", Some("warm")), ("four-snapshots", None)] {
        let name: &'static str = ["layers-", slug].concat().leak();
        story(Settings { story: name, ..SETTINGS }, async |window, shop| {
            open_design(window, shop, |product| product["slug"] == slug).await;
            drags_without_a_jump(window, look).await;
            assert_eq!(
                window.console_errors().await.iter().filter(|line| !line.contains("ERR_INTERNET_DISCONNECTED")).count(),
                0
            );
        })
        .await;
    }
}

async fn is_off(window: &Window, button: &str) -> bool {
    window.attribute(button, "aria-disabled").await.as_deref() == Some("true")
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_are_taken_back_and_done_again() {
    story(Settings { story: "undo", ..SETTINGS }, async |window, shop| {
        let (customer, path) = open_design(window, shop, |product| photo_fields(product) == 1).await;
        assert!(is_off(window, "#undo").await && is_off(window, "#redo").await, "nothing was done yet");
        steps::add_photo(window).await;
        steps::add_name(window, "Mika").await;
        let placed = saved_photo(&customer, &path).await;
        window.press(".handle", "+++++").await;
        window.holds(steps::SETTLED).await;
        let large = saved_photo(&customer, &path).await;
        window.drag(".handle", 40, 25).await;
        window.release().await;
        window.holds(steps::SETTLED).await;
        let moved = saved_photo(&customer, &path).await;
        assert_ne!(moved, large);
        window.picture("done").await;

        // The whole drag is one step, whatever has the focus.
        window.click("#undo").await;
        window.holds(steps::SETTLED).await;
        assert_eq!(saved_photo(&customer, &path).await, large);
        window.holds("document.getElementById('history-said').textContent").await;
        window.press("[data-kind=text] input", &format!("{}z", &*Key::Control)).await;
        window.holds(steps::SETTLED).await;
        assert_eq!(saved_photo(&customer, &path).await, placed, "five presses in a row are one step");
        window.press("[data-kind=text] input", &format!("{}z", &*Key::Control)).await;
        window.holds("document.querySelector('[data-kind=text] input').value !== 'Mika'").await;
        window.holds(steps::SETTLED).await;

        // Elsewhere on the page the keys are not the editor's.
        let elsewhere = "
            const [input, event] = [document.createElement('input'), new KeyboardEvent('keydown', {key: 'z', ctrlKey: true, bubbles: true, cancelable: true})];
            document.body.append(input);
            const isLeft = input.dispatchEvent(event);
            input.remove();
            return isLeft;";
        assert_eq!(window.run(elsewhere, vec![]).await, true);

        // A reload of the tab forgets nothing.
        window.reload().await;
        window.holds("document.getElementById('redo').getAttribute('aria-disabled') === 'false'").await;
        window.picture("after-reload").await;
        let again = format!("{}{}z", &*Key::Control, &*Key::Shift);
        window.press(".handle", &again).await;
        window.holds("document.querySelector('[data-kind=text] input').value === 'Mika'").await;
        window.press(".handle", &format!("{}y", &*Key::Control)).await;
        window.click("#redo").await;
        window.holds("document.getElementById('redo').getAttribute('aria-disabled') === 'true'").await;
        window.holds(steps::SETTLED).await;
        assert_eq!(saved_photo(&customer, &path).await, moved);

        // Something new takes the place of what was taken back.
        window.click("#undo").await;
        window.press(".handle", "]").await;
        window.holds(steps::SETTLED).await;
        assert!(is_off(window, "#redo").await);

        // All the way back to the empty frame.
        while !is_off(window, "#undo").await {
            window.click("#undo").await;
        }
        window.holds(steps::SETTLED).await;
        assert_eq!(saved_photo(&customer, &path).await, Value::Null);
        window.picture("empty-again").await;
        assert_eq!(window.console_errors().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_script_no_button_promises_what_it_cannot_do() {
    let settings = Settings { story: "undo-no-script", scripts: false, ..SETTINGS };
    story(settings, async |window, shop| {
        open_design(window, shop, |product| photo_fields(product) == 1).await;
        window.see(".tools").await;
        assert_eq!(window.attribute("#undo", "hidden").await.as_deref(), Some("true"));
        window.picture("editor").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_fingers_turn_and_enlarge_and_two_taps_put_back() {
    let settings = Settings { story: "fingers", device: Device::Phone, ..SETTINGS };
    story(settings, async |window, shop| {
        let (customer, path) = open_design(window, shop, |product| product["slug"] == "arch-portrait").await;
        steps::add_photo(window).await;
        // Fingers as the browser reports them: two come down, part, and turn by a right angle less two degrees.
        let script = "
            const handle = document.querySelector('.handle');
            const box = handle.getBoundingClientRect();
            const at = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
            const send = (kind, id, far, degrees) => {
                const angle = degrees * Math.PI / 180;
                const side = id === 11 ? 1 : -1;
                handle.dispatchEvent(new PointerEvent(kind, {
                    pointerId: id, pointerType: 'touch', bubbles: true, button: 0,
                    clientX: at.x + side * far * Math.cos(angle), clientY: at.y + side * far * Math.sin(angle),
                }));
            };
            handle.setPointerCapture = () => {};
            for (const id of [11, 12]) send('pointerdown', id, 20, 0);
            const frame = () => new Promise(requestAnimationFrame);
            const done = arguments[0];
            (async () => {
                for (let step = 1; step <= 22; step++) {
                    for (const id of [11, 12]) send('pointermove', id, 20 + 1.5 * step, 4.5 * step - 1);
                    await frame();
                }
                for (const id of [11, 12]) send('pointerup', id, 53, 98);
                done();
            })();";
        window.run_until_done(script, vec![]).await;
        window.holds(steps::SETTLED).await;
        let turned = saved_photo(&customer, &path).await;
        assert_eq!(turned["rotation"].as_f64(), Some(90.0), "a right angle draws what comes near: {turned}");
        assert!(turned["zoom"].as_f64() > Some(1.5), "{turned}");
        window.picture("turned").await;
        let taps = "
            const handle = document.querySelector('.handle');
            for (let tap = 0; tap < 2; tap++)
                for (const kind of ['pointerdown', 'pointerup'])
                    handle.dispatchEvent(new PointerEvent(kind, { pointerId: 5, bubbles: true, button: 0, clientX: 200, clientY: 200 }));";
        window.run(taps, vec![]).await;
        window.holds(steps::SETTLED).await;
        let back = saved_photo(&customer, &path).await;
        assert_eq!((back["zoom"].as_f64(), back["rotation"].as_f64()), (Some(1.0), Some(0.0)), "{back}");
        steps::fits(window, "the editor").await;
        assert_eq!(window.console_errors().await, Vec::<String>::new());
    })
    .await;
}
