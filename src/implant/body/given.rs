//! A part that somebody else designed, as an implant without a bone.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::geometry::visibility::{View, best_axes};
use crate::model::{
    Dir, FixationFacts, Implant, ImplantFacts, Material, Mesh, Part, Patient, RemovalFacts, ScalpFacts,
    SeatingFacts,
};

use super::{corner, part_frame};

/// Axes tried.
const AXES: usize = 2000;
/// Concave radii are measured up to this, mm; beyond it no tool of ours cares.
const CONCAVE_MM: f64 = 3.0;
/// Reach into the part that still counts as a fit, mm: the finishing tolerance.
const CONCAVE_SLACK_MM: f64 = 0.025;
/// Largest side of a part, mm: beyond it the numbers are not millimetres, or no blank holds it.
const SIDE_MM_MAX: f64 = 400.0;
/// And the smallest.
const SIDE_MM_MIN: f64 = 2.0;

/// Why a mesh is no part.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// Not one closed body.
    #[error(
        "the design has {found}, and must be one closed body in mm: repair it in the program it came from"
    )]
    Body {
        /// What is wrong.
        found: String,
    },
    /// Its size cannot be.
    #[error(
        "the design measures {found_mm:.2} mm along its longest side, {SIDE_MM_MIN} to {SIDE_MM_MAX} mm can be milled: is it \
         in millimetres?"
    )]
    Size {
        /// Longest side, mm.
        found_mm: f64,
    },
}

/// The part of a closed mesh: its +z the axis along which most of it is seen from its two sides.
///
/// # Errors
/// [`GivenError`].
pub fn given_part(
    design: &Mesh<Patient>,
    material_key: &str,
    material: &Material,
) -> Result<(Implant, View), GivenError> {
    let body = |found: String| GivenError::Body { found };
    let (lo, hi) = design.bounds_mm().ok_or_else(|| body("no triangle".into()))?;
    if !lo.iter().chain(&hi).all(|x| x.is_finite()) {
        return Err(body("corners that are no numbers".into()));
    }
    if !design.is_closed_two_manifold() {
        let c = design.edge_census();
        return Err(body(format!(
            "{} open edges, {} with more than two facets and {} where facets turn over",
            c.open, c.branching, c.twisted
        )));
    }
    let pieces = design.pieces().len();
    if pieces != 1 {
        return Err(body(format!("{pieces} pieces")));
    }
    let longest_mm = (0..3).map(|a| hi[a] - lo[a]).fold(0.0, f64::max);
    if !(SIDE_MM_MIN..=SIDE_MM_MAX).contains(&longest_mm) {
        return Err(GivenError::Size { found_mm: longest_mm });
    }
    let turned = design.volume_mm3() < 0.0;
    let design = if turned {
        Mesh::new(design.vertices.clone(), design.triangles.iter().map(|&[a, b, c]| [a, c, b]).collect())
    } else {
        design.clone()
    };
    let view = best_axes(&Bvh::new(&design), AXES)[0];
    let part_from_patient = part_frame(Vector3::from(view.axis), Vector3::from(design.centroid_mm()));
    let mesh: Mesh<Part> = design.moved(&part_from_patient);
    let tree = Bvh::new(&mesh);
    let volume_mm3 = mesh.volume_mm3();
    let wall_mm = thinnest_wall_mm(&tree);
    let facts = ImplantFacts {
        schema: "osteomill.implant/1".into(),
        defect: 0,
        kind: "given".into(),
        side: "none".into(),
        insertion_axis_lps: Dir::new(view.axis),
        gap_mm_nominal: 0.0,
        thickness: "given".into(),
        thickness_mm_nominal: wall_mm,
        thickness_mm_min: wall_mm,
        draft_deg: 0.0,
        edge_outer_mm: 0.0,
        edge_inner_mm: 0.0,
        edge_thickness_mm_min: 0.0,
        concave_radius_mm_min: least_concave_mm(&tree),
        volume_mm3,
        mass_g: volume_mm3 / 1000.0 * material.density_g_per_cm3,
        material: material_key.into(),
        holes: Vec::new(),
        watertight: true,
        part_from_patient,
        outer_area_mm2: 0.5 * mesh.area_mm2(),
        sinus_distance_mm: None,
        fixation: FixationFacts::default(),
        removal: RemovalFacts::default(),
        seating: SeatingFacts::default(),
        scalp: ScalpFacts::default(),
        marking: None,
        edited: None,
        findings: Vec::new(),
    };
    let implant = Implant {
        number: 1,
        defect: 0,
        body: mesh.clone(),
        mesh,
        part_from_patient,
        holes: Vec::new(),
        facts,
    };
    Ok((implant, view))
}

/// Least way through the part, square to a facet, to one that looks back at it within 30°; beside edges walls end
/// and are not thin.
fn thinnest_wall_mm(tree: &Bvh<Part>) -> f64 {
    let mesh = tree.mesh();
    (0..mesh.triangles.len())
        .into_par_iter()
        .filter(|&t| mesh.triangle_area_mm2(t) > 0.0)
        .filter_map(|t| {
            let [a, b, c] = mesh.corners(t);
            let n = mesh.normal(t);
            let hit = tree.first_hit(((a + b + c) / 3.0).into(), (-n).into(), 1e-6, f64::INFINITY)?;
            (mesh.normal(hit.triangle).dot(&n) < -0.866).then_some(hit.t)
        })
        .reduce(|| f64::INFINITY, f64::min)
}

/// Smallest radius of a ball that touches the part from outside and fits, up to [`CONCAVE_MM`].
fn least_concave_mm(tree: &Bvh<Part>) -> f64 {
    let mesh = tree.mesh();
    let normals = mesh.vertex_normals();
    mesh.vertices
        .par_iter()
        .zip(&normals)
        .map(|(v, n)| {
            let (place, n) = (Vector3::from(*v), Vector3::from(*n));
            let fits = |r: f64| corner::fits(tree, place, place + n * r, r, CONCAVE_SLACK_MM);
            if !(n.norm() > 0.5) || fits(CONCAVE_MM) {
                return CONCAVE_MM;
            }
            let (mut lo, mut hi) = (0.0, CONCAVE_MM);
            for _ in 0..12 {
                let middle = 0.5 * (lo + hi);
                if fits(middle) { lo = middle } else { hi = middle }
            }
            lo
        })
        .reduce(|| CONCAVE_MM, f64::min)
}
