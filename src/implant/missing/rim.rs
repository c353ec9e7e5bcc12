//! Where the bone around the hole can be believed: the fixed band, and the sunken rim inside it.

use super::chart::Chart;
use super::plate::Plate;

/// Cells from the accepted bone within which a plate's continuation is held against the next bone. Beyond, the
/// plate's own error would condemn sound bone.
const REACH_CELLS: f32 = 2.5;
/// Cells grown onto an edge: the scanner's blur and the cut itself.
const GROW_CELLS: f32 = 2.0;
/// Rounds of the march inwards; each gains up to `REACH_CELLS`.
const ROUNDS: usize = 10;

/// What a sheet of radii is solved on.
pub(super) struct Band {
    pub(super) domain: Vec<bool>,
    /// Cells to be predicted: the hole, its sunken rim, and what was never measured.
    pub(super) unknown: Vec<bool>,
}

/// Marches from sound bone toward the hole: a plate through what is accepted so far predicts the next cells, and
/// those that agree within `agreement_mm` are accepted too. `start` are the cells not believed at first.
pub(super) fn settle(
    chart: &Chart,
    domain: &[bool],
    start: &[bool],
    missing: &[bool],
    values_mm: &[f64],
    form_mm: &[f64],
    agreement_mm: f64,
) -> Band {
    let zeros = vec![0.0; chart.len()];
    let mut unknown: Vec<bool> =
        (0..chart.len()).map(|at| domain[at] && (start[at] || !values_mm[at].is_finite())).collect();
    for _ in 0..ROUNDS {
        let Some(plate) = Plate::new(chart.n, domain, &unknown) else { break };
        let predicted = plate.solve(values_mm, &zeros, form_mm);
        let known: Vec<bool> = (0..chart.len()).map(|at| domain[at] && !unknown[at]).collect();
        let to_known = chart.distance_cells(&known);
        let mut accepted = 0;
        for at in 0..chart.len() {
            let agrees = unknown[at]
                && !missing[at]
                && to_known[at] <= REACH_CELLS
                && (values_mm[at] - predicted[at]).abs() <= agreement_mm;
            if agrees {
                unknown[at] = false;
                accepted += 1;
            }
        }
        if accepted == 0 {
            break;
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
