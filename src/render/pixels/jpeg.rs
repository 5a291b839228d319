//! JPEGs (ITU-T T.81): coding them, reading them back, and reading photos at a fraction of their size.

mod bits;
mod code;
mod coder;
mod cosine;
pub mod reduced;

pub use coder::{Coder, Colors, Reader};
