//! What the customer fills in, and how it is written down.

use super::OneOrMore;
use crate::kernel::lang::Words;
use crate::render::Color;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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
