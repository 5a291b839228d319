//! The print room's queue: lines by state and product, the one that has waited longest first. No prices, no customers.

use super::admin_bulk::line_pick;
use super::admin_order::is_ready;
use super::parts::{LineRow, line_row};
use crate::catalog::{self, ProductId, VariantId};
use crate::designs::{self, Design, DesignId};
use crate::kernel::{Fault, Message, Moment, Refusal};
use crate::orders::delivery;
use crate::orders::lists::{self, LinePlace};
use crate::orders::model::{Line, LineId, Order, OrderId, Production, Wish};
use crate::orders::table;
use crate::people::{self, rights};
use crate::store::Snapshot;
use crate::web::page::day_text;
use crate::web::{List, Page, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::Query;
use serde::{Deserialize, Serialize};

/// Lines counted for a tab; more are told as "so many and more".
const COUNTED: usize = 1000;

/// What the queue is narrowed to.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// `ready_to_print` unless told, `waiting`, `printed`, `packed` or `on_hold`.
    state: String,
    /// The id of a product.
    product: String,
    /// How many, 1 to 100.
    limit: String,
    /// The `next` of the page before.
    after: String,
}

/// One line as the print room sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PrintLine {
    #[schema(value_type = String, format = Uuid)]
    pub order_id: OrderId,
    #[schema(value_type = String, format = Uuid)]
    pub line_id: LineId,
    pub order_number: String,
    #[schema(value_type = String, format = Uuid)]
    pub product_id: ProductId,
    #[schema(value_type = String, format = Uuid)]
    pub variant_id: VariantId,
    #[schema(value_type = String, format = Uuid)]
    pub design_id: DesignId,
    pub name: String,
    pub quantity: u32,
    pub production: Production,
    pub hold_reason: Option<String>,
    /// When the order was paid.
    pub waiting_since: Moment,
    /// When the customer would like to have the parcel.
    pub delivery: Wish,
    /// Of the order; give it back with a change.
    pub version: u64,
    pub params_crc32: Option<String>,
    pub picture_url: String,
    /// Null until the print file is ready.
    pub final_image_url: Option<String>,
    /// Where in its order the line stands, from 1, and how many there are.
    pub line_number: usize,
    pub lines_in_order: usize,
    #[serde(skip)]
    #[schema(ignore)]
    pub row: Option<LineRow>,
    #[serde(skip)]
    #[schema(ignore)]
    pub design: Option<Design>,
    /// The wish in words, and the last day on which the parcel may leave to fulfil it.
    #[serde(skip)]
    #[schema(ignore)]
    pub wish: Option<String>,
    #[serde(skip)]
    #[schema(ignore)]
    pub send_by: Option<String>,
}

impl PrintLine {
    /// `order/line`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.order_id, self.line_id)
    }
}

#[derive(Template, Serialize)]
#[template(path = "orders/print_room.html", blocks = ["content"])]
struct QueuePage {
    #[serde(flatten)]
    list: List<PrintLine>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    state: Production,
    #[serde(skip)]
    tabs: Vec<Tab>,
    #[serde(skip)]
    products: Vec<Tab>,
    /// The id of the product the queue is narrowed to, or nothing.
    #[serde(skip)]
    product: String,
    #[serde(skip)]
    next_url: Option<String>,
    #[serde(skip)]
    may_change: bool,
    /// What may be done with lines in this state: the state they go to, its words, and whether a reason is needed.
    #[serde(skip)]
    moves: Vec<(&'static str, String, bool)>,
    /// What was typed into a form that was refused, and why it was.
    #[serde(skip)]
    reason: String,
    #[serde(skip)]
    refused: Option<String>,
}

struct Tab {
    url: String,
    name: String,
    count: String,
    is_current: bool,
}

impl View for QueuePage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// What waits in the print room, longest first
#[utoipa::path(get, path = "/admin/print", tag = "panel", params(Filter),
    responses((status = 200, body = List<PrintLine>), (status = 401), (status = 403)))]
pub async fn show_queue(visit: Visit, Query(filter): Query<Filter>) -> Result<Reply, Problem> {
    visit.reply(&queue_page(&visit, &filter)?)
}

/// The queue once more, for somebody who ticked nothing: with the reason that was typed.
pub fn queue_again(visit: &Visit, state: &str, product: &str, reason: String) -> Result<Reply, Problem> {
    let filter = Filter { state: state.to_owned(), product: product.to_owned(), ..Filter::default() };
    let refused = Some(visit.page().t("panel.bulk_none").to_owned());
    let page = QueuePage { reason, refused, ..queue_page(visit, &filter)? };
    Ok(visit.reply(&page)?.status(422))
}

fn queue_page(visit: &Visit, filter: &Filter) -> Result<QueuePage, Problem> {
    let staff = people::require(visit, rights::any)?;
    let may_change = staff.role.changes_production();
    let wrong = |field: &str, key: &'static str| Refusal::field(field, Message::new(key));
    let state = match filter.state.as_str() {
        "" => Production::ReadyToPrint,
        name => Production::from_name(name).ok_or_else(|| wrong("state", "orders.status_unknown"))?,
    };
    let product = match filter.product.as_str() {
        "" => None,
        text => {
            let id = text.parse::<uuid::Uuid>().map_err(|_| wrong("product", "panel.product_unknown"))?;
            Some(ProductId(id))
        }
    };
    let limit = match filter.limit.as_str() {
        "" => 50,
        text => text
            .parse()
            .ok()
            .filter(|limit| (1..=100).contains(limit))
            .ok_or_else(|| wrong("limit", "problem.limit_range"))?,
    };
    let tx = visit.shop.store().read()?;
    let after = match filter.after.as_str() {
        "" => None,
        text => Some(place(&tx, text)?.ok_or_else(|| wrong("after", "problem.after_unknown"))?),
    };
    let page = visit.page();
    let mut found = Vec::new();
    for (_, order, line) in lists::lines(&tx, state, product, after, limit + 1)? {
        found.extend(print_line(&tx, visit, &page, order, line)?);
    }
    let list = List::of(found, limit, PrintLine::key);
    let url = |state: Production, product: Option<&str>, after: Option<&str>| {
        let all = [
            ("state", if state == Production::ReadyToPrint { "" } else { state.name() }),
            ("product", product.unwrap_or_default()),
            ("after", after.unwrap_or_default()),
        ];
        let given: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let query = serde_urlencoded::to_string(given).unwrap_or_default();
        if query.is_empty() { "/admin/print".to_owned() } else { format!("/admin/print?{query}") }
    };
    let wanted = Some(filter.product.as_str()).filter(|product| !product.is_empty());
    let mut tabs = Vec::new();
    let order =
        [Production::ReadyToPrint, Production::Printed, Production::Packed, Production::OnHold, Production::Waiting];
    for tab in order {
        tabs.push(Tab {
            url: url(tab, wanted, None),
            name: page.t(&format!("orders.production.{}", tab.name())).to_owned(),
            count: counted(lists::count_lines(&tx, tab, product, COUNTED)?, COUNTED),
            is_current: tab == state,
        });
    }
    let mut products = vec![Tab {
        url: url(state, None, None),
        name: page.t("panel.every_product").to_owned(),
        count: String::new(),
        is_current: product.is_none(),
    }];
    for item in catalog::shelf(&visit.shop)?.all() {
        let id = item.product.id;
        let count = lists::count_lines(&tx, state, Some(id), 100)?;
        if count > 0 || product == Some(id) {
            products.push(Tab {
                url: url(state, Some(&id.to_string()), None),
                name: item.product.name.get(visit.lang).to_owned(),
                count: counted(count, 100),
                is_current: product == Some(id),
            });
        }
    }
    let next_url = list.next.as_deref().map(|next| url(state, wanted, Some(next)));
    Ok(QueuePage {
        moves: moves(state, &page),
        list,
        page,
        state,
        tabs,
        products,
        product: filter.product.clone(),
        next_url,
        may_change,
        reason: String::new(),
        refused: None,
    })
}

fn counted(count: usize, most: usize) -> String {
    match count {
        0 => String::new(),
        count if count >= most => format!("{}+", most - 1),
        count => count.to_string(),
    }
}

fn moves(state: Production, page: &Page) -> Vec<(&'static str, String, bool)> {
    let go =
        |to: Production, key: &str, reason: bool| (to.name(), page.t(&format!("orders.move.{key}")).to_owned(), reason);
    let hold = go(Production::OnHold, "on_hold", true);
    match state {
        Production::Waiting => vec![hold],
        Production::ReadyToPrint => vec![go(Production::Printed, "printed", false), hold],
        Production::Printed => {
            vec![go(Production::Packed, "packed", false), go(Production::ReadyToPrint, "reprint", true), hold]
        }
        Production::Packed => vec![go(Production::ReadyToPrint, "reprint", true), hold],
        Production::OnHold => vec![go(Production::ReadyToPrint, "release", false)],
    }
}

/// Where a line named by `order/line` stands in the queue.
fn place(tx: &impl Snapshot, text: &str) -> Result<Option<LinePlace>, Fault> {
    let Some((order, line, _)) = line_pick(text) else { return Ok(None) };
    let order = table::get(tx, order)?;
    Ok(order.map(|order| (order.waiting_since(), order.id, line)))
}

/// One line with what the print room needs to know; nothing where it does not exist.
pub fn print_line(
    tx: &impl Snapshot,
    visit: &Visit,
    page: &Page,
    order: OrderId,
    line: LineId,
) -> Result<Option<PrintLine>, Fault> {
    let Some(order) = table::get(tx, order)? else { return Ok(None) };
    let Some(at) = order.lines.iter().position(|known| known.id == line) else { return Ok(None) };
    line_of(tx, visit, page, &order, at).map(Some)
}

fn line_of(tx: &impl Snapshot, visit: &Visit, page: &Page, order: &Order, at: usize) -> Result<PrintLine, Fault> {
    let line: &Line = &order.lines[at];
    let row = line_row(tx, &visit.shop, order, line, page)?;
    let design = designs::find(tx, line.design_id)?.filter(|design| is_ready(design, line));
    Ok(PrintLine {
        order_id: order.id,
        line_id: line.id,
        order_number: order.order_number.clone(),
        product_id: line.product_id,
        variant_id: line.variant_id,
        design_id: line.design_id,
        name: line.name(page.lang),
        quantity: line.quantity,
        production: line.production,
        hold_reason: row.hold_reason.clone(),
        waiting_since: order.waiting_since(),
        delivery: order.delivery.clone(),
        wish: delivery::told(order, page.lang),
        send_by: delivery::send_by(&visit.shop.settings(), order).map(|day| day_text(day, page.lang)),
        version: order.version,
        params_crc32: line.frozen.as_ref().map(|frozen| frozen.params_crc32.clone()),
        picture_url: row.picture.url.clone(),
        final_image_url: design.as_ref().and_then(designs::final_url),
        line_number: at + 1,
        lines_in_order: order.lines.len(),
        row: Some(row),
        design,
    })
}

/// The lines named by `lines[]=order/line` in the address, at most 100, each once.
///
/// # Errors
/// A database that cannot be read, or 422 where none is named or there are too many.
pub fn lines_in_address(tx: &impl Snapshot, visit: &Visit, page: &Page) -> Result<Vec<PrintLine>, Problem> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&visit.query).unwrap_or_default();
    let mut picks: Vec<(OrderId, LineId)> = Vec::new();
    for (_, text) in pairs.iter().filter(|(name, _)| name == "lines[]" || name == "lines") {
        let Some((order, line, _)) = line_pick(text) else { continue };
        if !picks.contains(&(order, line)) {
            picks.push((order, line));
        }
    }
    if picks.is_empty() || picks.len() > 100 {
        return Err(Refusal::field("lines", Message::new("panel.choose_lines")).into());
    }
    let mut lines = Vec::new();
    for (order, line) in picks {
        lines.extend(print_line(tx, visit, page, order, line)?);
    }
    if lines.is_empty() {
        return Err(Problem::not_found());
    }
    Ok(lines)
}
