//! The changes staff make to an order: its state, its parcels, its notes, and its lines in the print room.

use super::admin_order::{is_ready, order_page};
use super::view::StaffOrder;
use crate::designs;
use crate::kernel::text::{clean_block, clean_line};
use crate::kernel::{Code, Error, Fault, Message, Moment, Refusal, Result};
use crate::orders::access::read_id;
use crate::orders::disputes;
use crate::orders::letters;
use crate::orders::means;
use crate::orders::model::{
    Actor, HistoryEntry, Hold, LineId, Order, OrderId, Production, StaffNote, Status, Tracking,
};
use crate::orders::payment::{call_off, decide, require, save};
use crate::orders::rules;
use crate::orders::table;
use crate::people::May;
use crate::people::audit::{self, Entry};
use crate::people::rights::{ChangesOrders, ChangesProduction};
use crate::shop::Shop;
use crate::store::WriteTx;
use crate::web::{Input, Problem, Reply, Visit, input, words};
use axum::extract::Path;
use serde::Deserialize;
use serde_json::{Value, json};

/// A parcel under way.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct ParcelForm {
    #[serde(default)]
    carrier: String,
    #[serde(default)]
    number: String,
}

/// What staff change about an order.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct StaffForm {
    /// `processing`, `shipped`, `delivered` or `cancelled`, each only from the state before it.
    #[serde(default, deserialize_with = "input::optional_text")]
    pub(super) status: Option<String>,
    /// The parcel of an order that is paid at the door is with the carrier. `status` waits for the money.
    #[serde(default, deserialize_with = "input::switch")]
    pub(super) handed_over: bool,
    /// Added to the parcels of the order.
    pub(super) tracking: Option<ParcelForm>,
    /// A note of the staff's, added to those there are; the customer does not see it.
    #[serde(default, deserialize_with = "input::optional_text")]
    pub(super) note: Option<String>,
    /// The code of an attention entry that was dealt with.
    #[serde(default, deserialize_with = "input::optional_text")]
    pub(super) resolve: Option<String>,
    /// The version that was looked at; 412 when somebody else changed the order since.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    pub(super) version: Option<i64>,
}

/// Move an order on, add a parcel or a note
#[utoipa::path(put, path = "/admin/orders/{id}", tag = "panel", request_body = StaffForm,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = StaffOrder), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "`invalid_status_transition`, with the states `allowed`"),
        (status = 412, description = "`stale_version`")))]
pub async fn change_order_by_staff(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<String>,
    Input(form): Input<StaffForm>,
) -> Result<Reply, Problem> {
    let id: OrderId = read_id(&id)?;
    let (asker, wish) = (visit.clone(), form.clone());
    let order = match visit.shop.store().write(move |tx| change(tx, &asker, id, wish)).await {
        Ok(order) => order,
        Err(error) => return told_on_the_page(&visit, id, error, Typed::of(&form)),
    };
    let document = order_page(&visit.shop.store().read()?, &visit, &order)?;
    visit.done(&document, &format!("/admin/orders/{id}"))
}

/// What was typed into the forms of the order's page.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub carrier: String,
    pub number: String,
    pub note: String,
    /// The line that reason or message are about, and where it was to go.
    pub line: Option<LineId>,
    pub production: String,
    pub reason: String,
    /// To the customer.
    pub message: String,
    pub refund_amount: String,
    pub refund_reason: String,
    pub payment_note: String,
}

impl Typed {
    /// The reason for moving this line there.
    pub(super) fn reason_for(&self, line: &LineId, to: &str) -> &str {
        if self.line == Some(*line) && self.production == to { &self.reason } else { "" }
    }

    /// What is written to the customer about this line.
    pub(super) fn message_about(&self, line: &LineId) -> &str {
        if self.line == Some(*line) { &self.message } else { "" }
    }

    pub(super) fn has_refund(&self) -> bool {
        !(self.refund_amount.is_empty() && self.refund_reason.is_empty())
    }
}

impl Typed {
    fn of(form: &StaffForm) -> Typed {
        let parcel = form.tracking.clone();
        let (carrier, number) = parcel.map(|parcel| (parcel.carrier, parcel.number)).unwrap_or_default();
        Typed { carrier, number, note: form.note.clone().unwrap_or_default(), ..Typed::default() }
    }
}

/// A person whose change was refused sees the order as it is now, why it was refused, and what was typed; scripts are told as always.
///
/// # Errors
/// What a page of the order does not cure.
pub fn told_on_the_page(visit: &Visit, id: OrderId, error: Error, typed: Typed) -> Result<Reply, Problem> {
    let Error::Refused(refusal) = error else { return Err(error.into()) };
    let codes =
        [Code::StaleVersion, Code::InvalidStatusTransition, Code::InvalidInput, Code::Conflict, Code::OrderNotPayable];
    if visit.face.is_json() || !codes.contains(&refusal.code) {
        return Err(refusal.into());
    }
    let tx = visit.shop.store().read()?;
    let order = require(&tx, id)?;
    let message = refusal.errors.first().map_or(&refusal.detail, |error| &error.message);
    let page = order_page(&tx, visit, &order)?.with_refusal(words::message(visit.lang, message), typed);
    Ok(visit.reply(&page)?.status(refusal.code.status()))
}

pub(super) fn change(tx: &WriteTx, visit: &Visit, id: OrderId, form: StaffForm) -> Result<Order> {
    let now = visit.now;
    let staff = visit.caller.staff.as_ref().map(|staff| staff.name.clone()).unwrap_or_default();
    let mut order = require(tx, id)?;
    rules::check_version(&order, form.version)?;
    let before = audited(&order);
    let by = || Actor::Staff(staff.clone());
    let mut entries = Vec::new();

    if let Some(parcel) =
        form.tracking.filter(|parcel| !(parcel.carrier.trim().is_empty() && parcel.number.trim().is_empty()))
    {
        let parcel = checked_parcel(&parcel)?;
        entries.push(
            HistoryEntry::new(now, by(), "parcel").with("carrier", &parcel.carrier).with("number", &parcel.number),
        );
        order.tracking.push(parcel);
    }
    if let Some(note) = form.note {
        let text = clean_block(&note, 2000)
            .map_err(|_| Refusal::field("note", Message::new("orders.too_long").with("max", 2000)))?;
        order.staff_notes.push(StaffNote { at: now, by: staff.clone(), text });
        entries.push(HistoryEntry::new(now, by(), "noted"));
    }
    if let Some(code) = form.resolve {
        if !decide(&mut order, &code) {
            return Err(Refusal::field("resolve", Message::new("orders.attention_unknown")).into());
        }
        entries.push(HistoryEntry::new(now, by(), "resolved"));
    }
    let mut letter: Option<fn(&WriteTx, &Shop, &Order, Moment) -> Result<(), Fault>> = None;
    if form.handed_over {
        entries.push(means::hand_over(&mut order, by(), now)?);
        letter = Some(letters::post_shipped);
    }
    if let Some(name) = form.status {
        let unknown = || Refusal::field("status", Message::new("orders.status_unknown"));
        let to = Status::from_name(&name).ok_or_else(unknown)?;
        rules::check_staff_move(order.status, to)?;
        match to {
            Status::Cancelled => call_off(tx, &visit.shop, &mut order, now)?,
            Status::Shipped => {
                order.shipped_at = Some(now);
                letter = Some(letters::post_shipped);
            }
            Status::Delivered => {
                order.delivered_at = Some(now);
                letter = Some(letters::post_delivered);
            }
            _ => {}
        }
        order.status = to;
        entries.push(HistoryEntry::new(now, by(), to.name()));
    }
    if entries.is_empty() {
        return Ok(order);
    }
    save(tx, &mut order, now)?;
    for entry in entries {
        table::record(tx, id, &entry)?;
    }
    if let Some(post) = letter {
        post(tx, &visit.shop, &order, now)?;
    }
    record_change(tx, visit, &order, before, audited(&order))?;
    Ok(order)
}

/// Marks an order as shipped with this parcel, as staff do on its page; one that is paid at the door is handed over.
///
/// # Errors
/// An unknown order, a state from which it cannot be shipped, a number without content.
pub fn ship(tx: &WriteTx, visit: &Visit, id: OrderId, carrier: &str, number: &str) -> Result<Order> {
    let tracking = Some(ParcelForm { carrier: carrier.to_owned(), number: number.to_owned() });
    let handed_over = require(tx, id)?.pays_at_door();
    let status = (!handed_over).then(|| "shipped".to_owned());
    change(tx, visit, id, StaffForm { status, handed_over, tracking, ..StaffForm::default() })
}

fn checked_parcel(parcel: &ParcelForm) -> Result<Tracking, Refusal> {
    let line = |text: &str, field: &str| {
        clean_line(text, 60).map_err(|_| Refusal::field(field, Message::new("orders.too_long").with("max", 60)))
    };
    let (carrier, number) = (line(&parcel.carrier, "tracking.carrier")?, line(&parcel.number, "tracking.number")?);
    if number.is_empty() {
        return Err(Refusal::field("tracking.number", Message::new("orders.tracking_number_needed")));
    }
    let url = rules::tracking_url(&carrier, &number);
    Ok(Tracking { carrier, number, url })
}

/// What the audit log keeps of an order: nothing that names the customer.
pub(super) fn audited(order: &Order) -> Value {
    let lines: serde_json::Map<String, Value> = order
        .lines
        .iter()
        .map(|line| (line.id.to_string(), json!({"production": line.production, "hold": line.hold})))
        .collect();
    json!({
        "status": order.status,
        "shipped_at": order.shipped_at,
        "tracking": order.tracking,
        "staff_notes": order.staff_notes.len(),
        "attention": order.attention.iter().map(|entry| &entry.code).collect::<Vec<_>>(),
        "lines": lines,
    })
}

pub(super) fn record_change(tx: &WriteTx, visit: &Visit, order: &Order, before: Value, after: Value) -> Result<()> {
    let (before, after) = audit::changes(&before, &after);
    audit::record(
        tx,
        Entry {
            actor: audit::Actor::of(visit),
            action: "order.changed",
            target_type: "order",
            target_id: order.id.to_string(),
            before,
            after,
            at: visit.now,
        },
    )?;
    Ok(())
}

/// What the print room changes about a line.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct ProductionForm {
    /// `printed`, `packed`, `on_hold`, or `ready_to_print` (reprint, or off a hold).
    pub(super) production: String,
    /// Needed for a hold and for a reprint.
    #[serde(default)]
    pub(super) reason: String,
    /// The version that was looked at; 412 when somebody else changed the order since.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    pub(super) version: Option<i64>,
}

/// Move a line through the print room
#[utoipa::path(put, path = "/admin/orders/{id}/lines/{line}", tag = "panel", request_body = ProductionForm,
    params(("id" = String, Path, format = Uuid), ("line" = String, Path, format = Uuid)),
    responses((status = 200, body = StaffOrder), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "`invalid_status_transition`, with the states `allowed`"),
        (status = 412, description = "`stale_version`")))]
pub async fn change_production(
    _: May<ChangesProduction>,
    visit: Visit,
    Path((id, line)): Path<(String, String)>,
    Input(form): Input<ProductionForm>,
) -> Result<Reply, Problem> {
    let (id, line): (OrderId, LineId) = (read_id(&id)?, read_id(&line)?);
    let asker = visit.clone();
    let (production, reason) = (form.production.clone(), form.reason.clone());
    let order = match visit.shop.store().write(move |tx| move_line(tx, &asker, id, line, &form)).await {
        Ok(order) => order,
        Err(error) => {
            let typed = Typed { line: Some(line), production, reason, ..Typed::default() };
            return told_on_the_page(&visit, id, error, typed);
        }
    };
    let document = order_page(&visit.shop.store().read()?, &visit, &order)?;
    visit.done(&document, &format!("/admin/orders/{id}"))
}

pub(super) fn move_line(
    tx: &WriteTx,
    visit: &Visit,
    id: OrderId,
    line: LineId,
    form: &ProductionForm,
) -> Result<Order> {
    let now = visit.now;
    let mut order = require(tx, id)?;
    rules::check_version(&order, form.version)?;
    let before = audited(&order);
    let at = order.lines.iter().position(|known| known.id == line).ok_or_else(Refusal::not_found)?;
    let to = Production::from_name(&form.production)
        .ok_or_else(|| Refusal::field("production", Message::new("orders.status_unknown")))?;
    let reason = clean_line(&form.reason, 300)
        .map_err(|_| Refusal::field("reason", Message::new("orders.too_long").with("max", 300)))?;
    let line = &order.lines[at];
    let design = designs::find(tx, line.design_id)?;
    if let (Some(Hold::Customer { .. }), Some(design), true) = (&line.hold, &design, to != Production::OnHold) {
        if line.frozen.as_ref().is_some_and(|frozen| frozen.params_crc32 != design.params_crc32) {
            return Err(Refusal::new(Code::Conflict, "panel.customer_changed").into());
        }
        // Nothing was changed yet: it goes on as it was bought, and is closed again.
        designs::set_staff_unlocked(tx, design.id, false, now)?;
    }
    let ready = design.is_some_and(|design| is_ready(&design, line));
    let mut moved = rules::move_production(&order, line, to, &reason, ready)?;
    // Whoever takes another hold off may not know of the dispute. To let its own hold go is a decision, and is kept to.
    let of_dispute = matches!(line.hold, Some(Hold::Disputed { .. }));
    if line.production == Production::OnHold && !of_dispute && disputes::stand(tx, id)? {
        disputes::hold_line(&mut moved);
    }
    let what = format!("line_{}", moved.production.name());
    order.lines[at] = moved;
    let causes: Vec<_> = order.lines.iter().filter_map(rules::print_attention).collect();
    order.attention.retain(|entry| {
        !rules::PRINT_ATTENTION.contains(&entry.code.as_str()) || causes.contains(&entry.code.as_str())
    });
    save(tx, &mut order, now)?;
    let staff = visit.caller.staff.as_ref().map(|staff| staff.name.clone()).unwrap_or_default();
    let mut entry = HistoryEntry::new(now, Actor::Staff(staff), &what);
    if !reason.is_empty() {
        entry.what = format!("{what}_because");
        entry = entry.with("reason", &reason);
    }
    table::record(tx, id, &entry)?;
    record_change(tx, visit, &order, before, audited(&order))?;
    Ok(order)
}
