//! How an implant is held and how it sits: fixation, the way out, seating, the scalp over it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::frame::{Dir, Patient, Point};

/// A place where the implant is held: one row of the screw table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FixationSite {
    /// Counted from 1 about the rim.
    pub site: usize,
    /// Where the screw enters bone, on its outer surface, patient LPS mm.
    pub bone_lps_mm: Point<Patient>,
    /// The screw's axis, out of the bone and square to it.
    pub axis_lps: Dir<Patient>,
    /// Where the plate's other screw enters the implant, patient LPS mm; none on an ear.
    pub implant_lps_mm: Option<Point<Patient>>,
    /// Thickness of the implant (of the ear) under the screw's head, mm.
    pub implant_thickness_mm: f64,
    /// Thickness of the bone along the screw: the least over its width, mm.
    pub bone_thickness_mm: f64,
    /// From the screw's axis to the nearest edge of bone, along its surface, mm; told up to 12 mm.
    pub bone_edge_mm: f64,
    /// From the screw to the nearest lumen of a sinus, mm; none within 20 mm.
    pub sinus_mm: Option<f64>,
    /// From the screw to the plane of symmetry, in which the sagittal sinus is taken to run, mm.
    pub midline_mm: f64,
    /// From the screw to the estimated course of the transverse sinus, mm; none in the front half of the head.
    pub transverse_sinus_mm: Option<f64>,
    /// Longest screw into bone: plate or ear, plus bone, less 1 mm; rounded down to half a millimetre.
    pub screw_mm: f64,
    /// Longest screw into the implant: plate, plus implant, less 1 mm; none on an ear.
    pub implant_screw_mm: Option<f64>,
}

/// A round groove, followed along strokes: the envelope of a ball whose middle stays `radius − depth` outside the face.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GrooveFacts {
    /// Radius of its floor, mm.
    pub radius_mm: f64,
    /// Width where it meets the face, mm: 2·√(depth·(2·radius − depth)).
    pub width_mm: f64,
}

impl GrooveFacts {
    /// The groove of a floor of `radius_mm`, `depth_mm` deep, which must be less.
    pub fn new(radius_mm: f64, depth_mm: f64) -> Self {
        Self { radius_mm, width_mm: 2.0 * (depth_mm * (2.0 * radius_mm - depth_mm)).sqrt() }
    }
}

/// What is engraved, as strokes on a face; the mesh is smooth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MarkingFacts {
    /// Lines of text, the upper first; `^` is the arrow.
    pub lines: Vec<String>,
    /// `outer` or `inner`.
    pub face: String,
    /// Where the arrow points: `cranial`, or `anterior` at the crown.
    pub arrow: String,
    /// Height of the letters, mm.
    pub letter_mm: f64,
    /// Depth, square to the face, mm.
    pub depth_mm: f64,
    /// The groove that the programs mill along the strokes; none where the marking is made otherwise.
    #[serde(default)]
    pub groove: Option<GrooveFacts>,
    /// Up in the text.
    pub up_lps: Dir<Patient>,
    /// The way the text runs, as somebody who looks at that face reads it.
    pub right_lps: Dir<Patient>,
    /// Strokes on the face, places at most 0.25 mm apart, patient LPS mm.
    pub strokes_lps_mm: Vec<Vec<Point<Patient>>>,
}

/// A body that a person drew in the place of the one designed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EditedFacts {
    /// From the edited body to the designed one and back: 95th percentile over corners, mm.
    pub change_mm_p95: f64,
    /// The largest, mm.
    pub change_mm_max: f64,
    /// Where that is, patient LPS mm.
    pub place_lps_mm: Point<Patient>,
    /// Volume added, mm³; negative where less is left.
    pub change_mm3: f64,
}

/// Why there can be no site at some places of the rim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    /// The rule.
    pub rule: String,
    /// Share of the places tried that came no further than this rule.
    pub share: f64,
}

/// Where the implant is held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FixationFacts {
    /// `plates` or `ears`.
    pub kind: String,
    /// Sites wanted for an implant of this area.
    pub sites_wanted: usize,
    /// Fewer than this are looked at by a person.
    pub sites_needed: usize,
    /// The screw table.
    pub sites: Vec<FixationSite>,
    /// Share of the places tried about the rim at which a site may be.
    pub usable_share: f64,
    /// What forbids the others.
    pub ruled_out: Vec<RuledOut>,
    /// What of this table is an estimate and not a measurement.
    pub estimated: String,
}

/// The finished mesh moved out along the insertion axis, against the bone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RemovalFacts {
    /// How far it was moved: until it was clear of all bone beside it, mm.
    pub travel_mm: f64,
    /// Deepest it met bone on the way, mm; 0 where it met none.
    pub interference_mm_max: f64,
    /// Where, on the implant at rest, patient LPS mm.
    pub place_lps_mm: Option<[f64; 3]>,
}

/// Put in by hand many times over, against bone that is a little larger or smaller than the scan shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeatingFacts {
    /// How many times.
    pub trials: usize,
    /// Seed of the trials.
    pub seed: u64,
    /// Largest shift of the start along each axis, mm.
    pub shift_mm: f64,
    /// Largest turn of the start about each axis, degrees.
    pub turn_deg: f64,
    /// Largest shift of the bone's surface, either way, mm.
    pub bias_mm: f64,
    /// Places of the rim that were held against the bone.
    pub rim_places: usize,
    /// Share that came to rest without interference and no prouder than allowed.
    pub share_seated: f64,
    /// 95th percentile over the trials of what was left of interference, mm.
    pub interference_mm_p95: f64,
    /// 95th percentile over the trials of the proudest place of the rim, mm.
    pub proud_mm_p95: f64,
}

/// The implant's outer face against today's skin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScalpFacts {
    /// Level at which skin is seen, HU.
    pub skin_hu: f64,
    /// Places of the outer face.
    pub places: usize,
    /// Share of them over which skin was found.
    pub measured_share: f64,
    /// Median thickness of the scalp over sound bone beside the defect, mm.
    pub scalp_mm_p50: f64,
    /// Median lift, mm; negative where the skin will sink.
    pub lift_mm_p50: f64,
    /// 95th percentile of the lift, mm.
    pub lift_mm_p95: f64,
    /// Largest lift, mm.
    pub lift_mm_max: f64,
    /// Where it is largest, patient LPS mm.
    pub lift_lps_mm: Option<[f64; 3]>,
    /// Every place measured: patient LPS mm, and the lift there, mm.
    pub map: Vec<[f64; 4]>,
}
