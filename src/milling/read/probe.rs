//! Touch probing, LinuxCNC: probe moves, what is reckoned from them, and the one conditional that may follow.
//!
//! Read are these lines in exactly these forms (blanks and case do not count), everything else stays refused:
//!
//! ```text
//! G38.3 Z-10.0 F500.0                           on its way: as G1, but a touch would stop it; none is expected
//! G38.2 X12.5 F60.0                             one axis, G90, mm, spindle off, a probe in the spindle
//! #111=#5061                                    the touch of the last probe move, in the axis it moved along
//! G1 X10. F500.                                 next motion: straight back to where that move began
//! #115=[[#111+#112]/2-[10.0]]                   middle of two touches along one axis, less where it should be
//! #116=[#113-[-16.0]]                           one touch, less where it should be
//! o101 if [ABS[#115] GT 0.0200]                 or [[#<_task> EQ 1] AND [ABS[#116] GT 0.0200]]
//! (MSG,...)                                     any comment
//! M0                                            none or more
//! M2                                            must be: the branch that is taken ends the program
//! o101 endif
//! ```
//!
//! The program is followed as on a part that is where it should be: the branch is not taken, and since it ends the program
//! nothing else can follow from it. `#<_task>` is 0 in a preview, where nothing is touched, and 1 on the machine. Whether
//! the probe touches where the text expects it is the milling's to say (`probing`). A touch that decides nothing is a fault.

use std::collections::{BTreeMap, BTreeSet};

use super::super::motion::{Motion, MotionKind, ProbeCheck};
use super::super::words::{Word, WordError, read_words};
use super::Reader;
use crate::model::Dialect;

/// Parameters that a program may set: above a control's own locals, below those that it remembers.
const PARAMETERS: std::ops::RangeInclusive<u32> = 31..=4999;
/// The move back ends where the probe move began, within rounding of the sum, mm.
const SAME_MM: f64 = 1e-9;

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Held {
    /// The touch of a probe move, by number of its motion.
    Touch { axis: usize, motion: u32 },
    /// Middle of the touches, or the touch, less the nominal.
    Deviation { axis: usize, touches: [u32; 2], nominal_mm: f64 },
}

/// Where the reading of probing stands.
#[derive(Debug, Default)]
pub(super) struct Probing {
    /// T numbers of probes.
    tools: BTreeSet<u32>,
    /// The next motion must end here.
    back_to_mm: Option<[f64; 3]>,
    /// Axis and motion of the touch that `#5061` to `#5063` tell of; none once it is taken or the tool has moved.
    touched: Option<(usize, u32)>,
    held: BTreeMap<u32, Held>,
    /// Touches and parameters with a deviation that no condition has looked at.
    undecided: BTreeSet<u32>,
    unlooked: BTreeSet<u32>,
    /// Label of the open branch, and whether it has ended the program.
    branch: Option<(u32, bool)>,
}

/// The rest of a line, blanks taken out, upper case.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn eat(&mut self, what: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(what)?;
        Some(())
    }

    fn taken(&mut self, of: impl Fn(char) -> bool) -> &str {
        let end = self.0.find(|c| !of(c)).unwrap_or(self.0.len());
        let (head, tail) = self.0.split_at(end);
        self.0 = tail;
        head
    }

    fn whole(&mut self) -> Option<u32> {
        self.taken(|c| c.is_ascii_digit()).parse().ok()
    }

    fn real(&mut self) -> Option<f64> {
        let text = self.taken(|c| c.is_ascii_digit() || c == '.' || c == '-');
        text.parse().ok().filter(|v: &f64| v.is_finite())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

fn refused(why: &str) -> WordError {
    WordError::unknown(format!(
        "{why}: of parameters and conditions only those of touch probing are read, in the forms that docs/posts.md lists"
    ))
}

impl Reader<'_> {
    /// The tools that probe: what the tool table says, and where there is none, those that the text probes with.
    pub(super) fn know_probes(&mut self, text: &str) {
        if let Some(known) = &self.context.probes {
            self.probing.tools = known.iter().copied().collect();
            return;
        }
        let mut tool = 0;
        for line in text.lines() {
            let mut words = Vec::new();
            if line.trim_start().starts_with("G38.2") {
                self.probing.tools.insert(tool);
            } else if line.contains("M6") && read_words(line.as_bytes(), &mut words, true).is_ok() {
                tool = words.iter().find(|w| w.letter == b'T').map_or(tool, |w| w.value as u32);
            }
        }
    }

    /// True when a probe is in the spindle.
    pub(super) fn holds_probe(&self) -> bool {
        self.probing.tools.contains(&self.tool)
    }

    /// Reads a line of probing; `None` for any other line. LinuxCNC's words.
    pub(super) fn probe_line(
        &mut self,
        line: &[u8],
        words: &mut Vec<Word>,
    ) -> Result<Option<bool>, WordError> {
        let at = line.iter().position(|c| !c.is_ascii_whitespace());
        let first = at.map(|a| line[a].to_ascii_uppercase());
        let here = self.probing.branch.is_some()
            || matches!(first, Some(b'#' | b'O'))
            || (first == Some(b'G') && line[at.unwrap_or(0)..].starts_with(b"G38"));
        if !here || self.dialect() != Dialect::LinuxCnc {
            return Ok(None);
        }
        let text: String =
            String::from_utf8_lossy(line).chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let text = text.to_ascii_uppercase();
        match first {
            Some(b'O') => self.condition(&text),
            _ if self.probing.branch.is_some() => self.in_branch(line, words),
            Some(b'#') => self.reckon(&text),
            _ => self.probe_move(line, words),
        }?;
        Ok(Some(true))
    }

    fn probe_move(&mut self, line: &[u8], words: &mut Vec<Word>) -> Result<(), WordError> {
        read_words(line, words, true)?;
        self.out.blocks += 1;
        let is = |w: &Word, code: f64| w.letter == b'G' && (w.value - code).abs() < 1e-9;
        let plain = |w: &Word| match w.letter {
            b'G' => is(w, 38.2) || is(w, 38.3),
            b'X' | b'Y' | b'Z' | b'F' => true,
            _ => false,
        };
        let once = |l: u8| words.iter().filter(|w| w.letter == l).count() <= 1;
        let axes: Vec<&Word> = words.iter().filter(|w| (b'X'..=b'Z').contains(&w.letter)).collect();
        let ([axis], true) = (axes.as_slice(), words.iter().all(plain) && once(b'G') && once(b'F')) else {
            return Err(refused("a probe move is G38.2 or G38.3 with one of X, Y, Z and F"));
        };
        if self.incremental || self.inverse_time || self.unit()? != 1.0 {
            return Err(refused("a probe move under G91, G93 or G20"));
        }
        if let Some(f) = words.iter().find(|w| w.letter == b'F') {
            self.take_feed(f.value)?;
        }
        if !self.holds_probe() {
            let tool = self.tool;
            self.fault(
                "probe-tool",
                format!("a probe move with T{tool}, which is no probe: change the tool"),
            );
        }
        self.no_touch_forgotten();
        let a = usize::from(axis.letter - b'X');
        let mut end = self.position;
        end[a] = axis.value;
        self.check_before_motion(false, true, end);
        let feed_mm_per_min = self.modal_feed();
        let from_mm = self.position;
        if distance(from_mm, end) == 0.0 {
            return Err(refused("a probe move that goes nowhere"));
        }
        let searches = words.iter().any(|w| is(w, 38.2));
        self.push(Motion {
            line: self.line,
            kind: if searches { MotionKind::Probe } else { MotionKind::Feed },
            from_mm,
            end_mm: end,
            from_deg: self.angles,
            end_deg: self.angles,
            centre_mm: [0.0; 3],
            plane: self.plane,
            extra_turns: 0,
            feed_mm_per_min,
            spindle_rpm: 0.0,
            tool: self.tool,
        });
        if searches {
            self.probing.back_to_mm = Some(from_mm);
            self.probing.touched = Some((a, self.out.motions.len() as u32 - 1));
        }
        // The next block names its motion: nobody probes by accident.
        self.motion = None;
        Ok(())
    }

    /// What must hold of the motion after a probe move; for every motion.
    pub(super) fn after_probe(&mut self, motion: &Motion) {
        let Some(back) = self.probing.back_to_mm.take() else { return };
        let straight = matches!(motion.kind, MotionKind::Rapid | MotionKind::Feed) && !motion.turns();
        if !straight || distance(motion.end_mm, back) > SAME_MM {
            self.fault(
                "probe-return",
                "after a probe move the tool is where it touched, which the text does not know: go straight back to where the \
                 move began"
                    .into(),
            );
        }
        self.no_touch_forgotten();
    }

    fn no_touch_forgotten(&mut self) {
        if self.probing.touched.take().is_some() {
            self.fault(
                "probe-unused",
                "a touch is not taken into a parameter before the tool moves on: it decides nothing".into(),
            );
        }
    }

    /// At a tool change and at the end: every touch has decided something.
    pub(super) fn probing_done(&mut self) {
        self.no_touch_forgotten();
        let p = &mut self.probing;
        let forgotten = std::mem::take(&mut p.undecided).len() + std::mem::take(&mut p.unlooked).len();
        p.held.clear();
        if forgotten > 0 {
            self.fault(
                "probe-unused",
                format!("{forgotten} touches or deviations were reckoned and no condition looks at them"),
            );
        }
    }

    /// `#n=`…
    fn reckon(&mut self, text: &str) -> Result<(), WordError> {
        self.out.blocks += 1;
        let none = || refused("this parameter");
        let mut rest = Rest(text);
        rest.eat("#").ok_or_else(none)?;
        let number = rest.whole().filter(|n| PARAMETERS.contains(n)).ok_or_else(none)?;
        rest.eat("=").ok_or_else(none)?;
        let tail = rest.0;
        if let Some(axis) = ["#5061", "#5062", "#5063"].iter().position(|w| *w == tail) {
            return match self.probing.touched.take() {
                Some((a, motion)) if a == axis => {
                    self.probing.undecided.insert(motion);
                    self.probing.held.insert(number, Held::Touch { axis, motion });
                    Ok(())
                }
                _ => Err(refused("a touch of an axis along which the last move did not probe")),
            };
        }
        let (numbers, nominal_mm) = middle(tail).or_else(|| single(tail)).ok_or_else(none)?;
        let touch = |n: u32| match self.probing.held.get(&n) {
            Some(&Held::Touch { axis, motion }) => Ok((axis, motion)),
            _ => Err(refused("a parameter that holds no touch")),
        };
        let ((axis, a), (other, b)) = (touch(numbers[0])?, touch(numbers[1])?);
        if axis != other {
            return Err(refused("the middle of touches along two axes"));
        }
        self.probing.undecided.remove(&a);
        self.probing.undecided.remove(&b);
        self.probing.unlooked.insert(number);
        self.probing.held.insert(number, Held::Deviation { axis, touches: [a, b], nominal_mm });
        Ok(())
    }

    /// `o101 if`…, `o101 endif`.
    fn condition(&mut self, text: &str) -> Result<(), WordError> {
        self.out.blocks += 1;
        let none = || refused("this O word");
        let mut rest = Rest(text);
        rest.eat("O").ok_or_else(none)?;
        let label = rest.whole().ok_or_else(none)?;
        match self.probing.branch {
            Some((open, true)) if open == label && rest.0 == "ENDIF" => {
                self.probing.branch = None;
                Ok(())
            }
            Some((open, _)) => Err(refused(&format!(
                "the branch of o{open} must end the program with M2, and then with its own endif"
            ))),
            None => {
                rest.eat("IF").ok_or_else(none)?;
                let (number, limit_mm) = compared(rest.0).ok_or_else(none)?;
                let Some(&Held::Deviation { axis, touches, nominal_mm }) = self.probing.held.get(&number)
                else {
                    return Err(refused("a condition on a parameter that holds no deviation"));
                };
                self.probing.unlooked.remove(&number);
                let line = self.line;
                self.out.probe_checks.push(ProbeCheck { line, axis, touches, nominal_mm, limit_mm });
                self.probing.branch = Some((label, false));
                Ok(())
            }
        }
    }

    /// A line of the branch that is not taken on a sound part.
    fn in_branch(&mut self, line: &[u8], words: &mut Vec<Word>) -> Result<(), WordError> {
        let (label, ended) = self.probing.branch.expect("a branch is open");
        read_words(line, words, true)?;
        let stop = match words.as_slice() {
            [] => return Ok(()),
            [w] if w.letter == b'M' && !ended => w.value,
            _ => f64::NAN,
        };
        self.out.blocks += 1;
        if stop == 2.0 {
            self.probing.branch = Some((label, true));
        } else if stop != 0.0 {
            return Err(refused(&format!(
                "in the branch of o{label} only a message, M0 and one M2 may stand"
            )));
        }
        Ok(())
    }
}

/// `[[#a+#b]/2-[n]]`
fn middle(text: &str) -> Option<([u32; 2], f64)> {
    let mut rest = Rest(text);
    rest.eat("[[#")?;
    let a = rest.whole()?;
    rest.eat("+#")?;
    let b = rest.whole()?;
    rest.eat("]/2-[")?;
    let nominal = rest.real()?;
    rest.eat("]]")?;
    rest.end()?;
    (a != b).then_some(([a, b], nominal))
}

/// `[#a-[n]]`
fn single(text: &str) -> Option<([u32; 2], f64)> {
    let mut rest = Rest(text);
    rest.eat("[#")?;
    let a = rest.whole()?;
    rest.eat("-[")?;
    let nominal = rest.real()?;
    rest.eat("]]")?;
    rest.end()?;
    Some(([a, a], nominal))
}

/// `[ABS[#n]GT0.02]`, on the machine alone or always.
fn compared(text: &str) -> Option<(u32, f64)> {
    let inner = match text.strip_prefix("[[#<_TASK>EQ1]AND") {
        Some(rest) => rest.strip_suffix(']')?,
        None => text,
    };
    let mut rest = Rest(inner);
    rest.eat("[ABS[#")?;
    let number = rest.whole()?;
    rest.eat("]GT")?;
    let limit = rest.real()?;
    rest.eat("]")?;
    rest.end()?;
    Some((number, limit))
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
