//! The job that hands a mail over, and what its ends mean for the mail.
//!
//! The intent to send is committed before the mail server hears of it, and the answer after. Whatever is cut off between the two has an
//! unknown end: it is tried once more under the same Message-ID, and after a second unknown end a person decides.

use super::{LetterBody, MAILS, MailError, MailId, MailRow, MailState, NewMail, post, put, render, sender};
use crate::kernel::{Fault, Lang, Moment};
use crate::mail::{Letter, Mailer, Outcome, Trouble};
use crate::queue::{self, Done, Handler, JobError, JobId, JobKind, JobRow, JobStatus, Lane, Running};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use crate::web::words;
use serde_json::json;

/// 10 s, 30 s, 2 min, 10 min, 1 h, then every 6 h: a mail server may be down for a day.
pub static MAIL_SEND: JobKind =
    JobKind { name: "mail.send", lane: Lane::Quick, max_attempts: 10, first_delay_s: 10, time_limit_s: 240 };

/// After so many unknown ends nobody tries again by himself.
const MAX_UNKNOWN: u32 = 2;

fn mail_of(job: &JobRow) -> Option<MailId> {
    serde_json::from_value(job.payload.get("mail_id")?.clone()).ok()
}

/// The row the job is about, unless another job has taken the mail over.
fn row_of(tx: &impl Snapshot, job: &JobRow) -> Result<Option<MailRow>, Fault> {
    match mail_of(job) {
        Some(id) => Ok(MAILS.get(tx, &id)?.filter(|row| row.job_id == job.id)),
        None => Ok(None),
    }
}

/// What `mail.send` does.
pub fn handler(shop: &Shop, mailer: Mailer) -> Handler {
    let repeats_harmlessly = mailer.is_outbox();
    let run_shop = shop.clone();
    Handler::new(move |running| run(&run_shop, &mailer, running)).on_settle(move |tx, job| match row_of(tx, job)? {
        Some(row) => put(tx, Some(row.state), &settled(row, job, repeats_harmlessly)),
        None => Ok(()),
    })
}

/// Writes down that the mail is about to be handed over. Not earlier: an attempt that is claimed and cut off before this has sent nothing.
fn intend(tx: &WriteTx, job: &JobRow) -> Result<Option<MailRow>, Fault> {
    // An attempt that was given up on meanwhile must not send beside the one that took its place.
    let is_ours = |now: JobRow| now.status == JobStatus::Processing && now.attempt == job.attempt;
    if !queue::job(tx, job.id)?.is_some_and(is_ours) {
        return Ok(None);
    }
    let Some(row) = row_of(tx, job)? else { return Ok(None) };
    if row.state != MailState::Queued {
        return Ok(Some(row));
    }
    let begun = MailRow { state: MailState::Sending, attempts: row.attempts + 1, ..row };
    put(tx, Some(MailState::Queued), &begun)?;
    Ok(Some(begun))
}

fn run(shop: &Shop, mailer: &Mailer, running: &Running) -> Result<Done, JobError> {
    let job = running.job.clone();
    let row = match shop.store().write_blocking(move |tx| intend(tx, &job))? {
        None => return Ok(Done::new(json!({"skipped": true}))),
        Some(row) if row.state == MailState::Uncertain => {
            return Err(JobError::lasting("the mail server broke off twice; the mail may have arrived"));
        }
        Some(row) => row,
    };
    let settings = shop.settings();
    let contact = settings.contact_email.trim();
    let letter = Letter {
        from_name: settings.shop_name.clone(),
        from: sender(shop),
        to: row.to.clone(),
        reply_to: (!contact.is_empty()).then(|| contact.to_owned()),
        subject: row.subject.clone(),
        text: row.text.clone(),
        html: row.html.clone(),
        message_id: row.message_id.clone(),
        date: row.created_at,
    };
    match running.runtime.block_on(mailer.send(&letter)) {
        Ok(()) => {
            let (id, job_id, now) = (row.id, running.job.id, shop.now());
            Ok(Done::with(json!({"mail_id": id}), move |tx| taken(tx, id, job_id, now)))
        }
        Err(trouble) => {
            let job = running.job.clone();
            let noted = trouble.clone();
            shop.store().write_blocking(move |tx| match row_of(tx, &job)? {
                Some(row) if row.state == MailState::Sending => put(tx, Some(row.state), &after_trouble(row, &noted)),
                _ => Ok(()),
            })?;
            // The job's reason is read by people who may not see addresses, so the server's own line stays on the mail.
            let reason = words::text(Lang::En, reason_key(trouble.reason.name())).to_owned();
            let again = trouble.outcome == Outcome::Later
                || trouble.outcome == Outcome::Unknown && row.unknown + 1 < MAX_UNKNOWN;
            Err(JobError { reason, retry: again })
        }
    }
}

fn taken(tx: &WriteTx, id: MailId, job_id: JobId, now: Moment) -> Result<(), Fault> {
    match MAILS.get(tx, &id)?.filter(|row| row.job_id == job_id) {
        Some(row) => {
            let sent = MailRow { state: MailState::Sent, sent_at: Some(now), error: None, ..row.clone() };
            put(tx, Some(row.state), &sent)
        }
        None => Ok(()),
    }
}

/// The mail after a try that did not go through.
fn after_trouble(row: MailRow, trouble: &Trouble) -> MailRow {
    let error = Some(MailError { reason: trouble.reason.name().into(), answer: trouble.answer.clone() });
    let unknown = row.unknown + u32::from(trouble.outcome == Outcome::Unknown);
    let state = match trouble.outcome {
        Outcome::Refused => MailState::Failed,
        Outcome::Later => MailState::Queued,
        Outcome::Unknown if unknown >= MAX_UNKNOWN => MailState::Uncertain,
        Outcome::Unknown => MailState::Queued,
    };
    MailRow { state, unknown, error, ..row }
}

/// A mail whose job is gone, whatever it was doing.
pub(super) fn cut_off(row: MailRow) -> MailRow {
    let unknown = row.unknown + u32::from(row.state == MailState::Sending);
    let state = if unknown >= MAX_UNKNOWN { MailState::Uncertain } else { MailState::Queued };
    MailRow { state, unknown, ..row }
}

/// The mail after its job stopped being worked on.
fn settled(row: MailRow, job: &JobRow, repeats_harmlessly: bool) -> MailRow {
    let error = |reason: &str| Some(MailError { reason: reason.into(), answer: String::new() });
    match (job.status, row.state) {
        // Cut off by a stop, a crash or the time limit: how the try ended was not written down, so nobody knows.
        (JobStatus::Queued | JobStatus::Failed, MailState::Sending) if !repeats_harmlessly => {
            let unknown = row.unknown + 1;
            let state = match job.status {
                _ if unknown >= MAX_UNKNOWN => MailState::Uncertain,
                JobStatus::Queued => MailState::Queued,
                _ => MailState::Uncertain,
            };
            MailRow { state, unknown, error: error("interrupted"), ..row }
        }
        (JobStatus::Queued, MailState::Sending) => MailRow { state: MailState::Queued, ..row },
        // The job was put back in line by hand.
        (JobStatus::Queued, MailState::Failed | MailState::Uncertain) => {
            MailRow { state: MailState::Queued, unknown: 0, error: None, ..row }
        }
        (JobStatus::Failed, MailState::Queued | MailState::Sending) => MailRow { state: MailState::Failed, ..row },
        (JobStatus::Cancelled, MailState::Queued | MailState::Sending) => {
            MailRow { state: MailState::Failed, error: error("cancelled"), ..row }
        }
        _ => row,
    }
}

/// The key of the sentence for a reason.
pub(super) fn reason_key(reason: &str) -> &'static str {
    match reason {
        "malformed" => "people.mail_error.malformed",
        "refused" => "people.mail_error.refused",
        "busy" => "people.mail_error.busy",
        "unreachable" => "people.mail_error.unreachable",
        "encryption" => "people.mail_error.encryption",
        "log_in" => "people.mail_error.log_in",
        "silent" => "people.mail_error.silent",
        "disk" => "people.mail_error.disk",
        "interrupted" => "people.mail_error.interrupted",
        _ => "people.mail_error.cancelled",
    }
}

/// Tells the owner about a job that failed for good; for the queue's `on_dead`. Mails about mails would never end, so there are none.
///
/// # Errors
/// A database that cannot be written.
pub fn alarm_dead_job(tx: &WriteTx, shop: &Shop, job: &JobRow) -> Result<(), Fault> {
    if job.kind == MAIL_SEND.name {
        return Ok(());
    }
    let lang = shop.settings().language;
    let fill = |key: &str, values: &[(&str, &str)]| words::fill(words::text(lang, key), values);
    let reason = job.failure_reason.as_deref().unwrap_or("");
    let body = LetterBody::new(words::text(lang, "mail.job_heading"))
        .paragraph(fill("mail.job_text", &[("kind", &job.kind), ("reason", reason)]))
        .button(words::text(lang, "mail.job_button"), format!("{}/admin/jobs?status=failed", shop.public_url()));
    let (text, html) = render(shop, lang, &body)?;
    let new = NewMail {
        id: shop.new_id(),
        kind: "job_failed",
        key: format!("job:{}:failed:{}", job.id, job.completed_at.unwrap_or(shop.now())),
        to: shop.config().mail.alerts_to.clone(),
        lang,
        subject: fill("mail.job_subject", &[("kind", job.kind.as_str())]),
        text,
        html,
        order_id: None,
        now: shop.now(),
    };
    post(tx, shop, new).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Reason;
    use uuid::Uuid;

    fn row(state: MailState, unknown: u32) -> MailRow {
        MailRow {
            id: MailId(Uuid::from_u128(1)),
            kind: "test".into(),
            key: "test:1".into(),
            order_id: None,
            to: "mika@example.jp".into(),
            lang: Lang::En,
            subject: "s".into(),
            text: "t".into(),
            html: "h".into(),
            message_id: "1@example.com".into(),
            state,
            attempts: 1,
            unknown,
            resent: 0,
            job_id: JobId(Uuid::from_u128(2)),
            error: None,
            created_at: Moment(0),
            sent_at: None,
        }
    }

    fn job(status: JobStatus) -> JobRow {
        let row = json!({
            "id": Uuid::from_u128(2), "kind": "mail.send", "lane": "quick", "payload": {}, "owner": null, "status": status,
            "attempt": 1, "max_attempts": 10, "interruptions": 0, "progress": 0, "failure_reason": null,
            "next_attempt_at": null, "result": null, "idempotency_key": null, "created_at": Moment(0), "started_at": null,
            "completed_at": null, "lease": null,
        });
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn a_mail_goes_out_at_most_twice_without_an_answer() {
        let silent = Trouble { outcome: Outcome::Unknown, reason: Reason::Silent, answer: String::new() };
        let once = after_trouble(row(MailState::Sending, 0), &silent);
        assert_eq!((once.state, once.unknown), (MailState::Queued, 1));
        let twice = after_trouble(MailRow { state: MailState::Sending, ..once.clone() }, &silent);
        assert_eq!((twice.state, twice.unknown), (MailState::Uncertain, 2));
        // The same when the process is killed in between instead.
        let killed = settled(row(MailState::Sending, 0), &job(JobStatus::Queued), false);
        assert_eq!((killed.state, killed.unknown), (MailState::Queued, 1));
        let again = settled(MailRow { state: MailState::Sending, ..killed }, &job(JobStatus::Queued), false);
        assert_eq!(again.state, MailState::Uncertain);
    }

    #[test]
    fn every_end_of_the_job_shows_on_the_mail() {
        use JobStatus::{Cancelled, Failed, Queued};
        let cases = [
            // the job's status, the mail's state before, with a server, with files
            (Queued, MailState::Queued, MailState::Queued, MailState::Queued),
            (Failed, MailState::Queued, MailState::Failed, MailState::Failed),
            (Failed, MailState::Failed, MailState::Failed, MailState::Failed),
            (Failed, MailState::Uncertain, MailState::Uncertain, MailState::Uncertain),
            (Failed, MailState::Sending, MailState::Uncertain, MailState::Failed),
            (Queued, MailState::Sending, MailState::Queued, MailState::Queued),
            (Cancelled, MailState::Queued, MailState::Failed, MailState::Failed),
            (Queued, MailState::Uncertain, MailState::Queued, MailState::Queued),
            (Queued, MailState::Failed, MailState::Queued, MailState::Queued),
            (Failed, MailState::Sent, MailState::Sent, MailState::Sent),
        ];
        for (status, before, by_server, by_file) in cases {
            assert_eq!(settled(row(before, 0), &job(status), false).state, by_server, "{status:?} {before:?}");
            assert_eq!(settled(row(before, 0), &job(status), true).state, by_file, "{status:?} {before:?}");
        }
        let many = (0..9).fold(row(MailState::Queued, 0), |row, _| {
            settled(MailRow { state: MailState::Sending, ..row }, &job(JobStatus::Queued), true)
        });
        assert_eq!(many.unknown, 0, "writing a file again does no harm");
    }

    #[test]
    fn every_reason_has_its_sentence() {
        for reason in Reason::ALL.map(Reason::name).into_iter().chain(["interrupted", "cancelled"]) {
            assert!(reason_key(reason).ends_with(reason));
            assert!(words::find(Lang::En, reason_key(reason)).is_some(), "{reason}");
        }
    }
}
