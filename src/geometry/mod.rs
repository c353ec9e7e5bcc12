//! Algorithms that two rooms need: nearest triangle and rays on a mesh, exact distance transforms,
//! surface nets of a field; how tool and plate bend (accused only).
//!
//! Judge and accused both use the tree here; cutter geometry, sweeps and offsets of the tool are in neither.

pub mod bending;
pub mod bvh;
pub mod crossings;
pub mod depth;
pub mod distance;
pub mod nets;
pub mod outline;
pub mod pages;
pub mod random;
pub mod visibility;

pub use bvh::{Bvh, Hit, Nearest};
pub use crossings::crossings;
