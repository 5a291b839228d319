//! What money that went back does to its order.

use crate::designs::{self, Status as DesignStatus};
use crate::kernel::{Fault, Moment};
use crate::orders::model::{Hold, Order, PaymentStatus, Production, Status};
use crate::orders::table;
use crate::queue;
use crate::store::WriteTx;

/// Brings a row at hand to `total` minor units given back in all. A bank can send money back again later, so the sum may also fall.
pub(super) fn follow_total(tx: &WriteTx, order: &mut Order, total: i64, now: Moment) -> Result<(), Fault> {
    if total == order.amount_refunded || order.paid_at.is_none() {
        return Ok(());
    }
    order.amount_refunded = total;
    order.payment_status = match total {
        0 => PaymentStatus::Succeeded,
        total if total < order.totals.amount => PaymentStatus::PartiallyRefunded,
        _ => PaymentStatus::Refunded,
    };
    if order.payment_status == PaymentStatus::Refunded && order.status != Status::Refunded {
        order.status = Status::Refunded;
        stop_work(tx, order, now)?;
    }
    Ok(())
}

/// Nothing more is printed for an order whose money went back.
fn stop_work(tx: &WriteTx, order: &mut Order, now: Moment) -> Result<(), Fault> {
    for line in order.lines.iter_mut().filter(|line| line.production != Production::Packed) {
        line.production = Production::OnHold;
        line.hold = Some(Hold::Refunded);
        let Some(design) = designs::find(tx, line.design_id)? else { continue };
        let is_worked_on = matches!(design.status, DesignStatus::Queued | DesignStatus::Rendering);
        let wanted_elsewhere = table::by_design(tx, design.id)?
            .iter()
            .any(|other| other.id != order.id && (other.is_paid() || other.status == Status::PendingPayment));
        if let Some(job) = design.job.filter(|_| is_worked_on && !wanted_elsewhere) {
            queue::cancel(tx, job, now)?;
        }
    }
    Ok(())
}
