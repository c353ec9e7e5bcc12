//! G-code, block by block: LinuxCNC, Fanuc, Haas, Siemens.
//!
//! Order of execution within a block: NIST RS274NGC (NISTIR 6556), table 8.

use super::super::block::Block;
use super::super::codes::*;
use super::super::motion::{MotionKind, Plane, ReadFault};
use super::super::words::{LineKind, Word, WordError, read_words};
use super::siemens::Line;
use super::tape::{Tape, check_points};
use super::{Cycle, INCH_MM, Reader};
use crate::model::Dialect;

impl Reader<'_> {
    /// A whole text.
    pub(super) fn run_blocks(&mut self, text: &str) {
        let mut words = Vec::new();
        let mut tape = Tape::new(self.dialect());
        for line in text.as_bytes().split(|&c| c == b'\n') {
            self.line += 1;
            if self.ended && tape.is_none() {
                break;
            }
            let done = match &mut tape {
                Some(tape) => self.tape_line(line, &mut words, tape),
                None if self.dialect() == Dialect::Siemens => self.siemens_line(line, &mut words),
                None => self.plain_line(line, &mut words),
            };
            match done {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => {
                    self.out.faults.push(ReadFault { line: self.line, kind: e.kind, message: e.message });
                    return;
                }
            }
        }
        if !self.ended {
            self.fault(
                "no-program-end",
                "the text ends without M2 or M30: the spindle would keep turning".into(),
            );
        } else if let Some(said) = tape.and_then(|t| t.unended()) {
            self.fault("no-program-end", said.into());
        }
        self.out.complete = self.ended;
    }

    /// LinuxCNC: a second `%` ends the text, M2 and M30 end it too. False when the text has ended.
    fn plain_line(&mut self, line: &[u8], words: &mut Vec<Word>) -> Result<bool, WordError> {
        if self.linuxcnc_probe_line(line, words)?.is_some() {
            return Ok(true);
        }
        match read_words(line, words, true)? {
            LineKind::Percent => {
                self.percents += 1;
                Ok(self.percents < 2)
            }
            LineKind::Block => self.block(words),
        }
    }

    /// Fanuc and Haas: what stands between two `%`, a program number first.
    fn tape_line(&mut self, line: &[u8], words: &mut Vec<Word>, tape: &mut Tape) -> Result<bool, WordError> {
        if self.skip_line(line, words)?.is_some() {
            return Ok(true);
        }
        let kind = read_words(line, words, false)?;
        if kind == LineKind::Percent {
            return Ok(tape.percent());
        }
        if words.is_empty() || self.ended || tape.number(words)? {
            return Ok(true);
        }
        check_points(self.dialect(), words)?;
        self.block(words)
    }

    fn siemens_line(&mut self, line: &[u8], words: &mut Vec<Word>) -> Result<bool, WordError> {
        if self.siemens_probe_line(line, words)?.is_some() {
            return Ok(true);
        }
        match super::siemens::read_line(line, words)? {
            Line::Block => {
                let go = self.block(words)?;
                let places = words.iter().any(|w| matches!(w.letter, b'X' | b'Y'));
                if let Some(hole) = self.modal_call.filter(|_| places) {
                    self.siemens_hole(&hole)?;
                }
                Ok(go)
            }
            Line::Call { hole, modal } => {
                self.out.blocks += 1;
                if modal {
                    self.modal_call = Some(hole);
                } else {
                    self.siemens_hole(&hole)?;
                }
                Ok(true)
            }
            Line::CallOff => {
                self.out.blocks += 1;
                self.modal_call = None;
                Ok(true)
            }
        }
    }

    /// Always true: the text goes on.
    fn block(&mut self, words: &[Word]) -> Result<bool, WordError> {
        if !words.is_empty() {
            self.out.blocks += 1;
            let block = Block::new(words, self.dialect(), self.has_rotary())?;
            self.execute(&block)?;
        }
        Ok(true)
    }

    pub(super) fn execute(&mut self, b: &Block) -> Result<(), WordError> {
        if let Some(code) = b.g(G_FEED) {
            let inverse = code == 930;
            if inverse != self.inverse_time {
                // F changes its unit; the old number means nothing any more.
                self.feed_mm_per_min = None;
                self.feed_deg_per_min = None;
            }
            self.inverse_time = inverse;
        }
        if let Some(code) = b.g(G_UNITS) {
            self.unit_mm = Some(if code == 200 { INCH_MM } else { 1.0 });
        }
        if !self.dwell_of_siemens(b)? {
            self.set_feed(b)?;
        }
        self.set_speed(b)?;
        if let Some(t) = b.whole(b'T')? {
            self.selected = Some(t);
        }
        if b.m(M_TOOL).is_some() {
            self.probing_done();
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
            if self.ended {
                self.probing_done();
            }
        }
        Ok(())
    }

    fn check_unused(&self, b: &Block) -> Result<(), WordError> {
        let mut used: Vec<u8> = b"ABCDFSTXYZ".to_vec();
        if b.g(G_LENGTH) == Some(430) {
            used.push(b'H');
        }
        let blends = b.g(G_PATH) == Some(640) && self.dialect() == Dialect::LinuxCnc;
        if b.g(G_ONCE) == Some(40) || blends || b.g(G_SMOOTHNESS).is_some() {
            used.push(b'P');
        }
        if blends {
            used.push(b'Q');
        }
        match b.g(G_MOTION).or(self.motion) {
            Some(20 | 30)
                if b.has_axis()
                    || b.value(b'I').is_some()
                    || b.value(b'J').is_some()
                    || b.value(b'K').is_some() =>
            {
                used.extend_from_slice(b"IJKR");
                // Turns beyond the first.
                if matches!(self.dialect(), Dialect::LinuxCnc | Dialect::Siemens) {
                    used.push(b'P');
                }
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
        if b.g(G_ONCE) == Some(280) {
            return self.go_home(b);
        }
        let machine = b.g(G_ONCE) == Some(530);
        if !b.has_axis() && !centre_only {
            return if machine {
                Err(WordError::new(
                    "missing-value",
                    format!("{} without X, Y or Z: name the machine position", self.machine_word()),
                ))
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
                let (end, end_deg) = (self.target(b, unit, machine), self.target_deg(b, machine)?);
                self.check_before_motion(machine, false, end);
                self.turned(MotionKind::Rapid, end, end_deg, 0.0);
                Ok(())
            }
            Some(10) => {
                let (end, end_deg) = (self.target(b, unit, machine), self.target_deg(b, machine)?);
                self.check_before_motion(machine, true, end);
                let feed = self.feed_of_straight(b, end, end_deg)?;
                self.turned(MotionKind::Feed, end, end_deg, feed);
                Ok(())
            }
            Some(_) if machine => {
                let word = self.machine_word();
                Err(WordError::new("modal-clash", format!("{word} goes only with G0 or G1")))
            }
            Some(code @ (20 | 30)) => self.arc(b, unit, code == 20),
            Some(code) => self.cycle_block(b, unit, code),
        }
    }

    pub(super) fn target(&self, b: &Block, unit: f64, machine: bool) -> [f64; 3] {
        std::array::from_fn(|a| match b.value(b'X' + a as u8) {
            Some(v) if machine => v * unit - self.context.work_zero_machine_mm[a],
            Some(v) if self.incremental => self.position[a] + v * unit,
            Some(v) => v * unit,
            None => self.position[a],
        })
    }
}
