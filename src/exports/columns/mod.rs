//! What stands in the files: for each kind its columns, how its records are read, and what a record's rows are.
//!
//! Rows are read lean: only what is shown is decoded, and texts are borrowed from the page of the database they lie on.

mod audit;
mod customers;
mod designs;
mod orders;

use super::model::{Kind, Place, Rows, Wish};
use super::sheet::Sheet;
use crate::kernel::Fault;
use crate::shop::Shop;
use crate::store::ReadTx;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::ops::ControlFlow;

/// Where records come from, and how they are told.
pub trait Source: Send + Sync {
    fn columns(&self) -> &'static [&'static str];

    /// How many records there are.
    fn total(&self, tx: &ReadTx) -> Result<u64, Fault>;

    /// Puts the records behind `after` into `slab` until it is full.
    fn read(&self, tx: &ReadTx, after: Option<&Place>, slab: &mut Slab) -> Result<(), Fault>;

    /// Writes the rows of one record.
    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault>;
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

/// Records that are read one after the other, some of which are not wanted: no index knows which.
trait Sifted {
    type Key;

    /// Hands the records behind `after` to `visit` until it breaks; gives `Continue` when there are no more.
    fn walk(
        &self,
        tx: &ReadTx,
        after: Option<Self::Key>,
        visit: impl FnMut(Self::Key, &[u8]) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<ControlFlow<()>, Fault>;

    fn wants(&self, json: &[u8]) -> Result<bool, Fault>;

    fn place(key: Self::Key) -> Place;

    fn key(place: &Place) -> Option<Self::Key>;
}

fn count_wanted<S: Sifted>(source: &S, tx: &ReadTx) -> Result<u64, Fault> {
    let mut count = 0;
    let _ = source.walk(tx, None, |_, json| {
        count += u64::from(source.wants(json)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(count)
}

fn read_wanted<S: Sifted>(source: &S, tx: &ReadTx, after: Option<&Place>, slab: &mut Slab) -> Result<(), Fault> {
    let how = source.walk(tx, after.and_then(S::key), |key, json| {
        slab.last = Some(S::place(key));
        Ok(if source.wants(json)? { slab.push(json) } else { ControlFlow::Continue(()) })
    })?;
    slab.is_end = how.is_continue();
    Ok(())
}

/// A few thousand records as JSON, one behind the other.
#[derive(Default)]
pub struct Slab {
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
    /// The last record looked at, wanted or not.
    pub last: Option<Place>,
    /// There are no more behind it.
    pub is_end: bool,
}

impl Slab {
    const RECORDS: usize = if cfg!(test) { 64 } else { 4096 };
    const BYTES: usize = 8 << 20;

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.last = None;
        self.is_end = false;
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether there is room for more.
    pub fn push(&mut self, record: &[u8]) -> ControlFlow<()> {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
        let has_room = self.ends.len() < Slab::RECORDS && self.bytes.len() < Slab::BYTES;
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

/// A text that is borrowed from the row where it stands there without escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;
        impl<'de> Visitor<'de> for AnyText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(AnyText)
    }
}

fn unreadable(what: &str, error: &serde_json::Error) -> Fault {
    Fault::Corrupt(format!("{what} cannot be read for an export: {error}"))
}
