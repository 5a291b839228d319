//! Products as they are shown: the JSON of the contract, cards in lists, pictures in sizes that fit.

use super::layout::{Field, FieldKind, Layout, Mockup};
use super::model::{Product, ProductId, ProductPicture, ProductStatus, Variant, VariantId};
use crate::kernel::lang::Words;
use crate::kernel::{Currency, Fault, Lang, Money};
use crate::render::{fonts, mockup};
use crate::web::words;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A product in one language.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub struct ProductView {
    #[schema(value_type = String, format = Uuid)]
    pub id: ProductId,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub category: String,
    pub currency: Currency,
    pub status: ProductStatus,
    pub variants: Vec<VariantView>,
    pub layout: LayoutView,
    /// The owner's first picture of the product, or the product with a sample design, 800 pixels wide.
    pub image_url: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Variant)]
pub struct VariantView {
    #[schema(value_type = String, format = Uuid)]
    pub id: VariantId,
    pub name: String,
    pub width_mm: f64,
    pub height_mm: f64,
    /// Minor units of `currency`; whether tax is in it is a setting of the shop's, and an order's totals say what is added.
    pub price: i64,
    /// How many are left; `null` is not counted.
    pub stock: Option<i64>,
}

/// What a script needs to fill in a design.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Layout)]
pub struct LayoutView {
    pub dpi: u32,
    pub bleed_mm: f64,
    pub safe_margin_mm: f64,
    /// The shape in which the thing is cut: `rect`, `rounded`, `ellipse` or `path`. The safe margin follows it.
    pub trim: &'static str,
    pub fields: Vec<FieldView>,
}

/// One field. Which limits there are depends on `kind`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Field)]
pub struct FieldView {
    pub id: String,
    /// `photo`, `text`, `color`, `choice`, `date` or `place`.
    pub kind: &'static str,
    pub label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    pub required: bool,
    /// What stands there when nothing is filled in; `null` is nothing.
    #[schema(value_type = Option<Object>)]
    pub default: Value,
    /// Text: how many code points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u32>,
    /// Text: faces that may be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fonts: Option<Vec<LabelledView>>,
    /// Colour: `"any"` or a list of `#rrggbb`. Text: a list, if its colour may be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub colors: Option<Value>,
    /// Choice: what can be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<LabelledView>>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Choice)]
pub struct LabelledView {
    pub id: String,
    pub label: String,
}

impl ProductView {
    pub fn new(product: &Product, layout: &Layout, hash: &str, currency: Currency, lang: Lang) -> ProductView {
        ProductView {
            id: product.id,
            slug: product.slug.clone(),
            name: product.name.get(lang).to_owned(),
            description: product.description.get(lang).to_owned(),
            category: product.category.clone(),
            currency,
            status: product.status,
            variants: product.variants.iter().map(|variant| VariantView::new(variant, lang)).collect(),
            layout: LayoutView {
                dpi: layout.dpi,
                bleed_mm: layout.bleed_mm,
                safe_margin_mm: layout.safe_margin_mm,
                trim: layout.trim.name(),
                fields: layout.fields.iter().map(|field| FieldView::new(field, lang)).collect(),
            },
            image_url: match product.pictures.first() {
                Some(picture) => format!("/pictures/{}", own_picture_name(&product.slug, picture, 800)),
                None => picture_url(&product.slug, hash, 800),
            },
        }
    }
}

impl VariantView {
    pub fn new(variant: &Variant, lang: Lang) -> VariantView {
        VariantView {
            id: variant.id,
            name: variant.name.get(lang).to_owned(),
            width_mm: variant.width_mm,
            height_mm: variant.height_mm,
            price: variant.price,
            stock: variant.stock,
        }
    }
}

impl FieldView {
    pub fn new(field: &Field, lang: Lang) -> FieldView {
        let mut view = FieldView {
            id: field.id.clone(),
            kind: field.kind.name(),
            label: field.label.get(lang).to_owned(),
            hint: field.hint.as_ref().map(|hint| hint.get(lang).to_owned()),
            required: field.required,
            default: Value::Null,
            max_chars: None,
            fonts: None,
            colors: None,
            choices: None,
        };
        match &field.kind {
            FieldKind::Photo => {}
            FieldKind::Text(text) => {
                view.max_chars = Some(text.max_chars);
                view.default = if field.required { Value::Null } else { json!(text.default) };
                view.fonts =
                    (!text.fonts.is_empty()).then(|| text.fonts.iter().map(|id| font_view(id, lang)).collect());
                view.colors = (!text.colors.is_empty()).then(|| json!(text.colors));
            }
            FieldKind::Color { default, colors } => {
                view.default = json!(default);
                view.colors = Some(json!(colors));
            }
            FieldKind::Choice { default, choices } => {
                view.default = json!(default);
                let labelled = |choice: &super::layout::Choice| LabelledView {
                    id: choice.id.clone(),
                    label: choice.label.get(lang).to_owned(),
                };
                view.choices = Some(choices.iter().map(labelled).collect());
            }
            FieldKind::Date { default } => view.default = json!(default),
            FieldKind::Place { default } => view.default = json!(default),
        }
        view
    }
}

fn font_view(id: &str, lang: Lang) -> LabelledView {
    let face = fonts::face(id);
    let label = match lang {
        Lang::En => face.map(|face| face.label_en),
        Lang::Ja => face.map(|face| face.label_ja),
    };
    LabelledView { id: id.to_owned(), label: label.unwrap_or(id).to_owned() }
}

/// The widths in pixels that product pictures come in.
pub const PICTURE_WIDTHS: [u32; 5] = [200, 400, 600, 800, 1600];
/// Raised when the renderer draws the same layout differently, so that browsers fetch anew.
const PICTURE_STYLE: u32 = 1;

/// The address of a product's own picture. It holds the hash of all it is drawn from, so it can be kept for ever.
pub fn picture_url(slug: &str, surface_hash: &str, width: u32) -> String {
    format!("/pictures/{}", picture_name(slug, surface_hash, width))
}

/// `star-poster-1a2b3c4d5e6f7a8b-1-800.jpg`
pub fn picture_name(slug: &str, surface_hash: &str, width: u32) -> String {
    format!("{slug}-{surface_hash}-{PICTURE_STYLE}-{width}.jpg")
}

/// The name of a picture the owner uploaded: `mug-1a2b3c4d5e6f7a8b-own-800.jpg`.
pub fn own_picture_name(slug: &str, picture: &ProductPicture, width: u32) -> String {
    format!("{slug}-{}-own-{width}.jpg", hex::encode(&picture.file.sha256.0[..8]))
}

/// The name of the product's mock-up, where it has one: `mug-1a2b3c4d5e6f7a8b-m0a1b2c3d-800.jpg`, told apart from the flat picture by
/// the mark of the stage it is shown on.
///
/// # Errors
/// A stage that cannot be read, which is a mistake in the program.
pub fn mockup_name(slug: &str, surface_hash: &str, mockup: Mockup, width: u32) -> Result<Option<String>, Fault> {
    let Some(kind) = mockup.stage() else { return Ok(None) };
    Ok(Some(format!("{slug}-{surface_hash}-m{:08x}-{width}.jpg", mockup::stage(kind)?.mark())))
}

/// An `img` in several sizes.
#[derive(Clone, Debug)]
pub struct PictureView {
    /// It shows the thing in a scene of its own and fills its frame; otherwise it is the flat print and hangs on the page's wall.
    pub is_mockup: bool,
    pub src: String,
    /// The smallest.
    pub small: String,
    pub srcset: String,
    /// What part of its square wall's width the picture takes up, for `sizes`: "0.55".
    pub share: String,
    pub width: u32,
    pub height: u32,
    /// What the owner says it shows.
    pub alt: Option<Words>,
}

/// The part of a wall inside its margins, as the style sheet has it.
const INSIDE_WALL: f64 = 0.78;

impl PictureView {
    pub fn of_product(slug: &str, layout: &Layout, surface_hash: &str) -> PictureView {
        let set: Vec<_> = PICTURE_WIDTHS
            .iter()
            .map(|width| format!("{} {width}w", picture_url(slug, surface_hash, *width)))
            .collect();
        let (width, height) = picture_size(layout, 800);
        let small = picture_url(slug, surface_hash, PICTURE_WIDTHS[0]);
        let share = format!("{:.2}", INSIDE_WALL * f64::from(width.min(height)) / f64::from(height));
        PictureView {
            is_mockup: false,
            src: picture_url(slug, surface_hash, 800),
            small,
            srcset: set.join(", "),
            share,
            width,
            height,
            alt: None,
        }
    }

    /// A picture the owner uploaded. It fills its frame.
    pub fn of_owner(slug: &str, picture: &ProductPicture) -> PictureView {
        let url = |width: u32| format!("/pictures/{}", own_picture_name(slug, picture, width));
        let set: Vec<_> = PICTURE_WIDTHS.iter().map(|width| format!("{} {width}w", url(*width))).collect();
        let height = u64::from(picture.height) * 800 / u64::from(picture.width.max(1));
        PictureView {
            is_mockup: true,
            src: url(800),
            small: url(PICTURE_WIDTHS[0]),
            srcset: set.join(", "),
            share: "1".to_owned(),
            width: 800,
            height: u32::try_from(height).unwrap_or(800).max(1),
            alt: Some(picture.alt.clone()).filter(|alt| *alt != Words::default()),
        }
    }

    /// The product's mock-up, where it has one.
    ///
    /// # Errors
    /// As [`mockup_name`].
    pub fn of_mockup(slug: &str, surface_hash: &str, mockup: Mockup) -> Result<Option<PictureView>, Fault> {
        let url = |width: u32| {
            let name = mockup_name(slug, surface_hash, mockup, width)?;
            Ok::<_, Fault>(name.map(|name| format!("/pictures/{name}")))
        };
        let (Some(src), Some(small)) = (url(800)?, url(PICTURE_WIDTHS[0])?) else { return Ok(None) };
        let mut set = Vec::new();
        for width in PICTURE_WIDTHS {
            set.extend(url(width)?.map(|url| format!("{url} {width}w")));
        }
        let share = "1".to_owned();
        Ok(Some(PictureView {
            is_mockup: true,
            src,
            small,
            srcset: set.join(", "),
            share,
            width: 800,
            height: 800,
            alt: None,
        }))
    }
}

/// Pixels of a product's picture of that width.
pub fn picture_size(layout: &Layout, width: u32) -> (u32, u32) {
    let height = f64::from(width) * layout.height_mm / layout.width_mm;
    (width, (height.round() as u32).max(1))
}

/// A product in a list.
#[derive(Clone, Debug)]
pub struct Card {
    pub url: String,
    pub name: String,
    pub category: String,
    /// The lowest price.
    pub price: Money,
    /// Other variants cost more.
    pub is_from: bool,
    pub picture: PictureView,
}

impl Card {
    pub fn new(product: &Product, picture: PictureView, currency: Currency, lang: Lang) -> Card {
        Card {
            url: format!("/products/{}", product.slug),
            name: product.name.get(lang).to_owned(),
            category: category_name(&product.category, lang),
            price: Money::new(product.from_price(), currency),
            is_from: !product.has_one_price(),
            picture,
        }
    }
}

/// What a category is called; one that the words do not know is called by its own id.
pub fn category_name(category: &str, lang: Lang) -> String {
    match words::find(lang, &format!("catalog.category.{category}")) {
        Some(name) => name.to_owned(),
        None => category.replace('-', " "),
    }
}

/// A length as people read it: `21 × 29.7 cm`, small things in mm.
pub fn size_text(width_mm: f64, height_mm: f64) -> String {
    let digits = |value: f64| {
        let text = format!("{value:.1}");
        text.strip_suffix(".0").unwrap_or(&text).to_owned()
    };
    if width_mm.max(height_mm) < 100.0 {
        format!("{} × {} mm", digits(width_mm), digits(height_mm))
    } else {
        format!("{} × {} cm", digits(width_mm / 10.0), digits(height_mm / 10.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_well() {
        assert_eq!(size_text(210.0, 297.0), "21 × 29.7 cm");
        assert_eq!(size_text(32.0, 32.0), "32 × 32 mm");
    }

    #[test]
    fn a_picture_is_named_by_what_it_shows() {
        assert_eq!(picture_url("mug", "00ff", 400), "/pictures/mug-00ff-1-400.jpg");
    }
}
