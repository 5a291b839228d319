//! `/admin/parcels`: orders that leave today, the files for the carriers, and the numbers that come back.

use super::carrier::{self, Carrier};
use super::numbers::{self, MOST_ROWS, Outcome};
use super::read;
use crate::kernel::text::clean_line;
use crate::kernel::{Error, Fault, Message, Refusal};
use crate::orders::{self, Order, OrderId, PaymentMethod, Production, Status};
use crate::people::form::Mistakes;
use crate::people::rights::{ChangesOrders, ChangesSettings};
use crate::people::{self, May, audit, rights};
use crate::shop::Shop;
use crate::shop::settings::Sender;
use crate::store::{self, ReadTx};
use crate::web::{Input, List, Page, Paging, Problem, Reply, Role, View, Visit, input};
use askama::Template;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Query, Request};
use axum::http::{Response, header};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Orders on one page.
const ON_A_PAGE: usize = 200;
/// Packed lines read at once, to find those of orders that are paid at the door.
const READ: usize = 200;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(list_parcels))
        .routes(routes!(download_labels))
        .routes(routes!(read_numbers))
        .routes(routes!(change_sender))
}

/// An order that waits for its parcel.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct ParcelView {
    #[schema(value_type = String, format = Uuid)]
    id: OrderId,
    order_number: String,
    status: Status,
    name: String,
    country: String,
    region: String,
    city: String,
    pieces: u32,
    /// It stays out of the carriers' files: they take parcels within the country.
    is_abroad: bool,
    /// Characters of its name or address that the carriers' programs cannot read.
    unfit: String,
}

impl ParcelView {
    fn new(order: &Order, home: &str) -> ParcelView {
        let to = &order.shipping_address;
        ParcelView {
            id: order.id,
            order_number: order.order_number.clone(),
            status: order.status,
            name: to.name.clone(),
            country: to.country.clone(),
            region: to.region.clone(),
            city: to.city.clone(),
            pieces: order.pieces(),
            is_abroad: to.country != home,
            unfit: carrier::unfit(order),
        }
    }
}

#[derive(Template, Serialize)]
#[template(path = "exports/parcels.html", blocks = ["content"])]
struct ParcelsPage {
    /// Packed orders that are paid at the door, then orders being worked on, each oldest first.
    #[serde(flatten)]
    list: List<ParcelView>,
    sender: Sender,
    /// What a file of numbers says, where one was read.
    tracking: Option<Vec<Outcome>>,
    applied: bool,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    today: String,
    /// The rows that were read, to be sent again when they are applied.
    #[serde(skip)]
    plain: String,
    #[serde(skip)]
    mistakes: Mistakes,
    #[serde(skip)]
    may_change: bool,
}

impl View for ParcelsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

impl ParcelsPage {
    fn count(&self, result: &str) -> usize {
        self.tracking.iter().flatten().filter(|row| row.result == result).count()
    }

    fn result_words(&self, row: &Outcome) -> String {
        match row.message.as_str() {
            "" => self.page.t(&format!("exports.result.{}", row.result)).to_owned(),
            message => message.to_owned(),
        }
    }

    /// By the states of jobs, whose shapes everybody knows.
    fn result_state(&self, row: &Outcome) -> &'static str {
        match row.result {
            "will_ship" => "queued",
            "shipped" => "completed",
            "already" => "cancelled",
            _ => "failed",
        }
    }

    fn tally(&self) -> String {
        let told = ["will_ship", "shipped", "already", "refused"].into_iter().filter(|result| self.count(result) > 0);
        let told = told.map(|result| self.page.n(&format!("exports.tally.{result}"), self.count(result)));
        told.collect::<Vec<_>>().join(" · ")
    }
}

fn may_look(role: Role) -> bool {
    rights::reads_panel(role)
}

fn today(visit: &Visit) -> String {
    let now = jiff::Timestamp::from_millisecond(visit.now.unix_millis()).unwrap_or_default();
    now.to_zoned(visit.shop.settings().zone()).strftime("%Y-%m-%d").to_string()
}

/// Orders that wait for their parcel, behind `after`: first those that are paid at the door, which leave when they are packed, whatever
/// their state says about the money; then those being worked on.
fn waiting(tx: &ReadTx, after: Option<&Order>, limit: usize) -> Result<Vec<Order>, Fault> {
    let is_at_door = |order: &Order| order.payment_method == PaymentMethod::CashOnDelivery && order.paid_at.is_none();
    let mut found: Vec<Order> = Vec::new();
    if after.is_none_or(is_at_door) {
        let last_line = orders::LineId(Uuid::max());
        let mut place = after.map(|order| (order.waiting_since(), order.id, last_line));
        loop {
            let lines = orders::lists::lines(tx, Production::Packed, None, place, READ)?;
            place = lines.last().copied();
            for (_, id, _) in &lines {
                // Lines of one order stand beside each other.
                if found.last().is_none_or(|last| last.id != *id) {
                    found.extend(orders::find(tx, *id)?.filter(Order::pays_at_door));
                }
            }
            if found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            if lines.len() < READ {
                break;
            }
        }
    }
    let behind = after.filter(|order| !is_at_door(order)).map(|order| (order.created_at, order.id));
    let rest = limit - found.len();
    found.extend(orders::in_status(tx, Status::Processing, behind, store::Order::Rising, rest)?);
    Ok(found)
}

fn parcels_page(visit: &Visit, paging: &Paging) -> Result<ParcelsPage, Problem> {
    let role = people::require(visit, may_look)?.role;
    let settings = visit.shop.settings();
    let limit = if paging.limit.is_some() { paging.limit()? } else { ON_A_PAGE };
    let tx = visit.shop.store().read()?;
    let after = paging.after(|id: OrderId| Ok(orders::find(&tx, id)?))?;
    let orders = waiting(&tx, after.as_ref(), limit + 1)?;
    let items = orders.iter().map(|order| ParcelView::new(order, &settings.shipping.home_country)).collect();
    Ok(ParcelsPage {
        list: List::of(items, limit, |parcel: &ParcelView| parcel.id.to_string()),
        sender: settings.sender.clone(),
        tracking: None,
        applied: false,
        page: visit.page(),
        today: today(visit),
        plain: String::new(),
        mistakes: Mistakes::default(),
        may_change: role.changes_orders(),
    })
}

/// Orders that wait for their parcel
#[utoipa::path(get, path = "/admin/parcels", tag = "admin", params(Paging),
    responses((status = 200, body = List<ParcelView>), (status = 401), (status = 403)))]
async fn list_parcels(visit: Visit, Query(paging): Query<Paging>) -> Result<Reply, Problem> {
    visit.reply(&parcels_page(&visit, &paging)?)
}

/// A file for a carrier's label program: `carrier` (`yamato`, `sagawa` or `japan_post`), `day` of leaving (`2026-05-21`), and any number of
/// `order` ids; without one, every order that waits for its parcel. With `chosen` only what is named, and 422 where nothing is
#[utoipa::path(get, path = "/admin/parcels/file", tag = "admin",
    params(("carrier" = String, Query), ("day" = Option<String>, Query), ("order" = Option<Vec<String>>, Query),
        ("chosen" = Option<bool>, Query)),
    responses((status = 200, content_type = "text/csv"), (status = 401), (status = 403), (status = 422)))]
async fn download_labels(visit: Visit) -> Result<Reply, Problem> {
    people::require(&visit, may_look)?;
    let asked: Vec<(String, String)> = serde_urlencoded::from_str(&visit.query).unwrap_or_default();
    let value = |name: &str| asked.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let carrier = Carrier::from_name(value("carrier"))
        .ok_or_else(|| Refusal::field("carrier", Message::new("exports.carrier_unknown")))?;
    let settings = visit.shop.settings();
    let day = match value("day") {
        "" => today(&visit),
        day if settings.start_of_day(day, 0).is_some() => day.to_owned(),
        _ => return Err(Refusal::field("day", Message::new("orders.day_form")).into()),
    };
    let tx = visit.shop.store().read()?;
    let chosen = asked.iter().filter(|(name, _)| name == "order").map(|(_, id)| id.as_str());
    let mut found = Vec::new();
    for id in chosen {
        let order = id.parse().ok().map(|id| orders::find(&tx, id)).transpose()?.flatten();
        found.push(order.ok_or_else(|| Refusal::field("order", Message::new("exports.order_unknown")))?);
    }
    if found.is_empty() && !value("chosen").is_empty() {
        // On the page every tick was taken away, which does not mean all of them.
        let refusal = Refusal::field("order", Message::new("exports.none_chosen"));
        return refused(&visit, refusal);
    }
    if found.is_empty() {
        found = waiting(&tx, None, usize::MAX)?;
    }
    found.retain(|order| order.shipping_address.country == settings.shipping.home_country);
    let bytes = carrier.file(&found, &settings.sender, &day);
    let name = format!("{}-{day}.csv", carrier.name());
    Ok(Reply::from(Response::new(Body::from(bytes)))
        .header(header::CONTENT_TYPE, "text/csv; charset=windows-31j; header=present")
        .header(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""))
        .header(header::CACHE_CONTROL, "private, no-store"))
}

/// A file of parcel numbers.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
struct NumbersForm {
    /// The CSV; a multipart `file` stands for it.
    #[serde(default)]
    csv: String,
    /// `yamato`, `sagawa` or `japan_post`, where the file does not say whose numbers they are.
    #[serde(default)]
    carrier: String,
    /// Unless true, nothing is changed and the answer says what would become of each row.
    #[serde(default, deserialize_with = "input::switch")]
    apply: bool,
}

/// The form as JSON or fields; of an upload the bytes, since they are seldom UTF-8.
async fn numbers_form(request: Request) -> Result<NumbersForm, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/form-data") {
        return Ok(Input::<NumbersForm>::from_request(request, &()).await?.0);
    }
    let mut form = NumbersForm::default();
    let broken = |error: axum::extract::multipart::MultipartError| input::body_problem(error.status().as_u16());
    let mut fields = Multipart::from_request(request, &()).await.map_err(|_| input::body_problem(400))?;
    while let Some(field) = fields.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(broken)?;
        match name.as_str() {
            "file" | "csv" => form.csv = read::text(&bytes),
            "carrier" => form.carrier = String::from_utf8_lossy(&bytes).into_owned(),
            "apply" => form.apply = &bytes[..] == b"true",
            _ => {}
        }
    }
    Ok(form)
}

/// Read parcel numbers from a CSV: first what each row would do, then, with `apply`, orders are shipped with their mails
#[utoipa::path(post, path = "/admin/parcels/tracking", tag = "admin", request_body = NumbersForm,
    responses((status = 200, body = Vec<Outcome>), (status = 401), (status = 403), (status = 422)))]
async fn read_numbers(_: May<ChangesOrders>, visit: Visit, request: Request) -> Result<Reply, Problem> {
    let form = numbers_form(request).await?;
    let rows = numbers::read(&form.csv, Carrier::from_name(&form.carrier));
    let wrong = match rows.len() {
        0 => Some("exports.no_rows"),
        1..=MOST_ROWS => None,
        _ => Some("exports.too_many_rows"),
    };
    if let Some(key) = wrong {
        return refused(&visit, Refusal::field("csv", Message::new(key)));
    }
    let outcomes = match form.apply {
        true => numbers::apply(&visit, &rows).await?,
        false => numbers::look(&visit.shop.store().read()?, visit.lang, &rows)?,
    };
    let page = ParcelsPage {
        tracking: Some(outcomes),
        applied: form.apply,
        plain: if form.apply { String::new() } else { numbers::plain(&rows) },
        ..parcels_page(&visit, &Paging::default())?
    };
    visit.reply(&page)
}

/// A person sees the page with what is wrong; scripts are told as always.
fn refused(visit: &Visit, refusal: Refusal) -> Result<Reply, Problem> {
    if visit.face.is_json() {
        return Err(refusal.into());
    }
    let mistakes = Mistakes::of(&refusal, visit.lang);
    let page = ParcelsPage { mistakes, ..parcels_page(visit, &Paging::default())? };
    Ok(visit.reply(&page)?.status(refusal.code.status()))
}

/// Change who sends the parcels
#[utoipa::path(put, path = "/admin/parcels/sender", tag = "admin", request_body = Sender,
    responses((status = 200, body = Sender), (status = 401), (status = 403), (status = 422)))]
async fn change_sender(_: May<ChangesSettings>, visit: Visit, Input(form): Input<Sender>) -> Result<Reply, Problem> {
    match save_sender(&visit, form).await {
        Ok(sender) => visit.done(&sender, "/admin/parcels"),
        Err(Error::Refused(refusal)) => refused(&visit, refusal),
        Err(error) => Err(error.into()),
    }
}

async fn save_sender(visit: &Visit, form: Sender) -> Result<Sender, Error> {
    let line = |text: &str, field: &'static str| {
        clean_line(text, 100).map_err(|_| Refusal::field(field, Message::new("orders.too_long").with("max", 100)))
    };
    let sender = Sender {
        name: line(&form.name, "name")?,
        postal_code: line(&form.postal_code, "postal_code")?,
        address: line(&form.address, "address")?,
        building: line(&form.building, "building")?,
        phone: line(&form.phone, "phone")?,
        yamato_customer: line(&form.yamato_customer, "yamato_customer")?,
        yamato_fare: line(&form.yamato_fare, "yamato_fare")?,
        sagawa_customer: line(&form.sagawa_customer, "sagawa_customer")?,
    };
    let (shop, actor, now) = (visit.shop.clone(), audit::Actor::of(visit), visit.now);
    visit
        .shop
        .store()
        .write(move |tx| {
            let mut settings = shop.stored_settings(tx)?;
            let before = serde_json::to_value(&settings.sender).map_err(Fault::from)?;
            settings.sender = sender.clone();
            settings.version += 1;
            shop.put_settings(tx, &settings)?;
            let now_is = serde_json::to_value(&sender).map_err(Fault::from)?;
            let (before, after) = audit::changes(&before, &now_is);
            let entry = audit::Entry {
                actor,
                action: "settings.changed",
                target_type: "settings",
                target_id: "sender".into(),
                before,
                after,
                at: now,
            };
            audit::record(tx, entry)?;
            Ok::<_, Error>(sender)
        })
        .await
}
