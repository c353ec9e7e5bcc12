//! From the fields to a closed mesh whose corners lie on the body.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::nets::{Nudge, surface_net};
use crate::model::{Mesh, Part};

use super::field::Fields;

/// A corner may be moved onto the body by this share of a sample's step: more could fold the net.
const TRAVEL: f64 = 0.45;
/// Newton steps. Three leave less than 0.1 µm on a smooth face.
const STEPS: usize = 3;

/// The largest piece of the body's surface, and the area of the other pieces, mm². `None` where there is no body.
pub(super) fn body_mesh(fields: &Fields) -> Option<(Mesh<Part>, f64)> {
    let net = surface_net(fields.grid.dims, &fields.body(), Nudge::ShrinkInside);
    let vertices = net.vertices.iter().map(|&v| fields.grid.place_of(v)).collect();
    let all = Mesh::<Part>::new(vertices, net.triangles);
    let pieces = all.pieces();
    let mesh = all.subset(pieces.first()?);
    let dropped_mm2 = all.area_mm2() - mesh.area_mm2();
    let mut mesh = onto_body(fields, &mesh);
    let at_edge: Vec<bool> = mesh.vertices.iter().map(|&v| is_at_edge(fields, v)).collect();
    for _ in 0..EDGE_ROUNDS {
        mesh = onto_body(fields, &evened(&mesh, &at_edge));
    }
    Some((mesh, dropped_mm2))
}

/// Rounds of evening out the corners along an edge.
const EDGE_ROUNDS: usize = 4;
/// True near the edge between the wall and either sheet.
fn is_at_edge(fields: &Fields, p_mm: [f64; 3]) -> bool {
    let [outer, inner, wall] = fields.parts_at(p_mm);
    let at = |sheet: f64, radius_mm: f64| {
        let near = radius_mm + 0.5 * fields.grid.step_mm;
        wall.abs() < near && sheet.abs() < near
    };
    at(outer, fields.edge_outer_mm) || at(inner, fields.edge_inner_mm)
}

/// Corners at the edge half way to the middle of their neighbours: the net crowds them where cells cut the edge.
fn evened(mesh: &Mesh<Part>, at_edge: &[bool]) -> Mesh<Part> {
    let mut sum = vec![(Vector3::zeros(), 0.0); mesh.vertices.len()];
    for t in &mesh.triangles {
        for k in 0..3 {
            // Every edge of a closed mesh is met once in each direction, so each neighbour counts once.
            let s = &mut sum[t[k] as usize];
            s.0 += Vector3::from(mesh.vertices[t[(k + 1) % 3] as usize]);
            s.1 += 1.0;
        }
    }
    let vertices = mesh
        .vertices
        .iter()
        .enumerate()
        .map(|(v, &p)| if at_edge[v] { ((Vector3::from(p) + sum[v].0 / sum[v].1) * 0.5).into() } else { p })
        .collect();
    Mesh::new(vertices, mesh.triangles.clone())
}

/// Moves corners along the gradient onto the body. Corners whose move would turn a triangle stay where they were.
fn onto_body(fields: &Fields, mesh: &Mesh<Part>) -> Mesh<Part> {
    let travel = TRAVEL * fields.grid.step_mm;
    let mut vertices: Vec<[f64; 3]> = mesh
        .vertices
        .par_iter()
        .map(|&start| {
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
            p.into()
        })
        .collect();
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
