//! The judge's reader against LinuxCNC's own interpreter: the same motions and feeds, in the same order, to 0.1 µm.
//!
//! Runs when `RS274` names the interpreter (`LD_LIBRARY_PATH` set by the caller) and `RS274_DIR` a folder with
//! `mm.ini`, `mm.var` and `tool.tbl`. `RS274_PROGRAMS` may name a folder whose `*.ngc` are compared too.

use std::path::{Path, PathBuf};
use std::process::Command;

use osteomill::milling::{MotionKind, ReadContext, read_motions};
use osteomill::model::{RotaryAxis, RotaryLetter};

/// The interpreter prints four decimals of the unit in force: half an increment, and as much for its own sums.
const SAME_MM: f64 = 1.0e-4;

const OWN: &[(&str, &str)] = &[
    (
        "lines, arcs in three planes, radii, helices",
        "G21 G90 G94 G17 G40 G49 G80\nG54\nT1 M6\nG43 H1\nS8000 M3\nG0 Z20.\nG0 X10. Y-4.5\nG1 Z-1.25 F300.\nX20. Y3.3333\n\
         G2 X30. Y3.3333 I5. J0. F500.\nG3 X20. Y3.3333 Z-2. R5.\nG3 X20. Y3.3333 Z-3. I-4. J1.\nG2 X24. R-6.\nG2 X20. R6.\n\
         G18\nG2 X24. Z-3. I2. K0.\nG3 X20. Z-3. R3.\nG19\nG3 Y7.3333 Z-3. J2. K0.\nG17\nG91 G1 X1. Y1. Z.5\nG0 X-3.\nG90\n\
         G20 G1 X1. Y.5 F20.\nG21\nG93 G1 X20. F60.\nX25. Y2. F30.\nG94 G1 F200. X0.\nG90.1\nG2 X4. Y2. I2. J2.\nG91.1\n\
         G3 X0. Y2. I-2. J0. P2\nM5\nM30\n",
    ),
    (
        "drilling cycles",
        "G21 G90 G94 G17 G40 G49 G80\nG54\nT2 M6\nG43 H2\nS3000 M3\nG0 X0. Y0. Z15.\nG98 G81 X5. Y5. Z-4. R2. F100.\nX10.\n\
         G99 X15. Y6.\nX20. Z-5.\nG80\nG0 Z15.\nG83 X5. Y15. Z-6. R1. Q2.5 F80.\nG98 X9.\nG82 X12. Z-3. R1. P.5\nG80\nG0 Z30.\nM2\n",
    ),
    (
        "rotary axes, indexed and turning",
        "G21 G90 G94 G17 G40 G49 G80\nG54\nT2 M6\nG43 H2\nS3000 M3\nG0 X0. Y0. Z60.\nG0 A-30.125 C271.5\nG0 X5. Y5.\n\
         G98 G83 X5. Y5. Z-4. R2. Q1.5 F100.\nG80\nG1 C180. F600.\nG1 X10. A-15. F300.\nG91 G1 A5. C-400.25\nG0 A-2.5 X1.\n\
         G90\nG93 G1 X12. C0 F30.\nG1 A0 F6.\nG94\nG20 G1 X1. C45. F20.\nG21 G53 G0 Z60. A10.\nG0 A0. C0.\nM5\nM30\n",
    ),
    (
        "touch probing",
        "G21 G90 G94 G17 G40 G49 G80\nG54\nM5\nT1 M6\nG43 H1\nG0 Z20.\nG0 X10. Y5.\nG38.3 Z-10. F500.\nG38.2 X13. F60.\n#111=#5061\n\
         G1 X10. F500.\nG38.2 X7. F60.\n#112=#5061\nG1 X10. F500.\n#113=[[#111+#112]/2-[10.0000]]\n\
         o113 if [ABS[#113] GT 0.0200]\n(MSG, off in x)\nM0\nM2\no113 endif\nG38.2 Z-16.5 F60.\n#121=#5063\nG1 Z-10. F500.\n\
         #123=[#121-[-16.0000]]\no123 if [[#<_task> EQ 1] AND [ABS[#123] GT 0.0200]]\nM2\no123 endif\nG0 Z20.\nM30\n",
    ),
];

#[derive(Debug)]
struct Canon {
    what: &'static str,
    end: [f64; 3],
    /// A, B, C.
    deg: [f64; 3],
    /// In force, per minute, in the unit in force or in degrees; as the move counts it.
    feed: f64,
    /// Millimetres per unit it is printed in.
    unit: f64,
}

#[test]
fn motions_equal_those_of_linuxcnc() {
    let (Some(binary), Some(dir)) = (std::env::var_os("RS274"), std::env::var_os("RS274_DIR")) else {
        println!("skipped: set RS274 (LinuxCNC's rs274) and RS274_DIR (mm.ini, mm.var, tool.tbl) to compare");
        return;
    };
    let (binary, dir) = (PathBuf::from(binary), PathBuf::from(dir));
    let mut programs: Vec<(String, String)> =
        OWN.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
    if let Some(folder) = std::env::var_os("RS274_PROGRAMS") {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .expect("RS274_PROGRAMS is a folder")
            .map(|e| e.expect("readable").path())
            .filter(|p| p.extension().is_some_and(|e| e == "ngc"))
            .collect();
        files.sort();
        for f in files {
            let name = f.file_name().expect("a file").to_string_lossy().into_owned();
            programs.push((name, std::fs::read_to_string(&f).expect("text")));
        }
    }
    for (name, text) in &programs {
        compare(name, text, &binary, &dir);
    }
}

fn compare(name: &str, text: &str, binary: &Path, dir: &Path) {
    let theirs =
        interpret(text, binary, dir).unwrap_or_else(|e| panic!("{name}: the interpreter refuses: {e}"));
    let axis = |letter| RotaryAxis {
        letter,
        direction: [0.0, 0.0, 1.0],
        pivot_mm: [0.0; 3],
        min_deg: -1e9,
        max_deg: 1e9,
        rapid_deg_per_min: 1e9,
    };
    // As in `mm.ini`.
    let context =
        ReadContext { rotary: vec![axis(RotaryLetter::A), axis(RotaryLetter::C)], ..ReadContext::open() };
    let ours: Vec<_> =
        read_motions(text, &context).unwrap_or_else(|e| panic!("{name}: {e}")).into_iter().collect();
    // Motions to where the tool already is are printed by neither in the same way: left out of both.
    let (mut at, mut deg) = ([0.0; 3], [0.0; 3]);
    let theirs: Vec<_> = theirs
        .into_iter()
        .filter(|c| {
            let moves = c.what == "arc" || far(at, c.end, c.unit) || far(deg, c.deg, 1.0);
            (at, deg) = (c.end, c.deg);
            moves
        })
        .collect();
    let ours: Vec<_> = ours
        .into_iter()
        .filter(|m| {
            matches!(m.kind, MotionKind::ArcClockwise | MotionKind::ArcCounterClockwise)
                || far(m.from_mm, m.end_mm, 1.0)
                || far(m.from_deg, m.end_deg, 1.0)
        })
        .collect();
    // The stand-alone interpreter touches nothing and takes a search to have ended a hundredth of an inch before its end: it
    // stands there on that axis until the axis is programmed again.
    const BEFORE_END_MM: f64 = 0.254;
    let mut behind = [0.0; 3];
    let lines: Vec<&str> = text.lines().collect();
    for (n, (o, t)) in ours.iter().zip(&theirs).enumerate() {
        let moves: [f64; 3] = std::array::from_fn(|k| o.end_mm[k] - o.from_mm[k]);
        let stands: [f64; 3] =
            std::array::from_fn(|k| o.end_mm[k] + if moves[k] == 0.0 { behind[k] } else { 0.0 });
        let what = match o.kind {
            MotionKind::Rapid => "rapid",
            // In its preview a search goes to its end.
            MotionKind::Feed | MotionKind::Probe => "feed",
            _ => "arc",
        };
        assert_eq!(what, t.what, "{name}: motion {n}, line {}: {o:?} {t:?}", o.line);
        assert!(
            !far(stands, t.end, t.unit) && !far(o.end_deg, t.deg, 1.0),
            "{name}: motion {n}, line {}: {:?} {:?}, {:?} {:?}",
            o.line,
            o.end_mm,
            t.end,
            o.end_deg,
            t.deg
        );
        for k in (0..3).filter(|&k| moves[k] != 0.0) {
            let searches = lines[o.line as usize - 1].contains("G38");
            behind[k] = if searches { -moves[k].signum() * BEFORE_END_MM } else { 0.0 };
        }
        if what == "feed" {
            let unit = if far(o.from_mm, o.end_mm, 1.0) { t.unit } else { 1.0 };
            // Four decimals of the unit in force.
            assert!(
                (o.feed_mm_per_min - t.feed * unit).abs() <= 1e-4 * unit,
                "{name}: motion {n}, line {}: feed {} {} x {unit}",
                o.line,
                o.feed_mm_per_min,
                t.feed
            );
        }
    }
    assert_eq!(ours.len(), theirs.len(), "{name}: number of motions");
    println!("{name}: {} motions agree", ours.len());
}

fn far(p: [f64; 3], q: [f64; 3], unit: f64) -> bool {
    (0..3).any(|a| (p[a] - q[a]).abs() > SAME_MM * unit)
}

fn interpret(text: &str, binary: &Path, dir: &Path) -> Result<Vec<Canon>, String> {
    let temp = tempfile::tempdir().expect("a folder");
    for file in ["mm.ini", "mm.var", "tool.tbl"] {
        std::fs::copy(dir.join(file), temp.path().join(file)).map_err(|e| format!("{file}: {e}"))?;
    }
    std::fs::write(temp.path().join("p.ngc"), text).expect("written");
    let run = Command::new(binary)
        .current_dir(temp.path())
        .args(["-g", "-i", "mm.ini", "-t", "tool.tbl", "-v", "mm.var", "p.ngc", "out.canon"])
        .output()
        .map_err(|e| e.to_string())?;
    if !run.status.success() {
        return Err(String::from_utf8_lossy(&run.stderr).into_owned());
    }
    let canon = std::fs::read_to_string(temp.path().join("out.canon")).map_err(|e| e.to_string())?;
    let mut plane = 1;
    let (mut at, mut deg, mut feed) = ([0.0; 3], [0.0; 3], 0.0);
    // Set when the program is in inches: the interpreter prints the program's own unit.
    let mut unit = 1.0;
    let mut out = Vec::new();
    for line in canon.lines() {
        let Some((head, tail)) = line.split_once('(') else { continue };
        let name = head.split_whitespace().next_back().unwrap_or("");
        let numbers: Vec<f64> =
            tail.trim_end_matches(')').split(',').filter_map(|x| x.trim().parse().ok()).collect();
        match name {
            "STRAIGHT_TRAVERSE" | "STRAIGHT_FEED" | "STRAIGHT_PROBE" => {
                at = std::array::from_fn(|a| numbers[a] * unit);
                deg = std::array::from_fn(|a| numbers[a + 3]);
                out.push(Canon {
                    what: if name == "STRAIGHT_TRAVERSE" { "rapid" } else { "feed" },
                    end: at,
                    deg,
                    feed,
                    unit,
                });
            }
            "ARC_FEED" => {
                // first end, second end, first centre, second centre, turns, third end
                let (u, v, w) = [(0, 1, 2), (1, 2, 0), (2, 0, 1)][plane - 1];
                at[u] = numbers[0] * unit;
                at[v] = numbers[1] * unit;
                at[w] = numbers[5] * unit;
                out.push(Canon { what: "arc", end: at, deg, feed, unit });
            }
            "SET_FEED_RATE" => feed = numbers[0],
            "SELECT_PLANE" => {
                plane = match tail.trim_end_matches(')').trim() {
                    "CANON_PLANE_XY" | "CANON_PLANE::XY" => 1,
                    "CANON_PLANE_YZ" | "CANON_PLANE::YZ" => 2,
                    "CANON_PLANE_XZ" | "CANON_PLANE::XZ" => 3,
                    other => return Err(format!("plane {other}")),
                };
            }
            "USE_LENGTH_UNITS" => {
                unit = if tail.contains("INCH") { 25.4 } else { 1.0 };
            }
            _ => {}
        }
    }
    Ok(out)
}
