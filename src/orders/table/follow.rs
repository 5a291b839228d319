//! What the orders' indexes must hold: `petstar check` compares it with what they do, and `--repair` makes them again.

use super::{
    BY_COUPON, BY_COUPON_EMAIL, BY_COUPON_SESSION, BY_CREATED, BY_DESIGN, BY_EMAIL, BY_INTENT, BY_NAME, BY_NUMBER,
    BY_READING, BY_SESSION, BY_STATUS, BY_STRIPE_SESSION, Keys, ON_HOLD, WITH_ATTENTION, each,
};
use crate::kernel::Fault;
use crate::orders::lists;
use crate::store::{Snapshot, derived};
use std::ops::ControlFlow;

/// Tables that hold what [`follow`] names and nothing else. News of a payment that was replaced keeps its way to the order, so those two
/// hold more.
pub const FOLLOWING: &[&str] = &[
    BY_NUMBER.name(),
    BY_CREATED.name(),
    BY_STATUS.name(),
    BY_SESSION.name(),
    BY_EMAIL.name(),
    BY_NAME.name(),
    BY_READING.name(),
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
    lists::FOLLOWING[5],
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
        if !keys.reading.is_empty() {
            visit(BY_READING.derived(&(keys.reading, created, id)))?;
        }
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
        Ok(ControlFlow::Continue(()))
    })?;
    taken.follow(visit)
}
