//! What may stand between the samples.
//!
//! A cutter sweeps a convex body along a straight move, and the signed distance to a convex body is convex: over a triangle
//! it is largest at a corner. The deviation is the least over all cutters, so over a piece of a facet it lies below
//! the largest corner's distance to any one of them; the one nearest to the piece's middle is asked. Where that bound
//! lies above what was found, the piece is halved across its longest edge. Which facets are looked at at all is told by the
//! samples: `f(x) ≤ f(p) + |∇ₜf|·δ + δ²/(2r)` with δ the distance from the sample and r the cutter's least radius.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::model::{Mesh, Part};

use super::samples::Sample;
use super::surface::REACH_MM;
use super::sweep::{Near, Sweep};
use super::witness::Witnesses;

/// The bound is brought this near to the most that was found, mm.
const NEAR_ENOUGH_MM: f64 = 0.001;
/// A facet's piece about a tab witness is halved down to this, mm: then it is the witness's or it is not.
const WITNESS_EDGE_MM: f64 = 0.1;
/// Pieces are not halved below this distance from their middle to their corners, mm: what it hides is less.
const SMALLEST_MM: f64 = 0.002;

/// A place that was found between the samples to stand out more than any of them.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub p_mm: [f64; 3],
    pub deviation_mm: f64,
    pub area_mm2: f64,
    pub index: Option<u32>,
}

/// The most that samples and what was looked at between them show, and the bound on what no look has seen, clear of
/// tab witnesses.
#[derive(Clone, Debug, Default)]
pub struct Between {
    /// Most material left on, clear of tab witnesses; none where there is no such place.
    pub most: Option<Found>,
    /// Deepest gouge there.
    pub least: Option<Found>,
    /// By how much `most` may be exceeded, mm.
    pub hidden_mm: f64,
    /// Places beyond the tolerance that no sample showed.
    pub beyond: Vec<Found>,
}

/// A piece of a facet: corners and area.
type Piece = ([Vector3<f64>; 3], f64);

/// Looks between the samples of the design.
pub fn between(
    design: &Mesh<Part>,
    sweep: &Sweep,
    samples: &[Sample],
    near: &[Near],
    witnesses: &Witnesses,
    tolerance_mm: f64,
) -> Between {
    let clear = |p: [f64; 3]| !witnesses.near(p);
    let mut all = Between::default();
    for (s, n) in samples.iter().zip(near).filter(|(s, _)| clear(s.p_mm)) {
        let found = Found { p_mm: s.p_mm, deviation_mm: n.distance_mm, area_mm2: s.area_mm2, index: n.index };
        if all.most.is_none_or(|m| found.deviation_mm > m.deviation_mm) {
            all.most = Some(found);
        }
        if all.least.is_none_or(|l| found.deviation_mm < l.deviation_mm) {
            all.least = Some(found);
        }
    }
    let Some(most_mm) = all.most.map(|m| m.deviation_mm) else { return all };
    // Fixed before any facet is looked at again, so that the order of looking decides nothing.
    let target = most_mm.max(0.0) + NEAR_ENOUGH_MM;
    let bound = |p: [f64; 3], normal: &Vector3<f64>, covers_mm: f64, n: &Near| {
        n.distance_mm
            + n.index.map_or(covers_mm, |index| {
                let (g, r) = sweep.gradient(p, index);
                let along = (g - normal * g.dot(normal)).norm();
                let curved = if r > 0.0 { covers_mm / (2.0 * r) } else { 1.0 };
                covers_mm * (along + curved).min(1.0)
            })
    };
    let mut again: Vec<(u32, Option<u32>)> = samples
        .par_iter()
        .zip(near)
        .filter(|(s, n)| clear(s.p_mm) && bound(s.p_mm, &s.normal.into(), s.covers_mm, n) > target)
        .map(|(s, n)| (s.triangle, n.index))
        .collect();
    again.dedup_by_key(|a| a.0);
    let looked: Vec<Between> = again
        .par_iter()
        .map(|&(t, hint)| {
            let mut out = Between { hidden_mm: f64::NEG_INFINITY, ..Between::default() };
            let mut hint = hint;
            let mut pieces: Vec<Piece> =
                vec![(design.corners(t as usize), design.triangle_area_mm2(t as usize))];
            while let Some((corners, area_mm2)) = pieces.pop() {
                let [a, b, c] = corners;
                let middle = (a + b + c) / 3.0;
                let p: [f64; 3] = middle.into();
                let covers_mm = (a - middle).norm().max((b - middle).norm()).max((c - middle).norm());
                if !clear(p) {
                    if covers_mm > WITNESS_EDGE_MM {
                        pieces.extend(halves(corners, area_mm2));
                    }
                    continue;
                }
                let n = sweep.nearest(p, REACH_MM, hint);
                hint = n.index.or(hint);
                let at_corner = |v: &Vector3<f64>| {
                    n.index.map_or(n.distance_mm + covers_mm, |index| sweep.distance_mm((*v).into(), index))
                };
                let up_to = corners.iter().map(at_corner).fold(n.distance_mm, f64::max);
                if up_to > target && covers_mm > SMALLEST_MM {
                    pieces.extend(halves(corners, area_mm2));
                    continue;
                }
                out.hidden_mm = out.hidden_mm.max(up_to);
                let found = Found { p_mm: p, deviation_mm: n.distance_mm, area_mm2, index: n.index };
                if out.most.is_none_or(|m| found.deviation_mm > m.deviation_mm) {
                    out.most = Some(found);
                }
                if found.deviation_mm > tolerance_mm {
                    out.beyond.push(found);
                }
            }
            out
        })
        .collect();
    let mut up_to = target;
    for l in looked {
        up_to = up_to.max(l.hidden_mm);
        all.beyond.extend(l.beyond);
        if let Some(m) = l.most
            && all.most.is_none_or(|a| m.deviation_mm > a.deviation_mm)
        {
            all.most = Some(m);
        }
    }
    all.hidden_mm = up_to - all.most.map_or(0.0, |m| m.deviation_mm);
    all
}

/// Across the longest edge.
fn halves([a, b, c]: [Vector3<f64>; 3], area_mm2: f64) -> [Piece; 2] {
    let (ab, bc, ca) = ((b - a).norm(), (c - b).norm(), (a - c).norm());
    let [a, b, c] = if ab >= bc && ab >= ca {
        [a, b, c]
    } else if bc >= ca {
        [b, c, a]
    } else {
        [c, a, b]
    };
    let half = (a + b) / 2.0;
    [([half, b, c], 0.5 * area_mm2), ([a, half, c], 0.5 * area_mm2)]
}
