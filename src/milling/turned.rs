//! Rotary axes held against closed forms: programs as text, through the reader, the kinematics and the dexels.
//!
//! The table stands on an A axis along x and a C axis along z, both through one place of the work. Where the part goes when
//! they turn is written anew here, by rotation matrices.

use nalgebra::{Point3, Rotation3, Vector3};

use super::exact::{DEXEL_MM, P3, Path, Shape, four, in_and_out, off, to_stretch, tool_of};
use super::params::tests::params;
use super::tests::{inner, job};
use super::*;
use crate::geometry::random::Random;
use crate::model::{RotaryAxis, RotaryLetter, Silent};

/// Where both axes pass through, work and part mm.
const PIVOT: P3 = [15.0, 10.0, -5.0];
/// Closed forms of a tool at rest, mm: what `sweep` promises, and rounding of the turn.
const AT_REST_ERROR_MM_MAX: f64 = 1e-7;

pub(super) fn rotary_job() -> Job {
    let mut job = job(&["op10.ngc"]);
    job.fixture.clear();
    let zero = job.program[0].work_zero_machine_mm;
    let pivot_mm: P3 = std::array::from_fn(|a| PIVOT[a] + zero[a]);
    let axis = |letter, direction, min_deg, max_deg| RotaryAxis {
        letter,
        direction,
        pivot_mm,
        min_deg,
        max_deg,
        rapid_deg_per_min: 6000.0,
    };
    job.machine.rotary = vec![
        axis(RotaryLetter::A, [1.0, 0.0, 0.0], -90.0, 90.0),
        axis(RotaryLetter::C, [0.0, 0.0, 1.0], -360.0, 360.0),
    ];
    job
}

/// Work coordinates at angles A, C of a place of the part.
fn turned(p: P3, a_deg: f64, c_deg: f64) -> P3 {
    let a = Rotation3::from_axis_angle(&Vector3::x_axis(), a_deg.to_radians());
    let c = Rotation3::from_axis_angle(&Vector3::z_axis(), c_deg.to_radians());
    let pivot = Vector3::from(PIVOT);
    let q = pivot + a * (c * (Vector3::from(p) - pivot));
    [q.x, q.y, q.z]
}

fn text(t: u32, body: &str) -> ProgramText {
    ProgramText {
        file: "op10.ngc".into(),
        text: format!(
            "G21 G90 G94 G17 G40 G49 G80\nG54\nT{t} M6\nG43 H{t}\nS8000 M3\nG0 Z100.\n{body}\nG0 Z100.\nM5\nM30\n"
        ),
    }
}

fn run(t: u32, body: &str, dexel_mm: f64) -> Milled {
    mill(&[text(t, body)], &rotary_job(), None, &params(&[("dexel_mm", dexel_mm)]), &Silent).expect("a job")
}

fn kinds(m: &Milled) -> Vec<&str> {
    m.facts.collisions.iter().map(|c| c.kind.as_str()).collect()
}

/// How far a place, work coordinates at the angles, stands off what a tool cuts whose tip goes from `a` to `b`; level but
/// for a ball.
fn off_straight(shape: Shape, a: P3, b: P3, p: P3) -> f64 {
    let (level, h) = (to_stretch([p[0], p[1]], [a[0], a[1]], [b[0], b[1]]), p[2] - a[2].min(b[2]));
    match shape {
        Shape::Round { radius, corner } if radius == corner => off(shape, Path::Line(a, b), p, 0),
        Shape::Round { radius, corner } => {
            (level - (radius - corner)).max(0.0).hypot((corner - h).max(0.0)) - corner
        }
        Shape::Flat { radius } => (level - radius).max(-h),
        Shape::Point { radius, rise } => (level - radius).max((rise * level - h) / rise.hypot(1.0)),
    }
}

#[test]
fn every_cutter_at_any_angle_leaves_its_form_on_all_three_families() {
    let mut r = Random::new(301);
    let (mut ends, mut most) = ([0usize; 3], [0.0f64; 3]);
    for n in 0..40usize {
        let t = 1 + (n % 6) as u32;
        let shape = tool_of(t);
        // Some at 30 degrees off the axis, some along an axis of the lattice, the rest anywhere.
        let a_deg = match n % 5 {
            0 => -30.0,
            1 => 90.0,
            _ => (r.within(-75.0, 75.0) * 1e3).round() / 1e3,
        };
        let c_deg = if n % 4 == 0 { 0.0 } else { (r.within(-180.0, 180.0) * 1e3).round() / 1e3 };
        let aim = turned([r.within(10.0, 20.0), r.within(7.0, 13.0), r.within(-6.0, -3.0)], a_deg, c_deg);
        let way = if n % 3 == 0 { 0.0 } else { r.within(0.5, 6.0) };
        let angle = r.within(0.0, std::f64::consts::TAU);
        let rise = if matches!(t, 2 | 6) { r.within(-2.0, 2.0) } else { 0.0 };
        let tip = |s: f64| [aim[0] + s * angle.cos(), aim[1] + s * angle.sin(), aim[2] + s * rise].map(four);
        let (from, to) = (tip(-0.5 * way), tip(0.5 * way));
        let body = format!(
            "G0 A{a_deg:.3} C{c_deg:.3}\nG0 X{:.4} Y{:.4}\nG1 Z{:.4} F800.\nG1 X{:.4} Y{:.4} Z{:.4}\nG1 Z100.",
            from[0], from[1], from[2], to[0], to[1], to[2]
        );
        let m = run(t, &body, DEXEL_MM);
        for c in &m.facts.collisions {
            let known = ["plunge-full-width", "cutting-above-flutes", "shank", "holder"];
            assert!(known.contains(&c.kind.as_str()), "{c:?}\n{body}");
        }
        let form = |p: P3, _: u8| off_straight(shape, from, to, turned(p, a_deg, c_deg));
        for axis in 0..3u8 {
            for e in inner(&m, axis) {
                let error = form(e.p_mm, axis).abs();
                assert!(error <= AT_REST_ERROR_MM_MAX, "T{t} axis {axis} {e:?}: {error}\n{body}");
                most[axis as usize] = most[axis as usize].max(error);
                ends[axis as usize] += 1;
            }
        }
        in_and_out(&m, &rotary_job(), form, n as u64);
    }
    println!("at rest, any angle: {most:?} mm on {ends:?} x, y, z ends");
    assert!(ends.iter().all(|&n| n > 10_000), "{ends:?}");
}

#[test]
fn a_hole_drilled_at_thirty_degrees_is_a_cylinder_and_a_cone_and_goes_through_lines_without_ending_them() {
    // Its axis passes through the pivot, where the tip ends.
    let m = run(4, "G0 A-30.\nG0 X15. Y10.\nG98 G83 X15. Y10. Z-5. R20. Q1. F100.\nG80", 0.05);
    assert_eq!(kinds(&m), Vec::<&str>::new(), "a drill may go straight down: {:#?}", m.facts.collisions);
    let (sin, cos) = 30f64.to_radians().sin_cos();
    let up = [0.0, -sin, cos];
    let rise = 1.0 / 59f64.to_radians().tan();
    let (mut walls, mut point) = ([0; 3], 0);
    for axis in 0..3u8 {
        for e in inner(&m, axis) {
            let d: P3 = std::array::from_fn(|a| e.p_mm[a] - PIVOT[a]);
            let h = (0..3).map(|a| d[a] * up[a]).sum::<f64>();
            let rho = ((0..3).map(|a| d[a] * d[a]).sum::<f64>() - h * h).max(0.0).sqrt();
            let (wall, cone) = ((rho - 1.0).abs(), (rise * rho - h).abs() / rise.hypot(1.0));
            assert!(wall.min(cone) < AT_REST_ERROR_MM_MAX, "axis {axis} {e:?}: {wall} {cone}");
            walls[axis as usize] += usize::from(wall < cone);
            point += usize::from(cone < wall);
        }
    }
    assert!(walls.iter().all(|&n| n > 300) && point > 100, "{walls:?} {point}");
    // A z line beside the mouth passes through the hole: four ends of it, two of them on the faces of the blank.
    let through = m
        .line_ends
        .iter()
        .filter(|e| e.axis == 2 && (e.p_mm[0] - 15.025).abs() < 1e-6 && (e.p_mm[1] - 8.425).abs() < 1e-6);
    assert_eq!(through.count(), 4);
    // Volume: a cylinder of 2 mm from the face down, cut aslant; its axis is 5 / cos long, the point's cone is a third.
    let depth = 5.0 / cos - rise + rise / 3.0;
    let expected = std::f64::consts::PI * depth;
    assert!((6000.0 - m.facts.part_mm3 - expected).abs() < 0.1, "{} {expected}", 6000.0 - m.facts.part_mm3);
    assert!(m.mesh.is_closed_two_manifold());
    // Every motion stands in the path, in the direction it was made in.
    let aslant = m.path.iter().filter(|p| (0..3).all(|a| (p.up[a] - up[a]).abs() < 1e-12));
    assert!(aslant.count() > 20);
}

#[test]
fn a_ball_under_a_turning_c_axis_leaves_a_torus() {
    let mut r = Random::new(302);
    let mut ends = [0; 3];
    for n in 0..8 {
        let (t, lever) = ([2, 6][n % 2], r.within(2.0, 6.0));
        let (x, z) = (four(15.0 + lever), four(r.within(-3.0, -1.0)));
        let turn = [90.0, -120.0, 270.0, 360.0][n % 4];
        let feed = if n % 2 == 0 { "G94 F600." } else { "G93 F2." };
        let m = run(
            t,
            &format!("G0 X{x} Y10.\nG1 Z{z} F300.\n{feed} G1 C{turn:.1}\nG94 F300. G1 Z100."),
            DEXEL_MM,
        );
        assert!(kinds(&m).iter().all(|k| *k == "plunge-full-width"), "{:#?}", m.facts.collisions);
        // The table turns one way, the ball goes round the part the other.
        let turned = f64::to_radians(turn);
        let from = if turn > 0.0 { -turned } else { 0.0 };
        let path = Path::Level { centre: [15.0, 10.0], radius: x - 15.0, from, turn: turned.abs(), z };
        let form = |p: P3, axis: u8| off(tool_of(t), path, p, axis);
        for axis in 0..3u8 {
            for e in inner(&m, axis) {
                let error = form(e.p_mm, axis).abs();
                // The bound of a pose; the tip keeps to its circle to 0.0005 mm.
                assert!(error <= 0.0005 + 1e-6, "T{t} axis {axis} {e:?}: {error}");
                ends[axis as usize] += 1;
            }
        }
        in_and_out(&m, &rotary_job(), form, n as u64);
    }
    assert!(ends.iter().all(|&n| n > 3_000), "{ends:?}");
}

/// Least of a function of the share of a turn: many places, then thirds about the best.
fn least_of_turn(f: impl Fn(f64) -> f64) -> f64 {
    const PLACES: usize = 400;
    let value = |k: usize| f(k as f64 / PLACES as f64);
    let best = (0..=PLACES).min_by(|&a, &b| value(a).total_cmp(&value(b))).expect("some");
    let (mut lo, mut hi) = (
        (best as f64 - 1.0).max(0.0) / PLACES as f64,
        (best as f64 + 1.0).min(PLACES as f64) / PLACES as f64,
    );
    for _ in 0..60 {
        let (p, q) = (lo + (hi - lo) / 3.0, hi - (hi - lo) / 3.0);
        if f(p) <= f(q) { hi = q } else { lo = p }
    }
    f(0.5 * (lo + hi)).min(value(best))
}

#[test]
fn a_tool_that_leans_while_the_table_turns_keeps_within_the_bound_of_its_poses() {
    // What it cuts has no closed form; how far a place stands off a tool at one angle has, and the least over the turn is
    // searched. First the inner axis under a leaning tool, then the outer one, which tilts the tool in the cut.
    let cases = [
        (2, [30.0, 0.0], [30.0, 40.0], [21.0, 10.0, -2.0]),
        (1, [0.0, 0.0], [12.0, 0.0], [15.0, 12.0, -1.5]),
        (3, [-10.0, 20.0], [-20.0, 35.0], [18.0, 9.0, -2.0]),
    ];
    for (t, from, to, tip) in cases {
        let body = format!(
            "G0 A{:.1} C{:.1}\nG0 X{} Y{}\nG1 Z{} F300.\nG1 A{:.1} C{:.1} F600.\nG1 Z100. F300.",
            from[0], from[1], tip[0], tip[1], tip[2], to[0], to[1]
        );
        let m = run(t, &body, 0.5);
        let shape = tool_of(t);
        let mut ends = 0;
        for axis in 0..3u8 {
            for e in inner(&m, axis) {
                let at = |s: f64| {
                    let deg: [f64; 2] = std::array::from_fn(|a| from[a] + s * (to[a] - from[a]));
                    off_straight(shape, tip, tip, turned(e.p_mm, deg[0], deg[1]))
                };
                let error = least_of_turn(at).abs();
                assert!(error <= 0.0005 + 1e-6, "T{t} axis {axis} {e:?}: {error}");
                ends += 1;
            }
        }
        assert!(ends > 300, "T{t}: {ends}");
    }
}

#[test]
fn the_same_bytes_on_one_thread_and_on_two_and_zero_angles_change_none() {
    let body = "G0 A-25.5 C40.\nG0 X14. Y9.\nG1 Z-4. F300.\nG1 X17. Z-5.\nG1 C45. F600.\nG1 Z100. F300.\nG0 A0. C0.\nG0 X5. Y5.\n\
                G1 Z-2. F300.\nG1 X25.\nG1 Z100.";
    let bytes = |threads: usize, body: &str| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        postcard::to_stdvec(&pool.install(|| run(2, body, DEXEL_MM))).expect("serialises")
    };
    assert!(bytes(1, body) == bytes(2, body));
    // Words that say what is so already.
    let plain = "G0 X5. Y5.\nG1 Z-2. F300.\nG1 X25.\nG1 Z100.";
    let with = "G0 A0. C0. X5. Y5.\nG1 Z-2. F300.\nG1 X25. A0.\nG1 Z100.";
    assert!(bytes(1, plain) == bytes(1, with));
}

#[test]
fn what_turns_into_the_tool_is_told_and_what_passes_below_it_is_not() {
    let clamped = |t: u32, body: &str| {
        let mut job = rotary_job();
        job.fixture = vec![crate::model::Fixture {
            name: "clamp".into(),
            setups: vec![10],
            body: crate::model::BoxPart {
                min_mm: crate::model::Point::new([-12.0, 6.0, -10.0]),
                max_mm: crate::model::Point::new([1.0, 14.0, 6.0]),
            },
        }];
        let m = mill(&[text(t, body)], &job, None, &params(&[("dexel_mm", 0.4)]), &Silent).expect("a job");
        m.facts.collisions
    };
    // Beside the blank in y; a quarter turn later the clamp comes there, 14 to 27 mm from the axis. It stands 6 mm above
    // the face of the blank, the tip 4 mm.
    let hit = clamped(1, "G0 X15. Y-10.\nG0 Z4.\nG0 C90.\nG0 Z100.");
    assert!(hit.iter().any(|c| c.kind == "rapid-through-fixture" && c.line == 9), "{hit:#?}");
    let over = clamped(1, "G0 X15. Y-10.\nG0 Z6.5\nG0 C90.\nG0 Z100.");
    assert!(over.is_empty(), "{over:#?}");
    let away = clamped(1, "G0 X15. Y-35.\nG0 Z4.\nG0 C90.\nG0 Z100.");
    assert!(away.is_empty(), "beyond the clamp's reach: {away:#?}");
    // A rapid turn with the tool beside the blank: its corner comes round.
    let corner = clamped(1, "G0 X15. Y-4.\nG0 Z-3.\nG0 C40.\nG0 Z100.");
    assert!(corner.iter().any(|c| c.kind == "rapid-through-stock" && c.line == 9), "{corner:#?}");
    // A ball of 3 mm on a shank of 6 mm, 5 mm deep: tilting the blank leads the shank into the wall of what it cuts.
    let shank = clamped(6, "G0 X15. Y10.\nG1 Z-5. F300.\nG1 A60. F600.\nG1 Z100. F300.");
    assert!(shank.iter().any(|c| c.kind == "shank" && c.line == 9), "{shank:#?}");
}

#[test]
fn a_turn_takes_its_time_and_counts_its_chip_load_over_the_part() {
    let seconds = |body: &str| run(2, body, 0.5).facts.time_s;
    let without = seconds("G0 X20. Y10.\nG0 Z1.");
    // 180 degrees at the rapid of 6000 a minute; at F600 and in G93 at twice a minute.
    let rapid = seconds("G0 X20. Y10.\nG0 Z1.\nG0 C180.") - without;
    assert!((rapid - 1.8).abs() < 0.01, "{rapid}");
    let fed = seconds("G0 X20. Y10.\nG0 Z1.\nG1 C180. F600.") - without;
    assert!((fed - 18.0).abs() < 0.01, "{fed}");
    let inverse = seconds("G0 X20. Y10.\nG0 Z1.\nG93 G1 C180. F2.\nG94") - without;
    assert!((inverse - 30.0).abs() < 0.01, "{inverse}");
    // 180 degrees at 5 mm from the axis are 15.7 mm in 18 s: 52.4 mm/min, at 8000/min and two flutes 0.00327 mm.
    let m = run(2, "G0 X20. Y10.\nG1 Z-1. F20.\nG1 C180. F600.\nG1 Z100.", 0.25);
    let load = m.facts.operation_loads[0].chip_load_mm_max;
    assert!((load - 5.0 * std::f64::consts::PI / 0.3 / 16_000.0).abs() < 1e-6, "{load}");
}

#[test]
fn poses_beyond_any_use_are_refused() {
    // A tool that leans by 60 degrees, turned a hundred times.
    let mut job = rotary_job();
    job.machine.rotary[1].max_deg = 1e6;
    let body = "G0 A60.\nG0 X15. Y10.\nG1 Z-2. F300.\nG1 C36000. F600.\nG1 Z100.";
    let refused = mill(&[text(1, body)], &job, None, &params(&[("dexel_mm", 0.5)]), &Silent).unwrap_err();
    assert!(refused.to_string().contains("need more than 200000 poses"), "{refused}");
}

#[test]
fn axes_of_no_use_are_refused() {
    let refuse = |change: &dyn Fn(&mut RotaryAxis)| {
        let mut job = rotary_job();
        change(&mut job.machine.rotary[0]);
        mill(&[text(1, "")], &job, None, &params(&[]), &Silent).unwrap_err().to_string()
    };
    assert!(refuse(&|a| a.direction = [0.0; 3]).contains("has no direction"));
    assert!(refuse(&|a| a.max_deg = a.min_deg).contains("which is no travel"));
    assert!(refuse(&|a| a.letter = RotaryLetter::C).contains("stands twice"));
    // The point of the tests' own turn: A by 90 takes what lies along +y to +z.
    let p = turned([15.0, 11.0, -5.0], 90.0, 0.0);
    assert!((Point3::from(p) - Point3::new(15.0, 10.0, -4.0)).norm() < 1e-12);
}
