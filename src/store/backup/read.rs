//! Reading a backup: nothing of it is believed before its seal has been compared.

use super::restore::Rows;
use super::{ABOUT, About, FORMAT, MANIFEST, Manifest, SEAL, SEAL_BYTES, TablePart, Tally, append_seal};
use crate::kernel::Fault;
use crate::store::{self, Digest};
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// More than any first or last part holds.
const MAX_TEXT: u64 = 256 << 20;

/// A backup that is whole: its bytes are those that were written.
#[derive(Debug)]
pub struct Backup {
    pub(super) path: PathBuf,
    pub about: About,
    pub manifest: Manifest,
}

/// A part that is not a table.
pub(super) enum Part<'a> {
    File(Digest),
    Folder(&'a str),
}

impl Backup {
    /// Reads the file once from end to end.
    ///
    /// # Errors
    /// [`Fault::Operator`], in words: not a backup, of a newer petstar, cut short, or changed since it was made.
    pub fn open(path: &Path) -> Result<Backup, Fault> {
        let shown = path.display();
        let mut file = File::open(path)
            .map_err(|error| Fault::operator(format!("The backup {shown} cannot be opened: {error}.")))?;
        let about = read_about(&file).ok_or_else(|| {
            Fault::operator(format!("{shown} is not a backup of petstar, or its beginning is damaged."))
        })?;
        if about.backup_format > FORMAT || about.database_format > store::FORMAT {
            return Err(Fault::operator(format!(
                "{shown} was made by a newer petstar ({}). Restore it with that version or a later one.",
                about.version
            )));
        }
        compare_seal(&mut file, path)?;
        let manifest = read_manifest(file).ok_or_else(|| Fault::operator(format!("{shown} holds no manifest.")))?;
        Ok(Backup { path: path.to_owned(), about, manifest })
    }

    /// Writes the rows to `rows`, hands everything else to `take`, and compares all of it with the manifest.
    pub(super) fn unpack(
        &self,
        rows: &mut Rows,
        mut take: impl FnMut(Part<'_>, &mut dyn Read) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let differs =
            |what: &str| Fault::operator(format!("{}: {what} is not what the manifest says.", self.path.display()));
        let mut tables: Vec<(TablePart, Sha256)> = Vec::new();
        let (mut files, mut file_bytes, mut folder) = (0, 0, 0);
        let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 16, File::open(&self.path)?));
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if let Some(rest) = name.strip_prefix("tables/") {
                let table = rest.rsplit_once('/').map_or(rest, |(table, _)| table);
                if tables.last().is_none_or(|(last, _)| last.name != table) {
                    let part = TablePart { name: table.to_owned(), rows: 0, bytes: 0, sha256: Digest([0; 32]) };
                    tables.push((part, Sha256::new()));
                }
                let Some((part, hash)) = tables.last_mut() else { continue };
                rows.put(table, GzDecoder::new(&mut entry), |row| {
                    hash.update(row);
                    part.rows += 1;
                    part.bytes += row.len() as u64;
                })?;
            } else if let Some(hex) = name.strip_prefix("files/") {
                let digest: Digest = hex.parse().map_err(|_| differs(&name))?;
                let mut content = Tally::new(&mut entry);
                take(Part::File(digest), &mut content)?;
                if content.digest() != digest {
                    return Err(differs(&name));
                }
                files += 1;
                file_bytes += content.bytes;
            } else if let Some(short) = name.strip_prefix("folder/") {
                let wanted = self.manifest.folder.iter().find(|part| part.name == short);
                let mut content = Tally::new(&mut entry);
                // Only known names: a backup must not write wherever it likes.
                take(Part::Folder(short), &mut content)?;
                if wanted.is_none_or(|part| part.sha256 != content.digest() || part.bytes != content.bytes) {
                    return Err(differs(&name));
                }
                folder += 1;
            } else if ![ABOUT, MANIFEST, SEAL].contains(&name.as_str()) {
                return Err(differs(&name));
            }
        }
        let tables: Vec<TablePart> = tables
            .into_iter()
            .map(|(part, hash)| TablePart { sha256: Digest(hash.finalize().into()), ..part })
            .collect();
        if tables != self.manifest.tables {
            return Err(differs("a table"));
        }
        if (files, file_bytes, folder) != (self.manifest.files, self.manifest.file_bytes, self.manifest.folder.len()) {
            return Err(differs("the number of files"));
        }
        Ok(())
    }
}

fn read_about(file: &File) -> Option<About> {
    let mut archive = tar::Archive::new(file);
    let entry = archive.entries().ok()?.next()?.ok()?;
    if &*entry.path_bytes() != ABOUT.as_bytes() {
        return None;
    }
    serde_json::from_reader(entry.take(MAX_TEXT)).ok()
}

fn read_manifest(mut file: File) -> Option<Manifest> {
    file.seek(SeekFrom::Start(0)).ok()?;
    let mut archive = tar::Archive::new(file);
    let mut entries = archive.entries_with_seek().ok()?;
    let entry = entries.find_map(|entry| entry.ok().filter(|entry| &*entry.path_bytes() == MANIFEST.as_bytes()))?;
    serde_json::from_reader(BufReader::new(entry.take(MAX_TEXT))).ok()
}

/// The end of the file must be, to the byte, the seal of everything before it.
fn compare_seal(file: &mut File, path: &Path) -> Result<(), Fault> {
    let shown = path.display();
    let cut =
        || Fault::operator(format!("{shown} is cut short: its end is missing. Copy it again, or take another backup."));
    let length = file.metadata()?.len();
    let body = length.checked_sub(SEAL_BYTES).ok_or_else(cut)?;
    file.seek(SeekFrom::Start(0))?;
    let mut content = Tally::new(&mut *file);
    io::copy(&mut content.by_ref().take(body), &mut io::sink())?;
    let all = content.digest();
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let mut wanted = tar::Builder::new(Vec::new());
    append_seal(&mut wanted, all)?;
    let wanted = wanted.into_inner()?;
    if end == wanted {
        Ok(())
    } else if end.starts_with(b"seal\0") {
        Err(Fault::operator(format!(
            "{shown} was damaged after it was made: its bytes do not fit its seal. Take another backup."
        )))
    } else {
        Err(cut())
    }
}
