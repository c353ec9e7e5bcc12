//! Passes at constant height along the steep part of a surface of cutter locations.
//!
//! **Method** The contour of the height `h(x, y)` at which the lowered cutter rests: lattice edges whose ends lie on
//! either side of the level are halved down to 0.1 µm with the drop-cutter itself, so that cliffs, where `h` jumps,
//! are found as well as slopes. The end that is kept lies on the free side: a pass never starts below the surface.
//! Chords between crossings are halved until they keep to the contour.
//!
//! **Limits** Two walls that pass between neighbouring nodes (0.25 mm) are seen as none; no ball fits there anyway.

use rayon::prelude::*;
use std::collections::BTreeMap;

use super::plane::{Field, Lowered};
use super::raster::{Chords, Piece};

/// Halving stops here: 0.1 µm.
const CROSSING_MM: f64 = 1e-4;

/// Which levels and places are passed.
pub struct Levels<'a> {
    /// Levels of the finest series, tip height, mm, from high to low.
    pub z_mm: Vec<f64>,
    /// Flattest slope kept, rise over run.
    pub slope_min: f64,
    /// Above this slope every second level is enough.
    pub slope_every_second: f64,
    /// Where the surface falls away at once by more than this below the cutter's rest, the place has been passed.
    pub overtravel_mm: f64,
    /// Down to this tip height a place is passed all the same.
    pub foot_mm: &'a (dyn Fn([f64; 2]) -> f64 + Sync),
    /// Further condition on a crossing: tag of what is met, tip.
    pub keep: &'a (dyn Fn(u32, [f64; 3]) -> bool + Sync),
}

/// One crossing of a lattice edge.
#[derive(Clone, Copy)]
struct Crossing {
    p: [f64; 2],
    kept: bool,
}

/// Passes at all levels.
pub fn waterlines(cl: &Lowered<'_>, field: &Field, levels: &Levels<'_>, chords: &Chords) -> Vec<Piece> {
    let per_level: Vec<Vec<Piece>> = levels
        .z_mm
        .par_iter()
        .enumerate()
        .map(|(k, &z)| contour(cl, field, levels, chords, z, k % 2 == 1))
        .collect();
    per_level.into_iter().flatten().collect()
}

fn contour(
    cl: &Lowered<'_>,
    field: &Field,
    levels: &Levels<'_>,
    chords: &Chords,
    z: f64,
    in_between: bool,
) -> Vec<Piece> {
    let plane = &field.plane;
    let (nx, ny) = (plane.nx, plane.ny);
    let blocked = |at: usize| field.z(at) > z;
    let wanted = |a: usize, b: usize| {
        let (sa, sb) = (f64::from(field.slope[a]), f64::from(field.slope[b]));
        sa.max(sb) >= levels.slope_min && (!in_between || sa.min(sb) <= levels.slope_every_second)
    };
    let cross = |a: usize, b: usize| -> Crossing {
        let (free, wall) = if blocked(a) { (b, a) } else { (a, b) };
        let (pf, pw) = (plane.xy(free), plane.xy(wall));
        let at = |t: f64| [pf[0] + (pw[0] - pf[0]) * t, pf[1] + (pw[1] - pf[1]) * t];
        let (mut lo, mut hi) = (0.0, 1.0);
        let mut rest = field.rests[wall];
        let (mut z_lo, mut z_hi) = (field.z(free), rest.z_mm);
        let mut turn = 0;
        while (hi - lo) * plane.step > CROSSING_MM {
            // Secant where both ends are near the level, halving elsewhere and every third time.
            let guess = (z - z_lo) / (z_hi - z_lo);
            let t = if turn % 3 != 2 && z_lo.is_finite() && z_hi - z_lo < plane.step * 4.0 {
                // Nudged so that the far end moves too.
                lo + (hi - lo) * (guess + if turn % 3 == 0 { 0.02 } else { -0.02 }).clamp(0.02, 0.98)
            } else {
                0.5 * (lo + hi)
            };
            turn += 1;
            let p = at(t);
            let r = cl.at(p[0], p[1]);
            if r.z_mm > z {
                (hi, z_hi, rest) = (t, r.z_mm, r);
            } else {
                (lo, z_lo) = (t, r.z_mm);
            }
        }
        let p = at(lo);
        Crossing {
            p,
            kept: (rest.z_mm - z <= levels.overtravel_mm || z >= (levels.foot_mm)(p))
                && (levels.keep)(rest.tag, [p[0], p[1], z]),
        }
    };
    // Edge 2·at runs to the node on the right, 2·at + 1 to the node above.
    let mut crossings: BTreeMap<usize, Crossing> = BTreeMap::new();
    let mut next: BTreeMap<usize, usize> = BTreeMap::new();
    let mut has_before: BTreeMap<usize, bool> = BTreeMap::new();
    for j in 0..ny.saturating_sub(1) {
        for i in 0..nx - 1 {
            let at = j * nx + i;
            let corner = [at, at + 1, at + 1 + nx, at + nx];
            let mask = corner.map(blocked);
            if mask == [true; 4] || mask == [false; 4] {
                continue;
            }
            let edge = [2 * at, 2 * (at + 1) + 1, 2 * (at + nx), 2 * at + 1];
            let ends = [(at, at + 1), (at + 1, at + 1 + nx), (at + nx, at + nx + 1), (at, at + nx)];
            // Walking the cell counter-clockwise, the contour starts at an edge from free to blocked and ends at one
            // from blocked to free; so the wall stays on its right: climb milling.
            let starts: Vec<usize> = (0..4).filter(|&k| !mask[k] && mask[(k + 1) % 4]).collect();
            let stops: Vec<usize> = (0..4).filter(|&k| mask[k] && !mask[(k + 1) % 4]).collect();
            for &from in &starts {
                // With two of each, the next one keeps the two blocked corners apart.
                let to = (1..4)
                    .map(|s| (from + s) % 4)
                    .find(|k| stops.contains(k))
                    .expect("as many stop as start");
                if !wanted(ends[from].0, ends[from].1) && !wanted(ends[to].0, ends[to].1) {
                    continue;
                }
                for k in [from, to] {
                    crossings.entry(edge[k]).or_insert_with(|| cross(ends[k].0, ends[k].1));
                }
                // One end is enough: a pass runs on to the tab, or to where the rim has been passed.
                if crossings[&edge[from]].kept || crossings[&edge[to]].kept {
                    next.insert(edge[from], edge[to]);
                    has_before.insert(edge[to], true);
                }
            }
        }
    }
    trace(cl, plane.step, chords, z, &crossings, &next, &has_before)
}

fn trace(
    cl: &Lowered<'_>,
    step: f64,
    chords: &Chords,
    z: f64,
    crossings: &BTreeMap<usize, Crossing>,
    next: &BTreeMap<usize, usize>,
    has_before: &BTreeMap<usize, bool>,
) -> Vec<Piece> {
    let mut used: BTreeMap<usize, bool> = BTreeMap::new();
    let mut out = Vec::new();
    let starts = next.keys().filter(|e| !has_before.contains_key(e)).chain(next.keys());
    for &start in starts {
        if used.contains_key(&start) {
            continue;
        }
        let mut points = vec![crossings[&start].p];
        used.insert(start, true);
        let mut at = start;
        let mut closed = false;
        while let Some(&to) = next.get(&at) {
            let p = crossings[&to].p;
            between(cl, *points.last().expect("not empty"), p, z, chords, step, 0, &mut points);
            points.push(p);
            if to == start {
                closed = true;
                break;
            }
            if used.insert(to, true).is_some() {
                break;
            }
            at = to;
        }
        let points = thin(&points, 0.25 * chords.gouge_mm, 0.5 * chords.excess_mm);
        if points.len() >= 2 {
            out.push(Piece { points: points.into_iter().map(|p| [p[0], p[1], z]).collect(), closed });
        }
    }
    out
}

/// Adds places of the contour between `a` and `b` until the chords keep to it. The wall is on the right.
#[allow(clippy::too_many_arguments)]
fn between(
    cl: &Lowered<'_>,
    a: [f64; 2],
    b: [f64; 2],
    z: f64,
    chords: &Chords,
    step: f64,
    depth: u32,
    points: &mut Vec<[f64; 2]>,
) {
    let d = [b[0] - a[0], b[1] - a[1]];
    let length = d[0].hypot(d[1]);
    // 2 µm: the crossings themselves are known to 0.1 µm.
    if length < 0.002 || depth > 7 {
        return;
    }
    let free = [-d[1] / length, d[0] / length];
    // The middle first, then, on long chords, the quarters: a facet must not hide between probes.
    let shares: &[f64] = if length > 0.12 { &[0.5, 0.25, 0.75] } else { &[0.5] };
    for &share in shares {
        let m = [a[0] + d[0] * share, a[1] + d[1] * share];
        if let Some(p) = off_chord(cl, m, free, z, chords, step) {
            between(cl, a, p, z, chords, step, depth + 1, points);
            points.push(p);
            between(cl, p, b, z, chords, step, depth + 1, points);
            return;
        }
    }
}

/// The contour's place beside `m` along `free`, where it lies off the chord by more than it may.
fn off_chord(
    cl: &Lowered<'_>,
    m: [f64; 2],
    free: [f64; 2],
    z: f64,
    chords: &Chords,
    step: f64,
) -> Option<[f64; 2]> {
    let at = |w: f64| [m[0] + free[0] * w, m[1] + free[1] * w];
    let is_blocked = |w: f64| {
        let p = at(w);
        cl.z(p[0], p[1]) > z
    };
    // The margin keeps the whole chord, not only its middle, within the limit.
    let (gouge, excess) = (0.8 * chords.gouge_mm, 0.8 * chords.excess_mm);
    let (mut lo, mut hi);
    if is_blocked(gouge) {
        (lo, hi) = (gouge, 4.0 * gouge);
        while is_blocked(hi) {
            lo = hi;
            hi *= 2.0;
            if hi > step {
                return None;
            }
        }
    } else if !is_blocked(-excess) {
        (hi, lo) = (-excess, -4.0 * excess);
        while !is_blocked(lo) {
            hi = lo;
            lo *= 2.0;
            if lo < -step {
                return None;
            }
        }
    } else {
        return None;
    }
    while hi - lo > CROSSING_MM {
        let w = 0.5 * (lo + hi);
        if is_blocked(w) {
            lo = w;
        } else {
            hi = w;
        }
    }
    Some(at(hi))
}

/// Leaves out places that a straight line passes within `gouge_mm` on the wall's side and `excess_mm` on the free
/// side (Douglas and Peucker 1973, one-sided). The wall is on the right: a place left of the chord means that the
/// chord cuts into the wall.
fn thin(points: &[[f64; 2]], gouge_mm: f64, excess_mm: f64) -> Vec<[f64; 2]> {
    // A chord of 1.5 mm at most, so that links and ramps find places to start from.
    const LONGEST_MM: f64 = 1.5;
    let n = points.len();
    if n < 3 {
        return points.to_vec();
    }
    let mut keep = vec![false; n];
    keep[0] = true;
    keep[n - 1] = true;
    let mut stack = vec![(0, n - 1)];
    while let Some((a, b)) = stack.pop() {
        if b <= a + 1 {
            continue;
        }
        let (p, q) = (points[a], points[b]);
        let d = [q[0] - p[0], q[1] - p[1]];
        let length = d[0].hypot(d[1]);
        let mut worst = (1.0, None);
        for (k, r) in points.iter().enumerate().take(b).skip(a + 1) {
            let e = [r[0] - p[0], r[1] - p[1]];
            let badness = if length < 1e-9 {
                e[0].hypot(e[1]) / gouge_mm
            } else {
                let left = (d[0] * e[1] - d[1] * e[0]) / length;
                if left > 0.0 { left / gouge_mm } else { -left / excess_mm }
            };
            if badness > worst.0 {
                worst = (badness, Some(k));
            }
        }
        let at = match worst.1 {
            Some(k) => k,
            None if length > LONGEST_MM => (a + b) / 2,
            None => continue,
        };
        keep[at] = true;
        stack.push((a, at));
        stack.push((at, b));
    }
    points.iter().zip(keep).filter(|(_, k)| *k).map(|(p, _)| *p).collect()
}
