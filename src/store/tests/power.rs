//! The power fails at any moment, also while the store recovers from the last time.

use super::disk::Disk;
use super::*;
use crate::kernel::Fault;
use std::collections::BTreeMap;

/// Pairs of rows that are always written together: of both or none.
const LEFT: Table<u64, (u64, String)> = Table::new("test.left", 1);
const RIGHT: Table<u64, u64> = Table::new("test.right", 1);

/// What the callers know: what was acknowledged, and what was tried last without an answer.
#[derive(Default)]
struct Knowledge {
    acknowledged: BTreeMap<u64, u64>,
    open: BTreeMap<u64, u64>,
}

/// Writes until the power fails or `rounds` are over.
fn live(store: &Store, dice: &mut Dice, rounds: u64, known: &mut Knowledge) {
    for _ in 0..rounds {
        let writes: Vec<_> = (0..1 + dice.below(4)).map(|_| (dice.below(40), dice.roll(), dice.below(3000))).collect();
        let batch = writes.clone();
        // Outer thread and writer run together as in life; the commit is one.
        let answer = store.write_blocking(move |tx| {
            for (key, value, length) in &batch {
                LEFT.put(tx, key, &(*value, "x".repeat(*length as usize)))?;
                RIGHT.put(tx, key, value)?;
            }
            Ok::<_, Fault>(())
        });
        let pairs = writes.into_iter().map(|(key, value, _)| (key, value));
        match answer {
            Ok(()) => known.acknowledged.extend(pairs),
            Err(_) => {
                known.open.extend(pairs);
                return;
            }
        }
    }
}

/// Says what is wrong with the store after a cut, if something is.
fn examine(store: &Store, known: &Knowledge) -> Result<BTreeMap<u64, u64>, String> {
    let tx = store.read().map_err(|fault| fault.to_string())?;
    let left = LEFT.range(&tx, .., Order::Rising, usize::MAX).map_err(|fault| fault.to_string())?;
    let right = RIGHT.range(&tx, .., Order::Rising, usize::MAX).map_err(|fault| fault.to_string())?;
    let left: BTreeMap<_, _> = left.into_iter().map(|(key, (value, _))| (key, value)).collect();
    let right: BTreeMap<_, _> = right.into_iter().collect();
    if left != right {
        return Err("half a write was kept".into());
    }
    let mut with_open = known.acknowledged.clone();
    with_open.extend(&known.open);
    if left != known.acknowledged && left != with_open {
        return Err("what is there is neither what was acknowledged nor that and the last write".into());
    }
    Ok(left)
}

/// One life of a disk with three power cuts in it, some of them while the store recovers.
fn story(seed: u64, prepare: impl Fn(&Disk)) -> Result<(), String> {
    let mut dice = Dice(seed);
    let mut disk = Disk::default();
    let mut known = Knowledge::default();
    // A new file gets its name only when it is whole.
    Store::open_on(disk.clone()).and_then(Store::close).map_err(|fault| fault.to_string())?;
    prepare(&disk);
    for _ in 0..3 {
        disk.fail_after(dice.below(250));
        if let Ok(store) = Store::open_on(disk.clone()) {
            live(&store, &mut dice, 20, &mut known);
            // Some stop in good order, as far as the disk lets them.
            if dice.coin() {
                let _ = store.close();
            }
        }
        while dice.below(3) == 0 {
            disk = disk.after_power_cut(&mut dice);
            disk.fail_after(dice.below(30));
            let _ = Store::open_on(disk.clone());
        }
        disk = disk.after_power_cut(&mut dice);
        prepare(&disk);
        let store = Store::open_on(disk.clone()).map_err(|fault| format!("it does not open: {fault}"))?;
        let kept = examine(&store, &known)?;
        store.close().map_err(|fault| fault.to_string())?;
        known = Knowledge { acknowledged: kept, open: BTreeMap::new() };
    }
    let mut database = redb::Database::builder().create_with_backend(disk).map_err(|error| error.to_string())?;
    match database.check_integrity() {
        Ok(true) => Ok(()),
        found => Err(format!("the file is damaged: {found:?}")),
    }
}

/// A thousand lives, or as many as `PETSTAR_TEST_SEEDS` says, over all cores.
#[test]
fn nothing_acknowledged_is_lost_when_the_power_fails() {
    use rayon::prelude::*;
    (0..seeds(1000)).into_par_iter().for_each(|seed| {
        if let Err(words) = story(seed, |_| ()) {
            panic!("seed {seed}: {words}");
        }
    });
}

/// The test above is worth something only if it notices a disk that does not keep its word.
#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    // Meeting a damaged file, redb may panic.
    let is_noticed = |seed: &u64| !matches!(std::panic::catch_unwind(|| story(*seed, Disk::lie)), Ok(Ok(())));
    let caught = (0..20).filter(is_noticed).count();
    assert!(caught >= 10, "only {caught} of 20 were noticed");
}
