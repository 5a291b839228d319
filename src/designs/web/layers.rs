//! What lies under and over a photo, for moving it at once in the browser.

use crate::catalog::{self, VariantId};
use crate::designs::content::fill;
use crate::designs::layers::{Around, around, draw_part, key, over_name, photo_in, under_name};
use crate::designs::model::DesignId;
use crate::designs::photos::blocking;
use crate::designs::workshop::{preview_url, workshop};
use crate::designs::{lifecycle, table};
use crate::kernel::{Error, Fault, Message, Refusal};
use crate::shop::Shop;
use crate::web::{Input, Problem, Reply, Visit};
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_layers))
}

/// The photo field that is to be moved, and the params around it.
#[derive(Debug, Deserialize, ToSchema)]
struct LayersInput {
    field: String,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    params: Option<Value>,
    #[serde(default, deserialize_with = "crate::web::input::optional_id")]
    #[schema(value_type = Option<String>, format = Uuid)]
    variant_id: Option<VariantId>,
}

/// What lies around the photo, for every frame that shows it.
#[derive(Serialize, ToSchema)]
struct Layers {
    layers: Vec<FrameLayers>,
}

#[derive(Serialize, ToSchema)]
struct FrameLayers {
    /// The frame, by its place among the layers of the layout.
    layer: usize,
    /// Opaque; null where the photo hides what is under it, and any preview will do.
    under_url: Option<String>,
    /// With alpha; null where nothing lies over the photo.
    over_url: Option<String>,
}

/// The parts of a preview under and over a photo. They do not change while only that photo is moved; an editor lays the moving photo between them.
#[utoipa::path(post, path = "/designs/{id}/layers", tag = "designs", params(("id" = String, Path)), request_body = LayersInput,
    responses((status = 200, body = Layers), (status = 404), (status = 422)))]
async fn show_layers(
    visit: Visit,
    Path(id): Path<DesignId>,
    Input(input): Input<LayersInput>,
) -> Result<Reply, Problem> {
    let shop = visit.shop.clone();
    let design = lifecycle::changeable(&shop.store().read()?, &visit, id)?;
    let shelf = catalog::shelf(&shop)?;
    let product = shelf.product(design.product_id).cloned().ok_or_else(Problem::not_found)?;
    let workshop = workshop(&shop);
    let (looking, drawer) = (shop.clone(), workshop.clone());
    let (filling, parts, missing) = blocking(move || {
        let mut params = input.params.unwrap_or_else(|| Value::Object(design.params.clone()));
        let photos = table::photos_by_id(&looking.store().read()?, id)?;
        let photo = photo_in(&params, &input.field).and_then(|photo| photos.get(&photo));
        let has_alpha = photo.is_some_and(|photo| photo.proxy_type == "image/png");
        if let Some(params) = params.as_object_mut() {
            params.remove(&input.field);
        }
        let variant_id = input.variant_id.unwrap_or(design.variant_id);
        let surface = catalog::surface(&looking, design.product_id, design.layout_version)?;
        let filling = fill(surface, &product, variant_id, &params, photos)?;
        let key = key(product.id, design.layout_version, variant_id, &filling.params, &input.field);
        let built = filling.build()?;
        let found = around(&built, filling.surface.layout(), &input.field, has_alpha);
        if found.is_empty() && filling.surface.layout().field(&input.field).is_none() {
            return Err(Refusal::field("field", Message::new("designs.frame_unknown")).into());
        }
        let mut missing = Vec::new();
        let mut parts = Vec::new();
        for Around { layer, under, over } in found {
            let mut want = |scene, name: String, clear| {
                let url = preview_url(&name);
                if !drawer.has_preview(&name) {
                    missing.push((name, scene, clear));
                }
                url
            };
            parts.push(FrameLayers {
                layer,
                under_url: under.map(|scene| want(scene, under_name(&looking, id, &key, layer), false)),
                over_url: over.map(|scene| want(scene, over_name(&looking, id, &key, layer), true)),
            });
        }
        Ok::<_, Error>((filling, parts, missing))
    })
    .await?;
    if !missing.is_empty() {
        let seat = workshop.desk.seat(id.0).await?;
        blocking(move || {
            for (name, scene, clear) in missing {
                workshop.keep_preview(&name, &draw_part(&shop, &workshop, &filling, &scene, clear)?);
            }
            drop(seat);
            Ok::<_, Fault>(())
        })
        .await?;
    }
    Ok(Reply::json(&Layers { layers: parts })?)
}
