//! `/admin/login` and `/admin/logout`.

use super::{LogIns, StaffView, staff_cookie};
use crate::kernel::{Code, Error, Message, Moment, Refusal, Result as Ruled};
use crate::people::staff::{self, StaffRow, sessions};
use crate::people::{own_path, secret};
use crate::shop::Shop;
use crate::web::{Face, Input, Page, Problem, Reply, View, Visit, cookie};
use askama::Template;
use axum::Extension;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_log_in, log_in)).routes(routes!(log_out))
}

#[derive(Template, Serialize)]
#[template(path = "people/log_in.html", blocks = ["content"])]
struct LogInPage {
    #[serde(skip)]
    page: Page,
    logged_in: bool,
    #[serde(skip)]
    email: String,
    #[serde(skip)]
    next: String,
    /// Proves that the password was right, while the second factor is asked for.
    #[serde(skip)]
    ticket: String,
    #[serde(skip)]
    error: Option<String>,
    /// There is no account at all yet.
    #[serde(skip)]
    is_new: bool,
}

impl View for LogInPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

fn log_in_page(visit: &Visit, next: &str) -> Result<LogInPage, Problem> {
    Ok(LogInPage {
        page: visit.page(),
        logged_in: visit.caller.staff.is_some(),
        email: String::new(),
        next: own_path(Some(next)).unwrap_or("/admin").to_owned(),
        ticket: String::new(),
        error: None,
        is_new: !staff::has_owner(&visit.shop.store().read()?)?,
    })
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct LogInQuery {
    /// Where to go after the log-in.
    #[serde(default)]
    next: Option<String>,
}

/// The log-in page.
#[utoipa::path(get, path = "/admin/login", tag = "admin", params(LogInQuery), responses((status = 200)))]
async fn show_log_in(visit: Visit, Query(query): Query<LogInQuery>) -> Result<Reply, Problem> {
    visit.reply(&log_in_page(&visit, query.next.as_deref().unwrap_or_default())?)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct LogInForm {
    email: String,
    #[serde(default)]
    password: String,
    /// The second factor, for accounts that have one: six digits of the app, or a recovery code. Without it the answer is 401 with
    /// `second_factor: true`.
    #[serde(default)]
    code: String,
    /// Stands for the password once it was right, for some minutes.
    #[serde(default)]
    ticket: String,
    /// Where a browser goes afterwards.
    #[serde(default)]
    next: Option<String>,
}

/// Logs a member of the staff in. The session is in a cookie of its own.
#[utoipa::path(post, path = "/admin/login", tag = "admin", request_body = LogInForm,
    responses((status = 200, body = StaffView), (status = 401), (status = 429, description = "too many wrong passwords; `Retry-After` says how long to wait")))]
async fn log_in(
    visit: Visit,
    Extension(log_ins): Extension<LogIns>,
    headers: HeaderMap,
    Input(form): Input<LogInForm>,
) -> Result<Reply, Problem> {
    let secret = secret::fresh()?;
    match check(&visit, &log_ins, &form, &secret, sessions::Device::of(&visit, &headers)).await {
        Ok(row) => {
            let cookie = staff_cookie(&visit.shop, &secret);
            let reply = match visit.face {
                Face::Json => Reply::json(&StaffView::from(row))?,
                face => Reply::see_other(face, own_path(form.next.as_deref()).unwrap_or("/admin")),
            };
            Ok(reply.header(SET_COOKIE, cookie.to_str().unwrap_or_default()))
        }
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let mut page = log_in_page(&visit, form.next.as_deref().unwrap_or_default())?;
            let second = refusal.extra.iter().any(|(name, _)| *name == "second_factor");
            if let Some(row) = staff::by_email(&visit.shop.store().read()?, &form.email)?.filter(|_| second) {
                page.ticket = ticket(&visit.shop, &row, visit.now.plus_seconds(TICKET_S));
            }
            page.email = form.email;
            // The first time nothing is wrong: the page only asks for more.
            let is_mistake = !second || !form.code.is_empty();
            page.error = is_mistake.then(|| crate::web::words::message(visit.lang, &refusal.detail));
            let reply = visit.reply(&page)?.status(refusal.code.status());
            Ok(match refusal.retry_after_s {
                Some(seconds) => reply.header(axum::http::header::RETRY_AFTER, &seconds.to_string()),
                None => reply,
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// Seconds for which a right password stands while the second factor is typed.
const TICKET_S: i64 = 600;

/// `<end>.<signature over end, account and password>`: it opens nothing without the second factor, and ends with the password.
fn ticket(shop: &Shop, row: &StaffRow, until: Moment) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(shop.cookie_key()).expect("any length is a key");
    for part in ["second-factor:", &until.unix_millis().to_string(), ":", &row.id.to_string(), ":", &row.password_hash]
    {
        mac.update(part.as_bytes());
    }
    format!("{}.{}", until.unix_millis(), hex::encode(mac.finalize().into_bytes()))
}

fn is_ticket(shop: &Shop, row: &StaffRow, text: &str, now: Moment) -> bool {
    let until = text.split_once('.').and_then(|(until, _)| until.parse().ok()).map(Moment);
    until.is_some_and(|until| now < until && bool::from(ticket(shop, row, until).as_bytes().ct_eq(text.as_bytes())))
}

async fn check(
    visit: &Visit,
    log_ins: &LogIns,
    form: &LogInForm,
    secret: &str,
    device: sessions::Device,
) -> Ruled<StaffRow> {
    let (email, address) = (staff::normal(&form.email), visit.caller.address);
    if let Err(wait_s) = log_ins.throttle().begin(&email, address, visit.now) {
        let words = Message::new("people.log_in_wait").with("seconds", wait_s);
        return Err(Refusal::because(Code::RateLimited, words).retry_after(wait_s).into());
    }
    let row = staff::by_email(&visit.shop.store().read()?, &email)?.filter(|row| !row.disabled);
    let is_right = match row.as_ref().filter(|row| is_ticket(&visit.shop, row, &form.ticket, visit.now)) {
        Some(_) => true,
        None => {
            let stored = row.as_ref().map(|row| row.password_hash.clone());
            log_ins.matches(form.password.clone(), stored).await?
        }
    };
    let Some(row) = row.filter(|_| is_right) else { return Err(staff::wrong_log_in()) };
    if row.second_factor.is_some() && form.code.is_empty() {
        return Err(staff::wrong_code());
    }
    let (secret, code, now) = (secret.to_owned(), form.code.clone(), visit.now);
    let write = move |tx: &crate::store::WriteTx| staff::log_in(tx, row.id, &secret, Some(&code), &device, now);
    let row = visit.shop.store().write(write).await?;
    log_ins.throttle().succeeded(&email, address);
    Ok(row)
}

/// Ends the session.
#[utoipa::path(post, path = "/admin/logout", tag = "admin", responses((status = 200)))]
async fn log_out(visit: Visit, headers: HeaderMap) -> Result<Reply, Problem> {
    if let Some(secret) = cookie::value(&headers, cookie::STAFF).map(str::to_owned) {
        visit.shop.store().write(move |tx| sessions::end(tx, &secret)).await?;
    }
    let gone = cookie::set(cookie::STAFF, "", 0, "/", visit.shop.is_https());
    let reply = visit.done(&serde_json::json!({"logged_in": false}), "/admin/login")?;
    Ok(reply.header(SET_COOKIE, gone.to_str().unwrap_or_default()))
}
