//! What may and what may not excuse a rim that no bone is near.

use super::*;
use crate::model::{Cell, Dir, Grid, Patch, Point, Volume};

/// A ring of bone 0.5 mm off the plate where x > 0, and 3 mm off elsewhere.
fn half_a_ring() -> Mesh<Part> {
    let mut bone = ring(&[(10.5, 5.0), (10.5, -2.0), (18.0, -2.0), (18.0, 5.0)], 240);
    for v in &mut bone.vertices {
        let rho = v[0].hypot(v[1]);
        if v[0] < 0.0 && rho < 11.0 {
            let out = 13.0 / rho;
            (v[0], v[1]) = (v[0] * out, v[1] * out);
        }
    }
    bone
}

/// Soft tissue, and air from `off_mm` beside the plate's wall outwards: where x < 0, with tissue over it, or all round
/// under an open sky.
fn scan_with_air(off_mm: f64, covered: bool) -> Volume {
    let pose = part_from_patient();
    let patient_from_part = pose.inverse();
    let middle = patient_from_part.apply(Point::new([0.0, 0.0, 2.0]));
    let dims = [101; 3];
    let grid = Grid {
        dims,
        spacing_mm: [0.5; 3],
        origin_lps_mm: Point::new(middle.mm.map(|x| x - 25.0)),
        axes_lps: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(Dir::new),
    };
    let hu = (0..grid.len())
        .map(|at| {
            let p = pose.apply(grid.patient_from_index(grid.ijk(at).map(|n| n as f64))).mm;
            let [x, y, z] = p;
            // A ramp of a millimetre, so that -300 HU is crossed where it should be between voxels.
            // Under an open sky the air widens upwards, so that no line along the axis grazes its border.
            let wider = if covered { 0.0 } else { 0.5 * z };
            let inside = (x.hypot(y) - 10.0 - off_mm + wider + 1.0 / 3.0).clamp(0.0, 1.0);
            let lid = if covered { (3.0 - z).clamp(0.0, 1.0) } else { 1.0 };
            let air = if x < 0.0 || !covered { inside.min(lid) } else { 0.0 };
            (50.0 - 1050.0 * air).round() as i16
        })
        .collect();
    Volume { grid, hu }
}

/// The completed skull over the plate: bone, and on the side of x < 0 what `there` says.
fn patch(there: Cell) -> Patch {
    let patient_from_part = part_from_patient().inverse();
    let [u, v, axis] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        .map(|d| patient_from_part.turn(Dir::<Part>::new(d)));
    let n = 101;
    let cells = (0..n * n).map(|at| if at % n < n / 2 { there } else { Cell::Bone }).collect();
    Patch {
        centre: patient_from_part.apply(Point::new([0.0, 0.0, -76.0])),
        axis,
        u,
        v,
        n,
        step_rad: 0.01,
        outer_mm: vec![80.0; n * n],
        inner_mm: vec![76.0; n * n],
        sigma_mm: vec![0.0; n * n],
        cells,
    }
}

fn judged(scan: Option<&Volume>, patch: Option<&Patch>) -> (FitInspection, Verdict) {
    let pose = part_from_patient();
    let bone: Mesh<Patient> = half_a_ring().moved(&pose.inverse());
    let (surface, bone) = (bone_surface(bone), bone_facts());
    let mut implant = implant_facts(pose, 0.5);
    (implant.draft_deg, implant.edge_outer_mm, implant.edge_inner_mm) = (0.0, 0.01, 0.01);
    let input = FitInput { surface: &surface, bone: &bone, implant: &implant, patch, scan };
    let (fit, verdict, _) = inspect_fit(&plate(0.01, 0.01), input, &peek(), &Silent).unwrap();
    (fit, verdict)
}

#[test]
fn a_rim_with_neither_bone_nor_air_beside_it_is_rejected() {
    let (fit, verdict) = judged(None, None);
    assert_eq!(verdict, Verdict::Reject);
    assert!(fit.rim_share.open == 0.0 && fit.gap_error_mm_p95_abs > 2.0, "{:?}", fit.rim_share);
}

#[test]
fn air_excuses_the_wall_that_keeps_the_clearance_and_a_person_must_look() {
    let (fit, verdict) = judged(Some(&scan_with_air(2.0, true)), None);
    assert_eq!(verdict, Verdict::Review, "{:?}", fit.rim_share);
    // Half the wall, less where it turns to the bone's side; what is over the air's lid at 3 mm is near it too.
    assert!((0.4..0.52).contains(&fit.rim_share.open), "{:?}", fit.rim_share);
}

#[test]
fn air_farther_off_than_the_clearance_excuses_nothing() {
    let (fit, verdict) = judged(Some(&scan_with_air(3.2, true)), None);
    assert_eq!(verdict, Verdict::Reject);
    assert!(fit.rim_share.open < 0.02 && fit.gap_error_mm_p95_abs > 2.0, "{:?}", fit.rim_share);
}

#[test]
fn the_air_about_the_head_excuses_nothing() {
    let (fit, verdict) = judged(Some(&scan_with_air(2.0, false)), None);
    assert_eq!(verdict, Verdict::Reject);
    assert!(fit.rim_share.open < 0.02, "{:?}", fit.rim_share);
}

#[test]
fn a_skull_that_ends_beside_the_wall_is_looked_at_and_one_that_goes_on_excuses_nothing() {
    let (ended, verdict) = judged(None, Some(&patch(Cell::Unknown)));
    assert_eq!(verdict, Verdict::Review, "{:?}", ended.rim_share);
    assert!((0.4..0.55).contains(&ended.rim_share.open), "{:?}", ended.rim_share);
    for there in [Cell::Bone, Cell::Missing] {
        let (whole, verdict) = judged(None, Some(&patch(there)));
        assert_eq!(verdict, Verdict::Reject);
        assert_eq!(whole.rim_share.open, 0.0, "{there:?}");
    }
}
