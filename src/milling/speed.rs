//! How fast: run by hand, `cargo test --lib milling::speed -- --ignored --nocapture`.

use std::fmt::Write as _;
use std::time::Instant;

use super::tests::job;
use super::*;
use crate::model::Point;

#[test]
#[ignore = "a measurement"]
fn blocks_read_per_second() {
    let mut text = String::from("G21 G90 G94 G17\nG54\nT2 M6\nG43 H2\nS8000 M3\nG0 Z20.\nG1 F800.\n");
    for i in 0..500_000 {
        let _ = writeln!(
            text,
            "G1 X{:.4} Y{:.4} Z{:.4}",
            f64::from(i) * 0.0001,
            f64::from(i % 997) * 0.1,
            -f64::from(i % 89) * 0.01
        );
    }
    text += "M30\n";
    let start = Instant::now();
    let motions = read_motions(&text, &ReadContext::open()).unwrap();
    let s = start.elapsed().as_secs_f64();
    println!("{} motions in {s:.3} s: {:.0} blocks/s", motions.len(), 500_000.0 / s);
}

/// A dome of radius 80 in a blank of 100 x 80 x 25, D6 ball, 0.35 mm between passes, 0.3 mm steps.
#[test]
#[ignore = "a measurement"]
fn a_dome_of_a_hundred_thousand_moves() {
    let mut job = job(&["op10.ngc"]);
    job.fixture.clear();
    job.stock.min_mm = Point::new([-50.0, -40.0, -25.0]);
    job.stock.max_mm = Point::new([50.0, 40.0, 0.0]);
    let mut text = String::from(
        "G21 G90 G94 G17\nG54\nT2 M6\nG43 H2\nS8000 M3\nG0 Z20.\nG0 X-45. Y-35.\nG0 Z1.\nG1 F3000.\n",
    );
    let n = 200;
    for row in 0..n {
        let y = -35.0 + 70.0 * f64::from(row) / f64::from(n);
        for i in 0..=500 {
            let t = f64::from(i) / 500.0 * 90.0;
            let x = if row % 2 == 0 { -45.0 + t } else { 45.0 - t };
            let z = (83.0f64.powi(2) - x * x - y * y).sqrt() - 83.0 - 3.0;
            let _ = writeln!(text, "X{x:.4} Y{y:.4} Z{z:.4}");
        }
    }
    text += "G0 Z20.\nM30\n";
    // The top of the dome and a flat below it, as design.
    let mut v = Vec::new();
    let m = 180;
    for j in 0..=m {
        for i in 0..=m {
            let (x, y) =
                (-45.0 + 90.0 * f64::from(i) / f64::from(m), -35.0 + 70.0 * f64::from(j) / f64::from(m));
            v.push([x, y, (80.0f64.powi(2) - x * x - y * y).sqrt() - 83.0]);
        }
    }
    let w = v.len() as u32;
    let below: Vec<[f64; 3]> = v.iter().map(|p| [p[0], p[1], p[2] - 4.0]).collect();
    v.extend(below);
    let s = m as u32 + 1;
    let mut t = Vec::new();
    for j in 0..s - 1 {
        for i in 0..s - 1 {
            let a = j * s + i;
            t.extend([[a, a + 1, a + s], [a + 1, a + s + 1, a + s]]);
            t.extend([[a + w, a + w + s, a + w + 1], [a + w + 1, a + w + s, a + w + s + 1]]);
        }
    }
    for i in 0..s - 1 {
        let (a, b) = (i, i + 1);
        t.extend([[a, a + w, b], [b, a + w, b + w]]);
        let (a, b) = (i + (s - 1) * s, i + 1 + (s - 1) * s);
        t.extend([[a, b, a + w], [b, b + w, a + w]]);
        let (a, b) = (i * s, (i + 1) * s);
        t.extend([[a, b, a + w], [b, b + w, a + w]]);
        let (a, b) = (i * s + s - 1, (i + 1) * s + s - 1);
        t.extend([[a, a + w, b], [b, a + w, b + w]]);
    }
    let design: Mesh<Part> = Mesh::new(v, t);
    println!("design closed: {}", design.is_closed_two_manifold());
    struct Loud(Instant);
    impl Watch for Loud {
        fn progress(&self, _: u64, _: u64) {}
        fn note(&self, what: &str) {
            println!("{:8.3} s {what}", self.0.elapsed().as_secs_f64());
        }
    }
    let start = Instant::now();
    let program = ProgramText { file: "op10.ngc".into(), text };
    let milled =
        mill(&[program], &job, Some(&design), &super::params::tests::params(&[]), &Loud(start)).unwrap();
    println!(
        "{:8.3} s done: {} moves, {} ends, {} triangles, {} faults",
        start.elapsed().as_secs_f64(),
        milled.path.len(),
        milled.line_ends.len(),
        milled.mesh.triangles.len(),
        milled.facts.collisions.len()
    );
}
