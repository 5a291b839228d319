//! A disk in memory that counts, fills up, and loses its power.

use super::Dice;
use super::power_supply::Power;
use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR: usize = 512;

/// A disk. A clone is another cable to the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>, Power);

#[derive(Debug, Default)]
struct State {
    /// What a reader sees.
    now: Vec<u8>,
    /// What a power cut leaves for certain.
    durable: Vec<u8>,
    /// What was done since the last sync.
    pending: Vec<Change>,
    syncs: u64,
    is_full: bool,
    cannot_read: bool,
    panics: bool,
    /// Says that it has synced, but has not.
    lies: bool,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Disk {
    /// The same content on a machine of its own.
    pub(crate) fn copy(&self, power: &Power) -> Disk {
        let now = self.state().now.clone();
        Disk(Arc::new(Mutex::new(State { durable: now.clone(), now, ..State::default() })), power.clone())
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    pub(crate) fn fail_after(&self, changes: u64) {
        self.1.fail_after(changes);
    }

    pub(crate) fn fill_up(&self) {
        self.state().is_full = true;
    }

    pub(crate) fn free_up(&self) {
        self.state().is_full = false;
    }

    pub(crate) fn refuse_reads(&self) {
        self.state().cannot_read = true;
    }

    pub(crate) fn panic_when_used(&self) {
        self.state().panics = true;
    }

    pub(crate) fn lie(&self) {
        self.state().lies = true;
    }

    /// What is on the platters after the power failed: of every sector written since the last sync, any or none of the
    /// versions, in any combination with those of the others.
    pub(crate) fn after_power_cut(&self, dice: &mut Dice) -> Disk {
        self.after_power_cut_on(dice, &Power::default())
    }

    /// As [`Disk::after_power_cut`], on another supply.
    pub(crate) fn after_power_cut_on(&self, dice: &mut Dice, power: &Power) -> Disk {
        let state = self.state();
        let mut image = state.durable.clone();
        for change in &state.pending {
            match change {
                Change::Length(length) if dice.coin() => image.resize(*length, 0),
                Change::Length(_) => {}
                Change::Write(offset, data) => {
                    let mut at = *offset;
                    let end = offset + data.len();
                    while at < end {
                        let next = ((at / SECTOR + 1) * SECTOR).min(end);
                        if dice.coin() {
                            if image.len() < next {
                                image.resize(next, 0);
                            }
                            image[at..next].copy_from_slice(&data[at - offset..next - offset]);
                        }
                        at = next;
                    }
                }
            }
        }
        Disk(Arc::new(Mutex::new(State { now: image.clone(), durable: image, ..State::default() })), power.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// resume_unwind keeps the panic out of the test's output.
    fn meet_panic(&self) {
        if self.panics {
            std::panic::resume_unwind(Box::new("the backend panics"));
        }
    }

    fn apply(image: &mut Vec<u8>, change: &Change) {
        match change {
            Change::Length(length) => image.resize(*length, 0),
            Change::Write(offset, data) => image[*offset..offset + data.len()].copy_from_slice(data),
        }
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        self.meet_panic();
        if self.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Self::apply(&mut self.now, &change);
        self.pending.push(change);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        state.meet_panic();
        self.1.read()?;
        if state.cannot_read {
            return Err(io::Error::other("the disk does not answer"));
        }
        let at = offset as usize;
        let found = state.now.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.1.spend()?;
        self.state().change(Change::Length(length as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.spend()?;
        let mut state = self.state();
        state.syncs += 1;
        if !state.lies {
            let pending = std::mem::take(&mut state.pending);
            pending.iter().for_each(|change| State::apply(&mut state.durable, change));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.1.spend()?;
        self.state().change(Change::Write(offset as usize, data.to_vec()))
    }
}
