//! Each check on a part that passes and on one that must not. The parts are small closed bodies made by formula.

use super::*;
use crate::model::*;

mod upstream;

fn params(text: &str) -> Result<ReviewParams, toml::de::Error> {
    #[derive(serde::Deserialize)]
    struct File {
        review: ReviewParams,
    }
    toml::from_str::<File>(text).map(|f| f.review)
}

fn peek() -> ReviewParams {
    params(include_str!("params-peek.toml")).expect("the shipped table is valid")
}

/// A body over the square ring of layers `(half side, z)`, bottom to top, closed by two lids.
fn stack(layers: &[(f64, f64)]) -> Mesh<Part> {
    let mut v = Vec::new();
    for &(s, z) in layers {
        v.extend([[-s, -s, z], [s, -s, z], [s, s, z], [-s, s, z]]);
    }
    let mut t = vec![[0, 2, 1], [0, 3, 2]];
    for l in 0..layers.len() as u32 - 1 {
        for k in 0..4u32 {
            let (a, b) = (4 * l + k, 4 * l + (k + 1) % 4);
            t.extend([[a, b, b + 4], [a, b + 4, a + 4]]);
        }
    }
    let o = 4 * (layers.len() as u32 - 1);
    t.extend([[o, o + 1, o + 2], [o, o + 2, o + 3]]);
    let mesh = Mesh::new(v, t);
    assert!(mesh.is_closed_two_manifold() && mesh.volume_mm3() > 0.0);
    mesh
}

fn implant(mesh: Mesh<Part>) -> Implant {
    let part_from_patient = Pose::<Part, Patient>::from_axes(
        Dir::new([1.0, 0.0, 0.0]),
        Dir::new([0.0, 1.0, 0.0]),
        Dir::new([0.0, 0.0, 1.0]),
        Point::new([10.0, 20.0, 30.0]),
    );
    Implant {
        number: 1,
        defect: 0,
        body: mesh.clone(),
        part_from_patient,
        holes: vec![Hole {
            kind: "perfusion".into(),
            diameter_mm: 2.0,
            centre: Point::new([0.0, 0.0, 4.0]),
            axis: Dir::new([0.0, 0.0, 1.0]),
            length_mm: 4.0,
            countersink: None,
            mouths: None,
        }],
        facts: ImplantFacts {
            schema: "osteomill.implant/1".into(),
            defect: 0,
            kind: "inlay".into(),
            side: "left".into(),
            insertion_axis_lps: Dir::new([0.0, 0.0, 1.0]),
            gap_mm_nominal: 0.5,
            thickness: "constant".into(),
            thickness_mm_nominal: 4.0,
            thickness_mm_min: 4.0,
            draft_deg: 3.0,
            edge_outer_mm: 0.25,
            edge_inner_mm: 0.6,
            edge_thickness_mm_min: 1.0,
            concave_radius_mm_min: 1.65,
            volume_mm3: mesh.volume_mm3(),
            mass_g: mesh.volume_mm3() * 1.3e-3,
            material: "peek".into(),
            holes: Vec::new(),
            watertight: true,
            part_from_patient,
            outer_area_mm2: 1600.0,
            sinus_distance_mm: None,
            fixation: Default::default(),
            removal: Default::default(),
            seating: Default::default(),
            scalp: Default::default(),
            marking: None,
            edited: None,
            findings: Vec::new(),
        },
        mesh,
    }
}

fn tool(number: u32, kind: ToolKind, diameter_mm: f64, stick_out_mm: f64) -> Tool {
    Tool {
        number,
        kind,
        diameter_mm,
        corner_radius_mm: if kind == ToolKind::Ball { diameter_mm / 2.0 } else { 0.0 },
        point_angle_deg: 118.0,
        flute_length_mm: 2.0 * diameter_mm,
        flutes: 2,
        shank_diameter_mm: diameter_mm - 0.1,
        stick_out_mm,
        holder_diameter_mm: 22.0,
        holder_length_mm: 40.0,
    }
}

fn setup(number: u32) -> Setup {
    Setup {
        number,
        name: String::new(),
        part_from_work: Pose::identity(),
        work_offset: "G54".into(),
        work_zero_machine_mm: [0.0; 3],
        clearance_z_mm: 10.0,
        task: SetupTask::All,
        clamping: number,
        rotary_deg: Vec::new(),
    }
}

fn plan(implant: &Implant) -> Plan {
    let (lo, hi) = implant.body.bounds_mm().unwrap();
    let cutting = Cutting {
        surface_speed_m_per_min: 200.0,
        feed_per_tooth_mm_d6: 0.05,
        depth_over_diameter: 1.0,
        width_over_diameter: 0.4,
    };
    let tab = |x: f64, y: f64| Tab {
        centre: Point::new([20.0 * x, 20.0 * y, 2.0]),
        outward_xy: [x, y],
        width_mm: 7.0,
        z_min_mm: 1.0,
        z_max_mm: 3.0,
    };
    Plan {
        schema: "osteomill.plan/1".into(),
        material_key: "peek".into(),
        material: Material {
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
        },
        blank: Blank { name: "plate".into(), material: "peek".into(), size_mm: [88.0, 88.0, 12.0] },
        stock: BoxPart {
            min_mm: Point::new([lo[0] - 24.0, lo[1] - 24.0, lo[2] - 4.0]),
            max_mm: Point::new([hi[0] + 24.0, hi[1] + 24.0, hi[2] + 4.0]),
        },
        machine: MachineTool {
            name: "mill".into(),
            travel_min_mm: [-500.0; 3],
            travel_max_mm: [0.0; 3],
            rapid_mm_per_min: [20000.0; 3],
            feed_mm_per_min_max: 10000.0,
            acceleration_mm_per_s2: [5000.0; 3],
            jerk_mm_per_s3: [50000.0; 3],
            spindle_rpm_min: 200.0,
            spindle_rpm_max: 20000.0,
            tool_change_s: 4.0,
            rotary: vec![],
        },
        setups: vec![setup(10), setup(20)],
        fixtures: Vec::new(),
        pins: Vec::new(),
        tabs: vec![tab(1.0, 0.0), tab(0.0, 1.0), tab(-1.0, 0.0), tab(0.0, -1.0)],
        lane_mm: 10.0,
        tools: [
            ("rough".to_string(), tool(1, ToolKind::Flat, 8.0, 35.0)),
            ("finish".to_string(), tool(11, ToolKind::Ball, 6.0, 30.0)),
            ("rim".to_string(), tool(31, ToolKind::Ball, 3.0, 16.0)),
            ("drill".to_string(), tool(51, ToolKind::Drill, 2.0, 30.0)),
        ]
        .into(),
        rough_allowance_mm: 0.5,
        scallop_mm: 0.008,
        finish_skin_mm: 0.26,
        visibility: None,
        flip: None,
        nest: None,
        findings: Vec::new(),
    }
}

/// Walls narrow inwards: 19.8 mm at the bone side, 20 at the outer.
fn good() -> Implant {
    implant(stack(&[(19.8, 0.0), (20.0, 4.0)]))
}

fn review(change: impl FnOnce(&mut Implant, &mut Plan)) -> Review {
    let mut part = good();
    let mut plan = plan(&part);
    change(&mut part, &mut plan);
    review_design(&part, &plan, &Upstream::default(), &peek())
}

fn found<'a>(r: &'a Review, id: &str) -> Option<&'a Finding> {
    r.findings.iter().find(|f| f.id == id)
}

#[test]
fn a_sound_part_stops_nothing_and_asks_for_nothing() {
    let r = review(|_, _| ());
    assert!(!r.stops());
    assert!(r.findings.iter().all(|f| f.severity == Severity::Note), "{:#?}", r.findings);
    // Deflections are said even when they are small.
    for id in ["deflection-plate-op20-finish", "deflection-tool-op10-rim", "deflection-tool-op20-rim"] {
        assert!(found(&r, id).is_some(), "{id}");
    }
}

#[test]
fn each_broken_limit_stops_the_case_under_its_name() {
    type Change = fn(&mut Implant, &mut Plan);
    let cases: [(&str, Change); 15] = [
        ("grade", |_, p| p.material.implant_standard.clear()),
        ("material-mismatch", |i, _| i.facts.material = "cp-ti".into()),
        ("material-mismatch", |_, p| p.blank.material = "316l".into()),
        ("not-closed", |i, _| {
            i.mesh.triangles.pop();
        }),
        ("min-thickness", |i, _| i.facts.thickness_mm_min = 1.99),
        ("min-thickness", |i, _| i.facts.thickness_mm_min = f64::NAN),
        ("envelope-nominal-thickness", |i, _| i.facts.thickness_mm_nominal = 7.0),
        ("envelope-nominal-gap", |i, _| i.facts.gap_mm_nominal = 1.6),
        ("envelope-outer-area", |i, _| i.facts.outer_area_mm2 = 15100.0),
        ("hole-edge", |i, _| i.holes[0].centre = Point::new([16.0, 0.0, 4.0])),
        ("hole-axis", |i, _| i.holes[0].axis = Dir::new([0.1, 0.0, 1.0])),
        ("stock-margin", |_, p| p.stock.max_mm = Point::new([30.0, 44.0, 8.0])),
        ("tool-reach", |_, p| p.tools.get_mut("rim").unwrap().stick_out_mm = 9.0),
        ("shank", |_, p| p.tools.get_mut("rim").unwrap().shank_diameter_mm = 6.0),
        ("sinus-distance", |i, _| i.facts.sinus_distance_mm = Some(1.9)),
    ];
    for (id, change) in cases {
        let r = review(change);
        let f = found(&r, id).unwrap_or_else(|| panic!("{id} in {:#?}", r.findings));
        assert_eq!(f.severity, Severity::Stop, "{id}");
        assert!(r.stops() && r.findings[0].severity == Severity::Stop, "worst first");
    }
}

#[test]
fn a_hollow_narrower_than_the_tool_is_named() {
    let r = review(|i, _| i.facts.concave_radius_mm_min = 1.6);
    assert_eq!(found(&r, "concave-radius").unwrap().severity, Severity::Change);
}

#[test]
fn holes_near_the_rim_or_each_other_are_named_with_their_place() {
    // 20 mm half side, 1 mm radius: 4.5 mm of wall at x = 14.5, which is above 2 D and below 5 mm.
    let r = review(|i, _| i.holes[0].centre = Point::new([14.5, 0.0, 4.0]));
    let f = found(&r, "hole-edge").unwrap();
    assert_eq!(f.severity, Severity::Change);
    assert!((f.measured.unwrap() - 4.5).abs() < 0.11, "{f:?}");
    assert_eq!(f.place_lps_mm, Some([24.5, 20.0, 34.0]), "patient frame");
    let r = review(|i, _| {
        let mut second = i.holes[0].clone();
        second.centre = Point::new([4.0, 0.0, 4.0]);
        i.holes.push(second);
    });
    let f = found(&r, "hole-web").unwrap();
    assert!((f.measured.unwrap() - 2.0).abs() < 1e-9 && f.severity == Severity::Stop);
}

#[test]
fn a_waist_is_an_undercut_and_noise_is_not() {
    let with = |waist: f64| {
        let part = implant(stack(&[(20.0, 0.0), (waist, 2.0), (20.0, 4.0)]));
        let plan = plan(&part);
        let r = review_design(&part, &plan, &Upstream::default(), &peek());
        found(&r, "undercut").cloned()
    };
    let f = with(19.5).expect("half a millimetre of waist");
    assert_eq!(f.severity, Severity::Stop);
    // All four flared walls: 4 x 2 x 40 mm x 2.06 mm.
    assert!((f.measured.unwrap() - 4.0 * 2.0 * 39.5 * 2.0616).abs() < 5.0, "{f:?}");
    assert!(with(19.99).is_none(), "10 um of waist are below the limit");
    assert!(with(20.0).is_none());
}

#[test]
fn what_a_planned_pose_is_to_reach_is_no_undercut_and_only_that() {
    let part = implant(stack(&[(20.0, 0.0), (19.5, 2.0), (20.0, 4.0)]));
    let mesh = &part.body;
    let left_mm2 = |deg: f64, task: SetupTask, number: u32| {
        let mut plan = plan(&part);
        let turn = nalgebra::Rotation3::from_axis_angle(&nalgebra::Vector3::x_axis(), deg.to_radians());
        let mut own = setup(21);
        own.part_from_work = Pose::new(nalgebra::Isometry3::from_parts(
            nalgebra::Translation3::identity(),
            nalgebra::UnitQuaternion::from_rotation_matrix(&turn),
        ));
        own.task = task;
        plan.setups.push(own);
        // All that faces −y, seen or not.
        let facets = (0..mesh.triangles.len()).filter(|&t| mesh.normal(t).y < -0.5);
        let visibility = Visibility {
            directions: 2000,
            seen_share: 0.0,
            unseen_mm2: 0.0,
            hidden_mm2: 0.0,
            narrow_mm2: 0.0,
            slope_deg_max: 0.0,
            stock_height_mm: 0.0,
            reach_mm: 0.0,
            best_unseen_mm2: 0.0,
            best_deg: 0.0,
            cover: vec![Cover {
                setup: number,
                clamping: 20,
                rotary_deg: vec![-deg, 0.0],
                tilt_deg: deg,
                facets: facets.map(|t| t as u32).collect(),
                area_mm2: 0.0,
            }],
            uncovered_mm2: 0.0,
        };
        plan.visibility = Some(visibility);
        let r = review_design(&part, &plan, &Upstream::default(), &peek());
        found(&r, "undercut").expect("three walls stay hidden").measured.unwrap()
    };
    let all = 4.0 * 2.0 * 39.5 * 2.0616;
    // Work z leans 40° towards −y: the wall's two halves, 14° aslant, look at it.
    assert!((left_mm2(40.0, SetupTask::Cover, 21) - 0.75 * all).abs() < 5.0);
    // Too upright for the half that faces down; turned away; in a setup that drills; in one that is not there.
    assert!((left_mm2(10.0, SetupTask::Cover, 21) - 0.875 * all).abs() < 5.0);
    for (deg, task, number) in
        [(-40.0, SetupTask::Cover, 21), (40.0, SetupTask::Holes, 21), (40.0, SetupTask::Cover, 22)]
    {
        assert!((left_mm2(deg, task, number) - all).abs() < 5.0, "{deg} {task:?} {number}");
    }
}

#[test]
fn a_tool_that_bends_has_three_answers() {
    let severity = |stick_out: f64| {
        let r = review(|_, p| p.tools.get_mut("rim").unwrap().stick_out_mm = stick_out);
        found(&r, "deflection-tool-op20-rim").unwrap().severity
    };
    // Some 1.4 N on D3: 1.15 um/N at 15 mm, with the cube of the length: 1.9, 13 and 30 um.
    assert_eq!([16.0, 30.0, 40.0].map(severity), [Severity::Note, Severity::Change, Severity::Stop]);
}

#[test]
fn a_plate_is_held_against_ten_micrometres_where_nothing_is_under_it_and_only_there() {
    let of = |change: &dyn Fn(&mut Plan), op: &str| {
        let r = review(|_, p| change(p));
        let f = found(&r, &format!("deflection-plate-{op}-finish")).expect("said per pass").clone();
        (f.severity, f.measured.unwrap())
    };
    let thin_tabs = |p: &mut Plan| p.tabs.iter_mut().for_each(|t| t.z_max_mm = t.z_min_mm + 1.5);
    // Force and stiffness from the closed forms: 2.5 N; tabs of 2 mm 1.24 um/N together, three times that where it tilts.
    let (severity, um) = of(&|_| (), "op20");
    assert!(severity == Severity::Note && um > 8.0 && um < 10.0, "{um}");
    // (2 / 1.5)³ = 2.37 times as much.
    let (severity, thin_um) = of(&thin_tabs, "op20");
    assert!(severity == Severity::Stop && (thin_um / um - 2.37).abs() < 0.01, "{thin_um}");
    assert_eq!(of(&thin_tabs, "op10"), (Severity::Note, 0.0), "on the uncut blank");
    assert_eq!(of(&|p| p.tabs.clear(), "op20").0, Severity::Stop, "a plate on nothing");
    // Roughed on both sides it hangs while its first side is finished, and lies on a nest for the second.
    let rough_first = |p: &mut Plan| {
        thin_tabs(p);
        p.setups = [10, 20, 30, 40].map(setup).into();
        for (s, task) in p.setups.iter_mut().zip([
            SetupTask::Rough,
            SetupTask::Rough,
            SetupTask::Finish,
            SetupTask::Finish,
        ]) {
            s.task = task;
        }
        let own = Plan { nest: None, ..p.clone() };
        p.nest =
            Some(Box::new(Nest { carries: 40, inset_mm: 4.0, ground_z_mm: 0.0, seat_mm2: 1.0, plan: own }));
    };
    assert_eq!(of(&rough_first, "op30").0, Severity::Stop);
    assert_eq!(of(&rough_first, "op40"), (Severity::Note, 0.0));
}

#[test]
fn limits_that_cannot_be_are_refused_by_key_and_the_titanium_table_is_valid() {
    params(include_str!("params-titanium.toml")).expect("valid");
    let text = include_str!("params-peek.toml");
    let refusal = |from: &str, to: &str| {
        assert!(text.contains(from));
        params(&text.replacen(from, to, 1)).unwrap_err().to_string()
    };
    assert!(refusal("thickness_mm_min = 2.0", "thickness_mm_min = nan").contains("review.thickness_mm_min"));
    assert!(
        refusal("deflection_unsupported_um_stop = 10.0", "deflection_unsupported_um_stop = 0.0")
            .contains("review.deflection_unsupported_um_stop")
    );
    assert!(
        refusal("deflection_um_stop = 25.0", "deflection_um_stop = 60.0")
            .contains("review.deflection_um_stop")
    );
    assert!(refusal("undercut_mm_max = 0.02", "undercut_mm = 0.02").contains("undercut_mm"));
}
