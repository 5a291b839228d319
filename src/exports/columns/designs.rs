//! Designs, without what customers wrote on them and without their photos.

use super::{Source, Text, Visit, decode};
use crate::catalog::{self, ProductId};
use crate::designs::{self, DesignId};
use crate::exports::model::{Place, Size, Wish};
use crate::exports::sheet::Sheet;
use crate::kernel::{Fault, Lang, Moment};
use crate::shop::Shop;
use crate::store::ReadTx;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;
use std::ops::ControlFlow;
use uuid::Uuid;

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
    product_id: Text<'a>,
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

    fn wants(&self, json: &[u8]) -> Result<bool, Fault> {
        if self.wish.is_everything() {
            return Ok(true);
        }
        let row: Narrow<'_> = decode("a design", json)?;
        let status = &self.wish.filters.status;
        let is_of = |product: ProductId| row.product_id.parse::<Uuid>().is_ok_and(|id| id == product.0);
        Ok((status.is_empty() || *status == *row.status)
            && self.wish.product.is_none_or(is_of)
            && Moment::parse(&row.created_at).is_some_and(|at| self.wish.covers(at)))
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
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

    fn size(&self, tx: &ReadTx) -> Result<Size, Fault> {
        let designs = designs::count(tx)?;
        Ok(if self.wish.is_everything() { Size::Known(designs) } else { Size::Sifted(designs) })
    }

    fn walk(&self, tx: &ReadTx, after: Option<&Place>, visit: Visit<'_>) -> Result<ControlFlow<()>, Fault> {
        let after = match after {
            Some(Place::Design(id)) => Some(DesignId(*id)),
            _ => None,
        };
        designs::each_stored(tx, after, |id, json| {
            let is_wanted = self.wants(json)?;
            visit(Place::Design(id.0), 1, is_wanted.then_some(json))
        })
    }

    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault> {
        let design: DesignRow<'_> = decode("a design", record)?;
        sheet.record(&design.id);
        sheet.word(&design.id);
        sheet.text(&design.name);
        sheet.text(self.name(&design.product_id));
        sheet.text(self.name(&design.variant_id));
        sheet.word(&design.status);
        sheet.text(design.failure_reason.as_deref().unwrap_or_default());
        sheet.number(design.version);
        sheet.word(&design.params_crc32);
        sheet.listed(design.warnings.iter().map(|warning| &*warning.code));
        sheet.number(i64::try_from(design.locked_by.len()).unwrap_or(i64::MAX));
        sheet.word(design.original_design_id.as_deref().unwrap_or_default());
        sheet.time(Some(&design.created_at));
        sheet.time(Some(&design.updated_at));
        sheet.end_row();
        Ok(())
    }
}
