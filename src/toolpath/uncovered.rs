//! Passes where fronts have met and every pass is farther than half a spacing.
//!
//! **Method** Level lines of a distance leave its ridges: at a corner of half angle α a place lies up to `s/(1 + sin α)`
//! from both lines next to it. The farthest such place is marked, those within reach of it are not looked at any more,
//! and so on; marked places next to each other are joined.

use rayon::prelude::*;

use super::cutter::{P3, far_mm};
use super::pass::{Line, smooth};
use super::scallop::Front;

/// A place is uncovered beyond this share of the spacing: half, and what a cusp a quarter higher than asked takes, the
/// 10 µm of which 8 are asked.
const UNCOVERED: f64 = 0.56;
/// Marked places are at least this many spacings apart …
const APART: f64 = 0.6;
/// … and joined up to so many: corners of 20 degrees are three apart, and a way on is shorter than one up and down.
const JOINED: f64 = 6.0;
/// Marks are joined by places this far apart, mm, and smoothed.
const SMOOTH_STEP_MM: f64 = 0.25;
/// Nodes between the lattice's, per step.
const FINER: usize = 2;
/// Side of a cell of segments, mm.
const CELL_MM: f64 = 0.5;

/// Lines over what is uncovered.
pub fn uncovered(front: &Front, lines: &[Line], spacing_mm: f64) -> Vec<Line> {
    let near = Near::new(front, lines);
    let plane = &front.plane;
    let h = plane.step / FINER as f64;
    let mut open: Vec<(f64, P3)> = (0..(plane.ny - 1) * FINER)
        .into_par_iter()
        .flat_map_iter(|v| {
            let near = &near;
            (0..(plane.nx - 1) * FINER).filter_map(move |u| {
                let at = (v / FINER) * plane.nx + u / FINER;
                let inside = [at, at + 1, at + plane.nx, at + plane.nx + 1]
                    .iter()
                    .all(|&c| front.region[c] && front.far_mm[c].is_finite());
                if !inside {
                    return None;
                }
                let p = [plane.origin[0] + u as f64 * h, plane.origin[1] + v as f64 * h];
                let p = [p[0], p[1], front.z_at(p)?];
                let reach = UNCOVERED * spacing_mm / front.slowness[at];
                let far = near.far(&p, 2.0 * reach);
                (far > reach).then_some((far / reach, p))
            })
        })
        .collect();
    // The farthest first; equal ones by place, so that the order is one.
    open.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1[1].total_cmp(&b.1[1])).then(a.1[0].total_cmp(&b.1[0])));
    let mut marked: Vec<P3> = Vec::new();
    let mut passed = vec![false; open.len()];
    for k in 0..open.len() {
        if passed[k] {
            continue;
        }
        let p = open[k].1;
        marked.push(p);
        for (q, done) in open[k..].iter().zip(&mut passed[k..]) {
            *done |= far_mm(&q.1, &p) < APART * spacing_mm;
        }
    }
    joined(marked, JOINED * spacing_mm)
}

/// Chains of places, each next to the nearest one left.
fn joined(places: Vec<P3>, reach_mm: f64) -> Vec<Line> {
    let mut left: Vec<Option<P3>> = places.into_iter().map(Some).collect();
    let mut out = Vec::new();
    for k in 0..left.len() {
        let Some(start) = left[k].take() else { continue };
        let mut chain = vec![start];
        // Onwards from the end, then from the beginning.
        for _ in 0..2 {
            loop {
                let end = *chain.last().expect("begun with one");
                let next = left
                    .iter()
                    .enumerate()
                    .filter_map(|(n, p)| p.map(|p| (far_mm(&p, &end), n)))
                    .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                match next {
                    Some((far, n)) if far <= reach_mm => chain.extend(left[n].take()),
                    _ => break,
                }
            }
            chain.reverse();
        }
        if chain.len() == 1 {
            // A dip is a short pass.
            chain = vec![[start[0] - 0.05, start[1], start[2]], [start[0] + 0.05, start[1], start[2]]];
        }
        let line = Line { points: chain.into_iter().map(|p| [p[0], p[1]]).collect(), closed: false };
        // Marks lie on a lattice, and a machine would stop at each.
        out.push(Line { points: smooth(&line, SMOOTH_STEP_MM), closed: false });
    }
    out
}

/// Segments of lines lifted to the surface, in cells.
struct Near {
    segments: Vec<(P3, P3)>,
    cells: Vec<Vec<u32>>,
    origin: [f64; 2],
    n: [usize; 2],
}

impl Near {
    fn new(front: &Front, lines: &[Line]) -> Self {
        let plane = &front.plane;
        let wide = [(plane.nx - 1) as f64 * plane.step, (plane.ny - 1) as f64 * plane.step];
        let n = wide.map(|w| (w / CELL_MM) as usize + 1);
        let lift = |p: &[f64; 2]| front.z_at(*p).map(|z| [p[0], p[1], z]);
        let segments: Vec<(P3, P3)> = lines
            .iter()
            .flat_map(|l| l.points.windows(2))
            .filter_map(|w| Some((lift(&w[0])?, lift(&w[1])?)))
            .collect();
        let mut cells = vec![Vec::new(); n[0] * n[1]];
        let cell = |x: f64, a: usize| (((x - plane.origin[a]) / CELL_MM).max(0.0) as usize).min(n[a] - 1);
        for (s, (a, b)) in segments.iter().enumerate() {
            for j in cell(a[1].min(b[1]), 1)..=cell(a[1].max(b[1]), 1) {
                for i in cell(a[0].min(b[0]), 0)..=cell(a[0].max(b[0]), 0) {
                    cells[j * n[0] + i].push(s as u32);
                }
            }
        }
        Self { segments, cells, origin: plane.origin, n }
    }

    /// Distance to the nearest segment, as far as it is less than `limit`.
    fn far(&self, p: &P3, limit: f64) -> f64 {
        let mut least = limit;
        let span = |a: usize| {
            let at = |x: f64| (((x - self.origin[a]) / CELL_MM).max(0.0) as usize).min(self.n[a] - 1);
            at(p[a] - limit)..=at(p[a] + limit)
        };
        for j in span(1) {
            for i in span(0) {
                for &s in &self.cells[j * self.n[0] + i] {
                    let (a, b) = &self.segments[s as usize];
                    let d: P3 = std::array::from_fn(|k| b[k] - a[k]);
                    let e: P3 = std::array::from_fn(|k| p[k] - a[k]);
                    let l2: f64 = d.iter().map(|x| x * x).sum();
                    let along: f64 = (0..3).map(|k| d[k] * e[k]).sum();
                    let t = if l2 > 0.0 { (along / l2).clamp(0.0, 1.0) } else { 0.0 };
                    let far = (0..3).map(|k| (e[k] - t * d[k]).powi(2)).sum::<f64>().sqrt();
                    least = least.min(far);
                }
            }
        }
        least
    }
}
