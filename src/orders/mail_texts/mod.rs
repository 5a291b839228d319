//! Where an owner writes the words of mails: on the page, beside the letter they make of an order that never was.
//!
//! May touch: what orders may. The words themselves live in [`crate::people::mails::texts`]; begin with [`web`].

mod sample;
pub mod web;
