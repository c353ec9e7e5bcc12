//! The direction in which the implant is taken out.
//!
//! For each direction of a cone, how far the rim wall lies behind bone that stands farther out: the gap that cannot be
//! followed. Among directions that are as good, the one nearest the defect's normal is taken, since a tilted part
//! stands high in its blank and asks for long, thin tools: on `scans/cranium` the least excess lies 22° off the normal
//! and 0.03 mm below what 10° give, for a part a third higher. Equal tilts are told apart by the 5th percentile of
//! the draft (one noisy facet decides nothing).

use std::f64::consts::PI;

use nalgebra::Vector3;
use rayon::prelude::*;

use super::region::RimFacet;

/// Sectors about the middle in which a facet shades those below it. 2° is 0.7 mm at 20 mm.
const SECTORS: usize = 180;
/// Directions whose mean excess gap differs by less than this are equally good, mm: the net is no truer.
const TIE_MM: f64 = 0.03;

/// The best direction within `cone_rad` of `normal`.
pub(super) fn insertion_axis(
    rim: &[RimFacet],
    middle: Vector3<f64>,
    normal: Vector3<f64>,
    cone_rad: f64,
) -> Vector3<f64> {
    let coarse_rad = 2.5f64.to_radians();
    let first = best(rim, middle, normal, &cone(normal, cone_rad, coarse_rad));
    let near: Vec<_> = cone(first, coarse_rad, coarse_rad / 5.0)
        .into_iter()
        .filter(|a| a.dot(&normal).clamp(-1.0, 1.0).acos() <= cone_rad + 1e-9)
        .collect();
    best(rim, middle, normal, &near)
}

/// Rings of directions about `normal`, the middle first.
pub(super) fn cone(normal: Vector3<f64>, half_rad: f64, step_rad: f64) -> Vec<Vector3<f64>> {
    let (e1, e2) = basis(normal);
    let mut out = vec![normal];
    let rings = (half_rad / step_rad + 1e-9).floor() as usize;
    for ring in 1..=rings {
        let tilt = ring as f64 * step_rad;
        let count = 6 * ring;
        for k in 0..count {
            let turn = 2.0 * PI * k as f64 / count as f64;
            let across = e1 * turn.cos() + e2 * turn.sin();
            out.push(normal * tilt.cos() + across * tilt.sin());
        }
    }
    out
}

/// Two unit vectors square to `axis` and to each other.
pub(super) fn basis(axis: Vector3<f64>) -> (Vector3<f64>, Vector3<f64>) {
    let other = if axis.x.abs() < 0.7 { Vector3::x() } else { Vector3::y() };
    let e1 = (other - axis * other.dot(&axis)).normalize();
    (e1, axis.cross(&e1))
}

fn best(rim: &[RimFacet], middle: Vector3<f64>, normal: Vector3<f64>, axes: &[Vector3<f64>]) -> Vector3<f64> {
    // In steps of 0.1°, so that rounding decides no tie.
    let tilt = |a: &Vector3<f64>| (a.angle(&normal).to_degrees() * 10.0).round() as u32;
    let scores: Vec<(f64, f64)> = axes.par_iter().map(|&a| score(rim, middle, a)).collect();
    let least = scores.iter().fold(f64::INFINITY, |m, s| m.min(s.0));
    let mut best: Option<usize> = None;
    for (k, s) in scores.iter().enumerate().filter(|(_, s)| s.0 <= least + TIE_MM) {
        let closer = |b: usize| (tilt(&axes[k]), -s.1) < (tilt(&axes[b]), -scores[b].1);
        if best.is_none_or(closer) {
            best = Some(k);
        }
    }
    axes[best.expect("the least score is within the tie of itself")]
}

/// Area-weighted mean excess gap, mm, and 5th percentile of the draft, rad.
fn score(rim: &[RimFacet], middle: Vector3<f64>, axis: Vector3<f64>) -> (f64, f64) {
    let (e1, e2) = basis(axis);
    let mut seen: Vec<(f64, usize, f64, f64)> = rim
        .iter()
        .map(|f| {
            let d = f.place - middle;
            let (x, y) = (d.dot(&e1), d.dot(&e2));
            let turn = (y.atan2(x) / (2.0 * PI) + 0.5) * SECTORS as f64;
            (d.dot(&axis), (turn as usize).min(SECTORS - 1), x.hypot(y), f.area_mm2)
        })
        .collect();
    seen.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut free = vec![f64::INFINITY; SECTORS];
    let (mut excess, mut area) = (0.0, 0.0);
    for &(_, sector, r, a) in &seen {
        free[sector] = free[sector].min(r);
        excess += a * (r - free[sector]);
        area += a;
    }
    let mut drafts: Vec<(f64, f64)> =
        rim.iter().map(|f| (f.normal.dot(&axis).clamp(-1.0, 1.0).asin(), f.area_mm2)).collect();
    drafts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut below = 0.0;
    for &(draft, a) in &drafts {
        below += a;
        if below >= 0.05 * area {
            return (excess / area, draft);
        }
    }
    (excess / area, 0.0)
}
