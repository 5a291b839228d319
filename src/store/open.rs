//! Opening and closing the database, and what all its users share.

use super::files::{folder_of, put_in_place};
use super::migration::{self, MIGRATIONS, Migration};
use super::table::Table;
use super::tx::{ReadTx, WriteTx};
use super::writer::{Inbox, Reply, run};
use crate::kernel::Fault;
use redb::{Database, DatabaseError, ReadableDatabase, StorageBackend};
use std::any::{Any, TypeId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::thread::{JoinHandle, ThreadId};
use tokio::sync::watch;
use uuid::Uuid;

/// The layout of the tables as a whole. Goes up with each migration: an older petstar could not understand the file any more.
pub const FORMAT: u32 = format_of(MIGRATIONS);

const fn format_of(migrations: &[Migration]) -> u32 {
    1 + migrations.len() as u32
}

const META: Table<String, u32> = Table::new("store.meta", 1);
const CACHE_BYTES: usize = 32 << 20;
/// Below this much free space the database takes no more writes: what is left is needed to stop in good order.
const RESERVE_BYTES: u64 = 32 << 20;

/// A file up to this size is looked through whenever it is opened, which takes a second at most; a larger one by `petstar check`.
const LOOKED_THROUGH: u64 = 256 << 20;

/// The database. A clone is another handle on the same one; it closes when the last is gone.
#[derive(Clone)]
pub struct Store {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    writer: Mutex<Option<JoinHandle<()>>>,
    writer_id: ThreadId,
}

/// What readers, the writer and the handles have in common.
pub(super) struct Shared {
    database: RwLock<Option<Arc<Database>>>,
    trouble: watch::Sender<Option<Fault>>,
    attachments: Mutex<Vec<(TypeId, Weak<dyn Any + Send + Sync>)>>,
    folder: Option<PathBuf>,
    reserve: AtomicU64,
}

impl Store {
    /// Opens the database `file`, or makes it. [`Fault::Busy`] when another process has it open.
    ///
    /// A file of an older petstar is brought up to date, after a copy of it into `backups` beside it.
    pub fn open(file: &Path) -> Result<Store, Fault> {
        Self::open_with(file, MIGRATIONS)
    }

    pub(super) fn open_with(file: &Path, migrations: &'static [Migration]) -> Result<Store, Fault> {
        let folder = folder_of(file);
        if !file.exists() {
            create(folder, file, migrations)?;
        }
        let bytes = std::fs::metadata(file)?.len();
        // A file of a damaged disk could give wrong answers for years before somebody notices.
        if bytes <= LOOKED_THROUGH && !is_in_use(file)? {
            super::integrity::look(file).map_err(|fault| {
                Fault::Storage(format!("{fault}; `petstar restore` makes a new data folder of the last backup"))
            })?;
        }
        let open = || -> Result<Store, Fault> {
            Self::start(builder().open(file).map_err(cannot_open)?, Some(folder.to_owned()))
        };
        let store = open()?;
        let format = store.format(migrations)?;
        if format == format_of(migrations) {
            return Ok(store);
        }
        store.close()?;
        let copy = migration::copy_aside(file, format_of(migrations))?;
        tracing::info!(copy = %copy.display(), "the database is brought up to date; as it was, it was copied");
        let store = open()?;
        store.upgrade(format, migrations)?;
        Ok(store)
    }

    /// Opens a database on any storage, for example a simulated disk.
    pub fn open_on(backend: impl StorageBackend) -> Result<Store, Fault> {
        let store = Self::start(builder().create_with_backend(backend).map_err(cannot_open)?, None)?;
        store.format(MIGRATIONS)?;
        Ok(store)
    }

    fn start(database: Database, folder: Option<PathBuf>) -> Result<Store, Fault> {
        let database = Arc::new(database);
        let shared = Arc::new(Shared {
            database: RwLock::new(Some(database.clone())),
            trouble: watch::Sender::new(None),
            attachments: Mutex::default(),
            folder,
            reserve: AtomicU64::new(RESERVE_BYTES),
        });
        let inbox = Arc::new(Inbox::default());
        let writer = {
            let (shared, inbox) = (shared.clone(), inbox.clone());
            std::thread::Builder::new().name("store".into()).spawn(move || run(database, &shared, &inbox))?
        };
        let writer_id = writer.thread().id();
        Ok(Store { handle: Arc::new(Handle { shared, inbox, writer: Mutex::new(Some(writer)), writer_id }) })
    }

    /// The file's format, which is written into an empty one. [`Fault::Storage`] when it is none that is known.
    fn format(&self, migrations: &[Migration]) -> Result<u32, Fault> {
        let (key, newest) = ("format".to_owned(), format_of(migrations));
        let tx = self.read()?;
        match META.get(&tx, &key)? {
            Some(format) if format > newest => Err(Fault::Storage(format!(
                "the file was written by a newer petstar (format {format}; this one knows formats up to {newest})"
            ))),
            Some(0) => Err(Fault::Storage("the file has format 0, which petstar never had".into())),
            Some(format) => Ok(format),
            None if tx.tables()?.is_empty() => {
                self.write_blocking(move |tx| META.put(tx, &key, &newest))?;
                Ok(newest)
            }
            None => Err(Fault::Storage("the file is a database, but not one of petstar's".into())),
        }
    }

    /// Brings the database from `format` to the newest in one commit: all steps count, or none.
    fn upgrade(&self, format: u32, migrations: &'static [Migration]) -> Result<(), Fault> {
        self.write_blocking(move |tx| {
            for (step, from) in migrations.iter().zip(1..).filter(|(_, from)| *from >= format) {
                tracing::info!(what = step.what, "bringing the database from format {from} to {}", from + 1);
                (step.run)(tx)?;
            }
            META.put(tx, &"format".to_owned(), &format_of(migrations))
        })
    }

    /// A snapshot of the last commit.
    pub fn read(&self) -> Result<ReadTx, Fault> {
        let shared = &self.handle.shared;
        let database = shared.database.read().unwrap_or_else(PoisonError::into_inner);
        let txn = database.as_ref().ok_or(Fault::Stopping)?.begin_read().map_err(|error| shared.fault(error))?;
        Ok(ReadTx::new(txn, shared.clone()))
    }

    /// Runs `work` on the writer's thread, and answers when its changes are on the disk. An `Err` or a panic of `work`
    /// takes back all it has changed. No waiting, network or rendering in there: everybody's writes queue behind it.
    ///
    /// [`Fault::Busy`] when thousands of writes are waiting already, [`Fault::DiskFull`] while there is no room. A
    /// caller that stops waiting does not stop the write.
    pub async fn write<T, E>(&self, work: impl FnOnce(&WriteTx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.handle.inbox.offer(work, Reply::Task(reply))?;
        answer.await.unwrap_or_else(|_| Err(Fault::Stopping.into()))
    }

    /// As [`Store::write`], for threads of our own; waits while thousands of writes are waiting already.
    pub fn write_blocking<T, E>(&self, work: impl FnOnce(&WriteTx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        if std::thread::current().id() == self.handle.writer_id {
            return Err(Fault::bug("a write was begun inside a write").into());
        }
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        self.handle.inbox.submit(work, Reply::Thread(reply))?;
        answer.recv().unwrap_or_else(|_| Err(Fault::Stopping.into()))
    }

    /// The storage error after which nothing is written any more, if there was one.
    pub fn trouble(&self) -> Option<Fault> {
        self.handle.shared.trouble.borrow().clone()
    }

    /// Takes no more writes, as after a storage error: something that all of them count on is gone, and the process has to end.
    pub fn give_up(&self, why: impl Into<String>) {
        self.handle.shared.latch(Fault::Storage(why.into()));
    }

    /// Waits for a storage error. Only opening the file again helps then: the process has to end.
    pub async fn broken(&self) -> Fault {
        let mut trouble = self.handle.shared.trouble.subscribe();
        match trouble.wait_for(Option::is_some).await {
            Ok(fault) => fault.clone().unwrap_or(Fault::Stopping),
            Err(_) => std::future::pending().await,
        }
    }

    /// Makes `thing` reachable from every write by its type ([`WriteTx::attached`]), for as long as somebody else
    /// keeps it alive. A later one of the same type takes its place.
    pub fn attach<T: Any + Send + Sync>(&self, thing: &Arc<T>) {
        let weak: Weak<dyn Any + Send + Sync> = Arc::<T>::downgrade(thing);
        let mut attachments = self.handle.shared.attachments.lock().unwrap_or_else(PoisonError::into_inner);
        attachments.retain(|(kind, _)| *kind != TypeId::of::<T>());
        attachments.push((TypeId::of::<T>(), weak));
    }

    /// Sets how many bytes must stay free on the disk for a write to be taken (32 MiB unless told).
    pub fn set_reserve(&self, bytes: u64) {
        self.handle.shared.reserve.store(bytes, Ordering::Relaxed);
    }

    /// Finishes the writes that are waiting and closes the file. Other handles answer [`Fault::Stopping`] from now on.
    pub fn close(self) -> Result<(), Fault> {
        self.handle.stop_writer();
        let database = self.handle.shared.database.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(database) = database.and_then(Arc::into_inner) else { return Ok(()) };
        // After a panic of redb's, closing panics as well.
        catch_unwind(AssertUnwindSafe(|| database.close()))
            .map_err(|_| Fault::Storage("the database panicked while it was closed".into()))?
            .map_err(|error| self.handle.shared.fault(error))
    }
}

impl Handle {
    fn stop_writer(&self) {
        self.inbox.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last handle may die inside a write, on the writer's own thread, which cannot wait for itself.
        if let Some(writer) = writer.filter(|writer| writer.thread().id() != std::thread::current().id()) {
            let _ = writer.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop_writer();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let database = self.database.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // As in `close`: who lets go of a broken store must still come to its own end.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }
}

impl Shared {
    /// What a redb error means to the program. Remembers the ones after which redb takes no more writes.
    pub(super) fn fault(&self, error: impl Into<redb::Error>) -> Fault {
        let (fault, lasting) = match error.into() {
            redb::Error::Io(error) if Fault::from(std::io::Error::from(error.kind())) == Fault::DiskFull => {
                (Fault::DiskFull, Some(Fault::Storage("the disk became full during a write".into())))
            }
            redb::Error::DatabaseClosed => (Fault::Stopping, None),
            error @ (redb::Error::Io(_)
            | redb::Error::PreviousIo
            | redb::Error::Corrupted(_)
            | redb::Error::LockPoisoned(_)) => {
                let fault = Fault::Storage(error.to_string());
                (fault.clone(), Some(fault))
            }
            error => (Fault::bug(format!("database: {error}")), None),
        };
        if let Some(lasting) = lasting {
            self.latch(lasting);
        }
        fault
    }

    pub(super) fn latch(&self, fault: Fault) {
        self.trouble.send_if_modified(|trouble| {
            let is_first = trouble.is_none();
            if is_first {
                tracing::error!(%fault, "the database takes no more writes");
                *trouble = Some(fault);
            }
            is_first
        });
    }

    pub(super) fn trouble(&self) -> Option<Fault> {
        self.trouble.borrow().clone()
    }

    /// Whether the disk has room for another commit. One `statvfs` a commit costs a thousandth of the commit.
    pub(super) fn has_room(&self) -> bool {
        let Some(folder) = &self.folder else { return true };
        super::files::free_bytes(folder).is_none_or(|free| free >= self.reserve.load(Ordering::Relaxed))
    }

    pub(super) fn attached<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let attachments = self.attachments.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, thing) = attachments.iter().find(|(kind, _)| *kind == TypeId::of::<T>())?;
        thing.upgrade()?.downcast().ok()
    }
}

pub(super) fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Whether somebody has the database open, and may be writing.
fn is_in_use(file: &Path) -> Result<bool, Fault> {
    let lock = std::fs::File::open(file)?;
    match lock.try_lock() {
        Ok(()) => Ok(false),
        Err(std::fs::TryLockError::WouldBlock) => Ok(true),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes a new database under a name of its own, and gives it the right one when it is whole: a power cut in the middle
/// would leave a file that nobody can open.
fn create(folder: &Path, file: &Path, migrations: &[Migration]) -> Result<(), Fault> {
    let temporary = folder.join(format!(".new.{}.redb", Uuid::now_v7().simple()));
    let made = builder()
        .create(&temporary)
        .map_err(cannot_open)
        .and_then(|database| {
            let store = Store::start(database, None)?;
            store.format(migrations)?;
            store.close()
        })
        .and_then(|()| put_in_place(&temporary, file));
    if made.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    made
}

fn cannot_open(error: DatabaseError) -> Fault {
    match error {
        DatabaseError::DatabaseAlreadyOpen => Fault::Busy,
        DatabaseError::Storage(redb::StorageError::Io(error))
            if Fault::from(std::io::Error::from(error.kind())) == Fault::DiskFull =>
        {
            Fault::DiskFull
        }
        error => Fault::Storage(format!("cannot open the file: {error}")),
    }
}
