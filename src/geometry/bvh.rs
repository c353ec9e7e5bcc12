//! A tree of boxes over a triangle mesh: nearest point, signed distance, rays.
//!
//! **In** `Mesh<F>`, mm. **Out** distances in mm, negative inside a closed mesh.
//!
//! **Method** Median split on the longest axis of the centroids' box. The sign of a distance is that of the
//! angle-weighted pseudo-normal of the nearest feature: Baerentzen and Aanaes, "Signed distance computation using
//! the angle weighted pseudonormal", IEEE TVCG 11(3), 2005.
//!
//! **Guarantees** The same answer on any thread count; among equally near triangles the lowest number wins.
//!
//! **Limits** The sign means nothing on an open mesh.

use nalgebra::Vector3;

use crate::model::{Frame, Mesh};

const LEAF: usize = 4;
/// A walk keeps one node a level: halving 2³² triangles takes 32 levels, and one more.
const DEEPEST: usize = 40;

#[derive(Clone, Debug)]
struct Node {
    min: [f64; 3],
    max: [f64; 3],
    /// Leaf: first triangle in `order`. Inner: index of the right child (the left one follows at once).
    first: u32,
    /// Leaf: number of triangles. Inner: 0.
    count: u32,
}

/// The nearest place of a mesh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// On the mesh, mm.
    pub point_mm: [f64; 3],
    /// Distance, mm, not negative.
    pub distance_mm: f64,
    /// Triangle it lies on.
    pub triangle: usize,
    /// Barycentric weights of the triangle's corners.
    pub weights: [f64; 3],
}

/// Where a ray meets a mesh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Along the ray, in lengths of its direction.
    pub t: f64,
    /// Triangle hit.
    pub triangle: usize,
    /// True where the ray goes into the body there.
    pub entering: bool,
}

/// The tree. Keeps its own copy of the triangles, in frame `F` of the mesh it was built from.
#[derive(Clone, Debug)]
pub struct Bvh<F: Frame> {
    mesh: Mesh<F>,
    nodes: Vec<Node>,
    order: Vec<u32>,
    /// Corners in that order, so that a leaf's lie side by side.
    corners: Vec<[Vector3<f64>; 3]>,
    vertex_normals: Vec<[f64; 3]>,
    /// Pseudo-normals of the edges opposite to corner 2, 0, 1 (edges 01, 12, 20) of each triangle.
    edge_normals: Vec<[[f64; 3]; 3]>,
}

impl<F: Frame> Bvh<F> {
    /// Builds the tree. An empty mesh gives a tree that finds nothing.
    pub fn new(mesh: &Mesh<F>) -> Self {
        let boxes: Vec<([f64; 3], [f64; 3])> = (0..mesh.triangles.len())
            .map(|t| {
                let c = mesh.corners(t);
                (
                    std::array::from_fn(|a| c[0][a].min(c[1][a]).min(c[2][a])),
                    std::array::from_fn(|a| c[0][a].max(c[1][a]).max(c[2][a])),
                )
            })
            .collect();
        let mut order: Vec<u32> = (0..mesh.triangles.len() as u32).collect();
        let mut nodes = Vec::with_capacity(mesh.triangles.len());
        if !order.is_empty() {
            let n = order.len();
            split(&boxes, &mut order, 0, n, &mut nodes);
        }
        let (vertex_normals, edge_normals) = pseudo_normals(mesh);
        let corners = order.iter().map(|&t| mesh.corners(t as usize)).collect();
        Self { mesh: mesh.clone(), nodes, order, corners, vertex_normals, edge_normals }
    }

    /// The mesh the tree was built from.
    pub fn mesh(&self) -> &Mesh<F> {
        &self.mesh
    }

    /// Nearest place within `reach_mm` of `p_mm`; `None` where there is nothing so near.
    pub fn nearest(&self, p_mm: [f64; 3], reach_mm: f64) -> Option<Nearest> {
        let p = Vector3::from(p_mm);
        let mut best: Option<Nearest> = None;
        let mut best2 = reach_mm * reach_mm;
        if self.nodes.is_empty() {
            return None;
        }
        let mut stack = Stack::default();
        stack.push(box_distance2(&self.nodes[0], &p_mm), 0, best2);
        while let Some((d2, at)) = stack.pop() {
            if d2 > best2 {
                continue;
            }
            let node = &self.nodes[at as usize];
            if node.count > 0 {
                let range = node.first as usize..(node.first + node.count) as usize;
                for (&t, corners) in self.order[range.clone()].iter().zip(&self.corners[range]) {
                    let (q, weights) = nearest_on_triangle(&p, corners);
                    let d2 = (q - p).norm_squared();
                    let closer =
                        d2 < best2 || (d2 <= best2 && best.is_none_or(|b| (t as usize) < b.triangle));
                    if closer {
                        best2 = d2;
                        best = Some(Nearest {
                            point_mm: [q.x, q.y, q.z],
                            distance_mm: d2.sqrt(),
                            triangle: t as usize,
                            weights,
                        });
                    }
                }
            } else {
                let (l, r) = (at + 1, node.first);
                let (dl, dr) = (
                    box_distance2(&self.nodes[l as usize], &p_mm),
                    box_distance2(&self.nodes[r as usize], &p_mm),
                );
                // The nearer child is popped first.
                if dl <= dr {
                    stack.push(dr, r, best2);
                    stack.push(dl, l, best2);
                } else {
                    stack.push(dl, l, best2);
                    stack.push(dr, r, best2);
                }
            }
        }
        best
    }

    /// True where some place of the mesh lies within `reach_mm` of `p_mm`: sooner known than the nearest.
    pub fn any_within(&self, p_mm: [f64; 3], reach_mm: f64) -> bool {
        let p = Vector3::from(p_mm);
        let reach2 = reach_mm * reach_mm;
        if self.nodes.is_empty() {
            return false;
        }
        let mut stack = Stack::default();
        stack.push(box_distance2(&self.nodes[0], &p_mm), 0, reach2);
        while let Some((_, at)) = stack.pop() {
            let node = &self.nodes[at as usize];
            if node.count > 0 {
                let range = node.first as usize..(node.first + node.count) as usize;
                if self.corners[range]
                    .iter()
                    .any(|c| (nearest_on_triangle(&p, c).0 - p).norm_squared() <= reach2)
                {
                    return true;
                }
                continue;
            }
            for child in [node.first, at + 1] {
                stack.push(box_distance2(&self.nodes[child as usize], &p_mm), child, reach2);
            }
        }
        false
    }

    /// Signed distance, mm, negative inside; `None` beyond `reach_mm`. Only for a closed mesh.
    pub fn signed_distance_mm(&self, p_mm: [f64; 3], reach_mm: f64) -> Option<f64> {
        let near = self.nearest(p_mm, reach_mm)?;
        let d = Vector3::from(p_mm) - Vector3::from(near.point_mm);
        let n = Vector3::from(self.pseudo_normal(&near));
        Some(if d.dot(&n) < 0.0 { -near.distance_mm } else { near.distance_mm })
    }

    /// Normal of the feature (corner, edge or face) on which the nearest place lies; not normalised.
    pub fn pseudo_normal(&self, near: &Nearest) -> [f64; 3] {
        let zero: [bool; 3] = near.weights.map(|w| w <= 1e-12);
        let t = near.triangle;
        match zero {
            [false, true, true] => self.vertex_normals[self.mesh.triangles[t][0] as usize],
            [true, false, true] => self.vertex_normals[self.mesh.triangles[t][1] as usize],
            [true, true, false] => self.vertex_normals[self.mesh.triangles[t][2] as usize],
            [false, false, true] => self.edge_normals[t][0],
            [true, false, false] => self.edge_normals[t][1],
            [false, true, false] => self.edge_normals[t][2],
            _ => {
                let n = self.mesh.normal(t);
                [n.x, n.y, n.z]
            }
        }
    }

    /// All hits of the ray `origin + t·direction` with `t` in `[t_min, t_max]`, nearest first.
    /// A ray through an edge meets both triangles.
    pub fn hits(&self, origin_mm: [f64; 3], direction: [f64; 3], t_min: f64, t_max: f64) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.visit_ray(origin_mm, direction, t_min, t_max, |hit| hits.push(hit));
        hits.sort_by(|a, b| a.t.total_cmp(&b.t).then(a.triangle.cmp(&b.triangle)));
        hits
    }

    /// The first hit, if any.
    pub fn first_hit(&self, origin_mm: [f64; 3], direction: [f64; 3], t_min: f64, t_max: f64) -> Option<Hit> {
        let mut best: Option<Hit> = None;
        self.visit_ray(origin_mm, direction, t_min, t_max, |hit| {
            if best.is_none_or(|b| hit.t < b.t || (hit.t == b.t && hit.triangle < b.triangle)) {
                best = Some(hit);
            }
        });
        best
    }

    fn visit_ray(&self, o: [f64; 3], d: [f64; 3], t_min: f64, t_max: f64, mut found: impl FnMut(Hit)) {
        if self.nodes.is_empty() {
            return;
        }
        let inverse = d.map(|x| 1.0 / x);
        let (ov, dv) = (Vector3::from(o), Vector3::from(d));
        let mut stack: Vec<u32> = Vec::with_capacity(64);
        stack.push(0);
        while let Some(at) = stack.pop() {
            let node = &self.nodes[at as usize];
            if !ray_meets_box(node, &o, &inverse, &d, t_min, t_max) {
                continue;
            }
            if node.count == 0 {
                stack.push(node.first);
                stack.push(at + 1);
                continue;
            }
            let range = node.first as usize..(node.first + node.count) as usize;
            for (&t, [a, b, c]) in self.order[range.clone()].iter().zip(&self.corners[range]) {
                // Möller and Trumbore, J. Graphics Tools 2(1), 1997.
                let (e1, e2) = (b - a, c - a);
                let h = dv.cross(&e2);
                let det = e1.dot(&h);
                if det == 0.0 {
                    continue;
                }
                let s = ov - a;
                let u = s.dot(&h) / det;
                let q = s.cross(&e1);
                let v = dv.dot(&q) / det;
                let along = e2.dot(&q) / det;
                if (0.0..=1.0).contains(&u) && v >= 0.0 && u + v <= 1.0 && along >= t_min && along <= t_max {
                    found(Hit { t: along, triangle: t as usize, entering: det > 0.0 });
                }
            }
        }
    }
}

/// Nodes yet to be looked at, each with its squared distance.
struct Stack {
    nodes: [(f64, u32); DEEPEST],
    len: usize,
}

impl Default for Stack {
    fn default() -> Self {
        Self { nodes: [(0.0, 0); DEEPEST], len: 0 }
    }
}

impl Stack {
    /// Unless it is farther than `most2`.
    fn push(&mut self, d2: f64, node: u32, most2: f64) {
        if d2 <= most2 {
            self.nodes[self.len] = (d2, node);
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<(f64, u32)> {
        self.len = self.len.checked_sub(1)?;
        Some(self.nodes[self.len])
    }
}

fn split(boxes: &[([f64; 3], [f64; 3])], order: &mut [u32], lo: usize, hi: usize, nodes: &mut Vec<Node>) {
    let mut min = [f64::INFINITY; 3];
    let mut max = [f64::NEG_INFINITY; 3];
    let mut cmin = min;
    let mut cmax = max;
    for &t in &order[lo..hi] {
        let b = &boxes[t as usize];
        for a in 0..3 {
            min[a] = min[a].min(b.0[a]);
            max[a] = max[a].max(b.1[a]);
            let c = b.0[a] + b.1[a];
            cmin[a] = cmin[a].min(c);
            cmax[a] = cmax[a].max(c);
        }
    }
    let at = nodes.len();
    nodes.push(Node { min, max, first: lo as u32, count: (hi - lo) as u32 });
    if hi - lo <= LEAF {
        return;
    }
    let axis =
        (0..3).max_by(|&a, &b| (cmax[a] - cmin[a]).total_cmp(&(cmax[b] - cmin[b]))).expect("three axes");
    let middle = (lo + hi) / 2;
    let key = |t: u32| boxes[t as usize].0[axis] + boxes[t as usize].1[axis];
    order[lo..hi].select_nth_unstable_by(middle - lo, |&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
    split(boxes, order, lo, middle, nodes);
    nodes[at].first = nodes.len() as u32;
    nodes[at].count = 0;
    split(boxes, order, middle, hi, nodes);
}

fn box_distance2(n: &Node, p: &[f64; 3]) -> f64 {
    let mut d2 = 0.0;
    for a in 0..3 {
        let d = (n.min[a] - p[a]).max(p[a] - n.max[a]).max(0.0);
        d2 += d * d;
    }
    d2
}

fn ray_meets_box(n: &Node, o: &[f64; 3], inverse: &[f64; 3], d: &[f64; 3], t_min: f64, t_max: f64) -> bool {
    let (mut lo, mut hi) = (t_min, t_max);
    for a in 0..3 {
        if d[a] == 0.0 {
            if o[a] < n.min[a] || o[a] > n.max[a] {
                return false;
            }
            continue;
        }
        let (t0, t1) = ((n.min[a] - o[a]) * inverse[a], (n.max[a] - o[a]) * inverse[a]);
        lo = lo.max(t0.min(t1));
        hi = hi.min(t0.max(t1));
    }
    // A flat box is a plane; rounding may put lo a hair above hi.
    lo <= hi + 1e-12 * (1.0 + hi.abs())
}

/// Nearest point of a triangle, with barycentric weights that are exactly zero off the corners and edges it touches.
/// Ericson, Real-Time Collision Detection (2005), 5.1.5.
fn nearest_on_triangle(p: &Vector3<f64>, [a, b, c]: &[Vector3<f64>; 3]) -> (Vector3<f64>, [f64; 3]) {
    let (ab, ac, ap) = (b - a, c - a, p - a);
    let (d1, d2) = (ab.dot(&ap), ac.dot(&ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return (*a, [1.0, 0.0, 0.0]);
    }
    let bp = p - b;
    let (d3, d4) = (ab.dot(&bp), ac.dot(&bp));
    if d3 >= 0.0 && d4 <= d3 {
        return (*b, [0.0, 1.0, 0.0]);
    }
    let vc = d1 * d4 - d3 * d2;
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        let v = if d1 - d3 != 0.0 { d1 / (d1 - d3) } else { 0.0 };
        return (a + ab * v, [1.0 - v, v, 0.0]);
    }
    let cp = p - c;
    let (d5, d6) = (ab.dot(&cp), ac.dot(&cp));
    if d6 >= 0.0 && d5 <= d6 {
        return (*c, [0.0, 0.0, 1.0]);
    }
    let vb = d5 * d2 - d1 * d6;
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        let w = if d2 - d6 != 0.0 { d2 / (d2 - d6) } else { 0.0 };
        return (a + ac * w, [1.0 - w, 0.0, w]);
    }
    let va = d3 * d6 - d5 * d4;
    if va <= 0.0 && (d4 - d3) >= 0.0 && (d5 - d6) >= 0.0 {
        let sum = (d4 - d3) + (d5 - d6);
        let w = if sum != 0.0 { (d4 - d3) / sum } else { 0.0 };
        return (b + (c - b) * w, [0.0, 1.0 - w, w]);
    }
    let denominator = 1.0 / (va + vb + vc);
    let (v, w) = (vb * denominator, vc * denominator);
    (a + ab * v + ac * w, [1.0 - v - w, v, w])
}

fn pseudo_normals<F: Frame>(mesh: &Mesh<F>) -> (Vec<[f64; 3]>, Vec<[[f64; 3]; 3]>) {
    let mut vertex = vec![Vector3::zeros(); mesh.vertices.len()];
    let mut edges: Vec<(u32, u32, u32)> = Vec::with_capacity(mesh.triangles.len() * 3);
    let normals: Vec<Vector3<f64>> = (0..mesh.triangles.len()).map(|t| mesh.normal(t)).collect();
    for (t, tri) in mesh.triangles.iter().enumerate() {
        let c = mesh.corners(t);
        for k in 0..3 {
            let (e, f) = (c[(k + 1) % 3] - c[k], c[(k + 2) % 3] - c[k]);
            let l = e.norm() * f.norm();
            let angle = if l > 0.0 { (e.dot(&f) / l).clamp(-1.0, 1.0).acos() } else { 0.0 };
            vertex[tri[k] as usize] += normals[t] * angle;
            let (a, b) = (tri[k], tri[(k + 1) % 3]);
            edges.push((a.min(b), a.max(b), (t * 3 + k) as u32));
        }
    }
    edges.sort_unstable();
    let mut edge_normals = vec![[[0.0; 3]; 3]; mesh.triangles.len()];
    for run in edges.chunk_by(|x, y| (x.0, x.1) == (y.0, y.1)) {
        let sum = run.iter().fold(Vector3::zeros(), |s, e| s + normals[e.2 as usize / 3]);
        for e in run {
            edge_normals[e.2 as usize / 3][e.2 as usize % 3] = [sum.x, sum.y, sum.z];
        }
    }
    (vertex.into_iter().map(|n| [n.x, n.y, n.z]).collect(), edge_normals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::random::Random;
    use crate::model::Part;

    fn cube() -> Mesh<Part> {
        let v = (0..8).map(|i| [f64::from(i & 1), f64::from((i >> 1) & 1), f64::from(i >> 2)]).collect();
        let t = vec![
            [0, 2, 1],
            [1, 2, 3],
            [4, 5, 6],
            [5, 7, 6],
            [0, 1, 4],
            [1, 5, 4],
            [2, 6, 3],
            [3, 6, 7],
            [0, 4, 2],
            [2, 4, 6],
            [1, 3, 5],
            [3, 7, 5],
        ];
        Mesh::new(v, t)
    }

    #[test]
    fn distance_to_a_cube_is_the_closed_form() {
        let m = cube();
        assert!(m.is_closed_two_manifold());
        let tree = Bvh::new(&m);
        let mut r = Random::new(1);
        for _ in 0..2000 {
            let p: [f64; 3] = std::array::from_fn(|_| r.within(-1.0, 2.0));
            let q = p.map(|x| (x - 0.5f64).abs() - 0.5);
            let outside = q.iter().map(|x| x.max(0.0).powi(2)).sum::<f64>().sqrt();
            let expected = outside + q.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(x)).min(0.0);
            let got = tree.signed_distance_mm(p, 10.0).expect("within reach");
            assert!((got - expected).abs() < 1e-12, "{p:?}: {got} {expected}");
        }
        assert!(tree.nearest([0.5, 0.5, 4.0], 2.0).is_none());
        for _ in 0..2000 {
            let p: [f64; 3] = std::array::from_fn(|_| r.within(-1.0, 2.0));
            let reach_mm = r.within(0.0, 1.0);
            assert_eq!(tree.any_within(p, reach_mm), tree.nearest(p, reach_mm).is_some());
        }
    }

    #[test]
    fn a_ray_goes_in_and_comes_out() {
        let tree = Bvh::new(&cube());
        let hits = tree.hits([-1.0, 0.3, 0.4], [1.0, 0.0, 0.0], 0.0, 10.0);
        assert_eq!(hits.len(), 2);
        assert!(hits[0].entering && !hits[1].entering);
        assert!((hits[0].t - 1.0).abs() < 1e-12 && (hits[1].t - 2.0).abs() < 1e-12);
    }
}
