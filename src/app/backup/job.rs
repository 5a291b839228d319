//! A backup that somebody asked for in the panel: a job, so that it is seen, tried again and survives a restart.

use super::nightly;
use crate::kernel::Fault;
use crate::queue::{self, Done, Handler, Handlers, JobKind, JobRow, JobStatus, Lane};
use crate::shop::Shop;
use crate::store::Snapshot;
use serde_json::json;

pub static BACKUP_MAKE: JobKind =
    JobKind { name: "backup.make", lane: Lane::Heavy, max_attempts: 3, first_delay_s: 60, time_limit_s: 4 * 3600 };

/// Says what the job does.
pub fn handlers(shop: &Shop, handlers: Handlers) -> Handlers {
    let shop = shop.clone();
    let handler = Handler::new(move |running| {
        running.runtime.block_on(nightly::by_itself(&shop, &shop.settings().zone()))?;
        Ok(Done::new(json!({})))
    });
    handlers.on(&BACKUP_MAKE, handler)
}

/// The job that makes one now, or waits for its turn.
///
/// # Errors
/// A database that cannot be read.
pub fn under_way(tx: &impl Snapshot) -> Result<Option<JobRow>, Fault> {
    for status in [JobStatus::Processing, JobStatus::Queued] {
        if let Some(job) = queue::list(tx, Some(status), Some(BACKUP_MAKE.name), None, 1)?.pop() {
            return Ok(Some(job));
        }
    }
    Ok(None)
}
