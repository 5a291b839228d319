//! What the form of the layout editor says, read into a layout.

mod fields;
pub mod layers;

use super::inputs::usual_radius;
use crate::catalog::layout::{FieldKind, Layout, Mask, Paint, Problem, ProductFile};
use crate::catalog::typed::{Typed, number_text};
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::clean_line;
use crate::kernel::{FieldError, Message, Refusal};
use crate::render::Color;
use crate::web::input::optional_number;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The whole form. What is left out stays as it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct Edit {
    /// The button: `keep` (also nothing), `save`, `add-photo`, `add-text`, `add-date`, `add-place`, `add-color`, `add-choice`, `up.2`,
    /// `down.2`, `remove.2`, `field-up.1`, `field-down.1`, `field-remove.1`.
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
    /// The shape in which the thing is cut: `rect`, `rounded`, `ellipse`, or `path` for a shape that is there already.
    pub trim: Option<String>,
    /// Of rounded corners, in millimetres.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub trim_radius: Typed,
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
    /// Whether a photo throws a shadow.
    pub shadow_on: Option<String>,
    #[schema(value_type = Option<f64>)]
    pub shadow_dx: Typed,
    #[schema(value_type = Option<f64>)]
    pub shadow_dy: Typed,
    #[schema(value_type = Option<f64>)]
    pub shadow_blur: Typed,
    pub shadow: Option<PaintEdit>,
    /// Per cent; of a colour of its own.
    #[schema(value_type = Option<f64>)]
    pub shadow_opacity: Typed,
    pub fade: Option<FadeEdit>,
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
    /// What counts the hour of a sky: `clock` or `sun`.
    pub hours: Option<String>,
    /// Empty: the line is straight.
    pub arc_radius: Option<Typed>,
    pub arc_start: Option<String>,
    /// In millimetres; 0 is none.
    #[schema(value_type = Option<f64>)]
    pub outline_width: Typed,
    pub outline: Option<PaintEdit>,
    /// Of a place: `name` or `coordinates`.
    pub show: Option<String>,
    /// What takes the place of the artwork's colours, by these without their `#`; `from` is `-` for the colour as it is drawn.
    pub recolor: BTreeMap<String, PaintEdit>,
    /// By choice field, the choices with which the layer is shown. None: always.
    pub when: BTreeMap<String, Vec<String>>,
}

/// The share of a photo's frame over which it fades out, in per cent.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct FadeEdit {
    #[schema(value_type = Option<f64>)]
    pub top: Typed,
    #[schema(value_type = Option<f64>)]
    pub right: Typed,
    #[schema(value_type = Option<f64>)]
    pub bottom: Typed,
    #[schema(value_type = Option<f64>)]
    pub left: Typed,
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
    /// A line each: `id | English | 日本語`; without the first part, an id is made.
    pub choices: Option<String>,
    /// Of a place field: where it is at first. All three empty: nowhere.
    pub place: Option<PlaceEdit>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct PlaceEdit {
    pub name: String,
    /// Degrees north.
    #[schema(value_type = Option<f64>)]
    pub lat: Typed,
    /// Degrees east.
    #[schema(value_type = Option<f64>)]
    pub lon: Typed,
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
                let message = Message::new("layout.range").with("min", number_text(low)).with("max", number_text(high));
                self.mistakes.add(field, message);
            }
        }
    }

    /// A share of 1, typed in per cent. What shows the same stays exactly what it was.
    fn share(&mut self, field: String, typed: &Typed, into: &mut f64) {
        let mut percent = *into * 100.0;
        let shown = number_text(percent);
        self.number(field, typed, 0.0, 100.0, &mut percent);
        if number_text(percent) != shown {
            *into = percent / 100.0;
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

    /// `path` stays what it is: such a shape is not made in the form.
    fn mask(&mut self, field: String, word: Option<&String>, radius: f64, into: &mut Mask) {
        match (word.map(String::as_str), &*into) {
            (None, Mask::Rounded { .. }) | (Some("rounded"), _) => *into = Mask::Rounded { radius },
            (None, _) | (Some("path"), Mask::Path { .. }) => {}
            (Some("rect"), _) => *into = Mask::Rect,
            (Some("ellipse"), _) => *into = Mask::Ellipse,
            _ => self.mistakes.add(field, Message::new("layout.choose")),
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
    let mut radius = match layout.trim {
        Mask::Rounded { radius } => radius,
        _ => usual_radius(width, height),
    };
    reader.number("trim_radius".into(), &edit.trim_radius, 0.0, 1000.0, &mut radius);
    reader.mask("trim".into(), edit.trim.as_ref(), radius, &mut layout.trim);
    reader.whole("dpi".into(), &edit.dpi, 72, 1200, &mut layout.dpi);
    if let Some(mirror) = &edit.mirror {
        layout.mirror = is_on(mirror);
    }
    reader.paint("background".into(), edit.background.as_ref(), &before, &mut layout.background);
    reader.word("mockup".into(), edit.mockup.as_ref(), crate::catalog::admin::kind_of, &mut file.mockup);
    for field in &edit.fields {
        let Some(at) = layout.fields.iter().position(|known| known.id == field.id) else { continue };
        fields::apply(&mut reader, at, field, &mut layout.fields[at], &mut file.sample);
    }
    // What a layer takes from a field, it takes from the field as it is now.
    let known = layout.clone();
    for change in &edit.layers {
        let Some(at) = change.index.and_then(|index| usize::try_from(index).ok()) else { continue };
        if let Some(layer) = layout.layers.get_mut(at) {
            layers::apply(&mut reader, at, change, layer, &known);
        }
    }
    mistakes.into_result()?;
    check_draft(file)
}

/// The rules every layout keeps, whoever wrote it.
///
/// # Errors
/// 422 naming the layer or field.
pub fn check(file: &ProductFile) -> Result<(), Refusal> {
    refuse(file.layout.problems())
}

/// The rules a draft keeps too: its colours and choices may wait for something to use them.
///
/// # Errors
/// 422 naming the layer or field.
pub fn check_draft(file: &ProductFile) -> Result<(), Refusal> {
    let mut problems = file.layout.problems();
    problems.retain(|problem| !problem.is_unused_field());
    refuse(problems)
}

fn refuse(problems: Vec<Problem>) -> Result<(), Refusal> {
    let errors: Vec<FieldError> = problems.into_iter().map(told).collect();
    if errors.is_empty() { Ok(()) } else { Err(Refusal::fields(errors)) }
}

/// A problem of `layout.layers[2] (text name)`, at the form's `layers.2`.
fn told(problem: Problem) -> FieldError {
    let place = problem.place.strip_prefix("layout.").unwrap_or(&problem.place);
    let field = place.split(' ').next().unwrap_or_default().replace('[', ".").replace(']', "");
    FieldError { field, message: problem.message }
}
