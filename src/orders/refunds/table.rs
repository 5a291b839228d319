//! The rows of refunds.

use super::{Refund, RefundId, RefundState, given_back};
use crate::kernel::Fault;
use crate::orders::model::{Order, OrderId};
use crate::store::{Counter, Index, Order as Direction, Page, Snapshot, Table, WriteTx, derived};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

const REFUNDS: Table<(OrderId, RefundId), Refund> = Table::new("orders.refunds", 1);
/// Stripe's ids, by which its news finds the row.
const BY_STRIPE: Table<String, (OrderId, RefundId)> = Table::new("orders.refunds.by_stripe", 1);
const NOTE_NUMBER: Counter = Counter::new("orders.credit_note_number");
/// Those that have not come to an end.
const OPEN: Index<(OrderId, RefundId)> = Index::new("orders.refunds.open");

/// The number of the next credit note: `CN-000123`. Taken only in a transaction in which money is known to have gone back.
pub(super) fn next_note_number(tx: &WriteTx) -> Result<String, Fault> {
    Ok(format!("CN-{:06}", NOTE_NUMBER.next(tx)?))
}

pub fn find(tx: &impl Snapshot, order: OrderId, id: RefundId) -> Result<Option<Refund>, Fault> {
    REFUNDS.get(tx, &(order, id))
}

pub fn by_stripe(tx: &impl Snapshot, stripe: &str) -> Result<Option<Refund>, Fault> {
    match BY_STRIPE.get(tx, &stripe.to_owned())? {
        Some(key) => REFUNDS.get(tx, &key),
        None => Ok(None),
    }
}

/// An order's refunds, oldest first.
///
/// # Errors
/// A database that cannot be read.
pub fn of_order(tx: &impl Snapshot, order: OrderId) -> Result<Vec<Refund>, Fault> {
    let rows = REFUNDS.prefix(tx, &order, None, Direction::Rising, usize::MAX)?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Where a refund stands among those that are open.
pub type Place = (OrderId, RefundId);

/// Refunds that have not come to an end, behind `after`, at most `limit`.
///
/// # Errors
/// A database that cannot be read.
pub fn each_open(tx: &impl Snapshot, after: Option<Place>, limit: usize) -> Result<Vec<Refund>, Fault> {
    let keys = OPEN.page(tx, Page { after, order: Direction::Rising, limit })?;
    keys.iter().filter_map(|key| REFUNDS.get(tx, key).transpose()).collect()
}

pub(super) fn put(tx: &WriteTx, row: &Refund) -> Result<(), Fault> {
    let key = (row.order, row.id);
    if let Some(stripe) = &row.stripe {
        if BY_STRIPE.get(tx, stripe)?.is_some_and(|other| other != key) {
            return Err(Fault::bug("one refund of Stripe's for two of ours"));
        }
        BY_STRIPE.put(tx, stripe, &key)?;
    }
    if row.state == RefundState::Pending {
        OPEN.put(tx, &key)?;
    } else {
        OPEN.remove(tx, &key)?;
    }
    REFUNDS.put(tx, &key, row)
}

/// Tables that hold what [`follow`] names and nothing else.
pub const FOLLOWING: &[&str] = &[BY_STRIPE.name(), OPEN.name()];

/// Names every row of other tables that the refunds stand for.
///
/// # Errors
/// A database that cannot be read.
pub fn follow(tx: &impl Snapshot, visit: &mut derived::Visit<'_>) -> Result<(), Fault> {
    REFUNDS.each(tx, .., Direction::Rising, |key, row| {
        if let Some(stripe) = &row.stripe {
            visit(BY_STRIPE.derived(stripe, &key)?)?;
        }
        if row.state == RefundState::Pending {
            visit(OPEN.derived(&key))?;
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// What is wrong between an order and its refunds, in words.
///
/// # Errors
/// A database that cannot be read.
pub fn check(tx: &impl Snapshot, order: &Order) -> Result<Vec<String>, Fault> {
    let mut wrong = Vec::new();
    let rows = of_order(tx, order.id)?;
    // An order of a time before there were rows has none.
    if !rows.is_empty() {
        let told = given_back(tx, order)?;
        if told != order.amount_refunded {
            wrong
                .push(format!("its refunds come to {told}, but it says that {} was given back", order.amount_refunded));
        }
    }
    let mut by_payment: BTreeMap<Option<&str>, i64> = BTreeMap::new();
    for row in &rows {
        if row.amount <= 0 || row.order != order.id {
            wrong.push(format!("its refund {} is none", row.id));
        }
        if row.state != RefundState::Failed {
            *by_payment.entry(row.intent.as_deref()).or_default() += row.amount;
        }
    }
    let own = by_payment.get(&order.stripe_payment_intent_id.as_deref()).copied().unwrap_or(0);
    if order.paid_at.is_some() && own > order.totals.amount {
        wrong.push(format!("{own} goes back of {} that was paid", order.totals.amount));
    }
    Ok(wrong)
}

/// Refunds of orders that do not exist.
///
/// # Errors
/// A database that cannot be read.
pub fn orphans(tx: &impl Snapshot) -> Result<Vec<String>, Fault> {
    let mut wrong = Vec::new();
    REFUNDS.each(tx, .., Direction::Rising, |(order, id), _| {
        if crate::orders::table::get(tx, order)?.is_none() {
            wrong.push(format!("Refund {id}: its order does not exist."));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(wrong)
}
