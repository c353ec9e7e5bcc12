//! Where on the rim no tab may stand: at screws and their plates, beside the marking, over the brow, at what is milled aslant.
//!
//! A tab leaves a place that is dressed by hand. Beside a hole that weakens what holds the screw, beside the text it may take
//! letters off, it is in the way of a tool that leans, and over the brow, where the rim looks forward and down at the orbit, its
//! mark would show through the skin.

use crate::geometry::Bvh;
use crate::geometry::outline::RimPlace;
use crate::model::{Dir, Implant, Part, Patient, Point};

use super::Shape;
use super::params::PlanToml;

/// The outer face looks forward by this cosine to anterior or more (60°): as for the marking.
const FORWARD_MIN: f64 = 0.5;
/// And the rim down by this cosine (60°): the orbit's side.
const DOWN_MIN: f64 = 0.5;
/// So far inside the rim the outer face is asked where it looks, mm: past the edge's radius.
const INSIDE_MM: f64 = 3.0;

/// Something to keep clear of, across the axis.
struct Site {
    from: [f64; 2],
    to: [f64; 2],
    clear_mm: f64,
    what: &'static str,
}

/// Less than this that neither side sees is facets' noise, mm².
const ASLANT_FROM_MM2: f64 = 0.5;

/// Middles of the facets that neither side sees, part x and y; none where that is noise.
pub(super) fn aslant(shape: &Shape) -> Vec<[f64; 2]> {
    let mesh = shape.tree.mesh();
    let unseen = || (0..mesh.triangles.len()).filter(|&t| !shape.seen[t]);
    if unseen().fold(0.0, |sum, t| sum + mesh.triangle_area_mm2(t)) <= ASLANT_FROM_MM2 {
        return Vec::new();
    }
    let middle =
        |t: usize| mesh.corners(t).iter().fold([0.0; 2], |m, c| [m[0] + c.x / 3.0, m[1] + c.y / 3.0]);
    unseen().map(middle).collect()
}

/// Per place of the rim what forbids a tab there; a ball of `ball_mm` passes between a tab and what is milled `aslant`.
pub(super) fn forbidden(
    implant: &Implant,
    shape: &Shape,
    aslant: &[[f64; 2]],
    ball_mm: f64,
    p: &PlanToml,
) -> Vec<Option<&'static str>> {
    let (tree, rim) = (&shape.tree, &shape.rim);
    let mut sites = sites(implant, p);
    let leaning =
        |&at: &[f64; 2]| Site { from: at, to: at, clear_mm: ball_mm, what: "a place milled aslant" };
    sites.extend(aslant.iter().map(leaning));
    let half_mm = p.tab_width_mm / 2.0;
    let near = |at: [f64; 2]| {
        sites.iter().find(|s| to_segment_mm(at, s.from, s.to) < s.clear_mm + half_mm).map(|s| s.what)
    };
    rim.iter().map(|r| near(r.xy_mm).or_else(|| brow(implant, tree, r).then_some("the brow"))).collect()
}

fn sites(implant: &Implant, p: &PlanToml) -> Vec<Site> {
    let across = |q: Point<Patient>| -> [f64; 2] {
        let q = implant.part_from_patient.apply(q).mm;
        [q[0], q[1]]
    };
    let mut out = Vec::new();
    for h in implant.holes.iter().filter(|h| h.countersink.is_some()) {
        let at = [h.centre.mm[0], h.centre.mm[1]];
        out.push(Site { from: at, to: at, clear_mm: p.tab_screw_mm + h.diameter_mm / 2.0, what: "a screw" });
    }
    for s in &implant.facts.fixation.sites {
        let bone = across(s.bone_lps_mm);
        let own = s.implant_lps_mm.map_or(bone, across);
        out.push(Site { from: bone, to: own, clear_mm: p.tab_screw_mm, what: "a screw's site" });
    }
    let strokes = implant.facts.marking.iter().flat_map(|m| m.strokes_lps_mm.iter().flatten());
    for q in strokes.copied().map(across) {
        out.push(Site { from: q, to: q, clear_mm: p.tab_marking_mm, what: "the marking" });
    }
    out
}

/// A part without a scan has no brow.
fn brow(implant: &Implant, tree: &Bvh<Part>, r: &RimPlace) -> bool {
    if implant.facts.kind == "given" {
        return false;
    }
    let turned = |d: [f64; 3]| implant.part_from_patient.turn(Dir::<Patient>::new(d)).v();
    let (anterior, caudal) = (turned([0.0, -1.0, 0.0]), turned([0.0, 0.0, -1.0]));
    let down = r.outward[0] * caudal.x + r.outward[1] * caudal.y;
    if down < DOWN_MIN {
        return false;
    }
    let at = [0, 1].map(|a| r.xy_mm[a] - r.outward[a] * INSIDE_MM);
    let above = tree.mesh().bounds_mm().map_or(0.0, |b| b.1[2]) + 1.0;
    let face = tree.first_hit([at[0], at[1], above], [0.0, 0.0, -1.0], 0.0, f64::INFINITY);
    face.is_some_and(|hit| tree.mesh().normal(hit.triangle).dot(&anterior) > FORWARD_MIN)
}

fn to_segment_mm(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length2 = dx * dx + dy * dy;
    let t = if length2 > 0.0 { ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2 } else { 0.0 };
    let t = t.clamp(0.0, 1.0);
    (p[0] - a[0] - t * dx).hypot(p[1] - a[1] - t * dy)
}
