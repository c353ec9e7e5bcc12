//! Passes along the creases of a surface of cutter locations: where the cutter touches two places at once.
//!
//! **Method** Along every edge of the lattice the height of the lowered cutter is looked at from inside the edge's two
//! ends. Where it turns upwards, the place farthest below the straight line between them is searched for; where the turn
//! is sharp there, the cutter stands in a crease (or in a hollow hardly wider than itself). Places on the sides of one
//! cell are joined, chords are halved until they keep to the crease.
//!
//! **Guarantees** A pass lies on the surface: its chords are those of every other pass, so it cannot gouge. Along it the
//! fillet left in a concave edge is the cutter's own.
//!
//! **Limits** Two creases within one cell (0.25 mm) are seen as one or none. Where three meet, two are joined.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::pass::{Line, on_surface};
use super::plane::{Field, Lowered};
use super::raster::{Chords, Piece};
use super::scene::TAB;

/// A turn of less leaves less than the tolerance: a ball of 3 mm stands 3·(1/cos 4° − 1) = 7 µm above the bottom.
const TURN_MIN_DEG: f64 = 8.0;
/// The turn is taken this far to either side, mm: a hollow turns as much where its radius is 0.3 mm over the cutter's.
const BESIDE_MM: f64 = 0.02;
/// Places are found to 0.1 µm.
const PLACE_MM: f64 = 1e-4;
/// Beside a wall steeper than this the pass keeps this much off it, mm: on it a pass would climb.
const WALL_DEG: f64 = 60.0;
const OFF_WALL_MM: f64 = 0.002;
/// Chords stray no farther from the crease, mm.
const ASIDE_MM: f64 = 0.002;
/// Chords shorter than this are not halved, mm.
const SHORTEST_MM: f64 = 0.04;
/// Ends no farther apart than this are one crease, cells.
const GAP_CELLS: f64 = 2.5;
/// Shorter creases are specks of a net, mm.
const LENGTH_MIN_MM: f64 = 0.5;

/// Passes along the creases of the part where `wanted` holds, tabs left out.
pub fn creases(
    cl: &Lowered<'_>,
    field: &Field,
    chords: &Chords,
    wanted: &(dyn Fn([f64; 3]) -> bool + Sync),
) -> Vec<Piece> {
    let places = crossings(cl, field, wanted);
    let lines = join(chains(field, &places), GAP_CELLS * field.plane.step);
    let pieces: Vec<Vec<Piece>> = lines
        .par_iter()
        .filter(|line| length(line) >= LENGTH_MIN_MM)
        .map(|line| {
            let mut points = vec![line[0]];
            for w in line.windows(2) {
                between(cl, w[0], w[1], 0, &mut points);
                points.push(w[1]);
            }
            let closed = points.len() > 3 && points.first() == points.last();
            on_surface(cl, &Line { points, closed }, chords)
        })
        .collect();
    pieces.into_iter().flatten().collect()
}

/// Where creases cross the edges of the lattice: edge 2·at runs to the node on the right, 2·at + 1 to the node above.
fn crossings(
    cl: &Lowered<'_>,
    field: &Field,
    wanted: &(dyn Fn([f64; 3]) -> bool + Sync),
) -> BTreeMap<usize, [f64; 2]> {
    let plane = &field.plane;
    let found: Vec<(usize, [f64; 2])> = (0..plane.len())
        .into_par_iter()
        .flat_map_iter(|at| {
            let (i, j) = plane.ij(at);
            let along = |k: usize, n: usize, step: usize, edge: usize| {
                // A quick look from the nodes around the edge.
                if k == 0 || k + 2 >= n {
                    return None;
                }
                let z = [at - step, at, at + step, at + 2 * step].map(|b| field.z(b));
                if z.iter().any(|z| !z.is_finite()) {
                    return None;
                }
                let turn = ((z[3] - z[2]) / plane.step).atan() - ((z[1] - z[0]) / plane.step).atan();
                if turn < 0.7 * TURN_MIN_DEG.to_radians() {
                    return None;
                }
                corner(cl, plane.xy(at), plane.xy(at + step)).map(|p| (edge, p))
            };
            if !wanted(field.tip(at)) {
                return [None, None].into_iter().flatten();
            }
            [along(i, plane.nx, 1, 2 * at), along(j, plane.ny, plane.nx, 2 * at + 1)].into_iter().flatten()
        })
        .collect();
    found.into_iter().collect()
}

/// The crease between `a` and `b`, if there is one of the part's own.
fn corner(cl: &Lowered<'_>, a: [f64; 2], b: [f64; 2]) -> Option<[f64; 2]> {
    let d = [b[0] - a[0], b[1] - a[1]];
    let length = d[0].hypot(d[1]);
    let at = |t: f64| [a[0] + d[0] * t, a[1] + d[1] * t];
    let z = |t: f64| {
        let p = at(t);
        cl.z(p[0], p[1])
    };
    let (za, zb) = (z(0.0), z(1.0));
    if !za.is_finite() || !zb.is_finite() {
        return None;
    }
    // Does the way turn upwards between the ends at all?
    let e = (0.1 * BESIDE_MM / length).min(0.01);
    let rise = |from: f64, to: f64, zf: f64, zt: f64| (zt - zf) / ((to - from) * length);
    let turn = rise(1.0 - e, 1.0, z(1.0 - e), zb).atan() - rise(0.0, e, za, z(e)).atan();
    if !(turn >= TURN_MIN_DEG.to_radians()) {
        return None;
    }
    // Golden section for the place farthest below the chord; beside a cliff that is its foot.
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let below = |t: f64| za + (zb - za) * t - z(t);
    let (mut lo, mut hi) = (0.0, 1.0);
    let (mut t1, mut t2) = (1.0 - GOLDEN, GOLDEN);
    let (mut g1, mut g2) = (below(t1), below(t2));
    while (hi - lo) * length > PLACE_MM {
        if g1 > g2 {
            (hi, t2, g2) = (t2, t1, g1);
            t1 = hi - GOLDEN * (hi - lo);
            g1 = below(t1);
        } else {
            (lo, t1, g1) = (t1, t2, g2);
            t2 = lo + GOLDEN * (hi - lo);
            g2 = below(t2);
        }
    }
    let t = if g1 > g2 { t1 } else { t2 };
    let (near, beside) = (0.2 * BESIDE_MM / length, BESIDE_MM / length);
    let [left, right] = [(t - beside, t - near), (t + near, t + beside)]
        .map(|(from, to)| rise(from, to, z(from), z(to)).atan());
    if !(right - left >= TURN_MIN_DEG.to_radians()) {
        return None;
    }
    for s in [t - beside, t + beside] {
        let p = at(s);
        if cl.at(p[0], p[1]).tag == TAB {
            return None;
        }
    }
    let wall = WALL_DEG.to_radians();
    let off = match (left < -wall, right > wall) {
        (false, true) => -OFF_WALL_MM / length,
        (true, false) => OFF_WALL_MM / length,
        _ => 0.0,
    };
    Some(at(t + off))
}

/// Joins the places on the sides of each cell, cell to cell.
fn chains(field: &Field, places: &BTreeMap<usize, [f64; 2]>) -> Vec<Vec<[f64; 2]>> {
    let plane = &field.plane;
    // Neighbours of each place, two at most.
    let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for j in 0..plane.ny.saturating_sub(1) {
        for i in 0..plane.nx - 1 {
            let at = j * plane.nx + i;
            let sides = [2 * at, 2 * (at + 1) + 1, 2 * (at + plane.nx), 2 * at + 1];
            let on: Vec<usize> = sides.into_iter().filter(|e| places.contains_key(e)).collect();
            let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
            for (k, &a) in on.iter().enumerate() {
                for &b in &on[k + 1..] {
                    let (p, q) = (places[&a], places[&b]);
                    pairs.push(((p[0] - q[0]).hypot(p[1] - q[1]), a, b));
                }
            }
            // Where three meet the longest way is the one that goes through.
            pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            if let Some(&(_, a, b)) = pairs.first() {
                next.entry(a).or_default().push(b);
                next.entry(b).or_default().push(a);
            }
        }
    }
    let mut used: BTreeMap<usize, bool> = BTreeMap::new();
    let mut out = Vec::new();
    let ends = next.keys().filter(|e| next[e].len() == 1).chain(next.keys());
    for &start in ends {
        if used.insert(start, true).is_some() {
            continue;
        }
        let mut line = vec![places[&start]];
        let mut at = start;
        while let Some(&to) = next[&at].iter().find(|b| !used.contains_key(b)) {
            used.insert(to, true);
            line.push(places[&to]);
            at = to;
        }
        if line.len() > 2 && next[&at].contains(&start) {
            line.push(places[&start]);
        }
        out.push(line);
    }
    out
}

fn length(line: &[[f64; 2]]) -> f64 {
    line.windows(2).map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1])).sum()
}

/// Joins lines whose ends lie close together, nearest first from each line's end.
fn join(lines: Vec<Vec<[f64; 2]>>, reach_mm: f64) -> Vec<Vec<[f64; 2]>> {
    let mut left: Vec<Option<Vec<[f64; 2]>>> = lines.into_iter().map(Some).collect();
    let mut out = Vec::new();
    for k in 0..left.len() {
        let Some(mut line) = left[k].take() else { continue };
        for _ in 0..2 {
            while line.first() != line.last() || line.len() == 1 {
                let end = *line.last().expect("a line has points");
                let far = |p: &[f64; 2]| (p[0] - end[0]).hypot(p[1] - end[1]);
                let nearest = left
                    .iter()
                    .enumerate()
                    .filter_map(|(n, l)| l.as_ref().filter(|l| l.first() != l.last()).map(|l| (n, l)))
                    .map(|(n, l)| (far(&l[0]).min(far(&l[l.len() - 1])), n))
                    .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let Some((d, n)) = nearest.filter(|(d, _)| *d <= reach_mm) else { break };
                let mut more = left[n].take().expect("the nearest is one that is left");
                if far(&more[0]) > d {
                    more.reverse();
                }
                line.extend(more);
            }
            line.reverse();
        }
        out.push(line);
    }
    out
}

/// Adds places of the crease between two of its places until the chords keep to it.
fn between(cl: &Lowered<'_>, a: [f64; 2], b: [f64; 2], depth: u32, points: &mut Vec<[f64; 2]>) {
    let d = [b[0] - a[0], b[1] - a[1]];
    let length = d[0].hypot(d[1]);
    if length < SHORTEST_MM || depth > 6 {
        return;
    }
    let m = [0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1])];
    let aside = (0.4 * length).max(BESIDE_MM * 2.0);
    let side = [-d[1] / length * aside, d[0] / length * aside];
    let found = corner(cl, [m[0] - side[0], m[1] - side[1]], [m[0] + side[0], m[1] + side[1]]);
    let Some(p) = found else { return };
    if (p[0] - m[0]).hypot(p[1] - m[1]) <= ASIDE_MM {
        return;
    }
    between(cl, a, p, depth + 1, points);
    points.push(p);
    between(cl, p, b, depth + 1, points);
}

#[cfg(test)]
mod tests {
    use super::super::cutter::{Cutter, P3};
    use super::super::drop::Ground;
    use super::super::plane::Plane;
    use super::*;

    /// A trough along a line that is turned in the plane, its sides rising at the two angles.
    fn trough(turn_deg: f64, left_deg: f64, right_deg: f64) -> Ground {
        let (s, c) = turn_deg.to_radians().sin_cos();
        let place = |along: f64, across: f64| -> P3 {
            let deg = if across < 0.0 { left_deg } else { right_deg };
            [along * c - across * s, along * s + across * c, across.abs() * deg.to_radians().tan()]
        };
        let wall_right = 6.0 * right_deg.to_radians().cos();
        let mut triangles = Vec::new();
        for (x, far) in [(-1.0, 6.0), (1.0, wall_right)] {
            let q = [place(-12.0, 0.0), place(12.0, 0.0), place(12.0, x * far), place(-12.0, x * far)];
            let q = if x > 0.0 { q } else { [q[1], q[0], q[3], q[2]] };
            triangles.push(([q[0], q[1], q[2]], 0));
            triangles.push(([q[0], q[2], q[3]], 0));
        }
        Ground::new(triangles)
    }

    fn chords() -> Chords {
        Chords { gouge_mm: 0.001, excess_mm: 0.002, step_mm: 0.4 }
    }

    #[test]
    fn the_fillet_left_in_a_concave_edge_is_the_balls_own_all_along() {
        for (turn, left, right) in [(17.0, 30.0, 25.0), (0.0, 0.0, 60.0), (63.0, 5.0, 85.0)] {
            let ground = trough(turn, left, right);
            let r = 1.5;
            let cl = Lowered::new(&ground, Cutter::ball(r), 0.0);
            let field = cl.over(Plane::over([-7.03, -7.02], [7.0, 7.0], 0.25));
            let pieces = creases(&cl, &field, &chords(), &|_| true);
            let (s, c) = f64::to_radians(turn).sin_cos();
            // The ball's centre runs where it is a radius from both faces: a, b across and above the edge.
            let (l, k) = (f64::to_radians(left), f64::to_radians(right));
            let half = 0.5 * (l + k);
            let centre = r / half.cos();
            let lean = 0.5 * (l - k);
            let (across, above) = (centre * lean.sin(), centre * lean.cos());
            let mut covered: Vec<[f64; 2]> = Vec::new();
            for piece in &pieces {
                for w in piece.points.windows(2) {
                    for p in [w[0], w[1], std::array::from_fn(|k| 0.5 * (w[0][k] + w[1][k]))] {
                        let off = (-p[0] * s + p[1] * c - across).hypot(p[2] + r - above);
                        // 2 µm to the side beside a wall, 2 µm of chord, 2 µm above it.
                        assert!(off < 0.005, "{turn} {left} {right}: {off} at {p:?}");
                    }
                    let along = |p: &[f64; 3]| p[0] * c + p[1] * s;
                    let (a, b) = (along(&w[0]), along(&w[1]));
                    covered.push([a.min(b), a.max(b)]);
                }
            }
            // All along, but for the lattice's border.
            covered.sort_by(|a, b| a[0].total_cmp(&b[0]));
            let reach = covered.iter().fold(-5.5, |m: f64, c| if c[0] <= m + 0.01 { m.max(c[1]) } else { m });
            assert!(reach >= 5.5, "{turn} {left} {right}: ends at {reach} of {}", pieces.len());
        }
    }

    #[test]
    fn a_hollow_wider_than_the_ball_a_ridge_and_a_shallow_trough_have_no_crease() {
        let valley = |radius: f64, turn: f64| {
            let n = 120;
            let at = |k: usize| {
                let x = -3.0 + 6.0 * k as f64 / n as f64;
                let z = if turn > 0.0 { x.abs() * turn } else { radius - (radius * radius - x * x).sqrt() };
                [x, z]
            };
            let mut out = Vec::new();
            for k in 0..n {
                let ([x0, z0], [x1, z1]) = (at(k), at(k + 1));
                out.push(([[x0, -6.0, z0], [x1, -6.0, z1], [x1, 6.0, z1]], 0));
                out.push(([[x0, -6.0, z0], [x1, 6.0, z1], [x0, 6.0, z0]], 0));
            }
            Ground::new(out)
        };
        for ground in [valley(5.0, 0.0), valley(0.0, 0.05)] {
            let cl = Lowered::new(&ground, Cutter::ball(3.0), 0.0);
            let field = cl.over(Plane::over([-2.0, -5.0], [2.0, 5.0], 0.25));
            assert!(creases(&cl, &field, &chords(), &|_| true).is_empty());
        }
        let ridge = trough(20.0, -30.0, -25.0);
        let cl = Lowered::new(&ridge, Cutter::ball(1.5), 0.0);
        let field = cl.over(Plane::over([-4.0, -4.0], [4.0, 4.0], 0.25));
        assert!(creases(&cl, &field, &chords(), &|_| true).is_empty());
    }
}
