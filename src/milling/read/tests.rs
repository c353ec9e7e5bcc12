//! What the words of each dialect mean, on programs written by hand.

use super::super::motion::MotionKind::{self, *};
use super::*;
use crate::model::{RotaryAxis, RotaryLetter};

fn context(dialect: Dialect) -> ReadContext {
    let work_zero_machine_mm = [-200.0, -150.0, -200.0];
    ReadContext {
        dialect,
        start_mm: work_zero_machine_mm.map(|z: f64| -z),
        work_zero_machine_mm,
        work_offset: Some(540),
        tools: Some(vec![1, 4]),
        ..ReadContext::open()
    }
}

fn read(dialect: Dialect, text: &str) -> Reading {
    let out = read_program(text, &context(dialect));
    assert!(out.faults.is_empty() && out.complete, "{:?}", out.faults);
    out
}

/// Kind and end of every motion that goes somewhere.
fn ends(r: &Reading) -> Vec<(MotionKind, [f64; 3])> {
    let arc = |m: &&Motion| matches!(m.kind, ArcClockwise | ArcCounterClockwise);
    r.motions.iter().filter(|m| arc(m) || m.from_mm != m.end_mm).map(|m| (m.kind, m.end_mm)).collect()
}

const FANUC: &str = "%\nO0010\nG21 G90 G94 G17 G40 G49 G80\nG54\nG91 G28 Z0.\nG90\nT1 M6\nS8000 M3\n\
                     G0 G43 H1 Z20.\nX1. Y2.\n";

#[test]
fn fanuc_goes_home_by_g28_and_counts_milliseconds() {
    let text = format!(
        "{FANUC}G98 G83 X1. Y2. Z-3. R1. Q3. F100.\nG82 X5. Y2. Z0.5 R1. P250\nG80\nG4 P500\nG91 G28 Z0 Y0\nG90\nM30\n%\n"
    );
    let r = read(Dialect::Fanuc, &text);
    let expected = [
        (Rapid, [200.0, 150.0, 20.0]),
        (Rapid, [1.0, 2.0, 20.0]),
        (Rapid, [1.0, 2.0, 1.0]),
        (Feed, [1.0, 2.0, -2.0]),
        (Rapid, [1.0, 2.0, 1.0]),
        (Rapid, [1.0, 2.0, -2.0 + 0.254]),
        (Feed, [1.0, 2.0, -3.0]),
        (Rapid, [1.0, 2.0, 20.0]),
        (Rapid, [5.0, 2.0, 20.0]),
        (Rapid, [5.0, 2.0, 1.0]),
        (Feed, [5.0, 2.0, 0.5]),
        (Rapid, [5.0, 2.0, 20.0]),
        (Rapid, [5.0, 150.0, 200.0]),
    ];
    assert_eq!(ends(&r), expected);
    assert_eq!(r.dwell_s, 0.75);
}

#[test]
fn haas_takes_seconds_with_a_point_and_a_smoothness() {
    let text = "%\nO00010\nG21 G90 G94 G17 G40 G49 G80\nG187 P3\nG54\nG53 G0 Z0.\nT1 M6\nS8000 M3\nG0 G43 H1 Z20.\n\
                X0. Y0.\nG4 P0.5\nG4 P500\nG1 Z5. F300.\nG2 X0. Y0. I5. J0.\nM30\n%\n";
    let r = read(Dialect::Haas, text);
    assert_eq!(r.dwell_s, 1.0);
    assert_eq!(ends(&r).last().unwrap(), &(ArcClockwise, [0.0, 0.0, 5.0]));
}

#[test]
fn siemens_reads_edges_radii_turns_and_called_cycles() {
    let text = "%_N_OP10_MPF\n; a comment\nN10 G710 G90 G94 G17 G40\nG60 G601\nG54\nG0 SUPA Z0 D0\nT1 M6\nD1\nS8000 M3 M8\n\
                G0 Z20\nX=10 Y0\nG1 Z5 F300\nG3 X0 Y10 CR=10\nG2 X0 Y10 Z3 I0 J-10 TURN=2\nG4 F2.5\nG0 Z20\nF150\n\
                MCALL CYCLE82(20,2,1,-4,,0.5)\nX30 Y5\nX40\nMCALL\nX0\nCYCLE81(20,2,1,,3)\nM30\n";
    let r = read(Dialect::Siemens, text);
    let arcs: Vec<_> =
        r.motions.iter().filter(|m| matches!(m.kind, ArcClockwise | ArcCounterClockwise)).collect();
    assert!(arcs[0].centre_mm[0].abs() < 1e-12 && arcs[0].centre_mm[1].abs() < 1e-12);
    assert_eq!((arcs[1].centre_mm, arcs[1].extra_turns), ([0.0, 0.0, 5.0], 2));
    let holes: Vec<_> = r
        .motions
        .iter()
        .filter(|m| m.kind == Feed && m.end_mm[2] < 0.0)
        .map(|m| (m.from_mm[2], m.end_mm, m.feed_mm_per_min))
        .collect();
    let expected =
        [(3.0, [30.0, 5.0, -4.0], 150.0), (3.0, [40.0, 5.0, -4.0], 150.0), (3.0, [0.0, 5.0, -1.0], 150.0)];
    assert_eq!(holes, expected);
    assert_eq!(r.dwell_s, 3.5);
    assert_eq!(r.motions.last().unwrap().end_mm, [0.0, 5.0, 20.0]);
}

#[test]
fn klartext_reads_lines_arcs_helices_and_cycle_200() {
    let text = "0 BEGIN PGM PART MM\n1 ; a comment\n2 BLK FORM 0.1 Z X+0 Y+0 Z-10\n3 BLK FORM 0.2 X+30 Y+20 Z+0\n\
                4 CYCL DEF 247 DATUM SETTING ~\n    Q339=+1 ;DATUM NUMBER\n5 CYCL DEF 32.0 TOLERANCE\n6 CYCL DEF 32.1 T0.005\n\
                7 L Z+0 R0 FMAX M91\n8 TOOL CALL 1 Z S8000 F700\n9 L X+10 Y+0 R0 FMAX M3\n10 L Z+5 FMAX M8\n\
                11 L IX+2 FAUTO\n12 L X+10 F300\n13 CC X+0 Y+0\n14 C X+0 Y+10 DR+\n15 C X+0 Y+10 DR-\n\
                16 CP IPA-450 IZ-3 DR-\n17 CR X+0 Y+10 R+10 DR+\n18 L Z+20 FMAX\n19 CYCL DEF 200 DRILLING ~\n\
                    Q200=+1 ;SET-UP CLEARANCE ~\n Q201=-5 ;DEPTH ~\n Q206=+90 ;FEED ~\n Q202=+3 ;PECK ~\n Q210=+0.5 ~\n\
                    Q203=+2 ;SURFACE ~\n Q204=+18 ~\n Q211=+0.25\n20 L X+30 Y+5 FMAX M99\n21 L X+40 FMAX\n22 CYCL CALL\n\
                23 M5 M9\n24 M30\n25 END PGM PART MM\n";
    let r = read(Dialect::Heidenhain, text);
    let feeds: Vec<_> = r.motions.iter().filter(|m| m.kind != Rapid).map(|m| m.feed_mm_per_min).collect();
    assert_eq!(feeds[..4], [700.0, 300.0, 300.0, 300.0]);
    let arcs: Vec<_> =
        r.motions.iter().filter(|m| matches!(m.kind, ArcClockwise | ArcCounterClockwise)).collect();
    assert_eq!(arcs.len(), 4);
    // A quarter, a full circle back, one turn and a quarter down, and a quarter by its radius.
    assert_eq!((arcs[1].from_mm, arcs[1].end_mm), ([0.0, 10.0, 5.0], [0.0, 10.0, 5.0]));
    let helix = arcs[2];
    let off = (helix.end_mm[0] - 10.0).hypot(helix.end_mm[1]);
    assert!(off < 1e-12 && helix.end_mm[2] == 2.0 && helix.extra_turns == 1, "{helix:?}");
    assert!(arcs[3].centre_mm[0].hypot(arcs[3].centre_mm[1]) < 1e-9, "{:?}", arcs[3]);
    let hole: Vec<_> = r.motions.iter().filter(|m| m.line == 30 && m.from_mm != m.end_mm).collect();
    let expected = [
        (Rapid, [30.0, 5.0, 20.0]),
        (Rapid, [30.0, 5.0, 3.0]),
        (Feed, [30.0, 5.0, -1.0]),
        (Rapid, [30.0, 5.0, 3.0]),
        (Rapid, [30.0, 5.0, 0.0]),
        (Feed, [30.0, 5.0, -3.0]),
        (Rapid, [30.0, 5.0, 20.0]),
    ];
    assert_eq!(hole.iter().map(|m| (m.kind, m.end_mm)).collect::<Vec<_>>(), expected);
    assert_eq!(r.dwell_s, 1.5);
    assert_eq!((r.tool_changes, r.tools_used.clone()), (1, vec![1]));
    // In inches the same words mean 25.4 times as much.
    let inch = read(Dialect::Heidenhain, &text.replace(" PART MM", " PART INCH"));
    let (end, expected) = (inch.motions.last().unwrap().end_mm, [40.0, 5.0, 20.0]);
    assert!((0..3).all(|a| (end[a] - 25.4 * expected[a]).abs() < 1e-9), "{end:?}");
}

#[test]
fn a_program_read_in_another_dialect_is_refused() {
    let texts = [
        (
            Dialect::LinuxCnc,
            "G21 G90 G94 G17 G40 G49 G80\nG54\nT1 M6\nG43 H1\nS8000 M3\nG0 Z20.\nM30\n".to_owned(),
        ),
        (Dialect::Fanuc, format!("{FANUC}M30\n%\n")),
        (Dialect::Siemens, "G710 G90 G94 G17\nG54\nT1 M6\nD1\nS8000 M3\nG0 Z20\nM30\n".to_owned()),
        (Dialect::Heidenhain, "0 BEGIN PGM P MM\n1 M30\n2 END PGM P MM\n".to_owned()),
    ];
    for (own, text) in &texts {
        read(*own, text);
        for (other, _) in texts.iter().filter(|t| t.0 != *own) {
            let out = read_program(text, &context(*other));
            assert!(!out.faults.is_empty(), "{} read as {}", own.name(), other.name());
        }
    }
}

/// Angles of A, B, C after every motion that turns, and its feed.
fn turns(dialect: Dialect, text: &str) -> Vec<([f64; 3], f64)> {
    let axis = |letter| RotaryAxis {
        letter,
        direction: [1.0, 0.0, 0.0],
        pivot_mm: [0.0; 3],
        min_deg: -360.0,
        max_deg: 360.0,
        rapid_deg_per_min: 6000.0,
    };
    let context =
        ReadContext { rotary: vec![axis(RotaryLetter::A), axis(RotaryLetter::C)], ..context(dialect) };
    let out = read_program(text, &context);
    assert!(out.faults.is_empty() && out.complete, "{:?}", out.faults);
    out.motions.iter().filter(|m| m.turns()).map(|m| (m.end_deg, m.feed_mm_per_min)).collect()
}

#[test]
fn every_dialect_turns_rotary_axes_by_its_own_words() {
    let (a, c) = ([-30.0, 0.0, 0.0], [-30.0, 0.0, 45.5]);
    let all = [(a, 0.0), (c, 0.0), ([-20.0, 0.0, 45.5], 200.0), ([0.0; 3], 0.0)];
    let linuxcnc = "G21 G90 G94 G17 G40 G49 G80\nG54\nT1 M6\nG43 H1\nS8000 M3\nG0 Z20.\nG0 A-30.\nX5. C45.5\nG1 F200.\n\
                    G91 A10.\nG90 G0 A0 C0\nM30\n";
    assert_eq!(turns(Dialect::LinuxCnc, linuxcnc), all);
    let fanuc = format!("{FANUC}G0 A-30.\nX5. C45.5\nG1 F200.\nG91 A10.\nG91 G28 A0 C0\nG90\nM30\n%\n");
    assert_eq!(turns(Dialect::Fanuc, &fanuc), all);
    let siemens = "G710 G90 G94 G17 G40\nG54\nT1 M6\nD1\nS8000 M3\nG0 Z20\nG0 A=-30\nX5 C=45.5\nG1 F200\nG91 A10\n\
                   G90 G0 A=0 C0\nM30\n";
    assert_eq!(turns(Dialect::Siemens, siemens), all);
    let klartext = "0 BEGIN PGM P MM\n1 CYCL DEF 247 Q339=+1\n2 TOOL CALL 1 Z S8000\n3 M3\n4 L Z+20 FMAX\n5 L A-30 R0 FMAX\n\
                    6 L X+5 C+45.5 FMAX\n7 L IA+10 F200\n8 L A+0 C+0 FMAX\n9 M30\n10 END PGM P MM\n";
    assert_eq!(turns(Dialect::Heidenhain, klartext), all);
}

#[test]
fn a_feed_counts_degrees_where_nothing_else_moves_and_inverse_time_the_whole_move() {
    let head = "G90 G17 G40 G49 G80\nG54\nT1 M6\nG43 H1\nS8000 M3\nG0 Z20.\n";
    // Degrees are degrees in inches too; beside X the same F is inches.
    let inch = format!("G20 {head}G94 G1 A-30. F20.\nX1. A0\nG0 X0\nM30\n");
    assert_eq!(turns(Dialect::LinuxCnc, &inch), [([-30.0, 0.0, 0.0], 20.0), ([0.0; 3], 508.0)]);
    // F2 is half a minute: 50 degrees (30 and 40) are 100 a minute; 10 mm, from where X starts, 20 mm/min.
    let inverse = format!("G21 {head}G93 G1 A-30. C40. F2.\nX210. A0 F2.\nG94 M30\n");
    assert_eq!(turns(Dialect::LinuxCnc, &inverse), [([-30.0, 0.0, 40.0], 100.0), ([0.0, 0.0, 40.0], 20.0)]);
}
