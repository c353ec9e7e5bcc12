//! `[bone]` of the pipeline file.

use serde::{Deserialize, Serialize};

use super::BoneError;

/// The table as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoneToml {
    /// Level at and above which a voxel is bone when the bone is selected; it does not place the edge.
    pub threshold_hu: f64,
    /// How far from a boundary voxel the peak of the bone and the plateau beside it are looked for.
    pub edge_reach_mm: f64,
    /// Radius along the surface over which levels are averaged.
    pub level_smoothing_mm: f64,
    /// Smallest difference between bone and neighbour that counts as an edge.
    pub edge_contrast_hu_min: f64,
    /// Smallest volume of the largest piece that counts as a skull.
    pub kept_mm3_min: f64,
    /// Level above which a voxel of the bone is taken for metal.
    pub metal_hu: f64,
    /// Volume of metal in the bone above which somebody must look.
    pub metal_mm3_max: f64,
}

/// What the room works with: [`BoneToml`] whose numbers make sense.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BoneToml", into = "BoneToml")]
pub struct BoneParams(BoneToml);

impl std::ops::Deref for BoneParams {
    type Target = BoneToml;
    fn deref(&self) -> &BoneToml {
        &self.0
    }
}

impl From<BoneParams> for BoneToml {
    fn from(p: BoneParams) -> Self {
        p.0
    }
}

impl TryFrom<BoneToml> for BoneParams {
    type Error = BoneError;

    fn try_from(t: BoneToml) -> Result<Self, BoneError> {
        let check = |key: &'static str, value: f64, min: f64, max: f64| {
            if value.is_finite() && value >= min && value <= max {
                Ok(())
            } else {
                Err(BoneError::Param { key, value, min, max })
            }
        };
        check("threshold_hu", t.threshold_hu, 50.0, 2000.0)?;
        check("edge_reach_mm", t.edge_reach_mm, 1.0, 6.0)?;
        check("level_smoothing_mm", t.level_smoothing_mm, 0.0, 5.0)?;
        check("edge_contrast_hu_min", t.edge_contrast_hu_min, 20.0, 1000.0)?;
        check("kept_mm3_min", t.kept_mm3_min, 0.0, 1e7)?;
        check("metal_hu", t.metal_hu, 1500.0, 30000.0)?;
        check("metal_mm3_max", t.metal_mm3_max, 0.0, 1e5)?;
        Ok(Self(t))
    }
}
