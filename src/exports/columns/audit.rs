//! The audit log with its seals, so that whoever holds the file can follow the chain.

use super::{Sifted, Slab, Source, Text, count_wanted, read_wanted, unreadable};
use crate::exports::model::{Place, Wish};
use crate::exports::sheet::Sheet;
use crate::kernel::{Fault, Moment};
use crate::people::audit;
use crate::store::ReadTx;
use serde::Deserialize;
use serde_json::Value;
use std::ops::ControlFlow;

#[derive(Deserialize)]
struct EntryRow<'a> {
    number: i64,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    at: Text<'a>,
    #[serde(borrow)]
    actor: Text<'a>,
    #[serde(borrow)]
    actor_id: Option<Text<'a>>,
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    target_type: Text<'a>,
    #[serde(borrow)]
    target_id: Text<'a>,
    before: Value,
    after: Value,
    #[serde(borrow)]
    ip: Option<Text<'a>>,
    #[serde(borrow)]
    previous: Text<'a>,
    #[serde(borrow)]
    seal: Text<'a>,
}

#[derive(Deserialize)]
struct Narrow<'a> {
    #[serde(borrow)]
    at: Text<'a>,
}

pub struct Audit {
    wish: Wish,
}

impl Audit {
    pub fn new(wish: &Wish) -> Audit {
        Audit { wish: wish.clone() }
    }
}

impl Sifted for Audit {
    type Key = u64;

    fn walk(
        &self,
        tx: &ReadTx,
        after: Option<u64>,
        visit: impl FnMut(u64, &[u8]) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<ControlFlow<()>, Fault> {
        audit::each_stored(tx, after, visit)
    }

    fn wants(&self, json: &[u8]) -> Result<bool, Fault> {
        if self.wish.is_everything() {
            return Ok(true);
        }
        let row: Narrow<'_> = serde_json::from_slice(json).map_err(|error| unreadable("an audit entry", &error))?;
        Ok(Moment::parse(&row.at).is_some_and(|at| self.wish.covers(at)))
    }

    fn place(number: u64) -> Place {
        Place::Entry(number)
    }

    fn key(place: &Place) -> Option<u64> {
        match place {
            Place::Entry(number) => Some(*number),
            _ => None,
        }
    }
}

impl Source for Audit {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "number",
            "at",
            "actor",
            "action",
            "target_type",
            "target_id",
            "before",
            "after",
            "ip",
            "actor_id",
            "id",
            "previous",
            "seal",
        ]
    }

    fn total(&self, tx: &ReadTx) -> Result<u64, Fault> {
        if self.wish.is_everything() {
            return audit::count(tx);
        }
        count_wanted(self, tx)
    }

    fn read(&self, tx: &ReadTx, after: Option<&Place>, slab: &mut Slab) -> Result<(), Fault> {
        read_wanted(self, tx, after, slab)
    }

    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault> {
        let entry: EntryRow<'_> =
            serde_json::from_slice(record).map_err(|error| unreadable("an audit entry", &error))?;
        let told = |value: &Value| if value.is_null() { String::new() } else { value.to_string() };
        sheet.record(itoa::Buffer::new().format(entry.number));
        sheet.number(entry.number);
        sheet.time(Some(&entry.at));
        sheet.text(&entry.actor);
        sheet.text(&entry.action);
        sheet.text(&entry.target_type);
        sheet.text(&entry.target_id);
        sheet.text(&told(&entry.before));
        sheet.text(&told(&entry.after));
        sheet.text(entry.ip.as_deref().unwrap_or_default());
        sheet.word(entry.actor_id.as_deref().unwrap_or_default());
        sheet.word(&entry.id);
        sheet.word(&entry.previous);
        sheet.word(&entry.seal);
        sheet.end_row();
        Ok(())
    }
}
