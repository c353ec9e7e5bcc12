//! What of probing is read, and that nothing beside it is.

use super::super::{ReadContext, read_motions, read_program};
use crate::milling::{MotionKind, Reading};
use crate::model::Dialect;

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
    // Another control's words are none of this one's.
    for dialect in [Dialect::Fanuc, Dialect::Haas, Dialect::Siemens, Dialect::Heidenhain] {
        assert!(!read_as(&format!("%\nO0010\n{}%\n", whole()), dialect).faults.is_empty(), "{dialect:?}");
    }
}

fn read_as(text: &str, dialect: Dialect) -> Reading {
    read_program(text, &ReadContext { dialect, ..ReadContext::open() })
}

/// The same as [`whole`], and the plate below, with all that Fanuc and Haas say.
fn skip() -> String {
    let touch = |axis: char, to: &str, n: u32, back: &str| {
        let variable = 5061 + "XYZ".find(axis).unwrap();
        format!(
            "G31 {axis}{to} F60.0\n#{n}=#{variable}\nIF [ABS[#{n}-[{to}]] GT 0.050] GOTO {n}\n#3000={n}(NO TOUCH)\nN{n}\n\
             G1 {axis}{back} F500.0\n"
        )
    };
    format!(
        "%\nO0010\nG21 G90 G94 G17 G40 G49 G80\nG54\nM5\nT91 M6\nG0 X10. Y5.\nG0 G43 H91 Z5.\n\
         G31 Z-10.000 F500.0\n#124=#5063\nIF [ABS[#124-[-10.000]] LE 0.050] GOTO 124\n#3000=124(NOT OPEN)\nN124\n{}{}\
         #103=[#101+#102]/2-[10.000]\nIF [ABS[#103] LE 0.0200] GOTO 103\n#3000=103(OFF IN X)\nN103\n{}\
         #123=#121-[-16.000]\nIF [ABS[#123] LE 0.0200] GOTO 123\n#3000=123(PLATE)\nN123\nG0 Z5.\nM30\n%\n",
        touch('X', "13.000", 101, "10."),
        touch('X', "7.000", 102, "10."),
        touch('Z', "-16.500", 121, "-10."),
    )
}

fn siemens() -> String {
    let ends = |condition: &str| format!("IF {condition}\nMSG(\"stop\")\nM0\nM30\nENDIF\n");
    let touch = |axis: char, to: &str, n: u32, back: &str| {
        format!(
            "MEAS=1 G1 {axis}{to} F60.0\nSTOPRE\n{}R{n}=$AA_MW[{axis}]\nG1 {axis}{back} F500.0\n",
            ends("$AC_MEA[1]==0")
        )
    };
    format!(
        "G710 G90 G94 G17 G40\nG54\nM5\nT91 M6\nD1\nG0 X10 Y5\nZ5\nMEAS=1 G1 Z-10.0000 F500.0\nSTOPRE\n{}{}{}\
         R3=(R1+R2)/2-(10.0000)\n{}{}R23=R21-(-16.0000)\n{}G0 Z5\nM30\n",
        ends("$AC_MEA[1]==1"),
        touch('X', "13.0000", 1, "10"),
        touch('X', "7.0000", 2, "10"),
        ends("ABS(R3)>0.0200"),
        touch('Z', "-16.5000", 21, "-10"),
        ends("ABS(R23)>0.0200"),
    )
}

#[test]
fn every_control_that_probes_says_the_same() {
    let z = "G38.2 Z-16.5 F60.\n#119=#5063\nG1 Z-10. F500.\n#120=[#119-[-16.]]\n\
             o102 if [[#<_task> EQ 1] AND [ABS[#120] GT 0.020]]\nM2\no102 endif\n";
    let linuxcnc = read_as(&format!("{HEAD}{TOUCHES}{STOP}{z}{TAIL}"), Dialect::LinuxCnc);
    for (text, dialect) in [(skip(), Dialect::Fanuc), (skip(), Dialect::Haas), (siemens(), Dialect::Siemens)]
    {
        let reading = read_as(&text, dialect);
        assert!(reading.faults.is_empty() && reading.complete, "{dialect:?}: {:?}", reading.faults);
        let ways = |r: &Reading| -> Vec<(MotionKind, [f64; 3], f64)> {
            r.motions.iter().map(|m| (m.kind, m.end_mm, m.feed_mm_per_min)).collect()
        };
        let below = |r: &Reading| ways(r).into_iter().filter(|m| m.1[2] < 5.0).collect::<Vec<_>>();
        assert_eq!(below(&reading), below(&linuxcnc), "{dialect:?}");
        let checks = |r: &Reading| -> Vec<(usize, f64, f64)> {
            r.probe_checks.iter().map(|c| (c.axis, c.nominal_mm, c.limit_mm)).collect()
        };
        assert_eq!(checks(&reading), checks(&linuxcnc), "{dialect:?}");
        let known = ReadContext { dialect, probes: Some(vec![]), ..ReadContext::open() };
        assert_eq!(read_program(&text, &known).faults[0].kind, "probe-tool", "{dialect:?}");
    }
    // Haas: blocks without words after the move, and no look-ahead.
    let text = skip().replace("F60.0\n", "F60.0\n;\n;\n").replace("Z5.\nG31", "Z5.\nG103 P1\nG31");
    assert!(read_as(&text, Dialect::Haas).faults.is_empty());
    assert!(!read_as(&text, Dialect::Fanuc).faults.is_empty(), "G103 is Haas'");
}

/// Any line of the probing left out, or written twice, is told; the words of `harmless` alone decide nothing.
fn each_line_counts(text: &str, dialect: Dialect, first: &str, harmless: &[&str], twice: &[&str]) {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.iter().position(|l| l.starts_with(first)).unwrap();
    let to = lines.iter().rposition(|l| l.starts_with("G0 Z5") || *l == "G0 Z5").unwrap();
    for k in from..to {
        let begins = |with: &[&str]| with.iter().any(|w| lines[k].starts_with(w));
        let sound = |lines: &[&str]| read_as(&lines.join("\n"), dialect).faults.is_empty();
        let mut less = lines.clone();
        less.remove(k);
        assert_eq!(sound(&less), begins(harmless), "{dialect:?}, dropped line {k}: {}", lines[k]);
        let mut more = lines.clone();
        more.insert(k, lines[k]);
        let allowed = begins(harmless) || begins(twice);
        assert_eq!(sound(&more), allowed, "{dialect:?}, doubled line {k}: {}", lines[k]);
    }
}

#[test]
fn a_line_dropped_or_doubled_is_told_on_the_other_controls_too() {
    for dialect in [Dialect::Fanuc, Dialect::Haas] {
        // A label written twice still stands where it is jumped to.
        each_line_counts(&skip(), dialect, "G31", &[], &["G1 ", "#103=", "#123=", "N"]);
    }
    each_line_counts(&siemens(), Dialect::Siemens, "MEAS", &["MSG", "M0"], &["G1 ", "R3=", "R23=", "STOPRE"]);
}

#[test]
fn nothing_else_of_the_other_controls_is_understood() {
    let told = |text: &str, dialect: Dialect, changes: &[(&str, &str)]| {
        for (from, to) in changes {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            assert!(!read_as(&changed, dialect).faults.is_empty(), "{dialect:?}: {from} -> {to} was read");
        }
    };
    let skip_changes = [
        // A search that misses would go on; a way that is barred too.
        ("GT 0.050] GOTO 101", "LE 0.050] GOTO 101"),
        ("LE 0.050] GOTO 124", "GT 0.050] GOTO 124"),
        ("GT 0.050] GOTO 101", "GT 0.500] GOTO 101"),
        ("GT 0.050] GOTO 101", "LT 0.050] GOTO 101"),
        ("#101-[13.000]", "#101-[12.000]"),
        ("LE 0.0200] GOTO 103", "GT 0.0200] GOTO 103"),
        ("LE 0.0200] GOTO 103", "LE 0.0200] GOTO 102"),
        ("ABS[#103]", "#103"),
        ("#3000=103(OFF IN X)", "#3000=3(OFF IN X)"),
        ("#3000=103(OFF IN X)", "#3000=103"),
        ("#3000=103(OFF IN X)", "#3006=103(OFF IN X)"),
        ("#3000=103(OFF IN X)\n", "#3000=103(OFF IN X)\nG0 Z5.\n"),
        ("N103\n", "N103 G0 Z5.\n"),
        ("[#101+#102]/2", "[#101+#101]/2"),
        ("#102=#5061", "#102=#5062"),
        ("#102=#5061", "#102=#5041"),
        ("#102=#5061", "#502=#5061"),
        ("G31 X13.000", "G31 X13"),
        ("G31 X13.000", "G31 X13.000 Y1.000"),
        ("G31 X13.000", "G91 G31 X3.000"),
        ("G1 X10. F500.0", "G1 X9.9 F500.0"),
        ("G0 G43", "S5000 M3\nG0 G43"),
    ];
    told(&skip(), Dialect::Fanuc, &skip_changes);
    told(&skip(), Dialect::Haas, &skip_changes);
    told(
        &siemens(),
        Dialect::Siemens,
        &[
            ("IF $AC_MEA[1]==0", "IF $AC_MEA[1]==1"),
            ("IF $AC_MEA[1]==1", "IF $AC_MEA[1]==0"),
            ("IF $AC_MEA[1]==0", "IF $AC_MEA[2]==0"),
            ("ABS(R3)>0.0200", "ABS(R3)<0.0200"),
            ("ABS(R3)>0.0200", "R3>0.0200"),
            ("MEAS=1 G1 X13.0000", "MEAS=2 G1 X13.0000"),
            ("MEAS=1 G1 X13.0000", "MEAW=1 G1 X13.0000"),
            ("MEAS=1 G1 X13.0000", "MEAS=1 G0 X13.0000"),
            ("R1=$AA_MW[X]", "R1=$AA_MM[X]"),
            ("R1=$AA_MW[X]", "R1=$AA_MW[Y]"),
            ("R1=$AA_MW[X]", "R101=$AA_MW[X]"),
            ("(R1+R2)/2-(10.0000)", "(R1-R2)/2-(10.0000)"),
            ("M0\nM30\n", "M0\n"),
            ("M0\nM30\n", "M0\nG0 Z5\nM30\n"),
            ("ENDIF", "ELSE\nENDIF"),
            ("D1\n", "D1\nS5000 M3\n"),
        ],
    );
}
