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

use super::blank::Blank;
use super::samples::Sample;
use super::surface::REACH_MM;
use super::sweep::{Near, Sweep};
use super::witness::Witnesses;

/// The bound is brought this near to the most that was found, mm.
const NEAR_ENOUGH_MM: f64 = 0.001;
/// Of a part that is out already: to this share of what it is out by.
const NEAR_ENOUGH_OF_EXCESS: f64 = 0.1;
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

/// Looks between the samples of the design. `near`: to the cutters from each; `from_design_mm`: the same, less what the design
/// asks for over its marking. What lies between is bounded on the mesh; in the marking's groove by `marking`.
pub fn between(
    design: &Mesh<Part>,
    sweep: &Sweep,
    blank: &Blank,
    (samples, near, from_design_mm): (&[Sample], &[Near], &[f64]),
    witnesses: &Witnesses,
    tolerance_mm: f64,
) -> Between {
    let clear = |p: [f64; 3]| !witnesses.near(p);
    let mut all = Between::default();
    let measured = samples.iter().zip(near).zip(from_design_mm);
    for ((s, n), &deviation_mm) in measured.filter(|((s, _), _)| clear(s.p_mm)) {
        let found = Found { p_mm: s.p_mm, deviation_mm, area_mm2: s.area_mm2, index: n.index };
        if all.most.is_none_or(|m| found.deviation_mm > m.deviation_mm) {
            all.most = Some(found);
        }
        if all.least.is_none_or(|l| found.deviation_mm < l.deviation_mm) {
            all.least = Some(found);
        }
    }
    let Some(most_mm) = all.most.map(|m| m.deviation_mm) else { return all };
    // Fixed before any facet is looked at again, so that the order of looking decides nothing.
    let near_enough_mm = NEAR_ENOUGH_MM.max(NEAR_ENOUGH_OF_EXCESS * (most_mm - tolerance_mm));
    let target = most_mm.max(0.0) + near_enough_mm;
    let bound = |p: [f64; 3], normal: &Vector3<f64>, covers_mm: f64, n: &Near| {
        n.distance_mm
            + n.index.map_or_else(
                || covers_mm * blank.face(&p).slope_along(normal),
                |index| {
                    let (g, r) = sweep.gradient(p, index);
                    let along = (g - normal * g.dot(normal)).norm();
                    let curved = if r > 0.0 { covers_mm / (2.0 * r) } else { 1.0 };
                    covers_mm * (along + curved).min(1.0)
                },
            )
    };
    let mut again: Vec<(u32, Option<u32>)> = samples
        .par_iter()
        .zip(near)
        .filter(|(s, n)| clear(s.p_mm) && bound(s.p_mm, &s.normal.into(), s.covers_mm, n) > target)
        .map(|(s, n)| (s.triangle, n.index))
        .collect();
    again.dedup_by_key(|a| a.0);
    let look = Look { design, sweep, blank, witnesses, target };
    let looked: Vec<Vec<Looked>> = again.par_chunks(CHUNK).map(|facets| look.at(facets)).collect();
    let mut up_to = target;
    for l in looked.into_iter().flatten() {
        up_to = up_to.max(l.up_to_mm);
        if l.found.deviation_mm > tolerance_mm {
            all.beyond.push(l.found);
        }
        if all.most.is_none_or(|m| l.found.deviation_mm > m.deviation_mm) {
            all.most = Some(l.found);
        }
    }
    all.hidden_mm = up_to - all.most.map_or(0.0, |m| m.deviation_mm);
    all
}

/// Facets looked at by one task; fixed, though nothing depends on it.
const CHUNK: usize = 64;

/// What is asked of a facet.
struct Look<'a> {
    design: &'a Mesh<Part>,
    sweep: &'a Sweep,
    blank: &'a Blank,
    witnesses: &'a Witnesses,
    target: f64,
}

/// A piece that needs no halving.
struct Looked {
    found: Found,
    up_to_mm: f64,
}

/// Where a piece comes from: facet, then the ways taken at each halving from the highest bit down, so that pieces sort
/// as if one facet were halved after the other.
type Order = (u32, u128);

impl Look<'_> {
    /// Halves facets until every piece is bounded by the target or too small; all that are equally often halved are
    /// asked for together. In the order of [`Order`].
    fn at(&self, facets: &[(u32, Option<u32>)]) -> Vec<Looked> {
        let hint = facets.iter().find_map(|f| f.1);
        let mut done: Vec<(Order, Looked)> = Vec::new();
        let mut level: Vec<(Order, Piece)> = facets
            .iter()
            .zip(0..)
            .map(|(&(t, _), n)| {
                let t = t as usize;
                ((n, 0), (self.design.corners(t), self.design.triangle_area_mm2(t)))
            })
            .collect();
        // A facet of a metre is down to SMALLEST_MM after some forty.
        for halved in 0..u128::BITS {
            let mut next: Vec<(Order, Piece)> = Vec::new();
            let mut halve = |(n, way): Order, (corners, area_mm2): Piece| {
                let [a, b] = halves(corners, area_mm2);
                let after = 1u128 << (u128::BITS - 1 - halved);
                next.extend([((n, way), b), ((n, way | after), a)]);
            };
            let mut places: Vec<[f64; 3]> = Vec::new();
            let mut asked: Vec<(Order, Piece, f64)> = Vec::new();
            for (order, piece) in level {
                let [a, b, c] = piece.0;
                let middle = (a + b + c) / 3.0;
                let covers_mm = (a - middle).norm().max((b - middle).norm()).max((c - middle).norm());
                if !self.witnesses.near(middle.into()) {
                    places.push(middle.into());
                    asked.push((order, piece, covers_mm));
                } else if covers_mm > WITNESS_EDGE_MM {
                    halve(order, piece);
                }
            }
            let near = self.blank.or_nearer(self.sweep.nearest_of(&places, REACH_MM, hint), &places);
            for ((order, piece, covers_mm), (p, n)) in asked.into_iter().zip(places.into_iter().zip(near)) {
                let at_corner = |v: &Vector3<f64>| {
                    let v: [f64; 3] = (*v).into();
                    // Where neither cutter nor face comes near the deviation is given as the reach; so is what lies about it.
                    n.index.map_or_else(
                        || self.blank.face(&p).depth_mm(&v),
                        |index| self.sweep.distance_mm(v, index),
                    )
                };
                let up_to_mm = piece.0.iter().map(at_corner).fold(n.distance_mm, f64::max);
                // The last round keeps what it has: its bound stands.
                if up_to_mm > self.target && covers_mm > SMALLEST_MM && halved + 1 < u128::BITS {
                    halve(order, piece);
                    continue;
                }
                let found = Found { p_mm: p, deviation_mm: n.distance_mm, area_mm2: piece.1, index: n.index };
                done.push((order, Looked { found, up_to_mm }));
            }
            level = next;
            if level.is_empty() {
                break;
            }
        }
        done.sort_by_key(|d| d.0);
        done.into_iter().map(|d| d.1).collect()
    }
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
