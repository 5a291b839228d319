//! `/admin/system`: for owners.

use super::recent::{Mishap, RECENT};
use super::room::{self, Room};
use super::size_text;
use crate::app::backup::{self, web::BackupView};
use crate::app::health;
use crate::kernel::{Fault, Moment};
use crate::people;
use crate::shop::Shop;
use crate::store::files;
use crate::web::{Page, Problem, Reply, Role, View, Visit, words};
use askama::Template;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_system))
}

/// Backups named on the page; the page of backups has the rest.
const BACKUPS: usize = 5;

#[derive(Template, Serialize, ToSchema)]
#[template(path = "app/system.html", blocks = ["content"])]
struct SystemPage {
    version: &'static str,
    started_at: Moment,
    /// Another petstar lies where this one was started from: the next start runs that one.
    newer_program: bool,
    data_dir: String,
    /// Orders can be taken.
    ready: bool,
    /// Why not, in words; as `/readyz` says it.
    reasons: Vec<String>,
    /// What somebody should look at although orders can be taken.
    notes: Vec<String>,
    /// Free bytes where the data lies.
    disk_free: Option<u64>,
    /// What the shop takes of the disk, in bytes.
    disk_used: Room,
    last_backup_at: Option<Moment>,
    /// A backup is being made at this moment, or waits for its turn.
    backup_under_way: bool,
    /// The newest few.
    backups: Vec<BackupView>,
    /// What went wrong since the start, the newest first; at most 100.
    errors: Vec<Mishap>,
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
    #[serde(skip)]
    #[schema(ignore)]
    now: Moment,
}

impl View for SystemPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

impl SystemPage {
    fn size(&self, bytes: &u64) -> String {
        size_text(*bytes)
    }

    fn used(&self) -> String {
        size_text(self.disk_used.whole())
    }

    /// The parts of what is taken, by the last part of a key under `app.system.`.
    fn parts(&self) -> Vec<(&'static str, u64)> {
        let used = &self.disk_used;
        let parts = [
            ("database", used.database),
            ("pictures", used.pictures),
            ("search_index", used.search_index),
            ("exports", used.exports),
            ("backups", used.backups),
            ("outbox", used.outbox),
            ("other", used.other),
        ];
        parts.into_iter().filter(|(_, bytes)| *bytes > 0).collect()
    }

    /// How old something is, in the coarsest unit that says enough.
    fn age(&self, at: &Moment) -> String {
        let hours = self.now.millis_since(*at).max(0) / 3_600_000;
        match hours {
            0 => self.page.t("app.system.age_fresh").to_owned(),
            hours @ 1..48 => self.page.n("app.system.age_hours", hours),
            hours => self.page.n("app.system.age_days", hours / 24),
        }
    }
}

/// Version, health, disk, backups, and what went wrong last
#[utoipa::path(get, path = "/admin/system", tag = "admin", responses((status = 200, body = SystemPage), (status = 401), (status = 403)))]
async fn show_system(visit: Visit) -> Result<Reply, Problem> {
    people::require(&visit, Role::is_owner)?;
    let asker = visit.clone();
    // Walks folders and waits for the database.
    let look = move || system_page(&asker);
    let page = tokio::task::spawn_blocking(look).await.map_err(|error| Fault::bug(error.to_string()))??;
    visit.reply(&page)
}

fn system_page(visit: &Visit) -> Result<SystemPage, Fault> {
    let shop = &visit.shop;
    let health = health::look(shop)?;
    let told = |messages: Vec<crate::kernel::Message>| {
        messages.iter().map(|message| words::message(visit.lang, message)).collect::<Vec<String>>()
    };
    let tx = shop.store().read()?;
    let started_at = super::started_at(shop);
    let mut backups = backup::web::items(shop)?;
    backups.truncate(BACKUPS);
    Ok(SystemPage {
        version: env!("CARGO_PKG_VERSION"),
        started_at,
        newer_program: is_newer(shop, started_at),
        data_dir: std::path::absolute(shop.data_dir())?.display().to_string(),
        ready: health.reasons.is_empty(),
        reasons: told(health.reasons),
        notes: told(health.notes),
        disk_free: files::free_bytes(shop.data_dir()),
        disk_used: room::taken(shop)?,
        last_backup_at: backup::standing(shop, &tx)?.last,
        backup_under_way: backup::job_under_way(&tx)?.is_some(),
        backups,
        errors: RECENT.list(),
        page: visit.page(),
        now: visit.now,
    })
}

/// The program's file was replaced since the start.
fn is_newer(shop: &Shop, started_at: Moment) -> bool {
    let changed = std::fs::metadata(shop.program()).and_then(|facts| facts.modified()).ok();
    let since = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).is_some_and(|at| at > started_at.unix_millis())
}
