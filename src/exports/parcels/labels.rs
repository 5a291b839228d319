//! Files for the carriers' label programs, and the mark that making one leaves on each order.

use super::carrier::Carrier;
use super::waiting::waiting;
use super::web::{Labels, may_look, refused_with, today};
use crate::kernel::{Code, Error, Message, Refusal};
use crate::orders::{self, Order, OrderId};
use crate::people::rights::ChangesOrders;
use crate::people::{self, May, audit};
use crate::shop::Shop;
use crate::store::Snapshot;
use crate::web::{Input, Problem, Reply, Visit, input};
use axum::body::Body;
use axum::http::{Response, header};
use serde::Deserialize;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(download_labels)).routes(routes!(make_labels))
}

fn carrier_named(name: &str) -> Result<Carrier, Refusal> {
    Carrier::from_name(name).ok_or_else(|| Refusal::field("carrier", Message::new("exports.carrier_unknown")))
}

/// The day of leaving; today where none is given.
fn day_of(visit: &Visit, text: &str) -> Result<String, Refusal> {
    match text {
        "" => Ok(today(visit)),
        day if visit.shop.settings().start_of_day(day, 0).is_some() => Ok(day.to_owned()),
        _ => Err(Refusal::field("day", Message::new("orders.day_form"))),
    }
}

fn order_named(tx: &impl Snapshot, id: &str, field: &str) -> Result<Order, Error> {
    let order = id.parse().ok().map(|id: OrderId| orders::find(tx, id)).transpose()?.flatten();
    Ok(order.ok_or_else(|| Refusal::field(field, Message::new("exports.order_unknown")))?)
}

/// Carriers take parcels within the country.
fn is_within(visit: &Visit, order: &Order) -> bool {
    order.shipping_address.country == visit.shop.settings().shipping.home_country
}

fn file(visit: &Visit, carrier: Carrier, orders: &[Order], day: &str) -> Reply {
    let bytes = carrier.file(orders, &visit.shop.settings().sender, day);
    let name = format!("{}-{day}.csv", carrier.name());
    Reply::from(Response::new(Body::from(bytes)))
        .header(header::CONTENT_TYPE, "text/csv; charset=windows-31j; header=present")
        .header(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""))
        .header(header::CACHE_CONTROL, "private, no-store")
}

/// A look at the file for a carrier's label program, which marks nothing: `carrier` (`yamato`, `sagawa` or `japan_post`), `day` of leaving
/// (`2026-05-21`), and any number of `order` ids; without one, every order that waits for its parcel. With `chosen` only what is named, and
/// 422 where nothing is
#[utoipa::path(get, path = "/admin/parcels/file", tag = "admin",
    params(("carrier" = String, Query), ("day" = Option<String>, Query), ("order" = Option<Vec<String>>, Query),
        ("chosen" = Option<bool>, Query)),
    responses((status = 200, content_type = "text/csv"), (status = 401), (status = 403), (status = 422)))]
async fn download_labels(visit: Visit) -> Result<Reply, Problem> {
    people::require(&visit, may_look)?;
    let asked: Vec<(String, String)> = serde_urlencoded::from_str(&visit.query).unwrap_or_default();
    let value = |name: &str| asked.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let (carrier, day) = (carrier_named(value("carrier"))?, day_of(&visit, value("day"))?);
    let tx = visit.shop.store().read()?;
    let chosen = asked.iter().filter(|(name, _)| name == "order").map(|(_, id)| id.as_str());
    let mut found = chosen.map(|id| order_named(&tx, id, "order")).collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() && !value("chosen").is_empty() {
        // On the page every tick was taken away, which does not mean all of them.
        let refusal = Refusal::field("order", Message::new("exports.none_chosen"));
        let (carrier, day) = (carrier.name().to_owned(), day.clone());
        return refused_with(&visit, refusal, Some(Asked { carrier, day, orders: Vec::new(), may_again: false }));
    }
    if found.is_empty() {
        found = waiting(&tx, Labels::All, None, usize::MAX)?;
    }
    found.retain(|order| is_within(&visit, order));
    Ok(file(&visit, carrier, &found, &day))
}

/// Which labels to make.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
struct LabelsForm {
    /// `yamato`, `sagawa` or `japan_post`.
    #[serde(default)]
    carrier: String,
    /// The day of leaving, `2026-05-21`; today where it is missing.
    #[serde(default)]
    day: String,
    /// The id of each order; with `@again` behind it where its label was made before and is to be made once more. Without any, every order
    /// that waits for its parcel and has no label.
    #[serde(default)]
    orders: Vec<String>,
    /// Only what is named, and 422 where nothing is.
    #[serde(default, deserialize_with = "input::switch")]
    chosen: bool,
}

/// Labels that were asked for, as the form said it.
pub(super) struct Asked {
    pub carrier: String,
    pub day: String,
    /// The id of each order.
    pub orders: Vec<String>,
    /// They were refused only because they were made before.
    pub may_again: bool,
}

const AGAIN: &str = "@again";
const MADE_BEFORE: &str = "exports.labels_made_before";

/// Make the labels: a file for a carrier's label program, and on each order the mark that its label was made
#[utoipa::path(post, path = "/admin/parcels/labels", tag = "admin", request_body = LabelsForm,
    responses((status = 200, content_type = "text/csv"), (status = 401), (status = 403),
        (status = 409, description = "`conflict`: the label of one of the `orders` was made before, or it waits for no parcel; nothing is made"),
        (status = 422)))]
async fn make_labels(_: May<ChangesOrders>, visit: Visit, Input(form): Input<LabelsForm>) -> Result<Reply, Problem> {
    match make(&visit, &form).await {
        Ok((carrier, day, orders)) => Ok(file(&visit, carrier, &orders, &day)),
        Err(Error::Refused(refusal)) => {
            let asked = Asked {
                carrier: form.carrier,
                day: form.day,
                orders: form.orders.iter().map(|id| id.trim_end_matches(AGAIN).to_owned()).collect(),
                may_again: refusal.detail.key == MADE_BEFORE,
            };
            refused_with(&visit, refusal, Some(asked))
        }
        Err(error) => Err(error.into()),
    }
}

async fn make(visit: &Visit, form: &LabelsForm) -> Result<(Carrier, String, Vec<Order>), Error> {
    let (carrier, day) = (carrier_named(&form.carrier)?, day_of(visit, &form.day)?);
    let none = || Refusal::field("orders", Message::new("exports.none_chosen"));
    if form.orders.is_empty() && form.chosen {
        return Err(none().into());
    }
    let (asker, named, of_day) = (visit.clone(), form.orders.clone(), day.clone());
    let orders = visit.shop.store().write(move |tx| {
        let mut found = Vec::new();
        for text in &named {
            let (id, again) = text.strip_suffix(AGAIN).map_or((text.as_str(), false), |id| (id, true));
            let order = order_named(tx, id, "orders")?;
            if found.iter().all(|(known, _): &(Order, bool)| known.id != order.id) {
                found.push((order, again));
            }
        }
        // The page may be old: since it was shown, an order was called off, or its parcel has left.
        let late = found.iter().filter(|(order, _)| !order.waits_for_parcel());
        let late: Vec<String> = late.map(|(order, _)| order.order_number.clone()).collect();
        if !late.is_empty() {
            let told = Message::new("exports.labels_too_late").with("numbers", late.join(", "));
            return Err(Refusal::because(Code::Conflict, told).with_extra("orders", json!(late)).into());
        }
        if named.is_empty() {
            found.extend(waiting(tx, Labels::Without, None, usize::MAX)?.into_iter().map(|order| (order, false)));
        }
        found.retain(|(order, _)| is_within(&asker, order));
        if found.is_empty() {
            return Err(none().into());
        }
        let made = found.iter().filter(|(order, again)| order.label.is_some() && !again);
        let made: Vec<String> = made.map(|(order, _)| order.order_number.clone()).collect();
        if !made.is_empty() {
            let told = Message::new(MADE_BEFORE).with("numbers", made.join(", "));
            return Err(Refusal::because(Code::Conflict, told).with_extra("orders", json!(made)).into());
        }
        let by = asker.caller.staff.as_ref().map(|staff| staff.name.clone()).unwrap_or_default();
        let mut orders: Vec<Order> = found.into_iter().map(|(order, _)| order).collect();
        for order in &mut orders {
            orders::labels::mark(tx, order, carrier.title(), &by, asker.now)?;
        }
        let numbers: Vec<&str> = orders.iter().map(|order| order.order_number.as_str()).collect();
        let entry = audit::Entry {
            actor: audit::Actor::of(&asker),
            action: "parcels.labels_made",
            target_type: "parcels",
            target_id: carrier.name().to_owned(),
            before: json!({}),
            after: json!({"day": of_day, "orders": numbers}),
            at: asker.now,
        };
        audit::record(tx, entry)?;
        Ok::<_, Error>(orders)
    });
    Ok((carrier, day, orders.await?))
}
