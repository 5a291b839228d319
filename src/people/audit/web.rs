//! `GET /admin/audit`.

use super::{AuditId, AuditRow};
use crate::kernel::Moment;
use crate::people::rights;
use crate::web::{List, Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::Query;
use serde::Serialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub fn routes() -> OpenApiRouter<crate::shop::Shop> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

const SHOWN_CHARACTERS: usize = 200;

/// Who did what to what.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditView {
    #[schema(value_type = String, format = Uuid)]
    pub id: AuditId,
    pub at: Moment,
    /// Name of the staff member or token, or `command line`.
    pub actor: String,
    pub actor_id: Option<Uuid>,
    pub action: String,
    pub target_type: String,
    pub target_id: String,
    #[schema(value_type = Object)]
    pub before: Value,
    #[schema(value_type = Object)]
    pub after: Value,
    pub ip: Option<String>,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        AuditView {
            id: row.id,
            at: row.at,
            actor: row.actor,
            actor_id: row.actor_id,
            action: row.action,
            target_type: row.target_type,
            target_id: row.target_id,
            before: row.before,
            after: row.after,
            ip: row.ip,
        }
    }
}

impl AuditView {
    /// `name: value` for each member, as people read it; long texts are cut, the JSON face has them whole.
    pub fn shown(value: &Value) -> Vec<(String, String)> {
        let plain = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match text.char_indices().nth(SHOWN_CHARACTERS) {
                Some((at, _)) => format!("{}…", &text[..at]),
                None => text,
            }
        };
        match value {
            Value::Null => Vec::new(),
            Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
            other => vec![(String::new(), plain(other))],
        }
    }
}

#[derive(Template, Serialize)]
#[template(path = "people/audit.html", blocks = ["content"])]
struct AuditPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    list: List<AuditView>,
}

impl View for AuditPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// The audit log, newest first.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", params(Paging), responses((status = 200, body = List<AuditView>)))]
async fn list_audit(visit: Visit, Query(paging): Query<Paging>) -> Result<Reply, Problem> {
    rights::require(&visit, rights::reads_panel)?;
    let limit = paging.limit()?;
    let tx = visit.shop.store().read()?;
    let after = paging.after(|id| Ok(super::number(&tx, id)?))?;
    let rows = super::list(&tx, after, limit + 1)?;
    let items = rows.into_iter().map(AuditView::from).collect();
    let list = List::of(items, limit, |entry: &AuditView| entry.id.to_string());
    visit.reply(&AuditPage { page: visit.page(), list })
}
