//! What print files do to orders that were paid.

use super::attention::raise;
use super::save;
use crate::designs::{self, Design, Status as DesignStatus};
use crate::kernel::{Fault, Moment};
use crate::orders::model::{Actor, HistoryEntry, Order};
use crate::orders::rules::{self, Print};
use crate::orders::{disputes, letters, table};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};

/// Tells the lines of a row at hand how far their print files are.
pub(in crate::orders) fn settle_prints(tx: &impl Snapshot, order: &mut Order) -> Result<(), Fault> {
    for line in &mut order.lines {
        let Some(design) = designs::find(tx, line.design_id)? else { continue };
        let is_what_was_bought = line.frozen.as_ref().is_none_or(|frozen| frozen.params_crc32 == design.params_crc32);
        match design.status {
            DesignStatus::Ready if !is_what_was_bought => {}
            _ => {
                if let Some(print) = print_of(&design) {
                    *line = rules::settle_print(line, print);
                }
            }
        }
    }
    disputes::keep_held(tx, order)
}

/// A design's print file is there, or cannot be made for good: its paid lines go on, or on hold. Called in the transaction that
/// settles the design.
///
/// # Errors
/// A database that cannot be written.
pub fn design_settled(tx: &WriteTx, shop: &Shop, design: &Design, now: Moment) -> Result<(), Fault> {
    let Some(print) = print_of(design) else { return Ok(()) };
    for mut order in table::by_design(tx, design.id)? {
        if !order.may_be_made() {
            continue;
        }
        let is_disputed = disputes::stand(tx, order.id)?;
        let mut changed = false;
        for line in order.lines.iter_mut().filter(|line| line.design_id == design.id) {
            // A picture of other params than those that were bought says nothing about this line.
            if line.frozen.as_ref().is_some_and(|frozen| frozen.params_crc32 != design.params_crc32) {
                continue;
            }
            let settled = rules::settle_print(line, print);
            if settled == *line {
                continue;
            }
            changed = true;
            *line = settled;
            // A line that waited for its print has no business going on now. The others are as staff left them.
            if is_disputed {
                disputes::hold_line(line);
            }
        }
        if !changed {
            continue;
        }
        let what = match print {
            Print::Ready => "print_ready",
            Print::Differs(_) => "print_differs",
            Print::Failed(_) => "print_failed",
        };
        look_at_holds(tx, shop, &mut order, now)?;
        save(tx, &mut order, now)?;
        table::record(tx, order.id, &HistoryEntry::new(now, Actor::System, what))?;
    }
    Ok(())
}

/// How the work on a design's print file ended; `None` while it goes on.
pub(in crate::orders) fn print_of(design: &Design) -> Option<Print<'_>> {
    match design.status {
        DesignStatus::Ready => Some(match design.differs() {
            Some(likeness) => Print::Differs(likeness),
            None => Print::Ready,
        }),
        DesignStatus::Failed => Some(Print::Failed(design.failure_reason.as_deref().unwrap_or("unexpected"))),
        _ => None,
    }
}

/// Brings the attention entries about print files into line with what holds the order's lines. A print that is not like its preview is
/// also told by mail, once an order: nobody looks at the panel all day, and a paid order must not wait unseen.
pub(in crate::orders) fn look_at_holds(tx: &WriteTx, shop: &Shop, order: &mut Order, now: Moment) -> Result<(), Fault> {
    let causes: Vec<&str> = order.lines.iter().filter_map(rules::print_attention).collect();
    order.attention.retain(|entry| {
        !rules::PRINT_ATTENTION.contains(&entry.code.as_str()) || causes.contains(&entry.code.as_str())
    });
    for code in causes {
        if raise(order, code, &[], now) && code == "print_differs" {
            letters::post_print_differs(tx, shop, order, now)?;
        }
    }
    Ok(())
}
