//! What the buttons of the layout editor do: add, remove, put in another order. Each makes a whole layout of a whole one.

use crate::catalog::admin::{both, sample_photo};
use crate::catalog::layout::{
    Align, Direction, Field, FieldKind, Layer, Layout, Paint, PhotoLayer, ProductFile, Show, TextField, TextLayer,
    VerticalAlign,
};
use crate::kernel::{Message, Refusal};
use crate::render::Color;
use std::collections::BTreeMap;

/// More than any print needs; a form with more takes long to read for people too.
const MAX_LAYERS: usize = 40;

/// A button that changes the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Keep,
    Save,
    AddPhoto,
    AddText,
    /// Towards the top of the drawing.
    Up(usize),
    Down(usize),
    Remove(usize),
    FieldUp(usize),
    FieldDown(usize),
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
            "up" => Action::Up(at()?),
            "down" => Action::Down(at()?),
            "remove" => Action::Remove(at()?),
            "field-up" => Action::FieldUp(at()?),
            "field-down" => Action::FieldDown(at()?),
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
                let id = free_id(layout, "text");
                let kind = TextField {
                    max_chars: 20,
                    default: String::new(),
                    sample: Some("Chelsea".into()),
                    fonts: Vec::new(),
                    colors: Vec::new(),
                };
                layout.fields.push(field(id.clone(), "catalog.field.text", FieldKind::Text(kind), false));
                let height = tenths((layout.height_mm * 0.12).min(layout.width_mm * 0.2)).max(1.0);
                layout.layers.push(Layer::Text(TextLayer {
                    field: id,
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
                Ok(layer(layout.layers.len() - 1))
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
                layout.layers.remove(at);
                drop_unused(file);
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
        }
    }
}

/// # Errors
/// 422 when there are as many layers as there may be.
pub fn check_room(layout: &Layout) -> Result<(), Refusal> {
    if layout.layers.len() < MAX_LAYERS {
        return Ok(());
    }
    Err(Refusal::field("layers", Message::new("layout.too_many_layers").with("max", MAX_LAYERS)))
}

/// Fields that nothing shows any more, and their samples.
fn drop_unused(file: &mut ProductFile) {
    // A field may have been used by what another one was used by; a few rounds see to all.
    loop {
        let before = file.layout.fields.len();
        let layout = file.layout.clone();
        file.layout.fields.retain(|field| layout.uses(&field.id));
        if file.layout.fields.len() == before {
            break;
        }
    }
    let layout = &file.layout;
    file.sample.retain(|id, _| layout.field(id).is_some());
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
