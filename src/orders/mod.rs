//! Orders: what is bought, for how much, where it goes, and how far it has come; and the basket before that.
//!
//! May touch: kernel to designs (see the map of rooms). Begin with [`model::Order`], then [`totals`] (what it costs), [`rules`]
//! (which state follows which) and [`payment`] (what money does to it).

pub mod access;
pub mod address;
pub mod basket;
mod changes;
mod check;
pub mod coupons;
pub mod customers;
mod delivery;
pub mod disputes;
pub mod documents;
pub mod finding;
pub mod labels;
mod letters;
pub mod lists;
mod mail_texts;
pub mod means;
pub mod model;
pub mod payment;
mod placing;
mod pricing;
pub mod refunds;
pub mod rules;
pub mod table;
mod ticks;
pub mod totals;
mod web;

pub use access::{Access, confirm_address, link, order_address, owned, read_id};
pub use check::check;
pub use model::{
    Actor, Address, Attention, HistoryEntry, LabelMade, Line, LineId, Order, OrderId, PaymentMethod, PaymentStatus,
    Production, Status, Taken, Totals, Voucher,
};
pub use payment::{
    Begun, MarkedPaid, PaidBy, Received, add_attention, back_to_draft, begin_payment, clear_attention, design_settled,
    gone_back, mark_expired, mark_failed, mark_paid, mark_processing, order_changed, remind, revive, set_intent,
    set_stripe_session,
};
pub use rules::decisions;
pub use table::{
    Place, Span, by_address, by_intent, by_number, by_stripe_session, count, each_stored, get as find, history,
    in_status, of_address, record, with_stored,
};
pub use web::admin_change::{Typed, ship, told_on_the_page};
pub use web::routes;
pub use web::view::{OrderView, view};

use crate::kernel::Fault;
use crate::store::Snapshot;
use crate::web::words;

/// One thing the customer pays for, as it is told to whoever takes the money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub name: String,
    pub quantity: u32,
    /// The whole of it, in minor units, without its share of the discount.
    pub amount: i64,
}

/// Everything the customer pays for, in the order's language. The amounts together are the order's amount.
pub fn charges(order: &Order) -> Vec<Charge> {
    let lines = order.lines.iter().map(|line| Charge {
        name: line.name(order.lang),
        quantity: line.quantity,
        amount: line.amount(),
    });
    let totals = &order.totals;
    let extras = [
        ("orders.shipping", totals.shipping_fee),
        ("orders.payment_fee", totals.payment_fee),
        ("orders.tax_added", totals.tax_added),
    ];
    let extras = extras.into_iter().filter(|(_, amount)| *amount != 0).map(|(key, amount)| Charge {
        name: words::text(order.lang, key).to_owned(),
        quantity: 1,
        amount,
    });
    lines.filter(|charge| charge.amount != 0).chain(extras).collect()
}

/// What needs somebody now.
#[derive(Clone, Debug)]
pub struct Todo {
    /// Paid and not begun, counted up to 1000.
    pub paid: usize,
    /// Waiting for money, counted up to 1000.
    pub unpaid: usize,
    /// Oldest first, at most 20.
    pub on_hold: Vec<Order>,
    /// Paid at the door and ready to be made, counted up to 1000.
    pub at_door: usize,
    /// Every piece is packed, and the parcel has not left; counted up to 1000.
    pub packed: usize,
    /// Oldest first, at most 20.
    pub attention: Vec<Order>,
}

/// What the panel's front page begins with.
///
/// # Errors
/// A database that cannot be read.
pub fn todo(tx: &impl Snapshot) -> Result<Todo, Fault> {
    Ok(Todo {
        paid: table::count_in_status(tx, Status::Paid, 1000)?,
        unpaid: table::count_in_status(tx, Status::PendingPayment, 1000)?,
        on_hold: table::on_hold(tx, 20)?,
        at_door: count_orders(tx, Production::ReadyToPrint, Order::pays_at_door)?,
        packed: count_orders(tx, Production::Packed, |order| {
            let is_whole = order.lines.iter().all(|line| line.production == Production::Packed);
            is_whole && (order.status == Status::Processing || order.pays_at_door())
        })?,
        attention: table::with_attention(tx, 20)?,
    })
}

/// Orders that fit among those with a line in this state. So many lines are looked at.
fn count_orders(tx: &impl Snapshot, state: Production, fits: impl Fn(&Order) -> bool) -> Result<usize, Fault> {
    let (mut count, mut last) = (0, None);
    for (_, id, _) in lists::lines(tx, state, None, None, 1000)? {
        // Lines of one order stand beside each other.
        if last.replace(id) != Some(id) {
            count += usize::from(table::get(tx, id)?.is_some_and(|order| fits(&order)));
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
