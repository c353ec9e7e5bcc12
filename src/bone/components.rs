//! Pieces of voxels that touch by face, edge or corner, or by face alone.
//!
//! **Method** Run lengths per row and union-find: He, Chao and Suzuki, "A Run-Based Two-Scan Labeling Algorithm",
//! IEEE TIP 17(5), 2008. Rows come as bits, runs from the counts of their trailing zeros and ones. Slabs of slices in
//! parallel, each from bits to numbered pieces while its rows are in the cache; then the pieces of neighbouring slabs
//! are joined. The smaller number becomes the root, so labels do not depend on threads.
//!
//! **Memory** No voxel-sized array is written here: runs are some hundredth of the volume, and a painted mask begins
//! as pages of zeros that the system hands out untouched; only those with bone on them are ever written.

use rayon::prelude::*;

use super::bits;
use crate::geometry::pages::zeroed;
use crate::model::Grid;

/// Slices per slab. Fixed, though the outcome would be the same with any number.
const SLAB: usize = 16;

/// Which neighbours of a voxel belong to its piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// The six that share a face.
    Faces,
    /// All twenty-six.
    Corners,
}

#[derive(Clone, Copy)]
struct Run {
    /// Along i, half open.
    start: u32,
    end: u32,
}

/// Some slices, their pieces numbered from 0 in the order in which memory meets them.
struct Slab {
    first_row: usize,
    runs: Vec<Run>,
    /// First run of each row; one more at the end.
    row_start: Vec<u32>,
    /// Piece of each run.
    piece: Vec<u32>,
    /// Voxels of each piece.
    sizes: Vec<usize>,
    /// Number of the slab's first piece among all.
    base: u32,
}

/// Labelled runs of a grid.
pub struct Components {
    dims: [usize; 3],
    slabs: Vec<Slab>,
    /// Root of each slab's pieces.
    root: Vec<u32>,
    /// Root and number of voxels of each piece, largest first, then smallest root.
    pub pieces: Vec<(u32, usize)>,
}

impl Components {
    /// Finds the pieces of the voxels whose bit `fill` sets, called once for every row (j fastest) with its number
    /// and its words, zeros before.
    pub fn find(grid: &Grid, connectivity: Connectivity, fill: impl Fn(usize, &mut [u64]) + Sync) -> Self {
        let [ni, nj, nk] = grid.dims;
        let mut slabs: Vec<Slab> = (0..nk.div_ceil(SLAB))
            .into_par_iter()
            .map(|n| Slab::find([ni, nj], n * SLAB..((n + 1) * SLAB).min(nk), connectivity, &fill))
            .collect();
        let mut total = 0;
        for slab in &mut slabs {
            slab.base = total;
            total += slab.sizes.len() as u32;
        }
        let mut root: Vec<u32> = (0..total).collect();
        for pair in slabs.windows(2) {
            let above = pair[0].row_start.len() - 1 - nj;
            for j in 0..nj {
                for other in below(j, nj, connectivity) {
                    let (a, b) = (pair[1].row(j), pair[0].row(above + other));
                    let joined = |p: usize, q: usize| {
                        let p = pair[1].base + pair[1].piece[p];
                        unite(&mut root, p, pair[0].base + pair[0].piece[q]);
                    };
                    join(&pair[1].runs, a, &pair[0].runs, b, connectivity, joined);
                }
            }
        }
        let mut counts = vec![0usize; root.len()];
        let sizes = slabs.iter().flat_map(|s| &s.sizes);
        for (at, size) in sizes.enumerate() {
            // Parents are smaller than their children, so their root is known already.
            root[at] = root[root[at] as usize];
            counts[root[at] as usize] += size;
        }
        let mut pieces: Vec<(u32, usize)> =
            counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(r, &n)| (r as u32, n)).collect();
        pieces.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        Self { dims: grid.dims, slabs, root, pieces }
    }

    /// 1 for the voxels of the pieces with these roots, 0 elsewhere.
    pub fn paint(&self, roots: &[u32]) -> Vec<u8> {
        let [ni, nj, _] = self.dims;
        let mut kept = vec![false; self.root.len()];
        roots.iter().for_each(|&r| kept[r as usize] = true);
        let mut voxels: Vec<u8> = zeroed(self.dims.iter().product());
        // A slab may have fewer slices than SLAB; the last chunk then has, too.
        voxels.par_chunks_mut(ni * nj * SLAB).zip(&self.slabs).for_each(|(out, slab)| {
            for (row, out) in out.chunks_mut(ni).enumerate() {
                for at in slab.row(row) {
                    if kept[self.root[(slab.base + slab.piece[at]) as usize] as usize] {
                        out[slab.runs[at].start as usize..slab.runs[at].end as usize].fill(1);
                    }
                }
            }
        });
        voxels
    }

    /// Root of the piece that holds a voxel; `None` where there is none.
    pub fn root_at(&self, [i, j, k]: [usize; 3]) -> Option<u32> {
        let slab = &self.slabs[k / SLAB];
        slab.row(k * self.dims[1] + j - slab.first_row)
            .find(|&at| (slab.runs[at].start..slab.runs[at].end).contains(&(i as u32)))
            .map(|at| self.root[(slab.base + slab.piece[at]) as usize])
    }

    /// Mean voxel index of each of these pieces.
    pub fn middles(&self, wanted: &[(u32, usize)]) -> Vec<[f64; 3]> {
        let mut place = vec![usize::MAX; self.root.len()];
        wanted.iter().enumerate().for_each(|(n, w)| place[w.0 as usize] = n);
        let mut sums = vec![[0.0f64; 3]; wanted.len()];
        // Whole and half numbers far below 2^53: the sums are exact in any order.
        for slab in &self.slabs {
            for row in 0..slab.row_start.len() - 1 {
                let all = slab.first_row + row;
                let (j, k) = ((all % self.dims[1]) as f64, (all / self.dims[1]) as f64);
                for at in slab.row(row) {
                    let root = self.root[(slab.base + slab.piece[at]) as usize];
                    let Some(sum) = sums.get_mut(place[root as usize]) else { continue };
                    let (s, e) = (f64::from(slab.runs[at].start), f64::from(slab.runs[at].end));
                    sum[0] += (e - s) * (s + e - 1.0) / 2.0;
                    sum[1] += (e - s) * j;
                    sum[2] += (e - s) * k;
                }
            }
        }
        sums.iter().zip(wanted).map(|(s, w)| s.map(|x| x / w.1 as f64)).collect()
    }
}

impl Slab {
    fn find(
        [ni, nj]: [usize; 2],
        slices: std::ops::Range<usize>,
        connectivity: Connectivity,
        fill: &(impl Fn(usize, &mut [u64]) + Sync),
    ) -> Self {
        let first_row = slices.start * nj;
        let rows = slices.len() * nj;
        let mut runs: Vec<Run> = Vec::new();
        let mut row_start = Vec::with_capacity(rows + 1);
        row_start.push(0);
        let mut words = vec![0u64; bits::words(ni)];
        for row in 0..rows {
            words.fill(0);
            fill(first_row + row, &mut words);
            bits::runs(&words, ni, |start, end| runs.push(Run { start, end }));
            row_start.push(runs.len() as u32);
        }
        let parent: Vec<u32> = (0..runs.len() as u32).collect();
        let mut slab = Self { first_row, runs, row_start, piece: parent, sizes: Vec::new(), base: 0 };
        slab.join_rows(nj, connectivity);
        // From parents to numbers: a parent is smaller than its child, so its number is known already.
        for at in 0..slab.piece.len() {
            let parent = slab.piece[at] as usize;
            slab.piece[at] = if parent == at {
                slab.sizes.push(0);
                slab.sizes.len() as u32 - 1
            } else {
                slab.piece[parent]
            };
            slab.sizes[slab.piece[at] as usize] += (slab.runs[at].end - slab.runs[at].start) as usize;
        }
        slab
    }

    fn row(&self, row: usize) -> std::ops::Range<usize> {
        self.row_start[row] as usize..self.row_start[row + 1] as usize
    }

    /// Joins each row to the one before it and to those of the slice below; `piece` holds parents.
    fn join_rows(&mut self, nj: usize, connectivity: Connectivity) {
        let mut parent = std::mem::take(&mut self.piece);
        for row in 0..self.row_start.len() - 1 {
            if self.row(row).is_empty() {
                continue;
            }
            let j = row % nj;
            let mut with = |other: usize| {
                let joined = |p: usize, q: usize| unite(&mut parent, p as u32, q as u32);
                join(&self.runs, self.row(row), &self.runs, self.row(other), connectivity, joined);
            };
            if j > 0 {
                with(row - 1);
            }
            if row >= nj {
                below(j, nj, connectivity).for_each(|other| with(row - j - nj + other));
            }
        }
        self.piece = parent;
    }
}

/// Rows of the slice below that touch row `j`.
fn below(j: usize, nj: usize, connectivity: Connectivity) -> std::ops::Range<usize> {
    match connectivity {
        Connectivity::Faces => j..j + 1,
        Connectivity::Corners => j.saturating_sub(1)..(j + 2).min(nj),
    }
}

/// Calls `joined` with every two runs of rows a and b that touch.
fn join(
    a_runs: &[Run],
    a: std::ops::Range<usize>,
    b_runs: &[Run],
    b: std::ops::Range<usize>,
    connectivity: Connectivity,
    mut joined: impl FnMut(usize, usize),
) {
    // Half-open runs overlap when each starts before the other ends; across a diagonal they touch when neither ends
    // before the other starts.
    let reach = u32::from(connectivity == Connectivity::Corners);
    let (mut p, mut q) = (a.start, b.start);
    while p < a.end && q < b.end {
        let (x, y) = (a_runs[p], b_runs[q]);
        if x.start < y.end + reach && y.start < x.end + reach {
            joined(p, q);
        }
        if x.end <= y.end { p += 1 } else { q += 1 }
    }
}

fn unite(parent: &mut [u32], p: u32, q: u32) {
    let (x, y) = (root_of(parent, p), root_of(parent, q));
    parent[x.max(y) as usize] = x.min(y);
}

fn root_of(parent: &mut [u32], mut at: u32) -> u32 {
    while parent[at as usize] != at {
        parent[at as usize] = parent[parent[at as usize] as usize];
        at = parent[at as usize];
    }
    at
}
