//! How the part is made: setups, blank, holding, tabs (`plan`); tool motions (`toolpath`); text (`post`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dialect::Dialect;
use super::finding::Finding;
use super::frame::{Part, Point, Pose, Work};
use super::shop::{Blank, MachineTool, Material, Tool};

/// An axis-aligned box in the part's frame, mm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BoxPart {
    /// Lowest corner.
    pub min_mm: Point<Part>,
    /// Highest corner.
    pub max_mm: Point<Part>,
}

/// Something that holds the blank and must not be hit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fixture {
    /// For messages.
    pub name: String,
    /// Setups, by number, in which it is there.
    pub setups: Vec<u32>,
    /// Its body.
    pub body: BoxPart,
}

/// What a setup does of the part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SetupTask {
    /// Roughs and finishes its side.
    #[default]
    All,
    /// Roughs its side and leaves the allowance.
    Rough,
    /// Finishes the side that an earlier setup has roughed.
    Finish,
    /// Drills what stands aslant.
    Holes,
    /// Mills what neither side sees.
    Cover,
}

/// One clamping of the blank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Setup {
    /// 10, 20 …: names the program `op10.ngc`.
    pub number: u32,
    /// For the sheet, for example `bone side and rim`.
    pub name: String,
    /// Where its work offset lies in the part, the rotary axes at their angles. Tool axis is work +z.
    pub part_from_work: Pose<Part, Work>,
    /// `G54` …
    pub work_offset: String,
    /// Machine coordinates of the work zero, mm.
    pub work_zero_machine_mm: [f64; 3],
    /// A height, in work z, above everything, mm; of an indexed setup at every angle on the way to it.
    pub clearance_z_mm: f64,
    /// What is done in it.
    pub task: SetupTask,
    /// The setup whose clamping and work offset this one keeps; its own number where the part is clamped anew.
    pub clamping: u32,
    /// Angle of each of the machine's rotary axes, degrees; empty where all are at zero.
    #[serde(default)]
    pub rotary_deg: Vec<f64>,
}

impl Setup {
    /// True where rotary axes hold the part tilted.
    pub fn is_indexed(&self) -> bool {
        !self.rotary_deg.is_empty()
    }
}

/// A bridge of stock that holds the part in its frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tab {
    /// Where its middle meets the rim.
    pub centre: Point<Part>,
    /// Away from the part, in the x-y plane of the part; unit vector.
    pub outward_xy: [f64; 2],
    /// Along the rim, mm.
    pub width_mm: f64,
    /// Lowest and highest part z of the bridge.
    pub z_min_mm: f64,
    /// Highest part z of the bridge, mm.
    pub z_max_mm: f64,
}

/// A round locating pin through the frame, parallel to part z.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pin {
    /// Middle, in the part's x-y plane, mm.
    pub centre_xy_mm: [f64; 2],
    /// Diameter, mm.
    pub diameter_mm: f64,
}

/// Bores in the frame, milled from both sides, by which a probe tells whether the blank lies where it lay before it was
/// turned over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FlipCoupon {
    /// Middles of the bores, part x and y, mm: two as far apart as the frame allows.
    pub places_xy_mm: Vec<[f64; 2]>,
    /// Setup that mills the bores which are probed.
    pub bored_in: u32,
    /// Setup that opens them from the other side and probes them before it does anything else.
    pub probed_in: u32,
    /// Diameter of the bores, mm.
    pub bore_mm: f64,
    /// Depth of the bores below the face that looks at the tool, mm.
    pub bore_depth_mm: f64,
    /// Diameter of their openings from the other side, mm.
    pub opening_mm: f64,
    /// Depth of the openings, mm.
    pub opening_depth_mm: f64,
    /// Work z, in the setup that probes, of what the frame lies on under the bores; none where it is not probed.
    pub floor_z_mm: Option<f64>,
    /// Deviation beyond which the program ends, µm.
    pub limit_um: f64,
    /// A probe move goes on so far beyond where the touch should be, mm.
    pub past_mm: f64,
    /// Feed of a probe move, mm/min.
    pub feed_mm_per_min: f64,
}

impl FlipCoupon {
    /// Name of the operation after which the setup probes.
    pub const OPENING: &'static str = "flip coupon, openings";
    /// Name of the operation that mills the bores.
    pub const BORES: &'static str = "flip coupon, bores";
}

/// `part-N/plan.json`: how the part is made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// `osteomill.plan/1`.
    pub schema: String,
    /// Key of the material.
    pub material_key: String,
    /// The material.
    pub material: Material,
    /// The blank chosen from the catalogue.
    pub blank: Blank,
    /// Where the blank lies around the part.
    pub stock: BoxPart,
    /// The machine.
    pub machine: MachineTool,
    /// In the order they are run.
    pub setups: Vec<Setup>,
    /// What holds the blank.
    pub fixtures: Vec<Fixture>,
    /// Locating pins.
    pub pins: Vec<Pin>,
    /// Bridges left between part and frame.
    pub tabs: Vec<Tab>,
    /// Width of the free lane milled around the part, mm.
    pub lane_mm: f64,
    /// Tools used, by role: `rough`, `finish`, `rim`, `drill` …
    pub tools: std::collections::BTreeMap<String, Tool>,
    /// Stock left by roughing, mm.
    pub rough_allowance_mm: f64,
    /// Cusp height finishing aims at, mm.
    pub scallop_mm: f64,
    /// What semi-finishing leaves for the finishing balls at most, mm.
    pub finish_skin_mm: f64,
    /// What is seen of the part along the axis it is milled on.
    pub visibility: Option<Visibility>,
    /// What tells of the turn of the blank; none where none is planned.
    #[serde(default)]
    pub flip: Option<FlipCoupon>,
    /// What the inner side rests on while the outer side is finished.
    pub nest: Option<Box<Nest>>,
    /// Findings of planning.
    pub findings: Vec<Finding>,
}

/// What is seen of the part along the axis it is milled on, and along every other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Visibility {
    /// Directions that were tried, over half the sphere; each looks both ways.
    pub directions: usize,
    /// Share of the surface seen from the two sides.
    pub seen_share: f64,
    /// Seen from neither side by a line, mm²; walls upright within the mesh's own roughness count as seen.
    pub unseen_mm2: f64,
    /// Of it, what no direction sees at all, mm².
    pub hidden_mm2: f64,
    /// Seen by a line but no place for the finishing ball from either side, mm².
    pub narrow_mm2: f64,
    /// Steepest facet of the two faces to the axis, rim walls left out, degrees (99th percentile by area).
    pub slope_deg_max: f64,
    /// The blank along the axis, mm.
    pub stock_height_mm: f64,
    /// Deepest that a tool's tip goes below the blank's face, mm.
    pub reach_mm: f64,
    /// The best other axis: what is unseen along it, mm².
    pub best_unseen_mm2: f64,
    /// Its angle to the axis taken, degrees.
    pub best_deg: f64,
    /// Tilted poses in which what is unseen is milled; none on a machine without rotary axes.
    pub cover: Vec<Cover>,
    /// What no pose of the machine reaches, mm².
    pub uncovered_mm2: f64,
}

/// A tilted pose, and what it reaches of the surface that neither side sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cover {
    /// Its own setup.
    pub setup: u32,
    /// The setup whose clamping it keeps.
    pub clamping: u32,
    /// Angle of each of the machine's rotary axes, degrees.
    pub rotary_deg: Vec<f64>,
    /// From the clamping's own spindle direction, degrees.
    pub tilt_deg: f64,
    /// Facets of the body, by number, that it is the first to reach.
    pub facets: Vec<u32>,
    /// Their area, mm².
    pub area_mm2: f64,
}

/// A block under the part, milled in place to the part's inner side.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Nest {
    /// The setup of the part that rests on it.
    pub carries: u32,
    /// How far it stays inside the part's outline, mm.
    pub inset_mm: f64,
    /// Part z of the ground beside it, mm.
    pub ground_z_mm: f64,
    /// Area that carries, seen along z, mm².
    pub seat_mm2: f64,
    /// How it is made: one setup, its own blank and material. Its frame is the part's.
    pub plan: Plan,
}

/// One motion of the tool tip, in the work frame of its setup, mm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Move {
    /// As fast as the machine can, clear of everything.
    Rapid([f64; 3]),
    /// Straight cut at the operation's feed.
    Cut([f64; 3]),
    /// Straight cut at the operation's plunge feed: ramps, helices, entries.
    Plunge([f64; 3]),
    /// Arc in the x-y plane, z changing evenly, at the operation's feed.
    Arc {
        /// End.
        to: [f64; 3],
        /// Centre in x and y.
        centre_xy: [f64; 2],
        /// Clockwise seen from work +z.
        clockwise: bool,
    },
    /// A drilled hole: rapid above, peck to `bottom_z`, back to `retract_z`.
    Drill {
        /// x and y.
        at_xy: [f64; 2],
        /// Rapid down to here and back.
        retract_z: f64,
        /// Tip at the bottom.
        bottom_z: f64,
        /// Depth of one peck; 0 for none.
        peck_mm: f64,
    },
}

/// What one tool does without a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// For the program's comments, for example `finish bone side`.
    pub name: String,
    /// Setup number.
    pub setup: u32,
    /// T number.
    pub tool: u32,
    /// Spindle speed, 1/min.
    pub spindle_rpm: f64,
    /// Cutting feed, mm/min.
    pub feed_mm_per_min: f64,
    /// Feed of entries, mm/min.
    pub plunge_mm_per_min: f64,
    /// `flood`, `mist` or `dry`.
    pub coolant: String,
    /// In order. The first is a rapid.
    pub moves: Vec<Move>,
}

/// The text of one program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// `op10.ngc`; the ending is the dialect's.
    pub file: String,
    /// What the control must read it as.
    pub dialect: Dialect,
    /// Setup number.
    pub setup: u32,
    /// What the machine reads.
    pub text: String,
}

/// What is handed to the machine shop, and to the judge: both empty for a part that the review stopped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Posted {
    /// In the order they are run.
    pub programs: Vec<Program>,
    /// Text of `job.toml`.
    pub job_toml: String,
}
