//! The job that makes a file: in parts, each of them safe on the disk before the row says so, so that a restart goes on where the last
//! part ended.

use super::model::{Export, ExportId, KEPT_DAYS, Kind, Reached, Size};
use super::table;
use super::write::Work;
use crate::kernel::{Fault, Moment};
use crate::queue::{self, Done, Handler, Handlers, JobError, JobKind, JobRow, JobStatus, Lane, Running};
use crate::shop::Shop;
use crate::store::{WriteTx, files};
use serde_json::json;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub const EXPORT_RUN: JobKind =
    JobKind { name: "export.run", lane: Lane::Heavy, max_attempts: 5, first_delay_s: 10, time_limit_s: 3600 };

/// How long a part of the file may be unsafe.
const SAFE_EVERY: Duration = Duration::from_secs(2);
/// What must stay free on the disk beside a file, so that the shop goes on.
const RESERVE_BYTES: u64 = 256 << 20;

/// Who reads from one moment's picture of the database for longer keeps it from using its old pages again.
const SNAPSHOT_FOR: Duration = Duration::from_secs(30);

/// How far the jobs that run are: the stored rows say so only every few seconds.
#[derive(Default)]
pub struct Live(Mutex<HashMap<ExportId, Far>>);

#[derive(Clone, Copy)]
struct Far {
    records: u64,
    looked: u64,
}

impl Live {
    fn get(&self, id: ExportId) -> Option<Far> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    fn put(&self, id: ExportId, reached: &Reached) {
        let far = Far { records: reached.records, looked: reached.looked };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, far);
    }

    fn forget(&self, id: ExportId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

fn folder(shop: &Shop) -> PathBuf {
    shop.data_dir().join("exports")
}

pub fn path(shop: &Shop, id: ExportId) -> PathBuf {
    folder(shop).join(format!("{id}.csv"))
}

/// Says what jobs of exports do.
pub fn handlers(shop: &Shop, handlers: Handlers) -> Handlers {
    handlers.on(&EXPORT_RUN, handler(shop, run))
}

pub(super) fn handler(
    shop: &Shop,
    run: impl Fn(&Shop, &Running) -> Result<Done, JobError> + Send + Sync + 'static,
) -> Handler {
    let (runner, settler) = (shop.clone(), shop.clone());
    Handler::new(move |running| run(&runner, running))
        .on_start(|tx, job| {
            change(tx, job, |export| {
                export.status = JobStatus::Processing;
                export.started_at = export.started_at.or(job.started_at);
                export.failure_reason = None;
            })
        })
        .on_settle(move |tx, job| {
            change(tx, job, |export| {
                export.status = job.status;
                export.failure_reason = job.failure_reason.clone();
                export.completed_at = job.completed_at;
                if job.status == JobStatus::Cancelled {
                    export.reached = Reached::default();
                    (export.total_records, export.to_look_at) = (None, None);
                    let path = path(&settler, export.id);
                    tx.after_commit(move || _ = std::fs::remove_file(path));
                }
            })
        })
}

fn id_of(job: &JobRow) -> Result<ExportId, Fault> {
    let id = job.owner.map(ExportId);
    id.ok_or_else(|| Fault::Corrupt(format!("job {} is about no export", job.id)))
}

fn change(tx: &WriteTx, job: &JobRow, apply: impl FnOnce(&mut Export)) -> Result<(), Fault> {
    // A file that was forgotten needs no news.
    let Some(mut export) = table::get(tx, id_of(job)?)? else { return Ok(()) };
    apply(&mut export);
    table::put(tx, &export)
}

pub(super) fn run(shop: &Shop, running: &Running) -> Result<Done, JobError> {
    let id = id_of(&running.job)?;
    let live = shop.kept(Live::default);
    let done = make(shop, running, id, &live);
    live.forget(id);
    done
}

fn make(shop: &Shop, running: &Running, id: ExportId, live: &Live) -> Result<Done, JobError> {
    let mut tx = shop.store().read()?;
    let export = table::get(&tx, id)?.ok_or_else(|| JobError::lasting("the export was forgotten"))?;
    let path = path(shop, id);
    files::make_folder(&folder(shop))?;
    let Some((mut file, mut reached)) = open_alone(shop, running, &path, export.reached)? else {
        return Err(JobError::again("cancelled"));
    };
    let work = Work::new(shop, &export.wish)?;
    let known = export.to_look_at.filter(|_| reached.place.is_some());
    let size = match (known, export.total_records) {
        (Some(_), Some(total)) => Size::Known(total),
        (Some(looked), None) => Size::Sifted(looked),
        (None, _) => work.size(&tx)?,
    };
    save(shop, id, size, &reached)?;
    let mut safe = Instant::now();
    let ended = loop {
        let taken = Instant::now();
        let ended = work.go_on(&tx, &mut reached, &mut file, |reached, file| {
            live.put(id, reached);
            running.progress(percent(reached.looked, size.to_look_at()));
            if running.cancelled() || running.stopping() {
                return Ok(false);
            }
            if safe.elapsed() > SAFE_EVERY {
                look_for_room(&path)?;
                file.sync_data()?;
                save(shop, id, size, reached)?;
                safe = Instant::now();
            }
            Ok(taken.elapsed() < SNAPSHOT_FOR)
        });
        if !matches!(ended, Ok(false)) || running.cancelled() || running.stopping() {
            break ended;
        }
        tx = shop.store().read()?;
    };
    drop(tx);
    if running.cancelled() {
        clear_away(shop, id)?;
        return Err(JobError::again("cancelled"));
    }
    let ended = ended?;
    file.sync_all()?;
    files::sync_folder_of(&path)?;
    save(shop, id, size, &reached)?;
    if !ended {
        return Err(JobError::again("the shop stops; the rest comes after its start"));
    }
    let result = json!({
        "export_id": id,
        "file_url": format!("/admin/exports/{id}/download"),
        "records": reached.records,
        "bytes": reached.bytes,
    });
    let shop = shop.clone();
    Ok(Done::with(result, move |tx| {
        let Some(mut export) = table::get(tx, id)? else { return Ok(()) };
        export.status = JobStatus::Completed;
        // Orders that came in after a restart stand in the file too.
        export.total_records = Some(reached.records);
        export.reached = reached.clone();
        export.completed_at = Some(shop.now());
        table::put(tx, &export)
    }))
}

/// Removes the file of an export that was cancelled while it was written. The row was set back by whoever cancelled. It may have been asked
/// for once more since, and then the file is a new one: nobody begins one while this is written.
pub(super) fn clear_away(shop: &Shop, id: ExportId) -> Result<(), Fault> {
    let path = path(shop, id);
    shop.store().write_blocking(move |tx| {
        if table::get(tx, id)?.is_none_or(|export| export.status == JobStatus::Cancelled) {
            let _ = std::fs::remove_file(&path);
        }
        Ok(())
    })
}

/// Opens the file for the attempt that the job is worked on by. An older one, of a job that was cancelled and put back, may come this far
/// when the next one writes already, and gets none.
fn open_alone(shop: &Shop, running: &Running, path: &Path, reached: Reached) -> Result<Option<(File, Reached)>, Fault> {
    let (job, path) = (running.job.clone(), path.to_owned());
    shop.store().write_blocking(move |tx| match queue::is_held(tx, &job)? {
        true => open(&path, reached).map(Some),
        false => Ok(None),
    })
}

/// The file as far as it is known to be safe; from its beginning where less is there.
fn open(path: &Path, reached: Reached) -> Result<(File, Reached), Fault> {
    look_for_room(path)?;
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    let reached = if file.metadata()?.len() < reached.bytes { Reached::default() } else { reached };
    file.set_len(reached.bytes)?;
    file.seek(SeekFrom::End(0))?;
    Ok((file, reached))
}

fn look_for_room(path: &Path) -> Result<(), Fault> {
    let free = files::free_bytes(files::folder_of(path));
    if free.is_some_and(|free| free < RESERVE_BYTES) { Err(Fault::DiskFull) } else { Ok(()) }
}

fn save(shop: &Shop, id: ExportId, size: Size, reached: &Reached) -> Result<(), Fault> {
    let reached = reached.clone();
    shop.store().write_blocking(move |tx| {
        let Some(mut export) = table::get(tx, id)?.filter(|export| export.status == JobStatus::Processing) else {
            return Ok(());
        };
        export.total_records = size.records();
        export.to_look_at = Some(size.to_look_at());
        export.reached = reached;
        table::put(tx, &export)
    })
}

pub fn percent(looked: u64, to_look_at: u64) -> u8 {
    u8::try_from((looked.min(to_look_at) * 100).checked_div(to_look_at).unwrap_or(100)).unwrap_or(100)
}

/// Puts an export in line, in the transaction of its caller.
///
/// # Errors
/// A database that cannot be written.
pub fn begin(tx: &WriteTx, export: &Export) -> Result<(), Fault> {
    table::put(tx, export)?;
    let job = queue::NewJob::new(&EXPORT_RUN, json!({"export_id": export.id}), export.created_at).about(export.id);
    queue::enqueue(tx, queue::NewJob { id: export.job_id, ..job }).map(drop)
}

/// Deletes every file that may name a customer or what they made, those that are being made too, and says how many. The audit log names none.
///
/// # Errors
/// A database that cannot be written.
pub fn forget_people(tx: &WriteTx, shop: &Shop, now: Moment) -> Result<usize, Fault> {
    let mut count = 0;
    for export in table::list(tx, None, usize::MAX)?.iter().filter(|export| export.wish.kind != Kind::Audit) {
        queue::cancel(tx, export.job_id, now)?;
        table::remove(tx, export.id)?;
        let path = path(shop, export.id);
        tx.after_commit(move || _ = std::fs::remove_file(path));
        count += 1;
    }
    Ok(count)
}

/// Forgets files that were kept long enough, and removes what lies in the folder without a row.
///
/// # Errors
/// A database that cannot be read or written, a folder that cannot be read.
pub async fn sweep(shop: &Shop) -> Result<(), Fault> {
    let before = shop.now().plus_days(-KEPT_DAYS);
    while !shop.store().write(move |tx| table::forget(tx, before, 100)).await?.is_empty() {}
    let shop = shop.clone();
    tokio::task::spawn_blocking(move || remove_unknown(&shop)).await.map_err(|error| Fault::bug(error.to_string()))?
}

fn remove_unknown(shop: &Shop) -> Result<(), Fault> {
    let folder = folder(shop);
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let id: Option<ExportId> = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let Some(id) = id else { continue };
        if table::get(&shop.store().read()?, id)?.is_none() {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// How the state of an export is at this moment: the row, and what its job has written since.
pub fn present(shop: &Shop, mut export: Export) -> Export {
    if export.status == JobStatus::Processing
        && let Some(far) = shop.kept(Live::default).get(export.id)
    {
        export.reached.records = export.reached.records.max(far.records);
        export.reached.looked = export.reached.looked.max(far.looked);
    }
    export
}

/// Whether a file that was made is there no more: too old, or left behind by a backup that was restored.
pub fn is_gone(shop: &Shop, export: &Export, now: Moment) -> bool {
    export.status == JobStatus::Completed && (now >= export.expires_at() || !path(shop, export.id).is_file())
}
