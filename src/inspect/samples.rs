//! Places on a mesh, evenly spread over every triangle.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::model::{Frame, Mesh};

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

/// Every triangle is cut into the fewest congruent ones, `n²`, whose middles lie at most `spacing_mm` from their
/// neighbours' (two thirds of a median), and these middles are the samples. Triangles without area have none.
pub fn on_mesh<F: Frame>(mesh: &Mesh<F>, spacing_mm: f64) -> Vec<Sample> {
    (0..mesh.triangles.len()).into_par_iter().flat_map_iter(|t| on_triangle(mesh, t, spacing_mm)).collect()
}

fn on_triangle<F: Frame>(mesh: &Mesh<F>, t: usize, spacing_mm: f64) -> Vec<Sample> {
    let [a, b, c] = mesh.corners(t);
    let area_mm2 = mesh.triangle_area_mm2(t);
    if area_mm2 <= 0.0 {
        return Vec::new();
    }
    let normal = mesh.normal(t);
    let whole = (a + b + c) / 3.0;
    // A corner lies two thirds of its median from the middle.
    let longest = (a - whole).norm().max((b - whole).norm()).max((c - whole).norm());
    let n = (longest / spacing_mm).ceil().max(1.0) as usize;
    let (u, v) = ((b - a) / n as f64, (c - a) / n as f64);
    let middle = (u + v) / 3.0;
    let covers_mm = middle.norm().max((u - middle).norm()).max((v - middle).norm());
    let sample = |p: Vector3<f64>| Sample {
        p_mm: p.into(),
        normal: normal.into(),
        area_mm2: area_mm2 / (n * n) as f64,
        covers_mm,
        triangle: t as u32,
    };
    let mut out = Vec::with_capacity(n * n);
    for j in 0..n {
        for i in 0..n - j {
            let corner = a + u * i as f64 + v * j as f64;
            out.push(sample(corner + middle));
            if i + j + 1 < n {
                out.push(sample(corner + middle * 2.0));
            }
        }
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
        let area: f64 = samples.iter().map(|s| s.area_mm2).sum();
        assert!((area - mesh.area_mm2()).abs() < 1e-12);
        let [a, b, c] = mesh.corners(0);
        for i in 0..=60 {
            for j in 0..=60 - i {
                let p = a + (b - a) * (f64::from(i) / 60.0) + (c - a) * (f64::from(j) / 60.0);
                let near =
                    samples.iter().map(|s| (Vector3::from(s.p_mm) - p).norm()).fold(f64::INFINITY, f64::min);
                assert!(near <= samples[0].covers_mm + 1e-12 && samples[0].covers_mm <= 0.1);
            }
        }
    }
}
