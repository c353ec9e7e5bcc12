//! What the figures come to: characteristics with limits, the verdict, and the reasons in words.

use crate::model::{
    Characteristic, Collision, Finding, FitInspection, HoleFacts, OutOfTolerance, Severity, Verdict,
};

use super::marking;
use super::params::InspectToml;
use super::surface::Compared;

/// What a broken limit asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breaks {
    /// Somebody must look.
    Review,
    /// The part is not to be used.
    Reject,
}

/// A characteristic and what it asks for when it fails, and why in words.
#[derive(Clone, Debug)]
pub struct Check {
    /// As written in `inspection.json`.
    pub c: Characteristic,
    /// When it fails.
    pub breaks: Breaks,
    /// When it fails, one sentence.
    pub reason: String,
}

impl Check {
    /// A check of `measured` against `[lower, upper]`. NaN does not pass.
    pub fn new(
        id: &str,
        name: &str,
        [nominal, lower, upper]: [f64; 3],
        measured: f64,
        unit: &str,
        instrument: &str,
    ) -> Self {
        let pass = measured >= lower && measured <= upper;
        let reason = if measured < lower {
            format!("{name} is {measured:.4} {unit}, least allowed {lower:.4}")
        } else {
            format!("{name} is {measured:.4} {unit}, most allowed {upper:.4}")
        };
        let c = Characteristic {
            id: id.into(),
            name: name.into(),
            nominal,
            lower,
            upper,
            measured,
            unit: unit.into(),
            pass,
            instrument: instrument.into(),
        };
        Self { c, breaks: Breaks::Reject, reason: reason.replace(" ,", ",") }
    }

    /// The same, but a failure only asks for a person.
    pub fn review(mut self) -> Self {
        self.breaks = Breaks::Review;
        self
    }

    /// With more words on where and why.
    pub fn because(mut self, more: &str) -> Self {
        if !more.is_empty() {
            self.reason = format!("{}: {more}", self.reason);
        }
        self
    }
}

/// Reads "no upper limit" where there is none.
const NO_LIMIT: f64 = 1e9;

const BETWEEN: &str = "at no sample, but between them it cannot be ruled out";

const CMM: &str = "CMM with scanning probe at 20 ± 1 °C, expanded uncertainty ≤ 6.3 µm (¼ of the tolerance), else \
                   no claim; the simulation shows the program, not the metal";
const MACHINE_LOG: &str = "shown by the simulation of the program's text; on the machine by a dry run";
const TABS: &str = "shown by the simulation; on the part by eye and calliper";
const GAP: &str = "part in the printed or milled host-bone model: feeler gauges or structured-light scan, expanded \
                   uncertainty ≤ 0.04 mm (¼ of the limit); a CT with 0.5-1 mm voxels cannot show it";
const CLASH: &str = "trial insertion in the host-bone model; a CT with 0.5-1 mm voxels cannot show it";
const MICROMETER: &str = "micrometer with ball anvils, uncertainty ≤ 0.01 mm";
const RIM: &str = "follows from bone geometry; nothing to measure on the part";
const STEP: &str =
    "dial gauge or structured-light scan across the rim in the host-bone model, uncertainty ≤ 0.05 mm";
const PIN: &str = "plug gauges in steps of 0.01 mm";

/// Checks of the milled surface.
pub fn of_surface(c: &Compared, collisions: &[Collision], t: &InspectToml) -> Vec<Check> {
    let tol = t.tolerance_mm;
    let d = &c.facts.deviation_mm;
    let first = collisions.first().map_or(String::new(), |f| {
        format!("first: {} line {}, {}, {:.3} mm. {}", f.program, f.line, f.kind, f.depth_mm, f.message)
    });
    // What was found between the samples counts as what they show; and so does what may lie there where it breaks the limit: nobody
    // has seen it, and nobody has seen that it is not there. Written so that NaN counts.
    let within = |d: f64| d.abs() <= tol;
    let with_unseen = |d: f64, found: f64, up_to: f64| {
        if within(d) && !within(found) {
            (found, "")
        } else if within(d) && !within(up_to) {
            (up_to, BETWEEN)
        } else {
            (d, "")
        }
    };
    let ([down_to, up_to], clear) = (c.within_mm, &c.facts.clear_of_tabs_mm);
    let (most, unseen_most) = with_unseen(d.max, clear.max, up_to);
    let (least, unseen_least) = with_unseen(d.min, clear.min, down_to);
    let side = |gouge: bool, unseen: &str| {
        let worst = c.facts.worst.iter().find(|w| (w.deviation_mm < 0.0) == gouge);
        worst.map_or_else(|| unseen.to_owned(), place_of)
    };
    let mut out = vec![
        Check::new("S1", "most material left on", [0.0, -tol, tol], most, "mm", CMM)
            .because(&side(false, unseen_most)),
        Check::new("S2", "deepest gouge", [0.0, -tol, tol], least, "mm", CMM)
            .because(&side(true, unseen_least)),
        Check::new("S3", "design surface beyond tolerance", [0.0, 0.0, 0.0], c.out_mm2[0], "mm²", CMM),
        Check::new("S4", "milled surface beyond tolerance", [0.0, 0.0, 0.0], c.out_mm2[1], "mm²", CMM),
        Check::new("S5", "faults while milling", [0.0, 0.0, 0.0], collisions.len() as f64, "", MACHINE_LOG)
            .because(&first),
        Check::new(
            "S6",
            "tab witnesses not believed",
            [0.0, 0.0, 0.0],
            c.witnesses.refused.len() as f64,
            "",
            TABS,
        )
        .because(&c.witnesses.refused.join("; ")),
    ];
    out.extend(c.marked.iter().flat_map(|m| marking::checks(m, t)));
    out
}

fn place_of(w: &OutOfTolerance) -> String {
    let [x, y, z] = w.place_part_mm;
    let block = if w.program.is_empty() {
        "no cutter comes near".to_string()
    } else {
        format!("nearest block {} line {}", w.program, w.line)
    };
    format!("{:+.4} mm at part ({x:.2}, {y:.2}, {z:.2}) mm, {block}", w.deviation_mm)
}

/// Checks of the fit.
pub fn of_fit(f: &FitInspection, rim_samples: usize, rim_facing_share: f64, t: &InspectToml) -> Vec<Check> {
    let no_bone = if rim_samples == 0 { "the rim looks at no bone: wrong side or wrong place?" } else { "" };
    vec![
        Check::new(
            "F1",
            "gap error on the free rim, 95th percentile",
            [0.0, 0.0, t.gap_error_mm_p95_max],
            f.gap_error_mm_p95_abs,
            "mm",
            GAP,
        )
        .because(no_bone),
        Check::new(
            "F2",
            "interference",
            [0.0, 0.0, t.interference_mm3_max],
            f.interference_mm3,
            "mm³",
            CLASH,
        ),
        // Depth has no allowance of its own: a volume that lines 0.2 mm apart miss still shows here.
        Check::new(
            "F3",
            "deepest interference",
            [0.0, 0.0, if t.interference_mm3_max > 0.0 { NO_LIMIT } else { 0.0 }],
            f.interference_mm_max,
            "mm",
            CLASH,
        ),
        Check::new("F4", "undercut", [0.0, 0.0, t.undercut_mm3_max], f.undercut_mm3, "mm³", CLASH),
        Check::new(
            "F5",
            "least thickness away from rim and holes",
            [t.thickness_mm_min, t.thickness_mm_min, NO_LIMIT],
            f.thickness_mm_min,
            "mm",
            MICROMETER,
        ),
        Check::new(
            "F10",
            "share of the rim with no bone to follow",
            [0.0, 0.0, t.open_rim_share_max],
            share(f.rim_share.open),
            "",
            RIM,
        )
        .review(),
        Check::new("F6", "share of free rim", [1.0, t.free_share_min, 1.0], share(f.rim_share.free), "", RIM)
            .review(),
        Check::new(
            "F7",
            "share of the outline where the rim looks at bone",
            [1.0, t.rim_facing_share_min, 1.0],
            rim_facing_share,
            "",
            RIM,
        )
        .review(),
        Check::new(
            "F8",
            "rim samples",
            [t.rim_samples_min as f64, t.rim_samples_min as f64, NO_LIMIT],
            rim_samples as f64,
            "",
            RIM,
        )
        .review(),
        Check::new(
            "F9",
            "step of the outer surface across the rim, 95th percentile",
            [0.0, 0.0, t.step_mm_p95_review],
            f.step_mm.p95_abs,
            "mm",
            STEP,
        )
        .review(),
    ]
}

/// Sums of areas may leave a share a rounding above 1.
fn share(x: f64) -> f64 {
    if x > 1.0 && x < 1.0 + 1e-9 { 1.0 } else { x }
}

/// Check of one hole.
pub fn of_hole(number: usize, hole: &HoleFacts, diameter_mm: f64, t: &InspectToml) -> Check {
    let (d, tol) = (hole.diameter_mm, t.hole_diameter_tolerance_mm);
    let name = format!("diameter of {} hole {number}", hole.kind);
    Check::new(&format!("H{number}"), &name, [d, d - tol, d + tol], diameter_mm, "mm", PIN)
}

/// Verdict and reasons, rejecting ones first.
pub fn come_to(checks: &[Check]) -> (Verdict, Vec<String>) {
    let mut failed: Vec<&Check> = checks.iter().filter(|c| !c.c.pass).collect();
    failed.sort_by_key(|c| std::cmp::Reverse(c.breaks));
    let verdict = match failed.first().map(|c| c.breaks) {
        None => Verdict::Accept,
        Some(Breaks::Review) => Verdict::Review,
        Some(Breaks::Reject) => Verdict::Reject,
    };
    (verdict, failed.iter().map(|c| c.reason.clone()).collect())
}

/// Findings beside the checks: what is worth knowing but breaks nothing.
pub fn notes(fit: Option<&FitInspection>, blank_mm2: f64, t: &InspectToml) -> Vec<Finding> {
    let mut out = Vec::new();
    if blank_mm2 > 0.0 {
        let message = format!(
            "{blank_mm2:.1} mm² of the design is the blank's own face, which no cutter comes near: there the part is as good as \
             the blank that job.toml states; measure the blank before milling"
        );
        out.push(Finding::new("blank-face", Severity::Note, message).measured(blank_mm2, 0.0, "mm²"));
    }
    if let Some(f) = fit.filter(|f| !f.seated) {
        let first = f.push_in_mm.map_or(format!("meets no bone within {} mm", t.push_in_search_mm), |mm| {
            format!("first meets bone after {mm:.2} mm")
        });
        let message = format!(
            "pushed in {} mm the part has {} contact places spanning {:.0}° (wanted: {} spanning more than {}°) and \
             {first}: plates or ears must carry it",
            t.push_in_mm,
            f.push_in_contacts,
            f.push_in_span_deg,
            t.push_in_contacts_min,
            t.push_in_span_deg_min
        );
        out.push(Finding::new("push-in", Severity::Review, message).measured(
            f.push_in_contacts as f64,
            t.push_in_contacts_min as f64,
            "places",
        ));
    }
    out
}

/// What simulation shows and what it does not.
pub fn statement(
    tolerance_mm: f64,
    [gouge_mm, left_mm]: [f64; 2],
    threshold_offset_mm: Option<f64>,
) -> String {
    let mut text = format!(
        "This inspection is of a simulated part: it shows whether the text of the program makes the design to \
         ±{tolerance_mm} mm (between the places looked at up to {left_mm:.4} mm more could remain and a gouge be up to \
         {gouge_mm:.4} mm deeper), and nothing about the metal or polymer on the machine. Outside it are the form of the ball (5-12 µm), spindle runout (2.5-13 \
         µm), deflection of tool and part (6-19 µm per 10 N), thermal growth and residual stress. Whether the real \
         part is within tolerance must be measured on it, by the instrument named with each characteristic, whose \
         uncertainty may be no more than a quarter of the tolerance."
    );
    if let Some(offset) = threshold_offset_mm {
        text += &format!(
            " The fit is against the bone's surface as placed from the CT, at the local half-maximum; the level that \
             selects bone lies {offset:.2} mm outside it in the median. A CT with 0.5-1 mm voxels cannot show 25 µm: \
             the gap figures say how well the part follows that surface, not how well that surface is the bone."
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_never_passes() {
        let check = Check::new("X", "x", [0.0, -1.0, 1.0], f64::NAN, "mm", "none");
        assert!(!check.c.pass);
        assert_eq!(come_to(&[check]).0, Verdict::Reject);
        let open = Check::new("X", "x", [0.0, f64::NAN, f64::NAN], 0.0, "mm", "none");
        assert!(!open.c.pass, "a limit that is no number lets nothing through");
    }

    #[test]
    fn limits_are_within_and_the_worst_failure_decides() {
        let at = |v| Check::new("X", "x", [0.0, -1.0, 1.0], v, "mm", "none");
        assert_eq!(come_to(&[at(1.0), at(-1.0)]).0, Verdict::Accept);
        assert_eq!(come_to(&[at(2.0).review(), at(0.0)]).0, Verdict::Review);
        let (verdict, reasons) = come_to(&[at(2.0).review(), at(-2.0)]);
        assert_eq!(verdict, Verdict::Reject);
        assert!(reasons[0].contains("-2.0000 mm, least allowed -1.0000"), "{reasons:?}");
    }
}
