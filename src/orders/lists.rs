//! Lists that follow from the orders: lines for the print room, orders by product, what was taken when, and what the search index has
//! yet to hear of. `keep` is called by the one function that stores an order.

use super::model::{Line, LineId, Order, OrderId, Production, Status};
use super::table::Place;
use crate::catalog::ProductId;
use crate::kernel::{Currency, Fault, Moment};
use crate::store::{Counter, Index, Order as Direction, Snapshot, Table, WriteTx, derived};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Range};
use tokio::sync::Notify;

/// Lines that are paid, or paid at the door, and not sent, or printed once more after that, by their state and then by how long they have waited.
const LINES: Index<(String, Moment, OrderId, LineId)> = Index::new("orders.lines");
/// The same, one product after another.
const LINES_OF: Index<(String, ProductId, Moment, OrderId, LineId)> = Index::new("orders.lines_of_product");
const BY_PRODUCT: Index<(ProductId, String, Moment, OrderId)> = Index::new("orders.by_product");
/// What was paid in each quarter of an hour, in each currency: a day begins on one of them in every time zone.
const SUMS: Table<(i64, String), Sums> = Table::new("orders.sums", 1);
/// Delivered orders whose customers' photos are still here, by when they were delivered.
const WITH_PHOTOS: Index<(Moment, OrderId)> = Index::new("orders.with_photos");
/// Orders with packed pieces that are paid when the parcel comes, by how long they have waited.
const AT_DOOR: Index<(Moment, OrderId)> = Index::new("orders.parcels_at_door");
/// Orders whose words have changed, in the order in which they did, until the search index knows.
const UNHEARD: Table<u64, OrderId> = Table::new("orders.unheard", 1);
const HEARD: Counter = Counter::new("orders.unheard");
/// Changes the index has heard of are struck off in one write at most so many at a time.
const AT_ONCE: usize = 10_000;

const QUARTER_MS: i64 = 15 * 60 * 1000;

/// Tables that hold what `follow` and `Taken::follow` name and nothing else.
pub const FOLLOWING: [&str; 6] =
    [LINES.name(), LINES_OF.name(), BY_PRODUCT.name(), SUMS.name(), WITH_PHOTOS.name(), AT_DOOR.name()];

/// Orders paid in some time, in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    pub orders: i64,
    pub pieces: i64,
    /// Minor units, without what was given back of these orders later.
    pub amount: i64,
}

impl Sums {
    pub fn add(&mut self, other: Sums) {
        self.orders += other.orders;
        self.pieces += other.pieces;
        self.amount += other.amount;
    }

    fn negative(self) -> Sums {
        Sums { orders: -self.orders, pieces: -self.pieces, amount: -self.amount }
    }
}

/// Rings when the search index has something to learn.
#[derive(Default)]
pub struct Bell(pub Notify);

/// What the lists know of an order.
#[derive(PartialEq)]
struct Entries {
    status: &'static str,
    products: BTreeSet<ProductId>,
    /// State, product, line.
    lines: Vec<(&'static str, ProductId, LineId)>,
    paid: Option<(Moment, i64, Currency)>,
    pieces: u32,
    /// Since when its parcel waits to be paid at the door, once something is packed.
    at_door: Option<Moment>,
    /// When it was delivered, while its photos are here.
    with_photos: Option<Moment>,
}

impl Entries {
    fn of(order: &Order) -> Entries {
        let lines = order.lines.iter().filter(|line| order.is_to_make(line));
        Entries {
            status: order.status.name(),
            products: order.lines.iter().map(|line| line.product_id).collect(),
            lines: lines.map(|line| (line.production.name(), line.product_id, line.id)).collect(),
            paid: order.paid_at.map(|at| (at, order.totals.amount - order.amount_refunded, order.currency())),
            pieces: order.pieces(),
            at_door: order.is_packed_for_door().then(|| order.waiting_since()),
            with_photos: order.delivered_at.filter(|_| order.photos_gone_at.is_none()),
        }
    }

    fn sums(&self) -> Option<((i64, String), Sums)> {
        let (at, amount, currency) = self.paid?;
        let sums = Sums { orders: 1, pieces: i64::from(self.pieces), amount };
        Some(((quarter(at), currency.code().to_owned()), sums))
    }
}

fn quarter(at: Moment) -> i64 {
    at.unix_millis().div_euclid(QUARTER_MS)
}

/// Brings the lists from `before` to `after`.
pub(super) fn keep(tx: &WriteTx, before: Option<&Order>, after: &Order) -> Result<(), Fault> {
    let (id, created) = (after.id, after.created_at);
    let (old, new) = (before.map(Entries::of), Entries::of(after));
    if old.as_ref() != Some(&new) {
        if let Some((order, old)) = before.zip(old) {
            let since = order.waiting_since();
            for (state, product, line) in &old.lines {
                LINES.remove(tx, &((*state).to_owned(), since, id, *line))?;
                LINES_OF.remove(tx, &((*state).to_owned(), *product, since, id, *line))?;
            }
            for product in &old.products {
                BY_PRODUCT.remove(tx, &(*product, old.status.to_owned(), created, id))?;
            }
            if let Some((key, sums)) = old.sums() {
                add_sums(tx, key, sums.negative())?;
            }
            if let Some(at) = old.with_photos {
                WITH_PHOTOS.remove(tx, &(at, id))?;
            }
            if let Some(since) = old.at_door {
                AT_DOOR.remove(tx, &(since, id))?;
            }
        }
        let since = after.waiting_since();
        for (state, product, line) in &new.lines {
            LINES.put(tx, &((*state).to_owned(), since, id, *line))?;
            LINES_OF.put(tx, &((*state).to_owned(), *product, since, id, *line))?;
        }
        for product in &new.products {
            BY_PRODUCT.put(tx, &(*product, new.status.to_owned(), created, id))?;
        }
        if let Some((key, sums)) = new.sums() {
            add_sums(tx, key, sums)?;
        }
        if let Some(at) = new.with_photos {
            WITH_PHOTOS.put(tx, &(at, id))?;
        }
        if let Some(since) = new.at_door {
            AT_DOOR.put(tx, &(since, id))?;
        }
    }
    if before.is_none_or(|before| reads_differently(before, after)) {
        UNHEARD.put(tx, &HEARD.next(tx)?, &id)?;
        if let Some(bell) = tx.attached::<Bell>() {
            tx.after_commit(move || bell.0.notify_one());
        }
    }
    Ok(())
}

fn add_sums(tx: &WriteTx, key: (i64, String), more: Sums) -> Result<(), Fault> {
    let mut sums = SUMS.get(tx, &key)?.unwrap_or_default();
    sums.add(more);
    if sums == Sums::default() { SUMS.remove(tx, &key).map(drop) } else { SUMS.put(tx, &key, &sums) }
}

/// Whether the search would find it by other words, or narrow it to other lists.
fn reads_differently(before: &Order, after: &Order) -> bool {
    let frozen = |line: &Line| line.frozen.as_ref().map(|frozen| frozen.params_crc32.clone());
    let same_line = |(one, other): (&Line, &Line)| {
        one.design_id == other.design_id && one.title == other.title && frozen(one) == frozen(other)
    };
    before.status != after.status
        || before.email != after.email
        || before.shipping_address != after.shipping_address
        || before.tracking != after.tracking
        || before.lines.len() != after.lines.len()
        || !before.lines.iter().zip(&after.lines).all(same_line)
}

/// Names the rows the lists hold for an order, but for the sums.
pub(super) fn follow(order: &Order, visit: &mut derived::Visit<'_>) -> Result<(), Fault> {
    let (id, created, entries) = (order.id, order.created_at, Entries::of(order));
    let since = order.waiting_since();
    for (state, product, line) in &entries.lines {
        visit(LINES.derived(&((*state).to_owned(), since, id, *line)))?;
        visit(LINES_OF.derived(&((*state).to_owned(), *product, since, id, *line)))?;
    }
    for product in &entries.products {
        visit(BY_PRODUCT.derived(&(*product, entries.status.to_owned(), created, id)))?;
    }
    if let Some(since) = entries.at_door {
        visit(AT_DOOR.derived(&(since, id)))?;
    }
    match entries.with_photos {
        Some(at) => visit(WITH_PHOTOS.derived(&(at, id))),
        None => Ok(()),
    }
}

/// Orders that were delivered before `until` and whose customers' photos are still here, and when that was, the oldest first, behind
/// `after`.
///
/// # Errors
/// A database that cannot be read.
pub fn with_photos(
    tx: &impl Snapshot,
    after: Option<(Moment, OrderId)>,
    until: Moment,
    limit: usize,
) -> Result<Vec<(Moment, OrderId)>, Fault> {
    let low = after.map_or(Bound::Unbounded, Bound::Excluded);
    let high = Bound::Excluded((until, OrderId(uuid::Uuid::nil())));
    WITH_PHOTOS.range(tx, (low, high), Direction::Rising, limit)
}

/// Orders with packed pieces that are paid when the parcel comes, the one that has waited longest first, behind `after`.
///
/// # Errors
/// A database that cannot be read.
pub fn parcels_at_door(
    tx: &impl Snapshot,
    after: Option<(Moment, OrderId)>,
    limit: usize,
) -> Result<Vec<(Moment, OrderId)>, Fault> {
    let low = after.map_or(Bound::Unbounded, Bound::Excluded);
    AT_DOOR.range(tx, (low, Bound::Unbounded), Direction::Rising, limit)
}

/// Adds up what was taken while the orders are walked.
#[derive(Default)]
pub(super) struct Taken(BTreeMap<(i64, String), Sums>);

impl Taken {
    pub fn add(&mut self, order: &Order) {
        if let Some((key, sums)) = Entries::of(order).sums() {
            self.0.entry(key).or_default().add(sums);
        }
    }

    /// Names the rows of the sums.
    pub fn follow(self, visit: &mut derived::Visit<'_>) -> Result<(), Fault> {
        let sums = self.0.into_iter().filter(|(_, sums)| *sums != Sums::default());
        sums.into_iter().try_for_each(|(key, sums)| visit(SUMS.derived(&key, &sums)?))
    }
}

/// What was taken from `from` on and before `until`, quarter by quarter, in the order of time: the beginning of the quarter, the
/// currency's code, and the sums.
///
/// # Errors
/// A database that cannot be read.
pub fn taken(tx: &impl Snapshot, from: Moment, until: Moment) -> Result<Vec<(Moment, String, Sums)>, Fault> {
    let (low, high) = ((quarter(from), String::new()), (quarter(until), String::new()));
    let rows = SUMS.range(tx, low..high, Direction::Rising, usize::MAX)?;
    Ok(rows.into_iter().map(|((at, currency), sums)| (Moment(at * QUARTER_MS), currency, sums)).collect())
}

/// Where a line stands in the print room's queue.
pub type LinePlace = (Moment, OrderId, LineId);

/// Lines in a state, the one that has waited longest first, behind `after`; of one product, or of all.
///
/// # Errors
/// A database that cannot be read.
pub fn lines(
    tx: &impl Snapshot,
    state: Production,
    product: Option<ProductId>,
    after: Option<LinePlace>,
    limit: usize,
) -> Result<Vec<LinePlace>, Fault> {
    let state = state.name().to_owned();
    match product {
        None => {
            let behind = after.map(|(at, order, line)| (state.clone(), at, order, line));
            let keys = LINES.prefix(tx, &(state,), behind.as_ref(), Direction::Rising, limit)?;
            Ok(keys.into_iter().map(|(_, at, order, line)| (at, order, line)).collect())
        }
        Some(product) => {
            let behind = after.map(|(at, order, line)| (state.clone(), product, at, order, line));
            let keys = LINES_OF.prefix(tx, &(state, product), behind.as_ref(), Direction::Rising, limit)?;
            Ok(keys.into_iter().map(|(_, _, at, order, line)| (at, order, line)).collect())
        }
    }
}

/// How many lines are in a state, counted up to `limit`; of one product, or of all.
///
/// # Errors
/// A database that cannot be read.
pub fn count_lines(
    tx: &impl Snapshot,
    state: Production,
    product: Option<ProductId>,
    limit: usize,
) -> Result<usize, Fault> {
    match product {
        None => LINES.count(tx, &(state.name().to_owned(),), limit),
        Some(product) => LINES_OF.count(tx, &(state.name().to_owned(), product), limit),
    }
}

/// The orders that have a product in one of their lines, by age, in one state or all, between two places.
///
/// # Errors
/// A database that cannot be read.
pub fn of_product(
    tx: &impl Snapshot,
    product: ProductId,
    status: Option<Status>,
    between: (Place, Place),
    direction: Direction,
    limit: usize,
) -> Result<Vec<Place>, Fault> {
    let mut found = Vec::new();
    for keys in product_ranges(product, status, between) {
        let keys = BY_PRODUCT.range(tx, keys, direction, limit)?;
        found.extend(keys.into_iter().map(|(_, _, at, id)| (at, id)));
    }
    found.sort_unstable();
    if direction == Direction::Falling {
        found.reverse();
    }
    found.truncate(limit);
    Ok(found)
}

/// How many orders [`of_product`] would give without a limit.
///
/// # Errors
/// A database that cannot be read.
pub fn count_of_product(
    tx: &impl Snapshot,
    product: ProductId,
    status: Option<Status>,
    between: (Place, Place),
) -> Result<u64, Fault> {
    product_ranges(product, status, between).map(|keys| BY_PRODUCT.count_between(tx, keys)).sum()
}

type ProductKey = (ProductId, String, Moment, OrderId);

/// The keys of each state by itself: an order is in one of them.
fn product_ranges(
    product: ProductId,
    status: Option<Status>,
    (low, high): (Place, Place),
) -> impl Iterator<Item = Range<ProductKey>> {
    let states = Status::ALL.iter().filter(move |state| status.is_none_or(|wanted| **state == wanted));
    states.map(move |state| {
        let key = |(at, id): Place| (product, state.name().to_owned(), at, id);
        key(low)..key(high)
    })
}

/// The number of the last change the search index has to know of.
///
/// # Errors
/// A database that cannot be read.
pub fn last_change(tx: &impl Snapshot) -> Result<u64, Fault> {
    HEARD.last(tx)
}

/// The changes behind number `after`, oldest first.
///
/// # Errors
/// A database that cannot be read.
pub fn unheard(tx: &impl Snapshot, after: u64, limit: usize) -> Result<Vec<(u64, OrderId)>, Fault> {
    UNHEARD.range(tx, after + 1.., Direction::Rising, limit)
}

/// The index knows of every change up to number `until`.
///
/// # Errors
/// A database that cannot be written.
pub fn heard(tx: &WriteTx, until: u64) -> Result<(), Fault> {
    for (number, _) in UNHEARD.range(tx, ..=until, Direction::Rising, AT_ONCE)? {
        UNHEARD.remove(tx, &number)?;
    }
    Ok(())
}
