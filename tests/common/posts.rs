//! Operations written in a dialect, read back by the judge, and held against what was meant.
#![allow(dead_code)] // each test file uses its own part of this

use std::f64::consts::TAU;

use osteomill::milling::{Motion, MotionKind, ReadContext, read_program};
use osteomill::model::*;
use osteomill::post::{PostError, PostParams, write_programs};

/// How the comment before the coupon's probe moves begins.
const PROBING: &str = "flip coupon, probing";

/// Last digit of a coordinate, mm.
pub fn increment_mm(dialect: Dialect) -> f64 {
    if matches!(dialect, Dialect::Fanuc | Dialect::Haas) { 1e-3 } else { 1e-4 }
}

/// The part of a helix that is no whole turn.
pub fn part_helix(m: &Motion) -> bool {
    let arc = matches!(m.kind, MotionKind::ArcClockwise | MotionKind::ArcCounterClockwise);
    arc && m.from_mm[2] != m.end_mm[2] && m.from_mm[..2] != m.end_mm[..2]
}

pub fn try_write(ops: &[Operation], plan: &Plan, dialect: Dialect) -> Result<Vec<Program>, PostError> {
    write_programs(ops, plan, "case 1, part 1", false, &PostParams::of(dialect))
}

pub fn write(ops: &[Operation], plan: &Plan, dialect: Dialect) -> Vec<Program> {
    try_write(ops, plan, dialect).unwrap_or_else(|e| panic!("{}: {e}", dialect.name()))
}

/// The motions up to the clearance height that go anywhere; what lies above is each control's own way home.
pub fn read(program: &Program, plan: &Plan) -> Vec<Motion> {
    let setup = plan.setups.iter().find(|s| s.number == program.setup).expect("a setup of the plan");
    let context = ReadContext {
        dialect: program.dialect,
        start_mm: setup.work_zero_machine_mm.map(|z| -z),
        work_zero_machine_mm: setup.work_zero_machine_mm,
        work_offset: Some(
            540 + 10
                * ["G54", "G55", "G56", "G57", "G58", "G59"]
                    .iter()
                    .position(|g| *g == setup.work_offset)
                    .unwrap() as u32,
        ),
        tools: Some(plan.tools.values().map(|t| t.number).collect()),
        feed_mm_per_min_max: plan.machine.feed_mm_per_min_max,
        spindle_rpm: [plan.machine.spindle_rpm_min, plan.machine.spindle_rpm_max],
        ..ReadContext::open()
    };
    let out = read_program(&program.text, &context);
    assert!(out.faults.is_empty() && out.complete, "{}: {:?}", program.dialect.name(), out.faults);
    let top = setup.clearance_z_mm + 1e-9;
    let arc = |m: &Motion| matches!(m.kind, MotionKind::ArcClockwise | MotionKind::ArcCounterClockwise);
    let goes = |m: &Motion| arc(m) || (0..3).any(|a| (m.from_mm[a] - m.end_mm[a]).abs() > 1e-9);
    out.motions.into_iter().filter(|m| m.from_mm[2] <= top && m.end_mm[2] <= top && goes(m)).collect()
}

/// A motion as the operations mean it.
#[derive(Clone, Copy, Debug)]
pub struct Meant {
    kind: MotionKind,
    from: [f64; 3],
    end: [f64; 3],
    centre: [f64; 2],
    tool: u32,
    feed: f64,
    rpm: f64,
}

struct Meaning {
    out: Vec<Meant>,
    at: [f64; 3],
    tool: u32,
    rpm: f64,
    increment: f64,
}

impl Meaning {
    fn rounded(&self, p: [f64; 3]) -> [i64; 3] {
        p.map(|v| (v / self.increment).round() as i64)
    }

    /// A straight motion, unless rounding leaves nothing of it.
    fn go(&mut self, kind: MotionKind, end: [f64; 3], feed: f64) {
        if self.rounded(self.at) != self.rounded(end) {
            self.push(kind, end, [0.0; 2], feed);
        } else {
            self.at = end;
        }
    }

    fn push(&mut self, kind: MotionKind, end: [f64; 3], centre: [f64; 2], feed: f64) {
        let (from, tool, rpm) = (self.at, self.tool, self.rpm);
        self.out.push(Meant { kind, from, end, centre, tool, feed, rpm });
        self.at = end;
    }

    fn rapid(&mut self, end: [f64; 3]) {
        self.go(MotionKind::Rapid, end, 0.0);
    }

    fn down_or_up(&mut self, kind: MotionKind, z: f64, feed: f64) {
        self.go(kind, [self.at[0], self.at[1], z], feed);
    }

    fn rise(&mut self, clearance: f64) {
        if self.at[2] < clearance {
            self.down_or_up(MotionKind::Rapid, clearance, 0.0);
        }
    }

    fn one(&mut self, m: &Move, o: &Operation, clearance: f64) {
        let short = (4.0 * self.increment).max(0.002);
        match *m {
            Move::Rapid(to) => {
                let up = [self.at[0], self.at[1], to[2]];
                let across = [to[0], to[1], self.at[2]];
                self.rapid(if to[2] >= self.at[2] { up } else { across });
                self.rapid(to);
            }
            Move::Cut(to) => self.go(MotionKind::Feed, to, o.feed_mm_per_min),
            Move::Plunge(to) => self.go(MotionKind::Feed, to, o.plunge_mm_per_min),
            Move::Arc { to, centre_xy: c, clockwise } => {
                let turn = sweep(self.at, to, c, clockwise);
                let r = (to[0] - c[0]).hypot(to[1] - c[1]);
                if r * turn < short {
                    self.go(MotionKind::Feed, to, o.feed_mm_per_min);
                } else {
                    let kind =
                        if clockwise { MotionKind::ArcClockwise } else { MotionKind::ArcCounterClockwise };
                    self.push(kind, to, c, o.feed_mm_per_min);
                }
            }
            Move::Drill { at_xy: [x, y], retract_z, bottom_z, peck_mm } => {
                self.rise(clearance);
                let (back, feed) = (self.at[2].max(retract_z), o.plunge_mm_per_min);
                self.rapid([x, y, self.at[2]]);
                self.down_or_up(MotionKind::Rapid, retract_z, 0.0);
                // Depths are counted in increments, by the control as by us.
                let steps = |v: f64| (v / self.increment).round() * self.increment;
                let (top, bottom, peck) = (steps(retract_z), steps(bottom_z), steps(peck_mm));
                let mut depth = top - peck;
                while peck > 0.0 && depth > bottom + 1e-9 {
                    self.down_or_up(MotionKind::Feed, depth, feed);
                    self.down_or_up(MotionKind::Rapid, retract_z, 0.0);
                    self.down_or_up(MotionKind::Rapid, depth + 0.254, 0.0);
                    depth -= peck;
                }
                self.down_or_up(MotionKind::Feed, bottom_z, feed);
                self.down_or_up(MotionKind::Rapid, back, 0.0);
            }
        }
    }
}

/// What the operations of a setup mean, motions that the dialect's rounding leaves nothing of left out.
pub fn meant(ops: &[Operation], plan: &Plan, setup: u32, dialect: Dialect) -> Vec<Meant> {
    let s = plan.setups.iter().find(|s| s.number == setup).expect("a setup of the plan");
    let clearance = s.clearance_z_mm;
    let [x, y, _] = s.work_zero_machine_mm;
    let increment = increment_mm(dialect);
    let mut m = Meaning { out: Vec::new(), at: [-x, -y, clearance], tool: 0, rpm: 0.0, increment };
    for o in ops.iter().filter(|o| o.setup == setup) {
        m.rise(clearance);
        (m.tool, m.rpm) = (o.tool, o.spindle_rpm.round());
        for one in &o.moves {
            m.one(one, o, clearance);
        }
    }
    m.rise(clearance);
    m.out
}

fn sweep(from: [f64; 3], to: [f64; 3], c: [f64; 2], clockwise: bool) -> f64 {
    let angle = |p: [f64; 3]| (p[1] - c[1]).atan2(p[0] - c[0]);
    let turn = (angle(to) - angle(from)) * if clockwise { -1.0 } else { 1.0 };
    if turn <= 0.0 { turn + TAU } else { turn }
}

/// Largest differences found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Off {
    pub end_mm: f64,
    pub helix_end_mm: f64,
    pub radius_mm: f64,
    pub middle_mm: f64,
    pub feed_mm_per_min: f64,
}

impl std::fmt::Display for Off {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ends within {:.3} um, partial helices {:.3} um, radii {:.3} um, arcs' middles {:.3} um, feeds {:.2} mm/min",
            1e3 * self.end_mm,
            1e3 * self.helix_end_mm,
            1e3 * self.radius_mm,
            1e3 * self.middle_mm,
            self.feed_mm_per_min
        )
    }
}

/// What was meant without motions of no more than an increment that the text leaves out: half an increment rounds up or
/// down, so that either is right.
fn as_said<'m>(meant: &'m [Meant], was: &[Motion], increment: f64) -> Vec<&'m Meant> {
    let mut out: Vec<&Meant> = Vec::with_capacity(meant.len());
    for m in meant {
        let tiny = (0..3).all(|k| (m.end[k] - m.from[k]).abs() <= increment);
        let said = |w: &Motion| (0..3).all(|k| (m.end[k] - w.end_mm[k]).abs() <= 0.5 * increment + 1e-9);
        if !tiny || was.get(out.len()).is_none_or(said) {
            out.push(m);
        }
    }
    out
}

/// Holds what was read against what was meant: the same motions in the same order, every end within half an increment
/// per axis.
pub fn compare(meant: &[Meant], was: &[Motion], dialect: Dialect) -> Off {
    let (name, increment) = (dialect.name(), increment_mm(dialect));
    let mut off = Off::default();
    let meant = as_said(meant, was, increment);
    for (n, (m, w)) in meant.iter().zip(was).enumerate() {
        let place = || format!("{name}, motion {n}, line {}: {m:?} {w:?}", w.line);
        assert_eq!((m.kind, m.tool, m.rpm), (w.kind, w.tool, w.spindle_rpm), "{}", place());
        let drifts = dialect == Dialect::Heidenhain && part_helix(w);
        for k in 0..3 {
            let d = (m.end[k] - w.end_mm[k]).abs();
            // A partial helix of Heidenhain's keeps the radius it starts with.
            let within = if drifts && k < 2 { 2e-4 } else { 0.5 * increment + 1e-9 };
            assert!(d <= within, "{d} mm: {}", place());
            let most = if drifts && k < 2 { &mut off.helix_end_mm } else { &mut off.end_mm };
            *most = most.max(d);
        }
        if m.kind != MotionKind::Rapid {
            // One decimal; Heidenhain's whole millimetres.
            let within = if dialect == Dialect::Heidenhain { 0.5 } else { 0.05 };
            let d = (m.feed - w.feed_mm_per_min).abs();
            assert!(d <= within + 1e-9, "feed {}", place());
            off.feed_mm_per_min = off.feed_mm_per_min.max(d);
        }
        if matches!(m.kind, MotionKind::ArcClockwise | MotionKind::ArcCounterClockwise) {
            let radius = |p: [f64; 3], c: [f64; 2]| (p[0] - c[0]).hypot(p[1] - c[1]);
            let printed = [w.centre_mm[0], w.centre_mm[1]];
            let (meant_r, was_r) = (radius(m.end, m.centre), radius(w.from_mm, printed));
            // Start and centre are each rounded by at most 0.71 increments.
            let d = (meant_r - was_r).abs();
            assert!(d <= 1.5 * increment, "radius off by {d} mm: {}", place());
            off.radius_mm = off.radius_mm.max(d);
            // Half way along the arc meant, as far from the centre printed.
            let turn = sweep(m.from, m.end, m.centre, m.kind == MotionKind::ArcClockwise);
            let half = if m.kind == MotionKind::ArcClockwise { -0.5 * turn } else { 0.5 * turn };
            let start = (m.from[1] - m.centre[1]).atan2(m.from[0] - m.centre[0]);
            let middle = [
                m.centre[0] + meant_r * (start + half).cos(),
                m.centre[1] + meant_r * (start + half).sin(),
                0.0,
            ];
            let d = (radius(middle, printed) - was_r).abs();
            assert!(d <= 2.5 * increment, "middle of the arc off by {d} mm: {}", place());
            off.middle_mm = off.middle_mm.max(d);
        }
    }
    assert_eq!(meant.len(), was.len(), "{name}: number of motions");
    off
}

/// The operations that a LinuxCNC program of ours was written from, as far as its text tells.
pub fn rebuilt(text: &str, plan: &Plan, setup: u32) -> Vec<Operation> {
    let clearance =
        plan.setups.iter().find(|s| s.number == setup).expect("a setup of the plan").clearance_z_mm;
    let out = read_program(text, &ReadContext { start_mm: [f64::MAX; 3], ..ReadContext::open() });
    assert!(out.faults.is_empty(), "{:?}", out.faults);
    let mut motions = out.motions.iter().peekable();
    let mut ops: Vec<Operation> = Vec::new();
    let (mut coolant, mut running) = (String::new(), false);
    for (n, line) in text.lines().enumerate() {
        running |= line == "M5 M9";
        match line {
            "M7" => coolant = "mist".into(),
            "M8" => coolant = "flood".into(),
            "M9" => coolant = "dry".into(),
            _ => {}
        }
        if running && line.starts_with('(') && !line.starts_with("(MSG") {
            let name = line.trim_matches(['(', ')']).to_owned();
            let (rpm, feed) = (0.0, 0.0);
            ops.push(Operation {
                name,
                setup,
                tool: 0,
                spindle_rpm: rpm,
                feed_mm_per_min: feed,
                plunge_mm_per_min: feed,
                coolant: String::new(),
                moves: Vec::new(),
            });
        }
        let here = n as u32 + 1;
        let mut first = true;
        while let Some(m) = motions.next_if(|m| m.line == here) {
            let o = ops.last_mut().expect("an operation before its motions");
            let only_up = (0..2).all(|a| m.end_mm[a] == m.from_mm[a]) && m.end_mm[2] == clearance;
            if o.moves.is_empty() && m.kind == MotionKind::Rapid && only_up {
                // The writer's own way to the operation.
                continue;
            }
            (o.tool, o.spindle_rpm, o.coolant) = (m.tool, m.spindle_rpm, coolant.clone());
            if m.kind == MotionKind::Probe {
                continue;
            }
            if let Some(cycle) = line.strip_prefix("G98 ").or(Some(line)).filter(|l| l.starts_with("G8")) {
                let word = |letter: char| {
                    cycle.split(' ').find_map(|w| w.strip_prefix(letter)).map(|v| v.parse::<f64>().unwrap())
                };
                if first {
                    o.moves.push(Move::Drill {
                        at_xy: [word('X').unwrap(), word('Y').unwrap()],
                        retract_z: word('R').unwrap(),
                        bottom_z: word('Z').unwrap(),
                        peck_mm: word('Q').unwrap_or(0.0),
                    });
                    o.plunge_mm_per_min = word('F').unwrap();
                }
                first = false;
                continue;
            }
            let next = match m.kind {
                MotionKind::Rapid => Move::Rapid(m.end_mm),
                MotionKind::Feed if [0.0, m.feed_mm_per_min].contains(&o.feed_mm_per_min) => {
                    o.feed_mm_per_min = m.feed_mm_per_min;
                    Move::Cut(m.end_mm)
                }
                MotionKind::Feed => {
                    assert!([0.0, m.feed_mm_per_min].contains(&o.plunge_mm_per_min), "a third feed: {m:?}");
                    o.plunge_mm_per_min = m.feed_mm_per_min;
                    Move::Plunge(m.end_mm)
                }
                kind => {
                    // Arcs are cut, so what came before them at another feed were entries.
                    if ![0.0, m.feed_mm_per_min].contains(&o.feed_mm_per_min) {
                        o.plunge_mm_per_min = o.feed_mm_per_min;
                        for before in &mut o.moves {
                            if let Move::Cut(to) = *before {
                                *before = Move::Plunge(to);
                            }
                        }
                    }
                    o.feed_mm_per_min = m.feed_mm_per_min;
                    Move::Arc {
                        to: m.end_mm,
                        centre_xy: [m.centre_mm[0], m.centre_mm[1]],
                        clockwise: kind == MotionKind::ArcClockwise,
                    }
                }
            };
            o.moves.push(next);
        }
    }
    // The writer probes by itself after the openings.
    ops.retain(|o| !o.name.starts_with(PROBING));
    for o in &mut ops {
        let most = o.feed_mm_per_min.max(o.plunge_mm_per_min);
        for f in [&mut o.feed_mm_per_min, &mut o.plunge_mm_per_min] {
            *f = if *f == 0.0 { most } else { *f };
        }
    }
    ops
}

/// Writes the operations of a whole case's LinuxCNC programs again, in every dialect, and reads each back: the LinuxCNC
/// text must come out as it was, the others as the same motions.
pub fn round_trip(part: &std::path::Path) {
    let text = |name: String| std::fs::read_to_string(part.join(name)).expect("a file of the case");
    let plan: Plan = serde_json::from_str(&text("plan.json".into())).expect("a plan");
    let texts: Vec<String> =
        plan.setups.iter().map(|s| text(format!("program/op{}.ngc", s.number))).collect();
    let ops: Vec<Operation> =
        plan.setups.iter().zip(&texts).flat_map(|(s, t)| rebuilt(t, &plan, s.number)).collect();
    let title = texts[0].lines().nth(2).expect("a header").trim_matches(['(', ')']);
    for dialect in Dialect::ALL {
        let programs = write_programs(&ops, &plan, title, false, &PostParams::of(dialect)).expect("written");
        for (program, was) in programs.iter().zip(&texts) {
            if dialect == Dialect::LinuxCnc {
                for (n, (now, was)) in program.text.lines().zip(was.lines()).enumerate() {
                    assert_eq!(now, was, "{} came out differently in line {}", program.file, n + 1);
                }
                assert_eq!(program.text.len(), was.len(), "{} came out differently", program.file);
            }
            let probe = plan.tools.get("probe").map(|t| t.number);
            let mut motions = read(program, &plan);
            motions.retain(|m| Some(m.tool) != probe);
            let off = compare(&meant(&ops, &plan, program.setup, dialect), &motions, dialect);
            println!("{} {}: {} motions, {off}", dialect.name(), program.file, motions.len());
        }
    }
}

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

/// A 100 x 80 x 20 mm blank with the part's origin in its middle, two setups.
pub fn plan() -> Plan {
    let cutting = Cutting {
        surface_speed_m_per_min: 200.0,
        feed_per_tooth_mm_d6: 0.05,
        depth_over_diameter: 1.0,
        width_over_diameter: 0.4,
    };
    let corner = |s: f64| Point::new([50.0 * s, 40.0 * s, 10.0 * s]);
    let setup = |number, name: &str, s: f64| Setup {
        number,
        name: name.into(),
        part_from_work: Pose::<Work, Part>::from_axes(
            Dir::new([1.0, 0.0, 0.0]),
            Dir::new([0.0, s, 0.0]),
            Dir::new([0.0, 0.0, s]),
            Point::new([-43.0, 0.0, 10.0 * s]),
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
            coolant: "dry".into(),
            kienzle: Kienzle { kc11_n_per_mm2: 150.0, mc: 0.25, normal_share: 0.5 },
            rough: cutting.clone(),
            finish: cutting.clone(),
            drill: cutting,
        },
        blank: Blank { name: "plate".into(), material: "peek".into(), size_mm: [100.0, 80.0, 20.0] },
        stock: BoxPart { min_mm: corner(-1.0), max_mm: corner(1.0) },
        machine: MachineTool {
            name: "mill".into(),
            travel_min_mm: [-508.0, -406.0, -394.0],
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
        setups: vec![setup(10, "bone side and rim", -1.0), setup(20, "outer side", 1.0)],
        fixtures: Vec::new(),
        pins: vec![
            Pin { centre_xy_mm: [-43.0, 0.0], diameter_mm: 8.0 },
            Pin { centre_xy_mm: [43.0, 0.0], diameter_mm: 6.0 },
        ],
        tabs: Vec::new(),
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
