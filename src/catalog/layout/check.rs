//! What must be true of a layout before anybody can design on it.

use super::*;
use crate::kernel::Message;
use crate::render::fonts;
use std::fmt;

/// A mistake in a layout, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// For example `layout.layers[2] (text name)`.
    pub place: String,
    /// In the words of whoever reads it, except where a file is written by hand.
    pub message: Message,
}

impl Problem {
    pub(super) fn new(place: impl fmt::Display, message: Message) -> Self {
        Self { place: place.to_string(), message }
    }

    /// A field that does not do anything yet. A draft may have some: a colour is there before it is used.
    pub fn is_unused_field(&self) -> bool {
        self.message.key == UNUSED
    }
}

const UNUSED: &str = "layout.check.unused";

impl fmt::Display for Problem {
    /// For who writes a `product.toml`: the rule, and what breaks it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message.key)?;
        self.message.values.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// The longest side of anything printed, and the most pixels of a print file: what the renderer is built for.
pub const MAX_SIDE_MM: f64 = 2000.0;
const MAX_PRINT_PIXELS: u64 = 150_000_000;

struct Report(Vec<Problem>);

impl Report {
    fn add(&mut self, place: impl fmt::Display, message: Message) {
        self.0.push(Problem::new(place, message));
    }

    fn must(&mut self, holds: bool, place: impl fmt::Display, message: Message) {
        if !holds {
            self.add(place, message);
        }
    }

    /// A number of the format, by its name there.
    fn within(&mut self, value: f64, low: f64, high: f64, place: &str, name: &'static str) {
        let message = Message::new("layout.check.range").with("name", name).with("min", low).with("max", high);
        self.must(within(value, low, high), place, message);
    }

    fn words(&mut self, words: &Words, place: &str) {
        self.must(!words.en.trim().is_empty(), place, Message::new("layout.check.no_english"));
        self.must(!words.ja.trim().is_empty(), place, Message::new("layout.check.no_japanese"));
    }
}

fn said(key: &'static str) -> Message {
    Message::new(key)
}

/// About a field there is not, or not of that kind.
fn of_field(key: &'static str, field: &str) -> Message {
    Message::new(key).with("field", field)
}

pub(crate) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 40
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

fn is_variant_key(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

fn within(value: f64, low: f64, high: f64) -> bool {
    value.is_finite() && value >= low && value <= high
}

/// `2024-05-01`, a day of the Gregorian calendar.
pub(crate) fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (year.parse::<u32>(), month.parse::<u32>(), day.parse::<u32>()) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year >= 1 && (1..=days).contains(&day)
}

impl ProductFile {
    /// Every mistake found; empty when the product can be sold.
    pub fn problems(&self) -> Vec<Problem> {
        let mut report = Report(Vec::new());
        report.must(is_word(&self.slug), "slug", said("layout.check.word"));
        report.must(is_word(&self.category), "category", said("layout.check.word"));
        report.words(&self.name, "name");
        report.words(&self.description, "description");
        report.must(!self.variants.is_empty(), "variants", said("layout.check.no_variant"));
        for (at, variant) in self.variants.iter().enumerate() {
            let place = format!("variants[{at}] ({})", variant.key);
            report.must(is_variant_key(&variant.key), &place, said("layout.check.word"));
            let twice = self.variants[..at].iter().any(|other| other.key == variant.key);
            report.must(!twice, &place, said("layout.check.taken"));
            report.words(&variant.name, &place);
            report.must((1..=100_000_000).contains(&variant.price), &place, said("layout.check.price"));
            report.0.extend(self.layout.size_problem(variant.size()).map(|message| Problem::new(&place, message)));
        }
        report.0.extend(self.layout.problems());
        for id in self.sample.keys() {
            report.must(self.layout.field(id).is_some(), "sample", of_field("layout.check.no_field", id));
        }
        report.0
    }
}

impl Layout {
    /// Why a variant of that size can't be drawn from this layout.
    pub fn size_problem(&self, size: Size) -> Option<Message> {
        let Size { width_mm, height_mm } = size;
        if !within(width_mm, 5.0, MAX_SIDE_MM) || !within(height_mm, 5.0, MAX_SIDE_MM) {
            return Some(said("layout.check.sides").with("max", MAX_SIDE_MM));
        }
        let ratio = (width_mm / height_mm) / (self.width_mm / self.height_mm);
        if !within(ratio, 0.99, 1.0 / 0.99) {
            let message = said("layout.check.proportion").with("width", width_mm).with("height", height_mm);
            return Some(message.with("base_width", self.width_mm).with("base_height", self.height_mm));
        }
        let (width, height) = self.print_pixels(size);
        if u64::from(width) * u64::from(height) > MAX_PRINT_PIXELS {
            return Some(said("layout.check.pixels").with("width", width).with("height", height));
        }
        None
    }

    /// Every mistake found; empty when designs can be made from the layout.
    pub fn problems(&self) -> Vec<Problem> {
        let mut report = Report(Vec::new());
        if let Some(message) = self.size_problem(self.size()) {
            report.add("layout", message);
        }
        report.within(f64::from(self.dpi), 72.0, 1200.0, "layout.dpi", "dpi");
        report.within(self.bleed_mm, 0.0, 20.0, "layout.bleed_mm", "bleed_mm");
        let half = self.width_mm.min(self.height_mm) / 2.0;
        report.must(
            within(self.safe_margin_mm, 0.0, 100.0) && self.safe_margin_mm < half,
            "layout.safe_margin_mm",
            said("layout.check.safe"),
        );
        match &self.trim {
            Mask::Rect | Mask::Ellipse => {}
            Mask::Rounded { radius } => report.within(*radius, 0.0, MAX_SIDE_MM, "layout.trim", "radius"),
            Mask::Path { .. } => {
                report.must(self.shaped_cut(self.size()).is_some(), "layout.trim", said("layout.check.path"));
            }
        }
        self.check_paint(&mut report, &self.background, "layout.background");
        if let Paint::Literal(color) = self.background {
            report.must(color.alpha == 255, "layout.background", said("layout.check.see_through"));
        }
        for (at, field) in self.fields.iter().enumerate() {
            self.check_field(&mut report, at, field);
        }
        for (at, layer) in self.layers.iter().enumerate() {
            let place = match layer {
                Layer::Artwork(layer) => format!("layout.layers[{at}] (artwork {})", layer.file),
                Layer::Photo(layer) => format!("layout.layers[{at}] (photo {})", layer.field),
                Layer::Text(layer) => format!("layout.layers[{at}] (text {})", layer.field),
                Layer::Sky(layer) => format!("layout.layers[{at}] (sky {})", layer.place),
            };
            self.check_when(&mut report, layer.when(), &place);
            match layer {
                Layer::Artwork(layer) => self.check_artwork(&mut report, layer, &place),
                Layer::Photo(layer) => self.check_photo(&mut report, layer, &place),
                Layer::Text(layer) => self.check_text(&mut report, layer, &place),
                Layer::Sky(layer) => self.check_sky(&mut report, layer, &place),
            }
        }
        report.must(!self.layers.is_empty(), "layout.layers", said("layout.check.no_layer"));
        report.0
    }

    fn check_paint(&self, report: &mut Report, paint: &Paint, place: &str) {
        if let Some(id) = paint.field() {
            let is_color = matches!(self.field(id), Some(Field { kind: FieldKind::Color { .. }, .. }));
            report.must(is_color, place, of_field("layout.check.no_color", id));
        }
        if let Paint::Mixed { amount, .. } = paint {
            report.within(*amount, 0.0, 1.0, place, "amount");
        }
    }

    fn check_when(&self, report: &mut Report, when: &When, place: &str) {
        for (id, values) in when {
            match self.field(id).map(|field| &field.kind) {
                Some(FieldKind::Choice { choices, .. }) => {
                    for value in values.values() {
                        let known = choices.iter().any(|choice| choice.id == *value);
                        report.must(known, place, of_field("layout.check.condition", id).with("choice", value));
                    }
                }
                _ => report.add(place, of_field("layout.check.no_choice", id)),
            }
        }
    }

    fn check_frame(&self, report: &mut Report, frame: Frame, place: &str) {
        let near = |at: f64| within(at, -MAX_SIDE_MM, 2.0 * MAX_SIDE_MM);
        report.must(near(frame.x) && near(frame.y), place, said("layout.check.far"));
        report.must(
            within(frame.width, 1.0, MAX_SIDE_MM * 2.0) && within(frame.height, 1.0, MAX_SIDE_MM * 2.0),
            place,
            said("layout.check.too_small"),
        );
        report.within(frame.rotation, -360.0, 360.0, place, "rotation");
        let outside = frame.x > self.width_mm
            || frame.y > self.height_mm
            || frame.x + frame.width < 0.0
            || frame.y + frame.height < 0.0;
        report.must(!outside, place, said("layout.check.outside"));
    }

    fn check_artwork(&self, report: &mut Report, layer: &ArtworkLayer, place: &str) {
        let plain = layer.file.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        report.must(
            plain && layer.file.ends_with(".svg") && !layer.file.starts_with('.'),
            place,
            said("layout.check.file"),
        );
        for (literal, paint) in &layer.colors {
            report.must(literal.alpha == 255, place, said("layout.check.see_through"));
            self.check_paint(report, paint, place);
        }
    }

    fn check_photo(&self, report: &mut Report, layer: &PhotoLayer, place: &str) {
        let is_photo = matches!(self.field(&layer.field), Some(Field { kind: FieldKind::Photo, .. }));
        report.must(is_photo, place, of_field("layout.check.no_photo", &layer.field));
        self.check_frame(report, layer.frame(), place);
        report.within(layer.opacity, 0.0, 1.0, place, "opacity");
        match &layer.mask {
            Mask::Rect | Mask::Ellipse => {}
            Mask::Rounded { radius } => report.within(*radius, 0.0, MAX_SIDE_MM, place, "radius"),
            Mask::Path { d } => {
                report.must(crate::render::shape::parse_path(d).is_some(), place, said("layout.check.path"))
            }
        }
        if let Look::Field(id) = &layer.look {
            match self.field(id).map(|field| &field.kind) {
                Some(FieldKind::Choice { choices, .. }) => {
                    let known = |choice: &Choice| matches!(choice.id.as_str(), "plain" | "mono" | "warm");
                    report.must(choices.iter().all(known), place, of_field("layout.check.look", id));
                }
                _ => report.add(place, of_field("layout.check.no_choice", id)),
            }
        }
        if let Some(shadow) = &layer.shadow {
            let near = |d: f64| within(d, -100.0, 100.0);
            let holds = near(shadow.dx) && near(shadow.dy) && within(shadow.blur, 0.0, 50.0);
            report.must(holds, place, said("layout.check.shadow"));
            self.check_paint(report, &shadow.color, place);
        }
        if let Some(border) = &layer.border {
            report.within(border.width, 0.0, 100.0, place, "border");
            self.check_paint(report, &border.color, place);
        }
        if let Some(fade) = &layer.fade {
            let share = |value: f64| within(value, 0.0, 1.0);
            report.must(
                share(fade.top) && share(fade.right) && share(fade.bottom) && share(fade.left),
                place,
                said("layout.check.fade"),
            );
        }
    }

    fn check_text(&self, report: &mut Report, layer: &TextLayer, place: &str) {
        match self.field(&layer.field).map(|field| &field.kind) {
            Some(FieldKind::Text(_) | FieldKind::Date { .. } | FieldKind::Place { .. }) => {}
            _ => report.add(place, of_field("layout.check.no_text", &layer.field)),
        }
        if layer.show == Show::Coordinates {
            let is_place = matches!(self.field(&layer.field), Some(Field { kind: FieldKind::Place { .. }, .. }));
            report.must(is_place, place, said("layout.check.coordinates"));
        }
        self.check_frame(report, layer.frame(), place);
        report.within(layer.size_mm, 0.5, 1000.0, place, "size_mm");
        report.within(layer.min_size_mm, 0.2, layer.size_mm, place, "min_size_mm");
        report.must(fonts::face(&layer.font).is_some(), place, said("layout.check.face").with("face", &layer.font));
        report.within(layer.letter_spacing, -0.2, 2.0, place, "letter_spacing");
        report.within(f64::from(layer.max_lines), 1.0, 40.0, place, "max_lines");
        report.within(layer.line_height, 0.6, 4.0, place, "line_height");
        self.check_paint(report, &layer.color, place);
        if let Some(arc) = &layer.arc {
            report.within(arc.radius, 1.0, MAX_SIDE_MM, place, "arc");
            report.within(arc.span.unwrap_or(1.0), 1.0, 350.0, place, "span");
            let is_line = layer.direction == Direction::Horizontal && layer.max_lines == 1;
            report.must(is_line, place, said("layout.arc_is_one_line"));
        }
        if let Some(outline) = &layer.outline {
            report.within(outline.width, 0.0, 20.0, place, "outline");
            self.check_paint(report, &outline.color, place);
        }
    }

    fn check_sky(&self, report: &mut Report, layer: &SkyLayer, place: &str) {
        let kind = |id: &str| self.field(id).map(|field| &field.kind);
        let is_date = matches!(kind(&layer.date), Some(FieldKind::Date { .. }));
        report.must(is_date, place, of_field("layout.check.no_date", &layer.date));
        let is_place = matches!(kind(&layer.place), Some(FieldKind::Place { .. }));
        report.must(is_place, place, of_field("layout.check.no_place", &layer.place));
        match &layer.hour {
            Hour::At(hour) => report.within(*hour, 0.0, 24.0, place, "hour"),
            Hour::Field(written) => match layer.hour.field().and_then(kind) {
                Some(FieldKind::Choice { choices, .. }) if written.starts_with('$') => {
                    let known = choices.iter().all(|choice| Hour::of_choice(&choice.id).is_some());
                    report.must(known, place, of_field("layout.check.hours", written));
                }
                _ => report.add(place, of_field("layout.check.no_choice", written)),
            },
        }
        self.check_frame(report, layer.frame(), place);
        let length = |value: f64| within(value, 0.01, 50.0);
        report.must(layer.paints().next().is_some(), place, said("layout.check.empty_sky"));
        layer.paints().for_each(|paint| self.check_paint(report, paint, place));
        if let Some(stars) = &layer.stars {
            report.within(stars.faintest, 0.0, 6.5, place, "faintest");
            report.within(stars.tint, 0.0, 1.0, place, "tint");
            let sizes = length(stars.smallest) && length(stars.largest) && stars.smallest <= stars.largest;
            report.must(sizes, place, said("layout.check.star_sizes"));
        }
        if let Some(lines) = &layer.lines {
            report.within(lines.width, 0.01, 50.0, place, "lines.width");
            report.within(lines.gap, 0.0, 50.0, place, "lines.gap");
            report.within(lines.opacity, 0.0, 1.0, place, "lines.opacity");
        }
        if let Some(milky_way) = &layer.milky_way {
            report.within(milky_way.size, 0.01, 50.0, place, "milky_way.size");
            report.within(milky_way.opacity, 0.0, 1.0, place, "milky_way.opacity");
        }
    }

    fn check_field(&self, report: &mut Report, at: usize, field: &Field) {
        let place = format!("layout.fields[{at}] ({})", field.id);
        report.must(is_word(&field.id), &place, said("layout.check.word"));
        let twice = self.fields[..at].iter().any(|other| other.id == field.id);
        report.must(!twice, &place, said("layout.check.taken"));
        report.words(&field.label, &place);
        report.must(self.uses(&field.id), &place, said(UNUSED));
        match &field.kind {
            FieldKind::Photo => {}
            FieldKind::Text(text) => {
                report.within(f64::from(text.max_chars), 1.0, 1000.0, &place, "max_chars");
                for value in std::iter::once(&text.default).chain(&text.sample) {
                    let fits = value.chars().count() <= text.max_chars as usize;
                    report.must(fits, &place, said("layout.check.too_long").with("max", text.max_chars));
                    let missing: String = fonts::missing(value).into_iter().collect();
                    let message = said("layout.no_glyph").with("characters", &missing);
                    report.must(missing.is_empty(), &place, message);
                }
                let can_tell = !field.required || text.default.is_empty();
                report.must(can_tell, &place, said("layout.required_has_no_default"));
                for id in &text.fonts {
                    report.must(fonts::face(id).is_some(), &place, said("layout.check.face").with("face", id));
                }
                for color in &text.colors {
                    report.must(color.alpha == 255, &place, said("layout.check.see_through"));
                }
            }
            FieldKind::Color { default, colors } => {
                report.must(colors.allow(*default), &place, said("layout.check.default"));
                if let Colors::These(list) = colors {
                    report.must(!list.is_empty(), &place, said("layout.check.no_colors"));
                    for color in list {
                        report.must(color.alpha == 255, &place, said("layout.check.see_through"));
                    }
                }
            }
            FieldKind::Choice { default, choices } => {
                report.must(choices.len() >= 2, &place, said("layout.check.two_choices"));
                let known = choices.iter().any(|choice| choice.id == *default);
                report.must(known, &place, said("layout.check.default"));
                for (at, choice) in choices.iter().enumerate() {
                    report.must(is_word(&choice.id), &place, said("layout.check.choice_id").with("choice", &choice.id));
                    let twice = choices[..at].iter().any(|other| other.id == choice.id);
                    report.must(!twice, &place, said("layout.check.choice_twice").with("choice", &choice.id));
                    report.words(&choice.label, &place);
                }
            }
            FieldKind::Date { default } => {
                let date = default.as_deref().is_none_or(is_date);
                report.must(date, &place, said("layout.check.date"));
            }
            FieldKind::Place { default } => {
                let on_globe = |place: &Place| within(place.lat, -90.0, 90.0) && within(place.lon, -180.0, 180.0);
                report.must(default.as_ref().is_none_or(on_globe), &place, said("layout.check.globe"));
            }
        }
    }

    /// True when some layer, colour, look or condition depends on the field.
    pub(crate) fn uses(&self, id: &str) -> bool {
        let paint = |paint: &Paint| paint.field() == Some(id);
        paint(&self.background)
            || self.layers.iter().any(|layer| {
                layer.when().contains_key(id)
                    || match layer {
                        Layer::Artwork(layer) => layer.colors.values().any(paint),
                        Layer::Photo(layer) => {
                            layer.field == id
                                || layer.look == Look::Field(id.to_owned())
                                || layer.shadow.as_ref().is_some_and(|shadow| paint(&shadow.color))
                                || layer.border.as_ref().is_some_and(|border| paint(&border.color))
                        }
                        Layer::Text(layer) => {
                            layer.field == id
                                || paint(&layer.color)
                                || layer.outline.as_ref().is_some_and(|outline| paint(&outline.color))
                        }
                        Layer::Sky(layer) => {
                            layer.date == id
                                || layer.place == id
                                || layer.hour.field() == Some(id)
                                || layer.paints().any(paint)
                        }
                    }
            })
    }
}
