//! The night sky of a date and a place, from a bundled catalogue, as shapes in millimetres.
//!
//! Pure and the same on every machine: no time of day, no network. `chart` draws; `position` knows where things stand; `clock` knows
//! when it was what o'clock.

pub mod catalogue;
mod chart;
mod clock;
pub mod position;
#[cfg(test)]
pub mod tests;

pub use chart::{Chart, Lines, MilkyWay, Stars};
pub use position::{Horizon, UniversalTime};
