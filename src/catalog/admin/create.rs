//! Making a product: from a copy of another, or an empty one of a kind.

use super::change::facts;
use super::page::{categories, kind_word};
use super::variants::{checked_name, unfit};
use super::view::{AdminProductView, InLanguages};
use super::{MAX_PRICE, is_slug, refresh_index_soon};
use crate::catalog::layout::{
    ARTWORK_APRON_MM, Field, FieldKind, Layer, Layout, Mask, Mockup, Paint, PhotoLayer, ProductFile,
};
use crate::catalog::model::{
    PictureId, Product, ProductId, ProductPicture, ProductStatus, SurfaceRow, Variant, VariantId,
};
use crate::catalog::shelf::{Item, memory, shelf};
use crate::catalog::table;
use crate::catalog::typed::Typed;
use crate::kernel::lang::Words;
use crate::kernel::refusal::Mistakes;
use crate::kernel::{Code, Error, Fault, Lang, Message, Refusal};
use crate::people::audit::{self, Actor, Entry};
use crate::people::rights::ChangesOrders;
use crate::people::{May, require, rights};
use crate::render::Color;
use crate::shop::settings::SIZE_CLASSES;
use crate::web::input::{optional_id, optional_number};
use crate::web::{Input, Made, Page, Problem, Reply, Role, View, Visit, words};
use askama::Template;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A new product: a copy of another one (`copy_of`), or an empty one with a photo over all of it. It is archived until it is put into the shop.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct NewProduct {
    #[serde(default, deserialize_with = "optional_id")]
    #[schema(value_type = Option<String>, format = Uuid)]
    copy_of: Option<ProductId>,
    /// What an empty one is shown on: `wall`, `canvas`, `mug`, `tag`, `shirt`, `tote`, `phone` or `flat`.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: InLanguages,
    /// Made from the English name when it is left out.
    #[serde(default)]
    slug: String,
    /// That of the original when it is left out.
    #[serde(default)]
    category: String,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    width_mm: Typed,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    height_mm: Typed,
    /// Minor units, of an empty one's only size.
    #[serde(default, deserialize_with = "optional_number")]
    price: Option<i64>,
    #[serde(default)]
    #[schema(ignore)]
    amount: Option<String>,
}

#[derive(Template, Serialize)]
#[template(path = "catalog/admin_new_product.html", blocks = ["content"])]
struct NewProductPage {
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    products: Vec<(String, String)>,
    #[serde(skip)]
    kinds: Vec<(&'static str, &'static str)>,
    #[serde(skip)]
    categories: Vec<String>,
    #[serde(skip)]
    currency: String,
    #[serde(skip)]
    copy_of: String,
    #[serde(skip)]
    kind: String,
    #[serde(skip)]
    name: InLanguages,
    #[serde(skip)]
    slug: String,
    #[serde(skip)]
    category: String,
    #[serde(skip)]
    width: String,
    #[serde(skip)]
    height: String,
    #[serde(skip)]
    amount: String,
    #[serde(skip)]
    errors: Vec<(String, String)>,
}

impl NewProductPage {
    fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|(known, _)| known == field).map(|(_, message)| message.as_str())
    }
}

impl View for NewProductPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

const KINDS: [Mockup; 8] =
    [Mockup::Wall, Mockup::Canvas, Mockup::Mug, Mockup::Tag, Mockup::Shirt, Mockup::Tote, Mockup::Phone, Mockup::Flat];

/// The word for a kind in layouts, JSON and forms.
pub(crate) fn kind_id(mockup: Mockup) -> &'static str {
    kind_word(mockup).rsplit('.').next().unwrap_or_default()
}

/// Every kind with the key of its words.
pub(crate) fn kinds() -> Vec<(&'static str, &'static str)> {
    KINDS.iter().map(|kind| (kind_id(*kind), kind_word(*kind))).collect()
}

pub(crate) fn kind_of(id: &str) -> Option<Mockup> {
    KINDS.into_iter().find(|kind| kind_id(*kind) == id)
}

/// The form for a new product. `?copy_of=` chooses what it begins as.
#[utoipa::path(get, path = "/admin/products/new", tag = "admin", responses((status = 200)))]
pub async fn show_new_product(visit: Visit) -> Result<Reply, Problem> {
    require(&visit, Role::changes_orders)?;
    let copy_of = visit.query.split('&').find_map(|pair| pair.strip_prefix("copy_of="));
    let copy_of = copy_of.and_then(|id| uuid::Uuid::try_parse(id).ok()).map(ProductId);
    show(&visit, &NewProduct { copy_of, ..NewProduct::default() }, None)
}

fn show(visit: &Visit, new: &NewProduct, refusal: Option<&Refusal>) -> Result<Reply, Problem> {
    require(visit, rights::reads_panel)?;
    let shelf = shelf(&visit.shop)?;
    let errors = refusal.map(|refusal| {
        refusal.errors.iter().map(|e| (e.field.clone(), words::message(visit.lang, &e.message))).collect()
    });
    let name =
        |item: &std::sync::Arc<Item>| (item.product.id.to_string(), item.product.name.get(visit.lang).to_owned());
    let view = NewProductPage {
        page: visit.page(),
        products: shelf.all().iter().map(name).collect(),
        kinds: kinds(),
        categories: categories(&shelf),
        currency: shelf.currency.to_string(),
        copy_of: new.copy_of.map(|id| id.to_string()).unwrap_or_default(),
        kind: if new.kind.is_empty() { kind_id(Mockup::Wall).to_owned() } else { new.kind.clone() },
        name: new.name.clone(),
        slug: new.slug.clone(),
        category: new.category.clone(),
        width: new.width_mm.text(),
        height: new.height_mm.text(),
        amount: new.amount.clone().unwrap_or_default(),
        errors: errors.unwrap_or_default(),
    };
    let reply = visit.reply(&view)?;
    Ok(match refusal {
        Some(refusal) => reply.status(refusal.code.status()),
        None => reply,
    })
}

/// Makes a product. It is not in the shop before its status says so.
#[utoipa::path(post, path = "/admin/products", tag = "admin", request_body = NewProduct,
    responses((status = 201, body = AdminProductView), (status = 422)))]
pub async fn create_product(
    _: May<ChangesOrders>,
    visit: Visit,
    Input(new): Input<NewProduct>,
) -> Result<Reply, Problem> {
    let made = match make(&visit, &new).await {
        Ok(made) => made,
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidInput && !visit.face.is_json() => {
            return self::show(&visit, &new, Some(&refusal));
        }
        Err(error) => return Err(error.into()),
    };
    refresh_index_soon(&visit.shop);
    Ok(made.reply(visit.face))
}

/// A slug from a name: letters and digits, everything else a hyphen.
pub(crate) fn slug_of(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    let mut slug = parts.join("-");
    slug.truncate(40);
    slug.trim_end_matches('-').to_owned()
}

async fn make(visit: &Visit, new: &NewProduct) -> Result<Made, Error> {
    let mut mistakes = Mistakes::new();
    let name = checked_name(&new.name, "name", &mut mistakes);
    if name.en.is_empty() {
        mistakes.add("name.en", Message::new("panel.text_needed"));
    }
    let slug = if new.slug.trim().is_empty() { slug_of(&name.en) } else { new.slug.trim().to_owned() };
    if !is_slug(&slug) {
        mistakes.add("slug", Message::new("catalog.slug_form"));
    }
    if !new.category.trim().is_empty() && !is_slug(new.category.trim()) {
        mistakes.add("category", Message::new("catalog.slug_form"));
    }
    let (mut product, surface) = match new.copy_of {
        Some(original) => copied(visit, original)?,
        None => empty(visit, new, &name, &mut mistakes)?,
    };
    mistakes.into_result()?;
    product.name = name;
    product.slug = slug;
    if !new.category.trim().is_empty() {
        product.category = new.category.trim().to_owned();
    }
    if product.description == Words::default() {
        product.description = product.name.clone();
    }
    let shelf = shelf(&visit.shop)?;
    product.position = shelf.all().iter().map(|item| item.product.position + 1).max().unwrap_or(0);
    let view = {
        let layout = std::sync::Arc::new(surface.layout().clone());
        let item = Item::new(product.clone(), layout, surface.hash.clone(), surface.file.mockup, shelf.currency)?;
        AdminProductView::new(&item, visit.lang)
    };
    let page = format!("/admin/products/{}", product.id);
    let made = Made::new(&view, &page)?;
    let (actor, now, memory) = (Actor::of(visit), visit.now, memory(&visit.shop));
    let (asker, told) = (visit.clone(), made.clone());
    visit
        .shop
        .store()
        .write(move |tx| {
            if table::of_slug(tx, &product.slug)?.is_some() {
                return Err(Refusal::field("slug", Message::new("catalog.slug_taken")).into());
            }
            table::put_surface(tx, product.id, 1, &surface)?;
            table::put_product(tx, &product, &memory)?;
            audit::record(
                tx,
                Entry {
                    actor,
                    action: "product.created",
                    target_type: "product",
                    target_id: product.id.to_string(),
                    before: Value::Null,
                    after: facts(&product),
                    at: now,
                },
            )?;
            asker.keep(tx, || Ok::<_, Error>(told))
        })
        .await?;
    Ok(made)
}

/// A copy with ids of its own. It has no stock to share, so nothing is counted.
fn copied(visit: &Visit, original: ProductId) -> Result<(Product, SurfaceRow), Error> {
    let shop = &visit.shop;
    let tx = shop.store().read()?;
    let original = table::product(&tx, original)?
        .ok_or_else(|| Refusal::field("copy_of", Message::new("designs.product_unknown")))?;
    let surface = table::surface(&tx, original.id, original.layout_version)?
        .ok_or_else(|| Fault::Corrupt(format!("product {} has no layout", original.slug)))?;
    let variant = |variant: &Variant| Variant { id: VariantId(shop.new_id()), stock: None, ..variant.clone() };
    let picture = |picture: &ProductPicture| ProductPicture { id: PictureId(shop.new_id()), ..picture.clone() };
    let product = Product {
        id: ProductId(shop.new_id()),
        status: ProductStatus::Archived,
        variants: original.variants.iter().map(variant).collect(),
        former: Vec::new(),
        pictures: original.pictures.iter().map(picture).collect(),
        former_slugs: Vec::new(),
        layout_version: 1,
        own_layout: true,
        version: 1,
        created_at: visit.now,
        updated_at: visit.now,
        ..original
    };
    let surface = SurfaceRow { made_at: Some(visit.now), made_by: actor_name(visit), taken_from: None, ..surface };
    Ok((product, surface))
}

fn actor_name(visit: &Visit) -> String {
    visit.caller.staff.as_ref().map(|staff| staff.name.clone()).unwrap_or_default()
}

/// One size, and a photo over all of it, so that it can be looked at and sold from the first moment.
fn empty(
    visit: &Visit,
    new: &NewProduct,
    name: &Words,
    mistakes: &mut Mistakes,
) -> Result<(Product, SurfaceRow), Error> {
    let currency = visit.shop.settings().currency;
    let kind = if new.kind.trim().is_empty() { Some(Mockup::Wall) } else { kind_of(new.kind.trim()) };
    let kind = kind.unwrap_or_else(|| {
        mistakes.add("kind", Message::new("catalog.kind_unknown"));
        Mockup::Flat
    });
    let price = match new.amount.as_deref().map(str::trim).filter(|amount| !amount.is_empty()) {
        Some(amount) => currency.read(amount),
        None => new.price,
    };
    match price {
        None => mistakes.add("price", Message::new("catalog.price_form")),
        Some(price) if !(0..=MAX_PRICE).contains(&price) || price % currency.step() != 0 => {
            mistakes.add("price", Message::new("catalog.price_range"));
        }
        Some(_) => {}
    }
    let mut length = |field: &str, typed: &Typed| {
        typed.number().unwrap_or_else(|| {
            mistakes.add(field, Message::new("catalog.length_form"));
            100.0
        })
    };
    let (width_mm, height_mm) = (length("width_mm", &new.width_mm), length("height_mm", &new.height_mm));
    let mut layout = empty_layout(width_mm, height_mm);
    if kind == Mockup::Tag {
        // As its mock-up shows it.
        layout.trim = Mask::Ellipse;
    }
    if let Some(message) = unfit(&layout, kind, layout.size()) {
        mistakes.add("width_mm", message);
    }
    let label = crate::catalog::view::size_text(width_mm, height_mm);
    let category = match kind {
        Mockup::Wall => "poster",
        Mockup::Phone => "phone-case",
        Mockup::Flat => "card",
        other => kind_id(other),
    };
    let variant = Variant {
        id: VariantId(visit.shop.new_id()),
        key: "one".into(),
        name: Words::new(label.clone(), label),
        width_mm,
        height_mm,
        price: price.unwrap_or(0),
        stock: None,
        size_class: SIZE_CLASSES[0].to_owned(),
    };
    let file = ProductFile {
        slug: String::new(),
        category: category.into(),
        name: name.clone(),
        description: name.clone(),
        mockup: kind,
        variants: Vec::new(),
        layout,
        sample: BTreeMap::from([("photo".to_owned(), sample_photo(0))]),
    };
    let mut surface = SurfaceRow::new(file, BTreeMap::new());
    (surface.made_at, surface.made_by) = (Some(visit.now), actor_name(visit));
    let product = Product {
        id: ProductId(visit.shop.new_id()),
        slug: String::new(),
        category: category.into(),
        status: ProductStatus::Archived,
        name: name.clone(),
        description: Words::default(),
        variants: vec![variant],
        former: Vec::new(),
        pictures: Vec::new(),
        former_slugs: Vec::new(),
        layout_version: 1,
        own_layout: true,
        tax_class: String::new(),
        position: 0,
        version: 1,
        created_at: visit.now,
        updated_at: visit.now,
    };
    Ok((product, surface))
}

/// The bundled photos that stand in for a customer's.
pub(crate) const SAMPLE_PHOTOS: [&str; 5] = ["chelsea.jpg", "hana.jpg", "mugi.jpg", "sora.jpg", "chelsea-close.jpg"];

/// One of them, as a sample's value.
pub(crate) fn sample_photo(number: usize) -> Value {
    let file = SAMPLE_PHOTOS[number % SAMPLE_PHOTOS.len()];
    json!({ "file": file, "x": 0.5, "y": 0.5, "zoom": 1.0, "rotation": 0.0 })
}

fn empty_layout(width_mm: f64, height_mm: f64) -> Layout {
    // Over the bleed of every size.
    let over = 2.0 * ARTWORK_APRON_MM;
    let frame = [-ARTWORK_APRON_MM, -ARTWORK_APRON_MM, width_mm + over, height_mm + over];
    let photo = PhotoLayer::plain("photo".into(), frame);
    let small = width_mm.min(height_mm) < 60.0;
    Layout {
        width_mm,
        height_mm,
        dpi: 300,
        bleed_mm: if small { 1.5 } else { 3.0 },
        safe_margin_mm: if small { 2.0 } else { 5.0 },
        trim: Mask::Rect,
        mirror: false,
        background: Paint::Literal(Color::WHITE),
        layers: vec![Layer::Photo(photo)],
        fields: vec![Field {
            id: "photo".into(),
            label: both("catalog.field.photo"),
            hint: None,
            required: true,
            kind: FieldKind::Photo,
        }],
    }
}

/// Words of ours in every language, for the owner to change.
pub(crate) fn both(key: &str) -> Words {
    Words::new(words::text(Lang::En, key), words::text(Lang::Ja, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_made_of_names() {
        assert_eq!(slug_of("Star  Portrait, No. 2!"), "star-portrait-no-2");
        assert_eq!(slug_of("星のポスター"), "");
    }

    #[test]
    fn an_empty_layout_has_nothing_wrong_with_it() {
        for (width, height) in [(210.0, 297.0), (32.0, 32.0), (5.0, 5.0), (1500.0, 1000.0)] {
            let mut layout = empty_layout(width, height);
            layout.dpi = 150;
            assert_eq!(layout.problems(), [], "{width} × {height}");
        }
    }

    #[test]
    fn every_kind_is_known_by_the_word_layouts_use() {
        for kind in KINDS {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind_id(kind));
            assert_eq!(kind_of(kind_id(kind)), Some(kind));
        }
    }
}
