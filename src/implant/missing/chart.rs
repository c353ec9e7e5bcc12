//! A plane of directions: the azimuthal equidistant chart that every map of radii here lives on.

use nalgebra::Vector3;

use crate::model::{Dir, Patch, Patient, Point};

/// The chart of [`Patch`], without its values. Row `b` is stored after row `b − 1`.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) centre: Vector3<f64>,
    pub(super) axis: Vector3<f64>,
    pub(super) u: Vector3<f64>,
    pub(super) v: Vector3<f64>,
    pub(super) n: usize,
    pub(super) step_rad: f64,
}

impl Chart {
    /// Chart about `axis` that reaches `half_angle_rad` from it; `u` is the projection of patient x, or of
    /// patient y where x is nearly along the axis.
    pub(super) fn new(centre: Vector3<f64>, axis: Vector3<f64>, half_angle_rad: f64, step_rad: f64) -> Self {
        let axis = axis.normalize();
        let x = Vector3::x() - axis * axis.x;
        let across = if x.norm() >= 0.5 { x } else { Vector3::y() - axis * axis.y };
        let u = across.normalize();
        let n = 2 * (half_angle_rad / step_rad).ceil() as usize + 1;
        Self { centre, axis, u, v: axis.cross(&u), n, step_rad }
    }

    pub(super) fn len(&self) -> usize {
        self.n * self.n
    }

    /// Offsets of cell `(a, b)` from the middle, rad.
    pub(super) fn offset_rad(&self, a: f64, b: f64) -> (f64, f64) {
        let middle = (self.n as f64 - 1.0) / 2.0;
        ((a - middle) * self.step_rad, (b - middle) * self.step_rad)
    }

    /// Direction in which cell `(a, b)` looks.
    pub(super) fn direction(&self, a: f64, b: f64) -> Vector3<f64> {
        let (x, y) = self.offset_rad(a, b);
        let angle = x.hypot(y);
        if angle == 0.0 {
            return self.axis;
        }
        self.axis * angle.cos() + (self.u * x + self.v * y) * (angle.sin() / angle)
    }

    /// Direction of the cell stored at `at`.
    pub(super) fn direction_at(&self, at: usize) -> Vector3<f64> {
        self.direction((at % self.n) as f64, (at / self.n) as f64)
    }

    /// Angle between the chart's axis and the cell stored at `at`, rad.
    pub(super) fn angle_at(&self, at: usize) -> f64 {
        let (x, y) = self.offset_rad((at % self.n) as f64, (at / self.n) as f64);
        x.hypot(y)
    }

    /// Continuous cell that looks along the unit vector `d`.
    pub(super) fn cell(&self, d: Vector3<f64>) -> [f64; 2] {
        let (w, x, y) = (d.dot(&self.axis), d.dot(&self.u), d.dot(&self.v));
        let across = x.hypot(y);
        let scale = if across > 0.0 { across.atan2(w) / across / self.step_rad } else { 0.0 };
        let middle = (self.n as f64 - 1.0) / 2.0;
        [x * scale + middle, y * scale + middle]
    }

    /// The stored cell nearest to a continuous one.
    pub(super) fn nearest(&self, [a, b]: [f64; 2]) -> Option<usize> {
        let (a, b) = (a.round(), b.round());
        let top = self.n as f64 - 1.0;
        (a >= 0.0 && b >= 0.0 && a <= top && b <= top).then(|| b as usize * self.n + a as usize)
    }

    /// Bilinear value at a continuous cell; `None` outside or beside a cell that holds NaN.
    pub(super) fn bilinear(&self, values: &[f64], [a, b]: [f64; 2]) -> Option<f64> {
        let top = self.n as f64 - 1.0;
        if !(a >= 0.0 && b >= 0.0 && a <= top && b <= top) {
            return None;
        }
        let (i, j) = ((a as usize).min(self.n - 2), (b as usize).min(self.n - 2));
        let (s, t) = (a - i as f64, b - j as f64);
        let at = j * self.n + i;
        let value = (1.0 - t) * ((1.0 - s) * values[at] + s * values[at + 1])
            + t * ((1.0 - s) * values[at + self.n] + s * values[at + self.n + 1]);
        value.is_finite().then_some(value)
    }

    /// Solid angle of the cell stored at `at`, sr.
    pub(super) fn solid_angle(&self, at: usize) -> f64 {
        let angle = self.angle_at(at);
        let squeeze = if angle > 1e-9 { (angle.sin() / angle).max(0.0) } else { 1.0 };
        self.step_rad * self.step_rad * squeeze
    }

    /// Area of the surface of radii `radius_mm` over the cell stored at `at`, mm².
    pub(super) fn area_mm2(&self, radius_mm: &[f64], at: usize) -> f64 {
        let r = radius_mm[at];
        let (a, b) = (at % self.n, at / self.n);
        // Slope of the radius, over the angle, in the chart's two directions.
        let slope = |low: usize, high: usize, cells: f64| {
            let rise = radius_mm[high] - radius_mm[low];
            if rise.is_finite() && cells > 0.0 { rise / (cells * self.step_rad) } else { 0.0 }
        };
        let (a0, a1) = (a.saturating_sub(1), (a + 1).min(self.n - 1));
        let (b0, b1) = (b.saturating_sub(1), (b + 1).min(self.n - 1));
        let sa = slope(b * self.n + a0, b * self.n + a1, (a1 - a0) as f64);
        let sb = slope(b0 * self.n + a, b1 * self.n + a, (b1 - b0) as f64);
        self.solid_angle(at) * r * (r * r + sa * sa + sb * sb).sqrt()
    }

    /// Stored cells next to `at`, in the order left, right, before, after.
    pub(super) fn neighbours(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        let (n, a, b) = (self.n, at % self.n, at / self.n);
        [
            (a > 0).then(|| at - 1),
            (a + 1 < n).then(|| at + 1),
            (b > 0).then(|| at - n),
            (b + 1 < n).then(|| at + n),
        ]
        .into_iter()
        .flatten()
    }

    /// Distance, in cells, from every cell to the nearest one of `set`; infinite where there is none.
    pub(super) fn distance_cells(&self, set: &[bool]) -> Vec<f32> {
        crate::geometry::distance::distance_to([self.n, self.n, 1], [1.0; 3], |at| set[at])
    }

    /// As the noun that leaves the room.
    pub(super) fn patch(&self) -> Patch {
        let dir = |v: Vector3<f64>| Dir::<Patient>::new([v.x, v.y, v.z]);
        Patch {
            centre: Point::from_v(self.centre),
            axis: dir(self.axis),
            u: dir(self.u),
            v: dir(self.v),
            n: self.n,
            step_rad: self.step_rad,
            outer_mm: Vec::new(),
            inner_mm: Vec::new(),
            sigma_mm: Vec::new(),
            cells: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_and_direction_are_inverse_and_agree_with_the_patch() {
        let c = Chart::new(Vector3::new(3.0, -4.0, 5.0), Vector3::new(-0.7, -0.5, 0.4), 0.8, 0.01);
        for (a, b) in [(0.0, 0.0), (10.0, 151.5), (80.0, 80.0), (160.0, 3.25)] {
            let d = c.direction(a, b);
            let back = c.cell(d);
            assert!((back[0] - a).abs() < 1e-9 && (back[1] - b).abs() < 1e-9, "{back:?}");
            let same = c.patch().direction(a, b).v();
            assert!((same - d).norm() < 1e-12);
        }
    }

    #[test]
    fn a_cap_of_a_sphere_has_its_area() {
        let c = Chart::new(Vector3::zeros(), Vector3::z(), 1.0, 0.01);
        let radii = vec![80.0; c.len()];
        let area: f64 =
            (0..c.len()).filter(|&at| c.angle_at(at) <= 0.5).map(|at| c.area_mm2(&radii, at)).sum();
        let expected = std::f64::consts::TAU * 80.0 * 80.0 * (1.0 - 0.5f64.cos());
        // 0.5 %: the cap's edge runs through cells.
        assert!((area / expected - 1.0).abs() < 0.005, "{area} {expected}");
    }
}
