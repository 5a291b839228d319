//! The room behind its real layers, asked as browsers and scripts ask.

use super::*;
use crate::config::{Config, Overrides};
use crate::kernel::Moment;
use crate::queue::{LaneSizes, Queue};
use crate::shop::clock::Clock;
use crate::web::{Kit, Role, SessionId, cookie, method};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tower::ServiceExt;
use uuid::Uuid;

const NOON: &str = "2026-05-01T12:00:00Z";

struct Room {
    shop: Shop,
    app: Router,
    folder: tempfile::TempDir,
}

impl Room {
    fn open() -> Room {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides { listen: None, data_dir: Some(folder.path().join("data")) };
        let config = Config::load(Path::new("no such file"), false, std::iter::empty(), &overrides).unwrap();
        let shop = Shop::open(config, Clock::fixed(Moment::parse(NOON).unwrap()), "petstar".into()).unwrap();
        let (routes, _) = routes().split_for_parts();
        let layered = Kit::new(shop.clone()).wrap(routes, |router| identify(router, shop.clone()));
        let app = Router::new().fallback_service(tower::util::MapRequest::new(layered, method::override_from_query));
        Room { shop, app, folder }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.app.clone().oneshot(request).await.unwrap()).await
    }

    async fn get(&self, path: &str, who: &str) -> Answer {
        self.send(Request::get(path).header("cookie", who).body(Body::empty()).unwrap()).await
    }

    async fn form(&self, path: &str, who: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let request = Request::post(path)
            .header("cookie", who)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body));
        self.send(request.unwrap()).await
    }

    async fn json(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()));
        self.send(request.unwrap()).await
    }

    async fn token(&self, role: Role) -> String {
        commands::add_token(&self.shop, role.name(), role).await.unwrap()
    }

    /// The cookie of the owner Mika.
    async fn owner(&self) -> String {
        commands::add_staff(&self.shop, "mika@example.jp", "Mika", Role::Owner, "correct horse").await.unwrap();
        let answer =
            self.form("/admin/login", "", &[("email", "mika@example.jp"), ("password", "correct horse")]).await;
        answer.cookie(cookie::STAFF).unwrap()
    }
}

struct Answer {
    status: StatusCode,
    head: Response<()>,
    body: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Answer {
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        Answer { status: parts.status, head: Response::from_parts(parts, ()), body }
    }

    /// `name=value` as a browser would send it back.
    fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.head.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        lines.map(|line| line.split(';').next().unwrap().to_owned()).find(|pair| pair.starts_with(&format!("{name}=")))
    }

    fn location(&self) -> &str {
        self.head.headers().get(header::LOCATION).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

#[tokio::test]
async fn from_an_empty_folder_to_a_shop_that_is_set_up() {
    let room = Room::open();
    let link = prepare_setup_link(&room.shop).await.unwrap().unwrap();
    let file = room.folder.path().join("data/setup-link");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), link);
    assert_eq!(prepare_setup_link(&room.shop).await.unwrap().unwrap(), link, "a restart keeps the link good");
    let (_, path) = link.split_once("8080").unwrap();
    let token = path.split_once("token=").unwrap().1;

    let page = room.get(path, "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Who are you?") && page.body.contains(token));
    let fields = |password| [("token", token), ("name", "Mika"), ("email", "mika@example.jp"), ("password", password)];
    let short = room.form("/admin/setup", "", &fields("short")).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(short.body.contains(r#"value="Mika""#) && short.body.contains("at least 8 characters"), "{}", short.body);
    let done = room.form("/admin/setup", "", &fields("correct horse")).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/admin/setup?step=shop"));
    let owner = done.cookie(cookie::STAFF).unwrap();
    assert!(!file.exists(), "the link is used once");
    assert_eq!(room.form("/admin/setup", "", &fields("correct horse")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(room.get(path, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(prepare_setup_link(&room.shop).await.unwrap(), None);

    for step in ["shop", "mail", "legal", "payments"] {
        for lang in ["en", "ja"] {
            let page = room.get(&format!("/admin/setup?step={step}&lang={lang}"), &owner).await;
            assert_eq!(page.status, StatusCode::OK, "{step}");
            assert!(!page.body.contains("people."), "words are missing on {step} in {lang}: {}", page.body);
        }
    }
    assert_eq!(setup::missing(&room.shop.settings()).len(), 5);
    let wish = [
        ("section", "legal"),
        ("next", "/admin/setup?step=payments"),
        ("legal.terms.en", "half written"),
        ("template", "seller"),
    ];
    let template = room.form("/admin/settings?_method=PUT", &owner, &wish).await;
    assert!(template.body.contains("half written"), "what is typed elsewhere stays: {}", template.body);
    assert!(template.body.contains("販売業者 | [[氏名または会社名]]"), "{}", template.body);

    let shop = [
        ("version", "0"),
        ("section", "shop"),
        ("next", "/admin/setup?step=mail"),
        ("shop_name", "ペットの星"),
        ("contact_email", "hello@example.jp"),
    ];
    let saved = room.form("/admin/settings?_method=PUT", &owner, &shop).await;
    assert_eq!((saved.status, saved.location()), (StatusCode::SEE_OTHER, "/admin/setup?step=mail"));
    let again = room.form("/admin/settings?_method=PUT", &owner, &shop).await;
    assert_eq!(again.status, StatusCode::PRECONDITION_FAILED, "made from an old version");
    assert!(again.body.contains("Somebody else saved") && again.body.contains(r#"aria-current="step""#));
    let legal = [
        ("legal.terms.en", "# Terms\n\n<b>Be kind</b>"),
        ("legal.privacy.en", "Private"),
        ("legal.seller.en", "Seller | Mika"),
        ("set_up", "on"),
    ];
    assert_eq!(room.form("/admin/settings?_method=PUT", &owner, &legal).await.status, StatusCode::SEE_OTHER);
    assert!(setup::missing(&room.shop.settings()).is_empty());
    assert_eq!(room.shop.settings().shop_name, "ペットの星");

    let terms = room.get("/legal/terms", "").await;
    assert!(terms.body.contains("<h2>Terms</h2>") && terms.body.contains("&#60;b&#62;Be kind"), "{}", terms.body);
    assert!(room.get("/legal/seller?lang=ja", "").await.body.contains("<th scope=\"row\">Seller</th><td>Mika</td>"));
    assert_eq!(room.get("/legal/other", "").await.status, StatusCode::NOT_FOUND);
    let tx = room.shop.store().read().unwrap();
    assert_eq!(audit::verify_chain(&tx).unwrap(), audit::Verified { entries: 4, broken: None });
}

#[tokio::test]
async fn log_in_and_out() {
    let room = Room::open();
    let owner = room.owner().await;
    assert_eq!(room.get("/admin/audit", &owner).await.status, StatusCode::OK);
    assert_eq!(
        room.get("/admin/audit", "petstar_staff=somebody").await.location(),
        "/admin/login?next=%2Fadmin%2Faudit"
    );
    // The very page, with what it was narrowed to; of a form the page it stood on, if that is ours.
    let narrowed = room.get("/admin/audit?action=order&actor=Mika%20S", "petstar_staff=somebody").await;
    let way = "/admin/login?next=%2Fadmin%2Faudit%3Faction%3Dorder%26actor%3DMika%2520S";
    assert_eq!(narrowed.location(), way);
    assert!(room.get(way, "").await.body.contains("value=\"/admin/audit?action=order&#38;actor=Mika%20S\""));
    for (referer, leads_to) in [
        (
            "http://shop/admin/settings?section=mail&_method=PUT",
            "/admin/login?next=%2Fadmin%2Fsettings%3Fsection%3Dmail",
        ),
        ("http://evil.example/admin/settings?section=mail", "/admin/login"),
        ("http://shop/products", "/admin/login"),
    ] {
        let sent = Request::post("/admin/mails/test").header("host", "shop").header("referer", referer);
        let sent = sent.header("content-type", "application/x-www-form-urlencoded").body(Body::from("to=a")).unwrap();
        assert_eq!(room.send(sent).await.location(), leads_to, "{referer}");
    }
    let next = "/admin/audit?action=order&actor=Mika%20S";
    let known = [("email", "mika@example.jp"), ("password", "correct horse"), ("next", next)];
    assert_eq!(room.form("/admin/login", "", &known).await.location(), next);

    let wrong = [("email", "mika@example.jp"), ("password", "wrong horse")];
    let unknown = [("email", "ken@example.jp"), ("password", "wrong horse")];
    let page = room.form("/admin/login", "", &wrong).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.body.contains("is not right") && page.cookie(cookie::STAFF).is_none());
    let other = room.form("/admin/login", "", &unknown).await;
    assert_eq!(other.body.replace("ken@", "mika@"), page.body, "a known and an unknown address look the same");

    let next = [("email", "MIKA@example.jp"), ("password", "correct horse"), ("next", "//evil.example")];
    assert_eq!(room.form("/admin/login", "", &next).await.location(), "/admin", "never to another site");
    let next = [("email", "mika@example.jp"), ("password", "correct horse"), ("next", "/admin/audit")];
    assert_eq!(room.form("/admin/login", "", &next).await.location(), "/admin/audit");

    let out = room.form("/admin/logout", &owner, &[]).await;
    assert_eq!(out.cookie(cookie::STAFF).as_deref(), Some("petstar_staff="));
    assert_eq!(room.get("/admin/audit", &owner).await.status, StatusCode::SEE_OTHER);

    for _ in 0..9 {
        room.form("/admin/login", "", &unknown).await;
    }
    let slowed = room.form("/admin/login", "", &unknown).await;
    assert_eq!(slowed.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(slowed.head.headers().contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn every_role_sees_and_changes_only_its_own() {
    let room = Room::open();
    // What owner, manager, viewer and printer are answered.
    let cases: [(&str, &str, [u16; 4]); 9] = [
        ("GET", "/admin/settings", [200, 200, 200, 403]),
        ("PUT", "/admin/settings", [200, 200, 403, 403]),
        ("GET", "/admin/mails", [200, 200, 200, 403]),
        ("GET", "/admin/audit", [200, 200, 200, 403]),
        ("GET", "/admin/staff", [200, 403, 403, 403]),
        ("POST", "/admin/staff", [422, 403, 403, 403]),
        ("GET", "/admin/tokens", [200, 403, 403, 403]),
        ("POST", "/admin/tokens", [422, 403, 403, 403]),
        ("POST", "/admin/mails/00000000-0000-0000-0000-000000000001/resend", [404, 404, 403, 403]),
    ];
    for (at, role) in [Role::Owner, Role::Manager, Role::Viewer, Role::Printer].into_iter().enumerate() {
        let token = room.token(role).await;
        for (method, path, expected) in cases {
            let body = json!({"name": "", "email": "x", "role": "owner", "password": "long enough"});
            let answer = room.json(method, path, &token, body).await;
            assert_eq!(answer.status, expected[at], "{method} {path} as {}: {}", role.name(), answer.body);
        }
        let currency = room.json("PUT", "/admin/settings", &token, json!({"currency": "USD"})).await;
        assert_eq!(currency.status, if role.is_owner() { 200 } else { 403 });
        room.json("PUT", "/admin/settings", &token, json!({"currency": "EUR"})).await;
    }
    for (method, path, _) in cases {
        let request = Request::builder().method(method).uri(path).header("accept", "application/json");
        let answer = room.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "unauthorized"), "{path}");
    }
    let anywhere = room.json("GET", "/legal/terms", "petstar_wrong", json!({})).await;
    assert_eq!(anywhere.status, StatusCode::UNAUTHORIZED, "an invalid token is told on every route");
}

#[tokio::test]
async fn staff_and_tokens_in_the_panel() {
    let room = Room::open();
    let owner = room.owner().await;
    let ken = [("name", "Ken"), ("email", "ken@example.jp"), ("role", "printer"), ("password", "long enough")];
    assert_eq!(room.form("/admin/staff", &owner, &ken).await.location(), "/admin/staff");
    let again = room.form("/admin/staff", &owner, &ken).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body.contains("an account with this address already") && again.body.contains(r#"value="Ken""#));
    let rows = staff::all(&room.shop.store().read().unwrap()).unwrap();
    let (mika, ken) = (&rows[0], &rows[1]);
    let path = format!("/admin/staff/{}?_method=PUT", ken.id);
    let locked = room.form(&path, &owner, &[("version", "1"), ("disabled", "off"), ("disabled", "on")]).await;
    assert_eq!(locked.location(), "/admin/staff");
    let log_in = room.form("/admin/login", "", &[("email", "ken@example.jp"), ("password", "long enough")]).await;
    assert_eq!(log_in.status, StatusCode::UNAUTHORIZED, "a locked account does not open");
    let path = format!("/admin/staff/{}?_method=PUT", mika.id);
    let last = room.form(&path, &owner, &[("role", "viewer")]).await;
    assert_eq!(last.status, StatusCode::CONFLICT);
    assert!(last.body.contains("only owner"));

    let made = room.form("/admin/tokens", &owner, &[("name", "label printer"), ("role", "printer")]).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let text = made.body.split("petstar_").nth(1).unwrap().get(..43).unwrap();
    let token = format!("petstar_{text}");
    assert_eq!(room.json("GET", "/admin/mails", &token, json!({})).await.status, StatusCode::FORBIDDEN);
    let list = room.get("/admin/tokens", &owner).await;
    assert!(list.body.contains("label printer") && !list.body.contains(text), "shown once");
    let id = tokens::all(&room.shop.store().read().unwrap()).unwrap()[0].id;
    room.form(&format!("/admin/tokens/{id}?_method=DELETE"), &owner, &[]).await;
    assert_eq!(room.json("GET", "/admin/mails", &token, json!({})).await.status, StatusCode::UNAUTHORIZED);

    let wrong = [("password", "not mine"), ("new_password", "battery staple")];
    assert_eq!(room.form("/admin/account?_method=PUT", &owner, &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = [("password", "correct horse"), ("new_password", "battery staple")];
    let changed = room.form("/admin/account?_method=PUT", &owner, &right).await;
    assert_eq!(room.get("/admin/account", &owner).await.status, StatusCode::SEE_OTHER, "other devices are out");
    let owner = changed.cookie(cookie::STAFF).unwrap();
    for path in ["/admin/account", "/admin/staff", "/admin/tokens", "/admin/audit", "/admin/mails", "/admin/login"] {
        for lang in ["en", "ja"] {
            let page = room.get(&format!("{path}?lang={lang}"), &owner).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            assert!(!page.body.contains("people."), "words are missing on {path} in {lang}: {}", page.body);
        }
    }
    for section in settings::web::SECTIONS {
        let page = room.get(&format!("/admin/settings?section={section}&lang=ja"), &owner).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("people."), "{section}: {}", page.body);
    }
}

#[tokio::test]
async fn a_mistake_in_the_settings_keeps_what_was_typed() {
    let room = Room::open();
    let owner = room.owner().await;
    let fields = [
        ("section", "shipping"),
        ("next", "/admin/settings?section=shipping&saved=yes"),
        ("shipping.home_fee", "a lot"),
        ("shipping.region_fees", "北海道 = 950"),
    ];
    let page = room.form("/admin/settings?_method=PUT", &owner, &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in [r##"href="#shipping.home_fee""##, r#"value="a lot""#, "北海道 = 950", r#"aria-invalid="true""#] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    assert_eq!(room.shop.settings().shipping.home_fee, 600);
    let token = room.token(Role::Manager).await;
    let refused = room.json("PUT", "/admin/settings", &token, json!({"shipping": {"home_fee": -1}})).await;
    assert_eq!(refused.json()["errors"][0]["field"], "shipping.home_fee");
    let taken = room.json("PUT", "/admin/settings", &token, json!({"shipping": {"home_fee": 700}})).await.json();
    assert_eq!((&taken["shipping"]["home_fee"], &taken["version"]), (&json!(700), &json!(1)));
    assert!(taken["missing"].as_array().unwrap().contains(&json!("legal_terms")));
}

#[tokio::test]
async fn a_link_in_a_mail_opens_the_orders_of_an_address() {
    let room = Room::open();
    let now = room.shop.now();
    room.shop.store().write(move |tx| customers::remember(tx, "Mika@Example.jp", now)).await.unwrap();
    let known = room.form("/sign-in", "", &[("email", "mika@example.jp")]).await;
    let unknown = room.form("/sign-in", "", &[("email", "ken@example.jp")]).await;
    assert_eq!(known.status, StatusCode::OK);
    assert_eq!(known.body.replace("mika@", "ken@"), unknown.body, "a known and an unknown address look the same");
    assert_eq!(room.form("/sign-in", "", &[("email", "nobody")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mails = mails::list(&room.shop.store().read().unwrap(), None, None, None, 9).unwrap();
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["mika@example.jp"]);
    let path = mails[0].text.lines().find_map(|line| line.split_once("8080/sign-in")).unwrap().1;
    let path = format!("/sign-in{path}");

    let device = known.cookie(cookie::SESSION).unwrap();
    let session = cookie::Session::read(device.split_once('=').unwrap().1, room.shop.cookie_key()).unwrap().id;
    let proven = |session: SessionId| customers::proven_emails(&room.shop.store().read().unwrap(), session).unwrap();
    let elsewhere = room.get(&path, "").await;
    assert_eq!(
        elsewhere.status,
        StatusCode::OK,
        "on another device a button waits, so that mail scanners open nothing"
    );
    assert!(elsewhere.body.contains("mika@example.jp"));
    let head = Request::head(&path).header("cookie", &device).body(Body::empty()).unwrap();
    room.send(head).await;
    assert!(proven(session).is_empty());
    let opened = room.get(&path, &device).await;
    assert_eq!((opened.status, opened.location()), (StatusCode::SEE_OTHER, "/orders"));
    assert_eq!(proven(session), ["mika@example.jp"]);
    let again = room.get(&path, &device).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert!(again.body.contains("used already"));
    assert!(room.get("/sign-in", &device).await.body.contains("shows the orders of mika@example.jp"));
    room.form("/sign-out", &device, &[]).await;
    assert!(proven(session).is_empty());

    room.form("/sign-in", &device, &[("email", "mika@example.jp")]).await;
    let mails = mails::list(&room.shop.store().read().unwrap(), None, None, None, 9).unwrap();
    let token = mails[0].text.lines().find_map(|line| line.split_once("token=")).unwrap().1;
    let pressed = room.form("/sign-in", "", &[("token", token)]).await;
    assert_eq!((pressed.status, pressed.location()), (StatusCode::SEE_OTHER, "/orders"));

    for _ in 0..9 {
        let shop = room.shop.clone();
        let ask = move |tx: &crate::store::WriteTx| {
            customers::ask_for_link(tx, &shop, "mika@example.jp", session, crate::kernel::Lang::Ja, now)
        };
        room.shop.store().write(ask).await.unwrap();
    }
    assert_eq!(mails::list(&room.shop.store().read().unwrap(), None, None, None, 50).unwrap().len(), 5, "no flood");
    let token = room.token(Role::Viewer).await;
    let shown = room.json("GET", &format!("/admin/mails/{}", mails[0].id), &token, json!({})).await.json();
    assert_eq!(shown["text"], Value::Null, "staff cannot open a customer's orders by his link");
}

#[tokio::test]
async fn the_language_is_remembered_and_leads_back() {
    let room = Room::open();
    let form = |headers: &[(&str, &str)], body: &str| {
        let mut request = Request::post("/language").header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::from(body.to_owned())).unwrap()
    };
    let chosen = room.send(form(&[("host", "shop"), ("referer", "http://shop/legal/terms?lang=en")], "lang=ja")).await;
    assert_eq!(chosen.location(), "/legal/terms");
    let who = chosen.cookie(cookie::SESSION).unwrap();
    assert!(room.get("/sign-in", &who).await.body.contains("注文を探す"));
    let away = room.send(form(&[("host", "shop"), ("referer", "http://evil/x")], "lang=en&next=//evil")).await;
    assert_eq!(away.location(), "/");
    assert_eq!(room.send(form(&[], "lang=fr")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_goes_out_with_its_cause_and_once() {
    let room = Room::open();
    let shop = room.shop.clone();
    let clock = shop.clock().clone();
    let handlers = handlers(&shop, Handlers::new()).unwrap();
    let lanes = LaneSizes { quick: 1, heavy: 1 };
    let runtime = tokio::runtime::Handle::current();
    let queue = Queue::start(shop.store().clone(), move || clock.now(), handlers, lanes, runtime).unwrap();
    let owner = room.owner().await;
    let order = Uuid::from_u128(5);
    let new = |id: u128| mails::NewMail {
        id: Uuid::from_u128(id),
        kind: "order_paid",
        key: "order:5:paid:1".into(),
        to: "ken@example.jp".into(),
        lang: crate::kernel::Lang::En,
        subject: "Thank you".into(),
        text: "Thank you, Ken.".into(),
        html: "<p>Thank you, Ken.</p>".into(),
        order_id: Some(order),
        now: room.shop.now(),
    };
    let (first, second, poster) = (new(1), new(2), shop.clone());
    let ids = shop.store().write(move |tx| -> Result<_, Fault> {
        Ok((mails::post(tx, &poster, first)?, mails::post(tx, &poster, second)?))
    });
    let (id, again) = ids.await.unwrap();
    assert_eq!(id, again, "the same key posts nothing");
    let row = || mails::find(&room.shop.store().read().unwrap(), id).unwrap().unwrap();
    let sent = |attempts: u32| {
        let row = &row;
        async move {
            for _ in 0..200 {
                if row().state == mails::MailState::Sent && row().attempts == attempts {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            panic!("not sent: {:?}", row());
        }
    };
    sent(1).await;
    let files = || std::fs::read_dir(room.folder.path().join("data/outbox")).unwrap().count();
    assert_eq!(files(), 1);
    let before = row().message_id;
    let resent = room.form(&format!("/admin/mails/{id}/resend"), &owner, &[]).await;
    assert_eq!(resent.location(), "/admin/mails");
    sent(2).await;
    assert_ne!(row().message_id, before, "what was taken once is shown again only under a new name");
    assert_eq!(files(), 2);
    assert_eq!(mails::of_order(&room.shop.store().read().unwrap(), order).unwrap().len(), 1);

    let test = room.form("/admin/mails/test", &owner, &[("next", "/admin/setup?step=mail")]).await;
    assert_eq!(test.location(), "/admin/setup?step=mail");
    let token = room.token(Role::Owner).await;
    let list = room.json("GET", "/admin/mails?limit=1", &token, json!({})).await.json();
    assert_eq!(list["items"][0]["to"], "mika@example.jp");
    let next = format!("/admin/mails?after={}", list["next"].as_str().unwrap());
    let item = room.json("GET", &next, &token, json!({})).await.json()["items"][0].clone();
    assert_eq!(
        (&item["kind"], &item["status"], &item["order_id"]),
        (&json!("order_paid"), &json!("sent"), &json!(order))
    );
    assert!(room.get(&format!("/admin/mails/{id}"), &owner).await.body.contains("Thank you, Ken."));
    let last = audit::list(&room.shop.store().read().unwrap(), None, 9).unwrap();
    assert!(last.iter().any(|entry| entry.action == "mail.resent" && entry.actor == "Mika"));
    assert!(queue.stop(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn commands_for_when_nobody_can_log_in() {
    let room = Room::open();
    room.owner().await;
    let text = commands::list_staff(&room.shop).unwrap();
    assert!(text.starts_with("mika@example.jp  owner") && text.contains("Mika"), "{text}");
    assert!(commands::reset_password(&room.shop, "ken@example.jp", "long enough").await.is_err());
    assert!(commands::reset_password(&room.shop, "mika@example.jp", "short").await.is_err());
    commands::reset_password(&room.shop, "mika@example.jp", "battery staple").await.unwrap();
    let log_in = room.form("/admin/login", "", &[("email", "mika@example.jp"), ("password", "battery staple")]).await;
    assert_eq!(log_in.status, StatusCode::SEE_OTHER);
    let entries = audit::list(&room.shop.store().read().unwrap(), None, 9).unwrap();
    assert!(entries.iter().any(|entry| entry.actor == "command line" && entry.action == "staff.password_reset"));
}

#[test]
fn only_paths_of_this_site_are_gone_to() {
    for good in ["/", "/orders?x=1#y", "/admin/setup?step=mail"] {
        assert_eq!(own_path(Some(good)), Some(good));
    }
    for bad in ["", "orders", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/ b", "/é"] {
        assert_eq!(own_path(Some(bad)), None, "{bad}");
    }
    assert_eq!(own_path(None), None);
}
