//! What the shop sells, as it is stored.

use super::layout::{Layout, ProductFile, Size};
use crate::kernel::Moment;
use crate::kernel::lang::Words;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

crate::id!(
    /// A product.
    ProductId
);
crate::id!(
    /// One size or material of a product.
    VariantId
);

/// Archived products are no longer shown or sold; what was ordered of them stays whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProductStatus {
    Active,
    Archived,
}

impl ProductStatus {
    pub fn name(self) -> &'static str {
        match self {
            ProductStatus::Active => "active",
            ProductStatus::Archived => "archived",
        }
    }
}

/// A blank with a layout to personalise and one or more variants with a price each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Product {
    pub id: ProductId,
    pub slug: String,
    pub category: String,
    pub status: ProductStatus,
    pub name: Words,
    pub description: Words,
    /// At least one.
    pub variants: Vec<Variant>,
    /// The layout new designs begin with. Designs keep theirs.
    pub layout_version: u32,
    /// Its tax class in the settings; empty for the usual rate.
    #[serde(default)]
    pub tax_class: String,
    /// Place in the shop; the smallest first.
    pub position: u32,
    pub version: u64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Product {
    pub fn variant(&self, id: VariantId) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.id == id)
    }

    pub fn is_active(&self) -> bool {
        self.status == ProductStatus::Active
    }

    /// The lowest price, in minor units.
    pub fn from_price(&self) -> i64 {
        self.variants.iter().map(|variant| variant.price).min().unwrap_or(0)
    }

    pub fn has_one_price(&self) -> bool {
        self.variants.iter().all(|variant| variant.price == self.from_price())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    pub id: VariantId,
    /// Stable within the product, for example `a4`.
    pub key: String,
    pub name: Words,
    pub width_mm: f64,
    pub height_mm: f64,
    /// Minor units of the shop's currency.
    pub price: i64,
    /// How many blanks there are; `None` is not counted.
    pub stock: Option<i64>,
    /// What kind of parcel it fits: `flat-small`, `flat-large`, `parcel-small`, `parcel-large`.
    pub size_class: String,
}

impl Variant {
    pub fn size(&self) -> Size {
        Size { width_mm: self.width_mm, height_mm: self.height_mm }
    }

    pub fn is_sold_out(&self) -> bool {
        self.stock.is_some_and(|stock| stock <= 0)
    }
}

/// One version of a product's design surface: the layout, its artwork and the sample its picture shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SurfaceRow {
    pub file: ProductFile,
    /// SVG by file name.
    pub artwork: BTreeMap<String, String>,
    /// First 16 hex digits of the SHA-256 of all of it.
    pub hash: String,
}

impl SurfaceRow {
    pub fn layout(&self) -> &Layout {
        &self.file.layout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_of_a_product() {
        let variant = |price| Variant {
            id: VariantId(uuid::Uuid::nil()),
            key: "a".into(),
            name: Words::new("A", "A"),
            width_mm: 10.0,
            height_mm: 10.0,
            price,
            stock: None,
            size_class: "flat-small".into(),
        };
        let mut product = Product {
            id: ProductId(uuid::Uuid::nil()),
            slug: "a".into(),
            category: "poster".into(),
            status: ProductStatus::Active,
            name: Words::default(),
            description: Words::default(),
            variants: vec![variant(3000), variant(2000)],
            layout_version: 1,
            tax_class: String::new(),
            position: 0,
            version: 1,
            created_at: Moment(0),
            updated_at: Moment(0),
        };
        assert_eq!((product.from_price(), product.has_one_price()), (2000, false));
        product.variants.pop();
        assert_eq!((product.from_price(), product.has_one_price()), (3000, true));
    }
}
