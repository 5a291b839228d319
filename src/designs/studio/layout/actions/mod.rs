//! What the buttons of the layout editor do: add, remove, put in another order. Each makes a whole layout of a whole one.

mod removing;

use crate::catalog::admin::{both, sample_photo};
use crate::catalog::layout::{
    Align, Choice, Colors, Direction, Field, FieldKind, Layer, Layout, Paint, PhotoLayer, ProductFile, Show, TextField,
    TextLayer, VerticalAlign,
};
use crate::kernel::{Message, Refusal};
use crate::render::Color;
use serde_json::json;
use std::collections::BTreeMap;

/// More than any print needs; a form with more takes long to read for people too.
const MAX_LAYERS: usize = 40;
const MAX_FIELDS: usize = 40;

/// What a new colour field offers: paper, night, coral, moss.
const FIRST_COLORS: [Color; 4] = [
    Color::opaque(0xFB, 0xF7, 0xEF),
    Color::opaque(0x14, 0x18, 0x3A),
    Color::opaque(0xD9, 0x58, 0x3B),
    Color::opaque(0x3F, 0x6B, 0x4F),
];

/// A button that changes the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Keep,
    Save,
    AddPhoto,
    AddText,
    AddDate,
    AddPlace,
    AddColor,
    AddChoice,
    /// Towards the top of the drawing.
    Up(usize),
    Down(usize),
    Remove(usize),
    FieldUp(usize),
    FieldDown(usize),
    RemoveField(usize),
}

impl Action {
    /// # Errors
    /// 422 for a button there is not.
    pub fn read(text: &str) -> Result<Action, Refusal> {
        let unknown = || Refusal::field("do", Message::new("layout.choose"));
        let (name, number) = text.split_once('.').unwrap_or((text, ""));
        let at = || number.parse::<usize>().map_err(|_| unknown());
        Ok(match name {
            "" | "keep" => Action::Keep,
            "save" => Action::Save,
            "add-photo" => Action::AddPhoto,
            "add-text" => Action::AddText,
            "add-date" => Action::AddDate,
            "add-place" => Action::AddPlace,
            "add-color" => Action::AddColor,
            "add-choice" => Action::AddChoice,
            "up" => Action::Up(at()?),
            "down" => Action::Down(at()?),
            "remove" => Action::Remove(at()?),
            "field-up" => Action::FieldUp(at()?),
            "field-down" => Action::FieldDown(at()?),
            "field-remove" => Action::RemoveField(at()?),
            _ => return Err(unknown()),
        })
    }

    /// Carries it out, and says which layer or field to look at next, by the page's id.
    ///
    /// # Errors
    /// 422 where there is nothing to do it to, or no room.
    pub fn apply(self, file: &mut ProductFile) -> Result<Option<String>, Refusal> {
        let layout = &mut file.layout;
        let none = || Refusal::field("layers", Message::new("layout.choose"));
        let layer = |at: usize| Some(format!("layer-{at}"));
        match self {
            Action::Keep | Action::Save => Ok(None),
            Action::AddPhoto => {
                check_room(layout)?;
                let id = free_id(layout, "photo");
                let number = layout.fields.iter().filter(|field| field.kind == FieldKind::Photo).count();
                layout.fields.push(field(id.clone(), "catalog.field.photo", FieldKind::Photo, true));
                let side = layout.width_mm.min(layout.height_mm) * 0.5;
                let at = |length: f64| tenths((length - side) / 2.0);
                let frame = [at(layout.width_mm), at(layout.height_mm), tenths(side).max(1.0), tenths(side).max(1.0)];
                layout.layers.push(Layer::Photo(PhotoLayer::plain(id.clone(), frame)));
                file.sample.insert(id, sample_photo(number));
                Ok(layer(layout.layers.len() - 1))
            }
            Action::AddText => {
                check_room(layout)?;
                let kind = TextField {
                    max_chars: 20,
                    default: String::new(),
                    sample: Some("Chelsea".into()),
                    fonts: Vec::new(),
                    colors: Vec::new(),
                };
                let id = add_field(layout, "text", "catalog.field.text", FieldKind::Text(kind));
                Ok(layer(add_words(layout, id)))
            }
            Action::AddDate => {
                check_room(layout)?;
                let id = add_field(layout, "date", "catalog.field.date", FieldKind::Date { default: None });
                file.sample.insert(id.clone(), json!("2024-05-01"));
                Ok(layer(add_words(layout, id)))
            }
            Action::AddPlace => {
                check_room(layout)?;
                let id = add_field(layout, "place", "catalog.field.place", FieldKind::Place { default: None });
                file.sample.insert(id.clone(), json!({ "name": "Tokyo", "lat": 35.69, "lon": 139.69 }));
                Ok(layer(add_words(layout, id)))
            }
            Action::AddColor => {
                check_room(layout)?;
                let kind = FieldKind::Color { default: FIRST_COLORS[0], colors: Colors::These(FIRST_COLORS.to_vec()) };
                add_field(layout, "color", "catalog.field.color", kind);
                Ok(Some(format!("field-{}", layout.fields.len() - 1)))
            }
            Action::AddChoice => {
                check_room(layout)?;
                let choice = |id: &str, label: &str| Choice { id: id.into(), label: both(label) };
                let choices =
                    vec![choice("one", "catalog.field.choice_one"), choice("two", "catalog.field.choice_two")];
                let kind = FieldKind::Choice { default: "one".into(), choices };
                add_field(layout, "choice", "catalog.field.choice", kind);
                Ok(Some(format!("field-{}", layout.fields.len() - 1)))
            }
            Action::Up(at) if at + 1 < layout.layers.len() => {
                layout.layers.swap(at, at + 1);
                Ok(layer(at + 1))
            }
            Action::Down(at) if at > 0 && at < layout.layers.len() => {
                layout.layers.swap(at, at - 1);
                Ok(layer(at - 1))
            }
            Action::Up(at) | Action::Down(at) => Ok(layer(at)),
            Action::Remove(at) if at < layout.layers.len() => {
                if layout.layers.len() == 1 {
                    return Err(Refusal::field(format!("layers.{at}"), Message::new("layout.last_layer")));
                }
                let before = layout.clone();
                layout.layers.remove(at);
                removing::drop_unused(file, &before);
                Ok(Some("layers".into()))
            }
            Action::Remove(_) => Err(none()),
            Action::FieldUp(at) if at > 0 && at < layout.fields.len() => {
                layout.fields.swap(at, at - 1);
                Ok(Some(format!("field-{}", at - 1)))
            }
            Action::FieldDown(at) if at + 1 < layout.fields.len() => {
                layout.fields.swap(at, at + 1);
                Ok(Some(format!("field-{}", at + 1)))
            }
            Action::FieldUp(at) | Action::FieldDown(at) => Ok(Some(format!("field-{at}"))),
            Action::RemoveField(at) if at < layout.fields.len() => {
                removing::remove_field(file, at)?;
                Ok(Some("fields".into()))
            }
            Action::RemoveField(_) => Err(none()),
        }
    }
}

/// # Errors
/// 422 when there are as many layers or fields as there may be.
pub fn check_room(layout: &Layout) -> Result<(), Refusal> {
    if layout.layers.len() >= MAX_LAYERS {
        return Err(Refusal::field("layers", Message::new("layout.too_many_layers").with("max", MAX_LAYERS)));
    }
    if layout.fields.len() >= MAX_FIELDS {
        return Err(Refusal::field("fields", Message::new("layout.too_many_fields").with("max", MAX_FIELDS)));
    }
    Ok(())
}

/// Adds a field that may stay empty, and gives its id.
fn add_field(layout: &mut Layout, stem: &str, label: &str, kind: FieldKind) -> String {
    let id = free_id(layout, stem);
    layout.fields.push(field(id.clone(), label, kind, false));
    id
}

/// A line on the lower part of the page that shows the field, and its place among the layers.
fn add_words(layout: &mut Layout, field: String) -> usize {
    let height = tenths((layout.height_mm * 0.12).min(layout.width_mm * 0.2)).max(1.0);
    layout.layers.push(Layer::Text(TextLayer {
        field,
        x: tenths(layout.width_mm * 0.1),
        y: tenths(layout.height_mm * 0.75),
        width: tenths(layout.width_mm * 0.8).max(1.0),
        height,
        rotation: 0.0,
        size_mm: tenths(height * 0.7).max(0.5),
        min_size_mm: tenths(height * 0.25).max(0.5),
        align: Align::Center,
        valign: VerticalAlign::Middle,
        font: "zen-maru-bold".into(),
        color: Paint::Literal(Color::opaque(0x1B, 0x1F, 0x3B)),
        letter_spacing: 0.0,
        uppercase: false,
        max_lines: 1,
        line_height: 1.25,
        direction: Direction::Horizontal,
        arc: None,
        outline: None,
        show: Show::Name,
        when: BTreeMap::new(),
    }));
    layout.layers.len() - 1
}

fn field(id: String, label: &str, kind: FieldKind, required: bool) -> Field {
    Field { id, label: both(label), hint: None, required, kind }
}

fn free_id(layout: &Layout, stem: &str) -> String {
    let names = std::iter::once(stem.to_owned()).chain((2..).map(|number: u32| format!("{stem}-{number}")));
    names.into_iter().find(|id| layout.field(id).is_none()).unwrap_or_default()
}

fn tenths(mm: f64) -> f64 {
    (mm * 10.0).round() / 10.0
}
