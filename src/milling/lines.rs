//! The ends of all three families of lines, on the part, near the design.

use rayon::prelude::*;

use super::ends::CrossEnds;
use super::free::Freed;
use super::stock::Lattice;
use crate::geometry::Bvh;
use crate::model::{LineEnd, Part};

/// Places on the part with how far they stand off the design, mm.
pub(super) type Left = Vec<([f64; 3], f64)>;

/// Line ends on kept material within `reach` of the design (all, without a design), and how far those outside the
/// design stand off it.
pub(super) fn line_ends(
    lattice: &Lattice,
    freed: &Freed,
    along_x: &CrossEnds,
    along_y: &CrossEnds,
    design: Option<&Bvh<Part>>,
    reach: f64,
) -> (Vec<LineEnd>, Left) {
    let mut all = cross(lattice, freed, along_x, 0);
    all.extend(cross(lattice, freed, along_y, 1));
    all.extend(upright(lattice, freed));
    let Some(tree) = design else { return (all, Vec::new()) };
    // Most ends lie within cusps of the design; a short search finds those many times faster.
    const CLOSE_MM: f64 = 0.05;
    let offs: Vec<Option<f64>> = all
        .par_iter()
        .map(|e| tree.signed_distance_mm(e.p_mm, CLOSE_MM).or_else(|| tree.signed_distance_mm(e.p_mm, reach)))
        .collect();
    let mut left = Vec::new();
    let mut kept = Vec::new();
    for (e, off) in all.into_iter().zip(offs) {
        if let Some(off) = off {
            kept.push(e);
            if off > 0.0 {
                left.push((e.p_mm, off));
            }
        }
    }
    (kept, left)
}

fn cross(lattice: &Lattice, freed: &Freed, ends: &CrossEnds, axis: usize) -> Vec<LineEnd> {
    let other = 1 - axis;
    let rows: Vec<Vec<LineEnd>> = ends
        .rows
        .par_iter()
        .enumerate()
        .map(|(row, ends)| {
            let mut out = Vec::new();
            for e in ends {
                let z = lattice.at(2, e.k as usize);
                let mut p_mm = [0.0, 0.0, z];
                p_mm[axis] = e.x;
                p_mm[other] = lattice.at(other, row);
                // The nearest line on the material's side tells whose material it is.
                let at = (e.x - lattice.min[axis]) / lattice.step - 0.5;
                let at = if e.material_below { at.floor() } else { at.ceil() };
                let line = at.clamp(0.0, (lattice.n[axis] - 1) as f64) as usize;
                let (i, j) = if axis == 0 { (line, row) } else { (row, line) };
                // Only material known to belong to the frame is left out.
                if !freed.cuts(i, j, z) || freed.keeps(i, j, z) {
                    out.push(LineEnd { p_mm, axis: axis as u8, material_below: e.material_below });
                }
            }
            out
        })
        .collect();
    rows.into_iter().flatten().collect()
}

/// Runs nearer to each other than this are one stretch of material; a tilted tool leaves none so near.
const GAP_MM: f64 = 1e-9;

fn upright(lattice: &Lattice, freed: &Freed) -> Vec<LineEnd> {
    let mut out = Vec::new();
    for j in 0..lattice.n[1] {
        for i in 0..lattice.n[0] {
            let runs = freed.runs(i, j);
            let (x, y) = (lattice.at(0, i), lattice.at(1, j));
            if let (Some(first), Some(last)) = (runs.first(), runs.last()) {
                for w in runs.windows(2).filter(|w| w[1].z0 - w[0].z1 > GAP_MM) {
                    if w[0].kept {
                        out.push(LineEnd { p_mm: [x, y, w[0].z1], axis: 2, material_below: true });
                    }
                    if w[1].kept {
                        out.push(LineEnd { p_mm: [x, y, w[1].z0], axis: 2, material_below: false });
                    }
                }
                if first.kept {
                    out.push(LineEnd { p_mm: [x, y, first.z0], axis: 2, material_below: false });
                }
                if last.kept {
                    out.push(LineEnd { p_mm: [x, y, last.z1], axis: 2, material_below: true });
                }
            }
        }
    }
    out
}
