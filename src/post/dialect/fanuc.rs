//! Fanuc: `op10.nc` between two `%`, program number `O0010`, three decimals.
//!
//! The increment of these controls is 1 µm (IS-B), and a number without a decimal point counts increments, so every
//! coordinate and feed has one. `G43 H` stands in the first move down: alone it moves the spindle by the length itself
//! on many machines. One M word per block. `G61` is an exact stop at every block: slow, but the corner the judge
//! simulated is the corner cut, which `G64` rounds by the servo's lag. The tool is changed at the reference position
//! (`G28`). Comments in capitals, which is all that older screens show.

use super::{Condition, Head, Page, Probing, SWITCH_ON, Touch, Wording, skip};

pub(super) struct Fanuc;

impl Wording for Fanuc {
    fn decimals(&self) -> u8 {
        3
    }

    fn file(&self, setup: u32) -> String {
        format!("op{setup}.nc")
    }

    fn open(&self, page: &mut Page, setup: u32) {
        page.line("%");
        page.line(&format!("O{setup:04}"));
    }

    fn note(&self, page: &mut Page, text: &str) {
        page.line(&format!("({})", text.to_ascii_uppercase()));
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
        page.line("G91 G28 Z0.000");
        page.line("G90");
        page.motion = "";
    }

    fn change(&self, page: &mut Page, tool: u32, _: i64) {
        page.line(&format!("T{tool} M6"));
        page.length_of = Some(tool);
    }

    fn probing(&self) -> Option<&dyn Probing> {
        Some(self)
    }

    fn end(&self, page: &mut Page, _: u32) {
        page.line("M30");
        page.line("%");
    }
}

impl Probing for Fanuc {
    /// The word that switches a probe on is the machine builder's.
    fn begin(&self, page: &mut Page) {
        self.note(page, SWITCH_ON);
        self.stop(page);
    }

    fn probe(&self, page: &mut Page, touch: &Touch) {
        skip::probe(page, touch, "");
    }

    fn guarded(&self, page: &mut Page, touch: &Touch) {
        skip::guarded(page, touch, "");
    }

    fn condition(&self, page: &mut Page, condition: &Condition) {
        skip::condition(page, condition);
    }
}
