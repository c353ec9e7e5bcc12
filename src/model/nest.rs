//! What a nest came to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::Finding;

/// `part-N/nest/nest.json`: the seat as its program mills it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NestFacts {
    /// `osteomill.nest/1`.
    pub schema: String,
    /// The setup of the part that lies on it.
    pub carries: u32,
    /// Catalogue name of the blank it is sawn from.
    pub blank: String,
    /// Length, width and height of the block, mm.
    pub block_mm: [f64; 3],
    /// Area that carries, seen along the axis, mm².
    pub seat_mm2: f64,
    /// How far it stays inside the part's outline, mm.
    pub inset_mm: f64,
    /// Places of the seat measured against the cutters along the program.
    pub seat_samples: usize,
    /// Lowest of them against the part's bone side, mm; negative is a gap under the part.
    pub seat_mm_min: f64,
    /// Highest of them, mm: material left on, which lifts the part.
    pub seat_mm_max: f64,
    /// Where that is, part mm.
    pub seat_highest_part_mm: [f64; 3],
    /// What the seat may be off, mm.
    pub tolerance_mm: f64,
    /// Faults of its program.
    pub faults: usize,
    /// Blocks of its program.
    pub blocks: usize,
    /// Time of its program, s.
    pub time_s: f64,
    /// What forbids its use.
    pub findings: Vec<Finding>,
}
