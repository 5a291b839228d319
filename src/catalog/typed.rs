//! Lengths and other numbers with decimals, as scripts send them or people type them.

use serde::{Deserialize, Serialize};

/// What stands in a number's place, kept as it was typed so that a refused form shows it again.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Typed {
    #[default]
    Nothing,
    Number(f64),
    Text(String),
}

impl Typed {
    pub fn is_empty(&self) -> bool {
        match self {
            Typed::Nothing => true,
            Typed::Number(_) => false,
            Typed::Text(text) => text.trim().is_empty(),
        }
    }

    /// The number, with a point or a comma; `None` for what is none or nothing.
    pub fn number(&self) -> Option<f64> {
        match self {
            Typed::Nothing => None,
            Typed::Number(number) => Some(*number).filter(|number| number.is_finite()),
            Typed::Text(text) => {
                // Full-width digits come from Japanese keyboards.
                let plain = |c: char| match c {
                    '０'..='９' => char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')).unwrap_or(c),
                    ',' | '．' | '，' => '.',
                    '－' | '−' => '-',
                    c => c,
                };
                let text: String = text.trim().chars().map(plain).collect();
                text.parse().ok().filter(|number: &f64| number.is_finite())
            }
        }
    }

    pub fn text(&self) -> String {
        match self {
            Typed::Nothing => String::new(),
            Typed::Number(number) => number_text(*number),
            Typed::Text(text) => text.clone(),
        }
    }
}

/// At most three decimals, and none that say nothing.
pub fn number_text(number: f64) -> String {
    // Without the sign of a zero.
    let text = format!("{:.3}", (number * 1000.0).round() / 1000.0 + 0.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_type_numbers_in_many_ways() {
        for (text, number) in
            [("29.7", Some(29.7)), (" 29,7 ", Some(29.7)), ("２９．７", Some(29.7)), ("−3", Some(-3.0))]
        {
            assert_eq!(Typed::Text(text.into()).number(), number, "{text}");
        }
        for text in ["", "abc", "1.2.3", "NaN", "inf"] {
            assert_eq!(Typed::Text(text.into()).number(), None, "{text}");
        }
        let read = |json: &str| serde_json::from_str::<Typed>(json).unwrap();
        assert_eq!((read("3").number(), read("\"3\"").number(), read("null")), (Some(3.0), Some(3.0), Typed::Nothing));
        assert_eq!(
            (number_text(210.0), number_text(0.25), number_text(-0.0001)),
            ("210".into(), "0.25".into(), "0".into())
        );
    }
}
