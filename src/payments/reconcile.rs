//! The reconciler: asks Stripe about open payments and for events that never arrived, so that a lost webhook is found by itself.

use super::patience::{GivenUp, Patience, of_round};
use super::table::{self, Attempt};
use super::{checkout, inbox, lost, refund, settle};
use crate::kernel::{Error, Fault, Moment, Result};
use crate::orders::{self, PaymentStatus, Status, refunds};
use crate::shop::Shop;
use crate::store::{Order as Scan, Snapshot};
use crate::stripe::{EventBatch, EventsFrom, WANTED_EVENTS};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

/// Orders asked about in one round; the next one goes on behind them.
const ROUND: usize = 200;
/// Pages of events read in one round.
const PAGES: usize = 20;

/// One round.
///
/// # Errors
/// Stripe silent, or a database that cannot be written; the next round tries again.
pub async fn reconcile(shop: &Shop) -> Result<(), Fault> {
    // Events first: they cost one call however many orders wait.
    let events = missed_events(shop).await;
    let revived = match &events {
        Ok(()) => {
            shop.kept(Contact::default).0.store(shop.now().unix_millis(), Ordering::Relaxed);
            inbox::revive(shop).await
        }
        Err(_) => Ok(()),
    };
    let open = open_payments(shop).await;
    let cancelled = cancelled_with_open_page(shop).await;
    let refunds = open_refunds(shop).await;
    events.and(revived).and(open).and(cancelled).and(refunds)
}

/// When Stripe last answered, in milliseconds; 0 before the first time.
#[derive(Default)]
struct Contact(AtomicI64);

/// When Stripe last answered a round of questions since the start.
pub fn last_contact(shop: &Shop) -> Option<Moment> {
    let at = shop.kept(Contact::default).0.load(Ordering::Relaxed);
    (at != 0).then_some(Moment(at))
}

/// Where the last round stopped, so that in the end every order is asked about, however many there are.
#[derive(Default)]
struct Place(Mutex<Option<orders::Place>>);

/// The next orders that wait for money, with what was said to Stripe about each.
fn waiting(shop: &Shop, after: Option<orders::Place>) -> Result<Vec<(orders::Order, Option<Attempt>)>, Fault> {
    let tx = shop.store().read()?;
    let found = orders::in_status(&tx, Status::PendingPayment, after, Scan::Rising, 50)?;
    let with_attempt = |order: orders::Order| {
        let attempt = table::attempt(&tx, order.id, order.revision)?;
        Ok((order, attempt))
    };
    found.into_iter().map(with_attempt).collect()
}

async fn open_payments(shop: &Shop) -> Result<(), Fault> {
    let place = shop.kept(Place::default);
    let mut after = place.0.lock().map(|at| *at).unwrap_or_default();
    let mut asked = 0;
    let mut lost = Vec::new();
    let mut patience = Patience::default();
    let mut is_silent = false;
    'round: while asked < ROUND {
        let waiting = waiting(shop, after)?;
        let is_last = waiting.len() < 50;
        for (order, attempt) in waiting {
            after = Some((order.created_at, order.id));
            // Failed and expired are Stripe's last word on a page; late money comes as an event.
            if !matches!(order.payment_status, PaymentStatus::Pending | PaymentStatus::Processing) {
                continue;
            }
            match attempt {
                Some(attempt) if attempt.session.is_none() => {
                    lost.push(attempt);
                    continue;
                }
                None if order.stripe_checkout_session_id.is_none() => continue,
                _ => {}
            }
            asked += 1;
            // The next round goes on behind those that Stripe did not answer about.
            is_silent = patience.is_over(settle::settle(shop, order.id).await);
            if is_silent {
                break 'round;
            }
        }
        if is_last {
            after = None;
            break;
        }
    }
    if let Ok(mut at) = place.0.lock() {
        *at = after;
    }
    if lost.is_empty() || is_silent {
        return patience.trouble;
    }
    patience.trouble.and(lost::look_for(shop, lost).await)
}

/// Reminds customers who are to pay at a store and have less than a day left.
///
/// # Errors
/// A database that cannot be read or written.
pub async fn remind(shop: &Shop) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let waiting = orders::in_status(&shop.store().read()?, Status::PendingPayment, after, Scan::Rising, 200)?;
        let soon = shop.now().plus_days(1);
        let due = |order: &&orders::Order| {
            order.voucher.as_ref().and_then(|voucher| voucher.expires_at).is_some_and(|at| at <= soon)
        };
        for order in waiting.iter().filter(due) {
            let (inner, id, now) = (shop.clone(), order.id, shop.now());
            match shop.store().write(move |tx| orders::remind(tx, &inner, id, now)).await {
                Ok(()) | Err(Error::Refused(_)) => {}
                Err(Error::Faulted(fault)) => return Err(fault),
            }
        }
        after = waiting.last().map(|order| (order.created_at, order.id));
        if waiting.len() < 200 {
            return Ok(());
        }
    }
}

/// An order called off by staff may still have a page that could be paid. The newest are looked at in each round, the others in turn.
async fn cancelled_with_open_page(shop: &Shop) -> Result<(), Fault> {
    let place = shop.kept(CancelledPlace::default);
    let after = place.0.lock().map(|at| *at).unwrap_or_default();
    let (mut open, next) = {
        let tx = shop.store().read()?;
        let newest = orders::in_status(&tx, Status::Cancelled, None, Scan::Falling, ROUND)?;
        let in_turn = match after {
            Some(_) => orders::in_status(&tx, Status::Cancelled, after, Scan::Falling, ROUND)?,
            None => Vec::new(),
        };
        let last = if after.is_some() { &in_turn } else { &newest };
        let next = last.last().map(|order| (order.created_at, order.id)).filter(|_| last.len() == ROUND);
        let mut open = Vec::new();
        for order in newest.iter().chain(&in_turn) {
            if has_open_page(&tx, shop, order)? && !open.contains(&order.id) {
                open.push(order.id);
            }
        }
        (open, next)
    };
    if let Ok(mut at) = place.0.lock() {
        *at = next;
    }
    let stubborn = shop.kept(Stubborn::default);
    stubborn.0.turn(&mut open, |id| *id);
    let mut patience = Patience::default();
    let mut given_up_at = None;
    for id in open {
        if patience.is_over(of_round(checkout::close_all(shop, id).await)) {
            given_up_at = Some(id);
            break;
        }
    }
    stubborn.0.put(given_up_at);
    patience.trouble
}

/// The called-off order at which the last round was given up.
#[derive(Default)]
struct Stubborn(GivenUp);

/// Where the last round stopped among the orders that were called off.
#[derive(Default)]
struct CancelledPlace(Mutex<Option<orders::Place>>);

/// Nothing is asked about pages that are known to be over, nor two days after they ran out.
fn has_open_page(tx: &impl Snapshot, shop: &Shop, order: &orders::Order) -> Result<bool, Fault> {
    let since = shop.now().plus_days(-2);
    let is_open = |attempt: &Attempt| !attempt.is_over && attempt.new_session.expires_at > since;
    Ok(table::attempts(tx, order.id)?.iter().any(is_open))
}

/// Refunds looked at in one round; the next one goes on behind them.
const REFUNDS: usize = 50;

/// Where the last round stopped among open refunds.
#[derive(Default)]
struct RefundPlace(Mutex<Option<refunds::Place>>);

/// Refunds that Stripe has not heard of yet, or has not told the end of.
async fn open_refunds(shop: &Shop) -> Result<(), Fault> {
    let place = shop.kept(RefundPlace::default);
    let mut after = place.0.lock().map(|at| *at).unwrap_or_default();
    let rows = refunds::each_open(&shop.store().read()?, after, REFUNDS)?;
    let is_last = rows.len() < REFUNDS;
    let mut patience = Patience::default();
    let mut is_silent = false;
    for refund in rows {
        after = Some((refund.order, refund.id));
        let asked = match refund.stripe {
            Some(_) => settle::settle(shop, refund.order).await,
            None => refund::carry_out(shop, refund.order, refund.id).await,
        };
        is_silent = patience.is_over(asked);
        if is_silent {
            break;
        }
    }
    if let Ok(mut at) = place.0.lock() {
        *at = after.filter(|_| !is_last || is_silent);
    }
    patience.trouble
}

async fn missed_events(shop: &Shop) -> Result<(), Fault> {
    for _ in 0..PAGES {
        let cursor = table::cursor(&shop.store().read()?)?;
        let from = match cursor {
            Some(event) => EventsFrom::Event(event),
            // The first round: what happened before the shop had keys is no concern of it, but an hour is cheap.
            None => EventsFrom::Moment(shop.now().plus_seconds(-3600)),
        };
        let batch = match shop.stripe().events_since(&from, WANTED_EVENTS).await {
            Ok(batch) => batch,
            // Stripe keeps events for 30 days; a shop that was off for longer begins again with those.
            Err(error) if error.is_missing() => {
                let month = EventsFrom::Moment(shop.now().plus_days(-29));
                shop.stripe().events_since(&month, WANTED_EVENTS).await?
            }
            Err(error) => return Err(error.into()),
        };
        let EventBatch { events, more } = batch;
        let Some((last, _)) = events.last() else { return Ok(()) };
        let (last, now) = (last.id.clone(), shop.now());
        let found = shop
            .store()
            .write(move |tx| {
                let mut found = 0;
                for (event, body) in &events {
                    found += usize::from(inbox::take(tx, event, body, now)?);
                }
                table::put_cursor(tx, &last)?;
                Ok::<_, Fault>(found)
            })
            .await?;
        if found > 0 {
            tracing::info!(found, "events that had not come by webhook");
        }
        if !more {
            return Ok(());
        }
    }
    Ok(())
}
