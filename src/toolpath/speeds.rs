//! Spindle speed and feed of a tool in a material.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::model::{Cutting, MachineTool, Tool, ToolKind};

/// Speeds of one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speeds {
    /// 1/min.
    pub spindle_rpm: f64,
    /// mm/min.
    pub feed_mm_per_min: f64,
}

/// Largest diameter at which a ball cuts a skin of `depth_mm` off a face that leans by `slope_rad`, tool upright:
/// `D·sin(θ + κ)`, `cos κ = 1 − 2a/D`, and all of D on a wall. On a level face that is `2·√(a·(D − a))`.
pub fn effective_diameter_mm(tool: &Tool, depth_mm: f64, slope_rad: f64) -> f64 {
    match tool.kind {
        ToolKind::Ball => {
            let a = depth_mm.clamp(0.0, 0.5 * tool.diameter_mm);
            let kappa = (1.0 - 2.0 * a / tool.diameter_mm).acos();
            tool.diameter_mm * (slope_rad + kappa).min(FRAC_PI_2).sin()
        }
        _ => tool.diameter_mm,
    }
}

/// Surface speed at the effective diameter and chip load scaled with the diameter, both capped by the machine.
pub fn speeds(
    cutting: &Cutting,
    tool: &Tool,
    machine: &MachineTool,
    depth_mm: f64,
    slope_rad: f64,
) -> Speeds {
    let diameter = effective_diameter_mm(tool, depth_mm, slope_rad).max(0.01);
    let wanted = 1000.0 * cutting.surface_speed_m_per_min / (PI * diameter);
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
        let at = |deg: f64| effective_diameter_mm(&tool, 0.1, deg.to_radians());
        // Reference figures for D6 at 0.1 mm: 1.54 mm upright, 2.52, 2.99 and 4.23 mm at 10, 15 and 30 degrees.
        for (deg, mm) in [(0.0, 1.536), (10.0, 2.52), (15.0, 2.99), (30.0, 4.23)] {
            assert!((at(deg) - mm).abs() < 0.01, "{deg} {}", at(deg));
        }
        assert_eq!(at(90.0), 6.0, "on a wall all of it");
        let machine = MachineTool {
            name: String::new(),
            travel_min_mm: [-500.0; 3],
            travel_max_mm: [0.0; 3],
            rapid_mm_per_min: [20000.0; 3],
            feed_mm_per_min_max: 10000.0,
            acceleration_mm_per_s2: [5000.0; 3],
            jerk_mm_per_s3: [50000.0; 3],
            spindle_rpm_min: 200.0,
            spindle_rpm_max: 20000.0,
            tool_change_s: 4.0,
            rotary: vec![],
        };
        let titanium = Cutting {
            surface_speed_m_per_min: 60.0,
            feed_per_tooth_mm_d6: 0.04,
            depth_over_diameter: 0.05,
            width_over_diameter: 0.05,
        };
        let wall = speeds(&titanium, &tool, &machine, 0.26, FRAC_PI_2);
        // 60 m/min on 6 mm; two teeth of 0.04 mm.
        assert_eq!((wall.spindle_rpm, wall.feed_mm_per_min), (3183.0, 254.0));
        let level = speeds(&titanium, &tool, &machine, 0.26, 0.0);
        assert!((PI * 2.0 * (0.26 * 5.74f64).sqrt() * level.spindle_rpm / 1000.0 - 60.0).abs() < 0.01);
    }
}
