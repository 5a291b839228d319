//! How many pages a second: the shop's own handlers beside a bare axum handler that sends the same bytes, in one run.
//!
//! `cargo bench --bench pages` prints requests a second and their ratio. Figures of one run can be compared, those of two runs cannot.

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
    let unlimited = [("PETSTAR_LIMITS__READ".to_owned(), u32::MAX.to_string())];
    let config =
        Config::load(&folder.path().join("none.toml"), false, unlimited.into_iter(), &overrides).expect("defaults");
    let start = Start {
        config,
        clock: Clock::System,
        program: PathBuf::from(env!("CARGO_BIN_EXE_petstar")),
        with_control: false,
    };
    let app = App::start(start).await.expect("the shop starts");

    let (order, cookie) = order(app.address).await;
    let paths = ["/", "/products", "/products/star-portrait", &order];
    for (path, accept) in paths.iter().flat_map(|path| [(path, "text/html"), (path, "application/json")]) {
        let headers = format!("accept: {accept}\r\ncookie: {cookie}\r\n");
        let body = fetch(app.address, path, &headers).await;
        let bare = serve_bare(body.clone()).await;
        // Warm both, then take turns, so that a machine that slows down slows both.
        load(app.address, path, &headers, Duration::from_millis(300)).await;
        load(bare, path, &headers, Duration::from_millis(300)).await;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(load(app.address, path, &headers, ROUND).await);
            theirs.push(load(bare, path, &headers, ROUND).await);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "{:<28} {accept:<17} {:>7} bytes  shop {ours:>7.0}/s  bare {theirs:>7.0}/s  ratio {:.2}",
            if *path == order { "/orders/{id}" } else { *path },
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
async fn order(address: SocketAddr) -> (String, String) {
    let mut client = Client::connect(address).await;
    let product = json(&client.ask("/products/round-tag", "accept: application/json\r\n").await);
    let design = json!({"product_id": product["id"], "params": {"name": "Chelsea", "phone": "090-1234-5678"}});
    let (head, design) = client.post("/designs", "", &design).await;
    let cookie = head.split("set-cookie: ").nth(1).and_then(|rest| rest.split(';').next()).expect("a session");
    let body = json!({
        "lines": [{"design_id": json(&design)["id"], "quantity": 2}],
        "email": "mika@example.jp",
        "shipping_address": {
            "name": "佐藤 美香", "postal_code": "604-8005", "country": "JP", "region": "京都府", "city": "京都市中京区",
            "line1": "恵比須町427", "line2": "", "phone": "090-1234-5678"
        },
    });
    let (_, order) = client.post("/orders", cookie, &body).await;
    (format!("/orders/{}", json(&order)["id"].as_str().expect("an id")), cookie.to_owned())
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

async fn fetch(address: SocketAddr, path: &str, headers: &str) -> Vec<u8> {
    let mut client = Client::connect(address).await;
    client.ask(path, headers).await
}

/// Requests answered a second over several connections.
async fn load(address: SocketAddr, path: &str, headers: &str, time: Duration) -> f64 {
    let started = Instant::now();
    let clients = (0..CONNECTIONS).map(|_| {
        let (path, headers) = (path.to_owned(), headers.to_owned());
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            let mut answered = 0u64;
            while started.elapsed() < time {
                client.ask(&path, &headers).await;
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
}

impl Client {
    async fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("nodelay");
        Client { stream, buffer: Vec::with_capacity(256 * 1024) }
    }

    /// Sends one request; gives the body. Each of `headers` ends its line.
    async fn ask(&mut self, path: &str, headers: &str) -> Vec<u8> {
        self.send(path, &format!("GET {path} HTTP/1.1\r\nhost: shop\r\n{headers}\r\n")).await.1
    }

    async fn post(&mut self, path: &str, cookie: &str, body: &Value) -> (String, Vec<u8>) {
        let body = body.to_string();
        let headers = format!("accept: application/json\r\ncontent-type: application/json\r\ncookie: {cookie}\r\n");
        let length = body.len();
        self.send(
            path,
            &format!("POST {path} HTTP/1.1\r\nhost: shop\r\n{headers}content-length: {length}\r\n\r\n{body}"),
        )
        .await
    }

    /// Sends one request; gives the head of the answer and the body.
    async fn send(&mut self, path: &str, request: &str) -> (String, Vec<u8>) {
        self.stream.write_all(request.as_bytes()).await.expect("sent");
        self.buffer.clear();
        let (text, head, length) = loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("read");
            assert!(read > 0, "the server closed the connection");
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                assert!(head.starts_with("HTTP/1.1 20"), "{path}: {head}");
                let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
                let length = length.and_then(|text| text.parse::<usize>().ok()).expect("a length");
                break (head, end + 4, length);
            }
        };
        while self.buffer.len() < head + length {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("read");
            assert!(read > 0, "the server closed the connection");
        }
        (text, self.buffer[head..].to_vec())
    }
}
