//! What makes a readable scan unfit to plan on.

use super::params::ScanParams;
use super::stack::Stack;
use crate::model::{Finding, Severity, Volume};

/// Findings of the stack and its HU.
pub fn findings(stack: &Stack<'_>, volume: &Volume, params: &ScanParams) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(slice_step(stack, params));
    found.extend(tilt(stack, params));
    found.extend(secondary(stack));
    found.extend(ends(volume, params));
    found.extend(metal(volume, params));
    found
}

/// The coarser of step and slice thickness: thick slices set close together show no more.
fn slice_step(stack: &Stack<'_>, params: &ScanParams) -> Option<Finding> {
    let step_mm = stack.grid.spacing_mm[2];
    let coarse_mm = stack.thickness_mm.unwrap_or(0.0).max(step_mm);
    // A step computed from positions carries their rounding.
    let above = |limit_mm: f64| coarse_mm > limit_mm + 1e-6;
    let (severity, limit_mm) = if above(params.slice_step_mm_review) {
        (Severity::Review, params.slice_step_mm_review)
    } else if above(params.slice_step_mm_change) {
        (Severity::Change, params.slice_step_mm_change)
    } else {
        return None;
    };
    Some(
        Finding::new(
            "slice-step",
            severity,
            format!(
                "slices step by {step_mm:.3} mm and are {} thick, but a scan to plan on needs at most {limit_mm} mm: \
                 reconstruct thinner slices from the raw data; until then the case cannot be accepted",
                stack.thickness_mm.map_or("of unknown size".into(), |t| format!("{t:.3} mm"))
            ),
        )
        .measured(coarse_mm, limit_mm, "mm"),
    )
}

fn tilt(stack: &Stack<'_>, params: &ScanParams) -> Option<Finding> {
    let off_axis_deg = stack.grid.axes_lps[2].unit[2].abs().min(1.0).acos().to_degrees();
    let tag_deg = stack.tilt_tag_deg.unwrap_or(0.0).abs();
    let tilt_deg = off_axis_deg.max(tag_deg);
    (tilt_deg > params.tilt_deg_review).then(|| {
        Finding::new(
            "tilt",
            Severity::Review,
            format!(
                "slices lean {off_axis_deg:.2} degrees from upright and the header says gantry tilt {tag_deg:.2}; \
                 their positions are straight and were used as written: compare the surface with the patient"
            ),
        )
        .measured(tilt_deg, params.tilt_deg_review, "deg")
    })
}

fn secondary(stack: &Stack<'_>) -> Option<Finding> {
    let secondary = stack.slices.iter().any(|(h, _)| h.image_type.iter().any(|t| t == "SECONDARY"));
    secondary.then(|| {
        Finding::new(
            "secondary-series",
            Severity::Review,
            "the series was named although it was made after the examination (image type SECONDARY): make sure \
             nothing was smoothed, cropped or scaled, or name the original series",
        )
    })
}

/// Bone on the first and the last slice.
fn ends(volume: &Volume, params: &ScanParams) -> Vec<Finding> {
    let grid = &volume.grid;
    let area = grid.dims[0] * grid.dims[1];
    let pixel_mm2 = grid.spacing_mm[0] * grid.spacing_mm[1];
    let bone = |k: usize| {
        let slice = &volume.hu[k * area..(k + 1) * area];
        let at: Vec<usize> = (0..area).filter(|&n| f64::from(slice[n]) >= params.bone_hu).collect();
        let middle = at
            .iter()
            .fold([0.0; 2], |m, &n| [m[0] + (n % grid.dims[0]) as f64, m[1] + (n / grid.dims[0]) as f64]);
        let count = at.len().max(1) as f64;
        let place = grid.patient_from_index([middle[0] / count, middle[1] / count, k as f64]);
        (at.len() as f64 * pixel_mm2, place.mm)
    };
    let last = grid.dims[2] - 1;
    let (top, bottom) = if grid.axes_lps[2].unit[2] >= 0.0 { (last, 0) } else { (0, last) };
    let mut found = Vec::new();
    let (top_mm2, place) = bone(top);
    if top_mm2 > params.vault_bone_mm2_max {
        let message = format!(
            "the top slice holds {top_mm2:.0} mm2 of bone (limit {} mm2): the scan cuts the vault off, and what \
             lies above cannot be told from a defect; scan the whole head",
            params.vault_bone_mm2_max
        );
        found.push(
            Finding::new("vault-cut-off", Severity::Review, message)
                .measured(top_mm2, params.vault_bone_mm2_max, "mm2")
                .at(place),
        );
    }
    let (bottom_mm2, place) = bone(bottom);
    if bottom_mm2 > 0.0 {
        let message = format!(
            "bone leaves the scan at the bottom slice ({bottom_mm2:.0} mm2), as it does in a head scan"
        );
        found.push(
            Finding::new("bone-leaves-scan", Severity::Note, message)
                .measured(bottom_mm2, 0.0, "mm2")
                .at(place),
        );
    }
    found
}

fn metal(volume: &Volume, params: &ScanParams) -> Option<Finding> {
    let at: Vec<usize> =
        (0..volume.hu.len()).filter(|&n| f64::from(volume.hu[n]) > params.metal_hu).collect();
    let metal_mm3 = at.len() as f64 * volume.grid.voxel_mm3();
    (metal_mm3 > params.metal_mm3_max).then(|| {
        // The one in the middle of the list is a place where some is; a mean may lie between two screws.
        let place = volume.grid.ijk(at[at.len() / 2]).map(|n| n as f64);
        Finding::new(
            "metal",
            Severity::Review,
            format!(
                "{metal_mm3:.1} mm3 of the scan lie above {} HU (limit {} mm3): metal makes streaks that shift the \
                 bone's edge; look at the bone near it",
                params.metal_hu, params.metal_mm3_max
            ),
        )
        .measured(metal_mm3, params.metal_mm3_max, "mm3")
        .at(volume.grid.patient_from_index(place).mm)
    })
}
