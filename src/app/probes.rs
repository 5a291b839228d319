//! For machines that watch the shop: alive, able to take orders, figures.

use super::backup;
use crate::kernel::{Fault, Moment};
use crate::shop::Shop;
use crate::store::files;
use crate::{payments, people};
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

/// Stripe is asked once in each `stripe.reconcile_s`; a few misses are told.
const STRIPE_SILENT_S: i64 = 600;

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
    /// Jobs that failed for good and wait for somebody.
    jobs_failed: usize,
    /// Seconds since Stripe last answered; null before the first time, and while payments are play money.
    last_stripe_contact_s: Option<i64>,
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
    // A write that changes nothing goes the way of all writes, and costs no sync.
    if reasons.is_empty() {
        match shop.store().write_blocking(|_| Ok::<_, Fault>(())) {
            Ok(()) | Err(Fault::DiskFull) => {}
            Err(Fault::Busy) => notes.push("Thousands of writes are waiting for the disk.".to_owned()),
            Err(fault) => {
                tracing::error!(%fault, "the database takes no write");
                reasons.push("The database takes no writes.".to_owned());
            }
        }
    }
    let disk_free = files::free_bytes(shop.data_dir());
    if disk_free.is_some_and(|free| free < SPACE_WANTED) {
        reasons.push("The disk is full: nothing can be saved until there is room.".to_owned());
    }
    let figures = shop.queue().figures()?;
    let now = shop.now();
    let waited = |since: Option<Moment>| since.map_or(0, |since| now.millis_since(since).max(0) / 1000);
    let oldest = waited(figures.quick.oldest_due).max(waited(figures.heavy.oldest_due));
    if oldest > 300 {
        notes.push(format!("A job has been waiting for {oldest} seconds."));
    }
    if figures.failed > 0 {
        notes.push(format!("{} jobs have failed for good; somebody has to look at them.", figures.failed));
    }
    let stripe = (!shop.is_sandbox()).then(|| payments::last_contact(shop)).flatten();
    let stripe_age = stripe.map(|at| now.millis_since(at).max(0) / 1000);
    match stripe_age {
        Some(age) if age > STRIPE_SILENT_S => notes.push(format!("Stripe has not answered for {age} seconds.")),
        None if !shop.is_sandbox() => notes.push("Stripe has not answered since the start.".to_owned()),
        _ => {}
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
        jobs_failed: figures.failed,
        last_stripe_contact_s: stripe_age,
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
    if let Ok(Ok(figures)) = tokio::task::spawn_blocking(move || figures(&shop)).await {
        out.push_str(&figures);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out).into_response()
}

/// The figures that are read from the shop as it is now.
fn figures(shop: &Shop) -> Result<String, Fault> {
    let mut out = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(&str, i64)]| {
        let _ = writeln!(out, "# HELP petstar_{name} {help}\n# TYPE petstar_{name} gauge");
        for (label, value) in values {
            let _ = writeln!(out, "petstar_{name}{label} {value}");
        }
    };
    let jobs = shop.queue().figures()?;
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let lanes = [("{lane=\"quick\"}", &jobs.quick), ("{lane=\"heavy\"}", &jobs.heavy)];
    gauge("jobs_waiting", "Jobs that are due or will be.", &lanes.map(|(lane, jobs)| (lane, count(jobs.waiting))));
    gauge("jobs_running", "Jobs being worked on.", &lanes.map(|(lane, jobs)| (lane, count(jobs.running))));
    gauge("jobs_failed", "Jobs that failed for good and wait for somebody.", &[("", count(jobs.failed))]);
    let now = shop.now();
    let age = |since: Option<Moment>| since.map_or(0, |since| now.millis_since(since).max(0) / 1000);
    let oldest = age(jobs.quick.oldest_due).max(age(jobs.heavy.oldest_due));
    gauge("oldest_waiting_job_seconds", "How long the longest-waiting due job has waited.", &[("", oldest)]);
    let tx = shop.store().read()?;
    let mails = people::mails::figures(&tx)?;
    let states = [
        ("{state=\"waiting\"}", mails.waiting),
        ("{state=\"uncertain\"}", mails.uncertain),
        ("{state=\"failed\"}", mails.failed),
    ];
    gauge(
        "mails",
        "Mails that are not certainly with their reader.",
        &states.map(|(state, mails)| (state, count(mails))),
    );
    if let Some(free) = files::free_bytes(shop.data_dir()) {
        gauge("disk_free_bytes", "Free where the data lies.", &[("", i64::try_from(free).unwrap_or(i64::MAX))]);
    }
    let backup = backup::standing(shop, &tx)?;
    if backup.last.is_some() {
        gauge("backup_age_seconds", "Since the last backup.", &[("", backup.age_s)]);
    }
    if let Some(at) = payments::last_contact(shop) {
        gauge("stripe_contact_age_seconds", "Since Stripe last answered.", &[("", age(Some(at)))]);
    }
    Ok(out)
}
