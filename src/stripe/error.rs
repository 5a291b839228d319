//! What a call to Stripe can end in, sorted by the one question that matters for money: was it done?

use super::wire::{Answer, WireTrouble};
use crate::kernel::Fault;
use serde_json::Value;
use std::fmt;

/// Why a call gave no answer that can be used. Holds no secret and no personal data, so it may be logged and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StripeError {
    /// Certainly not done: no connection, too many requests, the key in use by a call under way; for reads also every broken answer.
    Unavailable { reason: String, retry_after_s: Option<u32> },
    /// Perhaps done: the request was sent and no whole answer came back. The same request with the same key tells, unless `retry` is false
    /// (Stripe repeats a stored 500 for the life of the key): then look the thing up instead.
    Ambiguous { reason: String, retry: bool },
    /// Stripe said no and did nothing. `status` 0: we refused it ourselves before anything was sent.
    Refused { status: u16, code: Option<String>, kind: String, message: String, retry: bool },
    /// A success that is not what was asked for. The work was done; look the thing up.
    Unreadable(String),
}

impl StripeError {
    /// Can the same request, with the same key, end otherwise later? Obeys `Stripe-Should-Retry`.
    pub fn should_retry(&self) -> bool {
        match self {
            StripeError::Unavailable { .. } => true,
            StripeError::Ambiguous { retry, .. } | StripeError::Refused { retry, .. } => *retry,
            StripeError::Unreadable(_) => false,
        }
    }

    /// It may have been done, and the same request would only bring the same non-answer: what came of it must be read.
    pub fn must_be_looked_up(&self) -> bool {
        matches!(self, StripeError::Ambiguous { retry: false, .. } | StripeError::Unreadable(_))
    }

    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            StripeError::Unavailable { retry_after_s, .. } => *retry_after_s,
            _ => None,
        }
    }

    /// The thing asked for does not exist (for this key, in this mode).
    pub fn is_missing(&self) -> bool {
        matches!(self, StripeError::Refused { status: 404, .. }) || self.has_code("resource_missing")
    }

    /// The idempotency key was used before with other parameters.
    pub fn is_key_reused(&self) -> bool {
        matches!(self, StripeError::Refused { kind, .. } if kind == "idempotency_error")
    }

    /// The session was not made because its `expires_at` has come too near; nothing stands under the key.
    pub fn is_expiry_refused(&self) -> bool {
        matches!(self, StripeError::Refused { message, .. } if message.contains("expires_at"))
    }

    /// Stripe read the request and will not do it, or it was too wrong to be sent: nothing stands under its key. A no to our own key, to a key
    /// that was used before, or from somebody on the way says nothing about that.
    pub fn is_final_no(&self) -> bool {
        matches!(self, StripeError::Refused { status: 0 | 400 | 402, kind, retry: false, .. }
            if !["idempotency_error", "unknown"].contains(&kind.as_str()))
    }

    /// The key was refused or may not do this.
    pub fn is_key_refused(&self) -> bool {
        matches!(self, StripeError::Refused { status: 401 | 403, .. })
    }

    fn has_code(&self, wanted: &str) -> bool {
        matches!(self, StripeError::Refused { code: Some(code), .. } if code == wanted)
    }

    /// A request we do not send because it is wrong in itself.
    pub(super) fn ours(code: &str, message: impl Into<String>) -> Self {
        StripeError::Refused {
            status: 0,
            code: Some(code.to_owned()),
            kind: "petstar".to_owned(),
            message: message.into(),
            retry: false,
        }
    }
}

impl fmt::Display for StripeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StripeError::Unavailable { reason, .. } => write!(f, "Stripe is not available: {reason}"),
            StripeError::Ambiguous { reason, .. } => write!(f, "Stripe's answer was lost: {reason}"),
            StripeError::Refused { status: 0, message, .. } => write!(f, "not sent to Stripe: {message}"),
            StripeError::Refused { status, code, kind, message, .. } => {
                write!(
                    f,
                    "Stripe refused ({status} {kind}{}{}): {message}",
                    if code.is_some() { "/" } else { "" },
                    code.as_deref().unwrap_or("")
                )
            }
            StripeError::Unreadable(reason) => write!(f, "Stripe's answer could not be read: {reason}"),
        }
    }
}

impl std::error::Error for StripeError {}

impl From<StripeError> for Fault {
    fn from(error: StripeError) -> Self {
        Fault::Remote(error.to_string())
    }
}

/// A failed attempt: the error, and whether the interactive loop may try again at once or after some seconds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub error: StripeError,
    pub again: Again,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    Soon,
    AfterSeconds(u32),
}

impl Failed {
    /// No answer at all. `writes`: the request changes something at Stripe.
    pub fn from_wire(trouble: WireTrouble, writes: bool) -> Failed {
        let (reason, sent, again) = match trouble {
            // Whoever is waiting has waited for seconds already.
            WireTrouble::NotSent { reason, slow } => (reason, false, if slow { Again::Never } else { Again::Soon }),
            WireTrouble::TimedOut => ("no answer in time".to_owned(), true, Again::Never),
            WireTrouble::Broken(reason) => (reason, true, Again::Soon),
        };
        let error = if sent && writes {
            StripeError::Ambiguous { reason, retry: true }
        } else {
            StripeError::Unavailable { reason, retry_after_s: None }
        };
        Failed { error, again }
    }
}

/// Reads an answer of Stripe's: the JSON of a success, or what the failure means.
pub(super) fn read_answer(answer: &Answer, writes: bool) -> Result<Value, Failed> {
    let said = answer.header("stripe-should-retry").and_then(|text| match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    });
    let soon = |allowed: bool| if allowed { Again::Soon } else { Again::Never };
    let lost = |reason: String, retry: bool| {
        if writes {
            StripeError::Ambiguous { reason, retry }
        } else {
            StripeError::Unavailable { reason, retry_after_s: None }
        }
    };
    let status = answer.status;
    let body = serde_json::from_slice::<Value>(&answer.body);
    match status {
        200..=299 => match body {
            Ok(value @ Value::Object(_)) => Ok(value),
            Err(error) if error.is_eof() => {
                Err(Failed { error: lost("the answer was cut short".to_owned(), true), again: Again::Soon })
            }
            Ok(_) | Err(_) => Err(Failed {
                error: StripeError::Unreadable(format!(
                    "status {status}, {} bytes that are no JSON object",
                    answer.body.len()
                )),
                again: Again::Never,
            }),
        },
        300..=399 => Err(Failed {
            error: StripeError::Unreadable(format!("status {status}; is the API address right?")),
            again: Again::Never,
        }),
        409 | 429 => {
            let after = answer.header("retry-after").and_then(|text| text.parse::<u32>().ok());
            let reason = if status == 429 { "too many requests" } else { "a call with the same key is under way" };
            let again = match (said, after) {
                (Some(false), _) => Again::Never,
                (_, Some(seconds)) => Again::AfterSeconds(seconds),
                (_, None) => Again::Soon,
            };
            // 409 also stands for a lasting conflict; Stripe then says not to retry.
            if status == 409 && said == Some(false) {
                return Err(Failed { error: refused(status, body.ok(), false), again: Again::Never });
            }
            Err(Failed { error: StripeError::Unavailable { reason: reason.to_owned(), retry_after_s: after }, again })
        }
        408 | 424 | 500..=599 => {
            let replayed = answer.header("idempotent-replayed") == Some("true");
            let retry = !replayed && said != Some(false);
            let reason = format!("status {status}{}", if replayed { ", replayed" } else { "" });
            Err(Failed { error: lost(reason, retry), again: soon(retry) })
        }
        _ => {
            let retry = said == Some(true);
            Err(Failed { error: refused(status, body.ok(), retry), again: soon(retry) })
        }
    }
}

fn refused(status: u16, body: Option<Value>, retry: bool) -> StripeError {
    let error = body.as_ref().and_then(|body| body.get("error"));
    let text = |name: &str| error.and_then(|error| error.get(name)).and_then(Value::as_str);
    StripeError::Refused {
        status,
        code: text("code").map(str::to_owned),
        kind: text("type").unwrap_or("unknown").to_owned(),
        message: without_personal_data(text("message").unwrap_or("no reason given")),
        retry,
    }
}

/// Stripe quotes what it refuses ("Invalid email address: …"), so every word that can be an address or a key is blotted out.
fn without_personal_data(message: &str) -> String {
    let words: Vec<&str> = message
        .split_whitespace()
        .map(|word| {
            let bare = word.trim_start_matches(|c: char| !c.is_alphanumeric());
            let secret = ["sk_", "rk_", "pk_", "whsec_"].iter().any(|prefix| bare.starts_with(prefix));
            if secret || word.contains('@') { "[…]" } else { word }
        })
        .collect();
    words.join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect();
        Answer { status, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    fn outcome(
        writes: bool,
        status: u16,
        headers: &[(&'static str, &'static str)],
        body: &'static str,
    ) -> (String, bool, Again) {
        let failed = read_answer(&answer(status, headers, body), writes).unwrap_err();
        let name = match &failed.error {
            StripeError::Unavailable { .. } => "unavailable",
            StripeError::Ambiguous { .. } => "ambiguous",
            StripeError::Refused { .. } => "refused",
            StripeError::Unreadable(_) => "unreadable",
        };
        (name.to_owned(), failed.error.should_retry(), failed.again)
    }

    #[test]
    fn what_each_answer_means() {
        const NO: &[(&str, &str)] = &[("stripe-should-retry", "false")];
        const YES: &[(&str, &str)] = &[("stripe-should-retry", "true")];
        const REPLAYED: &[(&str, &str)] = &[("idempotent-replayed", "true")];
        const LATER: &[(&str, &str)] = &[("retry-after", "7")];
        type Row = (bool, u16, &'static [(&'static str, &'static str)], &'static str, (&'static str, bool, Again));
        let table: &[Row] = &[
            (true, 500, &[], "", ("ambiguous", true, Again::Soon)),
            (true, 500, NO, "", ("ambiguous", false, Again::Never)),
            (true, 500, REPLAYED, "", ("ambiguous", false, Again::Never)),
            (false, 500, &[], "", ("unavailable", true, Again::Soon)),
            (true, 503, &[], "<html>", ("ambiguous", true, Again::Soon)),
            (true, 429, &[], "", ("unavailable", true, Again::Soon)),
            (true, 429, LATER, "", ("unavailable", true, Again::AfterSeconds(7))),
            (true, 429, NO, "", ("unavailable", true, Again::Never)),
            (true, 409, &[], "", ("unavailable", true, Again::Soon)),
            (true, 409, NO, "", ("refused", false, Again::Never)),
            (true, 400, &[], "{}", ("refused", false, Again::Never)),
            (true, 400, YES, "{}", ("refused", true, Again::Soon)),
            (true, 402, &[], "not json", ("refused", false, Again::Never)),
            (true, 302, &[], "", ("unreadable", false, Again::Never)),
            (true, 200, &[], "{\"id\": \"cs_1\", ", ("ambiguous", true, Again::Soon)),
            (false, 200, &[], "{\"id\": \"cs_1\", ", ("unavailable", true, Again::Soon)),
            (true, 200, &[], "", ("ambiguous", true, Again::Soon)),
            (true, 200, &[], "[1]", ("unreadable", false, Again::Never)),
            (true, 200, &[], "<html>", ("unreadable", false, Again::Never)),
        ];
        for (writes, status, headers, body, (name, retry, again)) in table {
            let row = format!("{status} {headers:?} {body} writes={writes}");
            assert_eq!(outcome(*writes, *status, headers, body), ((*name).to_owned(), *retry, *again), "{row}");
        }
    }

    #[test]
    fn only_a_no_of_stripes_own_says_that_nothing_was_done() {
        const YES: &[(&str, &str)] = &[("stripe-should-retry", "true")];
        let is_final = |status, headers: &[(&'static str, &'static str)], body| {
            read_answer(&answer(status, headers, body), true).unwrap_err().error.is_final_no()
        };
        let no = r#"{"error": {"type": "invalid_request_error", "code": "email_invalid"}}"#;
        assert!(is_final(400, &[], no) && is_final(402, &[], no));
        assert!(StripeError::ours("line_invalid", "a line has no name").is_final_no());
        for status in [401, 403, 404, 409, 429, 500] {
            assert!(!is_final(status, &[], no), "{status}");
        }
        assert!(!is_final(400, YES, no));
        assert!(!is_final(400, &[], "<html>"));
        assert!(!is_final(400, &[], r#"{"error": {"type": "idempotency_error"}}"#));
    }

    #[test]
    fn quoted_addresses_and_keys_never_get_into_an_error() {
        let body = r#"{"error": {"type": "invalid_request_error", "code": "email_invalid", "message": "Invalid email address: hana@example.jp (key 'sk_live_abc')"}}"#;
        let failed = read_answer(&answer(400, &[], body), true).unwrap_err();
        let text = failed.error.to_string();
        assert!(text.contains("email_invalid") && !text.contains("hana") && !text.contains("abc"), "{text}");
    }

    #[test]
    fn a_lost_connection_is_ambiguous_only_for_writes_that_were_sent() {
        let kind = |trouble, writes| Failed::from_wire(trouble, writes).error;
        let not_sent = |slow| WireTrouble::NotSent { reason: "x".into(), slow };
        assert!(matches!(kind(not_sent(false), true), StripeError::Unavailable { .. }));
        assert_eq!(Failed::from_wire(not_sent(false), true).again, Again::Soon);
        assert_eq!(Failed::from_wire(not_sent(true), true).again, Again::Never);
        assert!(matches!(kind(WireTrouble::TimedOut, true), StripeError::Ambiguous { retry: true, .. }));
        assert!(matches!(kind(WireTrouble::Broken("x".into()), true), StripeError::Ambiguous { retry: true, .. }));
        assert!(matches!(kind(WireTrouble::Broken("x".into()), false), StripeError::Unavailable { .. }));
    }
}
