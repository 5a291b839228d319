//! Erasing a person: what is there is looked up first, in one snapshot; what is done about it is one write.

use super::{customer_of, orders_of};
use crate::designs::{self, Gone, Kept};
use crate::kernel::{Code, Fault, Message, Moment, Refusal, Result};
use crate::orders::{self, OrderId, customers::is_open, refunds};
use crate::people::audit::{self, Actor, Entry};
use crate::people::mails::MailId;
use crate::people::{customers, mails};
use crate::shop::Shop;
use crate::store::{ReadTx, WriteTx};
use crate::web::SessionId;
use serde_json::json;
use std::collections::{BTreeSet, HashSet};

/// What is read through before the write, so that nobody waits for it.
pub struct Found {
    email: String,
    mails: Vec<MailId>,
    proofs: Vec<(SessionId, Moment)>,
    events: Vec<String>,
    pictures: Vec<Kept>,
}

/// What became of a person's data.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Erased {
    /// Orders whose customer has no name, address and e-mail address any more.
    pub orders: usize,
    /// Of those, orders that were paid: number, amounts, what was bought, and name and address of the invoice stay.
    pub invoices_kept: usize,
    pub designs: usize,
    pub photos: usize,
    pub mails: usize,
    /// Exported files of orders, customers and designs, of everybody: nobody looks through them for one person.
    pub exports: usize,
}

/// Looks up what there is. Reads several tables through.
///
/// # Errors
/// A database that cannot be read.
pub fn look(tx: &ReadTx, email: &str) -> Result<Found, Fault> {
    let orders = orders_of(tx, email)?;
    let ids: BTreeSet<OrderId> = orders.iter().map(|order| order.id).collect();
    let own: HashSet<_> = orders::customers::own_designs(tx, email, &orders)?.into_iter().collect();
    Ok(Found {
        email: email.to_owned(),
        mails: mails::to_address(tx, email)?.into_iter().map(|mail| mail.id).collect(),
        proofs: customers::proofs_of(tx, email)?,
        events: crate::payments::events_about(tx, &ids, email)?,
        pictures: designs::pictures_of(tx, &own)?,
    })
}

/// Erases the customer of an order.
///
/// # Errors
/// 409 `conflict` while an order is not over or money is on its way back.
pub fn erase(tx: &WriteTx, shop: &Shop, id: OrderId, found: &Found, actor: Actor, now: Moment) -> Result<Erased> {
    let (email, _) = customer_of(tx, id)?;
    if email.is_empty() || email != found.email {
        return Err(Refusal::new(Code::Conflict, "exports.erase_nothing").into());
    }
    let orders = orders_of(tx, &email)?;
    let mut open = Vec::new();
    for order in &orders {
        let moves = refunds::of_order(tx, order.id)?.iter().any(|row| row.state == refunds::RefundState::Pending);
        if is_open(order) || moves {
            open.push(order.order_number.as_str());
        }
    }
    if !open.is_empty() {
        let message = Message::new("exports.erase_open").with("orders", open.join(", "));
        return Err(Refusal::because(Code::Conflict, message).into());
    }
    let own = orders::customers::own_designs(tx, &email, &orders)?;
    let mut gone = Gone::default();
    for design in &own {
        gone.add(designs::forget(tx, shop, *design, &found.pictures, now)?);
    }
    let mut invoices_kept = 0;
    for order in &orders {
        invoices_kept += usize::from(order.paid_at.is_some());
        orders::customers::erase(tx, order.id, now)?;
    }
    for mail in &found.mails {
        mails::erase(tx, *mail, now)?;
    }
    customers::forget(tx, &email, &found.proofs)?;
    let ids: BTreeSet<OrderId> = orders.iter().map(|order| order.id).collect();
    crate::payments::forget(tx, &ids, &found.events)?;
    let erased = Erased {
        orders: orders.len(),
        invoices_kept,
        designs: own.len(),
        photos: gone.photos,
        mails: found.mails.len(),
        exports: crate::exports::jobs::forget_people(tx, shop, now)?,
    };
    // The log says that somebody was erased, and not who.
    let entry = Entry {
        actor,
        action: "customer.erased",
        target_type: "order",
        target_id: id.to_string(),
        before: json!({}),
        after: serde_json::to_value(&erased).map_err(Fault::from)?,
        at: now,
    };
    audit::record(tx, entry)?;
    Ok(erased)
}
