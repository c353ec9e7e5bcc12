//! What the simulated machine made of the blank.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::frame::Part;
use super::mesh::Mesh;

/// One straight piece of tool motion, in the part's frame, as read from the program's text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolMove {
    /// Index of the program in the job.
    pub program: u16,
    /// Line of the program's text, counted from 1.
    pub line: u32,
    /// T number in the spindle.
    pub tool: u32,
    /// True for a rapid.
    pub rapid: bool,
    /// Tool tip at the start, part mm.
    pub from_mm: [f64; 3],
    /// Tool tip at the end, part mm.
    pub to_mm: [f64; 3],
    /// From the tip up the tool, part frame, unit vector.
    pub up: [f64; 3],
}

/// Where a dexel line leaves the material.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineEnd {
    /// Part mm.
    pub p_mm: [f64; 3],
    /// 0, 1, 2: the line runs along part x, y, z.
    pub axis: u8,
    /// True where the material lies on the line's lower side of `p_mm`.
    pub material_below: bool,
}

/// A fault found while milling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Collision {
    /// File name of the program.
    pub program: String,
    /// Line, counted from 1.
    pub line: u32,
    /// `rapid-through-stock`, `holder`, `shank`, `fixture`, `no-feed`, `spindle-off`, `axis-limit` …
    pub kind: String,
    /// How deep, mm; 0 for faults of words.
    pub depth_mm: f64,
    /// One sentence.
    pub message: String,
}

/// `part-N/milling/milling.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MillingFacts {
    /// `osteomill.milling/1`.
    pub schema: String,
    /// Blocks read.
    pub blocks: usize,
    /// Machining time with acceleration, s.
    pub time_s: f64,
    /// The same per program, s.
    pub time_s_per_program: Vec<f64>,
    /// Path at feed, mm.
    pub path_mm_cut: f64,
    /// Path at rapid, mm.
    pub path_mm_rapid: f64,
    /// Faults, in the order met.
    pub collisions: Vec<Collision>,
    /// Distance between dexel lines, mm.
    pub dexel_mm: f64,
    /// T numbers used, in order of first use.
    pub tools_used: Vec<u32>,
    /// Volume of the part after it was cut free, mm³.
    pub part_mm3: f64,
    /// Operations as the judge finds them in the programs' text, in order.
    pub operations: Vec<MilledOperation>,
    /// Tab witnesses found in what remains: middle, part mm, and area where the stub meets the part, mm².
    pub tab_witnesses: Vec<TabWitness>,
    /// What the cutters took, by operation: from one tool change to the next.
    #[serde(default)]
    pub operation_loads: Vec<OperationLoad>,
    /// The largest of that, by tool, in the order of T numbers.
    #[serde(default)]
    pub tool_loads: Vec<ToolLoad>,
}

/// What the cutter took in one operation. Volume is what the upright lines lose; removal rate and section are means over
/// stretches of at least a millimetre of cutting moves, since a shorter move's share of lines is chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationLoad {
    /// File name of the program.
    pub program: String,
    /// Line of its first motion at feed, counted from 1.
    pub line_first: u32,
    /// Line of its last motion at feed.
    pub line_last: u32,
    /// T number.
    pub tool: u32,
    /// Stock removed at feed, mm³.
    pub removed_mm3: f64,
    /// Path at feed that removed stock, mm.
    pub path_mm_engaged: f64,
    /// Largest volume per time at the programmed feed, mm³/min.
    pub removal_mm3_per_min_max: f64,
    /// Line where that stretch begins, 0 for none.
    pub removal_line: u32,
    /// Largest section of stock that the cutter pushed through: volume over path, mm².
    pub section_mm2_max: f64,
    /// Largest feed over speed and flutes of a move that removes stock, mm.
    pub chip_load_mm_max: f64,
    /// Line of it, 0 for none.
    pub chip_load_line: u32,
}

/// The largest loads of one tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolLoad {
    /// T number.
    pub tool: u32,
    /// mm³/min.
    pub removal_mm3_per_min_max: f64,
    /// mm.
    pub chip_load_mm_max: f64,
    /// Limit of the job, mm; `null` where it has none.
    pub chip_load_mm_limit: Option<f64>,
}

/// What one tool does under one heading (a line that is nothing but a comment) of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MilledOperation {
    /// File name of the program.
    pub program: String,
    /// The heading; empty where the program gives none.
    pub name: String,
    /// T number.
    pub tool: u32,
    /// Line of the first motion, counted from 1.
    pub line_first: u32,
    /// Line of the last motion.
    pub line_last: u32,
    /// Lines that ask for a motion.
    pub blocks: usize,
    /// Time from rest to rest with acceleration, and of the tool change before it, s; dwells are not in it.
    pub time_s: f64,
    /// Of `time_s`, at feed: path over programmed feed, s.
    pub time_s_at_feed: f64,
    /// Path at feed, mm.
    pub path_mm_cut: f64,
    /// Path at rapid, mm.
    pub path_mm_rapid: f64,
}

/// The blank from the tool's side after an operation, on every few dexel lines along z.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StockMap {
    /// Seen from part +z; from part -z otherwise.
    pub from_above: bool,
    /// Part x and y of the first line, mm.
    pub first_xy_mm: [f64; 2],
    /// Distance between lines, mm.
    pub step_mm: f64,
    /// Lines along part x and y.
    pub n: [usize; 2],
    /// Depth below the face of the blank that looks at the tool, in 0.01 mm, x fastest; [`StockMap::THROUGH`] where
    /// nothing is left.
    pub depth_hundredths_mm: Vec<u16>,
}

impl StockMap {
    /// Nothing left on the line.
    pub const THROUGH: u16 = u16::MAX;
}

/// Where a bridge of stock still holds the part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TabWitness {
    /// Middle of the stub, part mm.
    pub centre_part_mm: [f64; 3],
    /// Radius about the middle that holds the whole stub and its root, mm.
    pub radius_mm: f64,
    /// Area of the section by which the stub meets the part, mm².
    pub area_mm2: f64,
}

/// The milled part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Milled {
    /// Cut free at the tabs; part frame.
    pub mesh: Mesh<Part>,
    /// Ends of the dexel lines on the part (tabs' stubs included).
    pub line_ends: Vec<LineEnd>,
    /// Every motion, as the judge read it.
    pub path: Vec<ToolMove>,
    /// What is left after each of the operations in `facts`, for pictures; empty where nothing was looked at.
    pub stock_after: Vec<StockMap>,
    /// What `milling.json` says.
    pub facts: MillingFacts,
}
