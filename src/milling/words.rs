//! Words of one line of a program: letter and number, comments taken out.
//!
//! Numbers are read exactly: all digits as a whole number below 2^53, divided once by a power of ten, which rounds
//! correctly.

/// Why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WordError {
    pub kind: &'static str,
    pub message: String,
}

impl WordError {
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new("unknown-word", message)
    }
}

/// One letter and its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Word {
    /// Upper case.
    pub letter: u8,
    pub value: f64,
    /// True when the number has a decimal point.
    pub point: bool,
}

/// What a line is, beside its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Words, possibly none.
    Block,
    /// A lone `%`.
    Percent,
}

/// Powers of ten a double holds exactly.
const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Reads the words of `line` into `words`, in order. What follows a `;` is a comment where `remarks` says so; elsewhere
/// the `;` ends the block.
pub(super) fn read_words(line: &[u8], words: &mut Vec<Word>, remarks: bool) -> Result<LineKind, WordError> {
    words.clear();
    let mut at = 0;
    while at < line.len() {
        let c = line[at];
        match c {
            b' ' | b'\t' | b'\r' => at += 1,
            b';' if remarks || line[at + 1..].iter().all(u8::is_ascii_whitespace) => break,
            b';' => {
                return Err(WordError::unknown(
                    "text after `;`, which ends the block on this control: put comments in brackets",
                ));
            }
            b'(' => at = comment_end(line, at)?,
            b'%' => {
                let alone = words.is_empty() && line[at + 1..].iter().all(u8::is_ascii_whitespace);
                if !alone {
                    return Err(WordError::unknown("`%` beside other text: it must stand alone on its line"));
                }
                return Ok(LineKind::Percent);
            }
            b'A'..=b'Z' | b'a'..=b'z' => {
                let letter = c.to_ascii_uppercase();
                let n = number(line, at + 1, letter)?;
                words.push(Word { letter, value: n.value, point: n.point });
                at = n.next;
            }
            b'#' | b'[' | b']' => return Err(expression()),
            _ => return Err(no_word(c)),
        }
    }
    Ok(LineKind::Block)
}

/// What is said of a character that begins no word.
pub(super) fn no_word(c: u8) -> WordError {
    if c == b'/' {
        return WordError::unknown(
            "a `/` block runs or not by a switch on the machine: remove the slash or the block",
        );
    }
    let shown = if c.is_ascii_graphic() { (c as char).to_string() } else { format!("byte {c:#04x}") };
    WordError::unknown(format!("`{shown}` where a letter was expected: a word is a letter and a number"))
}

fn expression() -> WordError {
    WordError::unknown("parameters and expressions (`#`, `[`) are not read here: write the number itself")
}

fn comment_end(line: &[u8], open: usize) -> Result<usize, WordError> {
    for (i, &c) in line.iter().enumerate().skip(open + 1) {
        match c {
            b')' => return Ok(i + 1),
            b'(' => return Err(WordError::unknown("a comment opens inside a comment: remove the inner `(`")),
            _ => {}
        }
    }
    Err(WordError::unknown("a comment is not closed on its line: add `)`"))
}

/// A number as read.
pub(super) struct Number {
    pub value: f64,
    /// Where it ends.
    pub next: usize,
    /// True when it has a decimal point.
    pub point: bool,
}

/// The number that begins at `at`, blanks before it skipped; `letter` is what it belongs to, for messages.
pub(super) fn number(line: &[u8], mut at: usize, letter: u8) -> Result<Number, WordError> {
    while at < line.len() && matches!(line[at], b' ' | b'\t') {
        at += 1;
    }
    let negative = match line.get(at) {
        Some(b'#' | b'[') => return Err(expression()),
        Some(b'-') => {
            at += 1;
            true
        }
        Some(b'+') => {
            at += 1;
            false
        }
        _ => false,
    };
    let (mut mantissa, mut digits, mut after) = (0u64, 0usize, 0usize);
    let (mut point, mut any_digit) = (false, false);
    while let Some(&c) = line.get(at) {
        match c {
            b'0'..=b'9' => {
                any_digit = true;
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(c - b'0'));
                // Leading zeros cost nothing.
                digits += usize::from(mantissa != 0);
                after += usize::from(point);
            }
            b'.' if !point => point = true,
            _ => break,
        }
        at += 1;
        if digits > 15 || after > 15 {
            return Err(WordError::unknown(format!(
                "more than 15 digits after {}: write fewer decimals",
                letter as char
            )));
        }
    }
    if !any_digit {
        return Err(WordError::new(
            "missing-value",
            format!("no number after {}: give it a value or remove the letter", letter as char),
        ));
    }
    let value = mantissa as f64 / TENS[after];
    Ok(Number { value: if negative { -value } else { value }, next: at, point })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<(char, f64)>, String> {
        let mut out = Vec::new();
        read_words(line.as_bytes(), &mut out, true).map_err(|e| e.message)?;
        Ok(out.iter().map(|w| (w.letter as char, w.value)).collect())
    }

    #[test]
    fn words_comments_and_blanks_are_told_apart() {
        assert_eq!(
            words("n10 g1 X-1.5 (to the edge) y .25Z+3. ; the rest").unwrap(),
            [('N', 10.0), ('G', 1.0), ('X', -1.5), ('Y', 0.25), ('Z', 3.0)]
        );
        assert_eq!(words("").unwrap(), []);
    }

    #[test]
    fn a_printed_number_comes_back_as_itself() {
        for v in [0.0001, 123.4567, -0.1, 99999.9999, 254.0, 1e-7] {
            assert_eq!(words(&format!("X{v:.7}")).unwrap()[0].1, v);
        }
    }

    #[test]
    fn what_is_no_word_is_refused() {
        for bad in
            ["X", "X-", "X.", "X Y1", "G1 X1 2", "#1=2", "X[1]", "(open", "(a (b))", "/G0", "X1\u{b5}", "%%"]
        {
            assert!(words(bad).is_err(), "{bad}");
        }
        assert!(words("X1.2.3").is_err());
        assert!(words("X12345678901234567890").is_err());
    }
}
