//! Small errors of the machine on places with a closed form, and the model drawn from them.

use nalgebra::{Unit, Vector3};

use super::*;
use crate::geometry::random::Random;
use crate::inspect::capability::{capability, rod_mm_per_n};
use crate::inspect::draws::{Distribution, Error, draw, moments};
use crate::inspect::off::Off;
use crate::inspect::places::{Decided, Place};
use crate::inspect::sensitivity::{Of, Slope, asked, larger, sensitivity};
use crate::inspect::sweep::Sweep;
use crate::model::ToolMove;

/// Radius of the ball of `fixtures::job`, mm.
const R: f64 = 1.5;
const UP: [f64; 3] = [0.0, 0.0, 1.0];

fn cut(program: u16, tool: u32, from_mm: [f64; 3], to_mm: [f64; 3], up: [f64; 3]) -> ToolMove {
    ToolMove { program, line: 1, tool, rapid: false, from_mm, to_mm, up }
}

fn place(sweep: &Sweep, p_mm: [f64; 3]) -> Place {
    let near = sweep.nearest(p_mm, 3.0, None);
    let decided = near.index.map(|index| {
        let (tool, setup, up) = sweep.made_by(index);
        let cos_from_pole = -sweep.gradient(p_mm, index).0.dot(&up);
        Decided { index, setup, tool: tool.number, cos_from_pole }
    });
    Place { p_mm, deviation_mm: near.distance_mm, area_mm2: 1.0, decided }
}

fn changes(path: &[ToolMove], at: &[[f64; 3]], off: &[Off]) -> Vec<f64> {
    let sweep = Sweep::new(path, &job()).unwrap();
    let places: Vec<Place> = at.iter().map(|&p| place(&sweep, p)).collect();
    let asked = asked(&sweep, &places, off).unwrap();
    asked.iter().zip(&places).map(|(d, p)| d - p.deviation_mm).collect()
}

fn assert_near(got: &[f64], expected: &[f64], within_mm: f64) {
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= within_mm, "{got:?}, expected {expected:?}");
    }
}

/// Under a ball that runs along y with its tip at z = 0: floor, 45 degrees, wall.
fn groove() -> (Vec<ToolMove>, [[f64; 3]; 3]) {
    let path = vec![cut(0, BALL, [0.0, -10.0, 0.0], [0.0, 10.0, 0.0], UP)];
    let s = R * 0.5f64.sqrt();
    (path, [[0.0, 1.0, 0.0], [s, 1.0, R - s], [R, 1.0, 5.0]])
}

#[test]
fn a_larger_ball_takes_walls_by_all_of_it_and_floors_by_nothing() {
    let (path, at) = groove();
    for mm in [0.01, -0.01] {
        let got = changes(&path, &at, &[Off::Radius { tool: BALL, mm }]);
        // The ball's middle rises with its radius, the tip stays: at 45° the place is (s, s + mm) from it.
        let s = R * 0.5f64.sqrt();
        assert_near(&got, &[0.0, s.hypot(s + mm) - R - mm, -mm], 1e-12);
    }
}

#[test]
fn a_longer_tool_takes_floors_by_all_of_it_and_walls_by_nothing() {
    let (path, at) = groove();
    for mm in [0.01, -0.01] {
        let got = changes(&path, &at, &[Off::Length { tool: BALL, mm }]);
        let s = R * 0.5f64.sqrt();
        assert_near(&got, &[-mm, s.hypot(s - mm) - R, 0.0], 1e-12);
    }
    let other = changes(&path, &at, &[Off::Length { tool: FLAT, mm: 0.01 }]);
    assert_near(&other, &[0.0; 3], 0.0);
}

/// A plate from z = -4 to 0: its lower face by op10, its upper face and a wall at x = 70 + 1.5 by op20.
fn plate() -> (Vec<ToolMove>, [[f64; 3]; 3]) {
    let path = vec![
        cut(0, BALL, [50.0, 0.0, -4.0], [70.0, 0.0, -4.0], [0.0, 0.0, -1.0]),
        cut(1, BALL, [50.0, 0.0, 0.0], [70.0, 0.0, 0.0], UP),
        cut(1, BALL, [70.0, -5.0, 0.0], [70.0, 5.0, 0.0], UP),
    ];
    (path, [[60.0, 0.0, -4.0], [60.0, 0.0, 0.0], [70.0 + R, 0.0, 4.0]])
}

#[test]
fn a_shift_of_the_second_setup_moves_only_what_it_mills() {
    let (path, at) = plate();
    let shift = |by: [f64; 3]| changes(&path, &at, &[Off::Shift { setup: 20, by_mm: by.into() }]);
    assert_near(&shift([0.0, 0.0, 0.01]), &[0.0, 0.01, 0.0], 1e-12);
    assert_near(&shift([0.01, 0.0, 0.0]), &[0.0, 0.0, -0.01], 1e-12);
    // Along the groove's own direction its floor does not move, across it by the ball's sagitta only.
    assert_near(&shift([0.0, 0.01, 0.0]), &[0.0, R.hypot(0.01) - R, 0.0], 1e-12);
}

#[test]
fn a_hundredth_of_a_degree_moves_a_place_60_mm_out_by_10_47_um() {
    let (path, at) = plate();
    let rad = 0.01f64.to_radians();
    let off =
        Off::Turn { setup: 20, about_mm: Vector3::zeros(), axis: Unit::new_normalize(Vector3::y()), rad };
    let got = changes(&path, &at[..2], &[off]);
    assert_near(&got, &[0.0, -60.0 * rad.sin()], 1e-12);
    assert!((got[1] + 0.01047).abs() < 5e-6, "{got:?}");
    // About the place itself it moves nothing there.
    let off = Off::Turn { setup: 20, about_mm: at[1].into(), axis: Unit::new_normalize(Vector3::y()), rad };
    assert_near(&changes(&path, &at[..2], &[off]), &[0.0, 0.0], 1e-12);
}

#[test]
fn five_kelvin_take_23_5_um_off_100_mm_of_peek() {
    let path = vec![cut(0, FLAT, [103.0, -10.0, -2.0], [103.0, 10.0, -2.0], UP)];
    let share = 47e-6 * 5.0;
    let got = changes(&path, &[[100.0, 0.0, 1.0]], &larger(&job(), share));
    assert_near(&got, &[-100.0 * share / (1.0 + share)], 1e-9);
    assert!((got[0] + 0.0235).abs() < 1e-5, "{got:?}");
}

fn measured() -> (Sweep, Vec<Place>, Job) {
    let part = part();
    let mut job = job();
    job.expansion_um_per_m_k = Some(47.0);
    let sweep = Sweep::new(&touching_path(&part, |_| Some(0.0)), &job).unwrap();
    let samples = crate::inspect::samples::on_mesh(&part, 0.1);
    let near: Vec<_> = samples.iter().map(|s| sweep.nearest(s.p_mm, 3.0, None)).collect();
    let places = crate::inspect::places::choose(&samples, &near, &Default::default(), None, &sweep);
    let sum: f64 = places.iter().map(|p| p.area_mm2).sum();
    // Even places share the whole area; two setups of one tool add sixteen places each, of 0.01 mm² at most.
    let more = sum - part.area_mm2();
    assert!((-1e-6..=0.32).contains(&more), "{more}");
    let worst = near.iter().map(|n| n.distance_mm).fold(0.0, f64::max);
    assert!(places.iter().any(|p| p.deviation_mm == worst), "the worst place is among them");
    (sweep, places, job)
}

#[test]
fn every_row_is_there_once_and_the_first_is_the_part_as_programmed() {
    let (sweep, places, job) = measured();
    let (rows, slopes) = sensitivity(&sweep, &places, &job, 0.0254);
    let ids: Vec<&str> = rows.iter().map(|r| r.id.as_str()).collect();
    let mut expected = vec!["nominal".to_owned()];
    expected.extend(["radius-t1", "length-t1"].iter().flat_map(|i| [format!("{i}+"), format!("{i}-")]));
    for what in ["shift", "turn"] {
        for axis in ["x", "y", "z"] {
            expected.extend(["+", "-"].map(|sign| format!("{what}-op20-{axis}{sign}")));
        }
    }
    expected.push("warm+".into());
    assert_eq!(ids, expected);
    assert_eq!(slopes.len(), 9);
    assert_eq!((rows[0].change_mm.min, rows[0].change_mm.max), (0.0, 0.0));
    let plate = rows.iter().find(|r| r.id == "shift-op20-z+").unwrap();
    // Faces up of op20 lie within 20° of level or are its rim's edge; what op10 mills does not move at all.
    assert!(plate.change_mm.max <= 0.01 + 1e-9 && plate.change_mm.max > 0.0099, "{plate:?}");
    assert!(plate.change_mm.min > -0.001, "{plate:?}");
}

#[test]
fn the_linear_model_is_good_enough_for_errors_of_a_shop_all_at_once() {
    let (sweep, places, job) = measured();
    let (_, slopes) = sensitivity(&sweep, &places, &job, 0.0254);
    let mut r = Random::new(3);
    for _ in 0..6 {
        // Drawn as in the shipped table, one standard deviation or half-width each way.
        let sizes: Vec<f64> = slopes
            .iter()
            .map(|s| match s.of {
                Of::Radius(_) => r.within(-0.00635, 0.00635),
                Of::Warmth => r.within(0.0, 2.0),
                _ => r.within(-0.005, 0.005),
            })
            .collect();
        let off: Vec<Off> =
            slopes.iter().zip(&sizes).flat_map(|(s, &size)| off_of(s.of, size, &job)).collect();
        let exact = asked(&sweep, &places, &off).unwrap();
        let linear = places.iter().enumerate().map(|(i, p)| {
            let by = |(s, size): (&Slope, &f64)| size.abs() * if *size >= 0.0 { s.up[i] } else { s.down[i] };
            p.deviation_mm + slopes.iter().zip(&sizes).map(by).sum::<f64>()
        });
        let mut gap: Vec<f64> = linear.zip(&exact).map(|(l, e)| (l - e).abs()).collect();
        gap.sort_by(f64::total_cmp);
        let (p99, most) = (gap[gap.len() * 99 / 100], gap[gap.len() - 1]);
        // A fifth of the tolerance at the very worst place, a twentieth at nearly all: which ball decides changes where two
        // balls leave the same.
        assert!(p99 < 0.0013 && most < 0.005, "{p99} {most} {sizes:?}");
    }
}

fn off_of(of: Of, size: f64, job: &Job) -> Vec<Off> {
    let along = |axis: usize| Vector3::from_fn(|k, _| f64::from(u8::from(k == axis)));
    match of {
        Of::Radius(tool) => vec![Off::Radius { tool, mm: size }],
        Of::Length(tool) => vec![Off::Length { tool, mm: size }],
        Of::Shift(setup, axis) => vec![Off::Shift { setup, by_mm: along(axis) * size }],
        Of::Turn(setup, axis) => {
            let (about_mm, axis) = (Vector3::zeros(), Unit::new_normalize(along(axis)));
            vec![Off::Turn { setup, about_mm, axis, rad: size.to_radians() }]
        }
        Of::Warmth => larger(job, 47e-6 * size),
    }
}

#[test]
fn one_normal_error_gives_the_share_that_the_normal_law_gives() {
    const N: usize = 10_000;
    let sigma = 0.0127;
    let error = Error::new(Distribution::Normal { sigma }, &[1.0], &[-1.0]);
    let parts = draw(&[0.0], &[1.0], &[error], 2.0 * sigma, N, 7);
    let share = parts.iter().filter(|p| p.beyond == 0.0).count() as f64 / N as f64;
    // Four standard errors of a share: √(0.9545 · 0.0455 / 10,000) = 0.0021.
    assert!((share - 0.9545).abs() < 4.0 * 0.0021, "{share}");
    let mut largest: Vec<f64> = parts.iter().map(|p| p.largest_mm).collect();
    largest.sort_by(f64::total_cmp);
    // √(0.05 · 0.95 / 10,000) over the density of |x| at 1.96 σ, 0.117 / σ: 0.0186 σ.
    assert!((largest[N * 95 / 100] / sigma - 1.96).abs() < 4.0 * 0.0186);
}

#[test]
fn mean_and_variance_in_closed_form_are_those_of_the_draws() {
    const N: usize = 40_000;
    let all = [
        (Distribution::Normal { sigma: 0.01 }, 0.5, -2.0),
        (Distribution::Even { half_width: 0.01 }, 1.0, 0.5),
        (Distribution::Between { least: 0.002, most: 0.01 }, -1.5, 0.0),
    ];
    for (distribution, up, down) in all {
        let errors = [Error::new(distribution, &[up], &[down])];
        // From 1 mm up the largest deviation is the deviation itself.
        let m = moments(&[1.0], &[1.0], &errors);
        let x: Vec<f64> = draw(&[1.0], &[1.0], &errors, 0.1, N, 11).iter().map(|p| p.largest_mm).collect();
        let mean = x.iter().sum::<f64>() / N as f64;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / N as f64;
        let standard_error = (variance / N as f64).sqrt();
        assert!(
            (mean - m.mean_mm[0]).abs() < 4.0 * standard_error,
            "{distribution:?} {mean} {m:?}",
            m = m.mean_mm
        );
        // The variance of 40,000 draws is known to 1.5 % where the fourth moment is up to 10 σ⁴.
        assert!((variance / m.variance_mm2[0] - 1.0).abs() < 4.0 * 0.015, "{distribution:?}");
        assert_eq!(m.share, [1.0]);
    }
}

#[test]
fn a_tool_bends_as_the_shop_reckons() {
    let mut tool = job().tool[1].clone();
    (tool.diameter_mm, tool.stick_out_mm) = (6.0, 30.0);
    // Ø6 out by 30 mm, E = 600 GPa, core 0.8: 0.58 µm/N.
    assert!((rod_mm_per_n(&tool, &peek().t.capability) * 1e3 - 0.58).abs() < 0.005);
}

#[test]
fn sensitivity_and_model_are_the_same_on_any_number_of_threads() {
    let (sweep, places, job) = measured();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (rows, slopes) = sensitivity(&sweep, &places, &job, 0.0254);
            let model = capability(&places, &slopes, &job, 0.0254, &peek().t.capability).unwrap();
            serde_json::to_string(&(rows, model)).unwrap()
        })
    };
    assert_eq!(on(1), on(4));
}

#[test]
fn a_hopeless_shop_changes_the_model_and_not_the_verdict() {
    let part = part();
    let milled = milled(&part, touching_path(&part, |_| Some(0.0)), line_ends(&part, |_| 0.0, 0.25));
    let good = run(&part, &milled).facts;
    let mut params = peek();
    params.t.capability.flip_shift_mm_sigma = 0.5;
    let bad = inspect(&part, &milled, &job(), None, &params, &Silent).unwrap().facts;
    let (of_good, of_bad) = (good.capability.unwrap(), bad.capability.unwrap());
    // The shift along z alone stays within 25 µm in 4 % of all parts.
    assert!(of_bad.share_whole_within < 0.05, "{}", of_bad.share_whole_within);
    assert!(of_bad.largest_mm_p50 > of_good.largest_mm_p50);
    let source: f64 = of_bad.source.iter().map(|s| s.variance_share).sum();
    assert!((source - 1.0).abs() < 1e-9);
    assert_eq!(good.sensitivity, bad.sensitivity);
    assert_eq!((good.verdict, good.reasons), (bad.verdict, bad.reasons));
    // The job says nothing of the material: the model says that.
    assert!(of_good.model.iter().any(|m| m.contains("job.toml does not say")));
    assert!(good.sensitivity.iter().all(|s| s.unit != "K"));
}

#[test]
fn a_material_that_shrinks_when_warm_is_refused() {
    let part = part();
    let milled = milled(&part, touching_path(&part, |_| Some(0.0)), line_ends(&part, |_| 0.0, 0.25));
    let mut job = job();
    job.expansion_um_per_m_k = Some(-47.0);
    let error = inspect(&part, &milled, &job, None, &peek(), &Silent).unwrap_err().to_string();
    assert!(error.contains("expansion_um_per_m_k is -47"), "{error}");
}
