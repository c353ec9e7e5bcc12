//! Why there is no implant.

use thiserror::Error;

/// Why there is no implant.
#[derive(Debug, Error)]
pub enum ImplantError {
    /// No such defect.
    #[error(
        "defect {defect} was asked for, but the reconstruction has {found}: ask for one of them, counted from 0"
    )]
    NoDefect {
        /// Asked for, from 0.
        defect: usize,
        /// How many there are.
        found: usize,
    },
    /// The chart is not n × n.
    #[error(
        "the chart of defect {defect} has {found} values of `{what}`, but needs {expected}: reconstruct again"
    )]
    Chart {
        /// Defect, from 0.
        defect: usize,
        /// Which values.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many it needs.
        expected: usize,
    },
    /// A predicted cell has no usable radii.
    #[error(
        "cell {cell} of the chart of defect {defect} has outer radius {outer_mm} mm and inner radius {inner_mm} mm; \
         both must be positive and the outer one larger: reconstruct again"
    )]
    Radii {
        /// Defect, from 0.
        defect: usize,
        /// Cell in memory order.
        cell: usize,
        /// Its outer radius.
        outer_mm: f64,
        /// Its inner radius.
        inner_mm: f64,
    },
    /// No cell of the chart is missing.
    #[error("the chart of defect {defect} has no missing cell: there is nothing to fill, reconstruct again")]
    NothingMissing {
        /// Defect, from 0.
        defect: usize,
    },
    /// Hardly any bone beside the defect.
    #[error(
        "{found} facets of bone face defect {defect}, at least 50 are needed to fit an implant: look at the bone \
         surface and at the place of the defect"
    )]
    NoRim {
        /// Defect, from 0.
        defect: usize,
        /// Facets found.
        found: usize,
    },
    /// Bone, gap and thickness leave nothing.
    #[error(
        "between bone, gap ({gap_mm} mm) and inner table nothing is left of the implant of defect {defect}: the defect \
         is too small for this device"
    )]
    Empty {
        /// Defect, from 0.
        defect: usize,
        /// Gap asked for, mm.
        gap_mm: f64,
    },
    /// The grid would not fit.
    #[error(
        "the implant of defect {defect} needs {samples} samples at implant.mesh_mm = {mesh_mm}, more than 200 million: \
         raise implant.mesh_mm or look at the defect"
    )]
    TooLarge {
        /// Defect, from 0.
        defect: usize,
        /// Samples.
        samples: u64,
        /// Step, mm.
        mesh_mm: f64,
    },
    /// The body given in the place of the designed one cannot stand there.
    #[error("the implant given {why}")]
    Edited {
        /// What is wrong with it and what to do.
        why: String,
    },
    /// One body was given for several implants.
    #[error(
        "an implant was given, but the case has {found} defects: plan them one at a time with --defect-seed or --region"
    )]
    EditedForSeveral {
        /// How many there are.
        found: usize,
    },
    /// The user stopped it.
    #[error("stopped while designing the implant: run again to go on")]
    Stopped,
}
