//! Haas: `op10.nc` between two `%`, program number `O00010`, three decimals.
//!
//! In millimetres the control resolves 1 µm, and without a decimal point it counts that (setting 162 off). The spindle
//! goes home by `G53`, which needs no incremental mode. `G61` for the reason given for Fanuc; a control with a corner
//! tolerance may be given `G187` in its place. Mist has no word of its own here: `M7` is the shower.

use super::{Condition, Head, Page, Probing, SWITCH_ON, Touch, Wording, skip};

pub(super) struct Haas;

/// Blocks that do nothing: even with `G103 P1` a variable is read a block too early.
const LOOK_AHEAD_ENDS: &str = ";\n;\n";

impl Wording for Haas {
    fn decimals(&self) -> u8 {
        3
    }

    fn file(&self, setup: u32) -> String {
        format!("op{setup}.nc")
    }

    fn open(&self, page: &mut Page, setup: u32) {
        page.line("%");
        page.line(&format!("O{setup:05}"));
    }

    fn start(&self, page: &mut Page, head: &Head) {
        page.line("G21 G90 G94 G17 G40 G49 G80");
        page.line("G61");
        page.line(head.offset);
        self.leave(page);
    }

    fn leave(&self, page: &mut Page) {
        page.line("M5");
        page.line("M9");
        page.line("G53 G0 Z0.000");
        page.motion = "";
    }

    fn change(&self, page: &mut Page, tool: u32, _: i64) {
        page.line(&format!("T{tool} M6"));
        page.length_of = Some(tool);
    }

    fn coolant(&self, word: &str) -> Option<&'static str> {
        match word {
            "flood" => Some("M8"),
            "dry" => Some("M9"),
            _ => None,
        }
    }

    fn probing(&self) -> Option<&dyn Probing> {
        Some(self)
    }

    fn end(&self, page: &mut Page, _: u32) {
        page.line("M30");
        page.line("%");
    }
}

impl Probing for Haas {
    fn begin(&self, page: &mut Page) {
        self.note(page, SWITCH_ON);
        self.stop(page);
        page.line("G103 P1");
    }

    fn end(&self, page: &mut Page) {
        page.line("G103");
    }

    fn probe(&self, page: &mut Page, touch: &Touch) {
        skip::probe(page, touch, LOOK_AHEAD_ENDS);
    }

    fn guarded(&self, page: &mut Page, touch: &Touch) {
        skip::guarded(page, touch, LOOK_AHEAD_ENDS);
    }

    fn condition(&self, page: &mut Page, condition: &Condition) {
        skip::condition(page, condition);
    }
}
