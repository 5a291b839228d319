//! What staff do about money: give it back, and decide about money that does not fit its order.

use super::{checkout, refund, settle, unavailable};
use crate::kernel::text::clean_line;
use crate::kernel::{Code, Error, Message, Moment, Money, Refusal};
use crate::orders::refunds::{self, Asked, Refund, RefundId, RefundState};
use crate::orders::{self, Order, OrderId, PaidBy, PaymentMethod, Received, Status, Taken, Typed};
use crate::people::audit::{self, Actor, Entry};
use crate::people::rights::ChangesOrders;
use crate::people::settings::{Amount, minor_units};
use crate::people::{self, May, rights};
use crate::shop::Shop;
use crate::store::WriteTx;
use crate::web::{Input, Made, Problem, Reply, Visit, input};
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(list_refunds, give_back))
        .routes(routes!(decide))
        .routes(routes!(record_payment))
}

/// Money that goes back.
#[derive(Debug, Serialize, ToSchema)]
struct RefundView {
    #[schema(value_type = String, format = Uuid)]
    id: RefundId,
    #[schema(value_type = String, format = Uuid)]
    order_id: OrderId,
    /// Minor units.
    amount: i64,
    currency: crate::kernel::Currency,
    reason: String,
    /// `pending` until Stripe says how it ended.
    status: RefundState,
    stripe_refund_id: Option<String>,
    failure_reason: Option<String>,
    created_at: Moment,
    updated_at: Moment,
}

impl RefundView {
    fn of(row: &Refund) -> RefundView {
        RefundView {
            id: row.id,
            order_id: row.order,
            amount: row.amount,
            currency: row.currency,
            reason: row.reason.clone(),
            status: row.state,
            stripe_refund_id: row.stripe.clone(),
            failure_reason: row.failure.clone(),
            created_at: row.made_at,
            updated_at: row.changed_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Refunds {
    items: Vec<RefundView>,
    next: Option<String>,
    /// What can still be given back, in minor units.
    left: i64,
}

/// An order's refunds, oldest first
///
/// Also those made in Stripe's dashboard. People see them on the order's page.
#[utoipa::path(get, path = "/admin/orders/{id}/refunds", tag = "panel", params(("id" = Uuid, Path)),
    responses((status = 200, body = Refunds), (status = 401), (status = 403), (status = 404)))]
async fn list_refunds(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    people::require(&visit, rights::reads_panel)?;
    let id: OrderId = orders::read_id(&id)?;
    if !visit.face.is_json() {
        return Ok(Reply::see_other(visit.face, &format!("/admin/orders/{id}#refunds")));
    }
    let tx = visit.shop.store().read()?;
    let order = orders::find(&tx, id)?.ok_or_else(Refusal::not_found)?;
    let items = refunds::of_order(&tx, id)?.iter().map(RefundView::of).collect();
    Ok(Reply::json(&Refunds { items, next: None, left: refunds::left(&tx, &order)? })?)
}

/// How much goes back, and why.
#[derive(Clone, Debug, Deserialize, ToSchema)]
struct RefundForm {
    /// Minor units, or text as people write it in the order's currency. All that is left where it is missing.
    #[serde(default)]
    amount: Option<Amount>,
    /// Free text; goes to Stripe as metadata.
    #[serde(default)]
    reason: String,
    /// One filling-in of the form is one refund, however often it is sent.
    #[serde(default, deserialize_with = "input::optional_id")]
    #[schema(value_type = Option<String>, format = Uuid)]
    form: Option<RefundId>,
    /// The order's version that was looked at; 412 when somebody else changed the order since.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
}

/// Give money back
///
/// All of it, or a part. The refund is written down before Stripe hears of it and is `pending` until Stripe says how it ended.
#[utoipa::path(post, path = "/admin/orders/{id}/refunds", tag = "panel", params(("id" = Uuid, Path)), request_body = RefundForm,
    responses((status = 201, body = RefundView), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "`conflict`: nothing was paid, or nothing is left"), (status = 412, description = "`stale_version`"),
        (status = 422, description = "more than is left, or no reason")))]
async fn give_back(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<String>,
    Input(form): Input<RefundForm>,
) -> Result<Reply, Problem> {
    let staff = people::require(&visit, |role| role.changes_orders())?.name.clone();
    let id: OrderId = orders::read_id(&id)?;
    let refund_amount = form.amount.as_ref().map(as_typed).unwrap_or_default();
    let typed = Typed { refund_amount, refund_reason: form.reason.clone(), ..Typed::default() };
    match write_down(&visit, id, form, staff).await {
        Ok((row, made)) => {
            refund::try_now(&visit.shop, row.order, row.id).await;
            Ok(made.reply(visit.face))
        }
        Err(error) => orders::told_on_the_page(&visit, id, error, typed),
    }
}

fn as_typed(amount: &Amount) -> String {
    match amount {
        Amount::Minor(minor) => minor.to_string(),
        Amount::Text(text) => text.clone(),
    }
}

async fn write_down(visit: &Visit, id: OrderId, form: RefundForm, staff: String) -> Result<(Refund, Made), Error> {
    let order = orders::find(&visit.shop.store().read()?, id)?.ok_or_else(Refusal::not_found)?;
    let amount = match form.amount.filter(|amount| !matches!(amount, Amount::Text(text) if text.trim().is_empty())) {
        None => None,
        // What is wrong with a number is told by the rule.
        Some(Amount::Minor(minor)) => Some(minor),
        Some(typed) => {
            let minor = minor_units(&typed, order.currency());
            Some(minor.ok_or_else(|| Refusal::field("amount", Message::new("orders.refund_amount_form")))?)
        }
    };
    let asked = Asked {
        order: id,
        id: form.form.unwrap_or_else(|| RefundId(visit.shop.new_id())),
        amount,
        reason: form.reason,
        by: staff,
        version: form.version,
    };
    let asker = visit.clone();
    visit
        .shop
        .store()
        .write(move |tx| {
            let (row, is_new) = refunds::ask(tx, &asker.shop, asked, asker.now)?;
            if is_new {
                wrote(tx, &asker, &row)?;
            }
            let made = made(&row)?;
            asker.keep(tx, || Ok::<_, Error>(made.clone()))?;
            Ok::<_, Error>((row, made))
        })
        .await
}

/// The answer is the refund as it was written down, so that a repeated request is given the same bytes.
fn made(row: &Refund) -> Result<Made, Error> {
    let order = format!("/admin/orders/{}", row.order);
    Ok(Made::new(&RefundView::of(row), &format!("{order}/refunds"))?.leading_to(&order))
}

/// The job and the audit entry of a refund that was just written down.
fn wrote(tx: &WriteTx, visit: &Visit, row: &Refund) -> Result<(), Error> {
    refund::enqueue(tx, row, visit.now)?;
    let after = json!({"refund": row.id, "amount": row.amount, "currency": row.currency, "reason": row.reason});
    record(tx, visit, row.order, "order.refunded", after)
}

fn record(
    tx: &WriteTx,
    visit: &Visit,
    order: OrderId,
    action: &'static str,
    after: serde_json::Value,
) -> Result<(), Error> {
    let entry = Entry {
        actor: Actor::of(visit),
        action,
        target_type: "order",
        target_id: order.to_string(),
        before: json!({}),
        after,
        at: visit.now,
    };
    audit::record(tx, entry)?;
    Ok(())
}

/// What somebody decided about an open question of an order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
struct Decision {
    /// The code of the attention entry.
    code: String,
    /// `refund` gives that payment back; `revive` takes it, and the order goes on.
    decision: String,
}

/// Decide about money that does not fit its order
///
/// A second payment, one that came after the order was called off, one of another amount.
#[utoipa::path(post, path = "/admin/orders/{id}/decide", tag = "panel", params(("id" = Uuid, Path)), request_body = Decision,
    responses((status = 200), (status = 401), (status = 403), (status = 404), (status = 409, description = "`conflict`"),
        (status = 422, description = "no such question, or no such answer to it"), (status = 503, description = "`payments_unavailable`")))]
async fn decide(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<String>,
    Input(form): Input<Decision>,
) -> Result<Reply, Problem> {
    let staff = people::require(&visit, |role| role.changes_orders())?.name.clone();
    let id: OrderId = orders::read_id(&id)?;
    let order = orders::find(&visit.shop.store().read()?, id)?.ok_or_else(Refusal::not_found)?;
    let unknown = || Refusal::field("code", Message::new("orders.attention_unknown"));
    let entry = order.attention.iter().find(|entry| entry.code == form.code).ok_or_else(unknown)?;
    let allowed = orders::decisions(&order, entry);
    if !allowed.contains(&form.decision.as_str()) {
        return Err(Refusal::field("decision", Message::new("orders.decision_unknown")).into());
    }
    let intent = entry.values.get("intent").cloned().unwrap_or_default();
    let money = match refund::arrived(&visit.shop, &intent).await {
        Ok(Some(money)) => money,
        Ok(None) => return Err(Refusal::new(Code::Conflict, "orders.refund_unpaid").into()),
        Err(error) => return Err(unavailable(id, &error).into()),
    };
    let order = match form.decision.as_str() {
        "refund" => send_back(&visit, &order, form.code, intent, money, staff).await?,
        _ => revive(&visit, id, form.code, intent, money, staff).await?,
    };
    // The same question may have stood twice, and only the first was shown.
    if let Err(fault) = settle::settle(&visit.shop, id).await {
        tracing::warn!(%fault, order = %id, "Stripe could not be asked after a decision");
    }
    visit.done(&orders::view(&order, visit.lang), &format!("/admin/orders/{id}"))
}

async fn send_back(
    visit: &Visit,
    order: &Order,
    code: String,
    intent: String,
    money: Money,
    by: String,
) -> Result<Order, Problem> {
    let asker = visit.clone();
    let asked = Asked {
        order: order.id,
        id: RefundId(visit.shop.new_id()),
        amount: None,
        reason: code.clone(),
        by,
        version: None,
    };
    let row = visit
        .shop
        .store()
        .write(move |tx| {
            let (row, _) = refunds::ask_beside(tx, &asker.shop, asked, &intent, money, asker.now)?;
            wrote(tx, &asker, &row)?;
            orders::clear_attention(tx, row.order, &code, asker.now)?;
            Ok::<_, Error>(row)
        })
        .await?;
    refund::try_now(&visit.shop, row.order, row.id).await;
    let order = orders::find(&visit.shop.store().read()?, row.order)?;
    Ok(order.ok_or_else(Refusal::not_found)?)
}

async fn revive(
    visit: &Visit,
    id: OrderId,
    code: String,
    intent: String,
    amount: Money,
    by: String,
) -> Result<Order, Problem> {
    let asker = visit.clone();
    let order = visit
        .shop
        .store()
        .write(move |tx| {
            let received = Received { amount, intent: Some(intent), session: None, by: PaidBy::Staff(by) };
            orders::revive(tx, &asker.shop, id, received, asker.now)?;
            record(tx, &asker, id, "order.revived", json!({"amount": amount.minor, "decided": code}))?;
            orders::clear_attention(tx, id, &code, asker.now)
        })
        .await?;
    Ok(order)
}

/// All of an order's money, taken by hand.
#[derive(Clone, Debug, Deserialize, ToSchema)]
struct PaymentForm {
    /// Minor units, or text as people write it. It must be what the order costs, and is that where it is missing.
    #[serde(default)]
    amount: Option<Amount>,
    /// `bank_transfer`, `cash_on_delivery` or `stall`; what the customer has chosen where it is missing.
    #[serde(default, deserialize_with = "input::optional_text")]
    method: Option<String>,
    /// Free text, for the staff.
    #[serde(default)]
    note: String,
    /// The order's version that was looked at; 412 when somebody else changed the order since.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
}

/// Record money that came by bank, at the door or at a stall
///
/// Whoever records it stands for it by name. A page at Stripe where the order could still be paid is closed first.
#[utoipa::path(post, path = "/admin/orders/{id}/payments", tag = "panel", params(("id" = Uuid, Path)), request_body = PaymentForm,
    responses((status = 200, body = orders::OrderView), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "`order_not_payable`: it does not wait for money"), (status = 412, description = "`stale_version`"),
        (status = 422, description = "not what the order costs")))]
async fn record_payment(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<String>,
    Input(form): Input<PaymentForm>,
) -> Result<Reply, Problem> {
    let by = people::require(&visit, |role| role.changes_orders())?.name.clone();
    let id: OrderId = orders::read_id(&id)?;
    let typed = Typed { payment_note: form.note.clone(), ..Typed::default() };
    match take(&visit, id, form, by).await {
        Ok(order) => visit.done(&orders::view(&order, visit.lang), &format!("/admin/orders/{id}")),
        Err(error) => orders::told_on_the_page(&visit, id, error, typed),
    }
}

async fn take(visit: &Visit, id: OrderId, form: PaymentForm, by: String) -> Result<Order, Error> {
    let order = orders::find(&visit.shop.store().read()?, id)?.ok_or_else(Refusal::not_found)?;
    orders::rules::check_version(&order, form.version)?;
    let amount = match form.amount.filter(|amount| !matches!(amount, Amount::Text(text) if text.trim().is_empty())) {
        Some(typed) => minor_units(&typed, order.currency()),
        None => Some(order.totals.amount),
    };
    if amount != Some(order.totals.amount) {
        let message = Message::new("orders.record_amount").with("amount", order.amount().show());
        return Err(Refusal::field("amount", message).into());
    }
    let method = match form.method.as_deref() {
        Some(name) => PaymentMethod::from_name(name),
        None => Some(order.payment_method),
    };
    let method = method
        .filter(|method| *method != PaymentMethod::Online)
        .ok_or_else(|| Refusal::field("method", Message::new("orders.record_method")))?;
    let note = clean_line(&form.note, 300)
        .map_err(|_| Refusal::field("note", Message::new("orders.too_long").with("max", 300)))?;
    if order.status == Status::PendingPayment {
        checkout::close_all(&visit.shop, id).await?;
    }
    // Closing pages may change the order and takes a while; what was agreed to must be the same before and after.
    let closed = orders::find(&visit.shop.store().read()?, id)?.ok_or_else(Refusal::not_found)?;
    if closed.totals != order.totals || closed.revision != order.revision {
        return Err(Refusal::new(Code::StaleVersion, "orders.stale").into());
    }
    let seen = form.version.and(i64::try_from(closed.version).ok());
    let asker = visit.clone();
    visit
        .shop
        .store()
        .write(move |tx| {
            let now_is = orders::find(tx, id)?.ok_or_else(Refusal::not_found)?;
            orders::rules::check_version(&now_is, seen)?;
            if now_is.totals != closed.totals {
                return Err(Refusal::new(Code::StaleVersion, "orders.stale").into());
            }
            let taken = Taken { by, method, note, at: asker.now };
            let order = orders::means::record(tx, &asker.shop, id, taken, asker.now)?;
            // The note may name somebody, and the log is for good.
            let after = json!({"amount": order.totals.amount, "currency": order.currency(), "method": method});
            record(tx, &asker, id, "order.payment_recorded", after)?;
            Ok::<_, Error>(order)
        })
        .await
}
