//! What it reads against what `serde_json` reads.

use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, PartialEq, Deserialize)]
struct Wanted<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    note: Option<Text<'a>>,
    count: i64,
    #[serde(borrow)]
    parts: Vec<Part<'a>>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    title: Text<'a>,
    size: i64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Kept<'a> {
    #[serde(borrow)]
    before: Raw<'a>,
    #[serde(borrow)]
    after: Raw<'a>,
}

/// Any JSON a few levels deep.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        "[a\"\\\\{}\\[\\],:\n é🐕]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a\"\\\\{}é]{0,20}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An object with these members, in this order, and others between them.
fn object(members: &[(&str, Value)], others: &[Value]) -> String {
    let mut written = Vec::new();
    for (at, (name, value)) in members.iter().enumerate() {
        for (number, other) in others.iter().enumerate().skip(at).step_by(members.len().max(1)) {
            written.push(format!("\"other{number}\":{other}"));
        }
        written.push(format!("{}:{value}", json!(name)));
    }
    format!("{{{}}}", written.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_reads_what_serde_json_reads(
        name in ".{0,40}", note in proptest::option::of("[a\"\\\\\n\u{1}é🐕]{0,40}"), count in any::<i64>(),
        titles in proptest::collection::vec((".{0,20}", any::<i64>()), 0..4),
        others in proptest::collection::vec(json(), 0..8), turned in any::<bool>(), loose in any::<bool>(),
    ) {
        let part = |(title, size): &(String, i64)| -> Value { json!({"title": title, "alike": others, "size": size}) };
        let parts: Vec<Value> = titles.iter().map(part).collect();
        let mut members = vec![("name", json!(name)), ("count", json!(count)), ("parts", json!(parts))];
        if let Some(note) = &note {
            members.insert(1, ("note", json!(note)));
        }
        if turned {
            members.reverse();
        }
        let mut text = object(&members, &others);
        if loose {
            text = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&text).unwrap()).unwrap();
        }
        let ours: Wanted<'_> = from_slice(text.as_bytes()).unwrap();
        prop_assert_eq!(&ours, &serde_json::from_str::<Wanted<'_>>(&text).unwrap(), "{}", text);
        prop_assert_eq!((&*ours.name, ours.count), (name.as_str(), count));
    }

    #[test]
    fn what_is_kept_unread_is_the_same_json(before in json(), after in json()) {
        let text = object(&[("before", before.clone()), ("after", after.clone())], &[json!("}"), json!([{}])]);
        let kept: Kept<'_> = from_slice(text.as_bytes()).unwrap();
        for (raw, value) in [(kept.before, before), (kept.after, after)] {
            let told = if value.is_null() { String::new() } else { value.to_string() };
            prop_assert_eq!(raw.text(), told);
        }
    }

    #[test]
    fn no_bytes_make_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..80), cut in 0usize..200) {
        let _ = from_slice::<Wanted<'_>>(&bytes);
        let whole = json!({"name": "\\\"", "x": [{"y": "\u{1F415}"}], "count": -5, "parts": [{"title": "", "size": 0}]});
        let whole = whole.to_string();
        let part = &whole.as_bytes()[..cut.min(whole.len())];
        prop_assert!(from_slice::<Wanted<'_>>(part).is_err() || part.len() == whole.len());
    }
}

#[test]
fn an_object_is_left_at_its_end_wherever_that_lies_in_a_block() {
    for length in 0..200 {
        let text = |byte: &str| byte.repeat(length);
        let inner = format!(r#"{{"a":"{}","b":[[{{}}],"]}}"],"c":"{}\\","d":"\"{{{{"}}"#, text("["), text("x"));
        let json = format!(r#"{{"before":{inner},"between":{inner},"after":[{inner}]}}"#);
        let kept: Kept<'_> = from_slice(json.as_bytes()).unwrap();
        assert_eq!((kept.before.text(), kept.after.text()), (inner.as_str(), format!("[{inner}]").as_str()));
        assert!(serde_json::from_str::<Value>(&json).is_ok());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (text, words) in [
        (r#"{"title":"a"}"#, "missing field `size`"),
        (r#"{"title":"a","size":1.5}"#, "whole number"),
        (r#"{"title":"a","size":"1"}"#, "whole number"),
        (r#"{"title":"a","size":9223372036854775808}"#, "smaller number"),
        (r#"{"title":7,"size":1}"#, "should be \""),
        (r#"{"title":"a" "size":1}"#, "should be ,"),
        (r#"{"title":"a","size":1"#, "too early"),
        (r#"["title"]"#, "should be {"),
    ] {
        let error = from_slice::<Part<'_>>(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    assert!(from_slice::<Part<'_>>(b"{\"title\":\"\xFF\",\"size\":1}").unwrap_err().to_string().contains("UTF-8"));
    let least: Part<'_> = from_slice(br#"{"size":-9223372036854775808,"title":""}"#).unwrap();
    assert_eq!(least.size, i64::MIN);
}
