//! Writes what the machine reads, and what the machinist reads.
//!
//! **In** `Operation`s (work frame, mm), the `Plan` and the dialect of the control. **Out** one `Program` per setup; the
//! setup sheet (HTML) and the tool list.
//!
//! **Method** One writer knows what is in force and prints words only when they change (`program`); a dialect puts them
//! into its control's words (`dialect`, one file each; `docs/posts.md` has the table). Positions to 0.1 µm, or 1 µm where the
//! control takes no more. An arc's centre is taken from the rounded ends, so that the two radii the control computes agree.
//! A rapid that goes up goes up first, one that goes down goes down last: no rapid cuts a corner. Path control is exact
//! path or exact stop, what the judge simulates is what is run; Heidenhain has neither and is held within 5 µm.
//!
//! A flip coupon is probed where the text says all of a probe move; on Heidenhain the program waits and says what is to be
//! measured (`coupon`).
//!
//! **Guarantees** Every printed number reads back within half its last digit of the number meant (a partial helix of
//! Heidenhain's: within 0.2 µm; x and y are said again after it); nothing is printed that is not finite, beyond the machine's
//! travels, feeds or speeds; until the design is approved each program begins with `DRAFT` and a stop. Same input, same
//! bytes.
//!
//! **Limits** Three axes, arcs in the x-y plane. Tool lengths are measured on the machine; travels are checked for the
//! tool's tip, with the plan having checked the spindle's nose. Siemens and, with pecks, Heidenhain get holes as moves. Only
//! LinuxCNC's own interpreter has read these programs; the others' words are from their makers' manuals.

mod arc;
mod coupon;
mod dialect;
mod number;
mod params;
mod program;
mod sheet;
mod timing;
mod tool_list;

pub use params::{PostParamError, PostParams, PostToml};
pub use program::write_programs;
pub use sheet::setup_sheet_html;
pub use tool_list::{ToolEntry, ToolList, tool_list};

/// Why a program or sheet cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// Nothing to write.
    #[error("setup op{setup} has no operations, but the plan has that setup; run the toolpath stage for it")]
    NoOperations {
        /// Setup number.
        setup: u32,
    },
    /// An operation of a setup the plan does not have.
    #[error(
        "operation {operation:?} belongs to setup {setup}, the plan has {known}; plan and toolpath are of different cases"
    )]
    UnknownSetup {
        /// Name of the operation.
        operation: String,
        /// Setup number.
        setup: u32,
        /// Setups of the plan.
        known: String,
    },
    /// A tool the plan does not have.
    #[error(
        "operation {operation:?} uses T{tool}, which is not among the plan's tools ({known}); add it to the plan"
    )]
    UnknownTool {
        /// Name of the operation.
        operation: String,
        /// T number.
        tool: u32,
        /// Tools of the plan.
        known: String,
    },
    /// A number that is no number, or too large to print.
    #[error("operation {operation:?}, move {number}: {what} is {found}, expected a finite number below 10 m")]
    NotFinite {
        /// Name of the operation.
        operation: String,
        /// Move, counted from 1; 0 for the operation's own words.
        number: usize,
        /// Which word.
        what: &'static str,
        /// The value.
        found: f64,
    },
    /// Beyond the machine's travel.
    #[error(
        "operation {operation:?}, move {number}: machine {axis} would be {reach_mm:.3} mm, travel is {min_mm:.1} to \
         {max_mm:.1} mm; move the work zero or choose a larger machine"
    )]
    Travel {
        /// Name of the operation.
        operation: String,
        /// Move, counted from 1.
        number: usize,
        /// `x`, `y` or `z`.
        axis: char,
        /// Machine coordinate, mm.
        reach_mm: f64,
        /// Lowest, mm.
        min_mm: f64,
        /// Highest, mm.
        max_mm: f64,
    },
    /// Feed or speed the machine does not have.
    #[error(
        "operation {operation:?}: {what} is {found}, the machine has {least} to {most}; cap it in the toolpath stage"
    )]
    BeyondMachine {
        /// Name of the operation.
        operation: String,
        /// Which.
        what: &'static str,
        /// The value.
        found: f64,
        /// Least.
        least: f64,
        /// Most.
        most: f64,
    },
    /// A move that cannot be written as it stands.
    #[error("operation {operation:?}, move {number}: {found}; expected {expected}")]
    Move {
        /// Name of the operation.
        operation: String,
        /// Move, counted from 1.
        number: usize,
        /// What is wrong.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A word the dialect does not know.
    #[error(
        "operation {operation:?}: coolant is {found:?}, for which {dialect} has no word; expected flood, mist or dry \
         (mist: LinuxCNC, Fanuc and Siemens only)"
    )]
    Coolant {
        /// Name of the operation.
        operation: String,
        /// The word.
        found: String,
        /// Name of the dialect.
        dialect: &'static str,
    },
    /// A work offset the dialect does not know.
    #[error("setup op{setup} is set up at {found:?}, for which {dialect} has no word; use one of G54 to G59")]
    WorkOffset {
        /// Setup number.
        setup: u32,
        /// The offset.
        found: String,
        /// Name of the dialect.
        dialect: &'static str,
    },
    /// The sheet's template failed.
    #[error("the setup sheet cannot be filled in: {0}; this is a fault of the program, report it")]
    Sheet(String),
}

#[cfg(test)]
mod tests;
