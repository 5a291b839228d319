//! What customers do with orders: list, make, change, repeat.

use super::form;
use super::parts::{Picture, line_picture};
use super::show;
use super::view::{OrderView, view};
use crate::kernel::{Code, Error, Result};
use crate::orders::access::{confirm_address, history_of, key_query, read_id};
use crate::orders::model::OrderId;
use crate::orders::placing::{self, OrderInput, Reordered};
use crate::orders::table;
use crate::people::customers;
use crate::web::{Input, List, Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::{Path, Query};
use serde::Serialize;

#[derive(Template, Serialize)]
#[template(path = "orders/list.html", blocks = ["content"])]
struct ListPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    list: List<OrderView>,
    #[serde(skip)]
    rows: Vec<OrderRow>,
    /// Whose orders these are, for somebody who came by the link from a mail.
    #[serde(skip)]
    of: Option<String>,
    #[serde(skip)]
    next_url: Option<String>,
}

/// One order in the customer's list.
struct OrderRow {
    url: String,
    number: String,
    placed: String,
    pieces: String,
    amount: String,
    state: &'static str,
    state_name: String,
    reorder_url: Option<String>,
    picture: Option<Picture>,
}

impl View for ListPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// The customer's own orders, newest first
///
/// By session, by proven e-mail addresses, or, with `of`, `until` and `key` from the link in a mail, those of the mail's address.
#[utoipa::path(get, path = "/orders", tag = "shop",
    params(Paging, ("of" = Option<String>, Query), ("until" = Option<i64>, Query), ("key" = Option<String>, Query)),
    responses((status = 200, body = List<OrderView>), (status = 404, description = "the link is too old")))]
pub async fn list_orders(visit: Visit, Query(paging): Query<Paging>) -> Result<Reply, Problem> {
    let limit = paging.limit()?;
    let tx = visit.shop.store().read()?;
    let of = history_of(&visit, &tx)?;
    // The link opens what it names and nothing besides.
    let session = visit.session().filter(|_| of.is_none());
    let emails = match (&of, session) {
        (Some(email), _) => vec![email.clone()],
        (None, Some(session)) => customers::proven_emails(&tx, session)?,
        (None, None) => Vec::new(),
    };
    let after = paging.after(|id| Ok(table::place_for_customer(&tx, session, &emails, id)?))?;
    let orders = table::of_customer(&tx, session, &emails, after, limit + 1)?;
    let page = visit.page();
    let list = List::of(orders, limit, |order| order.id.to_string());
    let mut rows = Vec::with_capacity(list.items.len());
    for order in list.items.iter().filter(|_| !visit.face.is_json()) {
        let query = if of.is_some() { key_query(&visit.shop, order.id) } else { String::new() };
        let picture = order.lines.first().map(|line| line_picture(&tx, &visit.shop, line)).transpose()?;
        rows.push(OrderRow {
            url: format!("/orders/{}{query}", order.id),
            number: order.order_number.clone(),
            placed: page.date(&order.created_at),
            pieces: page.n("orders.pieces", order.pieces()),
            amount: order.amount().show(),
            state: order.status.name(),
            state_name: page.t(&format!("orders.status.{}", order.status.name())).to_owned(),
            reorder_url: order.can_be_repeated().then(|| format!("/orders/{}/reorder{query}", order.id)),
            picture,
        });
    }
    let items = list.items.iter().map(|order| view(order, visit.lang)).collect();
    let next_url = list.next.as_ref().map(|next| {
        // What opened the list opens the rest of it.
        let kept =
            visit.query.split('&').filter(|pair| ["of=", "until=", "key="].iter().any(|name| pair.starts_with(name)));
        let pairs: Vec<String> = kept.map(str::to_owned).chain([format!("after={next}")]).collect();
        format!("/orders?{}", pairs.join("&"))
    });
    visit.reply(&ListPage { page, list: List { items, next: list.next }, rows, of, next_url })
}

/// Make an order
///
/// Priced on the server; the totals are frozen with it. Warnings never refuse it.
#[utoipa::path(post, path = "/orders", tag = "shop", request_body = OrderInput,
    responses((status = 201, body = OrderView), (status = 422, description = "`invalid_input`, `coupon_invalid`")))]
pub async fn create_order(visit: Visit, Input(input): Input<OrderInput>) -> Result<Reply, Problem> {
    match placing::create(&visit, input.clone()).await {
        Ok(order) => Ok(placing::made(&visit, &order)?.reply(visit.face)),
        Err(Error::Refused(refusal)) if shows_form(&visit, refusal.code) => form::again(&visit, None, &input, &refusal),
        Err(error) => Err(error.into()),
    }
}

/// People get their form back, with what is wrong beside each field.
fn shows_form(visit: &Visit, code: Code) -> bool {
    !visit.face.is_json() && matches!(code, Code::InvalidInput | Code::CouponInvalid)
}

/// Change a draft
#[utoipa::path(put, path = "/orders/{id}", tag = "shop", request_body = OrderInput,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = OrderView), (status = 404), (status = 409, description = "`conflict`: no draft any more"),
        (status = 422, description = "`invalid_input`, `coupon_invalid`")))]
pub async fn change_order(
    visit: Visit,
    Path(id): Path<String>,
    Input(input): Input<OrderInput>,
) -> Result<Reply, Problem> {
    let id: OrderId = read_id(&id)?;
    match placing::update(&visit, id, input.clone()).await {
        Ok(order) => {
            let access = crate::orders::owned(&visit, &visit.shop.store().read()?, id)?.1;
            visit.done(&view(&order, visit.lang), &confirm_address(id, &access))
        }
        Err(Error::Refused(refusal)) if shows_form(&visit, refusal.code) => {
            form::again(&visit, Some(id), &input, &refusal)
        }
        Err(error) => Err(error.into()),
    }
}

/// Order the same again
///
/// New designs with `original_design_id`, at today's prices.
#[utoipa::path(post, path = "/orders/{id}/reorder", tag = "shop", params(("id" = String, Path, format = Uuid)),
    responses((status = 201, body = Reordered), (status = 404), (status = 422, description = "a product, size or photo is gone; each line is named")))]
pub async fn reorder(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let id = read_id(&id)?;
    let (order, copies) = match placing::repeat(&visit, id).await {
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidInput && !visit.face.is_json() => {
            return show::with_what_is_gone(&visit, id, &refusal);
        }
        other => other?,
    };
    Ok(placing::made_again(&visit, &order, &copies)?.reply(visit.face))
}
