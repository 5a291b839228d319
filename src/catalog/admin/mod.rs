//! Products in the panel: the list, a product's page, making and changing products.

mod change;
mod create;
pub(crate) mod page;
mod variants;
mod view;

pub use change::facts;
pub(crate) use create::{SAMPLE_PHOTOS, both, kind_of, kinds, sample_photo, slug_of};
pub(crate) use variants::unfit;
pub use view::{AdminProductView, OwnPictureView};

use super::model::ProductId;
use super::shelf::{Item, shelf};
use super::view::{Card, ProductView};
use super::{finding, layout};
use crate::kernel::Message;
use crate::kernel::text::TextProblem;
use crate::people::{require, rights};
use crate::shop::Shop;
use crate::web::{List, Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::Query;
use serde::Serialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(list_all_products, create::create_product))
        .routes(routes!(create::show_new_product))
        .routes(routes!(page::show_any_product, change::change_product))
}

/// More than any shop charges for a printed thing, in minor units.
const MAX_PRICE: i64 = 100_000_000;
const MAX_STOCK: i64 = 1_000_000;
/// Sizes of one product; more than anybody can choose from.
const MAX_VARIANTS: usize = 60;

#[derive(Template, Serialize)]
#[template(path = "catalog/admin_products.html", blocks = ["content"])]
struct ProductsPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    list: List<ProductView>,
    #[serde(skip)]
    lines: Vec<ProductLine>,
}

struct ProductLine {
    url: String,
    card: Card,
    variants: usize,
    status: &'static str,
    status_word: String,
}

impl View for ProductsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// Every product, archived ones too, in the order of the shop.
#[utoipa::path(get, path = "/admin/products", tag = "admin", params(Paging), responses((status = 200, body = List<ProductView>)))]
async fn list_all_products(visit: Visit, Query(paging): Query<Paging>) -> Result<Reply, Problem> {
    require(&visit, rights::reads_panel)?;
    let limit = paging.limit()?;
    let shelf = shelf(&visit.shop)?;
    let last = paging.after(|id: ProductId| Ok(shelf.all().iter().position(|item| item.product.id == id)))?;
    let items: Vec<&Arc<Item>> = shelf.all()[last.map_or(0, |last| last + 1)..].iter().take(limit + 1).collect();
    let lines = items.iter().take(limit).map(|item| ProductLine {
        url: format!("/admin/products/{}", item.product.id),
        card: item.card(visit.lang).clone(),
        variants: item.product.variants.len(),
        status: item.product.status.name(),
        status_word: format!("catalog.status.{}", item.product.status.name()),
    });
    let view = ProductsPage {
        page: visit.page(),
        lines: lines.collect(),
        list: List::of(items.iter().map(|item| item.view(visit.lang).clone()).collect(), limit, |view| {
            view.id.to_string()
        }),
    };
    visit.reply(&view)
}

/// The index is derived: an archived product must not be found, but no change waits for that.
pub(crate) fn refresh_index_soon(shop: &Shop) {
    let shop = shop.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(fault) = finding::refresh_index(&shop) {
            tracing::warn!(%fault, "the search index was not refreshed");
        }
    });
}

fn text_message(problem: TextProblem) -> Message {
    match problem {
        TextProblem::TooLong { max } => Message::new("orders.too_long").with("max", max),
        TextProblem::Control => Message::new("orders.strange_characters"),
    }
}

/// Lower-case letters, digits and hyphens, as addresses and categories are written.
fn is_slug(text: &str) -> bool {
    layout::is_word(text) && !text.contains('_')
}

/// Whether pieces of that size can be shown as the layout wishes.
pub(crate) fn fits_mockup(mockup: layout::Mockup, size: layout::Size, key: &str) -> bool {
    let Some(kind) = mockup.stage() else { return true };
    let piece = crate::render::mockup::Piece { width_mm: size.width_mm, height_mm: size.height_mm, variant: key };
    crate::render::mockup::stage(kind).and_then(|stage| stage.set_up(&piece, 64)).is_ok()
}
