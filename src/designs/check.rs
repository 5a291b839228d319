//! What `petstar check` looks at in designs, and the sweep of files that nothing refers to any more.

use super::table;
use crate::catalog;
use crate::kernel::Fault;
use crate::shop::Shop;
use crate::store::ReadTx;
use std::collections::HashMap;

/// Everything wrong with designs and their files, in words.
///
/// # Errors
/// A database that cannot be read.
pub fn check(shop: &Shop, tx: &ReadTx) -> Result<Vec<String>, Fault> {
    let mut wrong = Vec::new();
    // A file is read once, however many rows share it.
    let mut seen = HashMap::new();
    table::each_file(tx, |what, blob| {
        let is_whole = *seen.entry(blob.sha256).or_insert_with(|| shop.blobs().verify(blob).is_ok());
        if !is_whole {
            wrong.push(format!("A file is missing or changed: {what}, {}.", blob.sha256));
        }
        Ok(())
    })?;
    table::each_design(tx, |design| {
        match catalog::product(tx, design.product_id)? {
            None => wrong.push(format!("Design {} is of a product that does not exist.", design.id)),
            Some(product) if product.variant(design.variant_id).is_none() => {
                wrong.push(format!("Design {} is of a variant that does not exist.", design.id));
            }
            Some(_) => {}
        }
        Ok(())
    })?;
    Ok(wrong)
}

/// Removes files without a row that are older than a day: uploads that were cut off, previews nobody kept.
///
/// # Errors
/// A folder or database that cannot be read.
pub async fn sweep(shop: &Shop) -> Result<(), Fault> {
    let shop = shop.clone();
    let swept = tokio::task::spawn_blocking(move || {
        let before = shop.now().plus_days(-1);
        // Asked of the present rows for each file: one may have been taken into use a moment ago.
        shop.blobs().sweep(|file| table::blobs_in_use(&shop.store().read()?, file), before)
    });
    let swept = swept.await.map_err(|error| Fault::bug(error.to_string()))??;
    if swept.files > 0 {
        tracing::info!(files = swept.files, "files without a row were swept");
    }
    Ok(())
}
