//! `/admin/staff`: the accounts, for owners.

use super::{LogIns, StaffView};
use crate::kernel::{Code, Error, Message, Refusal, Result as Ruled};
use crate::people::audit::Actor;
use crate::people::form::Mistakes;
use crate::people::rights::{self, May, Owner};
use crate::people::staff::{self, NewStaff, StaffChange, StaffId, StaffRow, password};
use crate::shop::Shop;
use crate::web::{Input, List, Page, Problem, Reply, Role, View, Visit, input};
use askama::Template;
use axum::Extension;
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(list_staff, add_staff)).routes(routes!(change_staff))
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
    let items = staff::all(&visit.shop.store().read()?)?.into_iter().map(StaffView::from).collect();
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
    let (role, checked) = (role_named(&form.role), staff::check_new(&form.email, &form.name).map(drop));
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
    visit.shop.store().write(move |tx| staff::add(tx, new, actor, now)).await
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
    visit.shop.store().write(move |tx| staff::change(tx, id, wish, actor, now)).await
}
