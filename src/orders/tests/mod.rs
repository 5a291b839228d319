//! The room behind its real layers, over a real store and the starter catalogue, asked as browsers and scripts ask.

mod coupons;
mod customers;
mod disputes;
mod documents;
mod money;
mod staff;
mod stock;

use super::basket;
use super::model::{Order, OrderId};
use crate::config::{Config, Overrides};
use crate::kernel::{Moment, Result as KernelResult};
use crate::people::{self, commands};
use crate::shop::Shop;
use crate::shop::clock::Clock;
use crate::store::WriteTx;
use crate::web::{Kit, Role, SessionId, cookie, method};
use crate::{catalog, designs};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, header};
use axum::middleware::from_fn_with_state;
use serde_json::{Value, json};
use std::path::Path;
use tower::ServiceExt;
use tower::util::MapRequest;
use uuid::Uuid;

const NOON: &str = "2026-05-01T12:00:00Z";

struct Room {
    shop: Shop,
    app: MapRequest<Router, fn(axum::extract::Request) -> axum::extract::Request>,
    clock: Clock,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    head: Response<()>,
    body: String,
}

impl Answer {
    fn location(&self) -> &str {
        self.head.headers().get(header::LOCATION).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    #[track_caller]
    fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.json()
    }

    #[track_caller]
    fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{problem}");
        problem
    }

    /// The names of the fields a 422 complains about.
    #[track_caller]
    fn fields(&self) -> Vec<String> {
        let problem = self.refused(422, "invalid_input");
        let errors = problem["errors"].as_array().unwrap();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    /// A page that is whole: its words are all there.
    #[track_caller]
    fn page(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.body);
        for missing in [">orders.", "\"orders.", " orders.", ">web.", ">people.", ">designs."] {
            assert!(!self.body.contains(missing), "words are missing: {missing} in {}", self.body);
        }
        &self.body
    }
}

/// Somebody with a browser, or a script with a token.
#[derive(Clone)]
struct Visitor(Vec<(&'static str, String)>);

impl Visitor {
    fn session(&self, room: &Room) -> SessionId {
        let text = &self.0[0].1;
        cookie::Session::read(text.split_once('=').unwrap().1, room.shop.cookie_key()).unwrap().id
    }
}

impl Room {
    fn open() -> Room {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides { listen: None, data_dir: Some(folder.path().join("data")) };
        let config = Config::load(Path::new("no such file"), false, std::iter::empty(), &overrides).unwrap();
        let clock = Clock::fixed(Moment::parse(NOON).unwrap());
        let shop = Shop::open(config, clock.clone(), "petstar".into()).unwrap();
        catalog::start(&shop).unwrap();
        let all = super::routes().merge(catalog::routes()).merge(designs::routes()).merge(people::routes());
        let (routes, _) = all.split_for_parts();
        let routes = routes.layer(from_fn_with_state(shop.clone(), basket::count_lines));
        let layered = Kit::new(shop.clone()).wrap(routes, |router| people::identify(router, shop.clone()));
        Room { app: MapRequest::new(layered, method::override_from_query), shop, clock, _folder: folder }
    }

    /// A customer with a session of their own.
    fn customer(&self) -> Visitor {
        let session = cookie::Session { id: SessionId(Uuid::now_v7()), lang: None };
        Visitor(vec![("cookie", format!("{}={}", cookie::SESSION, session.write(self.shop.cookie_key())))])
    }

    /// Somebody without a session.
    fn stranger(&self) -> Visitor {
        Visitor(Vec::new())
    }

    async fn staff(&self, role: Role) -> Visitor {
        let token = commands::add_token(&self.shop, role.name(), role).await.unwrap();
        Visitor(vec![("authorization", format!("Bearer {token}"))])
    }

    async fn ask(&self, method: &str, path: &str, who: &Visitor, kind: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in who.0.iter().map(|(name, value)| (*name, value.as_str())).chain(kind.iter().copied()) {
            request = request.header(name, value);
        }
        let response = self.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(to_bytes(body, 1 << 22).await.unwrap().to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), head: Response::from_parts(parts, ()), body }
    }

    async fn get(&self, path: &str, who: &Visitor) -> Answer {
        self.ask("GET", path, who, &[("accept", "application/json")], String::new()).await
    }

    async fn look(&self, path: &str, who: &Visitor, lang: &str) -> Answer {
        self.ask("GET", path, who, &[("accept", "text/html"), ("accept-language", lang)], String::new()).await
    }

    async fn send(&self, method: &str, path: &str, who: &Visitor, body: Value) -> Answer {
        let kind = [("accept", "application/json"), ("content-type", "application/json")];
        self.ask(method, path, who, &kind, body.to_string()).await
    }

    async fn form(&self, path: &str, who: &Visitor, fields: &[(&str, &str)]) -> Answer {
        let kind = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        self.ask("POST", path, who, &kind, serde_urlencoded::to_string(fields).unwrap()).await
    }

    /// A tag with a name on it: the piece of the starter catalogue that needs no photo.
    async fn tag(&self, who: &Visitor, name: &str) -> Value {
        let product = self.get("/products/round-tag", who).await.ok();
        let body = json!({"product_id": product["id"], "params": {"name": name, "phone": "090-1234-5678"}});
        self.send("POST", "/designs", who, body).await.ok()
    }

    /// A draft for `quantity` of a new tag.
    async fn draft(&self, who: &Visitor, quantity: u32) -> Value {
        let tag = self.tag(who, "Chelsea").await;
        self.send("POST", "/orders", who, order_for(&tag, quantity)).await.ok()
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTx, &Shop) -> KernelResult<T> + Send + 'static,
    ) -> KernelResult<T> {
        let shop = self.shop.clone();
        self.shop.store().write(move |tx| work(tx, &shop)).await
    }

    fn order(&self, id: OrderId) -> Order {
        super::find(&self.shop.store().read().unwrap(), id).unwrap().unwrap()
    }
}

fn id_of(order: &Value) -> OrderId {
    order["id"].as_str().unwrap().parse().unwrap()
}

fn address() -> Value {
    json!({
        "name": "佐藤 美香", "postal_code": "6048005", "country": "JP", "region": "京都府",
        "city": "京都市中京区", "line1": "恵比須町427", "line2": "", "phone": "090-1234-5678"
    })
}

fn order_for(design: &Value, quantity: u32) -> Value {
    json!({
        "lines": [{"design_id": design["id"], "quantity": quantity}],
        "email": "mika@example.jp",
        "shipping_address": address(),
    })
}
