//! What the form of the layout editor says, read into a layout.

use crate::catalog::layout::{
    Align, Arc, ArcStart, Border, Choice, Colors, Direction, Field, FieldKind, Layer, Layout, Look, Mask, Paint,
    Problem, ProductFile, TextLayer, VerticalAlign,
};
use crate::catalog::typed::Typed;
use crate::kernel::lang::Words;
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::{clean_block, clean_line};
use crate::kernel::{FieldError, Message, Refusal};
use crate::render::{Color, fonts};
use crate::web::input::optional_number;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The whole form. What is left out stays as it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct Edit {
    /// The button: `keep` (also nothing), `save`, `add-photo`, `add-text`, `up.2`, `down.2`, `remove.2`, `field-up.1`, `field-down.1`.
    #[serde(default, rename = "do")]
    pub action: String,
    /// Of the draft this was changed from; another one is refused with `stale_version`.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    pub version: Option<i64>,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub bleed_mm: Typed,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub safe_margin_mm: Typed,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub dpi: Typed,
    pub mirror: Option<String>,
    pub background: Option<PaintEdit>,
    /// What the product is shown on.
    pub mockup: Option<String>,
    #[serde(default)]
    pub layers: Vec<LayerEdit>,
    #[serde(default)]
    pub fields: Vec<FieldEdit>,
}

/// A colour, of its own or that of a colour field.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct PaintEdit {
    /// Empty for a colour of its own, `$id` for that of a colour field, `=` for what it is now.
    #[serde(default)]
    pub from: String,
    #[serde(default)]
    pub own: String,
}

/// A layer by its `index`, the lowest being 0.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct LayerEdit {
    #[serde(deserialize_with = "optional_number")]
    #[schema(value_type = i64)]
    pub index: Option<i64>,
    #[schema(value_type = Option<f64>)]
    pub x: Typed,
    #[schema(value_type = Option<f64>)]
    pub y: Typed,
    #[schema(value_type = Option<f64>)]
    pub width: Typed,
    #[schema(value_type = Option<f64>)]
    pub height: Typed,
    #[schema(value_type = Option<f64>)]
    pub rotation: Typed,
    /// `rect`, `rounded`, `ellipse`, or `path` for a shape that is there already.
    pub mask: Option<String>,
    #[schema(value_type = Option<f64>)]
    pub radius: Typed,
    /// `plain`, `mono`, `warm` or `$id` of a choice field.
    pub look: Option<String>,
    /// Per cent.
    #[schema(value_type = Option<f64>)]
    pub opacity: Typed,
    /// In millimetres; 0 is none.
    #[schema(value_type = Option<f64>)]
    pub border_width: Typed,
    pub border: Option<PaintEdit>,
    #[schema(value_type = Option<f64>)]
    pub size_mm: Typed,
    #[schema(value_type = Option<f64>)]
    pub min_size_mm: Typed,
    pub font: Option<String>,
    pub align: Option<String>,
    pub valign: Option<String>,
    pub color: Option<PaintEdit>,
    #[schema(value_type = Option<f64>)]
    pub max_lines: Typed,
    #[schema(value_type = Option<f64>)]
    pub line_height: Typed,
    #[schema(value_type = Option<f64>)]
    pub letter_spacing: Typed,
    pub uppercase: Option<String>,
    pub direction: Option<String>,
    /// Empty: the line is straight.
    pub arc_radius: Option<Typed>,
    pub arc_start: Option<String>,
}

/// A field by its `id`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct FieldEdit {
    pub id: String,
    pub label: Option<Bilingual>,
    pub hint: Option<Bilingual>,
    pub required: Option<String>,
    #[schema(value_type = Option<f64>)]
    pub max_chars: Typed,
    pub default: Option<String>,
    pub sample: Option<String>,
    /// One of the bundled photos.
    pub sample_photo: Option<String>,
    /// Ids of the faces the customer may pick; an empty entry stands for none.
    pub fonts: Option<Vec<String>>,
    /// Colours the customer may pick, apart by spaces or commas; `any` for a colour field that takes all.
    pub colors: Option<String>,
    /// A line each: `id | English | 日本語`.
    pub choices: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct Bilingual {
    pub en: String,
    pub ja: String,
}

fn is_on(text: &str) -> bool {
    matches!(text, "on" | "true" | "1" | "yes")
}

/// Reads numbers and words, and collects what cannot be.
struct Reader<'m> {
    mistakes: &'m mut Mistakes,
}

impl Reader<'_> {
    fn number(&mut self, field: String, typed: &Typed, low: f64, high: f64, into: &mut f64) {
        if *typed == Typed::Nothing {
            return;
        }
        match typed.number() {
            Some(number) if (low..=high).contains(&number) => *into = number,
            _ => {
                let digits = crate::catalog::typed::number_text;
                let message = Message::new("layout.range").with("min", digits(low)).with("max", digits(high));
                self.mistakes.add(field, message);
            }
        }
    }

    fn whole(&mut self, field: String, typed: &Typed, low: u32, high: u32, into: &mut u32) {
        let mut number = f64::from(*into);
        self.number(field, typed, f64::from(low), f64::from(high), &mut number);
        *into = number.round() as u32;
    }

    fn paint(&mut self, field: String, edit: Option<&PaintEdit>, layout: &Layout, into: &mut Paint) {
        let Some(edit) = edit else { return };
        match edit.from.as_str() {
            "=" => {}
            "" => match edit.own.trim().parse::<Color>() {
                Ok(color) => *into = Paint::Literal(color),
                Err(_) => self.mistakes.add(field, Message::new("layout.color_form")),
            },
            from => {
                let id = from.trim_start_matches('$');
                match layout.field(id).map(|field| &field.kind) {
                    Some(FieldKind::Color { .. }) => *into = Paint::Field(id.to_owned()),
                    _ => self.mistakes.add(field, Message::new("layout.field_unknown").with("field", id)),
                }
            }
        }
    }

    fn word<T>(&mut self, field: String, word: Option<&String>, read: impl Fn(&str) -> Option<T>, into: &mut T) {
        let Some(word) = word else { return };
        match read(word) {
            Some(value) => *into = value,
            None => self.mistakes.add(field, Message::new("layout.choose")),
        }
    }

    fn line(&mut self, field: String, text: &str, max: usize) -> String {
        clean_line(text, max).unwrap_or_else(|_| {
            self.mistakes.add(field, Message::new("orders.too_long").with("max", max));
            String::new()
        })
    }

    fn colors(&mut self, field: String, text: &str) -> Vec<Color> {
        let mut colors = Vec::new();
        for part in text.split([' ', ',', '、', '\n', '\r', '\t']).filter(|part| !part.is_empty()) {
            match part.parse::<Color>() {
                Ok(color) if color.alpha == 255 => colors.push(color),
                _ => {
                    self.mistakes.add(field.clone(), Message::new("layout.colors_form").with("color", part));
                    break;
                }
            }
        }
        colors.dedup();
        colors
    }
}

/// Carries the form's values out on `file`. Buttons are another matter.
///
/// # Errors
/// 422 naming everything that cannot be, by the form's names.
pub fn apply(file: &mut ProductFile, edit: &Edit) -> Result<(), Refusal> {
    let mut mistakes = Mistakes::new();
    let mut reader = Reader { mistakes: &mut mistakes };
    let (width, height) = (file.layout.width_mm, file.layout.height_mm);
    let before = file.layout.clone();
    let layout = &mut file.layout;
    reader.number("bleed_mm".into(), &edit.bleed_mm, 0.0, 20.0, &mut layout.bleed_mm);
    let middle = (width.min(height) / 2.0 - 0.5).clamp(0.0, 100.0);
    reader.number("safe_margin_mm".into(), &edit.safe_margin_mm, 0.0, middle, &mut layout.safe_margin_mm);
    reader.whole("dpi".into(), &edit.dpi, 72, 1200, &mut layout.dpi);
    if let Some(mirror) = &edit.mirror {
        layout.mirror = is_on(mirror);
    }
    reader.paint("background".into(), edit.background.as_ref(), &before, &mut layout.background);
    reader.word("mockup".into(), edit.mockup.as_ref(), crate::catalog::admin::kind_of, &mut file.mockup);
    for field in &edit.fields {
        let Some(at) = layout.fields.iter().position(|known| known.id == field.id) else { continue };
        apply_field(&mut reader, at, field, &mut layout.fields[at], &mut file.sample);
    }
    for change in &edit.layers {
        let Some(at) = change.index.and_then(|index| usize::try_from(index).ok()) else { continue };
        if let Some(layer) = layout.layers.get_mut(at) {
            apply_layer(&mut reader, at, change, layer, &before);
        }
    }
    mistakes.into_result()?;
    check(file)
}

/// The rules every layout keeps, whoever wrote it.
///
/// # Errors
/// 422 naming the layer or field.
pub fn check(file: &ProductFile) -> Result<(), Refusal> {
    let errors: Vec<FieldError> = file.layout.problems().iter().map(told).collect();
    if errors.is_empty() { Ok(()) } else { Err(Refusal::fields(errors)) }
}

/// A problem of `layout.layers[2] (text name)`, at the form's `layers.2`.
fn told(problem: &Problem) -> FieldError {
    let place = problem.place.strip_prefix("layout.").unwrap_or(&problem.place);
    let place = place.split(' ').next().unwrap_or_default().replace('[', ".").replace(']', "");
    FieldError { field: place, message: Message::new("layout.problem").with("problem", &problem.message) }
}

fn apply_layer(reader: &mut Reader<'_>, at: usize, change: &LayerEdit, layer: &mut Layer, layout: &Layout) {
    let field = |name: &str| format!("layers.{at}.{name}");
    let (far_x, far_y) = (2.0 * layout.width_mm, 2.0 * layout.height_mm);
    let frame = |reader: &mut Reader<'_>, x: &mut f64, y: &mut f64, width: &mut f64, height: &mut f64| {
        reader.number(field("width"), &change.width, 1.0, far_x, width);
        reader.number(field("height"), &change.height, 1.0, far_y, height);
        reader.number(field("x"), &change.x, -*width, layout.width_mm, x);
        reader.number(field("y"), &change.y, -*height, layout.height_mm, y);
    };
    match layer {
        Layer::Artwork(_) => {}
        Layer::Sky(sky) => frame(reader, &mut sky.x, &mut sky.y, &mut sky.width, &mut sky.height),
        Layer::Photo(photo) => {
            frame(reader, &mut photo.x, &mut photo.y, &mut photo.width, &mut photo.height);
            reader.number(field("rotation"), &change.rotation, -360.0, 360.0, &mut photo.rotation);
            let mut radius = match photo.mask {
                Mask::Rounded { radius } => radius,
                _ => super::inputs::usual_radius(photo),
            };
            reader.number(field("radius"), &change.radius, 0.0, 1000.0, &mut radius);
            if let Some(mask) = &change.mask {
                match (mask.as_str(), &photo.mask) {
                    ("rect", _) => photo.mask = Mask::Rect,
                    ("ellipse", _) => photo.mask = Mask::Ellipse,
                    ("rounded", _) => photo.mask = Mask::Rounded { radius },
                    ("path", Mask::Path { .. }) => {}
                    _ => reader.mistakes.add(field("mask"), Message::new("layout.choose")),
                }
            }
            reader.word(field("look"), change.look.as_ref(), |look| look_of(look, layout), &mut photo.look);
            let mut percent = photo.opacity * 100.0;
            reader.number(field("opacity"), &change.opacity, 0.0, 100.0, &mut percent);
            photo.opacity = percent / 100.0;
            let (mut width, mut color) = match &photo.border {
                Some(border) => (border.width, border.color.clone()),
                None => (0.0, Paint::Literal(Color::WHITE)),
            };
            reader.number(field("border_width"), &change.border_width, 0.0, 100.0, &mut width);
            reader.paint(field("border"), change.border.as_ref(), layout, &mut color);
            photo.border = (width > 0.0).then_some(Border { width, color });
        }
        Layer::Text(text) => {
            frame(reader, &mut text.x, &mut text.y, &mut text.width, &mut text.height);
            reader.number(field("rotation"), &change.rotation, -360.0, 360.0, &mut text.rotation);
            apply_text(reader, at, change, text, layout);
        }
    }
}

fn look_of(word: &str, layout: &Layout) -> Option<Look> {
    let look = Look::try_from(word.to_owned()).ok()?;
    match &look {
        Look::Field(id) => layout.field(id).is_some_and(|field| field.kind.name() == "choice").then_some(look),
        _ => Some(look),
    }
}

fn apply_text(reader: &mut Reader<'_>, at: usize, change: &LayerEdit, text: &mut TextLayer, layout: &Layout) {
    let field = |name: &str| format!("layers.{at}.{name}");
    reader.number(field("size_mm"), &change.size_mm, 0.5, 1000.0, &mut text.size_mm);
    reader.number(field("min_size_mm"), &change.min_size_mm, 0.2, text.size_mm.max(0.2), &mut text.min_size_mm);
    let known = |id: &str| fonts::face(id).map(|face| face.id.to_owned());
    reader.word(field("font"), change.font.as_ref(), known, &mut text.font);
    reader.word(field("align"), change.align.as_ref(), word_of::<Align>, &mut text.align);
    reader.word(field("valign"), change.valign.as_ref(), word_of::<VerticalAlign>, &mut text.valign);
    reader.paint(field("color"), change.color.as_ref(), layout, &mut text.color);
    reader.whole(field("max_lines"), &change.max_lines, 1, 40, &mut text.max_lines);
    reader.number(field("line_height"), &change.line_height, 0.6, 4.0, &mut text.line_height);
    reader.number(field("letter_spacing"), &change.letter_spacing, -0.2, 2.0, &mut text.letter_spacing);
    if let Some(uppercase) = &change.uppercase {
        text.uppercase = is_on(uppercase);
    }
    reader.word(field("direction"), change.direction.as_ref(), word_of::<Direction>, &mut text.direction);
    match &change.arc_radius {
        None => {}
        Some(radius) if radius.is_empty() || radius.number() == Some(0.0) => text.arc = None,
        Some(typed) => {
            let mut arc = text.arc.unwrap_or(Arc { radius: 1.0, start: ArcStart::default(), span: None });
            reader.number(field("arc_radius"), typed, 1.0, 2000.0, &mut arc.radius);
            text.arc = Some(arc);
        }
    }
    if let (Some(arc), Some(start)) = (&mut text.arc, &change.arc_start) {
        reader.word(field("arc_start"), Some(start), word_of::<ArcStart>, &mut arc.start);
    }
    if text.arc.is_some() && (text.direction != Direction::Horizontal || text.max_lines != 1) {
        reader.mistakes.add(field("arc_radius"), Message::new("layout.arc_is_one_line"));
    }
}

/// A word of the layout format.
fn word_of<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(json!(word)).ok()
}

fn apply_field(
    reader: &mut Reader<'_>,
    at: usize,
    change: &FieldEdit,
    into: &mut Field,
    samples: &mut std::collections::BTreeMap<String, Value>,
) {
    let field = |name: &str| format!("fields.{at}.{name}");
    if let Some(label) = &change.label {
        let (en, ja) = (reader.line(field("label.en"), &label.en, 60), reader.line(field("label.ja"), &label.ja, 60));
        for (lang, text) in [("en", &en), ("ja", &ja)] {
            if text.is_empty() {
                reader.mistakes.add(field(&format!("label.{lang}")), Message::new("panel.text_needed"));
            }
        }
        into.label = Words::new(en, ja);
    }
    if let Some(hint) = &change.hint {
        let (en, ja) = (reader.line(field("hint.en"), &hint.en, 200), reader.line(field("hint.ja"), &hint.ja, 200));
        into.hint = (!en.is_empty() || !ja.is_empty()).then(|| Words::new(en, ja));
    }
    if let Some(required) = &change.required {
        into.required = is_on(required);
    }
    match &mut into.kind {
        FieldKind::Photo => {
            let Some(file) = &change.sample_photo else { return };
            if !crate::catalog::admin::SAMPLE_PHOTOS.contains(&file.as_str()) {
                reader.mistakes.add(field("sample_photo"), Message::new("layout.choose"));
            } else if samples.get(&into.id).and_then(|sample| sample.get("file")).is_none_or(|known| known != file) {
                let sample = json!({ "file": file, "x": 0.5, "y": 0.5, "zoom": 1.0, "rotation": 0.0 });
                samples.insert(into.id.clone(), sample);
            }
        }
        FieldKind::Text(text) => {
            reader.whole(field("max_chars"), &change.max_chars, 1, 1000, &mut text.max_chars);
            let max = text.max_chars as usize;
            let shown = super::inputs::sample_text(samples.get(&into.id), text).to_owned();
            for (name, typed) in [("default", &change.default), ("sample", &change.sample)] {
                let Some(typed) = typed else { continue };
                let Ok(value) = clean_block(typed, max) else {
                    reader.mistakes.add(field(name), Message::new("orders.too_long").with("max", max));
                    continue;
                };
                let missing: String = fonts::missing(&value).into_iter().collect();
                if !missing.is_empty() {
                    reader.mistakes.add(field(name), Message::new("layout.no_glyph").with("characters", missing));
                } else if name == "default" {
                    text.default = value;
                } else if value != shown {
                    // The whole picture's sample stands before that of the field.
                    samples.remove(&into.id);
                    text.sample = (!value.is_empty()).then_some(value);
                }
            }
            if into.required && !text.default.is_empty() {
                reader.mistakes.add(field("default"), Message::new("layout.required_has_no_default"));
            }
            if let Some(ticked) = &change.fonts {
                let ticked: Vec<&String> = ticked.iter().filter(|id| !id.is_empty()).collect();
                if ticked.iter().any(|id| fonts::face(id).is_none()) {
                    reader.mistakes.add(field("fonts"), Message::new("layout.choose"));
                }
                // Their order stays where nothing else was ticked.
                text.fonts.retain(|known| ticked.contains(&known));
                let new = ticked.into_iter().filter(|id| !text.fonts.contains(id)).cloned().collect::<Vec<_>>();
                text.fonts.extend(new);
            }
            if let Some(colors) = &change.colors {
                text.colors = reader.colors(field("colors"), colors);
            }
        }
        FieldKind::Color { default, colors } => {
            if let Some(typed) = &change.colors {
                *colors = match typed.trim() {
                    "any" => Colors::Any,
                    typed => Colors::These(reader.colors(field("colors"), typed)),
                };
            }
            if let Some(typed) = &change.default {
                match typed.trim().parse() {
                    Ok(color) => *default = color,
                    Err(_) => reader.mistakes.add(field("default"), Message::new("layout.color_form")),
                }
            }
            if !colors.allow(*default) {
                reader.mistakes.add(field("default"), Message::new("layout.default_not_offered"));
            }
        }
        FieldKind::Choice { default, choices } => {
            if let Some(typed) = &change.choices {
                apply_choices(reader, field("choices"), typed, choices);
            }
            if let Some(typed) = &change.default {
                typed.trim().clone_into(default);
            }
            if !choices.iter().any(|choice| choice.id == *default) {
                reader.mistakes.add(field("default"), Message::new("layout.default_not_offered"));
            }
        }
        FieldKind::Date { default } => {
            if let Some(typed) = &change.default {
                let typed = typed.trim();
                if typed.is_empty() || crate::catalog::layout::is_date(typed) {
                    *default = (!typed.is_empty()).then(|| typed.to_owned());
                } else {
                    reader.mistakes.add(field("default"), Message::new("panel.day_form"));
                }
            }
        }
        FieldKind::Place { .. } => {}
    }
}

/// The ids stay: layers and designs know choices by them. Only what they are called, and their order, is changed here.
fn apply_choices(reader: &mut Reader<'_>, field: String, typed: &str, choices: &mut Vec<Choice>) {
    let mut after = Vec::new();
    for line in typed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [id, en, ja] = parts.as_slice() else {
            return reader.mistakes.add(field, Message::new("layout.choices_form"));
        };
        let known = choices.iter().any(|choice| choice.id == *id);
        if !known || en.is_empty() || ja.is_empty() {
            return reader.mistakes.add(field, Message::new("layout.choices_form"));
        }
        after.push(Choice { id: (*id).to_owned(), label: Words::new(*en, *ja) });
    }
    if after.len() != choices.len() {
        return reader.mistakes.add(field, Message::new("layout.choices_form"));
    }
    *choices = after;
}
