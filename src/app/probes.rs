//! For machines that watch the shop: alive, able to take orders, figures.

use super::{backup, health};
use crate::kernel::{Fault, Lang, Message, Moment};
use crate::shop::Shop;
use crate::store::files;
use crate::web::words;
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
    let health = health::look(shop)?;
    // Machines read English.
    let told = |messages: &[Message]| messages.iter().map(|message| words::message(Lang::En, message)).collect();
    Ok(Readiness {
        ready: health.reasons.is_empty(),
        reasons: told(&health.reasons),
        notes: told(&health.notes),
        disk_free: health.disk_free,
        oldest_waiting_job_s: health.oldest_waiting_job_s,
        mails_waiting: health.mails_waiting,
        jobs_failed: health.jobs_failed,
        last_stripe_contact_s: health.last_stripe_contact_s,
        last_backup_age_s: health.last_backup_age_s,
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
