//! Touch probing: what the words of a control come to.
//!
//! Each control's own lines are read by its own grammar, everything beside them stays refused: `linuxcnc` (`G38.2`), `skip`
//! (Fanuc and Haas, `G31`), `siemens` (`MEAS`). All of them say the same few things: a probe goes along one axis until it touches; a
//! parameter takes the touch; the tool goes straight back; the middle of two touches, or one touch, less where it should be,
//! is compared with a limit; beyond it the program ends.
//!
//! Where nothing is touched LinuxCNC stops by itself. The others go on, with the end of the move for a touch: two
//! searches that both miss would have a perfect middle. There the program must ask after every probe move whether there was a
//! touch, and after every way down whether there was none.
//!
//! The program is followed as on a part that is where it should be: no branch that ends it is taken, and since it ends the
//! program nothing else can follow from it. Whether the probe touches where the text expects it is the milling's to say
//! (`probing`). A touch that decides nothing is a fault.

mod linuxcnc;
mod siemens;
mod skip;

use std::collections::{BTreeMap, BTreeSet};

use super::super::motion::{Motion, MotionKind, ProbeCheck};
use super::super::words::{Word, WordError, read_words};
use super::Reader;
use crate::model::Dialect;

/// The move back ends where the probe move began, within rounding of the sum, mm.
const SAME_MM: f64 = 1e-9;
/// No farther than this from the end of its move a touch may be taken for none, mm: no probe move of ours ends so near.
const CLOSE_MM_MAX: f64 = 0.1;

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
    /// Axis and motion of the touch that the control's variables tell of; none once it is taken or the tool has moved.
    touched: Option<(usize, u32)>,
    /// The motion of which the program has yet to ask whether it touched.
    unasked: Option<u32>,
    held: BTreeMap<u32, Held>,
    /// Touches and parameters with a deviation that no condition has looked at.
    undecided: BTreeSet<u32>,
    unlooked: BTreeSet<u32>,
    /// Label of the open branch, and whether it has ended the program.
    branch: Option<(u32, bool)>,
    /// Siemens: the results of the last probe move can be read.
    stopped: bool,
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

/// How a control writes what is reckoned from touches.
struct Form {
    /// What a parameter's number follows.
    sign: &'static str,
    brackets: [&'static str; 2],
    /// Parameters that a program may set.
    parameters: std::ops::RangeInclusive<u32>,
    /// Where the last move touched, along x, y and z.
    touches: [&'static str; 3],
}

/// What a parameter is set to.
enum Reckoned {
    Touch(usize),
    /// The middle of two touches, or one given twice, less where it should be, mm.
    Deviation([u32; 2], f64),
}

impl Form {
    /// `#1=#5061`, `#3=[#1+#2]/2-[n]` or `#3=#1-[n]`, with the control's own sign and brackets.
    fn reckoned(&self, text: &str) -> Option<(u32, Reckoned)> {
        let mut rest = Rest(text);
        let number = self.parameter(&mut rest).filter(|n| self.parameters.contains(n))?;
        rest.eat("=")?;
        let touch = self.touches.iter().position(|w| *w == rest.0).map(Reckoned::Touch);
        Some((number, touch.or_else(|| self.deviation(rest))?))
    }

    fn deviation(&self, mut rest: Rest<'_>) -> Option<Reckoned> {
        let [open, close] = self.brackets;
        let of = if rest.eat(open).is_some() {
            let a = self.parameter(&mut rest)?;
            rest.eat("+")?;
            let b = self.parameter(&mut rest)?;
            rest.eat(close)?;
            rest.eat("/2")?;
            (a != b).then_some([a, b])?
        } else {
            let a = self.parameter(&mut rest)?;
            [a, a]
        };
        rest.eat("-")?;
        rest.eat(open)?;
        let nominal_mm = rest.real()?;
        rest.eat(close)?;
        rest.end()?;
        Some(Reckoned::Deviation(of, nominal_mm))
    }

    fn parameter(&self, rest: &mut Rest<'_>) -> Option<u32> {
        rest.eat(self.sign)?;
        rest.whole()
    }
}

/// A line without blanks, upper case.
fn tight(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_uppercase()
}

/// True when a line begins with one of these, which are upper case; most lines of a program begin with none.
fn begins(line: &[u8], heads: &[&str]) -> bool {
    let line = line.trim_ascii_start();
    heads.iter().any(|h| line.get(..h.len()).is_some_and(|l| l.eq_ignore_ascii_case(h.as_bytes())))
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
        let probes = match self.dialect() {
            Dialect::LinuxCnc => "G38.2",
            Dialect::Siemens => "MEAS=",
            _ => "G31",
        };
        let mut tool = 0;
        for line in text.lines() {
            let mut words = Vec::new();
            if line.trim_start().starts_with(probes) {
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

    /// A probe move from its words: one axis, G90, mm, feed per minute, and one G that `allowed` knows.
    fn probe_words(&mut self, words: &[Word], allowed: &[f64], form: &str) -> Result<(), WordError> {
        let plain = |w: &Word| match w.letter {
            b'G' => allowed.iter().any(|code| (w.value - code).abs() < 1e-9),
            b'X' | b'Y' | b'Z' | b'F' => true,
            _ => false,
        };
        let once = |l: u8| words.iter().filter(|w| w.letter == l).count() <= 1;
        let axes: Vec<&Word> = words.iter().filter(|w| (b'X'..=b'Z').contains(&w.letter)).collect();
        let ([axis], true) = (axes.as_slice(), words.iter().all(plain) && once(b'G') && once(b'F')) else {
            return Err(refused(&format!("a probe move is {form} with one of X, Y, Z and F")));
        };
        if self.incremental || self.inverse_time || self.unit()? != 1.0 {
            return Err(refused("a probe move in increments, inverse time or inches"));
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
        let mut end_mm = self.position;
        end_mm[a] = axis.value;
        self.check_before_motion(false, true, end_mm);
        let feed_mm_per_min = self.modal_feed();
        let from_mm = self.position;
        if distance(from_mm, end_mm) == 0.0 {
            return Err(refused("a probe move that goes nowhere"));
        }
        self.push(Motion {
            line: self.line,
            kind: MotionKind::Probe,
            from_mm,
            end_mm,
            from_deg: self.angles,
            end_deg: self.angles,
            centre_mm: [0.0; 3],
            plane: self.plane,
            extra_turns: 0,
            feed_mm_per_min,
            spindle_rpm: 0.0,
            tool: self.tool,
        });
        let motion = self.out.motions.len() as u32 - 1;
        self.probing.back_to_mm = Some(from_mm);
        self.probing.touched = Some((a, motion));
        if self.dialect() != Dialect::LinuxCnc {
            self.probing.unasked = Some(motion);
        }
        // The next block names its motion: nobody probes by accident.
        self.motion = None;
        Ok(())
    }

    /// The last probe move was a way on which no touch is expected: it has ended where it should.
    fn touches_nothing(&mut self) {
        self.probing.back_to_mm = None;
        self.probing.unasked = None;
        self.probing.touched = None;
        if let Some(last) = self.out.motions.last_mut() {
            last.kind = MotionKind::Feed;
        }
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
        if self.probing.unasked.take().is_some() {
            self.fault(
                "probe-unasked",
                "the tool moves on from a probe move, and the program has not asked whether it touched: this control goes on where \
                 it did not"
                    .into(),
            );
        }
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

    /// A parameter is set.
    fn take(&mut self, (number, what): (u32, Reckoned)) -> Result<(), WordError> {
        match what {
            Reckoned::Touch(axis) => self.take_touch(number, axis),
            Reckoned::Deviation(of, nominal_mm) => self.take_deviation(number, of, nominal_mm),
        }
    }

    /// A parameter takes the touch of the last move along an axis.
    fn take_touch(&mut self, number: u32, axis: usize) -> Result<(), WordError> {
        match self.probing.touched.take() {
            Some((a, motion)) if a == axis => {
                self.probing.undecided.insert(motion);
                self.probing.held.insert(number, Held::Touch { axis, motion });
                Ok(())
            }
            _ => Err(refused("a touch of an axis along which the last move did not probe")),
        }
    }

    fn touch_in(&self, number: u32) -> Result<(usize, u32), WordError> {
        match self.probing.held.get(&number) {
            Some(&Held::Touch { axis, motion }) => Ok((axis, motion)),
            _ => Err(refused("a parameter that holds no touch")),
        }
    }

    /// A parameter takes the middle of two touches, or of one given twice, less where it should be.
    fn take_deviation(&mut self, number: u32, of: [u32; 2], nominal_mm: f64) -> Result<(), WordError> {
        let ((axis, a), (other, b)) = (self.touch_in(of[0])?, self.touch_in(of[1])?);
        if axis != other {
            return Err(refused("the middle of touches along two axes"));
        }
        self.probing.undecided.remove(&a);
        self.probing.undecided.remove(&b);
        self.probing.unlooked.insert(number);
        self.probing.held.insert(number, Held::Deviation { axis, touches: [a, b], nominal_mm });
        Ok(())
    }

    /// A condition lets the program go on within the limit.
    fn decide(&mut self, number: u32, limit_mm: f64) -> Result<(), WordError> {
        let Some(&Held::Deviation { axis, touches, nominal_mm }) = self.probing.held.get(&number) else {
            return Err(refused("a condition on a parameter that holds no deviation"));
        };
        self.probing.unlooked.remove(&number);
        let line = self.line;
        self.out.probe_checks.push(ProbeCheck { line, axis, touches, nominal_mm, limit_mm });
        Ok(())
    }

    /// A condition lets the program go on where the touch in a parameter lies `farther` than this from the end of its move:
    /// where there was one. Otherwise, where there was none.
    fn decide_touch(
        &mut self,
        number: u32,
        end_mm: f64,
        (farther, by_mm): (bool, f64),
    ) -> Result<(), WordError> {
        let (axis, motion) = self.touch_in(number)?;
        if self.probing.unasked != Some(motion) {
            return Err(refused("a condition on a touch that is not the last move's"));
        }
        if (self.out.motions[motion as usize].end_mm[axis] - end_mm).abs() > SAME_MM {
            return Err(refused("a touch compared with a place that is not the end of its move"));
        }
        // Written so that NaN is refused.
        if !(by_mm > 0.0 && by_mm <= CLOSE_MM_MAX) {
            return Err(refused(&format!(
                "a touch compared within {by_mm} mm, at most {CLOSE_MM_MAX} are read"
            )));
        }
        if farther {
            self.probing.unasked = None;
        } else {
            self.probing.undecided.remove(&motion);
            self.probing.held.remove(&number);
            self.touches_nothing();
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
