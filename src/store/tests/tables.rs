//! Tables and indexes against a plain map.

use super::*;
use crate::kernel::Fault;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

const ROWS: Table<(String, i64), u32> = Table::new("test.rows", 1);
const KEYS: Index<(String, i64)> = Index::new("test.keys");

type RowKey = (String, i64);

fn key() -> impl Strategy<Value = RowKey> {
    ("[\0a\u{ff}]{0,2}", -3i64..3)
}

fn bound() -> impl Strategy<Value = Bound<RowKey>> {
    prop_oneof![
        1 => Just(Bound::Unbounded),
        2 => key().prop_map(Bound::Included),
        2 => key().prop_map(Bound::Excluded),
    ]
}

fn ordered<T>(rows: impl DoubleEndedIterator<Item = T>, order: Order, limit: usize) -> Vec<T> {
    match order {
        Order::Rising => rows.take(limit).collect(),
        Order::Falling => rows.rev().take(limit).collect(),
    }
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Rising), Just(Order::Falling)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn scans_find_what_a_map_finds(
        rows in proptest::collection::btree_map(key(), any::<u32>(), 0..40),
        questions in proptest::collection::vec((bound(), bound(), key(), proptest::option::of(key()), order(), 0usize..6), 20),
    ) {
        let store = in_memory();
        let stored = rows.clone();
        store.write_blocking(move |tx| {
            for (key, row) in &stored {
                ROWS.put(tx, key, row)?;
                KEYS.put(tx, key)?;
            }
            compare(tx, &stored, &questions).map_err(|error| Fault::bug(error.to_string()))?;
            Ok::<_, Fault>(questions)
        }).map_err(|fault| TestCaseError::fail(fault.to_string()))
        .and_then(|questions| compare(&store.read().unwrap(), &rows, &questions))?;
    }
}

type Question = (Bound<RowKey>, Bound<RowKey>, RowKey, Option<RowKey>, Order, usize);

/// Asks the tables and the map the same questions.
fn compare(tx: &impl Snapshot, rows: &BTreeMap<RowKey, u32>, questions: &[Question]) -> Result<(), TestCaseError> {
    prop_assert_eq!(ROWS.len(tx).unwrap(), rows.len() as u64);
    prop_assert_eq!(ROWS.first(tx).unwrap(), rows.first_key_value().map(|(k, v)| (k.clone(), *v)));
    prop_assert_eq!(KEYS.last(tx).unwrap(), rows.last_key_value().map(|(k, _)| k.clone()));
    for (low, high, key, after, order, limit) in questions {
        prop_assert_eq!(ROWS.get(tx, key).unwrap(), rows.get(key).copied());
        prop_assert_eq!(KEYS.has(tx, key).unwrap(), rows.contains_key(key));
        let within = |other: &RowKey| {
            use std::ops::RangeBounds;
            (low.clone(), high.clone()).contains(other)
        };
        let wanted = ordered(rows.iter().filter(|(k, _)| within(k)).map(|(k, v)| (k.clone(), *v)), *order, *limit);
        let found = ROWS.range(tx, (low.clone(), high.clone()), *order, *limit).unwrap();
        prop_assert_eq!(&found, &wanted);

        let behind = |other: &RowKey| match (after, order) {
            (None, _) => true,
            (Some(after), Order::Rising) => other > after,
            (Some(after), Order::Falling) => other < after,
        };
        let prefixed = rows.keys().filter(|k| k.0 == key.0 && behind(k)).cloned();
        let wanted = ordered(prefixed, *order, *limit);
        prop_assert_eq!(KEYS.prefix(tx, &key.0, after.as_ref(), *order, *limit).unwrap(), wanted);
        let wanted = ordered(rows.keys().filter(|k| behind(k)).cloned(), *order, *limit);
        let page = Page { after: after.clone(), order: *order, limit: *limit };
        prop_assert_eq!(KEYS.page(tx, page).unwrap(), wanted);
        let wanted = rows.keys().filter(|k| k.0 == key.0).count().min(*limit);
        prop_assert_eq!(KEYS.count(tx, &key.0.as_str(), *limit).unwrap(), wanted);
    }
    Ok(())
}

#[test]
fn rows_are_handed_out_one_by_one_until_enough() {
    let store = in_memory();
    store.write_blocking(|tx| (0..10).try_for_each(|n| NAMES.put(tx, &n, &n.to_string()))).unwrap();
    let mut seen = Vec::new();
    let tx = store.read().unwrap();
    NAMES
        .each(&tx, 3.., Order::Rising, |key, _| {
            seen.push(key);
            Ok(if key == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .unwrap();
    assert_eq!(seen, [3, 4, 5]);
}

#[test]
fn a_walk_may_write_to_other_tables_but_not_to_its_own() {
    let store = in_memory();
    store.write_blocking(|tx| NAMES.put(tx, &1, &"Chelsea".to_owned())).unwrap();
    store
        .write_blocking(|tx| {
            NAMES.each(tx, .., Order::Rising, |key, name| {
                assert_eq!(NAMES.get(tx, &key)?.as_ref(), Some(&name));
                LETTERS.put(tx, &(name[..1].to_owned(), key))?;
                Ok(ControlFlow::Continue(()))
            })
        })
        .unwrap();
    let spoiled = store.write_blocking(|tx| {
        NAMES.each(tx, .., Order::Rising, |key, _| {
            NAMES.remove(tx, &key)?;
            Ok(ControlFlow::Continue(()))
        })
    });
    assert!(matches!(spoiled, Err(Fault::Bug(_))));
    assert!(store.trouble().is_none());
    assert!(LETTERS.has(&store.read().unwrap(), &("C".to_owned(), 1)).unwrap());
}

#[test]
fn rows_keep_their_meaning_or_are_refused() {
    #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
    struct Wider {
        name: String,
        #[serde(default)]
        age: u8,
    }
    let store = in_memory();
    let old: Table<u32, serde_json::Value> = Table::new("test.pets", 1);
    store.write_blocking(move |tx| old.put(tx, &1, &serde_json::json!({"name": "Minou", "gone": 1}))).unwrap();
    let tx = store.read().unwrap();
    let wider: Table<u32, Wider> = Table::new("test.pets", 1);
    assert_eq!(wider.get(&tx, &1).unwrap(), Some(Wider { name: "Minou".into(), age: 0 }));
    let next: Table<u32, Wider> = Table::new("test.pets", 2);
    assert!(matches!(next.get(&tx, &1), Err(Fault::Corrupt(words)) if words.contains("version 1")));
    let other: Table<u32, bool> = Table::new("test.pets", 1);
    assert!(matches!(other.get(&tx, &1), Err(Fault::Corrupt(_))));
    let short: Table<bool, Wider> = Table::new("test.pets", 1);
    assert!(matches!(short.first(&tx), Err(Fault::Corrupt(_))));
}

#[test]
fn a_snapshot_does_not_see_later_writes() {
    let store = in_memory();
    store.write_blocking(|tx| NAMES.put(tx, &1, &"before".to_owned())).unwrap();
    let tx = store.read().unwrap();
    store.write_blocking(|tx| NAMES.put(tx, &1, &"after".to_owned())).unwrap();
    assert_eq!(NAMES.get(&tx, &1).unwrap().as_deref(), Some("before"));
    assert_eq!(NAMES.get(&store.read().unwrap(), &1).unwrap().as_deref(), Some("after"));
}

#[test]
fn counters_count_without_gaps() {
    let number = || Counter::new("test.number");
    let store = in_memory();
    assert_eq!(store.write_blocking(move |tx| number().next(tx)), Ok(1));
    let refused: Result<(), Fault> = store.write_blocking(move |tx| {
        assert_eq!(number().next(tx)?, 2);
        Err(Fault::Busy)
    });
    assert_eq!(refused, Err(Fault::Busy));
    assert_eq!(store.write_blocking(move |tx| number().next(tx)), Ok(2));
    assert_eq!(number().last(&store.read().unwrap()), Ok(2));
}
