//! A payment page for an order: at most one that can be paid, whatever two tabs, a crash or a lost answer do.

use super::table::{self, Attempt};
use super::{lock, lost, settle};
use crate::designs;
use crate::kernel::{Code, Error, Fault, Message, Moment, Refusal, Result, failpoint};
use crate::orders::{self, Access, Begun, Order, OrderId, PaidBy, PaymentMethod, PaymentStatus, Received, Status};
use crate::people::setup;
use crate::shop::Shop;
use crate::store::WriteTx;
use crate::stripe::{NewSession, SESSION_LIFE_S, Session, SessionLine, SessionStatus, StripeError};

/// Where the customer goes next.
#[derive(Debug)]
pub enum Next {
    /// To Stripe's page.
    Pay { url: String, order: Box<Order> },
    /// The order is placed; its money does not come through Stripe, and staff record it.
    Placed(Box<Order>),
    /// Nothing is left to pay.
    Paid(Box<Order>),
}

/// An attempt whose page may have closed by the time the customer reads it is not begun any more.
const LEFT_S: i64 = 35 * 60;

/// Gives the payment page of an order, making it when there is none that can be paid.
///
/// # Errors
/// `order_not_payable`, `order_changed`, `design_not_ready`, `shop_closed`, `payments_unavailable`.
pub async fn begin(shop: &Shop, id: OrderId, access: &Access) -> Result<Next> {
    if setup::refuses_live_payments(shop) {
        return Err(Refusal::new(Code::PaymentsUnavailable, "payments.setup_missing").retry_after(3600).into());
    }
    let _alone = lock(shop, id).await;
    let order = orders::find(&shop.store().read()?, id)?.ok_or_else(Refusal::not_found)?;
    if order.payment_method != PaymentMethod::Online && order.paid_at.is_none() {
        return place(shop, order).await;
    }
    // An old page that turns out to be over, or a key under which nothing stands, makes room for a new one.
    for _ in 0..4 {
        let (order, attempt) = {
            let tx = shop.store().read()?;
            let order = orders::find(&tx, id)?.ok_or_else(Refusal::not_found)?;
            let attempt = table::attempt(&tx, id, order.revision)?;
            (order, attempt)
        };
        if order.paid_at.is_some() {
            return Ok(Next::Paid(Box::new(order)));
        }
        let waits = order.status == Status::PendingPayment;
        let is_pending = order.payment_status == PaymentStatus::Pending;
        let attempt = match attempt.filter(|_| waits) {
            Some(attempt) => match &attempt.session {
                Some(session) => match current(shop, &order, session).await? {
                    Some(next) => return Ok(next),
                    None => begin_anew(shop, id, access).await?,
                },
                // The answer was lost, or never came: the same words under the same key give the same page.
                None if is_pending && attempt.new_session.expires_at > shop.now().plus_seconds(LEFT_S) => attempt,
                // Too late to say it again, but a page that was made may stand for a while yet.
                None if attempt.new_session.expires_at > shop.now() => match lost::page_of(shop, &attempt).await? {
                    Some(session) => return opened(shop, attempt, session).await,
                    None => {
                        abandon(shop, attempt).await?;
                        continue;
                    }
                },
                None => begin_anew(shop, id, access).await?,
            },
            None => begin_anew(shop, id, access).await?,
        };
        if attempt.new_session.amount.minor == 0 {
            continue;
        }
        match shop.stripe().create_session(&attempt.new_session, &attempt.idempotency_key).await {
            Ok(session) => {
                failpoint::reached("payments.page_made");
                return opened(shop, attempt, session).await;
            }
            Err(error) if error.is_expiry_refused() => {
                tracing::info!(order = %id, "an attempt grew too old to be sent");
                abandon(shop, attempt).await?;
            }
            // Where Stripe would only say the same again, what came of it is looked up.
            Err(error) => match lost::page_after(shop, &attempt, &error).await? {
                Some(session) => return opened(shop, attempt, session).await,
                None => abandon(shop, attempt).await?,
            },
        }
    }
    Err(Refusal::new(Code::PaymentsUnavailable, "payments.unavailable").retry_after(30).into())
}

/// Places an order whose money comes by bank, at the door or at a stall. Once placed it waits, however often this is asked.
async fn place(shop: &Shop, order: Order) -> Result<Next> {
    let id = order.id;
    if order.status == Status::PendingPayment {
        return Ok(Next::Placed(Box::new(order)));
    }
    if shop.settings().holiday.closed {
        return Err(Refusal::new(Code::ShopClosed, "payments.shop_closed").into());
    }
    designs::keep_seen(shop, order.lines.iter().map(|line| line.design_id).collect()).await?;
    let (inner, now) = (shop.clone(), shop.now());
    let begun = shop.store().write(move |tx| match orders::begin_payment(tx, &inner, id, now)? {
        Begun::Changed(order) => Ok::<_, Error>(Err(order)),
        Begun::Ready(order) if order.totals.amount == 0 => {
            pay_nothing(tx, &inner, &order, now)?;
            Ok(Ok(Next::Paid(Box::new(orders::find(tx, id)?.ok_or_else(Refusal::not_found)?))))
        }
        Begun::Ready(order) => Ok(Ok(Next::Placed(Box::new(orders::means::place(tx, &inner, order, now)?)))),
    });
    begun.await?.map_err(|order| orders::order_changed(&order, order.lang).into())
}

/// The page of a session that stands already. `None` when it is over and a new one may be made.
async fn current(shop: &Shop, order: &Order, session: &str) -> Result<Option<Next>> {
    let session = match shop.stripe().session(session).await {
        Ok(session) => session,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(unavailable(order.id, &error).into()),
    };
    if session.status == SessionStatus::Open
        && let Some(url) = session.url.clone()
    {
        return Ok(Some(Next::Pay { url, order: Box::new(order.clone()) }));
    }
    settle::apply(shop, order.id, session).await?;
    let now = orders::find(&shop.store().read()?, order.id)?.ok_or_else(Refusal::not_found)?;
    if now.paid_at.is_some() {
        return Ok(Some(Next::Paid(Box::new(now))));
    }
    Ok(None)
}

/// Freezes the order and stores what will be said to Stripe, in one write.
async fn begin_anew(shop: &Shop, id: OrderId, access: &Access) -> Result<Attempt> {
    // A page that stands already goes on: its money would be taken anyway.
    if shop.settings().holiday.closed {
        return Err(Refusal::new(Code::ShopClosed, "payments.shop_closed").into());
    }
    let order = orders::find(&shop.store().read()?, id)?.ok_or_else(Refusal::not_found)?;
    designs::keep_seen(shop, order.lines.iter().map(|line| line.design_id).collect()).await?;
    let (inner, access, now) = (shop.clone(), access.clone(), shop.now());
    let begun = shop
        .store()
        .write(move |tx| match orders::begin_payment(tx, &inner, id, now)? {
            Begun::Changed(order) => Ok::<_, Error>(Err(order)),
            Begun::Ready(order) => {
                let attempt = Attempt {
                    order: id,
                    revision: order.revision,
                    idempotency_key: format!("order-{id}-{}", order.revision),
                    new_session: new_session(&inner, &order, &access, now),
                    session: None,
                    is_over: false,
                };
                table::put_attempt(tx, &attempt)?;
                if order.totals.amount == 0 {
                    pay_nothing(tx, &inner, &order, now)?;
                }
                Ok(Ok(attempt))
            }
        })
        .await?;
    // The order was stored as it is now, so the refusal comes after the commit.
    begun.map_err(|order| orders::order_changed(&order, order.lang).into())
}

fn pay_nothing(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<()> {
    let received = Received { amount: order.amount(), intent: None, session: None, by: PaidBy::Nothing };
    orders::mark_paid(tx, shop, order.id, received, now).map(drop)
}

fn new_session(shop: &Shop, order: &Order, access: &Access, now: Moment) -> NewSession {
    let lines = orders::charges(order).into_iter().map(|charge| SessionLine {
        name: charge.name,
        description: None,
        quantity: charge.quantity,
        amount: charge.amount,
    });
    let base = shop.public_url();
    NewSession {
        order_id: order.id.to_string(),
        order_number: order.order_number.clone(),
        revision: order.revision,
        amount: order.amount(),
        lines: lines.collect(),
        email: Some(order.email.clone()),
        lang: order.lang,
        success_url: format!("{base}/orders/{}/return{}", order.id, access.query()),
        cancel_url: format!("{base}{}", orders::confirm_address(order.id, access)),
        expires_at: now.plus_seconds(SESSION_LIFE_S),
    }
}

/// Stripe has made the page: checks that it asks for what the order says, and remembers it.
async fn opened(shop: &Shop, attempt: Attempt, session: Session) -> Result<Next> {
    let id = attempt.order;
    let asked = session.money();
    if asked != Some(attempt.new_session.amount) {
        tracing::error!(order = %id, ?asked, "Stripe asks for another amount than the order says");
        let key = format!("{}-wrong", attempt.idempotency_key);
        if let Err(error) = shop.stripe().expire_session(&session.id, &key).await {
            tracing::error!(order = %id, %error, "the wrong session could not be closed");
        }
        return Err(Fault::bug("a session with another amount than its order").into());
    }
    let now = shop.now();
    let url = session.url.clone().ok_or_else(|| Fault::Remote("a session without its page".into()))?;
    let order = shop
        .store()
        .write(move |tx| {
            let attempt = Attempt { session: Some(session.id.clone()), ..attempt };
            table::put_attempt(tx, &attempt)?;
            orders::set_stripe_session(tx, id, &session.id, now)
        })
        .await?;
    Ok(Next::Pay { url, order: Box::new(order) })
}

/// Lets an attempt go under whose key nothing stands at Stripe.
async fn abandon(shop: &Shop, attempt: Attempt) -> Result<(), Fault> {
    let write = move |tx: &WriteTx| {
        // News may have named its page meanwhile.
        let known = table::attempt(tx, attempt.order, attempt.revision)?;
        match known.filter(|known| known.session.is_none()) {
            Some(known) => {
                let new_session = NewSession { expires_at: Moment(0), ..known.new_session.clone() };
                table::put_attempt(tx, &Attempt { new_session, ..known })
            }
            None => Ok(()),
        }
    };
    shop.store().write(write).await
}

pub(super) fn unavailable(order: OrderId, error: &StripeError) -> Refusal {
    tracing::error!(%order, %error, "Stripe");
    if let StripeError::Refused { status: 0, .. } = error {
        return Refusal::new(Code::OrderNotPayable, "payments.not_payable");
    }
    let wait_s = error.retry_after_s().unwrap_or(30);
    Refusal::because(Code::PaymentsUnavailable, Message::new("payments.unavailable")).retry_after(wait_s)
}

/// The customer wants to change an order that waits for its money: the page is closed at Stripe first, then the order is a draft again.
///
/// # Errors
/// `order_not_payable` when it turns out to be paid, `payments_unavailable` while Stripe is silent.
pub async fn reopen(shop: &Shop, id: OrderId) -> Result<Order> {
    let _alone = lock(shop, id).await;
    close_pages(shop, id).await?;
    let order = orders::find(&shop.store().read()?, id)?.ok_or_else(Refusal::not_found)?;
    if order.paid_at.is_some() {
        return Err(Refusal::new(Code::OrderNotPayable, "payments.already_paid").into());
    }
    // A voucher of a convenience store can still be paid; a second payment must not be begun beside it.
    if order.payment_status == PaymentStatus::Processing {
        return Err(Refusal::new(Code::OrderNotPayable, "payments.on_its_way").into());
    }
    let (inner, now) = (shop.clone(), shop.now());
    shop.store().write(move |tx| orders::back_to_draft(tx, &inner, id, now)).await
}

/// Closes every page at Stripe where the order could still be paid, or follows what they have become.
///
/// # Errors
/// Stripe silent.
pub async fn close_all(shop: &Shop, id: OrderId) -> Result<()> {
    let _alone = lock(shop, id).await;
    close_pages(shop, id).await
}

async fn close_pages(shop: &Shop, id: OrderId) -> Result<()> {
    let attempts = table::attempts(&shop.store().read()?, id)?;
    for attempt in attempts.iter().filter(|attempt| !attempt.is_over) {
        if let Some(session) = page_name(shop, attempt).await? {
            close(shop, id, &session).await?;
        }
    }
    Ok(())
}

/// Stripe's name of the page that an attempt has made, if it can still be paid.
async fn page_name(shop: &Shop, attempt: &Attempt) -> Result<Option<String>> {
    if attempt.session.is_some() {
        return Ok(attempt.session.clone());
    }
    if attempt.new_session.expires_at <= shop.now() || attempt.new_session.amount.minor == 0 {
        return Ok(None);
    }
    // A page may have been made whose name we never heard. Saying the same again tells it.
    match shop.stripe().create_session(&attempt.new_session, &attempt.idempotency_key).await {
        Ok(session) => Ok(Some(session.id)),
        // What Stripe will not take must not stand in the way of its correction.
        Err(error) if error.is_expiry_refused() || error.is_final_no() => Ok(None),
        Err(error) => Ok(lost::page_after(shop, attempt, &error).await?.map(|session| session.id)),
    }
}

/// Keys under which a page is asked to be closed: Stripe repeats a failure for as long as it knows the key.
const CLOSING_KEYS: usize = 4;

/// Closes a session at Stripe, or follows what it has become.
///
/// # Errors
/// Stripe silent.
pub async fn close(shop: &Shop, order: OrderId, session: &str) -> Result<()> {
    for time in 1..=CLOSING_KEYS {
        let key = if time == 1 { format!("expire-{session}") } else { format!("expire-{session}-{time}") };
        let error = match shop.stripe().expire_session(session, &key).await {
            Ok(closed) => return Ok(settle::apply(shop, order, closed).await?),
            Err(error) if error.is_missing() => return Ok(()),
            Err(error) => error,
        };
        let is_told = matches!(error, StripeError::Refused { retry: false, .. }) || error.must_be_looked_up();
        if !is_told {
            return Err(unavailable(order, &error).into());
        }
        // It was paid or closed by somebody else, or Stripe says no more than that it failed once.
        let now = shop.stripe().session(session).await.map_err(|error| unavailable(order, &error))?;
        if now.status != SessionStatus::Open {
            return Ok(settle::apply(shop, order, now).await?);
        }
    }
    tracing::error!(%order, "a payment page is still open after all that was tried");
    Err(Refusal::new(Code::PaymentsUnavailable, "payments.unavailable").retry_after(30).into())
}
