//! What becomes of a job: every change of state as a pure function.

use super::model::{JobKind, JobRow, JobStatus, NewJob, Token};
use crate::kernel::Moment;

/// So many interruptions fail a job: whatever brings the program down so often may be the job itself.
pub const INTERRUPTIONS: u32 = 25;

/// The pauses after the first, second, … failed attempt, in units of the kind's first delay.
const PAUSES: [i64; 6] = [1, 3, 12, 60, 360, 2160];
const LONGEST_PAUSE_S: i64 = 6 * 3600;

pub(super) fn queued(job: NewJob) -> JobRow {
    JobRow {
        id: job.id,
        kind: job.kind.name.to_owned(),
        lane: job.kind.lane,
        payload: job.payload,
        owner: job.owner,
        status: JobStatus::Queued,
        attempt: 0,
        max_attempts: job.kind.max_attempts,
        interruptions: 0,
        progress: 0,
        failure_reason: None,
        next_attempt_at: Some(job.run_at),
        result: None,
        idempotency_key: job.idempotency_key,
        created_at: job.now,
        started_at: None,
        completed_at: None,
        lease: None,
    }
}

pub(super) fn begun(job: JobRow, token: Token, now: Moment) -> JobRow {
    JobRow {
        status: JobStatus::Processing,
        attempt: job.attempt + 1,
        progress: 0,
        failure_reason: None,
        next_attempt_at: None,
        started_at: Some(now),
        lease: Some(token),
        ..job
    }
}

pub(super) fn completed(job: JobRow, result: serde_json::Value, now: Moment) -> JobRow {
    let job = ended(job, JobStatus::Completed, now);
    JobRow { progress: 100, result: Some(result), ..job }
}

/// When the job last came into being or into work.
pub(super) fn last_touched(job: &JobRow) -> Moment {
    job.started_at.unwrap_or(job.created_at).max(job.created_at)
}

/// A job of which the clock says that it was touched in the future: it waits as long as it would have, but from now on.
pub(super) fn brought_back(job: JobRow, now: Moment) -> JobRow {
    let pause = job.next_attempt_at.map_or(0, |due| due.millis_since(last_touched(&job)).max(0));
    // A row that was brought back once must not wait anew at each start.
    let (created_at, started_at) = (job.created_at.min(now), job.started_at.map(|at| at.min(now)));
    JobRow { next_attempt_at: Some(now.plus_millis(pause)), created_at, started_at, ..job }
}

/// After a failed attempt: waiting for the next one, or failed for good.
pub(super) fn failed(job: JobRow, kind: &JobKind, reason: String, retry: bool, now: Moment) -> JobRow {
    if !retry || job.attempt >= job.max_attempts {
        return given_up(job, reason, now);
    }
    let due = now.plus_millis(pause_ms(kind, &job));
    JobRow { failure_reason: Some(reason), ..waiting(job, due) }
}

pub(super) fn given_up(job: JobRow, reason: String, now: Moment) -> JobRow {
    JobRow { failure_reason: Some(reason), ..ended(job, JobStatus::Failed, now) }
}

pub(super) fn cancelled(job: JobRow, now: Moment) -> JobRow {
    ended(job, JobStatus::Cancelled, now)
}

/// After a stop of the program in the middle of an attempt: due at once, and the attempt does not count.
pub(super) fn interrupted(job: JobRow, now: Moment) -> JobRow {
    let job = JobRow { attempt: job.attempt.saturating_sub(1), interruptions: job.interruptions + 1, ..job };
    if job.interruptions >= INTERRUPTIONS {
        return given_up(job, format!("interrupted {INTERRUPTIONS} times by stops of the program"), now);
    }
    waiting(job, now)
}

/// Claimed, but not begun before the program stopped.
pub(super) fn released(job: JobRow, now: Moment) -> JobRow {
    waiting(JobRow { attempt: job.attempt.saturating_sub(1), ..job }, now)
}

/// By hand: all attempts anew.
pub(super) fn retried(job: JobRow, now: Moment) -> JobRow {
    JobRow { attempt: 0, interruptions: 0, result: None, completed_at: None, ..waiting(job, now) }
}

pub(super) fn waiting(job: JobRow, due: Moment) -> JobRow {
    JobRow { status: JobStatus::Queued, progress: 0, next_attempt_at: Some(due), lease: None, ..job }
}

fn ended(job: JobRow, status: JobStatus, now: Moment) -> JobRow {
    JobRow { status, next_attempt_at: None, completed_at: Some(now), lease: None, ..job }
}

/// How long to wait after the attempt that just failed: the table's pause, and up to a fifth more. Jobs that failed
/// together would otherwise come back together, and fall over the same obstacle again.
fn pause_ms(kind: &JobKind, job: &JobRow) -> i64 {
    let place = (job.attempt.max(1) as usize - 1).min(PAUSES.len() - 1);
    let pause_s = (i64::from(kind.first_delay_s) * PAUSES[place]).min(LONGEST_PAUSE_S);
    // The id is random enough, and makes the moment the same however often it is computed.
    let dice = crc32fast::hash(&[job.id.0.as_bytes().as_slice(), &job.attempt.to_be_bytes()].concat());
    let jitter_ms = pause_s * 200 * i64::from(dice >> 16) / 0x1_0000;
    pause_s * 1000 + jitter_ms
}

#[cfg(test)]
mod tests {
    use super::super::model::Lane;
    use super::*;
    use serde_json::json;
    use std::collections::HashSet;

    const MAIL: JobKind =
        JobKind { name: "mail.send", lane: Lane::Quick, max_attempts: 9, first_delay_s: 10, time_limit_s: 60 };
    const NOW: Moment = Moment(1_000_000);

    fn processing(attempt: u32) -> JobRow {
        let job = queued(NewJob::new(&MAIL, json!({}), NOW));
        begun(JobRow { attempt: attempt - 1, ..job }, Token { boot: 1, number: 1 }, NOW)
    }

    #[test]
    fn pauses_grow_and_are_never_cut_short() {
        for (attempt, seconds) in [(1, 10), (2, 30), (3, 120), (4, 600), (5, 3600), (6, 21_600), (8, 21_600)] {
            let job = failed(processing(attempt), &MAIL, "no answer".into(), true, NOW);
            let pause = job.next_attempt_at.unwrap().millis_since(NOW);
            assert!((seconds * 1000..seconds * 1200).contains(&pause), "{attempt}: {pause}");
            assert_eq!((job.status, job.lease), (JobStatus::Queued, None));
        }
    }

    #[test]
    fn jobs_that_fail_together_do_not_come_back_together() {
        let due: HashSet<_> =
            (0..100).map(|_| failed(processing(3), &MAIL, String::new(), true, NOW).next_attempt_at).collect();
        assert!(due.len() > 80);
    }

    #[test]
    fn the_last_attempt_and_a_lasting_reason_end_it() {
        let job = failed(processing(9), &MAIL, "no answer".into(), true, NOW);
        assert_eq!((job.status, job.next_attempt_at, job.completed_at), (JobStatus::Failed, None, Some(NOW)));
        let job = failed(processing(1), &MAIL, "no such address".into(), false, NOW);
        assert_eq!((job.status, job.failure_reason.as_deref()), (JobStatus::Failed, Some("no such address")));
    }

    #[test]
    fn interruptions_cost_no_attempt_until_there_are_25() {
        let mut job = processing(2);
        for _ in 0..24 {
            job = interrupted(job, NOW);
            assert_eq!((job.status, job.attempt, job.next_attempt_at), (JobStatus::Queued, 1, Some(NOW)));
            job = begun(job, Token { boot: 2, number: 1 }, NOW);
        }
        let job = interrupted(job, NOW);
        assert_eq!((job.status, job.interruptions), (JobStatus::Failed, 25));
        let job = retried(job, NOW);
        assert_eq!((job.status, job.attempt, job.interruptions), (JobStatus::Queued, 0, 0));
    }
}
