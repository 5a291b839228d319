//! Everything that is tested from outside a room, in one binary.

// Tests make files, read the environment and set clocks that the program itself must not.
#![allow(clippy::disallowed_methods)]

mod architecture;
mod browser;
mod corpus;
mod crash;
mod flows;
mod kit;
mod prints;
mod promises;
mod roles;
mod routes;
