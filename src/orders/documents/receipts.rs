//! Receipts that were issued. Each keeps its number, its name and its day; another name is another receipt, which says that it is not
//! the first (decision 0098).

use crate::kernel::text::clean_line;
use crate::kernel::{Code, Fault, Message, Moment, Refusal, Result};
use crate::orders::model::{Order, OrderId};
use crate::store::{Counter, Order as Direction, Snapshot, Table, WriteTx};
use serde::{Deserialize, Serialize};

const RECEIPTS: Table<(OrderId, u32), Receipt> = Table::new("orders.receipts", 1);
const NUMBER: Counter = Counter::new("orders.receipt_number");
/// More names than anybody needs for one order.
const MAX_RECEIPTS: u32 = 20;
const MAX_NAME: usize = 60;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// `RC-000123`, counted over the whole shop.
    pub number: String,
    /// Which one of the order's it is, from 1.
    pub count: u32,
    pub addressee: String,
    /// Minor units of the order's currency: what was paid and not given back.
    pub amount: i64,
    pub at: Moment,
}

/// Issues a receipt. The same name for the same amount gives the one that is there.
///
/// # Errors
/// 422 for a name that is none; 409 for an order that is not paid, or was given back in full.
pub fn issue(tx: &WriteTx, order: &Order, addressee: &str, now: Moment) -> Result<Receipt> {
    let name = clean_line(addressee, MAX_NAME).ok().filter(|name| !name.is_empty());
    let name = name
        .ok_or_else(|| Refusal::field("addressee", Message::new("orders.receipt_name_form").with("max", MAX_NAME)))?;
    let amount = order.totals.amount - order.amount_refunded;
    if order.paid_at.is_none() || amount <= 0 {
        return Err(Refusal::new(Code::Conflict, "orders.receipt_unpaid").into());
    }
    let issued = all(tx, order.id)?;
    if let Some(same) = issued.iter().find(|receipt| receipt.addressee == name && receipt.amount == amount) {
        return Ok(same.clone());
    }
    let count = u32::try_from(issued.len()).unwrap_or(u32::MAX).saturating_add(1);
    if count > MAX_RECEIPTS {
        return Err(Refusal::new(Code::Conflict, "orders.receipt_many").into());
    }
    let number = format!("RC-{:06}", NUMBER.next(tx)?);
    let receipt = Receipt { number, count, addressee: name, amount, at: now };
    RECEIPTS.put(tx, &(order.id, count), &receipt)?;
    Ok(receipt)
}

/// The receipts of an order, in the order they were issued.
///
/// # Errors
/// A database that cannot be read.
pub fn all(tx: &impl Snapshot, order: OrderId) -> Result<Vec<Receipt>, Fault> {
    let rows = RECEIPTS.prefix(tx, &order, None, Direction::Rising, MAX_RECEIPTS as usize)?;
    Ok(rows.into_iter().map(|(_, receipt)| receipt).collect())
}
