//! What `petstar check` looks at in orders.

use super::model::{Order, PaymentStatus, Status};
use super::{refunds, table};
use crate::designs;
use crate::kernel::Fault;
use crate::people::mails;
use crate::store::Snapshot;
use std::ops::ControlFlow;

/// Everything wrong with orders, in words: sums, money given back, what they refer to, and what must have happened with them.
///
/// # Errors
/// A database that cannot be read.
pub fn check(tx: &impl Snapshot) -> Result<Vec<String>, Fault> {
    let mut wrong = Vec::new();
    table::each(tx, |order| {
        let mut say = |what: String| wrong.push(format!("Order {}: {what}.", order.order_number));
        table::inconsistency(&order).into_iter().for_each(&mut say);
        money_given_back(&order).into_iter().for_each(&mut say);
        if order.coupon.is_none() && order.totals.discount_total > 0 {
            say("something was taken off without a coupon".into());
        }
        if order.coupon.is_some() && order.is_paid() && order.coupon_claim.is_none() {
            say("its coupon was not counted".into());
        }
        holds(&order).into_iter().for_each(&mut say);
        refunds::check(tx, &order)?.into_iter().for_each(&mut say);
        for line in &order.lines {
            if designs::find(tx, line.design_id)?.is_none() {
                say(format!("its design {} does not exist", line.design_id));
            }
            if (order.is_paid() || order.status == Status::PendingPayment) && line.frozen.is_none() {
                say("nobody knows what is to be printed for one of its lines".into());
            }
        }
        if order.paid_at.is_some() && !mails::is_posted(tx, &format!("order:{}:order_paid", order.id))? {
            say("it was paid, but there is no confirmation to the customer".into());
        }
        if order.status != Status::Draft && table::history(tx, order.id)?.is_empty() {
            say(format!("it is {}, but its history is empty", order.status.name()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    wrong.extend(refunds::orphans(tx)?);
    Ok(wrong)
}

/// Blanks and a coupon's use are held exactly while money may come, and by what was paid.
fn holds(order: &Order) -> Option<String> {
    let may_come = order.status == Status::PendingPayment
        && matches!(order.payment_status, PaymentStatus::Pending | PaymentStatus::Processing);
    let oversold = order.attention.iter().chain(&order.decided).any(|entry| entry.code == "oversold");
    if (may_come || order.is_paid()) && !oversold && !order.holds_stock {
        return Some("no blanks are set aside for it".into());
    }
    let ended = matches!(order.status, Status::Draft | Status::Cancelled)
        || matches!(order.payment_status, PaymentStatus::Failed | PaymentStatus::Expired);
    if ended && (order.holds_stock || order.coupon_claim.is_some()) {
        return Some("nobody pays for it, but it keeps blanks or a coupon from others".into());
    }
    None
}

fn money_given_back(order: &Order) -> Option<String> {
    let (back, amount) = (order.amount_refunded, order.totals.amount);
    let fits = match order.payment_status {
        PaymentStatus::Refunded => back == amount,
        PaymentStatus::PartiallyRefunded => back > 0 && back < amount,
        _ => back == 0,
    };
    (!fits).then(|| format!("{back} of {amount} was given back, but it is {}", order.payment_status.name()))
}
