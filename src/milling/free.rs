//! Cuts the part free of its frame, and finds where bridges of stock still held it, from what remains alone.
//!
//! **Method** Each z line's stretches are split into runs within the design grown by `stub_mm` and runs beyond it. Runs
//! beyond that hang together with the border of the blank are the frame and its bridges: cut away. Where they meet
//! runs within the shell are the witnesses, clustered by nearness. Runs beyond the shell that do not lead to the
//! border stay: they are material left on the part.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::ends::Interest;
use super::stock::{ALIVE, Stock};
use crate::geometry::Bvh;
use crate::model::{Part, TabWitness};

/// A stretch of a z line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub z0: f64,
    pub z1: f64,
    /// Within the design grown by the stub.
    pub within: bool,
    /// Stays when the part is cut free.
    pub kept: bool,
}

/// The remaining material, run by run, and what holding it looks like.
pub(super) struct Freed {
    columns: usize,
    first: Vec<u32>,
    runs: Vec<Run>,
    pub witnesses: Vec<TabWitness>,
    /// Where frame and part meet, part mm, by witness.
    pub contacts: Vec<Vec<[f64; 3]>>,
    /// True when the blank's border holds material and the part is joined to it.
    pub held: bool,
    pub part_mm3: f64,
}

impl Freed {
    /// Everything stays: no design to cut out.
    pub fn whole(stock: &Stock) -> Self {
        let (first, mut runs) = runs_of(stock, None);
        runs.iter_mut().for_each(|r| r.kept = true);
        let mut out = Self {
            columns: stock.lattice.n[0],
            first,
            runs,
            witnesses: vec![],
            contacts: vec![],
            held: true,
            part_mm3: 0.0,
        };
        out.part_mm3 = out.kept_mm3(stock.lattice.step);
        out
    }

    /// Runs of line (i, j), from below.
    pub fn runs(&self, i: usize, j: usize) -> &[Run] {
        let at = j * self.columns + i;
        &self.runs[self.first[at] as usize..self.first[at + 1] as usize]
    }

    /// True when kept material lies on line (i, j) at `z`.
    pub fn keeps(&self, i: usize, j: usize, z: f64) -> bool {
        self.runs(i, j).iter().any(|r| r.kept && r.z0 <= z && z <= r.z1)
    }

    /// True when the frame lies on line (i, j) at `z`.
    pub fn cuts(&self, i: usize, j: usize, z: f64) -> bool {
        self.runs(i, j).iter().any(|r| !r.kept && r.z0 <= z && z <= r.z1)
    }

    fn kept_mm3(&self, step: f64) -> f64 {
        self.runs.iter().filter(|r| r.kept).map(|r| r.z1 - r.z0).sum::<f64>() * step * step
    }
}

/// Cuts the design's part out of the stock.
pub(super) fn cut_free(stock: &Stock, design: &Bvh<Part>, stub_mm: f64) -> Freed {
    let lattice = &stock.lattice;
    let (first, mut runs) = runs_of(stock, Some((design, stub_mm)));
    let [nx, ny, _] = lattice.n;
    // Frame: runs beyond the shell joined to the border of the blank, without passing through the shell.
    let mut frame = Joined::new(runs.len() + 1);
    let border = runs.len() as u32;
    let mut all = Joined::new(runs.len());
    let column = |i: usize, j: usize| first[j * nx + i] as usize..first[j * nx + i + 1] as usize;
    let mut contacts: Vec<([f64; 3], [f64; 3], u32)> = Vec::new();
    let each_pair = |f: &mut dyn FnMut(usize, usize, [f64; 3], [f64; 3])| {
        for j in 0..ny {
            for i in 0..nx {
                let own = column(i, j);
                let (x, y) = (lattice.at(0, i), lattice.at(1, j));
                for a in own.clone() {
                    if a + 1 < own.end && runs[a].z1 == runs[a + 1].z0 {
                        f(a, a + 1, [x, y, runs[a].z1], [0.0, 0.0, lattice.step * lattice.step]);
                    }
                    for (axis, ni, nj) in [(0, i + 1, j), (1, i, j + 1)] {
                        if ni >= nx || nj >= ny {
                            continue;
                        }
                        for b in column(ni, nj) {
                            let (lo, hi) = (runs[a].z0.max(runs[b].z0), runs[a].z1.min(runs[b].z1));
                            if lo < hi {
                                let mut place = [x, y, 0.5 * (lo + hi)];
                                place[axis] += 0.5 * lattice.step;
                                let mut area = [0.0; 3];
                                area[axis] = lattice.step * (hi - lo);
                                f(a, b, place, area);
                            }
                        }
                    }
                }
            }
        }
    };
    each_pair(&mut |a, b, _, _| {
        all.join(a as u32, b as u32);
        if !runs[a].within && !runs[b].within {
            frame.join(a as u32, b as u32);
        }
    });
    let mut on_border = false;
    for j in 0..ny {
        let edge_row = j == 0 || j + 1 == ny;
        for i in 0..nx {
            if edge_row || i == 0 || i + 1 == nx {
                for a in column(i, j) {
                    if !runs[a].within {
                        frame.join(a as u32, border);
                        on_border = true;
                    }
                }
            }
        }
    }
    let frame_root = frame.root(border);
    let is_frame: Vec<bool> =
        (0..runs.len()).map(|a| on_border && frame.root(a as u32) == frame_root).collect();
    each_pair(&mut |a, b, place, area| {
        if is_frame[a] == is_frame[b] {
            return;
        }
        let sign = if is_frame[b] { 1.0 } else { -1.0 };
        let own = if is_frame[a] { b } else { a } as u32;
        // A face between neighbouring lines may be tall: told in pieces no taller than a step.
        let tall = if area[2] == 0.0 { (area[0] + area[1]) / lattice.step } else { 0.0 };
        let n = (tall / lattice.step).ceil().max(1.0);
        for m in 0..n as usize {
            let mut p = place;
            p[2] += tall * ((m as f64 + 0.5) / n - 0.5);
            contacts.push((p, area.map(|x| x * sign / n), own));
        }
    });
    // The part: what hangs together without the frame and holds most of the design.
    let mut part = Joined::new(runs.len());
    each_pair(&mut |a, b, _, _| {
        if !is_frame[a] && !is_frame[b] {
            part.join(a as u32, b as u32);
        }
    });
    let mut volume: BTreeMap<u32, f64> = BTreeMap::new();
    for (a, r) in runs.iter().enumerate() {
        if r.within {
            *volume.entry(part.root(a as u32)).or_default() += r.z1 - r.z0;
        }
    }
    let main = volume.iter().max_by(|p, q| p.1.total_cmp(q.1).then(q.0.cmp(p.0))).map(|(&r, _)| r);
    for a in 0..runs.len() {
        // A loose piece that never came near the design falls away; one that did is shown as it is.
        let root = part.root(a as u32);
        runs[a].kept = !is_frame[a] && (Some(root) == main || volume.contains_key(&root));
    }
    contacts.retain(|c| Some(part.root(c.2)) == main);
    let held = on_border && !contacts.is_empty();
    let (witnesses, places) = cluster(&contacts, lattice.step);
    let mut out = Freed { columns: nx, first, runs, witnesses, contacts: places, held, part_mm3: 0.0 };
    out.part_mm3 = out.kept_mm3(lattice.step);
    out
}

/// The piece after which the part no longer hung on the border, from when each line was lost: lines are put back,
/// last lost first, until border and part join.
pub(super) fn lost_at(stock: &Stock, freed: &Freed) -> Option<u32> {
    let [nx, ny, _] = stock.lattice.n;
    let n = nx * ny;
    let mut joined = Joined::new(n + 2);
    let (border, part) = (n as u32, n as u32 + 1);
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(stock.gone[at as usize]), at));
    let mut back = vec![false; n];
    for at in order {
        let (i, j) = (at as usize % nx, at as usize / nx);
        back[at as usize] = true;
        if i == 0 || j == 0 || i + 1 == nx || j + 1 == ny {
            joined.join(at, border);
        }
        if freed.runs(i, j).iter().any(|r| r.kept && r.within) {
            joined.join(at, part);
        }
        for (ok, other) in [
            (i > 0, at.wrapping_sub(1)),
            (i + 1 < nx, at + 1),
            (j > 0, at.wrapping_sub(nx as u32)),
            (j + 1 < ny, at + nx as u32),
        ] {
            if ok && back[other as usize] {
                joined.join(at, other);
            }
        }
        let gone = stock.gone[at as usize];
        if gone != ALIVE && joined.root(border) == joined.root(part) {
            return Some(gone);
        }
    }
    None
}

fn runs_of(stock: &Stock, design: Option<(&Bvh<Part>, f64)>) -> (Vec<u32>, Vec<Run>) {
    let lattice = &stock.lattice;
    let near = design.map(|(tree, stub)| (tree, stub, Interest::near(lattice, tree.mesh(), stub)));
    let rows: Vec<(Vec<u32>, Vec<Run>)> = (0..lattice.n[1])
        .into_par_iter()
        .map(|j| {
            let mut counts = Vec::with_capacity(lattice.n[0]);
            let mut runs = Vec::new();
            for i in 0..lattice.n[0] {
                let before = runs.len();
                stock.each_stretch(i, j, |z0, z1| match &near {
                    Some((tree, stub, interest)) => {
                        let window = interest.at(i, j);
                        split(
                            lattice.at(0, i),
                            lattice.at(1, j),
                            z0,
                            z1,
                            tree,
                            *stub,
                            window,
                            lattice.step,
                            &mut runs,
                        );
                    }
                    None => runs.push(Run { z0, z1, within: false, kept: false }),
                });
                counts.push((runs.len() - before) as u32);
            }
            (counts, runs)
        })
        .collect();
    let mut first = vec![0u32];
    let mut runs = Vec::new();
    for (counts, r) in rows {
        for c in counts {
            first.push(first[first.len() - 1] + c);
        }
        runs.extend(r);
    }
    (first, runs)
}

/// Splits `[z0, z1]` at (x, y) into runs within and beyond the grown design, sampled every `step` outside it.
#[allow(clippy::too_many_arguments)] // A line, its stretch and the design: all of them plain numbers.
fn split(
    x: f64,
    y: f64,
    z0: f64,
    z1: f64,
    tree: &Bvh<Part>,
    stub: f64,
    window: Option<(f64, f64)>,
    step: f64,
    out: &mut Vec<Run>,
) {
    let Some((w0, w1)) = window.map(|(a, b)| (a.max(z0), b.min(z1))).filter(|(a, b)| a < b) else {
        out.push(Run { z0, z1, within: false, kept: false });
        return;
    };
    let start = out.len();
    let mut add = |a: f64, b: f64, within: bool| {
        if b <= a {
            return;
        }
        if out.len() > start
            && let Some(last) = out.last_mut()
            && last.within == within
        {
            last.z1 = b;
            return;
        }
        out.push(Run { z0: a, z1: b, within, kept: false });
    };
    add(z0, w0, false);
    let inside = inside_stretches(tree, x, y, w0, w1);
    let mut at = w0;
    for &(a, b) in inside.iter().chain([&(w1, w1)]) {
        let (a, b) = (a.clamp(w0, w1), b.clamp(w0, w1));
        if a > at {
            let beside_design = at > w0 || a < w1;
            if beside_design && a - at <= stub {
                add(at, a, true);
            } else {
                let n = ((a - at) / step).ceil().max(1.0);
                let h = (a - at) / n;
                for m in 0..n as usize {
                    let z = at + m as f64 * h;
                    let within = tree.nearest([x, y, z + 0.5 * h], stub).is_some();
                    add(z, if m + 1 == n as usize { a } else { z + h }, within);
                }
            }
        }
        add(a.max(at), b, true);
        at = at.max(b);
    }
    add(w1, z1, false);
}

fn inside_stretches(tree: &Bvh<Part>, x: f64, y: f64, z0: f64, z1: f64) -> Vec<(f64, f64)> {
    // From far below, so that a line that starts inside the body is counted from its outside.
    let far = 1e4;
    let hits = tree.hits([x, y, z0 - far], [0.0, 0.0, 1.0], 0.0, far + (z1 - z0) + far);
    let mut depth = 0i32;
    let mut from = 0.0;
    let mut out: Vec<(f64, f64)> = Vec::new();
    for h in hits {
        let z = z0 - far + h.t;
        let before = depth;
        depth += if h.entering { 1 } else { -1 };
        if before <= 0 && depth > 0 {
            from = z;
        } else if before > 0 && depth <= 0 && z > from {
            out.push((from, z));
        }
    }
    out
}

/// Clusters of contact places no more than two lines apart.
fn cluster(contacts: &[([f64; 3], [f64; 3], u32)], step: f64) -> (Vec<TabWitness>, Vec<Vec<[f64; 3]>>) {
    let cell = 2.0 * step;
    let key = |p: [f64; 3]| p.map(|x| (x / cell).floor() as i64);
    let mut cells: BTreeMap<[i64; 3], Vec<u32>> = BTreeMap::new();
    for (n, c) in contacts.iter().enumerate() {
        cells.entry(key(c.0)).or_default().push(n as u32);
    }
    let mut joined = Joined::new(contacts.len());
    for (k, own) in &cells {
        for d in 0..27 {
            let other = [k[0] + d % 3 - 1, k[1] + (d / 3) % 3 - 1, k[2] + d / 9 - 1];
            if let Some(o) = cells.get(&other) {
                joined.join(own[0], o[0]);
            }
        }
        for &n in own {
            joined.join(own[0], n);
        }
    }
    let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for n in 0..contacts.len() {
        groups.entry(joined.root(n as u32)).or_default().push(n);
    }
    let mut out: Vec<(TabWitness, Vec<[f64; 3]>)> = groups
        .values()
        .map(|g| {
            let weight = |n: usize| contacts[n].1.iter().map(|x| x.abs()).sum::<f64>();
            let whole: f64 = g.iter().map(|&n| weight(n)).sum();
            let centre: [f64; 3] =
                std::array::from_fn(|a| g.iter().map(|&n| contacts[n].0[a] * weight(n)).sum::<f64>() / whole);
            // Steps of the stair add up to the flat section they approximate; only within a millimetre, so that
            // the two sides of a skin left all round the part never cancel.
            const FLAT_MM: f64 = 1.0;
            let mut flat: BTreeMap<[i64; 3], [f64; 3]> = BTreeMap::new();
            for &n in g {
                let cell = contacts[n].0.map(|x| (x / FLAT_MM).floor() as i64);
                let sum = flat.entry(cell).or_default();
                for (s, a) in sum.iter_mut().zip(contacts[n].1) {
                    *s += a;
                }
            }
            let area_mm2: f64 = flat.values().map(|a| a.iter().map(|x| x * x).sum::<f64>().sqrt()).sum();
            let places: Vec<[f64; 3]> = g.iter().map(|&n| contacts[n].0).collect();
            let radius = places.iter().map(|&p| distance(p, centre)).fold(0.0, f64::max) + step;
            (TabWitness { centre_part_mm: centre, radius_mm: radius, area_mm2 }, places)
        })
        .collect();
    out.sort_by(|a, b| b.0.area_mm2.total_cmp(&a.0.area_mm2));
    out.into_iter().unzip()
}

/// Widens each witness over the root of its stub: the fillet a round cutter leaves beside a bridge. `left` are the
/// places where kept material stands off the design, with how far.
pub(super) fn widen(freed: &mut Freed, left: &[([f64; 3], f64)], root_mm: f64) {
    // Less than this is no fillet but the cusp of finishing.
    const FILLET_MM: f64 = 0.015;
    for (w, places) in freed.witnesses.iter_mut().zip(&freed.contacts) {
        let reach = w.radius_mm + root_mm;
        let mut radius = w.radius_mm;
        for &(p, off) in left {
            let d = distance(p, w.centre_part_mm);
            if off > FILLET_MM
                && d > radius
                && d <= reach
                && places.iter().any(|&q| distance(p, q) <= root_mm)
            {
                radius = d;
            }
        }
        w.radius_mm = radius;
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

/// Union-find; the smaller number is the root.
struct Joined(Vec<u32>);

impl Joined {
    fn new(n: usize) -> Self {
        Self((0..n as u32).collect())
    }

    fn root(&mut self, mut a: u32) -> u32 {
        while self.0[a as usize] != a {
            self.0[a as usize] = self.0[self.0[a as usize] as usize];
            a = self.0[a as usize];
        }
        a
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        if a < b {
            self.0[b as usize] = a;
        } else {
            self.0[a as usize] = b;
        }
    }
}
