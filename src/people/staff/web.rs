//! Log-in and log-out, one's own account, and `/admin/staff` for owners.

use super::throttle::Throttle;
use super::{NewStaff, StaffChange, StaffId, StaffRow, password, sessions};
use crate::kernel::{Code, Error, Fault, Message, Moment, Refusal, Result as Ruled};
use crate::people::audit::Actor;
use crate::people::form::Mistakes;
use crate::people::rights::{May, Owner};
use crate::people::{own_path, rights, secret};
use crate::shop::Shop;
use crate::web::{Face, Input, List, Page, Problem, Reply, Role, View, Visit, cookie, input};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(show_log_in, log_in))
        .routes(routes!(log_out))
        .routes(routes!(show_account, change_account))
        .routes(routes!(list_staff, add_staff))
        .routes(routes!(change_staff))
        .merge(super::second_factor::routes())
        .merge(sessions::web::routes())
}

/// What log-ins share: who has to wait, and how many passwords are looked at at once (each takes 19 MiB and a core).
#[derive(Clone)]
pub struct LogIns(Arc<(Throttle, Semaphore)>);

impl Default for LogIns {
    fn default() -> Self {
        LogIns(Arc::new((Throttle::default(), Semaphore::new(2))))
    }
}

impl LogIns {
    fn throttle(&self) -> &Throttle {
        &self.0.0
    }

    /// Hashes a password away from the threads that answer requests.
    ///
    /// # Errors
    /// A system without random bytes.
    pub async fn hash(&self, text: String) -> Result<String, Fault> {
        self.aside(move || password::hash(&text)).await?
    }

    async fn matches(&self, text: String, stored: Option<String>) -> Result<bool, Fault> {
        self.aside(move || password::matches(&text, stored.as_deref())).await
    }

    /// Whether this is the account's password; wrong ones make the next try wait.
    ///
    /// # Errors
    /// 422 naming `password`, 429 when it comes too soon.
    pub async fn check_password(&self, visit: &Visit, row: &StaffRow, password: String) -> Ruled<()> {
        if let Err(wait_s) = self.throttle().begin(&row.email, visit.caller.address, visit.now) {
            let words = Message::new("people.log_in_wait").with("seconds", wait_s);
            return Err(Refusal::because(Code::RateLimited, words).retry_after(wait_s).into());
        }
        if !self.matches(password, Some(row.password_hash.clone())).await? {
            return Err(Refusal::field("password", Message::new("people.password_wrong")).into());
        }
        self.throttle().succeeded(&row.email, visit.caller.address);
        Ok(())
    }

    async fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
        let _turn = self.0.1.acquire().await.map_err(|_| Fault::Stopping)?;
        tokio::task::spawn_blocking(work).await.map_err(|error| Fault::bug(error.to_string()))
    }
}

/// A `Set-Cookie` value for the staff's own cookie.
pub fn staff_cookie(shop: &Shop, secret: &str) -> HeaderValue {
    cookie::set(cookie::STAFF, secret, sessions::MAX_DAYS * 86_400, "/", shop.is_https())
}

/// An account without its password.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Staff)]
pub struct StaffView {
    #[schema(value_type = String, format = Uuid)]
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub disabled: bool,
    pub version: u64,
    pub created_at: Moment,
    pub last_log_in_at: Option<Moment>,
    /// A second factor is asked for after the password.
    pub second_factor: bool,
}

impl From<StaffRow> for StaffView {
    fn from(row: StaffRow) -> Self {
        StaffView {
            id: row.id,
            email: row.email,
            name: row.name,
            role: row.role,
            disabled: row.disabled,
            version: row.version,
            created_at: row.created_at,
            last_log_in_at: row.last_log_in_at,
            second_factor: row.second_factor.is_some(),
        }
    }
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
        is_new: !super::has_owner(&visit.shop.store().read()?)?,
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
            if let Some(row) = super::by_email(&visit.shop.store().read()?, &form.email)?.filter(|_| second) {
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
    let (email, address) = (super::normal(&form.email), visit.caller.address);
    if let Err(wait_s) = log_ins.throttle().begin(&email, address, visit.now) {
        let words = Message::new("people.log_in_wait").with("seconds", wait_s);
        return Err(Refusal::because(Code::RateLimited, words).retry_after(wait_s).into());
    }
    let row = super::by_email(&visit.shop.store().read()?, &email)?.filter(|row| !row.disabled);
    let is_right = match row.as_ref().filter(|row| is_ticket(&visit.shop, row, &form.ticket, visit.now)) {
        Some(_) => true,
        None => {
            let stored = row.as_ref().map(|row| row.password_hash.clone());
            log_ins.matches(form.password.clone(), stored).await?
        }
    };
    let Some(row) = row.filter(|_| is_right) else { return Err(super::wrong_log_in()) };
    if row.second_factor.is_some() && form.code.is_empty() {
        return Err(super::wrong_code());
    }
    let (secret, code, now) = (secret.to_owned(), form.code.clone(), visit.now);
    let write = move |tx: &crate::store::WriteTx| super::log_in(tx, row.id, &secret, Some(&code), &device, now);
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
    let staff = rights::require(visit, rights::any)?;
    let row = super::find(&visit.shop.store().read()?, StaffId(staff.id))?;
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
        let row = super::change(tx, id, wish, actor, now)?;
        sessions::open(tx, id, &secret, &device, now)?;
        Ok(row)
    };
    visit.shop.store().write(write).await
}

#[derive(Template, Serialize)]
#[template(path = "people/staff.html", blocks = ["content"])]
struct StaffPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    list: List<StaffView>,
    #[serde(skip)]
    form: NewStaffForm,
    #[serde(skip)]
    mistakes: Mistakes,
    /// The account that the mistakes are about; none for the form of a new one.
    #[serde(skip)]
    about: Option<StaffId>,
}

impl View for StaffPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

fn staff_page(visit: &Visit) -> Result<StaffPage, Problem> {
    let items = super::all(&visit.shop.store().read()?)?.into_iter().map(StaffView::from).collect();
    Ok(StaffPage {
        page: visit.page(),
        list: List { items, next: None },
        form: NewStaffForm::default(),
        mistakes: Mistakes::default(),
        about: None,
    })
}

/// The accounts of the staff.
#[utoipa::path(get, path = "/admin/staff", tag = "admin", responses((status = 200, body = List<StaffView>)))]
async fn list_staff(visit: Visit) -> Result<Reply, Problem> {
    rights::require(&visit, Role::is_owner)?;
    visit.reply(&staff_page(&visit)?)
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
struct NewStaffForm {
    email: String,
    name: String,
    /// `owner`, `manager`, `printer` or `viewer`.
    role: String,
    password: String,
}

fn role_named(name: &str) -> Result<Role, Refusal> {
    Role::from_name(name).ok_or_else(|| Refusal::field("role", Message::new("people.role_unknown")))
}

/// Makes an account.
#[utoipa::path(post, path = "/admin/staff", tag = "admin", request_body = NewStaffForm, responses((status = 201, body = StaffView), (status = 422)))]
async fn add_staff(
    _: May<Owner>,
    visit: Visit,
    Extension(log_ins): Extension<LogIns>,
    Input(form): Input<NewStaffForm>,
) -> Result<Reply, Problem> {
    match make(&visit, &log_ins, &form).await {
        Ok(row) if visit.face.is_json() => Ok(Reply::json(&StaffView::from(row))?.status(201)),
        Ok(row) => visit.done(&StaffView::from(row), "/admin/staff"),
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let mistakes = Mistakes::of(&refusal, visit.lang);
            let form = NewStaffForm { password: String::new(), ..form };
            Ok(visit.reply(&StaffPage { form, mistakes, ..staff_page(&visit)? })?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn make(visit: &Visit, log_ins: &LogIns, form: &NewStaffForm) -> Ruled<StaffRow> {
    let mut wrong = Vec::new();
    let (role, checked) = (role_named(&form.role), super::check_new(&form.email, &form.name).map(drop));
    for checked in [checked, role.clone().map(drop), password::check(&form.password, "password")] {
        if let Err(refusal) = checked {
            wrong.extend(refusal.errors);
        }
    }
    if !wrong.is_empty() {
        return Err(Refusal::fields(wrong).into());
    }
    let new = NewStaff {
        id: StaffId(visit.shop.new_id()),
        email: form.email.clone(),
        name: form.name.clone(),
        role: role?,
        password_hash: log_ins.hash(form.password.clone()).await?,
    };
    let (actor, now) = (Actor::of(visit), visit.now);
    visit.shop.store().write(move |tx| super::add(tx, new, actor, now)).await
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct StaffForm {
    #[serde(default, deserialize_with = "input::optional_text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "input::optional_text")]
    role: Option<String>,
    /// Locks the account, or opens it again.
    #[serde(default, deserialize_with = "optional_switch")]
    #[schema(value_type = Option<bool>)]
    disabled: Option<bool>,
    /// A new password; every session of the account ends.
    #[serde(default, deserialize_with = "input::optional_text")]
    password: Option<String>,
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
    /// Switches the second factor off, for somebody whose phone and recovery codes are lost.
    #[serde(default, deserialize_with = "input::switch")]
    forget_second_factor: bool,
}

fn optional_switch<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    input::switch(deserializer).map(Some)
}

/// Changes an account: name, role, lock, password.
#[utoipa::path(put, path = "/admin/staff/{id}", tag = "admin", params(("id" = Uuid, Path)), request_body = StaffForm,
    responses((status = 200, body = StaffView), (status = 404), (status = 409, description = "the last owner stays"), (status = 412), (status = 422)))]
async fn change_staff(
    _: May<Owner>,
    visit: Visit,
    Path(id): Path<Uuid>,
    Extension(log_ins): Extension<LogIns>,
    Input(form): Input<StaffForm>,
) -> Result<Reply, Problem> {
    match change(&visit, &log_ins, StaffId(id), form).await {
        Ok(row) => visit.done(&StaffView::from(row), "/admin/staff"),
        Err(Error::Refused(refusal)) if !visit.face.is_json() && refusal.code != Code::NotFound => {
            let mistakes = Mistakes::of(&refusal, visit.lang);
            let page = StaffPage { mistakes, about: Some(StaffId(id)), ..staff_page(&visit)? };
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn change(visit: &Visit, log_ins: &LogIns, id: StaffId, form: StaffForm) -> Ruled<StaffRow> {
    let password_hash = match form.password {
        None => None,
        Some(text) => {
            password::check(&text, "password")?;
            Some(log_ins.hash(text).await?)
        }
    };
    let wish = StaffChange {
        name: form.name,
        role: form.role.as_deref().map(role_named).transpose()?,
        disabled: form.disabled,
        password_hash,
        forget_second_factor: form.forget_second_factor,
        version: form.version.and_then(|version| u64::try_from(version).ok()),
    };
    let (actor, now) = (Actor::of(visit), visit.now);
    visit.shop.store().write(move |tx| super::change(tx, id, wish, actor, now)).await
}
