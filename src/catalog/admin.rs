//! Products in the panel: what is on sale, at which price, and how many are left.

use super::model::{Product, ProductId, ProductStatus, VariantId};
use super::shelf::{Item, memory, shelf};
use super::view::{Card, ProductView, category_name, size_text};
use super::{finding, table};
use crate::kernel::lang::Words;
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::{TextProblem, clean_block, clean_line};
use crate::kernel::{Code, Currency, Error, Message, Money, Refusal};
use crate::people::audit::{self, Actor, Entry};
use crate::people::{require, rights};
use crate::shop::Shop;
use crate::shop::settings::{SIZE_CLASSES, Settings};
use crate::web::input::optional_number;
use crate::web::{Input, List, Page, Paging, Problem, Reply, Role, View, Visit, words};
use askama::Template;
use axum::extract::{Path, Query};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(list_all_products)).routes(routes!(show_any_product, change_product))
}

/// More than any shop charges for a printed thing, in minor units.
const MAX_PRICE: i64 = 100_000_000;
const MAX_STOCK: i64 = 1_000_000;

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

#[derive(Template, Serialize)]
#[template(path = "catalog/admin_product.html", blocks = ["content"])]
struct ProductPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    product: ProductView,
    /// Of the row; give it back with a change.
    version: u64,
    /// In every language.
    texts: Texts,
    #[serde(skip)]
    card: Card,
    #[serde(skip)]
    category: String,
    #[serde(skip)]
    variants: Vec<VariantLine>,
    #[serde(skip)]
    may_change: bool,
    #[serde(skip)]
    is_active: bool,
    /// The tax classes of the settings, and what they are called here.
    #[serde(skip)]
    tax_classes: Vec<(String, String)>,
    tax_class: String,
    #[serde(skip)]
    errors: Vec<(String, String)>,
    #[serde(skip)]
    saved: bool,
}

struct VariantLine {
    id: VariantId,
    name: String,
    size: String,
    /// In the currency's own decimals, as typed.
    amount: String,
    stock: String,
    /// What the shelf said when the page was made.
    stock_seen: String,
    size_class: String,
}

impl VariantLine {
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
    responses((status = 200, body = ProductView), (status = 404)))]
async fn show_any_product(visit: Visit, Path(id): Path<ProductId>) -> Result<Reply, Problem> {
    require(&visit, rights::reads_panel)?;
    let saved = visit.query.split('&').any(|pair| pair == "saved=yes");
    page(&visit, id, None, saved)
}

fn page(
    visit: &Visit,
    id: ProductId,
    refused: Option<(&Refusal, &ProductChange)>,
    saved: bool,
) -> Result<Reply, Problem> {
    let staff = require(visit, rights::reads_panel)?;
    let shelf = shelf(&visit.shop)?;
    let item = shelf.item(id).ok_or_else(Problem::not_found)?;
    let product = &item.product;
    let typed = |variant: VariantId| refused.and_then(|(_, change)| change.variants.iter().find(|c| c.id == variant));
    let variants = product.variants.iter().map(|variant| {
        let typed = typed(variant.id);
        let stock = typed.and_then(|typed| typed.stock).unwrap_or(variant.stock);
        VariantLine {
            id: variant.id,
            name: variant.name.get(visit.lang).to_owned(),
            size: size_text(variant.width_mm, variant.height_mm),
            amount: typed
                .and_then(|typed| typed.amount.clone())
                .unwrap_or_else(|| Money::new(variant.price, shelf.currency).digits()),
            stock: stock.map(|stock| stock.to_string()).unwrap_or_default(),
            stock_seen: variant.stock.map(|stock| stock.to_string()).unwrap_or_default(),
            size_class: typed.and_then(|typed| typed.size_class.clone()).unwrap_or_else(|| variant.size_class.clone()),
        }
    });
    let errors = refused.map(|(refusal, _)| {
        refusal.errors.iter().map(|e| (e.field.clone(), words::message(visit.lang, &e.message))).collect()
    });
    let view = ProductPage {
        page: visit.page(),
        product: item.view(visit.lang).clone(),
        version: product.version,
        texts: refused.and_then(|(_, change)| change.texts.clone()).unwrap_or_else(|| Texts::of(product)),
        card: item.card(visit.lang).clone(),
        category: category_name(&product.category, visit.lang),
        variants: variants.collect(),
        may_change: staff.role.changes_orders(),
        is_active: product.is_active(),
        tax_classes: tax_classes(&visit.shop.settings(), visit),
        tax_class: product.tax_class.clone(),
        errors: errors.unwrap_or_default(),
        saved,
    };
    let reply = visit.reply(&view)?;
    Ok(match refused {
        Some((refusal, _)) => reply.status(refusal.code.status()),
        None => reply,
    })
}

fn tax_classes(settings: &Settings, visit: &Visit) -> Vec<(String, String)> {
    let percent = crate::people::settings::fields::percent;
    let usual = visit.page().f1("catalog.tax_class_usual", "rate", percent(settings.tax.rate_bp));
    let others =
        settings.tax.classes.iter().map(|(name, rate)| (name.clone(), format!("{name} ({} %)", percent(*rate))));
    std::iter::once((String::new(), usual)).chain(others).collect()
}

/// What is to be different. What is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct ProductChange {
    status: Option<ProductStatus>,
    /// A tax class of the settings; empty for the usual rate.
    tax_class: Option<String>,
    /// What the product is called and what is said about it, in every language.
    texts: Option<Texts>,
    #[serde(default)]
    variants: Vec<VariantChange>,
    /// The version this change was made from; another one is refused with `stale_version`.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
}

/// The words of a product. All of them are shown in the shop.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
struct Texts {
    name: InLanguages,
    /// Paragraphs are set apart by an empty line.
    description: InLanguages,
}

#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
struct InLanguages {
    en: String,
    ja: String,
}

impl InLanguages {
    fn of(words: &Words) -> InLanguages {
        InLanguages { en: words.en.clone(), ja: words.ja.clone() }
    }

    /// As they are stored, each checked by `clean`.
    fn checked(
        &self,
        field: &str,
        max: usize,
        clean: impl Fn(&str, usize) -> Result<String, TextProblem>,
        mistakes: &mut Mistakes,
    ) -> Words {
        let [en, ja] = [("en", &self.en), ("ja", &self.ja)].map(|(lang, text)| {
            let field = format!("texts.{field}.{lang}");
            match clean(text, max) {
                Ok(text) if text.trim().is_empty() => mistakes.add(field, Message::new("panel.text_needed")),
                Ok(text) => return text,
                Err(TextProblem::TooLong { max }) => {
                    mistakes.add(field, Message::new("orders.too_long").with("max", max))
                }
                Err(TextProblem::Control) => mistakes.add(field, Message::new("orders.strange_characters")),
            }
            String::new()
        });
        Words::new(en, ja)
    }
}

impl Texts {
    fn of(product: &Product) -> Texts {
        Texts { name: InLanguages::of(&product.name), description: InLanguages::of(&product.description) }
    }

    fn checked(&self) -> Result<(Words, Words), Refusal> {
        let mut mistakes = Mistakes::new();
        let name = self.name.checked("name", 80, clean_line, &mut mistakes);
        let description = self.description.checked("description", 4000, clean_block, &mut mistakes);
        mistakes.into_result()?;
        Ok((name, description))
    }
}

#[derive(Debug, Deserialize, ToSchema)]
struct VariantChange {
    #[schema(value_type = String, format = Uuid)]
    id: VariantId,
    /// Minor units.
    #[serde(default, deserialize_with = "optional_number")]
    price: Option<i64>,
    /// The price as people write it (`29.80`), from the form.
    #[serde(default)]
    #[schema(ignore)]
    amount: Option<String>,
    /// How many there are; `null` is not counted.
    #[serde(default, deserialize_with = "given_number")]
    #[schema(value_type = Option<i64>)]
    stock: Option<Option<i64>>,
    /// What `stock` was when it was looked at: only the difference is made, so that what was sold meanwhile stays sold.
    #[serde(default, deserialize_with = "given_number")]
    #[schema(value_type = Option<i64>)]
    stock_seen: Option<Option<i64>>,
    /// So many more, or fewer, than there are now.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<i64>)]
    stock_change: Option<i64>,
    /// `flat-small`, `flat-large`, `parcel-small` or `parcel-large`.
    size_class: Option<String>,
}

/// Tells a number that was left out from one that is empty.
fn given_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    optional_number(deserializer).map(Some)
}

/// Changes status, texts, prices and stock. Every change is in the audit log.
#[utoipa::path(put, path = "/admin/products/{id}", tag = "admin", params(("id" = String, Path)), request_body = ProductChange,
    responses((status = 200, body = ProductView), (status = 404), (status = 412, description = "stale_version"), (status = 422)))]
async fn change_product(
    visit: Visit,
    Path(id): Path<ProductId>,
    Input(change): Input<ProductChange>,
) -> Result<Reply, Problem> {
    require(&visit, Role::changes_orders)?;
    match store_change(&visit, id, &change).await {
        Ok(()) => {}
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidInput && !visit.face.is_json() => {
            return page(&visit, id, Some((&refusal, &change)), false);
        }
        Err(error) => return Err(error.into()),
    }
    // The index is derived: an archived product must not be found, but no change waits for that.
    let shop = visit.shop.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(fault) = finding::refresh_index(&shop) {
            tracing::warn!(%fault, "the search index was not refreshed");
        }
    });
    let shelf = shelf(&visit.shop)?;
    let item = shelf.item(id).ok_or_else(Problem::not_found)?;
    visit.done(item.view(visit.lang), &format!("/admin/products/{id}?saved=yes"))
}

async fn store_change(visit: &Visit, id: ProductId, change: &ProductChange) -> Result<(), Error> {
    let currency = visit.shop.settings().currency;
    let variants = checked(&change.variants, currency)?;
    let texts = change.texts.as_ref().map(Texts::checked).transpose()?;
    let tax_class = change.tax_class.clone();
    if let Some(class) = tax_class.as_deref().filter(|class| !class.is_empty())
        && !visit.shop.settings().tax.classes.iter().any(|(name, _)| name == class)
    {
        return Err(Refusal::field("tax_class", Message::new("catalog.tax_class_unknown")).into());
    }
    let (status, seen) = (change.status, change.version.map(|version| version.unsigned_abs()));
    let (actor, now, memory) = (Actor::of(visit), visit.now, memory(&visit.shop));
    visit
        .shop
        .store()
        .write(move |tx| {
            let before = table::product(tx, id)?.ok_or_else(Refusal::not_found)?;
            if seen.is_some_and(|seen| seen != before.version) {
                return Err(Refusal::new(Code::StaleVersion, "catalog.stale_version").into());
            }
            let mut after = changed(&before, status, &variants)?;
            if let Some((name, description)) = &texts {
                after.name = name.clone();
                after.description = description.clone();
            }
            if let Some(class) = &tax_class {
                after.tax_class.clone_from(class);
            }
            let (old, new) = audit::changes(&facts(&before), &facts(&after));
            if after == before {
                return Ok(());
            }
            after.version += 1;
            after.updated_at = now;
            table::put_product(tx, &after, &memory)?;
            audit::record(
                tx,
                Entry {
                    actor,
                    action: "product.changed",
                    target_type: "product",
                    target_id: id.to_string(),
                    before: old,
                    after: new,
                    at: now,
                },
            )?;
            Ok(())
        })
        .await
}

/// What is to be different about a variant, checked.
struct Figures {
    id: VariantId,
    price: Option<i64>,
    stock: Stock,
    size_class: Option<String>,
}

/// A change of stock.
#[derive(Clone, Copy)]
enum Stock {
    Same,
    /// So many there are, or nobody counts them.
    Set(Option<i64>),
    /// So many more than there are, or fewer.
    By(i64),
}

fn stock_change(change: &VariantChange) -> Stock {
    match (change.stock_change, change.stock, change.stock_seen) {
        (Some(more), _, _) => Stock::By(more),
        (None, None, _) => Stock::Same,
        (None, Some(Some(typed)), Some(Some(seen))) if typed == seen => Stock::Same,
        (None, Some(Some(typed)), Some(Some(seen))) => Stock::By(typed - seen),
        (None, Some(stock), _) => Stock::Set(stock),
    }
}

fn checked(changes: &[VariantChange], currency: Currency) -> Result<Vec<Figures>, Refusal> {
    let mut mistakes = Mistakes::new();
    let mut figures = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        let price = match &change.amount {
            None => change.price,
            Some(amount) => match currency.read(amount) {
                Some(minor) => Some(minor),
                None => {
                    mistakes.add(format!("variants.{at}.price"), Message::new("catalog.price_form"));
                    None
                }
            },
        };
        if price.is_some_and(|price| !(0..=MAX_PRICE).contains(&price) || price % currency.step() != 0) {
            mistakes.add(format!("variants.{at}.price"), Message::new("catalog.price_range"));
        }
        if change.stock.flatten().is_some_and(|stock| !(0..=MAX_STOCK).contains(&stock)) {
            mistakes.add(format!("variants.{at}.stock"), Message::new("catalog.stock_range").with("max", MAX_STOCK));
        }
        if change.stock_change.is_some_and(|more| more.abs() > MAX_STOCK) {
            mistakes.add(format!("variants.{at}.stock"), Message::new("catalog.stock_range").with("max", MAX_STOCK));
        }
        if change.size_class.as_deref().is_some_and(|class| !SIZE_CLASSES.contains(&class)) {
            mistakes.add(format!("variants.{at}.size_class"), Message::new("catalog.size_class_unknown"));
        }
        let size_class = change.size_class.clone();
        figures.push(Figures { id: change.id, price, stock: stock_change(change), size_class });
    }
    mistakes.into_result()?;
    Ok(figures)
}

fn changed(before: &Product, status: Option<ProductStatus>, figures: &[Figures]) -> Result<Product, Refusal> {
    let mut after = before.clone();
    after.status = status.unwrap_or(before.status);
    for (at, Figures { id, price, stock, size_class }) in figures.iter().enumerate() {
        let variant = after
            .variants
            .iter_mut()
            .find(|variant| variant.id == *id)
            .ok_or_else(|| Refusal::field(format!("variants.{at}.id"), Message::new("catalog.variant_unknown")))?;
        variant.price = price.unwrap_or(variant.price);
        if let Some(class) = size_class {
            variant.size_class.clone_from(class);
        }
        variant.stock = match stock {
            Stock::Same => variant.stock,
            Stock::Set(stock) => *stock,
            Stock::By(more) => {
                let (left, stock) = (variant.stock.unwrap_or(0), variant.stock.unwrap_or(0).saturating_add(*more));
                if !(0..=MAX_STOCK).contains(&stock) {
                    let message = Message::new("catalog.stock_sold").with("sold", -stock).with("left", left);
                    return Err(Refusal::field(format!("variants.{at}.stock"), message));
                }
                Some(stock)
            }
        };
    }
    Ok(after)
}

/// What the audit log keeps of a product.
fn facts(product: &Product) -> Value {
    let variants = product.variants.iter().map(|variant| {
        (
            variant.key.clone(),
            json!({ "price": variant.price, "stock": variant.stock, "size_class": variant.size_class }),
        )
    });
    let texts = Texts::of(product);
    json!({ "status": product.status, "tax_class": product.tax_class, "texts": texts, "variants": variants.collect::<serde_json::Map<_, _>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_left_out_is_not_an_empty_one() {
        let read = |text: &str| serde_json::from_str::<VariantChange>(text).unwrap().stock;
        let id = "00000000-0000-0000-0000-000000000001";
        assert_eq!(read(&format!(r#"{{"id":"{id}"}}"#)), None);
        assert_eq!(read(&format!(r#"{{"id":"{id}","stock":null}}"#)), Some(None));
        assert_eq!(read(&format!(r#"{{"id":"{id}","stock":"7"}}"#)), Some(Some(7)));
    }
}
