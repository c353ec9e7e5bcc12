use super::*;
use crate::geometry::random::Random;

fn cutters() -> Vec<Cutter> {
    let base = Cutter {
        end: End::Flat,
        radius_mm: 3.0,
        flute_mm: 10.0,
        shank_radius_mm: 3.0,
        nose_mm: 30.0,
        holder_radius_mm: 20.0,
        drills: false,
    };
    vec![
        base,
        Cutter { end: End::Ball, ..base },
        Cutter { end: End::Bull { flat_mm: 2.2, corner_mm: 0.8 }, ..base },
        Cutter { end: End::Cone { slope: 1.0 / (59f64.to_radians()).tan() }, ..base },
        Cutter { end: End::Cone { slope: 1.0 }, ..base },
    ]
}

fn spans(seed: u64) -> Vec<Span> {
    let mut r = Random::new(seed);
    let mut out = Vec::new();
    for n in 0..150 {
        let from: [f64; 3] = std::array::from_fn(|_| r.within(-2.0, 2.0));
        // Short and long, level, vertical, along the axes, and steep.
        let reach = if n % 3 == 0 { 0.3 } else { 8.0 };
        let mut d: [f64; 3] = std::array::from_fn(|_| r.within(-reach, reach));
        match n % 8 {
            0 => d[2] = 0.0,
            1 => (d[0], d[1]) = (0.0, 0.0),
            2 => d[0] = 0.0,
            3 => d[1] = 0.0,
            4 => (d[1], d[2]) = (0.0, 0.0),
            5 => d[2] *= 10.0,
            _ => {}
        }
        out.push(Span { from, to: std::array::from_fn(|a| from[a] + d[a]) });
    }
    out
}

/// Lowest point over (x, y), trying many places along the move and then around the best.
fn floor_by_trying(c: &Cutter, s: &Span, x: f64, y: f64) -> Option<f64> {
    let value = |u: f64| {
        let p: [f64; 3] = std::array::from_fn(|a| s.from[a] + (s.to[a] - s.from[a]) * u);
        let rho = (x - p[0]).hypot(y - p[1]);
        (rho <= c.radius_mm).then(|| p[2] + c.height_mm(rho))
    };
    let (mut lo, mut hi) = (0.0, 1.0);
    let mut best = None;
    for _ in 0..6 {
        let n = 200;
        let mut at = None;
        for i in 0..=n {
            let u: f64 = lo + (hi - lo) * f64::from(i) / f64::from(n);
            if let Some(z) = value(u)
                && best.is_none_or(|b| z <= b)
            {
                best = Some(z);
                at = Some(u);
            }
        }
        let Some(u) = at else { break };
        let w = (hi - lo) / f64::from(n);
        (lo, hi) = ((u - w).max(0.0), (u + w).min(1.0));
    }
    best
}

#[test]
fn the_floor_of_every_cutter_is_that_found_by_trying() {
    let mut r = Random::new(5);
    for c in cutters() {
        for s in spans(1) {
            let sweep = Sweep::new(&c, s);
            for _ in 0..20 {
                let (x, y) = (
                    r.within(s.from[0].min(s.to[0]) - 3.0, s.from[0].max(s.to[0]) + 3.0),
                    r.within(s.from[1].min(s.to[1]) - 3.0, s.from[1].max(s.to[1]) + 3.0),
                );
                let got = sweep.floor(x, y);
                if let Some(tried) = floor_by_trying(&c, &s, x, y) {
                    let got = got.unwrap_or_else(|| panic!("{c:?} {s:?} reaches {x} {y}"));
                    // Trying can only find a higher place. On the rim of the disc a root's slope is unbounded,
                    // so its last step may be this far off.
                    assert!(got <= tried + 1e-9, "{c:?} {s:?} {x} {y}: {got} {tried}");
                    assert!(got > tried - 0.05, "{c:?} {s:?} {x} {y}: {got} {tried}");
                    let smooth = c.end == End::Ball && (got - sweep.lowest()) < 2.0;
                    assert!(!smooth || got > tried - 2e-6, "{c:?} {s:?} {x} {y}: {got} {tried}");
                }
            }
        }
    }
}

#[test]
fn lines_across_and_upright_lines_agree_on_what_is_swept() {
    let mut r = Random::new(9);
    let mut met = 0;
    for c in cutters() {
        for s in spans(2) {
            let sweep = Sweep::new(&c, s);
            for axis in 0..2 {
                let other = 1 - axis;
                for _ in 0..20 {
                    let across =
                        r.within(s.from[other].min(s.to[other]) - 3.2, s.from[other].max(s.to[other]) + 3.2);
                    let z = r.within(sweep.lowest() - 0.1, s.from[2].max(s.to[2]) + 4.0);
                    let inside = |along: f64| {
                        let p = if axis == 0 { [along, across] } else { [across, along] };
                        sweep.floor(p[0], p[1]).is_some_and(|f| f <= z)
                    };
                    // 1e-6 mm: steps across an end this size must change sides (torus: its own bound 1e-7).
                    let e = 1e-6;
                    match sweep.interval(axis, across, z) {
                        Some((a, b)) if b - a > 4.0 * e => {
                            met += 1;
                            assert!(
                                inside(a + e) && inside(b - e),
                                "{c:?} {s:?} {axis} {across} {z}: {a} {b}"
                            );
                            assert!(
                                !inside(a - e) && !inside(b + e),
                                "{c:?} {s:?} {axis} {across} {z}: {a} {b}"
                            );
                        }
                        Some(_) => {}
                        None => {
                            for i in 0..=100 {
                                let x = s.from[axis] + (s.to[axis] - s.from[axis]) * f64::from(i) / 100.0;
                                assert!(!inside(x), "{c:?} {s:?} {axis} {across} {z} at {x}");
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(met > 5_000, "only {met} lines met a sweep");
}
