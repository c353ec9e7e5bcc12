//! The head in coarse cells: what is skull, which end the vault closes, which side the face is on.

use rayon::prelude::*;

use super::digest::{Digest, Gauge};
use super::params::ScanParams;
use crate::model::{Grid, Point};

/// Labels of cells that are no bone, and of bone not yet reached.
const NO_BONE: u32 = 0;
const UNSEEN: u32 = 1;
/// Air is below, tissue above.
const TISSUE_HU: f32 = -300.0;
const AIR_HU: f32 = -500.0;
/// Bone this deep inside the outline of a slice belongs to no vault, mm.
const DEEP_MM: f64 = 12.0;
/// How far the face must lie ahead of the head's middle to be told, mm: two cells. A real head's air lies 51 mm ahead, the
/// phantom's 24; a plastic skull's facial bone 20.
const AHEAD_MM: f64 = 5.0;
/// Height of the skull below the crown that a planning scan is about, mm.
pub const HEAD_MM: f64 = 150.0;

/// The head.
pub struct Anatomy {
    grid: Grid,
    factor: [usize; 3],
    mean: Vec<f32>,
    skull: Vec<bool>,
    /// First and last cell of the skull along i, j, k; `None` without bone.
    bounds: Option<[[usize; 2]; 3]>,
    /// True where k grows towards the head.
    up: bool,
}

/// Count and sum of y of a layer's air inside the head, and of its tissue.
type LayerSums = ((usize, f64), (usize, f64));

/// How sure an orientation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// As the tags say; the number that shows it.
    AsWritten(f64),
    /// The other way round.
    Reversed(f64),
    /// The anatomy does not tell.
    Unclear(f64),
}

impl Anatomy {
    /// Puts the sums of the slices together to cells and finds the largest piece of bone.
    pub fn of(fine: &Grid, digests: &[Digest], params: &ScanParams) -> Self {
        let Gauge { factor, cells: dims, .. } = Gauge::new(fine, params);
        let middle = factor.map(|f| (f as f64 - 1.0) / 2.0);
        let grid = Grid {
            dims,
            spacing_mm: std::array::from_fn(|a| fine.spacing_mm[a] * factor[a] as f64),
            origin_lps_mm: fine.patient_from_index(middle),
            axes_lps: fine.axes_lps,
        };
        let per_cell = factor.iter().product::<usize>() as f32;
        let mut mean = vec![0f32; grid.len()];
        let slabs = mean.par_chunks_exact_mut(dims[0] * dims[1]).zip(digests.par_chunks_exact(factor[2]));
        slabs.for_each(|(out, slices)| {
            let mut sums = vec![0i64; out.len()];
            for slice in slices {
                sums.iter_mut().zip(&slice.sums).for_each(|(sum, &of_slice)| *sum += of_slice);
            }
            out.iter_mut().zip(sums).for_each(|(mean, sum)| *mean = sum as f32 / per_cell);
        });
        let skull = largest_piece(&grid, &mean, params.bone_hu as f32);
        let mut bounds: Option<[[usize; 2]; 3]> = None;
        for (row, cells) in skull.chunks_exact(dims[0]).enumerate() {
            let Some(first) = cells.iter().position(|&c| c) else { continue };
            let last = cells.iter().rposition(|&c| c).unwrap_or(first);
            let ends = [[first, row % dims[1], row / dims[1]], [last, row % dims[1], row / dims[1]]];
            let b = bounds.get_or_insert(ends[0].map(|n| [n, n]));
            for a in 0..3 {
                b[a] = [b[a][0].min(ends[0][a]), b[a][1].max(ends[1][a])];
            }
        }
        let up = grid.axes_lps[2].unit[2] >= 0.0;
        Self { grid, factor, mean, skull, bounds, up }
    }

    /// True where voxel `[i, j, k]` lies in or next to the skull's cells.
    pub fn near_skull(&self, i: usize, j: usize, k: usize) -> bool {
        let n = [i, j, k];
        let c: [usize; 3] = std::array::from_fn(|a| (n[a] / self.factor[a]).min(self.grid.dims[a] - 1));
        let span = |a: usize| c[a].saturating_sub(1)..=(c[a] + 1).min(self.grid.dims[a] - 1);
        span(2).any(|k| span(1).any(|j| span(0).any(|i| self.skull[self.grid.at(i, j, k)])))
    }

    /// Height of a place below the crown of the skull, mm; `None` without bone.
    pub fn below_crown_mm(&self, p: Point<crate::model::Patient>) -> Option<f64> {
        let b = self.bounds?;
        let crown = if self.up { b[2][1] } else { b[2][0] } as f64;
        let k = self.grid.index_from_patient(p)[2];
        Some((if self.up { crown - k } else { k - crown }) * self.grid.spacing_mm[2])
    }

    /// Is the end called top the vault? The vault closes inside the scan and has bone in its wall only; the other end
    /// leaves the scan with the neck, and holds the skull's base.
    pub fn head_up(&self) -> Seen {
        let Some(b) = self.bounds else { return Seen::Unclear(0.0) };
        let area = |k: usize| {
            let cells = (b[1][0]..=b[1][1])
                .flat_map(|j| (b[0][0]..=b[0][1]).map(move |i| (i, j)))
                .filter(|&(i, j)| self.mean[self.grid.at(i, j, k)] > TISSUE_HU)
                .count();
            cells as f64
        };
        let areas: Vec<f64> = (0..self.grid.dims[2]).into_par_iter().map(area).collect();
        let most = areas.iter().copied().fold(1.0, f64::max);
        let (low, high) = (areas[0] / most, areas[areas.len() - 1] / most);
        let (top, bottom) = if self.up { (high, low) } else { (low, high) };
        // A twentieth of the largest section is a scalp or a pillow; a third is a neck.
        if top < 0.05 && bottom > 0.33 {
            return Seen::AsWritten(top);
        }
        if bottom < 0.05 && top > 0.33 {
            return Seen::Reversed(bottom);
        }
        self.base_below(b)
    }

    /// By bone deep inside the outline: the skull's base has it, the vault none.
    fn base_below(&self, b: [[usize; 2]; 3]) -> Seen {
        let [first, last] = b[2];
        let n = last - first + 1;
        let deep: Vec<f64> = (first..=last).into_par_iter().map(|k| self.deep_bone_mm2(k, b)).collect();
        // The outermost tenth of either end is the cap of a dome, bone throughout.
        let (skip, part) = (n / 10, n * 2 / 5);
        let sum =
            |range: std::ops::Range<usize>| deep[range.start.min(n)..range.end.min(n)].iter().sum::<f64>();
        let (low, high) = (sum(skip..part), sum(n - part..n - skip));
        let (top, bottom) = if self.up { (high, low) } else { (low, high) };
        let share = bottom / (top + bottom).max(1.0);
        // Two thirds: twice as much on one end as on the other.
        match share {
            s if s > 0.667 => Seen::AsWritten(s),
            s if top + bottom > 1.0 && s < 0.333 => Seen::Reversed(s),
            s => Seen::Unclear(s),
        }
    }

    fn deep_bone_mm2(&self, k: usize, b: [[usize; 2]; 3]) -> f64 {
        let inside = self.enclosed(k, b, 3, |at| self.skull[at]);
        let [w, h] = [b[0][1] - b[0][0] + 1, b[1][1] - b[1][0] + 1];
        let reach = [0, 1].map(|a| (DEEP_MM / self.grid.spacing_mm[a]).ceil() as usize);
        let mut count = 0;
        for j in reach[1]..h.saturating_sub(reach[1]) {
            for i in reach[0]..w.saturating_sub(reach[0]) {
                if self.skull[self.grid.at(b[0][0] + i, b[1][0] + j, k)]
                    && inside[j * w + i - reach[0]]
                    && inside[j * w + i + reach[0]]
                    && inside[(j - reach[1]) * w + i]
                    && inside[(j + reach[1]) * w + i]
                {
                    count += 1;
                }
            }
        }
        f64::from(count) * self.grid.spacing_mm[0] * self.grid.spacing_mm[1]
    }

    /// Cells of the skull's box that are, or see in at least `least` of four directions, what `wall` says.
    fn enclosed(&self, k: usize, b: [[usize; 2]; 3], least: u8, wall: impl Fn(usize) -> bool) -> Vec<bool> {
        let [w, h] = [b[0][1] - b[0][0] + 1, b[1][1] - b[1][0] + 1];
        let is = |i: usize, j: usize| wall(self.grid.at(b[0][0] + i, b[1][0] + j, k));
        let mut seen = vec![0u8; w * h];
        let mut walls = vec![false; w * h];
        for j in 0..h {
            for order in [false, true] {
                let mut met = false;
                for n in 0..w {
                    let i = if order { w - 1 - n } else { n };
                    met |= is(i, j);
                    seen[j * w + i] += u8::from(met);
                    walls[j * w + i] = is(i, j);
                }
            }
        }
        for i in 0..w {
            for order in [false, true] {
                let mut met = false;
                for n in 0..h {
                    let j = if order { h - 1 - n } else { n };
                    met |= walls[j * w + i];
                    seen[j * w + i] += u8::from(met);
                }
            }
        }
        seen.iter().zip(walls).map(|(&s, wall)| wall || s >= least).collect()
    }

    /// Is the side called front the face? Air inside the head (nose, sinuses) lies in front of its middle, and so
    /// does the bone of the face before that of the vault.
    pub fn face_front(&self) -> Seen {
        let Some(b) = self.bounds else { return Seen::Unclear(0.0) };
        let y =
            |i: usize, j: usize, k: usize| self.grid.patient_from_index([i as f64, j as f64, k as f64]).mm[1];
        let w = b[0][1] - b[0][0] + 1;
        let of_layer = |k: usize| {
            let (mut air, mut tissue) = ((0usize, 0.0), (0usize, 0.0));
            // All four: behind the neck three see tissue.
            let inside = self.enclosed(k, b, 4, |at| self.mean[at] > TISSUE_HU);
            for j in b[1][0]..=b[1][1] {
                for i in b[0][0]..=b[0][1] {
                    let hu = self.mean[self.grid.at(i, j, k)];
                    if hu > TISSUE_HU {
                        tissue = (tissue.0 + 1, tissue.1 + y(i, j, k));
                    } else if hu < AIR_HU && inside[(j - b[1][0]) * w + i - b[0][0]] {
                        air = (air.0 + 1, air.1 + y(i, j, k));
                    }
                }
            }
            (air, tissue)
        };
        // Summed in order of the layers, so that the sum is the same on any number of threads.
        let layers: Vec<_> = (b[2][0]..=b[2][1]).into_par_iter().map(of_layer).collect();
        let sum = |of: fn(&LayerSums) -> (usize, f64)| {
            layers.iter().map(of).fold((0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
        };
        let ((air, air_y), (tissue, tissue_y)) = (sum(|l| l.0), sum(|l| l.1));
        let cell_cm3 = self.grid.voxel_mm3() / 1000.0;
        // Less than 2 cm3 is noise; a dry skull is full of air and tells nothing this way.
        if (air as f64) * cell_cm3 > 2.0 && air < tissue / 2 {
            let ahead_mm = tissue_y / tissue as f64 - air_y / air as f64;
            if ahead_mm.abs() > AHEAD_MM {
                return if ahead_mm > 0.0 { Seen::AsWritten(ahead_mm) } else { Seen::Reversed(ahead_mm) };
            }
        }
        self.face_by_bone(b)
    }

    /// Bone of the lower part against the box of the upper: the face stands before the vault.
    fn face_by_bone(&self, b: [[usize; 2]; 3]) -> Seen {
        let n = b[2][1] - b[2][0] + 1;
        let middle = b[2][0] + n / 2;
        let mut sums = [(0usize, 0.0); 2];
        for at in (0..self.grid.len()).filter(|&at| self.skull[at]) {
            let ijk = self.grid.ijk(at);
            let upper = (ijk[2] >= middle) == self.up;
            let s = &mut sums[usize::from(upper)];
            *s = (s.0 + 1, s.1 + self.grid.patient_from_index(ijk.map(|n| n as f64)).mm[1]);
        }
        let [lower, upper] = sums.map(|(count, y)| y / count.max(1) as f64);
        let ahead_mm = upper - lower;
        match ahead_mm {
            a if a > AHEAD_MM => Seen::AsWritten(a),
            a if a < -AHEAD_MM => Seen::Reversed(a),
            a => Seen::Unclear(a),
        }
    }
}

/// Cells at or above `level` of the largest 26-connected piece.
fn largest_piece(grid: &Grid, mean: &[f32], level: f32) -> Vec<bool> {
    // A rim of one cell all round, so that every cell has 26 neighbours at the same strides.
    let [ni, nj, nk] = grid.dims;
    let (row, layer) = (ni + 2, (ni + 2) * (nj + 2));
    let mut label = vec![NO_BONE; layer * (nk + 2)];
    let inside = |k: usize, j: usize| (k + 1) * layer + (j + 1) * row + 1;
    for (at, cells) in mean.chunks_exact(ni).enumerate() {
        let out = &mut label[inside(at / nj, at % nj)..][..ni];
        out.iter_mut().zip(cells).filter(|(_, mean)| **mean >= level).for_each(|(l, _)| *l = UNSEEN);
    }
    let (mut best, mut best_size, mut next) = (UNSEEN, 0usize, UNSEEN);
    let mut open: Vec<usize> = Vec::new();
    for start in 0..label.len() {
        if label[start] != UNSEEN {
            continue;
        }
        next += 1;
        label[start] = next;
        open.push(start);
        let mut size = 0;
        while let Some(at) = open.pop() {
            size += 1;
            for first in [at - layer, at, at + layer].iter().flat_map(|&k| [k - row, k, k + row]) {
                for n in first - 1..=first + 1 {
                    if label[n] == UNSEEN {
                        label[n] = next;
                        open.push(n);
                    }
                }
            }
        }
        if size > best_size {
            (best, best_size) = (next, size);
        }
    }
    let mut skull = vec![false; grid.len()];
    for (at, cells) in skull.chunks_exact_mut(ni).enumerate() {
        let labels = &label[inside(at / nj, at % nj)..][..ni];
        cells.iter_mut().zip(labels).for_each(|(cell, &l)| *cell = best != UNSEEN && l == best);
    }
    skull
}
