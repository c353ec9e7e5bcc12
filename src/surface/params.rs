//! `[surface]` of the pipeline file.

use serde::{Deserialize, Serialize};

use super::SurfaceError;

/// The table as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurfaceToml {
    /// Separate pieces of less volume are dropped.
    pub fragment_mm3_min: f64,
    /// Closed cavities inside the bone of less volume are filled.
    pub cavity_mm3_min: f64,
    /// Cap at the top or a side of the scan above which somebody must look; the bottom is only noted.
    pub cap_mm2_max: f64,
    /// What becomes of cells that two sheets pass through.
    pub ambiguous_cells: Ambiguous,
    /// Sweeps of relaxation; 0 leaves every vertex where the field puts it.
    pub relaxation_sweeps: usize,
    /// How far relaxation may move a vertex along each patient axis.
    pub vertex_travel_mm_max: f64,
    /// How far the surface of those further files may lie from this one; 0 keeps every triangle.
    pub decimate_mm: f64,
    /// Further files of the same surface beside `surface/bone.stl`.
    pub exports: Vec<Export>,
}

/// What becomes of cells that two sheets of the surface pass through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ambiguous {
    /// Each sheet gets its own vertex; no sample moves.
    Split,
    /// The cheapest samples are moved just across the surface, so that one sheet is left.
    Nudge,
}

/// A format of `surface.exports`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Export {
    /// Binary PLY with normals.
    Ply,
    /// Wavefront OBJ.
    Obj,
    /// 3MF core.
    #[serde(rename = "3mf")]
    Threemf,
    /// glTF 2.0, binary.
    Glb,
}

/// What the room works with: [`SurfaceToml`] whose numbers make sense.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SurfaceToml", into = "SurfaceToml")]
pub struct SurfaceParams(SurfaceToml);

impl std::ops::Deref for SurfaceParams {
    type Target = SurfaceToml;
    fn deref(&self) -> &SurfaceToml {
        &self.0
    }
}

impl From<SurfaceParams> for SurfaceToml {
    fn from(p: SurfaceParams) -> Self {
        p.0
    }
}

impl TryFrom<SurfaceToml> for SurfaceParams {
    type Error = SurfaceError;

    fn try_from(t: SurfaceToml) -> Result<Self, SurfaceError> {
        let check = |key: &'static str, value: f64, max: f64| {
            if value.is_finite() && (0.0..=max).contains(&value) {
                Ok(())
            } else {
                Err(SurfaceError::Param { key, value, min: 0.0, max })
            }
        };
        check("fragment_mm3_min", t.fragment_mm3_min, 1e5)?;
        check("cavity_mm3_min", t.cavity_mm3_min, 1e5)?;
        check("cap_mm2_max", t.cap_mm2_max, 1e5)?;
        check("relaxation_sweeps", t.relaxation_sweeps as f64, 200.0)?;
        check("vertex_travel_mm_max", t.vertex_travel_mm_max, 5.0)?;
        check("decimate_mm", t.decimate_mm, 5.0)?;
        Ok(Self(t))
    }
}
