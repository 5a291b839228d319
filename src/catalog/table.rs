//! Products and the versions of their layouts in the database.

use super::model::{LayoutDraft, Product, ProductId, SurfaceRow, VariantId};
use super::shelf::Memory;
use crate::kernel::{Code, Fault, Message, Refusal, Result};
use crate::store::{BlobRef, Digest, Index, Order, Page, Snapshot, Table, WriteTx};
use serde::{Deserialize, Serialize};

static PRODUCTS: Table<ProductId, Product> = Table::new("products", 1);
static SURFACES: Table<(ProductId, u32), SurfaceRow> = Table::new("products.layouts", 1);
static DRAFTS: Table<ProductId, LayoutDraft> = Table::new("products.layout_drafts", 1);
/// Of the present slugs and of those before.
static SLUGS: Table<String, ProductId> = Table::new("products.slugs", 1);
static STARTERS: Table<String, Starter> = Table::new("products.starters", 1);

/// Files this room refers to, and from which product.
static FILES: Index<(Digest, ProductId)> = Index::new("products.files");

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
    let before = PRODUCTS.get(tx, &product.id)?;
    for picture in before.iter().flat_map(|before| &before.pictures) {
        FILES.remove(tx, &(picture.file.sha256, product.id))?;
    }
    for picture in &product.pictures {
        FILES.put(tx, &(picture.file.sha256, product.id))?;
    }
    SLUGS.put(tx, &product.slug, &product.id)?;
    PRODUCTS.put(tx, &product.id, product)?;
    let memory = memory.clone();
    tx.after_commit(move || memory.forget());
    Ok(())
}

/// Removes the product with everything of its own. Whoever calls has seen to it that nothing refers to it.
///
/// # Errors
/// A database that cannot be written.
pub(super) fn remove_product(tx: &WriteTx, product: &Product, memory: &std::sync::Arc<Memory>) -> Result<(), Fault> {
    for slug in product.former_slugs.iter().chain([&product.slug]) {
        if SLUGS.get(tx, slug)? == Some(product.id) {
            SLUGS.remove(tx, slug)?;
        }
    }
    for picture in &product.pictures {
        FILES.remove(tx, &(picture.file.sha256, product.id))?;
    }
    for version in 1..=product.layout_version {
        SURFACES.remove(tx, &(product.id, version))?;
    }
    DRAFTS.remove(tx, &product.id)?;
    PRODUCTS.remove(tx, &product.id)?;
    let memory = memory.clone();
    tx.after_commit(move || memory.forget());
    Ok(())
}

/// Whether a product shows the file.
///
/// # Errors
/// A database that cannot be read.
pub fn blobs_in_use(tx: &impl Snapshot, file: &Digest) -> Result<bool, Fault> {
    Ok(FILES.count(tx, file, 1)? > 0)
}

/// Shows every file a product refers to, with what it is.
///
/// # Errors
/// A database that cannot be read, and those of `visit`.
pub fn each_file(tx: &impl Snapshot, mut visit: impl FnMut(&str, &BlobRef) -> Result<(), Fault>) -> Result<(), Fault> {
    for product in products(tx)? {
        for picture in &product.pictures {
            visit(&format!("a picture of the product {}", product.slug), &picture.file)?;
        }
    }
    Ok(())
}

/// The layout that is being worked on, if one is.
///
/// # Errors
/// A database that cannot be read.
pub fn draft(tx: &impl Snapshot, id: ProductId) -> Result<Option<LayoutDraft>, Fault> {
    DRAFTS.get(tx, &id)
}

pub(super) fn put_draft(tx: &WriteTx, id: ProductId, draft: &LayoutDraft) -> Result<(), Fault> {
    DRAFTS.put(tx, &id, draft)
}

pub(super) fn remove_draft(tx: &WriteTx, id: ProductId) -> Result<bool, Fault> {
    DRAFTS.remove(tx, &id)
}

/// The newest versions of a product's layout, the newest first.
///
/// # Errors
/// A database that cannot be read.
pub fn surfaces(tx: &impl Snapshot, id: ProductId, limit: usize) -> Result<Vec<(u32, SurfaceRow)>, Fault> {
    let rows = SURFACES.prefix(tx, &id, None, Order::Falling, limit)?;
    Ok(rows.into_iter().map(|((_, version), row)| (version, row)).collect())
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

/// The product that has the slug, or had it.
pub(super) fn of_slug(tx: &impl Snapshot, slug: &str) -> Result<Option<ProductId>, Fault> {
    SLUGS.get(tx, &slug.to_owned())
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
    let mut all = product.variants.iter_mut().chain(&mut product.former);
    let Some(variant) = all.find(|variant| variant.id == variant_id) else { return Ok(0) };
    let Some(stock) = variant.stock else { return Ok(0) };
    if quantity > stock {
        let message = Message::new("catalog.out_of_stock").with_words("name", &name).with("left", stock.max(0));
        return Err(Refusal::because(Code::OutOfStock, message).into());
    }
    variant.stock = Some(stock - quantity);
    put_product(tx, &product, &super::shelf::memory(shop))?;
    Ok(quantity)
}
