//! `/admin/account`: one's own account.

use super::{LogIns, StaffView, staff_cookie};
use crate::kernel::{Error, Fault, Result as Ruled};
use crate::people::audit::Actor;
use crate::people::form::Mistakes;
use crate::people::staff::{self, StaffChange, StaffId, StaffRow, password, sessions};
use crate::people::{rights, secret};
use crate::shop::Shop;
use crate::web::{Input, Page, Problem, Reply, View, Visit, cookie};
use askama::Template;
use axum::Extension;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_account, change_account))
}

#[derive(Template, Serialize)]
#[template(path = "people/account.html", blocks = ["content"])]
struct AccountPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    account: StaffView,
    /// Where the account is logged in.
    sessions: Vec<sessions::SessionView>,
    #[serde(skip)]
    mistakes: Mistakes,
    #[serde(skip)]
    saved: bool,
}

impl View for AccountPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// The caller's own account. Tokens have none.
pub fn own_account(visit: &Visit) -> Result<StaffRow, Problem> {
    let caller = rights::require(visit, rights::any)?;
    let row = staff::find(&visit.shop.store().read()?, StaffId(caller.id))?;
    row.ok_or_else(Problem::not_found)
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct SavedQuery {
    #[serde(default)]
    saved: Option<String>,
}

/// One's own account.
#[utoipa::path(get, path = "/admin/account", tag = "admin", params(SavedQuery), responses((status = 200, body = StaffView)))]
async fn show_account(visit: Visit, headers: HeaderMap, Query(query): Query<SavedQuery>) -> Result<Reply, Problem> {
    let row = own_account(&visit)?;
    visit.reply(&AccountPage {
        page: visit.page(),
        sessions: own_sessions(&visit, &headers, &row)?,
        account: row.into(),
        mistakes: Mistakes::default(),
        saved: query.saved.is_some(),
    })
}

fn own_sessions(visit: &Visit, headers: &HeaderMap, row: &StaffRow) -> Result<Vec<sessions::SessionView>, Fault> {
    let secret = cookie::value(headers, cookie::STAFF).unwrap_or_default();
    sessions::of_staff(&visit.shop.store().read()?, row.id, secret, visit.now)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct AccountForm {
    /// The password until now.
    password: String,
    new_password: String,
}

/// Changes one's own password. Every other session of the account ends.
#[utoipa::path(put, path = "/admin/account", tag = "admin", request_body = AccountForm, responses((status = 200, body = StaffView), (status = 422)))]
async fn change_account(
    visit: Visit,
    Extension(log_ins): Extension<LogIns>,
    headers: HeaderMap,
    Input(form): Input<AccountForm>,
) -> Result<Reply, Problem> {
    let row = own_account(&visit)?;
    let secret = secret::fresh()?;
    match change_password(&visit, &log_ins, &row, form, &secret, sessions::Device::of(&visit, &headers)).await {
        Ok(row) => {
            let cookie = staff_cookie(&visit.shop, &secret);
            let reply = visit.done(&StaffView::from(row), "/admin/account?saved=yes")?;
            Ok(reply.header(SET_COOKIE, cookie.to_str().unwrap_or_default()))
        }
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let mistakes = Mistakes::of(&refusal, visit.lang);
            let sessions = own_sessions(&visit, &headers, &row)?;
            let page = AccountPage { page: visit.page(), account: row.into(), sessions, mistakes, saved: false };
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn change_password(
    visit: &Visit,
    log_ins: &LogIns,
    row: &StaffRow,
    form: AccountForm,
    secret: &str,
    device: sessions::Device,
) -> Ruled<StaffRow> {
    log_ins.check_password(visit, row, form.password).await?;
    password::check(&form.new_password, "new_password")?;
    let password_hash = Some(log_ins.hash(form.new_password).await?);
    let (id, actor, now, secret) = (row.id, Actor::of(visit), visit.now, secret.to_owned());
    let write = move |tx: &crate::store::WriteTx| -> Ruled<StaffRow> {
        let wish = StaffChange { password_hash, ..StaffChange::default() };
        let row = staff::change(tx, id, wish, actor, now)?;
        sessions::open(tx, id, &secret, &device, now)?;
        Ok(row)
    };
    visit.shop.store().write(write).await
}
