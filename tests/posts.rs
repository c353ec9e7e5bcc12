//! Every dialect written by `post` and read by the judge: golden texts, and the same motions to half an increment.
//!
//! `UPDATE_GOLDEN=1` writes the golden files.

use crate::common_posts as common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{compare, increment_mm, meant, part_helix, plan, read, try_write, write};
use osteomill::model::{Dialect, Move, Operation};

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
