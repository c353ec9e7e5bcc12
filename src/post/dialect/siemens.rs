//! Siemens 840D: `op10.mpf`, four decimals, which the control rounds no further than its 1 nm.
//!
//! `G710` takes feeds as well as lengths in millimetres, whatever the machine's own system (`G71` leaves feeds to it).
//! `G60 G601` stops exactly at every block: slow, but the corner the judge simulated is the corner cut. `D1` carries the
//! tool's length; `SUPA` with `D0` goes to the machine's own position. Holes are written as moves: what CYCLE83 does between
//! pecks hangs on machine data. The sixth and later settable offsets are `G505`, `G506`; `G58` means something else.

use super::{Condition, Head, Hole, Page, Probing, SWITCH_ON, Touch, Wording, one_decimal};

pub(super) struct Siemens;

const AXES: [&str; 3] = ["X", "Y", "Z"];

/// These controls have R0 to R99 for certain; ours are counted from 100.
fn r(parameter: u32) -> String {
    format!("R{}", parameter - 100)
}

/// A probe move, up to where its results can be read.
fn measure(page: &mut Page, t: &Touch) {
    page.line(&format!("MEAS=1 G1 {}{} F{}", AXES[t.axis], t.to, one_decimal(t.feed_mm_per_min)));
    page.line("STOPRE");
    page.forget();
}

/// Ends the program with a message where something holds.
fn ends(page: &mut Page, condition: &str, message: &str) {
    page.line(&format!("IF {condition}"));
    page.line(&format!("MSG(\"{message}\")"));
    page.line("M0");
    page.line("M30");
    page.line("ENDIF");
}

impl Wording for Siemens {
    fn decimals(&self) -> u8 {
        4
    }

    fn file(&self, setup: u32) -> String {
        format!("op{setup}.mpf")
    }

    fn offset(&self, work_offset: &str) -> Option<String> {
        match work_offset {
            "G54" | "G55" | "G56" | "G57" => Some(work_offset.into()),
            "G58" => Some("G505".into()),
            "G59" => Some("G506".into()),
            _ => None,
        }
    }

    fn note(&self, page: &mut Page, text: &str) {
        page.line(&format!("; {text}"));
    }

    fn start(&self, page: &mut Page, head: &Head) {
        page.line("G710 G90 G94 G17 G40");
        page.line("G60 G601");
        page.line(head.offset);
        self.leave(page);
    }

    fn leave(&self, page: &mut Page) {
        page.line("M5");
        page.line("M9");
        page.line("G0 SUPA Z0.0000 D0");
        page.motion = "";
    }

    fn change(&self, page: &mut Page, tool: u32, _: i64) {
        page.line(&format!("T{tool} M6"));
        page.line("D1");
    }

    fn cycle(&self, _: &mut Page, _: &Hole) -> bool {
        false
    }

    fn probing(&self) -> Option<&dyn Probing> {
        Some(self)
    }

    fn end(&self, page: &mut Page, _: u32) {
        page.line("M30");
    }
}

impl Probing for Siemens {
    /// The word that switches a probe on is the machine builder's.
    fn begin(&self, page: &mut Page) {
        self.note(page, SWITCH_ON);
        self.stop(page);
    }

    fn probe(&self, page: &mut Page, t: &Touch) {
        measure(page, t);
        ends(page, "$AC_MEA[1]==0", t.short);
        page.line(&format!("{}=$AA_MW[{}]", r(t.parameter), AXES[t.axis]));
    }

    fn guarded(&self, page: &mut Page, t: &Touch) {
        measure(page, t);
        ends(page, "$AC_MEA[1]==1", t.short);
    }

    fn condition(&self, page: &mut Page, c: &Condition) {
        let [a, b] = c.touches.map(r);
        let middle = if a == b { a } else { format!("({a}+{b})/2") };
        let into = r(c.into);
        page.line(&format!("{into}={middle}-({})", c.nominal));
        ends(page, &format!("ABS({into})>{:.4}", c.limit_mm), c.message);
    }
}
