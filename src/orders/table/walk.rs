//! Orders one after the other, for exports and `petstar check`.

use super::{BY_CREATED, BY_STATUS, ORDERS, Place};
use crate::catalog::ProductId;
use crate::kernel::{Fault, Moment};
use crate::orders::lists;
use crate::orders::model::{Order, OrderId, Status};
use crate::store::{Order as Direction, Snapshot};
use std::ops::ControlFlow;
use uuid::Uuid;

/// Hands every order to `visit`, for `petstar check` and exports.
pub fn each(tx: &impl Snapshot, mut visit: impl FnMut(Order) -> Result<ControlFlow<()>, Fault>) -> Result<(), Fault> {
    ORDERS.each(tx, .., Direction::Rising, |_, order| visit(order))
}

/// Which orders are walked by [`each_stored`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub status: Option<Status>,
    /// With this product in one of their lines.
    pub product: Option<ProductId>,
    /// Created at this moment or later.
    pub from: Option<Moment>,
    /// Created before this moment.
    pub until: Option<Moment>,
}

impl Span {
    fn is_everything(&self) -> bool {
        self.status.is_none() && self.product.is_none() && self.from.is_none() && self.until.is_none()
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
    match (span.product, span.status) {
        (Some(product), status) => lists::count_of_product(tx, product, status, (low, high)),
        (None, None) => BY_CREATED.count_between(tx, low..high),
        (None, Some(status)) => {
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
        let found: Vec<Place> = match (span.product, span.status) {
            (Some(product), status) => lists::of_product(tx, product, status, (low, high), Direction::Rising, READ)?,
            (None, None) => BY_CREATED.range(tx, low..high, Direction::Rising, READ)?,
            (None, Some(status)) => {
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
