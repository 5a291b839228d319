//! Rows as Stripe's JSON. Whole recorded objects are the base, so that a reader meets every member it would meet at Stripe.

use super::journal::{Books, ChargeRow, DisputeRow, IntentRow, RefundRow, SessionRow};
use crate::kernel::Fault;
use crate::stripe::API_VERSION;
use serde_json::{Value, json};
use std::sync::LazyLock;

static SESSION: LazyLock<Value> = LazyLock::new(|| read(include_str!("shapes/session.json")));
static INTENT: LazyLock<Value> = LazyLock::new(|| read(include_str!("shapes/payment_intent.json")));
static CHARGE: LazyLock<Value> = LazyLock::new(|| read(include_str!("shapes/charge.json")));
static DISPUTE: LazyLock<Value> = LazyLock::new(|| read(include_str!("shapes/dispute.json")));
static REFUND: LazyLock<Value> = LazyLock::new(|| read(include_str!("shapes/refund.json")));

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("the embedded shapes are checked by every test of the sandbox")
}

/// `base` with these members replaced.
fn with(base: &Value, members: Value) -> Value {
    let mut value = base.clone();
    if let (Value::Object(target), Value::Object(members)) = (&mut value, members) {
        target.extend(members);
    }
    value
}

/// `length` random letters and digits, as in Stripe's ids.
pub(super) fn token(length: usize) -> Result<String, Fault> {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = vec![0u8; length];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Io(format!("no randomness: {error}")))?;
    // The first eight letters are a little likelier; with 24 and more of them nothing can be guessed all the same.
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect())
}

fn means(currency: &str) -> Value {
    if currency == "jpy" { json!(["card", "konbini"]) } else { json!(["card"]) }
}

fn person(email: Option<&String>) -> Value {
    json!({
        "address": {"city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null},
        "business_name": null, "email": email, "individual_name": null, "name": "Sandbox", "phone": null,
        "tax_exempt": "none", "tax_ids": [],
    })
}

pub(super) fn session(row: &SessionRow, base: &str, books: &Books, expand: &[&str]) -> Value {
    let open = row.status == "open";
    let mut value = with(
        &SESSION,
        json!({
            "id": row.id, "created": row.created, "expires_at": row.expires_at, "status": row.status,
            "payment_status": row.payment_status, "amount_subtotal": row.amount_total, "amount_total": row.amount_total,
            "currency": row.currency, "client_reference_id": row.client_reference_id, "customer_email": row.customer_email,
            "customer_details": if open { Value::Null } else { person(row.customer_email.as_ref()) },
            "locale": row.locale, "metadata": row.metadata, "success_url": row.success_url, "cancel_url": row.cancel_url,
            "payment_intent": row.intent, "payment_method_types": means(&row.currency),
            "url": open.then(|| format!("{base}/pay/{}", row.id)),
        }),
    );
    if expand.contains(&"line_items") {
        value["line_items"] = line_items(row);
    }
    if let Some(found) = row.intent.as_ref().and_then(|id| books.intents.get(id)) {
        let charge = expand.contains(&"payment_intent.latest_charge");
        if charge || expand.contains(&"payment_intent") {
            value["payment_intent"] = intent(found, base, books, if charge { &["latest_charge"] } else { &[] });
        }
    }
    value
}

pub(super) fn line_items(row: &SessionRow) -> Value {
    let items: Vec<Value> = row
        .items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            let amount = item.unit_amount * item.quantity;
            json!({
                "id": format!("li_{}{at}", row.id.trim_start_matches("cs_test_")), "object": "item", "amount_discount": 0,
                "amount_subtotal": amount, "amount_tax": 0, "amount_total": amount, "currency": row.currency,
                "description": item.name, "quantity": item.quantity,
            })
        })
        .collect();
    json!({"object": "list", "url": format!("/v1/checkout/sessions/{}/line_items", row.id), "has_more": false, "data": items})
}

pub(super) fn intent(row: &IntentRow, base: &str, books: &Books, expand: &[&str]) -> Value {
    let error = row.last_error.as_deref().map(|code| {
        let message = if code == "card_declined" { "Your card was declined." } else { "The payment attempt has expired." };
        let kind = if code == "card_declined" { "card_error" } else { "invalid_request_error" };
        let name = code.replace('_', "-");
        json!({"code": code, "message": message, "type": kind, "doc_url": format!("https://stripe.com/docs/error-codes/{name}")})
    });
    let next = row.voucher.as_ref().filter(|_| row.status == "requires_action").map(|voucher| {
        json!({
            "type": "konbini_display_details",
            "konbini_display_details": {
                "expires_at": voucher.expires_at,
                "hosted_voucher_url": format!("{base}/voucher/{}", row.id),
                "stores": {"familymart": {"confirmation_number": voucher.number, "payment_code": &voucher.number[..6]}},
            },
        })
    });
    let mut value = with(
        &INTENT,
        json!({
            "id": row.id, "created": row.created, "amount": row.amount, "amount_received": row.amount_received,
            "currency": row.currency, "status": row.status, "metadata": row.metadata, "description": row.description,
            "client_secret": format!("{}_secret_sandbox", row.id), "last_payment_error": error, "next_action": next,
            "latest_charge": row.charge, "payment_method_types": means(&row.currency), "canceled_at": row.canceled_at,
            "cancellation_reason": row.canceled_at.map(|_| "expired"),
        }),
    );
    if let Some(found) =
        row.charge.as_ref().and_then(|id| books.charges.get(id)).filter(|_| expand.contains(&"latest_charge"))
    {
        value["latest_charge"] = charge(found);
    }
    value
}

pub(super) fn charge(row: &ChargeRow) -> Value {
    let details = if row.konbini {
        json!({"type": "konbini", "konbini": {"store": {"chain": "familymart"}}})
    } else {
        json!({"type": "card", "card": {"brand": "visa", "country": "JP", "exp_month": 12, "exp_year": 2034, "funding": "credit", "last4": "4242"}})
    };
    let mut value = with(
        &CHARGE,
        json!({
            "id": row.id, "created": row.created, "amount": row.amount, "amount_captured": if row.paid { row.amount } else { 0 },
            "amount_refunded": row.amount_refunded, "disputed": row.disputed, "refunded": row.paid && row.amount_refunded == row.amount,
            "currency": row.currency, "payment_intent": row.intent, "payment_method_details": details, "paid": row.paid,
            "captured": row.paid, "status": if row.paid { "succeeded" } else { "failed" },
            "failure_code": (!row.paid).then_some("card_declined"),
            "failure_message": (!row.paid).then_some("Your card was declined."),
            "balance_transaction": row.booked.then(|| row.id.replace("ch_", "txn_")),
        }),
    );
    value["billing_details"]["email"] = json!(row.email);
    if !row.paid {
        value["outcome"] = json!({
            "network_status": "declined_by_network", "reason": "generic_decline", "risk_level": "normal",
            "seller_message": "The bank did not return any further details with this decline.", "type": "issuer_declined",
        });
    }
    value
}

pub(super) fn refund(row: &RefundRow) -> Value {
    let mut value = with(
        &REFUND,
        json!({
            "id": row.id, "created": row.created, "amount": row.amount, "currency": row.currency, "status": row.status,
            "payment_intent": row.intent, "charge": row.charge, "reason": row.reason, "metadata": row.metadata,
        }),
    );
    if let Some(reason) = &row.failure_reason {
        value["failure_reason"] = json!(reason);
    }
    value
}

pub(super) fn dispute(row: &DisputeRow) -> Value {
    let mut value = with(
        &DISPUTE,
        json!({
            "id": row.id, "created": row.created, "amount": row.amount, "currency": row.currency, "status": row.status,
            "payment_intent": row.intent, "charge": row.charge,
        }),
    );
    value["evidence_details"]["due_by"] = json!(row.due_by);
    value
}

/// An event about `object`, which is as it is at this moment.
pub(super) fn event(id: &str, kind: &str, created: i64, object: Value, before: Option<Value>) -> Value {
    let mut data = json!({"object": object});
    if let Some(before) = before {
        data["previous_attributes"] = before;
    }
    json!({
        "id": id, "object": "event", "api_version": API_VERSION, "created": created, "data": data, "livemode": false,
        "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null}, "type": kind,
    })
}
