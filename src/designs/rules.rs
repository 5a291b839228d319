//! What may happen to a design: pure decisions, the new design or a refusal.

use super::model::{Approved, Assessed, Design, Final, Status};
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::{TextProblem, clean_line};
use crate::kernel::{Code, Message, Moment, Refusal};
use crate::queue::{JobId, JobRow, JobStatus};
use crate::render::fonts;
use uuid::Uuid;

pub const MAX_PHOTOS: usize = 50;
const MAX_NAME: usize = 80;

/// A name as it is stored.
pub fn checked_name(name: &str) -> Result<String, Refusal> {
    clean_line(name, MAX_NAME).map_err(|problem| {
        let message = match problem {
            TextProblem::TooLong { max } => Message::new("designs.name_too_long").with("max", max),
            TextProblem::Control => Message::new("designs.name_control"),
        };
        Refusal::field("name", message)
    })
}

/// The design with other params, size or name. A change of what is drawn takes it back to draft; its job is then to be cancelled
/// (it is the second value).
///
/// # Errors
/// `design_locked` while an order holds it; `stale_version` when the caller saw an older one.
pub fn changed(
    design: &Design,
    assessed: Assessed,
    name: Option<String>,
    seen_version: Option<u64>,
    now: Moment,
) -> Result<(Design, Option<JobId>), Refusal> {
    check_unlocked(design)?;
    if seen_version.is_some_and(|seen| seen != design.version) {
        return Err(Refusal::new(Code::StaleVersion, "designs.stale_version"));
    }
    let mut after = design.clone();
    if let Some(name) = name {
        after.name = name;
    }
    let mut dropped = None;
    if assessed.key != design.key {
        after.status = Status::Draft;
        after.failure_reason = None;
        after.preview = None;
        after.final_picture = None;
        dropped = after.job.take();
    }
    after.variant_id = assessed.variant_id;
    after.params = assessed.params;
    after.params_crc32 = assessed.params_crc32;
    after.key = assessed.key;
    after.missing = assessed.missing;
    after.undrawable = assessed.undrawable;
    after.warnings = assessed.warnings;
    after.sharpness = assessed.sharpness;
    if after != *design {
        after.version += 1;
        after.updated_at = now;
    }
    Ok((after, dropped))
}

/// # Errors
/// `design_locked` while an order holds it.
pub fn check_unlocked(design: &Design) -> Result<(), Refusal> {
    if design.is_locked() { Err(Refusal::new(Code::DesignLocked, "designs.locked")) } else { Ok(()) }
}

/// # Errors
/// 422 naming every required field that is empty and every character that cannot be printed, at `params.<field>`.
pub fn check_whole(design: &Design) -> Result<(), Refusal> {
    let mut mistakes = Mistakes::new();
    for field in &design.missing {
        mistakes.add(format!("params.{field}"), Message::new("designs.field_missing"));
    }
    for (field, characters) in &design.undrawable {
        let has_form = characters.chars().any(fonts::selects_form);
        let key = if has_form { "designs.undrawable_form" } else { "designs.undrawable" };
        let message = Message::new(key).with("characters", characters);
        mistakes.add(format!("params.{field}"), message);
    }
    mistakes.into_result()
}

/// What to do about the print file of a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finalizing {
    /// It is there, or being made: nothing.
    AsItIs(JobId),
    /// A job failed or was cancelled: put it back in line.
    Again(JobId),
    /// A new job.
    New,
}

/// Decides how a design becomes final. `job` is the design's own, as stored. `by_hand` tries a render again that failed for good;
/// otherwise that is refused.
///
/// # Errors
/// 422 where the design is not whole; `design_not_ready` where its render failed for good.
pub fn finalizing(design: &Design, job: Option<&JobRow>, by_hand: bool) -> Result<Finalizing, Refusal> {
    check_whole(design)?;
    let Some(job) = job else { return Ok(Finalizing::New) };
    match job.status {
        JobStatus::Queued | JobStatus::Processing => Ok(Finalizing::AsItIs(job.id)),
        JobStatus::Completed if design.status == Status::Ready => Ok(Finalizing::AsItIs(job.id)),
        JobStatus::Completed => Ok(Finalizing::New),
        JobStatus::Cancelled => Ok(Finalizing::Again(job.id)),
        JobStatus::Failed if by_hand => Ok(Finalizing::Again(job.id)),
        JobStatus::Failed => Err(Refusal::new(Code::DesignNotReady, "designs.render_failed")),
    }
}

pub fn queued(design: &Design, job: JobId, now: Moment) -> Design {
    let status = Status::Queued;
    Design { status, failure_reason: None, job: Some(job), updated_at: now, ..design.clone() }
}

/// An attempt of `job` begins. Nothing changes when the design has moved on to another.
pub fn rendering(design: &Design, job: JobId, now: Moment) -> Option<Design> {
    let is_current = design.job == Some(job) && design.status != Status::Ready;
    is_current.then(|| Design { status: Status::Rendering, failure_reason: None, updated_at: now, ..design.clone() })
}

/// `job` is done. Nothing changes when the design has moved on to another.
pub fn ready(design: &Design, job: JobId, picture: Final, preview: Approved, now: Moment) -> Option<Design> {
    let is_current = design.job == Some(job);
    is_current.then(|| Design {
        status: Status::Ready,
        failure_reason: None,
        final_picture: Some(picture),
        preview: design.preview.clone().or(Some(preview)),
        updated_at: now,
        ..design.clone()
    })
}

/// `job` stopped being worked on without being done: failed (until the next attempt begins), interrupted, or put back in line.
pub fn settled(design: &Design, job: &JobRow, now: Moment) -> Option<Design> {
    let is_current = design.job == Some(job.id) && design.status != Status::Ready;
    let status = match job.status {
        JobStatus::Queued if job.failure_reason.is_none() => Status::Queued,
        JobStatus::Queued | JobStatus::Failed | JobStatus::Cancelled => Status::Failed,
        JobStatus::Processing | JobStatus::Completed => return None,
    };
    is_current.then(|| Design { status, failure_reason: job.failure_reason.clone(), updated_at: now, ..design.clone() })
}

/// `holder` (an order) needs the design as it is.
pub fn locked(design: &Design, holder: Uuid) -> Design {
    let mut after = design.clone();
    after.staff_unlocked = false;
    if !after.locked_by.contains(&holder) {
        after.locked_by.push(holder);
    }
    after
}

pub fn unlocked(design: &Design, holder: Uuid) -> Design {
    let mut after = design.clone();
    after.locked_by.retain(|other| *other != holder);
    after
}

#[cfg(test)]
mod tests {
    use super::super::model::DesignId;
    use super::*;
    use crate::catalog::{ProductId, VariantId};
    use crate::queue::Lane;
    use crate::store::BlobRef;
    use crate::web::SessionId;
    use serde_json::{Map, json};
    use std::collections::BTreeMap;

    const NOW: Moment = Moment(1_000);

    fn design() -> Design {
        Design {
            id: DesignId(Uuid::from_u128(1)),
            session: SessionId(Uuid::from_u128(2)),
            also: Vec::new(),
            product_id: ProductId(Uuid::from_u128(3)),
            variant_id: VariantId(Uuid::from_u128(4)),
            layout_version: 1,
            original_design_id: None,
            name: String::new(),
            version: 1,
            params: Map::new(),
            params_crc32: "00000000".into(),
            key: "a".into(),
            status: Status::Draft,
            failure_reason: None,
            missing: Vec::new(),
            undrawable: BTreeMap::new(),
            warnings: Vec::new(),
            sharpness: Vec::new(),
            preview: None,
            final_picture: None,
            job: None,
            locked_by: Vec::new(),
            staff_unlocked: false,
            share_token: None,
            created_at: Moment(0),
            updated_at: Moment(0),
        }
    }

    fn assessed(key: &str) -> Assessed {
        Assessed {
            variant_id: VariantId(Uuid::from_u128(4)),
            params: Map::new(),
            params_crc32: "00000000".into(),
            key: key.into(),
            missing: Vec::new(),
            undrawable: BTreeMap::new(),
            warnings: Vec::new(),
            sharpness: Vec::new(),
        }
    }

    fn job(status: JobStatus, reason: Option<&str>) -> JobRow {
        let row = json!({
            "id": Uuid::from_u128(9), "kind": "render.final", "lane": Lane::Heavy, "payload": {}, "owner": null, "status": status,
            "attempt": 1, "max_attempts": 5, "interruptions": 0, "progress": 0, "failure_reason": reason, "next_attempt_at": null,
            "result": null, "idempotency_key": null, "created_at": NOW, "started_at": null, "completed_at": null, "lease": null,
        });
        serde_json::from_value(row).unwrap()
    }

    fn final_picture() -> Final {
        let blob: BlobRef = serde_json::from_value(json!({ "sha256": "00".repeat(32), "bytes": 1 })).unwrap();
        Final { blob, width: 1, height: 1, rendered_at: NOW, likeness: None }
    }

    fn approved() -> Approved {
        Approved { name: "n".into(), blob: final_picture().blob, params_crc32: "00000000".into() }
    }

    #[test]
    fn other_params_take_it_back_to_draft_and_drop_its_job() {
        let id = JobId(Uuid::from_u128(9));
        let queued = queued(&design(), id, NOW);
        let ready = ready(&queued, id, final_picture(), approved(), NOW).unwrap();
        for before in [queued, ready] {
            let (after, dropped) = changed(&before, assessed("b"), None, None, NOW).unwrap();
            assert_eq!((after.status, after.job, dropped), (Status::Draft, None, Some(id)));
            assert_eq!((after.final_picture, after.preview, after.version), (None, None, 2));
        }
    }

    #[test]
    fn the_same_params_change_nothing() {
        let ready = Design { status: Status::Ready, ..design() };
        let (after, dropped) = changed(&ready, assessed("a"), None, Some(1), NOW).unwrap();
        assert_eq!((&after, dropped), (&ready, None));
        let (named, _) = changed(&ready, assessed("a"), Some("Chelsea".into()), None, NOW).unwrap();
        assert_eq!((named.status, named.version, named.name.as_str()), (Status::Ready, 2, "Chelsea"));
        assert_eq!(changed(&ready, assessed("a"), None, Some(7), NOW).unwrap_err().code, Code::StaleVersion);
    }

    #[test]
    fn an_order_locks_it_until_it_lets_go_or_staff_unlock_it() {
        let (a, b) = (Uuid::from_u128(10), Uuid::from_u128(11));
        let held = locked(&locked(&locked(&design(), a), b), a);
        assert_eq!(changed(&held, assessed("b"), None, None, NOW).unwrap_err().code, Code::DesignLocked);
        let held = unlocked(&held, a);
        assert!(held.is_locked());
        assert!(!Design { staff_unlocked: true, ..held.clone() }.is_locked());
        assert!(!unlocked(&held, b).is_locked());
        assert!(locked(&Design { staff_unlocked: true, ..held }, a).is_locked(), "a new order locks it again");
    }

    #[test]
    fn only_what_is_whole_becomes_final() {
        let mut design = design();
        design.missing = vec!["photo".into()];
        design.undrawable = BTreeMap::from([("name".into(), "𓀀".into())]);
        let refusal = finalizing(&design, None, true).unwrap_err();
        let fields: Vec<_> = refusal.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!((refusal.code, fields), (Code::InvalidInput, vec!["params.photo", "params.name"]));
        // Of a kanji that looks the same on the screen it is told what is wrong with it.
        assert_eq!(refusal.errors[1].message.key, "designs.undrawable");
        design.undrawable = BTreeMap::from([("name".into(), "葛\u{E0100}".into())]);
        assert_eq!(finalizing(&design, None, true).unwrap_err().errors[1].message.key, "designs.undrawable_form");
    }

    #[test]
    fn one_job_renders_the_same_params() {
        let (design, id) = (design(), JobId(Uuid::from_u128(9)));
        assert_eq!(finalizing(&design, None, false), Ok(Finalizing::New));
        for status in [JobStatus::Queued, JobStatus::Processing] {
            assert_eq!(finalizing(&design, Some(&job(status, None)), false), Ok(Finalizing::AsItIs(id)));
        }
        let ready = Design { status: Status::Ready, ..design.clone() };
        assert_eq!(finalizing(&ready, Some(&job(JobStatus::Completed, None)), false), Ok(Finalizing::AsItIs(id)));
        let failed = job(JobStatus::Failed, Some("damaged"));
        assert_eq!(finalizing(&design, Some(&failed), false).unwrap_err().code, Code::DesignNotReady);
        assert_eq!(finalizing(&design, Some(&failed), true), Ok(Finalizing::Again(id)));
    }

    #[test]
    fn a_failed_attempt_shows_until_the_next_begins() {
        let id = JobId(Uuid::from_u128(9));
        let design = queued(&design(), id, NOW);
        let failed = settled(&design, &job(JobStatus::Queued, Some("no room")), NOW).unwrap();
        assert_eq!((failed.status, failed.failure_reason.as_deref()), (Status::Failed, Some("no room")));
        let again = rendering(&failed, id, NOW).unwrap();
        assert_eq!((again.status, again.failure_reason), (Status::Rendering, None));
        let interrupted = settled(&design, &job(JobStatus::Queued, None), NOW).unwrap();
        assert_eq!(interrupted.status, Status::Queued);
        let other = JobId(Uuid::from_u128(8));
        assert_eq!(rendering(&design, other, NOW), None, "a job the design has left behind changes nothing");
        assert_eq!(ready(&design, other, final_picture(), approved(), NOW), None);
    }
}
