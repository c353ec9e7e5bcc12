//! The missing bone as voxels of the scan's grid.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::complete::Completed;
use super::rays::BoneField;
use crate::model::{Cell, Mask};

/// A rim cell counts as defect when less than this share of its predicted thickness is still bone.
const REMAINING_SHARE: f64 = 0.5;
/// Voxels are asked for up to this many cells beyond the last cell without bone: a wall need not follow the ray.
const BEYOND_CELLS: f32 = 1.5;

/// Cells of the defect: those without bone, and of the rim those that have lost most of it.
fn open_cells(done: &Completed) -> Vec<bool> {
    let chart = &done.local.chart;
    let open: Vec<bool> = (0..chart.len())
        .map(|at| match done.cells[at] {
            Cell::Missing => true,
            Cell::Sunken => done.local.shells[at].is_none_or(|s| {
                let predicted_mm = done.outer_mm[at] - done.inner_mm[at];
                let left_mm = s.outer_mm.min(done.outer_mm[at]) - s.inner_mm.max(done.inner_mm[at]);
                left_mm < REMAINING_SHARE * predicted_mm
            }),
            _ => false,
        })
        .collect();
    // Rim cells count only where they hang on the hole.
    let to_missing = chart.distance_cells(&done.missing);
    let of_planner = |at: usize| done.local.allowed.as_ref().is_none_or(|allowed| allowed[at]);
    (0..chart.len()).map(|at| open[at] && to_missing[at] <= 8.0 && of_planner(at)).collect()
}

/// Area of those cells on the completed outer surface, mm².
pub(super) fn open_area_mm2(done: &Completed) -> f64 {
    let chart = &done.local.chart;
    let open = open_cells(done);
    (0..chart.len()).filter(|&at| open[at]).map(|at| chart.area_mm2(&done.outer_mm, at)).sum()
}

/// Marks the voxels between the completed tables that hold no bone.
pub(super) fn rasterise(field: &BoneField<'_>, done: &Completed, mask: &mut Mask) {
    let chart = &done.local.chart;
    let open = open_cells(done);
    let to_open = chart.distance_cells(&open);
    let grid = mask.grid.clone();
    let slab = grid.dims[0] * grid.dims[1];
    let (low, high) = bounds(done, &to_open, &grid);
    mask.voxels.par_chunks_mut(slab).enumerate().filter(|(k, _)| (low[2]..=high[2]).contains(k)).for_each(
        |(k, slice)| {
            for j in low[1]..=high[1] {
                for i in low[0]..=high[0] {
                    let p = grid.patient_from_index([i as f64, j as f64, k as f64]).v();
                    if holds(field, done, &to_open, p) {
                        slice[j * grid.dims[0] + i] = 1;
                    }
                }
            }
        },
    );
}

fn holds(field: &BoneField<'_>, done: &Completed, to_open: &[f32], p: Vector3<f64>) -> bool {
    let chart = &done.local.chart;
    let d = p - chart.centre;
    let r = d.norm();
    if r < 20.0 || d.dot(&chart.axis) < 0.0 {
        return false;
    }
    let cell = chart.cell(d / r);
    let Some(at) = chart.nearest(cell).filter(|&at| to_open[at] <= BEYOND_CELLS) else { return false };
    let radius = |values: &[f64]| chart.bilinear(values, cell).unwrap_or(values[at]);
    if r > radius(&done.outer_mm) || r < radius(&done.inner_mm) {
        return false;
    }
    // Beyond the open cells a soft voxel of the skull is its marrow, not the hole.
    let beyond = to_open[at] > 0.0;
    field
        .sample(p)
        .is_some_and(|s| s.excess <= 0.0 && !(beyond && s.by_mask) && !in_sinus(field, done, at, r, s.hu))
}

/// True for air that belongs to a pocket met by the ray of this cell or of one beside it. Air alone is no sinus: a dry
/// skull has nothing else in its hole.
fn in_sinus(field: &BoneField<'_>, done: &Completed, at: usize, r_mm: f64, hu: f64) -> bool {
    // The pocket's ends are those of the neighbour's ray, half a voxel or so off.
    const ENDS_MM: f64 = 1.0;
    let n = done.local.chart.n as i64;
    let (a, b) = (at as i64 % n, at as i64 / n);
    hu < field.air_hu
        && (-1..=1)
            .flat_map(|j| (-1..=1).map(move |i| (a + i, b + j)))
            .filter(|&(i, j)| i >= 0 && j >= 0 && i < n && j < n)
            .flat_map(|(i, j)| &done.local.pockets[(j * n + i) as usize])
            .any(|&(from, to)| (from - ENDS_MM..=to + ENDS_MM).contains(&r_mm))
}

/// Smallest box of voxels around the open cells.
fn bounds(done: &Completed, to_open: &[f32], grid: &crate::model::Grid) -> ([usize; 3], [usize; 3]) {
    let chart = &done.local.chart;
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for at in (0..chart.len()).filter(|&at| to_open[at] <= BEYOND_CELLS + 1.0) {
        for r in [done.outer_mm[at], done.inner_mm[at]] {
            let p = chart.centre + chart.direction_at(at) * r;
            let q = grid.index_from_patient(crate::model::Point::from_v(p));
            for a in 0..3 {
                low[a] = low[a].min(q[a] - 1.0);
                high[a] = high[a].max(q[a] + 1.0);
            }
        }
    }
    let clamp = |x: f64, a: usize| x.clamp(0.0, grid.dims[a] as f64 - 1.0);
    (
        std::array::from_fn(|a| clamp(low[a].floor(), a) as usize),
        std::array::from_fn(|a| clamp(high[a].ceil(), a) as usize),
    )
}
