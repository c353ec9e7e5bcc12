//! What makes a readable scan unfit to plan on. Limits are keys of `[scan]`.

use super::anatomy::{Anatomy, HEAD_MM, Seen};
use super::digest::Digest;
use super::params::ScanParams;
use super::quality;
use super::stack::Stack;
use crate::model::{Finding, Grid, Severity, Volume};

/// Findings that must be asked of the slices as they were decoded, before any is moved.
pub fn as_decoded(grid: &Grid, digests: &[Digest], anatomy: &Anatomy, params: &ScanParams) -> Vec<Finding> {
    field_of_view(grid, digests, anatomy, params).into_iter().collect()
}

/// Findings of the stack and its HU.
pub fn findings(
    stack: &Stack<'_>,
    twins: usize,
    volume: &Volume,
    (digests, anatomy): (&[Digest], &Anatomy),
    blur_fwhm_mm: Option<f64>,
    params: &ScanParams,
) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(slice_step(stack, params));
    found.extend(uneven(stack, params));
    found.extend(tilt(stack, params));
    found.extend(doubled(twins));
    found.extend(secondary(stack));
    found.extend(coverage(volume, params));
    found.extend(anisotropy(volume, params));
    found.extend(kernel(stack, blur_fwhm_mm, params));
    let coarse_mm = stack.thickness_mm.unwrap_or(0.0).max(stack.grid.spacing_mm[2]);
    found.extend(quality::findings(volume, coarse_mm, params));
    found.extend(ends(volume, params));
    found.extend(orientation(anatomy));
    found.extend(metal(&volume.grid, digests, anatomy, params));
    found
}

/// Findings of how the slices lie, whatever their values are.
pub fn of_geometry(stack: &Stack<'_>, twins: usize, params: &ScanParams) -> Vec<Finding> {
    // What lies in another plane is not tilted; what was sheared is said.
    let tilt = tilt(stack, params).filter(|_| !stack.beside_mm.is_empty());
    let found = [slice_step(stack, params), uneven(stack, params), tilt, doubled(twins)];
    found.into_iter().flatten().collect()
}

/// How the slices were moved; `None` where they were not.
pub fn resampled(stack: &Stack<'_>) -> Option<String> {
    let mut how = Vec::new();
    if !stack.beside_mm.is_empty() {
        how.push(format!(
            "sheared by {:.2} degrees: each slice moved within its plane by its position (Lanczos, 8 taps)",
            stack.shear_deg
        ));
    }
    if !stack.even {
        how.push(format!(
            "uneven steps of up to {:.3} mm: interpolated to {:.3} mm by a cubic",
            stack.step_mm_max, stack.grid.spacing_mm[2]
        ));
    }
    (!how.is_empty()).then(|| how.join("; "))
}

/// The coarser of step and slice thickness: thick slices set close together show no more.
fn slice_step(stack: &Stack<'_>, params: &ScanParams) -> Option<Finding> {
    let step_mm = if stack.even { stack.grid.spacing_mm[2] } else { stack.step_mm_max };
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

fn uneven(stack: &Stack<'_>, params: &ScanParams) -> Option<Finding> {
    let usual_mm = stack.grid.spacing_mm[2];
    (!stack.even).then(|| {
        Finding::new(
            "uneven-steps",
            Severity::Review,
            format!(
                "slices step unevenly, by {:.3} mm at most where {usual_mm:.3} mm is usual, and were interpolated as \
                 scan.resample asked: what lies in the gap was not seen; restore the missing slices",
                stack.step_mm_max
            ),
        )
        .measured(stack.step_mm_max, usual_mm + params.slice_position_mm_tolerance, "mm")
    })
}

fn tilt(stack: &Stack<'_>, params: &ScanParams) -> Option<Finding> {
    let off_axis_deg = stack.grid.axes_lps[2].unit[2].abs().min(1.0).acos().to_degrees();
    let tag_deg = stack.tilt_tag_deg.unwrap_or(0.0).abs();
    let tilt_deg = off_axis_deg.max(tag_deg).max(stack.shear_deg);
    let moved = if stack.beside_mm.is_empty() {
        "their positions are straight and were used as written".to_owned()
    } else {
        format!(
            "they are sheared by {:.2} degrees and were resampled onto a straight grid by their positions",
            stack.shear_deg
        )
    };
    let severity = if tilt_deg > params.tilt_deg_review { Severity::Review } else { Severity::Note };
    (tilt_deg > params.tilt_deg_review || !stack.beside_mm.is_empty()).then(|| {
        Finding::new(
            "tilt",
            severity,
            format!(
                "slices lean {off_axis_deg:.2} degrees from upright and the header says gantry tilt {tag_deg:.2}; \
                 {moved}: compare the surface with the patient"
            ),
        )
        .measured(tilt_deg, params.tilt_deg_review, "deg")
    })
}

fn doubled(twins: usize) -> Option<Finding> {
    (twins > 0).then(|| {
        Finding::new(
            "slices-given-twice",
            Severity::Note,
            format!("{twins} slices were given twice with equal pixels; the second of each was left out"),
        )
        .measured(twins as f64, 0.0, "slices")
    })
}

fn coverage(volume: &Volume, params: &ScanParams) -> Option<Finding> {
    let length_mm = volume.grid.spacing_mm[2] * volume.grid.dims[2] as f64;
    (length_mm < params.coverage_mm_review).then(|| {
        let message = format!(
            "the scan is {length_mm:.0} mm long, a head to plan on at least {} mm: scan the whole head",
            params.coverage_mm_review
        );
        Finding::new("coverage", Severity::Review, message).measured(
            length_mm,
            params.coverage_mm_review,
            "mm",
        )
    })
}

fn anisotropy(volume: &Volume, params: &ScanParams) -> Option<Finding> {
    let [i, j, k] = volume.grid.spacing_mm;
    let ratio = k / i.min(j);
    (ratio > params.anisotropy_note).then(|| {
        let message = format!(
            "slices step by {k:.3} mm on pixels of {:.3} mm: edges are surer within slices than across",
            i.min(j)
        );
        Finding::new("anisotropy", Severity::Note, message).measured(ratio, params.anisotropy_note, "1")
    })
}

fn kernel(stack: &Stack<'_>, blur_fwhm_mm: Option<f64>, params: &ScanParams) -> Option<Finding> {
    let limit_mm = params.blur_fwhm_mm_change;
    match blur_fwhm_mm {
        Some(fwhm_mm) if !(fwhm_mm <= limit_mm) => Some(
            Finding::new(
                "kernel-soft",
                Severity::Change,
                format!(
                    "the skin's edge is blurred over {fwhm_mm:.2} mm within slices (limit {limit_mm} mm), so thin \
                     bone melts into its surroundings: reconstruct with a sharper kernel"
                ),
            )
            .measured(fwhm_mm, limit_mm, "mm"),
        ),
        None if stack.slices.first().is_none_or(|s| s.0.kernel.is_empty()) => Some(Finding::new(
            "kernel-unknown",
            Severity::Note,
            "no convolution kernel is written and no skin is there to measure the blur at",
        )),
        _ => None,
    }
}

/// Bone of the skull at the border of the slices or of the circle they were reconstructed in.
fn field_of_view(grid: &Grid, digests: &[Digest], anatomy: &Anatomy, params: &ScanParams) -> Option<Finding> {
    let ni = grid.dims[0];
    let [si, sj, sk] = grid.spacing_mm;
    let mut border_mm2 = 0.0;
    let mut place = None;
    for (k, digest) in digests.iter().enumerate() {
        for (at, across_i) in &digest.border {
            let (i, j) = (*at as usize % ni, *at as usize / ni);
            if !anatomy.near_skull(i, j, k) {
                continue;
            }
            let p = grid.patient_from_index([i as f64, j as f64, k as f64]);
            // Jaw and neck may leave the field.
            if anatomy.below_crown_mm(p).is_none_or(|below| below > HEAD_MM) {
                continue;
            }
            // The face of this pixel that looks out of the measured field.
            border_mm2 += if *across_i { sj * sk } else { si * sk };
            place.get_or_insert(p.mm);
        }
    }
    (border_mm2 > params.border_bone_mm2_max).then(|| {
        let message = format!(
            "{border_mm2:.0} mm2 of the skull lie at the border of the slices or of their circle (limit {} mm2): the \
             field of view cuts the head off, and what lies beyond cannot be told from a defect; reconstruct with a \
             larger field",
            params.border_bone_mm2_max
        );
        let found = Finding::new("field-of-view", Severity::Review, message)
            .measured(border_mm2, params.border_bone_mm2_max, "mm2");
        place.into_iter().fold(found, Finding::at)
    })
}

/// Does the anatomy lie as the tags say? Left and right cannot be asked.
fn orientation(anatomy: &Anatomy) -> Vec<Finding> {
    let head = "the end called top by the orientation tags";
    let face = "the side called front by the orientation tags";
    let tell = "left and right, which no anatomy tells, may be exchanged with it: compare with the patient";
    let mut found = Vec::new();
    match anatomy.head_up() {
        Seen::AsWritten(_) => {}
        Seen::Reversed(_) => found.push(Finding::new(
            "upside-down",
            Severity::Review,
            format!(
                "{head} is where head and neck leave the scan, and the vault closes at the bottom: a tag was \
                     flipped; {tell}"
            ),
        )),
        Seen::Unclear(_) => found.push(Finding::new(
            "head-end-unclear",
            Severity::Review,
            format!("whether {head} is the vault cannot be told by its bone; {tell}"),
        )),
    }
    match anatomy.face_front() {
        Seen::AsWritten(_) => {}
        Seen::Reversed(_) => found.push(Finding::new(
            "front-to-back",
            Severity::Review,
            format!("{face} has no face: air of nose and sinuses and the bone of the face lie at the back; a tag was \
                     flipped; {tell}"),
        )),
        Seen::Unclear(_) => found.push(Finding::new(
            "face-side-unclear",
            Severity::Review,
            format!("whether {face} holds the face cannot be told by its air and bone; {tell}"),
        )),
    }
    found
}

/// Series that are not what the scanner measured.
fn secondary(stack: &Stack<'_>) -> Option<Finding> {
    let has = |what: &str| {
        stack.slices.iter().any(|(h, _)| h.image_type.iter().any(|t| t.eq_ignore_ascii_case(what)))
    };
    // An image has no slices to ask.
    if stack.slices.is_empty() {
        return None;
    }
    if super::choose::unfit(&stack.slices.iter().map(|s| s.0).collect::<Vec<_>>(), false, true).is_some() {
        return Some(Finding::new(
            "secondary-series",
            Severity::Review,
            "the series was named although it was made after the examination or is not axial: make sure nothing was \
             smoothed, cropped or scaled, or name the original series",
        ));
    }
    has("DERIVED").then(|| {
        Finding::new(
            "derived-series",
            Severity::Note,
            "the image type is DERIVED: pixels were processed after the scan, how is not said",
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
    } else if let Some(found_nearly) = nearly_cut(volume, top, params) {
        found.push(found_nearly);
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

/// The scan ends within a slice of the vault's bone: the slice below the top holds bone, or the top one holds
/// voxels that bone half fills. A whole scan ends in the air above the scalp.
fn nearly_cut(volume: &Volume, top: usize, params: &ScanParams) -> Option<Finding> {
    let grid = &volume.grid;
    let [ni, nj, nk] = grid.dims;
    if nk < 2 || ni < 3 || nj < 3 {
        return None;
    }
    let below = if top == 0 { 1 } else { top - 1 };
    let mm2 = |k: usize, level: f64| {
        let slice = &volume.hu[k * ni * nj..(k + 1) * ni * nj];
        // Means of 3 x 3: the noise of a sharp kernel reaches half of bone in single voxels.
        let mean = |i: usize, j: usize| {
            let row =
                |j: usize| slice[j * ni + i - 1..j * ni + i + 2].iter().map(|&v| f64::from(v)).sum::<f64>();
            (row(j - 1) + row(j) + row(j + 1)) / 9.0
        };
        let count =
            (1..nj - 1).flat_map(|j| (1..ni - 1).map(move |i| (i, j))).filter(|&(i, j)| mean(i, j) >= level);
        count.count() as f64 * grid.spacing_mm[0] * grid.spacing_mm[1]
    };
    let limit_mm2 = params.vault_bone_mm2_max;
    // Half of bone's level is above all soft tissue: bone that fills half a slice.
    let bone_mm2 = mm2(below, params.bone_hu).max(mm2(top, params.bone_hu / 2.0));
    (bone_mm2 > limit_mm2).then(|| {
        let message = format!(
            "the scan ends less than a slice above the bone of the vault ({bone_mm2:.0} mm2 thin out at its top, limit \
             {limit_mm2} mm2), so the crown may be cut off: scan the whole head, with air above it"
        );
        Finding::new("vault-cut-off", Severity::Review, message).measured(bone_mm2, limit_mm2, "mm2")
    })
}

fn metal(grid: &Grid, digests: &[Digest], anatomy: &Anatomy, params: &ScanParams) -> Option<Finding> {
    let area = grid.dims[0] * grid.dims[1];
    let of_slice =
        |(k, d): (usize, &Digest)| d.metal.iter().map(move |&n| k * area + n as usize).collect::<Vec<_>>();
    let at: Vec<usize> = digests.iter().enumerate().flat_map(of_slice).collect();
    let metal_mm3 = at.len() as f64 * grid.voxel_mm3();
    (metal_mm3 > params.metal_mm3_max).then(|| {
        let (size, middle) = largest_piece(grid, &at);
        let place = grid.patient_from_index(grid.ijk(middle).map(|n| n as f64));
        let below_mm = anatomy.below_crown_mm(place).unwrap_or(0.0);
        // The teeth hang some 150 mm below the crown, the vault ends some 100 mm below it.
        let site = if below_mm > 120.0 { "at the height of teeth and jaw" } else { "at the height of the vault" };
        Finding::new(
            "metal",
            Severity::Review,
            format!(
                "{metal_mm3:.1} mm3 of the scan lie above {} HU (limit {} mm3), the largest piece of {:.1} mm3 \
                 {below_mm:.0} mm below the crown, {site}: metal makes streaks that shift the bone's edge; look at \
                 the bone near it",
                params.metal_hu,
                params.metal_mm3_max,
                size as f64 * grid.voxel_mm3()
            ),
        )
        .measured(metal_mm3, params.metal_mm3_max, "mm3")
        .at(place.mm)
    })
}

/// Voxels of the largest 26-connected piece of those listed (in order), and the one in the middle of its list.
fn largest_piece(grid: &Grid, at: &[usize]) -> (usize, usize) {
    let mut seen = vec![false; at.len()];
    let mut best: Vec<usize> = Vec::new();
    for start in 0..at.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let mut piece = vec![at[start]];
        let mut next = 0;
        while next < piece.len() {
            let c = grid.ijk(piece[next]);
            next += 1;
            let span = |a: usize| c[a].saturating_sub(1)..=(c[a] + 1).min(grid.dims[a] - 1);
            for k in span(2) {
                for j in span(1) {
                    for i in span(0) {
                        if let Ok(n) = at.binary_search(&grid.at(i, j, k))
                            && !std::mem::replace(&mut seen[n], true)
                        {
                            piece.push(at[n]);
                        }
                    }
                }
            }
        }
        if piece.len() > best.len() {
            best = piece;
        }
    }
    best.sort_unstable();
    (best.len(), best[best.len() / 2])
}
