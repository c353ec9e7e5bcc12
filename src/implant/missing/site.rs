//! Names, numbers and findings of one completed defect.

use nalgebra::Vector3;

use super::complete::{Completed, lumen_top_mm};
use super::detect::{Detected, Hole};
use super::local::Skull;
use super::params::MissingParams;
use crate::model::{Cell, Defect, Finding, Point, Severity};

/// A defect whose middle lies nearer to the plane of symmetry than this is on the midline, mm.
const MIDLINE_MM: f64 = 8.0;
/// A sinus is looked for this far across the defect's edge, cells.
const SINUS_REACH_CELLS: i64 = 5;

/// Standard deviations that hold nine of ten values to either side.
const SIGMAS_90: f64 = 1.645;

/// What `defects.json` says of it.
pub(super) fn describe(skull: &Skull<'_>, done: &Completed) -> Defect {
    let chart = &done.local.chart;
    let mut area_mm2 = 0.0;
    let mut sum = Vector3::zeros();
    let mut sigmas: Vec<f64> = Vec::new();
    // Distance to the mirror image, whether the prediction covers it, area.
    let mut mirrored: Vec<(f64, bool, f64)> = Vec::new();
    for at in (0..chart.len()).filter(|&at| done.missing[at]) {
        let cell_mm2 = chart.area_mm2(&done.outer_mm, at);
        area_mm2 += cell_mm2;
        sum += (chart.centre + chart.direction_at(at) * 0.5 * (done.outer_mm[at] + done.inner_mm[at]))
            * cell_mm2;
        sigmas.push(done.sigma_mm[at]);
        let apart_mm = (done.outer_mm[at] - done.mirror_mm[at]).abs();
        if apart_mm.is_finite() {
            // Along the ray it is farther than across the surface, where that leans from the ray.
            let across_mm = apart_mm * square_share(done, at);
            mirrored.push((across_mm, apart_mm <= SIGMAS_90 * done.sigma_mm[at], cell_mm2));
        }
    }
    sigmas.sort_by(f64::total_cmp);
    let percentile =
        |p: f64| sigmas.get(((sigmas.len().max(1) - 1) as f64 * p) as usize).copied().unwrap_or(f64::NAN);
    let middle = if area_mm2 > 0.0 { sum / area_mm2 } else { chart.centre + chart.axis };
    mirrored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let shown_mm2: f64 = mirrored.iter().map(|m| m.2).sum();
    let shown = shown_mm2 >= 0.5 * area_mm2 && shown_mm2 > 0.0;
    let mut below_mm2 = 0.0;
    let p95 = mirrored.iter().find(|m| {
        below_mm2 += m.2;
        below_mm2 >= 0.95 * shown_mm2
    });
    let within_mm2: f64 = mirrored.iter().filter(|m| m.1).map(|m| m.2).sum();
    Defect {
        area_mm2,
        centroid_lps_mm: Point::from_v(middle),
        site: site_name(skull, middle),
        sigma_mm_p50: percentile(0.5),
        sigma_mm_p95: percentile(0.95),
        asymmetry_mm_p95: p95.filter(|_| shown).map(|m| m.0),
        mirror_within_share: shown.then(|| within_mm2 / shown_mm2),
        guide_outer: done.outer_lesson.name.clone(),
        guide_inner: done.inner_lesson.name.clone(),
    }
}

/// Cosine of the angle between a cell's ray and the completed outer surface's normal.
fn square_share(done: &Completed, at: usize) -> f64 {
    let n = done.local.chart.n;
    let (a, b) = (at % n, at / n);
    if a == 0 || b == 0 || a + 1 == n || b + 1 == n {
        return 1.0;
    }
    let r = &done.outer_mm;
    let across = 2.0 * done.local.chart.step_rad * r[at];
    let slope = [(r[at + 1] - r[at - 1]) / across, (r[at + n] - r[at - n]) / across];
    1.0 / (1.0 + slope[0] * slope[0] + slope[1] * slope[1]).sqrt()
}

/// Side and bone, by direction from the vault's centre. The borders are those of an average skull.
fn site_name(skull: &Skull<'_>, middle: Vector3<f64>) -> String {
    let across_mm = skull.mirror.normal.dot(&middle) - skull.mirror.offset_mm;
    let side = if across_mm.abs() < MIDLINE_MM {
        "midline"
    } else if across_mm > 0.0 {
        "left"
    } else {
        "right"
    };
    let (azimuth, elevation) = skull.zone.azimuth_elevation((middle - skull.map.chart.centre).normalize());
    let (azimuth, elevation) = (azimuth.abs().to_degrees(), elevation.to_degrees());
    let bone = match (azimuth, elevation) {
        (_, e) if e > 70.0 => "vertex",
        (a, e) if a < 55.0 && e <= 62.0 => "frontal",
        (a, _) if a < 55.0 => "parietal",
        (a, e) if a < 130.0 && e < 8.0 => "temporal",
        (a, e) if a >= 140.0 && e < 28.0 => "occipital",
        _ => "parietal",
    };
    format!("{side} {bone}")
}

/// What a person must know or look at.
pub(super) fn findings(
    skull: &Skull<'_>,
    hole: &Hole,
    detected: &Detected,
    done: &Completed,
    facts: &Defect,
    params: &MissingParams,
) -> Vec<Finding> {
    let place = facts.centroid_lps_mm.mm;
    let mut out = Vec::new();
    if hole.at_scan_border {
        out.push(
            Finding::new(
                "defect-at-scan-border",
                Severity::Review,
                "the defect reaches where the scan ends, so its edge is not seen: scan the whole vault",
            )
            .at(place),
        );
    }
    let limit_mm2 = params.defect_area_mm2_review().min(0.5 * detected.vault_mm2);
    if facts.area_mm2 > limit_mm2 {
        out.push(
            Finding::new(
                "defect-large",
                Severity::Review,
                format!(
                    "the defect of {:.0} cm2 is larger than {:.0} cm2, beyond what this reconstruction is meant for: \
                     plan it by hand or in pieces",
                    facts.area_mm2 / 100.0,
                    limit_mm2 / 100.0
                ),
            )
            .measured(facts.area_mm2 / 100.0, limit_mm2 / 100.0, "cm2")
            .at(place),
        );
    }
    out.extend(below_vault(skull, done, params));
    out.extend(open_sinus(skull, done, params));
    let sites = done.outer_lesson.sites;
    if sites < 3 {
        out.push(
            Finding::new(
                "untested-guide",
                Severity::Review,
                format!(
                    "only {sites} of at least 3 pretend cuts found room in the surviving bone, so the prediction's \
                     error is not known: compare the reconstruction with the other side"
                ),
            )
            .measured(sites as f64, 3.0, "pretend cuts")
            .at(place),
        );
    } else {
        out.push(
            Finding::new(
                "pretend-cuts",
                Severity::Note,
                format!(
                    "{sites} pretend cuts in the surviving bone: outer table off by {:.2} mm RMS (plain thin plate \
                     {:.2}), inner {:.2} ({:.2})",
                    done.outer_lesson.chosen_rms_mm,
                    done.outer_lesson.plain_rms_mm,
                    done.inner_lesson.chosen_rms_mm,
                    done.inner_lesson.plain_rms_mm
                ),
            )
            .measured(done.outer_lesson.chosen_rms_mm, params.sigma_mm_p95_review(), "mm")
            .at(place),
        );
    }
    // NaN is a finding too.
    if facts.sigma_mm_p95.is_nan() || facts.sigma_mm_p95 > params.sigma_mm_p95_review() {
        out.push(
            Finding::new(
                "low-confidence",
                Severity::Review,
                format!(
                    "the outer surface is predicted to {:.2} mm (standard deviation, worst 5 % of the defect), limit \
                     {:.2}: look at the contour from outside before it is made",
                    facts.sigma_mm_p95,
                    params.sigma_mm_p95_review()
                ),
            )
            .measured(facts.sigma_mm_p95, params.sigma_mm_p95_review(), "mm")
            .at(place),
        );
    }
    out
}

/// The defect comes near the vault's lower border: an orbit in front, the skull base elsewhere.
fn below_vault(skull: &Skull<'_>, done: &Completed, params: &MissingParams) -> Option<Finding> {
    let chart = &done.local.chart;
    let below: Vec<bool> = done.local.in_zone.iter().map(|z| !z).collect();
    let to_border = chart.distance_cells(&below);
    let step_mm = chart.step_rad * skull.map.form.radius_mm(chart.axis);
    let away_mm = |at: usize| f64::from(to_border[at]) * step_mm;
    let low: Vec<usize> = (0..chart.len())
        .filter(|&at| done.missing[at] && away_mm(at) < params.rim_to_border_mm_min())
        .collect();
    let nearest_mm = low.iter().map(|&at| away_mm(at)).reduce(f64::min)?;
    let lowest: Vec<usize> = low.iter().copied().filter(|&at| away_mm(at) < nearest_mm + 1.5).collect();
    let place = mean_place(done, &lowest);
    let (azimuth, _) = skull.zone.azimuth_elevation((place - chart.centre).normalize());
    let (id, what) = if azimuth.abs().to_degrees() < 60.0 {
        ("orbit-rim", "the rim's lower end lies at the roof of the orbit")
    } else {
        ("rim-below-vault", "the defect reaches toward the base of the skull")
    };
    Some(
        Finding::new(
            id,
            Severity::Review,
            format!(
                "{what}: {nearest_mm:.0} mm above the vault's lower border (at least {:.0} mm wanted), where rays from \
                 inside do not see all of the bone's edge; finish the plan there by hand",
                params.rim_to_border_mm_min()
            ),
        )
        .measured(nearest_mm, params.rim_to_border_mm_min(), "mm")
        .at([place.x, place.y, place.z]),
    )
}

/// Places on the defect's edge with no wall between it and the air of a sinus.
fn open_sinus(skull: &Skull<'_>, done: &Completed, params: &MissingParams) -> Option<Finding> {
    let chart = &done.local.chart;
    let n = chart.n as i64;
    let wall_hu = params.sinus_wall_hu_min();
    let mut open: Vec<usize> = Vec::new();
    for at in 0..chart.len() {
        let Some((from_mm, to_mm)) = lumen(done, at) else { continue };
        let d = chart.direction_at(at);
        // In front of the lumen: is there an anterior table?
        let in_rim = matches!(done.cells[at], Cell::Missing | Cell::Sunken);
        if in_rim
            && highest_hu(skull, chart.centre + d * to_mm, chart.centre + d * (done.outer_mm[at] + 2.0))
                < wall_hu
        {
            open.push(at);
            continue;
        }
        // Beside it: is there a wall toward the hole?
        let middle = chart.centre + d * (0.5 * (from_mm + to_mm));
        let (a, b) = ((at as i64) % n, (at as i64) / n);
        let beside = (-SINUS_REACH_CELLS..=SINUS_REACH_CELLS)
            .flat_map(|j| (-SINUS_REACH_CELLS..=SINUS_REACH_CELLS).map(move |i| (i, j)))
            .filter(|(i, j)| i * i + j * j <= SINUS_REACH_CELLS * SINUS_REACH_CELLS)
            .map(|(i, j)| (a + i, b + j))
            .filter(|&(i, j)| i >= 0 && j >= 0 && i < n && j < n)
            .map(|(i, j)| (j * n + i) as usize)
            .any(|o| {
                let there = chart.centre + chart.direction_at(o) * (0.5 * (from_mm + to_mm));
                done.missing[o] && highest_hu(skull, middle, there) < wall_hu
            });
        if beside {
            open.push(at);
        }
    }
    // A single ray may slip through a wall thinner than a voxel.
    if open.len() < 3 {
        return None;
    }
    let place = mean_place(done, &open);
    let length_mm = extent_mm(done, &open);
    Some(
        Finding::new(
            "sinus-open",
            Severity::Review,
            format!(
                "the frontal sinus opens into the defect over {length_mm:.0} mm of its rim, with no wall of \
                 {wall_hu:.0} HU between: the surgeon decides how the sinus is treated before an implant is made"
            ),
        )
        .measured(length_mm, 0.0, "mm")
        .at([place.x, place.y, place.z]),
    )
}

/// Air of a sinus between the completed tables on the ray of a cell, mm.
fn lumen(done: &Completed, at: usize) -> Option<(f64, f64)> {
    let (inner_mm, outer_mm) = (done.local.inner_mm[at], done.outer_mm[at]);
    let inner_mm = if inner_mm.is_finite() { inner_mm.min(done.inner_mm[at]) } else { done.inner_mm[at] };
    let top_mm = lumen_top_mm(&done.local, at, inner_mm, outer_mm)?;
    done.local.pockets[at].iter().copied().find(|p| p.1 == top_mm)
}

fn highest_hu(skull: &Skull<'_>, a: Vector3<f64>, b: Vector3<f64>) -> f64 {
    let steps = ((b - a).norm() / 0.3).ceil().max(1.0) as usize;
    (0..=steps)
        .filter_map(|i| skull.field.sample(a + (b - a) * (i as f64 / steps as f64)))
        .map(|s| s.hu)
        .fold(f64::NEG_INFINITY, f64::max)
}

fn mean_place(done: &Completed, cells: &[usize]) -> Vector3<f64> {
    cells.iter().map(|&at| place(done, at)).sum::<Vector3<f64>>() / cells.len() as f64
}

fn place(done: &Completed, at: usize) -> Vector3<f64> {
    done.local.chart.centre + done.local.chart.direction_at(at) * done.outer_mm[at]
}

/// Largest distance between two of the cells, mm.
fn extent_mm(done: &Completed, cells: &[usize]) -> f64 {
    let places: Vec<Vector3<f64>> = cells.iter().map(|&at| place(done, at)).collect();
    places
        .iter()
        .enumerate()
        .flat_map(|(i, p)| places[..i].iter().map(move |q| (p - q).norm()))
        .fold(0.0, f64::max)
}
