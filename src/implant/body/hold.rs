//! Where the implant is held: sites about the rim, and the screw table.
//!
//! Every 1.5 mm of the rim a site is tried: a screw in the bone outside of it and, for a plate, one in the implant inside.
//! Bone is measured on the surface of the scan's bone, never on the design: its thickness along its own normal (the
//! least over the screw's width), and the way along it to where it ends. From the places left, sites are chosen
//! as evenly as they can be.
//!
//! Venous sinuses cannot be seen in a plain CT. The sagittal one is taken to run in the plane of symmetry, the
//! transverse one on the cone [`TRANSVERSE_ELEVATION_DEG`] below the horizontal of the scan in the back half of the
//! head: estimates, and said to be. Sutures are not found.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::geometry::outline::{RimPlace, outline_xy, rim_places};
use crate::model::{
    Dir, Finding, FixationFacts, FixationSite, Mesh, Part, Patient, Point, Pose, RuledOut, Severity,
    Symmetry, Volume,
};

use super::axis::basis;
use super::chart::Sheets;
use super::params::{Fixation, ImplantToml, Kind};

/// The way to the bone's edge is told up to this, mm.
pub(super) const EDGE_TOLD_MM: f64 = 12.0;
/// Distances to a sinus are told up to this, mm.
const SINUS_TOLD_MM: f64 = 20.0;
/// Sites are tried this far apart along the rim, mm.
const ALONG_MM: f64 = 1.5;
/// Screws are tried this far apart across the rim, mm.
const ACROSS_MM: f64 = 0.5;
/// Half the width over which bone under a screw is measured, mm: a 1.5 mm screw and the hand's error.
const SCREW_MM: f64 = 1.0;
/// A hollow in the bone no wider than this, and without air, is diploe, mm.
const DIPLOE_MM: f64 = 2.0;
/// Bone thinner than this holds nothing: there the bone ends, mm.
const ENDS_MM: f64 = 1.0;
/// Bone is followed into the skull this far, mm.
const THROUGH_MM: f64 = 25.0;
/// Outer surface of bone within this of the completed outer table is vault; else arch, orbit or spur, mm.
const VAULT_MM: f64 = 3.0;
/// Between a screw and a hole of the implant, mm.
const WEB_MM: f64 = 1.5;
/// Screws of this radius in the implant, mm.
const SCREW_RADIUS_MM: f64 = 0.75;
/// Kept from a screw's tip to the far side, mm (practice).
const TIP_MM: f64 = 1.0;
/// A site may lie this share of the pitch beside its even place.
const UNEVEN: f64 = 0.3;
/// The transverse sinus runs from the inion to the mastoid, near the orbitomeatal plane; the endocranial centre lies some
/// 30 mm above it and the inion 80 mm behind. Arbitrary to ±8°; it is why the distance below is widened.
const TRANSVERSE_ELEVATION_DEG: f64 = -20.0;
/// What that estimate may be off by, mm.
const TRANSVERSE_OFF_MM: f64 = 10.0;

/// What a site is judged against. All meshes in the frame the implant was drawn in.
pub(super) struct Around<'a> {
    /// Bone to 25 mm about the implant.
    pub bone: &'a Bvh<Part>,
    pub lumen: Option<&'a Bvh<Part>>,
    pub sheets: &'a Sheets<'a>,
    pub volume: &'a Volume,
    pub symmetry: &'a Symmetry,
    pub patient_from_part: Pose<Patient, Part>,
}

/// The implant without its holes; their axes across the insertion axis, and their radii, mm.
struct Drawn<'a> {
    body: Bvh<Part>,
    holes: &'a [([f64; 2], f64)],
}

/// A site as found, in the frame the implant was drawn in.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// Place of the rim, and its direction away from the implant, across the insertion axis.
    pub rim_xy: [f64; 2],
    pub outward: [f64; 2],
    /// Where the screw enters bone.
    pub bone: Vector3<f64>,
    /// Out of the bone.
    pub normal: Vector3<f64>,
    implant: Option<Vector3<f64>>,
    implant_mm: f64,
    bone_mm: f64,
    edge_mm: f64,
    sinus_mm: Option<f64>,
    midline_mm: f64,
    transverse_mm: Option<f64>,
}

/// Rules in the order they are asked. A place is counted under the last one that any of its tries came to.
const RULES: [&str; 8] = [
    "no vault bone within reach",
    "implant too thin, or a hole in the way",
    "bone too thin",
    "too near to the bone's edge",
    "too near to an air sinus",
    "too near to the estimated sagittal sinus",
    "too near to the estimated transverse sinus",
    "usable",
];

/// Sites chosen, and what is told of them.
pub(super) struct Held {
    pub spots: Vec<Spot>,
    pub facts: FixationFacts,
}

/// Plans the sites of an implant with these holes: axis across the insertion axis, and radius, mm.
pub(super) fn plan(
    around: &Around,
    body: &Mesh<Part>,
    holes: &[([f64; 2], f64)],
    t: &ImplantToml,
    outer_area_mm2: f64,
) -> Held {
    let drawn = Drawn { body: Bvh::new(body), holes };
    let outline = outline_xy(body, t.mesh_mm);
    let places = rim_places(&drawn.body, &outline, ALONG_MM);
    let tried: Vec<Result<Spot, usize>> = places.par_iter().map(|p| best_at(around, &drawn, t, p)).collect();
    let large = outer_area_mm2 > 100.0 * t.fixation_large_cm2;
    let (wanted, needed) = if large {
        (t.fixation_sites_large as usize, t.fixation_sites_large_min as usize)
    } else {
        (t.fixation_sites as usize, t.fixation_sites_min as usize)
    };
    let usable: Vec<bool> = tried.iter().map(Result::is_ok).collect();
    let chosen = evenly(&usable, wanted, needed);
    let spots: Vec<Spot> = chosen.iter().filter_map(|&k| tried[k].as_ref().ok().cloned()).collect();
    let count = tried.len().max(1) as f64;
    let share = |rule: usize| tried.iter().filter(|r| r.as_ref().err() == Some(&rule)).count() as f64 / count;
    let sites = spots.iter().enumerate().map(|(k, s)| row(around, t, k + 1, s)).collect();
    let facts = FixationFacts {
        kind: if t.fixation == Fixation::Ears { "ears" } else { "plates" }.into(),
        sites_wanted: wanted,
        sites_needed: needed,
        sites,
        usable_share: usable.iter().filter(|u| **u).count() as f64 / count,
        ruled_out: (0..RULES.len() - 1)
            .map(|r| RuledOut { rule: RULES[r].into(), share: share(r) })
            .filter(|r| r.share > 0.0)
            .collect(),
        estimated: "midline_mm and transverse_sinus_mm: the venous sinuses are not seen in a plain CT; the sagittal one \
                    is taken to run in the plane of symmetry, the transverse one 20 degrees below the horizontal of the \
                    scan in the back half of the head, which may be 10 mm off. Sutures are not found."
            .into(),
    };
    Held { spots, facts }
}

fn row(around: &Around, t: &ImplantToml, site: usize, s: &Spot) -> FixationSite {
    let lps = |p: Vector3<f64>| around.patient_from_part.apply(Point::from_v(p));
    let half = |mm: f64| (2.0 * mm).floor() / 2.0;
    let over_mm = match s.implant {
        Some(_) => t.plate_mm,
        None => s.implant_mm + t.onlay_clearance_mm,
    };
    FixationSite {
        site,
        bone_lps_mm: lps(s.bone),
        axis_lps: around.patient_from_part.turn(Dir::new(s.normal.into())),
        implant_lps_mm: s.implant.map(lps),
        implant_thickness_mm: s.implant_mm,
        bone_thickness_mm: s.bone_mm,
        bone_edge_mm: s.edge_mm,
        sinus_mm: s.sinus_mm,
        midline_mm: s.midline_mm,
        transverse_sinus_mm: s.transverse_mm,
        screw_mm: half(over_mm + s.bone_mm - TIP_MM),
        implant_screw_mm: s.implant.map(|_| half(t.plate_mm + s.implant_mm - TIP_MM)),
    }
}

/// The site nearest to the rim at one place of it; else the number of the rule that no try came past.
fn best_at(around: &Around, drawn: &Drawn, t: &ImplantToml, place: &RimPlace) -> Result<Spot, usize> {
    let at = |out_mm: f64| {
        [place.xy_mm[0] + out_mm * place.outward[0], place.xy_mm[1] + out_mm * place.outward[1]]
    };
    let ears = t.fixation == Fixation::Ears;
    let (implant, implant_mm, last_mm) = if ears {
        // The screw stands at the middle of the ear's round end; an ear is as long along the vault as it is said to be.
        let flat_mm = t.ear_length_mm - 0.5 * t.ear_width_mm;
        let rim = Vector3::new(place.xy_mm[0], place.xy_mm[1], place.z_top_mm);
        let (p, _) = vault_at(around, at(flat_mm)).ok_or(0usize)?;
        (None, t.ear_mm, flat_mm * flat_mm / (p - rim).norm().max(flat_mm))
    } else {
        let (p, mm, in_mm) = implant_screw(drawn, t, at).ok_or(1usize)?;
        (Some(p), mm, t.plate_reach_mm - in_mm)
    };
    let mut furthest = 0;
    let first_mm = t.gap_mm + t.fixation_bone_edge_mm_min;
    let steps = ((last_mm - first_mm) / ACROSS_MM + 1e-9).floor().max(0.0) as usize;
    // Ears are all of one length; their screw is as far out as it can be, on the soundest bone.
    let tries: Vec<f64> =
        if ears { vec![last_mm] } else { (0..=steps).map(|k| first_mm + ACROSS_MM * k as f64).collect() };
    for out_mm in tries {
        let mut spot = Spot {
            rim_xy: place.xy_mm,
            outward: place.outward,
            bone: Vector3::zeros(),
            normal: Vector3::z(),
            implant,
            implant_mm,
            bone_mm: 0.0,
            edge_mm: 0.0,
            sinus_mm: None,
            midline_mm: 0.0,
            transverse_mm: None,
        };
        match judge(around, t, at(out_mm), &mut spot) {
            Ok(()) => return Ok(spot),
            Err(rule) => furthest = furthest.max(rule),
        }
    }
    Err(furthest)
}

/// The implant's own screw: nearest to the rim where the implant is thick enough; place, thickness, distance from the rim.
fn implant_screw(
    drawn: &Drawn,
    t: &ImplantToml,
    at: impl Fn(f64) -> [f64; 2],
) -> Option<(Vector3<f64>, f64, f64)> {
    // 4 mm deeper than asked for: a row of holes is passed by then.
    for k in 0..=8 {
        let in_mm = t.plate_implant_edge_mm_min + ACROSS_MM * f64::from(k);
        let [x, y] = at(-in_mm);
        let clear = |&([hx, hy], r): &([f64; 2], f64)| (hx - x).hypot(hy - y) >= r + SCREW_RADIUS_MM + WEB_MM;
        if !drawn.holes.iter().all(clear) {
            continue;
        }
        let Some((p, n)) = top(&drawn.body, [x, y]) else { continue };
        let into = -n;
        let thick = drawn.body.first_hit((p + 0.05 * into).into(), into.into(), 0.0, 50.0);
        let Some(hit) = thick.filter(|h| !h.entering) else { continue };
        if hit.t + 0.05 >= t.fixation_implant_mm_min - 0.03 {
            return Some((p, hit.t + 0.05, in_mm));
        }
    }
    None
}

/// Highest place of a mesh over a point, and its normal.
fn top(tree: &Bvh<Part>, [x, y]: [f64; 2]) -> Option<(Vector3<f64>, Vector3<f64>)> {
    let (_, hi) = tree.mesh().bounds_mm()?;
    let from = hi[2] + 1.0;
    let hit = tree.first_hit([x, y, from], [0.0, 0.0, -1.0], 0.0, 1e3).filter(|h| h.entering)?;
    Some((Vector3::new(x, y, from - hit.t), tree.mesh().normal(hit.triangle)))
}

/// Fills in the spot for a screw over a point; the number of the rule it breaks.
fn judge(around: &Around, t: &ImplantToml, xy: [f64; 2], spot: &mut Spot) -> Result<(), usize> {
    let (p, n) = vault_at(around, xy).ok_or(0usize)?;
    (spot.bone, spot.normal) = (p, n);
    let (e1, e2) = basis(n);
    let ring = |k: usize, of: usize, r: f64| {
        let (sin, cos) = (std::f64::consts::TAU * k as f64 / of as f64).sin_cos();
        (e1 * cos + e2 * sin) * r
    };
    let mut bone_mm = solid_mm(around, t, p, n).ok_or(2usize)?;
    for k in 0..8 {
        bone_mm = bone_mm.min(solid_mm(around, t, p + ring(k, 8, SCREW_MM), n).ok_or(2usize)?);
    }
    spot.bone_mm = bone_mm;
    if bone_mm < t.fixation_bone_mm_min {
        return Err(2);
    }
    let mut edge_mm = EDGE_TOLD_MM;
    for k in 0..24 {
        let along = ring(k, 24, 1.0);
        edge_mm = way_to_edge_mm(around, t, p, n, along, edge_mm);
        if edge_mm < t.fixation_bone_edge_mm_min {
            return Err(3);
        }
    }
    spot.edge_mm = edge_mm;
    let depths = (0..=bone_mm.ceil() as usize).map(|k| p - n * (k as f64).min(bone_mm));
    let near = |q: Vector3<f64>| {
        let l = around.lumen?.nearest(q.into(), SINUS_TOLD_MM + SCREW_RADIUS_MM)?;
        Some((l.distance_mm - SCREW_RADIUS_MM).max(0.0))
    };
    spot.sinus_mm = depths.filter_map(near).min_by(f64::total_cmp);
    if spot.sinus_mm.is_some_and(|d| d < t.hole_sinus_distance_mm) {
        return Err(4);
    }
    let q = around.patient_from_part.apply(Point::from_v(p));
    spot.midline_mm = (q.v().dot(&around.symmetry.normal_lps.v()) - around.symmetry.offset_mm).abs();
    if spot.midline_mm < t.fixation_venous_mm_min {
        return Err(5);
    }
    spot.transverse_mm = transverse_mm(around, q);
    if spot.transverse_mm.is_some_and(|d| d < t.fixation_venous_mm_min + TRANSVERSE_OFF_MM) {
        return Err(6);
    }
    Ok(())
}

/// Outer surface of the vault's bone over a point, and its normal, evened over the screw's width.
fn vault_at(around: &Around, xy: [f64; 2]) -> Option<(Vector3<f64>, Vector3<f64>)> {
    let (p, _) = top(around.bone, xy)?;
    let shell = around.sheets.at(around.patient_from_part.apply(Point::from_v(p)))?;
    if shell.outer_mm.abs() > VAULT_MM {
        return None;
    }
    let corner = |k: usize| {
        let (sin, cos) = (std::f64::consts::TAU * k as f64 / 12.0).sin_cos();
        top(around.bone, [xy[0] + 2.0 * SCREW_MM * cos, xy[1] + 2.0 * SCREW_MM * sin]).map(|c| c.0 - p)
    };
    let mut normal = Vector3::zeros();
    for k in 0..12 {
        // A fan about the place: counter-clockwise seen from above, so each sector's normal points out.
        let n = corner(k)?.cross(&corner((k + 1) % 12)?);
        if n.norm() > 10.0 * SCREW_MM * SCREW_MM {
            return None;
        }
        normal += n;
    }
    Some((p, normal.normalize()))
}

/// Bone from its surface inwards along the normal, mm; spans diploe, ends before air or a wider hollow. `None` where
/// there is no surface within a millimetre and a half of the place.
fn solid_mm(around: &Around, t: &ImplantToml, p: Vector3<f64>, n: Vector3<f64>) -> Option<f64> {
    const ABOVE_MM: f64 = 1.5;
    let (from, into) = (p + n * ABOVE_MM, -n);
    let hits = around.bone.hits(from.into(), into.into(), 0.0, ABOVE_MM + THROUGH_MM);
    let first = hits.first().filter(|h| h.entering && h.t <= 2.0 * ABOVE_MM)?.t;
    let mut end = None;
    for h in &hits[1..] {
        match (h.entering, end) {
            (false, None) => end = Some(h.t),
            (true, Some(left)) => {
                let middle = from + into * (0.5 * (left + h.t));
                let air = around.volume.hu_at(around.patient_from_part.apply(Point::from_v(middle)))
                    < t.sinus_air_hu;
                if air || h.t - left > DIPLOE_MM {
                    break;
                }
                end = None;
            }
            // A ray through an edge meets both triangles.
            _ => {}
        }
    }
    Some(end.map_or(THROUGH_MM, |e| e - first))
}

/// How far the bone goes on along a direction from a place, mm; at most `told_mm`.
fn way_to_edge_mm(
    around: &Around,
    t: &ImplantToml,
    p: Vector3<f64>,
    n: Vector3<f64>,
    along: Vector3<f64>,
    told_mm: f64,
) -> f64 {
    // The vault falls away from the tangent by 1.2 mm over 12 mm at a radius of 60 mm.
    let bone = |mm: f64| {
        let q = p + along * mm - n * (mm * mm / 140.0);
        solid_mm(around, t, q, n).is_some_and(|s| s >= ENDS_MM)
    };
    let mut so_far = 0.0;
    while so_far < told_mm {
        let next = so_far + 0.5;
        if !bone(next) {
            let (mut a, mut b) = (so_far, next);
            for _ in 0..3 {
                let m = 0.5 * (a + b);
                if bone(m) { a = m } else { b = m }
            }
            return a.min(told_mm);
        }
        so_far = next;
    }
    told_mm
}

/// Distance to the estimated course of the transverse sinus, mm; `None` in the front half.
fn transverse_mm(around: &Around, q: Point<Patient>) -> Option<f64> {
    let d = q.v() - around.sheets.patch().centre.v();
    let across = d.x.hypot(d.y);
    // +y is the back. From the inion to the mastoids: 100° to either side of the back would reach the ears' front.
    if d.y <= 0.0 || across <= 0.0 {
        return None;
    }
    let elevation = d.z.atan2(across);
    let off = (elevation - TRANSVERSE_ELEVATION_DEG.to_radians()).abs();
    Some(d.norm() * off.sin().abs().max(if off > 1.5 { 1.0 } else { 0.0 }))
}

/// Numbers of the usable places nearest to an even spread: `wanted` of them, fewer down to `needed` where that many cannot be
/// had; where not even those can, as many as there are.
pub(super) fn evenly(usable: &[bool], wanted: usize, needed: usize) -> Vec<usize> {
    let m = usable.len();
    let mut best: Vec<usize> = Vec::new();
    for n in (needed..=wanted).rev() {
        let pitch = m as f64 / n as f64;
        let mut least = (0usize, f64::INFINITY, Vec::new());
        for offset in 0..pitch.ceil() as usize {
            let mut cost = 0.0;
            let chosen: Vec<usize> = (0..n)
                .filter_map(|k| {
                    let even = offset as f64 + k as f64 * pitch;
                    let reach = (UNEVEN * pitch).floor() as i64;
                    let nearest = (-reach..=reach)
                        .map(|d| (d.abs(), (even.round() as i64 + d).rem_euclid(m as i64) as usize))
                        .filter(|&(_, at)| usable[at])
                        .min()?;
                    cost += (nearest.0 * nearest.0) as f64;
                    Some(nearest.1)
                })
                .collect();
            if chosen.len() > least.0 || (chosen.len() == least.0 && cost < least.1) {
                least = (chosen.len(), cost, chosen);
            }
        }
        if least.2.len() > best.len() {
            best = least.2;
        }
        if best.len() >= n {
            break;
        }
    }
    best
}

/// What the sites ask for.
pub(super) fn findings(facts: &FixationFacts, t: &ImplantToml) -> Vec<Finding> {
    let found = facts.sites.len();
    let what = if facts.kind == "ears" { "ear" } else { "plate" };
    let mut out = Vec::new();
    if t.fixation == Fixation::Ears && t.kind == Kind::Inlay {
        let message = format!(
            "this titanium inlay has no ears, so nothing holds it: not to be implanted as is; {found} places for \
             ears were found (type = \"onlay\" draws them)"
        );
        out.push(Finding::new("ears-later", Severity::Review, message));
    }
    let (bone_mm, edge_mm) = (t.fixation_bone_mm_min, t.fixation_bone_edge_mm_min);
    if found < facts.sites_needed {
        let mut short = facts.ruled_out.clone();
        short.sort_by(|a, b| b.share.total_cmp(&a.share));
        let short: Vec<String> =
            short.iter().take(3).map(|r| format!("{} at {:.0} %", r.rule, 100.0 * r.share)).collect();
        let short = if short.is_empty() { "no rim was found".into() } else { short.join(", ") };
        let message = format!(
            "{found} {what} sites were found about the rim, at least {} are needed on bone {bone_mm:.1} mm thick \
             and {edge_mm:.1} mm from its edge; of the rim: {short}: plan the fixation by hand",
            facts.sites_needed
        );
        out.push(Finding::new("fixation-sites", Severity::Review, message).measured(
            found as f64,
            facts.sites_needed as f64,
            "1",
        ));
    } else if out.is_empty() {
        let id = if what == "ear" { "fixation-ears" } else { "fixation-plates" };
        let message = format!(
            "{found} {what} sites planned, each on bone at least {bone_mm:.1} mm thick and {edge_mm:.1} mm from its \
             edge; distances to venous sinuses are estimates, sutures were not looked for, plates and screws are \
             not part of this design"
        );
        out.push(Finding::new(id, Severity::Note, message));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_even_where_they_can_be_and_as_many_as_there_are_where_not() {
        assert_eq!(evenly(&[true; 40], 4, 3), [0, 10, 20, 30]);
        // A quarter of the rim is closed: four sites still find room beside their even places.
        let mut open = [true; 40];
        open[0..8].fill(false);
        let four = evenly(&open, 4, 3);
        assert_eq!(four.len(), 4);
        assert!(four.iter().all(|&k| open[k]), "{four:?}");
        // Half of it: three even sites would be 13 apart, of which two fit.
        let mut half = [false; 40];
        half[..20].fill(true);
        assert!(evenly(&half, 4, 3).len() < 4);
        assert!(evenly(&[false; 40], 4, 3).is_empty());
    }
}
