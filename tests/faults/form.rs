//! Tools as bodies, and where a line runs in one.

use osteomill::model::{Tool, ToolKind};

use super::V;

/// Where a line through the tool begins and ends in it.
pub type Stretch = Option<(f64, f64)>;

/// A tool as a body of revolution without end upwards; `z` up the tool.
#[derive(Clone, Copy)]
pub struct Form {
    pub kind: ToolKind,
    pub r: f64,
    /// Tangent of half the point's angle.
    point: f64,
}

impl Form {
    pub fn of(tool: &Tool) -> Self {
        Self {
            kind: tool.kind,
            r: tool.diameter_mm / 2.0,
            point: (tool.point_angle_deg.to_radians() / 2.0).tan(),
        }
    }

    /// Height of the end above the tip at this distance from the axis.
    pub fn end(&self, rho: f64) -> f64 {
        match self.kind {
            ToolKind::Ball => self.r - (self.r * self.r - rho * rho).max(0.0).sqrt(),
            ToolKind::Drill | ToolKind::Chamfer => rho / self.point,
            _ => 0.0,
        }
    }

    /// The line `q + t n` in the tool whose tip is the origin.
    pub fn stretch(&self, q: V, n: V) -> Stretch {
        match self.kind {
            ToolKind::Ball => {
                let c = [q[0], q[1], q[2] - self.r];
                let ball = roots(1.0, dot(c, n), dot(c, c) - self.r * self.r);
                match (ball, upright(c, n, self.r)) {
                    (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                    (a, b) => a.or(b),
                }
            }
            ToolKind::Drill | ToolKind::Chamfer => self.searched(q, n),
            _ => upright(q, n, self.r),
        }
    }

    /// By trial: the deepest place within reach, then halving. Only for points.
    fn searched(&self, q: V, n: V) -> Stretch {
        let out = |t: f64| {
            let p = [q[0] + t * n[0], q[1] + t * n[1], q[2] + t * n[2]];
            let rho = length(p[0], p[1]);
            (rho - self.r).max(self.end(rho) - p[2])
        };
        let span = 1.0;
        let tried = (0..=200).map(|i| span * (f64::from(i) / 100.0 - 1.0));
        let deepest = tried.min_by(|a, b| out(*a).total_cmp(&out(*b)))?;
        if out(deepest) > 0.0 {
            return None;
        }
        let edge = |mut inside: f64, mut outside: f64| {
            if out(outside) <= 0.0 {
                return outside;
            }
            for _ in 0..40 {
                let middle = 0.5 * (inside + outside);
                if out(middle) <= 0.0 { inside = middle } else { outside = middle }
            }
            inside
        };
        Some((edge(deepest, -span), edge(deepest, span)))
    }
}

pub fn dot(a: V, b: V) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Takes a quarter of `hypot`'s time; nothing here is so long or short that squares overflow.
pub fn length(x: f64, y: f64) -> f64 {
    (x * x + y * y).sqrt()
}

/// Between the roots of `a t² + 2 b t + c`.
fn roots(a: f64, b: f64, c: f64) -> Stretch {
    let d = b * b - a * c;
    (d > 0.0).then(|| ((-b - d.sqrt()) / a, (-b + d.sqrt()) / a))
}

/// The line within an upright cylinder above height 0.
fn upright(q: V, n: V, r: f64) -> Stretch {
    let (a, b, c) = (n[0] * n[0] + n[1] * n[1], q[0] * n[0] + q[1] * n[1], q[0] * q[0] + q[1] * q[1] - r * r);
    let round = if a > 1e-12 {
        roots(a, b, c)?
    } else if c < 0.0 {
        (-1e3, 1e3)
    } else {
        return None;
    };
    let level = if n[2].abs() < 1e-12 {
        if q[2] < 0.0 {
            return None;
        }
        (-1e3, 1e3)
    } else if n[2] > 0.0 {
        (-q[2] / n[2], 1e3)
    } else {
        (-1e3, -q[2] / n[2])
    };
    let both = (round.0.max(level.0), round.1.min(level.1));
    (both.0 < both.1).then_some(both)
}
