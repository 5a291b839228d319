//! The clock. Everything that asks for the time asks here, so that tests can set it.

use crate::kernel::Moment;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time: the system's, or one that only moves when told to.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `moment` until it is moved.
    pub fn fixed(moment: Moment) -> Clock {
        Clock::Set(Arc::new(AtomicI64::new(moment.unix_millis())))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's time")]
    pub fn now(&self) -> Moment {
        match self {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Moment(since.as_millis() as i64)
            }
            Clock::Set(millis) => Moment(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock; the system's goes its own way.
    pub fn advance_seconds(&self, seconds: i64) {
        if let Clock::Set(millis) = self {
            millis.fetch_add(seconds * 1000, Ordering::SeqCst);
        }
    }
}
