//! Each call to the disk fails in its turn, once or from then on: no panic, and nothing acknowledged is lost.

use super::disk::Disk;
use super::power_supply::Power;
use super::yard::Yard;
use super::*;
use crate::kernel::Fault;
use crate::store::ground::Ground;
use std::collections::BTreeMap;

/// What was acknowledged before the store ended.
fn live(disk: &Disk) -> (BTreeMap<u32, String>, Vec<Fault>) {
    let (mut known, mut faults) = (BTreeMap::new(), Vec::new());
    let store = match Store::open_on(disk.clone()) {
        Ok(store) => store,
        Err(fault) => return (known, vec![fault]),
    };
    for round in 0..6u32 {
        // A row says in which round it was written last.
        let rows: Vec<_> =
            (0..3).map(|at| (round * 2 + at, format!("{round}{}", "x".repeat(900 * (at + round) as usize)))).collect();
        let batch = rows.clone();
        let put = move |tx: &WriteTx| batch.iter().try_for_each(|(key, text)| NAMES.put(tx, key, text));
        match store.write_blocking(put) {
            Ok(()) => known.extend(rows),
            Err(fault) => faults.push(fault),
        }
        // Reading what was acknowledged works, or says that it does not.
        match store.read().and_then(|tx| NAMES.get(&tx, &round)) {
            Ok(found) => assert_eq!(found.as_ref(), known.get(&round), "a wrong answer"),
            Err(fault) => faults.push(fault),
        }
    }
    faults.extend(store.close().err());
    (known, faults)
}

fn prepared(power: &Power) -> Disk {
    let disk = Disk::default();
    Store::open_on(disk.clone()).and_then(Store::close).unwrap();
    disk.copy(power)
}

#[test]
fn every_call_of_the_database_fails_once_and_for_good() {
    let power = Power::default();
    power.count_reads();
    let (whole, faults) = live(&prepared(&power));
    assert!(faults.is_empty() && whole.len() == 13, "{faults:?}");
    let calls = power.calls();
    assert!(calls > 60, "only {calls}");
    for nth in 0..calls {
        for once in [true, false] {
            let power = Power::default();
            power.count_reads();
            let disk = prepared(&power);
            if once {
                power.fail_once_after(nth)
            } else {
                power.fail_after(nth)
            }
            let (known, faults) = live(&disk);
            let panicked = faults.iter().any(|fault| fault.to_string().contains("panicked"));
            assert!(!panicked, "call {nth}, once {once}: {faults:?}");
            // Half of them by the cut of power that often follows a failing disk.
            let disk = if nth % 2 == 0 { disk.after_power_cut(&mut Dice(nth)) } else { disk.copy(&Power::default()) };
            let store = Store::open_on(disk).unwrap_or_else(|fault| panic!("call {nth}, once {once}: {fault}"));
            let found: BTreeMap<_, _> = names(&store).into_iter().collect();
            for (key, text) in &known {
                // A later write may have come through without being acknowledged.
                let round = found.get(key).map(|text| &text[..1]);
                assert!(round >= Some(&text[..1]), "call {nth}, once {once}: row {key} is lost");
            }
        }
    }
}

fn store_files(blobs: &Blobs) -> Vec<Result<BlobRef, Fault>> {
    (0..4u8).map(|number| blobs.put(&vec![number; 700 * (1 + usize::from(number))])).collect()
}

fn yard(power: &Power) -> (tempfile::TempDir, Result<Blobs, Fault>, Yard) {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path(), power);
    let blobs = Blobs::open_on(Ground::simulated(yard.clone()), folder.path().to_owned());
    (folder, blobs, yard)
}

/// Opens what is left, and says which files are there under a final name; all of them whole.
fn left(yard: &Yard, seed: u64) -> Vec<BlobRef> {
    let folder = tempfile::tempdir().unwrap();
    let power = Power::default();
    let after = yard.after_power_cut(&mut Dice(seed), folder.path(), &power);
    let blobs = Blobs::open_on(Ground::simulated(after), folder.path().to_owned()).unwrap();
    let mut found = Vec::new();
    blobs
        .each(|sha256, bytes| {
            found.push(BlobRef { sha256, bytes });
            Ok(())
        })
        .unwrap();
    found.retain(|blob| blobs.verify(blob).is_ok());
    found
}

#[test]
fn every_step_of_a_file_fails_once_and_for_good() {
    let power = Power::default();
    let (_folder, blobs, _) = yard(&power);
    assert!(store_files(&blobs.unwrap()).iter().all(Result::is_ok));
    let steps = power.calls();
    for nth in 0..steps {
        for once in [true, false] {
            let power = Power::default();
            if once {
                power.fail_once_after(nth)
            } else {
                power.fail_after(nth)
            }
            let (_folder, blobs, yard) = yard(&power);
            let stored: Vec<BlobRef> = blobs.map(|blobs| store_files(&blobs)).into_iter().flatten().flatten().collect();
            if once {
                assert!(stored.len() >= 3 || nth < 4, "step {nth}: only {}", stored.len());
            }
            let left = left(&yard, nth);
            assert!(stored.iter().all(|blob| left.contains(blob)), "step {nth}, once {once}");
        }
    }
}

#[test]
fn acknowledged_files_outlive_the_power() {
    let lost = |seed: u64, lies: bool| {
        let power = Power::default();
        let (_folder, blobs, yard) = yard(&power);
        if lies {
            yard.lie();
        }
        power.fail_after(Dice(seed).below(40));
        let stored: Vec<BlobRef> = store_files(&blobs.unwrap()).into_iter().flatten().collect();
        let left = left(&yard, seed);
        stored.iter().any(|blob| !left.contains(blob))
    };
    assert_eq!((0..200).filter(|seed| lost(*seed, false)).collect::<Vec<_>>(), Vec::<u64>::new());
    // The same with a disk that says it has synced and has not: the test would notice.
    assert!((0..50).filter(|seed| lost(*seed, true)).count() > 20);
}
