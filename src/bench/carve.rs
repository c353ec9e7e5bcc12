//! Cuts a piece out of a grey scan: bone becomes what lies inside the head, with the scanner's blur and noise.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::cut::{Cut, Wall};
use super::skull::{Skull, radius_mm};
use crate::geometry::random::Random;
use crate::model::{Patch, Volume};

/// Blurred bone is cleared this far beyond both tables, mm.
const INSIDE_MM: f64 = 6.0;
const OUTSIDE_MM: f64 = 3.5;
/// Cell of the chart that a cut is sized on, mm.
pub const CHART_MM: f64 = 1.5;
/// Whole bone wanted around a cut, mm.
const CLEAR_MM: f64 = 10.0;
/// Share of the cut that may look below the vault.
const BELOW_SHARE: f64 = 0.02;

/// A cut made in a scan.
pub struct Carved {
    /// The scan without the piece.
    pub volume: Volume,
    /// Voxels of the piece, in their order.
    pub piece: Vec<u32>,
    /// The tables as they were, about the cut.
    pub chart: Patch,
    /// Area of the outer table cut out, mm².
    pub area_mm2: f64,
}

/// Sizes `cut` to `area_cm2` and makes it.
///
/// # Errors
/// Why this cut cannot be made in this skull, as the tables list it.
pub fn carve(skull: &Skull, mut cut: Cut, area_cm2: f64, seed: u64) -> Result<(Cut, Carved), &'static str> {
    // Half angle of a cap of this area on 70 mm, with room for elongated and wavy forms.
    let half = (1.0 - 100.0 * area_cm2 / (std::f64::consts::TAU * 70.0 * 70.0)).clamp(-0.5, 1.0).acos();
    let chart = skull.chart(cut.axes, (1.9 * half + 0.35).min(2.2), CHART_MM);
    let area_mm2 = size(&mut cut, &chart, 100.0 * area_cm2)?;
    fits(skull, &cut, &chart)?;
    let (volume, piece) = apply(skull, &cut, &chart, seed);
    if piece.is_empty() {
        return Err("nothing is cut");
    }
    Ok((cut, Carved { volume, piece, chart, area_mm2 }))
}

/// Area of the outer table inside the cut, mm².
fn area_mm2(cut: &Cut, chart: &Patch) -> f64 {
    cells(chart)
        .filter(|c| cut.value(c.outer) < 0.0)
        .map(|c| {
            let squeeze = if c.angle > 1e-9 { (c.angle.sin() / c.angle).max(0.0) } else { 1.0 };
            let r = chart.outer_mm[c.at];
            chart.step_rad * chart.step_rad * squeeze * r * r / cosine(chart, &chart.outer_mm, c.at)
        })
        .sum()
}

/// A cell of a chart that shows bone.
pub struct ChartCell {
    /// Where it is stored.
    pub at: usize,
    /// From the chart's middle, rad.
    pub angle: f64,
    /// Direction from the chart's centre.
    pub direction: Vector3<f64>,
    /// Place on the outer table, patient LPS mm.
    pub outer: Vector3<f64>,
}

/// Cells with bone.
pub fn cells(chart: &Patch) -> impl Iterator<Item = ChartCell> + '_ {
    let middle = (chart.n as f64 - 1.0) / 2.0;
    (0..chart.n * chart.n).filter(|&at| chart.outer_mm[at].is_finite()).map(move |at| {
        let (a, b) = ((at % chart.n) as f64, (at / chart.n) as f64);
        let direction = chart.direction(a, b).v();
        let outer = chart.centre.v() + direction * chart.outer_mm[at];
        ChartCell { at, angle: (a - middle).hypot(b - middle) * chart.step_rad, direction, outer }
    })
}

/// Cosine between ray and surface normal at a cell; 1 where neighbours are missing.
pub fn cosine(chart: &Patch, values: &[f64], at: usize) -> f64 {
    let (n, a, b) = (chart.n, at % chart.n, at / chart.n);
    if a == 0 || b == 0 || a + 1 >= n || b + 1 >= n {
        return 1.0;
    }
    let r = values[at];
    let slope = |lo: usize, hi: usize| (values[hi] - values[lo]) / (2.0 * chart.step_rad * r);
    let (x, y) = (slope(at - 1, at + 1), slope(at - n, at + n));
    let squared = 1.0 + x * x + y * y;
    if squared.is_finite() { 1.0 / squared.sqrt() } else { 1.0 }
}

/// Grows the cut to the area asked for; the area found.
fn size(cut: &mut Cut, chart: &Patch, wanted_mm2: f64) -> Result<f64, &'static str> {
    let (mut low, mut high) = if cut.wall == Wall::Spherical { (0.1, 3.5) } else { (0.02, 1.6) };
    let mut found = 0.0;
    for _ in 0..24 {
        cut.size = 0.5 * (low + high);
        found = area_mm2(cut, chart);
        if found < wanted_mm2 {
            low = cut.size;
        } else {
            high = cut.size;
        }
    }
    // The chart's cells are 2 mm²; a cut that leaves it never reaches its area.
    if (found / wanted_mm2 - 1.0).abs() > 0.03 { Err("no room for the area") } else { Ok(found) }
}

fn fits(skull: &Skull, cut: &Cut, chart: &Patch) -> Result<(), &'static str> {
    let (mut inside, mut below) = (0usize, 0usize);
    for at in 0..chart.n * chart.n {
        let (a, b) = (at % chart.n, at / chart.n);
        let d = chart.direction(a as f64, b as f64).v();
        let r = chart.outer_mm[at];
        let (place, seen) = if r.is_finite() {
            (chart.centre.v() + d * r, true)
        } else {
            (chart.centre.v() + d * skull.vault.rough_radius_mm(d), false)
        };
        let wall_mm = cut.value(place);
        if wall_mm < 0.0 {
            inside += 1;
            below += usize::from(!skull.vault.contains(d));
            if a == 0 || b == 0 || a + 1 == chart.n || b + 1 == chart.n {
                return Err("no room for the area");
            }
        }
        if wall_mm < CLEAR_MM && !seen && skull.vault.contains(d) {
            return Err("meets an opening or the scan's end");
        }
    }
    if below as f64 > BELOW_SHARE * inside as f64 {
        return Err("reaches below the vault");
    }
    Ok(())
}

fn apply(skull: &Skull, cut: &Cut, chart: &Patch, seed: u64) -> (Volume, Vec<u32>) {
    let grid = &skull.volume.grid;
    let sigma_mm = skull.blur_mm / 2.355;
    let reach_mm = 3.5 * sigma_mm;
    let axis = cut.axes[0];
    let middle = (chart.n as f64 - 1.0) / 2.0;
    let cosine_min = (middle * chart.step_rad).min(std::f64::consts::PI).cos();
    let slab = grid.dims[0] * grid.dims[1];
    let mut volume = skull.volume.clone();
    let pieces: Vec<Vec<u32>> = volume
        .hu
        .par_chunks_mut(slab)
        .enumerate()
        .map(|(k, slice)| {
            let mut piece = Vec::new();
            for (within, hu) in slice.iter_mut().enumerate() {
                let (i, j) = (within % grid.dims[0], within / grid.dims[0]);
                let p = grid.patient_from_index([i as f64, j as f64, k as f64]).v();
                let d = p - cut.centre;
                let r = d.norm();
                if !(30.0..140.0).contains(&r) || d.dot(&axis) < cosine_min * r {
                    continue;
                }
                let d = d / r;
                let (Some(outer), Some(inner)) =
                    (radius_mm(chart, &chart.outer_mm, d), radius_mm(chart, &chart.inner_mm, d))
                else {
                    continue;
                };
                if r < inner - INSIDE_MM || r > outer + OUTSIDE_MM {
                    continue;
                }
                let wall_mm = cut.value(p);
                let at = k * slab + within;
                if wall_mm < 0.0 && skull.solid[at] != 0 && r >= inner - 1.0 && r <= outer + 1.0 {
                    piece.push(at as u32);
                }
                // Sunk: the layer under the outer table is gone too.
                let sunk_mm = cut.sunk_mm(wall_mm);
                let gone_mm = if sunk_mm > 0.0 { wall_mm.min(outer - r - sunk_mm) } else { wall_mm };
                let found = f64::from(*hu);
                if gone_mm > reach_mm || found <= skull.medium_hu {
                    continue;
                }
                let left = half_by_error(gone_mm / sigma_mm);
                let noise =
                    skull.noise_hu * Random::new(seed ^ (at as u64).wrapping_mul(0x9E37_79B9)).normal();
                let medium = skull.medium_hu + noise;
                *hu = (medium + (found - medium) * left).round().clamp(-1024.0, 3071.0) as i16;
            }
            piece
        })
        .collect();
    (volume, pieces.concat())
}

/// Share of a blurred half space that is left at `x` standard deviations inside it.
fn half_by_error(x: f64) -> f64 {
    // Abramowitz and Stegun 26.2.17, 7.5e-8.
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = t
        * (0.319_381_530
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = poly * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    if x >= 0.0 { 1.0 - tail } else { tail }
}

/// Where the wall meets the outer table, going round the cut's axis: directions from the centre at `inside_mm` from
/// the wall on the piece's side.
pub fn rim_directions(cut: &Cut, chart: &Patch, count: usize, inside_mm: f64) -> Vec<Vector3<f64>> {
    let [axis, u, v] = cut.axes;
    let middle = (chart.n as f64 - 1.0) / 2.0;
    (0..count)
        .filter_map(|i| {
            let turn = i as f64 / count as f64 * std::f64::consts::TAU;
            let across = u * turn.cos() + v * turn.sin();
            let along = |theta: f64| axis * theta.cos() + across * theta.sin();
            let value = |theta: f64| {
                let d = along(theta);
                radius_mm(chart, &chart.outer_mm, d).map(|r| cut.value(chart.centre.v() + d * r))
            };
            // First place where the wall is met, then bisection.
            let step = chart.step_rad;
            let mut theta = 0.0;
            while value(theta + step)? < -inside_mm {
                theta += step;
                if theta > middle * step {
                    return None;
                }
            }
            let (mut low, mut high) = (theta, theta + step);
            for _ in 0..20 {
                let half = 0.5 * (low + high);
                if value(half)? < -inside_mm { low = half } else { high = half }
            }
            Some(along(0.5 * (low + high)))
        })
        .collect()
}
