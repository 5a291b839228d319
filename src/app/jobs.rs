//! The panel's page of jobs: what waits, what runs, what gave up; try again or cancel.

use crate::designs::JobView;
use crate::kernel::{Code, Message, Refusal};
use crate::people::{self, audit, rights};
use crate::queue::{self, JobId, JobStatus};
use crate::shop::Shop;
use crate::web::{Face, List, Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::{Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(list_jobs)).routes(routes!(retry_job)).routes(routes!(cancel_job))
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// queued, processing, completed, failed or cancelled
    #[serde(default)]
    status: String,
    /// For example `render.final`
    #[serde(default)]
    kind: String,
}

#[derive(Template, Serialize)]
#[template(path = "app/jobs.html", blocks = ["content"])]
struct JobsPage {
    #[serde(flatten)]
    list: List<JobView>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    status: String,
    #[serde(skip)]
    kind: String,
}

impl View for JobsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

impl JobsPage {
    /// The kind in words; a kind without words shows its name.
    fn kind_words(&self, kind: &str) -> String {
        let key = format!("app.job.{kind}");
        crate::web::words::find(self.page.lang, &key).map_or_else(|| kind.to_owned(), str::to_owned)
    }

    fn status_words(&self, job: &JobView) -> &'static str {
        let key = format!("app.job_state.{}", job.status);
        crate::web::words::find(self.page.lang, &key).unwrap_or_default()
    }

    fn can_retry(&self, job: &JobView) -> bool {
        matches!(job.status, "failed" | "cancelled")
    }

    fn can_cancel(&self, job: &JobView) -> bool {
        matches!(job.status, "queued" | "processing")
    }
}

/// Jobs, newest first
#[utoipa::path(get, path = "/admin/jobs", tag = "admin", params(Filter, Paging), responses((status = 200, body = List<JobView>)))]
async fn list_jobs(visit: Visit, Query(filter): Query<Filter>, Query(paging): Query<Paging>) -> Result<Reply, Problem> {
    people::require(&visit, rights::reads_panel)?;
    let status = match filter.status.as_str() {
        "" => None,
        name => {
            let known = JobStatus::from_name(name);
            Some(known.ok_or_else(|| Refusal::field("status", Message::new("app.job_status_unknown")))?)
        }
    };
    let kind = Some(filter.kind.as_str()).filter(|kind| !kind.is_empty());
    let limit = paging.limit()?;
    let tx = visit.shop.store().read()?;
    let after = paging.after(|id: JobId| Ok(queue::job(&tx, id)?.map(|job| job.id)))?;
    let rows = queue::list(&tx, status, kind, after, limit + 1)?;
    // A running job's progress is known to the queue before it is stored.
    let rows = rows.into_iter().map(|row| match row.status {
        JobStatus::Processing => visit.shop.queue().job(row.id).ok().flatten().unwrap_or(row),
        _ => row,
    });
    let list = List::of(rows.map(|row| JobView::new(&row)).collect(), limit, |job: &JobView| job.id.to_string());
    visit.reply(&JobsPage { list, page: visit.page(), status: filter.status, kind: filter.kind })
}

/// Try a failed or cancelled job again
#[utoipa::path(post, path = "/admin/jobs/{id}/retry", tag = "admin", params(("id" = Uuid, Path)), responses((status = 200, body = JobView)))]
async fn retry_job(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    change(visit, &id, "job.retried", queue::retry).await
}

/// Cancel a job that has not ended
#[utoipa::path(post, path = "/admin/jobs/{id}/cancel", tag = "admin", params(("id" = Uuid, Path)), responses((status = 200, body = JobView)))]
async fn cancel_job(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    change(visit, &id, "job.cancelled", queue::cancel).await
}

type Change =
    fn(&crate::store::WriteTx, JobId, crate::kernel::Moment) -> Result<Option<queue::JobRow>, crate::kernel::Fault>;

async fn change(visit: Visit, id: &str, action: &'static str, apply: Change) -> Result<Reply, Problem> {
    people::require(&visit, |role| role.changes_orders())?;
    let id: JobId = id.parse().map_err(|_| Refusal::not_found())?;
    let (actor, now) = (audit::Actor::of(&visit), visit.now);
    let job = visit
        .shop
        .store()
        .write(move |tx| {
            let before = queue::job(tx, id)?.ok_or_else(Refusal::not_found)?;
            let after = apply(tx, id, now)?.ok_or_else(Refusal::not_found)?;
            if after.status == before.status {
                return Err(Refusal::new(Code::Conflict, "app.job_cannot").into());
            }
            let entry = audit::Entry {
                actor,
                action,
                target_type: "job",
                target_id: id.to_string(),
                before: json!({"status": before.status}),
                after: json!({"status": after.status}),
                at: now,
            };
            audit::record(tx, entry)?;
            Ok::<_, crate::kernel::Error>(after)
        })
        .await?;
    let back = if visit.face == Face::Json { "" } else { "/admin/jobs" };
    visit.done(&JobView::new(&job), back)
}
