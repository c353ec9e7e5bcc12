//! Words of a Klartext block: coordinates, feed, M functions.

use super::super::super::words::{WordError, number};

/// Feed of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Feed {
    /// FMAX.
    Rapid,
    /// FAUTO: that of the tool call.
    OfTool,
    Given(f64),
}

/// What a block says, beside what it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// X, Y, Z: value, and whether it is incremental.
    pub axes: [Option<(f64, bool)>; 3],
    /// The same of A, B, C, degrees.
    pub rotary: [Option<(f64, bool)>; 3],
    pub feed: Option<Feed>,
    pub m: Vec<u32>,
    /// DR-: clockwise.
    pub clockwise: Option<bool>,
    /// R of a circle by its radius.
    pub radius: Option<f64>,
    /// IPA, degrees.
    pub angle_deg: Option<f64>,
    /// Kinds of words met, and the first word of each.
    met: Vec<(char, String)>,
}

impl Words {
    /// Reads the words of a block that moves no rotary axis.
    pub fn read(tokens: &[&str]) -> Result<Self, WordError> {
        Self::read_with(tokens, [false; 3])
    }

    /// Reads the words of a block; `rotary`: which of A, B, C the machine has.
    pub fn read_with(tokens: &[&str], rotary: [bool; 3]) -> Result<Self, WordError> {
        let mut w = Self::default();
        for &token in tokens {
            let kind = w.take(token, rotary)?;
            if kind != 'M' && w.met.iter().any(|m| m.0 == kind) {
                return Err(WordError::new(
                    "modal-clash",
                    format!("{token} stands beside another of its kind in one block: keep one"),
                ));
            }
            w.met.push((kind, token.to_owned()));
        }
        if w.m.len() > 2 {
            return Err(WordError::new(
                "modal-clash",
                "more than two M functions in one block, of which this control takes two: put them in two blocks",
            ));
        }
        Ok(w)
    }

    /// Takes one word; its kind.
    fn take(&mut self, token: &str, rotary: [bool; 3]) -> Result<char, WordError> {
        let unknown = |why: &str| Err(WordError::unknown(format!("`{token}` is not read here: {why}")));
        if token.contains(['Q', '=']) {
            return unknown("parameters are not; write the number itself");
        }
        match token {
            "R0" => return Ok('0'),
            "RL" | "RR" | "R+" | "R-" => {
                return unknown("cutter compensation is not simulated; post compensated paths with R0");
            }
            "DR+" | "DR-" => {
                self.clockwise = Some(token == "DR-");
                return Ok('D');
            }
            "FMAX" | "FAUTO" => {
                self.feed = Some(if token == "FMAX" { Feed::Rapid } else { Feed::OfTool });
                return Ok('F');
            }
            _ => {}
        }
        if let Some(rest) = token.strip_prefix("IPA") {
            self.angle_deg = Some(value(rest, 0)?);
            return Ok('A');
        }
        let incremental = token.starts_with('I');
        let name = &token[usize::from(incremental)..];
        match name.bytes().next() {
            Some(axis @ b'X'..=b'Z') => {
                self.axes[usize::from(axis - b'X')] = Some((value(name, 1)?, incremental));
                Ok(axis as char)
            }
            Some(axis @ b'A'..=b'C') if rotary[usize::from(axis - b'A')] => {
                self.rotary[usize::from(axis - b'A')] = Some((value(name, 1)?, incremental));
                Ok(axis.to_ascii_lowercase() as char)
            }
            Some(b'F') if !incremental => {
                self.feed = Some(Feed::Given(value(name, 1)?));
                Ok('F')
            }
            Some(b'M') if !incremental => {
                self.m.push(whole("M", &name[1..])?);
                Ok('M')
            }
            Some(b'R') if !incremental => {
                self.radius = Some(value(name, 1)?);
                Ok('R')
            }
            Some(axis @ (b'A' | b'B' | b'C' | b'U' | b'V' | b'W')) => {
                unknown(&format!("axis {} is not simulated, only X, Y and Z are", axis as char))
            }
            _ => unknown("remove it, or write L, CC, C and CP with X, Y, Z, F and M"),
        }
    }

    /// Refuses words of other kinds than these: axes by letter (rotary ones in lower case), F, M, D (DR), R (radius), A
    /// (IPA); R0 goes with all.
    pub fn only(&self, kinds: &str) -> Result<(), WordError> {
        match self.met.iter().find(|m| m.0 != '0' && !kinds.contains(m.0)) {
            Some((_, word)) => {
                Err(WordError::unknown(format!("`{word}` has no meaning in this block: remove it")))
            }
            None => Ok(()),
        }
    }

    pub fn has_axis(&self) -> bool {
        self.axes.iter().chain(&self.rotary).any(Option::is_some)
    }
}

/// The number behind the first `letters` of a word, to its end.
pub(super) fn value(word: &str, letters: usize) -> Result<f64, WordError> {
    let bytes = word.as_bytes();
    let letter = if letters == 0 { b'=' } else { bytes[letters - 1] };
    let n = number(bytes, letters, letter)?;
    if n.next != bytes.len() {
        return Err(WordError::unknown(format!(
            "`{word}` is no letter and number: write decimals with a point"
        )));
    }
    Ok(n.value)
}

/// A whole number from 0 up.
pub(super) fn whole(of: &str, text: &str) -> Result<u32, WordError> {
    if text.is_empty() || text.len() > 6 || !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(WordError::new(
            "bad-value",
            format!("{of} {text:?} must be a whole number from 0 to 999999"),
        ));
    }
    Ok(text.parse().expect("at most six digits"))
}
