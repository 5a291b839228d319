//! Customers: whose address a session has proved. A link in a mail proves it; nothing else does.
//!
//! Begin with [`proven_emails`] (what other rooms ask) and [`ask_for_link`] (how a link comes about).

pub mod web;

use crate::kernel::{Code, Fault, Lang, Moment, Refusal, Result};
use crate::people::mails::texts::{self, MailText};
use crate::people::mails::{self, LetterBody, NewMail};
use crate::shop::Shop;
use crate::store::{Index, Order, Snapshot, Table, WriteTx};
use crate::web::{SessionId, words};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

pub const MAIL_KIND: &str = "sign_in";
const LINK_MINUTES: i64 = 30;
/// So many links an hour for one address, so that nobody's mailbox is flooded.
const LINKS_AN_HOUR: usize = 5;

/// Addresses that ordered here; only they are mailed a link.
static KNOWN: Table<String, KnownRow> = Table::new("people.customers", 1);
static PROOFS: Table<(SessionId, String), ProofRow> = Table::new("people.customer_proofs", 1);
static LINKS: Table<Uuid, LinkRow> = Table::new("people.sign_in_links", 1);
/// When links were asked for, by address, known or not.
static ASKED: Index<(String, Moment, Uuid)> = Index::new("people.sign_in_links.by_email");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KnownRow {
    first_seen_at: Moment,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ProofRow {
    at: Moment,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LinkRow {
    email: String,
    /// The session that asked: on the same device the link works at once.
    session: SessionId,
    expires_at: Moment,
    used_at: Option<Moment>,
}

/// Addresses are compared in this form.
pub fn normal(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Notes that an address ordered here. From then on it can be mailed a sign-in link.
///
/// # Errors
/// A database that cannot be written.
pub fn remember(tx: &WriteTx, email: &str, now: Moment) -> Result<(), Fault> {
    let email = normal(email);
    if email.is_empty() || KNOWN.has(tx, &email)? {
        return Ok(());
    }
    KNOWN.put(tx, &email, &KnownRow { first_seen_at: now })
}

/// The addresses this session has proved, in their normal form.
///
/// # Errors
/// A database that cannot be read.
pub fn proven_emails(tx: &impl Snapshot, session: SessionId) -> Result<Vec<String>, Fault> {
    let rows = PROOFS.prefix(tx, &(session,), None, Order::Rising, 100)?;
    Ok(rows.into_iter().map(|((_, email), _)| email).collect())
}

/// Whether this session has proved that `email` is its visitor's.
///
/// # Errors
/// A database that cannot be read.
pub fn proves(tx: &impl Snapshot, session: SessionId, email: &str) -> Result<bool, Fault> {
    PROOFS.has(tx, &(session, normal(email)))
}

/// Notes a proof.
///
/// # Errors
/// A database that cannot be written.
pub fn prove(tx: &WriteTx, session: SessionId, email: &str, now: Moment) -> Result<(), Fault> {
    PROOFS.put(tx, &(session, normal(email)), &ProofRow { at: now })
}

/// Takes every proof of a session back.
///
/// # Errors
/// A database that cannot be written.
pub fn sign_out(tx: &WriteTx, session: SessionId) -> Result<(), Fault> {
    for email in proven_emails(tx, session)? {
        PROOFS.remove(tx, &(session, email))?;
    }
    Ok(())
}

/// The sessions that have proved an address, and when. Reads all proofs.
///
/// # Errors
/// A database that cannot be read.
pub fn proofs_of(tx: &impl Snapshot, email: &str) -> Result<Vec<(SessionId, Moment)>, Fault> {
    let (email, mut found) = (normal(email), Vec::new());
    PROOFS.each(tx, .., Order::Rising, |(session, proven), row| {
        if proven == email {
            found.push((session, row.at));
        }
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Forgets an address: that it ordered, who proved it, and links that wait to be opened.
///
/// # Errors
/// A database that cannot be written.
pub fn forget(tx: &WriteTx, email: &str, proofs: &[(SessionId, Moment)]) -> Result<(), Fault> {
    let email = normal(email);
    KNOWN.remove(tx, &email)?;
    for (session, _) in proofs {
        PROOFS.remove(tx, &(*session, email.clone()))?;
    }
    for (email, at, id) in ASKED.prefix(tx, &(email,), None, Order::Rising, 1000)? {
        LINKS.remove(tx, &id)?;
        ASKED.remove(tx, &(email, at, id))?;
    }
    Ok(())
}

/// The secret part of a link: `<id>.<signature over id and end>`, both in base64url.
fn write_token(key: &[u8; 32], id: Uuid, expires_at: Moment) -> String {
    let signature = signature(key, id, expires_at).finalize().into_bytes();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(id.as_bytes()), URL_SAFE_NO_PAD.encode(signature))
}

fn signature(key: &[u8; 32], id: Uuid, expires_at: Moment) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(b"sign-in:");
    mac.update(id.as_bytes());
    mac.update(&expires_at.unix_millis().to_be_bytes());
    mac
}

/// The link a token names, if it was signed by us, is still good and was not used.
fn read_token(tx: &impl Snapshot, key: &[u8; 32], token: &str, now: Moment) -> Result<(Uuid, LinkRow)> {
    let spent = || Refusal::new(Code::NotFound, "people.link_spent");
    let (id, given) = token.split_once('.').ok_or_else(spent)?;
    let id = URL_SAFE_NO_PAD.decode(id).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok()).ok_or_else(spent)?;
    let given = URL_SAFE_NO_PAD.decode(given).map_err(|_| spent())?;
    let row = LINKS.get(tx, &id)?.ok_or_else(spent)?;
    signature(key, id, row.expires_at).verify_slice(&given).map_err(|_| spent())?;
    if row.used_at.is_some() || now >= row.expires_at {
        return Err(spent().into());
    }
    Ok((id, row))
}

/// Mails a link to `email` if it ordered here. To the one who asks, both cases look the same.
///
/// # Errors
/// A database that cannot be written.
pub fn ask_for_link(
    tx: &WriteTx,
    shop: &Shop,
    email: &str,
    session: SessionId,
    lang: Lang,
    now: Moment,
) -> Result<(), Fault> {
    let email = normal(email);
    let (id, hour_ago) = (shop.new_id(), now.plus_seconds(-3600));
    let since = (email.clone(), hour_ago, Uuid::nil())..(email.clone(), now.plus_millis(1), Uuid::nil());
    let recent = ASKED.range(tx, since, Order::Rising, LINKS_AN_HOUR)?.len();
    if recent >= LINKS_AN_HOUR {
        return Ok(());
    }
    ASKED.put(tx, &(email.clone(), now, id))?;
    let expires_at = now.plus_seconds(LINK_MINUTES * 60);
    // An unknown address gets a row as well, so that both answers take the same work.
    LINKS.put(tx, &id, &LinkRow { email: email.clone(), session, expires_at, used_at: None })?;
    if !KNOWN.has(tx, &email)? {
        return Ok(());
    }
    let url = format!("{}/sign-in?token={}", shop.public_url(), write_token(shop.cookie_key(), id, expires_at));
    let said = texts::say(tx, MAIL_KIND, lang, &[("shop", shop.settings().shop_name.clone())])?;
    let (text, html) = mails::render(shop, lang, &letter(lang, &said, &url))?;
    let subject = said.subject;
    let key = format!("sign_in:{id}");
    let new =
        NewMail { id: shop.new_id(), kind: MAIL_KIND, key, to: email, lang, subject, text, html, order_id: None, now };
    mails::post(tx, shop, new).map(drop)
}

/// The letter with a link; its words are the owner's or ours.
pub fn letter(lang: Lang, said: &MailText, url: &str) -> LetterBody {
    said.paragraphs()
        .fold(LetterBody::new(&said.heading), LetterBody::paragraph)
        .preview(words::text(lang, "mail.sign_in_preview"))
        .button(words::text(lang, "mail.sign_in_button"), url)
        .note(words::text(lang, "mail.sign_in_note"))
}

/// The address a link would open, without using it up.
///
/// # Errors
/// A link that is not ours, too old or used.
fn peek(tx: &impl Snapshot, key: &[u8; 32], token: &str, now: Moment) -> Result<(String, SessionId)> {
    let (_, row) = read_token(tx, key, token, now)?;
    Ok((row.email, row.session))
}

/// Uses a link up: the session has proved the link's address.
///
/// # Errors
/// A link that is not ours, too old or used.
pub fn open_link(tx: &WriteTx, key: &[u8; 32], token: &str, session: SessionId, now: Moment) -> Result<String> {
    let (id, row) = read_token(tx, key, token, now)?;
    LINKS.put(tx, &id, &LinkRow { used_at: Some(now), ..row.clone() })?;
    prove(tx, session, &row.email, now)?;
    Ok(row.email)
}

/// Forgets links that are over, some at a time.
///
/// # Errors
/// A database that cannot be written.
pub fn forget_old_links(tx: &WriteTx, now: Moment) -> Result<(), Fault> {
    for (id, row) in LINKS.range(tx, .., Order::Rising, 5000)? {
        // Kept for an hour after its end, since the count of links an hour goes by these rows too.
        if now < row.expires_at.plus_seconds(3600) {
            continue;
        }
        LINKS.remove(tx, &id)?;
        let asked_at = row.expires_at.plus_seconds(-LINK_MINUTES * 60);
        ASKED.remove(tx, &(row.email, asked_at, id))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Error;
    use crate::store::Store;

    const KEY: [u8; 32] = [7; 32];
    const START: Moment = Moment(1_000_000_000);

    fn session(n: u128) -> SessionId {
        SessionId(Uuid::from_u128(n))
    }

    fn with_link() -> (Store, String) {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        let id = Uuid::from_u128(9);
        let expires_at = START.plus_seconds(LINK_MINUTES * 60);
        let row = LinkRow { email: "mika@example.jp".into(), session: session(1), expires_at, used_at: None };
        store.write_blocking(move |tx| LINKS.put(tx, &id, &row)).unwrap();
        (store, write_token(&KEY, id, expires_at))
    }

    fn open(store: &Store, token: &str, who: SessionId, now: Moment) -> Result<String> {
        let token = token.to_owned();
        store.write_blocking(move |tx| open_link(tx, &KEY, &token, who, now))
    }

    #[test]
    fn a_link_proves_its_address_once() {
        let (store, token) = with_link();
        assert_eq!(open(&store, &token, session(2), START).unwrap(), "mika@example.jp");
        let tx = store.read().unwrap();
        assert_eq!(proven_emails(&tx, session(2)).unwrap(), ["mika@example.jp"]);
        assert!(proves(&tx, session(2), " Mika@Example.JP ").unwrap());
        assert!(!proves(&tx, session(1), "mika@example.jp").unwrap(), "only the session that opened it");
        let again = open(&store, &token, session(3), START);
        assert!(matches!(again, Err(Error::Refused(refusal)) if refusal.code == Code::NotFound));
        store.write_blocking(|tx| sign_out(tx, session(2))).unwrap();
        assert!(proven_emails(&store.read().unwrap(), session(2)).unwrap().is_empty());
    }

    #[test]
    fn old_and_forged_links_prove_nothing() {
        let (store, token) = with_link();
        let late = START.plus_seconds(LINK_MINUTES * 60);
        assert!(open(&store, &token, session(2), late).is_err());
        let (id, _) = token.split_once('.').unwrap();
        let other_key = format!("{id}.{}", URL_SAFE_NO_PAD.encode([0u8; 32]));
        for forged in ["", ".", "a.b", id, other_key.as_str(), &token[..token.len() - 2]] {
            assert!(open(&store, forged, session(2), START).is_err(), "{forged}");
        }
        assert!(open(&store, &token, session(2), late.plus_millis(-1)).is_ok());
    }

    #[test]
    fn links_that_are_over_are_forgotten() {
        let (store, _) = with_link();
        let end = START.plus_seconds(LINK_MINUTES * 60);
        store.write_blocking(move |tx| forget_old_links(tx, end)).unwrap();
        assert_eq!(LINKS.len(&store.read().unwrap()).unwrap(), 1);
        store.write_blocking(move |tx| forget_old_links(tx, end.plus_seconds(3600))).unwrap();
        assert!(LINKS.is_empty(&store.read().unwrap()).unwrap());
    }
}
