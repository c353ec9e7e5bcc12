//! From a program's motions to straight pieces of tool in the part, legs for timing, and faults of words.

use std::collections::BTreeMap;

use super::arcs;
use super::carve::{Doing, Piece};
use super::cutter::Cutter;
use super::motion::{Motion, MotionKind, ProbeCheck};
use super::params::MillingParams;
use super::read::{ReadContext, read_program};
use super::rotary::{Held, Table, norm};
use super::stages::{self, Stage};
use super::stock::Lattice;
use super::sweep::Span;
use super::tilt::Tilts;
use super::time::{Leg, time_s};
use super::turning::{CUT_ERROR_MM, Joint, LOOK_ERROR_MM, Posed, Turning};
use super::{MillingError, ProgramText};
use crate::model::{Collision, Job, JobProgram, MachineTool, ToolKind, ToolMove};

/// Chords of arcs stay this near to them, mm: 0.2 µm.
const ARC_CHORD_MM: f64 = 0.0002;
/// Rounding of three or four decimals must not count as leaving the travel.
const TRAVEL_SLACK_MM: f64 = 1e-3;

/// Poses of the tool while the table turns, over all programs: as many directions are kept, and their pieces milled.
const POSES_MAX: usize = 200_000;

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
    pub tilts: Tilts,
    /// A rotary axis moves somewhere.
    pub turns: bool,
    pub path: Vec<ToolMove>,
    /// By motion number.
    pub places: Vec<Place>,
    /// In order; for pictures and times.
    pub stages: Vec<Stage>,
    /// By motion number: the setup it belongs to.
    pub setups: Vec<u32>,
    /// By motion number: feed, mm/min over the part, and speed, 1/min.
    pub feeds: Vec<[f64; 2]>,
    /// By motion number: how many times a tool was changed before it.
    pub operations: Vec<u32>,
    /// Conditions on probe moves, by program; their touches by motion number.
    pub probe_checks: Vec<(u16, ProbeCheck)>,
    /// By motion number: a probe move's way in its work frame.
    pub probe_spans: BTreeMap<u32, [[f64; 3]; 2]>,
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
    tools: (&[Cutter], &BTreeMap<u32, u32>),
    lattice: &Lattice,
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
        let complete =
            add_program(&mut asked, number as u16, entry, &text.text, job, tools, lattice, params)?;
        if !complete {
            break;
        }
    }
    Ok(asked)
}

#[allow(clippy::too_many_arguments)] // The program, the job, and what milling already made of them.
fn add_program(
    asked: &mut Asked,
    number: u16,
    entry: &JobProgram,
    text: &str,
    job: &Job,
    (cutters, by_number): (&[Cutter], &BTreeMap<u32, u32>),
    lattice: &Lattice,
    params: &MillingParams,
) -> Result<bool, MillingError> {
    let up_part = entry.part_from_work.iso.rotation * nalgebra::Vector3::z();
    if up_part.z.abs() < 1.0 - 1e-12 {
        return Err(MillingError::UnsupportedSetup {
            file: entry.file.clone(),
            tilt_deg: up_part.z.abs().min(1.0).acos().to_degrees(),
        });
    }
    let zero = entry.work_zero_machine_mm;
    let machine = &job.machine;
    let context = ReadContext {
        dialect: entry.dialect,
        // The machine is homed before a program starts; homing leaves every axis at zero.
        start_mm: zero.map(|z| -z),
        work_zero_machine_mm: zero,
        work_offset: Some(offset_tenths(entry)?),
        tools: Some(by_number.keys().copied().collect()),
        rotary: machine.rotary.clone(),
        probes: Some(job.tool.iter().filter(|t| t.kind == ToolKind::Probe).map(|t| t.number).collect()),
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
    let first_motion = asked.places.len() as u32;
    asked.probe_checks.extend(reading.probe_checks.iter().map(|c| {
        let touches = c.touches.map(|m| first_motion + m);
        (number, ProbeCheck { touches, ..*c })
    }));
    let mut legs = Vec::with_capacity(reading.motions.len());
    let mut last_tool = None;
    // A program begins an operation of its own.
    let mut operation = asked.operations.last().map_or(0, |n| n + 1);
    let mut outside = [false; 2];
    let table = Table::new(machine, entry.part_from_work, zero);
    let held_here = job.fixture.iter().filter(|f| f.setups.contains(&entry.setup)).map(|f| &f.body);
    let turning = Turning::new(&table, held_here.chain([&job.stock]));
    let mut held = table.at([0.0; 3]);
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
        let at = Maker { m, motion, cutter: by_number.get(&m.tool).copied(), lattice };
        let mut stations = Vec::new();
        match m.kind {
            MotionKind::Rapid | MotionKind::Feed | MotionKind::Probe => stations.push(m.end_mm),
            _ => arcs::chords(m, ARC_CHORD_MM, |p| stations.push(p)),
        }
        let rapid = m.kind == MotionKind::Rapid;
        let probe = job.tool.iter().any(|t| t.number == m.tool && t.kind == ToolKind::Probe);
        if m.turns() && probe {
            let message = "the table turns while a probe is in the spindle: put it away first".to_owned();
            let (program, kind) = (entry.file.clone(), "probe-turns".to_owned());
            asked.faults.push((number, Collision { program, line: m.line, kind, depth_mm: 0.0, message }));
            held = table.at(m.end_deg);
        } else if m.turns() {
            asked.turns = true;
            held = table.at(m.end_deg);
            // Beyond its travel an axis turns nothing; that is told below.
            if table.beyond(m.from_deg).is_none() && table.beyond(m.end_deg).is_none() {
                let over_part = add_turn(asked, &at, &turning, cutters, machine, || entry.file.clone())?;
                if m.feed_mm_per_min > 0.0 {
                    asked.feeds[motion as usize][0] = over_part / m.measure() * m.feed_mm_per_min;
                }
            }
        }
        // Back from a touch: the way of the probe move once more.
        let back = number_in_program.checked_sub(1).map(|k| &reading.motions[k]).is_some_and(|before| {
            before.kind == MotionKind::Probe && before.from_mm == m.end_mm && before.end_mm == m.from_mm
        });
        let doing = match m.kind {
            MotionKind::Probe => {
                asked.probe_spans.insert(motion, [m.from_mm, m.end_mm]);
                Doing::Probe
            }
            _ if probe => Doing::Carry,
            MotionKind::Rapid => Doing::Rapid,
            _ => Doing::Cut,
        };
        let mut from = m.from_mm;
        let mut length = 0.0;
        let mut excess = (0.0f64, 0usize);
        let mut new_tool = last_tool.is_some_and(|t| t != m.tool);
        last_tool = Some(m.tool);
        for &to in &stations {
            if !m.turns() && !back {
                at.add(asked, &held, from, to, doing);
            }
            let turn_deg = std::array::from_fn(|a| m.end_deg[a] - m.from_deg[a]);
            legs.push(Leg { from, to, turn_deg, feed_mm_per_min: m.feed_mm_per_min, from_rest: new_tool });
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
            if !m.turns() {
                for (p, q) in dog_leg(m.from_mm, m.end_mm, machine) {
                    at.add(asked, &held, p, q, Doing::DogLeg);
                }
            }
        } else {
            asked.path_mm_cut += length;
        }
        let turned_out = table.beyond(m.end_deg);
        let out = [excess.0 > TRAVEL_SLACK_MM, turned_out.is_some()];
        if out[0] && !outside[0] {
            asked.faults.push((number, travel_fault(entry, m, excess, machine)));
        }
        if let Some((axis, _)) = turned_out.filter(|_| !outside[1]) {
            asked.faults.push((
                number,
                Collision {
                    program: entry.file.clone(),
                    line: m.line,
                    kind: "axis-limit".into(),
                    depth_mm: 0.0,
                    message: format!(
                        "{} turns to {:.3} degrees, but its travel is {} to {} degrees: turn the other way or clamp the part anew",
                        ["A", "B", "C"][axis.place],
                        m.end_deg[axis.place],
                        axis.min_deg,
                        axis.max_deg
                    ),
                },
            ));
        }
        outside = out;
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

/// What the pieces of one motion share.
struct Maker<'a> {
    m: &'a Motion,
    motion: u32,
    /// `None` without a tool: nothing is there to move.
    cutter: Option<u32>,
    lattice: &'a Lattice,
}

impl Maker<'_> {
    /// A straight piece in work coordinates, the table at rest.
    fn add(&self, asked: &mut Asked, held: &Held, from: [f64; 3], to: [f64; 3], doing: Doing) {
        if from != to {
            self.push(asked, &Posed { from: held.tip(from), to: held.tip(to), up: held.up() }, doing);
        }
    }

    fn push(&self, asked: &mut Asked, posed: &Posed, doing: Doing) {
        let Some(cutter) = self.cutter else { return };
        let up = posed.up[2].signum();
        // Nearer to part z than this the tool is upright: over 100 mm that is 0.15 µm.
        let upright = posed.up[2].abs() >= 1.0 - 1e-12;
        let (tilt, seen): (u32, [[f64; 3]; 2]) = if upright {
            (Piece::UPRIGHT, [posed.from, posed.to].map(|p| [p[0], p[1], up * p[2]]))
        } else {
            let number = asked.tilts.number(posed.up, self.lattice);
            (number, [posed.from, posed.to].map(|p| asked.tilts.frame(number).seen(p)))
        };
        let span = Span { from: seen[0], to: seen[1] };
        asked.pieces.push(Piece { span, up, tilt, cutter, doing, motion: self.motion });
        // A probe makes nothing of the part.
        if doing.removes() {
            asked.path.push(ToolMove {
                program: asked.places[self.motion as usize].program,
                line: self.m.line,
                tool: self.m.tool,
                rapid: doing == Doing::Rapid,
                from_mm: posed.from,
                to_mm: posed.to,
                up: if upright { [0.0, 0.0, up] } else { posed.up },
            });
        }
    }
}

/// The pieces of a motion while the table turns, and of its dog-leg; the way of the tip over the part, mm.
fn add_turn(
    asked: &mut Asked,
    at: &Maker,
    turning: &Turning,
    cutters: &[Cutter],
    machine: &MachineTool,
    file: impl Fn() -> String,
) -> Result<f64, MillingError> {
    let m = at.m;
    let Some(cutter) = at.cutter.map(|c| &cutters[c as usize]) else { return Ok(0.0) };
    let (from, to) = (Joint { mm: m.from_mm, deg: m.from_deg }, Joint { mm: m.end_mm, deg: m.end_deg });
    let rapid = m.kind == MotionKind::Rapid;
    let (doing, error_mm) = if rapid { (Doing::Rapid, LOOK_ERROR_MM) } else { (Doing::Cut, CUT_ERROR_MM) };
    let mut ways = vec![(from, to, doing)];
    if rapid {
        ways.extend(turned_dog_leg(from, to, machine).into_iter().map(|(p, q)| (p, q, Doing::DogLeg)));
    }
    let mut length = 0.0;
    for (p, q, doing) in ways {
        let room = POSES_MAX.saturating_sub(asked.tilts.len());
        let mut poses = Vec::new();
        if !turning.pieces(p, q, cutter, error_mm, room, &mut poses) {
            return Err(MillingError::TooManyPoses {
                file: file(),
                line: m.line,
                limit: POSES_MAX,
                error_mm,
            });
        }
        for posed in &poses {
            at.push(asked, posed, doing);
            if doing != Doing::DogLeg {
                length += norm(std::array::from_fn(|a| posed.to[a] - posed.from[a]));
            }
        }
    }
    Ok(length)
}

/// [`dog_leg`] with rotary axes among those that run.
fn turned_dog_leg(from: Joint, to: Joint, machine: &MachineTool) -> Vec<(Joint, Joint)> {
    let mut speed = [f64::INFINITY; 6];
    speed[..3].copy_from_slice(&machine.rapid_mm_per_min);
    for axis in &machine.rotary {
        speed[3 + super::read::place_of(axis.letter)] = axis.rapid_deg_per_min;
    }
    let six = |j: Joint| -> [f64; 6] { std::array::from_fn(|a| if a < 3 { j.mm[a] } else { j.deg[a - 3] }) };
    let (p, q) = (six(from), six(to));
    let times: [f64; 6] = std::array::from_fn(|a| (q[a] - p[a]).abs() / speed[a]);
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
            let at = |a: usize| if times[a] <= t { q[a] } else { p[a] + (q[a] - p[a]) * t / times[a] };
            let next = Joint { mm: std::array::from_fn(at), deg: std::array::from_fn(|a| at(a + 3)) };
            (std::mem::replace(&mut last, next), next)
        })
        .collect()
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
