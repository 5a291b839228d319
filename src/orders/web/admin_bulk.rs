//! Changes of many orders, or of many lines, at once. Each order is a write of its own with a result of its own: one that cannot be changed
//! keeps no other back.

use super::admin_change::{ProductionForm, StaffForm, change, move_line};
use super::print_room::queue_again;
use crate::kernel::{Error, Message, Refusal};
use crate::orders::model::{LineId, Order, OrderId};
use crate::orders::payment::require;
use crate::orders::rules;
use crate::people::May;
use crate::people::rights::{ChangesOrders, ChangesProduction};
use crate::web::{Input, Page, Problem, Reply, View, Visit, words};
use askama::Template;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// As many as a list shows.
const AT_ONCE: usize = 100;

/// Orders, and the state all of them are to go to.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct OrdersForm {
    /// The id of each order, with `@` and the version that was looked at behind it: then an order that somebody else has changed since is
    /// refused. At most 100.
    #[serde(default)]
    orders: Vec<String>,
    /// `processing`, `shipped`, `delivered` or `cancelled`.
    #[serde(default)]
    status: String,
}

/// Lines, and the state of production all of them are to go to.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct LinesForm {
    /// `order/line` as ids, with `@` and the version of the order that was looked at behind it. At most 100.
    #[serde(default)]
    lines: Vec<String>,
    /// `printed`, `packed`, `on_hold`, or `ready_to_print` (reprint, or off a hold).
    #[serde(default)]
    production: String,
    /// Needed for a hold and for a reprint.
    #[serde(default)]
    reason: String,
    /// Which part of the queue the form stood on, to come back to it: a state and a product, as in the list's own address.
    #[serde(default)]
    state: String,
    #[serde(default)]
    product: String,
}

/// What became of one of them.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Outcome {
    order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_id: Option<String>,
    order_number: String,
    ok: bool,
    /// The state it is in now; empty for what does not exist.
    state: String,
    /// The error's code, where it was refused.
    code: Option<&'static str>,
    /// The refusal in words.
    message: String,
    #[serde(skip)]
    #[schema(ignore)]
    name: String,
    #[serde(skip)]
    #[schema(ignore)]
    state_name: String,
}

/// A result for each, in the order they were named.
#[derive(Template, Serialize, utoipa::ToSchema)]
#[template(path = "orders/admin_bulk.html", blocks = ["content"])]
pub struct Outcomes {
    results: Vec<Outcome>,
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
    #[serde(skip)]
    #[schema(ignore)]
    done: usize,
    #[serde(skip)]
    #[schema(ignore)]
    failed: usize,
    #[serde(skip)]
    #[schema(ignore)]
    back: String,
    #[serde(skip)]
    #[schema(ignore)]
    again: Option<Again>,
}

/// What was refused, with what was typed, to be sent once more.
struct Again {
    production: String,
    reason: String,
    needs_reason: bool,
    /// As the form names lines, with the version their order has now.
    lines: Vec<String>,
}

impl View for Outcomes {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

impl Outcomes {
    fn new(visit: &Visit, results: Vec<Outcome>, back: String) -> Outcomes {
        let done = results.iter().filter(|result| result.ok).count();
        Outcomes { page: visit.page(), done, failed: results.len() - done, results, back, again: None }
    }
}

/// Move many orders on, with a result for each
#[utoipa::path(post, path = "/admin/orders/bulk", tag = "panel", request_body = OrdersForm,
    responses((status = 200, body = Outcomes), (status = 401), (status = 403), (status = 422)))]
pub async fn change_orders(
    _: May<ChangesOrders>,
    visit: Visit,
    Input(form): Input<OrdersForm>,
) -> Result<Reply, Problem> {
    check_count(form.orders.len(), "orders")?;
    let tasks: Vec<_> = form
        .orders
        .iter()
        .map(|text| {
            let (visit, pick, status) = (visit.clone(), pick(text), form.status.clone());
            // All at once: their writes share commits.
            tokio::spawn(async move {
                let (id, version) = pick.ok_or_else(Refusal::not_found)?;
                let form = StaffForm { status: Some(status), version, ..StaffForm::default() };
                let asker = visit.clone();
                visit.shop.store().write(move |tx| change(tx, &asker, OrderId(id), form.clone())).await
            })
        })
        .collect();
    let mut results = Vec::new();
    for (task, text) in tasks.into_iter().zip(&form.orders) {
        let done = task.await.map_err(|error| crate::kernel::Fault::bug(error.to_string()))?;
        let id = pick(text).map(|(id, _)| OrderId(id));
        results.push(order_outcome(&visit, id, text, done)?);
    }
    visit.reply(&Outcomes::new(&visit, results, "/admin/orders".to_owned()))
}

/// Move many lines through the print room, with a result for each
#[utoipa::path(post, path = "/admin/print", tag = "panel", request_body = LinesForm,
    responses((status = 200, body = Outcomes), (status = 401), (status = 403), (status = 422)))]
pub async fn change_lines(
    _: May<ChangesProduction>,
    visit: Visit,
    Input(form): Input<LinesForm>,
) -> Result<Reply, Problem> {
    check_count(form.lines.len(), "lines")?;
    if form.lines.is_empty() && !visit.face.is_json() {
        // What was typed is not lost because the ticks were forgotten.
        return queue_again(&visit, &form.state, &form.product, form.reason);
    }
    let mut orders: Vec<(OrderId, Option<i64>, Vec<LineId>)> = Vec::new();
    let mut strangers = Vec::new();
    for text in &form.lines {
        let Some((order, line, version)) = line_pick(text) else {
            strangers.push(text.clone());
            continue;
        };
        match orders.iter_mut().find(|(known, ..)| *known == order) {
            Some((.., lines)) => lines.push(line),
            None => orders.push((order, version, vec![line])),
        }
    }
    let tasks: Vec<_> = orders
        .iter()
        .cloned()
        .map(|(id, version, lines)| {
            let (visit, form) = (visit.clone(), form.clone());
            tokio::spawn(async move {
                let asker = visit.clone();
                visit
                    .shop
                    .store()
                    .write(move |tx| {
                        // The lines of one order are one write: each would make the version of the next an old one.
                        rules::check_version(&require(tx, id)?, version)?;
                        let move_one = |line: &LineId| {
                            let (production, reason) = (form.production.clone(), form.reason.clone());
                            let form = ProductionForm { production, reason, version: None };
                            match tx.nested(|tx| move_line(tx, &asker, id, *line, &form)) {
                                Ok(_) => Ok(None),
                                Err(Error::Refused(refusal)) => Ok(Some(refusal)),
                                Err(fault) => Err(fault),
                            }
                        };
                        lines.iter().map(move_one).collect::<Result<Vec<_>, Error>>()
                    })
                    .await
            })
        })
        .collect();
    let (mut results, mut refused_lines) = (Vec::new(), Vec::new());
    for (task, (id, _, lines)) in tasks.into_iter().zip(orders) {
        let done = match task.await.map_err(|error| crate::kernel::Fault::bug(error.to_string()))? {
            Ok(done) => done,
            Err(Error::Refused(refusal)) => lines.iter().map(|_| Some(refusal.clone())).collect(),
            Err(Error::Faulted(fault)) => return Err(fault.into()),
        };
        let order = crate::orders::find(&visit.shop.store().read()?, id)?;
        for (line, refused) in lines.into_iter().zip(done) {
            if let (Some(order), Some(_)) = (&order, &refused) {
                refused_lines.push(format!("{id}/{line}@{}", order.version));
            }
            results.push(line_outcome(&visit, id, order.as_ref(), line, refused));
        }
    }
    let missing = Error::Refused(Refusal::not_found());
    for text in strangers {
        results.push(order_outcome(&visit, None, &text, Err(missing.clone()))?);
    }
    let back = match form.production.as_str() {
        "printed" | "on_hold" => "/admin/print".to_owned(),
        "packed" => "/admin/print?state=printed".to_owned(),
        _ => "/admin/print?state=on_hold".to_owned(),
    };
    let again = (!refused_lines.is_empty()).then_some(Again {
        needs_reason: matches!(form.production.as_str(), "on_hold" | "ready_to_print"),
        production: form.production,
        reason: form.reason,
        lines: refused_lines,
    });
    visit.reply(&Outcomes { again, ..Outcomes::new(&visit, results, back) })
}

fn check_count(count: usize, field: &str) -> Result<(), Refusal> {
    if count > AT_ONCE {
        return Err(Refusal::field(field, Message::new("panel.too_many").with("max", AT_ONCE)));
    }
    Ok(())
}

/// `id` or `id@version`.
fn pick(text: &str) -> Option<(Uuid, Option<i64>)> {
    match text.split_once('@') {
        Some((id, version)) => Some((Uuid::try_parse(id).ok()?, Some(version.parse().ok()?))),
        None => Some((Uuid::try_parse(text).ok()?, None)),
    }
}

/// `order/line` or `order/line@version`.
pub fn line_pick(text: &str) -> Option<(OrderId, LineId, Option<i64>)> {
    let (order, rest) = text.split_once('/')?;
    let (line, version) = pick(rest)?;
    Some((OrderId(Uuid::try_parse(order).ok()?), LineId(line), version))
}

fn told(visit: &Visit, refusal: &Refusal) -> String {
    let message = refusal.errors.first().map_or(&refusal.detail, |error| &error.message);
    words::message(visit.lang, message)
}

fn order_outcome(
    visit: &Visit,
    id: Option<OrderId>,
    text: &str,
    done: Result<Order, Error>,
) -> Result<Outcome, Problem> {
    let (order, refusal) = match done {
        Ok(order) => (Some(order), None),
        Err(Error::Refused(refusal)) => {
            let tx = visit.shop.store().read()?;
            let order = id.map(|id| crate::orders::find(&tx, id)).transpose()?.flatten();
            (order, Some(refusal))
        }
        Err(Error::Faulted(fault)) => return Err(fault.into()),
    };
    let state = order.as_ref().map(|order| order.status.name()).unwrap_or_default();
    let state_name = match state {
        "" => String::new(),
        state => visit.page().t(&format!("orders.status.{state}")).to_owned(),
    };
    Ok(Outcome {
        order_id: id.map_or_else(|| text.to_owned(), |id| id.to_string()),
        line_id: None,
        order_number: order.map(|order| order.order_number).unwrap_or_default(),
        ok: refusal.is_none(),
        state: state.to_owned(),
        code: refusal.as_ref().map(|refusal| refusal.code.name()),
        message: refusal.map(|refusal| told(visit, &refusal)).unwrap_or_default(),
        name: String::new(),
        state_name,
    })
}

fn line_outcome(visit: &Visit, id: OrderId, order: Option<&Order>, line: LineId, refusal: Option<Refusal>) -> Outcome {
    let found = order.and_then(|order| order.lines.iter().find(|known| known.id == line));
    let state = found.map(|line| line.production.name()).unwrap_or_default();
    let state_name = match state {
        "" => String::new(),
        state => visit.page().t(&format!("orders.production.{state}")).to_owned(),
    };
    Outcome {
        order_id: id.to_string(),
        line_id: Some(line.to_string()),
        order_number: order.map(|order| order.order_number.clone()).unwrap_or_default(),
        ok: refusal.is_none(),
        state: state.to_owned(),
        code: refusal.as_ref().map(|refusal| refusal.code.name()),
        message: refusal.map(|refusal| told(visit, &refusal)).unwrap_or_default(),
        name: found.map(|line| line.name(visit.lang)).unwrap_or_default(),
        state_name,
    }
}
