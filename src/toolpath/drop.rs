//! Drop-cutter: lowers a cutter along its axis onto a triangle surface until it touches.
//!
//! **Method** Triangles lie in square cells, each with the box of what it holds. A cell cannot lift the tip above
//! `its highest z − rise(its nearest distance)`; the most promising cell is asked first and all that cannot beat what
//! has been found are passed by.
//!
//! **Guarantees** Exact against every corner, edge and face that can be met from above, in `f64`; the same answer on
//! any thread count.
//!
//! **Limits** Triangles that face down or stand on edge are met through their neighbours' edges, so the surface must
//! have no open border seen from above.

use super::cutter::{Cutter, P3};

/// Cells of 0.5 mm: near the size of a facet; chosen by trial, nothing depends on it.
const CELL_MM: f64 = 0.5;
/// Larger triangles are split, so that a cell's box stays near the cell.
const SPLIT_MM: f64 = 1.5;

#[derive(Clone, Debug)]
struct Facet {
    v: [P3; 3],
    n: P3,
    box_mm: [f64; 4],
    top_mm: f64,
    tag: u32,
}

#[derive(Clone, Debug)]
struct CellBox {
    box_mm: [f64; 4],
    top_mm: f64,
    first: u32,
    end: u32,
}

/// Where a lowered cutter came to rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rest {
    /// Tip height, mm; minus infinity where nothing is below the cutter.
    pub z_mm: f64,
    /// Tag of the triangle it rests on.
    pub tag: u32,
}

impl Rest {
    /// Nothing below.
    pub const NOTHING: Self = Self { z_mm: f64::NEG_INFINITY, tag: u32::MAX };
}

/// A surface to lower cutters onto, tool axis +z.
#[derive(Clone, Debug)]
pub struct Ground {
    facets: Vec<Facet>,
    cells: Vec<CellBox>,
    origin: [f64; 2],
    n: [usize; 2],
    overhang_mm: f64,
    /// Smallest and largest x, y, z of what can be met from above.
    pub bounds_mm: Option<(P3, P3)>,
}

impl Ground {
    /// From triangles, counter-clockwise seen from outside, each with a tag that [`Ground::drop`] hands back.
    pub fn new(triangles: impl IntoIterator<Item = ([P3; 3], u32)>) -> Self {
        let mut facets = Vec::new();
        for (v, tag) in triangles {
            split(v, tag, &mut facets, 0);
        }
        let Some(first) = facets.first() else {
            return Self {
                facets,
                cells: vec![],
                origin: [0.0; 2],
                n: [0; 2],
                overhang_mm: 0.0,
                bounds_mm: None,
            };
        };
        let (mut lo, mut hi) = (first.v[0], first.v[0]);
        for p in facets.iter().flat_map(|f| &f.v) {
            for a in 0..3 {
                lo[a] = lo[a].min(p[a]);
                hi[a] = hi[a].max(p[a]);
            }
        }
        let n: [usize; 2] = std::array::from_fn(|a| ((hi[a] - lo[a]) / CELL_MM).floor() as usize + 1);
        let cell_of = |f: &Facet| {
            let c: [usize; 2] = std::array::from_fn(|a| {
                let middle = 0.5 * (f.box_mm[2 * a] + f.box_mm[2 * a + 1]);
                (((middle - lo[a]) / CELL_MM) as usize).min(n[a] - 1)
            });
            c[1] * n[0] + c[0]
        };
        let mut keyed: Vec<(usize, Facet)> = facets.into_iter().map(|f| (cell_of(&f), f)).collect();
        // Highest first within a cell: it is met most often. Stable, so ties keep the mesh's order.
        keyed.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.top_mm.total_cmp(&a.1.top_mm)));
        let empty = CellBox {
            box_mm: [f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY],
            top_mm: f64::NEG_INFINITY,
            first: 0,
            end: 0,
        };
        let mut cells = vec![empty; n[0] * n[1]];
        let mut overhang_mm = 0f64;
        for (at, (key, f)) in keyed.iter().enumerate() {
            let c = &mut cells[*key];
            if c.end == 0 {
                c.first = at as u32;
            }
            c.end = at as u32 + 1;
            c.top_mm = c.top_mm.max(f.top_mm);
            for a in 0..2 {
                c.box_mm[2 * a] = c.box_mm[2 * a].min(f.box_mm[2 * a]);
                c.box_mm[2 * a + 1] = c.box_mm[2 * a + 1].max(f.box_mm[2 * a + 1]);
                let corner = lo[a] + (if a == 0 { key % n[0] } else { key / n[0] }) as f64 * CELL_MM;
                overhang_mm =
                    overhang_mm.max(corner - f.box_mm[2 * a]).max(f.box_mm[2 * a + 1] - (corner + CELL_MM));
            }
        }
        let facets = keyed.into_iter().map(|(_, f)| f).collect();
        Self { facets, cells, origin: [lo[0], lo[1]], n, overhang_mm, bounds_mm: Some((lo, hi)) }
    }

    /// Tip height at which `cutter`, lowered along the axis `(x, y)`, first touches.
    pub fn drop(&self, cutter: &Cutter, x: f64, y: f64) -> Rest {
        let mut best = Rest::NOTHING;
        if self.cells.is_empty() {
            return best;
        }
        let reach = cutter.radius_mm + self.overhang_mm + 1e-9;
        let span = |a: usize, c: f64| {
            let from = ((c - reach - self.origin[a]) / CELL_MM).floor().max(0.0) as usize;
            let to = ((c + reach - self.origin[a]) / CELL_MM).floor();
            (from, if to < 0.0 { 0 } else { (to as usize + 1).min(self.n[a]) })
        };
        let ((i0, i1), (j0, j1)) = (span(0, x), span(1, y));
        let r2 = cutter.radius_mm * cutter.radius_mm;
        let mut asked: [(f64, u32); 512] = [(0.0, 0); 512];
        let mut count = 0;
        let mut first = 0;
        for j in j0..j1 {
            for i in i0..i1 {
                let at = j * self.n[0] + i;
                let cell = &self.cells[at];
                if cell.top_mm <= best.z_mm {
                    continue;
                }
                let d2 = gap2(&cell.box_mm, x, y);
                if d2 > r2 {
                    continue;
                }
                let bound = cell.top_mm - cutter.rise_mm(d2.sqrt());
                if count == asked.len() {
                    // A large cutter: ask this one at once.
                    self.ask(cell, cutter, x, y, &mut best);
                    continue;
                }
                asked[count] = (bound, at as u32);
                if bound > asked[first].0 {
                    first = count;
                }
                count += 1;
            }
        }
        if count == 0 {
            return best;
        }
        asked.swap(0, first);
        for &(bound, at) in &asked[..count] {
            if bound > best.z_mm {
                self.ask(&self.cells[at as usize], cutter, x, y, &mut best);
            }
        }
        best
    }

    /// Tip height only.
    #[inline]
    pub fn z(&self, cutter: &Cutter, x: f64, y: f64) -> f64 {
        self.drop(cutter, x, y).z_mm
    }

    fn ask(&self, cell: &CellBox, cutter: &Cutter, x: f64, y: f64, best: &mut Rest) {
        let r2 = cutter.radius_mm * cutter.radius_mm;
        for f in &self.facets[cell.first as usize..cell.end as usize] {
            if f.top_mm <= best.z_mm {
                // Sorted by height: none after it can do better.
                break;
            }
            let d2 = gap2(&f.box_mm, x, y);
            if d2 > r2 || f.top_mm - cutter.rise_mm(d2.sqrt()) <= best.z_mm {
                continue;
            }
            if let Some(z) = cutter.on_triangle(&f.v, &f.n, x, y)
                && z > best.z_mm
            {
                *best = Rest { z_mm: z, tag: f.tag };
            }
        }
    }
}

#[inline]
fn gap2(b: &[f64; 4], x: f64, y: f64) -> f64 {
    let dx = (b[0] - x).max(x - b[1]).max(0.0);
    let dy = (b[2] - y).max(y - b[3]).max(0.0);
    dx * dx + dy * dy
}

fn split(v: [P3; 3], tag: u32, out: &mut Vec<Facet>, depth: usize) {
    let length2 = |a: &P3, b: &P3| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    let longest = (0..3)
        .max_by(|&a, &b| length2(&v[a], &v[(a + 1) % 3]).total_cmp(&length2(&v[b], &v[(b + 1) % 3])))
        .expect("three edges");
    // 24: a metre of plate.
    if length2(&v[longest], &v[(longest + 1) % 3]) > SPLIT_MM * SPLIT_MM && depth < 24 {
        let (a, b, c) = (v[longest], v[(longest + 1) % 3], v[(longest + 2) % 3]);
        let m: P3 = std::array::from_fn(|k| 0.5 * (a[k] + b[k]));
        split([a, m, c], tag, out, depth + 1);
        split([m, b, c], tag, out, depth + 1);
        return;
    }
    let e: P3 = std::array::from_fn(|k| v[1][k] - v[0][k]);
    let f: P3 = std::array::from_fn(|k| v[2][k] - v[0][k]);
    let c = [e[1] * f[2] - e[2] * f[1], e[2] * f[0] - e[0] * f[2], e[0] * f[1] - e[1] * f[0]];
    let l = (c[0] * c[0] + c[1] * c[1] + c[2] * c[2]).sqrt();
    if l <= 0.0 || c[2] <= 0.0 {
        return;
    }
    let span = |a: usize| (v[0][a].min(v[1][a]).min(v[2][a]), v[0][a].max(v[1][a]).max(v[2][a]));
    let ((x0, x1), (y0, y1), (_, top_mm)) = (span(0), span(1), span(2));
    out.push(Facet { v, n: [c[0] / l, c[1] / l, c[2] / l], box_mm: [x0, x1, y0, y1], top_mm, tag });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::random::Random;

    /// A bumpy field of small triangles, 24 × 24 mm.
    fn bumps() -> Vec<([P3; 3], u32)> {
        let n = 60;
        let at = |i: usize, j: usize| {
            let (x, y) = (i as f64 * 0.4, j as f64 * 0.4);
            [x, y, (x * 0.7).sin() * 2.0 + (y * 1.1).cos() + (x * y * 3.0).sin() * 0.05]
        };
        let mut out = Vec::new();
        for j in 0..n {
            for i in 0..n {
                let t = out.len() as u32;
                out.push(([at(i, j), at(i + 1, j), at(i + 1, j + 1)], t));
                out.push(([at(i, j), at(i + 1, j + 1), at(i, j + 1)], t + 1));
            }
        }
        out
    }

    #[test]
    fn passing_cells_by_changes_nothing() {
        let triangles = bumps();
        let ground = Ground::new(triangles.iter().copied());
        let mut r = Random::new(3);
        let ends = [Cutter::ball(3.0), Cutter::ball(1.5), Cutter::flat(4.0), Cutter::bull(4.0, 1.0)];
        for cutter in ends.into_iter().chain([Cutter::cone(3.0, 90.0), Cutter::cone(3.0, 40.0)]) {
            for _ in 0..60 {
                let (x, y) = (r.within(-3.0, 27.0), r.within(-3.0, 27.0));
                let all = ground
                    .facets
                    .iter()
                    .filter_map(|f| cutter.on_triangle(&f.v, &f.n, x, y))
                    .fold(f64::NEG_INFINITY, f64::max);
                let got = ground.z(&cutter, x, y);
                // A corner's bound and its height are the same number, rounded twice.
                assert!((got - all).abs() < 1e-12 || got == all, "{cutter:?} at {x} {y}: {got} {all}");
            }
        }
    }

    #[test]
    fn a_dropped_ball_touches_and_does_not_enter() {
        let triangles = bumps();
        let ground = Ground::new(triangles.iter().copied());
        let ball = Cutter::ball(1.5);
        let mut r = Random::new(4);
        for _ in 0..40 {
            let (x, y) = (r.within(2.0, 22.0), r.within(2.0, 22.0));
            let centre = [x, y, ground.z(&ball, x, y) + 1.5];
            // Nearest of a fine lattice over all triangles: never nearer than the radius.
            let mut nearest = f64::INFINITY;
            for (v, _) in &triangles {
                if (v[0][0] - x).abs() > 2.5 || (v[0][1] - y).abs() > 2.5 {
                    continue;
                }
                for i in 0..=20 {
                    for j in 0..=20 - i {
                        let (a, b) = (f64::from(i) / 20.0, f64::from(j) / 20.0);
                        let d2: f64 = (0..3)
                            .map(|k| v[0][k] * (1.0 - a - b) + v[1][k] * a + v[2][k] * b - centre[k])
                            .map(|d| d * d)
                            .sum();
                        nearest = nearest.min(d2.sqrt());
                    }
                }
            }
            assert!(nearest >= 1.5 - 1e-9, "enters by {}", 1.5 - nearest);
            // 0.02 mm lattice against a ball of 1.5 mm: 0.02²/(2·1.5) and slopes, well below 1e-3.
            assert!(nearest <= 1.5 + 1e-3, "hovers by {}", nearest - 1.5);
        }
    }
}
