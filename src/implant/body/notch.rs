//! Notches of the net that are too narrow for the tool are filled to where the tool would leave them.
//!
//! A corner of the mesh that no ball of the tool's radius can touch from outside is moved out to the nearest ball
//! that stands clear of the body. The design then says what can be milled; the gap narrows there by as much, which is
//! bounded by [`FILL_MM_MAX`] and measured afterwards like every other place.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Mesh, Part};

/// Notches shallower than this are left, mm: a fifth of the finishing tolerance.
const FILL_MM_MIN: f64 = 0.004;
/// Deeper ones are no roughness of the net but the shape of the bone, mm: they stay and are reported as hollows.
const FILL_MM_MAX: f64 = 0.1;
/// Rounds; each sees what the one before has filled.
const ROUNDS: usize = 4;
/// Tilts of the ball's direction off the corner's normal, degrees, at eight bearings each.
const TILTS_DEG: [f64; 3] = [0.0, 20.0, 40.0];

/// Fills notches narrower than a ball of `radius_mm`; says how many corners were moved.
pub(super) fn fill_notches(mesh: &mut Mesh<Part>, radius_mm: f64) -> usize {
    let mut moved = 0;
    for _ in 0..ROUNDS {
        let tree = Bvh::new(mesh);
        let normals = mesh.vertex_normals();
        let fills: Vec<f64> = (0..mesh.vertices.len())
            .into_par_iter()
            .map(|v| depth_mm(&tree, mesh.vertices[v].into(), normals[v].into(), radius_mm))
            .collect();
        let mut now = 0;
        for (v, &fill) in fills.iter().enumerate() {
            if (FILL_MM_MIN..=FILL_MM_MAX).contains(&fill) {
                let p = Vector3::from(mesh.vertices[v]) + Vector3::from(normals[v]) * fill;
                mesh.vertices[v] = p.into();
                now += 1;
            }
        }
        moved += now;
        if now == 0 {
            break;
        }
    }
    moved
}

/// How far the nearest ball that stands clear of the body stays off `p`, mm.
fn depth_mm(tree: &Bvh<Part>, p: Vector3<f64>, normal: Vector3<f64>, radius_mm: f64) -> f64 {
    let across = if normal.x.abs() < 0.6 { Vector3::x() } else { Vector3::y() };
    let u = (across - normal * across.dot(&normal)).normalize();
    let v = normal.cross(&u);
    let mut least = f64::INFINITY;
    for tilt in TILTS_DEG {
        let bearings = if tilt == 0.0 { 1 } else { 8 };
        for b in 0..bearings {
            let (sin, cos) = tilt.to_radians().sin_cos();
            let (s, c) = (f64::from(b) * std::f64::consts::TAU / 8.0).sin_cos();
            let direction = normal * cos + (u * c + v * s) * sin;
            let mut away = radius_mm;
            // Backing off by what is missing converges from below; three steps leave less than a micrometre.
            for _ in 0..3 {
                let Some(near) = tree.nearest((p + direction * away).into(), radius_mm) else { break };
                away += radius_mm - near.distance_mm;
            }
            least = least.min(away - radius_mm);
            if least < FILL_MM_MIN {
                return least;
            }
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plate with a groove of half width `w` and depth `d` along y in its upper face.
    fn grooved(w: f64, d: f64) -> Mesh<Part> {
        let section = [[-5.0, 0.0], [-w, 0.0], [0.0, -d], [w, 0.0], [5.0, 0.0], [5.0, -3.0], [-5.0, -3.0]];
        let n = section.len() as u32;
        let mut vertices = Vec::new();
        for y in [-5.0, 5.0] {
            vertices.extend(section.iter().map(|s| [s[0], y, s[1]]));
        }
        let mut triangles = Vec::new();
        for k in 0..n {
            let next = (k + 1) % n;
            triangles.push([k, k + n, next]);
            triangles.push([next, k + n, next + n]);
        }
        // The ends, as fans that see every corner from the lower left.
        for k in 0..n - 2 {
            triangles.push([6, k, k + 1]);
            triangles.push([6 + n, k + 1 + n, k + n]);
        }
        Mesh::new(vertices, triangles)
    }

    #[test]
    fn a_narrow_notch_is_filled_to_the_ball_and_a_wide_one_is_left() {
        let mut narrow = grooved(0.15, 0.05);
        assert!(fill_notches(&mut narrow, 1.5) > 0);
        // A ball over 0.3 mm sinks in by r − √(r² − 0.15²) = 7.5 µm; the rest is filled, to the tilts' resolution.
        let left = -narrow.vertices[2][2];
        assert!((0.0035..0.02).contains(&left), "{left}");
        let mut wide = grooved(4.0, 0.05);
        let before = wide.vertices.clone();
        fill_notches(&mut wide, 1.5);
        assert!((wide.vertices[2][2] - before[2][2]).abs() < FILL_MM_MIN);
    }
}
