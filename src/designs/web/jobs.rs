//! Following background work.

use super::sockets::{Place, Sockets};
use super::view::JobView;
use crate::designs::failure::words_for_customers;
use crate::designs::lifecycle;
use crate::designs::model::DesignId;
use crate::kernel::Fault;
use crate::queue::{JobId, JobRow};
use crate::shop::Shop;
use crate::web::{Page, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Nothing but pings and closes is expected from the other side, and what is said is short.
const MOST_HEARD: usize = 4096;
const BUFFER: usize = 1024;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_job)).routes(routes!(follow_job))
}

#[derive(Template, Serialize)]
#[template(path = "designs/job.html", blocks = ["job"])]
struct JobPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    job: JobView,
    /// The design it is about, if it is about one.
    #[serde(skip)]
    design_url: Option<String>,
    #[serde(skip)]
    picture_url: Option<String>,
    #[serde(skip)]
    is_settled: bool,
    /// The key of the state's word.
    #[serde(skip)]
    state_word: String,
}

impl View for JobPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_job().render()
    }
}

impl JobPage {
    /// Why it failed is told to staff only in full: the reason may speak of files and machines.
    fn new(page: Page, row: &JobRow, for_staff: bool) -> JobPage {
        let picture = row.result.as_ref().and_then(|result| result.get("preview_image_url"));
        let mut job = JobView::new(row);
        if !for_staff {
            job.failure_reason = job.failure_reason.map(|reason| page.t(words_for_customers(&reason)).to_owned());
        }
        JobPage {
            page,
            job,
            design_url: row.owner.filter(|_| row.kind.starts_with("render.")).map(|id| format!("/designs/{id}")),
            picture_url: picture.and_then(|url| url.as_str()).map(str::to_owned),
            is_settled: row.status.is_settled(),
            state_word: format!("designs.job.{}", row.status.name()),
        }
    }
}

/// The job, if the caller may know of it: staff may, and whoever owns the design it renders.
fn own_job(visit: &Visit, id: JobId) -> Result<JobRow, Problem> {
    let job = visit.shop.queue().job(id)?.ok_or_else(Problem::not_found)?;
    if visit.caller.staff.is_some() {
        return Ok(job);
    }
    let design = job.owner.filter(|_| job.kind.starts_with("render.")).map(DesignId);
    lifecycle::own(&visit.shop.store().read()?, visit, design.ok_or_else(Problem::not_found)?)?;
    Ok(job)
}

/// How far a job is
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = JobView), (status = 404)))]
async fn show_job(visit: Visit, Path(id): Path<JobId>) -> Result<Reply, Problem> {
    let job = own_job(&visit, id)?;
    visit.reply(&JobPage::new(visit.page(), &job, visit.caller.staff.is_some()))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FollowQuery {
    /// `html` sends fragments for htmx in place of JSON.
    #[serde(default, rename = "as")]
    #[param(rename = "as")]
    shape: String,
}

impl FollowQuery {
    pub fn wants_html(&self) -> bool {
        self.shape == "html"
    }
}

/// WebSocket: one message for every change of the job, its present state first, closed after the last.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "jobs", params(("id" = String, Path), FollowQuery),
    responses((status = 101), (status = 404)))]
async fn follow_job(
    visit: Visit,
    Path(id): Path<JobId>,
    Query(query): Query<FollowQuery>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    own_job(&visit, id)?;
    let (page, for_staff) = (visit.page(), visit.caller.staff.is_some());
    follow_by_socket(&visit, id, upgrade, move |row| {
        let view = JobPage::new(page.clone(), row, for_staff);
        if query.wants_html() {
            view.fragment().map_err(|error| Fault::bug(format!("template: {error}")))
        } else {
            Ok(serde_json::to_string(&view)?)
        }
    })
}

/// Answers with a socket on which `message` tells the job's present state and every change of it. Whoever calls has looked whether the
/// visitor may know.
///
/// # Errors
/// 404 for a job that is unknown, and when too many sockets are open.
pub fn follow_by_socket(
    visit: &Visit,
    id: JobId,
    upgrade: WebSocketUpgrade,
    message: impl Fn(&JobRow) -> Result<String, Fault> + Send + Sync + 'static,
) -> Result<Response, Problem> {
    let news = visit.shop.queue().watch(id)?.ok_or_else(Problem::not_found)?;
    let session = visit.session().filter(|_| visit.caller.staff.is_none());
    let place = visit.shop.kept(Sockets::default).place(session)?;
    // Left to itself each socket would have 128 KiB for reading and for writing.
    let upgrade = upgrade.max_message_size(MOST_HEARD).max_frame_size(MOST_HEARD);
    let upgrade = upgrade.read_buffer_size(BUFFER).write_buffer_size(0);
    Ok(upgrade.on_upgrade(move |socket| follow(socket, news, message, place)).into_response())
}

async fn follow(
    mut socket: WebSocket,
    mut news: watch::Receiver<JobRow>,
    message: impl Fn(&JobRow) -> Result<String, Fault> + Send + Sync,
    place: Place,
) {
    let patience = place.patience();
    let mut ping = tokio::time::interval(patience);
    ping.tick().await;
    let mut was_heard = true;
    loop {
        let job = news.borrow_and_update().clone();
        let Ok(text) = message(&job) else { return };
        if !say(&mut socket, Message::Text(text.into()), patience).await {
            return;
        }
        if job.status.is_settled() {
            say(&mut socket, close(close_code::NORMAL), patience).await;
            return;
        }
        loop {
            tokio::select! {
                changed = news.changed() => match changed {
                    Ok(()) => break,
                    // The shop stops; whoever follows may come again.
                    Err(_) => {
                        say(&mut socket, close(close_code::RESTART), patience).await;
                        return;
                    }
                },
                said = socket.recv() => match said {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => was_heard = true,
                },
                _ = ping.tick() => {
                    if !was_heard || !say(&mut socket, Message::Ping(Vec::new().into()), patience).await {
                        return;
                    }
                    was_heard = false;
                }
            }
        }
    }
}

fn close(code: u16) -> Message {
    Message::Close(Some(CloseFrame { code, reason: "".into() }))
}

/// False when the other side is gone, or has not taken anything for long.
async fn say(socket: &mut WebSocket, message: Message, patience: Duration) -> bool {
    matches!(tokio::time::timeout(patience, socket.send(message)).await, Ok(Ok(())))
}
