//! Lead time, closed days, delivery days and bands: how a change is checked.

use super::optional_switch;
use crate::kernel::Message;
use crate::kernel::refusal::Mistakes;
use crate::shop::settings::Settings;
use crate::shop::settings::delivery::{BANDS, WEEKDAYS, span};
use crate::web::input;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct DeliveryForm {
    /// Customers at home may wish for a day.
    #[serde(default, deserialize_with = "optional_switch")]
    #[schema(value_type = Option<bool>)]
    pub days: Option<bool>,
    /// `morning`, `12-14`, `14-16`, `16-18`, `18-20`, `19-21`.
    pub bands: Option<Vec<String>>,
    /// How many days a parcel is under way at home.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    pub transit_days: Option<i64>,
    /// How many days there are to choose from.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    pub choose_days: Option<i64>,
    /// `mon` to `sun`.
    pub closed_weekdays: Option<Vec<String>>,
    pub closed_days: Option<ClosedDays>,
}

/// Days (`2026-08-13`) and spans of days (`2026-12-29/2027-01-03`), as a list or one a line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum ClosedDays {
    List(Vec<String>),
    Text(String),
}

const MAX_TRANSIT: i64 = 30;
const MAX_CHOICE: i64 = 60;
const MAX_CLOSED: usize = 100;

pub(super) fn apply(new: &mut Settings, form: &DeliveryForm, mistakes: &mut Mistakes) {
    let delivery = &mut new.delivery;
    delivery.days = form.days.unwrap_or(delivery.days);
    let numbers = [
        ("delivery.transit_days", form.transit_days, &mut delivery.transit_days, 0, MAX_TRANSIT),
        ("delivery.choose_days", form.choose_days, &mut delivery.choose_days, 1, MAX_CHOICE),
    ];
    for (field, given, place, min, max) in numbers {
        match given.map(|days| (min..=max).contains(&days).then(|| u32::try_from(days).ok()).flatten()) {
            None => {}
            Some(Some(days)) => *place = days,
            Some(None) => {
                mistakes.add(field, Message::new("people.days_between").with("min", min).with("max", max));
            }
        }
    }
    let lists = [
        ("delivery.bands", &form.bands, &mut delivery.bands, &BANDS[..]),
        ("delivery.closed_weekdays", &form.closed_weekdays, &mut delivery.closed_weekdays, &WEEKDAYS[..]),
    ];
    for (field, given, place, known) in lists {
        let Some(given) = given else { continue };
        // An empty text is what a form sends along to say that nothing is ticked.
        let ticked: Vec<&str> = given.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
        if ticked.iter().all(|name| known.contains(name)) {
            // In the order of the day or the week, each once.
            *place = known.iter().filter(|name| ticked.contains(name)).map(|name| (*name).to_owned()).collect();
        } else {
            mistakes.add(field, Message::new("people.choice_unknown").with("known", known.join(", ")));
        }
    }
    if delivery.closed_weekdays.len() == WEEKDAYS.len() {
        mistakes.add("delivery.closed_weekdays", Message::new("people.closed_always"));
    }
    let texts: Vec<&str> = match &form.closed_days {
        None => return,
        Some(ClosedDays::List(list)) => list.iter().map(String::as_str).collect(),
        Some(ClosedDays::Text(text)) => text.lines().collect(),
    };
    let texts = texts.into_iter().map(str::trim).filter(|text| !text.is_empty());
    let mut spans: Vec<_> = Vec::new();
    for text in texts {
        match closed(text) {
            Some(days) if spans.len() < MAX_CLOSED => spans.push(days),
            _ => {
                mistakes.add("delivery.closed_days", Message::new("people.closed_days_form").with("text", text));
                return;
            }
        }
    }
    spans.sort();
    spans.dedup();
    delivery.closed_days = spans;
}

/// A day or a span as people type it, as it is stored.
fn closed(text: &str) -> Option<String> {
    let parts: Vec<&str> = text
        .split(['/', '–', '—', '〜', '～', '~', ' '])
        .map(str::trim)
        .filter(|part| !matches!(*part, "" | "-"))
        .collect();
    let stored = match parts.as_slice() {
        [day] => (*day).to_owned(),
        [first, last] if first == last => (*first).to_owned(),
        [first, last] => format!("{first}/{last}"),
        _ => return None,
    };
    span(&stored).map(|_| stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_days_are_read_as_people_type_them() {
        for text in
            ["2026-12-29/2027-01-03", "2026-12-29 – 2027-01-03", "2026-12-29〜2027-01-03", "2026-12-29 - 2027-01-03"]
        {
            assert_eq!(closed(text).as_deref(), Some("2026-12-29/2027-01-03"), "{text}");
        }
        assert_eq!(closed("2026-08-13").as_deref(), Some("2026-08-13"));
        assert_eq!(closed("2027-01-03 – 2026-12-29"), None);
        assert_eq!(closed("every Sunday"), None);
    }
}
