//! The first set-up: the one-time link that makes the owner's account, and what live payments wait for.

pub mod web;

use crate::kernel::{Code, Fault, Moment, Refusal, Result};
use crate::people::audit::Actor;
use crate::people::secret;
use crate::people::settings::legal;
use crate::people::staff::{self, NewStaff, StaffRow};
use crate::shop::Shop;
use crate::shop::settings::Settings;
use crate::store::{Snapshot, Table, WriteTx, files};
use crate::web::Role;
use std::path::PathBuf;

/// One row while there is no owner: what is kept of the link's secret.
static LINK: Table<String, String> = Table::new("people.setup_link", 1);

fn row() -> String {
    "link".to_owned()
}

fn link_file(shop: &Shop) -> PathBuf {
    shop.data_dir().join("setup-link")
}

/// Makes the one-time link while the shop has no owner, and writes it to `setup-link` in the data folder, readable by nobody else.
/// The link of an earlier start stays good. `None` once there is an owner.
///
/// # Errors
/// A database or a data folder that cannot be written.
pub async fn prepare_link(shop: &Shop) -> Result<Option<String>, Fault> {
    let tx = shop.store().read()?;
    if staff::has_owner(&tx)? {
        remove_file(shop);
        return Ok(None);
    }
    let file = link_file(shop);
    let written = std::fs::read_to_string(&file).ok();
    let earlier =
        written.as_deref().and_then(|text| text.trim().split_once("?token=")).map(|(_, token)| token.to_owned());
    let kept = LINK.get(&tx, &row())?;
    drop(tx);
    let token = match earlier.filter(|token| kept.as_deref() == Some(secret::kept(token).as_str())) {
        Some(token) => token,
        None => {
            let token = secret::fresh()?;
            let kept = secret::kept(&token);
            shop.store().write(move |tx| LINK.put(tx, &row(), &kept)).await?;
            token
        }
    };
    let link = format!("{}/admin/setup?token={token}", shop.public_url());
    files::write_atomically(&file, format!("{link}\n").as_bytes(), 0o600)?;
    Ok(Some(link))
}

/// Makes the link void; called in the write that makes an owner.
pub(super) fn forget_link(tx: &WriteTx) -> Result<(), Fault> {
    LINK.remove(tx, &row()).map(drop)
}

/// Removes what is left of a void link from the data folder.
pub(super) fn remove_file(shop: &Shop) {
    let _ = std::fs::remove_file(link_file(shop));
}

/// Whether `token` opens the set-up.
fn is_good(tx: &impl Snapshot, token: &str) -> Result<bool, Fault> {
    // Only hashes are compared, so the time this takes says nothing about the token.
    Ok(LINK.get(tx, &row())?.is_some_and(|kept| kept == secret::kept(token)))
}

/// Uses the link up: makes the first owner.
///
/// # Errors
/// A link that is used or not ours.
fn make_owner(tx: &WriteTx, token: &str, mut new: NewStaff, actor: Actor, now: Moment) -> Result<StaffRow> {
    if !is_good(tx, token)? {
        return Err(Refusal::new(Code::NotFound, "people.setup_link_spent").into());
    }
    new.role = Role::Owner;
    staff::add(tx, new, actor, now)
}

/// What has to be filled in before real money is taken: keys of words that name each thing. Empty when all is there.
pub fn missing(settings: &Settings) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if settings.shop_name.trim().is_empty() {
        missing.push("people.missing.shop_name");
    }
    if settings.contact_email.trim().is_empty() {
        missing.push("people.missing.contact_email");
    }
    let lang = settings.language;
    for page in settings.legal.missing(lang) {
        missing.push(match page {
            "terms" => "people.missing.legal_terms",
            "privacy" => "people.missing.legal_privacy",
            _ => "people.missing.legal_seller",
        });
    }
    let texts = [&settings.legal.terms, &settings.legal.privacy, &settings.legal.seller];
    if texts.iter().any(|words| words.en.contains(legal::BLANK) || words.ja.contains(legal::BLANK)) {
        missing.push("people.missing.legal_blanks");
    }
    if !settings.set_up {
        missing.push("people.missing.set_up");
    }
    missing
}

/// True while real money must not be taken: Stripe's keys are live, but something is [`missing`].
pub fn refuses_live_payments(shop: &Shop) -> bool {
    let is_live = shop.config().stripe.keys.as_ref().is_some_and(|keys| keys.is_live());
    is_live && !missing(&shop.settings()).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Lang;
    use crate::kernel::lang::Words;
    use crate::people::staff::StaffId;
    use crate::shop::settings::Legal;
    use crate::store::Store;
    use crate::web::words;
    use uuid::Uuid;

    #[test]
    fn what_is_missing_has_words_and_goes_away() {
        let mut settings = Settings::default();
        let all = missing(&settings);
        assert_eq!(all.len(), 5, "{all:?}");
        for lang in Lang::ALL {
            for key in all.iter().chain(&["people.missing.shop_name", "people.missing.legal_blanks"]) {
                assert!(words::find(lang, key).is_some(), "{key}");
            }
        }
        settings.contact_email = "hello@example.jp".into();
        settings.set_up = true;
        let page = Words::new("Who we are: [[name]]", "");
        settings.legal = Legal { terms: page.clone(), privacy: page.clone(), seller: page };
        assert_eq!(missing(&settings), ["people.missing.legal_blanks"]);
        let page = Words::new("Who we are: Mika", "");
        settings.legal = Legal { terms: page.clone(), privacy: page.clone(), seller: page };
        assert!(missing(&settings).is_empty());
    }

    #[test]
    fn the_link_makes_one_owner_and_no_more() {
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        store.write_blocking(|tx| LINK.put(tx, &row(), &secret::kept("good"))).unwrap();
        let make = |n: u128, token: &'static str| {
            store.write_blocking(move |tx| {
                let new = NewStaff {
                    id: StaffId(Uuid::from_u128(n)),
                    email: format!("owner{n}@example.jp"),
                    name: "Mika".into(),
                    role: Role::Viewer,
                    password_hash: "hash".into(),
                };
                make_owner(tx, token, new, Actor::command_line(), Moment(0))
            })
        };
        assert!(make(1, "bad").is_err());
        assert_eq!(make(2, "good").unwrap().role, Role::Owner);
        assert!(make(3, "good").is_err());
        assert_eq!(staff::all(&store.read().unwrap()).unwrap().len(), 1);
    }
}
