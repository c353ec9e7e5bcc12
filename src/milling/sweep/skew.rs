//! What a cutter sweeps along a straight move, met with a line in any direction of the tool's frame.
//!
//! Seen up the tool the body is a stadium, the disc's way, and over it lies all that is above the floor, a convex function.
//! So the line's stretch over the stadium is found in closed form, and on it `z − floor` is concave: its ends are either the
//! stretch's own or zeros, which a bracket closes to `END_MM` along the line; that the body is met at all is found by
//! golden-section search, unless an end of the stretch already lies within.

use super::{Sweep, golden};

/// `o + t·d` in the tool's frame, `d` of length 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::milling) struct Skew {
    pub o: [f64; 3],
    pub d: [f64; 3],
}

/// Ends are closed in to this along the line, mm.
const END_MM: f64 = 1e-10;

impl Skew {
    #[inline]
    pub fn at(&self, t: f64) -> [f64; 3] {
        std::array::from_fn(|a| self.o[a] + t * self.d[a])
    }
}

impl Sweep<'_> {
    /// Part of the line within `[lo, hi]` over the way of a disc of `radius`.
    pub fn over(&self, line: &Skew, radius: f64, lo: f64, hi: f64) -> Option<(f64, f64)> {
        let (al, p) = self.along_across(line.o[0], line.o[1]);
        let (da, dp) = (
            line.d[0] * self.dir[0] + line.d[1] * self.dir[1],
            line.d[0] * self.dir[1] - line.d[1] * self.dir[0],
        );
        let mut out: Option<(f64, f64)> = None;
        let mut add = |(a, b): (f64, f64)| {
            if a <= b {
                out = Some(out.map_or((a, b), |o| (o.0.min(a), o.1.max(b))));
            }
        };
        // The strip between the two discs, then both discs: one convex whole.
        if self.length > 0.0
            && let Some(across) = between(p, dp, -radius, radius)
            && let Some(along) = between(al, da, 0.0, self.length)
        {
            add((across.0.max(along.0), across.1.min(along.1)));
        }
        let a = da * da + dp * dp;
        // Without length they are one.
        for middle in [0.0, self.length] {
            let (x, y) = (al - middle, p);
            let c = x * x + y * y - radius * radius;
            if a < 1e-24 {
                // Along the tool.
                if c <= 0.0 {
                    add((f64::NEG_INFINITY, f64::INFINITY));
                }
                continue;
            }
            // From the nearest place of the line, so that no large numbers cancel.
            let nearest = -(x * da + y * dp) / a;
            let off = (x * dp - y * da).powi(2) / a;
            let half2 = (radius * radius - off) / a;
            if half2 >= 0.0 {
                add((nearest - half2.sqrt(), nearest + half2.sqrt()));
            }
        }
        out.map(|(a, b)| (a.max(lo), b.min(hi))).filter(|(a, b)| a < b)
    }

    /// Part of the stretch `over` of the line that lies within what the cutter sweeps.
    pub fn within(&self, line: &Skew, over: (f64, f64)) -> Option<(f64, f64)> {
        let f = |t: f64| self.height_over_floor(line.at(t));
        let (fa, fb) = (f(over.0), f(over.1));
        match (fa >= 0.0, fb >= 0.0) {
            (true, true) => return Some(over),
            (true, false) => return Some((over.0, edge(over.0, fa, over.1, fb, f))),
            (false, true) => return Some((edge(over.1, fb, over.0, fa, f), over.1)),
            (false, false) => {}
        }
        let z = |t: f64| line.o[2] + t * line.d[2];
        if z(over.0).max(z(over.1)) < self.lowest() {
            return None;
        }
        let best = golden(over.0, over.1, f);
        let value = f(best);
        if value < 0.0 {
            return None;
        }
        Some((edge(best, value, over.0, fa, f), edge(best, value, over.1, fb, f)))
    }

    /// Height of a place above the floor, negative below; rounding may have put it beside the stadium.
    pub fn height_over_floor(&self, q: [f64; 3]) -> f64 {
        let (al, p) = self.along_across(q[0], q[1]);
        let r = self.cutter.radius_mm;
        if self.length == 0.0 {
            return q[2] - self.lowest() - self.cutter.height_mm(al.hypot(p).min(r));
        }
        let w = (r * r - p * p).max(0.0).sqrt();
        let (lo, hi) = ((al - w).max(0.0), (al + w).min(self.length));
        let (lo, hi) = if lo <= hi {
            (lo, hi)
        } else {
            let at = al.clamp(0.0, self.length);
            (at, at)
        };
        q[2] - self.lowest_over(al, p, w * w, lo, hi)
    }

    /// How deep a place lies within what is swept, mm: down to the floor or out to the side, whichever is less.
    pub fn depth(&self, q: [f64; 3]) -> f64 {
        self.height_over_floor(q).min(self.inset(q[0], q[1], self.cutter.radius_mm))
    }
}

/// Stretch of t with `lo <= x + t d <= hi`.
fn between(x: f64, d: f64, lo: f64, hi: f64) -> Option<(f64, f64)> {
    if d.abs() < 1e-12 {
        return (lo..=hi).contains(&x).then_some((f64::NEG_INFINITY, f64::INFINITY));
    }
    let (a, b) = ((lo - x) / d, (hi - x) / d);
    Some((a.min(b), a.max(b)))
}

/// Where a concave function that is not negative at `a` and negative at `b` becomes negative: by secants, halved every
/// third time so that the bracket closes whatever the function; the last place found where it is not negative.
fn edge(mut a: f64, mut fa: f64, mut b: f64, mut fb: f64, f: impl Fn(f64) -> f64) -> f64 {
    // 200 mm halved every third time down to 1e-10 mm.
    const STEPS: usize = 126;
    let mut side = 0;
    for n in 0..STEPS {
        if (b - a).abs() < END_MM {
            break;
        }
        let t = if n % 3 == 2 { 0.5 * (a + b) } else { a + (b - a) * (fa / (fa - fb)) };
        let v = f(t);
        if v >= 0.0 {
            (a, fa) = (t, v);
            if side > 0 {
                fb *= 0.5;
            }
            side = 1;
        } else {
            (b, fb) = (t, v);
            if side < 0 {
                fa *= 0.5;
            }
            side = -1;
        }
    }
    a
}
