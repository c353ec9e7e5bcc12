//! Step of the outer surface across the rim: where the bone's outer surface would run on, and where the part is.
//!
//! Per place on the part's outer face, 0-1 mm inside the rim: bone facets that look the same way and lie
//! `step_bone_from_mm` to `step_bone_to_mm` beyond the rim are fitted by a plane plus the bone's own mean curvature
//! (fitted over 8 mm), and carried on to the part. Positive: the part stands proud.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use nalgebra::{Matrix3, Matrix4, Vector3, Vector4};
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Part, StepSpread};

use super::columns::Columns;
use super::params::InspectToml;
use super::rim::RimSample;
use super::samples::Sample;
use super::spread::Ranked;

/// Places of the rim are thinned to about one per this length, mm.
const EVERY_MM: f64 = 1.0;

/// The part's outer face is taken this far inside the rim, mm; cells of [`Bins`] are as wide.
const NEAR_MM: f64 = 1.0;

/// The bone's curvature is taken over this reach beyond the rim, mm.
const CURVED_MM: f64 = 8.0;

/// Facets look the same way within about 37°.
const SAME_WAY_COS: f64 = 0.8;

/// Sharpest curvature carried on, 1/mm: a ball of 25 mm, sharper than any vault.
const CURVATURE_MAX: f64 = 1.0 / 25.0;

/// Steps around the rim; zeros where no bone could be fitted.
pub fn across_rim(
    samples: &[Sample],
    deviation_mm: &[f64],
    rim: &[RimSample],
    bone: &Bvh<Part>,
    columns: &Columns,
    t: &InspectToml,
) -> StepSpread {
    let bins = bins_of(rim);
    let mut chosen: BTreeMap<[i64; 3], usize> = BTreeMap::new();
    let cell = |p: &[f64; 3]| p.map(|x| (x / EVERY_MM).floor() as i64);
    for (i, s) in samples.iter().enumerate() {
        // An outer face: it looks outwards more than a wall may.
        if s.normal[2] <= 0.3 || columns.rim_distance_mm(s.p_mm[0], s.p_mm[1]) > NEAR_MM + t.column_mm {
            continue;
        }
        let Entry::Vacant(free) = chosen.entry(cell(&s.p_mm)) else { continue };
        if near_rim(&bins, rim, &Vector3::from(s.p_mm), &Vector3::from(s.normal)).is_some() {
            free.insert(i);
        }
    }
    let facets = facets_by_cell(bone);
    let chosen: Vec<usize> = chosen.into_values().collect();
    let steps: Vec<(f64, f64)> = chosen
        .par_iter()
        .filter_map(|&i| {
            let (p, n) = (Vector3::from(samples[i].p_mm), Vector3::from(samples[i].normal));
            let edge = near_rim(&bins, rim, &p, &n)?;
            let outward = (edge.normal - n * edge.normal.dot(&n)).normalize();
            let origin = edge.p;
            let step = extrapolated(bone, &facets, &origin, &outward, &n, &p, t)?;
            Some(((deviation_mm[i].min(1.0) + step).abs(), 1.0))
        })
        .collect();
    let count = steps.len() as f64;
    let mean_abs = if steps.is_empty() { 0.0 } else { steps.iter().map(|s| s.0).sum::<f64>() / count };
    let ranked = Ranked::new(steps);
    StepSpread {
        mean_abs,
        p95_abs: ranked.at(0.95).unwrap_or(0.0),
        max_abs: ranked.ends().map_or(0.0, |e| e.1),
    }
}

type Bins = BTreeMap<[i64; 3], Vec<u32>>;

fn bins_of(rim: &[RimSample]) -> Bins {
    let mut bins = Bins::new();
    for (i, r) in rim.iter().enumerate() {
        bins.entry([r.p.x, r.p.y, r.p.z].map(|x| x.floor() as i64)).or_default().push(i as u32);
    }
    bins
}

/// The nearest rim place within 1 mm across the outer face and 1.5 mm in all, if it is the rim's upper end.
fn near_rim<'a>(
    bins: &Bins,
    rim: &'a [RimSample],
    p: &Vector3<f64>,
    n: &Vector3<f64>,
) -> Option<&'a RimSample> {
    let mut best: Option<(f64, &RimSample)> = None;
    let base = [p.x, p.y, p.z].map(|x| x.floor() as i64);
    for at in 0..125 {
        let key = [base[0] + at % 5 - 2, base[1] + at / 5 % 5 - 2, base[2] + at / 25 - 2];
        for &i in bins.get(&key).into_iter().flatten() {
            let r = &rim[i as usize];
            let d = r.p - p;
            let across = (d - n * d.dot(n)).norm();
            if across <= NEAR_MM && d.norm() <= 1.5 * NEAR_MM && best.is_none_or(|b| d.norm() < b.0) {
                best = Some((d.norm(), r));
            }
        }
    }
    best.map(|b| b.1)
}

/// Facet numbers by cells of 4 mm.
fn facets_by_cell(bone: &Bvh<Part>) -> BTreeMap<[i64; 3], Vec<u32>> {
    let mesh = bone.mesh();
    let mut cells: BTreeMap<[i64; 3], Vec<u32>> = BTreeMap::new();
    for t in 0..mesh.triangles.len() {
        let [a, b, c] = mesh.corners(t);
        let m = (a + b + c) / 3.0;
        cells.entry([m.x, m.y, m.z].map(|x| (x / 4.0).floor() as i64)).or_default().push(t as u32);
    }
    cells
}

/// Height of `p` over the bone's outer surface carried on from beyond the rim, along `n`.
fn extrapolated(
    bone: &Bvh<Part>,
    facets: &BTreeMap<[i64; 3], Vec<u32>>,
    origin: &Vector3<f64>,
    outward: &Vector3<f64>,
    n: &Vector3<f64>,
    p: &Vector3<f64>,
    t: &InspectToml,
) -> Option<f64> {
    let side = n.cross(outward);
    let mesh = bone.mesh();
    let middle = origin + outward * 4.0;
    let base = [middle.x, middle.y, middle.z].map(|x| (x / 4.0).floor() as i64);
    // (along outward, along the rim, height, weight)
    let mut points: Vec<[f64; 4]> = Vec::new();
    for at in 0..125 {
        let key = [base[0] + at % 5 - 2, base[1] + at / 5 % 5 - 2, base[2] + at / 25 - 2];
        for &f in facets.get(&key).into_iter().flatten() {
            let [a, b, c] = mesh.corners(f as usize);
            let d = (a + b + c) / 3.0 - origin;
            let (x, y, z) = (d.dot(outward), d.dot(&side), d.dot(n));
            let near = x >= t.step_bone_from_mm && x <= CURVED_MM && y.abs() <= 3.0 && z.abs() <= 4.0;
            if near && mesh.normal(f as usize).dot(n) > SAME_WAY_COS {
                points.push([x, y, z, mesh.triangle_area_mm2(f as usize)]);
            }
        }
    }
    let curvature = curvature_of(&points)?.clamp(-CURVATURE_MAX, CURVATURE_MAX);
    let mut m = Matrix3::zeros();
    let mut right = Vector3::zeros();
    let mut used = 0;
    for q in points.iter().filter(|q| q[0] <= t.step_bone_to_mm) {
        let row = Vector3::new(1.0, q[0], q[1]);
        m += row * row.transpose() * q[3];
        right += row * (q[2] + 0.5 * curvature * (q[0] * q[0] + q[1] * q[1])) * q[3];
        used += 1;
    }
    // Twelve facets: four per unknown.
    if used < 12 {
        return None;
    }
    let plane = m.cholesky()?.solve(&right);
    let d = p - origin;
    let (x, y, z) = (d.dot(outward), d.dot(&side), d.dot(n));
    Some(z - (plane.x + plane.y * x + plane.z * y - 0.5 * curvature * (x * x + y * y)))
}

/// Mean curvature (positive where the bone is domed) of a paraboloid through the points.
fn curvature_of(points: &[[f64; 4]]) -> Option<f64> {
    if points.len() < 16 {
        return None;
    }
    let mut m = Matrix4::zeros();
    let mut right = Vector4::zeros();
    for q in points {
        let row = Vector4::new(1.0, q[0], q[1], -0.5 * (q[0] * q[0] + q[1] * q[1]));
        m += row * row.transpose() * q[3];
        right += row * q[2] * q[3];
    }
    Some(m.cholesky()?.solve(&right).w)
}
