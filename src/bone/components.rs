//! Pieces of voxels above a level that touch by face, edge or corner.
//!
//! **Method** Run lengths per row and union-find: He, Chao and Suzuki, "A Run-Based Two-Scan Labeling Algorithm",
//! IEEE TIP 17(5), 2008. Slabs of slices in parallel, their borders joined afterwards; the smaller number becomes
//! the root, so labels do not depend on threads.

use rayon::prelude::*;

use crate::model::Grid;

/// Slices per slab. Fixed, though the outcome would be the same with any number.
const SLAB: usize = 16;

#[derive(Clone, Copy)]
struct Run {
    /// Along i, half open.
    start: u32,
    end: u32,
}

/// Labelled runs of a grid.
pub struct Components {
    dims: [usize; 3],
    runs: Vec<Run>,
    /// First run of each row, rows counted j fastest; one more at the end.
    row_start: Vec<usize>,
    /// Root run of each run.
    root: Vec<u32>,
    /// Root and number of voxels of each piece, largest first, then smallest root.
    pub pieces: Vec<(u32, usize)>,
}

impl Components {
    /// Finds the pieces of the voxels for which `inside` holds.
    pub fn find(grid: &Grid, inside: impl Fn(usize) -> bool + Sync) -> Self {
        let [ni, nj, nk] = grid.dims;
        let rows: Vec<Vec<Run>> =
            (0..nj * nk).into_par_iter().map(|row| runs_of(row * ni, ni, &inside)).collect();
        let mut row_start = Vec::with_capacity(rows.len() + 1);
        row_start.push(0);
        for row in &rows {
            row_start.push(row_start[row_start.len() - 1] + row.len());
        }
        let runs: Vec<Run> = rows.concat();
        let mut parent: Vec<u32> = (0..runs.len() as u32).collect();
        let slabs: Vec<(usize, usize)> = (0..nk).step_by(SLAB).map(|k| (k, (k + SLAB).min(nk))).collect();
        let mut parts: Vec<(usize, usize, &mut [u32])> = Vec::with_capacity(slabs.len());
        let mut rest: &mut [u32] = &mut parent;
        for &(k0, k1) in &slabs {
            let (part, after) = rest.split_at_mut(row_start[k1 * nj] - row_start[k0 * nj]);
            parts.push((k0, k1, part));
            rest = after;
        }
        parts.par_iter_mut().for_each(|(k0, k1, part)| {
            let base = row_start[*k0 * nj];
            // Inside the slab parents are counted from its first run.
            part.iter_mut().for_each(|p| *p -= base as u32);
            for k in *k0..*k1 {
                for j in 0..nj {
                    let row = k * nj + j;
                    if j > 0 {
                        join_rows(&runs, &row_start, row, row - 1, part, base);
                    }
                    if k > *k0 {
                        join_below(&runs, &row_start, row, j, nj, part, base);
                    }
                }
            }
            part.iter_mut().for_each(|p| *p += base as u32);
        });
        for &(k, _) in &slabs[1..] {
            for j in 0..nj {
                join_below(&runs, &row_start, k * nj + j, j, nj, &mut parent, 0);
            }
        }
        let mut counts = vec![0usize; runs.len()];
        let mut root = vec![0u32; runs.len()];
        for (at, run) in runs.iter().enumerate() {
            // Parents are smaller than their children, so their root is known already.
            let p = parent[at];
            root[at] = if p as usize == at { p } else { root[p as usize] };
            counts[root[at] as usize] += (run.end - run.start) as usize;
        }
        let mut pieces: Vec<(u32, usize)> =
            counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(r, &n)| (r as u32, n)).collect();
        pieces.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        Self { dims: grid.dims, runs, row_start, root, pieces }
    }

    /// 1 for the voxels of the piece with this root, 0 elsewhere.
    pub fn paint(&self, root: u32) -> Vec<u8> {
        let mut voxels = vec![0u8; self.dims.iter().product()];
        voxels.par_chunks_mut(self.dims[0]).enumerate().for_each(|(row, out)| {
            for at in self.row_start[row]..self.row_start[row + 1] {
                if self.root[at] == root {
                    out[self.runs[at].start as usize..self.runs[at].end as usize].fill(1);
                }
            }
        });
        voxels
    }

    /// Mean voxel index of each of the first `n` pieces.
    pub fn middles(&self, n: usize) -> Vec<[f64; 3]> {
        let wanted: Vec<(u32, usize)> = self.pieces.iter().take(n).copied().collect();
        let mut sums = vec![[0.0f64; 3]; wanted.len()];
        for row in 0..self.row_start.len() - 1 {
            let (j, k) = ((row % self.dims[1]) as f64, (row / self.dims[1]) as f64);
            for at in self.row_start[row]..self.row_start[row + 1] {
                let Some(piece) = wanted.iter().position(|w| w.0 == self.root[at]) else { continue };
                let (s, e) = (f64::from(self.runs[at].start), f64::from(self.runs[at].end));
                let sum = &mut sums[piece];
                sum[0] += (e - s) * (s + e - 1.0) / 2.0;
                sum[1] += (e - s) * j;
                sum[2] += (e - s) * k;
            }
        }
        sums.iter().zip(&wanted).map(|(s, w)| s.map(|x| x / w.1 as f64)).collect()
    }
}

fn runs_of(first: usize, ni: usize, inside: &impl Fn(usize) -> bool) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut i = 0;
    while i < ni {
        if inside(first + i) {
            let start = i;
            while i < ni && inside(first + i) {
                i += 1;
            }
            runs.push(Run { start: start as u32, end: i as u32 });
        }
        i += 1;
    }
    runs
}

fn join_below(
    runs: &[Run],
    row_start: &[usize],
    row: usize,
    j: usize,
    nj: usize,
    parent: &mut [u32],
    base: usize,
) {
    for other in j.saturating_sub(1)..(j + 2).min(nj) {
        join_rows(runs, row_start, row, row - j - nj + other, parent, base);
    }
}

fn join_rows(runs: &[Run], row_start: &[usize], a: usize, b: usize, parent: &mut [u32], base: usize) {
    let (mut p, p_end) = (row_start[a], row_start[a + 1]);
    let (mut q, q_end) = (row_start[b], row_start[b + 1]);
    while p < p_end && q < q_end {
        // Half-open runs touch, across a diagonal too, when neither ends before the other starts.
        if runs[p].start <= runs[q].end && runs[q].start <= runs[p].end {
            let (x, y) = (root_of(parent, p - base), root_of(parent, q - base));
            let (small, large) = (x.min(y), x.max(y));
            parent[large] = small as u32;
        }
        if runs[p].end <= runs[q].end { p += 1 } else { q += 1 }
    }
}

fn root_of(parent: &mut [u32], mut at: usize) -> usize {
    while parent[at] as usize != at {
        parent[at] = parent[parent[at] as usize];
        at = parent[at] as usize;
    }
    at
}
