use super::*;
use crate::kernel::Fault;
use crate::store::{Blobs, Counter, Index, Store, Table};
use std::fs;
use std::path::{Path, PathBuf};

static PETS: Table<u64, String> = Table::new("pets", 1);
static BY_NAME: Index<(String, u64)> = Index::new("pets.by_name");
static COUNT: Counter = Counter::new("pets.count");

struct Place {
    folder: tempfile::TempDir,
    store: Store,
    blobs: Blobs,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("petstar.redb")).unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        store
            .write_blocking(|tx| {
                for number in 0..3000 {
                    let name = format!("pet {number} {}", "meow ".repeat(number as usize % 700));
                    PETS.put(tx, &number, &name)?;
                    BY_NAME.put(tx, &(name, number))?;
                }
                COUNT.next(tx).map(drop)
            })
            .unwrap();
        Place { folder, store, blobs }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn back_up(&self, files: Vec<(String, crate::store::BlobRef)>) -> (PathBuf, Manifest) {
        let path = self.path("backup.tar");
        fs::write(self.path("journal"), "one\ntwo\nhal").unwrap();
        let sources = Sources {
            about: About {
                backup_format: FORMAT,
                database_format: crate::store::FORMAT,
                version: "1".into(),
                shop_name: "星".into(),
                made_at: Moment(1_000_000),
            },
            tx: &self.store.read().unwrap(),
            blobs: &self.blobs,
            files,
            folder: vec![("journal", self.path("journal")), ("nothing", self.path("nothing"))],
        };
        let manifest = write(sources, fs::File::create(&path).unwrap()).unwrap();
        (path, manifest)
    }
}

fn told(result: Result<impl std::fmt::Debug, Fault>) -> String {
    match result {
        Err(Fault::Operator(text)) => text,
        other => panic!("not told in words: {other:?}"),
    }
}

fn all_rows(store: &Store) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let tx = store.read().unwrap();
    let mut rows = Vec::new();
    for table in tx.tables().unwrap() {
        tx.walk(&table, |key, value| {
            rows.push((table.clone(), key.to_vec(), value.to_vec()));
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    }
    rows
}

#[test]
fn what_is_restored_is_what_was_there() {
    let place = Place::new();
    let photo = place.blobs.put(b"a photo").unwrap();
    let files = vec![("one".to_owned(), photo), ("the same".to_owned(), photo)];
    let (path, manifest) = place.back_up(files);
    assert_eq!((manifest.files, manifest.file_bytes, manifest.missing.len()), (1, 7, 0));
    let backup = Backup::open(&path).unwrap();
    assert_eq!(backup.manifest, manifest);
    let other = place.path("other");
    backup.restore(&other, "petstar.redb").unwrap();
    refuse_half_restored(&other).unwrap();
    let store = Store::open(&other.join("petstar.redb")).unwrap();
    assert_eq!(all_rows(&store), all_rows(&place.store));
    assert_eq!(store.write_blocking(|tx| COUNT.next(tx)), Ok(2));
    assert_eq!(Blobs::open(other.join("blobs")).unwrap().read(&photo.sha256).unwrap(), b"a photo");
    assert_eq!(fs::read_to_string(other.join("journal")).unwrap(), "one\ntwo\n", "up to the last whole line");
    assert!(told(backup.restore(&other, "petstar.redb")).contains("not empty"));

    let files = backup.rehearse(&place.path("rehearsed.redb")).unwrap();
    assert_eq!(files.get(&photo.sha256), Some(&7));
    let rehearsed = Store::open(&place.path("rehearsed.redb")).unwrap();
    assert_eq!(all_rows(&rehearsed), all_rows(&place.store));
}

#[test]
fn a_missing_and_a_damaged_file_do_not_stop_a_backup_and_are_named() {
    let place = Place::new();
    let (lost, hurt, kept) =
        (place.blobs.put(b"lost").unwrap(), place.blobs.put(b"hurt").unwrap(), place.blobs.put(b"kept").unwrap());
    fs::remove_file(place.blobs.path(&lost.sha256)).unwrap();
    fs::write(place.blobs.path(&hurt.sha256), b"hurT").unwrap();
    let files = vec![("a photo".to_owned(), lost), ("a print".to_owned(), hurt), ("a proxy".to_owned(), kept)];
    let (path, manifest) = place.back_up(files);
    assert_eq!(manifest.files, 1);
    assert_eq!(manifest.missing, [format!("a photo, {}", lost.sha256), format!("a print, {}", hurt.sha256)]);
    Backup::open(&path).unwrap().restore(&place.path("other"), "petstar.redb").unwrap();
}

/// Every cut and every flipped byte is told, and nothing is restored from it.
#[test]
fn damage_anywhere_is_told() {
    let place = Place::new();
    let photo = place.blobs.put(&[7; 5000]).unwrap();
    let (path, _) = place.back_up(vec![("a photo".to_owned(), photo)]);
    let whole = fs::read(&path).unwrap();
    let hurt = place.path("hurt.tar");
    let open = |bytes: &[u8]| {
        fs::write(&hurt, bytes).unwrap();
        told(Backup::open(&hurt))
    };
    let step = whole.len() / 97;
    for cut in (0..whole.len()).step_by(step).chain([whole.len() - 1, whole.len() - 2048, whole.len() - 512]) {
        let text = open(&whole[..cut]);
        assert!(text.contains("cut short") || text.contains("beginning"), "{cut}: {text}");
    }
    for at in (0..whole.len()).step_by(step).chain(whole.len() - 2100..whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        open(&bytes);
    }
    let mut longer = whole.clone();
    longer.push(0);
    open(&longer);
    open(b"");
    open(&[0; 4096]);
    fs::write(&hurt, &whole).unwrap();
    Backup::open(&hurt).unwrap();
    assert!(told(Backup::open(Path::new("no/such/file"))).contains("cannot be opened"));
}

#[test]
fn a_newer_backup_is_refused_in_one_line() {
    let place = Place::new();
    for (backup_format, database_format) in [(FORMAT + 1, 1), (FORMAT, crate::store::FORMAT + 1)] {
        let about = About {
            backup_format,
            database_format,
            version: "9.1".into(),
            shop_name: String::new(),
            made_at: Moment(0),
        };
        let mut tar = tar::Builder::new(Vec::new());
        let text = serde_json::to_vec(&about).unwrap();
        append(&mut tar, ABOUT, text.len() as u64, Moment(0), &text[..]).unwrap();
        fs::write(place.path("newer.tar"), tar.into_inner().unwrap()).unwrap();
        let text = told(Backup::open(&place.path("newer.tar")));
        assert!(text.contains("newer petstar (9.1)") && !text.contains('\n'), "{text}");
    }
}

/// A sealed file by somebody who knows how, but not what its manifest says.
#[test]
fn a_backup_that_lies_about_its_rows_leaves_nothing_behind() {
    let place = Place::new();
    let (path, mut manifest) = place.back_up(Vec::new());
    let backup = Backup::open(&path).unwrap();
    manifest.tables[0].rows += 1;
    let lying = Backup { manifest, ..backup };
    let other = place.path("other");
    assert!(told(lying.restore(&other, "petstar.redb")).contains("a table"));
    assert_eq!(fs::read_dir(&other).unwrap().count(), 0, "after an error the folder is empty again");
    Backup::open(&path).unwrap().restore(&other, "petstar.redb").unwrap();
}

#[test]
fn a_restore_that_was_cut_short_is_no_shop() {
    let place = Place::new();
    let (path, _) = place.back_up(Vec::new());
    let other = place.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("half-restored"), "").unwrap();
    assert!(told(refuse_half_restored(&other)).contains("Delete the folder"));
    assert!(told(Backup::open(&path).unwrap().restore(&other, "petstar.redb")).contains("half restored"));
}
