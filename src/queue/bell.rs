//! Waking a thread that sleeps for a while.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Remembers one ring.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    is_rung: bool,
    is_stopped: bool,
}

impl Bell {
    pub(super) fn ring(&self) {
        self.lock().is_rung = true;
        self.rung.notify_one();
    }

    /// Lets everybody go, now and for ever.
    pub(super) fn stop(&self) {
        self.lock().is_stopped = true;
        self.rung.notify_all();
    }

    /// Waits for a ring, but no longer than `time`.
    pub(super) fn wait_at_most(&self, time: Duration) -> Woken {
        let is_quiet = |state: &mut State| !state.is_rung && !state.is_stopped;
        let (mut state, waited) =
            self.rung.wait_timeout_while(self.lock(), time, is_quiet).unwrap_or_else(PoisonError::into_inner);
        state.is_rung = false;
        match (state.is_stopped, waited.timed_out()) {
            (true, _) => Woken::Stop,
            (false, true) => Woken::Time,
            (false, false) => Woken::Ring,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    Ring,
    Time,
    Stop,
}
