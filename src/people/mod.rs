//! The people of the shop: staff, their roles and tokens, what they did; customers and how they prove who they are; every mail to
//! either; the settings the owner makes.
//!
//! May touch: kernel, store, queue, render (the logo), mail, shop, web. Begin with [`identify()`] (who is asking), [`require`] (may they), [`mails::post`]
//! and [`audit::record`] (what other rooms call inside their writes).

pub mod audit;
pub mod commands;
pub mod customers;
pub mod form;
mod identify;
pub mod mails;
pub mod rights;
mod secret;
pub mod settings;
pub mod setup;
pub mod staff;
pub mod tokens;

pub use identify::identify;
pub use rights::{May, require};
pub use setup::prepare_link as prepare_setup_link;

use crate::config::Secret;
use crate::kernel::Fault;
use crate::mail::Mailer;
use crate::queue::Handlers;
use crate::shop::Shop;
use axum::Extension;
use utoipa_axum::router::OpenApiRouter;

/// All routes of this room.
pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .merge(audit::web::routes())
        .merge(customers::web::routes())
        .merge(mails::web::routes())
        .merge(settings::web::routes())
        .merge(setup::web::routes())
        .merge(staff::web::routes())
        .merge(tokens::web::routes())
        .layer(Extension(staff::web::LogIns::default()))
}

/// Adds what this room's jobs do.
///
/// # Errors
/// A `mail.smtp_url` that cannot be understood.
pub fn handlers(shop: &Shop, handlers: Handlers) -> Result<Handlers, Fault> {
    let smtp_url = shop.config().mail.smtp_url.as_ref().map(Secret::expose);
    let mailer = Mailer::new(smtp_url, &shop.data_dir().join("outbox"))?;
    Ok(handlers.on(&mails::MAIL_SEND, mails::handler(shop, mailer)))
}

/// Forgets staff sessions that have ended and sign-in links that are over.
///
/// # Errors
/// A database that cannot be written.
pub async fn forget_expired(shop: &Shop) -> Result<(), Fault> {
    let now = shop.now();
    let forget = move |tx: &crate::store::WriteTx| -> Result<(), Fault> {
        staff::sessions::forget_ended(tx, now)?;
        customers::forget_old_links(tx, now)
    };
    shop.store().write(forget).await
}

/// A path of this very site, to be gone to after a form: nothing that a browser would take for another host.
pub fn own_path(path: Option<&str>) -> Option<&str> {
    let path = path?;
    let is_plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (is_plain && path.starts_with('/') && !path.starts_with("//") && path.len() <= 2000).then_some(path)
}

#[cfg(test)]
mod tests;
