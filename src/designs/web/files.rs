//! Pictures as files: previews, products' own pictures, the print file.

use crate::catalog::view::{PICTURE_WIDTHS, mockup_name, own_picture_name, picture_name};
use crate::catalog::{self};
use crate::designs::jobs::filling;
use crate::designs::model::{DesignId, Status};
use crate::designs::photos::blocking;
use crate::designs::workshop::{Shown, design_mockup_name, preview_name, read_preview_name, workshop};
use crate::designs::{lifecycle, sheet, table};
use crate::kernel::{Code, Error, Fault, Message, Refusal};
use crate::people;
use crate::shop::Shop;
use crate::store::BlobRef;
use crate::web::{Problem, Reply, Visit};
use axum::body::Body;
use axum::extract::{Path, Query};
use axum::http::{Response, header};
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const FOR_EVER_PRIVATELY: &str = "private, max-age=31536000, immutable";

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(show_preview))
        .routes(routes!(show_product_picture))
        .routes(routes!(download_final))
}

pub fn picture(bytes: Vec<u8>, kind: &str, cache: &str) -> Reply {
    Reply::from(Response::new(Body::from(bytes)))
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, cache)
}

/// A preview by its name, which cannot be guessed. One that was forgotten is drawn again while the design still looks like it.
#[utoipa::path(get, path = "/previews/{name}", tag = "designs", params(("name" = String, Path)),
    responses((status = 200, content_type = "image/jpeg"), (status = 404)))]
async fn show_preview(visit: Visit, Path(name): Path<String>) -> Result<Reply, Problem> {
    if name.ends_with(".png") {
        return show_over(&visit, name).await;
    }
    let (id, side, shown) = read_preview_name(&name).ok_or_else(Problem::not_found)?;
    let shop = visit.shop.clone();
    let known = {
        let (shop, name) = (shop.clone(), name.clone());
        blocking(move || {
            // What was approved is what orders show, whatever has been drawn since.
            if let Some(approved) = table::preview(&shop.store().read()?, &name)?
                && let Ok(jpeg) = shop.blobs().read(&approved.blob.sha256)
            {
                return Ok(Some(jpeg));
            }
            Ok::<_, Fault>(workshop(&shop).cached_preview(&name))
        })
        .await?
    };
    if let Some(jpeg) = known {
        return Ok(picture(jpeg, "image/jpeg", FOR_EVER_PRIVATELY));
    }
    let design = table::design(&shop.store().read()?, id)?.ok_or_else(Problem::not_found)?;
    let is_this = match shown {
        Shown::Flat => preview_name(&shop, id, &design.key, side) == name,
        Shown::InUse => {
            let surface = catalog::surface(&shop, design.product_id, design.layout_version)?;
            design_mockup_name(&shop, id, &design.key, surface.file.mockup)?.is_some_and(|known| known == name)
        }
    };
    if !is_this {
        return Err(Problem::not_found());
    }
    let workshop = workshop(&shop);
    let seat = workshop.desk.seat(id.0).await?;
    let jpeg = blocking(move || {
        let filling = filling(&shop, &shop.store().read()?, &design)?;
        let jpeg = match shown {
            Shown::Flat => workshop.draw_preview(&shop, &filling, side)?,
            Shown::InUse => workshop.draw_mockup(&shop, &filling)?,
        };
        workshop.keep_preview(&name, &jpeg);
        drop(seat);
        Ok::<_, Error>(jpeg)
    })
    .await?;
    Ok(picture(jpeg, "image/jpeg", FOR_EVER_PRIVATELY))
}

/// What lies over a photo. An editor that does not find it any more asks for it anew.
async fn show_over(visit: &Visit, name: String) -> Result<Reply, Problem> {
    let shop = visit.shop.clone();
    let png = blocking(move || Ok::<_, Fault>(workshop(&shop).cached_preview(&name))).await?;
    Ok(picture(png.ok_or_else(Problem::not_found)?, "image/png", FOR_EVER_PRIVATELY))
}

/// A product's own picture. Its name comes with the product and changes with what it shows.
#[utoipa::path(get, path = "/pictures/{name}", tag = "shop", params(("name" = String, Path)),
    responses((status = 200, content_type = "image/jpeg"), (status = 404)))]
async fn show_product_picture(visit: Visit, Path(name): Path<String>) -> Result<Reply, Problem> {
    let shop = visit.shop.clone();
    let workshop = workshop(&shop);
    let cached = {
        let (workshop, name) = (workshop.clone(), name.clone());
        blocking(move || Ok::<_, Fault>(workshop.cached_picture(&name))).await?
    };
    if let Some(jpeg) = cached {
        return Ok(picture(jpeg, "image/jpeg", FOR_EVER));
    }
    // `<slug>-<hash>-<style>-<width>.jpg`, or a stage's mark for the style; only what the catalogue shows now is drawn.
    let mut parts = name.strip_suffix(".jpg").unwrap_or_default().rsplitn(4, '-');
    let width = parts.next().and_then(|width| width.parse().ok()).filter(|width| PICTURE_WIDTHS.contains(width));
    let (width, slug) = width.zip(parts.nth(2)).ok_or_else(Problem::not_found)?;
    let shelf = catalog::shelf(&shop)?;
    let item = shelf.by_slug(slug).ok_or_else(Problem::not_found)?;
    let own = item.product.pictures.iter().find(|picture| own_picture_name(slug, picture, width) == name);
    if let Some(own) = own {
        let (file, seat) = (own.file, workshop.desk.seat(item.product.id.0).await?);
        let jpeg = blocking(move || {
            let jpeg = workshop.own_picture(&shop, &file, &name, width)?;
            drop(seat);
            Ok::<_, Fault>(jpeg)
        })
        .await?;
        return Ok(picture(jpeg, "image/jpeg", FOR_EVER));
    }
    let shown = if picture_name(slug, &item.surface_hash, width) == name {
        Shown::Flat
    } else if mockup_name(slug, &item.surface_hash, item.mockup, width)?.is_some_and(|known| known == name) {
        Shown::InUse
    } else {
        return Err(Problem::not_found());
    };
    let (id, version) = (item.product.id, item.product.layout_version);
    let seat = workshop.desk.seat(id.0).await?;
    let jpeg = blocking(move || {
        let surface = catalog::surface(&shop, id, version)?;
        let jpeg = workshop.product_picture(&surface, &name, width, shown)?;
        drop(seat);
        Ok::<_, Fault>(jpeg)
    })
    .await?;
    Ok(picture(jpeg, "image/jpeg", FOR_EVER))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct FinalQuery {
    /// `png` or `pdf`.
    #[serde(default)]
    format: String,
    /// `1` adds crop marks to a PDF.
    #[serde(default)]
    marks: String,
}

/// The print file, trim and bleed: PNG at the layout's resolution, or PDF with its boxes. For staff.
#[utoipa::path(get, path = "/admin/designs/{id}/final", tag = "admin", params(("id" = String, Path), FinalQuery),
    responses((status = 200, content((Vec<u8> = "image/png"), (Vec<u8> = "application/pdf"))), (status = 401), (status = 404),
        (status = 409, description = "design_not_ready"), (status = 422), (status = 503, description = "busy")))]
async fn download_final(
    visit: Visit,
    Path(id): Path<DesignId>,
    Query(query): Query<FinalQuery>,
) -> Result<Reply, Problem> {
    people::require(&visit, people::rights::any)?;
    let is_pdf = match query.format.as_str() {
        "" | "png" => false,
        "pdf" => true,
        _ => return Err(Refusal::field("format", Message::new("designs.format_unknown")).into()),
    };
    let marks = is_pdf && !matches!(query.marks.as_str(), "" | "0");
    let design = lifecycle::find(&visit.shop.store().read()?, id)?.ok_or_else(Problem::not_found)?;
    let picture = match (&design.final_picture, design.status) {
        (Some(picture), Status::Ready) => picture.clone(),
        _ => return Err(Refusal::new(Code::DesignNotReady, "designs.not_ready").into()),
    };
    let name = format!("{}-{}x{}", design.id, picture.width, picture.height);
    if !is_pdf {
        return print_file(&visit, &picture.blob, "image/png", &format!("{name}.png")).await;
    }
    let name = format!("{name}{}.pdf", if marks { "-marks" } else { "" });
    let seat = workshop(&visit.shop).press.seat(design.id.0).await?;
    let shop = visit.shop.clone();
    let blob = blocking(move || {
        let blob = sheet::print(&shop, &design, marks);
        drop(seat);
        blob
    })
    .await?;
    print_file(&visit, &blob, "application/pdf", &name).await
}

async fn print_file(visit: &Visit, blob: &BlobRef, kind: &str, name: &str) -> Result<Reply, Problem> {
    // A print with a flipped bit would be found out on paper.
    let (blobs, stored) = (visit.shop.blobs().clone(), *blob);
    blocking(move || blobs.verify(&stored)).await?;
    let file = tokio::fs::File::open(visit.shop.blobs().path(&blob.sha256)).await.map_err(Fault::from)?;
    let response = Response::new(Body::from_stream(ReaderStream::with_capacity(file, 64 << 10)));
    Ok(Reply::from(response)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_LENGTH, &blob.bytes.to_string())
        .header(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""))
        .header(header::CACHE_CONTROL, "private, no-cache"))
}
