//! File formats: what is written to disk and how it is read back.
//!
//! **In** nouns of `model`. **Out** bytes, or nouns again. Writers return bytes; who stores them makes files whole.
//!
//! **Method** Binary STL, binary PLY, OBJ, glTF 2.0 (ISO/IEC 12113), 3MF core (ISO/IEC 25422), NIfTI-1, NRRD, InVesalius
//! projects, PNG, each from its published layout.
//! A mesh in the patient's frame is written in LPS mm and says so (`SPACE=LPS`); NIfTI is RAS by its own rule, so
//! the first two rows of the grid's matrix change sign on the way out and on the way in.
//!
//! **Different from the paper** An STL that says `SPACE=RAS` is turned into LPS on reading; one that says nothing
//! is taken as LPS, as other readers do.
//!
//! **Guarantees** Same input, same bytes: no dates, no names. What is written reads back: coordinates of STL and PLY
//! to the 24 bits of their numbers (0.008 µm at 100 mm), 3MF and OBJ to 1e-6 mm, voxels exactly.
//! Malformed files are errors with place, value and limit.
//!
//! glTF is metres, Y up: turned, never mirrored ([`glb`]).
//!
//! **Limits** STL forgets units. No ZIP64: a 3MF model beyond 4 GB is refused. NIfTI-2 is not read.

mod error;
pub mod glb;
pub mod inv3;
pub mod nifti;
pub mod nrrd;
pub mod obj;
pub mod ply;
pub mod png;
pub mod seg;
pub mod stl;
#[cfg(test)]
mod tests;
pub mod threemf;
pub(crate) mod voxels;
mod zip;

pub use error::FormatError;
