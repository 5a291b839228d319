//! Designs, without what customers wrote on them and without their photos.

use super::{Sifted, Slab, Source, Text, count_wanted, read_wanted, unreadable};
use crate::catalog;
use crate::designs::{self, DesignId};
use crate::exports::model::{Place, Wish};
use crate::exports::sheet::Sheet;
use crate::kernel::{Fault, Lang, Moment};
use crate::shop::Shop;
use crate::store::ReadTx;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;
use std::ops::ControlFlow;

#[derive(Deserialize)]
struct DesignRow<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    product_id: Text<'a>,
    #[serde(borrow)]
    variant_id: Text<'a>,
    #[serde(borrow)]
    original_design_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Text<'a>,
    version: i64,
    #[serde(borrow)]
    params_crc32: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    failure_reason: Option<Text<'a>>,
    #[serde(borrow)]
    warnings: Vec<WarningRow<'a>>,
    locked_by: Vec<IgnoredAny>,
    #[serde(borrow)]
    created_at: Text<'a>,
    #[serde(borrow)]
    updated_at: Text<'a>,
}

#[derive(Deserialize)]
struct WarningRow<'a> {
    #[serde(borrow)]
    code: Text<'a>,
}

/// What decides whether a design is wanted.
#[derive(Deserialize)]
struct Narrow<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    created_at: Text<'a>,
}

pub struct Designs {
    wish: Wish,
    /// Names of products and variants by their ids.
    names: HashMap<String, String>,
}

impl Designs {
    pub fn new(shop: &Shop, wish: &Wish, lang: Lang) -> Result<Designs, Fault> {
        let mut names = HashMap::new();
        for item in catalog::shelf(shop)?.all() {
            let product = &item.product;
            names.insert(product.id.to_string(), product.name.get(lang).to_owned());
            for variant in product.all_variants() {
                names.insert(variant.id.to_string(), variant.name.get(lang).to_owned());
            }
        }
        Ok(Designs { wish: wish.clone(), names })
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }
}

impl Sifted for Designs {
    type Key = DesignId;

    fn walk(
        &self,
        tx: &ReadTx,
        after: Option<DesignId>,
        visit: impl FnMut(DesignId, &[u8]) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<ControlFlow<()>, Fault> {
        designs::each_stored(tx, after, visit)
    }

    fn wants(&self, json: &[u8]) -> Result<bool, Fault> {
        if self.wish.is_everything() {
            return Ok(true);
        }
        let row: Narrow<'_> = serde_json::from_slice(json).map_err(|error| unreadable("a design", &error))?;
        let status = &self.wish.filters.status;
        Ok((status.is_empty() || *status == *row.status)
            && Moment::parse(&row.created_at).is_some_and(|at| self.wish.covers(at)))
    }

    fn place(id: DesignId) -> Place {
        Place::Design(id.0)
    }

    fn key(place: &Place) -> Option<DesignId> {
        match place {
            Place::Design(id) => Some(DesignId(*id)),
            _ => None,
        }
    }
}

impl Source for Designs {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "id",
            "name",
            "product",
            "variant",
            "status",
            "failure_reason",
            "version",
            "params_crc32",
            "warnings",
            "orders",
            "original_design_id",
            "created_at",
            "updated_at",
        ]
    }

    fn total(&self, tx: &ReadTx) -> Result<u64, Fault> {
        if self.wish.is_everything() {
            return designs::count(tx);
        }
        count_wanted(self, tx)
    }

    fn read(&self, tx: &ReadTx, after: Option<&Place>, slab: &mut Slab) -> Result<(), Fault> {
        read_wanted(self, tx, after, slab)
    }

    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault> {
        let design: DesignRow<'_> = serde_json::from_slice(record).map_err(|error| unreadable("a design", &error))?;
        sheet.record(&design.id);
        sheet.word(&design.id);
        sheet.text(&design.name);
        sheet.text(self.name(&design.product_id));
        sheet.text(self.name(&design.variant_id));
        sheet.word(&design.status);
        sheet.text(design.failure_reason.as_deref().unwrap_or_default());
        sheet.number(design.version);
        sheet.word(&design.params_crc32);
        let codes: Vec<&str> = design.warnings.iter().map(|warning| &*warning.code).collect();
        sheet.text(&codes.join("; "));
        sheet.number(i64::try_from(design.locked_by.len()).unwrap_or(i64::MAX));
        sheet.word(design.original_design_id.as_deref().unwrap_or_default());
        sheet.time(Some(&design.created_at));
        sheet.time(Some(&design.updated_at));
        sheet.end_row();
        Ok(())
    }
}
