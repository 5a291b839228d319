//! For machines that watch the shop: alive, able to take orders, figures.

use super::backup;
use crate::kernel::Fault;
use crate::people;
use crate::shop::Shop;
use crate::store::files;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::fmt::Write;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_health)).routes(routes!(show_readiness)).routes(routes!(show_metrics))
}

/// Room below which the shop says that the disk is nearly full, in bytes.
const SPACE_WANTED: u64 = 64 * 1024 * 1024;

#[derive(Serialize, ToSchema)]
struct Readiness {
    /// True when orders can be taken.
    ready: bool,
    /// Why not, in words.
    reasons: Vec<String>,
    /// What somebody should look at although orders can be taken.
    notes: Vec<String>,
    /// Free bytes where the data lies.
    disk_free: Option<u64>,
    /// How long the longest-waiting due job has waited, in seconds.
    oldest_waiting_job_s: i64,
    mails_waiting: usize,
    /// Seconds since the last backup; null before the first.
    last_backup_age_s: Option<i64>,
}

fn readiness(shop: &Shop) -> Result<Readiness, Fault> {
    let mut reasons = Vec::new();
    let mut notes = Vec::new();
    if let Some(fault) = shop.store().trouble() {
        tracing::error!(%fault, "the database is latched");
        reasons.push("The database takes no writes; the shop is about to end and must be started again.".to_owned());
    }
    let disk_free = files::free_bytes(shop.data_dir());
    if disk_free.is_some_and(|free| free < SPACE_WANTED) {
        reasons.push("The disk is full: nothing can be saved until there is room.".to_owned());
    }
    let figures = shop.queue().figures()?;
    let now = shop.now();
    let waited = |since: Option<crate::kernel::Moment>| since.map_or(0, |since| now.millis_since(since).max(0) / 1000);
    let oldest = waited(figures.quick.oldest_due).max(waited(figures.heavy.oldest_due));
    if oldest > 300 {
        notes.push(format!("A job has been waiting for {oldest} seconds."));
    }
    let tx = shop.store().read()?;
    let mails = people::mails::figures(&tx)?;
    if mails.failed + mails.uncertain > 0 {
        notes.push(format!("{} mails could not be delivered for certain.", mails.failed + mails.uncertain));
    }
    if waited(mails.oldest_waiting) > 3600 {
        notes.push("Mails have been waiting for more than an hour.".to_owned());
    }
    let backup = backup::standing(shop, &tx)?;
    if backup.is_late || backup.trouble.is_some() {
        notes.push(backup.words());
    }
    Ok(Readiness {
        ready: reasons.is_empty(),
        reasons,
        notes,
        disk_free,
        oldest_waiting_job_s: oldest,
        mails_waiting: mails.waiting,
        last_backup_age_s: backup.last.map(|_| backup.age_s),
    })
}

/// Alive
#[utoipa::path(get, path = "/healthz", tag = "probes", responses((status = 200, description = "The process runs")))]
async fn show_health() -> &'static str {
    "ok\n"
}

/// Able to take orders
#[utoipa::path(get, path = "/readyz", tag = "probes", responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
async fn show_readiness(State(shop): State<Shop>) -> Response {
    let readiness = tokio::task::spawn_blocking(move || readiness(&shop)).await;
    let (status, body) = match readiness {
        Ok(Ok(found)) => {
            (if found.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, serde_json::to_string(&found))
        }
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            Ok(r#"{"ready":false,"reasons":["The database cannot be read."]}"#.to_owned()),
        ),
    };
    (status, [(header::CONTENT_TYPE, "application/json")], body.unwrap_or_default()).into_response()
}

/// Figures in Prometheus' text format
#[utoipa::path(get, path = "/metrics", tag = "probes", responses((status = 200, content_type = "text/plain")))]
async fn show_metrics(State(shop): State<Shop>) -> Response {
    let mut out = String::new();
    shop.metrics().write(&mut out);
    if let Ok(figures) = shop.queue().figures() {
        out.push_str("# HELP petstar_jobs_waiting Jobs that are due or will be.\n# TYPE petstar_jobs_waiting gauge\n");
        for (lane, figures) in [("quick", &figures.quick), ("heavy", &figures.heavy)] {
            let _ = writeln!(out, "petstar_jobs_waiting{{lane=\"{lane}\"}} {}", figures.waiting);
        }
    }
    if let Ok(backup) = shop.store().read().and_then(|tx| backup::standing(&shop, &tx))
        && backup.last.is_some()
    {
        out.push_str(
            "# HELP petstar_backup_age_seconds Since the last backup.\n# TYPE petstar_backup_age_seconds gauge\n",
        );
        let _ = writeln!(out, "petstar_backup_age_seconds {}", backup.age_s);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out).into_response()
}
