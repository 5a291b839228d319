//! Lists of the API, cut into pages by Stripe's rules.

use super::api::{Complaint, integer, known};
use super::form::Form;
use super::journal::{Books, EventRow, SessionRow};
use super::shape;
use super::till::Work;
use serde_json::{Value, json};

const LIST_PARAMETERS: [&str; 8] = [
    "limit",
    "starting_after",
    "ending_before",
    "created",
    "created[gt]",
    "created[gte]",
    "created[lt]",
    "created[lte]",
];

/// One item of a list before it is cut into pages: id, time, and how to show it.
struct Listed<'a> {
    id: &'a str,
    created: i64,
    value: Box<dyn Fn() -> Value + 'a>,
}

/// A page of `newest_first`, by Stripe's rules: `starting_after` goes towards the past, `ending_before` towards the present.
fn page(url: &str, form: &Form, newest_first: Vec<Listed<'_>>) -> Result<Value, Complaint> {
    let limit = match form.get("limit") {
        None => 10,
        Some(text) => integer("limit", text)?,
    };
    if !(1..=100).contains(&limit) {
        return Err(Complaint::bad("limit", "Limits are from 1 to 100.").code("parameter_invalid_integer"));
    }
    let bound = |name: &str| form.get(name).map(|text| integer(name, text)).transpose();
    let (gt, gte, lt, lte) =
        (bound("created[gt]")?, bound("created[gte]")?, bound("created[lt]")?, bound("created[lte]")?);
    let exact = bound("created")?;
    let fits = |at: i64| {
        gt.is_none_or(|edge| at > edge)
            && gte.is_none_or(|edge| at >= edge)
            && lt.is_none_or(|edge| at < edge)
            && lte.is_none_or(|edge| at <= edge)
            && exact.is_none_or(|edge| at == edge)
    };
    let place = |name: &str| -> Result<Option<usize>, Complaint> {
        let Some(id) = form.get(name) else { return Ok(None) };
        let found = newest_first.iter().position(|item| item.id == id);
        found.map(Some).ok_or_else(|| Complaint::missing("object", id).about(name))
    };
    let limit = limit as usize;
    let (after, before) = (place("starting_after")?, place("ending_before")?);
    let all: Vec<&Listed<'_>> = newest_first
        .iter()
        .enumerate()
        .filter(|(at, item)| {
            after.is_none_or(|edge| *at > edge) && before.is_none_or(|edge| *at < edge) && fits(item.created)
        })
        .map(|(_, item)| item)
        .collect();
    let shown = if before.is_some() { &all[all.len().saturating_sub(limit)..] } else { &all[..limit.min(all.len())] };
    let data: Vec<Value> = shown.iter().map(|item| (item.value)()).collect();
    Ok(json!({"object": "list", "url": url, "has_more": shown.len() < all.len(), "data": data}))
}

pub(super) fn sessions(work: &Work<'_>, form: &Form) -> Result<Value, Complaint> {
    known(form, &[&LIST_PARAMETERS[..], &["status", "payment_intent"]].concat())?;
    let books: &Books = &work.journal.books;
    let mut rows: Vec<&SessionRow> = books
        .sessions
        .values()
        .filter(|row| form.get("status").is_none_or(|status| row.status == status))
        .filter(|row| form.get("payment_intent").is_none_or(|id| row.intent.as_deref() == Some(id)))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.created, row.seq)));
    let listed = rows.into_iter().map(|row| Listed {
        id: &row.id,
        created: row.created,
        value: Box::new(|| shape::session(row, work.base, books, &[])),
    });
    page("/v1/checkout/sessions", form, listed.collect())
}

pub(super) fn refunds(work: &Work<'_>, form: &Form) -> Result<Value, Complaint> {
    known(form, &[&LIST_PARAMETERS[..], &["payment_intent", "charge"]].concat())?;
    let mut rows: Vec<_> = work
        .journal
        .books
        .refunds
        .values()
        .filter(|row| form.get("payment_intent").is_none_or(|id| row.intent == id))
        .filter(|row| form.get("charge").is_none_or(|id| row.charge == id))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.created, row.seq)));
    let listed = rows.into_iter().map(|row| Listed {
        id: &row.id,
        created: row.created,
        value: Box::new(|| shape::refund(row)),
    });
    page("/v1/refunds", form, listed.collect())
}

pub(super) fn disputes(work: &Work<'_>, form: &Form) -> Result<Value, Complaint> {
    known(form, &[&LIST_PARAMETERS[..], &["payment_intent", "charge"]].concat())?;
    let all = work.journal.books.disputes.values();
    let mut rows: Vec<_> = all
        .filter(|row| form.get("payment_intent").is_none_or(|id| row.intent == id))
        .filter(|row| form.get("charge").is_none_or(|id| row.charge == id))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.created, row.seq)));
    let listed = rows.into_iter().map(|row| Listed {
        id: &row.id,
        created: row.created,
        value: Box::new(|| shape::dispute(row)),
    });
    page("/v1/disputes", form, listed.collect())
}

pub(super) fn events(work: &Work<'_>, form: &Form) -> Result<Value, Complaint> {
    known(form, &[&LIST_PARAMETERS[..], &["type", "types[*]", "delivery_success"]].concat())?;
    let mut kinds = form.list("types");
    kinds.extend(form.get("type"));
    let wanted = |kind: &str| {
        kinds.is_empty()
            || kinds
                .iter()
                .any(|name| *name == kind || name.strip_suffix('*').is_some_and(|start| kind.starts_with(start)))
    };
    let rows = work.journal.books.events.iter().rev().filter(|event| wanted(&event.kind));
    let listed = rows.map(|event| Listed { id: &event.id, created: event.created, value: Box::new(|| shown(event)) });
    page("/v1/events", form, listed.collect())
}

/// An event as it is asked for: whether it was delivered shows.
pub(super) fn shown(event: &EventRow) -> Value {
    let mut body = event.body.clone();
    body["pending_webhooks"] = json!(i32::from(!event.delivery.settled));
    body
}
