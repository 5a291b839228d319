//! The real shop on a loopback port, with a clock that stands still, an outbox folder for mails and Stripe's stand-in at the wire.

mod http;
pub mod orders;
mod other_side;
pub mod program;
mod proxy;

pub use http::{Answer, Visitor};
pub use other_side::OtherSide;

use petstar::app::{App, Start};
use petstar::config::{Config, Overrides};
use petstar::kernel::Moment;
use petstar::shop::Shop;
use petstar::shop::clock::Clock;
use petstar::stripe::sandbox::{Action, Sandbox};
use petstar::web::Role;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// 2026-05-21T05:00:00Z, a Thursday afternoon in Tokyo.
pub const START: Moment = Moment(1_779_339_600_000);

/// How long the kit waits for something that happens by itself before it calls the test failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct TestShop {
    pub app: App,
    pub clock: Clock,
    /// Kept so that the folder lives as long as the shop.
    pub folder: Folder,
}

/// A data folder that outlives restarts of the shop on it.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

impl TestShop {
    pub async fn start() -> TestShop {
        TestShop::start_with(&[]).await
    }

    /// Starts a shop with some keys set as the environment would (`PETSTAR_LIMITS__READ`, `5`).
    pub async fn start_with(settings: &[(&str, &str)]) -> TestShop {
        TestShop::start_on(Folder::new(), Clock::fixed(START), settings).await
    }

    /// A shop that does nothing by the clock: the test makes each round of questions to Stripe itself, when it means to. With a
    /// `stripe_timeout` it waits only so long for an answer.
    pub async fn start_quiet(stripe_timeout: Option<Duration>) -> TestShop {
        TestShop::open_quiet(Clock::fixed(START), &[], stripe_timeout).await
    }

    async fn open_quiet(clock: Clock, settings: &[(&str, &str)], stripe_timeout: Option<Duration>) -> TestShop {
        let how = |start| Start { stripe_timeout, with_timers: false, ..start };
        TestShop::open(Folder::new(), clock, settings, how).await
    }

    pub async fn start_on(folder: Folder, clock: Clock, settings: &[(&str, &str)]) -> TestShop {
        TestShop::open(folder, clock, settings, |start| start).await
    }

    async fn open(
        folder: Folder,
        clock: Clock,
        settings: &[(&str, &str)],
        how: impl FnOnce(Start) -> Start,
    ) -> TestShop {
        let config = config(&folder, settings);
        let program = PathBuf::from(env!("CARGO_BIN_EXE_petstar"));
        let start = Start {
            config,
            clock: clock.clone(),
            program,
            with_control: false,
            stripe_timeout: None,
            with_timers: true,
        };
        let app = App::start(how(start)).await.unwrap_or_else(|fault| panic!("the shop does not start: {fault}"));
        TestShop { app, clock, folder }
    }

    pub fn shop(&self) -> &Shop {
        &self.app.shop
    }

    pub fn sandbox(&self) -> &Sandbox {
        self.app.sandbox.as_ref().expect("a shop without keys has a stand-in")
    }

    /// Stops the shop and starts it again on the same folder and clock.
    pub async fn restart(self) -> TestShop {
        let TestShop { app, clock, folder } = self;
        app.stop().await;
        TestShop::start_on(folder, clock, &[("PETSTAR_STRIPE__RECONCILE_S", "1")]).await
    }

    /// Somebody with an empty cookie jar.
    pub fn visitor(&self) -> Visitor {
        Visitor::new(format!("http://{}", self.app.address))
    }

    /// A script with an API token of the given role.
    pub async fn staff(&self, role: Role) -> Visitor {
        let token = petstar::people::commands::add_token(self.shop(), "test", role).await.expect("a token");
        self.visitor().with_token(token.trim())
    }

    /// The texts of all mails written so far, in the order of their files' names.
    pub fn outbox(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.data().join("outbox")) else { return Vec::new() };
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        files.iter().filter(|file| file.extension().is_some_and(|e| e == "eml")).map(|file| read_mail(file)).collect()
    }

    /// Asks again and again until `ask` has an answer.
    pub async fn until<T, F: Future<Output = Option<T>>>(&self, what: &str, mut ask: impl FnMut() -> F) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "waited too long for {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A design of the first product, filled in by what its layout says, with a small photo.
    pub async fn design(&self, visitor: &Visitor) -> Value {
        let products = visitor.get("/products").await.ok();
        let slug = |product: &Value| product["slug"].as_str().unwrap_or_default().contains("tag");
        let items = products["items"].as_array().expect("a list");
        // The smallest piece keeps the tests quick.
        let product = items.iter().find(|product| slug(product)).unwrap_or(&items[0]);
        self.design_of(visitor, product).await
    }

    /// A design that shows a photo, on the smallest piece that has one.
    pub async fn design_with_photo(&self, visitor: &Visitor) -> Value {
        let product = visitor.get("/products/phone-case").await.ok();
        self.design_of(visitor, &product).await
    }

    /// A design of `product` with every field filled in from its description alone.
    pub async fn design_of(&self, visitor: &Visitor, product: &Value) -> Value {
        let made = visitor.post("/designs", &json!({"product_id": product["id"]})).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let design = made.json();
        let id = design["id"].as_str().expect("an id");
        let photo = visitor.upload(&format!("/designs/{id}/photos"), "cat.jpg", "image/jpeg", &photo()).await;
        assert_eq!(photo.status, 201, "{}", photo.text());
        let params = fill(&product["layout"]["fields"], &photo.json()["id"]);
        let saved = visitor.put(&format!("/designs/{id}"), &json!({"params": params})).await;
        assert_eq!(saved.status, 200, "{}", saved.text());
        saved.json()
    }

    /// An order of one such design, up to the payment page. Gives the order and the session's id.
    pub async fn order_at_checkout(&self, visitor: &Visitor) -> (Value, String) {
        let design = self.design(visitor).await;
        let order = visitor.post("/orders", &order_body(&design)).await;
        assert_eq!(order.status, 201, "{}", order.text());
        let id = order.json()["id"].as_str().expect("an id").to_owned();
        let checkout = visitor.post(&format!("/orders/{id}/checkout"), &json!({})).await;
        assert_eq!(checkout.status, 200, "{}", checkout.text());
        let order = checkout.json()["order"].clone();
        let session = order["stripe_checkout_session_id"].as_str().expect("a session").to_owned();
        (order, session)
    }

    /// An order that has been paid for.
    pub async fn paid_order(&self, visitor: &Visitor) -> Value {
        let (order, session) = self.order_at_checkout(visitor).await;
        self.sandbox().act(&session, Action::Pay).expect("the stand-in takes the payment");
        self.order_in(visitor, order["id"].as_str().expect("an id"), "paid").await
    }

    /// Waits until an order has the wanted status.
    pub async fn order_in(&self, visitor: &Visitor, id: &str, status: &str) -> Value {
        let path = format!("/orders/{id}");
        self.until(&format!("the order to be {status}"), async || {
            let order = visitor.get(&path).await.ok();
            (order["status"] == status).then_some(order)
        })
        .await
    }

    /// Waits until a design has the wanted status.
    pub async fn design_in(&self, visitor: &Visitor, id: &str, status: &str) -> Value {
        let path = format!("/designs/{id}");
        self.until(&format!("the design to be {status}"), async || {
            let design = visitor.get(&path).await.ok();
            assert!(status == "failed" || design["status"] != "failed", "the render failed: {design}");
            (design["status"] == status).then_some(design)
        })
        .await
    }
}

fn config(folder: &Folder, settings: &[(&str, &str)]) -> Config {
    let overrides = Overrides { listen: Some("127.0.0.1:0".into()), data_dir: Some(folder.data()) };
    let environment = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&folder.path().join("petstar.toml"), false, environment, &overrides).expect("a good configuration")
}

fn read_mail(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).expect("a mail")).into_owned()
}

/// A photo of a cat, 451 × 300, as a JPEG.
pub fn photo() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos/chelsea.jpg")).expect("the test photo")
}

/// Params for every field, from what the product's JSON says about it.
pub fn fill(fields: &Value, photo_id: &Value) -> Value {
    let mut params = serde_json::Map::new();
    for field in fields.as_array().expect("fields") {
        let first = |list: &str| field[list].as_array().and_then(|items| items.first()).cloned();
        let value = match field["kind"].as_str().expect("a kind") {
            "photo" => json!({"photo_id": photo_id, "x": 0.5, "y": 0.5, "zoom": 1.0, "rotation": 0.0}),
            "text" => {
                let max = field["max_chars"].as_u64().expect("max_chars") as usize;
                json!("ポチ Chelsea".chars().take(max).collect::<String>())
            }
            "color" => first("colors").unwrap_or(json!("#3f6b4f")),
            "choice" => first("choices").expect("choices")["id"].clone(),
            "date" => json!("2024-05-01"),
            "place" => json!({"name": "Tokyo", "lat": 35.68, "lon": 139.69}),
            other => panic!("a kind the contract does not know: {other}"),
        };
        params.insert(field["id"].as_str().expect("an id").to_owned(), value);
    }
    Value::Object(params)
}

/// An address in Japan.
pub fn address() -> Value {
    json!({"name": "佐藤 美香", "postal_code": "150-0001", "country": "JP", "region": "東京都", "city": "渋谷区",
           "line1": "神宮前1-2-3", "line2": "", "phone": "03-1234-5678"})
}

/// An order for one piece of `design`.
pub fn order_body(design: &Value) -> Value {
    json!({"lines": [{"design_id": design["id"], "quantity": 1}], "email": "mika@example.com", "shipping_address": address()})
}
