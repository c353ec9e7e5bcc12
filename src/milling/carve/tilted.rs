//! Tilted tools on the z lines: each line meets the swept body in one stretch, which may lie anywhere on it.
//!
//! The flutes cut first, then shank and holder are held against what is left: what the flutes of the same piece clear, the
//! body above them finds cleared.

use std::ops::Range;

use super::{Doing, Limits, Meeting, Met, PLUNGE_RADIUS_SHARE, Piece, Plunge, Tile, TileFound};
use crate::milling::cutter::{Cutter, End};
use crate::milling::stock::{ALIVE, TILE, take};
use crate::milling::sweep::{Skew, Span, Sweep};
use crate::milling::tilt::Tilt;

impl Tile<'_> {
    pub(super) fn mill_tilted(
        &mut self,
        number: u32,
        piece: &Piece,
        tilt: &Tilt,
        cutter: &Cutter,
        limits: &Limits,
        found: &mut TileFound,
    ) {
        self.flutes_tilted(number, piece, tilt, cutter, limits, found);
        let bodies = [
            (Met::Shank, cutter.shank_radius_mm, cutter.flute_mm, cutter.shank_radius_mm > cutter.radius_mm),
            (Met::Holder, cutter.holder_radius_mm, cutter.nose_mm, true),
        ];
        for (met, radius, above, counts) in bodies {
            if counts {
                self.body_tilted(number, piece, tilt, cutter, (met, radius, above), limits, found);
            }
        }
    }

    /// Rows of the tile and numbers along them that a box covers.
    fn covered(&self, (lo, hi): ([f64; 3], [f64; 3])) -> (Range<usize>, Range<usize>) {
        let rows = self.lattice.range(1, lo[1], hi[1]);
        let first = rows.start.max(self.first_row) - self.first_row;
        let end = rows.end.clamp(self.first_row, self.first_row + self.rows) - self.first_row;
        (first.min(end)..end, self.lattice.range(0, lo[0], hi[0]))
    }

    fn line(&self, tilt: &Tilt, r: usize, i: usize) -> Skew {
        tilt.line(2, [self.lattice.at(0, i), self.lattice.at(1, self.first_row + r), 0.0])
    }

    fn flutes_tilted(
        &mut self,
        number: u32,
        piece: &Piece,
        tilt: &Tilt,
        cutter: &Cutter,
        limits: &Limits,
        found: &mut TileFound,
    ) {
        let Some(reach) = tilt.reach(piece, cutter.radius_mm, 0.0) else { return };
        let sweep = Sweep::new(cutter, piece.span);
        let (f, t) = (piece.span.from, piece.span.to);
        let cutting = piece.doing == Doing::Cut;
        let plunging = cutting && !cutter.drills && f[2] - t[2] > sweep.length;
        let core2 = (PLUNGE_RADIUS_SHARE * cutter.radius_mm).powi(2);
        let (mut rapid, mut over, mut removed) = (0.0f64, 0.0f64, 0.0f64);
        let mut plunge = Plunge { piece: number, lines: 0, depth_mm: 0.0 };
        let (rows, cols) = self.covered(reach);
        for r in rows {
            for i in cols.clone() {
                let at = r * self.lattice.n[0] + i;
                if self.gone[at] != ALIVE {
                    continue;
                }
                let line = self.line(tilt, r, i);
                let ends = (-self.low[at], self.top[at]);
                let Some(over_it) = sweep.over(&line, cutter.radius_mm, ends.0, ends.1) else { continue };
                let Some(cut) = sweep.within(&line, over_it) else { continue };
                let mut gaps = self.gaps.get(&(at as u32)).cloned().unwrap_or_default();
                let Some(took) = take(ends, &mut gaps, cut) else { continue };
                let taken = took.length;
                removed += taken;
                let places = [took.from, 0.5 * (took.from + took.to), took.to].map(|t| line.at(t));
                if !cutting {
                    let deepest = places.iter().map(|q| sweep.depth(*q)).fold(0.0, f64::max);
                    rapid = rapid.max(deepest.min(taken));
                    if piece.doing == Doing::DogLeg {
                        continue;
                    }
                } else {
                    // Where the line goes up the tool it is entered highest at its upper end.
                    let q = if line.d[2] > 0.0 { places[2] } else { places[0] };
                    let entry = match sweep.dwell(q[0], q[1], cutter.radius_mm) {
                        Some((s0, _)) if sweep.length > 0.0 => sweep.tip_z(s0),
                        _ => f[2],
                    };
                    over = over.max(q[2] - entry - cutter.flute_mm);
                }
                if plunging && taken > limits.contact_mm && line.d[2].abs() > 0.1 {
                    // The place of the line level with the tip at the end.
                    let q = line.at((t[2] - line.o[2]) / line.d[2]);
                    if (q[0] - t[0]).powi(2) + (q[1] - t[1]).powi(2) <= core2 {
                        plunge.lines += 1;
                        plunge.depth_mm = plunge.depth_mm.max(taken);
                    }
                }
                match took.ends {
                    Some((bottom, top)) => (self.low[at], self.top[at]) = (-bottom, top),
                    None => {
                        self.top[at] = ends.0;
                        self.gone[at] = number;
                    }
                }
                if gaps.is_empty() {
                    self.gaps.remove(&(at as u32));
                } else {
                    self.gaps.insert(at as u32, gaps);
                }
                self.stale[i / TILE] = [true; 2];
            }
        }
        for (met, depth_mm) in [(Met::RapidThroughStock, rapid), (Met::AboveFlutes, over)] {
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

    /// Shank or holder: how deep it goes into what is left.
    #[allow(clippy::too_many_arguments)] // One call per body; a struct for it would only rename these.
    fn body_tilted(
        &self,
        number: u32,
        piece: &Piece,
        tilt: &Tilt,
        cutter: &Cutter,
        (met, radius, above): (Met, f64, f64),
        limits: &Limits,
        found: &mut TileFound,
    ) {
        let Some(reach) = tilt.reach(piece, radius, above) else { return };
        let body = Cutter { end: End::Flat, radius_mm: radius, ..*cutter };
        let raised = |p: [f64; 3]| [p[0], p[1], p[2] + above];
        let sweep = Sweep::new(&body, Span { from: raised(piece.span.from), to: raised(piece.span.to) });
        let mut depth = 0.0f64;
        let (rows, cols) = self.covered(reach);
        for r in rows {
            for i in cols.clone() {
                let at = r * self.lattice.n[0] + i;
                if self.gone[at] != ALIVE {
                    continue;
                }
                let line = self.line(tilt, r, i);
                let (bottom, top) = (-self.low[at], self.top[at]);
                let Some(over) = sweep.over(&line, radius, bottom, top) else { continue };
                let Some((a, b)) = sweep.within(&line, over) else { continue };
                let mut solid = |z0: f64, z1: f64| {
                    let (z0, z1) = (z0.max(a), z1.min(b));
                    if z0 < z1 {
                        for t in [z0, 0.5 * (z0 + z1), z1] {
                            depth = depth.max(sweep.depth(line.at(t)));
                        }
                    }
                };
                let mut from = bottom;
                for &(g0, g1) in self.gaps.get(&(at as u32)).map_or(&[][..], |g| g) {
                    solid(from, g0);
                    from = g1;
                }
                solid(from, top);
            }
        }
        if depth > limits.contact_mm {
            found.meetings.push(Meeting { piece: number, met, depth_mm: depth });
        }
    }
}
