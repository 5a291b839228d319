//! The calls the shop makes. Each is one request, repeated only with the same bytes and the caller's stored `Idempotency-Key`.

use super::error::{Again, Failed, StripeError, read_answer};
use super::event::Event;
use super::object::{Dispute, PaymentIntent, Refund, Session, flag, text};
use super::session::NewSession;
use super::wire::{Answer, Wire};
use crate::kernel::{Fault, Moment, Money, moment::days_from_civil};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::{fmt, time::Duration};
use stripe_checkout::checkout_session::{ExpireCheckoutSession, ListCheckoutSession, RetrieveCheckoutSession};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::refund::{CreateRefund, ListRefund, RetrieveRefund};
use stripe_types::RangeQueryTs;

/// The version of Stripe's API whose shapes our requests have. Sent with every call, so that the account's own version does not matter.
pub const API_VERSION: &str = "2026-09-30.endive";

/// The events that can move an order. The webhook endpoint should be subscribed to all of them.
pub const WANTED_EVENTS: &[&str] = &[
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.canceled",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.closed",
];

/// A list is read page by page; this many pages of 100 mean that something is wrong.
const MAX_PAGES: usize = 200;

/// How Stripe is reached. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct StripeConfig {
    pub secret_key: String,
    /// `https://api.stripe.com`, the sandbox's address, or a test server's.
    pub api_base: String,
    /// For one try, from the first byte sent to the last one read.
    pub timeout: Duration,
    /// Tries of one call while somebody waits.
    pub tries: u32,
    /// Before the second try; three times as long before each further one, with jitter.
    pub first_delay: Duration,
}

impl StripeConfig {
    pub fn new(secret_key: impl Into<String>) -> Self {
        Self {
            secret_key: secret_key.into(),
            api_base: "https://api.stripe.com".to_owned(),
            timeout: Duration::from_secs(10),
            tries: 3,
            first_delay: Duration::from_millis(300),
        }
    }

    pub fn with_api_base(mut self, api_base: impl Into<String>) -> Self {
        self.api_base = api_base.into();
        self
    }
}

impl fmt::Debug for StripeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeConfig").field("api_base", &self.api_base).finish_non_exhaustive()
    }
}

/// Real money or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Live,
    Test,
}

/// A client for one account. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Stripe {
    wire: Wire,
    /// Without a slash at the end.
    api_base: String,
    authorization: HeaderValue,
    mode: Mode,
    timeout: Duration,
    tries: u32,
    first_delay: Duration,
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("api_base", &self.api_base).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// Money to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefund {
    pub payment_intent: String,
    pub amount: Money,
    /// At least the order's and the refund's id; the staff's reason.
    pub metadata: BTreeMap<String, String>,
}

/// Where to begin reading Stripe's list of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsFrom {
    /// Everything that happened at this moment or later. Stripe keeps 30 days.
    Moment(Moment),
    /// Everything listed after this event. `StripeError::is_missing` when Stripe no longer knows it.
    Event(String),
}

/// Events, oldest first, each with its JSON as it would have come in a webhook's body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventBatch {
    pub events: Vec<(Event, String)>,
    /// There are later ones: ask again from the last one here.
    pub more: bool,
}

/// What a reach check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    pub livemode: bool,
    /// Stripe's clock (to the second), by which ours can be checked.
    pub stripe_time: Option<Moment>,
    pub request_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    pub id: String,
    pub url: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// Event names, or `*`.
    pub enabled_events: Vec<String>,
    pub api_version: Option<String>,
}

impl WebhookEndpoint {
    /// Those of [`WANTED_EVENTS`] that are not sent to this endpoint.
    pub fn missing_events(&self) -> Vec<&'static str> {
        let has = |wanted: &str| self.enabled_events.iter().any(|name| name == "*" || name == wanted);
        WANTED_EVENTS.iter().copied().filter(|wanted| !has(wanted)).collect()
    }
}

impl Stripe {
    /// # Errors
    /// The address or the key is not one that can be sent.
    pub fn new(config: StripeConfig) -> Result<Stripe, Fault> {
        let api_base = config.api_base.trim_end_matches('/').to_owned();
        let uri: Uri = api_base.parse().map_err(|_| Fault::Remote("stripe.api_base is no address".to_owned()))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(Fault::Remote("stripe.api_base must begin with https:// or http://".to_owned()));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", config.secret_key.trim()))
            .map_err(|_| Fault::Remote("stripe.secret_key holds characters that no key has".to_owned()))?;
        authorization.set_sensitive(true);
        let live = ["sk_live_", "rk_live_"].iter().any(|prefix| config.secret_key.trim().starts_with(prefix));
        let near = matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if live && uri.scheme_str() == Some("http") && !near {
            return Err(Fault::Remote("a live key is only sent over https; change stripe.api_base".to_owned()));
        }
        Ok(Stripe {
            wire: Wire::new(),
            api_base,
            authorization,
            mode: if live { Mode::Live } else { Mode::Test },
            timeout: config.timeout,
            tries: config.tries.max(1),
            first_delay: config.first_delay,
        })
    }

    /// By the key's prefix.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The same client with one try a call, for jobs: the queue repeats those with a longer breath.
    pub fn once(&self) -> Stripe {
        Stripe { tries: 1, ..self.clone() }
    }

    /// Makes the session in which an order is paid. The answer has a `url`.
    ///
    /// # Errors
    /// See [`StripeError`]; status 0 when the session is wrong in itself, for example when its lines do not add up.
    pub async fn create_session(&self, new: &NewSession, idempotency_key: &str) -> Result<Session, StripeError> {
        self.write(new.request()?.build(), idempotency_key, Session::read).await
    }

    /// A session as it is now, with its payment intent and the intent's latest charge.
    pub async fn session(&self, id: &str) -> Result<Session, StripeError> {
        let request = RetrieveCheckoutSession::new(checked(id)?)
            .expand(vec!["payment_intent".to_owned(), "payment_intent.latest_charge".to_owned()]);
        self.read(request.build(), Session::read).await
    }

    /// Closes an open session for good. A complete or expired one is refused: read it then.
    pub async fn expire_session(&self, id: &str, idempotency_key: &str) -> Result<Session, StripeError> {
        self.write(ExpireCheckoutSession::new(checked(id)?).build(), idempotency_key, Session::read).await
    }

    /// Every session made at `from` or later, oldest first.
    pub async fn sessions_since(&self, from: Moment) -> Result<Vec<Session>, StripeError> {
        let newest_first = self
            .pages(|last| {
                let mut request =
                    ListCheckoutSession::new().limit(100i64).created(RangeQueryTs::gte(from.unix_seconds()));
                if let Some(last) = last {
                    request = request.starting_after(last);
                }
                request.build()
            })
            .await?;
        Ok(newest_first.iter().rev().filter_map(Session::read).collect())
    }

    /// The sessions that a payment intent belongs to: one, as a rule; none of an intent that this key does not know.
    pub async fn sessions_of(&self, payment_intent: &str) -> Result<Vec<Session>, StripeError> {
        let mut request = RequestBuilder::new(StripeMethod::Get, "/checkout/sessions");
        request.query = Some(query(&[("limit", "100"), ("payment_intent", checked(payment_intent)?)]));
        match self.call(request, None).await {
            Ok(page) => Ok(items(&page).iter().filter_map(Session::read).collect()),
            Err(error) if error.is_missing() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// A payment intent as it is now, with its latest charge.
    pub async fn payment_intent(&self, id: &str) -> Result<PaymentIntent, StripeError> {
        let mut request = RequestBuilder::new(StripeMethod::Get, format!("/payment_intents/{}", checked(id)?));
        request.query = Some(query(&[("expand[0]", "latest_charge")]));
        self.read(request, PaymentIntent::read).await
    }

    /// Events of these types (all, when empty; at most 20), oldest first. One of no readable identity is left out.
    pub async fn events_since(&self, from: &EventsFrom, types: &[&str]) -> Result<EventBatch, StripeError> {
        let wanted: Vec<(String, &str)> =
            types.iter().enumerate().map(|(at, name)| (format!("types[{at}]"), *name)).collect();
        let request = |position: &[(&str, &str)]| {
            let mut pairs = vec![("limit", "100")];
            pairs.extend(wanted.iter().map(|(name, value)| (name.as_str(), *value)));
            pairs.extend(position);
            let mut request = RequestBuilder::new(StripeMethod::Get, "/events");
            request.query = Some(query(&pairs));
            request
        };
        // The list is newest first. Before a known event it can be walked towards the present a page at a time; from a moment only
        // backwards from the present, so that all pages are needed.
        let (newest_first, more) = match from {
            EventsFrom::Event(id) => {
                let page = self.call(request(&[("ending_before", checked(id)?)]), None).await?;
                (items(&page), flag(&page, "has_more"))
            }
            EventsFrom::Moment(moment) => {
                let seconds = moment.unix_seconds().to_string();
                let all = self
                    .pages(|last| match &last {
                        None => request(&[("created[gte]", &seconds)]),
                        Some(last) => request(&[("created[gte]", &seconds), ("starting_after", last)]),
                    })
                    .await?;
                (all, false)
            }
        };
        let events =
            newest_first.iter().rev().filter_map(|value| Some((Event::read(value).ok()?, value.to_string()))).collect();
        Ok(EventBatch { events, more })
    }

    /// Gives money back. A refund under way with this key is answered again, not made twice.
    pub async fn create_refund(&self, new: &NewRefund, idempotency_key: &str) -> Result<Refund, StripeError> {
        // The currency is the intent's own; Stripe takes none here.
        let mut request = CreateRefund::new().payment_intent(checked(&new.payment_intent)?).amount(new.amount.minor);
        // An empty map would be sent as `metadata=`, which means "take all metadata away".
        if !new.metadata.is_empty() {
            request = request.metadata(new.metadata.clone().into_iter().collect::<HashMap<_, _>>());
        }
        self.write(request.build(), idempotency_key, Refund::read).await
    }

    pub async fn refund(&self, id: &str) -> Result<Refund, StripeError> {
        self.read(RetrieveRefund::new(checked(id)?).build(), Refund::read).await
    }

    /// Every refund of a payment intent, also those made in Stripe's dashboard; oldest first.
    pub async fn refunds(&self, payment_intent: &str) -> Result<Vec<Refund>, StripeError> {
        let intent = checked(payment_intent)?;
        let newest_first = self
            .pages(|last| {
                let mut request = ListRefund::new().limit(100i64).payment_intent(intent);
                if let Some(last) = last {
                    request = request.starting_after(last);
                }
                request.build()
            })
            .await?;
        Ok(newest_first.iter().rev().filter_map(Refund::read).collect())
    }

    /// The disputes of a payment intent, oldest first.
    pub async fn disputes(&self, payment_intent: &str) -> Result<Vec<Dispute>, StripeError> {
        let intent = checked(payment_intent)?;
        let newest_first = self
            .pages(|last| {
                let mut pairs = vec![("limit", "100"), ("payment_intent", intent)];
                pairs.extend(last.as_deref().map(|last| ("starting_after", last)));
                let mut request = RequestBuilder::new(StripeMethod::Get, "/disputes");
                request.query = Some(query(&pairs));
                request
            })
            .await?;
        Ok(newest_first.iter().rev().filter_map(Dispute::read).collect())
    }

    /// Does Stripe answer, and does it take our key? Reads the account's balance and shows nothing of it.
    pub async fn reach(&self) -> Result<Reach, StripeError> {
        let (answer, value) = self.call_whole(&RequestBuilder::new(StripeMethod::Get, "/balance"), None).await?;
        Ok(Reach {
            livemode: flag(&value, "livemode"),
            stripe_time: answer.header("date").and_then(http_date),
            request_id: answer.header("request-id").map(str::to_owned),
        })
    }

    pub async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, StripeError> {
        let all = self
            .pages(|last| {
                let mut pairs = vec![("limit", "100")];
                pairs.extend(last.as_deref().map(|last| ("starting_after", last)));
                let mut request = RequestBuilder::new(StripeMethod::Get, "/webhook_endpoints");
                request.query = Some(query(&pairs));
                request
            })
            .await?;
        let read = |value: &Value| {
            let events = value.get("enabled_events").and_then(Value::as_array).into_iter().flatten();
            Some(WebhookEndpoint {
                id: text(value, "id")?,
                url: text(value, "url")?,
                status: text(value, "status").unwrap_or_default(),
                enabled_events: events.filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
                api_version: text(value, "api_version"),
            })
        };
        Ok(all.iter().filter_map(read).collect())
    }

    async fn read<T>(&self, request: RequestBuilder, read: fn(&Value) -> Option<T>) -> Result<T, StripeError> {
        let value = self.call(request, None).await?;
        read(&value).ok_or_else(|| StripeError::Unreadable("the object has no id".to_owned()))
    }

    async fn write<T>(
        &self,
        request: RequestBuilder,
        key: &str,
        read: fn(&Value) -> Option<T>,
    ) -> Result<T, StripeError> {
        let value = self.call(request, Some(key)).await?;
        read(&value).ok_or_else(|| StripeError::Unreadable("the object has no id".to_owned()))
    }

    /// All pages of a list, newest first. `request` is given the id of the last item so far.
    async fn pages(&self, request: impl Fn(Option<String>) -> RequestBuilder) -> Result<Vec<Value>, StripeError> {
        let mut all: Vec<Value> = Vec::new();
        for _ in 0..MAX_PAGES {
            let last = all.last().and_then(|item| text(item, "id"));
            let page = self.call(request(last.clone()), None).await?;
            let items = items(&page);
            let moved = items.last().and_then(|item| text(item, "id")).is_some_and(|id| Some(id) != last);
            all.extend(items);
            if !flag(&page, "has_more") {
                return Ok(all);
            }
            if !moved {
                break;
            }
        }
        Err(StripeError::Unreadable("the list has no end".to_owned()))
    }

    async fn call(&self, request: RequestBuilder, key: Option<&str>) -> Result<Value, StripeError> {
        self.call_whole(&request, key).await.map(|(_, value)| value)
    }

    async fn call_whole(&self, request: &RequestBuilder, key: Option<&str>) -> Result<(Answer, Value), StripeError> {
        let mut delay = self.first_delay;
        for tries_left in (0..self.tries).rev() {
            let failed = match self.attempt(request, key).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let wait = match failed.again {
                Again::Soon => jittered(delay),
                Again::AfterSeconds(seconds) if seconds <= 2 => Duration::from_secs(seconds.into()),
                Again::AfterSeconds(_) | Again::Never => return Err(failed.error),
            };
            if tries_left == 0 {
                return Err(failed.error);
            }
            tokio::time::sleep(wait).await;
            delay *= 3;
        }
        Err(StripeError::ours("no_tries", "no try was allowed"))
    }

    /// One exchange, logged with Stripe's request id and without anything personal.
    async fn attempt(&self, request: &RequestBuilder, key: Option<&str>) -> Result<(Answer, Value), Failed> {
        let writes = !matches!(request.method, StripeMethod::Get);
        let http = self.http_request(request, key).map_err(|error| Failed { error, again: Again::Never })?;
        let method = http.method().clone();
        let result = self.wire.exchange(http, self.timeout).await;
        let answer = result.map_err(|trouble| {
            let failed = Failed::from_wire(trouble, writes);
            tracing::warn!(%method, path = %shape_of(&request.path), error = %failed.error, "Stripe did not answer");
            failed
        })?;
        let request_id = answer.header("request-id").unwrap_or("-").to_owned();
        let path = shape_of(&request.path);
        match read_answer(&answer, writes) {
            Ok(value) => {
                tracing::debug!(%method, %path, status = answer.status, %request_id, "Stripe answered");
                Ok((answer, value))
            }
            Err(failed) => {
                tracing::warn!(%method, %path, status = answer.status, %request_id, error = %failed.error, "Stripe answered with an error");
                Err(failed)
            }
        }
    }

    fn http_request(&self, request: &RequestBuilder, key: Option<&str>) -> Result<Request<Full<Bytes>>, StripeError> {
        let mut url = format!("{}/v1{}", self.api_base, request.path);
        if let Some(query) = request.query.as_deref().filter(|query| !query.is_empty()) {
            url.push('?');
            url.push_str(&sorted(query));
        }
        let method = match request.method {
            StripeMethod::Get => Method::GET,
            StripeMethod::Post => Method::POST,
            StripeMethod::Delete => Method::DELETE,
        };
        let mut http = Request::builder()
            .method(method)
            .uri(url)
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("petstar/", env!("CARGO_PKG_VERSION")))
            .header("stripe-version", API_VERSION);
        if let Some(key) = key {
            if key.is_empty() || key.len() > 255 {
                return Err(StripeError::ours("key_invalid", "an idempotency key has 1 to 255 characters"));
            }
            http =
                http.header("idempotency-key", key).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let body = request.body.as_deref().map(sorted).unwrap_or_default();
        http.body(Full::new(Bytes::from(body)))
            .map_err(|_| StripeError::ours("request_invalid", "the key or an id holds characters that cannot be sent"))
    }
}

/// The pairs of a form or a query in one order: maps among them come in another order in every process, and Stripe compares what a key was used with.
fn sorted(form: &str) -> String {
    let mut pairs: Vec<&str> = form.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

#[cfg(test)]
pub(super) fn form_of(request: &impl StripeRequest) -> String {
    sorted(&request.build().body.unwrap_or_default())
}

fn query(pairs: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(pairs).unwrap_or_default()
}

fn items(page: &Value) -> Vec<Value> {
    page.get("data").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Ids come from events and stored rows; one that is not of Stripe's alphabet must not become part of a path.
fn checked(id: &str) -> Result<&str, StripeError> {
    let fits = !id.is_empty() && id.len() <= 255 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits { Ok(id) } else { Err(StripeError::ours("id_invalid", "not an id of Stripe's")) }
}

/// A path with its ids left out, for the log.
fn shape_of(path: &str) -> String {
    let pieces: Vec<&str> =
        path.split('/').map(|piece| if piece.bytes().any(|b| b.is_ascii_digit()) { "{id}" } else { piece }).collect();
    pieces.join("/")
}

/// Between one and one and a half times `delay`.
fn jittered(delay: Duration) -> Duration {
    let part = getrandom::u32().unwrap_or(0) % 1000;
    delay + delay * part / 2000
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7, the one form that is still sent).
fn http_date(text: &str) -> Option<Moment> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day: i64 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    let year: i64 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    (parts.next() == Some("GMT") && (1..=31).contains(&day) && (1970..=9999).contains(&year)).then(|| {
        Moment::from_unix_seconds(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_keys_that_cannot_work_are_refused_at_start() {
        let new = |base: &str, key: &str| Stripe::new(StripeConfig::new(key).with_api_base(base));
        assert!(new("https://api.stripe.com", "sk_test_1").is_ok());
        assert!(new("http://127.0.0.1:12111/", "sk_test_1").is_ok());
        for base in ["", "api.stripe.com", "ftp://x", "https://"] {
            assert!(new(base, "sk_test_1").is_err(), "{base}");
        }
        assert!(new("https://api.stripe.com", "sk\ntest").is_err());
        assert!(new("http://stripe.example", "sk_live_1").is_err());
        assert!(new("http://127.0.0.1:12111", "sk_live_1").is_ok());
        assert_eq!(new("https://x", "sk_live_1").unwrap().mode(), Mode::Live);
        assert_eq!(new("https://x", "rk_live_1").unwrap().mode(), Mode::Live);
        assert_eq!(new("https://x", "sk_test_1").unwrap().mode(), Mode::Test);
    }

    #[test]
    fn no_secret_is_shown() {
        let config = StripeConfig::new("sk_test_secret");
        let stripe = Stripe::new(config.clone()).unwrap();
        assert!(!format!("{config:?}{stripe:?}").contains("secret"));
    }

    #[test]
    fn ids_stay_inside_their_path_segment() {
        assert!(checked("cs_test_a1B2").is_ok());
        for id in ["", "../balance", "cs_1?x", "cs 1", "cs_1/expire", "cs_é"] {
            assert!(checked(id).is_err(), "{id}");
        }
        assert_eq!(shape_of("/checkout/sessions/cs_test_a1/expire"), "/checkout/sessions/{id}/expire");
    }

    #[test]
    fn the_date_header() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Moment::parse("1994-11-06T08:49:37Z"));
        for bad in ["", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Foo 1994 08:49:37 GMT"]
        {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn wanted_events_fit_one_query() {
        assert!(WANTED_EVENTS.len() <= 20, "Stripe filters by at most 20 types");
        let endpoint = |names: &[&str]| WebhookEndpoint {
            id: "we_1".into(),
            url: "https://x".into(),
            status: "enabled".into(),
            enabled_events: names.iter().map(|name| (*name).to_owned()).collect(),
            api_version: None,
        };
        assert!(endpoint(&["*"]).missing_events().is_empty());
        assert_eq!(endpoint(&WANTED_EVENTS[1..]).missing_events(), [WANTED_EVENTS[0]]);
    }
}
