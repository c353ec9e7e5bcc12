//! The part seen along the tool axis: what it covers, how far a place is from it, how high its widest place lies.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::cutter::P3;
use super::plane::Plane;

/// Silhouette of the part over a lattice.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The lattice.
    pub plane: Plane,
    /// True where the part covers the node.
    pub inside: Vec<bool>,
    /// Distance to the silhouette, mm; zero inside.
    pub distance_mm: Vec<f32>,
    /// Lowest height of the widest place along the silhouette near the node, mm.
    pub edge_z_mm: Vec<f32>,
}

impl Outline {
    /// Silhouette of `triangles`, of which those that face up count. `near_mm`: how far along the silhouette the
    /// lowest widest place is looked for. `None` where nothing faces up.
    pub fn new(plane: Plane, triangles: impl Iterator<Item = [P3; 3]>, near_mm: f64) -> Option<Self> {
        let mut inside = vec![false; plane.len()];
        let mut lowest = vec![f64::INFINITY; plane.len()];
        for v in triangles {
            let cross = (v[1][0] - v[0][0]) * (v[2][1] - v[0][1]) - (v[1][1] - v[0][1]) * (v[2][0] - v[0][0]);
            if cross <= 0.0 {
                continue;
            }
            cover(&plane, &v, &mut inside);
            for p in v {
                if let Some(at) = plane.nearest(p[0], p[1]) {
                    lowest[at] = lowest[at].min(p[2]);
                }
            }
        }
        let border: Vec<usize> = (0..plane.len())
            .filter(|&at| inside[at] && plane.neighbours(at).any(|(b, _)| !inside[b]))
            .collect();
        // Facets are about a node apart: the lowest corner within two nodes is the wall's foot.
        let foot = |at: usize| {
            let (i, j) = plane.ij(at);
            let mut z = f64::INFINITY;
            for b in j.saturating_sub(2)..(j + 3).min(plane.ny) {
                for a in i.saturating_sub(2)..(i + 3).min(plane.nx) {
                    z = z.min(lowest[b * plane.nx + a]);
                }
            }
            z
        };
        let feet: Vec<(usize, f64)> =
            border.iter().map(|&at| (at, foot(at))).filter(|(_, z)| z.is_finite()).collect();
        if feet.is_empty() {
            return None;
        }
        let near2 = near_mm * near_mm;
        let calm: Vec<f64> = feet
            .iter()
            .map(|&(at, _)| {
                let p = plane.xy(at);
                feet.iter()
                    .filter(|&&(b, _)| {
                        let q = plane.xy(b);
                        (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2) <= near2
                    })
                    .fold(f64::INFINITY, |m, f| m.min(f.1))
            })
            .collect();
        let (distance_mm, edge_z_mm) = spread(&plane, &inside, &feet, &calm);
        Some(Self { plane, inside, distance_mm, edge_z_mm })
    }
}

fn cover(plane: &Plane, v: &[P3; 3], inside: &mut [bool]) {
    let range = |a: usize, n: usize| {
        let lo = v.iter().map(|p| p[a]).fold(f64::INFINITY, f64::min);
        let hi = v.iter().map(|p| p[a]).fold(f64::NEG_INFINITY, f64::max);
        let from = ((lo - plane.origin[a]) / plane.step).ceil().max(0.0) as usize;
        let to = ((hi - plane.origin[a]) / plane.step).floor();
        from..if to < 0.0 { 0 } else { (to as usize + 1).min(n) }
    };
    let side = |a: &P3, b: &P3, p: [f64; 2]| (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);
    for j in range(1, plane.ny) {
        for i in range(0, plane.nx) {
            let at = j * plane.nx + i;
            let p = plane.xy(at);
            if (0..3).all(|k| side(&v[k], &v[(k + 1) % 3], p) >= 0.0) {
                inside[at] = true;
            }
        }
    }
}

/// Brushfire from the border: each node takes the nearest border node's distance and height.
fn spread(plane: &Plane, inside: &[bool], feet: &[(usize, f64)], calm: &[f64]) -> (Vec<f32>, Vec<f32>) {
    let mut source = vec![u32::MAX; plane.len()];
    let mut distance = vec![f64::INFINITY; plane.len()];
    // Distances as whole nanometres, so that the heap's order is total.
    let mut heap: BinaryHeap<Reverse<(u64, u32, u32)>> = BinaryHeap::new();
    for (k, &(at, _)) in feet.iter().enumerate() {
        distance[at] = 0.0;
        source[at] = k as u32;
        heap.push(Reverse((0, at as u32, k as u32)));
    }
    while let Some(Reverse((_, at, k))) = heap.pop() {
        if source[at as usize] != k {
            continue;
        }
        let origin = plane.xy(feet[k as usize].0);
        for (b, _) in plane.neighbours(at as usize) {
            let p = plane.xy(b);
            let d = (p[0] - origin[0]).hypot(p[1] - origin[1]);
            if d < distance[b] - 1e-9 {
                distance[b] = d;
                source[b] = k;
                heap.push(Reverse(((d * 1e6) as u64, b as u32, k)));
            }
        }
    }
    let out = (0..plane.len()).map(|at| if inside[at] { 0.0 } else { distance[at] as f32 }).collect();
    let z = (0..plane.len()).map(|at| calm[source[at] as usize] as f32).collect();
    (out, z)
}
