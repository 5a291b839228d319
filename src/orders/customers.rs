//! Customers as the orders know them: an address, what was ordered with it, and what is left of it when it is erased.

mod finding;

pub use finding::{Found, Known, Place, by_email, find};

use super::basket;
use super::model::{Address, Order, OrderId, Status};
use super::payment::{require, save};
use super::table;
use crate::catalog;
use crate::designs::{self, Design, DesignId};
use crate::kernel::lang::Words;
use crate::kernel::{Error, Fault, Moment, Result};
use crate::people::audit;
use crate::people::customers::normal;
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use serde_json::json;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Orders that keep a customer's data from being erased, since they are not over.
pub fn is_open(order: &Order) -> bool {
    matches!(order.status, Status::PendingPayment | Status::Paid | Status::Processing | Status::Shipped)
}

/// The designs of orders that no order of somebody else's has.
///
/// # Errors
/// A database that cannot be read.
pub fn own_designs(tx: &impl Snapshot, email: &str, orders: &[Order]) -> Result<BTreeSet<DesignId>, Fault> {
    let email = normal(email);
    let mut ids: BTreeSet<DesignId> = orders.iter().flat_map(|order| &order.lines).map(|line| line.design_id).collect();
    // What lies in the same browser and was not ordered by anybody else.
    for session in orders.iter().map(|order| order.session).collect::<BTreeSet<_>>() {
        ids.extend(designs::of_session(tx, session, 1000)?.into_iter().map(|design| design.id));
    }
    let mut own = BTreeSet::new();
    for id in ids {
        if table::by_design(tx, id)?.iter().all(|order| normal(&order.email) == email) {
            own.insert(id);
        }
    }
    Ok(own)
}

/// Takes out of an order what names its customer. Of what was paid the invoice stays whole: number, days, what was bought, amounts, and the
/// name and address it was made out to. A draft is called off.
///
/// # Errors
/// A database that cannot be written.
pub fn erase(tx: &WriteTx, id: OrderId, now: Moment) -> Result<Order> {
    let mut order = require(tx, id)?;
    let is_invoiced = order.paid_at.is_some();
    order.email.clear();
    order.note.clear();
    order.staff_notes.clear();
    order.voucher = None;
    order.shipping_address = match is_invoiced {
        true => Address { name_kana: String::new(), phone: String::new(), ..order.shipping_address.clone() },
        false => Address { country: order.shipping_address.country.clone(), ..Address::default() },
    };
    if let Some(taken) = &mut order.taken {
        taken.note.clear();
    }
    for line in &mut order.lines {
        if let Some(frozen) = &mut line.frozen {
            frozen.params.clear();
        }
        if !is_invoiced {
            let product = catalog::product(tx, line.product_id)?;
            line.title = product.map_or_else(|| Words::new("–", "–"), |product| product.name);
        }
    }
    if order.status == Status::Draft {
        order.status = Status::Cancelled;
        order.cancelled_at = Some(now);
    }
    order.photos_gone_at = order.photos_gone_at.or(Some(now));
    order.erased_at = Some(now);
    save(tx, &mut order, now)?;
    table::erase_history(tx, id)?;
    Ok(order)
}

/// The print room has a piece of it, also after the parcel has left: a reprint needs the file as the first print did.
fn is_being_made(order: &Order) -> bool {
    order.lines.iter().any(|line| order.is_to_make(line))
}

/// Deletes the photos of an order that was delivered long enough ago. Designs that another order still needs keep theirs until that one's
/// turn. `None` for an order whose photos are gone already, or one the print room works on once more.
///
/// # Errors
/// A database that cannot be written.
pub fn let_photos_go(tx: &WriteTx, id: OrderId, before: Moment, now: Moment) -> Result<Option<designs::Gone>> {
    let mut order = require(tx, id)?;
    if order.photos_gone_at.is_some() || is_being_made(&order) {
        return Ok(None);
    }
    let mut gone = designs::Gone::default();
    for line in &order.lines {
        let is_over = |other: &Order| match other.status {
            Status::Cancelled | Status::Refunded => true,
            Status::Delivered => other.delivered_at.is_some_and(|at| at < before) && !is_being_made(other),
            Status::Draft => other.updated_at < before,
            _ => false,
        };
        if table::by_design(tx, line.design_id)?.iter().all(is_over) {
            gone.add(designs::forget_photos(tx, line.design_id, line.frozen.as_ref(), now)?);
        }
    }
    order.photos_gone_at = Some(now);
    save(tx, &mut order, now)?;
    Ok(Some(gone))
}

/// Deletes the photos of everybody whose order was delivered longer ago than the owner keeps them.
///
/// # Errors
/// A database that cannot be read or written.
pub async fn sweep_photos(shop: &Shop) -> Result<(), Fault> {
    let Some(days) = shop.settings().privacy.photos_days else { return Ok(()) };
    // Some orders stay as they are, so the next ones are looked for behind the last.
    let mut last = None;
    loop {
        let now = shop.now();
        let before = now.plus_days(-i64::from(days));
        let due = super::lists::with_photos(&shop.store().read()?, last, before, 50)?;
        if due.is_empty() {
            return Ok(());
        }
        last = due.last().copied();
        let done = shop.store().write(move |tx| {
            for (_, id) in &due {
                let Some(gone) = let_photos_go(tx, *id, before, now)? else { continue };
                let entry = audit::Entry {
                    actor: audit::Actor::timer(),
                    action: "order.photos_deleted",
                    target_type: "order",
                    target_id: id.to_string(),
                    before: json!({}),
                    after: json!({"photos": gone.photos, "print_files": gone.prints, "days": days}),
                    at: now,
                };
                audit::record(tx, entry)?;
            }
            Ok::<_, Error>(())
        });
        match done.await {
            Ok(()) => {}
            Err(Error::Faulted(fault)) => return Err(fault),
            Err(Error::Refused(refusal)) => return Err(Fault::bug(format!("refused: {}", refusal.detail.key))),
        }
    }
}

/// Designs looked at in one round; the rest has time until the next one.
const IDLE_AT_ONCE: usize = 10_000;

/// Whether somebody still means to have the design: it lies in a basket, or in an order that is not over.
fn is_wanted(tx: &impl Snapshot, design: &Design) -> Result<bool, Fault> {
    let holds = |order: &Order| match order.status {
        Status::Cancelled | Status::Refunded => false,
        // Photos of what was delivered have a time of their own.
        Status::Delivered => order.photos_gone_at.is_none(),
        _ => true,
    };
    if table::by_design(tx, design.id)?.iter().any(holds) {
        return Ok(true);
    }
    for session in design.also.iter().chain([&design.session]) {
        if basket::lines(tx, *session)?.iter().any(|(_, line)| line.design_id == design.id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes the photos of designs that nobody ordered and nobody has touched for longer than the owner keeps them. Reads through the designs
/// with photos, so it comes round once a day.
///
/// # Errors
/// A database that cannot be read or written.
pub async fn sweep_unordered(shop: &Shop) -> Result<(), Fault> {
    let Some(days) = shop.settings().privacy.unordered_days else { return Ok(()) };
    let now = shop.now();
    let before = now.plus_days(-i64::from(days));
    let inner = shop.clone();
    let look = move || {
        let tx = inner.store().read()?;
        let mut due = Vec::new();
        designs::idle_with_photos(&tx, before, None, |design| {
            if !is_wanted(&tx, &design)? {
                due.push(design.id);
            }
            Ok(if due.len() < IDLE_AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let pictures = match due.is_empty() {
            true => Vec::new(),
            false => designs::pictures_of(&tx, &due.iter().copied().collect())?,
        };
        Ok::<_, Fault>((due, pictures))
    };
    let (due, pictures) = tokio::task::spawn_blocking(look).await.map_err(|error| Fault::bug(error.to_string()))??;
    let pictures = Arc::new(pictures);
    for some in due.chunks(50) {
        let (shop_inside, some, pictures) = (shop.clone(), some.to_vec(), pictures.clone());
        let forget = move |tx: &WriteTx| {
            let (mut gone, mut count) = (designs::Gone::default(), 0);
            for id in some {
                // It may have been taken up again since it was looked at.
                let Some(design) = designs::find(tx, id)? else { continue };
                if is_wanted(tx, &design)? {
                    continue;
                }
                let here = designs::forget_idle(tx, &shop_inside, id, &pictures, before, now)?;
                count += usize::from(here.photos > 0);
                gone.add(here);
            }
            if count == 0 {
                return Ok(());
            }
            let entry = audit::Entry {
                actor: audit::Actor::timer(),
                action: "designs.photos_deleted",
                target_type: "settings",
                target_id: "privacy".into(),
                before: json!({}),
                after: json!({"designs": count, "photos": gone.photos, "print_files": gone.prints, "days": days}),
                at: now,
            };
            audit::record(tx, entry).map(drop)
        };
        shop.store().write(forget).await?;
    }
    Ok(())
}
