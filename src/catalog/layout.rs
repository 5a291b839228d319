//! The layout of a product: its design surface, the layers drawn on it and the fields a customer fills in.
//!
//! Written as `product.toml` beside its artwork, stored as JSON per version. All lengths are millimetres, all angles
//! degrees clockwise. [`ProductFile::parse`] reads and checks a file; [`Layout::problems`] checks a layout from anywhere.

mod check;
mod sky;

pub use check::Problem;
pub(crate) use check::is_date;
pub use sky::{Hour, SkyLayer, SkyLines, SkyMilkyWay, SkyStars};

use crate::kernel::lang::Words;
pub use crate::render::scene::{Fade, Frame};
pub use crate::render::text::{Align, Arc, ArcStart, Direction, VerticalAlign};
use crate::render::{Color, Paper};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
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
        let file: ProductFile = toml::from_str(text).map_err(|error| vec![Problem::new("file", error)])?;
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

/// A colour: written out, or that of a colour field (`"$paper"`), or a field's mixed with another
/// (`{ field = "paper", mix = "#000000", amount = 0.1 }`).
#[derive(Clone, Debug, PartialEq)]
pub enum Paint {
    Literal(Color),
    Field(String),
    Mixed { field: String, mix: Color, amount: f64 },
}

impl Paint {
    /// The colour field it depends on.
    pub fn field(&self) -> Option<&str> {
        match self {
            Paint::Literal(_) => None,
            Paint::Field(field) | Paint::Mixed { field, .. } => Some(field),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PaintFile {
    Text(String),
    Mixed(MixedFile),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MixedFile {
    field: String,
    mix: Color,
    amount: f64,
}

impl Serialize for Paint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Paint::Literal(color) => color.serialize(serializer),
            Paint::Field(field) => serializer.collect_str(&format_args!("${field}")),
            Paint::Mixed { field, mix, amount } => {
                MixedFile { field: field.clone(), mix: *mix, amount: *amount }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Paint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match PaintFile::deserialize(deserializer)? {
            PaintFile::Text(text) => match text.strip_prefix('$') {
                Some(field) => Ok(Paint::Field(field.to_owned())),
                None => text
                    .parse()
                    .map(Paint::Literal)
                    .map_err(|_| de::Error::custom(format!("`{text}` is neither a colour #rrggbb nor a field $id"))),
            },
            PaintFile::Mixed(MixedFile { field, mix, amount }) => Ok(Paint::Mixed { field, mix, amount }),
        }
    }
}

/// Something drawn, bottom to top.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Layer {
    Artwork(ArtworkLayer),
    Photo(PhotoLayer),
    Text(TextLayer),
    Sky(SkyLayer),
}

impl Layer {
    pub fn when(&self) -> &When {
        match self {
            Layer::Artwork(layer) => &layer.when,
            Layer::Photo(layer) => &layer.when,
            Layer::Text(layer) => &layer.when,
            Layer::Sky(layer) => &layer.when,
        }
    }
}

/// Shows a layer only while each named choice field has one of the values given. Empty: always.
pub type When = BTreeMap<String, OneOrMore>;

/// A string, or a list of strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub fn values(&self) -> &[String] {
        match self {
            OneOrMore::One(value) => std::slice::from_ref(value),
            OneOrMore::More(values) => values,
        }
    }
}

/// An SVG file over the whole surface. Its viewBox is in base millimetres with an apron of [`ARTWORK_APRON_MM`] on each
/// side (`-10 -10 W+20 H+20`), so that the bleed is covered at every scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtworkLayer {
    pub file: String,
    /// Literal colours of the file, and what replaces them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub colors: BTreeMap<Color, Paint>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: When,
}

/// How far artwork reaches beyond the trim on each side, in base millimetres.
pub const ARTWORK_APRON_MM: f64 = 10.0;

/// A frame filled by the customer's photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotoLayer {
    pub field: String,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    #[serde(default)]
    pub rotation: f64,
    #[serde(default)]
    pub mask: Mask,
    /// `plain`, `mono` or `warm`, or `$id` of a choice field that has some of these as its choices.
    #[serde(default)]
    pub look: Look,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub border: Option<Border>,
    #[serde(default = "one")]
    pub opacity: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fade: Option<Fade>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: When,
}

impl PhotoLayer {
    pub fn frame(&self) -> Frame {
        Frame { x: self.x, y: self.y, width: self.width, height: self.height, rotation: self.rotation }
    }
}

fn one() -> f64 {
    1.0
}

/// The part of its frame in which a photo shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "lowercase", deny_unknown_fields)]
pub enum Mask {
    #[default]
    Rect,
    Rounded {
        radius: f64,
    },
    Ellipse,
    /// An SVG path whose 0–1 square is the frame.
    Path {
        d: String,
    },
}

/// How the colours of a photo are changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Look {
    #[default]
    Plain,
    Mono,
    Warm,
    /// What a choice field says.
    Field(String),
}

impl TryFrom<String> for Look {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "plain" => Ok(Look::Plain),
            "mono" => Ok(Look::Mono),
            "warm" => Ok(Look::Warm),
            _ => match text.strip_prefix('$') {
                Some(field) => Ok(Look::Field(field.to_owned())),
                None => Err(format!("`{text}` is no look; there are plain, mono, warm and $field")),
            },
        }
    }
}

impl From<Look> for String {
    fn from(look: Look) -> String {
        match look {
            Look::Plain => "plain".into(),
            Look::Mono => "mono".into(),
            Look::Warm => "warm".into(),
            Look::Field(field) => format!("${field}"),
        }
    }
}

/// A soft shadow of a masked shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    #[serde(default)]
    pub dx: f64,
    #[serde(default)]
    pub dy: f64,
    /// How far the softness reaches, in millimetres.
    #[serde(default)]
    pub blur: f64,
    pub color: Paint,
}

/// A line along the edge of a masked shape, half of it inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Border {
    pub width: f64,
    pub color: Paint,
}

/// A text, date or place field set in a box.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLayer {
    pub field: String,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    #[serde(default)]
    pub rotation: f64,
    /// The wished height of the em square; text shrinks to fit the box.
    pub size_mm: f64,
    /// Smaller than this is a warning.
    pub min_size_mm: f64,
    #[serde(default)]
    pub align: Align,
    #[serde(default)]
    pub valign: VerticalAlign,
    /// The face where the customer chose none.
    pub font: String,
    /// The colour where the customer chose none.
    pub color: Paint,
    /// In em.
    #[serde(default)]
    pub letter_spacing: f64,
    #[serde(default)]
    pub uppercase: bool,
    /// Lines, or columns when vertical. More than one: text wraps, Japanese anywhere, other text at spaces.
    #[serde(default = "one_line")]
    pub max_lines: u32,
    #[serde(default = "default_line_height")]
    pub line_height: f64,
    #[serde(default)]
    pub direction: Direction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arc: Option<Arc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outline: Option<Outline>,
    /// Of a place: its name, or its coordinates (`show = "coordinates"`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub show: Show,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: When,
}

/// What a text layer shows of a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Show {
    #[default]
    Name,
    /// For example `35.69° N  139.69° E`.
    Coordinates,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TextLayer {
    pub fn frame(&self) -> Frame {
        Frame { x: self.x, y: self.y, width: self.width, height: self.height, rotation: self.rotation }
    }
}

fn one_line() -> u32 {
    1
}

fn default_line_height() -> f64 {
    1.25
}

/// A line around letters, outside their shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outline {
    pub width: f64,
    pub color: Paint,
}

/// Something the customer fills in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FieldFile", into = "FieldFile")]
pub struct Field {
    pub id: String,
    pub label: Words,
    /// A sentence beside the control.
    pub hint: Option<Words>,
    pub required: bool,
    pub kind: FieldKind,
}

/// What a field takes.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    Photo,
    Text(TextField),
    Color {
        default: Color,
        colors: Colors,
    },
    Choice {
        default: String,
        choices: Vec<Choice>,
    },
    /// `default` as `2024-05-01`.
    Date {
        default: Option<String>,
    },
    Place {
        default: Option<Place>,
    },
}

impl FieldKind {
    /// The word for it in JSON: photo, text, color, choice, date, place.
    pub fn name(&self) -> &'static str {
        match self {
            FieldKind::Photo => "photo",
            FieldKind::Text(_) => "text",
            FieldKind::Color { .. } => "color",
            FieldKind::Choice { .. } => "choice",
            FieldKind::Date { .. } => "date",
            FieldKind::Place { .. } => "place",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct TextField {
    /// Code points.
    pub max_chars: u32,
    pub default: String,
    /// Shown on the product's own picture.
    pub sample: Option<String>,
    /// Ids of the faces the customer may pick; empty: no choice.
    pub fonts: Vec<String>,
    /// Colours the customer may pick; empty: no choice.
    pub colors: Vec<Color>,
}

/// The colours a field takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Colors {
    Any,
    These(Vec<Color>),
}

impl Colors {
    pub fn allow(&self, color: Color) -> bool {
        match self {
            Colors::Any => color.alpha == 255,
            Colors::These(list) => list.contains(&color),
        }
    }
}

impl Serialize for Colors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Colors::Any => serializer.serialize_str("any"),
            Colors::These(list) => list.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Colors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match OneOrMore::deserialize(deserializer)? {
            OneOrMore::One(word) if word == "any" => Ok(Colors::Any),
            OneOrMore::One(word) => Err(de::Error::custom(format!("colors is a list or \"any\", not `{word}`"))),
            OneOrMore::More(list) => list
                .iter()
                .map(|text| text.parse())
                .collect::<Result<_, _>>()
                .map(Colors::These)
                .map_err(de::Error::custom),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    pub id: String,
    pub label: Words,
}

/// A point on the globe with its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub name: String,
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

/// A field as it is written: one flat table, in which only the limits of its kind may stand.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldFile {
    id: String,
    kind: String,
    label: Words,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<Words>,
    #[serde(default)]
    required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sample: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_chars: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fonts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    colors: Option<Colors>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    choices: Vec<Choice>,
}

impl TryFrom<FieldFile> for Field {
    type Error = String;

    fn try_from(file: FieldFile) -> Result<Field, String> {
        let FieldFile { id, kind, label, hint, required, default, sample, max_chars, fonts, colors, choices } = file;
        let stray = |name: &str, present: bool| {
            if present { Err(format!("field `{id}`: a {kind} field has no `{name}`")) } else { Ok(()) }
        };
        if kind != "text" {
            stray("max_chars", max_chars.is_some())?;
            stray("fonts", !fonts.is_empty())?;
            stray("sample", sample.is_some())?;
        }
        if kind != "text" && kind != "color" {
            stray("colors", colors.is_some())?;
        }
        if kind != "choice" {
            stray("choices", !choices.is_empty())?;
        }
        let text_default = || match &default {
            None => Ok(None),
            Some(serde_json::Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("field `{id}`: its default must be a string")),
        };
        let field_kind = match kind.as_str() {
            "photo" => {
                stray("default", default.is_some())?;
                FieldKind::Photo
            }
            "text" => FieldKind::Text(TextField {
                max_chars: max_chars.ok_or_else(|| format!("field `{id}`: a text field needs `max_chars`"))?,
                default: text_default()?.unwrap_or_default(),
                sample,
                fonts,
                colors: match colors {
                    None => Vec::new(),
                    Some(Colors::These(list)) => list,
                    Some(Colors::Any) => return Err(format!("field `{id}`: colors of a text field must be a list")),
                },
            }),
            "color" => FieldKind::Color {
                default: text_default()?
                    .ok_or_else(|| format!("field `{id}`: a color field needs a `default`"))?
                    .parse()
                    .map_err(|error| format!("field `{id}`: {error}"))?,
                colors: colors.ok_or_else(|| format!("field `{id}`: a color field needs `colors`"))?,
            },
            "choice" => FieldKind::Choice {
                default: text_default()?.ok_or_else(|| format!("field `{id}`: a choice field needs a `default`"))?,
                choices,
            },
            "date" => FieldKind::Date { default: text_default()? },
            "place" => FieldKind::Place {
                default: match default {
                    None => None,
                    Some(value) => {
                        Some(serde_json::from_value(value).map_err(|error| format!("field `{id}`: default: {error}"))?)
                    }
                },
            },
            other => {
                return Err(format!(
                    "field `{id}`: `{other}` is no kind; there are photo, text, color, choice, date and place"
                ));
            }
        };
        Ok(Field { id, label, hint, required, kind: field_kind })
    }
}

impl From<Field> for FieldFile {
    fn from(field: Field) -> FieldFile {
        let mut file = FieldFile {
            id: field.id,
            kind: field.kind.name().to_owned(),
            label: field.label,
            hint: field.hint,
            required: field.required,
            default: None,
            sample: None,
            max_chars: None,
            fonts: Vec::new(),
            colors: None,
            choices: Vec::new(),
        };
        match field.kind {
            FieldKind::Photo => {}
            FieldKind::Text(text) => {
                file.max_chars = Some(text.max_chars);
                file.default = (!text.default.is_empty()).then(|| text.default.into());
                file.sample = text.sample;
                file.fonts = text.fonts;
                file.colors = (!text.colors.is_empty()).then_some(Colors::These(text.colors));
            }
            FieldKind::Color { default, colors } => {
                file.default = Some(default.to_string().into());
                file.colors = Some(colors);
            }
            FieldKind::Choice { default, choices } => {
                file.default = Some(default.into());
                file.choices = choices;
            }
            FieldKind::Date { default } => file.default = default.map(Into::into),
            FieldKind::Place { default } => {
                file.default =
                    default.map(|place| serde_json::json!({ "name": place.name, "lat": place.lat, "lon": place.lon }));
            }
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const FILE: &str = r##"
slug = "star-poster"
category = "poster"
name = { en = "Star poster", ja = "星のポスター" }
description = { en = "A poster.", ja = "ポスターです。" }
mockup = "wall"

[[variants]]
key = "a4"
name = { en = "A4", ja = "A4" }
width_mm = 210
height_mm = 297
price = 2980
size_class = "flat-small"

[layout]
width_mm = 210
height_mm = 297
background = "$paper"

[[layout.layers]]
kind = "artwork"
file = "back.svg"
colors = { "#FBF7EF" = "$paper", "#e2ded7" = { field = "paper", mix = "#000000", amount = 0.1 } }
when = { look = ["plain", "mono"] }

[[layout.layers]]
kind = "photo"
field = "photo"
x = 20
y = 20
width = 170
height = 170
mask = { shape = "rounded", radius = 8 }
look = "$look"
shadow = { dy = 1, blur = 3.0, color = "#00000040" }
fade = { bottom = 0.3 }

[[layout.layers]]
kind = "text"
field = "name"
x = 20
y = 205
width = 170
height = 30
size_mm = 22
min_size_mm = 6
font = "zen-maru-bold"
color = "#1b1f3b"
arc = { radius = 60, start = "bottom" }

[[layout.fields]]
id = "photo"
kind = "photo"
label = { en = "Your photo", ja = "写真" }
required = true

[[layout.fields]]
id = "name"
kind = "text"
label = { en = "Name", ja = "なまえ" }
required = true
max_chars = 20
sample = "Chelsea"
fonts = ["zen-maru-bold", "caveat"]

[[layout.fields]]
id = "paper"
kind = "color"
label = { en = "Paper", ja = "紙の色" }
default = "#FBF7EF"
colors = ["#FBF7EF", "#14183A"]

[[layout.fields]]
id = "look"
kind = "choice"
label = { en = "Look", ja = "仕上がり" }
default = "plain"
choices = [ { id = "plain", label = { en = "Plain", ja = "そのまま" } }, { id = "mono", label = { en = "Black and white", ja = "モノクロ" } } ]

[sample]
photo = { file = "chelsea.jpg", x = 0.5, y = 0.4, zoom = 1.2, rotation = 0 }
"##;

    #[test]
    fn a_file_is_read_and_survives_json() {
        let file = ProductFile::parse(FILE).unwrap();
        assert_eq!(file.layout.print_pixels(file.variants[0].size()), (2551, 3579));
        assert_eq!(file.layout.artwork_files(), ["back.svg"]);
        assert_eq!(file.layout.background, Paint::Field("paper".into()));
        let json = serde_json::to_string(&file).unwrap();
        assert_eq!(serde_json::from_str::<ProductFile>(&json).unwrap(), file);
    }

    /// Replaces one piece of the good file and returns what is said about the result.
    fn mistake(from: &str, to: &str) -> String {
        assert!(FILE.contains(from), "{from}");
        let problems = ProductFile::parse(&FILE.replacen(from, to, 1)).expect_err(to);
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (from, to, said) in [
            ("width_mm = 210\nheight_mm = 297\nprice", "width_mm = 210\nheight_mm = 210\nprice", "variants[0] (a4)"),
            ("price = 2980", "price = 0", "above 0"),
            ("\"zen-maru-bold\"\ncolor", "\"comic\"\ncolor", "layout.layers[2] (text name): there is no face `comic`"),
            ("field = \"photo\"", "field = \"foto\"", "no photo field `foto`"),
            ("field = \"name\"", "field = \"paper\"", "no text, date or place field `paper`"),
            ("max_chars = 20", "max_chars = 3", "sample is longer"),
            ("max_chars = 20", "", "needs `max_chars`"),
            ("\"Chelsea\"", "\"Chelsea 🐾\"", "no face can draw `🐾`"),
            ("default = \"#FBF7EF\"", "default = \"#000000\"", "not among its colours"),
            ("default = \"plain\"", "default = \"loud\"", "not among its choices"),
            ("look = [\"plain\"", "look = [\"loud\"", "no choice `loud`"),
            ("radius = 8", "radius = -1", "radius"),
            ("fade = { bottom = 0.3 }", "fade = { bottom = 30 }", "share of the frame"),
            ("fade = {", "fades = {", "fades"),
            ("background = \"$paper\"", "background = \"$look\"", "no color field `look`"),
            ("background = \"$paper\"", "background = \"cream\"", "`cream` is neither a colour"),
            ("photo = { file", "foto = { file", "sample: there is no field `foto`"),
            ("file = \"back.svg\"", "file = \"../back.svg\"", "plain name"),
            ("x = 20\ny = 20", "x = 400\ny = 20", "outside the surface"),
            (
                "label = { en = \"Name\", ja = \"なまえ\" }",
                "label = { en = \"Name\", ja = \"\" }",
                "Japanese text is empty",
            ),
            (
                "required = true\nmax_chars",
                "required = true\ndefault = \"Bella\"\nmax_chars",
                "required field has no default",
            ),
        ] {
            let message = mistake(from, to);
            assert!(message.contains(said), "{to}: {message}");
        }
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        for good in ["2024-02-29", "1999-12-31"] {
            assert!(check::is_date(good), "{good}");
        }
        for bad in ["2023-02-29", "2024-13-01", "2024-00-10", "2024-4-01", "24-04-01", "2024-04-01x", "0000-01-01"] {
            assert!(!check::is_date(bad), "{bad}");
        }
    }
}
