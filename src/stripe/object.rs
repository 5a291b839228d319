//! Stripe's objects as we read them: only what we need, everything but the id may be missing, unknown values are kept as they are.

use crate::kernel::{Moment, Money};
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads one member; a member of another type than expected counts as missing.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

pub(super) fn integer(value: &Value, name: &str) -> Option<i64> {
    value.get(name)?.as_i64()
}

pub(super) fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

pub(super) fn moment(value: &Value, name: &str) -> Option<Moment> {
    integer(value, name).map(Moment::from_unix_seconds)
}

/// A reference: an id, or the whole object where it was expanded.
pub(super) fn reference(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(id) => Some(id.clone()),
        object => text(object, "id"),
    }
}

/// String members of an object; members of other types are left out.
pub(super) fn map(value: &Value, name: &str) -> BTreeMap<String, String> {
    let members = value.get(name).and_then(Value::as_object);
    members
        .into_iter()
        .flatten()
        .filter_map(|(name, member)| Some((name.clone(), member.as_str()?.to_owned())))
        .collect()
}

/// Minor units and a currency, if both are there and the currency is one that Stripe charges.
pub(super) fn money(minor: Option<i64>, currency: Option<&str>) -> Option<Money> {
    Some(Money::new(minor?, currency?.parse().ok()?))
}

/// Declares a status with Stripe's words; a word of a later API version becomes `Other`.
macro_rules! status {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $($variant,)* Other(String) }

        impl $name {
            fn read(value: &Value, member: &str) -> Self {
                match value.get(member).and_then(Value::as_str).unwrap_or("") {
                    $($word => $name::$variant,)*
                    other => $name::Other(other.to_owned()),
                }
            }

            /// Stripe's word.
            pub fn word(&self) -> &str {
                match self { $($name::$variant => $word,)* $name::Other(other) => other }
            }
        }
    };
}

status! {
    /// Whether a session can still be paid.
    SessionStatus { Open "open", Complete "complete", Expired "expired", }
}
status! {
    /// Whether the money has arrived. `Complete` and `Unpaid` together: a delayed means of payment (konbini) is under way, or has failed.
    PaymentStatus { Paid "paid", Unpaid "unpaid", NoPaymentRequired "no_payment_required", }
}
status! {
    IntentStatus {
        RequiresPaymentMethod "requires_payment_method", RequiresConfirmation "requires_confirmation", RequiresAction "requires_action",
        Processing "processing", RequiresCapture "requires_capture", Canceled "canceled", Succeeded "succeeded",
    }
}
status! {
    /// A konbini refund is `RequiresAction` or `Pending` until the customer has given bank details, and may still fail.
    RefundStatus {
        Pending "pending", RequiresAction "requires_action", Succeeded "succeeded", Failed "failed", Canceled "canceled",
    }
}

/// A Checkout Session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    /// Stripe's payment page; only while open.
    pub url: Option<String>,
    pub status: SessionStatus,
    pub payment_status: PaymentStatus,
    /// Minor units.
    pub amount_total: Option<i64>,
    /// Lower case, as Stripe writes it.
    pub currency: Option<String>,
    /// Set once the customer has begun to pay.
    pub payment_intent: Option<String>,
    /// The intent itself, where the call expanded it.
    pub intent: Option<PaymentIntent>,
    pub client_reference_id: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// Where the customer goes after paying.
    pub success_url: Option<String>,
    pub created: Option<Moment>,
    pub expires_at: Option<Moment>,
    pub livemode: bool,
}

impl Session {
    /// `None` when the value has no id.
    pub fn read(value: &Value) -> Option<Session> {
        Some(Session {
            id: text(value, "id")?,
            url: text(value, "url"),
            status: SessionStatus::read(value, "status"),
            payment_status: PaymentStatus::read(value, "payment_status"),
            amount_total: integer(value, "amount_total"),
            currency: text(value, "currency"),
            payment_intent: reference(value, "payment_intent"),
            intent: value.get("payment_intent").and_then(PaymentIntent::read),
            client_reference_id: text(value, "client_reference_id"),
            metadata: map(value, "metadata"),
            success_url: text(value, "success_url"),
            created: moment(value, "created"),
            expires_at: moment(value, "expires_at"),
            livemode: flag(value, "livemode"),
        })
    }

    /// What the customer pays.
    pub fn money(&self) -> Option<Money> {
        money(self.amount_total, self.currency.as_deref())
    }

    pub fn order_id(&self) -> Option<&str> {
        self.client_reference_id.as_deref().or_else(|| self.metadata.get("order_id").map(String::as_str))
    }
}

/// Where and until when a customer can pay by a means that takes days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher {
    pub expires_at: Option<Moment>,
    /// Stripe's page with the instructions.
    pub url: Option<String>,
}

impl Voucher {
    /// Of an intent's `next_action`: `konbini_display_details`, `multibanco_display_details`, `oxxo_display_details`, `boleto_display_details`
    /// and whatever else has a page of instructions, and bank transfers to Stripe (docs.stripe.com/api/payment_intents/object).
    fn read(action: &Value) -> Option<Voucher> {
        let members = action.as_object()?;
        let shown = members.iter().filter(|(name, _)| name.ends_with("_display_details"));
        let details = shown.map(|(_, details)| details).find(|details| details.is_object());
        if let Some(details) = details {
            let ends = moment(details, "expires_at").or_else(|| moment(details, "expires_after"));
            return Some(Voucher { expires_at: ends, url: text(details, "hosted_voucher_url") });
        }
        let transfer = members.get("display_bank_transfer_instructions")?;
        Some(Voucher { expires_at: None, url: text(transfer, "hosted_instructions_url") })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentIntent {
    pub id: String,
    pub status: IntentStatus,
    /// Minor units asked for.
    pub amount: Option<i64>,
    /// Minor units that have arrived.
    pub amount_received: Option<i64>,
    pub currency: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// The latest charge.
    pub charge_id: Option<String>,
    pub charge: Option<Charge>,
    /// Stripe's code of the last failure, for example `card_declined`.
    pub last_error: Option<String>,
    pub voucher: Option<Voucher>,
    pub created: Option<Moment>,
    pub livemode: bool,
}

impl PaymentIntent {
    pub fn read(value: &Value) -> Option<PaymentIntent> {
        let voucher = value.get("next_action").and_then(Voucher::read);
        Some(PaymentIntent {
            id: text(value, "id")?,
            status: IntentStatus::read(value, "status"),
            amount: integer(value, "amount"),
            amount_received: integer(value, "amount_received"),
            currency: text(value, "currency"),
            metadata: map(value, "metadata"),
            charge_id: reference(value, "latest_charge"),
            charge: value.get("latest_charge").and_then(Charge::read),
            last_error: value.get("last_payment_error").and_then(|error| text(error, "code")),
            voucher,
            created: moment(value, "created"),
            livemode: flag(value, "livemode"),
        })
    }

    /// What has arrived.
    pub fn money(&self) -> Option<Money> {
        money(self.amount_received, self.currency.as_deref())
    }

    pub fn order_id(&self) -> Option<&str> {
        self.metadata.get("order_id").map(String::as_str)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub id: String,
    pub status: Option<String>,
    pub paid: bool,
    pub amount: Option<i64>,
    /// Minor units given back so far, by us or from Stripe's dashboard.
    pub amount_refunded: Option<i64>,
    /// Wholly refunded.
    pub refunded: bool,
    pub disputed: bool,
    pub currency: Option<String>,
    pub payment_intent: Option<String>,
}

impl Charge {
    pub fn read(value: &Value) -> Option<Charge> {
        Some(Charge {
            id: text(value, "id")?,
            status: text(value, "status"),
            paid: flag(value, "paid"),
            amount: integer(value, "amount"),
            amount_refunded: integer(value, "amount_refunded"),
            refunded: flag(value, "refunded"),
            disputed: flag(value, "disputed"),
            currency: text(value, "currency"),
            payment_intent: reference(value, "payment_intent"),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub id: String,
    pub status: RefundStatus,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    pub failure_reason: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub created: Option<Moment>,
}

impl Refund {
    pub fn read(value: &Value) -> Option<Refund> {
        Some(Refund {
            id: text(value, "id")?,
            status: RefundStatus::read(value, "status"),
            amount: integer(value, "amount"),
            currency: text(value, "currency"),
            payment_intent: reference(value, "payment_intent"),
            charge: reference(value, "charge"),
            failure_reason: text(value, "failure_reason"),
            metadata: map(value, "metadata"),
            created: moment(value, "created"),
        })
    }

    pub fn money(&self) -> Option<Money> {
        money(self.amount, self.currency.as_deref())
    }
}

/// A customer's bank that takes money back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    pub id: String,
    /// Stripe's word: `needs_response`, `under_review`, `won`, `lost` and what later versions bring.
    pub status: String,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub reason: Option<String>,
    /// Until when evidence is taken.
    pub evidence_due_by: Option<Moment>,
}

impl Dispute {
    pub fn read(value: &Value) -> Option<Dispute> {
        Some(Dispute {
            id: text(value, "id")?,
            status: text(value, "status").unwrap_or_default(),
            amount: integer(value, "amount"),
            currency: text(value, "currency"),
            reason: text(value, "reason"),
            evidence_due_by: value.get("evidence_details").and_then(|details| moment(details, "due_by")),
        })
    }

    pub fn money(&self) -> Option<Money> {
        money(self.amount, self.currency.as_deref())
    }

    /// How it ended; `None` while it is open.
    pub fn is_won(&self) -> Option<bool> {
        match self.status.as_str() {
            "won" | "warning_closed" | "prevented" => Some(true),
            "lost" => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_least_that_is_a_session() {
        let session = Session::read(&json!({"id": "cs_1"})).unwrap();
        assert_eq!(
            (session.status, session.payment_status),
            (SessionStatus::Other(String::new()), PaymentStatus::Other(String::new()))
        );
        assert_eq!(Session::read(&json!({"object": "checkout.session"})), None);
    }

    #[test]
    fn members_of_a_wrong_type_count_as_missing() {
        let session = Session::read(&json!({
            "id": "cs_1", "amount_total": "5000", "currency": 7, "metadata": ["x"], "payment_intent": 4, "livemode": "yes", "status": "paused",
        }))
        .unwrap();
        assert_eq!(session.money(), None);
        assert_eq!(session.status.word(), "paused");
        assert_eq!((session.payment_intent, session.livemode), (None, false));
    }

    #[test]
    fn every_means_that_takes_days_has_its_instructions() {
        let read = |action: Value| {
            let intent =
                PaymentIntent::read(&json!({"id": "pi_1", "status": "requires_action", "next_action": action}));
            intent.unwrap().voucher.map(|voucher| (voucher.url, voucher.expires_at.map(|at| at.unix_seconds())))
        };
        let page = Some("https://payments.stripe.com/v/1".to_owned());
        for (name, ends) in [
            ("konbini", "expires_at"),
            ("multibanco", "expires_at"),
            ("boleto", "expires_at"),
            ("oxxo", "expires_after"),
        ] {
            let kind = format!("{name}_display_details");
            let details =
                json!({"hosted_voucher_url": "https://payments.stripe.com/v/1", ends: 1_780_000_000, "number": "123"});
            let action = json!({"type": kind, &kind: details});
            assert_eq!(read(action), Some((page.clone(), Some(1_780_000_000))), "{name}");
        }
        let transfer = json!({"type": "display_bank_transfer_instructions", "display_bank_transfer_instructions": {
            "amount_remaining": 5000, "currency": "jpy", "hosted_instructions_url": "https://payments.stripe.com/v/1"}});
        assert_eq!(read(transfer), Some((page, None)));
        assert_eq!(read(json!({"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.example"}})), None);
        assert_eq!(read(Value::Null), None);
    }

    #[test]
    fn an_expanded_intent_is_read_with_its_charge() {
        let session = Session::read(&json!({
            "id": "cs_1", "status": "complete", "payment_status": "paid", "amount_total": 5000, "currency": "jpy", "metadata": {"order_id": "o1", "n": 1},
            "payment_intent": {"id": "pi_1", "status": "succeeded", "amount_received": 5000, "currency": "jpy", "latest_charge": {"id": "ch_1", "amount_refunded": 100}},
        }))
        .unwrap();
        assert_eq!(session.payment_intent.as_deref(), Some("pi_1"));
        assert_eq!(session.order_id(), Some("o1"));
        let intent = session.intent.unwrap();
        assert_eq!(intent.money().unwrap().show(), "¥5,000");
        assert_eq!((intent.charge_id.as_deref(), intent.charge.unwrap().amount_refunded), (Some("ch_1"), Some(100)));
    }
}
