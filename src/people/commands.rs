//! What the command line does to people: each a function over an open shop, recorded as done by "command line".

use crate::kernel::{Code, Fault, Refusal, Result};
use crate::people::audit::Actor;
use crate::people::setup;
use crate::people::staff::{self, NewStaff, StaffChange, StaffId, password};
use crate::people::tokens::{self, TokenId};
use crate::shop::Shop;
use crate::web::Role;

async fn hash(text: &str) -> Result<String, Fault> {
    let text = text.to_owned();
    tokio::task::spawn_blocking(move || password::hash(&text)).await.map_err(|error| Fault::bug(error.to_string()))?
}

/// `petstar staff add`.
///
/// # Errors
/// What is wrong with the account, by field.
pub async fn add_staff(shop: &Shop, email: &str, name: &str, role: Role, text: &str) -> Result<String> {
    let (email, name) = staff::check_new(email, name)?;
    password::check(text, "password")?;
    let new = NewStaff { id: StaffId(shop.new_id()), email, name, role, password_hash: hash(text).await? };
    let now = shop.now();
    let row = shop.store().write(move |tx| staff::add(tx, new, Actor::command_line(), now)).await?;
    if role.is_owner() {
        setup::remove_file(shop);
    }
    Ok(format!("{} <{}> may log in as {}.\n", row.name, row.email, row.role.name()))
}

/// `petstar staff list`: one line an account.
///
/// # Errors
/// A database that cannot be read.
pub fn list_staff(shop: &Shop) -> Result<String> {
    let rows = staff::all(&shop.store().read()?)?;
    if rows.is_empty() {
        return Ok("There are no accounts yet. `petstar staff add` makes one.\n".into());
    }
    let widest = rows.iter().map(|row| row.email.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let seen = row.last_log_in_at.map_or("never logged in".to_owned(), |at| format!("last logged in {at}"));
        let locked = if row.disabled { ", locked" } else { "" };
        text.push_str(&format!("{:widest$}  {:8}  {} ({seen}{locked})\n", row.email, row.role.name(), row.name));
    }
    Ok(text)
}

/// `petstar staff reset-password`. Also opens a locked account again and switches its second factor off: it is the way in when nobody else can help.
///
/// # Errors
/// An unknown address, a password that is too short.
pub async fn reset_password(shop: &Shop, email: &str, text: &str) -> Result<String> {
    let found = staff::by_email(&shop.store().read()?, email)?;
    let row = found.ok_or_else(|| Refusal::new(Code::NotFound, "people.no_account"))?;
    password::check(text, "password")?;
    let wish = StaffChange {
        password_hash: Some(hash(text).await?),
        disabled: Some(false),
        forget_second_factor: true,
        ..StaffChange::default()
    };
    let now = shop.now();
    let row = shop.store().write(move |tx| staff::change(tx, row.id, wish, Actor::command_line(), now)).await?;
    Ok(format!("{} has a new password and no second factor. Every session of the account has ended.\n", row.email))
}

/// `petstar token add`: the token's text.
///
/// # Errors
/// A name that is empty or too long.
pub async fn add_token(shop: &Shop, name: &str, role: Role) -> Result<String> {
    let text = tokens::fresh()?;
    let (id, name, given, now) = (TokenId(shop.new_id()), name.to_owned(), text.clone(), shop.now());
    shop.store().write(move |tx| tokens::add(tx, id, &name, role, &given, None, Actor::command_line(), now)).await?;
    Ok(text)
}
