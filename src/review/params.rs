//! The `[review]` table.

use serde::{Deserialize, Serialize};

/// A limit that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// A parameter is out of range.
    #[error("review.{key} is {found}, expected {expected}; correct the pipeline file")]
    Param {
        /// The key.
        key: &'static str,
        /// The value.
        found: f64,
        /// What it should be.
        expected: String,
    },
}

/// The `[review]` table as written. Every key is required.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewToml {
    /// Least wall, mm.
    pub thickness_mm_min: f64,
    /// A facet is undercut when neither side sees a place this far off it, mm.
    pub undercut_mm_max: f64,
    /// Undercut area that is noise, mm².
    pub undercut_area_mm2_max: f64,
    /// Least concave radius over the rim tool's radius.
    pub concave_over_tool_radius_min: f64,
    /// Least wall between a hole and the rim, mm.
    pub hole_edge_mm_min: f64,
    /// The same over the hole's diameter, below which the case stops.
    pub hole_edge_over_diameter_min: f64,
    /// Least wall between two holes, mm.
    pub hole_web_mm_min: f64,
    /// Largest angle between a hole and the axis, degrees: three axes drill along it only.
    pub hole_axis_deg_max: f64,
    /// Deflection above which a change is asked for, µm.
    pub deflection_um_change: f64,
    /// Deflection above which the case stops, µm.
    pub deflection_um_stop: f64,
    /// A plate that hangs on its tabs with nothing under it stops the case above this, µm.
    pub deflection_unsupported_um_stop: f64,
    /// Least distance from the implant to a sinus lumen, mm.
    pub sinus_distance_mm_min: f64,
    /// Slice step above which a finer scan is asked for, mm.
    pub slice_step_mm_change: f64,
    /// Slice step above which somebody must look, mm.
    pub slice_step_mm_review: f64,
    /// Shift of the surface for 50 HU above which the threshold matters, mm.
    pub shift_mm_per_50_hu_max: f64,
    /// Predicted deviation of the outer surface above which somebody must look, mm at the 95th percentile.
    pub sigma_mm_p95_max: f64,
    /// Asymmetry of a vault whose mirror guided the fill, above which somebody must look, mm at the 95th percentile.
    pub asymmetry_mm_p95_max: f64,
    /// Envelope: thinnest nominal thickness, mm.
    pub envelope_thickness_mm_min: f64,
    /// Envelope: thickest, mm.
    pub envelope_thickness_mm_max: f64,
    /// Envelope: largest nominal gap, mm.
    pub envelope_gap_mm_max: f64,
    /// Envelope: largest outer area, cm².
    pub envelope_area_cm2_max: f64,
    /// Envelope: smallest extent of the longer side, mm.
    pub envelope_extent_mm_min: f64,
    /// Envelope: largest extent of the longer side, mm.
    pub envelope_extent_mm_max: f64,
}

/// The `[review]` table, valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ReviewToml", into = "ReviewToml")]
pub struct ReviewParams(ReviewToml);

impl ReviewParams {
    pub(super) fn get(&self) -> &ReviewToml {
        &self.0
    }
}

impl From<ReviewParams> for ReviewToml {
    fn from(p: ReviewParams) -> Self {
        p.0
    }
}

impl TryFrom<ReviewToml> for ReviewParams {
    type Error = ReviewError;

    fn try_from(t: ReviewToml) -> Result<Self, ReviewError> {
        // Upper ends are what the tolerance, the clearances' meaning or the scan's resolution leave sensible.
        let ranges = [
            ("thickness_mm_min", t.thickness_mm_min, 0.5, 20.0),
            ("undercut_mm_max", t.undercut_mm_max, 0.001, 0.0254),
            ("undercut_area_mm2_max", t.undercut_area_mm2_max, 0.0, 10.0),
            ("concave_over_tool_radius_min", t.concave_over_tool_radius_min, 1.0, 3.0),
            ("hole_edge_mm_min", t.hole_edge_mm_min, 0.5, 20.0),
            ("hole_edge_over_diameter_min", t.hole_edge_over_diameter_min, 0.5, 10.0),
            ("hole_web_mm_min", t.hole_web_mm_min, 0.5, 20.0),
            ("hole_axis_deg_max", t.hole_axis_deg_max, 0.0, 15.0),
            ("deflection_um_change", t.deflection_um_change, 1.0, 25.4),
            ("deflection_um_stop", t.deflection_um_stop, t.deflection_um_change, 25.4),
            ("deflection_unsupported_um_stop", t.deflection_unsupported_um_stop, 1.0, 25.4),
            ("sinus_distance_mm_min", t.sinus_distance_mm_min, 0.5, 20.0),
            ("slice_step_mm_change", t.slice_step_mm_change, 0.1, 2.0),
            ("slice_step_mm_review", t.slice_step_mm_review, t.slice_step_mm_change, 3.0),
            ("shift_mm_per_50_hu_max", t.shift_mm_per_50_hu_max, 0.01, 1.0),
            ("sigma_mm_p95_max", t.sigma_mm_p95_max, 0.1, 5.0),
            ("asymmetry_mm_p95_max", t.asymmetry_mm_p95_max, 0.1, 5.0),
            ("envelope_thickness_mm_min", t.envelope_thickness_mm_min, 0.5, 20.0),
            ("envelope_thickness_mm_max", t.envelope_thickness_mm_max, t.envelope_thickness_mm_min, 20.0),
            ("envelope_gap_mm_max", t.envelope_gap_mm_max, 0.0, 5.0),
            ("envelope_area_cm2_max", t.envelope_area_cm2_max, 1.0, 400.0),
            ("envelope_extent_mm_min", t.envelope_extent_mm_min, 1.0, 200.0),
            ("envelope_extent_mm_max", t.envelope_extent_mm_max, t.envelope_extent_mm_min, 250.0),
        ];
        for (key, found, least, most) in ranges {
            if !(found >= least && found <= most) {
                return Err(ReviewError::Param { key, found, expected: format!("{least} to {most}") });
            }
        }
        Ok(Self(t))
    }
}
