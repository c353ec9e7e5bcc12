//! What the scan can carry: slice step, surface, confidence of the fill, sinus.

use crate::model::{Finding, Implant, Severity};

use super::{Limits, Upstream, at_least, at_most};

pub(super) fn check(implant: &Implant, upstream: &Upstream, limits: &Limits) -> Vec<Finding> {
    let mut out = Vec::new();
    if let Some(scan) = upstream.scan {
        let step = scan.grid.spacing_mm[2];
        let limit = if !at_most(step, limits.slice_step_mm_review) {
            Some((Severity::Review, limits.slice_step_mm_review))
        } else if step > limits.slice_step_mm_change {
            Some((Severity::Change, limits.slice_step_mm_change))
        } else {
            None
        };
        if let Some((severity, limit)) = limit {
            let message = format!(
                "slices lie {step:.2} mm apart, at most {limit:.2} mm is fit for this; ask for a finer scan"
            );
            out.push(Finding::new("slice-step", severity, message).measured(step, limit, "mm"));
        }
    }
    if let Some(bone) = upstream.bone
        && !at_most(bone.shift_mm_per_50_hu, limits.shift_mm_per_50_hu_max)
    {
        let (found, limit) = (bone.shift_mm_per_50_hu, limits.shift_mm_per_50_hu_max);
        let message = format!(
            "50 HU move the bone's edge by {found:.2} mm, {limit:.2} mm is usual; the scan is soft: ask for a sharper kernel"
        );
        out.push(Finding::new("soft-edge", Severity::Change, message).measured(found, limit, "mm"));
    }
    if let Some(surface) = upstream.surface
        && !surface.closed_two_manifold
    {
        let message = "the bone surface is not closed, so distances to it have no sign; report this case";
        out.push(Finding::new("surface-not-closed", Severity::Stop, message));
    }
    if let Some(facts) = upstream.defects {
        match facts.defects.get(implant.defect) {
            None => {
                let message = format!(
                    "the implant is for defect {}, the scan has {}; design again",
                    implant.defect + 1,
                    facts.defects.len()
                );
                out.push(Finding::new("no-such-defect", Severity::Stop, message));
            }
            Some(d) => {
                let (found, limit) = (d.sigma_mm_p95, limits.sigma_mm_p95_max);
                if !at_most(found, limit) {
                    let message = format!(
                        "the filled outer surface is uncertain by {found:.2} mm (95th percentile of the predicted deviation), \
                         {limit:.2} mm at most goes without a look: compare with the other side and with older scans"
                    );
                    out.push(
                        Finding::new("fill-uncertain", Severity::Review, message)
                            .measured(found, limit, "mm")
                            .at(d.centroid_lps_mm.mm),
                    );
                }
                let (found, limit) = (facts.symmetry.residual_mm_p95, limits.asymmetry_mm_p95_max);
                let mirrored = d.guide_outer.to_lowercase().contains("mirror");
                if mirrored && d.site.to_lowercase().contains("frontal") && !at_most(found, limit) {
                    let message = format!(
                        "the forehead is filled after its mirror image, yet the vault's sides differ by {found:.2} mm (95th \
                         percentile), {limit:.2} mm at most goes without a look"
                    );
                    out.push(
                        Finding::new("asymmetry", Severity::Review, message)
                            .measured(found, limit, "mm")
                            .at(d.centroid_lps_mm.mm),
                    );
                }
            }
        }
    }
    if let Some(found) = implant.facts.sinus_distance_mm {
        let limit = limits.sinus_distance_mm_min;
        if !at_least(found, limit) {
            let message = format!(
                "the implant comes within {found:.2} mm of a sinus lumen, {limit:.2} mm are needed; the surgeon's treatment of the \
                 sinus must be recorded, or the implant shortened there"
            );
            out.push(Finding::new("sinus-distance", Severity::Stop, message).measured(found, limit, "mm"));
        }
    }
    out
}
