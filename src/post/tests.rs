//! Properties of the text, checked without another program's G-code reader.

use std::f64::consts::TAU;

use super::*;
use crate::geometry::random::Random;
use crate::model::*;

fn tool(number: u32, kind: ToolKind, diameter_mm: f64) -> Tool {
    Tool {
        number,
        kind,
        diameter_mm,
        corner_radius_mm: if kind == ToolKind::Ball { diameter_mm / 2.0 } else { 0.0 },
        point_angle_deg: if kind == ToolKind::Drill { 118.0 } else { 0.0 },
        flute_length_mm: 10.0,
        flutes: 2,
        shank_diameter_mm: diameter_mm,
        stick_out_mm: 40.0,
        holder_diameter_mm: 22.0,
        holder_length_mm: 40.0,
    }
}

/// A 100 x 80 x 20 mm blank with the part's origin in its middle.
fn plan(coolant: &str) -> Plan {
    let cutting = |v: f64| Cutting {
        surface_speed_m_per_min: v,
        feed_per_tooth_mm_d6: 0.05,
        depth_over_diameter: 1.0,
        width_over_diameter: 0.4,
    };
    let corner = |s: f64| Point::new([50.0 * s, 40.0 * s, 10.0 * s]);
    let setup = |number, y: f64, z: f64| Setup {
        number,
        name: if z < 0.0 { "bone side and rim".into() } else { "outer side".into() },
        part_from_work: Pose::<Work, Part>::from_axes(
            Dir::new([1.0, 0.0, 0.0]),
            Dir::new([0.0, y, 0.0]),
            Dir::new([0.0, 0.0, z]),
            Point::new([-43.0, 0.0, 10.0 * z]),
        )
        .inverse(),
        work_offset: "G54".into(),
        work_zero_machine_mm: [-300.0, -200.0, -300.0],
        clearance_z_mm: 10.0,
        task: SetupTask::All,
        clamping: number,
        rotary_deg: vec![],
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
            coolant: coolant.into(),
            kienzle: Kienzle { kc11_n_per_mm2: 150.0, mc: 0.25, normal_share: 0.5 },
            rough: cutting(200.0),
            finish: cutting(200.0),
            drill: cutting(60.0),
        },
        blank: Blank { name: "plate <100>".into(), material: "peek".into(), size_mm: [100.0, 80.0, 20.0] },
        stock: BoxPart { min_mm: corner(-1.0), max_mm: corner(1.0) },
        machine: MachineTool {
            name: "mill".into(),
            travel_min_mm: [-508.0, -406.0, -394.0],
            travel_max_mm: [0.0, 0.0, 0.0],
            rapid_mm_per_min: [20000.0; 3],
            feed_mm_per_min_max: 10000.0,
            acceleration_mm_per_s2: [5000.0; 3],
            jerk_mm_per_s3: [50000.0; 3],
            spindle_rpm_min: 200.0,
            spindle_rpm_max: 20000.0,
            tool_change_s: 4.0,
            rotary: vec![],
        },
        setups: vec![setup(10, -1.0, -1.0), setup(20, 1.0, 1.0)],
        fixtures: Vec::new(),
        pins: vec![
            Pin { centre_xy_mm: [-43.0, 0.0], diameter_mm: 8.0 },
            Pin { centre_xy_mm: [43.0, 0.0], diameter_mm: 6.0 },
        ],
        tabs: vec![Tab {
            centre: Point::new([20.0, 0.0, 0.0]),
            outward_xy: [1.0, 0.0],
            width_mm: 7.0,
            z_min_mm: -1.0,
            z_max_mm: 1.0,
        }],
        lane_mm: 10.0,
        tools: [
            ("rough".to_string(), tool(1, ToolKind::Flat, 8.0)),
            ("finish".to_string(), tool(11, ToolKind::Ball, 6.0)),
            ("drill".to_string(), tool(51, ToolKind::Drill, 2.0)),
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

fn operation(setup: u32, tool: u32, coolant: &str, moves: Vec<Move>) -> Operation {
    Operation {
        name: format!("test with T{tool}"),
        setup,
        tool,
        spindle_rpm: 12000.4,
        feed_mm_per_min: 1200.0,
        plunge_mm_per_min: 300.0,
        coolant: coolant.into(),
        moves,
    }
}

fn write(
    operations: &[Operation],
    plan: &Plan,
    title: &str,
    approved: bool,
) -> Result<Vec<Program>, PostError> {
    write_programs(operations, plan, title, approved, &PostParams::of(Dialect::LinuxCnc))
}

fn start() -> Move {
    Move::Rapid([0.0, 0.0, 10.0])
}

fn both(moves: Vec<Move>) -> Vec<Operation> {
    vec![operation(10, 1, "dry", moves), operation(20, 11, "dry", vec![start(), Move::Cut([1.0, 0.0, 5.0])])]
}

fn op10(moves: Vec<Move>) -> Result<String, PostError> {
    Ok(write(&both(moves), &plan("dry"), "case 1, part 1", true)?[0].text.clone())
}

/// The positions of a program's motions in order, modal axes filled in; cycles give their x, y and bottom.
fn positions(text: &str) -> Vec<[f64; 3]> {
    let mut at = [f64::NAN; 3];
    let mut out = Vec::new();
    for line in text.lines().filter(|l| !l.starts_with('(')) {
        let mut moved = false;
        for w in line.split(' ') {
            if let Some(a) = ["X", "Y", "Z"].iter().position(|l| w.starts_with(l)) {
                at[a] = w[1..].parse().expect("a number after its letter");
                moved = true;
            }
        }
        if moved {
            out.push(at);
        }
    }
    out
}

#[test]
fn every_number_reads_back_within_half_its_last_digit() {
    let mut r = Random::new(7);
    let mut moves = vec![start()];
    let points: Vec<[f64; 3]> =
        (0..500).map(|_| [r.within(-40.0, 90.0), r.within(-39.0, 39.0), r.within(-19.0, 10.0)]).collect();
    moves.extend(points.iter().map(|&p| Move::Cut(p)));
    let read = positions(&op10(moves).unwrap());
    // Clearance, the rapid's x-y (its z is the clearance), then the cuts, then the last retract.
    let cuts = &read[2..read.len() - 1];
    assert_eq!(cuts.len(), points.len());
    for (p, q) in points.iter().zip(cuts) {
        for a in 0..3 {
            assert!((p[a] - q[a]).abs() <= 0.5e-4 + 1e-12, "{} printed as {}", p[a], q[a]);
        }
    }
}

#[test]
fn a_program_starts_safe_and_ends_safe() {
    let programs =
        write(&both(vec![start(), Move::Plunge([0.0, 0.0, -1.0])]), &plan("dry"), "case 1 (x)", true)
            .unwrap();
    assert_eq!(programs.iter().map(|p| p.file.as_str()).collect::<Vec<_>>(), ["op10.ngc", "op20.ngc"]);
    for p in &programs {
        let lines: Vec<&str> = p.text.lines().collect();
        let find =
            |w: &str| lines.iter().position(|l| *l == w).unwrap_or_else(|| panic!("{w} in\n{}", p.text));
        let first_motion = lines.iter().position(|l| l.starts_with("G0 ")).unwrap();
        assert!(find("G21 G90 G94 G17 G40 G49 G80") < find("G61") && find("G61") < find("G54"));
        assert!(find("G54") < first_motion);
        let tool = if p.setup == 10 { 1 } else { 11 };
        assert!(find(&format!("T{tool} M6")) < find(&format!("G43 H{tool}")));
        assert!(find(&format!("G43 H{tool}")) < find("S12000 M3") && find("S12000 M3") < first_motion);
        // The first motion is to the clearance height and moves nothing else.
        assert_eq!(lines[first_motion], "G0 Z10.0000");
        assert_eq!(lines[lines.len() - 3..], ["M5", "M9", "M30"]);
        assert_eq!(lines[lines.len() - 4], "G0 Z10.0000");
        assert!(!p.text.contains("DRAFT") && !p.text.contains("M0\n"));
        assert!(!p.text.contains("M8") && !p.text.contains("M7"), "PEEK is cut dry");
        assert!(
            p.text.is_ascii() && p.text.lines().all(|l| l.matches('(').count() <= 1),
            "comments do not nest"
        );
    }
    assert!(programs[0].text.contains("stock: 100.0 x 80.0 x 20.0 mm, PEEK, ASTM F2026"));
    assert!(programs[0].text.contains("T1 flat end mill D8"));
}

#[test]
fn until_approved_a_program_begins_with_draft_and_a_stop() {
    let programs =
        write(&both(vec![start(), Move::Cut([0.0, 0.0, -1.0])]), &plan("dry"), "case", false).unwrap();
    for p in programs {
        assert!(p.text.starts_with("(DRAFT)\n"));
        let stop = p.text.lines().position(|l| l == "M0").expect("a stop");
        assert!(
            p.text.lines().take(stop).all(|l| l.starts_with('(')),
            "nothing before the stop but comments"
        );
    }
}

#[test]
fn coolant_runs_for_metal_and_stops_before_the_tool_changes() {
    let ops = vec![
        operation(10, 1, "flood", vec![start(), Move::Cut([0.0, 0.0, -1.0])]),
        operation(10, 11, "flood", vec![start(), Move::Cut([0.0, 0.0, -1.0])]),
        operation(20, 11, "mist", vec![start(), Move::Cut([0.0, 0.0, -1.0])]),
    ];
    let programs = write(&ops, &plan("flood"), "case", true).unwrap();
    let text = &programs[0].text;
    assert_eq!(text.matches("\nM8\n").count(), 2);
    let (change, rise) = (text.find("T11 M6").unwrap(), text.find("Z-1.0000 F").unwrap());
    let between = &text[rise..change];
    assert!(between.contains("G0 Z10.0000\nM5\nM9\n"), "{between}");
    assert!(programs[1].text.contains("\nM7\n"));
}

#[test]
fn words_are_printed_only_when_they_change() {
    let text = op10(vec![
        start(),
        Move::Plunge([0.0, 0.0, -1.0]),
        Move::Cut([5.0, 0.0, -1.0]),
        Move::Cut([5.0, 0.0, -1.00001]),
        Move::Cut([5.0, 7.0, -1.0]),
        Move::Rapid([5.0, 7.0, 10.0]),
        Move::Rapid([6.0, 7.0, 10.0]),
        Move::Cut([6.0, -0.00001, 2.0]),
    ])
    .unwrap();
    let expected = "G0 Z10.0000\nX0.0000 Y0.0000\nG1 Z-1.0000 F300.0\nX5.0000 F1200.0\nY7.0000\nG0 Z10.0000\nX6.0000\nG1 Y0.0000 Z2.0000\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_rapid_up_goes_up_first_and_a_rapid_down_goes_down_last() {
    let text = op10(vec![
        start(),
        Move::Cut([0.0, 0.0, -5.0]),
        Move::Rapid([9.0, 8.0, 3.0]),
        Move::Rapid([1.0, 2.0, -4.0]),
    ])
    .unwrap();
    assert!(text.contains("G0 Z3.0000\nX9.0000 Y8.0000\nX1.0000 Y2.0000\nZ-4.0000\n"), "{text}");
}

#[test]
fn arcs_have_equal_radii_as_printed() {
    let mut r = Random::new(11);
    for _ in 0..300 {
        let (c, radius) = ([r.within(0.0, 60.0), r.within(-20.0, 20.0)], r.within(0.05, 15.0));
        let (a, turn) = (r.within(0.0, TAU), r.within(0.01, TAU - 0.01));
        let at = |t: f64| [c[0] + radius * t.cos(), c[1] + radius * t.sin(), -1.0];
        let clockwise = r.unit() < 0.5;
        let end = at(if clockwise { a - turn } else { a + turn });
        let text =
            op10(vec![start(), Move::Cut(at(a)), Move::Arc { to: end, centre_xy: c, clockwise }]).unwrap();
        let word = if clockwise { "G2 " } else { "G3 " };
        let Some(line) = text.lines().find(|l| l.starts_with(word)) else {
            assert!(radius * turn.min(TAU - turn) < 0.0021, "only an arc shorter than 2 um may be straight");
            continue;
        };
        let value = |l: char| {
            line.split(' ').find(|w| w.starts_with(l)).map(|w| w[1..].parse::<f64>().unwrap()).unwrap()
        };
        let s = positions(&text)[2];
        let centre = [s[0] + value('I'), s[1] + value('J')];
        let (p, q) = (
            (s[0] - centre[0]).hypot(s[1] - centre[1]),
            (value('X') - centre[0]).hypot(value('Y') - centre[1]),
        );
        // Four numbers rounded by half of 0.1 um each.
        assert!((p - q).abs() < 2e-4, "{p} {q}");
        // Half way along, the printed arc passes where it was meant to: 2 um is what the budget gives arcs, doubled.
        let half = at(if clockwise { a - turn / 2.0 } else { a + turn / 2.0 });
        let off = (half[0] - centre[0]).hypot(half[1] - centre[1]) - p;
        assert!(off.abs() < 5e-4, "{off} for radius {radius}, turn {turn}");
    }
}

#[test]
fn a_full_circle_stays_one_and_a_tiny_arc_does_not_become_one() {
    let full = op10(vec![
        start(),
        Move::Cut([10.0, 0.0, -1.0]),
        Move::Arc { to: [10.0, 0.0, -2.0], centre_xy: [5.0, 0.0], clockwise: false },
    ])
    .unwrap();
    assert!(full.contains("G3 X10.0000 Y0.0000 Z-2.0000 I-5.0000 J0.0000"), "{full}");
    let a: f64 = 2e-6;
    let tiny = op10(vec![
        start(),
        Move::Cut([10.0, 0.0, -1.0]),
        Move::Arc { to: [5.0 + 5.0 * a.cos(), 5.0 * a.sin(), -1.0], centre_xy: [5.0, 0.0], clockwise: false },
        Move::Cut([10.0, 1.0, -1.0]),
    ])
    .unwrap();
    assert!(!tiny.contains("G3") && !tiny.contains("G2 "), "{tiny}");
}

#[test]
fn holes_are_drilled_from_above_everything_and_the_cycle_is_cancelled() {
    let hole =
        |x: f64, peck_mm: f64| Move::Drill { at_xy: [x, 3.0], retract_z: 1.0, bottom_z: -8.5, peck_mm };
    let text = op10(vec![
        start(),
        Move::Cut([0.0, 0.0, -1.0]),
        hole(4.0, 1.5),
        hole(14.0, 1.5),
        hole(24.0, 0.0),
        start(),
    ])
    .unwrap();
    let expected = "G0 Z10.0000\nG98 G83 X4.0000 Y3.0000 Z-8.5000 R1.0000 Q1.5000 F300.0\n\
                    G83 X14.0000 Y3.0000 Z-8.5000 R1.0000 Q1.5000 F300.0\nG80\n\
                    G98 G81 X24.0000 Y3.0000 Z-8.5000 R1.0000 F300.0\nG80\nG0 X0.0000 Y0.0000\n";
    assert!(text.contains(expected), "{text}");
    assert!(
        op10(vec![start(), Move::Drill { at_xy: [0.0; 2], retract_z: -9.0, bottom_z: -8.0, peck_mm: 0.0 }])
            .is_err()
    );
}

#[test]
fn what_the_machine_cannot_do_is_refused_with_value_and_limit() {
    let say = |moves: Vec<Move>| op10(moves).unwrap_err().to_string();
    let far = say(vec![start(), Move::Cut([0.0, 0.0, -100.0])]);
    assert!(far.contains("machine z would be -400.000 mm") && far.contains("-394.0"), "{far}");
    assert!(say(vec![start(), Move::Cut([f64::NAN, 0.0, 0.0])]).contains("x is NaN"));
    assert!(say(vec![start(), Move::Cut([f64::INFINITY, 0.0, 0.0])]).contains("x is inf"));
    assert!(say(vec![Move::Cut([0.0; 3])]).contains("does not begin with a rapid"));
    let arc = say(vec![start(), Move::Arc { to: [3.0, 0.0, 10.0], centre_xy: [1.0, 0.0], clockwise: true }]);
    assert!(arc.contains("1.0000 and 2.0000 mm from its centre"), "{arc}");
    let with = |change: fn(&mut Operation)| {
        let mut ops = both(vec![start(), Move::Cut([0.0, 0.0, -1.0])]);
        change(&mut ops[0]);
        write(&ops, &plan("dry"), "case", true).unwrap_err().to_string()
    };
    assert!(with(|o| o.spindle_rpm = 20001.0).contains("20000"));
    assert!(with(|o| o.feed_mm_per_min = 1e5).contains("10000"));
    assert!(with(|o| o.feed_mm_per_min = f64::NAN).contains("NaN"));
    assert!(with(|o| o.plunge_mm_per_min = 0.0).contains("plunge feed"));
    assert!(with(|o| o.tool = 99).contains("T99"));
    assert!(with(|o| o.coolant = "oil".into()).contains("oil"));
    assert!(with(|o| o.setup = 30).contains("setup 30"));
    assert!(with(|o| o.setup = 20).contains("op10 has no operations"));
}

#[test]
fn the_same_operations_give_the_same_text() {
    let text = || op10(vec![start(), Move::Cut([1.0 / 3.0, 0.1, -1.0])]).unwrap();
    assert_eq!(text(), text());
}

fn small_implant() -> Implant {
    // A square pyramid frustum is enough for a drawing.
    let v = vec![
        [-18.0, -18.0, -1.0],
        [18.0, -18.0, -1.0],
        [18.0, 18.0, -1.0],
        [-18.0, 18.0, -1.0],
        [-20.0, -20.0, 1.0],
        [20.0, -20.0, 1.0],
        [20.0, 20.0, 1.0],
        [-20.0, 20.0, 1.0],
    ];
    let t = vec![
        [0, 2, 1],
        [0, 3, 2],
        [4, 5, 6],
        [4, 6, 7],
        [0, 1, 5],
        [0, 5, 4],
        [1, 2, 6],
        [1, 6, 5],
        [2, 3, 7],
        [2, 7, 6],
        [3, 0, 4],
        [3, 4, 7],
    ];
    let mesh = Mesh::new(v, t);
    Implant {
        number: 1,
        defect: 0,
        body: mesh.clone(),
        part_from_patient: Pose::identity(),
        holes: Vec::new(),
        facts: ImplantFacts {
            schema: "osteomill.implant/1".into(),
            defect: 0,
            kind: "inlay".into(),
            side: "left".into(),
            insertion_axis_lps: Dir::new([0.0, 0.0, 1.0]),
            gap_mm_nominal: 0.5,
            thickness: "constant".into(),
            thickness_mm_nominal: 2.0,
            thickness_mm_min: 2.0,
            draft_deg: 0.0,
            edge_outer_mm: 0.25,
            edge_inner_mm: 0.6,
            edge_thickness_mm_min: 1.0,
            concave_radius_mm_min: 1.65,
            volume_mm3: mesh.volume_mm3(),
            mass_g: 10.0,
            material: "peek".into(),
            holes: Vec::new(),
            watertight: true,
            part_from_patient: Pose::identity(),
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

#[test]
fn the_sheet_says_what_the_machinist_must_know() {
    let (plan, ops) = (plan("dry"), both(vec![start(), Move::Cut([0.0, 0.0, -7.25])]));
    let programs = write(&ops, &plan, "case", false).unwrap();
    let html = setup_sheet_html(&small_implant(), &plan, &ops, &programs, "case <1>", false).unwrap();
    for words in [
        "DRAFT",
        "case &lt;1&gt;",
        "plate &lt;100&gt;",
        "ASTM F2026",
        "op10: bone side and rim",
        "op20: outer side",
        "-7.250",
        "10.00 g, accepted 9.80 to 10.20 g",
        "turn the blank over",
        "tab 1",
        "D8 X0.00 Y0.00",
        "D6 X86.00 Y0.00",
        "bone side up",
        "outer side up",
        "written for LinuxCNC: op10.ngc and op20.ngc",
        "Lot or heat no.",
        "Certificate no.",
        "op10: none; op20: none",
        "radius measured",
        "0.020 mm",
        "Deburr",
        "all programs",
    ] {
        assert!(html.contains(words), "{words}");
    }
    assert_eq!(html.matches("<svg").count(), 2);
    assert!(
        !html.contains("http://")
            || html.matches("http://").count() == html.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!html.contains("NaN") && !html.contains("inf"));
    let approved = setup_sheet_html(&small_implant(), &plan, &ops, &programs, "case", true).unwrap();
    assert!(!approved.contains("DRAFT"));
    let list = tool_list(&plan, &ops, &programs);
    assert_eq!(list.tools.iter().map(|t| t.tool.number).collect::<Vec<_>>(), [1, 11]);
    assert_eq!(list.tools[0].programs, ["op10.ngc"]);
    assert!(list.linuxcnc_tool_table.starts_with("T1 P1 Z0.0 D8.0000 ;"));
}
