//! The mouths of holes, broken by a cone that follows them on the way the design gives.

use crate::model::{Hole, Implant, Move, Point};

use super::cutter::P3;
use super::scene::Scene;

/// The cone comes to its way this far above it, mm, and comes down on one turn …
const LIFT_MM: f64 = 0.5;
/// … after a rapid that ends this much higher, mm.
const GAP_MM: f64 = 0.5;
/// Cosine of what a mouth's way may stand off the tool: 0.01°, as for the holes themselves.
const UPRIGHT: f64 = 1.0 - 1.6e-8;

/// True where this setup breaks a mouth: an indexed one only those of the holes it drills.
pub fn any(implant: &Implant, scene: &Scene) -> bool {
    let upright = |h: &Hole| scene.work_from_part.turn(h.axis).unit[2].abs() > UPRIGHT;
    implant.holes.iter().any(|h| h.mouths.is_some() && upright(h))
}

/// One turn down, one turn on the way, per mouth that this setup looks at; nearest first.
pub fn mouths(implant: &Implant, scene: &Scene) -> Vec<Move> {
    let mut left: Vec<Vec<P3>> = implant
        .holes
        .iter()
        .filter_map(|hole| {
            let up = scene.work_from_part.turn(hole.axis).unit[2];
            let outside = up > 0.0;
            if up.abs() <= UPRIGHT {
                return None;
            }
            let mouths = hole.mouths.as_ref()?;
            let way = |tips: &[Point<_>]| tips.iter().map(|p| scene.work_from_part.apply(*p).mm).collect();
            let mut tips: Vec<P3> = if outside { way(&mouths.outer) } else { way(&mouths.inner) };
            // Counter-clockwise seen from the tool: climb milling inside a hole. Its way is given as seen from outside.
            if !outside {
                tips.reverse();
            }
            (tips.len() > 2).then_some(tips)
        })
        .collect();
    let mut moves = Vec::new();
    let mut at = [0.0, 0.0];
    while !left.is_empty() {
        let far = |tips: &[P3]| (tips[0][0] - at[0]).hypot(tips[0][1] - at[1]);
        let (k, _) = left
            .iter()
            .enumerate()
            .map(|(k, tips)| (k, far(tips)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .expect("not empty");
        let tips = left.remove(k);
        let n = tips.len();
        let middle = |a: usize| tips.iter().map(|p| p[a]).sum::<f64>() / n as f64;
        let (x, y) = (middle(0), middle(1));
        let top = tips.iter().map(|p| p[2]).fold(f64::NEG_INFINITY, f64::max) + LIFT_MM;
        moves.push(Move::Rapid([x, y, scene.clearance_mm]));
        moves.push(Move::Rapid([x, y, (top + GAP_MM).min(scene.clearance_mm)]));
        moves.push(Move::Plunge([x, y, top]));
        let lifted = |k: usize, mm: f64| [tips[k % n][0], tips[k % n][1], tips[k % n][2] + mm];
        moves.extend((0..n).map(|k| Move::Plunge(lifted(k, LIFT_MM * (1.0 - k as f64 / n as f64)))));
        moves.extend((0..=n).map(|k| Move::Cut(lifted(k, 0.0))));
        moves.push(Move::Cut([x, y, top]));
        moves.push(Move::Rapid([x, y, scene.clearance_mm]));
        at = [x, y];
    }
    moves
}
