//! Moves while the table turns, as straight pieces of a tool that keeps one direction.
//!
//! Angles and X, Y, Z run together, linearly. A stretch of the move is taken as a straight shift of the tool in the
//! direction that it has in the middle. Its error is bounded for every place of the flutes, the flutes' middle (height `c`)
//! being the place that is shifted exactly at both ends:
//!
//! - *chord*: `q(u)`, the way of that middle in the part, has `|q″| ≤ θ²·r + 2·θ·|Δm|`, with θ the sum of the angles
//!   turned, r the distance from the axes, Δm the way of X, Y, Z; its chord stays within `|q″|/8`, which for one axis and a
//!   resting tip is the s²/(8r) of an arc;
//! - *direction*: at the ends it is off by `α ≤ Σ θᵢ/2·sin ∠(axis i, tool)`, which moves a place of the flutes by at most
//!   `α·√(c² + R²)`. What turns about the tool's own axis is no error.
//!
//! Shank and holder, farther up the tool, are off by as much more as they are farther: 60 mm up 7 µm in a cut, 30 µm on a
//! rapid.
//!
//! Stretches are halved until the sum is within what is asked. Where the tip stays above everything that turns, whatever the
//! angle, nothing is halved but for the picture.

use super::cutter::Cutter;
use super::rotary::{Held, Table, norm};
use crate::model::BoxPart;

/// Asked of pieces that cut, mm.
pub(super) const CUT_ERROR_MM: f64 = 0.0005;
/// Asked of pieces that are only looked at, mm: what counts as contact on a rapid.
pub(super) const LOOK_ERROR_MM: f64 = 0.002;
/// A piece clear of everything turns by no more than this, degrees: for pictures.
const CLEAR_DEG_MAX: f64 = 30.0;
/// Halvings of one move: its piece is then 4e-6 of it, and beyond every limit of pieces.
const HALVINGS_MAX: u32 = 18;

/// Where X, Y, Z (work, mm) and A, B, C (degrees) stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Joint {
    pub mm: [f64; 3],
    pub deg: [f64; 3],
}

impl Joint {
    pub fn between(&self, other: &Self, share: f64) -> Self {
        let mix = |p: [f64; 3], q: [f64; 3]| std::array::from_fn(|a| p[a] + (q[a] - p[a]) * share);
        Self { mm: mix(self.mm, other.mm), deg: mix(self.deg, other.deg) }
    }
}

/// A straight piece of a tool in one direction, part frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Posed {
    pub from: [f64; 3],
    pub to: [f64; 3],
    pub up: [f64; 3],
}

/// The table with all that stands on it.
pub(super) struct Turning<'a> {
    table: &'a Table,
    /// Corners of the bodies, machine coordinates at zero.
    corners: Vec<[f64; 3]>,
    /// For each axis: the distance that a place of the bodies has from its pivot at most, at any angle.
    reach: Vec<f64>,
}

impl<'a> Turning<'a> {
    pub fn new<'b>(table: &'a Table, bodies: impl Iterator<Item = &'b BoxPart>) -> Self {
        let corners: Vec<[f64; 3]> = bodies
            .flat_map(|b| {
                let (lo, hi) = (b.min_mm.mm, b.max_mm.mm);
                (0..8).map(move |n| std::array::from_fn(|a| if n >> a & 1 == 0 { lo[a] } else { hi[a] }))
            })
            .map(|p| table.machine_at_zero(p))
            .collect();
        let apart = |p: [f64; 3], q: [f64; 3]| norm(std::array::from_fn(|a| p[a] - q[a]));
        let mut reach: Vec<f64> = Vec::new();
        // From the innermost: an axis sees what the next one sees, and how far that one's pivot is.
        for (n, axis) in table.axes.iter().enumerate().rev() {
            let seen = match table.axes.get(n + 1) {
                Some(next) => reach[0] + apart(next.pivot, axis.pivot),
                None => corners.iter().map(|c| apart(*c, axis.pivot)).fold(0.0, f64::max),
            };
            reach.insert(0, seen);
        }
        Self { table, corners, reach }
    }

    /// Pieces of a move from `a` to `b`. False when `room` pieces are not enough.
    pub fn pieces(
        &self,
        a: Joint,
        b: Joint,
        cutter: &Cutter,
        error_mm: f64,
        room: usize,
        out: &mut Vec<Posed>,
    ) -> bool {
        self.halve(a, b, cutter, error_mm, room, HALVINGS_MAX, out)
    }

    #[allow(clippy::too_many_arguments)] // The stretch, what is asked of it, and what is left of the limits.
    fn halve(
        &self,
        a: Joint,
        b: Joint,
        cutter: &Cutter,
        error_mm: f64,
        room: usize,
        halvings: u32,
        out: &mut Vec<Posed>,
    ) -> bool {
        let middle = a.between(&b, 0.5);
        let held = self.table.at(middle.deg);
        let turned: Vec<f64> =
            self.table.axes.iter().map(|x| (b.deg[x.place] - a.deg[x.place]).abs().to_radians()).collect();
        let whole = turned.iter().sum::<f64>();
        let (from, to) = (self.table.at(a.deg), self.table.at(b.deg));
        if whole <= CLEAR_DEG_MAX.to_radians() && self.clear(&a, &b, &held, &turned) {
            out.push(Posed { from: from.tip(a.mm), to: to.tip(b.mm), up: held.up() });
        } else if self.error_mm(&a, &b, &held, &turned, cutter) <= error_mm {
            let c = 0.5 * cutter.flute_mm;
            let up = held.up();
            let shifted = |held: &Held, p: [f64; 3]| -> [f64; 3] {
                let q = held.tip([p[0], p[1], p[2] + c]);
                std::array::from_fn(|k| q[k] - c * up[k])
            };
            out.push(Posed { from: shifted(&from, a.mm), to: shifted(&to, b.mm), up });
        } else {
            if halvings == 0 {
                return false;
            }
            return self.halve(a, middle, cutter, error_mm, room, halvings - 1, out)
                && self.halve(middle, b, cutter, error_mm, room, halvings - 1, out);
        }
        out.len() <= room
    }

    /// Bound of the error of one piece, mm.
    fn error_mm(&self, a: &Joint, b: &Joint, held: &Held, turned: &[f64], cutter: &Cutter) -> f64 {
        let c = 0.5 * cutter.flute_mm;
        let zero = self.table.zero;
        let middle = a.between(b, 0.5);
        let m = [middle.mm[0] + zero[0], middle.mm[1] + zero[1], middle.mm[2] + zero[2] + c];
        let way = norm(std::array::from_fn(|k| b.mm[k] - a.mm[k]));
        let whole: f64 = turned.iter().sum();
        let (mut alpha, mut lever, mut before) = (0.0, 0.0f64, 0.0);
        for ((sin, r), t) in held.levers(m).into_iter().zip(turned) {
            // What the axes before it turn within the piece changes both a little.
            alpha += 0.5 * t * (sin + 0.5 * before).min(1.0);
            if *t > 0.0 {
                lever = lever.max(r + 0.5 * way + 0.5 * before * (r + way + self.apart()));
            }
            before += t;
        }
        let chord = (whole * whole * lever + 2.0 * whole * way) / 8.0;
        chord + alpha * c.hypot(cutter.radius_mm)
    }

    /// Farthest two pivots from each other, mm.
    fn apart(&self) -> f64 {
        let axes = &self.table.axes;
        axes.windows(2).map(|w| norm(std::array::from_fn(|k| w[0].pivot[k] - w[1].pivot[k]))).sum()
    }

    /// True when the tip stays above every body all the way, and so does the piece that stands for it.
    fn clear(&self, a: &Joint, b: &Joint, held: &Held, turned: &[f64]) -> bool {
        let zero = self.table.zero;
        let tip = |j: &Joint| -> [f64; 3] { std::array::from_fn(|k| j.mm[k] + zero[k]) };
        let Some(first) = self.table.axes.first() else { return false };
        let highest = self.corners.iter().map(|c| held.turned(*c)[2]).fold(f64::NEG_INFINITY, f64::max);
        let slack: f64 = turned.iter().zip(&self.reach).map(|(t, r)| 0.5 * t * r).sum();
        let ever = (first.pivot[2] + self.reach[0]).min(highest + slack);
        if tip(a)[2].min(tip(b)[2]) <= ever {
            return false;
        }
        // Seen at the middle angles the piece's tool is upright.
        [a, b].iter().all(|j| held.turned(self.table.at(j.deg).unturned(tip(j)))[2] > highest)
    }
}
