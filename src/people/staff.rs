//! The people who run the shop: accounts, roles, sessions.
//!
//! Begin with [`add`] (rules of an account), [`sessions`] (who is logged in) and [`web`] (log-in and list).

pub mod password;
mod second_factor;
pub mod sessions;
pub mod throttle;
pub mod totp;
pub mod web;

use crate::kernel::text::{clean_line, looks_like_email};
use crate::kernel::{Code, Error, Fault, Message, Moment, Refusal, Result};
use crate::people::audit::{self, Actor, Entry};
use crate::store::{Order, Snapshot, Table, WriteTx};
use crate::web::Role;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use totp::SecondFactor;

crate::id!(
    /// A member of the staff.
    StaffId
);

static STAFF: Table<StaffId, StaffRow> = Table::new("people.staff", 1);
/// Accounts by their address in lower case.
static BY_EMAIL: Table<String, StaffId> = Table::new("people.staff.by_email", 1);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StaffRow {
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub password_hash: String,
    /// Cannot log in; kept for the audit log.
    pub disabled: bool,
    pub version: u64,
    pub created_at: Moment,
    pub last_log_in_at: Option<Moment>,
    /// Asked for after the password.
    #[serde(default)]
    pub second_factor: Option<SecondFactor>,
}

impl StaffRow {
    /// What the audit log may show.
    fn facts(&self) -> Value {
        let second_factor = self.second_factor.is_some();
        json!({
            "email": self.email, "name": self.name, "role": self.role, "disabled": self.disabled,
            "second_factor": second_factor,
        })
    }
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewStaff {
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub password_hash: String,
}

/// What is to be changed; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct StaffChange {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub disabled: Option<bool>,
    pub password_hash: Option<String>,
    /// The second factor is switched off: its phone and codes are lost.
    pub forget_second_factor: bool,
    /// The version the change was made from; none does not ask.
    pub version: Option<u64>,
}

/// Addresses are compared in this form.
pub fn normal(email: &str) -> String {
    email.trim().to_lowercase()
}

/// # Errors
/// 422 naming `email` or `name`.
pub fn check_new(email: &str, name: &str) -> Result<(String, String), Refusal> {
    let email = normal(email);
    if !looks_like_email(&email) {
        return Err(Refusal::field("email", Message::new("people.email_form")));
    }
    Ok((email, check_name(name)?))
}

fn check_name(name: &str) -> Result<String, Refusal> {
    match clean_line(name, 80) {
        Ok(name) if !name.is_empty() => Ok(name),
        _ => Err(Refusal::field("name", Message::new("people.name_form").with("max", 80))),
    }
}

/// Makes an account. The one-time set-up link is void as soon as there is an owner.
///
/// # Errors
/// An address that has an account already.
pub fn add(tx: &WriteTx, new: NewStaff, actor: Actor, now: Moment) -> Result<StaffRow> {
    let (email, name) = check_new(&new.email, &new.name)?;
    if BY_EMAIL.has(tx, &email)? {
        return Err(Refusal::field("email", Message::new("people.email_taken")).into());
    }
    let row = StaffRow {
        id: new.id,
        email,
        name,
        role: new.role,
        password_hash: new.password_hash,
        disabled: false,
        version: 1,
        created_at: now,
        last_log_in_at: None,
        second_factor: None,
    };
    STAFF.put(tx, &row.id, &row)?;
    BY_EMAIL.put(tx, &row.email, &row.id)?;
    if row.role.is_owner() {
        super::setup::forget_link(tx)?;
    }
    let target_id = row.id.to_string();
    audit::record(
        tx,
        Entry {
            actor,
            action: "staff.added",
            target_type: "staff",
            target_id,
            before: Value::Null,
            after: row.facts(),
            at: now,
        },
    )?;
    Ok(row)
}

/// Changes an account. A new password and a lock both end every session of the account.
///
/// # Errors
/// An unknown account, a change made from an old version, the last owner leaving.
pub fn change(tx: &WriteTx, id: StaffId, change: StaffChange, actor: Actor, now: Moment) -> Result<StaffRow> {
    let old = STAFF.get(tx, &id)?.ok_or_else(Refusal::not_found)?;
    if change.version.is_some_and(|version| version != old.version) {
        return Err(Refusal::new(Code::StaleVersion, "people.stale").into());
    }
    let mut row = old.clone();
    if let Some(name) = &change.name {
        row.name = check_name(name)?;
    }
    row.role = change.role.unwrap_or(row.role);
    row.disabled = change.disabled.unwrap_or(row.disabled);
    let new_password = change.password_hash.is_some();
    if let Some(hash) = change.password_hash {
        row.password_hash = hash;
    }
    if change.forget_second_factor {
        row.second_factor = None;
    }
    let is_owner = |row: &StaffRow| row.role.is_owner() && !row.disabled;
    if is_owner(&old) && !is_owner(&row) && owners(tx)? < 2 {
        return Err(Refusal::new(Code::Conflict, "people.last_owner").into());
    }
    if row == old {
        return Ok(old);
    }
    row.version += 1;
    STAFF.put(tx, &id, &row)?;
    if new_password || row.disabled {
        sessions::end_all(tx, id)?;
    }
    let (before, mut after) = audit::changes(&old.facts(), &row.facts());
    if let (true, Value::Object(members)) = (new_password, &mut after) {
        members.insert("password".into(), json!("(new)"));
    }
    let action = if new_password && before == json!({}) { "staff.password_reset" } else { "staff.changed" };
    let target_id = id.to_string();
    audit::record(tx, Entry { actor, action, target_type: "staff", target_id, before, after, at: now })?;
    Ok(row)
}

/// How many accounts may do everything.
fn owners(tx: &impl Snapshot) -> Result<usize, Fault> {
    Ok(all(tx)?.iter().filter(|row| row.role.is_owner() && !row.disabled).count())
}

/// True once somebody can run the shop.
///
/// # Errors
/// A database that cannot be read.
pub fn has_owner(tx: &impl Snapshot) -> Result<bool, Fault> {
    Ok(owners(tx)? > 0)
}

/// Every account, the oldest first. A shop has few.
///
/// # Errors
/// A database that cannot be read.
pub fn all(tx: &impl Snapshot) -> Result<Vec<StaffRow>, Fault> {
    Ok(STAFF.range(tx, .., Order::Rising, 1000)?.into_iter().map(|(_, row)| row).collect())
}

/// # Errors
/// A database that cannot be read.
pub fn find(tx: &impl Snapshot, id: StaffId) -> Result<Option<StaffRow>, Fault> {
    STAFF.get(tx, &id)
}

/// # Errors
/// A database that cannot be read.
pub fn by_email(tx: &impl Snapshot, email: &str) -> Result<Option<StaffRow>, Fault> {
    match BY_EMAIL.get(tx, &normal(email))? {
        Some(id) => STAFF.get(tx, &id),
        None => Ok(None),
    }
}

/// Switches the second factor on, or off.
///
/// # Errors
/// An unknown account.
pub fn set_second_factor(
    tx: &WriteTx,
    id: StaffId,
    factor: Option<SecondFactor>,
    actor: Actor,
    now: Moment,
) -> Result<StaffRow> {
    let mut row = STAFF.get(tx, &id)?.ok_or_else(Refusal::not_found)?;
    let old = row.facts();
    row.second_factor = factor;
    row.version += 1;
    STAFF.put(tx, &id, &row)?;
    let (before, after) = audit::changes(&old, &row.facts());
    let target_id = id.to_string();
    audit::record(
        tx,
        Entry { actor, action: "staff.second_factor", target_type: "staff", target_id, before, after, at: now },
    )?;
    Ok(row)
}

/// Notes a log-in and opens its session under `secret`. `code` is the second factor's, where the account has one.
///
/// # Errors
/// An account that was locked in the meantime, a code that is wrong or used up.
pub fn log_in(
    tx: &WriteTx,
    id: StaffId,
    secret: &str,
    code: Option<&str>,
    device: &sessions::Device,
    now: Moment,
) -> Result<StaffRow> {
    let mut row = STAFF.get(tx, &id)?.filter(|row| !row.disabled).ok_or_else(wrong_log_in)?;
    if let Some(factor) = &mut row.second_factor {
        // Looked at here, in the write, so that one code opens one session.
        if !factor.take(code.unwrap_or_default(), now) {
            return Err(wrong_code());
        }
    }
    row.last_log_in_at = Some(now);
    STAFF.put(tx, &id, &row)?;
    sessions::open(tx, id, secret, device, now)?;
    let actor = Actor { name: row.name.clone(), id: Some(id.0), ip: Some(device.address.clone()) };
    audit::record(
        tx,
        Entry {
            actor,
            action: "staff.logged_in",
            target_type: "staff",
            target_id: id.to_string(),
            before: Value::Null,
            after: Value::Null,
            at: now,
        },
    )?;
    Ok(row)
}

/// The one answer to every log-in that does not work.
pub fn wrong_log_in() -> Error {
    Refusal::new(Code::Unauthorized, "people.log_in_wrong").into()
}

/// The answer to a second factor that is missing, wrong or used up.
pub fn wrong_code() -> Error {
    Refusal::new(Code::Unauthorized, "people.code_wrong").with_extra("second_factor", json!(true)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use uuid::Uuid;

    fn new(n: u128, email: &str, role: Role) -> NewStaff {
        NewStaff {
            id: StaffId(Uuid::from_u128(n)),
            email: email.into(),
            name: "Mika".into(),
            role,
            password_hash: "hash".into(),
        }
    }

    fn store() -> Store {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        store
            .write_blocking(|tx| add(tx, new(1, "Mika@Example.jp ", Role::Owner), Actor::command_line(), Moment(0)))
            .unwrap();
        store
    }

    fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Refusal {
        match result {
            Err(Error::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_address_has_one_account_in_any_spelling() {
        let store = store();
        let again = store
            .write_blocking(|tx| add(tx, new(2, "MIKA@example.JP", Role::Viewer), Actor::command_line(), Moment(0)));
        assert_eq!(refusal(again).errors[0].field, "email");
        let tx = store.read().unwrap();
        assert_eq!(by_email(&tx, "mika@EXAMPLE.jp").unwrap().unwrap().email, "mika@example.jp");
        assert_eq!(audit::verify_chain(&tx).unwrap().entries, 1, "what was refused left no entry");
    }

    #[test]
    fn the_last_owner_stays() {
        let store = store();
        let id = StaffId(Uuid::from_u128(1));
        for wish in [
            StaffChange { role: Some(Role::Manager), ..Default::default() },
            StaffChange { disabled: Some(true), ..Default::default() },
        ] {
            let done = store.write_blocking({
                let wish = wish.clone();
                move |tx| change(tx, id, wish, Actor::command_line(), Moment(0))
            });
            assert_eq!(refusal(done).code, Code::Conflict);
        }
        let done = store.write_blocking(move |tx| {
            add(tx, new(2, "ken@example.jp", Role::Owner), Actor::command_line(), Moment(0))?;
            change(
                tx,
                id,
                StaffChange { disabled: Some(true), version: Some(1), ..Default::default() },
                Actor::command_line(),
                Moment(0),
            )
        });
        assert_eq!(done.unwrap().version, 2);
        let stale = store.write_blocking(move |tx| {
            let wish = StaffChange { name: Some("M".into()), version: Some(1), ..Default::default() };
            change(tx, id, wish, Actor::command_line(), Moment(0))
        });
        assert_eq!(refusal(stale).code, Code::StaleVersion);
    }

    #[test]
    fn a_new_password_ends_every_session() {
        let store = store();
        let id = StaffId(Uuid::from_u128(1));
        let now = Moment::from_unix_seconds(1_000);
        store.write_blocking(move |tx| log_in(tx, id, "secret", None, &sessions::Device::default(), now)).unwrap();
        let open = || sessions::find(&store.read().unwrap(), "secret", now).unwrap();
        assert_eq!(open().map(|found| found.staff), Some(id));
        store
            .write_blocking(move |tx| {
                let wish = StaffChange { password_hash: Some("other".into()), ..Default::default() };
                change(tx, id, wish, Actor::command_line(), now)
            })
            .unwrap();
        assert_eq!(open().map(|found| found.staff), None);
        let tx = store.read().unwrap();
        let last = audit::list(&tx, None, 1).unwrap().remove(0);
        assert_eq!(last.action, "staff.password_reset");
        assert!(!serde_json::to_string(&last).unwrap().contains("other"), "no hash in the log");
    }
}
