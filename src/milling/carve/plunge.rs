//! Cutters that go straight down into solid stock.

use super::{Meeting, Met, Piece};
use crate::milling::cutter::Cutter;
use crate::milling::tilt::Tilts;

/// Share of the cutter's radius that must be in solid stock for a plunge to count as full width, and share of the
/// lines within it. Chosen: a ball at half its radius stands 0.13 of it above its tip.
pub(super) const PLUNGE_RADIUS_SHARE: f64 = 0.5;
const PLUNGE_LINE_SHARE: f64 = 0.9;

/// What a piece took from the lines near its axis.
pub(super) struct Plunge {
    pub piece: u32,
    pub lines: u32,
    pub depth_mm: f64,
}

/// Pieces that go straight down into solid stock farther than allowed, counted over all that follow each other at
/// one place, so that many small steps, lifted between or not, are no way round the limit.
pub(super) fn full_width_plunges(
    mut plunges: Vec<Plunge>,
    pieces: &[Piece],
    cutters: &[Cutter],
    tilts: &Tilts,
    step: f64,
    limit_mm: f64,
) -> Vec<Meeting> {
    plunges.sort_by_key(|p| p.piece);
    let mut out = Vec::new();
    let mut run: Option<(u32, [f64; 2], f64)> = None;
    for tiles in plunges.chunk_by(|a, b| a.piece == b.piece) {
        let piece = tiles[0].piece;
        let p = &pieces[piece as usize];
        let radius = cutters[p.cutter as usize].radius_mm * PLUNGE_RADIUS_SHARE;
        let mut whole = std::f64::consts::PI * radius * radius / (step * step);
        if let Some(tilt) = tilts.of(p) {
            // Fewer z lines pass through a disc that stands aslant.
            whole *= tilt.up()[2].abs();
        }
        let lines: u32 = tiles.iter().map(|t| t.lines).sum();
        if f64::from(lines) < PLUNGE_LINE_SHARE * whole {
            continue;
        }
        let taken = tiles.iter().fold(0.0f64, |m, t| m.max(t.depth_mm));
        let depth = taken.min(p.span.from[2] - p.span.to[2]);
        let before = match run {
            Some((tilt, at, sum))
                if tilt == p.tilt && (at[0] - p.span.to[0]).hypot(at[1] - p.span.to[1]) <= radius =>
            {
                sum
            }
            _ => 0.0,
        };
        let depth_mm = before + depth;
        run = Some((p.tilt, [p.span.to[0], p.span.to[1]], depth_mm));
        if depth_mm > limit_mm {
            out.push(Meeting { piece, met: Met::Plunge, depth_mm });
        }
    }
    out
}
