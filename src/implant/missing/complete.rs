//! Completes the skull over one defect: outer and inner table, what each cell is, how sure the prediction is.

use super::chart::Chart;
use super::continuation::{Continued, Fields, Lesson, SAMPLES, SAMPLES_TO_LEARN, gather};
use super::detect::Hole;
use super::local::{Local, Skull};
use super::params::MissingParams;
use super::plate::{Plate, smooth};
use super::rim::{Band, EDGE_CELLS, GROW_CELLS, Ring, settle};
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

/// Standard deviation where nothing is known of it, mm. Arbitrary, generous.
const UNTESTED_SIGMA_MM: f64 = 3.0;

/// One defect, completed.
pub(super) struct Completed {
    pub(super) local: Local,
    pub(super) missing: Vec<bool>,
    pub(super) cells: Vec<Cell>,
    pub(super) outer_mm: Vec<f64>,
    pub(super) inner_mm: Vec<f64>,
    pub(super) sigma_mm: Vec<f64>,
    /// The other side's outer table, smoothed; not a number where it shows none.
    pub(super) mirror_mm: Vec<f64>,
    pub(super) outer_lesson: Lesson,
    pub(super) inner_lesson: Lesson,
}

/// How a hole is filled: as planned, or one of the ways that a benchmark holds against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The guided plate with the weights this case teaches.
    Osteomill,
    /// The other side's radii as they are; a thin plate where the other side has nothing to show.
    Mirror,
    /// A thin plate without guides.
    ThinPlate,
    /// The guided plate's outer table, and the band's median thickness under it.
    ConstantThickness,
    /// The radii of the skull before it was cut.
    Oracle,
}

/// What every way of filling a hole begins with.
pub(super) struct Prepared {
    local: Local,
    missing: Vec<bool>,
    /// Of the outer and the inner table: radii without the hole's edge, smoothed; where they are believed; the plate
    /// over the rest.
    values: [Vec<f64>; 2],
    bands: [Band; 2],
    plates: [Option<Plate>; 2],
    mirrored: [Vec<f64>; 2],
    continued: Option<Continued>,
}

/// Measures the chart about `hole`, settles the rim and continues the surviving bone.
pub(super) fn prepare(skull: &Skull<'_>, hole: &Hole, params: &MissingParams) -> Prepared {
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
    let to_hole = local.chart.distance_cells(&missing);
    // The edge of the hole is not believed anyway and must not reach the band through the smoothing.
    let off_edge = |values_mm: &[f64], cells: f32| -> Vec<f64> {
        let kept: Vec<f64> =
            values_mm.iter().zip(&to_hole).map(|(r, d)| if *d <= cells { f64::NAN } else { *r }).collect();
        smooth(local.chart.n, &kept, SMOOTH_CELLS)
    };
    let values = [off_edge(&local.outer_mm, GROW_CELLS), off_edge(&local.inner_mm, GROW_CELLS)];
    let away_mm = |at: usize| f64::from(to_hole[at]) * STEP_MM;
    let domain: Vec<bool> = (0..local.chart.len())
        .map(|at| away_mm(at) <= if local.in_zone[at] { BAND_MM } else { BELOW_MM })
        .collect();
    let sunken_mm = params.rim_sunken_width_mm();
    let start: Vec<bool> =
        (0..local.chart.len()).map(|at| away_mm(at) <= sunken_mm || !local.in_zone[at]).collect();
    // First from the bone beyond any sunken rim, then with what of the rim agrees with that.
    let untried = |sheet: usize| Band {
        unknown: (0..domain.len())
            .map(|at| domain[at] && (start[at] || !values[sheet][at].is_finite()))
            .collect(),
        domain: domain.clone(),
    };
    let first = [untried(0), untried(1)];
    let gathered = gather(skull, &local, &missing, [&first[0], &first[1]], SAMPLES_TO_LEARN);
    let fields = gathered.as_ref().and_then(|g| Fields::taught(skull, &local, &missing, g));
    let predicted: [Vec<f64>; 2] = match &fields {
        Some(f) => f.tables_mm(skull, &local.chart, &domain),
        None => [0, 1].map(|s| {
            let plate = Plate::new(local.chart.n, &first[s].domain, &first[s].unknown);
            plate.map_or_else(|| values[s].clone(), |p| p.solve(&values[s], &[], &local.form_mm))
        }),
    };
    let near = [
        off_edge(&local.outer_mm, EDGE_CELLS.0 as f32 - 0.5),
        off_edge(&local.inner_mm, EDGE_CELLS.0 as f32 - 0.5),
    ];
    let settled = |sheet: usize| {
        let ring = Ring {
            chart: &local.chart,
            domain: &domain,
            start: &start,
            missing: &missing,
            values_mm: &values[sheet],
            to_edge_mm: &near[sheet],
            predicted_mm: &predicted[sheet],
            width_cells: sunken_mm / STEP_MM,
            outwards: [1.0, -1.0][sheet],
        };
        settle(&ring, [1.0, INNER_AGREEMENT][sheet] * params.rim_agreement_mm())
    };
    let bands = [settled(0), settled(1)];
    let continued = fields.and_then(|f| {
        let gathered = gather(skull, &local, &missing, [&bands[0], &bands[1]], SAMPLES)?;
        f.again(&gathered)?.continued(skull, &local.chart, &bands[0])
    });
    let plates = [0, 1].map(|s| Plate::new(local.chart.n, &bands[s].domain, &bands[s].unknown));
    let (mirrored_outer, mirrored_inner) = skull.measure_mirrored(&local.chart);
    Prepared { values, bands, plates, missing, mirrored: [mirrored_outer, mirrored_inner], continued, local }
}

/// Fills both tables; `whole` is the chart measured on the skull before it was cut, which only [`Method::Oracle`] looks
/// at.
pub(super) fn fill(prepared: &Prepared, method: Method, whole: Option<&Local>) -> Completed {
    let Prepared { local, missing, values, bands, plates, mirrored, continued } = prepared;
    let guided = matches!(method, Method::Osteomill | Method::ConstantThickness);
    let plate = |sheet: usize, guide: Option<&[f64]>, taken: Option<&[f64]>| {
        let band = &bands[sheet];
        let guide = guide.map(|g| (1.0, g));
        let filled = plates[sheet].as_ref().map_or_else(
            || values[sheet].clone(),
            |p| p.solve(&values[sheet], guide.as_slice(), &local.form_mm),
        );
        // Outside the domain nothing is predicted: measured where measured, else the rough form.
        let mut filled: Vec<f64> =
            filled.iter().zip(&local.form_mm).map(|(r, f)| if r.is_finite() { *r } else { *f }).collect();
        if let Some(taken) = taken {
            for at in (0..filled.len()).filter(|&at| band.domain[at] && band.unknown[at]) {
                if taken[at].is_finite() {
                    filled[at] = taken[at];
                }
            }
        }
        filled
    };
    let taken = |sheet: usize| match (method, whole) {
        (Method::Mirror, _) => Some(mirrored[sheet].as_slice()),
        (Method::Oracle, Some(whole)) => Some([&whole.outer_mm, &whole.inner_mm][sheet].as_slice()),
        _ => None,
    };
    let guide = continued.as_ref().filter(|_| guided);
    let outer_mm = plate(0, guide.map(|c| c.outer_mm.as_slice()), taken(0));
    let mut inner_mm = plate(1, guide.map(|c| c.inner_mm.as_slice()), taken(1));
    let band = &bands[0];
    if method == Method::ConstantThickness {
        let mut thick: Vec<f64> = (0..local.chart.len())
            .filter(|&at| band.domain[at] && !band.unknown[at])
            .map(|at| local.outer_mm[at] - local.inner_mm[at])
            .filter(|t| t.is_finite())
            .collect();
        thick.sort_by(f64::total_cmp);
        if let Some(&thick_mm) = thick.get(thick.len() / 2) {
            for at in (0..inner_mm.len()).filter(|&at| band.unknown[at]) {
                inner_mm[at] = outer_mm[at] - thick_mm;
            }
        }
    }
    keep_out_of_sinus(local, band, &outer_mm, &mut inner_mm);
    for (inner, outer) in inner_mm.iter_mut().zip(&outer_mm) {
        *inner = inner.min(outer - SHELL_MM_MIN);
    }
    let cells = classify(local, band, missing);
    let sigma_mm = (0..local.chart.len())
        .map(|at| match (cells[at], continued) {
            (Cell::Bone, _) => 0.0,
            (_, Some(c)) if c.sigma_mm[at].is_finite() => c.sigma_mm[at],
            _ => UNTESTED_SIGMA_MM,
        })
        .collect();
    let untaught =
        || Lesson { name: "none".into(), sites: 0, plain_rms_mm: f64::NAN, chosen_rms_mm: f64::NAN };
    Completed {
        local: local.clone(),
        missing: missing.clone(),
        cells,
        outer_mm,
        inner_mm,
        sigma_mm,
        mirror_mm: smooth(local.chart.n, &mirrored[0], SMOOTH_CELLS),
        outer_lesson: continued.as_ref().map_or_else(untaught, |c| c.outer.clone()),
        inner_lesson: continued.as_ref().map_or_else(untaught, |c| c.inner.clone()),
    }
}

impl Prepared {
    /// The same chart measured on another skull.
    pub(super) fn measured_on(&self, whole: &Skull<'_>) -> Local {
        whole.measure(self.local.chart.clone())
    }
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
        .next_back()
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
