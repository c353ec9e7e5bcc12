//! What of probing is read, and that nothing beside it is.

use super::super::{ReadContext, read_motions, read_program};
use crate::milling::MotionKind;

const HEAD: &str =
    "G21 G90 G94 G17 G40 G49 G80\nG54\nM5\nT91 M6\nG43 H91\nG0 X10. Y5.\nG0 Z5.\nG38.3 Z-10. F500.\n";
const TOUCHES: &str = "G38.2 X13. F60.\n#111=#5061\nG1 X10. F500.\nG38.2 X7. F60.\n#112=#5061\nG1 X10. F500.\n\
                       #115=[[#111+#112]/2-[10.]]\n";
const STOP: &str = "o101 if [ABS[#115] GT 0.020]\n(MSG, off in x)\nM0\nM2\no101 endif\n";
const TAIL: &str = "G0 Z5.\nM30\n";

fn whole() -> String {
    format!("{HEAD}{TOUCHES}{STOP}{TAIL}")
}

fn kinds(text: &str) -> Vec<&'static str> {
    read_program(text, &ReadContext::open()).faults.iter().map(|f| f.kind).collect()
}

#[test]
fn a_probed_middle_is_read_with_what_it_must_be() {
    let reading = read_program(&whole(), &ReadContext::open());
    assert!(reading.faults.is_empty() && reading.complete, "{:?}", reading.faults);
    let probes: Vec<_> = reading.motions.iter().filter(|m| m.kind == MotionKind::Probe).collect();
    assert_eq!(
        probes.iter().map(|m| (m.from_mm[0], m.end_mm[0])).collect::<Vec<_>>(),
        [(10.0, 13.0), (10.0, 7.0)]
    );
    let [check] = reading.probe_checks.as_slice() else { panic!("{:?}", reading.probe_checks) };
    assert_eq!((check.axis, check.nominal_mm, check.limit_mm), (0, 10.0, 0.02));
    // With the tool table: T91 must be a probe there.
    let known = |probes: Vec<u32>| ReadContext { probes: Some(probes), ..ReadContext::open() };
    assert!(read_motions(&whole(), &known(vec![91])).is_ok());
    assert_eq!(read_motions(&whole(), &known(vec![])).unwrap_err().kind, "probe-tool");
}

#[test]
fn the_machine_alone_may_judge_what_a_preview_cannot_touch() {
    let z = "G38.2 Z-16.5 F60.\n#119=#5063\nG1 Z-10. F500.\n#120=[#119-[-16.]]\n\
             o102 if [[#<_task> EQ 1] AND [ABS[#120] GT 0.020]]\nM2\no102 endif\n";
    assert!(kinds(&format!("{HEAD}{TOUCHES}{STOP}{z}{TAIL}")).is_empty());
}

#[test]
fn a_line_dropped_or_doubled_is_told() {
    let text = whole();
    let lines: Vec<&str> = text.lines().collect();
    let first = HEAD.lines().count();
    let last = first + TOUCHES.lines().count() + STOP.lines().count();
    for k in first..last {
        let mut less = lines.clone();
        less.remove(k);
        // A message and the wait before the end may go: the branch still ends the program.
        let harmless = lines[k].starts_with("(MSG") || lines[k] == "M0";
        assert_eq!(kinds(&less.join("\n")).is_empty(), harmless, "dropped: {}", lines[k]);
        let mut more = lines.clone();
        more.insert(k, lines[k]);
        let harmless = harmless || lines[k].starts_with("G1") || lines[k].starts_with("#115=");
        assert_eq!(kinds(&more.join("\n")).is_empty(), harmless, "doubled: {}", lines[k]);
    }
}

#[test]
fn nothing_else_is_understood() {
    for (from, to) in [
        ("GT 0.020", "LT 0.020"),
        ("ABS[#115]", "#115"),
        ("[#111+#112]/2", "[#111-#112]/2"),
        ("[#111+#112]/2", "[#111+#111]/2"),
        ("[#111+#112]/2", "[#111+#112]/3"),
        ("-[10.]", "-[#112]"),
        ("M0\nM2\n", "M0\n"),
        ("M0\nM2\n", "M2\nG0 Z5.\n"),
        ("M0\nM2\n", "G0 Z50.\nM2\n"),
        ("M0\nM2\n", "#115=[#111-[1.]]\nM2\n"),
        ("o101 endif", "o102 endif"),
        ("o101 endif", "o101 else\no101 endif"),
        ("o101 if", "o101 while"),
        ("#112=#5061", "#112=#5062"),
        ("#112=#5061", "#112=#5061+1"),
        ("#112=#5061", "#5=#5061"),
        ("G38.2 X7. F60.", "G38.3 X7. F60."),
        ("G38.2 X7. F60.", "G38.4 X7. F60."),
        ("G38.2 X7. F60.", "G38.2 X7. Y6. F60."),
        ("G38.2 X7. F60.", "G38.2 X10. F60."),
        ("#112=#5061\nG1 X10. F500.", "#112=#5061\nG1 X9.9 F500."),
        ("G38.2 X7. F60.", "G91 G38.2 X-3. F60."),
        ("G43 H91", "G43 H91\nS5000 M3"),
    ] {
        let text = whole().replacen(from, to, 1);
        assert_ne!(text, whole(), "{from}");
        assert!(!kinds(&text).is_empty(), "{from} -> {to} was read");
    }
    // Probing is LinuxCNC's here.
    let fanuc = ReadContext { dialect: crate::model::Dialect::Fanuc, ..ReadContext::open() };
    assert!(!read_program(&format!("%\nO0010\n{}%\n", whole()), &fanuc).faults.is_empty());
}
