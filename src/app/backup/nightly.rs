//! The backup that makes itself: once a day, in an hour of the night, into `backups` in the data folder.

use super::{State, put_state, record, state, write_file};
use crate::kernel::{Fault, Moment};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx, files};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// Where they lie, in the data folder.
pub const FOLDER: &str = "backups";

/// Makes a backup if one is due, and removes those that are too old. Called every hour.
///
/// # Errors
/// Why it could not be made; also kept for the panel.
pub async fn nightly(shop: &Shop) -> Result<(), Fault> {
    let settings = shop.settings();
    let now = shop.now();
    let known = shop.store().write(move |tx| remembered(tx, now)).await?;
    let zone = TimeZone::get(&settings.time_zone).unwrap_or(TimeZone::UTC);
    let last = known.by_itself.unwrap_or(known.since);
    if settings.backup.daily && is_due(last, now, &zone, settings.backup.hour) {
        return by_itself(shop, &zone).await;
    }
    Ok(())
}

/// Makes one now, where those of the night lie.
///
/// # Errors
/// Why it could not be made; also kept for the panel.
pub async fn by_itself(shop: &Shop, zone: &TimeZone) -> Result<(), Fault> {
    let now = shop.now();
    let keep_days = shop.settings().backup.keep_days;
    let work = {
        let (shop, today) = (shop.clone(), day(now, zone));
        move || -> Result<(), Fault> {
            let folder = shop.data_dir().join(FOLDER);
            files::make_folder(&folder)?;
            let manifest = write_file(&shop, &folder.join(name(today)))?;
            if !manifest.missing.is_empty() {
                tracing::error!(
                    files = manifest.missing.len(),
                    "files were missing or damaged and are not in the backup"
                );
            }
            remove_old(&folder, today, keep_days)
        }
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| Fault::bug(error.to_string())).flatten();
    match done {
        Ok(()) => {
            tracing::info!("a backup was made");
            record(shop, now, true).await
        }
        Err(fault) => {
            let text = fault.to_string();
            let write = move |tx: &WriteTx| {
                let known = remembered(tx, now)?;
                put_state(tx, &State { trouble: Some(text), ..known })
            };
            shop.store().write(write).await?;
            Err(fault)
        }
    }
}

/// The state as it is kept, from the first look on.
fn remembered(tx: &WriteTx, now: Moment) -> Result<State, Fault> {
    if let Some(state) = state(tx)? {
        return Ok(state);
    }
    let fresh = State { since: now, last: None, by_itself: None, trouble: None };
    put_state(tx, &fresh)?;
    Ok(fresh)
}

/// Whether the hour has come round since `last`. A shop that was off at that hour makes its backup when it is on again.
fn is_due(last: Moment, now: Moment, zone: &TimeZone, hour: u32) -> bool {
    let hour = i8::try_from(hour.min(23)).unwrap_or(3);
    let today = day(now, zone);
    // Yesterday's, where today's is still to come. An hour that a change of clocks leaves out is taken as the next.
    let moments = [today.yesterday().unwrap_or(today), today].map(|day| {
        let at = day.at(hour, 0, 0, 0).to_zoned(zone.clone());
        at.map_or(Moment(i64::MAX), |at| Moment(at.timestamp().as_millisecond()))
    });
    moments.into_iter().filter(|at| *at <= now).max().is_some_and(|at| last < at)
}

fn day(now: Moment, zone: &TimeZone) -> Date {
    let timestamp = jiff::Timestamp::from_millisecond(now.unix_millis()).unwrap_or_default();
    timestamp.to_zoned(zone.clone()).date()
}

fn name(day: Date) -> String {
    format!("petstar-{day}.tar")
}

fn day_of(path: &Path) -> Option<Date> {
    path.file_name()?.to_str()?.strip_prefix("petstar-")?.strip_suffix(".tar")?.parse().ok()
}

/// The backups that made themselves, oldest first.
///
/// # Errors
/// A folder that cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| day_of(path).is_some()).collect();
    found.sort();
    Ok(found)
}

fn remove_old(folder: &Path, today: Date, keep_days: u32) -> Result<(), Fault> {
    let first = today.checked_sub(i64::from(keep_days.clamp(1, 3650)).days()).unwrap_or(today);
    for path in list(folder)? {
        if day_of(&path).is_some_and(|day| day < first) {
            std::fs::remove_file(path)?;
        }
    }
    // What a crash left half-written: one is made at a time, so nobody writes these any more.
    for entry in std::fs::read_dir(folder)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".petstar-") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// How the backups stand, for whoever watches the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub last: Option<Moment>,
    /// Seconds since the last one, or since the shop first looked.
    pub age_s: i64,
    /// Older than it should be.
    pub is_late: bool,
    /// Why the last try failed.
    pub trouble: Option<String>,
}

/// Older than this is late, where the shop makes them by itself; a missed night alone is not.
const LATE_S: i64 = 49 * 3600;
/// The same where somebody makes them by hand.
const LATE_BY_HAND_S: i64 = 8 * 86_400;

/// # Errors
/// A database that cannot be read.
pub fn standing(shop: &Shop, tx: &impl Snapshot) -> Result<Standing, Fault> {
    let now = shop.now();
    let Some(state) = state(tx)? else { return Ok(Standing { last: None, age_s: 0, is_late: false, trouble: None }) };
    let age_s = now.millis_since(state.last.unwrap_or(state.since)).max(0) / 1000;
    let limit = if shop.settings().backup.daily { LATE_S } else { LATE_BY_HAND_S };
    Ok(Standing { last: state.last, age_s, is_late: age_s > limit, trouble: state.trouble })
}

impl Standing {
    /// For the terminal and for machines.
    pub fn words(&self) -> String {
        let age = match self.age_s / 3600 {
            0 => "less than an hour".to_owned(),
            hours @ 1..48 => format!("{hours} hours"),
            hours => format!("{} days", hours / 24),
        };
        let text = match self.last {
            Some(_) => format!("The last backup is {age} old."),
            None => "There is no backup yet.".to_owned(),
        };
        match &self.trouble {
            Some(trouble) => format!("{text} The last try failed: {}.", trouble.trim_end_matches('.')),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn it_is_due_once_after_each_hour_of_the_night() {
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        let due = |last: &str, now: &str| is_due(at(last), at(now), &zone, 3);
        assert!(!due("2026-05-20T18:00:01Z", "2026-05-21T17:59:59Z"), "still the night before");
        assert!(due("2026-05-20T18:00:01Z", "2026-05-21T18:00:00Z"), "three o'clock");
        assert!(due("2026-05-10T00:00:00Z", "2026-05-21T05:00:00Z"), "it was off for days");
        assert!(!due("2026-05-21T05:00:00Z", "2026-05-21T05:00:01Z"));
        assert!(!due("2026-05-25T05:00:00Z", "2026-05-21T05:00:01Z"), "a clock that was set back");
    }

    #[test]
    fn an_hour_that_the_clocks_leave_out_comes_all_the_same() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // On 2026-03-29 two o'clock does not exist: it is 03:00 summer time, 01:00 UTC.
        assert!(is_due(at("2026-03-28T12:00:00Z"), at("2026-03-29T01:00:00Z"), &zone, 2));
        assert!(!is_due(at("2026-03-29T01:00:01Z"), at("2026-03-29T20:00:00Z"), &zone, 2));
    }

    #[test]
    fn old_ones_go_and_others_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "petstar-2026-05-13.tar",
            "petstar-2026-05-14.tar",
            "petstar-2026-05-21.tar",
            "mine.tar",
            ".petstar-2026-05-20.tar.abc",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        remove_old(folder.path(), jiff::civil::date(2026, 5, 21), 7).unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["mine.tar", "petstar-2026-05-14.tar", "petstar-2026-05-21.tar"]);
    }
}
