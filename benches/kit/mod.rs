//! What the benchmarks of the whole shop share: the shop itself, without limits on a port of its own, and a client that costs little.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use petstar::app::{App, Start};
use petstar::config::{Config, Overrides};
use petstar::shop::clock::Clock;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A shop in `folder`, with nobody held back; `more` is told it as by the environment.
pub async fn shop(folder: &Path, more: &[(&str, &str)]) -> App {
    let overrides = Overrides { listen: Some("127.0.0.1:0".into()), data_dir: Some(folder.join("data")) };
    let unlimited =
        ["READ", "WRITE", "UPLOAD", "PREVIEW"].map(|limit| (format!("PETSTAR_LIMITS__{limit}"), u32::MAX.to_string()));
    let more = more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let environment = unlimited.into_iter().chain(more);
    let config = Config::load(&folder.join("none.toml"), false, environment, &overrides).expect("defaults");
    let start = Start {
        config,
        clock: Clock::System,
        program: PathBuf::from(env!("CARGO_BIN_EXE_petstar")),
        with_control: false,
        stripe_timeout: None,
        with_timers: true,
    };
    App::start(start).await.expect("the shop starts")
}

/// The time below which `share` of all times lie.
pub fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share) as usize]
}

/// A keep-alive connection that reads just enough of HTTP/1.1 to find the end of an answer.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The session, once the shop has given one.
    pub cookie: Option<String>,
    /// Of a member of the staff.
    pub token: Option<String>,
    /// What Stripe puts its name to.
    pub signature: Option<String>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("nodelay");
        Client { stream, buffer: Vec::with_capacity(256 * 1024), cookie: None, token: None, signature: None }
    }

    /// Somebody the shop knows by a cookie.
    pub async fn of(address: SocketAddr, cookie: &Option<String>) -> Client {
        Client { cookie: cookie.clone(), ..Client::connect(address).await }
    }

    /// Gets a page; gives its body.
    pub async fn ask(&mut self, path: &str, accept: &str) -> Vec<u8> {
        let (status, body) = self.send("GET", path, accept, ("text/plain", &[])).await;
        assert_eq!(status, 200, "{path}");
        body
    }

    /// Sends one request with a body of some type; gives the status and the body of the answer.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        accept: &str,
        (kind, body): (&str, &[u8]),
    ) -> (u16, Vec<u8>) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: shop\r\naccept: {accept}\r\n");
        if method != "GET" {
            request.push_str(&format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len()));
        }
        if let Some(cookie) = &self.cookie {
            request.push_str(&format!("cookie: {cookie}\r\n"));
        }
        if let Some(token) = &self.token {
            request.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        if let Some(signature) = &self.signature {
            request.push_str(&format!("stripe-signature: {signature}\r\n"));
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

    /// Sends one request that has to succeed; gives the JSON of its answer.
    pub async fn json(&mut self, method: &str, path: &str, body: (&str, &[u8])) -> Value {
        let (status, answer) = self.send(method, path, "application/json", body).await;
        let text = String::from_utf8_lossy(&answer);
        assert!((200..300).contains(&status), "{method} {path}: {status} {text}");
        serde_json::from_slice(&answer).expect("JSON")
    }
}
