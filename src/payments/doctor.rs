//! `petstar stripe check`, and the same in the panel: looks at everything that must fit between the shop and Stripe, and says what to do.

use crate::kernel::{Lang, Message, Moment};
use crate::people;
use crate::shop::Shop;
use crate::stripe::probe::{Probed, probe};
use crate::stripe::{API_VERSION, Event, EventsFrom, Mode, Stripe, StripeConfig, WANTED_EVENTS, WebhookEndpoint};
use crate::web::{Page, Problem, Reply, View, Visit, words};
use askama::Template;
use serde::Serialize;
use std::sync::Mutex;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_stripe))
}

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Good,
    Note,
    Wrong,
}

/// One thing that was looked at.
pub struct Finding {
    pub kind: Kind,
    pub message: Message,
}

fn good(message: Message) -> Finding {
    Finding { kind: Kind::Good, message }
}

fn note(message: Message) -> Finding {
    Finding { kind: Kind::Note, message }
}

fn wrong(message: Message) -> Finding {
    Finding { kind: Kind::Wrong, message }
}

/// A clock that is further off is told; at [`crate::stripe::signature::TOLERANCE_S`] webhooks are refused.
const SKEW_TOLD_S: i64 = 60;

/// What the last webhooks said about this machine's clock and secrets.
#[derive(Default)]
pub struct Heard(Mutex<Facts>);

#[derive(Clone, Copy, Default)]
struct Facts {
    at: Option<Moment>,
    skew_s: i64,
    refused_at: Option<Moment>,
}

/// Notes a webhook that was genuine, signed `skew_s` seconds before it came by our clock.
pub fn note_genuine(shop: &Shop, skew_s: i64, now: Moment) {
    if skew_s.abs() > SKEW_TOLD_S {
        tracing::warn!(skew_s, "a webhook was signed at another time than this machine's: is its clock right?");
    }
    if let Ok(mut facts) = shop.kept(Heard::default).0.lock() {
        (facts.at, facts.skew_s) = (Some(now), skew_s);
    }
}

/// Notes a webhook whose signature fits none of our secrets.
pub fn note_refused(shop: &Shop, now: Moment) {
    if let Ok(mut facts) = shop.kept(Heard::default).0.lock() {
        facts.refused_at = Some(now);
    }
}

/// What the panel's front page should say about Stripe, if anything.
pub fn warning(shop: &Shop) -> Option<Message> {
    let facts = *shop.kept(Heard::default).0.lock().ok()?;
    if facts.at.is_some() && facts.skew_s.abs() > SKEW_TOLD_S {
        return Some(Message::new("payments.check.skew").with("seconds", facts.skew_s));
    }
    let recent = facts.refused_at.is_some_and(|at| shop.now().millis_since(at) < 86_400_000);
    (recent && facts.at <= facts.refused_at).then(|| Message::new("payments.check.refused_lately"))
}

/// Where Stripe is to send its events.
fn webhook_url(shop: &Shop) -> String {
    format!("{}/webhooks/stripe", shop.public_url())
}

/// Looks at everything. Works also while the shop does not run, except for what only a running one can answer.
pub async fn look(shop: &Shop) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(keys) = &shop.config().stripe.keys else {
        found.push(note(Message::new("payments.check.no_keys")));
        if shop.is_started() {
            let secrets = shop.webhook_secrets().to_vec();
            reach_webhook(shop, &secrets, &mut found).await;
        }
        return found;
    };
    let secrets: Vec<String> = keys.webhook_secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    let key = keys.secret_key.expose();
    found.push(good(Message::new(if keys.is_live() { "payments.check.live" } else { "payments.check.test" })));
    if key.starts_with("rk_") {
        found.push(note(Message::new("payments.check.restricted")));
    }
    if let Some(odd) = secrets.iter().position(|secret| !secret.starts_with("whsec_")) {
        found.push(wrong(Message::new("payments.check.secret_form").with("n", odd + 1)));
    } else if secrets.len() > 1 {
        found.push(note(Message::new("payments.check.rotation").with("n", secrets.len())));
    }
    let mut config = StripeConfig::new(key);
    config.timeout = Duration::from_secs(8);
    if let Some(base) = &shop.config().stripe.api_base {
        config.api_base = base.clone();
    }
    match Stripe::new(config) {
        Ok(stripe) => look_at_stripe(shop, &stripe, &mut found).await,
        Err(fault) => found.push(wrong(Message::new("payments.check.unusable").with("reason", fault))),
    }
    look_at_address(shop, keys.is_live(), &mut found);
    reach_webhook(shop, &secrets, &mut found).await;
    // Our own event proves the way, and that we know our secrets; only Stripe's prove that they are the right ones.
    let warned = warning(shop).filter(|warning| found.iter().all(|finding| finding.message.key != warning.key));
    found.extend(warned.map(wrong));
    found
}

async fn look_at_stripe(shop: &Shop, stripe: &Stripe, found: &mut Vec<Finding>) {
    let reach = match stripe.reach().await {
        Ok(reach) => reach,
        Err(error) if error.is_key_refused() => {
            found.push(wrong(Message::new("payments.check.key_refused")));
            return;
        }
        Err(error) => {
            found.push(wrong(Message::new("payments.check.silent").with("reason", error)));
            return;
        }
    };
    found.push(good(Message::new("payments.check.answers").with("version", API_VERSION)));
    if reach.livemode != (stripe.mode() == Mode::Live) {
        found.push(wrong(Message::new("payments.check.other_mode")));
    }
    if let Some(theirs) = reach.stripe_time {
        let skew_s = shop.now().millis_since(theirs) / 1000;
        if skew_s.abs() > SKEW_TOLD_S {
            found.push(wrong(Message::new("payments.check.skew").with("seconds", skew_s)));
        } else {
            found.push(good(Message::new("payments.check.clock")));
        }
    }
    let endpoints = match stripe.webhook_endpoints().await {
        Ok(endpoints) => {
            look_at_endpoints(&endpoints, &webhook_url(shop), found);
            Some(endpoints.len())
        }
        Err(error) if error.is_key_refused() || error.is_missing() => {
            found.push(note(Message::new("payments.check.endpoints_hidden")));
            None
        }
        Err(error) => {
            found.push(wrong(Message::new("payments.check.silent").with("reason", error)));
            return;
        }
    };
    let since = shop.now().plus_days(-1);
    // Not every key may read them, and there may be more than can be counted.
    if let Ok(batch) = stripe.events_since(&EventsFrom::Moment(since), WANTED_EVENTS).await {
        look_at_deliveries(batch.events.iter().map(|(event, _)| event), endpoints, shop.now(), found);
    }
}

/// What Stripe has tried to deliver in vain for longer than this is told.
const DELIVERY_S: i64 = 300;

/// Events that an endpoint did not take: most likely the shop refuses their signature. Of several endpoints another one may be to blame.
fn look_at_deliveries<'a>(
    events: impl Iterator<Item = &'a Event>,
    endpoints: Option<usize>,
    now: Moment,
    found: &mut Vec<Finding>,
) {
    let is_old = |event: &&Event| event.created.is_some_and(|at| now.millis_since(at) > DELIVERY_S * 1000);
    let waiting = events.filter(|event| event.pending_webhooks > 0).filter(is_old).count();
    if waiting > 0 {
        let message = Message::new("payments.check.waiting_events").with("n", waiting);
        found.push(if endpoints.is_some_and(|count| count < 2) { wrong(message) } else { note(message) });
    }
}

fn look_at_endpoints(endpoints: &[WebhookEndpoint], url: &str, found: &mut Vec<Finding>) {
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.url.trim_end_matches('/') == url) else {
        found.push(wrong(Message::new("payments.check.no_endpoint").with("url", url)));
        return;
    };
    if endpoint.status == "disabled" {
        found.push(wrong(Message::new("payments.check.endpoint_disabled").with("url", url)));
    }
    let missing = endpoint.missing_events();
    if missing.is_empty() {
        found.push(good(Message::new("payments.check.events_all").with("n", WANTED_EVENTS.len())));
    } else {
        found.push(wrong(Message::new("payments.check.events_missing").with("events", missing.join(", "))));
    }
    if let Some(version) = endpoint.api_version.as_deref().filter(|version| *version != API_VERSION) {
        let message = Message::new("payments.check.version").with("theirs", version).with("ours", API_VERSION);
        found.push(note(message));
    }
}

fn look_at_address(shop: &Shop, is_live: bool, found: &mut Vec<Finding>) {
    let url = shop.public_url();
    let place = url.split_once("://").map_or(url.as_str(), |(_, place)| place);
    let is_near = ["localhost", "127.", "[::1]", "10.", "192.168."].iter().any(|near| place.starts_with(near));
    if is_near {
        found.push(wrong(Message::new("payments.check.address_near").with("url", &url)));
    } else if is_live && !shop.is_https() {
        found.push(wrong(Message::new("payments.check.address_http").with("url", &url)));
    }
}

/// Sends the shop a signed event by the way Stripe's come.
async fn reach_webhook(shop: &Shop, secrets: &[String], found: &mut Vec<Finding>) {
    let url = webhook_url(shop);
    // Of several secrets each must be taken; the first that is not tells why.
    let mut probed = None;
    for secret in secrets {
        let word = shop.new_id().simple().to_string();
        let heard = probe(&url, secret, &word, shop.now()).await;
        let is_heard = heard == Probed::Heard;
        probed = Some(heard);
        if !is_heard {
            break;
        }
    }
    let Some(probed) = probed else { return };
    found.push(match probed {
        Probed::Heard => good(Message::new("payments.check.heard").with("url", url)),
        Probed::Answered(400) => wrong(Message::new("payments.check.signature").with("url", url)),
        Probed::Answered(status) => {
            wrong(Message::new("payments.check.answered").with("url", url).with("status", status))
        }
        Probed::Silent(_) if !shop.is_started() => note(Message::new("payments.check.not_running").with("url", url)),
        Probed::Silent(reason) => wrong(Message::new("payments.check.no_way").with("url", url).with("reason", reason)),
    });
}

/// The findings as lines for a terminal, and whether all is well.
pub async fn command(shop: &Shop) -> (String, bool) {
    let found = look(shop).await;
    let lines: Vec<String> = found
        .iter()
        .map(|finding| {
            let mark = match finding.kind {
                Kind::Good => "ok   ",
                Kind::Note => "note ",
                Kind::Wrong => "WRONG",
            };
            format!("{mark} {}\n", words::message(Lang::En, &finding.message))
        })
        .collect();
    (lines.concat(), found.iter().all(|finding| finding.kind != Kind::Wrong))
}

/// One thing that was looked at, in words.
#[derive(Debug, Serialize, ToSchema)]
struct FindingView {
    kind: Kind,
    /// Stable, for scripts.
    code: &'static str,
    message: String,
}

impl FindingView {
    fn need_kind(&self) -> &'static str {
        match self.kind {
            Kind::Good => "good",
            Kind::Note => "note",
            Kind::Wrong => "bad",
        }
    }

    fn icon(&self) -> &'static str {
        match self.kind {
            Kind::Good => "check",
            Kind::Note => "info",
            Kind::Wrong => "warn",
        }
    }
}

#[derive(Template, Serialize, ToSchema)]
#[template(path = "payments/stripe.html", blocks = ["content"])]
struct StripePage {
    /// Nothing is wrong.
    ok: bool,
    findings: Vec<FindingView>,
    /// Where Stripe is to send its events.
    webhook_url: String,
    wanted_events: Vec<&'static str>,
    api_version: &'static str,
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
    #[serde(skip)]
    #[schema(ignore)]
    wanted_text: String,
}

impl View for StripePage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// Does everything fit between the shop and Stripe?
#[utoipa::path(get, path = "/admin/stripe", tag = "panel", responses((status = 200, body = StripePage), (status = 401), (status = 403)))]
async fn show_stripe(visit: Visit) -> Result<Reply, Problem> {
    people::require(&visit, |role| role.is_owner())?;
    let found = look(&visit.shop).await;
    let view = |finding: &Finding| FindingView {
        kind: finding.kind,
        code: finding.message.key.rsplit('.').next().unwrap_or_default(),
        message: words::message(visit.lang, &finding.message),
    };
    visit.reply(&StripePage {
        ok: found.iter().all(|finding| finding.kind != Kind::Wrong),
        findings: found.iter().map(view).collect(),
        webhook_url: webhook_url(&visit.shop),
        wanted_events: WANTED_EVENTS.to_vec(),
        api_version: API_VERSION,
        wanted_text: WANTED_EVENTS.join("\n"),
        page: visit.page(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stripe_could_not_deliver_is_told() {
        let event = |created: i64, pending: i64| {
            let body = serde_json::json!({"id": "evt_1", "type": "x", "created": created, "pending_webhooks": pending});
            Event::parse(body.to_string().as_bytes()).unwrap()
        };
        let now = Moment::from_unix_seconds(10_000);
        let judge = |events: &[Event], endpoints| {
            let mut found = Vec::new();
            look_at_deliveries(events.iter(), endpoints, now, &mut found);
            found.first().map(|finding| finding.kind)
        };
        assert_eq!(judge(&[event(9_000, 0), event(9_990, 1)], Some(1)), None);
        assert_eq!(judge(&[event(9_000, 1)], Some(1)), Some(Kind::Wrong));
        assert_eq!(judge(&[event(9_000, 1)], Some(2)), Some(Kind::Note));
        assert_eq!(judge(&[event(9_000, 1)], None), Some(Kind::Note));
    }

    #[test]
    fn endpoints_are_judged() {
        let endpoint = |url: &str, status: &str, events: &[&str]| WebhookEndpoint {
            id: "we_1".into(),
            url: url.into(),
            status: status.into(),
            enabled_events: events.iter().map(|event| (*event).to_owned()).collect(),
            api_version: Some(API_VERSION.into()),
        };
        let judge = |endpoints: &[WebhookEndpoint]| {
            let mut found = Vec::new();
            look_at_endpoints(endpoints, "https://shop.example/webhooks/stripe", &mut found);
            found.iter().map(|finding| (finding.kind, finding.message.key)).collect::<Vec<_>>()
        };
        let ours = "https://shop.example/webhooks/stripe";
        assert_eq!(judge(&[]), [(Kind::Wrong, "payments.check.no_endpoint")]);
        assert_eq!(judge(&[endpoint(ours, "enabled", &["*"])]), [(Kind::Good, "payments.check.events_all")]);
        let partly = judge(&[endpoint(ours, "disabled", &WANTED_EVENTS[1..])]);
        let keys = ["payments.check.endpoint_disabled", "payments.check.events_missing"];
        assert_eq!(partly, keys.map(|key| (Kind::Wrong, key)));
    }
}
