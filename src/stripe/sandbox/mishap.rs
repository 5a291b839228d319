//! Ways in which an exchange with Stripe breaks, to be ordered by tests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes wrong with one call to the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// An error of this status; nothing was done.
    ErrorBefore(u16),
    /// The work is done, the answer is an error of this status; the next try with the key gets the true answer.
    ErrorAfter(u16),
    /// The work is done, and Stripe answers this error for as long as it knows the key.
    ErrorKept(u16),
    /// 429; nothing was done.
    RateLimited { retry_after_s: u32 },
    /// No answer, nothing done.
    Hang,
    /// No answer, but the work is done.
    HangAfter,
    /// The connection is cut; nothing was done.
    Cut,
    /// The connection is cut after the work.
    CutAfter,
    /// The work is done; the answer breaks off in the middle.
    Truncate,
}

impl Mishap {
    pub const ALL: [Mishap; 9] = [
        Mishap::ErrorBefore(500),
        Mishap::ErrorAfter(503),
        Mishap::ErrorKept(500),
        Mishap::RateLimited { retry_after_s: 1 },
        Mishap::Hang,
        Mishap::HangAfter,
        Mishap::Cut,
        Mishap::CutAfter,
        Mishap::Truncate,
    ];
}

/// As the error of a service or a body: ends the connection without a word.
#[derive(Debug)]
pub struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

/// A call as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: String,
    /// `Idempotency-Key`.
    pub key: Option<String>,
    /// The raw form.
    pub body: String,
}

type Decide = Box<dyn FnMut(&Call) -> Option<Mishap> + Send>;

/// The order book of mishaps. Clones share it. Nothing goes wrong until something is ordered.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    once: Vec<(String, Mishap)>,
    each: Option<Decide>,
    recording: bool,
    calls: Vec<Call>,
}

impl Faults {
    /// Breaks the next call whose path begins with `path`.
    pub fn once(&self, path: &str, mishap: Mishap) {
        self.plan().once.push((path.to_owned(), mishap));
    }

    /// Asks `decide` about each call.
    pub fn each(&self, decide: impl FnMut(&Call) -> Option<Mishap> + Send + 'static) {
        self.plan().each = Some(Box::new(decide));
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        let mut plan = self.plan();
        plan.once.clear();
        plan.each = None;
    }

    /// Keeps every call from now on, for [`Faults::calls`].
    pub fn record(&self) {
        self.plan().recording = true;
    }

    /// The calls since [`Faults::record`], in the order they arrived.
    pub fn calls(&self) -> Vec<Call> {
        self.plan().calls.clone()
    }

    /// What is to go wrong with this call; for whoever stands between a client and a server of their own.
    pub fn judge(&self, call: &Call) -> Option<Mishap> {
        let mut plan = self.plan();
        if plan.recording {
            plan.calls.push(call.clone());
        }
        if let Some(at) = plan.once.iter().position(|(path, _)| call.path.starts_with(path.as_str())) {
            return Some(plan.once.remove(at).1);
        }
        plan.each.as_mut().and_then(|decide| decide(call))
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
