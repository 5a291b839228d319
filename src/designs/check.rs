//! What `petstar check` looks at in designs, and the sweep of files that nothing refers to any more.

use super::model::Status;
use super::table;
use crate::catalog;
use crate::kernel::Fault;
use crate::queue;
use crate::shop::Shop;
use crate::store::{BlobRef, ReadTx};
use std::collections::HashMap;

/// Everything wrong with designs and their files, in words. `is_whole` looks whether a file is there as it was stored.
///
/// # Errors
/// A database that cannot be read.
pub fn check(tx: &ReadTx, is_whole: &dyn Fn(&BlobRef) -> bool) -> Result<Vec<String>, Fault> {
    let mut wrong = Vec::new();
    // A file is read once, however many rows share it.
    let mut seen = HashMap::new();
    table::each_file(tx, |what, blob| {
        if !*seen.entry(*blob).or_insert_with(|| is_whole(blob)) {
            wrong.push(format!("A file is missing or changed: {what}, {}.", blob.sha256));
        }
        Ok(())
    })?;
    for (what, blob) in table::unlisted_files(tx)? {
        wrong.push(format!("A file is in use, but not listed as such: {what}, {}.", blob.sha256));
    }
    table::each_design(tx, |design| {
        let mut say = |what: &str| wrong.push(format!("Design {} {what}.", design.id));
        for value in design.params.values() {
            let photo = value.get("photo_id").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
            if let Some(photo) = photo
                && table::photo(tx, design.id, photo)?.is_none()
            {
                say("shows a photo that does not exist");
            }
        }
        match design.status {
            Status::Ready if design.final_picture.is_none() => say("is ready, but has no print file"),
            Status::Queued | Status::Rendering => {
                let job = design.job.map(|id| queue::job(tx, id)).transpose()?.flatten();
                if job.is_none_or(|job| job.status.is_settled()) {
                    say("waits to be rendered, but no job will do it");
                }
            }
            _ => {}
        }
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
