//! What a layout looks like with its sample, drawn by the renderer that prints.

use crate::catalog::changes;
use crate::catalog::{self, ProductId, Surface};
use crate::designs::photos::blocking;
use crate::designs::workshop::{draw_layout, workshop};
use crate::kernel::{Error, Refusal};
use crate::people::{require, rights};
use crate::web::{Problem, Reply, Visit};
use axum::extract::{Path, Query};
use serde::Deserialize;

/// The longer side of the picture that is worked with, and of a small one in a list.
const SIDES: [u32; 2] = [900, 240];

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PictureQuery {
    /// A version; the draft, or what is in the shop, unless given.
    version: Option<u32>,
    /// The longer side in pixels: 900 or 240.
    side: Option<u32>,
    /// Says which state is meant. The picture of another one is not to be kept.
    #[serde(default)]
    of: String,
}

/// The address of the picture of a layout.
pub fn url(id: ProductId, version: Option<u32>, side: u32, hash: &str) -> String {
    let version = version.map(|version| format!("&version={version}")).unwrap_or_default();
    format!("/admin/products/{id}/layout/picture?side={side}{version}&of={hash}")
}

/// A layout with its sample, bleed and all, as JPEG.
#[utoipa::path(get, path = "/admin/products/{id}/layout/picture", tag = "admin", params(("id" = String, Path), PictureQuery),
    responses((status = 200, content_type = "image/jpeg"), (status = 404)))]
pub async fn show_layout_picture(
    visit: Visit,
    Path(id): Path<ProductId>,
    Query(query): Query<PictureQuery>,
) -> Result<Reply, Problem> {
    require(&visit, rights::reads_panel)?;
    let side = query.side.filter(|side| SIDES.contains(side)).unwrap_or(SIDES[0]);
    let shop = visit.shop.clone();
    let seat = workshop(&shop).desk.seat(id.0).await?;
    let (jpeg, hash) = blocking(move || {
        let tx = shop.store().read()?;
        let row = match query.version {
            Some(version) => catalog::table::surface(&tx, id, version)?.ok_or_else(Refusal::not_found)?,
            None => changes::draft_or_current(&tx, id)?.surface,
        };
        drop(tx);
        let hash = row.hash.clone();
        let name = format!("layout-{hash}-{side}.jpg");
        let workshop = workshop(&shop);
        if let Some(jpeg) = workshop.cached_picture(&name) {
            return Ok((jpeg, hash));
        }
        let jpeg = draw_layout(&Surface::new(id, 0, row)?, side)?;
        workshop.keep_picture(&name, &jpeg);
        drop(seat);
        Ok::<_, Error>((jpeg, hash))
    })
    .await?;
    let keep = if hash == query.of { "private, max-age=31536000, immutable" } else { "private, no-cache" };
    Ok(crate::designs::web::files::picture(jpeg, "image/jpeg", keep))
}
