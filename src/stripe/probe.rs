//! Asks a webhook address, as Stripe would, whether it hears us: for `petstar stripe check`.

use super::signature;
use super::wire::{Wire, WireTrouble};
use crate::kernel::Moment;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use std::time::Duration;

/// The type of the event sent; nothing follows from it.
pub const PROBE_KIND: &str = "petstar.check";

const PATIENCE: Duration = Duration::from_secs(8);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probed {
    /// It is the shop, and it takes our signature.
    Heard,
    /// Somebody answered with this status, but not as the shop does.
    Answered(u16),
    /// Nobody answered, in words for the owner.
    Silent(String),
}

/// Sends a signed event with `word` in it to `url`; the shop answers with the word.
pub async fn probe(url: &str, secret: &str, word: &str, now: Moment) -> Probed {
    let body = serde_json::json!({
        "id": format!("evt_check_{word}"), "object": "event", "type": PROBE_KIND, "created": now.unix_seconds(),
        "data": {"object": {}},
    })
    .to_string();
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, concat!("petstar/", env!("CARGO_PKG_VERSION")))
        .header("stripe-signature", signature::sign(body.as_bytes(), secret, now))
        .body(Full::new(Bytes::from(body)));
    let Ok(request) = request else { return Probed::Silent("it is no address".to_owned()) };
    match Wire::new().exchange(request, PATIENCE).await {
        Ok(answer) if answer.status == 200 && String::from_utf8_lossy(&answer.body).contains(word) => Probed::Heard,
        Ok(answer) => Probed::Answered(answer.status),
        Err(WireTrouble::NotSent { reason, .. } | WireTrouble::Broken(reason)) => Probed::Silent(reason),
        Err(WireTrouble::TimedOut) => Probed::Silent("no answer in time".to_owned()),
    }
}
