//! `/admin/customers`.

use super::erase::{self, Erased};
use super::{customer_of, gather, orders_of};
use crate::kernel::{Error, Fault, Message, Moment, Refusal};
use crate::orders::{self, OrderId, OrderView, customers::Known};
use crate::people::audit::{self, Actor, Entry};
use crate::people::customers::normal;
use crate::people::rights::Owner;
use crate::people::{self, May, rights};
use crate::shop::Shop;
use crate::web::{Input, List, Page, Paging, Problem, Reply, Role, View, Visit};
use askama::Template;
use axum::body::Body;
use axum::extract::{Path, Query};
use axum::http::{Response, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const AT_ONCE: usize = 64 << 10;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(list_customers))
        .routes(routes!(show_customer))
        .routes(routes!(hand_out))
        .routes(routes!(erase_customer))
}

fn may_hand_out(role: Role) -> bool {
    role.changes_orders()
}

/// A customer: an e-mail address that ordered.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Customer)]
struct CustomerView {
    /// That of their newest order; any order's id leads to its customer.
    #[schema(value_type = String, format = Uuid)]
    id: OrderId,
    email: String,
    /// As on the newest order.
    name: String,
    /// How it is read; empty where nobody told.
    name_kana: String,
    country: String,
    /// Counted up to 1000.
    orders: usize,
    last_order_at: Moment,
}

impl CustomerView {
    fn of(known: &Known) -> CustomerView {
        let newest = &known.newest;
        CustomerView {
            id: newest.id,
            email: known.email.clone(),
            name: newest.shipping_address.name.clone(),
            name_kana: newest.shipping_address.name_kana.clone(),
            country: newest.shipping_address.country.clone(),
            orders: known.orders,
            last_order_at: newest.created_at,
        }
    }
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// The beginning of an e-mail address, of a name, or of how the name is read.
    #[serde(default)]
    q: String,
}

#[derive(Template, Serialize)]
#[template(path = "exports/customers.html", blocks = ["list"])]
struct CustomersPage {
    #[serde(flatten)]
    list: List<CustomerView>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    q: String,
    #[serde(skip)]
    next_url: Option<String>,
}

impl View for CustomersPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_list().render()
    }
}

/// Customers by e-mail address
///
/// In the order of the alphabet; with `q` those whose address begins with it, then those whose name does, then those whose name is read so.
/// A page may be shorter than `limit` while there is a `next`.
#[utoipa::path(get, path = "/admin/customers", tag = "panel", params(Filter, Paging),
    responses((status = 200, body = List<CustomerView>), (status = 401), (status = 403)))]
async fn list_customers(
    visit: Visit,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Reply, Problem> {
    people::require(&visit, rights::reads_panel)?;
    let limit = paging.limit()?;
    let tx = visit.shop.store().read()?;
    let after = match paging.after.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Some(
            orders::customers::Place::read(&tx, text)?
                .ok_or_else(|| Refusal::field("after", Message::new("problem.after_unknown")))?,
        ),
        None => None,
    };
    let q: String = filter.q.trim().chars().take(200).collect();
    let found = orders::customers::find(&tx, &q, after.as_ref(), limit)?;
    let items = found.customers.iter().map(CustomerView::of).collect();
    let list = List { items, next: found.next };
    let next_url = list.next.as_ref().map(|next| {
        let query = serde_urlencoded::to_string([("q", q.as_str()), ("after", next)]).unwrap_or_default();
        format!("/admin/customers?{query}")
    });
    visit.reply(&CustomersPage { list, page: visit.page(), q, next_url })
}

#[derive(Template, Serialize)]
#[template(path = "exports/customer.html", blocks = ["content"])]
struct CustomerPage {
    #[serde(flatten)]
    customer: CustomerView,
    /// Newest first, a page of them.
    items: Vec<OrderView>,
    next: Option<String>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    rows: Vec<OrderRow>,
    /// Why it cannot be erased now; the address is to be typed otherwise.
    #[serde(skip)]
    open: Vec<String>,
    #[serde(skip)]
    may_hand_out: bool,
    #[serde(skip)]
    may_erase: bool,
    #[serde(skip)]
    mistake: Option<String>,
}

struct OrderRow {
    url: String,
    number: String,
    placed: String,
    status: &'static str,
    status_name: String,
    payment: &'static str,
    payment_name: String,
    amount: String,
}

impl View for CustomerPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// One customer and their orders, newest first
///
/// `id` is that of any of their orders.
#[utoipa::path(get, path = "/admin/customers/{id}", tag = "panel", params(("id" = String, Path, format = Uuid), Paging),
    responses((status = 200, body = CustomerView), (status = 401), (status = 403), (status = 404)))]
async fn show_customer(visit: Visit, Path(id): Path<String>, Query(paging): Query<Paging>) -> Result<Reply, Problem> {
    people::require(&visit, rights::reads_panel)?;
    visit.reply(&customer_page(&visit, orders::read_id(&id)?, &paging, None)?)
}

fn customer_page(
    visit: &Visit,
    id: OrderId,
    paging: &Paging,
    mistake: Option<String>,
) -> Result<CustomerPage, Problem> {
    let role = visit.staff()?.role;
    let limit = paging.limit()?;
    let tx = visit.shop.store().read()?;
    let (email, _) = customer_of(&tx, id)?;
    // An order of somebody who was erased leads to nobody.
    let known = orders::customers::by_email(&tx, &email, None, 1)?.into_iter().find(|known| known.email == email);
    let known = known.filter(|_| !email.is_empty()).ok_or_else(Refusal::not_found)?;
    let emails = [email.clone()];
    let after = paging.after(|id| Ok(orders::table::place_for_customer(&tx, None, &emails, id)?))?;
    let found = orders::table::of_customer(&tx, None, &emails, after, limit + 1)?;
    let page = visit.page();
    let list = List::of(found, limit, |order| order.id.to_string());
    let word = |group: &str, name: &str| page.t(&format!("orders.{group}.{name}")).to_owned();
    let rows = list.items.iter().map(|order| OrderRow {
        url: format!("/admin/orders/{}", order.id),
        number: order.order_number.clone(),
        placed: page.time(&order.created_at),
        status: order.status.name(),
        status_name: word("status", order.status.name()),
        payment: order.payment_status.name(),
        payment_name: word("payment", order.payment_status.name()),
        amount: order.amount().show(),
    });
    let open = list.items.iter().filter(|order| orders::customers::is_open(order));
    Ok(CustomerPage {
        customer: CustomerView::of(&known),
        rows: rows.collect(),
        open: open.map(|order| order.order_number.clone()).collect(),
        items: list.items.iter().map(|order| orders::view(order, visit.lang)).collect(),
        next: list.next,
        may_hand_out: may_hand_out(role),
        may_erase: role.is_owner(),
        mistake,
        page,
    })
}

/// Everything the shop knows of a customer, as a zip
///
/// `data.json` with orders, designs and mails, and the photos as they were uploaded. That it was handed out is an audit entry.
#[utoipa::path(post, path = "/admin/customers/{id}/data", tag = "panel", params(("id" = String, Path, format = Uuid)),
    responses((status = 200, content_type = "application/zip"), (status = 401), (status = 403), (status = 404)))]
async fn hand_out(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    people::require(&visit, may_hand_out)?;
    let id: OrderId = orders::read_id(&id)?;
    let (shop, lang, now) = (visit.shop.clone(), visit.lang, visit.now);
    let gathered = tokio::task::spawn_blocking(move || {
        let tx = shop.store().read()?;
        let (email, _) = customer_of(&tx, id)?;
        if orders_of(&tx, &email)?.is_empty() {
            return Err(Error::from(Refusal::not_found()));
        }
        Ok(gather::gather(&shop, &tx, &email, lang, now)?)
    });
    let gathered = gathered.await.map_err(|error| Fault::bug(error.to_string()))??;
    let asker = visit.clone();
    let record = move |tx: &crate::store::WriteTx| {
        let entry = Entry {
            actor: Actor::of(&asker),
            action: "customer.data_handed_out",
            target_type: "order",
            target_id: id.to_string(),
            before: json!({}),
            after: json!({}),
            at: asker.now,
        };
        audit::record(tx, entry).map(drop)
    };
    visit.shop.store().write(record).await?;
    let (writer, reader) = tokio::io::duplex(AT_ONCE);
    tokio::spawn(async move {
        if let Err(error) = gather::write(writer, gathered, now).await {
            // Usually somebody who closed the window; the file they have is cut off and says so.
            tracing::debug!(%error, "a customer's data ended early");
        }
    });
    let response = Response::new(Body::from_stream(ReaderStream::with_capacity(reader, AT_ONCE)));
    Ok(Reply::from(response)
        .header(header::CONTENT_TYPE, "application/zip")
        .header(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"customer-{id}.zip\""))
        .header(header::CACHE_CONTROL, "private, no-store"))
}

/// What is typed so that nobody is erased by a slip of the hand.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
struct EraseForm {
    /// The customer's e-mail address.
    #[serde(default)]
    email: String,
}

/// Erase a customer's personal data
///
/// Names, addresses, mails, designs and photos go. Of paid orders the invoice stays as tax law wants it: number, days, amounts, what was
/// bought, and the name and address it was made out to.
#[utoipa::path(post, path = "/admin/customers/{id}/erase", tag = "panel", params(("id" = String, Path, format = Uuid)), request_body = EraseForm,
    responses((status = 200, body = Erased), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "`conflict`: an order is not over"), (status = 422, description = "another address was typed")))]
async fn erase_customer(
    _: May<Owner>,
    visit: Visit,
    Path(id): Path<String>,
    Input(form): Input<EraseForm>,
) -> Result<Reply, Problem> {
    let id: OrderId = orders::read_id(&id)?;
    let (email, _) = customer_of(&visit.shop.store().read()?, id)?;
    if email.is_empty() {
        return Err(Problem::not_found());
    }
    let done = if normal(&form.email) == email {
        carry_out(&visit, id, email).await
    } else {
        Err(Refusal::field("email", Message::new("exports.erase_email")).into())
    };
    match done {
        Ok(erased) => visit.done(&erased, "/admin/customers?erased=yes"),
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let message = refusal.errors.first().map_or(&refusal.detail, |error| &error.message);
            let told = crate::web::words::message(visit.lang, message);
            let page = customer_page(&visit, id, &Paging::default(), Some(told))?;
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn carry_out(visit: &Visit, id: OrderId, email: String) -> Result<Erased, Error> {
    let shop = visit.shop.clone();
    let found = tokio::task::spawn_blocking(move || erase::look(&shop.store().read()?, &email));
    let found = found.await.map_err(|error| Fault::bug(error.to_string()))??;
    let (shop, actor, now) = (visit.shop.clone(), Actor::of(visit), visit.now);
    visit.shop.store().write(move |tx| erase::erase(tx, &shop, id, &found, actor, now)).await
}
