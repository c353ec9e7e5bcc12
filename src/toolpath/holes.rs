//! Round holes: upright ones drilled from the first setup after its surface is finished, tilted ones after the outer
//! side's.

use crate::model::{Hole, Implant, Move, Part, Plan, Pose, Tool, Work};

use super::cutter::Cutter;
use super::error::ToolpathError;
use super::params::ToolpathParams;
use super::scene::Scene;

/// Within this a hole stands along the tool, degrees: 1 µm over a plate of 5 mm.
const ALONG_DEG: f64 = 0.01;

/// True where the hole's outer mouth looks at the tool.
pub fn faces(hole: &Hole, work_from_part: &Pose<Work, Part>) -> bool {
    let axis = work_from_part.turn(hole.axis).unit;
    axis[0].hypot(axis[1]).atan2(axis[2]).to_degrees() <= ALONG_DEG
}

/// One drill cycle per hole of `numbers` (from 0), nearest first.
pub fn drill(
    implant: &Implant,
    plan: &Plan,
    scene: &Scene,
    tool: &Tool,
    numbers: &[usize],
    params: &ToolpathParams,
) -> Result<Vec<Move>, ToolpathError> {
    let mut cycles = Vec::new();
    // Height of the point's cone: the full diameter starts that far above the tip.
    let point_mm = tool.radius_mm() / (0.5 * tool.point_angle_deg.to_radians()).tan();
    // As a surface probe: a flat of the drill's diameter finds the highest place the drill meets.
    let probe = Cutter::flat(tool.radius_mm());
    let peck_mm = plan.material.drill.depth_over_diameter * tool.diameter_mm;
    for &k in numbers {
        let (hole, number) = (&implant.holes[k], k + 1);
        let axis = scene.work_from_part.turn(hole.axis).unit;
        let tilt_deg = axis[0].hypot(axis[1]).atan2(axis[2].abs()).to_degrees();
        if !(tilt_deg <= ALONG_DEG) {
            return Err(ToolpathError::TiltedHole {
                hole: number,
                kind: hole.kind.clone(),
                tilt_deg,
                setup: scene.setup,
            });
        }
        let centre = scene.work_from_part.apply(hole.centre).mm;
        let top = scene.ground.z(&probe, centre[0], centre[1]);
        if !top.is_finite() {
            return Err(ToolpathError::HoleBeside {
                hole: number,
                kind: hole.kind.clone(),
                setup: scene.setup,
            });
        }
        // Both mouths, and the outer surface's slope across the hole, taken from the design itself.
        let far = far_surface_mm(implant, scene, centre, tool.radius_mm()).min(centre[2]).min(top);
        let bottom_z = far - point_mm - params.drill_overtravel_mm;
        if bottom_z < scene.stock_lo[2] {
            return Err(ToolpathError::DeepHole {
                hole: number,
                needed_mm: bottom_z,
                stock_mm: scene.stock_lo[2],
            });
        }
        let retract_z = (top + params.rapid_gap_mm).min(scene.clearance_mm);
        let deep = retract_z - bottom_z > peck_mm;
        cycles.push(([centre[0], centre[1]], retract_z, bottom_z, if deep { peck_mm } else { 0.0 }));
    }
    let mut moves = Vec::new();
    let mut at = [0.0, 0.0];
    while !cycles.is_empty() {
        let (k, _) = cycles
            .iter()
            .enumerate()
            .map(|(k, c)| (k, (c.0[0] - at[0]).hypot(c.0[1] - at[1])))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .expect("not empty");
        let (xy, retract_z, bottom_z, peck_mm) = cycles.remove(k);
        moves.push(Move::Rapid([xy[0], xy[1], scene.clearance_mm]));
        moves.push(Move::Drill { at_xy: xy, retract_z, bottom_z, peck_mm });
        moves.push(Move::Rapid([xy[0], xy[1], scene.clearance_mm]));
        at = xy;
    }
    Ok(moves)
}

/// Lowest place of the part's far side within the hole, work z.
fn far_surface_mm(implant: &Implant, scene: &Scene, centre: [f64; 3], radius_mm: f64) -> f64 {
    let body = &implant.body;
    let mut lowest = f64::INFINITY;
    for t in &body.triangles {
        let v = t.map(|v| scene.work_from_part.apply_raw(body.vertices[v as usize]));
        let cross = (v[1][0] - v[0][0]) * (v[2][1] - v[0][1]) - (v[1][1] - v[0][1]) * (v[2][0] - v[0][0]);
        // Faces down: the far side. A facet counts whole when any of it is near: at most a facet too deep.
        if cross < 0.0 {
            let near = |a: usize| {
                let lo = v[0][a].min(v[1][a]).min(v[2][a]);
                let hi = v[0][a].max(v[1][a]).max(v[2][a]);
                lo <= centre[a] + radius_mm && hi >= centre[a] - radius_mm
            };
            if near(0) && near(1) {
                lowest = v.iter().fold(lowest, |m, p| m.min(p[2]));
            }
        }
    }
    lowest
}
