//! The panel's page of backups: how they stand, which ones there are, and one more now.

use super::job;
use super::nightly::{self, FOLDER};
use crate::kernel::{Fault, Moment};
use crate::people::rights::ChangesSettings;
use crate::people::{self, May, audit, rights};
use crate::queue::{self, NewJob};
use crate::shop::Shop;
use crate::store::WriteTx;
use crate::web::{Input, Page, Problem, Reply, View, Visit};
use askama::Template;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(list_backups, make_backup))
}

#[derive(Serialize, ToSchema)]
pub struct BackupView {
    pub name: String,
    pub bytes: u64,
    pub made_at: Moment,
}

#[derive(Template, Serialize, ToSchema)]
#[template(path = "app/backups.html", blocks = ["content"])]
struct BackupsPage {
    /// Those in the data folder's `backups`, newest first.
    items: Vec<BackupView>,
    /// The last one, wherever it went.
    last_made_at: Option<Moment>,
    /// Older than it should be.
    is_late: bool,
    /// Why the last try failed.
    trouble: Option<String>,
    /// One is being made at this moment, or waits for its turn.
    is_under_way: bool,
    #[serde(skip)]
    #[schema(ignore)]
    may_make: bool,
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
}

impl View for BackupsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

impl BackupsPage {
    fn size(&self, bytes: &u64) -> String {
        crate::app::system::size_text(*bytes)
    }
}

/// The backups in the data folder's `backups`, newest first.
///
/// # Errors
/// A folder that cannot be read.
pub fn items(shop: &Shop) -> Result<Vec<BackupView>, Fault> {
    let mut items = Vec::new();
    for path in nightly::list(&shop.data_dir().join(FOLDER))?.into_iter().rev() {
        // One that was removed since the folder was read is none.
        let Ok(facts) = std::fs::metadata(&path) else { continue };
        let since = facts.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let made_at = Moment(since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0));
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        items.push(BackupView { name, bytes: facts.len(), made_at });
    }
    Ok(items)
}

/// Backups
#[utoipa::path(get, path = "/admin/backups", tag = "admin", responses((status = 200, body = BackupsPage)))]
async fn list_backups(visit: Visit) -> Result<Reply, Problem> {
    let role = people::require(&visit, rights::reads_panel)?.role;
    let tx = visit.shop.store().read()?;
    let standing = nightly::standing(&visit.shop, &tx)?;
    visit.reply(&BackupsPage {
        items: items(&visit.shop)?,
        is_under_way: job::under_way(&tx)?.is_some(),
        last_made_at: standing.last,
        is_late: standing.is_late,
        trouble: standing.trouble,
        may_make: rights::changes_settings(role),
        page: visit.page(),
    })
}

#[derive(Debug, Default, Deserialize)]
struct MakeForm {
    /// Where a browser goes afterwards.
    #[serde(default)]
    next: Option<String>,
}

/// Make a backup now, beside those of the night
#[utoipa::path(post, path = "/admin/backups", tag = "admin", responses((status = 202, body = Object)))]
async fn make_backup(_: May<ChangesSettings>, visit: Visit, Input(form): Input<MakeForm>) -> Result<Reply, Problem> {
    let entry = audit::Entry {
        actor: audit::Actor::of(&visit),
        action: "backup.begun",
        target_type: "shop",
        target_id: "shop".into(),
        before: Value::Null,
        after: Value::Null,
        at: visit.now,
    };
    let now = visit.now;
    let make = move |tx: &WriteTx| {
        // One that is under way already is as good as another.
        if let Some(job) = job::under_way(tx)? {
            return Ok::<_, Fault>(job);
        }
        audit::record(tx, entry)?;
        queue::enqueue(tx, NewJob::new(&job::BACKUP_MAKE, Value::Null, now))
    };
    let job = visit.shop.store().write(make).await?;
    if visit.face.is_json() {
        return Ok(Reply::json(&json!({"status": "begun", "job_id": job.id}))?.status(202));
    }
    let next = people::own_path(form.next.as_deref()).unwrap_or("/admin/backups");
    Ok(Reply::see_other(visit.face, next))
}
