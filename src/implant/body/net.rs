//! From the fields to a closed mesh whose corners lie on the body.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::nets::{Nudge, surface_net};
use crate::model::{Mesh, Part};

use super::field::Fields;
use super::refine::refine;

/// A corner may be moved onto the body by this share of a sample's step: more could fold the net.
const TRAVEL: f64 = 0.45;
/// A corner this near to the body is on it, mm.
const ON_BODY_MM: f64 = 0.001;
/// Newton steps. Three leave less than 0.1 µm on a smooth face.
const STEPS: usize = 3;

/// The body's surface.
pub(super) struct Body {
    /// Its largest piece.
    pub mesh: Mesh<Part>,
    /// Area of the other pieces, mm².
    pub dropped_mm2: f64,
    /// Corners of the even net; those after it refine edges.
    pub even: usize,
}

/// The largest piece of the body's surface; `None` where there is no body.
pub(super) fn body_mesh(fields: &Fields) -> Option<Body> {
    let net = surface_net(fields.grid.dims, &fields.body(), Nudge::ShrinkInside);
    let vertices = net.vertices.iter().map(|&v| fields.grid.place_of(v)).collect();
    let all = Mesh::<Part>::new(vertices, net.triangles);
    let pieces = all.pieces();
    let mesh = all.subset(pieces.first()?);
    let dropped_mm2 = all.area_mm2() - mesh.area_mm2();
    let even = mesh.vertices.len();
    Some(Body { mesh: refine(fields, onto_body(fields, &mesh)), dropped_mm2, even })
}

/// Moves corners along the gradient onto the body. Corners whose move would turn a triangle stay where they were.
fn onto_body(fields: &Fields, mesh: &Mesh<Part>) -> Mesh<Part> {
    let mut vertices: Vec<[f64; 3]> =
        mesh.vertices.par_iter().map(|&start| onto_body_from(fields, start)).collect();
    let before: Vec<Vector3<f64>> = (0..mesh.triangles.len()).map(|t| mesh.normal(t)).collect();
    // Each round only puts corners back, so it ends; three are more than was ever needed.
    for _ in 0..10 {
        let moved = Mesh::<Part>::new(vertices.clone(), mesh.triangles.clone());
        let turned: Vec<usize> = (0..mesh.triangles.len())
            .filter(|&t| moved.normal(t).dot(&before[t]) < 0.3)
            .filter(|&t| mesh.triangles[t].iter().any(|&v| vertices[v as usize] != mesh.vertices[v as usize]))
            .collect();
        if turned.is_empty() {
            return moved;
        }
        for v in turned.iter().flat_map(|&t| mesh.triangles[t]) {
            vertices[v as usize] = mesh.vertices[v as usize];
        }
    }
    Mesh::new(vertices, mesh.triangles.clone())
}

/// The place of the body near a place; at most [`TRAVEL`] of a sample's step away. Where there is none, the nearest to it
/// that was met.
pub(super) fn onto_body_from(fields: &Fields, start: [f64; 3]) -> [f64; 3] {
    let travel = TRAVEL * fields.grid.step_mm;
    let from = Vector3::from(start);
    let mut p = from;
    for _ in 0..STEPS {
        let g = fields.gradient(p.into());
        let g2 = g.norm_squared();
        if g2 < 0.04 {
            break;
        }
        p -= g * (fields.body_at(p.into()) / g2);
        let moved = p - from;
        if moved.norm() > travel {
            p = from + moved * (travel / moved.norm());
        }
    }
    let off = fields.body_at(p.into()).abs();
    if off < ON_BODY_MM {
        return p.into();
    }
    // Where edges meet, Newton's steps go astray: along the mean normal the body is crossed all the same.
    let n = fields.gradient_over(start, 0.5 * fields.grid.step_mm);
    if n.norm() > 0.2
        && let Some(found) = crossing(fields, from, n.normalize(), travel)
    {
        return found.into();
    }
    if off < fields.body_at(start).abs() { p.into() } else { start }
}

/// The crossing of the body nearest to `from` on a line, within `travel` to either side.
fn crossing(fields: &Fields, from: Vector3<f64>, along: Vector3<f64>, travel: f64) -> Option<Vector3<f64>> {
    const PARTS: i32 = 8;
    let at = |t: f64| from + along * t;
    let f = |t: f64| fields.body_at(at(t).into());
    let part = travel / f64::from(PARTS);
    let toward = if f(0.0) > 0.0 { -part } else { part };
    for step in [toward, -toward] {
        for k in 0..PARTS {
            let (mut a, mut b) = (step * f64::from(k), step * f64::from(k + 1));
            if (f(a) > 0.0) == (f(b) > 0.0) {
                continue;
            }
            let above = f(a) > 0.0;
            // Twelve halvings of a sixtieth of a millimetre: nanometres.
            for _ in 0..12 {
                let middle = 0.5 * (a + b);
                if (f(middle) > 0.0) == above { a = middle } else { b = middle }
            }
            return Some(at(0.5 * (a + b)));
        }
    }
    None
}
