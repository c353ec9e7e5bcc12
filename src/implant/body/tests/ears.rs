//! The onlay: ears over sound bone, on the vault of the tests above.

use super::*;
use crate::implant::body::params::tests::titanium_with;

const CLEARANCE_MM: f64 = 0.2;

/// The onlay of titanium, made once, and its bone in its frame.
fn onlay() -> &'static (Implant, Bvh<Part>) {
    static MADE: OnceLock<(Implant, Bvh<Part>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let params =
            titanium_with(&[("type", "\"onlay\""), ("mesh_mm", "0.4"), ("perfusion_hole_mm", "0.0")]);
        let mut r = reconstruction();
        // Off the sagittal sinus, or there would be none on one side.
        r.facts.symmetry.offset_mm = 100.0;
        let implant = design(&volume(|_| false), &bone(|_| 1e3), &r, 0, "ti", &peek(), &params, &Silent)
            .expect("an onlay");
        let tree = Bvh::new(&bone(|_| 1e3).mesh.moved(&implant.part_from_patient));
        (implant, tree)
    })
}

#[test]
fn it_is_one_closed_body_with_a_handle_for_each_screw() {
    let (implant, _) = onlay();
    assert_eq!(implant.facts.kind, "onlay");
    assert_eq!(implant.holes.len(), 4, "{:?}", ids(implant));
    assert!(implant.mesh.is_closed_two_manifold() && implant.body.is_closed_two_manifold());
    assert_eq!(implant.body.euler_number(), 2);
    assert_eq!(implant.mesh.euler_number(), 2 - 2 * implant.holes.len() as i64);
    assert_eq!(implant.mesh.pieces().len(), 1);
    // Known: under an ear, where the corner to the plate is narrower than the net, refined facets of 0.05 mm fold over
    // each other. Few, within a net's width of each other and of the plate's corner; a person is told of every one.
    let folds = crossings(&implant.mesh);
    assert!(folds.len() <= 40, "{folds:?}");
    let told = implant.facts.findings.iter().find(|f| f.id == "facets-cross");
    assert_eq!(told.and_then(|f| f.measured), (!folds.is_empty()).then_some(folds.len() as f64));
}

#[test]
fn ears_lie_on_sound_bone_and_nowhere_in_it() {
    let (implant, tree) = onlay();
    let mut least = f64::INFINITY;
    for &v in &implant.body.vertices {
        least = least.min(tree.signed_distance_mm(v, 3.0).unwrap_or(3.0));
    }
    // Chords of both nets: 0.03 mm, as the design's own check has it.
    assert!(least > CLEARANCE_MM - 0.03 && least < CLEARANCE_MM + 0.1, "{least}");
    for s in &implant.facts.fixation.sites {
        let p = tilt().inverse() * s.bone_lps_mm.v();
        // Beyond the hole's edge by the ear's 9.5 mm less half its 7 mm of width and half a millimetre of gap; on the
        // outer table.
        let beyond_mm = OUTER_MM * ((p.x.hypot(p.y) / OUTER_MM).asin() - (HOLE_MM / OUTER_MM).asin());
        assert!((beyond_mm - 5.5).abs() < 0.4 && (p.norm() - OUTER_MM).abs() < 0.05, "{beyond_mm}");
        assert!(s.implant_lps_mm.is_none() && (s.implant_thickness_mm - 1.0).abs() < 1e-12);
        // 1 + 0.2 + 5 − 1.
        assert_eq!((s.screw_mm, s.implant_screw_mm), (5.0, None));
        // The ear's outer face stands the clearance and its thickness over the bone, a little inwards of the hole.
        let beside = tilt() * (p * ((OUTER_MM + 5.0) / OUTER_MM)) * 1.0;
        let axis = implant.part_from_patient.turn(s.axis_lps).v();
        let at = implant.part_from_patient.apply(Point::from_v(beside)).v();
        let (e1, _) = axis::basis(axis);
        let own = Bvh::new(&implant.body);
        let hits = own.hits((at + e1 * 2.0).into(), (-axis).into(), 0.0, 9.0);
        let (first, last) = (hits[0].t, hits[1].t);
        assert!((5.0 - first - 1.2).abs() < 0.1 && (last - first - 1.0).abs() < 0.12, "{first} {last}");
    }
}

#[test]
fn screw_holes_are_square_to_bone_with_their_cone() {
    let (implant, _) = onlay();
    for (hole, site) in implant.holes.iter().zip(&implant.facts.fixation.sites) {
        assert_eq!(hole.kind, "screw");
        let sink = hole.countersink.expect("a screw's head");
        assert_eq!((sink.diameter_mm, sink.angle_deg), (2.8, 90.0));
        let axis = implant.part_from_patient.turn(site.axis_lps).v();
        assert!((hole.axis.v() - axis).norm() < 1e-9);
        let outward = tilt().inverse() * site.bone_lps_mm.v().normalize();
        assert!(outward.dot(&(tilt().inverse() * site.axis_lps.v())) > 2f64.to_radians().cos());
        // Every corner of the mesh about the axis lies on bore, cone or faces, none inside.
        let (mut bore, mut cone) = (0, 0);
        for &v in &implant.mesh.vertices {
            let d = Vector3::from(v) - hole.centre.v();
            let (along, across) = (d.dot(&axis), d.cross(&axis).norm());
            if across > 1.7 || along.abs() > 3.0 {
                continue;
            }
            // 90°: the cone's radius grows as its height, from 1.4 mm at the outer face.
            let cone_mm = (1.4 + along).max(0.85);
            assert!(across > cone_mm - 1e-6, "{across} {along}");
            if (across - 0.85).abs() < 1e-6 {
                bore += 1;
            } else if (across - cone_mm).abs() < 1e-6 {
                cone += 1;
            }
        }
        assert_eq!((bore, cone), (192, 96), "bore's two ends and the mouth");
    }
}

#[test]
fn the_onlay_goes_in_and_comes_out_and_says_what_is_not_so() {
    let (implant, _) = onlay();
    assert_eq!(implant.facts.removal.interference_mm_max, 0.0);
    assert!(implant.facts.seating.share_seated > 0.95, "{:?}", implant.facts.seating);
    let found = ids(implant);
    for id in ["interference", "gap-min", "ear-clearance", "ears-later", "holes-left-out", "not-closed"] {
        assert!(!found.iter().any(|f| f.0 == id), "{found:?}");
    }
    assert!(found.contains(&("fixation-ears", Severity::Note)));
}

#[test]
fn the_plate_of_an_onlay_is_that_of_the_inlay() {
    let (implant, tree) = onlay();
    // Below the table and away from ears the wall keeps the gap.
    let mut walls = 0;
    for &v in &implant.body.vertices {
        let p = in_hole(implant, v);
        let gap = to_wall_mm(p);
        if p.norm() < OUTER_MM - 0.9 && gap < 1.0 {
            assert!(tree.signed_distance_mm(v, 2.0).unwrap_or(2.0) > 0.45, "{gap}");
            walls += 1;
        }
    }
    assert!(walls > 300, "{walls}");
}
