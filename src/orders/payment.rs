//! What money does to an order. Every function here runs inside the caller's write and may be called again for the same news
//! without doing anything twice.

use super::basket;
use super::coupons::{self, User};
use super::delivery;
use super::disputes;
use super::letters;
use super::means;
use super::model::{
    Actor, Attention, HistoryEntry, Order, OrderId, PaymentMethod, PaymentStatus, Production, Status, Taken, Voucher,
};
use super::pricing;
use super::rules::{self, Print};
use super::table;
use crate::catalog;
use crate::designs::{self, Design, Status as DesignStatus};
use crate::kernel::{Code, Error, Fault, Lang, Moment, Money, Refusal, Result};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};

/// Where an order stands when its customer goes to pay.
#[derive(Clone, Debug)]
pub enum Begun {
    /// Frozen and waiting for its money.
    Ready(Order),
    /// It is not what the customer saw: it was priced anew and stored, still a draft.
    Changed(Order),
}

/// Money that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub amount: Money,
    /// Stripe's payment intent.
    pub intent: Option<String>,
    /// Stripe's checkout session.
    pub session: Option<String>,
    pub by: PaidBy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaidBy {
    Stripe,
    /// Nothing was to be paid.
    Nothing,
    /// Somebody of the staff decided that money which came through Stripe counts.
    Staff(String),
    /// Somebody of the staff took the money, and stands for it by name.
    Hand(Taken),
}

/// What came of money that arrived.
#[derive(Clone, Debug)]
pub enum MarkedPaid {
    /// The order became paid just now.
    Now(Order),
    /// It was paid before.
    Already(Order),
    /// The money does not fit the order: somebody must decide.
    Attention(Order),
}

pub(super) fn require(tx: &impl Snapshot, id: OrderId) -> Result<Order> {
    Ok(table::get(tx, id)?.ok_or_else(Refusal::not_found)?)
}

/// Stores a changed order under its next version.
pub(super) fn save(tx: &WriteTx, order: &mut Order, now: Moment) -> Result<(), Fault> {
    order.version += 1;
    order.updated_at = now;
    table::put(tx, order)
}

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
    let view = super::view(order, lang);
    Refusal::new(Code::OrderChanged, "orders.order_changed").with_extra("order", serde_json::json!(view))
}

fn hold_stock(tx: &WriteTx, shop: &Shop, order: &mut Order) -> Result<()> {
    if order.holds_stock {
        return Ok(());
    }
    for at in 0..order.lines.len() {
        let line = &mut order.lines[at];
        match catalog::take_stock(tx, shop, line.product_id, line.variant_id, i64::from(line.quantity)) {
            Ok(taken) => line.blanks = Some(u32::try_from(taken).unwrap_or(0)),
            Err(refusal) => {
                // All of it or nothing: money may have come, and then the refusal does not end the transaction.
                for line in &mut order.lines[..at] {
                    let taken = i64::from(line.blanks.replace(0).unwrap_or(0));
                    if taken > 0 {
                        catalog::take_stock(tx, shop, line.product_id, line.variant_id, -taken)?;
                    }
                }
                return Err(refusal);
            }
        }
    }
    order.holds_stock = true;
    Ok(())
}

/// Takes what an order holds while its money may come, where it has let go of that already. False where the blanks are gone.
fn hold_again(tx: &WriteTx, shop: &Shop, order: &mut Order) -> Result<bool> {
    if order.coupon_claim.is_none()
        && let Some(code) = &order.coupon
    {
        // The money is on its way or there, so the use counts, whatever the limits say.
        order.coupon_claim = coupons::table::by_code(tx, code)?.map(|coupon| coupon.id);
    }
    match hold_stock(tx, shop, order) {
        Ok(()) => Ok(true),
        Err(Error::Refused(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Uses the order's coupon up, once: every order that goes to pay is counted in the transaction in which it does.
fn claim_coupon(tx: &WriteTx, order: &mut Order, now: Moment) -> Result<()> {
    let Some(code) = order.coupon.as_deref().filter(|_| order.coupon_claim.is_none()) else { return Ok(()) };
    let coupon = coupons::find_usable(tx, code, User { email: &order.email, session: order.session })?;
    coupon.check(order.totals.subtotal, order.currency(), now)?;
    order.coupon_claim = Some(coupon.id);
    Ok(())
}

/// What an order holds until it is paid: blanks and a use of its coupon.
fn let_holds_go(tx: &WriteTx, shop: &Shop, order: &mut Order) -> Result<()> {
    order.coupon_claim = None;
    give_stock_back(tx, shop, order)
}

fn give_stock_back(tx: &WriteTx, shop: &Shop, order: &mut Order) -> Result<()> {
    if order.holds_stock {
        for line in &mut order.lines {
            let blanks = i64::from(line.blanks.unwrap_or(line.quantity));
            line.blanks = Some(0);
            // What is printed is no blank any more.
            if blanks == 0 || matches!(line.production, Production::Printed | Production::Packed) {
                continue;
            }
            match catalog::take_stock(tx, shop, line.product_id, line.variant_id, -blanks) {
                // A product that is gone has no shelf to put it back on.
                Ok(_) | Err(Error::Refused(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        order.holds_stock = false;
    }
    Ok(())
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

/// Tells the lines of a row at hand how far their print files are.
pub(super) fn settle_prints(tx: &impl Snapshot, order: &mut Order) -> Result<(), Fault> {
    for line in &mut order.lines {
        let Some(design) = designs::find(tx, line.design_id)? else { continue };
        let is_what_was_bought = line.frozen.as_ref().is_none_or(|frozen| frozen.params_crc32 == design.params_crc32);
        match design.status {
            DesignStatus::Ready if !is_what_was_bought => {}
            _ => {
                if let Some(print) = print_of(&design) {
                    *line = rules::settle_print(line, print);
                }
            }
        }
    }
    disputes::keep_held(tx, order)
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
pub(super) fn call_off(tx: &WriteTx, shop: &Shop, order: &mut Order, now: Moment) -> Result<()> {
    rules::check_staff_move(order.status, Status::Cancelled)?;
    let_holds_go(tx, shop, order)?;
    for line in &order.lines {
        designs::unlock(tx, line.design_id, order.id.0)?;
    }
    order.status = Status::Cancelled;
    order.cancelled_at = Some(now);
    Ok(())
}

/// Adds an attention entry to a row at hand. False when the same one stands there already.
pub(super) fn raise(order: &mut Order, code: &str, values: &[(&str, String)], now: Moment) -> bool {
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
pub(super) fn decide(order: &mut Order, code: &str) -> bool {
    let (decided, open): (Vec<_>, Vec<_>) = order.attention.drain(..).partition(|entry| entry.code == code);
    order.attention = open;
    let is_any = !decided.is_empty();
    // A print file may fail again, of which nothing tells one time from another.
    order.decided.extend(decided.into_iter().filter(|entry| !rules::PRINT_ATTENTION.contains(&entry.code.as_str())));
    is_any
}

/// All of a payment has gone back, so nothing about it is left to decide.
///
/// # Errors
/// As [`add_attention`].
pub fn gone_back(tx: &WriteTx, id: OrderId, intent: &str, now: Moment) -> Result<()> {
    let mut order = require(tx, id)?;
    if answer_money(&mut order, Some(intent)) {
        save(tx, &mut order, now)?;
    }
    Ok(())
}

/// A design's print file is there, or cannot be made for good: its paid lines go on, or on hold. Called in the transaction that
/// settles the design.
///
/// # Errors
/// A database that cannot be written.
pub fn design_settled(tx: &WriteTx, shop: &Shop, design: &Design, now: Moment) -> Result<(), Fault> {
    let Some(print) = print_of(design) else { return Ok(()) };
    for mut order in table::by_design(tx, design.id)? {
        if !order.may_be_made() {
            continue;
        }
        let is_disputed = disputes::stand(tx, order.id)?;
        let mut changed = false;
        for line in order.lines.iter_mut().filter(|line| line.design_id == design.id) {
            // A picture of other params than those that were bought says nothing about this line.
            if line.frozen.as_ref().is_some_and(|frozen| frozen.params_crc32 != design.params_crc32) {
                continue;
            }
            let settled = rules::settle_print(line, print);
            if settled == *line {
                continue;
            }
            changed = true;
            *line = settled;
            // A line that waited for its print has no business going on now. The others are as staff left them.
            if is_disputed {
                disputes::hold_line(line);
            }
        }
        if !changed {
            continue;
        }
        let what = match print {
            Print::Ready => "print_ready",
            Print::Differs(_) => "print_differs",
            Print::Failed(_) => "print_failed",
        };
        look_at_holds(tx, shop, &mut order, now)?;
        save(tx, &mut order, now)?;
        table::record(tx, order.id, &HistoryEntry::new(now, Actor::System, what))?;
    }
    Ok(())
}

/// How the work on a design's print file ended; `None` while it goes on.
pub(super) fn print_of(design: &Design) -> Option<Print<'_>> {
    match design.status {
        DesignStatus::Ready => Some(match design.differs() {
            Some(likeness) => Print::Differs(likeness),
            None => Print::Ready,
        }),
        DesignStatus::Failed => Some(Print::Failed(design.failure_reason.as_deref().unwrap_or("unexpected"))),
        _ => None,
    }
}

/// Brings the attention entries about print files into line with what holds the order's lines. A print that is not like its preview is
/// also told by mail, once an order: nobody looks at the panel all day, and a paid order must not wait unseen.
pub(super) fn look_at_holds(tx: &WriteTx, shop: &Shop, order: &mut Order, now: Moment) -> Result<(), Fault> {
    let causes: Vec<&str> = order.lines.iter().filter_map(rules::print_attention).collect();
    order.attention.retain(|entry| {
        !rules::PRINT_ATTENTION.contains(&entry.code.as_str()) || causes.contains(&entry.code.as_str())
    });
    for code in causes {
        if raise(order, code, &[], now) && code == "print_differs" {
            letters::post_print_differs(tx, shop, order, now)?;
        }
    }
    Ok(())
}
