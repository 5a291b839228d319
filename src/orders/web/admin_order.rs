//! One order in the panel: everything about it, and its next step.

use super::admin_change::Typed;
use super::parts::{LineRow, TotalRow, address_lines, line_row, total_rows};
use super::view::{StaffOrder, staff_view};
use crate::designs::{self, Design};
use crate::kernel::Moment;
use crate::orders::access::{Access, read_id};
use crate::orders::delivery;
use crate::orders::documents::{self, web::DocumentLink};
use crate::orders::labels;
use crate::orders::model::{
    Actor, HistoryEntry, Hold, Line, LineId, Order, OrderId, PaymentMethod, PaymentStatus, Production, Status, Tracking,
};
use crate::orders::payment::require;
use crate::orders::refunds;
use crate::orders::rules;
use crate::orders::table;
use crate::orders::ticks;
use crate::people::mails::{self, web::MailView};
use crate::people::{self, rights};
use crate::shop::Shop;
use crate::store::Snapshot;
use crate::web::page::day_text;
use crate::web::{Page, Problem, Reply, View, Visit, words};
use askama::Template;
use axum::extract::Path;
use serde::Serialize;
use uuid::Uuid;

#[derive(Template, Serialize)]
#[template(path = "orders/admin_show.html", blocks = ["content"])]
pub struct AdminOrderPage {
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
    order_id: OrderId,
    #[serde(skip)]
    shown: Shown,
    /// Why the change that was just tried was not made.
    #[serde(skip)]
    refused: Option<String>,
    #[serde(skip)]
    typed: Typed,
}

impl AdminOrderPage {
    pub fn with_refusal(self, told: String, typed: Typed) -> AdminOrderPage {
        AdminOrderPage { refused: Some(told), typed, ..self }
    }
}

/// What only the page needs.
struct Shown {
    number: String,
    version: u64,
    /// The query of the page with a ticket for each line.
    tickets: String,
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
    attention: Vec<Question>,
    refunds: Vec<RefundRow>,
    /// What can still be given back, where this person may do so.
    refund_form: Option<RefundForm>,
    /// How the customer pays, where that is not on Stripe's page.
    method: Option<String>,
    /// The amount, where this person may record that it was taken.
    record_amount: Option<String>,
    /// Who stands for money that was taken by hand, when, and what they noted.
    taken: Option<(String, String)>,
    /// The parcel can be given to the carrier, who collects the money.
    may_hand_over: bool,
    lines: Vec<AdminLine>,
    totals: Vec<TotalRow>,
    place: Vec<String>,
    /// How the customer's name is read.
    reading: String,
    /// When the customer would like to have it.
    wish: Option<String>,
    /// By when it has to leave for that, and whether that is over, while it has not left.
    send_by: Option<(String, bool)>,
    email: String,
    note: String,
    notes: Vec<(String, String, String)>,
    parcels: Vec<Tracking>,
    /// When a label was made, where one was.
    label: Option<String>,
    history: Vec<(String, String, String)>,
    mails: Vec<MailRow>,
    unticked: Vec<String>,
    documents: Vec<DocumentLink>,
    receipts_url: Option<String>,
    receipt_name: String,
    /// What invoices lack, by the last part of a key under `people.missing.`.
    missing_on_documents: Vec<&'static str>,
}

/// Something somebody must decide.
struct Question {
    code: String,
    message: String,
    /// The word sent, and the words on the button.
    decisions: Vec<(&'static str, String)>,
}

struct RefundRow {
    amount: String,
    state: &'static str,
    state_name: String,
    at: String,
    reason: String,
    failure: Option<String>,
}

struct RefundForm {
    /// One filling-in is one refund.
    id: Uuid,
    left: String,
    by_hand: bool,
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
    /// The print file as small as the preview, to be seen beside it; not where both are shown large because they differ.
    print_url: Option<String>,
    final_url: Option<String>,
    /// The design's own state and, where its print failed, why.
    design_state: &'static str,
    design_state_name: String,
    failure: Option<String>,
    job_url: Option<String>,
    /// Preview and print side by side, where they differ too much.
    compared: Option<designs::Compared>,
    crc32: String,
    /// Where the customer is asked to change it, while that is possible.
    open_url: Option<String>,
    /// Where it is approved as it is now, while it waits for the customer.
    approve_url: Option<String>,
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

pub fn order_page(tx: &impl Snapshot, visit: &Visit, order: &Order) -> Result<AdminOrderPage, Problem> {
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
            for warning in design.warnings.iter().filter(|w| !ticks::are_for(&order.accepted_warnings, design.id, w)) {
                let values: Vec<(&str, &str)> =
                    warning.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let text = words::fill(words::text(lang, &warning.words), &values);
                let text = if order.lines.len() > 1 { format!("{} – {text}", line.title.get(lang)) } else { text };
                unticked.push((warning.code.clone(), text));
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
        tickets: {
            let lines = order.lines.iter().map(|line| ("lines[]", format!("{}/{}", order.id, line.id)));
            serde_urlencoded::to_string(lines.collect::<Vec<_>>()).unwrap_or_default()
        },
        url: format!("/admin/orders/{}", order.id),
        placed: page.time(&order.created_at),
        status: order.status.name(),
        status_name: word("status", order.status.name()),
        payment: order.payment_status.name(),
        payment_name: word("payment", order.payment_status.name()),
        sees_customers,
        changes_orders: role.changes_orders(),
        changes_production: role.changes_production() && order.may_be_made(),
        next: next_step(order, &page).filter(|_| role.changes_orders()),
        may_ship: role.changes_orders() && order.status == Status::Processing,
        may_cancel: role.changes_orders() && rules::set_by_staff(order.status).contains(&Status::Cancelled),
        attention: questions(order, &page),
        refunds: if sees_customers { refund_rows(tx, order, &page)? } else { Vec::new() },
        method: (order.payment_method != PaymentMethod::Online)
            .then(|| page.t(&format!("orders.method.{}", order.payment_method.name())).to_owned()),
        record_amount: (order.status == Status::PendingPayment
            && order.payment_status != PaymentStatus::Processing
            && role.changes_orders())
        .then(|| order.amount().show()),
        taken: order.taken.as_ref().map(|taken| {
            let method = page.t(&format!("orders.method.{}", taken.method.name())).to_owned();
            let values = [("name", taken.by.clone()), ("at", page.time(&taken.at)), ("method", method)];
            (page.f("orders.taken_by", &values), taken.note.clone())
        }),
        may_hand_over: role.changes_orders() && order.pays_at_door() && order.shipped_at.is_none(),
        refund_form: refund_form(tx, visit, order)?.filter(|_| role.changes_orders()),
        lines,
        totals: total_rows(order, &page),
        place: address_lines(&order.shipping_address, lang),
        reading: order.shipping_address.name_kana.clone(),
        wish: delivery::told(order, lang),
        send_by: send_by(order, visit, &page),
        email: order.email.clone(),
        note: order.note.clone(),
        notes: order.staff_notes.iter().map(|n| (page.time(&n.at), n.by.clone(), n.text.clone())).collect(),
        parcels: order.tracking.clone(),
        label: order.label.as_ref().map(|label| labels::told(label, &page)),
        history: history.iter().rev().map(|h| (page.time(&h.at), h.message.clone(), h.actor.clone())).collect(),
        mails: mails.iter().flatten().map(|mail| mail_row(mail, &page)).collect(),
        unticked: unticked.iter().map(|(_, text)| text.clone()).collect(),
        documents: documents::web::links(tx, order, &Access::Staff(role), &page)?,
        receipts_url: (role.changes_orders() && order.is_paid()).then(|| format!("/orders/{}/receipts", order.id)),
        receipt_name: documents::web::suggested(order),
        missing_on_documents: visit.shop.settings().missing_on_documents(),
    };
    let mut unticked_warnings: Vec<String> = unticked.into_iter().map(|(code, _)| code).collect();
    unticked_warnings.dedup();
    Ok(AdminOrderPage {
        order: staff_view(order, lang, sees_customers),
        page,
        history,
        mails,
        unticked_warnings,
        order_id: order.id,
        shown,
        refused: None,
        typed: Typed::default(),
    })
}

fn send_by(order: &Order, visit: &Visit, page: &Page) -> Option<(String, bool)> {
    let settings = visit.shop.settings();
    let is_here = matches!(order.status, Status::Paid | Status::Processing);
    let day = delivery::send_by(&settings, order).filter(|_| is_here)?;
    let told = page.f1("orders.send_by", "day", day_text(day, page.lang));
    Some((told, day < settings.day_of(visit.now)))
}

fn questions(order: &Order, page: &Page) -> Vec<Question> {
    let told = super::view::view(order, page.lang).attention;
    let all = order.attention.iter().zip(told).map(|(entry, told)| Question {
        code: told.code,
        message: told.message,
        decisions: rules::decisions(order, entry)
            .iter()
            .map(|word| (*word, page.t(&format!("orders.decide.{word}")).to_owned()))
            .collect(),
    });
    all.collect()
}

fn refund_rows(tx: &impl Snapshot, order: &Order, page: &Page) -> Result<Vec<RefundRow>, Problem> {
    let rows = refunds::of_order(tx, order.id)?;
    let rows = rows.iter().map(|row| RefundRow {
        amount: row.money().show(),
        state: row.state.name(),
        state_name: page.t(&format!("orders.refund_state.{}", row.state.name())).to_owned(),
        at: page.time(&row.changed_at),
        reason: row.reason.clone(),
        failure: row.failure.clone(),
    });
    Ok(rows.collect())
}

fn refund_form(tx: &impl Snapshot, visit: &Visit, order: &Order) -> Result<Option<RefundForm>, Problem> {
    let left = refunds::left(tx, order)?;
    let by_hand = order.stripe_payment_intent_id.is_none() || order.taken.is_some();
    let form = || RefundForm { id: visit.shop.new_id(), left: order.money(left).show(), by_hand };
    Ok((left > 0).then(form))
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
        print_url: design
            .filter(|design| is_ready(design, line) && designs::compared(design).is_none())
            .map(|design| format!("/admin/designs/{}/print-preview", design.id)),
        final_url: design.filter(|design| is_ready(design, line)).and_then(designs::final_url),
        design_state: state,
        design_state_name: page.t(&format!("orders.design.{state}")).to_owned(),
        failure: design.and_then(|design| design.failure_reason.clone()),
        job_url: design.and_then(|design| design.job).map(|_| "/admin/jobs?kind=render.final".to_owned()),
        compared: design.filter(|design| is_ready(design, line)).and_then(designs::compared),
        crc32: crc32.unwrap_or(&line.priced_crc32).to_owned(),
        open_url: (order.is_in_work() && !matches!(line.hold, Some(Hold::Customer { .. })))
            .then(|| format!("/admin/orders/{}/lines/{}/open", order.id, line.id)),
        approve_url: matches!(line.hold, Some(Hold::Customer { .. }))
            .then(|| format!("/orders/{}/lines/{}/approve", order.id, line.id)),
        moves: moves.collect(),
    })
}

/// There is a print file, and it is of what was bought.
pub fn is_ready(design: &Design, line: &Line) -> bool {
    design.status == designs::Status::Ready
        && line.frozen.as_ref().is_none_or(|frozen| frozen.params_crc32 == design.params_crc32)
}
