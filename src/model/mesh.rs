//! Triangle surfaces.

use std::marker::PhantomData;

use nalgebra::Vector3;

use serde::{Deserialize, Serialize};

use super::frame::{Frame, Pose};

/// Triangles in frame `F`, mm. Triangles run counter-clockwise seen from outside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Mesh<F: Frame> {
    /// Corners, mm.
    pub vertices: Vec<[f64; 3]>,
    /// Corner numbers, counter-clockwise seen from outside.
    pub triangles: Vec<[u32; 3]>,
    #[serde(skip)]
    frame: PhantomData<F>,
}

/// What the edges of a mesh say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeCensus {
    /// Edges with one triangle: the surface is open there.
    pub open: usize,
    /// Edges with two triangles that run along it in opposite directions, as they should.
    pub sound: usize,
    /// Edges with two triangles that run the same way: orientation breaks there.
    pub twisted: usize,
    /// Edges with three or more triangles.
    pub branching: usize,
}

impl<F: Frame> Mesh<F> {
    /// A mesh of these corners and triangles.
    pub fn new(vertices: Vec<[f64; 3]>, triangles: Vec<[u32; 3]>) -> Self {
        Self { vertices, triangles, frame: PhantomData }
    }

    /// The three corners of triangle `t`.
    #[inline]
    pub fn corners(&self, t: usize) -> [Vector3<f64>; 3] {
        self.triangles[t].map(|v| Vector3::from(self.vertices[v as usize]))
    }

    /// Unit normal of triangle `t`, out of the body; zero for a triangle without area.
    #[inline]
    pub fn normal(&self, t: usize) -> Vector3<f64> {
        let [a, b, c] = self.corners(t);
        let n = (b - a).cross(&(c - a));
        let l = n.norm();
        if l > 0.0 { n / l } else { Vector3::zeros() }
    }

    /// Area of triangle `t`, mm².
    pub fn triangle_area_mm2(&self, t: usize) -> f64 {
        let [a, b, c] = self.corners(t);
        (b - a).cross(&(c - a)).norm() * 0.5
    }

    /// Whole area, mm².
    pub fn area_mm2(&self) -> f64 {
        (0..self.triangles.len()).map(|t| self.triangle_area_mm2(t)).sum()
    }

    /// Enclosed volume, mm³ (divergence theorem); positive when triangles face out.
    pub fn volume_mm3(&self) -> f64 {
        (0..self.triangles.len())
            .map(|t| {
                let [a, b, c] = self.corners(t);
                a.dot(&b.cross(&c)) / 6.0
            })
            .sum()
    }

    /// Centroid of the enclosed volume, mm.
    pub fn centroid_mm(&self) -> [f64; 3] {
        let mut sum = Vector3::zeros();
        let mut volume = 0.0;
        for t in 0..self.triangles.len() {
            let [a, b, c] = self.corners(t);
            let v = a.dot(&b.cross(&c)) / 6.0;
            sum += (a + b + c) * (v / 4.0);
            volume += v;
        }
        let c = sum / volume;
        [c.x, c.y, c.z]
    }

    /// Smallest and largest coordinate, mm. `None` for a mesh without vertices.
    pub fn bounds_mm(&self) -> Option<([f64; 3], [f64; 3])> {
        let first = *self.vertices.first()?;
        Some(self.vertices.iter().fold((first, first), |(lo, hi), v| {
            (std::array::from_fn(|a| lo[a].min(v[a])), std::array::from_fn(|a| hi[a].max(v[a])))
        }))
    }

    /// Counts edges by how many triangles share them and which way they run.
    pub fn edge_census(&self) -> EdgeCensus {
        // Sorted by the lower vertex by counting, and by the other within the few that share it.
        let edges = || self.triangles.iter().flat_map(|t| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])]);
        let mut ends = vec![0usize; self.vertices.len() + 1];
        for (a, b) in edges() {
            ends[a.min(b) as usize + 1] += 1;
        }
        for v in 0..self.vertices.len() {
            ends[v + 1] += ends[v];
        }
        // The other vertex, and 1 where the triangle runs upwards; `ends` moves from a bucket's start to its end.
        let mut others = vec![0u64; 3 * self.triangles.len()];
        for (a, b) in edges() {
            let at = &mut ends[a.min(b) as usize];
            others[*at] = u64::from(a.max(b)) << 1 | u64::from(a < b);
            *at += 1;
        }
        let mut census = EdgeCensus { open: 0, sound: 0, twisted: 0, branching: 0 };
        let mut start = 0;
        for &end in &ends[..self.vertices.len()] {
            let own = &mut others[start..end];
            start = end;
            own.sort_unstable();
            for run in own.chunk_by(|x, y| x >> 1 == y >> 1) {
                match run {
                    [_] => census.open += 1,
                    [p, q] if p != q => census.sound += 1,
                    [_, _] => census.twisted += 1,
                    _ => census.branching += 1,
                }
            }
        }
        census
    }

    /// Closed, two triangles on every edge, consistently oriented.
    pub fn is_closed_two_manifold(&self) -> bool {
        let c = self.edge_census();
        !self.triangles.is_empty() && c.open == 0 && c.twisted == 0 && c.branching == 0
    }

    /// Vertices used − edges + triangles: 2 for one closed piece without handles.
    pub fn euler_number(&self) -> i64 {
        let mut used = vec![false; self.vertices.len()];
        for v in self.triangles.iter().flatten() {
            used[*v as usize] = true;
        }
        let c = self.edge_census();
        let edges = c.open + c.sound + c.twisted + c.branching;
        used.iter().filter(|&&u| u).count() as i64 - edges as i64 + self.triangles.len() as i64
    }

    /// Triangle numbers of each connected piece (pieces touch when they share a vertex), largest area first.
    pub fn pieces(&self) -> Vec<Vec<usize>> {
        let mut parent: Vec<u32> = (0..self.vertices.len() as u32).collect();
        fn root(parent: &mut [u32], mut v: u32) -> u32 {
            while parent[v as usize] != v {
                parent[v as usize] = parent[parent[v as usize] as usize];
                v = parent[v as usize];
            }
            v
        }
        for t in &self.triangles {
            let a = root(&mut parent, t[0]);
            for &v in &t[1..] {
                let b = root(&mut parent, v);
                let a = root(&mut parent, a);
                // Smaller number wins, so the outcome does not depend on the order of triangles.
                if a < b {
                    parent[b as usize] = a;
                } else {
                    parent[a as usize] = b;
                }
            }
        }
        // Numbered in order of their roots.
        let mut number = vec![u32::MAX; self.vertices.len()];
        let roots: Vec<u32> = self.triangles.iter().map(|t| root(&mut parent, t[0])).collect();
        roots.iter().for_each(|&r| number[r as usize] = 0);
        let mut count = 0;
        for n in number.iter_mut().filter(|n| **n == 0) {
            *n = count;
            count += 1;
        }
        let mut by_root: Vec<Vec<usize>> = vec![Vec::new(); count as usize];
        for (i, &r) in roots.iter().enumerate() {
            by_root[number[r as usize] as usize].push(i);
        }
        let mut pieces: Vec<(f64, Vec<usize>)> =
            by_root.into_iter().map(|p| (p.iter().map(|&t| self.triangle_area_mm2(t)).sum(), p)).collect();
        pieces.sort_by(|a, b| b.0.total_cmp(&a.0));
        pieces.into_iter().map(|(_, p)| p).collect()
    }

    /// Only these triangles, with the vertices they use, in the old order.
    pub fn subset(&self, triangles: &[usize]) -> Self {
        let mut used = vec![u32::MAX; self.vertices.len()];
        for &t in triangles {
            for v in self.triangles[t] {
                used[v as usize] = 0;
            }
        }
        let mut vertices = Vec::new();
        for (v, number) in used.iter_mut().enumerate() {
            if *number == 0 {
                *number = vertices.len() as u32;
                vertices.push(self.vertices[v]);
            }
        }
        let triangles = triangles.iter().map(|&t| self.triangles[t].map(|v| used[v as usize])).collect();
        Self::new(vertices, triangles)
    }

    /// The same surface seen from another frame.
    pub fn moved<To: Frame>(&self, pose: &Pose<To, F>) -> Mesh<To> {
        Mesh::new(self.vertices.iter().map(|&v| pose.apply_raw(v)).collect(), self.triangles.clone())
    }

    /// Area-weighted unit normals at the vertices.
    pub fn vertex_normals(&self) -> Vec<[f64; 3]> {
        let mut sums = vec![Vector3::zeros(); self.vertices.len()];
        for (i, t) in self.triangles.iter().enumerate() {
            let [a, b, c] = self.corners(i);
            let n = (b - a).cross(&(c - a));
            for &v in t {
                sums[v as usize] += n;
            }
        }
        sums.into_iter()
            .map(|n| {
                let l = n.norm();
                if l > 0.0 { [n.x / l, n.y / l, n.z / l] } else { [0.0, 0.0, 1.0] }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::frame::Part;

    fn tetrahedron() -> Mesh<Part> {
        Mesh::new(
            vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            vec![[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]],
        )
    }

    #[test]
    fn a_tetrahedron_is_closed_and_has_its_volume() {
        let m = tetrahedron();
        assert!(m.is_closed_two_manifold());
        assert_eq!(m.euler_number(), 2);
        assert!((m.volume_mm3() - 1.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn a_missing_or_turned_triangle_is_noticed() {
        let mut open = tetrahedron();
        open.triangles.pop();
        assert_eq!(open.edge_census().open, 3);
        let mut turned = tetrahedron();
        turned.triangles[0].swap(0, 1);
        assert_eq!(turned.edge_census().twisted, 3);
    }
}
