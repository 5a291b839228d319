//! The rows of exports.

use super::model::{Export, ExportId};
use crate::kernel::{Fault, Moment};
use crate::store::{Order, Page, Snapshot, Table, WriteTx};

static EXPORTS: Table<ExportId, Export> = Table::new("exports", 1);

pub fn get(tx: &impl Snapshot, id: ExportId) -> Result<Option<Export>, Fault> {
    EXPORTS.get(tx, &id)
}

pub fn put(tx: &WriteTx, export: &Export) -> Result<(), Fault> {
    EXPORTS.put(tx, &export.id, export)
}

/// Newest first, behind `after`.
pub fn list(tx: &impl Snapshot, after: Option<ExportId>, limit: usize) -> Result<Vec<Export>, Fault> {
    let page = match after {
        Some(after) => Page::behind(after, Order::Falling, limit),
        None => Page::first(Order::Falling, limit),
    };
    Ok(EXPORTS.page(tx, page)?.into_iter().map(|(_, export)| export).collect())
}

/// Forgets one.
pub fn remove(tx: &WriteTx, id: ExportId) -> Result<(), Fault> {
    EXPORTS.remove(tx, &id).map(drop)
}

/// Forgets what was asked for before a moment, and says what that was.
pub fn forget(tx: &WriteTx, before: Moment, limit: usize) -> Result<Vec<ExportId>, Fault> {
    let oldest = EXPORTS.page(tx, Page::first(Order::Rising, limit))?;
    let old = oldest.into_iter().filter(|(_, export)| export.created_at < before).map(|(id, _)| id);
    let old: Vec<ExportId> = old.collect();
    for id in &old {
        EXPORTS.remove(tx, id)?;
    }
    Ok(old)
}
