//! A backup: one tar file with every table as it stood in one snapshot, the files those rows name, a manifest, and a seal over all of it.
//!
//! Its parts, in this order: `petstar-backup.json` ([`About`]); `tables/<name>/<part>.gz`, rows as length of the key and length of
//! the value (both u32, little-endian), key, value; `files/<sha256>`, stored as they are, for pictures are compressed already;
//! `folder/<name>`, other things of the data folder; `manifest.json` ([`Manifest`]); `seal`. Any program that reads tar can look inside.
//!
//! Begin with [`write()`] and [`Backup::open`].

mod read;
mod restore;
#[cfg(test)]
mod tests;
mod write;

pub use read::Backup;
pub use restore::{refuse_half_restored, refuse_target};
pub use write::{Sources, write};

use super::blobs::Digest;
use crate::kernel::Moment;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read, Write};

/// The layout of a backup. Raised when an older petstar could not read it any more.
pub const FORMAT: u32 = 1;

const ABOUT: &str = "petstar-backup.json";
const MANIFEST: &str = "manifest.json";
const SEAL: &str = "seal";
/// The last part with its header, and the two empty blocks that end a tar file.
const SEAL_BYTES: u64 = 2048;

/// What a backup says of itself before anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub backup_format: u32,
    pub database_format: u32,
    /// The petstar that made it.
    pub version: String,
    pub shop_name: String,
    pub made_at: Moment,
}

/// What a backup holds, for counting again after a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub tables: Vec<TablePart>,
    /// Files named by their hash.
    pub files: u64,
    pub file_bytes: u64,
    /// Files that rows name but that were gone or damaged when the backup was made, in words.
    #[serde(default)]
    pub missing: Vec<String>,
    pub folder: Vec<FolderPart>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePart {
    pub name: String,
    pub rows: u64,
    /// Before compression.
    pub bytes: u64,
    /// Of the rows as they are written, before compression.
    pub sha256: Digest,
}

/// A file of the data folder that is not named by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderPart {
    pub name: String,
    pub bytes: u64,
    pub sha256: Digest,
}

impl Manifest {
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    pub fn table_bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }
}

/// Hashes and counts what passes through.
struct Tally<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Tally<T> {
    fn new(inner: T) -> Tally<T> {
        Tally { inner, hash: Sha256::new(), bytes: 0 }
    }

    fn digest(&self) -> Digest {
        Digest(self.hash.clone().finalize().into())
    }
}

impl<W: Write> Write for Tally<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(piece)?;
        self.hash.update(&piece[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Tally<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Adds a part to a tar file. The same parts make the same bytes.
fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    name: &str,
    bytes: u64,
    at: Moment,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(at.unix_seconds()).unwrap_or(0));
    tar.append_data(&mut header, name, content)
}

/// The last part: the hash of everything before it.
fn append_seal<W: Write>(tar: &mut tar::Builder<W>, all: Digest) -> io::Result<()> {
    let text = format!("{all}\n");
    append(tar, SEAL, text.len() as u64, Moment(0), text.as_bytes())
}
