//! Letting go of what customers gave us: their photos some time after the delivery, and everything when they ask for it.

use super::Frozen;
use super::content::checksums;
use super::model::{Design, DesignId, Photo, Status};
use super::table;
use super::workshop::{HIGH_SIDE, LOW_SIDE, preview_name, workshop};
use crate::kernel::{Fault, Moment};
use crate::shop::Shop;
use crate::store::{BlobRef, Snapshot, WriteTx};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// What was let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    pub photos: usize,
    pub prints: usize,
}

impl Gone {
    pub fn add(&mut self, other: Gone) {
        self.photos += other.photos;
        self.prints += other.prints;
    }
}

/// The photos of a design, as they were uploaded.
///
/// # Errors
/// A database that cannot be read.
pub fn photos_of(tx: &impl Snapshot, id: DesignId) -> Result<Vec<Photo>, Fault> {
    table::photos(tx, id)
}

/// Deletes the photos of a design and the print files that show them. The small preview of what was bought stays. A design without photos
/// stays as it is, and so does one that is being rendered. The files themselves go with the next sweep.
///
/// # Errors
/// A database that cannot be written.
pub fn forget_photos(tx: &WriteTx, id: DesignId, bought: Option<&Frozen>, now: Moment) -> Result<Gone, Fault> {
    let Some(mut design) = table::design(tx, id)? else { return Ok(Gone::default()) };
    let photos = table::photos(tx, id)?;
    if photos.is_empty() || matches!(design.status, Status::Queued | Status::Rendering) {
        return Ok(Gone::default());
    }
    for photo in &photos {
        table::remove_photo(tx, id, photo)?;
    }
    let mut gone = Gone { photos: photos.len(), prints: 0 };
    gone.prints += forget_print(tx, &design, &design.key)?;
    if let Some(bought) = bought {
        let (_, key) = checksums(bought.product_id, bought.layout_version, bought.variant_id, &bought.params);
        gone.prints += forget_print(tx, &design, &key)?;
    }
    let shown: Vec<String> =
        design.params.iter().filter(|(_, value)| value.get("photo_id").is_some()).map(|(f, _)| f.clone()).collect();
    design.params.retain(|field, _| !shown.contains(field));
    design.warnings.retain(|warning| !shown.contains(&warning.field));
    design.sharpness.clear();
    design.missing.extend(shown);
    become_draft(&mut design, now);
    table::put_design(tx, &design)?;
    Ok(gone)
}

/// As after any other change of params.
fn become_draft(design: &mut Design, now: Moment) {
    let (crc32, key) = checksums(design.product_id, design.layout_version, design.variant_id, &design.params);
    design.params_crc32 = crc32;
    design.key = key;
    design.status = Status::Draft;
    design.failure_reason = None;
    design.preview = None;
    design.final_picture = None;
    design.job = None;
    design.version += 1;
    design.updated_at = now;
}

/// The print file of a design under one key, unless another design shows the same and still needs it.
fn forget_print(tx: &WriteTx, design: &Design, key: &str) -> Result<usize, Fault> {
    let Some(picture) = table::final_picture(tx, key)? else { return Ok(0) };
    table::unlist_file(tx, &picture.blob, design.id)?;
    if table::blobs_in_use(tx, &picture.blob.sha256)? {
        return Ok(0);
    }
    table::forget_final(tx, key)?;
    Ok(1)
}

/// Every preview and print file that designs have or had, for [`forget`]: by its name or key, with the design. Reads both tables through,
/// so it is done before the write.
///
/// # Errors
/// A database that cannot be read.
pub fn pictures_of(tx: &impl Snapshot, designs: &HashSet<DesignId>) -> Result<Vec<Kept>, Fault> {
    table::pictures_of(tx, designs)
}

/// One picture that is kept for a design.
#[derive(Clone, Debug)]
pub struct Kept {
    pub design: DesignId,
    /// The name of a preview, or the key of a print file.
    pub name: String,
    pub is_print: bool,
    pub blob: BlobRef,
}

/// Designs with photos that nobody has touched since `before`, of those behind `after`, in the order they were made; ends with those that
/// were made later.
///
/// # Errors
/// A database that cannot be read.
pub fn idle_with_photos(
    tx: &impl Snapshot,
    before: Moment,
    after: Option<DesignId>,
    mut visit: impl FnMut(Design) -> Result<ControlFlow<()>, Fault>,
) -> Result<(), Fault> {
    let mut after = after;
    while let Some(design) = table::next_with_photos(tx, after)? {
        after = Some(design.id);
        // The ids of designs sort by their birth.
        if design.created_at >= before {
            return Ok(());
        }
        if is_idle(tx, &design, before)? && visit(design)?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// A photo that came in is a touch as well, whether or not it was put to use.
fn is_idle(tx: &impl Snapshot, design: &Design, before: Moment) -> Result<bool, Fault> {
    Ok(design.updated_at < before && table::photos(tx, design.id)?.iter().all(|photo| photo.created_at < before))
}

/// Deletes the photos of a design that nobody wants any more, and every picture of it; its words stay. One that was touched since `before`
/// stays whole.
///
/// # Errors
/// A database that cannot be written.
pub fn forget_idle(
    tx: &WriteTx,
    shop: &Shop,
    id: DesignId,
    pictures: &[Kept],
    before: Moment,
    now: Moment,
) -> Result<Gone, Fault> {
    let Some(design) = table::design(tx, id)? else { return Ok(Gone::default()) };
    if !is_idle(tx, &design, before)? {
        return Ok(Gone::default());
    }
    let mut gone = forget_photos(tx, id, None, now)?;
    if gone.photos > 0 {
        gone.prints += forget_pictures(tx, shop, &design, pictures)?;
    }
    Ok(gone)
}

/// Deletes previews and print files, as far as no other design shows the same. Gives how many print files went.
fn forget_pictures(tx: &WriteTx, shop: &Shop, design: &Design, pictures: &[Kept]) -> Result<usize, Fault> {
    let cached = [LOW_SIDE, HIGH_SIDE].map(|side| preview_name(shop, design.id, &design.key, side));
    let mut prints = 0;
    for kept in pictures.iter().filter(|kept| kept.design == design.id) {
        table::unlist_file(tx, &kept.blob, design.id)?;
        if !kept.is_print {
            table::forget_preview(tx, &kept.name)?;
        } else if !table::blobs_in_use(tx, &kept.blob.sha256)? && table::forget_final(tx, &kept.name)? {
            prints += 1;
        }
    }
    let shop = shop.clone();
    tx.after_commit(move || cached.iter().for_each(|name| workshop(&shop).drop_preview(name)));
    Ok(prints)
}

/// Deletes all that a customer put into a design: photos, words, pictures, the link to show it. An empty draft is left, which orders name.
///
/// # Errors
/// A database that cannot be written.
pub fn forget(tx: &WriteTx, shop: &Shop, id: DesignId, pictures: &[Kept], now: Moment) -> Result<Gone, Fault> {
    let Some(mut design) = table::design(tx, id)? else { return Ok(Gone::default()) };
    let mut gone = Gone::default();
    for photo in table::photos(tx, id)? {
        table::remove_photo(tx, id, &photo)?;
        gone.photos += 1;
    }
    gone.prints += forget_pictures(tx, shop, &design, pictures)?;
    if let Some(token) = design.share_token.take() {
        table::forget_share(tx, &token)?;
    }
    let filled: Vec<String> = design.params.keys().cloned().collect();
    design.params = Map::<String, Value>::new();
    design.name = String::new();
    design.missing.extend(filled);
    design.undrawable.clear();
    design.warnings.clear();
    design.sharpness.clear();
    become_draft(&mut design, now);
    table::put_design(tx, &design)?;
    Ok(gone)
}
