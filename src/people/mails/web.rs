//! `/admin/mails`: what was sent to whom, what went wrong, and sending it again.

use super::send::reason_key;
use super::{LetterBody, MailId, MailRow, MailState, NewMail};
use crate::kernel::text::looks_like_email;
use crate::kernel::{Fault, Lang, Message, Moment, Refusal};
use crate::people::audit::{self, Actor, Entry};
use crate::people::rights::{self, ChangesSettings, May};
use crate::shop::Shop;
use crate::web::{Input, List, Page, Paging, Problem, Reply, View, Visit, input, words};
use askama::Template;
use axum::extract::{Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(list_mails))
        .routes(routes!(send_test_mail))
        .routes(routes!(show_mail))
        .routes(routes!(resend_mail))
}

/// A mail and what became of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Mail)]
pub struct MailView {
    #[schema(value_type = String, format = Uuid)]
    pub id: MailId,
    pub kind: String,
    pub order_id: Option<Uuid>,
    pub to: String,
    pub subject: String,
    pub status: MailState,
    pub attempts: u32,
    /// Why the last try failed, in words.
    pub last_error: Option<String>,
    pub created_at: Moment,
    pub sent_at: Option<Moment>,
}

impl MailView {
    pub fn of(row: &MailRow, lang: Lang) -> MailView {
        let last_error = row.error.as_ref().map(|error| {
            let sentence = words::text(lang, reason_key(&error.reason));
            if error.answer.is_empty() { sentence.to_owned() } else { format!("{sentence} ({})", error.answer) }
        });
        MailView {
            id: row.id,
            kind: row.kind.clone(),
            order_id: row.order_id,
            to: row.to.clone(),
            subject: row.subject.clone(),
            status: row.state,
            attempts: row.attempts,
            last_error,
            created_at: row.created_at,
            sent_at: row.sent_at,
        }
    }

    /// The key of the word for the state.
    pub fn state_key(&self) -> String {
        format!("people.mail_state.{}", self.status.name())
    }
}

#[derive(Template, Serialize)]
#[template(path = "people/mails.html", blocks = ["content"])]
struct MailsPage {
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    state: Option<MailState>,
    #[serde(skip)]
    kind: String,
    /// This list, to come back to after a mail was sent again.
    #[serde(skip)]
    here: String,
    #[serde(skip)]
    may_change: bool,
    #[serde(skip)]
    is_outbox: bool,
    #[serde(flatten)]
    list: List<MailView>,
}

impl View for MailsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// `queued`, `sending`, `sent`, `uncertain` or `failed`.
    #[serde(default)]
    status: Option<String>,
    /// For example `order_paid`.
    #[serde(default)]
    kind: String,
}

/// The kinds of mails there are, for the list to choose from.
const KINDS: [&str; 16] = [
    "order_paid",
    "order_notice",
    "order_placed",
    "order_waits",
    "order_shipped",
    "order_delivered",
    "order_pay_how",
    "order_pay_reminder",
    "order_pay_lapsed",
    "order_refunded",
    "order_disputed",
    "print_differs",
    "change_asked",
    "sign_in",
    "job_failed",
    "test",
];

impl MailsPage {
    /// The kinds with their names; those without a name are left out.
    fn kinds(&self) -> Vec<(&'static str, &'static str)> {
        let named =
            |kind: &'static str| Some((kind, words::find(self.page.lang, &format!("people.mail_kind.{kind}"))?));
        KINDS.into_iter().filter_map(named).collect()
    }

    /// What a mail is, in words.
    fn kind_words<'a>(&self, kind: &'a str) -> &'a str {
        words::find(self.page.lang, &format!("people.mail_kind.{kind}")).unwrap_or(kind)
    }
}

/// Mails, newest first.
#[utoipa::path(get, path = "/admin/mails", tag = "admin", params(Paging, Filter), responses((status = 200, body = List<MailView>)))]
async fn list_mails(
    visit: Visit,
    Query(paging): Query<Paging>,
    Query(filter): Query<Filter>,
) -> Result<Reply, Problem> {
    let staff = rights::require(&visit, rights::reads_panel)?;
    let may_change = rights::changes_settings(staff.role);
    let limit = paging.limit()?;
    let state = match filter.status.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(name) => {
            let state = MailState::from_name(name);
            Some(state.ok_or_else(|| Refusal::field("status", Message::new("people.mail_state_unknown")))?)
        }
    };
    let tx = visit.shop.store().read()?;
    let after = paging.after(|id: MailId| Ok(super::find(&tx, id)?.map(|mail| mail.id)))?;
    let kind = Some(filter.kind.trim()).filter(|kind| !kind.is_empty());
    let rows = super::list(&tx, state, kind, after, limit + 1)?;
    let items = rows.iter().map(|row| MailView::of(row, visit.lang)).collect();
    let list = List::of(items, limit, |mail: &MailView| mail.id.to_string());
    let is_outbox = visit.shop.config().mail.smtp_url.is_none();
    let page = visit.page();
    visit.reply(&MailsPage { here: page.here.clone(), page, state, kind: filter.kind, may_change, is_outbox, list })
}

#[derive(Template, Serialize)]
#[template(path = "people/mail.html", blocks = ["content"])]
struct MailPage {
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    may_change: bool,
    #[serde(flatten)]
    mail: MailView,
    /// What the mail says, with the keys of its links left out; `null` where it is nothing but a private link.
    text: Option<String>,
}

impl View for MailPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// One mail with its text.
#[utoipa::path(get, path = "/admin/mails/{id}", tag = "admin", params(("id" = Uuid, Path)),
    responses((status = 200, body = MailView), (status = 404)))]
async fn show_mail(visit: Visit, Path(id): Path<Uuid>) -> Result<Reply, Problem> {
    let may_change = rights::changes_settings(rights::require(&visit, rights::reads_panel)?.role);
    let row = super::find(&visit.shop.store().read()?, MailId(id))?.ok_or_else(Problem::not_found)?;
    let text = (row.kind != crate::people::customers::MAIL_KIND).then(|| without_keys(&row.text));
    visit.reply(&MailPage { page: visit.page(), may_change, mail: MailView::of(&row, visit.lang), text })
}

/// A text without the keys of its links. Whoever has a key is the customer: could pay, change and call off, and no log would say who it
/// was. So nobody on the staff is shown one, whatever their rights; what they may do they do in the panel under their own name.
fn without_keys(text: &str) -> String {
    let mut parts = text.split("key=");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_of_link = shown.ends_with(['?', '&']);
        shown.push_str("key=");
        if !is_of_link {
            shown.push_str(part);
            continue;
        }
        shown.push('…');
        shown.push_str(
            part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '%' | '=')),
        );
    }
    shown
}

/// Where a browser goes after a button of a list.
#[derive(Debug, Default, Deserialize)]
struct Back {
    #[serde(default)]
    next: Option<String>,
}

/// Sends a mail again.
#[utoipa::path(post, path = "/admin/mails/{id}/resend", tag = "admin", params(("id" = Uuid, Path)),
    responses((status = 200, body = MailView), (status = 404), (status = 409, description = "it is being sent just now")))]
async fn resend_mail(
    _: May<ChangesSettings>,
    visit: Visit,
    Path(id): Path<Uuid>,
    Input(back): Input<Back>,
) -> Result<Reply, Problem> {
    let (shop, actor, now) = (visit.shop.clone(), Actor::of(&visit), visit.now);
    let row = visit
        .shop
        .store()
        .write(move |tx| -> crate::kernel::Result<MailRow> {
            let before = super::find(tx, MailId(id))?.map(|row| json!({"status": row.state.name()}));
            let row = super::resend(tx, &shop, MailId(id), now)?;
            audit::record(
                tx,
                Entry {
                    actor,
                    action: "mail.resent",
                    target_type: "mail",
                    target_id: id.to_string(),
                    before: before.unwrap_or(Value::Null),
                    after: json!({"status": row.state.name()}),
                    at: now,
                },
            )?;
            Ok(row)
        })
        .await?;
    let next = crate::people::own_path(back.next.as_deref()).unwrap_or("/admin/mails");
    visit.done(&MailView::of(&row, visit.lang), next)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct TestMailForm {
    /// Where to; without it, to whoever asks, if that is a person.
    #[serde(default, deserialize_with = "input::optional_text")]
    to: Option<String>,
    /// Where a browser goes afterwards.
    #[serde(default)]
    next: Option<String>,
}

/// Sends a test mail, by the same way as every other mail.
#[utoipa::path(post, path = "/admin/mails/test", tag = "admin", request_body = TestMailForm,
    responses((status = 201, body = MailView), (status = 422)))]
async fn send_test_mail(
    _: May<ChangesSettings>,
    visit: Visit,
    Input(form): Input<TestMailForm>,
) -> Result<Reply, Problem> {
    let staff = rights::require(&visit, rights::changes_settings)?;
    let to = match &form.to {
        Some(to) => to.trim().to_owned(),
        None => {
            let account = crate::people::staff::find(&visit.shop.store().read()?, staff.id.into())?;
            account.map(|account| account.email).unwrap_or_default()
        }
    };
    if !looks_like_email(&to) {
        return Err(Refusal::field("to", Message::new("people.email_form")).into());
    }
    let (lang, now, shop) = (visit.lang, visit.now, visit.shop.clone());
    let id = shop.new_id();
    let heading = words::text(lang, "mail.test_heading");
    let sender = super::sender(&shop);
    let body = LetterBody::new(heading)
        .paragraph(words::fill(words::text(lang, "mail.test_text"), &[("from", sender.as_str())]))
        .button(words::text(lang, "mail.test_button"), format!("{}/admin/mails", shop.public_url()));
    let (text, html) = super::render(&shop, lang, &body)?;
    let shop_name = shop.settings().shop_name.clone();
    let subject = words::fill(words::text(lang, "mail.test_subject"), &[("shop", shop_name.as_str())]);
    let new =
        NewMail { id, kind: "test", key: format!("test:{id}"), to, lang, subject, text, html, order_id: None, now };
    let row = visit
        .shop
        .store()
        .write(move |tx| -> Result<MailRow, Fault> {
            let id = super::post(tx, &shop, new)?;
            super::find(tx, id)?.ok_or_else(|| Fault::bug("a mail just posted"))
        })
        .await?;
    let view = MailView::of(&row, lang);
    let next = crate::people::own_path(form.next.as_deref()).unwrap_or("/admin/mails");
    Ok(if visit.face.is_json() { Reply::json(&view)?.status(201) } else { visit.done(&view, next)? })
}

#[cfg(test)]
mod tests {
    use super::without_keys;

    #[test]
    fn links_lose_their_keys_and_nothing_else() {
        let text =
            "See your order:\nhttps://shop.example/orders/1?key=aZ_9-x\n(all: /orders?of=1&until=2&key=b&x=1) a key=5.";
        let shown =
            "See your order:\nhttps://shop.example/orders/1?key=…\n(all: /orders?of=1&until=2&key=…&x=1) a key=5.";
        assert_eq!(without_keys(text), shown);
        assert_eq!(without_keys("nothing"), "nothing");
    }
}
