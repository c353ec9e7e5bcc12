//! A spherical vault of radii 80 and 75 mm with a conical hole whose axis is tilted in the patient: everything about
//! the implant is known in closed form.

mod ears;
mod given;
mod placed;
mod shaped;

use std::sync::OnceLock;

use nalgebra::{Rotation3, Vector3};

use super::params::tests::peek_with as shipped_with;
use super::*;
use crate::geometry::crossings;
use crate::geometry::nets::{Nudge, surface_net};
use crate::model::{
    Cell, Cutting, DefectFacts, Grid, Kienzle, Mask, Patch, Severity, Silent, SurfaceFacts, Symmetry,
};

const OUTER_MM: f64 = 80.0;
const INNER_MM: f64 = 75.0;
/// Radius of the hole where its axis leaves the outer table.
const HOLE_MM: f64 = 15.0;
const BEVEL_DEG: f64 = 10.0;
const SCALP_MM: f64 = 6.0;

/// Turns the hole's frame (hole along +z) into the patient: right, up and forward.
fn tilt() -> Rotation3<f64> {
    Rotation3::from_euler_angles(0.5, -0.4, 0.3)
}

/// Radius of the hole at height z.
fn hole_mm(z: f64) -> f64 {
    HOLE_MM - (OUTER_MM - z) * BEVEL_DEG.to_radians().tan()
}

/// Distance from a place in the hole to its wall, negative in the bone.
fn to_wall_mm(p: Vector3<f64>) -> f64 {
    (hole_mm(p.z) - p.x.hypot(p.y)) * BEVEL_DEG.to_radians().cos()
}

/// Bone with `extra` bone (distance, negative inside) about the hole.
fn bone(extra: impl Fn(Vector3<f64>) -> f64) -> BoneSurface {
    let h = 0.5;
    let (lo, dims) = ([-37.0, -37.0, 60.0], [149usize, 149, 43]);
    let mut values = Vec::new();
    for at in 0..dims[0] * dims[1] * dims[2] {
        let ijk = [at % dims[0], (at / dims[0]) % dims[1], at / (dims[0] * dims[1])];
        let p = Vector3::from_fn(|a, _| lo[a] + h * ijk[a] as f64);
        let shell = (p.norm() - OUTER_MM).max(INNER_MM - p.norm());
        let outline = p.x.hypot(p.y) - 36.0;
        values.push(shell.max(to_wall_mm(p)).min(extra(p).max(shell)).max(outline) as f32);
    }
    let net = surface_net(dims, &values, Nudge::GrowInside);
    let vertices =
        net.vertices.iter().map(|v| (tilt() * Vector3::from_fn(|a, _| lo[a] + h * v[a])).into()).collect();
    let mesh = Mesh::new(vertices, net.triangles);
    let facts = SurfaceFacts {
        schema: "osteomill.surface/1".into(),
        triangles: mesh.triangles.len(),
        vertices: mesh.vertices.len(),
        closed_two_manifold: mesh.is_closed_two_manifold(),
        euler_number: mesh.euler_number(),
        pieces: 1,
        area_mm2: mesh.area_mm2(),
        volume_mm3: mesh.volume_mm3(),
        cap_area_mm2: [0.0; 6],
        nudged_voxels: 0,
        split_cells: 0,
        parted_faces: 0,
        shells: Vec::new(),
        relaxation_shrinkage_mm: 0.0,
        exported: None,
        findings: vec![],
    };
    BoneSurface { mesh, facts }
}

/// Tissue of 40 HU with a scalp of 6 mm and air beyond it, and where `air` says so; places in the hole's frame.
fn volume(air: impl Fn(Vector3<f64>) -> bool) -> Volume {
    head(|p| air(p) || p.norm() > OUTER_MM + SCALP_MM)
}

/// Tissue of 40 HU with air where `air` says so and nowhere else, places in the hole's frame.
fn head(air: impl Fn(Vector3<f64>) -> bool) -> Volume {
    let dims = [80, 80, 80];
    // About the middle of the hole, which lies at tilt · (0, 0, 80).
    let middle = tilt() * Vector3::new(0.0, 0.0, OUTER_MM);
    let origin = middle - Vector3::repeat(40.0);
    let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(Dir::new);
    let grid = Grid { dims, spacing_mm: [1.0; 3], origin_lps_mm: Point::from_v(origin), axes_lps: axes };
    let hu = (0..grid.len())
        .map(|at| {
            let p = grid.patient_from_index(grid.ijk(at).map(|x| x as f64)).v();
            if air(tilt().inverse() * p) { -1000 } else { 40 }
        })
        .collect();
    Volume { grid, hu }
}

fn reconstruction() -> Reconstruction {
    let (n, step_rad) = (81, 1.0 / OUTER_MM);
    let turn = |v: Vector3<f64>| -> [f64; 3] { (tilt() * v).into() };
    let mut patch = Patch {
        centre: Point::new([0.0; 3]),
        axis: Dir::new(turn(Vector3::z())),
        u: Dir::new(turn(Vector3::x())),
        v: Dir::new(turn(Vector3::y())),
        n,
        step_rad,
        outer_mm: vec![OUTER_MM; n * n],
        inner_mm: vec![INNER_MM; n * n],
        sigma_mm: vec![0.0; n * n],
        cells: vec![Cell::Bone; n * n],
    };
    for c in 0..n * n {
        let d = tilt().inverse() * patch.direction((c % n) as f64, (c / n) as f64).v();
        if to_wall_mm(d * OUTER_MM) > 0.0 {
            patch.cells[c] = Cell::Missing;
        }
    }
    let symmetry = Symmetry {
        normal_lps: Dir::new([1.0, 0.0, 0.0]),
        offset_mm: 0.0,
        residual_mm_p50: 0.0,
        residual_mm_p95: 0.0,
    };
    let facts =
        DefectFacts { schema: "osteomill.defects/1".into(), defects: vec![], symmetry, findings: vec![] };
    Reconstruction { mask: Mask::empty(volume(|_| false).grid), patches: vec![patch], facts }
}

fn peek() -> Material {
    let cutting = Cutting {
        surface_speed_m_per_min: 100.0,
        feed_per_tooth_mm_d6: 0.05,
        depth_over_diameter: 0.5,
        width_over_diameter: 0.4,
    };
    Material {
        name: "PEEK".into(),
        implant_standard: "ASTM F2026".into(),
        density_g_per_cm3: 1.3,
        youngs_modulus_gpa: 3.6,
        yield_n_per_mm2: 95.0,
        expansion_um_per_m_k: 47.0,
        coolant: "dry".into(),
        kienzle: Kienzle { kc11_n_per_mm2: 150.0, mc: 0.25, normal_share: 0.5 },
        rough: cutting.clone(),
        finish: cutting.clone(),
        drill: cutting,
    }
}

/// The shipped table with some keys changed, drawn coarser: a third of the work, and a chord of a face of 80 mm is still 0.3 µm off.
fn peek_with(changes: &[(&str, &str)]) -> ImplantParams {
    shipped_with(&[changes, &[("mesh_mm", "0.45")]].concat())
}

fn make(volume: &Volume, bone: &BoneSurface, changes: &[(&str, &str)]) -> Implant {
    let params = peek_with(changes);
    design(volume, bone, &reconstruction(), 0, "peek", &peek(), &params, &Silent).expect("an implant")
}

const CHANGES: [(&str, &str); 1] = [("perfusion_pitch_mm", "6.5")];

/// The plain implant, made once.
fn plain() -> &'static Implant {
    static MADE: OnceLock<Implant> = OnceLock::new();
    MADE.get_or_init(|| make(&volume(|_| false), &bone(|_| 1e3), &CHANGES))
}

/// A corner of a mesh in the frame of the hole.
fn in_hole(implant: &Implant, p: [f64; 3]) -> Vector3<f64> {
    let patient = implant.part_from_patient.inverse().apply_raw(p);
    tilt().inverse() * Vector3::from(patient)
}

fn ids(implant: &Implant) -> Vec<(&str, Severity)> {
    implant.facts.findings.iter().map(|f| (f.id.as_str(), f.severity)).collect()
}

#[test]
fn the_wall_keeps_the_gap_and_nothing_touches_bone() {
    let implant = plain();
    let bone = Bvh::new(&bone(|_| 1e3).mesh.moved(&implant.part_from_patient));
    let mut walls = 0;
    for &v in &implant.body.vertices {
        // The bone as it was given: 0.05 mm, for chords of both nets.
        assert!(bone.nearest(v, 0.45).is_none(), "nearer than the gap at {v:?}");
        let p = in_hole(implant, v);
        let gap = to_wall_mm(p);
        // Away from both edges what is left of the surface is wall; 0.9 mm: the diagonal of a cell of the bone's net, as
        // deep as it cuts the bone's sharp edge. 0.05 mm: chords of the bone's net on a hole of 15 mm.
        if p.norm() < OUTER_MM - 0.9 && p.norm() > 76.0 + 1.0 && gap < 1.5 {
            assert!((gap - 0.5).abs() < 0.05, "{gap} at {p:?}");
            walls += 1;
        }
    }
    assert!(walls > 1000, "{walls}");
}

#[test]
fn the_sheets_lie_on_the_completed_outer_table_and_a_thickness_below() {
    let implant = plain();
    let (mut outer, mut inner) = (0, 0);
    for &v in &implant.body.vertices {
        let p = in_hole(implant, v);
        if to_wall_mm(p) < 2.0 {
            continue;
        }
        let (to_outer, to_inner) = (p.norm() - OUTER_MM, p.norm() - (OUTER_MM - 4.0));
        // A sample's chord on a sphere of 80 mm is 0.14 µm; single precision of the fields 4 µm at radius 80.
        assert!(to_outer.abs() < 0.005 || to_inner.abs() < 0.005, "{to_outer} {to_inner}");
        if to_outer.abs() < 0.005 { outer += 1 } else { inner += 1 }
    }
    assert!(outer > 1000 && inner > 1000);
    let t = implant.facts.thickness_mm_min;
    assert!((t - 4.0).abs() < 0.01, "{t}");
}

#[test]
fn the_insertion_axis_is_that_of_the_hole() {
    let implant = plain();
    let axis = tilt().inverse() * implant.facts.insertion_axis_lps.v();
    // The finest ring of directions is 0.5° wide; the rim's own facets tell no better.
    assert!(axis.z > 1.5f64.to_radians().cos(), "{axis:?}");
    let x = implant.part_from_patient.turn(Dir::new([1.0, 0.0, 0.0]));
    assert!(x.v().y.abs() < 1e-9 && x.v().x > 0.5, "part +x is the projection of patient +x");
    let centroid = implant.mesh.centroid_mm();
    assert!(centroid.iter().all(|c| c.abs() < 1e-6), "{centroid:?}");
}

#[test]
fn the_volume_is_that_of_the_closed_form() {
    let implant = plain();
    // Columns of the shell between the spheres, above the cone set back by the gap.
    let back = 0.5 / BEVEL_DEG.to_radians().cos();
    let (steps, top) = (20_000, HOLE_MM);
    let mut expected = 0.0;
    for s in 0..steps {
        let r = (s as f64 + 0.5) * top / steps as f64;
        let high = (OUTER_MM * OUTER_MM - r * r).sqrt();
        let cone = OUTER_MM - (HOLE_MM - back - r) / BEVEL_DEG.to_radians().tan();
        let low = ((OUTER_MM - 4.0).powi(2) - r * r).sqrt().max(cone);
        expected += (high - low).max(0.0) * 2.0 * std::f64::consts::PI * r * top / steps as f64;
    }
    let got = implant.body.volume_mm3();
    // The edges cost (1 − π/4)(0.25² + 0.6²) mm² times the rim's 88 mm: 8 mm³, 0.3 %.
    assert!(got < expected && got > 0.994 * expected, "{got} {expected}");
    let mass = implant.facts.volume_mm3 / 1000.0 * 1.3;
    assert!((implant.facts.mass_g - mass).abs() < 1e-9);
}

#[test]
fn it_is_closed_with_one_handle_for_each_hole_and_round_holes() {
    let implant = plain();
    assert!(implant.mesh.is_closed_two_manifold() && implant.body.is_closed_two_manifold());
    assert_eq!(implant.body.euler_number(), 2);
    assert_eq!(implant.holes.len(), 5, "a cross of five on a 6.5 mm lattice");
    assert_eq!(implant.mesh.euler_number(), 2 - 2 * implant.holes.len() as i64);
    for hole in &implant.holes {
        assert!((hole.length_mm - 4.0).abs() < 0.1, "{}", hole.length_mm);
        let on = implant
            .mesh
            .vertices
            .iter()
            .filter(|v| {
                let d = (v[0] - hole.centre.mm[0]).hypot(v[1] - hole.centre.mm[1]);
                assert!(d > 1.0 - 1e-9, "{d}");
                d < 1.0 + 1e-9
            })
            .count();
        assert_eq!(on, 192, "96 corners on each sheet");
        let mouths = hole.mouths.as_ref().expect("0.2 mm by default");
        assert_eq!((mouths.inner.len(), mouths.outer.len()), (96, 96));
        // Between the breaks stands the wall; each takes 0.2 mm of it, on a slope of 10° at most a tenth more.
        let wall = implant
            .mesh
            .vertices
            .iter()
            .filter(|v| ((v[0] - hole.centre.mm[0]).hypot(v[1] - hole.centre.mm[1]) - 1.0).abs() < 1e-9);
        let (lo, hi) =
            wall.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v[2]), hi.max(v[2])));
        let sloping = 2.0 * (hole.centre.mm[0].hypot(hole.centre.mm[1]) / OUTER_MM + 0.02);
        assert!(
            (hi - lo - (hole.length_mm - 0.4)).abs() < 2.0 * sloping + 0.1,
            "{} of {}",
            hi - lo,
            hole.length_mm
        );
        let p = in_hole(implant, hole.centre.mm);
        assert!((p.norm() - OUTER_MM).abs() < 0.005);
        // Edge of the hole to the rim of the inner sheet, which is where the plate is narrowest.
        assert!(to_wall_mm(p * (76.0 / 80.0)) - 0.5 - 1.0 > 5.0);
    }
}

#[test]
fn no_wall_facet_is_hidden_from_the_bone_side() {
    let implant = plain();
    for t in 0..implant.body.triangles.len() {
        let n = implant.body.normal(t);
        let [a, b, c] = implant.body.corners(t);
        let p = in_hole(implant, ((a + b + c) / 3.0).into());
        let wall = to_wall_mm(p) < 0.55 && p.norm() < OUTER_MM - 0.4;
        assert!(!wall || n.z < 0.0, "{n:?} at {p:?}");
    }
}

#[test]
fn no_two_facets_cross() {
    let implant = plain();
    assert_eq!(crossings(&implant.mesh), Vec::<[f64; 3]>::new());
}

#[test]
fn the_plain_case_asks_for_no_person() {
    let implant = plain();
    // The refined edges may be a little narrower than the rule's 1.65 mm, which asks for a change; not than the tool.
    let worse =
        ids(implant).into_iter().filter(|(id, _)| !["fixation-plates", "concave-radius"].contains(id));
    assert_eq!(worse.count(), 0, "{:?}", implant.facts.findings);
    assert!(implant.facts.concave_radius_mm_min >= 1.5, "{}", implant.facts.concave_radius_mm_min);
    assert_eq!(implant.facts.side, "right");
    assert_eq!(implant.facts.sinus_distance_mm, None);
    // Cap of the sphere within the wall at the outer table: 2πR²(1 − cos), a rim of the edge's 0.25 mm left out.
    let half = ((HOLE_MM - 0.5) / OUTER_MM).asin();
    let cap = 2.0 * std::f64::consts::PI * OUTER_MM.powi(2) * (1.0 - half.cos());
    let got = implant.facts.outer_area_mm2;
    assert!(got > 0.94 * cap && got < cap, "{got} {cap}");
}

#[test]
fn an_overhang_is_passed_on_the_way_in() {
    // A ledge at the outer table stands 2 mm into the hole on one side; the plate below it may not follow the wall.
    let ledge = |p: Vector3<f64>| (10.5 - p.x).max(78.5 - p.norm()).max(p.y.abs() - 6.0);
    let changes = [("perfusion_hole_mm", "0.0"), ("mesh_mm", "0.3")];
    let implant = make(&volume(|_| false), &bone(ledge), &changes);
    assert!(implant.holes.is_empty());
    // Lift the part straight out: at every height it stays clear of the bone.
    let clear = bone(ledge).mesh.moved(&implant.part_from_patient);
    let tree = Bvh::new(&clear);
    for lift_mm in [0.0, 1.0, 2.0, 3.0, 5.0] {
        for v in &implant.body.vertices {
            let p = [v[0], v[1], v[2] + lift_mm];
            if let Some(d) = tree.signed_distance_mm(p, 1.0) {
                assert!(d > 0.5 - 0.05, "{d} at {p:?} lifted {lift_mm}");
            }
        }
    }
}

#[test]
fn an_inner_table_too_near_to_the_outer_one_stops_the_case() {
    let mut thin = reconstruction();
    thin.patches[0].inner_mm.iter_mut().for_each(|r| *r = OUTER_MM - 1.5);
    let implant =
        design(&volume(|_| false), &bone(|_| 1e3), &thin, 0, "peek", &peek(), &peek_with(&CHANGES), &Silent)
            .expect("drawn, but stopped");
    assert!((implant.facts.thickness_mm_min - 1.5).abs() < 0.05, "{}", implant.facts.thickness_mm_min);
    assert!(ids(&implant).contains(&("min-thickness", Severity::Stop)), "{:?}", ids(&implant));
}

#[test]
fn a_grade_that_is_none_and_a_part_outside_the_envelope_stop_the_case() {
    let mut steel = peek();
    steel.implant_standard = String::new();
    let params = peek_with(&[("envelope_area_cm2_max", "5.0")]);
    let implant =
        design(&volume(|_| false), &bone(|_| 1e3), &reconstruction(), 0, "316l", &steel, &params, &Silent)
            .expect("drawn, but stopped");
    let found = ids(&implant);
    assert!(found.contains(&("grade", Severity::Stop)) && found.contains(&("envelope", Severity::Stop)));
}

#[test]
fn faults_of_the_reconstruction_are_named() {
    let run = |r: &Reconstruction, defect| {
        design(&volume(|_| false), &bone(|_| 1e3), r, defect, "peek", &peek(), &peek_with(&[]), &Silent)
            .err()
            .expect("refused")
            .to_string()
    };
    assert!(run(&reconstruction(), 1).contains("defect 1 was asked for, but the reconstruction has 1"));
    let mut bad = reconstruction();
    bad.patches[0].outer_mm[40 * 81 + 40] = f64::NAN;
    assert!(run(&bad, 0).contains("has outer radius NaN mm"), "{}", run(&bad, 0));
    bad.patches[0].outer_mm.pop();
    assert!(run(&bad, 0).contains("6560 values of `outer_mm`, but needs 6561"));
    let mut whole = reconstruction();
    whole.patches[0].cells.fill(Cell::Bone);
    assert!(run(&whole, 0).contains("no missing cell"));
}

#[test]
fn one_thread_and_three_give_the_same_bytes() {
    let (volume, bone) = (volume(|_| false), bone(|_| 1e3));
    let changes = [("mesh_mm", "0.5"), ("perfusion_pitch_mm", "6.5")];
    let on = |n| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a small pool");
        pool.install(|| make(&volume, &bone, &changes))
    };
    let (a, b) = (on(1), on(3));
    assert!(a.mesh.vertices == b.mesh.vertices && a.mesh.triangles == b.mesh.triangles);
    let json = |i: &Implant| serde_json::to_string(&i.facts).expect("facts are plain");
    assert_eq!(json(&a), json(&b));
}
