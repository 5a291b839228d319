//! `settle`: reads Stripe's present state of an order's sessions and brings the order there. Webhook, return page and reconciler all
//! come through here, in any order and any number of times; the end is the same.

use super::table::{self, Attempt};
use crate::kernel::{Error, Fault, Moment, Money, failpoint};
use crate::orders::{self, Order, OrderId, PaidBy, Received, Status, disputes, refunds};
use crate::shop::Shop;
use crate::store::WriteTx;
use crate::stripe::{self, IntentStatus, PaymentIntent, Session, SessionStatus};

/// Brings the order to what Stripe says now.
///
/// # Errors
/// Stripe silent, or a database that cannot be written.
pub async fn settle(shop: &Shop, id: OrderId) -> Result<(), Fault> {
    settle_named(shop, id, &Named::default()).await
}

/// What an event names besides its order. A database that was restored to an earlier time may know of neither.
#[derive(Debug, Default)]
pub struct Named {
    pub session: Option<String>,
    pub intent: Option<String>,
}

/// As [`settle`], and reads what an event names also where the database does not know that it is the order's.
///
/// # Errors
/// As [`settle`].
pub async fn settle_named(shop: &Shop, id: OrderId, named: &Named) -> Result<(), Fault> {
    let known = {
        let tx = shop.store().read()?;
        let Some(order) = orders::find(&tx, id)? else { return Ok(()) };
        let mut sessions: Vec<String> = table::attempts(&tx, id)?.into_iter().filter_map(|a| a.session).collect();
        // A restored backup may know the session from the order alone.
        if let Some(session) = order.stripe_checkout_session_id.filter(|session| !sessions.contains(session)) {
            sessions.insert(0, session);
        }
        sessions
    };
    let mut intents = Vec::new();
    for session in &known {
        let Some(session) = read(shop, id, session).await? else { continue };
        intents.extend(session.payment_intent.clone());
        failpoint::reached("payments.asked");
        apply(shop, id, session).await?;
    }
    let mut strange: Vec<String> = named.session.iter().filter(|session| !known.contains(session)).cloned().collect();
    if let Some(intent) = named.intent.as_ref().filter(|intent| strange.is_empty() && !intents.contains(intent)) {
        let found = shop.stripe().sessions_of(intent).await?;
        strange.extend(found.into_iter().map(|session| session.id).filter(|session| !known.contains(session)));
    }
    for session in strange {
        // What an event says is a hint only: the session must name the order itself.
        if let Some(session) = read(shop, id, &session).await?
            && session.order_id() == Some(id.to_string().as_str())
        {
            apply(shop, id, session).await?;
        }
    }
    Ok(())
}

async fn read(shop: &Shop, id: OrderId, session: &str) -> Result<Option<Session>, Fault> {
    match shop.stripe().session(session).await {
        Ok(session) => Ok(Some(session)),
        Err(error) if error.is_missing() => {
            tracing::warn!(order = %id, "Stripe does not know a session of this order; is it another account or mode?");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// A session, and what has happened to its money since.
struct News {
    session: Session,
    refunds: Vec<stripe::Refund>,
    disputes: Vec<stripe::Dispute>,
}

impl News {
    /// Asks for refunds and disputes only where there are some.
    async fn of(shop: &Shop, id: OrderId, session: Session) -> Result<News, Fault> {
        let mut news = News { session, refunds: Vec::new(), disputes: Vec::new() };
        let Some(intent) = &news.session.intent else { return Ok(news) };
        let Some(charge) = &intent.charge else { return Ok(news) };
        let tells = charge.amount_refunded.unwrap_or(0) > 0;
        let known = refunds::of_order(&shop.store().read()?, id)?;
        if tells || known.iter().any(|row| row.intent.as_deref() == Some(intent.id.as_str())) {
            news.refunds = shop.stripe().refunds(&intent.id).await?;
        }
        if charge.disputed {
            news.disputes = shop.stripe().disputes(&intent.id).await?;
        }
        Ok(news)
    }
}

/// Brings the order to what one session says.
///
/// # Errors
/// Stripe silent about refunds or disputes, or a database that cannot be written.
pub async fn apply(shop: &Shop, id: OrderId, session: Session) -> Result<(), Fault> {
    let news = News::of(shop, id, session).await?;
    let (shop, now) = (shop.clone(), shop.now());
    let store = shop.store().clone();
    let written = store.write(move |tx| follow(tx, &shop, id, &news, now)).await;
    match written {
        Ok(()) => Ok(()),
        Err(Error::Faulted(fault)) => Err(fault),
        // The order went on in the meantime to where this news is no longer news.
        Err(Error::Refused(refusal)) => {
            tracing::info!(order = %id, code = refusal.code.name(), "news from Stripe that changes nothing any more");
            Ok(())
        }
    }
}

fn follow(tx: &WriteTx, shop: &Shop, id: OrderId, news: &News, now: Moment) -> Result<(), Error> {
    let session = &news.session;
    let Some(order) = orders::find(tx, id)? else { return Ok(()) };
    note_page(tx, id, session)?;
    let intent = session.intent.as_ref();
    if let Some(amount) = received(session, intent) {
        let received = Received {
            amount,
            intent: session.payment_intent.clone(),
            session: Some(session.id.clone()),
            by: PaidBy::Stripe,
        };
        orders::mark_paid(tx, shop, id, received, now)?;
        return after_payment(tx, shop, id, news, now);
    }
    // Of sessions that were replaced only money matters, and there is none.
    if !is_current(tx, &order, session)? {
        return Ok(());
    }
    if order.status == Status::PendingPayment {
        orders::set_stripe_session(tx, id, &session.id, now)?;
    }
    if let Some(intent) = &session.payment_intent {
        orders::set_intent(tx, id, intent, now)?;
    }
    match (&session.status, intent) {
        (SessionStatus::Expired, _) => drop(orders::mark_expired(tx, shop, id, now)?),
        (SessionStatus::Complete, Some(intent)) => follow_delayed(tx, shop, &order, intent, now)?,
        // Open: a declined card can be replaced by another on the same page, so nothing has ended.
        _ => {}
    }
    Ok(())
}

/// Notes which attempt a session came of, where the answer that named it was lost, and whether anything can be begun on it.
fn note_page(tx: &WriteTx, id: OrderId, session: &Session) -> Result<(), Fault> {
    let attempts = table::attempts(tx, id)?;
    let revision = session.metadata.get("revision");
    let has_made_it = |attempt: &&Attempt| {
        attempt.session.is_none()
            && revision == Some(&attempt.revision.to_string())
            && session.money() == Some(attempt.new_session.amount)
    };
    let by_name = attempts.iter().find(|attempt| attempt.session.as_deref() == Some(session.id.as_str()));
    let Some(attempt) = by_name.or_else(|| attempts.iter().find(has_made_it)) else { return Ok(()) };
    let is_over = matches!(session.status, SessionStatus::Complete | SessionStatus::Expired);
    if attempt.session.is_none() || is_over && !attempt.is_over {
        let session = Some(session.id.clone());
        table::put_attempt(tx, &Attempt { session, is_over: is_over || attempt.is_over, ..attempt.clone() })?;
    }
    Ok(())
}

/// Is it the page of the order's present attempt? An order that is being paid anew may name the one before for a while.
fn is_current(tx: &WriteTx, order: &Order, session: &Session) -> Result<bool, Fault> {
    let name = match table::attempt(tx, order.id, order.revision)? {
        Some(attempt) => attempt.session,
        None => order.stripe_checkout_session_id.clone(),
    };
    Ok(name.as_deref() == Some(session.id.as_str()))
}

/// What has arrived, if anything. The intent often knows before the session does.
pub(super) fn received(session: &Session, intent: Option<&PaymentIntent>) -> Option<Money> {
    if let Some(intent) = intent
        && intent.status == IntentStatus::Succeeded
    {
        return intent.money().or_else(|| session.money());
    }
    (session.payment_status == stripe::PaymentStatus::Paid).then(|| session.money()).flatten()
}

/// The page is finished, and its money has neither come nor failed.
pub(super) fn is_on_its_way(session: &Session) -> bool {
    session.status == SessionStatus::Complete && session.intent.as_ref().is_some_and(is_delayed)
}

fn is_delayed(intent: &PaymentIntent) -> bool {
    matches!(intent.status, IntentStatus::Processing | IntentStatus::RequiresAction | IntentStatus::RequiresCapture)
}

/// The customer has finished Stripe's page, but the money takes its time (convenience store, bank debit).
fn follow_delayed(tx: &WriteTx, shop: &Shop, order: &Order, intent: &PaymentIntent, now: Moment) -> Result<(), Error> {
    match intent.status {
        _ if is_delayed(intent) => {
            let voucher = intent.voucher.clone();
            let voucher = voucher.map(|it| orders::Voucher { url: it.url, expires_at: it.expires_at });
            orders::mark_processing(tx, shop, order.id, voucher, now)?;
        }
        IntentStatus::Canceled | IntentStatus::RequiresPaymentMethod => {
            orders::mark_failed(tx, shop, order.id, intent.last_error.as_deref(), now)?;
        }
        _ => {}
    }
    Ok(())
}

/// Refunds and disputes, which Stripe's dashboard and banks bring about without us.
fn after_payment(tx: &WriteTx, shop: &Shop, id: OrderId, news: &News, now: Moment) -> Result<(), Error> {
    for refund in &news.refunds {
        refunds::heard(tx, shop, id, refund, now)?;
    }
    if let Some(intent) = &news.session.intent
        && intent.charge.as_ref().is_some_and(|charge| charge.refunded)
    {
        orders::gone_back(tx, id, &intent.id, now)?;
    }
    for dispute in &news.disputes {
        disputes::heard(tx, shop, id, dispute, now)?;
    }
    Ok(())
}
