//! Who is logged in. The browser holds a random secret, we only its hash; a session ends after 12 quiet hours, or after 30 days.

pub mod web;

use super::StaffId;
use crate::kernel::{Fault, Moment};
use crate::people::secret;
use crate::store::{Index, Order, Snapshot, Table, WriteTx};
use crate::web::Visit;
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

pub const IDLE_HOURS: i64 = 12;
pub const MAX_DAYS: i64 = 30;
/// A visit is noted no more often than this, so that reading pages does not write.
const NOTED_EVERY_S: i64 = 600;

/// Sessions by the hash of their secret.
static SESSIONS: Table<String, SessionRow> = Table::new("people.staff_sessions", 1);
static BY_STAFF: Index<(StaffId, String)> = Index::new("people.staff_sessions.by_staff");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SessionRow {
    staff: StaffId,
    created_at: Moment,
    seen_at: Moment,
    #[serde(default)]
    device: Device,
}

/// From where somebody logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub address: String,
    /// What the browser says it is.
    pub agent: String,
}

impl Device {
    /// What the request says of itself.
    pub fn of(visit: &Visit, headers: &HeaderMap) -> Device {
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        Device { address: visit.caller.address.to_string(), agent: agent.chars().take(200).collect() }
    }
}

/// A session as its owner sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SessionView {
    /// Says which one, and opens nothing.
    pub id: String,
    pub created_at: Moment,
    /// To within ten minutes.
    pub seen_at: Moment,
    pub address: String,
    pub agent: String,
    /// The one that asks.
    pub is_this: bool,
}

/// So much of a session's key names it.
const NAMED_BY: usize = 16;

/// The open sessions of an account, the one seen last first. `secret` is that of whoever asks.
///
/// # Errors
/// A database that cannot be read.
pub fn of_staff(tx: &impl Snapshot, staff: StaffId, secret: &str, now: Moment) -> Result<Vec<SessionView>, Fault> {
    let own = secret::kept(secret);
    let mut found = Vec::new();
    for (_, key) in BY_STAFF.prefix(tx, &(staff,), None, Order::Rising, 1000)? {
        let Some(row) = SESSIONS.get(tx, &key)?.filter(|row| !row.has_ended(now)) else { continue };
        found.push(SessionView {
            id: key.chars().take(NAMED_BY).collect(),
            created_at: row.created_at,
            seen_at: row.seen_at,
            address: row.device.address,
            agent: row.device.agent,
            is_this: key == own,
        });
    }
    found.sort_by_key(|session| std::cmp::Reverse((session.is_this, session.seen_at)));
    Ok(found)
}

/// Ends the session that is named so. False when the account has none of that name.
///
/// # Errors
/// A database that cannot be written.
pub fn end_one(tx: &WriteTx, staff: StaffId, id: &str) -> Result<bool, Fault> {
    let keys = BY_STAFF.prefix(tx, &(staff,), None, Order::Rising, 10_000)?;
    match keys.into_iter().find(|(_, key)| id.len() == NAMED_BY && key.starts_with(id)) {
        Some((_, key)) => end_by_key(tx, &key).map(|()| true),
        None => Ok(false),
    }
}

/// Ends every session of the account but the one with this secret.
///
/// # Errors
/// A database that cannot be written.
pub fn end_others(tx: &WriteTx, staff: StaffId, secret: &str) -> Result<(), Fault> {
    let own = secret::kept(secret);
    for (_, key) in BY_STAFF.prefix(tx, &(staff,), None, Order::Rising, 10_000)? {
        if key != own {
            end_by_key(tx, &key)?;
        }
    }
    Ok(())
}

impl SessionRow {
    fn has_ended(&self, now: Moment) -> bool {
        now >= self.seen_at.plus_seconds(IDLE_HOURS * 3600) || now >= self.created_at.plus_days(MAX_DAYS)
    }
}

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub staff: StaffId,
    /// The visit should be noted with [`note_visit`].
    pub is_due: bool,
}

/// # Errors
/// A database that cannot be written.
pub fn open(tx: &WriteTx, staff: StaffId, secret: &str, device: &Device, now: Moment) -> Result<(), Fault> {
    let key = secret::kept(secret);
    SESSIONS.put(tx, &key, &SessionRow { staff, created_at: now, seen_at: now, device: device.clone() })?;
    BY_STAFF.put(tx, &(staff, key))
}

/// # Errors
/// A database that cannot be read.
pub fn find(tx: &impl Snapshot, secret: &str, now: Moment) -> Result<Option<Found>, Fault> {
    let row = SESSIONS.get(tx, &secret::kept(secret))?.filter(|row| !row.has_ended(now));
    Ok(row.map(|row| Found { staff: row.staff, is_due: now >= row.seen_at.plus_seconds(NOTED_EVERY_S) }))
}

/// # Errors
/// A database that cannot be written.
pub fn note_visit(tx: &WriteTx, secret: &str, now: Moment) -> Result<(), Fault> {
    let key = secret::kept(secret);
    if let Some(row) = SESSIONS.get(tx, &key)?.filter(|row| !row.has_ended(now)) {
        SESSIONS.put(tx, &key, &SessionRow { seen_at: now, ..row })?;
    }
    Ok(())
}

/// # Errors
/// A database that cannot be written.
pub fn end(tx: &WriteTx, secret: &str) -> Result<(), Fault> {
    end_by_key(tx, &secret::kept(secret))
}

fn end_by_key(tx: &WriteTx, key: &String) -> Result<(), Fault> {
    if let Some(row) = SESSIONS.get(tx, key)? {
        SESSIONS.remove(tx, key)?;
        BY_STAFF.remove(tx, &(row.staff, key.clone()))?;
    }
    Ok(())
}

/// Logs an account out everywhere.
///
/// # Errors
/// A database that cannot be written.
pub fn end_all(tx: &WriteTx, staff: StaffId) -> Result<(), Fault> {
    for (_, key) in BY_STAFF.prefix(tx, &(staff,), None, Order::Rising, 10_000)? {
        end_by_key(tx, &key)?;
    }
    Ok(())
}

/// Removes sessions that have ended.
///
/// # Errors
/// A database that cannot be written.
pub fn forget_ended(tx: &WriteTx, now: Moment) -> Result<(), Fault> {
    for (key, row) in SESSIONS.range(tx, .., Order::Rising, 10_000)? {
        if row.has_ended(now) {
            end_by_key(tx, &key)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use uuid::Uuid;

    #[test]
    fn a_session_ends_when_quiet_and_at_the_latest_after_a_month() {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        let id = StaffId(Uuid::from_u128(1));
        let start = Moment::from_unix_seconds(1_000_000);
        store.write_blocking(move |tx| open(tx, id, "secret", &Device::default(), start)).unwrap();
        let find_at = |now| find(&store.read().unwrap(), "secret", now).unwrap();
        assert_eq!(find_at(start), Some(Found { staff: id, is_due: false }));
        assert_eq!(find_at(start.plus_seconds(NOTED_EVERY_S)), Some(Found { staff: id, is_due: true }));
        assert_eq!(find_at(start.plus_seconds(IDLE_HOURS * 3600)), None);
        assert_eq!(find(&store.read().unwrap(), "Secret", start).unwrap(), None);

        let mut now = start;
        while now < start.plus_days(MAX_DAYS) {
            assert!(find_at(now).is_some(), "somebody who comes every few hours stays in");
            store.write_blocking(move |tx| note_visit(tx, "secret", now)).unwrap();
            now = now.plus_seconds(6 * 3600);
        }
        assert_eq!(find_at(start.plus_days(MAX_DAYS)), None);
        store.write_blocking(move |tx| forget_ended(tx, now)).unwrap();
        assert!(SESSIONS.is_empty(&store.read().unwrap()).unwrap());
        assert!(BY_STAFF.is_empty(&store.read().unwrap()).unwrap());
    }
}
