//! Making a backup: everything passes through once, whatever the size of the shop.

use super::{About, FolderPart, MANIFEST, Manifest, TablePart, Tally, append, append_seal};
use crate::kernel::{Fault, failpoint};
use crate::store::{BlobRef, Blobs, Digest, ReadTx};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Rows of one part of a table, before compression.
const PART_BYTES: usize = 4 << 20;

/// What goes into a backup.
pub struct Sources<'a> {
    pub about: About,
    pub tx: &'a ReadTx,
    /// Held ([`Blobs::hold`]) since before the snapshot.
    pub blobs: &'a Blobs,
    /// Every file the snapshot's rows name, with what it is; the same one may come again.
    pub files: Vec<(String, BlobRef)>,
    /// Other files of the data folder. One that is not there is left out.
    pub folder: Vec<(&'static str, PathBuf)>,
}

/// Writes a backup to `out`, which is flushed but not synced.
///
/// # Errors
/// A database that cannot be read, or an `out` that cannot be written. Files that are missing or damaged are no error: they are left out and
/// named in the manifest.
pub fn write<W: Write>(sources: Sources<'_>, out: W) -> Result<Manifest, Fault> {
    let at = sources.about.made_at;
    let mut tar = tar::Builder::new(Tally::new(out));
    let about = serde_json::to_vec_pretty(&sources.about)?;
    append(&mut tar, super::ABOUT, about.len() as u64, at, &about[..])?;
    let mut manifest = Manifest::default();
    for name in sources.tx.tables()? {
        manifest.tables.push(write_table(&mut tar, &sources, name)?);
    }
    failpoint::reached("backup.halfway");
    let mut seen = HashSet::new();
    for (what, blob) in &sources.files {
        if !seen.insert(blob.sha256) {
            continue;
        }
        // Read twice, the second time from memory: the header goes first, so a damaged file must be known before.
        if sources.blobs.verify(blob).is_err() {
            manifest.missing.push(format!("{what}, {}", blob.sha256));
            continue;
        }
        let mut content = Tally::new(sources.blobs.open_file(&blob.sha256)?.take(blob.bytes));
        append(&mut tar, &format!("files/{}", blob.sha256), blob.bytes, at, &mut content)?;
        if content.bytes != blob.bytes || content.digest() != blob.sha256 {
            return Err(Fault::Corrupt(format!("the file {} changed while it was copied", blob.sha256)));
        }
        manifest.files += 1;
        manifest.file_bytes += blob.bytes;
    }
    for (name, path) in &sources.folder {
        let Some(content) = whole_lines(path)? else { continue };
        append(&mut tar, &format!("folder/{name}"), content.len() as u64, at, &content[..])?;
        let sha256 = Digest(Sha256::digest(&content).into());
        manifest.folder.push(FolderPart { name: (*name).to_owned(), bytes: content.len() as u64, sha256 });
    }
    let text = serde_json::to_vec_pretty(&manifest)?;
    append(&mut tar, MANIFEST, text.len() as u64, at, &text[..])?;
    let all = tar.get_ref().digest();
    append_seal(&mut tar, all)?;
    tar.into_inner()?.flush()?;
    Ok(manifest)
}

fn write_table<W: Write>(tar: &mut tar::Builder<W>, sources: &Sources<'_>, name: String) -> Result<TablePart, Fault> {
    let mut table = TablePart { name, rows: 0, bytes: 0, sha256: Digest([0; 32]) };
    let mut hash = Sha256::new();
    let mut parts = 0u32;
    let mut part = Part::new();
    let mut row = Vec::new();
    let mut end = |part: Part, name: &str| -> Result<(), Fault> {
        parts += 1;
        let packed = part.packed.finish()?;
        append(tar, &format!("tables/{name}/{parts:06}.gz"), packed.len() as u64, sources.about.made_at, &packed[..])?;
        Ok(())
    };
    let name = table.name.clone();
    sources.tx.walk(&name, |key, value| {
        row.clear();
        for bytes in [key, value] {
            let length = u32::try_from(bytes.len()).map_err(|_| Fault::bug("a row of more than 4 GiB"))?;
            row.extend_from_slice(&length.to_le_bytes());
        }
        row.extend_from_slice(key);
        row.extend_from_slice(value);
        hash.update(&row);
        table.rows += 1;
        table.bytes += row.len() as u64;
        part.packed.write_all(&row)?;
        part.bytes += row.len();
        if part.bytes >= PART_BYTES {
            end(std::mem::replace(&mut part, Part::new()), &name)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    // Also for a table without rows, which is there all the same.
    end(part, &name)?;
    table.sha256 = Digest(hash.finalize().into());
    Ok(table)
}

struct Part {
    packed: GzEncoder<Vec<u8>>,
    bytes: usize,
}

impl Part {
    fn new() -> Part {
        Part { packed: GzEncoder::new(Vec::new(), Compression::default()), bytes: 0 }
    }
}

/// A file that is being appended to, up to the end of its last whole line.
fn whole_lines(path: &PathBuf) -> Result<Option<Vec<u8>>, Fault> {
    let mut content = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut content)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let end = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    content.truncate(end);
    Ok(Some(content))
}
