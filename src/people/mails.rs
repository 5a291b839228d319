//! Every mail the shop sends: a row committed with its cause, a job that hands it over, a page that shows what became of it.
//!
//! Begin with [`post`] (from inside a write) and [`render`] (how a letter looks).

mod body;
mod send;
pub mod texts;
pub mod web;

pub use body::{LetterBody, render, render_for_panel};
pub use send::{MAIL_SEND, alarm_dead_job, handler};

use crate::kernel::{Code, Fault, Lang, Moment, Refusal, Result};
use crate::queue::{self, JobId, NewJob};
use crate::shop::Shop;
use crate::store::{Index, Order, Snapshot, Table, WriteTx, derived};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::ops::ControlFlow;
use uuid::Uuid;

crate::id!(
    /// A mail.
    MailId
);

static MAILS: Table<MailId, MailRow> = Table::new("people.mails", 1);
static BY_KEY: Table<String, MailId> = Table::new("people.mails.by_key", 1);
static BY_ORDER: Index<(Uuid, MailId)> = Index::new("people.mails.by_order");
static BY_STATE: Index<(String, MailId)> = Index::new("people.mails.by_state");
/// Each mail twice: under its kind and its state, and under its kind and nothing.
static BY_KIND: Index<(String, String, MailId)> = Index::new("people.mails.by_kind");

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailState {
    Queued,
    /// Being handed over; stored before the mail server hears of it.
    Sending,
    Sent,
    /// Handed over twice without an answer: it may have arrived, even twice.
    Uncertain,
    Failed,
}

impl MailState {
    pub const ALL: [MailState; 5] =
        [MailState::Queued, MailState::Sending, MailState::Sent, MailState::Uncertain, MailState::Failed];

    pub fn name(self) -> &'static str {
        match self {
            MailState::Queued => "queued",
            MailState::Sending => "sending",
            MailState::Sent => "sent",
            MailState::Uncertain => "uncertain",
            MailState::Failed => "failed",
        }
    }

    pub fn from_name(name: &str) -> Option<MailState> {
        MailState::ALL.into_iter().find(|state| state.name() == name)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailRow {
    pub id: MailId,
    pub kind: String,
    /// What the mail is about and which time it is told; one key, one mail.
    pub key: String,
    pub order_id: Option<Uuid>,
    pub to: String,
    pub lang: Lang,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The same on every try, by which mail programs know repeats.
    pub message_id: String,
    pub state: MailState,
    pub attempts: u32,
    /// Tries of which nobody knows how they ended.
    pub unknown: u32,
    /// How often staff sent it again.
    pub resent: u32,
    pub job_id: JobId,
    /// Why the last try failed: a word under `people.mail_error.…`, and the server's own line.
    pub error: Option<MailError>,
    pub created_at: Moment,
    pub sent_at: Option<Moment>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailError {
    pub reason: String,
    pub answer: String,
}

/// A mail to be posted.
#[derive(Clone, Debug)]
pub struct NewMail {
    pub id: Uuid,
    pub kind: &'static str,
    /// Unique, for example `order:<id>:paid:1`.
    pub key: String,
    pub to: String,
    pub lang: Lang,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub order_id: Option<Uuid>,
    pub now: Moment,
}

/// Whether a mail was posted under the key.
///
/// # Errors
/// A database that cannot be read.
pub fn is_posted(tx: &impl Snapshot, key: &str) -> Result<bool, Fault> {
    BY_KEY.has(tx, &key.to_owned())
}

/// Tables that hold what [`follow`] names and nothing else.
pub const FOLLOWING: &[&str] = &[BY_KEY.name(), BY_ORDER.name(), BY_STATE.name(), BY_KIND.name()];
/// Those that came later than the mails.
pub const LATER: &[&str] = &[BY_KIND.name()];

/// Names every row of other tables that the mails stand for.
///
/// # Errors
/// A database that cannot be read.
pub fn follow(tx: &impl Snapshot, visit: &mut derived::Visit<'_>) -> Result<(), Fault> {
    MAILS.each(tx, .., Order::Rising, |id, row| {
        visit(BY_KEY.derived(&row.key, &id)?)?;
        if let Some(order) = row.order_id {
            visit(BY_ORDER.derived(&(order, id)))?;
        }
        visit(BY_STATE.derived(&(row.state.name().to_owned(), id)))?;
        visit(BY_KIND.derived(&(row.kind.clone(), String::new(), id)))?;
        visit(BY_KIND.derived(&(row.kind.clone(), row.state.name().to_owned(), id)))?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Mails that wait for a job that will never come, in words.
///
/// # Errors
/// A database that cannot be read.
pub fn check(tx: &impl Snapshot) -> Result<Vec<String>, Fault> {
    let mut wrong = Vec::new();
    MAILS.each(tx, .., Order::Rising, |id, row| {
        let waits = matches!(row.state, MailState::Queued | MailState::Sending);
        if waits && queue::job(tx, row.job_id)?.is_none_or(|job| job.status.is_settled()) {
            wrong.push(format!("Mail {id} waits, but no job will send it."));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(wrong)
}

/// Puts mails back in line that wait for a job that will never come, and gives how many those were. One that was being handed over may
/// have arrived; it is told apart as after any other unknown end.
///
/// # Errors
/// A database that cannot be written.
pub fn requeue(tx: &WriteTx, shop: &Shop, now: Moment) -> Result<u64, Fault> {
    let mut lost = Vec::new();
    MAILS.each(tx, .., Order::Rising, |_, row| {
        let waits = matches!(row.state, MailState::Queued | MailState::Sending);
        if waits && queue::job(tx, row.job_id)?.is_none_or(|job| job.status.is_settled()) {
            lost.push(row);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    for row in &lost {
        let before = row.state;
        let row = send::cut_off(row.clone());
        // The old job may still hold the key of this round.
        let row = MailRow { resent: row.resent + 1, job_id: JobId(shop.new_id()), ..row };
        put(tx, Some(before), &row)?;
        if row.state == MailState::Queued {
            enqueue(tx, &row, now)?;
        }
    }
    Ok(lost.len() as u64)
}

/// Posts a mail with the caller's transaction. The same key again posts nothing and gives the first mail's id.
///
/// # Errors
/// A database that cannot be written.
pub fn post(tx: &WriteTx, shop: &Shop, new: NewMail) -> Result<MailId, Fault> {
    if let Some(id) = BY_KEY.get(tx, &new.key)? {
        return Ok(id);
    }
    let id = MailId(new.id);
    let job_id = JobId(shop.new_id());
    let row = MailRow {
        id,
        kind: new.kind.into(),
        key: new.key,
        order_id: new.order_id,
        to: new.to,
        lang: new.lang,
        subject: new.subject,
        text: new.text,
        html: new.html,
        message_id: message_id(shop, id, 0),
        state: MailState::Queued,
        attempts: 0,
        unknown: 0,
        resent: 0,
        job_id,
        error: None,
        created_at: new.now,
        sent_at: None,
    };
    BY_KEY.put(tx, &row.key, &id)?;
    if let Some(order) = row.order_id {
        BY_ORDER.put(tx, &(order, id))?;
    }
    put(tx, None, &row)?;
    enqueue(tx, &row, new.now)?;
    Ok(id)
}

fn enqueue(tx: &WriteTx, row: &MailRow, now: Moment) -> Result<(), Fault> {
    let job = NewJob {
        id: row.job_id,
        kind: &MAIL_SEND,
        payload: json!({"mail_id": row.id}),
        owner: Some(row.id.0),
        idempotency_key: Some(format!("{}:{}", row.id, row.resent)),
        run_at: now,
        now,
    };
    queue::enqueue(tx, job).map(drop)
}

/// Writes a row and keeps its place in the index of states.
fn put(tx: &WriteTx, before: Option<MailState>, row: &MailRow) -> Result<(), Fault> {
    if before != Some(row.state) {
        if let Some(before) = before {
            BY_STATE.remove(tx, &(before.name().to_owned(), row.id))?;
            BY_KIND.remove(tx, &(row.kind.clone(), before.name().to_owned(), row.id))?;
        } else {
            BY_KIND.put(tx, &(row.kind.clone(), String::new(), row.id))?;
        }
        BY_STATE.put(tx, &(row.state.name().to_owned(), row.id))?;
        BY_KIND.put(tx, &(row.kind.clone(), row.state.name().to_owned(), row.id))?;
    }
    MAILS.put(tx, &row.id, row)
}

/// Under the sender's domain. Mail programs throw away what they have seen, so a mail sent again after it was taken gets a new name.
fn message_id(shop: &Shop, id: MailId, resent: u32) -> String {
    let sender = sender(shop);
    let domain = sender.rsplit_once('@').map_or("localhost", |(_, domain)| domain).to_owned();
    let again = if resent == 0 { String::new() } else { format!("-{resent}") };
    format!("{id}{again}@{domain}")
}

/// The address mails come from.
pub fn sender(shop: &Shop) -> String {
    let settings = shop.settings();
    match settings.sender_email.trim() {
        "" => shop.config().mail.from.clone(),
        address => address.to_owned(),
    }
}

/// Sends a mail again, whatever became of it before.
///
/// # Errors
/// An unknown mail, or one that is being sent at this moment.
pub fn resend(tx: &WriteTx, shop: &Shop, id: MailId, now: Moment) -> Result<MailRow> {
    let old = MAILS.get(tx, &id)?.ok_or_else(Refusal::not_found)?;
    if old.state == MailState::Sending {
        return Err(Refusal::new(Code::Conflict, "people.mail_is_sending").into());
    }
    if old.to.is_empty() {
        return Err(Refusal::new(Code::Conflict, "people.mail_erased").into());
    }
    let resent = old.resent + 1;
    let message_id = match old.state {
        MailState::Sent => message_id(shop, id, resent),
        _ => old.message_id.clone(),
    };
    let row = MailRow {
        state: MailState::Queued,
        unknown: 0,
        resent,
        message_id,
        job_id: JobId(shop.new_id()),
        error: None,
        sent_at: None,
        ..old.clone()
    };
    put(tx, Some(old.state), &row)?;
    // The job that may still be waiting belongs to the mail no longer.
    queue::cancel(tx, old.job_id, now)?;
    enqueue(tx, &row, now)?;
    Ok(row)
}

/// # Errors
/// A database that cannot be read.
pub fn find(tx: &impl Snapshot, id: MailId) -> Result<Option<MailRow>, Fault> {
    MAILS.get(tx, &id)
}

/// The mails of one order, the oldest first.
///
/// # Errors
/// A database that cannot be read.
pub fn of_order(tx: &impl Snapshot, order: Uuid) -> Result<Vec<MailRow>, Fault> {
    rows(tx, BY_ORDER.prefix(tx, &(order,), None, Order::Rising, 200)?.into_iter().map(|(_, id)| id))
}

/// The mails to an address, whatever they are about. Reads all of them.
///
/// # Errors
/// A database that cannot be read.
pub fn to_address(tx: &impl Snapshot, email: &str) -> Result<Vec<MailRow>, Fault> {
    let mut found = Vec::new();
    MAILS.each(tx, .., Order::Rising, |_, row| {
        if row.to.trim().eq_ignore_ascii_case(email) {
            found.push(row);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Takes address and words out of a mail; that it was sent, and when, stays.
///
/// # Errors
/// A database that cannot be written.
pub fn erase(tx: &WriteTx, id: MailId, now: Moment) -> Result<()> {
    let Some(old) = MAILS.get(tx, &id)? else { return Ok(()) };
    if matches!(old.state, MailState::Queued | MailState::Sending) {
        queue::cancel(tx, old.job_id, now)?;
    }
    let state = match old.state {
        MailState::Queued | MailState::Sending => MailState::Failed,
        settled => settled,
    };
    let empty = String::new;
    let subject = "–".to_owned();
    let row = MailRow { to: empty(), subject, text: empty(), html: empty(), error: None, state, ..old.clone() };
    Ok(put(tx, Some(old.state), &row)?)
}

/// Mails from the newest to the oldest, behind the mail `after`.
///
/// # Errors
/// A database that cannot be read.
pub fn list(
    tx: &impl Snapshot,
    state: Option<MailState>,
    kind: Option<&str>,
    after: Option<MailId>,
    limit: usize,
) -> Result<Vec<MailRow>, Fault> {
    if let Some(kind) = kind {
        let state = state.map_or("", MailState::name);
        let after = after.map(|id| (kind.to_owned(), state.to_owned(), id));
        let keys = BY_KIND.prefix(tx, &(kind, state), after.as_ref(), Order::Falling, limit)?;
        return rows(tx, keys.into_iter().map(|(_, _, id)| id));
    }
    match state {
        None => {
            let page = crate::store::Page { after, order: Order::Falling, limit };
            Ok(MAILS.page(tx, page)?.into_iter().map(|(_, row)| row).collect())
        }
        Some(state) => {
            let after = after.map(|id| (state.name().to_owned(), id));
            let keys = BY_STATE.prefix(tx, &(state.name(),), after.as_ref(), Order::Falling, limit)?;
            rows(tx, keys.into_iter().map(|(_, id)| id))
        }
    }
}

fn rows(tx: &impl Snapshot, ids: impl Iterator<Item = MailId>) -> Result<Vec<MailRow>, Fault> {
    let mut rows = Vec::new();
    for id in ids {
        rows.extend(MAILS.get(tx, &id)?);
    }
    Ok(rows)
}

/// How the mails stand. Counted no further than a thousand each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    pub waiting: usize,
    pub uncertain: usize,
    pub failed: usize,
    pub oldest_waiting: Option<Moment>,
}

/// # Errors
/// A database that cannot be read.
pub fn figures(tx: &impl Snapshot) -> Result<Figures, Fault> {
    let count = |state: MailState| BY_STATE.count(tx, &(state.name(),), 1000);
    let oldest = BY_STATE.prefix(tx, &(MailState::Queued.name(),), None, Order::Rising, 1)?.pop();
    let oldest_waiting = match oldest {
        Some((_, id)) => MAILS.get(tx, &id)?.map(|row| row.created_at),
        None => None,
    };
    Ok(Figures {
        waiting: count(MailState::Queued)? + count(MailState::Sending)?,
        uncertain: count(MailState::Uncertain)?,
        failed: count(MailState::Failed)?,
        oldest_waiting,
    })
}
