//! How many pages a second: the shop's own handlers beside a bare axum handler that sends the same bytes, in one run.
//!
//! `cargo bench --bench pages` prints requests a second and their ratio. Figures of one run can be compared, those of two runs cannot.

use axum::Router;
use axum::routing::get;
use petstar::app::{App, Start};
use petstar::config::{Config, Overrides};
use petstar::shop::clock::Clock;
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

    let paths = ["/", "/products", "/products/star-portrait"];
    for (path, accept) in paths.iter().flat_map(|path| [(path, "text/html"), (path, "application/json")]) {
        let body = fetch(app.address, path, accept).await;
        if body.is_empty() {
            continue;
        }
        let bare = serve_bare(body.clone()).await;
        // Warm both, then take turns, so that a machine that slows down slows both.
        load(app.address, path, accept, Duration::from_millis(300)).await;
        load(bare, path, accept, Duration::from_millis(300)).await;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(load(app.address, path, accept, ROUND).await);
            theirs.push(load(bare, path, accept, ROUND).await);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "{path:<28} {accept:<17} {:>7} bytes  shop {ours:>7.0}/s  bare {theirs:>7.0}/s  ratio {:.2}",
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

async fn fetch(address: SocketAddr, path: &str, accept: &str) -> Vec<u8> {
    let mut client = Client::connect(address).await;
    client.ask(path, accept).await
}

/// Requests answered a second over several connections.
async fn load(address: SocketAddr, path: &str, accept: &str, time: Duration) -> f64 {
    let started = Instant::now();
    let clients = (0..CONNECTIONS).map(|_| {
        let (path, accept) = (path.to_owned(), accept.to_owned());
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
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
}

impl Client {
    async fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("nodelay");
        Client { stream, buffer: Vec::with_capacity(256 * 1024) }
    }

    /// Sends one request; gives the body.
    async fn ask(&mut self, path: &str, accept: &str) -> Vec<u8> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\naccept: {accept}\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await.expect("sent");
        self.buffer.clear();
        let (head, length) = loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("read");
            assert!(read > 0, "the server closed the connection");
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
                assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
                let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
                break (end + 4, length.and_then(|text| text.parse::<usize>().ok()).expect("a length"));
            }
        };
        while self.buffer.len() < head + length {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("read");
            assert!(read > 0, "the server closed the connection");
        }
        self.buffer[head..].to_vec()
    }
}
