//! Says to Stripe that money is to go back. What is said stands in the database first, so that a crash, a lost answer or a second
//! click can only repeat it under the same key.

use super::{STRIPE_REFUND, lock, settle};
use crate::kernel::{Error, Fault, Moment};
use crate::orders::OrderId;
use crate::orders::refunds::{self, Refund, RefundId, RefundState};
use crate::queue::{self, NewJob};
use crate::shop::Shop;
use crate::store::WriteTx;
use crate::stripe::{self, NewRefund, StripeError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The payload of `stripe.refund`.
#[derive(Serialize, Deserialize)]
pub struct Wish {
    pub order: OrderId,
    pub refund: RefundId,
}

/// Stripe forgets keys after a day: what is older is looked for before it is said again.
const KEY_LIFE_S: i64 = 20 * 3600;

/// Puts the job in line that tells Stripe. One refund has one job.
///
/// # Errors
/// A database that cannot be written.
pub fn enqueue(tx: &WriteTx, row: &Refund, now: Moment) -> Result<(), Fault> {
    if row.state != RefundState::Pending {
        return Ok(());
    }
    let wish = serde_json::to_value(Wish { order: row.order, refund: row.id })?;
    queue::enqueue(tx, NewJob::new(&STRIPE_REFUND, wish, now).about(row.order).keyed(row.id.to_string()))?;
    Ok(())
}

/// Tells Stripe, unless that has been done.
///
/// # Errors
/// Stripe silent, or a database that cannot be written: to be tried again.
pub async fn carry_out(shop: &Shop, order: OrderId, id: RefundId) -> Result<(), Fault> {
    let _alone = lock(shop, order).await;
    let row = refunds::find(&shop.store().read()?, order, id)?;
    let Some(row) = row.filter(|row| row.state == RefundState::Pending && row.stripe.is_none()) else { return Ok(()) };
    let Some(intent) = row.intent.clone() else { return Ok(()) };
    let may_be_forgotten = shop.now().millis_since(row.made_at) / 1000 > KEY_LIFE_S;
    if (may_be_forgotten || row.tries > 0) && look_up(shop, &row, &intent).await? {
        return Ok(());
    }
    match shop.stripe().create_refund(&new_refund(&row, &intent), &row.idempotency_key()).await {
        Ok(made) => hear(shop, order, made).await,
        Err(error) if error.must_be_looked_up() || error.is_key_reused() => {
            if look_up(shop, &row, &intent).await? {
                return Ok(());
            }
            shop.store().write(move |tx| refunds::take_new_key(tx, order, id)).await?;
            Err(error.into())
        }
        // A key that was changed or lost its rights is put right by the owner; the refund waits for that.
        Err(StripeError::Refused { status, code, message, retry: false, .. }) if !matches!(status, 401 | 403) => {
            tracing::warn!(%order, refund = %id, status, "Stripe refuses a refund");
            let why = code.unwrap_or(message);
            let (inner, now) = (shop.clone(), shop.now());
            written(shop.store().write(move |tx| refunds::refused(tx, &inner, order, id, &why, now)).await)?;
            // Somebody may have been faster in Stripe's dashboard.
            settle::settle(shop, order).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The same words for the same row, whenever they are said.
fn new_refund(row: &Refund, intent: &str) -> NewRefund {
    let metadata = BTreeMap::from([
        ("order_id".to_owned(), row.order.to_string()),
        ("refund_id".to_owned(), row.id.to_string()),
        ("reason".to_owned(), row.reason.clone()),
    ]);
    NewRefund { payment_intent: intent.to_owned(), amount: row.money(), metadata }
}

/// True when Stripe has made this refund before.
async fn look_up(shop: &Shop, row: &Refund, intent: &str) -> Result<bool, Fault> {
    let id = row.id.to_string();
    let made =
        shop.stripe().refunds(intent).await?.into_iter().find(|made| made.metadata.get("refund_id") == Some(&id));
    match made {
        Some(made) => hear(shop, row.order, made).await.map(|()| true),
        None => Ok(false),
    }
}

async fn hear(shop: &Shop, order: OrderId, made: stripe::Refund) -> Result<(), Fault> {
    let (inner, now) = (shop.clone(), shop.now());
    written(shop.store().write(move |tx| refunds::heard(tx, &inner, order, &made, now)).await)
}

/// The order's rules have no say in what has happened at Stripe already.
fn written(result: Result<(), Error>) -> Result<(), Fault> {
    match result {
        Ok(()) => Ok(()),
        Err(Error::Faulted(fault)) => Err(fault),
        Err(Error::Refused(refusal)) => Err(Fault::bug(format!("refused: {}", refusal.detail.key))),
    }
}

/// What has arrived by a payment intent, asked of Stripe.
///
/// # Errors
/// Stripe's.
pub async fn arrived(shop: &Shop, intent: &str) -> Result<Option<crate::kernel::Money>, StripeError> {
    Ok(shop.stripe().payment_intent(intent).await?.money())
}

/// Waits a little for [`carry_out`], so that whoever asked sees the end of it. The job goes on with what is left.
pub async fn try_now(shop: &Shop, order: OrderId, id: RefundId) {
    let limit = std::time::Duration::from_secs(5);
    match tokio::time::timeout(limit, carry_out(shop, order, id)).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => tracing::warn!(%fault, %order, "a refund waits"),
        Err(_) => tracing::warn!(%order, "Stripe is slow, a refund waits"),
    }
}
