//! Places on a mesh, evenly spread over every triangle.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::model::{Frame, Mesh};

use super::pieces::{covers_mm, halves};

/// A place on a mesh and the area it stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Place, mm.
    pub p_mm: [f64; 3],
    /// Unit normal of the triangle, outwards.
    pub normal: [f64; 3],
    /// Area it stands for, mm².
    pub area_mm2: f64,
    /// Farthest that a place it stands for lies from it, mm.
    pub covers_mm: f64,
    /// Triangle.
    pub triangle: u32,
}

/// Every triangle is halved across its longest edge until no corner lies more than `spacing_mm` from the middle of
/// its piece; the middles are the samples. Slivers so get far fewer than the square of their length would.
/// Triangles without area have none.
pub fn on_mesh<F: Frame>(mesh: &Mesh<F>, spacing_mm: f64) -> Vec<Sample> {
    (0..mesh.triangles.len()).into_par_iter().flat_map_iter(|t| on_triangle(mesh, t, spacing_mm)).collect()
}

fn on_triangle<F: Frame>(mesh: &Mesh<F>, t: usize, spacing_mm: f64) -> Vec<Sample> {
    let area_mm2 = mesh.triangle_area_mm2(t);
    if area_mm2 <= 0.0 {
        return Vec::new();
    }
    let normal = mesh.normal(t);
    let mut out = Vec::new();
    let mut pieces = vec![(mesh.corners(t), area_mm2)];
    while let Some((corners, area_mm2)) = pieces.pop() {
        let middle = (corners[0] + corners[1] + corners[2]) / 3.0;
        let covers_mm = covers_mm(&corners, &middle);
        if covers_mm <= spacing_mm {
            let (p_mm, normal) = (middle.into(), normal.into());
            out.push(Sample { p_mm, normal, area_mm2, covers_mm, triangle: t as u32 });
        } else {
            pieces.extend(halves(corners).map(|c| (c, area_mm2 / 2.0)));
        }
    }
    out
}

/// Faces that meet under more than this make an edge: cosine of 20°. Facets of a rounded edge meet under less.
pub const EDGE_COSINE: f64 = 0.94;

/// Places on the edges where faces meet under an angle of a lesser cosine, both ends and no more than `spacing_mm` apart. They
/// stand for no area: a strip along an edge may be narrower than any spacing and is cut deepest on the edge itself, where no
/// sample of a facet lies.
pub fn on_edges<F: Frame>(mesh: &Mesh<F>, spacing_mm: f64, cosine: f64) -> Vec<Sample> {
    let mut edges: Vec<(u32, u32, u32)> = mesh
        .triangles
        .iter()
        .enumerate()
        .flat_map(|(t, v)| (0..3).map(move |k| (v[k], v[(k + 1) % 3], t as u32)))
        .map(|(a, b, t)| (a.min(b), a.max(b), t))
        .collect();
    edges.par_sort_unstable();
    let mut out = Vec::new();
    for pair in edges.windows(2).filter(|w| (w[0].0, w[0].1) == (w[1].0, w[1].1)) {
        let (a, b, triangle) = pair[0];
        let normal = mesh.normal(triangle as usize);
        if normal.dot(&mesh.normal(pair[1].2 as usize)) > cosine {
            continue;
        }
        let (p, q) = (Vector3::from(mesh.vertices[a as usize]), Vector3::from(mesh.vertices[b as usize]));
        let steps = ((q - p).norm() / spacing_mm).ceil().max(1.0) as usize;
        out.extend((0..=steps).map(|k| Sample {
            p_mm: (p + (q - p) * (k as f64 / steps as f64)).into(),
            normal: normal.into(),
            area_mm2: 0.0,
            covers_mm: 0.0,
            triangle,
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Part;

    #[test]
    fn samples_share_the_area_and_leave_no_place_far() {
        let mesh: Mesh<Part> = Mesh::new(vec![[0.0; 3], [2.0, 0.0, 0.0], [0.3, 1.7, 0.4]], vec![[0, 1, 2]]);
        let samples = on_mesh(&mesh, 0.1);
        let covers_mm = samples.iter().map(|s| s.covers_mm).fold(0.0, f64::max);
        let area: f64 = samples.iter().map(|s| s.area_mm2).sum();
        assert!((area - mesh.area_mm2()).abs() < 1e-12);
        let [a, b, c] = mesh.corners(0);
        for i in 0..=60 {
            for j in 0..=60 - i {
                let p = a + (b - a) * (f64::from(i) / 60.0) + (c - a) * (f64::from(j) / 60.0);
                let near =
                    samples.iter().map(|s| (Vector3::from(s.p_mm) - p).norm()).fold(f64::INFINITY, f64::min);
                assert!(near <= covers_mm + 1e-12 && covers_mm <= 0.1);
            }
        }
    }

    #[test]
    fn a_sharp_edge_has_samples_from_end_to_end_and_a_blunt_one_none() {
        // Two faces over the edge from the first to the second corner, folded by 90° and by 11°.
        let fold = |up: f64, aside: f64| {
            let vertices = vec![[0.0; 3], [1.05, 0.0, 0.0], [0.5, 1.0, 0.0], [0.5, -aside, up]];
            on_edges(&Mesh::<Part>::new(vertices, vec![[0, 1, 2], [1, 0, 3]]), 0.1, EDGE_COSINE)
        };
        let sharp = fold(-1.0, 0.0);
        assert_eq!(sharp.len(), 12);
        assert!(sharp.iter().enumerate().all(|(k, s)| (s.p_mm[0] - 1.05 * k as f64 / 11.0).abs() < 1e-12));
        assert!(sharp.iter().all(|s| s.area_mm2 == 0.0 && s.p_mm[1] == 0.0));
        assert!(fold(-0.2, 1.0).is_empty());
    }

    #[test]
    fn a_sliver_gets_what_its_length_needs() {
        let mesh: Mesh<Part> =
            Mesh::new(vec![[0.0; 3], [100.0, 0.0, 0.0], [50.0, 0.05, 0.0]], vec![[0, 1, 2]]);
        let n = on_mesh(&mesh, 0.1).len();
        // 100 mm in steps of about 0.1 mm need 1000; halving a sliver this thin costs some twenty times that, where
        // congruent pieces would be (66.7 / 0.1)² = 444,000.
        assert!((1_000..40_000).contains(&n), "{n}");
    }
}
