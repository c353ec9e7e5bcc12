//! A domed plate of 25 mm with one hole, and the programs that the shipped tables make of it.

use std::f64::consts::TAU;
use std::sync::OnceLock;

use osteomill::inspect::{InspectParams, inspect_surface};
use osteomill::milling::{MillingParams, ProgramText, ReadContext, mill, read_program};
use osteomill::model::{
    Collision, Dialect, Dir, Hole, HoleFacts, Implant, ImplantFacts, Inspection, Job, Mesh, Part, Plan,
    Point, Pose, Silent, Verdict,
};
use osteomill::plan::{PlanParams, job_of, plan_part, shipped_shop};
use osteomill::post::{PostParams, write_programs};
use osteomill::toolpath::{ToolpathParams, left_on_at_tabs, make_operations};

const PEEK: &str = include_str!("../../pipelines/cranial-peek.toml");

/// Half axes of the outline, radius of the outer surface, thickness, mm.
const HALF_MM: [f64; 2] = [12.5, 9.0];
const DOME_MM: f64 = 45.0;
const THICK_MM: f64 = 3.0;
/// Middle and radius of the hole, mm: off both axes, so that a flip shows.
const HOLE_MM: [f64; 2] = [2.5, 1.0];
const HOLE_RADIUS_MM: f64 = 1.0;
/// Five tabs of 7 mm would be an eighth of so small a part, and the judge believes six in a hundred.
const TABS: [(&str, toml::Value); 4] = [
    ("tab_count_min", toml::Value::Integer(4)),
    // In two setups, on tabs that bend by the whole tolerance: what is tried here is the text, and a rim of 70 mm has no room
    // for tabs that hold to 10 µm.
    ("plate_bend_um_max", toml::Value::Float(25.0)),
    ("tab_width_mm", toml::Value::Float(2.0)),
    ("tab_thickness_mm", toml::Value::Float(1.9)),
];
const RINGS: usize = 12;
const SPOKES: usize = 96;

#[derive(serde::Deserialize)]
struct Tables {
    plan: PlanParams,
    toolpath: ToolpathParams,
    milling: MillingParams,
    inspect: InspectParams,
}

/// The part, and what the machine gets.
pub struct Made {
    pub design: Mesh<Part>,
    pub plan: Plan,
    pub job: Job,
    pub programs: Vec<ProgramText>,
    milling: MillingParams,
    inspect: InspectParams,
}

/// What the judge said of a job; the original is unknown to it.
pub struct Said {
    pub accepted: bool,
    pub collisions: Vec<Collision>,
    /// The reason where nothing could be inspected.
    pub inspection: Result<Inspection, String>,
}

impl Said {
    pub fn rejected(collisions: Vec<Collision>, why: impl ToString) -> Self {
        Self { accepted: false, collisions, inspection: Err(why.to_string()) }
    }
}

pub fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(make)
}

fn make() -> Made {
    let mut tables: toml::Table = PEEK.parse().expect("the shipped tables are TOML");
    for (key, value) in TABS {
        let plan = tables.get_mut("plan").and_then(toml::Value::as_table_mut).expect("a table");
        plan.insert(key.into(), value).expect("a key of the table");
    }
    // The sampler reads no probing.
    tables["plan"]["flip_coupon"] = false.into();
    let tables: Tables = tables.try_into().expect("the shipped tables are valid");
    let implant = implant();
    let plan =
        plan_part(&implant, &shipped_shop().expect("the shipped shop reads"), &tables.plan).expect("a plan");
    let operations = make_operations(&implant, &plan, &tables.toolpath, &Silent).expect("operations");
    let programs = write_programs(&operations, &plan, "plate", true, &PostParams::of(Dialect::LinuxCnc))
        .expect("programs");
    // Through its text, like any other shop's.
    let job =
        toml::to_string_pretty(&job_of(&plan, &programs, &left_on_at_tabs(&implant, &plan, &operations)))
            .expect("plain data");
    let job = toml::from_str(&job).expect("just written");
    let programs =
        programs.into_iter().map(|p| ProgramText { file: p.file, text: with_arcs(&p.text) }).collect();
    Made { design: implant.mesh, plan, job, programs, milling: tables.milling, inspect: tables.inspect }
}

/// The text with arcs along the rim, which the post can write but no toolpath asks for: two level cuts that follow each
/// other in the finishing of the rim become the arc through their three places, at most 1 µm off.
fn with_arcs(text: &str) -> String {
    let value = |line: &str, letter: char| {
        line.split_whitespace().find_map(|t| t.strip_prefix(letter)?.parse::<f64>().ok())
    };
    let level = |line: &str| {
        !line.is_empty() && line.split_whitespace().all(|t| t.starts_with('X') || t.starts_with('Y'))
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut out: Vec<String> = Vec::new();
    let (mut at, mut rim, mut cutting, mut arc) = ([f64::NAN; 2], false, false, false);
    let mut n = 0;
    while n < lines.len() {
        let line = lines[n];
        if line.starts_with('(') {
            rim = line.contains("finish rim") && !line.contains("semi");
        }
        cutting = if line.contains("G1 ") { true } else { cutting && !line.contains('G') };
        let after = |from: [f64; 2], line: &str| {
            [value(line, 'X').unwrap_or(from[0]), value(line, 'Y').unwrap_or(from[1])]
        };
        if rim && cutting && level(line) && lines.get(n + 1).is_some_and(|l| level(l)) {
            let (p, q) = (after(at, line), after(after(at, line), lines[n + 1]));
            if let Some(words) = arc_through(at, p, q) {
                out.push(words);
                (at, arc) = (q, true);
                n += 2;
                continue;
            }
        }
        at = after(at, line);
        let moves = "XYZ".chars().any(|c| value(line, c).is_some());
        let needs = arc && cutting && moves && !line.contains('G');
        arc = arc && !moves;
        out.push(if needs { format!("G1 {line}") } else { line.to_owned() });
        n += 1;
    }
    out.join("\n") + "\n"
}

fn arc_through(a: [f64; 2], p: [f64; 2], q: [f64; 2]) -> Option<String> {
    let (b, c) = ([p[0] - a[0], p[1] - a[1]], [q[0] - a[0], q[1] - a[1]]);
    let (bb, cc) = (b[0] * b[0] + b[1] * b[1], c[0] * c[0] + c[1] * c[1]);
    let turn = b[0] * c[1] - b[1] * c[0];
    let centre = [(c[1] * bb - b[1] * cc) / (2.0 * turn), (b[0] * cc - c[0] * bb) / (2.0 * turn)];
    let r = centre[0].hypot(centre[1]);
    let longest = bb.max((c[0] - b[0]).powi(2) + (c[1] - b[1]).powi(2));
    // NaN fails.
    let good = (2.0..60.0).contains(&r) && longest < 8.0 * r * 0.001 && cc > longest;
    let word = if turn > 0.0 { "G3" } else { "G2" };
    good.then(|| format!("{word} X{:.4} Y{:.4} I{:.4} J{:.4}", q[0], q[1], centre[0], centre[1]))
}

/// The first word that the judge's reader refuses, as program and line: the milling reads with the same and tells it among
/// its faults.
pub fn first_refused(programs: &[ProgramText], job: &Job) -> Option<(String, u32)> {
    let made = made();
    let milling = toml::Value::try_from(&made.milling).expect("plain data");
    let arc_radius_error_mm_max = milling["arc_radius_error_mm_max"].as_float().expect("a number");
    for entry in &job.program {
        let text = &programs.iter().find(|p| p.file == entry.file)?.text;
        let offset: u32 = entry.work_offset.strip_prefix('G')?.parse().ok()?;
        let m = &job.machine;
        let reading = read_program(
            text,
            &ReadContext {
                probes: None,
                dialect: entry.dialect,
                start_mm: entry.work_zero_machine_mm.map(|z| -z),
                work_zero_machine_mm: entry.work_zero_machine_mm,
                work_offset: Some(10 * offset),
                tools: Some(job.tool.iter().map(|t| t.number).collect()),
                feed_mm_per_min_max: m.feed_mm_per_min_max,
                spindle_rpm: [m.spindle_rpm_min, m.spindle_rpm_max],
                arc_radius_error_mm_max,
                rotary: m.rotary.clone(),
            },
        );
        if let Some(line) = reading.faults.iter().map(|f| f.line).min() {
            return Some((entry.file.clone(), line));
        }
    }
    None
}

/// The product's own judge, on texts and a job that it sees for the first time. Where `enough` says so of the faults of the
/// milling the part is not measured any more: with any fault the verdict is `reject`, whatever its surface.
pub fn judge(programs: &[ProgramText], job: &Job, enough: impl Fn(&[Collision]) -> bool) -> Said {
    let made = made();
    let milled = match mill(programs, job, Some(&made.design), &made.milling, &Silent) {
        Ok(milled) => milled,
        Err(e) => return Said::rejected(Vec::new(), e),
    };
    if !milled.facts.collisions.is_empty() && enough(&milled.facts.collisions) {
        return Said::rejected(milled.facts.collisions, "not asked for");
    }
    match inspect_surface(&made.design, &milled, job, &made.inspect, &Silent) {
        Ok(i) => Said {
            accepted: i.facts.verdict == Verdict::Accept,
            collisions: milled.facts.collisions,
            inspection: Ok(i),
        },
        Err(e) => Said::rejected(milled.facts.collisions, e),
    }
}

/// Rings of places from the hole's edge (`u` = 0) to the outline (`u` = 1), seen along z.
fn plate(inner: impl Fn(f64) -> [f64; 2]) -> (Vec<[f64; 3]>, usize) {
    let inset = THICK_MM * 3f64.to_radians().tan();
    let mut v = Vec::new();
    for side in 0..2 {
        for ring in 0..=RINGS {
            let ring = if side == 0 { ring } else { RINGS - ring };
            let u = ring as f64 / RINGS as f64;
            for s in 0..SPOKES {
                let angle = TAU * s as f64 / SPOKES as f64;
                let (h, k) = (inner(angle), if side == 0 { 0.0 } else { inset });
                let o = [(HALF_MM[0] - k) * angle.cos(), (HALF_MM[1] - k) * angle.sin()];
                let [x, y] = [h[0] + (o[0] - h[0]) * u, h[1] + (o[1] - h[1]) * u];
                let r = if side == 0 { DOME_MM } else { DOME_MM - THICK_MM };
                v.push([x, y, (r * r - x * x - y * y).sqrt()]);
            }
        }
    }
    (v, 2 * (RINGS + 1))
}

/// Bands between rings that follow each other; `closed` joins the last to the first.
fn bands(rings: usize, closed: bool) -> Vec<[u32; 3]> {
    let at = |ring: usize, s: usize| ((ring % rings) * SPOKES + s % SPOKES) as u32;
    let mut t = Vec::new();
    for ring in 0..rings - usize::from(!closed) {
        for s in 0..SPOKES {
            t.push([at(ring, s), at(ring + 1, s), at(ring + 1, s + 1)]);
            t.push([at(ring, s), at(ring + 1, s + 1), at(ring, s + 1)]);
        }
    }
    t
}

fn implant() -> Implant {
    let on_hole =
        |angle: f64| [HOLE_MM[0] + HOLE_RADIUS_MM * angle.cos(), HOLE_MM[1] + HOLE_RADIUS_MM * angle.sin()];
    let (v, rings) = plate(on_hole);
    let holed = Mesh::<Part>::new(v, bands(rings, true));
    // Without the hole the innermost ring is filled by a fan about a place of its own.
    let (mut v, rings) = plate(on_hole);
    let mut t = bands(rings, false);
    for (r, first, turn) in [(DOME_MM, 0, true), (DOME_MM - THICK_MM, (rings - 1) * SPOKES, false)] {
        let middle = v.len() as u32;
        v.push([HOLE_MM[0], HOLE_MM[1], (r * r - HOLE_MM[0].powi(2) - HOLE_MM[1].powi(2)).sqrt()]);
        for s in 0..SPOKES {
            let (a, b) = ((first + s) as u32, (first + (s + 1) % SPOKES) as u32);
            t.push(if turn { [middle, a, b] } else { [middle, b, a] });
        }
    }
    let body = Mesh::<Part>::new(v, t);
    let c = holed.centroid_mm();
    let centred = |m: Mesh<Part>| {
        let v = m.vertices.iter().map(|p| [p[0] - c[0], p[1] - c[1], p[2] - c[2]]).collect();
        let m = Mesh::<Part>::new(v, m.triangles);
        assert!(m.is_closed_two_manifold() && m.volume_mm3() > 0.0);
        m
    };
    let (mesh, body) = (centred(holed), centred(body));
    let top = (DOME_MM * DOME_MM - HOLE_MM[0].powi(2) - HOLE_MM[1].powi(2)).sqrt();
    let holes = vec![Hole {
        kind: "perfusion".into(),
        diameter_mm: 2.0 * HOLE_RADIUS_MM,
        centre: Point::new([HOLE_MM[0] - c[0], HOLE_MM[1] - c[1], top - c[2]]),
        axis: Dir::new([0.0, 0.0, 1.0]),
        length_mm: THICK_MM,
        countersink: None,
        mouths: None,
    }];
    let facts = facts(&mesh, &holes);
    Implant { number: 1, defect: 0, mesh, body, part_from_patient: Pose::identity(), holes, facts }
}

fn facts(mesh: &Mesh<Part>, holes: &[Hole]) -> ImplantFacts {
    let volume_mm3 = mesh.volume_mm3();
    ImplantFacts {
        schema: "osteomill.implant/1".into(),
        defect: 0,
        kind: "inlay".into(),
        side: "right".into(),
        insertion_axis_lps: Dir::new([0.0, 0.0, 1.0]),
        gap_mm_nominal: 0.5,
        thickness: "constant".into(),
        thickness_mm_nominal: THICK_MM,
        thickness_mm_min: THICK_MM,
        draft_deg: 3.0,
        edge_outer_mm: 0.25,
        edge_inner_mm: 0.5,
        edge_thickness_mm_min: 1.0,
        concave_radius_mm_min: 1.65,
        volume_mm3,
        mass_g: volume_mm3 * 1.3e-3,
        material: "peek".into(),
        holes: holes
            .iter()
            .map(|h| HoleFacts {
                kind: h.kind.clone(),
                diameter_mm: h.diameter_mm,
                centre_lps_mm: Point::new(h.centre.mm),
                axis_lps: Dir::new(h.axis.unit),
                countersink: None,
                mouth_break_mm: 0.0,
            })
            .collect(),
        watertight: true,
        part_from_patient: Pose::identity(),
        outer_area_mm2: std::f64::consts::PI * HALF_MM[0] * HALF_MM[1],
        sinus_distance_mm: None,
        fixation: Default::default(),
        removal: Default::default(),
        seating: Default::default(),
        scalp: Default::default(),
        marking: None,
        edited: None,
        findings: Vec::new(),
    }
}
