//! What the kinds of jobs do. The right-most slice that cares how a job ends gives its handler.

use super::model::{JobKind, JobRow};
use super::run::{Hall, Lease};
use crate::kernel::{Error, Fault, Refusal};
use crate::store::WriteTx;
use serde_json::Value;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

type Run = Arc<dyn Fn(&Running) -> Result<Done, JobError> + Send + Sync>;
type Hook = Arc<dyn Fn(&WriteTx, &JobRow) -> Result<(), Fault> + Send + Sync>;
/// A change that belongs to the end of a job. Called again if the write that held it was lost before it began.
pub type Commit = Box<dyn FnMut(&WriteTx) -> Result<(), Fault> + Send>;

/// The handlers of all kinds.
#[derive(Default)]
pub struct Handlers {
    kinds: HashMap<&'static str, (&'static JobKind, Handler)>,
    on_dead: Option<Hook>,
}

impl Handlers {
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what jobs of `kind` do.
    ///
    /// # Panics
    /// When the kind has a handler already.
    pub fn on(mut self, kind: &'static JobKind, handler: Handler) -> Self {
        let before = self.kinds.insert(kind.name, (kind, handler));
        assert!(before.is_none(), "the job kind {} has two handlers", kind.name);
        self
    }

    /// Called in the transaction that fails a job of any kind for good: the place for the alarm.
    pub fn on_dead(mut self, hook: impl Fn(&WriteTx, &JobRow) -> Result<(), Fault> + Send + Sync + 'static) -> Self {
        self.on_dead = Some(Arc::new(hook));
        self
    }

    pub(super) fn get(&self, kind: &str) -> Option<(&'static JobKind, Handler)> {
        self.kinds.get(kind).map(|(kind, handler)| (*kind, handler.clone()))
    }

    pub(super) fn dead(&self, tx: &WriteTx, job: &JobRow) -> Result<(), Fault> {
        self.on_dead.as_ref().map_or(Ok(()), |hook| guarded(|| hook(tx, job)))
    }
}

/// What jobs of one kind do, and what else changes in the transactions that move them.
#[derive(Clone)]
pub struct Handler {
    run: Run,
    start: Option<Hook>,
    settle: Option<Hook>,
}

impl Handler {
    /// `run` does the work on a thread of the queue. It may be run twice for one job, so it must not mind.
    pub fn new(run: impl Fn(&Running) -> Result<Done, JobError> + Send + Sync + 'static) -> Self {
        Self { run: Arc::new(run), start: None, settle: None }
    }

    /// Called in the transaction that records the beginning of an attempt.
    pub fn on_start(mut self, hook: impl Fn(&WriteTx, &JobRow) -> Result<(), Fault> + Send + Sync + 'static) -> Self {
        self.start = Some(Arc::new(hook));
        self
    }

    /// Called in the transaction in which a job, other than by completing, stops being worked on or is put back in line
    /// by hand. The job's status says what comes next: `queued` (after a failed attempt, an interruption, a retry),
    /// `failed` or `cancelled`; `failure_reason` says why.
    pub fn on_settle(mut self, hook: impl Fn(&WriteTx, &JobRow) -> Result<(), Fault> + Send + Sync + 'static) -> Self {
        self.settle = Some(Arc::new(hook));
        self
    }

    pub(super) fn run(&self, running: &Running) -> Result<Done, JobError> {
        catch_unwind(AssertUnwindSafe(|| (self.run)(running)))
            .unwrap_or_else(|_| Err(JobError::again("unexpected: the work broke off; the log says where")))
    }

    pub(super) fn start(&self, tx: &WriteTx, job: &JobRow) -> Result<(), Fault> {
        self.start.as_ref().map_or(Ok(()), |hook| guarded(|| hook(tx, job)))
    }

    pub(super) fn settle(&self, tx: &WriteTx, job: &JobRow) -> Result<(), Fault> {
        self.settle.as_ref().map_or(Ok(()), |hook| guarded(|| hook(tx, job)))
    }
}

/// A panic in a hook is a fault of that job alone.
pub(super) fn guarded(hook: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
    catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|_| Err(Fault::bug("a job's hook panicked")))
}

/// The work is done.
pub struct Done {
    pub result: Value,
    /// Runs in the transaction that completes the job; a fault of it is a failed attempt. It does not run when the job
    /// was cancelled or timed out meanwhile.
    pub commit: Option<Commit>,
}

impl Done {
    pub fn new(result: Value) -> Self {
        Self { result, commit: None }
    }

    pub fn with(result: Value, commit: impl FnMut(&WriteTx) -> Result<(), Fault> + Send + 'static) -> Self {
        Self { result, commit: Some(Box::new(commit)) }
    }
}

/// The attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// Words for staff, without personal data.
    pub reason: String,
    /// Whether another attempt may help.
    pub retry: bool,
}

impl JobError {
    /// Worth another attempt.
    pub fn again(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: true }
    }

    /// Another attempt would end the same way.
    pub fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: false }
    }
}

impl From<Fault> for JobError {
    fn from(fault: Fault) -> Self {
        Self { reason: fault.to_string(), retry: !fault.is_lasting() }
    }
}

impl From<Refusal> for JobError {
    fn from(refusal: Refusal) -> Self {
        Error::from(refusal).into()
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::Faulted(fault) => fault.into(),
            Error::Refused(_) => Self::lasting(error.to_string()),
        }
    }
}

impl From<std::io::Error> for JobError {
    fn from(error: std::io::Error) -> Self {
        Fault::from(error).into()
    }
}

/// A job being worked on, as its handler sees it.
pub struct Running {
    pub job: JobRow,
    /// For work that waits for the network: `running.runtime.block_on(…)`.
    pub runtime: tokio::runtime::Handle,
    pub(super) lease: Arc<Lease>,
    pub(super) hall: Arc<Hall>,
}

impl Running {
    /// Tells those who watch how far the work is, in percent.
    pub fn progress(&self, percent: u8) {
        self.hall.progressed(&self.job, &self.lease, percent.min(100));
    }

    /// True when nobody wants the result any more: the job was cancelled, or its time is up.
    pub fn cancelled(&self) -> bool {
        self.lease.is_lost()
    }

    /// True when the program is about to stop. Long work that can go on later should answer any [`JobError::again`]
    /// now: it is taken for an interruption and costs no attempt.
    pub fn stopping(&self) -> bool {
        self.hall.is_stopping()
    }
}
