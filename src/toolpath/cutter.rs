//! Cutter ends: how high a cutter must stand over a corner, an edge and a face so that it just touches.
//!
//! A cutter end is a body of revolution given by its radius `R` and corner radius `c`: `c = R` is a ball, `c = 0` is
//! flat, anything between is a bull nose. With a flank that rises from the tip on it is a pointed cone. Heights are
//! those of the tip, mm, tool axis along +z.

/// A corner of a triangle, mm.
pub type P3 = [f64; 3];

/// From place to place, mm.
pub(super) fn far_mm(a: &P3, b: &P3) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

/// The end of a cutter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cutter {
    /// Cutting radius, mm.
    pub radius_mm: f64,
    /// Corner radius, mm; equal to the radius for a ball, zero for flat.
    pub corner_mm: f64,
    /// Rise of a cone's flank over the distance from the axis, mm per mm; zero where there is no cone.
    pub flank: f64,
}

impl Cutter {
    /// Ball end.
    pub const fn ball(radius_mm: f64) -> Self {
        Self::bull(radius_mm, radius_mm)
    }

    /// Flat end.
    pub const fn flat(radius_mm: f64) -> Self {
        Self::bull(radius_mm, 0.0)
    }

    /// End with a corner radius.
    pub const fn bull(radius_mm: f64, corner_mm: f64) -> Self {
        Self { radius_mm, corner_mm, flank: 0.0 }
    }

    /// Pointed cone, as of a chamfer mill, with the angle `point_deg` between its flanks.
    pub fn cone(radius_mm: f64, point_deg: f64) -> Self {
        Self { radius_mm, corner_mm: 0.0, flank: 1.0 / (0.5 * point_deg).to_radians().tan() }
    }

    /// Height of the cutter's surface over its tip at the distance `rho_mm` from the axis; infinite beyond the radius.
    #[inline]
    pub fn rise_mm(&self, rho_mm: f64) -> f64 {
        let core = self.radius_mm - self.corner_mm;
        if rho_mm > self.radius_mm {
            f64::INFINITY
        } else if self.flank > 0.0 {
            self.flank * rho_mm
        } else if rho_mm <= core {
            0.0
        } else {
            let over = rho_mm - core;
            self.corner_mm - (self.corner_mm * self.corner_mm - over * over).max(0.0).sqrt()
        }
    }

    /// Tip height at which the cutter on the axis `(x, y)` touches the face of the triangle `v` with unit normal
    /// `n` (`n.z > 0`), if the contact lies within the triangle.
    #[inline]
    pub fn on_face(&self, v: &[P3; 3], n: &P3, x: f64, y: f64) -> Option<f64> {
        let c = self.corner_mm;
        let core = self.radius_mm - c;
        let across = (n[0] * n[0] + n[1] * n[1]).sqrt();
        // A level face is met by the whole flat; its middle stands for it, the edges for the rest. A face that is less
        // steep than a cone's flank is met by the tip, a steeper one by the circle above the flank.
        let by_tip = across <= self.flank * n[2];
        let flat = if across > 1e-12 && !by_tip { core / across } else { 0.0 };
        let (px, py) = (x - n[0] * (c + flat), y - n[1] * (c + flat));
        if !within(v, px, py) {
            return None;
        }
        let z = v[0][2] - (n[0] * (px - v[0][0]) + n[1] * (py - v[0][1])) / n[2];
        let flank = if flat > 0.0 { self.flank * self.radius_mm } else { 0.0 };
        Some(z - c * (1.0 - n[2]) - flank)
    }

    /// Tip height at which the cutter on the axis `(x, y)` touches the edge from `a` to `b`, its ends included.
    ///
    /// The tip height over the points of an edge is concave along it, so the one place where it is stationary,
    /// clamped to the edge, is the highest.
    #[inline]
    pub fn on_edge(&self, a: &P3, b: &P3, x: f64, y: f64) -> Option<f64> {
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let length = (dx * dx + dy * dy).sqrt();
        let radius = self.radius_mm;
        if length < 1e-12 {
            let top = if a[2] > b[2] { a } else { b };
            let rho = (top[0] - x).hypot(top[1] - y);
            return (rho <= radius).then(|| top[2] - self.rise_mm(rho));
        }
        let (ux, uy) = (dx / length, dy / length);
        let foot = (x - a[0]) * ux + (y - a[1]) * uy;
        let p = (x - a[0]) * uy - (y - a[1]) * ux;
        let half2 = radius * radius - p * p;
        if half2 < 0.0 {
            return None;
        }
        let half = half2.sqrt();
        let (lo, hi) = ((foot - half).max(0.0), (foot + half).min(length));
        if lo > hi {
            return None;
        }
        let m = (b[2] - a[2]) / length;
        let s = if self.corner_mm == radius {
            // Ball: d/ds of m·s + √(ρ² − (s − foot)²) vanishes at s − foot = ρ·m/√(1 + m²).
            (foot + half * m / (1.0 + m * m).sqrt()).clamp(lo, hi)
        } else if self.flank > m.abs() {
            // Cone: m·s − f·√(p² + (s − foot)²) is stationary where (s − foot)/ρ = m/f.
            (foot + p.abs() * m / (self.flank * self.flank - m * m).sqrt()).clamp(lo, hi)
        } else if self.corner_mm == 0.0 {
            // A flat, or an edge steeper than the flank: its higher end.
            if m > 0.0 { hi } else { lo }
        } else {
            self.highest_on(m, p, foot, lo, hi)
        };
        let along = s - foot;
        // Rounding may put a clamped end a hair beyond the radius.
        let rho = (p * p + along * along).sqrt().min(radius);
        Some(a[2] + m * s - self.rise_mm(rho))
    }

    /// Where `m·s − rise(√(p² + (s − foot)²))`, concave in `s`, is largest between `lo` and `hi`.
    ///
    /// The torus against a line is a quartic; halving on the sign of the slope is as exact and cannot lose a root.
    fn highest_on(&self, m: f64, p: f64, foot: f64, lo: f64, hi: f64) -> f64 {
        let core = self.radius_mm - self.corner_mm;
        let slope = |s: f64| {
            let along = s - foot;
            let rho = (p * p + along * along).sqrt();
            let over = rho - core;
            if over <= 0.0 {
                return m;
            }
            let root = (self.corner_mm * self.corner_mm - over * over).max(0.0).sqrt();
            // d rise/d rho = over/root, d rho/d s = along/rho; multiplied by root, which is not negative.
            m * root - over * along / rho
        };
        let (mut lo, mut hi) = (lo, hi);
        // 60 halvings: below the last bit of any length on a machine.
        for _ in 0..60 {
            let middle = 0.5 * (lo + hi);
            if slope(middle) > 0.0 {
                lo = middle;
            } else {
                hi = middle;
            }
        }
        0.5 * (lo + hi)
    }

    /// Tip height at which the cutter on the axis `(x, y)` touches the triangle `v` from above, if it meets it.
    pub fn on_triangle(&self, v: &[P3; 3], n: &P3, x: f64, y: f64) -> Option<f64> {
        if n[2] > 1e-9
            && let Some(z) = self.on_face(v, n, x, y)
        {
            // Concave over the triangle as over an edge: a stationary point inside is the highest. For a level
            // face under a flat, the middle is as high as any.
            return Some(z);
        }
        let mut best: Option<f64> = None;
        for k in 0..3 {
            if let Some(z) = self.on_edge(&v[k], &v[(k + 1) % 3], x, y)
                && best.is_none_or(|b| z > b)
            {
                best = Some(z);
            }
        }
        best
    }
}

#[inline]
fn within(v: &[P3; 3], x: f64, y: f64) -> bool {
    let side = |a: &P3, b: &P3| (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
    // The triangle faces up, so it runs counter-clockwise from above.
    side(&v[0], &v[1]) >= 0.0 && side(&v[1], &v[2]) >= 0.0 && side(&v[2], &v[0]) >= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::random::Random;

    /// Highest tip over a fine lattice of points of the triangle: never above the truth.
    fn by_force(cutter: &Cutter, v: &[P3; 3], x: f64, y: f64, steps: usize) -> Option<f64> {
        let mut best: Option<f64> = None;
        for i in 0..=steps {
            for j in 0..=steps - i {
                let (a, b) = (i as f64 / steps as f64, j as f64 / steps as f64);
                let q: P3 = std::array::from_fn(|k| v[0][k] * (1.0 - a - b) + v[1][k] * a + v[2][k] * b);
                let rho = (q[0] - x).hypot(q[1] - y);
                if rho <= cutter.radius_mm {
                    let z = q[2] - cutter.rise_mm(rho);
                    best = Some(best.map_or(z, |b: f64| b.max(z)));
                }
            }
        }
        best
    }

    fn upward(mut v: [P3; 3]) -> ([P3; 3], P3) {
        let n = |v: &[P3; 3]| {
            let e: P3 = std::array::from_fn(|k| v[1][k] - v[0][k]);
            let f: P3 = std::array::from_fn(|k| v[2][k] - v[0][k]);
            let c = [e[1] * f[2] - e[2] * f[1], e[2] * f[0] - e[0] * f[2], e[0] * f[1] - e[1] * f[0]];
            let l = (c[0] * c[0] + c[1] * c[1] + c[2] * c[2]).sqrt();
            [c[0] / l, c[1] / l, c[2] / l]
        };
        if n(&v)[2] < 0.0 {
            v.swap(1, 2);
        }
        (v, n(&v))
    }

    #[test]
    fn closed_forms_agree_with_brute_force_on_random_triangles() {
        let mut r = Random::new(6);
        let pointed = [Cutter::cone(2.0, 90.0), Cutter::cone(1.5, 30.0), Cutter::cone(2.0, 140.0)];
        for cutter in
            [Cutter::ball(1.5), Cutter::flat(2.0), Cutter::bull(2.0, 0.5)].into_iter().chain(pointed)
        {
            let mut met = 0;
            for _ in 0..400 {
                let (v, n) = upward(std::array::from_fn(|_| {
                    [r.within(-2.0, 2.0), r.within(-2.0, 2.0), r.within(-1.0, 1.0)]
                }));
                let (x, y) = (r.within(-2.0, 2.0), r.within(-2.0, 2.0));
                let got = cutter.on_triangle(&v, &n, x, y);
                let steps = 240;
                let Some(force) = by_force(&cutter, &v, x, y, steps) else { continue };
                let got = got.expect("the lattice met the triangle, so must the closed form");
                met += 1;
                // The lattice never beats the truth.
                assert!(got >= force - 1e-9, "{cutter:?} {v:?} at {x} {y}: {got} below {force}");
                // It comes close wherever the contact is not at the very rim of the cutter, where the profile is
                // vertical and a lattice step of 0.02 mm may cost √(2·1.5·0.02) = 0.24 mm.
                let near = by_force(&cutter, &v, x, y, steps / 2).unwrap();
                assert!(
                    got - force <= 0.02 + 4.0 * (force - near).abs().max(0.03),
                    "{cutter:?}: {got} {force}"
                );
            }
            assert!(met > 200, "{cutter:?} met only {met}");
        }
    }

    #[test]
    fn a_ball_and_a_bull_meet_in_the_limit() {
        let mut r = Random::new(7);
        let (ball, nearly) = (Cutter::ball(1.5), Cutter::bull(1.5, 1.5 - 1e-9));
        let (flat, sharp) = (Cutter::flat(1.5), Cutter::bull(1.5, 1e-9));
        for _ in 0..300 {
            let (v, n) = upward(std::array::from_fn(|_| {
                [r.within(-1.0, 1.0), r.within(-1.0, 1.0), r.within(-1.0, 1.0)]
            }));
            let (x, y) = (r.within(-0.8, 0.8), r.within(-0.8, 0.8));
            for (a, b) in [(&ball, &nearly), (&flat, &sharp)] {
                if let (Some(a), Some(b)) = (a.on_triangle(&v, &n, x, y), b.on_triangle(&v, &n, x, y)) {
                    // 1e-6: near the rim of the profile 1e-9 of corner costs its square root.
                    assert!((a - b).abs() < 1e-4, "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn a_ball_rests_on_a_tilted_plane_by_its_normal() {
        // Plane z = x·tan 30° under a ball of 3 mm: the centre lies r/cos 30° above the plane.
        let t = (30f64).to_radians().tan();
        let (v, n) = upward([[-50.0, -50.0, -50.0 * t], [50.0, -50.0, 50.0 * t], [0.0, 80.0, 0.0]]);
        let z = Cutter::ball(3.0).on_triangle(&v, &n, 0.0, 0.0).unwrap();
        assert!((z - (3.0 / (30f64).to_radians().cos() - 3.0)).abs() < 1e-12);
        let z = Cutter::flat(3.0).on_triangle(&v, &n, 0.0, 0.0).unwrap();
        assert!((z - 3.0 * t).abs() < 1e-12);
    }

    #[test]
    fn a_cone_rests_on_its_tip_its_flank_or_its_circle() {
        let cone = Cutter::cone(3.0, 90.0);
        // A plane of 30 degrees is less steep than the flank, one of 60 steeper.
        for (deg, z) in [(30f64, 0.0), (60.0, 3.0 * 60f64.to_radians().tan() - 3.0)] {
            let t = deg.to_radians().tan();
            let (v, n) = upward([[-50.0, -50.0, -50.0 * t], [50.0, -50.0, 50.0 * t], [0.0, 80.0, 0.0]]);
            assert!((cone.on_triangle(&v, &n, 0.0, 0.0).unwrap() - z).abs() < 1e-12, "{deg}");
        }
        // A corner one millimetre from the axis, and an edge that passes it at two and rises by a half per millimetre:
        // the flank meets it where (s − foot)/ρ = 1/2.
        let (v, n) = upward([[1.0, 0.0, 0.0], [3.5, 9.0, -9.0], [3.5, -9.0, -9.0]]);
        assert!((cone.on_triangle(&v, &n, 0.0, 0.0).unwrap() + 1.0).abs() < 1e-12);
        let rho = 2.0 / (1.0f64 - 0.25).sqrt();
        let z = cone.on_edge(&[2.0, -9.0, -4.5], &[2.0, 9.0, 4.5], 0.0, 0.0).unwrap();
        assert!((z - (0.25 * rho - rho)).abs() < 1e-12);
    }
}
