//! Previews: drawn while somebody waits, or large by a job.

use super::look_at;
use super::view::{JobView, SharpnessView, WarningView};
use crate::catalog;
use crate::designs::jobs::{PreviewWish, RENDER_PREVIEW};
use crate::designs::model::{Assessed, Design, DesignId};
use crate::designs::photos::blocking;
use crate::designs::workshop::{LOW_SIDE, Shown, design_mockup_name, preview_name, preview_url, workshop};
use crate::designs::{lifecycle, web::form};
use crate::kernel::{Error, Fault, Message, Moment, Refusal};
use crate::queue::{self, JobRow, NewJob};
use crate::shop::Shop;
use crate::store::WriteTx;
use crate::web::{Face, Input, Page, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(preview_design))
}

/// Params to look at; they are not saved. Without them the saved ones are shown.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct PreviewInput {
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    params: Option<Value>,
    #[serde(default, deserialize_with = "crate::web::input::optional_id")]
    #[schema(value_type = Option<String>, format = Uuid)]
    variant_id: Option<catalog::VariantId>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct PreviewQuery {
    /// `low` (800 pixels, at once) or `high` (1600 pixels, by a job).
    #[serde(default)]
    quality: String,
    /// `flat`, the print, or `mockup`, the piece where it will live, for products that have one; always `low`.
    #[serde(default)]
    view: String,
}

/// A preview.
#[derive(Template, Serialize, ToSchema)]
#[template(path = "designs/preview.html")]
#[schema(as = Preview)]
struct PreviewView {
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
    preview_image_url: String,
    params_crc32: String,
    /// It was drawn before.
    cached: bool,
    warnings: Vec<WarningView>,
    sharpness: Vec<SharpnessView>,
    #[serde(skip)]
    #[schema(ignore)]
    width: u32,
    #[serde(skip)]
    #[schema(ignore)]
    height: u32,
}

impl View for PreviewView {}

/// Shows what the design would look like. With `quality=high` a job makes a larger picture, and older ones of this design are cancelled.
#[utoipa::path(post, path = "/designs/{id}/preview", tag = "designs", params(("id" = String, Path), PreviewQuery),
    request_body = PreviewInput,
    responses((status = 200, body = PreviewView), (status = 202, body = JobView), (status = 404), (status = 422)))]
async fn preview_design(
    visit: Visit,
    Path(id): Path<DesignId>,
    Query(query): Query<PreviewQuery>,
    headers: HeaderMap,
    Input(input): Input<PreviewInput>,
) -> Result<Reply, Problem> {
    let shop = &visit.shop;
    let design = lifecycle::changeable(&shop.store().read()?, &visit, id)?;
    let shelf = catalog::shelf(shop)?;
    let is_high = match query.quality.as_str() {
        "" | "low" => false,
        "high" => true,
        _ => return Err(Refusal::field("quality", Message::new("designs.quality_unknown")).into()),
    };
    let shown = match query.view.as_str() {
        "" | "flat" => Shown::Flat,
        "mockup" if !is_high => Shown::InUse,
        _ => return Err(Refusal::field("view", Message::new("designs.view_unknown")).into()),
    };
    let params = match input.params.filter(|params| !params.is_null()) {
        Some(mut params) => {
            if form::is_form(&headers) {
                let surface = catalog::surface(shop, design.product_id, design.layout_version)?;
                form::into_params(surface.layout(), &mut params);
            }
            params
        }
        None => Value::Object(design.params.clone()),
    };
    let variant_id = input.variant_id.unwrap_or(design.variant_id);
    let (filling, assessed) = look_at(shop, &shelf, &design, variant_id, params).await?;
    if is_high {
        return make_high(&visit, &design, assessed).await;
    }

    let name = match shown {
        Shown::Flat => preview_name(shop, id, &assessed.key, LOW_SIDE),
        Shown::InUse => design_mockup_name(shop, id, &assessed.key, filling.surface.file.mockup)?
            .ok_or_else(|| Refusal::field("view", Message::new("designs.view_unknown")))?,
    };
    let workshop = workshop(shop);
    let cached = workshop.has_preview(&name);
    if !cached {
        let seat = workshop.desk.seat(id.0).await?;
        let (drawing, shop, name) = (workshop.clone(), shop.clone(), name.clone());
        blocking(move || {
            let jpeg = match shown {
                Shown::Flat => drawing.draw_preview(&shop, &filling, LOW_SIDE)?,
                Shown::InUse => drawing.draw_mockup(&shop, &filling)?,
            };
            drawing.keep_preview(&name, &jpeg);
            drop(seat);
            Ok::<_, Fault>(())
        })
        .await?;
    }
    if visit.face == Face::Page {
        let view = if shown == Shown::InUse { "?view=mockup" } else { "" };
        return Ok(Reply::see_other(visit.face, &format!("/designs/{id}{view}")));
    }
    let product = shelf.product(design.product_id);
    let as_shown = Design { variant_id, ..design };
    let (width, height) = match (shown, product) {
        (Shown::Flat, Some(product)) => lifecycle::picture_size(&as_shown, product),
        _ => (LOW_SIDE, LOW_SIDE),
    };
    visit.reply(&PreviewView {
        page: visit.page(),
        preview_image_url: preview_url(&name),
        params_crc32: assessed.params_crc32,
        cached,
        warnings: WarningView::all(&assessed.warnings, visit.lang),
        sharpness: SharpnessView::all(&assessed.sharpness, visit.lang),
        width,
        height,
    })
}

async fn make_high(visit: &Visit, design: &Design, assessed: Assessed) -> Result<Reply, Problem> {
    let wish = PreviewWish {
        design_id: design.id,
        product_id: design.product_id,
        layout_version: design.layout_version,
        variant_id: assessed.variant_id,
        params: Value::Object(assessed.params),
        params_crc32: assessed.params_crc32,
        key: assessed.key,
    };
    let now = visit.now;
    let job = visit.shop.store().write(move |tx| enqueue_high(tx, &wish, now)).await?;
    let address = format!("/jobs/{}", job.id);
    let reply = visit.done(&JobView::new(&job), &address)?;
    Ok(match visit.face {
        Face::Json => reply.status(202).header(header::LOCATION, &address),
        _ => reply,
    })
}

fn enqueue_high(tx: &WriteTx, wish: &PreviewWish, now: Moment) -> Result<JobRow, Error> {
    let open = queue::by_owner(tx, wish.design_id)?;
    let open = open.into_iter().filter(|job| job.kind == RENDER_PREVIEW.name && !job.status.is_settled());
    let mut same = None;
    for job in open {
        let key = job.payload.get("key").and_then(Value::as_str);
        if key == Some(&wish.key) && same.is_none() {
            same = Some(job);
        } else {
            queue::cancel(tx, job.id, now)?;
        }
    }
    if let Some(job) = same {
        return Ok(job);
    }
    let payload = serde_json::to_value(wish).map_err(Fault::from)?;
    Ok(queue::enqueue(tx, NewJob::new(&RENDER_PREVIEW, payload, now).about(wish.design_id))?)
}
