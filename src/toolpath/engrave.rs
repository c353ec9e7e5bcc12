//! The marking, engraved by a ball whose middle keeps its distance from the face.
//!
//! Along each stroke the ball's middle stays `radius − depth` outside the face, square to it, so that the groove is as deep on
//! a slope as on the level. Where a neighbouring facet stands higher the ball is lifted by as much: a small ball of that
//! distance, lowered onto the part, tells it. The tool comes down along the stroke itself, goes back, and follows it.

use nalgebra::Vector3;

use crate::geometry::Bvh;
use crate::model::{Dir, Implant, MarkingFacts, Move, Tool};

use super::cutter::{Cutter, P3};
use super::error::ToolpathError;
use super::params::ToolpathParams;
use super::scene::Scene;

/// The way down along a stroke is no longer than this, mm: at a depth of 0.15 mm and the air above it, 10 degrees.
const RAMP_MM: f64 = 1.5;
/// Air between tool and face where the way down begins, mm: far above what finishing leaves.
const AIR_MM: f64 = 0.1;
/// Cosine of the steepest face that is engraved: where it stands steeper the ball's walls would undercut on the way out.
const UPRIGHT_MIN: f64 = 0.6;

/// The marking that this setup looks at, if it is to be milled.
pub fn mine<'a>(implant: &'a Implant, scene: &Scene) -> Option<&'a MarkingFacts> {
    let up = scene.work_from_part.turn(Dir::new([0.0, 0.0, 1.0])).unit[2];
    let marking = implant.facts.marking.as_ref().filter(|m| m.groove.is_some())?;
    // 0.99: the two sides, and no indexed setup.
    let looked_at = if marking.face == "outer" { up > 0.99 } else { up < -0.99 };
    looked_at.then_some(marking)
}

/// Every stroke of `marking`, in the order of the text.
pub fn strokes(
    implant: &Implant,
    marking: &MarkingFacts,
    scene: &Scene,
    tool: &Tool,
    params: &ToolpathParams,
) -> Result<Vec<Move>, ToolpathError> {
    let radius_mm = tool.radius_mm();
    let wanted_mm = marking.groove.map_or(f64::NAN, |g| g.radius_mm);
    // Half a micrometre, as in planning. Written so that NaN is refused.
    if !((radius_mm - wanted_mm).abs() <= 0.0005) {
        return Err(ToolpathError::WrongTool {
            number: tool.number,
            role: "engrave",
            found: format!("has a radius of {radius_mm} mm, the marking's groove one of {wanted_mm} mm"),
            needed: "a ball of the groove's radius",
        });
    }
    let tree = Bvh::new(&implant.body);
    let off_mm = radius_mm - marking.depth_mm;
    let feeler = Cutter::ball(off_mm);
    let mut moves = Vec::new();
    for (n, stroke) in marking.strokes_lps_mm.iter().enumerate() {
        let mut tips: Vec<P3> = Vec::with_capacity(stroke.len());
        let mut lift_mm: f64 = 0.0;
        for &p in stroke {
            let p = implant.part_from_patient.apply(p).mm;
            let near =
                tree.nearest(p, f64::INFINITY).ok_or(ToolpathError::NothingToMill { setup: scene.setup })?;
            let normal = scene.work_from_part.turn(Dir::new(tree.pseudo_normal(&near))).v();
            if !(normal.z >= UPRIGHT_MIN) {
                return Err(ToolpathError::SteepMarking {
                    stroke: n + 1,
                    setup: scene.setup,
                    slope_deg: normal.z.clamp(-1.0, 1.0).acos().to_degrees(),
                    limit_deg: UPRIGHT_MIN.acos().to_degrees(),
                });
            }
            let middle = Vector3::from(scene.work_from_part.apply_raw(p)) + normal * off_mm;
            let rests = scene.ground.z(&feeler, middle.x, middle.y) + off_mm;
            tips.push([middle.x, middle.y, middle.z.max(rests) - radius_mm]);
            lift_mm = lift_mm.max(marking.depth_mm / normal.z + AIR_MM);
        }
        if tips.len() > 1 {
            follow(&tips, lift_mm, scene, params, &mut moves);
        }
    }
    Ok(moves)
}

/// Down along the first piece of the way, back, and along all of it.
fn follow(tips: &[P3], lift_mm: f64, scene: &Scene, params: &ToolpathParams, moves: &mut Vec<Move>) {
    let far = |a: &P3, b: &P3| ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt();
    let whole: f64 = tips.windows(2).map(|w| far(&w[0], &w[1])).sum();
    let ramp = whole.min(RAMP_MM);
    let lifted = |p: &P3, mm: f64| [p[0], p[1], p[2] + mm];
    let [first, last] = [tips[0], tips[tips.len() - 1]];
    let top = first[2] + lift_mm;
    moves.push(Move::Rapid([first[0], first[1], scene.clearance_mm]));
    moves.push(Move::Rapid([first[0], first[1], (top + params.rapid_gap_mm).min(scene.clearance_mm)]));
    moves.push(Move::Plunge(lifted(&first, lift_mm)));
    let mut along = 0.0;
    let mut down = vec![first];
    for w in tips.windows(2) {
        let step = far(&w[0], &w[1]);
        let share = ((ramp - along) / step).min(1.0);
        let end: P3 = std::array::from_fn(|k| w[0][k] + (w[1][k] - w[0][k]) * share);
        along += step * share;
        // The last place is down whatever rounding says.
        let left = if along >= ramp - 1e-9 { 0.0 } else { lift_mm * (1.0 - along / ramp) };
        moves.push(Move::Plunge(lifted(&end, left)));
        down.push(end);
        if left == 0.0 {
            break;
        }
    }
    moves.extend(down.iter().rev().skip(1).map(|&p| Move::Cut(p)));
    moves.extend(tips[1..].iter().map(|&p| Move::Cut(p)));
    // At feed out of the groove: on a slope its upper wall is near.
    moves.push(Move::Cut(lifted(&last, lift_mm)));
    moves.push(Move::Rapid([last[0], last[1], scene.clearance_mm]));
}
