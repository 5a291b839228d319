//! What stands in the files: for each kind its columns, how its records are read, and what a record's rows are.
//!
//! Rows are read lean: only what is shown is decoded, and texts are borrowed from the page of the database they lie on.

mod audit;
mod customers;
mod designs;
mod orders;

use super::lean::{Raw, Text, from_slice};
use super::model::{Kind, Place, Rows, Size, Wish};
use super::sheet::Sheet;
use crate::kernel::Fault;
use crate::shop::Shop;
use crate::store::ReadTx;
use serde::de::Deserialize;
use std::ops::ControlFlow;

/// Takes what is at a place: how much of [`Source::size`] it is, and the record where it is wanted.
pub type Visit<'a> = &'a mut dyn FnMut(Place, u64, Option<&[u8]>) -> Result<ControlFlow<()>, Fault>;

/// Where records come from, and how they are told.
pub trait Source: Send + Sync {
    fn columns(&self) -> &'static [&'static str];

    /// How much there is to look at. Known without reading the records.
    fn size(&self, tx: &ReadTx) -> Result<Size, Fault>;

    /// Hands what lies behind `after` to `visit` until it breaks; gives `Continue` when there is no more.
    fn walk(&self, tx: &ReadTx, after: Option<&Place>, visit: Visit<'_>) -> Result<ControlFlow<()>, Fault>;

    /// Writes the rows of one record.
    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault>;

    /// Puts what lies behind `after` into `slab` until it is full.
    fn read(&self, tx: &ReadTx, after: Option<&Place>, slab: &mut Slab) -> Result<(), Fault> {
        let how = self.walk(tx, after, &mut |place, looked, record| Ok(slab.take(place, looked, record)))?;
        slab.is_end = how.is_continue();
        Ok(())
    }
}

/// The source of what is wished for.
///
/// # Errors
/// A catalogue that cannot be read.
pub fn source(shop: &Shop, wish: &Wish) -> Result<Box<dyn Source>, Fault> {
    let lang = shop.settings().language;
    Ok(match (wish.kind, wish.rows) {
        (Kind::Orders, Rows::PerOrder) => Box::new(orders::PerOrder::new(wish, lang)),
        (Kind::Orders, Rows::PerLine) => Box::new(orders::PerLine::new(wish, lang)),
        (Kind::Customers, _) => Box::new(customers::Customers::new(wish)),
        (Kind::Designs, _) => Box::new(designs::Designs::new(shop, wish, lang)?),
        (Kind::Audit, _) => Box::new(audit::Audit::new(wish)),
    })
}

/// Some hundreds or thousands of records as JSON, one behind the other.
#[derive(Default)]
pub struct Slab {
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
    /// How much was looked at to find them.
    pub looked: u64,
    /// The last place looked at, wanted or not.
    pub last: Option<Place>,
    /// There is no more behind it.
    pub is_end: bool,
}

impl Slab {
    const RECORDS: usize = if cfg!(test) { 64 } else { 4096 };
    /// Small enough to be in the processor's cache still when it is told.
    const BYTES: usize = 4 << 20;
    /// Where few are wanted, progress is told all the same.
    const LOOKED: u64 = 1 << 15;

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.looked = 0;
        self.last = None;
        self.is_end = false;
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether there is room for more.
    fn take(&mut self, place: Place, looked: u64, record: Option<&[u8]>) -> ControlFlow<()> {
        self.last = Some(place);
        self.looked += looked;
        if let Some(record) = record {
            self.bytes.extend_from_slice(record);
            self.ends.push(self.bytes.len());
        }
        let has_room = self.ends.len() < Slab::RECORDS && self.bytes.len() < Slab::BYTES && self.looked < Slab::LOOKED;
        if has_room { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// The records `from..to`.
    pub fn records(&self, from: usize, to: usize) -> impl Iterator<Item = &[u8]> {
        (from..to.min(self.len())).map(|at| {
            let begin = if at == 0 { 0 } else { self.ends[at - 1] };
            &self.bytes[begin..self.ends[at]]
        })
    }
}

fn decode<'a, T: Deserialize<'a>>(what: &str, json: &'a [u8]) -> Result<T, Fault> {
    from_slice(json).map_err(|error| Fault::Corrupt(format!("{what} cannot be read for an export: {error}")))
}
