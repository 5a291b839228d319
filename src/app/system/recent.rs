//! The last things that went wrong, kept in memory for the owner: what the log said, without whatever might name a customer.

use crate::kernel::Moment;
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::sync::{Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// So many are kept.
const KEPT: usize = 100;
const MAX_DETAIL: usize = 400;

/// Something that went wrong, as often as it did so in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Mishap {
    /// The last time.
    pub at: Moment,
    /// `error` or `warning`.
    pub level: &'static str,
    /// What part of the program says so.
    pub room: String,
    pub message: String,
    pub detail: String,
    pub times: u32,
}

/// The newest last.
pub struct Recent(Mutex<VecDeque<Mishap>>);

/// Those of this process: a program has one log, and so one memory of it.
pub static RECENT: Recent = Recent::new();

impl Recent {
    pub const fn new() -> Recent {
        Recent(Mutex::new(VecDeque::new()))
    }

    fn keep(&self, new: Mishap) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.back_mut() {
            Some(last) if (&last.message, &last.detail, &last.room) == (&new.message, &new.detail, &new.room) => {
                last.times = last.times.saturating_add(1);
                last.at = new.at;
            }
            _ => {
                if kept.len() >= KEPT {
                    kept.pop_front();
                }
                kept.push_back(new);
            }
        }
    }

    /// The newest first.
    pub fn list(&self) -> Vec<Mishap> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

impl Default for Recent {
    fn default() -> Self {
        Recent::new()
    }
}

/// Listens to the log, beside whoever writes it out.
pub struct Keeper {
    into: &'static Recent,
    now: fn() -> Moment,
}

impl Keeper {
    pub fn of_this_process() -> Keeper {
        Keeper { into: &RECENT, now: || crate::shop::clock::Clock::System.now() }
    }
}

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let facts = event.metadata();
        let level = match *facts.level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            _ => return,
        };
        // What libraries warn of may quote what somebody sent.
        let Some(room) = facts.target().strip_prefix("petstar") else { return };
        let mut words = Words::default();
        event.record(&mut words);
        self.into.keep(Mishap {
            at: (self.now)(),
            level,
            room: room.trim_start_matches("::").split("::").next().unwrap_or_default().to_owned(),
            message: words.message,
            detail: words.detail,
            times: 1,
        });
    }
}

/// Fields that may stand on the page: names, numbers and the program's own sentences.
const SHOWN: [&str; 18] = [
    "fault", "error", "reason", "code", "kind", "job", "order", "product", "key", "count", "files", "seconds",
    "skew_s", "status", "attempt", "method", "path", "name",
];

#[derive(Default)]
struct Words {
    message: String,
    detail: String,
}

impl Words {
    fn add(&mut self, field: &Field, text: &str) {
        if field.name() == "message" {
            self.message = scrubbed(text);
        } else if SHOWN.contains(&field.name()) && self.detail.len() < MAX_DETAIL {
            let between = if self.detail.is_empty() { "" } else { " · " };
            let _ = write!(self.detail, "{between}{}: {}", field.name(), scrubbed(text));
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

/// One line without e-mail addresses and long numbers, which may be a telephone's or a card's; ids of things stay, for with them somebody
/// can help.
fn scrubbed(text: &str) -> String {
    let is_open = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let is_id = word.chars().all(|c| c.is_ascii_hexdigit() || c == '-') && word.len() >= 32;
        !word.contains('@') && (digits < 9 || is_id)
    };
    let words = text.split_whitespace().map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if is_open(bare) && !word.contains('@') { word } else { "…" }
    });
    let mut line = words.collect::<Vec<_>>().join(" ");
    if line.len() > MAX_DETAIL {
        let end = (0..=MAX_DETAIL).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    static TRIED: Recent = Recent::new();

    #[test]
    fn the_last_mishaps_are_kept_without_naming_anybody() {
        let keeper = Keeper { into: &TRIED, now: || Moment(1_779_339_600_000) };
        let log = tracing_subscriber::registry().with(keeper);
        tracing::subscriber::with_default(log, || {
            tracing::info!("all is well");
            for _ in 0..3 {
                tracing::error!(
                    fault = "no room for mika@example.jp or +81-90-1234-5678",
                    email = "mika@example.jp",
                    "a mail"
                );
            }
            tracing::warn!(target: "lettre", "To: mika@example.jp");
            tracing::warn!(order = "0197a000-0000-7000-8000-000000000000", "Stripe is slow");
        });
        let kept = TRIED.list();
        assert_eq!(kept.len(), 2, "{kept:?}");
        assert_eq!((kept[0].message.as_str(), kept[0].level), ("Stripe is slow", "warning"));
        assert!(kept[0].detail.contains("0197a000-0000-7000-8000-000000000000"), "{:?}", kept[0]);
        assert_eq!(
            (kept[1].times, kept[1].detail.as_str(), kept[1].room.as_str()),
            (3, "fault: no room for … or …", "app")
        );
    }

    #[test]
    fn the_oldest_goes_when_there_are_many() {
        let recent = Recent::new();
        for number in 0..KEPT + 5 {
            let mishap = Mishap {
                at: Moment(0),
                level: "error",
                room: String::new(),
                message: number.to_string(),
                detail: String::new(),
                times: 1,
            };
            recent.keep(mishap);
        }
        let kept = recent.list();
        assert_eq!((kept.len(), kept[0].message.as_str()), (KEPT, "104"));
    }
}
