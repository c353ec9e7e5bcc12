//! `[scan]` of the pipeline file.

use serde::{Deserialize, Serialize};

use super::error::ScanError;

/// The table as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanToml {
    /// Series instance UID to read, or the first hex digits of its sha256 as `osteomill scan` prints them, with `/2`
    /// for the second stack of a series that holds several; left out, the series is chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series_uid: Option<String>,
    /// True to interpolate a series of uneven steps, for a person to look at, instead of refusing it.
    pub resample: bool,
    /// Slice step or thickness above which a finer scan is asked for.
    pub slice_step_mm_change: f64,
    /// Slice step or thickness above which somebody must look.
    pub slice_step_mm_review: f64,
    /// How far a slice may lie from its place on an even, straight row.
    pub slice_position_mm_tolerance: f64,
    /// Angle between the slices' normal and the patient's long axis above which somebody must look.
    pub tilt_deg_review: f64,
    /// Level above which a voxel is taken for bone when asking whether the scan cuts the head off.
    pub bone_hu: f64,
    /// Bone on the top slice above which the vault counts as cut off.
    pub vault_bone_mm2_max: f64,
    /// Bone of the skull at the border of the slices, or of the circle they were reconstructed in, above which it
    /// counts as cut off.
    pub border_bone_mm2_max: f64,
    /// Length of the scan along its slices' normal below which it shows too little of a head.
    pub coverage_mm_review: f64,
    /// Slice step over pixel spacing above which it is noted.
    pub anisotropy_note: f64,
    /// Blur within slices, full width at half maximum, above which a sharper kernel is asked for.
    pub blur_fwhm_mm_change: f64,
    /// How far air may lie from -1000 HU before somebody must look.
    pub air_hu_tolerance: f64,
    /// Noise in soft tissue, standard deviation, above which somebody must look.
    pub noise_hu_review: f64,
    /// Level above which a voxel is taken for metal.
    pub metal_hu: f64,
    /// Volume of metal above which somebody must look.
    pub metal_mm3_max: f64,
}

/// What the room works with: [`ScanToml`] whose numbers make sense.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ScanToml", into = "ScanToml")]
pub struct ScanParams(ScanToml);

impl std::ops::Deref for ScanParams {
    type Target = ScanToml;
    fn deref(&self) -> &ScanToml {
        &self.0
    }
}

impl From<ScanParams> for ScanToml {
    fn from(p: ScanParams) -> Self {
        p.0
    }
}

impl ScanParams {
    /// The same, reading the series named on the command line.
    pub fn with_series(mut self, series: &str) -> Self {
        self.0.series_uid = Some(series.to_owned());
        self
    }
}

impl TryFrom<ScanToml> for ScanParams {
    type Error = ScanError;

    fn try_from(t: ScanToml) -> Result<Self, ScanError> {
        let check = |key: &'static str, value: f64, min: f64, max: f64| {
            if value.is_finite() && value >= min && value <= max {
                Ok(())
            } else {
                Err(ScanError::Param { key, value, min, max })
            }
        };
        check("slice_step_mm_change", t.slice_step_mm_change, 0.1, 10.0)?;
        check("slice_step_mm_review", t.slice_step_mm_review, t.slice_step_mm_change, 10.0)?;
        // Above 0.2 mm an uneven slice would bend the bone by more than the margin gap's own tolerance.
        check("slice_position_mm_tolerance", t.slice_position_mm_tolerance, 1e-4, 0.2)?;
        check("tilt_deg_review", t.tilt_deg_review, 0.0, 45.0)?;
        check("bone_hu", t.bone_hu, 50.0, 2000.0)?;
        check("vault_bone_mm2_max", t.vault_bone_mm2_max, 0.0, 1e4)?;
        check("border_bone_mm2_max", t.border_bone_mm2_max, 0.0, 1e4)?;
        check("coverage_mm_review", t.coverage_mm_review, 0.0, 1000.0)?;
        check("anisotropy_note", t.anisotropy_note, 1.0, 100.0)?;
        check("blur_fwhm_mm_change", t.blur_fwhm_mm_change, 0.3, 10.0)?;
        check("air_hu_tolerance", t.air_hu_tolerance, 10.0, 200.0)?;
        check("noise_hu_review", t.noise_hu_review, 10.0, 500.0)?;
        check("metal_hu", t.metal_hu, 1500.0, 30000.0)?;
        check("metal_mm3_max", t.metal_mm3_max, 0.0, 1e5)?;
        Ok(Self(t))
    }
}
