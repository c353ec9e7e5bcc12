//! The nouns that pass between rooms: frames, grids, meshes, findings, the implant, the plan, the program.
//!
//! Nothing here computes more than a noun's own properties; no room is imported.

pub mod contour;
pub mod dialect;
pub mod facts;
pub mod finding;
pub mod frame;
pub mod grid;
pub mod imaging;
pub mod implant;
pub mod inspection;
pub mod job;
pub mod mesh;
pub mod milled;
pub mod nest;
pub mod placed;
pub mod plan;
pub mod review;
pub mod sensitivity;
pub mod shop;
pub mod watch;

pub use contour::*;
pub use dialect::*;
pub use facts::*;
pub use finding::*;
pub use frame::*;
pub use grid::*;
pub use imaging::*;
pub use implant::*;
pub use inspection::*;
pub use job::*;
pub use mesh::*;
pub use milled::*;
pub use nest::*;
pub use placed::*;
pub use plan::*;
pub use review::*;
pub use sensitivity::*;
pub use shop::*;
pub use watch::*;
