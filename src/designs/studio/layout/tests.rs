//! Fields come and go, and what a layout can say can be said in the form.

use super::actions::Action;
use super::form::{self, Edit};
use crate::catalog::layout::{FieldKind, Layer, Paint, ProductFile};
use crate::catalog::starter::bundled;
use crate::kernel::{Code, Lang, Refusal};
use crate::web::words;
use serde_json::{Value, json};

fn product(slug: &str) -> ProductFile {
    bundled().unwrap().into_iter().find(|product| product.file.slug == slug).unwrap().file
}

fn apply(file: &mut ProductFile, wish: Value) -> Result<(), Refusal> {
    form::apply(file, &serde_json::from_value::<Edit>(wish).unwrap())
}

fn layer(file: &ProductFile, kind: &str) -> usize {
    let layers = json!(file.layout.layers);
    layers.as_array().unwrap().iter().position(|layer| layer["kind"] == kind).unwrap()
}

#[test]
fn a_new_colour_waits_in_the_draft_until_it_is_used() {
    let mut file = product("round-tag");
    let next = Action::AddColor.apply(&mut file).unwrap();
    let at = file.layout.fields.len() - 1;
    assert_eq!(next.unwrap(), format!("field-{at}"));
    let id = file.layout.fields[at].id.clone();
    form::check_draft(&file).unwrap();
    let refusal = form::check(&file).unwrap_err();
    assert_eq!(refusal.code, Code::InvalidInput);
    assert_eq!(
        (&*refusal.errors[0].field, refusal.errors[0].message.key),
        (&*format!("fields.{at}"), "layout.check.unused")
    );

    // Something else goes away, and it still waits.
    Action::Remove(layer(&file, "text")).apply(&mut file).unwrap();
    assert!(file.layout.field(&id).is_some());
    let before = file.layout.background.field().unwrap().to_owned();
    apply(&mut file, json!({"background": {"from": format!("${id}"), "own": "#000000"}})).unwrap();
    let left = file.layout.fields.iter().position(|field| field.id == before).unwrap();
    assert!(form::check(&file).is_err(), "the colour the background had before is not used any more");
    Action::RemoveField(left).apply(&mut file).unwrap();
    form::check(&file).unwrap();

    let at = file.layout.fields.iter().position(|field| field.id == id).unwrap();
    let FieldKind::Color { default, .. } = file.layout.fields[at].kind else { panic!() };
    Action::RemoveField(at).apply(&mut file).unwrap();
    assert_eq!(file.layout.background, Paint::Literal(default), "the page keeps the colour it had at first");
    form::check(&file).unwrap();
}

#[test]
fn a_new_choice_decides_what_is_shown() {
    let mut file = product("round-tag");
    Action::AddChoice.apply(&mut file).unwrap();
    let at = file.layout.fields.len() - 1;
    let id = file.layout.fields[at].id.clone();
    let lines = "one | Night | 夜\nMorning dew | 朝露\n昼 | 昼";
    apply(&mut file, json!({"fields": [{"id": id, "choices": lines}]})).unwrap();
    let ids = |file: &ProductFile| match &file.layout.field(&id).unwrap().kind {
        FieldKind::Choice { choices, .. } => choices.iter().map(|choice| choice.id.clone()).collect::<Vec<_>>(),
        _ => panic!(),
    };
    assert_eq!(ids(&file), ["one", "morning-dew", "choice"]);
    apply(&mut file, json!({"fields": [{"id": id, "choices": lines}]})).unwrap();
    assert_eq!(ids(&file), ["one", "morning-dew", "choice"], "the same lines are the same choices");

    let text = layer(&file, "text");
    let layers = file.layout.layers.len();
    apply(&mut file, json!({"layers": [{"index": text, "when": {&id: ["", "choice", "one"]}}]})).unwrap();
    form::check(&file).unwrap();
    assert_eq!(json!(file.layout.layers[text])["when"][&id], json!(["choice", "one"]));
    let gone = json!({"fields": [{"id": id, "choices": "one | Night | 夜\nmorning-dew | Dew | 露"}]});
    let refusal = apply(&mut file.clone(), gone).unwrap_err();
    assert_eq!(
        (&*refusal.errors[0].field, refusal.errors[0].message.key),
        (&*format!("layers.{text}"), "layout.check.condition")
    );
    for (choices, key) in [
        ("one | Night", "layout.check.two_choices"),
        ("one | Night | 夜", "layout.check.two_choices"),
        ("one | Night | 夜\none | Day | 昼", "layout.check.choice_twice"),
        ("ONE | Night | 夜\ntwo | Day | 昼", "layout.check.choice_id"),
        ("one", "layout.choices_form"),
    ] {
        let refusal = apply(&mut file.clone(), json!({"fields": [{"id": id, "choices": choices}]})).unwrap_err();
        assert!(refusal.errors.iter().any(|error| error.message.key == key), "{choices}: {refusal:?}");
    }

    // Without the choice, what its first answer shows stays, whatever it was shown with.
    let mut open = file.clone();
    Action::RemoveField(at).apply(&mut open).unwrap();
    assert_eq!(open.layout.layers.len(), layers);
    assert!(!open.layout.layers[text].when().contains_key(&id));
    apply(&mut file, json!({"layers": [{"index": text, "when": {&id: ["choice"]}}]})).unwrap();
    Action::RemoveField(at).apply(&mut file).unwrap();
    assert_eq!(file.layout.layers.len(), layers - 1, "what was never shown at first is gone");
    form::check(&file).unwrap();
}

#[test]
fn a_place_is_shown_by_its_name_or_where_it_is() {
    let mut file = product("round-tag");
    Action::AddPlace.apply(&mut file).unwrap();
    let (field, at) = (file.layout.fields.last().unwrap().id.clone(), file.layout.layers.len() - 1);
    assert!(file.sample[&field]["lat"].is_number());
    let wish = json!({
        "layers": [{"index": at, "show": "coordinates"}],
        "fields": [{"id": field, "place": {"name": "札幌", "lat": "43.06", "lon": 141.35}}],
    });
    apply(&mut file, wish).unwrap();
    assert_eq!(json!(file.layout.layers[at])["show"], "coordinates");
    assert_eq!(json!(file.layout.field(&field))["default"], json!({"name": "札幌", "lat": 43.06, "lon": 141.35}));
    for (place, wrong) in [
        (json!({"name": "Pole", "lat": 91, "lon": 0}), "lat"),
        (json!({"name": "Somewhere", "lat": 1, "lon": ""}), "lon"),
        (json!({"name": "", "lat": 1, "lon": 1}), "name"),
    ] {
        let refusal = apply(&mut file.clone(), json!({"fields": [{"id": field, "place": place}]})).unwrap_err();
        assert!(refusal.errors[0].field.ends_with(&format!(".place.{wrong}")), "{refusal:?}");
    }
    apply(&mut file, json!({"fields": [{"id": field, "place": {}}]})).unwrap();
    assert_eq!(json!(file.layout.field(&field)).get("default"), None);
    Action::AddDate.apply(&mut file).unwrap();
    form::check(&file).unwrap();
}

#[test]
fn shadows_fades_outlines_and_recolouring_are_said_in_the_form() {
    let mut file = product("arch-portrait");
    let (photo, text, artwork) = (layer(&file, "photo"), layer(&file, "text"), layer(&file, "artwork"));
    let color = file.layout.fields.iter().find(|field| field.kind.name() == "color").unwrap().id.clone();
    let from = format!("${color}");
    let wish = json!({"layers": [
        {"index": photo, "shadow_on": "on", "shadow_dx": 2, "shadow_opacity": 50, "shadow": {"own": "#102030"}, "fade": {"bottom": "30"}},
        {"index": text, "outline_width": "0.4", "outline": {"from": from}},
        {"index": artwork, "recolor": {"123456": {"from": from, "own": ""}, "abcdef": {"from": "", "own": "#00ff00"}, "fedcba": {"from": "-"}}},
    ]});
    apply(&mut file, wish).unwrap();
    let layers = json!(file.layout.layers);
    assert_eq!(layers[photo]["shadow"], json!({"dx": 2.0, "dy": 1.0, "blur": 3.0, "color": "#10203080"}));
    assert_eq!(layers[photo]["fade"]["bottom"], 0.3);
    assert_eq!(layers[text]["outline"], json!({"width": 0.4, "color": from}));
    let colors = &layers[artwork]["colors"];
    assert_eq!(
        (&colors["#123456"], &colors["#abcdef"], colors.get("#fedcba")),
        (&json!(from), &json!("#00ff00"), None)
    );
    form::check(&file).unwrap();

    let wish = json!({"layers": [
        {"index": photo, "shadow_on": "off", "fade": {"bottom": 0}},
        {"index": text, "outline_width": 0},
        {"index": artwork, "recolor": {"123456": {"from": "-"}, "abcdef": {"from": "-"}}},
    ]});
    apply(&mut file, wish).unwrap();
    let layers = json!(file.layout.layers);
    for (at, name) in [(photo, "shadow"), (photo, "fade"), (text, "outline")] {
        assert_eq!(layers[at].get(name), None, "{name}");
    }
    assert!(layers[artwork]["colors"].get("#123456").is_none());
    for (wish, wrong) in [
        (json!({"index": photo, "shadow_on": "on", "shadow_blur": 99}), "shadow_blur"),
        (json!({"index": photo, "fade": {"top": 101}}), "fade.top"),
        (json!({"index": text, "outline": {"own": "red"}}), "outline"),
        (json!({"index": artwork, "recolor": {"red": {"own": "#000000"}}}), "recolor.red"),
        (json!({"index": artwork, "when": {"nothing": ["a"]}}), "when.nothing"),
    ] {
        let refusal = apply(&mut file.clone(), json!({"layers": [wish]})).unwrap_err();
        assert!(refusal.errors[0].field.ends_with(&format!(".{wrong}")), "{wrong}: {refusal:?}");
    }
}

#[test]
fn any_field_can_go_and_a_whole_layout_stays() {
    for product in bundled().unwrap() {
        for at in 0..product.file.layout.fields.len() {
            let mut file = product.file.clone();
            let id = file.layout.fields[at].id.clone();
            match Action::RemoveField(at).apply(&mut file) {
                Ok(_) => {
                    assert_eq!(file.layout.problems(), [], "{} without {id}", file.slug);
                    assert!(file.layout.field(&id).is_none() && !file.sample.contains_key(&id));
                    let Layer::Artwork(_) = &file.layout.layers[0] else { continue };
                    assert!(!json!(file.layout).to_string().contains(&format!("\"${id}\"")), "{} {id}", file.slug);
                }
                Err(refusal) => assert_eq!(refusal.errors[0].message.key, "layout.last_layer"),
            }
        }
    }
}

#[test]
fn every_rule_has_its_words_in_every_language() {
    let source = include_str!("../../../catalog/layout/check.rs");
    let keys: Vec<&str> = source.split('"').filter(|part| part.starts_with("layout.check.")).collect();
    assert!(keys.len() > 30);
    for lang in Lang::ALL {
        for key in &keys {
            assert!(words::find(lang, key).is_some(), "{lang:?} {key}");
        }
    }
}

#[test]
fn a_line_on_a_circle_is_aligned_in_the_form() {
    let mut file = product("round-tag");
    let layers = json!(file.layout.layers);
    let at = layers.as_array().unwrap().iter().position(|layer| layer["arc"].is_object()).unwrap();
    let arc = |file: &ProductFile| json!(file.layout.layers[at])["arc"].clone();
    let before = arc(&file);
    assert_eq!(before.get("align"), None, "in the middle");
    for align in ["left", "right", "center"] {
        apply(&mut file, json!({"layers": [{"index": at, "align": align}]})).unwrap();
        let word = (align != "center").then(|| json!(align));
        assert_eq!(arc(&file).get("align"), word.as_ref(), "{align}");
    }
    assert_eq!(arc(&file), before);
    // Stored when nobody listened: the layer says left, and the line stands in the middle until somebody chooses.
    let mut stored = json!(file);
    stored["layout"]["layers"][at]["align"] = json!("left");
    let mut stored: ProductFile = serde_json::from_value(stored).unwrap();
    apply(&mut stored, json!({"layers": [{"index": at, "arc_radius": 12}]})).unwrap();
    assert_eq!(arc(&stored).get("align"), None);
    // A straight line that is bent keeps its side.
    let straight =
        json!(file.layout.layers).as_array().unwrap().iter().position(|l| l["kind"] == "text" && l["arc"].is_null());
    let straight = straight.unwrap();
    apply(&mut file, json!({"layers": [{"index": straight, "align": "right", "arc_radius": "9"}]})).unwrap();
    assert_eq!(json!(file.layout.layers[straight])["arc"]["align"], "right");
    form::check(&file).unwrap();
}

#[test]
fn a_cut_is_chosen_in_the_form() {
    let mut file = product("star-portrait");
    let trim = |file: &ProductFile| json!(file.layout).get("trim").cloned();
    assert_eq!(trim(&file), None);
    apply(&mut file, json!({"trim": "rounded"})).unwrap();
    assert_eq!(trim(&file).unwrap()["radius"], json!((file.layout.width_mm / 10.0).round()));
    apply(&mut file, json!({"trim_radius": "12.5"})).unwrap();
    assert_eq!(trim(&file), Some(json!({"shape": "rounded", "radius": 12.5})));
    apply(&mut file, json!({"trim": "ellipse", "trim_radius": "12.5"})).unwrap();
    assert_eq!(trim(&file), Some(json!({"shape": "ellipse"})));
    for (wish, field) in [(json!({"trim": "path"}), "trim"), (json!({"trim_radius": -1}), "trim_radius")] {
        assert_eq!(apply(&mut file.clone(), wish).unwrap_err().errors[0].field, field);
    }
    apply(&mut file, json!({"trim": "rect"})).unwrap();
    assert_eq!(trim(&file), None);
}

#[test]
fn the_hours_of_a_sky_are_chosen_in_the_form() {
    let mut file = product("night-sky");
    let at = layer(&file, "sky");
    let hours = |file: &ProductFile| json!(file.layout.layers[at]).get("hours").cloned();
    assert_eq!(hours(&file), Some(json!("clock")));
    apply(&mut file, json!({"layers": [{"index": at, "hours": "sun"}]})).unwrap();
    assert_eq!(hours(&file), None);
    let refusal = apply(&mut file, json!({"layers": [{"index": at, "hours": "moon"}]})).unwrap_err();
    assert_eq!(refusal.errors[0].field, format!("layers.{at}.hours"));
}
