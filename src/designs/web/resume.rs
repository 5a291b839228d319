//! Going on with a design on another device, by a link.

use crate::catalog;
use crate::designs::model::DesignId;
use crate::designs::resume::{HOURS, MOST_DEVICES, read_token, write_token};
use crate::designs::{lifecycle, table};
use crate::kernel::{Code, Error, Moment, Refusal};
use crate::shop::Shop;
use crate::web::qr::qr;
use crate::web::{Page, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::Path;
use axum::http::header;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(resume_design)).routes(routes!(show_resumed, open_resumed))
}

/// A link that opens the design for changes on another device.
#[derive(Template, Serialize, ToSchema)]
#[template(path = "designs/resume.html", blocks = ["content"])]
#[schema(as = ResumeLink)]
struct ResumePage {
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
    url: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
    #[serde(skip)]
    #[schema(ignore)]
    design_id: DesignId,
    /// Modules along a side, and the path of the dark ones.
    #[serde(skip)]
    #[schema(ignore)]
    qr: (usize, String),
}

impl View for ResumePage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// A secret link, good for a day, with which whoever holds it may go on with the design on another device. Nothing is stored, so asking
/// again costs nothing and gives a fresh one.
#[utoipa::path(get, path = "/designs/{id}/resume", tag = "designs", params(("id" = String, Path)),
    responses((status = 200, body = ResumePage), (status = 404)))]
async fn resume_design(visit: Visit, Path(id): Path<DesignId>) -> Result<Reply, Problem> {
    let shop = &visit.shop;
    lifecycle::changeable(&shop.store().read()?, &visit, id)?;
    let expires_at = visit.now.plus_seconds(HOURS * 3600);
    let url = format!("{}/r/{}", shop.public_url(), write_token(shop.cookie_key(), id, expires_at));
    let qr = qr(&url)?;
    let reply = visit.reply(&ResumePage { page: visit.page(), url, expires_at, design_id: id, qr })?;
    Ok(reply.header(header::CACHE_CONTROL, "no-store"))
}

/// What such a link offers.
#[derive(Template, Serialize, ToSchema)]
#[template(path = "designs/resumed.html", blocks = ["content"])]
#[schema(as = ResumeOffer)]
struct ResumedPage {
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
    /// What the design is called.
    title: String,
    picture_url: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
    #[serde(skip)]
    #[schema(ignore)]
    width: u32,
    #[serde(skip)]
    #[schema(ignore)]
    height: u32,
}

impl View for ResumedPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// Shows what the link opens, and a button that does it: programs that look into links ahead of people change nothing.
#[utoipa::path(get, path = "/r/{token}", tag = "designs", params(("token" = String, Path)),
    responses((status = 200, body = ResumedPage), (status = 303, description = "it is open here already"), (status = 404)))]
async fn show_resumed(visit: Visit, Path(token): Path<String>) -> Result<Reply, Problem> {
    let (id, expires_at) = read_token(visit.shop.cookie_key(), &token, visit.now)?;
    let design = table::design(&visit.shop.store().read()?, id)?.ok_or_else(Problem::not_found)?;
    if !visit.face.is_json() && visit.session().is_some_and(|session| design.belongs_to(session)) {
        return Ok(Reply::see_other(visit.face, &format!("/designs/{id}")));
    }
    let shelf = catalog::shelf(&visit.shop)?;
    let product = shelf.product(design.product_id).ok_or_else(Problem::not_found)?;
    let (width, height) = lifecycle::picture_size(&design, product);
    visit.reply(&ResumedPage {
        page: visit.page(),
        title: lifecycle::title(&design, product, visit.lang),
        picture_url: lifecycle::picture_url(&visit.shop, &design),
        expires_at,
        width,
        height,
    })
}

/// What was opened.
#[derive(Serialize, ToSchema)]
struct Resumed {
    #[schema(value_type = String, format = Uuid)]
    design_id: DesignId,
}

/// Opens the design on this device, to see and to change.
#[utoipa::path(post, path = "/r/{token}", tag = "designs", params(("token" = String, Path)),
    responses((status = 200, body = Resumed), (status = 404), (status = 409, description = "conflict: open on too many devices")))]
async fn open_resumed(visit: Visit, Path(token): Path<String>) -> Result<Reply, Problem> {
    let (id, _) = read_token(visit.shop.cookie_key(), &token, visit.now)?;
    let session = visit.open_session();
    visit
        .shop
        .store()
        .write(move |tx| {
            let design = table::design(tx, id)?.ok_or_else(Refusal::not_found)?;
            if !design.belongs_to(session) && design.also.len() >= MOST_DEVICES {
                return Err(Refusal::new(Code::Conflict, "designs.too_many_devices").into());
            }
            Ok::<_, Error>(lifecycle::open_to(tx, id, session)?)
        })
        .await?;
    visit.done(&Resumed { design_id: id }, &format!("/designs/{id}"))
}
