//! One block: its codes by modal group and its values by letter, clashes refused.

use super::codes::{G_GROUPS, M_GROUPS, g_group_of, m_group_of, why_not};
use super::words::{Word, WordError};
use crate::model::Dialect;

const ABC: u32 = 0b111;

/// A block with at most one code per modal group and one value per letter.
#[derive(Clone, Debug)]
pub(super) struct Block {
    g: [Option<u32>; G_GROUPS],
    m: [Option<u32>; M_GROUPS],
    values: [f64; 26],
    given: u32,
    /// Letters whose number has a decimal point.
    pointed: u32,
}

impl Block {
    /// `rotary`: which of A, B, C the machine has.
    pub fn new(words: &[Word], dialect: Dialect, rotary: [bool; 3]) -> Result<Self, WordError> {
        let mut b =
            Self { g: [None; G_GROUPS], m: [None; M_GROUPS], values: [0.0; 26], given: 0, pointed: 0 };
        for (i, w) in words.iter().enumerate() {
            match w.letter {
                b'G' => b.add_g(w.value, dialect)?,
                b'M' => b.add_m(w.value, dialect)?,
                b'N' if i == 0 => {}
                b'N' => {
                    return Err(WordError::new(
                        "unknown-word",
                        "N stands inside a block: a block number comes first",
                    ));
                }
                b'F' | b'H' | b'I' | b'J' | b'K' | b'P' | b'Q' | b'R' | b'S' | b'T' | b'X' | b'Y' | b'Z' => {
                    b.add_value(w)?;
                }
                // The tool's edge, which carries its length.
                b'D' if dialect == Dialect::Siemens => b.add_value(w)?,
                b'A'..=b'C' if rotary[(w.letter - b'A') as usize] => b.add_value(w)?,
                b'A' | b'B' | b'C' | b'U' | b'V' | b'W' => {
                    return Err(WordError::new(
                        "unknown-word",
                        format!("axis {} is not simulated: only X, Y and Z are", w.letter as char),
                    ));
                }
                letter => {
                    return Err(WordError::new(
                        "unknown-word",
                        format!("the letter {} is not read here: remove the word", letter as char),
                    ));
                }
            }
        }
        Ok(b)
    }

    fn add_g(&mut self, value: f64, dialect: Dialect) -> Result<(), WordError> {
        let tenths = (value * 10.0).round();
        let exact = (tenths / 10.0 - value).abs() < 1e-9 && (0.0..10_000.0).contains(&tenths);
        let code = tenths as u32;
        let group = if exact { g_group_of(dialect, code) } else { None };
        let Some(group) = group else {
            let why = if exact { why_not(code) } else { "" };
            return Err(WordError::new("unknown-word", format!("G{value} is not known{why}")));
        };
        if let Some(other) = self.g[group] {
            return Err(WordError::new(
                "modal-clash",
                format!(
                    "G{value} and G{} exclude each other: put them in two blocks",
                    f64::from(other) / 10.0
                ),
            ));
        }
        self.g[group] = Some(code);
        Ok(())
    }

    fn add_m(&mut self, value: f64, dialect: Dialect) -> Result<(), WordError> {
        let exact = value.fract() == 0.0 && (0.0..1000.0).contains(&value);
        let Some(group) = (if exact { m_group_of(dialect, value as u32) } else { None }) else {
            return Err(WordError::new("unknown-word", format!("M{value} is not known")));
        };
        if let Some(other) = self.m[group] {
            return Err(WordError::new(
                "modal-clash",
                format!("M{value} and M{other} exclude each other: put them in two blocks"),
            ));
        }
        self.m[group] = Some(value as u32);
        Ok(())
    }

    fn add_value(&mut self, w: &Word) -> Result<(), WordError> {
        let bit = 1 << (w.letter - b'A');
        if self.given & bit != 0 {
            return Err(WordError::new(
                "modal-clash",
                format!("{} stands twice in one block: keep one", w.letter as char),
            ));
        }
        self.given |= bit;
        self.pointed |= if w.point { bit } else { 0 };
        self.values[(w.letter - b'A') as usize] = w.value;
        Ok(())
    }

    /// Code of a G group, in tenths.
    pub fn g(&self, group: usize) -> Option<u32> {
        self.g[group]
    }

    /// Code of an M group.
    pub fn m(&self, group: usize) -> Option<u32> {
        self.m[group]
    }

    /// Value of a letter.
    pub fn value(&self, letter: u8) -> Option<f64> {
        (self.given & (1 << (letter - b'A')) != 0).then(|| self.values[(letter - b'A') as usize])
    }

    /// True when the number of a letter has a decimal point.
    pub fn has_point(&self, letter: u8) -> bool {
        self.pointed & (1 << (letter - b'A')) != 0
    }

    /// A value that must be a whole number from 0 up.
    pub fn whole(&self, letter: u8) -> Result<Option<u32>, WordError> {
        match self.value(letter) {
            None => Ok(None),
            Some(v) if v.fract() == 0.0 && (0.0..1e6).contains(&v) => Ok(Some(v as u32)),
            Some(v) => Err(WordError::new(
                "bad-value",
                format!("{}{v} must be a whole number from 0 to 999999", letter as char),
            )),
        }
    }

    /// True when X, Y, Z or a rotary axis is given.
    pub fn has_axis(&self) -> bool {
        const XYZ: u32 = 0b111 << (b'X' - b'A');
        self.given & (XYZ | ABC) != 0
    }

    /// True when a rotary axis is given.
    pub fn has_rotary(&self) -> bool {
        self.given & ABC != 0
    }

    /// Letters given and not among `used`.
    pub fn unused(&self, used: &[u8]) -> Option<char> {
        let mut rest = self.given;
        for letter in used {
            rest &= !(1 << (letter - b'A'));
        }
        (rest != 0).then(|| (b'A' + rest.trailing_zeros() as u8) as char)
    }
}
