//! What the tool cannot reach becomes the design.
//!
//! Carving (`corner`) stops where a ball reaches into the body by the roughness of a sampled field, and leaves stock
//! there that is as thick as the finishing tolerance. The corners of the finished net are therefore moved outwards onto
//! the balls that do fit: the nearest ball that touches nothing bounds the place. This is a morphological closing by
//! the tool, of some hundredths of a millimetre, on the mesh itself. A wall is milled from the bone side with the ball's
//! own diameter above it: where the edge below was moved out, so is the wall behind it, or the edge would be a lip that
//! keeps the tool off.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Mesh, Part};

use super::field::Fields;
use super::turned::turn;

/// A ball that reaches in by less than this fits, mm: a chord of 0.3 mm in a corner of 1.5 mm is 7 µm deep.
const FITS_MM: f64 = 0.004;
/// No corner of the net is moved by more, mm: the gap is kept to 0.03 mm. Letting corners that bone is away from move by
/// 0.06 mm reached no more of two real implants.
const MOVE_MM_MAX: f64 = 0.022;
/// What stops the ball all round this near to a place makes it a pit of the net, mm: two cells, nearer than carving looks.
const PIT_MM: f64 = 0.35;
/// A pit is filled to what lies about it, and the gap is that of its border; by no more than this, mm: 0.042 were met on the
/// rim of a real implant.
const PIT_FILL_MM_MAX: f64 = 0.05;
/// Facets that may stop one ball: a corner has two or three, and each is met at several places.
const CONTACTS: usize = 16;
/// Places deeper than this inside the wall are the sheets' own, mm.
const INSIDE_MM: f64 = -1.0;
/// Rounds: what was filled beside a place is a chord once more, and a wall follows its edge.
const ROUNDS: usize = 3;
/// Places whose normal looks up by no more than this are milled from the bone side.
const BONE_SIDE_NORMAL_Z_MAX: f64 = 0.05;
/// The tool above its ball is looked at in balls this far apart, mm: between two, 0.075²/(2·1.5) = 2 µm are missed …
const ABOVE_STEP_MM: f64 = 0.15;
/// … and so far towards the bone side, mm: the edge's round and the net's roughness beside it.
const ABOVE_MM: f64 = 2.4;

/// Moves the net's corners outwards to where balls of `radius_mm` bound them.
pub(super) fn fill_corners(fields: &Fields, mesh: &Mesh<Part>, radius_mm: f64) -> Mesh<Part> {
    let mut now = mesh.clone();
    for _ in 0..ROUNDS {
        let tree = Bvh::new(&now);
        let normals = vertex_normals(&now);
        let vertices: Vec<[f64; 3]> = (0..now.vertices.len())
            .into_par_iter()
            .map(|v| {
                let (start, place) = (Vector3::from(mesh.vertices[v]), Vector3::from(now.vertices[v]));
                if fields.parts_at(now.vertices[v])[2] < INSIDE_MM {
                    return now.vertices[v];
                }
                let Some(ball) = nearest_ball(&tree, place, normals[v], radius_mm) else {
                    return now.vertices[v];
                };
                let away = ball.centre - place;
                let to = place + away * (1.0 - radius_mm / away.norm());
                let moved = to - start;
                let most_mm = if ball.stopped_within_mm <= PIT_MM { PIT_FILL_MM_MAX } else { MOVE_MM_MAX };
                (start + moved * (most_mm / moved.norm()).min(1.0)).into()
            })
            .collect();
        if vertices == now.vertices {
            break;
        }
        now = Mesh::new(vertices, now.triangles);
    }
    // Between corners that were moved a diagonal may cut what no ball reaches the bottom of.
    let mut whole = now.clone();
    let tree = Bvh::new(&now);
    turn(&mut whole, |notch| {
        let ball = nearest_ball(&tree, notch.bottom_mm, notch.up, radius_mm);
        ball.is_some_and(|b| (b.centre - notch.bottom_mm).norm() - radius_mm + FITS_MM >= notch.deep_mm())
    });
    whole
}

/// A ball that fits, and how far from the place it is for lies what keeps it from going nearer.
struct Ball {
    centre: Vector3<f64>,
    stopped_within_mm: f64,
}

/// The ball nearest to a place that touches nothing, nor does the tool above it on the bone side where the
/// place is milled from there; `None` where the ball at the place itself fits.
fn nearest_ball(tree: &Bvh<Part>, place: Vector3<f64>, normal: Vector3<f64>, radius_mm: f64) -> Option<Ball> {
    let mut contacts = vec![(place, normal)];
    let mut centre = place + normal * radius_mm;
    for _ in 0..CONTACTS {
        let contact = match tree.nearest(centre.into(), radius_mm - FITS_MM) {
            Some(near) => Some((Vector3::from(near.point_mm), centre)),
            None if normal.z <= BONE_SIDE_NORMAL_Z_MAX => met_above(tree, centre, radius_mm),
            None => None,
        };
        let Some((touch, met_by)) = contact else {
            let stopped_within_mm = contacts.iter().map(|c| (c.0 - place).norm()).fold(0.0, f64::max);
            return (contacts.len() > 1 && (centre - place).norm() > radius_mm)
                .then_some(Ball { centre, stopped_within_mm });
        };
        let away = met_by - touch;
        if away.norm() < 0.5 * radius_mm {
            return None;
        }
        contacts.push((touch, away.normalize()));
        centre = nearest_beyond(&contacts, place, radius_mm);
    }
    None
}

/// What the tool's own diameter meets first between a ball and the bone side: the place, and the axis at its height.
fn met_above(tree: &Bvh<Part>, centre: Vector3<f64>, radius_mm: f64) -> Option<(Vector3<f64>, Vector3<f64>)> {
    (1..=(ABOVE_MM / ABOVE_STEP_MM) as usize).find_map(|k| {
        let axis = centre - Vector3::z() * (k as f64 * ABOVE_STEP_MM);
        let touch = Vector3::from(tree.nearest(axis.into(), radius_mm - FITS_MM)?.point_mm);
        Some((touch, Vector3::new(axis.x, axis.y, touch.z)))
    })
}

/// The point nearest to `from` that is a radius or more beyond every contact, along the contact's direction (Hildreth).
fn nearest_beyond(
    contacts: &[(Vector3<f64>, Vector3<f64>)],
    from: Vector3<f64>,
    radius_mm: f64,
) -> Vector3<f64> {
    let mut push = vec![0.0f64; contacts.len()];
    let mut at = from;
    for _ in 0..200 {
        let mut moved = 0f64;
        for (p, (touch, along)) in push.iter_mut().zip(contacts) {
            let step = (radius_mm - (at - touch).dot(along)).max(-*p);
            *p += step;
            at += along * step;
            moved = moved.max(step.abs());
        }
        if moved < 1e-5 {
            break;
        }
    }
    at
}

/// Unit normals of the corners, weighted by facets' areas.
fn vertex_normals(mesh: &Mesh<Part>) -> Vec<Vector3<f64>> {
    let mut normals = vec![Vector3::zeros(); mesh.vertices.len()];
    for (t, corners) in mesh.triangles.iter().enumerate() {
        let n = mesh.normal(t) * mesh.triangle_area_mm2(t);
        for &v in corners {
            normals[v as usize] += n;
        }
    }
    normals.into_iter().map(|n| n.try_normalize(1e-12).unwrap_or_else(Vector3::z)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_point_beyond_two_walls_is_their_corner() {
        let contacts = [(Vector3::zeros(), Vector3::z()), (Vector3::new(0.3, 0.0, 0.0), -Vector3::x())];
        let at = nearest_beyond(&contacts, Vector3::zeros(), 1.5);
        assert!((at - Vector3::new(-1.2, 0.0, 1.5)).norm() < 1e-4, "{at}");
    }

    #[test]
    fn a_ball_in_a_groove_lifts_its_bottom_by_the_fillet_and_no_more() {
        // Two planes that meet at 20°: a fillet of 1.5 mm stands r (1 / cos 10° - 1) above the bottom.
        let turn = 10f64.to_radians();
        let wall = |side: f64, along: f64| [side * 3.0 * turn.cos(), along, 3.0 * turn.sin()];
        let mesh = Mesh::<Part>::new(
            vec![
                wall(-1.0, -3.0),
                [0.0, -3.0, 0.0],
                [0.0, 3.0, 0.0],
                wall(-1.0, 3.0),
                wall(1.0, -3.0),
                wall(1.0, 3.0),
            ],
            vec![[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]],
        );
        let centre = nearest_ball(&Bvh::new(&mesh), Vector3::zeros(), Vector3::z(), 1.5)
            .expect("it does not fit")
            .centre;
        let fillet = 1.5 * (1.0 / turn.cos() - 1.0);
        // 4 µm of slack let the ball down by as much over the cosine.
        assert!((centre.norm() - 1.5 - fillet).abs() < 0.0042, "{} against {fillet}", centre.norm() - 1.5);
        // Beyond the fillet's foot the ball fits as it is.
        let beside = Vector3::new(0.5, 0.0, 0.5 * turn.tan());
        let up = Vector3::new(-turn.sin(), 0.0, turn.cos());
        assert!(nearest_ball(&Bvh::new(&mesh), beside, up, 1.5).is_none());
    }

    #[test]
    fn a_wall_follows_the_lip_on_its_bone_side() {
        // A wall across x that is 20 µm farther out below z = -0.4 than above: seen from below the step is an overhang.
        let strip = |x: f64, z: f64| [[x, -3.0, z], [x, 3.0, z]];
        let corners = [strip(0.02, -2.0), strip(0.02, -0.4), strip(0.0, -0.2), strip(0.0, 2.0)].concat();
        let facets = (0..3).flat_map(|k| [[2 * k, 2 * k + 1, 2 * k + 3], [2 * k, 2 * k + 3, 2 * k + 2]]);
        let mesh = Mesh::<Part>::new(corners, facets.collect());
        assert!(mesh.normal(0).x > 0.99);
        let tree = Bvh::new(&mesh);
        let place = Vector3::new(0.0, 0.0, 0.4);
        let centre =
            nearest_ball(&tree, place, Vector3::x(), 1.5).expect("the lip keeps the tool off").centre;
        // 4 µm of slack, 2 µm between the balls looked at.
        let moved = centre.x - 1.5;
        assert!((0.013..=0.0201).contains(&moved), "{moved}");
        // Seen from above nothing keeps the tool off.
        let up = Vector3::new(1.0, 0.0, 0.06).normalize();
        assert!(nearest_ball(&tree, place, up, 1.5).is_none());
    }
}
