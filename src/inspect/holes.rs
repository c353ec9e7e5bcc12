//! Round holes: the diameter that the measured part has, against `holes[]` of the design.

use nalgebra::Vector3;

use crate::model::{HoleFacts, ImplantFacts};

use super::fit::Measured;

/// How far off the nominal wall a hole's wall is looked for, mm. A hole missed by more has no wall here.
const SEARCH_MM: f64 = 0.3;

/// Fewer places than this do not make a diameter.
const PLACES_MIN: usize = 12;

/// Longest hole looked for, mm: thicker than any implant.
const LENGTH_MM: f64 = 25.0;

/// Area-weighted mean diameter of the wall around the hole's axis, mm; 0 where no wall is found, which no limit
/// allows.
pub fn diameter_mm(hole: &HoleFacts, facts: &ImplantFacts, measured: &[Measured]) -> f64 {
    let centre = facts.part_from_patient.apply(hole.centre_lps_mm).v();
    let axis = facts.part_from_patient.turn(hole.axis_lps).v();
    let nominal = hole.diameter_mm / 2.0;
    let (mut sum, mut area, mut places) = (0.0, 0.0, 0);
    for m in measured {
        let d: Vector3<f64> = m.p - centre;
        let along = d.dot(&axis);
        if !(-LENGTH_MM..=1.0).contains(&along) {
            continue;
        }
        let across = d - axis * along;
        let r = across.norm();
        // Walls of the hole look at its axis.
        if (r - nominal).abs() <= SEARCH_MM && m.normal.dot(&across) < -0.9 * r {
            sum += r * m.area_mm2;
            area += m.area_mm2;
            places += 1;
        }
    }
    if places < PLACES_MIN { 0.0 } else { 2.0 * sum / area }
}
