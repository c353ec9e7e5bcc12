//! The blank as lines along z, and the grid that lines along x and y share with it.
//!
//! Tools come from +z or −z of the part and clear everything above their end, so what remains on a z line is one
//! stretch `[bottom, top]`; both are kept with the sign that lets one kernel trim either: `top` and `−bottom`.

use crate::model::BoxPart;

/// Rows of z lines that are milled together: a tile is `TILE` rows, a block `TILE` x `TILE` lines.
pub(super) const TILE: usize = 16;
/// Still there.
pub(super) const ALIVE: u32 = u32::MAX;

/// Where the lines run, part mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lattice {
    pub min: [f64; 3],
    pub max: [f64; 3],
    pub step: f64,
    /// Lines across each axis: line numbers i, j, k of the places `min + (n + 1/2) step`.
    pub n: [usize; 3],
}

impl Lattice {
    pub fn new(stock: &BoxPart, step: f64) -> Self {
        let (min, max) = (stock.min_mm.mm, stock.max_mm.mm);
        let n = std::array::from_fn(|a| (((max[a] - min[a]) / step).round() as usize).max(1));
        Self { min, max, step, n }
    }

    /// Coordinate of line `n` on axis `a`.
    #[inline]
    pub fn at(&self, a: usize, n: usize) -> f64 {
        self.min[a] + (n as f64 + 0.5) * self.step
    }

    /// Line numbers whose coordinates lie in `[lo, hi]`, as a half-open range.
    #[inline]
    pub fn range(&self, a: usize, lo: f64, hi: f64) -> std::ops::Range<usize> {
        // `as usize` cuts off, and takes what is below zero for zero: ceil and floor without a call to either.
        let (from, to) = ((lo - self.min[a]) / self.step - 0.5, (hi - self.min[a]) / self.step - 0.5);
        if !(to >= 0.0) {
            return 0..0;
        }
        let first = (from as usize).saturating_add(usize::from(from > (from as usize) as f64));
        let end = (to as usize).saturating_add(1).min(self.n[a]);
        first.min(end)..end
    }

    /// The line nearest to a coordinate.
    #[inline]
    pub fn nearest(&self, a: usize, x: f64) -> usize {
        (((x - self.min[a]) / self.step).floor().max(0.0) as usize).min(self.n[a] - 1)
    }
}

/// What is left of the blank on the z lines; line (i, j) at `j * n[0] + i`.
#[derive(Clone, Debug)]
pub(super) struct Stock {
    pub lattice: Lattice,
    pub top: Vec<f64>,
    /// Minus the z of the lower end. A line is empty where `top + low <= 0`.
    pub low: Vec<f64>,
    /// The move that took the last of the line.
    pub gone: Vec<u32>,
}

impl Stock {
    pub fn new(lattice: Lattice) -> Self {
        let lines = lattice.n[0] * lattice.n[1];
        Self {
            lattice,
            top: vec![lattice.max[2]; lines],
            low: vec![-lattice.min[2]; lines],
            gone: vec![ALIVE; lines],
        }
    }

    /// `[bottom, top]` of a z line; `None` when nothing is left.
    #[inline]
    pub fn column(&self, i: usize, j: usize) -> Option<(f64, f64)> {
        let at = j * self.lattice.n[0] + i;
        (self.gone[at] == ALIVE).then(|| (-self.low[at], self.top[at]))
    }
}
