//! Designs, their photos and pictures in the database.

use super::forget::Kept;
use super::model::{Approved, Design, DesignId, Final, Photo, PhotoId};
use crate::catalog::{self, ProductId};
use crate::kernel::{Fault, Moment};
use crate::store::{BlobRef, Digest, Index, Order, Snapshot, Table, WriteTx};
use crate::web::SessionId;
use std::collections::{HashMap, HashSet};
use std::ops::{Bound, ControlFlow};
use uuid::Uuid;

static DESIGNS: Table<DesignId, Design> = Table::new("designs", 1);
static OF_SESSION: Index<(SessionId, Moment, DesignId)> = Index::new("designs.of_session");
static PHOTOS: Table<(DesignId, PhotoId), Photo> = Table::new("designs.photos", 1);
/// Approved previews by the name in their address.
static PREVIEWS: Table<String, Approved> = Table::new("designs.previews", 1);
/// Print files by what they show, so that the same params are never rendered twice.
static FINALS: Table<String, Final> = Table::new("designs.finals", 1);
static SHARES: Table<String, DesignId> = Table::new("designs.shares", 1);
/// Files this room refers to, and from which design.
static FILES: Index<(Digest, DesignId)> = Index::new("designs.files");

/// More photos than any design may have.
const ALL_PHOTOS: usize = 1000;

pub fn design(tx: &impl Snapshot, id: DesignId) -> Result<Option<Design>, Fault> {
    DESIGNS.get(tx, &id)
}

pub fn put_design(tx: &WriteTx, design: &Design) -> Result<(), Fault> {
    for session in design.also.iter().chain([&design.session]) {
        OF_SESSION.put(tx, &(*session, design.created_at, design.id))?;
    }
    DESIGNS.put(tx, &design.id, design)
}

/// The designs of a session, newest first.
pub fn of_session(tx: &impl Snapshot, session: SessionId, limit: usize) -> Result<Vec<Design>, Fault> {
    let keys = OF_SESSION.prefix(tx, &session, None, Order::Falling, limit)?;
    let mut designs = Vec::with_capacity(keys.len());
    for (_, _, id) in keys {
        designs.extend(design(tx, id)?);
    }
    Ok(designs)
}

pub fn photo(tx: &impl Snapshot, design: DesignId, photo: PhotoId) -> Result<Option<Photo>, Fault> {
    PHOTOS.get(tx, &(design, photo))
}

/// The photos of a design, in the order they came.
pub fn photos(tx: &impl Snapshot, design: DesignId) -> Result<Vec<Photo>, Fault> {
    let rows = PHOTOS.prefix(tx, &design, None, Order::Rising, ALL_PHOTOS)?;
    Ok(rows.into_iter().map(|(_, photo)| photo).collect())
}

pub fn photos_by_id(tx: &impl Snapshot, design: DesignId) -> Result<HashMap<PhotoId, Photo>, Fault> {
    Ok(photos(tx, design)?.into_iter().map(|photo| (photo.id, photo)).collect())
}

pub fn put_photo(tx: &WriteTx, design: DesignId, photo: &Photo) -> Result<(), Fault> {
    FILES.put(tx, &(photo.original.sha256, design))?;
    FILES.put(tx, &(photo.proxy.sha256, design))?;
    PHOTOS.put(tx, &(design, photo.id), photo)
}

pub fn preview(tx: &impl Snapshot, name: &str) -> Result<Option<Approved>, Fault> {
    PREVIEWS.get(tx, &name.to_owned())
}

pub fn put_preview(tx: &WriteTx, design: DesignId, preview: &Approved) -> Result<(), Fault> {
    FILES.put(tx, &(preview.blob.sha256, design))?;
    PREVIEWS.put(tx, &preview.name, preview)
}

pub fn final_picture(tx: &impl Snapshot, key: &str) -> Result<Option<Final>, Fault> {
    FINALS.get(tx, &key.to_owned())
}

pub fn put_final(tx: &WriteTx, design: DesignId, key: &str, picture: &Final) -> Result<(), Fault> {
    FILES.put(tx, &(picture.blob.sha256, design))?;
    FINALS.put(tx, &key.to_owned(), picture)
}

/// The file is to be rendered again, whatever is known about it.
pub fn forget_final(tx: &WriteTx, key: &str) -> Result<bool, Fault> {
    FINALS.remove(tx, &key.to_owned())
}

pub fn remove_photo(tx: &WriteTx, design: DesignId, photo: &Photo) -> Result<(), Fault> {
    PHOTOS.remove(tx, &(design, photo.id))?;
    // Another photo of the design may be the same file.
    let left = photos(tx, design)?;
    for blob in [&photo.original, &photo.proxy] {
        if !left.iter().any(|other| other.original == *blob || other.proxy == *blob) {
            FILES.remove(tx, &(blob.sha256, design))?;
        }
    }
    Ok(())
}

/// The design does not need the file any more.
pub fn unlist_file(tx: &WriteTx, blob: &BlobRef, design: DesignId) -> Result<(), Fault> {
    FILES.remove(tx, &(blob.sha256, design)).map(drop)
}

pub fn forget_preview(tx: &WriteTx, name: &str) -> Result<bool, Fault> {
    PREVIEWS.remove(tx, &name.to_owned())
}

pub fn forget_share(tx: &WriteTx, token: &str) -> Result<bool, Fault> {
    SHARES.remove(tx, &token.to_owned())
}

/// Every preview and print file of these designs, whatever they show by now.
pub fn pictures_of(tx: &impl Snapshot, designs: &HashSet<DesignId>) -> Result<Vec<Kept>, Fault> {
    let mut found = Vec::new();
    let mut look = |name: String, is_print: bool, blob: BlobRef| {
        for (_, design) in FILES.prefix(tx, &blob.sha256, None, Order::Rising, ALL_PHOTOS)? {
            if designs.contains(&design) {
                found.push(Kept { design, name: name.clone(), is_print, blob });
            }
        }
        Ok::<_, Fault>(ControlFlow::Continue(()))
    };
    PREVIEWS.each(tx, .., Order::Rising, |name, preview| look(name, false, preview.blob))?;
    FINALS.each(tx, .., Order::Rising, |key, picture| look(key, true, picture.blob))?;
    Ok(found)
}

pub fn shared(tx: &impl Snapshot, token: &str) -> Result<Option<DesignId>, Fault> {
    SHARES.get(tx, &token.to_owned())
}

pub fn put_share(tx: &WriteTx, token: &str, design: DesignId) -> Result<(), Fault> {
    SHARES.put(tx, &token.to_owned(), &design)
}

/// Whether a row refers to the file: photos, proxies, approved previews, print files, and products' own pictures.
///
/// # Errors
/// A database that cannot be read.
pub fn blobs_in_use(tx: &impl Snapshot, file: &Digest) -> Result<bool, Fault> {
    Ok(FILES.count(tx, file, 1)? > 0 || catalog::blobs_in_use(tx, file)?)
}

/// Shows every file a row refers to, with what it is.
///
/// # Errors
/// A database that cannot be read, and those of `visit`.
pub fn each_file(tx: &impl Snapshot, mut visit: impl FnMut(&str, &BlobRef) -> Result<(), Fault>) -> Result<(), Fault> {
    catalog::each_file(tx, &mut visit)?;
    PHOTOS.each(tx, .., Order::Rising, |(design, _), photo| {
        visit(&format!("a photo of design {design}"), &photo.original)?;
        visit(&format!("the small picture of a photo of design {design}"), &photo.proxy)?;
        Ok(ControlFlow::Continue(()))
    })?;
    PREVIEWS.each(tx, .., Order::Rising, |_, preview| {
        visit("an approved preview", &preview.blob)?;
        Ok(ControlFlow::Continue(()))
    })?;
    FINALS.each(tx, .., Order::Rising, |_, picture| {
        visit("a print file", &picture.blob)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// The files of which no row says in the list of files that they are used: the sweep would take them.
///
/// # Errors
/// As [`each_file`].
pub fn unlisted_files(tx: &impl Snapshot) -> Result<Vec<(String, BlobRef)>, Fault> {
    let mut found = Vec::new();
    each_file(tx, |what, blob| {
        if !blobs_in_use(tx, &blob.sha256)? {
            found.push((what.to_owned(), *blob));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Puts them back on the list, under no design's name.
///
/// # Errors
/// A database that cannot be written.
pub fn list_files(tx: &WriteTx) -> Result<u64, Fault> {
    let mut changed = 0;
    for (_, blob) in unlisted_files(tx)? {
        FILES.put(tx, &(blob.sha256, DesignId(Uuid::nil())))?;
        changed += 1;
    }
    Ok(changed)
}

/// Designs with photos behind `after`, in the order they were made: each is one jump over the photos of the one before.
///
/// # Errors
/// A database that cannot be read.
pub fn next_with_photos(tx: &impl Snapshot, after: Option<DesignId>) -> Result<Option<Design>, Fault> {
    let mut low = match after {
        Some(id) => Bound::Excluded((id, PhotoId(Uuid::max()))),
        None => Bound::Unbounded,
    };
    loop {
        let next = PHOTOS.range(tx, (low, Bound::Unbounded), Order::Rising, 1)?.pop();
        let Some(((id, _), _)) = next else { return Ok(None) };
        if let Some(design) = design(tx, id)? {
            return Ok(Some(design));
        }
        low = Bound::Excluded((id, PhotoId(Uuid::max())));
    }
}

/// Shows every design.
///
/// # Errors
/// As [`each_file`].
pub fn each_design(tx: &impl Snapshot, mut visit: impl FnMut(&Design) -> Result<(), Fault>) -> Result<(), Fault> {
    DESIGNS.each(tx, .., Order::Rising, |_, design| {
        visit(&design)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Looks for a design of the product among those behind `after`, in the order they were made. Gives whether there is one, and the last
/// design looked at.
///
/// # Errors
/// As [`each_file`].
pub fn any_of_product(
    tx: &impl Snapshot,
    product: ProductId,
    after: Option<DesignId>,
) -> Result<(bool, Option<DesignId>), Fault> {
    let wanted = product.to_string();
    let (mut found, mut last) = (false, after);
    _ = each_stored(tx, after, |id, json| {
        last = Some(id);
        // Its id stands in the row as text; it can hardly stand there by chance.
        found = json.windows(wanted.len()).any(|window| window == wanted.as_bytes());
        Ok(if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok((found, last))
}

/// How many designs there are.
///
/// # Errors
/// A database that cannot be read.
pub fn count(tx: &impl Snapshot) -> Result<u64, Fault> {
    DESIGNS.len(tx)
}

/// Hands the designs behind `after` to `visit` until it breaks, as the JSON they are stored as, in the order of their ids. Gives `Continue`
/// when there are no more.
///
/// # Errors
/// A database that cannot be read, and those of `visit`.
pub fn each_stored(
    tx: &impl Snapshot,
    after: Option<DesignId>,
    mut visit: impl FnMut(DesignId, &[u8]) -> Result<ControlFlow<()>, Fault>,
) -> Result<ControlFlow<()>, Fault> {
    let mut how = ControlFlow::Continue(());
    DESIGNS.each_stored(tx, after.as_ref(), |id, json| {
        how = visit(id, json)?;
        Ok(how)
    })?;
    Ok(how)
}
