//! What a cutter sweeps along a straight move, met with a line of the stock.
//!
//! Tool coordinates: z up the tool. The swept solid is convex and open upwards, so a line along z meets it from a
//! lowest point on, and a line along x or y in one interval.
//!
//! **Method** Along z: minimise `tip(u) + height(distance(u))`, convex in the place `u` along the move, in closed
//! form for ball, flat and cone, by bracketed bisection on the derivative for the torus. Across: the end of the
//! interval is the maximum over `u` of `x(u) + sqrt(Q(u))` with quadratic `Q`, concave; its stationary points are the
//! roots of a quadratic. The ball is its sphere's capsule and the cylinder above; the cone likewise.
//!
//! **Guarantees** f64 closed forms: below 1e-9 mm at these sizes; torus on slopes 1e-7 mm.

use super::cutter::{Cutter, End};

mod skew;

pub(super) use skew::Skew;

/// A straight move of the tip, z up the tool, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub from: [f64; 3],
    pub to: [f64; 3],
}

/// The move with what its formulas share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep<'a> {
    pub cutter: &'a Cutter,
    pub span: Span,
    /// Horizontal length, mm, and direction.
    pub length: f64,
    dir: [f64; 2],
    /// Rise per mm of horizontal length.
    slope: f64,
}

/// Shorter than this a move is taken as vertical.
const NO_LENGTH_MM: f64 = 1e-9;

impl<'a> Sweep<'a> {
    pub fn new(cutter: &'a Cutter, span: Span) -> Self {
        let d = [span.to[0] - span.from[0], span.to[1] - span.from[1]];
        let length = d[0].hypot(d[1]);
        if length < NO_LENGTH_MM {
            return Self { cutter, span, length: 0.0, dir: [1.0, 0.0], slope: 0.0 };
        }
        Self {
            cutter,
            span,
            length,
            dir: [d[0] / length, d[1] / length],
            slope: (span.to[2] - span.from[2]) / length,
        }
    }

    /// Lowest tip along the move.
    pub fn lowest(&self) -> f64 {
        self.span.from[2].min(self.span.to[2])
    }

    /// Distance along the move and across it of a place.
    #[inline]
    pub fn along_across(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (x - self.span.from[0], y - self.span.from[1]);
        (dx * self.dir[0] + dy * self.dir[1], dx * self.dir[1] - dy * self.dir[0])
    }

    /// Lowest point of the swept solid on the z line through (x, y); `None` where it does not reach.
    #[inline]
    pub fn floor(&self, x: f64, y: f64) -> Option<f64> {
        let r = self.cutter.radius_mm;
        if self.length == 0.0 {
            let (dx, dy) = (x - self.span.from[0], y - self.span.from[1]);
            let rho2 = dx * dx + dy * dy;
            return (rho2 <= r * r).then(|| self.lowest() + self.cutter.height_mm(rho2.sqrt()));
        }
        let (al, p) = self.along_across(x, y);
        let w2 = r * r - p * p;
        if w2 < 0.0 {
            return None;
        }
        let w = w2.sqrt();
        let (lo, hi) = ((al - w).max(0.0), (al + w).min(self.length));
        if lo > hi {
            return None;
        }
        Some(self.lowest_over(al, p, w2, lo, hi))
    }

    /// Lowest point over a place at `al` along and `p` across, `w2` the square of its half chord of the disc, while the
    /// axis is between `lo` and `hi`.
    #[inline]
    fn lowest_over(&self, al: f64, p: f64, w2: f64, lo: f64, hi: f64) -> f64 {
        let m = self.slope;
        let z0 = self.span.from[2];
        match self.cutter.end {
            End::Flat => z0 + m * if m > 0.0 { lo } else { hi },
            End::Ball => {
                // Kernel: s = clamp(al - rho m / sqrt(1 + m^2)).
                let s = (al - w2.sqrt() * m / (1.0 + m * m).sqrt()).clamp(lo, hi);
                let t = al - s;
                z0 + m * s + self.cutter.radius_mm - (w2 - t * t).max(0.0).sqrt()
            }
            End::Cone { slope: k } => {
                let s = if m.abs() >= k {
                    if m > 0.0 { lo } else { hi }
                } else {
                    let q = m / k;
                    (al - p.abs() * q / (1.0 - q * q).sqrt()).clamp(lo, hi)
                };
                z0 + m * s + k * p.hypot(al - s)
            }
            End::Bull { .. } => {
                let s = if m == 0.0 { al.clamp(lo, hi) } else { self.torus_lowest(al, p, lo, hi) };
                z0 + m * s + self.cutter.height_mm(p.hypot(al - s))
            }
        }
    }

    /// Where along the move the torus stands lowest over the line: the zero of a growing derivative.
    fn torus_lowest(&self, al: f64, p: f64, mut lo: f64, mut hi: f64) -> f64 {
        let End::Bull { flat_mm, corner_mm } = self.cutter.end else { return lo };
        let derivative = |s: f64| {
            let t = al - s;
            let rho = p.hypot(t);
            let over = rho - flat_mm;
            if over <= 0.0 || rho == 0.0 {
                return self.slope;
            }
            let rise = over / (corner_mm * corner_mm - over * over).max(1e-300).sqrt();
            self.slope - rise * t / rho
        };
        if derivative(lo) >= 0.0 {
            return lo;
        }
        if derivative(hi) <= 0.0 {
            return hi;
        }
        // 48 halvings of at most 20 mm leave 1e-13 mm.
        for _ in 0..48 {
            let middle = 0.5 * (lo + hi);
            if derivative(middle) < 0.0 {
                lo = middle;
            } else {
                hi = middle;
            }
        }
        0.5 * (lo + hi)
    }

    /// The part of the move, in mm of horizontal length, during which a disc of `radius` about the axis covers (x, y).
    pub fn dwell(&self, x: f64, y: f64, radius: f64) -> Option<(f64, f64)> {
        let (al, p) = self.along_across(x, y);
        let w2 = radius * radius - p * p;
        if w2 < 0.0 {
            return None;
        }
        let w = w2.sqrt();
        let (lo, hi) = ((al - w).max(0.0), (al + w).min(self.length));
        (lo <= hi).then_some((lo, hi))
    }

    /// How far inside the path of a disc of `radius` (x, y) lies, seen from above.
    pub fn inset(&self, x: f64, y: f64, radius: f64) -> f64 {
        let (al, p) = self.along_across(x, y);
        radius - p.hypot(al - al.clamp(0.0, self.length))
    }

    /// Tip height at a horizontal length along the move.
    pub fn tip_z(&self, along: f64) -> f64 {
        self.span.from[2] + self.slope * along
    }

    /// Interval of the swept solid on the line that runs along axis `along` (0 or 1) at `across` and height `z`.
    #[inline]
    pub fn interval(&self, along: usize, across: f64, z: f64) -> Option<(f64, f64)> {
        let other = 1 - along;
        let from = self.span.from;
        let d = [self.span.to[0] - from[0], self.span.to[1] - from[1], self.span.to[2] - from[2]];
        let g = Line { x0: from[along], a: d[along], y0: across - from[other], b: d[other] };
        let h0 = z - from[2];
        let dz = d[2];
        if self.length == 0.0 || dz.abs() < 1e-12 {
            let lowest = h0.max(z - self.span.to[2]);
            let rho = self.cutter.radius_at_mm(if self.length == 0.0 { lowest } else { h0 })?;
            let g = if self.length == 0.0 { Line { a: 0.0, b: 0.0, ..g } } else { g };
            return g.disc(rho, 0.0, 1.0);
        }
        let r = self.cutter.radius_mm;
        match self.cutter.end {
            End::Flat => g.cylinder(r, h0, dz, 0.0),
            End::Ball => {
                // Sphere about tip + r: Q = r^2 - (y0 - b u)^2 - (h0 - r - dz u)^2.
                let k = h0 - r;
                let q = [-(g.b * g.b + dz * dz), 2.0 * (g.y0 * g.b + k * dz), r * r - g.y0 * g.y0 - k * k];
                let ball = g.extent(q, 0.0, 1.0);
                if h0.max(h0 - dz) <= r { ball } else { union(ball, g.cylinder(r, h0, dz, r)) }
            }
            End::Cone { slope } => {
                // The cone's section at height h has radius h / slope: Q = (h/slope)^2 - (y0 - b u)^2 while 0 <= h.
                let top = slope * r;
                let (k, e) = (h0 / slope, dz / slope);
                let q = [e * e - g.b * g.b, 2.0 * (g.y0 * g.b - k * e), k * k - g.y0 * g.y0];
                let (lo, hi) = at_least(h0, dz, 0.0)?;
                let cone = match at_most(h0, dz, top) {
                    Some((l, h)) if l.max(lo) <= h.min(hi) => g.extent(q, l.max(lo), h.min(hi)),
                    _ => None,
                };
                if h0.max(h0 - dz) <= top { cone } else { union(cone, g.cylinder(r, h0, dz, top)) }
            }
            End::Bull { .. } => self.torus_interval(g, h0, dz),
        }
    }

    /// Ends of a torus cutter's interval, by golden-section search on a concave function.
    fn torus_interval(&self, g: Line, h0: f64, dz: f64) -> Option<(f64, f64)> {
        let (lo, hi) = at_least(h0, dz, 0.0)?;
        let spare = |u: f64| {
            let rho = self.cutter.radius_at_mm((h0 - dz * u).max(0.0)).unwrap_or(0.0);
            rho - (g.y0 - g.b * u).abs()
        };
        // The radius is concave in height, so the places where the section reaches the line form one stretch.
        let best = golden(lo, hi, spare);
        if spare(best) < 0.0 {
            return None;
        }
        let first = boundary(best, lo, spare);
        let last = boundary(best, hi, spare);
        let half = |u: f64| {
            let rho = self.cutter.radius_at_mm((h0 - dz * u).max(0.0)).unwrap_or(0.0);
            let y = g.y0 - g.b * u;
            (rho * rho - y * y).max(0.0).sqrt()
        };
        let right = golden(first, last, |u| g.x0 + g.a * u + half(u));
        let left = golden(first, last, |u| -(g.x0 + g.a * u) + half(u));
        Some((g.x0 + g.a * left - half(left), g.x0 + g.a * right + half(right)))
    }
}

/// The move seen from a line: `x0 + a u` along it, `y0 - b u` from the axis across it, u from 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Line {
    x0: f64,
    a: f64,
    y0: f64,
    b: f64,
}

impl Line {
    /// Interval of a disc of radius `rho` moved from `lo` to `hi`.
    #[inline]
    fn disc(&self, rho: f64, lo: f64, hi: f64) -> Option<(f64, f64)> {
        if self.b == 0.0 {
            let q = rho * rho - self.y0 * self.y0;
            if q < 0.0 {
                return None;
            }
            let half = q.sqrt();
            let (p, s) = (self.x0 + self.a * lo, self.x0 + self.a * hi);
            return Some((p.min(s) - half, p.max(s) + half));
        }
        self.extent([-self.b * self.b, 2.0 * self.y0 * self.b, rho * rho - self.y0 * self.y0], lo, hi)
    }

    /// Interval of a cylinder that begins `start` above the tip.
    #[inline]
    fn cylinder(&self, rho: f64, h0: f64, dz: f64, start: f64) -> Option<(f64, f64)> {
        let (lo, hi) = at_least(h0, dz, start)?;
        self.disc(rho, lo, hi)
    }

    /// Least `x - sqrt(Q)` and largest `x + sqrt(Q)` over u in [lo, hi] where `Q = q[0] u² + q[1] u + q[2]` is not
    /// negative. Q's square root is concave there.
    #[inline]
    fn extent(&self, q: [f64; 3], lo: f64, hi: f64) -> Option<(f64, f64)> {
        let [qa, qb, qc] = q;
        let value = |u: f64| (qa * u + qb) * u + qc;
        if qa < 0.0 {
            // The ends stand where Q' = -+2 a sqrt Q; with D = qb^2 - 4 qa qc that is Q' = -+a t, sqrt Q = t / 2,
            // t = sqrt(D / (a^2 - qa)). The function is concave, so beyond [lo, hi] its nearer border is best.
            let disc = qb * qb - 4.0 * qa * qc;
            if disc < 0.0 {
                return None;
            }
            let t = (disc / (self.a * self.a - qa)).sqrt();
            let best = |u: f64| {
                if (lo..=hi).contains(&u) {
                    return Some((u, 0.5 * t));
                }
                let u = u.clamp(lo, hi);
                let v = value(u);
                (v >= 0.0).then(|| (u, v.sqrt()))
            };
            let (ur, right) = best((-qb - self.a * t) / (2.0 * qa))?;
            let (ul, left) = best((-qb + self.a * t) / (2.0 * qa))?;
            return Some((self.x0 + self.a * ul - left, self.x0 + self.a * ur + right));
        }
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut offer = |u: f64, root: f64| {
            let x = self.x0 + self.a * u;
            least = least.min(x - root);
            most = most.max(x + root);
        };
        for u in [lo, hi] {
            let v = value(u);
            if v >= 0.0 {
                offer(u, v.sqrt());
            }
        }
        if qa.abs() < 1e-30 {
            // Q is straight: its root is monotone; only where it crosses zero is left to look at.
            if qb != 0.0 {
                let u = -qc / qb;
                if u > lo && u < hi {
                    offer(u, 0.0);
                }
            }
            return (least <= most).then_some((least, most));
        }
        let disc = qb * qb - 4.0 * qa * qc;
        // Without a zero Q is positive everywhere.
        if disc >= 0.0 {
            let root = disc.sqrt();
            for u in [(-qb + root) / (2.0 * qa), (-qb - root) / (2.0 * qa)] {
                if u > lo && u < hi {
                    offer(u, 0.0);
                }
            }
        }
        // Stationary: a + Q'/(2 sqrt Q) = 0, so Q'^2 = 4 a^2 Q: 4 qa (qa - a^2) u^2 + 4 qb (qa - a^2) u + qb^2 - 4 a^2 qc = 0,
        // of which u = (-qb +- a sqrt(disc / (a^2 - qa))) / (2 qa).
        let under = disc / (self.a * self.a - qa);
        if under >= 0.0 && under.is_finite() {
            let s = self.a * under.sqrt();
            for u in [(-qb + s) / (2.0 * qa), (-qb - s) / (2.0 * qa)] {
                if u > lo && u < hi {
                    let v = value(u);
                    if v >= 0.0 {
                        offer(u, v.sqrt());
                    }
                }
            }
        }
        (least <= most).then_some((least, most))
    }
}

/// Stretch of u in [0, 1] where `h0 - dz u >= least`.
#[inline]
fn at_least(h0: f64, dz: f64, least: f64) -> Option<(f64, f64)> {
    let u = (h0 - least) / dz;
    let (lo, hi) = if dz > 0.0 { (0.0, u.min(1.0)) } else { (u.max(0.0), 1.0) };
    (lo <= hi).then_some((lo, hi))
}

/// Stretch of u in [0, 1] where `h0 - dz u <= most`.
#[inline]
fn at_most(h0: f64, dz: f64, most: f64) -> Option<(f64, f64)> {
    let u = (h0 - most) / dz;
    let (lo, hi) = if dz > 0.0 { (u.max(0.0), 1.0) } else { (0.0, u.min(1.0)) };
    (lo <= hi).then_some((lo, hi))
}

/// Two intervals of one convex solid: what they span.
#[inline]
fn union(p: Option<(f64, f64)>, q: Option<(f64, f64)>) -> Option<(f64, f64)> {
    match (p, q) {
        (Some(p), Some(q)) => Some((p.0.min(q.0), p.1.max(q.1))),
        (p, q) => p.or(q),
    }
}

/// Place of the maximum of a concave function; 60 steps narrow to 3e-13 of the stretch.
pub(super) fn golden(mut lo: f64, mut hi: f64, f: impl Fn(f64) -> f64) -> f64 {
    const SHARE: f64 = 0.618_033_988_749_894_9;
    let (mut p, mut q) = (hi - SHARE * (hi - lo), lo + SHARE * (hi - lo));
    let (mut fp, mut fq) = (f(p), f(q));
    for _ in 0..60 {
        if fp >= fq {
            (hi, q, fq) = (q, p, fp);
            p = hi - SHARE * (hi - lo);
            fp = f(p);
        } else {
            (lo, p, fp) = (p, q, fq);
            q = lo + SHARE * (hi - lo);
            fq = f(q);
        }
    }
    0.5 * (lo + hi)
}

/// From `inside`, where `f >= 0`, towards `end`: the last place where that still holds.
pub(super) fn boundary(inside: f64, end: f64, f: impl Fn(f64) -> f64) -> f64 {
    if f(end) >= 0.0 {
        return end;
    }
    let (mut good, mut bad) = (inside, end);
    for _ in 0..50 {
        let middle = 0.5 * (good + bad);
        if f(middle) >= 0.0 {
            good = middle;
        } else {
            bad = middle;
        }
    }
    good
}

#[cfg(test)]
mod tests;
