//! Every dialect written by `post` and read by the judge: golden texts, and the same motions to half an increment.
//!
//! `UPDATE_GOLDEN=1` writes the golden files.

use crate::common_posts as common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{compare, increment_mm, meant, part_helix, plan, read, try_write, write};
use osteomill::milling::{MotionKind, ReadContext, read_program};
use osteomill::model::{Dialect, FlipCoupon, Move, Operation, Plan, ToolKind};

fn operation(name: &str, setup: u32, tool: u32, coolant: &str, moves: Vec<Move>) -> Operation {
    Operation {
        name: name.into(),
        setup,
        tool,
        spindle_rpm: if name.contains("again") { 9000.0 } else { 8000.0 },
        feed_mm_per_min: 1200.0,
        plunge_mm_per_min: 300.0,
        coolant: coolant.into(),
        moves,
    }
}

/// Every kind of move, two tools, coolant on and off, two speeds of one tool.
fn operations() -> Vec<Operation> {
    use Move::*;
    let arc = |to: [f64; 3], centre_xy: [f64; 2], clockwise: bool| Arc { to, centre_xy, clockwise };
    let about = |c: [f64; 2], r: f64, turn: f64, z: f64| [c[0] + r * turn.cos(), c[1] + r * turn.sin(), z];
    let c = [31.41592, -7.18281];
    vec![
        operation(
            "rough",
            10,
            1,
            "flood",
            vec![
                Rapid([12.34567, -7.65432, 10.0]),
                Rapid([12.34567, -7.65432, 2.0]),
                Plunge([12.34567, -7.65432, -1.00041]),
                Cut([20.0, -7.65432, -1.00041]),
                Cut([20.00003, 3.33333, -1.5]),
                Rapid([5.5, 6.25, 4.0]),
                Rapid([25.0, 10.0, -0.5]),
                Cut(about(c, 10.0, 0.3, -0.5)),
                arc(about(c, 10.0, 1.7, -0.5), c, false),
                arc(about(c, 10.0, 0.9, -0.5), c, true),
                // A full circle, a helix of one turn, part of one, and the long way round.
                arc(about(c, 10.0, 0.9, -0.5), c, true),
                arc(about(c, 10.0, 0.9, -1.25), c, false),
                arc(about(c, 10.0, 2.1, -2.0), c, false),
                Cut([30.0, 0.12346, -2.0]),
                Cut(about(c, 8.0, 4.0, -2.0)),
                arc(about(c, 8.0, 4.0 - 0.01, -2.0), c, false),
                // Shorter than rounding can tell from a full circle.
                arc(about(c, 8.0, 4.0 - 0.01 + 1e-4, -2.0), c, false),
                Cut([0.0, 0.0, -2.0]),
            ],
        ),
        operation(
            "finish again",
            10,
            1,
            "dry",
            vec![Rapid([0.0, 0.0, 10.0]), Plunge([0.0, 0.0, -2.5]), Cut([0.66667, -0.33333, -2.49999])],
        ),
        operation(
            "holes",
            10,
            51,
            "dry",
            vec![
                Rapid([4.0, 3.0, 10.0]),
                Drill { at_xy: [4.00004, 3.0], retract_z: 1.0, bottom_z: -8.50004, peck_mm: 0.0 },
                Drill { at_xy: [14.0, 3.0], retract_z: 1.0, bottom_z: -8.50004, peck_mm: 0.0 },
                Drill { at_xy: [24.0, 3.0], retract_z: 0.75, bottom_z: -6.2, peck_mm: 2.0 },
                Drill { at_xy: [24.0, 9.0], retract_z: 0.75, bottom_z: -0.1, peck_mm: 0.0 },
                Rapid([24.0, 9.0, 10.0]),
            ],
        ),
        operation(
            "outer side",
            20,
            11,
            "flood",
            vec![Rapid([-3.0, 2.0, 10.0]), Plunge([-3.0, 2.0, -0.7]), Cut([-2.99994, -2.12345, -0.70006])],
        ),
    ]
}

#[test]
fn every_dialect_gives_its_golden_programs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/gcode/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for dialect in Dialect::ALL {
        for program in write(&operations(), &plan(), dialect) {
            let path = folder.join(dialect.key()).join(&program.file);
            if update {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &program.text).unwrap();
            }
            let stored = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                stored == program.text,
                "{}/{} is not what is written now: look why, then run with UPDATE_GOLDEN=1",
                dialect.key(),
                program.file
            );
        }
    }
}

#[test]
fn every_dialect_reads_back_as_the_motions_that_were_meant() {
    let (ops, plan) = (operations(), plan());
    for dialect in Dialect::ALL {
        for program in write(&ops, &plan, dialect) {
            let was = read(&program, &plan);
            let off = compare(&meant(&ops, &plan, program.setup, dialect), &was, dialect);
            println!("{} {}: {} motions, {off}", dialect.name(), program.file, was.len());
        }
    }
}

#[test]
fn the_five_programs_of_one_part_come_to_the_same_motions() {
    let (ops, plan) = (operations(), plan());
    let all: Vec<_> = Dialect::ALL
        .into_iter()
        .map(|d| (d, write(&ops, &plan, d).iter().flat_map(|p| read(p, &plan)).collect::<Vec<_>>()))
        .collect();
    for (n, (a, first)) in all.iter().enumerate() {
        for (b, second) in &all[n + 1..] {
            let pair = format!("{} and {}", a.name(), b.name());
            assert_eq!(first.len(), second.len(), "{pair}");
            // Half an increment of each; two more where a helix keeps the radius of its start.
            let apart = 0.5 * (increment_mm(*a) + increment_mm(*b));
            for (p, q) in first.iter().zip(second) {
                assert_eq!(
                    (p.kind, p.tool, p.spindle_rpm),
                    (q.kind, q.tool, q.spindle_rpm),
                    "{pair}: {p:?} {q:?}"
                );
                let drift = if part_helix(p) || part_helix(q) { 2e-4 } else { 1e-9 };
                for k in 0..3 {
                    let off = (p.end_mm[k] - q.end_mm[k]).abs();
                    assert!(off <= apart + drift, "{pair}: {off} mm: {p:?} {q:?}");
                }
            }
        }
    }
}

#[test]
fn a_draft_begins_with_its_word_and_a_stop_in_every_dialect() {
    for dialect in Dialect::ALL {
        let stop = if dialect == Dialect::Heidenhain { "STOP" } else { "M0" };
        for program in write(&operations(), &plan(), dialect) {
            let lines: Vec<&str> = program.text.lines().collect();
            let draft = lines.iter().position(|l| l.contains("DRAFT")).expect("the word");
            let stopped = lines.iter().position(|l| l.ends_with(stop)).expect("a stop");
            let first_change =
                lines.iter().position(|l| l.contains("M6") || l.contains("TOOL CALL")).unwrap();
            assert!(draft <= 2 && draft < stopped && stopped < first_change, "{}", program.text);
        }
    }
}

#[test]
fn programs_of_a_dialect_differ_in_names_and_never_in_their_number() {
    let mut names = BTreeMap::new();
    for dialect in Dialect::ALL {
        let files: Vec<String> = write(&operations(), &plan(), dialect).into_iter().map(|p| p.file).collect();
        names.insert(dialect.key(), files.join(" "));
    }
    let expected = [
        ("fanuc", "op10.nc op20.nc"),
        ("haas", "op10.nc op20.nc"),
        ("heidenhain", "op10.h op20.h"),
        ("linuxcnc", "op10.ngc op20.ngc"),
        ("siemens", "op10.mpf op20.mpf"),
    ];
    assert_eq!(names, expected.map(|(k, v)| (k, v.to_owned())).into());
}

#[test]
fn what_a_dialect_has_no_word_for_is_refused() {
    let mist =
        vec![operation("rough", 10, 1, "mist", operations()[0].moves.clone()), operations()[3].clone()];
    for dialect in Dialect::ALL {
        let said = try_write(&mist, &plan(), dialect).map_err(|e| e.to_string());
        match dialect {
            Dialect::Haas | Dialect::Heidenhain => {
                assert!(
                    said.unwrap_err()
                        .contains(&format!("\"mist\", for which {} has no word", dialect.name()))
                );
            }
            _ => assert!(said.is_ok()),
        }
    }
    let mut odd = plan();
    odd.setups[0].work_offset = "G58".into();
    let text = |d| write(&operations(), &odd, d)[0].text.clone();
    assert!(text(Dialect::Siemens).contains("\nG505\n") && text(Dialect::Heidenhain).contains("Q339=+5"));
    odd.setups[0].work_offset = "G59.1".into();
    for dialect in [Dialect::Siemens, Dialect::Heidenhain] {
        let said = try_write(&operations(), &odd, dialect).unwrap_err().to_string();
        assert!(said.contains("G59.1") && said.contains("use one of G54 to G59"), "{said}");
    }
}

/// A plan with a coupon of two bores, and its openings as the second side's first operation.
fn with_coupon() -> (Plan, Vec<Operation>) {
    let mut plan = plan();
    let mut probe = plan.tools["finish"].clone();
    (probe.number, probe.kind, probe.diameter_mm, probe.corner_radius_mm) = (91, ToolKind::Probe, 4.0, 2.0);
    plan.tools.insert("probe".into(), probe);
    plan.flip = Some(FlipCoupon {
        places_xy_mm: vec![[41.23456, 30.0], [-38.5, -31.00004]],
        bored_in: 10,
        probed_in: 20,
        bore_mm: 9.0,
        bore_depth_mm: 10.5,
        opening_mm: 12.0,
        opening_depth_mm: 10.0,
        floor_z_mm: Some(-20.0),
        limit_um: 20.0,
        past_mm: 0.5,
        feed_mm_per_min: 60.0,
    });
    let mut ops = operations();
    let opening =
        vec![Move::Rapid([0.0, 0.0, 10.0]), Move::Plunge([0.0, 0.0, -0.5]), Move::Rapid([0.0, 0.0, 10.0])];
    ops.insert(3, operation(FlipCoupon::OPENING, 20, 1, "dry", opening));
    (plan, ops)
}

/// Ways of the probe below the clearance height, and what must hold of its touches.
type Probed = (Vec<(MotionKind, [i64; 3])>, Vec<(usize, [u32; 2], i64, i64)>);

fn probed(text: &str, dialect: Dialect) -> Probed {
    // Home is above everything.
    let context = ReadContext { dialect, work_zero_machine_mm: [0.0, 0.0, -300.0], ..ReadContext::open() };
    let reading = read_program(text, &context);
    assert!(reading.faults.is_empty() && reading.complete, "{}: {:?}", dialect.name(), reading.faults);
    // In the coarser controls' increments.
    let um = |v: f64| (1e3 * v).round() as i64;
    let first = reading.motions.iter().position(|m| m.tool == 91).expect("the probe is used") as u32;
    // Controls go home by different ways.
    let low = |m: &&osteomill::milling::Motion| m.tool == 91 && m.end_mm[2] < 10.0;
    let ways = reading.motions.iter().filter(low).map(|m| (m.kind, m.end_mm.map(um))).collect();
    let order = |n: u32| reading.motions[first as usize..n as usize].iter().filter(low).count() as u32;
    let checks = reading.probe_checks.iter();
    let checks = checks.map(|c| (c.axis, c.touches.map(order), um(c.nominal_mm), um(c.limit_mm))).collect();
    (ways, checks)
}

#[test]
fn every_control_that_probes_the_coupon_makes_the_same_touches() {
    let (plan, ops) = with_coupon();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/gcode/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut all: Vec<(Dialect, Probed)> = Vec::new();
    for dialect in Dialect::ALL {
        let program = write(&ops, &plan, dialect).remove(1);
        let path = folder.join(dialect.key()).join(program.file.replace("op20", "op20-coupon"));
        if update {
            std::fs::write(&path, &program.text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), program.text, "{}", dialect.key());
        if dialect == Dialect::Heidenhain {
            assert!(program.text.contains("STOP") && program.text.contains("measure bore 2"));
            continue;
        }
        all.push((dialect, probed(&program.text, dialect)));
    }
    let (_, (ways, checks)) = &all[0];
    assert_eq!(ways.iter().filter(|w| w.0 == MotionKind::Probe).count(), 2 * 5);
    assert_eq!(checks.iter().map(|c| c.0).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2]);
    assert!(checks.iter().all(|c| c.3 == 20));
    for (dialect, probed) in &all[1..] {
        assert_eq!(*probed, all[0].1, "{}", dialect.name());
    }
}

#[test]
fn what_an_operator_reads_fits_the_screen() {
    let (plan, ops) = with_coupon();
    for dialect in [Dialect::Fanuc, Dialect::Haas] {
        let text = write(&ops, &plan, dialect).remove(1).text;
        let alarms: Vec<&str> = text.lines().filter(|l| l.starts_with("#3000")).collect();
        // A way down, five touches and three conditions at each bore.
        assert_eq!(alarms.len(), 2 * 9);
        assert!(alarms.iter().all(|l| l.split_once('(').unwrap().1.len() - 1 <= 26), "{alarms:?}");
        let labels: std::collections::BTreeSet<&str> = text.lines().filter(|l| l.starts_with('N')).collect();
        assert_eq!(labels.len(), 2 * 9, "every label once");
    }
}
