//! What an attempt holds while it runs.

use crate::queue::model::{JobId, JobKind, JobRow, Lane, Token};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// One attempt of a job.
pub struct Lease {
    pub token: Token,
    pub id: JobId,
    pub lane: Lane,
    pub kind: &'static JobKind,
    state: AtomicU8,
    pub progress: AtomicU8,
    is_begun: AtomicBool,
    /// Milliseconds since a thread took it up.
    pub age: AtomicU64,
}

// The states of a lease. Only one side can move it away from RUNNING or CANCELLED, and does what follows from that.
const RUNNING: u8 = 0;
const CANCELLED: u8 = 1;
pub const FINISHING: u8 = 2;
pub const ABANDONED: u8 = 3;

impl Lease {
    pub fn new(token: Token, kind: &'static JobKind, job: &JobRow) -> Lease {
        Lease {
            token,
            id: job.id,
            lane: job.lane,
            kind,
            state: AtomicU8::new(RUNNING),
            progress: AtomicU8::new(0),
            is_begun: AtomicBool::new(false),
            age: AtomicU64::new(0),
        }
    }

    /// A thread takes it up.
    pub fn begin(&self) {
        self.is_begun.store(true, Ordering::Release);
    }

    pub fn is_begun(&self) -> bool {
        self.is_begun.load(Ordering::Acquire)
    }

    pub fn is_lost(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), CANCELLED | ABANDONED)
    }

    pub fn cancel(&self) {
        let _ = self.state.compare_exchange(RUNNING, CANCELLED, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes the lease out of the other side's reach. False when the other side was first.
    pub fn end_as(&self, end: u8) -> bool {
        let is_open = |state: u8| matches!(state, RUNNING | CANCELLED).then_some(end);
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, is_open).is_ok()
    }
}
