//! The audit log: who on the staff did what to what. Entries are only ever added, each sealed with the hash of the one before.
//!
//! Begin with [`record`], which is called in the transaction of the change it tells about.

mod seek;
mod walk;
pub mod web;

pub use seek::{Sought, seek};
pub use walk::{Along, Span, each_stored, span_size};

use crate::kernel::canonical::canonical_json;
use crate::kernel::{Fault, Moment};
use crate::store::{Index, Order, Snapshot, Table, WriteTx, derived};
use crate::web::Visit;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;
use uuid::Uuid;

crate::id!(
    /// One entry of the audit log.
    AuditId
);

/// Entries by their number, from 1.
static ENTRIES: Table<u64, AuditRow> = Table::new("people.audit", 1);
static NUMBERS: Table<AuditId, u64> = Table::new("people.audit.numbers", 1);
static BY_TARGET: Index<(String, String, u64)> = Index::new("people.audit.by_target");
/// By who did it, in small letters, and by what was done.
static BY_ACTOR: Index<(String, u64)> = Index::new("people.audit.by_actor");
static BY_ACTION: Index<(String, u64)> = Index::new("people.audit.by_action");
/// By what it was done to, whatever that is.
static BY_ID: Index<(String, u64)> = Index::new("people.audit.by_id");
/// By when, for lists that begin or end at a day.
static BY_TIME: Index<(Moment, u64)> = Index::new("people.audit.by_time");
/// One row: number and hash of the newest entry, by which a log that lost its end is known.
static HEAD: Table<String, Head> = Table::new("people.audit.head", 1);

/// Who did it, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub name: String,
    /// The staff member's or token's id; none for the command line.
    pub id: Option<Uuid>,
    pub ip: Option<String>,
}

impl Actor {
    /// Whoever sent the request. Customers are not staff, so that their own changes are not in this log.
    pub fn of(visit: &Visit) -> Actor {
        let ip = Some(visit.caller.address.to_string());
        match &visit.caller.staff {
            Some(staff) => Actor { name: staff.name.clone(), id: Some(staff.id), ip },
            None => Actor { name: "set-up".into(), id: None, ip },
        }
    }

    /// The shop itself, at its hour.
    pub fn timer() -> Actor {
        Actor { name: "petstar".into(), id: None, ip: None }
    }

    pub fn command_line() -> Actor {
        Actor { name: "command line".into(), id: None, ip: None }
    }
}

/// What is to be recorded. `before` and `after` hold what changed, without secrets.
#[derive(Clone, Debug)]
pub struct Entry {
    pub actor: Actor,
    /// `noun.verb`, for example `order.changed`.
    pub action: &'static str,
    pub target_type: &'static str,
    pub target_id: String,
    pub before: Value,
    pub after: Value,
    pub at: Moment,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRow {
    pub number: u64,
    pub id: AuditId,
    pub at: Moment,
    pub actor: String,
    pub actor_id: Option<Uuid>,
    pub action: String,
    pub target_type: String,
    pub target_id: String,
    pub before: Value,
    pub after: Value,
    pub ip: Option<String>,
    /// The seal of the entry before; empty for the first.
    pub previous: String,
    /// SHA-256 over everything above, in hex.
    pub seal: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    number: u64,
    seal: String,
}

impl AuditRow {
    fn sealed(&self) -> String {
        let content = json!({
            "number": self.number, "id": self.id, "at": self.at, "actor": self.actor, "actor_id": self.actor_id,
            "action": self.action, "target_type": self.target_type, "target_id": self.target_id,
            "before": self.before, "after": self.after, "ip": self.ip, "previous": self.previous,
        });
        hex::encode(Sha256::digest(canonical_json(&content)))
    }
}

/// Adds an entry.
///
/// # Errors
/// A database that cannot be written.
pub fn record(tx: &WriteTx, entry: Entry) -> Result<AuditId, Fault> {
    let head = HEAD.get(tx, &"audit".to_owned())?;
    let (number, previous) = head.map_or((1, String::new()), |head| (head.number + 1, head.seal));
    let mut row = AuditRow {
        number,
        id: AuditId(Uuid::now_v7()),
        at: entry.at,
        actor: entry.actor.name,
        actor_id: entry.actor.id,
        action: entry.action.into(),
        target_type: entry.target_type.into(),
        target_id: entry.target_id,
        before: entry.before,
        after: entry.after,
        ip: entry.actor.ip,
        previous,
        seal: String::new(),
    };
    row.seal = row.sealed();
    ENTRIES.put(tx, &number, &row)?;
    NUMBERS.put(tx, &row.id, &number)?;
    BY_TARGET.put(tx, &(row.target_type.clone(), row.target_id.clone(), number))?;
    BY_ACTOR.put(tx, &(row.actor.to_lowercase(), number))?;
    BY_ACTION.put(tx, &(row.action.clone(), number))?;
    BY_ID.put(tx, &(row.target_id.clone(), number))?;
    BY_TIME.put(tx, &(row.at, number))?;
    HEAD.put(tx, &"audit".to_owned(), &Head { number, seal: row.seal })?;
    Ok(row.id)
}

/// Records what a member of the staff, or a token, did by a way that customers have too. Nothing where nobody of the staff asks: what
/// customers do for themselves is not in this log.
///
/// # Errors
/// A database that cannot be written.
pub fn by_staff(
    tx: &WriteTx,
    visit: &Visit,
    action: &'static str,
    target: (&'static str, Uuid),
    before: Value,
    after: Value,
) -> Result<(), Fault> {
    if visit.caller.staff.is_none() {
        return Ok(());
    }
    let (target_type, target_id) = (target.0, target.1.to_string());
    record(tx, Entry { actor: Actor::of(visit), action, target_type, target_id, before, after, at: visit.now })?;
    Ok(())
}

/// The members in which two objects differ, as they were and as they are.
pub fn changes(before: &Value, after: &Value) -> (Value, Value) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return (before.clone(), after.clone()) };
    let differing = |one: &Map<String, Value>, other: &Map<String, Value>| -> Value {
        let members = one.iter().filter(|(name, value)| other.get(*name) != Some(value));
        Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    (differing(old, new), differing(new, old))
}

/// Where an entry stands in the chain.
///
/// # Errors
/// A database that cannot be read.
pub fn number(tx: &impl Snapshot, id: AuditId) -> Result<Option<u64>, Fault> {
    NUMBERS.get(tx, &id)
}

/// The id of the entry with a number.
///
/// # Errors
/// A database that cannot be read.
pub fn id_of(tx: &impl Snapshot, number: u64) -> Result<Option<AuditId>, Fault> {
    Ok(ENTRIES.get(tx, &number)?.map(|row| row.id))
}

/// Entries from the newest to the oldest, behind the one with the number `after`.
///
/// # Errors
/// A database that cannot be read.
pub fn list(tx: &impl Snapshot, after: Option<u64>, limit: usize) -> Result<Vec<AuditRow>, Fault> {
    let end = after.unwrap_or(u64::MAX);
    Ok(ENTRIES.range(tx, ..end, Order::Falling, limit)?.into_iter().map(|(_, row)| row).collect())
}

/// How many entries there are.
///
/// # Errors
/// A database that cannot be read.
pub fn count(tx: &impl Snapshot) -> Result<u64, Fault> {
    ENTRIES.len(tx)
}

/// What was done to one thing, from the newest to the oldest.
///
/// # Errors
/// A database that cannot be read.
pub fn of_target(tx: &impl Snapshot, kind: &str, id: &str, limit: usize) -> Result<Vec<AuditRow>, Fault> {
    let keys = BY_TARGET.prefix(tx, &(kind, id), None, Order::Falling, limit)?;
    let mut rows = Vec::with_capacity(keys.len());
    for (_, _, number) in keys {
        rows.extend(ENTRIES.get(tx, &number)?);
    }
    Ok(rows)
}

/// The actions there are in the log, each once, in the order of the alphabet.
///
/// # Errors
/// A database that cannot be read.
pub fn actions(tx: &impl Snapshot) -> Result<Vec<String>, Fault> {
    let mut actions: Vec<String> = Vec::new();
    // From the last entry of one action to the first of the next: as many steps as there are actions.
    let mut from = (String::new(), 0);
    while let Some((action, _)) = BY_ACTION.range(tx, from.clone().., Order::Rising, 1)?.pop() {
        from = (action.clone(), u64::MAX);
        actions.push(action);
        if actions.len() > 500 {
            break;
        }
    }
    Ok(actions)
}

/// Tables that hold what [`follow`] names and nothing else.
pub const FOLLOWING: &[&str] =
    &[NUMBERS.name(), BY_TARGET.name(), BY_ACTOR.name(), BY_ACTION.name(), BY_ID.name(), BY_TIME.name()];

/// Names every row of other tables that the entries stand for.
///
/// # Errors
/// A database that cannot be read.
pub fn follow(tx: &impl Snapshot, visit: &mut derived::Visit<'_>) -> Result<(), Fault> {
    ENTRIES.each(tx, .., Order::Rising, |number, row| {
        visit(NUMBERS.derived(&row.id, &number)?)?;
        visit(BY_TARGET.derived(&(row.target_type, row.target_id.clone(), number)))?;
        visit(BY_ID.derived(&(row.target_id, number)))?;
        visit(BY_ACTOR.derived(&(row.actor.to_lowercase(), number)))?;
        visit(BY_ACTION.derived(&(row.action, number)))?;
        visit(BY_TIME.derived(&(row.at, number)))?;
        Ok(std::ops::ControlFlow::Continue(()))
    })
}

/// What [`verify_chain`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub entries: u64,
    /// Where the chain is broken, in words.
    pub broken: Option<String>,
}

/// Follows the chain from the first entry to the last.
///
/// # Errors
/// A database that cannot be read.
pub fn verify_chain(tx: &impl Snapshot) -> Result<Verified, Fault> {
    let mut seen = Head { number: 0, seal: String::new() };
    let mut broken = None;
    ENTRIES.each(tx, .., Order::Rising, |number, row| {
        let wrong = if number != seen.number + 1 || row.number != number {
            Some(format!("entry {} is missing", seen.number + 1))
        } else if row.previous != seen.seal {
            Some(format!("entry {number} does not follow the one before it"))
        } else if row.seal != row.sealed() {
            Some(format!("entry {number} was changed after it was written"))
        } else {
            None
        };
        seen = Head { number, seal: row.seal };
        broken = wrong;
        Ok(if broken.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    if broken.is_none() {
        let head = HEAD.get(tx, &"audit".to_owned())?.unwrap_or(Head { number: 0, seal: String::new() });
        if head != seen {
            broken = Some(format!("the log ends at entry {}, but {} were written", seen.number, head.number));
        }
    }
    Ok(Verified { entries: seen.number, broken })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn store() -> Store {
        Store::open_on(redb::backends::InMemoryBackend::new()).unwrap()
    }

    fn entry(target: &str) -> Entry {
        Entry {
            actor: Actor::command_line(),
            action: "staff.added",
            target_type: "staff",
            target_id: target.into(),
            before: Value::Null,
            after: json!({"role": "owner", "rate": 1.0}),
            at: Moment(1_000),
        }
    }

    fn with_entries(count: usize) -> Store {
        let store = store();
        for at in 0..count {
            store.write_blocking(move |tx| record(tx, entry(&at.to_string()))).unwrap();
        }
        store
    }

    fn verify(store: &Store) -> Verified {
        verify_chain(&store.read().unwrap()).unwrap()
    }

    #[test]
    fn an_untouched_log_is_whole_and_listed_from_the_newest() {
        assert_eq!(verify(&store()), Verified { entries: 0, broken: None });
        let store = with_entries(3);
        assert_eq!(verify(&store), Verified { entries: 3, broken: None });
        let tx = store.read().unwrap();
        let page = list(&tx, None, 2).unwrap();
        assert_eq!(page.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 2]);
        let rest = list(&tx, number(&tx, page[1].id).unwrap(), 2).unwrap();
        assert_eq!(rest.iter().map(|row| row.number).collect::<Vec<_>>(), [1]);
        assert_eq!(of_target(&tx, "staff", "1", 9).unwrap().len(), 1);
        assert_eq!(of_target(&tx, "staff", "12", 9).unwrap().len(), 0);
    }

    #[test]
    fn every_kind_of_tampering_is_found() {
        let tamper: [(&str, fn(&WriteTx) -> Result<(), Fault>); 5] = [
            ("entry 2 was changed", |tx| {
                let mut row = ENTRIES.get(tx, &2)?.unwrap();
                row.actor = "nobody".into();
                ENTRIES.put(tx, &2, &row)
            }),
            ("entry 3 does not follow", |tx| {
                let mut row = ENTRIES.get(tx, &2)?.unwrap();
                row.actor = "nobody".into();
                row.seal = row.sealed();
                ENTRIES.put(tx, &2, &row)
            }),
            ("entry 2 is missing", |tx| ENTRIES.remove(tx, &2).map(drop)),
            ("entry 1 is missing", |tx| ENTRIES.remove(tx, &1).map(drop)),
            ("ends at entry 2, but 3", |tx| ENTRIES.remove(tx, &3).map(drop)),
        ];
        for (words, change) in tamper {
            let store = with_entries(3);
            store.write_blocking(change).unwrap();
            let broken = verify(&store).broken.unwrap_or_default();
            assert!(broken.contains(words), "{broken:?} should say {words}");
        }
    }

    #[test]
    fn the_log_is_searched_by_its_indexes() {
        let store = store();
        for at in 0..60_i64 {
            let (name, action) = if at % 2 == 0 { ("Mika", "order.changed") } else { ("Kenji", "order.refunded") };
            let actor = Actor { name: name.into(), id: None, ip: None };
            let entry = Entry {
                actor,
                action: if at % 10 == 9 { "product.changed" } else { action },
                target_type: "order",
                target_id: (at % 3).to_string(),
                at: Moment(at * 1000),
                ..entry("1")
            };
            store.write_blocking(move |tx| record(tx, entry.clone())).unwrap();
        }
        let tx = store.read().unwrap();
        let look = |sought: Sought| {
            let (rows, goes_on) = seek(&tx, &sought, None, 100).unwrap();
            assert_eq!(goes_on, None);
            rows.into_iter().map(|row| row.number - 1).collect::<Vec<_>>()
        };
        let fits = |wanted: &dyn Fn(u64) -> bool| (0..60_u64).rev().filter(|at| wanted(*at)).collect::<Vec<_>>();
        let any = Sought::default;
        assert_eq!(look(any()), fits(&|_| true));
        assert_eq!(look(Sought { actor: "mika".into(), ..any() }), fits(&|at| at % 2 == 0));
        assert_eq!(look(Sought { actor: "Mik".into(), ..any() }), fits(&|at| at % 2 == 0), "a beginning is enough");
        assert_eq!(look(Sought { actor: "ika".into(), ..any() }), Vec::<u64>::new());
        assert_eq!(look(Sought { action: "product.changed".into(), ..any() }), fits(&|at| at % 10 == 9));
        assert_eq!(look(Sought { action: "order".into(), ..any() }), fits(&|at| at % 10 != 9));
        let target = |id: &str| Sought { target_type: "order".into(), target_id: id.into(), ..any() };
        assert_eq!(look(target("2")), fits(&|at| at % 3 == 2));
        assert_eq!(look(Sought { actor: "Kenji".into(), ..target("2") }), fits(&|at| at % 3 == 2 && at % 2 == 1));
        let some_time = Sought { from: Some(Moment(10_000)), until: Some(Moment(20_000)), ..any() };
        assert_eq!(look(some_time), fits(&|at| (10..20).contains(&at)));
        assert_eq!(look(Sought { from: Some(Moment(99_000)), ..any() }), Vec::<u64>::new());
        assert_eq!(actions(&tx).unwrap(), ["order.changed", "order.refunded", "product.changed"]);
        let (page, _) = seek(&tx, &target("0"), None, 5).unwrap();
        let (rest, _) = seek(&tx, &target("0"), Some(page[4].number), 100).unwrap();
        assert_eq!(page.len() + rest.len(), 20);
    }

    #[test]
    fn only_what_differs_is_kept() {
        let (before, after) = changes(&json!({"a": 1, "b": 2}), &json!({"a": 1, "b": 3, "c": null}));
        assert_eq!((before, after), (json!({"b": 2}), json!({"b": 3, "c": null})));
    }
}
