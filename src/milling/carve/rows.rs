//! Which pieces reach which tiles of rows.

use super::Piece;
use crate::milling::cutter::Cutter;
use crate::milling::stock::{Lattice, TILE};
use crate::milling::tilt::Tilts;

/// By tile: numbers of the pieces whose cutter, shank or holder may touch its lines, in order.
pub(super) fn pieces_by_tile(
    lattice: &Lattice,
    pieces: &[Piece],
    cutters: &[Cutter],
    tilts: &Tilts,
) -> Vec<Vec<u32>> {
    let tiles = lattice.n[1].div_ceil(TILE);
    let mut by_tile = vec![Vec::new(); tiles];
    for (number, p) in pieces.iter().enumerate() {
        let c = &cutters[p.cutter as usize];
        if let Some(tilt) = tilts.of(p) {
            let bodies =
                [(c.radius_mm, 0.0), (c.shank_radius_mm, c.flute_mm), (c.holder_radius_mm, c.nose_mm)];
            let reach = bodies.iter().filter_map(|&(radius, above)| tilt.reach(p, radius, above));
            if let Some((y0, y1)) =
                reach.map(|(lo, hi)| (lo[1], hi[1])).reduce(|p, q| (p.0.min(q.0), p.1.max(q.1)))
            {
                let rows = lattice.range(1, y0, y1);
                if !rows.is_empty() {
                    for tile in &mut by_tile[rows.start / TILE..=(rows.end - 1) / TILE] {
                        tile.push(number as u32);
                    }
                }
            }
            continue;
        }
        let top = if p.up > 0.0 { lattice.max[2] } else { -lattice.min[2] };
        let lowest = p.span.from[2].min(p.span.to[2]);
        if lowest >= top {
            continue;
        }
        let mut reach = c.radius_mm;
        if lowest + c.flute_mm < top {
            reach = reach.max(c.shank_radius_mm);
        }
        if lowest + c.nose_mm < top {
            reach = reach.max(c.holder_radius_mm);
        }
        let (y0, y1) = (p.span.from[1].min(p.span.to[1]), p.span.from[1].max(p.span.to[1]));
        let rows = lattice.range(1, y0 - reach, y1 + reach);
        if rows.is_empty() {
            continue;
        }
        for tile in &mut by_tile[rows.start / TILE..=(rows.end - 1) / TILE] {
            tile.push(number as u32);
        }
    }
    by_tile
}
