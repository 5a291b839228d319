//! Files that are never seen half-written: a temporary name, a sync, a rename, a sync of the folder.

use crate::kernel::Fault;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use uuid::Uuid;

/// Puts `bytes` under `path`, over what was there. After an `Ok` the file outlives a power cut; after an `Err` the old one
/// stands. `mode` is the permission, for example `0o600`.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Fault> {
    write_with(path, mode, |file| Ok(file.write_all(bytes)?))
}

/// As [`write_atomically`], for content that comes in pieces: `fill` writes it.
pub fn write_with<T>(path: &Path, mode: u32, fill: impl FnOnce(&mut File) -> Result<T, Fault>) -> Result<T, Fault> {
    let folder = folder_of(path);
    let name = path.file_name().ok_or_else(|| Fault::bug("a file without a name"))?.to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", Uuid::now_v7().simple()));
    let written = create(&temporary, mode).map_err(Fault::from).and_then(|mut file| {
        let answer = fill(&mut file)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        Ok(answer)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    let answer = written?;
    sync_folder(folder)?;
    Ok(answer)
}

/// Makes `folder` and the missing ones above it, readable by the owner alone, and durable.
pub fn make_folder(folder: &Path) -> Result<(), Fault> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    make_folder(above)?;
    make_one_folder(folder)?;
    sync_folder(above)
}

/// Makes one folder, unless it is there, without a sync.
pub(super) fn make_one_folder(folder: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Bytes a program without privileges may still write on the disk of `folder`; `None` when the system does not say.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Gives a durable file its name, unless another file has it by now; then the new one is removed.
pub(super) fn put_in_place(new: &Path, path: &Path) -> Result<(), Fault> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, new, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(Errno::EXIST) => fs::remove_file(new)?,
        // Some network file systems cannot promise it.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::rename(new, path)?,
        Err(error) => return Err(io::Error::from(error).into()),
    }
    sync_folder(folder_of(path))
}

/// Makes the name of the file `path` durable.
pub fn sync_folder_of(path: &Path) -> Result<(), Fault> {
    sync_folder(folder_of(path))
}

/// Makes the names in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Fault> {
    Ok(File::open(folder)?.sync_all()?)
}

/// A new file that nobody else may have.
pub(super) fn create(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// The folder a file lies in; `.` for a name alone.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("setup-link");
        write_atomically(&path, b"first", 0o600).unwrap();
        write_atomically(&path, b"second", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_fails_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(matches!(write_atomically(&path, b"x", 0o600), Err(Fault::Io(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_are_made_down_to_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        make_folder(&deep).unwrap();
        make_folder(&deep).unwrap();
        assert!(deep.is_dir());
        assert!(free_bytes(&deep).unwrap() > 0);
    }
}
