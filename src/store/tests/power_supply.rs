//! The current of a simulated machine: all its disks hang on it and stop together, or fail one call.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A clone is another wire to the same supply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Power(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Calls so far.
    calls: u64,
    /// How many more are carried out before one fails.
    fuse: Option<u64>,
    /// Only that one fails; else all that follow too.
    once: bool,
    /// Reading counts as well.
    reads_count: bool,
}

impl Power {
    /// From the call behind the next `calls` on, everything fails.
    pub(crate) fn fail_after(&self, calls: u64) {
        let mut state = self.state();
        (state.fuse, state.once) = (Some(calls), false);
    }

    /// The call behind the next `calls` fails, and no other.
    pub(crate) fn fail_once_after(&self, calls: u64) {
        let mut state = self.state();
        (state.fuse, state.once) = (Some(calls), true);
    }

    pub(crate) fn count_reads(&self) {
        self.state().reads_count = true;
    }

    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    pub(crate) fn is_off(&self) -> bool {
        let state = self.state();
        state.fuse == Some(0) && !state.once
    }

    /// A change, a sync.
    pub(crate) fn spend(&self) -> io::Result<()> {
        let mut state = self.state();
        state.calls += 1;
        match state.fuse {
            Some(0) => {
                if state.once {
                    state.fuse = None;
                }
                Err(io::Error::other("the power is off"))
            }
            Some(left) => {
                state.fuse = Some(left - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn read(&self) -> io::Result<()> {
        if self.state().reads_count {
            return self.spend();
        }
        if self.is_off() { Err(io::Error::other("the disk does not answer")) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
