//! Completes the skull over one defect: outer and inner table, what each cell is, how sure the prediction is.

use super::chart::Chart;
use super::detect::Hole;
use super::guide::{Guides, Lesson, Sheet, Weights, learn};
use super::local::{Local, Skull};
use super::params::MissingParams;
use super::plate::{Plate, smooth};
use super::rim::{Band, GROW_CELLS, settle};
use crate::model::Cell;

/// Cell of a defect's chart, measured on the outer table, mm.
const STEP_MM: f64 = 1.0;
/// The plate stands on bone up to this far from the hole, mm.
const BAND_MM: f64 = 26.0;
/// Below the vault's border the plate goes on only this far, mm.
const BELOW_MM: f64 = 12.0;
/// Noise of single rays is smoothed by this many cells before a plate is put on them.
const SMOOTH_CELLS: f64 = 1.2;
/// The inner table is rougher than the outer one: vessels and impressions of the brain.
const INNER_AGREEMENT: f64 = 1.6;
/// A completed shell is nowhere thinner than this, mm.
const SHELL_MM_MIN: f64 = 1.5;
/// Air of a sinus is kept out of the completed shell by this much, mm: the level of air lies inside the lumen.
const LUMEN_MARGIN_MM: f64 = 0.5;

/// One defect, completed.
pub(super) struct Completed {
    pub(super) local: Local,
    pub(super) missing: Vec<bool>,
    pub(super) cells: Vec<Cell>,
    pub(super) outer_mm: Vec<f64>,
    pub(super) inner_mm: Vec<f64>,
    pub(super) sigma_mm: Vec<f64>,
    pub(super) outer_lesson: Lesson,
    pub(super) inner_lesson: Lesson,
}

/// Measures the chart about `hole`, settles the rim, learns the guides and fills both tables.
pub(super) fn complete(skull: &Skull<'_>, hole: &Hole, params: &MissingParams) -> Completed {
    let radius_mm = skull.map.form.radius_mm(hole.axis);
    let reach_rad = hole
        .cells
        .iter()
        .map(|&at| skull.map.chart.direction_at(at).dot(&hole.axis).clamp(-1.0, 1.0).acos())
        .fold(0.0, f64::max);
    let half_angle_rad = reach_rad + (BAND_MM + 6.0) / radius_mm;
    let chart = Chart::new(skull.map.chart.centre, hole.axis, half_angle_rad, STEP_MM / radius_mm);
    let local = skull.measure(chart);
    let missing = local.missing(skull.map, &hole.cells, params.fine_gap_width_mm() / STEP_MM);
    let (outer_lesson, inner_lesson) = learn(skull, &local, &missing);
    let (mirrored_outer, mirrored_inner) = skull.measure_mirrored(&local.chart);

    let to_hole = local.chart.distance_cells(&missing);
    let fill = |values_mm: &[f64], mirrored: &[f64], lesson: &Lesson, sheet: Sheet| {
        let agreement_mm = match sheet {
            Sheet::Outer => params.rim_agreement_mm(),
            Sheet::Inner => INNER_AGREEMENT * params.rim_agreement_mm(),
        };
        // The edge of the hole is not believed anyway and must not reach the band through the smoothing.
        let off_edge: Vec<f64> = values_mm
            .iter()
            .zip(&to_hole)
            .map(|(r, d)| if *d <= GROW_CELLS { f64::NAN } else { *r })
            .collect();
        let smoothed = smooth(local.chart.n, &off_edge, SMOOTH_CELLS);
        let band = band(&local, &missing, &smoothed, params.rim_sunken_width_mm(), agreement_mm, sheet);
        let guides = Guides::new(&local.chart, &local.form_mm, mirrored, radius_mm);
        let filled = solve(&local, &band, &smoothed, &guides, &lesson.weights);
        (band, filled)
    };
    let (band, outer_mm) = fill(&local.outer_mm, &mirrored_outer, &outer_lesson, Sheet::Outer);
    let (_, mut inner_mm) = fill(&local.inner_mm, &mirrored_inner, &inner_lesson, Sheet::Inner);
    keep_out_of_sinus(&local, &band, &outer_mm, &mut inner_mm);
    for (inner, outer) in inner_mm.iter_mut().zip(&outer_mm) {
        *inner = inner.min(outer - SHELL_MM_MIN);
    }
    let cells = classify(&local, &band, &missing);
    let known: Vec<bool> = (0..local.chart.len()).map(|at| band.domain[at] && !band.unknown[at]).collect();
    let to_known = local.chart.distance_cells(&known);
    let sigma_mm = (0..local.chart.len())
        .map(|at| match cells[at] {
            Cell::Bone => 0.0,
            _ if to_known[at].is_finite() => outer_lesson.sigma_mm(f64::from(to_known[at]) * STEP_MM),
            _ => outer_lesson.sigma_mm(BAND_MM),
        })
        .collect();
    Completed { local, missing, cells, outer_mm, inner_mm, sigma_mm, outer_lesson, inner_lesson }
}

/// Domain of the plate and what is unknown in it.
fn band(
    local: &Local,
    missing: &[bool],
    values_mm: &[f64],
    sunken_mm: f64,
    agreement_mm: f64,
    sheet: Sheet,
) -> Band {
    let outwards = match sheet {
        Sheet::Outer => 1.0,
        Sheet::Inner => -1.0,
    };
    let chart = &local.chart;
    let to_hole = chart.distance_cells(missing);
    let away_mm = |at: usize| f64::from(to_hole[at]) * STEP_MM;
    let domain: Vec<bool> = (0..chart.len())
        .map(|at| away_mm(at) <= if local.in_zone[at] { BAND_MM } else { BELOW_MM })
        .collect();
    let start: Vec<bool> =
        (0..chart.len()).map(|at| away_mm(at) <= sunken_mm || !local.in_zone[at]).collect();
    settle(
        chart,
        &domain,
        &start,
        missing,
        values_mm,
        &local.form_mm,
        agreement_mm,
        sunken_mm / STEP_MM,
        outwards,
    )
}

fn solve(local: &Local, band: &Band, values_mm: &[f64], guides: &Guides<'_>, weights: &Weights) -> Vec<f64> {
    let filled = match Plate::new(local.chart.n, &band.domain, &band.unknown) {
        Some(plate) => plate.solve(values_mm, &guides.weighted(weights), &local.form_mm),
        None => values_mm.to_vec(),
    };
    // Outside the domain nothing is predicted: measured where measured, else the rough form.
    filled.iter().zip(&local.form_mm).map(|(r, f)| if r.is_finite() { *r } else { *f }).collect()
}

/// Lifts the predicted inner table above the air of a sinus that reaches under it.
fn keep_out_of_sinus(local: &Local, band: &Band, outer_mm: &[f64], inner_mm: &mut [f64]) {
    let lifted: Vec<f64> = (0..inner_mm.len())
        .map(|at| {
            let Some(top_mm) = lumen_top_mm(local, at, inner_mm[at], outer_mm[at]) else {
                return inner_mm[at];
            };
            if band.unknown[at] { inner_mm[at].max(top_mm + LUMEN_MARGIN_MM) } else { inner_mm[at] }
        })
        .collect();
    inner_mm.copy_from_slice(&lifted);
}

/// Outer end of the air of a sinus between the completed tables, mm.
pub(super) fn lumen_top_mm(local: &Local, at: usize, inner_mm: f64, outer_mm: f64) -> Option<f64> {
    local.pockets[at]
        .iter()
        .filter(|(from, to)| *to < outer_mm - 0.3 && *from > inner_mm - 6.0)
        .map(|p| p.1)
        .last()
}

fn classify(local: &Local, band: &Band, missing: &[bool]) -> Vec<Cell> {
    (0..local.chart.len())
        .map(|at| {
            if missing[at] {
                Cell::Missing
            } else if !local.seen[at] || !local.bone[at] {
                Cell::Unknown
            } else if band.domain[at] && band.unknown[at] {
                Cell::Sunken
            } else if local.shells[at].is_some() {
                Cell::Bone
            } else {
                Cell::Unknown
            }
        })
        .collect()
}
