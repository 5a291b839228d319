//! Labels of parcels: that one was made stands on the order, so that nobody makes two without knowing.

use super::model::{Actor, HistoryEntry, LabelMade, Order};
use super::payment::save;
use super::table;
use crate::kernel::{Fault, Moment};
use crate::store::WriteTx;
use crate::web::Page;

/// Notes that a label of the order was made for `carrier` (as it stands with a parcel's number).
///
/// # Errors
/// A database that cannot be written.
pub fn mark(tx: &WriteTx, order: &mut Order, carrier: &str, by: &str, now: Moment) -> Result<(), Fault> {
    order.label = Some(LabelMade { carrier: carrier.to_owned(), at: now, by: by.to_owned() });
    save(tx, order, now)?;
    let entry = HistoryEntry::new(now, Actor::Staff(by.to_owned()), "label_made").with("carrier", carrier);
    table::record(tx, order.id, &entry)
}

/// When, for whom and by whom, in words.
pub fn told(label: &LabelMade, page: &Page) -> String {
    let values = [("at", page.time(&label.at)), ("carrier", label.carrier.clone()), ("name", label.by.clone())];
    page.f("orders.label_made", &values)
}
