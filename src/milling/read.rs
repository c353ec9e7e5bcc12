//! Reads a program as a control would: full modal state, each dialect by its own grammar. Nothing is shared with the
//! writer.
//!
//! `blocks` reads G-code (LinuxCNC; Fanuc and Haas, whose paper tape is in `tape`; Siemens, whose tokens are in
//! `siemens`); `klartext` reads Heidenhain's. Words of rotary axes are in `rotary`.

mod arc;
mod blocks;
mod checks;
mod cycles;
mod klartext;
mod probe;
mod rotary;
mod settings;
mod siemens;
mod tape;
#[cfg(test)]
mod tests;

use super::motion::{Motion, MotionKind, Plane, ReadFault, Reading};
use super::words::WordError;
use crate::model::{Dialect, RotaryAxis, RotaryLetter};

const INCH_MM: f64 = 25.4;
/// More turns of an arc than any job needs: a slip of the decimal point.
const TURNS_MAX: u32 = 1000;

/// What the reader is told of the shop beside the text.
#[derive(Clone, Debug)]
pub struct ReadContext {
    /// What the control reads the text as.
    pub dialect: Dialect,
    /// Where the tip stands before the first block, work frame, mm.
    pub start_mm: [f64; 3],
    /// Machine coordinates of the work zero, mm; for G53.
    pub work_zero_machine_mm: [f64; 3],
    /// The offset the program must use, in tenths (G54 is 540); `None` when any will do.
    pub work_offset: Option<u32>,
    /// T numbers in the tool table; `None` when any will do.
    pub tools: Option<Vec<u32>>,
    /// T numbers of touch probes; `None` where the text is to say.
    pub probes: Option<Vec<u32>>,
    /// Largest feed, mm/min.
    pub feed_mm_per_min_max: f64,
    /// Rotary axes the machine has; words of others are refused.
    pub rotary: Vec<RotaryAxis>,
    /// Lowest and highest spindle speed, 1/min.
    pub spindle_rpm: [f64; 2],
    /// Largest difference between the radius at the start and at the end of an arc, mm; where two increments of the
    /// dialect are more, those.
    pub arc_radius_error_mm_max: f64,
}

impl ReadContext {
    /// Any tool, any offset, no limits, work zero at machine zero: the language alone.
    pub fn open() -> Self {
        Self {
            dialect: Dialect::LinuxCnc,
            start_mm: [0.0; 3],
            work_zero_machine_mm: [0.0; 3],
            work_offset: None,
            tools: None,
            probes: None,
            feed_mm_per_min_max: f64::INFINITY,
            rotary: Vec::new(),
            spindle_rpm: [0.0, f64::INFINITY],
            arc_radius_error_mm_max: 0.002,
        }
    }
}

/// Place of a rotary axis among A, B, C.
pub(super) fn place_of(letter: RotaryLetter) -> usize {
    match letter {
        RotaryLetter::A => 0,
        RotaryLetter::B => 1,
        RotaryLetter::C => 2,
    }
}

/// Reads a whole program. Faults are in the result; a fault after which the meaning of the rest is not known ends
/// the reading there.
pub fn read_program(text: &str, context: &ReadContext) -> Reading {
    let mut reader = Reader::new(context);
    match context.dialect {
        Dialect::Heidenhain => reader.run_klartext(text),
        _ => {
            reader.know_probes(text);
            reader.run_blocks(text);
        }
    }
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
    /// Of A, B, C, degrees.
    angles: [f64; 3],
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
    /// The same F where nothing but rotary axes moves: no unit of length changes it.
    feed_deg_per_min: Option<f64>,
    spindle_rpm: f64,
    spindle: u32,
    selected: Option<u32>,
    tool: u32,
    cycle: Cycle,
    /// Siemens: the cycle called at every position.
    modal_call: Option<siemens::Hole>,
    probing: probe::Probing,
    ended: bool,
    /// Lines that are a `%`, LinuxCNC.
    percents: u32,
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
            // Homing leaves them there.
            angles: [0.0; 3],
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
            feed_deg_per_min: None,
            spindle_rpm: 0.0,
            spindle: 5,
            selected: None,
            tool: 0,
            cycle: Cycle::default(),
            modal_call: None,
            probing: probe::Probing::default(),
            ended: false,
            percents: 0,
            repeating: Vec::new(),
        }
    }

    fn dialect(&self) -> Dialect {
        self.context.dialect
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

    fn unit(&self) -> Result<f64, WordError> {
        self.unit_mm.ok_or_else(|| {
            WordError::new(
                "units",
                format!(
                    "a length or feed before {}: state the unit at the top of the program",
                    self.unit_words()
                ),
            )
        })
    }

    fn straight(&mut self, kind: MotionKind, end_mm: [f64; 3], feed_mm_per_min: f64) {
        self.turned(kind, end_mm, self.angles, feed_mm_per_min);
    }

    /// A straight motion at whose end the rotary axes stand at these angles.
    fn turned(&mut self, kind: MotionKind, end_mm: [f64; 3], end_deg: [f64; 3], feed_mm_per_min: f64) {
        self.push(Motion {
            line: self.line,
            kind,
            from_mm: self.position,
            end_mm,
            from_deg: self.angles,
            end_deg,
            centre_mm: [0.0; 3],
            plane: self.plane,
            extra_turns: 0,
            feed_mm_per_min,
            spindle_rpm: if self.spindle == 5 { 0.0 } else { self.spindle_rpm },
            tool: self.tool,
        });
    }

    fn push(&mut self, motion: Motion) {
        self.after_probe(&motion);
        self.position = motion.end_mm;
        self.angles = motion.end_deg;
        self.out.motions.push(motion);
    }
}
