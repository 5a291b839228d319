//! `GET /admin/audit`.

use super::Sought;
use super::{AuditId, AuditRow};
use crate::kernel::{Fault, Message, Moment, Refusal};
use crate::people::rights;
use crate::store::ReadTx;
use crate::web::{List, Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::Extension;
use axum::extract::Query;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub fn routes() -> OpenApiRouter<crate::shop::Shop> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

const SHOWN_CHARACTERS: usize = 200;

/// Who did what to what.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditView {
    #[schema(value_type = String, format = Uuid)]
    pub id: AuditId,
    pub at: Moment,
    /// Name of the staff member or token, or `command line`.
    pub actor: String,
    pub actor_id: Option<Uuid>,
    pub action: String,
    pub target_type: String,
    pub target_id: String,
    #[schema(value_type = Object)]
    pub before: Value,
    #[schema(value_type = Object)]
    pub after: Value,
    pub ip: Option<String>,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        AuditView {
            id: row.id,
            at: row.at,
            actor: row.actor,
            actor_id: row.actor_id,
            action: row.action,
            target_type: row.target_type,
            target_id: row.target_id,
            before: row.before,
            after: row.after,
            ip: row.ip,
        }
    }
}

impl AuditView {
    /// `name: value` for each member, as people read it; long texts are cut, the JSON face has them whole.
    pub fn shown(value: &Value) -> Vec<(String, String)> {
        let plain = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match text.char_indices().nth(SHOWN_CHARACTERS) {
                Some((at, _)) => format!("{}…", &text[..at]),
                None => text,
            }
        };
        // Down to the last member, so that nobody has to read braces: `lines · …8ae7 · production: printed`.
        fn walk(path: &str, value: &Value, plain: &dyn Fn(&Value) -> String, shown: &mut Vec<(String, String)>) {
            match value {
                Value::Null if path.is_empty() => {}
                Value::Object(members) => {
                    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                        let name = if Uuid::try_parse(name).is_ok() { short(name) } else { name.clone() };
                        let path = if path.is_empty() { name } else { format!("{path} · {name}") };
                        walk(&path, value, plain, shown);
                    }
                }
                other => shown.push((path.to_owned(), plain(other))),
            }
        }
        let mut shown = Vec::new();
        walk("", value, &plain, &mut shown);
        shown
    }

    /// The id as it is shown, where the whole is a click away.
    pub fn short_target(&self) -> String {
        if Uuid::try_parse(&self.target_id).is_ok() { short(&self.target_id) } else { self.target_id.clone() }
    }

    /// The page of what was changed, where there is one.
    pub fn page_of_target(&self) -> Option<String> {
        let folder = match self.target_type.as_str() {
            "order" => "orders",
            "product" => "products",
            "coupon" => "coupons",
            "mail" => "mails",
            _ => return None,
        };
        Some(format!("/admin/{folder}/{}", self.target_id))
    }
}

/// The end of an id: its beginning is the time, and alike in all that were made together.
fn short(id: &str) -> String {
    format!("…{}", &id[id.len().saturating_sub(4)..])
}

/// Gives the id of what is known by another name; the rooms that know such names are behind this one.
#[derive(Clone, Copy)]
pub struct ByName(pub fn(&ReadTx, &str) -> Result<Option<Uuid>, Fault>);

#[derive(Template, Serialize)]
#[template(path = "people/audit.html", blocks = ["content"])]
struct AuditPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    list: List<AuditView>,
    #[serde(skip)]
    filter: Filter,
    /// Every action there is in the log.
    #[serde(skip)]
    actions: Vec<String>,
    #[serde(skip)]
    next_url: Option<String>,
}

/// What the log is narrowed to.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// The name of a member of the staff, a token, or `command line`, or its beginning.
    actor: String,
    /// `order.changed`, or everything about a noun: `order`.
    action: String,
    /// What was changed: `order`, `product`, `staff` …
    target_type: String,
    /// Its id, or an order's number.
    target_id: String,
    /// On this day or later, in the shop's time zone, or RFC 3339.
    from: String,
    /// On this day or earlier.
    to: String,
}

impl Filter {
    fn sought(&self, visit: &Visit) -> Result<Sought, Refusal> {
        let zone = visit.shop.settings().time_zone.clone();
        let day = |text: &str, field: &str, days: i64| match text.trim() {
            "" => Ok(None),
            text => {
                let moment = Moment::parse(text).or_else(|| crate::web::page::start_of_day(text, &zone, days));
                moment.map(Some).ok_or_else(|| Refusal::field(field, Message::new("panel.day_form")))
            }
        };
        Ok(Sought {
            actor: self.actor.trim().to_owned(),
            action: self.action.trim().to_owned(),
            target_type: self.target_type.trim().to_owned(),
            target_id: self.target_id.trim().to_owned(),
            from: day(&self.from, "from", 0)?,
            until: day(&self.to, "to", 1)?,
        })
    }

    /// The list's own address, going on behind `after`.
    fn address(&self, after: &str) -> String {
        let all = [
            ("actor", &*self.actor),
            ("action", &self.action),
            ("target_type", &self.target_type),
            ("target_id", &self.target_id),
            ("from", &self.from),
            ("to", &self.to),
            ("after", after),
        ];
        let given: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        format!("/admin/audit?{}", serde_urlencoded::to_string(given).unwrap_or_default())
    }
}

impl View for AuditPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// The audit log, newest first.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", params(Filter, Paging),
    responses((status = 200, body = List<AuditView>), (status = 401), (status = 403), (status = 422)))]
async fn list_audit(
    visit: Visit,
    by_name: Option<Extension<ByName>>,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Reply, Problem> {
    rights::require(&visit, rights::reads_panel)?;
    let limit = paging.limit()?;
    let mut sought = filter.sought(&visit)?;
    let tx = visit.shop.store().read()?;
    if let Some(Extension(ByName(find))) = by_name
        && let Some(id) = find(&tx, &sought.target_id)?
    {
        sought.target_id = id.to_string();
    }
    let after = paging.after(|id| Ok(super::number(&tx, id)?))?;
    let (rows, goes_on) = super::seek(&tx, &sought, after, limit + 1)?;
    let items = rows.into_iter().map(AuditView::from).collect();
    let mut list = List::of(items, limit, |entry: &AuditView| entry.id.to_string());
    if let (None, Some(number)) = (&list.next, goes_on) {
        // So many entries did not fit that the search stops here and can be asked to go on.
        list.next = super::id_of(&tx, number)?.map(|id| id.to_string());
    }
    let next_url = list.next.as_deref().map(|next| filter.address(next));
    let actions = super::actions(&tx)?;
    visit.reply(&AuditPage { page: visit.page(), list, filter, actions, next_url })
}
