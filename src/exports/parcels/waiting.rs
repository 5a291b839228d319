//! Orders that wait for their parcel.

use super::web::Labels;
use crate::kernel::{Fault, Moment};
use crate::orders::{self, Order, OrderId, Status};
use crate::store::{self, Snapshot};

/// Orders read at once.
const READ: usize = 200;

/// Where a page of parcels ended.
#[derive(Clone, Copy)]
pub(super) struct Place {
    is_at_door: bool,
    at: Moment,
    id: OrderId,
}

impl Place {
    /// The list is named too: an order that is paid before the next page is asked for has left that of the door.
    pub(super) fn of(order: &Order) -> String {
        if order.pays_at_door() { format!("door.{}", order.id) } else { order.id.to_string() }
    }

    pub(super) fn read(tx: &impl Snapshot, text: &str) -> Result<Option<Place>, Fault> {
        let (id, was_at_door) = text.strip_prefix("door.").map_or((text, false), |id| (id, true));
        let order = id.parse().ok().map(|id: OrderId| orders::find(tx, id)).transpose()?.flatten();
        Ok(order.map(|order| Place {
            is_at_door: was_at_door || order.pays_at_door(),
            at: if order.pays_at_door() { order.waiting_since() } else { order.created_at },
            id: order.id,
        }))
    }
}

/// Orders that wait for their parcel, behind `after`: first those that are paid at the door, which leave when they are packed, whatever
/// their state says about the money; then those being worked on.
pub(super) fn waiting(
    tx: &impl Snapshot,
    labels: Labels,
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<Order>, Fault> {
    let mut found: Vec<Order> = Vec::new();
    if after.is_none_or(|after| after.is_at_door) {
        let mut place = after.map(|after| (after.at, after.id));
        loop {
            let places = orders::lists::parcels_at_door(tx, place, READ)?;
            place = places.last().copied();
            for (_, id) in &places {
                found.extend(orders::find(tx, *id)?.filter(|order| labels.has(order)));
            }
            if found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            if places.len() < READ {
                break;
            }
        }
    }
    let mut behind = after.filter(|after| !after.is_at_door).map(|after| (after.at, after.id));
    loop {
        let orders = orders::in_status(tx, Status::Processing, behind, store::Order::Rising, READ)?;
        behind = orders.last().map(|order| (order.created_at, order.id));
        let is_last = orders.len() < READ;
        found.extend(orders.into_iter().filter(|order| labels.has(order)));
        if is_last || found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}
