//! The whole inspection on parts whose faults are known.

use super::fixtures::*;
use super::params::tests::peek;
use super::*;
use crate::model::{Job, JobTab, Patient, Silent, TabWitness, ToolMove};

/// Kerf along rays: the wall stands 6.9° off the axis.
const CAP: Cap = Cap { outer_mm: 80.0, inner_mm: 76.0, half_rad: 0.12 };

fn part() -> Mesh<Part> {
    CAP.mesh(40, 16, 240)
}

fn run(part: &Mesh<Part>, milled: &Milled) -> Inspection {
    inspect(part, milled, &job(), None, &peek(), &Silent).unwrap()
}

#[test]
fn a_part_milled_as_designed_is_accepted() {
    let part = part();
    let got =
        run(&part, &milled(&part, touching_path(&part, |_| Some(0.0)), line_ends(&part, |_| 0.0, 0.25)));
    assert_eq!(got.facts.verdict, Verdict::Accept, "{:?}", got.facts.reasons);
    let d = &got.facts.surface.deviation_mm;
    // Balls touch every vertex; between vertices 0.25 mm apart they leave at most 0.35²/8/1.5 = 10 µm on faces, and
    // at most 25 µm beside the sharp edge. The mesh is inscribed, so nothing is cut deeper than rounding.
    assert!(d.max < 0.0254 && d.min > -1e-6 && d.p50 < 0.01, "{d:?}");
    assert_eq!(got.facts.surface.fraction_within_tolerance, 1.0);
    assert!(got.facts.surface.worst.is_empty());
    assert_eq!(got.vertex_deviation_mm.len(), part.vertices.len());
    assert!(got.facts.surface.between_samples_mm < 0.06, "{}", got.facts.surface.between_samples_mm);
}

#[test]
fn material_left_everywhere_is_rejected_with_its_amount() {
    let part = part();
    let path = touching_path(&part, |_| Some(0.03));
    let got = run(&part, &milled(&part, path, line_ends(&part, |_| 0.03, 0.25)));
    assert_eq!(got.facts.verdict, Verdict::Reject);
    let d = &got.facts.surface.deviation_mm;
    // Line ends lie at 0.03 exactly, samples between the balls up to 10 µm higher.
    assert!(d.p50 >= 0.03 - 1e-9 && d.p50 < 0.042, "{d:?}");
    assert!(got.facts.surface.fraction_within_tolerance < 1e-9);
    assert!(got.facts.reasons.iter().any(|r| r.starts_with("design surface beyond tolerance")));
    assert!(got.facts.reasons.iter().any(|r| r.starts_with("milled surface beyond tolerance")));
}

#[test]
fn either_direction_alone_is_enough_to_reject() {
    let part = part();
    let good_path = touching_path(&part, |_| Some(0.0));
    let bad_ends = run(&part, &milled(&part, good_path, line_ends(&part, |_| 0.03, 0.25)));
    assert_eq!(bad_ends.facts.verdict, Verdict::Reject);
    let bad_path = touching_path(&part, |_| Some(0.03));
    let bad_sweep = run(&part, &milled(&part, bad_path, line_ends(&part, |_| 0.0, 0.25)));
    assert_eq!(bad_sweep.facts.verdict, Verdict::Reject);
}

#[test]
fn a_gouge_is_rejected_and_its_block_named() {
    let part = part();
    let spot = part.vertices[20 * 240 + 7];
    let within = |p: &[f64; 3], r: f64| (Vector3::from(*p) - Vector3::from(spot)).norm() < r;
    let path = touching_path(&part, |p| Some(if within(p, 0.05) { -0.05 } else { 0.0 }));
    let guilty = path.iter().find(|m| within(&part.vertices[m.line as usize - 1], 0.05)).unwrap().line;
    let got = run(&part, &milled(&part, path, line_ends(&part, |_| 0.0, 0.25)));
    assert_eq!(got.facts.verdict, Verdict::Reject);
    // The deepest sample lies within 0.1 mm of the touch: at most 0.1²/(2·1.5) = 3.3 µm less.
    let min = got.facts.surface.deviation_mm.min;
    assert!((-0.0501..-0.0465).contains(&min), "{min}");
    let worst = &got.facts.surface.worst[0];
    assert_eq!((worst.kind.as_str(), worst.program.as_str(), worst.line), ("gouge", "op20.ngc", guilty));
    assert!(got.facts.reasons.iter().any(|r| r.contains(&format!("op20.ngc line {guilty}"))));
}

#[test]
fn a_gouge_between_the_samples_is_found_and_its_block_named() {
    let part = part();
    let tol = peek().t.tolerance_mm;
    let samples = samples::on_mesh(&part, peek().t.sample_mm);
    // On every facet of the outer face the place that is farthest from its samples, on a lattice of a fiftieth.
    let far = |t: usize| {
        let own: Vec<_> = samples.iter().filter(|s| s.triangle as usize == t).collect();
        let [a, b, c] = part.corners(t);
        let places =
            (1..50).flat_map(|i| (1..50 - i).map(move |j| (f64::from(i) / 50.0, f64::from(j) / 50.0)));
        let away = |p: &Vector3<f64>| {
            own.iter().map(|s| (Vector3::from(s.p_mm) - p).norm()).fold(f64::INFINITY, f64::min)
        };
        places
            .map(|(i, j)| a + (b - a) * i + (c - a) * j)
            .map(|p| (away(&p), p, part.normal(t)))
            .max_by(|x, y| x.0.total_cmp(&y.0))
            .unwrap()
    };
    let outer = (0..part.triangles.len()).filter(|&t| part.normal(t).z > 0.9).step_by(97);
    let (away, p, n) = outer.map(far).max_by(|x, y| x.0.total_cmp(&y.0)).unwrap();
    // Three micrometres a ball of 1.5 mm loses over 0.095 mm: no sample is as deep as the tolerance.
    assert!(away > 0.06, "{away}");
    let deep = tol + 0.3 * away * away / (2.0 * 1.5);
    let mut path = touching_path(&part, |_| Some(0.0));
    let tip = p + n * (1.5 - deep) - Vector3::z() * 1.5;
    path.push(ToolMove {
        line: 777_777,
        from_mm: tip.into(),
        to_mm: tip.into(),
        up: [0.0, 0.0, 1.0],
        program: 1,
        ..path[0]
    });
    let got = run(&part, &milled(&part, path, line_ends(&part, |_| 0.0, 0.25)));
    let d = &got.facts.surface.deviation_mm;
    assert!(d.min > -tol && d.min < -tol + 0.003, "no sample shows it: {d:?}");
    assert_eq!(got.facts.verdict, Verdict::Reject);
    assert!(got.facts.surface.clear_of_tabs_mm.min < -tol, "{:?}", got.facts.surface.clear_of_tabs_mm);
    assert!(
        got.facts.reasons.iter().any(|r| r.contains("gouge") && r.contains("line 777777")),
        "{:?}",
        got.facts.reasons
    );
    // A part as designed hides none deeper than was sought.
    let sound =
        run(&part, &milled(&part, touching_path(&part, |_| Some(0.0)), line_ends(&part, |_| 0.0, 0.25)));
    assert!(sound.facts.surface.gouge_between_samples_mm <= 0.006 + 1e-9, "{:?}", sound.facts.surface);
}

#[test]
fn a_patch_that_no_cutter_reached_is_rejected() {
    let part = part();
    let top = part.vertices[0];
    let path =
        touching_path(&part, |p| ((Vector3::from(*p) - Vector3::from(top)).norm() > 3.0).then_some(0.0));
    // The line ends say nothing of it: they are cut at the design, as a careless simulation might.
    let got = run(&part, &milled(&part, path, line_ends(&part, |_| 0.0, 0.25)));
    assert_eq!(got.facts.verdict, Verdict::Reject);
    // A ball of 1.5 mm whose centre stays 3.0-3.25 mm aside (vertices lie 0.25 mm apart):
    // sqrt(3² + 1.5²) − 1.5 = 1.85 to 2.08 mm, less the dome's 0.06.
    let max = got.facts.surface.deviation_mm.max;
    assert!((1.75..2.1).contains(&max), "{max}");
}

#[test]
fn a_fault_of_the_milling_is_enough_to_reject() {
    let part = part();
    let mut m = milled(&part, touching_path(&part, |_| Some(0.0)), line_ends(&part, |_| 0.0, 0.25));
    m.facts.collisions.push(crate::model::Collision {
        program: "op10.ngc".into(),
        line: 12,
        kind: "holder".into(),
        depth_mm: 0.4,
        message: "holder in the frame".into(),
    });
    let got = run(&part, &m);
    assert_eq!(got.facts.verdict, Verdict::Reject);
    assert!(got.facts.reasons[0].contains("op10.ngc line 12, holder, 0.400 mm"));
}

#[test]
fn what_cannot_be_measured_is_an_error() {
    let part = part();
    let good = milled(&part, touching_path(&part, |_| Some(0.0)), line_ends(&part, |_| 0.0, 0.5));
    let failing =
        |design: &Mesh<Part>, m: &Milled| inspect(design, m, &job(), None, &peek(), &Silent).unwrap_err();
    let mut m = good.clone();
    m.line_ends[5].p_mm[1] = f64::NAN;
    assert!(matches!(failing(&part, &m), InspectError::NotFinite { what: "line end", index: 5, .. }));
    let mut m = good.clone();
    m.path.clear();
    assert!(matches!(failing(&part, &m), InspectError::NothingMilled { moves: 0, .. }));
    let mut open = part.clone();
    open.triangles.pop();
    assert!(matches!(failing(&open, &good), InspectError::OpenDesign { open: 3, .. }));
}

mod marking;
mod open;
mod sensitivity;
mod tabs;

// ---- fit ----

fn fit_of(
    part: &Mesh<Part>,
    bone_in_part: &Mesh<Part>,
    facts: impl Fn(&mut crate::model::ImplantFacts),
) -> (FitInspection, Verdict, Vec<String>) {
    let pose = part_from_patient();
    let bone: Mesh<Patient> = bone_in_part.moved(&pose.inverse());
    let (surface, bone) = (bone_surface(bone), bone_facts());
    let mut implant = implant_facts(pose, 0.5);
    facts(&mut implant);
    let input = FitInput { surface: &surface, bone: &bone, implant: &implant, patch: None, scan: None };
    inspect_fit(part, input, &peek(), &Silent).unwrap()
}

/// Bone whose hole is the cap's cone, `gap_mm` off its wall all round.
fn bone_at(cap: &Cap, gap_mm: f64) -> Mesh<Part> {
    let apex_mm = -gap_mm / cap.half_rad.sin();
    bone_ring(cap, cap.outer_mm, cap.inner_mm - 1.0, apex_mm, cap.half_rad, 0.35, 240)
}

#[test]
fn a_part_that_keeps_the_gap_fits() {
    let part = part();
    let (fit, verdict, reasons) = fit_of(&part, &bone_at(&CAP, 0.5), |_| {});
    assert_eq!(verdict, Verdict::Accept, "{reasons:?}");
    // Both walls are the same 240-gon, parallel but for the facets of the cone: 2 µm.
    assert!((fit.gap_mm.p50 - 0.5).abs() < 0.003, "{:?}", fit.gap_mm);
    assert!((fit.gap_mm.p5 - 0.5).abs() < 0.01 && (fit.gap_mm.p95 - 0.5).abs() < 0.01, "{:?}", fit.gap_mm);
    assert!(fit.gap_error_mm_p95_abs < 0.01 && fit.rim_share.free > 0.99, "{:?}", fit.rim_share);
    assert_eq!((fit.interference_mm3, fit.interference_mm_max, fit.undercut_mm3), (0.0, 0.0, 0.0));
    // Shell of 80 − 76, inscribed balls between two inscribed meshes.
    assert!((fit.thickness_mm_min - 4.0).abs() < 0.01, "{}", fit.thickness_mm_min);
    // Both outer surfaces are the same sphere: what remains is how well a paraboloid carries it on.
    assert!(fit.step_mm.max_abs < 0.03, "{:?}", fit.step_mm);
    // 6.9° of taper: 3 mm inward brings the wall 0.36 mm nearer, not 0.5.
    assert!(!fit.seated && fit.push_in_mm.is_none());
}

#[test]
fn a_gap_that_is_wrong_is_an_error_of_the_free_rim() {
    for (gap, error) in [(0.8, 0.3), (0.2, 0.3)] {
        let (fit, verdict, _) = fit_of(&part(), &bone_at(&CAP, gap), |_| {});
        assert_eq!(verdict, Verdict::Reject);
        assert!((fit.gap_error_mm_p95_abs - error).abs() < 0.01, "{gap}: {}", fit.gap_error_mm_p95_abs);
        assert!(fit.rim_share.free > 0.9, "too wide has no excuse: {gap} {:?}", fit.rim_share);
    }
}

#[test]
fn interference_has_its_volume_and_depth() {
    let (fit, verdict, _) = fit_of(&part(), &bone_at(&CAP, -0.1), |_| {});
    assert_eq!(verdict, Verdict::Reject);
    // A skin of 0.1 mm under the cone's wall: area π·sin α·(80² − 76²), shrunk by half the skin over the radius.
    let area = std::f64::consts::PI * 0.12f64.sin() * (80.0f64.powi(2) - 76.0f64.powi(2));
    let expected = area * 0.1 * (1.0 - 0.05 / 9.3);
    // 10%: lines 0.2 mm apart through a skin 0.1 mm wide, all round.
    assert!((fit.interference_mm3 / expected - 1.0).abs() < 0.1, "{} {expected}", fit.interference_mm3);
    assert!((fit.interference_mm_max - 0.1).abs() < 0.005, "{}", fit.interference_mm_max);
}

#[test]
fn a_part_set_aside_clashes_and_cannot_leave() {
    let mut bone = bone_at(&CAP, 0.5);
    for v in &mut bone.vertices {
        v[0] += 2.0;
    }
    let (fit, verdict, _) = fit_of(&part(), &bone, |_| {});
    assert_eq!(verdict, Verdict::Reject);
    assert!(fit.interference_mm3 > 10.0 && fit.undercut_mm3 > 10.0 && fit.interference_mm_max > 1.0);
}

#[test]
fn a_mirrored_part_is_rejected() {
    // An outline that is not its own mirror image, on part and bone alike.
    let bend = |m: &Mesh<Part>, mirror: bool| {
        let f = |v: &[f64; 3]| {
            let x = v[0] + 0.02 * v[0] * v[0];
            [if mirror { -x } else { x }, v[1], v[2]]
        };
        let turn = |t: &[u32; 3]| if mirror { [t[0], t[2], t[1]] } else { *t };
        Mesh::new(m.vertices.iter().map(f).collect(), m.triangles.iter().map(turn).collect())
    };
    let bone: Mesh<Part> = bend(&bone_at(&CAP, 0.5), false);
    let (right, _, _) = fit_of(&bend(&part(), false), &bone, |_| {});
    assert_eq!(right.interference_mm3, 0.0);
    let (wrong, verdict, reasons) = fit_of(&bend(&part(), true), &bone, |_| {});
    assert_eq!(verdict, Verdict::Reject);
    assert!(wrong.interference_mm3 > 1.0, "{reasons:?}");
}

#[test]
fn a_part_nowhere_near_bone_is_rejected_not_excused() {
    let mut bone = bone_at(&CAP, 0.5);
    for v in &mut bone.vertices {
        v[2] -= 60.0;
    }
    let (fit, verdict, reasons) = fit_of(&part(), &bone, |_| {});
    assert_eq!(verdict, Verdict::Reject);
    assert_eq!(fit.gap_error_mm_p95_abs, 3.0);
    assert!(reasons[0].contains("looks at no bone"), "{reasons:?}");
}

#[test]
fn a_steep_taper_seats_and_its_thickness_is_measured() {
    let cap = Cap { outer_mm: 16.0, inner_mm: 13.5, half_rad: 0.6 };
    let bone = bone_ring(&cap, 16.0, 11.0, -0.5 / 0.6f64.sin(), 0.6, 1.2, 240);
    let (fit, _, _) = fit_of(&cap.mesh(40, 10, 240), &bone, |_| {});
    assert!(fit.seated, "{fit:?}");
    // The wall comes down on the bone's cone after gap / sin α, reached exactly where facets face each other.
    let expected = 0.5 / 0.6f64.sin();
    assert!((fit.push_in_mm.unwrap() - expected).abs() < 0.01, "{:?}", fit.push_in_mm);
    assert!((fit.thickness_mm_min - 2.5).abs() < 0.03, "{}", fit.thickness_mm_min);
}

#[test]
fn draft_is_an_excuse_only_where_draft_was_asked_for() {
    // Bone whose wall stands 3° steeper than the part's: the gap is nominal at the top and opens inwards.
    let steeper = 0.12 - 3f64.to_radians();
    let (top, z) = (80.0 * 0.12f64.sin(), 80.0 * 0.12f64.cos());
    let apex = z - (top + 0.5 / steeper.cos()) / steeper.tan();
    let opened = bone_ring(&CAP, 80.0, 75.0, apex, steeper, 0.35, 240);
    let (fit, _, _) = fit_of(&part(), &opened, |f| f.draft_deg = 6.9);
    assert!(fit.rim_share.draft > 0.5, "{:?}", fit.rim_share);
    for none in [0.0, 45.0, f64::NAN] {
        let (strict, _, _) = fit_of(&part(), &opened, |f| f.draft_deg = none);
        assert_eq!(strict.rim_share.draft, 0.0, "{none}° is no draft to claim");
        assert!(strict.gap_error_mm_p95_abs > 0.15);
    }
}

/// A round plate of 10 mm radius, 4 mm thick, upright wall, edges rounded by `outer` and `inner`.
fn plate(outer: f64, inner: f64) -> Mesh<Part> {
    let quarter = |r: f64, from: f64, z: f64| {
        (0..=8).map(move |i| {
            let a = from - std::f64::consts::FRAC_PI_2 * f64::from(i) / 8.0;
            (10.0 - r + r * a.cos(), z + r * a.sin())
        })
    };
    let mut profile: Vec<(f64, f64)> = (1..20).map(|i| (f64::from(i) * 0.45, 4.0)).collect();
    profile.extend(quarter(outer, std::f64::consts::FRAC_PI_2, 4.0 - outer));
    let (hi, lo) = (4.0 - outer, inner);
    profile.extend((1..10).map(|i| (10.0, hi + (lo - hi) * f64::from(i) / 10.0)));
    profile.extend(quarter(inner, 0.0, inner));
    profile.extend((1..20).rev().map(|i| (f64::from(i) * 0.45, 0.0)));
    disc(&profile, 240)
}

fn straight(f: &mut crate::model::ImplantFacts) {
    f.draft_deg = 0.0;
}

#[test]
fn an_overhang_is_swept_and_a_wall_too_far_off_is_not() {
    let part = plate(0.25, 0.25);
    // Bone comes to 0.5 mm in its upper half and stands back 1.5 mm below.
    let bone = |gap: f64| {
        ring(
            &[(10.0 + gap, 4.2), (10.0 + gap, 2.0), (11.5, 1.99), (11.5, -2.0), (18.0, -2.0), (18.0, 4.2)],
            240,
        )
    };
    let round = |f: &mut crate::model::ImplantFacts| {
        (f.draft_deg, f.edge_outer_mm, f.edge_inner_mm) = (0.0, 0.25, 0.25);
    };
    let (fit, _, _) = fit_of(&part, &bone(0.5), round);
    // From 0.53 mm off the corner at z = 2, that is z = 1.82, down to the rounding of the lower edge, which counts
    // as edge from 28° on.
    let expected = (1.82 - 0.25 + 0.25 * 28f64.to_radians()) / (3.5 + 0.5 * 48.59f64.to_radians());
    assert!((fit.rim_share.swept - expected).abs() < 0.05, "{:?} {expected}", fit.rim_share);
    // What is left free follows the bone: facets of the 240-gon cost 1 µm.
    assert!(fit.gap_error_mm_p95_abs < 0.035, "{}", fit.gap_error_mm_p95_abs);
    // The same overhang 0.3 mm farther than the gap: nothing holds the wall there.
    let (wide, verdict, _) = fit_of(&part, &bone(0.8), round);
    assert!(wide.rim_share.swept == 0.0 && wide.gap_error_mm_p95_abs > 0.29, "{:?}", wide.rim_share);
    assert_eq!(verdict, Verdict::Reject);
}

#[test]
fn rounded_edges_are_edge_and_sharp_ones_claim_nothing() {
    let bone = ring(&[(10.5, 5.0), (10.5, -2.0), (18.0, -2.0), (18.0, 5.0)], 240);
    let (fit, _, _) = fit_of(&plate(0.25, 0.6), &bone, straight);
    // A quarter round of radius r leaves the wall by more than 0.03 mm and is still wall where its normal has
    // turned by acos(1 − 0.03/r) to acos(√(1 − 0.75²)): 28° to 48.6° for 0.25, 18° to 48.6° for 0.6.
    let turned = |r: f64| 48.59f64.to_radians() - (1.0 - 0.03 / r).acos();
    let edge = 0.25 * turned(0.25) + 0.6 * turned(0.6);
    let whole = 4.0 - 0.85 + (0.25 + 0.6) * 48.59f64.to_radians();
    // 0.05: eight facets to a quarter, so a class ends within 11° of where it should.
    assert!((fit.rim_share.edge - edge / whole).abs() < 0.05, "{:?} {}", fit.rim_share, edge / whole);
    assert!(fit.gap_error_mm_p95_abs < 0.04 && fit.rim_share.swept == 0.0, "{fit:?}");
    // A sharp part in a hole too wide, with edges claimed but not there.
    let wide = ring(&[(10.8, 5.0), (10.8, -2.0), (18.0, -2.0), (18.0, 5.0)], 240);
    let (sharp, verdict, _) = fit_of(&plate(0.01, 0.01), &wide, straight);
    assert!(sharp.rim_share.edge < 0.02 && sharp.gap_error_mm_p95_abs > 0.29, "{:?}", sharp.rim_share);
    assert_eq!(verdict, Verdict::Reject);
}

#[test]
fn a_print_of_the_tool_beside_a_bone_spur_is_edge() {
    // A spur of bone 0.2 mm wide runs 2 mm into the defect at +x, all the way down the wall; the tool's radius of
    // 1.65 mm leaves a round notch that touches the grown spur at its tip only. The outline is radial.
    let r = 1.65;
    let tip = 10.0 - 2.0;
    let middle = tip + r;
    let outline = |phi: f64| {
        // Where the ray at phi leaves the plate: the circle of 10 mm, or the notch's near side.
        let along = middle * phi.cos();
        let under = r * r - (middle * phi.sin()).powi(2);
        if under > 0.0 && phi.cos() > 0.0 { (along - under.sqrt()).min(10.0) } else { 10.0 }
    };
    let mut part = plate(0.01, 0.01);
    // Fine turns where the notch is: squeeze the ring's angles towards +x.
    for v in &mut part.vertices {
        let (rho, phi) = (v[0].hypot(v[1]), v[1].atan2(v[0]));
        let phi = phi * (0.25 + 0.75 * (phi.abs() / std::f64::consts::PI).powi(2));
        let rho = rho * outline(phi) / 10.0;
        (v[0], v[1]) = (rho * phi.cos(), rho * phi.sin());
    }
    let ring_bone = ring(&[(10.5, 5.0), (10.5, -2.0), (18.0, -2.0), (18.0, 5.0)], 240);
    let spur = ring(&[(1e-3, 5.0), (1e-3, -2.0), (0.1, -2.0), (0.1, 5.0)], 24);
    let mut bone = ring_bone.clone();
    // The spur is a wall of 0.2 mm: a thin cylinder drawn out along x from its tip into the ring.
    let base = bone.vertices.len() as u32;
    bone.vertices.extend(spur.vertices.iter().map(|v| {
        let x = if v[0] > 0.0 { 11.0 } else { tip + 0.5 + 0.1 };
        [x + v[0], v[1], v[2]]
    }));
    bone.triangles.extend(spur.triangles.iter().map(|t| t.map(|i| i + base)));
    let (fit, _, reasons) = fit_of(&part, &bone, straight);
    assert!(fit.rim_share.edge > 0.02, "{:?} {reasons:?}", fit.rim_share);
    let (strict, _, _) = fit_of(&part, &bone, |f| {
        f.draft_deg = 0.0;
        f.concave_radius_mm_min = f64::NAN;
    });
    assert!(strict.rim_share.edge < 0.3 * fit.rim_share.edge, "{:?}", strict.rim_share);
}

#[test]
fn a_hole_is_measured_and_a_missing_one_is_noticed() {
    // A washer: its bore is the hole.
    let part = ring(&[(1.0, 4.0), (1.0, 0.0), (10.0, 0.0), (10.0, 4.0)], 240);
    let bone = ring(&[(10.5, 5.0), (10.5, -2.0), (18.0, -2.0), (18.0, 5.0)], 240);
    let with = |diameter_mm: f64, x: f64| {
        let (_, _, reasons) = fit_of(&part, &bone, |f| {
            let back = f.part_from_patient.inverse();
            f.draft_deg = 0.0;
            f.holes = vec![crate::model::HoleFacts {
                kind: "perfusion".into(),
                diameter_mm,
                centre_lps_mm: back.apply(crate::model::Point::new([x, 0.0, 4.0])),
                axis_lps: back.turn(crate::model::Dir::new([0.0, 0.0, 1.0])),
                countersink: None,
                mouth_break_mm: 0.0,
            }];
        });
        reasons.into_iter().find(|r| r.contains("hole 1"))
    };
    assert_eq!(with(2.0, 0.0), None);
    assert!(with(2.2, 0.0).unwrap().contains("mm, least allowed 2.1500"), "too narrow by 0.2");
    assert!(with(2.0, 5.0).unwrap().contains("is 0.0000 mm"), "no hole there");
}

#[test]
fn the_axis_must_be_the_parts_z() {
    let pose = part_from_patient();
    let bone: Mesh<Patient> = bone_at(&CAP, 0.5).moved(&pose.inverse());
    let (surface, bone) = (bone_surface(bone), bone_facts());
    let mut implant = implant_facts(pose, 0.5);
    implant.insertion_axis_lps = implant.insertion_axis_lps.reversed();
    let input = FitInput { surface: &surface, bone: &bone, implant: &implant, patch: None, scan: None };
    let got = inspect_fit(&part(), input, &peek(), &Silent);
    assert!(matches!(got, Err(InspectError::AxisMismatch { .. })));
}

#[test]
fn one_thread_and_two_say_the_same() {
    let part = CAP.mesh(20, 8, 120);
    let m = milled(&part, touching_path(&part, |_| Some(0.001)), line_ends(&part, |_| 0.001, 0.5));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| serde_json::to_string(&run(&part, &m).facts).unwrap())
    };
    assert_eq!(on(1), on(2));
}

/// Prints the times of a whole inspection of 25 cm²; run with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a check"]
fn how_long_a_part_of_25_cm2_takes() {
    let cap = Cap { outer_mm: 80.0, inner_mm: 76.0, half_rad: 0.36 };
    let part = cap.mesh(75, 10, 330);
    let ends = line_ends(&part, |_| 0.0, 0.115);
    let mut path = touching_path(&part, |_| Some(0.0));
    path.extend(path.clone());
    println!("{} triangles, {} line ends, {} moves", part.triangles.len(), ends.len(), path.len());
    let m = milled(&part, path, ends);
    struct Clock(std::time::Instant);
    impl Watch for Clock {
        fn progress(&self, done: u64, _: u64) {
            println!("{:6.2} s step {done}", self.0.elapsed().as_secs_f64());
        }
        fn note(&self, what: &str) {
            println!("{:6.2} s {what}", self.0.elapsed().as_secs_f64());
        }
    }
    let pose = part_from_patient();
    let bone: Mesh<Patient> =
        bone_ring(&cap, 80.0, 75.0, -0.5 / 0.36f64.sin(), 0.36, 0.8, 330).moved(&pose.inverse());
    let (surface, bone) = (bone_surface(bone), bone_facts());
    let implant = implant_facts(pose, 0.5);
    let input = FitInput { surface: &surface, bone: &bone, implant: &implant, patch: None, scan: None };
    let got = inspect(&part, &m, &job(), Some(input), &peek(), &Clock(std::time::Instant::now())).unwrap();
    println!("{:?}\n{:?}\n{:?}", got.facts.reasons, got.facts.surface, got.facts.fit);
}
