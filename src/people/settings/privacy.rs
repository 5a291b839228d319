//! The part of the settings about how long customers' photos are kept.

use super::present_text;
use crate::kernel::Message;
use crate::kernel::refusal::Mistakes;
use crate::shop::settings::Settings;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct PrivacyForm {
    /// Days after the delivery, 14 to 3650; `null` or empty keeps photos for good.
    #[serde(default, deserialize_with = "days_text")]
    #[schema(value_type = Option<u32>)]
    pub photos_days: Option<String>,
    /// Days after a design was last touched that nobody ordered, 14 to 3650; `null` or empty keeps its photos for good.
    #[serde(default, deserialize_with = "days_text")]
    #[schema(value_type = Option<u32>)]
    pub unordered_days: Option<String>,
}

/// A number or text, and whether it is there at all.
fn days_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => Ok(Some(String::new())),
        serde_json::Value::Number(number) => Ok(Some(number.to_string())),
        other => present_text(other).map_err(serde::de::Error::custom),
    }
}

/// Reprints and complaints need the photos for a while, and so does somebody who comes back to finish a design.
const LEAST_DAYS: u32 = 14;
const MOST_DAYS: u32 = 3650;

pub(super) fn apply(new: &mut Settings, form: &PrivacyForm, mistakes: &mut Mistakes) {
    let parts = [
        ("privacy.photos_days", &form.photos_days, &mut new.privacy.photos_days),
        ("privacy.unordered_days", &form.unordered_days, &mut new.privacy.unordered_days),
    ];
    for (field, given, place) in parts {
        match given.as_deref().map(str::trim) {
            None => {}
            Some("") => *place = None,
            Some(text) => match text.parse() {
                Ok(days @ LEAST_DAYS..=MOST_DAYS) => *place = Some(days),
                _ => {
                    let message = Message::new("people.photos_days_range");
                    mistakes.add(field, message.with("least", LEAST_DAYS).with("most", MOST_DAYS));
                }
            },
        }
    }
}
