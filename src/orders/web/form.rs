//! The order form: e-mail address, where it goes, what to tell us. Made from the basket, or for a draft.

use super::parts::{TotalRow, country_name, estimate_rows, region_name, total_rows};
use crate::designs::{self, DesignId};
use crate::kernel::{Lang, Money, Refusal, Result};
use crate::orders::access::{confirm_address, owned, read_id};
use crate::orders::address::{AddressInput, PREFECTURES, countries};
use crate::orders::basket;
use crate::orders::delivery::{self, WishInput};
use crate::orders::means;
use crate::orders::model::{Order, OrderId, PaymentMethod, Status};
use crate::orders::placing::{LineInput, OrderInput, open_designs};
use crate::orders::pricing;
use crate::orders::table;
use crate::orders::ticks;
use crate::people::customers;
use crate::store::Snapshot;
use crate::web::problem::Told;
use crate::web::{Page, Problem, Reply, View, Visit, words};
use askama::Template;
use axum::extract::Path;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Template, Serialize)]
#[template(path = "orders/form.html", blocks = ["content"])]
struct FormPage {
    #[serde(skip)]
    page: Page,
    action: String,
    /// Empty for a change, which names its order in the address.
    #[serde(skip)]
    form: String,
    #[serde(skip)]
    is_change: bool,
    #[serde(skip)]
    back_url: String,
    #[serde(skip)]
    email: Field,
    /// In the order in which an address is said, some side by side.
    #[serde(skip)]
    rows: Vec<Vec<Field>>,
    #[serde(skip)]
    /// The wish for a day and a part of it, as far as the shop takes wishes.
    wishes: Vec<Field>,
    /// When something ordered now leaves, and which closed days are near.
    #[serde(skip)]
    outlook: Vec<String>,
    #[serde(skip)]
    note: Field,
    #[serde(skip)]
    coupon: Field,
    /// Means of payment; none where there is only one.
    #[serde(skip)]
    methods: Vec<Choice>,
    #[serde(skip)]
    method_error: Option<String>,
    #[serde(skip)]
    prefectures: Vec<Choice>,
    #[serde(skip)]
    pieces: Vec<Piece>,
    #[serde(skip)]
    warnings: Vec<WarningTick>,
    #[serde(skip)]
    totals: Vec<TotalRow>,
    #[serde(skip)]
    error_title: String,
    /// The id of the field to go to, and what is wrong with it.
    #[serde(skip)]
    errors: Vec<(String, String)>,
}

/// One field of the form.
struct Field {
    id: &'static str,
    name: String,
    label: String,
    hint: Option<String>,
    value: String,
    error: Option<String>,
    kind: &'static str,
    autocomplete: &'static str,
    class: &'static str,
    is_optional: bool,
    max: usize,
    choices: Vec<Choice>,
}

struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// One line of the order, as it is in the form.
struct Piece {
    design_id: DesignId,
    title: String,
    variant: String,
    quantity: i64,
    price: String,
}

/// Something about a design that the customer is asked to have read.
struct WarningTick {
    tick: String,
    /// The name of the piece it is about.
    piece: Option<String>,
    text: String,
    is_ticked: bool,
}

impl View for FormPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// What stands in the form.
struct Filled {
    email: String,
    address: AddressInput,
    delivery: WishInput,
    note: String,
    coupon: String,
    method: String,
    ticked: Vec<String>,
    lines: Vec<LineInput>,
}

impl Filled {
    fn of(order: &Order) -> Filled {
        let lines = order.lines.iter();
        Filled {
            email: order.email.clone(),
            address: order.shipping_address.clone().into(),
            delivery: order.delivery.clone().into(),
            note: order.note.clone(),
            coupon: order.coupon.clone().unwrap_or_default(),
            method: order.payment_method.name().to_owned(),
            ticked: order.accepted_warnings.clone(),
            lines: lines
                .map(|line| LineInput { design_id: line.design_id, quantity: Some(i64::from(line.quantity)) })
                .collect(),
        }
    }
}

/// The order form for what lies in the basket
#[utoipa::path(get, path = "/orders/new", tag = "shop", responses((status = 200, description = "a page"), (status = 303)))]
pub async fn show_order_form(visit: Visit) -> Result<Reply, Problem> {
    let tx = visit.shop.store().read()?;
    let lines = match visit.session() {
        Some(session) => basket::lines(&tx, session)?,
        None => Vec::new(),
    };
    let lines: Vec<LineInput> = lines
        .into_iter()
        .map(|(_, line)| LineInput { design_id: line.design_id, quantity: Some(i64::from(line.quantity)) })
        .collect();
    if lines.is_empty() {
        return Ok(Reply::see_other(visit.face, "/basket"));
    }
    // Who has ordered before need not type the address again.
    let session = visit.session();
    let emails = session.map(|session| customers::proven_emails(&tx, session)).transpose()?.unwrap_or_default();
    let filled = match table::of_customer(&tx, session, &emails, None, 1)?.first() {
        Some(last) => {
            let (note, coupon, delivery) = (String::new(), String::new(), WishInput::default());
            Filled { note, coupon, delivery, ticked: Vec::new(), lines, ..Filled::of(last) }
        }
        None => Filled {
            email: emails.into_iter().next().unwrap_or_default(),
            address: AddressInput::default(),
            delivery: WishInput::default(),
            note: String::new(),
            coupon: String::new(),
            method: String::new(),
            ticked: Vec::new(),
            lines,
        },
    };
    let form = visit.shop.new_id().to_string();
    visit.reply(&form_page(&tx, &visit, None, form, filled, None)?)
}

/// The order form for a draft
#[utoipa::path(get, path = "/orders/{id}/edit", tag = "shop", params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "a page"), (status = 303), (status = 404)))]
pub async fn edit_order_form(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let id: OrderId = read_id(&id)?;
    let (order, access) = owned(&visit, &visit.shop.store().read()?, id)?;
    if order.status != Status::Draft || !access.changes() {
        return Ok(Reply::see_other(visit.face, &confirm_address(id, &access)));
    }
    if access.is_customer() && visit.session() != Some(order.session) {
        let (asker, order) = (visit.clone(), order.clone());
        visit.shop.store().write(move |tx| open_designs(tx, &asker, &order)).await?;
    }
    let tx = visit.shop.store().read()?;
    let filled = Filled::of(&order);
    let target = Some((&order, access.query()));
    visit.reply(&form_page(&tx, &visit, target, String::new(), filled, None)?)
}

/// The form as it was sent, with what is wrong with it.
pub fn again(visit: &Visit, id: Option<OrderId>, input: &OrderInput, refusal: &Refusal) -> Result<Reply, Problem> {
    let tx = visit.shop.store().read()?;
    let order = match id {
        Some(id) => Some(owned(visit, &tx, id)?),
        None => None,
    };
    let before = order.as_ref().map(|(order, _)| Filled::of(order));
    let one_line = input.design_id.map(|design_id| vec![LineInput { design_id, quantity: input.quantity }]);
    let lines = input.lines.clone().or(one_line);
    let filled = Filled {
        email: input.email.clone().unwrap_or_default(),
        address: input.shipping_address.clone().unwrap_or_default(),
        delivery: input.delivery.clone().unwrap_or_default(),
        note: input.note.clone().unwrap_or_default(),
        coupon: input.coupon.clone().unwrap_or_default(),
        method: input.payment_method.clone().unwrap_or_default(),
        ticked: input.accepted_warnings.clone().unwrap_or_default(),
        lines: lines.or(before.map(|before| before.lines)).unwrap_or_default(),
    };
    let target = order.as_ref().map(|(order, access)| (order, access.query()));
    let form = input.form.map(|form| form.to_string()).unwrap_or_default();
    let page = form_page(&tx, visit, target, form, filled, Some(refusal))?;
    Ok(visit.reply(&page)?.status(422))
}

fn form_page(
    tx: &impl Snapshot,
    visit: &Visit,
    target: Option<(&Order, String)>,
    form: String,
    filled: Filled,
    refusal: Option<&Refusal>,
) -> Result<FormPage> {
    let shop = &visit.shop;
    let page = visit.page();
    let told = refusal.map(|refusal| Told::new(refusal, visit.lang).errors).unwrap_or_default();
    let errors: BTreeMap<&str, &str> = told.iter().map(|(field, message)| (field.as_str(), message.as_str())).collect();

    let mut pieces = Vec::new();
    let mut priced = Vec::new();
    let mut warnings: Vec<WarningTick> = Vec::new();
    for line in &filled.lines {
        // What is not the visitor's own is named among the errors, and shown nowhere.
        let Ok(design) = designs::own(tx, visit, line.design_id) else { continue };
        let quantity = line.quantity.unwrap_or(1);
        let pieces_wanted = u32::try_from(quantity.clamp(1, 999)).unwrap_or(1);
        if let Ok(line) = pricing::preview_line(tx, shop, &design, pieces_wanted)? {
            pieces.push(Piece {
                design_id: design.id,
                title: line.title.get(visit.lang).to_owned(),
                variant: line.variant_name.get(visit.lang).to_owned(),
                quantity,
                price: Money::new(line.subtotal, shop.settings().currency).show(),
            });
            priced.push(line);
        }
        for warning in &design.warnings {
            warnings.push(WarningTick {
                tick: ticks::tick(design.id, warning),
                piece: pieces.last().filter(|piece| piece.design_id == design.id).map(|piece| piece.title.clone()),
                text: words::fill(words::text(visit.lang, &warning.words), &pairs(&warning.values)),
                is_ticked: ticks::are_for(&filled.ticked, design.id, warning),
            });
        }
    }
    let totals = match &target {
        Some((order, _)) => total_rows(order, &page),
        None if priced.is_empty() => Vec::new(),
        None => estimate_rows(&pricing::estimate(shop, priced)?.totals, &page),
    };
    let (email, rows, note, coupon) = fields(visit, &page, &filled, &errors);
    let (action, back_url) = match &target {
        None => ("/orders".to_owned(), "/basket".to_owned()),
        Some((order, query)) => {
            let joined = if query.is_empty() { "?_method=PUT".to_owned() } else { format!("{query}&_method=PUT") };
            (format!("/orders/{}{joined}", order.id), format!("/orders/{}/confirm{query}", order.id))
        }
    };
    Ok(FormPage {
        action,
        form,
        is_change: target.is_some(),
        back_url,
        email,
        rows,
        wishes: wishes(visit, &page, &filled.delivery, &errors),
        outlook: delivery::outlook(&shop.settings(), &page, visit.now),
        note,
        coupon,
        methods: method_choices(visit, &page, &filled.method),
        method_error: errors.get("payment_method").map(|message| (*message).to_owned()),
        prefectures: PREFECTURES
            .iter()
            .map(|(name, _)| {
                let label = region_name("JP", name, visit.lang);
                Choice { value: label.clone(), label, is_chosen: false }
            })
            .collect(),
        pieces,
        warnings,
        totals,
        error_title: page.n("orders.form_errors", told.len() as i64),
        errors: told.iter().map(|(field, message)| (id_of(field), message.clone())).collect(),
        page,
    })
}

/// What the shop offers to somebody at home; an address abroad is told when it is sent.
fn method_choices(visit: &Visit, page: &Page, chosen: &str) -> Vec<Choice> {
    let settings = visit.shop.settings();
    let offered = means::offered(&settings, "");
    if offered.len() < 2 {
        return Vec::new();
    }
    let chosen = offered.iter().find(|method| method.name() == chosen).copied().unwrap_or_default();
    let choice = |method: &PaymentMethod| {
        let label = page.t(&format!("orders.method.{}", method.name())).to_owned();
        let fee = means::fee(&settings.means, *method, 1);
        let label = match fee {
            0 => label,
            fee => page
                .f("orders.method_with_fee", &[("method", label), ("fee", Money::new(fee, settings.currency).show())]),
        };
        Choice { value: method.name().to_owned(), label, is_chosen: *method == chosen }
    };
    offered.iter().map(choice).collect()
}

fn pairs(values: &[(String, String)]) -> Vec<(&str, &str)> {
    values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The id of the form's field for a field of the document.
fn id_of(field: &str) -> String {
    let last = field.rsplit('.').next().unwrap_or(field);
    if field.starts_with("lines") { "pieces".to_owned() } else { last.to_owned() }
}

fn fields(
    visit: &Visit,
    page: &Page,
    filled: &Filled,
    errors: &BTreeMap<&str, &str>,
) -> (Field, Vec<Vec<Field>>, Field, Field) {
    let settings = visit.shop.settings();
    let address = &filled.address;
    let field = |id: &'static str, name: &str, value: &str, autocomplete: &'static str, max: usize| Field {
        id,
        name: name.to_owned(),
        label: page.t(&format!("orders.field.{id}")).to_owned(),
        hint: words::find(visit.lang, &format!("orders.hint.{id}")).filter(|hint| !hint.is_empty()).map(str::to_owned),
        value: value.to_owned(),
        error: errors.get(name).map(|message| (*message).to_owned()),
        kind: "text",
        autocomplete,
        class: "",
        is_optional: false,
        max,
        choices: Vec::new(),
    };
    let place = |id: &'static str, value: &Option<String>, autocomplete: &'static str, max: usize| {
        field(id, &format!("shipping_address.{id}"), value.as_deref().unwrap_or(""), autocomplete, max)
    };
    let served = countries(&settings.shipping);
    let country = address.country.clone().filter(|code| !code.is_empty());
    let country = country.unwrap_or_else(|| settings.shipping.home_country.clone());
    let region = address.region.as_deref().unwrap_or("");
    let shown_region = Some(region_name(&country, region, visit.lang));
    let choices = served
        .iter()
        .map(|code| Choice {
            value: (*code).to_owned(),
            label: country_name(code, visit.lang),
            is_chosen: code.eq_ignore_ascii_case(&country),
        })
        .collect();
    let email = Field { kind: "email", ..field("email", "email", &filled.email, "email", 254) };
    let note = Field { kind: "area", is_optional: true, ..field("note", "note", &filled.note, "off", 1000) };
    let coupon = Field { class: "short", is_optional: true, ..field("coupon", "coupon", &filled.coupon, "off", 60) };
    let mut name_row = vec![place("name", &address.name, "name", 80)];
    // Whoever may have a name in kanji is asked how it is read: no register, and no carrier, knows it otherwise.
    let has_kanji = served.contains(&"JP") || visit.lang == Lang::Ja;
    if has_kanji || address.name_kana.as_deref().is_some_and(|kana| !kana.is_empty()) {
        name_row.push(Field { is_optional: true, ..place("name_kana", &address.name_kana, "off", 80) });
    }
    let rows = vec![
        vec![Field { kind: "select", choices, class: "short", ..place("country", &Some(country), "country", 2) }],
        name_row,
        vec![Field { class: "tiny", ..place("postal_code", &address.postal_code, "postal-code", 20) }],
        vec![
            Field { kind: "region", ..place("region", &shown_region, "address-level1", 60) },
            place("city", &address.city, "address-level2", 80),
        ],
        vec![place("line1", &address.line1, "address-line1", 120)],
        vec![Field { is_optional: true, ..place("line2", &address.line2, "address-line2", 120) }],
        vec![Field { kind: "tel", class: "short", is_optional: true, ..place("phone", &address.phone, "tel", 40) }],
    ];
    (email, rows, note, coupon)
}

fn wishes(visit: &Visit, page: &Page, wish: &WishInput, errors: &BTreeMap<&str, &str>) -> Vec<Field> {
    let settings = visit.shop.settings();
    let field = |id: &'static str, none: &str, choices: Vec<(String, String)>, chosen: &Option<String>| {
        let name = format!("delivery.{id}");
        let first = Choice { value: String::new(), label: page.t(none).to_owned(), is_chosen: false };
        let others = choices.into_iter().map(|(value, label)| {
            let is_chosen = chosen.as_deref() == Some(&value);
            Choice { value, label, is_chosen }
        });
        Field {
            id,
            label: page.t(&format!("orders.field.{id}")).to_owned(),
            hint: Some(page.t(&format!("orders.hint.{id}")).to_owned()).filter(|hint| !hint.is_empty()),
            value: String::new(),
            error: errors.get(name.as_str()).map(|message| (*message).to_owned()),
            name,
            kind: "select",
            autocomplete: "off",
            class: "",
            is_optional: true,
            max: 20,
            choices: std::iter::once(first).chain(others).collect(),
        }
    };
    let mut fields = Vec::new();
    if settings.delivery.days {
        fields.push(field("day", "orders.no_wish", delivery::days(&settings, page.lang, visit.now), &wish.day));
    }
    if !settings.delivery.bands.is_empty() {
        let bands = settings.delivery.bands.iter();
        let bands = bands.map(|band| (band.clone(), delivery::band_text(band, page.lang))).collect();
        fields.push(field("band", "orders.no_band", bands, &wish.band));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_lead_to_the_field_they_are_about() {
        assert_eq!(id_of("shipping_address.postal_code"), "postal_code");
        assert_eq!(id_of("email"), "email");
        assert_eq!(id_of("lines[0].design_id"), "pieces");
    }

    #[test]
    fn every_served_country_of_a_new_shop_has_a_name() {
        let settings = crate::shop::settings::Shipping::default();
        for code in countries(&settings) {
            for lang in Lang::ALL {
                assert_ne!(country_name(code, lang), code, "{}", lang.tag());
            }
        }
    }
}
