//! Everything Stripe ever told us, in the panel, with "process again".

use super::STRIPE_EVENT;
use super::table::{self, EventRow, Outcome};
use crate::kernel::{Error, Message, Moment, Refusal};
use crate::orders::{self, OrderId};
use crate::people;
use crate::people::audit::{self, Actor, Entry};
use crate::queue::{self, NewJob};
use crate::shop::Shop;
use crate::store::Snapshot;
use crate::web::{List, Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::{Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(list_events)).routes(routes!(show_event)).routes(routes!(process_again))
}

/// An event as the list shows it.
#[derive(Debug, Serialize, ToSchema)]
struct EventView {
    /// Stripe's.
    id: String,
    kind: String,
    received_at: Moment,
    /// `waiting`, `settled`, `ignored` (of a kind that concerns no order) or `foreign` (of no order of this shop).
    outcome: Outcome,
    #[schema(value_type = Option<String>, format = Uuid)]
    order_id: Option<OrderId>,
    order_number: Option<String>,
}

impl EventView {
    fn of(tx: &impl Snapshot, row: &EventRow) -> Result<EventView, Error> {
        let order = row.order.map(|id| orders::find(tx, id)).transpose()?.flatten();
        Ok(EventView {
            id: row.id.clone(),
            kind: row.kind.clone(),
            received_at: row.received_at,
            outcome: row.outcome,
            order_id: row.order,
            order_number: order.map(|order| order.order_number),
        })
    }
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// `waiting`, `settled`, `ignored` or `foreign`
    #[serde(default)]
    outcome: String,
}

#[derive(Template, Serialize)]
#[template(path = "payments/events.html", blocks = ["content"])]
struct EventsPage {
    #[serde(flatten)]
    list: List<EventView>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    outcome: String,
}

impl View for EventsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

impl EventsPage {
    fn outcome_words(&self, outcome: &Outcome) -> &'static str {
        crate::web::words::text(self.page.lang, outcome.words())
    }
}

/// What Stripe has told, newest first
#[utoipa::path(get, path = "/admin/stripe-events", tag = "panel", params(Filter, Paging),
    responses((status = 200, body = List<EventView>), (status = 401), (status = 403)))]
async fn list_events(
    visit: Visit,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Reply, Problem> {
    people::require(&visit, |role| role.changes_orders())?;
    let wanted = match filter.outcome.as_str() {
        "" => None,
        name => {
            let found = Outcome::ALL.into_iter().find(|outcome| outcome.name() == name);
            Some(found.ok_or_else(|| Refusal::field("outcome", Message::new("payments.outcome_unknown")))?)
        }
    };
    let limit = paging.limit()?;
    let tx = visit.shop.store().read()?;
    let after = match paging.after.as_deref().filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => {
            let row = table::event(&tx, id)?;
            let unknown = || Refusal::field("after", Message::new("problem.after_unknown"));
            Some(row.map(|row| (row.received_at, row.id)).ok_or_else(unknown)?)
        }
    };
    let rows = table::newest_events(&tx, wanted, after, limit + 1)?;
    let rows = rows.iter().map(|row| EventView::of(&tx, row)).collect::<Result<Vec<_>, _>>()?;
    let list = List::of(rows, limit, |event| event.id.clone());
    visit.reply(&EventsPage { list, page: visit.page(), outcome: filter.outcome })
}

#[derive(Template, Serialize)]
#[template(path = "payments/event.html", blocks = ["content"])]
struct EventPage {
    #[serde(flatten)]
    event: EventView,
    /// As it came.
    body: Value,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    text: String,
    #[serde(skip)]
    outcome_words: &'static str,
}

impl View for EventPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

fn event_page(visit: &Visit, row: &EventRow) -> Result<EventPage, Problem> {
    let event = EventView::of(&visit.shop.store().read()?, row)?;
    let body: Value = serde_json::from_str(&row.body).unwrap_or(Value::String(row.body.clone()));
    let page = visit.page();
    Ok(EventPage {
        event,
        text: serde_json::to_string_pretty(&body).unwrap_or_default(),
        outcome_words: crate::web::words::text(page.lang, row.outcome.words()),
        body,
        page,
    })
}

/// One event as it came
#[utoipa::path(get, path = "/admin/stripe-events/{id}", tag = "panel", params(("id" = String, Path)),
    responses((status = 200, body = EventView), (status = 401), (status = 403), (status = 404)))]
async fn show_event(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    people::require(&visit, |role| role.changes_orders())?;
    let row = table::event(&visit.shop.store().read()?, &id)?.ok_or_else(Refusal::not_found)?;
    visit.reply(&event_page(&visit, &row)?)
}

/// Work on an event once more
///
/// It is only a hint: the order is brought to what Stripe says now. To do so twice does no harm.
#[utoipa::path(post, path = "/admin/stripe-events/{id}/process", tag = "panel", params(("id" = String, Path)),
    responses((status = 200, body = EventView), (status = 401), (status = 403), (status = 404)))]
async fn process_again(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    people::require(&visit, |role| role.changes_orders())?;
    let (actor, now, job) = (Actor::of(&visit), visit.now, visit.shop.new_id());
    let event = id.clone();
    let row = visit
        .shop
        .store()
        .write(move |tx| {
            let mut row = table::event(tx, &event)?.ok_or_else(Refusal::not_found)?;
            let before = row.outcome;
            row.outcome = Outcome::Waiting;
            table::put_event(tx, &row)?;
            // A job of its own: the first one's key stands for good.
            let again = NewJob::new(&STRIPE_EVENT, json!({"event": event}), now).keyed(format!("{event}:{job}"));
            queue::enqueue(tx, again)?;
            let entry = Entry {
                actor,
                action: "stripe_event.processed_again",
                target_type: "stripe_event",
                target_id: event,
                before: json!({"outcome": before.name()}),
                after: json!({"outcome": row.outcome.name()}),
                at: now,
            };
            audit::record(tx, entry)?;
            Ok::<_, Error>(row)
        })
        .await?;
    visit.done(&event_page(&visit, &row)?, &format!("/admin/stripe-events/{id}"))
}
