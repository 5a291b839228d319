//! An order goes to pay: what is bought is frozen, and what stands at Stripe about it is remembered.

use super::holds::{claim_coupon, hold_stock};
use super::{Begun, require, save};
use crate::designs::{self, Status as DesignStatus};
use crate::kernel::{Code, Lang, Moment, Refusal, Result};
use crate::orders::model::{Actor, HistoryEntry, Order, OrderId, PaymentMethod, PaymentStatus, Status};
use crate::orders::{delivery, means, pricing, rules, table};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};

/// The customer goes to pay: what is bought is frozen and locked, and its print files are on their way.
///
/// # Errors
/// `order_not_payable`, `design_not_ready` (a final render that failed for good), `out_of_stock`, `coupon_invalid`, or 422 for a design
/// that cannot be ordered any more.
pub fn begin_payment(tx: &WriteTx, shop: &Shop, id: OrderId, now: Moment) -> Result<Begun> {
    let mut order = require(tx, id)?;
    rules::check_payable(&order)?;
    delivery::check_still_possible(&shop.settings(), &order, now)?;
    if order.status == Status::Draft {
        let is_offered = means::is_offered(shop, &order);
        if !is_offered {
            order.payment_method = PaymentMethod::Online;
        }
        let fresh = pricing::reprice(tx, shop, &order, now)?;
        let design_changed = order.lines.iter().zip(&fresh.lines).any(|(old, new)| pricing::has_changed(old, new));
        let offer_over = now > rules::offer_ends(order.priced_at) && fresh.totals != order.totals;
        if design_changed || offer_over || !is_offered {
            order.lines = fresh.lines;
            order.totals = fresh.totals;
            order.priced_at = now;
            save(tx, &mut order, now)?;
            table::record(tx, id, &HistoryEntry::new(now, Actor::System, "repriced"))?;
            return Ok(Begun::Changed(order));
        }
    }
    claim_coupon(tx, &mut order, now)?;
    hold_stock(tx, shop, &mut order)?;
    for line in &mut order.lines {
        if line.frozen.is_none() {
            designs::finalize_in(tx, shop, line.design_id, now)?;
            line.frozen = Some(designs::freeze(tx, shop, line.design_id)?);
            designs::lock(tx, line.design_id, id.0)?;
        } else {
            check_print_possible(tx, line.design_id)?;
        }
    }
    order.status = Status::PendingPayment;
    order.payment_status = PaymentStatus::Pending;
    order.revision += 1;
    // They belong to the attempt before; what still comes of those finds the order by itself.
    order.stripe_checkout_session_id = None;
    order.stripe_payment_intent_id = None;
    save(tx, &mut order, now)?;
    table::record(
        tx,
        id,
        &HistoryEntry::new(now, Actor::Customer, "payment_begun").with("amount", order.amount().show()),
    )?;
    Ok(Begun::Ready(order))
}

fn check_print_possible(tx: &impl Snapshot, design: designs::DesignId) -> Result<()> {
    match designs::find(tx, design)? {
        Some(design) if design.status == DesignStatus::Failed => {
            Err(Refusal::new(Code::DesignNotReady, "orders.print_failed").into())
        }
        _ => Ok(()),
    }
}

/// The refusal that goes with [`Begun::Changed`]: it carries the new order.
pub fn order_changed(order: &Order, lang: Lang) -> Refusal {
    let view = crate::orders::view(order, lang);
    Refusal::new(Code::OrderChanged, "orders.order_changed").with_extra("order", serde_json::json!(view))
}

/// Remembers the payment page that was made for the order.
///
/// # Errors
/// An order that does not exist, a database that cannot be written.
pub fn set_stripe_session(tx: &WriteTx, id: OrderId, session: &str, now: Moment) -> Result<Order> {
    let mut order = require(tx, id)?;
    if order.stripe_checkout_session_id.as_deref() != Some(session) {
        order.stripe_checkout_session_id = Some(session.to_owned());
        save(tx, &mut order, now)?;
    }
    Ok(order)
}

/// Remembers the payment intent that belongs to the order. Of a paid order the one that paid it stays; the other is findable.
///
/// # Errors
/// As [`set_stripe_session`].
pub fn set_intent(tx: &WriteTx, id: OrderId, intent: &str, now: Moment) -> Result<Order> {
    let mut order = require(tx, id)?;
    if order.stripe_payment_intent_id.as_deref() == Some(intent) {
        return Ok(order);
    }
    if order.paid_at.is_some() && (order.stripe_payment_intent_id.is_some() || order.taken.is_some()) {
        table::index_intent(tx, intent, id)?;
        return Ok(order);
    }
    order.stripe_payment_intent_id = Some(intent.to_owned());
    save(tx, &mut order, now)?;
    Ok(order)
}
