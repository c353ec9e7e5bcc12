//! Where the bone around the hole can be believed: the fixed band, and the sunken rim inside it.

use super::chart::Chart;

/// Cells grown onto an edge: the scanner's blur, a wall that does not follow the ray, the first dip of a sunken rim.
pub(super) const GROW_CELLS: f32 = 3.0;
/// Bone may lie this many times farther on the far side of the prediction: a rim gets thinner and sinks, it does not
/// grow outwards on the outside or inwards on the inside.
const FULLER: f64 = 3.0;
/// Cells from the hole, from and to, that show whether the rim has healed: behind the blur of a fresh cut, before the
/// dip of a healed rim gets lost in the bone's own form.
pub(super) const EDGE_CELLS: (f64, f64) = (1.5, 4.0);
/// A prediction that errs by this much less than its limit tells smaller dips: the limit is so many times its error, but
/// no less than half of what was asked for.
const SURE: f64 = 2.5;
/// The dip there is averaged over this many cells along the rim.
const ALONG_CELLS: f64 = 6.0;

/// What a sheet of radii is solved on.
pub(super) struct Band {
    pub(super) domain: Vec<bool>,
    /// Cells to be predicted: the hole, its sunken rim, and what was never measured.
    pub(super) unknown: Vec<bool>,
}

/// What is known before the rim is judged.
pub(super) struct Ring<'a> {
    pub(super) chart: &'a Chart,
    pub(super) domain: &'a [bool],
    /// Cells near the hole that are judged, and those below the vault's border, which are not believed untried either.
    pub(super) start: &'a [bool],
    pub(super) missing: &'a [bool],
    /// Radii without the cells next to the hole; radii with them.
    pub(super) values_mm: &'a [f64],
    pub(super) to_edge_mm: &'a [f64],
    /// What the bone farther out predicts.
    pub(super) predicted_mm: &'a [f64],
    pub(super) width_cells: f64,
    /// 1 for the outer table, −1 for the inner one.
    pub(super) outwards: f64,
}

/// Cells of the ring that lie more than `agreement_mm` below the prediction from the bone farther out (outer table;
/// above it, inner) have sunk. How far the prediction itself errs is seen on the outer quarter of the ring, where no rim
/// has sunk, and is granted on top; where it errs little, smaller dips count. Where the rim's edge has sunk on the average of a centimetre, none of the ring there
/// is believed: a healed rim begins to dip before the dip can be told from noise, and the fill would follow its slope.
///
/// Not a march inwards ring by ring: that follows a rim that sinks gently and then believes its slope.
pub(super) fn settle(ring: &Ring<'_>, agreement_mm: f64) -> Band {
    let Ring { chart, domain, start, missing, values_mm, predicted_mm, outwards, .. } = *ring;
    let mut unknown: Vec<bool> =
        (0..chart.len()).map(|at| domain[at] && (start[at] || !values_mm[at].is_finite())).collect();
    let to_hole = chart.distance_cells(missing);
    let mut errors: Vec<f64> = (0..chart.len())
        .filter(|&at| {
            unknown[at]
                && start[at]
                && (0.75 * ring.width_cells..=ring.width_cells).contains(&f64::from(to_hole[at]))
        })
        .map(|at| (values_mm[at] - predicted_mm[at]).abs())
        .filter(|e| e.is_finite())
        .collect();
    errors.sort_by(f64::total_cmp);
    let granted_mm = errors.get(errors.len() / 2).copied().unwrap_or(0.0);
    let limit_mm = (SURE * granted_mm).clamp(0.5 * agreement_mm, agreement_mm + granted_mm);
    let edge: Vec<(f64, f64, f64)> = (0..chart.len())
        .filter(|&at| (EDGE_CELLS.0..=EDGE_CELLS.1).contains(&f64::from(to_hole[at])))
        .map(|at| {
            let fuller_mm = outwards * (ring.to_edge_mm[at] - predicted_mm[at]);
            ((at % chart.n) as f64, (at / chart.n) as f64, fuller_mm)
        })
        .filter(|e| e.2.is_finite())
        .collect();
    let healed = |at: usize| {
        let (a, b) = ((at % chart.n) as f64, (at / chart.n) as f64);
        let (mut sum, mut weight) = (0.0, 0.0);
        for (x, y, fuller_mm) in &edge {
            let w = (-0.5 * ((a - x).powi(2) + (b - y).powi(2)) / (ALONG_CELLS * ALONG_CELLS)).exp();
            // No single piece of bone standing proud hides a dip about it.
            sum += w * fuller_mm.clamp(-2.0 * limit_mm, limit_mm);
            weight += w;
        }
        weight > 0.0 && sum / weight < -limit_mm
    };
    for at in 0..chart.len() {
        if !unknown[at] || missing[at] {
            continue;
        }
        let fuller_mm = outwards * (values_mm[at] - predicted_mm[at]);
        let believed = fuller_mm >= -limit_mm && fuller_mm <= FULLER * limit_mm;
        let in_ring = f64::from(to_hole[at]) <= ring.width_cells;
        if believed && !(in_ring && healed(at)) {
            unknown[at] = false;
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
