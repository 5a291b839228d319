//! Where the staff make what customers design on: products' own pictures, layouts and their artwork.
//!
//! It stands here and not with the catalogue since a layout is judged by how a design on it looks, and uploads are decoded here.

mod layout;
mod pictures;
mod remove;

use crate::shop::Shop;
use utoipa_axum::router::OpenApiRouter;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().merge(pictures::routes()).merge(remove::routes()).merge(layout::routes())
}
