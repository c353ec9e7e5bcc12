//! Probing by the skip function, as Fanuc and Haas share it: `G31`, where it touched in `#5061` to `#5063`, alarms by `#3000`.
//!
//! A probe move that touches nothing goes on to its end and the program with it, and the end is taken for the touch: two
//! searches that both miss would have a perfect middle. So after each the program asks whether the touch lies short of the
//! end, and after a way down whether it does not. A jump leads to where the program goes on, past an alarm: what cannot be
//! compared ends it. Alarm texts are of at most 26 characters, which is what a Fanuc shows.

use super::{Condition, Page, Touch, one_decimal};

/// A touch this near the end of its move is taken for none, mm; at most a half of the least that a search goes on.
const CLOSE_MM: f64 = 0.05;

const AXES: [&str; 3] = ["X", "Y", "Z"];

/// A search: an alarm where it touches nothing.
pub(super) fn probe(page: &mut Page, t: &Touch, after: &str) {
    ask(page, t, after, "GT");
}

/// A way on which nothing should be: an alarm where it touches.
pub(super) fn guarded(page: &mut Page, t: &Touch, after: &str) {
    ask(page, t, after, "LE");
}

/// `after`: what must stand between the move and the reading of where it ended.
fn ask(page: &mut Page, t: &Touch, after: &str, goes_on: &str) {
    let n = t.parameter;
    page.line(&format!("G31 {}{} F{}", AXES[t.axis], t.to, one_decimal(t.feed_mm_per_min)));
    page.text.push_str(after);
    page.line(&format!("#{n}=#{}", 5061 + t.axis));
    page.line(&format!("IF [ABS[#{n}-[{}]] {goes_on} {CLOSE_MM:.3}] GOTO {n}", t.to));
    alarm(page, n, t.short);
    page.forget();
}

pub(super) fn condition(page: &mut Page, c: &Condition) {
    let ([a, b], n) = (c.touches, c.into);
    let middle = if a == b { format!("#{a}") } else { format!("[#{a}+#{b}]/2") };
    page.line(&format!("#{n}={middle}-[{}]", c.nominal));
    page.line(&format!("IF [ABS[#{n}] LE {:.4}] GOTO {n}", c.limit_mm));
    alarm(page, n, c.short);
}

/// The alarm, and the label of what follows it.
fn alarm(page: &mut Page, n: u32, text: &str) {
    page.line(&format!("#3000={n}({})", text.to_ascii_uppercase()));
    page.line(&format!("N{n}"));
}
