//! Does the blank hold the part, and do the tools get to the bottom.

use crate::model::{Finding, Implant, Plan, Severity, Tool};

use super::shape::Shape;
use super::{at_least, at_most};

pub(super) fn check(implant: &Implant, plan: &Plan, shape: &Shape) -> Vec<Finding> {
    let mut out = Vec::new();
    let Some((lo, hi)) = implant.body.bounds_mm() else { return out };
    let (stock_lo, stock_hi) = (plan.stock.min_mm.mm, plan.stock.max_mm.mm);
    // Lane and at least 5 mm of frame beside the part; some stock above and below.
    for a in 0..3 {
        let needed = if a < 2 { plan.lane_mm + 5.0 } else { 0.2 };
        let margin = (lo[a] - stock_lo[a]).min(stock_hi[a] - hi[a]);
        if !at_least(margin, needed) {
            let axis = ["x", "y", "z"][a];
            let message = format!(
                "the blank leaves {margin:.2} mm beyond the part along {axis}, {needed:.2} mm are needed"
            );
            out.push(Finding::new("stock-margin", Severity::Stop, message).measured(margin, needed, "mm"));
        }
    }
    let rim_top =
        |pick: fn(f64, f64) -> f64, start: f64| shape.rim.iter().map(|r| r.z_top_mm).fold(start, pick);
    let (rim_low, rim_high) = (rim_top(f64::min, f64::INFINITY), rim_top(f64::max, f64::NEG_INFINITY));
    // Depth below the blank's top face at which each role's tip works, from the mesh alone.
    let rim = |t: &Tool| rim_high + t.radius_mm() - stock_lo[2];
    let outer = |t: &Tool| stock_hi[2] - (rim_low - t.radius_mm());
    for (role, t) in &plan.tools {
        let depth_mm = match role.as_str() {
            "rim" => rim(t),
            "finish" | "rough" | "rest" => outer(t).max(rim_high - stock_lo[2]),
            // It goes no deeper than its holder may.
            "pencil" => 0.0,
            // Aslant: the plan takes no pose whose holder would meet the frame.
            "cover" => 0.0,
            "probe" => stock_hi[2] - stock_lo[2],
            "engrave" => implant
                .facts
                .marking
                .iter()
                .flat_map(|m| {
                    let z = |p| implant.part_from_patient.apply(p).mm[2];
                    let outer = m.face == "outer";
                    m.strokes_lps_mm.iter().flatten().map(move |&p| {
                        m.depth_mm + if outer { stock_hi[2] - z(p) } else { z(p) - stock_lo[2] }
                    })
                })
                .fold(0.0, f64::max),
            // From either side, a hole's diameter into it at most.
            "chamfer" => implant
                .holes
                .iter()
                .map(|h| {
                    let (outer, inner) = (h.centre.mm[2], h.centre.mm[2] - h.length_mm);
                    (stock_hi[2] - outer).max(inner - stock_lo[2]) + h.diameter_mm
                })
                .fold(0.0, f64::max),
            _ => implant.holes.iter().map(|h| h.centre.mm[2] - stock_lo[2]).fold(0.0, f64::max),
        };
        if !at_least(t.stick_out_mm, depth_mm) && plan.findings.iter().all(|f| f.id != "tool-reach") {
            let message = format!(
                "T{} ({role}) sticks out {:.1} mm and works {depth_mm:.1} mm below the blank's face: its holder would meet the \
                 frame; set it longer",
                t.number, t.stick_out_mm
            );
            out.push(Finding::new("tool-reach", Severity::Stop, message).measured(
                t.stick_out_mm,
                depth_mm,
                "mm",
            ));
        }
        // The marking lies on the open face: its tool goes into no lane whose wall a shank could rub.
        let in_a_lane = role != "engrave" && role != "probe";
        if in_a_lane && t.shank_diameter_mm > t.diameter_mm + 1e-9 && depth_mm > t.flute_length_mm {
            let message = format!(
                "T{} ({role}) has a shank of {:.2} mm above a cutter of {:.2} mm and works {depth_mm:.1} mm deep: the shank would \
                 rub the wall; take a necked tool",
                t.number, t.shank_diameter_mm, t.diameter_mm
            );
            out.push(Finding::new("shank", Severity::Stop, message).measured(
                t.shank_diameter_mm,
                t.diameter_mm,
                "mm",
            ));
        }
    }
    for t in ["rough", "rest"].iter().filter_map(|&role| plan.tools.get(role)) {
        let cut_mm = plan.material.rough.depth_over_diameter * t.diameter_mm;
        if !at_most(cut_mm, t.flute_length_mm) {
            let message = format!(
                "roughing takes {cut_mm:.1} mm at once, T{} has {:.1} mm of flutes; lower depth_over_diameter in materials.toml",
                t.number, t.flute_length_mm
            );
            out.push(Finding::new("flute-length", Severity::Stop, message).measured(
                cut_mm,
                t.flute_length_mm,
                "mm",
            ));
        }
    }
    out
}
