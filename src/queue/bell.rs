//! Waking the idle threads of a lane, one for each job that came.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Remembers as many rings as there are threads to wake.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    rings: usize,
    most: usize,
    stopped: bool,
}

impl Bell {
    /// Sets how many threads listen.
    pub(super) fn listened_by(&self, threads: usize) {
        self.lock().most = threads;
    }

    pub(super) fn ring(&self, times: usize) {
        let mut state = self.lock();
        state.rings = state.rings.saturating_add(times).min(state.most);
        for _ in 0..times.min(state.most) {
            self.rung.notify_one();
        }
    }

    /// Lets everybody go, now and for ever.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.rung.notify_all();
    }

    /// Waits for a ring. False when it is time to go home.
    pub(super) fn wait(&self) -> bool {
        let is_quiet = |state: &mut State| state.rings == 0 && !state.stopped;
        let mut state = self.rung.wait_while(self.lock(), is_quiet).unwrap_or_else(PoisonError::into_inner);
        state.rings = state.rings.saturating_sub(1);
        !state.stopped
    }

    /// Waits for a ring, but no longer than `time`.
    pub(super) fn wait_at_most(&self, time: Duration) -> Woken {
        let is_quiet = |state: &mut State| state.rings == 0 && !state.stopped;
        let (mut state, waited) =
            self.rung.wait_timeout_while(self.lock(), time, is_quiet).unwrap_or_else(PoisonError::into_inner);
        state.rings = state.rings.saturating_sub(1);
        match (state.stopped, waited.timed_out()) {
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
