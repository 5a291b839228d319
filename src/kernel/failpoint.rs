//! Named points between two steps that a crash must not tear apart. The crash tests have the process die there, which no clock outside
//! could hit; nothing else uses them.
//!
//! Without debug assertions [`arm`] and [`reached`] are empty: a released petstar has no such points.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Every point of a running shop. The crash tests go through all of them.
pub const POINTS: [&str; 12] = [
    "blob.renamed",
    "store.written",
    "store.committed",
    "payments.page_made",
    "payments.asked",
    "payments.event_stored",
    "mail.announced",
    "mail.taken",
    "render.halfway",
    "search.prepared",
    "backup.halfway",
    "queue.worked",
];

/// Points that a running shop never reaches.
pub const ELSEWHERE: [&str; 2] = ["restore.halfway", "restore.placed"];

static ARMED: OnceLock<Armed> = OnceLock::new();

struct Armed {
    point: String,
    /// How often it may still be passed.
    passes: AtomicU32,
    die: fn(),
}

/// Has `die` called at a point, given as `name` or `name:count` (the count-th time it is reached). Called once, at the start.
pub fn arm(plan: &str, die: fn()) {
    if !cfg!(debug_assertions) {
        return;
    }
    let (point, count) = plan.split_once(':').unwrap_or((plan, "1"));
    let passes = AtomicU32::new(count.parse().unwrap_or(1));
    let _ = ARMED.set(Armed { point: point.to_owned(), passes, die });
}

/// The program has come to a point.
#[inline(always)]
pub fn reached(point: &'static str) {
    if cfg!(debug_assertions)
        && let Some(armed) = ARMED.get()
    {
        debug_assert!(POINTS.contains(&point) || ELSEWHERE.contains(&point), "{point} is not listed");
        if armed.point == point && armed.passes.fetch_sub(1, Ordering::AcqRel) == 1 {
            (armed.die)();
        }
    }
}
