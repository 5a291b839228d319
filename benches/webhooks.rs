//! How long Stripe waits for the answer to a webhook: in an idle shop, and while it renders prints, beside a bare durable commit of one
//! small row to the same database, by turns in one run.
//!
//! `cargo bench --bench webhooks` prints milliseconds and the ratio of the 99th percentiles. Figures of one run can be compared, those of two
//! runs cannot.

mod kit;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use petstar::kernel::Fault;
use petstar::shop::Shop;
use petstar::store::Table;
use petstar::stripe::signature;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const EVENTS: usize = 400;
const PRINTS: usize = 10;
static BARE: Table<u64, String> = Table::new("bench.bare", 1);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = kit::shop(folder.path(), &[("PETSTAR_STRIPE__RECONCILE_S", "100000")]).await;
    let bench = Bench {
        base: format!("http://{}", app.address),
        client: Client::builder(TokioExecutor::new()).build_http(),
        cookie: std::sync::Mutex::new(None),
        shop: app.shop.clone(),
    };
    let order = bench.order().await;
    bench.round(&order, 0, 50).await;
    let idle = bench.round(&order, 1_000, EVENTS).await;
    let designs = bench.designs().await;
    for design in &designs {
        bench.ask("POST", &format!("/designs/{design}/finalize"), json!({})).await;
    }
    let busy = bench.round(&order, 100_000, EVENTS).await;
    let still = bench.shop.queue().figures().expect("figures").heavy;
    tell("idle", idle);
    tell("while it renders", busy);
    println!("prints that were not done at the end: {} of {PRINTS}", still.waiting + still.running);
    app.stop().await;
}

fn tell(name: &str, (mut hooks, mut bare): (Vec<f64>, Vec<f64>)) {
    let at = |times: &mut Vec<f64>, share: f64| {
        times.sort_by(f64::total_cmp);
        times[((times.len() - 1) as f64 * share) as usize]
    };
    let (hook, commit) = (at(&mut hooks, 0.99), at(&mut bare, 0.99));
    println!(
        "{name:<18} webhook: median {:>6.1} ms  p99 {hook:>6.1} ms   bare commit: median {:>6.1} ms  p99 {commit:>6.1} ms   ratio of p99 {:.2}",
        at(&mut hooks, 0.5),
        at(&mut bare, 0.5),
        hook / commit
    );
}

struct Bench {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
    cookie: std::sync::Mutex<Option<String>>,
    shop: Shop,
}

impl Bench {
    /// Webhooks and bare commits by turns; milliseconds of each.
    async fn round(&self, order: &str, first: usize, count: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut hooks, mut bare) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let secret = self.shop.webhook_secrets()[0].clone();
        for at in first..first + count {
            let event = json!({
                "id": format!("evt_bench{at}"), "object": "event", "type": "payment_intent.succeeded", "created": 1,
                "data": {"object": {"id": "pi_bench", "object": "payment_intent", "metadata": {"order_id": order}}},
            });
            let body = event.to_string();
            let signed = signature::sign(body.as_bytes(), &secret, self.shop.now());
            let began = Instant::now();
            let (status, _) =
                self.send("POST", "/webhooks/stripe", body.into_bytes(), "application/json", Some(&signed)).await;
            hooks.push(began.elapsed().as_secs_f64() * 1000.0);
            assert_eq!(status, 200);
            let began = Instant::now();
            let write = self.shop.store().write(move |tx| BARE.put(tx, &(at as u64), &"x".repeat(300)));
            write.await.unwrap_or_else(|fault: Fault| panic!("{fault}"));
            bare.push(began.elapsed().as_secs_f64() * 1000.0);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (hooks, bare)
    }

    /// The id of an order that waits for its payment.
    async fn order(&self) -> String {
        let product = self.ask("GET", "/products/round-tag", Value::Null).await;
        let params = json!({"name": "Chelsea", "phone": "090-1234-5678"});
        let design = self.ask("POST", "/designs", json!({"product_id": product["id"], "params": params})).await;
        let order = json!({
            "lines": [{"design_id": design["id"], "quantity": 1}],
            "email": "mika@example.jp",
            "shipping_address": {
                "name": "佐藤 美香", "postal_code": "604-8005", "country": "JP", "region": "京都府", "city": "京都市中京区",
                "line1": "恵比須町427", "line2": "", "phone": "090-1234-5678"
            },
        });
        let order = self.ask("POST", "/orders", order).await["id"].as_str().expect("an id").to_owned();
        self.ask("POST", &format!("/orders/{order}/checkout"), json!({})).await;
        order
    }

    /// Portraits that can be printed.
    async fn designs(&self) -> Vec<String> {
        let product = self.ask("GET", "/products/star-portrait", Value::Null).await;
        let mut made = Vec::new();
        for at in 0..PRINTS {
            let design = self.ask("POST", "/designs", json!({"product_id": product["id"]})).await;
            let design = design["id"].as_str().expect("an id").to_owned();
            let mut form = b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"cat.jpg\"\r\ncontent-type: image/jpeg\r\n\r\n".to_vec();
            form.extend_from_slice(include_bytes!("../assets/samples/chelsea.jpg"));
            form.extend_from_slice(b"\r\n--b--\r\n");
            let kind = "multipart/form-data; boundary=b";
            let (status, photo) = self.send("POST", &format!("/designs/{design}/photos"), form, kind, None).await;
            assert_eq!(status, 201, "{photo}");
            let photo = json!({"photo_id": photo["id"], "x": 0.5, "y": 0.5, "zoom": 1.0, "rotation": 0});
            let params = json!({"params": {"photo": photo, "name": format!("Bella {at}")}});
            self.ask("PUT", &format!("/designs/{design}"), params).await;
            made.push(design);
        }
        made
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (status, answer) = self.send(method, path, body, "application/json", None).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    async fn send(&self, method: &str, path: &str, body: Vec<u8>, kind: &str, signature: Option<&str>) -> (u16, Value) {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("accept", "application/json")
            .header("content-type", kind);
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature);
        }
        let cookie = self.cookie.lock().expect("no panic holds it").clone();
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        let response = self.client.request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        if let Some(set) = head.headers.get("set-cookie").and_then(|set| set.to_str().ok()) {
            *self.cookie.lock().expect("no panic holds it") = set.split(';').next().map(str::to_owned);
        }
        let body = body.collect().await.expect("a whole answer").to_bytes();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}
