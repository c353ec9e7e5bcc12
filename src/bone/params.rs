//! `[bone]` of the pipeline file.

use serde::{Deserialize, Serialize};

use super::BoneError;

/// What the selecting level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Select {
    /// `threshold_hu`.
    Fixed,
    /// The level that parts the scan's own values best.
    Otsu,
}

/// Which pieces above the level are bone that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The largest.
    Largest,
    /// All of at least `kept_mm3_min`.
    Above,
    /// The one that holds `seed_lps_mm`.
    Seed,
}

/// What is done about bone too thin for the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Thin {
    /// It is measured and said.
    Mark,
    /// Its level is raised, too, to where a wall of cortical bone so thin has its faces.
    Correct,
}

impl Select {
    /// As in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Otsu => "otsu",
        }
    }
}

impl Keep {
    /// As in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Largest => "largest",
            Self::Above => "above",
            Self::Seed => "seed",
        }
    }
}

/// The table as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoneToml {
    /// Level at and above which a voxel is bone when the bone is selected; it does not place the edge.
    pub threshold_hu: f64,
    /// The selecting level: `fixed` or `otsu`.
    pub select: Select,
    /// Otsu looks at the values above this alone: the head without the air about it.
    pub otsu_above_hu: f64,
    /// Voxels of a piece touch by corners (26) or by faces (6).
    pub connectivity: u32,
    /// The pieces kept: `largest`, `above` or `seed`.
    pub keep: Keep,
    /// A place in the piece to keep, patient LPS; empty unless `keep` is `seed`.
    pub seed_lps_mm: Vec<f64>,
    /// Radius of the ball that must fit into what stays outside the kept pieces; 0 closes nothing.
    pub closing_mm: f64,
    /// Bone too thin for the scanner: `mark` or `correct`.
    pub thin_bone: Thin,
    /// Thin bone beyond this share of the bone's boundary makes somebody look.
    pub thin_share_max: f64,
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
        check("otsu_above_hu", t.otsu_above_hu, -900.0, 50.0)?;
        check("closing_mm", t.closing_mm, 0.0, 10.0)?;
        check("thin_share_max", t.thin_share_max, 0.0, 1.0)?;
        if ![6, 26].contains(&t.connectivity) {
            return Err(BoneError::Connectivity(t.connectivity));
        }
        let needed = if t.keep == Keep::Seed { 3 } else { 0 };
        if t.seed_lps_mm.len() != needed || t.seed_lps_mm.iter().any(|x| !x.is_finite()) {
            return Err(BoneError::Seed { keep: t.keep.name(), found: t.seed_lps_mm.clone(), needed });
        }
        Ok(Self(t))
    }
}
