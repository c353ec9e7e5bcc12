//! LinuxCNC: `op10.ngc`, four decimals, exact path (`G61`), `G43 H` after the change, cycles G81 and G83.

use super::super::number::Word;
use super::{Condition, Head, Page, Wording, one_decimal};

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

    fn probes(&self) -> bool {
        true
    }

    fn probe(&self, page: &mut Page, (axis, to): (usize, Word), feed: f64, parameter: u32) {
        let letter = ["X", "Y", "Z"][axis];
        page.line(&format!("G38.2 {letter}{to} F{}", one_decimal(feed)));
        page.line(&format!("#{parameter}=#{}", 5061 + axis));
        page.forget();
    }

    fn guarded(&self, page: &mut Page, (axis, to): (usize, Word), feed: f64) {
        page.line(&format!("G38.3 {}{to} F{}", ["X", "Y", "Z"][axis], one_decimal(feed)));
        page.forget();
    }

    fn condition(&self, page: &mut Page, c: &Condition) {
        let [a, b] = c.touches;
        let one = a == b;
        let middle = if one { format!("#{a}") } else { format!("[#{a}+#{b}]/2") };
        page.line(&format!("#{}=[{middle}-[{}]]", c.into, c.nominal));
        let off = format!("[ABS[#{}] GT {:.4}]", c.into, c.limit_mm);
        // A preview touches where the move ends: opposite touches keep their middle there, one alone does not.
        let asked = if one { format!("[[#<_task> EQ 1] AND {off}]") } else { off };
        page.line(&format!("o{} if {asked}", c.label));
        page.line(&format!("(MSG,{})", c.message));
        page.line("M0");
        page.line("M2");
        page.line(&format!("o{} endif", c.label));
    }

    fn end(&self, page: &mut Page, _: u32) {
        page.line("M30");
    }
}
