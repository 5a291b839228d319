//! `/admin/tokens`, for owners.

use super::{TokenId, TokenRow};
use crate::kernel::{Error, Message, Moment, Refusal};
use crate::people::audit::Actor;
use crate::people::form::Mistakes;
use crate::people::rights::{self, May, Owner};
use crate::shop::Shop;
use crate::web::{Input, List, Page, Problem, Reply, Role, View, Visit, input};
use askama::Template;
use axum::extract::Path;
use axum::http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(list_tokens, add_token)).routes(routes!(revoke_token))
}

/// A token without its secret.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    #[schema(value_type = String, format = Uuid)]
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    pub created_at: Moment,
    pub last_used_at: Option<Moment>,
    /// `null` is good until it is withdrawn.
    pub expires_at: Option<Moment>,
}

impl From<TokenRow> for TokenView {
    fn from(row: TokenRow) -> Self {
        TokenView {
            id: row.id,
            name: row.name,
            role: row.role,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
        }
    }
}

/// A token with its text, which is told once.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct NewToken {
    #[serde(flatten)]
    pub view: TokenView,
    /// Send it as `Authorization: Bearer …`.
    pub token: String,
}

#[derive(Template, Serialize)]
#[template(path = "people/tokens.html", blocks = ["content"])]
struct TokensPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    list: List<TokenView>,
    #[serde(skip)]
    new: Option<NewToken>,
    #[serde(skip)]
    typed_name: String,
    #[serde(skip)]
    mistakes: Mistakes,
}

impl View for TokensPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

fn tokens_page(visit: &Visit) -> Result<TokensPage, Problem> {
    let items = super::all(&visit.shop.store().read()?)?.into_iter().map(TokenView::from).collect();
    Ok(TokensPage {
        page: visit.page(),
        list: List { items, next: None },
        new: None,
        typed_name: String::new(),
        mistakes: Mistakes::default(),
    })
}

/// The API tokens.
#[utoipa::path(get, path = "/admin/tokens", tag = "admin", responses((status = 200, body = List<TokenView>)))]
async fn list_tokens(visit: Visit) -> Result<Reply, Problem> {
    rights::require(&visit, Role::is_owner)?;
    visit.reply(&tokens_page(&visit)?)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct TokenForm {
    name: String,
    /// `owner`, `manager`, `printer` or `viewer`; `owner` unless given.
    role: Option<String>,
    /// Days after which it opens nothing any more, 1 to 3650; without end unless given.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    expires_in_days: Option<i64>,
}

/// Makes a token. Its text is in the answer and nowhere else.
#[utoipa::path(post, path = "/admin/tokens", tag = "admin", request_body = TokenForm, responses((status = 201, body = NewToken), (status = 422)))]
async fn add_token(_: May<Owner>, visit: Visit, Input(form): Input<TokenForm>) -> Result<Reply, Problem> {
    match make(&visit, &form).await {
        Ok(new) if visit.face.is_json() => Ok(Reply::json(&new)?.status(201)),
        Ok(new) => {
            let page = TokensPage { new: Some(new), ..tokens_page(&visit)? };
            Ok(visit.reply(&page)?.status(201).header(CACHE_CONTROL, "no-store"))
        }
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let mistakes = Mistakes::of(&refusal, visit.lang);
            let page = TokensPage { typed_name: form.name, mistakes, ..tokens_page(&visit)? };
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn make(visit: &Visit, form: &TokenForm) -> Result<NewToken, Error> {
    let role = match form.role.as_deref().filter(|name| !name.is_empty()) {
        None => Role::Owner,
        Some(name) => {
            Role::from_name(name).ok_or_else(|| Refusal::field("role", Message::new("people.role_unknown")))?
        }
    };
    let expires_at = match form.expires_in_days {
        None => None,
        Some(days @ 1..=3650) => Some(visit.now.plus_days(days)),
        Some(_) => return Err(Refusal::field("expires_in_days", Message::new("people.days_form")).into()),
    };
    let token = super::fresh()?;
    let (id, name, text) = (TokenId(visit.shop.new_id()), form.name.clone(), token.clone());
    let (actor, now) = (Actor::of(visit), visit.now);
    let row =
        visit.shop.store().write(move |tx| super::add(tx, id, &name, role, &text, expires_at, actor, now)).await?;
    Ok(NewToken { view: row.into(), token })
}

/// Withdraws a token.
#[utoipa::path(delete, path = "/admin/tokens/{id}", tag = "admin", params(("id" = Uuid, Path)), responses((status = 200, body = TokenView), (status = 404)))]
async fn revoke_token(visit: Visit, Path(id): Path<Uuid>) -> Result<Reply, Problem> {
    rights::require(&visit, Role::is_owner)?;
    let (actor, now) = (Actor::of(&visit), visit.now);
    let row = visit.shop.store().write(move |tx| super::revoke(tx, TokenId(id), actor, now)).await?;
    visit.done(&TokenView::from(row), "/admin/tokens")
}
