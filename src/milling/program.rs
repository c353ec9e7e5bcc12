//! From a program's motions to straight pieces of tool in the part, legs for timing, and faults of words.

use std::collections::BTreeMap;

use super::arcs;
use super::carve::{Doing, Piece};
use super::motion::{Motion, MotionKind};
use super::params::MillingParams;
use super::read::{ReadContext, read_program};
use super::stages::{self, Stage};
use super::sweep::Span;
use super::time::{Leg, time_s};
use super::{MillingError, ProgramText};
use crate::model::{Collision, Job, JobProgram, MachineTool, Point, ToolMove};

/// Chords of arcs stay this near to them, mm: 0.2 µm.
const ARC_CHORD_MM: f64 = 0.0002;
/// Rounding of three or four decimals must not count as leaving the travel.
const TRAVEL_SLACK_MM: f64 = 1e-3;

/// Where a motion stands in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub program: u16,
    pub line: u32,
}

/// Everything the programs of a job ask for.
#[derive(Default)]
pub(super) struct Asked {
    pub pieces: Vec<Piece>,
    pub path: Vec<ToolMove>,
    /// By motion number.
    pub places: Vec<Place>,
    /// In order; for pictures and times.
    pub stages: Vec<Stage>,
    /// By motion number: the setup it belongs to.
    pub setups: Vec<u32>,
    /// By motion number: feed, mm/min, and speed, 1/min.
    pub feeds: Vec<[f64; 2]>,
    /// By motion number: how many times a tool was changed before it.
    pub operations: Vec<u32>,
    pub faults: Vec<(u16, Collision)>,
    pub blocks: usize,
    pub time_s: Vec<f64>,
    pub path_mm_cut: f64,
    pub path_mm_rapid: f64,
    pub tools_used: Vec<u32>,
}

/// Reads every program of the job, in the job's order. A fault that ends the reading of one ends the job there.
pub(super) fn read_job(
    programs: &[ProgramText],
    job: &Job,
    cutters: &BTreeMap<u32, u32>,
    params: &MillingParams,
) -> Result<Asked, MillingError> {
    if let Some(stray) = programs.iter().find(|p| !job.program.iter().any(|q| q.file == p.file)) {
        return Err(MillingError::StrayProgram { file: stray.file.clone() });
    }
    let mut asked = Asked::default();
    for (number, entry) in job.program.iter().enumerate() {
        let text = programs
            .iter()
            .find(|p| p.file == entry.file)
            .ok_or_else(|| MillingError::MissingProgram { file: entry.file.clone() })?;
        let complete = add_program(&mut asked, number as u16, entry, &text.text, job, cutters, params)?;
        if !complete {
            break;
        }
    }
    Ok(asked)
}

fn add_program(
    asked: &mut Asked,
    number: u16,
    entry: &JobProgram,
    text: &str,
    job: &Job,
    cutters: &BTreeMap<u32, u32>,
    params: &MillingParams,
) -> Result<bool, MillingError> {
    let up_part = entry.part_from_work.iso.rotation * nalgebra::Vector3::z();
    if up_part.z.abs() < 1.0 - 1e-12 {
        return Err(MillingError::UnsupportedSetup {
            file: entry.file.clone(),
            tilt_deg: up_part.z.abs().min(1.0).acos().to_degrees(),
        });
    }
    let up = up_part.z.signum();
    let zero = entry.work_zero_machine_mm;
    let machine = &job.machine;
    let context = ReadContext {
        dialect: entry.dialect,
        // The machine is homed before a program starts; homing leaves every axis at zero.
        start_mm: zero.map(|z| -z),
        work_zero_machine_mm: zero,
        work_offset: Some(offset_tenths(entry)?),
        tools: Some(cutters.keys().copied().collect()),
        feed_mm_per_min_max: machine.feed_mm_per_min_max,
        spindle_rpm: [machine.spindle_rpm_min, machine.spindle_rpm_max],
        arc_radius_error_mm_max: params.arc_radius_error_mm_max,
    };
    let reading = read_program(text, &context);
    asked.blocks += reading.blocks;
    for f in reading.faults {
        asked.faults.push((
            number,
            Collision {
                program: entry.file.clone(),
                line: f.line,
                kind: f.kind.into(),
                depth_mm: 0.0,
                message: f.message,
            },
        ));
    }
    let mut legs = Vec::with_capacity(reading.motions.len());
    let mut last_tool = None;
    // A program begins an operation of its own.
    let mut operation = asked.operations.last().map_or(0, |n| n + 1);
    let mut outside = false;
    let mut headings = stages::headings(text, &reading.motions).into_iter().peekable();
    for (number_in_program, m) in reading.motions.iter().enumerate() {
        if let Some(h) = headings.next_if(|h| h.first_motion == number_in_program) {
            asked.stages.push(Stage::new(&entry.file, h, asked.pieces.len(), legs.len()));
        }
        let motion = asked.places.len() as u32;
        asked.places.push(Place { program: number, line: m.line });
        asked.setups.push(entry.setup);
        asked.feeds.push([m.feed_mm_per_min, m.spindle_rpm]);
        if last_tool != Some(m.tool) {
            operation += 1;
        }
        asked.operations.push(operation);
        let add = |asked: &mut Asked, from: [f64; 3], to: [f64; 3], doing: Doing| {
            add_piece(asked, entry, m, motion, cutters, up, from, to, doing);
        };
        let mut stations = Vec::new();
        match m.kind {
            MotionKind::Rapid | MotionKind::Feed => stations.push(m.end_mm),
            _ => arcs::chords(m, ARC_CHORD_MM, |p| stations.push(p)),
        }
        let rapid = m.kind == MotionKind::Rapid;
        let mut from = m.from_mm;
        let mut length = 0.0;
        let mut excess = (0.0f64, 0usize);
        let mut new_tool = last_tool.is_some_and(|t| t != m.tool);
        last_tool = Some(m.tool);
        for &to in &stations {
            add(asked, from, to, if rapid { Doing::Rapid } else { Doing::Cut });
            legs.push(Leg { from, to, feed_mm_per_min: m.feed_mm_per_min, from_rest: new_tool });
            new_tool = false;
            length += (0..3).map(|a| (to[a] - from[a]).powi(2)).sum::<f64>().sqrt();
            for a in 0..3 {
                let at = to[a] + zero[a];
                let over = (machine.travel_min_mm[a] - at).max(at - machine.travel_max_mm[a]);
                if over > excess.0 {
                    excess = (over, a);
                }
            }
            from = to;
        }
        if let Some(stage) = asked.stages.last_mut() {
            stage.add(m, length);
        }
        if rapid {
            asked.path_mm_rapid += length;
            for (p, q) in dog_leg(m.from_mm, m.end_mm, machine) {
                add(asked, p, q, Doing::DogLeg);
            }
        } else {
            asked.path_mm_cut += length;
        }
        if excess.0 > TRAVEL_SLACK_MM && !outside {
            asked.faults.push((number, travel_fault(entry, m, excess, machine)));
        }
        outside = excess.0 > TRAVEL_SLACK_MM;
    }
    let changes = reading.tool_changes as f64 * machine.tool_change_s;
    stages::set_times(&mut asked.stages, &entry.file, &legs, machine, params.path_blend_mm);
    asked.time_s.push(time_s(&legs, machine, params.path_blend_mm) + changes + reading.dwell_s);
    for t in reading.tools_used {
        if !asked.tools_used.contains(&t) {
            asked.tools_used.push(t);
        }
    }
    Ok(reading.complete)
}

#[allow(clippy::too_many_arguments)] // Plain geometry of one piece and where it came from.
fn add_piece(
    asked: &mut Asked,
    entry: &JobProgram,
    m: &Motion,
    motion: u32,
    cutters: &BTreeMap<u32, u32>,
    up: f64,
    from: [f64; 3],
    to: [f64; 3],
    doing: Doing,
) {
    let Some(&cutter) = cutters.get(&m.tool) else { return };
    if from == to {
        return;
    }
    let from_mm = entry.part_from_work.apply(Point::new(from)).mm;
    let to_mm = entry.part_from_work.apply(Point::new(to)).mm;
    let turned = |p: [f64; 3]| [p[0], p[1], up * p[2]];
    let span = Span { from: turned(from_mm), to: turned(to_mm) };
    asked.pieces.push(Piece { span, up, cutter, doing, motion });
    if doing != Doing::DogLeg {
        asked.path.push(ToolMove {
            program: asked.places[motion as usize].program,
            line: m.line,
            tool: m.tool,
            rapid: doing == Doing::Rapid,
            from_mm,
            to_mm,
            up: [0.0, 0.0, up],
        });
    }
}

fn offset_tenths(entry: &JobProgram) -> Result<u32, MillingError> {
    ["G54", "G55", "G56", "G57", "G58", "G59"]
        .iter()
        .position(|&g| g == entry.work_offset)
        .map(|n| 540 + 10 * n as u32)
        .ok_or_else(|| MillingError::BadOffset { file: entry.file.clone(), found: entry.work_offset.clone() })
}

/// The way of a rapid when every axis runs at its own speed and stops when it has arrived; empty where that is the
/// straight line.
fn dog_leg(from: [f64; 3], to: [f64; 3], machine: &MachineTool) -> Vec<([f64; 3], [f64; 3])> {
    let times: [f64; 3] = std::array::from_fn(|a| (to[a] - from[a]).abs() / machine.rapid_mm_per_min[a]);
    let mut stops: Vec<f64> = times.iter().copied().filter(|&t| t > 0.0).collect();
    stops.sort_by(f64::total_cmp);
    stops.dedup();
    if stops.len() < 2 {
        return Vec::new();
    }
    let mut last = from;
    stops
        .iter()
        .map(|&t| {
            let next = std::array::from_fn(|a| {
                if times[a] <= t { to[a] } else { from[a] + (to[a] - from[a]) * t / times[a] }
            });
            (std::mem::replace(&mut last, next), next)
        })
        .collect()
}

fn travel_fault(entry: &JobProgram, m: &Motion, (over, a): (f64, usize), machine: &MachineTool) -> Collision {
    Collision {
        program: entry.file.clone(),
        line: m.line,
        kind: "axis-limit".into(),
        depth_mm: over,
        message: format!(
            "{} leaves its travel of {} to {} mm by {over:.3} mm: move the work zero or change the program",
            ["X", "Y", "Z"][a],
            machine.travel_min_mm[a],
            machine.travel_max_mm[a]
        ),
    }
}
