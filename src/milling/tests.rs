//! Whole jobs with results that can be computed, and every fault by a small program.

use super::params::tests::params;
use super::*;
use crate::model::{
    BoxPart, Dialect, Fixture, JobProgram, JobTab, LineEnd, MachineTool, Point, Pose, Silent, Tool, ToolKind,
};

fn tool(number: u32, kind: ToolKind, diameter_mm: f64) -> Tool {
    Tool {
        number,
        kind,
        diameter_mm,
        corner_radius_mm: match kind {
            ToolKind::Ball => diameter_mm / 2.0,
            ToolKind::Bull => 1.0,
            _ => 0.0,
        },
        point_angle_deg: match kind {
            ToolKind::Drill => 118.0,
            ToolKind::Chamfer => 90.0,
            _ => 0.0,
        },
        flute_length_mm: 8.0,
        flutes: 2,
        shank_diameter_mm: 6.0,
        stick_out_mm: 25.0,
        holder_diameter_mm: 20.0,
        holder_length_mm: 40.0,
    }
}

fn machine() -> MachineTool {
    MachineTool {
        name: "test mill".into(),
        travel_min_mm: [-400.0, -300.0, -300.0],
        travel_max_mm: [0.5, 0.5, 0.5],
        rapid_mm_per_min: [15_000.0, 15_000.0, 10_000.0],
        feed_mm_per_min_max: 6_000.0,
        acceleration_mm_per_s2: [2_000.0; 3],
        jerk_mm_per_s3: [50_000.0; 3],
        spindle_rpm_min: 500.0,
        spindle_rpm_max: 18_000.0,
        tool_change_s: 6.0,
        rotary: vec![],
    }
}

/// Blank 30 x 20 x 10 mm with its top face at z = 0 and a corner at the work zero of `op10`, which lies on the part's
/// axes; `op20` is turned about x, its zero on the same corner of the face below.
pub(super) fn job(files: &[&str]) -> Job {
    let entry = |file: &str| {
        let second = file.starts_with("op20");
        let part_from_work = if second {
            Pose::new(nalgebra::Isometry3::from_parts(
                nalgebra::Translation3::new(0.0, 20.0, -10.0),
                nalgebra::UnitQuaternion::from_axis_angle(&nalgebra::Vector3::x_axis(), std::f64::consts::PI),
            ))
        } else {
            Pose::identity()
        };
        JobProgram {
            file: file.into(),
            dialect: Dialect::LinuxCnc,
            setup: if second { 20 } else { 10 },
            work_offset: if second { "G55".into() } else { "G54".into() },
            part_from_work,
            work_zero_machine_mm: [-200.0, -150.0, -200.0],
        }
    };
    Job {
        schema: "osteomill.job/1".into(),
        expansion_um_per_m_k: None,
        program: files.iter().map(|f| entry(f)).collect(),
        stock: BoxPart { min_mm: Point::new([0.0, 0.0, -10.0]), max_mm: Point::new([30.0, 20.0, 0.0]) },
        machine: machine(),
        tool: vec![
            tool(1, ToolKind::Flat, 6.0),
            tool(2, ToolKind::Ball, 6.0),
            tool(3, ToolKind::Bull, 6.0),
            tool(4, ToolKind::Drill, 2.0),
            tool(5, ToolKind::Chamfer, 6.0),
            tool(6, ToolKind::Ball, 3.0),
        ],
        fixture: vec![Fixture {
            name: "clamp".into(),
            setups: vec![10],
            body: BoxPart { min_mm: Point::new([-20.0, 8.0, -10.0]), max_mm: Point::new([1.0, 12.0, 6.0]) },
        }],
        chip_load: vec![],
        tab: vec![],
    }
}

/// A program with one tool around `body`.
pub(super) fn program(t: u32, body: &str) -> ProgramText {
    ProgramText {
        file: "op10.ngc".into(),
        text: format!(
            "G21 G90 G94 G17 G40 G49 G80\nG54\nT{t} M6\nG43 H{t}\nS8000 M3\nG0 Z20.\n{body}\nG0 Z20.\nM5\nM30\n"
        ),
    }
}

fn run(programs: &[ProgramText], changed: &[(&str, f64)]) -> Milled {
    let files: Vec<&str> = programs.iter().map(|p| p.file.as_str()).collect();
    mill(programs, &job(&files), None, &params(changed), &Silent).expect("the job makes sense")
}

fn clean(milled: &Milled) {
    assert!(milled.facts.collisions.is_empty(), "{:#?}", milled.facts.collisions);
}

/// Ends of a family away from the faces of the blank.
pub(super) fn inner(milled: &Milled, axis: u8) -> Vec<LineEnd> {
    let on_face = |p: [f64; 3]| {
        p[axis as usize] <= [0.0, 0.0, -10.0][axis as usize] + 1e-9
            || p[axis as usize] >= [30.0, 20.0, 0.0][axis as usize] - 1e-9
    };
    milled.line_ends.iter().copied().filter(|e| e.axis == axis && !on_face(e.p_mm)).collect()
}

#[test]
fn a_flat_cutter_leaves_a_plane_and_upright_walls() {
    let m = run(&[program(1, "G0 X-4. Y4.\nG0 Z-2.\nG1 X40. F800.")], &[("dexel_mm", 0.25)]);
    clean(&m);
    let floor = inner(&m, 2);
    assert!(!floor.is_empty());
    assert!(floor.iter().all(|e| e.p_mm[2] == -2.0 && e.material_below), "depth is what the program says");
    // Lines along y cross both walls, 3 mm from the middle of the tool.
    let walls = inner(&m, 1);
    assert!(!walls.is_empty());
    for e in walls {
        let expected = if e.material_below { 1.0 } else { 7.0 };
        assert!((e.p_mm[1] - expected).abs() < 1e-9, "{e:?}");
    }
    // The groove is 6 wide, 2 deep, 30 long; lines stand 0.25 apart, so a wall is known to 0.25 of its 30 x 2.
    assert!((m.facts.part_mm3 - (6000.0 - 360.0)).abs() < 15.0, "{}", m.facts.part_mm3);
    assert!(m.mesh.is_closed_two_manifold());
    assert!((m.mesh.volume_mm3() - (6000.0 - 360.0)).abs() < 60.0, "{}", m.mesh.volume_mm3());
}

#[test]
fn a_ball_leaves_a_cylinder_and_a_tilted_one_where_it_climbs() {
    // A groove that falls from z = -1 to -2 over 40 mm along x.
    let m = run(&[program(2, "G0 X-5. Y10.\nG0 Z-1.\nG1 X35. Z-2. F800.")], &[("dexel_mm", 0.2)]);
    let slope = -1.0 / 40.0;
    let axis_at = |x: f64| -1.0 + 3.0 + slope * (x + 5.0);
    for axis in 0..3 {
        let ends: Vec<_> = inner(&m, axis)
            .into_iter()
            .filter(|e| e.p_mm[0] > 1.0 && e.p_mm[0] < 29.0 && e.p_mm[2] < -0.01)
            .collect();
        assert!(!ends.is_empty(), "axis {axis}");
        for e in ends {
            // Distance from the cylinder's axis, which passes through the ball's middles.
            let [x, y, z] = e.p_mm;
            let across = (z - axis_at(x)) / (1.0f64 + slope * slope).sqrt();
            let d = (y - 10.0).hypot(across);
            assert!((d - 3.0).abs() < 1e-9, "axis {axis} {e:?}: {d}");
        }
    }
}

#[test]
fn a_ball_straight_down_leaves_half_a_ball_and_is_told_off_for_it() {
    let m = run(&[program(2, "G0 X15. Y10.\nG0 Z1.\nG1 Z-2.5 F200.")], &[("dexel_mm", 0.1)]);
    for axis in 0..3 {
        let ends = inner(&m, axis);
        assert!(ends.len() > 500, "axis {axis}: {}", ends.len());
        for e in ends {
            let d = (0..3).map(|a| (e.p_mm[a] - [15.0, 10.0, 0.5][a]).powi(2)).sum::<f64>().sqrt();
            assert!((d - 3.0).abs() < 1e-9, "{e:?}: {d}");
        }
    }
    assert_eq!(m.facts.collisions.len(), 1);
    assert_eq!(m.facts.collisions[0].kind, "plunge-full-width");
}

#[test]
fn a_torus_leaves_its_corner_and_a_drill_its_point() {
    let m = run(&[program(3, "G0 X-5. Y16.\nG0 Z-2.\nG1 X35. F800.")], &[("dexel_mm", 0.1)]);
    clean(&m);
    for axis in 1..3 {
        for e in inner(&m, axis) {
            let off = (e.p_mm[1] - 16.0).abs();
            let expected =
                if off <= 2.0 { -2.0 } else { -2.0 + 1.0 - (1.0 - (off - 2.0).powi(2)).max(0.0).sqrt() };
            // Upright walls of lines along y stand at 3 mm for every z above the corner.
            let fits = (e.p_mm[2] - expected).abs() < 1e-9
                || (off - 3.0).abs() < 1e-9
                || (axis == 1 && {
                    let h = e.p_mm[2] + 2.0;
                    h < 1.0 && (off - 2.0 - (h * (2.0 - h)).sqrt()).abs() < 1e-9
                });
            assert!(fits, "axis {axis} {e:?}");
        }
    }
    let m = run(&[program(4, "G0 X15. Y10.\nG81 Z-4. R1. F100.\nG80")], &[("dexel_mm", 0.1)]);
    clean(&m);
    let rise = 1.0 / 59f64.to_radians().tan();
    for e in inner(&m, 2) {
        let rho = (e.p_mm[0] - 15.0).hypot(e.p_mm[1] - 10.0);
        assert!((e.p_mm[2] - (-4.0 + rise * rho)).abs() < 1e-9, "{e:?}");
    }
    assert!(!inner(&m, 0).is_empty());
}

#[test]
fn an_arc_leaves_a_round_wall_within_its_chords() {
    // Helix down in a circle of radius 5 about (15, 10), then a full circle at depth.
    let body = "G0 X20. Y10.\nG0 Z0.5\nG1 Z0. F300.\nG3 X20. Y10. Z-1. I-5. J0. F300.\nG3 I-5. J0.";
    let m = run(&[program(1, body)], &[("dexel_mm", 0.25)]);
    clean(&m);
    let walls: Vec<_> = inner(&m, 0).into_iter().chain(inner(&m, 1)).filter(|e| e.p_mm[2] > -0.9).collect();
    assert!(!walls.is_empty());
    let (mut outer, mut core) = (0, 0);
    for e in walls {
        let rho = (e.p_mm[0] - 15.0).hypot(e.p_mm[1] - 10.0);
        let off = (rho - 8.0).abs().min((rho - 2.0).abs());
        // 0.2 um of chord and rounding of the arc's own ends.
        assert!(off < 3e-4, "{e:?}: {rho}");
        if rho > 5.0 { outer += 1 } else { core += 1 }
    }
    assert!(outer > 100 && core > 20);
}

#[test]
fn stock_is_carried_through_a_flip() {
    let second = ProgramText {
        file: "op20.ngc".into(),
        text: "G21 G90 G94 G17\nG55\nT1 M6\nG43 H1\nS8000 M3\nG0 Z20.\nG0 X-5. Y15.\nG0 Z-3.\nG1 X35. F800.\nG0 Z20.\nM30\n".into(),
    };
    let m = run(&[program(1, "G0 X-5. Y5.\nG0 Z-2.\nG1 X35. F800."), second], &[("dexel_mm", 0.25)]);
    clean(&m);
    // op20 is turned about x: its y = 15 is the part's y = 20 - 15 = 5, its z = -3 the part's -10 + 3.
    let mut seen = [false; 2];
    for e in inner(&m, 2) {
        assert!((e.p_mm[1] - 5.0).abs() <= 3.0, "{e:?}");
        if e.material_below {
            assert!((e.p_mm[2] - -2.0).abs() < 1e-9, "{e:?}");
            seen[0] = true;
        } else {
            assert!((e.p_mm[2] - -7.0).abs() < 1e-9, "{e:?}");
            seen[1] = true;
        }
    }
    assert_eq!(seen, [true; 2]);
    assert_eq!(m.path.iter().filter(|p| p.program == 1).map(|p| p.up[2]).fold(1.0, f64::min), -1.0);
}

#[test]
fn the_same_bytes_on_one_thread_and_on_two() {
    let body =
        "G0 X-5. Y3.\nG0 Z-1.\nG1 X35. Z-2. F800.\nG1 X20. Y17. Z-3.\nG2 X10. Y10. I-3. J-7.\n".to_owned();
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let m = pool.install(|| {
            run(&[program(2, &body.replace("G2 X10. Y10. I-3. J-7.", "G1 X10. Y10."))], &[("dexel_mm", 0.25)])
        });
        postcard::to_stdvec(&m).expect("serialises")
    };
    assert!(bytes(1) == bytes(2));
}

/// Block in a frame: a plate 10 x 8 x 4 in the middle, cut round by a lane, held by two bridges along x.
fn framed(bridges: bool) -> (Vec<ProgramText>, Mesh<Part>) {
    // Plate x 10..20, y 6..14, z -7..-3. The tool's middle runs 3 mm outside it.
    let mut a = String::from("G0 X-5. Y-5.\nG0 Z-3.\n");
    for y in 0..9 {
        a += &format!("G1 Y{}. F1500.\nG1 X{}.\n", 1 + y * 2, if y % 2 == 0 { 35 } else { -5 });
    }
    let lane = if bridges {
        // Bridges at x ends: y 9..11 stays (tool centres keep 3 mm from it), between z = -7 and -5.
        "G0 Z1.\nG0 X7. Y3.\nG0 Z-2.9\nG1 X23. Z-3.1 F800.\nG1 X7. Z-5.\nG1 Y17.\nG1 X23.\nG1 Y3.\nG1 X7.\nG1 X23. Z-7.1\nG1 X7.\n\
         G1 Y6.\nG1 Y3.\nG1 X23.\nG1 Y6.\nG1 Y3.\nG1 X23. Z-5.\nG1 Y14.\nG1 Y17.\nG1 X7. Z-7.1\nG1 X23.\nG1 Y14.\nG1 Y17.\nG1 X7.\nG1 Y14.\n"
    } else {
        "G0 Z1.\nG0 X7. Y3.\nG0 Z-2.9\nG1 X23. Z-3.1 F800.\nG1 X7. Z-5.\nG1 Y17.\nG1 X23.\nG1 Y3.\nG1 X7. Z-7.1\nG1 Y17.\nG1 X23.\nG1 Y3.\nG1 X7.\n"
    };
    a += lane;
    let mut b =
        String::from("G21 G90 G94 G17\nG55\nT1 M6\nG43 H1\nS8000 M3\nG0 Z20.\nG0 X-5. Y-5.\nG0 Z-3.\n");
    for y in 0..9 {
        b += &format!("G1 Y{}. F1500.\nG1 X{}.\n", 1 + y * 2, if y % 2 == 0 { 35 } else { -5 });
    }
    b += "G0 Z20.\nM30\n";
    let (lo, hi) = ([10.0, 6.0, -7.0], [20.0, 14.0, -3.0]);
    let v =
        (0..8usize).map(|n| std::array::from_fn(|k| if n >> k & 1 == 1 { hi[k] } else { lo[k] })).collect();
    let t = vec![
        [0, 2, 1],
        [1, 2, 3],
        [4, 5, 6],
        [5, 7, 6],
        [0, 1, 4],
        [1, 5, 4],
        [2, 6, 3],
        [3, 6, 7],
        [0, 4, 2],
        [2, 4, 6],
        [1, 3, 5],
        [3, 7, 5],
    ];
    let second = ProgramText { file: "op20.ngc".into(), text: b };
    (vec![program(1, &a), second], Mesh::new(v, t))
}

fn framed_job() -> Job {
    let mut job = job(&["op10.ngc", "op20.ngc"]);
    job.fixture.clear();
    job
}

#[test]
fn the_part_is_cut_off_its_bridges_and_they_are_found() {
    let (programs, design) = framed(true);
    let m = mill(&programs, &framed_job(), Some(&design), &params(&[]), &Silent).unwrap();
    assert!(m.facts.collisions.iter().all(|c| c.kind != "tab-lost"), "{:#?}", m.facts.collisions);
    assert_eq!(m.facts.tab_witnesses.len(), 2, "{:#?}", m.facts.tab_witnesses);
    for w in &m.facts.tab_witnesses {
        // Between y 9 and 11 and z -7 and -5, a stub outside x 10..20.
        assert!((w.centre_part_mm[1] - 10.0).abs() < 0.15, "{w:?}");
        assert!(
            (w.centre_part_mm[0] - 15.0).abs() > 5.1 && (w.centre_part_mm[0] - 15.0).abs() < 5.4,
            "{w:?}"
        );
        // The round cutter leaves fillets of 3 mm beside the 2 x 2 bridge: 0.2 mm off the plate they are
        // 2 (4 - sqrt(9 - 2.8^2)) wide; the section lies up to half a line farther out.
        let wide = 2.0 * (4.0 - (9.0f64 - 2.8 * 2.8).sqrt());
        assert!((w.area_mm2 - 2.0 * wide).abs() < 0.8, "{w:?}");
        // Their roots end where they stand 15 um off.
        assert!(w.radius_mm > wide / 2.0 && w.radius_mm < 4.3, "{w:?}");
    }
    // 10 x 8 x 4 plus two stubs of 6 x 2 x 0.2, to a line of 0.1 all round.
    assert!((m.facts.part_mm3 - 325.0).abs() < 8.0, "{}", m.facts.part_mm3);
    assert!(m.mesh.is_closed_two_manifold());
    let (lo, hi) = m.mesh.bounds_mm().unwrap();
    assert!(lo[0] > 9.5 && hi[0] < 20.5, "the frame is gone: {lo:?} {hi:?}");
    // Away from the stubs every end lies on the plate.
    for e in &m.line_ends {
        let far = m.facts.tab_witnesses.iter().all(|w| {
            (0..3).map(|a| (e.p_mm[a] - w.centre_part_mm[a]).powi(2)).sum::<f64>().sqrt() > w.radius_mm
        });
        let off = (0..3)
            .map(|a| ((e.p_mm[a] - [15.0, 10.0, -5.0][a]).abs() - [5.0, 4.0, 2.0][a]).max(0.0))
            .fold(0.0, f64::max);
        // Beyond a witness a fillet may still stand 15 um off, the cusp of finishing.
        assert!(!far || off < 0.0155, "{e:?}: {off}");
    }
}

#[test]
fn a_part_without_bridges_is_lost_and_the_block_is_named() {
    let (programs, design) = framed(false);
    let m = mill(&programs, &framed_job(), Some(&design), &params(&[]), &Silent).unwrap();
    let lost: Vec<_> = m.facts.collisions.iter().filter(|c| c.kind == "tab-lost").collect();
    assert_eq!(lost.len(), 1, "{:#?}", m.facts.collisions);
    // The lane is 7.1 deep from above and 3 from below: it opens while op20 mills across the lane.
    assert_eq!(lost[0].program, "op20.ngc");
    assert!(m.facts.tab_witnesses.is_empty());
}

/// Holds every program of a folder against its first line; the kinds of fault met. `on`: the job without its dialect.
fn told_off(folder: &str, dialect: Dialect, on: &Job, least: usize) -> std::collections::BTreeSet<String> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/gcode/bad").join(folder);
    let mut files: Vec<_> =
        std::fs::read_dir(&dir).expect("bad programs").map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.is_file());
    files.sort();
    assert!(files.len() >= least, "{}: only {} programs", dir.display(), files.len());
    let mut kinds = std::collections::BTreeSet::new();
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        // line N: kind: words of the message, as a comment of the dialect
        let first = text.lines().next().unwrap().trim_matches(['(', ')', ';', ' ']).to_owned();
        let mut fields = first.splitn(3, ": ");
        let line: u32 = fields.next().unwrap().trim_start_matches("line ").parse().expect("line N");
        let (kind, words) = (fields.next().unwrap(), fields.next().unwrap());
        kinds.insert(kind.to_owned());
        let mut job = on.clone();
        job.program[0].dialect = dialect;
        let program = ProgramText { file: "op10.ngc".into(), text: text.clone() };
        let m = mill(&[program], &job, None, &params(&[("dexel_mm", 0.4)]), &Silent)
            .expect("the job makes sense");
        let named =
            m.facts.collisions.iter().any(|c| c.line == line && c.kind == kind && c.message.contains(words));
        assert!(named, "{}: {:#?}", path.display(), m.facts.collisions);
        assert!(
            m.facts.collisions[0].line == line,
            "nothing before it: {}: {:#?}",
            path.display(),
            m.facts.collisions
        );
    }
    kinds
}

#[test]
fn every_bad_program_is_told_off_with_the_words_it_begins_with() {
    let kinds = told_off("", Dialect::LinuxCnc, &job(&["op10.ngc"]), 6);
    assert!(kinds.len() >= 25, "only {} kinds: {kinds:?}", kinds.len());
}

#[test]
fn every_bad_program_of_another_dialect_is_told_off_too() {
    for dialect in Dialect::ALL.into_iter().skip(1) {
        told_off(dialect.key(), dialect, &job(&["op10.ngc"]), 6);
    }
}

#[test]
fn every_bad_program_of_a_machine_with_rotary_axes_is_told_off() {
    let on = turned::rotary_job();
    told_off("rotary", Dialect::LinuxCnc, &on, 8);
    for dialect in [Dialect::Fanuc, Dialect::Siemens, Dialect::Heidenhain] {
        told_off(&format!("rotary-{}", dialect.key()), dialect, &on, 2);
    }
}

#[test]
fn a_job_that_makes_no_sense_is_refused() {
    let p = program(1, "");
    let refuse = |job: &Job, programs: &[ProgramText]| {
        mill(programs, job, None, &params(&[]), &Silent).unwrap_err().to_string()
    };
    assert!(refuse(&job(&["op10.ngc"]), &[]).contains("op10.ngc, but it was not given"));
    assert!(refuse(&job(&["op20.ngc"]), std::slice::from_ref(&p)).contains("op10.ngc is not in the job"));
    let mut tilted = job(&["op10.ngc"]);
    tilted.program[0].part_from_work =
        Pose::new(nalgebra::Isometry3::rotation(nalgebra::Vector3::new(0.3, 0.0, 0.0)));
    assert!(refuse(&tilted, std::slice::from_ref(&p)).contains("unsupported-setup"));
    let mut odd = job(&["op10.ngc"]);
    odd.tool[1].corner_radius_mm = 1.0;
    assert!(refuse(&odd, std::slice::from_ref(&p)).contains("tool T2: corner_radius_mm is 1"));
    let mut flat = job(&["op10.ngc"]);
    flat.stock.max_mm = Point::new([30.0, 20.0, f64::NAN]);
    assert!(refuse(&flat, std::slice::from_ref(&p)).contains("the stock reaches"));
    let mut aslant = job(&["op10.ngc"]);
    aslant.tab =
        vec![JobTab { centre_part_mm: [0.0; 3], outward_xy: [0.0; 2], width_mm: 2.0, left_on_mm: None }];
    assert!(refuse(&aslant, &[p]).contains("tab 1 lies at"));
}
