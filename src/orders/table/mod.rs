//! The rows of orders, and the indexes by which they are found. Every change of an order goes through [`put`].

mod follow;
mod of_customer;
mod seek;
mod walk;

pub use follow::{FOLLOWING, follow};
pub use of_customer::{by_address, of_address, of_customer, place_for_customer};
pub use seek::{Sought, seek};
pub(super) use seek::{folded, folded_reading, number_in};
pub use walk::{Span, count, each, each_stored, with_stored};

use super::coupons::CouponId;
use super::lists;
use super::model::{HistoryEntry, Order, OrderId, Production, Status};
use crate::designs::DesignId;
use crate::kernel::{Fault, Moment};
use crate::people::customers;
use crate::store::{Counter, Index, Order as Direction, Snapshot, Table, WriteTx};
use crate::web::SessionId;
use std::collections::BTreeSet;
use uuid::Uuid;

const ORDERS: Table<OrderId, Order> = Table::new("orders", 1);
const NUMBER: Counter = Counter::new("orders.number");
const INVOICE_NUMBER: Counter = Counter::new("orders.invoice_number");
const BY_NUMBER: Table<String, OrderId> = Table::new("orders.by_number", 1);
const BY_CREATED: Index<(Moment, OrderId)> = Index::new("orders.by_created");
const BY_STATUS: Index<(String, Moment, OrderId)> = Index::new("orders.by_status");
const BY_SESSION: Index<(SessionId, Moment, OrderId)> = Index::new("orders.by_session");
/// By the form of the address that is compared.
pub(super) const BY_EMAIL: Index<(String, Moment, OrderId)> = Index::new("orders.by_email");
/// By the name in small letters without spaces.
pub(super) const BY_NAME: Index<(String, Moment, OrderId)> = Index::new("orders.by_name");
/// By how the name is read, folded as the search folds it; only where somebody told.
pub(super) const BY_READING: Index<(String, Moment, OrderId)> = Index::new("orders.by_reading");
const BY_DESIGN: Index<(DesignId, OrderId)> = Index::new("orders.by_design");
/// Sessions and intents stay here for good, so that late news about a replaced one still finds its order.
const BY_STRIPE_SESSION: Table<String, OrderId> = Table::new("orders.by_stripe_session", 1);
const BY_INTENT: Table<String, OrderId> = Table::new("orders.by_intent", 1);
/// Which orders hold a use of a coupon, in all and for each customer.
const BY_COUPON: Index<(CouponId, OrderId)> = Index::new("orders.by_coupon");
const BY_COUPON_EMAIL: Index<(CouponId, String, OrderId)> = Index::new("orders.by_coupon_email");
const BY_COUPON_SESSION: Index<(CouponId, SessionId, OrderId)> = Index::new("orders.by_coupon_session");
const WITH_ATTENTION: Index<(Moment, OrderId)> = Index::new("orders.with_attention");
const ON_HOLD: Index<(Moment, OrderId)> = Index::new("orders.on_hold");
const HISTORY: Table<(OrderId, u64), HistoryEntry> = Table::new("orders.history", 1);
/// What came of one filling-in of the order form, so that sending it again changes that order.
const BY_FORM: Table<(SessionId, Uuid), OrderId> = Table::new("orders.by_form", 1);

/// The number of a new order: `PS-000123`.
pub fn next_number(tx: &WriteTx) -> Result<String, Fault> {
    Ok(format!("PS-{:06}", NUMBER.next(tx)?))
}

/// The number of the next invoice: `INV-000123`. Taken only in a transaction that makes an order paid, so that none is left out.
pub fn next_invoice_number(tx: &WriteTx) -> Result<String, Fault> {
    Ok(format!("INV-{:06}", INVOICE_NUMBER.next(tx)?))
}

/// What the indexes know of an order.
#[derive(PartialEq)]
struct Keys {
    status: &'static str,
    email: String,
    name: String,
    reading: String,
    designs: BTreeSet<DesignId>,
    attention: bool,
    on_hold: bool,
    coupon: Option<CouponId>,
}

impl Keys {
    fn of(order: &Order) -> Keys {
        Keys {
            status: order.status.name(),
            email: customers::normal(&order.email),
            name: folded(&order.shipping_address.name),
            reading: folded_reading(&order.shipping_address.name_kana),
            designs: order.lines.iter().map(|line| line.design_id).collect(),
            attention: !order.attention.is_empty(),
            on_hold: order.may_be_made() && order.lines.iter().any(|line| line.production == Production::OnHold),
            coupon: order.coupon_claim,
        }
    }
}

/// Stores `order` as it is now, with its indexes. The first time it is new.
///
/// # Errors
/// A database that cannot be written, or sums that do not add up, which is a mistake in the program.
pub fn put(tx: &WriteTx, order: &Order) -> Result<(), Fault> {
    if let Some(wrong) = inconsistency(order) {
        return Err(Fault::bug(format!("{}: {wrong}", order.order_number)));
    }
    let (id, created) = (order.id, order.created_at);
    let before = ORDERS.get(tx, &id)?;
    let old = before.as_ref().map(Keys::of);
    let new = Keys::of(order);
    if before.is_none() {
        if BY_NUMBER.has(tx, &order.order_number)? {
            return Err(Fault::bug(format!("the number {} is taken", order.order_number)));
        }
        BY_NUMBER.put(tx, &order.order_number, &id)?;
        BY_CREATED.put(tx, &(created, id))?;
        BY_SESSION.put(tx, &(order.session, created, id))?;
    }
    if old.as_ref() != Some(&new) {
        if let Some(old) = old {
            BY_STATUS.remove(tx, &(old.status.to_owned(), created, id))?;
            if let Some(coupon) = old.coupon {
                BY_COUPON.remove(tx, &(coupon, id))?;
                BY_COUPON_EMAIL.remove(tx, &(coupon, old.email.clone(), id))?;
                BY_COUPON_SESSION.remove(tx, &(coupon, order.session, id))?;
            }
            BY_EMAIL.remove(tx, &(old.email, created, id))?;
            BY_NAME.remove(tx, &(old.name, created, id))?;
            BY_READING.remove(tx, &(old.reading, created, id))?;
            WITH_ATTENTION.remove(tx, &(created, id))?;
            ON_HOLD.remove(tx, &(created, id))?;
            for design in old.designs.difference(&new.designs) {
                BY_DESIGN.remove(tx, &(*design, id))?;
            }
        }
        BY_STATUS.put(tx, &(new.status.to_owned(), created, id))?;
        if let Some(coupon) = new.coupon {
            BY_COUPON.put(tx, &(coupon, id))?;
            BY_COUPON_EMAIL.put(tx, &(coupon, new.email.clone(), id))?;
            BY_COUPON_SESSION.put(tx, &(coupon, order.session, id))?;
        }
        BY_EMAIL.put(tx, &(new.email, created, id))?;
        BY_NAME.put(tx, &(new.name, created, id))?;
        if !new.reading.is_empty() {
            BY_READING.put(tx, &(new.reading, created, id))?;
        }
        for design in new.designs {
            BY_DESIGN.put(tx, &(design, id))?;
        }
        if new.attention {
            WITH_ATTENTION.put(tx, &(created, id))?;
        }
        if new.on_hold {
            ON_HOLD.put(tx, &(created, id))?;
        }
    }
    if let Some(session) = &order.stripe_checkout_session_id {
        BY_STRIPE_SESSION.put(tx, session, &id)?;
    }
    if let Some(intent) = &order.stripe_payment_intent_id {
        BY_INTENT.put(tx, intent, &id)?;
    }
    lists::keep(tx, before.as_ref(), order)?;
    ORDERS.put(tx, &id, order)
}

/// What does not add up in a stored order, in words for the owner's terminal; nothing where all is well.
pub fn inconsistency(order: &Order) -> Option<String> {
    let totals = &order.totals;
    let lines: i64 = order.lines.iter().map(|line| line.subtotal).sum();
    let discounts: i64 = order.lines.iter().map(|line| line.discount).sum();
    let taxed: i64 = totals.tax_breakdown.iter().map(|part| part.taxable + part.tax).sum();
    let whole = totals.subtotal_after_discount + totals.shipping_fee + totals.payment_fee + totals.tax_added;
    let wrong_line = order.lines.iter().any(|line| line.subtotal != line.unit_price * i64::from(line.quantity));
    if wrong_line {
        Some("a line is not its unit price times its quantity".into())
    } else if lines != totals.subtotal {
        Some(format!("the lines are {lines} together, but the subtotal says {}", totals.subtotal))
    } else if discounts != totals.discount_total || totals.subtotal - discounts != totals.subtotal_after_discount {
        Some("the discount is not what the lines share".into())
    } else if whole != totals.amount {
        Some(format!("the parts are {whole} together, but the amount says {}", totals.amount))
    } else if taxed != totals.amount {
        Some(format!("the parts of the tax cover {taxed} of {}", totals.amount))
    } else if order.amount_refunded > totals.amount || order.amount_refunded < 0 {
        Some(format!("{} was given back of {}", order.amount_refunded, totals.amount))
    } else if order.is_paid() && order.paid_at.is_none() {
        Some("it is paid, but nobody knows since when".into())
    } else {
        None
    }
}

pub fn get(tx: &impl Snapshot, id: OrderId) -> Result<Option<Order>, Fault> {
    ORDERS.get(tx, &id)
}

fn by_key(tx: &impl Snapshot, table: &Table<String, OrderId>, key: &str) -> Result<Option<Order>, Fault> {
    match table.get(tx, &key.to_owned())? {
        Some(id) => ORDERS.get(tx, &id),
        None => Ok(None),
    }
}

pub fn by_number(tx: &impl Snapshot, number: &str) -> Result<Option<Order>, Fault> {
    by_key(tx, &BY_NUMBER, number)
}

pub fn by_stripe_session(tx: &impl Snapshot, session: &str) -> Result<Option<Order>, Fault> {
    by_key(tx, &BY_STRIPE_SESSION, session)
}

pub fn by_intent(tx: &impl Snapshot, intent: &str) -> Result<Option<Order>, Fault> {
    by_key(tx, &BY_INTENT, intent)
}

pub fn index_intent(tx: &WriteTx, intent: &str, id: OrderId) -> Result<(), Fault> {
    BY_INTENT.put(tx, &intent.to_owned(), &id)
}

pub fn by_form(tx: &impl Snapshot, session: SessionId, form: Uuid) -> Result<Option<Order>, Fault> {
    match BY_FORM.get(tx, &(session, form))? {
        Some(id) => ORDERS.get(tx, &id),
        None => Ok(None),
    }
}

pub fn index_form(tx: &WriteTx, session: SessionId, form: Uuid, id: OrderId) -> Result<(), Fault> {
    BY_FORM.put(tx, &(session, form), &id)
}

/// The orders that have this design in one of their lines.
pub fn by_design(tx: &impl Snapshot, design: DesignId) -> Result<Vec<Order>, Fault> {
    let found = BY_DESIGN.prefix(tx, &design, None, Direction::Rising, usize::MAX)?;
    rows(tx, found.into_iter().map(|(_, id)| id))
}

/// How many orders hold a use of a coupon, counted up to `limit`.
pub fn coupon_uses(tx: &impl Snapshot, coupon: CouponId, limit: usize) -> Result<usize, Fault> {
    BY_COUPON.count(tx, &coupon, limit)
}

/// Those of one address, in the form in which addresses are compared.
pub fn coupon_uses_by_email(tx: &impl Snapshot, coupon: CouponId, email: &str, limit: usize) -> Result<usize, Fault> {
    BY_COUPON_EMAIL.count(tx, &(coupon, email.to_owned()), limit)
}

/// Those of one browser.
pub fn coupon_uses_by_session(
    tx: &impl Snapshot,
    coupon: CouponId,
    session: SessionId,
    limit: usize,
) -> Result<usize, Fault> {
    BY_COUPON_SESSION.count(tx, &(coupon, session), limit)
}

/// Orders in one state; oldest first for pollers, newest first for people.
pub fn in_status(
    tx: &impl Snapshot,
    status: Status,
    after: Option<Place>,
    direction: Direction,
    limit: usize,
) -> Result<Vec<Order>, Fault> {
    let status = status.name().to_owned();
    let behind = after.map(|(at, id)| (status.clone(), at, id));
    let keys = BY_STATUS.prefix(tx, &status, behind.as_ref(), direction, limit)?;
    rows(tx, keys.into_iter().map(|(_, _, id)| id))
}

/// How many orders are in a state, counted up to `limit`.
pub fn count_in_status(tx: &impl Snapshot, status: Status, limit: usize) -> Result<usize, Fault> {
    BY_STATUS.count(tx, &status.name().to_owned(), limit)
}

/// Orders that need a decision, oldest first.
pub fn with_attention(tx: &impl Snapshot, limit: usize) -> Result<Vec<Order>, Fault> {
    let keys = WITH_ATTENTION.range(tx, .., Direction::Rising, limit)?;
    rows(tx, keys.into_iter().map(|(_, id)| id))
}

/// How many orders need a decision, counted up to `limit`.
pub fn count_attention(tx: &impl Snapshot, limit: usize) -> Result<usize, Fault> {
    Ok(WITH_ATTENTION.range(tx, .., Direction::Rising, limit)?.len())
}

/// Orders with a line on hold, oldest first.
pub fn on_hold(tx: &impl Snapshot, limit: usize) -> Result<Vec<Order>, Fault> {
    let keys = ON_HOLD.range(tx, .., Direction::Rising, limit)?;
    rows(tx, keys.into_iter().map(|(_, id)| id))
}

/// Where an order stands in every list by age.
pub type Place = (Moment, OrderId);

pub fn place_of(tx: &impl Snapshot, id: OrderId) -> Result<Option<Place>, Fault> {
    Ok(ORDERS.get(tx, &id)?.map(|order| (order.created_at, id)))
}

pub(super) fn rows(tx: &impl Snapshot, ids: impl Iterator<Item = OrderId>) -> Result<Vec<Order>, Fault> {
    ids.filter_map(|id| ORDERS.get(tx, &id).transpose()).collect()
}

/// Writes one line of an order's history.
pub fn record(tx: &WriteTx, id: OrderId, entry: &HistoryEntry) -> Result<(), Fault> {
    let last = HISTORY.prefix(tx, &id, None, Direction::Falling, 1)?;
    let place = last.first().map_or(1, |((_, place), _)| place + 1);
    HISTORY.put(tx, &(id, place), entry)
}

/// Takes what people wrote out of an order's history; what happened stays.
pub(super) fn erase_history(tx: &WriteTx, id: OrderId) -> Result<(), Fault> {
    for (key, mut entry) in HISTORY.prefix(tx, &id, None, Direction::Rising, usize::MAX)? {
        for name in ["message", "reason"] {
            if let Some(value) = entry.values.get_mut(name) {
                "–".clone_into(value);
            }
        }
        HISTORY.put(tx, &key, &entry)?;
    }
    Ok(())
}

/// An order's history, oldest first.
pub fn history(tx: &impl Snapshot, id: OrderId) -> Result<Vec<HistoryEntry>, Fault> {
    let rows = HISTORY.prefix(tx, &id, None, Direction::Rising, usize::MAX)?;
    Ok(rows.into_iter().map(|(_, entry)| entry).collect())
}
