//! One story a file.

mod command_line;
mod faces;
mod idempotency;
mod kill_and_restart;
mod purchase;
mod script;
