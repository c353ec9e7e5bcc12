//! How the mill gets into closed stock: by a helix, by a ramp to and fro where even a helix is too wide.

use crate::model::Move;

use super::adapt::BERTH_MM;
use super::region::march;
use super::rough::Roughing;
use super::stock::{Layer, Stock};
use super::ways::between;

impl Roughing<'_> {
    /// Opens a piece by a helix or a ramp. False where neither fits.
    #[allow(clippy::too_many_arguments)] // what a piece shares
    pub(super) fn enter(
        &self,
        moves: &mut Vec<Move>,
        piece: &[usize],
        clear: &[f32],
        mine: &[bool],
        [z, above]: [f64; 2],
        stock: &Stock,
        layer: &mut Layer,
        here: &mut [f64; 2],
    ) -> bool {
        let plane = &self.plane;
        // Widest place; the middle of the plateau does not matter.
        let seed = piece.iter().max_by(|&&a, &&b| clear[a].total_cmp(&clear[b]).then(b.cmp(&a)));
        let seed = *seed.expect("a piece has nodes");
        // Nothing further out than the border: the neck is relieved by less than a node.
        let room = f64::from(clear[seed]) - 1.25 * plane.step;
        // 0.9 of the radius leaves no core standing in the helix.
        let helix = room.min(0.9 * self.radius_mm);
        let centre = plane.xy(seed);
        let over = |p: [f64; 2]| stock.highest(p, self.radius_mm + BERTH_MM);
        // 0.3 mm: a tighter helix turns on the spot.
        if helix >= 0.3 {
            let turn = |k: usize| {
                let (s, c) = (std::f64::consts::TAU * k as f64 / 72.0).sin_cos();
                [centre[0] + helix * c, centre[1] + helix * s]
            };
            let top = (0..72).step_by(6).map(|k| over(turn(k))).fold(z, f64::max).min(above.max(z));
            self.start(moves, turn(0), top, over(turn(0)));
            let level = self.helix(moves, centre, helix, top, z);
            level.windows(2).flat_map(|w| between(w[0], w[1])).for_each(|p| {
                layer.cut(p);
            });
            *here = *level.last().expect("a turn has chords");
            return true;
        }
        let t0 = march(plane, mine, &[(seed, 0.0)]);
        let far = piece.iter().max_by(|&&a, &&b| t0[a].total_cmp(&t0[b]).then(b.cmp(&a)));
        // Long enough that a few strokes at the ramp's angle reach the height.
        let path = cut_to(&self.trail(&t0, *far.expect("a piece has nodes")), 15.0);
        let length: f64 = path.windows(2).map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1])).sum();
        if length < 2.0 * plane.step {
            return false;
        }
        let top = path.iter().map(|&p| over(p)).fold(z, f64::max).min(above.max(z));
        self.start(moves, path[0], top, over(path[0]));
        self.to_and_fro(moves, &path, length, top, z);
        for w in path.windows(2) {
            for k in 0..=4 {
                let t = f64::from(k) / 4.0;
                layer.cut([w[0][0] + (w[1][0] - w[0][0]) * t, w[0][1] + (w[1][1] - w[0][1]) * t]);
            }
        }
        *here = path[0];
        if let Some(Move::Plunge(p) | Move::Cut(p)) = moves.last() {
            *here = [p[0], p[1]];
        }
        true
    }

    /// From clearance down to the stock an entry begins in.
    fn start(&self, moves: &mut Vec<Move>, p: [f64; 2], top: f64, standing: f64) {
        moves.push(Move::Rapid([p[0], p[1], self.clearance_mm]));
        let safe = (top.max(standing) + self.gap_mm).min(self.clearance_mm);
        moves.push(Move::Rapid([p[0], p[1], safe]));
        moves.push(Move::Plunge([p[0], p[1], top]));
    }

    /// Returns the places of the level turn at its end.
    fn helix(&self, moves: &mut Vec<Move>, c: [f64; 2], r: f64, from: f64, to: f64) -> Vec<[f64; 2]> {
        let turn = std::f64::consts::TAU * r;
        let turns = (from - to) / (turn * self.ramp_rad.tan());
        // A roughing hole need not be round: 8 chords a turn, 20 for a wide one.
        let chords = (8.0 * r).clamp(8.0, 20.0).ceil();
        let n = (turns * chords).ceil().max(1.0) as usize;
        let on = |k: usize| {
            let (s, co) = (k as f64 / chords * std::f64::consts::TAU).sin_cos();
            [c[0] + r * co, c[1] + r * s]
        };
        let plunge = |p: [f64; 2], z: f64| Move::Plunge([p[0], p[1], z]);
        moves.extend((1..=n).map(|k| plunge(on(k), from + (to - from) * k as f64 / n as f64)));
        // One level turn cleans the bottom.
        let level: Vec<[f64; 2]> = (n..=n + chords as usize).map(on).collect();
        moves.extend(level.iter().skip(1).map(|&p| plunge(p, to)));
        level
    }

    fn to_and_fro(&self, moves: &mut Vec<Move>, path: &[[f64; 2]], length: f64, from: f64, to: f64) {
        let drop = length * self.ramp_rad.tan();
        let strokes = ((from - to) / drop).ceil().max(1.0) as usize;
        let mut z = from;
        let slope = (from - to) / (strokes as f64 * length);
        let mut line = path.to_vec();
        for _ in 0..strokes {
            for w in line.windows(2) {
                z -= slope * (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]);
                moves.push(Move::Plunge([w[1][0], w[1][1], z.max(to)]));
            }
            line.reverse();
        }
        // A level stroke takes the last ramp's wedge; it ends where the march begins.
        for p in line.iter().skip(1) {
            moves.push(Move::Cut([p[0], p[1], to]));
        }
        if strokes % 2 == 0 {
            for p in line.iter().rev().skip(1) {
                moves.push(Move::Cut([p[0], p[1], to]));
            }
        }
    }

    /// Down the distances from `from` to where they begin, then turned round.
    fn trail(&self, t: &[f64], from: usize) -> Vec<[f64; 2]> {
        let mut at = from;
        let mut path = vec![self.plane.xy(at)];
        while t[at] > 0.0 {
            let lower = self.plane.neighbours(at).filter(|&(b, _)| t[b] < t[at]);
            let Some((b, _)) = lower.min_by(|a, b| t[a.0].total_cmp(&t[b.0])) else { break };
            at = b;
            path.push(self.plane.xy(at));
        }
        path.reverse();
        path
    }
}

/// The beginning of a path.
fn cut_to(path: &[[f64; 2]], length: f64) -> Vec<[f64; 2]> {
    let mut gone = 0.0;
    let mut out = vec![path[0]];
    for w in path.windows(2) {
        gone += (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]);
        if gone > length {
            break;
        }
        out.push(w[1]);
    }
    out
}
