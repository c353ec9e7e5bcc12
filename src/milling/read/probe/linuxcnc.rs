//! LinuxCNC's probing, in exactly these lines (blanks and case do not count):
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
//! `#<_task>` is 0 in a preview, where nothing is touched, and 1 on the machine.

use super::super::super::words::{Word, WordError, read_words};
use super::super::Reader;
use super::{Form, Reckoned, Rest, begins, refused, tight};

const FORM: Form = Form {
    sign: "#",
    brackets: ["[", "]"],
    // Above a control's own locals, below those that it remembers.
    parameters: 31..=4999,
    touches: ["#5061", "#5062", "#5063"],
};

impl Reader<'_> {
    /// Reads a line of probing; `None` for any other line.
    pub(in super::super) fn linuxcnc_probe_line(
        &mut self,
        line: &[u8],
        words: &mut Vec<Word>,
    ) -> Result<Option<()>, WordError> {
        if self.probing.branch.is_none() && !begins(line, &["#", "O", "G38"]) {
            return Ok(None);
        }
        let text = tight(line);
        if let Some((label, ended)) = self.probing.branch
            && !text.starts_with('O')
        {
            return self.linuxcnc_branch(line, words, label, ended).map(Some);
        }
        match text.as_bytes() {
            [b'O', ..] => self.linuxcnc_condition(&text),
            [b'#', ..] => self.linuxcnc_reckon(&text),
            [b'G', b'3', b'8', ..] => {
                read_words(line, words, true)?;
                self.out.blocks += 1;
                self.probe_words(words, &[38.2, 38.3], "G38.2 or G38.3")?;
                if words.iter().any(|w| w.letter == b'G' && (w.value - 38.3).abs() < 1e-9) {
                    self.touches_nothing();
                }
                Ok(())
            }
            _ => return Ok(None),
        }
        .map(Some)
    }

    /// `#n=`… What is reckoned stands in brackets of its own.
    fn linuxcnc_reckon(&mut self, text: &str) -> Result<(), WordError> {
        self.out.blocks += 1;
        let bare =
            text.split_once("=[").and_then(|(n, tail)| Some(format!("{n}={}", tail.strip_suffix(']')?)));
        let reckoned = match bare {
            Some(bare) => FORM.reckoned(&bare).filter(|r| matches!(r.1, Reckoned::Deviation(..))),
            None => FORM.reckoned(text).filter(|r| matches!(r.1, Reckoned::Touch(_))),
        };
        self.take(reckoned.ok_or_else(|| refused("this parameter"))?)
    }

    /// `o101 if`…, `o101 endif`.
    fn linuxcnc_condition(&mut self, text: &str) -> Result<(), WordError> {
        self.out.blocks += 1;
        let none = || refused("this O word");
        let mut rest = Rest(text);
        rest.eat("O").ok_or_else(none)?;
        let label = rest.whole().ok_or_else(none)?;
        match self.probing.branch {
            Some((open, true)) if open == label && rest.0 == "ENDIF" => self.probing.branch = None,
            Some((open, _)) => {
                return Err(refused(&format!(
                    "the branch of o{open} must end the program with M2, and then with its own endif"
                )));
            }
            None => {
                rest.eat("IF").ok_or_else(none)?;
                let (number, limit_mm) = compared(rest.0).ok_or_else(none)?;
                self.decide(number, limit_mm)?;
                self.probing.branch = Some((label, false));
            }
        }
        Ok(())
    }

    /// A line of the branch that is not taken on a sound part.
    fn linuxcnc_branch(
        &mut self,
        line: &[u8],
        words: &mut Vec<Word>,
        label: u32,
        ended: bool,
    ) -> Result<(), WordError> {
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
