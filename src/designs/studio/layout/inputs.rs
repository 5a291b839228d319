//! The controls of the form: one row of data each, so that the page is a loop and not a wall.

use super::artwork::colors_of;
use super::form::layers::{solid, usual_shadow};
use super::form::{Edit, FieldEdit, LayerEdit, PaintEdit};
use crate::catalog::layout::{
    ArcStart, ArtworkLayer, Direction, Field, FieldKind, Hours, Layer, Layout, Look, Mask, OneOrMore, Paint,
    PhotoLayer, ProductFile, Show, TextField, TextLayer,
};
use crate::catalog::typed::{Typed, number_text};
use crate::kernel::Lang;
use crate::render::{Color, fonts};
use crate::web::words;

/// One control.
pub struct Control {
    /// Also its id.
    pub name: String,
    pub label: String,
    pub hint: Option<String>,
    pub error: Option<String>,
    /// A colour the label is about.
    pub swatch: Option<String>,
    pub kind: Kind,
}

pub enum Kind {
    Number {
        value: String,
        step: &'static str,
    },
    Line {
        value: String,
        lang: &'static str,
        max: usize,
    },
    Block {
        value: String,
    },
    Date {
        value: String,
    },
    Choice {
        options: Vec<Pick>,
    },
    /// Several of them, or none.
    Several {
        options: Vec<Pick>,
    },
    Switch {
        on: bool,
    },
    /// `from` is empty when there are no colour fields to take it from.
    Color {
        own: String,
        from: Vec<Pick>,
    },
}

pub struct Pick {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

/// Makes controls for one place of the form, with what was typed there and what is wrong with it.
pub struct Maker<'a> {
    pub lang: Lang,
    pub layout: &'a Layout,
    /// `layers.2.`, `fields.1.` or nothing.
    pub stem: String,
    pub errors: &'a [(String, String)],
    pub controls: Vec<Control>,
    /// Those from here on are less often needed.
    pub more_from: Option<usize>,
}

impl<'a> Maker<'a> {
    pub fn new(lang: Lang, layout: &'a Layout, stem: String, errors: &'a [(String, String)]) -> Maker<'a> {
        Maker { lang, layout, stem, errors, controls: Vec::new(), more_from: None }
    }

    fn t(&self, key: &str) -> String {
        words::text(self.lang, key).to_owned()
    }

    fn add(&mut self, name: &str, label: &str, kind: Kind) {
        let hint = words::find(self.lang, &format!("{label}_hint")).map(str::to_owned);
        self.add_called(name, self.t(label), hint, kind);
    }

    fn add_called(&mut self, name: &str, label: String, hint: Option<String>, kind: Kind) {
        let name = format!("{}{name}", self.stem);
        let error = self.errors.iter().find(|(field, _)| *field == name).map(|(_, message)| message.clone());
        self.controls.push(Control { name, label, hint, error, swatch: None, kind });
    }

    /// The two halves of the controls.
    pub fn finish(self) -> (Vec<Control>, Vec<Control>) {
        let mut first = self.controls;
        let more = first.split_off(self.more_from.unwrap_or(first.len()).min(first.len()));
        (first, more)
    }

    fn number(&mut self, name: &str, label: &str, value: f64, typed: Option<&Typed>, step: &'static str) {
        let value = match typed {
            Some(Typed::Nothing) | None => number_text(value),
            Some(typed) => typed.text(),
        };
        self.add(name, label, Kind::Number { value, step });
    }

    fn line(&mut self, name: &str, label: &str, value: &str, typed: Option<&String>, lang: &'static str, max: usize) {
        let value = typed.map_or(value, String::as_str).to_owned();
        self.add(name, label, Kind::Line { value, lang, max });
    }

    fn choice(&mut self, name: &str, label: &str, chosen: &str, options: Vec<(String, String)>) {
        let options = options.into_iter().map(|(value, label)| Pick { chosen: value == chosen, value, label });
        let options = options.collect();
        self.add(name, label, Kind::Choice { options });
    }

    /// A choice among words of the layout format, called by `layout.<group>.<word>`.
    fn words(&mut self, name: &str, label: &str, chosen: &str, group: &str, options: &[&str]) {
        let options = options.iter().map(|word| ((*word).to_owned(), self.t(&format!("layout.{group}.{word}"))));
        let options = options.collect();
        self.choice(name, label, chosen, options);
    }

    /// A choice among shapes. Gives the radius that rounded corners have, or would get.
    fn mask(
        &mut self,
        (name, label): (&str, &str),
        mask: &Mask,
        (width, height): (f64, f64),
        chosen: Option<&str>,
    ) -> f64 {
        let now = mask.name();
        let radius = match mask {
            Mask::Rounded { radius } => *radius,
            _ => usual_radius(width, height),
        };
        let shapes: &[&str] =
            if now == "path" { &["path", "rect", "rounded", "ellipse"] } else { &["rect", "rounded", "ellipse"] };
        self.words(name, label, chosen.unwrap_or(now), "mask", shapes);
        radius
    }

    fn switch(&mut self, name: &str, label: &str, on: bool, typed: Option<&String>) {
        let on = typed.map_or(on, |typed| typed == "on");
        self.add(name, label, Kind::Switch { on });
    }

    fn color(&mut self, name: &str, label: &str, paint: &Paint, typed: Option<&PaintEdit>) {
        let kind = self.color_kind(paint, typed, None);
        self.add(name, label, kind);
    }

    /// `first` is a choice before those of the fields, by its value, its words and whether it is what stands now.
    fn color_kind(&self, paint: &Paint, typed: Option<&PaintEdit>, first: Option<(&str, String, bool)>) -> Kind {
        let (mut own, mut chosen) = match paint {
            // The browser's own picker knows no transparency, and would take it away.
            Paint::Literal(color) if color.alpha < 255 => (solid_text(*color), "=".to_owned()),
            Paint::Literal(color) => (color.to_string(), String::new()),
            Paint::Field(field) => (self.shown(field), format!("${field}")),
            Paint::Mixed { field, .. } => (self.shown(field), "=".to_owned()),
        };
        if let Some((value, _, true)) = &first {
            chosen = (*value).to_owned();
        }
        let stays = match paint {
            Paint::Mixed { .. } => Some("layout.color_mixed"),
            Paint::Literal(color) if color.alpha < 255 => Some("layout.color_clear"),
            _ => None,
        };
        if let Some(typed) = typed {
            own.clone_from(&typed.own);
            chosen.clone_from(&typed.from);
        }
        let fields = self.layout.fields.iter().filter(|field| matches!(field.kind, FieldKind::Color { .. }));
        let mut from: Vec<(String, String)> =
            fields.map(|field| (format!("${}", field.id), field.label.get(self.lang).to_owned())).collect();
        from.extend(stays.map(|key| ("=".to_owned(), self.t(key))));
        if first.is_some() || !from.is_empty() {
            from.insert(0, (String::new(), self.t("layout.color_own")));
        }
        if let Some((value, label, _)) = first {
            from.insert(0, (value.to_owned(), label));
        }
        let from = from.into_iter().map(|(value, label)| Pick { chosen: value == chosen, value, label }).collect();
        Kind::Color { own, from }
    }

    /// The colour a field shows before anybody chose.
    fn shown(&self, field: &str) -> String {
        match self.layout.field(field).map(|field| &field.kind) {
            Some(FieldKind::Color { default, .. }) => default.to_string(),
            _ => Color::BLACK.to_string(),
        }
    }

    fn faces(&self) -> Vec<(String, String)> {
        let label = |face: &fonts::Face| match self.lang {
            Lang::En => face.label_en,
            Lang::Ja => face.label_ja,
        };
        fonts::FACES.iter().map(|face| (face.id.to_owned(), label(face).to_owned())).collect()
    }
}

/// The surface as a whole.
pub fn of_surface(maker: &mut Maker<'_>, file: &ProductFile, kind: &str, edit: Option<&Edit>) {
    let layout = &file.layout;
    let kinds = crate::catalog::admin::kinds().into_iter().map(|(id, word)| (id.to_owned(), maker.t(word))).collect();
    maker.choice("mockup", "catalog.shown_as", edit.and_then(|edit| edit.mockup.as_deref()).unwrap_or(kind), kinds);
    maker.number("bleed_mm", "layout.bleed", layout.bleed_mm, edit.map(|edit| &edit.bleed_mm), "0.5");
    maker.number("safe_margin_mm", "layout.safe", layout.safe_margin_mm, edit.map(|edit| &edit.safe_margin_mm), "0.5");
    let chosen = edit.and_then(|edit| edit.trim.as_deref());
    let radius = maker.mask(("trim", "layout.trim"), &layout.trim, (layout.width_mm, layout.height_mm), chosen);
    maker.number("trim_radius", "layout.radius", radius, edit.map(|edit| &edit.trim_radius), "0.5");
    maker.number("dpi", "layout.dpi", f64::from(layout.dpi), edit.map(|edit| &edit.dpi), "1");
    maker.color("background", "layout.background", &layout.background, edit.and_then(|edit| edit.background.as_ref()));
    maker.switch("mirror", "layout.mirror", layout.mirror, edit.and_then(|edit| edit.mirror.as_ref()));
}

/// `artwork` is the drawing of an artwork layer.
pub fn of_layer(maker: &mut Maker<'_>, layer: &Layer, artwork: Option<&str>, edit: Option<&LayerEdit>) {
    let frame = match layer {
        Layer::Artwork(artwork_layer) => {
            of_artwork(maker, artwork_layer, artwork.unwrap_or_default(), edit);
            maker.more_from = Some(maker.controls.len());
            return of_when(maker, layer, edit);
        }
        Layer::Photo(photo) => photo.frame(),
        Layer::Text(text) => text.frame(),
        Layer::Sky(sky) => sky.frame(),
    };
    maker.number("x", "layout.x", frame.x, edit.map(|edit| &edit.x), "0.1");
    maker.number("y", "layout.y", frame.y, edit.map(|edit| &edit.y), "0.1");
    maker.number("width", "layout.width", frame.width, edit.map(|edit| &edit.width), "0.1");
    maker.number("height", "layout.height", frame.height, edit.map(|edit| &edit.height), "0.1");
    match layer {
        Layer::Artwork(_) => {}
        Layer::Sky(sky) => {
            let now = if sky.hours == Hours::Clock { "clock" } else { "sun" };
            let chosen = edit.and_then(|edit| edit.hours.as_deref()).unwrap_or(now);
            maker.words("hours", "layout.hours", chosen, "hours", &["clock", "sun"]);
            maker.more_from = Some(maker.controls.len());
        }
        Layer::Photo(photo) => {
            maker.number("rotation", "layout.rotation", frame.rotation, edit.map(|edit| &edit.rotation), "1");
            let chosen = edit.and_then(|edit| edit.mask.as_deref());
            let radius = maker.mask(("mask", "layout.mask"), &photo.mask, (frame.width, frame.height), chosen);
            maker.number("radius", "layout.radius", radius, edit.map(|edit| &edit.radius), "0.5");
            of_look(maker, &photo.look, edit);
            maker.number("opacity", "layout.opacity", photo.opacity * 100.0, edit.map(|edit| &edit.opacity), "1");
            let (width, color) = match &photo.border {
                Some(border) => (border.width, border.color.clone()),
                None => (0.0, Paint::Literal(Color::WHITE)),
            };
            maker.number("border_width", "layout.border_width", width, edit.map(|edit| &edit.border_width), "0.1");
            maker.more_from = Some(maker.controls.len() - 1);
            maker.color("border", "layout.border", &color, edit.and_then(|edit| edit.border.as_ref()));
            of_shadow(maker, photo, edit);
            of_fade(maker, photo, edit);
        }
        Layer::Text(text) => {
            maker.number("rotation", "layout.rotation", frame.rotation, edit.map(|edit| &edit.rotation), "1");
            of_text(maker, text, edit);
        }
    }
    of_when(maker, layer, edit);
}

/// What becomes of each colour of a drawing.
fn of_artwork(maker: &mut Maker<'_>, layer: &ArtworkLayer, svg: &str, edit: Option<&LayerEdit>) {
    let mut colors = colors_of(svg);
    colors.extend(layer.colors.keys().filter(|color| !colors.contains(color)).copied().collect::<Vec<_>>());
    for color in colors {
        let digits = color.to_string().trim_start_matches('#').to_owned();
        let typed = edit.and_then(|edit| edit.recolor.get(&digits));
        let replaced = layer.colors.get(&color);
        let now = replaced.cloned().unwrap_or(Paint::Literal(color));
        let kept = ("-", maker.t("layout.recolor_keep"), replaced.is_none());
        let kind = maker.color_kind(&now, typed, Some(kept));
        let label = words::fill(words::text(maker.lang, "layout.recolor"), &[("color", color.to_string())]);
        maker.add_called(&format!("recolor.{digits}"), label, None, kind);
        if let Some(control) = maker.controls.last_mut() {
            control.swatch = Some(color.to_string());
        }
    }
}

fn of_shadow(maker: &mut Maker<'_>, photo: &PhotoLayer, edit: Option<&LayerEdit>) {
    let on = photo.shadow.is_some();
    let shadow = photo.shadow.clone().unwrap_or_else(usual_shadow);
    let (color, percent) = solid(&shadow.color);
    maker.switch("shadow_on", "layout.shadow_on", on, edit.and_then(|edit| edit.shadow_on.as_ref()));
    maker.number("shadow_dx", "layout.shadow_dx", shadow.dx, edit.map(|edit| &edit.shadow_dx), "0.5");
    maker.number("shadow_dy", "layout.shadow_dy", shadow.dy, edit.map(|edit| &edit.shadow_dy), "0.5");
    maker.number("shadow_blur", "layout.shadow_blur", shadow.blur, edit.map(|edit| &edit.shadow_blur), "0.5");
    maker.color("shadow", "layout.shadow", &color, edit.and_then(|edit| edit.shadow.as_ref()));
    maker.number("shadow_opacity", "layout.shadow_opacity", percent, edit.map(|edit| &edit.shadow_opacity), "5");
}

fn of_fade(maker: &mut Maker<'_>, photo: &PhotoLayer, edit: Option<&LayerEdit>) {
    let fade = photo.fade.unwrap_or_default();
    let typed = edit.and_then(|edit| edit.fade.as_ref());
    maker.number("fade.top", "layout.fade_top", fade.top * 100.0, typed.map(|fade| &fade.top), "5");
    maker.number("fade.bottom", "layout.fade_bottom", fade.bottom * 100.0, typed.map(|fade| &fade.bottom), "5");
    maker.number("fade.left", "layout.fade_left", fade.left * 100.0, typed.map(|fade| &fade.left), "5");
    maker.number("fade.right", "layout.fade_right", fade.right * 100.0, typed.map(|fade| &fade.right), "5");
}

/// With which choices the layer is shown, for each choice there is.
fn of_when(maker: &mut Maker<'_>, layer: &Layer, edit: Option<&LayerEdit>) {
    let layout = maker.layout;
    // Said once, over all of them.
    let mut hint = Some(maker.t("layout.when_hint"));
    for field in &layout.fields {
        let FieldKind::Choice { choices, .. } = &field.kind else { continue };
        let now = layer.when().get(&field.id).map(OneOrMore::values).unwrap_or_default();
        let ticked = edit.and_then(|edit| edit.when.get(&field.id)).map_or(now, Vec::as_slice);
        let options = choices.iter().map(|choice| Pick {
            value: choice.id.clone(),
            label: choice.label.get(maker.lang).to_owned(),
            chosen: ticked.contains(&choice.id),
        });
        let kind = Kind::Several { options: options.collect() };
        let label = words::fill(words::text(maker.lang, "layout.when"), &[("field", field.label.get(maker.lang))]);
        maker.add_called(&format!("when.{}", field.id), label, hint.take(), kind);
    }
}

fn solid_text(color: Color) -> String {
    Color { alpha: 255, ..color }.to_string()
}

/// What corners get when they are first rounded, in millimetres.
pub fn usual_radius(width: f64, height: f64) -> f64 {
    (width.min(height) / 10.0).round().max(1.0)
}

fn of_look(maker: &mut Maker<'_>, look: &Look, edit: Option<&LayerEdit>) {
    let mut looks: Vec<(String, String)> =
        ["plain", "mono", "warm"].map(|look| (look.to_owned(), maker.t(&format!("layout.look.{look}")))).to_vec();
    let choosable = |field: &&Field| match &field.kind {
        FieldKind::Choice { choices, .. } => {
            choices.iter().all(|choice| matches!(choice.id.as_str(), "plain" | "mono" | "warm"))
        }
        _ => false,
    };
    let fields = maker.layout.fields.iter().filter(choosable);
    looks.extend(fields.map(|field| {
        let label = words::fill(words::text(maker.lang, "layout.look_of"), &[("field", field.label.get(maker.lang))]);
        (format!("${}", field.id), label)
    }));
    let now = String::from(look.clone());
    let chosen = edit.and_then(|edit| edit.look.clone()).unwrap_or(now);
    maker.choice("look", "layout.look", &chosen, looks);
}

fn of_text(maker: &mut Maker<'_>, text: &TextLayer, edit: Option<&LayerEdit>) {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let now = |value: Result<serde_json::Value, serde_json::Error>| word(value.unwrap_or_default());
    maker.number("size_mm", "layout.size", text.size_mm, edit.map(|edit| &edit.size_mm), "0.5");
    maker.number("min_size_mm", "layout.min_size", text.min_size_mm, edit.map(|edit| &edit.min_size_mm), "0.5");
    let faces = maker.faces();
    let chosen = edit.and_then(|edit| edit.font.as_deref()).unwrap_or(&text.font).to_owned();
    maker.choice("font", "layout.font", &chosen, faces);
    maker.color("color", "layout.color", &text.color, edit.and_then(|edit| edit.color.as_ref()));
    let align = text.arc.map_or(text.align, |arc| arc.align);
    let align = edit.and_then(|edit| edit.align.clone()).unwrap_or_else(|| now(serde_json::to_value(align)));
    maker.words("align", "layout.align", &align, "align", &["left", "center", "right"]);
    let valign = edit.and_then(|edit| edit.valign.clone()).unwrap_or_else(|| now(serde_json::to_value(text.valign)));
    maker.words("valign", "layout.valign", &valign, "valign", &["top", "middle", "bottom"]);
    if matches!(maker.layout.field(&text.field).map(|field| &field.kind), Some(FieldKind::Place { .. })) {
        let show = if text.show == Show::Coordinates { "coordinates" } else { "name" };
        let show = edit.and_then(|edit| edit.show.as_deref()).unwrap_or(show).to_owned();
        maker.words("show", "layout.show", &show, "show", &["name", "coordinates"]);
    }
    maker.more_from = Some(maker.controls.len());
    maker.number("max_lines", "layout.max_lines", f64::from(text.max_lines), edit.map(|edit| &edit.max_lines), "1");
    maker.number("line_height", "layout.line_height", text.line_height, edit.map(|edit| &edit.line_height), "0.05");
    let spacing = edit.map(|edit| &edit.letter_spacing);
    maker.number("letter_spacing", "layout.letter_spacing", text.letter_spacing, spacing, "0.01");
    let direction = if text.direction == Direction::Vertical { "vertical" } else { "horizontal" };
    let direction = edit.and_then(|edit| edit.direction.as_deref()).unwrap_or(direction).to_owned();
    maker.words("direction", "layout.direction", &direction, "direction", &["horizontal", "vertical"]);
    let typed = edit.and_then(|edit| edit.arc_radius.as_ref());
    let radius = text.arc.as_ref().map(|arc| number_text(arc.radius)).unwrap_or_default();
    let value = typed.map_or(radius, Typed::text);
    maker.add("arc_radius", "layout.arc_radius", Kind::Number { value, step: "1" });
    let is_below = text.arc.as_ref().is_some_and(|arc| arc.start != ArcStart::default());
    let start = if is_below { "bottom" } else { "top" };
    let start = edit.and_then(|edit| edit.arc_start.as_deref()).unwrap_or(start).to_owned();
    maker.words("arc_start", "layout.arc_start", &start, "arc", &["top", "bottom"]);
    let (width, color) = match &text.outline {
        Some(outline) => (outline.width, outline.color.clone()),
        None => (0.0, Paint::Literal(Color::WHITE)),
    };
    maker.number("outline_width", "layout.outline_width", width, edit.map(|edit| &edit.outline_width), "0.1");
    maker.color("outline", "layout.outline", &color, edit.and_then(|edit| edit.outline.as_ref()));
    maker.switch("uppercase", "layout.uppercase", text.uppercase, edit.and_then(|edit| edit.uppercase.as_ref()));
}

/// The text of a field that the product's own picture shows.
pub fn sample_text<'a>(in_picture: Option<&'a serde_json::Value>, text: &'a TextField) -> &'a str {
    let in_picture = in_picture.and_then(|value| value.as_str().or_else(|| value.get("text")?.as_str()));
    in_picture.or(text.sample.as_deref()).unwrap_or_default()
}

pub fn of_field(maker: &mut Maker<'_>, field: &Field, file: &ProductFile, edit: Option<&FieldEdit>) {
    let label = edit.and_then(|edit| edit.label.as_ref());
    maker.line("label.en", "layout.label_en", &field.label.en, label.map(|label| &label.en), "en", 60);
    maker.line("label.ja", "layout.label_ja", &field.label.ja, label.map(|label| &label.ja), "ja", 60);
    let hint = field.hint.clone().unwrap_or_default();
    let typed = edit.and_then(|edit| edit.hint.as_ref());
    maker.line("hint.en", "layout.help_en", &hint.en, typed.map(|hint| &hint.en), "en", 200);
    maker.line("hint.ja", "layout.help_ja", &hint.ja, typed.map(|hint| &hint.ja), "ja", 200);
    let default = edit.and_then(|edit| edit.default.as_ref());
    match &field.kind {
        FieldKind::Photo => {
            let now = file.sample.get(&field.id).and_then(|sample| sample.get("file")).and_then(|file| file.as_str());
            let chosen = edit.and_then(|edit| edit.sample_photo.as_deref()).or(now).unwrap_or_default().to_owned();
            let photos = crate::catalog::admin::SAMPLE_PHOTOS;
            let name = |photo: &str| {
                let stem = photo.strip_suffix(".jpg").unwrap_or(photo);
                (photo.to_owned(), maker.t(&format!("layout.photo.{stem}")))
            };
            let photos = photos.into_iter().map(name).collect();
            maker.choice("sample_photo", "layout.sample_photo", &chosen, photos);
        }
        FieldKind::Text(text) => {
            maker.number("max_chars", "layout.max_chars", f64::from(text.max_chars), edit.map(|e| &e.max_chars), "1");
            let sample = sample_text(file.sample.get(&field.id), text);
            let typed = edit.and_then(|edit| edit.sample.as_ref());
            maker.line("sample", "layout.sample", sample, typed, "", 1000);
            maker.line("default", "layout.default_text", &text.default, default, "", 1000);
            let chosen = edit.and_then(|edit| edit.fonts.as_ref()).unwrap_or(&text.fonts);
            let options = maker.faces().into_iter();
            let options = options.map(|(value, label)| Pick { chosen: chosen.contains(&value), value, label });
            let options = options.collect();
            maker.add("fonts", "layout.fonts", Kind::Several { options });
            let colors = text.colors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            maker.line("colors", "layout.colors", &colors, edit.and_then(|edit| edit.colors.as_ref()), "", 1000);
        }
        FieldKind::Color { default: now, colors } => {
            let colors = match colors {
                crate::catalog::layout::Colors::Any => "any".to_owned(),
                crate::catalog::layout::Colors::These(list) => {
                    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
                }
            };
            maker.line("colors", "layout.field_colors", &colors, edit.and_then(|e| e.colors.as_ref()), "", 1000);
            maker.line("default", "layout.default_color", &now.to_string(), default, "", 9);
        }
        FieldKind::Choice { default: now, choices } => {
            let line = |choice: &crate::catalog::layout::Choice| {
                format!("{} | {} | {}", choice.id, choice.label.en, choice.label.ja)
            };
            let lines = choices.iter().map(line).collect::<Vec<_>>().join("\n");
            let value = edit.and_then(|edit| edit.choices.clone()).unwrap_or(lines);
            maker.add("choices", "layout.choices", Kind::Block { value });
            let options = choices.iter();
            let options = options.map(|choice| (choice.id.clone(), choice.label.get(maker.lang).to_owned())).collect();
            maker.choice("default", "layout.default_choice", default.unwrap_or(now), options);
        }
        FieldKind::Date { default: now } => {
            let value = default.cloned().or_else(|| now.clone()).unwrap_or_default();
            maker.add("default", "layout.default_date", Kind::Date { value });
        }
        FieldKind::Place { default: now } => {
            let typed = edit.and_then(|edit| edit.place.as_ref());
            let name = now.as_ref().map(|place| place.name.as_str()).unwrap_or_default();
            maker.line("place.name", "layout.default_place", name, typed.map(|place| &place.name), "", 100);
            let axes = now.as_ref().map(|place| (place.lat, place.lon));
            let degrees = [
                ("place.lat", "layout.lat", axes.map(|axes| axes.0), typed.map(|place| &place.lat)),
                ("place.lon", "layout.lon", axes.map(|axes| axes.1), typed.map(|place| &place.lon)),
            ];
            for (name, label, now, typed) in degrees {
                let value = typed.map_or_else(|| now.map(number_text).unwrap_or_default(), Typed::text);
                maker.add(name, label, Kind::Number { value, step: "0.1" });
            }
        }
    }
    maker.switch("required", "layout.required", field.required, edit.and_then(|edit| edit.required.as_ref()));
}
