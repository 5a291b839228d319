//! The other side of a payment: a server that speaks Stripe's language, known to the tests only by what Stripe's API says and what its
//! payment page shows, and to the shop through a proxy that can break every exchange.
//!
//! By default it is the stand-in. `PETSTAR_TEST_STRIPE_BASE`, `…_KEY` and `…_WEBHOOK_SECRET` name another one; its payment page has forms
//! with buttons of the same ids (`pay`, `decline`, `konbini`, and on the voucher's page `paid-at-store` and `let-expire`).

use super::proxy::Proxy;
use super::{START, TestShop, Visitor};
use petstar::kernel::{Currency, Moment, Money};
use petstar::shop::clock::Clock;
use petstar::stripe::sandbox::{Faults, Sandbox, SandboxConfig, Secrets};
use petstar::stripe::{EventsFrom, NewRefund, Session, Stripe, StripeConfig};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;

pub struct OtherSide {
    /// Goes past the proxy, so that what a test looks at is not broken.
    pub stripe: Stripe,
    pub webhook_secret: String,
    /// By which shop and stand-in go. With another server it begins at the present time.
    pub clock: Clock,
    base: String,
    key: String,
    proxy: Proxy,
    /// Nothing before it is this test's.
    since: Moment,
    /// The stand-in and its books.
    own: Option<(Sandbox, TempDir)>,
}

/// A key of the environment, for this one purpose.
fn named(name: &str) -> Option<String> {
    std::env::var(format!("PETSTAR_TEST_STRIPE_{name}")).ok().filter(|value| !value.is_empty())
}

impl OtherSide {
    pub async fn start() -> OtherSide {
        let (base, secrets, clock, own) = match named("BASE") {
            Some(base) => {
                let need = |name: &str| named(name).unwrap_or_else(|| panic!("PETSTAR_TEST_STRIPE_{name} is missing"));
                let secrets = Secrets { secret_key: need("KEY"), webhook_secret: need("WEBHOOK_SECRET") };
                (base, secrets, Clock::fixed(Clock::System.now()), None)
            }
            None => {
                let (clock, books) = (Clock::fixed(START), tempfile::tempdir().expect("a temporary folder"));
                let secrets = Secrets::random().expect("random secrets");
                let hands = clock.clone();
                let address = "127.0.0.1:0".parse().expect("an address");
                let config =
                    SandboxConfig::new(address, books.path().join("stripe.jsonl"), secrets.clone(), move || {
                        hands.now()
                    });
                let sandbox = Sandbox::start(config).await.expect("the stand-in starts");
                (sandbox.base().to_owned(), secrets, clock, Some((sandbox, books)))
            }
        };
        let config = StripeConfig { api_base: base.clone(), ..StripeConfig::new(&secrets.secret_key) };
        OtherSide {
            stripe: Stripe::new(config).expect("a key and an address"),
            webhook_secret: secrets.webhook_secret,
            since: clock.now().plus_seconds(-60),
            clock,
            key: secrets.secret_key,
            proxy: Proxy::start(&base).await,
            base,
            own,
        }
    }

    /// What goes wrong between the shop and this side.
    pub fn faults(&self) -> &Faults {
        &self.proxy.faults
    }

    /// A shop that pays here, with this much patience, and hears of nothing but what the test delivers.
    pub async fn shop(&self, patience: Option<Duration>, settings: &[(&str, &str)]) -> TestShop {
        let base = format!("http://{}", self.proxy.address);
        let own = [
            ("PETSTAR_STRIPE__SECRET_KEY", self.key.as_str()),
            ("PETSTAR_STRIPE__WEBHOOK_SECRET", &self.webhook_secret),
            ("PETSTAR_STRIPE__API_BASE", &base),
        ];
        let settings = [settings, &own[..]].concat();
        TestShop::open_quiet(self.clock.clone(), &settings, patience).await
    }

    /// Every event since the beginning of the test, oldest first, as it is sent.
    pub async fn events(&self) -> Vec<Value> {
        let batch = self.stripe.events_since(&EventsFrom::Moment(self.since), &[]).await.expect("the list of events");
        batch.events.iter().map(|(_, body)| serde_json::from_str(body).expect("JSON")).collect()
    }

    pub async fn sessions(&self) -> Vec<Session> {
        self.stripe.sessions_since(self.since).await.expect("the list of sessions")
    }

    /// What the lines of a session come to, as its payment page shows them.
    pub async fn line_items(&self, session: &str) -> Vec<i64> {
        let stripe = Visitor::new(self.base.clone()).with_token(&self.key);
        let list = stripe.get(&format!("/v1/checkout/sessions/{session}/line_items?limit=100")).await.ok();
        let items = list["data"].as_array().expect("a list");
        items.iter().map(|item| item["amount_total"].as_i64().expect("an amount")).collect()
    }

    /// Presses a button of a session's payment page.
    pub async fn press(&self, session: &str, button: &str) {
        let page = self.stripe.session(session).await.expect("the session").url.expect("a page while it is open");
        press(&page, button).await;
    }

    /// Presses a button of the page that tells the number for the convenience store.
    pub async fn press_at_store(&self, session: &str, button: &str) {
        let session = self.stripe.session(session).await.expect("the session");
        let voucher = session.intent.and_then(|intent| intent.voucher).expect("a voucher");
        press(&voucher.url.expect("its page"), button).await;
    }

    /// Gives back a part of a session's money, as from the dashboard.
    pub async fn refund(&self, session: &str, amount: i64) {
        let session = self.stripe.session(session).await.expect("the session");
        let currency: Currency = session.currency.expect("a currency").parse().expect("a currency");
        let new = NewRefund {
            payment_intent: session.payment_intent.expect("an intent"),
            amount: Money::new(amount, currency),
            metadata: BTreeMap::new(),
        };
        self.stripe.create_refund(&new, &format!("test-{}-{amount}", session.id)).await.expect("the refund");
    }

    /// Closes a page, as from the dashboard.
    pub async fn close(&self, session: &str) {
        self.stripe.expire_session(session, &format!("test-{session}")).await.expect("the page is closed");
    }

    pub async fn stop(self) {
        if let Some((sandbox, _)) = self.own {
            sandbox.stop().await;
        }
    }
}

/// Opens a page and sends the form in which a button stands, as a browser does.
async fn press(page: &str, button: &str) {
    let (scheme, rest) = page.split_once("://").expect("an address");
    let browser = Visitor::new(format!("{scheme}://{}", rest.split('/').next().unwrap_or_default())).browsing();
    let html = browser.get(page).await.text();
    let at = html.find(&format!("id=\"{button}\"")).unwrap_or_else(|| panic!("no button “{button}” on {html}"));
    let form = &html[html[..at].rfind("<form").expect("its form")..];
    let form = &form[..form.find("</form>").expect("the form's end")];
    let attribute = |text: &str, name: &str| {
        let value = text.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        Some(value.replace("&amp;", "&").replace("&quot;", "\""))
    };
    let hidden: Vec<(String, String)> = form
        .split("<input")
        .skip(1)
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default())))
        .collect();
    let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let action = attribute(form, "action").unwrap_or_else(|| page.to_owned());
    let answer = browser.form(&action, &fields).await;
    assert!((200..400).contains(&answer.status), "“{button}” was not taken: {} {}", answer.status, answer.text());
}
