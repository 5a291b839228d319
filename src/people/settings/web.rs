//! `/admin/settings` and the legal pages.

use super::fields::{Choices, Fields};
use super::legal::{self, Block};
use super::{SettingsForm, apply};
use crate::kernel::{Code, Error, Fault, Moment, Refusal, Result as Ruled};
use crate::people::audit::{self, Actor, Entry};
use crate::people::form::Mistakes;
use crate::people::rights::{ChangesSettings, May};
use crate::people::{own_path, rights, setup};
use crate::shop::Shop;
use crate::shop::settings::Settings;
use crate::store::WriteTx;
use crate::web::{Input, Page, Problem, Reply, View, Visit, input, words};
use askama::Template;
use axum::extract::{Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(show_settings, change_settings))
        .routes(routes!(show_legal))
        .merge(super::brand_web::routes())
}

/// The settings pages by their names in the address.
pub const SECTIONS: [&str; 11] =
    ["shop", "brand", "mail", "shipping", "delivery", "means", "documents", "legal", "privacy", "holiday", "backup"];

/// The settings, and what live payments still wait for.
#[derive(Serialize)]
struct SettingsView {
    #[serde(flatten)]
    settings: Settings,
    missing: Vec<&'static str>,
}

impl SettingsView {
    fn of(settings: &Settings) -> SettingsView {
        let short = |key: &'static str| key.strip_prefix("people.missing.").unwrap_or(key);
        SettingsView { settings: settings.clone(), missing: setup::missing(settings).into_iter().map(short).collect() }
    }
}

#[derive(Template, Serialize)]
#[template(path = "people/settings.html", blocks = ["content"])]
struct SettingsPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    view: SettingsView,
    #[serde(skip)]
    section: &'static str,
    #[serde(skip)]
    form: Fields,
    #[serde(skip)]
    choices: Choices,
    #[serde(skip)]
    mistakes: Mistakes,
    #[serde(skip)]
    may_change: bool,
    #[serde(skip)]
    is_owner: bool,
    /// What invoices lack, by the last part of a key under `people.missing.`.
    #[serde(skip)]
    missing_on_documents: Vec<&'static str>,
    /// Why the logo was not taken.
    #[serde(skip)]
    logo_mistake: Option<String>,
    #[serde(skip)]
    saved: bool,
    /// Where the form goes back to.
    #[serde(skip)]
    next: String,
    #[serde(skip)]
    mail: setup::web::MailFacts,
}

impl View for SettingsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SectionQuery {
    /// `shop`, `brand`, `mail`, `shipping`, `delivery`, `means`, `documents`, `legal`, `privacy`, `holiday` or `backup`.
    #[serde(default)]
    pub section: Option<String>,
    #[serde(default)]
    pub saved: Option<String>,
}

impl SectionQuery {
    fn section(&self) -> &'static str {
        let wanted = self.section.as_deref();
        SECTIONS.into_iter().find(|name| wanted == Some(name)).unwrap_or("shop")
    }
}

fn settings_page(
    visit: &Visit,
    section: &'static str,
    form: Fields,
    mistakes: Mistakes,
) -> Result<SettingsPage, Problem> {
    let settings = visit.shop.settings();
    let role = visit.staff()?.role;
    Ok(SettingsPage {
        page: visit.page(),
        view: SettingsView::of(&settings),
        section,
        choices: Choices::with(&form.time_zone),
        form,
        mistakes,
        may_change: rights::changes_settings(role),
        is_owner: role.is_owner(),
        missing_on_documents: settings.missing_on_documents(),
        logo_mistake: None,
        saved: false,
        next: format!("/admin/settings?section={section}&saved=yes"),
        mail: setup::web::MailFacts::of(visit)?,
    })
}

/// The business settings.
#[utoipa::path(get, path = "/admin/settings", tag = "admin", params(SectionQuery), responses((status = 200, body = Object)))]
async fn show_settings(visit: Visit, Query(query): Query<SectionQuery>) -> Result<Reply, Problem> {
    rights::require(&visit, rights::reads_panel)?;
    let settings = visit.shop.settings();
    let mut page = settings_page(&visit, query.section(), Fields::of(&settings), Mistakes::default())?;
    page.saved = query.saved.is_some();
    visit.reply(&page)
}

/// Where a form stands and where it goes on; not part of the settings.
#[derive(Debug, Default, Deserialize)]
struct Way {
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    section: Option<String>,
    /// The button that fills a legal page with our text: the form comes back with it, and nothing is stored.
    #[serde(default)]
    template: Option<String>,
}

/// Changes settings. What is absent stays; `version` refuses a change made from old settings.
#[utoipa::path(put, path = "/admin/settings", tag = "admin", request_body = SettingsForm,
    responses((status = 200, body = Object), (status = 403), (status = 412), (status = 422)))]
async fn change_settings(_: May<ChangesSettings>, visit: Visit, Input(body): Input<Value>) -> Result<Reply, Problem> {
    let way: Way = serde_json::from_value(body.clone()).unwrap_or_default();
    let read = input::from_value::<SettingsForm>(body);
    if let (Some(name), Ok(form), false) = (&way.template, &read, visit.face.is_json()) {
        let settings = visit.shop.settings();
        let fields = Fields::of(&settings).typed(form).with_template(name, &settings);
        return form_again(&visit, &way, fields, Mistakes::default());
    }
    let (form, done) = match read {
        Ok(form) => (form.clone(), store(&visit, form).await),
        Err(refusal) => (SettingsForm::default(), Err(refusal.into())),
    };
    match done {
        Ok(settings) => visit.done(&SettingsView::of(&settings), way.next()),
        Err(Error::Refused(refusal)) if shows_form(&visit, refusal.code) => {
            let fields = Fields::of(&visit.shop.settings()).typed(&form);
            let mistakes = Mistakes::of(&refusal, visit.lang);
            Ok(form_again(&visit, &way, fields, mistakes)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

impl Way {
    fn next(&self) -> &str {
        own_path(self.next.as_deref()).unwrap_or("/admin/settings?saved=yes")
    }
}

/// The page the form stands on, with what was typed. The next try starts from what is stored now.
fn form_again(visit: &Visit, way: &Way, fields: Fields, mistakes: Mistakes) -> Result<Reply, Problem> {
    let in_setup = way.next().starts_with("/admin/setup") || way.section.as_deref() == Some("payments");
    if in_setup {
        return setup::web::step_again(visit, way.section.as_deref().unwrap_or("shop"), fields, mistakes);
    }
    let section = SectionQuery { section: way.section.clone(), ..SectionQuery::default() }.section();
    visit.reply(&settings_page(visit, section, fields, mistakes)?)
}

fn shows_form(visit: &Visit, code: Code) -> bool {
    !visit.face.is_json() && matches!(code, Code::InvalidInput | Code::StaleVersion)
}

async fn store(visit: &Visit, form: SettingsForm) -> Result<Settings, Error> {
    let (shop, actor, now) = (visit.shop.clone(), Actor::of(visit), visit.now);
    let is_owner = visit.caller.staff.as_ref().is_some_and(|staff| staff.role.is_owner());
    let write = move |tx: &WriteTx| -> Ruled<Settings> {
        let old = shop.stored_settings(tx)?;
        let new = apply(&old, &form)?;
        if new.currency != old.currency && !is_owner {
            return Err(Refusal::new(Code::Forbidden, "people.currency_owner").into());
        }
        keep(tx, &shop, &old, new, actor, now)
    };
    visit.shop.store().write(write).await
}

/// Stores new settings with their audit entry; the same ones leave no trace.
fn keep(tx: &WriteTx, shop: &Shop, old: &Settings, new: Settings, actor: Actor, now: Moment) -> Ruled<Settings> {
    if new == *old {
        return Ok(new);
    }
    shop.put_settings(tx, &new)?;
    let document = |settings: &Settings| serde_json::to_value(settings).map_err(Fault::from);
    let (before, after) = audit::changes(&document(old)?, &document(&new)?);
    let target_id = "shop".to_owned();
    audit::record(
        tx,
        Entry { actor, action: "settings.changed", target_type: "settings", target_id, before, after, at: now },
    )?;
    Ok(new)
}

/// Changes the settings by `change`, which may write beside them.
///
/// # Errors
/// 412 when somebody else changed them since `version`.
pub(super) async fn stored(
    visit: &Visit,
    version: Option<u64>,
    change: impl Fn(&WriteTx, &mut Settings) -> Result<(), Fault> + Send + 'static,
) -> Result<Settings, Error> {
    let (shop, actor, now) = (visit.shop.clone(), Actor::of(visit), visit.now);
    let write = move |tx: &WriteTx| -> Ruled<Settings> {
        let old = shop.stored_settings(tx)?;
        if version.is_some_and(|version| version != old.version) {
            return Err(Refusal::new(Code::StaleVersion, "people.stale").into());
        }
        let mut new = old.clone();
        change(tx, &mut new)?;
        if new != old {
            new.version += 1;
        }
        keep(tx, &shop, &old, new, actor, now)
    };
    visit.shop.store().write(write).await
}

/// The page with the logo's upload and what was wrong with it.
pub(super) fn logo_again(visit: &Visit, refusal: &Refusal) -> Result<Reply, Problem> {
    let fields = Fields::of(&visit.shop.settings());
    let page = settings_page(visit, "brand", fields, Mistakes::default())?;
    let page = SettingsPage { logo_mistake: Some(told(refusal, visit)), ..page };
    Ok(visit.reply(&page)?.status(refusal.code.status()))
}

fn told(refusal: &Refusal, visit: &Visit) -> String {
    let message = refusal.errors.first().map_or(&refusal.detail, |error| &error.message);
    words::message(visit.lang, message)
}

#[derive(Template, Serialize)]
#[template(path = "people/legal.html", blocks = ["content"])]
struct LegalPage {
    #[serde(skip)]
    page: Page,
    name: &'static str,
    title: String,
    /// Plain text; empty while the owner has not written it.
    text: String,
    #[serde(skip)]
    blocks: Vec<Block>,
}

impl View for LegalPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// Terms, privacy, and who the seller is.
#[utoipa::path(get, path = "/legal/{page}", tag = "shop", params(("page" = String, Path, description = "`terms`, `privacy` or `seller`")),
    responses((status = 200, body = Object), (status = 404)))]
async fn show_legal(visit: Visit, Path(name): Path<String>) -> Result<Reply, Problem> {
    let name = legal::PAGES.into_iter().find(|page| *page == name).ok_or_else(Problem::not_found)?;
    let settings = visit.shop.settings();
    let text = legal::words(&settings.legal, name).map(|words| words.get(visit.lang)).unwrap_or_default();
    let page = visit.page();
    let title = page.t(title_key(name)).to_owned();
    visit.reply(&LegalPage { title, blocks: legal::blocks(text), text: text.to_owned(), page, name })
}

fn title_key(name: &str) -> &'static str {
    match name {
        "terms" => "people.legal.terms",
        "privacy" => "people.legal.privacy",
        _ => "people.legal.seller",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Lang;

    #[test]
    fn each_page_has_a_title_in_both_languages() {
        for name in legal::PAGES {
            for lang in Lang::ALL {
                assert!(crate::web::words::find(lang, title_key(name)).is_some());
            }
        }
    }
}
