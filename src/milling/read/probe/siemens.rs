//! Probing of Siemens 840D, in exactly these lines (blanks and case do not count):
//!
//! ```text
//! MEAS=1 G1 X12.5000 F60.0                      one axis, G90, mm, spindle off, a probe in the spindle
//! STOPRE                                        or what is read next is not this move's
//! R1=$AA_MW[X]                                  where it touched, work frame; not after a way on which nothing should
//! IF $AC_MEA[1]==0                              it did not (==1: something was in the way)
//! MSG("...")                                    none or more
//! M0                                            none or more
//! M30                                           must be: the branch that is taken ends the program
//! ENDIF
//! G1 X10.0000 F500.0                            next motion: straight back to where that move began
//! R3=(R1+R2)/2-(10.0000)                        middle of two touches along one axis, less where it should be
//! R23=R21-(-16.0000)                            one touch, less where it should be
//! IF ABS(R3)>0.0200
//! ENDIF                                         as above
//! ```

use super::super::super::words::{Word, WordError};
use super::super::{Reader, siemens};
use super::{Form, Reckoned, Rest, begins, refused, tight};

const FORM: Form = Form {
    sign: "R",
    brackets: ["(", ")"],
    // Parameters that every such control has.
    parameters: 0..=99,
    touches: ["$AA_MW[X]", "$AA_MW[Y]", "$AA_MW[Z]"],
};

impl Reader<'_> {
    /// Reads a line of probing; `None` for any other line.
    pub(in super::super) fn siemens_probe_line(
        &mut self,
        line: &[u8],
        words: &mut Vec<Word>,
    ) -> Result<Option<()>, WordError> {
        if self.probing.branch.is_none() && !begins(line, &["MEAS", "STOPRE", "IF", "R"]) {
            return Ok(None);
        }
        let code = line.split(|&c| c == b';').next().unwrap_or_default();
        let text = tight(code);
        if self.probing.branch.is_some() {
            return self.siemens_branch(&text).map(Some);
        }
        let parameter = text.starts_with('R') && text.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if let Some(rest) = text.strip_prefix("MEAS=1") {
            self.out.blocks += 1;
            siemens::read_line(rest.as_bytes(), words)?;
            self.probe_words(words, &[1.0], "MEAS=1 G1")?;
            self.probing.stopped = false;
        } else if text == "STOPRE" {
            self.out.blocks += 1;
            self.probing.stopped = true;
        } else if parameter && text.contains('=') {
            self.out.blocks += 1;
            self.siemens_reckon(&text)?;
        } else if text.starts_with("IF") {
            self.out.blocks += 1;
            self.siemens_condition(&text)?;
        } else {
            return Ok(None);
        }
        Ok(Some(()))
    }

    fn siemens_stopped(&self) -> Result<(), WordError> {
        if self.probing.stopped {
            return Ok(());
        }
        Err(refused("a result of measuring before STOPRE, which is not yet this move's"))
    }

    /// `Rn=`…
    fn siemens_reckon(&mut self, text: &str) -> Result<(), WordError> {
        let reckoned = FORM.reckoned(text).ok_or_else(|| refused("this R parameter"))?;
        if let Reckoned::Touch(_) = reckoned.1 {
            self.siemens_stopped()?;
        }
        self.take(reckoned)
    }

    /// `IF`…
    fn siemens_condition(&mut self, text: &str) -> Result<(), WordError> {
        match text {
            "IF$AC_MEA[1]==0" | "IF$AC_MEA[1]==1" => {
                self.siemens_stopped()?;
                if self.probing.unasked.is_none() {
                    return Err(refused("a condition on a touch that is not the last move's"));
                }
                if text.ends_with('0') {
                    self.probing.unasked = None;
                } else if self.probing.touched.is_some() {
                    self.touches_nothing();
                } else {
                    return Err(refused("a touch taken from a move that must not touch"));
                }
            }
            _ => {
                let (number, limit_mm) = compared(text).ok_or_else(|| refused("this condition"))?;
                self.decide(number, limit_mm)?;
            }
        }
        self.probing.branch = Some((0, false));
        Ok(())
    }

    /// A line of the branch that is not taken on a sound part.
    fn siemens_branch(&mut self, text: &str) -> Result<(), WordError> {
        if text.is_empty() {
            return Ok(());
        }
        self.out.blocks += 1;
        let ended = self.probing.branch.is_some_and(|b| b.1);
        let said = text.strip_prefix("MSG(\"").and_then(|t| t.strip_suffix("\")"));
        match text {
            "ENDIF" if ended => self.probing.branch = None,
            "M30" if !ended => self.probing.branch = Some((0, true)),
            "M0" if !ended => {}
            _ if !ended && said.is_some_and(|t| !t.contains('"')) => {}
            _ => {
                return Err(refused(
                    "in a branch only a message, M0 and one M30 may stand, and ENDIF ends it after that",
                ));
            }
        }
        Ok(())
    }
}

/// `IFABS(Rn)>0.02`
fn compared(text: &str) -> Option<(u32, f64)> {
    let mut rest = Rest(text);
    rest.eat("IFABS(R")?;
    let number = rest.whole()?;
    rest.eat(")>")?;
    let limit = rest.real()?;
    rest.end()?;
    Some((number, limit))
}
