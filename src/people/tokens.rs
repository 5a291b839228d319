//! API tokens: how scripts prove that the staff sent them. Shown once, kept as a hash.

pub mod web;

use crate::kernel::text::clean_line;
use crate::kernel::{Fault, Message, Moment, Refusal, Result};
use crate::people::audit::{self, Actor, Entry};
use crate::people::secret;
use crate::store::{Order, Snapshot, Table, WriteTx};
use crate::web::Role;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

crate::id!(
    /// An API token.
    TokenId
);

static TOKENS: Table<TokenId, TokenRow> = Table::new("people.tokens", 1);
/// Tokens by the hash of their secret.
static BY_SECRET: Table<String, TokenId> = Table::new("people.tokens.by_secret", 1);

/// By which people and secret scanners know our tokens.
const PREFIX: &str = "petstar_";
/// A use is noted no more often than this, so that reading does not write.
const NOTED_EVERY_S: i64 = 600;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenRow {
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    secret: String,
    pub created_at: Moment,
    pub last_used_at: Option<Moment>,
    /// From then on it opens nothing; `None` is good until it is withdrawn.
    #[serde(default)]
    pub expires_at: Option<Moment>,
}

impl TokenRow {
    pub fn has_expired(&self, now: Moment) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    /// The use should be noted.
    pub fn is_due(&self, now: Moment) -> bool {
        self.last_used_at.is_none_or(|last| now >= last.plus_seconds(NOTED_EVERY_S))
    }
}

/// A new token's text, to be shown once.
///
/// # Errors
/// A system without random bytes.
pub fn fresh() -> Result<String, Fault> {
    Ok(format!("{PREFIX}{}", secret::fresh()?))
}

/// # Errors
/// A name that is empty or too long.
pub fn add(
    tx: &WriteTx,
    id: TokenId,
    name: &str,
    role: Role,
    text: &str,
    expires_at: Option<Moment>,
    actor: Actor,
    now: Moment,
) -> Result<TokenRow> {
    let name = clean_line(name, 80).ok().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Refusal::field("name", Message::new("people.name_form").with("max", 80)))?;
    let row = TokenRow { id, name, role, secret: secret::kept(text), created_at: now, last_used_at: None, expires_at };
    TOKENS.put(tx, &id, &row)?;
    BY_SECRET.put(tx, &row.secret, &id)?;
    record(
        tx,
        "token.added",
        &row,
        Value::Null,
        json!({"name": row.name, "role": row.role, "expires_at": row.expires_at}),
        actor,
        now,
    )?;
    Ok(row)
}

/// Withdraws a token: from the commit on it opens nothing.
///
/// # Errors
/// An unknown token.
pub fn revoke(tx: &WriteTx, id: TokenId, actor: Actor, now: Moment) -> Result<TokenRow> {
    let row = TOKENS.get(tx, &id)?.ok_or_else(Refusal::not_found)?;
    TOKENS.remove(tx, &id)?;
    BY_SECRET.remove(tx, &row.secret)?;
    record(tx, "token.revoked", &row, json!({"name": row.name, "role": row.role}), Value::Null, actor, now)?;
    Ok(row)
}

fn record(
    tx: &WriteTx,
    action: &'static str,
    row: &TokenRow,
    before: Value,
    after: Value,
    actor: Actor,
    at: Moment,
) -> Result<(), Fault> {
    let target_id = row.id.to_string();
    audit::record(tx, Entry { actor, action, target_type: "token", target_id, before, after, at }).map(drop)
}

/// # Errors
/// A database that cannot be read.
pub fn by_secret(tx: &impl Snapshot, text: &str) -> Result<Option<TokenRow>, Fault> {
    match BY_SECRET.get(tx, &secret::kept(text))? {
        Some(id) => TOKENS.get(tx, &id),
        None => Ok(None),
    }
}

/// # Errors
/// A database that cannot be written.
pub fn note_use(tx: &WriteTx, id: TokenId, now: Moment) -> Result<(), Fault> {
    match TOKENS.get(tx, &id)? {
        Some(row) => TOKENS.put(tx, &id, &TokenRow { last_used_at: Some(now), ..row }),
        None => Ok(()),
    }
}

/// Every token, the oldest first. A shop has few.
///
/// # Errors
/// A database that cannot be read.
pub fn all(tx: &impl Snapshot) -> Result<Vec<TokenRow>, Fault> {
    Ok(TOKENS.range(tx, .., Order::Rising, 1000)?.into_iter().map(|(_, row)| row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use uuid::Uuid;

    #[test]
    fn a_token_opens_until_it_is_withdrawn() {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        let text = fresh().unwrap();
        assert!(text.starts_with("petstar_") && text.len() == 51, "{text}");
        let (id, given) = (TokenId(Uuid::from_u128(1)), text.clone());
        store
            .write_blocking(move |tx| {
                add(tx, id, "label printer", Role::Printer, &given, None, Actor::command_line(), Moment(0))
            })
            .unwrap();
        let found = |text: &str| by_secret(&store.read().unwrap(), text).unwrap().map(|row| row.role);
        assert_eq!(found(&text), Some(Role::Printer));
        assert_eq!(found(&text[..50]), None);
        assert_eq!(found(""), None);
        let stored = serde_json::to_string(&all(&store.read().unwrap()).unwrap()).unwrap();
        assert!(!stored.contains(&text), "only the hash is kept");
        store.write_blocking(move |tx| revoke(tx, id, Actor::command_line(), Moment(0))).unwrap();
        assert_eq!(found(&text), None);
        assert!(store.write_blocking(move |tx| revoke(tx, id, Actor::command_line(), Moment(0))).is_err());
    }
}
