//! What a machine that is a little off makes of the part, and the model of a whole shop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::inspection::DeviationSpread;

/// The finished surface with one thing a little off, all else as programmed. Reported; no verdict depends on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sensitivity {
    /// Short id, for example `radius-t31+`; `nominal` is the part as programmed, at the same places.
    pub id: String,
    /// What is off.
    pub what: String,
    /// By how much, signed.
    pub amount: f64,
    /// Unit of the amount: `mm`, `deg` or `K`.
    pub unit: String,
    /// Signed deviation, mm.
    pub deviation_mm: DeviationSpread,
    /// What each place's deviation changed by against `nominal`, mm.
    pub change_mm: DeviationSpread,
    /// Share of the area within tolerance.
    pub fraction_within_tolerance: f64,
    /// Places of the design that were asked for.
    pub places: usize,
}

/// What many parts of this program might be like. A model and not a measurement: every error source is drawn from what a
/// shop or a maker states, and no metal was cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capability {
    /// That it is a model, in words.
    pub is_a_model: String,
    /// What the model assumes and leaves out, one sentence each.
    pub model: Vec<String>,
    /// Parts drawn.
    pub draws: usize,
    /// Places of the finished surface looked at on each.
    pub places: usize,
    /// Tolerance either way, mm.
    pub tolerance_mm: f64,
    /// Share of the drawn parts with every place within tolerance.
    pub share_whole_within: f64,
    /// Share of the drawn parts with 99.9 % of the area within tolerance.
    pub share_99_9_within: f64,
    /// Standard error of a share drawn so often, the larger of both.
    pub share_standard_error: f64,
    /// Largest deviation of a drawn part, either way, median, mm.
    pub largest_mm_p50: f64,
    /// Its 95th percentile, mm.
    pub largest_mm_p95: f64,
    /// The place with the least room; none where nothing varies.
    pub worst_place: Option<WorstPlace>,
    /// What is drawn.
    pub source: Vec<ErrorSource>,
}

/// A place, and how a drawn part deviates there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstPlace {
    /// Part mm.
    pub place_part_mm: [f64; 3],
    /// Mean deviation in the model, mm.
    pub mean_mm: f64,
    /// Standard deviation in the model, mm.
    pub sigma_mm: f64,
    /// Room from the mean to the nearer limit over three standard deviations; as a Cpk, though errors are not all normal.
    pub cpk_of_model: f64,
}

/// One thing that is off on a real machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorSource {
    /// Short id.
    pub id: String,
    /// What it is.
    pub what: String,
    /// From what it is drawn, in words with its numbers.
    pub distribution: String,
    /// The key of `[inspect.capability]` that says so.
    pub key: String,
    /// Its share of the variance of the deviation, mean over the surface.
    pub variance_share: f64,
}
