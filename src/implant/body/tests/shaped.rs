//! What a planner may ask for beside the plain plate: suture holes, under-contour, a caudal gap.

use super::*;
use crate::model::Defect;

#[test]
fn suture_holes_stand_about_the_rim_of_large_implants_alone() {
    let asked = [("mesh_mm", "0.5"), ("suture_area_cm2_min", "3.0"), ("perfusion_pitch_mm", "6.5")];
    let implant = make(&volume(|_| false), &bone(|_| 1e3), &asked);
    let of = |kind: &str| implant.holes.iter().filter(|h| h.kind == kind).count();
    // Their circle is 50 mm long, holes 20 mm apart, and the perfusion holes are in the way of some.
    assert!((2..=4).contains(&of("suture")) && of("perfusion") >= 3, "{} {}", of("suture"), of("perfusion"));
    assert_eq!(implant.mesh.euler_number(), 2 - 2 * implant.holes.len() as i64);
    assert!(implant.mesh.is_closed_two_manifold());
    for (k, hole) in implant.holes.iter().enumerate().filter(|(_, h)| h.kind == "suture") {
        assert_eq!((hole.diameter_mm, hole.axis.unit), (1.5, [0.0, 0.0, 1.0]));
        let p = in_hole(&implant, hole.centre.mm);
        assert!(to_wall_mm(p * (76.0 / 80.0)) - 0.5 - 0.75 > 5.0, "nearer than 5 mm to the rim");
        for other in implant.holes.iter().skip(k + 1) {
            let web =
                (hole.centre.v() - other.centre.v()).norm() - 0.5 * (hole.diameter_mm + other.diameter_mm);
            assert!(web >= 3.0, "{web}");
        }
    }
    assert!(plain().holes.iter().all(|h| h.kind == "perfusion"), "7 cm² are too few");
}

#[test]
fn an_under_contour_lowers_the_middle_and_leaves_the_rim() {
    let implant = make(
        &volume(|_| false),
        &bone(|_| 1e3),
        &[("mesh_mm", "0.5"), ("under_contour_mm", "1.0"), ("perfusion_hole_mm", "0.0")],
    );
    let (mut rim, mut middle) = (0, 0);
    for &v in &implant.body.vertices {
        let p = in_hole(&implant, v);
        let across = p.x.hypot(p.y);
        // What lies deeper is wall or inner face.
        if p.norm() < 78.6 {
            continue;
        }
        if across < 2.0 {
            // The hole is 15 mm deep at its middle, where the lowering would be complete, 1 − 3 (ρ/15)²; three means over
            // five cells of 1 mm add 2 · 3 · 2 mm² to ρ².
            let lowered = 1.0 - 3.0 * (12.0 + across * across) / 225.0;
            assert!((OUTER_MM - p.norm() - lowered).abs() < 0.05, "{} {across}", p.norm());
            middle += 1;
        } else if (13.0..14.0).contains(&across) {
            // 1 to 2 mm inside the rim: 3 (0.13² + 6/225) of it with the means, and no more than half of that without.
            assert!((0.0..0.15).contains(&(OUTER_MM - p.norm() + 0.02)), "{} {across}", p.norm());
            rim += 1;
        }
    }
    assert!(rim > 50 && middle > 5, "{rim} {middle}");
    assert!((implant.facts.thickness_mm_min - 4.0).abs() < 0.2, "{}", implant.facts.thickness_mm_min);
}

#[test]
fn a_temporal_implant_keeps_off_the_caudal_edge_and_no_other_does() {
    let of = |site: &str| {
        let mut r = reconstruction();
        r.facts.defects = vec![Defect {
            area_mm2: 700.0,
            centroid_lps_mm: Point::new([0.0; 3]),
            site: site.into(),
            sigma_mm_p50: 0.0,
            sigma_mm_p95: 0.0,
            asymmetry_mm_p95: None,
            mirror_within_share: None,
            guide_outer: String::new(),
            guide_inner: String::new(),
        }];
        let params =
            peek_with(&[("mesh_mm", "0.5"), ("temporal_gap_mm", "3.0"), ("perfusion_hole_mm", "0.0")]);
        let implant = design(&volume(|_| false), &bone(|_| 1e3), &r, 0, "peek", &peek(), &params, &Silent)
            .expect("drawn");
        // Caudal across the insertion axis, in the hole's frame.
        let down = tilt().inverse() * Vector3::new(0.0, 0.0, -1.0);
        let down = Vector3::new(down.x, down.y, 0.0).normalize();
        let least = |towards: f64| {
            let walls = implant.body.vertices.iter().map(|&v| in_hole(&implant, v));
            walls
                // The bone's net rounds the corner to the outer table.
                .filter(|p| p.norm() < OUTER_MM - 1.0)
                .filter(|p| Vector3::new(p.x, p.y, 0.0).normalize().dot(&down) * towards > 0.9)
                .map(to_wall_mm)
                .fold(f64::INFINITY, f64::min)
        };
        (least(1.0), least(-1.0))
    };
    let (caudal, cranial) = of("left temporal");
    assert!((caudal - 3.5).abs() < 0.1 && (cranial - 0.5).abs() < 0.1, "{caudal} {cranial}");
    let (caudal, cranial) = of("left frontal");
    assert!((caudal - 0.5).abs() < 0.1 && (cranial - 0.5).abs() < 0.1, "{caudal} {cranial}");
}
