//! The completed skull as two smooth sheets over directions.
//!
//! Cubic B-splines with the radii themselves as coefficients: twice continuously differentiable, and off the radii by
//! a sixth of their second difference, which for a vault on a 1 mm chart is below 3 µm.

use crate::model::{Cell, Patch, Patient, Point};

use super::ImplantError;

/// The sheets of one patch.
pub(super) struct Sheets<'a> {
    patch: &'a Patch,
    outer_mm: Vec<f64>,
    inner_mm: Vec<f64>,
}

/// What the sheets say of one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShellAt {
    /// Continuous cell of the chart.
    pub cell: [f64; 2],
    /// Distance to the completed outer table, mm, positive outside the skull; first order.
    pub outer_mm: f64,
    /// Distance to the predicted inner table, mm, positive inside the skull; first order.
    pub inner_mm: f64,
}

impl<'a> Sheets<'a> {
    pub fn new(patch: &'a Patch, defect: usize) -> Result<Self, ImplantError> {
        let n = patch.n * patch.n;
        for (what, found) in [
            ("outer_mm", patch.outer_mm.len()),
            ("inner_mm", patch.inner_mm.len()),
            ("cells", patch.cells.len()),
        ] {
            if found != n || n < 16 {
                return Err(ImplantError::Chart { defect, what, found, expected: n.max(16) });
            }
        }
        for (c, class) in patch.cells.iter().enumerate() {
            let (outer_mm, inner_mm) = (patch.outer_mm[c], patch.inner_mm[c]);
            let predicted = matches!(class, Cell::Missing | Cell::Sunken);
            if predicted && !(inner_mm > 0.0 && outer_mm > inner_mm && outer_mm.is_finite()) {
                return Err(ImplantError::Radii { defect, cell: c, outer_mm, inner_mm });
            }
        }
        if !patch.cells.contains(&Cell::Missing) {
            return Err(ImplantError::NothingMissing { defect });
        }
        Ok(Self { patch, outer_mm: filled(patch, &patch.outer_mm), inner_mm: filled(patch, &patch.inner_mm) })
    }

    /// Lowers the outer sheet by so much in each cell, mm.
    pub fn lower(&mut self, by_mm: &[f64]) {
        self.outer_mm.iter_mut().zip(by_mm).for_each(|(r, by)| *r -= by);
    }

    pub fn patch(&self) -> &Patch {
        self.patch
    }

    /// `None` opposite to the chart.
    pub fn at(&self, p: Point<Patient>) -> Option<ShellAt> {
        let (cell, r_mm) = self.patch.cell_and_radius(p)?;
        let side = |values: &[f64]| {
            let (value, da, db) = spline(values, self.patch.n, cell);
            let middle = (self.patch.n as f64 - 1.0) / 2.0;
            let (x, y) = (cell[0] - middle, cell[1] - middle);
            let across = x.hypot(y);
            // Along the chart's radius angles are true; across it they are stretched by angle / sin(angle).
            let (along, around) = if across > 1e-9 {
                let angle = across * self.patch.step_rad;
                ((da * x + db * y) / across, (db * x - da * y) / across * angle / angle.sin().max(0.05))
            } else {
                (da, db)
            };
            let slope = along.hypot(around) / self.patch.step_rad / r_mm;
            (r_mm - value) / (1.0 + slope * slope).sqrt()
        };
        Some(ShellAt { cell, outer_mm: side(&self.outer_mm), inner_mm: -side(&self.inner_mm) })
    }

    /// Radii of the two sheets in a continuous cell, mm: outer, inner.
    pub fn radii_mm(&self, cell: [f64; 2]) -> (f64, f64) {
        let n = self.patch.n;
        (spline(&self.outer_mm, n, cell).0, spline(&self.inner_mm, n, cell).0)
    }

    /// Place on the outer sheet in a continuous cell.
    pub fn outer_place(&self, cell: [f64; 2]) -> Point<Patient> {
        let d = self.patch.direction(cell[0], cell[1]);
        Point::from_v(self.patch.centre.v() + d.v() * self.radii_mm(cell).0)
    }

    /// Class of the nearest cell; `Unknown` off the chart.
    pub fn class(&self, cell: [f64; 2]) -> Cell {
        let n = self.patch.n as f64;
        let (a, b) = (cell[0].round(), cell[1].round());
        if a < 0.0 || b < 0.0 || a >= n || b >= n {
            return Cell::Unknown;
        }
        self.patch.cells[b as usize * self.patch.n + a as usize]
    }
}

/// Value and derivatives by cell of the cubic B-spline; the border's values go on outside.
fn spline(values: &[f64], n: usize, [a, b]: [f64; 2]) -> (f64, f64, f64) {
    let weights = |x: f64| {
        let x = x.clamp(0.0, n as f64 - 1.0);
        let base = x.floor();
        let t = x - base;
        let u = 1.0 - t;
        let value = [
            u * u * u / 6.0,
            (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
            (3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0,
            t * t * t / 6.0,
        ];
        let slope = [-u * u / 2.0, (3.0 * t * t - 4.0 * t) / 2.0, (4.0 * u - 3.0 * u * u) / 2.0, t * t / 2.0];
        let at: [usize; 4] =
            std::array::from_fn(|k| (base as i64 + k as i64 - 1).clamp(0, n as i64 - 1) as usize);
        (value, slope, at)
    };
    let ((va, sa, ia), (vb, sb, ib)) = (weights(a), weights(b));
    let (mut value, mut da, mut db) = (0.0, 0.0, 0.0);
    for l in 0..4 {
        let row = &values[ib[l] * n..(ib[l] + 1) * n];
        let (mut v, mut s) = (0.0, 0.0);
        for k in 0..4 {
            v += va[k] * row[ia[k]];
            s += sa[k] * row[ia[k]];
        }
        value += vb[l] * v;
        da += vb[l] * s;
        db += sb[l] * v;
    }
    (value, da, db)
}

/// The radii with what means nothing replaced by its neighbours' mean, outwards from what is known, so that the
/// spline is not pulled about at the border of the known.
fn filled(patch: &Patch, radii_mm: &[f64]) -> Vec<f64> {
    let n = patch.n;
    let mut out = radii_mm.to_vec();
    let mut known: Vec<bool> =
        (0..n * n).map(|c| patch.cells[c] != Cell::Unknown && out[c].is_finite() && out[c] > 0.0).collect();
    loop {
        let mut grown: Vec<(usize, f64)> = Vec::new();
        for c in (0..n * n).filter(|&c| !known[c]) {
            let (i, j) = (c % n, c / n);
            let (mut sum, mut count) = (0.0, 0.0);
            for (k, l) in [(i.wrapping_sub(1), j), (i + 1, j), (i, j.wrapping_sub(1)), (i, j + 1)] {
                if k < n && l < n && known[l * n + k] {
                    sum += out[l * n + k];
                    count += 1.0;
                }
            }
            if count > 0.0 {
                grown.push((c, sum / count));
            }
        }
        if grown.is_empty() {
            return out;
        }
        for (c, v) in grown {
            out[c] = v;
            known[c] = true;
        }
    }
}
