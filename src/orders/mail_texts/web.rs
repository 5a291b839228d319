//! `/admin/mail-texts`: the words of each mail in each language, a letter made of them while they are typed, and a test to oneself.

use super::sample;
use crate::kernel::text::looks_like_email;
use crate::kernel::{Code, Error, Fault, Lang, Message, Moment, Refusal};
use crate::orders::letters;
use crate::people::audit::{self, Actor, Entry};
use crate::people::form::Mistakes;
use crate::people::mails::texts::{self, KINDS, Kind, MailText, TextRow};
use crate::people::mails::{self, NewMail};
use crate::people::rights::ChangesSettings;
use crate::people::{self, May, rights};
use crate::shop::Shop;
use crate::web::{Face, Input, List, Page, Problem, Reply, View, Visit, input, words};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::header;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(list_mail_texts))
        .routes(routes!(show_mail_text, change_mail_text))
        .routes(routes!(preview_mail_text))
        .routes(routes!(test_mail_text))
        .routes(routes!(show_letter))
}

/// One mail in one language.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct MailTextView {
    kind: &'static str,
    /// `en` or `ja`.
    lang: &'static str,
    /// The words that count, with their places.
    #[serde(flatten)]
    text: MailText,
    /// Some of them are the owner's.
    is_own: bool,
    version: u64,
    /// What may stand in braces.
    places: &'static [&'static str],
    /// What must stand in the subject, and what in the text.
    in_subject: &'static [&'static str],
    in_text: &'static [&'static str],
}

impl MailTextView {
    fn new(kind: &'static Kind, lang: Lang, row: &TextRow) -> MailTextView {
        MailTextView {
            kind: kind.name,
            lang: lang.tag(),
            text: row.text(kind, lang),
            is_own: row.is_own(),
            version: row.version,
            places: kind.places,
            in_subject: kind.in_subject,
            in_text: kind.in_text,
        }
    }

    fn url(&self) -> String {
        format!("/admin/mail-texts/{}/{}", self.kind, self.lang)
    }

    /// The key of what the mail is called.
    fn name_key(&self) -> String {
        format!("panel.mail_kind.{}", self.kind)
    }
}

#[derive(Template, Serialize)]
#[template(path = "orders/mail_texts.html", blocks = ["content"])]
struct ListPage {
    #[serde(flatten)]
    list: List<MailTextView>,
    #[serde(skip)]
    page: Page,
}

impl View for ListPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// The words of every mail in every language
#[utoipa::path(get, path = "/admin/mail-texts", tag = "admin", responses((status = 200, body = List<MailTextView>)))]
async fn list_mail_texts(visit: Visit) -> Result<Reply, Problem> {
    people::require(&visit, rights::reads_panel)?;
    let tx = visit.shop.store().read()?;
    let mut items = Vec::new();
    for kind in KINDS {
        for lang in Lang::ALL {
            items.push(MailTextView::new(kind, lang, &texts::find(&tx, kind, lang)?));
        }
    }
    visit.reply(&ListPage { list: List { items, next: None }, page: visit.page() })
}

/// The letter that a text makes of the sample order.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
struct Letter {
    subject: String,
    /// As plain text.
    text: String,
    /// As a piece of the page.
    #[serde(skip)]
    #[schema(ignore)]
    shown: String,
}

impl Letter {
    fn new(shop: &Shop, kind: &Kind, lang: Lang, text: &MailText, now: Moment) -> Result<Letter, Fault> {
        let order = sample::order(shop, lang, now)?;
        let (subject, body) = letters::sample(shop, &order, kind, text);
        let (text, _) = mails::render(shop, lang, &body)?;
        Ok(Letter { subject, text, shown: mails::render_for_panel(shop, lang, &body)? })
    }
}

#[derive(Template, Serialize)]
#[template(path = "orders/mail_text.html", blocks = ["content", "letter"])]
struct EditPage {
    #[serde(flatten)]
    view: MailTextView,
    preview: Letter,
    #[serde(skip)]
    page: Page,
    /// What stands in the form: as stored, or as typed.
    #[serde(skip)]
    typed: MailText,
    #[serde(skip)]
    mistakes: Mistakes,
    #[serde(skip)]
    may_change: bool,
    #[serde(skip)]
    saved: bool,
    /// Where a test was sent.
    #[serde(skip)]
    sent_to: Option<String>,
    /// Only the letter is wanted.
    #[serde(skip)]
    only_letter: bool,
}

impl View for EditPage {
    fn fragment(&self) -> askama::Result<String> {
        if self.only_letter { self.as_letter().render() } else { self.as_content().render() }
    }
}

impl EditPage {
    /// What must stand in a part, in words.
    fn needed(&self, places: &[&str]) -> String {
        if places.is_empty() {
            return String::new();
        }
        let braced: Vec<String> = places.iter().map(|place| format!("{{{place}}}")).collect();
        self.page.f1("panel.mail_needs", "places", braced.join(" "))
    }
}

fn place(kind: &str, lang: &str) -> Result<(&'static Kind, Lang), Problem> {
    let lang = Lang::ALL.into_iter().find(|known| known.tag() == lang);
    Kind::from_name(kind).zip(lang).ok_or_else(Problem::not_found)
}

/// The page with what is stored, or with what was typed.
fn edit_page(visit: &Visit, kind: &'static Kind, lang: Lang, typed: Option<MailText>) -> Result<EditPage, Problem> {
    let row = texts::find(&visit.shop.store().read()?, kind, lang)?;
    let view = MailTextView::new(kind, lang, &row);
    let typed = typed.unwrap_or_else(|| view.text.clone());
    Ok(EditPage {
        preview: Letter::new(&visit.shop, kind, lang, &whole(kind, lang, &typed), visit.now)?,
        view,
        page: visit.page(),
        typed,
        mistakes: Mistakes::default(),
        may_change: rights::changes_settings(visit.staff()?.role),
        saved: false,
        sent_to: None,
        only_letter: false,
    })
}

/// What is empty stands for our own words.
fn whole(kind: &Kind, lang: Lang, typed: &MailText) -> MailText {
    TextRow { own: typed.clone(), ..TextRow::default() }.text(kind, lang)
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct EditQuery {
    #[serde(default)]
    saved: Option<String>,
    #[serde(default)]
    sent: Option<String>,
}

/// The words of one mail in one language, and the letter they make
#[utoipa::path(get, path = "/admin/mail-texts/{kind}/{lang}", tag = "admin",
    params(("kind" = String, Path), ("lang" = String, Path, description = "`en` or `ja`"), EditQuery),
    responses((status = 200, body = MailTextView), (status = 404)))]
async fn show_mail_text(
    visit: Visit,
    Path((kind, lang)): Path<(String, String)>,
    Query(query): Query<EditQuery>,
) -> Result<Reply, Problem> {
    people::require(&visit, rights::reads_panel)?;
    let (kind, lang) = place(&kind, &lang)?;
    let mut page = edit_page(&visit, kind, lang, None)?;
    page.saved = query.saved.is_some();
    page.sent_to = query.sent.filter(|to| looks_like_email(to));
    visit.reply(&page)
}

/// Words for a mail. What is empty stands for our own.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
struct TextForm {
    /// The version the change was made from; without it nobody is asked.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    heading: String,
    #[serde(default)]
    text: String,
    /// Back to our own words.
    #[serde(default, deserialize_with = "input::switch")]
    reset: bool,
    /// For a test: where to; without it, to whoever asks, if that is a person.
    #[serde(default, deserialize_with = "input::optional_text")]
    to: Option<String>,
}

impl TextForm {
    fn typed(&self) -> MailText {
        let lines = |text: &str| text.replace("\r\n", "\n");
        MailText { subject: self.subject.clone(), heading: self.heading.clone(), text: lines(&self.text) }
    }
}

/// Change the words of a mail, or go back to our own with `reset`
#[utoipa::path(put, path = "/admin/mail-texts/{kind}/{lang}", tag = "admin", params(("kind" = String, Path), ("lang" = String, Path)),
    request_body = TextForm, responses((status = 200, body = MailTextView), (status = 404), (status = 412), (status = 422)))]
async fn change_mail_text(
    _: May<ChangesSettings>,
    visit: Visit,
    Path((kind, lang)): Path<(String, String)>,
    Input(form): Input<TextForm>,
) -> Result<Reply, Problem> {
    let (kind, lang) = place(&kind, &lang)?;
    let typed = form.typed();
    let own = if form.reset { Ok(MailText::default()) } else { texts::check(kind, lang, &typed) };
    let done = match own {
        Ok(own) => store(&visit, kind, lang, form.version, own).await,
        Err(refusal) => Err(refusal.into()),
    };
    match done {
        Ok(row) => {
            let view = MailTextView::new(kind, lang, &row);
            let url = format!("{}?saved=yes", view.url());
            visit.done(&view, &url)
        }
        Err(Error::Refused(refusal)) if matches!(refusal.code, Code::InvalidInput | Code::StaleVersion) => {
            again(&visit, kind, lang, typed, &refusal, false)
        }
        Err(error) => Err(error.into()),
    }
}

async fn store(
    visit: &Visit,
    kind: &'static Kind,
    lang: Lang,
    version: Option<i64>,
    own: MailText,
) -> Result<TextRow, Error> {
    let (actor, now) = (Actor::of(visit), visit.now);
    let write = move |tx: &crate::store::WriteTx| {
        let old = texts::find(tx, kind, lang)?;
        let new = texts::changed(&old, version, own, now)?;
        if new == old {
            return Ok(old);
        }
        texts::put(tx, kind, lang, &new)?;
        let (before, after) = audit::changes(&json!(old.own), &json!(new.own));
        let target_id = format!("{}/{}", kind.name, lang.tag());
        let entry =
            Entry { actor, action: "mail_text.changed", target_type: "mail_text", target_id, before, after, at: now };
        audit::record(tx, entry)?;
        Ok::<_, Error>(new)
    };
    visit.shop.store().write(write).await
}

/// The letter that words would make; nothing is stored
#[utoipa::path(post, path = "/admin/mail-texts/{kind}/{lang}/preview", tag = "admin", params(("kind" = String, Path), ("lang" = String, Path)),
    request_body = TextForm, responses((status = 200, body = Letter), (status = 404), (status = 422)))]
async fn preview_mail_text(
    _: May<ChangesSettings>,
    visit: Visit,
    Path((kind, lang)): Path<(String, String)>,
    Input(form): Input<TextForm>,
) -> Result<Reply, Problem> {
    let (kind, lang) = place(&kind, &lang)?;
    let typed = form.typed();
    // Who types is shown the letter alone.
    let only_letter = visit.face == Face::Fragment;
    if let Err(refusal) = texts::check(kind, lang, &typed) {
        return again(&visit, kind, lang, typed, &refusal, only_letter);
    }
    if visit.face.is_json() {
        let letter = Letter::new(&visit.shop, kind, lang, &whole(kind, lang, &typed), visit.now)?;
        return Ok(Reply::json(&letter)?);
    }
    let mut page = edit_page(&visit, kind, lang, Some(typed))?;
    page.only_letter = only_letter;
    visit.reply(&page)
}

/// Send the letter that words would make to oneself
#[utoipa::path(post, path = "/admin/mail-texts/{kind}/{lang}/test", tag = "admin", params(("kind" = String, Path), ("lang" = String, Path)),
    request_body = TextForm, responses((status = 201, body = Object), (status = 404), (status = 422)))]
async fn test_mail_text(
    _: May<ChangesSettings>,
    visit: Visit,
    Path((kind, lang)): Path<(String, String)>,
    Input(form): Input<TextForm>,
) -> Result<Reply, Problem> {
    let (kind, lang) = place(&kind, &lang)?;
    let typed = form.typed();
    if let Err(refusal) = texts::check(kind, lang, &typed) {
        return again(&visit, kind, lang, typed, &refusal, false);
    }
    let shop = visit.shop.clone();
    let to = match &form.to {
        Some(to) => to.trim().to_owned(),
        None => {
            let account = people::staff::find(&shop.store().read()?, visit.staff()?.id.into())?;
            account.map(|account| account.email).unwrap_or_default()
        }
    };
    if !looks_like_email(&to) {
        let refusal = Refusal::field("to", Message::new("people.email_form"));
        return again(&visit, kind, lang, typed, &refusal, false);
    }
    let order = sample::order(&shop, lang, visit.now)?;
    let (subject, body) = letters::sample(&shop, &order, kind, &whole(kind, lang, &typed));
    let (text, html) = mails::render(&shop, lang, &body)?;
    let id = shop.new_id();
    let subject = words::fill(words::text(lang, "panel.mail_text_test_subject"), &[("subject", subject.as_str())]);
    let (key, now) = (format!("test:{id}"), visit.now);
    let new = NewMail { id, kind: "test", key, to: to.clone(), lang, subject, text, html, order_id: None, now };
    let poster = shop.clone();
    let mail = shop.store().write(move |tx| mails::post(tx, &poster, new)).await?;
    if visit.face.is_json() {
        return Ok(Reply::json(&json!({"mail_id": mail, "to": to}))?.status(201));
    }
    let mut page = edit_page(&visit, kind, lang, Some(typed))?;
    page.sent_to = Some(to);
    visit.reply(&page)
}

/// The page with what was typed and what is wrong with it; scripts are told the same as a problem.
fn again(
    visit: &Visit,
    kind: &'static Kind,
    lang: Lang,
    typed: MailText,
    refusal: &Refusal,
    only_letter: bool,
) -> Result<Reply, Problem> {
    if visit.face.is_json() {
        return Err(refusal.clone().into());
    }
    let mut page = edit_page(visit, kind, lang, Some(typed))?;
    page.mistakes = Mistakes::of(refusal, visit.lang);
    page.only_letter = only_letter;
    Ok(visit.reply(&page)?.status(refusal.code.status()))
}

/// The letter of the stored words as mail programs show it
#[utoipa::path(get, path = "/admin/mail-texts/{kind}/{lang}/letter", tag = "admin", params(("kind" = String, Path), ("lang" = String, Path)),
    responses((status = 200, content_type = "text/html"), (status = 404)))]
async fn show_letter(visit: Visit, Path((kind, lang)): Path<(String, String)>) -> Result<Reply, Problem> {
    people::require(&visit, rights::reads_panel)?;
    let (kind, lang) = place(&kind, &lang)?;
    let text = texts::find(&visit.shop.store().read()?, kind, lang)?.text(kind, lang);
    let order = sample::order(&visit.shop, lang, visit.now)?;
    let (_, body) = letters::sample(&visit.shop, &order, kind, &text);
    let (_, html) = mails::render(&visit.shop, lang, &body)?;
    // A letter brings its styles along, as mail programs want it. It runs nothing, and loads no more than its pictures.
    let policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'";
    Ok(Reply::html(html).header(header::CONTENT_SECURITY_POLICY, policy))
}
