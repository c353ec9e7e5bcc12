//! Heidenhain Klartext: `op10.h`, numbered blocks between `BEGIN PGM` and `END PGM`, a sign before every coordinate.
//!
//! Four decimals: these controls take 0.1 µm. Feeds are whole millimetres per minute, which is all that older ones take.
//! `TOOL CALL` carries speed and length. An arc is a centre (`CC`) and an end (`C`); a helix turns by an angle (`CP IPA`), keeps
//! the radius of its start and so ends within 0.2 µm of where it is meant: x and y are said again after it. Presets 1 to 6
//! stand for G54 to G59. There is no exact stop; cycle 32 holds the path within 5 µm, of the 9.6 µm that the error
//! budget leaves free. Holes in one go are cycle 200; pecks are written as moves, since cycle 200 counts them from the
//! surface and G83 from the retract height.

use std::fmt::Write;

use super::{Head, Hole, Page, Wording};
use crate::post::arc::Arc;
use crate::post::number::Word;

pub(super) struct Heidenhain;

/// Path tolerance, mm.
const TOLERANCE: &str = "0.005";
/// Between the retract height and what cycle 200 is told is the surface, mm. It only re-enters pecks with it.
const SET_UP_MM: f64 = 0.25;

fn block(page: &mut Page, words: &str) {
    let _ = writeln!(page.text, "{} {words}", page.number);
    page.number += 1;
}

/// A cycle over several lines, as the control itself stores it.
fn cycle(page: &mut Page, name: &str, words: &[(String, &str)]) {
    block(page, &format!("CYCL DEF {name} ~"));
    for (k, (word, meaning)) in words.iter().enumerate() {
        let more = if k + 1 < words.len() { " ~" } else { "" };
        let _ = writeln!(page.text, "    {word:<16} ;{meaning}{more}");
    }
}

fn places(at: &[Word; 3]) -> String {
    format!("X{:+} Y{:+} Z{:+}", at[0], at[1], at[2])
}

fn whole(feed: f64) -> String {
    // A feed below 1 mm/min would be none at all.
    format!("{:.0}", feed.max(1.0))
}

impl Wording for Heidenhain {
    fn decimals(&self) -> u8 {
        4
    }

    fn file(&self, setup: u32) -> String {
        format!("op{setup}.h")
    }

    fn offset(&self, work_offset: &str) -> Option<String> {
        let preset = ["G54", "G55", "G56", "G57", "G58", "G59"].iter().position(|g| *g == work_offset)? + 1;
        Some(format!("preset {preset}"))
    }

    fn open(&self, page: &mut Page, setup: u32) {
        block(page, &format!("BEGIN PGM OP{setup} MM"));
    }

    fn note(&self, page: &mut Page, text: &str) {
        block(page, &format!("; {text}"));
    }

    fn stop(&self, page: &mut Page) {
        block(page, "STOP");
    }

    fn start(&self, page: &mut Page, head: &Head) {
        block(page, &format!("BLK FORM 0.1 Z {}", places(&head.blank[0])));
        block(page, &format!("BLK FORM 0.2 {}", places(&head.blank[1])));
        let preset = head.offset.trim_start_matches("preset ");
        cycle(page, "247 DATUM SETTING", &[(format!("Q339=+{preset}"), "DATUM NUMBER")]);
        block(page, "CYCL DEF 32.0 TOLERANCE");
        block(page, &format!("CYCL DEF 32.1 T{TOLERANCE}"));
        self.leave(page);
    }

    fn leave(&self, page: &mut Page) {
        block(page, "M5");
        block(page, "M9");
        block(page, "L Z+0.0000 R0 FMAX M91");
    }

    fn change(&self, page: &mut Page, tool: u32, rpm: i64) {
        block(page, &format!("TOOL CALL {tool} Z S{rpm}"));
    }

    fn spindle(&self, page: &mut Page, rpm: i64, running: bool) {
        // The tool call has named the speed.
        block(page, &if running { format!("TOOL CALL S{rpm}") } else { "M3".into() });
    }

    fn coolant(&self, word: &str) -> Option<&'static str> {
        match word {
            "flood" => Some("M8"),
            "dry" => Some("M9"),
            _ => None,
        }
    }

    fn say(&self, page: &mut Page, word: &str) {
        block(page, word);
    }

    fn straight(&self, page: &mut Page, axes: &[(char, Word)], feed: Option<f64>) {
        let places: Vec<String> = axes.iter().map(|(letter, w)| format!("{letter}{w:+}")).collect();
        let rest = match feed {
            Some(f) => page.feed_word(Some(whole(f))),
            None => " R0 FMAX".into(),
        };
        block(page, &format!("L {}{rest}", places.join(" ")));
    }

    fn arc(&self, page: &mut Page, arc: &Arc, feed: f64) {
        block(page, &format!("CC X{:+} Y{:+}", arc.centre[0], arc.centre[1]));
        let turn = if arc.clockwise { "-" } else { "+" };
        let feed = page.feed_word(Some(whole(feed)));
        if arc.to[2] == arc.from[2] {
            block(page, &format!("C X{:+} Y{:+} DR{turn}{feed}", arc.to[0], arc.to[1]));
        } else {
            let rise = arc.to[2].below(arc.from[2]);
            let angle = arc.sweep_rad.to_degrees();
            block(page, &format!("CP IPA{turn}{angle:.4} IZ{rise:+} DR{turn}{feed}"));
        }
    }

    fn drifts(&self, arc: &Arc) -> bool {
        arc.to[2] != arc.from[2]
    }

    fn cycle(&self, page: &mut Page, hole: &Hole) -> bool {
        if hole.peck.is_some() {
            return false;
        }
        let deep = hole.retract.mm() - hole.bottom.mm();
        let word = |mm: f64| Word::of_mm(mm, self.decimals()).expect("within the hole");
        let set_up = word(SET_UP_MM.min(0.5 * deep));
        let surface = hole.retract.below(set_up);
        let (depth, second) = (hole.bottom.below(surface), hole.back.below(surface));
        let words = [
            (format!("Q200={set_up:+}"), "SET-UP CLEARANCE"),
            (format!("Q201={depth:+}"), "DEPTH"),
            (format!("Q206=+{}", whole(hole.feed_mm_per_min)), "FEED RATE FOR PLNGNG"),
            (format!("Q202={:+}", surface.below(hole.bottom)), "PLUNGING DEPTH"),
            ("Q210=+0".into(), "DWELL TIME AT TOP"),
            (format!("Q203={surface:+}"), "SURFACE COORDINATE"),
            (format!("Q204={second:+}"), "2ND SET-UP CLEARANCE"),
            ("Q211=+0".into(), "DWELL TIME AT DEPTH"),
        ];
        let values = words.each_ref().map(|w| w.0.as_str()).join(" ");
        if page.cycle != values {
            cycle(page, "200 DRILLING", &words);
            page.cycle = values;
        }
        block(page, &format!("L X{:+} Y{:+} R0 FMAX M99", hole.at[0], hole.at[1]));
        true
    }

    fn end_cycle(&self, _: &mut Page) {}

    fn end(&self, page: &mut Page, setup: u32) {
        block(page, "M30");
        block(page, &format!("END PGM OP{setup} MM"));
    }
}
