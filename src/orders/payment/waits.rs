//! Money that takes days, and money that does not come.

use super::attention::raise;
use super::holds::{hold_again, let_holds_go};
use super::{require, save};
use crate::designs;
use crate::kernel::{Moment, Result};
use crate::orders::model::{Actor, HistoryEntry, Order, OrderId, PaymentStatus, Production, Status, Voucher};
use crate::orders::{basket, letters, rules, table};
use crate::shop::Shop;
use crate::store::WriteTx;

/// The customer has chosen a means that takes days (convenience store, bank debit).
///
/// # Errors
/// An order that does not exist, a database that cannot be written.
pub fn mark_processing(tx: &WriteTx, shop: &Shop, id: OrderId, voucher: Option<Voucher>, now: Moment) -> Result<Order> {
    let mut order = require(tx, id)?;
    // After a declined card the payment page stays open, and the customer may choose another means there.
    let waits = matches!(order.payment_status, PaymentStatus::Pending | PaymentStatus::Failed | PaymentStatus::Expired);
    if order.status == Status::PendingPayment && waits {
        if !hold_again(tx, shop, &mut order)? {
            raise(&mut order, "oversold", &[], now);
        }
        order.payment_status = PaymentStatus::Processing;
        order.voucher = voucher;
        save(tx, &mut order, now)?;
        letters::post_pay_how(tx, shop, &order, now)?;
        table::record(tx, id, &HistoryEntry::new(now, Actor::Stripe, "payment_processing"))?;
        basket::let_go(tx, &order)?;
    }
    Ok(order)
}

/// Reminds a customer whose time to pay is almost over. Once for each attempt to pay.
///
/// # Errors
/// A database that cannot be written.
pub fn remind(tx: &WriteTx, shop: &Shop, id: OrderId, now: Moment) -> Result<()> {
    let order = require(tx, id)?;
    let ends = order.voucher.as_ref().and_then(|voucher| voucher.expires_at);
    let waits = order.status == Status::PendingPayment && order.payment_status == PaymentStatus::Processing;
    if waits && ends.is_some_and(|at| at > now && at <= now.plus_days(1)) {
        letters::post_pay_reminder(tx, shop, &order, now)?;
    }
    Ok(())
}

/// Stripe says that the payment will not come. The order can be paid again.
///
/// # Errors
/// As [`mark_processing`].
pub fn mark_failed(tx: &WriteTx, shop: &Shop, id: OrderId, reason: Option<&str>, now: Moment) -> Result<Order> {
    end_attempt(tx, shop, id, PaymentStatus::Failed, reason, now)
}

/// Stripe says that the time to pay is over. The order can be paid again.
///
/// # Errors
/// As [`mark_processing`].
pub fn mark_expired(tx: &WriteTx, shop: &Shop, id: OrderId, now: Moment) -> Result<Order> {
    end_attempt(tx, shop, id, PaymentStatus::Expired, None, now)
}

fn end_attempt(
    tx: &WriteTx,
    shop: &Shop,
    id: OrderId,
    to: PaymentStatus,
    reason: Option<&str>,
    now: Moment,
) -> Result<Order> {
    let mut order = require(tx, id)?;
    let waits = matches!(order.payment_status, PaymentStatus::Pending | PaymentStatus::Processing);
    if order.status == Status::PendingPayment && waits {
        let was_on_its_way = order.payment_status == PaymentStatus::Processing;
        order.payment_status = to;
        order.voucher = None;
        let_holds_go(tx, shop, &mut order)?;
        save(tx, &mut order, now)?;
        let what = if to == PaymentStatus::Failed { "payment_failed" } else { "payment_expired" };
        let entry = HistoryEntry::new(now, Actor::Stripe, what).with("reason", reason.unwrap_or("–"));
        table::record(tx, id, &entry)?;
        // Whoever sat before a payment page has seen it; whoever was to walk to a store has not.
        if was_on_its_way {
            letters::post_lapsed(tx, shop, &order, now)?;
        }
    }
    Ok(order)
}

/// The customer comes back to change an order that was not paid. Its session must have been expired at Stripe before.
///
/// # Errors
/// 409 for an order that does not wait for its money.
pub fn back_to_draft(tx: &WriteTx, shop: &Shop, id: OrderId, now: Moment) -> Result<Order> {
    let mut order = require(tx, id)?;
    if order.status == Status::Draft {
        return Ok(order);
    }
    rules::check_move(order.status, Status::Draft)?;
    rules::check_not_begun(&order)?;
    let_holds_go(tx, shop, &mut order)?;
    for line in &mut order.lines {
        designs::unlock(tx, line.design_id, id.0)?;
        line.frozen = None;
        line.production = Production::Waiting;
    }
    order.status = Status::Draft;
    order.payment_status = PaymentStatus::Pending;
    save(tx, &mut order, now)?;
    table::record(tx, id, &HistoryEntry::new(now, Actor::Customer, "reopened"))?;
    Ok(order)
}

/// Calls off, in a row at hand, an order that was not paid. Whoever knows of an open payment page for it closes that.
///
/// # Errors
/// 409 `invalid_status_transition`.
pub(in crate::orders) fn call_off(tx: &WriteTx, shop: &Shop, order: &mut Order, now: Moment) -> Result<()> {
    rules::check_staff_move(order.status, Status::Cancelled)?;
    let_holds_go(tx, shop, order)?;
    for line in &order.lines {
        designs::unlock(tx, line.design_id, order.id.0)?;
    }
    order.status = Status::Cancelled;
    order.cancelled_at = Some(now);
    Ok(())
}
