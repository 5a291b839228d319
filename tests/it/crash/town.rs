//! The world outside the shop, which does not fall when the shop does: Stripe's stand-in and a post office.

use crate::kit::Folder;
use petstar::shop::clock::Clock;
use petstar::stripe::sandbox::{Sandbox, SandboxConfig, Secrets};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub struct Town {
    pub sandbox: Sandbox,
    pub post: PostOffice,
    /// Where the shop listens, in every life of it.
    pub address: String,
    books: PathBuf,
}

impl Town {
    /// Opens Stripe and the post office, and writes the shop's configuration into the folder.
    pub async fn build(folder: &Folder) -> Town {
        let address = free_address();
        let secrets = Secrets {
            secret_key: "sk_test_crash".into(),
            webhook_secret: "whsec_crash0123456789crash0123456789".into(),
        };
        let books = folder.path().join("stripe.jsonl");
        let config =
            SandboxConfig::new("127.0.0.1:0".parse().unwrap(), &books, secrets.clone(), || Clock::System.now())
                .webhook_url(format!("http://{address}/webhooks/stripe"));
        let sandbox = Sandbox::start(config).await.expect("a stand-in");
        let post = PostOffice::open().await;
        let text = format!(
            "[server]\nlisten = \"{address}\"\n\
             [stripe]\nsecret_key = \"{}\"\nwebhook_secret = \"{}\"\napi_base = \"{}\"\nreconcile_s = 1\n\
             [mail]\nsmtp_url = \"smtp://{}?tls=none\"\nalerts_to = \"owner@example.com\"\n\
             [limits]\nread = 10000000\nwrite = 10000000\nupload = 10000000\npreview = 10000000\n",
            secrets.secret_key,
            secrets.webhook_secret,
            sandbox.base(),
            post.address,
        );
        std::fs::write(folder.path().join("petstar.toml"), text).expect("a configuration");
        Town { sandbox, post, address, books }
    }

    /// What Stripe knows, read from its own books.
    pub fn stripe(&self) -> Books {
        let mut books = Books::default();
        for line in std::fs::read_to_string(&self.books).expect("books").lines() {
            let entry: Value = serde_json::from_str(line).expect("an entry");
            if let Some(session) = entry.get("session") {
                books.sessions.insert(session["id"].as_str().unwrap().to_owned(), session.clone());
            }
            if let Some(refund) = entry.get("refund") {
                books.refunds.insert(refund["id"].as_str().unwrap().to_owned(), refund.clone());
            }
            if let Some(told) = entry.get("delivered").filter(|told| told["delivery"]["settled"] == true) {
                books.delivered.insert(told["event"].as_str().unwrap().to_owned());
            }
        }
        books
    }
}

#[derive(Default)]
pub struct Books {
    pub sessions: BTreeMap<String, Value>,
    pub refunds: BTreeMap<String, Value>,
    /// Events whose webhook was answered 2xx.
    pub delivered: BTreeSet<String>,
}

/// An address nobody has. Below the ports the system hands out by itself, so that it is still free after a kill.
fn free_address() -> String {
    let first = 12_000 + (std::process::id() % 8_000) as u16;
    let free = (first..30_000).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    format!("127.0.0.1:{}", free.expect("a free port"))
}

/// How the post office treats letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Takes,
    /// Says no to every letter for good.
    Refuses,
    /// "Not now" to everybody (greylisting).
    Later,
    /// Never says another word once somebody has connected.
    Hangs,
    /// Hangs up in the middle of the letter.
    DiesInLetter,
    /// Has the letter, and hangs up instead of saying so.
    DiesAfterLetter,
}

/// A mail server that counts what it has taken, and can be made to behave badly.
#[derive(Clone)]
pub struct PostOffice {
    pub address: String,
    state: Arc<State>,
}

struct State {
    /// How often a letter of each Message-ID has come to its end here, answered or not.
    taken: Mutex<BTreeMap<String, usize>>,
    manner: Mutex<Manner>,
    /// Keep the next 250 back, and ring.
    holding: AtomicBool,
    held: Notify,
}

impl PostOffice {
    pub async fn open() -> PostOffice {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            taken: Mutex::default(),
            manner: Mutex::new(Manner::Takes),
            holding: AtomicBool::new(false),
            held: Notify::new(),
        });
        let inner = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = inner.clone();
                tokio::spawn(async move { drop(state.serve(stream).await) });
            }
        });
        PostOffice { address, state }
    }

    pub fn behave(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    /// Lets the next letter come in whole, does not answer it, and returns when that is so.
    pub async fn hold_next(&self) {
        self.state.holding.store(true, Ordering::SeqCst);
        self.state.held.notified().await;
    }

    pub fn hold_no_more(&self) {
        self.state.holding.store(false, Ordering::SeqCst);
    }

    /// How often each letter came to its end here, by Message-ID.
    pub fn taken(&self) -> BTreeMap<String, usize> {
        self.state.taken.lock().unwrap().clone()
    }
}

impl State {
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let manner = || *self.manner.lock().unwrap();
        let (reader, mut out) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        if manner() == Manner::Hangs {
            std::future::pending::<()>().await;
        }
        out.write_all(b"220 town\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match (word.as_str(), manner()) {
                (_, Manner::Hangs) => std::future::pending().await,
                ("RCPT", Manner::Refuses) => "550 no such person",
                ("RCPT", Manner::Later) => "451 come back later",
                ("DATA", _) => {
                    out.write_all(b"354 go on\r\n").await?;
                    match self.letter(&mut lines).await? {
                        true => "250 taken",
                        false => return Ok(()),
                    }
                }
                ("QUIT", _) => {
                    out.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => "250 ok",
            };
            out.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    /// Reads a letter. False when nobody is to hear that it came.
    async fn letter(&self, lines: &mut tokio::io::Lines<BufReader<OwnedReadHalf>>) -> std::io::Result<bool> {
        let manner = *self.manner.lock().unwrap();
        let mut id = String::new();
        while let Some(line) = lines.next_line().await? {
            if manner == Manner::DiesInLetter {
                return Ok(false);
            }
            if let Some(rest) = line.strip_prefix("Message-ID: ") {
                id = rest.trim_matches(['<', '>', ' ']).to_owned();
            }
            if line == "." {
                *self.taken.lock().unwrap().entry(id).or_default() += 1;
                if self.holding.swap(false, Ordering::SeqCst) {
                    self.held.notify_one();
                    std::future::pending::<()>().await;
                }
                return Ok(manner != Manner::DiesAfterLetter);
            }
        }
        Ok(false)
    }
}
