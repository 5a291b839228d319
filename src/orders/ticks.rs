//! Warnings a customer has read and ticked. A tick is a warning's code, as scripts give it for every line at once, or the code with the
//! design and the field it is about: `photo_too_small:<design's id>:<field>`, so that one ticked warning does not hide another of its kind.
//! The order form adds a checksum of what the warning said: who took a photo as sharp up to 25 × 35 cm has not taken one of 5 × 7.

use super::model::Order;
use crate::designs::{DesignId, Warning};
use crate::kernel::canonical::{canonical_json, crc32_hex};
use serde_json::json;
use std::collections::BTreeSet;

/// More than any basket has.
const MOST: usize = 1000;
/// A code, an id, a field's id of at most 40 characters, and a checksum.
const LONGEST: usize = 160;

/// The tick of one warning of one design, as it stands.
pub fn tick(design: DesignId, warning: &Warning) -> String {
    format!("{}:{}", whatever_it_says(design, warning), crc32_hex(&canonical_json(&json!(warning.values))))
}

fn whatever_it_says(design: DesignId, warning: &Warning) -> String {
    format!("{}:{design}:{}", warning.code, warning.field)
}

/// What was given, each once, without what cannot be a tick.
pub fn clean(given: &[String]) -> Vec<String> {
    let is_plain = |text: &str| {
        text.len() <= LONGEST && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':'))
    };
    let ticks: BTreeSet<&String> = given.iter().filter(|tick| is_plain(tick)).take(MOST).collect();
    ticks.into_iter().cloned().collect()
}

/// Whether `ticks` hold the warning.
pub fn are_for(ticks: &[String], design: DesignId, warning: &Warning) -> bool {
    let taken = [warning.code.clone(), whatever_it_says(design, warning), tick(design, warning)];
    ticks.iter().any(|tick| taken.contains(tick))
}

/// The ticks of an order whose designs were copied: each goes to the copy.
pub fn moved(order: &Order, copy_of: impl Fn(DesignId) -> Option<DesignId>) -> Vec<String> {
    let moved = |tick: &String| {
        let Some((code, rest)) = tick.split_once(':') else { return Some(tick.clone()) };
        let (design, field) = rest.split_once(':')?;
        Some(format!("{code}:{}:{field}", copy_of(design.parse().ok()?)?))
    };
    order.accepted_warnings.iter().filter_map(moved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(code: &str, field: &str) -> Warning {
        Warning { code: code.into(), field: field.into(), words: String::new(), values: Vec::new() }
    }

    #[test]
    fn a_tick_is_for_one_warning_and_a_bare_code_for_all_of_its_kind() {
        let (one, other) = (DesignId(uuid::Uuid::from_u128(1)), DesignId(uuid::Uuid::from_u128(2)));
        let small = warning("photo_too_small", "photo");
        let ticks = [tick(one, &small)];
        assert!(are_for(&ticks, one, &small));
        assert!(!are_for(&ticks, other, &small));
        assert!(!are_for(&ticks, one, &warning("photo_too_small", "second")));
        assert!(are_for(&["photo_too_small".to_owned()], other, &small));
    }

    #[test]
    fn the_forms_tick_is_for_what_was_read() {
        let design = DesignId(uuid::Uuid::from_u128(1));
        let sharp_up_to = |width: &str| {
            let mut small = warning("photo_too_small", "photo");
            small.values.push(("width".into(), width.into()));
            small
        };
        let ticks = [tick(design, &sharp_up_to("25"))];
        assert_eq!(clean(&ticks), ticks);
        assert!(are_for(&ticks, design, &sharp_up_to("25")));
        assert!(!are_for(&ticks, design, &sharp_up_to("5")));
        // A script names the warning, whatever it says.
        let named = [format!("photo_too_small:{design}:photo")];
        assert!(are_for(&named, design, &sharp_up_to("25")) && are_for(&named, design, &sharp_up_to("5")));
    }

    #[test]
    fn what_cannot_be_a_tick_is_left_out() {
        let given = ["b", "a:1:x_y", "b", "<b>", "ten words", &"c".repeat(200)].map(str::to_owned);
        assert_eq!(clean(&given), ["a:1:x_y", "b"]);
    }
}
