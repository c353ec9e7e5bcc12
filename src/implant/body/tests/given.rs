//! What is given with the case: the pseudonym that is engraved, a person's edit of the body, a thickness like the bone's.

use super::*;

fn with(given: &CaseGiven<'_>, changes: &[(&str, &str)]) -> Result<Implant, ImplantError> {
    let changes: Vec<_> = CHANGES.iter().chain(changes).copied().collect();
    let (volume, bone, params) = (volume(|_| false), bone(|_| 1e3), peek_with(&changes));
    design_given(&volume, &bone, &reconstruction(), 0, "peek", &peek(), given, &params, &Silent)
}

#[test]
fn the_marking_reads_from_its_own_face_with_the_crown_up_and_no_hole_in_it() {
    let given = CaseGiven { pseudonym: Some("0123456789ab"), edited: None };
    let implant = with(&given, &[("marking_letter_mm", "2.0")]).expect("drawn");
    let m = implant.facts.marking.as_ref().expect("a plate of 7 cm² has room for letters of 2 mm");
    // The hole looks forward by more than 60° (its axis has −0.56 of +y), so the outer face is spared.
    assert_eq!((m.face.as_str(), m.arrow.as_str()), ("inner", "cranial"));
    assert_eq!(m.lines, ["012345", "6789AB", "R ^ IN"]);
    let (up, right, out) = (m.up_lps.v(), m.right_lps.v(), implant.facts.insertion_axis_lps.v());
    assert!(up.z > 0.5 && up.dot(&right).abs() < 1e-9);
    assert!(right.cross(&up).dot(&out) < -0.999, "whoever looks at the inner face reads it");
    let place = |s: &Vec<Point<Patient>>, along: Vector3<f64>| {
        s.iter().map(|p| p.v().dot(&along)).sum::<f64>() / s.len() as f64
    };
    let strokes = &m.strokes_lps_mm;
    // `0` is two strokes; the last stroke is the `N`'s.
    let (zero, n) = (&strokes[0], &strokes[strokes.len() - 1]);
    assert!(place(zero, up) > place(n, up) + 4.0 && place(zero, right) < place(n, right) - 3.0);
    let inverse = tilt().inverse();
    for p in strokes.iter().flatten() {
        let q = inverse * p.v();
        // The inner sheet, 4 mm below the outer table; 6 mm off the wall.
        assert!((q.norm() - 76.0).abs() < 0.02, "{}", q.norm());
        assert!(to_wall_mm(q) > 0.5 + 5.0, "{}", to_wall_mm(q));
        for h in &implant.facts.holes {
            let (axis, away) = (h.axis_lps.v(), p.v() - h.centre_lps_mm.v());
            let off_mm = (away - axis * away.dot(&axis)).norm();
            assert!(off_mm > 0.5 * h.diameter_mm + 0.5, "{off_mm} mm from the axis of a {} hole", h.kind);
        }
    }
    assert!(ids(&implant).contains(&("marking", Severity::Note)));
}

#[test]
fn a_plate_without_room_says_so_and_none_is_marked_unasked() {
    let given = CaseGiven { pseudonym: Some("0123456789ab"), edited: None };
    let full = with(&given, &[("hole_rim_distance_mm", "9.0"), ("mesh_mm", "0.5")]).expect("drawn");
    assert!(full.facts.marking.is_none() && ids(&full).contains(&("marking", Severity::Note)));
    let unasked = with(&given, &[("marking_face", "\"none\""), ("mesh_mm", "0.5")]).expect("drawn");
    assert!(unasked.facts.marking.is_none() && ids(&unasked).iter().all(|f| f.0 != "marking"));
}

#[test]
fn an_edited_body_takes_the_place_of_the_designed_one_and_is_looked_at() {
    let designed = plain();
    let patient_from_part = designed.part_from_patient.inverse();
    // A bump of 0.4 mm on the outer face, flat at its border.
    let middle = tilt() * Vector3::new(0.0, 0.0, OUTER_MM);
    let mut edited = designed.body.moved(&patient_from_part);
    let normals = edited.vertex_normals();
    for (v, n) in edited.vertices.iter_mut().zip(normals) {
        let (p, n) = (Vector3::from(*v), Vector3::from(n));
        let off = (p - middle).norm() / 7.0;
        if off < 1.0 && n.dot(&middle) > 0.0 {
            *v = (p + n * (0.4 * (1.0 - off * off).powi(2))).into();
        }
    }
    let given = CaseGiven { pseudonym: None, edited: Some(&edited) };
    let implant = with(&given, &[]).expect("an edit");
    let e = implant.facts.edited.as_ref().expect("it says so");
    // The place nearest to the middle is within a facet of it.
    assert!((e.change_mm_max - 0.4).abs() < 0.01, "{}", e.change_mm_max);
    // π R² h / 3 for (1 − r²)²; the sphere under it is curved, by 0.4 %.
    let bump = std::f64::consts::PI * 49.0 * 0.4 / 3.0;
    assert!((e.change_mm3 / bump - 1.0).abs() < 0.03, "{} {bump}", e.change_mm3);
    assert!(implant.facts.watertight && implant.holes.len() == designed.holes.len());
    assert!(ids(&implant).contains(&("edited", Severity::Review)));
    let said = |mesh: &Mesh<Patient>| {
        let given = CaseGiven { pseudonym: None, edited: Some(mesh) };
        with(&given, &[("mesh_mm", "0.5")]).expect_err("refused").to_string()
    };
    let drilled = said(&designed.mesh.moved(&patient_from_part));
    assert!(drilled.contains(&format!("has {} holes", designed.holes.len())), "{drilled}");
    let away =
        Mesh::new(edited.vertices.iter().map(|&[x, y, z]| [-x, y, z]).collect(), edited.triangles.clone());
    assert!(said(&away).contains("mm from the designed one"), "the other side is another part");
    let open = edited.subset(&(1..edited.triangles.len()).collect::<Vec<_>>());
    assert!(said(&open).contains("has 3 open edges"));
}

#[test]
fn matching_the_rim_it_is_as_thick_as_the_bone_and_no_thicker_than_the_envelope() {
    let thick = |changes: &[(&str, &str)]| {
        let changes: Vec<_> = [("thickness", "\"match_rim\"")].iter().chain(changes).copied().collect();
        let implant = with(&CaseGiven::default(), &changes).expect("drawn");
        assert_eq!(implant.facts.thickness, "match_rim");
        let inner: Vec<f64> = implant
            .body
            .vertices
            .iter()
            .map(|&v| in_hole(&implant, v))
            .filter(|p| to_wall_mm(*p) > 3.0 && p.norm() < 78.0)
            .map(|p| OUTER_MM - p.norm())
            .collect();
        assert!(inner.len() > 500);
        inner.iter().sum::<f64>() / inner.len() as f64
    };
    // 0.02 mm: chords of the net on the sphere.
    assert!((thick(&[]) - (OUTER_MM - INNER_MM)).abs() < 0.02);
    assert!((thick(&[("envelope_thickness_mm_max", "4.5")]) - 4.5).abs() < 0.02);
}
