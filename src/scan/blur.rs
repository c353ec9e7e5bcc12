//! How wide the scanner's blur is, measured at the skin.

use rayon::prelude::*;

use crate::model::Volume;

/// Within 200 HU of the level half way between air and skin.
const NEAR_HU: std::ops::RangeInclusive<i16> = -675..=-275;
/// Either side of an edge, HU.
const AIR_HU: i16 = -900;
const SKIN_HU: i16 = -150;
/// Hair, folds and pads make edges of every width; fewer say nothing.
const EDGES_MIN: usize = 500;
/// How far from the middle of the edge either side is asked for, mm.
const REACH_MM: f64 = 2.5;

/// Full width at half maximum of the blur within slices, mm: the lower quartile over edges of skin against air, each
/// from its steepest slope, height / (slope · √(2π)) · 2.355, for a Gaussian. `None` where there are too few edges.
/// A lower quartile, since oblique skin and folds only widen an edge.
pub fn blur_fwhm_mm(volume: &Volume) -> Option<f64> {
    let g = &volume.grid;
    let [ni, nj, nk] = g.dims;
    let [si, sj, _] = g.spacing_mm;
    let reach = [(REACH_MM / si).ceil() as usize, (REACH_MM / sj).ceil() as usize];
    if ni < 2 * reach[0] + 3 || nj < 2 * reach[1] + 3 {
        return None;
    }
    // 24 slices are enough for thousands of edges.
    let stride = nk.div_ceil(24);
    let mut widths: Vec<f64> = (0..nk)
        .into_par_iter()
        .filter(|k| k % stride == 0)
        .flat_map_iter(|k| {
            let hu = |i: usize, j: usize| volume.hu[g.at(i, j, k)];
            let at = |i: usize, j: usize| f64::from(hu(i, j));
            let mut found = Vec::new();
            for j in reach[1] + 1..nj - reach[1] - 1 {
                let row = &volume.hu[g.at(0, j, k)..][..ni];
                for i in reach[0] + 1..ni - reach[0] - 1 {
                    if !NEAR_HU.contains(&row[i]) {
                        continue;
                    }
                    // Along the direction nearer to the gradient, so that the edge is met nearly square.
                    let gi = (at(i + 1, j) - at(i - 1, j)) / (2.0 * si);
                    let gj = (at(i, j + 1) - at(i, j - 1)) / (2.0 * sj);
                    let along_i = gi.abs() > 3.0 * gj.abs();
                    if !along_i && gj.abs() <= 3.0 * gi.abs() {
                        continue;
                    }
                    let (one, other) = if along_i {
                        (hu(i - reach[0], j), hu(i + reach[0], j))
                    } else {
                        (hu(i, j - reach[1]), hu(i, j + reach[1]))
                    };
                    let (low, high) = (one.min(other), one.max(other));
                    if low > AIR_HU || !(SKIN_HU..200).contains(&high) {
                        continue;
                    }
                    let height = f64::from(high) - f64::from(low);
                    // A central difference over two voxels is flatter than the slope: σ² of the edge it sees is
                    // that of the blur and of a box two voxels wide, (2s)²/12.
                    let (slope, step_mm) = if along_i { (gi.abs(), si) } else { (gj.abs(), sj) };
                    let sigma = height / (slope * (2.0 * std::f64::consts::PI).sqrt());
                    let sharp = sigma * sigma - step_mm * step_mm / 3.0;
                    found.push(2.355 * sharp.max(0.0).sqrt());
                }
            }
            found
        })
        .collect();
    if widths.len() < EDGES_MIN {
        return None;
    }
    let quarter = widths.len() / 4;
    Some(*widths.select_nth_unstable_by(quarter, f64::total_cmp).1)
}

/// The same across the slices, from skin that lies nearly level: crown, forehead, chin. `None` where there are too few
/// such edges.
pub fn blur_across_fwhm_mm(volume: &Volume) -> Option<f64> {
    let g = &volume.grid;
    let [ni, nj, nk] = g.dims;
    let [si, sj, sk] = g.spacing_mm;
    // Farther out than in: thick slices reach far into the air, and bone lies under the scalp.
    let (inward, outward) = ((REACH_MM / sk).ceil() as usize, (2.0 * REACH_MM / sk).ceil() as usize);
    if nk < 2 * outward + 3 || ni < 3 || nj < 3 {
        return None;
    }
    // Level skin is wide: of 512 rows, every fourth is enough.
    let stride = nj.div_ceil(160);
    let mut widths: Vec<f64> = (outward + 1..nk - outward - 1)
        .into_par_iter()
        .flat_map_iter(|k| {
            let hu = |i: usize, j: usize, k: usize| volume.hu[g.at(i, j, k)];
            let at = |i: usize, j: usize, k: usize| f64::from(hu(i, j, k));
            let mut found = Vec::new();
            for j in (1..nj - 1).step_by(stride) {
                for i in 1..ni - 1 {
                    if !NEAR_HU.contains(&hu(i, j, k)) {
                        continue;
                    }
                    let gi = (at(i + 1, j, k) - at(i - 1, j, k)) / (2.0 * si);
                    let gj = (at(i, j + 1, k) - at(i, j - 1, k)) / (2.0 * sj);
                    let slope = (at(i, j, k + 1) - at(i, j, k - 1)) / (2.0 * sk);
                    let gk = slope.abs();
                    if gk <= 3.0 * gi.hypot(gj) {
                        continue;
                    }
                    let (low, high) = if slope < 0.0 {
                        (hu(i, j, k + outward), hu(i, j, k - inward))
                    } else {
                        (hu(i, j, k - outward), hu(i, j, k + inward))
                    };
                    if low > AIR_HU || !(SKIN_HU..200).contains(&high) {
                        continue;
                    }
                    let sigma =
                        (f64::from(high) - f64::from(low)) / (gk * (2.0 * std::f64::consts::PI).sqrt());
                    // The central difference flattens as within slices.
                    found.push(2.355 * (sigma * sigma - sk * sk / 3.0).max(0.0).sqrt());
                }
            }
            found
        })
        .collect();
    if widths.len() < EDGES_MIN {
        return None;
    }
    let quarter = widths.len() / 4;
    Some(*widths.select_nth_unstable_by(quarter, f64::total_cmp).1)
}
