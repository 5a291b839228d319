//! A product's page in the panel, also with what was typed when a change was refused.

use super::change::ProductChange;
use super::variants::VariantChange;
use super::view::{AdminProductView, InLanguages, OwnPictureView, Texts, pictures};
use crate::catalog::layout::Mockup;
use crate::catalog::model::{ProductId, Variant, VariantId};
use crate::catalog::shelf::shelf;
use crate::catalog::table;
use crate::catalog::typed::number_text;
use crate::catalog::view::{Card, category_name, size_text};
use crate::kernel::{Currency, Lang, Money, Refusal};
use crate::people::{require, rights};
use crate::shop::settings::{SIZE_CLASSES, Settings};
use crate::web::{Page, Problem, Reply, View, Visit, words};
use askama::Template;
use axum::extract::Path;
use serde::Serialize;

/// What a page says about the request before it.
#[derive(Default)]
pub struct Told<'a> {
    errors: Vec<(String, String)>,
    refusal: Option<&'a Refusal>,
    typed: Option<&'a ProductChange>,
    saved: bool,
}

impl<'a> Told<'a> {
    pub fn refused(refusal: &'a Refusal, typed: Option<&'a ProductChange>) -> Told<'a> {
        Told { refusal: Some(refusal), typed, ..Told::default() }
    }
}

#[derive(Template, Serialize)]
#[template(path = "catalog/admin_product.html", blocks = ["content"])]
struct ProductPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    product: AdminProductView,
    #[serde(skip)]
    id: ProductId,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    texts: Texts,
    #[serde(skip)]
    card: Card,
    #[serde(skip)]
    slug: String,
    /// The category's id, as typed.
    #[serde(skip)]
    category: String,
    #[serde(skip)]
    category_name: String,
    /// Categories there are already.
    #[serde(skip)]
    categories: Vec<String>,
    #[serde(skip)]
    variants: Vec<VariantLine>,
    #[serde(skip)]
    former: Vec<VariantLine>,
    /// The empty row for a new size.
    #[serde(skip)]
    fresh: VariantLine,
    #[serde(skip)]
    pictures: Vec<OwnPictureView>,
    #[serde(skip)]
    may_change: bool,
    #[serde(skip)]
    is_active: bool,
    /// The tax classes of the settings, and what they are called here.
    #[serde(skip)]
    tax_classes: Vec<(String, String)>,
    #[serde(skip)]
    tax_class: String,
    #[serde(skip)]
    base_size: String,
    #[serde(skip)]
    kind: String,
    /// Somebody works on a layout that is not in the shop yet.
    #[serde(skip)]
    has_draft: bool,
    #[serde(skip)]
    max_megabytes: u64,
    #[serde(skip)]
    errors: Vec<(String, String)>,
    #[serde(skip)]
    saved: bool,
}

impl ProductPage {
    fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|(known, _)| known == field).map(|(_, message)| message.as_str())
    }
}

struct VariantLine {
    at: usize,
    id: String,
    /// In the language of the page.
    name: String,
    names: InLanguages,
    size: String,
    width: String,
    height: String,
    /// In the currency's own decimals, as typed.
    amount: String,
    stock: String,
    /// What the shelf said when the page was made.
    stock_seen: String,
    size_class: String,
    place: String,
    is_sold: bool,
}

impl VariantLine {
    fn new(at: usize, variant: &Variant, is_sold: bool, currency: Currency, lang: Lang) -> VariantLine {
        let stock = variant.stock.map(|stock| stock.to_string()).unwrap_or_default();
        VariantLine {
            at,
            id: variant.id.to_string(),
            name: variant.name.get(lang).to_owned(),
            names: InLanguages::of(&variant.name),
            size: size_text(variant.width_mm, variant.height_mm),
            width: number_text(variant.width_mm),
            height: number_text(variant.height_mm),
            amount: Money::new(variant.price, currency).digits(),
            stock: stock.clone(),
            stock_seen: stock,
            size_class: variant.size_class.clone(),
            place: (at + 1).to_string(),
            is_sold,
        }
    }

    fn blank(at: usize, like: Option<&Variant>) -> VariantLine {
        VariantLine {
            at,
            id: String::new(),
            name: String::new(),
            names: InLanguages::default(),
            size: String::new(),
            width: String::new(),
            height: String::new(),
            amount: String::new(),
            stock: String::new(),
            stock_seen: String::new(),
            size_class: like.map_or_else(|| SIZE_CLASSES[0].to_owned(), |variant| variant.size_class.clone()),
            place: String::new(),
            is_sold: true,
        }
    }

    /// With what was typed in its place.
    fn typed(mut self, change: Option<&VariantChange>) -> VariantLine {
        let Some(change) = change else { return self };
        if let Some(names) = &change.name {
            self.names = names.clone();
        }
        if !change.width_mm.is_empty() || !change.height_mm.is_empty() {
            (self.width, self.height) = (change.width_mm.text(), change.height_mm.text());
        }
        if let Some(amount) = &change.amount {
            self.amount.clone_from(amount);
        }
        if let Some(stock) = change.stock {
            self.stock = stock.map(|stock| stock.to_string()).unwrap_or_default();
        }
        if let Some(class) = &change.size_class {
            self.size_class.clone_from(class);
        }
        if let Some(place) = change.place {
            self.place = place.to_string();
        }
        self.is_sold = change.sold.unwrap_or(self.is_sold);
        self
    }

    fn classes(&self) -> [&'static str; 4] {
        SIZE_CLASSES
    }
}

impl View for ProductPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// One product, archived or not.
#[utoipa::path(get, path = "/admin/products/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = AdminProductView), (status = 404)))]
pub async fn show_any_product(visit: Visit, Path(id): Path<ProductId>) -> Result<Reply, Problem> {
    require(&visit, rights::reads_panel)?;
    let saved = visit.query.split('&').any(|pair| pair == "saved=yes");
    show(&visit, id, &Told { saved, ..Told::default() })
}

/// The page, with the status of what was refused.
///
/// # Errors
/// 404 for a product there is not.
pub fn show(visit: &Visit, id: ProductId, told: &Told<'_>) -> Result<Reply, Problem> {
    let staff = require(visit, rights::reads_panel)?;
    let (shop, lang) = (&visit.shop, visit.lang);
    let shelf = shelf(shop)?;
    let item = shelf.item(id).ok_or_else(Problem::not_found)?;
    let product = &item.product;
    let changes = told.typed.map_or(&[][..], |change| &change.variants);
    let typed = |id: VariantId| changes.iter().find(|change| change.id == Some(id));
    let line = |at: usize, variant: &Variant, is_sold: bool| {
        VariantLine::new(at, variant, is_sold, shelf.currency, lang).typed(typed(variant.id))
    };
    let sold = product.variants.len();
    let fresh = VariantLine::blank(sold + product.former.len(), product.variants.last())
        .typed(changes.iter().find(|change| change.id.is_none()));
    let mut errors = told.errors.clone();
    if let Some(refusal) = told.refusal {
        errors.extend(refusal.errors.iter().map(|e| (e.field.clone(), words::message(lang, &e.message))));
        if refusal.errors.is_empty() {
            errors.push(("content".into(), words::message(lang, &refusal.detail)));
        }
    }
    let change = told.typed;
    let view = ProductPage {
        page: visit.page(),
        product: AdminProductView::new(item, lang),
        id,
        name: product.name.get(lang).to_owned(),
        texts: change.and_then(|change| change.texts.clone()).unwrap_or_else(|| Texts::of(product)),
        card: item.card(lang).clone(),
        slug: change.and_then(|change| change.slug.clone()).unwrap_or_else(|| product.slug.clone()),
        category: change.and_then(|change| change.category.clone()).unwrap_or_else(|| product.category.clone()),
        category_name: category_name(&product.category, lang),
        categories: categories(&shelf),
        variants: product.variants.iter().enumerate().map(|(at, variant)| line(at, variant, true)).collect(),
        former: product.former.iter().enumerate().map(|(at, variant)| line(sold + at, variant, false)).collect(),
        fresh,
        pictures: pictures(product),
        may_change: staff.role.changes_orders(),
        is_active: change.and_then(|change| change.status).unwrap_or(product.status)
            == crate::catalog::ProductStatus::Active,
        tax_classes: tax_classes(&shop.settings(), visit),
        tax_class: change.and_then(|change| change.tax_class.clone()).unwrap_or_else(|| product.tax_class.clone()),
        base_size: size_text(item.layout.width_mm, item.layout.height_mm),
        kind: kind_word(item.mockup).to_owned(),
        has_draft: table::draft(&shop.store().read()?, id)?.is_some(),
        max_megabytes: shop.config().uploads.max_bytes >> 20,
        errors,
        saved: told.saved,
    };
    let reply = visit.reply(&view)?;
    Ok(match told.refusal {
        Some(refusal) => reply.status(refusal.code.status()),
        None => reply,
    })
}

/// The categories of all products, each once.
pub fn categories(shelf: &crate::catalog::Shelf) -> Vec<String> {
    let mut all: Vec<String> = shelf.all().iter().map(|item| item.product.category.clone()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The words for what a product is shown on.
pub fn kind_word(mockup: Mockup) -> &'static str {
    match mockup {
        Mockup::Wall => "catalog.mockup.wall",
        Mockup::Canvas => "catalog.mockup.canvas",
        Mockup::Mug => "catalog.mockup.mug",
        Mockup::Tag => "catalog.mockup.tag",
        Mockup::Shirt => "catalog.mockup.shirt",
        Mockup::Tote => "catalog.mockup.tote",
        Mockup::Phone => "catalog.mockup.phone",
        Mockup::Flat => "catalog.mockup.flat",
    }
}

fn tax_classes(settings: &Settings, visit: &Visit) -> Vec<(String, String)> {
    let percent = crate::people::settings::fields::percent;
    let usual = visit.page().f1("catalog.tax_class_usual", "rate", percent(settings.tax.rate_bp));
    let others =
        settings.tax.classes.iter().map(|(name, rate)| (name.clone(), format!("{name} ({} %)", percent(*rate))));
    std::iter::once((String::new(), usual)).chain(others).collect()
}
