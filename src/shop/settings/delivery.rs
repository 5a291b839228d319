//! When a parcel leaves the shop, and on which day and in which part of it a customer may wish for it. Days are those of the shop's time
//! zone.

use super::Settings;
use crate::kernel::Moment;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

/// What the owner offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// Customers at home may wish for a day.
    pub days: bool,
    /// The parts of a day they may wish for, from [`BANDS`].
    pub bands: Vec<String>,
    /// How many days a parcel is under way at home.
    pub transit_days: u32,
    /// How many days there are to choose from.
    pub choose_days: u32,
    /// Days of the week on which nothing is made or sent, from [`WEEKDAYS`].
    pub closed_weekdays: Vec<String>,
    /// Single days and spans of the same: `2026-08-13`, `2026-12-29/2027-01-03`.
    pub closed_days: Vec<String>,
}

impl Default for Delivery {
    fn default() -> Self {
        Delivery {
            days: false,
            bands: Vec::new(),
            transit_days: 2,
            choose_days: 14,
            closed_weekdays: Vec::new(),
            closed_days: Vec::new(),
        }
    }
}

/// The parts of a day that Japanese carriers deliver in, by the hours they begin and end with.
pub const BANDS: [&str; 6] = ["morning", "12-14", "14-16", "16-18", "18-20", "19-21"];

pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A shop that is closed for longer than this says so as a holiday.
const MAX_SPAN_DAYS: i32 = 366;

/// Its name among [`WEEKDAYS`].
pub fn weekday_name(weekday: Weekday) -> &'static str {
    WEEKDAYS[usize::from(weekday.to_monday_zero_offset().unsigned_abs())]
}

/// First and last day of a closed span as it is stored.
pub fn span(text: &str) -> Option<(Date, Date)> {
    let (first, last) = text.split_once('/').unwrap_or((text, text));
    let (first, last): (Date, Date) = (first.parse().ok()?, last.parse().ok()?);
    let days = first.until(last).ok()?.get_days();
    (first <= last && days <= MAX_SPAN_DAYS).then_some((first, last))
}

impl Delivery {
    /// Something is made and sent on this day.
    pub fn is_open(&self, day: Date) -> bool {
        let is_closed_weekday = self.closed_weekdays.iter().any(|name| name == weekday_name(day.weekday()));
        let is_closed_day =
            self.closed_days.iter().filter_map(|text| span(text)).any(|(first, last)| (first..=last).contains(&day));
        !is_closed_weekday && !is_closed_day
    }

    pub fn offers_anything(&self) -> bool {
        self.days || !self.bands.is_empty()
    }
}

fn after(day: Date, days: u32) -> Date {
    day.checked_add(jiff::Span::new().days(i64::from(days))).unwrap_or(day)
}

impl Settings {
    /// The day it is in the shop.
    pub fn day_of(&self, moment: Moment) -> Date {
        let timestamp = jiff::Timestamp::from_millisecond(moment.unix_millis()).unwrap_or_default();
        timestamp.to_zoned(self.zone()).date()
    }

    /// By when something paid for at `now` leaves: the lead time in open days, counted from the day after.
    pub fn ships_by(&self, now: Moment) -> Date {
        let mut day = self.day_of(now);
        let mut left = self.lead_time_days;
        // A shop that is closed on every day of the week would never get there.
        for _ in 0..2 * MAX_SPAN_DAYS {
            if left == 0 && self.delivery.is_open(day) {
                break;
            }
            day = after(day, 1);
            if left > 0 && self.delivery.is_open(day) {
                left -= 1;
            }
        }
        day
    }

    /// The first and the last day that may be wished for at `now`.
    pub fn delivery_days(&self, now: Moment) -> (Date, Date) {
        let first = after(self.ships_by(now), self.delivery.transit_days);
        (first, after(first, self.delivery.choose_days.saturating_sub(1)))
    }

    /// The next closed days of the list, while they are near enough to matter to an order made now.
    pub fn closed_soon(&self, now: Moment) -> Option<(Date, Date)> {
        let today = self.day_of(now);
        let horizon = after(today, self.lead_time_days + 14);
        let spans = self.delivery.closed_days.iter().filter_map(|text| span(text));
        spans.filter(|(first, last)| *last >= today && *first <= horizon).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thursday afternoon in Tokyo.
    const NOW: Moment = Moment(1_779_339_600_000);

    fn shop(lead: u32, weekdays: &[&str], days: &[&str]) -> Settings {
        let text = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let delivery = Delivery { closed_weekdays: text(weekdays), closed_days: text(days), ..Delivery::default() };
        Settings { lead_time_days: lead, delivery, ..Settings::default() }
    }

    #[test]
    fn only_open_days_count() {
        let by = |shop: &Settings| shop.ships_by(NOW).to_string();
        assert_eq!(by(&shop(0, &[], &[])), "2026-05-21");
        assert_eq!(by(&shop(3, &[], &[])), "2026-05-24");
        assert_eq!(by(&shop(3, &["sat", "sun"], &[])), "2026-05-26");
        assert_eq!(by(&shop(3, &["sat", "sun"], &["2026-05-25/2026-05-27"])), "2026-05-29");
        assert_eq!(by(&shop(0, &[], &["2026-05-21"])), "2026-05-22", "closed today");
        // Nothing ever leaves, and the search for the day ends all the same.
        let _ = by(&shop(5, &WEEKDAYS, &[]));
    }

    #[test]
    fn days_to_choose_begin_when_a_parcel_can_be_there() {
        let shop = shop(3, &["sat", "sun"], &[]);
        let (first, last) = shop.delivery_days(NOW);
        assert_eq!((first.to_string(), last.to_string()), ("2026-05-28".into(), "2026-06-10".into()));
    }

    #[test]
    fn spans_are_read_and_nonsense_is_none() {
        assert!(span("2026-12-29/2027-01-03").is_some() && span("2026-08-13").is_some());
        for bad in ["", "soon", "2027-01-03/2026-12-29", "2026-01-01/2030-01-01", "2026-02-30"] {
            assert_eq!(span(bad), None, "{bad}");
        }
        let shop = shop(3, &[], &["2027-01-01/2027-01-03", "2026-05-30/2026-06-02"]);
        assert_eq!(shop.closed_soon(NOW).unwrap().0.to_string(), "2026-05-30");
        assert_eq!(weekday_name("2026-05-21".parse::<Date>().unwrap().weekday()), "thu");
    }
}
