//! Spindle speed and feed of a tool in a material.

use crate::model::{Cutting, MachineTool, Tool, ToolKind};

/// Speeds of one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speeds {
    /// 1/min.
    pub spindle_rpm: f64,
    /// mm/min.
    pub feed_mm_per_min: f64,
}

/// Diameter at which a ball cuts at the depth `depth_mm`, tool upright: `2·√(a·(D − a))`.
pub fn effective_diameter_mm(tool: &Tool, depth_mm: f64) -> f64 {
    match tool.kind {
        ToolKind::Ball => {
            let a = depth_mm.clamp(0.0, 0.5 * tool.diameter_mm);
            2.0 * (a * (tool.diameter_mm - a)).sqrt()
        }
        _ => tool.diameter_mm,
    }
}

/// Surface speed at the effective diameter and chip load scaled with the diameter, both capped by the machine.
pub fn speeds(cutting: &Cutting, tool: &Tool, machine: &MachineTool, depth_mm: f64) -> Speeds {
    let diameter = effective_diameter_mm(tool, depth_mm).max(0.01);
    let wanted = 1000.0 * cutting.surface_speed_m_per_min / (std::f64::consts::PI * diameter);
    // Whole revolutions: the program says no more.
    let rpm = wanted.clamp(machine.spindle_rpm_min, machine.spindle_rpm_max).floor();
    // The table's chip load is that of a 6 mm tool.
    let per_tooth = cutting.feed_per_tooth_mm_d6 * tool.diameter_mm / 6.0;
    let feed = (rpm * f64::from(tool.flutes) * per_tooth).min(machine.feed_mm_per_min_max).floor().max(1.0);
    Speeds { spindle_rpm: rpm, feed_mm_per_min: feed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ball_of_six_at_a_tenth_cuts_at_a_diameter_of_one_and_a_half() {
        let tool = Tool {
            number: 1,
            kind: ToolKind::Ball,
            diameter_mm: 6.0,
            corner_radius_mm: 3.0,
            point_angle_deg: 0.0,
            flute_length_mm: 9.0,
            flutes: 2,
            shank_diameter_mm: 5.8,
            stick_out_mm: 30.0,
            holder_diameter_mm: 22.0,
            holder_length_mm: 40.0,
        };
        assert!((effective_diameter_mm(&tool, 0.1) - 1.536).abs() < 1e-3);
    }
}
