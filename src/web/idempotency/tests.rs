//! What the key promises when the first answer never arrives.

use super::*;
use crate::config::{Config, Overrides};
use crate::kernel::Error;
use crate::shop::clock::Clock;
use crate::web::{Made, Reply, Visit};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::post;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt;

const KEY: &str = "2f1c7b0e-5f0a-4a53-9b8e-6d1f0c3a7e21";

static THINGS: Table<Uuid, String> = Table::new("tests.things", 1);

#[derive(Default)]
struct Calls(AtomicUsize);

/// Makes a thing; the first time the program breaks after the commit, before the answer.
async fn make_thing(visit: Visit, body: String) -> Result<Reply, Problem> {
    visit.open_session();
    let (asker, id) = (visit.clone(), visit.shop.new_id());
    let made = Made::new(&serde_json::json!({"id": id, "body": body}), &format!("/things/{id}"))?;
    let told = made.clone();
    let write = visit.shop.store().write(move |tx| {
        THINGS.put(tx, &id, &body)?;
        if body == "twice" {
            asker.keep(tx, || Ok::<_, Error>(told.clone()))?;
        }
        asker.keep(tx, || Ok::<_, Error>(told))
    });
    write.await?;
    let calls = visit.shop.kept(Calls::default);
    assert!(calls.0.fetch_add(1, Ordering::SeqCst) > 0, "the power goes");
    Ok(made.reply(visit.face))
}

struct Room {
    kit: Kit,
    _folder: tempfile::TempDir,
}

struct Told {
    status: u16,
    replayed: bool,
    /// `name=value` of the session cookie, where one was set.
    cookie: Option<String>,
    body: String,
}

impl Room {
    fn open() -> Room {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides { listen: None, data_dir: Some(folder.path().join("data")) };
        let config = Config::load(Path::new("no such file"), false, std::iter::empty(), &overrides).unwrap();
        let shop = Shop::open(config, Clock::fixed(Moment(1_800_000_000_000)), "petstar".into()).unwrap();
        Room { kit: Kit::new(shop), _folder: folder }
    }

    async fn make(&self, key: &str, address: [u8; 4], cookie: Option<&str>, body: &str) -> Told {
        let app = self.kit.wrap(Router::new().route("/things", post(make_thing)), |routes| routes);
        let mut request = Request::builder().method("POST").uri("/things").header("accept", "application/json");
        request = request.header("idempotency-key", key).extension(ConnectInfo(SocketAddr::from((address, 4711))));
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let response = app.oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let set = parts.headers.get("set-cookie").map(|value| value.to_str().unwrap());
        Told {
            status: parts.status.as_u16(),
            replayed: parts.headers.contains_key("idempotent-replayed"),
            cookie: set.and_then(|text| text.split(';').next()).map(str::to_owned),
            body: String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap(),
        }
    }

    fn things(&self) -> usize {
        THINGS.len(&self.kit.shop.store().read().unwrap()).unwrap() as usize
    }

    fn session(&self) -> String {
        let session = cookie::Session { id: SessionId(self.kit.shop.new_id()), lang: None };
        format!("{}={}", cookie::SESSION, session.write(self.kit.shop.cookie_key()))
    }
}

const HOME: [u8; 4] = [192, 0, 2, 1];

#[tokio::test]
async fn what_was_made_is_answered_though_the_program_broke_in_between() {
    let room = Room::open();
    let cookie = room.session();
    assert_eq!(room.make("first", HOME, Some(&cookie), "a star").await.status, 500);
    let again = room.make("first", HOME, Some(&cookie), "a star").await;
    assert_eq!((again.status, again.replayed), (201, true), "{}", again.body);
    assert_eq!(room.things(), 1);
    let other = room.make("first", HOME, Some(&cookie), "a moon").await;
    assert_eq!(other.status, 422, "{}", other.body);
    let stranger = room.make("first", HOME, Some(&room.session()), "a star").await;
    assert_eq!((stranger.status, stranger.replayed), (201, false), "keys are a session's own");
}

#[tokio::test]
async fn a_first_request_whose_answer_was_lost_gives_its_session_too() {
    let room = Room::open();
    let lost = room.make(KEY, HOME, None, "a star").await;
    assert_eq!(lost.status, 500);
    let again = room.make(KEY, HOME, None, "a star").await;
    assert_eq!((again.status, again.replayed, room.things()), (201, true, 1), "{}", again.body);
    assert!(again.cookie.is_some() && again.cookie == lost.cookie, "the session in which it was made");
    let known = room.make(KEY, HOME, again.cookie.as_deref(), "a star").await;
    assert_eq!((known.replayed, &known.body), (true, &again.body), "the key is the session's as well");
}

#[tokio::test]
async fn nobody_is_given_the_session_of_somebody_else() {
    let room = Room::open();
    let first = room.make(KEY, HOME, None, "a star").await.cookie;
    for (key, address, body) in [
        (KEY, [192, 0, 2, 2], "a star"),
        (KEY, HOME, "a moon"),
        ("2f1c7b0e-5f0a-4a53-9b8e-6d1f0c3a7e22", HOME, "a star"),
    ] {
        let other = room.make(key, address, None, body).await;
        assert_eq!((other.status, other.replayed), (201, false), "{key} {address:?} {body}");
        assert!(other.cookie.is_some() && other.cookie != first);
    }
    // A key that can be guessed proves nothing: each such request stands alone.
    for guessable in ["order-2026-05-21-0001", "00000000-0000-0000-0000-000000000001"] {
        let one = room.make(guessable, HOME, None, "a star").await;
        let two = room.make(guessable, HOME, None, "a star").await;
        assert!(!two.replayed && one.cookie != two.cookie, "{guessable}");
    }
}

/// A request whose client hung up has left the layer, but its write may still be in line before the repeat's.
#[tokio::test]
async fn of_two_writes_under_one_key_only_the_first_counts() {
    let room = Room::open();
    let told = room.make("first", HOME, Some(&room.session()), "twice").await;
    assert_eq!(told.status, 409, "{}", told.body);
    assert!(told.body.contains("idempotency_in_progress"));
    assert_eq!(room.things(), 0, "the later write leaves no trace");
}

#[tokio::test]
async fn answers_are_forgotten_after_a_day() {
    let room = Room::open();
    room.make(KEY, HOME, None, "a star").await;
    let shop = &room.kit.shop;
    assert_eq!(forget_expired(shop).await, Ok(0));
    assert_eq!(ANSWERS.len(&shop.store().read().unwrap()), Ok(2), "the stranger's and the session's");
    shop.clock().advance_seconds(KEPT_HOURS * 3600 + 1);
    assert_eq!(forget_expired(shop).await, Ok(2));
    assert!(!room.make(KEY, HOME, None, "a star").await.replayed);
}
