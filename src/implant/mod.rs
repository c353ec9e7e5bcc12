//! The missing bone and the implant that fills it.

pub mod body;
pub mod missing;
