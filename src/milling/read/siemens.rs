//! Siemens 840D: its own tokens, put into the words of the blocks' reader; CYCLE81 and CYCLE82.
//!
//! A single letter takes a number, with or without `=`; longer names are known one by one. `CR=` is a radius, `TURN=` the
//! full circles beyond the first, `SUPA` a machine position, `D` the tool's edge, which carries its length.

use super::super::words::{Word, WordError, no_word, number};
use super::Reader;
use super::cycles;

/// What a line is.
pub(super) enum Line {
    /// Words, possibly none.
    Block,
    /// A cycle, at every following position when `modal`.
    Call { hole: Hole, modal: bool },
    /// `MCALL` alone.
    CallOff,
}

/// CYCLE81 or CYCLE82, in the unit in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    back: f64,
    /// Reference plane and distance above it: where the feed begins.
    retract: f64,
    bottom: f64,
    dwell_s: f64,
}

fn word(letter: u8, value: f64) -> Word {
    Word { letter, value, point: true }
}

/// Reads a line; `words` in the letters and codes of the blocks' reader.
pub(super) fn read_line(line: &[u8], words: &mut Vec<Word>) -> Result<Line, WordError> {
    words.clear();
    // The name that a file transferred by cable begins with.
    if line.starts_with(b"%_N_") {
        return Ok(Line::Block);
    }
    let (mut at, mut modal, mut call) = (0, false, None);
    while at < line.len() {
        let c = line[at];
        match c {
            b' ' | b'\t' | b'\r' => at += 1,
            b';' => break,
            b'(' => {
                return Err(WordError::unknown("brackets are no comment on this control: begin it with `;`"));
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                let from = at;
                while at < line.len() && (line[at].is_ascii_alphabetic() || line[at] == b'_') {
                    at += 1;
                }
                let name = String::from_utf8_lossy(&line[from..at]).to_ascii_uppercase();
                match name.as_str() {
                    "SUPA" => words.push(word(b'G', 53.0)),
                    "MCALL" => modal = true,
                    "CYCLE" => {
                        let (hole, next) = cycle(line, at)?;
                        call = Some(hole);
                        at = next;
                    }
                    _ => at = named(&name, line, at, words)?,
                }
            }
            _ => return Err(no_word(c)),
        }
    }
    let numbered_only = words.iter().all(|w| w.letter == b'N');
    match (call, modal) {
        (None, false) => Ok(Line::Block),
        _ if !numbered_only => Err(WordError::new(
            "modal-clash",
            "a cycle or MCALL beside other words: put it in a block of its own",
        )),
        (Some(hole), modal) => Ok(Line::Call { hole, modal }),
        (None, true) => Ok(Line::CallOff),
    }
}

/// A name with its number, from behind the name; where it ends.
fn named(name: &str, line: &[u8], mut at: usize, words: &mut Vec<Word>) -> Result<usize, WordError> {
    let letter = name.as_bytes()[0];
    let known = name.len() == 1 || name == "CR" || name == "TURN";
    if !known {
        return Err(WordError::unknown(format!(
            "{name} is not read here: write the moves themselves, in G0 to G3"
        )));
    }
    while line.get(at) == Some(&b' ') {
        at += 1;
    }
    let equals = line.get(at) == Some(&b'=');
    if !equals && name.len() > 1 {
        return Err(WordError::new(
            "missing-value",
            format!("{name} without `=`: write {name}= and its value"),
        ));
    }
    at += usize::from(equals);
    if line[at.min(line.len())..].first().is_some_and(|c| c.is_ascii_alphabetic()) && equals {
        return Err(WordError::unknown(format!(
            "{name}= is not followed by a number: AC, IC and other functions are not read here, write the number itself"
        )));
    }
    let n = number(line, at, letter)?;
    let rest = line[n.next..].iter().find(|c| !c.is_ascii_whitespace());
    if rest == Some(&b'=') {
        return Err(WordError::unknown(format!(
            "{name}{} with `=`: extended addresses and parameters are not read here",
            n.value
        )));
    }
    match name {
        "CR" => words.push(word(b'R', n.value)),
        "TURN" => words.push(word(b'P', n.value + 1.0)),
        "G" => words.extend(code(n.value)?.map(|g| word(b'G', g))),
        "H" | "P" | "Q" | "R" => {
            return Err(WordError::unknown(format!("{name}{} has no meaning here: remove it", n.value)));
        }
        _ => words.push(Word { letter, value: n.value, point: n.point }),
    }
    Ok(n.next)
}

/// A G code in the numbers of the blocks' reader; `None` for one that changes nothing that is read here.
fn code(g: f64) -> Result<Option<f64>, WordError> {
    const SAME: [f64; 18] = [
        0.0, 1.0, 2.0, 3.0, 4.0, 17.0, 18.0, 19.0, 40.0, 54.0, 55.0, 56.0, 57.0, 64.0, 90.0, 91.0, 93.0, 94.0,
    ];
    if SAME.contains(&g) {
        return Ok(Some(g));
    }
    let why = match g as u32 {
        _ if g.fract() != 0.0 => "",
        70 | 700 => return Ok(Some(20.0)),
        71 | 710 => return Ok(Some(21.0)),
        60 => return Ok(Some(61.0)),
        505 => return Ok(Some(58.0)),
        506 => return Ok(Some(59.0)),
        // How exactly a stop is exact; how corners are rounded in G64 (a setting of the machine here).
        9 | 601..=603 | 642 => return Ok(None),
        41 | 42 => " (cutter compensation is not simulated: post compensated paths)",
        43 | 44 | 49 => " (the tool's length comes with D1 on this control)",
        53 | 153 => " (it keeps the tool's length: use SUPA with D0)",
        58 | 59 => " (it shifts the zero here: settable offsets are G54 to G57, G505 and G506)",
        20 | 21 => " (the unit is G700 or G710 on this control)",
        80..=89 => " (cycles are MCALL CYCLE81 and CYCLE82 on this control)",
        28 | 30 | 74 | 75 => " (use SUPA with D0 to go to a machine position)",
        95 => " (feed per revolution is not simulated)",
        _ => "",
    };
    Err(WordError::unknown(format!("G{g} is not known{why}")))
}

/// Number and arguments of a cycle, from behind `CYCLE`; where it ends.
fn cycle(line: &[u8], at: usize) -> Result<(Hole, usize), WordError> {
    let digits = line[at..].iter().take_while(|c| c.is_ascii_digit()).count();
    let name = String::from_utf8_lossy(&line[at..at + digits]).into_owned();
    if name != "81" && name != "82" {
        return Err(WordError::unknown(format!(
            "CYCLE{name} is not read here: use CYCLE81 or CYCLE82, or write the moves (what pecks do hangs on machine data)"
        )));
    }
    let open = at + digits;
    let close = line[open..].iter().position(|&c| c == b')').map(|n| open + n);
    let (Some(&b'('), Some(close)) = (line.get(open), close) else {
        return Err(WordError::new(
            "missing-value",
            format!("CYCLE{name} without its values in brackets: give (RTP,RFP,SDIS,DP,DPR)"),
        ));
    };
    let mut values = Vec::new();
    for part in line[open + 1..close].split(|&c| c == b',') {
        let empty = part.iter().all(u8::is_ascii_whitespace);
        let n = if empty { None } else { Some(number(part, 0, b'(')?) };
        if let Some(n) = &n
            && part[n.next..].iter().any(|c| !c.is_ascii_whitespace())
        {
            return Err(WordError::unknown(format!(
                "a value of CYCLE{name} is no plain number: write the number itself"
            )));
        }
        values.push(n.map(|n| n.value));
    }
    let value = |k: usize| values.get(k).copied().flatten();
    let last = if name == "82" { 6 } else { 5 };
    if let Some(k) = (last..values.len()).find(|&k| value(k).is_some()) {
        return Err(WordError::unknown(format!(
            "value {} of CYCLE{name} is not read here: leave it out",
            k + 1
        )));
    }
    let (Some(back), Some(reference), Some(above)) = (value(0), value(1), value(2)) else {
        return Err(WordError::new(
            "missing-value",
            format!("CYCLE{name} needs RTP, RFP and SDIS: give its first three values"),
        ));
    };
    let bottom = match (value(3), value(4)) {
        (Some(dp), None) => dp,
        (None, Some(dpr)) => reference - dpr.abs(),
        _ => {
            return Err(WordError::new(
                "missing-value",
                format!("CYCLE{name} needs the depth, either DP or DPR: give one of them"),
            ));
        }
    };
    let retract = reference + above.abs();
    if bottom >= retract || back < retract {
        return Err(WordError::new(
            "bad-value",
            format!(
                "CYCLE{name} drills from {retract} to {bottom} mm and returns to {back} mm: the depth lies below, the return \
                 not below the start"
            ),
        ));
    }
    Ok((Hole { back, retract, bottom, dwell_s: value(5).unwrap_or(0.0) }, close + 1))
}

impl Reader<'_> {
    /// A cycle where the tool stands.
    pub(super) fn siemens_hole(&mut self, hole: &Hole) -> Result<(), WordError> {
        let unit = self.unit()?;
        let [x, y, z] = self.position;
        let (retract, bottom, back) = (hole.retract * unit, hole.bottom * unit, hole.back * unit);
        self.check_before_motion(false, true, [x, y, bottom]);
        let feed = self.modal_feed();
        let hole = cycles::Hole {
            at: [x, y],
            over: z,
            retract,
            top: retract,
            bottom,
            peck: None,
            reentry: 0.0,
            back,
            dwell_s: [0.0, hole.dwell_s],
        };
        self.bore(&hole, feed)
    }
}
