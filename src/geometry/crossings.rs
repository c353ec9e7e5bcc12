//! Where a mesh passes through itself.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::model::{Frame, Mesh};

use super::Bvh;

/// An end of an edge this near to a facet's plane lies in it, mm: pieces of one plane meet by rounding alone.
const IN_PLANE_MM: f64 = 1e-9;
/// Facets one thread looks at in a row.
const CHUNK: usize = 4096;

/// Middles of the edges of `mesh` that pass through a facet with which they share no corner, in the order of facets, mm.
pub fn crossings<F: Frame>(mesh: &Mesh<F>) -> Vec<[f64; 3]> {
    let tree = Bvh::new(mesh);
    let crossed = |t: &[u32; 3]| -> Vec<[f64; 3]> {
        let ends = (0..3).map(|k| (t[k], t[(k + 1) % 3]));
        // Each edge from the one of its two facets that runs it upwards.
        ends.filter(|(a, b)| a < b).filter_map(|(a, b)| crossing(mesh, &tree, a, b)).collect()
    };
    mesh.triangles
        .par_chunks(CHUNK)
        .map(|c| c.iter().flat_map(crossed).collect::<Vec<_>>())
        .collect::<Vec<_>>()
        .concat()
}

fn crossing<F: Frame>(mesh: &Mesh<F>, tree: &Bvh<F>, a: u32, b: u32) -> Option<[f64; 3]> {
    let (p, q) = (Vector3::from(mesh.vertices[a as usize]), Vector3::from(mesh.vertices[b as usize]));
    let met = tree.hits(p.into(), (q - p).into(), 0.0, 1.0).iter().any(|h| {
        let [corner, ..] = mesh.corners(h.triangle);
        let off = |at: Vector3<f64>| (at - corner).dot(&mesh.normal(h.triangle));
        let through = off(p) * off(q) < 0.0 && off(p).abs().min(off(q).abs()) > IN_PLANE_MM;
        through && mesh.triangles[h.triangle].iter().all(|v| *v != a && *v != b)
    });
    met.then(|| (0.5 * (p + q)).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Part;

    #[test]
    fn two_tetrahedra_that_overlap_cross_and_two_apart_do_not() {
        let tetrahedron = |x: f64| [[x, 0.0, 0.0], [x + 2.0, 0.0, 0.0], [x, 2.0, 0.0], [x, 0.0, 2.0]];
        let facets = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
        let two = |x: f64, lift: f64| {
            let mut vertices = tetrahedron(0.0).to_vec();
            vertices.extend(tetrahedron(x).map(|v| [v[0], v[1] + lift, v[2] + lift]));
            let triangles = facets.iter().copied().chain(facets.map(|f| f.map(|v| v + 4))).collect();
            Mesh::<Part>::new(vertices, triangles)
        };
        assert_eq!(crossings(&two(3.0, 0.0)).len(), 0);
        // The second's corner lies in the first; its edges leave by the slanting face, and nothing of the first enters it.
        assert_eq!(crossings(&two(0.3, 0.2)).len(), 3);
    }
}
