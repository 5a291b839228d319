//! Finding jobs again, and forgetting them.

use super::*;
use proptest::prelude::*;
use uuid::Uuid;

const KINDS: [&JobKind; 3] = [&QUICK, &OTHER, &HEAVY];

#[test]
fn a_key_is_given_to_one_job_of_a_kind() {
    let shop = Shop::new(Handlers::new().on(&QUICK, works()).on(&OTHER, works()));
    let add = |kind: &'static JobKind, key: &str| {
        let job = NewJob::new(kind, json!({}), START).keyed(key);
        shop.store.write_blocking(move |tx| enqueue(tx, job)).unwrap().id
    };
    let first = add(&QUICK, "order-1");
    assert_eq!(add(&QUICK, "order-1"), first);
    shop.settled(first);
    assert_eq!(add(&QUICK, "order-1"), first);
    assert_ne!(add(&QUICK, "order-2"), first);
    assert_ne!(add(&OTHER, "order-1"), first);
    assert_eq!(list(&shop.store.read().unwrap(), None, None, None, 10).unwrap().len(), 3);
}

/// A job in any state, made without any thread.
fn plan() -> impl Strategy<Value = (usize, usize, Option<u8>, i64)> {
    (0usize..3, 0usize..5, proptest::option::of(0u8..3), 0i64..10)
}

fn owner(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_list_shows_what_a_filter_of_all_jobs_shows(
        plans in proptest::collection::vec(plan(), 0..40),
        limit in 1usize..8,
        before in 0i64..10,
    ) {
        use super::super::{rules, table, model::Token};
        let store = Store::open_on(InMemoryBackend::new()).unwrap();
        let mut all = store.write_blocking(move |tx| {
            let mut all = Vec::new();
            for (kind, status, owned_by, age) in plans {
                let now = START.plus_seconds(age);
                let mut new = NewJob::new(KINDS[kind], json!({}), START).keyed(all.len().to_string());
                new.owner = owned_by.map(owner);
                let queued = enqueue(tx, new)?;
                let begun = rules::begun(queued.clone(), Token { boot: 1, number: 1 }, now);
                let job = match JobStatus::ALL[status] {
                    JobStatus::Queued => queued.clone(),
                    JobStatus::Processing => begun,
                    JobStatus::Completed => rules::completed(begun, json!({}), now),
                    JobStatus::Failed => rules::given_up(begun, "reason".into(), now),
                    JobStatus::Cancelled => rules::cancelled(begun, now),
                };
                table::save(tx, Some(&queued), &job)?;
                all.push(job);
            }
            Ok::<_, Fault>(all)
        }).unwrap();
        all.sort_by_key(|job| std::cmp::Reverse(job.id));
        check(&store, &all, limit)?;

        let before = START.plus_seconds(before);
        let is_old = |job: &JobRow| matches!(job.status, JobStatus::Completed | JobStatus::Cancelled)
            && job.created_at < before && job.completed_at.is_some_and(|ended| ended < before);
        let count = store.write_blocking(move |tx| forget_settled(tx, before, usize::MAX)).unwrap();
        let kept: Vec<_> = all.iter().filter(|job| !is_old(job)).cloned().collect();
        prop_assert_eq!(count, all.len() - kept.len());
        check(&store, &kept, limit)?;
        let keys: crate::store::Table<(String, String), JobId> = crate::store::Table::new("jobs.by_key", 1);
        prop_assert_eq!(keys.len(&store.read().unwrap()).unwrap(), kept.len() as u64);
    }
}

/// Walks every list page by page and compares it with `all`, newest first.
fn check(store: &Store, all: &[JobRow], limit: usize) -> Result<(), TestCaseError> {
    let tx = store.read().unwrap();
    prop_assert_eq!(contradictions(&tx).unwrap(), Vec::<String>::new());
    let statuses = JobStatus::ALL.into_iter().map(Some).chain([None]);
    for status in statuses {
        for kind in KINDS.into_iter().map(|kind| Some(kind.name)).chain([None]) {
            let fits = |job: &&JobRow| {
                status.is_none_or(|status| job.status == status) && kind.is_none_or(|kind| job.kind == kind)
            };
            let wanted: Vec<_> = all.iter().filter(fits).cloned().collect();
            let mut found: Vec<JobRow> = Vec::new();
            loop {
                let page = list(&tx, status, kind, found.last().map(|job| job.id), limit).unwrap();
                prop_assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            prop_assert_eq!(found, wanted);
        }
    }
    for number in 0..3 {
        let wanted: Vec<_> = all.iter().filter(|job| job.owner == Some(owner(number))).cloned().collect();
        prop_assert_eq!(by_owner(&tx, owner(number)).unwrap(), wanted);
    }
    Ok(())
}

#[test]
fn rows_and_indexes_that_disagree_are_told() {
    use crate::store::{Key, Table};
    let store = Store::open_on(InMemoryBackend::new()).unwrap();
    let job = NewJob::new(&QUICK, json!({}), START).about(owner(1)).keyed("key");
    let job = store.write_blocking(move |tx| enqueue(tx, job)).unwrap();

    /// What `contradictions` says after `spoil`, which is then taken back.
    fn told(store: &Store, spoil: impl FnOnce(&WriteTx) -> Result<bool, Fault> + Send + 'static) -> String {
        store
            .write_blocking(move |tx| {
                tx.nested(|tx| {
                    assert!(spoil(tx)?, "nothing was spoiled");
                    let found = contradictions(tx)?;
                    assert_eq!(found.len(), 2, "one for the row and one for the count: {found:?}");
                    Err::<(), _>(Fault::Bug(found[0].clone()))
                })
                .map_or_else(|fault| Ok::<_, Fault>(fault.to_string()), |()| Ok(String::new()))
            })
            .unwrap()
    }
    fn without<K: Key + Send + 'static>(
        index: Index<K>,
        key: K,
    ) -> impl FnOnce(&WriteTx) -> Result<bool, Fault> + Send {
        move |tx| index.remove(tx, &key)
    }
    let state = without(Index::new("jobs.by_state"), (JobStatus::Queued, job.kind.clone(), job.id));
    assert!(told(&store, state).ends_with("missing among the queued ones"));
    let due = without(Index::new("jobs.due"), (job.lane, START, job.id));
    assert!(told(&store, due).ends_with("not in line"));
    let owned = without(Index::new("jobs.by_owner"), (owner(1), job.id));
    assert!(told(&store, owned).contains("missing among the jobs of"));
    let keys: Table<(String, String), JobId> = Table::new("jobs.by_key", 1);
    let key = (job.kind.clone(), "key".to_owned());
    assert!(told(&store, move |tx| keys.remove(tx, &key)).ends_with("lost its idempotency key"));
    assert!(contradictions(&store.read().unwrap()).unwrap().is_empty());
}
