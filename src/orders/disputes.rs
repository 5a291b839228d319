//! Disputes: the customer's bank takes the money back until Stripe has heard both sides. An open one stops production and tells the
//! owner until when evidence is taken; a lost one stays as an open question.

use super::letters;
use super::model::{Actor, HistoryEntry, Hold, Line, Order, OrderId, Production};
use super::payment::{raise, require, save, settle_prints};
use crate::kernel::Fault;
use crate::kernel::{Currency, Moment, Money, Result};
use crate::shop::Shop;
use crate::store::{Order as Direction, Snapshot, Table, WriteTx};
use crate::stripe;
use serde::{Deserialize, Serialize};

/// By order and Stripe's id.
const DISPUTES: Table<(OrderId, String), Dispute> = Table::new("orders.disputes", 1);

/// How far a dispute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    Open,
    Won,
    Lost,
}

/// One dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Stripe's.
    pub id: String,
    /// Minor units.
    pub amount: i64,
    pub currency: Currency,
    /// Stripe's word, for example `fraudulent`.
    pub reason: String,
    pub state: DisputeState,
    pub due: Option<Moment>,
    pub changed_at: Moment,
}

/// An order's disputes, in no order that means anything.
///
/// # Errors
/// A database that cannot be read.
pub fn of_order(tx: &impl Snapshot, order: OrderId) -> Result<Vec<Dispute>, Fault> {
    let rows = DISPUTES.prefix(tx, &order, None, Direction::Rising, usize::MAX)?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// What Stripe says about one dispute of this order. Old news changes nothing: one that has ended stays so.
///
/// # Errors
/// A database that cannot be written.
pub fn heard(tx: &WriteTx, shop: &Shop, id: OrderId, news: &stripe::Dispute, now: Moment) -> Result<()> {
    let key = (id, news.id.clone());
    let before = DISPUTES.get(tx, &key)?;
    let mut order = require(tx, id)?;
    let money = news.money().unwrap_or(Money::new(news.amount.unwrap_or(0), order.currency()));
    let state = match news.is_won() {
        None => DisputeState::Open,
        Some(true) => DisputeState::Won,
        Some(false) => DisputeState::Lost,
    };
    let row = Dispute {
        id: news.id.clone(),
        amount: money.minor,
        currency: money.currency,
        reason: news.reason.clone().unwrap_or_default(),
        state,
        due: news.evidence_due_by,
        changed_at: now,
    };
    match &before {
        Some(old) if old.state != DisputeState::Open || (old.state == state && old.due == row.due) => return Ok(()),
        _ => {}
    }
    DISPUTES.put(tx, &key, &row)?;
    let due = due_day(shop, &row);
    let amount = money.show();
    // The entry follows the rows: a new date replaces the old one.
    order.attention.retain(|entry| entry.code != "disputed");
    raise_open(tx, shop, &mut order, now)?;
    match state {
        DisputeState::Open => {
            hold(&mut order);
            if before.is_none() {
                letters::post_disputed(tx, shop, &order, &row.id, &amount, &due, now)?;
            }
        }
        DisputeState::Won => release(tx, &mut order)?,
        DisputeState::Lost => {
            hold(&mut order);
            raise(&mut order, "dispute_lost", &[("amount", amount.clone()), ("dispute", row.id.clone())], now);
        }
    }
    save(tx, &mut order, now)?;
    let what = match state {
        DisputeState::Open => "disputed",
        DisputeState::Won => "dispute_won",
        DisputeState::Lost => "dispute_lost",
    };
    let entry = HistoryEntry::new(now, Actor::Stripe, what).with("amount", amount).with("due", due);
    Ok(super::table::record(tx, id, &entry)?)
}

/// Raises the entry about disputes that are open, in a row at hand. There is one entry at a time: about the one whose evidence is due
/// first, of those that nobody has dealt with.
fn raise_open(tx: &impl Snapshot, shop: &Shop, order: &mut Order, now: Moment) -> Result<(), Fault> {
    let mut open = of_order(tx, order.id)?;
    open.retain(|row| row.state == DisputeState::Open);
    open.sort_by_key(|row| (row.due.is_none(), row.due));
    for row in open {
        let amount = Money::new(row.amount, row.currency).show();
        raise(order, "disputed", &[("amount", amount), ("due", due_day(shop, &row)), ("dispute", row.id)], now);
    }
    Ok(())
}

/// True while a bank wants the order's money back, and after it got it.
///
/// # Errors
/// A database that cannot be read.
pub fn stand(tx: &impl Snapshot, order: OrderId) -> Result<bool, Fault> {
    Ok(of_order(tx, order)?.iter().any(|dispute| dispute.state != DisputeState::Won))
}

/// Holds again what goes on in a row at hand although a bank wants its money back.
///
/// # Errors
/// A database that cannot be read.
pub(super) fn keep_held(tx: &impl Snapshot, order: &mut Order) -> Result<(), Fault> {
    if stand(tx, order.id)? {
        hold(order);
    }
    Ok(())
}

/// Nothing is printed or packed for money that may be gone.
fn hold(order: &mut Order) {
    order.lines.iter_mut().for_each(hold_line);
}

/// What is on hold already stays so for its own reason.
pub(super) fn hold_line(line: &mut Line) {
    if !matches!(line.production, Production::Packed | Production::OnHold) {
        line.hold = Some(Hold::Disputed { was: line.production });
        line.production = Production::OnHold;
    }
}

fn release(tx: &WriteTx, order: &mut Order) -> Result<(), Fault> {
    for line in &mut order.lines {
        if let Some(Hold::Disputed { was }) = line.hold {
            line.production = was;
            line.hold = None;
        }
    }
    // The print file may have come about, or failed, meanwhile; and there may be another dispute.
    settle_prints(tx, order)
}

/// Until when evidence is taken, in the shop's days.
fn due_day(shop: &Shop, row: &Dispute) -> String {
    row.due.map(|due| day_in(due, &shop.settings().time_zone)).unwrap_or_else(|| "–".to_owned())
}

/// `2026-05-30`.
fn day_in(moment: Moment, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let stamp = jiff::Timestamp::from_millisecond(moment.unix_millis());
    stamp.map(|stamp| stamp.to_zoned(zone).date().to_string()).unwrap_or_default()
}
