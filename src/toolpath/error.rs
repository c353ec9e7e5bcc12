//! What can keep a plan from becoming tool motions.

use thiserror::Error;

/// Why no tool motions were made.
#[derive(Debug, Error)]
pub enum ToolpathError {
    /// A setup finishes a side that none before it has roughed.
    #[error(
        "op{setup} finishes a side that no setup before it has roughed; put a roughing setup of that side before it"
    )]
    NotRoughed {
        /// Setup number.
        setup: u32,
    },
    /// A key of the room's table is out of range.
    #[error("{key} is {value}, but {needed}; correct it in the pipeline's [toolpath] table")]
    Param {
        /// Key with its table.
        key: &'static str,
        /// What was found.
        value: f64,
        /// What is needed.
        needed: &'static str,
    },
    /// The plan names no tool for a role.
    #[error(
        "the plan has no tool for the role `{role}`, which {why}; add a tool to the shop that can take it and plan again"
    )]
    NoTool {
        /// `rough`, `finish`, `rim` or `drill`.
        role: &'static str,
        /// What it is needed for.
        why: String,
    },
    /// The tool of a role has the wrong form.
    #[error(
        "tool T{number} has the role `{role}` but {found}; that role needs {needed}; correct the plan's tools"
    )]
    WrongTool {
        /// T number.
        number: u32,
        /// Role.
        role: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        needed: &'static str,
    },
    /// The design has no surface that can be milled from above.
    #[error(
        "setup {setup} sees no surface of the part from its tool axis; check the setup's pose or the design's mesh"
    )]
    NothingToMill {
        /// Setup number.
        setup: u32,
    },
    /// The part is not inside the blank.
    #[error(
        "in setup {setup} the part reaches {part_mm:.3} mm along work {axis} but the blank ends at {stock_mm:.3} mm; \
         choose a larger blank or move the part in it"
    )]
    OutsideBlank {
        /// Setup number.
        setup: u32,
        /// `x`, `y` or `z`.
        axis: &'static str,
        /// How far the part reaches.
        part_mm: f64,
        /// Where the blank ends.
        stock_mm: f64,
    },
    /// The clearance plane is not above the blank.
    #[error(
        "setup {setup} travels at work z {clearance_mm:.3} mm but the blank reaches {stock_mm:.3} mm; raise \
         clearance_z_mm by at least {lack_mm:.3} mm"
    )]
    LowClearance {
        /// Setup number.
        setup: u32,
        /// Clearance of the setup.
        clearance_mm: f64,
        /// Top of the blank.
        stock_mm: f64,
        /// How much is missing.
        lack_mm: f64,
    },
    /// The lane around the part is narrower than the tools.
    #[error(
        "the lane around the part is {lane_mm:.3} mm wide but the roughing tool and its allowance need \
         {needed_mm:.3} mm; widen the lane or choose a smaller tool"
    )]
    NarrowLane {
        /// Width planned.
        lane_mm: f64,
        /// Width needed.
        needed_mm: f64,
    },
    /// The rim ball cannot pass the widest place of the part before it leaves the blank.
    #[error(
        "in setup {setup} the rim ball must go down to work z {needed_mm:.3} mm to pass the widest place of the rim, \
         but the blank ends at {stock_mm:.3} mm; choose a thicker blank or a smaller rim tool"
    )]
    ShallowBlank {
        /// Setup number.
        setup: u32,
        /// Lowest tip.
        needed_mm: f64,
        /// Bottom of the blank.
        stock_mm: f64,
    },
    /// A hole that no tool of the plan drills.
    #[error(
        "hole {hole} ({kind}) has a diameter of {diameter_mm:.3} mm but no drill of the plan has it within 0.01 mm (T{number} \
         has {drill_mm:.3} mm); add a drill of that diameter to the plan"
    )]
    HoleDiameter {
        /// Number of the hole, counted from 1.
        hole: usize,
        /// Its kind.
        kind: String,
        /// Its diameter.
        diameter_mm: f64,
        /// The drill.
        number: u32,
        /// The drill's diameter.
        drill_mm: f64,
    },
    /// A hole that does not run along the tool axis.
    #[error(
        "hole {hole} ({kind}) leans {tilt_deg:.3} degrees from the tool axis of setup {setup} (limit 0.01); three axes \
         drill only along it: turn the hole or plan an indexed setup"
    )]
    TiltedHole {
        /// Number of the hole, counted from 1.
        hole: usize,
        /// Its kind.
        kind: String,
        /// Angle to the tool axis.
        tilt_deg: f64,
        /// Setup number.
        setup: u32,
    },
    /// The drill would leave the blank at the bottom.
    #[error(
        "hole {hole} needs the drill's tip at work z {needed_mm:.3} mm for its full diameter to pass, below the blank's \
         bottom at {stock_mm:.3} mm; choose a thicker blank"
    )]
    DeepHole {
        /// Number of the hole, counted from 1.
        hole: usize,
        /// Tip needed.
        needed_mm: f64,
        /// Bottom of the blank.
        stock_mm: f64,
    },
    /// A drill misses the part.
    #[error("hole {hole} ({kind}) lies beside the part in setup {setup}; check the hole's centre")]
    HoleBeside {
        /// Number of the hole, counted from 1.
        hole: usize,
        /// Its kind.
        kind: String,
        /// Setup number.
        setup: u32,
    },
    /// A number in the plan or the design is not finite.
    #[error("{what} holds a number that is not finite; nothing can be milled from it: correct the {owner}")]
    NotFinite {
        /// What.
        what: &'static str,
        /// `plan` or `design`.
        owner: &'static str,
    },
    /// The marking lies where the tool cannot engrave it.
    #[error(
        "op{setup}: stroke {stroke} of the marking lies on a face that stands {slope_deg:.1} degrees off the level, limit \
         {limit_deg:.1}; set implant.marking_method to \"laser\" or implant.marking_face to the other face"
    )]
    SteepMarking {
        /// Counted from 1.
        stroke: usize,
        /// Setup number.
        setup: u32,
        /// Slope of the face, degrees.
        slope_deg: f64,
        /// Steepest that is engraved, degrees.
        limit_deg: f64,
    },
    /// The user asked to stop.
    #[error("stopped on request before all tool motions were made; run again to finish")]
    Stopped,
}
