//! The tables, and what can be done with a job inside a write.

use super::model::{JobId, JobRow, JobStatus, Lane, NewJob};
use super::rules;
use super::run::Hall;
use crate::kernel::{Fault, Moment};
use crate::store::{Index, Order, Page, Snapshot, Table, WriteTx, derived};
use std::ops::{Bound, ControlFlow, RangeInclusive};
use uuid::Uuid;

const JOBS: Table<JobId, JobRow> = Table::new("jobs", 1);
/// The queued jobs by due time: the next job is the first of its lane.
const DUE: Index<(Lane, Moment, JobId)> = Index::new("jobs.due");
const STATE: Index<(JobStatus, String, JobId)> = Index::new("jobs.by_state");
const OWNER: Index<(Uuid, JobId)> = Index::new("jobs.by_owner");
const KEYS: Table<(String, String), JobId> = Table::new("jobs.by_key", 1);

const FIRST: JobId = JobId(Uuid::nil());
const LAST: JobId = JobId(Uuid::max());
/// How many jobs [`by_owner`] lists at most.
const OF_OWNER: usize = 100;

/// Puts a job in line, in the transaction of what caused it. If a job of that kind has the idempotency key already, nothing
/// changes and that job is returned, however it ended.
pub fn enqueue(tx: &WriteTx, job: NewJob) -> Result<JobRow, Fault> {
    if let Some(key) = &job.idempotency_key {
        let key = (job.kind.name.to_owned(), key.clone());
        if let Some(taken) = KEYS.get(tx, &key)? {
            return self::job(tx, taken)?
                .ok_or_else(|| Fault::Corrupt(format!("job {taken} has an idempotency key but no row")));
        }
        KEYS.put(tx, &key, &job.id)?;
    }
    if let Some(owner) = job.owner {
        OWNER.put(tx, &(owner, job.id))?;
    }
    let job = rules::queued(job);
    save(tx, None, &job)?;
    Ok(job)
}

/// Cancels a job that waits or runs; a running one is told, and its result changes nothing any more. `None` when there
/// is no such job, or it is settled already.
pub fn cancel(tx: &WriteTx, id: JobId, now: Moment) -> Result<Option<JobRow>, Fault> {
    let Some(before) = job(tx, id)?.filter(|job| !job.status.is_settled()) else { return Ok(None) };
    let after = rules::cancelled(before.clone(), now);
    save(tx, Some(&before), &after)?;
    settled_by_hand(tx, &after)?;
    Ok(Some(after))
}

/// Puts a failed or cancelled job back in line, with all its attempts. `None` when there is no such job, or it is not
/// failed or cancelled.
pub fn retry(tx: &WriteTx, id: JobId, now: Moment) -> Result<Option<JobRow>, Fault> {
    let is_over = |job: &JobRow| matches!(job.status, JobStatus::Failed | JobStatus::Cancelled);
    let Some(before) = job(tx, id)?.filter(is_over) else { return Ok(None) };
    let after = rules::retried(before.clone(), now);
    save(tx, Some(&before), &after)?;
    settled_by_hand(tx, &after)?;
    Ok(Some(after))
}

/// The job as it is stored; [`super::Queue::job`] also knows the progress of one that runs.
pub fn job(tx: &impl Snapshot, id: JobId) -> Result<Option<JobRow>, Fault> {
    JOBS.get(tx, &id)
}

/// Whether a job is still worked on by the attempt that was told of it so: nobody cancelled it, nor began it once more.
///
/// # Errors
/// A database that cannot be read.
pub fn is_held(tx: &impl Snapshot, told: &JobRow) -> Result<bool, Fault> {
    Ok(told.lease.is_some() && job(tx, told.id)?.is_some_and(|job| job.lease == told.lease))
}

/// The jobs in a state and of a kind (all where `None`), newest first, behind `after`.
pub fn list(
    tx: &impl Snapshot,
    status: Option<JobStatus>,
    kind: Option<&str>,
    after: Option<JobId>,
    limit: usize,
) -> Result<Vec<JobRow>, Fault> {
    if status.is_none() && kind.is_none() {
        let page = Page { after, order: Order::Falling, limit };
        return Ok(JOBS.page(tx, page)?.into_iter().map(|(_, job)| job).collect());
    }
    let mut ids = Vec::new();
    for status in JobStatus::ALL.into_iter().filter(|other| status.is_none_or(|status| status == *other)) {
        let kinds = match kind {
            Some(kind) => vec![kind.to_owned()],
            None => kinds(tx, status)?,
        };
        for kind in kinds {
            let low = (status, kind.clone(), FIRST);
            let high = match after {
                Some(after) => Bound::Excluded((status, kind, after)),
                None => Bound::Included((status, kind, LAST)),
            };
            let found = STATE.range(tx, (Bound::Included(low), high), Order::Falling, limit)?;
            ids.extend(found.into_iter().map(|(_, _, id)| id));
        }
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids.truncate(limit);
    rows(tx, ids)
}

/// The newest jobs about a design, order or other thing, newest first, at most 100.
pub fn by_owner(tx: &impl Snapshot, owner: impl Into<Uuid>) -> Result<Vec<JobRow>, Fault> {
    let keys = OWNER.prefix(tx, &owner.into(), None, Order::Falling, OF_OWNER)?;
    rows(tx, keys.into_iter().map(|(_, id)| id))
}

/// Removes at most `limit` completed and cancelled jobs that ended before `before`, and says how many. Failed ones stay
/// for somebody to look at.
pub fn forget_settled(tx: &WriteTx, before: Moment, limit: usize) -> Result<usize, Fault> {
    let mut count = 0;
    for status in [JobStatus::Completed, JobStatus::Cancelled] {
        for kind in kinds(tx, status)? {
            // Ids are ordered by birth, and no job ends before it is born.
            for (_, kind, id) in STATE.prefix(tx, &(status, kind.as_str()), None, Order::Rising, limit - count)? {
                let Some(job) = job(tx, id)? else { continue };
                if job.created_at >= before {
                    break;
                }
                if job.completed_at.is_some_and(|ended| ended < before) {
                    forget(tx, &job, (status, kind, id))?;
                    count += 1;
                }
            }
        }
    }
    Ok(count)
}

fn forget(tx: &WriteTx, job: &JobRow, state: (JobStatus, String, JobId)) -> Result<(), Fault> {
    JOBS.remove(tx, &job.id)?;
    STATE.remove(tx, &state)?;
    if let Some(owner) = job.owner {
        OWNER.remove(tx, &(owner, job.id))?;
    }
    if let Some(key) = &job.idempotency_key {
        KEYS.remove(tx, &(job.kind.clone(), key.clone()))?;
    }
    Ok(())
}

/// What is wrong with the stored jobs, in words, for `petstar check`; nothing when rows and indexes agree.
pub fn contradictions(tx: &impl Snapshot) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    let (mut due, mut owned, mut keyed) = (0, 0, 0);
    JOBS.each(tx, .., Order::Rising, |id, job| {
        if job.id != id {
            found.push(format!("job {id} is stored as {}", job.id));
        }
        if !STATE.has(tx, &(job.status, job.kind.clone(), id))? {
            found.push(format!("job {id} is missing among the {} ones", job.status.name()));
        }
        if job.next_attempt_at.is_some() != (job.status == JobStatus::Queued) {
            found.push(format!("job {id} is {}, but its due time does not fit that", job.status.name()));
        }
        if let Some(moment) = job.next_attempt_at {
            due += 1;
            if !DUE.has(tx, &(job.lane, moment, id))? {
                found.push(format!("job {id} is queued, but not in line"));
            }
        }
        if let Some(owner) = job.owner {
            owned += 1;
            if !OWNER.has(tx, &(owner, id))? {
                found.push(format!("job {id} is missing among the jobs of {owner}"));
            }
        }
        if let Some(key) = job.idempotency_key {
            keyed += 1;
            if KEYS.get(tx, &(job.kind, key))? != Some(id) {
                found.push(format!("job {id} has lost its idempotency key"));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    // Every row has its entries; so there is one too many exactly if the numbers differ.
    let counts = [
        ("by state", STATE.len(tx)?, JOBS.len(tx)?),
        ("in line", DUE.len(tx)?, due),
        ("by owner", OWNER.len(tx)?, owned),
        ("by key", KEYS.len(tx)?, keyed),
    ];
    for (index, entries, wanted) in counts {
        if entries != wanted {
            found.push(format!("{entries} jobs are listed {index}, but there are {wanted}"));
        }
    }
    Ok(found)
}

/// Tables that hold what [`follow`] names and nothing else.
pub const FOLLOWING: &[&str] = &[DUE.name(), STATE.name(), OWNER.name(), KEYS.name()];

/// Names every row of other tables that the jobs stand for.
pub fn follow(tx: &impl Snapshot, visit: &mut derived::Visit<'_>) -> Result<(), Fault> {
    JOBS.each(tx, .., Order::Rising, |id, job| {
        visit(STATE.derived(&(job.status, job.kind.clone(), id)))?;
        if let Some(moment) = job.next_attempt_at {
            visit(DUE.derived(&(job.lane, moment, id)))?;
        }
        if let Some(owner) = job.owner {
            visit(OWNER.derived(&(owner, id)))?;
        }
        if let Some(key) = job.idempotency_key {
            visit(KEYS.derived(&(job.kind, key), &id)?)?;
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Hands every job that is not settled to `visit`.
pub fn each_open(tx: &impl Snapshot, mut visit: impl FnMut(JobRow) -> Result<(), Fault>) -> Result<(), Fault> {
    JOBS.each(tx, .., Order::Rising, |_, job| {
        if !job.status.is_settled() {
            visit(job)?;
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Writes the row and moves its index entries, and tells those who watch when the write is on the disk.
pub(super) fn save(tx: &WriteTx, before: Option<&JobRow>, after: &JobRow) -> Result<(), Fault> {
    if let Some(before) = before {
        if before.status != after.status {
            STATE.remove(tx, &(before.status, before.kind.clone(), before.id))?;
        }
        if let Some(due) = before.next_attempt_at {
            DUE.remove(tx, &(before.lane, due, before.id))?;
        }
    }
    if before.is_none_or(|before| before.status != after.status) {
        STATE.put(tx, &(after.status, after.kind.clone(), after.id))?;
    }
    if let Some(due) = after.next_attempt_at {
        DUE.put(tx, &(after.lane, due, after.id))?;
    }
    JOBS.put(tx, &after.id, after)?;
    if let Some(hall) = tx.attached::<Hall>() {
        hall.changes(tx, after);
    }
    Ok(())
}

/// The first jobs of the lane that are due at `now`, at most `limit`; none when there are none.
pub(super) fn next_due(tx: &WriteTx, lane: Lane, now: Moment, limit: usize) -> Result<Vec<JobRow>, Fault> {
    let mut found = Vec::new();
    loop {
        let keys = DUE.range(tx, due_at(lane, now), Order::Rising, limit)?;
        let is_all = keys.is_empty();
        for key in keys {
            match job(tx, key.2) {
                Ok(Some(job)) if job.status == JobStatus::Queued && job.next_attempt_at == Some(key.1) => {
                    found.push(job);
                }
                // A damaged row, or an entry without its row, which cannot be: neither must stop the lane.
                Ok(_) | Err(Fault::Corrupt(_)) => {
                    tracing::error!(job = %key.2, "a due job cannot be read and was taken out of the line");
                    DUE.remove(tx, &key)?;
                }
                Err(fault) => return Err(fault),
            }
        }
        if is_all || !found.is_empty() {
            return Ok(found);
        }
    }
}

fn due_at(lane: Lane, now: Moment) -> RangeInclusive<(Lane, Moment, JobId)> {
    (lane, Moment(i64::MIN), FIRST)..=(lane, now, LAST)
}

pub(super) fn first_due(tx: &impl Snapshot, lane: Lane) -> Result<Option<(Lane, Moment, JobId)>, Fault> {
    Ok(DUE.prefix(tx, &lane, None, Order::Rising, 1)?.pop())
}

/// How many jobs of the lane wait for their turn or their time, counting no further than `limit`.
pub(super) fn count_waiting(tx: &impl Snapshot, lane: Lane, limit: usize) -> Result<usize, Fault> {
    DUE.count(tx, &lane, limit)
}

pub(super) fn count_in(tx: &impl Snapshot, status: JobStatus, limit: usize) -> Result<usize, Fault> {
    STATE.count(tx, &status, limit)
}

/// The jobs that wait for a time behind `now` although they were last touched behind `now` as well: the clock was set back.
pub(super) fn from_the_future(tx: &impl Snapshot, now: Moment, limit: usize) -> Result<Vec<JobId>, Fault> {
    let mut found = Vec::new();
    for lane in Lane::ALL {
        let low = Bound::Excluded((lane, now, LAST));
        let high = Bound::Included((lane, Moment(i64::MAX), LAST));
        for (_, _, id) in DUE.range(tx, (low, high), Order::Rising, limit)? {
            if job(tx, id)?.is_some_and(|job| rules::last_touched(&job) > now) {
                found.push(id);
            }
        }
    }
    Ok(found)
}

/// Has such a job wait from now on as long as it was to wait, and not until the clock is back where it was.
pub(super) fn bring_back(tx: &WriteTx, id: JobId, now: Moment) -> Result<(), Fault> {
    match job(tx, id)?.filter(|job| job.status == JobStatus::Queued && rules::last_touched(job) > now) {
        Some(job) => save(tx, Some(&job), &rules::brought_back(job.clone(), now)),
        None => Ok(()),
    }
}

/// A place among the jobs by state.
pub(super) type Place = (JobStatus, String, JobId);

/// At most `limit` jobs behind `after` that are being worked on, or were when the program stopped, and where the search ended; `None` at the
/// end. A damaged row is left out.
pub(super) fn processing(
    tx: &impl Snapshot,
    after: Option<&Place>,
    limit: usize,
) -> Result<(Vec<JobRow>, Option<Place>), Fault> {
    let keys = STATE.prefix(tx, &JobStatus::Processing, after, Order::Rising, limit)?;
    let last = keys.last().cloned();
    let row = |(_, _, id)| match job(tx, id) {
        Err(Fault::Corrupt(reason)) => {
            tracing::error!(job = %id, reason, "an interrupted job cannot be read");
            Ok(None)
        }
        row => row,
    };
    let rows = keys.into_iter().map(row).filter_map(Result::transpose).collect::<Result<_, _>>()?;
    Ok((rows, last))
}

/// The kinds that have a job in `status`, found by leaping from one to the next.
fn kinds(tx: &impl Snapshot, status: JobStatus) -> Result<Vec<String>, Fault> {
    let mut kinds = Vec::new();
    let mut low = Bound::Included((status, String::new(), FIRST));
    loop {
        match STATE.range(tx, (low, Bound::Unbounded), Order::Rising, 1)?.pop() {
            Some((found, kind, _)) if found == status => {
                low = Bound::Excluded((status, kind.clone(), LAST));
                kinds.push(kind);
            }
            _ => return Ok(kinds),
        }
    }
}

fn rows(tx: &impl Snapshot, ids: impl IntoIterator<Item = JobId>) -> Result<Vec<JobRow>, Fault> {
    let found = |id| job(tx, id)?.ok_or_else(|| Fault::Corrupt(format!("job {id} is in an index but has no row")));
    ids.into_iter().map(found).collect()
}

fn settled_by_hand(tx: &WriteTx, job: &JobRow) -> Result<(), Fault> {
    match tx.attached::<Hall>().and_then(|hall| hall.handler(&job.kind)) {
        Some((_, handler)) => handler.settle(tx, job),
        None => Ok(()),
    }
}
