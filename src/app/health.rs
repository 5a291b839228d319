//! How the shop is, in messages: machines read them in English from `/readyz`, the owner in either language on the page of the system.

use super::backup;
use crate::kernel::{Fault, Message, Moment};
use crate::shop::Shop;
use crate::store::files;
use crate::{payments, people};

/// Room below which the shop says that the disk is nearly full, in bytes.
const SPACE_WANTED: u64 = 64 * 1024 * 1024;

/// Stripe is asked once in each `stripe.reconcile_s`; a few misses are told.
const STRIPE_SILENT_S: i64 = 600;

pub struct Health {
    /// Why no orders can be taken; empty while they can.
    pub reasons: Vec<Message>,
    /// What somebody should look at although orders can be taken.
    pub notes: Vec<Message>,
    /// Free bytes where the data lies.
    pub disk_free: Option<u64>,
    pub oldest_waiting_job_s: i64,
    pub mails_waiting: usize,
    pub jobs_failed: usize,
    pub last_stripe_contact_s: Option<i64>,
    pub last_backup_age_s: Option<i64>,
}

/// Asks everything the shop stands on. Blocks: a write that changes nothing goes the way of all writes.
///
/// # Errors
/// A database that cannot be read.
pub fn look(shop: &Shop) -> Result<Health, Fault> {
    let mut reasons = Vec::new();
    let mut notes = Vec::new();
    if let Some(fault) = shop.store().trouble() {
        tracing::error!(%fault, "the database is latched");
        reasons.push(Message::new("app.health.latched"));
    }
    // A write that changes nothing costs no sync.
    if reasons.is_empty() {
        match shop.store().write_blocking(|_| Ok::<_, Fault>(())) {
            Ok(()) | Err(Fault::DiskFull) => {}
            Err(Fault::Busy) => notes.push(Message::new("app.health.busy")),
            Err(fault) => {
                tracing::error!(%fault, "the database takes no write");
                reasons.push(Message::new("app.health.no_writes"));
            }
        }
    }
    let disk_free = files::free_bytes(shop.data_dir());
    if disk_free.is_some_and(|free| free < SPACE_WANTED) {
        reasons.push(Message::new("app.health.disk_full"));
    }
    let figures = shop.queue().figures()?;
    let now = shop.now();
    let waited = |since: Option<Moment>| since.map_or(0, |since| now.millis_since(since).max(0) / 1000);
    let oldest = waited(figures.quick.oldest_due).max(waited(figures.heavy.oldest_due));
    if oldest > 300 {
        notes.push(Message::new("app.health.job_waits").with("seconds", oldest));
    }
    if figures.failed > 0 {
        notes.push(Message::new("app.health.jobs_failed").with("n", figures.failed));
    }
    let stripe = (!shop.is_sandbox()).then(|| payments::last_contact(shop)).flatten();
    let stripe_age = stripe.map(|at| now.millis_since(at).max(0) / 1000);
    match stripe_age {
        Some(age) if age > STRIPE_SILENT_S => notes.push(Message::new("app.health.stripe_silent").with("seconds", age)),
        None if !shop.is_sandbox() => notes.push(Message::new("app.health.stripe_never")),
        _ => {}
    }
    let tx = shop.store().read()?;
    let mails = people::mails::figures(&tx)?;
    if mails.failed + mails.uncertain > 0 {
        notes.push(Message::new("app.health.mails_lost").with("n", mails.failed + mails.uncertain));
    }
    if waited(mails.oldest_waiting) > 3600 {
        notes.push(Message::new("app.health.mails_wait"));
    }
    let backup = backup::standing(shop, &tx)?;
    if backup.is_late || backup.trouble.is_some() {
        notes.push(match (backup.last, backup.age_s / 3600) {
            (None, _) => Message::new("app.health.backup_none"),
            (Some(_), hours @ ..48) => Message::new("app.health.backup_hours").with("n", hours.max(1)),
            (Some(_), hours) => Message::new("app.health.backup_days").with("n", hours / 24),
        });
    }
    if let Some(trouble) = &backup.trouble {
        notes.push(Message::new("app.health.backup_failed").with("why", trouble.trim_end_matches('.')));
    }
    Ok(Health {
        reasons,
        notes,
        disk_free,
        oldest_waiting_job_s: oldest,
        mails_waiting: mails.waiting,
        jobs_failed: figures.failed,
        last_stripe_contact_s: stripe_age,
        last_backup_age_s: backup.last.map(|_| backup.age_s),
    })
}
