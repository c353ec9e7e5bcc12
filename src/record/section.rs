//! Plane sections of meshes.

use nalgebra::Vector3;

use crate::model::{Frame, Mesh};

use super::raster::Picture;

/// A plane with its own two axes.
#[derive(Clone, Copy)]
pub struct Plane {
    /// Origin, mm.
    pub origin: Vector3<f64>,
    /// Unit, to the right in the picture.
    pub right: Vector3<f64>,
    /// Unit, up in the picture.
    pub up: Vector3<f64>,
}

/// Straight pieces in which a mesh meets a plane, in the plane's axes, mm.
pub fn cut<F: Frame>(mesh: &Mesh<F>, plane: &Plane) -> Vec<[[f64; 2]; 2]> {
    let normal = plane.right.cross(&plane.up);
    let side: Vec<f64> =
        mesh.vertices.iter().map(|&v| (Vector3::from(v) - plane.origin).dot(&normal)).collect();
    let mut pieces = Vec::new();
    for t in &mesh.triangles {
        let mut ends = [[0.0; 2]; 2];
        let mut n = 0;
        for k in 0..3 {
            let (a, b) = (t[k] as usize, t[(k + 1) % 3] as usize);
            if (side[a] < 0.0) != (side[b] < 0.0) && n < 2 {
                let s = side[a] / (side[a] - side[b]);
                let (p, q) = (Vector3::from(mesh.vertices[a]), Vector3::from(mesh.vertices[b]));
                let d = p + (q - p) * s - plane.origin;
                ends[n] = [d.dot(&plane.right), d.dot(&plane.up)];
                n += 1;
            }
        }
        if n == 2 {
            pieces.push(ends);
        }
    }
    pieces
}

/// Draws pieces into a picture whose middle is the plane's origin.
pub fn draw(picture: &mut Picture, pieces: &[[[f64; 2]; 2]], pixels_per_mm: f64, colour: [u8; 3]) {
    let (cx, cy) = (picture.width as f64 / 2.0, picture.height as f64 / 2.0);
    let place = |p: [f64; 2]| [cx + p[0] * pixels_per_mm, cy - p[1] * pixels_per_mm];
    for [a, b] in pieces {
        let (a, b) = (place(*a), place(*b));
        let outside = |v: f64, w: f64, n: usize| (v < 0.0 && w < 0.0) || (v > n as f64 && w > n as f64);
        if !outside(a[0], b[0], picture.width) && !outside(a[1], b[1], picture.height) {
            picture.line(a, b, colour);
        }
    }
}
