//! One order in the panel: everything about it, its next step, and the changes staff make.

use super::parts::{LineRow, TotalRow, address_lines, line_row, total_rows};
use super::view::{StaffOrder, staff_view};
use crate::designs::{self, Design};
use crate::kernel::text::{clean_block, clean_line};
use crate::kernel::{Code, Message, Moment, Refusal, Result};
use crate::orders::access::read_id;
use crate::orders::letters;
use crate::orders::model::{
    Actor, HistoryEntry, Line, LineId, Order, OrderId, Production, StaffNote, Status, Tracking,
};
use crate::orders::payment::{call_off, require, save};
use crate::orders::rules;
use crate::orders::table;
use crate::people::audit::{self, Entry};
use crate::people::mails::{self, web::MailView};
use crate::people::{self, rights};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use crate::web::{Input, Page, Problem, Reply, View, Visit, input, words};
use askama::Template;
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Template, Serialize)]
#[template(path = "orders/admin_show.html", blocks = ["content"])]
struct AdminOrderPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    order: StaffOrder,
    /// What happened, oldest first.
    history: Vec<HistoryView>,
    /// Only for those who see customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    mails: Option<Vec<MailView>>,
    /// Codes of warnings about the designs that the customer did not tick.
    unticked_warnings: Vec<String>,
    #[serde(skip)]
    shown: Shown,
}

/// What only the page needs.
struct Shown {
    number: String,
    version: u64,
    url: String,
    placed: String,
    status: &'static str,
    status_name: String,
    payment: &'static str,
    payment_name: String,
    sees_customers: bool,
    changes_orders: bool,
    changes_production: bool,
    /// The state the big button leads to, its label and the words above it.
    next: Option<NextStep>,
    may_ship: bool,
    may_cancel: bool,
    attention: Vec<(String, String)>,
    lines: Vec<AdminLine>,
    totals: Vec<TotalRow>,
    place: Vec<String>,
    email: String,
    note: String,
    notes: Vec<(String, String, String)>,
    parcels: Vec<Tracking>,
    history: Vec<(String, String, String)>,
    mails: Vec<MailRow>,
    unticked: Vec<String>,
}

struct NextStep {
    to: &'static str,
    heading: String,
    text: String,
    button: String,
}

struct AdminLine {
    id: LineId,
    row: LineRow,
    url: String,
    final_url: Option<String>,
    /// The design's own state and, where its print failed, why.
    design_state: &'static str,
    design_state_name: String,
    failure: Option<String>,
    job_url: Option<String>,
    crc32: String,
    moves: Vec<ProductionMove>,
}

struct ProductionMove {
    to: &'static str,
    label: String,
    needs_reason: bool,
}

struct MailRow {
    url: String,
    subject: String,
    to: String,
    status: &'static str,
    status_name: String,
    sent: String,
    error: Option<String>,
}

/// One line of an order's history.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct HistoryView {
    at: Moment,
    actor: String,
    what: String,
    message: String,
}

impl View for AdminOrderPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// One order with its history, mails and prints
#[utoipa::path(get, path = "/admin/orders/{id}", tag = "panel", params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = StaffOrder), (status = 401), (status = 404)))]
pub async fn show_order_to_staff(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    people::require(&visit, rights::any)?;
    let id: OrderId = read_id(&id)?;
    let tx = visit.shop.store().read()?;
    let order = require(&tx, id)?;
    visit.reply(&order_page(&tx, &visit, &order)?)
}

fn order_page(tx: &impl Snapshot, visit: &Visit, order: &Order) -> Result<AdminOrderPage, Problem> {
    let role = visit.staff()?.role;
    let (page, lang, sees_customers) = (visit.page(), visit.lang, role.sees_customers());
    let entries = table::history(tx, order.id)?;
    let history: Vec<HistoryView> = entries
        .iter()
        // Amounts and notes stand in the words of the history.
        .filter(|entry| sees_customers || entry.values.is_empty())
        .map(|entry| history_view(entry, &page))
        .collect();
    let mails = if sees_customers {
        let rows = mails::of_order(tx, order.id.into())?;
        Some(rows.iter().map(|row| MailView::of(row, lang)).collect::<Vec<_>>())
    } else {
        None
    };
    let mut unticked = Vec::new();
    let mut lines = Vec::new();
    for line in &order.lines {
        let design = designs::find(tx, line.design_id)?;
        if let Some(design) = &design {
            for warning in design.warnings.iter().filter(|w| !order.accepted_warnings.contains(&w.code)) {
                let values: Vec<(&str, &str)> =
                    warning.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                unticked.push((warning.code.clone(), words::fill(words::text(lang, &warning.words), &values)));
            }
        }
        lines.push(admin_line(tx, &visit.shop, order, line, design.as_ref(), &page)?);
    }
    unticked.sort();
    unticked.dedup();
    let word = |group: &str, name: &str| page.t(&format!("orders.{group}.{name}")).to_owned();
    let shown = Shown {
        number: order.order_number.clone(),
        version: order.version,
        url: format!("/admin/orders/{}", order.id),
        placed: page.time(&order.created_at),
        status: order.status.name(),
        status_name: word("status", order.status.name()),
        payment: order.payment_status.name(),
        payment_name: word("payment", order.payment_status.name()),
        sees_customers,
        changes_orders: role.changes_orders(),
        changes_production: role.changes_production() && order.is_paid(),
        next: next_step(order, &page).filter(|_| role.changes_orders()),
        may_ship: role.changes_orders() && order.status == Status::Processing,
        may_cancel: role.changes_orders() && rules::set_by_staff(order.status).contains(&Status::Cancelled),
        attention: super::view::view(order, lang).attention.into_iter().map(|a| (a.code, a.message)).collect(),
        lines,
        totals: total_rows(order, &page),
        place: address_lines(&order.shipping_address, lang),
        email: order.email.clone(),
        note: order.note.clone(),
        notes: order.staff_notes.iter().map(|n| (page.time(&n.at), n.by.clone(), n.text.clone())).collect(),
        parcels: order.tracking.clone(),
        history: history.iter().rev().map(|h| (page.time(&h.at), h.message.clone(), h.actor.clone())).collect(),
        mails: mails.iter().flatten().map(|mail| mail_row(mail, &page)).collect(),
        unticked: unticked.iter().map(|(_, text)| text.clone()).collect(),
    };
    let mut unticked_warnings: Vec<String> = unticked.into_iter().map(|(code, _)| code).collect();
    unticked_warnings.dedup();
    Ok(AdminOrderPage {
        order: staff_view(order, lang, sees_customers),
        page,
        history,
        mails,
        unticked_warnings,
        shown,
    })
}

fn history_view(entry: &HistoryEntry, page: &Page) -> HistoryView {
    let values: Vec<(&str, &String)> = entry.values.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let message = match words::find(page.lang, &format!("orders.history.{}", entry.what)) {
        Some(text) => words::fill(text, &values),
        None => entry.what.clone(),
    };
    let actor = match &entry.actor {
        Actor::Customer => page.t("orders.actor.customer").to_owned(),
        Actor::Staff(name) => name.clone(),
        Actor::Stripe => "Stripe".to_owned(),
        Actor::System => page.t("orders.actor.system").to_owned(),
    };
    HistoryView { at: entry.at, actor, what: entry.what.clone(), message }
}

fn mail_row(mail: &MailView, page: &Page) -> MailRow {
    MailRow {
        url: format!("/admin/mails/{}", mail.id),
        subject: mail.subject.clone(),
        to: mail.to.clone(),
        status: mail.status.name(),
        status_name: page.t(&mail.state_key()).to_owned(),
        sent: mail.sent_at.map(|at| page.time(&at)).unwrap_or_default(),
        error: mail.last_error.clone(),
    }
}

/// The one obvious thing to do next.
fn next_step(order: &Order, page: &Page) -> Option<NextStep> {
    let to = match order.status {
        Status::Paid => Status::Processing,
        Status::Processing => Status::Shipped,
        Status::Shipped => Status::Delivered,
        _ => return None,
    };
    let ready = order.lines.iter().filter(|line| line.production == Production::ReadyToPrint).count();
    let key = |part: &str| format!("orders.next.{}.{part}", to.name());
    Some(NextStep {
        to: to.name(),
        heading: page.t(&key("heading")).to_owned(),
        text: match to {
            Status::Processing => page.n("orders.next.files", ready as i64),
            _ => page.t(&key("text")).to_owned(),
        },
        button: page.t(&key("button")).to_owned(),
    })
}

fn admin_line(
    tx: &impl Snapshot,
    shop: &Shop,
    order: &Order,
    line: &Line,
    design: Option<&Design>,
    page: &Page,
) -> Result<AdminLine, Problem> {
    let state = design.map_or("draft", |design| design.status.name());
    let moves = rules::production_following(line.production).iter().map(|to| {
        let reprint = *to == Production::ReadyToPrint && line.production != Production::OnHold;
        let key = match (line.production, *to) {
            (Production::OnHold, _) => "release",
            _ if reprint => "reprint",
            (_, to) => to.name(),
        };
        ProductionMove {
            to: to.name(),
            label: page.t(&format!("orders.move.{key}")).to_owned(),
            needs_reason: reprint || *to == Production::OnHold,
        }
    });
    // Both ways out of a hold do the same thing.
    let moves = moves.filter(|go| line.production != Production::OnHold || go.to != Production::Waiting.name());
    let crc32 = line.frozen.as_ref().map(|frozen| frozen.params_crc32.as_str());
    Ok(AdminLine {
        id: line.id,
        row: line_row(tx, shop, order, line, page)?,
        url: format!("/admin/orders/{}/lines/{}", order.id, line.id),
        final_url: design.filter(|design| is_ready(design, line)).and_then(designs::final_url),
        design_state: state,
        design_state_name: page.t(&format!("orders.design.{state}")).to_owned(),
        failure: design.and_then(|design| design.failure_reason.clone()),
        job_url: design.and_then(|design| design.job).map(|_| "/admin/jobs?kind=render.final".to_owned()),
        crc32: crc32.unwrap_or(&line.priced_crc32).to_owned(),
        moves: moves.collect(),
    })
}

/// There is a print file, and it is of what was bought.
fn is_ready(design: &Design, line: &Line) -> bool {
    design.status == designs::Status::Ready
        && line.frozen.as_ref().is_none_or(|frozen| frozen.params_crc32 == design.params_crc32)
}

#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct ParcelForm {
    #[serde(default)]
    carrier: String,
    #[serde(default)]
    number: String,
}

/// What staff change about an order.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct StaffForm {
    /// `processing`, `shipped`, `delivered` or `cancelled`, each only from the state before it.
    #[serde(default, deserialize_with = "input::optional_text")]
    status: Option<String>,
    /// Added to the parcels of the order.
    tracking: Option<ParcelForm>,
    /// A note of the staff's, added to those there are; the customer does not see it.
    #[serde(default, deserialize_with = "input::optional_text")]
    note: Option<String>,
    /// The code of an attention entry that was dealt with.
    #[serde(default, deserialize_with = "input::optional_text")]
    resolve: Option<String>,
    /// The version that was looked at; 412 when somebody else changed the order since.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
}

/// Move an order on, add a parcel or a note
#[utoipa::path(put, path = "/admin/orders/{id}", tag = "panel", request_body = StaffForm,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = StaffOrder), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "`invalid_status_transition`, with the states `allowed`"),
        (status = 412, description = "`stale_version`")))]
pub async fn change_order_by_staff(
    visit: Visit,
    Path(id): Path<String>,
    Input(form): Input<StaffForm>,
) -> Result<Reply, Problem> {
    people::require(&visit, |role| role.changes_orders())?;
    let id: OrderId = read_id(&id)?;
    let asker = visit.clone();
    let order = visit.shop.store().write(move |tx| change(tx, &asker, id, form)).await?;
    let document = order_page(&visit.shop.store().read()?, &visit, &order)?;
    visit.done(&document, &format!("/admin/orders/{id}"))
}

fn check_version(order: &Order, version: Option<i64>) -> Result<(), Refusal> {
    match version {
        Some(version) if u64::try_from(version) != Ok(order.version) => {
            Err(Refusal::new(Code::StaleVersion, "orders.stale"))
        }
        _ => Ok(()),
    }
}

fn change(tx: &WriteTx, visit: &Visit, id: OrderId, form: StaffForm) -> Result<Order> {
    let now = visit.now;
    let staff = visit.caller.staff.as_ref().map(|staff| staff.name.clone()).unwrap_or_default();
    let mut order = require(tx, id)?;
    check_version(&order, form.version)?;
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
        let count = order.attention.len();
        order.attention.retain(|entry| entry.code != code);
        if order.attention.len() == count {
            return Err(Refusal::field("resolve", Message::new("orders.attention_unknown")).into());
        }
        entries.push(HistoryEntry::new(now, by(), "resolved"));
    }
    let mut letter: Option<fn(&WriteTx, &Shop, &Order, Moment) -> Result<(), crate::kernel::Fault>> = None;
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
fn audited(order: &Order) -> Value {
    let lines: serde_json::Map<String, Value> = order
        .lines
        .iter()
        .map(|line| (line.id.to_string(), json!({"production": line.production, "hold": line.hold})))
        .collect();
    json!({
        "status": order.status,
        "tracking": order.tracking,
        "staff_notes": order.staff_notes.len(),
        "attention": order.attention.iter().map(|entry| &entry.code).collect::<Vec<_>>(),
        "lines": lines,
    })
}

fn record_change(tx: &WriteTx, visit: &Visit, order: &Order, before: Value, after: Value) -> Result<()> {
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
    production: String,
    /// Needed for a hold and for a reprint.
    #[serde(default)]
    reason: String,
    /// The version that was looked at; 412 when somebody else changed the order since.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
}

/// Move a line through the print room
#[utoipa::path(put, path = "/admin/orders/{id}/lines/{line}", tag = "panel", request_body = ProductionForm,
    params(("id" = String, Path, format = Uuid), ("line" = String, Path, format = Uuid)),
    responses((status = 200, body = StaffOrder), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "`invalid_status_transition`, with the states `allowed`"),
        (status = 412, description = "`stale_version`")))]
pub async fn change_production(
    visit: Visit,
    Path((id, line)): Path<(String, String)>,
    Input(form): Input<ProductionForm>,
) -> Result<Reply, Problem> {
    people::require(&visit, |role| role.changes_production())?;
    let (id, line): (OrderId, LineId) = (read_id(&id)?, read_id(&line)?);
    let asker = visit.clone();
    let order = visit.shop.store().write(move |tx| move_line(tx, &asker, id, line, &form)).await?;
    let document = order_page(&visit.shop.store().read()?, &visit, &order)?;
    visit.done(&document, &format!("/admin/orders/{id}"))
}

fn move_line(tx: &WriteTx, visit: &Visit, id: OrderId, line: LineId, form: &ProductionForm) -> Result<Order> {
    let now = visit.now;
    let mut order = require(tx, id)?;
    check_version(&order, form.version)?;
    let before = audited(&order);
    let at = order.lines.iter().position(|known| known.id == line).ok_or_else(Refusal::not_found)?;
    let to = Production::from_name(&form.production)
        .ok_or_else(|| Refusal::field("production", Message::new("orders.status_unknown")))?;
    let reason = clean_line(&form.reason, 300)
        .map_err(|_| Refusal::field("reason", Message::new("orders.too_long").with("max", 300)))?;
    let line = &order.lines[at];
    let ready = designs::find(tx, line.design_id)?.is_some_and(|design| is_ready(&design, line));
    let moved = rules::move_production(&order, line, to, &reason, ready)?;
    let what = format!("line_{}", moved.production.name());
    order.lines[at] = moved;
    if order.lines.iter().all(|line| line.production != Production::OnHold) {
        order.attention.retain(|entry| entry.code != "final_failed");
    }
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
