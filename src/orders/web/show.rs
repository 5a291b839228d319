//! The customer's page of one order, and the part of it that keeps itself up to date.

use super::parts::{LineRow, TotalRow, address_lines, line_rows, total_rows};
use super::view::{OrderView, staff_view, view};
use crate::kernel::{Moment, Refusal};
use crate::orders::access::{Access, confirm_address, order_address, owned, read_id};
use crate::orders::delivery;
use crate::orders::documents::{self, web::DocumentLink};
use crate::orders::means;
use crate::orders::model::{Hold, Order, OrderId, PaymentStatus, Status, Tracking};
use crate::orders::rules;
use crate::store::Snapshot;
use crate::web::{Face, Page, Problem, Reply, View, Visit, words};
use askama::Template;
use axum::extract::Path;
use serde::Serialize;

#[derive(Template, Serialize)]
#[template(path = "orders/show.html", blocks = ["live"])]
struct OrderPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    order: OrderView,
    #[serde(skip)]
    placed: String,
    #[serde(skip)]
    heading: String,
    #[serde(skip)]
    text: String,
    /// The kind of notice the text is shown as, and its icon.
    #[serde(skip)]
    tone: (&'static str, &'static str),
    #[serde(skip)]
    steps: Vec<Step>,
    #[serde(skip)]
    address: String,
    /// How often the page asks for news; nothing when no more will come by itself.
    #[serde(skip)]
    poll: Option<&'static str>,
    /// Why it cannot be ordered again as it was.
    #[serde(skip)]
    gone: Vec<String>,
    #[serde(skip)]
    confirm_url: Option<String>,
    /// Where the customer reads how to pay, and until when.
    #[serde(skip)]
    pay_how: Option<(String, Option<String>)>,
    /// How the money comes, where it does not come through Stripe, and what the owner says besides.
    #[serde(skip)]
    pay_by: Option<(String, Option<String>)>,
    #[serde(skip)]
    reopen_url: Option<String>,
    #[serde(skip)]
    reorder_url: Option<String>,
    /// Where pieces that were opened again are changed.
    #[serde(skip)]
    changes_url: Option<String>,
    #[serde(skip)]
    lines: Vec<LineRow>,
    #[serde(skip)]
    totals: Vec<TotalRow>,
    #[serde(skip)]
    place: Vec<String>,
    /// When the customer would like to have it.
    #[serde(skip)]
    wish: Option<String>,
    #[serde(skip)]
    parcels: Vec<Tracking>,
    #[serde(skip)]
    documents: Vec<DocumentLink>,
    /// Where a receipt is asked for, once there is money to confirm.
    #[serde(skip)]
    receipts_url: Option<String>,
    #[serde(skip)]
    receipt_name: String,
}

/// One step of an order's way.
struct Step {
    name: String,
    /// `done`, `now`, or empty.
    state: &'static str,
    at: Option<String>,
}

impl View for OrderPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_live().render()
    }
}

/// Where an order stands, in one word that both states together give. Its words stand under `orders.heading.` and `orders.text.`.
fn situation(order: &Order) -> &'static str {
    match (order.status, order.payment_status) {
        _ if order.pays_at_door() && order.shipped_at.is_some() => "placed_sent",
        _ if order.waits_for_hands() => "placed",
        (Status::PendingPayment, PaymentStatus::Processing) => "payment_processing",
        (Status::PendingPayment, PaymentStatus::Failed) => "payment_failed",
        (Status::PendingPayment, PaymentStatus::Expired) => "payment_expired",
        (status, _) => status.name(),
    }
}

fn tone(situation: &str) -> (&'static str, &'static str) {
    match situation {
        "paid" | "processing" | "placed" => ("good", "mail"),
        "shipped" | "placed_sent" => ("good", "truck"),
        "delivered" => ("good", "check"),
        "payment_failed" | "payment_expired" => ("bad", "warn"),
        "pending_payment" | "payment_processing" => ("", "clock"),
        _ => ("", "info"),
    }
}

fn steps(order: &Order, page: &Page) -> Vec<Step> {
    if matches!(order.status, Status::Cancelled | Status::Refunded | Status::Draft) {
        return Vec::new();
    }
    let printing = matches!(order.status, Status::Paid | Status::Processing);
    let under_way = matches!(order.status, Status::Shipped | Status::Delivered);
    let pick = |done: bool, now: bool| {
        if done {
            "done"
        } else if now {
            "now"
        } else {
            ""
        }
    };
    let time = |at: Option<Moment>| at.map(|at| page.time(&at));
    if order.pays_at_door() {
        let is_sent = order.shipped_at.is_some();
        let all = [
            ("orders.step.ordered", "done", time(Some(order.created_at))),
            ("orders.step.printing", pick(is_sent, true), None),
            ("orders.step.shipped", pick(is_sent, false), time(order.shipped_at)),
            ("orders.step.paid_at_door", pick(false, is_sent), None),
        ];
        return all.into_iter().map(|(key, state, at)| Step { name: page.t(key).to_owned(), state, at }).collect();
    }
    let all = [
        ("orders.step.ordered", "done", time(Some(order.created_at))),
        ("orders.step.paid", pick(order.paid_at.is_some(), true), time(order.paid_at)),
        ("orders.step.printing", pick(under_way, printing), None),
        ("orders.step.shipped", pick(under_way, false), time(order.shipped_at)),
        (
            "orders.step.delivered",
            pick(order.delivered_at.is_some(), order.status == Status::Shipped),
            time(order.delivered_at),
        ),
    ];
    all.into_iter().map(|(key, state, at)| Step { name: page.t(key).to_owned(), state, at }).collect()
}

/// One order
///
/// For its customer (session, proven e-mail address, or the signed link from its mail) and for staff.
#[utoipa::path(get, path = "/orders/{id}", tag = "shop",
    params(("id" = String, Path, format = Uuid), ("key" = Option<String>, Query, description = "from the link in the order's mails")),
    responses((status = 200, body = OrderView), (status = 404)))]
pub async fn show_order(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let id: OrderId = read_id(&id)?;
    let tx = visit.shop.store().read()?;
    let (order, access) = owned(&visit, &tx, id)?;
    if let Access::Staff(role) = access {
        return match visit.face {
            Face::Json => Ok(Reply::json(&staff_view(&order, visit.lang, role.sees_customers()))?),
            face => Ok(Reply::see_other(face, &format!("/admin/orders/{id}"))),
        };
    }
    if visit.face.is_json() {
        return Ok(Reply::json(&view(&order, visit.lang))?);
    }
    visit.reply(&order_page(&visit, &tx, &order, &access, Vec::new())?)
}

/// The order's page, with the pieces that cannot be ordered again.
pub fn with_what_is_gone(visit: &Visit, id: OrderId, refusal: &Refusal) -> Result<Reply, Problem> {
    let tx = visit.shop.store().read()?;
    let (order, access) = owned(visit, &tx, id)?;
    let gone = refusal.errors.iter().map(|error| words::message(visit.lang, &error.message)).collect();
    Ok(visit.reply(&order_page(visit, &tx, &order, &access, gone)?)?.status(422))
}

fn order_page(
    visit: &Visit,
    tx: &impl Snapshot,
    order: &Order,
    access: &Access,
    gone: Vec<String>,
) -> Result<OrderPage, Problem> {
    let id = order.id;
    let document = view(order, visit.lang);
    let page = visit.page();
    let situation = situation(order);
    let can_pay = matches!(situation, "draft" | "pending_payment" | "payment_failed" | "payment_expired");
    let can_reopen = can_pay && order.status == Status::PendingPayment
        || order.waits_for_hands() && rules::check_not_begun(order).is_ok();
    let query = access.query();
    let values = [
        ("email", order.email.clone()),
        ("number", order.order_number.clone()),
        ("days", visit.shop.settings().lead_time_days.to_string()),
        ("amount", if order.waits_for_hands() { order.amount() } else { order.money(order.amount_refunded) }.show()),
    ];
    Ok(OrderPage {
        gone,
        placed: page.date(&order.created_at),
        heading: page.t(&format!("orders.heading.{situation}")).to_owned(),
        text: page.f(&format!("orders.text.{situation}"), &values),
        tone: tone(situation),
        steps: steps(order, &page),
        address: order_address(id, access),
        poll: match situation {
            "pending_payment" => Some("every 3s"),
            "payment_processing" => Some("every 30s"),
            _ => None,
        },
        pay_how: order.voucher.as_ref().filter(|_| situation == "payment_processing").and_then(|voucher| {
            let until = voucher.expires_at.map(|at| page.f1("orders.pay_until", "until", page.time(&at)));
            Some((voucher.url.clone()?, until))
        }),
        pay_by: means::told(&visit.shop, order, &page).filter(|_| order.waits_for_hands()),
        confirm_url: can_pay.then(|| confirm_address(id, access)),
        reopen_url: can_reopen.then(|| format!("/orders/{id}/reopen{query}")),
        reorder_url: order.can_be_repeated().then(|| format!("/orders/{id}/reorder{query}")),
        changes_url: order
            .lines
            .iter()
            .any(|line| matches!(line.hold, Some(Hold::Customer { .. })))
            .then(|| format!("/orders/{id}/changes{query}")),
        lines: line_rows(tx, &visit.shop, order, &page)?,
        totals: total_rows(order, &page),
        place: address_lines(&order.shipping_address, page.lang),
        wish: delivery::told(order, page.lang),
        parcels: order.tracking.clone(),
        documents: documents::web::links(tx, order, access, &page)?,
        receipts_url: order.is_paid().then(|| format!("/orders/{id}/receipts{query}")),
        receipt_name: documents::web::suggested(order),
        order: document,
        page,
    })
}
