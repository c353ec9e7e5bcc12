//! The plane of symmetry: a trimmed fit of the mirrored vault on itself.
//!
//! **Method** The outer table is a map of radii, so the distance of a mirrored place from the vault is read off the
//! map along its ray and turned into a distance along the normal; Gauss and Newton over the plane's two angles and
//! its offset, with the worst quarter left out in every step (Chetverikov and others, "Robust Euclidean alignment of
//! 3D point sets: the trimmed iterative closest point algorithm", IVC 23, 2005), from several starts.

use nalgebra::{Matrix3, Vector3};

use super::MissingError;
use super::vault::{Mirror, VaultMap, VaultZone};

/// Share of the places that a step listens to.
const TRIMMED_SHARE: f64 = 0.75;
/// Starts are compared by the mean square distance, where one place counts no more than this, and so does a place
/// without a partner: else a plane that throws half the vault out of view looks best. mm.
const CAPPED_MM: f64 = 4.0;
/// A head lies no more askew in the scanner than this, tangent (17 degrees).
const ASKEW_MAX: f64 = 0.3;
/// Cost of lying askew by a tangent of one, mm²: a vault nearly round from above has planes of almost equal fit, and of
/// those the straighter one is meant. 10: five degrees weigh as much as 0.3 mm of misfit.
const ASKEW_COST_MM2: f64 = 10.0;

struct Place {
    p: Vector3<f64>,
    /// Cosine between ray and surface normal.
    cosine: f64,
}

/// The plane and the median and 95th percentile of the distance between the vault and its image, mm.
pub(super) struct Fitted {
    pub(super) mirror: Mirror,
    pub(super) residual_mm_p50: f64,
    pub(super) residual_mm_p95: f64,
}

/// Fits the plane. The normal points to the patient's left.
pub(super) fn fit_symmetry(map: &VaultMap, zone: &VaultZone) -> Result<Fitted, MissingError> {
    let places = places(map, zone);
    if places.len() < 500 {
        return Err(MissingError::NoVault { cells: places.len() });
    }
    let centre_x = map.chart.centre.x;
    let mut best: Option<(f64, [f64; 3])> = None;
    for yaw_deg in [-12.0f64, -4.0, 4.0, 12.0] {
        for shift_mm in [-5.0, 5.0] {
            let start = [yaw_deg.to_radians(), 0.0, centre_x + shift_mm];
            let found = descend(map, &places, start);
            let cost = capped(&residuals(map, &places, &plane(map, found)))
                + ASKEW_COST_MM2 * (found[0].powi(2) + found[1].powi(2));
            let upright = found[0].abs() <= ASKEW_MAX && found[1].abs() <= ASKEW_MAX;
            if upright && best.is_none_or(|(c, _)| cost < c) {
                best = Some((cost, found));
            }
        }
    }
    let Some((_, found)) = best else {
        return Err(MissingError::NoSymmetry { places: places.len() });
    };
    let mirror = plane(map, found);
    let mut distances: Vec<f64> =
        residuals(map, &places, &mirror).into_iter().flatten().map(f64::abs).collect();
    if distances.len() < 500 {
        return Err(MissingError::NoSymmetry { places: distances.len() });
    }
    distances.sort_by(f64::total_cmp);
    let percentile = |p: f64| distances[((distances.len() - 1) as f64 * p) as usize];
    Ok(Fitted { mirror, residual_mm_p50: percentile(0.5), residual_mm_p95: percentile(0.95) })
}

fn places(map: &VaultMap, zone: &VaultZone) -> Vec<Place> {
    let chart = &map.chart;
    (2..chart.n - 2)
        .step_by(3)
        .flat_map(|b| (2..chart.n - 2).step_by(3).map(move |a| (a, b)))
        .filter_map(|(a, b)| {
            let at = b * chart.n + a;
            let d = chart.direction_at(at);
            let r = map.outer_mm[at];
            if !zone.contains(d) || !r.is_finite() {
                return None;
            }
            let sa = (map.outer_mm[at + 2] - map.outer_mm[at - 2]) / (4.0 * chart.step_rad * r);
            let sb = (map.outer_mm[at + 2 * chart.n] - map.outer_mm[at - 2 * chart.n])
                / (4.0 * chart.step_rad * r);
            let cosine = 1.0 / (1.0 + sa * sa + sb * sb).sqrt();
            // Steep places are rims and bumps.
            (cosine > 0.6).then(|| Place { p: chart.centre + d * r, cosine })
        })
        .collect()
}

/// Plane of yaw, roll (rad) and the x at which it passes the vault's centre (mm).
fn plane(map: &VaultMap, [yaw, roll, x]: [f64; 3]) -> Mirror {
    let normal = Vector3::new(1.0, yaw.tan(), roll.tan()).normalize();
    let through = Vector3::new(x, map.chart.centre.y, map.chart.centre.z);
    Mirror { normal, offset_mm: normal.dot(&through) }
}

fn residuals(map: &VaultMap, places: &[Place], mirror: &Mirror) -> Vec<Option<f64>> {
    places
        .iter()
        .map(|place| {
            let d = mirror.place(place.p) - map.chart.centre;
            let r = d.norm();
            let there = map.chart.bilinear(&map.outer_mm, map.chart.cell(d / r))?;
            Some((r - there) * place.cosine)
        })
        .collect()
}

/// Mean square of the best three quarters, and which they are.
fn trimmed(residuals: &[Option<f64>]) -> (f64, f64) {
    let mut squares: Vec<f64> = residuals.iter().flatten().map(|r| r * r).collect();
    squares.sort_by(f64::total_cmp);
    let keep = (squares.len() as f64 * TRIMMED_SHARE) as usize;
    if keep < 200 {
        return (f64::INFINITY, 0.0);
    }
    (squares[..keep].iter().sum::<f64>() / keep as f64, squares[keep - 1])
}

fn capped(residuals: &[Option<f64>]) -> f64 {
    let cap = CAPPED_MM * CAPPED_MM;
    residuals.iter().map(|r| r.map_or(cap, |r| (r * r).min(cap))).sum::<f64>() / residuals.len() as f64
}

fn descend(map: &VaultMap, places: &[Place], start: [f64; 3]) -> [f64; 3] {
    let steps = [1e-3, 1e-3, 0.1];
    let mut at = start;
    for _ in 0..15 {
        let here = residuals(map, places, &plane(map, at));
        let (mean, limit) = trimmed(&here);
        if !mean.is_finite() {
            break;
        }
        let moved: [Vec<Option<f64>>; 3] = std::array::from_fn(|i| {
            let mut next = at;
            next[i] += steps[i];
            residuals(map, places, &plane(map, next))
        });
        let mut m = Matrix3::zeros();
        let mut rhs = Vector3::zeros();
        for (i, r) in here.iter().enumerate() {
            let Some(r) = r.filter(|r| r * r <= limit) else { continue };
            let (Some(a), Some(b), Some(c)) = (moved[0][i], moved[1][i], moved[2][i]) else { continue };
            let row = Vector3::new((a - r) / steps[0], (b - r) / steps[1], (c - r) / steps[2]);
            m += row * row.transpose();
            rhs -= row * r;
        }
        let Some(step) = m.lu().solve(&rhs) else { break };
        // Never more than 3 degrees and 5 mm at once: the map is smooth only nearby.
        let step = [step.x.clamp(-0.05, 0.05), step.y.clamp(-0.05, 0.05), step.z.clamp(-5.0, 5.0)];
        for (x, s) in at.iter_mut().zip(step) {
            *x += s;
        }
        if step[0].abs() < 1e-5 && step[1].abs() < 1e-5 && step[2].abs() < 1e-3 {
            break;
        }
    }
    at
}
