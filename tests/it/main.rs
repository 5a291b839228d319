//! Everything that is tested from outside a room, in one binary.

mod architecture;
mod corpus;
mod flows;
mod kit;
mod promises;
mod routes;
