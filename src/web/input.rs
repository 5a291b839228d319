//! Request bodies: JSON, form or multipart by `Content-Type`, read into one type.

use super::problem::Problem;
use crate::kernel::{Code, Message, Refusal};
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A request body as `T`. Forms name nested fields with dots (`shipping_address.name`) and repeat a name ending in `[]` for lists.
pub struct Input<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = content_type(&request);
        let value = if kind.starts_with("multipart/form-data") {
            let mut form = Multipart::from_request(request, state).await.map_err(|_| unreadable())?;
            let mut pairs = Vec::new();
            while let Some(field) = form.next_field().await.map_err(|error| body_problem(error.status().as_u16()))? {
                let name = field.name().unwrap_or_default().to_owned();
                pairs.push((name, field.text().await.map_err(|error| body_problem(error.status().as_u16()))?));
            }
            nest(pairs)
        } else {
            let bytes =
                Bytes::from_request(request, state).await.map_err(|error| body_problem(error.status().as_u16()))?;
            if kind.starts_with("application/x-www-form-urlencoded") {
                nest(serde_urlencoded::from_bytes(&bytes).map_err(|_| unreadable())?)
            } else if kind.starts_with("application/json") {
                if bytes.is_empty() {
                    Value::Object(Map::new())
                } else {
                    serde_json::from_slice(&bytes).map_err(|error| {
                        let detail = Message::new("problem.invalid_json")
                            .with("line", error.line())
                            .with("column", error.column());
                        Problem(Refusal::because(Code::InvalidJson, detail))
                    })?
                }
            } else if bytes.is_empty() {
                Value::Object(Map::new())
            } else {
                return Err(Problem::new(Code::UnsupportedMedia, "problem.unsupported_body"));
            }
        };
        from_value(value).map(Input).map_err(Problem)
    }
}

fn content_type(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_ascii_lowercase()
}

fn unreadable() -> Problem {
    Problem::new(Code::BadRequest, "problem.body_unreadable")
}

/// The problem for a body that could not be read to its end.
pub fn body_problem(status: u16) -> Problem {
    match status {
        413 => Problem::new(Code::PayloadTooLarge, "problem.payload_too_large"),
        _ => unreadable(),
    }
}

/// Reads `value` as `T`, naming the field that does not fit.
///
/// # Errors
/// 422 with the field's path.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let text = error.inner().to_string();
        // A missing field is reported at its parent; its name stands between back-ticks in serde's message.
        let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        let parent = error.path().to_string();
        let field = match missing.or(unknown) {
            Some(name) if parent == "." || parent.ends_with(name) => name.to_owned(),
            Some(name) => format!("{parent}.{name}"),
            None => parent,
        };
        let key = match (missing, unknown) {
            (Some(_), _) => "problem.field_missing",
            (_, Some(_)) => "problem.field_unknown",
            _ => "problem.field_type",
        };
        Refusal::field(field, Message::new(key))
    })
}

/// Turns `a.b=1`, `c[]=2`, `lines.0.x=3` into nested objects and lists of strings.
fn nest(pairs: Vec<(String, String)>) -> Value {
    let mut root = Value::Object(Map::new());
    for (name, text) in pairs {
        let (name, is_list) = match name.strip_suffix("[]") {
            Some(stem) => (stem, true),
            None => (name.as_str(), false),
        };
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() <= 6 {
            place(&mut root, &parts, is_list, text);
        }
    }
    number_keys_to_lists(&mut root);
    root
}

fn place(at: &mut Value, parts: &[&str], is_list: bool, text: String) {
    let Value::Object(map) = at else { return };
    match parts {
        [last] if is_list => {
            if let Value::Array(items) = map.entry(*last).or_insert_with(|| Value::Array(Vec::new())) {
                items.push(Value::String(text));
            }
        }
        // Of a repeated name the last one counts, so that a hidden "off" may stand before a check box.
        [last] => drop(map.insert((*last).to_owned(), Value::String(text))),
        [first, rest @ ..] => {
            place(map.entry(*first).or_insert_with(|| Value::Object(Map::new())), rest, is_list, text)
        }
        [] => {}
    }
}

fn number_keys_to_lists(value: &mut Value) {
    let Value::Object(map) = value else { return };
    for member in map.values_mut() {
        number_keys_to_lists(member);
    }
    if map.is_empty() || !map.keys().all(|key| key.len() <= 4 && key.bytes().all(|b| b.is_ascii_digit())) {
        return;
    }
    let mut items: Vec<(u32, Value)> =
        std::mem::take(map).into_iter().map(|(key, item)| (key.parse().unwrap_or(0), item)).collect();
    items.sort_by_key(|(at, _)| *at);
    *value = Value::Array(items.into_iter().map(|(_, item)| item).collect());
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Whole(i64),
    Text(String),
}

/// A whole number, as JSON has it or as a form sends it.
///
/// # Errors
/// Anything else.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    optional_number(deserializer)?.ok_or_else(|| serde::de::Error::custom("a whole number"))
}

/// As [`number`]; an empty text is nothing.
///
/// # Errors
/// Anything that is neither a whole number nor empty.
pub fn optional_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Option::<NumberOrText>::deserialize(deserializer)? {
        None => Ok(None),
        Some(NumberOrText::Whole(number)) => Ok(Some(number)),
        Some(NumberOrText::Text(text)) if text.trim().is_empty() => Ok(None),
        Some(NumberOrText::Text(text)) => {
            text.trim().parse().map(Some).map_err(|_| serde::de::Error::custom("a whole number"))
        }
    }
}

/// True or false, as JSON has it or as a check box sends it (`on`, `true`, `1`, `yes`).
///
/// # Errors
/// Anything else.
pub fn switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum SwitchOrText {
        Switch(bool),
        Text(String),
    }
    match SwitchOrText::deserialize(deserializer)? {
        SwitchOrText::Switch(on) => Ok(on),
        SwitchOrText::Text(text) => match text.as_str() {
            "on" | "true" | "1" | "yes" => Ok(true),
            "off" | "false" | "0" | "no" | "" => Ok(false),
            _ => Err(serde::de::Error::custom("true or false")),
        },
    }
}

/// Text, of which the empty one is nothing.
///
/// # Errors
/// What is not text.
pub fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.trim().is_empty()))
}

/// An id, of which the empty text is nothing.
///
/// # Errors
/// Text that is neither empty nor a UUID.
pub fn optional_id<'de, D: Deserializer<'de>, T: From<uuid::Uuid>>(deserializer: D) -> Result<Option<T>, D::Error> {
    match optional_text(deserializer)? {
        None => Ok(None),
        Some(text) => uuid::Uuid::try_parse(text.trim()).map(|id| Some(T::from(id))).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_become_nested_values() {
        let pairs = [
            ("a.b", "1"),
            ("c[]", "x"),
            ("c[]", "y"),
            ("lines.0.q", "3"),
            ("lines.1.q", "4"),
            ("d", "off"),
            ("d", "on"),
        ];
        let nested = nest(pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect());
        assert_eq!(nested, json!({"a": {"b": "1"}, "c": ["x", "y"], "lines": [{"q": "3"}, {"q": "4"}], "d": "on"}));
    }

    #[test]
    fn the_field_that_does_not_fit_is_named() {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code)]
        struct Line {
            #[serde(deserialize_with = "number")]
            quantity: i64,
        }
        #[derive(Debug, Deserialize)]
        #[allow(dead_code)]
        struct Order {
            lines: Vec<Line>,
        }
        let field = |value| from_value::<Order>(value).unwrap_err().errors[0].field.clone();
        assert_eq!(field(json!({"lines": [{"quantity": "x"}]})), "lines[0].quantity");
        assert_eq!(field(json!({})), "lines");
        assert_eq!(from_value::<Order>(json!({"lines": [{"quantity": " 2 "}]})).unwrap().lines[0].quantity, 2);
    }
}
