//! From bone to the implant that fills what is missing of it: [`missing`] finds and completes, [`body`] designs.

pub mod body;
pub mod missing;
