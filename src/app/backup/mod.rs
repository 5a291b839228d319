//! Backups of the whole shop: by command, through the running shop, and by themselves every night; and back again.
//!
//! Begin with [`write()`] (what goes in), [`nightly()`] (when by itself) and [`restore()`].

mod job;
mod nightly;
mod restore;
pub mod web;

pub use job::{handlers, under_way as job_under_way};
pub use nightly::{Standing, nightly, standing};
pub use restore::restore;

use super::commands::Outcome;
use crate::designs;
use crate::kernel::{Fault, Moment};
use crate::shop::Shop;
use crate::store::backup::{self, About, Manifest, Sources};
use crate::store::{FORMAT, Snapshot, Table, WriteTx, files};
use serde::{Deserialize, Serialize};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, TryLockError};

/// One row: how the backups stand.
static STATE: Table<String, State> = Table::new("app.backups", 1);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// When somebody first looked; before a first backup its age counts from here.
    since: Moment,
    /// The last one that was made, however.
    last: Option<Moment>,
    /// The last one that was made by itself.
    by_itself: Option<Moment>,
    /// Why the last one was not made, in words for staff.
    trouble: Option<String>,
}

fn state(tx: &impl Snapshot) -> Result<Option<State>, Fault> {
    STATE.get(tx, &"state".to_owned())
}

fn put_state(tx: &WriteTx, state: &State) -> Result<(), Fault> {
    STATE.put(tx, &"state".to_owned(), state)
}

/// Two at once would only be twice as slow.
#[derive(Default)]
struct Alone(Mutex<()>);

/// What must stay free beside a backup, so that the shop goes on.
const RESERVE_BYTES: u64 = 256 << 20;

/// Writes the whole shop as it is now, while it goes on. Blocks.
///
/// # Errors
/// Another backup under way, a database that cannot be read, an `out` that cannot be written.
pub fn write(shop: &Shop, out: impl Write) -> Result<Manifest, Fault> {
    let alone = shop.kept(Alone::default);
    let _alone = match alone.0.try_lock() {
        Err(TryLockError::WouldBlock) => {
            return Err(Fault::operator("Another backup is being made. Try again when it is done."));
        }
        // Whoever panicked in here left nothing behind.
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
    };
    // Before the snapshot: what it names stays until the copy is done.
    let _held = shop.blobs().hold();
    let tx = shop.store().read()?;
    let mut files = Vec::new();
    designs::each_file(&tx, |what, blob| {
        files.push((what.to_owned(), *blob));
        Ok(())
    })?;
    let about = About {
        backup_format: backup::FORMAT,
        database_format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        shop_name: shop.settings().shop_name.clone(),
        made_at: shop.now(),
    };
    // What the stand-in for Stripe knows of open payments.
    let folder = vec![("sandbox.jsonl", shop.data_dir().join("sandbox.jsonl"))];
    backup::write(Sources { about, tx: &tx, blobs: shop.blobs(), files, folder }, out)
}

/// How many bytes a backup will have, about.
///
/// # Errors
/// A folder that cannot be read.
pub fn expected_bytes(shop: &Shop) -> Result<u64, Fault> {
    let mut bytes = std::fs::metadata(shop.data_dir().join(crate::shop::DATABASE)).map_or(0, |facts| facts.len());
    shop.blobs().each(|_, length| {
        bytes += length + 1024;
        Ok(())
    })?;
    Ok(bytes)
}

/// # Errors
/// [`Fault::Operator`] when `path` lies on a disk that a backup of `bytes` would fill, or in no folder.
pub fn look_for_room(path: &Path, bytes: u64) -> Result<(), Fault> {
    let folder = files::folder_of(path);
    if path.is_dir() || !folder.is_dir() {
        return Err(Fault::operator(format!(
            "{} is not the name of a file in a folder that is there.",
            path.display()
        )));
    }
    match files::free_bytes(folder) {
        Some(free) if free < bytes + RESERVE_BYTES => Err(Fault::operator(format!(
            "There is not enough room for a backup in {}: some {} MiB are needed, {} MiB are free.",
            folder.display(),
            (bytes + RESERVE_BYTES) >> 20,
            free >> 20
        ))),
        _ => Ok(()),
    }
}

/// Writes a backup into the file `path`, which is whole or not there; an older one is replaced at the very end. Blocks.
///
/// # Errors
/// As [`write()`] and [`look_for_room`].
pub fn write_file(shop: &Shop, path: &Path) -> Result<Manifest, Fault> {
    look_for_room(path, expected_bytes(shop)?)?;
    files::write_with(path, 0o600, |file| write(shop, BufWriter::with_capacity(1 << 18, file)))
}

/// Remembers that a backup was made.
///
/// # Errors
/// A database that cannot be written.
pub async fn record(shop: &Shop, made_at: Moment, by_itself: bool) -> Result<(), Fault> {
    let write = move |tx: &WriteTx| {
        let old = state(tx)?;
        let state = State {
            since: old.as_ref().map_or(made_at, |old| old.since),
            last: Some(made_at),
            by_itself: if by_itself { Some(made_at) } else { old.and_then(|old| old.by_itself) },
            trouble: None,
        };
        put_state(tx, &state)
    };
    shop.store().write(write).await
}

/// `petstar backup FILE` while no shop runs.
///
/// # Errors
/// As [`write_file`].
pub async fn command(shop: &Shop, path: &Path) -> Result<Outcome, Fault> {
    let made_at = shop.now();
    let (inner, path) = (shop.clone(), path.to_owned());
    let manifest = tokio::task::spawn_blocking(move || write_file(&inner, &path))
        .await
        .map_err(|error| Fault::bug(error.to_string()))??;
    record(shop, made_at, false).await?;
    Ok(tell(&manifest))
}

/// What a backup that was made holds, in words. One that had to leave out files is a failure of sorts.
pub fn tell(manifest: &Manifest) -> Outcome {
    let stdout = format!(
        "Backed up: {} rows in {} tables, {} files with {} MiB.\n",
        manifest.rows(),
        manifest.tables.len(),
        manifest.files,
        manifest.file_bytes >> 20
    );
    let missing = &manifest.missing;
    if missing.is_empty() {
        return Outcome { stdout, ..Outcome::default() };
    }
    let mut stderr =
        format!("Not in the backup, for they are missing or damaged in the shop itself: {} files.\n", missing.len());
    for what in missing.iter().take(20) {
        stderr += &format!("  - {what}\n");
    }
    Outcome { stdout, stderr, code: 1 }
}
