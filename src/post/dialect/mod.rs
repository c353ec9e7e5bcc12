//! How each control is told the same thing: one file per dialect.
//!
//! The writer (`program.rs`) knows what is in force and what changes; a dialect puts it into words. What is not said
//! otherwise is G-code as LinuxCNC, Fanuc, Haas and Siemens share it.

mod fanuc;
mod haas;
mod heidenhain;
mod linuxcnc;
mod siemens;
mod skip;

use std::fmt::Write;

use crate::model::Dialect;

use super::arc::Arc;
use super::number::Word;

/// The text so far, and what was printed last.
#[derive(Default)]
pub(super) struct Page {
    pub text: String,
    /// The motion word in force, `""` for none.
    pub motion: &'static str,
    /// Feed as printed.
    feed: String,
    /// Tool whose length the next motion must take up, where a dialect says so in that motion.
    length_of: Option<u32>,
    /// The cycle in force, for dialects that define one and call it.
    cycle: String,
    /// Next block number, for dialects that number their blocks.
    number: u32,
}

impl Page {
    /// One line as it stands.
    fn line(&mut self, words: &str) {
        self.text.push_str(words);
        self.text.push('\n');
    }

    /// ` F…` when it is not the feed in force.
    fn feed_word(&mut self, feed: Option<String>) -> String {
        match feed {
            Some(f) if f != self.feed => {
                let word = format!(" F{f}");
                self.feed = f;
                word
            }
            _ => String::new(),
        }
    }

    /// After a tool change nothing counts as printed.
    pub(super) fn forget(&mut self) {
        self.motion = "";
        self.feed.clear();
        self.cycle.clear();
    }
}

/// What a program begins with.
pub(super) struct Head<'a> {
    /// The offset in the control's own words.
    pub offset: &'a str,
    /// Corners of the blank, work frame.
    pub blank: [[Word; 3]; 2],
}

/// A hole.
pub(super) struct Hole {
    pub at: [Word; 2],
    /// Rapid down to here.
    pub retract: Word,
    pub bottom: Word,
    /// Depth of one peck.
    pub peck: Option<Word>,
    /// Where the tool returns to.
    pub back: Word,
    pub feed_mm_per_min: f64,
}

/// A probe move along one axis.
pub(super) struct Touch<'a> {
    pub axis: usize,
    pub to: Word,
    pub feed_mm_per_min: f64,
    /// Parameter that holds where it touched.
    pub parameter: u32,
    /// What the operator reads where a search touches nothing, or something is in the way: at most 26 characters.
    pub short: &'a str,
}

/// What must hold of one or two touches.
pub(super) struct Condition<'a> {
    /// Parameters that hold them; the same twice for one touch.
    pub touches: [u32; 2],
    /// Where their middle should be.
    pub nominal: Word,
    /// Parameter for the deviation, and label of the branch.
    pub into: u32,
    /// Most that it may be off, mm.
    pub limit_mm: f64,
    /// What the operator reads.
    pub message: &'a str,
    /// The same in at most 26 characters.
    pub short: &'a str,
}

/// Puts what the machine shall do into the words of one control.
pub(super) trait Wording {
    /// Digits after the point of a coordinate.
    fn decimals(&self) -> u8;

    /// Name of a setup's program.
    fn file(&self, setup: u32) -> String;

    /// The control's words for a work offset; `None` when it has none for it.
    fn offset(&self, work_offset: &str) -> Option<String> {
        Some(work_offset.into())
    }

    /// What stands before everything.
    fn open(&self, _: &mut Page, _: u32) {}

    /// A comment.
    fn note(&self, page: &mut Page, text: &str) {
        page.line(&format!("({text})"));
    }

    /// Waits for the operator.
    fn stop(&self, page: &mut Page) {
        page.line("M0");
    }

    /// Puts every mode in its place, spindle and coolant off.
    fn start(&self, page: &mut Page, head: &Head);

    /// Spindle and coolant off, and the spindle out of the way, before a tool change and at the end.
    fn leave(&self, page: &mut Page);

    /// Takes a tool and its length.
    fn change(&self, page: &mut Page, tool: u32, rpm: i64);

    /// Spindle on; `running` when it turns already at another speed.
    fn spindle(&self, page: &mut Page, rpm: i64, _running: bool) {
        page.line(&format!("S{rpm} M3"));
    }

    /// The word for `flood`, `mist` or `dry`; `None` when the control has none.
    fn coolant(&self, word: &str) -> Option<&'static str> {
        match word {
            "flood" => Some("M8"),
            "mist" => Some("M7"),
            "dry" => Some("M9"),
            _ => None,
        }
    }

    /// One word alone.
    fn say(&self, page: &mut Page, word: &str) {
        page.line(word);
    }

    /// A straight move: the axes that change, the feed of a cut.
    fn straight(&self, page: &mut Page, axes: &[(char, Word)], feed: Option<f64>) {
        let motion = if feed.is_some() { "G1" } else { "G0" };
        let mut words = Vec::new();
        if page.motion != motion {
            words.push(motion.to_string());
            page.motion = motion;
        }
        if let Some(tool) = page.length_of.take() {
            words.push(format!("G43 H{tool}"));
        }
        words.extend(axes.iter().map(|(letter, w)| format!("{letter}{w}")));
        let feed = page.feed_word(feed.map(one_decimal));
        page.line(&format!("{}{feed}", words.join(" ")));
    }

    /// An arc or helix.
    fn arc(&self, page: &mut Page, arc: &Arc, feed: f64) {
        let motion = if arc.clockwise { "G2" } else { "G3" };
        let mut words = String::new();
        if page.motion != motion {
            let _ = write!(words, "{motion} ");
            page.motion = motion;
        }
        // Arcs carry x and y always: a control may read a missing axis as a full circle.
        let _ = write!(words, "X{} Y{}", arc.to[0], arc.to[1]);
        if arc.to[2] != arc.from[2] {
            let _ = write!(words, " Z{}", arc.to[2]);
        }
        let _ = write!(words, " I{} J{}", arc.ij[0], arc.ij[1]);
        let feed = page.feed_word(Some(one_decimal(feed)));
        page.line(&format!("{words}{feed}"));
    }

    /// True when the control's end of such an arc is not exactly the end printed, so that x and y must be said again.
    fn drifts(&self, _: &Arc) -> bool {
        false
    }

    /// Writes a hole as the control's own cycle; false when it has none that does the same, and moves must do.
    fn cycle(&self, page: &mut Page, hole: &Hole) -> bool {
        let word = if hole.peck.is_some() { "G83" } else { "G81" };
        let mut words = String::new();
        if page.motion != word {
            self.end_cycle(page);
            words.push_str("G98 ");
        }
        // All words on each line: sticky cycle values are easily lost when a machinist restarts in the middle.
        let _ = write!(words, "{word} X{} Y{} Z{} R{}", hole.at[0], hole.at[1], hole.bottom, hole.retract);
        if let Some(peck) = hole.peck {
            let _ = write!(words, " Q{peck}");
        }
        page.motion = word;
        page.feed = one_decimal(hole.feed_mm_per_min);
        let line = format!("{words} F{}", page.feed);
        page.line(&line);
        true
    }

    /// Cancels a cycle that would go on at the next position.
    fn end_cycle(&self, page: &mut Page) {
        if page.motion == "G81" || page.motion == "G83" {
            page.line("G80");
            page.motion = "";
        }
    }

    /// How the program probes; none where it waits for somebody who measures.
    fn probing(&self) -> Option<&dyn Probing> {
        None
    }

    /// The end, the spindle being off and away.
    fn end(&self, page: &mut Page, setup: u32);
}

/// What the operator is asked where the word for it is the machine builder's.
const SWITCH_ON: &str = "switch the probe on";

/// Touch probing in the words of a control.
pub(super) trait Probing {
    /// Before the first probe move, the probe being in the spindle.
    fn begin(&self, page: &mut Page);

    /// After the last.
    fn end(&self, _: &mut Page) {}

    /// A search; ends the program where nothing is touched.
    fn probe(&self, page: &mut Page, touch: &Touch);

    /// A way on which a touch stops the probe and ends the program.
    fn guarded(&self, page: &mut Page, touch: &Touch);

    /// Ends the program with a message where the middle of the touches is off by more than the limit.
    fn condition(&self, page: &mut Page, condition: &Condition);
}

fn one_decimal(feed: f64) -> String {
    format!("{feed:.1}")
}

/// The words of a dialect.
pub(super) fn wording(dialect: Dialect) -> &'static dyn Wording {
    match dialect {
        Dialect::LinuxCnc => &linuxcnc::LinuxCnc,
        Dialect::Fanuc => &fanuc::Fanuc,
        Dialect::Haas => &haas::Haas,
        Dialect::Heidenhain => &heidenhain::Heidenhain,
        Dialect::Siemens => &siemens::Siemens,
    }
}
