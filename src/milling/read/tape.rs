//! What Fanuc and Haas ask of a program beside its blocks: a `%` before and after, a number, decimal points.

use super::super::block::Block;
use super::super::motion::MotionKind;
use super::super::words::{Word, WordError};
use super::Reader;
use crate::model::Dialect;

/// Where the reading stands between the two `%`.
pub(super) struct Tape {
    dialect: Dialect,
    begun: bool,
    numbered: bool,
    closed: bool,
}

impl Tape {
    /// `None` for a dialect without.
    pub fn new(dialect: Dialect) -> Option<Self> {
        matches!(dialect, Dialect::Fanuc | Dialect::Haas).then_some(Self {
            dialect,
            begun: false,
            numbered: false,
            closed: false,
        })
    }

    /// A line `%`; false when it is the last.
    pub fn percent(&mut self) -> bool {
        self.closed = self.begun;
        self.begun = true;
        !self.closed
    }

    /// True when the words were the program's number; faults when it is missing or no number of a program.
    pub fn number(&mut self, words: &[Word]) -> Result<bool, WordError> {
        let start = |message: String| WordError::new("program-start", message);
        let (form, most) = match self.dialect {
            Dialect::Haas => ("O and five digits", 99_999.0),
            // Those from 9000 up are the machine builder's, and protected.
            _ => ("O and four digits", 8999.0),
        };
        if !self.begun {
            return Err(start(
                "words before the first `%`, which the control skips: begin the file with a line `%`".into(),
            ));
        }
        if self.numbered {
            return Ok(false);
        }
        let first = words[0];
        if first.letter != b'O' {
            return Err(start(format!("no program number after the `%`: put {form} on a line of its own")));
        }
        if words.len() > 1
            || first.point
            || first.value.fract() != 0.0
            || !(1.0..=most).contains(&first.value)
        {
            return Err(start(format!(
                "O{} is no program number: write {form}, 1 to {most}, alone on its line",
                first.value
            )));
        }
        self.numbered = true;
        Ok(true)
    }

    /// What is wrong at the end of the text.
    pub fn unended(self) -> Option<&'static str> {
        (!self.closed)
            .then_some("no line `%` after the program's end: the transfer would wait for more: add it")
    }
}

/// Refuses coordinates without a decimal point, which count increments, and a second M word in a block.
pub(super) fn check_points(dialect: Dialect, words: &[Word]) -> Result<(), WordError> {
    let haas = dialect == Dialect::Haas;
    for w in words {
        let counts = matches!(w.letter, b'A'..=b'C' | b'X' | b'Y' | b'Z' | b'I' | b'J' | b'K' | b'R' | b'Q')
            || (haas && w.letter == b'F');
        // Zero is zero either way.
        if counts && !w.point && w.value != 0.0 {
            let (letter, v) = (w.letter as char, w.value);
            let meant = match letter {
                'F' => "mm/min",
                'A'..='C' => "degrees",
                _ => "mm",
            };
            return Err(WordError::new(
                "decimal-point",
                format!(
                    "{letter}{v} has no decimal point and means {:.3} {meant} to this control: write {letter}{v}. or the number \
                     that is meant",
                    v / 1000.0
                ),
            ));
        }
    }
    if words.iter().filter(|w| w.letter == b'M').count() > 1 {
        return Err(WordError::new(
            "modal-clash",
            "two M words in one block, of which this control obeys one: put them in two blocks",
        ));
    }
    Ok(())
}

impl Reader<'_> {
    /// G28: home by way of a place, which must be where the axis stands.
    pub(super) fn go_home(&mut self, b: &Block) -> Result<(), WordError> {
        let axes: Vec<(usize, f64)> =
            (0..3).filter_map(|a| b.value(b'X' + a as u8).map(|v| (a, v))).collect();
        let turned: Vec<(usize, f64)> =
            (0..3).filter_map(|a| b.value(b'A' + a as u8).map(|v| (a, v))).collect();
        if axes.is_empty() && turned.is_empty() {
            return Err(WordError::new("missing-value", "G28 without X, Y or Z: name the axes that go home"));
        }
        if !self.incremental || axes.iter().chain(&turned).any(|&(_, v)| v != 0.0) {
            return Err(WordError::new(
                "bad-value",
                "G28 goes by way of the place it names, through whatever stands there: write G91 G28 Z0., then G90",
            ));
        }
        let mut end = self.position;
        for (a, _) in axes {
            end[a] = -self.context.work_zero_machine_mm[a];
        }
        let mut end_deg = self.angles;
        for (a, _) in turned {
            end_deg[a] = 0.0;
        }
        self.check_before_motion(true, false, end);
        self.turned(MotionKind::Rapid, end, end_deg, 0.0);
        Ok(())
    }
}
