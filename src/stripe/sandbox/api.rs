//! `/v1/…`: the part of Stripe's API that the client uses, with Stripe's own refusals.

use super::form::Form;
use super::journal::{Item, KeptRow, SessionRow};
use super::list;
use super::mishap::Call;
use super::shape;
use super::till::{Problem, Till, Work};
use crate::kernel::{Currency, Fault, Money};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

/// A call with its credentials, as the server read it.
pub(super) struct Ask<'a> {
    pub call: &'a Call,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// Do the work, but answer (and keep under the key) an error of this status.
    pub keep_error: Option<u16>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub body: String,
    /// Answered from what was kept under the key.
    pub replayed: bool,
}

/// Stripe's no.
#[derive(Debug)]
pub(super) struct Complaint {
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
}

impl Complaint {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Complaint { status, kind: "invalid_request_error", code: None, message: message.into(), param: None }
    }

    pub fn bad(param: &str, message: impl Into<String>) -> Self {
        Complaint { param: Some(param.to_owned()), ..Complaint::new(400, message) }
    }

    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub fn missing(what: &str, id: &str) -> Self {
        Complaint {
            param: Some("id".to_owned()),
            ..Complaint::new(404, format!("No such {what}: '{id}'")).code("resource_missing")
        }
    }

    /// Names the parameter it is about.
    pub fn about(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    fn answer(&self) -> Answer {
        let body =
            json!({"error": {"type": self.kind, "code": self.code, "message": self.message, "param": self.param}});
        Answer { status: self.status, body: pretty(&body), replayed: false }
    }
}

impl From<Fault> for Complaint {
    fn from(fault: Fault) -> Self {
        Complaint { kind: "api_error", ..Complaint::new(500, format!("The sandbox cannot go on: {fault}")) }
    }
}

impl From<Problem> for Complaint {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Fault(fault) => fault.into(),
            other => Complaint::new(400, format!("{other:?}")),
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The body Stripe sends with a failure of its own.
pub(super) fn error_body(status: u16) -> String {
    let (kind, message) = match status {
        429 => ("rate_limit_error", "Too many requests hit the API too quickly."),
        _ => ("api_error", "An unknown error occurred."),
    };
    pretty(&json!({"error": {"type": kind, "message": message}}))
}

/// Answers one call. Reads and writes alike see the state at one moment; changes are on disk before the answer is given.
pub(super) fn answer(till: &Till, ask: &Ask<'_>) -> Answer {
    let call = ask.call;
    if !authorized(till.secret_key(), ask.authorization) {
        return Complaint::new(401, "Invalid API Key provided: ****").answer();
    }
    let text = if call.method == "GET" { &call.query } else { &call.body };
    let Some(form) = Form::parse(text) else {
        return Complaint::new(400, "Invalid request (check that your POST body is form-encoded).").answer();
    };
    let result = till.work(|work| {
        let key = call.key.as_deref().filter(|_| call.method != "GET");
        let Some(key) = key else { return route(work, call, &form).map(|value| (200, pretty(&value), false)) };
        if key.is_empty() || key.len() > 255 {
            return Err(Complaint::new(400, "Idempotency keys have 1 to 255 characters."));
        }
        let fingerprint = form.fingerprint(&format!("{} {}", call.method, call.path));
        let now = work.seconds();
        if let Some(kept) = work.journal.books.kept.get(key).filter(|kept| now - kept.created < 86_400) {
            if kept.fingerprint != fingerprint {
                let message = format!(
                    "Keys for idempotent requests can only be used with the same parameters they were first used with. \
                     Try using a key other than '{key}' if you meant to execute a different request."
                );
                return Err(Complaint { kind: "idempotency_error", ..Complaint::new(400, message) });
            }
            return Ok((kept.status, kept.body.clone(), true));
        }
        // A request that is refused before it does anything leaves nothing under its key.
        let value = route(work, call, &form)?;
        let (status, body) = match ask.keep_error {
            Some(status) => (status, error_body(status)),
            None => (200, pretty(&value)),
        };
        work.keep(KeptRow { key: key.to_owned(), created: now, fingerprint, status, body: body.clone() });
        Ok((status, body, false))
    });
    match result {
        Ok((status, body, replayed)) => Answer { status, body, replayed },
        Err(complaint) => complaint.answer(),
    }
}

/// The secret key as bearer token, or as the user name of basic authentication.
fn authorized(secret_key: &str, header: Option<&str>) -> bool {
    use base64::Engine;
    let Some((scheme, credentials)) = header.and_then(|header| header.split_once(' ')) else { return false };
    let given = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => credentials.trim().to_owned(),
        "basic" => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(credentials.trim()).unwrap_or_default();
            let text = String::from_utf8(decoded).unwrap_or_default();
            text.split(':').next().unwrap_or_default().to_owned()
        }
        _ => return false,
    };
    given.as_bytes().ct_eq(secret_key.as_bytes()).into()
}

fn route(work: &mut Work<'_>, call: &Call, form: &Form) -> Result<Value, Complaint> {
    let segments: Vec<&str> = call.path.trim_matches('/').split('/').skip(1).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("POST", ["checkout", "sessions"]) => create_session(work, form),
        ("GET", ["checkout", "sessions"]) => list::sessions(work, form),
        ("GET", ["checkout", "sessions", id]) => {
            known(form, &["expand[*]"])?;
            let row = work.session(id).map_err(|_| Complaint::missing("checkout.session", id))?;
            Ok(shape::session(&row, work.base, &work.journal.books, &session_expand(form)?))
        }
        ("GET", ["checkout", "sessions", id, "line_items"]) => {
            known(form, &["expand[*]", "limit", "starting_after", "ending_before"])?;
            Ok(shape::line_items(&work.session(id).map_err(|_| Complaint::missing("checkout.session", id))?))
        }
        ("POST", ["checkout", "sessions", id, "expire"]) => expire_session(work, form, id),
        ("GET", ["payment_intents", id]) => {
            known(form, &["expand[*]"])?;
            let row = work.intent(id).map_err(|_| Complaint::missing("payment_intent", id))?;
            Ok(shape::intent(&row, work.base, &work.journal.books, &expand(form, &["latest_charge"])?))
        }
        ("GET", ["charges", id]) => {
            known(form, &["expand[*]"])?;
            let row = work.journal.books.charges.get(*id).ok_or_else(|| Complaint::missing("charge", id))?;
            Ok(shape::charge(row))
        }
        ("POST", ["refunds"]) => create_refund(work, form),
        ("GET", ["refunds"]) => list::refunds(work, form),
        ("GET", ["refunds", id]) => {
            known(form, &["expand[*]"])?;
            let row = work.journal.books.refunds.get(*id).ok_or_else(|| Complaint::missing("refund", id))?;
            Ok(shape::refund(row))
        }
        ("GET", ["disputes"]) => list::disputes(work, form),
        ("GET", ["disputes", id]) => {
            known(form, &["expand[*]"])?;
            let row = work.journal.books.disputes.get(*id).ok_or_else(|| Complaint::missing("dispute", id))?;
            Ok(shape::dispute(row))
        }
        ("GET", ["events"]) => list::events(work, form),
        ("GET", ["events", id]) => {
            known(form, &["expand[*]"])?;
            let found = work.journal.books.events.iter().find(|event| event.id == *id);
            Ok(list::shown(found.ok_or_else(|| Complaint::missing("event", id))?))
        }
        ("GET", ["balance"]) => {
            known(form, &["expand[*]"])?;
            let nothing = json!([{"amount": 0, "currency": "jpy", "source_types": {"card": 0}}]);
            Ok(json!({"object": "balance", "available": nothing, "pending": nothing, "livemode": false}))
        }
        ("GET", ["account"]) => Ok(json!({
            "id": "acct_sandbox", "object": "account", "country": "JP", "default_currency": "jpy", "charges_enabled": true,
            "details_submitted": true, "payouts_enabled": false, "settings": {"dashboard": {"display_name": "petstar sandbox"}},
        })),
        ("GET", ["webhook_endpoints"]) => {
            known(form, &["limit", "starting_after", "ending_before"])?;
            // The one address it sends to is given at the start, not kept as an object.
            Ok(json!({"object": "list", "url": "/v1/webhook_endpoints", "has_more": false, "data": []}))
        }
        (method, _) => Err(Complaint::new(404, format!("Unrecognized request URL ({method}: {}).", call.path))),
    }
}

pub(super) fn known(form: &Form, allowed: &[&str]) -> Result<(), Complaint> {
    match form.unknown(allowed) {
        None => Ok(()),
        Some(name) => {
            Err(Complaint::bad(name, format!("Received unknown parameter: {name}")).code("parameter_unknown"))
        }
    }
}

fn expand<'a>(form: &'a Form, allowed: &[&str]) -> Result<Vec<&'a str>, Complaint> {
    let asked = form.list("expand");
    match asked.iter().find(|name| !allowed.contains(name)) {
        None => Ok(asked),
        Some(name) => Err(Complaint::bad("expand", format!("This property cannot be expanded ({name})."))),
    }
}

fn session_expand(form: &Form) -> Result<Vec<&str>, Complaint> {
    expand(form, &["payment_intent", "payment_intent.latest_charge", "line_items"])
}

const SESSION_PARAMETERS: &[&str] = &[
    "mode",
    "ui_mode",
    "currency",
    "client_reference_id",
    "customer_email",
    "customer_creation",
    "expires_at",
    "locale",
    "success_url",
    "cancel_url",
    "submit_type",
    "expand[*]",
    "metadata[?]",
    "payment_intent_data[metadata][?]",
    "payment_intent_data[description]",
    "line_items[*][quantity]",
    "line_items[*][price_data][currency]",
    "line_items[*][price_data][unit_amount]",
    "line_items[*][price_data][product_data][name]",
    "line_items[*][price_data][product_data][description]",
    "line_items[*][price_data][product_data][images][*]",
    "line_items[*][price_data][product_data][metadata][?]",
];

fn create_session(work: &mut Work<'_>, form: &Form) -> Result<Value, Complaint> {
    known(form, SESSION_PARAMETERS)?;
    let expand = session_expand(form)?;
    if form.get("mode") != Some("payment") {
        return Err(Complaint::bad("mode", "The sandbox only knows the mode `payment`."));
    }
    let (items, currency) = read_items(form)?;
    let total = items.iter().try_fold(0i64, |sum, item| sum.checked_add(item.unit_amount.checked_mul(item.quantity)?));
    let amount_total =
        total.ok_or_else(|| Complaint::bad("line_items", "The amount is too large.").code("amount_too_large"))?;
    check_amount(Money::new(amount_total, currency))?;

    let now = work.seconds();
    let expires_at = match form.get("expires_at") {
        None => now + 86_400,
        Some(text) => integer("expires_at", text)?,
    };
    if expires_at < now + 30 * 60 {
        let message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.";
        return Err(Complaint::bad("expires_at", message));
    }
    if expires_at > now + 86_400 {
        let message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.";
        return Err(Complaint::bad("expires_at", message));
    }
    let success_url = form.get("success_url").filter(|url| !url.is_empty());
    let success_url = success_url.ok_or_else(|| {
        Complaint::bad("success_url", "Missing required param: success_url.").code("parameter_missing")
    })?;
    url("success_url", success_url)?;
    let cancel_url = form.get("cancel_url").filter(|url| !url.is_empty());
    if let Some(address) = cancel_url {
        url("cancel_url", address)?;
    }
    let customer_email = form.get("customer_email").map(str::to_owned);
    if let Some(email) = customer_email.as_deref().filter(|email| !crate::kernel::text::looks_like_email(email)) {
        return Err(Complaint::bad("customer_email", format!("Invalid email address: {email}")).code("email_invalid"));
    }
    let client_reference_id = form.get("client_reference_id").map(str::to_owned);
    if client_reference_id.as_ref().is_some_and(|id| id.chars().count() > 200) {
        return Err(Complaint::bad("client_reference_id", "Invalid string: must be at most 200 characters"));
    }
    let row = SessionRow {
        id: format!("cs_test_a1{}", shape::token(56)?),
        seq: work.journal.books.next_seq(),
        created: now,
        expires_at,
        status: "open".to_owned(),
        payment_status: "unpaid".to_owned(),
        amount_total,
        currency: currency.code().to_ascii_lowercase(),
        items,
        client_reference_id,
        customer_email,
        locale: form.get("locale").map(str::to_owned),
        metadata: metadata(form, "metadata")?,
        intent_metadata: metadata(form, "payment_intent_data[metadata]")?,
        intent_description: form.get("payment_intent_data[description]").map(str::to_owned),
        success_url: success_url.to_owned(),
        cancel_url: cancel_url.map(str::to_owned),
        intent: None,
    };
    let value = shape::session(&row, work.base, &work.journal.books, &expand);
    work.put_session(row);
    Ok(value)
}

fn read_items(form: &Form) -> Result<(Vec<Item>, Currency), Complaint> {
    let mut items = Vec::new();
    let mut currency: Option<Currency> = None;
    for at in form.indexes("line_items") {
        let name = |member: &str| format!("line_items[{at}]{member}");
        let need = |member: &str| {
            let name = name(member);
            let value = form.get(&name).filter(|value| !value.is_empty());
            value.ok_or_else(|| {
                Complaint::bad(&name, format!("Missing required param: {name}.")).code("parameter_missing")
            })
        };
        let code = need("[price_data][currency]")?;
        let own: Currency = code.parse().map_err(|_| {
            Complaint::bad(&name("[price_data][currency]"), format!("Invalid currency: {code}."))
                .code("currency_invalid")
        })?;
        if currency.is_some_and(|first| first != own) {
            return Err(Complaint::bad("line_items", "All line items must have the same currency."));
        }
        currency = Some(own);
        let unit_amount = integer(&name("[price_data][unit_amount]"), need("[price_data][unit_amount]")?)?;
        let quantity = integer(&name("[quantity]"), need("[quantity]")?)?;
        if unit_amount < 0 {
            return Err(Complaint::bad(&name("[price_data][unit_amount]"), "Invalid non-negative integer"));
        }
        if !(1..=999_999).contains(&quantity) {
            return Err(Complaint::bad(&name("[quantity]"), "This value must be greater than or equal to 1."));
        }
        items.push(Item {
            name: need("[price_data][product_data][name]")?.to_owned(),
            description: form.get(&name("[price_data][product_data][description]")).map(str::to_owned),
            quantity,
            unit_amount,
        });
    }
    match currency {
        Some(_) if items.len() > 100 => Err(Complaint::bad("line_items", "Array may contain at most 100 items.")),
        Some(currency) => Ok((items, currency)),
        None => Err(Complaint::bad("line_items", "You must provide line items.").code("parameter_missing")),
    }
}

fn check_amount(total: Money) -> Result<(), Complaint> {
    if total.minor < total.currency.minimum_charge() {
        let message = format!(
            "The Checkout Session's total amount due must add up to at least {}.",
            Money::new(total.currency.minimum_charge(), total.currency).show()
        );
        return Err(Complaint::bad("line_items", message).code("amount_too_small"));
    }
    if total.minor > 99_999_999 {
        return Err(Complaint::bad(
            "line_items",
            "The Checkout Session's total amount must be no more than 99,999,999.",
        )
        .code("amount_too_large"));
    }
    if total.minor % total.currency.step() != 0 {
        return Err(Complaint::bad(
            "line_items",
            format!("Amounts in {} must be multiples of {}.", total.currency, total.currency.step()),
        ));
    }
    Ok(())
}

pub(super) fn integer(param: &str, text: &str) -> Result<i64, Complaint> {
    text.parse()
        .map_err(|_| Complaint::bad(param, format!("Invalid integer: {text}")).code("parameter_invalid_integer"))
}

fn url(param: &str, text: &str) -> Result<(), Complaint> {
    let plain = text.replace("{CHECKOUT_SESSION_ID}", "cs");
    let good = plain
        .parse::<http::Uri>()
        .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    if good { Ok(()) } else { Err(Complaint::bad(param, "Not a valid URL").code("url_invalid")) }
}

fn metadata(form: &Form, name: &str) -> Result<std::collections::BTreeMap<String, String>, Complaint> {
    let map = form.map(name);
    let good =
        map.len() <= 50 && map.iter().all(|(key, value)| key.chars().count() <= 40 && value.chars().count() <= 500);
    if good {
        Ok(map)
    } else {
        Err(Complaint::bad(
            name,
            "Metadata has at most 50 keys of up to 40 characters, with values of up to 500 characters.",
        ))
    }
}

fn expire_session(work: &mut Work<'_>, form: &Form, id: &str) -> Result<Value, Complaint> {
    known(form, &["expand[*]"])?;
    let expand = session_expand(form)?;
    let row = work.session(id).map_err(|_| Complaint::missing("checkout.session", id))?;
    work.expire(id).map_err(|problem| match problem {
        Problem::Closed => Complaint::new(
            400,
            format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of {}.",
                row.status
            ),
        ),
        other => other.into(),
    })?;
    Ok(shape::session(&work.session(id)?, work.base, &work.journal.books, &expand))
}

fn create_refund(work: &mut Work<'_>, form: &Form) -> Result<Value, Complaint> {
    known(form, &["payment_intent", "charge", "amount", "reason", "metadata[?]", "expand[*]"])?;
    let books = &work.journal.books;
    let charge = match (form.get("payment_intent"), form.get("charge")) {
        (Some(id), None) => {
            let intent = books.intents.get(id).ok_or_else(|| Complaint::missing("payment_intent", id))?;
            let charge = intent.charge.as_ref().and_then(|id| books.charges.get(id)).filter(|charge| charge.paid);
            charge.ok_or_else(|| {
                Complaint::bad(
                    "payment_intent",
                    format!("This PaymentIntent ({id}) does not have a successful charge to refund."),
                )
            })?
        }
        (None, Some(id)) => {
            books.charges.get(id).filter(|charge| charge.paid).ok_or_else(|| Complaint::missing("charge", id))?
        }
        _ => {
            return Err(Complaint::bad(
                "charge",
                "One of the following params should be provided: payment_intent or charge.",
            ));
        }
    };
    let charge = charge.clone();
    let reason = form.get("reason").map(str::to_owned);
    if reason.as_deref().is_some_and(|reason| !["duplicate", "fraudulent", "requested_by_customer"].contains(&reason)) {
        return Err(Complaint::bad(
            "reason",
            "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer",
        ));
    }
    let left = charge.amount - charge.amount_refunded;
    if left == 0 {
        return Err(Complaint::new(400, format!("Charge {} has already been refunded.", charge.id))
            .code("charge_already_refunded"));
    }
    let amount = match form.get("amount") {
        None => left,
        Some(text) => integer("amount", text)?,
    };
    if amount < 1 {
        return Err(Complaint::bad("amount", "This value must be greater than or equal to 1.")
            .code("parameter_invalid_integer"));
    }
    if amount > left {
        let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
        return Err(Complaint::bad("amount", message));
    }
    let metadata = metadata(form, "metadata")?;
    let row = work.refund(charge, amount, reason, metadata)?;
    Ok(shape::refund(&row))
}
