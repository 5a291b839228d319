//! CSV files of what the shop knows: orders, customers, designs and the audit log, made by jobs and by `petstar export`.
//!
//! May touch: the rooms left of it. Begin with `model` (what is asked for), then `write` (how a file comes about), `columns` (what
//! stands in it) and `sheet` (what a cell looks like).

mod columns;
pub mod jobs;
mod lean;
pub mod model;
mod parcels;
mod personal;
pub mod sheet;
mod table;
mod web;
mod write;

pub use jobs::{handlers, sweep};
pub use model::{Encoding, Export, ExportId, Heads, Kind, Rows, Wish};
pub use write::{Told, with_product, write};

use crate::shop::Shop;
use utoipa_axum::router::OpenApiRouter;

/// Every route of this room.
pub fn routes() -> OpenApiRouter<Shop> {
    web::routes().merge(parcels::routes()).merge(personal::routes())
}

#[cfg(test)]
mod tests;
