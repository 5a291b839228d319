//! The audit log with its seals, so that whoever holds the file can follow the chain.

use super::{Raw, Source, Text, Visit, decode};
use crate::exports::model::{Place, Size, Wish};
use crate::exports::sheet::Sheet;
use crate::kernel::Fault;
use crate::people::audit::{self, Along, Span};
use crate::store::ReadTx;
use serde::Deserialize;
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
    #[serde(borrow)]
    before: Raw<'a>,
    #[serde(borrow)]
    after: Raw<'a>,
    #[serde(borrow)]
    ip: Option<Text<'a>>,
    #[serde(borrow)]
    previous: Text<'a>,
    #[serde(borrow)]
    seal: Text<'a>,
}

pub struct Audit {
    span: Span,
}

impl Audit {
    pub fn new(wish: &Wish) -> Audit {
        Audit { span: Span { actor: wish.filters.actor.clone(), from: wish.from, until: wish.until } }
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

    fn size(&self, tx: &ReadTx) -> Result<Size, Fault> {
        let (entries, is_exact) = audit::span_size(tx, &self.span)?;
        Ok(if is_exact { Size::Known(entries) } else { Size::Sifted(entries) })
    }

    fn walk(&self, tx: &ReadTx, after: Option<&Place>, visit: Visit<'_>) -> Result<ControlFlow<()>, Fault> {
        let after = match after {
            Some(Place::Entry(number)) => Some(Along::Number(*number)),
            Some(Place::EntryAt(at, number)) => Some(Along::Time(*at, *number)),
            _ => None,
        };
        audit::each_stored(tx, &self.span, after, |along, json| {
            let place = match along {
                Along::Number(number) => Place::Entry(number),
                Along::Time(at, number) => Place::EntryAt(at, number),
            };
            visit(place, 1, json)
        })
    }

    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault> {
        let entry: EntryRow<'_> = decode("an audit entry", record)?;
        sheet.record(itoa::Buffer::new().format(entry.number));
        sheet.number(entry.number);
        sheet.time(Some(&entry.at));
        sheet.text(&entry.actor);
        sheet.text(&entry.action);
        sheet.text(&entry.target_type);
        sheet.text(&entry.target_id);
        sheet.text(entry.before.text());
        sheet.text(entry.after.text());
        sheet.text(entry.ip.as_deref().unwrap_or_default());
        sheet.word(entry.actor_id.as_deref().unwrap_or_default());
        sheet.word(&entry.id);
        sheet.word(&entry.previous);
        sheet.word(&entry.seal);
        sheet.end_row();
        Ok(())
    }
}
