//! Holes: far enough from the rim and from each other, along the axis.

use nalgebra::Vector3;

use crate::geometry::outline::{outline_xy, signed_distance_to_outline_mm};
use crate::model::{Dir, Finding, Hole, Implant, Part, Plan, Pose, Setup, Severity, Work};

use super::shape::{OUTLINE_CELL_MM, Shape};
use super::{Limits, at_least, at_most, in_patient};

pub(super) fn check(implant: &Implant, plan: &Plan, shape: &Shape, limits: &Limits) -> Vec<Finding> {
    let mut out = Vec::new();
    for (k, h) in implant.holes.iter().enumerate() {
        let place = in_patient(implant, h.centre.mm);
        let edge_mm = match h.countersink {
            // The rule for screws counts from their axis, across it.
            Some(_) => axis_to_edge_mm(implant, h),
            None => {
                -signed_distance_to_outline_mm(&shape.outline, [h.centre.mm[0], h.centre.mm[1]])
                    - h.diameter_mm / 2.0
            }
        };
        let least = limits.hole_edge_over_diameter_min * h.diameter_mm;
        // 0.1 mm: what the outline is good to.
        let severity = if !at_least(edge_mm, least - 0.1) {
            Some((Severity::Stop, least))
        } else if h.countersink.is_none() && edge_mm < limits.hole_edge_mm_min - 0.1 {
            Some((Severity::Change, limits.hole_edge_mm_min))
        } else {
            None
        };
        if let Some((severity, limit)) = severity {
            let message = format!(
                "hole {} leaves {edge_mm:.2} mm to the rim, {limit:.2} mm are needed; move it inwards",
                k + 1
            );
            out.push(Finding::new("hole-edge", severity, message).measured(edge_mm, limit, "mm").at(place));
        }
        let angle_deg = h.axis.unit[2].clamp(-1.0, 1.0).acos().to_degrees();
        let indexed = || {
            // From the plan's poses, not from what it says of holes.
            let up = Dir::<Work>::new([0.0, 0.0, 1.0]);
            let along = |s: &Setup| s.part_from_work.turn(up).v().dot(&h.axis.v()).clamp(-1.0, 1.0).acos();
            plan.setups
                .iter()
                .any(|s| s.is_indexed() && at_most(along(s).to_degrees(), limits.hole_axis_deg_max))
        };
        if !at_most(angle_deg, limits.hole_axis_deg_max) && !indexed() {
            let message = format!(
                "hole {} stands {angle_deg:.2} deg to the insertion axis, three axes drill up to {:.2} deg; turn it or \
                 choose a machine with rotary axes in plan.machine",
                k + 1,
                limits.hole_axis_deg_max
            );
            out.push(
                Finding::new("hole-axis", Severity::Stop, message)
                    .measured(angle_deg, limits.hole_axis_deg_max, "deg")
                    .at(place),
            );
        }
        for (j, o) in implant.holes.iter().enumerate().skip(k + 1) {
            let between = (h.centre.mm[0] - o.centre.mm[0]).hypot(h.centre.mm[1] - o.centre.mm[1]);
            let web_mm = between - 0.5 * (h.diameter_mm + o.diameter_mm);
            if !at_least(web_mm, limits.hole_web_mm_min) {
                let message = format!(
                    "holes {} and {} leave {web_mm:.2} mm between them, {:.2} mm are needed; drop one",
                    k + 1,
                    j + 1,
                    limits.hole_web_mm_min
                );
                out.push(
                    Finding::new("hole-web", Severity::Stop, message)
                        .measured(web_mm, limits.hole_web_mm_min, "mm")
                        .at(place),
                );
            }
        }
    }
    out
}

/// From a hole's axis to the nearest edge of the part as seen along it, mm.
fn axis_to_edge_mm(implant: &Implant, hole: &Hole) -> f64 {
    let z = hole.axis;
    let aside = if z.unit[0].abs() < 0.7 { Vector3::x() } else { Vector3::y() };
    let y = z.v().cross(&aside);
    let y = Dir::<Part>::new([y.x, y.y, y.z]);
    let x = y.v().cross(&z.v());
    let seen: Pose<Work, Part> = Pose::from_axes(Dir::new([x.x, x.y, x.z]), y, z, hole.centre);
    -signed_distance_to_outline_mm(&outline_xy(&implant.body.moved(&seen), OUTLINE_CELL_MM), [0.0, 0.0])
}
