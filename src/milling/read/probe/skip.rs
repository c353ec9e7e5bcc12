//! Probing of Fanuc and Haas by the skip function, in exactly these lines (blanks and case do not count):
//!
//! ```text
//! G103 P1                                       Haas: no look-ahead, G103 alone ends it
//! G31 X12.500 F60.0                             one axis, G90, mm, spindle off, a probe in the spindle
//! #101=#5061                                    where it touched, or the end of the move where it did not
//! IF [ABS[#101-[12.500]] GT 0.050] GOTO 101     farther from that end: it touched (LE: nothing was in the way)
//! #3000=101(NO TOUCH)                           an alarm, 100 to 200, which ends the program
//! N101
//! G1 X10.000 F500.0                             next motion: straight back to where that move began
//! #103=[#101+#102]/2-[10.000]                   middle of two touches along one axis, less where it should be
//! #123=#121-[-16.000]                           one touch, less where it should be
//! IF [ABS[#103] LE 0.020] GOTO 103              within the limit it goes on
//! #3000=103(BORE 1 OFF IN X)
//! N103
//! ```
//!
//! The jump goes over the alarm and nowhere else. On these controls a program jumps to where it goes on, so that a value
//! that cannot be compared ends it.

use super::super::super::words::{LineKind, Word, WordError, read_words};
use super::super::Reader;
use super::{Form, Rest, begins, refused, tight};
use crate::model::Dialect;

const FORM: Form = Form {
    sign: "#",
    brackets: ["[", "]"],
    // Common variables that every such control has, cleared or not when it is switched off.
    parameters: 100..=149,
    touches: ["#5061", "#5062", "#5063"],
};
/// Alarms that every such control lets a program raise: some take more, below or above.
const ALARMS: std::ops::RangeInclusive<u32> = 100..=200;

impl Reader<'_> {
    /// Reads a line of probing; `None` for any other line.
    pub(in super::super) fn skip_line(
        &mut self,
        line: &[u8],
        words: &mut Vec<Word>,
    ) -> Result<Option<()>, WordError> {
        if self.probing.branch.is_none() && !begins(line, &["#", "IF", "G31", "G103"]) {
            return Ok(None);
        }
        let text = tight(line);
        if let Some((label, ended)) = self.probing.branch {
            return self.skip_branch(line, &text, words, label, ended).map(Some);
        }
        if text.starts_with('#') {
            self.out.blocks += 1;
            let reckoned = FORM.reckoned(&text).ok_or_else(|| refused("this variable"))?;
            return self.take(reckoned).map(Some);
        }
        if text.starts_with("IF") {
            self.out.blocks += 1;
            return self.skip_condition(&text).map(Some);
        }
        if text.starts_with("G31") {
            read_words(line, words, false)?;
            super::super::tape::check_points(self.dialect(), words)?;
            self.out.blocks += 1;
            return self.probe_words(words, &[31.0], "G31").map(Some);
        }
        if self.dialect() == Dialect::Haas && (text == "G103" || text == "G103P1") {
            self.out.blocks += 1;
            return Ok(Some(()));
        }
        Ok(None)
    }

    /// `IF [`…`] GOTO n`.
    fn skip_condition(&mut self, text: &str) -> Result<(), WordError> {
        let none = || refused("this condition");
        let mut rest = Rest(text);
        rest.eat("IF[ABS[#").ok_or_else(none)?;
        let number = rest.whole().ok_or_else(none)?;
        let end_mm = match rest.eat("-[") {
            Some(()) => {
                let end = rest.real().ok_or_else(none)?;
                rest.eat("]").ok_or_else(none)?;
                Some(end)
            }
            None => None,
        };
        rest.eat("]").ok_or_else(none)?;
        let farther = match end_mm.and_then(|_| rest.eat("GT")) {
            Some(()) => true,
            None => {
                rest.eat("LE").ok_or_else(none)?;
                false
            }
        };
        let by_mm = rest.real().ok_or_else(none)?;
        rest.eat("]GOTO").ok_or_else(none)?;
        let label = rest.whole().ok_or_else(none)?;
        rest.end().ok_or_else(none)?;
        match end_mm {
            Some(end_mm) => self.decide_touch(number, end_mm, (farther, by_mm))?,
            None => self.decide(number, by_mm)?,
        }
        self.probing.branch = Some((label, false));
        Ok(())
    }

    /// Between the jump and its label: the alarm alone.
    fn skip_branch(
        &mut self,
        line: &[u8],
        text: &str,
        words: &mut Vec<Word>,
        label: u32,
        ended: bool,
    ) -> Result<(), WordError> {
        if !text.starts_with('#') && read_words(line, words, false)? == LineKind::Block && words.is_empty() {
            return Ok(());
        }
        self.out.blocks += 1;
        if !ended && alarm(text).is_some() {
            self.probing.branch = Some((label, true));
        } else if ended && *text == format!("N{label}") {
            self.probing.branch = None;
        } else {
            return Err(refused(&format!(
                "between the jump to N{label} and that label one alarm (#3000) must stand, and nothing else may"
            )));
        }
        Ok(())
    }
}

/// `#3000=101(TEXT)`
fn alarm(text: &str) -> Option<()> {
    let mut rest = Rest(text);
    rest.eat("#3000=")?;
    rest.whole().filter(|n| ALARMS.contains(n))?;
    rest.eat("(")?;
    let said = rest.0.strip_suffix(')')?;
    (!said.is_empty() && !said.contains(['(', ')'])).then_some(())
}
