//! From a backup back to a data folder. The folder says that it is half restored until the very last step.

use super::Backup;
use super::read::Part;
use crate::kernel::{Fault, failpoint};
use crate::store::files::{create, folder_of, free_bytes, make_folder, put_in_place, sync_folder};
use crate::store::open::builder;
use crate::store::tx::definition;
use crate::store::{Blobs, Digest};
use redb::{Database, Durability};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const MARK: &str = "half-restored";
const MARK_TEXT: &[u8] =
    b"This folder is being restored from a backup. If no restore is running any more, it was cut short:\n\
delete the folder and restore again.\n";
/// What may lie in a folder that counts as empty.
const NOTHING: [&str; 2] = ["README.md", "lost+found"];

/// A folder whose restore did not come to its end is no shop.
///
/// # Errors
/// [`Fault::Operator`] with what to do.
pub fn refuse_half_restored(folder: &Path) -> Result<(), Fault> {
    if folder.join(MARK).exists() {
        return Err(Fault::operator(format!(
            "The folder {} is only half restored: the restore was cut short. Delete the folder and restore the backup again.",
            folder.display()
        )));
    }
    Ok(())
}

/// A backup is restored into an empty or a new folder only.
///
/// # Errors
/// [`Fault::Operator`] with what to do.
pub fn refuse_target(folder: &Path) -> Result<(), Fault> {
    refuse_half_restored(folder)?;
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Fault::operator(format!("The folder {} cannot be read: {error}.", folder.display()))),
    };
    for entry in entries {
        if !NOTHING.iter().any(|name| entry.as_ref().is_ok_and(|entry| entry.file_name() == *name)) {
            return Err(Fault::operator(format!(
                "The folder {} is not empty. Restore into a new one with --data, then let the shop use that.",
                folder.display()
            )));
        }
    }
    Ok(())
}

impl Backup {
    /// Makes `folder` what the backup says, with the database in `folder`/`database`.
    ///
    /// # Errors
    /// A folder that is not empty, a disk without room, a backup that is not what its manifest says.
    pub fn restore(&self, folder: &Path, database: &str) -> Result<(), Fault> {
        refuse_target(folder)?;
        make_folder(folder)?;
        self.look_for_room(folder, self.manifest.file_bytes)?;
        // A second restore into the same folder finds the mark taken.
        let mut mark = create(&folder.join(MARK), 0o600)?;
        mark.write_all(MARK_TEXT)?;
        mark.sync_all()?;
        sync_folder(folder)?;
        let restored = self.fill(folder, database);
        if restored.is_err() {
            // An error is not a crash: what was there before, nothing, can be had again.
            let _ = fs::remove_dir_all(folder.join("blobs"));
            for part in &self.manifest.folder {
                let _ = fs::remove_file(folder.join(&part.name));
            }
            let _ = fs::remove_file(new_name(folder, database));
            let _ = fs::remove_file(folder.join(MARK));
        }
        restored
    }

    fn fill(&self, folder: &Path, database: &str) -> Result<(), Fault> {
        let blobs = Blobs::open(folder.join("blobs"))?;
        let new = new_name(folder, database);
        let mut rows = Rows::create(&new)?;
        self.unpack(&mut rows, |part, content| {
            let path = match part {
                Part::File(digest) => blobs.path(&digest),
                Part::Folder(name) => folder.join(plain(name)?),
            };
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder_of(&path))?;
            io::copy(content, &mut create(&path, 0o600)?)?;
            Ok(())
        })?;
        rows.finish()?;
        failpoint::reached("restore.halfway");
        // One sync for all files instead of three for each: until the mark is gone nobody uses them.
        rustix::fs::syncfs(File::open(folder)?).map_err(io::Error::from)?;
        put_in_place(&new, &folder.join(database))?;
        failpoint::reached("restore.placed");
        fs::remove_file(folder.join(MARK))?;
        sync_folder(folder)
    }

    /// Reads everything as [`Backup::restore`] does, but keeps only the database, as the file `database`. Gives every file and its length.
    ///
    /// # Errors
    /// As [`Backup::restore`].
    pub fn rehearse(&self, database: &Path) -> Result<HashMap<Digest, u64>, Fault> {
        self.look_for_room(folder_of(database), 0)?;
        let mut files = HashMap::new();
        let mut rows = Rows::create(database)?;
        self.unpack(&mut rows, |part, content| {
            let bytes = io::copy(content, &mut io::sink())?;
            match part {
                Part::File(digest) => drop(files.insert(digest, bytes)),
                Part::Folder(name) => drop(plain(name)?),
            }
            Ok(())
        })?;
        rows.finish()?;
        Ok(files)
    }

    fn look_for_room(&self, folder: &Path, file_bytes: u64) -> Result<(), Fault> {
        // Pages are half full after rows came in order, and a commit needs some more.
        let wanted = file_bytes + 3 * self.manifest.table_bytes() + (128 << 20);
        match free_bytes(folder) {
            Some(free) if free < wanted => Err(Fault::operator(format!(
                "There is not enough room in {}: some {} MiB are needed, {} MiB are free.",
                folder.display(),
                wanted >> 20,
                free >> 20
            ))),
            _ => Ok(()),
        }
    }
}

fn new_name(folder: &Path, database: &str) -> PathBuf {
    folder.join(format!(".restored.{database}"))
}

/// A file's name without a way to somewhere else.
fn plain(name: &str) -> Result<&str, Fault> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
        return Err(Fault::operator(format!(
            "The backup holds a file with the name {name:?}, which petstar never gives."
        )));
    }
    Ok(name)
}

/// A database that is filled with rows as they come. Nothing counts before [`Rows::finish`].
pub(super) struct Rows(Database);

impl Rows {
    fn create(path: &Path) -> Result<Rows, Fault> {
        builder().create(path).map(Rows).map_err(trouble)
    }

    /// Adds the rows of one part of a table.
    pub(super) fn put(&mut self, table: &str, mut part: impl Read, mut see: impl FnMut(&[u8])) -> Result<(), Fault> {
        let mut txn = self.0.begin_write().map_err(trouble)?;
        txn.set_durability(Durability::None).map_err(trouble)?;
        {
            let mut open = txn.open_table(definition(table)).map_err(trouble)?;
            let mut row = Vec::new();
            let mut lengths = [0; 8];
            while fill_or_end(&mut part, &mut lengths)? {
                let [key, value] = [&lengths[..4], &lengths[4..]]
                    .map(|bytes| bytes.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte)));
                row.clear();
                row.write_all(&lengths)?;
                let wanted = (key + value) as u64;
                if part.by_ref().take(wanted).read_to_end(&mut row)? as u64 != wanted {
                    return Err(Fault::Corrupt("a row of the backup ends early".into()));
                }
                see(&row);
                let (key, value) = row[8..].split_at(key);
                open.insert(key, value).map_err(trouble)?;
            }
        }
        txn.commit().map_err(trouble)
    }

    fn finish(self) -> Result<(), Fault> {
        let mut txn = self.0.begin_write().map_err(trouble)?;
        txn.set_two_phase_commit(true);
        txn.set_quick_repair(true);
        txn.commit().map_err(trouble)?;
        self.0.close().map_err(trouble)
    }
}

/// False at the end; an error for an end in the middle.
fn fill_or_end(part: &mut impl Read, buffer: &mut [u8]) -> Result<bool, Fault> {
    let mut filled = 0;
    while filled < buffer.len() {
        match part.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(Fault::Corrupt("a row of the backup ends early".into())),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

fn trouble(error: impl Into<redb::Error>) -> Fault {
    match error.into() {
        redb::Error::Io(error) => error.into(),
        error => Fault::Storage(error.to_string()),
    }
}
