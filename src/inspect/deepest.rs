//! Gouges between the samples.
//!
//! Let a cutter go deepest at a place x* of the design. There its distance d grows along the surface in no direction, and its
//! body holds a ball of its least radius r that touches where x* is nearest. So at a distance c on the same facet
//! `d ≤ d(x*) + c·sin φ + c²/2(r + d(x*))`, with φ the most by which the facet's edges are folded: inside of a facet the distance
//! to that place is level, and where x* lies on an edge it may fall towards it as steeply as the neighbouring facet is folded.
//! Edges under more than [`FOLDED`] have samples of their own, and every corner of the design is asked. A cutter with a
//! sharp corner or a point holds no such ball; the sharp one nearest to the sample is asked for itself and bounded by its
//! tangent, since its distance is convex. That another sharp one, farther from the sample, goes deeper at x* is not excluded.
//!
//! A sample that so leaves room for a gouge deeper than the deepest found has its facet halved until no piece does.

use std::collections::HashMap;
use std::ops::Bound;

use rayon::prelude::*;

use crate::model::{Mesh, Part};

use super::between::Found;
use super::blank::Blank;
use super::marking::Groove;
use super::pieces::{CHUNK, NEAR_ENOUGH_OF_EXCESS, Piece, SMALLEST_MM, Then, halve};
use super::samples::{Sample, on_edges};
use super::surface::{self, REACH_MM, nearest_all};
use super::sweep::{Near, Sweep};

/// Edges whose faces meet under more than 3°, as a cosine, are sampled: between two samples 0.1 mm apart a ball of 1.5 mm goes
/// 0.8 µm deeper.
const FOLDED: f64 = 0.9986;
/// Cutters of a lesser radius are asked for themselves, mm: an engraving ball of 0.3 mm would leave all the part room for 18 µm more.
const FINE_MM: f64 = 1.0;
/// The bound is brought this near to the deepest that was found, mm.
const NEAR_ENOUGH_MM: f64 = 0.006;

/// The deepest gouge that samples and looks between them show, and the bound on what no look has seen.
#[derive(Clone, Debug, Default)]
pub struct Deepest {
    /// None where the design has no samples, or none of them is cut below the design.
    pub least: Option<Found>,
    /// No place lies deeper than this, mm; zero or negative.
    pub down_to_mm: f64,
    /// Places beyond the tolerance that no sample showed.
    pub beyond: Vec<Found>,
}

/// What is asked.
pub struct Ask<'a> {
    pub design: &'a Mesh<Part>,
    pub sweep: &'a Sweep,
    pub blank: &'a Blank,
    /// The marking's groove, in which and at whose edge `marking` looks.
    pub groove: Option<&'a Groove>,
    pub tolerance_mm: f64,
}

impl Ask<'_> {
    /// Looks between the samples. `near`: to the cutters from each; `vertex_near`: from each corner of the design.
    /// Edges are asked at `spacing_mm` and less.
    pub fn deepest(
        &self,
        samples: &[Sample],
        near: &[Near],
        vertex_near: &[Near],
        spacing_mm: f64,
    ) -> Deepest {
        // Over a marking an edge is cut as deep as the marking asks.
        let edges = on_edges(self.design, spacing_mm, FOLDED).into_iter().map(|s| s.p_mm);
        let edges: Vec<[f64; 3]> = edges.filter(|p| !self.in_groove(*p)).collect();
        let edge_near = self.blank.or_nearer(nearest_all(self.sweep, &edges), &edges);
        let found = |p_mm: [f64; 3], area_mm2: f64, n: &Near| Found {
            p_mm,
            deviation_mm: n.distance_mm,
            area_mm2,
            index: n.index,
        };
        let at_samples = samples.iter().zip(near).map(|(s, n)| found(s.p_mm, s.area_mm2, n));
        let lines = self.design.vertices.iter().zip(vertex_near).chain(edges.iter().zip(&edge_near));
        let at_lines = lines.map(|(&p, n)| found(p, 0.0, n)).filter(|f| !self.in_groove(f.p_mm));
        let mut out = Deepest::default();
        for found in at_samples.filter(|f| !self.in_groove(f.p_mm)).chain(at_lines.clone()) {
            out.take(found);
        }
        out.beyond.extend(at_lines.filter(|f| f.deviation_mm < -self.tolerance_mm));
        let look = Look::new(self, samples, out.least.map_or(0.0, |l| l.deviation_mm));
        let places: Vec<[f64; 3]> = samples.iter().map(|s| s.p_mm).collect();
        let special = look.special_all(&places);
        let mut again: Vec<u32> = (0..samples.len())
            .into_par_iter()
            .filter(|&i| {
                let s = &samples[i];
                let lowest = look.lowest(s.triangle, s.p_mm, s.covers_mm, &near[i], &special[i]);
                lowest < look.target && !self.in_groove(s.p_mm)
            })
            .map(|i| samples[i].triangle)
            .collect();
        again.sort_unstable();
        again.dedup();
        let looked: Vec<Vec<(Found, f64)>> = again.par_chunks(CHUNK).map(|facets| look.at(facets)).collect();
        out.down_to_mm = look.target.min(0.0);
        // Between two places of an edge, half the way from either, a round cutter; a sharp one's tangent holds over the whole facet.
        let on_edge_mm = look.curved_mm(spacing_mm / 2.0, look.coarse_mm.min(look.fine.least_radius_mm()));
        let least_mm = edge_near.iter().map(|n| n.distance_mm).fold(0.0, f64::min);
        out.down_to_mm = out.down_to_mm.min(least_mm - on_edge_mm);
        for (found, down_to_mm) in looked.into_iter().flatten() {
            if found.deviation_mm < -self.tolerance_mm {
                out.beyond.push(found);
            }
            out.take(found);
            out.down_to_mm = out.down_to_mm.min(down_to_mm);
        }
        out
    }

    fn in_groove(&self, p_mm: [f64; 3]) -> bool {
        self.groove.is_some_and(|g| g.reaches(p_mm))
    }
}

/// What is known when facets are looked at again.
struct Look<'a> {
    ask: &'a Ask<'a>,
    /// Cutters with a sharp corner, and fine ones; they are looked for no farther than any sample stands for, mm.
    sharp: Sweep,
    fine: Sweep,
    reach_mm: f64,
    /// Sine of the most by which each facet's edges are folded, sharp ones left out.
    folds: Vec<f64>,
    /// Least radius of those that are neither.
    coarse_mm: f64,
    /// No piece need be known to lie less deep than this, mm.
    target: f64,
}

impl<'a> Look<'a> {
    /// `least_mm`: the deepest that was found. All is fixed before any facet is looked at again, so that the order of looking
    /// decides nothing.
    fn new(ask: &'a Ask<'a>, samples: &[Sample], least_mm: f64) -> Self {
        let excess_mm = -least_mm - ask.tolerance_mm;
        let target = if excess_mm > 0.0 {
            least_mm - NEAR_ENOUGH_MM.max(NEAR_ENOUGH_OF_EXCESS * excess_mm)
        } else {
            (least_mm - NEAR_ENOUGH_MM).max(-ask.tolerance_mm)
        };
        Self {
            ask,
            sharp: ask.sweep.only(..=0.0),
            fine: ask.sweep.only((Bound::Excluded(0.0), Bound::Excluded(FINE_MM))),
            coarse_mm: ask.sweep.only(FINE_MM..).least_radius_mm(),
            reach_mm: samples.iter().map(|s| s.covers_mm).fold(0.0, f64::max),
            folds: folds(ask.design),
            target,
        }
    }

    /// To the sharp cutters and to the fine ones.
    fn special_all(&self, places: &[[f64; 3]]) -> Vec<[Near; 2]> {
        let chunks: Vec<Vec<[Near; 2]>> =
            places.par_chunks(surface::CHUNK).map(|chunk| self.special(chunk)).collect();
        chunks.concat()
    }

    fn special(&self, places: &[[f64; 3]]) -> Vec<[Near; 2]> {
        let near = |of: &Sweep| of.nearest_of(places, self.reach_mm, None);
        near(&self.sharp).into_iter().zip(near(&self.fine)).map(|(s, f)| [s, f]).collect()
    }

    /// How much deeper a ball may go than at a place `covers_mm` beside its deepest, mm.
    fn curved_mm(&self, covers_mm: f64, radius_mm: f64) -> f64 {
        covers_mm * covers_mm / (2.0 * (radius_mm - self.ask.tolerance_mm).max(covers_mm))
    }

    /// The deepest that a gouge may be within `covers_mm` of a place on its facet, mm. `near`: to all cutters; `special`: to the
    /// sharp and the fine ones.
    fn lowest(&self, triangle: u32, p_mm: [f64; 3], covers_mm: f64, near: &Near, special: &[Near; 2]) -> f64 {
        let room = |radius_mm: f64| {
            let mm = covers_mm * self.folds[triangle as usize] + self.curved_mm(covers_mm, radius_mm);
            mm.min(covers_mm)
        };
        let [sharp, fine] = special;
        let mut lowest = near.distance_mm - room(self.coarse_mm);
        if fine.index.is_some() {
            lowest = lowest.min(fine.distance_mm - room(self.fine.least_radius_mm()));
        }
        if let Some(index) = sharp.index.filter(|_| sharp.distance_mm - covers_mm < self.target) {
            let normal = self.ask.design.normal(triangle as usize);
            let (g, _) = self.sharp.gradient(p_mm, index);
            let along = (g - normal * g.dot(&normal)).norm();
            lowest = lowest.min(sharp.distance_mm - covers_mm * along);
        }
        lowest
    }

    /// Halves facets until no piece may hide a gouge deeper than the target, or is too small: what was found at each and how deep it
    /// may be there.
    fn at(&self, facets: &[u32]) -> Vec<(Found, f64)> {
        halve(self.ask.design, facets, |pieces| {
            let places: Vec<[f64; 3]> = pieces.iter().map(|p| p.middle).collect();
            let near = self.ask.sweep.nearest_of(&places, REACH_MM, None);
            let near = self.ask.blank.or_nearer(near, &places);
            let special = self.special(&places);
            pieces.iter().zip(near.iter().zip(&special)).map(|(p, (n, s))| self.of(p, n, s)).collect()
        })
    }

    fn of(&self, p: &Piece, near: &Near, special: &[Near; 2]) -> Then<(Found, f64)> {
        if self.ask.in_groove(p.middle) {
            return Then::Leave;
        }
        let lowest = self.lowest(p.triangle, p.middle, p.covers_mm, near, special);
        if lowest < self.target && p.covers_mm > SMALLEST_MM && !p.last {
            return Then::Halve;
        }
        let found =
            Found { p_mm: p.middle, deviation_mm: near.distance_mm, area_mm2: p.area_mm2, index: near.index };
        Then::Keep((found, lowest))
    }
}

impl Deepest {
    fn take(&mut self, found: Found) {
        if found.deviation_mm < self.least.map_or(0.0, |l| l.deviation_mm) {
            self.least = Some(found);
        }
    }
}

fn folds(design: &Mesh<Part>) -> Vec<f64> {
    let normals: Vec<_> = (0..design.triangles.len()).map(|t| design.normal(t)).collect();
    let mut other: HashMap<(u32, u32), usize> = HashMap::with_capacity(design.triangles.len() * 2);
    let mut out = vec![0.0f64; normals.len()];
    for (t, v) in design.triangles.iter().enumerate() {
        for k in 0..3 {
            let (a, b) = (v[k], v[(k + 1) % 3]);
            if let Some(u) = other.insert((a.min(b), a.max(b)), t)
                && normals[t].dot(&normals[u]) > FOLDED
            {
                let sine = normals[t].cross(&normals[u]).norm();
                out[t] = out[t].max(sine);
                out[u] = out[u].max(sine);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::random::Random;
    use crate::inspect::fixtures::{Cap, job, touching_path};
    use crate::inspect::samples::on_mesh;

    /// Coarse and folded by up to 8°, so that the deepest places lie on facets, on folds and at corners.
    const CAP: Cap = Cap { outer_mm: 20.0, inner_mm: 17.0, half_rad: 0.12 };

    #[test]
    fn no_place_lies_deeper_than_the_bound() {
        const SPACING_MM: f64 = 0.1;
        let design = CAP.mesh(5, 2, 24);
        let job = job();
        let samples = on_mesh(&design, SPACING_MM);
        let places: Vec<[f64; 3]> = samples.iter().map(|s| s.p_mm).collect();
        let lattice: Vec<[f64; 3]> = (0..design.triangles.len())
            .flat_map(|t| {
                let [a, b, c] = design.corners(t);
                (0..=60).flat_map(move |i| {
                    (0..=60 - i).map(move |j| {
                        (a + (b - a) * (f64::from(i) / 60.0) + (c - a) * (f64::from(j) / 60.0)).into()
                    })
                })
            })
            .collect();
        let mut random = Random::new(11);
        let (mut deeper, mut on_no_sample) = (0, 0);
        for _ in 0..20 {
            // Balls of 1.5 mm about the corners, shifted aside: from clear of the part to 30 µm deep in it.
            let mut path = touching_path(&design, |_| Some(0.0));
            for m in &mut path {
                let by: [f64; 3] = std::array::from_fn(|_| random.within(-0.3, 0.3));
                let down = random.within(-0.03, 0.05);
                for a in 0..3 {
                    m.from_mm[a] += by[a] * f64::from(u8::from(a != 2)) + m.up[a] * down;
                }
                m.to_mm = m.from_mm;
            }
            let sweep = Sweep::new(&path, &job).unwrap();
            let blank = Blank::of(&job.stock);
            let near_of = |p: &[[f64; 3]]| blank.or_nearer(nearest_all(&sweep, p), p);
            let (near, vertex_near) = (near_of(&places), near_of(&design.vertices));
            let ask =
                Ask { design: &design, sweep: &sweep, blank: &blank, groove: None, tolerance_mm: 0.0254 };
            let got = ask.deepest(&samples, &near, &vertex_near, SPACING_MM);
            let brute = near_of(&lattice).iter().map(|n| n.distance_mm).fold(0.0, f64::min);
            assert!(got.down_to_mm <= brute + 1e-12, "bound {} of {brute}", got.down_to_mm);
            let least_mm = got.least.map_or(0.0, |l| l.deviation_mm);
            assert!(
                least_mm - got.down_to_mm <= 0.1 * least_mm.abs().max(0.06) + 0.001,
                "{least_mm} {got:?}"
            );
            let at_samples = near.iter().map(|n| n.distance_mm).fold(0.0, f64::min);
            deeper += usize::from(least_mm < at_samples);
            on_no_sample += usize::from(!got.beyond.is_empty());
        }
        assert!(deeper >= 10 && on_no_sample >= 5, "nothing lay between: {deeper} {on_no_sample}");
    }
}
