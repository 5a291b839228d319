//! Parcels: files for the programs with which carriers print their labels, and the numbers that come back from them.
//!
//! Begin with [`carrier`] (what a carrier's file looks like) and [`numbers`] (what a file of numbers says about each order).

mod carrier;
mod carrier_columns;
mod labels;
mod numbers;
mod read;
mod waiting;
mod web;

pub use web::routes;
