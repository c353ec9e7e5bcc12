//! What can keep inspection from measuring; a bad part is not among it, that is a verdict.

use thiserror::Error;

/// Why inspection could not measure.
#[derive(Debug, Error, PartialEq)]
pub enum InspectError {
    /// A key of `[inspect]` holds a value that cannot be used.
    #[error("{key} is {value}, but it must be {expected}; correct it in the pipeline file")]
    Param {
        /// Full key.
        key: &'static str,
        /// What was found.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// A key of the job holds a value that cannot be used.
    #[error("job.toml: {key} is {value}, but it must be {expected}; correct it there")]
    Job {
        /// Key.
        key: &'static str,
        /// What was found.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// The design cannot be measured against.
    #[error(
        "the design mesh has {open} open, {twisted} wrongly turned and {branching} branching edges on \
         {triangles} triangles, but a signed deviation needs a closed two-manifold: repair the mesh"
    )]
    OpenDesign {
        /// Triangles.
        triangles: usize,
        /// Edges with one triangle.
        open: usize,
        /// Edges whose two triangles run the same way.
        twisted: usize,
        /// Edges with more than two triangles.
        branching: usize,
    },
    /// A coordinate is not a number.
    #[error(
        "{what} number {index} holds {value}, which is no finite coordinate: the stage that made it is at \
         fault, nothing can be measured"
    )]
    NotFinite {
        /// What holds it.
        what: &'static str,
        /// Place in its list, counted from 0.
        index: usize,
        /// What was found.
        value: f64,
    },
    /// A move whose tool axis is no direction.
    #[error("move {index} ({program} line {line}) has a tool axis of length {length:.6}, expected 1")]
    ToolAxis {
        /// Place in the path, counted from 0.
        index: usize,
        /// Program file.
        program: String,
        /// Line.
        line: u32,
        /// Length found.
        length: f64,
    },
    /// More tool directions than can be searched.
    #[error(
        "the programs point their tools in {found} directions (by tool and setup), at most {limit} are measured: cut at fixed \
         angles of the rotary axes"
    )]
    TooManyDirections {
        /// Directions found.
        found: usize,
        /// Most.
        limit: usize,
    },
    /// A move names a tool or a program the job does not have.
    #[error(
        "move {index} names {what} {number}, which job.toml does not list: simulate with the job the programs \
         were written for"
    )]
    NotInJob {
        /// Place in the path, counted from 0.
        index: usize,
        /// `tool` or `program`.
        what: &'static str,
        /// Number.
        number: u32,
    },
    /// A tool of the job has no measurable form.
    #[error("tool T{number}: {why}; correct it in job.toml")]
    Tool {
        /// T number.
        number: u32,
        /// What is wrong.
        why: String,
    },
    /// There is nothing to measure.
    #[error("the milled part has {line_ends} line ends and {moves} moves; both are needed to measure it")]
    NothingMilled {
        /// Line ends.
        line_ends: usize,
        /// Moves.
        moves: usize,
    },
    /// The part's frame contradicts its insertion axis.
    #[error(
        "the insertion axis lies {angle_deg:.4}° off part +z (limit 0.01°): implant.json and the mesh are not \
         of the same design"
    )]
    AxisMismatch {
        /// Angle between them, degrees.
        angle_deg: f64,
    },
    /// The bone's surface is empty or broken.
    #[error(
        "the bone surface cannot be measured against: {0}; extract the surface again from the scan of this case"
    )]
    Bone(String),
    /// The user asked to stop.
    #[error("stopped by the user")]
    Stopped,
}
