//! A body that a person drew, in the place of the one designed.
//!
//! It comes without holes: they are drilled anew by the pipeline's rules, so that each is a circle with a known axis.
//! Everything that is measured of a designed body is measured of this one.

use nalgebra::Vector3;

use crate::geometry::Bvh;
use crate::model::{EditedFacts, Finding, Mesh, Part, Patient, Point, Pose, Severity};

use super::ImplantError;

/// Farther from the designed body it is another part, or lies in another frame, mm.
const AWAY_MM_MAX: f64 = 6.0;

/// The edited body in the implant's frame, and how it differs from the designed one.
///
/// # Errors
/// [`ImplantError::Edited`] where it is not one closed body without holes, or lies elsewhere.
pub(super) fn taken(
    edited: &Mesh<Patient>,
    designed: &Mesh<Part>,
    patient_from_part: &Pose<Patient, Part>,
) -> Result<(Mesh<Part>, EditedFacts), ImplantError> {
    let refuse = |why: String| Err(ImplantError::Edited { why });
    if !edited.is_closed_two_manifold() {
        let census = edited.edge_census();
        return refuse(format!(
            "has {} open edges, {} with more than two facets and {} where facets turn over, and must be closed: repair it",
            census.open, census.branching, census.twisted
        ));
    }
    let (pieces, euler) = (edited.pieces().len(), edited.euler_number());
    if pieces != 1 {
        return refuse(format!("has {pieces} pieces, and must be one: join them or take the others out"));
    }
    if euler != 2 {
        return refuse(format!(
            "has {} holes or handles, and must have none: edit part-1/body.stl, holes are drilled anew",
            (2 - euler) / 2
        ));
    }
    let mut mesh = edited.moved(&patient_from_part.inverse());
    if mesh.volume_mm3() < 0.0 {
        mesh = Mesh::new(mesh.vertices, mesh.triangles.iter().map(|&[a, b, c]| [a, c, b]).collect());
    }
    let (theirs, ours) = (Bvh::new(&mesh), Bvh::new(designed));
    let mut changes: Vec<(f64, [f64; 3])> = Vec::new();
    for (from, to) in [(&mesh, &ours), (designed, &theirs)] {
        for &v in &from.vertices {
            let Some(near) = to.nearest(v, AWAY_MM_MAX) else {
                let at = patient_from_part.apply(Point::new(v)).mm;
                return refuse(format!(
                    "lies more than {AWAY_MM_MAX} mm from the designed one at LPS {:.1}, {:.1}, {:.1}: it must be an edit of \
                     this case's part-1/body.stl, in patient LPS mm",
                    at[0], at[1], at[2]
                ));
            };
            changes.push((near.distance_mm, v));
        }
    }
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (most, place) = changes[changes.len() - 1];
    let facts = EditedFacts {
        change_mm_p95: changes[(changes.len() - 1) * 95 / 100].0,
        change_mm_max: most,
        place_lps_mm: patient_from_part.apply(Point::from_v(Vector3::from(place))),
        change_mm3: mesh.volume_mm3() - designed.volume_mm3(),
    };
    Ok((mesh, facts))
}

/// A person drew it, so a person approves it.
pub(super) fn finding(facts: &EditedFacts) -> Finding {
    Finding::new(
        "edited",
        Severity::Review,
        format!(
            "the body is a person's edit: {:.2} mm (P95) and at most {:.2} mm from the designed one, {:+.0} mm³; look at it \
             and approve it",
            facts.change_mm_p95, facts.change_mm_max, facts.change_mm3
        ),
    )
    .measured(facts.change_mm_max, 0.0, "mm")
    .at(facts.place_lps_mm.mm)
}
