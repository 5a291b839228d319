//! Files named by the SHA-256 of their content: `blobs/ab/cd/<hash>`. A file is whole and durable before the commit that
//! refers to it, and is removed only when no row refers to it any more.

use super::files::{folder_of, free_bytes, make_folder};
use super::ground::{Ground, GroundFile};
use super::key::Key;
use crate::kernel::{Fault, Moment, failpoint};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;
use uuid::Uuid;

/// Below this much free space no more uploads are taken, so that the database still has room to record what is there.
const RESERVE_BYTES: u64 = 64 << 20;
/// How many bytes may be written between two looks at the free space.
const LOOK_EVERY: u64 = 4 << 20;

/// A SHA-256. 64 lower-case hex digits in text and JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// What a row keeps of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    pub sha256: Digest,
    pub bytes: u64,
}

/// What a sweep took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub files: u64,
    pub bytes: u64,
}

/// The folder of the files. A clone is another handle on the same one.
#[derive(Clone)]
pub struct Blobs {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    temporary: PathBuf,
    ground: Ground,
    reserve: AtomicU64,
    // A sweep must not remove a file between the moment somebody stored it again and the commit that says so.
    naming: Mutex<()>,
    // While somebody copies the files of an older snapshot, nothing is swept.
    holds: AtomicUsize,
}

/// While this lives, no file is swept.
pub struct Hold(Arc<Inner>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Blobs {
    /// Opens the folder, or makes it.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Blobs, Fault> {
        let folder = folder.into();
        make_folder(&folder)?;
        Self::open_on(Ground::default(), folder)
    }

    /// As [`Blobs::open`], on a disk that tests can let fail. The folder must be there.
    pub(crate) fn open_on(ground: Ground, folder: PathBuf) -> Result<Blobs, Fault> {
        let temporary = folder.join("tmp");
        ground.make_folder(&folder, &temporary)?;
        let inner = Inner {
            folder,
            temporary,
            ground,
            reserve: AtomicU64::new(RESERVE_BYTES),
            naming: Mutex::new(()),
            holds: AtomicUsize::new(0),
        };
        Ok(Blobs { inner: Arc::new(inner) })
    }

    /// Stores `bytes`. Blocks on the disk, as everything here does.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobRef, Fault> {
        let mut writer = self.writer()?;
        writer.write(bytes)?;
        writer.finish()
    }

    /// Stores what is in the file `path`, which stays where it is.
    pub fn put_file(&self, path: &Path) -> Result<BlobRef, Fault> {
        let mut writer = self.writer()?;
        io::copy(&mut File::open(path)?, &mut writer)?;
        writer.finish()
    }

    /// Begins a file whose content comes in pieces. Nothing stands under a final name before [`BlobWriter::finish`].
    pub fn writer(&self) -> Result<BlobWriter, Fault> {
        self.look_for_room()?;
        let path = self.temporary_path();
        let file = self.inner.ground.create(&path, 0o600)?;
        Ok(BlobWriter { blobs: self.clone(), file: Some(file), path, hash: Sha256::new(), bytes: 0, unwatched: 0 })
    }

    /// A name nobody else has, for programs that write a file themselves before it is stored with
    /// [`Blobs::put_file`]. The sweep removes what is left behind.
    pub fn temporary_path(&self) -> PathBuf {
        self.inner.temporary.join(Uuid::now_v7().simple().to_string())
    }

    /// Where the file is, or would be.
    pub fn path(&self, sha256: &Digest) -> PathBuf {
        let name = sha256.to_string();
        self.inner.folder.join(&name[..2]).join(&name[2..4]).join(name)
    }

    /// The whole file. [`Fault::Corrupt`] when it is not what was stored.
    pub fn read(&self, sha256: &Digest) -> Result<Vec<u8>, Fault> {
        let bytes = fs::read(self.path(sha256)).map_err(|error| missing(sha256, error))?;
        if Digest(Sha256::digest(&bytes).into()) != *sha256 {
            return Err(changed(sha256));
        }
        Ok(bytes)
    }

    pub fn open_file(&self, sha256: &Digest) -> Result<File, Fault> {
        File::open(self.path(sha256)).map_err(|error| missing(sha256, error))
    }

    /// Reads the file and compares length and hash with what the row says. [`Fault::Corrupt`] when they differ.
    pub fn verify(&self, blob: &BlobRef) -> Result<(), Fault> {
        let mut file = self.open_file(&blob.sha256)?;
        let mut hash = Sha256::new();
        let mut bytes = 0;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            hash.update(&buffer[..count]);
            bytes += count as u64;
        }
        if bytes == blob.bytes && Digest(hash.finalize().into()) == blob.sha256 {
            Ok(())
        } else {
            Err(changed(&blob.sha256))
        }
    }

    /// Keeps every file where it is for as long as the answer lives, for a backup: take it before the snapshot.
    pub fn hold(&self) -> Hold {
        // Waits for a removal that has been decided on already.
        let _guard = self.inner.naming.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.holds.fetch_add(1, Ordering::AcqRel);
        Hold(self.inner.clone())
    }

    fn is_held(&self) -> bool {
        self.inner.holds.load(Ordering::Acquire) > 0
    }

    /// Removes the files last stored before `before` that `keep` does not know, and forgotten temporary files as old.
    /// `keep` is asked again for every file, so it must look at the present rows. Ends early while the files are held.
    pub fn sweep(&self, keep: impl Fn(&Digest) -> Result<bool, Fault>, before: Moment) -> Result<Swept, Fault> {
        let mut swept = Swept::default();
        for path in list(&self.inner.temporary)? {
            self.remove_if_old(&path, before, &mut swept)?;
        }
        for outer in list(&self.inner.folder)?.into_iter().filter(|path| *path != self.inner.temporary) {
            for inner in list(&outer)? {
                for path in list(&inner)? {
                    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                    let Some(digest) = name else { continue };
                    let _guard = self.inner.naming.lock().unwrap_or_else(PoisonError::into_inner);
                    if self.is_held() {
                        return Ok(swept);
                    }
                    if !keep(&digest)? {
                        self.remove_if_old(&path, before, &mut swept)?;
                    }
                }
            }
        }
        Ok(swept)
    }

    /// Calls `visit` with every stored file and its length, in no particular order, for check and backup.
    pub fn each(&self, mut visit: impl FnMut(Digest, u64) -> Result<(), Fault>) -> Result<(), Fault> {
        for outer in list(&self.inner.folder)?.into_iter().filter(|path| *path != self.inner.temporary) {
            for inner in list(&outer)? {
                for path in list(&inner)? {
                    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                    if let Some(digest) = name {
                        visit(digest, fs::metadata(&path)?.len())?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Sets how many bytes must stay free on the disk for a file to be taken (64 MiB unless told).
    pub fn set_reserve(&self, bytes: u64) {
        self.inner.reserve.store(bytes, Ordering::Relaxed);
    }

    fn look_for_room(&self) -> Result<(), Fault> {
        let reserve = self.inner.reserve.load(Ordering::Relaxed);
        match free_bytes(&self.inner.folder) {
            Some(free) if free < reserve => Err(Fault::DiskFull),
            _ => Ok(()),
        }
    }

    fn remove_if_old(&self, path: &Path, before: Moment, swept: &mut Swept) -> Result<(), Fault> {
        let facts = match fs::metadata(path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let stored = facts.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        if i64::try_from(stored).unwrap_or(i64::MAX) >= before.unix_millis() {
            return Ok(());
        }
        self.inner.ground.remove(path)?;
        swept.files += 1;
        swept.bytes += facts.len();
        Ok(())
    }
}

/// A file being stored. Dropped before [`BlobWriter::finish`], it leaves nothing behind.
pub struct BlobWriter {
    blobs: Blobs,
    file: Option<GroundFile>,
    path: PathBuf,
    hash: Sha256,
    bytes: u64,
    unwatched: u64,
}

impl BlobWriter {
    pub fn write(&mut self, piece: &[u8]) -> Result<(), Fault> {
        Ok(self.write_all(piece)?)
    }

    /// How many bytes were written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the file durable under its name. Refer to it in a commit within a day, or it is swept.
    pub fn finish(mut self) -> Result<BlobRef, Fault> {
        let file = self.file.take().ok_or_else(|| Fault::bug("a file was finished twice"))?;
        file.sync()?;
        drop(file);
        let sha256 = Digest(std::mem::take(&mut self.hash).finalize().into());
        let target = self.blobs.path(&sha256);
        let folder = folder_of(&target);
        let inner = &self.blobs.inner;
        inner.ground.make_folder(&inner.folder, folder)?;
        {
            // Taking the place of the same bytes makes them young again, and heals them if they were damaged.
            let _guard = inner.naming.lock().unwrap_or_else(PoisonError::into_inner);
            inner.ground.rename(&self.path, &target)?;
        }
        failpoint::reached("blob.renamed");
        inner.ground.sync_folder(folder)?;
        Ok(BlobRef { sha256, bytes: self.bytes })
    }
}

impl Write for BlobWriter {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.unwatched >= LOOK_EVERY {
            self.blobs.look_for_room().map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
            self.unwatched = 0;
        }
        let file = self.file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let count = file.write(piece)?;
        self.hash.update(&piece[..count]);
        self.bytes += count as u64;
        self.unwatched += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        // After a finish the temporary name is gone already.
        let _ = self.blobs.inner.ground.remove(&self.path);
    }
}

fn changed(sha256: &Digest) -> Fault {
    Fault::Corrupt(format!("the file {sha256} is not what was stored"))
}

fn missing(sha256: &Digest, error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::Corrupt(format!("the file {sha256} is missing")),
        _ => error.into(),
    }
}

/// What is in a folder; nothing when it is not a folder.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let paths: io::Result<Vec<_>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    Ok(paths?)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADigest;

impl fmt::Display for NotADigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a SHA-256 in 64 lower-case hex digits")
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotADigest);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotADigest)?;
        Ok(Digest(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Key for Digest {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        <[u8; 32]>::decode(input).map(Digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        (folder, blobs)
    }

    const FAR: Moment = Moment(i64::MAX);

    #[test]
    fn a_file_is_found_by_its_hash_and_stored_once() {
        let (_folder, blobs) = blobs();
        let blob = blobs.put(b"abc").unwrap();
        assert_eq!(blob, blobs.put(b"abc").unwrap());
        assert_eq!(blob.sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(blobs.path(&blob.sha256).ends_with(format!("ba/78/{}", blob.sha256)));
        assert_eq!(blobs.read(&blob.sha256).unwrap(), b"abc");
        let mut seen = Vec::new();
        blobs
            .each(|digest, bytes| {
                seen.push((digest, bytes));
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, [(blob.sha256, 3)]);
        let json = serde_json::to_string(&blob).unwrap();
        assert_eq!(serde_json::from_str::<BlobRef>(&json).unwrap(), blob);
    }

    #[test]
    fn a_file_that_comes_in_pieces_is_the_same_file() {
        let (folder, blobs) = blobs();
        let mut writer = blobs.writer().unwrap();
        for piece in [&b"a"[..], b"", b"bc"] {
            writer.write(piece).unwrap();
        }
        let blob = writer.finish().unwrap();
        let other = folder.path().join("other");
        fs::write(&other, b"abc").unwrap();
        assert_eq!(blobs.put_file(&other).unwrap(), blob);
        blobs.verify(&blob).unwrap();
    }

    #[test]
    fn an_upload_that_breaks_off_leaves_nothing() {
        let (_folder, blobs) = blobs();
        let mut writer = blobs.writer().unwrap();
        writer.write(b"half a pho").unwrap();
        drop(writer);
        assert_eq!(list(&blobs.inner.temporary).unwrap().len(), 0);
    }

    #[test]
    fn damage_and_loss_are_told() {
        let (_folder, blobs) = blobs();
        let blob = blobs.put(b"the original").unwrap();
        fs::write(blobs.path(&blob.sha256), b"the 0riginal").unwrap();
        assert!(matches!(blobs.verify(&blob), Err(Fault::Corrupt(_))));
        blobs.put(b"the original").unwrap();
        blobs.verify(&blob).unwrap();
        fs::remove_file(blobs.path(&blob.sha256)).unwrap();
        assert!(matches!(blobs.read(&blob.sha256), Err(Fault::Corrupt(_))));
    }

    #[test]
    fn the_sweep_takes_only_what_is_old_and_unknown() {
        let (_folder, blobs) = blobs();
        let (kept, lost) = (blobs.put(b"kept").unwrap(), blobs.put(b"lost").unwrap());
        fs::write(blobs.temporary_path(), b"forgotten").unwrap();
        let keep = |digest: &Digest| Ok(*digest == kept.sha256);
        assert_eq!(blobs.sweep(keep, Moment(0)).unwrap(), Swept::default());
        let hold = blobs.hold();
        assert_eq!(blobs.sweep(keep, FAR).unwrap().files, 1, "only what was half-written");
        assert_eq!(blobs.read(&lost.sha256).unwrap(), b"lost");
        drop(hold);
        assert_eq!(blobs.sweep(keep, FAR).unwrap(), Swept { files: 1, bytes: 4 });
        assert_eq!(blobs.read(&kept.sha256).unwrap(), b"kept");
        assert!(blobs.read(&lost.sha256).is_err());
        assert_eq!(list(&blobs.inner.temporary).unwrap().len(), 0);
    }

    #[test]
    fn no_file_is_begun_or_continued_without_room() {
        let (_folder, blobs) = blobs();
        let mut writer = blobs.writer().unwrap();
        blobs.set_reserve(u64::MAX);
        assert_eq!(blobs.put(b"x"), Err(Fault::DiskFull));
        let piece = vec![0; LOOK_EVERY as usize];
        writer.write(&piece).unwrap();
        assert_eq!(writer.write(&piece), Err(Fault::DiskFull));
    }
}
