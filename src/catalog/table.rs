//! Products and the versions of their layouts in the database.

use super::model::{Product, ProductId, SurfaceRow, VariantId};
use super::shelf::Memory;
use crate::kernel::{Code, Fault, Message, Refusal, Result};
use crate::store::{Order, Page, Snapshot, Table, WriteTx};
use serde::{Deserialize, Serialize};

static PRODUCTS: Table<ProductId, Product> = Table::new("products", 1);
static SURFACES: Table<(ProductId, u32), SurfaceRow> = Table::new("products.layouts", 1);
static SLUGS: Table<String, ProductId> = Table::new("products.slugs", 1);
static STARTERS: Table<String, Starter> = Table::new("products.starters", 1);

/// No shop has more products than this; lists in memory count on it.
const MAX_PRODUCTS: usize = 5000;

/// Which product of the starter catalogue became which product of the shop.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Starter {
    pub product_id: ProductId,
    /// Of the file it was installed from.
    pub hash: String,
}

/// The product as stored.
///
/// # Errors
/// A database that cannot be read.
pub fn product(tx: &impl Snapshot, id: ProductId) -> Result<Option<Product>, Fault> {
    PRODUCTS.get(tx, &id)
}

/// Every product, archived ones too, in the order of the shop.
///
/// # Errors
/// A database that cannot be read.
pub fn products(tx: &impl Snapshot) -> Result<Vec<Product>, Fault> {
    let rows = PRODUCTS.page(tx, Page::first(Order::Rising, MAX_PRODUCTS))?;
    let mut products: Vec<_> = rows.into_iter().map(|(_, product)| product).collect();
    products.sort_by_key(|product| (product.position, product.id));
    Ok(products)
}

/// One version of a product's layout.
///
/// # Errors
/// A database that cannot be read.
pub fn surface(tx: &impl Snapshot, id: ProductId, version: u32) -> Result<Option<SurfaceRow>, Fault> {
    SURFACES.get(tx, &(id, version))
}

/// Writes the product; whoever reads the catalogue after the commit sees it.
///
/// # Errors
/// A slug that another product has, or a database that cannot be written.
pub(super) fn put_product(tx: &WriteTx, product: &Product, memory: &std::sync::Arc<Memory>) -> Result<()> {
    if let Some(other) = SLUGS.get(tx, &product.slug)?.filter(|other| *other != product.id) {
        return Err(Fault::bug(format!("the slug {} belongs to product {other}", product.slug)).into());
    }
    if let Some(before) = PRODUCTS.get(tx, &product.id)?.filter(|before| before.slug != product.slug) {
        SLUGS.remove(tx, &before.slug)?;
    }
    SLUGS.put(tx, &product.slug, &product.id)?;
    PRODUCTS.put(tx, &product.id, product)?;
    let memory = memory.clone();
    tx.after_commit(move || memory.forget());
    Ok(())
}

pub(super) fn put_surface(tx: &WriteTx, id: ProductId, version: u32, surface: &SurfaceRow) -> Result<(), Fault> {
    SURFACES.put(tx, &(id, version), surface)
}

pub(super) fn starter(tx: &impl Snapshot, slug: &str) -> Result<Option<Starter>, Fault> {
    STARTERS.get(tx, &slug.to_owned())
}

pub(super) fn put_starter(tx: &WriteTx, slug: &str, starter: &Starter) -> Result<(), Fault> {
    STARTERS.put(tx, &slug.to_owned(), starter)
}

pub(super) fn is_slug_taken(tx: &impl Snapshot, slug: &str) -> Result<bool, Fault> {
    SLUGS.has(tx, &slug.to_owned())
}

/// Takes `quantity` blanks off the stock of a variant, or gives them back when it is negative, and says how many were taken: none where the
/// stock is not counted.
///
/// # Errors
/// `out_of_stock` when there are fewer.
pub fn take_stock(
    tx: &WriteTx,
    shop: &crate::shop::Shop,
    product_id: ProductId,
    variant_id: VariantId,
    quantity: i64,
) -> Result<i64> {
    let Some(mut product) = product(tx, product_id)? else { return Ok(0) };
    let name = product.name.clone();
    let Some(variant) = product.variants.iter_mut().find(|variant| variant.id == variant_id) else { return Ok(0) };
    let Some(stock) = variant.stock else { return Ok(0) };
    if quantity > stock {
        let message = Message::new("catalog.out_of_stock").with_words("name", &name).with("left", stock.max(0));
        return Err(Refusal::because(Code::OutOfStock, message).into());
    }
    variant.stock = Some(stock - quantity);
    put_product(tx, &product, &super::shelf::memory(shop))?;
    Ok(quantity)
}
