//! The rim: places of the part that look at bone, their gap, and why it is what it is.
//!
//! D is the signed distance to bone, g the nominal gap, p a place on the wall, q a place further out on the same
//! line along the insertion axis. An implant that goes in along the axis, keeps the gap on its way, and narrows
//! inwards by the draft δ can reach p only where `S(p) = max over q of (g − D(q) + |pq|·sin δ) ≤ 0`. A wall stands
//! where it must when S(p) = 0. So a gap that is too wide is *swept* where S(p) reaches 0 without the draft's term,
//! *draft* where it does so only with it, *edge* within an edge break or where the ball of the rim's tool is held
//! off by bone beside it, or the plate would end too thin; *open* where there is no bone to follow (the air of a sinus
//! holds the wall off, or the completed skull knows of no vault beside it); and otherwise it is an error of the *free*
//! rim. A gap that is too narrow has no excuse.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Cell, ImplantFacts, Part, Patch, Point};

use super::fit::Measured;
use super::params::InspectToml;

/// Why the gap is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The wall follows the bone.
    Free,
    /// Overhanging bone cannot be followed.
    Swept,
    /// Draft opens the gap.
    Draft,
    /// An edge break or the tool's radius opens it.
    Edge,
    /// No bone to follow: the wall keeps its distance from the air of a sinus, or the vault ends here.
    Open,
}

/// A place of the rim.
#[derive(Clone, Copy, Debug)]
pub struct RimSample {
    /// Part mm.
    pub p: Vector3<f64>,
    /// Outward normal of the design.
    pub normal: Vector3<f64>,
    /// Signed distance to bone, mm.
    pub gap_mm: f64,
    /// Area it stands for, mm².
    pub area_mm2: f64,
    /// Why.
    pub class: Class,
}

/// A wall is no more than about 49° off upright. Chosen so that bevelled rims are walls and the faces of a dome
/// are not; a steep face that passes looks along the bone, not at it, and is left out by that.
pub const WALL_NORMAL_Z_MAX: f64 = 0.75;

/// A place of one of the plate's two faces has the other one behind it: turned from it by less than this cosine …
const FACE_COS_MAX: f64 = -0.9;
/// … and no farther than this many nominal thicknesses.
const FACE_THICKNESSES: f64 = 1.25;

/// Over a sinus the plate lies aslant to the axis, and a line along the axis is this much longer than it is thick.
const ASLANT: f64 = 1.3;

/// A wall that keeps its distance from air does so to within this, mm: a quarter of a fine voxel.
const AIR_TOLERANCE_MM: f64 = 0.15;

/// Over a sinus, beside the brow, the outer face may stand this steep (60°); its end there is an open rim, which is
/// looked at by a person whenever it is more than a little.
const OVER_AIR_Z_MIN: f64 = 0.5;

/// Where a plate ends thin over a sinus, its foot stays this much farther off: a voxel and the slope between two.
const AIR_VOXEL_MM: f64 = 0.5;

/// A place looks at bone when the nearest bone lies within 60° of its normal, or when its normal meets bone.
const LOOKS_COS_MIN: f64 = 0.5;

/// How far out along the axis bone is looked for, mm: more than any skull's thickness. What stands farther out
/// still counts as undercut.
const OUTWARD_MM: f64 = 20.0;

/// Rim samples with their classes, in the order of `measured`.
pub fn classify(
    measured: &[Measured],
    part: &Bvh<Part>,
    bone: &Bvh<Part>,
    open: &OpenRim,
    facts: &ImplantFacts,
    t: &InspectToml,
) -> Vec<RimSample> {
    measured
        .par_iter()
        .with_min_len(512)
        .filter_map(|m| {
            let gap_mm = m.bone_mm?;
            if m.normal.z.abs() > WALL_NORMAL_Z_MAX {
                return None;
            }
            let towards = m.bone_p - m.p;
            // In bone or touching it, there is no direction to look in, and no doubt either.
            let looks = gap_mm <= 1e-6
                || towards.dot(&m.normal) >= LOOKS_COS_MIN * towards.norm()
                || bone.first_hit(m.p.into(), m.normal.into(), 0.0, t.bone_reach_mm).is_some();
            if !looks || is_face(m, part, facts) {
                return None;
            }
            let class = class_of(m, gap_mm, part, bone, open, facts, t);
            Some(RimSample { p: m.p, normal: m.normal, gap_mm, area_mm2: m.area_mm2, class })
        })
        .collect()
}

/// True on the plate's faces, which are no rim however steep they stand and whatever they look at.
fn is_face(m: &Measured, part: &Bvh<Part>, facts: &ImplantFacts) -> bool {
    // No implant is thicker (K231834); a design that claims more could call opposite rims its faces. NaN finds none.
    const THICKNESS_MM_MAX: f64 = 6.0;
    if !(facts.thickness_mm_nominal > 0.0 && facts.thickness_mm_nominal <= THICKNESS_MM_MAX) {
        return false;
    }
    let reach_mm = FACE_THICKNESSES * facts.thickness_mm_nominal;
    // From a little inside, so that the place's own facet is not met.
    let from = m.p - m.normal * 0.1;
    let opposite = |towards: Vector3<f64>, reach_mm: f64| {
        part.first_hit(from.into(), towards.into(), 0.0, reach_mm)
            .is_some_and(|hit| part.mesh().normal(hit.triangle).dot(&m.normal) < FACE_COS_MAX)
    };
    // Near the rim a line square to a steep face leaves by the wall; one along the axis still meets the other face.
    let across = m.normal.z.abs();
    opposite(-m.normal, reach_mm)
        || (across > 0.5 && opposite(Vector3::z() * -m.normal.z.signum(), reach_mm / across))
}

#[allow(clippy::too_many_arguments)] // one noun per source
fn class_of(
    m: &Measured,
    gap_mm: f64,
    part: &Bvh<Part>,
    bone: &Bvh<Part>,
    open: &OpenRim,
    facts: &ImplantFacts,
    t: &InspectToml,
) -> Class {
    let tol = t.rim_class_tolerance_mm;
    let nominal = facts.gap_mm_nominal;
    // Written so that NaN stays on the free rim, where it counts.
    if !(nominal + tol..).contains(&gap_mm) {
        return Class::Free;
    }
    // 15°: the largest draft in practice; a design that claims more gets no excuse from it.
    let draft = if facts.draft_deg <= 15.0 { facts.draft_deg.to_radians().sin() } else { 0.0 };
    let held_off = |p: &Vector3<f64>| {
        if held_off_above(p, bone, nominal, 0.0, tol, t.bone_reach_mm) {
            Some(Class::Swept)
        } else if draft > 0.0 && held_off_above(p, bone, nominal, draft, tol, t.bone_reach_mm) {
            Some(Class::Draft)
        } else {
            None
        }
    };
    if let Some(class) = held_off(&m.p) {
        return class;
    }
    // An edge is excused by the rounding alone: without it the wall must be free, swept or drafted.
    if let Some(unrounded) = without_edge_break(m, part, facts) {
        let d = bone.signed_distance_mm(unrounded.into(), t.bone_reach_mm);
        // The wall was brought back to 0.05 mm: `without_edge_break`.
        if d.is_some_and(|d| d <= nominal + tol)
            || held_off(&unrounded).is_some()
            || stands_under_print(&unrounded, part, bone, facts, draft, tol + 0.05)
        {
            return Class::Edge;
        }
    }
    let to_bone = |p: [f64; 3]| {
        let reach_mm = nominal + tol;
        bone.signed_distance_mm(p, reach_mm).is_some_and(|d| d <= reach_mm)
    };
    // 1.5 mm: no edge of an implant ends thicker; a design that claims more gets no excuse from it. NaN gets none.
    let edge_mm = facts.edge_thickness_mm_min;
    if (edge_mm <= 1.5 && ends_thin(m, part, facts, edge_mm, WALL_NORMAL_Z_MAX, &to_bone))
        || held_off_by_tool(&m.p, &m.normal, part, bone, facts, tol)
        || stands_under_print(&m.p, part, bone, facts, draft, tol)
    {
        Class::Edge
    } else if open.air.as_ref().is_some_and(|air| kept_off_air(m, part, air, facts, draft, &to_bone, t))
        || open.patch.is_some_and(|patch| beside_the_vaults_end(m, patch, facts))
    {
        Class::Open
    } else {
        Class::Free
    }
}

/// What may stand in for bone at an open rim.
pub struct OpenRim<'a> {
    /// Air of the scan near the part.
    pub air: Option<Bvh<Part>>,
    /// The completed skull.
    pub patch: Option<&'a Patch>,
}

/// True where the completed skull knows of no vault beside the wall: an opening into sinus or orbit, or the scan's end.
fn beside_the_vaults_end(m: &Measured, patch: &Patch, facts: &ImplantFacts) -> bool {
    let side = Vector3::new(m.normal.x, m.normal.y, 0.0);
    if side.norm() < 1e-6 {
        return false;
    }
    let patient_from_part = facts.part_from_patient.inverse();
    // As far as a gap is looked for; what is open is looked at by a person whenever it is more than a little.
    [0.5, 1.0, 1.5, 2.0, 2.5, 3.0].iter().any(|&out_mm| {
        let p = m.p + side.normalize() * out_mm;
        let Some((cell, _)) = patch.cell_and_radius(patient_from_part.apply(Point::new(p.into()))) else {
            return true;
        };
        let [a, b] = cell.map(f64::round);
        let n = patch.n as f64;
        !(a >= 0.0 && b >= 0.0 && a < n && b < n)
            || patch.cells[b as usize * patch.n + a as usize] == Cell::Unknown
    })
}

/// True where the air of a sinus holds the wall off: here or further out on the same line, or because a plate that went
/// on would be too thin between its outer face and what must be kept from bone and air.
fn kept_off_air(
    m: &Measured,
    part: &Bvh<Part>,
    air: &Bvh<Part>,
    facts: &ImplantFacts,
    sin_draft: f64,
    to_bone: &dyn Fn([f64; 3]) -> bool,
    t: &InspectToml,
) -> bool {
    let kept_mm = t.sinus_clearance_mm + AIR_TOLERANCE_MM;
    let near = |p: Vector3<f64>, within_mm: f64| air.nearest(p.into(), within_mm).is_some();
    let above = (0..=(OUTWARD_MM / 0.5) as usize).any(|k| {
        let up = 0.5 * k as f64;
        near(m.p + Vector3::z() * up, kept_mm + up * sin_draft)
    });
    // Thin over bone alone is no end: a thin plate is thin everywhere.
    let thin_mm = ASLANT * t.thickness_mm_min;
    above
        || near(m.p, thin_mm + t.sinus_clearance_mm + AIR_VOXEL_MM)
            && ends_thin(m, part, facts, thin_mm, OVER_AIR_Z_MIN, &|p| {
                to_bone(p) || air.nearest(p, t.sinus_clearance_mm + AIR_VOXEL_MM).is_some()
            })
}

/// True at the outer edge where a plate that went on to the bone would be thinner than an edge may be: over bone whose
/// own edge is rounded or has sunk, the plate ends upright where it is that thin.
///
/// Asked of the lines 0.05 and 0.15 mm further out: between the plane of the outer face and what is `forbidden` there is
/// less than `thin_mm`. What stands steeper than `face_z_min` is no outer face.
fn ends_thin(
    m: &Measured,
    part: &Bvh<Part>,
    facts: &ImplantFacts,
    thin_mm: f64,
    face_z_min: f64,
    forbidden: &dyn Fn([f64; 3]) -> bool,
) -> bool {
    // 1.5 mm: no edge is rounder; a larger claim would look for the outer face far inside. NaN gets no excuse.
    if !(thin_mm > 0.0 && facts.edge_outer_mm <= 1.5) {
        return false;
    }
    let side = Vector3::new(m.normal.x, m.normal.y, 0.0);
    if side.norm() < 1e-6 {
        return false;
    }
    let side = side.normalize();
    let inwards = m.p - side * (2.5 * facts.edge_outer_mm + 0.3);
    let hits = part.hits(inwards.into(), [0.0, 0.0, 1.0], -1.0, 50.0);
    let Some(hit) = hits.iter().find(|h| !h.entering) else { return false };
    let n = part.mesh().normal(hit.triangle);
    if n.z < face_z_min {
        return false;
    }
    let on_face = inwards + Vector3::z() * hit.t;
    let top_mm = |q: &Vector3<f64>| on_face.z + (n.x * (on_face.x - q.x) + n.y * (on_face.y - q.y)) / n.z;
    if top_mm(&m.p) - m.p.z > thin_mm {
        return false;
    }
    [0.05, 0.15].iter().all(|&out_mm| {
        let q = m.p + side * out_mm;
        let top = top_mm(&q);
        // Twenty to a millimetre: a tenth of the usual gap.
        let steps = (thin_mm / 0.05).ceil() as usize;
        (0..=steps).any(|k| forbidden([q.x, q.y, top - thin_mm * k as f64 / steps as f64]))
    })
}

/// True where the wall further out on the same line, narrowed by the draft, is a print of the tool: what goes in
/// along the axis cannot be wider below it.
fn stands_under_print(
    p: &Vector3<f64>,
    part: &Bvh<Part>,
    bone: &Bvh<Part>,
    facts: &ImplantFacts,
    sin_draft: f64,
    tol_mm: f64,
) -> bool {
    // Steps of half the smallest tool's radius or so; twelve of them pass any plate.
    const STEP_MM: f64 = 0.75;
    (1..=12).any(|k| {
        let up = STEP_MM * f64::from(k);
        let above = p + Vector3::z() * up;
        let Some(near) = part.nearest(above.into(), up * sin_draft + tol_mm) else { return false };
        let normal = part.mesh().normal(near.triangle);
        normal.z.abs() <= WALL_NORMAL_Z_MAX
            && held_off_by_tool(&near.point_mm.into(), &normal, part, bone, facts, tol_mm)
    })
}

/// True where bone further out along the axis brings S(p) to 0 within the tolerance.
fn held_off_above(
    p: &Vector3<f64>,
    bone: &Bvh<Part>,
    gap_mm: f64,
    sin_draft: f64,
    tol_mm: f64,
    reach_mm: f64,
) -> bool {
    // Smaller than any bone detail of a CT; the distance is 1-Lipschitz, so longer steps are safe where it is far.
    const STEP_MM: f64 = 0.1;
    let mut up = STEP_MM;
    while up <= OUTWARD_MM {
        let d = bone.signed_distance_mm((p + Vector3::z() * up).into(), reach_mm).unwrap_or(reach_mm);
        let short = d - gap_mm - up * sin_draft - tol_mm;
        if short <= 0.0 {
            return true;
        }
        up += STEP_MM.max(short / (1.0 + sin_draft));
    }
    false
}

/// Where the wall would stand without the rounding of the outer or inner edge; `None` where nothing is rounded.
///
/// A round of radius r between two faces whose normals differ by φ reaches `r·tan(φ/2)` from the sharp edge that
/// was there. The face is taken a little inwards, beyond the round, and its plane brought back over the wall; the
/// wall's own normal is taken beyond the round too. Where the surface has turned by ψ it has left the wall by
/// `r·(1 − cos ψ)`.
fn without_edge_break(m: &Measured, part: &Bvh<Part>, facts: &ImplantFacts) -> Option<Vector3<f64>> {
    let side = Vector3::new(m.normal.x, m.normal.y, 0.0);
    if side.norm() < 1e-6 {
        return None;
    }
    let side = side.normalize();
    let rounded = |radius_mm: f64, outer: bool| {
        // 1.5 mm: no edge of an implant is rounder; a larger claim would excuse the wall itself. NaN excuses none.
        if !(radius_mm > 0.0 && radius_mm <= 1.5) {
            return None;
        }
        // 2.5: the reach of a round on a 45° edge, the sharpest that an inner edge comes to.
        let inwards = m.p - side * (2.5 * radius_mm + 0.3);
        let hits = part.hits(inwards.into(), [0.0, 0.0, 1.0], -50.0, 50.0);
        let hit = if outer {
            hits.iter().find(|h| !h.entering && h.t > -2.5 * radius_mm)
        } else {
            hits.iter().rev().find(|h| h.entering && h.t < 2.5 * radius_mm)
        }?;
        let n = part.mesh().normal(hit.triangle);
        if n.z.abs() < 0.1 {
            return None;
        }
        let on_face = inwards + Vector3::z() * hit.t;
        let height_mm = (n.dot(&(on_face - m.p)) / n.z).abs();
        let reach_mm = radius_mm * (n.dot(&side).clamp(-1.0, 1.0).acos() / 2.0).tan();
        // 0.1 mm: the mesh rounds its own edges by about a third of a triangle.
        if height_mm > reach_mm + 0.1 {
            return None;
        }
        let away = Vector3::z() * if outer { -(reach_mm + 0.3) } else { reach_mm + 0.3 };
        let wall = part.mesh().normal(part.nearest((m.p + away).into(), 2.0)?.triangle);
        let turned = wall.dot(&m.normal).clamp(-1.0, 1.0);
        // 0.05 mm: facets of a third of a millimetre cut a round of a quarter by as much.
        (turned < 0.99).then(|| m.p + wall * (radius_mm * (1.0 - turned) + 0.05))
    };
    rounded(facts.edge_outer_mm, true).or_else(|| rounded(facts.edge_inner_mm, false))
}

/// True where the wall is the print of the rim tool's ball and that ball is held off by bone beside the place:
/// the ball that touches the wall here lies against the wall again where the gap is nominal.
fn held_off_by_tool(
    p: &Vector3<f64>,
    normal: &Vector3<f64>,
    part: &Bvh<Part>,
    bone: &Bvh<Part>,
    facts: &ImplantFacts,
    tol_mm: f64,
) -> bool {
    // No ball reaches farther than across itself; NaN reaches nothing.
    let reach_mm = facts.gap_mm_nominal + tol_mm + 3.0 * facts.concave_radius_mm_min;
    let Some(gap_mm) = bone.signed_distance_mm((*p).into(), reach_mm) else { return false };
    // The smallest of the part's corners is claimed; most are rounder.
    [1.0, 1.1, 1.2, 1.3, 1.4, 1.5].iter().any(|times| {
        ball_is_held_off(p, gap_mm, normal, part, bone, facts, tol_mm, times * facts.concave_radius_mm_min)
    })
}

#[allow(clippy::too_many_arguments)] // one noun per source
fn ball_is_held_off(
    p: &Vector3<f64>,
    gap_mm: f64,
    normal: &Vector3<f64>,
    part: &Bvh<Part>,
    bone: &Bvh<Part>,
    facts: &ImplantFacts,
    tol_mm: f64,
    r: f64,
) -> bool {
    // No rim tool of this trade is larger or smaller; a design that claims otherwise gets no excuse from it.
    if !(0.3..=4.0).contains(&r) {
        return false;
    }
    let centre = p + normal * r;
    let aside = if normal.z.abs() < 0.9 { Vector3::z() } else { Vector3::x() };
    let u = normal.cross(&aside).normalize();
    let v = normal.cross(&u);
    // Every 6° off the contact, eight ways round: a flank that is a print of the ball touches bone's gap somewhere, and
    // under a lip the two contacts lie 90° apart.
    (2..=16).any(|ring| {
        let (sin, cos) = (f64::from(ring) * 6f64.to_radians()).sin_cos();
        // The distance to bone falls by no more than the way from p, which is a chord of the ball.
        if r * (2.0 * (1.0 - cos)).sqrt() < gap_mm - facts.gap_mm_nominal - tol_mm {
            return false;
        }
        (0..8).any(|k| {
            let (s, c) = (f64::from(k) * 45f64.to_radians()).sin_cos();
            let x = centre + (-normal * cos + (u * c + v * s) * sin) * r;
            let on_wall = part.nearest(x.into(), tol_mm).is_some();
            on_wall
                && bone
                    .signed_distance_mm(x.into(), facts.gap_mm_nominal + tol_mm)
                    .is_some_and(|d| d <= facts.gap_mm_nominal + tol_mm)
        })
    })
}
