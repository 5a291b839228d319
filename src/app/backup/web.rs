//! The panel's page of backups: how they stand, which ones there are, and one more now.

use super::nightly::{self, FOLDER};
use crate::kernel::{Fault, Moment};
use crate::people::{self, audit, rights};
use crate::shop::Shop;
use crate::web::{Page, Problem, Reply, View, Visit};
use askama::Template;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(list_backups, make_backup))
}

#[derive(Serialize, ToSchema)]
struct BackupView {
    name: String,
    bytes: u64,
    made_at: Moment,
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
    /// In MiB, at least one tenth.
    fn size(&self, bytes: &u64) -> String {
        let tenths = (bytes * 10).div_ceil(1 << 20);
        format!("{}.{} MiB", tenths / 10, tenths % 10)
    }
}

/// Backups
#[utoipa::path(get, path = "/admin/backups", tag = "admin", responses((status = 200, body = BackupsPage)))]
async fn list_backups(visit: Visit) -> Result<Reply, Problem> {
    let role = people::require(&visit, rights::reads_panel)?.role;
    let standing = nightly::standing(&visit.shop, &visit.shop.store().read()?)?;
    let mut items = Vec::new();
    for path in nightly::list(&visit.shop.data_dir().join(FOLDER))?.into_iter().rev() {
        let facts = std::fs::metadata(&path).map_err(Fault::from)?;
        let since = facts.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let made_at = Moment(since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0));
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        items.push(BackupView { name, bytes: facts.len(), made_at });
    }
    visit.reply(&BackupsPage {
        items,
        last_made_at: standing.last,
        is_late: standing.is_late,
        trouble: standing.trouble,
        may_make: rights::changes_settings(role),
        page: visit.page(),
    })
}

/// Make a backup now, beside those of the night
#[utoipa::path(post, path = "/admin/backups", tag = "admin", responses((status = 202, body = Object)))]
async fn make_backup(visit: Visit) -> Result<Reply, Problem> {
    people::require(&visit, rights::changes_settings)?;
    let entry = audit::Entry {
        actor: audit::Actor::of(&visit),
        action: "backup.begun",
        target_type: "shop",
        target_id: "shop".into(),
        before: Value::Null,
        after: Value::Null,
        at: visit.now,
    };
    visit.shop.store().write(move |tx| audit::record(tx, entry).map(drop)).await?;
    let shop = visit.shop.clone();
    // It may take minutes; how it ended is told by the page.
    tokio::spawn(async move {
        let zone = TimeZone::get(&shop.settings().time_zone).unwrap_or(TimeZone::UTC);
        if let Err(fault) = nightly::by_itself(&shop, &zone).await {
            tracing::warn!(%fault, "a backup was not made");
        }
    });
    let reply = visit.done(&json!({"status": "begun"}), "/admin/backups")?;
    Ok(if visit.face.is_json() { reply.status(202) } else { reply })
}
