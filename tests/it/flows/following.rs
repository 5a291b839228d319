//! Large previews followed over WebSocket, by one and by thousands; and more wishes than the cores can draw.

use crate::kit::{TestShop, Visitor};
use futures_util::StreamExt;
use petstar::designs::jobs::RENDER_PREVIEW;
use petstar::designs::{DesignId, Sockets};
use petstar::queue::{self, NewJob};
use petstar::web::{Role, cookie};
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

/// All that is said about a job until its socket is closed, and how it was closed.
async fn follow(shop: &TestShop, visitor: &Visitor, job: &str, query: &str) -> Result<(Vec<String>, CloseCode), u16> {
    follow_at(shop.app.address, visitor, job, query).await
}

async fn follow_at(
    address: SocketAddr,
    visitor: &Visitor,
    job: &str,
    query: &str,
) -> Result<(Vec<String>, CloseCode), u16> {
    let url = format!("ws://{address}/jobs/{job}/events{query}");
    let mut request = url.into_client_request().unwrap();
    if let Some(session) = visitor.cookie(cookie::SESSION) {
        request.headers_mut().insert("cookie", format!("{}={session}", cookie::SESSION).parse().unwrap());
    }
    let mut socket = match connect_async(request).await {
        Ok((socket, _)) => socket,
        Err(Error::Http(answer)) => return Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    };
    let mut said = Vec::new();
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => said.push(text.as_str().to_owned()),
            Some(Ok(Message::Close(frame))) => return Ok((said, frame.expect("a reason").code)),
            Some(Ok(_)) => {}
            other => panic!("the socket broke off after {said:?}: {other:?}"),
        }
    }
}

async fn wish(visitor: &Visitor, design: &Value, text: &str) -> String {
    let mut params = design["params"].clone();
    let name = params
        .as_object()
        .unwrap()
        .iter()
        .find(|(_, value)| value.is_string() && value.as_str().unwrap().contains("ポチ"));
    let name = name.map(|(id, _)| id.clone()).expect("a text field");
    params[name] = json!(text);
    let id = design["id"].as_str().unwrap();
    let job = visitor.post(&format!("/designs/{id}/preview?quality=high"), &json!({"params": params})).await;
    assert_eq!(job.status, 202, "{}", job.text());
    assert!(job.header("location").starts_with("/jobs/"));
    job.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_preview_is_followed_from_the_beginning_and_from_the_end() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    // Others fill the lane, so that the beginning is heard too.
    let others = shop.visitor();
    for _ in 0..4 {
        let design = shop.design(&others).await;
        wish(&others, &design, "Mika").await;
    }
    let job = wish(&customer, &design, "ポチ").await;
    let (said, code) = follow(&shop, &customer, &job, "").await.unwrap();
    assert_eq!(code, CloseCode::Normal);
    let said: Vec<Value> = said.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let rank = |job: &Value| match job["status"].as_str().unwrap() {
        "queued" => 0,
        "processing" => 1 + job["progress"].as_u64().unwrap(),
        "completed" => 1000,
        other => panic!("{other}"),
    };
    assert!(said.windows(2).all(|pair| rank(&pair[0]) <= rank(&pair[1])), "{said:?}");
    assert!(said.iter().any(|job| job["status"] == "processing" && job["progress"].as_u64() >= Some(10)), "{said:?}");
    let last = said.last().unwrap();
    let url = last["result"]["preview_image_url"].as_str().expect("a picture");
    let picture = customer.get(url).await;
    let picture = petstar::render::photo::decode_trusted(&picture.body).unwrap();
    assert_eq!(picture.long_side(), 1600);

    let (late, code) = follow(&shop, &customer, &job, "").await.unwrap();
    assert_eq!((late.len(), code), (1, CloseCode::Normal));
    assert_eq!(&serde_json::from_str::<Value>(&late[0]).unwrap(), last);
    let (html, _) = follow(&shop, &customer, &job, "?as=html").await.unwrap();
    assert!(html[0].contains(r#"id="job""#) && html[0].contains(url) && !html[0].contains("<html"), "{}", html[0]);
    let stranger = shop.visitor();
    assert_eq!(follow(&shop, &stranger, &job, "").await.unwrap_err(), 404);
    shop.design(&stranger).await;
    assert_eq!(follow(&shop, &stranger, &job, "").await.unwrap_err(), 404);
    assert_eq!(follow(&shop, &customer, "00000000-0000-7000-8000-000000000000", "").await.unwrap_err(), 404);

    // One that cannot be drawn says so, and not more than a customer needs to know.
    let id: DesignId = design["id"].as_str().unwrap().parse().unwrap();
    let payload = json!({"design_id": id, "product_id": design["product_id"], "layout_version": 999,
        "variant_id": design["variant_id"], "params": {}, "params_crc32": "", "key": "none"});
    let now = shop.shop().now();
    let bad = shop
        .shop()
        .store()
        .write(move |tx| queue::enqueue(tx, NewJob::new(&RENDER_PREVIEW, payload, now).about(id)))
        .await;
    let (said, _) = follow(&shop, &customer, &bad.unwrap().id.to_string(), "").await.unwrap();
    let failed: Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!(failed["status"], "failed");
    let reason = failed["failure_reason"].as_str().expect("a reason");
    assert!(!reason.contains("layout"), "{failed}");
    let (html, _) = follow(&shop, &customer, failed["id"].as_str().unwrap(), "?as=html").await.unwrap();
    assert!(html[0].contains(reason), "{}", html[0]);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_wishes_cancel_older_ones_of_the_same_design() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let other = shop.design(&customer).await;
    let bystander = wish(&customer, &other, "Mika").await;
    let mut jobs = Vec::new();
    for text in ["a", "b", "c", "d", "e", "f"] {
        jobs.push(wish(&customer, &design, text).await);
    }
    assert_eq!(wish(&customer, &design, "f").await, jobs[5], "the same wish is the same job");
    let mut ends = Vec::new();
    for job in jobs.iter().chain([&bystander]) {
        let (said, _) = follow(&shop, &customer, job, "").await.unwrap();
        let last: Value = serde_json::from_str(said.last().unwrap()).unwrap();
        ends.push(last["status"].as_str().unwrap().to_owned());
    }
    assert_eq!((ends[5].as_str(), ends[6].as_str()), ("completed", "completed"), "{ends:?}");
    assert!(ends[..5].iter().any(|end| end == "cancelled"), "{ends:?}");
    assert!(ends[..5].iter().all(|end| end == "cancelled" || end == "completed"), "{ends:?}");
    shop.app.stop().await;
}

/// Resident memory of this process, the shop and the followers together, in bytes.
fn memory() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap() * 4096
}

/// A job that waits for its time, which the standing clock never brings.
async fn waiting(shop: &TestShop, design: &Value) -> queue::JobId {
    let id: DesignId = design["id"].as_str().unwrap().parse().unwrap();
    let now = shop.shop().now();
    let waiting = NewJob::new(&RENDER_PREVIEW, json!({}), now).about(id).run_at(now.plus_days(1));
    shop.shop().store().write(move |tx| queue::enqueue(tx, waiting)).await.unwrap().id
}

/// A socket of staff, spoken by hand: nothing here answers a ping.
async fn mute(shop: &TestShop, job: queue::JobId, token: &str) -> tokio::net::TcpStream {
    let mut stream = tokio::net::TcpStream::connect(shop.app.address).await.unwrap();
    let request = format!(
        "GET /jobs/{job}/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        shop.app.address,
        token.trim()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// A telephone in a tunnel says no goodbye. Its socket is asked whether it is there, and let go of when it does not answer; one that
/// answers stays.
#[tokio::test(flavor = "multi_thread")]
async fn sockets_whose_other_end_has_gone_are_given_up() {
    let shop = TestShop::start().await;
    let sockets = shop.shop().kept(|| Sockets::with_patience(Duration::from_secs(1)));
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let token = petstar::people::commands::add_token(shop.shop(), "followers", Role::Viewer).await.unwrap();
    let job = waiting(&shop, &design).await;
    let mut gone = Vec::new();
    for _ in 0..20 {
        gone.push(mute(&shop, job, &token).await);
    }
    for stream in &mut gone {
        hear(stream, r#""status":"queued""#).await;
    }
    // A whole client, which answers.
    let there = {
        let (customer, address, job) = (customer.clone(), shop.app.address, job.to_string());
        tokio::spawn(async move { follow_at(address, &customer, &job, "").await })
    };
    let until = async |count: usize| {
        let started = Instant::now();
        while sockets.count() != count {
            assert!(started.elapsed() < Duration::from_secs(30), "{} sockets are open, not {count}", sockets.count());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    until(21).await;
    until(1).await;
    // They were asked, then closed on this side.
    for stream in &mut gone {
        let mut heard = Vec::new();
        tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut heard)).await.expect("closed").unwrap();
        assert!(heard.ends_with(&[0x89, 0]), "a ping was the last: {heard:?}");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(sockets.count(), 1, "who answers stays");
    let now = shop.shop().now();
    assert!(shop.shop().store().write(move |tx| queue::cancel(tx, job, now)).await.unwrap().is_some());
    let (said, code) = there.await.unwrap().unwrap();
    assert_eq!((said.len(), code), (2, CloseCode::Normal));
    assert!(said[1].contains(r#""status":"cancelled""#));
    until(0).await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_sockets_are_no_burden() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let token = petstar::people::commands::add_token(shop.shop(), "followers", Role::Viewer).await.unwrap();
    let job = waiting(&shop, &design).await;
    let now = shop.shop().now();

    // Both ends of each socket are files of this process.
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let count = 2000.min(files.saturating_sub(500) / 2) as usize;
    if count < 2000 {
        // Past the ear of the test harness, which keeps to itself what a passing test prints.
        let note = format!(
            "\ntwo_thousand_sockets_are_no_burden: only {count} sockets, since this process may open no more than {files} files (ulimit -Hn)\n"
        );
        std::io::stderr().write_all(note.as_bytes()).unwrap();
    }
    assert!(count >= 200, "{files} open files are too few to tell anything: raise the limit (ulimit -n 5000)");
    let before = memory();
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        sockets.push(mute(&shop, job, &token).await);
    }
    for stream in &mut sockets {
        hear(stream, r#""status":"queued""#).await;
    }
    let each = memory().saturating_sub(before) / count;
    println!("{count} sockets, {each} bytes each with both their ends");
    assert!(each < 64 << 10, "{each} bytes for each of {count} sockets");
    let started = Instant::now();
    for path in ["/products", "/healthz", "/basket"] {
        assert_eq!(customer.get(path).await.status, 200);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());

    // A hundred hang up without a word; the others all hear the end.
    sockets.drain(..count / 20);
    let cancelled = shop.shop().store().write(move |tx| queue::cancel(tx, job, now)).await.unwrap();
    assert!(cancelled.is_some());
    for stream in &mut sockets {
        hear(stream, r#""status":"cancelled""#).await;
    }
    shop.app.stop().await;
}

async fn hear(stream: &mut tokio::net::TcpStream, wanted: &str) {
    let mut heard = Vec::new();
    let mut piece = [0; 1024];
    while !String::from_utf8_lossy(&heard).contains(wanted) {
        let read =
            tokio::time::timeout(Duration::from_secs(60), stream.read(&mut piece)).await.expect("an answer in time");
        let count = read.unwrap();
        assert!(count > 0, "closed after {}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&piece[..count]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_wishes_at_once_are_all_answered_and_pages_go_on() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design_with_photo(&customer).await;
    let path = format!("/designs/{}/preview", design["id"].as_str().unwrap());
    let photo = design["params"].as_object().unwrap().iter().find(|(_, value)| value.get("photo_id").is_some());
    let field = photo.map(|(id, _)| id.clone()).expect("a photo field");
    let mut wishes = tokio::task::JoinSet::new();
    for turn in 0..30 {
        let mut params = design["params"].clone();
        params[&field]["rotation"] = json!(turn);
        let (customer, path) = (customer.clone(), path.clone());
        wishes.spawn(async move { customer.post(&path, &json!({"params": params})).await });
    }
    let mut slowest = Duration::ZERO;
    let mut answers = Vec::new();
    while answers.len() < 30 {
        let started = Instant::now();
        assert_eq!(customer.get("/products").await.status, 200);
        slowest = slowest.max(started.elapsed());
        while let Some(answer) = wishes.try_join_next() {
            answers.push(answer.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for answer in answers {
        // A line that is full says so, and when to come again.
        assert!(answer.status == 200 || answer.status == 503, "{}: {}", answer.status, answer.text());
        assert!(answer.status == 200 || !answer.header("retry-after").is_empty());
    }
    println!("slowest page {slowest:?}");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    shop.app.stop().await;
}
