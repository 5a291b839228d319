//! What money does to an order. Every function here runs inside the caller's write and may be called again for the same news
//! without doing anything twice.

mod attention;
mod begin;
mod holds;
mod paid;
mod prints;
mod waits;

pub use attention::{add_attention, clear_attention};
pub(super) use attention::{decide, raise};
pub use begin::{begin_payment, order_changed, set_intent, set_stripe_session};
pub use paid::{gone_back, mark_paid, revive};
pub use prints::design_settled;
pub(super) use prints::{look_at_holds, print_of, settle_prints};
pub(super) use waits::call_off;
pub use waits::{back_to_draft, mark_expired, mark_failed, mark_processing, remind};

use super::model::{Order, OrderId, Taken};
use super::table;
use crate::kernel::{Fault, Moment, Money, Refusal, Result};
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
