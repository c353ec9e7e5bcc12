//! Relaxation: each vertex towards the mean of its neighbours, within a box about where the field put it.

use rayon::prelude::*;

use crate::model::{Mesh, Patient};

/// Share of the way to the mean that a sweep goes. Half keeps a zigzag from swinging over.
const SHARE: f64 = 0.5;

/// The mesh after `sweeps`; no coordinate leaves its first value by more than `travel_mm`.
///
/// Gibson 1998, section 3, with the cell replaced by the travel: CT voxels are longer than they are wide.
pub fn relaxed(mesh: &Mesh<Patient>, sweeps: usize, travel_mm: f64) -> Mesh<Patient> {
    // Neighbours of each vertex: on a closed, oriented mesh every edge leaves each of its ends once.
    let mut start = vec![0usize; mesh.vertices.len() + 1];
    for v in mesh.triangles.iter().flatten() {
        start[*v as usize + 1] += 1;
    }
    for v in 0..mesh.vertices.len() {
        start[v + 1] += start[v];
    }
    let mut next = start.clone();
    let mut neighbours = vec![0u32; 3 * mesh.triangles.len()];
    for t in &mesh.triangles {
        for c in 0..3 {
            let place = &mut next[t[c] as usize];
            neighbours[*place] = t[(c + 1) % 3];
            *place += 1;
        }
    }
    let mut at = mesh.vertices.clone();
    for _ in 0..sweeps {
        at = (0..at.len())
            .into_par_iter()
            .map(|v| {
                let round = &neighbours[start[v]..start[v + 1]];
                let (old, first) = (at[v], mesh.vertices[v]);
                std::array::from_fn(|a| {
                    let mean =
                        round.iter().map(|&n| at[n as usize][a]).sum::<f64>() / round.len().max(1) as f64;
                    let to = if round.is_empty() { old[a] } else { old[a] + SHARE * (mean - old[a]) };
                    to.clamp(first[a] - travel_mm, first[a] + travel_mm)
                })
            })
            .collect();
    }
    Mesh::new(at, mesh.triangles.clone())
}
