//! A bore milled from one side, opened and probed from the other.

use super::params::tests::params;
use super::tests::{job, program};
use super::{ProgramText, mill};
use crate::model::{BoxPart, Dialect, Fixture, Job, MillingFacts, Point, Silent, ToolKind, ToolMove};

const PROBE: u32 = 9;

/// The bench of `tests`, a probe with a ball of 3 mm, and a plate under the blank in op20.
fn bench() -> Job {
    let mut job = job(&["op10.ngc", "op20.ngc"]);
    let mut probe = job.tool[1].clone();
    (probe.number, probe.kind, probe.diameter_mm, probe.corner_radius_mm) =
        (PROBE, ToolKind::Probe, 3.0, 1.5);
    (probe.flutes, probe.flute_length_mm, probe.stick_out_mm, probe.shank_diameter_mm) = (0, 20.0, 30.0, 2.0);
    job.tool.push(probe);
    job.fixture.push(Fixture {
        name: "plate".into(),
        setups: vec![20],
        body: BoxPart { min_mm: Point::new([-50.0, -50.0, 0.0]), max_mm: Point::new([80.0, 70.0, 5.0]) },
    });
    job
}

/// Half turns of the D6 mill about (15, 10), and one whole turn at the bottom.
fn bore(orbit: f64, depth: f64) -> String {
    let side = |k: usize| if k % 2 == 0 { (15.0 + orbit, -orbit) } else { (15.0 - orbit, orbit) };
    let n = (depth / 0.25) as usize;
    let mut text = format!("G0 X{:.3} Y10.\nG0 Z0.5\nG1 Z0. F300.\n", side(0).0);
    for k in 1..=n + 2 {
        let z = -(k as f64 * 0.25).min(depth);
        text += &format!("G3 X{:.3} Y10. Z{z:.3} I{:.3} J0.\n", side(k).0, side(k - 1).1);
    }
    text + "G1 X15.\nG0 Z20.\n"
}

const PROBING: &str = "M5\nT9 M6\nG43 H9\nG0 Z20.\nG0 X15. Y10.\nG0 Z2.\nG38.3 Z-7.5 F500.\n\
    G38.2 X18. F60.\n#111=#5061\nG1 X15. F500.\nG38.2 X12. F60.\n#112=#5061\nG1 X15. F500.\n\
    #113=[[#111+#112]/2-[15.]]\no113 if [ABS[#113] GT 0.0200]\n(MSG, off in x)\nM0\nM2\no113 endif\n\
    G38.2 Z-10.5 F60.\n#121=#5063\nG1 Z-7.5 F500.\n\
    #123=[#121-[-10.]]\no123 if [[#<_task> EQ 1] AND [ABS[#123] GT 0.0200]]\n(MSG, off in z)\nM0\nM2\no123 endif\n\
    G0 Z20.\n";

fn second(probing: &str) -> ProgramText {
    ProgramText {
        file: "op20.ngc".into(),
        text: format!(
            "G21 G90 G94 G17 G40 G49 G80\nG55\nT1 M6\nG43 H1\nS8000 M3\nG0 Z20.\n{}{probing}M5\nM30\n",
            bore(2.0, 5.0)
        ),
    }
}

fn run(job: &Job, bored: bool, probing: &str) -> (MillingFacts, Vec<ToolMove>) {
    let first = program(1, &if bored { bore(1.0, 5.5) } else { "G0 X15. Y10.".into() });
    let m =
        mill(&[first, second(probing)], job, None, &params(&[("dexel_mm", 0.1)]), &Silent).expect("a job");
    (m.facts, m.path)
}

fn kinds(job: &Job, bored: bool, probing: &str) -> Vec<String> {
    let mut kinds: Vec<String> = run(job, bored, probing).0.collisions.into_iter().map(|c| c.kind).collect();
    kinds.dedup();
    kinds
}

#[test]
fn a_bore_in_its_place_is_probed_without_a_fault_and_the_probe_makes_nothing_of_the_part() {
    let (facts, path) = run(&bench(), true, PROBING);
    assert!(facts.collisions.is_empty(), "{:#?}", facts.collisions);
    assert!(path.iter().all(|m| m.tool != PROBE));
    let (bare, _) = run(&bench(), true, "");
    assert_eq!(facts.part_mm3, bare.part_mm3);
    assert!(facts.time_s > bare.time_s + 6.0, "the search at 60 mm/min takes its time");
}

#[test]
fn what_the_probe_does_not_find_where_the_text_expects_it_is_told() {
    let job = bench();
    // Nobody bored: the probe runs into the floor of the opening on its way.
    assert!(kinds(&job, false, PROBING).contains(&"probe-touches".into()));
    // Turned over and laid 0.3 mm aside: the middle is not where the text has it.
    let mut aside = bench();
    aside.program[1].part_from_work.iso.translation.vector.x += 0.3;
    assert_eq!(kinds(&aside, true, PROBING), ["probe-nominal"]);
    for (from, to, kind) in [
        ("G38.2 X18.", "G38.2 X17.", "probe-finds-nothing"),
        ("G38.2 X18.", "G38.2 X20.", "probe-overtravel"),
        ("G38.2 Z-10.5", "G38.2 Z-9.5", "probe-finds-nothing"),
        ("G38.2 Z-10.5", "G38.2 Z-12.", "probe-overtravel"),
        ("-[15.]", "-[15.3]", "probe-nominal"),
        ("-[-10.]", "-[10.]", "probe-nominal"),
        ("GT 0.0200", "GT 2.0", "probe-nominal"),
        ("G38.3 Z-7.5 F500.", "G38.3 Z-7.5 F500.\nG0 X18.\nX15.", "probe-touches"),
        ("G38.3 Z-7.5 F500.", "G38.3 Z-10.5 F500.\nG1 Z-7.5", "probe-touches"),
        ("T9 M6\nG43 H9", "T2 M6\nG43 H2", "probe-tool"),
    ] {
        let text = PROBING.replacen(from, to, 1);
        assert_ne!(text, PROBING, "{from}");
        assert!(
            kinds(&job, true, &text).contains(&kind.into()),
            "{from} -> {to}: {:?}",
            kinds(&job, true, &text)
        );
    }
}

#[test]
fn another_controls_words_come_to_the_same_touches() {
    let mut job = bench();
    (job.program[1].file, job.program[1].dialect) = ("op20.mpf".into(), Dialect::Siemens);
    let ends = |condition: &str| format!("IF {condition}\nM30\nENDIF\n");
    let touch = |axis: char, to: f64, n: u32, back: f64| {
        let missed = ends("$AC_MEA[1]==0");
        format!("MEAS=1 G1 {axis}{to} F60\nSTOPRE\n{missed}R{n}=$AA_MW[{axis}]\nG1 {axis}{back} F500\n")
    };
    let judged = |nominal: f64, end: f64, plate: f64| {
        let text = format!(
            "G710 G90 G94 G17 G40\nG55\nT1 M6\nD1\nS8000 M3\nG0 Z20\n{}M5\nT9 M6\nD1\nG0 Z20\nX15 Y10\nZ2\n\
             MEAS=1 G1 Z-7.5 F500\nSTOPRE\n{}{}{}R3=(R1+R2)/2-({nominal})\n{}{}R5=R4-({plate})\n{}G0 Z20\nM30\n",
            bore(2.0, 5.0),
            ends("$AC_MEA[1]==1"),
            touch('X', end, 1, 15.0),
            touch('X', 12.0, 2, 15.0),
            ends("ABS(R3)>0.0200"),
            touch('Z', -10.5, 4, -7.5),
            ends("ABS(R5)>0.0200"),
        );
        let programs = [program(1, &bore(1.0, 5.5)), ProgramText { file: "op20.mpf".into(), text }];
        let milled = mill(&programs, &job, None, &params(&[("dexel_mm", 0.1)]), &Silent).expect("a job");
        milled.facts.collisions.into_iter().map(|c| c.kind).collect::<Vec<_>>()
    };
    assert_eq!(judged(15.0, 18.0, -10.0), [""; 0]);
    assert_eq!(judged(15.3, 18.0, -10.0), ["probe-nominal"]);
    assert_eq!(judged(15.0, 18.0, -9.7), ["probe-nominal"]);
    assert!(judged(15.0, 17.0, -10.0).contains(&"probe-finds-nothing".to_owned()));
}
