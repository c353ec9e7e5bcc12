//! How far a place is from a cutter, and from a cutter that moves along a straight line.
//!
//! Frame: the tool's. `rho` is the distance from the tool's axis, `h` the height above the tip, mm.
//! Every form here is convex, and the signed distance to a convex body is a convex function; so along a straight
//! move the distance has one minimum, found in closed form for the ball and on level moves, and by golden section
//! to 1e-9 of the move's length otherwise.

use crate::model::{Tool, ToolKind};

use nalgebra::Vector3;

/// A cutter with what turns above it.
#[derive(Clone, Debug)]
pub struct Cutter {
    radius_mm: f64,
    corner_mm: f64,
    /// Sine and cosine of half the point's angle; drills and chamfer mills.
    half_angle: Option<(f64, f64)>,
    flute_mm: f64,
    shank_radius_mm: f64,
    stick_out_mm: f64,
    holder_radius_mm: f64,
    holder_top_mm: f64,
}

impl Cutter {
    /// Form of a tool as set.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub fn new(tool: &Tool) -> Result<Self, String> {
        let lengths = [
            ("diameter_mm", tool.diameter_mm),
            ("flute_length_mm", tool.flute_length_mm),
            ("shank_diameter_mm", tool.shank_diameter_mm),
            ("stick_out_mm", tool.stick_out_mm),
            ("holder_diameter_mm", tool.holder_diameter_mm),
            ("holder_length_mm", tool.holder_length_mm),
        ];
        for (name, mm) in lengths {
            if !(mm.is_finite() && mm > 0.0) {
                return Err(format!("{name} is {mm}, expected a positive length"));
            }
        }
        let radius_mm = tool.radius_mm();
        let (corner_mm, half_angle) = match tool.kind {
            ToolKind::Ball => (radius_mm, None),
            ToolKind::Flat => (0.0, None),
            ToolKind::Bull => (tool.corner_radius_mm, None),
            ToolKind::Probe => return Err("it is a touch probe, which cuts nothing".into()),
            ToolKind::Drill | ToolKind::Chamfer => {
                let full = tool.point_angle_deg;
                if !(full.is_finite() && full > 1.0 && full < 180.0) {
                    return Err(format!("point_angle_deg is {full}, expected between 1 and 180"));
                }
                (0.0, Some((full.to_radians() / 2.0).sin_cos()))
            }
        };
        if !(corner_mm.is_finite() && (0.0..=radius_mm).contains(&corner_mm)) {
            return Err(format!("corner_radius_mm is {corner_mm}, expected 0 to {radius_mm}"));
        }
        Ok(Self {
            radius_mm,
            corner_mm,
            half_angle,
            flute_mm: tool.flute_length_mm,
            shank_radius_mm: tool.shank_diameter_mm / 2.0,
            stick_out_mm: tool.stick_out_mm,
            holder_radius_mm: tool.holder_diameter_mm / 2.0,
            holder_top_mm: tool.stick_out_mm + tool.holder_length_mm,
        })
    }

    /// Least radius of curvature of the cutting end, mm; 0 for sharp corners and points.
    pub fn corner_mm(&self) -> f64 {
        self.corner_mm
    }

    /// Signed distance to the cutting form, taken as endless upwards.
    pub fn endless(&self, rho: f64, h: f64) -> f64 {
        if let Some((sin, cos)) = self.half_angle {
            let shoulder = self.radius_mm * cos / sin;
            let (slope, side) = (rho * cos - h * sin, rho - self.radius_mm);
            if slope <= 0.0 && side <= 0.0 {
                return slope.max(side);
            }
            let along = rho * sin + h * cos;
            return if along < 0.0 {
                root(rho, h)
            } else if h >= shoulder {
                side
            } else if along > self.radius_mm / sin {
                root(side, h - shoulder)
            } else {
                slope
            };
        }
        let (x, y) = (rho - (self.radius_mm - self.corner_mm), self.corner_mm - h);
        root(x.max(0.0), y.max(0.0)) + x.max(y).min(0.0) - self.corner_mm
    }

    /// Signed distance to the fluted part.
    pub fn cutting(&self, rho: f64, h: f64) -> f64 {
        if h > self.flute_mm {
            root((rho - self.radius_mm).max(0.0), h - self.flute_mm)
        } else {
            self.endless(rho, h).max(h - self.flute_mm)
        }
    }

    /// Lower bound of the signed distance to shank and holder, which may touch nothing, when the height may be
    /// anything up to `h`.
    pub fn body_bound(&self, rho: f64, h: f64) -> f64 {
        let shank = (rho - self.shank_radius_mm).max(self.flute_mm - h);
        let holder = (rho - self.holder_radius_mm).max(self.stick_out_mm - h);
        shank.min(holder)
    }

    /// True where a ball surely lies farther off than `than_mm`, told without a root: half of the places asked for need no
    /// more. `rho2` is the square of the distance from the axis; where shank or holder may matter, false.
    pub fn ball_beyond(&self, rho2: f64, h: f64, than_mm: f64) -> bool {
        // 1e-12: far above rounding here, so that what is left out was beyond by every way of reckoning.
        const SURELY: f64 = 1.0 + 1e-12;
        let (below, reach) = ((self.radius_mm - h).max(0.0), than_mm + self.radius_mm);
        self.corner_mm == self.radius_mm
            && h <= self.flute_mm
            && h <= self.stick_out_mm
            && reach >= 0.0
            && rho2 + below * below > reach * reach * SURELY
    }

    /// Least signed distance from `p` to the cutting form while the tip goes from `a` to `b`, and where on the
    /// way (0 to 1). All in the tool's frame, +z up the tool.
    pub fn swept_cutting(&self, p: &Vector3<f64>, a: &Vector3<f64>, b: &Vector3<f64>) -> (f64, f64) {
        let way = Way::new(p, a, b);
        if self.corner_mm == self.radius_mm {
            // Below the ball's middle the distance is to the middle's way; a stationary place there is the least,
            // since the distance is convex along the move.
            let s = way.nearest_to_height(self.radius_mm).clamp(0.0, 1.0);
            let (rho, h) = way.rho_h(s);
            if h < self.radius_mm {
                return (self.cutting(rho, h), s);
            }
        }
        let at = |s: f64| {
            let (rho, h) = way.rho_h(s);
            self.cutting(rho, h)
        };
        let level = way.level();
        let mut best = (at(level), level);
        let mut offer = |s: f64| {
            let s = s.clamp(0.0, 1.0);
            let d = at(s);
            if d < best.0 || (d == best.0 && s < best.1) {
                best = (d, s);
            }
        };
        if way.d.z == 0.0 {
            return best;
        }
        if self.corner_mm == self.radius_mm {
            // A ball: stationary where the centre is nearest (below it) or the axis is (above it), or where one
            // form gives way to the other.
            offer(way.nearest_to_height(self.radius_mm));
            offer(way.where_height(self.radius_mm));
            offer(way.where_height(self.flute_mm));
            offer(0.0);
            offer(1.0);
        } else {
            offer(golden(at));
            offer(0.0);
            offer(1.0);
        }
        best
    }

    /// Least signed distance from `p` to shank and holder along the move.
    pub fn swept_body(&self, p: &Vector3<f64>, a: &Vector3<f64>, b: &Vector3<f64>) -> f64 {
        let way = Way::new(p, a, b);
        let along = |r: f64, lo: f64, hi: f64| {
            let at = |s: f64| {
                let (rho, h) = way.rho_h(s);
                cylinder(rho, h, r, lo, hi)
            };
            at(golden(at)).min(at(0.0)).min(at(1.0)).min(at(way.level()))
        };
        along(self.shank_radius_mm, self.flute_mm, self.stick_out_mm).min(along(
            self.holder_radius_mm,
            self.stick_out_mm,
            self.holder_top_mm,
        ))
    }

    /// Gradient of the distance to the cutting form at `p` while the tip stands at `tip`: out of the tool.
    pub fn gradient(&self, p: &Vector3<f64>, tip: &Vector3<f64>) -> Vector3<f64> {
        // 1e-6 mm: far above rounding, far below any radius here.
        const STEP_MM: f64 = 1e-6;
        let q = p - tip;
        let rho = root(q.x, q.y);
        let d = self.cutting(rho, q.z);
        let by_rho = (self.cutting(rho + STEP_MM, q.z) - d) / STEP_MM;
        let by_h = (self.cutting(rho, q.z + STEP_MM) - d) / STEP_MM;
        let radial = if rho > 0.0 { Vector3::new(q.x / rho, q.y / rho, 0.0) } else { Vector3::zeros() };
        radial * by_rho + Vector3::z() * by_h
    }
}

fn cylinder(rho: f64, h: f64, radius: f64, lo: f64, hi: f64) -> f64 {
    let (x, y) = (rho - radius, (lo - h).max(h - hi));
    root(x.max(0.0), y.max(0.0)) + x.max(y).min(0.0)
}

/// A place seen from a tip that moves: `q + d·s` with `s` from 0 to 1, where `q = p − a`, `d = a − b`.
struct Way {
    q: Vector3<f64>,
    d: Vector3<f64>,
}

impl Way {
    fn new(p: &Vector3<f64>, a: &Vector3<f64>, b: &Vector3<f64>) -> Self {
        Self { q: p - a, d: a - b }
    }

    fn rho_h(&self, s: f64) -> (f64, f64) {
        (root(self.q.x + self.d.x * s, self.q.y + self.d.y * s), self.q.z + self.d.z * s)
    }

    /// Where the axis passes nearest.
    fn level(&self) -> f64 {
        let l2 = self.d.x * self.d.x + self.d.y * self.d.y;
        if l2 > 0.0 { (-(self.q.x * self.d.x + self.q.y * self.d.y) / l2).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Where the place on the axis at this height passes nearest.
    fn nearest_to_height(&self, height: f64) -> f64 {
        let q = self.q - Vector3::z() * height;
        let l2 = self.d.norm_squared();
        if l2 > 0.0 { -q.dot(&self.d) / l2 } else { 0.0 }
    }

    /// Where the place has this height above the tip; the move is not level.
    fn where_height(&self, height: f64) -> f64 {
        (height - self.q.z) / self.d.z
    }
}

/// Place of the least value of a convex function on [0, 1].
fn golden(f: impl Fn(f64) -> f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let (mut lo, mut hi) = (0.0, 1.0);
    let (mut x, mut y) = (hi - RATIO * (hi - lo), lo + RATIO * (hi - lo));
    let (mut fx, mut fy) = (f(x), f(y));
    // 44 steps: 0.618^44 is 6e-10 of the move.
    for _ in 0..44 {
        if fx <= fy {
            (hi, y, fy) = (y, x, fx);
            x = hi - RATIO * (hi - lo);
            fx = f(x);
        } else {
            (lo, x, fx) = (x, y, fy);
            y = lo + RATIO * (hi - lo);
            fy = f(y);
        }
    }
    if fx <= fy { x } else { y }
}

/// √(x² + y²). Lengths here are of mm to m, so nothing over- or underflows, and `hypot` takes four times as long.
pub(super) fn root(x: f64, y: f64) -> f64 {
    (x * x + y * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::random::Random;

    pub fn tool(kind: ToolKind, diameter_mm: f64, corner_radius_mm: f64, point_angle_deg: f64) -> Tool {
        Tool {
            number: 1,
            kind,
            diameter_mm,
            corner_radius_mm,
            point_angle_deg,
            flute_length_mm: 3.0 * diameter_mm,
            flutes: 2,
            shank_diameter_mm: diameter_mm,
            stick_out_mm: 8.0 * diameter_mm,
            holder_diameter_mm: 40.0,
            holder_length_mm: 60.0,
        }
    }

    fn kinds() -> Vec<Cutter> {
        [
            tool(ToolKind::Ball, 6.0, 3.0, 0.0),
            tool(ToolKind::Flat, 6.0, 0.0, 0.0),
            tool(ToolKind::Bull, 6.0, 1.0, 0.0),
            tool(ToolKind::Drill, 2.0, 0.0, 118.0),
            tool(ToolKind::Chamfer, 6.0, 0.0, 90.0),
        ]
        .iter()
        .map(|t| Cutter::new(t).unwrap())
        .collect()
    }

    #[test]
    fn a_swept_cutter_is_the_least_of_its_positions() {
        let mut r = Random::new(7);
        for cutter in kinds() {
            for _ in 0..400 {
                let mut place = |reach: f64| Vector3::from_fn(|_, _| r.within(-reach, reach));
                let (p, a, mut b) = (place(6.0), place(3.0), place(3.0));
                if a.x > 1.0 {
                    b.z = a.z; // level moves take the closed form
                }
                let brute = (0..=2000)
                    .map(|i| {
                        let q = p - (a + (b - a) * (f64::from(i) / 2000.0));
                        cutter.cutting(q.x.hypot(q.y), q.z)
                    })
                    .fold(f64::INFINITY, f64::min);
                let (got, s) = cutter.swept_cutting(&p, &a, &b);
                // The brute force steps by up to 5 µm, so it may only lie above, by no more than half that.
                assert!(got <= brute + 1e-9 && got >= brute - 2.7e-3, "{cutter:?} {got} {brute}");
                let q = p - (a + (b - a) * s);
                assert!((cutter.cutting(q.x.hypot(q.y), q.z) - got).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn distances_to_a_cutter_are_true_distances() {
        // The profile's border, sampled finely, against the formula.
        for cutter in kinds() {
            let border: Vec<(f64, f64)> = (0..=4000)
                .flat_map(|i| (0..=1).map(move |side| (i, side)))
                .map(|(i, side)| {
                    let t = f64::from(i) / 4000.0;
                    if side == 0 { (t * cutter.radius_mm, f64::NAN) } else { (f64::NAN, t * cutter.flute_mm) }
                })
                .filter_map(|(rho, h)| {
                    // Bisect the border on vertical and horizontal lines; both start inside the cutter.
                    let inside = |x: f64, y: f64| cutter.cutting(x, y) <= 0.0;
                    let middle = cutter.flute_mm * 0.8;
                    let (mut lo, mut hi) = if h.is_nan() { (middle, -1.0) } else { (0.0, 50.0) };
                    let at = |v: f64| if h.is_nan() { (rho, v) } else { (v, h) };
                    if !inside(at(lo).0, at(lo).1) {
                        return None;
                    }
                    for _ in 0..60 {
                        let m = 0.5 * (lo + hi);
                        if inside(at(m).0, at(m).1) { lo = m } else { hi = m }
                    }
                    Some(at(lo))
                })
                .collect();
            let mut r = Random::new(11);
            for _ in 0..300 {
                let (rho, h) = (r.within(0.0, 6.0), r.within(-3.0, cutter.flute_mm * 0.9));
                let brute = border.iter().map(|b| (b.0 - rho).hypot(b.1 - h)).fold(f64::INFINITY, f64::min);
                let top = cutter.flute_mm - h;
                let expected = brute.min(if rho < cutter.radius_mm { top } else { f64::INFINITY });
                // 4 µm: the border's samples lie up to 4.5 µm apart along the side.
                assert!((cutter.cutting(rho, h).abs() - expected).abs() < 4e-3, "{cutter:?} {rho} {h}");
            }
        }
    }

    #[test]
    fn a_place_in_the_shank_is_inside_and_beside_it_is_not() {
        let cutter = Cutter::new(&tool(ToolKind::Ball, 6.0, 3.0, 0.0)).unwrap();
        let (a, b) = (Vector3::zeros(), Vector3::new(10.0, 0.0, 0.0));
        assert!((cutter.swept_body(&Vector3::new(5.0, 2.0, 30.0), &a, &b) + 1.0).abs() < 1e-9);
        assert!((cutter.swept_body(&Vector3::new(5.0, 4.0, 30.0), &a, &b) - 1.0).abs() < 1e-9);
        assert!(cutter.swept_body(&Vector3::new(5.0, 15.0, 60.0), &a, &b) < -4.9, "in the holder");
    }

    #[test]
    fn a_drill_without_an_angle_is_refused() {
        assert!(Cutter::new(&tool(ToolKind::Drill, 2.0, 0.0, 0.0)).unwrap_err().contains("point_angle_deg"));
        assert!(
            Cutter::new(&tool(ToolKind::Bull, 2.0, f64::NAN, 0.0)).unwrap_err().contains("corner_radius")
        );
    }
}
