//! Pieces opened again after they were paid: staff ask, the customer changes and approves.

use super::admin_change::{Typed, audited, record_change, told_on_the_page};
use super::admin_order::order_page;
use super::parts::Picture;
use super::view::{OrderView, StaffOrder, view};
use crate::designs::{self, DesignId};
use crate::kernel::text::clean_block;
use crate::kernel::{Code, Error, Message, Refusal};
use crate::orders::access::{Access, order_address, owned, read_id};
use crate::orders::changes;
use crate::orders::model::{Actor, Hold, LineId, Order, OrderId};
use crate::orders::payment::require;
use crate::orders::rules;
use crate::people::rights::ChangesOrders;
use crate::people::{self, May};
use crate::web::{Input, List, Page, Problem, Reply, View, Visit, input};
use askama::Template;
use axum::extract::Path;
use serde::{Deserialize, Serialize};

const MAX_MESSAGE: usize = 1000;

/// What is written to the customer.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct OpenForm {
    #[serde(default)]
    message: String,
    /// The version that was looked at; 412 when somebody else changed the order since.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
}

/// Open a paid piece to its customer, and write to them
#[utoipa::path(post, path = "/admin/orders/{id}/lines/{line}/open", tag = "panel", request_body = OpenForm,
    params(("id" = String, Path, format = Uuid), ("line" = String, Path, format = Uuid)),
    responses((status = 200, body = StaffOrder), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "not paid, already sent, or held by another order too"),
        (status = 412, description = "`stale_version`"), (status = 422)))]
pub async fn open_line(
    _: May<ChangesOrders>,
    visit: Visit,
    Path((id, line)): Path<(String, String)>,
    Input(form): Input<OpenForm>,
) -> Result<Reply, Problem> {
    let by = people::require(&visit, |role| role.changes_orders())?.name.clone();
    let (id, line): (OrderId, LineId) = (read_id(&id)?, read_id(&line)?);
    let typed = Typed { line: Some(line), message: form.message.clone(), ..Typed::default() };
    let order = match ask_customer(&visit, id, line, form, by).await {
        Ok(order) => order,
        Err(error) => return told_on_the_page(&visit, id, error, typed),
    };
    let document = order_page(&visit.shop.store().read()?, &visit, &order)?;
    visit.done(&document, &format!("/admin/orders/{id}#line-{line}"))
}

async fn ask_customer(visit: &Visit, id: OrderId, line: LineId, form: OpenForm, by: String) -> Result<Order, Error> {
    let message = clean_block(&form.message, MAX_MESSAGE)
        .map_err(|_| Refusal::field("message", Message::new("orders.too_long").with("max", MAX_MESSAGE)))?;
    if message.trim().is_empty() {
        return Err(Refusal::field("message", Message::new("panel.message_needed")).into());
    }
    let asker = visit.clone();
    let open = move |tx: &crate::store::WriteTx| {
        let before = require(tx, id)?;
        rules::check_version(&before, form.version)?;
        let order = changes::open(tx, &asker.shop, id, line, &message, &by, asker.now)?;
        record_change(tx, &asker, &order, audited(&before), audited(&order))?;
        Ok::<_, Error>(order)
    };
    visit.shop.store().write(open).await
}

/// A piece that waits for its customer.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OpenPiece {
    #[schema(value_type = String, format = Uuid)]
    line_id: LineId,
    #[schema(value_type = String, format = Uuid)]
    design_id: DesignId,
    name: String,
    /// What we wrote.
    message: String,
    preview_image_url: String,
    /// Give it back with the approval.
    params_crc32: String,
    /// It could be printed as it is now.
    is_whole: bool,
    /// It is still in the size that was paid.
    is_same_size: bool,
    #[serde(skip)]
    #[schema(ignore)]
    picture: Option<Picture>,
    #[serde(skip)]
    #[schema(ignore)]
    urls: (String, String),
}

#[derive(Template, Serialize)]
#[template(path = "orders/changes.html", blocks = ["content"])]
struct ChangesPage {
    #[serde(flatten)]
    list: List<OpenPiece>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    number: String,
    #[serde(skip)]
    order_url: String,
}

impl View for ChangesPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// The pieces of an order that wait for their customer
#[utoipa::path(get, path = "/orders/{id}/changes", tag = "shop",
    params(("id" = String, Path, format = Uuid), ("key" = Option<String>, Query, description = "from the link in the mail")),
    responses((status = 200, body = List<OpenPiece>), (status = 404)))]
pub async fn show_changes(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let id: OrderId = read_id(&id)?;
    let tx = visit.shop.store().read()?;
    let (order, access) = owned(&visit, &tx, id)?;
    if matches!(access, Access::Staff(_)) && !visit.face.is_json() {
        return Ok(Reply::see_other(visit.face, &format!("/admin/orders/{id}")));
    }
    let query = access.query();
    let mut pieces = Vec::new();
    for line in &order.lines {
        let Some(Hold::Customer { message }) = &line.hold else { continue };
        let Some(design) = designs::find(&tx, line.design_id)? else { continue };
        let (width, height) = line.picture_size;
        let picture = Picture { url: designs::picture_url(&visit.shop, &design), width, height };
        pieces.push(OpenPiece {
            line_id: line.id,
            design_id: design.id,
            name: line.name(visit.lang),
            message: message.clone(),
            preview_image_url: picture.url.clone(),
            params_crc32: design.params_crc32.clone(),
            is_whole: design.is_whole(),
            is_same_size: design.variant_id == line.variant_id,
            picture: Some(picture),
            urls: (
                format!("/orders/{id}/lines/{}/change{query}", line.id),
                format!("/orders/{id}/lines/{}/approve{query}", line.id),
            ),
        });
    }
    visit.reply(&ChangesPage {
        list: List { items: pieces, next: None },
        page: visit.page(),
        number: order.order_number.clone(),
        order_url: order_address(id, &access),
    })
}

fn open_line_of(order: &Order, line: LineId) -> Result<DesignId, Refusal> {
    let line = order.lines.iter().find(|known| known.id == line).ok_or_else(Refusal::not_found)?;
    match line.hold {
        Some(Hold::Customer { .. }) => Ok(line.design_id),
        _ => Err(Refusal::new(Code::Conflict, "panel.not_open")),
    }
}

/// Open the editor on a piece that waits for its customer, in this browser
#[utoipa::path(post, path = "/orders/{id}/lines/{line}/change", tag = "shop",
    params(("id" = String, Path, format = Uuid), ("line" = String, Path, format = Uuid), ("key" = Option<String>, Query)),
    responses((status = 200, body = OrderView), (status = 303), (status = 404), (status = 409, description = "the piece is not open")))]
pub async fn begin_change(visit: Visit, Path((id, line)): Path<(String, String)>) -> Result<Reply, Problem> {
    let (id, line): (OrderId, LineId) = (read_id(&id)?, read_id(&line)?);
    let (order, access) = owned(&visit, &visit.shop.store().read()?, id)?;
    let design = open_line_of(&order, line)?;
    if access.is_customer() {
        let session = visit.open_session();
        visit.shop.store().write(move |tx| designs::open_to(tx, design, session)).await?;
    }
    let back = format!("/orders/{id}/changes{}", access.query());
    let back = serde_urlencoded::to_string([("back", back)]).unwrap_or_default();
    visit.done(&view(&order, visit.lang), &format!("/designs/{design}?{back}"))
}

/// What was looked at.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct ApproveForm {
    /// Of the design as it was seen; 412 when it was changed since.
    #[serde(default, deserialize_with = "input::optional_text")]
    params_crc32: Option<String>,
}

/// Approve a changed piece: it is printed as it is now
#[utoipa::path(post, path = "/orders/{id}/lines/{line}/approve", tag = "shop", request_body = ApproveForm,
    params(("id" = String, Path, format = Uuid), ("line" = String, Path, format = Uuid), ("key" = Option<String>, Query)),
    responses((status = 200, body = OrderView), (status = 404), (status = 409, description = "not open, or in another size"),
        (status = 412, description = "`stale_version`"), (status = 422)))]
pub async fn approve_change(
    visit: Visit,
    Path((id, line)): Path<(String, String)>,
    Input(form): Input<ApproveForm>,
) -> Result<Reply, Problem> {
    let (id, line): (OrderId, LineId) = (read_id(&id)?, read_id(&line)?);
    let (order, access) = owned(&visit, &visit.shop.store().read()?, id)?;
    if !access.changes() {
        return Err(Problem::new(Code::Forbidden, "problem.forbidden"));
    }
    let design = open_line_of(&order, line)?;
    // The picture that was approved is kept, to be compared with the print.
    designs::keep_seen(&visit.shop, vec![design]).await?;
    let asker = visit.clone();
    let approve = move |tx: &crate::store::WriteTx| {
        let staff = asker.caller.staff.as_ref().filter(|_| !access.is_customer());
        let by = staff.map_or(Actor::Customer, |staff| Actor::Staff(staff.name.clone()));
        let before = require(tx, id)?;
        let order = changes::approve(tx, &asker.shop, id, line, form.params_crc32.as_deref(), by, asker.now)?;
        if staff.is_some() {
            record_change(tx, &asker, &order, audited(&before), audited(&order))?;
        }
        Ok::<_, Error>((order, access.clone()))
    };
    let (order, access) = visit.shop.store().write(approve).await?;
    let go_to = match access {
        Access::Staff(_) => format!("/admin/orders/{id}#line-{line}"),
        access => order_address(id, &access),
    };
    visit.done(&view(&order, visit.lang), &go_to)
}
