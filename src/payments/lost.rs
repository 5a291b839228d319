//! Pages whose making nobody heard of: the answer was lost, or the database was restored to a time before they were made. What stands at
//! Stripe is looked up in its list, never guessed.

use super::checkout::{close, unavailable};
use super::patience::{GivenUp, Patience, of_round};
use super::table::{self, Attempt};
use super::{settle, try_lock};
use crate::kernel::{Code, Error, Fault, Moment, Refusal, Result};
use crate::orders::{self, PaymentStatus, Status};
use crate::shop::Shop;
use crate::stripe::{SESSION_LIFE_S, Session, SessionStatus, StripeError};

/// Their clock is not ours.
const SLACK_S: i64 = 600;
/// Stripe knows a key for a day at least. What it was used for before is looked for a little further back.
const KEY_LIFE_S: i64 = 30 * 3600;

/// The page on which an attempt can be paid, where its answer never came. Other pages of its order are closed, or followed to what they
/// have become, so the order may be paid afterwards.
///
/// # Errors
/// Stripe silent; `order_not_payable` while money for another page is on its way.
pub async fn page_of(shop: &Shop, attempt: &Attempt) -> Result<Option<Session>> {
    page_since(shop, attempt, earliest(attempt)).await
}

/// As [`page_of`], where Stripe says that the attempt's key was used with other words: before a backup was restored, or by another version
/// of this program.
///
/// # Errors
/// As [`page_of`].
pub async fn page_under_used_key(shop: &Shop, attempt: &Attempt) -> Result<Option<Session>> {
    page_since(shop, attempt, shop.now().plus_seconds(-KEY_LIFE_S)).await
}

/// What came of an attempt that ended in this error.
///
/// # Errors
/// As [`page_of`]; the error itself, where there is nothing to be looked up.
pub async fn page_after(shop: &Shop, attempt: &Attempt, error: &StripeError) -> Result<Option<Session>> {
    if error.is_key_reused() {
        page_under_used_key(shop, attempt).await
    } else if error.must_be_looked_up() {
        page_of(shop, attempt).await
    } else {
        Err(unavailable(attempt.order, error).into())
    }
}

/// No page of the attempt was made before.
fn earliest(attempt: &Attempt) -> Moment {
    attempt.new_session.expires_at.plus_seconds(-SESSION_LIFE_S - SLACK_S)
}

async fn page_since(shop: &Shop, attempt: &Attempt, since: Moment) -> Result<Option<Session>> {
    let listed = shop.stripe().sessions_since(since).await;
    page_among(shop, attempt, &listed.map_err(|error| unavailable(attempt.order, &error))?).await
}

async fn page_among(shop: &Shop, attempt: &Attempt, listed: &[Session]) -> Result<Option<Session>> {
    let new = &attempt.new_session;
    let is_its = |session: &Session| {
        session.metadata.get("revision") == Some(&new.revision.to_string()) && session.money() == Some(new.amount)
    };
    let mut page = None;
    let mut is_on_its_way = false;
    for listed in listed.iter().filter(|session| session.order_id() == Some(new.order_id.as_str())) {
        // Nothing comes of another attempt's page that has run out.
        if listed.status == SessionStatus::Expired && !is_its(listed) {
            continue;
        }
        // The list does not tell everything.
        let session = shop.stripe().session(&listed.id).await.map_err(|error| unavailable(attempt.order, &error))?;
        match session.status {
            SessionStatus::Open if is_its(&session) => page = Some(session),
            SessionStatus::Open => close(shop, attempt.order, &session.id).await?,
            _ => {
                is_on_its_way |= settle::is_on_its_way(&session);
                settle::apply(shop, attempt.order, session).await?;
            }
        }
    }
    // The order may know nothing of that page, and no other may be paid beside it.
    if is_on_its_way {
        return Err(Refusal::new(Code::OrderNotPayable, "payments.on_its_way").into());
    }
    Ok(page)
}

/// The order at which the last search was given up.
#[derive(Default)]
struct Unfound(GivenUp);

/// Looks for the pages of orders that wait for money without having been told of one. An attempt under which nothing stands, and nothing
/// can be made any more, is over: its order lets go of what it holds.
///
/// # Errors
/// Stripe silent, or a database that cannot be written.
pub async fn look_for(shop: &Shop, mut attempts: Vec<Attempt>) -> Result<(), Fault> {
    // One that was let go names no time.
    let since = attempts.iter().filter(|attempt| attempt.new_session.expires_at.0 > 0).map(earliest).min();
    let listed = match since {
        Some(since) => shop.stripe().sessions_since(since).await?,
        None => Vec::new(),
    };
    let unfound = shop.kept(Unfound::default);
    unfound.0.turn(&mut attempts, |attempt| attempt.order);
    let mut patience = Patience::default();
    let mut given_up_at = None;
    for attempt in attempts {
        let order = attempt.order;
        let Some(_alone) = try_lock(shop, order) else { continue };
        if still_waits(shop, &attempt)? && patience.is_over(of_round(look_among(shop, attempt, &listed).await)) {
            given_up_at = Some(order);
            break;
        }
    }
    unfound.0.put(given_up_at);
    patience.trouble
}

async fn look_among(shop: &Shop, attempt: Attempt, listed: &[Session]) -> Result<()> {
    match page_among(shop, &attempt, listed).await? {
        Some(session) => settle::apply(shop, attempt.order, session).await?,
        None if attempt.new_session.expires_at.plus_seconds(SLACK_S) < shop.now() => give_up(shop, attempt).await?,
        None => {}
    }
    Ok(())
}

fn still_waits(shop: &Shop, attempt: &Attempt) -> Result<bool, Fault> {
    let tx = shop.store().read()?;
    let order = orders::find(&tx, attempt.order)?;
    let is_same = order.is_some_and(|order| {
        let waits = order.status == Status::PendingPayment && order.payment_status == PaymentStatus::Pending;
        waits && order.revision == attempt.revision
    });
    let is_unknown = table::attempt(&tx, attempt.order, attempt.revision)?.is_some_and(|it| it.session.is_none());
    Ok(is_same && is_unknown)
}

async fn give_up(shop: &Shop, attempt: Attempt) -> Result<(), Fault> {
    let (inner, now) = (shop.clone(), shop.now());
    let written = shop.store().write(move |tx| {
        let known = table::attempt(tx, attempt.order, attempt.revision)?;
        if known.is_none_or(|known| known.session.is_some()) {
            return Ok(());
        }
        orders::mark_expired(tx, &inner, attempt.order, now).map(drop)
    });
    match written.await {
        Ok(()) | Err(Error::Refused(_)) => Ok(()),
        Err(Error::Faulted(fault)) => Err(fault),
    }
}
