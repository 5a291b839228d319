//! What Stripe told about a person, taken out when that person is erased.

use super::table::{self, Attempt};
use crate::kernel::Fault;
use crate::orders::OrderId;
use crate::store::{Snapshot, WriteTx};
use serde_json::Value;
use std::collections::BTreeSet;

/// Members of Stripe's objects that say who somebody is or where they live (docs.stripe.com/api).
const NAMING: [&str; 10] = [
    "billing_details",
    "collected_information",
    "customer_details",
    "customer_email",
    "email",
    "name",
    "phone",
    "receipt_email",
    "shipping",
    "shipping_details",
];

/// The events about these orders, or that name the address, by Stripe's ids. Reads all events.
///
/// # Errors
/// A database that cannot be read.
pub fn events_about(tx: &impl Snapshot, orders: &BTreeSet<OrderId>, email: &str) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    table::each_event(tx, |event| {
        // Some kinds concern no order, and tell of its customer all the same.
        if event.order.is_some_and(|order| orders.contains(&order)) || event.body.to_lowercase().contains(email) {
            found.push(event.id);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Takes names, addresses and e-mail addresses out of what was said to Stripe about an order, and out of what it told.
///
/// # Errors
/// A database that cannot be written.
pub fn forget(tx: &WriteTx, orders: &BTreeSet<OrderId>, events: &[String]) -> Result<(), Fault> {
    for order in orders {
        for attempt in table::attempts(tx, *order)? {
            let new_session = crate::stripe::NewSession { email: None, ..attempt.new_session.clone() };
            table::put_attempt(tx, &Attempt { new_session, ..attempt })?;
        }
    }
    for id in events {
        let Some(mut row) = table::event(tx, id)? else { continue };
        if let Ok(mut body) = serde_json::from_str::<Value>(&row.body) {
            empty(&mut body);
            row.body = body.to_string();
            table::put_event(tx, &row)?;
        }
    }
    Ok(())
}

fn empty(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if NAMING.contains(&name.as_str()) {
                    *member = Value::Null;
                } else {
                    empty(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(empty),
        _ => {}
    }
}
