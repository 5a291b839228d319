//! A read-only link to a design, for a friend to look at.

use crate::catalog;
use crate::designs::model::{Design, DesignId};
use crate::designs::{lifecycle, table};
use crate::kernel::{Error, Refusal};
use crate::shop::{Shop, random_bytes};
use crate::web::{Face, Page, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::Path;
use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(share_design)).routes(routes!(show_shared))
}

/// A link that shows the design and lets nobody change it.
#[derive(Serialize, ToSchema)]
struct ShareLink {
    url: String,
}

/// Makes the link, or gives the one that was made before.
#[utoipa::path(post, path = "/designs/{id}/share", tag = "designs", params(("id" = String, Path)),
    responses((status = 201, body = ShareLink), (status = 404)))]
async fn share_design(visit: Visit, Path(id): Path<DesignId>) -> Result<Reply, Problem> {
    lifecycle::changeable(&visit.shop.store().read()?, &visit, id)?;
    let fresh = URL_SAFE_NO_PAD.encode(random_bytes::<16>()?);
    let token = visit
        .shop
        .store()
        .write(move |tx| {
            let mut design = table::design(tx, id)?.ok_or_else(Refusal::not_found)?;
            if let Some(token) = design.share_token {
                return Ok(token);
            }
            design.share_token = Some(fresh.clone());
            table::put_share(tx, &fresh, id)?;
            table::put_design(tx, &design)?;
            Ok::<_, Error>(fresh)
        })
        .await?;
    let path = format!("/s/{token}");
    let url = format!("{}{path}", visit.shop.public_url());
    let reply = visit.done(&ShareLink { url: url.clone() }, &path)?;
    Ok(match visit.face {
        Face::Json => reply.status(201).header(header::LOCATION, &url),
        _ => reply,
    })
}

#[derive(Template, Serialize, ToSchema)]
#[template(path = "designs/shared.html", blocks = ["content"])]
#[schema(as = SharedDesign)]
struct SharedPage {
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
    /// What the design is called.
    title: String,
    product_slug: String,
    #[serde(skip)]
    #[schema(ignore)]
    product_id: catalog::ProductId,
    picture_url: String,
    width: u32,
    height: u32,
    #[serde(skip)]
    #[schema(ignore)]
    origin: String,
    #[serde(skip)]
    #[schema(ignore)]
    is_on_sale: bool,
    /// For whom made it.
    #[serde(skip)]
    #[schema(ignore)]
    own_url: Option<String>,
}

impl View for SharedPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// A design that was shared, to look at
#[utoipa::path(get, path = "/s/{token}", tag = "designs", params(("token" = String, Path)),
    responses((status = 200, body = SharedPage), (status = 404)))]
async fn show_shared(visit: Visit, Path(token): Path<String>) -> Result<Reply, Problem> {
    let design = shared(&visit, &token)?;
    let shelf = catalog::shelf(&visit.shop)?;
    let product = shelf.product(design.product_id).ok_or_else(Problem::not_found)?;
    let (width, height) = lifecycle::picture_size(&design, product);
    visit.reply(&SharedPage {
        page: visit.page(),
        title: lifecycle::title(&design, product, visit.lang),
        product_slug: product.slug.clone(),
        product_id: product.id,
        picture_url: lifecycle::picture_url(&visit.shop, &design),
        width,
        height,
        origin: visit.shop.public_url(),
        is_on_sale: product.is_active(),
        own_url: lifecycle::is_own(&design, &visit).then(|| format!("/designs/{}", design.id)),
    })
}

fn shared(visit: &Visit, token: &str) -> Result<Design, Problem> {
    let tx = visit.shop.store().read()?;
    let id = table::shared(&tx, token)?.ok_or_else(Problem::not_found)?;
    table::design(&tx, id)?.ok_or_else(Problem::not_found)
}
