//! How far tool and plate give way under a finishing pass. Formulas and policy: the room's page.

use std::f64::consts::PI;

use crate::model::{Finding, Implant, Plan, Severity, Tool};

use super::shape::Shape;
use super::{Limits, at_most};

/// Sintered carbide, 580-630 GPa by grade in tool makers' tables.
const CARBIDE_N_PER_MM2: f64 = 600e3;
/// A fluted cutter bends like a rod of this share of its diameter.
const CORE_SHARE: f64 = 0.8;
/// 0.3 bends more than the 0.34 of titanium or the 0.4 of PEEK would: (1 − ν²)(3 + ν)/(1 + ν) falls with ν.
const POISSON: f64 = 0.3;

/// What a tool clamped at its holder gives per newton at its tip, µm: L³ / (3·E·I).
pub(super) fn tool_um_per_n(t: &Tool) -> f64 {
    let d = CORE_SHARE * t.diameter_mm;
    let i = PI * d.powi(4) / 64.0;
    t.stick_out_mm.powi(3) / (3.0 * CARBIDE_N_PER_MM2 * i) * 1e3
}

/// What a disc of radius a, simply supported, gives per newton at its middle, µm.
pub(super) fn disc_um_per_n(radius_mm: f64, thickness_mm: f64, youngs_modulus_gpa: f64) -> f64 {
    let e = youngs_modulus_gpa * 1e3;
    let d = e * thickness_mm.powi(3) / (12.0 * (1.0 - POISSON * POISSON));
    radius_mm.powi(2) * (3.0 + POISSON) / (16.0 * PI * (1.0 + POISSON) * d) * 1e3
}

/// What one tab, held at plate and frame, gives per newton, µm: L³ / (12·E·I).
pub(super) fn tab_um_per_n(length_mm: f64, width_mm: f64, thickness_mm: f64, youngs_modulus_gpa: f64) -> f64 {
    let i = width_mm * thickness_mm.powi(3) / 12.0;
    length_mm.powi(3) / (12.0 * youngs_modulus_gpa * 1e3 * i) * 1e3
}

pub(super) fn check(implant: &Implant, plan: &Plan, shape: &Shape, limits: &Limits) -> Vec<Finding> {
    let mut out = Vec::new();
    let force_n = limits.finish_force_n;
    let mut say = |id: &str, um: f64, message: String| {
        let (severity, limit) = if !at_most(um, limits.deflection_um_stop) {
            (Severity::Stop, limits.deflection_um_stop)
        } else if um > limits.deflection_um_change {
            (Severity::Change, limits.deflection_um_change)
        } else {
            (Severity::Note, limits.deflection_um_change)
        };
        out.push(Finding::new(id, severity, message).measured(um, limit, "um"));
    };
    for role in ["finish", "rim"] {
        let Some(t) = plan.tools.get(role) else { continue };
        let um = force_n * tool_um_per_n(t);
        say(
            &format!("deflection-tool-{role}"),
            um,
            format!(
                "T{} ({role}, D{}, stick-out {} mm) bends {um:.1} um under a finishing force of {force_n} N; a thicker or shorter \
                 tool or a lighter skin bends less",
                t.number, t.diameter_mm, t.stick_out_mm
            ),
        );
    }
    let e = plan.material.youngs_modulus_gpa;
    let radius_mm = (shape.shadow_mm2 / PI).sqrt();
    // Finishing on a nest the plate bends while its first side is finished, the other side's allowance still on it.
    let (setup, skin_mm) = match &plan.nest {
        Some(_) => ("op30", plan.rough_allowance_mm),
        None => ("op20", 0.0),
    };
    let disc = disc_um_per_n(radius_mm, implant.facts.thickness_mm_min + skin_mm, e);
    // Springs side by side: stiffnesses add.
    let stiffness = plan
        .tabs
        .iter()
        .map(|t| 1.0 / tab_um_per_n(plan.lane_mm, t.width_mm, t.z_max_mm - t.z_min_mm, e))
        .fold(0.0, |sum, k| sum + k);
    // Written so that no tabs, or a tab without thickness, holds nothing (an empty `sum()` is −0, its inverse −∞).
    let heave = if stiffness > 0.0 { 1.0 / stiffness } else { f64::INFINITY };
    // In the middle the plate bends and all tabs share; at the rim of a ring of springs the plate also tilts:
    // (1 + 2·(r/R)²) = 3 times the heave.
    let um = force_n * (disc + heave).max(3.0 * heave);
    say(
        "deflection-plate",
        um,
        format!(
            "the plate on its {} tabs gives way {um:.1} um in {setup} under a finishing force of {force_n} N (disc {:.2}, tabs {:.2} \
             um/N, curvature not counted); a nest milled to the bone side, more tabs or a lighter skin reduce it",
            plan.tabs.len(),
            disc,
            heave
        ),
    );
    out
}
