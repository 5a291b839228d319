//! What files stand on: each step in which one comes into being, so that tests can let the power fail between any two of them.
//!
//! In a build that is no test these are the system's own calls and nothing else.

use super::files;
use crate::kernel::Fault;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The disk under a folder of files. A clone is the same one.
#[derive(Clone, Default)]
pub(crate) struct Ground {
    /// Folders that outlive a power cut. That one is there is not enough: who made it may not have come to the sync, or may have died.
    made: Arc<Mutex<HashSet<PathBuf>>>,
    #[cfg(test)]
    yard: Option<super::tests::yard::Yard>,
}

/// A file being written.
pub(super) struct GroundFile {
    file: File,
    #[cfg(test)]
    watched: Option<(super::tests::yard::Yard, usize)>,
}

impl Ground {
    #[cfg(test)]
    pub(crate) fn simulated(yard: super::tests::yard::Yard) -> Ground {
        Ground { made: Arc::default(), yard: Some(yard) }
    }

    pub(super) fn create(&self, path: &Path, mode: u32) -> io::Result<GroundFile> {
        #[cfg(test)]
        if let Some(yard) = &self.yard {
            let number = yard.create(path)?;
            return Ok(GroundFile { file: files::create(path, mode)?, watched: Some((yard.clone(), number)) });
        }
        Ok(GroundFile {
            file: files::create(path, mode)?,
            #[cfg(test)]
            watched: None,
        })
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(test)]
        if let Some(yard) = &self.yard {
            yard.rename(from, to)?;
        }
        fs::rename(from, to)
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        if let Some(yard) = &self.yard {
            yard.remove(path)?;
        }
        fs::remove_file(path)
    }

    pub(super) fn sync_folder(&self, folder: &Path) -> Result<(), Fault> {
        #[cfg(test)]
        if let Some(yard) = &self.yard {
            return Ok(yard.sync_folder(folder)?);
        }
        files::sync_folder(folder)
    }

    /// Makes `folder` and the missing ones above it below `root`, and durable. The first time in a life of the program this is done also
    /// for those that are there.
    pub(super) fn make_folder(&self, root: &Path, folder: &Path) -> Result<(), Fault> {
        // Held over the syncs: who finds a folder made must be able to rely on it.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<&Path> =
            folder.ancestors().take_while(|path| path.starts_with(root) && !made.contains(*path)).collect();
        for folder in missing.into_iter().rev() {
            #[cfg(test)]
            if let Some(yard) = &self.yard {
                yard.make_folder(folder)?;
            }
            files::make_one_folder(folder)?;
            self.sync_folder(files::folder_of(folder))?;
            made.insert(folder.to_owned());
        }
        Ok(())
    }
}

impl GroundFile {
    pub(super) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        if let Some((yard, number)) = &self.watched {
            return yard.sync(*number);
        }
        self.file.sync_all()
    }
}

impl Write for GroundFile {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        #[cfg(test)]
        if let Some((yard, number)) = &self.watched {
            yard.write(*number, piece)?;
            self.file.write_all(piece)?;
            return Ok(piece.len());
        }
        self.file.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
