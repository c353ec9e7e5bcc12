//! Smooths the levels along the surface and hands each to the voxels about it.

use rayon::prelude::*;

use super::edge::Sample;
use crate::model::{Grid, Mask};

const NONE: u32 = u32::MAX;
/// The neighbours move a level by no more than this share of its own step: a bare wall of diploe between two tables
/// would get their level and stand 0.3 mm back (phantom, PSF 0.9 mm), with pits behind it.
const SWAY: f32 = 0.1;
/// The edge lies no deeper under the mask's skin than this: on `scans/cranium` 1.05 mm (P95).
pub const DEEP_MM: f32 = 1.25;

/// Boundary samples, found by row.
pub struct Samples {
    pub all: Vec<Sample>,
    /// First sample of each row, rows counted j fastest; one more at the end.
    row_start: Vec<u32>,
}

impl Samples {
    /// `all` in order of memory.
    pub fn new(grid: &Grid, all: Vec<Sample>) -> Self {
        let rows = grid.dims[1] * grid.dims[2];
        let mut row_start = vec![0u32; rows + 1];
        for s in &all {
            row_start[s.ijk[2] as usize * grid.dims[1] + s.ijk[1] as usize + 1] += 1;
        }
        for row in 0..rows {
            row_start[row + 1] += row_start[row];
        }
        Self { all, row_start }
    }

    fn row(&self, row: usize) -> std::ops::Range<usize> {
        self.row_start[row] as usize..self.row_start[row + 1] as usize
    }

    /// Replaces each level by the mean of the middle half of the levels within `radius_mm` whose edge faces the
    /// same way, so that the other table of the bone has no say.
    pub fn smooth(&mut self, grid: &Grid, radius_mm: f64) {
        let smoothed = self.middle_means(grid, radius_mm, |n| self.all[n].level_hu);
        for (s, mean) in self.all.iter_mut().zip(smoothed) {
            // The neighbours may not put the level where this place has no edge: thin bone beside thick.
            let range = s.peak_hu - s.trough_hu;
            s.level_hu = mean.clamp(s.trough_hu + (0.5 - SWAY) * range, s.trough_hu + (0.5 + SWAY) * range);
        }
    }

    /// For each sample the mean of the middle half of `value` over the samples within `radius_mm` whose edge faces
    /// the same way.
    pub fn middle_means(&self, grid: &Grid, radius_mm: f64, value: impl Fn(usize) -> f32 + Sync) -> Vec<f32> {
        let h = grid.spacing_mm;
        let w = h.map(|s| (radius_mm / s).floor() as i64);
        self.all
            .par_iter()
            .map_init(Vec::new, |values: &mut Vec<f32>, s| {
                values.clear();
                let [i, j, k] = s.ijk.map(i64::from);
                for kk in (k - w[2]).max(0)..=(k + w[2]).min(grid.dims[2] as i64 - 1) {
                    for jj in (j - w[1]).max(0)..=(j + w[1]).min(grid.dims[1] as i64 - 1) {
                        let off = ((jj - j) as f64 * h[1]).powi(2) + ((kk - k) as f64 * h[2]).powi(2);
                        let left = radius_mm * radius_mm - off;
                        if left < 0.0 {
                            continue;
                        }
                        let wi = (left.sqrt() / h[0]).floor() as i64;
                        let range = self.row(kk as usize * grid.dims[1] + jj as usize);
                        let row = &self.all[range.clone()];
                        let first = row.partition_point(|o| i64::from(o.ijk[0]) < i - wi);
                        values.extend(
                            (range.start + first..)
                                .zip(&row[first..])
                                .take_while(|(_, o)| i64::from(o.ijk[0]) <= i + wi)
                                .filter(|(_, o)| (0..3).map(|a| o.out[a] * s.out[a]).sum::<f32>() > 0.5)
                                .map(|(n, _)| value(n)),
                        );
                    }
                }
                values.sort_by(f32::total_cmp);
                let quarter = values.len() / 4;
                let middle = &values[quarter..values.len() - quarter];
                middle.iter().sum::<f32>() / middle.len() as f32
            })
            .collect()
    }

    /// The level per voxel: that of the nearest sample within `reach_mm`, else `threshold_hu`. Deeper in the mask
    /// than the sample's peak the level does not exceed the threshold, so that diploe stays bone.
    pub fn spread(&self, grid: &Grid, mask: &Mask, reach_mm: f64, threshold_hu: f32) -> Vec<f32> {
        let along_i = self.nearest_along_i(grid, reach_mm);
        let in_slice = self.nearest_in_slice(grid, reach_mm, &along_i);
        drop(along_i);
        let [ni, nj, nk] = grid.dims;
        let h = grid.spacing_mm.map(|s| s as f32);
        let w = (reach_mm / grid.spacing_mm[2]).floor() as usize;
        let reach2 = (reach_mm * reach_mm) as f32;
        let mut level = vec![threshold_hu; grid.len()];
        level.par_chunks_mut(ni).enumerate().for_each(|(row, out)| {
            let (j, k) = (row % nj, row / nj);
            let mut best = vec![(reach2, NONE); ni];
            for kk in k.saturating_sub(w)..=(k + w).min(nk - 1) {
                let from = grid.at(0, j, kk);
                let dk2 = ((kk as f32 - k as f32) * h[2]).powi(2);
                for (i, (best, &id)) in best.iter_mut().zip(&in_slice[from..from + ni]).enumerate() {
                    if id != NONE {
                        let s = &self.all[id as usize].ijk;
                        let di = (s[0] as f32 - i as f32) * h[0];
                        let dj = (s[1] as f32 - j as f32) * h[1];
                        closer(best, di * di + dj * dj + dk2, id);
                    }
                }
            }
            for (i, (d2, id)) in best.into_iter().enumerate() {
                if id != NONE {
                    let s = &self.all[id as usize];
                    let deep = mask.voxels[row * ni + i] != 0 && d2.sqrt() >= s.peak_mm.min(DEEP_MM);
                    out[i] = if deep { s.level_hu.min(threshold_hu) } else { s.level_hu };
                }
            }
        });
        level
    }

    fn nearest_along_i(&self, grid: &Grid, reach_mm: f64) -> Vec<u32> {
        let ni = grid.dims[0];
        let w = (reach_mm / grid.spacing_mm[0]).floor() as i64;
        let mut nearest = vec![NONE; grid.len()];
        nearest.par_chunks_mut(ni).enumerate().for_each(|(row, out)| {
            let range = self.row(row);
            let row = &self.all[range.clone()];
            for (n, s) in row.iter().enumerate() {
                let here = i64::from(s.ijk[0]);
                // Half-way to the neighbours; the lower one has the middle.
                let after = n.checked_sub(1).map_or(0, |p| (i64::from(row[p].ijk[0]) + here) / 2 + 1);
                let until = row.get(n + 1).map_or(ni as i64 - 1, |q| (i64::from(q.ijk[0]) + here) / 2);
                let (from, to) = (after.max(here - w).max(0), until.min(here + w));
                out[from as usize..=to as usize].fill((range.start + n) as u32);
            }
        });
        nearest
    }

    fn nearest_in_slice(&self, grid: &Grid, reach_mm: f64, along_i: &[u32]) -> Vec<u32> {
        let [ni, nj, _] = grid.dims;
        let h = grid.spacing_mm.map(|s| s as f32);
        let w = (reach_mm / grid.spacing_mm[1]).floor() as usize;
        let reach2 = (reach_mm * reach_mm) as f32;
        let mut nearest = vec![NONE; grid.len()];
        nearest.par_chunks_mut(ni).enumerate().for_each(|(row, out)| {
            let (j, k) = (row % nj, row / nj);
            let mut best = vec![(reach2, NONE); ni];
            for jj in j.saturating_sub(w)..=(j + w).min(nj - 1) {
                if self.row(k * nj + jj).is_empty() {
                    continue;
                }
                let from = grid.at(0, jj, k);
                let dj2 = ((jj as f32 - j as f32) * h[1]).powi(2);
                for (i, (best, &id)) in best.iter_mut().zip(&along_i[from..from + ni]).enumerate() {
                    if id != NONE {
                        let di = (self.all[id as usize].ijk[0] as f32 - i as f32) * h[0];
                        closer(best, di * di + dj2, id);
                    }
                }
            }
            for (out, (_, id)) in out.iter_mut().zip(best) {
                *out = id;
            }
        });
        nearest
    }
}

/// Among equally near samples the lower number wins.
fn closer(best: &mut (f32, u32), d2: f32, id: u32) {
    if d2 < best.0 || (d2 == best.0 && id < best.1) {
        *best = (d2, id);
    }
}
