//! Holes: far enough from the rim and from each other, along the axis.

use crate::geometry::outline::signed_distance_to_outline_mm;
use crate::model::{Dir, Finding, Implant, Plan, Setup, Severity, Work};

use super::shape::Shape;
use super::{Limits, at_least, at_most, in_patient};

pub(super) fn check(implant: &Implant, plan: &Plan, shape: &Shape, limits: &Limits) -> Vec<Finding> {
    let mut out = Vec::new();
    for (k, h) in implant.holes.iter().enumerate() {
        let place = in_patient(implant, h.centre.mm);
        let edge_mm = -signed_distance_to_outline_mm(&shape.outline, [h.centre.mm[0], h.centre.mm[1]])
            - h.diameter_mm / 2.0;
        let least = limits.hole_edge_over_diameter_min * h.diameter_mm;
        // 0.1 mm: what the outline is good to.
        let severity = if !at_least(edge_mm, least - 0.1) {
            Some((Severity::Stop, least))
        } else if edge_mm < limits.hole_edge_mm_min - 0.1 {
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
