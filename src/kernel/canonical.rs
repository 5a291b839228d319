//! Canonical JSON (RFC 8785) and its CRC-32, by which two sets of params are compared.

use serde_json::Value;
use std::fmt::Write;

/// The one way to write `value`: keys sorted by UTF-16 code units, no spaces, numbers as ECMAScript prints them.
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// CRC-32/ISO-HDLC of the canonical JSON, as 8 lower-case hex digits. Quick to compare, but two different values can share it.
pub fn crc32_hex(canonical: &str) -> String {
    format!("{:08x}", crc32fast::hash(canonical.as_bytes()))
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write_value(member, out);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    // serde_json escapes exactly what RFC 8785 §3.2.2.2 asks for.
    out.push_str(&serde_json::to_string(text).expect("a string always serialises"));
}

fn write_number(number: &serde_json::Number, out: &mut String) {
    let value = number.as_f64().unwrap_or(0.0);
    let size = value.abs();
    if value == 0.0 {
        out.push('0'); // also for -0
    } else if (1e-6..1e21).contains(&size) {
        // Rust and ECMAScript both print the shortest digits that read back as the same double.
        write!(out, "{value}").expect("writing to a string");
    } else {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                write!(out, "{digits}e+{exponent}").expect("writing to a string")
            }
            _ => out.push_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_numbers_shortest() {
        let value = json!({"b": [1.0, 0.5, -0.0, 1e30, 1e-7], "a": {"é": "\u{1f}\"", "z": null}});
        assert_eq!(canonical_json(&value), r#"{"a":{"z":null,"é":"\u001f\""},"b":[1,0.5,0,1e+30,1e-7]}"#);
    }

    #[test]
    fn the_check_value_of_crc_32_iso_hdlc() {
        assert_eq!(crc32_hex("123456789"), "cbf43926");
    }
}
