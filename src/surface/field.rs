//! The field whose zero is the bone's edge, on the part of the grid the bone needs.

use rayon::prelude::*;

use crate::geometry::pages::zeroed;
use crate::model::{Bone, Grid, Volume};

/// Bone may reach this many voxels beyond the mask: air beside bone puts the half-maximum below the threshold.
const BEYOND_MASK: usize = 2;

/// Level − HU, HU; negative inside the bone.
pub struct Field {
    /// Index of the first voxel on the scan's grid.
    pub first: [usize; 3],
    pub dims: [usize; 3],
    pub values: Vec<f32>,
}

impl Field {
    /// `None` when the mask is empty.
    pub fn new(volume: &Volume, bone: &Bone) -> Option<Self> {
        let grid = &volume.grid;
        let (first, dims) = around(grid, &bone.mask.voxels)?;
        let near = near_mask(grid, &bone.mask.voxels, first, dims);
        let threshold_hu = bone.facts.threshold_hu;
        let mut values: Vec<f32> = zeroed(dims.iter().product());
        values.par_chunks_mut(dims[0]).enumerate().for_each(|(row, out)| {
            let (j, k) = (row % dims[1], row / dims[1]);
            let from = grid.at(first[0], first[1] + j, first[2] + k);
            for (i, out) in out.iter_mut().enumerate() {
                let at = from + i;
                let hu = f32::from(volume.hu[at]);
                let value = bone.level_hu[at] - hu;
                let another_piece = bone.mask.voxels[at] == 0 && f64::from(volume.hu[at]) >= threshold_hu;
                let outside = another_piece || near[row * dims[0] + i] == 0;
                // What is not this bone stays out, whatever its HU; 1 HU at least, to keep the edge off the sample.
                *out = if outside { value.abs().max(1.0) } else { value };
            }
        });
        Some(Self { first, dims, values })
    }
}

/// First voxel and size of the box round the mask, with a margin, within the grid.
fn around(grid: &Grid, mask: &[u8]) -> Option<([usize; 3], [usize; 3])> {
    let [ni, nj, nk] = grid.dims;
    let slices: Vec<Option<[usize; 4]>> = (0..nk)
        .into_par_iter()
        .map(|k| {
            let mut bounds: Option<[usize; 4]> = None;
            for j in 0..nj {
                let row = &mask[grid.at(0, j, k)..grid.at(0, j, k) + ni];
                let Some(lo) = row.iter().position(|&v| v != 0) else { continue };
                let hi = row.iter().rposition(|&v| v != 0).unwrap_or(lo);
                let b = bounds.get_or_insert([lo, hi, j, j]);
                *b = [b[0].min(lo), b[1].max(hi), b[2], j];
            }
            bounds
        })
        .collect();
    let mut lo = [usize::MAX; 3];
    let mut hi = [0; 3];
    for (k, b) in slices.iter().enumerate().filter_map(|(k, b)| b.map(|b| (k, b))) {
        lo = [lo[0].min(b[0]), lo[1].min(b[2]), lo[2].min(k)];
        hi = [hi[0].max(b[1]), hi[1].max(b[3]), hi[2].max(k)];
    }
    if lo[0] == usize::MAX {
        return None;
    }
    let margin = BEYOND_MASK + 1;
    let first = lo.map(|n| n.saturating_sub(margin));
    let dims = std::array::from_fn(|a| (hi[a] + margin).min(grid.dims[a] - 1) + 1 - first[a]);
    Some((first, dims))
}

/// 1 within `BEYOND_MASK` voxels of the mask along each axis, on the box.
fn near_mask(grid: &Grid, mask: &[u8], first: [usize; 3], dims: [usize; 3]) -> Vec<u8> {
    let [ni, nj, nk] = dims;
    let w = BEYOND_MASK;
    let mut along_i: Vec<u8> = zeroed(ni * nj * nk);
    along_i.par_chunks_mut(ni).enumerate().for_each(|(row, out)| {
        let from = grid.at(first[0], first[1] + row % nj, first[2] + row / nj);
        for i in (0..ni).filter(|i| mask[from + i] != 0) {
            out[i.saturating_sub(w)..(i + w + 1).min(ni)].fill(1);
        }
    });
    let grow = |from: &[u8], stride: usize, n: usize, at_of: &(dyn Fn(usize) -> usize + Sync)| {
        let mut grown: Vec<u8> = zeroed(from.len());
        grown.par_chunks_mut(ni).enumerate().for_each(|(row, out)| {
            let at = at_of(row);
            for other in at.saturating_sub(w)..(at + w + 1).min(n) {
                let start = (row + other * stride - at * stride) * ni;
                out.iter_mut().zip(&from[start..start + ni]).for_each(|(o, v)| *o |= v);
            }
        });
        grown
    };
    let along_j = grow(&along_i, 1, nj, &|row| row % nj);
    grow(&along_j, nj, nk, &|row| row / nj)
}
