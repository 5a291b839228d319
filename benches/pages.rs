//! How many pages a second: the shop's own handlers beside a bare axum handler that sends the same bytes, in one run.
//!
//! `cargo bench --bench pages` prints requests a second and their ratio, and how long a page takes while previews keep every core busy.
//! Figures of one run can be compared, those of two runs cannot. `-- crowd` leaves out the former.

#[path = "pages/crowd.rs"]
mod crowd;

use axum::Router;
use axum::routing::get;
use petstar::app::{App, Start};
use petstar::config::{Config, Overrides};
use petstar::shop::clock::Clock;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 16;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().expect("a folder");
    let overrides = Overrides { listen: Some("127.0.0.1:0".into()), data_dir: Some(folder.path().join("data")) };
    let unlimited =
        ["READ", "WRITE", "UPLOAD", "PREVIEW"].map(|limit| (format!("PETSTAR_LIMITS__{limit}"), u32::MAX.to_string()));
    let config =
        Config::load(&folder.path().join("none.toml"), false, unlimited.into_iter(), &overrides).expect("defaults");
    let start = Start {
        config,
        clock: Clock::System,
        program: PathBuf::from(env!("CARGO_BIN_EXE_petstar")),
        with_control: false,
        stripe_timeout: None,
    };
    let app = App::start(start).await.expect("the shop starts");

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

/// A keep-alive connection that reads just enough of HTTP/1.1 to find the end of an answer.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The session, once the shop has given one.
    cookie: Option<String>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("nodelay");
        Client { stream, buffer: Vec::with_capacity(256 * 1024), cookie: None }
    }

    /// Somebody the shop knows by a cookie.
    async fn of(address: SocketAddr, cookie: &Option<String>) -> Client {
        Client { cookie: cookie.clone(), ..Client::connect(address).await }
    }

    /// Gets a page; gives its body.
    async fn ask(&mut self, path: &str, accept: &str) -> Vec<u8> {
        let (status, body) = self.send("GET", path, accept, ("text/plain", &[])).await;
        assert_eq!(status, 200, "{path}");
        body
    }

    /// Sends one request with a body of some type; gives the status and the body of the answer.
    async fn send(&mut self, method: &str, path: &str, accept: &str, (kind, body): (&str, &[u8])) -> (u16, Vec<u8>) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: shop\r\naccept: {accept}\r\n");
        if method != "GET" {
            request.push_str(&format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len()));
        }
        if let Some(cookie) = &self.cookie {
            request.push_str(&format!("cookie: {cookie}\r\n"));
        }
        request.push_str("\r\n");
        self.stream.write_all(&[request.as_bytes(), body].concat()).await.expect("sent");
        self.buffer.clear();
        let (status, head, length) = loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("read");
            assert!(read > 0, "the server closed the connection");
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                let field = |name: &str| {
                    head.lines().find_map(|line| {
                        line.split_once(": ")
                            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
                            .map(|(_, value)| value)
                    })
                };
                if let Some(set) = field("set-cookie") {
                    self.cookie = set.split(';').next().map(str::to_owned);
                }
                let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
                let length = field("content-length").and_then(|text| text.parse::<usize>().ok()).expect("a length");
                break (status, end + 4, length);
            }
        };
        while self.buffer.len() < head + length {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("read");
            assert!(read > 0, "the server closed the connection");
        }
        (status, self.buffer[head..].to_vec())
    }
}
