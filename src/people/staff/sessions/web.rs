//! Ending sessions: `/admin/account/sessions` for one's own, and `/admin/staff/{id}/sessions`, where owners see and end those of others.

use super::SessionView;
use crate::kernel::Fault;
use crate::people::audit;
use crate::people::rights::{self, May, Owner};
use crate::people::staff::web::{StaffView, own_account};
use crate::people::staff::{self, StaffId, StaffRow};
use crate::shop::Shop;
use crate::web::{Page, Problem, Reply, Role, View, Visit, cookie};
use askama::Template;
use axum::extract::Path;
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(end_session)).routes(routes!(list_sessions)).routes(routes!(end_session_of))
}

#[derive(Template, Serialize, utoipa::ToSchema)]
#[template(path = "people/staff_sessions.html", blocks = ["content"])]
struct SessionsPage {
    #[serde(flatten)]
    account: StaffView,
    /// The one seen last first.
    sessions: Vec<SessionView>,
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
}

impl View for SessionsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

impl SessionsPage {
    fn url(&self) -> String {
        format!("/admin/staff/{}/sessions", self.account.id)
    }
}

fn member(visit: &Visit, id: Uuid) -> Result<StaffRow, Problem> {
    staff::find(&visit.shop.store().read()?, StaffId(id))?.ok_or_else(Problem::not_found)
}

/// Where a member of the staff is logged in.
#[utoipa::path(get, path = "/admin/staff/{id}/sessions", tag = "admin", params(("id" = Uuid, Path)),
    responses((status = 200, body = SessionsPage), (status = 401), (status = 403), (status = 404)))]
async fn list_sessions(visit: Visit, headers: HeaderMap, Path(id): Path<Uuid>) -> Result<Reply, Problem> {
    rights::require(&visit, Role::is_owner)?;
    let row = member(&visit, id)?;
    let secret = cookie::value(&headers, cookie::STAFF).unwrap_or_default();
    let sessions = super::of_staff(&visit.shop.store().read()?, row.id, secret, visit.now)?;
    visit.reply(&SessionsPage { account: row.into(), sessions, page: visit.page() })
}

/// Ends a session of a member of the staff: `session` as the list tells it, or `all`.
#[utoipa::path(delete, path = "/admin/staff/{id}/sessions/{session}", tag = "admin",
    params(("id" = Uuid, Path), ("session" = String, Path)),
    responses((status = 200, body = StaffView), (status = 401), (status = 403), (status = 404)))]
async fn end_session_of(
    _: May<Owner>,
    visit: Visit,
    Path((id, session)): Path<(Uuid, String)>,
) -> Result<Reply, Problem> {
    let row = member(&visit, id)?;
    let wish = if session == "all" { Wish::All } else { Wish::One(session) };
    end(&visit, row, wish, &format!("/admin/staff/{id}/sessions")).await
}

/// Ends one of one's own sessions: `id` as the account tells it, or `others` for all but this one.
#[utoipa::path(delete, path = "/admin/account/sessions/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = StaffView), (status = 404)))]
async fn end_session(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Result<Reply, Problem> {
    let row = own_account(&visit)?;
    let own = cookie::value(&headers, cookie::STAFF).unwrap_or_default().to_owned();
    let wish = if id == "others" { Wish::Others { own } } else { Wish::One(id) };
    end(&visit, row, wish, "/admin/account").await
}

/// Which sessions of an account to end.
enum Wish {
    All,
    /// All but the one with this secret.
    Others {
        own: String,
    },
    /// As the list names it.
    One(String),
}

/// Ends sessions of an account, which the audit log tells, and goes back to `list`.
async fn end(visit: &Visit, row: StaffRow, wish: Wish, list: &str) -> Result<Reply, Problem> {
    let (staff, asker) = (row.id, visit.clone());
    let ended = visit.shop.store().write(move |tx| {
        let (which, ended) = match wish {
            Wish::All => ("all", super::end_all(tx, staff).map(|()| true)?),
            Wish::Others { own } => ("others", super::end_others(tx, staff, &own).map(|()| true)?),
            Wish::One(id) => ("one", super::end_one(tx, staff, &id)?),
        };
        if ended {
            let after = json!({"sessions": which});
            audit::by_staff(tx, &asker, "staff.session_ended", ("staff", staff.0), json!({}), after)?;
        }
        Ok::<_, Fault>(ended)
    });
    if !ended.await? {
        return Err(Problem::not_found());
    }
    visit.done(&StaffView::from(row), list)
}
