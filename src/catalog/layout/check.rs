//! What must be true of a layout before anybody can design on it.

use super::*;
use crate::render::fonts;
use std::fmt;

/// A mistake in a layout, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// For example `layout.layers[2] (text name)`.
    pub place: String,
    pub message: String,
}

impl Problem {
    pub(super) fn new(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { place: place.to_string(), message: message.to_string().trim_end().to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The longest side of anything printed, and the most pixels of a print file: what the renderer is built for.
pub const MAX_SIDE_MM: f64 = 2000.0;
const MAX_PRINT_PIXELS: u64 = 150_000_000;

struct Report(Vec<Problem>);

impl Report {
    fn add(&mut self, place: impl fmt::Display, message: impl fmt::Display) {
        self.0.push(Problem::new(place, message));
    }

    fn must(&mut self, holds: bool, place: impl fmt::Display, message: impl fmt::Display) {
        if !holds {
            self.add(place, message);
        }
    }

    fn words(&mut self, words: &Words, place: &str) {
        self.must(!words.en.trim().is_empty(), place, "its English text is empty");
        self.must(!words.ja.trim().is_empty(), place, "its Japanese text is empty");
    }
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
        report.must(is_word(&self.slug), "slug", "must be lower-case letters, digits and hyphens");
        report.must(is_word(&self.category), "category", "must be a lower-case word");
        report.words(&self.name, "name");
        report.words(&self.description, "description");
        report.must(!self.variants.is_empty(), "variants", "a product needs at least one");
        for (at, variant) in self.variants.iter().enumerate() {
            let place = format!("variants[{at}] ({})", variant.key);
            report.must(is_variant_key(&variant.key), &place, "its key must be lower-case letters, digits and hyphens");
            let twice = self.variants[..at].iter().any(|other| other.key == variant.key);
            report.must(!twice, &place, "its key is taken");
            report.words(&variant.name, &place);
            report.must((1..=100_000_000).contains(&variant.price), &place, "its price must be above 0");
            report.0.extend(self.layout.size_problem(variant.size()).map(|message| Problem::new(&place, message)));
        }
        report.0.extend(self.layout.problems());
        for id in self.sample.keys() {
            report.must(self.layout.field(id).is_some(), "sample", format!("there is no field `{id}`"));
        }
        report.0
    }
}

impl Layout {
    /// Why a variant of that size can't be drawn from this layout.
    pub fn size_problem(&self, size: Size) -> Option<String> {
        let Size { width_mm, height_mm } = size;
        if !within(width_mm, 5.0, MAX_SIDE_MM) || !within(height_mm, 5.0, MAX_SIDE_MM) {
            return Some(format!("its sides must be 5 to {MAX_SIDE_MM} mm"));
        }
        let ratio = (width_mm / height_mm) / (self.width_mm / self.height_mm);
        if !within(ratio, 0.99, 1.0 / 0.99) {
            let (base_width, base_height) = (self.width_mm, self.height_mm);
            return Some(format!(
                "{width_mm} × {height_mm} is not in the proportion of the layout ({base_width} × {base_height}) within 1 %"
            ));
        }
        let (width, height) = self.print_pixels(size);
        if u64::from(width) * u64::from(height) > MAX_PRINT_PIXELS {
            return Some(format!("its print file of {width} × {height} pixels is too large; lower the dpi"));
        }
        None
    }

    /// Every mistake found; empty when designs can be made from the layout.
    pub fn problems(&self) -> Vec<Problem> {
        let mut report = Report(Vec::new());
        if let Some(message) = self.size_problem(self.size()) {
            report.add("layout", message);
        }
        report.must((72..=1200).contains(&self.dpi), "layout.dpi", "must be 72 to 1200");
        report.must(within(self.bleed_mm, 0.0, 20.0), "layout.bleed_mm", "must be 0 to 20");
        let half = self.width_mm.min(self.height_mm) / 2.0;
        report.must(
            within(self.safe_margin_mm, 0.0, 100.0) && self.safe_margin_mm < half,
            "layout.safe_margin_mm",
            "must be at least 0 and leave something in the middle",
        );
        self.check_paint(&mut report, &self.background, "layout.background");
        if let Paint::Literal(color) = self.background {
            report.must(color.alpha == 255, "layout.background", "must not be see-through");
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
        report.must(!self.layers.is_empty(), "layout.layers", "a layout needs at least one layer");
        report.0
    }

    fn check_paint(&self, report: &mut Report, paint: &Paint, place: &str) {
        if let Some(id) = paint.field() {
            let is_color = matches!(self.field(id), Some(Field { kind: FieldKind::Color { .. }, .. }));
            report.must(is_color, place, format!("there is no color field `{id}`"));
        }
        if let Paint::Mixed { amount, .. } = paint {
            report.must(within(*amount, 0.0, 1.0), place, "the amount of a mixed colour must be 0 to 1");
        }
    }

    fn check_when(&self, report: &mut Report, when: &When, place: &str) {
        for (id, values) in when {
            match self.field(id).map(|field| &field.kind) {
                Some(FieldKind::Choice { choices, .. }) => {
                    for value in values.values() {
                        let known = choices.iter().any(|choice| choice.id == *value);
                        report.must(known, place, format!("field `{id}` has no choice `{value}`"));
                    }
                }
                _ => report.add(place, format!("there is no choice field `{id}`")),
            }
        }
    }

    fn check_frame(&self, report: &mut Report, frame: Frame, place: &str) {
        let near = |at: f64| within(at, -MAX_SIDE_MM, 2.0 * MAX_SIDE_MM);
        report.must(near(frame.x) && near(frame.y), place, "x and y must be millimetres near the surface");
        report.must(
            within(frame.width, 1.0, MAX_SIDE_MM * 2.0) && within(frame.height, 1.0, MAX_SIDE_MM * 2.0),
            place,
            "width and height must be at least 1",
        );
        report.must(within(frame.rotation, -360.0, 360.0), place, "rotation must be -360 to 360");
        let outside = frame.x > self.width_mm
            || frame.y > self.height_mm
            || frame.x + frame.width < 0.0
            || frame.y + frame.height < 0.0;
        report.must(!outside, place, "lies outside the surface");
    }

    fn check_artwork(&self, report: &mut Report, layer: &ArtworkLayer, place: &str) {
        let plain = layer.file.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        report.must(
            plain && layer.file.ends_with(".svg") && !layer.file.starts_with('.'),
            place,
            "file must be the plain name of an .svg beside product.toml",
        );
        for (literal, paint) in &layer.colors {
            report.must(literal.alpha == 255, place, "a colour to replace is written #rrggbb");
            self.check_paint(report, paint, place);
        }
    }

    fn check_photo(&self, report: &mut Report, layer: &PhotoLayer, place: &str) {
        let is_photo = matches!(self.field(&layer.field), Some(Field { kind: FieldKind::Photo, .. }));
        report.must(is_photo, place, format!("there is no photo field `{}`", layer.field));
        self.check_frame(report, layer.frame(), place);
        report.must(within(layer.opacity, 0.0, 1.0), place, "opacity must be 0 to 1");
        match &layer.mask {
            Mask::Rect | Mask::Ellipse => {}
            Mask::Rounded { radius } => {
                report.must(within(*radius, 0.0, MAX_SIDE_MM), place, "the mask's radius must be at least 0")
            }
            Mask::Path { d } => {
                report.must(crate::render::shape::parse_path(d).is_some(), place, "the mask's path can't be read")
            }
        }
        if let Look::Field(id) = &layer.look {
            match self.field(id).map(|field| &field.kind) {
                Some(FieldKind::Choice { choices, .. }) => {
                    let known = |choice: &Choice| matches!(choice.id.as_str(), "plain" | "mono" | "warm");
                    report.must(
                        choices.iter().all(known),
                        place,
                        format!("choices of `{id}` must be plain, mono or warm to be a look"),
                    );
                }
                _ => report.add(place, format!("there is no choice field `{id}`")),
            }
        }
        if let Some(shadow) = &layer.shadow {
            let near = |d: f64| within(d, -100.0, 100.0);
            report.must(
                near(shadow.dx) && near(shadow.dy) && within(shadow.blur, 0.0, 50.0),
                place,
                "the shadow must be near (dx, dy within 100 mm, blur 0 to 50)",
            );
            self.check_paint(report, &shadow.color, place);
        }
        if let Some(border) = &layer.border {
            report.must(within(border.width, 0.0, 100.0), place, "the border's width must be 0 to 100");
            self.check_paint(report, &border.color, place);
        }
        if let Some(fade) = &layer.fade {
            let share = |value: f64| within(value, 0.0, 1.0);
            report.must(
                share(fade.top) && share(fade.right) && share(fade.bottom) && share(fade.left),
                place,
                "a fade is a share of the frame, 0 to 1",
            );
        }
    }

    fn check_text(&self, report: &mut Report, layer: &TextLayer, place: &str) {
        match self.field(&layer.field).map(|field| &field.kind) {
            Some(FieldKind::Text(_) | FieldKind::Date { .. } | FieldKind::Place { .. }) => {}
            _ => report.add(place, format!("there is no text, date or place field `{}`", layer.field)),
        }
        if layer.show == Show::Coordinates {
            let is_place = matches!(self.field(&layer.field), Some(Field { kind: FieldKind::Place { .. }, .. }));
            report.must(is_place, place, "only a place has coordinates to show");
        }
        self.check_frame(report, layer.frame(), place);
        report.must(within(layer.size_mm, 0.5, 1000.0), place, "size_mm must be 0.5 to 1000");
        report.must(
            within(layer.min_size_mm, 0.2, layer.size_mm),
            place,
            "min_size_mm must be at least 0.2 and at most size_mm",
        );
        report.must(fonts::face(&layer.font).is_some(), place, format!("there is no face `{}`", layer.font));
        report.must(within(layer.letter_spacing, -0.2, 2.0), place, "letter_spacing must be -0.2 to 2");
        report.must((1..=40).contains(&layer.max_lines), place, "max_lines must be 1 to 40");
        report.must(within(layer.line_height, 0.6, 4.0), place, "line_height must be 0.6 to 4");
        self.check_paint(report, &layer.color, place);
        if let Some(arc) = &layer.arc {
            report.must(within(arc.radius, 1.0, MAX_SIDE_MM), place, "the arc's radius must be at least 1");
            report.must(arc.span.is_none_or(|span| within(span, 1.0, 350.0)), place, "the arc's span must be 1 to 350");
            report.must(
                layer.direction == Direction::Horizontal && layer.max_lines == 1,
                place,
                "text on an arc is one horizontal line",
            );
        }
        if let Some(outline) = &layer.outline {
            report.must(within(outline.width, 0.0, 20.0), place, "the outline's width must be 0 to 20");
            self.check_paint(report, &outline.color, place);
        }
    }

    fn check_sky(&self, report: &mut Report, layer: &SkyLayer, place: &str) {
        let kind = |id: &str| self.field(id).map(|field| &field.kind);
        let is_date = matches!(kind(&layer.date), Some(FieldKind::Date { .. }));
        report.must(is_date, place, format!("there is no date field `{}`", layer.date));
        let is_place = matches!(kind(&layer.place), Some(FieldKind::Place { .. }));
        report.must(is_place, place, format!("there is no place field `{}`", layer.place));
        match &layer.hour {
            Hour::At(hour) => report.must(within(*hour, 0.0, 24.0), place, "hour must be 0 to 24"),
            Hour::Field(written) => match layer.hour.field().and_then(kind) {
                Some(FieldKind::Choice { choices, .. }) if written.starts_with('$') => {
                    let known = choices.iter().all(|choice| Hour::of_choice(&choice.id).is_some());
                    report.must(known, place, format!("choices of `{written}` must be h0 to h24 to be an hour"));
                }
                _ => report.add(place, format!("there is no choice field `{written}`, written $id")),
            },
        }
        self.check_frame(report, layer.frame(), place);
        let share = |value: f64| within(value, 0.0, 1.0);
        let length = |value: f64| within(value, 0.01, 50.0);
        report.must(layer.paints().next().is_some(), place, "a sky needs stars, lines or milky_way");
        layer.paints().for_each(|paint| self.check_paint(report, paint, place));
        if let Some(stars) = &layer.stars {
            report.must(within(stars.faintest, 0.0, 6.5), place, "the faintest magnitude must be 0 to 6.5");
            report.must(share(stars.tint), place, "tint must be 0 to 1");
            let sizes = length(stars.smallest) && length(stars.largest) && stars.smallest <= stars.largest;
            report.must(sizes, place, "sizes of stars must be 0.01 to 50 mm, smallest first");
        }
        if let Some(lines) = &layer.lines {
            report.must(length(lines.width) && within(lines.gap, 0.0, 50.0), place, "lines must be 0.01 to 50 mm wide");
            report.must(share(lines.opacity), place, "opacity must be 0 to 1");
        }
        if let Some(milky_way) = &layer.milky_way {
            report.must(length(milky_way.size), place, "spots must be 0.01 to 50 mm wide");
            report.must(share(milky_way.opacity), place, "opacity must be 0 to 1");
        }
    }

    fn check_field(&self, report: &mut Report, at: usize, field: &Field) {
        let place = format!("layout.fields[{at}] ({})", field.id);
        report.must(is_word(&field.id), &place, "its id must be lower-case letters, digits, hyphens and underscores");
        let twice = self.fields[..at].iter().any(|other| other.id == field.id);
        report.must(!twice, &place, "its id is taken");
        report.words(&field.label, &place);
        report.must(self.uses(&field.id), &place, "no layer uses it");
        match &field.kind {
            FieldKind::Photo => {}
            FieldKind::Text(text) => {
                report.must((1..=1000).contains(&text.max_chars), &place, "max_chars must be 1 to 1000");
                for (what, value) in [("default", Some(&text.default)), ("sample", text.sample.as_ref())] {
                    let Some(value) = value else { continue };
                    let fits = value.chars().count() <= text.max_chars as usize;
                    report.must(fits, &place, format!("its {what} is longer than max_chars"));
                    let missing: String = fonts::missing(value).into_iter().collect();
                    report.must(missing.is_empty(), &place, format!("no face can draw `{missing}` of its {what}"));
                }
                report.must(
                    !field.required || text.default.is_empty(),
                    &place,
                    "a required field has no default, or nobody could tell that it was filled in",
                );
                for id in &text.fonts {
                    report.must(fonts::face(id).is_some(), &place, format!("there is no face `{id}`"));
                }
                for color in &text.colors {
                    report.must(color.alpha == 255, &place, "colours of text must not be see-through");
                }
            }
            FieldKind::Color { default, colors } => {
                report.must(colors.allow(*default), &place, "its default is not among its colours");
                if let Colors::These(list) = colors {
                    report.must(!list.is_empty(), &place, "it needs at least one colour");
                    for color in list {
                        report.must(color.alpha == 255, &place, "colours to choose from must not be see-through");
                    }
                }
            }
            FieldKind::Choice { default, choices } => {
                report.must(choices.len() >= 2, &place, "a choice needs at least two choices");
                let known = choices.iter().any(|choice| choice.id == *default);
                report.must(known, &place, "its default is not among its choices");
                for (at, choice) in choices.iter().enumerate() {
                    report.must(is_word(&choice.id), &place, format!("`{}` is no id for a choice", choice.id));
                    let twice = choices[..at].iter().any(|other| other.id == choice.id);
                    report.must(!twice, &place, format!("the choice `{}` stands twice", choice.id));
                    report.words(&choice.label, &place);
                }
            }
            FieldKind::Date { default } => {
                let date = default.as_deref().is_none_or(is_date);
                report.must(date, &place, "its default is not a date like 2024-05-01");
            }
            FieldKind::Place { default } => {
                let on_globe = |place: &Place| within(place.lat, -90.0, 90.0) && within(place.lon, -180.0, 180.0);
                report.must(default.as_ref().is_none_or(on_globe), &place, "its default is not on the globe");
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
