//! The basket's page and its three changes.

use super::{add, change, lines, remove};
use crate::designs::{self, DesignId};
use crate::kernel::{Currency, Message, Money, Refusal, Result};
use crate::orders::model::{Line, LineId};
use crate::orders::pricing;
use crate::orders::web::parts::{Picture, TotalRow, estimate_rows};
use crate::shop::Shop;
use crate::store::Snapshot;
use crate::web::{Face, Input, Made, Page, Problem, Reply, View, Visit, input, words};
use askama::Template;
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(show_basket, add_to_basket))
        .routes(routes!(change_basket_line, remove_basket_line))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct AddForm {
    #[schema(value_type = String, format = Uuid)]
    design_id: DesignId,
    /// 1 to 999; 1 when missing.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    quantity: Option<i64>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct QuantityForm {
    /// 1 to 999.
    #[serde(deserialize_with = "input::number")]
    #[schema(value_type = u32)]
    quantity: i64,
}

/// What a visitor has collected, at today's prices.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct BasketView {
    lines: Vec<BasketLineView>,
    currency: Currency,
    /// Minor units, as all amounts here. Lines with a problem are not counted.
    subtotal: i64,
    /// What sending it within the shop's own country would cost.
    shipping_fee: i64,
    amount: i64,
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct BasketLineView {
    #[schema(value_type = String, format = Uuid)]
    id: LineId,
    #[schema(value_type = String, format = Uuid)]
    design_id: DesignId,
    name: String,
    quantity: u32,
    unit_price: i64,
    subtotal: i64,
    /// Why it cannot be ordered as it is.
    problem: Option<String>,
    #[serde(skip)]
    shown: ShownLine,
}

/// What only the page needs of a line.
#[derive(Clone, Debug)]
struct ShownLine {
    picture: Picture,
    title: String,
    variant: String,
    price: String,
}

#[derive(Template, Serialize)]
#[template(path = "orders/basket.html", blocks = ["content"])]
struct BasketPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    basket: BasketView,
    #[serde(skip)]
    totals: Vec<TotalRow>,
    /// How much more makes shipping free.
    #[serde(skip)]
    until_free: Option<String>,
    #[serde(skip)]
    orderable: bool,
}

impl View for BasketPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

fn basket_page(tx: &impl Snapshot, visit: &Visit) -> Result<BasketPage> {
    let shop = &visit.shop;
    let mut priced: Vec<Line> = Vec::new();
    let mut views = Vec::new();
    let rows = visit.session().map(|session| lines(tx, session)).transpose()?.unwrap_or_default();
    let currency = shop.settings().currency;
    for (id, row) in rows {
        let Some(design) = designs::find(tx, row.design_id)? else { continue };
        let line = pricing::preview_line(tx, shop, &design, row.quantity)?;
        views.push(line_view(tx, visit, id, &design, row.quantity, &line)?);
        priced.extend(line.ok());
    }
    let orderable = !views.is_empty() && priced.len() == views.len();
    let totals = match priced.is_empty() {
        true => None,
        false => Some(pricing::estimate(shop, priced)?.totals),
    };
    let (subtotal, shipping_fee, amount) =
        totals.as_ref().map_or((0, 0, 0), |totals| (totals.subtotal, totals.shipping_fee, totals.amount));
    let page = visit.page();
    let money = |minor| Money::new(minor, currency).show();
    let totals = match totals {
        Some(totals) => estimate_rows(&totals, &page),
        None => vec![TotalRow::plain(page.t("orders.subtotal"), money(0))],
    };
    let free_from = shop.settings().shipping.free_from;
    let until_free = free_from.filter(|from| subtotal > 0 && subtotal < *from).map(|from| money(from - subtotal));
    let basket = BasketView { lines: views, currency, subtotal, shipping_fee, amount };
    Ok(BasketPage { page, basket, totals, until_free, orderable })
}

fn line_view(
    tx: &impl Snapshot,
    visit: &Visit,
    id: LineId,
    design: &designs::Design,
    quantity: u32,
    line: &std::result::Result<Line, Message>,
) -> Result<BasketLineView> {
    let shop = &visit.shop;
    let product = crate::catalog::product(tx, design.product_id)?;
    let variant = product.as_ref().and_then(|product| product.variant(design.variant_id));
    let title = product.as_ref().map(|product| designs::title(design, product, visit.lang)).unwrap_or_default();
    let variant = variant.map(|variant| variant.name.get(visit.lang).to_owned()).unwrap_or_default();
    let (width, height) = product.as_ref().map_or((600, 800), |product| designs::picture_size(design, product));
    let (name, unit_price, subtotal, problem) = match line {
        Ok(line) => (line.name(visit.lang), line.unit_price, line.subtotal, None),
        Err(message) => (title.clone(), 0, 0, Some(words::message(visit.lang, message))),
    };
    let price = Money::new(subtotal, shop.settings().currency).show();
    let picture = Picture { url: designs::picture_url(shop, design), width, height };
    let shown = ShownLine { picture, title, variant, price };
    Ok(BasketLineView { id, design_id: design.id, name, quantity, unit_price, subtotal, problem, shown })
}

fn answer(visit: &Visit) -> Result<Reply, Problem> {
    match visit.face {
        Face::Json => Ok(Reply::json(&basket_page(&visit.shop.store().read()?, visit)?)?),
        face => Ok(Reply::see_other(face, "/basket")),
    }
}

/// The answer to whoever put something in.
fn made(tx: &impl Snapshot, visit: &Visit) -> Result<Made> {
    Ok(Made::new(&basket_page(tx, visit)?, "/basket")?)
}

/// The basket
#[utoipa::path(get, path = "/basket", tag = "shop", responses((status = 200, body = BasketView)))]
async fn show_basket(visit: Visit) -> Result<Reply, Problem> {
    visit.reply(&basket_page(&visit.shop.store().read()?, &visit)?)
}

/// Put pieces of an own design into the basket
#[utoipa::path(post, path = "/basket", tag = "shop", request_body = AddForm,
    responses((status = 201, body = BasketView), (status = 422, description = "`invalid_input`")))]
async fn add_to_basket(visit: Visit, Input(form): Input<AddForm>) -> Result<Reply, Problem> {
    let session = visit.open_session();
    let (asker, fresh, now) = (visit.clone(), LineId(visit.shop.new_id()), visit.now);
    visit
        .shop
        .store()
        .write(move |tx| -> Result<()> {
            let design = designs::find(tx, form.design_id)?.filter(|design| designs::is_changeable(design, &asker));
            let unknown = || Refusal::field("design_id", Message::new("orders.design_unknown"));
            let design = design.ok_or_else(unknown)?;
            add(tx, session, fresh, design.id, form.quantity.unwrap_or(1), now)?;
            asker.keep(tx, || made(tx, &asker))
        })
        .await?;
    Ok(made(&visit.shop.store().read()?, &visit)?.reply(visit.face))
}

/// Change how many pieces of a line are wanted
#[utoipa::path(put, path = "/basket/{line}", tag = "shop", request_body = QuantityForm,
    params(("line" = String, Path, format = Uuid)), responses((status = 200, body = BasketView), (status = 404)))]
async fn change_basket_line(
    visit: Visit,
    Path(line): Path<String>,
    Input(form): Input<QuantityForm>,
) -> Result<Reply, Problem> {
    let line: LineId = line.parse().map_err(|_| Problem::not_found())?;
    let session = visit.session().ok_or_else(Problem::not_found)?;
    visit.shop.store().write(move |tx| change(tx, session, line, form.quantity)).await?;
    answer(&visit)
}

/// Take a line out of the basket
#[utoipa::path(delete, path = "/basket/{line}", tag = "shop", params(("line" = String, Path, format = Uuid)),
    responses((status = 200, body = BasketView), (status = 404)))]
async fn remove_basket_line(visit: Visit, Path(line): Path<String>) -> Result<Reply, Problem> {
    let line: LineId = line.parse().map_err(|_| Problem::not_found())?;
    let session = visit.session().ok_or_else(Problem::not_found)?;
    visit.shop.store().write(move |tx| remove(tx, session, line)).await?;
    answer(&visit)
}
