//! Reads a program as a control would: full modal state, blocks executed in the control's order.
//!
//! Order of execution within a block: NIST RS274NGC (NISTIR 6556), table 8. Nothing is shared with the writer.

mod cycles;
mod settings;

use super::arcs;
use super::block::Block;
use super::codes::*;
use super::motion::{Motion, MotionKind, Plane, ReadFault, Reading};
use super::words::{LineKind, WordError, read_words};

const INCH_MM: f64 = 25.4;
/// More turns of an arc than any job needs: a slip of the decimal point.
const TURNS_MAX: u32 = 1000;

/// What the reader is told of the shop beside the text.
#[derive(Clone, Debug)]
pub struct ReadContext {
    /// Where the tip stands before the first block, work frame, mm.
    pub start_mm: [f64; 3],
    /// Machine coordinates of the work zero, mm; for G53.
    pub work_zero_machine_mm: [f64; 3],
    /// The offset the program must use, in tenths (G54 is 540); `None` when any will do.
    pub work_offset: Option<u32>,
    /// T numbers in the tool table; `None` when any will do.
    pub tools: Option<Vec<u32>>,
    /// Largest feed, mm/min.
    pub feed_mm_per_min_max: f64,
    /// Lowest and highest spindle speed, 1/min.
    pub spindle_rpm: [f64; 2],
    /// Largest difference between the radius at the start and at the end of an arc, mm.
    pub arc_radius_error_mm_max: f64,
}

impl ReadContext {
    /// Any tool, any offset, no limits, work zero at machine zero: the language alone.
    pub fn open() -> Self {
        Self {
            start_mm: [0.0; 3],
            work_zero_machine_mm: [0.0; 3],
            work_offset: None,
            tools: None,
            feed_mm_per_min_max: f64::INFINITY,
            spindle_rpm: [0.0, f64::INFINITY],
            arc_radius_error_mm_max: 0.002,
        }
    }
}

/// Reads a whole program. Faults are in the result; a fault after which the meaning of the rest is not known ends
/// the reading there.
pub fn read_program(text: &str, context: &ReadContext) -> Reading {
    let mut reader = Reader::new(context);
    reader.run(text);
    reader.out
}

/// The first fault of a program read for its motions alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}: {message}")]
pub struct ReadError {
    /// Line, counted from 1.
    pub line: u32,
    /// Name of the fault.
    pub kind: &'static str,
    /// One sentence.
    pub message: String,
}

/// The motions of a program in work coordinates, mm, canned cycles expanded.
///
/// # Errors
/// The first fault met.
pub fn read_motions(text: &str, context: &ReadContext) -> Result<Vec<Motion>, ReadError> {
    let reading = read_program(text, context);
    match reading.faults.into_iter().next() {
        Some(f) => Err(ReadError { line: f.line, kind: f.kind, message: f.message }),
        None => Ok(reading.motions),
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Cycle {
    z_mm: Option<f64>,
    r_mm: Option<f64>,
    q_mm: Option<f64>,
    p_s: Option<f64>,
    /// Where z stood when the first of an unbroken series of cycles began: G98 goes back there.
    initial_z_mm: Option<f64>,
}

struct Reader<'a> {
    context: &'a ReadContext,
    out: Reading,
    line: u32,
    position: [f64; 3],
    motion: Option<u32>,
    plane: Plane,
    incremental: bool,
    arc_absolute: bool,
    inverse_time: bool,
    unit_mm: Option<f64>,
    offset: Option<u32>,
    length_tool: Option<u32>,
    retract_to_r: bool,
    feed_mm_per_min: Option<f64>,
    spindle_rpm: f64,
    spindle: u32,
    selected: Option<u32>,
    tool: u32,
    cycle: Cycle,
    ended: bool,
    /// For each kind of repeating fault: the motion at which it was last met.
    repeating: Vec<(&'static str, usize)>,
}

impl<'a> Reader<'a> {
    fn new(context: &'a ReadContext) -> Self {
        Self {
            context,
            out: Reading::default(),
            line: 0,
            position: context.start_mm,
            motion: None,
            plane: Plane::Xy,
            incremental: false,
            arc_absolute: false,
            inverse_time: false,
            unit_mm: None,
            offset: None,
            length_tool: None,
            retract_to_r: false,
            feed_mm_per_min: None,
            spindle_rpm: 0.0,
            spindle: 5,
            selected: None,
            tool: 0,
            cycle: Cycle::default(),
            ended: false,
            repeating: Vec::new(),
        }
    }

    fn run(&mut self, text: &str) {
        let mut words = Vec::new();
        let mut percent = 0;
        for line in text.as_bytes().split(|&c| c == b'\n') {
            self.line += 1;
            let done = match read_words(line, &mut words) {
                Ok(LineKind::Percent) => {
                    percent += 1;
                    if percent == 2 {
                        break;
                    }
                    Ok(())
                }
                Ok(LineKind::Block) if words.is_empty() => Ok(()),
                Ok(LineKind::Block) => {
                    self.out.blocks += 1;
                    Block::new(&words).and_then(|b| self.execute(&b))
                }
                Err(e) => Err(e),
            };
            if let Err(e) = done {
                self.out.faults.push(ReadFault { line: self.line, kind: e.kind, message: e.message });
                return;
            }
            if self.ended {
                break;
            }
        }
        if !self.ended {
            self.fault(
                "no-program-end",
                "the text ends without M2 or M30: the spindle would keep turning".into(),
            );
        }
        self.out.complete = self.ended;
    }

    fn fault(&mut self, kind: &'static str, message: String) {
        self.out.faults.push(ReadFault { line: self.line, kind, message });
    }

    /// A fault that holds for motion after motion is told once per unbroken run.
    fn motion_fault(&mut self, kind: &'static str, message: impl FnOnce() -> String) {
        let now = self.out.motions.len();
        match self.repeating.iter_mut().find(|r| r.0 == kind) {
            Some(r) if now <= r.1 + 1 => {
                r.1 = now;
                return;
            }
            Some(r) => r.1 = now,
            None => self.repeating.push((kind, now)),
        }
        self.fault(kind, message());
    }

    fn execute(&mut self, b: &Block) -> Result<(), WordError> {
        if let Some(code) = b.g(G_FEED) {
            let inverse = code == 930;
            if inverse != self.inverse_time {
                // F changes its unit; the old number means nothing any more.
                self.feed_mm_per_min = None;
            }
            self.inverse_time = inverse;
        }
        if let Some(code) = b.g(G_UNITS) {
            self.unit_mm = Some(if code == 200 { INCH_MM } else { 1.0 });
        }
        self.set_feed(b)?;
        self.set_speed(b)?;
        if let Some(t) = b.whole(b'T')? {
            self.selected = Some(t);
        }
        if b.m(M_TOOL).is_some() {
            self.change_tool()?;
        }
        if let Some(code) = b.m(M_SPINDLE) {
            self.spindle = code;
        }
        self.dwell(b)?;
        if let Some(code) = b.g(G_PLANE) {
            self.plane = match code {
                170 => Plane::Xy,
                180 => Plane::Zx,
                _ => Plane::Yz,
            };
        }
        self.set_length_offset(b)?;
        if let Some(code) = b.g(G_OFFSET) {
            self.set_work_offset(code);
        }
        if let Some(code) = b.g(G_DISTANCE) {
            self.incremental = code == 910;
        }
        if let Some(code) = b.g(G_ARC_DISTANCE) {
            self.arc_absolute = code == 901;
        }
        if let Some(code) = b.g(G_RETRACT) {
            self.retract_to_r = code == 990;
        }
        self.check_unused(b)?;
        self.move_axes(b)?;
        if let Some(code) = b.m(M_STOP) {
            self.ended = code == 2 || code == 30;
        }
        Ok(())
    }

    fn check_unused(&self, b: &Block) -> Result<(), WordError> {
        let mut used: Vec<u8> = b"FSTXYZ".to_vec();
        if b.g(G_LENGTH) == Some(430) {
            used.push(b'H');
        }
        if b.g(G_ONCE) == Some(40) || b.g(G_PATH) == Some(640) {
            used.push(b'P');
        }
        if b.g(G_PATH) == Some(640) {
            used.push(b'Q');
        }
        match b.g(G_MOTION).or(self.motion) {
            Some(20 | 30)
                if b.has_axis()
                    || b.value(b'I').is_some()
                    || b.value(b'J').is_some()
                    || b.value(b'K').is_some() =>
            {
                used.extend_from_slice(b"IJKRP");
            }
            Some(810 | 820 | 830) if b.has_axis() => used.extend_from_slice(b"RPQ"),
            _ => {}
        }
        match b.unused(&used) {
            Some(letter) => Err(WordError::new(
                "unknown-word",
                format!("{letter} has no meaning in this block: no code here uses it"),
            )),
            None => Ok(()),
        }
    }

    fn unit(&self) -> Result<f64, WordError> {
        self.unit_mm.ok_or_else(|| {
            WordError::new(
                "units",
                "a length or feed before G20 or G21: state the unit at the top of the program",
            )
        })
    }

    fn move_axes(&mut self, b: &Block) -> Result<(), WordError> {
        if let Some(code) = b.g(G_MOTION) {
            if self.motion != Some(code) {
                let series = code >= 810 && self.motion.is_some_and(|m| m >= 810);
                let initial_z_mm = self.cycle.initial_z_mm.filter(|_| series);
                self.cycle = Cycle { initial_z_mm, ..Cycle::default() };
            }
            self.motion = Some(code);
        }
        let centre_only =
            matches!(self.motion, Some(20 | 30)) && [b'I', b'J', b'K'].iter().any(|&l| b.value(l).is_some());
        let machine = b.g(G_ONCE) == Some(530);
        if !b.has_axis() && !centre_only {
            return if machine {
                Err(WordError::new("missing-value", "G53 without X, Y or Z: name the machine position"))
            } else if matches!(b.g(G_MOTION), Some(20 | 30 | 810 | 820 | 830)) {
                Err(WordError::new("missing-value", "an arc or cycle without coordinates: give its end"))
            } else {
                Ok(())
            };
        }
        if b.g(G_ONCE) == Some(40) {
            return Err(WordError::new(
                "modal-clash",
                "G4 with coordinates: put the dwell in a block of its own",
            ));
        }
        let unit = self.unit()?;
        match self.motion {
            None | Some(800) => Err(WordError::new(
                "no-motion-mode",
                "coordinates without G0, G1, G2 or G3 in force: name the motion",
            )),
            Some(0) => {
                let end = self.target(b, unit, machine);
                self.check_before_motion(machine, false, end);
                self.straight(MotionKind::Rapid, end, 0.0);
                Ok(())
            }
            Some(10) => {
                let end = self.target(b, unit, machine);
                self.check_before_motion(machine, true, end);
                let feed = self.feed_for(b, distance(self.position, end))?;
                self.straight(MotionKind::Feed, end, feed);
                Ok(())
            }
            Some(_) if machine => Err(WordError::new("modal-clash", "G53 goes only with G0 or G1")),
            Some(code @ (20 | 30)) => self.arc(b, unit, code == 20),
            Some(code) => self.cycle_block(b, unit, code),
        }
    }

    fn target(&self, b: &Block, unit: f64, machine: bool) -> [f64; 3] {
        std::array::from_fn(|a| match b.value(b'X' + a as u8) {
            Some(v) if machine => v * unit - self.context.work_zero_machine_mm[a],
            Some(v) if self.incremental => self.position[a] + v * unit,
            Some(v) => v * unit,
            None => self.position[a],
        })
    }

    fn straight(&mut self, kind: MotionKind, end_mm: [f64; 3], feed_mm_per_min: f64) {
        self.push(Motion {
            line: self.line,
            kind,
            from_mm: self.position,
            end_mm,
            centre_mm: [0.0; 3],
            plane: self.plane,
            extra_turns: 0,
            feed_mm_per_min,
            spindle_rpm: if self.spindle == 5 { 0.0 } else { self.spindle_rpm },
            tool: self.tool,
        });
    }

    fn push(&mut self, motion: Motion) {
        self.position = motion.end_mm;
        self.out.motions.push(motion);
    }

    fn check_before_motion(&mut self, machine: bool, cutting: bool, end: [f64; 3]) {
        if self.tool == 0 && (cutting || !machine) {
            self.motion_fault("no-tool", || "motion before a tool is in the spindle: M6 comes first".into());
        }
        if cutting {
            if self.spindle == 5 || self.spindle_rpm == 0.0 {
                self.motion_fault("spindle-off", || {
                    "a cut while the spindle stands: M3 with S comes first".into()
                });
            } else if self.spindle == 4 {
                self.motion_fault("spindle-reverse", || {
                    "a cut while the spindle turns backwards (M4): use M3".into()
                });
            }
        }
        if machine && !cutting {
            return;
        }
        if self.offset.is_none() && self.context.work_offset.is_some() {
            self.motion_fault("wrong-work-offset", || {
                "motion before a work offset is chosen: name the job's offset at the top of the program"
                    .into()
            });
        }
        if self.tool != 0 && (cutting || end[2] != self.position[2]) {
            let tool = self.tool;
            match self.length_tool {
                None => self.motion_fault("no-length-offset", || {
                    format!("T{tool} moves in z without its length offset: G43 H{tool} comes first")
                }),
                Some(h) if h != tool => self.motion_fault("wrong-length-offset", || {
                    format!("T{tool} moves with the length offset of H{h}: use G43 H{tool}")
                }),
                Some(_) => {}
            }
        }
    }

    /// Feed of a cut of this length, mm/min. Without a feed the cut is told as a fault and milled all the same.
    fn feed_for(&mut self, b: &Block, length_mm: f64) -> Result<f64, WordError> {
        if !self.inverse_time {
            if self.feed_mm_per_min.is_none() {
                self.motion_fault("no-feed", || "a cut without a feed: F comes first, and is not 0".into());
            }
            return Ok(self.feed_mm_per_min.unwrap_or(1.0));
        }
        match b.value(b'F') {
            Some(f) if f > 0.0 => {
                let feed = length_mm * f;
                let most = self.context.feed_mm_per_min_max;
                if feed > most * (1.0 + 1e-9) {
                    self.fault(
                        "feed-above-limit",
                        format!("F{f} in G93 asks for {feed:.1} mm/min here, but the machine goes to {most}: lower F"),
                    );
                }
                Ok(feed)
            }
            _ => {
                self.motion_fault("no-feed", || {
                    "a cut in G93 without F in its block: every cut needs its own".into()
                });
                Ok(1.0)
            }
        }
    }

    fn arc(&mut self, b: &Block, unit: f64, clockwise: bool) -> Result<(), WordError> {
        let end = self.target(b, unit, false);
        self.check_before_motion(false, true, end);
        let [u, v, w] = self.plane.axes();
        let letter = [b'I', b'J', b'K'];
        if b.value(letter[w]).is_some() {
            return Err(WordError::new(
                "arc-centre",
                format!(
                    "{} does not lie in the plane of the arc: choose the plane or remove it",
                    letter[w] as char
                ),
            ));
        }
        let turns = b.whole(b'P')?.unwrap_or(1);
        if turns == 0 || turns > TURNS_MAX {
            return Err(WordError::new(
                "bad-value",
                format!("P{turns} turns: an arc makes 1 to {TURNS_MAX}"),
            ));
        }
        let from = self.position;
        let given = [u, v].map(|a| b.value(letter[a]).map(|x| x * unit));
        let centre = match (given, b.value(b'R')) {
            ([None, None], None) => {
                return Err(WordError::new("arc-centre", "an arc without centre or radius: give I J K or R"));
            }
            ([None, None], Some(r)) => {
                let c = arcs::centre_from_radius([from[u], from[v]], [end[u], end[v]], r * unit, clockwise)?;
                let mut centre = from;
                (centre[u], centre[v]) = (c[0], c[1]);
                centre
            }
            (_, Some(_)) => {
                return Err(WordError::new("arc-centre", "an arc with both a centre and R: keep one"));
            }
            ([i, j], None) => {
                if self.arc_absolute && (i.is_none() || j.is_none()) {
                    return Err(WordError::new("arc-centre", "G90.1 needs both centre words of the plane"));
                }
                let base = if self.arc_absolute { [0.0; 2] } else { [from[u], from[v]] };
                let mut centre = from;
                centre[u] = base[0] + i.unwrap_or(0.0);
                centre[v] = base[1] + j.unwrap_or(0.0);
                arcs::check_radius(from, end, centre, self.plane, self.context.arc_radius_error_mm_max)?;
                centre
            }
        };
        let mut motion = Motion {
            line: self.line,
            kind: if clockwise { MotionKind::ArcClockwise } else { MotionKind::ArcCounterClockwise },
            from_mm: from,
            end_mm: end,
            centre_mm: centre,
            plane: self.plane,
            extra_turns: turns - 1,
            feed_mm_per_min: 0.0,
            spindle_rpm: if self.spindle == 5 { 0.0 } else { self.spindle_rpm },
            tool: self.tool,
        };
        motion.feed_mm_per_min = self.feed_for(b, arcs::length_mm(&motion))?;
        self.push(motion);
        Ok(())
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}
