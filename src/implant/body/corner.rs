//! No concave corner narrower than the tool.
//!
//! What surrounds the rim must be a union of balls of the tool's radius, or the tool leaves material in the corners.
//! Where the ball that touches a place of the wall from outside does not fit, the touching ball that reaches least into
//! the body is carved. So the implant only loses flanks beside sharp protrusions of the bone.
//!
//! After DESIGN's rule "every concave radius at least 1.1 times the finishing tool's".

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Mesh, Part};

use super::axis::cone;
use super::field::Fields;

/// A ball that reaches into the body by less than this fits: facets of the net are as rough, mm.
const FITS_MM: f64 = 0.015;
/// The wall's direction is taken over this far to either side, mm, so that no single sample turns it.
const NORMAL_MM: f64 = 0.15;
/// The net is drawn anew this far beside a ball, mm: two samples of the field.
const SHADOW_MM: f64 = 0.6;
/// Facets this near to the place a ball touches do not stop it, mm: they are the net's roughness.
const BESIDE_MM: f64 = 0.35;

/// Carves the corners of the wall at the first `look_at` places of the net; returns the balls' centres.
///
/// With the balls `since` an earlier look at radius and net alike, only places in their shadow are looked at again: a
/// ball that fitted beside a body fits beside what is left of it.
pub(super) fn open_corners(
    fields: &mut Fields,
    mesh: &Mesh<Part>,
    look_at: usize,
    radius_mm: f64,
    since: Option<&[Vector3<f64>]>,
) -> Vec<Vector3<f64>> {
    let tree = Bvh::new(mesh);
    let shadow = since.map(|balls| Shadow::new(balls, radius_mm + SHADOW_MM));
    let centres: Vec<Vector3<f64>> = mesh.vertices[..look_at]
        .par_iter()
        .filter_map(|&place| {
            if shadow.as_ref().is_some_and(|s| !s.covers(place)) {
                return None;
            }
            // The sheets are smooth; only places that the wall or its edges make can be corners. What looks up is
            // finished from the outer side, where the same wall bounds it.
            if fields.parts_at(place)[2] < -1.0 {
                return None;
            }
            let normal = fields.gradient_over(place, NORMAL_MM);
            if normal.norm() < 0.2 || normal.z > 0.05 * normal.norm() {
                return None;
            }
            carving_ball(&tree, place.into(), normal.normalize(), radius_mm)
        })
        .collect();
    carve(fields, &centres, radius_mm);
    centres
}

/// Columns along the axis in which balls carved: what the sweep takes lies below them.
struct Shadow {
    reach_mm: f64,
    cells: std::collections::HashSet<[i64; 2]>,
}

impl Shadow {
    fn new(balls: &[Vector3<f64>], reach_mm: f64) -> Self {
        let mut shadow = Self { reach_mm, cells: std::collections::HashSet::new() };
        for b in balls {
            shadow.cells.insert(shadow.cell([b.x, b.y, b.z]));
        }
        shadow
    }

    fn cell(&self, p: [f64; 3]) -> [i64; 2] {
        [(p[0] / self.reach_mm).floor() as i64, (p[1] / self.reach_mm).floor() as i64]
    }

    /// True within the reach of a ball, and up to twice as far.
    fn covers(&self, p: [f64; 3]) -> bool {
        let [i, j] = self.cell(p);
        (-1..=1).any(|di| (-1..=1).any(|dj| self.cells.contains(&[i + di, j + dj])))
    }
}

/// True where a ball at `centre` fits, seen from the place it touches: facets beside that place do not count.
pub(super) fn fits(
    tree: &Bvh<Part>,
    place: Vector3<f64>,
    centre: Vector3<f64>,
    radius_mm: f64,
    slack_mm: f64,
) -> bool {
    // Asking only as far as matters keeps a ball that fits from weighing all it nearly touches.
    tree.nearest(centre.into(), radius_mm - slack_mm)
        .is_none_or(|near| (Vector3::from(near.point_mm) - place).norm() < BESIDE_MM.min(0.5 * radius_mm))
}

/// Centre of the ball to carve so that `place` is reached; `None` where the touching ball fits as it is.
///
/// Of all balls of that radius that touch the place, the one that reaches least into the body: directions about the
/// normal in rings, then finer about the best. None looks up, since what is carved is carved all the way down, and a
/// ball above the place would take the plate with it.
fn carving_ball(
    tree: &Bvh<Part>,
    place: Vector3<f64>,
    normal: Vector3<f64>,
    radius_mm: f64,
) -> Option<Vector3<f64>> {
    if fits(tree, place, place + normal * radius_mm, radius_mm, FITS_MM) {
        return None;
    }
    let mut best = (f64::NEG_INFINITY, normal);
    for (half_deg, step_deg) in [(80.0, 10.0), (9.0, 3.0), (2.0, 1.0f64)] {
        // No more room than all of it.
        if best.0 >= radius_mm {
            break;
        }
        for direction in cone(best.1, f64::to_radians(half_deg), step_deg.to_radians()) {
            let centre = place + direction * radius_mm;
            // What has no more room than the best is soon told.
            if direction.z > 0.05 || (best.0 > 0.0 && tree.any_within(centre.into(), best.0)) {
                continue;
            }
            let room = room_mm(tree, place, centre, radius_mm);
            if room > best.0 {
                best = (room, direction);
            }
        }
    }
    Some(place + best.1 * radius_mm)
}

/// Distance from a ball's centre to the body, mm, at most the radius; negative where the centre is inside.
fn room_mm(tree: &Bvh<Part>, place: Vector3<f64>, centre: Vector3<f64>, radius_mm: f64) -> f64 {
    let d = tree.signed_distance_mm(centre.into(), radius_mm).unwrap_or(radius_mm);
    // Among balls that all fit, the one along the first direction asked wins: the normal's neighbourhood.
    if d > radius_mm - 1e-3 || (centre - place).norm() <= d { radius_mm } else { d }
}

/// Carves bone grown by the gap where the net lies nearer to it than `gap_mm` less `slack_mm`: between samples the
/// field is a chord of a round corner. Returns how many places asked for it.
pub(super) fn keep_gap(
    fields: &mut Fields,
    mesh: &Mesh<Part>,
    bone: &Bvh<Part>,
    gap_mm: f64,
    slack_mm: f64,
) -> usize {
    let touches: Vec<Vector3<f64>> = mesh
        .vertices
        .par_iter()
        .filter_map(|&v| {
            let near = bone.nearest(v, gap_mm)?;
            (near.distance_mm < gap_mm - slack_mm).then(|| Vector3::from(near.point_mm))
        })
        .collect();
    // A little more than the gap: the ball is a chord itself once it is sampled.
    carve(fields, &touches, gap_mm + 0.5 * slack_mm);
    touches.len()
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
                let at =
                    |x: f64| ((x - grid.origin_mm[a]) / grid.step_mm).clamp(0.0, grid.dims[a] as f64 - 1.0);
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
    let radii: Vec<f64> = mesh
        .vertices
        .par_iter()
        .map(|&v| {
            let place = Vector3::from(v);
            let normal = fields.gradient_over(v, NORMAL_MM);
            let at = |r: f64| place + normal * (r / normal.norm());
            let fits = |r: f64| fits(&tree, place, at(r), r, slack_mm);
            if normal.norm() < 0.2 || fields.parts_at(v)[2] < -1.0 || fits(limit_mm) {
                return limit_mm;
            }
            let (mut lo, mut hi) = (0.0, limit_mm);
            for _ in 0..12 {
                let middle = 0.5 * (lo + hi);
                if fits(middle) { lo = middle } else { hi = middle }
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
