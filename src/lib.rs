//! petstar: a shop for personalised pet goods in one binary. The rooms, from left to right; a room uses only rooms to its left.

// Tests make the files and read the environment that the program itself must not.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

// What tests of both kinds share names the crate from outside.
#[cfg(test)]
extern crate self as petstar;

pub mod app;
pub mod catalog;
pub mod config;
pub mod designs;
pub mod exports;
pub mod kernel;
pub mod mail;
pub mod orders;
pub mod payments;
pub mod people;
pub mod queue;
pub mod render;
pub mod search;
pub mod shop;
pub mod store;
pub mod stripe;
pub mod web;
