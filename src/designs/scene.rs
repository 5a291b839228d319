//! A customer's values on a layout become a scene, with everything worth warning about.
//!
//! Pure: what photos measure and what artwork is called are asked of the caller.

#[cfg(test)]
mod any_params;
mod build;
#[cfg(test)]
mod likeness_tests;
#[cfg(test)]
pub mod random;
#[cfg(test)]
mod sky_tests;
#[cfg(test)]
mod tests;
mod values;

pub use build::{Built, PhotoQuality, Warning, build_scene, sharp_up_to_mm};
pub use values::{PhotoValue, TextValue, Value, Values, sample_values};
