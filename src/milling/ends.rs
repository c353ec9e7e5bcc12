//! Where lines along x and y leave the material: exact ends, near what is looked at.
//!
//! What is removed from a line is the union of the intervals the moves sweep on it, in any order; so these lines are
//! made after the moves are known, row by row, and only where [`Interest`] asks for them.

use rayon::prelude::*;

use super::carve::Piece;
use super::cutter::Cutter;
use super::stock::{ALIVE, Lattice, Stock, TILE};
use super::sweep::Sweep;
use super::tilt::{Tilt, Tilts};
use crate::model::{Mesh, Part};

/// Per block of `TILE` x `TILE` lines: the z levels that matter, part mm.
#[derive(Clone, Debug)]
pub(super) struct Interest {
    blocks: [usize; 2],
    z: Vec<Option<(f64, f64)>>,
}

impl Interest {
    fn empty(lattice: &Lattice) -> Self {
        let blocks = [lattice.n[0].div_ceil(TILE), lattice.n[1].div_ceil(TILE)];
        Self { blocks, z: vec![None; blocks[0] * blocks[1]] }
    }

    fn add(&mut self, at: usize, lo: f64, hi: f64) {
        let z = self.z[at].get_or_insert((lo, hi));
        *z = (z.0.min(lo), z.1.max(hi));
    }

    /// Within `reach` of the design's triangles (box by box, so a little more).
    pub fn near(lattice: &Lattice, design: &Mesh<Part>, reach: f64) -> Self {
        let mut out = Self::empty(lattice);
        for t in 0..design.triangles.len() {
            let c = design.corners(t);
            let lo: [f64; 3] = std::array::from_fn(|a| c[0][a].min(c[1][a]).min(c[2][a]) - reach);
            let hi: [f64; 3] = std::array::from_fn(|a| c[0][a].max(c[1][a]).max(c[2][a]) + reach);
            let (cols, rows) = (lattice.range(0, lo[0], hi[0]), lattice.range(1, lo[1], hi[1]));
            if cols.is_empty() || rows.is_empty() {
                continue;
            }
            for by in rows.start / TILE..=(rows.end - 1) / TILE {
                for bx in cols.start / TILE..=(cols.end - 1) / TILE {
                    out.add(by * out.blocks[0] + bx, lo[2], hi[2]);
                }
            }
        }
        out
    }

    /// Wherever the tools left a surface.
    pub fn milled(stock: &Stock) -> Self {
        let lattice = &stock.lattice;
        let mut own = Self::empty(lattice);
        let row = lattice.n[0];
        for j in 0..lattice.n[1] {
            for i in 0..row {
                let at = j * row + i;
                let block = (j / TILE) * own.blocks[0] + i / TILE;
                if stock.gone[at] != ALIVE {
                    own.add(block, lattice.min[2], lattice.max[2]);
                    continue;
                }
                if stock.top[at] < lattice.max[2] {
                    own.add(block, stock.top[at], stock.top[at]);
                }
                if -stock.low[at] > lattice.min[2] {
                    own.add(block, -stock.low[at], -stock.low[at]);
                }
                for &(a, b) in stock.gaps_of(at) {
                    own.add(block, a, b);
                }
            }
        }
        // A wall stands between a block and its neighbour, and up to the face of the blank.
        let mut out = own.clone();
        for by in 0..own.blocks[1] {
            for bx in 0..own.blocks[0] {
                for ny in by.saturating_sub(1)..(by + 2).min(own.blocks[1]) {
                    for nx in bx.saturating_sub(1)..(bx + 2).min(own.blocks[0]) {
                        if own.z[ny * own.blocks[0] + nx].is_some() {
                            out.add(by * own.blocks[0] + bx, lattice.min[2], lattice.max[2]);
                        }
                    }
                }
            }
        }
        out
    }

    /// Levels that matter on z line (i, j).
    #[inline]
    pub fn at(&self, i: usize, j: usize) -> Option<(f64, f64)> {
        self.z_of(i / TILE, j / TILE)
    }

    #[inline]
    fn z_of(&self, bx: usize, by: usize) -> Option<(f64, f64)> {
        self.z[by * self.blocks[0] + bx]
    }
}

/// An end of a line along x or y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CrossEnd {
    /// Level number.
    pub k: u32,
    /// Coordinate along the line, part mm.
    pub x: f64,
    /// Material on the lower side.
    pub material_below: bool,
}

/// Ends per row of lines along one axis: `rows[j]` for lines along x at row j, `rows[i]` for lines along y; sorted by
/// level, then along the line.
pub(super) struct CrossEnds {
    pub rows: Vec<Vec<CrossEnd>>,
}

impl CrossEnds {
    /// Ends of the line at row `row`, level `k`.
    pub fn line(&self, row: usize, k: usize) -> &[CrossEnd] {
        let ends = &self.rows[row];
        let first = ends.partition_point(|e| (e.k as usize) < k);
        let last = ends.partition_point(|e| e.k as usize <= k);
        &ends[first..last]
    }
}

/// Ends of the lines along `axis` (0 or 1), where interest asks. `numbers`: the pieces that removed material.
#[allow(clippy::too_many_arguments)] // The moves, what made them, and where to look.
pub(super) fn cross_ends(
    lattice: &Lattice,
    pieces: &[Piece],
    numbers: &[u32],
    cutters: &[Cutter],
    tilts: &Tilts,
    interest: &Interest,
    axis: usize,
) -> CrossEnds {
    let other = 1 - axis;
    let tiles = lattice.n[other].div_ceil(TILE);
    let mut by_tile = vec![Vec::new(); tiles];
    for &number in numbers {
        let p = &pieces[number as usize];
        let r = cutters[p.cutter as usize].radius_mm;
        let rows = match tilts.of(p) {
            None => {
                let (y0, y1) =
                    (p.span.from[other].min(p.span.to[other]), p.span.from[other].max(p.span.to[other]));
                lattice.range(other, y0 - r, y1 + r)
            }
            Some(tilt) => {
                tilt.reach(p, r, 0.0).map_or(0..0, |(lo, hi)| lattice.range(other, lo[other], hi[other]))
            }
        };
        if rows.is_empty() {
            continue;
        }
        for tile in &mut by_tile[rows.start / TILE..=(rows.end - 1) / TILE] {
            tile.push(number);
        }
    }
    let rows = (0..lattice.n[other])
        .into_par_iter()
        .map(|row| {
            let mut line = RowLines::new(lattice, interest, axis, row);
            if line.wanted {
                for &number in &by_tile[row / TILE] {
                    let p = &pieces[number as usize];
                    let cutter = &cutters[p.cutter as usize];
                    match tilts.of(p) {
                        Some(tilt) => line.remove_tilted(p, tilt, cutter),
                        None => line.remove(p, cutter),
                    }
                }
            }
            line.ends()
        })
        .collect();
    CrossEnds { rows }
}

/// All lines along `axis` of one row: what is removed from each.
struct RowLines<'a> {
    lattice: &'a Lattice,
    axis: usize,
    row: usize,
    /// Levels of interest per block along the row.
    levels: Vec<std::ops::Range<usize>>,
    removed: Vec<Vec<(f64, f64)>>,
    /// Per level, the stretch of `removed` last found to hold a whole move: the next one is mostly held by it too.
    held: Vec<(f64, f64)>,
    wanted: bool,
}

impl<'a> RowLines<'a> {
    fn new(lattice: &'a Lattice, interest: &Interest, axis: usize, row: usize) -> Self {
        let blocks = lattice.n[axis].div_ceil(TILE);
        let levels: Vec<_> = (0..blocks)
            .map(|b| {
                let z = if axis == 0 { interest.z_of(b, row / TILE) } else { interest.z_of(row / TILE, b) };
                z.map_or(0..0, |(lo, hi)| lattice.range(2, lo, hi))
            })
            .collect();
        let wanted = levels.iter().any(|l| !l.is_empty());
        let removed = if wanted { vec![Vec::new(); lattice.n[2]] } else { Vec::new() };
        let held = vec![(f64::INFINITY, f64::NEG_INFINITY); removed.len()];
        Self { lattice, axis, row, levels, removed, held, wanted }
    }

    fn remove_tilted(&mut self, piece: &Piece, tilt: &Tilt, cutter: &Cutter) {
        let (axis, other) = (self.axis, 1 - self.axis);
        let y = self.lattice.at(other, self.row);
        let Some((lo, hi)) = tilt.reach(piece, cutter.radius_mm, 0.0) else { return };
        if y < lo[other] || y > hi[other] {
            return;
        }
        let Some((first, last)) = self.levels_near(self.lattice.range(axis, lo[axis], hi[axis])) else {
            return;
        };
        let levels = self.lattice.range(2, lo[2], hi[2]);
        let sweep = Sweep::new(cutter, piece.span);
        // A line is cut as far as the blank reaches, and a millimetre on, so that an end on its face is none.
        let (x0, x1) = (self.lattice.min[axis] - 1.0, self.lattice.max[axis] + 1.0);
        for k in first.max(levels.start)..last.min(levels.end) {
            let mut p = [0.0, 0.0, self.lattice.at(2, k)];
            p[other] = y;
            let line = tilt.line(axis, p);
            let Some(over) = sweep.over(&line, cutter.radius_mm, x0, x1) else { continue };
            if covered_by(&self.removed[k], over.0, over.1).is_some() {
                continue;
            }
            if let Some((a, b)) = sweep.within(&line, over) {
                insert(&mut self.removed[k], a, b);
            }
        }
    }

    /// First and one past the last level of interest in the blocks that these lines, and one to either side, lie in.
    fn levels_near(&self, cols: std::ops::Range<usize>) -> Option<(usize, usize)> {
        let last_line = self.lattice.n[self.axis] - 1;
        let lo = cols.start.saturating_sub(1).min(last_line) / TILE;
        let hi = cols.end.min(last_line) / TILE;
        let mut out = None;
        for l in self.levels[lo..=hi].iter().filter(|l| !l.is_empty()) {
            let (first, last) = out.unwrap_or((l.start, l.end));
            out = Some((l.start.min(first), l.end.max(last)));
        }
        out
    }

    fn remove(&mut self, piece: &Piece, cutter: &Cutter) {
        let (axis, other) = (self.axis, 1 - self.axis);
        let y = self.lattice.at(other, self.row);
        let (f, t) = (piece.span.from, piece.span.to);
        let r = cutter.radius_mm;
        let off = (f[other].min(t[other]) - y).max(y - f[other].max(t[other])).max(0.0);
        if off >= r {
            return;
        }
        let half = (r * r - off * off).sqrt();
        let cols = self.lattice.range(axis, f[axis].min(t[axis]) - half, f[axis].max(t[axis]) + half);
        // One line to either side: an end lies between lines.
        let Some((first, last)) = self.levels_near(cols) else { return };
        // Levels at or above the lowest place the cutter reaches on this row.
        let lowest = f[2].min(t[2]) + cutter.height_mm(off);
        let above = if piece.up > 0.0 {
            self.lattice.range(2, lowest, self.lattice.max[2])
        } else {
            self.lattice.range(2, self.lattice.min[2], -lowest)
        };
        let (first, last) = (first.max(above.start), last.min(above.end));
        if first >= last {
            return;
        }
        let tip = f[2].min(t[2]);
        // Made where it is asked for: most moves cut nothing on most rows.
        let mut sweep = None;
        let (x0, x1) = (f[axis].min(t[axis]), f[axis].max(t[axis]));
        let widest = (x0 - half, x1 + half);
        for k in first..last {
            let held = &mut self.held[k];
            if held.0 <= widest.0 && widest.1 <= held.1 {
                continue;
            }
            let z = piece.up * self.lattice.at(2, k);
            // Most moves pass where earlier ones have cleared more: that is seen from the widest they could reach.
            let Some(rho) = cutter.radius_at_mm(z - tip) else { continue };
            let reach2 = rho * rho - off * off;
            if reach2 < 0.0 {
                continue;
            }
            let reach = reach2.sqrt();
            if let Some(stretch) = covered_by(&self.removed[k], x0 - reach, x1 + reach) {
                *held = stretch;
                continue;
            }
            let sweep = sweep.get_or_insert_with(|| Sweep::new(cutter, piece.span));
            if let Some((a, b)) = sweep.interval(axis, y, z) {
                insert(&mut self.removed[k], a, b);
            }
        }
    }

    fn ends(self) -> Vec<CrossEnd> {
        let (lo, hi) = (self.lattice.min[self.axis], self.lattice.max[self.axis]);
        let mut out = Vec::new();
        for (k, removed) in self.removed.iter().enumerate() {
            let near = |x: f64| self.levels[self.lattice.nearest(self.axis, x) / TILE].contains(&k);
            for &(a, b) in removed {
                if a > lo && a < hi && near(a) {
                    out.push(CrossEnd { k: k as u32, x: a, material_below: true });
                }
                if b < hi && b > lo && near(b) {
                    out.push(CrossEnd { k: k as u32, x: b, material_below: false });
                }
            }
        }
        out
    }
}

/// The interval of the list that holds `[a, b]`, if one does.
#[inline]
fn covered_by(list: &[(f64, f64)], a: f64, b: f64) -> Option<(f64, f64)> {
    let first = list.partition_point(|i| i.1 < b);
    list.get(first).copied().filter(|i| i.0 <= a)
}

/// Adds `[a, b]` to a sorted list of apart intervals.
#[inline]
fn insert(list: &mut Vec<(f64, f64)>, a: f64, b: f64) {
    let first = list.partition_point(|i| i.1 < a);
    if first == list.len() {
        list.push((a, b));
        return;
    }
    if list[first].0 > b {
        list.insert(first, (a, b));
        return;
    }
    let mut last = first;
    while last + 1 < list.len() && list[last + 1].0 <= b {
        last += 1;
    }
    list[first] = (list[first].0.min(a), list[last].1.max(b));
    if last > first {
        list.drain(first + 1..=last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_join_where_they_touch() {
        let mut l = Vec::new();
        for (a, b) in [(5.0, 6.0), (1.0, 2.0), (3.0, 4.0), (1.5, 3.0), (8.0, 9.0), (5.5, 5.6)] {
            insert(&mut l, a, b);
        }
        assert_eq!(l, [(1.0, 4.0), (5.0, 6.0), (8.0, 9.0)]);
        insert(&mut l, 0.0, 10.0);
        assert_eq!(l, [(0.0, 10.0)]);
    }
}
