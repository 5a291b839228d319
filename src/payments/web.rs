//! Routes of payments: pay, come back, change one's mind, and Stripe's webhook.

use super::checkout::{self, Next};
use super::{doctor, inbox, settle};
use crate::kernel::{Code, Error, Refusal, failpoint};
use crate::orders::{self, OrderView};
use crate::people::audit;
use crate::shop::Shop;
use crate::stripe::Event;
use crate::stripe::probe::PROBE_KIND;
use crate::stripe::signature::{self, SignatureProblem};
use crate::web::{Face, Problem, Reply, Visit};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(check_out))
        .routes(routes!(come_back))
        .routes(routes!(reopen_order))
        .routes(routes!(receive_event))
}

/// How long the page after payment waits for Stripe's word before it shows itself; the webhook brings the rest.
const RETURN_WAIT: Duration = Duration::from_secs(4);

#[derive(Serialize, ToSchema)]
struct Checkout {
    /// Where the customer pays, on Stripe's site (or the sandbox's); the order's own page where the money comes another way.
    checkout_url: String,
    order: OrderView,
}

/// Pay for an order
///
/// Freezes every line, finalizes designs that are not finalized yet, and gives Stripe's payment page. Asked again, it gives the same page.
#[utoipa::path(post, path = "/orders/{id}/checkout", tag = "orders", params(("id" = Uuid, Path)),
    responses((status = 200, body = Checkout), (status = 409, description = "order_not_payable, order_changed, design_not_ready, out_of_stock"),
              (status = 422, description = "coupon_invalid"),
              (status = 503, description = "payments_unavailable")))]
async fn check_out(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let id = orders::read_id(&id)?;
    let (before, access) = changing_access(&visit, id)?;
    let begun = checkout::begin(&visit.shop, id, &access).await;
    if let Err(Error::Refused(refusal)) = &begun
        && matches!(refusal.code, Code::OrderChanged | Code::CouponInvalid | Code::OutOfStock)
        && !visit.face.is_json()
    {
        // People see the order as it is now, with a word about it, and confirm it once more.
        let confirm = orders::confirm_address(id, &access);
        if refusal.code != Code::OrderChanged {
            // That page looks at coupon and stock itself, and says what is the matter.
            return Ok(Reply::see_other(visit.face, &confirm));
        }
        let mark = if confirm.contains('?') { '&' } else { '?' };
        return Ok(Reply::see_other(visit.face, &format!("{confirm}{mark}changed=1")));
    }
    let begun = begun?;
    let (Next::Pay { order, .. } | Next::Placed(order) | Next::Paid(order)) = &begun;
    note_staff(&visit, &access, "order.checked_out", &before, order).await?;
    match begun {
        Next::Pay { url, order } => match visit.face {
            Face::Json => {
                let order = orders::view(&order, visit.lang);
                Ok(Reply::json(&Checkout { checkout_url: url, order })?)
            }
            face => Ok(Reply::see_other(face, &url)),
        },
        Next::Placed(order) => {
            let address = orders::order_address(order.id, &access);
            match visit.face {
                Face::Json => {
                    let checkout_url = format!("{}{address}", visit.shop.public_url());
                    Ok(Reply::json(&Checkout { checkout_url, order: orders::view(&order, visit.lang) })?)
                }
                face => Ok(Reply::see_other(face, &address)),
            }
        }
        Next::Paid(order) => {
            let address = orders::order_address(order.id, &access);
            match visit.face {
                // Nothing was to be paid, and now it is.
                Face::Json if order.totals.amount == 0 => {
                    let checkout_url = format!("{}{address}", visit.shop.public_url());
                    Ok(Reply::json(&Checkout { checkout_url, order: orders::view(&order, visit.lang) })?)
                }
                Face::Json => Err(Refusal::new(Code::OrderNotPayable, "payments.already_paid").into()),
                face => Ok(Reply::see_other(face, &address)),
            }
        }
    }
}

/// Back from Stripe's page
#[utoipa::path(get, path = "/orders/{id}/return", tag = "orders", params(("id" = Uuid, Path)),
    responses((status = 303, description = "To the order's page")))]
async fn come_back(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let id = orders::read_id(&id)?;
    let (_, access) = orders::owned(&visit, &visit.shop.store().read()?, id)?;
    // Slow or silent, Stripe's news reach the order by webhook and reconciler too; the customer is not kept waiting.
    match tokio::time::timeout(RETURN_WAIT, settle::settle(&visit.shop, id)).await {
        Ok(Err(fault)) => tracing::warn!(%fault, order = %id, "Stripe could not be asked on return"),
        Err(_) => tracing::warn!(order = %id, "Stripe is slow"),
        Ok(Ok(())) => {}
    }
    Ok(Reply::see_other(Face::Page, &orders::order_address(id, &access)))
}

/// Change an order that waits for its payment
///
/// The payment page is closed at Stripe first; then the order is a draft again.
#[utoipa::path(post, path = "/orders/{id}/reopen", tag = "orders", params(("id" = Uuid, Path)),
    responses((status = 200, body = OrderView), (status = 409, description = "order_not_payable: it is paid already")))]
async fn reopen_order(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let id = orders::read_id(&id)?;
    let (before, access) = changing_access(&visit, id)?;
    let order = checkout::reopen(&visit.shop, id).await?;
    note_staff(&visit, &access, "order.reopened", &before, &order).await?;
    visit.done(&orders::view(&order, visit.lang), &format!("/orders/{id}/edit{}", access.query()))
}

fn changing_access(visit: &Visit, id: orders::OrderId) -> Result<(orders::Order, orders::Access), Problem> {
    let (order, access) = orders::owned(visit, &visit.shop.store().read()?, id)?;
    if access.changes() { Ok((order, access)) } else { Err(Problem::new(Code::Forbidden, "problem.forbidden")) }
}

/// What staff moved for a customer stands in the audit log. It is written behind the change, which goes by way of Stripe.
async fn note_staff(
    visit: &Visit,
    access: &orders::Access,
    action: &'static str,
    before: &orders::Order,
    after: &orders::Order,
) -> Result<(), Problem> {
    if access.is_customer() || before.version == after.version {
        return Ok(());
    }
    let (asker, id) = (visit.clone(), after.id.0);
    let (was, now_is) = (json!({"status": before.status}), json!({"status": after.status}));
    let write = move |tx: &crate::store::WriteTx| {
        audit::by_staff(tx, &asker, action, ("order", id), was.clone(), now_is.clone())
    };
    Ok(visit.shop.store().write(write).await?)
}

/// Stripe's webhook
///
/// The signature is checked over the bytes as they came. 200 says that the event is stored; what follows from it is done by a job.
#[utoipa::path(post, path = "/webhooks/stripe", tag = "payments", request_body(content = String, content_type = "application/json"),
    responses((status = 200, description = "Stored"), (status = 400, description = "invalid_signature")))]
async fn receive_event(State(shop): State<Shop>, headers: HeaderMap, body: Bytes) -> Result<Reply, Problem> {
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let now = shop.now();
    match signature::verify(header, &body, shop.webhook_secrets(), now) {
        Ok(skew_s) => doctor::note_genuine(&shop, skew_s, now),
        Err(problem) => {
            tracing::warn!(?problem, "a webhook was refused");
            match problem {
                // Genuine, so the secret is right and a clock is wrong.
                SignatureProblem::TooOld { skew_s } => doctor::note_genuine(&shop, skew_s, now),
                SignatureProblem::NoMatch => doctor::note_refused(&shop, now),
                SignatureProblem::Malformed => {}
            }
            return Err(Problem::new(Code::InvalidSignature, "payments.invalid_signature"));
        }
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    match Event::parse(&body) {
        // Our own question whether we can be reached: the word comes back, and nothing is kept.
        Ok(event) if event.kind == PROBE_KIND => return Ok(Reply::json(&serde_json::json!({"heard": event.id}))?),
        Ok(event) => {
            shop.store().write(move |tx| inbox::take(tx, &event, &text, now)).await?;
            failpoint::reached("payments.event_stored");
        }
        // Signed by Stripe but of no form we know: asking for it again would not change it.
        Err(problem) => tracing::error!(?problem, "a signed webhook that is no event"),
    }
    Ok(Reply::json(&serde_json::json!({"received": true}))?)
}
