//! Surface nets of a sampled field, closed and two-manifold.
//!
//! **In** values on a grid, `i` fastest, negative inside. **Out** [`Net`] in index coordinates.
//!
//! **Method** Gibson, "Constrained Elastic SurfaceNets", Proc. MICCAI 1998, pp. 888-898, in the form of the crate
//! `fast-surface-nets`: one vertex per cell, at the mean of the linear crossings on the cell's edges; no relaxation,
//! since the field itself places the surface between samples. Runs in slabs of layers over rayon; the first layer of
//! a slab is the last one of the slab before, vertex by vertex, which is how they are welded.
//!
//! **Different from the paper** One vertex per cell cannot show a cell through which two sheets pass. Such cells
//! (inside or outside corners not joined along the cell's edges, which includes every checkerboard face) are
//! removed first by moving the cheapest corner values just across zero, see [`Nudge`]; `nudged` counts them.
//! Samples nearer to zero than `APART` of a neighbour across the surface are moved out to that, so that no
//! crossing falls on a sample and no triangle loses its area.
//!
//! The bone's surface comes from [`split`], which moves no sample and is faster; the nets here stay for the implant's
//! field, the milling picture and the air of the fixtures, and as oracle in the tests of [`split`].
//!
//! **Guarantees** Closed, even where the body leaves the grid (one outside sample stands beyond every face, and the
//! cap lies half a voxel beyond the last sample); two triangles on every edge, one fan round every vertex;
//! counter-clockwise from outside for a right-handed grid; the same bytes on any thread count.
//!
//! **Limits** Sheets thinner than a voxel show only where a sample falls inside. Positions are computed in `f32`:
//! 3e-5 voxel at index 512.

mod loops;
pub mod samples;
pub mod split;

use fast_surface_nets::ndshape::RuntimeShape;
use fast_surface_nets::{SurfaceNetsBuffer, surface_nets};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Which way a cell with two sheets is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nudge {
    /// Outside corners become just inside: thin bridges stay joined, thin gaps close.
    GrowInside,
    /// Inside corners become just outside: thin gaps stay open, thin bridges part.
    ShrinkInside,
}

/// A closed surface in index coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Net {
    /// (i, j, k); the centre of a voxel is a whole number. Beyond 0 or the last index only on caps.
    pub vertices: Vec<[f64; 3]>,
    /// Counter-clockwise seen from outside in a right-handed (i, j, k).
    pub triangles: Vec<[u32; 3]>,
    /// Samples moved across zero to make every cell hold one sheet.
    pub nudged: usize,
}

/// Cell layers per slab. Fixed, so that the outcome does not depend on the number of threads.
const SLAB: usize = 8;
/// Least distance of a crossing from a sample, in voxels. 5e-4 of 0.5 mm is 0.25 µm.
const APART: f32 = 5e-4;
/// A nudged sample lands at this share of its old distance from zero, on the other side. Arbitrary; small enough
/// to keep the surface near the sample, large enough that the triangles there keep their area.
const NUDGE_SHARE: f32 = 0.05;
/// Stands for infinity, so that crossings stay finite.
const HUGE: f32 = 1e30;

/// The closed surface where `values` cross zero, negative being inside.
///
/// `values` has `dims[0]·dims[1]·dims[2]` samples, `i` fastest. Infinite values are allowed.
///
/// # Panics
/// When the length of `values` does not match `dims`, or a value is NaN: both are faults of the caller.
pub fn surface_net(dims: [usize; 3], values: &[f32], nudge: Nudge) -> Net {
    assert_eq!(values.len(), dims.iter().product::<usize>(), "one value per sample of {dims:?}");
    if values.is_empty() {
        return Net { vertices: Vec::new(), triangles: Vec::new(), nudged: 0 };
    }
    let mut field = Padded::new(dims, values);
    let nudged = field.part_sheets(nudge);
    field.keep_crossings_apart();
    let (vertices, triangles) = field.mesh();
    Net { vertices, triangles, nudged }
}

/// The field with one outside sample before the first and two after the last along each axis: the kernel makes no
/// quads on its last layer of cells.
struct Padded {
    dims: [usize; 3],
    size: [usize; 3],
    values: Vec<f32>,
}

impl Padded {
    fn new(dims: [usize; 3], values: &[f32]) -> Self {
        let size = dims.map(|n| n + 3);
        let mut padded = vec![0f32; size.iter().product()];
        padded.par_chunks_mut(size[0]).enumerate().for_each(|(row, out)| {
            let (j, k) = (row % size[1], row / size[1]);
            let near = |at: usize, a: usize| at.saturating_sub(1).min(dims[a] - 1);
            let real_row = (1..=dims[1]).contains(&j) && (1..=dims[2]).contains(&k);
            let from = (near(k, 2) * dims[1] + near(j, 1)) * dims[0];
            for (i, value) in out.iter_mut().enumerate() {
                let v = values[from + near(i, 0)];
                assert!(!v.is_nan(), "the field is NaN at index {}", from + near(i, 0));
                let v = v.clamp(-HUGE, HUGE);
                // Mirrored in size, so that a cap lies half a voxel beyond the last sample; a zero has no size.
                let outside = if v == 0.0 { 1.0 } else { v.abs() };
                *value = if real_row && (1..=dims[0]).contains(&i) { v } else { outside };
            }
        });
        Self { dims, size, values: padded }
    }

    fn strides(&self) -> [usize; 3] {
        [1, self.size[0], self.size[0] * self.size[1]]
    }

    fn is_real(&self, at: usize) -> bool {
        let [_, sj, sk] = self.strides();
        let ijk = [at % sj, (at / sj) % self.size[1], at / sk];
        (0..3).all(|a| (1..=self.dims[a]).contains(&ijk[a]))
    }

    /// Corner signs of the cell whose first corner is `at`: bit = di + 2·dj + 4·dk.
    fn signs(&self, at: usize) -> u8 {
        (0..8)
            .fold(0, |signs, corner| signs | u8::from(self.values[at + self.corner(corner)] < 0.0) << corner)
    }

    fn corner(&self, corner: usize) -> usize {
        let s = self.strides();
        (corner & 1) * s[0] + (corner >> 1 & 1) * s[1] + (corner >> 2 & 1) * s[2]
    }

    /// Cells that hold more than one sheet, in order.
    fn crowded_cells(&self, crowded: &[bool; 256]) -> BTreeSet<usize> {
        let [_, sj, sk] = self.strides();
        let layers: Vec<Vec<usize>> = (0..self.size[2] - 1)
            .into_par_iter()
            .map(|k| {
                let mut found = Vec::new();
                for j in 0..self.size[1] - 1 {
                    let row = k * sk + j * sj;
                    let rows: [&[f32]; 4] =
                        [row, row + sj, row + sk, row + sj + sk].map(|r| &self.values[r..r + self.size[0]]);
                    let column = |i: usize| {
                        rows.iter().enumerate().fold(0u8, |c, (r, row)| c | u8::from(row[i] < 0.0) << (2 * r))
                    };
                    let mut left = column(0);
                    for i in 1..self.size[0] {
                        let right = column(i);
                        if crowded[(left | right << 1) as usize] {
                            found.push(row + i - 1);
                        }
                        left = right;
                    }
                }
                found
            })
            .collect();
        layers.into_iter().flatten().collect()
    }

    /// Moves samples across zero until every cell holds one sheet; returns how many. Ends, since samples only ever
    /// move one way and a cell all of one sign is not crowded.
    fn part_sheets(&mut self, nudge: Nudge) -> usize {
        let crowded: [bool; 256] = std::array::from_fn(|signs| is_crowded(signs as u8));
        let mut queue = self.crowded_cells(&crowded);
        let mut nudged = 0;
        while let Some(cell) = queue.pop_first() {
            let signs = self.signs(cell);
            if !crowded[signs as usize] {
                continue;
            }
            let flips = self.cheapest_flips(cell, signs, nudge, &crowded);
            for corner in (0..8).filter(|c| flips >> c & 1 == 1) {
                let at = cell + self.corner(corner);
                self.flip(at);
                nudged += 1;
                for c in 0..8 {
                    queue.insert(at - self.corner(c));
                }
            }
        }
        nudged
    }

    /// The set of corners whose flip leaves one sheet in the cell and changes the field least.
    fn cheapest_flips(&self, cell: usize, signs: u8, nudge: Nudge, crowded: &[bool; 256]) -> u8 {
        let movable = match nudge {
            Nudge::GrowInside => !signs,
            Nudge::ShrinkInside => signs,
        };
        let cost: [f32; 8] = std::array::from_fn(|c| {
            let at = cell + self.corner(c);
            // The padding stays outside, or the surface would be open there.
            if self.is_real(at) { self.values[at].abs() } else { f32::INFINITY }
        });
        let mut best = (f32::INFINITY, 9, 0u8);
        for set in 1..=255u8 {
            if set & !movable != 0 || crowded[(signs ^ set) as usize] {
                continue;
            }
            let sum: f32 = (0..8).filter(|c| set >> c & 1 == 1).map(|c| cost[c]).sum();
            let this = (sum, set.count_ones(), set);
            if sum.is_finite() && (best.2 == 0 || this.partial_cmp(&best) == Some(std::cmp::Ordering::Less)) {
                best = this;
            }
        }
        assert!(best.2 != 0, "flipping every movable real corner always leaves one sheet");
        best.2
    }

    fn flip(&mut self, at: usize) {
        let v = self.values[at];
        let size = if v != 0.0 { v.abs() } else { self.smallest_neighbour(at) } * NUDGE_SHARE;
        // The smallest normal number keeps its sign where everything about is zero.
        let size = size.max(f32::MIN_POSITIVE);
        self.values[at] = if v < 0.0 { size } else { -size };
    }

    fn smallest_neighbour(&self, at: usize) -> f32 {
        let sizes =
            self.strides().into_iter().flat_map(|s| [self.values[at - s].abs(), self.values[at + s].abs()]);
        sizes.filter(|&v| v > 0.0).fold(HUGE, f32::min)
    }

    /// Moves samples that lie almost on the surface off it, without changing their side.
    fn keep_crossings_apart(&mut self) {
        let strides = self.strides();
        let [_, sj, sk] = strides;
        let this = &*self;
        let moved: Vec<Vec<(usize, f32)>> = (1..self.size[2] - 2)
            .into_par_iter()
            .map(|k| {
                let mut moved = Vec::new();
                for j in 1..this.size[1] - 2 {
                    for at in k * sk + j * sj + 1..k * sk + (j + 1) * sj - 2 {
                        let v = this.values[at];
                        let inside = v < 0.0;
                        let across = strides
                            .iter()
                            .flat_map(|s| [this.values[at - s], this.values[at + s]])
                            .filter(|w| (*w < 0.0) != inside)
                            .fold(0f32, |m, w| m.max(w.abs()));
                        // An outside zero beside nothing inside is no crossing: across is 0 there.
                        if v.abs() < APART * across {
                            let size = APART * across;
                            moved.push((at, if inside { -size } else { size }));
                        }
                    }
                }
                moved
            })
            .collect();
        for (at, v) in moved.into_iter().flatten() {
            self.values[at] = v;
        }
    }

    fn mesh(&self) -> (Vec<[f64; 3]>, Vec<[u32; 3]>) {
        let layer = self.size[0] * self.size[1];
        let cells = self.size[2] - 1;
        let slabs: Vec<Slab> = (0..cells.div_ceil(SLAB))
            .into_par_iter()
            .map_init(SurfaceNetsBuffer::default, |buffer, s| {
                // Cell layers z0-1 .. z1: the extra one below belongs to the slab before.
                let z0 = s * SLAB;
                let (first, last) = (z0.saturating_sub(1), (z0 + SLAB).min(cells));
                let samples = &self.values[first * layer..(last + 1) * layer];
                Slab::new(samples, [self.size[0], self.size[1], last - first + 1], first, s > 0, buffer)
            })
            .collect();
        let mut vertices: Vec<[f64; 3]> = Vec::with_capacity(slabs.iter().map(|s| s.vertices.len()).sum());
        let mut triangles = Vec::with_capacity(slabs.iter().map(|s| s.triangles.len()).sum());
        for slab in &slabs {
            // The shared layer's vertices stand last in what was written and first in what comes.
            let base = vertices.len() - slab.shared;
            vertices.extend_from_slice(&slab.vertices[slab.shared..]);
            triangles.extend(slab.triangles.iter().map(|t| t.map(|v| v + base as u32)));
        }
        (vertices, triangles)
    }
}

/// Some layers of cells, meshed.
struct Slab {
    vertices: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
    /// How many of the first vertices are the last ones of the slab before.
    shared: usize,
}

impl Slab {
    fn new(
        samples: &[f32],
        size: [usize; 3],
        first: usize,
        shares: bool,
        buffer: &mut SurfaceNetsBuffer,
    ) -> Self {
        let inside = samples[0] < 0.0;
        if samples.iter().all(|&v| (v < 0.0) == inside) {
            return Self { vertices: Vec::new(), triangles: Vec::new(), shared: 0 };
        }
        let shape = RuntimeShape::<u32, 3>::new(size.map(|n| n as u32));
        surface_nets(samples, &shape, [0; 3], size.map(|n| n as u32 - 1), buffer);
        let shared = if shares { buffer.surface_points.iter().take_while(|p| p[2] == 0).count() } else { 0 };
        // −1 for the padding before the first sample.
        let place = |p: &[f32; 3]| {
            [f64::from(p[0]) - 1.0, f64::from(p[1]) - 1.0, f64::from(p[2]) - 1.0 + first as f64]
        };
        Self {
            vertices: buffer.positions.iter().map(place).collect(),
            triangles: buffer.indices.chunks_exact(3).map(|t| [t[0], t[1], t[2]]).collect(),
            shared,
        }
    }
}

/// True when the inside or the outside corners of a cell are not all joined along its edges.
fn is_crowded(signs: u8) -> bool {
    let joined = |set: u8| {
        let mut reached = set & set.wrapping_neg();
        loop {
            // Neighbours along x, y, z: bits ±1, ±2, ±4 within the cube.
            let along = |d: u32, low: u8| ((reached & low) << d) | ((reached & !low) >> d);
            let grown = (reached | along(1, 0x55) | along(2, 0x33) | along(4, 0x0f)) & set;
            if grown == reached {
                return reached == set;
            }
            reached = grown;
        }
    };
    !(joined(signs) && joined(!signs))
}

#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod tests;
