//! Attempts to be paid, and everything Stripe ever told us.

use crate::kernel::{Fault, Moment, Money};
use crate::orders::OrderId;
use crate::store::{Index, Order as Scan, Page, Snapshot, Table, WriteTx, derived};
use crate::stripe::NewSession;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Attempts by order and the order's revision.
const ATTEMPTS: Table<(OrderId, u32), Attempt> = Table::new("payments.attempts", 1);
/// Events by Stripe's id.
const EVENTS: Table<String, EventRow> = Table::new("payments.events", 1);
const EVENTS_BY_TIME: Index<(Moment, String)> = Index::new("payments.events.by_time");
/// One row: the last event the reconciler has read from Stripe's list.
const CURSOR: Table<String, String> = Table::new("payments.cursor", 1);

/// Money for orders that are not there, by Stripe's name of the payment.
const UNCLAIMED: Table<String, Unclaimed> = Table::new("payments.unclaimed", 1);

/// Money that came for an order nobody knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unclaimed {
    pub order_number: String,
    pub amount: Money,
    /// The event that told it last.
    pub event: String,
    pub at: Moment,
}

/// What is said to Stripe to be paid for one revision of an order. Stored before the first call, so that every repetition says the same
/// under the same key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    pub order: OrderId,
    pub revision: u32,
    pub idempotency_key: String,
    pub new_session: NewSession,
    /// Stripe's id, once it has answered.
    #[serde(default)]
    pub session: Option<String>,
    /// Nothing can be begun on its page any more: it has run out, was closed, or was paid on.
    #[serde(default)]
    pub is_over: bool,
}

/// What an event came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not worked on yet.
    Waiting,
    /// An order was brought to Stripe's state.
    Settled,
    /// Of a kind that concerns no order.
    Ignored,
    /// It names no order of this shop.
    Foreign,
}

impl Outcome {
    pub const ALL: [Outcome; 4] = [Outcome::Waiting, Outcome::Settled, Outcome::Ignored, Outcome::Foreign];

    /// The key of its words.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Waiting => "payments.outcome.waiting",
            Outcome::Settled => "payments.outcome.settled",
            Outcome::Ignored => "payments.outcome.ignored",
            Outcome::Foreign => "payments.outcome.foreign",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Outcome::Waiting => "waiting",
            Outcome::Settled => "settled",
            Outcome::Ignored => "ignored",
            Outcome::Foreign => "foreign",
        }
    }
}

/// An event as it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventRow {
    pub id: String,
    pub kind: String,
    /// The body to the byte, as far as it is UTF-8.
    pub body: String,
    pub received_at: Moment,
    pub outcome: Outcome,
    #[serde(default)]
    pub order: Option<OrderId>,
}

pub fn attempt(tx: &impl Snapshot, order: OrderId, revision: u32) -> Result<Option<Attempt>, Fault> {
    ATTEMPTS.get(tx, &(order, revision))
}

/// All attempts for an order, newest first.
pub fn attempts(tx: &impl Snapshot, order: OrderId) -> Result<Vec<Attempt>, Fault> {
    let found = ATTEMPTS.prefix(tx, &order, None, Scan::Falling, 100)?;
    Ok(found.into_iter().map(|(_, attempt)| attempt).collect())
}

pub fn put_attempt(tx: &WriteTx, attempt: &Attempt) -> Result<(), Fault> {
    ATTEMPTS.put(tx, &(attempt.order, attempt.revision), attempt)
}

pub fn event(tx: &impl Snapshot, id: &str) -> Result<Option<EventRow>, Fault> {
    EVENTS.get(tx, &id.to_owned())
}

pub fn put_event(tx: &WriteTx, row: &EventRow) -> Result<(), Fault> {
    EVENTS_BY_TIME.put(tx, &(row.received_at, row.id.clone()))?;
    EVENTS.put(tx, &row.id, row)
}

/// How many events one page of a narrowed list looks through.
const LOOKED_THROUGH: usize = 5000;

/// Events, newest first, behind `after`; of one outcome, where one is wanted.
pub fn newest_events(
    tx: &impl Snapshot,
    wanted: Option<Outcome>,
    after: Option<(Moment, String)>,
    limit: usize,
) -> Result<Vec<EventRow>, Fault> {
    let span = if wanted.is_some() { LOOKED_THROUGH } else { limit };
    let keys = EVENTS_BY_TIME.page(tx, Page { after, order: Scan::Falling, limit: span })?;
    let mut rows = Vec::new();
    for (_, id) in keys {
        let row = EVENTS.get(tx, &id)?.filter(|row| wanted.is_none_or(|wanted| row.outcome == wanted));
        rows.extend(row);
        if rows.len() == limit {
            break;
        }
    }
    Ok(rows)
}

/// Tables that hold what [`follow`] names and nothing else.
pub const FOLLOWING: &[&str] = &[EVENTS_BY_TIME.name()];

/// Names every row of other tables that the events stand for.
pub fn follow(tx: &impl Snapshot, visit: &mut derived::Visit<'_>) -> Result<(), Fault> {
    each_event(tx, |row| visit(EVENTS_BY_TIME.derived(&(row.received_at, row.id))))
}

pub fn each_event(tx: &impl Snapshot, mut visit: impl FnMut(EventRow) -> Result<(), Fault>) -> Result<(), Fault> {
    EVENTS.each(tx, .., Scan::Rising, |_, row| {
        visit(row)?;
        Ok(ControlFlow::Continue(()))
    })
}

pub fn cursor(tx: &impl Snapshot) -> Result<Option<String>, Fault> {
    CURSOR.get(tx, &"events".to_owned())
}

pub fn put_cursor(tx: &WriteTx, event: &str) -> Result<(), Fault> {
    CURSOR.put(tx, &"events".to_owned(), &event.to_owned())
}

pub fn put_unclaimed(tx: &WriteTx, name: &str, row: &Unclaimed) -> Result<(), Fault> {
    UNCLAIMED.put(tx, &name.to_owned(), row)
}

pub fn drop_unclaimed(tx: &WriteTx, name: &str) -> Result<(), Fault> {
    UNCLAIMED.remove(tx, &name.to_owned()).map(drop)
}

pub fn unclaimed(tx: &impl Snapshot, limit: usize) -> Result<Vec<Unclaimed>, Fault> {
    let rows = UNCLAIMED.page(tx, Page { after: None, order: Scan::Rising, limit })?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}
