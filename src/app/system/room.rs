//! What the shop takes of the disk, part by part. Files are counted by walking their folders, so the count is kept for a while.

use crate::kernel::{Fault, Moment};
use crate::shop::{DATABASE, Shop};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Older counts are made anew.
const KEPT_S: i64 = 600;

/// Bytes.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Room {
    pub database: u64,
    /// Photos, previews and print files.
    pub pictures: u64,
    pub search_index: u64,
    pub exports: u64,
    pub backups: u64,
    pub outbox: u64,
    /// Everything else in the data folder: what can be made anew.
    pub other: u64,
    pub counted_at: Moment,
}

impl Room {
    pub fn whole(&self) -> u64 {
        self.database + self.pictures + self.search_index + self.exports + self.backups + self.outbox + self.other
    }
}

#[derive(Default)]
struct Kept(Mutex<Option<Room>>);

/// What is taken, as counted at most ten minutes ago. Blocks.
///
/// # Errors
/// A data folder that cannot be read.
pub fn taken(shop: &Shop) -> Result<Room, Fault> {
    let kept = shop.kept(Kept::default);
    let mut kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    let now = shop.now();
    if let Some(room) = kept.as_ref().filter(|room| (0..KEPT_S * 1000).contains(&now.millis_since(room.counted_at))) {
        return Ok(room.clone());
    }
    let dir = shop.data_dir();
    let mut room = Room {
        database: 0,
        pictures: 0,
        search_index: 0,
        exports: 0,
        backups: 0,
        outbox: 0,
        other: 0,
        counted_at: now,
    };
    for entry in fs::read_dir(dir)?.flatten() {
        let bytes = below(&entry.path());
        match entry.file_name().to_str().unwrap_or_default() {
            DATABASE => room.database += bytes,
            "blobs" => room.pictures += bytes,
            "index" => room.search_index += bytes,
            "exports" => room.exports += bytes,
            "backups" => room.backups += bytes,
            "outbox" => room.outbox += bytes,
            _ => room.other += bytes,
        }
    }
    *kept = Some(room.clone());
    Ok(room)
}

/// What lies in a file or below a folder. What is removed meanwhile counts nothing.
fn below(path: &Path) -> u64 {
    let Ok(facts) = fs::symlink_metadata(path) else { return 0 };
    if !facts.is_dir() {
        return facts.len();
    }
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| below(&entry.path())).sum()
}
