//! The shop window: front page, products, and what search engines are told.

use super::finding;
use super::layout::Mockup;
use super::model::ProductStatus;
use super::shelf::edition;
use super::shelf::{Item, shelf};
use super::view::{Card, PictureView, ProductView, category_name, size_text};
use crate::kernel::{Lang, Money};
use crate::shop::Shop;
use crate::web::page::day_text;
use crate::web::{Face, List, Page, Paging, Problem, Reply, View, Visit, words};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::header;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(show_front))
        .routes(routes!(list_products))
        .routes(routes!(show_product))
        .routes(routes!(show_sitemap))
        .routes(routes!(show_robots))
        .merge(super::admin::routes())
}

/// How many products the front page shows.
const ON_FRONT: usize = 8;

#[derive(Template, Serialize)]
#[template(path = "catalog/front.html", blocks = ["content"])]
struct FrontPage {
    #[serde(skip)]
    page: Page,
    shop_name: String,
    products: Vec<ProductView>,
    #[serde(skip)]
    cards: Vec<Card>,
    #[serde(skip)]
    hero: Option<Card>,
    #[serde(skip)]
    free_from: Option<Money>,
    #[serde(skip)]
    lead_time_days: u32,
    #[serde(skip)]
    origin: String,
}

impl View for FrontPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// The front page; as JSON the shop's name and its first products.
#[utoipa::path(get, path = "/", tag = "shop", responses((status = 200, description = "The shop's name and first products")))]
async fn show_front(visit: Visit) -> Result<Reply, Problem> {
    visit.reply_kept(edition(&visit.shop), || {
        let shelf = shelf(&visit.shop)?;
        let settings = visit.shop.settings();
        let items: Vec<&Arc<Item>> = shelf.active().take(ON_FRONT).collect();
        let view = FrontPage {
            page: visit.page(),
            shop_name: settings.shop_name.clone(),
            products: if visit.face.is_json() { views(&items, visit.lang) } else { Vec::new() },
            cards: items.iter().map(|item| item.card(visit.lang).clone()).collect(),
            hero: items.first().map(|item| item.card(visit.lang).clone()),
            free_from: settings.shipping.free_from.map(|minor| Money::new(minor, settings.currency)),
            lead_time_days: settings.lead_time_days,
            origin: visit.shop.public_url(),
        };
        Ok(view)
    })
}

fn views(items: &[&Arc<Item>], lang: Lang) -> Vec<ProductView> {
    items.iter().map(|item| item.view(lang).clone()).collect()
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ProductQuery {
    /// Words to look for; errors in typing are forgiven.
    #[serde(default)]
    q: String,
    /// Only this category.
    #[serde(default)]
    category: String,
}

#[derive(Template, Serialize)]
#[template(path = "catalog/products.html", blocks = ["products"])]
struct ProductsPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    list: List<ProductView>,
    #[serde(skip)]
    cards: Vec<Card>,
    #[serde(skip)]
    query: String,
    #[serde(skip)]
    tabs: Vec<Tab>,
    /// The address of the next page.
    #[serde(skip)]
    next_url: Option<String>,
}

struct Tab {
    url: String,
    name: String,
    is_current: bool,
}

impl View for ProductsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_products().render()
    }
}

/// The products on sale, in the order of the shop or, when something is looked for, the best match first.
#[utoipa::path(get, path = "/products", tag = "shop", params(ProductQuery, Paging),
    responses((status = 200, body = List<ProductView>)))]
async fn list_products(
    visit: Visit,
    Query(query): Query<ProductQuery>,
    Query(paging): Query<Paging>,
) -> Result<Reply, Problem> {
    let view = || {
        let shelf = shelf(&visit.shop)?;
        let limit = paging.limit()?;
        let category = Some(query.category.trim()).filter(|category| !category.is_empty());
        let mut items = finding::find(&visit.shop, &shelf, &query.q, category);
        let last = paging.after(|id| Ok(items.iter().position(|item| item.product.id == id)))?;
        items.drain(..last.map_or(0, |last| last + 1));
        items.truncate(limit + 1);
        let more = items.len() > limit;
        let shown: Vec<&Arc<Item>> = items.iter().take(limit).collect();
        let next = shown.last().filter(|_| more).map(|item| item.product.id.to_string());
        let address = |category: Option<&str>, after: Option<&str>| {
            let mut pairs = Vec::new();
            pairs.extend(Some(("q", query.q.trim())).filter(|(_, q)| !q.is_empty()));
            pairs.extend(category.map(|category| ("category", category)));
            pairs.extend(after.map(|after| ("after", after)));
            let text = serde_urlencoded::to_string(pairs).unwrap_or_default();
            if text.is_empty() { "/products".to_owned() } else { format!("/products?{text}") }
        };
        let mut tabs = vec![Tab { url: address(None, None), name: String::new(), is_current: category.is_none() }];
        tabs.extend(shelf.categories().into_iter().map(|each| Tab {
            url: address(Some(each), None),
            name: category_name(each, visit.lang),
            is_current: category == Some(each),
        }));
        let view = ProductsPage {
            page: visit.page(),
            cards: shown.iter().map(|item| item.card(visit.lang).clone()).collect(),
            query: query.q.trim().to_owned(),
            tabs,
            next_url: next.as_deref().map(|next| address(category, Some(next))),
            list: List { items: if visit.face.is_json() { views(&shown, visit.lang) } else { Vec::new() }, next },
        };
        Ok(view)
    };
    // What people type is endless, so only the plain lists are kept.
    if query.q.trim().is_empty() { visit.reply_kept(edition(&visit.shop), view) } else { visit.reply(&view()?) }
}

#[derive(Template, Serialize)]
#[template(path = "catalog/product.html", blocks = ["content"])]
struct ProductPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    product: ProductView,
    #[serde(skip)]
    category: String,
    /// The first of the pictures, for whoever shows only one.
    #[serde(skip)]
    picture: PictureView,
    #[serde(skip)]
    pictures: Vec<PictureView>,
    /// A frame and furniture are in the picture that nobody sends.
    #[serde(skip)]
    is_framed: bool,
    #[serde(skip)]
    variants: Vec<VariantLine>,
    #[serde(skip)]
    dpi: u32,
    #[serde(skip)]
    you_add: Vec<String>,
    #[serde(skip)]
    you_choose: Vec<String>,
    #[serde(skip)]
    lead_time_days: u32,
    /// The day by which something ordered today leaves.
    #[serde(skip)]
    leaves_by: String,
    /// Closed days that are near.
    #[serde(skip)]
    closed_soon: Option<String>,
    #[serde(skip)]
    free_from: Option<Money>,
    #[serde(skip)]
    tax_included: bool,
    #[serde(skip)]
    is_sold_out: bool,
    /// Scheme, host and port, for addresses that leave the site.
    #[serde(skip)]
    origin: String,
}

struct VariantLine {
    id: String,
    name: String,
    size: String,
    price: Money,
    is_first: bool,
    is_sold_out: bool,
}

impl View for ProductPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// One product with everything a script needs to fill in a design. An archived one is shown to staff only.
#[utoipa::path(get, path = "/products/{slug}", tag = "shop", params(("slug" = String, Path)),
    responses((status = 200, body = ProductView), (status = 404)))]
async fn show_product(visit: Visit, Path(slug): Path<String>) -> Result<Reply, Problem> {
    let known = shelf(&visit.shop)?;
    // An address that was given away once goes on leading to its product.
    if let (None, Some(item)) = (known.by_slug(&slug), known.by_former_slug(&slug)) {
        let now_at = format!("/products/{}", item.product.slug);
        return Ok(Reply::see_other(visit.face, &now_at).status(if visit.face == Face::Fragment { 200 } else { 308 }));
    }
    visit.reply_kept(edition(&visit.shop), || {
        let shelf = shelf(&visit.shop)?;
        let item = shelf.by_slug(&slug).ok_or_else(Problem::not_found)?;
        let product = &item.product;
        if product.status == ProductStatus::Archived && visit.caller.staff.is_none() {
            return Err(Problem::not_found());
        }
        let settings = visit.shop.settings();
        let lang = visit.lang;
        let labels = |is_choice: bool| {
            let fields = item.layout.fields.iter();
            let fields = fields.filter(move |field| matches!(field.kind.name(), "choice" | "color") == is_choice);
            fields.map(|field| field.label.get(lang).to_owned()).collect()
        };
        let first_left = product.variants.iter().find(|variant| !variant.is_sold_out()).map(|variant| variant.id);
        let variants = product.variants.iter().map(|variant| VariantLine {
            id: variant.id.to_string(),
            name: variant.name.get(lang).to_owned(),
            size: size_text(variant.width_mm, variant.height_mm),
            price: Money::new(variant.price, shelf.currency),
            is_first: Some(variant.id) == first_left,
            is_sold_out: variant.is_sold_out(),
        });
        let view = ProductPage {
            page: visit.page(),
            product: item.view(lang).clone(),
            category: category_name(&product.category, lang),
            picture: item.pictures[0].clone(),
            pictures: item.pictures.clone(),
            is_framed: item.mockup == Mockup::Wall && product.pictures.is_empty(),
            variants: variants.collect(),
            dpi: item.layout.dpi,
            you_add: labels(false),
            you_choose: labels(true),
            lead_time_days: settings.lead_time_days,
            leaves_by: day_text(settings.ships_by(visit.now), lang),
            closed_soon: settings.closed_soon(visit.now).map(|(first, last)| {
                let key = if first == last { "catalog.closed_soon_day" } else { "catalog.closed_soon" };
                words::fill(words::text(lang, key), &[("first", day_text(first, lang)), ("last", day_text(last, lang))])
            }),
            free_from: settings.shipping.free_from.map(|minor| Money::new(minor, settings.currency)),
            tax_included: settings.tax.included,
            is_sold_out: first_left.is_none() || !product.is_active(),
            origin: visit.shop.public_url(),
        };
        Ok(view)
    })
}

/// The pages search engines should know.
#[utoipa::path(get, path = "/sitemap.xml", tag = "shop", responses((status = 200, content_type = "application/xml")))]
async fn show_sitemap(visit: Visit) -> Result<Reply, Problem> {
    let shelf = shelf(&visit.shop)?;
    let (origin, settings) = (visit.shop.public_url(), visit.shop.settings());
    let languages: Vec<Lang> = settings.spoken().collect();
    let mut xml = String::from(concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?>"#,
        "\n",
        r#"<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">"#,
        "\n"
    ));
    let mut add = |path: &str, changed: Option<String>| {
        let _ = write!(xml, "<url><loc>{origin}{path}</loc>");
        // One language alone is nobody's alternate.
        for lang in languages.iter().filter(|_| languages.len() > 1) {
            let tag = lang.tag();
            let _ = write!(xml, r#"<xhtml:link rel="alternate" hreflang="{tag}" href="{origin}{path}?lang={tag}"/>"#);
        }
        if let Some(changed) = changed {
            let _ = write!(xml, "<lastmod>{changed}</lastmod>");
        }
        xml.push_str("</url>\n");
    };
    add("/", None);
    add("/products", None);
    for item in shelf.active() {
        // A slug is lower-case letters, digits and hyphens: nothing to escape.
        add(&format!("/products/{}", item.product.slug), Some(item.product.updated_at.to_string()));
    }
    xml.push_str("</urlset>\n");
    Ok(for_everybody(xml, "application/xml; charset=utf-8"))
}

/// What robots may read: the shop window, not what belongs to somebody.
#[utoipa::path(get, path = "/robots.txt", tag = "shop", responses((status = 200, content_type = "text/plain")))]
async fn show_robots(visit: Visit) -> Result<Reply, Problem> {
    let private = ["/admin", "/basket", "/designs", "/jobs", "/orders", "/previews", "/s/", "/sign-in"];
    let mut text = String::from("User-agent: *\n");
    for path in private {
        let _ = writeln!(text, "Disallow: {path}");
    }
    let _ = writeln!(text, "\nSitemap: {}/sitemap.xml", visit.shop.public_url());
    Ok(for_everybody(text, "text/plain; charset=utf-8"))
}

fn for_everybody(body: String, kind: &str) -> Reply {
    let response = axum::response::Response::new(axum::body::Body::from(body));
    Reply::from(response).header(header::CONTENT_TYPE, kind).header(header::CACHE_CONTROL, "public, max-age=3600")
}
