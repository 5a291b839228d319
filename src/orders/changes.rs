//! Changing a piece after it was paid: staff open it with a word to the customer, who changes photo or text and approves, and the line goes on.

use super::disputes;
use super::letters;
use super::model::{Actor, HistoryEntry, Hold, LineId, Order, OrderId, Production};
use super::payment::{look_at_holds, print_of, require, save};
use super::{rules, table};
use crate::catalog;
use crate::designs;
use crate::kernel::lang::Words;
use crate::kernel::{Code, Lang, Moment, Refusal, Result};
use crate::shop::Shop;
use crate::store::WriteTx;

/// Where a line stands in its order.
fn position(order: &Order, line: LineId) -> Result<usize, Refusal> {
    order.lines.iter().position(|known| known.id == line).ok_or_else(Refusal::not_found)
}

/// Opens the design of a line to its customer and writes to them. Every line of the order with that design is on hold until then.
///
/// # Errors
/// 409 for an order that is not paid or already sent, and for a design that another order holds too.
pub fn open(
    tx: &WriteTx,
    shop: &Shop,
    id: OrderId,
    line: LineId,
    message: &str,
    by: &str,
    now: Moment,
) -> Result<Order> {
    let mut order = require(tx, id)?;
    let at = position(&order, line)?;
    if !order.is_in_work() {
        return Err(Refusal::new(Code::Conflict, "panel.open_too_late").into());
    }
    let design_id = order.lines[at].design_id;
    let design = designs::find(tx, design_id)?.ok_or_else(Refusal::not_found)?;
    if design.locked_by.iter().any(|holder| *holder != id.0) {
        // The other order would be printed as this customer changes it now.
        return Err(Refusal::new(Code::Conflict, "panel.open_shared").into());
    }
    designs::set_staff_unlocked(tx, design_id, true, now)?;
    for line in order.lines.iter_mut().filter(|line| line.design_id == design_id) {
        line.production = Production::OnHold;
        line.hold = Some(Hold::Customer { message: message.to_owned() });
    }
    look_at_holds(tx, shop, &mut order, now)?;
    save(tx, &mut order, now)?;
    table::record(
        tx,
        id,
        &HistoryEntry::new(now, Actor::Staff(by.to_owned()), "change_asked").with("message", message),
    )?;
    letters::post_change_asked(tx, shop, &order, at, message, now)?;
    Ok(order)
}

/// The piece as it is now is what shall be printed: it is frozen and locked anew, its print file is on its way, and the line goes on.
/// `seen` is the checksum of what was looked at.
///
/// # Errors
/// 409 for a line that is not open, or in another size than was paid; 412 when the design was changed since it was looked at; 422 for a
/// design that is not whole.
pub fn approve(
    tx: &WriteTx,
    shop: &Shop,
    id: OrderId,
    line: LineId,
    seen: Option<&str>,
    by: Actor,
    now: Moment,
) -> Result<Order> {
    let mut order = require(tx, id)?;
    let at = position(&order, line)?;
    if !matches!(order.lines[at].hold, Some(Hold::Customer { .. })) || !order.may_be_made() {
        return Err(Refusal::new(Code::Conflict, "panel.not_open").into());
    }
    let design = designs::find(tx, order.lines[at].design_id)?.ok_or_else(Refusal::not_found)?;
    if seen.is_some_and(|seen| seen != design.params_crc32) {
        return Err(Refusal::new(Code::StaleVersion, "panel.looks_different").into());
    }
    if design.variant_id != order.lines[at].variant_id {
        return Err(Refusal::new(Code::Conflict, "panel.size_was_paid").into());
    }
    designs::check_orderable(&design, "design_id")?;
    designs::set_staff_unlocked(tx, design.id, false, now)?;
    let (design, _) = designs::finalize_in(tx, shop, design.id, now)?;
    let frozen = designs::freeze(tx, shop, design.id)?;
    let product = catalog::product(tx, design.product_id)?;
    let is_disputed = disputes::stand(tx, id)?;
    for line in order.lines.iter_mut().filter(|line| line.design_id == design.id) {
        line.priced_crc32.clone_from(&frozen.params_crc32);
        line.frozen = Some(frozen.clone());
        line.hold = None;
        line.production = Production::Waiting;
        if let Some(product) = &product {
            let [en, ja] = [Lang::En, Lang::Ja].map(|lang| designs::title(&design, product, lang));
            line.title = Words::new(en, ja);
        }
        if let Some(print) = print_of(&design) {
            *line = rules::settle_print(line, print);
        }
        // The other lines are as staff left them.
        if is_disputed {
            disputes::hold_line(line);
        }
    }
    look_at_holds(tx, shop, &mut order, now)?;
    save(tx, &mut order, now)?;
    table::record(tx, id, &HistoryEntry::new(now, by, "change_approved"))?;
    Ok(order)
}
