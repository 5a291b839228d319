//! Money that goes back: one row for each refund, whether the staff began it here or somebody in Stripe's dashboard.
//!
//! A refund is asked for in one write, before Stripe hears of it ([`ask`]); what Stripe says of it comes in by [`heard`], in any order
//! and any number of times. The order follows the rows.

mod effects;
mod table;

pub use table::{FOLLOWING, Place, check, each_open, find, follow, of_order, orphans};

use super::model::{Actor, HistoryEntry, Order, OrderId, PaymentStatus};
use super::payment::{raise, require, save};
use super::{letters, rules};
use crate::kernel::text::clean_line;
use crate::kernel::{Code, Currency, Fault, Message, Moment, Money, Refusal, Result};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use crate::stripe::{self, RefundStatus};
use serde::{Deserialize, Serialize};

crate::id!(
    /// One refund.
    RefundId
);

/// Letters of a reason.
const MAX_REASON: usize = 300;

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Asked for, or under way: at a convenience store the customer is asked for a bank account first, which takes days.
    Pending,
    Succeeded,
    /// Nothing has gone back, or it came back again.
    Failed,
}

impl RefundState {
    pub fn name(self) -> &'static str {
        match self {
            RefundState::Pending => "pending",
            RefundState::Succeeded => "succeeded",
            RefundState::Failed => "failed",
        }
    }

    /// News comes in any order: what a refund cannot go to any more is old news.
    fn may_become(self, to: RefundState) -> bool {
        match self {
            RefundState::Pending => true,
            RefundState::Succeeded => to == RefundState::Failed,
            RefundState::Failed => false,
        }
    }
}

/// One refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: RefundId,
    pub order: OrderId,
    /// Minor units.
    pub amount: i64,
    pub currency: Currency,
    pub reason: String,
    pub state: RefundState,
    /// The payment it goes back to; none where staff took the money, and give it back, by hand.
    pub intent: Option<String>,
    /// Stripe's id, once it is known.
    pub stripe: Option<String>,
    pub by: Actor,
    /// Goes up when what Stripe keeps under the key is of no use any more.
    pub tries: u32,
    /// Why it failed: Stripe's word.
    pub failure: Option<String>,
    pub made_at: Moment,
    pub changed_at: Moment,
    /// `CN-000123`, the number of its credit note: given once, when the money has gone back.
    #[serde(default)]
    pub note_number: Option<String>,
}

impl Refund {
    pub fn money(&self) -> Money {
        Money::new(self.amount, self.currency)
    }

    /// Stripe makes one refund for one key, however often it is asked.
    pub fn idempotency_key(&self) -> String {
        format!("refund-{}-{}", self.id, self.tries)
    }

    /// Of the payment that paid the order, not of a second one.
    fn is_of(&self, order: &Order) -> bool {
        match &self.intent {
            None => true,
            intent => order.taken.is_none() && *intent == order.stripe_payment_intent_id,
        }
    }
}

/// What is to go back, and who says so.
#[derive(Clone, Debug)]
pub struct Asked {
    pub order: OrderId,
    /// One filling-in of the form is one refund.
    pub id: RefundId,
    /// Minor units; all that is left where `None`.
    pub amount: Option<i64>,
    pub reason: String,
    /// The staff member's name.
    pub by: String,
    /// The order's version that was looked at.
    pub version: Option<i64>,
}

/// What can still be given back: the amount without what has gone back or is on its way.
///
/// # Errors
/// A database that cannot be read.
pub fn left(tx: &impl Snapshot, order: &Order) -> Result<i64, Fault> {
    if order.paid_at.is_none() {
        return Ok(0);
    }
    let rows = of_order(tx, order.id)?;
    let gone = rows.iter().filter(|row| row.state != RefundState::Failed && row.is_of(order));
    Ok((order.totals.amount - gone.map(|row| row.amount).sum::<i64>()).max(0))
}

/// Whether the same form was sent before.
///
/// # Errors
/// 422 for an id that is another order's.
fn asked_before(tx: &impl Snapshot, order: OrderId, id: RefundId) -> Result<Option<Refund>> {
    Ok(table::find(tx, order, id)?)
}

/// Writes down that money is to go back. Nothing has been said to Stripe yet; the caller's job does that. True when it is new, and not
/// the same form sent again.
///
/// # Errors
/// 409 `conflict` where nothing was paid or nothing is left, 412 `stale_version`, 422 for more than is left or a missing reason.
pub fn ask(tx: &WriteTx, shop: &Shop, asked: Asked, now: Moment) -> Result<(Refund, bool)> {
    let order = require(tx, asked.order)?;
    if let Some(refund) = asked_before(tx, order.id, asked.id)? {
        return Ok((refund, false));
    }
    rules::check_version(&order, asked.version)?;
    let reason = checked_reason(&asked.reason)?;
    if order.paid_at.is_none() {
        return Err(Refusal::new(Code::Conflict, "orders.refund_unpaid").into());
    }
    let left = left(tx, &order)?;
    if left == 0 {
        return Err(Refusal::new(Code::Conflict, "orders.refund_nothing_left").into());
    }
    let amount = asked.amount.unwrap_or(left);
    if !(1..=left).contains(&amount) {
        let message = Message::new("orders.refund_range").with("left", order.money(left).show());
        return Err(Refusal::field("amount", message).into());
    }
    if amount != left && amount % order.currency().step() != 0 {
        let step = order.money(order.currency().step()).show();
        return Err(Refusal::field("amount", Message::new("orders.refund_step").with("step", step)).into());
    }
    // Money that was taken by hand goes back by hand, whatever was begun at Stripe besides.
    let intent = order.stripe_payment_intent_id.clone().filter(|_| order.taken.is_none());
    let money = order.money(amount);
    put_new(tx, shop, &order, asked.id, money, intent, reason, asked.by, now)
}

/// As [`ask`], for money that did not fit the order: a second payment, a late one, a wrong amount. It does not count as the order's own.
///
/// # Errors
/// 409 `conflict` where that payment goes back already; 422 without a reason.
pub fn ask_beside(
    tx: &WriteTx,
    shop: &Shop,
    asked: Asked,
    intent: &str,
    money: Money,
    now: Moment,
) -> Result<(Refund, bool)> {
    let order = require(tx, asked.order)?;
    if let Some(refund) = asked_before(tx, order.id, asked.id)? {
        return Ok((refund, false));
    }
    let reason = checked_reason(&asked.reason)?;
    let rows = of_order(tx, order.id)?;
    let of_it = |row: &&Refund| row.state != RefundState::Failed && row.intent.as_deref() == Some(intent);
    let gone: i64 = rows.iter().filter(of_it).map(|row| row.amount).sum();
    if gone > 0 || money.minor <= 0 {
        return Err(Refusal::new(Code::Conflict, "orders.refund_nothing_left").into());
    }
    put_new(tx, shop, &order, asked.id, money, Some(intent.to_owned()), reason, asked.by, now)
}

fn checked_reason(reason: &str) -> Result<String, Refusal> {
    let reason = clean_line(reason, MAX_REASON)
        .map_err(|_| Refusal::field("reason", Message::new("orders.too_long").with("max", MAX_REASON)))?;
    if reason.is_empty() {
        return Err(Refusal::field("reason", Message::new("orders.reason_needed")));
    }
    Ok(reason)
}

fn put_new(
    tx: &WriteTx,
    shop: &Shop,
    order: &Order,
    id: RefundId,
    money: Money,
    intent: Option<String>,
    reason: String,
    by: String,
    now: Moment,
) -> Result<(Refund, bool)> {
    let by_hand = intent.is_none();
    let refund = Refund {
        id,
        order: order.id,
        amount: money.minor,
        currency: money.currency,
        reason,
        state: if by_hand { RefundState::Succeeded } else { RefundState::Pending },
        intent,
        stripe: None,
        by: Actor::Staff(by),
        tries: 0,
        failure: None,
        made_at: now,
        changed_at: now,
        note_number: None,
    };
    table::put(tx, &refund)?;
    let entry = HistoryEntry::new(now, refund.by.clone(), "refund_asked")
        .with("amount", money.show())
        .with("reason", &refund.reason);
    super::table::record(tx, order.id, &entry)?;
    if by_hand {
        told(tx, shop, &refund, now)?;
    }
    // Whoever looks at the order while this goes on must not give the same money back again.
    let mut order = require(tx, order.id)?;
    save(tx, &mut order, now)?;
    Ok((refund, true))
}

/// What Stripe says about one refund of this order, also one made in its dashboard.
///
/// # Errors
/// A database that cannot be written.
pub fn heard(tx: &WriteTx, shop: &Shop, order: OrderId, news: &stripe::Refund, now: Moment) -> Result<()> {
    let ours = news.metadata.get("refund_id").and_then(|id| id.parse().ok());
    let known = match (table::by_stripe(tx, &news.id)?, ours) {
        (Some(row), _) => Some(row),
        (None, Some(id)) => table::find(tx, order, id)?.filter(|row| row.stripe.is_none()),
        (None, None) => None,
    };
    let is_new = known.is_none();
    let Some(mut row) = known.or_else(|| from_dashboard(shop, order, news, now)) else { return Ok(()) };
    let to = match news.status {
        RefundStatus::Succeeded => RefundState::Succeeded,
        RefundStatus::Failed | RefundStatus::Canceled => RefundState::Failed,
        RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Other(_) => RefundState::Pending,
    };
    let moved = row.state != to && row.state.may_become(to);
    if !is_new && !moved && row.stripe.is_some() {
        return Ok(());
    }
    row.stripe = Some(news.id.clone());
    if moved {
        row.state = to;
        row.changed_at = now;
        row.failure = news.failure_reason.clone().filter(|_| to == RefundState::Failed);
    }
    table::put(tx, &row)?;
    if is_new {
        let entry = HistoryEntry::new(now, Actor::Stripe, "refund_seen").with("amount", row.money().show());
        super::table::record(tx, order, &entry)?;
    }
    if moved { told(tx, shop, &row, now) } else { Ok(()) }
}

fn from_dashboard(shop: &Shop, order: OrderId, news: &stripe::Refund, now: Moment) -> Option<Refund> {
    let money = news.money().filter(|money| money.minor > 0)?;
    Some(Refund {
        id: RefundId(shop.new_id()),
        order,
        amount: money.minor,
        currency: money.currency,
        reason: news.metadata.get("reason").cloned().unwrap_or_default(),
        state: RefundState::Pending,
        intent: news.payment_intent.clone(),
        stripe: None,
        by: Actor::Stripe,
        tries: 0,
        failure: None,
        made_at: now,
        changed_at: now,
        note_number: None,
    })
}

/// Stripe will not do it, for good.
///
/// # Errors
/// A database that cannot be written.
pub fn refused(tx: &WriteTx, shop: &Shop, order: OrderId, id: RefundId, why: &str, now: Moment) -> Result<()> {
    let Some(mut row) = table::find(tx, order, id)?.filter(|row| row.state == RefundState::Pending) else {
        return Ok(());
    };
    row.state = RefundState::Failed;
    row.failure = Some(why.to_owned());
    row.changed_at = now;
    table::put(tx, &row)?;
    told(tx, shop, &row, now)
}

/// The next call for this refund goes under a new key: nothing was made under the old one, but Stripe keeps a failure there.
///
/// # Errors
/// A database that cannot be written.
pub fn take_new_key(tx: &WriteTx, order: OrderId, id: RefundId) -> Result<(), Fault> {
    match table::find(tx, order, id)?.filter(|row| row.stripe.is_none() && row.state == RefundState::Pending) {
        Some(mut row) => {
            row.tries += 1;
            table::put(tx, &row)
        }
        None => Ok(()),
    }
}

/// What follows from a refund that has come to an end.
fn told(tx: &WriteTx, shop: &Shop, row: &Refund, now: Moment) -> Result<()> {
    let money = row.money().show();
    let mut order = require(tx, row.order)?;
    match row.state {
        RefundState::Pending => return Ok(()),
        RefundState::Succeeded => {
            let actor = if row.intent.is_none() { row.by.clone() } else { Actor::Stripe };
            let entry = HistoryEntry::new(now, actor, "refunded").with("amount", &money);
            super::table::record(tx, row.order, &entry)?;
        }
        RefundState::Failed => {
            let why = row.failure.as_deref().unwrap_or("–");
            let entry =
                HistoryEntry::new(now, Actor::Stripe, "refund_failed").with("amount", &money).with("reason", why);
            super::table::record(tx, row.order, &entry)?;
            // Its name tells one failure from another of the same amount.
            let values = [("amount", money), ("reason", why.to_owned()), ("refund", row.id.to_string())];
            raise(&mut order, "refund_failed", &values, now);
        }
    }
    let mut row = row.clone();
    // What was paid beside the order has no invoice to be taken back.
    if row.state == RefundState::Succeeded && row.note_number.is_none() && row.is_of(&order) && order.paid_at.is_some()
    {
        row.note_number = Some(table::next_note_number(tx)?);
        table::put(tx, &row)?;
    }
    let total = given_back(tx, &order)?;
    effects::follow_total(tx, &mut order, total, now)?;
    save(tx, &mut order, now)?;
    if row.state == RefundState::Succeeded {
        letters::post_refunded(tx, shop, &order, &row, now)?;
    }
    Ok(())
}

/// What has gone back of the payment that paid the order, in minor units.
fn given_back(tx: &impl Snapshot, order: &Order) -> Result<i64, Fault> {
    if order.paid_at.is_none() {
        return Ok(0);
    }
    let rows = of_order(tx, order.id)?;
    let done = rows.iter().filter(|row| row.state == RefundState::Succeeded && row.is_of(order));
    Ok(done.map(|row| row.amount).sum::<i64>().min(order.totals.amount))
}

/// Whether something of the order's money has gone back or is on its way.
pub fn is_any(tx: &impl Snapshot, order: &Order) -> Result<bool, Fault> {
    Ok(order.payment_status == PaymentStatus::Refunded || !of_order(tx, order.id)?.is_empty())
}
