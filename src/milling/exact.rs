//! The simulator held against closed forms: programs as text, through the reader and the dexels, cut a sphere, planes,
//! cylinders, cones and tori, and every line end of all three families is held against the form.
//!
//! The forms are written anew from the shape, in the work frame of the program: none of `sweep` is used.
//!
//! *A ball of radius r* sweeps the places within r of the curtain that rises from its middle's path: of a straight
//! move a half-strip, of an arc a bent one; its border is a sphere, a cylinder, a torus. *A bull nose* sweeps the
//! places within its corner radius of what its flat sweeps at that height and above. *Flat and pointed mills* are
//! discs that grow with height: a level line meets those whose height it has.
//!
//! The error of an end is its distance to the form; for a flat or pointed mill, whose form has corners, the distance
//! along z (z lines) or in the level plane (x and y lines), which is never less.

use super::params::tests::params;
use super::tests::{inner, job};
use super::*;
use crate::geometry::random::Random;
use crate::model::{LineEnd, Silent};

/// Asked of every line end, mm. Arcs are milled as chords 0.0002 mm off and end on four decimals, 0.00005 mm.
const ERROR_MM_MAX: f64 = 0.0005;
/// Asked of straight moves, mm: what `sweep` promises of its weakest form, the torus on a slope.
const STRAIGHT_ERROR_MM_MAX: f64 = 1e-7;
/// Places nearer to the form than this are not asked whether they are in or out, mm.
const NEITHER_MM: f64 = 0.001;
pub(super) const DEXEL_MM: f64 = 0.25;

pub(super) type P3 = [f64; 3];

/// The end of a cutter, by its drawing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Corner radius; the flat reaches to the radius less that. A ball has no flat.
    Round {
        radius: f64,
        corner: f64,
    },
    Flat {
        radius: f64,
    },
    /// Rises this much per mm of radius.
    Point {
        radius: f64,
        rise: f64,
    },
}

/// T number and shape, as in the job of the tests.
pub(super) fn tool_of(t: u32) -> Shape {
    match t {
        1 => Shape::Flat { radius: 3.0 },
        2 => Shape::Round { radius: 3.0, corner: 3.0 },
        3 => Shape::Round { radius: 3.0, corner: 1.0 },
        4 => Shape::Point { radius: 1.0, rise: 1.0 / 59f64.to_radians().tan() },
        5 => Shape::Point { radius: 3.0, rise: 1.0 },
        6 => Shape::Round { radius: 1.5, corner: 1.5 },
        _ => unreachable!("the job has six tools"),
    }
}

/// What the tip does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path {
    /// Straight; a plunge where both ends share x and y.
    Line(P3, P3),
    /// Level, counter-clockwise about (x, y) from the first angle over the second, at height z.
    Level { centre: [f64; 2], radius: f64, from: f64, turn: f64, z: f64 },
    /// A valley in the upright plane along axis 0 or 1 through `across`: `half` wide either side of its middle.
    Valley { axis: usize, across: f64, middle: [f64; 2], half: f64, drop: f64 },
}

fn dist(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Distance in the level plane from a place to a straight stretch.
pub(super) fn to_stretch(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let d = [b[0] - a[0], b[1] - a[1]];
    let l2 = d[0] * d[0] + d[1] * d[1];
    let u = if l2 > 0.0 { (((p[0] - a[0]) * d[0] + (p[1] - a[1]) * d[1]) / l2).clamp(0.0, 1.0) } else { 0.0 };
    dist(p, [a[0] + d[0] * u, a[1] + d[1] * u])
}

/// Least value of a convex function over [lo, hi], by thirds.
fn least(mut lo: f64, mut hi: f64, f: impl Fn(f64) -> f64) -> f64 {
    let ends = f(lo).min(f(hi));
    for _ in 0..80 {
        let (p, q) = (lo + (hi - lo) / 3.0, hi - (hi - lo) / 3.0);
        if f(p) <= f(q) { hi = q } else { lo = p }
    }
    ends.min(f(0.5 * (lo + hi)))
}

/// How far a place stands off what is cut, mm: positive in the material, zero on the form. `axis`: the family of lines.
pub(super) fn off(shape: Shape, path: Path, p: P3, axis: u8) -> f64 {
    match path {
        Path::Line(a, b) => off_line(shape, a, b, p, axis),
        Path::Level { centre, radius, from, turn, z } => {
            let angle = (p[1] - centre[1]).atan2(p[0] - centre[0]);
            let within = (angle - from).rem_euclid(std::f64::consts::TAU) <= turn;
            let at = |angle: f64| [centre[0] + radius * angle.cos(), centre[1] + radius * angle.sin()];
            let level = [p[0], p[1]];
            let aside = if within {
                (dist(level, centre) - radius).abs()
            } else {
                dist(level, at(from)).min(dist(level, at(from + turn)))
            };
            off_level(shape, aside, p[2] - z, axis)
        }
        Path::Valley { axis: along, across, middle, half, drop } => {
            let Shape::Round { radius, corner } = shape else { unreachable!("valleys are cut with a ball") };
            assert_eq!(radius, corner);
            // In the upright plane, the ball's middle above the tip.
            let (s, h) = (p[along] - middle[0], p[2] - radius - middle[1]);
            let bend = half.hypot(drop);
            let in_plane = if s.abs() <= half && h >= -(bend * bend - s * s).sqrt() {
                0.0
            } else if h < 0.0 && s.abs() * drop <= -h * half {
                s.hypot(h) - bend
            } else {
                (s.abs() - half).hypot((-drop - h).max(0.0))
            };
            in_plane.hypot(p[1 - along] - across) - radius
        }
    }
}

/// Off a cutter whose tip stays level: `aside` from its way, `h` above its tip.
fn off_level(shape: Shape, aside: f64, h: f64, axis: u8) -> f64 {
    match shape {
        Shape::Round { radius, corner } => {
            (aside - (radius - corner)).max(0.0).hypot((corner - h).max(0.0)) - corner
        }
        Shape::Flat { radius } if axis == 2 => {
            if aside <= radius {
                -h
            } else {
                aside - radius
            }
        }
        Shape::Flat { radius } => {
            if h >= 0.0 {
                aside - radius
            } else {
                -h
            }
        }
        Shape::Point { radius, rise } if axis == 2 => {
            if aside <= radius {
                rise * aside - h
            } else {
                aside - radius
            }
        }
        Shape::Point { radius, rise } => {
            if h >= 0.0 {
                aside - (h / rise).min(radius)
            } else {
                -h
            }
        }
    }
}

fn off_line(shape: Shape, a: P3, b: P3, p: P3, axis: u8) -> f64 {
    let d: P3 = std::array::from_fn(|k| b[k] - a[k]);
    let run = d[0].hypot(d[1]);
    let at = |u: f64| -> P3 { std::array::from_fn(|k| a[k] + d[k] * u) };
    let aside = |u: f64| dist([p[0], p[1]], [at(u)[0], at(u)[1]]);
    let level = [p[0], p[1]];
    if d[2] == 0.0 || run == 0.0 {
        let aside = to_stretch(level, [a[0], a[1]], [b[0], b[1]]);
        return off_level(shape, aside, p[2] - a[2].min(b[2]), axis);
    }
    // Part of the move whose tip lies no higher than `z`.
    let below = |z: f64| {
        let u = (z - a[2]) / d[2];
        if d[2] > 0.0 { (0.0, u.min(1.0)) } else { (u.max(0.0), 1.0) }
    };
    // Part of the move whose disc of this radius covers the place.
    let covers = |radius: f64| {
        let (x, y) = (p[0] - a[0], p[1] - a[1]);
        let (along, l2) = ((x * d[0] + y * d[1]) / run, run * run);
        let half2 = radius * radius - (x * d[1] - y * d[0]).powi(2) / l2;
        let half = half2.max(0.0).sqrt();
        let (lo, hi) = (((along - half) / run).max(0.0), ((along + half) / run).min(1.0));
        (half2 >= 0.0 && lo <= hi).then_some((lo, hi))
    };
    let missed = || to_stretch(level, [a[0], a[1]], [b[0], b[1]]);
    match shape {
        Shape::Round { radius, corner } if radius == corner => {
            // The half-strip over the way of the ball's middle, in its upright plane.
            let s = ((p[0] - a[0]) * d[0] + (p[1] - a[1]) * d[1]) / run;
            let across = ((p[0] - a[0]) * d[1] - (p[1] - a[1]) * d[0]) / run;
            let h = p[2] - a[2] - radius;
            let over = (0.0..=run).contains(&s) && h >= d[2] / run * s;
            let in_plane = if over {
                0.0
            } else {
                let end = |s0: f64, h0: f64| (s - s0).abs().hypot((h0 - h).max(0.0));
                to_stretch([s, h], [0.0, 0.0], [run, d[2]]).min(end(0.0, 0.0)).min(end(run, d[2]))
            };
            in_plane.hypot(across) - radius
        }
        Shape::Round { radius, corner } => {
            // To the flat on its way, a solid and convex body: least along the move.
            let flat = radius - corner;
            let to_flat = |u: f64| (aside(u) - flat).max(0.0).hypot((at(u)[2] + corner - p[2]).max(0.0));
            least(0.0, 1.0, to_flat) - corner
        }
        Shape::Flat { radius } if axis == 2 => match covers(radius) {
            Some((lo, hi)) => at(lo)[2].min(at(hi)[2]) - p[2],
            None => missed() - radius,
        },
        Shape::Flat { radius } => {
            let (lo, hi) = below(p[2]);
            if lo > hi {
                return a[2].min(b[2]) - p[2];
            }
            to_stretch(level, [at(lo)[0], at(lo)[1]], [at(hi)[0], at(hi)[1]]) - radius
        }
        Shape::Point { radius, rise } if axis == 2 => match covers(radius) {
            Some((lo, hi)) => least(lo, hi, |u| at(u)[2] + rise * aside(u)) - p[2],
            None => missed() - radius,
        },
        Shape::Point { radius, rise } => {
            let (lo, hi) = below(p[2]);
            if lo > hi {
                return a[2].min(b[2]) - p[2];
            }
            least(lo, hi, |u| aside(u) - ((p[2] - at(u)[2]) / rise).min(radius))
        }
    }
}

/// Four decimals, as in the text.
pub(super) fn four(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

fn words(p: P3) -> String {
    format!("X{:.4} Y{:.4} Z{:.4}", p[0], p[1], p[2])
}

/// The text that does `paths`, each entered from above and left upwards at feed, so that nothing else is cut: a
/// cutter is open upwards, so what it clears above its way belongs to the form.
fn text_of(t: u32, paths: &[Path], second: bool) -> ProgramText {
    let mut body = String::new();
    for path in paths {
        let (from, cut) = match *path {
            Path::Line(a, b) => (a, format!("G1 {}", words(b))),
            Path::Level { centre, radius, from, turn, z } => {
                let at = |angle: f64| [centre[0] + radius * angle.cos(), centre[1] + radius * angle.sin(), z];
                let (a, b) = (at(from).map(four), at(from + turn).map(four));
                let cut = format!(
                    "G17 G3 X{:.4} Y{:.4} I{:.4} J{:.4}",
                    b[0],
                    b[1],
                    centre[0] - a[0],
                    centre[1] - a[1]
                );
                (a, cut)
            }
            Path::Valley { axis, across, middle, half, drop } => {
                let mut a = [across, across, middle[1] - drop];
                let mut b = a;
                (a[axis], b[axis]) = (middle[0] - half, middle[0] + half);
                // From left to right through the bottom: clockwise seen from +y, counter-clockwise from +x.
                let (plane, turn, word) = if axis == 0 { (18, 2, 'I') } else { (19, 3, 'J') };
                let cut = format!("G{plane} G{turn} {} {word}{half:.4} K{drop:.4}", words(b));
                (a, cut)
            }
        };
        body += &format!(
            "G0 Z20.\nG0 X{:.4} Y{:.4}\nG0 Z0.5\nG1 F800.\nG1 Z{:.4}\n{cut}\nG17\n",
            from[0], from[1], from[2]
        );
    }
    let (file, offset) = if second { ("op20.ngc", "G55") } else { ("op10.ngc", "G54") };
    let text = format!(
        "G21 G90 G94 G17 G40 G49 G80\n{offset}\nT{t} M6\nG43 H{t}\nS8000 M3\nG0 Z20.\n{body}G0 Z20.\nM5\nM30\n"
    );
    ProgramText { file: file.into(), text }
}

/// Largest error per family, mm, and how many ends were held.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    error_mm: [f64; 3],
    ends: [usize; 3],
}

impl Held {
    fn add(&mut self, other: Held) {
        for a in 0..3 {
            self.error_mm[a] = self.error_mm[a].max(other.error_mm[a]);
            self.ends[a] += other.ends[a];
        }
    }

    fn told(&self, what: &str) {
        let um = self.error_mm.map(|e| e * 1e3);
        println!("{what}: {:.2e} {:.2e} {:.2e} µm on {:?} x, y, z ends", um[0], um[1], um[2], self.ends);
    }
}

/// Cuts `paths` with tool `t`, and holds every line end and 3,000 places against the form.
fn cut(t: u32, paths: &[Path], second: bool, seed: u64) -> Held {
    let program = text_of(t, paths, second);
    let mut job = job(&[program.file.as_str()]);
    job.fixture.clear();
    let work_from_part = job.program[0].part_from_work.iso.inverse();
    let text = program.text.clone();
    let milled = mill(&[program], &job, None, &params(&[("dexel_mm", DEXEL_MM)]), &Silent).expect("a job");
    for c in &milled.facts.collisions {
        // Full cuts are no fault of the form; anything else would be a text that was not understood.
        let known =
            ["plunge-full-width", "cutting-above-flutes", "shank", "holder"].contains(&c.kind.as_str());
        assert!(known, "{c:?}\n{text}");
    }
    let shape = tool_of(t);
    let off_all = |p_part: P3, axis: u8| {
        let p = work_from_part * nalgebra::Point3::from(p_part);
        paths.iter().map(|path| off(shape, *path, [p.x, p.y, p.z], axis)).fold(f64::INFINITY, f64::min)
    };
    let straight = paths.iter().all(|p| matches!(p, Path::Line(..)));
    let limit = if straight { STRAIGHT_ERROR_MM_MAX } else { ERROR_MM_MAX };
    let mut held = Held::default();
    for axis in 0..3u8 {
        for e in inner(&milled, axis) {
            let error = off_all(e.p_mm, axis).abs();
            assert!(error <= limit, "T{t} {paths:?} axis {axis} {e:?}: {error}\n{text}");
            held.error_mm[axis as usize] = held.error_mm[axis as usize].max(error);
            held.ends[axis as usize] += 1;
        }
    }
    in_and_out(&milled, &job, off_all, seed);
    held
}

/// Places on lines of each family are material where the form says so: no end is missing and none is there twice.
pub(super) fn in_and_out(milled: &Milled, job: &Job, off: impl Fn(P3, u8) -> f64, seed: u64) {
    let lattice = Lattice::new(&job.stock, DEXEL_MM);
    let mut lines: BTreeMap<(u8, usize, usize), Vec<LineEnd>> = BTreeMap::new();
    let across = |axis: u8| ((axis as usize + 1) % 3, (axis as usize + 2) % 3);
    for e in &milled.line_ends {
        let (a, b) = across(e.axis);
        lines
            .entry((e.axis, lattice.nearest(a, e.p_mm[a]), lattice.nearest(b, e.p_mm[b])))
            .or_default()
            .push(*e);
    }
    let mut r = Random::new(seed);
    let (mut material, mut removed) = (0, 0);
    let cut: Vec<LineEnd> = (0..3).flat_map(|axis| inner(milled, axis)).collect();
    for n in 0..3_000u64 {
        let axis = (n % 3) as u8;
        // Half of them anywhere, half within six lines of what was cut.
        let near = cut[(r.bits() % cut.len() as u64) as usize].p_mm;
        let ijk: [usize; 3] = std::array::from_fn(|a| {
            let beside = lattice.nearest(a, near[a]) + (r.bits() % 13) as usize;
            let anywhere = (r.bits() % lattice.n[a] as u64) as usize;
            if n % 2 == 0 { anywhere } else { beside.saturating_sub(6).min(lattice.n[a] - 1) }
        });
        let p: P3 = std::array::from_fn(|a| lattice.at(a, ijk[a]));
        let form = off(p, axis);
        let (a, b) = across(axis);
        let Some(ends) = lines.get(&(axis, ijk[a], ijk[b])) else { continue };
        let along = axis as usize;
        let nearest = ends
            .iter()
            .min_by(|e, f| (e.p_mm[along] - p[along]).abs().total_cmp(&(f.p_mm[along] - p[along]).abs()))
            .expect("a line of the map has an end");
        if form.abs() < NEITHER_MM || (nearest.p_mm[along] - p[along]).abs() < NEITHER_MM {
            continue;
        }
        let solid = (nearest.p_mm[along] > p[along]) == nearest.material_below;
        assert_eq!(solid, form > 0.0, "axis {axis} at {p:?}: {form} mm off the form, nearest {nearest:?}");
        if solid { material += 1 } else { removed += 1 }
    }
    assert!(material > 100 && removed > 20, "{material} in, {removed} out");
}

/// Start and end of a straight move over the blank at any angle, four decimals; down to 4 mm deep.
fn any_line(r: &mut Random, n: usize) -> Path {
    let a = [r.within(4.0, 26.0), r.within(4.0, 16.0), r.within(-4.0, -0.5)];
    let angle = r.within(0.0, std::f64::consts::TAU);
    // From level over shallow to steep and all but upright.
    let rise = [0.0, 1e-3, 0.02, 0.2, 0.7, 1.0, 3.0, 50.0][n % 8] * if n % 16 < 8 { 1.0 } else { -1.0 };
    let run = (r.within(1.0, 14.0)).min(3.4 / f64::abs(rise).max(1e-9));
    let b = [a[0] + run * angle.cos(), a[1] + run * angle.sin(), (a[2] + run * rise).clamp(-4.0, -0.2)];
    Path::Line(a.map(four), b.map(four))
}

#[test]
fn a_ball_straight_down_leaves_a_sphere() {
    let mut r = Random::new(101);
    let mut held = Held::default();
    for n in 0..12 {
        let at = [r.within(4.0, 26.0), r.within(4.0, 16.0)];
        let plunge = |z: f64| Path::Line([at[0], at[1], 0.5].map(four), [at[0], at[1], z].map(four));
        held.add(cut(2, &[plunge(r.within(-2.9, -0.5))], n % 2 == 1, n));
        held.add(cut(6, &[plunge(r.within(-4.0, -0.5))], n % 2 == 0, n));
    }
    held.told("sphere");
    assert!(held.ends.iter().all(|&n| n > 2_000), "{held:?}");
}

#[test]
fn a_ball_along_any_straight_line_leaves_a_cylinder() {
    let mut r = Random::new(102);
    let mut held = Held::default();
    for n in 0..32 {
        held.add(cut(2, &[any_line(&mut r, n)], n % 2 == 1, n as u64));
    }
    held.told("cylinder");
    assert!(held.ends.iter().all(|&n| n > 10_000), "{held:?}");
}

#[test]
fn a_flat_mill_leaves_planes_and_the_cylinder_of_its_edge() {
    let mut r = Random::new(103);
    let mut held = Held::default();
    for n in 0..32 {
        held.add(cut(1, &[any_line(&mut r, n)], n % 2 == 1, n as u64));
    }
    held.told("plane, flat mill");
    assert!(held.ends.iter().all(|&n| n > 10_000), "{held:?}");
}

#[test]
fn a_ball_in_rows_leaves_a_plane_of_any_slope_to_its_cusps() {
    let mut r = Random::new(104);
    let mut held = Held::default();
    for n in 0..8 {
        // z = z0 + g·(x, y) for the lowest point of a ball: the plane it touches lies parallel, r (sec − 1) above.
        let (steep, angle) = (r.within(0.0, 0.5), r.within(0.0, std::f64::consts::TAU));
        let g = [steep * angle.cos(), steep * angle.sin()];
        let sec = 1.0f64.hypot(steep);
        let z0 = -2.5;
        let tip = |x: f64, y: f64| [x, y, (z0 + g[0] * (x - 15.0) + g[1] * (y - 10.0)).clamp(-6.0, 6.0)];
        let apart = 0.4;
        let paths: Vec<Path> = (0..16)
            .map(|k| {
                let y = 7.0 + apart * f64::from(k);
                Path::Line(tip(11.0, y).map(four), tip(19.0, y).map(four))
            })
            .collect();
        let one = cut(2, &paths, n % 2 == 1, n);
        held.add(one);
        // Cusps: rows `apart` wide in y lie this far apart across their direction, in the plane.
        let program = text_of(2, &paths, false);
        let mut job = job(&["op10.ngc"]);
        job.fixture.clear();
        let m = mill(&[program], &job, None, &params(&[("dexel_mm", DEXEL_MM)]), &Silent).expect("a job");
        let across = apart * sec / 1.0f64.hypot(g[0]);
        let cusp = 3.0 - (9.0 - across * across / 4.0).sqrt();
        let mut most = 0.0f64;
        for e in inner(&m, 2) {
            let [x, y, z] = e.p_mm;
            if (13.0..17.0).contains(&x) && (9.0..11.0).contains(&y) && e.material_below && z < -0.2 {
                let over = (z - (z0 + g[0] * (x - 15.0) + g[1] * (y - 10.0)) - 3.0 + 3.0 * sec) / sec;
                // Four decimals of either end may lift or lower a row by 0.05 µm.
                assert!(over > -1e-4 && over < cusp + 1e-4, "{g:?} {e:?}: {over} of {cusp}");
                most = most.max(over);
            }
        }
        assert!(most > 0.5 * cusp, "the cusps are seen: {most} of {cusp}");
    }
    held.told("plane, ball in rows");
}

#[test]
fn a_bull_nose_leaves_a_torus_straight_down_and_its_sweep_on_any_slope() {
    let mut r = Random::new(105);
    let (mut down, mut swept) = (Held::default(), Held::default());
    for n in 0..12 {
        let at = [r.within(4.0, 26.0), r.within(4.0, 16.0)];
        let z = r.within(-2.9, -0.9);
        let path = Path::Line([at[0], at[1], 0.5].map(four), [at[0], at[1], z].map(four));
        down.add(cut(3, &[path], n % 2 == 1, n));
    }
    for n in 0..32 {
        swept.add(cut(3, &[any_line(&mut r, n)], n % 2 == 1, n as u64));
    }
    down.told("torus, bull nose straight down");
    swept.told("torus swept, bull nose");
    assert!(down.ends.iter().chain(&swept.ends).all(|&n| n > 2_000), "{down:?} {swept:?}");
}

#[test]
fn drill_and_chamfer_leave_cones_and_their_sweeps() {
    let mut r = Random::new(106);
    let (mut down, mut swept) = (Held::default(), Held::default());
    for n in 0..12 {
        let at = [r.within(4.0, 26.0), r.within(4.0, 16.0)];
        let z = r.within(-2.9, -0.9);
        let path = Path::Line([at[0], at[1], 0.5].map(four), [at[0], at[1], z].map(four));
        down.add(cut(4 + (n % 2) as u32, &[path], n % 4 < 2, n));
    }
    for n in 0..32 {
        swept.add(cut(4 + (n % 2) as u32, &[any_line(&mut r, n / 2)], n % 4 < 2, n as u64));
    }
    down.told("cone straight down");
    swept.told("cone swept");
    assert!(down.ends.iter().chain(&swept.ends).all(|&n| n > 500), "{down:?} {swept:?}");
}

#[test]
fn arcs_leave_tori_level_and_upright() {
    let mut r = Random::new(107);
    let mut held = [Held::default(); 2];
    // Quarters of 3-4-5 triangles end on four decimals exactly.
    let corner = (4.0f64).atan2(3.0);
    let turns = [(0.0, std::f64::consts::TAU), (0.0, corner), (corner, std::f64::consts::FRAC_PI_2)];
    for n in 0..24usize {
        let centre = [four(r.within(9.0, 21.0)), four(r.within(9.0, 11.0))];
        let (from, turn) = turns[n % 3];
        let z = four(r.within(-3.0, -0.5));
        let path = Path::Level { centre, radius: [5.0, 2.5, 7.5][n / 3 % 3], from, turn, z };
        held[0].add(cut(1 + (n % 6) as u32, &[path], n % 4 < 2, n as u64));
    }
    for n in 0..24 {
        let axis = n % 2;
        let (half, drop) = (four(r.within(0.5, 4.0)), four(r.within(0.3, 6.0)));
        let bend = half.hypot(drop);
        // The tip's lowest place between 0.8 and 4 mm deep.
        let middle = [four(r.within(8.0, 12.0)), four(bend - r.within(0.8, 4.0))];
        let path = Path::Valley { axis, across: four(r.within(5.0, 15.0)), middle, half, drop };
        held[1].add(cut([2, 6][n / 2 % 2], &[path], n % 4 < 2, n as u64));
    }
    held[0].told("torus, level arcs of all cutters");
    held[1].told("torus, upright arcs of balls");
    assert!(held.iter().flat_map(|h| h.ends).all(|n| n > 3_000), "{held:?}");
}
