//! Print files for staff: looked at beside the approved preview, and rendered again.

use super::files::picture;
use super::view::JobView;
use crate::designs::model::{DesignId, Status};
use crate::designs::photos::blocking;
use crate::designs::workshop::workshop;
use crate::designs::{lifecycle, proof};
use crate::kernel::{Code, Error, Refusal};
use crate::people::{self, audit};
use crate::render::encode_jpeg;
use crate::shop::Shop;
use crate::web::{Face, Problem, Reply, Visit};
use axum::extract::Path;
use axum::http::header;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const QUALITY: u8 = 90;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_print)).routes(routes!(render_again))
}

/// The print file as it stands on the disk, trimmed and as small as a preview. For staff.
#[utoipa::path(get, path = "/admin/designs/{id}/print-preview", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, content_type = "image/jpeg"), (status = 401), (status = 404), (status = 409, description = "design_not_ready")))]
async fn show_print(visit: Visit, Path(id): Path<DesignId>) -> Result<Reply, Problem> {
    people::require(&visit, people::rights::any)?;
    let shop = visit.shop.clone();
    let design = lifecycle::find(&shop.store().read()?, id)?.ok_or_else(Problem::not_found)?;
    let print = match (design.final_picture.clone(), design.status) {
        (Some(print), Status::Ready) => print,
        _ => return Err(Refusal::new(Code::DesignNotReady, "designs.not_ready").into()),
    };
    let seat = workshop(&shop).desk.seat(id.0).await?;
    let jpeg = blocking(move || {
        let shrunk = proof::shrunk_print(&shop, &shop.store().read()?, &design, &print)?;
        drop(seat);
        Ok::<_, Error>(encode_jpeg(&shrunk, QUALITY)?)
    })
    .await?;
    Ok(picture(jpeg, "image/jpeg", "private, no-cache"))
}

/// Render a print file again, and compare it again
#[utoipa::path(post, path = "/admin/designs/{id}/render", tag = "admin", params(("id" = String, Path)),
    responses((status = 202, body = JobView), (status = 401), (status = 403), (status = 404), (status = 409, description = "design_not_ready")))]
async fn render_again(visit: Visit, Path(id): Path<DesignId>) -> Result<Reply, Problem> {
    people::require(&visit, |role| role.changes_production())?;
    let (shop, now, actor) = (visit.shop.clone(), visit.now, audit::Actor::of(&visit));
    let render = move |tx: &crate::store::WriteTx| {
        let (design, job) = lifecycle::render_again(tx, &shop, id, now)?;
        let entry = audit::Entry {
            actor,
            action: "design.render_again",
            target_type: "design",
            target_id: id.to_string(),
            before: json!({ "status": Status::Ready }),
            after: json!({ "status": design.status }),
            at: now,
        };
        audit::record(tx, entry)?;
        Ok::<_, Error>(job)
    };
    let job = visit.shop.store().write(render).await?;
    let address = format!("/jobs/{}", job.id);
    let reply = visit.done(&JobView::new(&job), &address)?;
    Ok(match visit.face {
        Face::Json => reply.status(202).header(header::LOCATION, &address),
        _ => reply,
    })
}
