//! What the imaging stages hand on.

use serde::{Deserialize, Serialize};

use super::facts::{BoneFacts, ScanFacts, SurfaceFacts};
use super::frame::Patient;
use super::grid::{Mask, Volume};
use super::mesh::Mesh;

/// A series as read.
#[derive(Clone, Debug)]
pub struct Scan {
    /// CT values in the patient.
    pub volume: Volume,
    /// What `scan.json` says.
    pub facts: ScanFacts,
    /// Frame of Reference UID, where there is one; never written out.
    pub frame_of_reference: Option<String>,
    /// A mask that stands in for the bone; of what is no CT the volume is then made from it.
    pub given: Option<GivenMask>,
}

/// A segmentation from elsewhere, on the scan's grid.
#[derive(Clone, Debug)]
pub struct GivenMask {
    /// The bone.
    pub mask: Mask,
    /// Where the edge of the volume made from the mask lies.
    pub level_hu: f32,
    /// Of a CT, whose own HU stay: the volume that would be made from the mask, for where they show no edge.
    pub made_hu: Option<Vec<i16>>,
}

/// The bone that matters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bone {
    /// Selected by threshold and component, on the scan's grid.
    pub mask: Mask,
    /// Local half-maximum between bone and what it borders, HU, per voxel of the scan's grid: the bone's edge is
    /// where HU crosses this level. Meaningful within 3 mm of the edge.
    pub level_hu: Vec<f32>,
    /// What `bone.json` says.
    pub facts: BoneFacts,
}

/// The bone's closed surface.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BoneSurface {
    /// mm, normals out of the bone.
    pub mesh: Mesh<Patient>,
    /// What `surface.json` says.
    pub facts: SurfaceFacts,
}
