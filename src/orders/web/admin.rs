//! The panel's list of orders.

use super::view::{StaffOrder, staff_view};
use crate::kernel::{Message, Moment, Refusal};
use crate::orders::model::{Production, Status};
use crate::orders::table::{self, Sought};
use crate::people;
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
    /// A number, or the beginning of a name or an e-mail address.
    q: String,
    /// Placed on this day or later: `2024-05-01` in the shop's time zone, or RFC 3339.
    from: String,
    /// Placed on this day or earlier.
    to: String,
}

#[derive(Template, Serialize)]
#[template(path = "orders/admin_list.html", blocks = ["content"])]
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
}

struct AdminRow {
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
        self.as_content().render()
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
    let orders = table::seek(&tx, &sought, after, limit + 1)?;
    let page = visit.page();
    let list = List::of(orders, limit, |order| order.id.to_string());
    let word = |group: &str, name: &str| page.t(&format!("orders.{group}.{name}")).to_owned();
    let rows = list.items.iter().map(|order| AdminRow {
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
        on_hold: order.is_paid() && order.lines.iter().any(|line| line.production == Production::OnHold),
    });
    let rows = rows.collect();
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
    visit.reply(&AdminListPage { page, list, rows, tabs, filter, next_url, sees_customers })
}

/// The list's own address with another state or page.
fn address(filter: &Filter, status: &str, after: Option<&str>) -> String {
    let all = [
        ("status", status),
        ("q", &filter.q),
        ("from", &filter.from),
        ("to", &filter.to),
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
    Ok(Sought {
        status,
        from: day(&filter.from, "from", 0)?,
        until: day(&filter.to, "to", 1)?,
        words: filter.q.clone(),
        by_number_only: !sees_customers,
    })
}

/// The moment `days` after the day `text` at which the day begins in `zone`.
pub fn start_of_day(text: &str, zone: &str, days: i64) -> Option<Moment> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let date = date.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    Some(Moment(date.to_zoned(zone).ok()?.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_in_the_shops_time_zone() {
        let day = |text, days| start_of_day(text, "Asia/Tokyo", days).map(|moment| moment.to_string());
        assert_eq!(day("2024-05-01", 0).as_deref(), Some("2024-04-30T15:00:00Z"));
        assert_eq!(day("2024-05-01", 1).as_deref(), Some("2024-05-01T15:00:00Z"));
        assert_eq!(day("May 1st", 0), None);
    }

    #[test]
    fn filters_stay_in_the_address() {
        let filter = Filter { q: "佐藤 a".into(), from: "2024-05-01".into(), ..Filter::default() };
        assert_eq!(address(&filter, "paid", None), "/admin/orders?status=paid&q=%E4%BD%90%E8%97%A4+a&from=2024-05-01");
        assert_eq!(address(&Filter::default(), "", None), "/admin/orders");
    }
}
