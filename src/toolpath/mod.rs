//! (page follows)
pub mod cutter;
pub mod drop;
mod error;
mod link;
mod outline;
mod params;
mod plane;
mod raster;
mod waterline;

pub use error::ToolpathError;
pub use params::ToolpathParams;
