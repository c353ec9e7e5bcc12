//! How the implant is held, taken out, put in, and how it lifts the scalp; on the vault of the tests above.

use nalgebra::{Rotation3, Unit};

use super::super::{removal, scalp, seating};
use super::*;
use crate::model::Finding;

/// The plain implant's bone in the implant's frame.
fn bone_tree() -> Bvh<Part> {
    Bvh::new(&bone(|_| 1e3).mesh.moved(&plain().part_from_patient))
}

/// The implant with the plane of symmetry 100 mm away, so that the sagittal sinus is no matter.
fn off_the_midline(changes: &[(&str, &str)]) -> Implant {
    let mut r = reconstruction();
    r.facts.symmetry.offset_mm = 100.0;
    let changes: Vec<_> = CHANGES.iter().chain([("mesh_mm", "0.5")].iter()).chain(changes).copied().collect();
    design(&volume(|_| false), &bone(|_| 1e3), &r, 0, "peek", &peek(), &peek_with(&changes), &Silent)
        .expect("drawn")
}

fn finding<'a>(implant: &'a Implant, id: &str) -> Option<&'a Finding> {
    implant.facts.findings.iter().find(|f| f.id == id)
}

#[test]
fn the_screw_table_holds_what_the_vault_is_known_to_be() {
    let implant = off_the_midline(&[]);
    let f = &implant.facts.fixation;
    assert_eq!((f.sites.len(), f.sites_wanted, f.sites_needed), (4, 4, 3), "{f:?}");
    let mut turns = Vec::new();
    for s in &f.sites {
        let p = tilt().inverse() * s.bone_lps_mm.v();
        // The bone's net has cells of half a millimetre: chords of 0.4 µm, and 0.1 mm where it rounds nothing.
        assert!((p.norm() - OUTER_MM).abs() < 0.02, "{}", p.norm());
        assert!((s.bone_thickness_mm - (OUTER_MM - INNER_MM)).abs() < 0.05, "{s:?}");
        assert!((s.implant_thickness_mm - 4.0).abs() < 0.03, "{s:?}");
        // Along the sphere from the screw to the hole's edge; the net rounds that edge by less than its cell.
        let edge_mm = OUTER_MM * ((p.x.hypot(p.y) / OUTER_MM).asin() - (HOLE_MM / OUTER_MM).asin());
        assert!(
            (s.bone_edge_mm - edge_mm).abs() < 0.5 && s.bone_edge_mm >= 5.0,
            "{} {edge_mm}",
            s.bone_edge_mm
        );
        let axis = tilt().inverse() * s.axis_lps.v();
        assert!(axis.dot(&p.normalize()) > 2.0f64.to_radians().cos(), "out of the bone and square to it");
        assert!((s.midline_mm - (100.0 - s.bone_lps_mm.v().x)).abs() < 1e-6);
        // 0.6 + 5 − 1 and 0.6 + 4 − 1, to the half millimetre below.
        assert_eq!((s.screw_mm, s.implant_screw_mm), (4.5, Some(3.5)));
        let inner = tilt().inverse() * s.implant_lps_mm.expect("plates have two screws").v();
        assert!(to_wall_mm(inner) > 0.5 + 3.9 && (inner.norm() - OUTER_MM).abs() < 0.02);
        let reach = (s.bone_lps_mm.v() - s.implant_lps_mm.expect("as above").v()).norm();
        assert!(reach < 18.6, "a plate of 18 mm across the axis is hardly longer along the vault: {reach}");
        turns.push(p.y.atan2(p.x).to_degrees());
    }
    turns.sort_by(f64::total_cmp);
    for k in 0..4 {
        let pitch = (turns[(k + 1) % 4] - turns[k]).rem_euclid(360.0);
        assert!((pitch - 90.0).abs() < 10.0, "evenly about the rim: {turns:?}");
    }
    assert_eq!(finding(&implant, "fixation-plates").map(|f| f.severity), Some(Severity::Note));
}

#[test]
fn bone_too_thin_or_a_sinus_under_it_leaves_too_few_sites() {
    // The vault is 5 mm thick.
    let thin = off_the_midline(&[("fixation_bone_mm_min", "5.5")]);
    let f = finding(&thin, "fixation-sites").expect("somebody must look");
    assert_eq!(f.severity, Severity::Review);
    assert!(f.message.contains("bone too thin at 100 %"), "{}", f.message);
    // The plane of symmetry of the plain case runs beside the hole: no site is nearer to it than 10 mm.
    for s in &plain().facts.fixation.sites {
        assert!(s.midline_mm >= 10.0, "{s:?}");
        let x = s.bone_lps_mm.v().x.abs();
        assert!((s.midline_mm - x).abs() < 1e-9);
    }
}

#[test]
fn it_seats_unless_the_bone_is_larger_than_the_gap_lets_it() {
    let tree = bone_tree();
    let params = peek_with(&[]);
    let facts = seating::seating(&plain().mesh, &tree, &params.toml);
    assert!(facts.share_seated >= 0.99 && facts.rim_places > 100, "{facts:?}");
    assert_eq!(seating::finding(&facts, &params.toml), None);
    // Bone up to 2 mm larger, a gap of 0.5 and a wall of 10°: from 0.59 mm on it stands more than 0.5 mm proud, 35 % of the
    // time.
    let params = peek_with(&[("seating_bias_mm", "2.0")]);
    let tight = seating::seating(&plain().mesh, &tree, &params.toml);
    assert!((tight.share_seated - 0.65).abs() < 0.06, "{tight:?}");
    let asked = seating::finding(&tight, &params.toml).expect("somebody must look");
    assert_eq!((asked.id.as_str(), asked.severity), ("seating", Severity::Review));
    // A part that is larger than its hole all round seats in no trial.
    let mut wide = plain().mesh.clone();
    wide.vertices.iter_mut().for_each(|v| (v[0], v[1]) = (v[0] * 1.08, v[1] * 1.08));
    let none = seating::seating(&wide, &tree, &peek_with(&[]).toml);
    assert!(none.share_seated < 0.02, "{none:?}");
}

#[test]
fn it_comes_out_along_its_axis_and_not_along_another() {
    let tree = bone_tree();
    let out = |turn: Rotation3<f64>| {
        let pose = crate::model::Pose::<Part, Part>::new(nalgebra::Isometry3::from_parts(
            nalgebra::Translation3::identity(),
            nalgebra::UnitQuaternion::from_rotation_matrix(&turn),
        ));
        let (mesh, bone) = (plain().mesh.moved(&pose), Bvh::new(&tree.mesh().moved(&pose)));
        removal::removal(&mesh, &Bvh::new(&mesh), &bone, |p| p)
    };
    let along = out(Rotation3::identity());
    assert_eq!(along.interference_mm_max, 0.0, "{along:?}");
    assert!(along.travel_mm > 3.0 && removal::finding(&along).is_none());
    assert_eq!(plain().facts.removal.interference_mm_max, 0.0);
    // Axis 30° off: a wall of 10° is undercut by 20° there.
    let aslant = out(Rotation3::from_axis_angle(&Unit::new_normalize(Vector3::x()), 30f64.to_radians()));
    assert!(aslant.interference_mm_max > 0.3, "{aslant:?}");
    assert_eq!(removal::finding(&aslant).map(|f| f.severity), Some(Severity::Stop));
}

#[test]
fn the_lift_of_the_scalp_is_how_far_the_skin_has_sunk() {
    let flat = plain().facts.scalp.clone();
    // 1 mm voxels stepped at the skin: half a voxel at a place, less in the mean.
    assert!(flat.measured_share > 0.99 && (flat.scalp_mm_p50 - SCALP_MM).abs() < 0.5, "{flat:?}");
    assert!(flat.lift_mm_p50.abs() < 0.3 && flat.lift_mm_p95 < 1.0, "{:?}", flat.lift_mm_p95);
    // Over the hole the skin has sunk by 8 mm: 2 mm below the face of the implant.
    let sunken = head(|p| {
        let over = p.x.hypot(p.y) < 16.0;
        p.norm() > OUTER_MM + SCALP_MM - if over { 8.0 } else { 0.0 }
    });
    let implant = make(&sunken, &bone(|_| 1e3), &[("mesh_mm", "0.5")]);
    let s = &implant.facts.scalp;
    assert!((s.lift_mm_p50 - 8.0).abs() < 0.5, "{} of {}", s.lift_mm_p50, s.places);
    let asked = finding(&implant, "scalp-lift").expect("somebody must look");
    assert_eq!(asked.severity, Severity::Review);
    let at = tilt().inverse() * Vector3::from(asked.place_lps_mm.expect("a place"));
    assert!(
        at.x.hypot(at.y) < 16.0 && (at.norm() - OUTER_MM).abs() < 0.1,
        "on the face of the implant: {at:?}"
    );
    // No air at all: nothing is known, and that is said.
    let blind = make(&head(|_| false), &bone(|_| 1e3), &[("mesh_mm", "0.5")]);
    assert_eq!(finding(&blind, "scalp-unknown").map(|f| f.severity), Some(Severity::Review));
    assert!(scalp::finding(&flat, &peek_with(&[]).toml).is_none());
}
