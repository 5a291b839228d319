//! The panel's list of orders.

use super::view::{StaffOrder, staff_view};
use crate::catalog::{self, ProductId};
use crate::kernel::{Message, Moment, Refusal};
use crate::orders::finding;
use crate::orders::model::{Production, Status};
use crate::orders::rules;
use crate::orders::table::{self, Sought};
use crate::people;
pub use crate::web::page::start_of_day;
use crate::web::{List, Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::Query;
use serde::{Deserialize, Serialize};

/// What the list is narrowed to.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// One state of the order.
    status: String,
    /// Words out of number, name, e-mail, address, parcel number or the text on the design; typing errors are forgiven.
    q: String,
    /// Placed on this day or later: `2024-05-01` in the shop's time zone, or RFC 3339.
    from: String,
    /// Placed on this day or earlier.
    to: String,
    /// The id of a product in one of the lines.
    product: String,
    /// `attention`: only those that need a decision.
    only: String,
}

#[derive(Template, Serialize)]
#[template(path = "orders/admin_list.html", blocks = ["list"])]
struct AdminListPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    list: List<StaffOrder>,
    #[serde(skip)]
    rows: Vec<AdminRow>,
    #[serde(skip)]
    tabs: Vec<Tab>,
    #[serde(skip)]
    filter: Filter,
    #[serde(skip)]
    next_url: Option<String>,
    #[serde(skip)]
    sees_customers: bool,
    /// Nothing has the words as they were typed; these are like them.
    is_alike: bool,
    #[serde(skip)]
    products: Vec<(String, String)>,
    /// The state all of the rows could be put into next, and the words for it.
    #[serde(skip)]
    next_state: Option<(&'static str, String)>,
}

struct AdminRow {
    /// `id@version`, for changes of many at once.
    pick: String,
    url: String,
    number: String,
    placed: String,
    customer: String,
    pieces: u32,
    status: &'static str,
    status_name: String,
    payment: &'static str,
    payment_name: String,
    amount: String,
    needs_attention: bool,
    on_hold: bool,
}

struct Tab {
    url: String,
    name: String,
    is_current: bool,
    count: Option<usize>,
}

impl View for AdminListPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_list().render()
    }
}

/// All orders, newest first
#[utoipa::path(get, path = "/admin/orders", tag = "panel", params(Filter, Paging),
    responses((status = 200, body = List<StaffOrder>), (status = 401), (status = 403)))]
pub async fn list_orders_for_staff(
    visit: Visit,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Reply, Problem> {
    let staff = people::require(&visit, people::rights::any)?;
    let sees_customers = staff.role.sees_customers();
    let limit = paging.limit()?;
    let sought = sought(&visit, &filter, sees_customers)?;
    let tx = visit.shop.store().read()?;
    let after = paging.after(|id| Ok(table::place_of(&tx, id)?))?;
    let found = finding::find(&visit.shop, &tx, &sought, after, limit + 1)?;
    let page = visit.page();
    let mut list = List::of(found.orders, limit, |order| order.id.to_string());
    if found.is_alike {
        list.next = None;
    }
    let word = |group: &str, name: &str| page.t(&format!("orders.{group}.{name}")).to_owned();
    let rows = list.items.iter().map(|order| AdminRow {
        pick: format!("{}@{}", order.id, order.version),
        url: format!("/admin/orders/{}", order.id),
        number: order.order_number.clone(),
        placed: page.time(&order.created_at),
        customer: order.shipping_address.name.clone(),
        pieces: order.pieces(),
        status: order.status.name(),
        status_name: word("status", order.status.name()),
        payment: order.payment_status.name(),
        payment_name: word("payment", order.payment_status.name()),
        amount: order.amount().show(),
        needs_attention: !order.attention.is_empty(),
        on_hold: order.may_be_made() && order.lines.iter().any(|line| line.production == Production::OnHold),
    });
    let rows: Vec<AdminRow> = rows.collect();
    let mut tabs = vec![Tab {
        url: address(&filter, "", None),
        name: page.t("orders.all").to_owned(),
        is_current: sought.status.is_none(),
        count: None,
    }];
    for status in Status::ALL {
        let counted = matches!(status, Status::PendingPayment | Status::Paid | Status::Processing);
        let count = counted.then(|| table::count_in_status(&tx, *status, 1000)).transpose()?;
        tabs.push(Tab {
            url: address(&filter, status.name(), None),
            name: word("status", status.name()),
            is_current: sought.status == Some(*status),
            count: count.filter(|count| *count > 0),
        });
    }
    let next_url = list.next.as_deref().map(|next| address(&filter, &filter.status, Some(next)));
    let items = list.items.iter().map(|order| staff_view(order, visit.lang, sees_customers)).collect();
    let list = List { items, next: list.next };
    let shelf = catalog::shelf(&visit.shop)?;
    let products =
        shelf.all().iter().map(|item| (item.product.id.to_string(), item.product.name.get(visit.lang).to_owned()));
    let next_state = sought.status.and_then(|status| rules::set_by_staff(status).first().copied());
    let next_state = next_state.map(|to| (to.name(), page.t(&format!("panel.bulk.{}", to.name())).to_owned()));
    let changes_orders = visit.staff()?.role.changes_orders();
    visit.reply(&AdminListPage {
        products: products.collect(),
        page,
        list,
        rows,
        tabs,
        filter,
        next_url,
        sees_customers,
        is_alike: found.is_alike,
        next_state: next_state.filter(|_| changes_orders),
    })
}

/// The list's own address with another state or page.
fn address(filter: &Filter, status: &str, after: Option<&str>) -> String {
    let all = [
        ("status", status),
        ("q", &filter.q),
        ("from", &filter.from),
        ("to", &filter.to),
        ("product", &filter.product),
        ("only", &filter.only),
        ("after", after.unwrap_or_default()),
    ];
    let given: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    match serde_urlencoded::to_string(given) {
        Ok(query) if !query.is_empty() => format!("/admin/orders?{query}"),
        _ => "/admin/orders".to_owned(),
    }
}

fn sought(visit: &Visit, filter: &Filter, sees_customers: bool) -> Result<Sought, Refusal> {
    let status = match filter.status.as_str() {
        "" => None,
        name => {
            let unknown = || Refusal::field("status", Message::new("orders.status_unknown"));
            Some(Status::from_name(name).ok_or_else(unknown)?)
        }
    };
    let zone = visit.shop.settings().time_zone.clone();
    let day = |text: &str, field: &str, days: i64| match text.trim() {
        "" => Ok(None),
        text => {
            let moment = Moment::parse(text).or_else(|| start_of_day(text, &zone, days));
            moment.map(Some).ok_or_else(|| Refusal::field(field, Message::new("orders.day_form")))
        }
    };
    let product = match filter.product.trim() {
        "" => None,
        text => {
            let unknown = |_| Refusal::field("product", Message::new("panel.product_unknown"));
            Some(text.parse::<uuid::Uuid>().map(ProductId).map_err(unknown)?)
        }
    };
    Ok(Sought {
        status,
        product,
        attention: filter.only == "attention",
        from: day(&filter.from, "from", 0)?,
        until: day(&filter.to, "to", 1)?,
        words: filter.q.clone(),
        by_number_only: !sees_customers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_stay_in_the_address() {
        let filter = Filter { q: "佐藤 a".into(), from: "2024-05-01".into(), ..Filter::default() };
        assert_eq!(address(&filter, "paid", None), "/admin/orders?status=paid&q=%E4%BD%90%E8%97%A4+a&from=2024-05-01");
        assert_eq!(address(&Filter::default(), "", None), "/admin/orders");
    }
}
