//! Which openings of the vault are a defect, with no hint from the user.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::params::MissingParams;
use super::vault::{Mirror, VaultMap, VaultZone};
use crate::model::{Finding, Severity};

/// An opening that reaches below the vault and whose mirror image is open by this share is natural (an orbit).
const NATURAL_SHARE: f64 = 0.6;
/// … and that stays this near to the vault's lower border, mm: what reaches higher on both sides is a bifrontal or bitemporal
/// defect. Orbits and nose reach some 10 mm above it.
const NATURAL_HEIGHT_MM: f64 = 20.0;

/// Rays pass through at least this share of a defect: a wall bevelled by 30° in bone of 12 mm hides three quarters of
/// the smallest.
const NARROW_SHARE: f64 = 0.25;

/// One opening of the vault.
#[derive(Clone, Debug)]
pub(super) struct Hole {
    /// Cells of the vault's map.
    pub(super) cells: Vec<usize>,
    /// On the rough form, mm².
    pub(super) area_mm2: f64,
    /// Mean direction from the vault's centre.
    pub(super) axis: Vector3<f64>,
    /// It borders on rays that leave the scan before they reach the vault.
    pub(super) at_scan_border: bool,
}

/// The defects, largest first, and what else was noticed.
pub(super) struct Detected {
    pub(super) defects: Vec<Hole>,
    /// Rays pass through less of these than a defect has, yet a bevelled or ragged wall hides part of a hole from them:
    /// decided once they are filled.
    pub(super) narrow: Vec<Hole>,
    pub(super) findings: Vec<Finding>,
    /// Area of the whole vault on its rough form, mm².
    pub(super) vault_mm2: f64,
}

/// Cells without bone, opened by half the width of a fine gap, in connected pieces.
pub(super) fn find_defects(
    map: &VaultMap,
    zone: &VaultZone,
    mirror: &Mirror,
    params: &MissingParams,
) -> Detected {
    let chart = &map.chart;
    let in_zone: Vec<bool> = (0..chart.len()).map(|at| zone.contains(chart.direction_at(at))).collect();
    let form_mm: Vec<f64> = (0..chart.len()).map(|at| map.form.radius_mm(chart.direction_at(at))).collect();
    let empty: Vec<bool> =
        (0..chart.len()).map(|at| in_zone[at] && !map.outside[at] && !map.has_bone(at)).collect();
    let opened = open(map, &empty, &form_mm, 0.5 * params.fine_gap_width_mm());
    let vault_mm2 = (0..chart.len()).filter(|&at| in_zone[at]).map(|at| chart.area_mm2(&form_mm, at)).sum();

    let mut detected = Detected { defects: Vec::new(), narrow: Vec::new(), findings: Vec::new(), vault_mm2 };
    for cells in pieces(map, &opened) {
        let area_mm2: f64 = cells.iter().map(|&at| chart.area_mm2(&form_mm, at)).sum();
        if area_mm2 < params.defect_area_mm2_note() {
            continue;
        }
        let mut axis = Vector3::zeros();
        let (mut below, mut at_scan_border, mut mirrored_open) = (0, false, 0);
        for &at in &cells {
            let d = chart.direction_at(at);
            axis += d * chart.solid_angle(at);
            for next in chart.neighbours(at) {
                below += usize::from(!in_zone[next]);
                at_scan_border |= map.outside[next];
            }
            let image = mirror.place(chart.centre + d * form_mm[at]) - chart.centre;
            let open_there = chart.nearest(chart.cell(image.normalize())).is_none_or(|m| !map.has_bone(m));
            mirrored_open += usize::from(open_there);
        }
        let axis = axis.normalize();
        let place = chart.centre + axis * map.form.radius_mm(axis);
        let natural = below > 0
            && mirrored_open as f64 >= NATURAL_SHARE * cells.len() as f64
            && cells.par_iter().all(|&at| any_within(map, &form_mm, at, NATURAL_HEIGHT_MM, |o| !in_zone[o]));
        if natural {
            detected.findings.push(
                Finding::new(
                    "natural-opening",
                    Severity::Note,
                    format!(
                        "an opening of {:.1} cm2 at the vault's lower border is open on the other side too and is \
                         taken as natural; look at it if the patient's defect is on both sides",
                        area_mm2 / 100.0
                    ),
                )
                .measured(area_mm2 / 100.0, params.defect_area_mm2_min() / 100.0, "cm2")
                .at([place.x, place.y, place.z]),
            );
        } else {
            let hole = Hole { cells, area_mm2, axis, at_scan_border };
            if area_mm2 >= params.defect_area_mm2_min() {
                detected.defects.push(hole);
            } else if area_mm2 >= NARROW_SHARE * params.defect_area_mm2_min() {
                detected.narrow.push(hole);
            } else {
                detected.findings.push(small_hole(area_mm2, place, params));
            }
        }
    }
    detected.defects.sort_by(|a, b| b.area_mm2.total_cmp(&a.area_mm2));
    detected
}

/// A hole that is not filled.
pub(super) fn small_hole(area_mm2: f64, place: Vector3<f64>, params: &MissingParams) -> Finding {
    let limit_cm2 = params.defect_area_mm2_min() / 100.0;
    Finding::new(
        "small-hole",
        Severity::Note,
        format!(
            "a hole of {:.1} cm2 in the vault is smaller than reconstruction.defect_area_cm2_min = {limit_cm2:.1} and is \
             not filled",
            area_mm2 / 100.0
        ),
    )
    .measured(area_mm2 / 100.0, limit_cm2, "cm2")
    .at([place.x, place.y, place.z])
}

/// A hole beside a defect that rays hardly pass through, too large to be passed over.
pub(super) fn narrow_hole(area_mm2: f64, place: Vector3<f64>, params: &MissingParams) -> Finding {
    let limit_cm2 = params.defect_area_mm2_min() / 100.0;
    Finding::new(
        "narrow-hole",
        Severity::Review,
        format!(
            "beside the defect there may be another of {:.1} cm2 that is hardly open from inside; it is not filled: look at              the scan there, and name it with --defect-seed if it is one",
            area_mm2 / 100.0
        ),
    )
    .measured(area_mm2 / 100.0, limit_cm2, "cm2")
    .at([place.x, place.y, place.z])
}

/// Morphological opening by a ball of `radius_mm` on the vault: what is left of the empty cells holds such a ball.
pub(super) fn open(map: &VaultMap, empty: &[bool], form_mm: &[f64], radius_mm: f64) -> Vec<bool> {
    let wall = |at: usize| !empty[at] && map.has_bone(at);
    let core: Vec<bool> =
        (0..empty.len()).map(|at| empty[at] && !any_within(map, form_mm, at, radius_mm, wall)).collect();
    // A little more than it was eroded by: cells are squares and the ball is counted from their middles.
    let back_mm = 1.3 * radius_mm + 1.0;
    (0..empty.len()).map(|at| empty[at] && any_within(map, form_mm, at, back_mm, |o| core[o])).collect()
}

fn any_within(
    map: &VaultMap,
    form_mm: &[f64],
    at: usize,
    reach_mm: f64,
    hit: impl Fn(usize) -> bool,
) -> bool {
    let chart = &map.chart;
    let reach_rad = reach_mm / form_mm[at].max(30.0);
    let d = chart.direction_at(at);
    // The chart draws its border up to 2.6 times too wide.
    let cells = (2.6 * reach_rad / chart.step_rad).ceil() as usize;
    let (a, b) = (at % chart.n, at / chart.n);
    let cosine = reach_rad.cos();
    for j in b.saturating_sub(cells)..=(b + cells).min(chart.n - 1) {
        for i in a.saturating_sub(cells)..=(a + cells).min(chart.n - 1) {
            let other = j * chart.n + i;
            if hit(other) && chart.direction_at(other).dot(&d) >= cosine {
                return true;
            }
        }
    }
    false
}

/// Connected pieces of `set`, in the order of their first cell.
pub(super) fn pieces(map: &VaultMap, set: &[bool]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; set.len()];
    let mut out = Vec::new();
    for seed in 0..set.len() {
        if !set[seed] || seen[seed] {
            continue;
        }
        seen[seed] = true;
        let mut piece = vec![seed];
        let mut next = 0;
        while next < piece.len() {
            for other in map.chart.neighbours(piece[next]) {
                if set[other] && !seen[other] {
                    seen[other] = true;
                    piece.push(other);
                }
            }
            next += 1;
        }
        out.push(piece);
    }
    out
}

/// Cells of the vault's map within `reach_mm` of a defect.
pub(super) fn near(map: &VaultMap, defects: &[Hole], reach_mm: f64) -> Vec<bool> {
    let mut of_defect = vec![false; map.chart.len()];
    for hole in defects {
        for &at in &hole.cells {
            of_defect[at] = true;
        }
    }
    if defects.is_empty() {
        return of_defect;
    }
    let form_mm: Vec<f64> =
        (0..map.chart.len()).map(|at| map.form.radius_mm(map.chart.direction_at(at))).collect();
    (0..map.chart.len())
        .into_par_iter()
        .map(|at| of_defect[at] || any_within(map, &form_mm, at, reach_mm, |o| of_defect[o]))
        .collect()
}
