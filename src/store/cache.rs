//! Files that can be made again at any time. Bounded: the least recently used go first. Nothing here is synced, and its loss costs
//! only time.

use super::files::make_folder;
use crate::kernel::Fault;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;
use uuid::Uuid;

/// A folder of files under names of their own choice (`a-z`, `0-9`, `-`, `.`), at most so many bytes.
pub struct Cache {
    folder: PathBuf,
    max_bytes: u64,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_name: HashMap<String, Entry>,
    bytes: u64,
    /// Counts uses; the smallest is the oldest.
    clock: u64,
}

struct Entry {
    bytes: u64,
    used: u64,
}

impl Cache {
    /// Opens `folder`, or makes it; what it already holds counts as used when it was written.
    ///
    /// # Errors
    /// A folder that cannot be made or listed.
    pub fn open(folder: &Path, max_bytes: u64) -> Result<Cache, Fault> {
        make_folder(folder)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let facts = entry.metadata()?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !facts.is_file() {
                continue;
            }
            if !is_name(&name) {
                // A temporary file of a process that was stopped.
                let _ = fs::remove_file(entry.path());
                continue;
            }
            let written = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            found.push((written.unwrap_or_default(), name, facts.len()));
        }
        found.sort();
        let mut entries = Entries::default();
        for (_, name, bytes) in found {
            entries.note(&name, bytes);
        }
        Ok(Cache { folder: folder.to_owned(), max_bytes, entries: Mutex::new(entries) })
    }

    /// The bytes under `name`, if they are still there.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        {
            let mut entries = self.entries();
            entries.clock += 1;
            let clock = entries.clock;
            entries.by_name.get_mut(name)?.used = clock;
        }
        match fs::read(self.folder.join(name)) {
            Ok(bytes) => Some(bytes),
            Err(_) => {
                self.entries().forget(name);
                None
            }
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.entries().by_name.contains_key(name)
    }

    /// Removes what is kept under `name`, if anything is.
    pub fn remove(&self, name: &str) {
        self.entries().forget(name);
        if is_name(name) {
            let _ = fs::remove_file(self.folder.join(name));
        }
    }

    /// Keeps `bytes` under `name`, making room for them.
    ///
    /// # Errors
    /// A name of other characters, or a disk that takes no more.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        if !is_name(name) {
            return Err(Fault::bug(format!("`{name}` is no name for a cached file")));
        }
        let temporary = self.folder.join(format!("_{}", Uuid::now_v7().simple()));
        #[expect(clippy::disallowed_methods, reason = "a cache file that is lost or torn is made again")]
        let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, self.folder.join(name)));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(error.into());
        }
        let mut entries = self.entries();
        entries.forget(name);
        entries.note(name, bytes.len() as u64);
        if entries.bytes > self.max_bytes {
            let mut oldest: Vec<_> = entries.by_name.iter().map(|(name, entry)| (entry.used, name.clone())).collect();
            oldest.sort();
            // Down to nine tenths, so that not every put has to sort.
            for (_, old) in oldest {
                if entries.bytes <= self.max_bytes / 10 * 9 || old == name {
                    break;
                }
                entries.forget(&old);
                let _ = fs::remove_file(self.folder.join(&old));
            }
        }
        Ok(())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn note(&mut self, name: &str, bytes: u64) {
        self.clock += 1;
        self.bytes += bytes;
        self.by_name.insert(name.to_owned(), Entry { bytes, used: self.clock });
    }

    fn forget(&mut self, name: &str) {
        if let Some(entry) = self.by_name.remove(name) {
            self.bytes -= entry.bytes;
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.len() <= 200
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 100).unwrap();
        for name in ["a", "b", "c"] {
            cache.put(name, &[0; 30]).unwrap();
        }
        assert!(cache.get("a").is_some());
        cache.put("d", &[0; 30]).unwrap();
        assert_eq!(["a", "b", "c", "d"].map(|name| cache.has(name)), [true, false, true, true]);
        drop(cache);
        let cache = Cache::open(folder.path(), 100).unwrap();
        assert_eq!(cache.get("d").map(|bytes| bytes.len()), Some(30));
        std::fs::remove_file(folder.path().join("d")).unwrap();
        assert_eq!(cache.get("d"), None, "a file that was taken away is no error");
        assert!(cache.put("../x", b"x").is_err());
    }
}
