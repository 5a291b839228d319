//! Photos: uploading them, and showing their proxies.

use super::editor;
use super::view::PhotoView;
use crate::catalog::layout::FieldKind;
use crate::catalog::{self};
use crate::designs::content::{assess, fill};
use crate::designs::model::{Design, DesignId, Photo, PhotoId};
use crate::designs::photos::{blocking, check_room, develop, receive};
use crate::designs::{lifecycle, rules, table};
use crate::kernel::{Code, Error, Message, Refusal};
use crate::queue;
use crate::shop::Shop;
use crate::web::input::body_problem;
use crate::web::{Face, Made, Problem, Reply, Visit};
use axum::extract::multipart::Field;
use axum::extract::{DefaultBodyLimit, Multipart, Path};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    let upload = OpenApiRouter::new().routes(routes!(add_photo));
    // The limit of the configuration is kept while the file streams in, with a better answer than the general one.
    upload.layer(DefaultBodyLimit::disable()).merge(OpenApiRouter::new().routes(routes!(show_photo)))
}

/// Takes in a photo (JPEG, PNG or WebP). Up to 50 a design. Params are not touched.
#[utoipa::path(post, path = "/designs/{id}/photos", tag = "designs", params(("id" = String, Path)),
    request_body(content_type = "multipart/form-data", description = "`file`: the picture", content = String),
    responses((status = 201, body = PhotoView), (status = 404), (status = 409, description = "design_locked"),
              (status = 413, description = "payload_too_large, image_too_large"), (status = 415, description = "unsupported_media"),
              (status = 422, description = "image_unreadable")))]
async fn add_photo(visit: Visit, Path(id): Path<DesignId>, body: Multipart) -> Result<Reply, Problem> {
    let design = lifecycle::changeable(&visit.shop.store().read()?, &visit, id)?;
    let (photo, field) = match take_in(&visit, &design, body).await {
        Ok(taken) => taken,
        // Somebody without a script stays on the page, with what went wrong beside the button.
        Err(Problem(refusal)) if visit.face == Face::Page && refusal.code.status() < 500 => {
            let current = table::design(&visit.shop.store().read()?, id)?.unwrap_or(design);
            return editor::show(&visit, &current, &editor::Told::upload(&refusal, visit.lang));
        }
        Err(problem) => return Err(problem),
    };
    if !visit.face.is_json() {
        place(&visit, id, &photo, field).await?;
    }
    Ok(made(id, &photo)?.reply(visit.face))
}

fn made(id: DesignId, photo: &Photo) -> Result<Made, Error> {
    let view = PhotoView::new(id, photo);
    Ok(Made::new(&view, &view.url)?.leading_to(&format!("/designs/{id}#photos")))
}

/// Reads the body, decodes the file and stores the photo. Also gives the form's `field`, if there was one.
async fn take_in(visit: &Visit, design: &Design, mut body: Multipart) -> Result<(Photo, Option<String>), Problem> {
    let shop = &visit.shop;
    let id = design.id;
    check_room(&shop.store().read()?, id)?;
    let mut original = None;
    let mut into = None;
    while let Some(part) = body.next_field().await.map_err(|error| body_problem(error.status().as_u16()))? {
        match part.name() {
            Some("file") if original.is_none() => original = Some(receive(shop, part).await?),
            Some("field") => {
                into = Some(short_text(part).await?);
            }
            _ => drop(short_text(part).await?),
        }
    }
    let original = original.ok_or_else(|| Refusal::field("file", Message::new("designs.photo_absent")))?;
    let developing = shop.clone();
    let photo = blocking(move || develop(&developing, original)).await?;
    let (asker, stored, design) = (visit.clone(), photo.clone(), design.clone());
    shop.store()
        .write(move |tx| {
            check_room(tx, id)?;
            table::put_photo(tx, id, &stored)?;
            lifecycle::note_staff(tx, &asker, "design.photo_added", &design, json!({ "photo": stored.id }))?;
            asker.keep(tx, || made(id, &stored))
        })
        .await?;
    Ok((photo, into))
}

/// A field's id. Longer than any id is none of ours.
async fn short_text(mut part: Field<'_>) -> Result<String, Problem> {
    let mut text = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| body_problem(error.status().as_u16()))? {
        if text.len() + chunk.len() > 100 {
            return Err(body_problem(413));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// For the form without a script: puts the new photo into `field`, or the first empty frame, or the first one.
async fn place(visit: &Visit, id: DesignId, photo: &Photo, field: Option<String>) -> Result<(), Problem> {
    let shop = visit.shop.clone();
    let (photo_id, now) = (photo.id, visit.now);
    let read = shop.clone();
    let change = blocking(move || {
        let tx = read.store().read()?;
        let design = table::design(&tx, id)?.ok_or_else(Refusal::not_found)?;
        let shelf = catalog::shelf(&read)?;
        let product = shelf.product(design.product_id).ok_or_else(Refusal::not_found)?;
        let surface = catalog::surface(&read, design.product_id, design.layout_version)?;
        let frames = surface.layout().fields.iter().filter(|field| field.kind == FieldKind::Photo);
        let frames: Vec<&str> = frames.map(|field| field.id.as_str()).collect();
        let wished = field.as_deref().and_then(|field| frames.iter().find(|frame| **frame == field));
        let empty = frames.iter().find(|frame| !design.params.contains_key(**frame));
        let Some(frame) = wished.or(empty).or(frames.first()) else { return Ok(None) };
        let mut params = design.params.clone();
        params
            .insert((*frame).to_owned(), json!({ "photo_id": photo_id, "x": 0.5, "y": 0.5, "zoom": 1, "rotation": 0 }));
        let photos = table::photos_by_id(&tx, id)?;
        let filling = fill(surface, product, design.variant_id, &Value::Object(params), photos)?;
        Ok::<_, Error>(Some((assess(&filling, design.product_id, design.variant_id)?, design.version)))
    })
    .await?;
    let Some((assessed, version)) = change else { return Ok(()) };
    let result: Result<(), Error> = shop
        .store()
        .write(move |tx| {
            let before = table::design(tx, id)?.ok_or_else(Refusal::not_found)?;
            let (after, dropped) = rules::changed(&before, assessed, None, Some(version), now)?;
            table::put_design(tx, &after)?;
            if let Some(job) = dropped {
                queue::cancel(tx, job, now)?;
            }
            Ok(())
        })
        .await;
    match result {
        // The design was changed meanwhile: the photo is there, to be chosen by hand.
        Err(Error::Refused(refusal)) if refusal.code == Code::StaleVersion => Ok(()),
        result => Ok(result?),
    }
}

/// The proxy of a photo: small, upright, without metadata.
#[utoipa::path(get, path = "/designs/{id}/photos/{photo_id}", tag = "designs",
    params(("id" = String, Path), ("photo_id" = String, Path)),
    responses((status = 200, content_type = "image/jpeg"), (status = 404)))]
async fn show_photo(visit: Visit, Path((id, photo_id)): Path<(DesignId, PhotoId)>) -> Result<Reply, Problem> {
    let tx = visit.shop.store().read()?;
    lifecycle::own(&tx, &visit, id)?;
    let photo = table::photo(&tx, id, photo_id)?.ok_or_else(Problem::not_found)?;
    drop(tx);
    let blobs = visit.shop.blobs().clone();
    let bytes = blocking(move || blobs.read(&photo.proxy.sha256)).await?;
    Ok(super::files::picture(bytes, &photo.proxy_type, "private, max-age=31536000, immutable"))
}
