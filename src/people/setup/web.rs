//! `/admin/setup`: first the owner's account by the one-time link, then the shop, step by step.

use super::{is_good, make_owner, remove_file};
use crate::kernel::{Error, Fault, Refusal};
use crate::people::audit::Actor;
use crate::people::form::Mistakes;
use crate::people::mails::{self, web::MailView};
use crate::people::settings::fields::{Choices, Fields};
use crate::people::staff::web::{LogIns, StaffView, staff_cookie};
use crate::people::staff::{self, NewStaff, StaffId, StaffRow, password};
use crate::people::{rights, secret};
use crate::shop::Shop;
use crate::web::{Face, Input, Page, Problem, Reply, Role, View, Visit};
use askama::Template;
use axum::Extension;
use axum::extract::Query;
use axum::http::header::SET_COOKIE;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_setup, set_up))
}

/// The steps after the owner's account, by their names in the address.
const STEPS: [&str; 4] = ["shop", "mail", "legal", "payments"];

/// How mails go out, in words for the pages that set it.
#[derive(Clone, Debug)]
pub struct MailFacts {
    pub is_outbox: bool,
    /// `mail.from` of the configuration, used while no sender is set here.
    pub default_sender: String,
    /// What became of the last test.
    pub last_test: Option<MailView>,
    /// Where a test would go.
    pub own_email: String,
}

impl MailFacts {
    /// # Errors
    /// A database that cannot be read.
    pub fn of(visit: &Visit) -> Result<MailFacts, Fault> {
        let tx = visit.shop.store().read()?;
        let recent = mails::list(&tx, None, None, None, 20)?;
        let last_test = recent.iter().find(|row| row.kind == "test").map(|row| MailView::of(row, visit.lang));
        let account = match &visit.caller.staff {
            Some(caller) => staff::find(&tx, StaffId(caller.id))?,
            None => None,
        };
        let mail = &visit.shop.config().mail;
        Ok(MailFacts {
            is_outbox: mail.smtp_url.is_none(),
            default_sender: mail.from.clone(),
            last_test,
            own_email: account.map(|row| row.email).unwrap_or_default(),
        })
    }
}

/// How payments stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payments {
    Sandbox,
    Test,
    Live,
}

impl Payments {
    fn of(shop: &Shop) -> Payments {
        match &shop.config().stripe.keys {
            None => Payments::Sandbox,
            Some(keys) if keys.is_live() => Payments::Live,
            Some(_) => Payments::Test,
        }
    }

    pub fn heading_key(self) -> &'static str {
        match self {
            Payments::Sandbox => "people.payments.sandbox",
            Payments::Test => "people.payments.test",
            Payments::Live => "people.payments.live",
        }
    }

    pub fn text_key(self) -> &'static str {
        match self {
            Payments::Sandbox => "people.payments.sandbox_text",
            Payments::Test => "people.payments.test_text",
            Payments::Live => "people.payments.live_text",
        }
    }
}

#[derive(Template, Serialize)]
#[template(path = "people/setup_owner.html", blocks = ["content"])]
struct OwnerPage {
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    token: String,
    #[serde(skip)]
    typed_name: String,
    #[serde(skip)]
    email: String,
    #[serde(skip)]
    mistakes: Mistakes,
    /// The link can still be used.
    good: bool,
}

impl View for OwnerPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

#[derive(Template, Serialize)]
#[template(path = "people/setup.html", blocks = ["content"])]
struct StepPage {
    #[serde(skip)]
    page: Page,
    step: &'static str,
    #[serde(skip)]
    next: String,
    #[serde(skip)]
    form: Fields,
    #[serde(skip)]
    choices: Choices,
    #[serde(skip)]
    mistakes: Mistakes,
    #[serde(skip)]
    is_owner: bool,
    #[serde(skip)]
    may_change: bool,
    #[serde(skip)]
    mail: MailFacts,
    #[serde(skip)]
    payments: Payments,
    #[serde(skip)]
    webhook_url: String,
    /// What live payments still wait for, besides the end of the set-up itself.
    missing: Vec<&'static str>,
}

impl View for StepPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

impl StepPage {
    fn new(visit: &Visit, step: &str, form: Fields, mistakes: Mistakes) -> Result<StepPage, Problem> {
        let role = visit.staff()?.role;
        let at = STEPS.iter().position(|name| *name == step).unwrap_or(0);
        let next = match STEPS.get(at + 1) {
            Some(step) => format!("/admin/setup?step={step}"),
            None => "/admin".to_owned(),
        };
        let settings = visit.shop.settings();
        let missing = super::missing(&settings).into_iter().filter(|key| *key != "people.missing.set_up").collect();
        Ok(StepPage {
            page: visit.page(),
            step: STEPS[at],
            next,
            choices: Choices::with(&form.time_zone),
            form,
            mistakes,
            is_owner: role.is_owner(),
            may_change: rights::changes_settings(role),
            mail: MailFacts::of(visit)?,
            payments: Payments::of(&visit.shop),
            webhook_url: format!("{}/webhooks/stripe", visit.shop.public_url()),
            missing,
        })
    }
}

/// The step a form came from, with what was typed and what is wrong with it.
///
/// # Errors
/// A database that cannot be read.
pub fn step_again(visit: &Visit, step: &str, form: Fields, mistakes: Mistakes) -> Result<Reply, Problem> {
    visit.reply(&StepPage::new(visit, step, form, mistakes)?)
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct SetupQuery {
    /// The secret of the one-time link.
    #[serde(default)]
    token: Option<String>,
    /// `shop`, `mail`, `legal` or `payments`.
    #[serde(default)]
    step: Option<String>,
}

/// The first set-up: by the one-time link the owner's account, after log-in the shop.
#[utoipa::path(get, path = "/admin/setup", tag = "admin", params(SetupQuery), responses((status = 200), (status = 401), (status = 404)))]
async fn show_setup(visit: Visit, Query(query): Query<SetupQuery>) -> Result<Reply, Problem> {
    if let Some(token) = query.token {
        let good = is_good(&visit.shop.store().read()?, &token)?;
        let page = OwnerPage {
            page: visit.page(),
            token,
            typed_name: String::new(),
            email: String::new(),
            mistakes: Mistakes::default(),
            good,
        };
        return Ok(visit.reply(&page)?.status(if good { 200 } else { 404 }));
    }
    rights::require(&visit, rights::changes_settings)?;
    let form = Fields::of(&visit.shop.settings());
    visit.reply(&StepPage::new(&visit, query.step.as_deref().unwrap_or("shop"), form, Mistakes::default())?)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct OwnerForm {
    /// The secret of the one-time link.
    token: String,
    email: String,
    name: String,
    password: String,
}

/// Makes the owner's account by the one-time link, and logs it in.
#[utoipa::path(post, path = "/admin/setup", tag = "admin", request_body = OwnerForm,
    responses((status = 201, body = StaffView), (status = 404, description = "the link is used"), (status = 422)))]
async fn set_up(
    visit: Visit,
    Extension(log_ins): Extension<LogIns>,
    Input(form): Input<OwnerForm>,
) -> Result<Reply, Problem> {
    let secret = secret::fresh()?;
    match make(&visit, &log_ins, &form, &secret).await {
        Ok(row) => {
            remove_file(&visit.shop);
            let cookie = staff_cookie(&visit.shop, &secret);
            let reply = match visit.face {
                Face::Json => Reply::json(&StaffView::from(row))?.status(201),
                face => Reply::see_other(face, "/admin/setup?step=shop"),
            };
            Ok(reply.header(SET_COOKIE, cookie.to_str().unwrap_or_default()))
        }
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let good = is_good(&visit.shop.store().read()?, &form.token)?;
            let page = OwnerPage {
                page: visit.page(),
                token: form.token,
                typed_name: form.name,
                email: form.email,
                mistakes: Mistakes::of(&refusal, visit.lang),
                good,
            };
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn make(visit: &Visit, log_ins: &LogIns, form: &OwnerForm, secret: &str) -> Result<StaffRow, Error> {
    if !is_good(&visit.shop.store().read()?, &form.token)? {
        return Err(Refusal::new(crate::kernel::Code::NotFound, "people.setup_link_spent").into());
    }
    let mut wrong = Vec::new();
    for checked in [staff::check_new(&form.email, &form.name).map(drop), password::check(&form.password, "password")] {
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
        role: Role::Owner,
        password_hash: log_ins.hash(form.password.clone()).await?,
    };
    let (token, actor, now, secret) = (form.token.clone(), Actor::of(visit), visit.now, secret.to_owned());
    let device = staff::sessions::Device { address: visit.caller.address.to_string(), agent: String::new() };
    let write = move |tx: &crate::store::WriteTx| -> crate::kernel::Result<StaffRow> {
        let row = make_owner(tx, &token, new, actor, now)?;
        staff::log_in(tx, row.id, &secret, None, &device, now)
    };
    visit.shop.store().write(write).await
}
