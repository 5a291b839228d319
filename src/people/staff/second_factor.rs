//! `/admin/account/second-factor`: switching the second factor on and off.

use super::StaffRow;
use super::totp::{self, SecondFactor};
use super::web::{LogIns, StaffView, own_account};
use crate::kernel::{Error, Message, Refusal, Result as Ruled};
use crate::people::audit::Actor;
use crate::people::form::Mistakes;
use crate::shop::Shop;
use crate::web::qr::qr;
use crate::web::{Input, Page, Problem, Reply, View, Visit};
use askama::Template;
use axum::Extension;
use axum::http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_second_factor, switch_on, switch_off))
}

#[derive(Template, Serialize)]
#[template(path = "people/second_factor.html", blocks = ["content"])]
struct SecondFactorPage {
    /// The account asks for a second factor.
    second_factor: bool,
    /// Recovery codes that are left.
    recovery_left: usize,
    /// A new secret in base32, to be sent back with a code that proves the app has it.
    #[serde(skip_serializing_if = "String::is_empty")]
    secret: String,
    /// The same for apps.
    #[serde(skip_serializing_if = "String::is_empty")]
    address: String,
    /// Told once, when the second factor is switched on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recovery_codes: Vec<String>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    qr_side: usize,
    #[serde(skip)]
    qr_path: String,
    #[serde(skip)]
    mistakes: Mistakes,
}

impl View for SecondFactorPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

fn page_of(visit: &Visit, row: &StaffRow, secret: String) -> Result<SecondFactorPage, Problem> {
    let (mut address, mut code) = (String::new(), (0, String::new()));
    if !secret.is_empty() {
        address = totp::address(&secret, &visit.shop.settings().shop_name, &row.email);
        code = qr(&address)?;
    }
    Ok(SecondFactorPage {
        second_factor: row.second_factor.is_some(),
        recovery_left: row.second_factor.as_ref().map_or(0, |factor| factor.recovery.len()),
        secret,
        address,
        recovery_codes: Vec::new(),
        page: visit.page(),
        qr_side: code.0,
        qr_path: code.1,
        mistakes: Mistakes::default(),
    })
}

/// Whether one's account has a second factor; where it has none, a secret for one.
#[utoipa::path(get, path = "/admin/account/second-factor", tag = "admin", responses((status = 200, body = Object), (status = 404)))]
async fn show_second_factor(visit: Visit) -> Result<Reply, Problem> {
    let row = own_account(&visit)?;
    let secret = if row.second_factor.is_some() { String::new() } else { totp::fresh_secret()? };
    Ok(visit.reply(&page_of(&visit, &row, secret)?)?.header(CACHE_CONTROL, "no-store"))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct OnForm {
    /// The secret that was told.
    secret: String,
    /// What the app shows.
    code: String,
}

/// Switches the second factor on; the answer holds the recovery codes, once.
#[utoipa::path(put, path = "/admin/account/second-factor", tag = "admin", request_body = OnForm,
    responses((status = 200, body = Object), (status = 422)))]
async fn switch_on(visit: Visit, Input(form): Input<OnForm>) -> Result<Reply, Problem> {
    let row = own_account(&visit)?;
    match turn_on(&visit, &row, &form).await {
        Ok((row, recovery_codes)) => {
            let page = SecondFactorPage { recovery_codes, ..page_of(&visit, &row, String::new())? };
            Ok(visit.reply(&page)?.header(CACHE_CONTROL, "no-store"))
        }
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let page = SecondFactorPage {
                mistakes: Mistakes::of(&refusal, visit.lang),
                ..page_of(&visit, &row, form.secret)?
            };
            Ok(visit.reply(&page)?.status(refusal.code.status()).header(CACHE_CONTROL, "no-store"))
        }
        Err(error) => Err(error.into()),
    }
}

async fn turn_on(visit: &Visit, row: &StaffRow, form: &OnForm) -> Ruled<(StaffRow, Vec<String>)> {
    let typed: String = form.code.chars().filter(|c| !c.is_whitespace()).collect();
    let wrong = || Refusal::field("code", Message::new("people.code_wrong"));
    let last_step = totp::step_of(&form.secret, &typed, visit.now).ok_or_else(wrong)?;
    let codes = totp::fresh_recovery()?;
    let factor = SecondFactor {
        secret: form.secret.to_uppercase(),
        since: visit.now,
        last_step,
        recovery: codes.iter().map(|code| totp::kept(code)).collect(),
    };
    let (id, actor, now) = (row.id, Actor::of(visit), visit.now);
    let row = visit.shop.store().write(move |tx| super::set_second_factor(tx, id, Some(factor), actor, now)).await?;
    Ok((row, codes))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct OffForm {
    password: String,
}

/// Switches the second factor off.
#[utoipa::path(delete, path = "/admin/account/second-factor", tag = "admin", request_body = OffForm,
    responses((status = 200, body = StaffView), (status = 422)))]
async fn switch_off(
    visit: Visit,
    Extension(log_ins): Extension<LogIns>,
    Input(form): Input<OffForm>,
) -> Result<Reply, Problem> {
    let row = own_account(&visit)?;
    match turn_off(&visit, &log_ins, &row, form).await {
        Ok(row) => visit.done(&StaffView::from(row), "/admin/account"),
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let page = SecondFactorPage {
                mistakes: Mistakes::of(&refusal, visit.lang),
                ..page_of(&visit, &row, String::new())?
            };
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn turn_off(visit: &Visit, log_ins: &LogIns, row: &StaffRow, form: OffForm) -> Ruled<StaffRow> {
    log_ins.check_password(visit, row, form.password).await?;
    let (id, actor, now) = (row.id, Actor::of(visit), visit.now);
    visit.shop.store().write(move |tx| super::set_second_factor(tx, id, None, actor, now)).await
}
