//! A job and its kind, as plain data.

use crate::kernel::Moment;
use crate::store::Key;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

crate::id! {
    /// A job.
    JobId
}

/// Which threads work on a job. Heavy work (final renders, exports) never delays a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    Quick,
    Heavy,
}

impl Lane {
    pub const ALL: [Lane; 2] = [Lane::Quick, Lane::Heavy];

    pub fn name(self) -> &'static str {
        match self {
            Lane::Quick => "quick",
            Lane::Heavy => "heavy",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    Queued,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

impl JobStatus {
    pub const ALL: [JobStatus; 5] =
        [JobStatus::Queued, JobStatus::Processing, JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            JobStatus::Queued => "queued",
            JobStatus::Processing => "processing",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// True when nothing more happens by itself.
    pub fn is_settled(self) -> bool {
        matches!(self, JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled)
    }
}

/// What all jobs of one kind have in common. Names are promises: they never change.
#[derive(Debug, PartialEq, Eq)]
pub struct JobKind {
    pub name: &'static str,
    pub lane: Lane,
    /// How many attempts may fail before the job is failed for good.
    pub max_attempts: u32,
    /// Seconds from the first failed attempt to the second attempt. The pauses grow as 1 : 3 : 12 : 60 : 360 : 2160.
    pub first_delay_s: u32,
    /// Seconds after which an attempt counts as failed, whatever it is doing.
    pub time_limit_s: u32,
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    pub id: JobId,
    pub kind: String,
    pub lane: Lane,
    pub payload: Value,
    /// The design, order or other thing the job is about, by which it is found and its reader's rights are checked.
    pub owner: Option<Uuid>,
    pub status: JobStatus,
    /// Attempts begun so far, without those that a stop of the program cut short.
    pub attempt: u32,
    pub max_attempts: u32,
    /// How often a stop of the program cut an attempt short.
    pub interruptions: u32,
    /// 0 to 100. While the job runs, [`super::Queue::job`] knows better than the stored row.
    pub progress: u8,
    /// Why the last attempt failed, in words for staff; gone when the next one begins.
    pub failure_reason: Option<String>,
    /// When the job is due; `None` unless it is queued.
    pub next_attempt_at: Option<Moment>,
    pub result: Option<Value>,
    pub idempotency_key: Option<String>,
    pub created_at: Moment,
    /// When the last attempt began.
    pub started_at: Option<Moment>,
    /// When the job was completed, failed for good or cancelled.
    pub completed_at: Option<Moment>,
    /// Which run of which process works on it; the result of any other changes nothing.
    pub(super) lease: Option<Token>,
}

/// The name of one attempt: the start of the program by number, and the attempt within it by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    pub boot: u64,
    pub number: u64,
}

/// A job to be enqueued.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub id: JobId,
    pub kind: &'static JobKind,
    pub payload: Value,
    pub owner: Option<Uuid>,
    /// At most one job of a kind has a key.
    pub idempotency_key: Option<String>,
    /// Not before this moment.
    pub run_at: Moment,
    pub now: Moment,
}

impl NewJob {
    /// A job that is due at once, about nothing in particular, with a fresh id.
    pub fn new(kind: &'static JobKind, payload: Value, now: Moment) -> Self {
        let id = JobId(Uuid::now_v7());
        Self { id, kind, payload, owner: None, idempotency_key: None, run_at: now, now }
    }

    pub fn about(mut self, owner: impl Into<Uuid>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    pub fn keyed(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    pub fn run_at(mut self, moment: Moment) -> Self {
        self.run_at = moment;
        self
    }
}

impl Key for Lane {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Lane::Quick => 1,
            Lane::Heavy => 2,
        });
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        match u8::decode(input)? {
            1 => Some(Lane::Quick),
            2 => Some(Lane::Heavy),
            _ => None,
        }
    }
}

impl Key for JobStatus {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self {
            JobStatus::Queued => 1,
            JobStatus::Processing => 2,
            JobStatus::Completed => 3,
            JobStatus::Failed => 4,
            JobStatus::Cancelled => 5,
        });
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        match u8::decode(input)? {
            1 => Some(JobStatus::Queued),
            2 => Some(JobStatus::Processing),
            3 => Some(JobStatus::Completed),
            4 => Some(JobStatus::Failed),
            5 => Some(JobStatus::Cancelled),
            _ => None,
        }
    }
}
