//! Payments: from "pay" to "paid", whatever is lost, late, repeated or slow on the way.
//!
//! May touch: orders and everything left of it, Stripe's client. Begin with `checkout` (a session for an order) and `settle`
//! (the order follows Stripe's present state); webhook, return page and reconciler only call `settle`.

mod check;
mod checkout;
mod doctor;
mod events;
mod forget;
mod inbox;
mod lost;
mod panel;
mod patience;
mod reconcile;
mod refund;
mod settle;
mod table;
mod unclaimed;
mod web;

pub use check::{check, requeue};
use checkout::unavailable;
pub use doctor::{command as check_stripe, warning};
pub use forget::{events_about, forget};
pub use reconcile::{last_contact, reconcile, remind};
pub use table::{FOLLOWING, follow};
pub use unclaimed::unclaimed;

use crate::kernel::Fault;
use crate::orders::OrderId;
use crate::queue::{Done, Handler, Handlers, JobError, JobKind, Lane};
use crate::shop::Shop;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::OwnedMutexGuard;
use utoipa_axum::router::OpenApiRouter;

/// Works on one event from Stripe.
pub static STRIPE_EVENT: JobKind =
    JobKind { name: "stripe.event", lane: Lane::Quick, max_attempts: 5, first_delay_s: 2, time_limit_s: 60 };

/// Says one refund to Stripe.
pub static STRIPE_REFUND: JobKind =
    JobKind { name: "stripe.refund", lane: Lane::Quick, max_attempts: 5, first_delay_s: 5, time_limit_s: 120 };

pub fn routes() -> OpenApiRouter<Shop> {
    web::routes().merge(panel::routes()).merge(events::routes()).merge(doctor::routes())
}

/// Registers the jobs of this room.
pub fn handlers(shop: &Shop, handlers: Handlers) -> Handlers {
    let shop = shop.clone();
    let refunds = shop.clone();
    let handlers = handlers.on(
        &STRIPE_REFUND,
        Handler::new(move |running| {
            let wish: refund::Wish = serde_json::from_value(running.job.payload.clone())
                .map_err(|error| Fault::Corrupt(format!("payload of {}: {error}", running.job.id)))?;
            running.runtime.block_on(refund::carry_out(&refunds, wish.order, wish.refund)).map_err(remote)?;
            Ok(Done::new(serde_json::json!({})))
        }),
    );
    handlers.on(
        &STRIPE_EVENT,
        Handler::new(move |running| {
            let id = running.job.payload["event"].as_str().unwrap_or_default().to_owned();
            let outcome = running.runtime.block_on(inbox::work_on(&shop, &id)).map_err(remote)?;
            Ok(Done::new(serde_json::json!({"outcome": outcome.name()})))
        }),
    )
}

/// A job's words for a Stripe that is silent.
fn remote(fault: Fault) -> JobError {
    match fault {
        Fault::Remote(_) => JobError::again("Stripe did not answer."),
        fault => JobError::from(fault),
    }
}

/// One lock per order, so that two tabs cannot make two sessions. Only whoever talks to Stripe about an order waits here; what is
/// decided is decided again inside the write.
#[derive(Default)]
struct OrderLocks(Mutex<HashMap<OrderId, Arc<tokio::sync::Mutex<()>>>>);

async fn lock(shop: &Shop, order: OrderId) -> OwnedMutexGuard<()> {
    lock_of(shop, order).lock_owned().await
}

/// As [`lock`], for those who come again: nothing where somebody talks to Stripe about the order at this moment.
fn try_lock(shop: &Shop, order: OrderId) -> Option<OwnedMutexGuard<()>> {
    lock_of(shop, order).try_lock_owned().ok()
}

fn lock_of(shop: &Shop, order: OrderId) -> Arc<tokio::sync::Mutex<()>> {
    let locks = shop.kept(OrderLocks::default);
    let mut map = locks.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Locks nobody holds are forgotten now and then, so that the map follows the orders being paid, not all there ever were.
    if map.len() > 1000 {
        map.retain(|_, lock| Arc::strong_count(lock) > 1);
    }
    map.entry(order).or_default().clone()
}
