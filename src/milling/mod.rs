//! Mills the part from the text of its programs, and tells what went wrong on the way.
//!
//! **In** the programs' text, the [`Job`] (blank, fixtures, machine, tools, where each work offset lies in the part),
//! the design to cut out at the tabs. **Out** [`Milled`]: mesh and line ends of the part, every motion, faults, time.
//!
//! **Method** An own reader with full modal state after NIST RS274NGC (NISTIR 6556), which refuses what it does not
//! know. The blank is a tri-dexel: lines along z carry what remains move by move, in order, so that each move is held
//! against the stock it meets (rapids, shank, holder, flutes, plunges) and what it takes is known (`load`: removal
//! rate, chip load); lines along x and y take the union of what all moves sweep on them. Cutters are convex and sweep a convex body along a straight move, so each line meets it
//! in one interval, in closed form (`sweep`). Arcs become chords within 0.2 µm. Rapids are looked at along the
//! straight line and along the dog-leg of axes that run at their own speed. At the end the part is cut off the frame
//! where material crosses the design grown by `stub_mm`; those places are the tab witnesses.
//!
//! For pictures, what is left is kept after each operation that the text heads, on every few lines (`stages`).
//!
//! Rotary axes carry the table (`rotary`): from the program's angles and the machine's pivots follows where tip and axis of
//! the tool are in the part. A move at fixed angles is a straight piece in one direction; a move while the table turns
//! becomes such pieces, each within 0.5 µm (`turning`). A tool that leans is met in its own frame (`tilt`, `sweep/skew`):
//! there the swept body is as convex as ever, and a line of any family is a line in any direction.
//!
//! **Different from the literature** Tri-dexels usually carry three equal families. Most tools here point along part ±z, so
//! a z line mostly holds one stretch, and the order of moves matters on z lines alone; what a leaning tool takes out of the
//! middle of a z line is kept as a gap.
//!
//! **Guarantees** Shares no code with `toolpath` and `post`. Line ends of ball, flat, drill and chamfer are exact to
//! rounding (1e-9 mm), of a torus on a slope and of leaning tools to 1e-7 mm, plus the chord of arcs. The same bytes on any
//! thread count. A program that cannot be understood is a fault, never a guess. `exact` and `turned` hold line ends of whole
//! programs against closed forms: 0.2 µm on arcs, 0.5 µm while the table turns, rounding on straight moves.
//!
//! **Limits** With the rotary axes at zero the tool stands along part ±z; rotary axes carry the table, none the spindle.
//! Their zero is that of the work offset, and no function of the control keeps the tip on a path while they turn. The tool
//! is taken to rise without end above its tip, as nothing else stands there. Fixtures and the blank are boxes. The table and
//! what carries it are not known unless they are fixtures. What stands between lines and is thinner than `dexel_mm` is met
//! by the lines across it, if by any. Cutter compensation, parameters and subprograms are refused. The mesh is for the eye.

use std::collections::BTreeMap;

use crate::geometry::Bvh;
use crate::model::{Collision, Job, Mesh, Milled, MillingFacts, Part, Watch};

mod arcs;
mod block;
mod carve;
mod codes;
mod cutter;
mod ends;
#[cfg(test)]
mod exact;
mod faults;
mod fixtures;
mod free;
mod hold;
mod lines;
mod load;
mod motion;
mod params;
mod picture;
mod probing;
#[cfg(test)]
mod probing_tests;
mod program;
mod read;
mod rotary;
#[cfg(test)]
mod speed;
mod stages;
mod stock;
mod sweep;
#[cfg(test)]
mod tests;
mod tilt;
mod time;
#[cfg(test)]
mod turned;
mod turning;
mod words;

pub use motion::{Motion, MotionKind, Plane, ProbeCheck, ReadFault, Reading};
pub use params::{MillingParamError, MillingParams, MillingToml};
pub use read::{ReadContext, ReadError, read_motions, read_program};

use carve::Limits;
use cutter::Cutter;
use ends::Interest;
use stock::{Lattice, Stock};

/// One program as the machine gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramText {
    /// File name, as the job calls it.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// Why a job cannot be milled at all. What is wrong with a program is a fault in the result instead.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MillingError {
    /// A program of the job was not given.
    #[error("the job names program {file}, but it was not given: give its text or take it out of the job")]
    MissingProgram {
        /// File name.
        file: String,
    },
    /// A program was given that the job does not know.
    #[error("program {file} is not in the job: add it there with its setup, or leave it out")]
    StrayProgram {
        /// File name.
        file: String,
    },
    /// The tool axis is not part ±z while every rotary axis stands at zero.
    #[error(
        "unsupported-setup: in program {file} the tool axis stands {tilt_deg:.4} degrees off part z with the rotary axes at zero, but \
         only clampings along part z are simulated: turn the setup, or let the program turn a rotary axis"
    )]
    UnsupportedSetup {
        /// File name.
        file: String,
        /// Angle, degrees.
        tilt_deg: f64,
    },
    /// The job's work offset is no G54 to G59.
    #[error("program {file} is set up at {found:?}, but must be at one of G54 to G59: correct the job")]
    BadOffset {
        /// File name.
        file: String,
        /// What the job says.
        found: String,
    },
    /// A number of a tool cannot be.
    #[error("tool T{number}: {what}: correct the tool table")]
    BadTool {
        /// T number.
        number: u32,
        /// Which number and why.
        what: String,
    },
    /// A number of the machine, the stock or a fixture cannot be.
    #[error("{what}: correct the job")]
    BadJob {
        /// Which and why.
        what: String,
    },
    /// More lines than fit in memory.
    #[error(
        "the blank needs {lines} dexel lines at {dexel_mm} mm, but at most {limit} are simulated: raise milling.dexel_mm"
    )]
    TooFine {
        /// Lines along z.
        lines: usize,
        /// Their distance.
        dexel_mm: f64,
        /// Most lines.
        limit: usize,
    },
    /// Moves while the table turns need more poses than are simulated.
    #[error(
        "program {file}, line {line}: moves while the table turns need more than {limit} poses of the tool to stay within {error_mm} mm: \
         turn above the blank, or cut at a fixed angle"
    )]
    TooManyPoses {
        /// File name.
        file: String,
        /// Line, counted from 1.
        line: u32,
        /// Most poses.
        limit: usize,
        /// Error of a pose, mm.
        error_mm: f64,
    },
    /// The user asked to stop.
    #[error("stopped by the user")]
    Stopped,
}

/// Lines along z; three doubles' worth each, and as much again for runs.
const LINES_MAX: usize = 30_000_000;

/// Mills the job. `design`: the part to cut out of what remains; without it everything that remains is the part.
///
/// # Errors
/// When the job itself makes no sense; see [`MillingError`]. Faults of the programs are in
/// [`MillingFacts::collisions`].
pub fn mill(
    programs: &[ProgramText],
    job: &Job,
    design: Option<&Mesh<Part>>,
    params: &MillingParams,
    watch: &dyn Watch,
) -> Result<Milled, MillingError> {
    const STEPS: u64 = 5;
    let step = |done: u64, what: &str| {
        watch.progress(done, STEPS);
        watch.note(what);
        if watch.stopped() { Err(MillingError::Stopped) } else { Ok(()) }
    };
    check_job(job)?;
    let (cutters, by_number) = cutters_of(job)?;
    let lattice = Lattice::new(&job.stock, params.dexel_mm);
    let lines = lattice.n[0] * lattice.n[1];
    if lines > LINES_MAX {
        return Err(MillingError::TooFine { lines, dexel_mm: params.dexel_mm, limit: LINES_MAX });
    }
    step(0, "reading programs")?;
    let asked = program::read_job(programs, job, (&cutters, &by_number), &lattice, params)?;
    step(1, "milling")?;
    let limits = Limits { contact_mm: params.contact_mm, plunge_depth_mm_max: params.plunge_depth_mm_max };
    let mut stock = Stock::new(lattice);
    let looks = stages::Looks::new(&lattice, &asked.stages, &asked.pieces);
    let (meetings, removed_mm3, stock_after) =
        carve::carve(&mut stock, &asked.pieces, &cutters, &asked.tilts, &limits, &looks);
    step(2, "cutting free")?;
    let tree = design.map(Bvh::new);
    let mut freed = match &tree {
        Some(tree) => free::cut_free(&stock, tree, params.stub_mm),
        None => free::Freed::whole(&stock),
    };
    step(3, "lines across")?;
    let removing: Vec<u32> =
        (0..asked.pieces.len() as u32).filter(|n| asked.pieces[*n as usize].doing.removes()).collect();
    let interest = match design {
        Some(design) => Interest::near(&lattice, design, params.line_end_reach_mm),
        None => Interest::milled(&stock),
    };
    let across =
        |axis| ends::cross_ends(&lattice, &asked.pieces, &removing, &cutters, &asked.tilts, &interest, axis);
    let (along_x, along_y) = (across(0), across(1));
    step(4, "line ends and picture")?;
    let (line_ends, left) =
        lines::line_ends(&lattice, &freed, &along_x, &along_y, tree.as_ref(), params.line_end_reach_mm);
    let largest = cutters.iter().map(|c| c.radius_mm).fold(0.0, f64::max);
    // A round corner of radius r stands `stub` off the wall this far from where it touches it.
    free::widen(&mut freed, &left, (2.0 * largest * params.stub_mm).sqrt());
    let mesh = picture::picture(&lattice, &freed, &along_x, &along_y, params.picture_mm);
    let loads = load::loads(job, &asked, &removed_mm3);
    let collisions =
        faults::collisions(job, &asked, &cutters, &meetings, &stock, &freed, &loads.faults, params);
    watch.progress(STEPS, STEPS);
    let facts = MillingFacts {
        schema: "osteomill.milling/1".into(),
        blocks: asked.blocks,
        time_s: asked.time_s.iter().sum(),
        time_s_per_program: asked.time_s,
        path_mm_cut: asked.path_mm_cut,
        path_mm_rapid: asked.path_mm_rapid,
        collisions,
        dexel_mm: params.dexel_mm,
        tools_used: asked.tools_used,
        part_mm3: freed.part_mm3,
        operations: asked.stages.into_iter().map(|s| s.facts).collect(),
        tab_witnesses: std::mem::take(&mut freed.witnesses),
        operation_loads: loads.operations,
        tool_loads: loads.tools,
    };
    Ok(Milled { mesh, line_ends, path: asked.path, stock_after, facts })
}

fn cutters_of(job: &Job) -> Result<(Vec<Cutter>, BTreeMap<u32, u32>), MillingError> {
    let mut cutters = Vec::new();
    let mut by_number = BTreeMap::new();
    for tool in &job.tool {
        let bad = |what: String| MillingError::BadTool { number: tool.number, what };
        cutters.push(Cutter::new(tool).map_err(bad)?);
        if tool.number == 0 || by_number.insert(tool.number, cutters.len() as u32 - 1).is_some() {
            return Err(bad("its number is 0 or stands twice in the table".into()));
        }
    }
    Ok((cutters, by_number))
}

fn check_job(job: &Job) -> Result<(), MillingError> {
    let bad = |what: String| Err(MillingError::BadJob { what });
    let mut boxes = vec![("the stock".to_owned(), &job.stock)];
    boxes.extend(job.fixture.iter().map(|f| (format!("fixture {}", f.name), &f.body)));
    for (name, b) in boxes {
        let (lo, hi) = (b.min_mm.mm, b.max_mm.mm);
        if (0..3).any(|a| !lo[a].is_finite() || !hi[a].is_finite() || hi[a] <= lo[a]) {
            return bad(format!("{name} reaches from {lo:?} to {hi:?} mm, which is no box"));
        }
    }
    let m = &job.machine;
    let positive = [
        ("rapid_mm_per_min", m.rapid_mm_per_min),
        ("acceleration_mm_per_s2", m.acceleration_mm_per_s2),
        ("jerk_mm_per_s3", m.jerk_mm_per_s3),
    ];
    for (key, values) in positive {
        if values.iter().any(|v| !v.is_finite() || *v <= 0.0) {
            return bad(format!("machine {key} is {values:?}, but must be positive"));
        }
    }
    let limits = [m.feed_mm_per_min_max, m.spindle_rpm_min, m.spindle_rpm_max, m.tool_change_s];
    if limits.iter().any(|v| !v.is_finite() || *v < 0.0) || m.feed_mm_per_min_max <= 0.0 {
        return bad(format!(
            "machine limits of feed, speed and tool change are {limits:?}, but must not be negative"
        ));
    }
    if (0..3).any(|a| m.travel_min_mm[a].partial_cmp(&m.travel_max_mm[a]) != Some(std::cmp::Ordering::Less)) {
        return bad(format!(
            "machine travels from {:?} to {:?} mm, which is no range",
            m.travel_min_mm, m.travel_max_mm
        ));
    }
    if let Some(what) = rotary::bad_axes(&m.rotary) {
        return bad(what);
    }
    for l in &job.chip_load {
        let flutes = job.tool.iter().find(|t| t.number == l.tool).map_or(0, |t| t.flutes);
        if flutes == 0 || !l.chip_load_max_mm.is_finite() || l.chip_load_max_mm <= 0.0 {
            return bad(format!(
                "the chip load of T{} is limited to {} mm, but T{} must be a tool with flutes and the limit positive",
                l.tool, l.chip_load_max_mm, l.tool
            ));
        }
    }
    for (k, t) in job.tab.iter().enumerate() {
        let length = t.outward_xy[0].hypot(t.outward_xy[1]);
        // Four decimals of each leave 1e-4. Written so that NaN is refused.
        let unit = (length - 1.0).abs() < 1e-3;
        if !(unit
            && t.centre_part_mm.iter().all(|x| x.is_finite())
            && t.width_mm > 0.0
            && t.width_mm.is_finite()
            && t.left_on_mm.is_none_or(|l| l.iter().all(|[from, to]| from <= to && (to - from).is_finite())))
        {
            return bad(format!(
                "tab {} lies at {:?} mm, outward along {:?}, {} mm wide, left on within {:?} mm: state a finite place, a direction of length 1, a width over 0 and, if at all, what is left on as three pairs, from no more than to",
                k + 1,
                t.centre_part_mm,
                t.outward_xy,
                t.width_mm,
                t.left_on_mm
            ));
        }
    }
    if job.program.is_empty() {
        return bad("the job has no program".into());
    }
    for p in &job.program {
        if p.work_zero_machine_mm.iter().any(|x| !x.is_finite()) {
            return bad(format!("the work zero of program {} is {:?}", p.file, p.work_zero_machine_mm));
        }
    }
    Ok(())
}

/// What is told when there are more faults than anybody reads.
fn shorten(mut collisions: Vec<Collision>) -> Vec<Collision> {
    const TOLD: usize = 1000;
    if collisions.len() > TOLD {
        let more = collisions.len() - TOLD;
        collisions.truncate(TOLD);
        let last = &collisions[TOLD - 1];
        let (program, line) = (last.program.clone(), last.line);
        collisions.push(Collision {
            program,
            line,
            kind: "more-faults".into(),
            depth_mm: 0.0,
            message: format!("{more} more faults follow: correct the first ones and mill again"),
        });
    }
    collisions
}
