//! A form that comes back as it was sent changes nothing, whatever the layout: whoever changes one number keeps all the others.

use super::actions::Action;
use super::form::{self, Edit};
use super::inputs::{Control, Kind, Maker, of_field, of_layer, of_surface};
use crate::catalog::layout::Layer;
use crate::catalog::starter::{Bundled, bundled};
use crate::kernel::Lang;
use serde_json::{Map, Value, json};

fn controls(product: &Bundled) -> Vec<(String, Vec<Control>)> {
    let file = &product.file;
    let layout = &file.layout;
    let kind = serde_json::to_value(file.mockup).unwrap();
    let maker = |stem: String| Maker::new(Lang::En, layout, stem, &[]);
    let mut all = Vec::new();
    let mut surface = maker(String::new());
    of_surface(&mut surface, file, kind.as_str().unwrap(), None);
    all.push((String::new(), surface.controls));
    for (at, layer) in layout.layers.iter().enumerate() {
        let mut made = maker(format!("layers.{at}."));
        let drawing = match layer {
            Layer::Artwork(layer) => product.artwork.get(&layer.file).map(String::as_str),
            _ => None,
        };
        of_layer(&mut made, layer, drawing, None);
        all.push((format!("layers.{at}."), made.controls));
    }
    for (at, field) in layout.fields.iter().enumerate() {
        let mut made = maker(format!("fields.{at}."));
        of_field(&mut made, field, file, None);
        all.push((format!("fields.{at}."), made.controls));
    }
    all
}

/// What a browser would send for one control.
fn sent(control: &Control) -> Value {
    let chosen = |options: &[super::inputs::Pick]| {
        let picked = options.iter().find(|option| option.chosen).or(options.first());
        picked.map(|option| option.value.clone()).unwrap_or_default()
    };
    match &control.kind {
        Kind::Number { value, .. } | Kind::Line { value, .. } | Kind::Block { value } | Kind::Date { value } => {
            json!(value)
        }
        Kind::Choice { options } => json!(chosen(options)),
        Kind::Several { options } => {
            let ticked = options.iter().filter(|option| option.chosen).map(|option| option.value.as_str());
            json!(std::iter::once("").chain(ticked).collect::<Vec<_>>())
        }
        Kind::Switch { on } => json!(if *on { "on" } else { "off" }),
        Kind::Color { own, from } => json!({ "own": own, "from": chosen(from) }),
    }
}

fn put(into: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(into.insert(name.to_owned(), value)),
        Some((first, rest)) => {
            if let Value::Object(inner) = into.entry(first).or_insert_with(|| json!({})) {
                put(inner, rest, value);
            }
        }
    }
}

/// The form of a layout as it is sent when nothing was touched.
fn edit(product: &Bundled) -> Edit {
    let file = &product.file;
    let mut form = Map::new();
    let (mut layers, mut fields) = (Vec::new(), Vec::new());
    for (stem, controls) in controls(product) {
        let mut part = Map::new();
        for control in &controls {
            put(&mut part, control.name.strip_prefix(&stem).unwrap(), sent(control));
        }
        match stem.split('.').next().unwrap() {
            "layers" => {
                part.insert("index".into(), json!(layers.len()));
                layers.push(Value::Object(part));
            }
            "fields" => {
                part.insert("id".into(), json!(file.layout.fields[fields.len()].id));
                fields.push(Value::Object(part));
            }
            _ => form.extend(part),
        }
    }
    form.insert("layers".into(), Value::Array(layers));
    form.insert("fields".into(), Value::Array(fields));
    serde_json::from_value(Value::Object(form)).unwrap()
}

#[test]
fn what_nobody_touched_stays() {
    for product in bundled().unwrap() {
        let mut file = product.file.clone();
        form::apply(&mut file, &edit(&product)).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", file.slug));
        assert_eq!(json!(file), json!(product.file), "{}", product.file.slug);
    }
}

#[test]
fn every_button_leaves_a_whole_layout() {
    for product in bundled().unwrap() {
        let layers = product.file.layout.layers.len();
        let buttons = [
            Action::AddPhoto,
            Action::AddText,
            Action::AddDate,
            Action::AddPlace,
            Action::Up(0),
            Action::Down(layers - 1),
            Action::FieldDown(0),
        ];
        for action in buttons.into_iter().chain((0..layers).map(Action::Remove)) {
            let mut file = product.file.clone();
            match action.apply(&mut file) {
                Ok(_) => assert_eq!(file.layout.problems(), [], "{} {action:?}", file.slug),
                Err(_) => assert_eq!(layers, 1, "{} {action:?}", file.slug),
            }
            let apart = file.sample.keys().filter(|id| file.layout.field(id).is_none()).count();
            assert_eq!(apart, 0, "{} {action:?}: a sample for a field that is gone", file.slug);
        }
    }
}

#[test]
fn mistakes_are_told_at_their_field() {
    let file = bundled().unwrap().into_iter().find(|product| product.file.slug == "phone-case").unwrap().file;
    let at = |kind: &str| {
        let layers = json!(file.layout.layers);
        layers.as_array().unwrap().iter().position(|layer| layer["kind"] == kind).unwrap()
    };
    let (photo, text) = (at("photo"), at("text"));
    let name = file.layout.fields.iter().position(|field| field.kind.name() == "text").unwrap();
    let id = &file.layout.fields[name].id;
    for (wish, field, key) in [
        (json!({"bleed_mm": 21}), "bleed_mm".to_owned(), "layout.range"),
        (json!({"dpi": "many"}), "dpi".into(), "layout.range"),
        (json!({"mockup": "spoon"}), "mockup".into(), "layout.choose"),
        (json!({"background": {"own": "cream"}}), "background".into(), "layout.color_form"),
        (json!({"background": {"from": "$nothing"}}), "background".into(), "layout.field_unknown"),
        (json!({"layers": [{"index": photo, "width": 0}]}), format!("layers.{photo}.width"), "layout.range"),
        (json!({"layers": [{"index": photo, "mask": "heart"}]}), format!("layers.{photo}.mask"), "layout.choose"),
        (json!({"layers": [{"index": photo, "look": "$nothing"}]}), format!("layers.{photo}.look"), "layout.choose"),
        (json!({"layers": [{"index": text, "font": "comic"}]}), format!("layers.{text}.font"), "layout.choose"),
        (
            json!({"layers": [{"index": text, "arc_radius": 9, "max_lines": 2}]}),
            format!("layers.{text}.arc_radius"),
            "layout.arc_is_one_line",
        ),
        (
            json!({"fields": [{"id": id, "label": {"en": "", "ja": "名前"}}]}),
            format!("fields.{name}.label.en"),
            "panel.text_needed",
        ),
        (
            json!({"fields": [{"id": id, "colors": "#123456 red"}]}),
            format!("fields.{name}.colors"),
            "layout.colors_form",
        ),
        (
            json!({"fields": [{"id": id, "required": "on", "default": "Mugi"}]}),
            format!("fields.{name}.default"),
            "layout.required_has_no_default",
        ),
    ] {
        let edit: Edit = serde_json::from_value(wish.clone()).unwrap();
        let refusal = form::apply(&mut file.clone(), &edit).unwrap_err();
        let found: Vec<_> = refusal.errors.iter().map(|error| (error.field.as_str(), error.message.key)).collect();
        assert!(found.contains(&(field.as_str(), key)), "{wish}: {found:?}");
    }
}
