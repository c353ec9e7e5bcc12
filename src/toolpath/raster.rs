//! Parallel passes over the shallow part of a surface of cutter locations.
//!
//! **Method** Lines along the longer side, each interval sampled until its chords keep to the surface. The next line
//! lies where the steepest rise across the line still gives the spacing wanted in space.

use super::drop::Rest;
use super::plane::{Field, Lowered};

/// One pass without lifting: tip places, mm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    /// Tip places in order.
    pub points: Vec<[f64; 3]>,
    /// True where the last point leads back to the first.
    pub closed: bool,
}

/// How well chords must keep to the surface.
#[derive(Clone, Copy, Debug)]
pub struct Chords {
    /// Below the surface, mm.
    pub gouge_mm: f64,
    /// Above it, mm.
    pub excess_mm: f64,
    /// Longest piece between probes, mm.
    pub step_mm: f64,
}

/// Shortest chord: half a hundredth of the smallest ball in use; a crease that needs less is lost in its own facet.
const SHORTEST_MM: f64 = 0.01;

/// The surface along the straight line from `a` to `b` (both ends included), sampled so that chords keep to it.
/// `None` where it leaves the surface.
pub fn follow(cl: &Lowered<'_>, a: [f64; 2], b: [f64; 2], chords: &Chords) -> Option<Vec<[f64; 3]>> {
    let length = (b[0] - a[0]).hypot(b[1] - a[1]);
    let n = (length / chords.step_mm).ceil().max(1.0) as usize;
    let at = |t: f64| [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
    let mut points = Vec::with_capacity(n + 1);
    let z = |t: f64| {
        let p = at(t);
        cl.z(p[0], p[1])
    };
    let mut previous = (0.0, z(0.0));
    points.push([a[0], a[1], previous.1]);
    for k in 1..=n {
        let next = k as f64 / n as f64;
        let next = (next, z(next));
        if !previous.1.is_finite() || !next.1.is_finite() {
            return None;
        }
        refine(&z, &at, previous, next, length, chords, &mut points);
        previous = next;
    }
    Some(points)
}

fn refine(
    z: &impl Fn(f64) -> f64,
    at: &impl Fn(f64) -> [f64; 2],
    a: (f64, f64),
    b: (f64, f64),
    length: f64,
    chords: &Chords,
    points: &mut Vec<[f64; 3]>,
) {
    let middle = 0.5 * (a.0 + b.0);
    let z_middle = z(middle);
    let off = |t: f64, h: f64| h - (a.1 + (b.1 - a.1) * (t - a.0) / (b.0 - a.0));
    let bad = |e: f64| e > chords.gouge_mm || e < -chords.excess_mm;
    // Distance to the chord is the height times the cosine of its slope.
    let run = (b.0 - a.0) * length;
    let cosine = run / run.hypot(b.1 - a.1);
    let split = bad(off(middle, z_middle) * cosine) || {
        let quarters = [0.75 * a.0 + 0.25 * b.0, 0.25 * a.0 + 0.75 * b.0];
        quarters.iter().any(|&t| bad(off(t, z(t)) * cosine))
    };
    if split && run > SHORTEST_MM {
        refine(z, at, a, (middle, z_middle), length, chords, points);
        refine(z, at, (middle, z_middle), b, length, chords, points);
    } else {
        let p = at(b.0);
        // A chord too short to split that still dips below is raised at its far end by what it lacks.
        let lack = (off(middle, z_middle) - chords.gouge_mm).max(0.0);
        points.push([p[0], p[1], b.1 + 2.0 * lack]);
    }
}

/// Where passes go.
pub struct Band<'a> {
    /// Steepest slope kept, rise over run.
    pub slope_max: f64,
    /// Slope up to which the spacing must hold: beyond it other passes overlap.
    pub slope_spaced: f64,
    /// Spacing of passes in space, mm.
    pub spacing_mm: f64,
    /// Further condition on a node.
    pub keep: &'a (dyn Fn(usize, &Rest) -> bool + Sync),
    /// Lines along work y instead of x.
    pub along_y: bool,
}

/// Passes over the nodes of `field` that `band` keeps.
pub fn raster(cl: &Lowered<'_>, field: &Field, band: &Band<'_>, chords: &Chords) -> Vec<Piece> {
    use rayon::prelude::*;
    let plane = &field.plane;
    let (n_along, n_across) = if band.along_y { (plane.ny, plane.nx) } else { (plane.nx, plane.ny) };
    let node = |along: usize, across: usize| {
        if band.along_y { along * plane.nx + across } else { across * plane.nx + along }
    };
    let across_axis = usize::from(!band.along_y);
    let kept: Vec<bool> = (0..plane.len())
        .map(|at| {
            let rest = &field.rests[at];
            rest.z_mm.is_finite() && f64::from(field.slope[at]) <= band.slope_max && (band.keep)(at, rest)
        })
        .collect();
    let row_has = |row: usize| (0..n_along).any(|k| kept[node(k, row)]);
    let Some(first) = (0..n_across).find(|&r| row_has(r)) else { return vec![] };
    let last = (0..n_across).rev().find(|&r| row_has(r)).expect("a first row was found");
    // Steepest rise across the lines per row, over nodes where the spacing must hold.
    let rise_across: Vec<f64> = (0..n_across)
        .map(|row| {
            if row + 1 >= n_across {
                return 0.0;
            }
            (0..n_along)
                .filter(|&k| {
                    let (a, b) = (node(k, row), node(k, row + 1));
                    kept[a] && kept[b] && f64::from(field.slope[a].max(field.slope[b])) <= band.slope_spaced
                })
                .map(|k| ((field.z(node(k, row)) - field.z(node(k, row + 1))) / plane.step).abs())
                .fold(0.0, f64::max)
        })
        .collect();
    let mut lines = Vec::new();
    // Row units. The first and last rows themselves are passes.
    let mut at = first as f64;
    loop {
        lines.push(at.min(last as f64));
        if at >= last as f64 {
            break;
        }
        let reach = (band.spacing_mm / plane.step).ceil() as usize + 1;
        let row = at as usize;
        let steepest = rise_across[row..(row + reach).min(n_across)].iter().fold(0.0f64, |m, &r| m.max(r));
        at += band.spacing_mm / (1.0 + steepest * steepest).sqrt() / plane.step;
    }
    let pieces: Vec<Vec<Piece>> = lines
        .par_iter()
        .map(|&line| {
            let c = plane.origin[across_axis] + line * plane.step;
            let (r0, r1) = (line.floor() as usize, (line.ceil() as usize).min(n_across - 1));
            let on = |k: usize| kept[node(k, r0)] || kept[node(k, r1)];
            let mut out = Vec::new();
            let mut k = 0;
            while k < n_along {
                if !on(k) {
                    k += 1;
                    continue;
                }
                let from = k;
                while k + 1 < n_along && on(k + 1) {
                    k += 1;
                }
                // A lone node still gets a short pass to its neighbours' half way.
                let place = |u: f64| {
                    let along = plane.origin[1 - across_axis] + u * plane.step;
                    if band.along_y { [c, along] } else { [along, c] }
                };
                let (a, b) = (place(from as f64 - 0.25), place(k as f64 + 0.25));
                if let Some(points) = follow(cl, a, b, chords) {
                    out.push(Piece { points, closed: false });
                }
                k += 1;
            }
            out
        })
        .collect();
    pieces.into_iter().flatten().collect()
}
