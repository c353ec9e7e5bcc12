//! No concave corner narrower than the tool.
//!
//! What surrounds the rim must be a union of balls of the tool's radius, or the tool leaves material in the corners.
//! Where the ball that touches a place of the wall from outside does not fit, the nearest ball that fits is moved until
//! it just reaches the place, and carved. So the implant only loses flanks beside sharp protrusions of the bone.
//!
//! After DESIGN's rule "every concave radius at least 1.1 times the finishing tool's".

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Mesh, Part};

use super::field::Fields;

/// A ball that reaches into the body by less than this fits: facets of the net are as rough, mm.
const FITS_MM: f64 = 0.006;
/// Steps of pushing a ball off what it meets; after half of them it also moves out of the bone side.
const PUSHES: usize = 60;

/// Carves the corners of the wall; returns how many places of the net asked for it.
pub(super) fn open_corners(fields: &mut Fields, mesh: &Mesh<Part>, radius_mm: f64) -> usize {
    let tree = Bvh::new(mesh);
    let normals = mesh.vertex_normals();
    let centres: Vec<Vector3<f64>> = (0..mesh.vertices.len())
        .into_par_iter()
        .filter_map(|v| {
            let [_, _, wall] = fields.parts_at(mesh.vertices[v]);
            // The sheets are smooth; only places that the wall or its edges make can be corners.
            if wall < -1.0 {
                return None;
            }
            carving_ball(&tree, mesh.vertices[v].into(), normals[v].into(), radius_mm)
        })
        .collect();
    carve(fields, &centres, radius_mm);
    centres.len()
}

/// Centre of the ball to carve so that `place` is reached; `None` where the touching ball fits as it is.
fn carving_ball(
    tree: &Bvh<Part>,
    place: Vector3<f64>,
    normal: Vector3<f64>,
    radius_mm: f64,
) -> Option<Vector3<f64>> {
    let mut centre = place + normal * radius_mm;
    let near = tree.nearest(centre.into(), radius_mm)?;
    if near.distance_mm >= radius_mm - FITS_MM {
        return None;
    }
    for push in 0..PUSHES {
        let Some(near) = tree.nearest(centre.into(), radius_mm) else { break };
        if near.distance_mm >= radius_mm - 1e-4 {
            break;
        }
        let touch = Vector3::from(near.point_mm);
        let off = centre - touch;
        let out = if off.norm() > 1e-9 { off / off.norm() } else { Vector3::from(tree.pseudo_normal(&near)).normalize() };
        // Inside the body the way out is the other way.
        let side = if off.dot(&Vector3::from(tree.pseudo_normal(&near))) < 0.0 { -1.0 } else { 1.0 };
        centre = touch + out * (side * radius_mm);
        if push > PUSHES / 2 {
            centre.z -= 0.2 * radius_mm;
        }
    }
    let back = centre - place;
    let d = back.norm();
    Some(if d > radius_mm { place + back * (radius_mm / d) } else { centre })
}

/// Largest of the wall and the balls, sample by sample. The order of balls does not matter.
fn carve(fields: &mut Fields, centres: &[Vector3<f64>], radius_mm: f64) {
    let grid = fields.grid.clone();
    // A sample's step beyond the ball, so that the crossing is interpolated between true values.
    let reach = radius_mm + 2.0 * grid.step_mm;
    let layer = grid.layer();
    let mut by_layer: Vec<Vec<usize>> = vec![Vec::new(); grid.dims[2]];
    for (c, centre) in centres.iter().enumerate() {
        let at = |z: f64| ((z - grid.origin_mm[2]) / grid.step_mm).clamp(0.0, grid.dims[2] as f64 - 1.0);
        for k in at(centre.z - reach).ceil() as usize..=at(centre.z + reach).floor() as usize {
            by_layer[k].push(c);
        }
    }
    fields.wall.par_chunks_mut(layer).enumerate().for_each(|(k, wall)| {
        let z = grid.origin_mm[2] + k as f64 * grid.step_mm;
        for &c in &by_layer[k] {
            let centre = centres[c];
            let range = |a: usize| {
                let at = |x: f64| ((x - grid.origin_mm[a]) / grid.step_mm).clamp(0.0, grid.dims[a] as f64 - 1.0);
                at(centre[a] - reach).ceil() as usize..=at(centre[a] + reach).floor() as usize
            };
            for j in range(1) {
                let y = grid.origin_mm[1] + j as f64 * grid.step_mm;
                for i in range(0) {
                    let x = grid.origin_mm[0] + i as f64 * grid.step_mm;
                    let d = (Vector3::new(x, y, z) - centre).norm();
                    let w = &mut wall[j * grid.dims[0] + i];
                    *w = w.max((radius_mm - d) as f32);
                }
            }
        }
    });
}

/// Smallest radius, up to `limit_mm`, of a ball that touches a wall place from outside and fits within `slack_mm`, and
/// the place.
pub(super) fn least_concave_radius(
    fields: &Fields,
    mesh: &Mesh<Part>,
    limit_mm: f64,
    slack_mm: f64,
) -> (f64, [f64; 3]) {
    let tree = Bvh::new(mesh);
    let normals = mesh.vertex_normals();
    let fits = |v: usize, r: f64| {
        let centre = Vector3::from(mesh.vertices[v]) + Vector3::from(normals[v]) * r;
        tree.nearest(centre.into(), r).is_none_or(|n| n.distance_mm >= r - slack_mm)
    };
    let radii: Vec<f64> = (0..mesh.vertices.len())
        .into_par_iter()
        .map(|v| {
            if fields.parts_at(mesh.vertices[v])[2] < -1.0 || fits(v, limit_mm) {
                return limit_mm;
            }
            let (mut lo, mut hi) = (0.0, limit_mm);
            for _ in 0..12 {
                let middle = 0.5 * (lo + hi);
                if fits(v, middle) { lo = middle } else { hi = middle }
            }
            lo
        })
        .collect();
    let mut worst = (limit_mm, [0.0; 3]);
    for (v, &r) in radii.iter().enumerate() {
        if r < worst.0 {
            worst = (r, mesh.vertices[v]);
        }
    }
    worst
}
