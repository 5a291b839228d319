//! What Stripe tells us, stored before it is believed: one event id has one effect, however often it comes.

use super::STRIPE_EVENT;
use super::settle::{self, Named};
use super::table::{self, EventRow, Outcome};
use super::unclaimed::{self, Told};
use crate::kernel::{Fault, Moment};
use crate::orders::{self, OrderId};
use crate::queue::{self, JobRow, JobStatus, NewJob};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use crate::stripe::Event;
use serde_json::json;

/// Stores an event with its job. An event that is known already changes nothing. True when it was new.
///
/// # Errors
/// A database that cannot be written.
pub fn take(tx: &WriteTx, event: &Event, body: &str, now: Moment) -> Result<bool, Fault> {
    if table::event(tx, &event.id)?.is_some() {
        return Ok(false);
    }
    let outcome = if event.is_wanted() { Outcome::Waiting } else { Outcome::Ignored };
    let row = EventRow {
        id: event.id.clone(),
        kind: event.kind.clone(),
        body: body.to_owned(),
        received_at: now,
        outcome,
        order: None,
    };
    table::put_event(tx, &row)?;
    if outcome == Outcome::Waiting {
        let job = NewJob::new(&STRIPE_EVENT, json!({"event": event.id}), now).keyed(event.id.clone());
        queue::enqueue(tx, job)?;
    }
    Ok(true)
}

/// Finds the order an event is about and brings it to Stripe's present state. The event itself is only a hint: it may be old.
///
/// # Errors
/// Stripe silent, or a database that cannot be written; worth another attempt.
pub async fn work_on(shop: &Shop, id: &str) -> Result<Outcome, Fault> {
    let (row, event, order) = {
        let tx = shop.store().read()?;
        let row = table::event(&tx, id)?.ok_or_else(|| Fault::Corrupt("an event's job without its event".into()))?;
        let event = Event::parse(row.body.as_bytes()).map_err(|_| Fault::Corrupt("a stored event".into()))?;
        let order = find_order(&tx, &event)?;
        (row, event, order)
    };
    let order = match (order, event.payment_intent()) {
        (Some(order), _) => Some(order),
        // Charges, refunds and disputes name only their intent; the intent names the order.
        (None, Some(intent)) => named_by_intent(shop, intent).await?,
        (None, None) => None,
    };
    let named =
        Named { session: event.session().map(str::to_owned), intent: event.payment_intent().map(str::to_owned) };
    let (outcome, told) = match order {
        Some(order) => {
            settle::settle_named(shop, order, &named).await?;
            (Outcome::Settled, Told::Cured(named.intent.or(named.session)))
        }
        None => (Outcome::Foreign, unclaimed::look(shop, &event).await?),
    };
    let row = EventRow { outcome, order, ..row };
    let write = move |tx: &WriteTx| {
        unclaimed::note(tx, told)?;
        table::put_event(tx, &row)
    };
    shop.store().write(write).await?;
    Ok(outcome)
}

/// Jobs looked at in one round.
const GIVEN_UP: usize = 200;

/// Puts events back in line whose job has given up while Stripe was silent. One that fails again and again rests longer each time, so that
/// it neither fills the queue nor the owner's letter box.
///
/// # Errors
/// A database that cannot be read or written.
pub async fn revive(shop: &Shop) -> Result<(), Fault> {
    let now = shop.now();
    let given_up = {
        let tx = shop.store().read()?;
        let failed = queue::list(&tx, Some(JobStatus::Failed), Some(STRIPE_EVENT.name), None, GIVEN_UP)?;
        failed.into_iter().filter(|job| has_rested(job, now)).map(|job| job.id).collect::<Vec<_>>()
    };
    if given_up.is_empty() {
        return Ok(());
    }
    let count = given_up.len();
    let write = move |tx: &WriteTx| {
        for id in given_up {
            let Some(job) = queue::job(tx, id)? else { continue };
            let event = table::event(tx, job.payload["event"].as_str().unwrap_or_default())?;
            if event.is_some_and(|event| event.outcome == Outcome::Waiting) {
                queue::retry(tx, id, now)?;
            }
        }
        Ok::<_, Fault>(())
    };
    shop.store().write(write).await?;
    tracing::info!(count, "events whose jobs had given up are worked on again");
    Ok(())
}

/// For as long as it has been tried in vain, and a minute at least.
fn has_rested(job: &JobRow, now: Moment) -> bool {
    let Some(ended) = job.completed_at else { return false };
    now.millis_since(ended) >= ended.millis_since(job.created_at).max(60_000)
}

fn find_order(tx: &impl Snapshot, event: &Event) -> Result<Option<OrderId>, Fault> {
    if let Some(id) = event.order_id().and_then(|text| text.parse::<OrderId>().ok())
        && orders::find(tx, id)?.is_some()
    {
        return Ok(Some(id));
    }
    let by_session = event.session().map(|id| orders::by_stripe_session(tx, id)).transpose()?.flatten();
    let by_intent = event.payment_intent().map(|id| orders::by_intent(tx, id)).transpose()?.flatten();
    Ok(by_session.or(by_intent).map(|order| order.id))
}

async fn named_by_intent(shop: &Shop, intent: &str) -> Result<Option<OrderId>, Fault> {
    let intent = match shop.stripe().payment_intent(intent).await {
        Ok(intent) => intent,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(id) = intent.order_id().and_then(|text| text.parse::<OrderId>().ok()) else { return Ok(None) };
    Ok(orders::find(&shop.store().read()?, id)?.map(|order| order.id))
}
