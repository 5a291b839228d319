//! The panel's page of jobs: what waits, what runs, what gave up; try again or cancel.

use crate::designs::JobView;
use crate::kernel::{Code, Message, Refusal};
use crate::people::rights::ChangesOrders;
use crate::people::{self, May, audit, rights};
use crate::queue::{self, JobId, JobStatus};
use crate::shop::Shop;
use crate::web::{Input, List, Page, Paging, Problem, Reply, View, Visit};
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
#[template(path = "app/jobs.html", blocks = ["rows"])]
struct JobsPage {
    #[serde(flatten)]
    list: List<JobView>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    status: String,
    #[serde(skip)]
    kind: String,
    /// For each job the page of what it is about, where there is one.
    #[serde(skip)]
    about: Vec<Option<String>>,
    #[serde(skip)]
    may_change: bool,
}

/// The kinds of jobs there are, for the list to choose from.
const KINDS: [&str; 7] =
    ["render.final", "render.preview", "mail.send", "export.run", "stripe.event", "stripe.refund", "backup.make"];

impl View for JobsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_rows().render()
    }
}

impl JobsPage {
    /// The kind in words; a kind without words shows its name.
    fn kind_words(&self, kind: &str) -> String {
        let key = format!("app.job.{kind}");
        crate::web::words::find(self.page.lang, &key).map_or_else(|| kind.to_owned(), str::to_owned)
    }

    fn kinds(&self) -> Vec<(&'static str, String)> {
        KINDS.into_iter().map(|kind| (kind, self.kind_words(kind))).collect()
    }

    fn about_of(&self, at: &usize) -> Option<&str> {
        self.about.get(*at).and_then(Option::as_deref)
    }

    /// Something moves by itself: the page looks again.
    fn is_moving(&self) -> bool {
        self.list.items.iter().any(|job| matches!(job.status, "queued" | "processing"))
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
    let may_change = people::require(&visit, rights::reads_panel)?.role.changes_orders();
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
    let rows: Vec<queue::JobRow> = rows.collect();
    let about = rows.iter().map(about).collect();
    let list = List::of(rows.iter().map(JobView::new).collect(), limit, |job: &JobView| job.id.to_string());
    visit.reply(&JobsPage { list, page: visit.page(), status: filter.status, kind: filter.kind, about, may_change })
}

/// The page of what a job is about.
fn about(job: &queue::JobRow) -> Option<String> {
    let owner = job.owner?;
    match job.kind.as_str() {
        "mail.send" => Some(format!("/admin/mails/{owner}")),
        "export.run" => Some(format!("/admin/exports/{owner}")),
        _ => None,
    }
}

/// Where a browser goes after a button of the list.
#[derive(Debug, Default, Deserialize)]
struct Back {
    #[serde(default)]
    next: Option<String>,
}

/// Try a failed or cancelled job again
#[utoipa::path(post, path = "/admin/jobs/{id}/retry", tag = "admin", params(("id" = Uuid, Path)), responses((status = 200, body = JobView)))]
async fn retry_job(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<String>,
    Input(back): Input<Back>,
) -> Result<Reply, Problem> {
    change(visit, &id, back, "job.retried", queue::retry).await
}

/// Cancel a job that has not ended
#[utoipa::path(post, path = "/admin/jobs/{id}/cancel", tag = "admin", params(("id" = Uuid, Path)), responses((status = 200, body = JobView)))]
async fn cancel_job(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<String>,
    Input(back): Input<Back>,
) -> Result<Reply, Problem> {
    change(visit, &id, back, "job.cancelled", queue::cancel).await
}

type Change =
    fn(&crate::store::WriteTx, JobId, crate::kernel::Moment) -> Result<Option<queue::JobRow>, crate::kernel::Fault>;

async fn change(visit: Visit, id: &str, back: Back, action: &'static str, apply: Change) -> Result<Reply, Problem> {
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
    let next = people::own_path(back.next.as_deref()).unwrap_or("/admin/jobs");
    visit.done(&JobView::new(&job), next)
}
