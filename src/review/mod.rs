//! Says whether the part can be made and should be: every upstream finding, and the checks of this room.
//!
//! **In** `Implant` and `Plan` (part frame, mm), the facts of scan, bone, surface and defects, the limits. **Out** `Review`:
//! findings worst first, each with its number, its limit and, where it has one, its place in the patient.
//!
//! **Method** One check, one function, on the mesh and the plan, not on what made them: grade, closed mesh, wall, undercut
//! (a facet that neither side sees), concave radius against the rim tool, holes, blank, reach, deflection, sinus,
//! envelope, fitness of the scan.
//!
//! **Deflection** Per finishing pass: the ball's normal force from the chip it takes off its skin (Kienzle; constants of the
//! material in `materials.toml`; `geometry::bending`), and what tool and plate give way under it. A tool asks for a change above
//! `deflection_um_change` (10 µm) and stops the case above `deflection_um_stop` (25 µm: the whole tolerance). A plate with
//! nothing under it stops above `deflection_unsupported_um_stop` (10 µm). Of the setups the first lies on uncut stock; in `op20`
//! of two the plate hangs on its tabs; where both sides are roughed first it hangs in `op30`, as much stiffer as the other
//! side's allowance makes it, and lies on its nest in `op40`. The curvature that stiffens a real plate is left out, so the
//! number is on the safe side; wear is not in it.
//!
//! **Guarantees** A number that is not a number fails its check. No upstream finding is dropped or softened; a check of
//! this room that repeats an upstream finding (same name and unit, no milder) is not said twice. Same bytes on any
//! thread count.
//!
//! **Limits** Feeds and forces are not measured; chatter is not modelled; a sinus is known only by the implant's least
//! distance to it.

mod deflection;
mod holes;
mod material;
mod params;
mod reach;
mod scan;
mod shape;

use crate::model::{
    BoneFacts, DefectFacts, Finding, Implant, Part, Patient, Plan, Point, Review, ScanFacts, SurfaceFacts,
};

use params::ReviewToml as Limits;
pub use params::{ReviewError, ReviewParams, ReviewToml};

/// What the imaging stages said; all absent for a design that came without a scan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upstream<'a> {
    /// `scan.json`.
    pub scan: Option<&'a ScanFacts>,
    /// `bone.json`.
    pub bone: Option<&'a BoneFacts>,
    /// `surface.json`.
    pub surface: Option<&'a SurfaceFacts>,
    /// `defects.json`.
    pub defects: Option<&'a DefectFacts>,
}

/// The review of an implant made from a scan.
pub fn review_part(
    implant: &Implant,
    plan: &Plan,
    scan: &ScanFacts,
    bone: &BoneFacts,
    surface: &SurfaceFacts,
    defects: &DefectFacts,
    params: &ReviewParams,
) -> Review {
    let upstream =
        Upstream { scan: Some(scan), bone: Some(bone), surface: Some(surface), defects: Some(defects) };
    review_design(implant, plan, &upstream, params)
}

/// The review of a design with what is known of its scan, which may be nothing.
pub fn review_design(implant: &Implant, plan: &Plan, upstream: &Upstream, params: &ReviewParams) -> Review {
    let limits = params.get();
    let mut said: Vec<Finding> = Vec::new();
    said.extend(upstream.scan.iter().flat_map(|f| f.findings.iter().cloned()));
    said.extend(upstream.bone.iter().flat_map(|f| f.findings.iter().cloned()));
    said.extend(upstream.surface.iter().flat_map(|f| f.findings.iter().cloned()));
    said.extend(upstream.defects.iter().flat_map(|f| f.findings.iter().cloned()));
    said.extend(implant.facts.findings.iter().cloned());
    said.extend(plan.findings.iter().cloned());

    let shape = shape::Shape::of(implant);
    let mut own = Vec::new();
    own.extend(material::check(implant, plan));
    own.extend(shape::check(implant, plan, &shape, limits));
    own.extend(holes::check(implant, plan, &shape, limits));
    own.extend(reach::check(implant, plan, &shape));
    own.extend(deflection::check(implant, plan, &shape, limits));
    own.extend(scan::check(implant, upstream, limits));
    let repeats =
        |f: &Finding| said.iter().any(|u| u.id == f.id && u.unit == f.unit && u.severity >= f.severity);
    let own: Vec<Finding> = own.into_iter().filter(|f| !repeats(f)).collect();
    said.extend(own);
    // Stable: within a severity the order is that of the stages.
    said.sort_by_key(|f| std::cmp::Reverse(f.severity));
    Review { schema: "osteomill.review/1".into(), findings: said }
}

/// NaN is not at least anything, so a number that is none fails its check.
fn at_least(v: f64, least: f64) -> bool {
    v >= least
}

/// NaN is not at most anything.
fn at_most(v: f64, most: f64) -> bool {
    v <= most
}

/// A place of the part as findings carry it.
fn in_patient(implant: &Implant, p_mm: [f64; 3]) -> [f64; 3] {
    let p: Point<Patient> = implant.part_from_patient.inverse().apply(Point::<Part>::new(p_mm));
    p.mm
}

#[cfg(test)]
mod tests;
