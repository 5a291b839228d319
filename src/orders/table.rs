//! The rows of orders, and the indexes by which they are found. Every change of an order goes through [`put`].

use super::coupons::CouponId;
use super::lists;
use super::model::{HistoryEntry, Order, OrderId, Production, Status};
use crate::catalog::ProductId;
use crate::designs::DesignId;
use crate::kernel::{Fault, Moment};
use crate::people::customers;
use crate::store::{Counter, Index, Order as Direction, Snapshot, Table, WriteTx, derived};
use crate::web::SessionId;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
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

/// A session's orders and those of the addresses it has proven to be its own, newest first, behind `after`. What was erased is nobody's.
pub fn of_customer(
    tx: &impl Snapshot,
    session: Option<SessionId>,
    emails: &[String],
    mut after: Option<Place>,
    limit: usize,
) -> Result<Vec<Order>, Fault> {
    let mut orders = Vec::new();
    while orders.len() < limit {
        let places = places_of_customer(tx, session, emails, after, limit)?;
        let is_last = places.len() < limit;
        after = places.last().copied();
        let found = rows(tx, places.into_iter().map(|(_, id)| id))?;
        orders.extend(found.into_iter().filter(|order| order.erased_at.is_none()));
        if is_last {
            break;
        }
    }
    orders.truncate(limit);
    Ok(orders)
}

fn places_of_customer(
    tx: &impl Snapshot,
    session: Option<SessionId>,
    emails: &[String],
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<Place>, Fault> {
    // Each list alone is newest first; the newest of all of them together are among the first `limit` of each.
    let mut found: BTreeSet<(Moment, OrderId)> = BTreeSet::new();
    if let Some(session) = session {
        let behind = after.map(|(at, id)| (session, at, id));
        let keys = BY_SESSION.prefix(tx, &session, behind.as_ref(), Direction::Falling, limit)?;
        found.extend(keys.into_iter().map(|(_, at, id)| (at, id)));
    }
    for email in emails {
        let email = customers::normal(email);
        let behind = after.map(|(at, id)| (email.clone(), at, id));
        let keys = BY_EMAIL.prefix(tx, &email, behind.as_ref(), Direction::Falling, limit)?;
        found.extend(keys.into_iter().map(|(_, at, id)| (at, id)));
    }
    Ok(found.into_iter().rev().take(limit).collect())
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

/// What the panel's list is asked for.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    pub status: Option<Status>,
    /// Created at this moment or later.
    pub from: Option<Moment>,
    /// Created before this moment.
    pub until: Option<Moment>,
    /// Orders with this product in one of their lines.
    pub product: Option<ProductId>,
    /// Only those that need a decision.
    pub attention: bool,
    pub words: String,
    /// Names and addresses are not searched, for those who must not see them.
    pub by_number_only: bool,
}

impl Sought {
    pub fn fits(&self, order: &Order) -> bool {
        self.status.is_none_or(|status| order.status == status)
            && self.from.is_none_or(|from| order.created_at >= from)
            && self.until.is_none_or(|until| order.created_at < until)
            && self.product.is_none_or(|product| order.lines.iter().any(|line| line.product_id == product))
            && (!self.attention || !order.attention.is_empty())
    }
}

/// How many orders a search by words looks at; beyond this it asks for more letters.
pub(super) const SEARCHED: usize = 2000;

/// The orders sought, newest first, behind `after`. By words it finds a number, or the beginning of a name or an e-mail address; more
/// than that is known to [`super::finding`].
pub fn seek(tx: &impl Snapshot, sought: &Sought, after: Option<Place>, limit: usize) -> Result<Vec<Order>, Fault> {
    if !sought.words.trim().is_empty() {
        return seek_words(tx, sought, after, limit);
    }
    if sought.attention {
        // Few at any time: whoever has decided takes the order off this list.
        let keys = WITH_ATTENTION.range(tx, .., Direction::Falling, SEARCHED)?;
        let behind = keys.into_iter().filter(|place| after.is_none_or(|after| *place < after));
        let mut found = rows(tx, behind.map(|(_, id)| id))?;
        found.retain(|order| sought.fits(order));
        found.truncate(limit);
        return Ok(found);
    }
    let low = (sought.from.unwrap_or(Moment(i64::MIN)), OrderId(Uuid::nil()));
    let mut high = (sought.until.unwrap_or(Moment(i64::MAX)), OrderId(Uuid::nil()));
    if let Some(after) = after {
        high = high.min(after);
    }
    if let Some(product) = sought.product {
        let ids = lists::of_product(tx, product, sought.status, (low, high), limit)?;
        return rows(tx, ids.into_iter());
    }
    let ids: Vec<OrderId> = match sought.status {
        None => BY_CREATED.range(tx, low..high, Direction::Falling, limit)?.into_iter().map(|(_, id)| id).collect(),
        Some(status) => {
            let name = status.name().to_owned();
            let (low, high) = ((name.clone(), low.0, low.1), (name, high.0, high.1));
            BY_STATUS.range(tx, low..high, Direction::Falling, limit)?.into_iter().map(|(_, _, id)| id).collect()
        }
    };
    rows(tx, ids.into_iter())
}

fn seek_words(tx: &impl Snapshot, sought: &Sought, after: Option<Place>, limit: usize) -> Result<Vec<Order>, Fault> {
    let words = sought.words.trim();
    let mut ids: BTreeSet<OrderId> = BTreeSet::new();
    if let Some(number) = number_in(words) {
        ids.extend(BY_NUMBER.get(tx, &number)?);
    }
    let customers = [(&BY_EMAIL, customers::normal(words)), (&BY_NAME, folded(words))];
    for (index, beginning) in customers.into_iter().filter(|_| !sought.by_number_only) {
        let end = (format!("{beginning}\u{10FFFF}"), Moment(i64::MAX), OrderId(Uuid::max()));
        let start = (beginning, Moment(i64::MIN), OrderId(Uuid::nil()));
        ids.extend(index.range(tx, start..end, Direction::Rising, SEARCHED)?.into_iter().map(|(_, _, id)| id));
    }
    let mut found = rows(tx, ids.into_iter())?;
    found.retain(|order| sought.fits(order) && after.is_none_or(|after| (order.created_at, order.id) < after));
    found.sort_by_key(|order| std::cmp::Reverse((order.created_at, order.id)));
    found.truncate(limit);
    Ok(found)
}

/// `ps-123`, `PS000123` and `123` all mean `PS-000123`.
pub(super) fn number_in(words: &str) -> Option<String> {
    let upper = words.to_ascii_uppercase();
    let digits = upper.strip_prefix("PS").unwrap_or(&upper).trim_start_matches(['-', ' ']);
    let number: u64 = digits.parse().ok()?;
    Some(format!("PS-{number:06}"))
}

/// A name as it is searched: small letters, no spaces of any kind.
pub(super) fn folded(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// Where an order stands in every list by age.
pub type Place = (Moment, OrderId);

pub fn place_of(tx: &impl Snapshot, id: OrderId) -> Result<Option<Place>, Fault> {
    Ok(ORDERS.get(tx, &id)?.map(|order| (order.created_at, id)))
}

/// The place of one of this customer's own orders. Nobody learns from a list whether there is an order of somebody else's.
pub fn place_for_customer(
    tx: &impl Snapshot,
    session: Option<SessionId>,
    emails: &[String],
    id: OrderId,
) -> Result<Option<Place>, Fault> {
    let order = ORDERS.get(tx, &id)?.filter(|order| {
        let email = customers::normal(&order.email);
        session == Some(order.session) || emails.iter().any(|proven| customers::normal(proven) == email)
    });
    Ok(order.map(|order| (order.created_at, id)))
}

pub(super) fn rows(tx: &impl Snapshot, ids: impl Iterator<Item = OrderId>) -> Result<Vec<Order>, Fault> {
    ids.filter_map(|id| ORDERS.get(tx, &id).transpose()).collect()
}

/// Hands every order to `visit`, for `petstar check` and exports.
pub fn each(
    tx: &impl Snapshot,
    mut visit: impl FnMut(Order) -> Result<std::ops::ControlFlow<()>, Fault>,
) -> Result<(), Fault> {
    ORDERS.each(tx, .., Direction::Rising, |_, order| visit(order))
}

/// Which orders are walked by [`each_stored`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub status: Option<Status>,
    /// Created at this moment or later.
    pub from: Option<Moment>,
    /// Created before this moment.
    pub until: Option<Moment>,
}

impl Span {
    fn is_everything(&self) -> bool {
        self.status.is_none() && self.from.is_none() && self.until.is_none()
    }

    /// The first place of the span, and the first behind it.
    fn places(&self) -> (Place, Place) {
        let low = self.from.unwrap_or(Moment(i64::MIN));
        let high = self.until.map_or((Moment(i64::MAX), OrderId(Uuid::max())), |until| (until, OrderId(Uuid::nil())));
        ((low, OrderId(Uuid::nil())), high.max((low, OrderId(Uuid::nil()))))
    }
}

/// How many orders [`each_stored`] would show.
///
/// # Errors
/// A database that cannot be read.
pub fn count(tx: &impl Snapshot, span: &Span) -> Result<u64, Fault> {
    if span.is_everything() {
        return ORDERS.len(tx);
    }
    let (low, high) = span.places();
    match span.status {
        None => BY_CREATED.count_between(tx, low..high),
        Some(status) => {
            let name = status.name().to_owned();
            BY_STATUS.count_between(tx, (name.clone(), low.0, low.1)..(name, high.0, high.1))
        }
    }
}

/// Hands the orders behind `after` to `visit` until it breaks, as the JSON they are stored as, oldest first. `after` is the place that was
/// given for one of them. All orders are walked as they lie, in the order of their ids; those of a span by its index. Gives `Continue` when
/// there are no more.
///
/// # Errors
/// A database that cannot be read, and those of `visit`.
pub fn each_stored(
    tx: &impl Snapshot,
    span: &Span,
    after: Option<Place>,
    mut visit: impl FnMut(Place, &[u8]) -> Result<ControlFlow<()>, Fault>,
) -> Result<ControlFlow<()>, Fault> {
    /// Keys of an index read at once.
    const READ: usize = 1024;
    let mut how = ControlFlow::Continue(());
    if span.is_everything() {
        let after = after.map(|(_, id)| id);
        ORDERS.each_stored(tx, after.as_ref(), |id, json| {
            how = visit((Moment(0), id), json)?;
            Ok(how)
        })?;
        return Ok(how);
    }
    let (mut low, high) = span.places();
    // The next possible key: ids are compared as numbers.
    let next = |(at, id): Place| (at, OrderId(Uuid::from_u128(id.0.as_u128().saturating_add(1))));
    if let Some(after) = after {
        low = low.max(next(after));
    }
    while low < high {
        let found: Vec<Place> = match span.status {
            None => BY_CREATED.range(tx, low..high, Direction::Rising, READ)?,
            Some(status) => {
                let name = status.name().to_owned();
                let bounds = (name.clone(), low.0, low.1)..(name, high.0, high.1);
                let keys = BY_STATUS.range(tx, bounds, Direction::Rising, READ)?;
                keys.into_iter().map(|(_, at, id)| (at, id)).collect()
            }
        };
        let Some(last) = found.last() else { break };
        low = next(*last);
        for place in found {
            let mut told = Ok(ControlFlow::Continue(()));
            if !ORDERS.stored(tx, &place.1, |json| told = visit(place, json))? {
                return Err(Fault::Corrupt(format!("order {} is in an index and nowhere else", place.1)));
            }
            if told?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Hands one order to `visit`, as the JSON it is stored as. False when there is none.
///
/// # Errors
/// A database that cannot be read.
pub fn with_stored(tx: &impl Snapshot, id: OrderId, visit: impl FnMut(&[u8])) -> Result<bool, Fault> {
    ORDERS.stored(tx, &id, visit)
}

/// Every address that ordered, in its compared form and in the order of the alphabet, with the ids of its orders, oldest first: at most
/// `limit` addresses behind `after`.
///
/// # Errors
/// A database that cannot be read.
pub fn by_address(tx: &impl Snapshot, after: Option<&str>, limit: usize) -> Result<Vec<(String, Vec<OrderId>)>, Fault> {
    /// Keys read at once.
    const READ: usize = 4096;
    let mut found: Vec<(String, Vec<OrderId>)> = Vec::new();
    let past = |email: &str| (email.to_owned(), Moment(i64::MAX), OrderId(Uuid::max()));
    let mut low = after.map(past);
    loop {
        let bounds = match low.take() {
            Some(low) => (std::ops::Bound::Excluded(low), std::ops::Bound::Unbounded),
            None => (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded),
        };
        let keys = BY_EMAIL.range(tx, bounds, Direction::Rising, READ)?;
        let is_last = keys.len() < READ;
        low = keys.last().cloned();
        for (email, _, id) in keys {
            let is_full = found.len() == limit;
            match found.last_mut() {
                Some((known, ids)) if *known == email => ids.push(id),
                _ if is_full => return Ok(found),
                _ => found.push((email, vec![id])),
            }
        }
        if is_last {
            return Ok(found);
        }
    }
}

/// The orders of one address, newest first, at most `limit`.
///
/// # Errors
/// A database that cannot be read.
pub fn of_address(tx: &impl Snapshot, email: &str, limit: usize) -> Result<Vec<Order>, Fault> {
    let keys = BY_EMAIL.prefix(tx, &customers::normal(email), None, Direction::Falling, limit)?;
    rows(tx, keys.into_iter().map(|(_, _, id)| id))
}

/// Tables that hold what [`follow`] names and nothing else. News of a payment that was replaced keeps its way to the order, so those two
/// hold more.
pub const FOLLOWING: &[&str] = &[
    BY_NUMBER.name(),
    BY_CREATED.name(),
    BY_STATUS.name(),
    BY_SESSION.name(),
    BY_EMAIL.name(),
    BY_NAME.name(),
    BY_DESIGN.name(),
    BY_COUPON.name(),
    BY_COUPON_EMAIL.name(),
    BY_COUPON_SESSION.name(),
    WITH_ATTENTION.name(),
    ON_HOLD.name(),
    lists::FOLLOWING[0],
    lists::FOLLOWING[1],
    lists::FOLLOWING[2],
    lists::FOLLOWING[3],
    lists::FOLLOWING[4],
];

/// Names every row of other tables that the orders stand for.
///
/// # Errors
/// A database that cannot be read.
pub fn follow(tx: &impl Snapshot, visit: &mut derived::Visit<'_>) -> Result<(), Fault> {
    let mut taken = lists::Taken::default();
    each(tx, |order| {
        let (id, created, keys) = (order.id, order.created_at, Keys::of(&order));
        lists::follow(&order, visit)?;
        taken.add(&order);
        visit(BY_NUMBER.derived(&order.order_number, &id)?)?;
        visit(BY_CREATED.derived(&(created, id)))?;
        visit(BY_STATUS.derived(&(keys.status.to_owned(), created, id)))?;
        visit(BY_SESSION.derived(&(order.session, created, id)))?;
        if let Some(coupon) = keys.coupon {
            visit(BY_COUPON.derived(&(coupon, id)))?;
            visit(BY_COUPON_EMAIL.derived(&(coupon, keys.email.clone(), id)))?;
            visit(BY_COUPON_SESSION.derived(&(coupon, order.session, id)))?;
        }
        visit(BY_EMAIL.derived(&(keys.email, created, id)))?;
        visit(BY_NAME.derived(&(keys.name, created, id)))?;
        for design in keys.designs {
            visit(BY_DESIGN.derived(&(design, id)))?;
        }
        if keys.attention {
            visit(WITH_ATTENTION.derived(&(created, id)))?;
        }
        if keys.on_hold {
            visit(ON_HOLD.derived(&(created, id)))?;
        }
        if let Some(session) = &order.stripe_checkout_session_id {
            visit(BY_STRIPE_SESSION.derived(session, &id)?)?;
        }
        if let Some(intent) = &order.stripe_payment_intent_id {
            visit(BY_INTENT.derived(intent, &id)?)?;
        }
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    taken.follow(visit)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_however_they_are_typed() {
        for text in ["PS-000123", "ps-000123", "ps123", "123", "PS 123"] {
            assert_eq!(number_in(text).as_deref(), Some("PS-000123"), "{text}");
        }
        assert_eq!(number_in("Mika"), None);
        assert_eq!(number_in("PS-"), None);
    }

    #[test]
    fn names_are_folded() {
        assert_eq!(folded("山田　花子"), "山田花子");
        assert_eq!(folded("Mika de  Boer"), "mikadeboer");
    }
}
