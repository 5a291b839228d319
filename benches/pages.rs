//! How many pages a second: the shop's own handlers beside a bare axum handler that sends the same bytes, in one run.
//!
//! `cargo bench --bench pages` prints requests a second and their ratio, and how long a page takes while previews keep every core busy.
//! Figures of one run can be compared, those of two runs cannot. `-- crowd` leaves out the former.

#[path = "pages/crowd.rs"]
mod crowd;
mod kit;

use axum::Router;
use axum::routing::get;
use kit::Client;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const CONNECTIONS: usize = 16;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = kit::shop(folder.path(), &[]).await;

    crowd::run(app.address).await;
    let (order, cookie) = order(app.address).await;
    let paths: &[&str] = match std::env::args().any(|argument| argument == "crowd") {
        true => &[],
        false => &["/", "/products", "/products/star-portrait", &order],
    };
    for (path, accept) in paths.iter().flat_map(|path| [(path, "text/html"), (path, "application/json")]) {
        let body = Client::of(app.address, &cookie).await.ask(path, accept).await;
        let bare = serve_bare(body.clone()).await;
        // Warm both, then take turns, so that a machine that slows down slows both.
        load(app.address, path, accept, &cookie, Duration::from_millis(300)).await;
        load(bare, path, accept, &cookie, Duration::from_millis(300)).await;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(load(app.address, path, accept, &cookie, ROUND).await);
            theirs.push(load(bare, path, accept, &cookie, ROUND).await);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "{:<28} {accept:<17} {:>7} bytes  shop {ours:>7.0}/s  bare {theirs:>7.0}/s  ratio {:.2}",
            if *path == order { "/orders/{id}" } else { path },
            body.len(),
            ours / theirs
        );
    }
    app.stop().await;
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// A handler that does nothing but send `body`.
async fn serve_bare(body: Vec<u8>) -> SocketAddr {
    let body = bytes::Bytes::from(body);
    let router = Router::new().fallback(get(move || {
        let body = body.clone();
        async move { ([("content-type", "text/html; charset=utf-8")], body) }
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The address of a new order for one tag, and the cookie of whoever made it.
async fn order(address: SocketAddr) -> (String, Option<String>) {
    const JSON: &str = "application/json";
    let mut client = Client::connect(address).await;
    let product: Value = serde_json::from_slice(&client.ask("/products/round-tag", JSON).await).expect("a product");
    let design = json!({"product_id": product["id"], "params": {"name": "Chelsea", "phone": "090-1234-5678"}});
    let design = client.json("POST", "/designs", (JSON, design.to_string().as_bytes())).await;
    let order = json!({
        "lines": [{"design_id": design["id"], "quantity": 2}],
        "email": "mika@example.jp",
        "shipping_address": {
            "name": "佐藤 美香", "postal_code": "604-8005", "country": "JP", "region": "京都府", "city": "京都市中京区",
            "line1": "恵比須町427", "line2": "", "phone": "090-1234-5678"
        },
    });
    let order = client.json("POST", "/orders", (JSON, order.to_string().as_bytes())).await;
    (format!("/orders/{}", order["id"].as_str().expect("an id")), client.cookie)
}

/// Requests answered a second over several connections.
async fn load(address: SocketAddr, path: &str, accept: &str, cookie: &Option<String>, time: Duration) -> f64 {
    let started = Instant::now();
    let clients = (0..CONNECTIONS).map(|_| {
        let (path, accept, cookie) = (path.to_owned(), accept.to_owned(), cookie.clone());
        tokio::spawn(async move {
            let mut client = Client::of(address, &cookie).await;
            let mut answered = 0u64;
            while started.elapsed() < time {
                client.ask(&path, &accept).await;
                answered += 1;
            }
            answered
        })
    });
    let mut answered = 0;
    for client in clients.collect::<Vec<_>>() {
        answered += client.await.expect("no panic");
    }
    answered as f64 / started.elapsed().as_secs_f64()
}
