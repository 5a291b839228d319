//! `/sign-in`, `/sign-out` and `/language`.

use super::{ask_for_link, open_link, peek, proven_emails};
use crate::kernel::text::looks_like_email;
use crate::kernel::{Error, Lang, Message, Refusal};
use crate::people::own_path;
use crate::shop::Shop;
use crate::web::{Face, Input, Page, Problem, Reply, View, Visit, came_from, input, words};
use askama::Template;
use axum::extract::Query;
use axum::http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(show_sign_in, sign_in))
        .routes(routes!(sign_out))
        .routes(routes!(choose_language))
}

#[derive(Template, Serialize)]
#[template(path = "people/sign_in.html", blocks = ["content"])]
struct SignInPage {
    #[serde(skip)]
    page: Page,
    /// The addresses whose orders this device shows.
    proven: Vec<String>,
    /// A link was asked for.
    sent: bool,
    /// A link that waits for its button, and the address it opens.
    #[serde(skip)]
    link: Option<(String, String)>,
    #[serde(skip)]
    email: String,
    #[serde(skip)]
    error: Option<String>,
}

impl SignInPage {
    fn new(visit: &Visit, proven: Vec<String>) -> SignInPage {
        SignInPage { page: visit.page(), proven, sent: false, link: None, email: String::new(), error: None }
    }
}

impl View for SignInPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// Which addresses a device has proved.
#[derive(Serialize, utoipa::ToSchema)]
#[allow(dead_code)]
struct SignIn {
    proven: Vec<String>,
    sent: bool,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct LinkQuery {
    /// The secret of a link in a mail.
    #[serde(default)]
    token: Option<String>,
}

/// Asks for an address, or opens the link from a mail.
///
/// On the device that asked for it the link works at once. Elsewhere a button is to be pressed first: mail programs look into links
/// before their owner does, and would use it up.
#[utoipa::path(get, path = "/sign-in", tag = "shop", params(LinkQuery),
    responses((status = 200, body = SignIn), (status = 303, description = "the link was opened"), (status = 404, description = "the link is used or too old")))]
async fn show_sign_in(visit: Visit, method: Method, Query(query): Query<LinkQuery>) -> Result<Reply, Problem> {
    let tx = visit.shop.store().read()?;
    let proven = match visit.session() {
        Some(session) => proven_emails(&tx, session)?,
        None => Vec::new(),
    };
    let mut page = SignInPage::new(&visit, proven);
    let Some(token) = query.token.filter(|token| !token.is_empty()) else { return visit.reply(&page) };
    match peek(&tx, visit.shop.cookie_key(), &token, visit.now) {
        Ok((email, asked_by)) => {
            let same_device = visit.session() == Some(asked_by);
            if method == Method::GET && (same_device || visit.face.is_json()) {
                return finish(&visit, token).await;
            }
            page.link = Some((token, email));
            visit.reply(&page)
        }
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            page.error = Some(words::message(visit.lang, &refusal.detail));
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct SignInForm {
    /// Where to mail a link to …
    #[serde(default, deserialize_with = "input::optional_text")]
    email: Option<String>,
    /// … or the secret of a link.
    #[serde(default, deserialize_with = "input::optional_text")]
    token: Option<String>,
}

/// Mails a link that opens the orders of an address on this device. The answer is the same for known and unknown addresses.
#[utoipa::path(post, path = "/sign-in", tag = "shop", request_body = SignInForm, responses((status = 200, body = SignIn), (status = 422)))]
async fn sign_in(visit: Visit, Input(form): Input<SignInForm>) -> Result<Reply, Problem> {
    if let Some(token) = form.token {
        return finish(&visit, token).await;
    }
    let email = form.email.unwrap_or_default().trim().to_owned();
    if !looks_like_email(&email) {
        let message = Message::new("people.email_form");
        if visit.face.is_json() {
            return Err(Refusal::field("email", message).into());
        }
        let mut page = SignInPage::new(&visit, Vec::new());
        page.email = email;
        page.error = Some(words::message(visit.lang, &message));
        return Ok(visit.reply(&page)?.status(422));
    }
    let (session, lang, now, shop) = (visit.open_session(), visit.lang, visit.now, visit.shop.clone());
    let to = email.clone();
    visit.shop.store().write(move |tx| ask_for_link(tx, &shop, &to, session, lang, now)).await?;
    let proven = proven_emails(&visit.shop.store().read()?, session)?;
    visit.reply(&SignInPage { sent: true, email, ..SignInPage::new(&visit, proven) })
}

/// Uses a link up for this device.
async fn finish(visit: &Visit, token: String) -> Result<Reply, Problem> {
    let (session, now, shop) = (visit.open_session(), visit.now, visit.shop.clone());
    let opened = visit.shop.store().write(move |tx| open_link(tx, shop.cookie_key(), &token, session, now)).await;
    let proven = proven_emails(&visit.shop.store().read()?, session)?;
    match opened {
        Ok(_) => match visit.face {
            Face::Json => visit.reply(&SignInPage::new(visit, proven)),
            face => Ok(Reply::see_other(face, "/orders")),
        },
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let mut page = SignInPage::new(visit, proven);
            page.error = Some(words::message(visit.lang, &refusal.detail));
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes back what links have proved on this device.
#[utoipa::path(post, path = "/sign-out", tag = "shop", responses((status = 200, body = SignIn)))]
async fn sign_out(visit: Visit) -> Result<Reply, Problem> {
    if let Some(session) = visit.session() {
        visit.shop.store().write(move |tx| super::sign_out(tx, session)).await?;
    }
    visit.done(&serde_json::json!({"proven": [], "sent": false}), "/sign-in")
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct LanguageForm {
    /// `en` or `ja`.
    lang: String,
    /// The page to go back to; without it the one the form stood on.
    #[serde(default)]
    next: Option<String>,
}

/// Remembers the visitor's language.
#[utoipa::path(post, path = "/language", tag = "shop", request_body = LanguageForm, responses((status = 200), (status = 422)))]
async fn choose_language(visit: Visit, headers: HeaderMap, Input(form): Input<LanguageForm>) -> Result<Reply, Problem> {
    let lang =
        Lang::from_tag(&form.lang).ok_or_else(|| Refusal::field("lang", Message::new("people.language_unknown")))?;
    let from_panel = own_path(form.next.as_deref()).is_some_and(|path| path.starts_with("/admin"));
    if !visit.shop.settings().speaks(lang) && !from_panel {
        return Err(Refusal::field("lang", Message::new("people.language_off")).into());
    }
    visit.choose_language(lang);
    // `?lang=` would win over what was just chosen.
    let public_url = visit.shop.public_url();
    let came_from = came_from(&headers, &public_url).map(|page| page.split('?').next().unwrap_or("/"));
    let next = own_path(form.next.as_deref()).or(own_path(came_from)).unwrap_or("/");
    visit.done(&serde_json::json!({"lang": lang.tag()}), next)
}
