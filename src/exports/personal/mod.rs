//! What the shop knows of one person: seen in the panel, handed out as a file, and erased (decision 0113).
//!
//! A customer is an e-mail address; in addresses of pages it goes by the id of one of its orders, so that no log has it.

mod erase;
mod gather;
mod web;

pub use web::routes;

use crate::kernel::{Fault, Refusal, Result};
use crate::orders::{self, Order, OrderId};
use crate::people::customers::normal;
use crate::store::Snapshot;

/// More orders than one person has; what is beyond is erased when it is asked for again.
const MOST_ORDERS: usize = 10_000;

/// The customer an order belongs to: the address as it is compared, and that order.
///
/// # Errors
/// 404 for an order that does not exist.
fn customer_of(tx: &impl Snapshot, id: OrderId) -> Result<(String, Order)> {
    let order = orders::find(tx, id)?.ok_or_else(Refusal::not_found)?;
    Ok((normal(&order.email), order))
}

/// Every order of an address, newest first; none for the empty address that erased orders have.
fn orders_of(tx: &impl Snapshot, email: &str) -> Result<Vec<Order>, Fault> {
    if email.is_empty() { Ok(Vec::new()) } else { orders::of_address(tx, email, MOST_ORDERS) }
}
