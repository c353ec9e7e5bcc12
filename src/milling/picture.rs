//! A closed mesh of the kept material, for looking at.
//!
//! Samples of an approximate signed distance on every few lines: the distances to the nearest ends along x, y and z
//! give that to the plane through them, 1/d² = Σ 1/dₐ², exact on flat faces. Inspection measures on line ends, not here.

use rayon::prelude::*;

use super::ends::CrossEnds;
use super::free::Freed;
use super::stock::Lattice;
use crate::geometry::nets::{Nudge, surface_net};
use crate::model::{Mesh, Part};

/// Closed mesh of what `freed` keeps, sampled every `picture_mm`.
pub(super) fn picture(
    lattice: &Lattice,
    freed: &Freed,
    along_x: &CrossEnds,
    along_y: &CrossEnds,
    picture_mm: f64,
) -> Mesh<Part> {
    let stride = ((picture_mm / lattice.step).round() as usize).max(1);
    let Some((lo, hi)) = kept_box(lattice, freed) else { return Mesh::new(vec![], vec![]) };
    let n: [usize; 3] = std::array::from_fn(|a| (hi[a] - lo[a]) / stride + 1);
    let node = |a: usize, m: usize| lo[a] + m * stride;
    let at = |i: usize, j: usize, k: usize| (k * n[1] + j) * n[0] + i;
    let mut inside = vec![false; n[0] * n[1] * n[2]];
    inside.par_chunks_mut(n[0] * n[1]).enumerate().for_each(|(k, slice)| {
        let z = lattice.at(2, node(2, k));
        for j in 0..n[1] {
            for i in 0..n[0] {
                slice[j * n[0] + i] = freed.keeps(node(0, i), node(1, j), z);
            }
        }
    });
    let far = 2.0 * stride as f64 * lattice.step;
    let mut values = vec![0f32; inside.len()];
    values.par_chunks_mut(n[0] * n[1]).enumerate().for_each(|(k, slice)| {
        let level = node(2, k);
        let z = lattice.at(2, level);
        for j in 0..n[1] {
            for i in 0..n[0] {
                let own = inside[at(i, j, k)];
                let differs = [
                    (i > 0).then(|| at(i - 1, j, k)),
                    (i + 1 < n[0]).then(|| at(i + 1, j, k)),
                    (j > 0).then(|| at(i, j - 1, k)),
                    (j + 1 < n[1]).then(|| at(i, j + 1, k)),
                    (k > 0).then(|| at(i, j, k - 1)),
                    (k + 1 < n[2]).then(|| at(i, j, k + 1)),
                ]
                .into_iter()
                .flatten()
                .any(|o| inside[o] != own);
                let mut distance = far;
                if differs {
                    let (ci, cj) = (node(0, i), node(1, j));
                    let d = [
                        nearest(along_x.line(cj, level).iter().map(|e| e.x), lattice.at(0, ci), far),
                        nearest(along_y.line(ci, level).iter().map(|e| e.x), lattice.at(1, cj), far),
                        nearest(freed.runs(ci, cj).iter().flat_map(|r| [r.z0, r.z1]), z, far),
                    ];
                    distance = 1.0 / d.iter().map(|d| 1.0 / (d * d)).sum::<f64>().sqrt();
                }
                slice[j * n[0] + i] = if own { -distance } else { distance } as f32;
            }
        }
    });
    let net = surface_net(n, &values, Nudge::GrowInside);
    let vertices = net
        .vertices
        .iter()
        .map(|v| {
            std::array::from_fn(|a| {
                lattice.min[a] + (lo[a] as f64 + v[a] * stride as f64 + 0.5) * lattice.step
            })
        })
        .collect();
    Mesh::new(vertices, net.triangles)
}

fn nearest(ends: impl Iterator<Item = f64>, x: f64, far: f64) -> f64 {
    ends.map(|e| (e - x).abs()).fold(far, f64::min).max(1e-6)
}

/// First and last line numbers that hold kept material.
fn kept_box(lattice: &Lattice, freed: &Freed) -> Option<([usize; 3], [usize; 3])> {
    let mut lo = [usize::MAX; 3];
    let mut hi = [0; 3];
    for j in 0..lattice.n[1] {
        for i in 0..lattice.n[0] {
            for r in freed.runs(i, j).iter().filter(|r| r.kept) {
                let ends = [[i, j, lattice.nearest(2, r.z0)], [i, j, lattice.nearest(2, r.z1)]];
                for e in ends {
                    for a in 0..3 {
                        lo[a] = lo[a].min(e[a]);
                        hi[a] = hi[a].max(e[a]);
                    }
                }
            }
        }
    }
    (lo[0] != usize::MAX).then_some((lo, hi))
}
