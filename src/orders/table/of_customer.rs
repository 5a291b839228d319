//! The orders of one customer, by their session or by their addresses.

use super::{BY_EMAIL, BY_SESSION, ORDERS, Place, rows};
use crate::kernel::{Fault, Moment};
use crate::orders::model::{Order, OrderId};
use crate::people::customers;
use crate::store::{Order as Direction, Snapshot};
use crate::web::SessionId;
use std::collections::BTreeSet;
use std::ops::Bound;
use uuid::Uuid;

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
            Some(low) => (Bound::Excluded(low), Bound::Unbounded),
            None => (Bound::Unbounded, Bound::Unbounded),
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
