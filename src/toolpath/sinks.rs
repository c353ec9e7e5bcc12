//! Countersinks: a cone plunged along the hole's axis into the outer mouth.

use crate::model::{Hole, Implant, Move, Tool};

use super::cutter::Cutter;
use super::error::ToolpathError;
use super::holes::faces;
use super::params::ToolpathParams;
use super::scene::Scene;

/// The cone's edge stands at least this far beyond the widest place of the mouth, mm.
const EDGE_MM: f64 = 0.2;

/// True where this setup cuts the hole's countersink.
pub fn is_mine(hole: &Hole, scene: &Scene) -> bool {
    hole.countersink.is_some() && faces(hole, &scene.work_from_part)
}

/// Down to where the cone is as wide as designed at the outer surface, and up; in the order of the holes.
pub fn sink(
    implant: &Implant,
    scene: &Scene,
    cone: &Tool,
    params: &ToolpathParams,
) -> Result<Vec<Move>, ToolpathError> {
    let mut moves = Vec::new();
    let slope = (0.5 * cone.point_angle_deg.to_radians()).tan();
    for (k, hole) in implant.holes.iter().enumerate().filter(|(_, h)| is_mine(h, scene)) {
        let sink = hole.countersink.expect("filtered for it");
        let wrong = |found: String, needed| ToolpathError::WrongTool {
            number: cone.number,
            role: "chamfer",
            found,
            needed,
        };
        if (sink.angle_deg - cone.point_angle_deg).abs() > 1e-6 {
            let found = format!(
                "cuts {} degrees, hole {} is sunk by {}",
                cone.point_angle_deg,
                k + 1,
                sink.angle_deg
            );
            return Err(wrong(found, "a chamfer mill of the countersink's angle"));
        }
        let [x, y, z] = scene.work_from_part.apply(hole.centre).mm;
        let tip = z - 0.5 * sink.diameter_mm / slope;
        // Where the surface is aslant the mouth is wider on its high side.
        let top = scene.ground.z(&Cutter::flat(0.5 * sink.diameter_mm), x, y).max(z);
        let widest = (top - tip) * slope;
        if widest + EDGE_MM > cone.radius_mm() {
            let found = format!("is D{}, hole {} opens to {:.2} mm", cone.diameter_mm, k + 1, 2.0 * widest);
            return Err(wrong(found, "a chamfer mill wider than the countersink"));
        }
        moves.push(Move::Rapid([x, y, scene.clearance_mm]));
        moves.push(Move::Rapid([x, y, (top + params.rapid_gap_mm).min(scene.clearance_mm)]));
        moves.push(Move::Plunge([x, y, tip]));
        moves.push(Move::Rapid([x, y, scene.clearance_mm]));
    }
    Ok(moves)
}
