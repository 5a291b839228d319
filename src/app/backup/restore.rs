//! `petstar restore FILE [--check]`.

use crate::app::check;
use crate::app::commands::Outcome;
use crate::app::{control, lists};
use crate::kernel::Fault;
use crate::shop::DATABASE;
use crate::store::backup::{self, Backup};
use crate::store::{Blobs, Store};
use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Restores the backup `file` into the data folder, or with `only_check` reads everything and says what it would do. Blocks.
///
/// # Errors
/// [`Fault::Operator`] in whole sentences, and trouble of the disk.
pub fn restore(file: &Path, data_dir: &Path, only_check: bool) -> Result<Outcome, Fault> {
    let into = || -> Result<(), Fault> {
        if control::is_running(data_dir) {
            return Err(Fault::operator(format!(
                "A shop runs on the folder {}. Restore into another one with --data, or stop the shop and move its folder away.",
                data_dir.display()
            )));
        }
        backup::refuse_target(data_dir)
    };
    if !only_check {
        into()?;
    }
    let backup = Backup::open(file)?;
    let manifest = &backup.manifest;
    let mut stdout = format!(
        "{} is whole: made {} by petstar {} for “{}”, {} rows in {} tables, {} files with {} MiB.\n",
        file.display(),
        backup.about.made_at,
        backup.about.version,
        backup.about.shop_name,
        manifest.rows(),
        manifest.tables.len(),
        manifest.files,
        manifest.file_bytes >> 20
    );
    let wrong = if only_check {
        let wrong = rehearse(&backup)?;
        stdout += &match into() {
            Ok(()) => format!("It would be restored into the folder {}; nothing was changed.\n", data_dir.display()),
            Err(fault) => format!("It would not be restored into the folder {}: {fault}\n", data_dir.display()),
        };
        wrong
    } else {
        backup.restore(data_dir, DATABASE)?;
        stdout += &format!(
            "It was restored into the folder {}. Start the shop, then run `petstar check`.\n",
            data_dir.display()
        );
        let blobs = Blobs::open(data_dir.join("blobs"))?;
        let store = Store::open(&data_dir.join(DATABASE))?;
        lists::fill(&store)?;
        // The bytes were compared on their way in; that they are there is enough now.
        let wrong = check::rows(&store.read()?, &|blob| blobs.path(&blob.sha256).is_file());
        store.close()?;
        wrong?
    };
    let mut stderr = String::new();
    for what in manifest.missing.iter().map(|what| format!("Missing when the backup was made: {what}.")).chain(wrong) {
        stderr += &format!("{what}\n");
    }
    // What was wrong in the shop is wrong in its copy; that is no reason to keep the copy back.
    let code = u8::from(only_check && !stderr.is_empty());
    Ok(Outcome { stdout, stderr, code })
}

/// Fills a database beside, looks at its rows, and throws it away.
fn rehearse(backup: &Backup) -> Result<Vec<String>, Fault> {
    let place = Place::new()?;
    let database = place.0.join(DATABASE);
    let files = backup.rehearse(&database)?;
    let store = Store::open(&database)?;
    lists::fill(&store)?;
    let wrong = check::rows(&store.read()?, &|blob| fits(&files, blob));
    store.close()?;
    wrong
}

fn fits(files: &HashMap<crate::store::Digest, u64>, blob: &crate::store::BlobRef) -> bool {
    files.get(&blob.sha256) == Some(&blob.bytes)
}

/// A folder that goes away again.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Place, Fault> {
        let path = std::env::temp_dir().join(format!("petstar-restore-{}", Uuid::now_v7().simple()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Place(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
