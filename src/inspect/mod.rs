//! Measures the milled part (to be written below).

pub mod error;
pub mod params;

mod cutter;
mod samples;
mod spread;
mod surface;
mod sweep;
mod witness;

#[cfg(test)]
mod fixtures;

pub use error::InspectError;
pub use params::{InspectParams, InspectToml};
