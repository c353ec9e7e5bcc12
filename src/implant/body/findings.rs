//! What the numbers of an implant ask for.

use crate::model::{Finding, Material, Part, Patient, Point, Pose, Severity};

use super::measure::Wall;
use super::params::ImplantParams;

/// What was measured, in the frame of the implant.
pub(super) struct Measured {
    pub outer_area_mm2: f64,
    pub span_mm: f64,
    pub thickness: Option<(f64, [f64; 3])>,
    pub concave: (f64, [f64; 3]),
    pub sinus: Option<(f64, [f64; 3])>,
    pub wall: Wall,
    pub watertight: bool,
    pub crossings: Vec<[f64; 3]>,
    pub dropped_mm2: f64,
    pub holes_left_out: usize,
    pub ears_without_hole: usize,
}

/// Distances are judged with this slack, mm: the chords of the net.
const SLACK_MM: f64 = 0.03;

/// Every finding of the design.
pub(super) fn findings(
    m: &Measured,
    params: &ImplantParams,
    material_key: &str,
    material: &Material,
    patient_from_part: &Pose<Patient, Part>,
) -> Vec<Finding> {
    let t = &params.toml;
    let lps = |p: [f64; 3]| patient_from_part.apply(Point::new(p)).mm;
    let mut out = Vec::new();
    let mut say = |f: Finding| out.push(f);
    if material.implant_standard.trim().is_empty() {
        say(Finding::new(
            "grade",
            Severity::Stop,
            format!(
                "material `{material_key}` ({}) has no implant standard; an implant needs one, such as ASTM F2026 or \
                 F136: choose an implant grade",
                material.name
            ),
        ));
    }
    if !m.watertight {
        say(Finding::new(
            "not-closed",
            Severity::Stop,
            "the implant's mesh is not closed and two-manifold: report this case, do not mill it",
        ));
    }
    if let Some(&place) = m.crossings.first() {
        let message = format!(
            "{} edges of the implant's mesh pass through another facet; volume and deviation mean nothing there: look at the \
             place, and correct the mesh where it is more than a fold of the net",
            m.crossings.len()
        );
        let finding = Finding::new("facets-cross", Severity::Review, message);
        say(finding.measured(m.crossings.len() as f64, 0.0, "edges").at(lps(place)));
    }
    match m.thickness {
        Some((mm, place)) if mm < t.thickness_mm_min - SLACK_MM => say(Finding::new(
            "min-thickness",
            Severity::Stop,
            format!(
                "the implant is {mm:.2} mm thick where the predicted inner table lets it be no thicker; at least {:.2} \
                 mm are needed: correct the reconstruction or choose a stronger material",
                t.thickness_mm_min
            ),
        )
        .measured(mm, t.thickness_mm_min, "mm")
        .at(lps(place))),
        Some(_) => {}
        None => say(Finding::new(
            "min-thickness",
            Severity::Stop,
            "no place of the implant is far enough from its rim to measure a thickness: it is too small for this device",
        )
        .measured(0.0, t.thickness_mm_min, "mm")),
    }
    let concave_mm = params.concave_radius_mm();
    if m.concave.0 < concave_mm - 0.05 {
        say(Finding::new(
            "concave-radius",
            Severity::Change,
            format!(
                "a concave corner has radius {:.2} mm, smaller than the {concave_mm:.2} mm the finishing tool needs; \
                 material will be left on there: use a smaller tool or smooth the rim",
                m.concave.0
            ),
        )
        .measured(m.concave.0, concave_mm, "mm")
        .at(lps(m.concave.1)));
    }
    if let Some((mm, place)) = m.sinus
        && mm < t.sinus_clearance_mm - SLACK_MM
    {
        say(Finding::new(
            "sinus-distance",
            Severity::Stop,
            format!(
                "the implant comes within {mm:.2} mm of a sinus; {:.2} mm are needed: correct the reconstruction",
                t.sinus_clearance_mm
            ),
        )
        .measured(mm, t.sinus_clearance_mm, "mm")
        .at(lps(place)));
    }
    wall_findings(m, params, &lps, &mut say);
    envelope(m, params, &mut say);
    if m.dropped_mm2 > 0.5 {
        say(Finding::new(
            "pieces-dropped",
            Severity::Note,
            format!(
                "{:.1} mm² of surface in pieces beside the implant were dropped: pockets of the rim",
                m.dropped_mm2
            ),
        ));
    }
    if m.ears_without_hole > 0 {
        say(Finding::new(
            "ears-without-hole",
            Severity::Review,
            format!(
                "the screw hole of {} ears could not be cut: nothing holds the implant there",
                m.ears_without_hole
            ),
        )
        .measured(m.ears_without_hole as f64, 0.0, "1"));
    }
    if m.holes_left_out > 0 {
        say(Finding::new(
            "holes-left-out",
            Severity::Change,
            format!("{} perfusion or suture holes could not be cut and were left out", m.holes_left_out),
        ));
    }
    out
}

fn wall_findings(
    m: &Measured,
    params: &ImplantParams,
    lps: &impl Fn([f64; 3]) -> [f64; 3],
    say: &mut impl FnMut(Finding),
) {
    let t = &params.toml;
    let w = &m.wall;
    if w.gap_mm_min <= 0.0 {
        say(Finding::new("interference", Severity::Stop, "the implant reaches into bone: report this case")
            .measured(w.gap_mm_min, 0.0, "mm")
            .at(lps(w.gap_place)));
    } else if w.gap_mm_min < t.gap_mm - SLACK_MM {
        // DESIGN's target for the free rim: within 0.10 mm of nominal.
        let severity = if w.gap_mm_min < t.gap_mm - 0.10 { Severity::Review } else { Severity::Note };
        say(Finding::new(
            "gap-min",
            severity,
            format!(
                "bone lies {:.3} mm from the implant where {:.2} mm were asked for",
                w.gap_mm_min, t.gap_mm
            ),
        )
        .measured(w.gap_mm_min, t.gap_mm, "mm")
        .at(lps(w.gap_place)));
    }
    if let Some((mm, place)) = w.ear_mm_min
        && !(mm >= t.onlay_clearance_mm - SLACK_MM)
    {
        say(Finding::new(
            "ear-clearance",
            // Ears that reach into bone hold the plate off its seat.
            if mm <= 0.0 { Severity::Stop } else { Severity::Review },
            format!(
                "an ear comes within {mm:.3} mm of bone where {:.2} mm were asked for: report this case",
                t.onlay_clearance_mm
            ),
        )
        .measured(mm, t.onlay_clearance_mm, "mm")
        .at(lps(place)));
    }
    if w.excess_share > t.excess_gap_share_review {
        say(Finding::new(
            "excess-gap",
            Severity::Review,
            format!(
                "{:.0} % of the rim wall lie more than {:.2} mm beyond the gap from bone (overhang, draft, or no bone \
                 at all); up to {:.0} % go unseen: look at the rim",
                100.0 * w.excess_share,
                t.excess_gap_mm_review,
                100.0 * t.excess_gap_share_review
            ),
        )
        .measured(w.excess_share, t.excess_gap_share_review, "1"));
    }
    if w.free_share < t.free_share_min {
        say(Finding::new(
            "free-rim",
            Severity::Review,
            format!(
                "{:.0} % of the rim wall follow the bone at the gap; {:.0} % are needed: look at the rim",
                100.0 * w.free_share,
                100.0 * t.free_share_min
            ),
        )
        .measured(w.free_share, t.free_share_min, "1"));
    }
    // 1 mm²: single facets at the tool's corner.
    if w.undercut_mm2 > 1.0 {
        say(Finding::new(
            "undercut",
            Severity::Change,
            format!("{:.1} mm² of the rim wall cannot be seen from the bone side", w.undercut_mm2),
        )
        .measured(w.undercut_mm2, 1.0, "mm²"));
    }
}

fn envelope(m: &Measured, params: &ImplantParams, say: &mut impl FnMut(Finding)) {
    let t = &params.toml;
    let area_cm2 = m.outer_area_mm2 / 100.0;
    let checks = [
        ("outer area", area_cm2, t.envelope_area_cm2_min, t.envelope_area_cm2_max, "cm²"),
        ("span", m.span_mm, 0.0, t.envelope_span_mm_max, "mm"),
        ("thickness", t.thickness_mm, t.envelope_thickness_mm_min, t.envelope_thickness_mm_max, "mm"),
        ("gap", t.gap_mm, t.envelope_gap_mm_min, t.envelope_gap_mm_max, "mm"),
    ];
    for (what, found, low, high, unit) in checks {
        if !(low..=high).contains(&found) {
            say(Finding::new(
                "envelope",
                Severity::Stop,
                format!(
                    "{what} is {found:.2} {unit}, outside this device's envelope of {low:.2} to {high:.2} {unit}: \
                     choose another device"
                ),
            )
            .measured(found, if found < low { low } else { high }, unit));
        }
    }
}
