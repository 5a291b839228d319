//! A product as the staff see it: what the shop shows, and what only they change.

use crate::catalog::model::{PictureId, Product};
use crate::catalog::shelf::Item;
use crate::catalog::view::{ProductView, VariantView, own_picture_name};
use crate::kernel::Lang;
use crate::kernel::lang::Words;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A product with what only the staff see.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AdminProduct)]
pub struct AdminProductView {
    #[serde(flatten)]
    pub product: ProductView,
    /// Of the row; give it back with a change.
    pub version: u64,
    /// Counts the versions of the layout; designs keep theirs.
    pub layout_version: u32,
    /// In every language.
    pub texts: Texts,
    pub tax_class: String,
    /// Sizes that are no longer sold. What was designed and ordered in them stays whole.
    pub former_variants: Vec<VariantView>,
    pub pictures: Vec<OwnPictureView>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ProductPicture)]
pub struct OwnPictureView {
    #[schema(value_type = String, format = Uuid)]
    pub id: PictureId,
    pub url: String,
    pub width: u32,
    pub height: u32,
    pub alt: InLanguages,
}

impl AdminProductView {
    pub fn new(item: &Item, lang: Lang) -> AdminProductView {
        let product = &item.product;
        AdminProductView {
            product: item.view(lang).clone(),
            version: product.version,
            layout_version: product.layout_version,
            texts: Texts::of(product),
            tax_class: product.tax_class.clone(),
            former_variants: product.former.iter().map(|variant| VariantView::new(variant, lang)).collect(),
            pictures: pictures(product),
        }
    }
}

impl AdminProductView {
    /// One of the owner's pictures.
    pub fn picture(product: &Product, id: PictureId) -> Option<OwnPictureView> {
        pictures(product).into_iter().find(|picture| picture.id == id)
    }
}

pub fn pictures(product: &Product) -> Vec<OwnPictureView> {
    let view = |picture: &crate::catalog::ProductPicture| OwnPictureView {
        id: picture.id,
        url: format!("/pictures/{}", own_picture_name(&product.slug, picture, 400)),
        width: picture.width,
        height: picture.height,
        alt: InLanguages::of(&picture.alt),
    };
    product.pictures.iter().map(view).collect()
}

/// The words of a product. All of them are shown in the shop.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct Texts {
    pub name: InLanguages,
    /// Paragraphs are set apart by an empty line.
    pub description: InLanguages,
}

impl Texts {
    pub fn of(product: &Product) -> Texts {
        Texts { name: InLanguages::of(&product.name), description: InLanguages::of(&product.description) }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, ToSchema)]
pub struct InLanguages {
    #[serde(default)]
    pub en: String,
    #[serde(default)]
    pub ja: String,
}

impl InLanguages {
    pub fn of(words: &Words) -> InLanguages {
        InLanguages { en: words.en.clone(), ja: words.ja.clone() }
    }

    pub fn is_empty(&self) -> bool {
        self.en.trim().is_empty() && self.ja.trim().is_empty()
    }
}
