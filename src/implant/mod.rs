//! (room: implant)
pub mod missing;
