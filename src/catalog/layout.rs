//! The layout of a product: its design surface, the layers drawn on it and the fields a customer fills in.
//!
//! Written as `product.toml` beside its artwork, stored as JSON per version. All lengths are millimetres, all angles
//! degrees clockwise. [`ProductFile::parse`] reads and checks a file; [`Layout::problems`] checks a layout from anywhere.

mod check;
mod fields;
mod layers;
mod paint;
mod sky;
#[cfg(test)]
mod tests;

pub use check::{MAX_SIDE_MM, Problem};
pub(crate) use check::{is_date, is_word};
pub use fields::{Choice, Colors, Field, FieldKind, Place, TextField};
pub use layers::{
    ARTWORK_APRON_MM, ArtworkLayer, Border, Layer, Look, Mask, OneOrMore, Outline, PhotoLayer, Shadow, Show, TextLayer,
    When,
};
pub use paint::Paint;
pub use sky::{Hour, Hours, SkyLayer, SkyLines, SkyMilkyWay, SkyStars};

use crate::kernel::Message;
use crate::kernel::lang::Words;
use crate::render::Paper;
pub use crate::render::scene::{Fade, Frame};
use crate::render::shape::Edge;
pub use crate::render::text::{Align, Arc, ArcStart, Direction, VerticalAlign};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole `product.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductFile {
    pub slug: String,
    pub category: String,
    pub name: Words,
    pub description: Words,
    pub mockup: Mockup,
    pub variants: Vec<Variant>,
    pub layout: Layout,
    /// Params for the product's own picture, by field id. A photo names a file of `assets/samples/`.
    #[serde(default)]
    pub sample: BTreeMap<String, serde_json::Value>,
}

impl ProductFile {
    /// Reads a `product.toml`.
    ///
    /// # Errors
    /// Every mistake found, each with its place.
    pub fn parse(text: &str) -> Result<ProductFile, Vec<Problem>> {
        let file: ProductFile = toml::from_str(text).map_err(|error| {
            vec![Problem::new(
                "file",
                Message::new("layout.check.unreadable").with("why", error.to_string().trim_end()),
            )]
        })?;
        let mut file = file;
        file.layout.align_arcs();
        let problems = file.problems();
        if problems.is_empty() { Ok(file) } else { Err(problems) }
    }

    pub fn variant(&self, key: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.key == key)
    }
}

/// The scene a product is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mockup {
    Wall,
    Canvas,
    Mug,
    Tag,
    Shirt,
    Tote,
    Phone,
    Flat,
}

impl Mockup {
    /// The folder under `assets/mockups`; `None` where there is nothing but the flat picture.
    pub fn stage(self) -> Option<&'static str> {
        match self {
            Mockup::Wall => Some("wall"),
            Mockup::Canvas => Some("canvas"),
            Mockup::Mug => Some("mug"),
            Mockup::Tag => Some("tag"),
            Mockup::Shirt => Some("shirt"),
            Mockup::Phone => Some("phone"),
            Mockup::Tote | Mockup::Flat => None,
        }
    }

    /// A list shows the thing rather than its print. A poster is its print, and hangs on the list's own wall.
    pub fn leads(self) -> bool {
        self.stage().is_some() && self != Mockup::Wall
    }
}

/// One size or material of a product, with its price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Stable within the product.
    pub key: String,
    pub name: Words,
    pub width_mm: f64,
    pub height_mm: f64,
    /// In the minor unit of the shop's currency (yen), with or without tax as the shop's settings say.
    pub price: i64,
    pub size_class: SizeClass,
}

impl Variant {
    pub fn size(&self) -> Size {
        Size { width_mm: self.width_mm, height_mm: self.height_mm }
    }
}

/// What kind of parcel a thing fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeClass {
    FlatSmall,
    FlatLarge,
    ParcelSmall,
    ParcelLarge,
}

/// Width and height of a print, trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    pub width_mm: f64,
    pub height_mm: f64,
}

/// The design surface. `width_mm` × `height_mm` is the size that the layers' numbers refer to; variants are drawn by
/// uniform scaling, covering and centred. Bleed and safe margin are real millimetres on every variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    pub width_mm: f64,
    pub height_mm: f64,
    #[serde(default = "default_dpi")]
    pub dpi: u32,
    #[serde(default = "default_bleed")]
    pub bleed_mm: f64,
    #[serde(default = "default_safe_margin")]
    pub safe_margin_mm: f64,
    /// The shape in which the thing is cut. The print file is a rectangle around it all the same.
    #[serde(default, skip_serializing_if = "Mask::is_rect")]
    pub trim: Mask,
    /// The print file is changed about left to right (`mirror = true`), for transfer paper and what is printed from behind.
    /// Previews and mock-ups never are: the customer sees the thing as it will be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mirror: bool,
    pub background: Paint,
    /// Bottom to top.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// In the order of the editor.
    #[serde(default)]
    pub fields: Vec<Field>,
}

fn default_dpi() -> u32 {
    300
}

fn default_bleed() -> f64 {
    3.0
}

fn default_safe_margin() -> f64 {
    5.0
}

impl Layout {
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    pub fn size(&self) -> Size {
        Size { width_mm: self.width_mm, height_mm: self.height_mm }
    }

    /// Pixels of the print file of a variant: (size + 2 × bleed) × dpi / 25.4, rounded.
    pub fn print_pixels(&self, size: Size) -> (u32, u32) {
        let pixels = |mm: f64| ((mm + 2.0 * self.bleed_mm) * f64::from(self.dpi) / 25.4).round().max(1.0) as u32;
        (pixels(size.width_mm), pixels(size.height_mm))
    }

    /// Arcs stand as their layers are aligned. Only for files that are written by hand: in what is stored from before arcs had an `align`
    /// of their own, that of the layer was not heard, and what was ordered must not move.
    fn align_arcs(&mut self) {
        for layer in &mut self.layers {
            if let Layer::Text(TextLayer { align, arc: Some(arc), .. }) = layer
                && arc.align == Align::default()
            {
                arc.align = *align;
            }
        }
    }

    /// Where a print of that size is cut.
    fn cut(&self, size: Size) -> Option<Edge> {
        let Size { width_mm: width, height_mm: height } = size;
        let frame = Frame { x: 0.0, y: 0.0, width, height, rotation: 0.0 };
        let scale = (width / self.width_mm).max(height / self.height_mm);
        Some(Edge::of(&self.trim.outline(&frame, scale)?))
    }

    /// Where a print of that size is cut, if it is not a rectangle.
    pub fn shaped_cut(&self, size: Size) -> Option<Edge> {
        if self.trim.is_rect() { None } else { self.cut(size) }
    }

    /// SVG path data, in base millimetres: where the thing is cut, and the area inside in which text is safe, empty where there is no
    /// margin.
    pub fn guides(&self) -> (String, String) {
        let cut = self.cut(self.size());
        let margin = self.safe_margin_mm;
        let safe = match &self.trim {
            _ if margin <= 0.0 => None,
            // Corners stay corners.
            Mask::Rect | Mask::Rounded { .. } => {
                let (width, height) = (self.width_mm - 2.0 * margin, self.height_mm - 2.0 * margin);
                let frame = Frame { x: margin, y: margin, width, height, rotation: 0.0 };
                let inner = match self.trim {
                    Mask::Rounded { radius } => Mask::Rounded { radius: (radius - margin).max(0.0) },
                    _ => Mask::Rect,
                };
                inner.outline(&frame, 1.0).map(|path| Edge::of(&path))
            }
            _ => cut.as_ref().map(|cut| cut.inset(margin)),
        };
        let data = |edge: Option<Edge>| edge.map(|edge| edge.data()).unwrap_or_default();
        (data(cut), data(safe))
    }

    /// How the print file is put on paper.
    pub fn paper(&self) -> Paper {
        Paper { dpi: self.dpi, mirror: self.mirror }
    }

    /// Names of the artwork files the layers use, each once.
    pub fn artwork_files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = self
            .layers
            .iter()
            .filter_map(|layer| match layer {
                Layer::Artwork(artwork) => Some(artwork.file.as_str()),
                _ => None,
            })
            .collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}
