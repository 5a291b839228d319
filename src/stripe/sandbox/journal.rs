//! What the sandbox remembers, and the file that keeps it through restarts: one JSON entry a line, appended before an answer goes out,
//! replayed at the start and then written anew without what has become old.

use super::shape::token;
use crate::kernel::{Fault, Moment};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Stripe lists events for 30 days and keeps idempotency keys for at least one.
const EVENTS_KEPT_S: i64 = 30 * 86_400;
const KEYS_KEPT_S: i64 = 86_400;
/// A journal longer than this is written anew while running.
const REWRITE_BYTES: u64 = 16 << 20;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Item {
    pub name: String,
    pub description: Option<String>,
    pub quantity: i64,
    pub unit_amount: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SessionRow {
    pub id: String,
    pub seq: u64,
    /// Unix seconds, like all times here.
    pub created: i64,
    pub expires_at: i64,
    pub status: String,
    pub payment_status: String,
    pub amount_total: i64,
    /// Lower case.
    pub currency: String,
    pub items: Vec<Item>,
    pub client_reference_id: Option<String>,
    pub customer_email: Option<String>,
    pub locale: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub intent_metadata: BTreeMap<String, String>,
    pub intent_description: Option<String>,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub intent: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct VoucherRow {
    pub expires_at: i64,
    /// What the customer types in at the store.
    pub number: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct IntentRow {
    pub id: String,
    pub seq: u64,
    pub created: i64,
    pub session: String,
    pub amount: i64,
    pub amount_received: i64,
    pub currency: String,
    pub status: String,
    pub metadata: BTreeMap<String, String>,
    pub description: Option<String>,
    pub last_error: Option<String>,
    pub charge: Option<String>,
    pub voucher: Option<VoucherRow>,
    pub canceled_at: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ChargeRow {
    pub id: String,
    pub created: i64,
    pub intent: String,
    pub email: Option<String>,
    pub amount: i64,
    pub amount_refunded: i64,
    pub currency: String,
    pub paid: bool,
    pub konbini: bool,
    /// The money has been booked: a little after the payment.
    pub booked: bool,
    #[serde(default)]
    pub disputed: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DisputeRow {
    pub id: String,
    pub seq: u64,
    pub created: i64,
    pub intent: String,
    pub charge: String,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub due_by: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RefundRow {
    pub id: String,
    pub seq: u64,
    pub created: i64,
    pub intent: String,
    pub charge: String,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub reason: Option<String>,
    pub failure_reason: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// When a waiting refund arrives by itself.
    pub due: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EventRow {
    pub id: String,
    pub kind: String,
    pub created: i64,
    pub body: Value,
    #[serde(default)]
    pub delivery: Delivery,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Delivery {
    pub settled: bool,
    pub attempts: u32,
    pub next_at: Moment,
}

/// The first answer under an idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptRow {
    pub key: String,
    pub created: i64,
    pub fingerprint: String,
    pub status: u16,
    pub body: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    Session(SessionRow),
    Intent(IntentRow),
    Charge(ChargeRow),
    Refund(RefundRow),
    Dispute(DisputeRow),
    Event(EventRow),
    Delivered { event: String, delivery: Delivery },
    Kept(KeptRow),
}

/// Everything by id. `seq` orders what was made in the same second.
#[derive(Default)]
pub(super) struct Books {
    pub sessions: BTreeMap<String, SessionRow>,
    pub intents: BTreeMap<String, IntentRow>,
    pub charges: BTreeMap<String, ChargeRow>,
    pub refunds: BTreeMap<String, RefundRow>,
    pub disputes: BTreeMap<String, DisputeRow>,
    /// In the order they happened.
    pub events: Vec<EventRow>,
    pub kept: HashMap<String, KeptRow>,
    next_seq: u64,
}

impl Books {
    pub fn next_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }

    fn apply(&mut self, entry: Entry) {
        let seq = match &entry {
            Entry::Session(row) => row.seq,
            Entry::Intent(row) => row.seq,
            Entry::Refund(row) => row.seq,
            Entry::Dispute(row) => row.seq,
            _ => 0,
        };
        self.next_seq = self.next_seq.max(seq);
        match entry {
            Entry::Session(row) => drop(self.sessions.insert(row.id.clone(), row)),
            Entry::Intent(row) => drop(self.intents.insert(row.id.clone(), row)),
            Entry::Charge(row) => drop(self.charges.insert(row.id.clone(), row)),
            Entry::Refund(row) => drop(self.refunds.insert(row.id.clone(), row)),
            Entry::Dispute(row) => drop(self.disputes.insert(row.id.clone(), row)),
            Entry::Kept(row) => drop(self.kept.insert(row.key.clone(), row)),
            Entry::Event(row) => self.events.push(row),
            Entry::Delivered { event, delivery } => {
                if let Some(row) = self.events.iter_mut().rev().find(|row| row.id == event) {
                    row.delivery = delivery;
                }
            }
        }
    }

    fn forget_old(&mut self, now: Moment) {
        let now = now.unix_seconds();
        self.events.retain(|event| now - event.created <= EVENTS_KEPT_S);
        self.kept.retain(|_, kept| now - kept.created <= KEYS_KEPT_S);
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let sessions = self.sessions.values().cloned().map(Entry::Session);
        let intents = self.intents.values().cloned().map(Entry::Intent);
        let charges = self.charges.values().cloned().map(Entry::Charge);
        let refunds = self.refunds.values().cloned().map(Entry::Refund);
        let disputes = self.disputes.values().cloned().map(Entry::Dispute);
        let events = self.events.iter().cloned().map(Entry::Event);
        let kept = self.kept.values().cloned().map(Entry::Kept);
        sessions.chain(intents).chain(charges).chain(refunds).chain(disputes).chain(events).chain(kept)
    }
}

/// The books and the open file behind them.
pub(super) struct Journal {
    pub books: Books,
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Changes made to the books and not yet in the file.
    waiting: Vec<u8>,
    /// A failed write leaves the books ahead of the file; then nothing is answered any more.
    broken: Option<Fault>,
}

impl Journal {
    pub fn open(path: &Path, now: Moment) -> Result<Journal, Fault> {
        let mut books = Books::default();
        if path.exists() {
            for line in BufReader::new(File::open(path)?).split(b'\n') {
                // The last line may have been torn by a crash: it was never answered.
                let Ok(entry) = serde_json::from_slice::<Entry>(&line?) else { break };
                books.apply(entry);
            }
        }
        books.forget_old(now);
        let (file, bytes) = rewrite(path, &books)?;
        Ok(Journal { books, path: path.to_owned(), file, bytes, waiting: Vec::new(), broken: None })
    }

    /// Changes the books at once; the file with the next [`Journal::commit`].
    pub fn put(&mut self, entry: Entry) {
        // A row of numbers, texts and maps with text keys always serialises.
        if serde_json::to_writer(&mut self.waiting, &entry).is_ok() {
            self.waiting.push(b'\n');
        }
        self.books.apply(entry);
    }

    /// Returns once all changes are on disk.
    pub fn commit(&mut self, now: Moment) -> Result<(), Fault> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.waiting).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            let fault = Fault::from(error);
            self.broken = Some(fault.clone());
            return Err(fault);
        }
        self.bytes += self.waiting.len() as u64;
        self.waiting.clear();
        if self.bytes > REWRITE_BYTES {
            self.books.forget_old(now);
            (self.file, self.bytes) = rewrite(&self.path, &self.books)?;
            // What does not get smaller is not written anew with every change.
            self.bytes = self.bytes.min(REWRITE_BYTES / 2);
        }
        Ok(())
    }
}

/// Writes the whole state under a temporary name, then under its own.
#[allow(
    clippy::disallowed_methods,
    reason = "the sandbox stands left of the store and keeps its own file, with the same care"
)]
fn rewrite(path: &Path, books: &Books) -> Result<(File, u64), Fault> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", token(6)?));
    let temporary = path.with_file_name(name);
    let mut text = Vec::new();
    for entry in books.entries() {
        serde_json::to_writer(&mut text, &entry)?;
        text.push(b'\n');
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(&text)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    file.seek(SeekFrom::End(0))?;
    Ok((file, text.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, created: i64) -> Entry {
        Entry::Event(EventRow {
            id: id.into(),
            kind: "x".into(),
            created,
            body: Value::Null,
            delivery: Delivery::default(),
        })
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_old_events_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.jsonl");
        let now = Moment::from_unix_seconds(100 * 86_400);
        let mut journal = Journal::open(&path, now).unwrap();
        journal.put(event("evt_old", 0));
        journal.put(event("evt_new", now.unix_seconds()));
        journal.put(Entry::Delivered {
            event: "evt_new".into(),
            delivery: Delivery { settled: true, ..Delivery::default() },
        });
        journal.commit(now).unwrap();
        journal.file.write_all(br#"{"event":{"id":"evt_torn","ki"#).unwrap();
        drop(journal);
        let again = Journal::open(&path, now).unwrap();
        let ids: Vec<_> = again.books.events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, ["evt_new"]);
        assert!(again.books.events[0].delivery.settled);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
