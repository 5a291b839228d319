//! Durable jobs: enqueued in the transaction of their cause, run on threads of their own, finished in one short write.
//!
//! May touch: its tables in the store; it knows no kind of job, only what [`Handlers`] says about each.
//! Begin with `table` (what can be done with a job inside a write), then `run` (how jobs are worked on).

mod bell;
mod handlers;
mod model;
mod rules;
mod run;
mod table;

#[cfg(test)]
mod tests;

pub use handlers::{Commit, Done, Handler, Handlers, JobError, Running};
pub use model::{JobId, JobKind, JobRow, JobStatus, Lane, NewJob};
pub use rules::INTERRUPTIONS;
pub use run::{Figures, LaneFigures, LaneSizes, Queue};
pub use table::{
    FOLLOWING, by_owner, cancel, contradictions, each_open, enqueue, follow, forget_settled, is_held, job, list, retry,
};
