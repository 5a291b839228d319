//! What the form says of fields.

use super::{FieldEdit, PlaceEdit, Reader, is_on};
use crate::catalog::layout::{Choice, Colors, Field, FieldKind, Place, is_date, is_word};
use crate::catalog::typed::{Typed, number_text};
use crate::kernel::Message;
use crate::kernel::lang::Words;
use crate::kernel::text::clean_block;
use crate::render::fonts;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// More than anybody reads through.
const MAX_CHOICES: usize = 40;

/// Carries out what the form says of the field at `at`, and keeps the sample of the product's own picture possible.
pub(super) fn apply(
    reader: &mut Reader<'_>,
    at: usize,
    change: &FieldEdit,
    into: &mut Field,
    samples: &mut BTreeMap<String, Value>,
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
            let shown = crate::designs::studio::layout::inputs::sample_text(samples.get(&into.id), text).to_owned();
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
            let shown = samples.get(&into.id).map(|sample| sample.as_str().and_then(|color| color.parse().ok()));
            if shown.is_some_and(|shown| !shown.is_some_and(|color| colors.allow(color))) {
                samples.remove(&into.id);
            }
        }
        FieldKind::Choice { default, choices } => {
            if let Some(typed) = &change.choices {
                apply_choices(reader, field("choices"), typed, choices);
            }
            if let Some(typed) = &change.default {
                typed.trim().clone_into(default);
            }
            let offered = |id: &str| choices.iter().any(|choice| choice.id == id);
            if !offered(default) {
                reader.mistakes.add(field("default"), Message::new("layout.default_not_offered"));
            }
            if samples.get(&into.id).is_some_and(|sample| !sample.as_str().is_some_and(offered)) {
                samples.remove(&into.id);
            }
        }
        FieldKind::Date { default } => {
            if let Some(typed) = &change.default {
                let typed = typed.trim();
                if typed.is_empty() || is_date(typed) {
                    *default = (!typed.is_empty()).then(|| typed.to_owned());
                } else {
                    reader.mistakes.add(field("default"), Message::new("panel.day_form"));
                }
            }
        }
        FieldKind::Place { default } => {
            if let Some(edit) = &change.place {
                apply_place(reader, &field("place"), edit, default);
            }
        }
    }
}

fn apply_place(reader: &mut Reader<'_>, field: &str, edit: &PlaceEdit, into: &mut Option<Place>) {
    let name = reader.line(format!("{field}.name"), &edit.name, 100);
    if name.is_empty() && edit.lat.is_empty() && edit.lon.is_empty() {
        *into = None;
        return;
    }
    if name.is_empty() {
        reader.mistakes.add(format!("{field}.name"), Message::new("panel.text_needed"));
    }
    let missing: String = fonts::missing(&name).into_iter().collect();
    if !missing.is_empty() {
        let message = Message::new("layout.no_glyph").with("characters", missing);
        reader.mistakes.add(format!("{field}.name"), message);
    }
    let before = into.take();
    let mut degrees = |axis: &str, typed: &Typed, end: f64, before: Option<f64>| {
        let mut number = before.unwrap_or_default();
        let shown = before.map(number_text);
        // An empty one is a mistake here, since the other two are not.
        let typed = if typed.is_empty() { &Typed::Text("-".into()) } else { typed };
        if shown.as_deref() != Some(typed.text().trim()) {
            reader.number(format!("{field}.{axis}"), typed, -end, end, &mut number);
        }
        number
    };
    let lat = degrees("lat", &edit.lat, 90.0, before.as_ref().map(|place| place.lat));
    let lon = degrees("lon", &edit.lon, 180.0, before.as_ref().map(|place| place.lon));
    *into = Some(Place { name, lat, lon });
}

/// Layers and designs know choices by their ids, so these stay what they are; a line without one is given one.
fn apply_choices(reader: &mut Reader<'_>, field: String, typed: &str, choices: &mut Vec<Choice>) {
    let mut after: Vec<Choice> = Vec::new();
    for line in typed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let (id, en, ja) = match parts.as_slice() {
            [id, en, ja] => ((*id).to_owned(), *en, *ja),
            [en, ja] => (made_id(en, &after), *en, *ja),
            _ => return reader.mistakes.add(field, Message::new("layout.choices_form")),
        };
        if en.is_empty() || ja.is_empty() || [en, ja].iter().any(|text| text.chars().count() > 60) {
            return reader.mistakes.add(field, Message::new("layout.choices_form"));
        }
        if !is_word(&id) {
            return reader.mistakes.add(field, Message::new("layout.check.choice_id").with("choice", id));
        }
        if after.iter().any(|known| known.id == id) {
            return reader.mistakes.add(field, Message::new("layout.check.choice_twice").with("choice", id));
        }
        after.push(Choice { id, label: Words::new(en, ja) });
    }
    if after.len() < 2 {
        return reader.mistakes.add(field, Message::new("layout.check.two_choices"));
    }
    if after.len() > MAX_CHOICES {
        return reader.mistakes.add(field, Message::new("layout.too_many_choices").with("max", MAX_CHOICES));
    }
    *choices = after;
}

/// From the English words, so that the same line has the same id each time it is sent.
fn made_id(en: &str, taken: &[Choice]) -> String {
    let mut stem = crate::catalog::admin::slug_of(en);
    stem.truncate(30);
    let stem = stem.trim_matches('-');
    let stem = if is_word(stem) { stem } else { "choice" };
    let names = std::iter::once(stem.to_owned()).chain((2..).map(|number: u32| format!("{stem}-{number}")));
    let is_free = |id: &String| !taken.iter().any(|choice| choice.id == *id);
    names.into_iter().find(is_free).unwrap_or_default()
}
