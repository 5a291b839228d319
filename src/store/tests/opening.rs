//! Opening, closing, and what a broken disk does.

use super::disk::Disk;
use super::*;
use crate::kernel::Fault;
use std::ops::ControlFlow;
use std::sync::Arc;

#[test]
fn what_was_written_is_read_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("petstar.redb");
    let store = Store::open(&file).unwrap();
    store.write_blocking(|tx| NAMES.put(tx, &7, &"Chelsea".to_owned())).unwrap();
    assert_eq!(Store::open(&file).err(), Some(Fault::Busy));
    store.close().unwrap();
    let store = Store::open(&file).unwrap();
    assert_eq!(names(&store), [(7, "Chelsea".to_owned())]);
    drop(store);
    assert_eq!(names(&Store::open(&file).unwrap()).len(), 1);
}

#[test]
fn a_closed_store_says_so_to_its_other_handles() {
    let store = in_memory();
    let other = store.clone();
    let tx = store.read().unwrap();
    store.close().unwrap();
    assert_eq!(other.read().err(), Some(Fault::Stopping));
    assert_eq!(other.write_blocking(|_| Ok::<_, Fault>(())), Err(Fault::Stopping));
    assert!(other.trouble().is_none());
    drop(tx);
}

#[test]
fn writes_that_wait_when_the_store_is_closed_are_finished() {
    let store = in_memory();
    let writers: Vec<_> = (0..50)
        .map(|number| {
            let store = store.clone();
            std::thread::spawn(move || store.write_blocking(move |tx| NAMES.put(tx, &number, &String::new())))
        })
        .collect();
    let other = store.clone();
    let kept = {
        let snapshot = other.read().unwrap();
        drop(snapshot);
        store.close().unwrap();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    };
    assert!(kept.iter().all(|result| matches!(result, Ok(()) | Err(Fault::Stopping))), "{kept:?}");
}

#[test]
fn a_file_of_a_newer_petstar_is_refused_and_left_alone() {
    let disk = Disk::default();
    let meta: Table<String, u32> = Table::new("store.meta", 1);
    let store = Store::open_on(disk.clone()).unwrap();
    store.write_blocking(move |tx| meta.put(tx, &"format".into(), &(FORMAT + 1))).unwrap();
    store.close().unwrap();
    let Err(Fault::Storage(words)) = Store::open_on(disk) else { panic!("it was opened") };
    assert!(words.contains("newer petstar") && !words.contains('\n'), "{words}");
}

#[test]
fn somebody_elses_database_is_refused() {
    let disk = Disk::default();
    let database = redb::Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(redb::TableDefinition::<&str, u64>::new("theirs")).unwrap();
    txn.commit().unwrap();
    drop(database);
    assert!(matches!(Store::open_on(disk), Err(Fault::Storage(_))));
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("petstar.redb");
    std::fs::write(&file, b"Dear diary, today I met a cat.".repeat(1000)).unwrap();
    assert!(matches!(Store::open(&file), Err(Fault::Storage(_))));
}

#[test]
fn without_room_nothing_is_written_until_there_is_some() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("petstar.redb")).unwrap();
    store.set_reserve(u64::MAX);
    let put = |name: &str| {
        let name = name.to_owned();
        store.write_blocking(move |tx| NAMES.put(tx, &1, &name))
    };
    assert_eq!(put("Chelsea"), Err(Fault::DiskFull));
    assert!(store.trouble().is_none() && names(&store).is_empty());
    store.set_reserve(0);
    put("Minou").unwrap();
    assert_eq!(names(&store), [(1, "Minou".to_owned())]);
}

#[tokio::test]
async fn a_disk_that_fills_up_in_a_write_stops_all_writes_and_loses_nothing_acknowledged() {
    let disk = Disk::default();
    let store = Store::open_on(disk.clone()).unwrap();
    store.write(|tx| NAMES.put(tx, &1, &"kept".to_owned())).await.unwrap();
    disk.fill_up();
    let big = |tx: &WriteTx| NAMES.put(tx, &2, &"lost".repeat(100_000));
    assert_eq!(store.write(big).await, Err(Fault::DiskFull));
    assert!(matches!(store.broken().await, Fault::Storage(_)));
    disk.free_up();
    let latched = store.write(|tx| NAMES.put(tx, &3, &"late".to_owned())).await;
    assert_eq!(latched.err(), store.trouble());
    let _ = store.close();
    let store = Store::open_on(disk).unwrap();
    assert_eq!(names(&store), [(1, "kept".to_owned())]);
}

#[tokio::test]
async fn an_error_in_reading_breaks_the_store_too() {
    let disk = Disk::default();
    let store = Store::open_on(disk.clone()).unwrap();
    // More than the cache holds: a debug build of redb reads the whole file when it opens it.
    store.write(|tx| (0..40).try_for_each(|n| NAMES.put(tx, &n, &"x".repeat(1 << 20)))).await.unwrap();
    store.close().unwrap();
    let store = Store::open_on(disk.clone()).unwrap();
    disk.refuse_reads();
    let tx = store.read().unwrap();
    let unread = (0..40).try_for_each(|n| NAMES.get(&tx, &n).map(drop));
    assert!(matches!(unread, Err(Fault::Storage(_))), "{unread:?}");
    assert!(matches!(store.broken().await, Fault::Storage(_)));
}

#[tokio::test]
async fn a_panic_below_a_write_breaks_the_store_even_if_the_write_catches_it() {
    let disk = Disk::default();
    let store = Store::open_on(disk.clone()).unwrap();
    store.write(|tx| NAMES.put(tx, &1, &"kept".to_owned())).await.unwrap();
    store.close().unwrap();
    let store = Store::open_on(disk.clone()).unwrap();
    let switch = disk.clone();
    let outcome = store.write(move |tx| {
        NAMES.put(tx, &2, &"lost".to_owned())?;
        switch.panic_when_used();
        // More than the cache holds, so that something is written early.
        let put = |n| NAMES.put(tx, &n, &"x".repeat(1 << 20));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (3..60).try_for_each(put)));
        assert!(caught.is_err(), "there was no panic");
        Ok::<_, Fault>(())
    });
    assert!(matches!(outcome.await, Err(Fault::Storage(_))));
    assert!(matches!(store.broken().await, Fault::Storage(_)));
    drop(store);
    let disk = disk.after_power_cut(&mut Dice(1));
    assert_eq!(names(&Store::open_on(disk).unwrap()), [(1, "kept".to_owned())]);
}

#[test]
fn every_table_can_be_walked_as_bytes() {
    let store = in_memory();
    store
        .write_blocking(|tx| {
            NAMES.put(tx, &1, &"Chelsea".to_owned())?;
            LETTERS.put(tx, &("C".to_owned(), 1))
        })
        .unwrap();
    let tx = store.read().unwrap();
    assert_eq!(tx.tables().unwrap(), ["store.meta", "test.names", "test.names.by_letter"]);
    let mut rows = Vec::new();
    for table in tx.tables().unwrap() {
        tx.walk(&table, |key, row| {
            rows.push((key.to_vec(), row.to_vec()));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    }
    assert_eq!(rows[1], (vec![0, 0, 0, 1], b"\x01\"Chelsea\"".to_vec()));
    assert_eq!(rows[2], (b"C\0\x01\0\0\0\x01".to_vec(), Vec::new()));
    tx.walk("no such table", |_, _| panic!("it has rows")).unwrap();
}

#[test]
fn what_is_attached_is_found_while_it_lives() {
    let store = in_memory();
    let thing = Arc::new("cache".to_owned());
    store.attach(&thing);
    let find = || store.write_blocking(|tx| Ok::<_, Fault>(tx.attached::<String>().as_deref().cloned())).unwrap();
    assert_eq!(find().as_deref(), Some("cache"));
    drop(thing);
    assert_eq!(find(), None);
}
