//! Designs over HTTP: making and changing them, photos, previews, jobs, sharing.

mod color_names;
mod editor;
pub mod files;
mod form;
pub mod jobs;
mod layers;
mod photos;
mod places;
mod preview;
mod prints;
mod resume;
mod share;
pub mod sockets;
pub mod view;

use super::content::{Filling, assess, fill};
use super::lifecycle;
use super::model::{Assessed, Design, DesignId, Status};
use super::photos::blocking;
use super::{rules, table};
use crate::catalog::{self, ProductId, Shelf, VariantId};
use crate::kernel::{Code, Error, Fault, Message, Refusal};
use crate::queue::{self, JobRow};
use crate::shop::Shop;
use crate::store::WriteTx;
use crate::web::input::{number, optional_id, optional_number, optional_text};
use crate::web::{Face, Input, Made, Problem, Reply, Visit};
use axum::extract::Path;
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use view::{DesignView, JobView};

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(create_design))
        .routes(routes!(show_design, update_design))
        .routes(routes!(finalize_design))
        .merge(photos::routes())
        .merge(places::routes())
        .merge(preview::routes())
        .merge(layers::routes())
        .merge(files::routes())
        .merge(prints::routes())
        .merge(jobs::routes())
        .merge(share::routes())
        .merge(resume::routes())
        .merge(super::studio::routes())
}

/// A new design. Fields may still be empty.
#[derive(Debug, Deserialize, ToSchema)]
struct NewDesign {
    #[schema(value_type = String, format = Uuid)]
    product_id: ProductId,
    /// The product's first variant unless given.
    #[serde(default, deserialize_with = "optional_id")]
    #[schema(value_type = Option<String>, format = Uuid)]
    variant_id: Option<VariantId>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    params: Option<Value>,
    #[serde(default, deserialize_with = "optional_text")]
    name: Option<String>,
}

/// The new state of a design. `params` replaces what was there; gaps are allowed.
#[derive(Debug, Deserialize, ToSchema)]
struct DesignChange {
    #[serde(default, deserialize_with = "optional_id")]
    #[schema(value_type = Option<String>, format = Uuid)]
    variant_id: Option<VariantId>,
    #[serde(default)]
    #[schema(value_type = Object)]
    params: Option<Value>,
    #[serde(default)]
    name: Option<String>,
    /// The version this change was made from; another one is refused with `stale_version`.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
    /// The button of the form: `save`, or `basket` to go on there.
    #[serde(default)]
    #[schema(ignore)]
    then: String,
    /// Also in the form, for the basket.
    #[serde(default = "one", deserialize_with = "number")]
    #[schema(ignore)]
    #[allow(dead_code, reason = "read by the basket, to which the browser sends the same form again")]
    quantity: i64,
}

fn one() -> i64 {
    1
}

/// Begin a design of a product
#[utoipa::path(post, path = "/designs", tag = "designs", request_body = NewDesign,
    responses((status = 201, body = DesignView), (status = 422)))]
async fn create_design(visit: Visit, Input(new): Input<NewDesign>) -> Result<Reply, Problem> {
    let shop = &visit.shop;
    let shelf = catalog::shelf(shop)?;
    let item = shelf
        .item(new.product_id)
        .filter(|item| item.product.is_active())
        .ok_or_else(|| Refusal::field("product_id", Message::new("designs.product_unknown")))?;
    let product = item.product.clone();
    let first = product.variants.iter().find(|variant| !variant.is_sold_out()).or(product.variants.first());
    let variant_id = new
        .variant_id
        .or(first.map(|variant| variant.id))
        .filter(|id| product.sold(*id).is_some())
        .ok_or_else(|| Refusal::field("variant_id", Message::new("designs.variant_unknown")))?;
    let name = rules::checked_name(new.name.as_deref().unwrap_or_default())?;
    let params = new.params.filter(|params| !params.is_null()).unwrap_or_else(|| json!({}));
    let (looking, looked_at) = (shop.clone(), product.clone());
    let assessed = blocking(move || {
        let surface = catalog::surface(&looking, looked_at.id, looked_at.layout_version)?;
        let filling = fill(surface, &looked_at, variant_id, &params, Default::default())?;
        Ok::<_, Error>(assess(&filling, looked_at.id, variant_id)?)
    })
    .await?;
    let design = new_design(&visit, &product, name, assessed);
    let made = Made::new(&DesignView::new(&visit, &design, Some(&product)), &format!("/designs/{}", design.id))?;
    let (asker, told) = (visit.clone(), made.clone());
    let write = shop.store().write(move |tx| {
        // Its product may have been deleted a moment ago.
        if catalog::product(tx, design.product_id)?.is_none() {
            return Err(Refusal::field("product_id", Message::new("designs.product_unknown")).into());
        }
        table::put_design(tx, &design)?;
        asker.keep(tx, || Ok::<_, Error>(told))
    });
    write.await?;
    Ok(made.reply(visit.face))
}

fn new_design(visit: &Visit, product: &catalog::Product, name: String, assessed: Assessed) -> Design {
    Design {
        id: DesignId(visit.shop.new_id()),
        session: visit.open_session(),
        also: Vec::new(),
        product_id: product.id,
        variant_id: assessed.variant_id,
        layout_version: product.layout_version,
        original_design_id: None,
        name,
        version: 1,
        params: assessed.params,
        params_crc32: assessed.params_crc32,
        key: assessed.key,
        status: Status::Draft,
        failure_reason: None,
        missing: assessed.missing,
        undrawable: assessed.undrawable,
        warnings: assessed.warnings,
        sharpness: assessed.sharpness,
        preview: None,
        final_picture: None,
        job: None,
        locked_by: Vec::new(),
        staff_unlocked: false,
        share_token: None,
        created_at: visit.now,
        updated_at: visit.now,
    }
}

/// The editor page; the design.
#[utoipa::path(get, path = "/designs/{id}", tag = "designs", params(("id" = String, Path)),
    responses((status = 200, body = DesignView), (status = 404)))]
async fn show_design(visit: Visit, Path(id): Path<DesignId>) -> Result<Reply, Problem> {
    let design = lifecycle::own(&visit.shop.store().read()?, &visit, id)?;
    if visit.face.is_json() {
        let shelf = catalog::shelf(&visit.shop)?;
        return Ok(Reply::json(&DesignView::new(&visit, &design, shelf.product(design.product_id)))?);
    }
    editor::show(&visit, &design, &editor::Told::default())
}

/// Save a design; params replace what was there
#[utoipa::path(put, path = "/designs/{id}", tag = "designs", params(("id" = String, Path)), request_body = DesignChange,
    responses((status = 200, body = DesignView), (status = 404), (status = 409, description = "design_locked"),
              (status = 412, description = "stale_version"), (status = 422)))]
async fn update_design(
    visit: Visit,
    Path(id): Path<DesignId>,
    headers: HeaderMap,
    Input(mut change): Input<DesignChange>,
) -> Result<Reply, Problem> {
    let design = lifecycle::changeable(&visit.shop.store().read()?, &visit, id)?;
    let shelf = catalog::shelf(&visit.shop)?;
    if let (Some(params), true) = (&mut change.params, form::is_form(&headers)) {
        form::into_params(catalog::surface(&visit.shop, design.product_id, design.layout_version)?.layout(), params);
    }
    let typed = change.params.clone();
    let wants_basket = change.then == "basket";
    let variant_id = change.variant_id.unwrap_or(design.variant_id);
    let after = match save(&visit, &shelf, &design, change).await {
        Ok(after) => after,
        // A refused form comes back with what was typed.
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidInput && !visit.face.is_json() => {
            return editor::show(&visit, &design, &editor::Told::refused(&refusal, typed, Some(variant_id)));
        }
        // So does one that was begun before another device saved: pressing the button again is then a choice.
        Err(Error::Refused(refusal)) if refusal.code == Code::StaleVersion && !visit.face.is_json() => {
            let current = lifecycle::changeable(&visit.shop.store().read()?, &visit, id)?;
            return editor::show(&visit, &current, &editor::Told::stale(typed, variant_id));
        }
        Err(error) => return Err(error.into()),
    };
    if visit.face.is_json() {
        return Ok(Reply::json(&DesignView::new(&visit, &after, shelf.product(after.product_id)))?);
    }
    if !wants_basket {
        return Ok(Reply::see_other(visit.face, &format!("/designs/{id}")));
    }
    match rules::check_whole(&after) {
        Err(refusal) => editor::show(&visit, &after, &editor::Told::refused(&refusal, None, None)),
        // 307: the browser sends the same form on to the basket, where the design and the quantity in it are read.
        Ok(()) if visit.face == Face::Page => Ok(Reply::see_other(Face::Page, "/basket").status(307)),
        Ok(()) => Ok(Reply::see_other(visit.face, "/basket")),
    }
}

async fn save(visit: &Visit, shelf: &Arc<Shelf>, design: &Design, change: DesignChange) -> Result<Design, Error> {
    rules::check_unlocked(design)?;
    let name = change.name.as_deref().map(rules::checked_name).transpose()?;
    let variant_id = change.variant_id.unwrap_or(design.variant_id);
    // A size that is no longer sold is kept, but not chosen anew.
    let product = shelf.product(design.product_id);
    if variant_id != design.variant_id && product.is_some_and(|product| product.sold(variant_id).is_none()) {
        return Err(Refusal::field("variant_id", Message::new("designs.variant_unknown")).into());
    }
    let params = change.params.unwrap_or_else(|| Value::Object(design.params.clone()));
    let assessed = look_at(&visit.shop, shelf, design, variant_id, params).await?.1;
    let seen = change.version.map(|version| version.unsigned_abs());
    let (id, now, asker) = (design.id, visit.now, visit.clone());
    visit
        .shop
        .store()
        .write(move |tx| {
            let before = table::design(tx, id)?.ok_or_else(Refusal::not_found)?;
            let (after, dropped) = rules::changed(&before, assessed, name, seen, now)?;
            if after != before {
                table::put_design(tx, &after)?;
                lifecycle::note_staff(tx, &asker, "design.changed", &before, lifecycle::noted(&after))?;
            }
            if let Some(job) = dropped {
                queue::cancel(tx, job, now)?;
            }
            Ok::<_, Error>(after)
        })
        .await
}

/// What `params` would make of the design: everything it is drawn from, and what follows from it.
async fn look_at(
    shop: &Shop,
    shelf: &Arc<Shelf>,
    design: &Design,
    variant_id: VariantId,
    params: Value,
) -> Result<(Filling, Assessed), Error> {
    let (shop, shelf) = (shop.clone(), shelf.clone());
    let (id, product_id, layout_version) = (design.id, design.product_id, design.layout_version);
    blocking(move || {
        let product = shelf.product(product_id).ok_or_else(|| Fault::Corrupt(format!("design {id} has no product")))?;
        let photos = table::photos_by_id(&shop.store().read()?, id)?;
        let surface = catalog::surface(&shop, product_id, layout_version)?;
        let filling = fill(surface, product, variant_id, &params, photos)?;
        let assessed = assess(&filling, product_id, variant_id)?;
        Ok((filling, assessed))
    })
    .await
}

/// The answer to a wish for a print file.
#[derive(Serialize, ToSchema)]
struct Finalized {
    design: DesignView,
    job: JobView,
}

/// Has the print file rendered. The same params are never rendered twice.
#[utoipa::path(post, path = "/designs/{id}/finalize", tag = "designs", params(("id" = String, Path)),
    responses((status = 202, body = Finalized), (status = 404), (status = 422, description = "Required fields are empty")))]
async fn finalize_design(visit: Visit, Path(id): Path<DesignId>) -> Result<Reply, Problem> {
    let design = lifecycle::changeable(&visit.shop.store().read()?, &visit, id)?;
    lifecycle::keep_seen(&visit.shop, vec![id]).await?;
    let (asker, before) = (visit.clone(), design.clone());
    let write = move |tx: &WriteTx| {
        let (after, job) = lifecycle::finalize(tx, &asker.shop, id, true, asker.now)?;
        if after != before {
            lifecycle::note_staff(tx, &asker, "design.finalized", &before, lifecycle::noted(&after))?;
        }
        Ok((after, job))
    };
    let result: Result<(Design, JobRow), Error> = visit.shop.store().write(write).await;
    let (design, job) = match result {
        Ok(done) => done,
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidInput && !visit.face.is_json() => {
            return editor::show(&visit, &design, &editor::Told::refused(&refusal, None, None));
        }
        Err(error) => return Err(error.into()),
    };
    let shelf = catalog::shelf(&visit.shop)?;
    let product = shelf.product(design.product_id);
    let document = Finalized { design: DesignView::new(&visit, &design, product), job: JobView::new(&job) };
    let reply = visit.done(&document, &format!("/designs/{id}"))?;
    Ok(match visit.face {
        Face::Json => reply.status(202).header(header::LOCATION, &format!("/jobs/{}", job.id)),
        _ => reply,
    })
}
