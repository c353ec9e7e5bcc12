//! Heidenhain Klartext: numbered blocks between `BEGIN PGM` and `END PGM`.
//!
//! Own lines, own words (`klartext/words`), own cycles (`klartext/cycles`); the state, the motions and the faults are those
//! of all dialects. `F` holds from block to block, `FMAX` for its own; M3, M4, M8, M13 and M14 act before a motion, the
//! others after it. A tool call takes up the length. Datum shifts, labels and parameters are refused, and
//! every function that makes the way of a rotary axis hang on a setting.

mod cycles;
mod motion;
mod words;

use super::super::motion::ReadFault;
use super::super::words::WordError;
use super::{INCH_MM, Reader};
use cycles::Drilling;
use words::{Words, value};

/// What holds from block to block beside the reader's own state.
#[derive(Default)]
pub(super) struct Klartext {
    /// Name and unit of the program, once begun.
    begun: Option<(String, String)>,
    closed: bool,
    /// M2 or M30 was met.
    over: bool,
    last_block: Option<u32>,
    /// Lower corner of the blank.
    blank: Option<[f64; 3]>,
    pole: Option<[f64; 2]>,
    drilling: Option<Drilling>,
    /// Feed of the tool call, for FAUTO.
    tool_feed: Option<f64>,
}

impl Reader<'_> {
    /// A whole text.
    pub(super) fn run_klartext(&mut self, text: &str) {
        let mut k = Klartext::default();
        let mut lines = text.lines();
        let mut number = 0;
        while let Some(line) = lines.next() {
            number += 1;
            self.line = number;
            let (first, mut more) = stripped(line);
            let mut block = first.to_owned();
            while more {
                // A block over several lines: the fault names its first.
                let Some(next) = lines.next() else { break };
                number += 1;
                let (words, goes_on) = stripped(next);
                block.push(' ');
                block.push_str(words);
                more = goes_on;
            }
            let done = if more {
                Err(WordError::new(
                    "missing-value",
                    "`~` at the end of the text: the block's other lines are lost",
                ))
            } else {
                self.klartext_block(&mut k, &block)
            };
            if let Err(e) = done {
                self.out.faults.push(ReadFault { line: self.line, kind: e.kind, message: e.message });
                return;
            }
            if k.closed {
                break;
            }
        }
        self.line = number.max(1);
        if !k.closed {
            let what = "the text ends without END PGM: the spindle would keep turning, and the control takes no such file";
            self.fault("no-program-end", what.into());
        }
        self.out.complete = k.closed;
    }

    fn klartext_block(&mut self, k: &mut Klartext, block: &str) -> Result<(), WordError> {
        let tokens: Vec<&str> = block.split_ascii_whitespace().collect();
        let Some((&number, rest)) = tokens.split_first() else { return Ok(()) };
        if !number.bytes().all(|c| c.is_ascii_digit()) {
            return Err(WordError::unknown(format!(
                "`{number}` where a block's number was expected: every block begins with its number"
            )));
        }
        let number: u32 = number.parse().map_err(|_| {
            WordError::new("bad-value", format!("block number {number}: it is at most 999999999"))
        })?;
        if let Some(last) = k.last_block.filter(|&last| number <= last) {
            return Err(WordError::new(
                "bad-value",
                format!(
                    "block {number} follows block {last}: numbers rise; a block was moved or stands twice"
                ),
            ));
        }
        k.last_block = Some(number);
        if rest.is_empty() {
            return Ok(());
        }
        self.out.blocks += 1;
        match (&k.begun, rest) {
            (None, ["BEGIN", "PGM", name, unit @ ("MM" | "INCH")]) => {
                self.unit_mm = Some(if *unit == "MM" { 1.0 } else { INCH_MM });
                k.begun = Some(((*name).into(), (*unit).into()));
                Ok(())
            }
            (None, _) => Err(WordError::new(
                "program-start",
                "words before BEGIN PGM: begin with `0 BEGIN PGM`, the program's name, and MM or INCH",
            )),
            (Some((name, unit)), ["END", "PGM", rest @ ..]) => {
                if *rest != [name.as_str(), unit.as_str()] {
                    return Err(WordError::new(
                        "no-program-end",
                        format!(
                            "END PGM {} ends another program: write END PGM {name} {unit}",
                            rest.join(" ")
                        ),
                    ));
                }
                (k.closed, self.ended) = (true, true);
                Ok(())
            }
            (Some(_), rest) if k.over => Err(WordError::unknown(format!(
                "`{}` after M2 or M30, which ends the program: only END PGM may follow",
                rest[0]
            ))),
            (Some(_), rest) => self.klartext_statement(k, rest),
        }
    }

    fn klartext_statement(&mut self, k: &mut Klartext, tokens: &[&str]) -> Result<(), WordError> {
        match tokens {
            ["BLK", "FORM", rest @ ..] => k.blank(rest),
            ["STOP", rest @ ..] => {
                let w = Words::read(rest)?;
                w.only("M")?;
                self.klartext_alone(k, &w)
            }
            ["TOOL", "CALL", rest @ ..] => self.tool_call(k, rest),
            // The tool made ready for the next call.
            ["TOOL", "DEF", tool] => words::whole("TOOL DEF", tool).map(|_| ()),
            ["L", rest @ ..] => self.klartext_line(k, rest),
            ["CC", rest @ ..] => self.klartext_pole(k, rest),
            ["C", rest @ ..] => self.klartext_arc(k, rest),
            ["CP", rest @ ..] => self.klartext_helix(k, rest),
            ["CR", rest @ ..] => self.klartext_radius_arc(k, rest),
            ["CYCL", "DEF", rest @ ..] => self.cycle_def(k, rest),
            ["CYCL", "CALL", rest @ ..] => {
                let w = Words::read(rest)?;
                w.only("M")?;
                self.m_before(&w)?;
                self.cycle_call(k)?;
                self.m_after(k, &w)
            }
            [word, ..] if word.starts_with('M') => {
                let w = Words::read(tokens)?;
                w.only("M")?;
                self.klartext_alone(k, &w)
            }
            [word, ..] => Err(WordError::unknown(format!(
                "`{word}` is not read here: write the moves themselves, in L, CC, C and CP"
            ))),
            [] => Ok(()),
        }
    }

    /// M words in a block of their own.
    fn klartext_alone(&mut self, k: &mut Klartext, w: &Words) -> Result<(), WordError> {
        if w.m.contains(&91) {
            return Err(WordError::new("missing-value", "M91 without X, Y or Z: name the machine position"));
        }
        self.m_before(w)?;
        self.m_after(k, w)
    }

    /// M words that act before the block's motion.
    fn m_before(&mut self, w: &Words) -> Result<(), WordError> {
        for &m in &w.m {
            match m {
                3 | 13 => self.spindle = 3,
                4 | 14 => self.spindle = 4,
                0 | 1 | 2 | 5 | 8 | 9 | 30 | 91 | 99 => {}
                _ => {
                    let why = match m {
                        6 => " (TOOL CALL changes the tool)",
                        7 => " (it is the machine builder's: use M8)",
                        92 => " (use M91 to go to a machine position)",
                        126..=129 => {
                            " (where a rotary axis goes, and the tool with it, must be in the words of the block alone)"
                        }
                        _ => "",
                    };
                    return Err(WordError::unknown(format!("M{m} is not known{why}")));
                }
            }
        }
        Ok(())
    }

    /// M words that act after it.
    fn m_after(&mut self, k: &mut Klartext, w: &Words) -> Result<(), WordError> {
        for &m in &w.m {
            match m {
                5 => self.spindle = 5,
                2 | 30 => {
                    self.spindle = 5;
                    k.over = true;
                }
                99 => self.cycle_call(k)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn tool_call(&mut self, k: &mut Klartext, tokens: &[&str]) -> Result<(), WordError> {
        let (mut tool, mut axis) = (None, false);
        for (n, &token) in tokens.iter().enumerate() {
            match token.as_bytes()[0] {
                b'0'..=b'9' if n == 0 => tool = Some(words::whole("TOOL CALL", token)?),
                b'Z' if token == "Z" => axis = true,
                b'S' => self.take_speed(value(token, 1)?)?,
                b'F' => {
                    self.take_feed(value(token, 1)?)?;
                    k.tool_feed = self.feed_mm_per_min;
                }
                b'D' if token.starts_with("DL") || token.starts_with("DR") => {
                    if value(token, 2)? != 0.0 {
                        return Err(WordError::unknown(format!(
                            "{token} makes the tool another than that of the job's tool table: leave it out"
                        )));
                    }
                }
                _ => {
                    return Err(WordError::unknown(format!(
                        "`{token}` in a tool call is not read here: call by number, axis Z, S and F"
                    )));
                }
            }
        }
        match tool {
            Some(_) if !axis => Err(WordError::new(
                "missing-value",
                "TOOL CALL without the spindle's axis: put Z after the number",
            )),
            Some(t) => {
                self.put_tool(t)?;
                self.length_tool = (t != 0).then_some(t);
                k.drilling = None;
                Ok(())
            }
            None if tokens.is_empty() => {
                Err(WordError::new("no-tool", "TOOL CALL without a number: name the tool"))
            }
            None => Ok(()),
        }
    }
}

impl Klartext {
    /// BLK FORM 0.1 Z and the lower corner, BLK FORM 0.2 and the upper: for the control's picture, but it takes no
    /// other order.
    fn blank(&mut self, tokens: &[&str]) -> Result<(), WordError> {
        let bad = |what: &str| WordError::new("bad-value", format!("BLK FORM: {what}"));
        let (second, rest) = match tokens {
            ["0.1", "Z", rest @ ..] => (false, rest),
            ["0.2", rest @ ..] => (true, rest),
            _ => return Err(bad("expected 0.1 Z and the lower corner, or 0.2 and the upper one")),
        };
        let w = Words::read(rest)?;
        w.only("XYZ")?;
        let [Some((x, false)), Some((y, false)), Some((z, false))] = w.axes else {
            return Err(bad("a corner needs X, Y and Z"));
        };
        match (second, self.blank) {
            (false, _) => self.blank = Some([x, y, z]),
            (true, Some(lo)) if x > lo[0] && y > lo[1] && z > lo[2] => {}
            (true, Some(_)) => {
                return Err(bad("the corner 0.2 does not lie beyond 0.1 in X, Y and Z: swap them"));
            }
            (true, None) => return Err(bad("0.2 before 0.1: give the lower corner first")),
        }
        Ok(())
    }
}

/// A line without its comment, and whether the block goes on in the next.
fn stripped(line: &str) -> (&str, bool) {
    let line = line.trim_end();
    let (line, more) = match line.strip_suffix('~') {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    (line.split(';').next().unwrap_or(""), more)
}
