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
}

/// A number or text, and whether it is there at all.
fn days_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => Ok(Some(String::new())),
        serde_json::Value::Number(number) => Ok(Some(number.to_string())),
        other => present_text(other).map_err(serde::de::Error::custom),
    }
}

/// Reprints and complaints need the photos for a while.
const LEAST_DAYS: u32 = 14;
const MOST_DAYS: u32 = 3650;

pub(super) fn apply(new: &mut Settings, form: &PrivacyForm, mistakes: &mut Mistakes) {
    match form.photos_days.as_deref().map(str::trim) {
        None => {}
        Some("") => new.privacy.photos_days = None,
        Some(text) => match text.parse() {
            Ok(days @ LEAST_DAYS..=MOST_DAYS) => new.privacy.photos_days = Some(days),
            _ => mistakes.add(
                "privacy.photos_days",
                Message::new("people.photos_days_range").with("least", LEAST_DAYS).with("most", MOST_DAYS),
            ),
        },
    }
}
