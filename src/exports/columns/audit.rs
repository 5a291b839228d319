//! The audit log with its seals, so that whoever holds the file can follow the chain.

use super::{Slab, Source, Text, unreadable};
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

    fn wants(&self, json: &[u8]) -> Result<bool, Fault> {
        if self.wish.is_everything() {
            return Ok(true);
        }
        let row: Narrow<'_> = serde_json::from_slice(json).map_err(|error| unreadable("an audit entry", &error))?;
        Ok(Moment::parse(&row.at).is_some_and(|at| self.wish.covers(at)))
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
        let mut count = 0;
        let _ = audit::each_stored(tx, None, |_, json| {
            count += u64::from(self.wants(json)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }

    fn read(&self, tx: &ReadTx, after: Option<&Place>, slab: &mut Slab) -> Result<(), Fault> {
        let after = match after {
            Some(Place::Entry(number)) => Some(*number),
            _ => None,
        };
        let how = audit::each_stored(tx, after, |number, json| {
            slab.last = Some(Place::Entry(number));
            Ok(if self.wants(json)? { slab.push(json) } else { ControlFlow::Continue(()) })
        })?;
        slab.is_end = how.is_continue();
        Ok(())
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
