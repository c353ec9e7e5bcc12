//! Blurred bodies whose surface is known.

use std::f64::consts::PI;

use super::*;
use crate::model::{BoneFacts, Dir, Mask};

fn params() -> SurfaceParams {
    #[derive(serde::Deserialize)]
    struct File {
        surface: SurfaceParams,
    }
    let file: File = toml::from_str(include_str!("../../pipelines/cranial-peek.toml"))
        .expect("the shipped table is valid");
    file.surface
}

fn grid(dims: [usize; 3], spacing_mm: [f64; 3], axes: [[f64; 3]; 3]) -> Grid {
    Grid { dims, spacing_mm, origin_lps_mm: Point::new([3.0, -7.0, 11.0]), axes_lps: axes.map(Dir::new) }
}

const UPRIGHT: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// A scan of the body with signed distance `d` (voxel indices scaled by spacing, mm), blurred to 1.4 mm wide, and
/// its bone with the true half-maximum as level.
fn scanned(grid: Grid, d: impl Fn([f64; 3]) -> f64) -> (Volume, Bone) {
    let hu: Vec<i16> = (0..grid.len())
        .map(|at| {
            let n = grid.ijk(at);
            let p = std::array::from_fn(|a| n[a] as f64 * grid.spacing_mm[a]);
            (600.0 - 560.0 * (d(p) / 0.7).tanh()).round() as i16
        })
        .collect();
    let mask = Mask { grid: grid.clone(), voxels: hu.iter().map(|&v| u8::from(v >= 226)).collect() };
    let facts = BoneFacts {
        schema: String::new(),
        threshold_hu: 226.0,
        kept_mm3: 0.0,
        components: 1,
        dropped: Vec::new(),
        threshold_offset_mm_p5: 0.0,
        threshold_offset_mm_p50: 0.0,
        threshold_offset_mm_p95: 0.0,
        shift_mm_per_50_hu: 0.0,
        selection: Default::default(),
        metal: Default::default(),
        thin: Default::default(),
        findings: Vec::new(),
    };
    (Volume { grid, hu }, Bone { level_hu: vec![600.0; mask.voxels.len()], mask, facts })
}

fn ball(c: [f64; 3], r: f64) -> impl Fn([f64; 3]) -> f64 {
    move |p| (0..3).map(|a| (p[a] - c[a]).powi(2)).sum::<f64>().sqrt() - r
}

#[test]
fn every_vertex_of_a_ball_lies_on_it_to_a_twentieth_of_a_voxel() {
    let (v, bone) = scanned(grid([60, 50, 44], [0.5, 0.6, 0.7], UPRIGHT), ball([14.9, 15.2, 15.1], 12.0));
    let s = extract_surface(&v, &bone, &params(), &crate::model::Silent).expect("a ball");
    assert_eq!((s.facts.pieces, s.facts.euler_number, s.facts.split_cells), (1, 2, 0));
    for p in &s.mesh.vertices {
        let off = ball([17.9, 8.2, 26.1], 12.0)(*p);
        // 0.05 of 0.6 mm: the chord of a cell and the curve of the field between samples.
        assert!(off.abs() < 0.03, "{off}");
    }
    assert!((s.facts.volume_mm3 / (4.0 / 3.0 * PI * 12f64.powi(3)) - 1.0).abs() < 0.005);
    assert_eq!(s.facts.cap_area_mm2, [0.0; 6]);
}

#[test]
fn a_left_handed_grid_still_faces_out() {
    let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]];
    let (v, bone) = scanned(grid([40, 40, 40], [0.5; 3], axes), ball([9.9; 3], 7.0));
    let s = extract_surface(&v, &bone, &params(), &crate::model::Silent).expect("a ball");
    assert!(s.facts.volume_mm3 > 0.0 && s.mesh.is_closed_two_manifold());
}

#[test]
fn bone_that_leaves_the_scan_is_capped_and_the_area_is_the_section() {
    // A column of radius 8 mm through bottom and top.
    let column = |p: [f64; 3]| (p[0] - 12.0).hypot(p[1] - 12.0) - 8.0;
    let (v, bone) = scanned(grid([49, 49, 30], [0.5, 0.5, 0.8], UPRIGHT), column);
    let s = extract_surface(&v, &bone, &params(), &crate::model::Silent).expect("a column");
    assert!(s.mesh.is_closed_two_manifold());
    let section_mm2 = PI * 64.0;
    for face in [4, 5] {
        // The corner of the cap is rounded over half a voxel of radius: 2 x 0.25 / 8.
        assert!((s.facts.cap_area_mm2[face] / section_mm2 - 1.0).abs() < 0.06, "{:?}", s.facts.cap_area_mm2);
    }
    let ids: Vec<(&str, Severity)> = s.facts.findings.iter().map(|f| (f.id.as_str(), f.severity)).collect();
    assert_eq!(ids, [("bone-capped", Severity::Note), ("bone-cut-off", Severity::Review)]);
    let (lo, hi) = s.mesh.bounds_mm().expect("not empty");
    assert!((lo[2] - (11.0 - 0.4)).abs() < 1e-3 && (hi[2] - (11.0 + 29.5 * 0.8)).abs() < 1e-3);
}

#[test]
fn crumbs_are_dropped_cavities_sorted_by_size_and_both_are_said() {
    // A ball of 12 mm with a cavity of 5 mm and one of 1.2 mm, and a crumb of 1.2 mm apart from it.
    let body = |p: [f64; 3]| {
        let solid = ball([16.0; 3], 12.0)(p).max(-ball([13.0; 3], 5.0)(p)).max(-ball([22.0; 3], 1.2)(p));
        solid.min(ball([32.0, 32.0, 32.0], 1.2)(p))
    };
    let (v, bone) = scanned(grid([72, 72, 72], [0.5; 3], UPRIGHT), body);
    let s = extract_surface(&v, &bone, &params(), &crate::model::Silent).expect("a ball");
    assert_eq!(s.facts.pieces, 2);
    let ids: Vec<&str> = s.facts.findings.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["fragments-dropped", "cavities-filled", "closed-cavities"]);
    let expected_mm3 = 4.0 / 3.0 * PI * (12f64.powi(3) - 5f64.powi(3));
    assert!((s.facts.volume_mm3 / expected_mm3 - 1.0).abs() < 0.005);
}

#[test]
fn another_piece_next_to_the_bone_stays_out() {
    let two = |p: [f64; 3]| ball([10.0; 3], 6.0)(p).min(ball([10.0, 10.0, 19.0], 2.4)(p));
    let (v, mut bone) = scanned(grid([44, 44, 50], [0.5; 3], UPRIGHT), two);
    for at in 0..bone.mask.voxels.len() {
        if bone.mask.grid.ijk(at)[2] >= 33 {
            bone.mask.voxels[at] = 0;
        }
    }
    let s = extract_surface(&v, &bone, &params(), &crate::model::Silent).expect("a ball");
    assert_eq!(s.facts.pieces, 1);
    assert!((s.facts.volume_mm3 / (4.0 / 3.0 * PI * 216.0) - 1.0).abs() < 0.01);
}

#[test]
fn an_empty_mask_and_a_foreign_one_are_errors() {
    let (v, mut bone) = scanned(grid([20, 20, 20], [0.5; 3], UPRIGHT), ball([5.0; 3], 3.0));
    bone.mask.voxels.fill(0);
    assert!(matches!(extract_surface(&v, &bone, &params(), &crate::model::Silent), Err(SurfaceError::Empty)));
    bone.mask.grid.spacing_mm[0] = 0.6;
    assert!(matches!(extract_surface(&v, &bone, &params(), &crate::model::Silent), Err(SurfaceError::Grids)));
}

#[test]
fn relaxation_stays_within_its_travel_and_states_how_far_it_shrinks_a_ball() {
    let (v, bone) = scanned(grid([60; 3], [0.5; 3], UPRIGHT), ball([14.9, 15.2, 15.1], 10.0));
    let with = |sweeps: usize, travel_mm: f64| {
        let mut table = crate::surface::SurfaceToml::from(params());
        (table.relaxation_sweeps, table.vertex_travel_mm_max) = (sweeps, travel_mm);
        let params = SurfaceParams::try_from(table).expect("in range");
        extract_surface(&v, &bone, &params, &crate::model::Silent).expect("a ball")
    };
    let (none, twelve, held) = (with(0, 0.2), with(12, 0.2), with(12, 0.01));
    assert_eq!(none.facts.relaxation_shrinkage_mm, 0.0);
    let lost_mm = twelve.facts.relaxation_shrinkage_mm;
    println!("twelve sweeps shrink a ball of 10 mm by {lost_mm:.4} mm");
    // A sweep moves a vertex by half of h²/2r·(mean squared distance of neighbours in units of h², about 1.3).
    let expected_mm = 12.0 * 0.5 * 1.3 * 0.25 / 20.0;
    assert!((0.5..1.5).contains(&(lost_mm / expected_mm)), "{lost_mm} against {expected_mm}");
    assert!(held.facts.relaxation_shrinkage_mm < 0.0174);
    for (p, q) in held.mesh.vertices.iter().zip(&none.mesh.vertices) {
        assert!((0..3).all(|a| (p[a] - q[a]).abs() <= 0.01 + 1e-12));
    }
}

#[test]
fn every_shell_says_its_handles_and_whether_it_is_a_cavity() {
    let body = |p: [f64; 3]| {
        let ring = ((p[0] - 16.0).hypot(p[1] - 16.0) - 10.0).hypot(p[2] - 8.0) - 3.6;
        ring.min(ball([16.0, 16.0, 24.0], 8.0)(p).max(-ball([16.0, 16.0, 24.0], 4.0)(p)))
    };
    let (v, bone) = scanned(grid([66, 66, 68], [0.5; 3], UPRIGHT), body);
    let s = extract_surface(&v, &bone, &params(), &crate::model::Silent).expect("two bodies");
    let mut shells: Vec<(bool, i64, i64)> =
        s.facts.shells.iter().map(|s| (s.cavity, s.euler_number, s.genus)).collect();
    shells.sort_unstable();
    assert_eq!(shells, [(false, 0, 1), (false, 2, 0), (true, 2, 0)]);
    assert_eq!(s.facts.euler_number, s.facts.shells.iter().map(|s| s.euler_number).sum::<i64>());
    assert!(s.facts.shells.iter().all(|s| s.cavity == (s.volume_mm3 < 0.0)));
}

#[test]
fn a_ball_has_the_same_surface_whatever_becomes_of_ambiguous_cells() {
    let (v, bone) = scanned(grid([60, 50, 44], [0.5, 0.6, 0.7], UPRIGHT), ball([14.9, 15.2, 15.1], 12.0));
    let text = include_str!("../../pipelines/cranial-peek.toml");
    let split = text.replace("ambiguous_cells = \"nudge\"", "ambiguous_cells = \"split\"");
    assert_ne!(text, split, "the shipped table says nudge");
    #[derive(serde::Deserialize)]
    struct File {
        surface: SurfaceParams,
    }
    let of = |text: &str| {
        let params = toml::from_str::<File>(text).expect("valid").surface;
        extract_surface(&v, &bone, &params, &crate::model::Silent).expect("a ball")
    };
    let (nudged, split) = (of(text), of(&split));
    // No cell of a ball is ambiguous: only the order of vertices and rounding in f32 differ.
    assert_eq!((nudged.facts.nudged_voxels, split.facts.split_cells), (0, 0));
    assert_eq!(
        (nudged.facts.triangles, nudged.facts.vertices),
        (split.facts.triangles, split.facts.vertices)
    );
    assert!((nudged.facts.volume_mm3 / split.facts.volume_mm3 - 1.0).abs() < 1e-5);
}

/// Triangles kept, and the distance measured.
fn fewer(mesh: &Mesh<Patient>, bound_mm: f64) -> (Mesh<Patient>, f64) {
    let d = decimated(mesh, bound_mm).expect("within the bound");
    assert!(d.deviation_mm_max <= bound_mm, "{}", d.deviation_mm_max);
    assert!(d.mesh.is_closed_two_manifold());
    (d.mesh, d.deviation_mm_max)
}

#[test]
fn a_decimated_ball_stays_a_ball_within_the_bound() {
    let (v, bone) = scanned(grid([60, 50, 44], [0.5, 0.6, 0.7], UPRIGHT), ball([14.9, 15.2, 15.1], 12.0));
    let s = extract_surface(&v, &bone, &params(), &crate::model::Silent).expect("a ball");
    let mut before = s.mesh.triangles.len();
    for bound_mm in [0.05, 0.2] {
        let (mesh, off_mm) = fewer(&s.mesh, bound_mm);
        println!(
            "{bound_mm} mm: {} of {} triangles, {off_mm:.4} mm off",
            mesh.triangles.len(),
            s.mesh.triangles.len()
        );
        assert!(mesh.triangles.len() < before, "a looser bound keeps fewer");
        before = mesh.triangles.len();
        assert_eq!(mesh.euler_number(), 2);
        // Nowhere farther off than the bound: the shell of that thickness is the most that can be lost.
        assert!((mesh.volume_mm3() - s.mesh.volume_mm3()).abs() <= bound_mm * s.mesh.area_mm2());
        let (again, _) = fewer(&s.mesh, bound_mm);
        assert_eq!((mesh.vertices, mesh.triangles), (again.vertices, again.triangles), "the same bytes");
    }
    assert!(before * 4 < s.mesh.triangles.len(), "{before} of {}", s.mesh.triangles.len());
}

#[test]
fn a_decimated_ring_keeps_its_hole_and_a_wall_both_its_faces() {
    let ring = |p: [f64; 3]| {
        let rho = (p[0] - 15.0).hypot(p[1] - 15.0) - 8.0;
        rho.hypot(p[2] - 15.0) - 3.0
    };
    let (v, bone) = scanned(grid([60, 50, 44], [0.5, 0.6, 0.7], UPRIGHT), ring);
    let s = extract_surface(&v, &bone, &params(), &crate::model::Silent).expect("a ring");
    assert_eq!(fewer(&s.mesh, 0.2).0.euler_number(), 0, "one handle");
    // 2 mm thick, some 24 mm square.
    let wall = |p: [f64; 3]| {
        let q = [(p[0] - 15.0).abs() - 12.0, (p[1] - 15.0).abs() - 12.0, (p[2] - 15.0).abs() - 1.0];
        q.into_iter().fold(f64::NEG_INFINITY, f64::max)
    };
    let (v, bone) = scanned(grid([60, 50, 44], [0.5, 0.6, 0.7], UPRIGHT), wall);
    let s = extract_surface(&v, &bone, &params(), &crate::model::Silent).expect("a wall");
    let (mesh, _) = fewer(&s.mesh, 0.1);
    assert_eq!(mesh.euler_number(), 2);
    // Flat faces need few triangles; the rounded edges all the others.
    assert!(
        mesh.triangles.len() * 8 < s.mesh.triangles.len(),
        "{} of {}",
        mesh.triangles.len(),
        s.mesh.triangles.len()
    );
}
