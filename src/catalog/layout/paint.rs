//! Colours: written out, or chosen by the customer.

use crate::render::Color;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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
