//! Cutter, shank and holder against the bodies that hold the blank.

use super::carve::Piece;
use super::cutter::Cutter;
use super::sweep::{Sweep, boundary, golden};
use crate::model::BoxPart;

/// Which part of the tool met a fixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Body {
    Cutter,
    Shank,
    Holder,
}

/// How deep each part of the tool that meets `fixture` goes into it along the piece, mm.
pub(super) fn meet_fixture(
    piece: &Piece,
    cutter: &Cutter,
    fixture: &BoxPart,
    contact_mm: f64,
) -> Vec<(Body, f64)> {
    let (lo, hi) = (fixture.min_mm.mm, fixture.max_mm.mm);
    let top = if piece.up > 0.0 { hi[2] } else { -lo[2] };
    let bodies = [
        (Body::Cutter, cutter.radius_mm, 0.0),
        (Body::Shank, cutter.shank_radius_mm, cutter.flute_mm),
        (Body::Holder, cutter.holder_radius_mm, cutter.nose_mm),
    ];
    let sweep = Sweep::new(cutter, piece.span);
    let mut out = Vec::new();
    for (body, radius, above) in bodies {
        if sweep.lowest() + above + contact_mm >= top || misses(piece, lo, hi, radius) {
            continue;
        }
        let off = |u: f64| {
            let at: [f64; 2] =
                std::array::from_fn(|a| piece.span.from[a] + (piece.span.to[a] - piece.span.from[a]) * u);
            let d: [f64; 2] = std::array::from_fn(|a| (lo[a] - at[a]).max(at[a] - hi[a]).max(0.0));
            d[0].hypot(d[1])
        };
        let nearest = golden(0.0, 1.0, |u| -off(u));
        // Either end may be nearest exactly, where the search stops short of it.
        let nearest =
            [nearest, 0.0, 1.0].into_iter().min_by(|&a, &b| off(a).total_cmp(&off(b))).expect("three");
        if off(nearest) >= radius {
            continue;
        }
        let (first, last) =
            (boundary(nearest, 0.0, |u| radius - off(u)), boundary(nearest, 1.0, |u| radius - off(u)));
        let height = |u: f64| {
            let end = if body == Body::Cutter { cutter.height_mm(off(u).min(radius)) } else { 0.0 };
            piece.span.from[2] + (piece.span.to[2] - piece.span.from[2]) * u + end + above
        };
        let lowest = golden(first, last, |u| -height(u));
        let lowest = [lowest, first, last].into_iter().map(height).fold(f64::INFINITY, f64::min);
        // Whichever is less: down into it, or into it from the side.
        let depth = (top - lowest).min(radius - off(nearest));
        if depth > contact_mm {
            out.push((body, depth));
        }
    }
    out
}

fn misses(piece: &Piece, lo: [f64; 3], hi: [f64; 3], radius: f64) -> bool {
    (0..2).any(|a| {
        let (p, q) = (piece.span.from[a], piece.span.to[a]);
        p.max(q) + radius <= lo[a] || p.min(q) - radius >= hi[a]
    })
}
