//! What hands do in the editor: move, turn, drop, paste, type too much, lose the connection, come back.

use super::{Device, Settings, Window, steps, story};
use crate::kit::{TestShop, Visitor};
use base64::Engine;
use fantoccini::key::Key;
use serde_json::{Value, json};

pub const SETTINGS: Settings = Settings { story: "editor", device: Device::Desktop, scripts: true, lang: "en" };

/// Opens a fresh design of the first product that `fits`.
pub async fn open_design(window: &Window, shop: &TestShop, fits: impl Fn(&Value) -> bool) -> (Visitor, String) {
    let customer = shop.visitor();
    let products = customer.get("/products?limit=100").await.ok();
    let product = products["items"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|product| fits(product))
        .expect("such a product")
        .clone();
    let design = customer.post("/designs", &json!({"product_id": product["id"]})).await.ok();
    window.become_visitor(&customer).await;
    let path = format!("/designs/{}", design["id"].as_str().expect("an id"));
    window.go(&path).await;
    (customer, path)
}

pub fn photo_fields(product: &Value) -> usize {
    product["layout"]["fields"].as_array().expect("fields").iter().filter(|field| field["kind"] == "photo").count()
}

/// What the server has for the first photo field.
pub async fn saved_photo(customer: &Visitor, path: &str) -> Value {
    let design = customer.get(path).await.ok();
    let params = design["params"].as_object().expect("params").clone();
    params.into_iter().map(|(_, value)| value).find(|value| value["photo_id"].is_string()).unwrap_or(Value::Null)
}

/// Lets the page take a file as if it were dropped or pasted there, behind another that is no photo.
async fn hand_over(window: &Window, how: &str, target: &str) {
    let bytes = std::fs::read(steps::photo()).expect("the photo");
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let script = "
        const [how, target, text] = arguments;
        const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File(['not a photo'], 'notes.jpg', {type: 'image/jpeg'}));
        data.items.add(new File([bytes], 'cat.jpg', {type: 'image/jpeg'}));
        const event = how === 'paste'
            ? new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})
            : new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
        document.querySelector(target).dispatchEvent(event);";
    window.run(script, vec![how.into(), target.into(), text.into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_is_moved_by_mouse_wheel_keys_and_numbers() {
    story(SETTINGS, async |window, shop| {
        let (customer, path) = open_design(window, shop, |product| photo_fields(product) == 1).await;
        steps::add_photo(window).await;
        let first = saved_photo(&customer, &path).await;
        assert_eq!((first["zoom"].as_f64(), first["rotation"].as_f64()), (Some(1.0), Some(0.0)));

        window.press(".handle", "+").await;
        window.press(".handle", "+").await;
        window.press(".handle", "]").await;
        window.holds(steps::SETTLED).await;
        let turned = saved_photo(&customer, &path).await;
        assert!(turned["zoom"].as_f64() > Some(1.05), "{turned}");
        assert_eq!(turned["rotation"].as_f64(), Some(1.0));

        window.press(".handle", &Key::Left).await;
        window.holds(steps::SETTLED).await;
        let moved = saved_photo(&customer, &path).await;
        assert!(
            moved["x"].as_f64() > turned["x"].as_f64(),
            "the photo went left, so its middle is further right: {moved}"
        );

        window.drag(".handle", 60, 40).await;
        window.picture("while-moving").await;
        window.release().await;
        window.holds(steps::SETTLED).await;
        let dragged = saved_photo(&customer, &path).await;
        assert!(dragged["x"].as_f64() < moved["x"].as_f64(), "{dragged}");
        window.picture("moved").await;

        window.fill("[name$='.rotation']", "-30").await;
        window.holds(steps::SETTLED).await;
        assert_eq!(saved_photo(&customer, &path).await["rotation"].as_f64(), Some(-30.0));
        window.picture("turned").await;

        // A frame that a choice hides shows no photo under the hand.
        let hidden = "
            const handle = document.querySelector('.handle');
            const isMoving = () => Boolean(document.querySelector('.moving[data-moving]'));
            const enlarge = () => handle.dispatchEvent(new KeyboardEvent('keydown', {key: '+', bubbles: true, cancelable: true}));
            const [frame] = petstarEditor.data.frames;
            const seen = [];
            enlarge();
            seen.push(isMoving());
            frame.when = {look: 'none of these'};
            petstarEditor.changed('look');
            seen.push(isMoving());
            enlarge();
            seen.push(isMoving());
            delete frame.when;
            return seen;";
        assert_eq!(window.run(hidden, vec![]).await, json!([true, false, false]));
        window.holds(steps::SETTLED).await;

        // Everything is there after a reload.
        let before = customer.get(&path).await.ok();
        window.reload().await;
        assert_eq!(window.value("[name$='.rotation']").await, "-30");
        window.holds(steps::SETTLED).await;
        assert_eq!(customer.get(&path).await.ok()["params_crc32"], before["params_crc32"], "opening changes nothing");

        // Who shares what was changed a moment ago shares it as it is seen.
        window.press(".handle", "]").await;
        window.click_through(".tools form[action$='/share'] button").await;
        let shown = window.attribute(".show-piece img", "src").await.expect("a picture");
        let shared = customer.get(&window.path().await).await.ok();
        assert_eq!(shown, shared["picture_url"], "the page shows what was saved, not what was there before");
        assert_eq!(saved_photo(&customer, &path).await["rotation"].as_f64(), Some(-29.0));
        assert_eq!(window.console_errors().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_are_dropped_and_pasted_into_a_collage() {
    story(Settings { story: "collage", ..SETTINGS }, async |window, shop| {
        let (customer, path) = open_design(window, shop, |product| photo_fields(product) >= 4).await;
        window.see(".handle").await;
        window.picture("empty").await;
        // A file dialog that is closed again means no frame any more.
        let change_of_mind = "
            const fields = petstarEditor.photoBlocks.map((block) => block.dataset.field);
            const file = document.getElementById('file');
            file.click = () => file.dispatchEvent(new Event('cancel', {bubbles: true}));
            petstarEditor.choosePhoto(fields.at(-1));";
        window.run(change_of_mind, vec![]).await;
        window.attach("#file", &steps::photo()).await;
        window.holds("document.querySelector('[data-kind=photo]').querySelector('input[type=radio]:checked')?.value").await;
        for (number, (how, target)) in [("paste", "body"), ("drop", ".handle-empty")].into_iter().enumerate() {
            hand_over(window, how, target).await;
            let count = format!("document.querySelectorAll('[data-kind=photo] input[type=radio][value]:not([value=\"\"]):checked').length === {}", number + 2);
            window.holds(&count).await;
            assert!(window.text("#upload-error").await.starts_with("notes.jpg: "), "which of them was not taken is said");
        }
        window.holds(steps::SETTLED).await;
        window.picture("three-photos").await;
        let design = customer.get(&path).await.ok();
        let filled = design["params"].as_object().expect("params").values().filter(|value| value["photo_id"].is_string()).count();
        assert_eq!(filled, 3, "{design}");

        // Not everything is filled in, so the basket has to wait, and says for what.
        window.click("#to-basket").await;
        window.holds("!document.getElementById('upload-error').textContent.startsWith('notes.jpg')").await;
        assert_eq!(window.path().await, path);
        window.picture("one-missing").await;
        let errors = window.console_errors().await;
        assert!(errors.iter().all(|line| line.contains("/photos")), "only what was refused: {errors:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_told_and_nothing_is_lost() {
    story(Settings { story: "trouble", ..SETTINGS }, async |window, shop| {
        let (customer, path) = open_design(window, shop, |product| product["slug"] == "night-sky").await;

        // A file that is no photo.
        let file = shop.folder.path().join("notes.jpg");
        std::fs::write(&file, "not a photo at all").expect("a file");
        window.attach("#file", &file).await;
        window.holds("document.getElementById('upload-error').textContent.length > 10").await;
        window.picture("not-a-photo").await;
        steps::add_photo(window).await;
        assert_eq!(window.text("#upload-error").await, "", "the next one is fine");

        // More letters than fit are said at once, not cut off, and not sent for ever.
        window.fill("[data-kind=text] input", &"Chelsea ".repeat(20)).await;
        window.see(".counter-over").await;
        window.holds("document.getElementById('saved').dataset.saved === 'no'").await;
        window.picture("too-long").await;
        window.fill("[data-kind=text] input", "Chelsea").await;
        window.holds(steps::SETTLED).await;

        // Without a connection what was typed stays, and goes out when it is back.
        window.set_offline(true).await;
        window.fill("[data-kind=text] input", "Minou").await;
        window.holds("document.getElementById('saved').dataset.saved === 'no'").await;
        window.picture("offline").await;
        window.set_offline(false).await;
        window.holds(steps::SETTLED).await;
        let design = customer.get(&path).await.ok();
        assert!(design["params"].to_string().contains("Minou"), "{design}");
        window.picture("online-again").await;

        // A picture that could not be made is asked for again.
        let break_once = "
            const real = window.fetch;
            window.fetch = (path, ...rest) => {
                if (!String(path).endsWith('/preview')) return real(path, ...rest);
                window.fetch = real;
                return Promise.reject(new TypeError('no picture'));
            };";
        window.run(break_once, vec![]).await;
        let before = window.attribute("#preview", "src").await.expect("a picture");
        window.fill("[data-kind=text] input", "Mugi").await;
        window.holds(&format!("document.getElementById('preview').getAttribute('src') !== '{before}'")).await;
        window.holds(steps::SETTLED).await;
        assert_eq!(window.text("#saved").await, "Saved");

        // Another town does not get the sky of the one before it.
        let town = "[name$='.place.name']";
        let place = async || customer.get(&path).await.ok()["params"]["place"].clone();
        window.fill(town, "Tokyo").await;
        window.holds("document.querySelector('[name$=\".place.lat\"]').value").await;
        window.holds(steps::SETTLED).await;
        let tokyo = place().await;
        assert_eq!(tokyo["name"], "Tokyo", "a name that only one town has needs no choice");
        window.press(town, " of mine").await;
        assert_eq!(window.value("[name$='.place.lat']").await, "");
        window.picture("nowhere").await;
        // Unless it is only what somebody calls it.
        window.holds("document.querySelector('.town')?.textContent.startsWith('Tokyo of mine')").await;
        window.click(".town").await;
        window.holds(steps::SETTLED).await;
        assert_eq!(place().await, json!({"name": "Tokyo of mine", "lat": tokyo["lat"], "lon": tokyo["lon"]}));
        window.fill(town, "Osak").await;
        window.click(".town").await;
        window.holds(steps::SETTLED).await;
        let osaka = place().await;
        assert_eq!(osaka["name"], "Osaka");
        assert_ne!(osaka["lat"], tokyo["lat"]);
        window.picture("another-town").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_design_is_closed() {
    story(Settings { story: "locked", ..SETTINGS }, async |window, shop| {
        let customer = shop.visitor();
        let (order, _) = shop.order_at_checkout(&customer).await;
        window.become_visitor(&customer).await;
        window.go(&format!("/designs/{}", order["lines"][0]["design_id"].as_str().expect("a design"))).await;
        window.see(".notice[data-kind=warn]").await;
        assert!(!window.has("#file").await, "no photo can be added");
        assert_eq!(window.run("return document.querySelector('.design-fields').disabled", vec![]).await, true);
        assert_eq!(window.attribute("#to-basket", "disabled").await.as_deref(), Some("true"));
        window.picture("closed").await;
        assert_eq!(window.console_errors().await, Vec::<String>::new());
    })
    .await;
}
