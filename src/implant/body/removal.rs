//! The finished mesh moved out along the insertion axis, against the bone.
//!
//! Trusts neither the fields nor the sweep that made it insertable: every corner of the implant looks up the axis for bone,
//! and every corner of the bone above the implant looks down for the implant. What is met is moved through, and the
//! deepest place of either in the other is the interference.
//!
//! Limits: two edges that cross between corners are missed by less than a facet's sagitta, 4 µm on the implant.

use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Finding, Mesh, Part, RemovalFacts, Severity};

/// Deeper than this is bone in the way, mm. The gap is kept to 0.03 mm by the design and swept, so what is deeper than
/// twice its slack is no chord of a net but a fault.
const DEEP_MM: f64 = 0.05;
/// Depths are looked at so far apart on the way out, mm.
const STEP_MM: f64 = 0.1;

/// Moves `mesh` out along +z; `lps` takes its frame to the patient.
pub(super) fn removal(
    mesh: &Mesh<Part>,
    own: &Bvh<Part>,
    bone: &Bvh<Part>,
    lps: impl Fn([f64; 3]) -> [f64; 3],
) -> RemovalFacts {
    let Some((lo, hi)) = mesh.bounds_mm() else { return RemovalFacts::default() };
    let beside = |p: &&[f64; 3]| (0..2).all(|a| (lo[a]..=hi[a]).contains(&p[a]));
    let corners: Vec<[f64; 3]> = bone.mesh().vertices.iter().filter(beside).copied().collect();
    let top = bone.mesh().bounds_mm().map_or(lo[2], |b| b.1[2]);
    let travel_mm = (top - lo[2]).max(0.0);
    let (up, down) = ([0.0, 0.0, 1.0], [0.0, 0.0, -1.0]);
    let out = deepest(&mesh.vertices, up, travel_mm, bone, |p, lift| [p[0], p[1], p[2] + lift]);
    let back = deepest(&corners, down, travel_mm, own, |p, lift| [p[0], p[1], p[2] - lift]);
    let worst = if out.0 >= back.0 { out } else { back };
    RemovalFacts {
        travel_mm,
        interference_mm_max: worst.0,
        place_lps_mm: (worst.0 > 0.0).then(|| lps(worst.1)),
    }
}

/// Deepest that any of the places comes to lie in the other body on its way, and which.
fn deepest(
    places: &[[f64; 3]],
    direction: [f64; 3],
    travel_mm: f64,
    other: &Bvh<Part>,
    moved: impl Fn([f64; 3], f64) -> [f64; 3] + Sync,
) -> (f64, [f64; 3]) {
    // 20 mm: no bone beside an implant is thicker.
    const REACH_MM: f64 = 20.0;
    let depths: Vec<f64> = places
        .par_iter()
        .map(|&p| {
            let hits = other.hits(p, direction, 0.0, travel_mm);
            let (Some(first), Some(last)) = (hits.first(), hits.last()) else { return 0.0 };
            let steps = ((last.t - first.t) / STEP_MM).ceil() as usize;
            (0..=steps)
                .map(|k| first.t + STEP_MM * k as f64)
                .filter_map(|lift| other.signed_distance_mm(moved(p, lift), REACH_MM))
                .fold(0.0f64, |deep, d| deep.max(-d))
        })
        .collect();
    let mut worst = (0.0, [0.0; 3]);
    for (d, &p) in depths.into_iter().zip(places) {
        if d > worst.0 {
            worst = (d, p);
        }
    }
    worst
}

/// What the way out asks for.
pub(super) fn finding(facts: &RemovalFacts) -> Option<Finding> {
    let deep = facts.interference_mm_max;
    // Written so that a depth that is no number does not pass.
    (!(deep <= DEEP_MM)).then(|| {
        let f = Finding::new(
            "removal",
            Severity::Stop,
            format!(
                "moved out along its axis the implant meets bone {deep:.2} mm deep; {DEEP_MM} mm are what two nets may \
                 differ by: it can be neither put in nor taken out, report this case"
            ),
        )
        .measured(deep, DEEP_MM, "mm");
        match facts.place_lps_mm {
            Some(p) => f.at(p),
            None => f,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box as a closed mesh.
    fn block(lo: [f64; 3], hi: [f64; 3]) -> Mesh<Part> {
        let v =
            (0..8).map(|c| std::array::from_fn(|a| if c >> a & 1 == 1 { hi[a] } else { lo[a] })).collect();
        let quads = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]];
        let triangles = quads.iter().flat_map(|q| [[q[0], q[1], q[2]], [q[0], q[2], q[3]]]).collect();
        let m = Mesh::new(v, triangles);
        assert!(m.is_closed_two_manifold() && m.volume_mm3() > 0.0);
        m
    }

    #[test]
    fn a_ledge_over_the_part_is_met_as_deep_as_it_reaches_over() {
        let part = block([-5.0, -5.0, 0.0], [5.0, 5.0, 2.0]);
        let own = Bvh::new(&part);
        // Beside the part, nothing; over its right edge by 0.4 mm, a ledge 1 mm above.
        for (from_x, deep) in [(5.3, 0.0), (4.6, 0.4)] {
            let bone = Bvh::new(&block([from_x, -9.0, 3.0], [9.0, 9.0, 7.0]));
            let facts = removal(&part, &own, &bone, |p| p);
            assert!((facts.interference_mm_max - deep).abs() < 1e-9, "{facts:?}");
            assert_eq!(finding(&facts).is_some(), deep > 0.0);
        }
        // A spike of bone that no corner of the part passes is met by its own corners, half its width deep.
        let spike = Bvh::new(&block([-0.3, -0.3, 3.0], [0.3, 0.3, 9.0]));
        let facts = removal(&part, &own, &spike, |p| p);
        assert!(facts.interference_mm_max > 0.9, "{facts:?}");
        assert!(finding(&RemovalFacts { interference_mm_max: f64::NAN, ..facts }).is_some());
    }
}
