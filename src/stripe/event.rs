//! An event of Stripe's, read with as few demands as possible: its shape follows the account's API version, not ours, and one that is
//! refused for a missing member is money nobody hears of. Nothing here is trusted for amounts; settling asks Stripe for the present state.

use super::object::{flag, integer, map, moment, reference, text};
use crate::kernel::Moment;
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    /// Stripe's `type`, for example `checkout.session.completed`. May be one that nobody knows yet.
    pub kind: String,
    pub created: Option<Moment>,
    pub livemode: bool,
    pub api_version: Option<String>,
    /// Endpoints that have not taken it yet.
    pub pending_webhooks: i64,
    /// What the event is about, as it was when it happened.
    pub object: Object,
}

/// The members of `data.object` that we look at, whatever kind of object it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    pub id: Option<String>,
    /// `checkout.session`, `payment_intent`, `charge`, `refund`, `dispute` …
    pub object: Option<String>,
    pub status: Option<String>,
    pub payment_status: Option<String>,
    pub client_reference_id: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub amount: Option<i64>,
    pub amount_total: Option<i64>,
    pub amount_received: Option<i64>,
    pub amount_refunded: Option<i64>,
    pub currency: Option<String>,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    pub reason: Option<String>,
    pub failure_reason: Option<String>,
    /// Of a dispute: until when evidence is taken.
    pub evidence_due_by: Option<Moment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventProblem {
    /// The body is no JSON object.
    NotJson,
    /// It has no `id` or no `type` that is a text.
    NoIdentity,
}

impl fmt::Display for EventProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EventProblem::NotJson => "the event is no JSON object",
            EventProblem::NoIdentity => "the event has no id or type",
        })
    }
}

impl std::error::Error for EventProblem {}

impl Event {
    /// Reads the body of a webhook, or one item of Stripe's event list.
    ///
    /// # Errors
    /// Only for what cannot be an event at all: see [`EventProblem`].
    pub fn parse(body: &[u8]) -> Result<Event, EventProblem> {
        let value: Value = serde_json::from_slice(body).map_err(|_| EventProblem::NotJson)?;
        Event::read(&value)
    }

    pub(super) fn read(value: &Value) -> Result<Event, EventProblem> {
        if !value.is_object() {
            return Err(EventProblem::NotJson);
        }
        let (Some(id), Some(kind)) = (text(value, "id"), text(value, "type")) else {
            return Err(EventProblem::NoIdentity);
        };
        Ok(Event {
            id,
            kind,
            created: moment(value, "created"),
            livemode: flag(value, "livemode"),
            api_version: text(value, "api_version"),
            pending_webhooks: integer(value, "pending_webhooks").unwrap_or(0),
            object: value.get("data").and_then(|data| data.get("object")).map(Object::read).unwrap_or_default(),
        })
    }

    /// The order the event is about, by what we wrote into the session and its payment intent.
    pub fn order_id(&self) -> Option<&str> {
        let object = &self.object;
        object.client_reference_id.as_deref().or_else(|| object.metadata.get("order_id").map(String::as_str))
    }

    /// The payment intent the event is about: the object itself, or the one it belongs to.
    pub fn payment_intent(&self) -> Option<&str> {
        self.object.id_if("payment_intent", "pi_").or(self.object.payment_intent.as_deref())
    }

    /// The session, where the event is about one.
    pub fn session(&self) -> Option<&str> {
        self.object.id_if("checkout.session", "cs_")
    }

    /// Is it of a kind that moves an order ([`super::WANTED_EVENTS`])?
    pub fn is_wanted(&self) -> bool {
        super::WANTED_EVENTS.contains(&self.kind.as_str())
    }
}

impl Object {
    fn read(value: &Value) -> Object {
        Object {
            id: text(value, "id"),
            object: text(value, "object"),
            status: text(value, "status"),
            payment_status: text(value, "payment_status"),
            client_reference_id: text(value, "client_reference_id"),
            metadata: map(value, "metadata"),
            amount: integer(value, "amount"),
            amount_total: integer(value, "amount_total"),
            amount_received: integer(value, "amount_received"),
            amount_refunded: integer(value, "amount_refunded"),
            currency: text(value, "currency"),
            payment_intent: reference(value, "payment_intent"),
            charge: reference(value, "charge"),
            reason: text(value, "reason"),
            failure_reason: text(value, "failure_reason"),
            evidence_due_by: value.get("evidence_details").and_then(|details| moment(details, "due_by")),
        }
    }

    /// The object's id if it is of this kind; the id's prefix decides where `object` is missing.
    fn id_if(&self, object: &str, prefix: &str) -> Option<&str> {
        let id = self.id.as_deref()?;
        let fits = self.object.as_deref().map_or(id.starts_with(prefix), |name| name == object);
        fits.then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Payloads of today's API version, an old one and an imagined later one, one a line: `<version> <type>\t<body>`.
    const EVENTS: &str = include_str!("../../tests/stripe/events.tsv");

    #[test]
    fn every_recorded_payload_is_read() {
        let mut read = 0;
        for line in EVENTS.lines() {
            let (name, body) = line.split_once('\t').unwrap();
            let (version, kind) = name.split_once(' ').unwrap();
            let event = Event::parse(body.as_bytes()).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            assert_eq!(event.kind, kind);
            assert!(event.id.starts_with("evt_") && event.created.is_some() && event.api_version.is_some(), "{name}");
            assert!(event.object.id.is_some(), "{name}");
            let object = event.object.object.clone().unwrap_or_default();
            match object.as_str() {
                "checkout.session" => {
                    assert_eq!(event.session(), event.object.id.as_deref(), "{name}");
                    assert!(event.order_id().is_some() && event.object.payment_status.is_some(), "{name}");
                    assert_eq!(event.payment_intent().is_some(), kind != "checkout.session.expired", "{name}");
                    assert_eq!(
                        (event.object.amount_total, event.object.currency.as_deref()),
                        (Some(5000), Some("jpy")),
                        "{name}"
                    );
                }
                "payment_intent" => assert_eq!(event.payment_intent(), event.object.id.as_deref(), "{name}"),
                "charge" | "refund" | "dispute" => {
                    assert!(event.payment_intent().is_some_and(|id| id.starts_with("pi_")), "{name}");
                    assert_eq!(event.session(), None, "{name}");
                }
                other => assert_eq!(version, "future", "{name}: {other}"),
            }
            if kind == "charge.dispute.created" {
                assert!(event.object.evidence_due_by.is_some(), "{name}");
            }
            read += 1;
        }
        assert_eq!(read, 93);
    }

    #[test]
    fn cut_and_stripped_payloads_never_panic_and_keep_their_identity() {
        for line in EVENTS.lines().step_by(7) {
            let body = line.split_once('\t').unwrap().1;
            for end in (0..body.len()).step_by(97).filter(|end| body.is_char_boundary(*end)) {
                assert_eq!(Event::parse(&body.as_bytes()[..end]), Err(EventProblem::NotJson));
            }
            let mut value: Value = serde_json::from_str(body).unwrap();
            let object = value["data"]["object"].as_object_mut().unwrap();
            object.retain(|name, _| name == "id");
            let event = Event::read(&value).unwrap();
            assert!(event.object.id.is_some());
            value.as_object_mut().unwrap().retain(|name, _| name == "id" || name == "type");
            assert_eq!(Event::read(&value).unwrap().object, Object::default());
        }
    }

    #[test]
    fn what_is_no_event() {
        assert_eq!(Event::parse(b""), Err(EventProblem::NotJson));
        assert_eq!(Event::parse(b"[]"), Err(EventProblem::NotJson));
        assert_eq!(Event::parse(b"\xff\xfe"), Err(EventProblem::NotJson));
        assert_eq!(Event::parse(br#"{"id": 1, "type": "x"}"#), Err(EventProblem::NoIdentity));
        assert_eq!(Event::parse(br#"{"id": "evt_1", "type": null}"#), Err(EventProblem::NoIdentity));
    }

    #[test]
    fn an_unknown_event_is_read_and_not_wanted() {
        let event = Event::parse(br#"{"id": "evt_1", "type": "moon.landed", "data": {"object": [1]}}"#).unwrap();
        assert!(!event.is_wanted());
        assert_eq!((event.order_id(), event.payment_intent(), event.session()), (None, None, None));
    }
}
