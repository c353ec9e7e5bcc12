//! The part's own shape: closed, thick enough, seen whole, wide enough in its hollows, inside the envelope.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::geometry::outline::{RimPlace, outline_xy, rim_places};
use crate::model::{Dir, Finding, Implant, Part, Plan, SetupTask, Severity};

use super::{Limits, at_least, at_most, in_patient};

/// As in planning; the outline is good to half of it, the rim itself is found by rays.
pub(super) const OUTLINE_CELL_MM: f64 = 0.2;
const RIM_STEP_MM: f64 = 1.0;

/// What several checks need of the part, part frame, mm.
pub(super) struct Shape {
    pub(super) tree: Bvh<Part>,
    pub(super) outline: Vec<[f64; 2]>,
    pub(super) rim: Vec<RimPlace>,
    /// Area of the part's shadow, mm².
    pub(super) shadow_mm2: f64,
}

impl Shape {
    pub(super) fn of(implant: &Implant) -> Self {
        let tree = Bvh::new(&implant.body);
        let outline = outline_xy(&implant.body, OUTLINE_CELL_MM);
        let rim = rim_places(&tree, &outline, RIM_STEP_MM);
        let shadow_mm2 = (0..outline.len())
            .map(|k| {
                let (a, b) = (outline[k], outline[(k + 1) % outline.len()]);
                0.5 * (a[0] * b[1] - a[1] * b[0])
            })
            .sum();
        Self { tree, outline, rim, shadow_mm2 }
    }
}

pub(super) fn check(implant: &Implant, plan: &Plan, shape: &Shape, limits: &Limits) -> Vec<Finding> {
    let mut out = Vec::new();
    closed(implant, &mut out);
    wall(implant, limits, &mut out);
    undercut(implant, plan, shape, limits, &mut out);
    concave(implant, plan, limits, &mut out);
    envelope(implant, limits, &mut out);
    out
}

fn closed(implant: &Implant, out: &mut Vec<Finding>) {
    for (mesh, name) in [(&implant.mesh, "part"), (&implant.body, "body")] {
        if !mesh.is_closed_two_manifold() {
            let c = mesh.edge_census();
            let wrong = c.open + c.twisted + c.branching;
            let message = format!(
                "the {name}'s mesh has {wrong} edges that are not shared by two triangles; repair it"
            );
            out.push(Finding::new("not-closed", Severity::Stop, message).measured(
                wrong as f64,
                0.0,
                "edges",
            ));
        }
    }
}

fn wall(implant: &Implant, limits: &Limits, out: &mut Vec<Finding>) {
    let t = implant.facts.thickness_mm_min;
    if !at_least(t, limits.thickness_mm_min) {
        let message = format!(
            "the thinnest wall is {t:.2} mm, at least {:.2} mm is needed; thicken the plate or split the implant",
            limits.thickness_mm_min
        );
        out.push(Finding::new("min-thickness", Severity::Stop, message).measured(
            t,
            limits.thickness_mm_min,
            "mm",
        ));
    }
}

/// A facet is seen when a place just off it looks freely along +z or −z, or along the spindle of the indexed setup that is
/// planned for it: as the tools come.
fn undercut(implant: &Implant, plan: &Plan, shape: &Shape, limits: &Limits, out: &mut Vec<Finding>) {
    let mesh = &implant.body;
    let mut aslant: BTreeMap<usize, [f64; 3]> = BTreeMap::new();
    for cover in plan.visibility.iter().flat_map(|v| &v.cover) {
        let own = plan.setups.iter().find(|s| s.number == cover.setup && s.task == SetupTask::Cover);
        let up = own.map(|s| s.part_from_work.turn(Dir::new([0.0, 0.0, 1.0])).unit);
        aslant.extend(up.iter().flat_map(|&up| cover.facets.iter().map(move |&t| (t as usize, up))));
    }
    let hidden: Vec<(f64, [f64; 3])> = (0..mesh.triangles.len())
        .into_par_iter()
        .filter_map(|t| {
            let n = mesh.normal(t);
            let [a, b, c] = mesh.corners(t);
            let p = (a + b + c) / 3.0 + n * limits.undercut_mm_max;
            let free =
                |along: [f64; 3]| shape.tree.first_hit([p.x, p.y, p.z], along, 0.0, f64::INFINITY).is_none();
            let seen =
                free([0.0, 0.0, 1.0]) || free([0.0, 0.0, -1.0]) || aslant.get(&t).is_some_and(|&up| free(up));
            (!seen).then(|| (mesh.triangle_area_mm2(t), [p.x, p.y, p.z]))
        })
        .collect();
    let area_mm2: f64 = hidden.iter().map(|h| h.0).sum();
    if !at_most(area_mm2, limits.undercut_area_mm2_max) {
        let largest = hidden.iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or([f64::NAN; 3], |h| h.1);
        let message = format!(
            "{area_mm2:.2} mm2 of the surface are seen neither from the two sides nor from a planned indexed setup by more than \
             {:.3} mm; change the insertion axis or the wall there",
            limits.undercut_mm_max
        );
        out.push(
            Finding::new("undercut", Severity::Stop, message)
                .measured(area_mm2, limits.undercut_area_mm2_max, "mm2")
                .at(in_patient(implant, largest)),
        );
    }
}

fn concave(implant: &Implant, plan: &Plan, limits: &Limits, out: &mut Vec<Finding>) {
    let Some(tool) = plan.tools.get("rim") else {
        out.push(Finding::new(
            "no-rim-tool",
            Severity::Stop,
            "the plan names no tool for the rim; plan again",
        ));
        return;
    };
    let least = limits.concave_over_tool_radius_min * tool.radius_mm();
    let radius = implant.facts.concave_radius_mm_min;
    // A radius of 1.65 mm measured on facets may read a hair less. What a tool leaves in a hollow is material, which
    // inspection measures on the milled part and holds against its tolerance: no stop is needed here.
    if !at_least(radius, least - 1e-3) {
        let message = format!(
            "the narrowest hollow has a radius of {radius:.3} mm; T{} (radius {:.2} mm) needs {least:.3} mm: widen it or take \
             a smaller rim tool",
            tool.number,
            tool.radius_mm()
        );
        out.push(Finding::new("concave-radius", Severity::Change, message).measured(radius, least, "mm"));
    }
}

fn envelope(implant: &Implant, limits: &Limits, out: &mut Vec<Finding>) {
    let f = &implant.facts;
    let extent = implant.body.bounds_mm().map_or(f64::NAN, |(lo, hi)| (hi[0] - lo[0]).max(hi[1] - lo[1]));
    for (what, found, least, most, unit) in [
        (
            "nominal thickness",
            f.thickness_mm_nominal,
            limits.envelope_thickness_mm_min,
            limits.envelope_thickness_mm_max,
            "mm",
        ),
        ("nominal gap", f.gap_mm_nominal, 0.0, limits.envelope_gap_mm_max, "mm"),
        ("outer area", f.outer_area_mm2 / 100.0, 0.0, limits.envelope_area_cm2_max, "cm2"),
        ("longer side", extent, limits.envelope_extent_mm_min, limits.envelope_extent_mm_max, "mm"),
    ] {
        if !(found >= least && found <= most) {
            let message = format!(
                "the {what} is {found:.2} {unit}, this pipeline is for {least} to {most} {unit}; use another pipeline"
            );
            let limit = if found < least { least } else { most };
            let id = format!("envelope-{}", what.replace(' ', "-"));
            out.push(Finding::new(&id, Severity::Stop, message).measured(found, limit, unit));
        }
    }
}
