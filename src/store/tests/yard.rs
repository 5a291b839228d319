//! A file system that loses its power: what was not synced may be there, half there or gone. Names and contents are synced apart, as on
//! real ones.

use super::Dice;
use super::power_supply::Power;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR: usize = 512;

/// A folder on such a file system. What a reader sees lies in a real folder; beside it is written down what would be left.
#[derive(Clone)]
pub(crate) struct Yard {
    root: PathBuf,
    power: Power,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: Vec<Content>,
    /// Names as a reader sees them, and as they are for certain.
    now: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    /// Changes of names since the last sync of their folder.
    pending: Vec<(PathBuf, Change)>,
    lies: bool,
}

#[derive(Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Clone)]
enum Change {
    Folder,
    Named(usize),
    Renamed(PathBuf, usize),
    Gone,
}

impl Yard {
    /// An empty yard in a real folder.
    pub(crate) fn new(root: &Path, power: &Power) -> Yard {
        let yard = Yard { root: root.to_owned(), power: power.clone(), state: Arc::default() };
        yard.state().folders.insert(root.to_owned());
        yard
    }

    /// Says that it has synced, but has not.
    pub(crate) fn lie(&self) {
        self.state().lies = true;
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn reach(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).expect("a path in the yard").to_owned()
    }

    pub(crate) fn create(&self, path: &Path) -> io::Result<usize> {
        self.power.spend()?;
        let mut state = self.state();
        let number = state.files.len();
        state.files.push(Content::default());
        state.now.insert(path.to_owned(), number);
        state.pending.push((path.to_owned(), Change::Named(number)));
        Ok(number)
    }

    pub(crate) fn write(&self, number: usize, piece: &[u8]) -> io::Result<()> {
        self.power.spend()?;
        self.state().files[number].now.extend_from_slice(piece);
        Ok(())
    }

    pub(crate) fn sync(&self, number: usize) -> io::Result<()> {
        self.power.spend()?;
        let mut state = self.state();
        if !state.lies {
            let file = &mut state.files[number];
            file.durable = file.now.clone();
        }
        Ok(())
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.power.spend()?;
        let mut state = self.state();
        let number = state.now.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.now.insert(to.to_owned(), number);
        state.pending.push((to.to_owned(), Change::Renamed(from.to_owned(), number)));
        Ok(())
    }

    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        self.power.spend()?;
        let mut state = self.state();
        if state.now.remove(path).is_some() {
            state.pending.push((path.to_owned(), Change::Gone));
        }
        Ok(())
    }

    pub(crate) fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.power.spend()?;
        let mut state = self.state();
        if !state.folders.contains(folder) {
            state.pending.push((folder.to_owned(), Change::Folder));
        }
        Ok(())
    }

    pub(crate) fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.power.spend()?;
        let mut state = self.state();
        if state.lies {
            return Ok(());
        }
        let (kept, rest) =
            std::mem::take(&mut state.pending).into_iter().partition(|(path, _)| path.parent() == Some(folder));
        state.pending = rest;
        let kept: Vec<_> = kept;
        kept.into_iter().for_each(|(path, change)| state.make_durable(path, change));
        Ok(())
    }

    /// What is found in `root`, a new folder, after the power failed here.
    pub(crate) fn after_power_cut(&self, dice: &mut Dice, root: &Path, power: &Power) -> Yard {
        let state = self.state();
        let mut left = State { durable: state.durable.clone(), folders: state.folders.clone(), ..State::default() };
        for (path, change) in &state.pending {
            if dice.coin() {
                left.make_durable(path.clone(), change.clone());
            }
        }
        let yard = Yard::new(root, power);
        let mut new = yard.state();
        for folder in &left.folders {
            // What lies in a folder that was lost is lost as well.
            if folder
                .ancestors()
                .take_while(|path| path.starts_with(&self.root))
                .all(|path| left.folders.contains(path))
            {
                let folder = root.join(self.reach(folder));
                fs::create_dir_all(&folder).expect("a folder");
                new.folders.insert(folder);
            }
        }
        for (path, number) in &left.durable {
            let path = root.join(self.reach(path));
            if !path.parent().is_some_and(|folder| new.folders.contains(folder)) {
                continue;
            }
            let content = torn(&state.files[*number], dice);
            fs::write(&path, &content).expect("a file");
            let number = new.files.len();
            new.files.push(Content { now: content.clone(), durable: content });
            new.now.insert(path.clone(), number);
            new.durable.insert(path, number);
        }
        drop(new);
        yard
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make_durable(&mut self, path: PathBuf, change: Change) {
        match change {
            Change::Folder => drop(self.folders.insert(path)),
            Change::Named(number) => drop(self.durable.insert(path, number)),
            Change::Renamed(from, number) => {
                self.durable.remove(&from);
                self.durable.insert(path, number);
            }
            Change::Gone => drop(self.durable.remove(&path)),
        }
    }
}

/// Of what was not synced any sectors or none, and any length between.
fn torn(content: &Content, dice: &mut Dice) -> Vec<u8> {
    if content.now == content.durable {
        return content.durable.clone();
    }
    let (low, high) = (content.durable.len().min(content.now.len()), content.durable.len().max(content.now.len()));
    let length = low + dice.below((high - low) as u64 + 1) as usize;
    let mut left = vec![0; length];
    for at in (0..length).step_by(SECTOR) {
        let end = (at + SECTOR).min(length);
        let from = if dice.coin() { &content.now } else { &content.durable };
        if let Some(bytes) = from.get(at..end) {
            left[at..end].copy_from_slice(bytes);
        }
    }
    left
}
