//! Params, typed: what a customer filled in, checked against the layout.

use crate::catalog::layout::{Field, FieldKind, Layout, Place, ProductFile, is_date};
use crate::kernel::text::TextProblem;
use crate::kernel::{FieldError, Message, text};
use crate::render::{Color, fonts};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// Values by field id. Gaps are allowed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(pub BTreeMap<String, Value>);

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Photo(PhotoValue),
    Text(TextValue),
    Color(Color),
    Choice(String),
    /// `2024-05-01`
    Date(String),
    Place(Place),
}

/// Which photo, and which part of it shows. `x`, `y`: the point of the upright photo (0–1) at the frame's centre; `zoom`
/// 1–10, where 1 just covers the frame at this rotation; `rotation` in degrees clockwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhotoValue {
    pub photo_id: Uuid,
    pub x: f64,
    pub y: f64,
    pub zoom: f64,
    pub rotation: f64,
}

impl PhotoValue {
    /// The middle of the photo, as large as covers its frame.
    pub fn whole(photo_id: Uuid) -> Self {
        Self { photo_id, x: 0.5, y: 0.5, zoom: 1.0, rotation: 0.0 }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextValue {
    pub text: String,
    pub font: Option<String>,
    pub color: Option<Color>,
}

/// Collects what is wrong with the params of one request.
struct Reader {
    errors: Vec<FieldError>,
}

impl Reader {
    fn refuse(&mut self, path: &str, message: Message) {
        self.errors.push(FieldError { field: path.to_owned(), message });
    }

    fn number(&mut self, path: &str, value: Option<&Json>, default: f64, low: f64, high: f64) -> f64 {
        match value {
            None | Some(Json::Null) => default,
            Some(value) => match value.as_f64() {
                Some(number) if number >= low && number <= high => number,
                _ => {
                    let message = Message::new("design.rule.number").with("low", low).with("high", high);
                    self.refuse(path, message);
                    default
                }
            },
        }
    }

    fn color(&mut self, path: &str, value: &Json) -> Option<Color> {
        let color = value.as_str().filter(|text| text.len() == 7).and_then(|text| text.parse().ok());
        if color.is_none() {
            self.refuse(path, Message::new("design.rule.color"));
        }
        color
    }

    fn unknown_members(&mut self, path: &str, members: &Map<String, Json>, known: &[&str]) {
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            self.refuse(&format!("{path}.{name}"), Message::new("design.rule.unknown_field"));
        }
    }

    fn photo(&mut self, path: &str, value: &Json) -> Option<Value> {
        let Some(members) = value.as_object() else {
            self.refuse(path, Message::new("design.rule.photo"));
            return None;
        };
        self.unknown_members(path, members, &["photo_id", "x", "y", "zoom", "rotation"]);
        let photo_id = match members.get("photo_id") {
            // A form sends an empty id for a frame that has no photo yet.
            None | Some(Json::Null) => return None,
            Some(Json::String(text)) if text.is_empty() => return None,
            Some(id) => id.as_str().and_then(|text| text.parse().ok()),
        };
        let x = self.number(&format!("{path}.x"), members.get("x"), 0.5, 0.0, 1.0);
        let y = self.number(&format!("{path}.y"), members.get("y"), 0.5, 0.0, 1.0);
        let zoom = self.number(&format!("{path}.zoom"), members.get("zoom"), 1.0, 1.0, 10.0);
        let rotation = self.number(&format!("{path}.rotation"), members.get("rotation"), 0.0, -360.0, 360.0);
        match photo_id {
            Some(photo_id) => Some(Value::Photo(PhotoValue { photo_id, x, y, zoom, rotation })),
            None => {
                self.refuse(&format!("{path}.photo_id"), Message::new("design.rule.photo_id"));
                None
            }
        }
    }

    fn text(&mut self, path: &str, limits: &crate::catalog::layout::TextField, value: &Json) -> Option<Value> {
        let (text, font, color) = match value {
            Json::String(text) => (text.as_str(), None, None),
            Json::Object(members) => {
                self.unknown_members(path, members, &["text", "font", "color"]);
                let text = match members.get("text") {
                    None | Some(Json::Null) => "",
                    Some(Json::String(text)) => text,
                    Some(_) => {
                        self.refuse(&format!("{path}.text"), Message::new("design.rule.text"));
                        return None;
                    }
                };
                let filled =
                    |name: &str| members.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""));
                let font = match filled("font") {
                    None => None,
                    Some(font) => match font.as_str().filter(|font| limits.fonts.iter().any(|known| known == font)) {
                        Some(font) => Some(font.to_owned()),
                        None => {
                            self.refuse(&format!("{path}.font"), Message::new("design.rule.font"));
                            None
                        }
                    },
                };
                let color = match filled("color") {
                    None => None,
                    Some(value) => self.color(&format!("{path}.color"), value),
                };
                if color.is_some_and(|color| !limits.colors.contains(&color)) {
                    self.refuse(&format!("{path}.color"), Message::new("design.rule.color_choice"));
                }
                (text, font, color)
            }
            _ => {
                self.refuse(path, Message::new("design.rule.text"));
                return None;
            }
        };
        match text::clean_block(&composed(text), limits.max_chars as usize) {
            Ok(text) => Some(Value::Text(TextValue { text, font, color })),
            Err(TextProblem::TooLong { max }) => {
                self.refuse(path, Message::new("design.rule.too_long").with("max", max));
                None
            }
            Err(TextProblem::Control) => {
                self.refuse(path, Message::new("design.rule.control"));
                None
            }
        }
    }

    fn place(&mut self, path: &str, value: &Json) -> Option<Value> {
        let Some(members) = value.as_object() else {
            self.refuse(path, Message::new("design.rule.place"));
            return None;
        };
        self.unknown_members(path, members, &["name", "lat", "lon"]);
        let name = match members.get("name") {
            None | Some(Json::Null) => Some(""),
            Some(name) => name.as_str(),
        };
        let name = name.and_then(|name| text::clean_line(&composed(name), 80).ok());
        let missing = f64::NAN;
        let lat = self.number(&format!("{path}.lat"), members.get("lat"), missing, -90.0, 90.0);
        let lon = self.number(&format!("{path}.lon"), members.get("lon"), missing, -180.0, 180.0);
        match name {
            Some(name) if lat.is_finite() && lon.is_finite() => Some(Value::Place(Place { name, lat, lon })),
            _ => {
                self.refuse(path, Message::new("design.rule.place"));
                None
            }
        }
    }

    fn value(&mut self, path: &str, field: &Field, value: &Json) -> Option<Value> {
        // An empty string is how forms say "nothing" for everything but text.
        if value.is_null() || (value.as_str() == Some("") && !matches!(field.kind, FieldKind::Text(_))) {
            return None;
        }
        match &field.kind {
            FieldKind::Photo => self.photo(path, value),
            FieldKind::Text(limits) => self.text(path, limits, value),
            FieldKind::Color { colors, .. } => {
                let color = self.color(path, value)?;
                if !colors.allow(color) {
                    self.refuse(path, Message::new("design.rule.color_choice"));
                }
                Some(Value::Color(color))
            }
            FieldKind::Choice { choices, .. } => match value.as_str() {
                Some(id) if choices.iter().any(|choice| choice.id == id) => Some(Value::Choice(id.to_owned())),
                _ => {
                    self.refuse(path, Message::new("design.rule.choice"));
                    None
                }
            },
            FieldKind::Date { .. } => match value.as_str() {
                Some(date) if is_date(date) => Some(Value::Date(date.to_owned())),
                _ => {
                    self.refuse(path, Message::new("design.rule.date"));
                    None
                }
            },
            FieldKind::Place { .. } => self.place(path, value),
        }
    }
}

/// Letters and their accents joined (NFC), as keyboards but not all file systems give them. Ideographs for compatibility
/// are left as typed: they are how some people write their names, and NFC would change them.
fn composed(text: &str) -> String {
    let kept = |c: char| matches!(c, '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}');
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(kept) {
        let last = piece.chars().next_back().filter(|c| kept(*c));
        let plain = &piece[..piece.len() - last.map_or(0, char::len_utf8)];
        out.extend(plain.nfc());
        out.extend(last);
    }
    out
}

impl Values {
    /// Reads the `params` of a request.
    ///
    /// # Errors
    /// Every unknown field, wrong kind and broken limit. Paths begin with `params.`.
    pub fn from_json(layout: &Layout, params: &Json) -> Result<Values, Vec<FieldError>> {
        let mut reader = Reader { errors: Vec::new() };
        let mut values = BTreeMap::new();
        match params {
            Json::Null => {}
            Json::Object(members) => {
                for (id, value) in members {
                    let path = format!("params.{id}");
                    match layout.field(id) {
                        None => reader.refuse(&path, Message::new("design.rule.unknown_field")),
                        Some(field) => {
                            if let Some(value) = reader.value(&path, field, value) {
                                values.insert(id.clone(), value);
                            }
                        }
                    }
                }
            }
            _ => reader.refuse("params", Message::new("design.rule.params")),
        }
        if reader.errors.is_empty() { Ok(Values(values)) } else { Err(reader.errors) }
    }

    /// The one way to write these values; texts without font or colour are plain strings.
    pub fn to_json(&self) -> Json {
        let members = self.0.iter().map(|(id, value)| {
            let json = match value {
                Value::Photo(photo) => json!({
                    "photo_id": photo.photo_id, "x": photo.x, "y": photo.y, "zoom": photo.zoom, "rotation": photo.rotation,
                }),
                Value::Text(TextValue { text, font: None, color: None }) => json!(text),
                Value::Text(TextValue { text, font, color }) => {
                    let mut members = Map::from_iter([("text".to_owned(), json!(text))]);
                    font.as_ref().map(|font| members.insert("font".to_owned(), json!(font)));
                    color.map(|color| members.insert("color".to_owned(), json!(color)));
                    Json::Object(members)
                }
                Value::Color(color) => json!(color),
                Value::Choice(id) => json!(id),
                Value::Date(date) => json!(date),
                Value::Place(place) => json!(place),
            };
            (id.clone(), json)
        });
        Json::Object(members.collect())
    }

    pub fn photo(&self, field: &str) -> Option<&PhotoValue> {
        match self.0.get(field) {
            Some(Value::Photo(photo)) => Some(photo),
            _ => None,
        }
    }

    /// The photos in use, each once.
    pub fn photo_ids(&self) -> Vec<Uuid> {
        let mut ids: Vec<Uuid> = self
            .0
            .values()
            .filter_map(|value| match value {
                Value::Photo(photo) => Some(photo.photo_id),
                _ => None,
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The words of a text, date or place field as they are set, its default where the customer said nothing.
    pub fn words<'a>(&'a self, field: &'a Field) -> Option<String> {
        let date = |date: &str| date.replace('-', ".");
        match (self.0.get(&field.id), &field.kind) {
            (Some(Value::Text(value)), _) => Some(value.text.clone()),
            (Some(Value::Date(value)), _) => Some(date(value)),
            (Some(Value::Place(value)), _) => Some(value.name.clone()),
            (_, FieldKind::Text(limits)) => Some(limits.default.clone()),
            (_, FieldKind::Date { default }) => default.as_deref().map(date),
            (_, FieldKind::Place { default }) => default.as_ref().map(|place| place.name.clone()),
            _ => None,
        }
    }

    /// The date of a date field, its default where the customer gave none.
    pub fn date<'a>(&'a self, field: &'a Field) -> Option<&'a str> {
        match (self.0.get(&field.id), &field.kind) {
            (Some(Value::Date(date)), _) => Some(date),
            (_, FieldKind::Date { default }) => default.as_deref(),
            _ => None,
        }
    }

    /// The place of a place field, its default where the customer gave none.
    pub fn place<'a>(&'a self, field: &'a Field) -> Option<&'a Place> {
        match (self.0.get(&field.id), &field.kind) {
            (Some(Value::Place(place)), _) => Some(place),
            (_, FieldKind::Place { default }) => default.as_ref(),
            _ => None,
        }
    }

    /// The choice of a field, its default where the customer made none.
    pub fn choice<'a>(&'a self, layout: &'a Layout, id: &str) -> Option<&'a str> {
        match (self.0.get(id), &layout.field(id)?.kind) {
            (Some(Value::Choice(choice)), _) => Some(choice),
            (_, FieldKind::Choice { default, .. }) => Some(default),
            _ => None,
        }
    }

    /// Required fields that are still empty, or hold nothing anybody would see.
    pub fn missing_required(&self, layout: &Layout) -> Vec<FieldError> {
        let is_blank = |text: &str| text.chars().all(fonts::is_blank);
        let empty = |field: &&Field| match self.0.get(&field.id) {
            None => true,
            Some(Value::Text(value)) => is_blank(&value.text),
            Some(Value::Place(place)) => is_blank(&place.name),
            Some(_) => false,
        };
        let required = layout.fields.iter().filter(|field| field.required).filter(empty);
        required
            .map(|field| FieldError {
                field: format!("params.{}", field.id),
                message: Message::new(match field.kind {
                    FieldKind::Photo => "design.rule.photo_missing",
                    FieldKind::Text(_) => "design.rule.text_missing",
                    _ => "design.rule.value_missing",
                }),
            })
            .collect()
    }
}

/// Characters as they are named to a person: `🐾 🦴`, at most ten.
pub(super) fn listed(characters: &[String]) -> String {
    characters[..characters.len().min(10)].join(" ")
}

/// The values of a product's own picture, and the file of `assets/samples/` that stands for each photo id in them. Fields
/// that `[sample]` leaves out take their own sample. Values that the layout would refuse are left out.
pub fn sample_values(product: &ProductFile) -> (Values, Vec<(Uuid, String)>) {
    let mut photos = Vec::new();
    let mut params = Map::new();
    for field in &product.layout.fields {
        let value = product.sample.get(&field.id);
        let json = match (&field.kind, value) {
            (FieldKind::Photo, Some(value)) => {
                let mut value = value.clone();
                if let Some(members) = value.as_object_mut()
                    && let Some(Json::String(file)) = members.remove("file")
                {
                    let id = Uuid::from_u128(photos.len() as u128 + 1);
                    members.insert("photo_id".to_owned(), json!(id));
                    photos.push((id, file));
                }
                Some(value)
            }
            (_, Some(value)) => Some(value.clone()),
            (FieldKind::Text(limits), None) => limits.sample.clone().map(Json::String),
            (_, None) => None,
        };
        if let Some(json) = json {
            params.insert(field.id.clone(), json);
        }
    }
    let mut values = Values::default();
    for (id, value) in params {
        if let Ok(Values(one)) = Values::from_json(&product.layout, &json!({ id: value })) {
            values.0.extend(one);
        }
    }
    (values, photos)
}
