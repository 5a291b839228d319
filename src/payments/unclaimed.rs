//! Money that came for an order which this database does not know: the backup it was restored from is older than the order. Nobody may
//! overlook that, so it stands on the panel's front page until the order is there again or the money has gone back.

use super::settle;
use super::table::{self, Unclaimed};
use crate::kernel::Fault;
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use crate::stripe::{Event, Session};

/// How many are shown.
const SHOWN: usize = 20;

/// What an event says about such money.
#[derive(Debug)]
pub enum Told {
    /// Nothing: it is no payment, or not for this shop.
    Nothing,
    /// It is there, under this name of Stripe's.
    Came(String, Box<Unclaimed>),
    /// What stands under this name is no question any more.
    Cured(Option<String>),
}

/// Asks Stripe what an event is about that names no order of this shop.
///
/// # Errors
/// Stripe silent.
pub async fn look(shop: &Shop, event: &Event) -> Result<Told, Fault> {
    // Charges and refunds do not always say what they are for; a session or a payment that names no order is somebody else's.
    let is_named = event.order_id().is_some()
        || !matches!(event.object.object.as_deref(), Some("checkout.session" | "payment_intent"));
    let Some(session) = (if is_named { session_of(shop, event).await? } else { None }) else {
        return Ok(Told::Nothing);
    };
    let (Some(number), Some(_)) = (session.metadata.get("order_number"), session.metadata.get("order_id")) else {
        return Ok(Told::Nothing);
    };
    // One account may serve more than one shop.
    let pages = format!("{}/orders/", shop.public_url());
    if session.success_url.as_ref().is_some_and(|url| !url.starts_with(&pages)) {
        return Ok(Told::Nothing);
    }
    let Some(amount) = settle::received(&session, session.intent.as_ref()) else { return Ok(Told::Nothing) };
    let name = session.payment_intent.clone().unwrap_or_else(|| session.id.clone());
    let charge = session.intent.as_ref().and_then(|intent| intent.charge.as_ref());
    if charge.is_some_and(|charge| charge.refunded) {
        return Ok(Told::Cured(Some(name)));
    }
    let row = Unclaimed { order_number: number.clone(), amount, event: event.id.clone(), at: shop.now() };
    Ok(Told::Came(name, Box::new(row)))
}

async fn session_of(shop: &Shop, event: &Event) -> Result<Option<Session>, Fault> {
    let id = match (event.session(), event.payment_intent()) {
        (Some(session), _) => Some(session.to_owned()),
        (None, Some(intent)) => shop.stripe().sessions_of(intent).await?.into_iter().next().map(|session| session.id),
        (None, None) => None,
    };
    let Some(id) = id else { return Ok(None) };
    match shop.stripe().session(&id).await {
        Ok(session) => Ok(Some(session)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// # Errors
/// A database that cannot be written.
pub fn note(tx: &WriteTx, told: Told) -> Result<(), Fault> {
    match told {
        Told::Came(name, row) => table::put_unclaimed(tx, &name, &row),
        Told::Cured(Some(name)) => table::drop_unclaimed(tx, &name),
        Told::Cured(None) | Told::Nothing => Ok(()),
    }
}

/// What is to be looked at now, at most twenty.
///
/// # Errors
/// A database that cannot be read.
pub fn unclaimed(tx: &impl Snapshot) -> Result<Vec<Unclaimed>, Fault> {
    table::unclaimed(tx, SHOWN)
}
