//! LinuxCNC: `op10.ngc`, four decimals, exact path (`G61`), `G43 H` after the change, cycles G81 and G83.

use super::{Head, Page, Wording};

pub(super) struct LinuxCnc;

impl Wording for LinuxCnc {
    fn decimals(&self) -> u8 {
        4
    }

    fn file(&self, setup: u32) -> String {
        format!("op{setup}.ngc")
    }

    fn start(&self, page: &mut Page, head: &Head) {
        page.line("G21 G90 G94 G17 G40 G49 G80");
        page.line("G61");
        page.line(head.offset);
        page.line("M5 M9");
    }

    fn leave(&self, page: &mut Page) {
        page.line("M5");
        page.line("M9");
    }

    fn change(&self, page: &mut Page, tool: u32, _: i64) {
        page.line(&format!("T{tool} M6"));
        page.line(&format!("G43 H{tool}"));
    }

    fn end(&self, page: &mut Page, _: u32) {
        page.line("M30");
    }
}
