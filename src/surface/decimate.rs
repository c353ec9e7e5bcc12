//! Fewer triangles for files that people look at, within a stated distance of the surface.
//!
//! **Method** Garland and Heckbert, "Surface Simplification Using Quadric Error Metrics", Proc. SIGGRAPH 1997,
//! pp. 209-216: edges are collapsed, the least error first, to the place of least error.
//!
//! **Different from the paper** Planes count alike, whatever their triangle's area, and the error is their mean, so that
//! noise does not add up; no collapse goes beyond a share of the bound, a smaller one where that proves too much. An edge is only
//! collapsed where its ends have two neighbours in common, which keeps a closed two-manifold one (Dey et al.,
//! "Topology preserving edge contraction", 1999), and where no triangle turns by more than 60°.
//!
//! **Guarantees** The distance both ways is measured afterwards, at samples no farther apart than two and a half times
//! the bound; where it is more than the bound nothing comes back. The same bytes every time.
//!
//! **Limits** One thread but for the measuring.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use nalgebra::{Matrix3, Vector3};
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Frame, Mesh};

/// Roots of the mean error that are tried, as shares of the bound.
const SHARES: [f64; 3] = [0.3, 0.15, 0.08];
/// A triangle may turn by no more than this, as a cosine: 60°.
const TURN_COS_MIN: f64 = 0.5;
/// A triangle keeps this much height over its longest side; flatter ones have no sure normal.
const FLAT_MIN: f64 = 0.02;

/// A decimated mesh and how far it is off.
pub struct Decimated<F: Frame> {
    /// Closed and two-manifold where the mesh was.
    pub mesh: Mesh<F>,
    /// Largest distance from either mesh to the other at the samples, mm.
    pub deviation_mm_max: f64,
}

/// `mesh` with as few triangles as the bound allows; `None` where the result is not within `bound_mm`, both ways.
pub fn decimated<F: Frame>(mesh: &Mesh<F>, bound_mm: f64) -> Option<Decimated<F>> {
    let tree = Bvh::new(mesh);
    SHARES.iter().find_map(|share| {
        let mut work = Collapsing::of(mesh);
        work.run((share * bound_mm).powi(2));
        let fewer: Mesh<F> = work.mesh();
        let there_mm = farthest_mm(&fewer, &tree, bound_mm);
        if !(there_mm <= bound_mm) || !fewer.is_closed_two_manifold() {
            return None;
        }
        let deviation_mm_max = there_mm.max(farthest_mm(mesh, &Bvh::new(&fewer), bound_mm));
        (deviation_mm_max <= bound_mm).then_some(Decimated { mesh: fewer, deviation_mm_max })
    })
}

/// Largest distance of samples of `from` to a mesh; infinite beyond four times the bound.
fn farthest_mm<F: Frame>(from: &Mesh<F>, to: &Bvh<F>, bound_mm: f64) -> f64 {
    let apart_mm = 2.5 * bound_mm;
    (0..from.triangles.len())
        .into_par_iter()
        .with_min_len(256)
        .map(|t| {
            let [a, b, c] = from.corners(t);
            let longest = (b - a).norm().max((c - b).norm()).max((a - c).norm());
            let n = (longest / apart_mm).ceil().max(1.0) as usize;
            let mut far = 0f64;
            for i in 0..=n {
                for j in 0..=n - i {
                    let p = a + (b - a) * (i as f64 / n as f64) + (c - a) * (j as f64 / n as f64);
                    let near = to.nearest(p.into(), 4.0 * bound_mm);
                    far = far.max(near.map_or(f64::INFINITY, |h| h.distance_mm));
                }
            }
            far
        })
        .reduce(|| 0.0, f64::max)
}

/// Mean of squared distances to planes: (pᵀAp + 2b·p + c) / planes.
#[derive(Clone, Copy)]
struct Quadric {
    a: Matrix3<f64>,
    b: Vector3<f64>,
    c: f64,
    planes: f64,
}

impl Quadric {
    const NONE: Self = Self {
        a: Matrix3::new(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        b: Vector3::new(0.0, 0.0, 0.0),
        c: 0.0,
        planes: 0.0,
    };

    /// Of the plane through `p` with unit normal `n`.
    fn plane(n: Vector3<f64>, p: Vector3<f64>) -> Self {
        let d = -n.dot(&p);
        Self { a: n * n.transpose(), b: n * d, c: d * d, planes: 1.0 }
    }

    fn plus(&self, o: &Self) -> Self {
        Self { a: self.a + o.a, b: self.b + o.b, c: self.c + o.c, planes: self.planes + o.planes }
    }

    fn at(&self, p: &Vector3<f64>) -> f64 {
        (p.dot(&(self.a * p)) + 2.0 * self.b.dot(p) + self.c).max(0.0) / self.planes.max(1.0)
    }
}

/// A mesh while its edges are collapsed. Places are relative to the first vertex, so that squares keep their digits.
struct Collapsing {
    origin: Vector3<f64>,
    places: Vec<Vector3<f64>>,
    quadrics: Vec<Quadric>,
    triangles: Vec<[u32; 3]>,
    alive: Vec<bool>,
    /// Live triangles about each vertex.
    about: Vec<Vec<u32>>,
    /// Raised whenever a vertex moves, so that old entries of the queue are known.
    age: Vec<u32>,
}

/// Cost as ordered bits, then the edge, then the ages of its ends.
type Entry = Reverse<(u64, u32, u32, u32, u32)>;

impl Collapsing {
    fn of<F: Frame>(mesh: &Mesh<F>) -> Self {
        let origin = mesh.vertices.first().map_or_else(Vector3::zeros, |v| Vector3::from(*v));
        let places: Vec<Vector3<f64>> = mesh.vertices.iter().map(|v| Vector3::from(*v) - origin).collect();
        let mut quadrics = vec![Quadric::NONE; places.len()];
        let mut about = vec![Vec::new(); places.len()];
        for (t, corners) in mesh.triangles.iter().enumerate() {
            let [a, b, c] = corners.map(|v| places[v as usize]);
            let n = (b - a).cross(&(c - a));
            let plane = if n.norm() > 0.0 { Quadric::plane(n.normalize(), a) } else { Quadric::NONE };
            for &v in corners {
                quadrics[v as usize] = quadrics[v as usize].plus(&plane);
                about[v as usize].push(t as u32);
            }
        }
        let (alive, age) = (vec![true; mesh.triangles.len()], vec![0; places.len()]);
        Self { origin, places, quadrics, triangles: mesh.triangles.clone(), alive, about, age }
    }

    fn neighbours(&self, v: u32) -> Vec<u32> {
        let mut all: Vec<u32> = self.about[v as usize]
            .iter()
            .flat_map(|&t| self.triangles[t as usize])
            .filter(|&w| w != v)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Place and error of the vertex that would stand for both.
    fn joined(&self, u: u32, v: u32) -> (Vector3<f64>, f64) {
        let q = self.quadrics[u as usize].plus(&self.quadrics[v as usize]);
        let (p, r) = (self.places[u as usize], self.places[v as usize]);
        let middle = (p + r) * 0.5;
        // In a plane or along an edge A has no sure inverse; a place beyond the edge's own length is none either.
        let least = q.a.try_inverse().map(|inverse| -(inverse * q.b));
        let near = least.filter(|x| (x - middle).norm() <= (p - r).norm());
        let mut best = (middle, q.at(&middle));
        for x in near.into_iter().chain([p, r]) {
            if q.at(&x) < best.1 {
                best = (x, q.at(&x));
            }
        }
        best
    }

    fn run(&mut self, error_max: f64) {
        let mut queue: BinaryHeap<Entry> = BinaryHeap::new();
        for u in 0..self.places.len() as u32 {
            for v in self.neighbours(u).into_iter().filter(|&v| v > u) {
                self.offer(&mut queue, u, v, error_max);
            }
        }
        while let Some(Reverse((_, u, v, age_u, age_v))) = queue.pop() {
            if self.age[u as usize] != age_u || self.age[v as usize] != age_v || !self.may_join(u, v) {
                continue;
            }
            let (place, _) = self.joined(u, v);
            if !self.stays_upright(u, v, &place) {
                continue;
            }
            self.join(u, v, place);
            for w in self.neighbours(u) {
                self.offer(&mut queue, u.min(w), u.max(w), error_max);
            }
        }
    }

    fn offer(&self, queue: &mut BinaryHeap<Entry>, u: u32, v: u32, error_max: f64) {
        let (_, error) = self.joined(u, v);
        if error <= error_max {
            // Errors are not negative, so their bits order as they do.
            queue.push(Reverse((error.to_bits(), u, v, self.age[u as usize], self.age[v as usize])));
        }
    }

    /// Two neighbours in common, and none of them left with two triangles.
    fn may_join(&self, u: u32, v: u32) -> bool {
        let of_v = self.neighbours(v);
        let common: Vec<u32> =
            self.neighbours(u).into_iter().filter(|w| of_v.binary_search(w).is_ok()).collect();
        common.len() == 2 && common.iter().all(|&w| self.about[w as usize].len() > 3)
    }

    /// No triangle that stays turns over or goes flat.
    fn stays_upright(&self, u: u32, v: u32, place: &Vector3<f64>) -> bool {
        [(u, v), (v, u)].iter().all(|&(moved, other)| {
            self.about[moved as usize].iter().all(|&t| {
                let corners = self.triangles[t as usize];
                if corners.contains(&other) {
                    return true;
                }
                let old = corners.map(|w| self.places[w as usize]);
                let new = corners.map(|w| if w == moved { *place } else { self.places[w as usize] });
                let cross = |p: [Vector3<f64>; 3]| (p[1] - p[0]).cross(&(p[2] - p[0]));
                let (before, after) = (cross(old), cross(new));
                let longest =
                    (new[1] - new[0]).norm().max((new[2] - new[1]).norm()).max((new[0] - new[2]).norm());
                after.norm() >= FLAT_MIN * longest * longest
                    && after.dot(&before) >= TURN_COS_MIN * after.norm() * before.norm()
            })
        })
    }

    /// `v` becomes `u`, which moves to `place`.
    fn join(&mut self, u: u32, v: u32, place: Vector3<f64>) {
        let (ui, vi) = (u as usize, v as usize);
        self.quadrics[ui] = self.quadrics[ui].plus(&self.quadrics[vi]);
        self.places[ui] = place;
        for t in std::mem::take(&mut self.about[vi]) {
            let corners = self.triangles[t as usize];
            if corners.contains(&u) {
                self.alive[t as usize] = false;
                for w in corners.into_iter().filter(|&w| w != v) {
                    self.about[w as usize].retain(|&x| x != t);
                }
            } else {
                self.triangles[t as usize] = corners.map(|w| if w == v { u } else { w });
                self.about[ui].push(t);
            }
        }
        self.age[ui] += 1;
        self.age[vi] += 1;
    }

    /// What is left, in the old order.
    fn mesh<F: Frame>(&self) -> Mesh<F> {
        let mut renumbered = vec![u32::MAX; self.places.len()];
        let mut vertices = Vec::new();
        let mut triangles = Vec::new();
        for (corners, _) in self.triangles.iter().zip(&self.alive).filter(|(_, alive)| **alive) {
            triangles.push(corners.map(|w| {
                let new = &mut renumbered[w as usize];
                if *new == u32::MAX {
                    *new = vertices.len() as u32;
                    vertices.push((self.places[w as usize] + self.origin).into());
                }
                *new
            }));
        }
        Mesh::new(vertices, triangles)
    }
}
