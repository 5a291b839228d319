//! `Shop`: configuration, clock, store, files, queue, payments and settings in one cheap clone that is passed in, never global.
//!
//! May touch: kernel, config and the machines. Begin with [`Shop::open`].

pub mod clock;
pub mod metrics;
pub mod settings;

use crate::config::Config;
use crate::kernel::{Fault, Moment};
use crate::queue::Queue;
use crate::store::{Blobs, Store, Table, WriteTx, backup};
use crate::stripe::Stripe;
use clock::Clock;
use metrics::Metrics;
use settings::Settings;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use uuid::Uuid;

/// One row: the key that signs session cookies and links in mails.
static KEYS: Table<String, String> = Table::new("keys", 1);

/// The name of the database in the data folder.
pub const DATABASE: &str = "petstar.redb";

/// Everything a room needs from the machines. Clones share one shop.
#[derive(Clone)]
pub struct Shop(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Clock,
    store: Store,
    blobs: Blobs,
    cookie_key: [u8; 32],
    settings: RwLock<Arc<Settings>>,
    metrics: Metrics,
    /// The program that decodes photos in a child process: this binary.
    program: PathBuf,
    started: OnceLock<Started>,
    kept: RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

/// What is known only once the shop listens and its workers run.
#[derive(Clone)]
pub struct Started {
    /// Without a trailing slash.
    pub public_url: String,
    pub queue: Queue,
    pub stripe: Stripe,
    pub webhook_secrets: Vec<String>,
    /// Where the pages are on which customers pay, as a policy's `form-action` names it: scheme, host and port.
    pub checkout_origin: String,
    pub is_sandbox: bool,
}

impl Shop {
    /// Opens the data folder, creating it when it is new.
    ///
    /// # Errors
    /// A folder or database that cannot be opened.
    pub fn open(config: Config, clock: Clock, program: PathBuf) -> Result<Shop, Fault> {
        let dir = config.data_dir.clone();
        // The database holds addresses and keys: nobody else on the machine looks inside the folder.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        backup::refuse_half_restored(&dir)?;
        let store = Store::open(&dir.join(DATABASE)).map_err(|fault| match fault {
            Fault::Busy => Fault::operator(format!(
                "Another petstar is using the folder {}. Stop it first, or wait until its command is done.",
                dir.display()
            )),
            fault => fault,
        })?;
        let blobs = Blobs::open(dir.join("blobs"))?;
        Shop::assemble(config, clock, program, store, blobs)
    }

    /// Puts a shop together over machines that are open already.
    ///
    /// # Errors
    /// A database that cannot be read or written.
    pub fn assemble(config: Config, clock: Clock, program: PathBuf, store: Store, blobs: Blobs) -> Result<Shop, Fault> {
        let cookie_key = key(&store, "cookies")?;
        let settings = settings::load(&store.read()?)?;
        Ok(Shop(Arc::new(Inner {
            config,
            clock,
            store,
            blobs,
            cookie_key,
            settings: RwLock::new(Arc::new(settings)),
            metrics: Metrics::default(),
            program,
            started: OnceLock::new(),
            kept: RwLock::default(),
        })))
    }

    /// Tells the shop what came into being while it started. Called once.
    pub fn set_started(&self, started: Started) {
        if self.0.started.set(started).is_err() {
            tracing::error!("the shop was started twice");
        }
    }

    fn started(&self) -> &Started {
        self.0.started.get().expect("the shop is asked for its queue or payments only after its start")
    }

    /// The shop listens and its workers run; false for a command on its folder.
    pub fn is_started(&self) -> bool {
        self.0.started.get().is_some()
    }

    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub fn now(&self) -> Moment {
        self.0.clock.now()
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// A new id, UUID version 7: sorts by birth.
    pub fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    pub fn queue(&self) -> &Queue {
        &self.started().queue
    }

    pub fn stripe(&self) -> &Stripe {
        &self.started().stripe
    }

    pub fn webhook_secrets(&self) -> &[String] {
        &self.started().webhook_secrets
    }

    /// What a room keeps in memory beside the shop (caches, limits): one `T` a shop, made on first use. `make` must not ask for
    /// another kept thing.
    pub fn kept<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let id = TypeId::of::<T>();
        let found = self.0.kept.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let any = found.unwrap_or_else(|| {
            let mut kept = self.0.kept.write().unwrap_or_else(PoisonError::into_inner);
            kept.entry(id).or_insert_with(|| Arc::new(make())).clone()
        });
        any.downcast().expect("kept under its own type")
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub fn program(&self) -> &Path {
        &self.0.program
    }

    pub fn data_dir(&self) -> &Path {
        &self.0.config.data_dir
    }

    pub fn cookie_key(&self) -> &[u8; 32] {
        &self.0.cookie_key
    }

    /// The address customers use, without a trailing slash.
    pub fn public_url(&self) -> String {
        match self.0.started.get() {
            Some(started) => started.public_url.clone(),
            None => {
                let server = &self.0.config.server;
                server.public_url.clone().unwrap_or_else(|| format!("http://{}", server.listen))
            }
        }
    }

    pub fn is_https(&self) -> bool {
        self.0.config.server.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }

    /// True while payments are play money.
    pub fn is_sandbox(&self) -> bool {
        self.0.config.stripe.keys.is_none()
    }

    pub fn checkout_origin(&self) -> String {
        self.0.started.get().map(|started| started.checkout_origin.clone()).unwrap_or_default()
    }

    /// The business settings as they are now.
    pub fn settings(&self) -> Arc<Settings> {
        self.0.settings.read().map(|settings| settings.clone()).unwrap_or_default()
    }

    /// Stores new settings; they count from the commit on.
    ///
    /// # Errors
    /// A database that cannot be written.
    pub fn put_settings(&self, tx: &WriteTx, settings: &Settings) -> Result<(), Fault> {
        settings::store(tx, settings)?;
        let (shop, settings) = (self.clone(), Arc::new(settings.clone()));
        tx.after_commit(move || {
            if let Ok(mut current) = shop.0.settings.write() {
                *current = settings;
            }
        });
        Ok(())
    }

    /// Settings as stored in the snapshot of a write, to change without losing somebody else's change.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn stored_settings(&self, tx: &WriteTx) -> Result<Settings, Fault> {
        settings::load(tx)
    }
}

/// Random bytes from the operating system.
///
/// # Errors
/// A system that has none to give.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Io(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

/// The key called `name`, made on first use.
fn key(store: &Store, name: &str) -> Result<[u8; 32], Fault> {
    let name = name.to_owned();
    let fresh = hex::encode(random_bytes::<32>()?);
    let text = store.write_blocking(move |tx| match KEYS.get(tx, &name)? {
        Some(text) => Ok(text),
        None => {
            KEYS.put(tx, &name, &fresh)?;
            Ok::<_, Fault>(fresh.clone())
        }
    })?;
    let bytes = hex::decode(&text).map_err(|_| Fault::Corrupt("the key of the cookies".into()))?;
    bytes.try_into().map_err(|_| Fault::Corrupt("the key of the cookies".into()))
}
