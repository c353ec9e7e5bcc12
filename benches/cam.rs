//! The accused's drop-cutter and the judge's reading and milling. Medians of five, in seconds.
//!
//!     cargo bench --bench cam
//!     OSTEOMILL_CASE=CASE/part-1 cargo bench --bench cam     # and that part's own programs, lines 0.05 mm apart
//!
//! `OSTEOMILL_CAM_KEEP` names a folder for the dome and the places on it with the heights found, which
//! `benches/peers/cam.py` gives to OpenCAMLib.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nalgebra::{Isometry3, Vector3};
use osteomill::formats::stl;
use osteomill::milling::{MillingParams, ProgramText, ReadContext, mill, read_program};
use osteomill::model::{
    BoxPart, Dialect, ImplantFacts, Job, JobProgram, MachineTool, Mesh, Part, Patient, Point, Pose, Silent,
    Tool, ToolKind,
};
use osteomill::toolpath::cutter::Cutter;
use osteomill::toolpath::drop::Ground;
use rayon::prelude::*;

/// Radius of the dome and of the ball lowered on it, mm.
const DOME_MM: f64 = 80.0;
const BALL_MM: f64 = 3.0;
/// Squares along each side of the dome's net: 2 × 314² = 197,192 triangles over 120 × 100 mm.
const SQUARES: usize = 314;
const SIDES_MM: [f64; 2] = [120.0, 100.0];

fn dome_z(x: f64, y: f64) -> f64 {
    (DOME_MM * DOME_MM - x * x - y * y).sqrt() - DOME_MM
}

fn dome() -> Mesh<Part> {
    let n = SQUARES + 1;
    let along = |k: usize, side: f64| side * (k as f64 / SQUARES as f64 - 0.5);
    let vertices = (0..n * n)
        .map(|v| {
            let (x, y) = (along(v % n, SIDES_MM[0]), along(v / n, SIDES_MM[1]));
            [x, y, dome_z(x, y)]
        })
        .collect();
    let mut triangles = Vec::new();
    for j in 0..SQUARES {
        for i in 0..SQUARES {
            let a = (j * n + i) as u32;
            let (b, c, d) = (a + 1, a + n as u32, a + n as u32 + 1);
            triangles.extend([[a, b, d], [a, d, c]]);
        }
    }
    Mesh::new(vertices, triangles)
}

/// Median of five runs, s.
fn median<T>(mut run: impl FnMut() -> T) -> f64 {
    let mut seconds: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[2]
}

fn drop_cutter(keep: Option<&Path>) {
    let mesh = dome();
    let corners = |t: &[u32; 3]| (t.map(|v| mesh.vertices[v as usize]), 0);
    let start = Instant::now();
    let ground = Ground::new(mesh.triangles.iter().map(corners));
    let built_s = start.elapsed().as_secs_f64();
    let ball = Cutter::ball(BALL_MM);
    // 0.25 mm apart, the ball's rim on the dome.
    let places: Vec<[f64; 2]> = (0..381 * 461)
        .map(|k| [0.25 * (f64::from(k % 461) - 230.0), 0.25 * (f64::from(k / 461) - 190.0)])
        .collect();
    let lower = || -> Vec<f64> { places.par_iter().map(|p| ground.z(&ball, p[0], p[1])).collect() };
    let seconds = median(lower);
    let heights = lower();
    // The ball on a sphere: centre on the sphere's radius and the ball's.
    let worst = places.iter().zip(&heights).fold([0f64; 2], |w, (p, z)| {
        let r = DOME_MM + BALL_MM;
        let off = z - ((r * r - p[0] * p[0] - p[1] * p[1]).sqrt() - DOME_MM - BALL_MM);
        [w[0].min(off), w[1].max(off)]
    });
    println!(
        "drop-cutter: {} triangles (sorted in {built_s:.3} s), {} places, {seconds:.3} s, {:.0} places/s; off the sphere \
         {:+.3} to {:+.3} um",
        mesh.triangles.len(),
        places.len(),
        places.len() as f64 / seconds,
        1e3 * worst[0],
        1e3 * worst[1]
    );
    if let Some(folder) = keep {
        std::fs::create_dir_all(folder).expect("writable");
        std::fs::write(folder.join("dome.stl"), stl::stl_bytes(&mesh)).expect("writable");
        let mut text = String::from("x,y,z\n");
        // A prime step, so that the places taken do not stand in rows.
        for k in (0..places.len()).step_by(17) {
            let _ = writeln!(text, "{},{},{:.9}", places[k][0], places[k][1], heights[k]);
        }
        std::fs::write(folder.join("places.csv"), text).expect("writable");
    }
}

fn tool() -> Tool {
    Tool {
        number: 1,
        kind: ToolKind::Ball,
        diameter_mm: 2.0 * BALL_MM,
        corner_radius_mm: BALL_MM,
        flutes: 2,
        flute_length_mm: 30.0,
        shank_diameter_mm: 6.0,
        holder_diameter_mm: 40.0,
        stick_out_mm: 60.0,
        ..shop_tool()
    }
}

/// A ball of the shipped shop, for what a tool has beside its size.
fn shop_tool() -> Tool {
    #[derive(serde::Deserialize)]
    struct Tools {
        tool: Vec<Tool>,
    }
    let tools: Tools =
        toml::from_str(include_str!("../pipelines/shop/tools.toml")).expect("the shipped tools");
    tools.tool.into_iter().find(|t| t.kind == ToolKind::Ball).expect("a ball")
}

fn machine() -> MachineTool {
    MachineTool {
        name: "benchmark".into(),
        travel_min_mm: [-400.0, -300.0, -400.0],
        travel_max_mm: [400.0, 300.0, 100.0],
        rapid_mm_per_min: [20_000.0; 3],
        feed_mm_per_min_max: 10_000.0,
        acceleration_mm_per_s2: [3000.0; 3],
        jerk_mm_per_s3: [50_000.0; 3],
        spindle_rpm_min: 500.0,
        spindle_rpm_max: 18_000.0,
        tool_change_s: 6.0,
        rotary: vec![],
    }
}

/// Raster of a ball over the dome: 221 passes of 220 moves, some 48,600 in all, over 60 × 60 mm, 0.27 mm apart.
fn raster() -> String {
    let r = DOME_MM + BALL_MM;
    let tip = |x: f64, y: f64| (r * r - x * x - y * y).sqrt() - DOME_MM - BALL_MM;
    let mut text = String::from("G21 G90 G94 G17 G40 G49 G80\nG54\nT1 M6\nG43 H1\nS12000 M3\nG0 Z20.\n");
    let n = 220;
    let at = |k: usize| 60.0 * (k as f64 / n as f64 - 0.5);
    for row in 0..=n {
        for step in 0..=n {
            let (x, y) = (at(if row % 2 == 0 { step } else { n - step }), at(row));
            let word = if row == 0 && step == 0 { "G0" } else { "G1" };
            let _ = writeln!(text, "{word} X{x:.4} Y{y:.4}");
            if word == "G0" {
                text.push_str("G1 Z5. F2000\n");
            }
            let _ = writeln!(text, "G1 Z{:.4}", tip(x, y));
        }
    }
    text.push_str("G0 Z20.\nM5\nM30\n");
    // One block a move, as posts write it.
    text.replace("\nG1 Z-", " Z-")
}

fn milling(params: &str) {
    let job = Job {
        schema: "osteomill.job/1".into(),
        expansion_um_per_m_k: None,
        program: vec![JobProgram {
            file: "op10.ngc".into(),
            dialect: Dialect::LinuxCnc,
            setup: 10,
            work_offset: "G54".into(),
            part_from_work: Pose::new(Isometry3::identity()),
            work_zero_machine_mm: [0.0, 0.0, -200.0],
        }],
        stock: BoxPart { min_mm: Point::new([-30.0, -30.0, -20.0]), max_mm: Point::new([30.0, 30.0, 0.5]) },
        machine: machine(),
        tool: vec![tool()],
        fixture: vec![],
        chip_load: vec![],
        tab: vec![],
    };
    let text = raster();
    let blocks = text.lines().count();
    let programs = [ProgramText { file: "op10.ngc".into(), text }];
    for dexel_mm in [0.25, 0.1] {
        let params = with(params, "dexel_mm", dexel_mm);
        let seconds = median(|| mill(&programs, &job, None, &params, &Silent).expect("the job makes sense"));
        println!("milling: {blocks} blocks, lines {dexel_mm} mm apart along x, y and z: {seconds:.3} s");
    }
}

fn with(table: &str, key: &str, value: f64) -> MillingParams {
    let mut table: toml::Table = toml::from_str(table).expect("the shipped table");
    let milling = table["milling"].as_table_mut().expect("a table");
    milling.insert(key.into(), value.into());
    milling.clone().try_into().expect("within its range")
}

fn reading() {
    let mut text =
        String::from("G21 G90 G94 G17 G40 G49 G80\nG54\nT1 M6\nG43 H1\nS12000 M3\nG0 Z20.\nG1 F2000\n");
    for k in 0..500_000 {
        let t = f64::from(k) * 1e-3;
        let _ = writeln!(
            text,
            "G1 X{:.4} Y{:.4} Z{:.4}",
            40.0 * t.cos(),
            40.0 * t.sin(),
            -1.0 - 0.5 * (7.0 * t).sin()
        );
    }
    text.push_str("G0 Z20.\nM5\nM30\n");
    let blocks = text.lines().count();
    let context = ReadContext::open();
    let seconds = median(|| {
        let read = read_program(&text, &context);
        assert!(read.faults.is_empty(), "{:?}", read.faults.first());
        read
    });
    println!("reading: {blocks} blocks, {seconds:.3} s, {:.0} blocks/s", blocks as f64 / seconds);
}

/// A part as `run` left it, milled by its own programs.
fn case(part: &Path, params: &str) {
    let read = |name: &str| std::fs::read_to_string(part.join(name)).expect("a part as run leaves it");
    let job: Job = toml::from_str(&read("program/job.toml")).expect("a job");
    let programs: Vec<ProgramText> = job
        .program
        .iter()
        .map(|p| ProgramText { file: p.file.clone(), text: read(&format!("program/{}", p.file)) })
        .collect();
    let facts: ImplantFacts = serde_json::from_str(&read("implant.json")).expect("implant.json");
    let bytes = std::fs::read(part.join("implant.stl")).expect("implant.stl");
    let in_patient: Mesh<Patient> = stl::read_stl(&bytes).expect("a mesh").mesh;
    let design: Mesh<Part> = in_patient.moved(&facts.part_from_patient);
    let size: Vector3<f64> = Vector3::from_fn(|a, _| job.stock.max_mm.mm[a] - job.stock.min_mm.mm[a]);
    for dexel_mm in [0.1, 0.05] {
        let params = with(params, "dexel_mm", dexel_mm);
        let start = Instant::now();
        let milled = mill(&programs, &job, Some(&design), &params, &Silent).expect("the job makes sense");
        println!(
            "milling the case: blank {:.0} x {:.0} x {:.0} mm, {} blocks, lines {dexel_mm} mm apart: {:.1} s",
            size.x,
            size.y,
            size.z,
            milled.facts.blocks,
            start.elapsed().as_secs_f64()
        );
    }
}

fn main() {
    let keep = std::env::var_os("OSTEOMILL_CAM_KEEP").map(PathBuf::from);
    let params = include_str!("../pipelines/cranial-peek.toml");
    drop_cutter(keep.as_deref());
    reading();
    milling(params);
    if let Some(part) = std::env::var_os("OSTEOMILL_CASE") {
        case(Path::new(&part), params);
    }
}
