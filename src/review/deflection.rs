//! How far tool and plate give way under each finishing pass. Formulas: `geometry::bending`; policy: the room's page.

use crate::geometry::bending::{Hanging, finishing_force_n, tool_um_per_n};
use crate::model::{Finding, Implant, Plan, Setup, SetupTask, Severity};

use super::shape::Shape;
use super::{Limits, at_most, in_patient};

/// What carries the plate in a setup that finishes.
enum Carried {
    /// The other side's uncut stock, or the nest.
    Under(&'static str),
    /// Nothing but its tabs; so thick, mm.
    Tabs(f64),
}

fn carried(implant: &Implant, plan: &Plan, shape: &Shape, setup: &Setup) -> Carried {
    let plate_mm = implant.facts.plate_mm(shape.shadow_mm2);
    if plan.nest.as_ref().is_some_and(|n| n.carries == setup.clamping) {
        return Carried::Under("its nest");
    }
    let level: Vec<&Setup> = plan.setups.iter().filter(|s| !s.is_indexed()).collect();
    let roughed = level.iter().filter(|s| s.number < setup.clamping && s.task != SetupTask::Finish).count();
    let finished = level.iter().filter(|s| s.number < setup.clamping && s.task != SetupTask::Rough).count();
    match (roughed, finished) {
        (0, _) => Carried::Under("the uncut blank"),
        // The other side's allowance still stiffens it.
        (_, 0) => Carried::Tabs(plate_mm + plan.rough_allowance_mm),
        _ => Carried::Tabs(plate_mm),
    }
}

pub(super) fn check(implant: &Implant, plan: &Plan, shape: &Shape, limits: &Limits) -> Vec<Finding> {
    let mut out = Vec::new();
    let e = plan.material.youngs_modulus_gpa;
    let finishing = plan.setups.iter().filter(|s| !matches!(s.task, SetupTask::Rough | SetupTask::Holes));
    for setup in finishing {
        let carried = carried(implant, plan, shape, setup);
        let roles: &[&str] =
            if setup.task == SetupTask::Cover { &["cover"] } else { &["finish", "rim", "pencil"] };
        for &role in roles {
            let Some(t) = plan.tools.get(role) else { continue };
            let force_n = finishing_force_n(&plan.material, t, plan.finish_skin_mm, plan.scallop_mm);
            let pass = format!("op{} {role}", setup.number);
            let um = force_n * tool_um_per_n(t);
            let (severity, limit) = if !at_most(um, limits.deflection_um_stop) {
                (Severity::Stop, limits.deflection_um_stop)
            } else if um > limits.deflection_um_change {
                (Severity::Change, limits.deflection_um_change)
            } else {
                (Severity::Note, limits.deflection_um_change)
            };
            let message = format!(
                "{pass}: T{} (D{}, stick-out {} mm) bends {um:.1} um under {force_n:.1} N square to a wall (skin {:.2} mm, {}); a \
                 thicker or shorter tool or a lighter skin bends less",
                t.number, t.diameter_mm, t.stick_out_mm, plan.finish_skin_mm, plan.material.name
            );
            let id = format!("deflection-tool-op{}-{role}", setup.number);
            out.push(Finding::new(&id, severity, message).measured(um, limit, "um"));

            let id = format!("deflection-plate-op{}-{role}", setup.number);
            let limit = limits.deflection_unsupported_um_stop;
            let finding = match carried {
                Carried::Under(what) => Finding::new(
                    &id,
                    Severity::Note,
                    format!("{pass}: the plate lies on {what}; under {force_n:.1} N it does not bend"),
                )
                .measured(0.0, limit, "um"),
                Carried::Tabs(thickness_mm) => {
                    let tabs = plan.tabs.iter().map(|t| (t.width_mm, t.z_max_mm - t.z_min_mm));
                    let hanging = Hanging::new(shape.shadow_mm2, thickness_mm, plan.lane_mm, tabs, e);
                    let um = force_n * hanging.um_per_n();
                    let severity = if at_most(um, limit) { Severity::Note } else { Severity::Stop };
                    let message = format!(
                        "{pass}: the plate, {thickness_mm:.2} mm, hangs on its {} tabs with nothing under it and gives way {um:.1} um \
                         under {force_n:.1} N (disc {:.2}, tabs {:.2} um/N, curvature not counted); plan.order = \"rough-first\" lays \
                         it on a nest, more or thicker tabs or a lighter skin bend less",
                        plan.tabs.len(),
                        hanging.disc_um_per_n,
                        hanging.tabs_um_per_n
                    );
                    Finding::new(&id, severity, message).measured(um, limit, "um")
                }
            };
            // The middle bends most.
            out.push(finding.at(in_patient(implant, [0.0; 3])));
        }
    }
    out
}
