//! What each small error of the machine does to the part, all else as programmed.
//!
//! Every row asks the path for the same places again with one thing off (`off`), so the answers are as exact as the
//! comparison itself; there is no first order in them. Only tools and setups that decide a place of the finished surface
//! are looked at: a roughing tool 10 µm long leaves nothing that a finishing tool does not take.

use std::collections::BTreeSet;

use nalgebra::{Unit, Vector3};
use rayon::prelude::*;

use crate::model::{Dir, Job, JobProgram, Point, Sensitivity, Tool, ToolKind};

use super::off::Off;
use super::places::Place;
use super::spread;
use super::surface::REACH_MM;
use super::sweep::Sweep;

/// What tools and clampings are off by, mm and degrees; and how much warmer the part is, K.
const STEP_MM: f64 = 0.01;
const STEP_DEG: f64 = 0.01;
const WARMER_K: f64 = 5.0;

/// Places of one task; fixed, though nothing depends on it.
const CHUNK: usize = 256;

/// What a slope is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    Radius(u32),
    Length(u32),
    Shift(u32, usize),
    Turn(u32, usize),
    Warmth,
}

/// How the deviation of every place grows with one error, per mm, degree or K, upwards and downwards: the least distance
/// over many cutters has a kink where one cutter takes over from another.
pub struct Slope {
    pub of: Of,
    /// Change per unit where the error is positive.
    pub up: Vec<f64>,
    /// Change per unit of its amount where it is negative.
    pub down: Vec<f64>,
}

/// One row to be asked for.
struct Row {
    id: String,
    what: String,
    amount: f64,
    unit: &'static str,
    off: Vec<Off>,
    of: Option<Of>,
}

/// The rows, the part as programmed first, and the slopes of single errors.
pub fn sensitivity(
    sweep: &Sweep,
    places: &[Place],
    job: &Job,
    tolerance_mm: f64,
) -> (Vec<Sensitivity>, Vec<Slope>) {
    let nominal: Vec<f64> = places.iter().map(|p| p.deviation_mm).collect();
    let base = Row {
        id: "nominal".into(),
        what: "as programmed".into(),
        amount: 0.0,
        unit: "mm",
        off: Vec::new(),
        of: None,
    };
    let mut out = vec![told(&base, places, &nominal, tolerance_mm)];
    let mut slopes: Vec<Slope> = Vec::new();
    for row in rows(places, job) {
        let Some(deviation_mm) = asked(sweep, places, &row.off) else { continue };
        out.push(told(&row, places, &deviation_mm, tolerance_mm));
        let Some(of) = row.of else { continue };
        let size = row.amount.abs();
        let change = deviation_mm.iter().zip(&nominal).map(|(d, n)| (d - n) / size).collect();
        match slopes.last_mut() {
            Some(s) if s.of == of => s.down = change,
            _ => slopes.push(Slope { of, up: change, down: Vec::new() }),
        }
    }
    for s in &mut slopes {
        // Where only one direction was asked for, the other is taken as its mirror image.
        if s.down.is_empty() {
            s.down = s.up.iter().map(|u| -u).collect();
        }
    }
    (out, slopes)
}

/// Deviation of every place with all of `off`, mm; `None` where a tool cannot be so.
pub fn asked(sweep: &Sweep, places: &[Place], off: &[Off]) -> Option<Vec<f64>> {
    let moved = sweep.off(off)?;
    let chunks: Vec<Vec<f64>> = places
        .par_chunks(CHUNK)
        .map(|chunk| {
            let ask = |p: &Place| moved.nearest(p.p_mm, REACH_MM, p.decided.map(|d| d.index)).distance_mm;
            chunk.iter().map(ask).collect()
        })
        .collect();
    Some(chunks.concat())
}

fn told(row: &Row, places: &[Place], deviation_mm: &[f64], tolerance_mm: f64) -> Sensitivity {
    let whole: f64 = places.iter().map(|p| p.area_mm2).sum();
    let beyond: f64 = places
        .iter()
        .zip(deviation_mm)
        // Written so that NaN is beyond.
        .filter(|(_, d)| !(..=tolerance_mm).contains(&d.abs()))
        .map(|(p, _)| p.area_mm2)
        .sum();
    let weighted = |value: &dyn Fn(usize) -> f64| {
        spread::deviations((0..places.len()).map(|i| (value(i), places[i].area_mm2)).collect())
    };
    Sensitivity {
        id: row.id.clone(),
        what: row.what.clone(),
        amount: row.amount,
        unit: row.unit.into(),
        deviation_mm: weighted(&|i| deviation_mm[i]),
        change_mm: weighted(&|i| deviation_mm[i] - places[i].deviation_mm),
        fraction_within_tolerance: if whole > 0.0 { 1.0 - beyond / whole } else { 1.0 },
        places: places.len(),
    }
}

fn rows(places: &[Place], job: &Job) -> Vec<Row> {
    let mut out = Vec::new();
    let tools = deciding_tools(places, job);
    for t in &tools {
        let n = t.number;
        for (sign, mm) in signed(STEP_MM) {
            out.push(Row {
                id: format!("radius-t{n}{sign}"),
                what: format!("radius of T{n}, {} Ø{} mm; its tip where it was", kind(t.kind), t.diameter_mm),
                amount: mm,
                unit: "mm",
                off: vec![Off::Radius { tool: n, mm }],
                of: Some(Of::Radius(n)),
            });
        }
    }
    let kinds = [ToolKind::Flat, ToolKind::Ball, ToolKind::Bull, ToolKind::Drill, ToolKind::Chamfer];
    for k in kinds {
        let of_kind: Vec<u32> = tools.iter().filter(|t| t.kind == k).map(|t| t.number).collect();
        if of_kind.len() < 2 {
            continue;
        }
        for (sign, mm) in signed(STEP_MM) {
            out.push(Row {
                id: format!("radius-{}{sign}", kind(k).replace(' ', "-")),
                what: format!("radius of every {} that finishes", kind(k)),
                amount: mm,
                unit: "mm",
                off: of_kind.iter().map(|&tool| Off::Radius { tool, mm }).collect(),
                of: None,
            });
        }
    }
    for t in &tools {
        let n = t.number;
        for (sign, mm) in signed(STEP_MM) {
            out.push(Row {
                id: format!("length-t{n}{sign}"),
                what: format!("T{n} longer than its offset says"),
                amount: mm,
                unit: "mm",
                off: vec![Off::Length { tool: n, mm }],
                of: Some(Of::Length(n)),
            });
        }
    }
    for p in later_setups(places, job) {
        clamped(p, &mut out);
    }
    if let Some(um_per_m_k) = job.expansion_um_per_m_k {
        out.push(Row {
            id: "warm+".into(),
            what: "part warmer than 20 °C while it is milled, measured at 20 °C".into(),
            amount: WARMER_K,
            unit: "K",
            off: larger(job, um_per_m_k * 1e-6 * WARMER_K),
            of: Some(Of::Warmth),
        });
    }
    out
}

/// A setup that lies off or turned against what was milled before it.
fn clamped(p: &JobProgram, out: &mut Vec<Row>) {
    let setup = p.setup;
    for (axis, letter) in ["x", "y", "z"].into_iter().enumerate() {
        for (sign, mm) in signed(STEP_MM) {
            out.push(Row {
                id: format!("shift-op{setup}-{letter}{sign}"),
                what: format!("what op{setup} mills lies off along its work {letter}"),
                amount: mm,
                unit: "mm",
                off: vec![Off::Shift { setup, by_mm: axis_in_part(p, axis).into_inner() * mm }],
                of: Some(Of::Shift(setup, axis)),
            });
        }
    }
    for (axis, letter) in ["x", "y", "z"].into_iter().enumerate() {
        for (sign, deg) in signed(STEP_DEG) {
            let (about_mm, rad) = (zero_in_part(p), deg.to_radians());
            out.push(Row {
                id: format!("turn-op{setup}-{letter}{sign}"),
                what: format!(
                    "what op{setup} mills is turned about its work {letter}, through the work zero"
                ),
                amount: deg,
                unit: "deg",
                off: vec![Off::Turn { setup, about_mm, axis: axis_in_part(p, axis), rad }],
                of: Some(Of::Turn(setup, axis)),
            });
        }
    }
}

/// Every setup's part larger by `share` about its own work zero, where the locating pin is.
pub fn larger(job: &Job, share: f64) -> Vec<Off> {
    let of = |p: &JobProgram| Off::Larger { setup: p.setup, about_mm: zero_in_part(p), share };
    setups(job).into_iter().map(of).collect()
}

fn axis_in_part(p: &JobProgram, axis: usize) -> Unit<Vector3<f64>> {
    let mut along = [0.0; 3];
    along[axis] = 1.0;
    Unit::new_normalize(p.part_from_work.turn(Dir::new(along)).v())
}

fn zero_in_part(p: &JobProgram) -> Vector3<f64> {
    p.part_from_work.apply(Point::new([0.0; 3])).v()
}

fn signed(step: f64) -> [(char, f64); 2] {
    [('+', step), ('-', -step)]
}

fn kind(k: ToolKind) -> &'static str {
    match k {
        ToolKind::Flat => "flat end mill",
        ToolKind::Ball => "ball end mill",
        ToolKind::Bull => "bull-nose end mill",
        ToolKind::Drill => "drill",
        ToolKind::Chamfer => "chamfer mill",
        ToolKind::Probe => "touch probe",
    }
}

/// Tools that decide a place, in the order of their numbers.
pub fn deciding_tools<'a>(places: &[Place], job: &'a Job) -> Vec<&'a Tool> {
    let numbers: BTreeSet<u32> = places.iter().filter_map(|p| p.decided.map(|d| d.tool)).collect();
    numbers.into_iter().filter_map(|n| job.tool.iter().find(|t| t.number == n)).collect()
}

/// Setups that decide a place, in the order in which they are run.
pub fn deciding_setups<'a>(places: &[Place], job: &'a Job) -> Vec<&'a JobProgram> {
    let numbers: BTreeSet<u32> = places.iter().filter_map(|p| p.decided.map(|d| d.setup)).collect();
    setups(job).into_iter().filter(|p| numbers.contains(&p.setup)).collect()
}

/// All but the first of them: only how later ones lie against it can be told on the part.
fn later_setups<'a>(places: &[Place], job: &'a Job) -> Vec<&'a JobProgram> {
    deciding_setups(places, job).into_iter().skip(1).collect()
}

/// The first program of each setup, in the order in which they are run.
fn setups(job: &Job) -> Vec<&JobProgram> {
    let mut seen = BTreeSet::new();
    job.program.iter().filter(|p| seen.insert(p.setup)).collect()
}
