//! What a planner's edits of the contour changed: `reconstruction/contour.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::frame::{Patient, Point};

/// What one edit changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContourChange {
    /// Its name in the pipeline.
    pub name: String,
    /// Outwards, as asked for, mm.
    pub raise_mm_asked: f64,
    /// The largest change it made, outwards, mm: less than asked where bone is near or the shell would get thin.
    pub change_mm_extreme: f64,
    /// Mean over the area it changed, mm.
    pub change_mm_mean: f64,
    /// Outer area changed by more than 0.01 mm, mm².
    pub area_mm2: f64,
    /// Where the largest change lies, patient LPS mm.
    pub place_lps_mm: Point<Patient>,
}

/// `reconstruction/contour.json`, written where the contour was edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContourFacts {
    /// `osteomill.contour/1`.
    pub schema: String,
    /// What the changes are against.
    pub against: String,
    /// Largest change of all edits together, outwards, mm.
    pub change_mm_extreme: f64,
    /// Mean size of the change where it is more than 0.01 mm, mm.
    pub change_mm_mean_abs: f64,
    /// Each edit, in the order of the pipeline.
    pub edits: Vec<ContourChange>,
}
