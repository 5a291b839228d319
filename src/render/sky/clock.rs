//! What the clocks of a place said, as universal time.

use super::UniversalTime;
use jiff::SignedDuration;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZoneDatabase;
use std::sync::LazyLock;

/// The one that came with the program. The system's own may be newer or lack the old days, and the same design would have another sky
/// on another machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// 2000-01-01 12:00 in seconds since 1970.
const J2000: i64 = 946_728_000;

impl UniversalTime {
    /// The moment when the clocks of a zone (`Asia/Tokyo`) say `hour` (0–24) on the day `2024-05-01`, 24 being the midnight that ends it.
    ///
    /// Summer time, war time and every change of law are those of the tz database; before a zone had a standard time, its clocks show the
    /// mean time of its leading town. What the clocks skipped counts on from the hour before: half past two where two became three is
    /// half past three. What they showed twice is the first of the two. Clocks follow UTC, which is never a second from universal time:
    /// a sixtieth of a degree takes four.
    ///
    /// `None` for what is no date, an unknown zone, and the last hours of the year 9999.
    pub fn at_clock_time(date: &str, hour: f64, zone: &str) -> Option<Self> {
        let midnight = date.parse::<Date>().ok()?.to_datetime(Time::midnight());
        let said = midnight.checked_add(SignedDuration::try_from_secs_f64(hour * 3600.0).ok()?).ok()?;
        let moment = ZONES.get(zone).ok()?.to_ambiguous_timestamp(said).compatible().ok()?;
        let seconds = (moment.as_second() - J2000) as f64 + f64::from(moment.subsec_nanosecond()) / 1e9;
        Some(Self(seconds / 86_400.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Zone, date and hour, and the moment they are as Python's `zoneinfo` has it.
    const MOMENTS: [(&str, &str, f64, &str); 22] = [
        ("Asia/Kolkata", "2024-05-01", 21.0, "2024-05-01T15:30:00Z"),
        ("Asia/Kolkata", "1947-08-15", 0.0, "1947-08-14T18:30:00Z"),
        ("Asia/Kathmandu", "2024-01-06", 21.0, "2024-01-06T15:15:00Z"),
        ("Europe/London", "2021-01-01", 21.0, "2021-01-01T21:00:00Z"),
        ("Europe/London", "2021-07-01", 21.0, "2021-07-01T20:00:00Z"),
        // The southern summer is in January.
        ("Australia/Sydney", "2024-01-26", 21.0, "2024-01-26T10:00:00Z"),
        ("Australia/Sydney", "2024-06-26", 21.0, "2024-06-26T11:00:00Z"),
        // By half an hour.
        ("Australia/Lord_Howe", "2024-01-06", 21.0, "2024-01-06T10:00:00Z"),
        // War time, double in Britain and in Berlin; summer time in occupied Japan.
        ("Europe/London", "1945-05-08", 21.0, "1945-05-08T19:00:00Z"),
        ("Europe/Berlin", "1945-07-01", 22.0, "1945-07-01T19:00:00Z"),
        ("America/New_York", "1945-08-14", 19.0, "1945-08-14T23:00:00Z"),
        ("Asia/Tokyo", "1950-07-01", 21.0, "1950-07-01T11:00:00Z"),
        // Before standard time.
        ("Asia/Tokyo", "1880-05-01", 21.0, "1880-05-01T11:41:01Z"),
        // Skipped: what the clocks would have said had they not been put forward.
        ("America/New_York", "2024-03-10", 2.5, "2024-03-10T07:30:00Z"),
        ("Australia/Lord_Howe", "2024-10-06", 2.25, "2024-10-05T15:45:00Z"),
        ("Asia/Tokyo", "1951-05-06", 1.0, "1951-05-05T15:00:00Z"),
        ("America/Sao_Paulo", "2018-11-03", 24.0, "2018-11-04T03:00:00Z"),
        // A whole day that was not.
        ("Pacific/Apia", "2011-12-30", 21.0, "2011-12-31T07:00:00Z"),
        // Twice: the first.
        ("America/New_York", "2024-11-03", 1.5, "2024-11-03T05:30:00Z"),
        ("America/Havana", "2024-11-02", 24.0, "2024-11-03T04:00:00Z"),
        ("America/Sao_Paulo", "2018-02-17", 23.0, "2018-02-18T01:00:00Z"),
        ("UTC", "2000-01-01", 12.0, "2000-01-01T12:00:00Z"),
    ];

    #[test]
    fn what_clocks_said_and_when_that_was() {
        for (zone, date, hour, wanted) in MOMENTS {
            let wanted: jiff::Timestamp = wanted.parse().unwrap();
            let days = (wanted.as_second() - J2000) as f64 / 86_400.0;
            assert_eq!(
                UniversalTime::at_clock_time(date, hour, zone),
                Some(UniversalTime(days)),
                "{zone} {date} {hour}"
            );
        }
    }

    #[test]
    fn a_clock_in_greenwich_is_the_mean_sun_there_before_there_was_summer_time() {
        for date in ["0001-01-01", "1582-10-10", "1900-02-28", "9999-12-30"] {
            let by_sun = UniversalTime::at_mean_solar_time(date, 21.0, 0.0).unwrap();
            let UniversalTime(days) = UniversalTime::at_clock_time(date, 21.0, "UTC").unwrap();
            assert!((days - by_sun.0).abs() < 1e-6, "{date}");
        }
    }

    #[test]
    fn what_is_no_moment() {
        for (date, zone) in [("2024-02-30", "UTC"), ("", "UTC"), ("2024-05-01", "Middle/Earth")] {
            assert_eq!(UniversalTime::at_clock_time(date, 21.0, zone), None, "{date} {zone}");
        }
        assert_eq!(UniversalTime::at_clock_time("9999-12-31", 24.0, "America/Los_Angeles"), None);
    }
}
