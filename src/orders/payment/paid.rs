//! Money that came, whether it fits its order or not.

use super::attention::raise;
use super::holds::hold_again;
use super::prints::{look_at_holds, settle_prints};
use super::{MarkedPaid, PaidBy, Received, require, save};
use crate::designs;
use crate::kernel::{Code, Moment, Refusal, Result};
use crate::orders::model::{Actor, Attention, HistoryEntry, Order, OrderId, PaymentStatus, Status, Taken};
use crate::orders::{basket, letters, table};
use crate::shop::Shop;
use crate::store::WriteTx;

/// Money came for an order that was called off, or is a draft again, and staff take it: the order goes on as if it had waited for it.
///
/// # Errors
/// 409 where the money is not what the order costs, or a design was changed since, or a print file cannot be made.
pub fn revive(tx: &WriteTx, shop: &Shop, id: OrderId, received: Received, now: Moment) -> Result<Order> {
    let mut order = require(tx, id)?;
    let is_draft = order.status == Status::Draft;
    if !(is_draft || order.status == Status::Cancelled) || received.amount != order.amount() {
        return Err(Refusal::new(Code::Conflict, "orders.revive_no").into());
    }
    for line in &order.lines {
        let design = designs::find(tx, line.design_id)?;
        let frozen = line.frozen.as_ref().map(|frozen| frozen.params_crc32.as_str());
        let bought = frozen.or(is_draft.then_some(line.priced_crc32.as_str()));
        if design.is_none_or(|design| Some(design.params_crc32.as_str()) != bought) {
            return Err(Refusal::new(Code::Conflict, "orders.revive_changed").into());
        }
    }
    for line in &mut order.lines {
        designs::finalize_in(tx, shop, line.design_id, now)?;
        if line.frozen.is_none() {
            line.frozen = Some(designs::freeze(tx, shop, line.design_id)?);
        }
        designs::lock(tx, line.design_id, id.0)?;
    }
    order.status = Status::PendingPayment;
    order.payment_status = PaymentStatus::Pending;
    order.cancelled_at = None;
    save(tx, &mut order, now)?;
    if let PaidBy::Staff(name) = &received.by {
        table::record(tx, id, &HistoryEntry::new(now, Actor::Staff(name.clone()), "revived"))?;
    }
    match mark_paid(tx, shop, id, received, now)? {
        MarkedPaid::Now(order) | MarkedPaid::Already(order) | MarkedPaid::Attention(order) => Ok(order),
    }
}

/// Money arrived. The order becomes paid exactly once, for exactly its amount.
///
/// # Errors
/// An order that does not exist, a database that cannot be written.
pub fn mark_paid(tx: &WriteTx, shop: &Shop, id: OrderId, received: Received, now: Moment) -> Result<MarkedPaid> {
    let mut order = require(tx, id)?;
    if let Some(intent) = &received.intent {
        table::index_intent(tx, intent, id)?;
    }
    if order.paid_at.is_some() {
        let other = received.intent.is_some() && received.intent != order.stripe_payment_intent_id;
        return if other {
            // Two payments for one order: the second must go back.
            needs_decision(tx, order, "paid_twice", &received, now)
        } else {
            Ok(MarkedPaid::Already(order))
        };
    }
    match order.status {
        Status::PendingPayment if received.amount == order.amount() => {}
        Status::PendingPayment => return needs_decision(tx, order, "wrong_amount", &received, now),
        Status::Cancelled => return needs_decision(tx, order, "paid_after_cancel", &received, now),
        _ => return needs_decision(tx, order, "late_payment", &received, now),
    }
    if !hold_again(tx, shop, &mut order)? {
        raise(&mut order, "oversold", &[], now);
    }
    order.status = Status::Paid;
    order.payment_status = PaymentStatus::Succeeded;
    order.voucher = None;
    order.paid_at = Some(now);
    order.invoice_number = Some(table::next_invoice_number(tx)?);
    order.stripe_payment_intent_id = match &received.by {
        // What was begun at Stripe did not pay it, and a refund must not go there.
        PaidBy::Hand(taken) => {
            order.taken = Some(taken.clone());
            None
        }
        _ => received.intent.clone().or(order.stripe_payment_intent_id),
    };
    order.stripe_checkout_session_id = received.session.clone().or(order.stripe_checkout_session_id);
    // It may have come before the order waited for it.
    answer_money(&mut order, received.intent.as_deref());
    settle_prints(tx, &mut order)?;
    look_at_holds(tx, shop, &mut order, now)?;
    save(tx, &mut order, now)?;
    let actor = match &received.by {
        PaidBy::Stripe => Actor::Stripe,
        PaidBy::Nothing => Actor::System,
        PaidBy::Staff(name) | PaidBy::Hand(Taken { by: name, .. }) => Actor::Staff(name.clone()),
    };
    table::record(tx, id, &HistoryEntry::new(now, actor, "paid").with("amount", order.amount().show()))?;
    letters::post_paid(tx, shop, &order, now)?;
    basket::let_go(tx, &order)?;
    Ok(MarkedPaid::Now(order))
}

fn needs_decision(tx: &WriteTx, mut order: Order, code: &str, received: &Received, now: Moment) -> Result<MarkedPaid> {
    let money = received.amount.show();
    // The intent tells one payment from another of the same amount.
    let intent = received.intent.clone().unwrap_or_default();
    if raise(&mut order, code, &[("amount", money.clone()), ("intent", intent)], now) {
        if order.stripe_payment_intent_id.is_none() && order.taken.is_none() {
            // The money can only be given back by its intent.
            order.stripe_payment_intent_id.clone_from(&received.intent);
        }
        save(tx, &mut order, now)?;
        let entry = HistoryEntry::new(now, Actor::Stripe, "money_not_fitting").with("amount", money);
        table::record(tx, order.id, &entry)?;
    }
    Ok(MarkedPaid::Attention(order))
}

/// Questions about money that does not fit its order, each of one payment.
const MONEY_ATTENTION: [&str; 4] = ["paid_after_cancel", "late_payment", "paid_twice", "wrong_amount"];

/// Takes the questions about one payment away from a row at hand. True when there were some.
fn answer_money(order: &mut Order, intent: Option<&str>) -> bool {
    let Some(intent) = intent else { return false };
    let is_about = |entry: &Attention| {
        MONEY_ATTENTION.contains(&entry.code.as_str()) && entry.values.get("intent").is_some_and(|of| of == intent)
    };
    let (answered, open): (Vec<_>, Vec<_>) = order.attention.drain(..).partition(is_about);
    order.attention = open;
    let is_any = !answered.is_empty();
    order.decided.extend(answered);
    is_any
}

/// All of a payment has gone back, so nothing about it is left to decide.
///
/// # Errors
/// As [`super::add_attention`].
pub fn gone_back(tx: &WriteTx, id: OrderId, intent: &str, now: Moment) -> Result<()> {
    let mut order = require(tx, id)?;
    if answer_money(&mut order, Some(intent)) {
        save(tx, &mut order, now)?;
    }
    Ok(())
}
