//! From what a customer sends to a stored draft: made, changed, or repeated.

use super::access::{Access, confirm_address, owned};
use super::address::{self, AddressInput};
use super::coupons::{self, Coupon, User};
use super::delivery::{self, WishInput};
use super::means;
use super::model::{self, Actor, Address, HistoryEntry, Order, OrderId, PaymentMethod, PaymentStatus, Status};
use super::payment::save;
use super::pricing::{self, Wish};
use super::rules;
use super::table;
use super::ticks;
use super::web::view::{OrderView, view};
use crate::catalog;
use crate::designs::{self, Design, DesignId, DesignView};
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::{TextProblem, clean_block, looks_like_email};
use crate::kernel::{Code, Error, Message, Refusal, Result};
use crate::people::{audit, customers};
use crate::shop::settings::Settings;
use crate::store::{Snapshot, WriteTx};
use crate::web::{Made, SessionId, Visit, input};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use uuid::Uuid;

/// So many pieces of a design.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct LineInput {
    #[schema(value_type = String, format = Uuid)]
    pub design_id: DesignId,
    /// 1 to 999; 1 when missing.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    pub quantity: Option<i64>,
}

/// What `POST /orders` and `PUT /orders/{id}` take. A change may leave out what stays as it is.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct OrderInput {
    pub lines: Option<Vec<LineInput>>,
    /// With `quantity`, short for one line.
    #[serde(default, deserialize_with = "input::optional_id")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub design_id: Option<DesignId>,
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    pub quantity: Option<i64>,
    pub email: Option<String>,
    pub shipping_address: Option<AddressInput>,
    /// When the parcel is wished for; `null` members, or none, are no wish.
    pub delivery: Option<WishInput>,
    pub coupon: Option<String>,
    pub note: Option<String>,
    /// `online` (Stripe's page), or what the shop has switched on besides: `bank_transfer`, `cash_on_delivery`, `stall`.
    #[serde(default, deserialize_with = "input::optional_text")]
    pub payment_method: Option<String>,
    /// Warnings the customer has read and ticked: codes, or `code:design_id:field` for one of several.
    pub accepted_warnings: Option<Vec<String>>,
    /// Names one filling-in of the order form: sent again, it changes the draft it made before.
    #[serde(default, deserialize_with = "input::optional_id")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub form: Option<Uuid>,
    /// Designs whose lines are to be left out.
    pub remove: Option<Vec<String>>,
}

impl OrderInput {
    fn wishes(&self) -> Option<Vec<Wish>> {
        let wish = |line: &LineInput| Wish { design_id: line.design_id, quantity: line.quantity.unwrap_or(1) };
        let mut wishes: Vec<Wish> = match (&self.lines, self.design_id) {
            (Some(lines), _) => lines.iter().map(wish).collect(),
            (None, Some(design_id)) => vec![Wish { design_id, quantity: self.quantity.unwrap_or(1) }],
            (None, None) => return None,
        };
        let removed = self.remove.as_deref().unwrap_or_default();
        wishes.retain(|wish| !removed.contains(&wish.design_id.to_string()));
        Some(wishes)
    }
}

const MAX_NOTE: usize = 1000;

/// Everything of an order that the customer decides, checked.
struct Wanted {
    payment_method: PaymentMethod,
    email: String,
    address: Address,
    delivery: model::Wish,
    note: String,
    accepted_warnings: Vec<String>,
    coupon: Option<Coupon>,
    priced: pricing::Priced,
}

/// Checks `input` as a whole, so that all mistakes are told at once. What is missing is taken from `old`.
fn check(tx: &WriteTx, visit: &Visit, input: &OrderInput, old: Option<&Order>) -> Result<Wanted> {
    let mut mistakes = Mistakes::new();
    let add_all = |mistakes: &mut Mistakes, refusal: Refusal| {
        refusal.errors.into_iter().for_each(|error| mistakes.add(error.field, error.message));
    };
    let email = match (&input.email, old) {
        (Some(email), _) => email.trim().to_owned(),
        (None, Some(old)) => old.email.clone(),
        (None, None) => String::new(),
    };
    if email.is_empty() {
        mistakes.add("email", Message::new("orders.email_needed"));
    } else if !looks_like_email(&email) {
        mistakes.add("email", Message::new("orders.email_form"));
    }
    let note = match &input.note {
        None => old.map(|old| old.note.clone()).unwrap_or_default(),
        Some(note) => clean_block(note, MAX_NOTE).unwrap_or_else(|problem| {
            let message = match problem {
                TextProblem::TooLong { max } => Message::new("orders.too_long").with("max", max),
                TextProblem::Control => Message::new("orders.strange_characters"),
            };
            mistakes.add("note", message);
            String::new()
        }),
    };
    let settings = visit.shop.settings();
    let given = match (&input.shipping_address, old) {
        (Some(address), _) => address.clone(),
        (None, Some(old)) => old.shipping_address.clone().into(),
        (None, None) => AddressInput::default(),
    };
    let checked = address::check(&given, &settings.shipping, "shipping_address");
    let address = checked.unwrap_or_else(|refusal| {
        add_all(&mut mistakes, refusal);
        // Good enough to see whether the lines are right as well.
        Address { country: settings.shipping.home_country.clone(), ..Address::default() }
    });
    let payment_method = wanted_method(&settings, input, old, &address.country).unwrap_or_else(|refusal| {
        add_all(&mut mistakes, refusal);
        PaymentMethod::Online
    });
    let wished = input.delivery.clone().or(old.map(|old| old.delivery.clone().into())).unwrap_or_default();
    let delivery = delivery::check(&settings, &wished, &address.country, visit.now, &mut mistakes);
    let coupon = wanted_coupon(tx, visit, input, old, &email);
    let wishes = input.wishes().unwrap_or_else(|| {
        let lines = old.map(|old| old.lines.as_slice()).unwrap_or_default();
        lines.iter().map(|line| Wish { design_id: line.design_id, quantity: i64::from(line.quantity) }).collect()
    });
    let usable = coupon.as_ref().ok().and_then(Option::as_ref);
    let priced = pricing::price(tx, visit, &wishes, &address, payment_method, usable);
    if let Err(Error::Refused(refusal)) = &priced
        && refusal.code == Code::InvalidInput
    {
        add_all(&mut mistakes, refusal.clone());
    }
    mistakes.into_result()?;
    // A coupon is looked at when everything else is right: its minimum depends on it.
    let (coupon, priced) = (coupon?, priced?);
    let accepted_warnings = match &input.accepted_warnings {
        None => old.map(|old| old.accepted_warnings.clone()).unwrap_or_default(),
        Some(given) => ticks::clean(given),
    };
    Ok(Wanted { payment_method, email, address, delivery, note, accepted_warnings, coupon, priced })
}

/// The coupon that is asked for, or stays; empty text takes it away.
fn wanted_coupon(
    tx: &WriteTx,
    visit: &Visit,
    input: &OrderInput,
    old: Option<&Order>,
    email: &str,
) -> Result<Option<Coupon>> {
    let code = input.coupon.as_deref().or(old.and_then(|old| old.coupon.as_deref())).unwrap_or_default();
    if coupons::normal(code).is_empty() {
        return Ok(None);
    }
    let session = old.map_or_else(|| visit.open_session(), |old| old.session);
    coupons::find_usable(tx, code, User { email, session }).map(Some)
}

/// The means of payment that is asked for, or stays. One that a draft has and that is not offered any more makes room for Stripe's page.
///
/// # Errors
/// 422 for a means that is not offered for this country.
fn wanted_method(
    settings: &Settings,
    input: &OrderInput,
    old: Option<&Order>,
    country: &str,
) -> Result<PaymentMethod, Refusal> {
    let is_offered = |method: &PaymentMethod| means::offered(settings, country).contains(method);
    match &input.payment_method {
        None => Ok(old.map(|old| old.payment_method).filter(is_offered).unwrap_or_default()),
        Some(name) => PaymentMethod::from_name(name.trim())
            .filter(is_offered)
            .ok_or_else(|| Refusal::field("payment_method", Message::new("orders.method_not_offered"))),
    }
}

/// Makes a draft.
///
/// # Errors
/// 422 naming every field that needs another look; `coupon_invalid`.
pub async fn create(visit: &Visit, input: OrderInput) -> Result<Order> {
    let session = visit.open_session();
    let asker = visit.clone();
    let id = OrderId(visit.shop.new_id());
    visit
        .shop
        .store()
        .write(move |tx| {
            let order = create_in(tx, &asker, session, id, &input)?;
            asker.keep(tx, || made(&asker, &order))?;
            Ok(order)
        })
        .await
}

fn create_in(tx: &WriteTx, visit: &Visit, session: SessionId, id: OrderId, input: &OrderInput) -> Result<Order> {
    if let Some(form) = input.form {
        match table::by_form(tx, session, form)? {
            Some(old) if old.status == Status::Draft => return update_in(tx, visit, input, old),
            // The form was sent a second time after the customer went to pay.
            Some(old) => return Ok(old),
            None => table::index_form(tx, session, form, id)?,
        }
    }
    let wanted = check(tx, visit, input, None)?;
    let order = draft(tx, visit, id, wanted)?;
    insert(tx, visit, &order)?;
    Ok(order)
}

/// The answer to whoever made `order`.
pub fn made(visit: &Visit, order: &Order) -> Result<Made> {
    let made = Made::new(&view(order, visit.lang), &format!("/orders/{}", order.id))?;
    Ok(made.leading_to(&confirm_address(order.id, &Access::Own)))
}

fn draft(tx: &WriteTx, visit: &Visit, id: OrderId, wanted: Wanted) -> Result<Order> {
    let now = visit.now;
    Ok(Order {
        id,
        order_number: table::next_number(tx)?,
        session: visit.open_session(),
        lang: visit.lang,
        status: Status::Draft,
        payment_status: PaymentStatus::Pending,
        payment_method: wanted.payment_method,
        taken: None,
        lines: wanted.priced.lines,
        totals: wanted.priced.totals,
        coupon: wanted.coupon.map(|coupon| coupon.code),
        coupon_claim: None,
        invoice_number: None,
        email: wanted.email,
        shipping_address: wanted.address,
        delivery: wanted.delivery,
        note: wanted.note,
        accepted_warnings: wanted.accepted_warnings,
        revision: 0,
        priced_at: now,
        stripe_checkout_session_id: None,
        stripe_payment_intent_id: None,
        voucher: None,
        amount_refunded: 0,
        holds_stock: false,
        attention: Vec::new(),
        decided: Vec::new(),
        tracking: Vec::new(),
        label: None,
        staff_notes: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: now,
        paid_at: None,
        shipped_at: None,
        delivered_at: None,
        cancelled_at: None,
        photos_gone_at: None,
        erased_at: None,
    })
}

fn insert(tx: &WriteTx, visit: &Visit, order: &Order) -> Result<()> {
    table::put(tx, order)?;
    customers::remember(tx, &order.email, visit.now)?;
    Ok(table::record(tx, order.id, &HistoryEntry::new(visit.now, actor(visit, order), "created"))?)
}

/// The customer, unless somebody of the staff does it for them.
fn actor(visit: &Visit, order: &Order) -> Actor {
    match &visit.caller.staff {
        Some(staff) if visit.session() != Some(order.session) => Actor::Staff(staff.name.clone()),
        _ => Actor::Customer,
    }
}

/// Changes a draft; it is priced anew.
///
/// # Errors
/// 404 for somebody else's, 409 `conflict` when it is no draft any more, 422 as for a new one.
pub async fn update(visit: &Visit, id: OrderId, input: OrderInput) -> Result<Order> {
    let asker = visit.clone();
    visit
        .shop
        .store()
        .write(move |tx| {
            let (old, access) = owned(&asker, tx, id)?;
            if !access.changes() {
                return Err(Refusal::new(Code::Forbidden, "problem.forbidden").into());
            }
            if access.is_customer() {
                open_designs(tx, &asker, &old)?;
            }
            let before = old.clone();
            let order = update_in(tx, &asker, &input, old)?;
            if !access.is_customer() {
                let (was, now_is) = audited(&before, &order);
                audit::by_staff(tx, &asker, "order.changed", ("order", id.0), was, now_is)?;
            }
            Ok(order)
        })
        .await
}

/// What the audit log keeps of a changed draft: of what names the customer only that it was changed.
fn audited(before: &Order, after: &Order) -> (Value, Value) {
    let told = |order: &Order| {
        let lines = order.lines.iter().map(|line| (line.design_id.to_string(), json!(line.quantity)));
        json!({
            "amount": order.totals.amount,
            "lines": lines.collect::<serde_json::Map<_, _>>(),
            "coupon": order.coupon,
            "payment_method": order.payment_method,
            "delivery": order.delivery,
        })
    };
    let (was, mut now_is) = audit::changes(&told(before), &told(after));
    let private = [
        ("email", before.email != after.email),
        ("shipping_address", before.shipping_address != after.shipping_address),
        ("note", before.note != after.note),
    ];
    for (name, _) in private.into_iter().filter(|(_, is_changed)| *is_changed) {
        now_is[name] = json!("changed");
    }
    (was, now_is)
}

/// Lets a customer who came back to an order on another device change its designs there as well.
pub fn open_designs(tx: &WriteTx, visit: &Visit, order: &Order) -> Result<()> {
    let session = visit.open_session();
    if session != order.session {
        for line in &order.lines {
            designs::open_to(tx, line.design_id, session)?;
        }
    }
    Ok(())
}

fn update_in(tx: &WriteTx, visit: &Visit, input: &OrderInput, old: Order) -> Result<Order> {
    rules::check_changeable(&old)?;
    let wanted = check(tx, visit, input, Some(&old))?;
    let mut order = old.clone();
    order.lines = wanted.priced.lines;
    for line in &mut order.lines {
        if let Some(before) = old.lines.iter().find(|before| before.design_id == line.design_id) {
            line.id = before.id;
        }
    }
    order.totals = wanted.priced.totals;
    order.coupon = wanted.coupon.map(|coupon| coupon.code);
    order.payment_method = wanted.payment_method;
    order.email = wanted.email;
    order.shipping_address = wanted.address;
    order.delivery = wanted.delivery;
    order.note = wanted.note;
    order.accepted_warnings = wanted.accepted_warnings;
    order.priced_at = visit.now;
    save(tx, &mut order, visit.now)?;
    customers::remember(tx, &order.email, visit.now)?;
    table::record(tx, order.id, &HistoryEntry::new(visit.now, actor(visit, &order), "changed"))?;
    Ok(order)
}

/// Why lines of an order cannot be ordered again, each in words that name the piece; nothing where all of them can.
fn gone(tx: &impl Snapshot, visit: &Visit, order: &Order) -> Result<Mistakes> {
    let mut mistakes = Mistakes::new();
    for (at, line) in order.lines.iter().enumerate() {
        let product = catalog::product(tx, line.product_id)?.filter(|product| product.is_active());
        let variant = line.frozen.as_ref().map_or(line.variant_id, |frozen| frozen.variant_id);
        let key = match (product, &line.frozen) {
            (None, _) => "orders.reorder_line_gone",
            (Some(product), _) if product.sold(variant).is_none() => "orders.reorder_variant_gone",
            (Some(_), Some(frozen)) if !designs::keeps_photos(tx, &visit.shop, line.design_id, &frozen.params)? => {
                "orders.reorder_photo_gone"
            }
            _ => continue,
        };
        mistakes.add(format!("lines[{at}].design_id"), Message::new(key).with_words("name", &line.title));
    }
    Ok(mistakes)
}

/// The same again: copies of the designs as they were bought, in a new draft at today's prices. A coupon is not copied.
///
/// # Errors
/// 404 for somebody else's order, 422 naming every line whose product, size or photo is gone.
pub async fn repeat(visit: &Visit, id: OrderId) -> Result<(Order, Vec<Design>)> {
    let session = visit.open_session();
    let asker = visit.clone();
    let fresh = OrderId(visit.shop.new_id());
    visit
        .shop
        .store()
        .write(move |tx| {
            let (old, access) = owned(&asker, tx, id)?;
            if !access.changes() {
                return Err(Refusal::new(Code::Forbidden, "problem.forbidden").into());
            }
            gone(tx, &asker, &old)?.into_result()?;
            let mut copies = Vec::with_capacity(old.lines.len());
            let mut wishes = Vec::with_capacity(old.lines.len());
            let mut copied = HashMap::new();
            for line in &old.lines {
                let (design, shop) = (line.design_id, &asker.shop);
                let frozen = match &line.frozen {
                    Some(frozen) => frozen.clone(),
                    None => designs::freeze(tx, shop, design)?,
                };
                let (variant, params) = (frozen.variant_id, &frozen.params);
                let copy = designs::copy_for_reorder(tx, shop, design, variant, params, session, asker.now)?;
                copied.insert(design, copy.id);
                wishes.push(Wish { design_id: copy.id, quantity: i64::from(line.quantity) });
                copies.push(copy);
            }
            let accepted_warnings = ticks::moved(&old, |design| copied.get(&design).copied());
            let wanted = Wanted {
                // What was offered then may not be now; the customer chooses anew.
                payment_method: PaymentMethod::Online,
                priced: pricing::price(tx, &asker, &wishes, &old.shipping_address, PaymentMethod::Online, None)?,
                email: old.email,
                address: old.shipping_address,
                delivery: model::Wish::default(),
                note: String::new(),
                accepted_warnings,
                coupon: None,
            };
            let order = draft(tx, &asker, fresh, wanted)?;
            insert(tx, &asker, &order)?;
            let entry = HistoryEntry::new(asker.now, actor(&asker, &order), "repeats").with("number", old.order_number);
            table::record(tx, order.id, &entry)?;
            if !access.is_customer() {
                let after = json!({"order": order.id});
                audit::by_staff(tx, &asker, "order.repeated", ("order", id.0), json!({}), after)?;
            }
            asker.keep(tx, || made_again(&asker, &order, &copies))?;
            Ok((order, copies))
        })
        .await
}

/// A new order and its designs.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Reordered {
    order: OrderView,
    designs: Vec<DesignView>,
}

/// The answer to whoever ordered the same again.
pub fn made_again(visit: &Visit, order: &Order, copies: &[Design]) -> Result<Made> {
    let shelf = catalog::shelf(&visit.shop)?;
    let view_of = |design: &Design| DesignView::new(visit, design, shelf.product(design.product_id));
    let document = Reordered { order: view(order, visit.lang), designs: copies.iter().map(view_of).collect() };
    let made = Made::new(&document, &format!("/orders/{}", order.id))?;
    Ok(made.leading_to(&format!("{}?again=1", confirm_address(order.id, &Access::Own))))
}
