//! A browser window as a person uses it: look, click, type, and be patient.

use super::driver::{Driver, Settings};
use crate::kit::Visitor;
use base64::Engine;
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, Locator};
use petstar::web::cookie;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The longest a story waits for one thing. Far longer than needed: two cores may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(45);
const GLANCE: Duration = Duration::from_millis(40);
const MOUSE: &str = "mouse";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Device {
    /// 390 × 844, touched by a finger.
    Phone,
    /// 1280 × 900, with a mouse.
    Desktop,
}

pub struct Window {
    client: Client,
    driver: Driver,
    settings: Settings,
    base: String,
    pictures: PathBuf,
    taken: AtomicU32,
}

impl Window {
    pub async fn open(settings: Settings, base: &str) -> Window {
        let (driver, client) = Driver::start(&settings).await;
        let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots").join(settings.story);
        let _ = std::fs::remove_dir_all(&pictures);
        std::fs::create_dir_all(&pictures).expect("a folder for pictures");
        let window = Window { client, driver, settings, base: base.to_owned(), pictures, taken: AtomicU32::new(0) };
        window.hold_as(settings.device).await;
        window
    }

    /// Ends the browser. Dropping would do it too, only less politely.
    pub async fn close(self) {
        let _ = self.client.close().await;
    }

    /// Sets size and pointer.
    pub async fn hold_as(&self, device: Device) {
        let (width, height, is_phone) = match device {
            Device::Phone => (390, 844, true),
            Device::Desktop => (1280, 900, false),
        };
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone});
        self.driver.devtools("Emulation.setDeviceMetricsOverride", size).await;
        self.driver.devtools("Emulation.setTouchEmulationEnabled", json!({"enabled": is_phone})).await;
    }

    /// Day or night, at once: nothing is to be measured half way.
    pub async fn set_dark(&self, is_dark: bool) {
        let stop = "
            const still = new CSSStyleSheet();
            still.replaceSync('*, *::before, *::after { transition: none !important; animation: none !important }');
            document.adoptedStyleSheets = [still];";
        self.run(stop, vec![]).await;
        let value = if is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.driver.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
        self.run_until_done("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))", vec![]).await;
    }

    /// Takes over somebody's cookies, and only theirs.
    pub async fn become_visitor(&self, visitor: &Visitor) {
        self.forget_cookies().await;
        for name in [cookie::SESSION, cookie::STAFF] {
            if let Some(value) = visitor.cookie(name) {
                let cookie =
                    json!({"name": name, "value": value, "url": self.base, "httpOnly": true, "sameSite": "Lax"});
                self.driver.devtools("Network.setCookie", cookie).await;
            }
        }
    }

    pub async fn forget_cookies(&self) {
        self.driver.devtools("Network.clearBrowserCookies", json!({})).await;
    }

    /// Cuts or mends the connection.
    pub async fn set_offline(&self, is_offline: bool) {
        self.driver.set_offline(is_offline).await;
    }

    pub async fn forget_cache(&self) {
        self.driver.devtools("Network.clearBrowserCache", json!({})).await;
    }

    // ---- where one is ----

    /// Opens a path of the shop, or a whole address.
    pub async fn go(&self, path: &str) {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        self.client.goto(&url).await.unwrap_or_else(|error| panic!("{url} does not open: {error}"));
    }

    pub async fn reload(&self) {
        self.client.refresh().await.expect("the page loads again");
    }

    pub async fn url(&self) -> String {
        self.client.current_url().await.expect("an address").to_string()
    }

    /// The path of the page, with its query.
    pub async fn path(&self) -> String {
        let url = self.url().await;
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.find('/').map_or("/", |at| &rest[at..]).to_owned()
    }

    /// Waits until the page's address fits, and gives its path.
    pub async fn arrive(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        self.until(what, async || {
            let path = self.path().await;
            fits(&path).then_some(path)
        })
        .await
    }

    pub async fn until<T, F: Future<Output = Option<T>>>(&self, what: &str, mut ask: impl FnMut() -> F) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            if started.elapsed() > PATIENCE {
                panic!("waited too long for {what}, at {}", self.url().await);
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    // ---- what is there ----

    /// Waits until an element is there and visible.
    pub async fn see(&self, css: &str) -> Element {
        self.until(css, async || {
            let element = self.find(css).await?;
            element.is_displayed().await.unwrap_or(false).then_some(element)
        })
        .await
    }

    /// Whether an element is on the page now.
    pub async fn has(&self, css: &str) -> bool {
        self.find(css).await.is_some()
    }

    async fn find(&self, css: &str) -> Option<Element> {
        self.client.find(Locator::Css(css)).await.ok()
    }

    /// The visible text of an element.
    pub async fn text(&self, css: &str) -> String {
        self.until(css, async || self.find(css).await?.text().await.ok()).await
    }

    pub async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.until(css, async || self.find(css).await?.attr(name).await.ok()).await
    }

    pub async fn value(&self, css: &str) -> String {
        self.until(css, async || self.find(css).await?.prop("value").await.ok()?).await
    }

    /// Runs a script in the page, past its Content-Security-Policy.
    pub async fn run(&self, script: &str, args: Vec<Value>) -> Value {
        self.client.execute(script, args).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Runs a script that calls its last argument when it is done.
    pub async fn run_until_done(&self, script: &str, args: Vec<Value>) -> Value {
        self.client.execute_async(script, args).await.unwrap_or_else(|error| panic!("{script:.200}: {error}"))
    }

    /// Waits until a JavaScript expression is true.
    pub async fn holds(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        self.until(expression, async || (self.client.execute(&script, vec![]).await.ok()? == true).then_some(())).await;
    }

    // ---- what one does ----

    /// Clicks as soon as the element is there, visible and not covered.
    pub async fn click(&self, css: &str) {
        self.until(&format!("a click on {css}"), async || {
            let element = self.find(css).await?;
            self.center(&element).await;
            match element.click().await {
                Ok(()) => Some(()),
                // Covered, moving, or replaced by a fresh copy: look again.
                Err(CmdError::Standard(_)) => None,
                Err(error) => panic!("clicking {css}: {error}"),
            }
        })
        .await;
    }

    /// Clicks and waits until the next page has come.
    pub async fn click_through(&self, css: &str) {
        let before = self.document().await;
        self.click(css).await;
        self.until(&format!("the page after {css}"), async || (self.document().await != before).then_some(())).await;
    }

    /// Another value for every document that was loaded.
    async fn document(&self) -> Option<Value> {
        let script = "return document.readyState === 'complete' ? [performance.timeOrigin, location.href] : null";
        self.client.execute(script, vec![]).await.ok().filter(|value| !value.is_null())
    }

    /// Replaces what an input holds.
    pub async fn fill(&self, css: &str, text: &str) {
        let element = self.see(css).await;
        self.center(&element).await;
        element.clear().await.unwrap_or_else(|error| panic!("clearing {css}: {error}"));
        self.type_into(&element, text).await;
    }

    /// Presses a key on an element, or types at the end of what is there.
    pub async fn press(&self, css: &str, keys: &str) {
        let element = self.see(css).await;
        self.type_into(&element, keys).await;
    }

    async fn type_into(&self, element: &Element, text: &str) {
        element.send_keys(text).await.unwrap_or_else(|error| panic!("typing {text}: {error}"));
    }

    /// Fills in a field of whatever kind: a select takes the value or the words of an option.
    pub async fn answer(&self, css: &str, value: &str) {
        let element = self.see(css).await;
        if element.tag_name().await.is_ok_and(|name| name == "select") {
            if element.select_by_value(value).await.is_err() {
                element
                    .select_by_label(value)
                    .await
                    .unwrap_or_else(|error| panic!("selecting {value} in {css}: {error}"));
            }
        } else {
            self.fill(css, value).await;
        }
    }

    /// Presses with the mouse in the middle of an element and moves so far while it is held; `release` lets go.
    pub async fn drag(&self, css: &str, right: i64, down: i64) {
        let element = self.see(css).await;
        self.center(&element).await;
        let moves = MouseActions::new(MOUSE.to_owned())
            .then(PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::MoveBy { duration: Some(GLANCE), x: right as f64 / 2.0, y: down as f64 / 2.0 })
            .then(PointerAction::MoveBy { duration: Some(GLANCE), x: right as f64 / 2.0, y: down as f64 / 2.0 });
        self.client.perform_actions(moves).await.unwrap_or_else(|error| panic!("dragging {css}: {error}"));
    }

    pub async fn release(&self) {
        let up = MouseActions::new(MOUSE.to_owned()).then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(up).await.expect("the button is let go");
    }

    /// Hands a file to a file input, which itself may be invisible.
    pub async fn attach(&self, css: &str, file: &Path) {
        let input = self.until(css, async || self.find(css).await).await;
        self.type_into(&input, &file.display().to_string()).await;
    }

    async fn center(&self, element: &Element) {
        let Ok(reference) = serde_json::to_value(element) else { return };
        let _ = self
            .client
            .execute("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", vec![reference])
            .await;
    }

    // ---- what stays of it ----

    /// Keeps a picture of the whole page, and one of what is in view where the page is longer.
    pub async fn picture(&self, name: &str) {
        let number = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        let size = self
            .run("const d = document.documentElement; return [d.clientWidth, d.scrollHeight, innerHeight]", vec![])
            .await;
        let height = size[1].as_f64().unwrap_or(0.0).min(6000.0);
        self.capture(&format!("{number:03}-{name}"), json!({})).await;
        if height > size[2].as_f64().unwrap_or(0.0) {
            let clip = json!({"x": 0, "y": 0, "width": size[0], "height": height, "scale": 1});
            self.capture(&format!("{number:03}-{name}-whole"), json!({"captureBeyondViewport": true, "clip": clip}))
                .await;
        }
    }

    /// What an element looks like now, pixel by pixel.
    pub async fn look_at(&self, css: &str) -> image::RgbImage {
        let script = "const b = document.querySelector(arguments[0]).getBoundingClientRect(); return [b.left, b.top, b.width, b.height]";
        let area = self.run(script, vec![css.into()]).await;
        let clip = json!({"x": area[0], "y": area[1], "width": area[2], "height": area[3], "scale": 1});
        let bytes = self.shoot(json!({"clip": clip})).await;
        image::load_from_memory(&bytes).expect("a picture").to_rgb8()
    }

    async fn shoot(&self, mut params: Value) -> Vec<u8> {
        params["format"] = json!("png");
        params["optimizeForSpeed"] = json!(true);
        let shot = self.driver.devtools("Page.captureScreenshot", params).await;
        let text = shot["data"].as_str().unwrap_or_default();
        base64::engine::general_purpose::STANDARD.decode(text).expect("a picture")
    }

    async fn capture(&self, name: &str, params: Value) {
        let bytes = self.shoot(params).await;
        std::fs::write(self.pictures.join(format!("{name}.png")), bytes).expect("the picture is kept");
    }

    /// After a failed story: what could be seen last.
    pub async fn keep_evidence(&self) {
        if let Ok(picture) = self.client.screenshot().await {
            let _ = std::fs::write(self.pictures.join("failed.png"), picture);
        }
        if let Ok(source) = self.client.source().await {
            let _ = std::fs::write(self.pictures.join("failed.html"), source);
        }
        eprintln!("{}: at {}; see {}", self.settings.story, self.url().await, self.pictures.display());
        eprintln!("console: {:?}", self.driver.console().await);
    }

    /// Errors on the console since the last look: scripts that failed, what the policy stopped, things that did not load.
    pub async fn console_errors(&self) -> Vec<String> {
        let entries = self.driver.console().await;
        let errors = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        errors.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub fn lang(&self) -> &'static str {
        self.settings.lang
    }
}
