//! Runs every move over the z lines, in order, and tells what was in its way.
//!
//! Tiles of rows are milled apart, each through all moves in order, so the outcome does not depend on threads; what a
//! tile met is joined afterwards by move and kind.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cutter::Cutter;
use super::stages::Looks;
use super::stock::{ALIVE, Gaps, Lattice, Stock, TILE, lost_in_gaps, trim_gaps};
use super::sweep::{Span, Sweep};
use super::tilt::Tilts;
use crate::model::StockMap;
use plunge::{PLUNGE_RADIUS_SHARE, Plunge, full_width_plunges};
use rows::pieces_by_tile;

mod plunge;
mod rows;
mod tilted;

/// What a straight piece of motion does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Rapid,
    /// The way a rapid takes when every axis runs at its own speed: looked at, never cut along.
    DogLeg,
    Cut,
    /// A probe on its way to a touch: looked at, never cut along.
    Probe,
    /// A probe on any other way: it must touch nothing.
    Carry,
}

impl Doing {
    /// True where the tool takes away what it meets.
    pub fn removes(self) -> bool {
        matches!(self, Self::Rapid | Self::Cut)
    }
}

/// A straight piece of tool motion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Tip. Upright: x and y of the part, z = `up` times the part's; tilted: the frame of the tilt.
    pub span: Span,
    /// +1 when the tool points down part −z, −1 when it points along +z; tilted: the nearer of both.
    pub up: f64,
    /// Number of the tilt, [`Piece::UPRIGHT`] for none.
    pub tilt: u32,
    /// Index into the cutters.
    pub cutter: u32,
    pub doing: Doing,
    /// Index of the motion it belongs to.
    pub motion: u32,
}

impl Piece {
    /// The tool stands along part ±z.
    pub const UPRIGHT: u32 = u32::MAX;
}

/// What kind of thing was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Met {
    RapidThroughStock,
    AboveFlutes,
    Shank,
    Holder,
    Plunge,
    ProbeTouch,
}

/// Something met by a piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Meeting {
    pub piece: u32,
    pub met: Met,
    pub depth_mm: f64,
}

/// Limits of [`carve`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub contact_mm: f64,
    pub plunge_depth_mm_max: f64,
}

#[derive(Default)]
struct TileFound {
    looks: Vec<Vec<u16>>,
    meetings: Vec<Meeting>,
    plunges: Vec<Plunge>,
    /// Piece, and the length of lines it cut off, mm.
    taken: Vec<(u32, f64)>,
    /// Gaps within lines, by number of the line in the tile.
    gaps: Gaps,
}

/// Mills `pieces` out of `stock`; meetings sorted by piece, the deepest per piece and kind; what each piece removed at
/// feed, mm³: the lines' loss times the cell that a line stands for; and what `looks` saw.
pub(super) fn carve(
    stock: &mut Stock,
    pieces: &[Piece],
    cutters: &[Cutter],
    tilts: &Tilts,
    limits: &Limits,
    looks: &Looks,
) -> (Vec<Meeting>, Vec<f64>, Vec<StockMap>) {
    let lattice = stock.lattice;
    let row = lattice.n[0];
    let by_tile = pieces_by_tile(&lattice, pieces, cutters, tilts);
    let found: Vec<TileFound> = (
        stock.top.par_chunks_mut(row * TILE),
        stock.low.par_chunks_mut(row * TILE),
        stock.gone.par_chunks_mut(row * TILE),
        by_tile.par_iter(),
    )
        .into_par_iter()
        .enumerate()
        .with_max_len(1)
        .map(|(t, (top, low, gone, numbers))| {
            let mut tile = Tile::new(&lattice, t, top, low, gone);
            let mut found = TileFound::default();
            for &number in numbers {
                looks.until(number, tile.first_row, tile.top, tile.low, tile.gone, &mut found.looks);
                let piece = &pieces[number as usize];
                let cutter = &cutters[piece.cutter as usize];
                match tilts.of(piece) {
                    Some(tilt) => tile.mill_tilted(number, piece, tilt, cutter, limits, &mut found),
                    None => tile.mill(number, piece, cutter, limits, &mut found),
                }
            }
            looks.until(u32::MAX, tile.first_row, tile.top, tile.low, tile.gone, &mut found.looks);
            found.gaps = tile.gaps;
            found
        })
        .collect();
    let mut meetings = Vec::new();
    let mut plunges = Vec::new();
    let mut removed_mm3 = vec![0.0; pieces.len()];
    let mut seen = Vec::new();
    for (t, f) in found.into_iter().enumerate() {
        stock.gaps.extend(f.gaps.into_iter().map(|(at, gaps)| ((t * TILE * row) as u32 + at, gaps)));
        seen.push(f.looks);
        meetings.extend(f.meetings);
        plunges.extend(f.plunges);
        // Tile after tile, so that the sums are the same on any number of threads.
        for (piece, mm) in f.taken {
            removed_mm3[piece as usize] += mm * lattice.step * lattice.step;
        }
    }
    meetings.extend(full_width_plunges(
        plunges,
        pieces,
        cutters,
        tilts,
        lattice.step,
        limits.plunge_depth_mm_max,
    ));
    meetings.sort_by(|a, b| (a.piece, a.met).cmp(&(b.piece, b.met)).then(b.depth_mm.total_cmp(&a.depth_mm)));
    meetings.dedup_by_key(|m| (m.piece, m.met));
    (meetings, removed_mm3, looks.joined(&seen))
}

struct Tile<'a> {
    lattice: &'a Lattice,
    first_row: usize,
    rows: usize,
    top: &'a mut [f64],
    low: &'a mut [f64],
    gone: &'a mut [u32],
    /// By number of the line in the tile; none where every tool was upright.
    gaps: Gaps,
    /// Per block: an upper bound of `top` and of `low`, and whether it may be too high.
    bounds: Vec<[f64; 2]>,
    stale: Vec<[bool; 2]>,
}

impl<'a> Tile<'a> {
    fn new(
        lattice: &'a Lattice,
        t: usize,
        top: &'a mut [f64],
        low: &'a mut [f64],
        gone: &'a mut [u32],
    ) -> Self {
        let rows = top.len() / lattice.n[0];
        let blocks = lattice.n[0].div_ceil(TILE);
        Self {
            lattice,
            first_row: t * TILE,
            rows,
            top,
            low,
            gone,
            gaps: BTreeMap::new(),
            bounds: vec![[lattice.max[2], -lattice.min[2]]; blocks],
            stale: vec![[false; 2]; blocks],
        }
    }

    /// True when some line of block `b` may stand above `z` on the tool's side.
    #[inline]
    fn block_above(&mut self, b: usize, side: usize, z: f64) -> bool {
        if self.bounds[b][side] <= z {
            return false;
        }
        if !self.stale[b][side] {
            return true;
        }
        let heights: &[f64] = if side == 0 { self.top } else { self.low };
        let (lo, hi) = (b * TILE, ((b + 1) * TILE).min(self.lattice.n[0]));
        let mut most = f64::NEG_INFINITY;
        for r in 0..self.rows {
            let row = r * self.lattice.n[0] + lo..r * self.lattice.n[0] + hi;
            for (height, &gone) in heights[row.clone()].iter().zip(&self.gone[row]) {
                if gone == ALIVE {
                    most = most.max(*height);
                }
            }
        }
        self.bounds[b][side] = most;
        self.stale[b][side] = false;
        most > z
    }

    fn mill(&mut self, number: u32, piece: &Piece, cutter: &Cutter, limits: &Limits, found: &mut TileFound) {
        let sweep = Sweep::new(cutter, piece.span);
        let side = usize::from(piece.up < 0.0);
        if cutter.shank_radius_mm > cutter.radius_mm {
            self.body(
                number,
                &sweep,
                side,
                cutter.shank_radius_mm,
                cutter.flute_mm,
                Met::Shank,
                limits,
                found,
            );
        }
        self.body(number, &sweep, side, cutter.holder_radius_mm, cutter.nose_mm, Met::Holder, limits, found);
        self.flutes(number, piece, &sweep, side, limits, found);
    }

    /// Rows and, per row, the line numbers a disc of `reach` sweeps.
    #[inline]
    fn columns_of_row(&self, sweep: &Sweep, reach: f64, y: f64) -> std::ops::Range<usize> {
        let (f, t) = (sweep.span.from, sweep.span.to);
        let b = t[1] - f[1];
        // Part of the move whose disc can reach the row.
        let (mut lo, mut hi) = (0.0f64, 1.0f64);
        if b.abs() > 1e-12 {
            let (p, q) = ((y - reach - f[1]) / b, (y + reach - f[1]) / b);
            lo = lo.max(p.min(q));
            hi = hi.min(p.max(q));
            if lo > hi {
                return 0..0;
            }
        }
        let (x0, x1) = (f[0] + (t[0] - f[0]) * lo, f[0] + (t[0] - f[0]) * hi);
        let off = (f[1].min(t[1]) - y).max(y - f[1].max(t[1])).max(0.0);
        let half = (reach * reach - off * off).max(0.0).sqrt();
        self.lattice.range(0, x0.min(x1) - half, x0.max(x1) + half)
    }

    /// Shank or holder: what they meet that the flutes have not cleared before them.
    #[allow(clippy::too_many_arguments)] // One call per body; a struct for it would only rename these.
    fn body(
        &mut self,
        number: u32,
        sweep: &Sweep,
        side: usize,
        radius: f64,
        above: f64,
        met: Met,
        limits: &Limits,
        found: &mut TileFound,
    ) {
        let start = sweep.lowest() + above + limits.contact_mm;
        let stock_top = if side == 0 { self.lattice.max[2] } else { -self.lattice.min[2] };
        if start >= stock_top {
            return;
        }
        let mut depth = 0.0f64;
        let n0 = self.lattice.n[0];
        let (x0, x1) = (sweep.span.from[0].min(sweep.span.to[0]), sweep.span.from[0].max(sweep.span.to[0]));
        let all = self.lattice.range(0, x0 - radius, x1 + radius);
        if all.is_empty() {
            return;
        }
        for b in all.start / TILE..=(all.end - 1) / TILE {
            if !self.block_above(b, side, start) {
                continue;
            }
            for r in 0..self.rows {
                let y = self.lattice.at(1, self.first_row + r);
                let cols = self.columns_of_row(sweep, radius, y);
                for i in cols.start.max(b * TILE)..cols.end.min((b + 1) * TILE) {
                    let at = r * n0 + i;
                    let height = if side == 0 { self.top[at] } else { self.low[at] };
                    if self.gone[at] != ALIVE || height <= start {
                        continue;
                    }
                    let x = self.lattice.at(0, i);
                    let Some((s0, s1)) = sweep.dwell(x, y, radius) else { continue };
                    // From where the cutter itself covers the line, its flutes have cleared it.
                    let until = sweep.dwell(x, y, sweep.cutter.radius_mm).map_or(s1, |c| c.0);
                    let low = if sweep.length == 0.0 {
                        if sweep.dwell(x, y, sweep.cutter.radius_mm).is_some() {
                            continue;
                        } else {
                            sweep.lowest()
                        }
                    } else {
                        sweep.tip_z(s0).min(sweep.tip_z(until))
                    };
                    depth = depth.max((height - low - above).min(sweep.inset(x, y, radius)));
                }
            }
        }
        if depth > limits.contact_mm {
            found.meetings.push(Meeting { piece: number, met, depth_mm: depth });
        }
    }

    fn flutes(
        &mut self,
        number: u32,
        piece: &Piece,
        sweep: &Sweep,
        side: usize,
        limits: &Limits,
        found: &mut TileFound,
    ) {
        let cutter = sweep.cutter;
        let lowest = sweep.lowest();
        let (f, t) = (sweep.span.from, sweep.span.to);
        let all = self.lattice.range(0, f[0].min(t[0]) - cutter.radius_mm, f[0].max(t[0]) + cutter.radius_mm);
        if all.is_empty() {
            return;
        }
        let cutting = piece.doing == Doing::Cut;
        let plunging = cutting && !cutter.drills && f[2] - t[2] > sweep.length;
        let core2 = (PLUNGE_RADIUS_SHARE * cutter.radius_mm).powi(2);
        let (mut rapid, mut over, mut plunge) =
            (0.0f64, 0.0f64, Plunge { piece: number, lines: 0, depth_mm: 0.0 });
        let mut removed = 0.0f64;
        let n0 = self.lattice.n[0];
        let flute_top = lowest + cutter.flute_mm + limits.contact_mm;
        let ranges: [std::ops::Range<usize>; TILE] = std::array::from_fn(|r| {
            if r < self.rows {
                self.columns_of_row(sweep, cutter.radius_mm, self.lattice.at(1, self.first_row + r))
            } else {
                0..0
            }
        });
        let gapped = !self.gaps.is_empty();
        for b in all.start / TILE..=(all.end - 1) / TILE {
            if !self.block_above(b, side, lowest) {
                continue;
            }
            let mut changed = false;
            let (near, far): (&mut [f64], &[f64]) =
                if side == 0 { (self.top, self.low) } else { (self.low, self.top) };
            for (r, range) in ranges.iter().enumerate().take(self.rows) {
                let (first, last) = (range.start.max(b * TILE), range.end.min((b + 1) * TILE));
                if first >= last {
                    continue;
                }
                let y = self.lattice.at(1, self.first_row + r);
                for i in first..last {
                    let at = r * n0 + i;
                    let old = near[at];
                    if old <= lowest || self.gone[at] != ALIVE {
                        continue;
                    }
                    let x = self.lattice.at(0, i);
                    let Some(z) = sweep.floor(x, y) else { continue };
                    if z >= old {
                        continue;
                    }
                    let bottom = -far[at];
                    let mut taken = old - z.max(bottom);
                    if gapped && let Some(gaps) = self.gaps.get(&(at as u32)) {
                        taken -= lost_in_gaps(gaps, side, z.max(bottom));
                    }
                    removed += taken;
                    if !cutting {
                        // Whichever is less: down into it, or into it from the side.
                        rapid = rapid.max(taken.min(sweep.inset(x, y, cutter.radius_mm)));
                        if !piece.doing.removes() {
                            continue;
                        }
                    } else if old > flute_top
                        && let Some((s0, _)) = sweep.dwell(x, y, cutter.radius_mm)
                    {
                        let entry = if sweep.length == 0.0 { f[2] } else { sweep.tip_z(s0) };
                        over = over.max(old - entry - cutter.flute_mm);
                    }
                    if plunging && taken > limits.contact_mm {
                        let (dx, dy) = (x - t[0], y - t[1]);
                        if dx * dx + dy * dy <= core2 {
                            plunge.lines += 1;
                            plunge.depth_mm = plunge.depth_mm.max(taken);
                        }
                    }
                    changed = true;
                    let mut z = z;
                    if gapped && let Some(gaps) = self.gaps.get_mut(&(at as u32)) {
                        z = trim_gaps(gaps, side, z);
                        if gaps.is_empty() {
                            self.gaps.remove(&(at as u32));
                        }
                    }
                    if z <= bottom {
                        near[at] = bottom;
                        self.gone[at] = number;
                    } else {
                        near[at] = z;
                    }
                }
            }
            if changed {
                // A line that is gone must not hold the bound of the other side up either.
                self.stale[b] = [true; 2];
            }
        }
        let probe = matches!(piece.doing, Doing::Probe | Doing::Carry);
        let touch = if probe { Met::ProbeTouch } else { Met::RapidThroughStock };
        for (met, depth_mm) in [(touch, rapid), (Met::AboveFlutes, over)] {
            if depth_mm > limits.contact_mm {
                found.meetings.push(Meeting { piece: number, met, depth_mm });
            }
        }
        if cutting && removed > 0.0 {
            found.taken.push((number, removed));
        }
        if plunge.lines > 0 {
            found.plunges.push(plunge);
        }
    }
}
