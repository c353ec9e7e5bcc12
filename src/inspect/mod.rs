//! Measures the milled part twice: against the design, and against the bone.
//!
//! **In** the design (`Mesh<Part>`), the simulated part with its path (`Milled`), the job; and, for the fit, the
//! bone's surface and the implant's facts. mm, part frame, +z the insertion axis; positive deviation is material
//! left on, gaps are negative inside bone. **Out** [`Inspection`]: figures, characteristics with limits and the
//! instrument that could show each on the real part, verdict with reasons, deviation per vertex, worst places with
//! the program block behind each.
//!
//! **Method** Milled against design in both directions. Every line end of the simulated stock goes to the nearest
//! triangle of the design, signed by Baerentzen and Aanaes, IEEE TVCG 11(3), 2005. Every place of the design, on a
//! lattice no wider than `sample_mm`, goes to the nearest cutter along the path: signed distance to the revolved
//! tool swept along straight moves, in closed form or by convex search, no grid (`cutter`, `sweep`); or to the blank's
//! own face, where that is nearer (`blank`). Milled against
//! bone on the measured surface, that is line ends and samples moved by their deviation: gap by rim class (`rim`),
//! interference and undercut on lines along the axis (`columns`), step (`step`), thickness by shrinking balls
//! (`thickness`), push-in test (`seat`).
//!
//! What a machine that is a little off would make of the same path is asked at some thousand places (`sensitivity`, exact
//! answers by `off`), and many parts are drawn from the errors that makers and shops state (`capability`, a model). Both
//! are reported; no verdict depends on them.
//!
//! An engraved marking is part of the design: inside the groove that the implant asks for, the surface is held against that
//! groove with the same tolerance (`marking`). Without the implant's facts a groove is a gouge.
//!
//! **Different from the usual** Tab witnesses are those that the judge's milling found; each must be small and on
//! the rim, and only material left on is ever left out (`witness`). A rim wall further off than the gap counts as
//! an error unless bone, draft, an edge or the tool's radius demonstrably holds it there: there is no class for
//! "somehow wider".
//!
//! **Guarantees** NaN passes no check; numbers that are not finite are errors. Any area beyond tolerance outside
//! believed witnesses, any fault of the milling, any interference or undercut rejects. Knows nothing of plan,
//! toolpath or post. The same bytes on any thread count.
//!
//! **Limits** Between samples both material left on and gouges are bounded (`between`, `deepest`), and what a bound does
//! not rule out counts against the part; of cutters with a sharp corner only the nearest is bounded, the others show in
//! line ends to their spacing. In the fillets of believed tabs nothing is bounded. Depth
//! inside a cutter that sweeps is that in its deepest single position, a lower bound. Undercut and overlap volumes are
//! of the design, since a part farther than the tolerance from it is rejected anyway. Holders are checked against
//! the design only; against stock and fixtures that is the milling's work. Deviations beyond 3 mm are given as 3.

pub mod error;
pub mod fit;
pub mod nest;
mod params;

mod air;
mod between;
mod blank;
mod capability;
mod columns;
mod cutter;
mod deepest;
mod draws;
mod floor;
mod holes;
mod marking;
mod measured;
mod off;
mod pieces;
mod places;
mod rim;
mod samples;
mod seat;
mod sensitivity;
mod spread;
mod step;
mod surface;
mod sweep;
mod thickness;
mod verdict;
mod witness;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

use nalgebra::Vector3;

use crate::geometry::Bvh;
use crate::model::{
    FitInspection, ImplantFacts, Inspection, InspectionFacts, Job, Mesh, Milled, Part, Verdict, Watch,
};

pub use error::InspectError;
pub use fit::FitInput;
pub use measured::inspect_points;
pub use nest::{SeatMeasured, measure_seat};
pub use params::{InspectParams, InspectToml};

use fit::Fitted;
use surface::Beside;
use verdict::Check;

/// Places of the measured surface are taken no farther off the design than this, mm: beyond it the part is
/// rejected by its surface, and a place nowhere near the part would say nothing of its fit.
const MOVED_MM_MAX: f64 = 0.5;

/// What is left of a tab when the part is cut free stands out by this, mm: the fit is judged with it.
const STUB_MM: f64 = 0.2;

/// Measures `milled` against `design` and, with `fit`, against the bone.
///
/// # Errors
/// [`InspectError`] where something cannot be measured: an open design, numbers that are not finite, a path that
/// does not belong to the job, a pose that contradicts the insertion axis. A bad part is no error but a verdict.
pub fn inspect(
    design: &Mesh<Part>,
    milled: &Milled,
    job: &Job,
    fit: Option<FitInput>,
    params: &InspectParams,
    watch: &dyn Watch,
) -> Result<Inspection, InspectError> {
    let implant = fit.as_ref().map(|f| f.implant);
    look(design, milled, job, (fit, implant), params, Beside::MachineOff, watch)
}

/// As [`inspect`] without a bone, of a design that is an implant's: a marking that its facts ask for is part of it.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_marked(
    design: &Mesh<Part>,
    implant: &ImplantFacts,
    milled: &Milled,
    job: &Job,
    params: &InspectParams,
    watch: &dyn Watch,
) -> Result<Inspection, InspectError> {
    look(design, milled, job, (None, Some(implant)), params, Beside::MachineOff, watch)
}

/// As [`inspect`] without a bone, less `sensitivity` and `capability`, on which no verdict depends and which take half of
/// the time: for whoever asks for thousands of verdicts.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_surface(
    design: &Mesh<Part>,
    milled: &Milled,
    job: &Job,
    params: &InspectParams,
    watch: &dyn Watch,
) -> Result<Inspection, InspectError> {
    look(design, milled, job, (None, None), params, Beside::Nothing, watch)
}

fn look(
    design: &Mesh<Part>,
    milled: &Milled,
    job: &Job,
    (fit, implant): (Option<FitInput>, Option<&ImplantFacts>),
    params: &InspectParams,
    beside: Beside,
    watch: &dyn Watch,
) -> Result<Inspection, InspectError> {
    let t = &params.t;
    check_design(design)?;
    if milled.line_ends.is_empty() || milled.path.is_empty() {
        return Err(InspectError::NothingMilled {
            line_ends: milled.line_ends.len(),
            moves: milled.path.len(),
        });
    }
    let tree = Bvh::new(design);
    let marking = implant.and_then(|i| Some((i.marking.as_ref()?, &i.part_from_patient)));
    let compared = surface::compare(design, &tree, milled, job, marking, t, beside, watch)?;
    let mut checks = verdict::of_surface(&compared, &milled.facts.collisions, t);
    let mut fitted = None;
    if let Some(input) = fit {
        let places = measured_places(design, milled, &compared, t.tolerance_mm);
        fitted = Some(measure_fit(design, &tree, &places, &compared, &input, params, &mut checks, watch)?);
    }
    let (verdict, reasons) = verdict::come_to(&checks);
    let between = [compared.facts.gouge_between_samples_mm, compared.facts.between_samples_mm];
    let fit = fitted.map(|f| f.facts);
    let facts = InspectionFacts {
        schema: "osteomill.inspection/1".into(),
        verdict,
        reasons,
        findings: verdict::notes(fit.as_ref(), compared.blank_mm2, t),
        statement: verdict::statement(
            t.tolerance_mm,
            between,
            fit.as_ref().map(|f| f.threshold_offset_mm_p50),
        ),
        surface: compared.facts,
        sensitivity: compared.sensitivity,
        capability: compared.capability,
        fit,
        characteristics: checks.into_iter().map(|c| c.c).collect(),
    };
    watch.progress(5, 5);
    Ok(Inspection { facts, vertex_deviation_mm: compared.vertex_mm })
}

/// Fit of any closed mesh to a bone, without milling: what `osteomill fit` shows. Figures, verdict, reasons.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_fit(
    part: &Mesh<Part>,
    fit: FitInput,
    params: &InspectParams,
    watch: &dyn Watch,
) -> Result<(FitInspection, Verdict, Vec<String>), InspectError> {
    check_design(part)?;
    let tree = Bvh::new(part);
    let compared = surface::unmilled(part, params.t.sample_mm);
    let places: Vec<_> =
        compared.samples.iter().map(|s| (s.p_mm.into(), s.normal.into(), s.area_mm2, true)).collect();
    let mut checks = Vec::new();
    let fitted = measure_fit(part, &tree, &places, &compared, &fit, params, &mut checks, watch)?;
    let (verdict, reasons) = verdict::come_to(&checks);
    Ok((fitted.facts, verdict, reasons))
}

fn check_design(design: &Mesh<Part>) -> Result<(), InspectError> {
    for (index, v) in design.vertices.iter().enumerate() {
        if let Some(&value) = v.iter().find(|x| !x.is_finite()) {
            return Err(InspectError::NotFinite { what: "design vertex", index, value });
        }
    }
    if design.is_closed_two_manifold() {
        return Ok(());
    }
    let e = design.edge_census();
    Err(InspectError::OpenDesign {
        triangles: design.triangles.len(),
        open: e.open,
        twisted: e.twisted,
        branching: e.branching,
    })
}

type Place = (Vector3<f64>, Vector3<f64>, f64, bool);

/// The measured surface: samples moved by their deviation, and line ends.
fn measured_places(
    design: &Mesh<Part>,
    milled: &Milled,
    compared: &surface::Compared,
    tolerance_mm: f64,
) -> Vec<Place> {
    let samples = compared.samples.iter().zip(&compared.sample_mm);
    // At a tab the design's place is inside the stub; there the line ends are the surface.
    let samples = samples.filter(|(s, d)| !compared.witnesses.hold(s.p_mm, **d, tolerance_mm));
    let moved = samples.map(|(s, d)| {
        let n = Vector3::from(s.normal);
        let p = Vector3::from(s.p_mm) + n * d.clamp(-MOVED_MM_MAX, MOVED_MM_MAX);
        (p, n, s.area_mm2, true)
    });
    let ends = milled.line_ends.iter().zip(&compared.end_mm);
    let ends = ends.zip(&compared.end_triangle).zip(&compared.end_area_mm2);
    // Beyond its stub a believed tab is cut off before the part meets the bone.
    let ends =
        ends.filter(|(((e, d), _), _)| **d <= STUB_MM || !compared.witnesses.hold(e.p_mm, **d, tolerance_mm));
    let ends = ends.map(|(((e, _), &t), &area)| (e.p_mm.into(), design.normal(t as usize), area, false));
    moved.chain(ends).collect()
}

#[allow(clippy::too_many_arguments)]
fn measure_fit(
    design: &Mesh<Part>,
    tree: &Bvh<Part>,
    places: &[Place],
    compared: &surface::Compared,
    input: &FitInput,
    params: &InspectParams,
    checks: &mut Vec<Check>,
    watch: &dyn Watch,
) -> Result<Fitted, InspectError> {
    let t = &params.t;
    watch.note("bone about the part");
    let bone = fit::bone_about(design, input, t.bone_reach_mm)?;
    let measured = fit::measure(places, &bone, t.bone_reach_mm);
    watch.progress(3, 5);
    let fitted =
        fit::fit(design, tree, &bone, &compared.samples, &compared.sample_mm, &measured, input, t, watch)?;
    watch.progress(4, 5);
    let mut of_fit = verdict::of_fit(&fitted.facts, fitted.rim_samples, fitted.rim_facing_share, t);
    if let Some((p, gap_mm)) = fitted.worst_gap {
        let [x, y, z] = fit::to_patient(input.implant, &p);
        let where_is =
            format!("widest off at patient LPS ({x:.1}, {y:.1}, {z:.1}) mm, where the gap is {gap_mm:.3} mm");
        of_fit[0] = of_fit[0].clone().because(&where_is);
    }
    checks.extend(of_fit);
    for (i, hole) in input.implant.holes.iter().enumerate() {
        let diameter_mm = holes::diameter_mm(hole, input.implant, &measured);
        checks.push(verdict::of_hole(i + 1, hole, diameter_mm, t));
    }
    Ok(fitted)
}
