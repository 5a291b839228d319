//! What somebody of the staff must decide.

use super::{require, save};
use crate::kernel::{Moment, Result};
use crate::orders::model::{Attention, Order, OrderId};
use crate::orders::rules;
use crate::store::WriteTx;

/// Adds an attention entry to a row at hand. False when the same one stands there already.
pub(in crate::orders) fn raise(order: &mut Order, code: &str, values: &[(&str, String)], now: Moment) -> bool {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let is_decided = order.decided.iter().any(|entry| entry.code == code && entry.values == values);
    if is_decided || order.attention.iter().any(|entry| entry.code == code) {
        return false;
    }
    order.attention.push(Attention { code: code.to_owned(), values, at: now });
    true
}

/// Says that somebody of the staff must decide something; the words stand under `orders.attention.<code>`.
///
/// # Errors
/// An order that does not exist, a database that cannot be written.
pub fn add_attention(tx: &WriteTx, id: OrderId, code: &str, values: &[(&str, String)], now: Moment) -> Result<Order> {
    let mut order = require(tx, id)?;
    if raise(&mut order, code, values, now) {
        save(tx, &mut order, now)?;
    }
    Ok(order)
}

/// Takes an attention entry away, because it was decided or cured itself.
///
/// # Errors
/// As [`add_attention`].
pub fn clear_attention(tx: &WriteTx, id: OrderId, code: &str, now: Moment) -> Result<Order> {
    let mut order = require(tx, id)?;
    if decide(&mut order, code) {
        save(tx, &mut order, now)?;
    }
    Ok(order)
}

/// Takes an attention entry away from a row at hand, so that the same news does not bring it back. False where there is none.
pub(in crate::orders) fn decide(order: &mut Order, code: &str) -> bool {
    let (decided, open): (Vec<_>, Vec<_>) = order.attention.drain(..).partition(|entry| entry.code == code);
    order.attention = open;
    let is_any = !decided.is_empty();
    // A print file may fail again, of which nothing tells one time from another.
    order.decided.extend(decided.into_iter().filter(|entry| !rules::PRINT_ATTENTION.contains(&entry.code.as_str())));
    is_any
}
