//! What may stand between the samples.
//!
//! A cutter sweeps a convex body along a straight move, and the signed distance to a convex body is convex: over a triangle
//! it is largest at a corner. The deviation is the least over all cutters, so over a piece of a facet it lies below
//! the largest corner's distance to any one of them; the one nearest to the piece's middle is asked. Where that bound
//! lies above what was found, the piece is halved across its longest edge. Which facets are looked at at all is told by the
//! samples: `f(x) ≤ f(p) + |∇ₜf|·δ + δ²/(2r)` with δ the distance from the sample and r the cutter's least radius.
//!
//! Near a tab's witness material may stand up to the tolerance, and where its fillet is, more. Beside the fillet pieces are
//! bounded by the tolerance and not by the most found elsewhere.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::model::{Mesh, Part};

use super::blank::Blank;
use super::pieces::{CHUNK, NEAR_ENOUGH_OF_EXCESS, Piece, SMALLEST_MM, Then, halve};
use super::samples::Sample;
use super::surface::REACH_MM;
use super::sweep::{Near, Sweep};
use super::witness::Witnesses;

/// The bound is brought this near to the most that was found, mm.
const NEAR_ENOUGH_MM: f64 = 0.001;
/// Or nearer where the tolerance lies between the two; but no nearer than this, mm.
const NEAREST_MM: f64 = 0.00005;
/// A facet's piece about a tab's fillet is halved down to this, mm: then it is the fillet's or it is not.
const WITNESS_EDGE_MM: f64 = 0.1;

/// A place that was found between the samples to stand out more, or to lie deeper, than any of them.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub p_mm: [f64; 3],
    pub deviation_mm: f64,
    pub area_mm2: f64,
    pub index: Option<u32>,
}

/// The most that samples and what was looked at between them show, and the bound on what no look has seen.
#[derive(Clone, Debug, Default)]
pub struct Between {
    /// Most material left on, clear of tab witnesses; none where there is no such place.
    pub most: Option<Found>,
    /// Deepest gouge there.
    pub least: Option<Found>,
    /// By how much `most` may be exceeded there, mm.
    pub hidden_mm: f64,
    /// No more than this is left on anywhere but in the fillets of tabs, mm; looked into only as far as the tolerance asks.
    pub up_to_mm: f64,
    /// Places beyond the tolerance that no sample showed.
    pub beyond: Vec<Found>,
}

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
    // Where tabs are near everywhere, only the tolerance is asked for.
    let most_mm = all.most.map_or(0.0, |m| m.deviation_mm);
    // Fixed before any facet is looked at again, so that the order of looking decides nothing.
    let near_enough_mm = if most_mm > tolerance_mm {
        NEAR_ENOUGH_MM.max(NEAR_ENOUGH_OF_EXCESS * (most_mm - tolerance_mm))
    } else {
        NEAR_ENOUGH_MM.min((tolerance_mm - most_mm).max(NEAREST_MM))
    };
    let target = most_mm.max(0.0) + near_enough_mm;
    let limit_mm = |p: [f64; 3]| if clear(p) { target } else { target.max(tolerance_mm) };
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
        .filter(|(s, n)| {
            bound(s.p_mm, &s.normal.into(), s.covers_mm, n) > limit_mm(s.p_mm) && !witnesses.cover(s.p_mm)
        })
        .map(|(s, n)| (s.triangle, n.index))
        .collect();
    again.dedup_by_key(|a| a.0);
    let look = Look { design, sweep, blank, witnesses, limit_mm };
    let looked: Vec<Vec<Looked>> = again.par_chunks(CHUNK).map(|facets| look.at(facets)).collect();
    let mut up_to = target;
    all.up_to_mm = target;
    for l in looked.into_iter().flatten() {
        if l.found.deviation_mm > tolerance_mm {
            all.beyond.push(l.found);
        }
        all.up_to_mm = all.up_to_mm.max(l.up_to_mm);
        if !clear(l.found.p_mm) {
            continue;
        }
        up_to = up_to.max(l.up_to_mm);
        if all.most.is_none_or(|m| l.found.deviation_mm > m.deviation_mm) {
            all.most = Some(l.found);
        }
    }
    all.hidden_mm = up_to - all.most.map_or(0.0, |m| m.deviation_mm);
    all
}

/// What is asked of a facet.
struct Look<'a, F: Fn([f64; 3]) -> f64> {
    design: &'a Mesh<Part>,
    sweep: &'a Sweep,
    blank: &'a Blank,
    witnesses: &'a Witnesses,
    /// What pieces about a place need to be bounded by, mm.
    limit_mm: F,
}

/// A piece that needs no halving.
struct Looked {
    found: Found,
    up_to_mm: f64,
}

impl<F: Fn([f64; 3]) -> f64> Look<'_, F> {
    /// Halves facets until every piece is bounded by its limit or too small. `facets`: with a move that comes near.
    fn at(&self, facets: &[(u32, Option<u32>)]) -> Vec<Looked> {
        let hint = facets.iter().find_map(|f| f.1);
        let facets: Vec<u32> = facets.iter().map(|f| f.0).collect();
        halve(self.design, &facets, |pieces| {
            let in_fillet: Vec<bool> = pieces.iter().map(|p| self.witnesses.cover(p.middle)).collect();
            let places: Vec<[f64; 3]> =
                pieces.iter().zip(&in_fillet).filter(|(_, i)| !**i).map(|(p, _)| p.middle).collect();
            let near = self.blank.or_nearer(self.sweep.nearest_of(&places, REACH_MM, hint), &places);
            let mut near = near.into_iter();
            let then = |(piece, in_fillet): (&Piece, &bool)| {
                if *in_fillet {
                    let small = piece.covers_mm <= WITNESS_EDGE_MM || piece.last;
                    return if small { Then::Leave } else { Then::Halve };
                }
                self.of(piece, near.next().expect("one for each"))
            };
            pieces.iter().zip(&in_fillet).map(then).collect()
        })
    }

    fn of(&self, piece: &Piece, n: Near) -> Then<Looked> {
        let p = piece.middle;
        let at_corner = |v: &Vector3<f64>| {
            let v: [f64; 3] = (*v).into();
            // Where neither cutter nor face comes near the deviation is given as the reach; so is what lies about it.
            n.index.map_or_else(|| self.blank.face(&p).depth_mm(&v), |index| self.sweep.distance_mm(v, index))
        };
        let up_to_mm = piece.corners.iter().map(at_corner).fold(n.distance_mm, f64::max);
        // The last keeps what it has: its bound stands.
        if up_to_mm > (self.limit_mm)(p) && piece.covers_mm > SMALLEST_MM && !piece.last {
            return Then::Halve;
        }
        let found = Found { p_mm: p, deviation_mm: n.distance_mm, area_mm2: piece.area_mm2, index: n.index };
        Then::Keep(Looked { found, up_to_mm })
    }
}
