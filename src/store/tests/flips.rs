//! A bit flips in a closed file: it is found when the file is opened or read, or it was one nobody uses.

use super::*;
use crate::kernel::Fault;

#[test]
fn a_flipped_bit_in_a_closed_database_never_gives_a_wrong_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("petstar.redb");
    let store = Store::open(&file).unwrap();
    for batch in 0..6u32 {
        let rows = move |tx: &WriteTx| {
            (0..60).try_for_each(|n| {
                NAMES.put(tx, &(batch * 60 + n), &format!("{n} {}", "Chelsea ".repeat(n as usize)))?;
                LETTERS.put(tx, &("C".to_owned(), batch * 60 + n))
            })
        };
        store.write_blocking(rows).unwrap();
    }
    let all = |store: &Store| {
        let tx = store.read().unwrap();
        (names(store), LETTERS.range(&tx, .., Order::Rising, usize::MAX).unwrap())
    };
    let wanted = all(&store);
    store.close().unwrap();
    let whole = std::fs::read(&file).unwrap();
    let mut dice = Dice(7);
    let mut found = 0;
    for round in 0..150 {
        let mut hurt = whole.clone();
        for _ in 0..1 + dice.below(3) {
            let at = dice.below(hurt.len() as u64) as usize;
            hurt[at] ^= 1 << dice.below(8);
        }
        std::fs::write(&file, hurt).unwrap();
        match Store::open(&file) {
            Ok(store) => {
                assert_eq!(all(&store), wanted, "round {round}");
                store.close().unwrap();
            }
            Err(Fault::Storage(words)) => {
                assert!(words.contains("petstar restore"), "{words}");
                found += 1;
            }
            Err(fault) => panic!("round {round}: {fault:?}"),
        }
    }
    assert!(found > 10, "only {found} were found");
}

#[test]
fn a_flipped_bit_in_a_stored_file_is_found_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let blob = blobs.put(&[42; 300]).unwrap();
    for at in 0..300 {
        let mut hurt = [42; 300];
        hurt[at] ^= 4;
        std::fs::write(blobs.path(&blob.sha256), hurt).unwrap();
        assert!(matches!(blobs.read(&blob.sha256), Err(Fault::Corrupt(_))));
        assert!(blobs.verify(&blob).is_err());
    }
}
