//! The night sky of a date and a place, from a bundled catalogue, as shapes in millimetres.
//!
//! Pure and the same on every machine: no clock, no network. `chart` draws; `position` knows where things stand.

pub mod catalogue;
mod chart;
pub mod position;
#[cfg(test)]
mod tests;

pub use chart::{Chart, Lines, MilkyWay, Stars};
pub use position::{Horizon, UniversalTime};
