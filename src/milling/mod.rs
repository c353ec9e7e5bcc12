//! (room: milling)
mod arcs;
mod block;
mod codes;
mod motion;
mod params;
mod read;
mod words;
pub use motion::*;
pub use params::*;
pub use read::*;
