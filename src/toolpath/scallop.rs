//! Passes one cusp apart over the surface of cutter locations, in space.
//!
//! **Method** The heights of the tip over the lattice are a surface. From the border of what the ball finishes, the
//! distance along that surface is marched inwards ([`super::geodesic`]); its level lines are the passes, the first half a
//! spacing inside. Two passes `d` apart on a surface of cutter locations with normal curvature `κ` across them (convex
//! positive) leave a cusp of `d²/8·(1/r − κ)`, to the second order, so the distance is measured with the slowness
//! `√(1 − r·κ)`: denser where the part is hollow, wider over edges. Level lines that lie one in the other become one
//! [spiral](super::spiral), and where fronts meet, farther than half a spacing from every pass, further passes are laid
//! ([`super::uncovered`]).
//!
//! **Limits** Up to 60 degrees of slope: steeper, a node stands for too much of the wall.

use rayon::prelude::*;

use super::geodesic::march;
use super::level::level_lines;
use super::pass::{Line, on_surface, smooth};
use super::plane::{Field, Lowered, Plane};
use super::raster::{Chords, Piece};
use super::region::components;
use super::scene::TAB;
use super::spiral::spirals;
use super::uncovered::uncovered;

/// Slowness is kept within these: wider than 1.4 spacings is no level line's business, denser than half repair's.
const SLOWNESS: [f64; 2] = [0.7, 2.0];
/// Curvature is taken over this many nodes to either side: half a millimetre, longer than a facet.
const CURVATURE_NODES: usize = 2;
/// What is less steep than the limit by this is passed, and as much of the steeper beside it as the overlap takes.
const STEEPER_DEG: f64 = 10.0;
const OVERLAP_MM: f64 = 0.6;
/// Smaller patches are specks of facets: no pass of their own, nor an island that passes go round, mm².
const SPECK_MM2: f64 = 1.5;
/// Step at which level lines are smoothed, mm: a corner of 90 degrees is rounded by 0.1 mm, less than a quarter of a spacing.
const LATTICE_SMOOTH_MM: f64 = 0.15;
/// Rounds of further passes.
const ROUNDS: usize = 2;

/// Where and how far apart.
#[derive(Clone, Copy, Debug)]
pub struct Scallop {
    /// Steepest slope passed, degrees.
    pub slope_max_deg: f64,
    /// Distance between passes on a plane, mm.
    pub spacing_mm: f64,
}

/// The distance from the border, marched.
#[derive(Clone, Debug)]
pub struct Front {
    /// The lattice.
    pub plane: Plane,
    /// Tip heights, mm.
    pub z_mm: Vec<f64>,
    /// What is finished.
    pub region: Vec<bool>,
    /// Distance from its border times slowness, mm; negative outside; infinite where nothing leads.
    pub far_mm: Vec<f64>,
    /// Slowness per node.
    pub slowness: Vec<f64>,
}

/// Passes over the nodes of `field` that are not steeper than asked and rest on the part.
pub fn scallops(cl: &Lowered<'_>, field: &Field, scallop: &Scallop, chords: &Chords) -> Vec<Piece> {
    let front = Front::new(cl, field, scallop.slope_max_deg);
    let mut lines = front.lines(scallop.spacing_mm);
    for _ in 0..ROUNDS {
        let more = uncovered(&front, &lines, scallop.spacing_mm);
        if more.is_empty() {
            break;
        }
        lines.extend(more);
    }
    let pieces: Vec<Vec<Piece>> = lines.par_iter().map(|line| on_surface(cl, line, chords)).collect();
    pieces.into_iter().flatten().collect()
}

impl Front {
    /// Region, slowness and distance.
    pub fn new(cl: &Lowered<'_>, field: &Field, slope_max_deg: f64) -> Self {
        let plane = field.plane;
        let z_mm: Vec<f64> = field.rests.iter().map(|r| r.z_mm).collect();
        let gradient = gradients(&plane, &z_mm);
        let slope_deg: Vec<f64> =
            gradient.iter().map(|g| g.map_or(90.0, |g| g[0].hypot(g[1]).atan().to_degrees())).collect();
        let tab = |at: usize| field.rests[at].tag == TAB;
        let core_max_deg = slope_max_deg - STEEPER_DEG;
        let region = region(&plane, &slope_deg, core_max_deg, slope_max_deg, tab);
        let on_tab = |x: f64, y: f64| cl.at(x, y).tag == TAB;
        // Share of the way from an inner to an outer node at which the border lies.
        let share = |a: usize, b: usize| {
            if tab(b) {
                let (p, q) = (plane.xy(a), plane.xy(b));
                let (mut lo, mut hi) = (0.0, 1.0);
                // Eight halvings: a micrometre.
                for _ in 0..8 {
                    let t = 0.5 * (lo + hi);
                    if on_tab(p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t) { hi = t } else { lo = t }
                }
                return lo;
            }
            let rise = slope_deg[b] - slope_deg[a];
            if rise > 1e-9 { ((slope_max_deg - slope_deg[a]) / rise).clamp(0.0, 1.0) } else { 0.5 }
        };
        let (inner, outer) = border(&plane, &z_mm, &region, share);
        let even = vec![1.0; plane.len()];
        let first = march(&plane, &z_mm, &region, &even, &inner);
        let slowness = slownesses(&plane, &z_mm, &gradient, &first, cl.grown.radius_mm);
        let mut far_mm = march(&plane, &z_mm, &region, &slowness, &inner);
        // The first node beyond: level lines close to the border need both ends of its edges.
        for (at, d) in outer {
            if !region[at] {
                far_mm[at] = if far_mm[at].is_finite() { far_mm[at].max(-d) } else { -d };
            }
        }
        Self { plane, z_mm, region, far_mm, slowness }
    }

    /// Level lines from half a spacing inside, joined to spirals where they can be.
    fn lines(&self, spacing_mm: f64) -> Vec<Line> {
        let most = self.far_mm.iter().copied().filter(|d| d.is_finite()).fold(0.0, f64::max);
        let n = (most / spacing_mm + 0.5).floor() as usize;
        let levels: Vec<Vec<Line>> = (0..n)
            .into_par_iter()
            .map(|k| {
                let level = (k as f64 + 0.5) * spacing_mm;
                let lines = level_lines(&self.plane, &self.far_mm, level, |at| self.far_mm[at].is_finite());
                let lines = lines.into_iter().filter(|l| l.len() > 2);
                lines.map(|points| Line { closed: points.first() == points.last(), points }).collect()
            })
            .collect();
        let lines = spirals(levels, spacing_mm);
        lines.into_iter().map(|l| Line { points: smooth(&l, LATTICE_SMOOTH_MM), closed: l.closed }).collect()
    }

    /// Height of the tip between nodes, mm; `None` off the lattice or where a node near it has none.
    pub fn z_at(&self, p: [f64; 2]) -> Option<f64> {
        let [u, v] = [0, 1].map(|a| (p[a] - self.plane.origin[a]) / self.plane.step);
        if u < 0.0 || v < 0.0 || u > (self.plane.nx - 1) as f64 || v > (self.plane.ny - 1) as f64 {
            return None;
        }
        let (i, j) = ((u as usize).min(self.plane.nx - 2), (v as usize).min(self.plane.ny - 2));
        let (a, b) = (u - i as f64, v - j as f64);
        let at = j * self.plane.nx + i;
        let z = self.z_mm[at] * (1.0 - a) * (1.0 - b)
            + self.z_mm[at + 1] * a * (1.0 - b)
            + self.z_mm[at + self.plane.nx] * (1.0 - a) * b
            + self.z_mm[at + self.plane.nx + 1] * a * b;
        z.is_finite().then_some(z)
    }
}

/// Nodes to pass: what is shallow, without specks, and a strip of what is steeper beside it.
fn region(
    plane: &Plane,
    slope_deg: &[f64],
    core_max_deg: f64,
    slope_max_deg: f64,
    tab: impl Fn(usize) -> bool,
) -> Vec<bool> {
    let open: Vec<bool> = (0..plane.len()).map(|at| slope_deg[at] < 90.0 && !tab(at)).collect();
    let mut core: Vec<bool> = (0..plane.len()).map(|at| open[at] && slope_deg[at] <= core_max_deg).collect();
    let fewest = (SPECK_MM2 / plane.step.powi(2)) as usize;
    for fill in [true, false] {
        let of: Vec<bool> = (0..plane.len()).map(|at| open[at] && core[at] != fill).collect();
        for speck in components(plane, &of).into_iter().filter(|c| c.len() < fewest) {
            speck.into_iter().for_each(|at| core[at] = fill);
        }
    }
    let beside = plane.distance_to(|at| core[at]);
    (0..plane.len())
        .map(|at| {
            let strip = slope_deg[at] <= slope_max_deg && f64::from(beside[at]) <= OVERLAP_MM;
            open[at] && (core[at] || strip)
        })
        .collect()
}

/// Central differences; `None` beside nothing.
fn gradients(plane: &Plane, z_mm: &[f64]) -> Vec<Option<[f64; 2]>> {
    (0..plane.len())
        .map(|at| {
            let (i, j) = plane.ij(at);
            if i == 0 || j == 0 || i + 1 == plane.nx || j + 1 == plane.ny {
                return None;
            }
            let whole = z_mm[at].is_finite() && plane.neighbours(at).all(|(b, _)| z_mm[b].is_finite());
            whole.then(|| {
                [
                    0.5 * (z_mm[at + 1] - z_mm[at - 1]) / plane.step,
                    0.5 * (z_mm[at + plane.nx] - z_mm[at - plane.nx]) / plane.step,
                ]
            })
        })
        .collect()
}

/// Nodes with their distance, mm.
type Reached = Vec<(usize, f64)>;

/// Nodes on either side of the region's border with their distance to it, by where it crosses the lattice's edges.
fn border(
    plane: &Plane,
    z_mm: &[f64],
    region: &[bool],
    share: impl Fn(usize, usize) -> f64,
) -> (Reached, Reached) {
    // Per node the nearest crossing along x and along y.
    let mut along = vec![[f64::INFINITY; 2]; plane.len()];
    for a in (0..plane.len()).filter(|&a| region[a]) {
        for (b, d) in plane.neighbours(a) {
            if region[b] || d > 1.1 * plane.step || !z_mm[b].is_finite() {
                continue;
            }
            let axis = usize::from(plane.ij(a).0 == plane.ij(b).0);
            let (t, length) = (share(a, b), d.hypot(z_mm[b] - z_mm[a]));
            along[a][axis] = along[a][axis].min(t * length);
            along[b][axis] = along[b][axis].min((1.0 - t) * length);
        }
    }
    let distance = |[x, y]: [f64; 2]| {
        // The border as a straight line through both crossings.
        if x.is_infinite() || y.is_infinite() { x.min(y) } else { x * y / x.hypot(y).max(1e-12) }
    };
    let near = |inside: bool| {
        (0..plane.len())
            .filter(|&at| region[at] == inside && along[at].iter().any(|d| d.is_finite()))
            .map(|at| (at, distance(along[at])))
            .collect()
    };
    (near(true), near(false))
}

/// `√(1 − r·κ)` per node, κ being the normal curvature towards the border, or the most hollow one where fronts meet; the
/// largest of the nodes around.
fn slownesses(
    plane: &Plane,
    z_mm: &[f64],
    gradient: &[Option<[f64; 2]>],
    far_mm: &[f64],
    radius_mm: f64,
) -> Vec<f64> {
    let n = CURVATURE_NODES;
    let own: Vec<f64> = (0..plane.len())
        .into_par_iter()
        .map(|at| {
            let (i, j) = plane.ij(at);
            let Some(g) = gradient[at] else { return SLOWNESS[0] };
            if i < n || j < n || i + n >= plane.nx || j + n >= plane.ny {
                return 1.0;
            }
            let z = |a: i64, b: i64| {
                let (i, j) = (i as i64 + a * n as i64, j as i64 + b * n as i64);
                z_mm[j as usize * plane.nx + i as usize]
            };
            let far = |a: i64, b: i64| far_mm[(j as i64 + b) as usize * plane.nx + (i as i64 + a) as usize];
            let wide2 = (n as f64 * plane.step).powi(2);
            let (xx, yy) =
                ((z(1, 0) + z(-1, 0) - 2.0 * z(0, 0)) / wide2, (z(0, 1) + z(0, -1) - 2.0 * z(0, 0)) / wide2);
            let xy = 0.25 * (z(1, 1) + z(-1, -1) - z(1, -1) - z(-1, 1)) / wide2;
            if !(xx.is_finite() && yy.is_finite() && xy.is_finite()) {
                return SLOWNESS[0];
            }
            let up = 1.0 + g[0] * g[0] + g[1] * g[1];
            // Normal curvature of a graph in the direction (u, v), convex positive.
            let slow = |u: f64, v: f64| {
                let rise = g[0] * u + g[1] * v;
                let bend = xx * u * u + 2.0 * xy * u * v + yy * v * v;
                let curvature = -bend / ((u * u + v * v + rise * rise) * up.sqrt());
                (1.0 - radius_mm * curvature).max(0.0).sqrt().clamp(SLOWNESS[0], SLOWNESS[1])
            };
            let (tx, ty) = (far(1, 0) - far(-1, 0), far(0, 1) - far(0, -1));
            let steepness = 0.5 * tx.hypot(ty) / plane.step;
            if steepness.is_finite() && steepness > 0.9 {
                let along = (g[0] * tx + g[1] * ty) / up;
                return slow(tx - g[0] * along, ty - g[1] * along);
            }
            (0..8)
                .map(|k| (f64::from(k) * 22.5).to_radians())
                .map(|a| slow(a.cos(), a.sin()))
                .fold(0.0, f64::max)
        })
        .collect();
    (0..plane.len())
        .map(|at| {
            let (i, j) = plane.ij(at);
            let mut most = own[at];
            for b in j.saturating_sub(n)..(j + n + 1).min(plane.ny) {
                for a in i.saturating_sub(n)..(i + n + 1).min(plane.nx) {
                    most = most.max(own[b * plane.nx + a]);
                }
            }
            most
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::cutter::{Cutter, P3};
    use super::super::drop::Ground;
    use super::super::residual::Swept;
    use super::*;

    /// Facets of a surface `z(x, y)` over a square of half side `half`.
    fn facets(half: f64, step: f64, z: impl Fn(f64, f64) -> f64) -> Vec<[P3; 3]> {
        let n = (2.0 * half / step).round() as usize;
        let at = |i: usize, j: usize| {
            let (x, y) = (-half + i as f64 * step, -half + j as f64 * step);
            [x, y, z(x, y)]
        };
        (0..n * n)
            .flat_map(|k| {
                let (i, j) = (k % n, k / n);
                let [a, b, c, d] = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)];
                [[a, b, c], [a, c, d]]
            })
            .collect()
    }

    /// Stock left on facet centres where `looked_at`, least and most, mm.
    fn stock(facets: &[[P3; 3]], radius: f64, cusp: f64, looked_at: impl Fn(&P3) -> bool) -> (f64, f64) {
        let ground = Ground::new(facets.iter().enumerate().map(|(k, t)| (*t, k as u32)));
        let cl = Lowered::new(&ground, Cutter::ball(radius), 0.0);
        let half = facets.iter().flatten().fold(0.0, |m: f64, p| m.max(p[0]));
        let field = cl.over(Plane::over([-half, -half], [half, half], 0.25));
        let spacing_mm = 2.0 * (2.0 * radius * cusp).sqrt();
        let chords = Chords { gouge_mm: 0.001, excess_mm: 0.002, step_mm: 0.4 };
        let pieces = scallops(&cl, &field, &Scallop { slope_max_deg: 60.0, spacing_mm }, &chords);
        let centre = |p: &P3| [p[0], p[1], p[2] + radius];
        let segments: Vec<(P3, P3, f64)> = pieces
            .iter()
            .flat_map(|p| p.points.windows(2).map(|w| (centre(&w[0]), centre(&w[1]), radius)))
            .collect();
        let swept = Swept::new(segments);
        let (mut least, mut most) = (f64::INFINITY, 0.0f64);
        for t in facets {
            let c: P3 = std::array::from_fn(|k| (t[0][k] + t[1][k] + t[2][k]) / 3.0);
            if looked_at(&c) {
                let left = swept.at(&c, 0.2);
                (least, most) = (least.min(left), most.max(left));
            }
        }
        (least, most)
    }

    #[test]
    fn a_dome_keeps_its_cusp_up_to_steep_slopes() {
        // Ball of 3 mm on a dome of 25 mm, to 50 degrees.
        let (big, r, cusp) = (25.0f64, 3.0, 0.008);
        let z = |x: f64, y: f64| (big * big - (x * x + y * y)).max(4.0).sqrt();
        let rho = big * 50f64.to_radians().sin();
        let (least, most) = stock(&facets(26.0, 0.25, z), r, cusp, |p| p[0].hypot(p[1]) < rho);
        // Cusp, chord, and what a place may be uncovered more than half a spacing.
        assert!(most < 0.012, "{most}");
        assert!(least > -0.0012, "{least}");
    }

    #[test]
    fn a_saddle_with_a_hollow_keeps_its_cusp_where_fronts_meet() {
        let z = |x: f64, y: f64| 0.012 * x * x - 0.02 * y * y + 0.6 * (0.25 * x + 0.1 * y).sin();
        let looked_at = |p: &P3| p[0].abs() < 8.0 && p[1].abs() < 8.0;
        let (least, most) = stock(&facets(10.0, 0.25, z), 1.5, 0.008, looked_at);
        assert!(most < 0.012, "{most}");
        assert!(least > -0.0012, "{least}");
    }
}
