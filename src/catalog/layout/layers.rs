//! What is drawn, bottom to top.

use super::{Paint, SkyLayer};
use crate::render::scene::{Affine, Fade, Frame};
use crate::render::text::{Align, Arc, Direction, VerticalAlign};
use crate::render::{Color, shape};
use resvg::tiny_skia::{Path, PathBuilder, Rect};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

    pub fn when_mut(&mut self) -> &mut When {
        match self {
            Layer::Artwork(layer) => &mut layer.when,
            Layer::Photo(layer) => &mut layer.when,
            Layer::Text(layer) => &mut layer.when,
            Layer::Sky(layer) => &mut layer.when,
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
    /// An upright frame without any decoration, at `[x, y, width, height]` in millimetres.
    pub fn plain(field: String, [x, y, width, height]: [f64; 4]) -> PhotoLayer {
        PhotoLayer {
            field,
            x,
            y,
            width,
            height,
            rotation: 0.0,
            mask: Mask::Rect,
            look: Look::Plain,
            shadow: None,
            border: None,
            opacity: 1.0,
            fade: None,
            when: BTreeMap::new(),
        }
    }
}

impl PhotoLayer {
    pub fn frame(&self) -> Frame {
        Frame { x: self.x, y: self.y, width: self.width, height: self.height, rotation: self.rotation }
    }
}

pub(super) fn one() -> f64 {
    1.0
}

/// A shape in a frame: the part of it in which a photo shows, or which is cut out.
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

impl Mask {
    /// Where the shape ends in a frame. `scale` is by how much the frame is larger than on the base size. `None` without area.
    pub fn outline(&self, frame: &Frame, scale: f64) -> Option<Path> {
        let (cx, cy) = frame.center();
        let rect = Rect::from_xywh(
            (-frame.width / 2.0) as f32,
            (-frame.height / 2.0) as f32,
            frame.width as f32,
            frame.height as f32,
        )?;
        let place = Affine::rotate(frame.rotation).then(Affine::translate(cx, cy)).skia();
        match self {
            Mask::Rect => PathBuilder::from_rect(rect).transform(place),
            Mask::Rounded { radius } => shape::rounded_rect(rect, (radius * scale) as f32)?.transform(place),
            Mask::Ellipse => PathBuilder::from_oval(rect)?.transform(place),
            Mask::Path { d } => shape::parse_path(d)?.transform(frame.from_unit().skia()),
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Mask::Rect => "rect",
            Mask::Rounded { .. } => "rounded",
            Mask::Ellipse => "ellipse",
            Mask::Path { .. } => "path",
        }
    }

    pub(super) fn is_rect(&self) -> bool {
        *self == Mask::Rect
    }
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
    /// A line on an arc keeps to the arc's own `align`; [`super::ProductFile::parse`] takes it from here.
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
