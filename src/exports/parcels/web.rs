//! `/admin/parcels`: orders that leave today, the files for the carriers, and the numbers that come back.

use super::carrier::{self, Carrier, Cut};
use super::labels::{self, Asked};
use super::numbers::{self, MOST_ROWS, Outcome};
use super::read;
use super::waiting::{Place, waiting};
use crate::kernel::text::clean_line;
use crate::kernel::{Error, Fault, Message, Refusal};
use crate::orders::{self, LabelMade, Order, OrderId, Status};
use crate::people::form::Mistakes;
use crate::people::rights::{ChangesOrders, ChangesSettings};
use crate::people::{self, May, audit, rights};
use crate::shop::Shop;
use crate::shop::settings::{Sender, Settings};
use crate::web::{Input, List, Page, Paging, Problem, Reply, Role, View, Visit, input};
use askama::Template;
use axum::extract::{FromRequest, Multipart, Query, Request};
use axum::http::header;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Orders on one page.
const ON_A_PAGE: usize = 200;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(list_parcels))
        .merge(labels::routes())
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
    /// What has no room on its label, by carrier.
    cut: Vec<CutView>,
    /// The newest label that was made.
    label: Option<LabelMade>,
    #[serde(skip)]
    #[schema(ignore)]
    label_told: Option<String>,
    /// Behind it the list goes on.
    #[serde(skip)]
    #[schema(ignore)]
    place: String,
}

/// The end of a text that a carrier's label has no room for.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct CutView {
    /// `yamato`, `sagawa` or `japan_post`.
    carrier: &'static str,
    #[serde(flatten)]
    cut: Cut,
}

/// What is cut on one of the labels; about the sender, which is the same on all, or about the rest.
fn cut_on(order: &Order, sender: &Sender, of_sender: bool) -> Vec<CutView> {
    let by_carrier = Carrier::ALL.into_iter().flat_map(|carrier| {
        carrier.cut(order, sender).into_iter().map(move |cut| CutView { carrier: carrier.name(), cut })
    });
    by_carrier.filter(|view| view.cut.is_of_sender() == of_sender).collect()
}

impl ParcelView {
    fn new(order: &Order, settings: &Settings, page: &Page) -> ParcelView {
        let (to, home) = (&order.shipping_address, &settings.shipping.home_country);
        ParcelView {
            id: order.id,
            order_number: order.order_number.clone(),
            status: order.status,
            name: to.name.clone(),
            country: to.country.clone(),
            region: to.region.clone(),
            city: to.city.clone(),
            pieces: order.pieces(),
            is_abroad: to.country != *home,
            unfit: carrier::unfit(order),
            cut: if to.country == *home { cut_on(order, &settings.sender, false) } else { Vec::new() },
            label_told: order.label.as_ref().map(|label| orders::labels::told(label, page)),
            label: order.label.clone(),
            place: Place::of(order),
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
    /// What of the sender has no room on the carriers' labels.
    sender_cut: Vec<CutView>,
    /// What a file of numbers says, where one was read.
    tracking: Option<Vec<Outcome>>,
    applied: bool,
    /// Labels that were asked for and refused.
    #[serde(skip)]
    asked: Option<Asked>,
    #[serde(skip)]
    tabs: Vec<Tab>,
    /// Not all parcels that wait are listed.
    #[serde(skip)]
    is_narrowed: bool,
    #[serde(skip)]
    next_url: Option<String>,
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

struct Tab {
    url: String,
    name: String,
    is_current: bool,
}

impl View for ParcelsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

impl ParcelsPage {
    /// The numbers of the orders whose labels have no room for something.
    fn cut_numbers(&self) -> Vec<&str> {
        self.list
            .items
            .iter()
            .filter(|parcel| !parcel.cut.is_empty())
            .map(|parcel| parcel.order_number.as_str())
            .collect()
    }

    /// Labels that were made before, and may be made once more.
    fn again(&self) -> Option<&Asked> {
        self.asked.as_ref().filter(|asked| asked.may_again)
    }

    /// As the form was sent; before that, all that have no label.
    fn is_ticked(&self, parcel: &ParcelView) -> bool {
        self.asked.as_ref().map_or(parcel.label.is_none(), |asked| asked.orders.contains(&parcel.id.to_string()))
    }

    fn is_carrier(&self, name: &str) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.carrier == name)
    }

    fn day(&self) -> &str {
        let asked = self.asked.as_ref().map(|asked| asked.day.as_str());
        asked.filter(|day| !day.is_empty()).unwrap_or(&self.today)
    }

    fn has_labels(&self) -> bool {
        self.list.items.iter().any(|parcel| parcel.label.is_some())
    }

    fn has_note(&self, parcel: &ParcelView) -> bool {
        parcel.is_abroad || parcel.label.is_some() || !parcel.unfit.is_empty() || !parcel.cut.is_empty()
    }

    fn cut_told(&self, view: &CutView) -> String {
        let carrier = self.page.t(&format!("exports.carrier.{}", view.carrier)).to_owned();
        let values = [("carrier", carrier), ("field", view.cut.field.to_owned()), ("text", view.cut.lost.clone())];
        self.page.f("exports.cut", &values)
    }

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

/// Which parcels are listed, by whether a label of theirs was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Labels {
    #[default]
    All,
    Without,
    With,
}

impl Labels {
    const EACH: [Labels; 3] = [Labels::All, Labels::Without, Labels::With];

    fn name(self) -> &'static str {
        match self {
            Labels::All => "all",
            Labels::Without => "without",
            Labels::With => "with",
        }
    }

    pub(super) fn has(self, order: &Order) -> bool {
        self == Labels::All || order.label.is_some() == (self == Labels::With)
    }

    /// The list's own address, going on behind `after`.
    fn url(self, after: Option<&str>) -> String {
        let labels = (self != Labels::All).then(|| ("labels", self.name()));
        let query: Vec<_> = labels.into_iter().chain(after.map(|after| ("after", after))).collect();
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        if query.is_empty() { "/admin/parcels".to_owned() } else { format!("/admin/parcels?{query}") }
    }
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct LabelFilter {
    /// `without`: only parcels of which no label was made; `with`: only the others.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    labels: Labels,
}

pub(super) fn may_look(role: Role) -> bool {
    rights::reads_panel(role)
}

pub(super) fn today(visit: &Visit) -> String {
    let now = jiff::Timestamp::from_millisecond(visit.now.unix_millis()).unwrap_or_default();
    now.to_zoned(visit.shop.settings().zone()).strftime("%Y-%m-%d").to_string()
}

fn parcels_page(visit: &Visit, paging: &Paging, labels: Labels) -> Result<ParcelsPage, Problem> {
    let role = people::require(visit, may_look)?.role;
    let settings = visit.shop.settings();
    let limit = if paging.limit.is_some() { paging.limit()? } else { ON_A_PAGE };
    let tx = visit.shop.store().read()?;
    let unknown = || Refusal::field("after", Message::new("problem.after_unknown"));
    let after = match paging.after.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Some(Place::read(&tx, text)?.ok_or_else(unknown)?),
        None => None,
    };
    let orders = waiting(&tx, labels, after, limit + 1)?;
    let page = visit.page();
    let items = orders.iter().map(|order| ParcelView::new(order, &settings, &page)).collect();
    let list = List::of(items, limit, |parcel: &ParcelView| parcel.place.clone());
    let tabs = Labels::EACH.into_iter().map(|one| Tab {
        url: one.url(None),
        name: page.t(&format!("exports.labels_by.{}", one.name())).to_owned(),
        is_current: one == labels,
    });
    Ok(ParcelsPage {
        tabs: tabs.collect(),
        is_narrowed: labels != Labels::All,
        next_url: list.next.as_deref().map(|next| labels.url(Some(next))),
        list,
        sender: settings.sender.clone(),
        sender_cut: orders.first().map(|order| cut_on(order, &settings.sender, true)).unwrap_or_default(),
        tracking: None,
        applied: false,
        asked: None,
        page,
        today: today(visit),
        plain: String::new(),
        mistakes: Mistakes::default(),
        may_change: role.changes_orders(),
    })
}

/// Orders that wait for their parcel
#[utoipa::path(get, path = "/admin/parcels", tag = "admin", params(LabelFilter, Paging),
    responses((status = 200, body = List<ParcelView>), (status = 401), (status = 403)))]
async fn list_parcels(
    visit: Visit,
    Query(filter): Query<LabelFilter>,
    Query(paging): Query<Paging>,
) -> Result<Reply, Problem> {
    visit.reply(&parcels_page(&visit, &paging, filter.labels)?)
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
        ..parcels_page(&visit, &Paging::default(), Labels::All)?
    };
    visit.reply(&page)
}

/// A person sees the page with what is wrong; scripts are told as always.
pub(super) fn refused(visit: &Visit, refusal: Refusal) -> Result<Reply, Problem> {
    refused_with(visit, refusal, None)
}

/// As [`refused`], with the form for labels as it was sent.
pub(super) fn refused_with(visit: &Visit, refusal: Refusal, asked: Option<Asked>) -> Result<Reply, Problem> {
    if visit.face.is_json() {
        return Err(refusal.into());
    }
    let mistakes = Mistakes::of(&refusal, visit.lang);
    let page = ParcelsPage { mistakes, asked, ..parcels_page(visit, &Paging::default(), Labels::All)? };
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
