//! One pass of many: rings that lie one in the other.
//!
//! **Method** A ring that holds just one ring of the next level is walked once while the place moves over to that ring:
//! by the share `u` of the turn on the straight way to the nearest place of the inner ring. The share is handed inwards
//! from ring to ring by nearness, so that one turn lies everywhere the same share further than the turn before it: one
//! spacing. The first turn is the outermost ring itself, the last one the innermost.

use rayon::prelude::*;

use super::pass::Line;

/// A place whose nearest one on the next ring is farther than this many spacings lies by a branch, not by a corner.
const FARTHEST_SPACINGS: f64 = 4.0;

/// Joins the lines of successive levels.
pub fn spirals(levels: Vec<Vec<Line>>, spacing_mm: f64) -> Vec<Line> {
    // Child of each line on the next level, where it is the only one and lies round the same way.
    let children: Vec<Vec<Option<usize>>> = (0..levels.len())
        .map(|k| {
            let Some(next) = levels.get(k + 1) else { return vec![None; levels[k].len()] };
            let mut held: Vec<Vec<usize>> = vec![Vec::new(); levels[k].len()];
            for (c, child) in next.iter().enumerate() {
                // The smallest that holds it.
                let holder = levels[k]
                    .iter()
                    .enumerate()
                    .filter(|(_, l)| is_outer(l) && is_outer(child) && holds(l, child.points[0]))
                    .min_by(|a, b| area(a.1).abs().total_cmp(&area(b.1).abs()));
                if let Some((p, _)) = holder {
                    held[p].push(c);
                }
            }
            held.into_par_iter()
                .enumerate()
                .map(|(p, held)| {
                    let &[only] = held.as_slice() else { return None };
                    let near = |a: &Line, b: &Line| {
                        a.points.iter().all(|q| nearest(b, *q).0 <= FARTHEST_SPACINGS * spacing_mm)
                    };
                    (near(&levels[k][p], &next[only]) && near(&next[only], &levels[k][p])).then_some(only)
                })
                .collect()
        })
        .collect();
    let mut used: Vec<Vec<bool>> = levels.iter().map(|l| vec![false; l.len()]).collect();
    let mut out = Vec::new();
    for k in 0..levels.len() {
        for p in 0..levels[k].len() {
            if used[k][p] {
                continue;
            }
            let mut chain = vec![&levels[k][p]];
            let (mut level, mut at) = (k, p);
            used[k][p] = true;
            while let Some(child) = children[level][at] {
                (level, at) = (level + 1, child);
                used[level][at] = true;
                chain.push(&levels[level][at]);
            }
            out.push(if chain.len() == 1 { chain[0].clone() } else { spiral(&chain) });
        }
    }
    out
}

/// A ring with the border outside: it runs clockwise, the low side on its left.
fn is_outer(line: &Line) -> bool {
    line.closed && area(line) < 0.0
}

fn area(line: &Line) -> f64 {
    line.points.windows(2).map(|w| 0.5 * (w[0][0] * w[1][1] - w[1][0] * w[0][1])).sum()
}

fn holds(line: &Line, p: [f64; 2]) -> bool {
    let mut inside = false;
    for w in line.points.windows(2) {
        if (w[0][1] > p[1]) != (w[1][1] > p[1]) {
            let x = w[0][0] + (p[1] - w[0][1]) * (w[1][0] - w[0][0]) / (w[1][1] - w[0][1]);
            inside ^= x > p[0];
        }
    }
    inside
}

/// Distance to the nearest place of a line, that place, and where it lies: point number and share of the piece.
fn nearest(line: &Line, p: [f64; 2]) -> (f64, [f64; 2], f64) {
    let mut best = (f64::INFINITY, line.points[0], 0.0);
    for (k, w) in line.points.windows(2).enumerate() {
        let d = [w[1][0] - w[0][0], w[1][1] - w[0][1]];
        let e = [p[0] - w[0][0], p[1] - w[0][1]];
        let l2 = d[0] * d[0] + d[1] * d[1];
        let t = if l2 > 0.0 { ((d[0] * e[0] + d[1] * e[1]) / l2).clamp(0.0, 1.0) } else { 0.0 };
        let q = [w[0][0] + d[0] * t, w[0][1] + d[1] * t];
        let far = (q[0] - p[0]).hypot(q[1] - p[1]);
        if far < best.0 {
            best = (far, q, k as f64 + t);
        }
    }
    best
}

/// A ring walked from its seam on, with the share of the turn done at each place.
struct Turn {
    line: Line,
    share: Vec<f64>,
}

fn spiral(chain: &[&Line]) -> Line {
    let first = chain[0].clone();
    let mut turn = Turn { share: by_length(&first.points), line: first };
    let mut points = turn.line.points.clone();
    for ring in &chain[1..] {
        let over: Vec<[f64; 2]> = turn
            .line
            .points
            .par_iter()
            .zip(&turn.share)
            .map(|(p, u)| {
                let q = nearest(ring, *p).1;
                [p[0] + (q[0] - p[0]) * u, p[1] + (q[1] - p[1]) * u]
            })
            .collect();
        points.extend(over.into_iter().skip(1));
        turn = next_turn(&turn, ring);
    }
    points.extend(turn.line.points.iter().skip(1));
    Line { points, closed: false }
}

/// The next ring, its seam nearest to the seam of the one before it.
fn next_turn(before: &Turn, ring: &Line) -> Turn {
    let (_, seam, at) = nearest(ring, before.line.points[0]);
    let mut points = vec![seam];
    let n = ring.points.len() - 1;
    let from = at as usize + 1;
    points.extend((0..n).map(|k| ring.points[(from + k) % n]));
    points.dedup();
    if points.last() != Some(&seam) {
        points.push(seam);
    }
    let length = by_length(&points);
    let line = Line { points, closed: true };
    let mut share: Vec<f64> = line
        .points
        .par_iter()
        .zip(&length)
        .map(|(p, &own)| {
            let (_, _, at) = nearest(&before.line, *p);
            let k = (at as usize).min(before.share.len() - 2);
            let u = before.share[k] + (before.share[k + 1] - before.share[k]) * (at - k as f64);
            // By the seam the nearest place may be the turn's other end.
            if (u - own).abs() > 0.5 { own } else { u }
        })
        .collect();
    let last = share.len() - 1;
    (share[0], share[last]) = (0.0, 1.0);
    for k in 1..last {
        share[k] = share[k].max(share[k - 1]);
    }
    Turn { line, share }
}

fn by_length(points: &[[f64; 2]]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut out = vec![0.0];
    for w in points.windows(2) {
        sum += (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]);
        out.push(sum);
    }
    out.iter().map(|s| s / sum.max(1e-12)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(c: [f64; 2], r: f64, n: usize) -> Line {
        // Clockwise: the border, which is low, lies outside.
        let points = (0..=n)
            .map(|k| -std::f64::consts::TAU * k as f64 / n as f64)
            .map(|a| [c[0] + r * a.cos(), c[1] + r * a.sin()])
            .collect::<Vec<_>>();
        let mut line = Line { points, closed: true };
        line.points[n] = line.points[0];
        line
    }

    #[test]
    fn circles_become_one_spiral_whose_turns_lie_a_spacing_apart() {
        let s = 0.4;
        let levels: Vec<Vec<Line>> =
            (0..20).map(|k| vec![circle([0.0; 2], 10.0 - s * f64::from(k), 240)]).collect();
        let out = spirals(levels, s);
        assert_eq!(out.len(), 1);
        let line = &out[0];
        assert!(!line.closed);
        // Along any ray successive turns are one spacing apart, but for the first and the last, which are nearer.
        for ray in 0..12 {
            let a = -(f64::from(ray) + 0.31) * std::f64::consts::TAU / 12.0;
            let side = |p: &[f64; 2]| p[0] * a.sin() - p[1] * a.cos();
            let radii: Vec<f64> = line
                .points
                .windows(2)
                .filter(|w| side(&w[0]) * side(&w[1]) <= 0.0 && w[0][0] * a.cos() + w[0][1] * a.sin() > 0.0)
                .map(|w| w[0][0].hypot(w[0][1]))
                .collect();
            assert!((20..=22).contains(&radii.len()), "{radii:?}");
            for w in radii.windows(2) {
                assert!(w[0] - w[1] <= s * 1.01 + 1e-9, "{radii:?}");
            }
        }
    }

    #[test]
    fn rings_that_part_stay_rings_until_they_are_single_again() {
        let levels = vec![
            vec![circle([0.0; 2], 10.0, 240)],
            vec![circle([0.0; 2], 9.6, 240)],
            vec![circle([-4.0, 0.0], 3.0, 80), circle([4.0, 0.0], 3.0, 80)],
            vec![circle([-4.0, 0.0], 2.6, 80), circle([4.0, 0.0], 2.6, 80)],
        ];
        let out = spirals(levels, 0.4);
        // One of the outer two, and one of each pair.
        assert_eq!(out.len(), 3);
    }
}
