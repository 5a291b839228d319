//! Bringing a database of an older petstar up to date: all steps in one transaction, after a copy of the file as it was.

use super::files::{folder_of, free_bytes, make_folder, write_with};
use super::tx::WriteTx;
use super::tx::sealed::Raw;
use crate::kernel::Fault;
use serde_json::Value;
use std::fs::{self, File};
use std::io;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};

/// One step from a format to the next. It knows tables by name and rows as JSON, never today's types, which go on changing.
#[derive(Clone, Copy)]
pub struct Migration {
    /// For the log.
    pub what: &'static str,
    pub run: fn(&WriteTx) -> Result<(), Fault>,
}

/// The first brings format 1 to 2, and so on. A step that has been released never changes.
pub const MIGRATIONS: &[Migration] = &[];

/// Rewrites every row of a table, from one version of it to another. `change` gets the row's key as bytes.
///
/// # Errors
/// A row of another version, and what `change` says.
pub fn change_rows(
    tx: &WriteTx,
    table: &'static str,
    versions: (u8, u8),
    mut change: impl FnMut(&[u8], Value) -> Result<Value, Fault>,
) -> Result<(), Fault> {
    let (from, to) = versions;
    let mut changed = Vec::new();
    tx.scan(table, (Bound::Unbounded, Bound::Unbounded), false, &mut |key, row| {
        let json = match row.split_first() {
            Some((version, json)) if *version == from => json,
            _ => return Err(Fault::Corrupt(format!("a row of {table} has another version than {from}"))),
        };
        let mut row = vec![to];
        serde_json::to_writer(&mut row, &change(key, serde_json::from_slice(json)?)?)?;
        changed.push((key.to_vec(), row));
        Ok(ControlFlow::Continue(()))
    })?;
    changed.into_iter().try_for_each(|(key, row)| tx.put(table, key, &row))
}

/// Copies the closed database beside itself, into `backups`, before it is brought to `format`.
pub(super) fn copy_aside(database: &Path, format: u32) -> Result<PathBuf, Fault> {
    let folder = folder_of(database).join("backups");
    make_folder(&folder)?;
    let bytes = fs::metadata(database)?.len();
    // The copy, and as much again for the new rows beside the old ones.
    if free_bytes(&folder).is_some_and(|free| free < 2 * bytes + (64 << 20)) {
        return Err(Fault::operator(format!(
            "This petstar has to bring the database up to date and copies it before, for which {} MiB must be free in {}. Make room and \
             start again.",
            (2 * bytes + (64 << 20)) >> 20,
            folder.display()
        )));
    }
    let copy = folder.join(format!("before-format-{format}.redb"));
    write_with(&copy, 0o600, |file| Ok(io::copy(&mut File::open(database)?, file)?))?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{FORMAT, Store, Table};
    use serde_json::json;

    static OLD: Table<u64, Value> = Table::new("pets", 1);
    static NEW: Table<u64, Value> = Table::new("pets", 2);

    const RENAME: Migration = Migration {
        what: "a pet's name is in two languages",
        run: |tx| {
            change_rows(tx, "pets", (1, 2), |key, mut pet| {
                assert_eq!(key.len(), 8);
                pet["name"] = json!({"en": pet["name"], "ja": ""});
                Ok(pet)
            })
        },
    };
    const BREAK: Migration = Migration {
        what: "one that cannot be done",
        run: |tx| {
            OLD.put(tx, &9, &json!({}))?;
            Err(Fault::Corrupt("a row nobody understands".into()))
        },
    };

    fn old_database(folder: &Path) -> PathBuf {
        let file = folder.join("petstar.redb");
        let store = Store::open(&file).unwrap();
        store.write_blocking(|tx| (0..3).try_for_each(|id| OLD.put(tx, &id, &json!({"name": "Pochi"})))).unwrap();
        store.close().unwrap();
        file
    }

    #[test]
    fn an_old_database_is_copied_and_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let file = old_database(folder.path());
        let store = Store::open_with(&file, &[RENAME]).unwrap();
        assert_eq!(NEW.get(&store.read().unwrap(), &2).unwrap().unwrap()["name"]["en"], "Pochi");
        store.close().unwrap();
        // Again, nothing is to be done.
        Store::open_with(&file, &[RENAME]).unwrap().close().unwrap();
        // The older program refuses the new file and goes on with the copy.
        let refused = Store::open(&file).err().map(|fault| fault.to_string()).unwrap();
        assert!(refused.contains("newer petstar") && !refused.contains('\n'), "{refused}");
        let copy = folder.path().join(format!("backups/before-format-{}.redb", FORMAT + 1));
        let before = Store::open(&copy).unwrap();
        assert_eq!(OLD.get(&before.read().unwrap(), &2).unwrap().unwrap()["name"], "Pochi");
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = old_database(folder.path());
        assert!(Store::open_with(&file, &[RENAME, BREAK]).is_err());
        let store = Store::open(&file).unwrap();
        let tx = store.read().unwrap();
        assert_eq!(OLD.get(&tx, &0).unwrap().unwrap()["name"], "Pochi");
        assert!(!OLD.has(&tx, &9).unwrap());
    }
}
