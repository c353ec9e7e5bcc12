//! What makes a sound-looking fill wrong: a head of an impossible size, a step in the vault, something in the hole.
//!
//! **Method** Size: extent of the vault across and along. Step: at every place straight lines are fitted to the outer
//! table on either side, 3 to 14 mm away, and carried to the middle; where they miss each other over a length, a piece of
//! the skull lies out of place: a bone flap, two parts of a scan between which the head moved, two heads. In the hole:
//! what is as bright as bone and is not the skull's (an island, a flap, plates), and tissue denser than any scar (an
//! implant of plastic).
//!
//! **Limits** A head scaled by less than some 15 % is a head of another size. A flap that sits less than
//! `vault_step_mm_review` out of place is not told from the skull's own form. A plastic of the density of muscle is not
//! seen. Steps nearer than 20 mm to a defect are left out: its own rim is one.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::complete::Completed;
use super::detect::{self, Hole};
use super::local::Skull;
use super::params::MissingParams;
use crate::model::{Finding, Severity};

/// Lines are fitted to cells this far off on either side: beyond a kerf and its blur, over a stretch that noise and
/// the skull's texture average out on.
const NEAR_CELLS: i64 = 2;
const FAR_CELLS: i64 = 9;
/// So many of the eight must be there.
const CELLS_MIN: usize = 6;
/// Steps nearer to a defect are its rim's, mm.
const CLEAR_MM: f64 = 20.0;
/// Brow, ears and nape have ridges of their own, rad above the vault's border.
const ABOVE_BORDER_RAD: f64 = 0.17;
/// Bone of the rim is blurred over this many cells.
const WALL_CELLS: f32 = 3.0;
/// What lies on the hole counts up to this far beyond the completed tables, mm: a flap sinks, a plate rides.
const BEYOND_MM: f64 = 6.0;

/// Findings of the vault as a whole. `findings` are those of the detection: openings as large as a defect that are
/// taken as natural ask for a person.
pub(super) fn of_vault(
    skull: &Skull<'_>,
    defects: &[Hole],
    params: &MissingParams,
    findings: &mut Vec<Finding>,
) {
    for f in findings.iter_mut().filter(|f| f.id == "natural-opening") {
        if f.measured.is_none_or(|cm2| !(cm2 < params.defect_area_mm2_min() / 100.0)) {
            f.severity = Severity::Review;
        }
    }
    findings.extend(size(skull, params));
    findings.extend(step(skull, defects, params));
}

/// Length and breadth of the vault.
fn size(skull: &Skull<'_>, params: &MissingParams) -> Vec<Finding> {
    let map = skull.map;
    let [left, back, _] = skull.zone.axes;
    let places: Vec<Vector3<f64>> = (0..map.chart.len())
        .map(|at| (at, map.chart.direction_at(at)))
        .filter(|&(at, d)| map.outer_mm[at].is_finite() && skull.zone.contains(d))
        .map(|(at, d)| d * map.outer_mm[at])
        .collect();
    // Two of a thousand at either end are left out: a stray ray must not make the head longer.
    let extent_mm = |axis: Vector3<f64>| {
        let mut x: Vec<f64> = places.iter().map(|p| p.dot(&axis)).collect();
        x.sort_by(f64::total_cmp);
        let out = x.len() / 500;
        if x.len() < 100 { f64::NAN } else { x[x.len() - 1 - out] - x[out] }
    };
    let [length, breadth] = [params.head_length_mm(), params.head_breadth_mm()];
    [("long", extent_mm(back), length), ("wide", extent_mm(left), breadth)]
        .into_iter()
        .filter(|(_, mm, [low, high])| !(low..=high).contains(&mm))
        .map(|(what, mm, [low, high])| {
            let message = format!(
                "the vault is {mm:.0} mm {what}, an adult's {low:.0} to {high:.0} mm: check the voxel spacing and that \
                 this is the patient's head; a child's is planned by a person"
            );
            let limit = if mm < low { low } else { high };
            Finding::new("head-size", Severity::Review, message).measured(mm, limit, "mm")
        })
        .collect()
}

/// Where the outer table breaks off and goes on at another height.
fn step(skull: &Skull<'_>, defects: &[Hole], params: &MissingParams) -> Option<Finding> {
    let map = skull.map;
    let chart = &map.chart;
    let n = chart.n as i64;
    let limit_mm = params.vault_step_mm_review();
    let near = detect::near(map, defects, CLEAR_MM);
    let high_mm: Vec<f64> = (0..chart.len())
        .into_par_iter()
        .map(|at| map.outer_mm[at] - map.form.radius_mm(chart.direction_at(at)))
        .collect();
    let usable = |at: usize| {
        let d = chart.direction_at(at);
        let (azimuth, elevation) = skull.zone.azimuth_elevation(d);
        !near[at] && !map.outside[at] && elevation > skull.zone.border_rad(azimuth) + ABOVE_BORDER_RAD
    };
    // Height of the line through one side's cells, at the middle.
    let carried = |a: i64, b: i64, da: i64, db: i64| {
        let (mut count, mut sx, mut sy, mut sxx, mut sxy) = (0usize, 0.0, 0.0, 0.0, 0.0);
        for t in NEAR_CELLS..=FAR_CELLS {
            let (i, j) = (a + t * da, b + t * db);
            if i < 0 || j < 0 || i >= n || j >= n {
                continue;
            }
            let h = high_mm[(j * n + i) as usize];
            if h.is_finite() {
                let x = t as f64;
                (count, sx, sy, sxx, sxy) = (count + 1, sx + x, sy + h, sxx + x * x, sxy + x * h);
            }
        }
        let c = count as f64;
        (count >= CELLS_MIN).then(|| (sy * sxx - sx * sxy) / (c * sxx - sx * sx))
    };
    let jump_mm: Vec<f64> = (0..chart.len())
        .into_par_iter()
        .map(|at| {
            if !usable(at) {
                return 0.0;
            }
            let (a, b) = (at as i64 % n, at as i64 / n);
            [(1, 0), (0, 1)]
                .into_iter()
                .filter_map(|(da, db)| Some(carried(a, b, da, db)? - carried(a, b, -da, -db)?))
                .fold(0.0, |m: f64, j| m.max(j.abs()))
        })
        .collect();
    let (length_mm, cells) = longest(skull, &jump_mm, limit_mm)?;
    (length_mm >= params.vault_step_length_mm_min()).then(|| {
        let mut jumps: Vec<f64> = cells.iter().map(|&at| jump_mm[at]).collect();
        jumps.sort_by(f64::total_cmp);
        let typical_mm = jumps[jumps.len() / 2];
        let place = cells.iter().map(|&at| place(skull, at)).sum::<Vector3<f64>>() / cells.len() as f64;
        Finding::new(
            "vault-step",
            Severity::Review,
            format!(
                "the vault's outer surface steps by some {typical_mm:.1} mm over {length_mm:.0} mm: a bone flap out of \
                 place, a head that moved during the scan, or slices of two heads; look at the scan there"
            ),
        )
        .measured(typical_mm, limit_mm, "mm")
        .at([place.x, place.y, place.z])
    })
}

fn place(skull: &Skull<'_>, at: usize) -> Vector3<f64> {
    let d = skull.map.chart.direction_at(at);
    skull.map.chart.centre + d * skull.map.form.radius_mm(d)
}

/// The connected cells above the limit that reach farthest, and how far, mm.
fn longest(skull: &Skull<'_>, jump_mm: &[f64], limit_mm: f64) -> Option<(f64, Vec<usize>)> {
    let chart = &skull.map.chart;
    let mut seen = vec![false; jump_mm.len()];
    let mut best: Option<(f64, Vec<usize>)> = None;
    for seed in 0..jump_mm.len() {
        if seen[seed] || !(jump_mm[seed] > limit_mm) {
            continue;
        }
        seen[seed] = true;
        let mut piece = vec![seed];
        let mut next = 0;
        while next < piece.len() {
            for o in chart.neighbours(piece[next]) {
                if jump_mm[o] > limit_mm && !std::mem::replace(&mut seen[o], true) {
                    piece.push(o);
                }
            }
            next += 1;
        }
        // Twice the farthest cell from the first: at least the extent, cheap, and a closed curve counts whole.
        let first = place(skull, piece[0]);
        let away = piece.iter().map(|&at| (place(skull, at) - first).norm());
        let length_mm = away.fold(0.0, f64::max);
        if best.as_ref().is_none_or(|b| length_mm > b.0) {
            best = Some((length_mm, piece));
        }
    }
    best
}

/// Findings of what already lies in the hole. `bone_hu` is the level that selected the skull.
pub(super) fn in_hole(
    skull: &Skull<'_>,
    done: &Completed,
    bone_hu: f64,
    params: &MissingParams,
) -> Vec<Finding> {
    let chart = &done.local.chart;
    let to_wall = chart.distance_cells(&done.local.bone);
    // A hole narrower than twice the blur has no middle; then its deepest cells must do.
    let deepest = (0..chart.len()).filter(|&at| done.missing[at]).map(|at| to_wall[at]).fold(0.0, f32::max);
    let off_wall = WALL_CELLS.min(0.5 * deepest);
    let step_mm = 0.5;
    let columns: Vec<Option<(f64, Vec<f64>)>> = (0..chart.len())
        .into_par_iter()
        .map(|at| {
            if !done.missing[at] || to_wall[at] < off_wall {
                return None;
            }
            let d = chart.direction_at(at);
            let (low, high) = (done.inner_mm[at] - BEYOND_MM, done.outer_mm[at] + BEYOND_MM);
            let steps = ((high - low) / step_mm) as usize;
            let hu: Vec<f64> = (0..=steps)
                .map(|i| {
                    let p = chart.centre + d * (low + i as f64 * step_mm);
                    skull.field.sample(p).map_or(f64::NAN, |s| s.hu)
                })
                .collect();
            // Means over 2 mm: single voxels of a noisy scan reach the level of bone.
            let bright = hu.windows(5).filter(|w| w.iter().sum::<f64>() / 5.0 >= bone_hu).count();
            let (from, to) = ((BEYOND_MM + 1.0) / step_mm, (high - low - BEYOND_MM - 1.0) / step_mm);
            let within = hu.get(from as usize..=(to as usize).min(steps)).unwrap_or_default().to_vec();
            Some((bright as f64 * step_mm * chart.solid_angle(at) * done.outer_mm[at].powi(2), within))
        })
        .collect();
    let bright = |at: usize| columns[at].as_ref().is_some_and(|c| c.0 > 0.0);
    // Single columns are noise.
    let held: Vec<usize> = (0..chart.len())
        .filter(|&at| bright(at) && chart.neighbours(at).filter(|&o| bright(o)).count() >= 2)
        .collect();
    let foreign_mm3: f64 = held.iter().filter_map(|&at| columns[at].as_ref()).map(|c| c.0).sum();
    let mut out = Vec::new();
    if foreign_mm3 > params.foreign_mm3_review() {
        let p = held.iter().map(|&at| chart.direction_at(at) * done.outer_mm[at]).sum::<Vector3<f64>>();
        let p = chart.centre + p / held.len() as f64;
        out.push(
            Finding::new(
                "bone-in-defect",
                Severity::Review,
                format!(
                    "{foreign_mm3:.0} mm3 as dense as bone lie in the defect and are no part of the skull (an island, a \
                     bone flap, plates, an implant): the implant would meet them; say what is taken out before it is put in"
                ),
            )
            .measured(foreign_mm3, params.foreign_mm3_review(), "mm3")
            .at([p.x, p.y, p.z]),
        );
    }
    let mut hu: Vec<f64> =
        columns.iter().flatten().flat_map(|c| &c.1).copied().filter(|h| h.is_finite()).collect();
    hu.sort_by(f64::total_cmp);
    if let Some(&median_hu) = hu.get(hu.len() / 2)
        && median_hu > params.filled_hu_review()
    {
        let p = chart.centre + chart.axis * skull.map.form.radius_mm(chart.axis);
        out.push(
            Finding::new(
                "defect-filled",
                Severity::Review,
                format!(
                    "what fills the defect has {median_hu:.0} HU in the median, scar and brain less than {:.0}: an implant \
                     of plastic or cement may be in place, or blood",
                    params.filled_hu_review()
                ),
            )
            .measured(median_hu, params.filled_hu_review(), "HU")
            .at([p.x, p.y, p.z]),
        );
    }
    out
}
