//! The power fails under the whole shop: customers, staff and webhooks behind the real routes, over a database and files that lose what was
//! not synced, in sectors, in any order. What is found afterwards holds every invariant and everything that was acknowledged.

use crate::app::{check, service};
use crate::config::{Config, Overrides};
use crate::designs::{self, DesignId};
use crate::kernel::{Error, Moment};
use crate::orders::{self, OrderId, PaidBy, Received};
use crate::queue::{Handlers, LaneSizes, Queue};
use crate::shop::clock::Clock;
use crate::shop::{Shop, Started};
use crate::store::ground::Ground;
use crate::store::tests::{Dice, disk::Disk, power_supply::Power, seeds, yard::Yard};
use crate::store::{Blobs, Store};
use crate::stripe::{Stripe, StripeConfig, signature};
use crate::web::{Kit, Role};
use crate::{catalog, payments, people};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

const START: Moment = Moment(1_779_339_600_000);
const SECRET: &str = "whsec_power";

/// What everybody shares: a disk with a fresh shop on it, an owner's token, and a program that takes any file for a photo of one pixel
/// (what becomes of pixels is tested elsewhere; here it is about what becomes of files).
struct Base {
    disk: Disk,
    token: String,
    folder: TempDir,
}

fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let decoder = folder.path().join("decoder");
        let pixel = "#!/bin/sh\nprintf 'pix1\\000\\003\\000\\000\\001\\000\\000\\000\\001\\000\\000\\000\\003\\000\\000\\000\\002\\000\\000\\000\\003\\000\\000\\000abc\\000\\000\\000\\000'\n";
        std::fs::write(&decoder, pixel).unwrap();
        std::fs::set_permissions(&decoder, std::fs::Permissions::from_mode(0o700)).unwrap();
        let disk = Disk::default();
        let store = Store::open_on(disk.clone()).unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        let shop = Shop::assemble(config(folder.path().join("data")), Clock::fixed(START), decoder, store, blobs).unwrap();
        catalog::start(&shop).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let token = runtime.block_on(people::commands::add_token(&shop, "test", Role::Owner)).unwrap();
        shop.store().clone().close().unwrap();
        drop(shop);
        Base { disk, token: token.trim().to_owned(), folder }
    })
}

fn config(data: PathBuf) -> Config {
    let overrides = Overrides { listen: None, data_dir: Some(data) };
    let limits =
        ["READ", "WRITE", "UPLOAD", "PREVIEW"].map(|name| (format!("PETSTAR_LIMITS__{name}"), "9999999".into()));
    Config::load(std::path::Path::new("no such file"), false, limits.into_iter(), &overrides).unwrap()
}

/// The machine the shop stands on.
struct Machine {
    power: Power,
    disk: Disk,
    yard: Yard,
    folder: TempDir,
    lies: bool,
}

impl Machine {
    fn new(lies: bool) -> Machine {
        let (power, folder) = (Power::default(), tempfile::tempdir().unwrap());
        let root = folder.path().join("blobs");
        std::fs::create_dir(&root).unwrap();
        let machine = Machine { disk: base().disk.copy(&power), yard: Yard::new(&root, &power), power, folder, lies };
        machine.lie();
        machine
    }

    fn lie(&self) {
        if self.lies {
            self.disk.lie();
            self.yard.lie();
        }
    }

    /// The machine as it is when the power is back.
    fn after_power_cut(&self, dice: &mut Dice) -> Machine {
        let (power, folder) = (Power::default(), tempfile::tempdir().unwrap());
        let root = folder.path().join("blobs");
        std::fs::create_dir(&root).unwrap();
        let disk = self.disk.after_power_cut_on(dice, &power);
        let yard = self.yard.after_power_cut(dice, &root, &power);
        let machine = Machine { power, disk, yard, folder, lies: self.lies };
        machine.lie();
        machine
    }

    fn start(&self, clock: &Clock) -> Result<Shop, Error> {
        let store = Store::open_on(self.disk.clone())?;
        let blobs = Blobs::open_on(Ground::simulated(self.yard.clone()), self.yard.root().to_owned())?;
        let config = config(self.folder.path().join("data"));
        let decoder = base().folder.path().join("decoder");
        let shop = Shop::assemble(config, clock.clone(), decoder, store, blobs)?;
        let now = clock.clone();
        let queue = Queue::new(shop.store().clone(), move || now.now());
        let mut stripe = StripeConfig::new("sk_test_power");
        // Nobody listens there: what only Stripe knows stays a job that waits.
        stripe.api_base = "http://127.0.0.1:9".to_owned();
        stripe.tries = 1;
        shop.set_started(Started {
            public_url: "http://localhost".to_owned(),
            queue,
            stripe: Stripe::new(stripe)?,
            webhook_secrets: vec![SECRET.to_owned()],
            checkout_origin: "http://localhost".to_owned(),
            is_sandbox: true,
        });
        Ok(shop)
    }
}

fn handlers(shop: &Shop) -> Handlers {
    let settled = {
        let shop = shop.clone();
        Arc::new(move |tx: &crate::store::WriteTx, design: &designs::Design| {
            orders::design_settled(tx, &shop, design, shop.now())
        })
    };
    let handlers = people::handlers(shop, Handlers::new()).unwrap();
    payments::handlers(shop, designs::handlers(shop, handlers, settled))
}

/// What was acknowledged.
#[derive(Default)]
struct Known {
    /// The params' checksum, or nothing while others are under way.
    designs: BTreeMap<String, Option<String>>,
    photos: Vec<(String, String)>,
    /// The amount, and whether its payment was recorded.
    orders: BTreeMap<String, (i64, bool)>,
    notes: Vec<(String, String)>,
    events: Vec<String>,
}

/// Somebody who asks the shop.
struct Asker {
    app: Router,
    headers: Vec<(&'static str, String)>,
}

impl Asker {
    /// Status and JSON. A shop without power answers with an error, never with a wrong answer.
    async fn ask(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Option<(u16, Value, Option<String>)> {
        let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, "application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let response = self.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let cookie = parts.headers.get(header::SET_COOKIE).and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|text| text.split(';').next()).map(str::to_owned);
        let body = to_bytes(body, 1 << 24).await.ok()?;
        Some((parts.status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null), cookie))
    }

    /// The JSON of a success; nothing once the disk has failed.
    async fn send(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let (status, json, _) = self.ask(method, path, "application/json", body.to_string().into_bytes()).await?;
        if (200..300).contains(&status) {
            return Some(json);
        }
        assert!(status >= 500, "{method} {path}: {status} {json}");
        None
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// One customer's way from a tag to a paid order, with a photo, a webhook and a note of the staff.
async fn one_purchase(shop: &Shop, app: &Router, dice: &mut Dice, known: &mut Known) -> Option<()> {
    let mut customer = Asker { app: app.clone(), headers: Vec::new() };
    let product = customer.send("GET", "/products/round-tag", &Value::Null).await?;
    let body = json!({"product_id": product["id"]}).to_string().into_bytes();
    let (status, design, cookie) = customer.ask("POST", "/designs", "application/json", body).await?;
    if status != 201 {
        assert!(status >= 500, "{design}");
        return None;
    }
    customer.headers.push(("cookie", cookie?));
    let id = text(&design["id"]);
    known.designs.insert(id.clone(), Some(text(&design["params_crc32"])));
    if dice.coin() {
        let mut photo = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n\xff\xd8\xff\xe0\0\x10JFIF".to_vec();
        photo.extend((0..dice.below(5000)).map(|_| dice.roll() as u8));
        photo.extend_from_slice(b"\r\n--x--\r\n");
        let path = format!("/designs/{id}/photos");
        let (status, made, _) = customer.ask("POST", &path, "multipart/form-data; boundary=x", photo).await?;
        if status != 201 {
            assert!(status >= 500, "{status} {made}");
            return None;
        }
        known.photos.push((id.clone(), text(&made["id"])));
    }
    known.designs.insert(id.clone(), None);
    let params = json!({"params": {"name": format!("Mika {}", dice.below(1000)), "phone": "090-1234-5678"}});
    let saved = customer.send("PUT", &format!("/designs/{id}"), &params).await?;
    known.designs.insert(id.clone(), Some(text(&saved["params_crc32"])));
    let body = json!({
        "lines": [{"design_id": id, "quantity": 1 + dice.below(3)}], "email": "mika@example.jp",
        "shipping_address": {"name": "佐藤 美香", "postal_code": "6048005", "country": "JP", "region": "京都府",
            "city": "京都市中京区", "line1": "恵比須町427", "line2": "", "phone": "090-1234-5678"},
    });
    let order = customer.send("POST", "/orders", &body).await?;
    let order_id = text(&order["id"]);
    let amount = order["amount"].as_i64()?;
    known.orders.insert(order_id.clone(), (amount, false));

    // Stripe does not answer, so the page is still to be made; the money comes as settlement would record it.
    let checkout = format!("/orders/{order_id}/checkout");
    let (status, told, _) = customer.ask("POST", &checkout, "application/json", b"{}".to_vec()).await?;
    assert!(status >= 500, "{status} {told}");
    let parsed: OrderId = order_id.parse().ok()?;
    let now = shop.now();
    let event = format!("evt_{:016x}", dice.roll());
    let body = json!({"id": event, "object": "event", "type": "checkout.session.completed", "created": 1, "livemode": false,
        "data": {"object": {"id": "cs_test_1", "object": "checkout.session", "client_reference_id": order_id}}});
    let body = body.to_string().into_bytes();
    let stripe = Asker { app: app.clone(), headers: vec![("stripe-signature", signature::sign(&body, SECRET, now))] };
    let (status, _, _) = stripe.ask("POST", "/webhooks/stripe", "application/json", body).await?;
    if status == 200 {
        known.events.push(event);
    }
    let intent = format!("pi_{:016x}", dice.roll());
    let inner = shop.clone();
    let paid = move |tx: &crate::store::WriteTx| {
        let money = crate::kernel::Money::new(amount, crate::kernel::Currency::JPY);
        let received =
            Received { amount: money, intent: Some(intent), session: None, by: PaidBy::Staff("test".into()) };
        orders::mark_paid(tx, &inner, parsed, received, now).map(drop)
    };
    shop.store().write(paid).await.ok()?;
    known.orders.insert(order_id.clone(), (amount, true));
    let staff = Asker { app: app.clone(), headers: vec![("authorization", format!("Bearer {}", base().token))] };
    let note = format!("note {}", dice.roll());
    staff.send("PUT", &format!("/admin/orders/{order_id}"), &json!({"note": note})).await?;
    known.notes.push((order_id, note));
    Some(())
}

/// A life of the shop, until the power fails or it is closed.
async fn live(machine: &Machine, clock: &Clock, dice: &mut Dice, known: &mut Known, with_work: bool) {
    let Ok(shop) = machine.start(clock) else { return };
    let app = service(&Kit::new(shop.clone()));
    if with_work {
        let sizes = LaneSizes { quick: 2, heavy: 1 };
        let _ = shop.queue().work(handlers(&shop), sizes, tokio::runtime::Handle::current());
    }
    for _ in 0..1 + dice.below(2) {
        if one_purchase(&shop, &app, dice, known).await.is_none() {
            break;
        }
    }
    shop.queue().stop(Duration::from_secs(20)).await;
}

/// What is wrong with the machine after a cut.
fn examine(machine: &Machine, clock: &Clock, known: &Known) -> Result<(), String> {
    let told = |error: Error| error.to_string();
    let shop = machine.start(clock).map_err(|error| format!("it does not start: {error}"))?;
    let tx = shop.store().read().map_err(|fault| fault.to_string())?;
    let wrong = check::rows(&tx, &|blob| shop.blobs().verify(blob).is_ok()).map_err(|fault| fault.to_string())?;
    if !wrong.is_empty() {
        return Err(format!("{wrong:?}"));
    }
    for (id, crc32) in &known.designs {
        let parsed: DesignId = id.parse().map_err(|_| "an id")?;
        let design =
            designs::find(&tx, parsed).map_err(|fault| fault.to_string())?.ok_or(format!("design {id} is lost"))?;
        if crc32.as_ref().is_some_and(|crc32| design.params_crc32 != *crc32) {
            return Err(format!("design {id} has other params"));
        }
    }
    for (id, (amount, is_paid)) in &known.orders {
        let parsed: OrderId = id.parse().map_err(|_| "an id")?;
        let order =
            orders::find(&tx, parsed).map_err(|fault| fault.to_string())?.ok_or(format!("order {id} is lost"))?;
        if order.amount().minor != *amount || (*is_paid && order.paid_at.is_none()) {
            return Err(format!("order {id} is not what was told"));
        }
        for (_, note) in known.notes.iter().filter(|(order, _)| order == id) {
            if !order.staff_notes.iter().any(|kept| kept.text == *note) {
                return Err(format!("a note on order {id} is lost"));
            }
        }
    }
    let mut missing: Vec<&String> = known.events.iter().chain(known.photos.iter().map(|(_, photo)| photo)).collect();
    for table in ["payments.events", "designs.photos"] {
        let walked = tx.walk(table, |_, row| {
            let text = String::from_utf8_lossy(row);
            missing.retain(|id| !text.contains(id.as_str()));
            Ok(std::ops::ControlFlow::Continue(()))
        });
        walked.map_err(|fault| fault.to_string())?;
    }
    if !missing.is_empty() {
        return Err(format!("events or photos are lost: {missing:?}"));
    }
    drop(tx);
    shop.store().clone().close().map_err(|fault| told(fault.into()))
}

fn story(seed: u64, lies: bool) -> Result<(), String> {
    let mut dice = Dice(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clock = Clock::fixed(START);
    let mut machine = Machine::new(lies);
    let mut known = Known::default();
    // Jobs are done in some lives only: a debug build draws slowly.
    let with_work = seed.is_multiple_of(10);
    for life in 0..2 {
        // A life without end is some 250 calls long.
        machine.power.fail_after(dice.below(260));
        runtime.block_on(live(&machine, &clock, &mut dice, &mut known, with_work));
        machine = machine.after_power_cut(&mut dice);
        while dice.below(3) == 0 {
            machine.power.fail_after(dice.below(25));
            drop(machine.start(&clock));
            machine = machine.after_power_cut(&mut dice);
        }
        examine(&machine, &clock, &known).map_err(|words| format!("life {life}: {words}"))?;
        clock.advance_seconds(3600);
    }
    Ok(())
}

/// 200 lives of the whole, or as many as `PETSTAR_TEST_SEEDS` says.
#[test]
fn the_whole_shop_survives_power_cuts() {
    use rayon::prelude::*;
    base();
    let tell = |seed| {
        if let Err(words) = story(seed, false) {
            panic!("seed {seed}: {words}");
        }
    };
    // Not the threads that draw in these shops: stories wait, and what they wait for is drawn.
    let threads = rayon::ThreadPoolBuilder::new().build().unwrap();
    threads.install(|| (0..seeds(200)).into_par_iter().for_each(tell));
}

/// The test above is worth something only if it notices disks that do not keep their word.
#[test]
fn disks_that_lie_under_the_whole_shop_are_found_out() {
    let is_noticed = |seed: &u64| !matches!(std::panic::catch_unwind(|| story(*seed, true)), Ok(Ok(())));
    let caught = (1..9).filter(is_noticed).count();
    assert!(caught >= 6, "only {caught} of 8 were noticed");
}
