//! What the shop sells, as it is stored.

use super::layout::{Layout, ProductFile, Size};
use crate::kernel::Moment;
use crate::kernel::lang::Words;
use crate::store::BlobRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

crate::id!(
    /// A product.
    ProductId
);
crate::id!(
    /// One size or material of a product.
    VariantId
);
crate::id!(
    /// A picture of a product that the owner uploaded.
    PictureId
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
    /// Those that are no longer sold. What was designed and ordered in them stays whole.
    #[serde(default)]
    pub former: Vec<Variant>,
    /// The owner's own pictures, the one that says most first. Without any the sample is shown.
    #[serde(default)]
    pub pictures: Vec<ProductPicture>,
    /// Addresses it had before, which lead to the present one.
    #[serde(default)]
    pub former_slugs: Vec<String>,
    /// The layout new designs begin with. Designs keep theirs.
    pub layout_version: u32,
    /// The owner made the layout: a newer petstar does not bring its own.
    #[serde(default)]
    pub own_layout: bool,
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
    /// The variant, whether it is still sold or not.
    pub fn variant(&self, id: VariantId) -> Option<&Variant> {
        self.all_variants().find(|variant| variant.id == id)
    }

    /// The variant, if it can be ordered.
    pub fn sold(&self, id: VariantId) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.id == id)
    }

    pub fn all_variants(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().chain(&self.former)
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

/// A picture of the thing itself. What was uploaded is decoded once; this is the upright JPEG made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProductPicture {
    pub id: PictureId,
    pub file: BlobRef,
    pub width: u32,
    pub height: u32,
    /// What it shows, for people who do not see it.
    #[serde(default)]
    pub alt: Words,
}

/// One version of a product's design surface: the layout, its artwork and the sample its picture shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SurfaceRow {
    pub file: ProductFile,
    /// SVG by file name.
    pub artwork: BTreeMap<String, String>,
    /// First 16 hex digits of the SHA-256 of all of it.
    pub hash: String,
    /// When and by whom; a version that came with petstar says neither.
    #[serde(default)]
    pub made_at: Option<Moment>,
    #[serde(default)]
    pub made_by: String,
    /// The older version it was taken back from.
    #[serde(default)]
    pub taken_from: Option<u32>,
}

impl SurfaceRow {
    pub fn new(file: ProductFile, artwork: BTreeMap<String, String>) -> SurfaceRow {
        let hash = surface_hash(&file, &artwork);
        SurfaceRow { file, artwork, hash, made_at: None, made_by: String::new(), taken_from: None }
    }

    pub fn layout(&self) -> &Layout {
        &self.file.layout
    }
}

/// Names all a surface is drawn from.
pub fn surface_hash(file: &ProductFile, artwork: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    add(&serde_json::to_string(file).unwrap_or_default());
    for (name, svg) in artwork {
        add(name);
        add(svg);
    }
    hex::encode(&hash.finalize()[..8])
}

/// A layout being worked on. Nobody designs on it yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayoutDraft {
    pub surface: SurfaceRow,
    /// The layout version it began as.
    pub based_on: u32,
    /// Counted up with every change.
    pub version: u64,
    /// Who changed it last.
    pub by: String,
    pub updated_at: Moment,
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
            former: Vec::new(),
            pictures: Vec::new(),
            former_slugs: Vec::new(),
            own_layout: false,
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
