//! Makes heads whose truth is known: a CT of a skull that is a formula.
//!
//! **In** [`PhantomSpec`]: a seed, voxels, blur, noise, what is cut out. **Out** `Volume` (HU, patient LPS mm) or a
//! CT series in DICOM, and the truth: the distance of any place to the bone, the radii of both tables, the piece
//! that was cut out.
//!
//! **Method** Both tables are radii about an endocranial centre: a smooth ellipsoid-like base, seeded polynomials
//! of the direction up to degree 4, an odd part (left is not right) scaled to 0.95 mm RMS over the vault, and a
//! thickness of 4 to 8 mm. Every part of the head has a closed form; a voxel's value is the share of it that each
//! tissue covers, taken from the distances, then blurred by a separable Gaussian and given noise that depends on the
//! seed and the voxel's number only.
//!
//! **Different from the paper** There is none. A real head has no formula; this one has the features that planning
//! code trips over: diploe, a frontal sinus, orbits, the foramen magnum, a face, sutures, a head holder brighter
//! than the bone threshold, two halves that differ.
//!
//! **Guarantees** The same spec gives the same bytes on any thread count. `mirrored` reflects everything but the
//! noise. [`Phantom::bone_distance_mm`] is the distance to the very surface the voxels were painted from, to
//! 0.01 mm within 3 mm of it over the vault.
//!
//! **Limits** Noise is white, with tails cut at 4.9 standard deviations; a scanner's is correlated. No beam
//! hardening. At the edge of a cut the painted corner is a fraction of a voxel rounder than the formula. Sutures are
//! bone to the distance. Nothing is promised where the face joins the skull. Scalp over the defect does not sink.
//! HU are kept within −1024 to 3071 as on a scanner, which cuts the lower tail of the noise in air.

mod defect;
mod dicom;
mod distance;
mod head;
mod render;
mod shapes;
mod spec;
#[cfg(test)]
mod tests;
mod truth;

pub use spec::{DefectSpec, PhantomError, PhantomSpec, Walls};
pub use truth::Phantom;
