//! What the shop sells: blanks with a layout to personalise and variants with a price each.
//!
//! May touch: the rooms left of it. Begin with [`model`] (a product), [`layout`] (its design surface), [`mod@shelf`] (all of it in memory).

pub mod admin;
pub mod changes;
pub mod finding;
pub mod layout;
pub mod model;
pub mod shelf;
pub mod starter;
pub mod table;
pub mod typed;
pub mod view;
pub mod web;

pub use finding::reindex;
pub use model::{PictureId, Product, ProductId, ProductPicture, ProductStatus, Variant, VariantId};
pub use shelf::{Shelf, Surface, shelf, surface};
pub use starter::install_starter;
pub use table::{blobs_in_use, each_file, product, take_stock};
pub use web::routes;

use crate::kernel::Fault;
use crate::shop::Shop;

/// Puts the starter catalogue into the shop and sees to the search index. Blocks; called at start.
///
/// # Errors
/// A database that cannot be read or written. An index that cannot be written is only logged.
pub fn start(shop: &Shop) -> Result<(), Fault> {
    let new = install_starter(shop)?;
    if new > 0 {
        tracing::info!(products = new, "the starter catalogue is in place");
    }
    if let Err(fault) = finding::refresh_index(shop) {
        tracing::warn!(%fault, "searching may miss products until the next start");
    }
    Ok(())
}
