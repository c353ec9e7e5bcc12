//! Where the bone around the hole can be believed: the fixed band, and the sunken rim inside it.

use super::chart::Chart;
use super::plate::Plate;

/// Cells grown onto an edge: the scanner's blur, a wall that does not follow the ray, the first dip of a sunken rim.
pub(super) const GROW_CELLS: f32 = 3.0;
/// Bone may lie this many times farther on the far side of the prediction: a rim gets thinner and sinks, it does not
/// grow outwards on the outside or inwards on the inside.
const FULLER: f64 = 3.0;
/// Cells next to the hole that show whether it has healed, and the share of them that must have sunk for that.
const EDGE_CELLS: f64 = 2.0;
const HEALED_SHARE: f64 = 0.3;

/// What a sheet of radii is solved on.
pub(super) struct Band {
    pub(super) domain: Vec<bool>,
    /// Cells to be predicted: the hole, its sunken rim, and what was never measured.
    pub(super) unknown: Vec<bool>,
}

/// A plate through the bone farther out predicts the cells near the hole (`start`, `width_cells` wide); those that
/// lie more than `agreement_mm` below it (`outwards` 1, the outer table) or above it (−1, the inner) have sunk. How far the plate itself errs is seen on the outer quarter of that
/// ring, where no rim has sunk, and is granted on top.
///
/// Not a march inwards ring by ring: that follows a rim that sinks gently and then believes its slope.
#[allow(clippy::too_many_arguments)] // one sheet of radii and everything that is known of its cells
pub(super) fn settle(
    chart: &Chart,
    domain: &[bool],
    start: &[bool],
    missing: &[bool],
    values_mm: &[f64],
    form_mm: &[f64],
    agreement_mm: f64,
    width_cells: f64,
    outwards: f64,
) -> Band {
    let mut unknown: Vec<bool> =
        (0..chart.len()).map(|at| domain[at] && (start[at] || !values_mm[at].is_finite())).collect();
    if let Some(plate) = Plate::new(chart.n, domain, &unknown) {
        let predicted = plate.solve(values_mm, &[], form_mm);
        let to_hole = chart.distance_cells(missing);
        let mut errors: Vec<f64> = (0..chart.len())
            .filter(|&at| unknown[at] && start[at] && f64::from(to_hole[at]) > 0.75 * width_cells)
            .map(|at| (values_mm[at] - predicted[at]).abs())
            .filter(|e| e.is_finite())
            .collect();
        errors.sort_by(f64::total_cmp);
        let granted_mm = errors.get(errors.len() / 2).copied().unwrap_or(0.0);
        let limit_mm = agreement_mm + granted_mm;
        let believed = |at: usize| {
            let fuller_mm = outwards * (values_mm[at] - predicted[at]);
            fuller_mm >= -limit_mm && fuller_mm <= FULLER * limit_mm
        };
        // The last cells are the scanner's blur of any edge and say nothing.
        let edge: Vec<usize> = (0..chart.len())
            .filter(|&at| values_mm[at].is_finite() && start[at])
            .filter(|&at| {
                (f64::from(GROW_CELLS)..=f64::from(GROW_CELLS) + EDGE_CELLS).contains(&f64::from(to_hole[at]))
            })
            .collect();
        let sunk = edge.iter().filter(|&&at| outwards * (values_mm[at] - predicted[at]) < -limit_mm).count();
        let healed = sunk as f64 > HEALED_SHARE * edge.len() as f64;
        for at in 0..chart.len() {
            // A healed rim begins to dip before the dip can be told from noise, and the plate would follow its
            // slope: then none of the ring is believed.
            let in_ring = f64::from(to_hole[at]) <= width_cells;
            if unknown[at] && !missing[at] && believed(at) && !(healed && in_ring) {
                unknown[at] = false;
            }
        }
    }
    // Only what hangs on the hole is its rim; a dent elsewhere is the patient's own form.
    let mut rim = missing.to_vec();
    let mut stack: Vec<usize> = (0..chart.len()).filter(|&at| missing[at]).collect();
    while let Some(at) = stack.pop() {
        for next in chart.neighbours(at) {
            if unknown[next] && !rim[next] {
                rim[next] = true;
                stack.push(next);
            }
        }
    }
    let to_rim = chart.distance_cells(&rim);
    for at in 0..chart.len() {
        unknown[at] = domain[at] && (to_rim[at] <= GROW_CELLS || !values_mm[at].is_finite());
    }
    Band { domain: domain.to_vec(), unknown }
}
