//! What inspection measured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Verdict};
use super::sensitivity::{Capability, Sensitivity};

/// Spread of signed deviations, mm; positive is material left on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeviationSpread {
    /// Deepest gouge.
    pub min: f64,
    /// 0.1st percentile.
    pub p0_1: f64,
    /// Median.
    pub p50: f64,
    /// 99.9th percentile.
    pub p99_9: f64,
    /// Most material left on.
    pub max: f64,
    /// Root mean square.
    pub rms: f64,
}

/// The two ends of a spread of signed deviations, mm; positive is material left on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeviationExtremes {
    /// Deepest gouge.
    pub min: f64,
    /// Most material left on.
    pub max: f64,
    /// Where both are, the gouge first, and the block whose cutter comes nearest.
    #[serde(default)]
    pub places: Vec<OutOfTolerance>,
}

/// Milled part against design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SurfaceInspection {
    /// Signed deviation, mm.
    pub deviation_mm: DeviationSpread,
    /// Share of the finished surface within tolerance.
    pub fraction_within_tolerance: f64,
    /// Tolerance either way, mm.
    pub tolerance_mm: f64,
    /// Samples, both directions.
    pub samples: usize,
    /// Area left out as tab witnesses, mm².
    pub excluded_mm2: f64,
    /// Area over the engraved marking, held against its groove and not against the smooth face, mm².
    #[serde(default)]
    pub marking_mm2: f64,
    /// On the design where no tab witness is near, samples and what was looked at between them. A spread that takes
    /// witnesses in ends just below the tolerance, since beyond it they are left out.
    #[serde(default)]
    pub clear_of_tabs_mm: DeviationExtremes,
    /// By how much `clear_of_tabs_mm.max` may be exceeded at places that were not looked at, mm.
    pub between_samples_mm: f64,
    /// By how much a gouge may be deeper than `clear_of_tabs_mm.min` at places that were not looked at, mm.
    #[serde(default)]
    pub gouge_between_samples_mm: f64,
    /// Worst places beyond tolerance, worst first, at least 1 mm apart: at most ten gouges and ten of material left on.
    pub worst: Vec<OutOfTolerance>,
}

/// Spread of a gap, mm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GapSpread {
    /// Least.
    pub min: f64,
    /// 5th percentile.
    pub p5: f64,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// Widest.
    pub max: f64,
}

/// Share of the rim by class; they add to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RimShare {
    /// The wall follows the bone at the gap.
    pub free: f64,
    /// Overhanging bone cannot be followed.
    pub swept: f64,
    /// Draft opens the gap.
    pub draft: f64,
    /// An edge break or a tool radius opens the gap.
    pub edge: f64,
    /// No bone to follow: the wall keeps its distance from the air of a sinus, or the vault ends here.
    pub open: f64,
}

/// Gap statistics of each rim class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RimGaps {
    /// Free rim.
    pub free: GapSpread,
    /// Swept rim.
    pub swept: GapSpread,
    /// Draft.
    pub draft: GapSpread,
    /// Edge.
    pub edge: GapSpread,
    /// No bone to follow.
    pub open: GapSpread,
}

/// Step of the outer surface across the rim, mm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepSpread {
    /// Mean of the absolute step.
    pub mean_abs: f64,
    /// 95th percentile of the absolute step.
    pub p95_abs: f64,
    /// Largest absolute step.
    pub max_abs: f64,
}

/// Milled part against bone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FitInspection {
    /// Gap over the whole rim.
    pub gap_mm: GapSpread,
    /// Gap asked for, mm.
    pub gap_mm_nominal: f64,
    /// |gap − nominal| over the free rim, 95th percentile, mm.
    pub gap_error_mm_p95_abs: f64,
    /// Share of the rim by class.
    pub rim_share: RimShare,
    /// Gap by class.
    pub gap_mm_by_class: RimGaps,
    /// Volume in which implant and bone overlap, mm³.
    pub interference_mm3: f64,
    /// Deepest overlap, mm.
    pub interference_mm_max: f64,
    /// Step of the outer surface across the rim.
    pub step_mm: StepSpread,
    /// Volume of implant that bone blocks on the way out, mm³.
    pub undercut_mm3: f64,
    /// Thinnest place away from rim and holes, mm.
    pub thickness_mm_min: f64,
    /// Moved 1 mm inward it meets bone at three places or more that span more than 180°.
    pub seated: bool,
    /// How far inward it moves until it first meets bone, mm; none when it does not within 3 mm.
    pub push_in_mm: Option<f64>,
    /// Contact places of the push-in test.
    pub push_in_contacts: usize,
    /// Largest angle the contacts span, degrees.
    pub push_in_span_deg: f64,
    /// How far outside the placed bone edge the selecting threshold lies, median, mm.
    pub threshold_offset_mm_p50: f64,
    /// Shift of the bone's surface for 50 HU, mm.
    pub bone_shift_mm_per_50_hu: f64,
}

/// One measured characteristic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Characteristic {
    /// Short id, for example `C1`.
    pub id: String,
    /// What is measured.
    pub name: String,
    /// Nominal value.
    pub nominal: f64,
    /// Lower limit.
    pub lower: f64,
    /// Upper limit.
    pub upper: f64,
    /// Measured value.
    pub measured: f64,
    /// Unit of the four numbers.
    pub unit: String,
    /// Within the limits; NaN does not pass.
    pub pass: bool,
    /// The instrument that could show it on the real part, and what the simulation shows.
    pub instrument: String,
}

/// `part-N/inspection/inspection.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InspectionFacts {
    /// `osteomill.inspection/1`.
    pub schema: String,
    /// What inspection alone comes to.
    pub verdict: Verdict,
    /// Why it is not `accept`.
    pub reasons: Vec<String>,
    /// Milled against design.
    pub surface: SurfaceInspection,
    /// The same with one thing a little off, all else as programmed; reported, not gated.
    #[serde(default)]
    pub sensitivity: Vec<Sensitivity>,
    /// A model of what a shop makes of the program; reported, not gated.
    #[serde(default)]
    pub capability: Option<Capability>,
    /// Milled against bone; absent where there is no bone (`osteomill mill`, `simulate`).
    pub fit: Option<FitInspection>,
    /// Every check with its limits.
    pub characteristics: Vec<Characteristic>,
    /// Findings.
    pub findings: Vec<Finding>,
    /// What simulation shows and what it does not.
    pub statement: String,
}

/// A place beyond tolerance and the block behind it: of a gouge the one that goes deepest there, of material left on the
/// one that passes nearest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutOfTolerance {
    /// `gouge` or `left-on`.
    pub kind: String,
    /// Part mm.
    pub place_part_mm: [f64; 3],
    /// Signed, mm.
    pub deviation_mm: f64,
    /// Program file; empty where no cutter comes near.
    pub program: String,
    /// Line, counted from 1.
    pub line: u32,
}

/// What inspection hands on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inspection {
    /// What `inspection.json` says.
    pub facts: InspectionFacts,
    /// Signed deviation at each vertex of the design mesh, mm; NaN where excluded.
    pub vertex_deviation_mm: Vec<f32>,
}
