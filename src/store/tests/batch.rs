//! Writes that share a commit, and do not notice each other.

use super::disk::Disk;
use super::*;
use crate::kernel::Fault;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};

/// Holds the writer still while `submit` puts writes in line, so that they come into one batch.
async fn in_one_batch<R>(store: &Store, submit: impl AsyncFnOnce(&Store) -> R) -> R {
    let (open, gate) = mpsc::channel::<()>();
    let (entered, waiting) = tokio::sync::oneshot::channel();
    let blocker = store.clone();
    let blocked = tokio::spawn(async move {
        blocker
            .write(move |_| {
                let _ = entered.send(());
                let _ = gate.recv();
                Ok::<_, Fault>(())
            })
            .await
    });
    waiting.await.unwrap();
    let result = submit(store).await;
    drop(open);
    blocked.await.unwrap().unwrap();
    result
}

type Job<T> = Box<dyn FnOnce(&WriteTx) -> Result<T, Fault> + Send>;
type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send>>;

/// Puts writes in line, in this order, without waiting for them.
fn line_up<T: Send + 'static>(store: &Store, writes: Vec<Job<T>>) -> Vec<Answer<T>> {
    writes
        .into_iter()
        .map(|work| {
            let store = store.clone();
            let mut write: Answer<T> = Box::pin(async move { store.write(work).await });
            // The first poll puts it in line.
            match write.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => write,
                Poll::Ready(result) => Box::pin(std::future::ready(result)),
            }
        })
        .collect()
}

type Work = Job<usize>;

#[tokio::test]
async fn one_write_costs_two_syncs_and_so_do_a_hundred() {
    let disk = Disk::default();
    let store = Store::open_on(disk.clone()).unwrap();
    store.write(|tx| NAMES.put(tx, &0, &String::new())).await.unwrap();
    let before = disk.syncs();
    store.write(|tx| NAMES.put(tx, &1, &String::new())).await.unwrap();
    assert_eq!(disk.syncs() - before, 2);

    let before = disk.syncs();
    let writes = in_one_batch(&store, async |store| {
        let put = |n: u32| Box::new(move |tx: &WriteTx| NAMES.put(tx, &n, &n.to_string()).map(|()| 0usize)) as Work;
        line_up(store, (0..100).map(put).collect())
    })
    .await;
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(disk.syncs() - before, 2);
    assert_eq!(names(&store).len(), 100);
}

#[tokio::test]
async fn a_refusal_costs_no_sync() {
    let disk = Disk::default();
    let store = Store::open_on(disk.clone()).unwrap();
    let before = disk.syncs();
    let refused = store.write(|tx| {
        NAMES.put(tx, &1, &"trace".to_owned())?;
        Err::<(), _>(Fault::Busy)
    });
    assert_eq!(refused.await, Err(Fault::Busy));
    store.write(|tx| NAMES.get(tx, &1).map(|name| assert_eq!(name, None))).await.unwrap();
    assert_eq!(disk.syncs(), before);
}

/// Keys and what is put under them, or `None` to remove them.
type Changes = Vec<(u32, Option<u8>)>;

/// What one closure of a batch does, and how it ends.
#[derive(Clone, Debug)]
struct Deed {
    changes: Changes,
    inner: Option<(Changes, bool)>,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Good,
    Refusal,
    Panic,
}

fn changes() -> impl Strategy<Value = Changes> {
    proptest::collection::vec((0u32..8, proptest::option::of(any::<u8>())), 0..5)
}

fn deed() -> impl Strategy<Value = Deed> {
    let end = prop_oneof![3 => Just(End::Good), 2 => Just(End::Refusal), 1 => Just(End::Panic)];
    let inner = proptest::option::of((changes(), any::<bool>()));
    (changes(), inner, end).prop_map(|(changes, inner, end)| Deed { changes, inner, end })
}

fn apply(tx: &WriteTx, changes: &[(u32, Option<u8>)]) -> Result<(), Fault> {
    for (key, value) in changes {
        match value {
            Some(value) => NAMES.put(tx, key, &value.to_string())?,
            None => drop(NAMES.remove(tx, key)?),
        }
    }
    Ok(())
}

fn apply_to_map(map: &mut BTreeMap<u32, String>, changes: &[(u32, Option<u8>)]) {
    for (key, value) in changes {
        match value {
            Some(value) => drop(map.insert(*key, value.to_string())),
            None => drop(map.remove(key)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn who_refuses_or_panics_leaves_no_trace_and_the_neighbours_commit(deeds in proptest::collection::vec(deed(), 1..20)) {
        let disk = Disk::default();
        let store = Store::open_on(disk.clone()).unwrap();
        let hooks = Arc::new(AtomicUsize::new(0));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let works: Vec<Work> = deeds.iter().cloned().map(|deed| {
            let hooks = hooks.clone();
            Box::new(move |tx: &WriteTx| {
                let seen = NAMES.range(tx, .., Order::Rising, 100)?.len();
                tx.after_commit(move || {
                    hooks.fetch_add(1, Ordering::SeqCst);
                });
                apply(tx, &deed.changes)?;
                if let Some((inner, is_good)) = &deed.inner {
                    let nested = tx.nested(|tx| {
                        apply(tx, inner)?;
                        if *is_good { Ok(()) } else { Err(Fault::Busy) }
                    });
                    assert_eq!(nested.is_ok(), *is_good);
                }
                match deed.end {
                    End::Good => Ok(seen),
                    End::Refusal => Err(Fault::Busy),
                    // resume_unwind keeps the panic out of the test's output.
                    End::Panic => std::panic::resume_unwind(Box::new("a mistake")),
                }
            }) as Work
        }).collect();
        let results = runtime.block_on(async {
            let writes = in_one_batch(&store, async |store| line_up(store, works)).await;
            let mut results = Vec::new();
            for write in writes {
                results.push(write.await);
            }
            results
        });

        let mut wanted = BTreeMap::new();
        for (deed, result) in deeds.iter().zip(&results) {
            match deed.end {
                End::Good => prop_assert_eq!(result, &Ok(wanted.len())),
                End::Refusal => prop_assert_eq!(result, &Err(Fault::Busy)),
                End::Panic => prop_assert!(matches!(result, Err(Fault::Bug(words)) if words.contains("a mistake"))),
            }
            if deed.end == End::Good {
                apply_to_map(&mut wanted, &deed.changes);
                if let Some((inner, true)) = &deed.inner {
                    apply_to_map(&mut wanted, inner);
                }
            }
        }
        let good = deeds.iter().filter(|deed| deed.end == End::Good).count();
        prop_assert_eq!(hooks.load(Ordering::SeqCst), good);
        let wanted: Vec<_> = wanted.into_iter().collect();
        prop_assert_eq!(&names(&store), &wanted);
        store.close().unwrap();
        prop_assert_eq!(&names(&Store::open_on(disk).unwrap()), &wanted);
    }
}

#[tokio::test]
async fn hooks_run_after_the_commit_and_before_the_answer() {
    let store = in_memory();
    let (tell, told) = mpsc::channel();
    let reader = store.clone();
    store
        .write(move |tx| {
            tx.after_commit(move || tell.send(names(&reader)).unwrap());
            NAMES.put(tx, &1, &"Chelsea".to_owned())
        })
        .await
        .unwrap();
    assert_eq!(told.try_recv().unwrap(), [(1, "Chelsea".to_owned())]);
    // A hook that panics harms nobody.
    let panics = |tx: &WriteTx| {
        tx.after_commit(|| std::panic::resume_unwind(Box::new("a mistake")));
        NAMES.put(tx, &2, &"Minou".to_owned())
    };
    store.write(panics).await.unwrap();
    assert_eq!(names(&store).len(), 2);
}

#[tokio::test]
async fn a_write_inside_a_write_is_a_mistake_and_not_a_deadlock() {
    let store = in_memory();
    let inner = store.clone();
    let outcome = store.write(move |_| inner.write_blocking(|_| Ok::<_, Fault>(()))).await;
    assert!(matches!(outcome, Err(Fault::Bug(_))));
}

#[tokio::test]
async fn the_last_handle_may_die_inside_a_write() {
    let store = in_memory();
    let inner = store.clone();
    let writes = line_up(
        &store,
        vec![Box::new(move |tx: &WriteTx| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(inner);
            NAMES.put(tx, &1, &String::new()).map(|()| 0usize)
        }) as Work],
    );
    drop(store);
    for write in writes {
        assert_eq!(write.await, Ok(0));
    }
}

#[tokio::test]
async fn too_many_waiting_writes_are_told_to_come_back() {
    let store = in_memory();
    let (accepted, refusal) = in_one_batch(&store, async |store| {
        let nothing = || Box::new(|_: &WriteTx| Ok(0usize)) as Work;
        let accepted = line_up(store, (0..8192).map(|_| nothing()).collect());
        (accepted, store.write(nothing()).await)
    })
    .await;
    assert_eq!(refusal, Err(Fault::Busy));
    for write in accepted {
        assert_eq!(write.await, Ok(0));
    }
    store.write(|_| Ok::<_, Fault>(())).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_its_write() {
    let store = in_memory();
    let writes =
        line_up(&store, vec![Box::new(|tx: &WriteTx| NAMES.put(tx, &1, &String::new()).map(|()| 0usize)) as Work]);
    drop(writes);
    store.write(|_| Ok::<_, Fault>(())).await.unwrap();
    assert_eq!(names(&store).len(), 1);
}

#[tokio::test]
async fn what_comes_last_is_done_once_for_all_writes_of_a_commit_and_shares_its_syncs() {
    let disk = Disk::default();
    let store = Store::open_on(disk.clone()).unwrap();
    let asks = |key: u32, is_refused: bool| {
        Box::new(move |tx: &WriteTx| {
            NAMES.put(tx, &key, &"put".to_owned())?;
            tx.before_commit("count", move |tx| {
                let count = names_in(tx)?;
                NAMES.put(tx, &100, &format!("{count}, asked for by {key}"))
            });
            tx.before_commit("fail", |tx| {
                NAMES.put(tx, &101, &"never".to_owned())?;
                Err(Fault::Busy)
            });
            tx.before_commit("panic", |tx| {
                NAMES.put(tx, &102, &"never".to_owned())?;
                panic!("on purpose")
            });
            if is_refused { Err(Fault::Busy) } else { Ok(0usize) }
        }) as Work
    };
    let before = disk.syncs();
    let writes =
        in_one_batch(&store, async |store| line_up(store, vec![asks(1, true), asks(2, false), asks(3, false)])).await;
    let mut answers = Vec::new();
    for write in writes {
        answers.push(write.await);
    }
    assert_eq!(answers, [Err(Fault::Busy), Ok(0), Ok(0)]);
    assert_eq!(disk.syncs() - before, 2);
    let put = |key: u32| (key, "put".to_owned());
    let found = names(&store);
    assert_eq!(found, [put(2), put(3), (100, "2, asked for by 2".to_owned())]);
}

fn names_in(tx: &WriteTx) -> Result<usize, Fault> {
    Ok(NAMES.range(tx, .., Order::Rising, usize::MAX)?.len())
}
