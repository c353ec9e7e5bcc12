//! Skull and implant from six sides.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::model::{Mesh, Patient};

use super::raster::{Camera, Picture, Scene};

/// A picture with the letters that stand at its left and right edge.
pub struct View {
    /// For the caption.
    pub name: &'static str,
    /// At the left edge: R, L, A or P.
    pub left: char,
    /// At the right edge.
    pub right: char,
    /// The picture.
    pub picture: Picture,
}

struct Side {
    name: &'static str,
    to_eye: [f64; 3],
    up: [f64; 3],
    left: char,
    right: char,
}

// Patient LPS: +x is the patient's left, +y the back, +z the head.
const SIDES: [Side; 6] = [
    Side { name: "from the front", to_eye: [0.0, -1.0, 0.0], up: [0.0, 0.0, 1.0], left: 'R', right: 'L' },
    Side { name: "from the back", to_eye: [0.0, 1.0, 0.0], up: [0.0, 0.0, 1.0], left: 'L', right: 'R' },
    Side {
        name: "the patient's right side",
        to_eye: [-1.0, 0.0, 0.0],
        up: [0.0, 0.0, 1.0],
        left: 'P',
        right: 'A',
    },
    Side {
        name: "the patient's left side",
        to_eye: [1.0, 0.0, 0.0],
        up: [0.0, 0.0, 1.0],
        left: 'A',
        right: 'P',
    },
    Side { name: "from above", to_eye: [0.0, 0.0, 1.0], up: [0.0, -1.0, 0.0], left: 'L', right: 'R' },
    Side { name: "from below", to_eye: [0.0, 0.0, -1.0], up: [0.0, -1.0, 0.0], left: 'R', right: 'L' },
];

/// Colour of bone in every picture.
pub const BONE: [f64; 3] = [0.93, 0.89, 0.80];
/// Colour of the implant.
pub const IMPLANT: [f64; 3] = [0.15, 0.55, 0.85];

/// Six views of the skull with the implants in place.
pub fn six_views(skull: &Mesh<Patient>, implants: &[Mesh<Patient>], size: usize) -> Vec<View> {
    let (lo, hi) = skull.bounds_mm().unwrap_or(([0.0; 3], [1.0; 3]));
    let middle = (Vector3::from(lo) + Vector3::from(hi)) / 2.0;
    let span = (0..3).map(|a| hi[a] - lo[a]).fold(1.0, f64::max);
    SIDES
        .par_iter()
        .map(|s| {
            let camera = Camera {
                middle,
                to_eye: Vector3::from(s.to_eye),
                up: Vector3::from(s.up),
                // Drawn at twice the size and halved; 6 % of margin.
                scale: 2.0 * size as f64 / (span * 1.06),
            };
            let mut scene = Scene::new(size * 2, size * 2, camera);
            scene.draw(skull, |_| BONE);
            for implant in implants {
                scene.draw(implant, |_| IMPLANT);
            }
            View { name: s.name, left: s.left, right: s.right, picture: scene.picture.halved() }
        })
        .collect()
}

/// An orthographic camera along `to_eye` with the head upward where that can be seen, else the face.
pub fn camera_along(middle: Vector3<f64>, to_eye: Vector3<f64>, scale: f64) -> Camera {
    let head = Vector3::new(0.0, 0.0, 1.0);
    let face = Vector3::new(0.0, -1.0, 0.0);
    let along = if to_eye.dot(&head).abs() < 0.95 { head } else { face };
    let up = (along - to_eye * along.dot(&to_eye)).normalize();
    Camera { middle, to_eye, up, scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_name_the_side_that_the_camera_shows() {
        for s in &SIDES {
            let camera =
                Camera { middle: Vector3::zeros(), to_eye: s.to_eye.into(), up: s.up.into(), scale: 1.0 };
            let right = camera.right();
            let direction = match s.right {
                'L' => Vector3::new(1.0, 0.0, 0.0),
                'R' => Vector3::new(-1.0, 0.0, 0.0),
                'P' => Vector3::new(0.0, 1.0, 0.0),
                _ => Vector3::new(0.0, -1.0, 0.0),
            };
            assert!((right - direction).norm() < 1e-12, "{}", s.name);
            let opposite = match s.right {
                'L' => 'R',
                'R' => 'L',
                'P' => 'A',
                _ => 'P',
            };
            assert_eq!(s.left, opposite);
        }
    }
}
