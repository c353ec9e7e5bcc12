//! LinuxCNC: `op10.ngc`, four decimals, exact path (`G61`), `G43 H` after the change, cycles G81 and G83.

use super::{Condition, Head, Page, Probing, Touch, Wording, one_decimal};

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

    fn probing(&self) -> Option<&dyn Probing> {
        Some(self)
    }

    fn end(&self, page: &mut Page, _: u32) {
        page.line("M30");
    }
}

impl Probing for LinuxCnc {
    /// The control's own input tells whether the probe is on.
    fn begin(&self, _: &mut Page) {}

    fn probe(&self, page: &mut Page, t: &Touch) {
        let letter = ["X", "Y", "Z"][t.axis];
        page.line(&format!("G38.2 {letter}{} F{}", t.to, one_decimal(t.feed_mm_per_min)));
        page.line(&format!("#{}=#{}", t.parameter, 5061 + t.axis));
        page.forget();
    }

    /// The first search, begun on a touch, is the control's own alarm.
    fn guarded(&self, page: &mut Page, t: &Touch) {
        let letter = ["X", "Y", "Z"][t.axis];
        page.line(&format!("G38.3 {letter}{} F{}", t.to, one_decimal(t.feed_mm_per_min)));
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
        page.line(&format!("o{} if {asked}", c.into));
        page.line(&format!("(MSG,{})", c.message));
        page.line("M0");
        page.line("M2");
        page.line(&format!("o{} endif", c.into));
    }
}
