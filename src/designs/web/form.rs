//! What the editor's form sends, as params: everything is text there, an empty field is a gap, and positions are per cent.

use crate::catalog::layout::{FieldKind, Layout};
use crate::designs::places;
use axum::http::{HeaderMap, header};
use serde_json::{Map, Number, Value, json};

/// True when the body is a form's, not JSON.
pub fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    !kind.trim().to_ascii_lowercase().starts_with("application/json")
}

/// Turns the texts of a form into the values the layout's fields take. What cannot be read stays as it is, to be refused by name.
pub fn into_params(layout: &Layout, params: &mut Value) {
    let Value::Object(members) = params else { return };
    for field in &layout.fields {
        let Some(typed) = members.remove(&field.id) else { continue };
        let value = match &field.kind {
            FieldKind::Photo => photo(typed),
            FieldKind::Text(_) => words(typed),
            FieldKind::Place { .. } => place(typed),
            FieldKind::Color { .. } | FieldKind::Choice { .. } | FieldKind::Date { .. } => {
                Some(typed).filter(is_filled)
            }
        };
        if let Some(value) = value {
            members.insert(field.id.clone(), value);
        }
    }
}

fn is_filled(value: &Value) -> bool {
    value.as_str().is_none_or(|text| !text.trim().is_empty())
}

/// A text as a number; other text stays text.
fn number(value: Value) -> Value {
    let read = value.as_str().and_then(|text| text.trim().parse::<f64>().ok()).and_then(Number::from_f64);
    read.map_or(value, Value::Number)
}

fn photo(typed: Value) -> Option<Value> {
    let Value::Object(mut typed) = typed else { return Some(typed).filter(is_filled) };
    let id = typed.remove("photo_id").filter(is_filled)?;
    let mut photo = Map::from_iter([("photo_id".to_owned(), id)]);
    for (form, name) in [("across", "x"), ("down", "y")] {
        if let Some(percent) = typed.remove(form).filter(is_filled) {
            let share = match number(percent) {
                Value::Number(percent) => json!(percent.as_f64().unwrap_or_default() / 100.0),
                unread => unread,
            };
            photo.insert(name.to_owned(), share);
        }
    }
    for (name, value) in typed {
        if is_filled(&value) {
            photo.insert(name, number(value));
        }
    }
    Some(Value::Object(photo))
}

/// Words with the lettering chosen for them, or plain. Deleted words are an empty text, not a gap, so that no default comes back.
fn words(typed: Value) -> Option<Value> {
    let Value::Object(mut members) = typed else { return Some(typed) };
    let text = members.remove("text")?;
    let chosen: Vec<_> = members.into_iter().filter(|(_, value)| is_filled(value)).collect();
    if chosen.is_empty() {
        return Some(text);
    }
    Some(Value::Object([("text".to_owned(), text)].into_iter().chain(chosen).collect()))
}

/// A name alone is looked up; one that is on no list is left to be refused. So is a new name over the degrees of the one before it.
fn place(typed: Value) -> Option<Value> {
    let Value::Object(mut members) = typed else { return Some(typed).filter(is_filled) };
    let was = members.remove("was");
    if was.as_ref().and_then(Value::as_str).is_some_and(|was| keeps_degrees_of_another(&members, was)) {
        for degrees in ["lat", "lon"] {
            members.insert(degrees.to_owned(), json!(""));
        }
    }
    if members.values().all(|value| !is_filled(value)) {
        return None;
    }
    let filled = |name: &str| members.get(name).is_some_and(is_filled);
    let name = members.get("name").and_then(Value::as_str);
    if let (false, false, Some(town)) = (filled("lat"), filled("lon"), name.and_then(places::named)) {
        return Some(json!({ "name": name, "lat": town.lat, "lon": town.lon }));
    }
    let read = members.into_iter().map(|(name, value)| {
        let value = if name == "name" { value } else { number(value) };
        (name, value)
    });
    Some(Value::Object(read.collect()))
}

/// Whether the name is another than in `was`, which holds `lat,lon,name` as the form began, and the degrees are the same.
fn keeps_degrees_of_another(typed: &Map<String, Value>, was: &str) -> bool {
    let text = |name: &str| typed.get(name).and_then(Value::as_str).map_or("", str::trim);
    let mut parts = was.splitn(3, ',');
    let mut part = || parts.next().map_or("", str::trim);
    let (lat, lon, name) = (part(), part(), part());
    let (typed_name, is_same) = (text("name"), (text("lat"), text("lon")) == (lat, lon));
    is_same && !name.is_empty() && !typed_name.is_empty() && typed_name != name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::layout::{Choice, Field, TextField};
    use crate::kernel::lang::Words;

    fn layout() -> Layout {
        let field =
            |id: &str, kind| Field { id: id.into(), label: Words::new("L", "L"), hint: None, required: false, kind };
        let text = |default: &str| {
            FieldKind::Text(TextField {
                max_chars: 20,
                default: default.into(),
                sample: None,
                fonts: Vec::new(),
                colors: Vec::new(),
            })
        };
        let choice = Choice { id: "plain".into(), label: Words::new("P", "P") };
        let mut layout: Layout =
            serde_json::from_value(json!({ "width_mm": 100, "height_mm": 100, "background": "#ffffff" })).unwrap();
        layout.fields = vec![
            field("photo", FieldKind::Photo),
            field("name", text("")),
            field("since", text("Since 2019")),
            field("look", FieldKind::Choice { default: "plain".into(), choices: vec![choice] }),
            field("place", FieldKind::Place { default: None }),
        ];
        layout
    }

    #[test]
    fn texts_become_values_and_empty_fields_gaps() {
        let mut params = json!({
            "photo": { "photo_id": "p1", "across": "50", "down": "25", "zoom": "1.2", "rotation": "" },
            "name": { "text": "Mika", "font": "caveat" },
            "since": { "text": "", "font": "" },
            "look": "",
            "place": { "name": "Kyoto", "lat": "35.01", "lon": "135.77" },
            "other": "kept for the check",
        });
        into_params(&layout(), &mut params);
        let expected = json!({
            "photo": { "photo_id": "p1", "x": 0.5, "y": 0.25, "zoom": 1.2 },
            "name": { "text": "Mika", "font": "caveat" },
            "since": "",
            "place": { "name": "Kyoto", "lat": 35.01, "lon": 135.77 },
            "other": "kept for the check",
        });
        assert_eq!(params, expected);
    }

    #[test]
    fn a_town_is_looked_up_by_its_name() {
        let mut params = json!({ "place": { "name": "京都", "lat": "", "lon": "" } });
        into_params(&layout(), &mut params);
        assert_eq!(params, json!({ "place": { "name": "京都", "lat": 35.02, "lon": 135.75 } }));
    }

    #[test]
    fn a_new_name_over_an_old_one_brings_its_own_degrees() {
        let typed = |name: &str, lat: &str, was: &str| {
            let mut params = json!({ "place": { "name": name, "lat": lat, "lon": "139.69", "was": was } });
            into_params(&layout(), &mut params);
            params["place"].clone()
        };
        let tokyo = "35.69,139.69,Tokyo";
        let osaka = places::named("Osaka").unwrap();
        assert_eq!(typed("Osaka", "35.69", tokyo), json!({ "name": "Osaka", "lat": osaka.lat, "lon": osaka.lon }));
        assert_eq!(typed("Nowhere", "35.69", tokyo), json!({ "name": "Nowhere", "lat": "", "lon": "" }));
        // Degrees that were changed too, a name that was not, and degrees that had none are what they say.
        for (name, lat, was) in [
            ("Our garden", "35.7", tokyo),
            ("Tokyo", "35.7", tokyo),
            ("", "35.7", tokyo),
            ("Our garden", "35.7", "35.7,139.69,"),
        ] {
            assert_eq!(typed(name, lat, was), json!({ "name": name, "lat": 35.7, "lon": 139.69 }));
        }
        assert_eq!(typed("Tokyo", "35.69", tokyo), json!({ "name": "Tokyo", "lat": 35.69, "lon": 139.69 }));
    }

    #[test]
    fn a_frame_without_a_photo_is_a_gap_and_nonsense_stays_to_be_refused() {
        let mut params =
            json!({ "photo": { "photo_id": "", "across": "50", "zoom": "2" }, "place": { "name": "", "lat": "" } });
        into_params(&layout(), &mut params);
        assert_eq!(params, json!({}));
        let mut params = json!({ "place": { "name": "Nowhere", "lat": "", "lon": "" } });
        into_params(&layout(), &mut params);
        assert_eq!(params, json!({ "place": { "name": "Nowhere", "lat": "", "lon": "" } }));
        let mut params = json!({ "photo": { "photo_id": "p1", "zoom": "big" } });
        into_params(&layout(), &mut params);
        assert_eq!(params, json!({ "photo": { "photo_id": "p1", "zoom": "big" } }));
    }
}
